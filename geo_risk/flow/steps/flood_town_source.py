"""Step that makes a town's DEM of the run's DEM where none of its own is given."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geo_risk.core.grid import Grid
    from geo_risk.flow.plan import Plan

_MARGIN_M = 1500.0
"""Ground kept around the outermost site of the ledger: their catchments."""


def town_source(plan: Plan) -> Path | list[Path] | None:
    """Return the town's DEM: the one given, else one cut from the run's where a ledger of sites asks for it."""
    given = plan.input("dem_town")
    if given is not None or plan.input("waterlogging_sites") is None or not plan.has(plan.layer("dem")):
        return given
    from geo_risk.flow.steps.flood import given as told

    plan.add(
        "flood.town_source", write_source,
        reads={"dem": plan.layer("dem"), "waterlogging_sites": plan.input("waterlogging_sites")},
        writes={"out": plan.layer("town_source"), "facts": plan.facts("flood_town_source")},
        options=told(plan, "waterlogging_sites"), cells_max=plan.cfg.flood.town.cells_max,
    )  # fmt: skip
    return plan.layer("town_source")


def write_source(
    *, dem: Path, waterlogging_sites: Path, out: Path, facts: Path, options: dict[str, dict[str, Any]], cells_max: int
) -> None:
    """Write the run's DEM around the sites of the ledger, coarser where it would have too many cells."""
    import numpy as np

    from geo_risk.core.errors import OverlapError
    from geo_risk.core.grid import Grid, grid_of
    from geo_risk.products.wording import note
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer
    from geo_risk.sources.ledger import read_ledger
    from geo_risk.sources.options import ReadOptions

    layer = open_layer(dem)
    grid = grid_of(layer)
    read = read_ledger(waterlogging_sites, "waterlogging_sites", crs=grid.crs, where="inputs.waterlogging_sites",
                       area=grid.bounds, options=ReadOptions(**options.get("waterlogging_sites", {})))  # fmt: skip
    window = grid.window(tuple(read.frame.total_bounds), margin_m=_MARGIN_M)
    if window is None:
        what = "none of the ledger's sites has a place on the run's DEM"
        raise OverlapError(what, where="inputs.waterlogging_sites", fix="check their coordinates and CRS")
    part, values = Grid(grid.geobox[window]), layer[window].to_numpy().astype(np.float64)
    factor = 1
    while values.size / factor**2 > cells_max:
        factor += 1
    target, height = coarser(part, values, factor)
    said = note(
        "warning",
        f"No DEM of the town was given: the run's DEM stands for it at {target.resolution_m:g} m around the ledger's "
        "sites. Underpasses, kerbs and courts are not in it: depths tell which places gather water, not how deep an "
        "underpass floods.",
        f"未提供城区高程模型：以运行范围高程模型（{target.resolution_m:g} 米）在台账点位周边代替。"
        "下穿通道、路缘和院落未在其中体现：水深仅反映汇水程度，不代表下穿实际积水深度。",
    )  # fmt: skip
    write_layer(target.layer(height.astype(np.float32), units="m", long_name="terrain height of the town",
                             name="town_source"), out)  # fmt: skip
    write_json({"notes": [said], "counts": {"cells": int(height.size), "coarser_by": factor}, "quarantine": []}, facts)


def coarser(grid: Grid, values: Any, factor: int) -> tuple[Grid, Any]:
    """Return means of factor x factor cells; NaN where one of them is. Cells beyond the last whole block are left out.

    Parameters
    ----------
    grid, values : (y, x). factor : >= 1.
    """
    from geo_risk.core.grid import Grid

    if factor == 1:
        return grid, values
    n_y, n_x = (n // factor for n in grid.shape)
    west, _, _, north = grid.bounds
    size = grid.resolution_m * factor
    blocks = values[: n_y * factor, : n_x * factor].reshape(n_y, factor, n_x, factor)
    made = Grid.from_dict({"crs": grid.crs, "transform": [size, 0.0, west, 0.0, -size, north], "shape": (n_y, n_x)})
    return made, blocks.mean(axis=(1, 3))
