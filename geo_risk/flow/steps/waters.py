"""The ground of rivers and reservoirs, on which no shelter is used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import geopandas as gpd

    from geo_risk.products.params import EvacuationParams
    from geo_risk.sources.options import ReadOptions

WATERS = ("rivers", "reservoirs")
"""Inputs that are water."""


def read_waters(
    paths: Mapping[str, Path | None], target: Any, options: Mapping[str, ReadOptions | None], params: EvacuationParams
) -> tuple[gpd.GeoDataFrame | None, list[dict[str, str]]]:
    """Return the ground of WATERS as polygons with water_id (None where none is given), and the rows set aside.

    Parameters
    ----------
    paths, options : by the names of WATERS. target : the run grid. params : `river_width_m`.
    """
    from geo_risk.products.shelter_use import water_areas
    from geo_risk.sources.options import NO_OPTIONS
    from geo_risk.sources.vectors import read_vector

    frames: dict[str, Any] = dict.fromkeys(WATERS)
    quarantine: list[dict[str, str]] = []
    for name in WATERS:
        if (path := paths.get(name)) is not None:
            read = read_vector(
                path, crs=target.crs, area=target.bounds, where=f"inputs.{name}",
                id_column=f"{name.removesuffix('s')}_id", columns=("width_m?",),
                options=options.get(name) or NO_OPTIONS,
            )  # fmt: skip
            frames[name], quarantine = read.frame, quarantine + read.quarantine
    return water_areas(frames["rivers"], frames["reservoirs"], params=params), quarantine
