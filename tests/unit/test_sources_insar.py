"""InSAR products: recognised, audited, and refused where they are broken or ambiguous."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio
from affine import Affine

from geo_risk.core.errors import (
    AmbiguousError,
    CorruptFileError,
    CrsError,
    DataError,
    GridError,
    LimitError,
    OverlapError,
    RefusedFileError,
    TimeError,
    UnitError,
)
from geo_risk.core.grid import Grid
from geo_risk.publish.native import write_native
from geo_risk.sources.audit_words import in_chinese
from geo_risk.sources.insar import open_insar
from geo_risk.sources.native import native_facts, onto_grid
from geo_risk.sources.options import TrackOptions
from tests.support.insar import CELL, LEFT, TOP, dataset, write_mintpy

SERIES = np.random.default_rng(8).normal(0, 0.01, (12, 20, 25))


def test_mintpy_series_is_recognised_with_geometry_and_audit(tmp_path):
    data = open_insar(**write_mintpy(tmp_path, SERIES), track="asc")
    assert data.attrs["product"] == "mintpy_timeseries"
    np.testing.assert_array_equal(data["displacement"].to_numpy(), SERIES.astype("f4"))
    assert float(data["los_east"][0, 0]) < 0 < float(data["los_up"][0, 0])
    assert float(data["x"][0]) == LEFT + CELL / 2
    assert float(data["y"][0]) == TOP - CELL / 2
    for word in ("unit: m", "toward the satellite", "upper-left corner", "right-looking ascending"):
        assert any(word in s for s in data.attrs["audit"])


def test_millimetres_are_converted_by_the_attribute(tmp_path):
    data = open_insar(**write_mintpy(tmp_path, SERIES * 1000, UNIT="mm"), track="asc")
    np.testing.assert_allclose(data["displacement"].to_numpy(), SERIES, atol=1e-6)


@pytest.mark.parametrize(
    ("attributes", "error", "text"),
    [
        ({"UNIT": ""}, UnitError, "units None"),
        ({"UNIT": "radian"}, UnitError, "radian"),
        ({"X_FIRST": ""}, GridError, "radar coordinates"),
        ({"Y_STEP": "60"}, GridError, "north to south"),
        ({"EPSG": "", "X_UNIT": "meters"}, CrsError, "no EPSG"),
        ({"EPSG": "4326"}, CrsError, "does not fit"),
        ({"ORBIT_DIRECTION": "DESCENDING"}, AmbiguousError, "descending"),
    ],
)
def test_bad_attributes_are_refused(tmp_path, attributes, error, text):
    paths = write_mintpy(tmp_path, SERIES, **attributes)
    with pytest.raises(error, match=text):
        open_insar(**paths, track="asc")


def test_millimetres_called_metres_are_refused(tmp_path):
    with pytest.raises(AmbiguousError, match="is the unit really m"):
        open_insar(**write_mintpy(tmp_path, SERIES * 1e5), track="asc")


def test_missing_geometry_and_one_date_and_all_gaps(tmp_path):
    paths = write_mintpy(tmp_path / "a", SERIES)
    with pytest.raises(DataError, match="no line-of-sight geometry"):
        open_insar(paths["files"], track="asc")
    with pytest.raises(TimeError, match="1 date"):
        open_insar(**write_mintpy(tmp_path / "b", SERIES[:1]), track="asc")
    with pytest.raises(DataError, match="decorrelated"):
        open_insar(**write_mintpy(tmp_path / "c", SERIES * np.nan), track="asc")


def test_doubled_dates_are_refused(tmp_path):
    paths = write_mintpy(tmp_path, SERIES)
    with h5py.File(paths["files"], "r+") as file:
        file["date"][3] = file["date"][2]
    with pytest.raises(TimeError, match="doubled"):
        open_insar(**paths, track="asc")


def test_radians_in_the_geometry_are_refused(tmp_path):
    paths = write_mintpy(tmp_path, SERIES)
    with h5py.File(paths["geometry"], "r+") as file:
        file["incidenceAngle"][:] = 0.68
    with pytest.raises(DataError, match="radians"):
        open_insar(**paths, track="asc")


def test_geometry_of_another_grid_is_refused(tmp_path):
    paths = write_mintpy(tmp_path / "a", SERIES)
    other = write_mintpy(tmp_path / "b", SERIES, X_FIRST=str(LEFT + 30))
    with pytest.raises(GridError, match="corner"):
        open_insar(paths["files"], track="asc", geometry=other["geometry"])


def test_truncated_text_and_foreign_files_are_refused(tmp_path):
    paths = write_mintpy(tmp_path, SERIES)
    whole = paths["files"].read_bytes()
    paths["files"].write_bytes(whole[: len(whole) // 3])
    with pytest.raises(CorruptFileError):
        open_insar(**paths, track="asc")
    paths["files"].write_text("not InSAR")
    with pytest.raises(RefusedFileError):
        open_insar(**paths, track="asc")
    with pytest.raises(DataError, match="not there"):
        open_insar(tmp_path / "nothing.h5", track="asc")


def test_a_header_that_asks_for_a_terabyte_is_refused(tmp_path):
    paths = write_mintpy(tmp_path, SERIES)
    with h5py.File(paths["files"], "r+") as file:
        del file["timeseries"]
        file.create_dataset("timeseries", shape=(12, 160_000, 160_000), chunks=(1, 1000, 1000), dtype="f4")
    with pytest.raises(LimitError, match=r"asks for 1\.12 TiB; the limit is 1 TiB"):
        open_insar(**paths, track="asc")


def write_tif(path: Path, values: np.ndarray, *, units: str | None = None, **tags: str) -> None:
    profile = {"driver": "GTiff", "height": values.shape[0], "width": values.shape[1], "count": 1, "dtype": "float32",
               "crs": "EPSG:4546", "transform": Affine(CELL, 0, LEFT, 0, -CELL, TOP), "nodata": np.nan}  # fmt: skip
    with rasterio.open(path, "w", **profile) as target:
        target.write(values.astype("f4"), 1)
        if units:
            target.units = (units,)
        target.update_tags(1, **tags)


@pytest.mark.slow
def test_the_wavelength_comes_from_the_product_else_from_the_configuration(tmp_path):
    long = write_mintpy(tmp_path / "l", SERIES, WAVELENGTH="0.2362")
    assert open_insar(**long, track="asc").attrs["wavelength_m"] == 0.2362
    assert open_insar(**long, track="asc", options=TrackOptions(wavelength_m=0.236)).attrs["wavelength_m"] == 0.2362
    with pytest.raises(AmbiguousError, match=r"wavelength is 0\.2362 m, the config says 0\.0555"):
        open_insar(**long, track="asc", options=TrackOptions(wavelength_m=0.0555))
    silent = write_mintpy(tmp_path / "s", SERIES, WAVELENGTH="nonsense")
    assert "wavelength_m" not in open_insar(**silent, track="asc").attrs
    told = open_insar(licsbas(tmp_path / "set"), track="asc", options=TrackOptions(wavelength_m=0.031))
    assert told.attrs["wavelength_m"] == 0.031


def stack(folder: Path, **facts: str) -> Path:
    folder.mkdir()
    for k in range(4):
        write_tif(folder / f"disp_2023010{k + 1}.tif", SERIES[k], **facts)
    return folder


def test_stack_with_unit_and_sign(tmp_path):
    geometry = write_mintpy(tmp_path / "g", SERIES)["geometry"]
    folder = stack(tmp_path / "s", units="m", positive="away from the satellite")
    data = open_insar(folder, track="asc", geometry=geometry)
    assert data.attrs["product"] == "geotiff_stack"
    np.testing.assert_allclose(data["displacement"].to_numpy(), -SERIES[:4], atol=1e-6)


def test_stack_without_unit_or_sign_asks(tmp_path):
    geometry = write_mintpy(tmp_path / "g", SERIES)["geometry"]
    with pytest.raises(UnitError, match="names no unit"):
        open_insar(stack(tmp_path / "a"), track="asc", geometry=geometry)
    folder = stack(tmp_path / "b", units="m")
    with pytest.raises(AmbiguousError, match="toward the satellite, or away"):
        open_insar(folder, track="asc", geometry=geometry)
    data = open_insar(folder, track="asc", geometry=geometry, options=TrackOptions(positive="toward"))
    np.testing.assert_allclose(data["displacement"].to_numpy(), SERIES[:4], atol=1e-6)


@pytest.mark.slow
def test_a_tag_is_read_by_clause_and_the_configuration_answers_an_unclear_one(tmp_path):
    geometry = write_mintpy(tmp_path / "g", SERIES)["geometry"]
    both = stack(tmp_path / "a", units="m", positive="toward the satellite, negative away from it")
    data = open_insar(both, track="asc", geometry=geometry)
    np.testing.assert_allclose(data["displacement"].to_numpy(), SERIES[:4], atol=1e-6)
    with pytest.raises(AmbiguousError, match="the config says 'away'"):
        open_insar(both, track="asc", geometry=geometry, options=TrackOptions(positive="away"))
    unclear = stack(tmp_path / "b", units="m", positive="up")
    with pytest.raises(AmbiguousError, match="set `positive: toward`"):
        open_insar(unclear, track="asc", geometry=geometry)
    data = open_insar(unclear, track="asc", geometry=geometry, options=TrackOptions(positive="away"))
    np.testing.assert_allclose(data["displacement"].to_numpy(), -SERIES[:4], atol=1e-6)


@pytest.mark.parametrize(("said", "turn"), [(None, 1), ("toward", 1), ("away", -1)])
def test_the_sign_of_a_licsbas_set_is_turned_by_the_configuration_only(tmp_path, said, turn):
    data = open_insar(licsbas(tmp_path / "s"), track="asc", options=TrackOptions(positive=said))
    want = np.where(SERIES[0] == 0, np.nan, SERIES[0] * 1e3 * turn)[1:]
    np.testing.assert_allclose(data["velocity"].to_numpy()[1:], want, rtol=1e-5)
    assert (data["velocity_std"].to_numpy()[1:] > 0).all()
    (sentence,) = [s for s in data.attrs["audit"] if s.startswith("sign:")]
    assert ("configuration" in sentence) == (said is not None)
    assert "LiCSBAS 的约定" in in_chinese(sentence)


def licsbas(folder: Path, *, length: float = 1.0) -> Path:
    folder.mkdir(parents=True)
    ones = np.ones((20, 25))
    e, n, u = np.array([-0.62, -0.11, 0.77]) / np.linalg.norm([-0.62, -0.11, 0.77]) * length
    for name, values in (("vel", SERIES[0] * 1e3), ("vstd", ones), ("E", e * ones), ("N", n * ones), ("U", u * ones)):
        write_tif(folder / f"{name}.geo.tif", values)
    mask = ones.copy()
    mask[0] = 0
    write_tif(folder / "mask.geo.tif", mask)
    return folder


def test_licsbas_set_is_recognised_and_masked(tmp_path):
    data = open_insar(licsbas(tmp_path / "014A_04939_131313"), track="asc")
    assert data.attrs["product"] == "licsbas_geotiff"
    assert np.isnan(data["velocity"][0]).all()
    np.testing.assert_allclose(data["velocity"][1:].to_numpy(), (SERIES[0] * 1e3)[1:], atol=1e-4)


def test_vectors_off_unit_length_and_a_frame_of_the_other_orbit_are_refused(tmp_path):
    with pytest.raises(DataError, match="off unit length"):
        open_insar(licsbas(tmp_path / "a", length=1.2), track="asc")
    with pytest.raises(AmbiguousError, match="descending"):
        open_insar(licsbas(tmp_path / "094D_04913_101213"), track="desc")


def test_native_maps_come_back_exactly_on_their_own_grid(tmp_path):
    data = dataset(SERIES)[["los_east"]].assign(velocity=(("y", "x"), SERIES[0].astype("f4"), {"units": "mm/yr"}))
    write_native(data, tmp_path / "n.h5")
    grid = Grid.from_bounds((LEFT, TOP - 20 * CELL, LEFT + 25 * CELL, TOP), crs="EPSG:4546", resolution_m=CELL)
    for method in ("bilinear", "nearest"):
        got = onto_grid(tmp_path / "n.h5", "velocity", grid, method=method)
        np.testing.assert_array_equal(got.to_numpy(), SERIES[0].astype("f4"))
    assert native_facts(tmp_path / "n.h5")["posting_m"] == CELL
    far = Grid.from_bounds((LEFT + 1e5, TOP, LEFT + 1.1e5, TOP + 1e4), crs="EPSG:4546", resolution_m=CELL)
    with pytest.raises(OverlapError, match="does not meet"):
        onto_grid(tmp_path / "n.h5", "velocity", far, method="nearest")


@pytest.mark.real
def test_real_products_are_recognised():
    folder = Path(os.environ["GEO_RISK_REAL"]) / "insar/licsbas_naf"
    for name, side in (("014A_04939_131313", -1), ("094D_04913_101213", 1)):
        data = open_insar(folder / name, track="t")
        assert np.sign(np.nanmedian(data["los_east"].to_numpy())) == side
