"""Step of the debris-flow source channels: the margin of every channel cell, and the channels as lines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.debris_flow.params import DebrisFlowParams

_READS = ("dem_filled", "flow_direction", "flow_accumulation", "area_is_partial")
_LAYERS = ("debris_flow_margin", "hazard_debris_flow", "bed_slope_deg")


def debris_flow(plan: Plan) -> None:
    """Add the step that writes debris_flow_channels, where `debris_flow.draw` asks for them."""
    params = plan.cfg.debris_flow
    if not params.draw:
        return
    plan.add(
        "debris_flow", write_debris_flow, reads={name: plan.layer(name) for name in _READS},
        writes={**{name: plan.layer(name) for name in _LAYERS}, "out": plan.frame("debris_flow_channels"),
                "facts": plan.facts("debris_flow")},
        params=params, language=plan.cfg.language,
    )  # fmt: skip


def write_debris_flow(
    *, dem_filled: Path, flow_direction: Path, flow_accumulation: Path, area_is_partial: Path, out: Path, facts: Path,
    params: DebrisFlowParams, language: str, **layers: Path,
) -> None:  # fmt: skip
    """Write margin [1], level and bed slope [degree], and the source channels with the reason of each."""
    from dataclasses import asdict

    from geo_risk.hazards.debris_flow.compute import CARD, compute
    from geo_risk.products.debris_channels import Beds, debris_channel_facts, debris_channel_frame
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer

    given = {
        "dem_filled": dem_filled,
        "flow_direction": flow_direction,
        "flow_accumulation": flow_accumulation,
        "area_is_partial": area_is_partial,
    }
    opened = {name: open_layer(path) for name, path in given.items()}
    result = compute(opened, params)
    made = {"debris_flow_margin": result.intensity, "hazard_debris_flow": result.level, **result.extra}
    for name, path in layers.items():
        write_layer(made[name], path)
    margin, level, slope = (open_layer(layers[name]) for name in _LAYERS)
    beds = Beds(margin, level, slope, opened["flow_direction"], opened["flow_accumulation"], opened["dem_filled"])
    frame = debris_channel_frame(beds, params=params, language=language)
    write_frame(frame, out)
    write_json(debris_channel_facts(frame, level, method=asdict(CARD)), facts)
