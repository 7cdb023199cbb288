"""GeoTIFFs onto the run grid: exact where they fit, resampled or refused where not (FAULTS 1-12, 14, 16)."""

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from geo_risk.core.errors import (
    CorruptFileError,
    CrsError,
    DataError,
    GridError,
    LimitError,
    OverlapError,
    RefusedFileError,
    UnitError,
)
from geo_risk.core.grid import Grid, grid_of
from geo_risk.sources.geotiff import audit_raster, read_header
from geo_risk.sources.options import ReadLimits, ReadOptions
from geo_risk.sources.raster import load_raster, raster_grid

X0, Y0, CELL = 500_000.0, 4_100_000.0, 30.0


def write(path, values, *, crs="EPSG:4546", transform=None, nodata=None, units="m", **profile):
    values = np.asarray(values)
    transform = transform or Affine(CELL, 0, X0, 0, -CELL, Y0)
    n_y, n_x = values.shape
    facts = {"driver": "GTiff", "height": n_y, "width": n_x, "count": 1, "dtype": values.dtype, "crs": crs,
             "transform": transform, "nodata": nodata, "tiled": True, "blockxsize": 32, "blockysize": 32}  # fmt: skip
    with rasterio.open(path, "w", **{**facts, **profile}) as target:
        target.write(values, 1)
        if units:
            target.units = (units,)
    return path


def grid(n_y=60, n_x=70, cell=CELL, crs="EPSG:4546", x0=X0, y0=Y0):
    return Grid(GeoBox((n_y, n_x), Affine(cell, 0, x0, 0, -cell, y0), crs))


@pytest.fixture
def heights():
    return np.random.default_rng(3).normal(1000, 50, (60, 70)).astype("float32")


def load(path, on=None, **options):
    return load_raster(path, on or grid(), units="m", where="inputs.dem", **options)


def test_a_file_on_the_grid_is_copied_bit_for_bit(tmp_path, heights):
    layer = load(write(tmp_path / "a.tif", heights))
    assert layer.chunks is not None
    assert layer.dtype == np.float32
    assert layer.attrs["units"] == "m"
    assert grid_of(layer) == grid()
    np.testing.assert_array_equal(layer.to_numpy(), heights)


def test_a_larger_or_smaller_file_is_cut_or_padded_with_missing(tmp_path, heights):
    path = write(tmp_path / "a.tif", heights)
    inner = load(path, grid(20, 30, x0=X0 + 10 * CELL, y0=Y0 - 5 * CELL)).to_numpy()
    np.testing.assert_array_equal(inner, heights[5:25, 10:40])
    outer = load(path, grid(70, 80, x0=X0 - 5 * CELL, y0=Y0 + 5 * CELL)).to_numpy()
    np.testing.assert_array_equal(outer[5:65, 5:75], heights)
    assert np.isnan(outer).sum() == 70 * 80 - 60 * 70


def test_half_a_cell_of_shift_is_resampled_bilinearly(tmp_path, heights):
    shifted = grid(40, 40, x0=X0 + 5.5 * CELL, y0=Y0 - 5.5 * CELL)
    got = load(write(tmp_path / "a.tif", heights), shifted).to_numpy()
    h = heights.astype(float)
    mean = (h[5:45, 5:45] + h[6:46, 5:45] + h[5:45, 6:46] + h[6:46, 6:46]) / 4
    # float32 of heights near 1000 m: half a unit in the last place is 3e-5
    np.testing.assert_allclose(got, mean, atol=1e-4)


def test_average_of_whole_cells(tmp_path, heights):
    coarse = grid(20, 23, cell=90.0)
    got = load(write(tmp_path / "a.tif", heights), coarse, resampling="average").to_numpy()
    np.testing.assert_allclose(got, heights[:, :69].reshape(20, 3, 23, 3).mean(axis=(1, 3)), atol=2e-4)


def test_another_crs_is_reprojected_as_points_say(tmp_path):
    from pyproj import Transformer

    y, x = np.mgrid[0:80, 0:90]
    plane = (900 + 0.2 * x + 0.1 * y).astype("float32")
    box = grid(80, 90)
    path = write(tmp_path / "a.tif", plane)
    to = Transformer.from_crs("EPSG:4546", "EPSG:4547", always_xy=True)
    east, north = to.transform(X0 + 45 * CELL, Y0 - 40 * CELL)
    target = grid(10, 10, cell=30.0, crs="EPSG:4547", x0=round(east) - 150.0, y0=round(north) + 150.0)
    got = load(path, target).to_numpy()
    back = Transformer.from_crs("EPSG:4547", "EPSG:4546", always_xy=True)
    cx, cy = np.meshgrid(target.coords()["x"], target.coords()["y"])
    px, py = back.transform(cx, cy)
    truth = 900 + 0.2 * ((px - X0) / CELL - 0.5) + 0.1 * ((Y0 - py) / CELL - 0.5)
    np.testing.assert_allclose(got, truth, atol=2e-3)
    assert box.shape == (80, 90)


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(dx=st.floats(-20, 20), dy=st.floats(-20, 20), cell=st.floats(10, 90))
def test_no_value_is_invented(tmp_path, dx, dy, cell):
    values = np.random.default_rng(5).normal(1000, 50, (60, 70)).astype("float32")
    values[20:30, 20:30] = np.nan
    path = write(tmp_path / "a.tif", values, nodata=np.nan)
    got = load(path, grid(15, 15, cell=cell, x0=X0 + 300 + dx, y0=Y0 - 300 + dy)).to_numpy()
    known = got[~np.isnan(got)]
    assert ((known >= np.nanmin(values) - 1e-3) & (known <= np.nanmax(values) + 1e-3)).all()


