"""One series file to one velocity file: the same as the kernel, in bands, and clear ends for bad files."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from geo_risk.cli import main
from geo_risk.core.errors import (
    AmbiguousError,
    CorruptFileError,
    DataError,
    LimitError,
    RefusedFileError,
    TimeError,
    UnitError,
)
from geo_risk.flow import velocity_file
from geo_risk.flow.velocity_file import VelocityFileOptions, write_velocity_file
from geo_risk.kernels.lsq_plain import fit_plain
from geo_risk.kernels.motion import motion_columns, years
from geo_risk.publish.velocity_file import velocity_file as velocity_writer
from geo_risk.sources.series_file import open_series_file

DAYS = np.datetime64("2019-01-05") + 12 * np.arange(30)


def write(path: Path, values: np.ndarray, **changes: object) -> Path:
    days = changes.pop("days", [str(d).replace("-", "") for d in DAYS[: len(values)]])
    attrs = {"FILE_TYPE": "timeseries", "UNIT": "m", "LENGTH": str(values.shape[1]), "WIDTH": str(values.shape[2]),
             "X_FIRST": "110", "Y_FIRST": "36", "X_STEP": "0.001", "Y_STEP": "-0.001", "X_UNIT": "degrees",
             "Y_UNIT": "degrees", "REF_DATE": "20190105", "PROCESSOR": "isce", "WAVELENGTH": "0.0555",
             "REF_Y": "1", "REF_X": "1", "ORBIT_DIRECTION": "ASCENDING"} | changes  # fmt: skip
    with h5py.File(path, "w") as file:
        file["timeseries"] = values.astype("f4")
        file["date"] = np.array(days, dtype="S8")
        file["bperp"] = np.zeros(len(values), "f4")
        file.attrs.update({k: v for k, v in attrs.items() if v})
    return path


def stack(seed: int = 1, shape: tuple[int, int, int] = (30, 23, 17)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 0.005, shape) + np.linspace(-0.02, 0.03, shape[2]) * np.arange(shape[0])[:, None, None] / 30.4


def test_bands_give_what_the_whole_stack_gives(tmp_path, monkeypatch):
    values = stack()
    values[np.random.default_rng(2).random(values.shape) < 0.1] = np.nan
    source = write(tmp_path / "timeseries.h5", values * 1000, UNIT="mm")
    monkeypatch.setattr(velocity_file, "BLOCK_BYTES", 4 * 30 * 17 * 3)  # three rows a band: eight bands
    options = VelocityFileOptions(annual=True, acceleration=True, steps=(np.datetime64("2019-06-01"),))
    facts = write_velocity_file(source, tmp_path / "v.h5", options)
    t = years(DAYS)
    design = motion_columns(t, annual=True, acceleration=True, steps=[float(t[0] + 147 / 365.25)])
    millimetres = (values * 1000).astype("f4") * np.float32(0.001)
    want = fit_plain(millimetres, design, np.ones(30), np.zeros((30, 0)), np.zeros((0, 23, 17), "f4"), 3)
    assert facts["known_share"] == 1.0
    with h5py.File(tmp_path / "v.h5") as out:
        got = {name: out[name][:] for name in out}
        assert out.attrs["FILE_TYPE"] == "velocity"
        assert (out.attrs["UNIT"], out.attrs["START_DATE"]) == ("m/year", "20190105")
    assert (got["velocity"] == want[0][1]).all()
    assert (got["velocityStd"] == want[1][1]).all()
    assert (got["acceleration"] == want[0][4]).all()
    assert (got["step20190601Std"] == want[1][5]).all()
    assert (got["numDate"] == np.isfinite(values).sum(axis=0)).all()


def test_cells_outside_the_mask_are_missing_and_not_still(tmp_path):
    values = stack()
    values[:, 4, 5] = 0
    values[:, 6, 7] = -0.999  # a mark in millimetres, which radar does not measure thirty times over
    values[:, 8, 9] = 0.012
    values[3, 8, 9] += 1e-4  # quiet, but measured
    for annual in (False, True):
        options = VelocityFileOptions(annual=annual)
        write_velocity_file(write(tmp_path / "t.h5", values), tmp_path / "v.h5", options)
        with h5py.File(tmp_path / "v.h5") as out:
            for name in ("velocity", "velocityStd", "residualStd"):
                assert np.argwhere(np.isnan(out[name][:])).tolist() == [[4, 5], [6, 7]]
            assert out["velocity"][8, 9] == pytest.approx(0, abs=1e-4)


def test_the_command_says_what_it_did(tmp_path, capsys):
    source = write(tmp_path / "timeseries.h5", stack())
    with pytest.raises(SystemExit) as end:
        main(["velocity", str(source), "--out", str(tmp_path / "v.h5"), "--json"])
    assert end.value.code == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["dates"], said["shape"], said["known_share"]) == (30, [23, 17], 1.0)
    with pytest.raises(SystemExit) as end:
        main(["velocity", str(source), "--out", str(tmp_path / "v.h5"), "--time-axis", "lunar"])
    assert end.value.code == 2


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"UNIT": ""}, UnitError, "m, cm or mm"),
        ({"UNIT": "radian"}, UnitError, "radian"),
        ({"days": ["20190105"] * 30}, TimeError, "doubled"),
        ({"days": ["2019-105"] * 30}, TimeError, "YYYYMMDD"),
        ({"days": ["20190105"]}, DataError, "1 dates for 30"),
    ],
)
def test_a_header_that_cannot_be_used_is_refused(tmp_path, changes, error, said):
    with pytest.raises(error, match=said):
        open_series_file(write(tmp_path / "timeseries.h5", stack(), **changes))


def test_files_that_are_something_else_are_refused(tmp_path):
    text = tmp_path / "timeseries.h5"
    text.write_text("no HDF5")
    with pytest.raises(CorruptFileError):
        open_series_file(text)
    with h5py.File(tmp_path / "velocity.h5", "w") as file:
        file["velocity"] = np.zeros((3, 3), "f4")
    with pytest.raises(RefusedFileError, match="timeseries"):
        open_series_file(tmp_path / "velocity.h5")
    with h5py.File(tmp_path / "huge.h5", "w") as file:
        file.create_dataset("timeseries", (320, 10**5, 10**4), "f4", chunks=(1, 256, 256))
        file.attrs["UNIT"] = "m"
    with pytest.raises(LimitError, match=r"1\.16 TiB"):
        open_series_file(tmp_path / "huge.h5")


def fails(folder: Path, error: type[Exception], said: str, source: Path, **options: bool) -> None:
    out = folder / "none.h5"
    with pytest.raises(error, match=said):
        write_velocity_file(source, out, VelocityFileOptions(**options))
    assert not out.exists()


def test_millimetres_called_metres_stop_unless_the_user_vouches_for_them(tmp_path):
    source = write(tmp_path / "t.h5", (stack() + 0.002 * np.arange(30)[:, None, None]) * 1000)
    fails(tmp_path, AmbiguousError, "is the unit really m", source)
    quake = stack()
    quake[15:] += 1.5
    source = write(tmp_path / "q.h5", quake)
    fails(tmp_path, AmbiguousError, "is the unit really m", source)
    facts = write_velocity_file(source, tmp_path / "v.h5", VelocityFileOptions(units_checked=True))
    assert facts["known_share"] == 1.0


@pytest.mark.parametrize("unit", [("m", 1), ("mm", 1000)])
@pytest.mark.parametrize("mark", [-9999.0, 1e20, -32768.0])
@pytest.mark.parametrize("dates", [slice(None), slice(3, 4), slice(0, 30, 2)])
def test_marks_of_missing_stop_and_make_no_still_ground(tmp_path, monkeypatch, unit, mark, dates):
    name, factor = unit
    monkeypatch.setattr(velocity_file, "BLOCK_BYTES", 4 * 30 * 17 * 3)
    values = stack() * factor
    values[dates, 10:12, 4:7] = mark  # rows of no sample
    source = write(tmp_path / "t.h5", values, UNIT=name)
    fails(tmp_path, DataError, re.escape(f"{mark:g} in "), source)
    with h5py.File(source, "r+") as file:
        file["timeseries"].attrs["_FillValue"] = np.float32(mark)
    write_velocity_file(source, tmp_path / "v.h5", VelocityFileOptions())
    values[dates, 10:12, 4:7] = np.nan
    write_velocity_file(write(tmp_path / "n.h5", values, UNIT=name), tmp_path / "w.h5", VelocityFileOptions())
    with h5py.File(tmp_path / "v.h5") as got, h5py.File(tmp_path / "w.h5") as want:
        np.testing.assert_array_equal(got["velocity"][:], want["velocity"][:])


def test_a_mark_in_the_file_header_is_missing_and_not_handed_on(tmp_path):
    values = stack()
    values[:, 10, 4] = -9999
    write_velocity_file(
        write(tmp_path / "t.h5", values, NO_DATA_VALUE="-9999"), tmp_path / "v.h5", VelocityFileOptions()
    )
    with h5py.File(tmp_path / "v.h5") as out:
        assert np.argwhere(np.isnan(out["velocity"][:])).tolist() == [[10, 4]]
        assert "NO_DATA_VALUE" not in out.attrs


def test_impossible_motion_stops_and_infinite_values_are_counted(tmp_path, cli):
    values = stack()
    values[3, 10, 4] = 4000
    fails(tmp_path, DataError, "1 values beyond 100 m, such as 4000", write(tmp_path / "t.h5", values))
    values[3, 10, 4] = np.inf
    values[:, 11, 4] = -np.inf
    source = write(tmp_path / "t.h5", values)
    facts = write_velocity_file(source, tmp_path / "v.h5", VelocityFileOptions())
    assert facts["infinite_values"] == 31
    with h5py.File(tmp_path / "v.h5") as out:
        assert np.argwhere(np.isnan(out["velocity"][:])).tolist() == [[11, 4]]
        assert out["numDate"][10, 4] == 29
    assert "(31 infinite values taken as missing)" in cli("velocity", source, "-o", tmp_path / "v.h5")[1]


def test_counts_with_a_declared_factor_are_decoded(tmp_path):
    values = stack()
    source = write(tmp_path / "t.h5", values)
    with h5py.File(source, "r+") as file:
        del file["timeseries"]
        file["timeseries"] = np.round(values * 10_000).astype("i2")
        file["timeseries"].attrs["scale_factor"] = 1e-4
    write_velocity_file(source, tmp_path / "v.h5", VelocityFileOptions())
    write_velocity_file(write(tmp_path / "f.h5", values), tmp_path / "w.h5", VelocityFileOptions())
    with h5py.File(tmp_path / "v.h5") as got, h5py.File(tmp_path / "w.h5") as want:
        np.testing.assert_allclose(got["velocity"][:], want["velocity"][:], atol=1e-4)
    with h5py.File(source, "r+") as file:
        file["timeseries"][:, 10, 4] = -32768
    fails(tmp_path, DataError, "-32768 in 30 cells", source)


def test_a_link_to_another_file_is_refused(tmp_path):
    source = write(tmp_path / "t.h5", stack())
    with h5py.File(source, "r+") as file:
        del file["timeseries"]
        file["timeseries"] = h5py.ExternalLink("other.h5", "timeseries")
    write(tmp_path / "other.h5", stack())
    fails(tmp_path, RefusedFileError, "link to another file", source)


def test_a_file_without_any_velocity_ends_with_an_error(tmp_path, cli):
    source = write(tmp_path / "t.h5", stack() * np.nan)
    fails(tmp_path, DataError, "no value in the sample", source)
    values = np.full((30, 23, 17), np.nan)
    values[:2] = 0.01
    code, _, said = cli("velocity", write(tmp_path / "t.h5", values), "-o", tmp_path / "v.h5")
    assert code == 3
    assert "no pixel has a velocity" in said
    assert not (tmp_path / "v.h5").exists()


def test_dates_with_dashes_or_a_time_of_day_are_read(tmp_path):
    for form in ("{0}-{1}-{2}", "{0}{1}{2}T1032"):
        source = write(tmp_path / "t.h5", stack())
        with h5py.File(source, "r+") as file:
            del file["date"]
            file["date"] = np.array([form.format(*str(d).split("-")) for d in DAYS], dtype="S")
        assert (open_series_file(source).times == DAYS).all()


def test_rows_left_out_are_not_published(tmp_path):
    final = tmp_path / "v.h5"
    with (
        pytest.raises(ValueError, match="2 of 5 rows"),
        velocity_writer(final, {"velocity": "m/year"}, (5, 3), {}) as write_rows,
    ):
        write_rows(0, {"velocity": np.zeros((2, 3), np.float32)})
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("mintpy") is None, reason="MintPy is not installed: pip install mintpy")
def test_velocities_agree_with_mintpy_on_its_time_axis(tmp_path):
    days = [str(d).replace("-", "") for d in DAYS[0] + 36 * np.arange(30)]  # over New Year, where the axes differ
    source = write(tmp_path / "timeseries.h5", stack(3, (30, 40, 50)), days=days)
    tool = Path(sys.executable).parent / "timeseries2velocity.py"
    subprocess.run([tool, source, "-o", tmp_path / "theirs.h5"], check=True, capture_output=True, cwd=tmp_path)
    write_velocity_file(source, tmp_path / "ours.h5", VelocityFileOptions(time_axis="calendar_year"))
    write_velocity_file(source, tmp_path / "plain.h5", VelocityFileOptions())
    maps = {}
    for name in ("ours", "theirs", "plain"):
        with h5py.File(tmp_path / f"{name}.h5") as file:
            maps[name] = {k: file[k][:].astype("f8") for k in ("velocity", "velocityStd")}
    for key in ("velocity", "velocityStd"):
        assert np.abs(maps["ours"][key] - maps["theirs"][key]).max() <= 1e-7
    # without its axis they are further apart, so the test above can fail
    assert np.abs(maps["plain"]["velocity"] - maps["theirs"]["velocity"]).max() > 1e-6
