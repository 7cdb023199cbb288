"""The step that runs the storm over the valleys: maps of any corner and of few cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox

from geo_risk.core.grid import Grid
from geo_risk.flow.steps.flood_ground import GROUND
from geo_risk.flow.steps.flood_valleys import _run
from geo_risk.hazards.flood.params import FloodParams

CRS = "EPSG:32649"
HOURS = pd.date_range("2024-07-24T01:00", periods=5, freq="h")


def _rain(mm_h: np.ndarray) -> xr.DataArray:
    grid = Grid.from_bounds((499_000, 3_999_000, 502_000, 4_002_000), crs=CRS, resolution_m=1000)
    hours = [grid.layer(np.full(grid.shape, v, np.float32), units="mm", long_name="rain", name="rain") for v in mm_h]
    return xr.concat(hours, pd.Index(HOURS, name="time"))


SHORT = FloodParams.model_validate({"river": {"storm_h": 3}, "valleys": {"lead_h": 0, "after_h": 0}})


@pytest.mark.parametrize(
    ("shape", "corner"),
    [
        ((1, 1), (500_010.0, 4_000_050.0)),
        ((3, 3), (500_000.0, 4_000_000.0)),
        ((5, 4), (500_010.0, 4_000_050.0)),
    ],
)
def test_maps_of_any_corner_and_of_few_cells_are_run(shape: tuple[int, int], corner: tuple[float, float]) -> None:
    grid = Grid(GeoBox(shape, Affine(30, 0, corner[0], 0, -30, corner[1]), CRS))
    level = np.full(shape, 500.0) + 0.1 * np.arange(shape[0])[:, None]
    ground = dict(zip(GROUND, (80.0, 2.0, 0.0), strict=True))
    layers = {n: grid.layer(np.full(shape, v, np.float32), units="1", long_name=n) for n, v in ground.items()}
    rain = np.array([0.0, 0.0, 15.0, 20.0, 5.0])
    made, why, told = _run(level, grid, 2, _rain(rain), layers, [None, None], SHORT)
    assert made is not None, why
    assert told["valley_cells"] == -(-shape[0] // 2) * -(-shape[1] // 2)
    assert all(depth.shape == shape for depth in made)
    rain[3] = np.nan
    assert _run(level, grid, 2, _rain(rain), layers, [None, None], SHORT)[:2] == (None, "rain_missing")
