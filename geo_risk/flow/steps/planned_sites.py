"""Step of the planned sites: each laid on zones, slopes, motion, run-out, water and licences."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.exposure import facts_of, options_of

if TYPE_CHECKING:
    from geo_risk.flow.plan import Plan
    from geo_risk.products.params import RiskParams
    from geo_risk.sources.options import ReadOptions


def planned_sites(plan: Plan) -> None:
    """Add the step that writes the frame planned_sites, where sites are given; call it after `runout`."""
    from geo_risk.products.planned_sites import LAYERS

    if plan.input("planned_sites") is None:
        return
    layers = {name: plan.layer(name) for name in LAYERS}
    if plan.has(plan.layer("hazard_flood_design")):
        layers["hazard_flood"] = plan.layer("hazard_flood_design")
    plan.add(
        "planned_sites", write_sites, reads={"grid": plan.facts("grid"), "sites": plan.input("planned_sites")},
        optional={**layers, "risk_zones": plan.frame("risk_zones"), "mines": plan.input("mines")},
        writes={"out": plan.frame("planned_sites"), "facts": plan.facts("planned_sites")},
        params=plan.cfg.risk, language=plan.cfg.language, options=options_of(plan, "planned_sites"),
        mine_options=options_of(plan, "mines"),
    )  # fmt: skip


def write_sites(
    *, grid: Path, sites: Path, risk_zones: Path | None, mines: Path | None, out: Path, facts: Path,
    params: RiskParams, language: str, options: ReadOptions, mine_options: ReadOptions, **layers: Path | None,
) -> None:  # fmt: skip
    """Write one risk statement a site, and what was done to the files."""
    from geo_risk.products.planned_sites import VERDICTS, SiteGround
    from geo_risk.products.planned_sites import planned_sites as statements
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.layers import open_layer, read_frame, read_grid
    from geo_risk.sources.vectors import read_vector

    target = read_grid(grid)
    read = read_vector(sites, crs=target.crs, area=target.bounds, where="inputs.planned_sites", id_column="site_id",
                       columns=("name?", "use?"), geometry="Polygon", options=options)  # fmt: skip
    notes, quarantine = [*read.notes], [*read.quarantine]
    licences: Any = None
    lost = 0
    if mines is not None:
        found = read_vector(mines, crs=target.crs, where="inputs.mines", id_column="licence_id", geometry="Polygon",
                            options=mine_options)  # fmt: skip
        licences = found.frame
        notes += found.notes
        quarantine += [{**row, "id": f"{mines.name} {row['id']}"} for row in found.quarantine]
        lost = len(found.quarantine)
    ground = SiteGround(
        {name: open_layer(path) for name, path in layers.items() if path is not None},
        None if risk_zones is None else read_frame(risk_zones), licences, lost,
    )  # fmt: skip
    made = statements(read.frame, ground, target, params=params, language=language)
    write_frame(made, out)
    counts = {verdict: int((made["verdict"] == verdict).sum()) for verdict in VERDICTS}
    write_json(facts_of(notes, quarantine=quarantine, sites=len(made), licences_set_aside=lost, **counts), facts)
