"""Step that reports what in the DEM is not ground."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import dask.array as da
    import xarray as xr

    from geo_risk.core.grid import Grid
    from geo_risk.flow.plan import Plan
    from geo_risk.sources.options import ReadLimits, ReadOptions
    from geo_risk.terrain.params import DemLiesParams


def dem_lies(plan: Plan) -> None:
    """Add the step that writes the list dem_lies, and notes for the report."""
    town, houses = plan.source("dem_town"), plan.source("buildings")
    plan.add(
        "terrain.dem_lies", write_dem_lies, reads={"dem": plan.layer("dem"), "dem_filled": plan.layer("dem_filled")},
        optional={"dem_town": plan.input("dem_town"), "buildings": plan.input("buildings")},
        writes={"table": plan.out / "lists" / "dem_lies.csv", "facts": plan.facts("dem_lies")},
        options=None if town is None else town.options, limits=plan.cfg.storage, params=plan.cfg.flood.dem_lies,
        language=plan.cfg.language, building_options=None if houses is None else houses.options,
    )  # fmt: skip


def write_dem_lies(
    *, dem: Path, dem_filled: Path, dem_town: Path | None, buildings: Path | None, table: Path, facts: Path,
    options: ReadOptions | None, building_options: ReadOptions | None, limits: ReadLimits, params: DemLiesParams,
    language: str,
) -> None:  # fmt: skip
    """Write one row a place where the DEM does not show the ground, and what holds of the whole DEM."""
    from geo_risk.core.grid import grid_of
    from geo_risk.products.dem_lies import lies_facts, lies_rows
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.lists import write_rows
    from geo_risk.sources.layers import open_layer
    from geo_risk.terrain.dem_lies import dem_lies as look

    height = open_layer(dem)
    town = None if dem_town is None or options is None else _town(dem_town, grid_of(height), options, limits)
    built = (
        None if buildings is None or building_options is None else _built(buildings, grid_of(height), building_options)
    )
    found = look(height, open_layer(dem_filled), params=params, town=town, built=built)
    write_rows(lies_rows(found, language=language), table)
    write_json(lies_facts(found, params=params), facts)


def _built(path: Path, grid: Grid, options: ReadOptions) -> da.Array:
    """Return 1 where the middle of a cell lies in a building, block by block."""
    from geo_risk.sources.vectors import read_vector
    from geo_risk.terrain.burned import burned_blocks

    read = read_vector(
        path, crs=grid.crs, where="inputs.buildings", area=grid.bounds, geometry="Polygon", options=options
    )
    return burned_blocks([(shape, 1.0) for shape in read.frame.geometry], grid, fill=0.0)


def _town(path: Path, grid: Grid, options: ReadOptions, limits: ReadLimits) -> xr.DataArray | None:
    """Return the town's DEM on its own grid; None where that is in another CRS, which the town's own step refuses."""
    from geo_risk.sources.raster import load_raster, raster_grid

    own = raster_grid(path, where="inputs.dem_town", options=options, limits=limits)
    if own.crs != grid.crs:
        return None
    return load_raster(path, own, units="m", where="inputs.dem_town", options=options, limits=limits)
