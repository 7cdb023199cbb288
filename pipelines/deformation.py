"""Radar displacement: velocities, moving areas, mining clues, and their map."""

from geo_risk.flow.plan import Plan
from geo_risk.flow.steps.deformation import deformation
from geo_risk.flow.steps.deformation_lines import lines
from geo_risk.flow.steps.deformation_watch import watch
from geo_risk.flow.steps.grid import grid
from geo_risk.flow.steps.publish import publish
from geo_risk.flow.steps.terrain import terrain


def build(plan: Plan) -> None:
    """Order the steps; a step whose inputs are not given leaves itself out."""
    grid(plan)
    terrain(plan)
    deformation(plan)
    lines(plan)
    watch(plan)
    publish(plan)
