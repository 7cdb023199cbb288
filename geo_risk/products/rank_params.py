"""Parameters of the draws that tell how firmly the rows of a list hold their ranks."""

from __future__ import annotations

from geo_risk.core.params import Params, parameter

_CHOICE = "choice of geo_risk"


class RankParams(Params):
    """How far the inputs of a priority may be other than they seem."""

    n_draws: int = parameter(
        500, "Draws of the inputs by which the stability of ranks is told; 0: none.",
        source=f"{_CHOICE}: a share of 0.9 is known to 0.013", ge=0, le=20_000,
    )  # fmt: skip
    seed: int = parameter(1, "Seed of these draws.", source=_CHOICE, ge=0, le=2**31)
    people_error: float = parameter(
        0.25, "Standard deviation of the logarithm of the people concerned.",
        source=f"{_CHOICE}: counts are years old and people move; set it from a recount", ge=0, le=2,
    )  # fmt: skip
    level_up_p: float = parameter(
        0.1, "Probability that a hazard level is one class higher than told.",
        source=f"{_CHOICE}: set it from the inspections of points", ge=0, le=0.5,
    )  # fmt: skip
    level_down_p: float = parameter(
        0.1, "Probability that it is one class lower.", source=f"{_CHOICE}: as above", ge=0, le=0.5
    )
