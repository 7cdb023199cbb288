"""By when the houses that water calls must be empty: before it comes, or, where nothing tells when, before the rain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import grid_of
from geo_risk.exposure.zonal import Coverage, cell_coverage, overlaps
from geo_risk.products.demand import WATER_KINDS, leaving_share
from geo_risk.products.params import EvacuationParams
from geo_risk.products.threat import Threat, Water

_CHINA = timezone(timedelta(hours=8))

WET_M = 0.15
"""Depth of the river from which the town's own run does not tell when a house is reached: that of its arrival."""


@dataclass(frozen=True)
class TownTimes:
    """When the town's own run sees water come.

    Attributes
    ----------
    begins : of the run. arrival : (y, x) hours after it until the depth exceeds WET_M, NaN where it never does or is
        not known. depth : (y, x) [m] of the run on the same grid, NaN where it is not known. river : (y, x) [m] depth
        of the rivers of the county, which the run has not; on its own grid.
    """

    begins: datetime
    arrival: xr.DataArray
    depth: xr.DataArray
    river: xr.DataArray


@dataclass(frozen=True)
class FloodTimes:
    """What is known of when the flood comes.

    Attributes
    ----------
    rain_begins : hour before which no rain falls that may flood; None where nothing tells. cause : of it, as
        `hazards.rainfall.onset.Onset` names it. town : None where its run does not tell.
    """

    rain_begins: datetime | None = None
    cause: str = "rain"
    town: TownTimes | None = None


def flood_times(
    onset: Mapping[str, Any] | None, town: Mapping[str, Any] | None, layers: Mapping[str, xr.DataArray], *,
    light_mm: float,
) -> FloodTimes:  # fmt: skip
    """Return what is known of when the flood comes, from facts of earlier steps.

    The town's run begins dry with its storm's wettest hours. It tells the time only where before them no more than
    light rain fell, and no rain that may flood fell before that storm.

    Parameters
    ----------
    onset : begins (ISO, with zone), cause. town : `run` {begin, before_mm} and `period` {begin} of the town's step (UTC
        without a zone). layers : town_arrival, town_depth, depth_river, as far as there are any.
    light_mm : rain that is light up to it.
    """
    begins = None if onset is None else datetime.fromisoformat(str(onset["begins"])).astimezone(UTC)
    cause = "rain" if onset is None else str(onset["cause"])
    names = ("town_arrival", "town_depth", "depth_river")
    run = {} if town is None else town.get("run", {})
    before = run.get("before_mm")
    if (
        town is None
        or begins is None
        or before is None
        or not before <= light_mm
        or not all(n in layers for n in names)
    ):
        return FloodTimes(begins, cause)
    storm, first = (datetime.fromisoformat(str(t)).replace(tzinfo=UTC) for t in (town["period"]["begin"], run["begin"]))
    if cause == "gap" or begins < storm:
        return FloodTimes(begins, cause)
    return FloodTimes(begins, cause, TownTimes(first, *(layers[n] for n in names)))


def with_water_times(
    leaving: gpd.GeoDataFrame,
    houses: gpd.GeoDataFrame,
    zones: gpd.GeoDataFrame,
    times: FloodTimes,
    *,
    threat: Threat | None,
    water: Water | None,
    stages: Sequence[Mapping[str, Any]],
    params: EvacuationParams,
) -> gpd.GeoDataFrame:
    """Return the rows of `people_to_move` with `leave_before` no later than water comes to a house that it calls.

    Of each such house: when the town's run sees water within a cell of it; else when the rain begins; else when the
    earliest stage was issued; else nothing is known. The earliest house of a settlement counts.

    Parameters
    ----------
    leaving, houses, zones, threat, water, stages, params : of `people_to_move`. times : what is known.

    Returns
    -------
    With `water_before` (ISO UTC, missing where water calls no house or no time is known) and `water_by` {arrival, rain,
    gap, horizon, stage, none}, missing where water calls no house.
    """
    wet = leaving_share(houses, zones, threat, water, params) >= params.house_share
    wet &= _in_water(houses, zones, water, params)
    found = house_times(houses[wet].reset_index(drop=True), times, stages)
    found["settlement_id"] = houses["settlement_id"].to_numpy()[wet]
    # a house of which nothing is known is the most urgent
    order = found.assign(key=found["time"].fillna("")).sort_values("key", kind="stable")
    first = order.drop_duplicates("settlement_id").set_index("settlement_id")
    ids = leaving["settlement_id"]
    before, by = (ids.map(first[c].to_dict()).astype(object) for c in ("time", "by"))
    both = pd.DataFrame({"slide": leaving["leave_before"].astype(object), "water": before}, index=leaving.index)
    least = [min((str(v) for v in row if not pd.isna(v)), default=None) for row in both.to_numpy().tolist()]
    least = [None if b == "none" else t for t, b in zip(least, by, strict=True)]
    return leaving.assign(leave_before=pd.Series(least, index=leaving.index, dtype=object),
                          water_before=before, water_by=by)  # fmt: skip


