"""Where a new shelter or stock could stand: places known to be safe, and why each other one is out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import grid_of
from geo_risk.core.levels import combine_levels
from geo_risk.exposure.reach import Pairs
from geo_risk.exposure.zonal import values_at

YARD_M = 15.0
"""A site's own ground: a school yard."""

COLUMNS = ("candidate_id", "candidate_kind", "name", "township")


@dataclass(frozen=True)
class Candidates:
    """Sites to choose from.

    Attributes
    ----------
    sites : points with COLUMNS, by candidate_id. counts : candidates out, by reason: in a zone (`in_zone`), on ground
        of too high a level (`high_ground`), of which nothing is known (`unknown_ground`), beyond the number that is
        kept (`too_many`). is_ground_known : whether any hazard level of the ground was looked at.
    """

    sites: gpd.GeoDataFrame
    counts: dict[str, int]
    is_ground_known: bool = True


def as_candidates(frame: gpd.GeoDataFrame, id_column: str, kind: str) -> gpd.GeoDataFrame:
    """Return places of another kind as candidates; one without a name goes by its id."""
    ids = frame[id_column].astype("string")
    out = gpd.GeoDataFrame(
        {"candidate_id": ids.to_numpy(), "candidate_kind": kind, "name": ids.to_numpy(),
         "township": pd.array([pd.NA] * len(frame), dtype="string")},
        geometry=frame.geometry.to_numpy(), crs=frame.crs,
    )  # fmt: skip
    if "name" in frame:
        out["name"] = frame["name"].astype("string").fillna(ids).to_numpy()
    return out


def candidate_sites(
    settlements: gpd.GeoDataFrame,
    houses: gpd.GeoDataFrame,
    others: Sequence[gpd.GeoDataFrame],
    *,
    harmful: gpd.GeoDataFrame,
    grounds: Sequence[xr.DataArray],
    max_level: int,
    settlements_max: int,
) -> Candidates:
    """Return the sites that may be chosen: none in a harmful zone, none on high or unknown ground.

    A settlement is a site at its own point or, where that is not safe, at the nearest of its houses that is.

    Parameters
    ----------
    settlements, houses : as in the evacuation. others : further sites, each with COLUMNS.
    harmful : zones in which no site may stand. grounds : hazard levels (y, x); a site's level is the highest of them on
        its cell, unknown as `combine_levels` says. None given: the zones alone decide.
    max_level : highest level of the ground. settlements_max : settlements kept, the largest (unknown people first).
    """
    parts = [_spots(settlements, houses), *(_plain(o) for o in others if len(o))]
    spots = gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=settlements.crs)
    in_zone = _touches(spots, harmful)
    level = _levels(spots, grounds)
    good = ~in_zone & (level >= 0) & (level <= max_level)
    spots = spots.assign(good=good, in_zone=in_zone, level=level)
    # villages, facilities and shelters are numbered each for themselves: "1" of one kind is not "1" of another
    key = ["candidate_id", "candidate_kind"]
    order = spots.sort_values([*key, "good", "away_m", "spot"], ascending=[True, True, False, True, True])
    best = order.drop_duplicates(key, keep="first")
    out = best[~best["good"]]
    counts = {
        "in_zone": int(out["in_zone"].sum()),
        "high_ground": int((~out["in_zone"] & (out["level"] > max_level)).sum()),
        "unknown_ground": int((~out["in_zone"] & (out["level"] < 0)).sum()),
    }
    kept = best[best["good"]]
    is_village = kept["candidate_kind"] == "settlement"
    size = kept["people"].fillna(np.inf).where(is_village, np.inf)
    chosen = kept.assign(size=size).sort_values(["size", *key], ascending=[False, True, True], kind="stable")
    village = chosen[chosen["candidate_kind"] == "settlement"].head(settlements_max)
    sites = pd.concat([village, chosen[chosen["candidate_kind"] != "settlement"]])
    counts["too_many"] = len(kept) - len(sites)
    sites = sites.sort_values(key, kind="stable")[[*COLUMNS, "geometry"]].reset_index(drop=True)
    return Candidates(gpd.GeoDataFrame(sites, geometry="geometry", crs=settlements.crs), counts, bool(len(grounds)))


