"""Which sections of roads are closed, and which are only avoided: by zones that call, by water, by what is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import CHUNK, Grid, grid_of
from geo_risk.core.levels import Level
from geo_risk.core.names import STAGES_H
from geo_risk.core.vectorize import touched_by_lines
from geo_risk.exposure.along import middles
from geo_risk.exposure.zonal import values_at
from geo_risk.products.demand import WATER_KINDS
from geo_risk.products.params import EvacuationParams
from geo_risk.products.zone_levels import WARNED_KINDS

DEPTH = "depth"
"""Name of areas that water closes without being a zone."""


@dataclass(frozen=True)
class DepthLayer:
    """A layer of greatest depth, and when the water comes.

    Attributes
    ----------
    depth : (y, x) [m], NaN unknown. arrival : (y, x) hours after the beginning of its run on the same grid, NaN where
        it is not known; None where no time is known.
    """

    depth: xr.DataArray
    arrival: xr.DataArray | None = None


@dataclass(frozen=True)
class Closing:
    """Areas that close roads or have them avoided.

    Attributes
    ----------
    shapes : (areas,) polygons. closes : (areas,) bool. name : (areas,) the zone's id, or DEPTH.
    after_h : (areas,) hours after the beginning of the run when deep water closes the area, NaN where no time is
        known or it is a zone.
    water : layers of depth, for the sections of unknown depth.
    """

    shapes: NDArray[Any]
    closes: NDArray[np.bool_]
    name: NDArray[Any]
    after_h: NDArray[np.float64]
    water: Sequence[DepthLayer] = field(default_factory=tuple)

    @property
    def closes_later(self) -> NDArray[np.bool_]:
        """Which areas deep water closes: until it comes they are open."""
        return np.asarray(self.closes & (self.name == DEPTH), dtype=bool)


def closing(
    zones: gpd.GeoDataFrame,
    roads: gpd.GeoDataFrame,
    water: Sequence[DepthLayer],
    bridges: gpd.GeoDataFrame | None,
    *,
    params: EvacuationParams,
) -> Closing:
    """Return the areas that close roads or have them avoided.

    Parameters
    ----------
    zones : those that call (`demand.calling_zones`). roads : lines. water : layers of depth, the finest first: where
        one is known, the coarser ones do not count. bridges : points or lines of decks. All in one metric CRS.
    params : close_level, close_depth_m, close_cell_m, clear_by_h, deck_m.

    Returns
    -------
    Closing : a zone of unknown level never closes, it is avoided. Zones and depths of water do not close a deck.
        Deep water in coarse cells (`close_cell_m`), or that comes late, is avoided.
    """
    decks = shapely.union_all([])
    if bridges is not None and len(bridges) and params.deck_m > 0:
        decks = shapely.union_all(shapely.buffer(bridges.geometry.to_numpy(), params.deck_m))
    shapes, closes = zones.geometry.to_numpy(), zone_level(zones) >= params.close_level
    names = zones["zone_id"].astype(str).to_numpy(dtype=object)
    is_water = zones["kind"].isin(WATER_KINDS).to_numpy(dtype=bool)
    dry, wet = closes & ~is_water, closes & is_water
    deep, after_h, avoided = _deep(roads, water, params)
    parts = [
        _Part(shapes[~closes], False, names[~closes]),
        _Part(shapes[dry], True, names[dry]),
        _Part(shapely.difference(shapes[wet], decks), True, names[wet]),
        _Part(shapely.intersection(shapes[wet], decks), False, names[wet]),
        _Part(shapely.difference(deep, decks), True, _depths(deep), after_h),
        _Part(shapely.intersection(deep, decks), False, _depths(deep)),
        _Part(avoided, False, _depths(avoided)),
    ]
    kept = [np.array([_is_area(g) for g in part.shapes], dtype=bool) for part in parts]
    none = [np.full(len(part.shapes), np.nan) if part.after_h is None else part.after_h for part in parts]
    return Closing(
        np.concatenate([p.shapes[k] for p, k in zip(parts, kept, strict=True)]),
        np.concatenate([np.full(int(k.sum()), p.closes) for p, k in zip(parts, kept, strict=True)]),
        np.concatenate([p.name[k] for p, k in zip(parts, kept, strict=True)]),
        np.concatenate([h[k] for h, k in zip(none, kept, strict=True)]),
        tuple(water),
    )


@dataclass(frozen=True)
class _Part:
    shapes: NDArray[Any]
    closes: bool
    name: NDArray[Any]
    after_h: NDArray[np.float64] | None = None


def _is_area(shape: Any) -> bool:
    return bool(shape is not None and not shape.is_empty and shape.area > 0)


def zone_level(zones: gpd.GeoDataFrame) -> NDArray[np.int8]:
    """Return the level by which a zone closes roads: its highest warning, of other kinds its hazard; -1 unknown."""
    warning = zones[[f"warning_{s}h" for s in STAGES_H]].max(axis=1).to_numpy(dtype=np.int8)
    hazard = zones["hazard_level"].fillna(Level.UNKNOWN).to_numpy(dtype=np.int8)
    warned = zones["kind"].isin(WARNED_KINDS).to_numpy(dtype=bool) & (warning >= 0)
    return np.asarray(np.where(warned, warning, hazard), dtype=np.int8)


def _depths(areas: NDArray[Any]) -> NDArray[Any]:
    return np.full(len(areas), DEPTH, dtype=object)


def _deep(
    roads: gpd.GeoDataFrame, water: Sequence[DepthLayer], params: EvacuationParams
) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[Any]]:
    """Return the polygons of cells under roads where water closes them, from when on, and where they are only avoided.

    Too deep water closes where the cells are fine enough to tell the road from the channel beside it, and where it
    comes before everyone is through; where its time is not known it closes.
    """
    parts: tuple[list[Any], list[Any]] = ([], [])
    times: list[float] = []
    for number, layer in enumerate(water if len(roads) else ()):
        grid = grid_of(layer.depth)
        at = np.flatnonzero(touched_by_lines(roads.geometry.to_numpy(), grid).reshape(-1))
        depth = np.asarray(values_at(layer.depth.data, at), dtype=np.float64)
        shuts = np.full(len(at), grid.resolution_m <= params.close_cell_m)
        come = np.full(len(at), np.nan)
        if layer.arrival is not None:
            come = np.asarray(values_at(layer.arrival.data, at), dtype=np.float64)
        if params.clear_by_h is not None:
            shuts &= ~(come > params.clear_by_h)
        deep = depth > params.close_depth_m
        boxes, shuts, come = _boxes(grid, at[deep]), shuts[deep], come[deep]
        by_finer, _ = _known_at(shapely.get_coordinates(shapely.centroid(boxes)).reshape(-1, 2), water[:number])
        for which, kept in enumerate((shuts & ~by_finer, ~shuts & ~by_finer)):
            parts[which].extend(boxes[kept])
        times.extend(come[shuts & ~by_finer].tolist())
    made = [shapely.get_parts(shapely.union_all(cells)) for cells in parts]
    after_h = np.full(len(made[0]), np.inf)
    cell, part = shapely.STRtree(made[0]).query(shapely.centroid(np.array(parts[0], dtype=object)), predicate="within")
    np.minimum.at(after_h, part, np.nan_to_num(np.array(times)[cell], nan=-np.inf))
    return made[0], np.where(np.isfinite(after_h), after_h, np.nan), made[1]


def _boxes(grid: Grid, cell: NDArray[np.int64]) -> NDArray[Any]:
    left, _, _, top = grid.bounds
    row, column = np.divmod(cell, grid.shape[1])
    side = grid.resolution_m
    x, y = left + side * column, top - side * row
    return np.asarray(shapely.box(x, y - side, x + side, y))


def _known_at(xy: NDArray[np.float64], water: Sequence[DepthLayer]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return at which points some layer knows the depth, and which lie in the bounds of some layer."""
    known, seen = np.zeros(len(xy), dtype=bool), np.zeros(len(xy), dtype=bool)
    for layer in water:
        grid = grid_of(layer.depth)
        row, column, on = grid.index(xy[:, 0], xy[:, 1])
        seen |= on
        values = values_at(layer.depth.data, (row * grid.shape[1] + column)[on])
        known[np.flatnonzero(on)[np.isfinite(np.asarray(values, dtype=np.float64))]] = True
    return known, seen