def _in_water(
    houses: gpd.GeoDataFrame, zones: gpd.GeoDataFrame, water: Water | None, params: EvacuationParams
) -> NDArray[np.bool_]:
    """Return which houses stand on cells or in zones of water that call."""
    out = np.zeros(len(houses), dtype=bool)
    if water is not None:
        out |= water.share >= params.house_share
    of_water = zones[zones["kind"].isin(WATER_KINDS)].reset_index(drop=True)
    out[overlaps(houses, of_water)["feature"].to_numpy(dtype=np.int64)] = True
    return out


def house_times(houses: gpd.GeoDataFrame, times: FloodTimes, stages: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return `time` (ISO UTC, None unknown) and `by` of each house, as `with_water_times` says."""
    issued = [datetime.fromisoformat(str(s["issued"])) for s in stages if s.get("issued")]
    if any(t.tzinfo is None for t in issued):
        what = "an issue time has no zone"
        raise ValueError(what)
    start, by = times.rain_begins, times.cause
    if start is None:
        start, by = (min(issued).astimezone(UTC), "stage") if issued else (None, "none")
    out = pd.DataFrame({"time": None if start is None else start.isoformat(), "by": by}, index=range(len(houses)),
                       dtype=object)  # fmt: skip
    if times.town is None or not len(houses):
        return out
    hours = _arrival_h(houses, times.town)
    for i in np.flatnonzero(np.isfinite(hours)).tolist():
        out.loc[i, ["time", "by"]] = [_at(times.town.begins, hours[i]), "arrival"]
    return out


def _at(begins: datetime, hours: float) -> str:
    return (begins + timedelta(hours=float(hours))).replace(microsecond=0).isoformat()


def _arrival_h(houses: gpd.GeoDataFrame, town: TownTimes) -> NDArray[np.float64]:
    """Return the hours after which water stands within a cell of the county's grid of each house; NaN not known.

    It is known where the town's run knows all ground around the house, and no river reaches it.
    """
    river = grid_of(town.river)
    around = gpd.GeoDataFrame(geometry=houses.geometry.buffer(river.resolution_m), crs=houses.crs)
    fine, coarse = cell_coverage(around, grid_of(town.arrival)), cell_coverage(around, river)
    is_known = _all(np.isfinite(fine.values(town.depth.data)), fine) & (fine.sums(np.ones(len(fine.cell))) > 0)
    inside = _is_inside(fine) & _is_inside(coarse)
    dry = _all(coarse.values(town.river.data) < WET_M, coarse)
    hours = np.full(len(houses), np.inf)
    np.minimum.at(hours, fine.polygon, np.nan_to_num(fine.values(town.arrival.data).astype(np.float64), nan=np.inf))
    return np.where(is_known & inside & dry & np.isfinite(hours), hours, np.nan)


def _is_inside(coverage: Coverage) -> NDArray[np.bool_]:
    """Return which polygons lie wholly on the grid."""
    return np.asarray(np.abs(coverage.sums(np.ones(len(coverage.cell))) - coverage.n_cells) < 1e-3 * coverage.n_cells)


def _all(is_good: NDArray[np.bool_], coverage: Coverage) -> NDArray[np.bool_]:
    """Return of which polygons every entry is good."""
    out = np.ones(len(coverage.n_cells), dtype=bool)
    np.logical_and.at(out, coverage.polygon, is_good)
    return out


def clock(time: str) -> str:
    """Return an ISO time with a zone as people read it: local time of China to the minute."""
    return datetime.fromisoformat(time).astimezone(_CHINA).strftime("%Y-%m-%d %H:%M")
