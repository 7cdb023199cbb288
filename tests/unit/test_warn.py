"""`geo-risk warn` on a tiny county: what it renews, what it leaves, what it refuses, and that it repeats itself."""

from __future__ import annotations

import json
import os
import shutil
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from geo_risk.core.errors import AmbiguousError, ConfigError, CorruptFileError, DataError, TimeError
from geo_risk.flow.config import load_config
from geo_risk.flow.manifest import read_manifest
from geo_risk.flow.run import run
from geo_risk.flow.verify import verify
from geo_risk.flow.warn import warn, with_forecasts
from geo_risk.publish.cube import write_cube
from geo_risk.sources.layers import open_layer, read_frame
from tests.support.warned import cube, write_county

T1 = datetime(2024, 7, 20, 1, tzinfo=UTC)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("county")
    config = write_county(folder)
    run(config)
    for name, mm in (("wet", 30.0), ("dry", 0.0)):
        write_cube(cube("2024-07-20T02", 12, mm, issued="2024-07-20T01:00:00Z"), folder / f"{name}.nc")
    write_cube(cube("2024-07-20T02", 12, 0.0), folder / "dry_later.nc")
    return folder


@pytest.fixture
def county(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "c")
    return tmp_path / "c"


def hashes(folder):
    manifest = read_manifest(folder / "out")
    rows = [*manifest["outputs"], *manifest.get("issues", [])]
    return {r["path"]: r["content_sha256"] for r in rows}


def clean(folder):
    return [r for r in verify(folder / "out") if r.state != "ok"] == []


def level(folder, name="warning_6h"):
    return open_layer(folder / "out" / "layers" / f"{name}.tif").to_numpy()


def table(folder, name="warnings"):
    return read_frame(folder / "out" / "geo_risk.gpkg", layer=name)


def made(folder, name, when=T1, **more):
    return warn(folder / "config.yaml", forecasts=[str(folder / f"{name}.nc")], issued=when, **more)


def test_a_warning_renews_what_follows_from_rain_leaves_the_rest_and_repeats_itself(county):
    before = hashes(county)
    report = made(county, "wet")
    after = hashes(county)
    assert clean(county)
    assert (level(county) == 4).any()
    changed = {k for k in after if before.get(k) != after[k]}
    pages = {"map.html", "warnings/bulletin.html", "warnings/cap.xml", "lists/evacuation.csv", "lists/warnings.csv"}
    assert pages <= changed
    assert {"layers/warning_6h.tif", "geo_risk.gpkg", "warnings/issues/20240720T010000Z.json"} <= changed
    assert before["layers/susceptibility.tif"] == after["layers/susceptibility.tif"]
    assert before["layers/rain_6h.tif"] == after["layers/rain_6h.tif"]
    assert "layers/rain_6h.tif" in report.kept_rain
    assert report.previous == "20240720T000000Z"  # the run itself was an issue
    again = made(county, "wet")
    assert hashes(county) == after
    assert set(again.published) <= {"report.html"}  # it tells the hour at which it was written
    rows = table(county)
    assert set(rows["change"]) & {"raised"}
    assert (rows[rows["stage_h"] == 6]["hours_to_red"].dropna() >= 1).all()
    zones = table(county, "risk_zones")
    assert (zones["warning_6h"] >= 3).any()
    assert zones["reasons"].str.contains("Highest warning").any()
    # the run brings back what its configuration says, and keeps the issues
    run(county / "config.yaml")
    sent = {k for k in before if k.startswith("warnings/bulletin") or k == "warnings/cap.xml"}  # a later issue stands
    assert {k: v for k, v in hashes(county).items() if k in before.keys() - sent} == {
        k: v for k, v in before.items() if k not in sent
    }
    assert "warnings/issues/20240720T010000Z.json" in hashes(county)
    assert clean(county)


