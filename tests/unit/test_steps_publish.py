import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from geo_risk.core.schemas import SCHEMAS
from geo_risk.flow.config import Config
from geo_risk.flow.plan import Plan
from geo_risk.flow.steps.publish import _in_time, publish
from geo_risk.publish.cube import write_cube
from geo_risk.publish.frames import write_frame, write_json
from geo_risk.publish.legend import DEPTH_IN_TIME
from geo_risk.publish.map_images import frame_images
from geo_risk.publish.raster import write_layer
from tests.support import products


def _nothing(**_):
    """Stand for the steps that come before."""


@pytest.fixture
def plan(tmp_path):
    cfg = Config.model_validate({"output": str(tmp_path / "out"), "name": "示范县", "language": "zh"})
    made = Plan(cfg)
    frames = {k: v for k, v in products.frames().items() if k in SCHEMAS and k != "mining_clues"}
    layers = products.layers()
    made.add("grid", _nothing, reads={}, writes={"out": made.facts("grid")})
    writes = {k: made.frame(k) for k in frames} | {f"layer_{k}": made.layer(k) for k in layers}
    made.add("science", _nothing, reads={}, writes={**writes, "facts": made.facts("science")})
    made.add("mining", _nothing, reads={"mines": None}, writes={"out": made.frame("mining_clues")})
    write_json(products.GRID.to_dict(), made.facts("grid"))
    write_json({"counts": {"rows": 3}, "notes": []}, made.facts("science"))
    for name, frame in frames.items():
        write_frame(frame, made.frame(name))
    for name, layer in layers.items():
        write_layer(layer, made.layer(name))
    return made


def _run(plan):
    for step in plan.steps:
        if step.name.startswith("publish."):
            for path in step.writes.values():
                path.parent.mkdir(parents=True, exist_ok=True)
            step.function(**step.reads, **step.writes, **step.params)


@pytest.mark.slow
def test_every_product_is_written_and_what_is_missing_is_named(plan):
    publish(plan)
    _run(plan)
    out = plan.out
    for name in ("map.html", "report.html", "geo_risk.gpkg", "lists/evacuation.xlsx", "lists/waterlogging.csv"):
        assert (out / name).stat().st_size > 500
    assert not (out / "lists" / "mining_clues.xlsx").exists()
    assert not (out / "lists" / "relocation.xlsx").exists()
    omitted = {o.step: o.needs for o in plan.omissions}
    assert omitted["publish.lists[mining_clues]"] == ("mines",)
    assert "publish.lists[relocation]" not in omitted
    report = (out / "report.html").read_text(encoding="utf-8")
    assert "publish.lists[mining_clues]" in report
    index = json.loads(plan.facts("cards").read_text(encoding="utf-8"))
    assert {c["file"] for c in index["cards"]} == {p.name for p in (out / "cards").iterdir()}
    declared = [p for s in plan.steps for p in s.writes.values()]
    assert all(any(f == p or p in f.parents for p in declared) for f in out.rglob("*") if f.is_file())


@pytest.mark.slow
def test_steps_hold_only_what_they_need(plan):
    publish(plan)
    steps = {s.name: s for s in plan.steps}
    assert steps["publish.lists[evacuation]"].reads == {"frame": plan.frame("evacuation")}
    assert plan.facts("grid") not in steps["publish.report"].reads["facts"]
    assert plan.facts("cards") in steps["publish.report"].reads["facts"]
    assert set(steps["publish.map"].params) == {"options", "basemaps", "run", "language", "data_time"}


def test_a_run_of_rasters_alone_still_gets_a_map_and_a_report(tmp_path):
    cfg = Config.model_validate({"output": str(tmp_path / "out"), "language": "en"})
    plan = Plan(cfg)
    plan.add("grid", _nothing, reads={}, writes={"out": plan.facts("grid")})
    write_json(products.GRID.to_dict(), plan.facts("grid"))
    publish(plan)
    assert [s.name for s in plan.steps[1:]] == ["publish.map", "publish.report"]
    _run(plan)
    assert Path(plan.out / "map.html").is_file()


def test_a_frame_is_read_once_until_its_file_changes_and_no_reader_spoils_it_for_the_next(plan, monkeypatch):
    from geo_risk.flow.steps import publish as steps
    from geo_risk.sources import layers

    reads = []
    honest = layers.read_frame
    monkeypatch.setattr(layers, "read_frame", lambda path: reads.append(path) or honest(path))
    path = plan.frame("hazard_points")
    first = steps._frames([path])["hazard_points"]
    first["name"] = "spoilt"
    first.loc[0, "point_id"] = "spoilt"
    again = steps._frames([path])["hazard_points"]
    assert len(reads) == 1
    assert "spoilt" not in {*again["name"], *again["point_id"]}
    write_frame(products.frames()["hazard_points"].iloc[:1], path)
    assert len(steps._frames([path])["hazard_points"]) == 1
    assert len(reads) == 2


@pytest.mark.slow
def test_water_in_time_is_thinned_and_told_by_local_time(tmp_path):
    depth = products.GRID.layer(np.zeros(products.GRID.shape, "float32"), units="m", long_name="depth", name="depth")
    times = np.datetime64("2024-07-25T00:00", "ns") + np.arange(1, 101) * np.timedelta64(10, "m")
    cube = xr.DataArray(
        np.arange(100, dtype="float32")[:, None, None] + depth.to_numpy(), dims=("time", "y", "x"),
        coords={"time": times, **{n: depth.coords[n] for n in ("y", "x", "spatial_ref")}}, name="town_depth_frames",
        attrs={"units": "m", "interval_h": 1 / 6},
    )  # fmt: skip
    write_cube(cube, tmp_path / "town_depth_frames.nc")
    water, said = _in_time(tmp_path / "town_depth_frames.nc")
    assert len(said) == water.sizes["time"] == 34
    assert (said[0], said[-1]) == ("07-25 08:10", "07-26 00:40")
    assert (float(water[0].max()), float(water[-1].max())) == (0.0, 99.0)
    assert frame_images(water, said, DEPTH_IN_TIME).times[0] == "07-25 08:10"
