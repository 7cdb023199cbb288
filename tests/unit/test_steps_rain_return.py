"""From annual maxima to the layer of return periods, the table of design rain, and what the report says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import genextreme

from geo_risk.core.errors import SchemaError, TimeError, UnitError
from geo_risk.flow.config import load_config
from geo_risk.flow.plan import Plan
from geo_risk.flow.steps.grid import grid as grid_steps
from geo_risk.flow.steps.rainfall import rainfall
from geo_risk.flow.steps.rainfall_analysis import rain_analysis
from geo_risk.publish.raster import write_layer
from geo_risk.sources.annual_maxima import read_annual_maxima
from geo_risk.sources.layers import open_layer, read_json
from geo_risk.sources.options import RainOptions
from tests.support.past_storms import GRID, RAIN, run_steps, write_county

TRUE = genextreme(c=0.05, loc=60, scale=20)
HEAD = "station_id,lon,lat,year,maximum_mm\n"


def gauge_table(path, *, years=40, extra=""):
    lines = [
        f"{name},{lon},{lat},{1980 + i},{mm:.1f}"
        for name, lon, lat, seed in (("G1", 111.14, 36.69, 1), ("G2", 111.19, 36.66, 2))
        for i, mm in enumerate(TRUE.rvs(years, random_state=seed))
    ]
    path.write_text(HEAD + "\n".join(lines) + "\n" + extra, encoding="utf-8")
    return path


def grid_file(path, *, name="rain", units="mm"):
    coords = RAIN.coords()
    values = TRUE.rvs((30, *RAIN.shape), random_state=5).astype("float32")
    values[0, 0, 0] = 9999
    years = np.arange(1990, 2020)
    data = xr.Dataset(
        {name: (("time", "y", "x"), values, {"units": units, "grid_mapping": "crs"}), "crs": ((), 0, _crs())},
        {"time": ("time", years.astype("float64"), {"long_name": "year"}), "y": coords["y"], "x": coords["x"]},
    )
    data.to_netcdf(path, engine="h5netcdf")
    return path


def _crs():
    import pyproj

    return pyproj.CRS("EPSG:4546").to_cf()


def run(tmp_path, listed, mm=100.0):
    path = write_county(tmp_path, storms=3)
    text = path.read_text(encoding="utf-8").replace(
        "  rainfall:\n", "  rainfall:\n    observed: storm_0.nc\n    annual_maxima:\n" + listed
    )
    path.write_text(text, encoding="utf-8")
    plan = Plan(load_config(path))
    grid_steps(plan)
    rainfall(plan)
    rain_analysis(plan)
    run_steps(plan, "grid")
    for h in (6, 24):
        layer = GRID.layer(np.full(GRID.shape, mm, "float32"), units="mm", long_name="rain", name=f"rain_{h}h")
        plan.layer("rain_24h").parent.mkdir(parents=True, exist_ok=True)
        write_layer(layer, plan.layer(f"rain_{h}h"))
    run_steps(plan, "rainfall.return_periods")
    return plan


@pytest.mark.slow
def test_gauges_give_a_layer_a_table_and_a_figure(tmp_path):
    gauge_table(tmp_path / "maxima.csv", extra="G1,111.14,36.69,2020,-5\nG2,111.19,36.66,2020,9999\n")
    plan = run(tmp_path, "      - {file: maxima.csv, duration_h: 24}\n", mm=85.0)
    years = open_layer(plan.layer("return_period_yr")).to_numpy()
    facts = read_json(plan.facts("rainfall_return_periods"))
    assert np.isfinite(years).all()
    assert len(np.unique(years)) == 2  # each cell takes its nearest gauge
    # 40 years tell a rain of five years to a factor of three
    assert 1 / TRUE.sf(85) / 3 < years.mean() < 1 / TRUE.sf(85) * 3
    table = pd.read_csv(plan.out / "lists" / "design_rain.csv")
    assert set(table["place"]) == {"G1", "G2"}
    analysed = table[table["is_analysed_rain"] == 1]
    assert (analysed["low_yr"] <= analysed["return_period_yr"]).all()
    assert sorted(np.unique(years.round(1))) == pytest.approx(sorted(analysed["return_period_yr"]), abs=0.06)
    assert len(facts["quarantine"]) == 2
    assert "row 82" in facts["quarantine"][0]["reason"]
    assert "<svg" in facts["figures"][0]["svg"]


@pytest.mark.slow
def test_rain_beyond_the_record_is_unknown_and_warned_of(tmp_path):
    gauge_table(tmp_path / "maxima.csv")
    plan = run(tmp_path, "      - {file: maxima.csv, duration_h: 24}\n", mm=900.0)
    assert np.isnan(open_layer(plan.layer("return_period_yr")).to_numpy()).all()
    facts = read_json(plan.facts("rainfall_return_periods"))
    assert facts["counts"]["rarer_than_record_cells"] == 1600
    assert any(n["level"] == "warning" and "not because the rain is common" in n["text_en"] for n in facts["notes"])


@pytest.mark.slow
def test_fewer_years_than_needed_say_nothing(tmp_path):
    gauge_table(tmp_path / "maxima.csv", years=15)
    plan = run(tmp_path, "      - {file: maxima.csv, duration_h: 24}\n")
    facts = read_json(plan.facts("rainfall_return_periods"))
    assert facts["counts"] == {"known_cells": 0, "rarer_than_record_cells": 0, "unknown_cells": 1600,
                               "masked_maxima": 0}  # fmt: skip
    assert "2 of them have fewer than 20 years" in facts["notes"][0]["text_en"]


@pytest.mark.slow
def test_a_grid_and_the_rarest_of_two_durations(tmp_path):
    grid_file(tmp_path / "grid.nc")
    gauge_table(tmp_path / "maxima.csv")
    both = "      - {file: maxima.csv, duration_h: 24}\n      - {file: grid.nc, duration_h: 6}\n"
    plan = run(tmp_path, both, mm=80.0)
    years = open_layer(plan.layer("return_period_yr")).to_numpy()
    one = run(tmp_path, "      - {file: grid.nc, duration_h: 6}\n", mm=80.0)
    alone = open_layer(one.layer("return_period_yr")).to_numpy()
    known = np.isfinite(years)
    assert known.mean() > 0.9
    assert (years[known] >= alone[known] - 1e-4).all()


@pytest.mark.slow
def test_rain_beyond_one_record_is_rare_though_another_duration_is_unknown(tmp_path):
    gauge_table(tmp_path / "long.csv")
    gauge_table(tmp_path / "short.csv", years=15)
    both = "      - {file: long.csv, duration_h: 24}\n      - {file: short.csv, duration_h: 6}\n"
    plan = run(tmp_path, both, mm=900.0)
    facts = read_json(plan.facts("rainfall_return_periods"))
    assert facts["counts"]["rarer_than_record_cells"] == 1600
    assert any("not because the rain is common" in n["text_en"] for n in facts["notes"])
    # what is within the record of one is unknown where the other is: it may be rarer there
    plan = run(tmp_path, both, mm=85.0)
    counts = read_json(plan.facts("rainfall_return_periods"))["counts"]
    assert (counts["known_cells"], counts["rarer_than_record_cells"], counts["unknown_cells"]) == (0, 0, 1600)


def zeros_in_grid(folder):
    zeros = xr.open_dataset(grid_file(folder / "grid.nc"), decode_times=False).load()
    zeros["rain"][3:5, 6, 6] = 0.0
    zeros["rain"][7, 5, 5] = -4.0
    zeros["rain"][8, 5, 5] = np.nan
    zeros.to_netcdf(folder / "zeros.nc", engine="h5netcdf")


def test_zeros_are_no_annual_maxima(tmp_path):
    path = gauge_table(tmp_path / "maxima.csv", extra="G1,111.14,36.69,2020,0\nG2,111.19,36.66,2020,0.0\n")
    got = read_annual_maxima(path, limit_mm=2000)
    assert got.years.max() == 2019
    assert [row["reason"].split(": ")[1] for row in got.quarantine] == [
        "the maximum is missing, zero, negative or impossible"
    ] * 2
    zeros_in_grid(tmp_path)
    got = read_annual_maxima(tmp_path / "zeros.nc", limit_mm=2000)
    assert got.n_masked == 3
    assert int(np.isnan(got.cube.to_numpy()).sum()) == 5  # with the 9999, which means missing, and the NaN


@pytest.mark.slow
def test_masked_maxima_are_told(tmp_path):
    zeros_in_grid(tmp_path)
    plan = run(tmp_path, "      - {file: zeros.nc, duration_h: 24}\n")
    facts = read_json(plan.facts("rainfall_return_periods"))
    assert facts["counts"]["masked_maxima"] == 3
    assert "3 annual maxima of grids" in facts["notes"][-1]["text_en"]


def test_bad_tables_stop_with_what_is_wrong(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("station_id,lon,lat,year\nG1,111,36,2000\n", encoding="utf-8")
    with pytest.raises(SchemaError, match="rain"):
        read_annual_maxima(path, limit_mm=2000)
    path.write_text("站号,经度,纬度,年份,最大雨量\nG1,111,36,2000,50\n", encoding="utf-8")
    with pytest.raises(UnitError, match="最大雨量"):
        read_annual_maxima(path, limit_mm=2000)
    got = read_annual_maxima(path, RainOptions(units="mm"), limit_mm=2000)
    assert got.values.tolist() == [[50.0]]
    path.write_text(HEAD + "G1,111,36,2000,50\nG1,111,36,2000,60\nG1,111,36,2001,70\n", encoding="utf-8")
    got = read_annual_maxima(path, limit_mm=2000)
    assert got.values.tolist() == [[70.0]]
    assert len(got.quarantine) == 2


def test_a_grid_masks_9999_and_refuses_a_year_given_twice(tmp_path):
    got = read_annual_maxima(grid_file(tmp_path / "grid.nc"), limit_mm=2000)
    assert got.years.tolist() == list(range(1990, 2020))
    assert int(np.isnan(got.cube.to_numpy()).sum()) == 1
    twice = xr.open_dataset(tmp_path / "grid.nc", decode_times=False).load()
    twice["time"] = ("time", np.full(30, 2000.0))
    twice.to_netcdf(tmp_path / "twice.nc", engine="h5netcdf")
    with pytest.raises(TimeError, match="2000"):
        read_annual_maxima(tmp_path / "twice.nc", limit_mm=2000)


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_thousands_commas_full_width_digits_and_nodata_are_read(tmp_path, encoding):
    rows = ["站号,经度,纬度,年份,最大雨量(mm)", '53772,112.5,37.8,1996,"1,024.5"', "53772,112.5,37.8,1997,８１．５",
            "53772,112.5,37.8,1998,999.9"]  # fmt: skip
    path = tmp_path / "m.csv"
    path.write_bytes("\n".join(rows).encode(encoding))
    found = read_annual_maxima(path, RainOptions(nodata=999.9), limit_mm=2000)
    assert found.values is not None
    np.testing.assert_allclose(found.values[:, 0], [1024.5, 81.5])
    assert len(found.quarantine) == 1
