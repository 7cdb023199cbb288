"""Steps of the hazard points: the ledger merged with what radar found, and the zones linked with them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.exposure import facts_of, options_of
from geo_risk.flow.steps.zones import write_linked

if TYPE_CHECKING:
    from geo_risk.flow.plan import Plan
    from geo_risk.products.params import RiskParams
    from geo_risk.sources.options import ReadOptions


def points(plan: Plan) -> None:
    """Add the steps that write hazard_points and, linked with them, risk_zones.

    Call it after `zones`: it publishes the zones whether there are points or not.
    """
    sources: dict[str, Any] = {
        "hazard_points": plan.input("hazard_points"),
        "active_deformation": plan.frame("active_deformation"),
        "mining_clues": plan.frame("mining_clues"),
    }
    needs: dict[str, Any] = {"grid": plan.facts("grid")}
    if not any(plan.has(path) for path in sources.values()):
        needs["hazard_points"] = sources.pop("hazard_points")
    around = {
        "hazard": plan.layer("hazard_landslide"), "blind_map": plan.layer("blind_map"),
        "houses": plan.frame("houses"), "zones_drawn": plan.frame("zones_drawn"),
    }  # fmt: skip
    plan.add(
        "points.merge", write_points, reads=needs, optional={**sources, **around},
        writes={"out": plan.frame("hazard_points"), "facts": plan.facts("hazard_points")},
        params=plan.cfg.risk, language=plan.cfg.language, options=options_of(plan, "hazard_points"),
    )  # fmt: skip
    plan.add(
        "zones.link", write_linked, reads={"zones_drawn": plan.frame("zones_drawn")},
        optional={"points": plan.frame("hazard_points")}, writes={"out": plan.frame("risk_zones")},
        language=plan.cfg.language,
    )  # fmt: skip


def write_points(
    *,
    grid: Path,
    hazard_points: Path | None = None,
    active_deformation: Path | None,
    mining_clues: Path | None,
    hazard: Path | None,
    blind_map: Path | None,
    houses: Path | None,
    zones_drawn: Path | None,
    out: Path,
    facts: Path,
    params: RiskParams,
    language: str,
    options: ReadOptions,
) -> None:
    """Write hazard_points, and what was done to the ledger."""
    from geo_risk.products.linking import likely_false
    from geo_risk.products.points import Surroundings, merge_points
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.layers import open_layer, read_frame, read_grid
    from geo_risk.sources.ledger import read_ledger

    target = read_grid(grid)
    ledger, notes, quarantine = None, [], []
    if hazard_points is not None:
        read = read_ledger(
            hazard_points, "hazard_points", crs=target.crs, where="inputs.hazard_points", area=target.bounds,
            options=options,
        )  # fmt: skip
        ledger, notes, quarantine = read.frame, read.notes, read.quarantine
    around = Surroundings(
        hazard=None if hazard is None else open_layer(hazard).compute(),
        blind_map=None if blind_map is None else open_layer(blind_map).compute(),
        houses=None if houses is None else read_frame(houses),
        clues=None if mining_clues is None else read_frame(mining_clues),
        zones=None if zones_drawn is None else read_frame(zones_drawn),
    )
    areas = None if active_deformation is None else read_frame(active_deformation)
    doubtful = 0 if areas is None else int(likely_false(areas, params.false_alarm_max).sum())
    if doubtful:
        notes = [*notes, f"{doubtful} moving areas with a false-alarm probability above {params.false_alarm_max:g} "
                         "make no hazard point; they stay in active_deformation"]  # fmt: skip
    made = merge_points(ledger, areas, around, params=params, language=language)
    write_frame(made, out)
    counts = {str(k): int(n) for k, n in made.groupby("status").size().items()}
    write_json(facts_of(notes, quarantine=quarantine, points=len(made), **counts), facts)
