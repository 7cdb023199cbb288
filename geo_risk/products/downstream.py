"""Whom a failing dam or tailings pond would reach: houses and facilities below it, by distance.

Water of a reservoir is followed by `hazards.flood.dam_break`: peak, attenuation, stage of each reach, height above the
drainage. Where volume or height of a dam is not known, and along the river below every tailings pond, no stage is
known: what stands up to `unknown_height_m` above the river over `unknown_length_km` may be reached. Tailings besides
run out from the crest of their dam as a debris flow (`hazards.runout`): what their footprint touches is reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import grid_of
from geo_risk.core.levels import Level, classify, combine_levels
from geo_risk.exposure.zonal import cell_coverage
from geo_risk.hazards.flood.dam_break import NEAR_M, Path, breach_peak_m3_s, dam_cells, path_below, wave, wave_most_m
from geo_risk.hazards.flood.params import FloodParams
from geo_risk.hazards.flood.ratings import Ratings
from geo_risk.hazards.runout.footprint import cell_footprints
from geo_risk.hazards.runout.params import KINDS, RunoutParams
from geo_risk.terrain.rows import values_at
from geo_risk.terrain.slope import blocks
from geo_risk.terrain.way import way_cells

KINDS_OF_STRUCTURES = ("reservoir", "tailings_pond")
STATES = ("screened", "tailings", "unknown", "off_stream")
"""Its wave was followed; its tailings were; volume or height is not known; no river of the DEM is near."""


@dataclass(frozen=True)
class Below:
    """The ground below structures, layers on one grid.

    Attributes
    ----------
    made : rating curves of the reaches. dem, direction, upslope_area, hand_m : (y, x).
    """

    made: Ratings
    dem: xr.DataArray
    direction: xr.DataArray
    upslope_area: xr.DataArray
    hand_m: xr.DataArray


@dataclass(frozen=True)
class Things:
    """Houses and facilities with the ground under them.

    Attributes
    ----------
    frame : place_kind {settlement, facility}, place_id (missing where a house has no settlement), people, is_building,
        geometry; in the CRS of the ground.
    thing, reach, hand_m : (c,) position of the thing, reach (0 none) and height above drainage of each of its cells.
    blind : (n,) true where no cell of the thing tells reach and height.
    """

    frame: gpd.GeoDataFrame
    thing: NDArray[np.int64]
    reach: NDArray[np.int64]
    hand_m: NDArray[np.float64]
    blind: NDArray[np.bool_]


def things_of(houses: gpd.GeoDataFrame | None, facilities: gpd.GeoDataFrame | None, ground: Below) -> Things:
    """Return houses (as `spread_people` makes them) and facilities, each optional, with the ground under them.

    Raises
    ------
    CrsError : they are not in the CRS of the ground.
    """
    grid = grid_of(ground.hand_m)
    parts = []
    for kind, frame, column in (("settlement", houses, "settlement_id"), ("facility", facilities, "facility_id")):
        if frame is None or not len(frame):
            continue
        shapes = frame.geometry.to_numpy()
        points = shapely.get_dimensions(shapes) < 2
        shapes = np.where(points, shapely.buffer(shapes, _POINT_M), shapes)
        parts.append(gpd.GeoDataFrame(
            {"place_kind": kind, "place_id": frame[column].astype("string").to_numpy(),
             "people": pd.to_numeric(frame["people"]).to_numpy(dtype=np.float64, na_value=np.nan),
             "is_building": frame["is_building"].to_numpy(bool) if "is_building" in frame else True},
            geometry=shapes, crs=frame.crs,
        ))  # fmt: skip
    empty: dict[str, list[Any]] = {"place_kind": [], "place_id": [], "people": [], "is_building": []}
    every = pd.concat(parts, ignore_index=True) if parts else gpd.GeoDataFrame(empty, geometry=[], crs=grid.crs)
    coverage = cell_coverage(every, grid)
    reach = values_at(ground.made.reaches.labels, coverage.cell).astype(np.int64)
    hand = values_at(blocks(ground.hand_m), coverage.cell).astype(np.float64)
    told = np.zeros(len(every), dtype=bool)
    told[coverage.polygon[(reach > 0) & np.isfinite(hand)]] = True
    return Things(every, coverage.polygon, reach, hand, ~told)


_POINT_M = 1.0


@dataclass(frozen=True)
class Reached:
    """What one structure does: figures of its row, its things, and its way (None where no river is near).

    Attributes
    ----------
    facts : status, peak_m3_s, path_km, leaves_map, runout_m, runout_velocity_m_s, unknown_beyond.
    things : thing (position), is_reached, by {water, runout, both, ""}, depth_m, arrival_h, distance_km; those that are
        not reached may be.
    """

    facts: dict[str, Any]
    things: pd.DataFrame
    way: Any


def reached_by(
    structures: gpd.GeoDataFrame, ground: Below, things: Things, *, flood: FloodParams, runout: RunoutParams
) -> list[Reached]:
    """Return what each structure reaches.

    Parameters
    ----------
    structures : structure_id, kind, volume_m3 and dam_height_m (NaN unknown), crest (a line, or None), geometry, in the
        CRS of the ground.
    flood, runout : parameters of the dam break and of the debris flow.

    Raises
    ------
    ValueError : a kind is unknown.
    """
    wrong = sorted(set(structures["kind"].astype(str)) - set(KINDS_OF_STRUCTURES))
    if wrong:
        msg = f"structures of the kinds {wrong}; {', '.join(KINDS_OF_STRUCTURES)} known"
        raise ValueError(msg)
    is_pond = (structures["kind"] == "tailings_pond").to_numpy(dtype=bool)
    cells = _dams(structures, is_pond, ground, flood)
    first = np.where(cells >= 0, values_at(ground.made.reaches.labels, cells), 0).astype(np.int64) - 1
    peak = breach_peak_m3_s(*(structures[c].to_numpy(np.float64) for c in ("volume_m3", "dam_height_m")))
    flows = _tailings(structures, is_pond, ground, runout)
    out = []
    for k in range(len(structures)):
        known = bool(np.isfinite(peak[k])) and not is_pond[k]
        length = flood.dam_break.length_max_km if known else flood.dam_break.unknown_length_km
        path = path_below(ground.made, int(first[k]), length_max_km=length) if first[k] >= 0 else None
        out.append(_one(float(peak[k]) if known else np.nan, path, int(cells[k]), flows.get(k), ground, things, flood,
                        pond=bool(is_pond[k]), place=structures.geometry.iloc[k]))  # fmt: skip
    return out


def _dams(
    structures: gpd.GeoDataFrame, is_pond: NDArray[np.bool_], ground: Below, flood: FloodParams
) -> NDArray[np.int64]:
    """Return the cell where each begins: of reservoirs on the river near, of ponds at the dam itself."""
    grid = grid_of(ground.upslope_area)
    crests = [g if c is None else c for c, g in zip(structures["crest"], structures.geometry, strict=True)]
    of_ponds = gpd.GeoDataFrame(geometry=crests, crs=structures.crs)
    at_dam = dam_cells(of_ponds, ground.upslope_area, stream_area_m2=0.0, snap_m=grid.resolution_m)
    on_river = dam_cells(structures, ground.upslope_area, stream_area_m2=flood.drainage.stream_area_m2,
                         snap_m=flood.dam_break.snap_m)  # fmt: skip
    return np.where(is_pond, at_dam, on_river)


def _tailings(
    structures: gpd.GeoDataFrame, is_pond: NDArray[np.bool_], ground: Below, runout: RunoutParams
) -> dict[int, dict[str, Any]]:
    """Return the footprint of each pond's tailings by its position; none where the heights of the dam are missing."""
    at = np.flatnonzero(is_pond)
    crests = [structures["crest"].iloc[k] for k in at]
    half = grid_of(ground.dem).resolution_m / 2
    dams = [structures.geometry.iloc[k] if c is None else c.buffer(half) for k, c in zip(at, crests, strict=True)]
    shapes = [d if d.area > 0 else d.buffer(half) for d in dams]
    coverage = cell_coverage(gpd.GeoDataFrame(geometry=shapes, crs=structures.crs), grid_of(ground.dem))
    kind = np.full(len(coverage.cell), KINDS.index("debris_flow"), np.int64)
    found = cell_footprints(ground.dem, coverage.cell, at[coverage.polygon].astype(np.int64), kind, runout)
    return {int(r["unit"]): r for r in found.to_dict("records")}


