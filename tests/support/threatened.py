"""Villages under threat by hand: houses on a line, areas over them, so that each number can be told at sight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import numpy as np
from shapely.geometry import Point, box

CRS = "EPSG:4546"


def village(name: str, x: float, *, people: Sequence[float], households: float | None = None) -> Any:
    """Return (settlement row, houses): squares of 10 m side by side from x on, one for each number of people."""
    row = {"settlement_id": name, "name": f"{name}村", "people": float(np.sum(people)), "geometry": Point(x, 0)}
    houses = [
        {"house_id": f"{name}-{k}", "settlement_id": name, "is_building": True, "people": float(n),
         "households": np.nan if households is None else households, "vulnerable_people": 0.0,
         "geometry": box(x + 20 * k, 0, x + 20 * k + 10, 10)}
        for k, n in enumerate(people)
    ]  # fmt: skip
    return row, houses


def county(*villages: Any) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return settlements and houses of some villages."""
    towns = gpd.GeoDataFrame([row for row, _ in villages], geometry="geometry", crs=CRS)
    return towns, gpd.GeoDataFrame([h for _, some in villages for h in some], geometry="geometry", crs=CRS)


def zones(*rows: dict[str, Any]) -> gpd.GeoDataFrame:
    """Return risk zones: each row has `zone_id`, `geometry` and what differs from a high landslide zone."""
    usual = {"kind": "landslide", "hazard_level": 3, "risk_level": 2, "activity": "unknown"}
    columns = [*usual, "zone_id", "annual_chance", "return_period_yr", "geometry"]
    given = [{**usual, "annual_chance": np.nan, "return_period_yr": np.nan, **row} for row in rows]
    return gpd.GeoDataFrame(given, columns=columns, geometry="geometry", crs=CRS)