def test_a_forecast_that_does_not_say_when_it_was_issued_is_warned_of(county):
    report = made(county, "dry_later")
    assert {s["issue_unstated_first"] for s in report.stages} == {"2024-07-20T02:00:00+00:00"}
    page = (county / "out" / "warnings" / "bulletin.html").read_text(encoding="utf-8")
    # two hours UTC are ten in China
    assert "dry_later.nc (issue time not stated; first hour ends 2024-07-20 10:00)" in page
    told = (county / "out" / "report.html").read_text(encoding="utf-8")
    assert "dry_later.nc does not state when it was issued" in told
    given = f"{county / 'dry_later.nc'}@2024-07-20T09:00:00+08:00"
    report = warn(county / "config.yaml", forecasts=[given], issued=T1)
    assert not any("issue_unstated_first" in s for s in report.stages)
    assert "does not state when" not in (county / "out" / "report.html").read_text(encoding="utf-8")
    page = (county / "out" / "warnings" / "bulletin.html").read_text(encoding="utf-8")
    assert "dry_later.nc (issued 2024-07-20 09:00)" in page


def test_levels_fall_with_hysteresis_and_unknown_clears_nothing(county):
    made(county, "wet")
    later = T1 + timedelta(hours=1)
    report = made(county, "dry_later", later)  # ten observed and dry forecast hours: far below
    assert report.previous == "20240720T010000Z"
    rows = table(county)
    assert {"cleared", "lowered"} & set(rows["change"])
    gone = T1 + timedelta(hours=30)
    made(county, "wet", gone)
    rows = table(county)
    assert (rows["warning_level"] == -1).all()
    assert "now_unknown" in set(rows["change"])
    assert (level(county) == -1).all()
    page = (county / "out" / "warnings" / "bulletin.html").read_text(encoding="utf-8")
    assert "no forecast" in page
    evacuated = table(county, "evacuation")
    assert (evacuated["warning_level"] == -1).all()  # no older warning stays in the list
    assert clean(county)


def test_an_issue_on_which_another_stands_is_not_rewritten(county):
    made(county, "wet")
    made(county, "dry_later", T1 + timedelta(hours=1))
    before = hashes(county)
    with pytest.raises(DataError, match="20240720T020000Z is later"):
        made(county, "dry", T1)
    with pytest.raises(DataError, match="stands on it"):
        made(county, "dry", T1, again=True)
    assert hashes(county) == before
    made(county, "wet", T1 + timedelta(hours=2))
    assert clean(county)


def test_the_clock_goes_back_only_where_it_is_said_and_then_without_a_message(county):
    made(county, "wet")
    at_one = hashes(county)
    made(county, "dry_later", T1 + timedelta(hours=2))
    before = hashes(county)
    between = T1 + timedelta(hours=1)
    for when in (T1, between):
        with pytest.raises(DataError, match="20240720T030000Z is later"):
            made(county, "wet", when)
    assert hashes(county) == before
    # an older issue is made again from what stood before it: the same, but that the bulletin says it is old
    report = made(county, "wet", T1, again=True)
    after = hashes(county)
    assert report.later == ("20240720T030000Z",)
    assert read_manifest(county / "out")["warn"]["later_issues"] == ["20240720T030000Z"]
    assert after["warnings/cap.xml"] == before["warnings/cap.xml"] != at_one["warnings/cap.xml"]
    same = {"layers/warning_6h.tif", "lists/warnings.csv", "warnings/issues/20240720T010000Z.json"}
    assert {k: after[k] for k in same} == {k: at_one[k] for k in same}
    page = (county / "out" / "warnings" / "bulletin.html").read_text(encoding="utf-8")
    assert "A later issue stands (20240720T030000Z)" in page
    assert clean(county)
    made(county, "wet", between, again=True)  # one that was never made
    assert hashes(county)["warnings/cap.xml"] == before["warnings/cap.xml"]
    made(county, "wet", T1 + timedelta(hours=3))
    assert read_manifest(county / "out")["warn"]["later_issues"] == []
    assert hashes(county)["warnings/cap.xml"] != before["warnings/cap.xml"]
    assert "A later issue" not in (county / "out" / "warnings" / "bulletin.html").read_text(encoding="utf-8")


