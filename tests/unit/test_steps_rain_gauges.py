"""The rain steps with gauges, in place of a grid and beside one, and with forecasts that state their issue time."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from geo_risk.core.errors import AmbiguousError
from geo_risk.core.grid import Grid
from geo_risk.flow.steps.rainfall import write_cube, write_gauges
from geo_risk.flow.steps.rainfall_hours import write_hours
from geo_risk.hazards.rainfall.params import RainfallParams
from geo_risk.publish.cube import write_cube as publish
from geo_risk.publish.frames import write_json
from geo_risk.publish.report import ReportContent, write_report
from geo_risk.sources.options import RainOptions
from geo_risk.sources.rain import read_own

GRID = Grid.from_bounds((510_000, 4_060_000, 530_000, 4_075_000), crs="EPSG:4546", resolution_m=500)
CELLS = Grid.from_bounds((505_000, 4_055_000, 535_000, 4_080_000), crs="EPSG:4546", resolution_m=1000)
PARAMS = RainfallParams(antecedent_days=2, durations_h=(24,), lookback_h=24, gauge_cell_m=2000)
UTC = RainOptions(stamp="end", time_zone="UTC")


def hours(n=120):
    rng = np.random.default_rng(4)
    base = np.convolve(rng.gamma(0.3, 3.0, n + 2), np.ones(3) / 3, "valid")
    return pd.date_range("2024-07-20 01:00", periods=n, freq="1h"), np.round(np.where(base > 0.2, base, 0), 1)


@pytest.fixture
def files(tmp_path):
    times, rain = hours()
    rng = np.random.default_rng(1)
    places = [(f"G{k}", *p) for k, p in enumerate(rng.uniform((508_000, 4_058_000), (532_000, 4_078_000), (9, 2)))]
    rows = [{"station_id": g, "x": x, "y": y, "time": f"{t:%Y-%m-%d %H:%M}", "rain_mm": r * (0.8 + 0.05 * k)}
            for k, (g, x, y) in enumerate(places) for t, r in zip(times, rain, strict=True)]  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "gauges.csv", index=False)
    base = CELLS.layer(np.zeros(CELLS.shape), units="mm", long_name="rain", name="rain")
    coords = {"time": times.to_numpy(), **{c: base.coords[c] for c in ("y", "x", "spatial_ref")}}
    cube = xr.DataArray(rain[:, None, None] * np.ones((1, *CELLS.shape), "float32"), dims=("time", "y", "x"),
                        coords=coords, name="rain", attrs={"units": "mm", "interval_h": 1.0})  # fmt: skip
    publish(cube, tmp_path / "observed.nc")
    write_json(GRID.to_dict(), tmp_path / "grid.json")
    return tmp_path


def gauges(files, options):
    write_gauges(
        gauges=files / "gauges.csv", grid=files / "grid.json", rain=files / "g.nc", error=files / "e.nc",
        facts=files / "g.json", options=options, params=PARAMS,
    )  # fmt: skip
    return json.loads((files / "g.json").read_text(encoding="utf-8"))


def cube(files, *, observed, gauges_options):
    write_cube(
        observed=files / "observed.nc" if observed else None, gauges=files / "g.nc", forecasts=None,
        cube=files / "c.nc", facts=files / "c.json", issued_times=[], observed_options=None,
        gauges_options=gauges_options, forecast_options=[], params=PARAMS, fitted=None, grid=files / "grid.json",
    )  # fmt: skip
    return json.loads((files / "c.json").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_gauges_stand_for_observed_rain_where_there_is_no_grid(files):
    facts = gauges(files, UTC.model_copy(update={"crs": "EPSG:4546"}))
    assert facts["skill"]["n"] > 0
    assert "ordinary kriging" in facts["notes"][0]["text_en"]
    assert "克里金" in facts["notes"][0]["text_zh"]
    made = cube(files, observed=False, gauges_options=UTC)
    assert made["provenance_of"] == {"0": "missing", "1": "gauges (gauges, interpolated)"}
    # 24 h of the period and the two days before it, none missing
    assert made["provenance"] == [1] * 72
    _, rain = hours()
    back = read_own(files / "c.nc").to_numpy()
    # gauges have 0.8 to 1.2 times the series, all in one rhythm
    assert np.nanmax(back[-1]) <= 1.25 * rain[-1] + 0.1


@pytest.mark.slow
def test_a_grid_and_gauges_are_held_against_each_other(files):
    gauges(files, UTC.model_copy(update={"crs": "EPSG:4546"}))
    notes = " ".join(n["text_en"] for n in cube(files, observed=True, gauges_options=UTC)["notes"])
    assert "best shift +0 h" in notes
    gauges(files, UTC.model_copy(update={"crs": "EPSG:4546", "time_zone": "+08:00"}))
    with pytest.raises(AmbiguousError, match="8 h ahead of"):
        cube(files, observed=True, gauges_options=UTC)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stated", "is_warned"),
    [("2024-07-20T00:00:00Z", False), ("2024-07-20T08:00:00+08:00", False), ("2024-07-19T00:00:00Z", True),
     ("2024-07-19 08:00", False)],
)  # fmt: skip
def test_an_issue_time_against_the_files_own_is_warned_of(files, stated, is_warned):
    with xr.open_dataset(files / "observed.nc", decode_times=False) as source:
        source.load().assign_attrs(issued=stated).to_netcdf(files / "forecast.nc", engine="h5netcdf")
    write_cube(
        observed=None, gauges=None, forecasts=[files / "forecast.nc"], cube=files / "c.nc", facts=files / "c.json",
        issued_times=["2024-07-20T00:00:00+00:00"], observed_options=None, gauges_options=None,
        forecast_options=[RainOptions()], params=PARAMS, fitted=None, grid=files / "grid.json",
    )  # fmt: skip
    notes = json.loads((files / "c.json").read_text(encoding="utf-8"))["notes"]
    warned = [n for n in notes if "states that it was issued 2024-07-19 00:00 UTC" in n["text_en"]]
    assert [n["level"] for n in warned] == ["warning"] * is_warned


@pytest.mark.slow
def test_the_hours_of_the_area_are_drawn_under_the_heading_of_rain(files):
    with xr.open_dataset(files / "observed.nc", decode_times=False) as source:
        rain = source.load()
    rain["rain"][40:44] = np.nan
    rain["rain"][50, :8] = np.nan
    (files / "observed.nc").unlink()
    rain.to_netcdf(files / "observed.nc", engine="h5netcdf")
    write_cube(
        observed=files / "observed.nc", gauges=None, forecasts=None, cube=files / "c.nc", facts=files / "c.json",
        issued_times=[], observed_options=None, gauges_options=None, forecast_options=[],
        params=PARAMS.model_copy(update={"lookback_h": 96}), fitted=None, grid=files / "grid.json",
    )  # fmt: skip
    note = json.loads((files / "c.json").read_text(encoding="utf-8"))["notes"][0]
    assert (note["level"], "values are missing" in note["text_en"]) == ("warning", True)
    write_hours(cube=files / "c.nc", joined=files / "c.json", grid=files / "grid.json", facts=files / "h.json",
                language="en")  # fmt: skip
    facts = json.loads((files / "h.json").read_text(encoding="utf-8"))
    # 144 hours are asked for and 120 are there; the area of 20 x 15 km touches 300 cells of 1 km
    assert (facts["counts"]["cells"], facts["counts"]["hours"], facts["counts"]["unknown_hours"]) == (300, 144, 28)
    assert facts["counts"]["unknown_values"] > 28 * 300
    assert "Observed" in facts["figures"][0]["svg"]
    assert "Forecast" not in facts["figures"][0]["svg"]
    write_report(
        files / "r.html", content=ReportContent("x", "en", facts={"rainfall_hours": facts}), frames={}, layers={}
    )
    text = (files / "r.html").read_text(encoding="utf-8")
    assert text.index("<h2>Rain</h2>") < text.index("Rain of each hour")
