"""Waterlogging sites: depressions that meet a road, an underpass, an entrance or a court, and the ledger's points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_risk.core.grid import Grid
from geo_risk.core.vectorize import rasterize
from geo_risk.hazards.flood.params import SiteParams
from geo_risk.kernels.accumulation import accumulate
from geo_risk.kernels.d8 import drainage_order, flow_direction
from geo_risk.kernels.depressions import Depressions, find_depressions
from geo_risk.kernels.priority_flood import fill

ROAD_ORDER = ("trunk", "primary", "secondary", "local")
"""Road classes, the most important first."""


@dataclass(frozen=True)
class Town:
    """The town's ground with its depressions; arrays (y, x) on `grid`.

    Attributes
    ----------
    elevation : [m]. found : its depressions. area_m2 : upslope area with all depressions full.
    """

    grid: Grid
    elevation: NDArray[np.float64]
    found: Depressions
    area_m2: NDArray[np.float64]


@dataclass(frozen=True)
class Features:
    """What makes a depression a site, in the CRS of the town's grid; an empty frame where an input is not given.

    Attributes
    ----------
    roads : lines with `class`, `name`. railways : lines. entrances : points with `sill_height_m`, `people`, `name`.
    buildings : polygons. is_built : (y, x) built-up by land cover.
    """

    roads: gpd.GeoDataFrame
    railways: gpd.GeoDataFrame
    entrances: gpd.GeoDataFrame
    buildings: gpd.GeoDataFrame
    is_built: NDArray[np.bool_]


def town_ground(grid: Grid, elevation: NDArray[Any], params: SiteParams) -> Town:
    """Find the depressions of the town's DEM and the water that comes to every cell."""
    z = np.asarray(elevation, dtype=np.float64)
    filled = fill(z)
    direction = flow_direction(filled)
    order = drainage_order(direction)
    cells = max(1, int(np.ceil(params.area_min_m2 / grid.cell_area_m2 - 1e-9)))
    found = find_depressions(z, filled, direction, order, depth_min=params.depth_min_m, cells_min=cells)
    return Town(grid, z, found, accumulate(direction, order, grid.cell_area_m2))


def detect_sites(town: Town, features: Features, params: SiteParams) -> gpd.GeoDataFrame:
    """Return the depressions that are sites, one row each.

    Parameters
    ----------
    town : ground and depressions. features : roads and the like. params : limits.

    Returns
    -------
    GeoDataFrame (points at the lowest cell): label, kind, name, road, traffic_class, sill_height_m, people,
    cell (flat index), area_m2 of the full pond, volume_m3, full_depth_m, catchment_m2, building_share. A road that
    crosses a railway at the depression makes an underpass; an entrance an underground space; a road through it a road
    dip; else built-up ground a low-lying place. Others, and pits under buildings, are left out.
    """
    found, grid = town.found, town.grid
    shapes = _pond_shapes(town)
    crossings = _crossings(features.roads, features.railways)
    entrances = shapely.points(features.entrances.geometry.x, features.entrances.geometry.y)
    built = _share(features.is_built, found)
    catchment = _catchment(town, np.arange(found.level.size))
    indoors = _share(_burned(features.buildings, grid), found)
    tree = shapely.STRtree(features.roads.geometry.to_numpy())
    rows: list[dict[str, Any]] = []
    for k, shape in enumerate(shapes):
        roads = features.roads.iloc[np.sort(tree.query(shape, predicate="intersects"))]
        row = {"label": k + 1, "building_share": indoors[k], "sill_height_m": np.nan, "people": np.nan, **_road(roads)}
        doors = np.flatnonzero(shapely.distance(entrances, shape) <= params.crossing_m)
        if not indoors[k] <= params.building_share_max:
            continue
        if shapely.distance(crossings, shape).min(initial=np.inf) <= params.crossing_m:
            row["kind"] = "underpass"
        elif doors.size:
            door = features.entrances.iloc[doors[np.argmin(shapely.distance(entrances[doors], shape.centroid))]]
            row |= {"kind": "underground_space", "sill_height_m": door["sill_height_m"], "people": door["people"],
                    "name": door["name"]}  # fmt: skip
        elif len(roads):
            row["kind"] = "road_dip"
        elif built[k] > 0.5 and (
            found.n_cells[k] * grid.cell_area_m2 >= params.court_area_min_m2
            or catchment[k] >= params.court_catchment_min_m2
        ):
            row["kind"] = "low_lying"
        else:
            continue
        rows.append(row)
    return _with_ponds(rows, town)


