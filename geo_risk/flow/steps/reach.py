"""Step of what a warned slope reaches: each warning with all that can come down, cell by cell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.core.names import STAGES_H

if TYPE_CHECKING:
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.runout.params import RunoutParams
    from geo_risk.products.params import EvacuationParams

WARNINGS = tuple(f"warning_{s}h" for s in STAGES_H)


def reach(plan: Plan) -> None:
    """Add the step that writes the layers reach_{s}h of all warnings of the run, and reach_level, their highest."""
    given = {name: plan.layer(name) for name in WARNINGS if plan.has(plan.layer(name))}
    if not given or not plan.has(plan.layer("dem")):
        return
    plan.add(
        "evacuation.reach", write_reach, reads={"dem": plan.layer("dem"), **given},
        optional={"stages": plan.facts("rainfall_stages")},
        writes={**{reach_name(name): plan.layer(reach_name(name)) for name in given},
                "reach_level": plan.layer("reach_level"), "facts": plan.facts("reach")},
        params=plan.cfg.evacuation, runout=plan.cfg.runout,
    )  # fmt: skip


def reach_name(warning: str) -> str:
    """Return the name of the layer of what a warning reaches."""
    return warning.replace("warning_", "reach_")


def write_reach(
    *, dem: Path, stages: Path | None, reach_level: Path, facts: Path, params: EvacuationParams, runout: RunoutParams,
    **layers: Path,
) -> None:  # fmt: skip
    """Write what each warning reaches; old issues as the newest see them."""
    from geo_risk.products.evacuation_notes import superseded_notes
    from geo_risk.products.threat import highest_reach, reach_layers
    from geo_risk.products.warned import current_layers, runout_layers
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layers
    from geo_risk.publish.scratch import computed_once
    from geo_risk.sources.layers import open_layer, read_json

    known: list[dict[str, Any]] = [] if stages is None else read_json(stages)["stages"]
    given = {name: open_layer(layers[name]) for name in WARNINGS if name in layers}
    warnings, superseded = current_layers(given, known, after_h=params.superseded_after_h)
    ground = open_layer(dem)
    if params.threat_by == "runout":
        found = runout_layers(ground, warnings, params=runout)
    else:
        found = reach_layers(ground, warnings, params=params)
    with computed_once(found, reach_level.parent) as made:
        named = {layers[reach_name(name)]: layer.rename(reach_name(name)) for name, layer in made.items()}
        write_layers({**named, reach_level: highest_reach(made)})
    write_json({"notes": superseded_notes(superseded), "counts": {}, "quarantine": [],
                "methods": [_method(params.threat_by)], "superseded_h": superseded}, facts)  # fmt: skip


def _method(threat_by: str) -> dict[str, Any]:
    from dataclasses import asdict

    from geo_risk.hazards.runout.compute import CARD

    if threat_by == "runout":
        return asdict(CARD)
    return {"name": "line-of-sight screening by the angle of reach", "citation": "Corominas 1996, Canadian "
            "Geotechnical Journal 33(2)", "validity": "straight lines on the DEM; no volume or path"}  # fmt: skip
