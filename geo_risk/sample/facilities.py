"""Schools, clinics and homes for the aged of the demo county, one of them without a number of people."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd

from geo_risk.sample.streams import stream

KINDS = ("school", "kindergarten", "clinic", "nursing_home")
_LABEL = {"school": "小学", "kindergarten": "幼儿园", "clinic": "卫生院", "nursing_home": "敬老院"}
_SHARE = {"school": 0.09, "kindergarten": 0.03, "clinic": 0.01, "nursing_home": 0.015}
"""People of a facility as a share of those of its settlement, which sends its children and its old ones."""

_EVERY = 3
"""One settlement in so many has a facility, larger ones before smaller ones."""


def facilities_frame(settlements: pd.DataFrame, buildings: gpd.GeoDataFrame, *, seed: int) -> gpd.GeoDataFrame:
    """Return the facilities beside buildings of the larger settlements.

    Parameters
    ----------
    settlements : settlement_id, name, people (TRUE ones). buildings : polygons with settlement_id.
    seed : of the county; the part has a stream of its own.

    Returns
    -------
    Points with facility_id, name, kind, people (places that are taken), people_day (those with their staff); both are
    missing for the last one.
    """
    rng = stream(seed, "people.facilities")
    large = settlements.sort_values(["people", "settlement_id"], ascending=[False, True])
    chosen = large.iloc[: max(4, len(large) // _EVERY)].reset_index(drop=True)
    kinds = [KINDS[k % len(KINDS)] for k in range(len(chosen))]
    centres = buildings.geometry.centroid
    rows, owner = [], buildings["settlement_id"].to_numpy()
    for place, kind in zip(chosen.to_dict("records"), kinds, strict=True):
        own = np.flatnonzero(owner == place["settlement_id"])
        if not len(own):
            continue
        at = centres.iloc[int(rng.choice(own))]
        angle, people = rng.uniform(0, 2 * np.pi), max(5, round(place["people"] * _SHARE[kind]))
        rows.append({
            "name": f"{place['name']}{_LABEL[kind]}", "kind": kind, "people": people,
            "people_day": people + max(2, round(people * 0.12)),
            "x": round(at.x + 15 * np.cos(angle), 1), "y": round(at.y + 15 * np.sin(angle), 1),
        })  # fmt: skip
    table = pd.DataFrame(rows)
    for column in ("people", "people_day"):
        table[column] = table[column].astype("Int64").mask(table.index == len(table) - 1)
    table.insert(0, "facility_id", [f"FA{k:04d}" for k in range(1, len(table) + 1)])
    points = gpd.points_from_xy(table["x"], table["y"])
    return gpd.GeoDataFrame(table.drop(columns=["x", "y"]), geometry=points, crs=buildings.crs)
