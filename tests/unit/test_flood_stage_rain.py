"""The rain of a stage over the town: from the start of its storm, or unknown where a gap may hide a part of it."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from geo_risk.core.grid import Grid
from geo_risk.flow.steps.flood_stages import _notes, _town_rain

TOWN = Grid.from_bounds((510_400, 4_060_400, 510_600, 4_060_600), crs="EPSG:4546", resolution_m=50)
COARSE = Grid.from_bounds((510_000, 4_060_000, 511_000, 4_061_000), crs="EPSG:4546", resolution_m=500)
ISSUED = datetime(2024, 7, 25, 0, tzinfo=UTC)


def cube(values, first: str) -> xr.DataArray:
    base = COARSE.layer(np.zeros(COARSE.shape, "float32"), units="mm", long_name="rain", name="rain")
    times = np.datetime64(first, "ns") + np.arange(len(values)) * np.timedelta64(1, "h")
    data = np.tile(np.asarray(values, "float32")[:, None, None], (1, *COARSE.shape))
    coords = {"time": times, **{c: base.coords[c] for c in ("y", "x", "spatial_ref")}}
    return xr.DataArray(
        data, dims=("time", "y", "x"), coords=coords, name="rain", attrs={"units": "mm", "interval_h": 1.0}
    )


def told(past):
    """A stage of three hours with 10 mm each after observed rain that ends with its issue; None: nothing observed."""
    stage = SimpleNamespace(hours=3, issued=ISSUED, until=datetime(2024, 7, 25, 3, tzinfo=UTC), forecast=0)
    ahead = cube([10.0, 10.0, 10.0], "2024-07-25T01:00")
    first = np.datetime64("2024-07-25T01:00", "h") - np.timedelta64(0 if past is None else len(past), "h")
    base = None if past is None else cube(past, str(first))
    rain, begin, is_known = _town_rain(base, [ahead], stage, TOWN, dry_gap_h=12)
    return rain, begin, _notes(stage, rain, has_past=is_known)


@pytest.mark.slow
def test_rain_of_the_storm_before_the_stage_counts():
    rain, begin, notes = told([0.0] * 60 + [5.0] * 12)
    assert rain[:begin].sum() == pytest.approx(60.0)
    assert rain[begin:].tolist() == [10.0, 10.0, 10.0]
    assert notes == []


def test_a_gap_within_the_storm_makes_the_stage_unknown_not_shallow():
    rain, _, notes = told([0.0] * 60 + [5.0] * 4 + [np.nan] + [5.0] * 7)
    assert np.isnan(rain).all()
    assert "unknown, not none" in notes[0]["text_en"]


def test_a_gap_before_a_dry_spell_is_of_another_storm():
    rain, begin, notes = told([5.0] * 40 + [np.nan] + [0.0] * 19 + [5.0] * 12)
    assert rain[:begin].sum() == pytest.approx(60.0)
    assert notes == []


def test_without_any_observed_rain_the_forecast_counts_alone_and_it_is_said():
    rain, begin, notes = told(None)
    assert rain[begin:].tolist() == [10.0, 10.0, 10.0]
    assert "forecast alone" in notes[0]["text_en"]
