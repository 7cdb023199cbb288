"""The command that turns velocity files into east and up: right numbers, and a clear end on bad files."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from geo_risk.cli import main
from geo_risk.core.errors import (
    AmbiguousError,
    CorruptFileError,
    DataError,
    GridError,
    RefusedFileError,
    UnitError,
)
from geo_risk.flow import east_up_file
from geo_risk.flow.east_up_file import write_east_up_file
from geo_risk.hazards.deformation.geometry.decomposition import Track, east_up
from geo_risk.hazards.deformation.params import DecompositionParams
from geo_risk.sources.insar import open_insar

SHAPE = (23, 17)
HEADING = {"asc": -13.0, "desc": -167.0}
ORBIT = {"asc": "ASCENDING", "desc": "DESCENDING"}


def write_track(folder: Path, track: str, *, std: bool = True, **attrs: str) -> tuple[Path, Path]:
    rng = np.random.default_rng(len(track))
    said = {
        "FILE_TYPE": "velocity", "UNIT": "m/year", "X_FIRST": "510000", "Y_FIRST": "4065000", "X_STEP": "60",
        "Y_STEP": "-60", "X_UNIT": "meters", "EPSG": "4546", "ORBIT_DIRECTION": ORBIT[track],
    } | attrs  # fmt: skip
    velocity, geometry = folder / f"{track}.h5", folder / f"{track}_geometry.h5"
    with h5py.File(velocity, "w") as file:
        file["velocity"] = rng.normal(0, 0.02, SHAPE).astype("f4")
        file["velocity"][3, 4] = np.nan
        if std:
            file["velocityStd"] = rng.uniform(0.001, 0.003, SHAPE).astype("f4")
        file.attrs.update({k: v for k, v in said.items() if v})
    with h5py.File(geometry, "w") as file:
        file["incidenceAngle"] = rng.uniform(33, 44, SHAPE).astype("f4")
        file["azimuthAngle"] = np.full(SHAPE, 90 - HEADING[track], "f4")
        file.attrs.update({k: v for k, v in said.items() if v})
    return velocity, geometry


def pairs(folder: Path, **options: bool) -> list[tuple[Path, Path]]:
    return [write_track(folder, t, **options) for t in HEADING]


def test_it_gives_what_the_pipeline_gives(tmp_path, monkeypatch):
    monkeypatch.setattr(east_up_file, "BLOCK_BYTES", 16 * 2 * SHAPE[1] * 5)  # five rows a band
    files = pairs(tmp_path)
    facts = write_east_up_file(files, tmp_path / "out.h5")
    assert facts["known_share"] == pytest.approx(1 - 1 / np.prod(SHAPE))
    tracks = []
    for name, (velocity, geometry) in zip(HEADING, files, strict=True):
        data = open_insar(velocity, track=name, geometry=geometry)
        from geo_risk.core.grid import Grid

        grid = Grid.from_bounds((510_000, 4_065_000 - 60 * SHAPE[0], 510_000 + 60 * SHAPE[1], 4_065_000),
                                crs="EPSG:4546", resolution_m=60)  # fmt: skip
        names = ("velocity", "velocity_std", "los_east", "los_north", "los_up")
        tracks.append(Track(name, *(grid.layer(data[n].to_numpy(), units=data[n].attrs["units"], long_name=n)
                                    for n in names)))  # fmt: skip
    want = east_up(tracks, DecompositionParams())
    with h5py.File(tmp_path / "out.h5") as out:
        assert out["east"].attrs["UNIT"] == "m/year"
        assert out.attrs["EPSG"] == "4546"
        for name, layer in (("east", "velocity_east"), ("up", "velocity_up"), ("eastStd", "velocity_east_std"),
                            ("upStd", "velocity_up_std")):  # fmt: skip
            np.testing.assert_allclose(out[name][:] * 1000, want[layer].to_numpy(), rtol=2e-5, atol=1e-4)


def test_without_standard_errors_there_are_none(tmp_path):
    write_east_up_file(pairs(tmp_path, std=False), tmp_path / "out.h5")
    with h5py.File(tmp_path / "out.h5") as out:
        assert sorted(out) == ["east", "up"]


@pytest.mark.parametrize("std", [True, False])
@pytest.mark.parametrize("name", ["velocity", "incidenceAngle"])
def test_what_mintpy_left_at_zero_is_missing_and_no_still_ground(tmp_path, std, name):
    files = pairs(tmp_path, std=std)
    with h5py.File(files[0][0 if name == "velocity" else 1], "r+") as file:
        file[name][5, 6] = 0
    write_east_up_file(files, tmp_path / "out.h5")
    with h5py.File(tmp_path / "out.h5") as out:
        up = out["up"][:]
    assert np.argwhere(np.isnan(up)).tolist() == [[3, 4], [5, 6]]


@pytest.mark.parametrize(("std", "kind"), [(True, "bool"), (False, "u1")])
def test_water_of_the_geometry_has_no_motion(tmp_path, std, kind):
    files = pairs(tmp_path, std=std)
    land = np.ones(SHAPE, kind)
    land[7, 2:4] = 0
    with h5py.File(files[1][1], "r+") as file:
        file["waterMask"] = land
    write_east_up_file(files, tmp_path / "out.h5")
    with h5py.File(tmp_path / "out.h5") as out:
        assert np.argwhere(np.isnan(out["up"][:])).tolist() == [[3, 4], [7, 2], [7, 3]]


def test_a_water_mask_of_another_shape_is_not_passed_over(tmp_path):
    files = pairs(tmp_path)
    with h5py.File(files[1][1], "r+") as file:
        file["waterMask"] = np.ones((5, 5), "u1")
    fails(tmp_path, GridError, "waterMask has shape", files)


@pytest.mark.parametrize(("attrs", "said"), [
    ({"EPSG": "4547"}, "EPSG is 4547 where asc.h5 has 4546"),
    ({"EPSG": "", "UTM_ZONE": "50N"}, "UTM_ZONE is 50N where asc.h5 has 49N"),
])  # fmt: skip
def test_tracks_in_two_systems_do_not_lie_on_one_frame(tmp_path, attrs, said):
    first = write_track(tmp_path, "asc", **({"UTM_ZONE": "49N"} if "UTM_ZONE" in attrs else {}))
    fails(tmp_path, GridError, said, [first, write_track(tmp_path, "desc", **attrs)])


def test_command_line(tmp_path, capsys):
    words = [str(p) for pair in pairs(tmp_path) for p in pair]
    with pytest.raises(SystemExit) as done:
        main(["east-up", *words, "-o", str(tmp_path / "out.h5"), "--json"])
    assert done.value.code == 0
    assert json.loads(capsys.readouterr().out)["tracks"] == 2
    with pytest.raises(SystemExit) as done:
        main(["east-up", *words[:3], "-o", str(tmp_path / "odd.h5")])
    assert done.value.code == 2
    assert not (tmp_path / "odd.h5").exists()


def test_bad_files_end_clearly(tmp_path):
    good = write_track(tmp_path, "asc")
    out = tmp_path / "out.h5"

    def refused(error, match, velocity, geometry):
        with pytest.raises(error, match=match):
            write_east_up_file([good, (velocity, geometry)], out)
        assert not out.exists()

    desc = write_track(tmp_path, "desc", UNIT="mm/year")
    refused(UnitError, "UNIT", *desc)
    desc = write_track(tmp_path, "desc", X_FIRST="510060")
    refused(GridError, "corner", *desc)
    desc = write_track(tmp_path, "desc", X_STEP="60.01")
    refused(GridError, "corner and step", *desc)
    desc = write_track(tmp_path, "desc", X_FIRST="")
    refused(GridError, "radar coordinates", *desc)
    desc = write_track(tmp_path, "desc")
    refused(RefusedFileError, "velocity", desc[1], desc[1])
    refused(RefusedFileError, "incidenceAngle", desc[0], desc[0])
    with h5py.File(desc[1], "r+") as file:
        file["incidenceAngle"][...] = 120.0
    refused(DataError, "incidence", *desc)
    with h5py.File(desc[1], "r+") as file:
        file["incidenceAngle"][...] = 0.68
    refused(DataError, "not in radians", *desc)
    desc[0].write_bytes(b"no HDF5")
    refused(CorruptFileError, "cannot be read", *desc)
    with pytest.raises(DataError, match="two looks"):
        write_east_up_file([good], out)
    with pytest.raises(DataError, match="angle"):
        write_east_up_file([good, good], out, minimum_angle_deg=float("nan"))


def fails(folder: Path, error: type[Exception], said: str, files: list[tuple[Path, Path]], **options: object) -> None:
    out = folder / "out.h5"
    with pytest.raises(error, match=said):
        write_east_up_file(files, out, **options)
    assert not out.exists()


def change(path: Path, name: str, at: object, value: object) -> None:
    with h5py.File(path, "r+") as file:
        file[name][at] = value


def test_millimetres_called_metres_stop_unless_the_user_vouches_for_them(tmp_path):
    files = pairs(tmp_path)
    with h5py.File(files[1][0], "r+") as file:
        file["velocity"][...] = file["velocity"][:] * 1000
    fails(tmp_path, AmbiguousError, "is the unit really m/yr", files)
    with h5py.File(files[1][0], "r+") as file:
        file["velocity"][...] = file["velocity"][:] / 20
    fails(tmp_path, AmbiguousError, "is the unit really m/yr", files)
    assert write_east_up_file(files, tmp_path / "out.h5", units_checked=True)["known_share"] > 0.9


@pytest.mark.parametrize("name", ["velocity", "velocityStd"])
@pytest.mark.parametrize("mark", [-9999.0, 1e20])
def test_marks_of_missing_stop_where_nobody_declares_them(tmp_path, name, mark):
    files = pairs(tmp_path)
    change(files[0][0], name, np.s_[11:13, 4], mark)
    fails(tmp_path, DataError, r"in \d cells, and the file does not declare it", files)
    with h5py.File(files[0][0], "r+") as file:
        file[name].attrs["_FillValue"] = np.float32(mark)
    write_east_up_file(files, tmp_path / "out.h5")
    with h5py.File(tmp_path / "out.h5") as out:
        assert np.argwhere(np.isnan(out["up"][:])).tolist() == [[3, 4], [11, 4], [12, 4]]


def test_impossible_velocities_stop_and_infinite_ones_are_counted(tmp_path, cli):
    files = pairs(tmp_path)
    change(files[0][0], "velocity", (11, 4), 8414.0)
    fails(tmp_path, DataError, "1 values beyond 100 m/yr, such as 8414", files)
    change(files[0][0], "velocity", (11, 4), np.inf)
    change(files[0][1], "incidenceAngle", (12, 4), -9999)
    change(files[1][1], "azimuthAngle", (13, 4), -9999)
    facts = write_east_up_file(files, tmp_path / "out.h5")
    assert (facts["infinite_values"], facts["impossible_angles"]) == (1, 2)
    with h5py.File(tmp_path / "out.h5") as out:
        assert np.argwhere(np.isnan(out["up"][:])).tolist() == [[3, 4], [11, 4], [12, 4], [13, 4]]
    said = cli("east-up", *[p for pair in files for p in pair], "-o", tmp_path / "out.h5")[1]
    assert "(1 infinite values and 2 impossible angles taken as missing)" in said


@pytest.mark.parametrize("attrs", [{"HEADING": "-167"}, {"HEADING": ""}])
def test_azimuths_in_radians_are_refused_with_a_heading_and_without(tmp_path, attrs):
    files = [write_track(tmp_path, "asc"), write_track(tmp_path, "desc", **attrs)]
    change(files[1][1], "azimuthAngle", ..., np.deg2rad(90 - HEADING["desc"]))
    fails(tmp_path, AmbiguousError, "radians|azimuth angle the one of the look direction", files)


def test_a_look_from_the_other_side_is_refused(tmp_path):
    files = pairs(tmp_path)
    change(files[1][1], "azimuthAngle", ..., 90 - HEADING["asc"])
    fails(tmp_path, AmbiguousError, "the product says descending", files)
    change(files[1][1], "azimuthAngle", ..., -9999)
    fails(tmp_path, DataError, "no azimuth angle", files)


@pytest.mark.parametrize(("which", "name"), [(0, "velocity"), (1, "incidenceAngle")])
def test_links_to_other_files_are_refused(tmp_path, which, name):
    files = pairs(tmp_path)
    with h5py.File(files[0][which], "r+") as file:
        del file[name]
        file[name] = h5py.ExternalLink(files[1][which].name, name)
    fails(tmp_path, RefusedFileError, "link to another file", files)


@pytest.mark.parametrize("std", [True, False])
def test_no_pixel_with_an_answer_is_an_error(tmp_path, std):
    files = pairs(tmp_path, std=std)
    fails(tmp_path, DataError, "less than 20 degrees apart", [files[0], files[0]])
    change(files[0][0], "velocity", np.s_[:12], np.nan)
    change(files[1][0], "velocity", np.s_[12:], np.nan)
    fails(tmp_path, DataError, "look vector in two tracks", files)
