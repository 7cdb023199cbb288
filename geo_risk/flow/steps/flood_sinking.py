"""Step that couples sinking ground with water: which hollows grow until the next rainy season."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from geo_risk.flow.steps.openings import routing_dem

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr

    from geo_risk.core.grid import Grid
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.flood.sinking import SinkingParams


def sinking(plan: Plan) -> None:
    """Add the step that writes sinking_ponds, where the vertical rate and the sinking bodies are known."""
    plan.add(
        "flood.sinking", write_sinking,
        reads={"dem": routing_dem(plan), "velocity_up": plan.layer("velocity_up"),
               "zones": plan.frame("subsidence_zones")},
        optional={"velocity_up_std": plan.layer("velocity_up_std")},
        writes={"out": plan.frame("sinking_ponds"), "facts": plan.facts("sinking")},
        params=plan.cfg.flood.sinking, language=plan.cfg.language,
    )  # fmt: skip


def write_sinking(
    *,
    dem: Path,
    velocity_up: Path,
    velocity_up_std: Path | None,
    zones: Path,
    out: Path,
    facts: Path,
    params: SinkingParams,
    language: str,
) -> None:
    """Write the hollows that grow, body by body: each is looked at in a window of its own."""
    import geopandas as gpd
    import pandas as pd

    from geo_risk.core.grid import grid_of
    from geo_risk.products.sinking_ponds import sinking_facts, sinking_ponds
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.layers import open_layer, read_frame

    height, up = open_layer(dem), open_layer(velocity_up)
    std = None if velocity_up_std is None else open_layer(velocity_up_std)
    grid, bodies = grid_of(height), read_frame(zones)
    parts = [
        _grown(str(body_id), body, height, up, std, grid, params)
        for body_id, body in bodies.groupby("body_id", sort=True)
    ]
    empty = gpd.GeoDataFrame({name: [] for name in (*_COLUMNS, "body_id", "kind")}, geometry=[], crs=grid.crs)
    found = [p for p in parts if len(p)]
    frame = gpd.GeoDataFrame(pd.concat(found, ignore_index=True), crs=grid.crs) if found else empty
    made = sinking_ponds(frame, season_yr=params.season_yr, language=language)
    write_frame(made, out)
    write_json(
        sinking_facts(made, n_bodies=len(parts), season_yr=params.season_yr, dem_age_yr=params.dem_age_yr), facts
    )


_COLUMNS = ("volume_now_m3", "volume_next_m3", "depth_now_m", "depth_next_m", "rate_max_mm_yr", "known_share")


def _grown(
    body_id: str, body: gpd.GeoDataFrame, height: xr.DataArray, up: xr.DataArray, std: xr.DataArray | None, grid: Grid,
    params: SinkingParams,
) -> gpd.GeoDataFrame:  # fmt: skip
    """Return the growing hollows in the window of one body, as polygons."""
    import numpy as np

    from geo_risk.core.grid import Grid
    from geo_risk.core.vectorize import polygons_of_labels
    from geo_risk.hazards.flood.sinking import pond_growth, sinking_rate

    window = grid.window(tuple(body.total_bounds), margin_m=params.margin_m)
    if window is None:
        return body.iloc[:0]
    z = height[window].to_numpy().astype(np.float64)
    if not np.isfinite(z).any():
        return body.iloc[:0]
    rate = sinking_rate(up[window].to_numpy(), None if std is None else std[window].to_numpy(), params)
    grown = pond_growth(z, rate, cell_m=grid.resolution_m, params=params)
    shapes = polygons_of_labels(grown.labels, Grid(grid.geobox[window]), connectivity=8)
    for name in _COLUMNS:
        shapes[name] = getattr(grown, name)
    return shapes.drop(columns="label").assign(body_id=body_id, kind=str(body["kind"].iloc[0]))