def test_units_come_from_the_file_or_the_configuration(tmp_path, heights):
    path = write(tmp_path / "a.tif", heights / 1000, units="km")
    np.testing.assert_allclose(load(path).to_numpy(), heights, rtol=1e-6)
    bare = write(tmp_path / "b.tif", heights, units=None)
    with pytest.raises(UnitError, match="units None; 'm' needed"):
        load(bare)
    np.testing.assert_array_equal(load(bare, options=ReadOptions(units="m")).to_numpy(), heights)
    with pytest.raises(UnitError, match="cannot become"):
        load(write(tmp_path / "c.tif", heights, units="mm/h"))


def test_declared_nodata_becomes_missing_and_undeclared_stops(tmp_path, heights):
    holes = heights.copy()
    holes[3, 4] = -9999
    got = load(write(tmp_path / "a.tif", holes, nodata=-9999)).to_numpy()
    assert np.isnan(got[3, 4])
    assert np.isnan(got).sum() == 1
    with pytest.raises(DataError, match=r"holds -9999 in 1 cells, but declares nodata none"):
        load(write(tmp_path / "b.tif", holes))
    with pytest.raises(DataError, match=r"holds -9999 in 1 cells, but declares nodata -32768"):
        load(write(tmp_path / "c.tif", holes, nodata=-32768))
    assert np.isnan(load(tmp_path / "c.tif", options=ReadOptions(nodata=-9999)).to_numpy()).sum() == 1


def test_zero_is_data_unless_declared(tmp_path, heights):
    zeros = heights.copy()
    zeros[0, :] = 0
    assert not np.isnan(load(write(tmp_path / "a.tif", zeros)).to_numpy()).any()
    assert np.isnan(load(write(tmp_path / "b.tif", zeros, nodata=0)).to_numpy()[0]).all()


def test_impossible_values_are_masked_and_counted(tmp_path, heights):
    bad = heights.copy()
    bad[1, 1], bad[2, 2] = np.inf, 30_000
    layer = load(write(tmp_path / "a.tif", bad), valid=(-500, 9000))
    assert layer.attrs["n_masked"] == 2
    got = layer.to_numpy()
    assert np.isnan(got[1, 1])
    assert np.isnan(got[2, 2])
    bad[:20] = 1e9
    with pytest.raises(DataError, match="impossible values among"):
        load(write(tmp_path / "b.tif", bad), valid=(-500, 9000))


def test_a_layer_of_nothing_is_incomplete(tmp_path):
    layer = load(write(tmp_path / "a.tif", np.full((60, 70), np.nan, "float32")))
    assert layer.attrs["incomplete"] == 1
    assert layer.attrs["valid_share"] == 0
    assert np.isnan(layer.to_numpy()).all()


def test_a_missing_crs_stops(tmp_path, heights):
    path = write(tmp_path / "a.tif", heights, crs=None)
    with pytest.raises(CrsError, match="no CRS") as caught:
        load(path)
    assert "crs: EPSG" in caught.value.fix
    np.testing.assert_array_equal(load(path, options=ReadOptions(crs="EPSG:4546")).to_numpy(), heights)
    with pytest.raises(CrsError, match="the file says CRS"):
        load(write(tmp_path / "b.tif", heights), options=ReadOptions(crs="EPSG:4547"))


@pytest.mark.parametrize(
    ("crs", "transform", "words"),
    [
        ("EPSG:4326", Affine(CELL, 0, X0, 0, -CELL, Y0), "metres"),
        ("EPSG:4326", Affine(0.001, 0, 37.0, 0, -0.001, 111.0), "swapped"),
        ("EPSG:4546", Affine(0.001, 0, 111.0, 0, -0.001, 37.0), "look like degrees"),
    ],
)
def test_degrees_and_metres_are_not_mistaken(tmp_path, heights, crs, transform, words):
    with pytest.raises(CrsError, match=words):
        load(write(tmp_path / "a.tif", heights, crs=crs, transform=transform))