def _one(  # noqa: PLR0913 - what is known of one structure
    peak: float, path: Path | None, cell: int, flow: dict[str, Any] | None, ground: Below, things: Things,
    flood: FloodParams, *, pond: bool, place: Any,
) -> Reached:  # fmt: skip
    """Return what one structure reaches."""
    rules = flood.dam_break
    parts, way = [], None
    if path is not None:
        if np.isfinite(peak):
            stage, hours = wave(ground.made, path, peak, params=rules)
            most = wave_most_m(ground.made, path, peak, params=rules)
        else:
            stage, hours = np.full(len(path.reaches), rules.unknown_height_m), np.full(len(path.reaches), np.nan)
            most = stage
        way = _line(ground, cell, path)
        parts.append(_by_water(path, (stage, most), hours, things, way, is_known=bool(np.isfinite(peak))))
        if way is not None:  # the river is looked for near: the way begins where it was found
            parts[0]["distance_km"] += shapely.distance(place, shapely.get_point(way, 0)) / 1000
    if flow is not None:
        parts.append(_by_runout(flow, things, place))
    found = _joined(pd.concat(parts, ignore_index=True)) if parts else _joined(_by_nothing())
    status = _status(peak, path, flow, pond=pond)
    facts = {
        "status": status, "peak_m3_s": peak, "path_km": np.nan if path is None else path.length_km,
        "leaves_map": path is not None and path.leaves, "runout_m": np.nan if flow is None else flow["length_m"],
        "runout_velocity_m_s": np.nan if flow is None else flow["velocity_m_s"],
        "unknown_beyond": pond and (flow is None or flow["flags"] > 0),
    }  # fmt: skip
    return Reached(facts, found, way)


