"""Rivers that enter over the edge of the map, and how much ground beyond it they drain."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import dask.array as da
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import brentq

from geo_risk.core.errors import DataError
from geo_risk.core.grid import CHUNK, Grid, same_grid
from geo_risk.core.units import in_units
from geo_risk.hazards.flood.entry_ways import once_a_river
from geo_risk.hazards.flood.params import RiverParams
from geo_risk.kernels.d8 import downstream
from geo_risk.kernels.priority_flood import COLUMN_STEP, ROW_STEP
from geo_risk.terrain.rows import values_at
from geo_risk.terrain.slope import blocks

F64 = NDArray[np.float64]

LINES_MIN = 8
"""Rivers with a width on the map's own ground that a relation of widths needs."""

INSIDE_CELLS = 20
"""A river that runs on for so many cells inside the map enters it; where it runs out of it sooner, it leaves."""

AT_MOST = 1.645
"""Standard deviations above the mean that one value in twenty of a normal law exceeds."""

LARGEST_KM2 = 2.0e6
"""No river drains more (the Yangtze: 1.8 million km2); given basins beyond it are refused."""

COLUMNS = ("river_id", "cell", "start", "source", "outside_km2", "outside_high_km2", "width_m")


def river_entries(
    rivers: gpd.GeoDataFrame, direction: xr.DataArray, filled: xr.DataArray, upslope_area: xr.DataArray, *,
    params: RiverParams,
) -> pd.DataFrame:  # fmt: skip
    """Find where rivers enter the map, and how much ground they drain before.

    Parameters
    ----------
    rivers : lines in the grid's CRS with river_id and, where known, width_m (of the water's surface, 0 or missing: not
        known) and upstream_km2 (ground drained above the edge of the map, missing: not known).
    direction, filled, upslope_area : (y, x) as `terrain.hydrology.drainage` makes them.
    params : `entry_snap_m`, `width_scatter_min`, `width_scatter_max`.

    Returns
    -------
    One row an entry, with COLUMNS: cell, the flat index of the lowest cell about the crossing; start, that of the cell
    nearest to the crossing whose water comes by it; source: "given" by
    upstream_km2, "width" by the relation of width and upslope area w = a A^0.5 (hydraulic geometry: Leopold & Maddock
    1953, USGS Prof. Paper 252) that the map's other rivers show, or "unknown"; outside_km2 by best knowledge (0 where
    unknown), outside_high_km2 as it may be at most in 19 of 20 cases (NaN where unknown). The width of a line is
    taken as the mean over its length. Of several lines at one cell the greatest known one, and those of unknown ground.
    A river that enters several times counts once (`entry_ways.once_a_river`: rows with negative areas).

    Raises
    ------
    GridError : the layers are on different grids. DataError : upstream_km2 is negative or beyond LARGEST_KM2.
    """
    grid = same_grid(direction, filled, upslope_area)
    lines = _single_lines(rivers)
    codes, heights = blocks(direction), blocks(filled)
    rows = []
    for k, crossing in _crossings(lines, grid, heights, reach_m=params.entry_snap_m):
        cell = _entry(crossing, grid, codes, heights, params.entry_snap_m)
        if cell is not None:
            rows.append({"line": k, "cell": cell, "start": _start(crossing, cell, grid, codes, params.entry_snap_m)})
    found = pd.DataFrame(rows, columns=["line", "cell", "start"]).drop_duplicates(["line", "cell"], ignore_index=True)
    areas = _areas_along(lines, grid, blocks(in_units(upslope_area, "km2")))
    relation = _relation(lines, areas, set(found["line"]), params)
    told = [_told(lines.iloc[k], areas[k], relation) for k in found["line"]]
    out = found.assign(river_id=[str(lines["river_id"].iloc[k]) for k in found["line"]],
                       width_m=[float(lines["width_m"].iloc[k]) for k in found["line"]])  # fmt: skip
    sources = pd.DataFrame(told, columns=["source", "outside_km2", "outside_high_km2"])
    entries = _one_a_cell(pd.concat([out, sources], axis=1)[list(COLUMNS)])
    inside: dict[str, float] = {}
    for name, along in zip(lines["river_id"].astype(str), areas, strict=True):
        inside[name] = max(inside.get(name, 0.0), float(along.max(initial=0.0)))
    return once_a_river(entries, direction, inside)


