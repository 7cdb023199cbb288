"""From past storms and slides to a fitted K: what the step reports, and when the fitted values are used."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from geo_risk.core.errors import DataError
from geo_risk.flow.config import load_config
from geo_risk.flow.plan import Plan
from geo_risk.flow.steps.grid import grid as grid_steps
from geo_risk.flow.steps.past_storms import open_storms, past_told
from geo_risk.flow.steps.rainfall import rainfall
from geo_risk.flow.steps.rainfall_antecedent import past_events, resolved, window_of
from geo_risk.hazards.rainfall.params import RainfallParams
from geo_risk.publish.frames import write_json
from geo_risk.sources.dataset import read_dataset
from geo_risk.sources.layers import open_layer, read_grid, read_json
from geo_risk.sources.rain_opened import Area
from geo_risk.sources.rain_past import read_past_slides
from geo_risk.sources.rain_points import cells_within, series_at
from tests.support.past_storms import DECAY, GRID, RAIN, rain_cube, run_steps, write_county


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    plan = Plan(load_config(write_county(tmp_path_factory.mktemp("past"))))
    grid_steps(plan)
    rainfall(plan)
    run_steps(plan, "grid", "rainfall.antecedent")
    return plan


@pytest.fixture(scope="module")
def opened(plan):
    """Return the storms and slides of a plan, and its grid."""
    target = read_grid(plan.facts("grid"))
    storms = open_storms(
        plan.input("rainfall.past_events"), past_told(plan), target, limit_mm_h=500, max_bad_share=0.01
    )
    return storms, read_past_slides(plan.input("past_slides"), target, storms=storms.ids, options=None).frame, target


@pytest.mark.slow
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


@pytest.mark.slow
def test_places_in_which_a_slide_fell_are_not_among_those_that_did_not_slide(plan):
    facts = read_json(plan.facts("rainfall_antecedent"))
    counts = facts["counts"]
    # each slide of this county has a cell of its own
    assert counts["cells_with_slides"] == counts["cells_with_slides_left_out"] == counts["slides"] > 50
    assert facts["fit"]["n_others"] == 8 * 100 - counts["slides"]
    assert f"{counts['slides']} of them were left out" in facts["notes"][2]["text_en"]
    assert facts["notes"][2]["level"] == "info"
    # without a time a slide has the wettest moment of its storm, which may come after it
    assert counts["slides_with_time"] == 0
    assert "warns too late if anything" in facts["notes"][1]["text_en"]
    assert "只会偏迟" in facts["notes"][1]["text_zh"]


@pytest.mark.slow
def test_where_nearly_all_cells_slid_they_stay_and_that_is_said(opened):
    storms, slides, target = opened
    everywhere = slides.iloc[:1].loc[np.repeat(0, 100)].reset_index(drop=True)
    x, y = cells_within(storms.storms[0].rain, storms.storms[0].area)
    everywhere = everywhere.set_geometry(gpd.points_from_xy(x, y), crs=GRID.crs)
    events, counts = past_events(storms.storms[:1], everywhere[:85], target, days=9, params=RainfallParams())
    assert (counts["cells_with_slides"], counts["cells_with_slides_left_out"]) == (85, 0)
    assert int((~events.slid).sum()) == 100
    events, counts = past_events(storms.storms[:1], everywhere[:70], target, days=9, params=RainfallParams())
    assert (counts["cells_with_slides"], counts["cells_with_slides_left_out"]) == (70, 70)
    assert int((~events.slid).sum()) == 30


@pytest.mark.slow
def test_rain_after_a_slide_of_known_time_does_not_count_for_it(opened):
    storms, slides, target = opened
    storm = storms.storms[0]
    own = slides[slides["storm_id"] == storm.id].reset_index(drop=True)
    # days end at 00 UTC of the 2nd, 3rd ... 13th of July: the tenth is the 11th
    times = pd.Series(pd.NaT, index=own.index, dtype="datetime64[ns, UTC]")
    times[0], times[1], times[2] = (pd.Timestamp(t, tz="UTC") for t in ("2010-07-10T12", "2010-07-01", "2010-07-20"))
    events, counts = past_events([storm], own.assign(time=times), target, days=9, params=RainfallParams())
    assert counts["slides_with_time"] == 3
    assert events.n_moments[: len(own)].tolist() == [2, 0, 0, *[4] * (len(own) - 3)]
    assert (events.n_moments[len(own) :] == 4).all()
    assert events.known(9)[:4].tolist() == [True, False, False, True]
    assert events.effective(np.array([0.0]), (1,))[0, 0, 0] == pytest.approx(events.daily[0, :2, 0].max())


@pytest.mark.slow
def test_storms_that_peak_on_day_eight_of_twelve_do_not_make_k_one(tmp_path):
    plan = Plan(load_config(write_county(tmp_path, peak=8)))
    grid_steps(plan)
    rainfall(plan)
    run_steps(plan, "grid", "rainfall.antecedent")
    fit = read_json(plan.facts("rainfall_antecedent"))["fit"]
    # moments that begin on the tenth day see the storm only as what is left of it: K came out at .99 (.88 to .99)
    assert fit["low"] <= DECAY <= fit["high"] < 0.9
    assert 4 <= fit["days_high"] <= 7


@pytest.mark.slow
def test_storms_whose_wettest_day_comes_first_are_named_and_too_many_of_them_refused(opened):
    storms, _, _ = opened
    first = storms.storms[0]
    early = replace(first, id="early", rain=first.rain.isel(time=slice(9, 12)))
    seven = [replace(first, id=f"S{k}") for k in range(7)]
    longest, kept, aside = window_of([*seven, early], 15)
    assert longest >= 9
    assert [s.id for s in kept] == [s.id for s in seven]
    assert [row["id"] for row in aside] == ["early"]
    assert "wettest come too early" in aside[0]["reason"]
    # one day more of window is not worth a storm
    short = replace(first, id="short", rain=first.rain.isel(time=slice(1, 12)))
    assert window_of([*seven, short], 15)[0] == longest - 1
    assert not window_of([*seven, short], 15)[2]
    dry = [replace(first, id=f"D{k}", rain=first.rain * 0) for k in range(5)]
    longest, kept, aside = window_of([*seven, *dry], 15)
    assert (longest, kept, len(aside)) == (0, [], 12)
    assert window_of([], 15) == (0, [], [])


@pytest.mark.slow
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
rainfall: {antecedent: fitted, issued: "2024-07-20T00:00:00Z", durations_h: [24, 100, 240]}
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
    for hours_long in (24, 100, 240):
        np.testing.assert_allclose(open_layer(plan.layer(f"rain_{hours_long}h")).to_numpy(), hours_long, rtol=1e-5)
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
