"""Underground entrances: where they stand on the town's ground, and how deep the water stands at their foot."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.hazards.flood.sites import Town

Array = NDArray[np.float64]


def place_entrances(
    entrances: gpd.GeoDataFrame, town: Town, *, sill_max_m: float
) -> tuple[gpd.GeoDataFrame, list[dict[str, str]]]:
    """Give every entrance its cell and its depression.

    Parameters
    ----------
    entrances : points with space_id, and where known name, sill_height_m, people. town : ground.
    sill_max_m : a higher sill is taken for a mistake of unit and is unknown.

    Returns
    -------
    placed : space_id, name, sill_height_m (above the ground at the entrance, missing where unknown), people,
        cell (-1 beyond the DEM), label (of the depression it stands in, 0 for none), geometry.
    quarantine : {"id", "reason"} of entrances beyond the DEM and of sills that cannot be.
    """
    out = entrances[["space_id", "geometry"]].copy()
    for name in ("name", "sill_height_m", "people"):
        out[name] = entrances.get(name, pd.NA)
    for name in ("sill_height_m", "people"):
        out[name] = pd.to_numeric(out[name], errors="coerce").astype("float64")
    out["name"] = out["name"].astype("string")
    rows, columns, inside = town.grid.index(out.geometry.x, out.geometry.y)
    cell = np.where(inside, rows * town.grid.shape[1] + columns, -1).astype(np.int64)
    flat = np.append(town.elevation.ravel(), np.nan)
    cell = np.where(np.isfinite(flat[cell]), cell, -1)
    out["cell"] = cell
    out["label"] = np.where(cell >= 0, np.append(town.found.labels.ravel(), 0)[cell], 0).astype(np.int64)
    ids = out["space_id"].astype(str)
    aside = [{"id": i, "reason": "lies beyond the town's DEM: the water at it is unknown",
              "reason_zh": "位于城区高程模型之外：水深未知"} for i in ids[cell < 0]]  # fmt: skip
    odd = out["sill_height_m"].notna() & ~((out["sill_height_m"] >= 0) & (out["sill_height_m"] <= sill_max_m))
    aside += [
        {"id": i, "reason": f"has a sill of {sill:g} m, not in 0-{sill_max_m:g} m (centimetres?): it counts as unknown",
         "reason_zh": f"挡水高度 {sill:g} 米不在 0–{sill_max_m:g} 米内（是否为厘米？）：按未知处理"}
        for i, sill in zip(ids[odd], out.loc[odd, "sill_height_m"], strict=True)
    ]  # fmt: skip
    out.loc[odd, "sill_height_m"] = np.nan
    return gpd.GeoDataFrame(out.reset_index(drop=True), geometry="geometry", crs=entrances.crs), aside


def water_at(depth_m: Array, cells: NDArray[np.int64], town: Town) -> Array:
    """Depth of the water at the foot of entrances [m]: its own, or the level of lower ground beside it.

    Parameters
    ----------
    depth_m : (y, x) greatest depth [m]. cells : (n,) flat indices, -1 is unknown.

    Returns
    -------
    (n,) [m]; NaN where nothing is known.
    """
    n_y, n_x = town.grid.shape
    out = np.full(cells.size, np.nan)
    for k, cell in enumerate(cells.tolist()):
        if cell < 0:
            continue
        r, c = divmod(cell, n_x)
        window = (slice(max(0, r - 1), min(n_y, r + 2)), slice(max(0, c - 1), min(n_x, c + 2)))
        ground, water = town.elevation[window], np.asarray(depth_m, np.float64)[window]
        own = town.elevation[r, c]
        # water that stands on lower ground reaches up to here; what runs down from higher ground does not stand
        level = np.where((ground <= own) & (water > 0), ground + water, -np.inf)
        known = np.isfinite(water) & np.isfinite(ground)
        out[k] = max(float(level[known].max(initial=-np.inf)) - own, 0.0) if np.isfinite(depth_m[r, c]) else np.nan
    return out


def entrance_corrections(entrances: pd.DataFrame, sites: pd.DataFrame, states: pd.DataFrame) -> Array:
    """How far past reports move the water at each entrance [m]: as at the site of its depression, else 0.

    Parameters
    ----------
    entrances : as `place_entrances` returns them. sites : with site_id, label. states : as `site_states` returns them.
    """
    by_site = states.set_index("site_id")["correction_m"]
    wet = sites[sites["label"] > 0].drop_duplicates("label")
    by_label = pd.Series(wet["site_id"].astype(str).map(by_site).to_numpy(float), index=wet["label"].to_numpy())
    return np.asarray(entrances["label"].map(by_label).astype("float64").fillna(0.0), dtype=np.float64)


def unsure_entrances(entrances: pd.DataFrame, sites: pd.DataFrame, table: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether the water at each entrance may get deeper than the run shows, (n,): that of its depression may.

    Parameters
    ----------
    entrances : as `place_entrances` returns them. sites : with site_id, label. table : with site_id, depth_bound.
    """
    if "depth_bound" not in table:
        return np.zeros(len(entrances), dtype=np.bool_)
    open_ids = set(table.loc[table["depth_bound"].isin(["at_least", "rising", "outside"]), "site_id"].astype(str))
    labels = sites.loc[(sites["label"] > 0) & sites["site_id"].astype(str).isin(open_ids), "label"]
    return np.asarray(entrances["label"].isin(set(labels)).to_numpy(), dtype=np.bool_)
