"""SPI by Thom's formula, fire weather by the cffdrs reference file, and series that allow neither."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import gamma, norm

from geo_risk.core.errors import DataError, SchemaError, TimeError, UnitError
from geo_risk.flow.config import load_config
from geo_risk.flow.plan import Plan
from geo_risk.flow.steps.grid import grid as grid_steps
from geo_risk.flow.steps.rainfall_analysis import rain_analysis
from geo_risk.hazards.rainfall.climate import drought, last_fire_weather, last_spi, monthly_rain
from geo_risk.sources.climate import check_noon, read_climate
from geo_risk.sources.layers import open_layer, read_json
from tests.support.past_storms import GRID, RAIN, run_steps, write_county


def daily(first="1990-01-01", last="2022-08-20", shape=(2, 2), seed=0):
    rng = np.random.default_rng(seed)
    days = pd.date_range(first, last)
    values = rng.gamma(0.3, 10, (len(days), *shape)) * (rng.random((len(days), *shape)) < 0.4)
    return xr.DataArray(values, dims=("time", "y", "x"), coords={"time": days}, name="pr")


@pytest.mark.slow
def test_the_spi_is_that_of_thom_s_formula():
    pr = daily()
    sums = monthly_rain(pr).rolling(time=3).mean()
    own = sums.sel(time=sums["time"].dt.month == 7).isel(y=0, x=1).dropna("time").to_numpy()
    # Thom (1958): maximum likelihood of the gamma shape by A = ln(mean) - mean(ln); August 2022 is not whole
    a = np.log(own.mean()) - np.log(own).mean()
    shape = (1 + np.sqrt(1 + 4 * a / 3)) / (4 * a)
    expected = norm.ppf(gamma.cdf(own[-1], shape, scale=own.mean() / shape))
    assert last_spi(pr, months=3, min_years=30)[0, 1] == pytest.approx(expected, abs=1e-5)  # float32


@pytest.mark.real
@pytest.mark.parametrize("days", [10, 30, 48])
def test_fire_weather_is_that_of_the_cffdrs_reference(days):
    file = Path(os.environ["GEO_RISK_REAL"]) / "rainfall" / "nc" / "cffdrs_test_fwi.nc"
    with xr.open_dataset(file) as source:
        read = source.load()
    names = {"tas": "tas", "pr": "pr", "hurs": "rh", "sfcWind": "ws"}
    weather = {
        k: xr.DataArray(read[v].to_numpy()[:days, None, None].astype(float), dims=("time", "y", "x"),
                        coords={"time": read["time"].to_numpy()[:days]})
        for k, v in names.items()
    }  # fmt: skip
    lat = xr.DataArray([[float(read["lat"])]], dims=("y", "x"))
    # cffdrs 1.8.18 by its authors, float64; the layer is float32
    assert last_fire_weather(weather, lat)[0, 0] == pytest.approx(float(read["fwi"][0, days - 1]), rel=2e-6)


@pytest.mark.slow
def test_a_missing_day_in_the_window_is_unknown_and_one_before_is_left_out():
    pr = daily()
    gap = pr.copy(deep=True)
    gap.loc["2022-06-10", :, :][0, 0] = np.nan
    gap.loc["2003-02-10", :, :][1, 1] = np.nan
    whole, got = (last_spi(v, months=3, min_years=30) for v in (pr, gap))
    assert np.isnan(got[0, 0])
    np.testing.assert_allclose(got.ravel()[1:], whole.ravel()[1:], atol=1e-6)


@pytest.mark.slow
def test_too_few_years_and_constant_rain_are_unknown():
    assert np.isnan(last_spi(daily(first="2000-01-01"), months=3, min_years=30)).all()
    assert np.isfinite(last_spi(daily(first="2000-01-01"), months=3, min_years=20)).all()
    for value in (0.0, 3.0):
        assert np.isnan(last_spi(xr.full_like(daily(), value), months=3, min_years=30)).all()


@pytest.mark.slow
@pytest.mark.parametrize("value", [-1.0, 9999.0, np.inf])
def test_impossible_rain_is_refused(value):
    pr = daily(first="2010-01-01")
    pr[5, 0, 0] = value
    with pytest.raises(DataError, match="1 amounts"):
        last_spi(pr, months=3, min_years=10)


@pytest.mark.slow
def test_the_layer_does_not_depend_on_blocks_and_stays_lazy():
    pr = daily(shape=(3, 7))
    lazy = drought(pr.chunk({"time": 500, "y": 2, "x": 4}), months=3, min_years=30)
    assert hasattr(lazy.data, "dask")
    np.testing.assert_array_equal(lazy.to_numpy(), last_spi(pr, months=3, min_years=30))


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(st.integers(0, 500), st.floats(0.2, 5))
def test_the_spi_does_not_change_with_the_unit_and_rises_with_rain(seed, factor):
    pr = daily(first="1990-01-01", last="2021-07-31", shape=(1, 1), seed=seed)
    base = last_spi(pr, months=3, min_years=30)
    np.testing.assert_allclose(last_spi(pr * factor, months=3, min_years=30), base, atol=2e-5)  # float32
    wet = pr.copy(deep=True)
    wet[-20:] += 5
    assert last_spi(wet, months=3, min_years=30)[0, 0] > base[0, 0]


def climate_file(path, *, years=31, names=("pr", "tas", "hurs", "sfcWind"), units=None):
    import pyproj

    units = {"pr": "mm/day", "tas": "K", "hurs": "%", "sfcWind": "m s-1"} | (units or {})
    days = pd.date_range("1992-01-01", periods=int(365.25 * years))
    rng = np.random.default_rng(3)
    shape = (len(days), *RAIN.shape)
    values = {
        "pr": rng.gamma(0.3, 10, shape) * (rng.random(shape) < 0.4), "tas": rng.normal(293, 3, shape),
        "hurs": rng.uniform(20, 80, shape), "sfcWind": rng.uniform(1, 8, shape),
    }  # fmt: skip
    values["pr"][7, 0, 0] = -9999
    attrs = {n: {"units": units[n], "grid_mapping": "crs"} for n in names}
    data = xr.Dataset(
        {n: (("time", "y", "x"), values[n].astype("float32"), attrs[n]) for n in names}
        | {"crs": ((), 0, pyproj.CRS("EPSG:4546").to_cf())},
        {"time": days, **RAIN.coords()},
    )
    data.to_netcdf(path, engine="h5netcdf")
    return path


@pytest.mark.slow
def test_the_steps_write_both_layers(tmp_path):
    climate_file(tmp_path / "climate.nc")
    path = write_county(tmp_path, storms=3)
    text = path.read_text(encoding="utf-8").replace("  rainfall:\n", "  rainfall:\n    climate: climate.nc\n")
    path.write_text(text, encoding="utf-8")
    plan = Plan(load_config(path))
    grid_steps(plan)
    rain_analysis(plan)
    run_steps(plan, "grid", "rainfall.drought", "rainfall.fire_weather")
    spi, fire = (open_layer(plan.layer(n)).to_numpy() for n in ("drought_spi", "fire_weather"))
    assert spi.shape == GRID.shape
    assert np.isfinite(spi).all()
    assert np.abs(spi).max() < 5
    assert np.isfinite(fire).all()
    assert fire.max() > 0
    facts = read_json(plan.facts("rainfall_drought"))
    assert sum(facts["counts"][k] for k in ("light", "moderate", "severe", "extreme")) == (spi <= -0.5).sum()
    assert "2022-12" in facts["notes"][0]["text_en"]


@pytest.mark.slow
def test_without_wind_fire_weather_is_unknown_and_says_so(tmp_path):
    climate_file(tmp_path / "climate.nc", years=2, names=("pr", "tas", "hurs"))
    path = write_county(tmp_path, storms=3)
    text = path.read_text(encoding="utf-8").replace("  rainfall:\n", "  rainfall:\n    climate: climate.nc\n")
    path.write_text(text, encoding="utf-8")
    plan = Plan(load_config(path))
    grid_steps(plan)
    rain_analysis(plan)
    run_steps(plan, "grid", "rainfall.fire_weather", "rainfall.drought")
    assert np.isnan(open_layer(plan.layer("fire_weather")).to_numpy()).all()
    assert "sfcWind" in read_json(plan.facts("rainfall_fire_weather"))["notes"][0]["text_en"]
    # two years are no record
    assert read_json(plan.facts("rainfall_drought"))["counts"]["unknown"] == 1600


@pytest.mark.slow
def test_reading_masks_faults_counts_missing_days_and_converts(tmp_path):
    path = climate_file(tmp_path / "climate.nc", years=2)
    got = read_climate(path, ("pr", "tas", "sfcWind"))
    assert np.isnan(got.series["pr"].to_numpy()).sum() == 1
    assert 10 < float(got.series["tas"].mean()) < 30
    assert 14 < float(got.series["sfcWind"].mean()) < 18  # km/h
    with xr.open_dataset(path) as source:
        read = source.load()
    read.drop_isel(time=[40, 41]).to_netcdf(tmp_path / "gap.nc", engine="h5netcdf")
    gap = read_climate(tmp_path / "gap.nc", ("pr",))
    assert gap.n_missing_days == 2
    assert np.isnan(gap.series["pr"].isel(time=40).to_numpy()).all()
    xr.concat([read.isel(time=slice(0, 3)), read.isel(time=slice(2, 5))], "time").to_netcdf(
        tmp_path / "twice.nc", engine="h5netcdf"
    )
    with pytest.raises(TimeError, match="one a day"):
        read_climate(tmp_path / "twice.nc", ("pr",))


@pytest.mark.slow
def test_days_are_those_of_the_bounds_and_faults_are_counted_to_the_end(tmp_path):
    with xr.open_dataset(climate_file(tmp_path / "climate.nc", years=4)) as source:
        read = source.load()
    ends = read["time"].to_numpy() + np.timedelta64(1, "D")  # stamped at the end, as rain often is
    stamped = read.assign_coords(time=("time", ends, {"bounds": "time_bnds"}))
    stamped["time_bnds"] = (("time", "b"), np.stack([ends - np.timedelta64(1, "D"), ends], axis=1))
    stamped["time"].encoding["units"] = "hours since 1992-01-01"
    late = stamped["pr"].to_numpy()
    late[1100, :2] = -5.0
    late[1200, 0, 0] = -0.004  # of a packed file
    stamped["pr"].data[:] = late
    stamped.to_netcdf(tmp_path / "bounds.nc", engine="h5netcdf")
    got = read_climate(tmp_path / "bounds.nc", ("pr",))
    np.testing.assert_array_equal(got.series["pr"]["time"].to_numpy(), read["time"].to_numpy())
    assert got.n_faults == {"pr": 1 + 2 * RAIN.shape[1]}
    assert got.series["pr"].to_numpy()[1200, 0, 0] == 0
    late[1000:] = -5.0  # a third of the series, all after the first thousand days
    stamped["pr"].data[:] = late
    stamped.to_netcdf(tmp_path / "wrong.nc", engine="h5netcdf")
    with pytest.raises(DataError, match="lie outside"):
        read_climate(tmp_path / "wrong.nc", ("pr",))


@pytest.mark.slow
def test_daily_means_are_not_taken_for_noon(tmp_path):
    with xr.open_dataset(climate_file(tmp_path / "climate.nc", years=1)) as source:
        read = source.load()
    check_noon(read_climate(tmp_path / "climate.nc", ("tas", "hurs")), where="climate")
    read["tas"].attrs["cell_methods"] = "area: mean time: point"
    read.to_netcdf(tmp_path / "point.nc", engine="h5netcdf")
    check_noon(read_climate(tmp_path / "point.nc", ("tas", "hurs")), where="climate")
    read["tas"].attrs["cell_methods"] = "area: time: mean"
    read.to_netcdf(tmp_path / "both.nc", engine="h5netcdf")
    with pytest.raises(DataError, match="local noon"):
        check_noon(read_climate(tmp_path / "both.nc", ("tas", "hurs")), where="climate")
    read["tas"].attrs["cell_methods"] = "time: mean"
    read.to_netcdf(tmp_path / "mean.nc", engine="h5netcdf")
    with pytest.raises(DataError, match=r"local noon; the file gives tas \(time: mean\)"):
        check_noon(read_climate(tmp_path / "mean.nc", ("tas", "hurs")), where="climate")


def test_wrong_units_and_absent_quantities_stop(tmp_path):
    path = climate_file(tmp_path / "climate.nc", years=1, names=("pr", "tas"), units={"tas": "furlong"})
    with pytest.raises(UnitError, match="furlong"):
        read_climate(path, ("tas",))
    with pytest.raises(SchemaError, match="hurs"):
        read_climate(path, ("hurs",))
    path = climate_file(tmp_path / "kelvin.nc", years=1, names=("tas",), units={"tas": "degC"})
    with pytest.raises(DataError, match="lie outside"):
        read_climate(path, ("tas",))
