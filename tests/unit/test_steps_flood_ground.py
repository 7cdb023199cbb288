"""From files of cover, soils and hourly rain to the runoff of the storm, by either method and any wetness."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import box

from geo_risk.flow.config import load_config
from geo_risk.flow.plan import Plan
from geo_risk.flow.steps.flood_ground import ground
from geo_risk.flow.steps.grid import grid as grid_steps
from geo_risk.flow.steps.rainfall import rainfall
from geo_risk.kernels.green_ampt import green_ampt_excess_mm
from geo_risk.kernels.moisture import dry_curve_number, wet_curve_number
from geo_risk.kernels.runoff import scs_runoff_mm
from geo_risk.publish.cube import write_cube
from geo_risk.publish.frames import write_frame
from geo_risk.publish.raster import write_layer
from geo_risk.sources.layers import open_layer, read_json
from tests.support.past_storms import GRID, RAIN, rain_cube, run_steps

pytestmark = pytest.mark.slow

HOURS = np.array([2.0, 6.0, 18.0, 30.0, 9.0, 3.0])
WET_DAYS = np.concatenate([np.full(100, 0.6), np.zeros(20)])


def run(folder, before, *, more="", texture=None, gap=None):
    """Rain that is the same everywhere; crops west, town east; soil B north, an unknown soil south."""
    rain = np.concatenate([np.zeros(380), before, HOURS, np.zeros(10)])
    if gap is not None:
        rain[gap] = np.nan
    write_cube(rain_cube(np.tile(rain[:, None, None], (1, *RAIN.shape)), "2020-07-01", interval_h=1.0), folder / "r.nc")
    cover = np.ones(GRID.shape, "float32")
    cover[:, 20:] = 4
    cover[0, 0] = np.nan
    for name, values, units in (("dem", np.full(GRID.shape, 900.0), "m"), ("cover", cover, "1")):
        write_layer(
            GRID.layer(values.astype("float32"), units=units, long_name=name, name=name), folder / f"{name}.tif"
        )
    left, bottom, right, top = GRID.bounds
    middle = (bottom + top) / 2
    soils = {"hydrologic_group": ["B", "黄土"], **({} if texture is None else {"texture": texture})}
    shapes = [box(left, middle, right, top), box(left, bottom, right, middle)]
    write_frame(gpd.GeoDataFrame(soils, geometry=shapes, crs=GRID.crs), folder / "soils.gpkg")
    (folder / "c.yaml").write_text(
        "name: wet\ninputs: {dem: dem.tif, landcover: cover.tif, soils: soils.gpkg,\n"
        "  rainfall: {observed: {file: r.nc, kind: amount}}}\n"
        f"output: out\n{more}", encoding="utf-8",
    )  # fmt: skip
    plan = Plan(load_config(folder / "c.yaml"))
    for add in (grid_steps, rainfall, ground):
        add(plan)
    run_steps(plan, "grid", "rainfall", "flood")
    return (
        open_layer(plan.layer("runoff")).to_numpy(),
        read_json(plan.facts("runoff")),
        read_json(plan.facts("curve_number")),
    )


def test_average_ground_sheds_the_curve_number_runoff_and_wet_days_are_told(tmp_path):
    depth, facts, told = run(tmp_path, WET_DAYS)
    # layers are float32
    assert depth[5, 5] == pytest.approx(float(scs_runoff_mm(68.0, 78.0)), rel=1e-5)
    assert depth[5, 30] == pytest.approx(float(scs_runoff_mm(68.0, 85.0)), rel=1e-5)
    # what is not known counts on the wet side, and is told
    wet_side = pytest.approx(float(scs_runoff_mm(68.0, 85.0)), rel=1e-5)
    assert depth[0, 0] == wet_side
    assert depth[30, 5] == wet_side
    assert "85" in told["notes"][0]["text_en"]
    assert facts["counts"]["five_day_wet_share"] == 1.0
    assert "53.3 mm" in facts["notes"][0]["text_en"]
    assert told["quarantine"][0]["id"] == "hydrologic_group 黄土"
    assert told["counts"]["unknown_share"] == pytest.approx(0.5, abs=0.01)


def test_an_hour_without_rain_data_is_told_and_the_flood_called_a_least(tmp_path):
    depth, facts, _ = run(tmp_path, np.zeros(120), gap=503)  # the wettest hour, of 30 mm
    # what the other hours brought is certain
    assert depth[5, 5] == pytest.approx(float(scs_runoff_mm(38.0, 78.0)), rel=1e-5)
    said = facts["notes"][0]
    assert said["level"] == "warning"
    assert "1 hours" in said["text_en"]
    assert "not shown to be safe" in said["text_en"]
    assert "不代表安全" in said["text_zh"]


def test_five_days_of_rain_make_wet_ground_and_none_dry_ground(tmp_path):
    more = "flood: {runoff: {antecedent: five_day_rain}}\n"
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    wet, facts, _ = run(tmp_path / "a", WET_DAYS, more=more)
    dry, none, _ = run(tmp_path / "b", np.zeros(120), more=more)
    assert wet[5, 5] == pytest.approx(float(scs_runoff_mm(68.0, wet_curve_number(78.0))), rel=1e-5)
    assert dry[5, 5] == pytest.approx(float(scs_runoff_mm(68.0, dry_curve_number(78.0))), rel=1e-5)
    assert (facts["counts"]["five_day_wet_share"], none["counts"]["five_day_dry_share"]) == (1.0, 1.0)
    assert facts["notes"] == none["notes"] == []


def test_green_ampt_runs_through_the_hours_on_the_texture_of_the_map(tmp_path):
    depth, facts, told = run(tmp_path, np.zeros(120), more="flood: {runoff: {method: green_ampt}}\n",
                             texture=["silt loam", "黏土"])  # fmt: skip
    loam = green_ampt_excess_mm(HOURS, 6.5, 166.8, 0.5 * 0.486, step_h=1.0).sum()
    clay = green_ampt_excess_mm(HOURS, 0.3, 316.3, 0.5 * 0.385, step_h=1.0).sum()
    assert depth[5, 5] == pytest.approx(loam, rel=1e-4)
    assert depth[30, 5] == pytest.approx(clay, rel=1e-4)
    assert depth[5, 30] == pytest.approx(0.65 * HOURS.sum() + 0.35 * loam, rel=1e-4)
    assert facts["methods"][0]["name"] == "Green-Ampt infiltration"
    assert told["quarantine"] == []
