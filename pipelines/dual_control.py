"""Everything: hazard points and risk zones under dual control, evacuation and waterlogging lists, and the map."""

from geo_risk.flow.plan import Plan
from geo_risk.flow.steps.debris_flow import debris_flow
from geo_risk.flow.steps.deformation import deformation
from geo_risk.flow.steps.deformation_lines import lines
from geo_risk.flow.steps.deformation_watch import watch
from geo_risk.flow.steps.downstream import downstream
from geo_risk.flow.steps.earthquake import earthquake
from geo_risk.flow.steps.evacuation import evacuation
from geo_risk.flow.steps.exposure import exposure
from geo_risk.flow.steps.exposure_table import exposure_table
from geo_risk.flow.steps.flood import flood
from geo_risk.flow.steps.flood_dams import dams
from geo_risk.flow.steps.flood_sinking import sinking, town_sinking
from geo_risk.flow.steps.grid import grid
from geo_risk.flow.steps.hydrology import hydrology
from geo_risk.flow.steps.landslide import landslide
from geo_risk.flow.steps.planned_sites import planned_sites
from geo_risk.flow.steps.points import points
from geo_risk.flow.steps.publish import publish
from geo_risk.flow.steps.rainfall import rainfall
from geo_risk.flow.steps.rainfall_analysis import rain_analysis
from geo_risk.flow.steps.reach import reach
from geo_risk.flow.steps.relocation import relocation
from geo_risk.flow.steps.runout import runout
from geo_risk.flow.steps.siting import siting
from geo_risk.flow.steps.slide_chance import slide_chance
from geo_risk.flow.steps.slope_units import slope_units
from geo_risk.flow.steps.stability import stability
from geo_risk.flow.steps.terrain import terrain, wetness
from geo_risk.flow.steps.waterlogging import waterlogging
from geo_risk.flow.steps.zones import zones


def build(plan: Plan) -> None:
    """Order the steps; a step whose inputs are not given leaves itself out."""
    grid(plan)
    terrain(plan)
    hydrology(plan)
    wetness(plan)
    slope_units(plan)
    deformation(plan)
    rainfall(plan)
    rain_analysis(plan)
    landslide(plan)
    stability(plan)
    debris_flow(plan)
    earthquake(plan)
    flood(plan)
    town_sinking(plan)
    waterlogging(plan)
    exposure(plan)
    dams(plan)
    downstream(plan)
    zones(plan)
    runout(plan)
    points(plan)
    exposure_table(plan)
    planned_sites(plan)
    lines(plan)
    watch(plan)
    sinking(plan)
    reach(plan)
    slide_chance(plan)
    evacuation(plan)
    relocation(plan)
    siting(plan)
    publish(plan)
