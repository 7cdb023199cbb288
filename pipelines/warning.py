"""Rain and susceptibility: landslide warnings for each stage, and their map."""

from geo_risk.flow.plan import Plan
from geo_risk.flow.steps.debris_flow import debris_flow
from geo_risk.flow.steps.earthquake import earthquake
from geo_risk.flow.steps.grid import grid
from geo_risk.flow.steps.hydrology import hydrology
from geo_risk.flow.steps.landslide import landslide
from geo_risk.flow.steps.publish import publish
from geo_risk.flow.steps.rainfall import rainfall
from geo_risk.flow.steps.rainfall_analysis import rain_analysis
from geo_risk.flow.steps.slope_units import slope_units
from geo_risk.flow.steps.stability import stability
from geo_risk.flow.steps.terrain import terrain, wetness


def build(plan: Plan) -> None:
    """Order the steps; a step whose inputs are not given leaves itself out."""
    grid(plan)
    terrain(plan)
    hydrology(plan)
    wetness(plan)
    slope_units(plan)
    rainfall(plan)
    rain_analysis(plan)
    landslide(plan)
    stability(plan)
    debris_flow(plan)
    earthquake(plan)
    publish(plan)
