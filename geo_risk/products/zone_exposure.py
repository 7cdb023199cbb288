"""Who and what is in each zone: people, households, buildings and roads, weighted by the share inside."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd

from geo_risk.exposure.zonal import overlaps


@dataclass(frozen=True)
class Exposed:
    """What can be harmed, each part optional, in the CRS of the run.

    Attributes
    ----------
    houses : houses with people, as `exposure.people.spread_people` makes them.
    roads : lines.
    """

    houses: gpd.GeoDataFrame | None = None
    roads: gpd.GeoDataFrame | None = None


def exposure_of(zones: gpd.GeoDataFrame, exposed: Exposed) -> pd.DataFrame:
    """Return people, households, buildings, road_km of each zone, each weighted by the share inside.

    people and households are rounded to whole ones, and missing where someone of unknown number lives inside (of
    n_unknown_settlements) or no houses are given; known_people are those whose number is known; buildings counts those
    that touch the zone.
    """
    n = len(zones)
    out = pd.DataFrame({"people": np.nan, "households": np.nan, "buildings": np.nan, "road_km": np.nan},
                       index=zones.index)  # fmt: skip
    out["n_unknown_settlements"], out["known_people"] = 0, 0.0
    if exposed.houses is not None and len(exposed.houses):
        houses = exposed.houses
        pairs = overlaps(houses, zones)
        feature, zone, share = (pairs[c].to_numpy() for c in ("feature", "zone", "share"))
        for column in ("people", "households"):
            sums = np.zeros(n)
            np.add.at(sums, zone, houses[column].to_numpy(dtype=np.float64)[feature] * share)
            out[column] = np.round(sums)
        known = np.nan_to_num(houses["people"].to_numpy(dtype=np.float64))[feature] * share
        out["known_people"] = np.bincount(zone, weights=known, minlength=n)
        is_building = houses["is_building"].to_numpy(dtype=bool)[feature]
        out["buildings"] = np.bincount(zone[is_building], minlength=n)
        unknown = houses["people"].isna().to_numpy()[feature]
        lost = pd.DataFrame({"zone": zone[unknown], "id": houses["settlement_id"].to_numpy()[feature[unknown]]})
        counts = lost.dropna().drop_duplicates().groupby("zone").size()
        out["n_unknown_settlements"] = counts.reindex(range(n), fill_value=0).to_numpy()
    if exposed.roads is not None and len(exposed.roads):
        pairs = overlaps(exposed.roads, zones)
        length = exposed.roads.length.to_numpy()[pairs["feature"]] * pairs["share"].to_numpy()
        out["road_km"] = np.bincount(pairs["zone"], weights=length, minlength=n) / 1000
    return out