def test_one_time_in_two_zones_is_one_issue(county):
    made(county, "wet")
    before = hashes(county)
    made(county, "wet", T1.astimezone(timezone(timedelta(hours=8))))
    assert hashes(county) == before


def cap(folder):
    root = ET.fromstring((folder / "out" / "warnings" / "cap.xml").read_bytes())
    return {e.tag.split("}")[1]: e.text for e in root}


def test_a_run_in_an_event_tells_of_the_issue_before_and_is_a_draft_below_a_later_one(county):
    made(county, "wet")
    red = cap(county)
    later = county / "later.yaml"
    text = (county / "config.yaml").read_text(encoding="utf-8")
    later.write_text(text.replace("rainfall: {", 'rainfall: {issued: "2024-07-20T03:00:00Z", '), encoding="utf-8")
    actual = ["warning.cap.status=Actual"]
    run(later, overrides=actual)
    told = cap(county)
    assert told["msgType"] in ("Update", "Cancel")
    assert red["identifier"] in told["references"]
    assert not run(later, overrides=actual).published
    rows = table(county)
    assert set(rows["change"]) == {"first"}  # but a run begins a new ladder
    run(county / "config.yaml", overrides=actual)  # of midnight, below the issues of one and three o'clock
    assert cap(county)["status"] == "Draft"
    assert "20240720T030000Z" in cap(county)["note"]


def test_who_sends_a_message_and_as_what_is_said_with_each_warning(county):
    made(county, "wet", overrides=["warning.cap.status=Exercise", "warning.cap.sender=duty@example.invalid"])
    assert {k: cap(county)[k] for k in ("status", "sender")} == {"status": "Exercise", "sender": "duty@example.invalid"}
    with pytest.raises(ConfigError, match=r"changed since .*: warning"):
        made(county, "wet", overrides=["warning.moving_trigger_factor=0.9"])
    made(county, "wet")
    assert cap(county)["status"] == "Draft"


def test_a_hindcast_of_one_stage_is_no_issue(county):
    config = county / "hindcast.yaml"
    text = (county / "config.yaml").read_text(encoding="utf-8").replace("stages_h: [6, 3, 1]", "stages_h: [6]")
    event = 'rainfall: {event_time: "2024-07-20T06:00:00Z", '
    config.write_text(text.replace("rainfall: {", event).replace("output: out", "output: past"), encoding="utf-8")
    run(config, overrides=["warning.cap.status=Actual"])
    past = county / "past"
    assert not list(past.glob("warnings/issues/*"))
    assert "issues" not in read_manifest(past) or read_manifest(past)["issues"] == []
    root = ET.fromstring((past / "warnings" / "cap.xml").read_bytes())
    assert root.find("{*}status").text in ("Exercise", "Draft")


def test_a_correction_of_the_last_issue_keeps_the_replaced_state(county):
    made(county, "wet")
    made(county, "dry")
    names = [p.name for p in (county / "out" / "warnings" / "issues").iterdir()]
    assert sum(n.startswith("20240720T010000Z") for n in names) == 2
    assert clean(county)


