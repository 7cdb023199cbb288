"""Isochrones of shelters and stocks, by car and on foot, with the people in each band."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.core.schemas import conform
from geo_risk.exposure.isochrones import isochrones
from geo_risk.exposure.reach import minutes_from_nearest
from geo_risk.products.siting_network import Joined
from geo_risk.products.siting_params import SitingParams
from geo_risk.products.siting_words import said
from geo_risk.products.wording import joined, with_reasons


def reach_bands(
    joined_roads: Joined,
    settlements: gpd.GeoDataFrame,
    *,
    origin: str,
    params: SitingParams,
    language: str = "zh",
) -> gpd.GeoDataFrame:
    """Return the bands of minutes around an origin by car and on foot.

    Parameters
    ----------
    joined_roads : with the groups `settlements` and `origins`.
    settlements : in the order of that group. origin : "shelter" (people go to it) or "stock" (goods come from it).

    Returns
    -------
    Frame `shelter_isochrones` or `stock_isochrones`. A settlement is in the band of its own minutes on the network;
    one that is off the network is in none.
    """
    made = [
        _mode(joined_roads, settlements, origin, mode, costs, ends, params)
        for mode, costs, ends in (("drive", joined_roads.drive, params.drive_bands_min),
                                  ("walk", joined_roads.walk, params.walk_bands_min))
    ]  # fmt: skip
    out = gpd.GeoDataFrame(pd.concat(made, ignore_index=True), crs=joined_roads.network.edges.crs)
    out["isochrone_id"] = [f"{origin}-{m}-{b}" for m, b in zip(out["mode"], out["band"], strict=True)]
    records: list[Any] = out.to_dict("records")
    out = with_reasons(out, lambda spoken: [_reasons(r, spoken) for r in records], language)
    return gpd.GeoDataFrame(conform(out.drop(columns=["far", "far_people"]), f"{origin}_isochrones"))


def _mode(
    roads: Joined, settlements: gpd.GeoDataFrame, origin: str, mode: str, costs: NDArray[np.float64],
    ends: Sequence[float], params: SitingParams,
) -> gpd.GeoDataFrame:  # fmt: skip
    outward = origin == "stock"
    minutes = minutes_from_nearest(roads.network, costs, roads.nodes["origins"], limit_min=ends[-1], outward=outward)
    out = isochrones(roads.network, costs, minutes, ends, width_m=params.band_width_m, outward=outward)
    node = roads.nodes["settlements"]
    own = np.where(node >= 0, minutes[np.maximum(node, 0)], np.inf)
    people = settlements["people"].to_numpy(dtype=np.float64)
    band = np.searchsorted(np.array(ends), own, side="left") + 1
    counts = [(band == b) & np.isfinite(own) for b in out["band"]]
    far = ~np.isfinite(own)
    return out.assign(
        origin=origin, mode=mode, n_settlements=[int(c.sum()) for c in counts],
        people=[int(np.nansum(people[c])) for c in counts],
        unknown_settlements=[int(np.isnan(people[c]).sum()) for c in counts],
        area_km2=out.geometry.area / 1e6, far=int(far.sum()), far_people=int(np.nansum(people[far])),
    )  # fmt: skip


def _reasons(row: dict[str, Any], language: str) -> str:
    out = [said("band", language, origin=said(row["origin"], language), mode=said(row["mode"], language),
                start=row["from_min"], end=row["to_min"], km=row["road_km"], n=row["n_settlements"],
                people=row["people"])]  # fmt: skip
    if row["unknown_settlements"]:
        out.append(said("band_unknown", language, n=row["unknown_settlements"]))
    if row["far"]:
        out.append(said("band_far", language, n=row["far"], people=row["far_people"]))
    return joined(out, language)
