"""Population rasters: people are kept whatever the grids, and a unit is never guessed."""

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from geo_risk.core.errors import DataError, OverlapError, UnitError
from geo_risk.core.grid import Grid
from geo_risk.kernels.regrid import spread_quads
from geo_risk.sources import population
from geo_risk.sources.options import ReadOptions
from geo_risk.sources.population import load_population, people_factor

CRS = "EPSG:4546"
GRID = Grid.from_bounds((499_980, 4_149_990, 501_480, 4_151_190), crs=CRS, resolution_m=30)
PEOPLE = ReadOptions(units="people")


def raster(path, values, transform, *, crs="EPSG:4326", nodata=-99999.0, dtype="float32"):
    values = np.asarray(values, dtype=dtype)
    with rasterio.open(path, "w", driver="GTiff", height=values.shape[0], width=values.shape[1], count=1, dtype=dtype,
                       crs=crs, transform=transform, nodata=nodata) as out:  # fmt: skip
        out.write(values, 1)
    return path


def quads(shape, transform, crs="EPSG:4326"):
    """Cells of a raster as polygons in the CRS of the run, row by row."""
    move = Transformer.from_crs(crs, CRS, always_xy=True)
    out = []
    for r in range(shape[0]):
        for c in range(shape[1]):
            corners = [transform * (c + i, r + j) for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))]
            out.append(shapely.Polygon(np.column_stack(move.transform(*np.array(corners).T))))
    return out


def lattice(dx, dy, cell_deg):
    back = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    lon, lat = back.transform(499_980 + dx, 4_151_190 + dy)
    return Affine(cell_deg, 0, lon, 0, -cell_deg, lat)


@pytest.mark.slow
@given(st.integers(0, 10**6), st.floats(-900, 900), st.floats(-900, 900), st.sampled_from([2e-4, 8.3333e-4, 3e-3]))
@settings(max_examples=12, deadline=None)
def test_the_people_within_the_area_are_kept(tmp_path_factory, seed, dx, dy, cell):
    rng = np.random.default_rng(seed)
    values = rng.gamma(0.3, 40, (12, 14))
    transform = lattice(dx, dy, cell)
    path = raster(tmp_path_factory.mktemp("p") / "p.tif", values, transform)
    shapes = quads(values.shape, transform)
    inside = shapely.area(shapely.intersection(shapes, shapely.box(*GRID.bounds))) / shapely.area(shapes)
    wanted = (values.astype("float32").astype("float64").ravel() * inside).sum()
    try:
        got = load_population(path, GRID, options=PEOPLE)
    except OverlapError:
        assert wanted == 0
        return
    # float32 cells: half a unit in the 24th bit each, far below 1e-6 of the sum
    assert np.nansum(got.to_numpy().astype("float64")) == pytest.approx(wanted, rel=1e-6, abs=1e-6)


@pytest.mark.slow
def test_cells_get_what_exactextract_finds_under_them(tmp_path):
    rng = np.random.default_rng(3)
    values, transform = rng.uniform(0, 50, (9, 9)), lattice(100, -60, 8.3333e-4)
    got = load_population(raster(tmp_path / "p.tif", values, transform), GRID, options=PEOPLE).to_numpy()
    shapes = gpd.GeoDataFrame(geometry=quads(values.shape, transform), crs=CRS)
    source = NumPyRasterSource(np.ones(GRID.shape), *GRID.bounds, srs_wkt=shapes.crs.to_wkt())
    found = exact_extract(source, shapes, ["cell_id", "coverage"], output="pandas")
    wanted = np.zeros(GRID.shape)
    for i, (cells, shares) in enumerate(zip(found["cell_id"], found["coverage"], strict=True)):
        share = np.asarray(shares) * 900 / shapes.area.iloc[i]
        np.add.at(wanted.reshape(-1), np.asarray(cells, dtype=int), values.astype("float32").ravel()[i] * share)
    # exactextract gives coverage in float32
    np.testing.assert_allclose(np.nan_to_num(got), wanted, rtol=0, atol=2e-5)
    assert np.isnan(got).any()  # beside the raster nobody is known, not nobody