def test_bad_input_is_refused_and_what_was_published_stands(county, tmp_path):
    before = hashes(county)
    write_cube(cube("2024-07-20T02", 12, 9.0, issued="2024-07-20T01:00:00Z"), county / "other.nc")
    config, wet = county / "config.yaml", str(county / "wet.nc")
    cases = [
        (AmbiguousError, "both issued", {"forecasts": [wet, str(county / "other.nc")], "issued": T1}),
        (TimeError, "is issued at", {"forecasts": [wet + "@2024-07-20T01:00:00Z"], "issued": T1 - timedelta(hours=1)}),
        (TimeError, "no zone", {"forecasts": [wet], "issued": T1.replace(tzinfo=None)}),
        (TimeError, "between two hours", {"forecasts": [wet], "issued": T1 + timedelta(minutes=20)}),
        (TimeError, "no ISO time", {"forecasts": [wet + "@noon"], "issued": T1}),
        (DataError, "not there", {"forecasts": [str(county / "none.nc")], "issued": T1}),
        (ConfigError, "no forecast", {"forecasts": [], "issued": T1}),
        (ConfigError, "changed since", {"forecasts": [wet], "issued": T1, "overrides": ["landslide.seed=5"]}),
        (DataError, "no finished run", {"forecasts": [wet], "issued": T1, "overrides": [f"output={tmp_path}/new"]}),
    ]  # fmt: skip
    for kind, text, given in cases:
        with pytest.raises(kind, match=text):
            warn(config, **given)
    far = cube("2024-07-20T02", 12, 9.0)
    write_cube(far.assign_coords(x=far["x"] + 90_000), county / "far.nc")
    with pytest.raises(DataError, match=r"overlap|meet|cover"):
        made(county, "far")
    write_cube(cube("2024-07-20T02", 12, 9.0).assign_attrs(units="m"), county / "metres.nc")
    with pytest.raises(DataError):  # 9 m of rain an hour
        made(county, "metres")
    (county / "out" / "warnings" / "issues" / "20240720T000000Z.json").write_text("{", encoding="utf-8")
    with pytest.raises(CorruptFileError, match="cannot be read"):
        made(county, "wet")
    (county / "out" / ".work" / "stage" / "layers" / "susceptibility.tif").unlink()
    with pytest.raises(DataError, match="susceptibility"):
        made(county, "wet")
    assert hashes(county) == before


def test_layers_of_other_inputs_or_of_a_run_that_was_broken_off_are_refused(county):
    config, before = county / "config.yaml", hashes(county)
    dem = next(p for k, p in load_config(config).files().items() if k == "inputs.dem")
    os.utime(dem)  # touched, not changed
    made(county, "wet")
    after = hashes(county)
    assert after != before
    whole = dem.read_bytes()
    dem.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(DataError, match=r"inputs changed since .*: inputs\.dem"):
        made(county, "dry")
    dem.write_bytes(whole)
    assert [t.name for t in run(config, names=["rainfall.cube"], force=True).ran][-1] == "rainfall.cube"
    with pytest.raises(DataError, match="broken off"):
        made(county, "dry")
    run(config)
    made(county, "dry")
    assert hashes(county) != after


def test_the_issue_time_is_the_one_given_else_the_one_the_file_states_else_that_of_the_warning(finished):
    cfg = load_config(finished / "config.yaml")
    sample = Path(__file__).parents[2] / "data" / "sample" / "rainfall" / "forecast_6h.nc"
    late = datetime(2024, 7, 25, 6, tzinfo=UTC)

    def times(*words):
        return [f.issued for f in with_forecasts(cfg, words, late).inputs.rainfall.forecast[1:]]

    assert times(str(sample)) == [datetime(2024, 7, 25, 2, tzinfo=UTC)]
    assert times(f"{sample}@2024-07-25T11:00:00+08:00") == [datetime(2024, 7, 25, 3, tzinfo=UTC)]
    assert times(str(finished / "dry.nc")) == [late]
    with pytest.raises(TimeError, match="is issued at"):
        with_forecasts(cfg, [str(sample)], late - timedelta(hours=5))