def _status(peak: float, path: Path | None, flow: dict[str, Any] | None, *, pond: bool) -> str:
    if pond:
        return "unknown" if flow is None else "tailings"
    return "off_stream" if path is None else "screened" if np.isfinite(peak) else "unknown"


def _line(ground: Below, cell: int, path: Path) -> Any:
    """Return the way of the water from the dam as a line, at most as long as its reaches; None if it is one cell."""
    grid = grid_of(ground.direction)
    cells, _ = way_cells(blocks(ground.direction), cell, length_max=path.length_km * 1000 / grid.resolution_m)
    row, column = np.divmod(cells, grid.shape[1])
    coords = grid.coords()
    return shapely.linestrings(coords["x"][column], coords["y"][row]) if len(cells) > 1 else None


def _by_water(
    path: Path, stages: tuple[NDArray[np.float64], NDArray[np.float64]], hours: NDArray[np.float64], things: Things,
    way: Any, *, is_known: bool,
) -> pd.DataFrame:  # fmt: skip
    """Return the things that water reaches or may reach, with the greatest depth and the first arrival.

    `stages` : of each reach of the path, NaN unknown, and what it is at most.
    """
    stage, most = stages
    at = np.full(int(things.reach.max(initial=0)) + 2, -1, np.int64)
    inside = path.reaches + 1 < len(at)
    at[path.reaches[inside] + 1] = np.flatnonzero(inside)
    position = at[things.reach]
    passed = (things.reach > 0) & (position >= 0)
    thing, p, hand = things.thing[passed], position[passed], things.hand_m[passed]
    depth = stage[p] - hand
    lost = np.isnan(hand) | (np.isnan(stage[p]) & (hand <= most[p]))
    kept = (depth > 0) | lost
    sure = (depth > 0) & ~lost & is_known
    table = pd.DataFrame({
        "thing": thing[kept], "is_reached": sure[kept], "depth_m": np.where(sure, depth, np.nan)[kept],
        "arrival_h": hours[p][kept],
    })  # fmt: skip
    shapes = things.frame.geometry.to_numpy()
    if way is not None:
        blind = np.flatnonzero(things.blind)
        near = blind[shapely.dwithin(shapes[blind], way, NEAR_M)]
        beside = pd.DataFrame({"thing": near, "is_reached": False, "depth_m": np.nan, "arrival_h": np.nan})
        table = pd.concat([table, beside], ignore_index=True)
    out = table.groupby("thing", as_index=False).agg({"is_reached": "any", "depth_m": "max", "arrival_h": "min"})
    centre = shapely.centroid(shapes[out["thing"].to_numpy(dtype=np.int64)])
    along = np.full(len(out), np.nan) if way is None else shapely.line_locate_point(way, centre) / 1000
    return out.assign(distance_km=along, by="water")


