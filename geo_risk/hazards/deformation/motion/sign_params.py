"""Parameters of the check of signs between tracks."""

from __future__ import annotations

from geo_risk.core.params import Params, parameter


class SignParams(Params):
    """Do two tracks tell the same story where the ground moves up or down?"""

    maximum_slope_deg: float = parameter(
        5.0, "Steeper ground may slide sideways and does not take part", gt=0, lt=45,
        source="as deformation.slope.minimum_slope_deg",
    )  # fmt: skip
    minimum_speed_mm_yr: float = parameter(
        10.0, "Slower cells do not take part", gt=0, le=1000,
        source="choice of geo_risk: what is faster on flat ground is subsidence or heave, not plate motion",
    )  # fmt: skip
    minimum_ratio: float = parameter(
        5.0, "Cells must move faster than this many standard errors in both tracks", gt=0, le=100,
        source="choice of geo_risk: noise alone does not pass",
    )  # fmt: skip
    minimum_cells: int = parameter(
        50, "With fewer cells nothing is said about the sign", ge=2, le=1_000_000,
        source="choice of geo_risk: a body of about 400 m at 60 m posting",
    )  # fmt: skip
    minimum_agreement: float = parameter(
        0.5, "Agreement below minus this is called opposite, above it the same", gt=0, lt=1,
        source="choice of geo_risk: a bowl by the probability integral method gives about 0.9",
    )  # fmt: skip