def test_a_forecast_keeps_what_the_configuration_says_of_its_file(finished):
    cfg = load_config(finished / "config.yaml")
    (own,) = cfg.inputs.rainfall.forecast
    told = own.model_copy(update={"stamp": "start", "time_zone": "+08:00"})
    rain = cfg.inputs.rainfall.model_copy(update={"forecast": (told,)})
    cfg = cfg.model_copy(update={"inputs": cfg.inputs.model_copy(update={"rainfall": rain})})
    (got,) = with_forecasts(cfg, [f"{own.file}@2024-07-20T01:00:00Z"], T1).inputs.rainfall.forecast
    assert (got.issued, got.rain) == (T1, told.rain)
    _, other = with_forecasts(cfg, [str(finished / "dry.nc")], T1).inputs.rainfall.forecast
    assert other.rain == own.rain


def test_a_forecast_over_half_of_the_county_leaves_the_rest_unknown(county):
    half = cube("2024-07-20T02", 12, 30.0, issued="2024-07-20T01:00:00Z").isel(x=slice(0, 3))
    write_cube(half, county / "half.nc")
    made(county, "half")
    levels = level(county)
    assert (levels[:, -1] == -1).all()
    assert (levels >= 0).any()
    assert clean(county)


def gauge_rows(folder, hours):
    """Write hours of five gauges, from the 237th on with 45 mm and more each."""
    sites = [(111.106, 36.725), (111.140, 36.725), (111.106, 36.693), (111.140, 36.693), (111.123, 36.709)]
    rng, rows = np.random.default_rng(3), ["station_id,lon,lat,time,rain_mm"]
    for hour in range(hours):
        time = datetime(2024, 7, 10, 1) + timedelta(hours=hour)
        for k, (lon, lat) in enumerate(sites):
            amount = 45 + k + rng.random() if hour >= 237 else rng.gamma(0.5, 0.4)
            rows.append(f"G{k},{lon},{lat},{time:%Y-%m-%d %H:%M},{amount:.1f}")
    (folder / "gauges.csv").write_text("\n".join(rows), encoding="utf-8")


def test_gauges_that_stand_for_observed_rain_are_read_anew(county):
    config = county / "config.yaml"
    source = "gauges: {file: gauges.csv, stamp: end, time_zone: UTC, units: mm}"
    text = config.read_text(encoding="utf-8").replace("observed: observed.nc", source)
    config.write_text(
        text.replace("forecast:", "forecast: []").replace(
            '      - {issued: "2024-07-20T00:00:00Z", file: forecast.nc}\n', ""
        ),
        encoding="utf-8",
    )
    gauge_rows(county, 237)
    run(config)
    gauge_rows(county, 241)
    made(county, "dry")
    rows = table(county)
    assert (rows["warning_level"] >= 3).all()
    assert (rows["observed_mm"] > 150).all()
    assert clean(county)
    (county / "gauges.csv").unlink()
    with pytest.raises(DataError, match=r"gauges\.csv is not there"):
        made(county, "dry", T1 + timedelta(hours=1))


def test_the_command_says_stages_and_errors_in_three_lines(county, capsys):
    from geo_risk.cli.application import run_words

    given = ["--forecast", str(county / "wet.nc")]
    words = ["warn", str(county / "config.yaml"), *given, "--issued", "2024-07-20T01:00:00Z"]
    assert run_words([*words, "--json"], debug=False, as_json=True) == 0
    said = json.loads(capsys.readouterr().out)
    assert [s["forecast"] for s in said["stages"]] == ["wet.nc"] * 3
    assert said["kept_rain"]
    assert said["unused_forecasts"] == []
    write_cube(cube("2024-07-20T04", 12, 30.0, issued="2024-07-20T01:00:00Z"), county / "late.nc")
    late = [*words[:2], "--forecast", str(county / "late.nc"), *words[4:]]
    assert run_words(late, debug=False, as_json=False) == 0
    assert "No stage stands on late.nc" in " ".join(capsys.readouterr().out.split())
    assert run_words([*words[:4], "--issued", "yesterday"], debug=False, as_json=False) == 3
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 3
    assert np.char.startswith(error[1:], "  ").all()