def _by_runout(flow: dict[str, Any], things: Things, place: Any) -> pd.DataFrame:
    """Return the things that a footprint touches; the method knows no depth and no time."""
    shapes = things.frame.geometry.to_numpy()
    hit = np.sort(shapely.STRtree(shapes).query(flow["geometry"], predicate="intersects"))
    away = shapely.distance(shapes[hit], place) / 1000
    return pd.DataFrame({"thing": hit, "is_reached": True, "depth_m": np.nan, "arrival_h": np.nan,
                         "distance_km": away, "by": "runout"})  # fmt: skip


def _by_nothing() -> pd.DataFrame:
    return pd.DataFrame({"thing": np.zeros(0, np.int64), "is_reached": np.zeros(0, bool), "depth_m": np.zeros(0),
                         "arrival_h": np.zeros(0), "distance_km": np.zeros(0), "by": np.array([], object)})  # fmt: skip


def _joined(found: pd.DataFrame) -> pd.DataFrame:
    """Return one row a thing; what is reached by one way and may be by another is reached."""
    sure = found[found["is_reached"]].groupby("thing")["by"].agg(lambda v: "both" if v.nunique() > 1 else v.iloc[0])
    out = found.groupby("thing", as_index=False).agg({
        "is_reached": "any", "depth_m": "max", "arrival_h": "min", "distance_km": "min"})  # fmt: skip
    return out.assign(by=out["thing"].map(sure).fillna(""))


def level_of(
    reached: Reached, *, bounds_m: tuple[float, float, float, float], speeds_m_s: tuple[float, float, float]
) -> int:
    """Return the hazard level of a structure: by the deepest water, and by the speed of tailings, that reach a thing.

    Unknown (-1), unless it is medium or more, where something may be reached, where the way leaves the map or leads
    into the unknown, where no river was found and where volume or height is not known.
    """
    things = reached.things
    depth = things["depth_m"].max() if things["depth_m"].notna().any() else 0.0
    level = int(classify(np.array([depth]), bounds_m)[0])
    if things["by"].isin(["runout", "both"]).any():
        level = max(level, 1 + int(np.searchsorted(speeds_m_s, reached.facts["runout_velocity_m_s"], side="right")))
    facts = reached.facts
    hidden = facts["leaves_map"] or facts["unknown_beyond"] or facts["status"] != "screened"
    hidden = hidden or not things["is_reached"].all()
    return int(combine_levels(np.array([level]), np.array([Level.UNKNOWN if hidden else Level.NONE]))[0])
