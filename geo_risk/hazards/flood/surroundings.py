"""The ground around the town: what of it drains into the town's DEM, and its water as inflow through the DEM's edge.

The surroundings are run on the county's coarser grid with the same storm. What flows into the rectangle of the town's
DEM through each coarse face is let in through the fine faces that lie along it; what flows out there is left to the
town's own open edge. A one-way nesting: the town does not push water back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_risk.core.errors import DataError, OverlapError
from geo_risk.core.grid import Grid
from geo_risk.hazards.flood.params import TownFlowParams
from geo_risk.kernels.flow_forcing import SIDES
from geo_risk.kernels.flow_input import RainFields
from geo_risk.kernels.inertial import Crossings, Inflow, UnstableFlow, simulate
from geo_risk.kernels.priority_flood import COLUMN_STEP, OUTLET, ROW_STEP
from geo_risk.kernels.upstream import upstream_of

Array = NDArray[np.float64]
Box = tuple[int, int, int, int]

MARGIN_CELLS = 10
"""Cells of the county's grid around what drains into the town: D8 keeps to eight ways, water does not."""

LOOK_CELLS_MAX = 20_000_000
"""Cells of the county around the town in which ground that drains in is looked for: some 18,000 km2 at 30 m."""


@dataclass(frozen=True)
class Surroundings:
    """Part of the county's grid around the town.

    Attributes
    ----------
    window : rows and columns of the county's grid. box : first and stop row and column of the town within the window.
    drains_in_m2 : ground outside the town's DEM whose water enters it, of the whole county (or of the LOOK_CELLS_MAX
        cells around the town).
    run_m2 : what of it lies in the window.
    """

    window: tuple[slice, slice]
    box: Box
    drains_in_m2: float
    run_m2: float


def town_box(county: Grid, town: Grid) -> Box:
    """First and stop row and column of the county's cells whose middles lie in the town's DEM.

    Raises
    ------
    DataError : the grids are in different CRS. OverlapError : none does.
    """
    if county.crs != town.crs:
        what = f"the town's grid is in {town.crs}, the run's in {county.crs}"
        raise DataError(what, where="inputs.dem_town", fix="bring the town's DEM into area.crs")
    left, bottom, right, top = town.bounds
    coords = county.coords()
    columns = np.flatnonzero((coords["x"] > left) & (coords["x"] < right))
    rows = np.flatnonzero((coords["y"] > bottom) & (coords["y"] < top))
    if not (rows.size and columns.size):
        what = "no cell of the county's grid lies in the town's DEM"
        raise OverlapError(what, where="inputs.dem_town", fix="give a town's DEM inside the area, of some cells of it")
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def surroundings(direction: Any, county: Grid, town: Grid, *, cells_max: int) -> Surroundings:
    """Find what drains into the town's DEM, and the window that holds it, at most cells_max cells (or the box alone).

    Parameters
    ----------
    direction : (y, x) D8 codes on the county's grid, NumPy or Dask; LOOK_CELLS_MAX cells around the town are read.

    Raises
    ------
    DataError, OverlapError : as `town_box`.
    """
    box = town_box(county, town)
    a, b, c, d = _within(box, (0, county.shape[0], 0, county.shape[1]), LOOK_CELLS_MAX)
    codes = np.nan_to_num(np.asarray(direction[a:b, c:d]), nan=-1.0).astype(np.int8)
    inside = np.zeros(codes.shape, dtype=bool)
    inside[box[0] - a : box[1] - a, box[2] - c : box[3] - c] = True
    drains = upstream_of(_ending(codes), inside)
    rows, columns = np.nonzero(drains | inside)
    rows, columns = rows + a, columns + c
    whole = (
        max(int(rows.min()) - MARGIN_CELLS, 0), min(int(rows.max()) + 1 + MARGIN_CELLS, county.shape[0]),
        max(int(columns.min()) - MARGIN_CELLS, 0), min(int(columns.max()) + 1 + MARGIN_CELLS, county.shape[1]),
    )  # fmt: skip
    top, stop, left, right = _within(box, whole, cells_max)
    window = (slice(top, stop), slice(left, right))
    shifted = (box[0] - top, box[1] - top, box[2] - left, box[3] - left)
    area = county.cell_area_m2
    near = drains[max(top - a, 0) : stop - a, max(left - c, 0) : right - c]
    return Surroundings(window, shifted, float(drains.sum()) * area, float(near.sum()) * area)


