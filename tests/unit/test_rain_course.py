"""The course of effective rain of analysis and stages together."""

import numpy as np
import pytest
import xarray as xr

from geo_risk.core.errors import GridError
from geo_risk.hazards.rainfall.course import with_stages

X, Y = [0.0, 1.0], [1.0, 0.0]


def analysed(values, start="2024-07-22T01"):
    times = np.datetime64(start, "ns") + np.arange(len(values)) * np.timedelta64(1, "h")
    data = np.broadcast_to(np.asarray(values, np.float32)[:, None, None], (len(values), 2, 2)).copy()
    return xr.DataArray(data, {"time": times, "y": Y, "x": X}, ("time", "y", "x"), attrs={"units": "mm"})


def stage(hours, issued, values, forecast=0):
    mm = np.broadcast_to(np.asarray(values, np.float32)[:, None, None], (hours, 2, 2)).copy()
    return {"hours": hours, "issued": issued, "forecast": forecast}, mm


def course(base, *given, after_h=12.0, x=X):
    fields = xr.Dataset({f"effective_{s['hours']}h": ((f"hour_{s['hours']}h", "y", "x"), mm)
                         for s, mm in given if s["forecast"] is not None}, coords={"y": Y, "x": x})  # fmt: skip
    return with_stages(base, fields, [s for s, _ in given], after_h=after_h)


def test_the_higher_of_analysis_and_stage_counts_hour_by_hour_and_the_end_is_that_of_either():
    got = course(analysed([10, 20, 30]), stage(3, "2024-07-22T02:00:00+00:00", [25, 25, 40]))
    assert got.to_numpy()[:, 0, 0].tolist() == [10, 20, 30, 25, 40]
    assert got["time"].to_numpy()[0] == np.datetime64("2024-07-22T01", "ns")
    assert got["time"].to_numpy()[-1] == np.datetime64("2024-07-22T05", "ns")
    # what is forecast after a gap: the hours between are not known
    late = course(analysed([10]), stage(1, "2024-07-22T02:00:00+00:00", [7]))
    np.testing.assert_array_equal(late.to_numpy()[:, 0, 0], [10, np.nan, 7])


def test_a_stage_without_a_forecast_says_nothing_and_none_at_all_leaves_the_analysis():
    base = analysed([10, 20])
    got = course(base, stage(3, "2024-07-22T02:00:00+00:00", [25, 25, 40], forecast=None))
    np.testing.assert_array_equal(got.to_numpy(), base.to_numpy())


def test_an_old_issue_counts_only_where_the_new_ones_are_silent():
    old, mm = stage(6, "2024-07-21T00:00:00+00:00", [50, 50, 50, 50, 60, 60])
    new, now = stage(3, "2024-07-22T01:00:00+00:00", [12, 12, 13])
    now[:, 0, 1] = np.nan
    got = course(analysed([10, 20, 30, 30]), (old, mm), (new, now)).max("time", skipna=False).to_numpy()
    assert got[0, 0] == 30
    assert np.isnan(got[0, 1])  # the new issue lacks rain there
    both = course(analysed([10]), (old, mm), (new, now), after_h=72).max("time").to_numpy()
    assert both[0, 0] == 60


def test_rain_of_other_cells_is_not_laid_over_these():
    given = stage(3, "2024-07-22T02:00:00+00:00", [25, 25, 40])
    with pytest.raises(GridError, match="different grids"):
        course(analysed([10, 20]), given, x=[1.0, 2.0])


@pytest.mark.parametrize("hour", [0, 2])
def test_where_a_stage_lacks_an_hour_nothing_is_known(hour):
    given, mm = stage(3, "2024-07-22T01:00:00+00:00", [12, 12, 13])
    mm[hour, 1, 1] = np.nan
    got = course(analysed([10, 20, 30, 40]), (given, mm)).to_numpy()
    assert np.isnan(got[:, 1, 1]).all()
    assert np.isfinite(got[:, 0, 0]).all()
