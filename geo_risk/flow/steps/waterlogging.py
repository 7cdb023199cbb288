"""Step of the waterlogging list: it only ranks; the water itself was run by the flood steps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geo_risk.flow.plan import Plan
    from geo_risk.products.params import WaterloggingParams

TOLD = ("town_rain", "town_stages")
"""Tables by site that are told on the list where they are there."""


def waterlogging(plan: Plan) -> None:
    """Add the step that writes the frames waterlogging and ponding."""
    plan.add(
        "waterlogging", write_waterlogging,
        reads={
            "town_sites": plan.frame("town_sites"), "town_ponds": plan.frame("town_ponds"),
            "town_devices": plan.frame("town_devices"), "town_labels": plan.layer("town_labels"),
            "town_depth": plan.layer("town_depth"), "town_built": plan.layer("town_built"),
        },
        optional={n: plan.frame(n) for n in TOLD},
        writes={"waterlogging": plan.frame("waterlogging"), "ponding": plan.frame("ponding"),
                "facts": plan.facts("waterlogging")},
        params=plan.cfg.waterlogging, local_m=plan.cfg.flood.sites.local_m, language=plan.cfg.language,
    )  # fmt: skip


def write_waterlogging(
    *,
    town_sites: Path,
    town_ponds: Path,
    town_devices: Path,
    town_labels: Path,
    town_depth: Path,
    town_built: Path,
    town_rain: Path | None,
    town_stages: Path | None,
    waterlogging: Path,
    ponding: Path,
    facts: Path,
    params: WaterloggingParams,
    local_m: float,
    language: str,
) -> None:
    """Write the ranked list and the ponds."""
    from geo_risk.core.grid import grid_of
    from geo_risk.products import ponding as water
    from geo_risk.products.waterlogging import rank_sites
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.layers import open_layer, read_frame

    sites, depth = read_frame(town_sites), open_layer(town_depth)
    grid = grid_of(depth)
    share = water.surroundings_share(sites, open_layer(town_built).to_numpy(), grid, radius_m=local_m)
    more = [read_frame(p) for p in (town_rain, town_stages) if p is not None]
    ranked = rank_sites(sites, read_frame(town_ponds), read_frame(town_devices), params=params,
                                local_m=local_m, impervious_share=share, more=more, language=language)  # fmt: skip
    labels = sites.set_index("site_id")["label"]
    shapes = water.ponding(ranked, open_layer(town_labels).to_numpy(), labels, depth.to_numpy(), grid, params)
    write_frame(ranked, waterlogging)
    write_frame(shapes, ponding)
    write_json(_facts(ranked, len(sites)), facts)


def _facts(ranked: Any, n_sites: int) -> dict[str, Any]:
    from geo_risk.products.wording import note

    deep = ranked[ranked["depth_class"] > 0]
    unknown = int((ranked["depth_class"] < 0).sum())
    notes = [note(
        "info",
        f"{len(deep)} of {len(ranked)} listed sites stand under water; {n_sites - len(ranked)} detected "
        "places stay below the first depth class and are not listed.",
        f"清单 {len(ranked)} 处点位中 {len(deep)} 处积水；"
        f"另有 {n_sites - len(ranked)} 处洼地未达到最低水深等级，未列入。",
    )]  # fmt: skip
    if unknown:
        notes.append(note("warning", f"The depth of {unknown} sites is unknown: it is not known that they stay dry.",
                          f"{unknown} 处点位水深未知：不等于无积水。"))  # fmt: skip
    counts = {"listed": len(ranked), "flooded": len(deep), "unknown": unknown,
              **{f"cause_{k}": int(v) for k, v in deep["cause"].value_counts().items()}}  # fmt: skip
    methods = [{
        "name": "Waterlogging list",
        "citation": "weights, classes and rules are parameters, printed with the list",
        "validity": "depth first, then people, traffic and duration; causes by counterfactual replay of each pond",
    }]  # fmt: skip
    return {"notes": notes, "counts": counts, "quarantine": [], "methods": methods}
