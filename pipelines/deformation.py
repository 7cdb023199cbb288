"""InSAR to velocities, east and up, moving areas and mining clues."""

from geo_risk.flow.plan import Plan
from geo_risk.flow.steps.deformation import deformation
from geo_risk.flow.steps.grid import grid
from geo_risk.flow.steps.terrain import terrain


def build(plan: Plan) -> None:
    """Order the steps; terrain comes first so that slopes can be used where a DEM is given."""
    grid(plan)
    terrain(plan)
    deformation(plan)
