"""Step that opens the DEM under bridges and in culverts before water is routed over it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import geopandas as gpd

    from geo_risk.flow.plan import Plan
    from geo_risk.terrain.params import ConditioningParams

_INPUTS = {"bridges": "bridge", "culverts": "culvert"}


def openings(plan: Plan) -> None:
    """Add the step where bridges or culverts are given; water then runs over `routing_dem`."""
    if not any(plan.input(name) for name in _INPUTS):
        return
    sources = {name: plan.source(name) for name in _INPUTS}
    plan.add(
        "terrain.openings", write_openings, reads={"dem": plan.layer("dem")},
        optional={name: plan.input(name) for name in _INPUTS},
        writes={"out": plan.layer("dem_opened"), "frame": plan.frame("dem_openings"), "cuts": plan.facts("dem_cuts"),
                "facts": plan.facts("dem_openings")},
        options={n: s.options.model_dump() for n, s in sources.items() if s is not None},
        params=plan.cfg.flood.conditioning, language=plan.cfg.language,
    )  # fmt: skip


def routing_dem(plan: Plan) -> Path:
    """Return the DEM that water runs over: opened where there are openings, else as it is."""
    made = plan.layer("dem_opened")
    return made if plan.has(made) else plan.layer("dem")


def write_openings(
    *,
    dem: Path,
    bridges: Path | None,
    culverts: Path | None,
    out: Path,
    frame: Path,
    cuts: Path,
    facts: Path,
    options: dict[str, dict[str, Any]],
    params: ConditioningParams,
    language: str,
) -> None:
    """Write the opened DEM, one row an opening, and each cell that was cut with its height before and after."""
    from geo_risk.core.grid import grid_of
    from geo_risk.products.dem_openings import dem_openings_facts, dem_openings_frame
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer
    from geo_risk.terrain.conditioning import open_ground, opened

    height = open_layer(dem)
    given, aside = _read({"bridges": bridges, "culverts": culverts}, grid_of(height), options)
    made = open_ground(height, given, params)
    write_layer(opened(height, made.cells), out)
    write_frame(dem_openings_frame(made.table, crs=grid_of(height).crs, language=language), frame)
    rows = made.cells.assign(before_m=made.cells["before_m"].round(3), after_m=made.cells["after_m"].round(3))
    write_json({"cells": rows.to_dict("records")}, cuts)
    write_json(dem_openings_facts(made.table, aside), facts)


def _read(
    paths: dict[str, Path | None], grid: Any, options: dict[str, dict[str, Any]]
) -> tuple[gpd.GeoDataFrame, list[dict[str, Any]]]:
    """Return all openings with an id of their own, and rows set aside."""
    import geopandas as gpd
    import pandas as pd

    from geo_risk.sources.options import ReadOptions
    from geo_risk.sources.vectors import read_vector

    parts, aside = [], []
    for name, path in paths.items():
        if path is None:
            continue
        kind = _INPUTS[name]
        read = read_vector(path, crs=grid.crs, where=f"inputs.{name}", columns=(f"{kind}_id?",),
                           options=ReadOptions(**options.get(name, {})))  # fmt: skip
        ids = read.frame[f"{kind}_id"].astype("string")
        numbers = pd.Series([f"{kind}-{i}" for i in range(1, len(ids) + 1)], index=ids.index)
        own = ids.where(ids.notna() & ~ids.duplicated(keep=False), numbers)
        parts.append(gpd.GeoDataFrame({"opening_id": own, "kind": kind}, geometry=read.frame.geometry))
        aside += read.quarantine
    both = pd.concat(parts, ignore_index=True)
    return gpd.GeoDataFrame(both, geometry="geometry", crs=parts[0].crs), aside
