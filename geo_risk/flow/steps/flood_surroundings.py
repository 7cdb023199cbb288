"""The step that looks at the ground around the town and, where asked, runs its water to the town's edge."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.flood_ground import GROUND
from geo_risk.flow.steps.flood_town_rain import hours_runoff, rain_missing, storm_condition, storm_hours
from geo_risk.flow.steps.flood_town_storm import usable_threads
from geo_risk.flow.steps.openings import routing_dem

if TYPE_CHECKING:
    import xarray as xr

    from geo_risk.core.grid import Grid
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.flood.params import TownFlowParams
    from geo_risk.hazards.flood.runoff_params import RunoffParams
    from geo_risk.hazards.flood.surroundings import Surroundings
    from geo_risk.kernels.inertial import Inflow


def inflows_of(plan: Plan) -> Path:
    """Return where the inflows of the town are kept between tasks."""
    return plan.cube("town_inflows").with_suffix(".npz")


def surroundings(plan: Plan) -> None:
    """Add the step that writes what comes over the edge of the town's DEM, and what drains into it."""
    params = plan.cfg.flood
    plan.add(
        "flood.surroundings", write_surroundings,
        reads={"town_dem": plan.layer("town_dem"), "dem": routing_dem(plan), "rain": plan.cube("rain_hourly"),
               **{n: plan.layer(n) for n in ("flow_direction", "flow_accumulation", *GROUND)}},
        writes={"inflows": inflows_of(plan), "facts": plan.facts("flood_surroundings")},
        params=params.town, runoff=params.runoff,
    )  # fmt: skip


def write_surroundings(
    *,
    town_dem: Path,
    dem: Path,
    rain: Path,
    flow_direction: Path,
    flow_accumulation: Path,
    inflows: Path,
    facts: Path,
    params: TownFlowParams,
    runoff: RunoffParams,
    **ground: Path,
) -> None:
    """Write the inflows of the town (none where the rain on it alone is run), and what the report says of them.

    With them where ground outside drains in that was not run.
    """
    import numpy as np

    from geo_risk.core.grid import grid_of
    from geo_risk.hazards.flood.outside import entries
    from geo_risk.hazards.flood.surroundings import surroundings as look_around
    from geo_risk.hazards.flood.surroundings import surroundings_facts, town_box
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.state import write_state
    from geo_risk.sources.layers import open_layer
    from geo_risk.sources.rain import read_own

    fine, direction = open_layer(town_dem), open_layer(flow_direction)
    county, town = grid_of(direction), grid_of(fine)
    around = look_around(direction.data, county, town, cells_max=params.county_cells_max)
    found: Sequence[Inflow] = ()
    lacking = 0.0
    if params.boundary == "county":
        layers = {name: open_layer(path) for name, path in {"dem": dem, **ground}.items()}
        found, lacking = _run_around(around, layers, read_own(rain).load(), town, params=params, runoff=runoff,
                            known=np.isfinite(fine.to_numpy()))  # fmt: skip
    volume = float(sum(np.dot(i.flow_m3_s, np.diff(i.time_s)) for i in found))
    cells, area = entries(direction.data, open_layer(flow_accumulation).data, town_box(county, town), county=county,
                          town=town, elevation_m=fine.to_numpy())  # fmt: skip
    was_run = around.run_m2 / max(around.drains_in_m2, 1e-9) if params.boundary == "county" else 0.0
    not_run = area * (1.0 - min(was_run, 1.0))
    write_state(packed(found) | {"entry_cells": cells, "entry_m2": not_run}, inflows)
    told = surroundings_facts(around, town, params, volume)
    write_json(told | {"notes": [*told["notes"], *_gap_notes(lacking)]}, facts)


def _gap_notes(share: float) -> list[dict[str, str]]:
    """Return what the report says where the rain around the town is missing in an hour of the storm."""
    from geo_risk.products.wording import note

    if not share > 0:
        return []
    return [note(
        "warning",
        f"An hour of the storm's rain is missing on {share:.1%} of the ground around the town that was run: water that "
        "comes from there is missing from the town's depths, and a dry place is not shown to be safe.",
        f"城区周边参与模拟的范围中 {share:.1%} 的面积部分时次降雨缺测：其来水未计入城区水深，未淹不代表安全。",
    )]  # fmt: skip


def _run_around(
    around: Surroundings, layers: dict[str, xr.DataArray], cube: xr.DataArray, town: Grid, *,
    params: TownFlowParams, runoff: RunoffParams, known: Any,
) -> tuple[Sequence[Inflow], float]:  # fmt: skip
    """Run the window of the county from some hours before the town's storm.

    Returns
    -------
    What enters the town, and the share of the ground that was run whose rain lacks an hour: it falls as none.
    """
    import numpy as np

    from geo_risk.core.grid import Grid, grid_of
    from geo_risk.hazards.flood.surroundings import edge_inflows, run_surroundings
    from geo_risk.hazards.flood.town import Surface, Window

    rows, columns = around.window
    cut = {name: layer.isel(y=rows, x=columns) for name, layer in layers.items()}
    county = Grid(grid_of(layers["dem"]).geobox[rows, columns])
    number, soil, sealed = (cut[name].to_numpy().astype(np.float64) for name in GROUND)
    number = np.where(np.isnan(number), params.unknown_curve_number, number)
    surface = Surface(number, np.full(county.shape, params.manning_n), soil, sealed)
    series, window = storm_hours(cube, town, params, window_h=params.window_h)
    lead = min(params.county_lead_h, window.first)
    early = Window(min(window.start, window.first - lead), window.first - lead, window.stop)
    net = hours_runoff(cube, surface, county, early, runoff=runoff,
                       condition=storm_condition(series, early.start, cube, runoff))  # fmt: skip
    crossings = run_surroundings(
        cut["dem"].to_numpy().astype(np.float64), surface.manning_n, net, around.box, cell_m=county.resolution_m,
        params=params, n_threads=usable_threads(number.size),
    )  # fmt: skip
    since = crossings._replace(time_s=crossings.time_s - lead * 3600.0)
    lacking = rain_missing(cube, county, early)[0] & np.isfinite(cut["dem"].to_numpy())
    return edge_inflows(since, around.box, county=county, town=town, known=known), float(lacking.mean())


def packed(inflows: Sequence[Inflow]) -> dict[str, Any]:
    """Return inflows that share their times as arrays: `cells` end to end, `first`, `side`, `time_s`, `flow_m3_s`."""
    import numpy as np

    from geo_risk.kernels.flow_forcing import SIDES

    cells = [np.asarray(i.cells, np.int64) for i in inflows]
    return {
        "cells": np.concatenate([*cells, np.empty(0, np.int64)]),
        "first": np.concatenate([[0], np.cumsum([c.size for c in cells])]).astype(np.int64),
        "side": np.array([SIDES.index(str(i.side)) for i in inflows], np.int64),
        "time_s": np.asarray(inflows[0].time_s if inflows else [], np.float64),
        "flow_m3_s": np.array([i.flow_m3_s for i in inflows], np.float64),
    }


def unpacked(kept: dict[str, Any]) -> list[Inflow]:
    """Return the inflows that `packed` packed."""
    from geo_risk.kernels.flow_forcing import SIDES
    from geo_risk.kernels.inertial import Inflow

    parts = zip(kept["first"][:-1], kept["first"][1:], kept["side"], kept["flow_m3_s"], strict=True)
    return [Inflow(kept["cells"][a:b], kept["time_s"], flow, SIDES[side]) for a, b, side, flow in parts]
