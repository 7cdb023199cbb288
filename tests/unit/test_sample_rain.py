"""Rain of the demo county: totals, peaks, forecast errors, and its files."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import xarray as xr

from geo_risk.sample.calendar import STORM_HOURS, STORM_START
from geo_risk.sample.rain import FORECAST_KM, OBSERVED_KM, RainField, effective_rain_mm, make_rain
from geo_risk.sample.rain_files import diamond4, write_cube, write_rain

BOUNDS = (510000.0, 4050000.0, 525000.0, 4065000.0)
SEEDS = (7, 8, 9, 10)


@pytest.fixture(scope="module")
def rains():
    return {seed: make_rain(BOUNDS, seed=seed) for seed in SEEDS}


def _county(field):
    return field.rain_mm[:, OBSERVED_KM:-OBSERVED_KM, OBSERVED_KM:-OBSERVED_KM]


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_storm_totals_and_peaks_are_those_of_the_specification(rains, seed):
    storm = _county(rains[seed].storm())
    total = storm.sum(axis=0, dtype=np.float64)
    assert storm.shape == (STORM_HOURS, 15, 15)
    assert 80 <= total.min() < 110
    assert 180 < total.max() <= 220
    assert 35 <= storm.max() <= 60
    assert (storm >= 0).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_peak_is_the_wettest_hour_inside_the_storm(rains, seed):
    rain = rains[seed]
    storm = _county(rain.storm())
    wettest = int(storm.mean(axis=(1, 2)).argmax())
    assert rain.peak == STORM_START + np.timedelta64(wettest + 1, "h")
    assert len(rain.observed.times) == 720
    assert (np.diff(rain.observed.times) == np.timedelta64(1, "h")).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_forecasts_cover_their_horizon_and_reach_beyond_the_county(rains, seed):
    rain = rains[seed]
    for stage, field in rain.forecasts.items():
        assert field.times[0] == rain.peak - np.timedelta64(stage - 1, "h")
        assert field.times[-1] >= rain.peak + np.timedelta64(1, "h")
        assert field.rain_mm.shape[1:] == (15 + 2 * FORECAST_KM, 15 + 2 * FORECAST_KM)
        assert field.left == BOUNDS[0] - 1000 * FORECAST_KM


def test_forecast_error_at_the_peak_shrinks_with_the_lead(rains):
    error = {stage: [] for stage in (72, 24, 6, 3, 1)}
    for rain in rains.values():
        at = int(np.searchsorted(rain.observed.times, rain.peak))
        truth = rain.observed.rain_mm[at]
        for stage, field in rain.forecasts.items():
            inner = FORECAST_KM - OBSERVED_KM
            given = field.rain_mm[stage - 1, inner:-inner, inner:-inner]
            error[stage].append(np.abs(given - truth).mean())
    mean = {stage: np.mean(e) for stage, e in error.items()}
    assert mean[72] > mean[6] > mean[3] > mean[1] > 0
    assert mean[24] > mean[6]


def test_a_forecast_is_the_truth_displaced_by_its_distance(rains):
    # the 1 h forecast, moved back by 1 km in the best direction, must fit better than where it stands
    rain = rains[7]
    field = rain.forecasts[1]
    at = int(np.searchsorted(rain.wide.times, rain.peak))
    margin = 46 - FORECAST_KM
    truth = rain.wide.rain_mm[at]
    fits = {}
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            rows = slice(margin + dy, truth.shape[0] - margin + dy)
            columns = slice(margin + dx, truth.shape[1] - margin + dx)
            fits[dy, dx] = np.corrcoef(truth[rows, columns].ravel(), field.rain_mm[0].ravel())[0, 1]
    best = max(fits, key=fits.get)
    assert 0.5 <= np.hypot(*best) <= 1.5
    assert fits[best] > fits[0, 0]


@pytest.mark.parametrize("seed", SEEDS)
def test_past_storms_are_eight_and_daily_sums_are_those_of_their_hours(rains, seed):
    rain = rains[seed]
    assert len(rain.past) == len(rain.past_hourly) == 8
    for daily, hourly in zip(rain.past, rain.past_hourly, strict=True):
        assert daily.rain_mm.shape[0] * 24 == hourly.rain_mm.shape[0] == 360
        sums = hourly.rain_mm.reshape(15, 24, *hourly.rain_mm.shape[1:]).sum(axis=1, dtype=np.float64)
        assert np.allclose(daily.rain_mm, sums, atol=0.06)
        assert daily.times[-1] == hourly.times[-1]


@pytest.mark.slow
def test_same_seed_same_rain_and_another_seed_another(rains):
    again = make_rain(BOUNDS, seed=7)
    assert np.array_equal(again.wide.rain_mm, rains[7].wide.rain_mm)
    assert np.array_equal(again.forecasts[72].rain_mm, rains[7].forecasts[72].rain_mm)
    assert not np.array_equal(rains[8].wide.rain_mm, rains[7].wide.rain_mm)


def test_effective_rain_decays_day_by_day():
    times = np.datetime64("2024-07-01T00", "h") + 24 * np.arange(1, 6).astype("timedelta64[h]")
    rain = RainField(np.zeros((5, 1, 1), np.float32), times, 0.0, 0.0)
    rain.rain_mm[[1, 3], 0, 0] = 100, 10
    got = effective_rain_mm(rain, decay=0.8, end=3, hours_per_step=24)
    assert got[0, 0] == pytest.approx(10 + 100 * 0.8**2)


@pytest.mark.slow
def test_files_read_back_as_written(rains, tmp_path):
    inputs = write_rain(rains[7], tmp_path, crs="EPSG:4546")
    with xr.open_dataset(tmp_path / inputs["observed"], engine="h5netcdf") as found:
        assert np.allclose(found["rain"], rains[7].observed.rain_mm, atol=1e-4)
        assert found["rain"].attrs["units"] == "mm"
        assert found["rain"].attrs["cell_methods"] == "time: sum"
        assert found["time"].to_numpy()[0] == np.datetime64("2024-07-01T01")
        assert found["y"].to_numpy()[0] > found["y"].to_numpy()[-1]
        assert "CGCS2000" in found["spatial_ref"].attrs["crs_wkt"]
    assert [f["issued"][-1] for f in inputs["forecast"]] == ["Z"] * 5
    assert [e["storm_id"] for e in inputs["past_events"]] == [f"S{n}" for n in range(1, 9)]
    storm = rains[7].storm()
    with rasterio.open(tmp_path / "rainfall" / "storm.grib2", driver="GRIB") as grib:
        assert grib.count == STORM_HOURS
        assert abs(float(grib.read().max()) - float(storm.rain_mm.max())) < 8
        assert "2024-07-24T00:00:00Z" in grib.tags(1)["GRIB_IDS"]
    texts = sorted((tmp_path / "rainfall" / "micaps").glob("*.txt"))
    assert [t.name[:8] for t in texts] == ["24072508", "24072608", "24072708"]


def test_diamond4_has_a_header_of_22_tokens_and_its_grid():
    values = np.array([[1.0, 2.5], [np.nan, 0.0], [3.0, 4.0]])
    text = diamond4(values, end=np.datetime64("2024-07-25T00", "h"), hours=24, west=111.0, north=36.5)
    head, body = text.split("\n", 2)[:2], text.split("\n", 2)[2]
    tokens = " ".join(head).split()
    assert len(tokens) == 22
    assert tokens[3:7] == ["2024", "07", "25", "08"]
    assert tokens[15:17] == ["2", "3"]
    assert body.split() == ["1.0", "2.5", "9999", "0.0", "3.0", "4.0"]


def test_a_file_that_cannot_be_placed_raises(rains, tmp_path):
    (tmp_path / "in_the_way").write_text("a file, not a folder")
    with pytest.raises(OSError, match="in_the_way"):
        write_cube(rains[7].past[0], tmp_path / "in_the_way" / "x.nc", crs="EPSG:4546", attrs={})
