"""Rain at gauges: tables as bureaus have them, what is set aside and why, and kriging with an error that holds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.core.errors import (
    AmbiguousError,
    CorruptFileError,
    DataError,
    OverlapError,
    SchemaError,
    TimeError,
    UnitError,
)
from geo_risk.hazards.rainfall.kriging import ASSUMED, Variogram, fit_variogram, krige_hour, leave_one_out, weights
from geo_risk.publish.cube import write_cube
from geo_risk.sources.gauge_cube import gauge_cube
from geo_risk.sources.gauges import read_gauges
from geo_risk.sources.options import RainOptions
from geo_risk.sources.rain import OWN, read_rain
from geo_risk.sources.rain_checks import inspect_gauges
from geo_risk.sources.rain_opened import Area

TELLS = RainOptions(stamp="end", time_zone="+08:00", units="mm")


def table(n_gauges=6, n_hours=8, *, start="2024-07-20 08:00", seed=1):
    rng = np.random.default_rng(seed)
    times = pd.date_range(start, periods=n_hours, freq="1h")
    lon, lat = 112 + 0.1 * np.arange(n_gauges), 37 + 0.05 * (np.arange(n_gauges) % 3)
    rows = [
        {"station_id": f"5377{g}", "lon": lon[g], "lat": lat[g], "time": f"{t:%Y-%m-%d %H:%M}", "rain_mm": v}
        for g in range(n_gauges)
        for t, v in zip(times, np.round(rng.gamma(0.8, 5, n_hours), 1), strict=True)
    ]
    return pd.DataFrame(rows)


def save(path, frame, encoding="utf-8"):
    path.write_bytes(frame.to_csv(index=False).encode(encoding))
    return path


def reasons(found):
    return [row["reason"].split(" (")[0] for row in found.quarantine]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_chinese_headers_beijing_time_and_thousands_commas(tmp_path, encoding):
    frame = table()
    frame["rain_mm"] = frame["rain_mm"].map(lambda v: f"{v:,.1f}")
    frame.loc[0, "rain_mm"] = "1,000.5"
    frame.loc[1, "rain_mm"] = "１２．５"
    frame.loc[2, "rain_mm"] = "微量"
    frame.loc[3, "rain_mm"] = "缺测"
    frame.loc[4, "rain_mm"] = "999999"
    frame.columns = ["站号", "经度", "纬度", "时间（北京时）", "过去1小时降水量(0.1mm)"]
    found = read_gauges(save(tmp_path / "g.csv", frame, encoding))
    assert found.times[0] == pd.Timestamp("2024-07-20 00:00")
    np.testing.assert_allclose(found.rain[:5, 0], [100.05, 1.25, 0, np.nan, np.nan], rtol=1e-6)
    assert (found.ids[0], found.crs, found.interval_h, found.quarantine) == ("53770", "EPSG:4326", 1.0, [])
    assert any("+08:00" in s.en for s in found.evidence)


def test_years_months_days_and_hours_in_columns_of_their_own(tmp_path):
    frame = table()
    clock = pd.to_datetime(frame.pop("time"))
    for name, values in (("年", clock.dt.year), ("月", clock.dt.month), ("日", clock.dt.day), ("时", clock.dt.hour)):
        frame[name] = values
    found = read_gauges(save(tmp_path / "g.csv", frame), TELLS)
    assert found.times[0] == pd.Timestamp("2024-07-20 00:00")


@pytest.mark.parametrize(
    ("rename", "lacks", "error", "key"),
    [
        ({}, "stamp", AmbiguousError, "`stamp:"),
        ({}, "time_zone", AmbiguousError, "`time_zone:"),
        ({"rain_mm": "rain"}, "units", UnitError, "`units:"),
        ({"lon": "x", "lat": "y"}, "", SchemaError, "`crs:"),
        ({"rain_mm": "level"}, "", SchemaError, "rain_mm"),
    ],
)
def test_what_a_table_does_not_tell_is_asked_for_by_name(tmp_path, rename, lacks, error, key):
    options = TELLS.model_copy(update={lacks: None} if lacks else {})
    with pytest.raises(error) as caught:
        read_gauges(save(tmp_path / "g.csv", table().rename(columns=rename)), options)
    assert key in caught.value.fix


@pytest.mark.parametrize(
    ("times", "words"),
    [
        (["05/07/2024 08:00", "05/07/2024 09:00"], "the day from the month"),
        (["12/07/2024 08:00", "13/07/2024 08:00"], "the day from the month"),
        (["24-07-20 08:00", "24-07-20 09:00"], "the day from the month"),
        (["2024-07-20T08:00+08:00", "2024-07-20 09:00"], "1 of 2 times state a zone"),
        (["2024-07-20 00:00Z", "2024-07-20 09:00"], "1 of 2 times state a zone"),
    ],
)
def test_times_that_can_be_read_in_two_ways_stop(tmp_path, times, words):
    frame = table(n_gauges=1, n_hours=2).assign(time=times)
    with pytest.raises(AmbiguousError, match=words):
        read_gauges(save(tmp_path / "g.csv", frame), TELLS)


@pytest.mark.parametrize("late", ["2024-07-20 24:00", "2024/7/20 24:00:00", "2024072024", "2024年7月20日24时"])
def test_24_o_clock_is_the_end_of_the_day(tmp_path, late):
    frame = table(n_gauges=1, n_hours=3).assign(time=["2024-07-20 23:00", late, "2024-07-21 01:00"])
    found = read_gauges(save(tmp_path / "g.csv", frame), TELLS)
    assert (found.interval_h, len(found.times), found.quarantine) == (1, 3, [])
    assert found.times[1] == pd.Timestamp("2024-07-20 16:00")


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M", "%Y%m%d%H", "%Y/%m/%d %H:%M", "%Y年%m月%d日%H时"])
def test_a_column_for_each_time_is_read_as_a_row_for_each(tmp_path, form):
    frame = table(n_gauges=4, n_hours=5)
    frame.loc[3, "rain_mm"] = np.nan
    wide = frame.assign(time=pd.to_datetime(frame["time"]).dt.strftime(form)).pivot(
        index=["station_id", "lon", "lat"], columns="time", values="rain_mm"
    )
    save(tmp_path / "long.csv", frame)
    save(tmp_path / "wide.csv", wide.reset_index())
    one, other = (read_gauges(tmp_path / f"{name}.csv", TELLS) for name in ("long", "wide"))
    assert (one.ids, other.times.tolist()) == (other.ids, one.times.tolist())
    np.testing.assert_array_equal(other.rain, one.rain)
    with pytest.raises(UnitError, match="unit"):
        read_gauges(tmp_path / "wide.csv", RainOptions(stamp="end", time_zone="+08:00"))


def test_metres_under_a_header_of_millimetres_stop(tmp_path):
    frame = table(n_gauges=8, n_hours=12)
    frame["rain_mm"] = (frame["rain_mm"] / 1000).round(4)
    path = save(tmp_path / "g.csv", frame)
    told = {"stamp": "end", "time_zone": "+08:00"}
    with pytest.raises(AmbiguousError, match="metres") as caught:
        read_gauges(path, RainOptions(**told))
    assert "`units: mm`" in caught.value.fix
    assert "`units: m`" in caught.value.fix
    read = read_gauges(path, RainOptions(units="m", **told))
    np.testing.assert_allclose(np.sort(read.rain, axis=None), np.sort(frame["rain_mm"] * 1000), atol=1e-4)


@pytest.mark.parametrize(
    ("text", "mm"),
    [("1,024.5", 1024.5), ("12,024", 12024), ("0,125", None), ("12,5", None), ("1,02", None), ("1024,500", None)],
)
def test_only_thousands_commas_are_commas_of_numbers(tmp_path, text, mm):
    frame = table(n_gauges=3, n_hours=4)
    frame["rain_mm"] = frame["rain_mm"].astype(str)
    frame.loc[5, "rain_mm"] = text
    found = read_gauges(save(tmp_path / "g.csv", frame), TELLS, limit_mm_h=1e5)
    if mm is None:
        assert found.counts == {"text": 1}
        assert np.isnan(found.rain[1, 1])
    else:
        assert found.rain[1, 1] == pytest.approx(mm)


def test_totals_since_the_morning_are_no_hourly_amounts(tmp_path):
    frame = table(n_gauges=6, n_hours=48)
    frame["rain_mm"] = frame.groupby([frame["station_id"], frame.index % 48 // 24])["rain_mm"].cumsum().round(1)
    path = save(tmp_path / "g.csv", frame)
    with pytest.raises(AmbiguousError, match="as in running totals"):
        read_gauges(path, TELLS)
    with pytest.raises(AmbiguousError, match="kind is running"):
        read_gauges(path, TELLS.model_copy(update={"kind": "running"}))
    assert read_gauges(path, TELLS.model_copy(update={"kind": "amount"})).rain.shape == (48, 6)


def test_a_mark_that_the_configuration_names_is_missing(tmp_path):
    frame = table(n_gauges=3, n_hours=4)
    frame.loc[5, "rain_mm"] = 99.9
    path = save(tmp_path / "g.csv", frame)
    assert read_gauges(path, TELLS).rain[1, 1] == pytest.approx(99.9)
    found = read_gauges(path, TELLS.model_copy(update={"nodata": 99.9}))
    assert np.isnan(found.rain[1, 1])
    assert np.isfinite(found.rain).sum() == 11


def test_why_no_row_can_be_used_is_said(tmp_path):
    frame = table(n_gauges=2, n_hours=3).assign(lon=11230, lat=3740)
    with pytest.raises(SchemaError, match="6 rows: the coordinates are no longitude and latitude"):
        read_gauges(save(tmp_path / "g.csv", frame), TELLS)


def test_starts_become_ends(tmp_path):
    found = read_gauges(save(tmp_path / "g.csv", table()), TELLS.model_copy(update={"stamp": "start"}))
    assert found.times[0] == pd.Timestamp("2024-07-20 01:00")


def test_every_fault_is_set_aside_with_its_reason(tmp_path):
    frame = table(8, 10)
    frame["rain_mm"] = frame["rain_mm"].astype(object)
    frame.loc[0, "rain_mm"] = -3.0
    frame.loc[1, "rain_mm"] = 900.0
    frame.loc[2, "rain_mm"] = "broken"
    frame.loc[3, "time"] = "yesterday"
    frame.loc[4, "station_id"] = ""
    frame.loc[5, "lon"] = np.nan
    frame.loc[10:16, "rain_mm"] = 7.3
    frame.loc[20:24, "lat"] = 39.0
    again = frame.loc[[30, 31]].assign(rain_mm=[frame.loc[30, "rain_mm"], 88.8])
    found = read_gauges(save(tmp_path / "g.csv", pd.concat([frame, again])), TELLS)
    expected = {"no_id": 1, "no_time": 1, "no_place": 1, "moved": 10, "text": 1, "negative": 1, "above_limit": 1,
                "repeated": 1, "twice": 2, "stuck": 7}  # fmt: skip
    assert found.counts == expected
    assert len(found.quarantine) == sum(expected.values()) - 1
    assert all(row["reason"] and row["reason_zh"] for row in found.quarantine)
    assert "53772" not in found.ids


def test_a_dead_gauge_is_unknown_and_a_lone_cloudburst_is_kept(tmp_path):
    frame = table(12, 10, seed=3)
    frame["rain_mm"] = 9.0 + 0.1 * (np.arange(len(frame)) % 7)
    frame.loc[frame.station_id == "53775", "rain_mm"] = 0.0
    frame.loc[(frame.station_id == "53777").idxmax(), "rain_mm"] = 180.0
    found = read_gauges(save(tmp_path / "g.csv", frame), TELLS)
    assert found.counts == {"dead": 10}
    assert "53775" not in found.ids
    assert float(np.nanmax(found.rain)) == 180.0


def test_tables_that_cannot_be_a_series_stop(tmp_path):
    frame = table()
    frame.loc[0, "time"] = "2024-07-20 08:07"
    with pytest.raises(TimeError):
        read_gauges(save(tmp_path / "a.csv", frame), TELLS.model_copy(update={"interval_h": 1.0}))
    with pytest.raises(TimeError, match="counted twice"):
        read_gauges(save(tmp_path / "b.csv", table()), TELLS.model_copy(update={"interval_h": 24.0}))
    (tmp_path / "c.csv").write_bytes(b"\xff\xfe\x00station\xff\xff\xff")
    with pytest.raises(CorruptFileError):
        read_gauges(tmp_path / "c.csv", TELLS)


def test_info_tells_gauges(tmp_path):
    facts = inspect_gauges(save(tmp_path / "g.csv", table()), key="inputs.rainfall.gauges", options=TELLS)
    assert (facts.product, facts.size, facts.problems) == ("rain gauges", "6 gauges", ())
    assert inspect_gauges(tmp_path / "g.csv", key="x").problems


def test_two_gauges_are_weighed_as_the_equations_say():
    """Halfway between two gauges: weights 1/2, variance 2 gamma(d/2) - gamma(d)/2, solved by hand."""
    model = Variogram(0.1, 0.9, 5000.0)
    xy = np.array([[0.0, 0.0], [4000.0, 0.0]])
    found = weights(xy, np.array([[2000.0, 0.0]]), model, neighbours=2)
    np.testing.assert_allclose(found.weight, [[0.5, 0.5]], atol=1e-12)
    gamma = 0.1 + 0.9 * (1 - np.exp(-np.array([0.4, 0.8])))
    np.testing.assert_allclose(found.variance, 2 * gamma[0] - gamma[1] / 2, rtol=1e-12)


def test_kriging_is_the_best_linear_estimate_of_the_covariance_form():
    """Another road: generalised least squares mean plus simple kriging of the residuals, with covariances."""
    rng = np.random.default_rng(5)
    xy, at = rng.uniform(0, 30_000, (15, 2)), rng.uniform(0, 30_000, (20, 2))
    rain = rng.gamma(1.0, 5.0, 15)
    model = Variogram(0.2, 0.8, 9000.0)

    def distance(a, b):
        return np.hypot(*(a[:, None] - b[None]).transpose(2, 0, 1))

    c = 0.8 * np.exp(-distance(xy, xy) / 9000) + 0.2 * np.eye(15)
    c0 = 0.8 * np.exp(-distance(at, xy) / 9000)
    one = np.ones(15)
    inverse = np.linalg.inv(c)
    mean = one @ inverse @ rain / (one @ inverse @ one)
    expected = mean + c0 @ inverse @ (rain - mean)
    variance = 1 - np.einsum("ij,jk,ik->i", c0, inverse, c0) + (1 - c0 @ inverse @ one) ** 2 / (one @ inverse @ one)
    solved = weights(xy, at, model, neighbours=15)
    np.testing.assert_allclose((solved.weight * rain[solved.index]).sum(1), expected, rtol=1e-9)
    np.testing.assert_allclose(solved.variance, variance, rtol=1e-9)
    got, error = krige_hour(xy, rain, solved, at, variogram=model, reach_m=1e6)
    np.testing.assert_allclose(got, np.maximum(expected, 0), rtol=1e-5)
    np.testing.assert_allclose(error, np.sqrt(variance * rain.var()), rtol=1e-5)


@given(st.integers(3, 25), st.integers(0, 10_000))
def test_weights_sum_to_one_and_gauges_are_met(n, seed):
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, 50_000, (n, 2)) + np.arange(n)[:, None]
    found = weights(xy, xy, ASSUMED, neighbours=8)
    np.testing.assert_allclose(found.weight.sum(axis=1), 1, atol=1e-8)
    values = rng.gamma(1, 5, n)
    np.testing.assert_allclose((found.weight * values[found.index]).sum(axis=1), values, atol=1e-6)
    np.testing.assert_allclose(found.variance, 0, atol=1e-8)


def test_a_gauge_out_of_order_for_an_hour_is_as_if_it_were_not_there():
    rng = np.random.default_rng(7)
    xy, at = rng.uniform(0, 40_000, (20, 2)), rng.uniform(0, 40_000, (50, 2))
    rain = rng.gamma(1, 5, 20)
    rain[[3, 8]] = np.nan
    base = weights(xy, at, ASSUMED, neighbours=6)
    got, _ = krige_hour(xy, rain, base, at, variogram=ASSUMED, reach_m=1e6)
    known = np.isfinite(rain)
    without = weights(xy[known], at, ASSUMED, neighbours=6)
    np.testing.assert_allclose(got, np.maximum((without.weight * rain[known][without.index]).sum(1), 0), rtol=1e-5)
    assert np.isnan(krige_hour(xy, np.full(20, np.nan), base, at, variogram=ASSUMED, reach_m=1e6)[0]).all()


def field(n_gauges, n_hours, length, seed):
    """Independent hours of a Gaussian field with exponential covariance, shifted to be positive."""
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, 120_000, (n_gauges, 2))
    d = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1))
    root = np.linalg.cholesky(np.exp(-d / length) + 1e-9 * np.eye(n_gauges))
    return xy, 50 + 8 * rng.normal(size=(n_hours, n_gauges)) @ root.T


def test_the_variogram_of_a_known_field_is_found_and_its_errors_hold():
    xy, rain = field(60, 300, 15_000.0, seed=11)
    model = fit_variogram(xy, rain)
    # 300 independent hours at 60 gauges: the range of an exponential model comes out within a third
    assert 10_000 < model.range_m < 20_000
    assert model.nugget < 0.1
    skill = leave_one_out(xy, rain, model, neighbours=12)
    # scaling by the hour's own variance costs a few per cent of it
    assert 1.0 <= skill.inflation < 1.15
    assert abs(skill.bias_mm) < 0.2
    assert skill.n == 300 * 60


def test_too_few_wet_hours_are_said_to_be_assumed():
    xy, _ = field(8, 1, 10_000.0, seed=1)
    assert fit_variogram(xy, np.zeros((5, 8))) == ASSUMED
    assert leave_one_out(xy, np.zeros((5, 8)), ASSUMED, neighbours=4).n == 0


@pytest.mark.slow
def test_gauges_become_a_cube_with_an_error_and_unknown_far_away(tmp_path):
    found = read_gauges(save(tmp_path / "g.csv", table(9, 30)), TELLS)
    area = Area((550_000.0, 4_060_000.0, 700_000.0, 4_130_000.0), "EPSG:32649")
    made = gauge_cube(found, area, cell_m=2000, reach_m=20_000, neighbours=6)
    rain, error = made.rain.to_numpy(), made.error.to_numpy()
    assert rain.shape == error.shape == (30, 35, 75)
    gone = np.isnan(rain)
    assert 0.1 < gone.mean() < 0.95
    np.testing.assert_array_equal(gone, np.isnan(error))
    assert (rain[~gone] >= 0).all()
    assert (error[~gone] >= 0).all()
    assert float(np.nanmean(error)) > 0.5
    write_cube(made.rain, tmp_path / "r.nc")
    back, audit = read_rain(tmp_path / "r.nc", OWN)
    np.testing.assert_array_equal(back.to_numpy(), rain)
    assert (audit.interval_h, audit.first) == (1.0, "2024-07-20T00:00:00Z")
    with pytest.raises(OverlapError, match="nearest gauge"):
        gauge_cube(found, Area((50_000.0, 4_060_000.0, 60_000.0, 4_070_000.0), "EPSG:32649"), cell_m=2000,
                   reach_m=20_000, neighbours=6)  # fmt: skip
    few = read_gauges(save(tmp_path / "f.csv", table(2, 30)), TELLS)
    with pytest.raises(DataError, match="2 gauges"):
        gauge_cube(few, area, cell_m=2000, reach_m=20_000, neighbours=6)
