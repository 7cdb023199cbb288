"""Steps of the slope family: slope, aspect, curvatures, and the wetness index once water has been routed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geo_risk.flow.plan import Plan

FAMILY = ("slope_deg", "aspect_deg", "curvature_plan", "curvature_profile", "curvature_tangential")
"""Layers of `terrain`."""


def terrain(plan: Plan) -> None:
    """Add the step that writes slope, aspect and curvatures."""
    plan.add(
        "terrain",
        write_terrain,
        reads={"dem": plan.layer("dem")},
        writes={name: plan.layer(name) for name in FAMILY},
    )


def wetness(plan: Plan) -> None:
    """Add the step that writes the topographic wetness index; it needs the flow accumulation."""
    plan.add(
        "terrain.wetness",
        write_wetness,
        reads={"flow_accumulation": plan.layer("flow_accumulation"), "slope_deg": plan.layer("slope_deg")},
        writes={"twi": plan.layer("twi")},
    )


def write_terrain(
    *, dem: Path, slope_deg: Path, aspect_deg: Path, curvature_plan: Path, curvature_profile: Path,
    curvature_tangential: Path,
) -> None:  # fmt: skip
    """Write slope [degree], aspect [degree] and the curvatures [1/m]."""
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer
    from geo_risk.terrain.slope import slope_layers

    paths = dict(zip(FAMILY, (slope_deg, aspect_deg, curvature_plan, curvature_profile, curvature_tangential),
                     strict=True))  # fmt: skip
    for name, layer in slope_layers(open_layer(dem)).items():
        write_layer(layer, paths[name])


def write_wetness(*, flow_accumulation: Path, slope_deg: Path, twi: Path) -> None:
    """Write the topographic wetness index [1]."""
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer
    from geo_risk.terrain.slope import wetness_index

    write_layer(wetness_index(open_layer(flow_accumulation), open_layer(slope_deg)), twi)
