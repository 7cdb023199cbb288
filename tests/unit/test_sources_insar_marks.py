"""Marks of missing in HDF5 and NetCDF: declared ones are missing, others stop the run, none becomes still ground."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.core.errors import AmbiguousError, DataError
from geo_risk.sources.audit_words import in_chinese
from geo_risk.sources.insar import open_insar
from geo_risk.sources.marks import MARKS, check_marks, counted_marks, possible
from geo_risk.sources.options import TrackOptions
from geo_risk.sources.possible_motion import without_constant
from tests.support.insar import write_mintpy
from tests.support.insar_files import days, write_cum, write_granule, write_hdfeos, write_look
from tests.support.points import write_tif

SHAPE = (40, 30)
PATCH = np.s_[..., 20:23, 10:14]
SERIES = np.random.default_rng(5).normal(0, 0.01, (5, *SHAPE)) + 0.001


def patched(value: float, series: np.ndarray = SERIES) -> np.ndarray:
    out = series.copy()
    out[PATCH] = value
    return out


def gone(values: np.ndarray) -> np.ndarray:
    return np.argwhere(np.isnan(values).any(axis=0))


PATCHED = np.argwhere(patched(np.nan)[0] != patched(np.nan)[0])


def mintpy(folder: Path, series: np.ndarray, **attrs: str) -> dict[str, Path]:
    return write_mintpy(folder, series, **attrs)


def shown(paths: dict[str, Path]) -> np.ndarray:
    return open_insar(paths["files"], track="asc", geometry=paths["geometry"])["displacement"].to_numpy()


@pytest.mark.parametrize("mark", [-9999.0, 1e20, 9.969209968386869e36, -32768.0])
def test_a_mark_that_a_mintpy_series_declares_is_missing(tmp_path, mark):
    paths = mintpy(tmp_path / "root", patched(mark), NO_DATA_VALUE=str(mark))
    assert (gone(shown(paths)) == PATCHED).all()
    paths = mintpy(tmp_path / "dataset", patched(mark))
    with h5py.File(paths["files"], "r+") as file:
        file["timeseries"].attrs["_FillValue"] = np.float32(mark)
    data = open_insar(paths["files"], track="asc", geometry=paths["geometry"])
    assert (gone(data["displacement"].to_numpy()) == PATCHED).all()
    said = [s for s in data.attrs["audit"] if "as the file declares" in s]
    assert said == [f"missing: cells of timeseries that hold {mark:g}, as the file declares"]


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_that_nobody_declares_stops_the_run(tmp_path, mark):
    paths = mintpy(tmp_path, patched(mark))
    with pytest.raises(DataError, match=r"in \d+ cells, and the file does not declare it") as error:
        shown(paths)
    assert "timeseries" in error.value.where
    assert "_FillValue" in error.value.fix


def test_a_mark_on_one_date_that_no_sample_sees_stops_the_run_with_its_place(tmp_path):
    series = SERIES.copy()
    series[2, 21, 11] = -9999
    with pytest.raises(DataError, match="-9999 in 1 cells") as error:
        shown(mintpy(tmp_path, series))
    assert "rows 0-40, columns 0-30" in error.value.where


def test_marks_of_licsbas_in_millimetres_stop_the_run(tmp_path):
    path = write_cum(tmp_path / "cum.h5", patched(-9999, SERIES * 1000))
    with pytest.raises(DataError, match="-9999"):
        open_insar(path, track="asc")["displacement"].to_numpy()
    with h5py.File(path, "r+") as file:
        file["cum"].attrs["_FillValue"] = np.float32(-9999)
    values = open_insar(path, track="asc")["displacement"].to_numpy()
    assert np.isnan(values[PATCH]).all()
    assert np.nanmax(np.abs(values)) < 0.1


def test_marks_of_hdfeos_stop_the_run_and_its_fill_of_zero_stays_data(tmp_path):
    series = SERIES.copy()
    series[0] = 0
    values = open_insar(write_hdfeos(tmp_path / "a.he5", series), track="asc")["displacement"].to_numpy()
    assert np.isfinite(values[0, :-1]).all()
    with pytest.raises(DataError, match="-9999"):
        open_insar(write_hdfeos(tmp_path / "b.he5", patched(-9999)), track="asc")["displacement"].to_numpy()


def test_marks_of_opera_stop_the_run_but_not_where_its_mask_hides_them(tmp_path):
    look = write_look(tmp_path / "look", SHAPE)
    mask = np.ones(SHAPE)
    mask[PATCH] = 0
    for name, masks in (("a", None), ("b", mask)):
        for k in range(1, 4):
            values = patched(-9999)[k] if k == 2 else SERIES[k]
            write_granule(tmp_path / name, values, (days(4)[0], days(4)[k]), mask=masks if k == 2 else None)
    with pytest.raises(DataError, match="-9999 in 12 cells"):
        open_insar(tmp_path / "a", track="asc", geometry=look)
    values = open_insar(tmp_path / "b", track="asc", geometry=look)["displacement"].to_numpy()
    assert np.isnan(values[2][PATCH]).all()
    assert np.isfinite(values[3]).all()


def test_counts_with_a_declared_factor_are_metres(tmp_path):
    paths = mintpy(tmp_path, SERIES)
    counts = np.round(patched(np.nan) * 10_000)
    with h5py.File(paths["files"], "r+") as file:
        del file["timeseries"]
        data = file.create_dataset("timeseries", data=np.nan_to_num(counts, nan=-32768).astype("i2"))
        data.attrs.update({"scale_factor": 1e-4, "add_offset": 0.0, "_FillValue": np.int16(-32768)})
    np.testing.assert_allclose(shown(paths), patched(np.nan), atol=6e-5)
    with h5py.File(paths["files"], "r+") as file:
        del file["timeseries"].attrs["_FillValue"]
    with pytest.raises(DataError, match="-32768"):
        shown(paths)
    with h5py.File(paths["files"], "r+") as file:
        file["timeseries"].attrs["scale_factor"] = 0.0
    with pytest.raises(DataError, match="scale_factor is 0"):
        shown(paths)


def counts(folder: Path, values: np.ndarray, *, nodata: int | None) -> Path:
    """A stack of int16 in tenths of a millimetre, NaN as -32768, with the factor that makes them metres."""
    for day, band in zip(days(len(values)), values, strict=True):
        path = write_tif(folder / f"{day}.tif", band, units="m", positive="toward")
        with rasterio.open(path) as source:
            profile = source.profile | {"dtype": "int16", "nodata": nodata}
        with rasterio.open(path, "w", **profile) as target:
            target.write(np.nan_to_num(np.round(band * 1e4), nan=-32768).astype("i2"), 1)
            target.scales, target.units = (1e-4,), ("m",)
            target.update_tags(1, positive="toward")
    return folder


def test_counts_of_a_stack_may_be_minus_9999_and_only_the_end_of_their_type_is_a_mark(tmp_path):
    look = TrackOptions(incidence_deg=39.0, heading_deg=349.0)
    values = patched(np.nan)
    values[-1, 0, 0] = -0.9999  # ground that sank a metre
    data = open_insar(counts(tmp_path / "a", values, nodata=-32768), track="asc", options=look)
    np.testing.assert_allclose(data["displacement"].to_numpy(), values, atol=6e-5)
    with pytest.raises(DataError, match="-32768 in 12 cells, and the file does not declare it"):
        open_insar(counts(tmp_path / "b", values, nodata=None), track="asc", options=look)


@pytest.mark.parametrize(("dtype", "marks"), [
    ("int16", (-32768.0, -32767.0)), ("int32", (-2147483648.0, -2147483647.0)), ("uint16", ()), ("int8", ()),
    ("float32", None),
])  # fmt: skip
def test_marks_of_counts_are_the_lowest_of_their_type(dtype, marks):
    assert counted_marks(dtype) == marks


def test_a_velocity_of_marks_stops_the_run(tmp_path):
    paths = mintpy(tmp_path, SERIES)
    with h5py.File(paths["files"], "r+") as file:
        del file["timeseries"], file["date"]
        file["velocity"] = patched(-9999)[0].astype("f4")
        file.attrs["UNIT"] = "m/year"
    with pytest.raises(DataError, match="-9999"):
        open_insar(paths["files"], track="asc", geometry=paths["geometry"])["velocity"].to_numpy()


@pytest.mark.parametrize(
    ("name", "mark"), [("incidenceAngle", -9999), ("incidenceAngle", 130), ("azimuthAngle", -9999)]
)
def test_angles_that_no_satellite_has_are_no_geometry(tmp_path, name, mark):
    paths = mintpy(tmp_path, SERIES)
    with h5py.File(paths["geometry"], "r+") as file:
        file[name][PATCH] = mark
    data = open_insar(paths["files"], track="asc", geometry=paths["geometry"])
    for part in ("los_east", "los_north") if name == "azimuthAngle" else ("los_east", "los_north", "los_up"):
        assert (np.argwhere(np.isnan(data[part].to_numpy())) == PATCHED).all()
    said = [s for s in data.attrs["audit"] if "outside 2-90 degrees, 1.0% of a sample" in s]
    assert len(said) == (name == "incidenceAngle")


@pytest.mark.parametrize("endless", [np.inf, -np.inf])
def test_infinite_values_are_missing_and_the_audit_says_so(tmp_path, endless):
    paths = mintpy(tmp_path, patched(endless))
    data = open_insar(paths["files"], track="asc", geometry=paths["geometry"])
    assert (gone(data["displacement"].to_numpy()) == PATCHED).all()
    assert any(s.startswith("missing: infinite values") for s in data.attrs["audit"])


def test_infinite_values_of_a_geotiff_stack_are_missing_too(tmp_path):
    for day, values in zip(days(5), patched(np.inf), strict=True):
        write_tif(tmp_path / f"{day}.tif", values, nodata=np.nan)
    options = TrackOptions(incidence_deg=39.0, heading_deg=349.0, units="m", positive="toward")
    data = open_insar(tmp_path, track="asc", options=options)
    assert (gone(data["displacement"].to_numpy()) == PATCHED).all()
    assert any(s.startswith("missing: infinite values") for s in data.attrs["audit"])


@pytest.mark.parametrize("value", [-999.0, 0.012, -10000.0])
def test_one_value_on_every_date_is_a_mark_whatever_it_is(tmp_path, value):
    paths = mintpy(tmp_path / "mm", patched(value, SERIES * 1000), UNIT="mm")
    assert (gone(shown(paths)) == PATCHED).all()
    for day, values in zip(days(5), patched(value, SERIES * 1000), strict=True):
        write_tif(tmp_path / "tif" / f"{day}.tif", values, nodata=np.nan)
    options = TrackOptions(incidence_deg=39.0, heading_deg=349.0, units="mm", positive="toward")
    data = open_insar(tmp_path / "tif", track="asc", options=options)
    assert (gone(data["displacement"].to_numpy()) == PATCHED).all()
    assert any("one value on all of 4 dates or more" in s for s in data.attrs["audit"])


def test_few_dates_of_one_value_and_gaps_beside_it_are_told_apart():
    series = np.full((5, 4), 0.3, "f4")
    series[:2, 1] = np.nan
    series[0, 2] = np.nan
    series[1, 3] = 0.31
    found = without_constant(series)
    assert np.isnan(found).all(axis=0).tolist() == [True, False, True, False]
    np.testing.assert_array_equal(without_constant(series[:3]), series[:3])
    untouched = np.random.default_rng(1).normal(size=(6, 3, 2)).astype("f4")
    assert without_constant(untouched) is untouched


@pytest.mark.parametrize("mark", [-32768.0, -9999.0, 1e20, np.inf])
def test_heights_that_no_ground_has_are_missing_and_told(tmp_path, mark):
    paths = mintpy(tmp_path, SERIES)
    height = np.linspace(-400, 8800, 1200, dtype="f4").reshape(SHAPE)
    with h5py.File(paths["geometry"], "r+") as file:
        file["height"] = np.where(np.isnan(patched(np.nan)[0]), np.float32(mark), height)
    data = open_insar(paths["files"], track="asc", geometry=paths["geometry"])
    assert (np.argwhere(np.isnan(data["height"].to_numpy())) == PATCHED).all()
    said = "height: 12 of 1200 cells of a sample are outside -500 to 9000 m; all such are missing"
    assert said in data.attrs["audit"]
    assert in_chinese(said) == "高程：抽样的 1200 个像元中 12 个不在 -500 至 9000 米之间；此类高程均按缺失处理"


def test_azimuths_in_radians_without_a_heading_are_asked_about(tmp_path):
    paths = mintpy(tmp_path, SERIES, ORBIT_DIRECTION="", HEADING="")
    with h5py.File(paths["geometry"], "r+") as file:
        file["azimuthAngle"][...] = np.deg2rad(file["azimuthAngle"][...])
    with pytest.raises(AmbiguousError, match="are they radians"):
        open_insar(paths["files"], track="asc", geometry=paths["geometry"])


def test_what_no_ground_does_stops_the_run_with_its_place(tmp_path):
    with pytest.raises(DataError, match="12 values beyond 100 m, such as 12345") as error:
        shown(mintpy(tmp_path, np.concatenate([patched(12345.0)[:1], SERIES[1:]])))
    assert "displacement, rows 0-40" in error.value.where


def test_new_sentences_are_known_in_chinese(tmp_path):
    paths = mintpy(tmp_path, patched(-9999), NO_DATA_VALUE="-9999")
    with h5py.File(paths["geometry"], "r+") as file:
        file["incidenceAngle"][PATCH] = -9999
    with h5py.File(paths["files"], "r+") as file:
        file["timeseries"].attrs["scale_factor"] = 0.5
    for sentence in open_insar(paths["files"], track="asc", geometry=paths["geometry"]).attrs["audit"]:
        if sentence.startswith(("missing", "stored")):
            assert "的" in in_chinese(sentence) or "存储" in in_chinese(sentence), sentence
            assert "missing" not in in_chinese(sentence)


@given(st.lists(st.floats(-99, 99, width=32) | st.just(np.nan), max_size=20), st.sampled_from([1.0, 0.01, 0.001]))
def test_motion_that_can_be_is_left_as_it_is(values, factor):
    held = np.array(values, "f4")
    check_marks(held * np.float32(factor), where="f", factor=1.0)
    kept, count = possible(held, limit=100, unit="m", where="f")
    assert kept is held
    assert count == 0


@given(st.sampled_from(MARKS), st.sampled_from([1.0, 0.01, 0.001]), st.integers(0, 9))
def test_a_mark_is_found_wherever_it_is_and_whatever_it_was_multiplied_with(mark, factor, at):
    held = np.full(10, 0.5, "f4")
    held[at] = mark
    with pytest.raises(DataError, match="1 cells"):
        check_marks(held * np.float32(factor), where="f", factor=factor)
