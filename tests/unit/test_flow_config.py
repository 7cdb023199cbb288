"""The configuration: contract keys, absolute paths, overrides, and errors that name line and nearest key."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from geo_risk.core.errors import ConfigError
from geo_risk.flow.config import Config, load_config
from geo_risk.flow.inputs import Inputs, InsarTrack
from geo_risk.flow.manifest import parameters
from geo_risk.flow.plan import Plan
from geo_risk.sources.options import TrackOptions

CONTRACT_TOP = """
pipeline name language area inputs deformation rainfall landslide flood risk evacuation waterlogging register map
publish storage cluster output
"""
CONTRACT_INPUTS = """
dem dem_town insar ground_control rainfall hazard_points landslide_inventory waterlogging_sites past_depths drains pumps
underground_spaces bridges culverts settlements buildings population roads railways rivers river_stations reservoirs
shelters facilities stocks mines tailings_ponds planned_sites soils landcover geology faults shakemap admin
"""


@pytest.fixture
def load(tmp_path):
    def load_(text, *overrides):
        path = tmp_path / "run.yaml"
        path.write_text(text, encoding="utf-8")
        return load_config(path, overrides=overrides)

    return load_


def test_has_the_keys_of_the_contract():
    top = {f.alias or n for n, f in Config.model_fields.items()}
    # these came later, with a changelog line
    assert top == {*CONTRACT_TOP.split(), "runout", "stability", "debris_flow", "earthquake", "warning", "relocation",
                   "siting"}  # fmt: skip
    # these came later, with a changelog line
    later = {"past_slides", "previous_bulletin", "embankments", "ground_series", "river_stations", "storm_reports",
             "mobile_pumps", "tunnels"}  # fmt: skip
    assert set(Inputs.model_fields) == {*CONTRACT_INPUTS.split()} | later
    assert set(Inputs.model_fields["rainfall"].annotation.model_fields) == {
        "observed", "forecast", "past_events", "gauges", "idf", "annual_maxima", "climate",
    }  # fmt: skip


def test_every_key_says_what_it_means():
    def look(schema, place=""):
        for name, entry in schema.get("properties", {}).items():
            assert entry.get("description") or "$ref" in entry, f"{place}.{name}"

    schema = Config.model_json_schema()
    look(schema)
    for name, part in schema["$defs"].items():
        for form in part.get("anyOf", [part]):
            assert form.get("description"), name
            look(form, name)
    json.dumps(schema)


def test_paths_stand_beside_the_file(load, tmp_path):
    cfg = load("inputs: {dem: data/dem.tif, rainfall: {observed: {file: ../r.nc, units: mm}}}\noutput: out\n")
    assert cfg.input("dem") == tmp_path / "data" / "dem.tif"
    assert cfg.input("rainfall.observed") == tmp_path.parent / "r.nc"
    assert cfg.source("rainfall.observed").options.units == "mm"
    assert cfg.output == tmp_path / "out"
    assert cfg.input("roads") is None
    with pytest.raises(KeyError):
        cfg.input("no_such_input")


def test_lists_of_files(load, tmp_path):
    cfg = load(
        "inputs:\n  insar: [{track: asc, files: [a.h5, b.h5], geometry: g.h5}]\n"
        "  rainfall:\n    forecast: [{issued: 2024-07-20T00:00:00Z, file: f.nc}]\n"
        "    past_events: [s1.nc, {file: s2.nc, storm_id: X}]\n"
        "output: out\n"
    )
    assert cfg.input("insar") == [tmp_path / n for n in ("a.h5", "b.h5", "g.h5")]
    assert cfg.input("rainfall.forecast") == [tmp_path / "f.nc"]
    assert [e.id for e in cfg.inputs.rainfall.past_events] == ["s1", "X"]
    assert next(iter(cfg.files())) == "inputs.insar[0].files[0]"


def test_real_data_variable_is_the_only_one(load, monkeypatch, tmp_path):
    monkeypatch.setenv("GEO_RISK_REAL", str(tmp_path / "real"))
    monkeypatch.setenv("HOME", "/somewhere")
    assert load("inputs: {dem: '${GEO_RISK_REAL}/d.tif'}\noutput: o\n").input("dem") == tmp_path / "real" / "d.tif"
    with pytest.raises(ConfigError, match="only"):
        load("inputs: {dem: '${HOME}/d.tif'}\noutput: o\n")
    monkeypatch.delenv("GEO_RISK_REAL")
    with pytest.raises(ConfigError, match="GEO_RISK_REAL is not set"):
        load("inputs: {dem: '${GEO_RISK_REAL}/d.tif'}\noutput: o\n")


@pytest.mark.parametrize(
    "path",
    [
        "/vsicurl/http://x/d.tif",
        "/vsizip/a.zip/d.tif",
        "https://x/d.tif",
        "s3://b/d.tif",
        "NETCDF:a.nc:z",
        'HDF5:"a.h5"://z',
    ],
)
def test_refuses_urls_virtual_paths_and_subdatasets(load, path):
    with pytest.raises(ConfigError, match="plain file path needed"):
        load(f"inputs:\n  dem: '{path}'\noutput: o\n")


def test_lists_every_problem_with_line_and_nearest_key(load, tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(
            "pipline: dual_control\narea: {resolution_m: -30}\ninputs:\n  demm: d.tif\n"
            "  rainfall:\n    observd: r.nc\noutput: o\n"
        )
    error = caught.value
    assert "unknown key pipline (line 1)" in error.what
    assert "area.resolution_m (line 2)" in error.what
    assert "unknown key inputs.demm (line 4)" in error.what
    assert "unknown key inputs.rainfall.observd (line 6)" in error.what
    for name in ("'pipeline'", "'dem'", "'observed'"):
        assert f"did you mean {name}?" in error.fix
    assert error.where.startswith(str(tmp_path / "run.yaml"))
    assert "line 6" in error.where


def test_times_need_a_zone(load):
    with pytest.raises(ConfigError, match=r"issued \(line 3\).*timezone"):
        load("inputs:\n  rainfall:\n    forecast: [{issued: 2024-07-20T00:00:00, file: f.nc}]\noutput: o\n")


def test_overrides_reach_sections_and_list_items(load, tmp_path):
    text = "inputs: {insar: [{track: asc, files: a.h5}]}\noutput: out\n"
    cfg = load(text, "area.resolution_m=60", "inputs.insar.0.track=desc", "output=/tmp/x", "language=en")
    assert cfg.area.resolution_m == 60
    assert cfg.inputs.insar[0].track == "desc"
    assert cfg.output == Path("/tmp/x")
    for bad in ("area", "inputs.insar.7.track=x", "output.deeper=1", "inputs.nope=1", "=3"):
        with pytest.raises(ConfigError):
            load(text, bad)


def test_is_frozen(load):
    cfg = load("output: out\n")
    with pytest.raises(ValidationError):
        cfg.name = "other"
    assert isinstance(cfg.inputs.insar, tuple)


def test_a_pipeline_stays_beside_the_file(load):
    for name in ("/etc/passwd", "../outside"):
        with pytest.raises(ConfigError, match="pipeline"):
            load(f"pipeline: {name}\noutput: o\n")


@given(st.text(max_size=30))
def test_words_are_never_a_configuration_and_say_where(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("c") / "x.yaml"
    path.write_text(text, encoding="utf-8", errors="replace")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(path) in caught.value.where


def test_names_a_file_that_is_not_utf8(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes("name: 示范县\noutput: o\n".encode("gb18030"))
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(path)


def test_a_track_cannot_take_the_name_of_another_layer():
    assert InsarTrack(track="asc", files=("a.h5",)).options == TrackOptions()
    with pytest.raises(ValueError, match="velocity_east is the name of another layer"):
        InsarTrack(track="east", files=("a.h5",))


def test_what_a_track_says_reaches_its_reader_with_the_folder_made_absolute(tmp_path):
    (tmp_path / "c.yaml").write_text(
        "inputs:\n  insar:\n  - {track: ps, files: ps.gpkg, units: mm, posting_m: 100, gacos: ztd}\noutput: out\n"
    )
    track = load_config(tmp_path / "c.yaml").inputs.insar[0]
    assert track.options == TrackOptions(units="mm", posting_m=100, gacos=tmp_path / "ztd")
    assert track.options.said() == {"units": "mm", "posting_m": 100}


def test_addresses_of_people_and_paths_stay_out_of_the_manifest(load):
    cfg = load("inputs: {dem: d.tif}\nwarning: {cap: {addresses: duty@example.org}}\noutput: o\n")
    said = parameters(cfg)
    assert cfg.warning.cap.addresses == "duty@example.org"
    assert "duty@example.org" not in str(said)
    assert said["warning"]["cap"]["status"] == cfg.warning.cap.status
    assert "inputs" not in said


@pytest.mark.parametrize(
    ("inputs", "key"),
    [
        ({"dem": "out/dem.tif"}, "inputs.dem"),
        ({"insar": [{"track": "asc", "files": "out/asc/timeseries.h5"}]}, "inputs.insar"),
        ({"previous_bulletin": "out/geo_risk.gpkg"}, "inputs.previous_bulletin"),
    ],
)
def test_inputs_in_the_output_folder_are_refused_and_not_taken_for_absent(tmp_path, inputs, key):
    raw = {"pipeline": "deformation", "name": "x", "inputs": {"dem": "dem.tif"} | inputs}
    for path in ("dem.tif", "out/dem.tif", "out/asc/timeseries.h5", "out/geo_risk.gpkg"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"")
    inside = Config.model_validate(raw | {"output": "out"}, context={"folder": tmp_path})
    with pytest.raises(ConfigError, match="in the output folder") as told:
        Plan(inside)
    assert key in str(told.value)
    assert "give another `output`" in str(told.value)
    beside = Config.model_validate(raw | {"output": "out2"}, context={"folder": tmp_path})
    assert Plan(beside).steps == []
