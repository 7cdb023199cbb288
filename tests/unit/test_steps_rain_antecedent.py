"""From past storms and slides to a fitted K: what the step reports, and when the fitted values are used."""

from __future__ import annotations

import numpy as np
import pytest

from geo_risk.core.errors import DataError
from geo_risk.flow.config import load_config
from geo_risk.flow.plan import Plan
from geo_risk.flow.steps.grid import grid as grid_steps
from geo_risk.flow.steps.rainfall import rainfall
from geo_risk.flow.steps.rainfall_antecedent import resolved
from geo_risk.hazards.rainfall.params import RainfallParams
from geo_risk.publish.frames import write_json
from geo_risk.sources.dataset import read_dataset
from geo_risk.sources.layers import open_layer, read_json
from geo_risk.sources.rain_opened import Area
from geo_risk.sources.rain_points import cells_within, series_at
from tests.support.past_storms import DECAY, GRID, RAIN, rain_cube, run_steps, write_county


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    plan = Plan(load_config(write_county(tmp_path_factory.mktemp("past"))))
    grid_steps(plan)
    rainfall(plan)
    run_steps(plan, "grid", "rainfall.antecedent")
    return plan


def test_the_fitted_k_is_reported_beside_the_configured_one(plan):
    facts = read_json(plan.facts("rainfall_antecedent"))
    fit = facts["fit"]
    assert fit["low"] <= DECAY <= fit["high"]
    assert fit["n_storms"] == 8
    assert fit["auc_years"] > 0.6
    assert facts["configured"] == {"decay_per_day": 0.84, "days": 10}
    assert facts["used"] == "configured"
    note = facts["notes"][0]
    assert f"K {fit['decay_per_day']:.2f}" in note["text_en"]
    assert "Used: configured." in note["text_en"]
    assert "采用配置值" in note["text_zh"]
    assert facts["figures"][0]["svg"].lstrip().startswith("<?xml") or "<svg" in facts["figures"][0]["svg"]


def test_fitted_values_are_used_only_where_the_configuration_asks(plan):
    path = plan.facts("rainfall_antecedent")
    fit = read_json(path)["fit"]
    assert resolved(RainfallParams(), path).decay_per_day == 0.84
    chosen = resolved(RainfallParams(antecedent="fitted"), path)
    assert (chosen.decay_per_day, chosen.antecedent_days) == (fit["decay_per_day"], fit["days"])


def test_asking_for_fitted_values_that_are_not_there_stops(tmp_path):
    with pytest.raises(DataError, match="past_slides is missing"):
        resolved(RainfallParams(antecedent="fitted"), None)
    path = tmp_path / "facts.json"
    write_json({"fit": None, "refused": {"en": "3 slides", "zh": "3 个"}}, path)
    with pytest.raises(DataError, match="3 slides"):
        resolved(RainfallParams(antecedent="fitted"), path)


@pytest.mark.slow
def test_too_few_storms_are_refused_in_the_note(tmp_path):
    plan = Plan(load_config(write_county(tmp_path, storms=2)))
    grid_steps(plan)
    rainfall(plan)
    run_steps(plan, "grid", "rainfall.antecedent")
    facts = read_json(plan.facts("rainfall_antecedent"))
    assert facts["fit"] is None
    assert facts["notes"][0]["level"] == "warning"
    assert "2 storms" in facts["notes"][0]["text_en"]


@pytest.mark.slow
def test_rain_layers_of_a_run_follow_the_fitted_k(tmp_path):
    more = """
rainfall: {antecedent: fitted, issued: "2024-07-20T00:00:00Z"}
"""
    path = write_county(tmp_path, more=more)
    from geo_risk.publish.cube import write_cube

    hours = np.full((480, *RAIN.shape), 1.0)
    write_cube(rain_cube(hours, "2024-06-30T01", interval_h=1), tmp_path / "observed.nc")
    text = path.read_text(encoding="utf-8").replace("  rainfall:\n", "  rainfall:\n    observed: observed.nc\n")
    path.write_text(text, encoding="utf-8")
    plan = Plan(load_config(path))
    grid_steps(plan)
    rainfall(plan)
    run_steps(plan, "grid", "rainfall.antecedent", "rainfall.cube", "rainfall.accumulations", "rainfall.stages")
    fit = read_json(plan.facts("rainfall_antecedent"))["fit"]
    expected = 24 * sum(fit["decay_per_day"] ** n for n in range(fit["days"]))
    np.testing.assert_allclose(open_layer(plan.layer("rain_effective")).to_numpy(), expected, rtol=1e-5)
    # without a forecast a stage stays unknown, whatever K
    assert not list(read_dataset(plan.cube("rain_stages")).data_vars)
    assert all(s["forecast"] is None for s in read_json(plan.facts("rainfall_stages"))["stages"])


def test_series_at_points_are_those_of_their_cells():
    values = np.arange(3 * 144, dtype=float).reshape(3, 12, 12)
    cube = rain_cube(values, "2020-01-01")
    x, y = [509_900, 520_600, 400_000], [4_065_100, 4_054_100, 4_065_000]
    got = series_at(cube, x, y, crs=RAIN.crs)
    np.testing.assert_array_equal(got[:, 0], values[:, 0, 0])
    np.testing.assert_array_equal(got[:, 1], values[:, 11, 11])
    assert np.isnan(got[:, 2]).all()
    lon_lat = [111.1113, 36.72]  # in the county
    assert np.isfinite(series_at(cube, [lon_lat[0]], [lon_lat[1]], crs="EPSG:4326")).all()
    inside = cells_within(cube, Area(GRID.bounds, GRID.crs))
    assert len(inside[0]) == 100  # ten by ten cells have their centre in the county
