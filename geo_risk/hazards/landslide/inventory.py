"""Past landslides: what is set aside, what is one event, and whether some places were looked at more than others."""

from __future__ import annotations

from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from geo_risk.core.errors import CrsError
from geo_risk.core.grid import Grid
from geo_risk.hazards.landslide.location_error import location_error_m


@dataclass(frozen=True)
class CleanInventory:
    """Events that can be used, one row each, and what became of the others.

    Attributes
    ----------
    events : Points on the grid; columns `x`, `y`, `n_merged` (rows that were one event) and those of the input.
    quarantine : {"id", "reason"} of rows that were not used.
    n_duplicates : rows merged into another one.
    n_unstated : events used whose location error is not stated.
    n_misplaced : rows set aside because their place is not known well enough.
    """

    events: gpd.GeoDataFrame
    quarantine: list[dict[str, str]] = field(default_factory=list)
    n_duplicates: int = 0
    n_unstated: int = 0
    n_misplaced: int = 0


def clean_inventory(
    frame: gpd.GeoDataFrame, grid: Grid, *, duplicate_distance_m: float, max_error_m: float = float("inf")
) -> CleanInventory:
    """Set aside events off the grid or of a place known too badly, and merge those that are one.

    Parameters
    ----------
    frame : points or polygons (their inner point is taken) in the grid's CRS; column `event_id` where there is one.
    grid : the run grid.
    duplicate_distance_m : events linked by steps not longer than this are one; the first row's place and values stay,
        so that a survey's own position is not averaged away.
    max_error_m : events whose inventory states a larger location error, or calls it unknown, are set aside; those of
        which nothing is stated are used and counted. See `location_error.COLUMNS`.

    Raises
    ------
    CrsError : the frame is not in the grid's CRS.
    """
    if frame.crs is None or frame.crs != grid.crs:
        what = f"the landslide inventory is in {frame.crs}, the grid in {grid.crs}"
        raise CrsError(what, where="inputs.landslide_inventory", fix="read it through geo_risk.sources.vectors")
    points = frame.geometry.representative_point() if len(frame) else frame.geometry
    x, y = points.x.to_numpy(dtype=np.float64), points.y.to_numpy(dtype=np.float64)
    inside, swapped = grid.index(x, y)[2], grid.index(y, x)[2]
    stated = location_error_m(frame)
    error = np.full(len(frame), np.nan) if stated is None else stated
    vague = inside & (error > max_error_m)
    ids = frame["event_id"].astype(str) if "event_id" in frame else frame.index.astype(str).to_series(index=frame.index)
    quarantine = [
        {"id": ids.iloc[i], **_why(float(error[i]), max_error_m, is_inside=inside[i], is_swapped=swapped[i])}
        for i in np.flatnonzero(~inside | vague)
    ]
    used = inside & ~vague
    group = _groups(x[used], y[used], duplicate_distance_m)
    _, first, size = np.unique(group, return_index=True, return_counts=True)
    keep = np.flatnonzero(used)[first]
    events = frame.iloc[keep].drop(columns=["x", "y"], errors="ignore").set_geometry(points.iloc[keep].to_numpy())
    events = events.assign(x=x[keep], y=y[keep], n_merged=size).sort_index().reset_index(drop=True)
    return CleanInventory(
        events, quarantine, int(used.sum() - len(keep)), int(np.isnan(error[keep]).sum()), int(vague.sum())
    )


def _why(error_m: float, max_error_m: float, *, is_inside: bool, is_swapped: bool) -> dict[str, str]:
    """Return why an event is not used, in both languages."""
    if is_inside and np.isinf(error_m):
        return {"reason": "its place is called unknown, or the stated location error cannot be read",
                "reason_zh": "定位误差注明为未知，或无法识读"}  # fmt: skip
    if is_inside:
        return {"reason": f"its place is known to {error_m:g} m only; at most {max_error_m:g} m are accepted",
                "reason_zh": f"定位误差 {error_m:g} 米，超过允许的 {max_error_m:g} 米"}  # fmt: skip
    if is_swapped:
        return {"reason": "coordinates look swapped", "reason_zh": "坐标疑似颠倒"}
    return {"reason": "lies off the run grid", "reason_zh": "位于计算范围以外"}


def _groups(x: NDArray[np.float64], y: NDArray[np.float64], distance_m: float) -> NDArray[np.int32]:
    n = len(x)
    if n == 0:
        return np.empty(0, dtype=np.int32)
    pairs = cKDTree(np.column_stack([x, y])).query_pairs(distance_m, output_type="ndarray")
    links = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    labels: NDArray[np.int32] = connected_components(links, directed=False)[1]
    return labels


def event_layer(events: gpd.GeoDataFrame, grid: Grid) -> xr.DataArray:
    """Return the number of events in each cell, (y, x) float32 [1], as the layer `landslide_events`."""
    counts = np.zeros(grid.shape, dtype=np.float32)
    rows, columns, inside = grid.index(events["x"], events["y"])
    np.add.at(counts, (rows[inside], columns[inside]), 1)
    return grid.layer(counts, units="1", long_name="past landslides in the cell", name="landslide_events")


@dataclass(frozen=True)
class RoadBias:
    """Share of events and of the ground beyond the road distance bound: a check, no correction is made."""

    far_m: float
    events: float
    ground: float

    def note(self) -> dict[str, str]:
        """Return the check as a note for the report."""
        few = self.events < 0.7 * self.ground
        return {
            "level": "warning" if few else "info",
            "text_en": f"{self.events:.0%} of the events and {self.ground:.0%} of the ground lie {self.far_m:g} m or "
            "more from a road"
            + ("; slides far from roads are rarer or reported less often, so susceptibility there is a lower bound."
               if few else "."),
            "text_zh": f"距道路 {self.far_m:g} 米以外：灾点占 {self.events:.0%}，面积占 {self.ground:.0%}"
            + ("；远离道路处可能漏报，其易发性偏低。" if few else "。"),
        }  # fmt: skip


def road_bias(distance_m: NDArray[np.float64], is_event: NDArray[np.bool_], *, far_m: float) -> RoadBias | None:
    """Compare events with the ground far from roads; None where distances are not known.

    Parameters
    ----------
    distance_m : (case,) distance to roads, cut off at `far_m` or beyond. is_event : (case,), the others are background.
    """
    shares = []
    for values in (distance_m[is_event], distance_m[~is_event]):
        known = values[~np.isnan(values)]
        if not known.size:
            return None
        shares.append(float((known >= far_m).mean()))
    return RoadBias(far_m, *shares)
