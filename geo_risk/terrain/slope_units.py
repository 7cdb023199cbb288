"""Slope units of a map of any size: each part of the drainage network is divided on its own, whatever the blocks.

A part is the ground that drains into one link of the network of large streams (`parts`). Its units depend on nothing
outside of it, and it is worked on in its own bounding box; so blocks, workers and the size of the map beyond do not
change a unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import LimitError
from geo_risk.core.grid import same_grid
from geo_risk.core.units import in_units
from geo_risk.kernels.pieces import pieces
from geo_risk.kernels.priority_flood import COLUMN_STEP, MISSING, OUTLET, ROW_STEP
from geo_risk.kernels.slope_units import Rules, divide
from geo_risk.terrain.params import SlopeUnitParams
from geo_risk.terrain.parts import Boxes, label_boxes, part_labels, tiles
from geo_risk.terrain.slope import blocks

UNKNOWN, FLAT = -1, 0
"""Codes of ground without a unit: nothing can be said; known, and no slope."""

BOX_CELLS_MAX = 25_000_000
"""Largest bounding box of a part: about 2 GB while it is divided."""

_OTHERS = -2


@dataclass(frozen=True)
class Hillsides:
    """What slope units are drawn from, all (y, x) on one grid.

    Attributes
    ----------
    direction, upslope_area : as `hydrology.drainage` makes them, [1] and any area unit.
    slope, aspect : as `slope.slope_layers` makes them, any angle unit.
    """

    direction: xr.DataArray
    upslope_area: xr.DataArray
    slope: xr.DataArray
    aspect: xr.DataArray


def thresholds(params: SlopeUnitParams) -> tuple[float, ...]:
    """Return the upslope areas of the rounds [m2]: t, t - t / r, ... down to a quarter of the least unit's area."""
    out = [params.threshold_start_m2]
    while (following := out[-1] * (1 - 1 / params.reduction)) >= params.area_min_m2 / 4:
        out.append(following)
    return tuple(out)


def slope_unit_labels(given: Hillsides, params: SlopeUnitParams) -> xr.DataArray:
    """Draw slope units.

    Parameters
    ----------
    given : drainage, slope and aspect.
    params : areas and circular variance.

    Returns
    -------
    (y, x) int32 [1], lazy: 1 + flat index in the grid of the unit's first cell by rows, which no other unit has; FLAT
    on ground that is known and no slope (pieces below `flat_slope_deg`, and units that are mostly such); UNKNOWN where
    the height is missing, and on ground of less than `area_clean_m2` that drains over the edge of the map or into a
    gap before it meets a stream. FLAT and UNKNOWN are no statement of safety.

    Raises
    ------
    GridError : the layers are on different grids. UnitError : a layer has no unit that fits.
    LimitError : a part is too large to be divided in memory. DataError : the directions are broken.
    """
    grid = same_grid(given.direction, given.upslope_area, given.slope, given.aspect)
    codes = blocks(given.direction).astype(np.int8)
    labels = part_labels(given.direction, given.upslope_area, part_area_m2=params.part_area_m2)
    arrays = [
        codes,
        *(
            blocks(in_units(layer, unit)).rechunk(codes.chunks)
            for layer, unit in ((given.upslope_area, "m2"), (given.slope, "degree"), (given.aspect, "degree"))
        ),
        labels,
    ]
    boxes = label_boxes(labels)
    boxes = boxes.where(boxes.cells * grid.cell_area_m2 >= params.area_clean_m2)
    _check_boxes(boxes, params)
    work = _Work(rules_of(params, grid.cell_area_m2), params.flat_slope_deg, grid.shape[1])
    groups = _groups(arrays, boxes, work)
    out = [[_tile(groups, origin, shape) for (i, _), origin, shape in tiles(codes.chunks) if i == row]
           for row in range(codes.numblocks[0])]  # fmt: skip
    return grid.layer(da.block(out), units="1", long_name="slope unit", name="slope_units")


def rules_of(params: SlopeUnitParams, cell_area_m2: float) -> Rules:
    """Return the rules of `kernels.slope_units` for cells of this area."""
    return Rules(
        thresholds(params), params.circular_variance_max, params.area_min_m2 / cell_area_m2,
        params.area_clean_m2 / cell_area_m2, params.area_max_m2 / cell_area_m2,
    )  # fmt: skip


def _check_boxes(boxes: Boxes, params: SlopeUnitParams) -> None:
    cells = np.prod(np.stack([np.diff(boxes.rows)[:, 0], np.diff(boxes.columns)[:, 0]]), axis=0)
    if not (cells <= BOX_CELLS_MAX).all():
        what = f"a part of the drainage network spans {int(cells.max()):,} cells; at most {BOX_CELLS_MAX:,} fit"
        fix = f"lower landslide.slope_units.part_area_m2, now {params.part_area_m2:g}, or choose a coarser resolution"
        raise LimitError(what, where="landslide.slope_units", fix=fix)


@dataclass(frozen=True)
class _Work:
    rules: Rules
    flat_slope_deg: float
    n_x: int


Group = tuple[int, int, int, int, Any]
"""First and past the last row and column of a window, and its labels as a Delayed."""


