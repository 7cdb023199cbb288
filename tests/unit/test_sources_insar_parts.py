"""Series whose geometry lies elsewhere, and folders of both: what they hold is told, and how to name them."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from geo_risk.core.errors import RefusedFileError
from geo_risk.sources.checks import inspect_file, inspect_track
from geo_risk.sources.insar import open_insar
from geo_risk.sources.options import TrackOptions
from tests.support.insar import write_mintpy
from tests.support.insar_files import days, write_cum, write_granule
from tests.support.points import days as point_days
from tests.support.points import write_tif

SERIES = np.random.default_rng(5).normal(0, 0.01, (5, 24, 30)) + 0.001


def lonely(folder: Path, values: np.ndarray = SERIES) -> Path:
    paths = write_mintpy(folder, values)
    paths["geometry"].unlink()
    return paths["files"]


def dated(folder: Path, **facts: str) -> Path:
    for day, values in zip(point_days(5), SERIES, strict=True):
        write_tif(folder / f"{day}.tif", values, nodata=np.nan, **facts)
    return folder


def test_info_of_a_series_without_its_geometry_tells_what_it_holds(tmp_path, cli):
    values = SERIES.copy()
    values[:, :6] = np.nan
    code, said, _ = cli("info", lonely(tmp_path, values), "--json")
    facts = json.loads(said)["files"][0]
    assert code == 0
    assert (facts["product"], facts["crs"], facts["units"]) == ("mintpy_timeseries", "EPSG:4546", "m")
    assert facts["dates"].endswith("5 dates")
    assert facts["nodata_share"] == 0.25
    assert facts["problems"] == []
    assert any("a run asks for `geometry`" in n for n in facts["notes"])


def test_info_of_a_velocity_without_its_geometry_tells_what_it_holds(tmp_path):
    path = lonely(tmp_path)
    with h5py.File(path, "r+") as file:
        del file["timeseries"], file["date"]
        file["velocity"] = SERIES[0].astype("f4")
        file.attrs["UNIT"] = "m/year"
    facts = inspect_file(path)
    assert (facts.product, facts.units, facts.problems) == ("mintpy_velocity", "mm/yr", ())


def test_info_of_a_granule_tells_what_it_holds(tmp_path):
    path = write_granule(tmp_path, SERIES[1], (days(2)[0], days(2)[1]))
    facts = inspect_file(path)
    assert (facts.product, facts.crs, facts.units) == ("opera_disp", "EPSG:32649", "m")
    assert facts.dates == "2022-07-03 to 2022-07-15, 2 dates"
    assert facts.problems == ()


@pytest.mark.slow
def test_info_of_a_stack_without_a_geometry_tells_what_it_holds(tmp_path):
    facts = inspect_file(dated(tmp_path / "s", units="m", positive="away"))
    assert (facts.product, facts.crs, facts.units, facts.problems) == ("geotiff_stack", "EPSG:32649", "m", ())
    assert facts.dates.endswith("5 dates")
    assert any("positive is away from the satellite, as the files say" in n for n in facts.notes)
    assert any("a run asks for `geometry`" in n for n in facts.notes)
    track = inspect_track([tmp_path / "s"], key="inputs.insar[0]")
    assert track.dates == facts.dates
    assert "no line-of-sight geometry" in track.problems[0][0]
    said = TrackOptions(incidence_deg=39.0, heading_deg=349.0)
    assert inspect_track([tmp_path / "s"], key="inputs.insar[0]", options=said).problems == ()


def test_info_of_a_licsbas_series_without_look_vectors_tells_what_it_holds(tmp_path):
    path = write_cum(tmp_path / "cum.h5", SERIES * 1000)
    whole = inspect_file(path)
    with h5py.File(path, "r+") as file:
        del file["E.geo"]
    facts = inspect_file(path)
    assert facts.problems == ()
    assert facts.notes[-1].startswith("no line-of-sight geometry lies beside it")
    assert set(facts.notes[:-1]) <= set(whole.notes)
    assert (facts.product, facts.crs, facts.extent, facts.dates) == (
        "licsbas_cum", whole.crs, whole.extent, whole.dates,
    )  # fmt: skip
    assert "no line-of-sight geometry" in inspect_track([path], key="inputs.insar[0]").problems[0][0]


def test_what_is_wrong_with_the_series_itself_stays_a_problem(tmp_path):
    facts = inspect_file(lonely(tmp_path, SERIES * 1000 + 3000))
    assert "is the unit really m" in facts.problems[0][0]
    values = SERIES.copy()
    values[2, 11, 4] = -9999
    assert "-9999" in inspect_file(lonely(tmp_path / "b", values)).problems[0][0]


def test_a_track_of_a_configuration_has_a_problem_beside_what_is_known(tmp_path):
    facts = inspect_track([lonely(tmp_path)], key="inputs.insar.asc")
    assert facts.crs == "EPSG:4546"
    assert "no line-of-sight geometry" in facts.problems[0][0]


def test_a_folder_of_series_and_geometry_says_which_file_to_name_as_what(tmp_path):
    write_mintpy(tmp_path, SERIES)
    with pytest.raises(RefusedFileError, match=r"timeseries.h5: a series .*geometryGeo.h5: a geometry") as error:
        open_insar(tmp_path, track="asc")
    assert error.value.fix.endswith("timeseries.h5 as `files`, geometryGeo.h5 as `geometry`")
    (tmp_path / "geo_timeseries.h5").write_bytes((tmp_path / "timeseries.h5").read_bytes())
    with pytest.raises(RefusedFileError) as error:
        open_insar(tmp_path, track="asc")
    assert error.value.fix.endswith("one of them as `files`, geometryGeo.h5 as `geometry`")


def test_a_folder_of_other_hdf5_is_told_as_before(tmp_path):
    for name in ("a.h5", "b.h5"):
        with h5py.File(tmp_path / name, "w") as file:
            file["x"] = np.zeros(3)
    with pytest.raises(RefusedFileError, match=r"no InSAR product: a\.h5, b\.h5"):
        open_insar(tmp_path, track="asc")


@pytest.mark.parametrize(("content", "why"), [
    (b"", r"20190129.tif is empty \(0 bytes\)"), (b"hello", "20190129.tif is a file of type text"),
    (b"<html>404</html>", "20190129.tif is a file of type XML"),
])  # fmt: skip
def test_one_broken_file_of_a_stack_is_named_with_its_reason(tmp_path, content, why):
    folder = dated(tmp_path / "s")
    (folder / "20190129.tif").write_bytes(content)
    with pytest.raises(
        RefusedFileError, match=rf"1 of 5 files are no InSAR product: {why}; the others are a geotiff_s"
    ):
        open_insar(folder, track="asc")
    facts = inspect_file(folder)
    assert "20190129.tif" in facts.problems[0][0]
    for path in sorted(folder.iterdir())[:3]:
        path.write_text("hello")
    with pytest.raises(RefusedFileError, match=r"5 file.s. that are no InSAR product"):
        open_insar(folder, track="asc")


def test_a_broken_file_among_granules_is_named(tmp_path):
    for k in (1, 2):
        write_granule(tmp_path, SERIES[k] - SERIES[0], (days(3)[0], days(3)[k]))
    (tmp_path / "zz.nc").write_text("no product")
    with pytest.raises(RefusedFileError, match=r"1 of 3 files are no InSAR product: zz\.nc is a file of type text"):
        open_insar(tmp_path, track="asc")
