"""Steps of the exposure: people spread over houses, and what of each settlement lies in risk zones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geo_risk.flow.plan import Plan
    from geo_risk.sources.options import ReadOptions


def exposure(plan: Plan) -> None:
    """Add the step that spreads the people of settlements over their buildings (frames settlements, houses)."""
    plan.add(
        "exposure.people", write_people,
        reads={"settlements": plan.input("settlements"), "grid": plan.facts("grid")},
        optional={"buildings": plan.input("buildings")},
        writes={"settlements_out": plan.frame("settlements"), "houses": plan.frame("houses"),
                "facts": plan.facts("exposure")},
        options=options_of(plan, "settlements"), building_options=options_of(plan, "buildings"),
        radius_m=plan.cfg.risk.settlement_radius_m,
    )  # fmt: skip


def options_of(plan: Plan, name: str) -> ReadOptions:
    """Return what the configuration says of an input file beside its path."""
    from geo_risk.sources.options import NO_OPTIONS

    source = plan.source(name)
    return NO_OPTIONS if source is None else source.options


def facts_of(notes: list[str], *, quarantine: list[dict[str, str]], **counts: Any) -> dict[str, Any]:
    """Return the facts of a step: sentences, counts, and rows set aside."""
    from geo_risk.products.wording import note

    level = "warning" if quarantine else "info"
    return {"notes": [note(level, text) for text in notes], "counts": counts, "quarantine": quarantine, "methods": []}


def write_people(
    *,
    settlements: Path,
    grid: Path,
    buildings: Path | None,
    settlements_out: Path,
    houses: Path,
    facts: Path,
    options: ReadOptions,
    building_options: ReadOptions,
    radius_m: float,
) -> None:
    """Write settlements with clean numbers, and houses whose people add up to them."""
    from geo_risk.exposure.people import clean_counts, spread_people
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.layers import read_grid
    from geo_risk.sources.vectors import id_texts, read_vector

    target = read_grid(grid)
    read = read_vector(
        settlements, crs=target.crs, area=target.bounds, where="inputs.settlements", id_column="settlement_id",
        columns=("name?", "people", "vulnerable_people?", "households?", "township?", "responsible?"), options=options,
    )  # fmt: skip
    towns, remarks = clean_counts(read.frame.set_geometry(read.frame.geometry.centroid))
    notes, quarantine = [*read.notes], [*read.quarantine, *remarks]
    built = None
    if buildings is not None:
        found = read_vector(
            buildings, crs=target.crs, area=target.bounds, where="inputs.buildings", id_column="building_id",
            columns=("settlement_id?", "floors?", "households?", "structure?"), geometry="Polygon",
            options=building_options,
        )  # fmt: skip
        built, notes, quarantine = found.frame, notes + found.notes, quarantine + found.quarantine
        if "settlement_id" in built:  # as the settlements' own ids are read: 12, 12.0 and "12 " are one
            built = built.assign(settlement_id=id_texts(built["settlement_id"]))
    spread, said = spread_people(towns, built, radius_m=radius_m)
    write_frame(towns, settlements_out)
    write_frame(spread, houses)
    counts = {
        "settlements": len(towns), "houses": int(spread["is_building"].astype(bool).sum()),
        "people": int(towns["people"].sum()), "settlements_of_unknown_population": int(towns["people"].isna().sum()),
        "houses_without_settlement": int(spread["settlement_id"].isna().sum()),
    }  # fmt: skip
    write_json(facts_of([*notes, *said], quarantine=quarantine, **counts), facts)
