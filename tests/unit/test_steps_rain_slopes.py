"""The steps of terrain, rain and landslides on a tiny county: what they write, and what an absent forecast means."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox

from geo_risk.core.grid import Grid
from geo_risk.flow.config import load_config
from geo_risk.flow.plan import Plan
from geo_risk.flow.steps.grid import grid as grid_steps
from geo_risk.flow.steps.landslide import landslide
from geo_risk.flow.steps.rainfall import rainfall
from geo_risk.flow.steps.terrain import terrain, wetness
from geo_risk.publish.cube import write_cube
from geo_risk.publish.frames import write_frame
from geo_risk.publish.raster import write_layer
from geo_risk.sources.dataset import read_dataset
from geo_risk.sources.layers import open_layer, read_frame, read_json

GRID = Grid(GeoBox((100, 100), Affine(30, 0, 510_000, 0, -30, 4_065_000), "EPSG:4546"))
RAIN = Grid(GeoBox((6, 6), Affine(1000, 0, 508_000, 0, -1000, 4_067_000), "EPSG:4546"))

CONFIG = """
name: tiny
inputs:
  dem: dem.tif
  landslide_inventory: inventory.gpkg
  roads: roads.gpkg
  rainfall:
    observed: observed.nc
    forecast:
      - {issued: "2024-07-20T00:00:00Z", file: forecast.nc}
rainfall: {issued: "2024-07-20T00:00:00Z", antecedent_days: 3}
landslide: {block_m: 500.0, folds: 4, background_cells: 5000, min_events: 20}
output: out
"""


def rain(first: str, hours: int, value: float) -> xr.DataArray:
    base = RAIN.layer(np.zeros(RAIN.shape), units="mm", long_name="rain", name="rain")
    times = np.datetime64(first, "ns") + np.arange(hours) * np.timedelta64(1, "h")
    coords = {"time": times, **{c: base.coords[c] for c in ("y", "x", "spatial_ref")}}
    values = np.full((hours, *RAIN.shape), value, "float32")
    attrs = {"units": "mm", "interval_h": 1.0}
    return xr.DataArray(values, dims=("time", "y", "x"), coords=coords, name="rain", attrs=attrs)


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    rng = np.random.default_rng(2)
    y, x = np.mgrid[0:100, 0:100]
    z = 900 + 200 * np.sin(x / 15) * np.cos(y / 20)
    write_layer(GRID.layer(z.astype("float32"), units="m", long_name="height", name="dem"), folder / "dem.tif")
    steep = np.hypot(*np.gradient(z))
    cell = rng.choice(10_000, size=80, replace=False, p=(steep**3 / (steep**3).sum()).ravel())
    rows, columns = np.divmod(cell, 100)
    points = gpd.points_from_xy(510_015 + 30 * columns, 4_064_985 - 30 * rows)
    events = gpd.GeoDataFrame({"event_id": [f"E{i}" for i in range(80)]}, geometry=points, crs=GRID.crs)
    write_frame(events, folder / "inventory.gpkg")
    line = shapely.LineString([(510_000, 4_063_500), (513_000, 4_063_500)])
    write_frame(gpd.GeoDataFrame({"road_id": ["R1"]}, geometry=[line], crs=GRID.crs), folder / "roads.gpkg")
    write_cube(rain("2024-07-10T01", 240, 1.0), folder / "observed.nc")
    write_cube(rain("2024-07-20T01", 24, 4.0), folder / "forecast.nc")
    (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
    plan = Plan(load_config(folder / "config.yaml"))
    for build in (grid_steps, terrain, wetness, rainfall, landslide):
        build(plan)
    return plan


@pytest.fixture(scope="module")
def out(planned):
    plan = planned
    for step in plan.steps:
        for path in step.writes.values():
            path.parent.mkdir(parents=True, exist_ok=True)
        step.function(**step.reads, **step.writes, **step.params)
        assert all(path.exists() for path in step.writes.values()), step.name
    return plan


def test_steps_without_their_inputs_are_left_out_by_name(planned):
    missing = {o.step: o.needs for o in planned.omissions}
    assert missing["terrain.wetness"] == ("flow_accumulation",)
    assert "landslide.lithology" in missing
    assert "landslide.past_storms" in missing


@pytest.mark.slow
def test_rain_sums_on_the_run_grid_are_those_of_the_series(out):
    # the last 24 hours of the period are the forecast, 4 mm each; 72 h: 24 forecast and 48 observed hours
    np.testing.assert_allclose(open_layer(out.layer("rain_24h")).to_numpy(), 96, rtol=1e-6)
    np.testing.assert_allclose(open_layer(out.layer("rain_72h")).to_numpy(), 96 + 48, rtol=1e-6)
    k = out.cfg.rainfall.decay_per_day
    np.testing.assert_allclose(open_layer(out.layer("rain_effective")).to_numpy(), 96 + 24 * k + 24 * k**2, rtol=1e-5)


@pytest.mark.slow
def test_each_stage_knows_its_own_hours(out):
    fields = read_dataset(out.cube("rain_stages"))
    for hours in (24, 6, 3, 1):
        np.testing.assert_allclose(fields[f"rain_{hours}h"].to_numpy(), 4 * hours, rtol=1e-6)
        parts = sum(fields[f"{p}_{hours}h"].to_numpy() for p in ("antecedent", "observed", "forecast"))
        np.testing.assert_allclose(parts, fields[f"effective_{hours}h"].to_numpy()[-1], rtol=1e-6)
        known = open_layer(out.layer(f"warning_{hours}h")).to_numpy()[5:-5, 5:-5] >= 0
        assert known.mean() > 0.99, known.mean()  # few cells are unlike all the model has learned from


@pytest.mark.slow
def test_a_stage_without_a_forecast_is_unknown_but_for_what_its_first_day_holds_and_said_so(out):
    assert "effective_72h" not in read_dataset(out.cube("rain_stages"))
    whole, day = (open_layer(out.layer(f"warning_{h}h")).to_numpy() for h in (72, 24))
    assert (day >= 2).any()
    np.testing.assert_array_equal(whole, np.where(day >= 2, day, -1))
    notes = read_json(out.facts("rainfall_stages"))["notes"]
    assert any(n["level"] == "warning" and "no forecast" in n["text_en"] for n in notes)
    assert read_json(out.facts("warning_cells"))["counts"]["warning_72h"]["unknown"] == (day < 2).sum()


@pytest.mark.slow
def test_warnings_rise_with_the_stage_rain(out):
    day, hour = (open_layer(out.layer(f"warning_{h}h")).to_numpy() for h in (24, 1))
    assert (day >= hour).all()
    assert (day > hour).any()


@pytest.mark.slow
def test_the_report_gets_counts_skill_and_reasons(out):
    facts = read_json(out.facts("landslide"))
    assert 0.5 < facts["auc_spatial"] <= 1
    assert facts["left_out"]["lithology"] == "no input"
    assert read_json(out.facts("landslide_inventory"))["counts"]["events"] <= 80
    assert read_json(out.facts("rainfall"))["period"]["hours"] == 96
    assert {"score", "is_event", "fold"} <= set(read_frame(out.frame("landslide_validation")).columns)