def _one_a_cell(entries: pd.DataFrame) -> pd.DataFrame:
    """Return of the lines that enter at one cell the greatest known river, and each other river of unknown ground.

    Known ones are not added up: pieces of one river, or its mapped arms, cross the edge together. Which line comes
    first says nothing.
    """
    is_known = entries["source"] != "unknown"
    most = entries.groupby("cell")["outside_high_km2"].transform("max")
    known = entries.assign(outside_high_km2=most)[is_known].sort_values(
        ["outside_km2", "river_id"], ascending=[False, True], kind="stable"
    ).drop_duplicates("cell")  # fmt: skip
    lost = entries[~is_known].drop_duplicates(["cell", "river_id"])
    told = pd.MultiIndex.from_frame(entries.loc[is_known, ["cell", "river_id"]])
    lost = lost[~pd.MultiIndex.from_frame(lost[["cell", "river_id"]]).isin(told)]
    return entries.loc[[*known.index, *lost.index]].assign(
        outside_high_km2=pd.concat([known["outside_high_km2"], lost["outside_high_km2"]])
    ).sort_index().reset_index(drop=True)  # fmt: skip


def outside_layers(entries: pd.DataFrame, grid: Grid) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the ground outside on the cells where it drains in, by best knowledge and at most [m2]; 0 elsewhere.

    Parameters
    ----------
    entries : of `river_entries`. Several on one cell add up.
    """
    made = []
    for column in ("outside_km2", "outside_high_km2"):
        cells, at = np.unique(entries["cell"].to_numpy(dtype=np.int64), return_inverse=True)
        total = np.zeros(len(cells))
        np.add.at(total, at, entries[column].to_numpy(dtype=np.float64) * 1e6)
        made.append(_sparse(cells, total, grid, column.removesuffix("_km2").replace("outside", "outside_area")))
    return made[0], made[1]


def _sparse(cells: NDArray[np.int64], values: F64, grid: Grid, name: str) -> xr.DataArray:
    n_x = grid.shape[1]

    def block(block_info: Any = None) -> F64:
        (r0, r1), (c0, c1) = block_info[None]["array-location"]
        out = np.zeros((r1 - r0, c1 - c0))
        rows, columns = np.divmod(cells, n_x)
        here = (rows >= r0) & (rows < r1) & (columns >= c0) & (columns < c1)
        out[rows[here] - r0, columns[here] - c0] = values[here]
        return out

    chunks = da.core.normalize_chunks((CHUNK, CHUNK), shape=grid.shape, dtype=np.float64)
    data = da.map_blocks(block, chunks=chunks, dtype=np.float64, meta=np.empty((0, 0)))
    return grid.layer(data, units="m2", long_name="ground beyond the map that drains in here", name=name)


def _single_lines(rivers: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    lines = rivers.explode(index_parts=False, ignore_index=True)
    lines = lines[(lines.geom_type == "LineString") & (lines.length > 0)].reset_index(drop=True)
    for column in ("width_m", "upstream_km2"):
        values = pd.to_numeric(lines[column], errors="coerce") if column in lines else np.nan
        lines[column] = pd.Series(values, index=lines.index, dtype="float64")
    given = lines["upstream_km2"]
    bad = given.notna() & ~((given >= 0) & (given <= LARGEST_KM2))
    if bad.any():
        what = f"upstream_km2 of rivers {lines.loc[bad, 'river_id'].astype(str).tolist()[:10]} is negative or too large"
        raise DataError(what, where="inputs.rivers.upstream_km2",
                        fix="give km2 of ground that drains to where the river enters, or leave it empty")  # fmt: skip
    return lines


def _sampled(lines: gpd.GeoDataFrame, grid: Grid, step_m: float) -> tuple[NDArray[np.int64], F64, NDArray[np.int64]]:
    """Return points along lines: the line of each, its place (n, 2), and its cell (flat index, -1 beyond the grid)."""
    count = np.maximum(2, np.ceil(lines.length.to_numpy() / step_m).astype(np.int64) + 1)
    line = np.repeat(np.arange(len(lines)), count)
    position = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    share = position / (count[line] - 1)
    at = shapely.get_coordinates(
        shapely.line_interpolate_point(lines.geometry.to_numpy()[line], share, normalized=True)
    )
    rows, columns, inside = grid.index(at[:, 0], at[:, 1])
    return line, at, np.where(inside, rows * grid.shape[1] + columns, -1).astype(np.int64)


def _crossings(lines: gpd.GeoDataFrame, grid: Grid, filled: da.Array, *, reach_m: float) -> list[tuple[int, F64]]:
    """Return the places (line, (x, y)) where lines pass between known ground and the unknown, or end beside it."""
    line, at, cell = _sampled(lines, grid, grid.resolution_m / 2)
    known = (cell >= 0) & np.isfinite(values_at(filled, cell))
    same = line[1:] == line[:-1]
    out = [(int(line[i]), at[i + int(known[i + 1])]) for i in np.flatnonzero(same & (known[1:] != known[:-1]))]
    is_end = np.ones(len(line) + 1, dtype=bool)
    is_end[1:-1] = ~same
    near = max(reach_m / 3, 2 * grid.resolution_m)
    for i in np.flatnonzero((is_end[1:] | is_end[:-1]) & known):
        if _is_beside_unknown(at[i], grid, filled, near):
            out.append((int(line[i]), at[i]))
    return sorted(out, key=lambda found: found[0])


def _window(place: F64, grid: Grid, reach_m: float) -> tuple[slice, slice]:
    rows, columns, _ = grid.index(place[:1], place[1:])
    row, column = (int(np.clip(v[0], 0, n - 1)) for v, n in zip((rows, columns), grid.shape, strict=True))
    n = max(1, round(reach_m / grid.resolution_m))
    return (slice(max(row - n, 0), min(row + n + 1, grid.shape[0])),
            slice(max(column - n, 0), min(column + n + 1, grid.shape[1])))  # fmt: skip


def _is_beside_unknown(place: F64, grid: Grid, filled: da.Array, reach_m: float) -> bool:
    """Tell whether the edge of the map, or ground without a height, is this near."""
    left, bottom, right, top = grid.bounds
    if min(place[0] - left, right - place[0], place[1] - bottom, top - place[1]) <= reach_m:
        return True
    return bool(np.isnan(np.asarray(filled[_window(place, grid, reach_m)])).any())


def _entry(place: F64, grid: Grid, codes: da.Array, filled: da.Array, snap_m: float) -> int | None:
    """Return the lowest cell about a crossing if its water runs on inside the map, else None."""
    rows, columns = _window(place, grid, snap_m)
    heights = np.asarray(filled[rows, columns], dtype=np.float64)
    if not np.isfinite(heights).any():
        return None
    row, column = np.unravel_index(int(np.nanargmin(heights)), heights.shape)
    row, column = int(row) + rows.start, int(column) + columns.start
    n = INSIDE_CELLS + 1
    box = (slice(max(row - n, 0), row + n + 1), slice(max(column - n, 0), column + n + 1))
    ways = np.nan_to_num(np.asarray(codes[box]), nan=-1).astype(np.int64)
    cell, n_x = (row - box[0].start) * ways.shape[1] + column - box[1].start, ways.shape[1]
    flat = ways.ravel()
    for _ in range(INSIDE_CELLS):
        cell = downstream(cell, flat[cell], n_x)
        if cell < 0:
            return None
    return int(row * grid.shape[1] + column)


def _start(place: F64, entry: int, grid: Grid, codes: da.Array, snap_m: float) -> int:
    """Return the cell nearest to a crossing among those about it whose water comes by the entry."""
    rows, columns = _window(place, grid, snap_m)
    ways = np.nan_to_num(np.asarray(codes[rows, columns]), nan=-1).astype(np.int64)
    n_y, n_x = ways.shape
    flat = ways.ravel()
    goal = (entry // grid.shape[1] - rows.start) * n_x + entry % grid.shape[1] - columns.start
    at = np.arange(n_y * n_x)
    passes = at == goal
    for _ in range(n_y + n_x):  # every step of a way at once; one that leaves the window ends
        row, column = np.divmod(at, n_x)
        code = flat[at]
        moves = (code >= 0) & (code < 8)
        row, column = row + np.where(moves, ROW_STEP[code % 8], 0), column + np.where(moves, COLUMN_STEP[code % 8], 0)
        stays = ~moves | (row < 0) | (row >= n_y) | (column < 0) | (column >= n_x)
        at = np.where(stays, at, row * n_x + column)
        passes |= at == goal
    near = np.flatnonzero(passes)
    row, column = np.divmod(near, n_x)
    left, _, _, top = grid.bounds
    x = left + (columns.start + column + 0.5) * grid.resolution_m
    y = top - (rows.start + row + 0.5) * grid.resolution_m
    k = int(np.lexsort((near, np.round(np.hypot(x - place[0], y - place[1]), 6)))[0])
    return int((rows.start + row[k]) * grid.shape[1] + columns.start + column[k])


def _areas_along(lines: gpd.GeoDataFrame, grid: Grid, area_km2: da.Array) -> list[F64]:
    """Return the upslope area [km2] in the map that lies along each line: the greatest beside each of its cells."""
    line, _, cell = _sampled(lines, grid, grid.resolution_m)
    line, (rows, columns) = line[cell >= 0], np.divmod(cell[cell >= 0], grid.shape[1])
    greatest = np.full(len(line), -np.inf)
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            beside = (rows + i).clip(0, grid.shape[0] - 1) * grid.shape[1] + (columns + j).clip(0, grid.shape[1] - 1)
            greatest = np.fmax(greatest, values_at(area_km2, beside).astype(np.float64))
    good = np.isfinite(greatest)
    first = np.searchsorted(line[good], np.arange(len(lines) + 1))
    return [greatest[good][a:b] for a, b in pairwise(first)]


def _relation(
    lines: gpd.GeoDataFrame, areas: list[F64], entering: set[int], params: RiverParams
) -> tuple[float, float] | None:
    """Return a of w = a A^0.5 [m, km2] and the scatter of ln w about it; None where widths tell nothing."""
    ratio = [
        np.log(width / np.sqrt(areas[k]).mean())
        for k, width in enumerate(lines["width_m"])
        if k not in entering and width > 0 and len(areas[k]) and areas[k].max() > 0
    ]
    if len(ratio) < LINES_MIN:
        return None
    low, middle, high = np.quantile(ratio, [0.16, 0.5, 0.84])
    scatter = float(high - low) / 2  # one standard deviation of a normal law, whatever lies beyond
    if not scatter <= params.width_scatter_max:
        return None
    return float(np.exp(middle)), max(scatter, params.width_scatter_min)


def _told(line: Any, inside_km2: F64, relation: tuple[float, float] | None) -> tuple[str, float, float]:
    """Return source, outside_km2 and outside_high_km2 of a line that enters."""
    if np.isfinite(line["upstream_km2"]):
        return "given", float(line["upstream_km2"]), float(line["upstream_km2"])
    width = float(line["width_m"])
    if relation is None or not width > 0 or not len(inside_km2):
        return "unknown", 0.0, np.nan
    factor, scatter = relation
    best, high = (_outside_km2(w, factor, inside_km2) for w in (width, width * np.exp(AT_MOST * scatter)))
    return "width", best, high


def _outside_km2(width_m: float, factor: float, inside_km2: F64) -> float:
    """Return the ground outside with which the mean of a (A_out + A)^0.5 along a line is its width; 0 at least."""

    def excess(outside: float) -> float:
        return float(factor * np.sqrt(outside + inside_km2).mean() - width_m)

    if excess(0.0) >= 0:
        return 0.0
    return float(brentq(excess, 0.0, (width_m / factor) ** 2 + 1.0, xtol=1e-6))
