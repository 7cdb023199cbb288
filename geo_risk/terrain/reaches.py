"""Reaches of the stream network on Dask: which one each cell drains to, their graph, length, fall and shape."""

from __future__ import annotations

from typing import Any, NamedTuple

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import same_grid
from geo_risk.core.units import in_units
from geo_risk.kernels.contributions import WAY_STEPS, step_ways
from geo_risk.kernels.forest import downward_order
from geo_risk.kernels.rating import ZoneSums, zone_sums
from geo_risk.terrain.parts import Labels, part_labels
from geo_risk.terrain.rows import rows_of_blocks, values_at
from geo_risk.terrain.slope import blocks
from geo_risk.terrain.upslope import steps_of

F64 = NDArray[np.float64]


class Reaches(NamedTuple):
    """Links of the stream network, between junctions, heads and outlets; n of them, numbered by their last cell.

    Attributes
    ----------
    labels : (y, x) int32, lazy: the reach that a cell drains to, 0 where its water meets no stream.
    is_stream : (y, x) bool, lazy.
    end : (n,) flat index of the last cell. below : (n,) the reach downstream, 0 where the water leaves the map.
    length_m, fall_m : (n,) along the stream's cells, first to last; the length includes the step out of the last.
    area_m2 : (n,) upslope area of the last cell. end_m : (n,) height of its bed.
    """

    labels: da.Array
    is_stream: da.Array
    end: Labels
    below: Labels
    length_m: F64
    fall_m: F64
    area_m2: F64
    end_m: F64

    @property
    def slope(self) -> F64:
        """Mean fall of the bed; 0 on level ground."""
        return self.fall_m / self.length_m


def find_reaches(
    direction: xr.DataArray, upslope_area: xr.DataArray, filled: xr.DataArray, *, stream_area_m2: float
) -> Reaches:
    """Divide the streams into reaches.

    Parameters
    ----------
    direction, upslope_area, filled : (y, x) as `terrain.hydrology.drainage` makes them. stream_area_m2 : upslope area
        from which a cell is a stream.

    Raises
    ------
    As `terrain.parts.part_labels`.
    """
    cell_m = same_grid(direction, upslope_area, filled).resolution_m
    parts = part_labels(direction, upslope_area, part_area_m2=stream_area_m2)
    codes, area, height = (
        blocks(layer).rechunk(parts.chunks) for layer in (direction, in_units(upslope_area, "m2"), filled)
    )
    codes = codes.astype(np.int8)
    is_stream = area >= stream_area_m2
    rows = [row for _, row in rows_of_blocks(_of_streams, [parts, is_stream, codes, height])]
    name, inverse = np.unique(np.concatenate([row[0] for row in rows]), return_inverse=True)
    way, highest, lowest = np.zeros(len(name), np.int64), np.full(len(name), -np.inf), np.full(len(name), np.inf)
    np.add.at(way, inverse, np.concatenate([row[1] for row in rows]))
    np.maximum.at(highest, inverse, np.concatenate([row[2] for row in rows]))
    np.minimum.at(lowest, inverse, np.concatenate([row[3] for row in rows]))
    labels = da.map_blocks(_numbered, parts, known=name, dtype=np.int32, meta=np.empty((0, 0), np.int32))
    end = name - 1
    code = values_at(codes, end)
    step = steps_of(code, direction.shape[1])
    below = np.where(step != 0, values_at(labels, end + step), 0).astype(np.int64)
    length = (way + np.where(step == 0, WAY_STEPS, 0)) / WAY_STEPS * cell_m
    return Reaches(labels, is_stream, end, below, length, highest - lowest, values_at(area, end).astype(np.float64),
                   lowest)  # fmt: skip


def _of_streams(
    parts: Labels, is_stream: NDArray[np.bool_], codes: NDArray[np.int8], height: NDArray[Any], *,
    origin: tuple[int, int], n_x: int,
) -> tuple[NDArray[Any], ...]:  # fmt: skip
    """Return the parts that streams of a block belong to, the length of their steps, highest and lowest bed."""
    del origin, n_x
    name, inverse = np.unique(parts[is_stream], return_inverse=True)
    way, highest, lowest = np.zeros(len(name), np.int64), np.full(len(name), -np.inf), np.full(len(name), np.inf)
    np.add.at(way, inverse, step_ways(codes[is_stream]))
    np.maximum.at(highest, inverse, height[is_stream].astype(np.float64))
    np.minimum.at(lowest, inverse, height[is_stream].astype(np.float64))
    return name, way, highest, lowest


def _numbered(parts: Labels, *, known: Labels) -> NDArray[np.int32]:
    if not len(known):
        return np.zeros(parts.shape, np.int32)
    at = np.minimum(np.searchsorted(known, parts), len(known) - 1)
    return np.where(known[at] == parts, at + 1, 0).astype(np.int32)


