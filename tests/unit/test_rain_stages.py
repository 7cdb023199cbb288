"""Stages: which forecast, which hours, and never "no warning" for want of one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.core.errors import AmbiguousError, GridError, TimeError
from geo_risk.hazards.rainfall.params import RainfallParams
from geo_risk.hazards.rainfall.stage_fields import stage_fields
from geo_risk.hazards.rainfall.stages import (
    Forecast,
    analysis_period,
    aware,
    forecast_of,
    latest_known,
    naive,
    plan_stages,
    stitch,
    with_whole_steps,
)
from geo_risk.sources.rain import hourly

T0 = datetime(2024, 7, 25, tzinfo=UTC)


def at(hours: float) -> datetime:
    return T0 + timedelta(hours=hours)


def series(first: int, last: int, value: float) -> xr.DataArray:
    """Hours that end first .. last after T0, one value."""
    n = last - first + 1
    times = naive(at(first)) + np.arange(n) * np.timedelta64(1, "h")
    coords = {"time": times, "y": [1000.0, 0.0], "x": [0.0, 1000.0]}
    return xr.DataArray(np.full((n, 2, 2), value, "float32"), dims=("time", "y", "x"), coords=coords,
                        attrs={"units": "mm", "interval_h": 1.0})  # fmt: skip


def test_the_newest_forecast_issued_in_time_that_covers_the_horizon_is_used():
    forecasts = [
        Forecast(at(-72), at(-71), at(12)),
        Forecast(at(-6), at(-5), at(12)),
        Forecast(at(-3), at(-2), at(1)),
        Forecast(at(-2), at(-1), at(12)),
    ]
    stages = {s.hours: s for s in plan_stages(RainfallParams(event_time=T0), forecasts, latest=T0)}
    assert {h: s.forecast for h, s in stages.items()} == {72: 0, 24: 0, 6: 1, 3: 2, 1: 3}
    assert all(s.until == T0 for s in stages.values())


def test_a_time_between_two_hours_is_refused_or_put_off_and_never_leaves_all_unknown():
    # stages begin where hours of rain begin: at 02:20 none does, and every level would be unknown
    for name in ("issued", "event_time"):
        with pytest.raises(ValueError, match="whole hour"):
            RainfallParams(**{name: at(2 + 1 / 3)})
    beijing = datetime(2024, 7, 25, 8, tzinfo=timezone(timedelta(hours=8)))
    assert RainfallParams(issued=beijing).issued == T0
    forecast = Forecast(at(-2 / 3), at(1), at(9))
    assert latest_known([forecast], None) == T0
    assert latest_known([Forecast(T0, at(1), at(9))], None) == T0
    stages = {s.hours: s for s in plan_stages(RainfallParams(), [forecast], latest=latest_known([forecast], None))}
    made = stage_fields(series(-300, 0, 1), series(1, 9, 2), stages[6], RainfallParams())
    assert float(made["rain"].min()) == 12


def test_a_forecast_from_the_future_or_too_short_is_no_forecast():
    later, short = Forecast(at(1), at(2), at(99)), Forecast(at(-1), at(1), at(5))
    stages = {s.hours: s for s in plan_stages(RainfallParams(issued=T0), [later, short], latest=at(50))}
    assert {h: s.forecast for h, s in stages.items()} == {72: None, 24: None, 6: None, 3: 1, 1: 1}
    assert "no forecast" in stages[72].note
    assert "not 'no warning'" in stages[72].note
    assert stage_fields(series(-300, 0, 1), None, stages[72], RainfallParams(issued=T0)) is None


def test_a_forecast_with_a_gap_in_the_horizon_leaves_it_to_an_older_whole_one():
    holed = series(-1, 12, 5).assign_coords(is_gap=("time", [0] * 7 + [1] + [0] * 6))  # the hour that ends at +6
    forecasts = [forecast_of(series(-5, 12, 1), at(-6)), forecast_of(holed, at(-2))]
    assert forecasts[0].missing == ()
    assert forecasts[1].missing == (at(6),)
    stages = {s.hours: s for s in plan_stages(RainfallParams(issued=T0), forecasts, latest=T0)}
    # the newest where its gap lies after the horizon, the older where it lies in it, even at its very end
    assert {h: s.forecast for h, s in stages.items()} == {72: None, 24: None, 6: 0, 3: 1, 1: 1}
    made = stage_fields(series(-300, 0, 1), series(-5, 12, 1), stages[6], RainfallParams(issued=T0))
    assert np.isfinite(made["effective"].to_numpy()).all()
    # hours before the issue fill what is not observed; a gap in them is no gap in the horizon
    assert forecasts[1].covers(at(6), at(12))
    assert not forecasts[1].covers(at(5), at(7))


def test_joined_hours_do_not_overlap_and_the_future_is_not_observed():
    joined = stitch(series(-5, 4, 1), series(-3, 6, 10), start=at(-8), issued=T0, until=at(8))
    provenance = joined["provenance"].to_numpy().tolist()
    # hours ending -7, -6 are before the record; -5..0 observed; 1..6 forecast; 7, 8 beyond both
    assert provenance == [0, 0, *[1] * 6, *[2] * 6, 0, 0]
    want = [np.nan] * 2 + [1.0] * 6 + [10.0] * 6 + [np.nan] * 2
    np.testing.assert_array_equal(joined.to_numpy()[:, 0, 0], want)


def test_hours_between_the_last_observation_and_the_issue_come_from_the_forecast():
    joined = stitch(series(-5, -2, 1), series(-4, 6, 10), start=at(-5), issued=T0, until=at(2))
    assert joined["provenance"].to_numpy().tolist() == [1, 1, 1, 2, 2, 2, 2]


def test_different_grids_and_empty_spans_are_refused():
    other = series(1, 6, 1).assign_coords(x=[5.0, 6.0])
    with pytest.raises(GridError):
        stitch(series(-5, 0, 1), other, start=at(-5), issued=T0, until=at(2))
    with pytest.raises(TimeError):
        stitch(series(-5, 0, 1), None, start=at(2), issued=T0, until=at(2))


def test_rain_of_a_stage_by_hand():
    params = RainfallParams(issued=T0, antecedent_days=2, decay_per_day=0.5)
    stage = plan_stages(params, [Forecast(T0, at(1), at(6))], latest=T0)[2]
    assert (stage.hours, stage.forecast) == (6, 0)
    made = stage_fields(series(-60, 0, 1), series(1, 6, 4), stage, params)
    assert float(made["rain"][0, 0]) == pytest.approx(24)
    # at hour 6: 18 observed + 24 forecast in the last day, 24 the day before, halved
    assert float(made["effective"][-1, 0, 0]) == pytest.approx(18 + 24 + 12)


def test_a_hindcast_describes_what_happened_and_a_warning_what_is_known():
    observed_end, forecast = at(200), [Forecast(at(-3), at(-2), at(9))]
    hindcast = analysis_period(RainfallParams(event_time=T0), forecast, observed_end=observed_end)
    assert (hindcast.start, hindcast.until, hindcast.known) == (at(-72), at(72), at(72))
    warning = analysis_period(RainfallParams(issued=T0), forecast, observed_end=observed_end)
    assert (warning.start, warning.until, warning.known, warning.forecast) == (at(-72), at(9), T0, 0)
    assert warning.hours == 81
    with pytest.raises(TimeError):
        analysis_period(RainfallParams(issued=at(900)), [], observed_end=T0)
    with pytest.raises(TimeError):
        analysis_period(RainfallParams(), [], observed_end=None)


def test_issued_and_event_time_together_are_refused():
    with pytest.raises(ValueError, match="not both"):
        RainfallParams(issued=T0, event_time=T0)
    with pytest.raises(ValueError, match="timezone"):
        RainfallParams(issued=datetime(2024, 7, 25))


@given(st.integers(-20, 20), st.integers(0, 30), st.integers(-20, 20), st.integers(0, 30), st.integers(-10, 10))
def test_every_hour_has_one_source(first, length, begin, span, issued):
    observed, forecast = series(first, first + length, 1), series(begin, begin + span, 2)
    joined = stitch(observed, forecast, start=at(-25), issued=at(issued), until=at(25))
    values, code = joined.to_numpy()[:, 0, 0], joined["provenance"].to_numpy()
    np.testing.assert_array_equal(np.nan_to_num(values), code)
    late = joined["time"].to_numpy() > naive(at(issued))
    assert not (code[late] == 1).any()


def test_times_go_there_and_back():
    assert aware(naive(at(5))) == at(5)


def test_a_gap_in_the_observations_is_not_called_observed():
    observed = series(-9, 0, 1.0).assign_coords(is_gap=("time", np.r_[np.zeros(7), 1, np.zeros(2)].astype("int8")))
    forecast = series(-3, 6, 5.0)
    cube = stitch(observed, forecast, start=at(-10), issued=T0, until=at(6))
    # hour -2 is in no file of the observations; the forecast's own past fills it, and says so
    assert cube["provenance"].to_numpy().tolist() == [1] * 7 + [2, 1, 1] + [2] * 6
    assert cube.to_numpy()[7, 0, 0] == 5
    alone = stitch(observed, None, start=at(-10), issued=T0, until=T0)
    assert alone["provenance"].to_numpy().tolist() == [1] * 7 + [0, 1, 1]
    assert np.isnan(alone.to_numpy()[7]).all()


def test_two_overlapping_forecasts_are_never_added_up():
    old, new = Forecast(at(-6), at(-5), at(80)), Forecast(at(-1), at(0), at(80))
    stages = plan_stages(RainfallParams(issued=T0), [new, old], latest=T0)
    assert {s.forecast for s in stages} == {0}
    with pytest.raises(AmbiguousError, match="1 and 2 are both issued"):
        plan_stages(RainfallParams(issued=T0), [new, new], latest=T0)
    with pytest.raises(AmbiguousError):
        analysis_period(RainfallParams(issued=T0), [new, new], observed_end=T0)


def test_quality_goes_with_each_hour():
    observed = series(-3, 0, 1.0).assign_coords(quality=("time", np.array([1, 1, 1, 1], "int8")))
    cube = stitch(observed, series(1, 2, 1.0).assign_coords(quality=("time", np.array([3, 3], "int8"))),
                  start=at(-4), issued=T0, until=at(3))  # fmt: skip
    assert cube["quality"].to_numpy().tolist() == [1, 1, 1, 1, 3, 3, 0]


def stepped(step_h: int, n: int, *, first: int = 0) -> xr.DataArray:
    """A forecast in steps of some hours: 1 mm in the first, 2 in the second and so on, for each hour of it."""
    cube = series(first + step_h, first + step_h * n, 0.0).isel(time=slice(None, None, step_h))
    values = np.arange(1, n + 1, dtype=np.float32)[:, None, None] * step_h * np.ones(cube.shape[1:], np.float32)
    return cube.copy(data=da.from_array(values)).assign_attrs(interval_h=float(step_h))


@pytest.mark.parametrize("step_h", [2, 3, 6, 12, 24])
def test_longer_steps_are_spread_over_their_hours(step_h):
    cube = hourly(stepped(step_h, 4), where="f", spread=True)
    assert cube.attrs["interval_h"] == 1.0
    np.testing.assert_array_equal(cube["time"].to_numpy(), series(1, 4 * step_h, 0.0)["time"].to_numpy())
    np.testing.assert_array_equal(cube[:, 0, 0].to_numpy(), np.repeat([1, 2, 3, 4], step_h))
    assert forecast_of(cube, at(0)).step_h == step_h
    with pytest.raises(TimeError, match="a whole part of it"):
        hourly(stepped(step_h, 4), where="f")


def test_a_missing_step_leaves_its_hours_missing():
    cube = stepped(3, 4).assign_coords(is_gap=("time", [0, 1, 0, 0]))
    found = forecast_of(hourly(cube, where="f", spread=True), at(0))
    assert found.missing == (at(4), at(5), at(6))


@pytest.mark.parametrize(
    ("step_h", "issued", "covered"),
    [
        (3, 0, [72, 24, 6, 3]),  # the 3 h stage is a step
        (3, 1, [72, 24, 6]),  # it is parts of two
        (6, 0, [72, 24, 6]),
        (6, 3, [72, 24]),
        (24, 0, [72, 24]),
        (24, 5, [72]),
    ],
)
def test_a_stage_stands_on_no_part_of_a_step_alone(step_h, issued, covered):
    cube = hourly(stepped(step_h, 120 // step_h), where="f", spread=True)
    stages = plan_stages(RainfallParams(issued=at(issued)), [forecast_of(cube, at(0))], latest=at(0))
    assert [s.hours for s in stages if s.forecast is not None] == covered


def test_an_hourly_forecast_goes_on_for_the_stages_that_steps_cannot_tell():
    coarse = hourly(stepped(3, 40), where="f", spread=True)
    fine = series(1, 12, 1.0)
    stages = plan_stages(
        RainfallParams(issued=at(4)), [forecast_of(fine, at(0)), forecast_of(coarse, at(3))], latest=at(3)
    )
    assert {s.hours: s.forecast for s in stages} == {72: 1, 24: 1, 6: 1, 3: 0, 1: 0}


def test_steps_longer_than_a_day_or_off_the_hour_are_refused():
    with pytest.raises(TimeError, match="intervals of 48"):
        hourly(stepped(48, 2), where="f", spread=True)
    late = stepped(3, 4)
    with pytest.raises(TimeError, match="full hour"):
        hourly(late.assign_coords(time=late["time"] + np.timedelta64(30, "m")), where="f", spread=True)


@pytest.mark.slow
@given(step_h=st.sampled_from([1, 2, 3, 6]), issued=st.integers(0, 30), hours=st.integers(1, 40))
def test_a_stage_takes_all_rain_of_the_steps_it_holds_in_part(step_h, issued, hours):
    cube = hourly(stepped(step_h, 96 // step_h), where="f", spread=True)
    made = with_whole_steps(cube, at(issued), at(issued + hours))
    ends = np.arange(1, cube.sizes["time"] + 1)
    inside = (ends > issued) & (ends <= issued + hours)
    steps = np.unique((ends[inside] - 1) // step_h)
    assert float(made[inside, 0, 0].sum()) == pytest.approx(step_h * float((steps + 1).sum()), rel=1e-6)
    np.testing.assert_array_equal(made[~inside], cube[~inside])
    assert (made >= cube).all()