def _ending(direction: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return directions of which those that point out of the raster, or to missing cells, end there."""
    ny, nx = direction.shape
    out = direction.copy()
    flows = (direction >= 0) & (direction < OUTLET)
    j, i = np.nonzero(flows)
    code = direction[flows]
    to_j, to_i = j + ROW_STEP[code], i + COLUMN_STEP[code]
    off = (to_j < 0) | (to_j >= ny) | (to_i < 0) | (to_i >= nx)
    off |= direction[to_j.clip(0, ny - 1), to_i.clip(0, nx - 1)] < 0
    out[j[off], i[off]] = OUTLET
    return out


def run_surroundings(
    elevation_m: NDArray[Any],
    manning_n: NDArray[Any] | float,
    runoff_mm_h: NDArray[Any] | RainFields,
    box: Box,
    *,
    cell_m: float,
    params: TownFlowParams,
    n_threads: int = 1,
) -> Crossings:
    """Run the storm over the ground around the town, and gauge what flows into the town's rectangle.

    Parameters
    ----------
    elevation_m : (y, x) of the window. runoff_mm_h : hourly, (t, y, x) or made by hour; missing values run as 0.
    box : of the town in it.

    Raises
    ------
    DataError : the run became unstable.
    """
    rain = np.nan_to_num(runoff_mm_h, nan=0.0) if isinstance(runoff_mm_h, np.ndarray) else runoff_mm_h
    try:
        run = simulate(
            elevation_m, manning_n, rain, rain_step_s=3600.0, cell_m=cell_m, theta=params.theta, n_threads=n_threads,
            duration_s=(len(rain) + params.after_h) * 3600.0, courant=params.courant,
            record_step_s=params.record_step_s, gauge_box=box, step_max_s=5.0, advection=params.advection,
        )  # fmt: skip
    except UnstableFlow as error:
        what = f"the flow around the town became unstable: {error}"
        raise DataError(
            what, where="inputs.dem", fix="look at the DEM there, or set flood.town.boundary: rain_only"
        ) from error
    if run.crossings is None:
        msg = "the run gauged nothing"
        raise ValueError(msg)
    return run.crossings


def _within(box: Box, whole: Box, cells_max: int) -> Box:
    """Shrink a window towards a box, on all sides by the same share, until it has no more than so many cells."""

    def shrunk(share: float) -> Box:
        a, b, c, d = (round(inner + share * (outer - inner)) for inner, outer in zip(box, whole, strict=True))
        return a, b, c, d

    for share in np.linspace(1.0, 0.0, 201):
        found = shrunk(float(share))
        if (found[1] - found[0]) * (found[3] - found[2]) <= cells_max:
            return found
    return box


def edge_inflows(crossings: Crossings, box: Box, *, county: Grid, town: Grid, known: NDArray[Any]) -> list[Inflow]:
    """Return what enters the town's DEM, constant over each step of the record, by face of the county's grid.

    Parameters
    ----------
    crossings : of the surroundings' run, times from the start of the town's run (earlier ones negative).
    box : of the town, in rows and columns of `county`. county : grid of the surroundings. town : the town's.
    known : (y, x) of the town's grid, where its height is known.

    Returns
    -------
    Inflows at the edge cells along each face that are known; or, where none is, at the nearest known one of that side.
    Their volume is what crossed from time 0 on. Faces through which nothing came are left out.

    Raises
    ------
    DataError : water comes over a side of the town's DEM that has no known cell.
    """
    before = crossings.time_s <= 0
    times = np.concatenate([[0.0], crossings.time_s[~before]])
    start = crossings.inward_m3[before][-1] if before.any() else np.zeros(crossings.inward_m3.shape[1])
    volume = np.diff(np.concatenate([start[None], crossings.inward_m3[~before]]), axis=0)
    out: list[Inflow] = []
    for k, (side, cells) in enumerate(_faces(box, county=county, town=town, known=known)):
        if volume[:, k].any():
            if not cells.size:
                what = f"water comes over the {side} edge of the town's DEM, where no height is known"
                raise DataError(what, where="inputs.dem_town", fix="fill the DEM, or cut it to where it is known")
            out.append(Inflow(cells, times, volume[:, k] / np.diff(times), side))
    return out


def _faces(box: Box, *, county: Grid, town: Grid, known: NDArray[Any]) -> Sequence[tuple[str, NDArray[np.int64]]]:
    """Return the side and the fine cells of each coarse face, in the order of the gauge."""
    ny, nx = town.shape
    cells = np.arange(ny * nx).reshape(ny, nx)
    edges: dict[str, Any] = {"west": np.s_[:, 0], "east": np.s_[:, -1], "north": np.s_[0], "south": np.s_[-1]}
    fine, coarse = town.coords(), county.coords()
    out = []
    for side in SIDES:
        axis, first, stop = ("y", box[0], box[1]) if side in ("west", "east") else ("x", box[2], box[3])
        middles = coarse[axis][first:stop]
        nearest = np.abs(fine[axis][:, None] - middles[None]).argmin(axis=1)
        edge, is_known = cells[edges[side]], np.asarray(known, dtype=bool)[edges[side]]
        for face in range(stop - first):
            along = edge[is_known & (nearest == face)]
            if not along.size and is_known.any():
                distance = np.where(is_known, np.abs(fine[axis] - middles[face]), np.inf)
                along = edge[[int(distance.argmin())]]
            out.append((side, along.astype(np.int64)))
    return out


def surroundings_facts(around: Surroundings, town: Grid, params: TownFlowParams, inflow_m3: float) -> dict[str, Any]:
    """Return counts and notes for the report: what drains into the town, and whether it is in its depths.

    Parameters
    ----------
    around : as `surroundings` finds it. inflow_m3 : what came over the DEM's edge, if the county was run.
    """
    own = town.cell_area_m2 * town.shape[0] * town.shape[1]
    outside, share = around.drains_in_m2 / 1e6, around.drains_in_m2 / own
    counts = {"drains_in_km2": outside, "drains_in_to_own_area": share, "run_around_km2": around.run_m2 / 1e6,
              "inflow_m3": inflow_m3}  # fmt: skip
    notes = []
    if params.boundary == "county":
        notes.append({
            "level": "info" if around.run_m2 >= 0.999 * around.drains_in_m2 else "warning",
            "text_en": f"The town was run with water from around it: {around.run_m2 / 1e6:.1f} of {outside:.1f} km2 "
                       f"that drain into its DEM were run, {inflow_m3:.3g} m3 came over the edge.",
            "text_zh": f"城区二维模拟已计入周边来水：汇入城区的 {outside:.1f} km² 中"
                       f"模拟了 {around.run_m2 / 1e6:.1f} km²，越过城区边界的来水为 {inflow_m3:.3g} m³。",
        })  # fmt: skip
    elif around.drains_in_m2 > 0:
        notes.append({
            "level": "warning",
            "text_en": f"The town was run with the rain on it alone. {outside:.1f} km2 outside drain into its DEM, "
                       f"{share:.2g} times its own area: that water is missing from the depths, and a dry place is not "
                       "shown to be safe (flood.town.boundary: county runs it).",
            "text_zh": f"城区二维模拟仅计入城区范围内的降雨：城区外另有 {outside:.1f} km² 汇入"
                       f"（为城区面积的 {share:.2g} 倍），其来水未计入水深，未淹不代表安全"
                       "（可设 flood.town.boundary: county 计入）。",
        })  # fmt: skip
    return {"notes": notes, "counts": counts, "quarantine": []}
