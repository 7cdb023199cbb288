"""Isochrones of shelters and stocks, by car and on foot, with the people in each band."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from geo_risk.core.schemas import conform
from geo_risk.exposure.isochrones import isochrones
from geo_risk.exposure.reach import minutes_from_nearest
from geo_risk.products.siting_network import Joined
from geo_risk.products.siting_params import SitingParams
from geo_risk.products.siting_words import said
from geo_risk.products.wording import joined, with_reasons

_HAIR_MIN = 1e-3
"""Rounding of sums of minutes along many roads."""


def reach_bands(
    joined_roads: Joined,
    settlements: gpd.GeoDataFrame,
    *,
    origin: str,
    params: SitingParams,
    language: str = "zh",
) -> dict[str, gpd.GeoDataFrame]:
    """Return the bands of minutes around an origin, by car ("drive") and on foot ("walk").

    Parameters
    ----------
    joined_roads : with the groups `settlements` and `origins`.
    settlements : in the order of that group. origin : "shelter" (people go to it) or "stock" (goods come from it).

    Returns
    -------
    By mode the frame `<origin>_<mode>_times`. A settlement is in the band of its own minutes on the network, one off
    the network in none.
    """
    modes = {"drive": (joined_roads.drive, params.drive_bands_min), "walk": (joined_roads.walk, params.walk_bands_min)}
    made: dict[str, gpd.GeoDataFrame] = {}
    for mode, (costs, ends) in modes.items():
        out = _mode(joined_roads, settlements, origin, mode, costs, ends, params)
        out["isochrone_id"] = [f"{origin}-{mode}-{b}" for b in out["band"]]
        records: list[Any] = out.to_dict("records")
        out = with_reasons(out, lambda spoken, rows=records: [_reasons(r, spoken) for r in rows], language)  # type: ignore[misc]
        made[mode] = gpd.GeoDataFrame(
            conform(out.drop(columns=["far", "far_people", "far_unknown"]), f"{origin}_{mode}_times")
        )
    return made


def _mode(
    roads: Joined, settlements: gpd.GeoDataFrame, origin: str, mode: str, costs: NDArray[np.float64],
    ends: Sequence[float], params: SitingParams,
) -> gpd.GeoDataFrame:  # fmt: skip
    outward = origin == "stock"
    minutes = minutes_from_nearest(roads.network, costs, roads.nodes["origins"], limit_min=ends[-1] + _HAIR_MIN,
                                   outward=outward)  # fmt: skip
    out = isochrones(roads.network, costs, minutes, ends, width_m=params.band_width_m, outward=outward)
    node = roads.nodes["settlements"]
    own = np.where(node >= 0, minutes[np.maximum(node, 0)], np.inf)
    people = settlements["people"].to_numpy(dtype=np.float64)
    band = np.searchsorted(np.array(ends) + _HAIR_MIN, own, side="left") + 1
    counts = [(band == b) & np.isfinite(own) for b in out["band"]]
    far = ~np.isfinite(own)
    return out.assign(
        origin=origin, mode=mode, n_settlements=[int(c.sum()) for c in counts],
        people=[int(np.nansum(people[c])) for c in counts],
        unknown_settlements=[int(np.isnan(people[c]).sum()) for c in counts],
        area_km2=out.geometry.area / 1e6, far=int(far.sum()), far_people=int(np.nansum(people[far])),
        far_unknown=int(np.isnan(people[far]).sum()),
    )  # fmt: skip


def _reasons(row: dict[str, Any], language: str) -> str:
    out = [said("band", language, origin=said(row["origin"], language), mode=said(row["mode"], language),
                start=row["from_min"], end=row["to_min"], km=row["road_km"], n=row["n_settlements"],
                people=row["people"])]  # fmt: skip
    if row["unknown_settlements"]:
        out.append(said("band_unknown", language, n=row["unknown_settlements"]))
    if row["far_unknown"]:
        out.append(said("band_far_unknown", language, n=row["far"], people=row["far_people"],
                        unknown=row["far_unknown"]))  # fmt: skip
    elif row["far"]:
        out.append(said("band_far", language, n=row["far"], people=row["far_people"]))
    return joined(out, language)
