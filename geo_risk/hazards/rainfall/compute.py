"""The rainfall hazard: accumulations, effective antecedent rain, and the level by the grade of the 24 h rain."""

from __future__ import annotations

from collections.abc import Mapping

import dask.array as da
import numpy as np
import xarray as xr

from geo_risk.core.result import HazardResult, MethodCard, declared
from geo_risk.hazards.rainfall.accumulation import accumulate, field, whole_time
from geo_risk.hazards.rainfall.antecedent import largest_effective_rain
from geo_risk.hazards.rainfall.grades import level_of_rain
from geo_risk.hazards.rainfall.params import RainfallParams

INPUTS = {"rain_hourly": "mm"}
"""(time, y, x) on the rain's native grid, unbroken hours stamped at their UTC end."""

CARD = MethodCard(
    name="Rain accumulations, effective antecedent rain and grades",
    citation="GB/T 28592-2012 (grades); Re = sum K^n R_n with K and window as configured",
    validity="hourly rain; grades for 24 h; one K for the whole area",
    limits=("a running maximum is a lower bound where some of its windows have gaps",),
)


def compute(layers: Mapping[str, xr.DataArray], params: RainfallParams) -> HazardResult:
    """Rain layers of the analysis period, on the native grid of the rain.

    Parameters
    ----------
    layers : `rain_hourly`.
    params : durations, K and window, and the look-back: the analysis period is the last `lookback_h` hours of the
        cube and whatever follows the issue time (pass a cube that ends where the period ends).

    Returns
    -------
    Intensity: the 24 h rain [mm]. Level: by its grade. Confidence: share of known hours in the period. Extra:
    `rain_{h}h` for each duration and `rain_effective` [mm]. All (y, x), lazy; NaN and -1 where unknown.
    """
    cube = declared(layers, INPUTS)["rain_hourly"]
    first = max(0, cube.sizes["time"] - params.lookback_h)
    extra = {
        f"rain_{h}h": accumulate(cube, h, first=first, how=params.accumulation, min_known_share=params.min_known_share)
        for h in params.durations_h
    }
    extra["rain_effective"] = largest_effective_rain(
        cube, first=first, decay_per_day=params.decay_per_day, days=params.antecedent_days,
        min_known_share=params.min_known_share,
    )  # fmt: skip
    daily = extra.get("rain_24h")
    if daily is None:
        daily = accumulate(cube, 24, first=first, how=params.accumulation, min_known_share=params.min_known_share)
    known = da.mean(~da.isnan(whole_time(cube)[first:]), axis=0).astype(np.float32)
    confidence = field(cube, known, name="confidence", long_name="share of known hours", units="1")
    return HazardResult(daily, level_of_rain(daily, hours=24), confidence, CARD, extra)
