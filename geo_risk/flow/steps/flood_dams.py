"""Step that screens what lies below reservoirs and check dams."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.exposure import exposure, facts_of
from geo_risk.flow.steps.openings import routing_dem

if TYPE_CHECKING:
    import geopandas as gpd

    from geo_risk.core.grid import Grid
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.flood.params import FloodParams
    from geo_risk.sources.options import ReadOptions

_GROUND = ("dem_filled", "flow_direction", "flow_accumulation", "hand_m")


def dams(plan: Plan) -> None:
    """Add the step that writes depth_dam_break and the list reservoir_screening, where reservoirs are given."""
    source = plan.source("reservoirs")
    if source is None:
        return
    if plan.input("settlements") is not None and not plan.has(plan.frame("settlements")):
        exposure(plan)  # a pipeline that needs no settlements otherwise
    plan.add(
        "flood.dams", write_dams,
        reads={**{name: plan.layer(name) for name in _GROUND}, "dem": routing_dem(plan),
               "reservoirs": plan.input("reservoirs")},
        optional={"settlements": plan.frame("settlements")},
        writes={"out": plan.layer("depth_dam_break"), "table": plan.out / "lists" / "reservoir_screening.csv",
                "facts": plan.facts("flood_dams")},
        options=source.options, params=plan.cfg.flood, language=plan.cfg.language,
    )  # fmt: skip


def write_dams(
    *, reservoirs: Path, settlements: Path | None, out: Path, table: Path, facts: Path, options: ReadOptions,
    params: FloodParams, language: str, **paths: Path,
) -> None:  # fmt: skip
    """Write the depth if any of the dams broke, one row a reservoir with reasons, and what is not known."""
    from dataclasses import asdict

    import numpy as np

    from geo_risk.core.grid import grid_of
    from geo_risk.hazards.flood.dam_break import CARD, dam_cells, deepest_m, places, screen
    from geo_risk.hazards.flood.ratings import ratings
    from geo_risk.products.reservoirs import reservoir_notes, reservoir_rows
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.lists import write_rows
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer
    from geo_risk.terrain.rows import values_at

    layers = {name: open_layer(path) for name, path in paths.items()}
    grid = grid_of(layers["dem"])
    given, aside, said = read_reservoirs(reservoirs, grid, options)
    towns = _settlements(settlements, grid)
    made = ratings(layers["dem"], layers["dem_filled"], layers["flow_direction"], layers["flow_accumulation"],
                   layers["hand_m"], drainage=params.drainage, river=params.river)  # fmt: skip
    cells = dam_cells(given, layers["flow_accumulation"], stream_area_m2=params.drainage.stream_area_m2,
                      snap_m=params.dam_break.snap_m)  # fmt: skip
    reach = np.where(cells >= 0, values_at(made.reaches.labels, cells), 0).astype(np.int64) - 1
    about = places(made, layers["hand_m"], towns, radius_m=params.dam_break.settlement_radius_m)
    found, highest, lost = screen(made, given, reach, about, towns["people"].to_numpy(np.float64),
                                  params=params.dam_break, depth_bounds_m=params.depth_bounds_m)  # fmt: skip
    depth = grid.layer(deepest_m(made, highest, lost), units="m", long_name="depth if dams broke",
                       name="depth_dam_break")  # fmt: skip
    write_layer(depth, out)
    write_rows(reservoir_rows(given, found, towns, has_settlements=settlements is not None, language=language), table)
    counts = {f"reservoirs_{k}": int((found["status"] == k).sum()) for k in ("screened", "unknown", "off_stream")}
    notes = [
        *facts_of(said, quarantine=[])["notes"],
        *reservoir_notes(given, found, has_settlements=settlements is not None),
    ]
    write_json({"notes": notes, "counts": counts, "quarantine": aside, "methods": [asdict(CARD)]}, facts)


def read_reservoirs(
    path: Path, grid: Grid, options: ReadOptions
) -> tuple[gpd.GeoDataFrame, list[dict[str, str]], list[str]]:
    """Return reservoir_id, name, volume_m3, dam_height_m (NaN where missing or not positive), rows set aside, notes."""
    from geo_risk.sources.vectors import read_vector, require_numbers

    read = read_vector(path, crs=grid.crs, area=grid.bounds, where="inputs.reservoirs", id_column="reservoir_id",
                       columns=("name?", "volume_m3?", "dam_height_m?"), options=options)  # fmt: skip
    frame = read.frame
    for name in ("volume_m3", "dam_height_m"):
        values = require_numbers(frame, name, where="inputs.reservoirs")
        frame[name] = values.where(values > 0)
    return frame, read.quarantine, read.notes


def _settlements(path: Path | None, grid: Grid) -> Any:
    import geopandas as gpd

    from geo_risk.sources.layers import read_frame

    if path is None:
        return gpd.GeoDataFrame({"settlement_id": [], "name": [], "people": []}, geometry=[], crs=grid.crs)
    return read_frame(path)