def test_the_kernel_by_hand_and_what_it_refuses():
    # a unit square turned by 45 degrees about the corner of four cells: a quarter in each
    turned = np.array([[0.0, 1.0, 0.0, -1.0]]) / np.sqrt(2) + 1, np.array([[-1.0, 0.0, 1.0, 0.0]]) / np.sqrt(2) + 1
    sums, known = spread_quads([8.0], *turned, shape=(2, 2))
    np.testing.assert_allclose(sums, 2.0, rtol=1e-12)
    np.testing.assert_allclose(known, 0.25, rtol=1e-12)
    sums, known = spread_quads([np.nan], *turned, shape=(2, 2))
    assert not sums.any()
    assert not known.any()
    sums, _ = spread_quads([8.0], turned[0] - 1, turned[1], shape=(2, 2))  # half of it off the grid
    assert sums.sum() == pytest.approx(4.0)
    with pytest.raises(ValueError, match="corners"):
        spread_quads([1.0], [[0, 1, np.nan, 0]], [[0, 0, 1, 1]], shape=(2, 2))


@pytest.mark.slow
def test_blocks_do_not_change_a_cell(tmp_path, monkeypatch):
    values, transform = np.random.default_rng(8).uniform(0, 9, (30, 30)), lattice(-200, 200, 8.3333e-4)
    path = raster(tmp_path / "p.tif", values, transform)
    whole = load_population(path, GRID, options=PEOPLE).to_numpy()
    monkeypatch.setattr(population, "CHUNK", 17)
    monkeypatch.setattr(population, "_MOST_CELLS", 60)
    parts = load_population(path, GRID, options=PEOPLE)
    assert len(parts.data.chunks[0]) > 1
    np.testing.assert_allclose(parts.to_numpy(), whole, rtol=1e-6)


def test_a_density_is_people_by_area(tmp_path):
    path = raster(tmp_path / "d.tif", np.full((40, 50), 250.0), Affine(60, 0, 499_900, 0, -60, 4_151_300), crs=CRS)
    got = load_population(path, GRID, options=ReadOptions(units="people/km2")).to_numpy()
    np.testing.assert_allclose(got, 250 * 900 / 1e6, rtol=1e-6)
    as_ha = load_population(path, GRID, options=ReadOptions(units="人/公顷")).to_numpy()
    np.testing.assert_allclose(as_ha, 250 * 900 / 1e4, rtol=1e-6)


def test_missing_and_negative_people_are_unknown_or_empty_as_said(tmp_path):
    values = np.full((40, 50), 3.0)
    values[0, 0], values[:, 25:] = -7, -99999
    path = raster(tmp_path / "p.tif", values, Affine(30, 0, 499_980, 0, -30, 4_151_190), crs=CRS)
    got = load_population(path, GRID, options=PEOPLE)
    assert got.attrs["n_masked"] == 1
    assert np.isnan(got.to_numpy()[0, 0])
    assert np.isnan(got.to_numpy()[:, 25:]).all()
    empty = load_population(path, GRID, options=PEOPLE, missing_is_zero=True).to_numpy()
    assert (empty[:, 25:] == 0).all()
    assert np.isnan(empty[0, 0])  # a negative number is no empty ground
    values[:20] = -7
    with pytest.raises(DataError, match="impossible"):
        load_population(raster(tmp_path / "q.tif", values, Affine(30, 0, 499_980, 0, -30, 4_151_190), crs=CRS), GRID,
                        options=PEOPLE)  # fmt: skip


def test_a_unit_is_asked_for(tmp_path):
    path = raster(tmp_path / "p.tif", np.ones((4, 4)), Affine(300, 0, 499_980, 0, -300, 4_151_190), crs=CRS)
    with pytest.raises(UnitError, match="people per cell or a density"):
        load_population(path, GRID)
    far = raster(tmp_path / "far.tif", np.ones((4, 4)), Affine(300, 0, 700_000, 0, -300, 4_151_190), crs=CRS)
    with pytest.raises(OverlapError):
        load_population(far, GRID, options=PEOPLE)
    assert people_factor("People per cell", where="x") is None
    assert people_factor("persons/km²", where="x") == 1e-6
    with pytest.raises(UnitError):
        people_factor("m", where="x")
