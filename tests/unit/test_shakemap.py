"""ShakeMap grids: read right, in any order and unit that is said, and refused where they are hostile or torn."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from geo_risk.core.errors import (
    AmbiguousError,
    CorruptFileError,
    DataError,
    LimitError,
    OverlapError,
    RefusedFileError,
    UnitError,
)
from geo_risk.core.grid import Grid
from geo_risk.publish.raster import write_layer
from geo_risk.sources.checks import inspect_file
from geo_risk.sources.options import ReadLimits, ReadOptions
from geo_risk.sources.shakemap import on_grid, read_shakemap
from geo_risk.sources.shaking import open_shaking
from tests.support.shakemaps import FIELDS, intensity, write_shakemap

LON = np.linspace(111.0, 111.4, 9)
LAT = np.linspace(36.5, 36.8, 7)
PGV = 20 + 100 * (LON[None] - 111) + 50 * (LAT[:, None] - 36.5)
GRID = Grid(GeoBox((40, 50), Affine(300, 0, 505_000, 0, -300, 4_065_000), "EPSG:4546"))


def read(path, **options):
    return read_shakemap(path, where="inputs.shakemap", options=ReadOptions(**options))


def made(tmp_path, **kwargs):
    return write_shakemap(tmp_path / "grid.xml", LON, LAT, kwargs.pop("pgv", PGV), **kwargs)


def test_a_grid_is_read_with_its_place_and_event(tmp_path):
    found = read(made(tmp_path))
    np.testing.assert_allclose(found.lon, LON)
    np.testing.assert_allclose(found.lat, LAT)
    # six digits are written
    np.testing.assert_allclose(found.pgv_cm_s, PGV, rtol=1e-5)
    assert found.event["magnitude"] == "7.1"
    assert found.n_masked == 0
    assert "cm/s" in found.evidence[0]


@pytest.mark.slow
def test_on_the_run_grid_a_plane_stays_a_plane_and_nothing_is_extended(tmp_path):
    from pyproj import Transformer

    found = read(made(tmp_path))
    layer = on_grid(found, GRID)
    assert layer.attrs["units"] == "cm/s"
    assert layer.chunks is not None
    at = GRID.coords()
    xx, yy = np.meshgrid(at["x"], at["y"])
    lon, lat = Transformer.from_crs("EPSG:4546", "EPSG:4326", always_xy=True).transform(xx, yy)
    want = 20 + 100 * (lon - 111) + 50 * (lat - 36.5)
    inside = (lon >= LON[0]) & (lon <= LON[-1]) & (lat >= LAT[0]) & (lat <= LAT[-1])
    got = layer.to_numpy()
    # float32 of six written digits
    np.testing.assert_allclose(got[inside], want[inside], rtol=2e-5)
    assert np.isnan(got[~inside]).all()
    split = on_grid(found, GRID).chunk({"y": 7, "x": 13})
    np.testing.assert_array_equal(split.to_numpy(), got)


def test_far_from_the_area_it_is_refused(tmp_path):
    path = write_shakemap(tmp_path / "grid.xml", LON - 20, LAT, PGV)
    with pytest.raises(OverlapError, match="no overlap"):
        on_grid(read(path), GRID)


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
        '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p"> %p;]>',
        "<!DOCTYPE shakemap_grid>",
    ],
)
def test_document_types_and_entities_are_refused(tmp_path, head):
    with pytest.raises(RefusedFileError, match="document type or an entity"):
        read(made(tmp_path, head=head))


def test_other_documents_are_refused(tmp_path):
    path = tmp_path / "grid.xml"
    path.write_text("<html><body>404</body></html>")
    with pytest.raises(RefusedFileError, match="shakemap_grid"):
        read(path)
    path.write_text("lon lat pgv")
    with pytest.raises(RefusedFileError, match="XML"):
        read(path)
    with pytest.raises(RefusedFileError):
        open_shaking(path, GRID, where="inputs.shakemap")


@pytest.mark.parametrize(
    "spec", ['nlon="9" nlat="8"', 'nlon="9" nlat="6"', 'nlon="0" nlat="7"', 'nlon="x" nlat="7"', 'nlon="9"']
)
def test_a_grid_that_is_not_what_it_specifies_is_torn(tmp_path, spec):
    with pytest.raises(CorruptFileError):
        read(made(tmp_path, spec=spec))


def test_cut_off_files_and_text_among_numbers_are_torn(tmp_path):
    path = made(tmp_path)
    text = path.read_text()
    for wrong in (text[: len(text) // 2], text.replace("111 ", "here ", 1), text.replace("</grid_data>", "")):
        path.write_text(wrong)
        with pytest.raises(CorruptFileError):
            read(path)


def test_huge_grids_stop_before_their_numbers_are_read(tmp_path):
    with pytest.raises(LimitError, match="values"):
        read(made(tmp_path, spec='nlon="2000000" nlat="2000000"'))
    endless = made(tmp_path, rows="1 2 3 4 5\n" * 500_000)
    with pytest.raises(CorruptFileError, match="more than"):
        read(endless)
    deep = tmp_path / "deep.xml"
    deep.write_text("<shakemap_grid>" + "<a>" * 5000)
    with pytest.raises(LimitError, match="elements"):
        read(deep)
    with pytest.raises(LimitError):
        read_shakemap(made(tmp_path), where="x", limits=ReadLimits(max_pixels=100))


def test_a_missing_unit_is_taken_from_the_intensities_or_asked_for(tmp_path):
    found = read(made(tmp_path, unit=""))
    assert "taken as cm/s" in found.evidence[0]
    assert "厘米/秒" in found.evidence[1]
    metres = made(tmp_path, pgv=PGV / 100, unit="", mmi=intensity(PGV))
    with pytest.raises(AmbiguousError, match="as cm/s it would be"):
        read(metres)
    np.testing.assert_allclose(read(metres, units="m/s").pgv_cm_s, PGV, rtol=1e-5)
    with pytest.raises(UnitError, match="no unit"):
        read(made(tmp_path, unit="", fields=FIELDS[:4]))


def test_a_unit_that_the_intensities_contradict_stops(tmp_path):
    for pgv, unit in ((PGV / 100, "cms"), (PGV * 10, "cms"), (PGV, "m/s")):
        with pytest.raises(AmbiguousError, match="intensities"):
            read(made(tmp_path, pgv=pgv, unit=unit, mmi=intensity(PGV)))
    with pytest.raises(UnitError):
        read(made(tmp_path, unit="pctg"))


def test_negative_and_endless_values_are_masked_and_counted_or_refused(tmp_path):
    few = PGV.copy()
    few[2, 3], few[4, 4] = -5.0, np.inf
    found = read(made(tmp_path, pgv=few, mmi=intensity(PGV)))
    assert found.n_masked == 2
    assert np.isnan(found.pgv_cm_s[2, 3])
    assert np.isnan(found.pgv_cm_s[4, 4])
    with pytest.raises(DataError, match="outside"):
        read(made(tmp_path, pgv=-PGV, mmi=intensity(PGV)))


@pytest.mark.slow
def test_all_unknown_stays_unknown_and_positions_must_be_known(tmp_path):
    path = made(tmp_path, pgv=np.full(PGV.shape, np.nan), mmi=intensity(PGV))
    found = read(path)
    assert np.isnan(found.pgv_cm_s).all()
    assert np.isnan(on_grid(found, GRID).to_numpy()).all()
    assert "no value at all" in inspect_file(path).notes
    with pytest.raises(DataError, match="latitudes"):
        read(write_shakemap(tmp_path / "nan.xml", LON, np.where(LAT > 36.7, np.nan, LAT), PGV))


def test_swapped_axes_and_uncertainty_files_are_named(tmp_path):
    path = write_shakemap(tmp_path / "grid.xml", LAT, LON, PGV.T)
    with pytest.raises(DataError, match="swapped"):
        read(path)
    named = tuple((("STDPGV" if n == "PGV" else n), u) for n, u in FIELDS)
    with pytest.raises(DataError, match="PGV is needed"):
        read(made(tmp_path, fields=named))
    wide = write_shakemap(tmp_path / "wide.xml", LON + 180, LAT, PGV)
    with pytest.raises(DataError, match="antimeridian"):
        read(wide)


def test_a_raster_of_velocity_does_as_well_and_its_unit_counts(tmp_path):
    values = np.full(GRID.shape, 0.25, np.float32)
    values[3, 3] = -1
    write_layer(GRID.layer(values, units="m/s", long_name="pgv", name="pgv"), tmp_path / "pgv.tif")
    found = open_shaking(tmp_path / "pgv.tif", GRID, where="inputs.shakemap")
    got = found.pgv.to_numpy()
    assert np.isnan(got[3, 3])
    assert found.n_masked == 1
    np.testing.assert_allclose(np.delete(got.ravel(), 3 * 50 + 3), 25.0, rtol=1e-6)
    write_layer(GRID.layer(values, units="m/s**2", long_name="pga", name="pga"), tmp_path / "pga.tif")
    with pytest.raises(UnitError):
        open_shaking(tmp_path / "pga.tif", GRID, where="inputs.shakemap")


def test_check_says_what_the_file_is(tmp_path):
    facts = inspect_file(made(tmp_path), key="inputs.shakemap")
    assert facts.product == "ShakeMap"
    assert facts.units == "cm/s"
    assert facts.extent == pytest.approx((111.0, 36.5, 111.4, 36.8))
    assert not facts.problems
    assert inspect_file(made(tmp_path, head="<!DOCTYPE a>")).problems
