"""Levels of zones by the cells they cover: hazard and warnings, a few million cells at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import CHUNK, Grid
from geo_risk.core.levels import Level
from geo_risk.core.names import STAGES_H
from geo_risk.exposure.zonal import cell_coverage, level_at_share
from geo_risk.products.params import RiskParams

WARNED_KINDS = ("landslide",)
"""Kinds of zones that rain warnings speak of."""

_WARNINGS = tuple(f"warning_{s}h" for s in STAGES_H)
_MOST_CELLS = 2_000_000
"""Cells of zones whose coverage is held at once."""


def with_levels(
    zones: gpd.GeoDataFrame,
    levels: Mapping[str, xr.DataArray],
    warnings: Mapping[str, xr.DataArray],
    grid: Grid,
    params: RiskParams,
) -> gpd.GeoDataFrame:
    """Give the hazard level of zones that come from cells, and the warning level of each stage.

    Both are what `warning_area_share` of the zone reaches, the hazard at least `zone_min_level`; -1 where none speaks.
    """
    out = zones.assign(**dict.fromkeys(_WARNINGS, np.int8(Level.UNKNOWN)))
    from_cells, warned = out["origin"] == "hazard", out["kind"].isin(WARNED_KINDS)
    wanted: list[tuple[str, xr.DataArray, pd.Series[bool]]] = [
        ("hazard_level", layer, from_cells & (out["kind"] == kind)) for kind, layer in levels.items()
    ]
    wanted += [(name, warnings[name], warned) for name in _WARNINGS if name in warnings]
    chosen = (
        np.logical_or.reduce([of.to_numpy(dtype=bool) for _, _, of in wanted]) if wanted else np.zeros(len(out), bool)
    )
    share, known = params.warning_area_share, params.min_known_share
    for rows in batches(out, chosen, grid):
        coverage = cell_coverage(out.iloc[rows], grid)
        for name, layer, of in wanted:
            mine = of.to_numpy(dtype=bool)[rows]
            if mine.any():
                level = level_at_share(layer, coverage, share=share, min_known_share=known)
                out.loc[out.index[rows[mine]], name] = level[mine]
    drawn = out["hazard_level"].to_numpy(dtype=np.int8)
    least = np.where(drawn >= 0, np.maximum(drawn, params.zone_min_level), Level.UNKNOWN)
    return out.assign(hazard_level=np.where(from_cells, least, drawn).astype(np.int8))


def batches(zones: gpd.GeoDataFrame, chosen: NDArray[np.bool_], grid: Grid) -> Iterator[NDArray[np.int64]]:
    """Yield positions of chosen zones, neighbours together, such that each batch covers few cells and blocks."""
    at = np.flatnonzero(chosen)
    centres = zones.geometry.iloc[at].centroid
    rows, columns, _ = grid.index(centres.x, centres.y)
    order = at[np.lexsort((columns // CHUNK, rows // CHUNK))]
    cells = np.cumsum(zones.geometry.iloc[order].area.to_numpy() / grid.cell_area_m2)
    for part in np.split(order, np.flatnonzero(np.diff(cells // _MOST_CELLS)) + 1):
        if len(part):
            yield part