def test_no_overlap_is_named(tmp_path, heights):
    far = Affine(CELL, 0, X0 + 90_000, 0, -CELL, Y0)
    with pytest.raises(OverlapError, match="no overlap"):
        load(write(tmp_path / "a.tif", heights, transform=far))
    swapped = Affine(CELL, 0, Y0 - 60 * CELL, 0, -CELL, X0 + 60 * CELL)
    with pytest.raises(OverlapError, match="swapped"):
        load(write(tmp_path / "b.tif", heights, transform=swapped))


def test_truncated_and_empty_files_name_the_block(tmp_path, heights):
    rasterio.shutil.copy(write(tmp_path / "a.tif", np.tile(heights, (4, 4))), tmp_path / "cog.tif", driver="COG",
                         blocksize=128, compress="deflate", overviews="none")  # fmt: skip
    whole = (tmp_path / "cog.tif").read_bytes()
    cut = tmp_path / "cut.tif"
    # the directory stands at the front, so the file opens; the last blocks are gone
    cut.write_bytes(whole[: int(len(whole) * 0.6)])
    header = read_header(cut, where="inputs.dem")
    assert header.shape == (240, 280)
    with pytest.raises(CorruptFileError, match=r"block of rows \d+-\d+, columns \d+-\d+ cannot be read"):
        load(cut)
    (tmp_path / "none.tif").touch()
    with pytest.raises(CorruptFileError, match="empty"):
        load(tmp_path / "none.tif")
    (tmp_path / "head.tif").write_bytes(whole[:6])
    with pytest.raises(CorruptFileError, match="cannot be opened"):
        load(tmp_path / "head.tif")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (
            b'<VRTDataset rasterXSize="1" rasterYSize="1"><SourceFilename>/etc/passwd</SourceFilename></VRTDataset>',
            "VRT",
        ),
        (b'<?xml version="1.0"?>\n<VRTDataset/>', "VRT"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 100, "HDF5"),
        (b"SQLite format 3\0" + b"\0" * 100, "SQLite"),
        (b"https://example.org/a.tif", "text"),
        (b'{"type": "x"}', "JSON"),
    ],
)
def test_what_only_calls_itself_a_tif_is_refused(tmp_path, content, kind):
    path = tmp_path / "a.tif"
    path.write_bytes(content)
    with pytest.raises(RefusedFileError, match=f"type {kind}"):
        load(path)


def test_a_sparse_giant_is_refused_by_its_header(tmp_path):
    path = tmp_path / "giant.tif"
    profile = {"driver": "GTiff", "height": 800_000, "width": 800_000, "count": 1, "dtype": "float32", "tiled": True,
               "crs": "EPSG:4546", "transform": Affine(CELL, 0, X0, 0, -CELL, Y0), "sparse_ok": True, "bigtiff": "yes",
               "blockxsize": 16_384, "blockysize": 16_384}  # fmt: skip
    with rasterio.open(path, "w", **profile):
        pass
    assert path.stat().st_size < 1e6
    with pytest.raises(LimitError, match=r"6.4e\+11|GB uncompressed"):
        load(path)
    small = write(tmp_path / "a.tif", np.zeros((60, 70), "float32"))
    with pytest.raises(LimitError):
        load(small, limits=ReadLimits(max_pixels=4199))


def test_metric_grids_only(tmp_path, heights):
    degrees = write(tmp_path / "a.tif", heights, crs="EPSG:4326", transform=Affine(0.001, 0, 111.0, 0, -0.001, 37.0))
    with pytest.raises(CrsError, match="metres is needed"):
        raster_grid(degrees, where="inputs.dem")
    rotated = write(
        tmp_path / "b.tif", heights, transform=Affine.translation(X0, Y0) * Affine.rotation(10) * Affine.scale(30, -30)
    )
    with pytest.raises(GridError, match="north-up"):
        raster_grid(rotated, where="inputs.dem")
    # a rotated file is resampled onto the run grid, not taken as it stands
    assert np.isfinite(load(rotated).to_numpy()).any()


def test_audit_reads_every_block_and_adds_up(tmp_path, heights):
    holes = heights.copy()
    holes[5:10, 5:10] = np.nan
    audit = audit_raster(write(tmp_path / "a.tif", holes), where="x", valid=(900, 1100))
    assert audit.cells == 60 * 70
    assert audit.missing == 25
    kept = holes[np.isfinite(holes)]
    assert audit.outside == int(((kept < 900) | (kept > 1100)).sum())
    assert audit.low >= 900
    assert audit.high <= 1100


def test_large_windows_are_split_without_a_seam(tmp_path, heights, monkeypatch):
    from geo_risk.sources import raster

    path = write(tmp_path / "a.tif", heights)
    coarse = grid(20, 20, cell=85.0, x0=X0 + 7, y0=Y0 - 11)
    whole = load(path, coarse).to_numpy()
    monkeypatch.setattr(raster, "_MAX_WINDOW", 200)
    np.testing.assert_allclose(load(path, coarse).to_numpy(), whole, atol=1e-4)