def reach_zones(reaches: Reaches, hand_m: da.Array, slope: da.Array, levels_m: F64) -> ZoneSums:
    """Sums of `kernels.rating.zone_sums` over all cells that drain to each reach; exact across blocks.

    Parameters
    ----------
    hand_m, slope : (y, x) height above drainage [m], tangent of the slope.
    """
    n = len(reaches.end)
    made = ZoneSums(*(np.zeros((n, levels_m.size + 1), np.int64) for _ in range(3)))
    arrays = [reaches.labels, *(values.rechunk(reaches.labels.chunks) for values in (hand_m, slope))]
    for _, (number, own) in rows_of_blocks(_zones, arrays, levels_m=levels_m):
        for total, values in zip(made, own, strict=True):
            total[number - 1] += values
    return made


def _zones(
    labels: NDArray[np.int32], hand: NDArray[Any], slope: NDArray[Any], *, origin: tuple[int, int], n_x: int,
    levels_m: F64,
) -> tuple[NDArray[np.int32], ZoneSums]:  # fmt: skip
    del origin, n_x
    inside = labels > 0
    number, inverse = np.unique(labels[inside], return_inverse=True)
    return number, zone_sums(inverse + 1, hand[inside], slope[inside], levels_m, len(number))


def greatest_on_streams(reaches: Reaches, values: da.Array) -> F64:
    """Greatest known value on the stream cells of each reach, (n,); NaN where none is known."""
    out = np.full(len(reaches.end), -np.inf)
    arrays = [reaches.labels, reaches.is_stream, values.rechunk(reaches.labels.chunks)]
    for _, (number, greatest) in rows_of_blocks(_greatest, arrays):
        out[number - 1] = np.maximum(out[number - 1], greatest)
    return np.where(np.isfinite(out), out, np.nan)


def _greatest(
    labels: NDArray[np.int32], is_stream: NDArray[np.bool_], values: NDArray[Any], *, origin: tuple[int, int], n_x: int
) -> tuple[NDArray[np.int32], F64]:
    del origin, n_x
    at = is_stream & (labels > 0) & np.isfinite(values)
    number, inverse = np.unique(labels[at], return_inverse=True)
    greatest = np.full(len(number), -np.inf)
    np.maximum.at(greatest, inverse, values[at].astype(np.float64))
    return number, greatest


def sums_on_reaches(reaches: Reaches, values: da.Array) -> F64:
    """Sum of values that lie on few cells, by the reach that each cell drains to, (n,); NaN where one is NaN.

    Parameters
    ----------
    values : (y, x), 0 on most cells.
    """
    out = np.zeros(len(reaches.end))
    for _, (number, some) in rows_of_blocks(_few, [reaches.labels, values.rechunk(reaches.labels.chunks)]):
        np.add.at(out, number - 1, some)
    return out


def _few(
    labels: NDArray[np.int32], values: NDArray[Any], *, origin: tuple[int, int], n_x: int
) -> tuple[NDArray[np.int32], F64]:
    del origin, n_x
    at = (values != 0) & (labels > 0)
    return labels[at], values[at].astype(np.float64)


def backwater_m(reaches: Reaches, stage_m: F64) -> F64:
    """Level to which the water of reaches downstream stands up each reach, (n,) in the heights of `filled`.

    The surface of a reach at its first cell is its bed there and its stage; still water reaches as high into all that
    drain into it (a pool without slope: less than a true backwater curve).

    Parameters
    ----------
    stage_m : (n,) above the bed; an unknown one holds nothing back.

    Returns
    -------
    -inf where nothing known stands downstream.
    """
    own = reaches.end_m + reaches.fall_m + stage_m
    out = np.full(len(own), -np.inf)
    for k in downward_order(reaches.below - 1)[::-1]:
        low = reaches.below[k] - 1
        if low >= 0:
            out[k] = np.fmax(own[low], out[low])
    return out


def depth_by_reach(
    reaches: Reaches, hand_m: da.Array, stage_m: F64, *, filled: da.Array | None = None, level_m: F64 | None = None
) -> da.Array:
    """Depth of water over the ground when each reach stands at its stage: float32, lazy [m], >= 0.

    Parameters
    ----------
    hand_m : (y, x). stage_m : (n,) above the bed; NaN unknown.
    filled, level_m : (y, x) surface without depressions, and (n,) of `backwater_m`: the deeper of both counts.

    Returns
    -------
    NaN where the height above drainage or the stage of the reach is not known.
    """
    stage = np.concatenate([[np.nan], stage_m])
    parts = [reaches.labels, hand_m.rechunk(reaches.labels.chunks)]
    level = None
    if filled is not None and level_m is not None:
        parts.append(filled.rechunk(reaches.labels.chunks))
        level = np.concatenate([[-np.inf], level_m])
    return da.map_blocks(_depth, *parts, stage=stage, level=level, dtype=np.float32, meta=np.empty((0, 0), np.float32))


def _depth(
    labels: NDArray[np.int32], hand: NDArray[Any], filled: Any = None, *, stage: F64, level: F64 | None
) -> NDArray[np.float32]:
    depth = np.maximum(stage[labels] - hand, 0.0)
    if level is not None:
        depth = np.maximum(depth, level[labels] - filled)
    return np.asarray(depth, dtype=np.float32)