def _pond_shapes(town: Town) -> NDArray[Any]:
    """Full ponds as polygons of cells, label 1..n in order."""
    from geo_risk.core.vectorize import polygons_of_labels

    frame = polygons_of_labels(town.found.labels, town.grid, connectivity=8)
    return np.asarray(frame.geometry.to_numpy())


def _crossings(roads: gpd.GeoDataFrame, railways: gpd.GeoDataFrame) -> NDArray[Any]:
    if not len(roads) or not len(railways):
        return np.empty(0, dtype=object)
    rails = shapely.union_all(railways.geometry.to_numpy())
    points = shapely.intersection(roads.geometry.to_numpy(), rails)
    return np.asarray(shapely.get_parts(points[~shapely.is_empty(points)]))


def _burned(frame: gpd.GeoDataFrame, grid: Grid) -> NDArray[np.bool_]:
    burned = rasterize([(g, 1.0) for g in frame.geometry], grid, fill=0, dtype="uint8")
    return np.asarray(burned > 0)


def _share(mask: NDArray[np.bool_], found: Depressions) -> NDArray[np.float64]:
    labels = found.labels.ravel()
    hits = np.bincount(labels, weights=mask.ravel().astype(np.float64), minlength=found.level.size + 1)[1:]
    return np.asarray(hits / np.maximum(found.n_cells, 1))


def _road(roads: gpd.GeoDataFrame) -> dict[str, Any]:
    if not len(roads):
        return {"name": pd.NA, "road": pd.NA, "traffic_class": "none"}
    order = roads["class"].map({c: i for i, c in enumerate(ROAD_ORDER)}).fillna(len(ROAD_ORDER)).to_numpy()
    best = roads.iloc[int(np.argmin(order))]
    kind = best["class"] if best["class"] in ROAD_ORDER else "local"
    return {"name": best["name"], "road": best["name"], "traffic_class": kind}


SITE_COLUMNS = ("label", "kind", "name", "road", "traffic_class", "sill_height_m", "people", "cell", "area_m2",
                "volume_m3", "full_depth_m", "catchment_m2", "building_share")  # fmt: skip


OWNER_COLUMNS = ("unit", "responsible", "deputy", "valid_until")
"""Columns of the ledger that say who answers for a site."""


def _with_ponds(rows: list[dict[str, Any]], town: Town) -> gpd.GeoDataFrame:
    found, grid = town.found, town.grid
    frame = pd.DataFrame(rows, columns=[c for c in SITE_COLUMNS if c not in ("cell", "area_m2", "volume_m3",
                         "full_depth_m", "catchment_m2")])  # fmt: skip
    k = frame["label"].to_numpy(dtype=np.int64) - 1
    cells = found.bottom[k]
    frame["cell"] = cells
    frame["area_m2"] = found.n_cells[k] * grid.cell_area_m2
    frame["volume_m3"] = found.depth_sum[k] * grid.cell_area_m2
    frame["full_depth_m"] = found.depth_max[k]
    frame["catchment_m2"] = _catchment(town, k)
    return gpd.GeoDataFrame(frame[list(SITE_COLUMNS)], geometry=cell_points(cells, grid), crs=grid.crs)


def _catchment(town: Town, k: NDArray[np.int64]) -> NDArray[np.float64]:
    """Upslope area of a full pond: that of its spill cell, what comes over from ponds above included."""
    return np.asarray(town.area_m2.ravel()[town.found.spill[k]], dtype=np.float64)


