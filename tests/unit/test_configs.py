"""What is shipped fits together: configurations, pipelines, and the demo county's own configuration."""

import ast
from pathlib import Path

import pytest

from geo_risk.core.params import Params
from geo_risk.flow.config import load_config
from geo_risk.flow.pipelines import build_plan, find_pipeline, shipped

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml")) + sorted((ROOT / "configs" / "real").glob("*.yaml"))
PIPELINES = sorted((ROOT / "pipelines").glob("*.py"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_every_configuration_builds_its_plan(path, monkeypatch):
    monkeypatch.setenv("GEO_RISK_REAL", "/real")
    cfg = load_config(path)
    plan = build_plan(cfg, config=path)
    names = [step.name for step in plan.steps]
    assert "grid" in names
    assert "publish.map" in names
    # each step reads only inputs and what came before it
    made = set()
    for step in plan.steps:
        for value in step.reads.values():
            for read in value if isinstance(value, list) else [] if value is None else [value]:
                assert read in made or not read.is_relative_to(cfg.output), (step.name, read)
        made |= set(step.writes.values())


@pytest.mark.parametrize("name", ["demo", "dual_control"])
def test_the_whole_pipeline_leaves_nothing_out(name):
    path = ROOT / "configs" / f"{name}.yaml"
    plan = build_plan(load_config(path), config=path)
    # no earthquake is given, no soil properties with their source, no long records of rain or climate; the demo
    # alone has a storm formula, made up
    formula = {} if name == "demo" else {"rainfall.storm": {"rainfall.idf"}}
    assert {o.step: set(o.needs) for o in plan.omissions} == formula | {
        "stability.materials": {"stability.materials"}, "stability": {"stability.materials"},
        "earthquake.shaking": {"shakemap"}, "earthquake": {"shakemap", "earthquake.lithology", "earthquake.landcover"},
        "rainfall.return_periods": {"rainfall.annual_maxima"},
        "rainfall.drought": {"rainfall.climate"}, "rainfall.fire_weather": {"rainfall.climate"},
    }  # fmt: skip


def test_without_insar_every_step_that_needs_it_names_it(tmp_path):
    inputs = "{dem: d.tif, mines: m.gpkg, roads: r.gpkg, tailings_ponds: t.gpkg}"
    text = f"pipeline: dual_control\nname: x\noutput: out\ninputs: {inputs}\n"
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    path = tmp_path / "config.yaml"
    plan = build_plan(load_config(path), config=path)
    omitted = {o.step: o.needs for o in plan.omissions}
    assert {"deformation.areas", "deformation.judged", "deformation.mining", "deformation.bulletin"} <= set(omitted)
    assert {"deformation.lines", "deformation.structures", "deformation.watch"} <= set(omitted)
    # what is named is what the configuration can give, not what one step hands to the next
    named = {need for step, needs in omitted.items() if step.startswith("deformation.") for need in needs}
    assert named == {"insar"}
    assert {o.needs for o in plan.omissions if "linear_risk" in o.products} == {("insar",)}


def test_the_contract_s_pipelines_are_there_and_short():
    assert {p.stem for p in PIPELINES} >= {"dual_control", "deformation", "warning", "waterlogging", "evacuation"}
    for path in PIPELINES:
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 120
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom):
                assert node.module.split(".")[0] == "geo_risk"
                assert not any(alias.name.startswith("_") for alias in node.names)
        assert find_pipeline(path.stem, config=ROOT / "configs" / "demo.yaml") == path
    assert shipped("pipelines") == ROOT / "pipelines"


def test_the_demo_reads_just_what_the_sample_county_offers():
    sample = ROOT / "data" / "sample"
    own, demo = load_config(sample / "config.yaml"), load_config(ROOT / "configs" / "demo.yaml")
    assert demo.files() == own.files()
    assert demo.rainfall == own.rainfall
    assert demo.inputs == own.inputs
    assert all(path.exists() for path in demo.files().values())


def test_paths_in_what_is_shipped_are_relative():
    for path in CONFIGS:
        assert not [line for line in path.read_text(encoding="utf-8").splitlines() if " /" in line.split("#")[0]], path


def test_the_report_prints_every_section_of_methods_and_no_addresses():
    path = ROOT / "configs" / "demo.yaml"
    cfg = load_config(path)
    (step,) = (s for s in build_plan(cfg, config=path).steps if s.name == "publish.report")
    printed = step.params["parameters"]
    sections = {name for name in type(cfg).model_fields if isinstance(getattr(cfg, name), Params)}
    assert sections - set(printed) == {"inputs", "map", "publish", "register_", "storage", "cluster"}
    assert printed["warning"]["moving_trigger_factor"] == 0.8
    assert "cap" not in printed["warning"]


@pytest.mark.parametrize("pipeline", ["waterlogging", "evacuation", "dual_control"])
def test_reservoirs_are_screened_wherever_water_is_run(tmp_path, pipeline):
    text = f"pipeline: {pipeline}\nname: x\noutput: out\ninputs: {{dem: d.tif, reservoirs: r.gpkg}}\n"
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    path = tmp_path / "config.yaml"
    plan = build_plan(load_config(path), config=path)
    assert "flood.dams" in [step.name for step in plan.steps]


@pytest.mark.parametrize("pipeline", ["waterlogging", "dual_control"])
def test_settlements_that_are_given_are_looked_at_below_reservoirs(tmp_path, pipeline):
    given = "{dem: d.tif, reservoirs: r.gpkg, settlements: s.gpkg}"
    path = tmp_path / "config.yaml"
    path.write_text(f"pipeline: {pipeline}\nname: x\noutput: out\ninputs: {given}\n", encoding="utf-8")
    plan = build_plan(load_config(path), config=path)
    steps = {step.name: step for step in plan.steps}
    assert steps["flood.dams"].reads["settlements"] in steps["exposure.people"].writes.values()


def test_every_run_of_the_town_lets_in_what_comes_from_around():
    path = ROOT / "configs" / "demo.yaml"
    steps = {step.name: step for step in build_plan(load_config(path), config=path).steps}
    for name in ("flood.town", "flood.town_sinking"):
        assert steps[name].reads["inflows"] == steps["flood.surroundings"].writes["inflows"]
