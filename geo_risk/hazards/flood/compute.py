"""The flood hazard of a storm: river floods by height above drainage, ponds in depressions, and the town's own run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import same_grid
from geo_risk.core.levels import classify_layer
from geo_risk.core.result import HazardResult, MethodCard, declared
from geo_risk.hazards.flood.bluespots import open_depressions, ponds
from geo_risk.hazards.flood.params import FloodParams
from geo_risk.hazards.flood.rivers import river_depth_m, river_levels
from geo_risk.kernels.d8 import drainage_order
from geo_risk.kernels.depressions import find_depressions
from geo_risk.kernels.runoff import scs_runoff_mm

INPUTS: dict[str, str] = {
    "dem": "m",
    "dem_filled": "m",
    "flow_direction": "1",
    "streams": "1",
    "hand_m": "m",
    "rain": "mm",
    "curve_number": "1",
    "openings?": "1",
    "town_depth?": "m",
}
"""Layers that `compute` takes; `rain` is the accumulation over `params.river.storm_h`."""

CARD = MethodCard(
    name="River flood by HAND and regime stage, ponds by spill cascade",
    citation="USDA TR-55 1986; USDA NEH-4 1972 ch. 16; Kirpich 1940; Lacey 1930; Nobre et al. 2011; Balstrøm & "
    "Crawford 2018",
    validity="screening on a 10-90 m DEM; one storm of the stated duration",
    limits=(
        "no backwater, no levees, no reservoirs",
        "the stage is that of uniform flow in a wide channel; the DEM's own channel is not surveyed",
        "where water leaves the area before it meets a stream the river flood is unknown",
    ),
)


def compute(layers: Mapping[str, xr.DataArray], params: FloodParams) -> HazardResult:
    """Depth and level of the flood of a storm.

    Parameters
    ----------
    layers : see INPUTS, all on one grid. `openings` is 1 where a bridge or culvert lets water through; `town_depth`
        is the greatest depth of the town's own run, NaN outside the town.
    params : runoff, river, bluespots and depth_bounds_m are used.

    Returns
    -------
    HazardResult : intensity = depth [m] (greater of river and pond; in the town the town's own run), NaN where the
        river part is unknown and no pond of at least the second depth bound stands there. extra: depth_river,
        depth_pond [m]. Lazy: the whole grid is one task, about 120 bytes a cell.

    Raises
    ------
    UnitError, GridError : a layer is missing, in the wrong unit, or on another grid.
    """
    given = declared(layers, INPUTS)
    grid = same_grid(*given.values())
    names = [key.removesuffix("?") for key in INPUTS]
    arrays = [given[name].data if name in given else None for name in names]
    stack = dask.delayed(_depths)(dict(zip(names, arrays, strict=True)), params, grid.resolution_m)
    depths = da.from_delayed(stack, shape=(4, *grid.shape), dtype=np.float32)
    titles = ("greatest flood depth", "depth of the river flood", "depth in depressions", "confidence")
    layer = [
        grid.layer(depths[k], units="1" if k == 3 else "m", long_name=title, name=title.replace(" ", "_"))
        for k, title in enumerate(titles)
    ]
    level = classify_layer(layer[0], params.depth_bounds_m, long_name="flood hazard level")
    return HazardResult(
        intensity=layer[0].rename("depth_max_m"),
        level=level.rename("hazard_flood"),
        confidence=layer[3].rename("confidence"),
        card=CARD,
        extra={"depth_river": layer[1], "depth_pond": layer[2]},
    )


def _depths(arrays: Mapping[str, Any], params: FloodParams, cell_m: float) -> NDArray[np.float32]:
    """Depth, river depth, pond depth and confidence, (4, y, x)."""
    dem, filled = np.asarray(arrays["dem"], np.float64), np.asarray(arrays["dem_filled"], np.float64)
    direction = np.ascontiguousarray(arrays["flow_direction"]).astype(np.int8)
    stream = np.asarray(arrays["streams"]) > 0
    runoff = scs_runoff_mm(arrays["rain"], arrays["curve_number"], ia_ratio=params.runoff.ia_ratio)
    levels = river_levels(direction, filled, stream, runoff, cell_m=cell_m, params=params.river)
    river = river_depth_m(direction, np.asarray(arrays["hand_m"], np.float64), stream, levels.stage_m)
    found = find_depressions(
        dem, filled, direction, drainage_order(direction), depth_min=params.bluespots.depth_min_m,
        cells_min=max(1, int(np.ceil(params.bluespots.area_min_m2 / cell_m**2 - 1e-9))),
    )  # fmt: skip
    is_open = None
    if arrays["openings"] is not None:
        is_open = open_depressions(found, np.asarray(arrays["openings"]) > 0)
    pond = ponds(dem, found, runoff, cell_m=cell_m, is_open=is_open).depth_m
    return _joined(dem, river, pond, runoff, arrays["town_depth"], sure_m=params.depth_bounds_m[1])


def _joined(
    dem: NDArray[Any], river: NDArray[Any], pond: NDArray[Any], runoff: NDArray[Any], town: Any, *, sure_m: float
) -> NDArray[np.float32]:
    depth = np.where(np.isnan(river) | np.isnan(pond), np.nan, np.fmax(river, pond))
    highest = np.fmax(river, pond)
    depth = np.where(np.isnan(depth) & (highest >= sure_m), highest, depth)
    confidence = np.where(np.isfinite(depth), np.where(np.isfinite(runoff), 0.5, 0.3), np.nan)
    if town is not None:
        own = np.asarray(town, np.float64)
        inside = np.isfinite(own)
        depth = np.where(inside, np.fmax(own, river), depth)
        confidence = np.where(inside, 0.8, confidence)
    missing = ~np.isfinite(dem)
    stack = np.stack([depth, river, pond, confidence])
    stack[:, missing] = np.nan
    return stack.astype(np.float32)


def flood_facts(
    level: xr.DataArray, depth: xr.DataArray, river: xr.DataArray, pond: xr.DataArray, *, card: MethodCard
) -> dict[str, Any]:
    """Return counts, notes and the method card of computed flood layers for the report."""
    from dataclasses import asdict

    levels = level.to_numpy()
    known = np.isfinite(depth.to_numpy())
    unknown = float((levels < 0).mean())
    counts = {f"cells_level_{k}": int((levels == k).sum()) for k in range(-1, 5)}
    counts |= {"cells_river": int((river.to_numpy() > 0).sum()), "cells_pond": int((pond.to_numpy() > 0).sum())}
    notes = [{
        "level": "warning" if unknown > 0.05 else "info",
        "text_en": f"The flood level is unknown on {unknown:.1%} of the area (no height, no runoff, or water that "
                   "leaves before it meets a stream).",
        "text_zh": f"{unknown:.1%} 的面积洪水等级未知（缺高程、缺径流或水流在汇入河沟前流出）。",
    }] if unknown > 0 or not known.all() else []  # fmt: skip
    return {"notes": notes, "counts": counts, "quarantine": [], "methods": [asdict(card)]}
