"""What a slide warning reaches: each warned slope with all that runs out from it, as the newest issues see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import same_grid
from geo_risk.core.levels import Level
from geo_risk.hazards.runout.compute import carry_down
from geo_risk.hazards.runout.params import RunoutParams
from geo_risk.terrain.slope import blocks

_RANKS = np.array([2, 0, 1, 3, 4, 5], dtype=np.int8)
"""Rank of the levels -1 to 4: unknown lies between low and medium, as in `core.levels.combine_levels`."""

_LEVELS = np.array([Level.NONE, Level.LOW, Level.UNKNOWN, Level.MEDIUM, Level.HIGH, Level.VERY_HIGH], dtype=np.int8)
"""Level by rank."""


def runout_layers(
    dem: xr.DataArray, warnings: Mapping[str, xr.DataArray], *, params: RunoutParams
) -> dict[str, xr.DataArray]:
    """Return each warning with what runs out: on each cell the highest level on it or of a cell that reaches it.

    Every warned cell is a release of a landslide; its path is followed by energy line and routing (hazards/runout).

    Parameters
    ----------
    dem : (y, x), a length unit, NaN where missing. warnings : level layers on its grid by name ("warning_24h").
    params : friction of landslides.

    Returns
    -------
    int8 levels: the highest of the cell's own and of all that reach it, but unknown where one of them is unknown and
    none is medium. A cell without a height has its own level. Lazy.

    Raises
    ------
    GridError : a layer is on another grid. UnitError : the DEM has no length unit.
    """
    if not warnings:
        return {}
    grid = same_grid(dem, *warnings.values())
    chunks = blocks(dem).chunks
    own = {name: blocks(layer).rechunk(chunks).astype(np.int8) for name, layer in warnings.items()}
    ranks = {
        name: grid.layer(da.map_blocks(_rank, level, dtype=np.float32), units="1", long_name=name)
        for name, level in own.items()
    }
    carried = carry_down(dem, ranks, None, params)
    return {
        name: grid.layer(
            da.map_blocks(_level, own[name], rank.data, dtype=np.int8), units="level",
            long_name=f"{name} on the cell or of what runs out to it", name=name,
        )
        for name, rank in carried.items()
    }  # fmt: skip


def _rank(level: NDArray[np.int8]) -> NDArray[np.float32]:
    return _RANKS[level + 1].astype(np.float32)


def _level(own: NDArray[np.int8], rank: NDArray[np.float32]) -> NDArray[np.int8]:
    carried = _LEVELS[np.nan_to_num(rank).astype(np.int64)]
    return np.where(np.isnan(rank), own, carried).astype(np.int8)


def current_layers(
    warnings: Mapping[str, xr.DataArray], stages: Sequence[Mapping[str, Any]], *, after_h: float
) -> tuple[dict[str, xr.DataArray], list[int]]:
    """Return the warnings as the newest issues see them: an old one no longer calls where a newer one knows better.

    A stage that was issued more than `after_h` before the newest one is superseded by stages that were not, and whose
    hours reach as far as its own: what it said of hours that are past is past. Where any of them knows a level, their
    highest known level stands for it; elsewhere it stays.

    Parameters
    ----------
    warnings : level layers on one grid by name ("warning_24h").
    stages : {"hours", "issued"} of each stage, issued as ISO time with zone; a stage without an issue time stays.
    after_h : > 0.

    Returns
    -------
    (layers, superseded) : in the order of `warnings`, lazy where they are; hours of the superseded stages, rising.

    Raises
    ------
    GridError : a layer is on another grid. ValueError : an issue time has no zone.
    """
    issued = {int(s["hours"]): _time(s["issued"]) for s in stages if s.get("issued")}
    known = {h: t for h, t in issued.items() if f"warning_{h}h" in warnings}
    if not known:
        return dict(warnings), []
    grid = same_grid(*warnings.values())
    newest = max(known.values())
    out, superseded = dict(warnings), []
    for hours, time in sorted(known.items()):
        end = time + timedelta(hours=hours)
        newer = [
            h for h, t in known.items() if newest - t <= timedelta(hours=after_h) and t + timedelta(hours=h) >= end
        ]
        if newest - time <= timedelta(hours=after_h) or not newer:
            continue
        name = f"warning_{hours}h"
        best = reduce(np.maximum, (warnings[f"warning_{h}h"].data for h in newer))
        own = warnings[name].data
        level = da.where(best >= 0, best, own) if isinstance(best, da.Array) else np.where(best >= 0, best, own)
        out[name] = grid.layer(
            level.astype(np.int8), units="level", long_name=f"{name} as newer issues see it", name=name
        )
        superseded.append(hours)
    return out, superseded


def _time(text: Any) -> datetime:
    time = datetime.fromisoformat(str(text))
    if time.tzinfo is None:
        what = f"the issue time {text!r} has no zone"
        raise ValueError(what)
    return time.astimezone(UTC)