def cell_points(cells: NDArray[np.int64], grid: Grid) -> NDArray[Any]:
    """Middle points of cells given by flat index."""
    rows, columns = np.divmod(cells, grid.shape[1])
    x, y = grid.transform * (columns + 0.5, rows + 0.5)
    return np.asarray(shapely.points(x, y))


def merge_ledger(
    detected: gpd.GeoDataFrame, ledger: gpd.GeoDataFrame | None, town: Town, params: SiteParams
) -> tuple[gpd.GeoDataFrame, list[dict[str, str]]]:
    """Join ledger rows to the depressions they mean; every ledger row stays, every detected site stays once.

    Parameters
    ----------
    detected : as `detect_sites` returns it.
    ledger : points with site_id, and where known name, kind, road, traffic_class, people, responsible, sill_height_m.
    town : ground. params : snap_m.

    Returns
    -------
    sites : site_id (the ledger's; "NEW-" and the cell for others), source {inventory, detected, both}, the columns
        of `detect_sites` with the ledger's words first, responsible, geometry (the ledger's point where there is one).
        Rows beyond the town's DEM keep label 0 and cell -1.
    quarantine : {"id", "reason"} of ledger rows beyond the DEM: their depth is unknown.
    """
    rows, used, quarantine = [], set(), []
    shapes = _pond_shapes(town)
    tree = shapely.STRtree(shapes)
    for record in [] if ledger is None else ledger.to_dict("records"):
        point = record["geometry"]
        row = {**record, "source": "inventory", "label": 0}
        r, c, inside = (v.item() for v in town.grid.index(point.x, point.y))
        if not inside or not np.isfinite(town.elevation[r, c]):
            quarantine.append({"id": str(record["site_id"]), "reason": "lies beyond the town's DEM: depth unknown",
                               "reason_zh": "位于城区高程模型之外：水深未知"})  # fmt: skip
            rows.append({**row, "cell": -1})
            continue
        near = tree.query(point, predicate="dwithin", distance=params.snap_m)
        if near.size:
            k = int(near[np.argmin(shapely.distance(shapes[near], point))])
            row |= {"label": k + 1, **_found(detected, k + 1, row)}
            used.add(k + 1)
        row["cell"] = _lowest(town, r, c, label=int(row["label"]), reach_m=params.snap_m)
        rows.append(row)
    for record in detected[~detected["label"].isin(used)].to_dict("records"):
        row_at, column_at = divmod(int(record["cell"]), town.grid.shape[1])
        rows.append({**record, "site_id": f"NEW-{column_at:04d}-{row_at:04d}", "source": "detected"})
    return _described(rows, town), quarantine


PAST_MAX_M = 10.0
"""A greater depth in the past is no depth in metres."""


def in_metres(ledger: gpd.GeoDataFrame, params: SiteParams) -> tuple[gpd.GeoDataFrame, list[dict[str, str]]]:
    """Take sills and past depths that cannot be metres for unknown.

    Returns
    -------
    ledger : a copy. quarantine : {"id", "reason"} of each value that was not taken.
    """
    out, aside = ledger.copy(), []
    zh = {"sill_height_m": "挡水高度", "past_depth_m": "历史积水深度"}
    for name, most in (("sill_height_m", params.sill_max_m), ("past_depth_m", PAST_MAX_M)):
        if name not in out:
            continue
        values = pd.to_numeric(out[name], errors="coerce").astype("float64")
        odd = values.notna() & ~((values >= 0) & (values <= most))
        aside += [
            {"id": str(i), "reason": f"{name} is {v:g}, not in 0-{most:g} m (centimetres?): it counts as unknown",
             "reason_zh": f"{zh[name]} {v:g} 米不在 0–{most:g} 米内（是否为厘米？）：按未知处理"}
            for i, v in zip(out.loc[odd, "site_id"], values[odd], strict=True)
        ]  # fmt: skip
        out[name] = values.mask(odd)
    return out, aside


