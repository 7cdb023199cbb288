"""Rain on the town: where water stands, how deep, why, what to do first, and the map."""

from geo_risk.flow.plan import Plan
from geo_risk.flow.steps.flood import flood
from geo_risk.flow.steps.flood_dams import dams
from geo_risk.flow.steps.grid import grid
from geo_risk.flow.steps.hydrology import hydrology
from geo_risk.flow.steps.publish import publish
from geo_risk.flow.steps.rainfall import rainfall
from geo_risk.flow.steps.waterlogging import waterlogging


def build(plan: Plan) -> None:
    """Order the steps; a step whose inputs are not given leaves itself out."""
    grid(plan)
    hydrology(plan)
    rainfall(plan)
    flood(plan)
    waterlogging(plan)
    dams(plan)
    publish(plan)
