"""The flood hazard of a storm: river floods by height above drainage, ponds in depressions, and the town's own run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtr

from geo_risk.core.grid import CHUNK, Grid, grid_of, same_grid
from geo_risk.core.levels import classify_layer
from geo_risk.core.result import HazardResult, MethodCard, declared
from geo_risk.hazards.flood.bluespots import open_depressions, ponds
from geo_risk.hazards.flood.params import FloodParams
from geo_risk.hazards.flood.ratings import ratings
from geo_risk.hazards.flood.river_depth import ValleyDepths, river_depths
from geo_risk.hazards.flood.rivers import Outside, reach_peaks
from geo_risk.hazards.flood.town import coarsened_max
from geo_risk.terrain.depressions import depression_blocks
from geo_risk.terrain.hydrology import cells_of
from geo_risk.terrain.reaches import greatest_on_streams
from geo_risk.terrain.rows import values_at
from geo_risk.terrain.slope import blocks

INPUTS: dict[str, str] = {
    "dem": "m",
    "dem_filled": "m",
    "flow_direction": "1",
    "flow_accumulation": "m2",
    "hand_m": "m",
    "runoff": "mm",
    "openings?": "1",
    "area_cut_ratio?": "1",
    "outside_area?": "m2",
    "outside_area_high?": "m2",
    "valley_depth?": "m",
    "valley_depth_high?": "m",
    "town_depth?": "m",
    "town_part?": "1",
}
"""Layers that `compute` takes; `runoff` is that of the storm of `params.river.storm_h` (`losses.storm_runoff_mm`)."""
_ROUTED = ("dem", "dem_filled", "flow_direction", "flow_accumulation", "hand_m")

CARD = MethodCard(
    name="River flood by rating curves on HAND, ponds by spill cascade",
    citation="USDA TR-55 1986; USDA NEH-4 1972 ch. 16; Kirpich 1940; Hack 1957; Zheng et al. 2018; Nobre et al. 2011; "
    "Balstrøm & Crawford 2018",
    validity="screening on a 10-90 m DEM; one storm of the stated duration",
    limits=(
        "no levees, no reservoirs; up its tributaries the water of a river stands level",
        "the stage is that of uniform flow in a reach's mean cross-section; the bed under water is not surveyed",
        "ground beyond the map that drains in is told by the given basin or the mapped width of a river that enters, "
        "else not known",
        "where water leaves the area before it meets a stream the river flood is unknown",
    ),
)


def compute(layers: Mapping[str, xr.DataArray], params: FloodParams) -> HazardResult:
    """Depth and level of the flood of a storm.

    Parameters
    ----------
    layers : see INPUTS, all on one grid. `openings` is 1 where a bridge or culvert lets water through.
        `area_cut_ratio` is more than 1 below gaps of the DEM that take water away (`terrain.gaps`): what a river so
        many times larger could reach is unknown there unless it is as deep as the second bound anyway. `outside_area`
        and `outside_area_high` : ground beyond the map that drains in (`rivers.Outside`). `valley_depth` and
        `valley_depth_high` : of the run over the valleys (`river_depth.ValleyDepths`). `town_depth`
        is the greatest depth of the town's own run, NaN outside the town, below 0 where that run does not know;
        `town_part` is 1 where the town's run covers a part of a cell: there the county's answer counts as well.
    params : river, bluespots and depth_bounds_m are used.

    Returns
    -------
    HazardResult : intensity = depth [m] (greater of river and pond; in the town the town's own run), NaN where the
        river part is unknown and no pond (in the town: no water of its run) of at least the second depth bound stands
        there. extra: depth_river, depth_pond [m], and flood_chance, the probability that water stands at least as
        deep as the second bound (`RiverDepths.chance`; for ponds and the town with their own errors).
        Lazy: nothing is read here, and the whole grid is one task, which holds all layers; for large
        grids `in_blocks` gives the same.

    Raises
    ------
    UnitError, GridError : a layer is missing, in the wrong unit, or on another grid.
    """
    given = declared(layers, INPUTS)
    grid = same_grid(*given.values())
    stack = dask.delayed(_whole)({name: layer.data for name, layer in given.items()}, params, grid)
    return _result(da.from_delayed(stack, shape=(5, *grid.shape), dtype=np.float32), grid, params)


def in_blocks(layers: Mapping[str, xr.DataArray], params: FloodParams) -> HazardResult:
    """Depth and level of the flood of a storm, as `compute`, for grids that memory does not hold.

    Parameters
    ----------
    layers, params : as in `compute`. Layers are read some ten times, so they should lie in files.

    Returns
    -------
    As `compute`, to the last bit, lazy block by block. What blocks must know of each other is worked out here: one row
    of numbers a depression, three a stream cell and the blocks' borders are held.

    Raises
    ------
    As `compute`.
    """
    given = declared(layers, INPUTS)
    grid = same_grid(*given.values())
    depths = _depths({name: blocks(layer) for name, layer in given.items()}, params, grid)
    return _result(depths, grid, params)


def _result(depths: da.Array, grid: Grid, params: FloodParams) -> HazardResult:
    deep = params.depth_bounds_m[1]
    titles = ("greatest flood depth", "depth of the river flood", "depth in depressions", "confidence",
              f"probability of {deep:g} m of water or more")  # fmt: skip
    layer = [
        grid.layer(depths[k], units="1" if k >= 3 else "m", long_name=title, name=title.replace(" ", "_"))
        for k, title in enumerate(titles)
    ]
    level = classify_layer(layer[0], params.depth_bounds_m, long_name="flood hazard level")
    return HazardResult(
        intensity=layer[0].rename("depth_max_m"),
        level=level.rename("hazard_flood"),
        confidence=layer[3].rename("confidence"),
        card=CARD,
        extra={"depth_river": layer[1], "depth_pond": layer[2], "flood_chance": layer[4].rename("flood_chance")},
    )


def _whole(arrays: Mapping[str, NDArray[Any]], params: FloodParams, grid: Grid) -> NDArray[np.float32]:
    """Return `_depths` of whole arrays; the task that runs it is one of Dask's, so it asks for no further workers."""
    with dask.config.set(scheduler="synchronous"):
        lazy = {name: da.from_array(np.asarray(values), chunks=(CHUNK, CHUNK)) for name, values in arrays.items()}
        whole: NDArray[np.float32] = _depths(lazy, params, grid).compute()
    return whole


def _depths(arrays: dict[str, da.Array], params: FloodParams, grid: Grid) -> da.Array:
    """Depth, river depth, pond depth, confidence and chance of deep water, (5, y, x), lazy."""
    chunks, cell_m = arrays["dem"].chunks, grid.resolution_m
    arrays = {name: values.rechunk(chunks) for name, values in arrays.items()}
    dem, filled = arrays["dem"], arrays["dem_filled"]
    direction = arrays["flow_direction"].astype(np.int8)
    runoff = da.where(arrays["runoff"] >= 0, arrays["runoff"].astype(np.float64), np.nan)
    cut, sure_m = arrays.get("area_cut_ratio"), params.depth_bounds_m[1]
    named = {n: grid.layer(arrays[n], units=u, long_name=n, name=n) for n, u in INPUTS.items() if n in _ROUTED}
    made = ratings(named["dem"], named["dem_filled"], named["flow_direction"], named["flow_accumulation"],
                   named["hand_m"], drainage=params.drainage, river=params.river)  # fmt: skip
    outside = None
    if "outside_area" in arrays:
        outside = Outside(arrays["outside_area"], arrays.get("outside_area_high", arrays["outside_area"]))
    peaks = reach_peaks(made.reaches, direction, filled, runoff, cell_m=cell_m, params=params.river, outside=outside)
    valley = None
    if "valley_depth" in arrays:
        valley = ValleyDepths(arrays["valley_depth"], arrays.get("valley_depth_high", arrays["valley_depth"]))
    told = river_depths(
        made, peaks, unknown_stage_m=params.river.unknown_stage_m, valley=valley,
        cut=None if cut is None else greatest_on_streams(made.reaches, cut),
    )  # fmt: skip
    river = told.sure_m(params.depth_bounds_m).rechunk(chunks)
    chance = told.chance(sure_m, error_m=params.depth_error_m).rechunk(chunks)
    cells_min = cells_of(params.bluespots.area_min_m2, cell_m)
    found = depression_blocks(dem, filled, direction, depth_min=params.bluespots.depth_min_m, cells_min=cells_min)
    is_open = open_depressions(found, arrays["openings"] > 0) if "openings" in arrays else None
    is_cut = None if cut is None else values_at(cut, found.spill) > 1
    pond = ponds(found, runoff, cell_m=cell_m, is_open=is_open, is_cut=is_cut, sure_m=sure_m).depth_m
    town = [arrays[name] for name in ("town_depth", "town_part") if name in arrays]
    return da.map_blocks(
        _joined, dem, river, chance, pond, runoff, *town, sure_m=sure_m,
        errors_m=(params.depth_error_m, params.sites.model_error_m), new_axis=0, chunks=((5,), *chunks),
        dtype=np.float32, meta=np.empty((0, 0, 0), np.float32),
    )  # fmt: skip


def _joined(
    dem: NDArray[Any], river: NDArray[Any], chance: NDArray[Any], pond: NDArray[Any], runoff: NDArray[Any],
    *town: NDArray[Any], sure_m: float, errors_m: tuple[float, float],
) -> NDArray[np.float32]:  # fmt: skip
    depth = np.where(np.isnan(river) | np.isnan(pond), np.nan, np.fmax(river, pond))
    highest = np.fmax(river, pond)
    depth = np.where(np.isnan(depth) & (highest >= sure_m), highest, depth)
    confidence = np.where(np.isfinite(depth), np.where(np.isfinite(runoff), 0.5, 0.3), np.nan)
    of_river = chance.astype(np.float64)
    chance = _greater(of_river, ndtr((pond - sure_m) / errors_m[0]))
    if town:
        own = np.asarray(town[0], np.float64)
        inside = np.isfinite(own)
        known = inside & (own >= 0) & (np.isfinite(river) | (own >= sure_m))
        sure = np.where((own < 0) & (highest >= sure_m), highest, np.nan)
        made = np.where(known, np.fmax(own, river), sure)
        # what the town's run does not cover is the county's, known or not
        both = np.fmax(np.where(own >= 0, own, np.nan), highest)
        whole = np.where(known & np.isfinite(depth), both, np.where(both >= sure_m, both, np.nan))
        shared = inside & (np.asarray(town[1]) > 0) if len(town) > 1 else np.zeros(inside.shape, dtype=bool)
        depth = np.where(shared, whole, np.where(inside, made, depth))
        confidence = np.where(inside, np.where(known, 0.8, np.nan), confidence)
        confidence = np.where(shared, np.where(np.isfinite(depth), 0.5, np.nan), confidence)
        here = ndtr((np.where(own >= 0, own, np.nan) - sure_m) / errors_m[1])
        chance = np.where(inside, _greater(np.where(shared, chance, of_river), here), chance)
    missing = ~np.isfinite(dem)
    stack = np.stack([depth, river, pond, confidence, chance])
    stack[:, missing] = np.nan
    return stack.astype(np.float32)


def _greater(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the greater of two probabilities; where one is not known, the other if it is more likely than not."""
    greater = np.fmax(a, b)
    return np.where((np.isnan(a) | np.isnan(b)) & ~(greater >= 0.5), np.nan, greater)


def town_layer(depth: xr.DataArray, grid: Grid, *, sure: float = np.inf) -> xr.DataArray:
    """Greatest value of the town's own run in each cell of the run grid, lazy; NaN outside the town.

    Parameters
    ----------
    depth : (y, x) on the town's grid, NaN where it has no ground, below 0 where the run does not know; only the town's
        part of the run grid is held. sure : a cell of which some is not known counts if the rest reaches this, else it
        is -1.

    Raises
    ------
    DataError : the grids are in different CRS.
    """
    fine, values = grid_of(depth), np.asarray(depth.to_numpy(), np.float64)
    first, window = _window_of(fine, grid)
    own = coarsened_max(values, fine, window)
    is_unknown = np.isfinite(coarsened_max(np.where(values < 0, 1.0, np.nan), fine, window))
    own = np.where(is_unknown & ~(own >= sure), -1.0, own)
    return _on_grid(own, first, grid, outside=np.nan, units="m", long_name="town depth", name="town_depth")


def town_part(depth: xr.DataArray, grid: Grid) -> xr.DataArray:
    """1 where the town's ground is but a part of a cell of the run grid, else 0; lazy.

    Parameters
    ----------
    depth : (y, x) on the town's grid, NaN where it has no ground.
    """
    fine = grid_of(depth)
    first, window = _window_of(fine, grid)
    void = np.isfinite(coarsened_max(np.where(np.isnan(depth.to_numpy()), 1.0, np.nan), fine, window))
    left, bottom, right, top = fine.bounds
    half, near = window.resolution_m / 2, 1e-6 * fine.resolution_m
    y, x = window.coords()["y"][:, None], window.coords()["x"][None, :]
    beyond = (x - half < left - near) | (x + half > right + near) | (y - half < bottom - near) | (y + half > top + near)
    part = (void | beyond).astype(np.float64)
    return _on_grid(part, first, grid, outside=0.0, units="1", long_name="town covers a part", name="town_part")


def _window_of(fine: Grid, grid: Grid) -> tuple[tuple[int, int], Grid]:
    """Return the first row and column of the run grid's cells that touch the town, and their grid."""
    left, bottom, right, top = fine.bounds
    n_y, n_x = grid.shape
    x0, y0 = grid.bounds[0], grid.bounds[3]
    rows = [int(np.clip(np.floor((y0 - y) / grid.resolution_m) + k, 0, n_y)) for y, k in ((top, 0), (bottom, 1))]
    columns = [int(np.clip(np.floor((x - x0) / grid.resolution_m) + k, 0, n_x)) for x, k in ((left, 0), (right, 1))]
    window = Grid(grid.geobox[rows[0] : max(rows[1], rows[0] + 1), columns[0] : max(columns[1], columns[0] + 1)])
    return (rows[0], columns[0]), window


def _on_grid(
    own: NDArray[np.float64], first: tuple[int, int], grid: Grid, *, outside: float, **told: str
) -> xr.DataArray:
    """Return the values of a window as a lazy layer of the whole grid."""
    row, column = first

    def block(block_info: Any = None) -> NDArray[np.float64]:
        (r0, r1), (c0, c1) = block_info[None]["array-location"]
        out = np.full((r1 - r0, c1 - c0), outside)
        top_row, left_column = max(r0, row), max(c0, column)
        part = own[top_row - row : max(r1 - row, 0), left_column - column : max(c1 - column, 0)]
        if part.size:
            out[top_row - r0 :, left_column - c0 :][: part.shape[0], : part.shape[1]] = part
        return out

    chunks = da.core.normalize_chunks((CHUNK, CHUNK), shape=grid.shape, dtype=np.float64)
    data = da.map_blocks(block, chunks=chunks, dtype=np.float64, meta=np.empty((0, 0)))
    return grid.layer(data, **told)


class FloodCount:
    """Counts of flood layers, taken block by block as they are written."""

    def __init__(self) -> None:
        self.levels = dict.fromkeys(range(-1, 5), 0)
        self.cells = 0
        self.wet = {"river": 0, "pond": 0}

    def add_levels(self, levels: NDArray[Any]) -> None:
        """Count a block of levels."""
        self.cells += levels.size
        for level in self.levels:
            self.levels[level] += int((levels == level).sum())

    def add_wet(self, kind: str, depth: NDArray[Any]) -> None:
        """Count the cells of a block where water of a kind (river, pond) stands."""
        self.wet[kind] += int((depth > 0).sum())

    def facts(self, card: MethodCard) -> dict[str, Any]:
        """Return counts, notes and the method card for the report."""
        unknown = self.levels[-1] / max(self.cells, 1)
        counts = {f"cells_level_{level}": n for level, n in self.levels.items()}
        counts |= {f"cells_{kind}": n for kind, n in self.wet.items()}
        notes = [{
            "level": "warning" if unknown > 0.05 else "info",
            "text_en": f"The flood level is unknown on {unknown:.1%} of the area (no height, no runoff, or water that "
                       "leaves before it meets a stream).",
            "text_zh": f"{unknown:.1%} 的面积洪水等级未知（缺高程、缺径流或水流在汇入河沟前流出）。",
        }] if unknown > 0 else []  # fmt: skip
        return {"notes": notes, "counts": counts, "quarantine": [], "methods": [asdict(card)]}