def _groups(arrays: list[da.Array], boxes: Boxes, work: _Work) -> list[Group]:
    """Divide the parts whose middle lies in one block together; the window spans their boxes and a rim of one cell."""
    edges = [np.cumsum(c) for c in arrays[0].chunks]
    middle = [np.searchsorted(edges[0], boxes.rows.sum(axis=1) // 2, side="right"),
              np.searchsorted(edges[1], boxes.columns.sum(axis=1) // 2, side="right")]  # fmt: skip
    owner = middle[0] * arrays[0].numblocks[1] + middle[1]
    out = []
    for one in np.unique(owner):
        mine = boxes.where(owner == one)
        r0, c0 = max(0, int(mine.rows.min()) - 1), max(0, int(mine.columns.min()) - 1)
        r1, c1 = (min(int(v.max()) + 1, n) for v, n in zip((mine.rows, mine.columns), arrays[0].shape, strict=True))
        windows = [a[r0:r1, c0:c1].rechunk((-1, -1)).to_delayed().item() for a in arrays]
        out.append((r0, r1, c0, c1, dask.delayed(_divide_parts, pure=True)(windows, mine, (r0, c0), work)))
    return out


def _divide_parts(windows: list[NDArray[Any]], boxes: Boxes, origin: tuple[int, int], work: _Work) -> NDArray[np.int32]:
    """Return the labels of all parts of a group in its window, _OTHERS elsewhere."""
    out = np.full(windows[0].shape, _OTHERS, dtype=np.int32)
    for label, (top, bottom), (left, right) in zip(boxes.label, boxes.rows, boxes.columns, strict=True):
        r0, c0 = max(0, top - 1 - origin[0]), max(0, left - 1 - origin[1])
        at = (slice(r0, bottom + 1 - origin[0]), slice(c0, right + 1 - origin[1]))
        mine = windows[4][at] == label
        found = _divide_part(mine, [w[at] for w in windows[:4]], work)
        first = np.unique(found, return_index=True)
        rows, columns = np.divmod(first[1], mine.shape[1])
        names = np.where(first[0] > 0, 1 + (rows + r0 + origin[0]) * work.n_x + columns + c0 + origin[1], first[0])
        named = names[np.searchsorted(first[0], found)]
        out[at] = np.where(mine, named, out[at])
    return out


def _divide_part(mine: NDArray[np.bool_], layers: list[NDArray[Any]], work: _Work) -> NDArray[np.int64]:
    """Return units 1, 2, ..., FLAT and UNKNOWN of one part in its box with a rim."""
    direction, area_m2, slope_deg, aspect_deg = layers
    is_flat = mine & ((slope_deg < work.flat_slope_deg) | (np.isnan(aspect_deg) & (slope_deg >= 0)))
    plains = pieces(is_flat.astype(np.int64), np.zeros(mine.shape, dtype=np.int64))
    is_plain = (np.bincount(plains.ravel()) >= work.rules.cells_clean)[plains] & is_flat
    aspect = np.where(is_flat, np.nan, aspect_deg)
    units = divide(mine & ~is_plain, _within(direction, mine), area_m2, aspect, work.rules)
    n = int(units.max()) + 1
    cells = np.bincount(units.ravel(), minlength=n)
    faces = np.bincount(units.ravel(), weights=(~np.isnan(aspect)).ravel(), minlength=n)
    flats = np.bincount(units.ravel(), weights=is_flat.ravel(), minlength=n)
    code = np.where(2 * faces >= cells, np.arange(n), np.where(2 * flats >= cells, FLAT, UNKNOWN))
    code[0] = FLAT
    return np.where(mine, code[units], UNKNOWN)


def _within(direction: NDArray[np.int8], mine: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Return the directions of a part and of the streams that flow into it; its water leaves at its last cell."""
    inside = np.pad(mine, 1)
    flows_in = np.zeros(mine.shape, dtype=bool)
    for code in range(8):
        r, c = 1 + ROW_STEP[code], 1 + COLUMN_STEP[code]
        flows_in |= (direction == code) & inside[r : r + mine.shape[0], c : c + mine.shape[1]]
    out = np.where(mine, np.where(flows_in, direction, OUTLET), np.where(flows_in, direction, MISSING))
    return out.astype(np.int8)


def _tile(groups: list[Group], origin: tuple[int, int], shape: tuple[int, int]) -> da.Array:
    """Return one block of the result, put together from the groups that reach into it."""
    rows, columns = (origin[0], origin[0] + shape[0]), (origin[1], origin[1] + shape[1])
    near = [g for g in groups if g[0] < rows[1] and g[1] > rows[0] and g[2] < columns[1] and g[3] > columns[0]]
    made = dask.delayed(_put_together, pure=True)([g[4] for g in near], [g[:4] for g in near], origin, shape)
    return da.from_delayed(made, shape, dtype=np.int32)


def _put_together(
    patches: list[NDArray[np.int32]], at: list[tuple[int, int, int, int]], origin: tuple[int, int],
    shape: tuple[int, int],
) -> NDArray[np.int32]:  # fmt: skip
    out = np.full(shape, UNKNOWN, dtype=np.int32)
    for patch, (r0, r1, c0, c1) in zip(patches, at, strict=True):
        top, bottom = max(r0, origin[0]), min(r1, origin[0] + shape[0])
        left, right = max(c0, origin[1]), min(c1, origin[1] + shape[1])
        here = (slice(top - origin[0], bottom - origin[0]), slice(left - origin[1], right - origin[1]))
        piece = patch[top - r0 : bottom - r0, left - c0 : right - c0]
        out[here] = np.where(piece == _OTHERS, out[here], piece)
    return out
