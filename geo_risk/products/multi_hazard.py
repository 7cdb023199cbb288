"""Several hazards at one place: the highest level that is known, and which hazards are not known, never one of both."""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from geo_risk.core.grid import grid_of
from geo_risk.core.levels import Level, combine_levels
from geo_risk.exposure.places import Places, valid_polygons
from geo_risk.exposure.zonal import cell_coverage

HAZARDS = ("landslide", "flood", "waterlogging", "deformation")
"""Hazards that a place is asked about, whether the run looked at them or not."""

_HAZARD_OF = {
    **dict.fromkeys(("landslide", "rockfall", "debris_flow", "unstable_slope"), "landslide"),
    "flood": "flood", "waterlogging": "waterlogging",
}  # fmt: skip
"""Hazard of each kind of zone; every other kind is moving ground."""


def combined_levels(
    levels: Mapping[str, ArrayLike], unknown: Mapping[str, NDArray[np.bool_]] | None = None
) -> pd.DataFrame:
    """Combine levels of several hazards at the same places.

    Parameters
    ----------
    levels : (n,) int -1..4 by hazard; -1 where it was not looked at or is unknown.
    unknown : (n,) by hazard, where a part of it is unknown beside a known level.

    Returns
    -------
    combined_level : as `core.levels.combine_levels`: the highest known, but unknown where that is below medium and
        some hazard is unknown. known_level : the highest known, -1 where none is. unknown_hazards : names of those
        that are unknown in whole or part, parted by commas, missing where all are known.

    Raises
    ------
    DataError : no hazard, or a level outside -1..4.
    """
    parts = unknown or {}
    flagged = [np.where(parts[n], Level.UNKNOWN, v) for n, v in levels.items() if n in parts]
    combined = combine_levels(*levels.values(), *flagged)
    names, stack = list(levels), np.stack([np.asarray(v, dtype=np.int8) for v in levels.values()])
    is_gap = np.stack([(v == Level.UNKNOWN) | parts.get(n, False) for n, v in zip(names, stack, strict=True)])
    gaps = [",".join(n for n, gap in zip(names, column, strict=True) if gap) for column in is_gap.T]
    return pd.DataFrame({
        "combined_level": combined, "known_level": stack.max(axis=0),
        "unknown_hazards": pd.array([g or pd.NA for g in gaps], dtype="string"),
    })  # fmt: skip


def risks_by_hazard(
    places: Places,
    zones: gpd.GeoDataFrame,
    levels: Mapping[str, xr.DataArray],
    *,
    looked_at: Mapping[str, bool],
    min_known_share: float,
) -> tuple[dict[str, NDArray[np.int8]], dict[str, NDArray[np.bool_]]]:
    """Return the highest risk of each hazard in each place: that of the zones it meets.

    Parameters
    ----------
    zones : risk zones with kind and risk_level. levels : hazard level layers by hazard.
    looked_at : whether the run looked for a hazard at all; those without a layer are then known everywhere.
    min_known_share : a hazard is unknown where its layer is known on less than this share of the place.

    Returns
    -------
    (risks, unknown) by hazard of HAZARDS: 0 where no zone of it lies and its ground is known, -1 where nothing is known
    of it, the highest risk known elsewhere; and where it is unknown in whole or part.
    """
    kinds = zones["kind"].astype(str).map(lambda k: _HAZARD_OF.get(k, "deformation")).to_numpy()
    risk = zones["risk_level"].to_numpy(dtype=np.int8)
    zone, place = places.meets(zones.set_geometry(valid_polygons(zones.geometry.to_numpy())))
    risks, gaps = {}, {}
    for hazard in HAZARDS:
        highest = np.zeros(places.n, dtype=np.int8)
        chosen = kinds[zone] == hazard
        np.maximum.at(highest, place[chosen & (risk[zone] >= 0)], risk[zone][chosen & (risk[zone] >= 0)])
        unknown = np.zeros(places.n, dtype=bool)
        unknown[place[chosen & (risk[zone] < 0)]] = True
        if hazard in levels:
            unknown |= ~(_known_share(places, levels[hazard]) >= min_known_share)
        elif not looked_at.get(hazard, False):
            unknown[:] = True
        risks[hazard] = np.where(unknown & (highest == 0), np.int8(Level.UNKNOWN), highest)
        gaps[hazard] = unknown
    return risks, gaps


def _known_share(places: Places, layer: xr.DataArray) -> NDArray[np.float64]:
    coverage = cell_coverage(places.parts, grid_of(layer))
    known = np.bincount(places.owner, weights=coverage.sums(coverage.values(layer.data) >= 0), minlength=places.n)
    whole = np.bincount(places.owner, weights=coverage.n_cells, minlength=places.n)
    return np.divide(known, whole, out=np.ones(places.n), where=whole > 0)
