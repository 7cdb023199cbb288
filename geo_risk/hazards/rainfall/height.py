"""Effective rain of a past storm by its height: what a warning could stand on while it still rained hardest."""

from __future__ import annotations

import numpy as np
import xarray as xr

from geo_risk.core.units import in_units
from geo_risk.hazards.rainfall.antecedent import storm_effective_rain


def effective_rain_by_height(cube: xr.DataArray, *, decay_per_day: float, days: int) -> xr.DataArray:
    """Largest effective antecedent rain up to the end of the step with most rain over the area.

    Parameters
    ----------
    cube : (time, y, x) daily or hourly rain of the storm and the days before it, attr `interval_h`, any depth unit; NaN
        where unknown. Steps before the first whole window belong to the past and cannot be the height.

    Returns
    -------
    (y, x) float32 [mm], lazy but for the search of the step; all NaN where the cube is shorter than the window or holds
    no known rain. Never above `storm_effective_rain` of the same cube.
    """
    first = days * round(24 / float(cube.attrs.get("interval_h", 1.0))) - 1
    mean = in_units(cube, "mm").mean(("y", "x")).to_numpy()[first:]
    if not np.isfinite(mean).any():
        return storm_effective_rain(cube.isel(time=slice(0, 1)), decay_per_day=decay_per_day, days=days)
    until = cube.isel(time=slice(0, first + int(np.nanargmax(mean)) + 1))
    return storm_effective_rain(until, decay_per_day=decay_per_day, days=days)
