"""Stocks of relief goods of the demo county: one in the town, others far apart in villages, one of them uncounted."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd

from geo_risk.sample.streams import count, stream

STOCKS = 3
_LARGE = {"tents": (400, 900), "beds": (2000, 4000), "food_kg": (6000, 12000), "water_l": (15000, 30000)}
_SMALL = {"tents": (20, 120), "beds": (100, 500), "food_kg": (200, 1500), "water_l": (500, 3000)}


def stock_frame(settlements: pd.DataFrame, crs: str, *, size: int, seed: int) -> gpd.GeoDataFrame:
    """Return what the analyst gets: stock_id, name, tents, beds, food_kg, water_l, geometry (Point).

    The first stands at the middle of the town's neighbourhoods, each other one at the village farthest from those
    before it; the last one's food is not counted (missing).

    Parameters
    ----------
    settlements : kind, x, y [m] as the analyst gets them. size, seed : of the county.
    """
    rng = stream(seed, "people.stocks")
    xy = settlements[["x", "y"]].to_numpy(dtype=np.float64)
    is_village = (settlements["kind"] == "village").to_numpy()
    towns, villages = np.flatnonzero(~is_village), np.flatnonzero(is_village)
    middle = xy[towns].mean(axis=0)
    chosen = [int(towns[np.argmin(np.hypot(*(xy[towns] - middle).T))])]
    for _ in range(min(count(STOCKS, size, at_least=2), len(villages) + 1) - 1):
        away = np.min(np.hypot(*(xy[villages][:, None] - xy[chosen][None]).transpose(2, 0, 1)), axis=1)
        chosen.append(int(villages[np.argmax(away)]))
    rows = []
    for k, at in enumerate(chosen):
        table = _LARGE if k == 0 else _SMALL
        held = {good: int(rng.integers(low, high) // 10 * 10) for good, (low, high) in table.items()}
        rows.append({"stock_id": f"ST{k + 1:04d}", "name": f"{k + 1}号救灾物资库", **held,
                     "x": round(float(xy[at, 0]) + 40.0, 1), "y": round(float(xy[at, 1]) + 20.0, 1)})  # fmt: skip
    out = pd.DataFrame(rows)
    out["food_kg"] = out["food_kg"].astype("Int64")
    out.loc[out.index[-1], "food_kg"] = pd.NA
    geometry = gpd.points_from_xy(out["x"], out["y"])
    return gpd.GeoDataFrame(out[["stock_id", "name", *_LARGE]], geometry=geometry, crs=crs)
