"""Step of the slope units: the label raster in the work folder, and the vector layer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geo_risk.flow.plan import Plan
    from geo_risk.terrain.params import SlopeUnitParams

_READS = ("flow_direction", "flow_accumulation", "slope_deg", "aspect_deg")


def slope_units(plan: Plan) -> None:
    """Add the step that draws slope units, where `landslide.slope_units.draw` asks for them."""
    params = plan.cfg.landslide.slope_units
    if not params.draw:
        return
    plan.add(
        "terrain.slope_units", write_slope_units, reads={name: plan.layer(name) for name in _READS},
        writes={"labels": plan.layer("slope_units"), "out": plan.frame("slope_units"),
                "facts": plan.facts("slope_units")},
        params=params, language=plan.cfg.language,
    )  # fmt: skip


def write_slope_units(
    *,
    flow_direction: Path,
    flow_accumulation: Path,
    slope_deg: Path,
    aspect_deg: Path,
    labels: Path,
    out: Path,
    facts: Path,
    params: SlopeUnitParams,
    language: str,
) -> None:
    """Write the labels [1], the units as polygons with what they are like, and how good the division is."""
    from geo_risk.products.slope_units import slope_unit_facts, slope_unit_frame
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer
    from geo_risk.terrain.slope_units import Hillsides, slope_unit_labels

    slope, aspect = open_layer(slope_deg), open_layer(aspect_deg)
    given = Hillsides(open_layer(flow_direction), open_layer(flow_accumulation), slope, aspect)
    write_layer(slope_unit_labels(given, params), labels)
    drawn = open_layer(labels)
    frame, quality = slope_unit_frame(drawn, slope, aspect, params=params, language=language)
    write_frame(frame, out)
    write_json(slope_unit_facts(frame, drawn, quality), facts)