def with_own_sites(
    pairs: Pairs, settlements: gpd.GeoDataFrame, sites: gpd.GeoDataFrame, *, walking_km_h: float, limit_min: float
) -> Pairs:
    """Return the pairs with each settlement's own site a straight walk away, however the roads lie.

    Without them a settlement off the roads could not be served by a site of its own.
    """
    village = np.flatnonzero((sites["candidate_kind"] == "settlement").to_numpy(dtype=bool))
    ids = sites["candidate_id"].astype(str).to_numpy()[village]
    at = pd.Index(ids).get_indexer(settlements["settlement_id"].astype(str))
    place = np.flatnonzero(at >= 0)
    goal = village[at[place]]
    homes, spots = settlements.geometry.centroid.to_numpy(), sites.geometry.to_numpy()
    minutes = shapely.distance(homes[place], spots[goal]) / walking_km_h / 1000 * 60
    near = minutes <= limit_min
    both = pd.DataFrame({
        "place": np.concatenate([pairs.place, place[near]]), "goal": np.concatenate([pairs.goal, goal[near]]),
        "minutes": np.concatenate([pairs.minutes, minutes[near]]),
    })  # fmt: skip
    best = both.sort_values(["place", "goal", "minutes"], kind="stable").drop_duplicates(["place", "goal"])
    best = best.sort_values(["place", "minutes", "goal"], kind="stable")
    columns = (best["place"].to_numpy(np.int64), best["goal"].to_numpy(np.int64), best["minutes"].to_numpy(np.float64))
    return Pairs(*columns, pairs.n_places, pairs.n_goals)


def _plain(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    out = frame[[*COLUMNS, "geometry"]].copy()
    return out.set_geometry(out.geometry.centroid).assign(away_m=0.0, spot="", people=np.nan)


def _spots(settlements: gpd.GeoDataFrame, houses: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return every place of a settlement where a site could stand: its point and the middles of its buildings."""
    ids = settlements["settlement_id"].astype(str)
    home = settlements.geometry.centroid
    own = gpd.GeoDataFrame(
        {"candidate_id": ids.to_numpy(), "candidate_kind": "settlement", "name": _text(settlements, "name"),
         "township": _text(settlements, "township"), "away_m": 0.0, "spot": "",
         "people": settlements["people"].to_numpy(dtype=np.float64)},
        geometry=home.to_numpy(), crs=settlements.crs,
    )  # fmt: skip
    built = houses[houses["is_building"].astype(bool) & houses["settlement_id"].isin(set(ids))]
    at = pd.Index(ids).get_indexer(built["settlement_id"].astype(str))
    middles = built.geometry.centroid
    near = own.iloc[at].assign(
        away_m=middles.distance(gpd.GeoSeries(home.to_numpy()[at], index=middles.index, crs=own.crs)).to_numpy(),
        spot=built["house_id"].astype(str).to_numpy(),
    )  # fmt: skip
    near = near.set_geometry(middles.to_numpy(), crs=own.crs)
    return gpd.GeoDataFrame(pd.concat([own, near], ignore_index=True), crs=own.crs)


def _text(frame: gpd.GeoDataFrame, column: str) -> Any:
    return frame[column].astype("string").to_numpy() if column in frame else pd.array([pd.NA] * len(frame), "string")


def _touches(points: gpd.GeoDataFrame, zones: gpd.GeoDataFrame) -> NDArray[np.bool_]:
    out = np.zeros(len(points), dtype=bool)
    if len(zones):
        yards = shapely.buffer(points.geometry.to_numpy(), YARD_M, quad_segs=4)
        out[shapely.STRtree(zones.geometry.to_numpy()).query(yards, predicate="intersects")[0]] = True
    return out


def _levels(points: gpd.GeoDataFrame, grounds: Sequence[xr.DataArray]) -> NDArray[np.int8]:
    """Return the level of the cell of each point, -1 off the grid; 0 where no layer is given."""
    if not grounds:
        return np.zeros(len(points), dtype=np.int8)
    grid = grid_of(grounds[0])
    left, _, _, top = grid.bounds
    column = np.floor((points.geometry.x.to_numpy() - left) / grid.resolution_m).astype(np.int64)
    row = np.floor((top - points.geometry.y.to_numpy()) / grid.resolution_m).astype(np.int64)
    inside = (row >= 0) & (row < grid.shape[0]) & (column >= 0) & (column < grid.shape[1])
    cell = np.where(inside, row * grid.shape[1] + column, 0)
    levels = [np.where(inside, values_at(layer.data, cell), -1).astype(np.int8) for layer in grounds]
    return combine_levels(*levels)
