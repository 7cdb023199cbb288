"""What a run saw at each object of the register: it moves, it is quiet, or nothing can be said.

Quiet takes evidence: the series call the ground stable and no part of it moving, and the hazard of the slope is known
and low. Where radar is blind, where the hazard is unknown and where only the storm of the run decides, the outcome is
unknown, and unknown never makes anything dormant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import grid_of
from geo_risk.exposure.zonal import cell_coverage, level_at_share
from geo_risk.products.register_params import RegisterParams
from geo_risk.products.stillness import ground_motion

OUTCOMES = ("found", "moving", "susceptible", "quiet", "unknown", "outside")
"""found: in the run's own list and not still; susceptible: still, but the slope is not of low hazard."""

_OF_RAIN = ("flood", "waterlogging", "debris_flow", "tailings_pond")
"""Kinds that water sets off: still ground proves nothing of them."""

_OF_GROUND = ("ground_collapse", "ground_subsidence", "mining_subsidence", "groundwater_subsidence",
              "structure_settlement")  # fmt: skip
"""Kinds for which the hazard of a slope says nothing."""


def outcomes(
    kept: gpd.GeoDataFrame,
    listed: NDArray[np.bool_],
    *,
    activity: xr.DataArray | None,
    hazard: xr.DataArray | None,
    rules: RegisterParams,
) -> list[str]:
    """Return the outcome of a run for each object of the register.

    Parameters
    ----------
    kept : kind, geometry (points or polygons), in the CRS of the layers.
    listed : (n,) whether the run lists the object as something that acts: moving, or a zone.
    activity : (y, x) int8, codes of the raster `activity`: 0 stable, -1 unknown; None: the run has none.
    hazard : (y, x) int8, level of landslide hazard, -1 unknown; None: the run has none.
    """
    layer = activity if activity is not None else hazard
    if not len(kept):
        return []
    if layer is None:
        return ["found" if on else "unknown" for on in listed]
    grounds = gpd.GeoDataFrame(
        geometry=[g.buffer(rules.point_radius_m) if g.geom_type == "Point" else g for g in kept.geometry], crs=kept.crs
    )
    inside = cell_coverage(grounds, grid_of(layer))
    covered = inside.sums(np.ones(len(inside.cell)))
    motion = ground_motion(grounds, activity, None)
    level = np.full(len(kept), -1, dtype=np.int8)
    if hazard is not None:
        coverage = inside if grid_of(hazard) == inside.grid else cell_coverage(grounds, grid_of(hazard))
        level = level_at_share(hazard, coverage, share=0.5, min_known_share=rules.still_share)
    stable, moving = motion["stable_share"].to_numpy(), motion["moving_share"].to_numpy()
    out = []
    for k, kind in enumerate(kept["kind"].astype(str)):
        if listed[k]:
            out.append("found")
        elif not covered[k] > 0:
            out.append("outside")
        elif kind in _OF_RAIN:
            out.append("unknown")
        elif moving[k] > 0:
            out.append("moving")
        elif not stable[k] >= rules.still_share - 1e-6:
            out.append("unknown")
        elif kind in _OF_GROUND or 0 <= level[k] <= rules.dormant_max_level:
            out.append("quiet")
        else:
            out.append("susceptible" if level[k] >= 0 else "unknown")
    return out


class Sighting(NamedTuple):
    """What a run saw at an object (one of OUTCOMES), on which data, and the day on which it was written."""

    outcome: str
    data: str
    day: str = ""


def quiet_days(seen: Sequence[Sighting]) -> list[str]:
    """Return the days of the runs, the newest first, that saw a place quiet since one last saw it otherwise.

    Parameters
    ----------
    seen : of each run, the newest first. Runs on the same data count once; runs that could not say anything, or do not
        reach the place, neither count nor break the row.
    """
    days: dict[str, str] = {}
    for outcome, data, day in seen:
        if outcome == "quiet":
            days.setdefault(data, day)
        elif outcome not in ("unknown", "outside"):
            break
    return list(days.values())