def with_streets(sites: gpd.GeoDataFrame, roads: gpd.GeoDataFrame, params: SiteParams) -> gpd.GeoDataFrame:
    """Give sites that lie in no depression the nearest road within snap_m, where the ledger names none.

    Parameters
    ----------
    sites : as `merge_ledger` returns them. roads : lines with `class`, `name`.
    """
    out = sites.copy()
    bare = np.flatnonzero((out["label"] == 0) & out["road"].isna() & (out["traffic_class"] == "none"))
    if not len(roads) or not bare.size:
        return out
    lines = roads.geometry.to_numpy()
    tree = shapely.STRtree(lines)
    for k in bare:
        point = out.geometry.iloc[k]
        near = np.sort(tree.query(point, predicate="dwithin", distance=params.snap_m))
        if near.size:
            closest = near[[int(np.argmin(shapely.distance(lines[near], point)))]]
            found = _road(roads.iloc[closest])
            out.iloc[k, out.columns.get_loc("road")] = found["road"]
            out.iloc[k, out.columns.get_loc("traffic_class")] = found["traffic_class"]
    return out


def _found(detected: gpd.GeoDataFrame, label: int, row: dict[str, Any]) -> dict[str, Any]:
    """Take from the detected site what the ledger does not say."""
    match = detected[detected["label"] == label]
    if match.empty:
        return {}
    given = match.iloc[0].to_dict()
    keep = ("kind", "name", "road", "traffic_class", "sill_height_m", "people")
    return {"source": "both", **{key: given[key] for key in keep if pd.isna(row.get(key))}}


def _lowest(town: Town, row: int, column: int, *, label: int, reach_m: float) -> int:
    """Lowest cell of the depression near a point; where there is none, of the eight neighbours and the cell."""
    n_y, n_x = town.grid.shape
    reach = max(1, round(reach_m / town.grid.resolution_m)) + 1 if label else 1
    rows = slice(max(0, row - reach), min(n_y, row + reach + 1))
    columns = slice(max(0, column - reach), min(n_x, column + reach + 1))
    window = np.where(np.isnan(town.elevation[rows, columns]), np.inf, town.elevation[rows, columns])
    if label:
        window = np.where(town.found.labels[rows, columns] == label, window, np.inf)
    j, i = divmod(int(np.argmin(window)), window.shape[1])
    return int((rows.start + j) * n_x + columns.start + i)


def _described(rows: list[dict[str, Any]], town: Town) -> gpd.GeoDataFrame:
    columns = ["site_id", "source", *SITE_COLUMNS, *OWNER_COLUMNS, "past_depth_m", "geometry"]
    frame = pd.DataFrame(rows)
    for column in columns:
        if column not in frame:
            frame[column] = pd.NA
    frame = frame[columns].reset_index(drop=True)
    for name in OWNER_COLUMNS:
        frame[name] = frame[name].astype("string")
    frame["kind"] = frame["kind"].where(frame["kind"].notna(), "other")
    frame["traffic_class"] = frame["traffic_class"].where(frame["traffic_class"].notna(), "none")
    for name in ("sill_height_m", "people", "area_m2", "volume_m3", "full_depth_m", "catchment_m2", "building_share",
                 "past_depth_m"):  # fmt: skip
        frame[name] = pd.to_numeric(frame[name]).astype("float64")
    frame[["label", "cell"]] = frame[["label", "cell"]].astype("int64")
    k = frame["label"].to_numpy() - 1
    wet = k >= 0
    for name, values in (
        ("area_m2", town.found.n_cells * town.grid.cell_area_m2),
        ("volume_m3", town.found.depth_sum * town.grid.cell_area_m2),
        ("full_depth_m", town.found.depth_max),
        ("catchment_m2", _catchment(town, np.arange(town.found.level.size))),
    ):
        frame.loc[wet, name] = np.asarray(values, dtype=np.float64)[k[wet]]
    dry = ~wet & (frame["cell"].to_numpy() >= 0)
    frame.loc[dry, "catchment_m2"] = town.area_m2.ravel()[frame.loc[dry, "cell"].to_numpy()]
    frame.loc[dry, ["area_m2", "volume_m3", "full_depth_m"]] = 0.0
    return gpd.GeoDataFrame(frame, geometry="geometry", crs=town.grid.crs)
