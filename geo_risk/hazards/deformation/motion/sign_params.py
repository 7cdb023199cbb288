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
        source="choice of geo_risk: then three quarters of the motion (by its square) are opposite, or the same; a "
        "bowl by the probability integral method gives about 0.9",
    )  # fmt: skip
    minimum_up: float = parameter(
        0.2, "Cells where a look vector has a smaller up component do not take part: the track hardly sees them sink",
        gt=0, lt=1, source="as deformation.slope.minimum_sensitivity; keeps out an EGMS L3 track of east motion",
    )  # fmt: skip
    stopping_area_m2: float = parameter(
        180_000.0, "Opposite motion over less flat ground than this is told and does not stop the run", ge=0, le=1e12,
        source="choice of geo_risk: 50 cells of 60 m, so that the toe of one slide on a terrace does not stop a county",
    )  # fmt: skip
    verified: tuple[str, ...] = parameter(
        (), "Tracks whose sign was checked against other evidence (levelling, GNSS, the field): two of these may move "
        "oppositely on flat ground, where it moves sideways, without stopping the run", max_length=64,
        source="the user's",
    )  # fmt: skip
