"""Planned sites of the demo county: places that someone would like to build on, good and bad ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyogrio
import shapely
from shapely import affinity

from geo_risk.publish.frames import write_frame
from geo_risk.sample.streams import stream

_USES = ("school", "housing", "factory", "clinic", "housing", "solar_plant", "warehouse")
_NAMES = {"school": "拟建学校", "housing": "拟建安置区", "factory": "拟建厂房", "clinic": "拟建卫生院",
          "solar_plant": "拟建光伏电站", "warehouse": "拟建仓库"}  # fmt: skip
_ROOM_M = 600.0
"""Sites stay so far from the county's border."""


def planned_frame(settlements: gpd.GeoDataFrame, mines: gpd.GeoDataFrame, *, seed: int) -> gpd.GeoDataFrame:
    """Return the planned sites: site_id, name, use, Polygon.

    Six rectangles stand 100-500 m beside settlements, one in the middle of a mining licence where there is one.

    Parameters
    ----------
    settlements, mines : as the county writes them. seed : of the county; the sites have a stream of their own.
    """
    rng = stream(seed, "planned_sites")
    left, bottom, right, top = settlements.total_bounds
    chosen = rng.choice(len(settlements), size=len(_USES) - 1, replace=len(settlements) < len(_USES))
    centres = [settlements.geometry.iloc[int(k)].centroid for k in chosen]
    places = []
    for centre in centres:
        angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(100, 500)
        x, y = centre.x + distance * np.cos(angle), centre.y + distance * np.sin(angle)
        places.append((float(np.clip(x, left + _ROOM_M, right - _ROOM_M)),
                       float(np.clip(y, bottom + _ROOM_M, top - _ROOM_M))))  # fmt: skip
    middle = mines.geometry.iloc[0].centroid if len(mines) else centres[0]
    places.append((middle.x, middle.y))
    rows: list[dict[str, Any]] = []
    for k, ((x, y), use) in enumerate(zip(places, _USES, strict=True), 1):
        half = rng.uniform(40, 110, 2)
        plot = affinity.rotate(shapely.box(x - half[0], y - half[1], x + half[0], y + half[1]), rng.uniform(0, 180))
        rows.append({"site_id": f"P{k:02d}", "name": f"{_NAMES[use]}{k}", "use": use,
                     "geometry": shapely.set_precision(plot, 0.1)})  # fmt: skip
    return gpd.GeoDataFrame(rows, geometry="geometry", crs=settlements.crs)


def write_planned(folder: Path, *, seed: int) -> dict[str, str]:
    """Write planned_sites.gpkg beside the county's settlements and licences; return the configuration's input."""
    settlements, mines = (pyogrio.read_dataframe(folder / f"{name}.gpkg") for name in ("settlements", "mines"))
    write_frame(planned_frame(settlements, mines, seed=seed), folder / "planned_sites.gpkg")
    return {"planned_sites": "planned_sites.gpkg"}