def unknown_depth_shares(
    edges: gpd.GeoDataFrame, water: Sequence[DepthLayer], *, chunk: int = 50_000
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the share of each edge of which no layer knows the depth, and which edges lie in some layer's bounds.

    Edges are looked at every half a cell of the finest layer (15 m at least), and at their middle where shorter.
    Outside all layers nothing is known, but nobody looked there either: what zones say is all there is.

    Parameters
    ----------
    edges : lines. water : layers. chunk : edges looked at at a time.
    """
    share, inside = np.zeros(len(edges)), np.zeros(len(edges), dtype=bool)
    if not water:
        return share, inside
    lines = edges.geometry.to_numpy()
    step = max(15.0, min(grid_of(w.depth).resolution_m for w in water) / 2)
    order = _by_block(lines, grid_of(water[0].depth))  # else each part of the edges reads every block of the layers
    for begin in range(0, len(edges), chunk):
        rows = order[begin : begin + chunk]
        part = lines[rows]
        count = np.maximum(1, np.ceil(shapely.length(part) / step)).astype(np.int64)
        row = np.repeat(np.arange(len(part)), count)
        known, seen = _known_at(middles(part, count), water)
        n = np.bincount(row, minlength=len(part))
        share[rows] = np.bincount(row, weights=seen & ~known, minlength=len(part)) / n
        inside[rows] = np.bincount(row, weights=seen, minlength=len(part)) > 0
    return share, inside


def _by_block(lines: NDArray[Any], grid: Grid) -> NDArray[np.int64]:
    """Return the positions of lines such that those of one block of the grid follow one another."""
    left, bottom, _, _ = shapely.bounds(lines).T
    side = CHUNK * grid.resolution_m
    return np.lexsort((np.floor(left / side), np.floor(bottom / side)))
