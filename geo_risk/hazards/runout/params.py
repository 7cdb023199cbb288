"""Parameters of the run-out: three sets of friction, and how an arrival is graded."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, model_validator

from geo_risk.core.params import Params, parameter
from geo_risk.kernels.runout import Friction

Kind = Literal["landslide", "debris_flow", "rockfall"]
KINDS: tuple[Kind, ...] = ("landslide", "debris_flow", "rockfall")
"""The sets, in the order of the codes 0, 1, 2 of the layer `release_kind`."""

_FLOW_PY = "Flow-Py, D'Amboise et al. 2022 (Geosci. Model Dev. 15)"
_CHOICE = "choice of geo_risk"
_ALPHA = "Angle of the energy line: nothing comes farther than this angle below its release along its own way."
_EXPONENT = "Exponent of the routing by terrain: 1 spreads widely, 75 keeps to the steepest way."
_CUT = "Shares of the flux (1 at a release) below this are not passed on by themselves."
_CAP = "Greatest energy head; the greatest speed is sqrt(2 g) of it."
_REACH = "A path is not followed farther east, west, north or south of its release; where it is cut is flagged."


class LandslideFriction(Params):
    """Slides and earth flows of soil and loess."""

    alpha_deg: float = parameter(
        22.0, _ALPHA, source="angle of reach of about 12,000 m3, log10 tan = -0.085 log10 V - 0.047, Corominas 1996 "
        "(Can. Geotech. J. 33(2)); larger slides reach farther", gt=0, lt=90,
    )  # fmt: skip
    exponent: float = parameter(8.0, _EXPONENT, source=f"the default of {_FLOW_PY}: wide is cautious", gt=0, le=200)
    flux_cut: float = parameter(3e-4, _CUT, source=f"the default of {_FLOW_PY}", gt=0, lt=1)
    energy_cap_m: float = parameter(20.0, _CAP, source=f"{_CHOICE}: 20 m/s, a rapid loess flow slide", gt=0, le=9000)
    reach_m: float = parameter(5000.0, _REACH, source=f"{_CHOICE}: the fall of 2,000 m at this angle", gt=0, le=50_000)


class DebrisFlowFriction(Params):
    """Debris flows in channels."""

    alpha_deg: float = parameter(
        11.0, _ALPHA, source="lowest mean slope of way of Swiss debris flows of 1987, Rickenmann & Zimmermann 1993 "
        "(Geomorphology 8), from memory", gt=0, lt=90,
    )  # fmt: skip
    exponent: float = parameter(8.0, _EXPONENT, source=f"the default of {_FLOW_PY}: wide is cautious", gt=0, le=200)
    flux_cut: float = parameter(3e-4, _CUT, source=f"the default of {_FLOW_PY}", gt=0, lt=1)
    energy_cap_m: float = parameter(12.0, _CAP, source=f"15 m/s, debris flows in {_FLOW_PY}", gt=0, le=9000)
    reach_m: float = parameter(10_000.0, _REACH, source=f"{_CHOICE}: 2,000 m of fall at this angle", gt=0, le=50_000)


class RockfallFriction(Params):
    """Falling, jumping and rolling blocks."""

    alpha_deg: float = parameter(
        30.0, _ALPHA, source=f"{_CHOICE}: the low part of the reach angles of 28-34 degrees of blocks", gt=0, lt=90
    )  # fmt: skip
    exponent: float = parameter(8.0, _EXPONENT, source=f"the default of {_FLOW_PY}: wide is cautious", gt=0, le=200)
    flux_cut: float = parameter(3e-4, _CUT, source=f"the default of {_FLOW_PY}", gt=0, lt=1)
    energy_cap_m: float = parameter(130.0, _CAP, source=f"50 m/s, rockfall in {_FLOW_PY}", gt=0, le=9000)
    reach_m: float = parameter(5000.0, _REACH, source=f"{_CHOICE}: more than any fall at this angle", gt=0, le=50_000)


class PassingParams(Params):
    """How far slides of unknown size come, and how wide they are: of the probability that one comes to a house."""

    scatter: float = parameter(
        0.3, "Standard deviation of the logarithm of the tangent of the angle of reach about that of `landslide`.",
        source=f"{_CHOICE}: of slides of one volume nearly all lie between half and double the mean in the figures of "
        "Corominas 1996, from memory", gt=0, le=2,
    )  # fmt: skip
    width_m: float = parameter(
        30.0, "Width of a slide.", source=f"{_CHOICE}: area A of 3,500 m3 by V = 0.074 A^1.45 (Guzzetti et al. 2009, "
        "Earth Planet. Sci. Lett. 279), twice as long as wide", gt=0, le=1000,
    )  # fmt: skip
    house_m: float = parameter(10.0, "Width of a house.", source=f"{_CHOICE}: a farmhouse", gt=0, le=200)
    length_m: float = parameter(
        1500.0, "No way is followed farther.",
        source=f"{_CHOICE}: a fall of 600 m at 22 degrees; no loess slope is as high", gt=0, le=5000,
    )  # fmt: skip


class RunoutParams(Params):
    """How run-out is followed and graded, and from where it starts."""

    landslide: LandslideFriction = Field(default_factory=LandslideFriction, description="Slides and earth flows.")
    debris_flow: DebrisFlowFriction = Field(default_factory=DebrisFlowFriction, description="Debris flows.")
    rockfall: RockfallFriction = Field(default_factory=RockfallFriction, description="Rockfall.")
    passing: PassingParams = Field(default_factory=PassingParams, description="The probability that a slide comes.")
    level_velocity_m_s: tuple[float, float, float] = parameter(
        (1.0, 5.0, 10.0), "Speeds of arrival from which a reached cell has level 2, 3, 4 (below the first: 1).",
        source=f"{_CHOICE}: a person can still walk away below 1 m/s, cannot outrun 5 m/s",
    )  # fmt: skip
    source_min_level: int = parameter(
        4, "Landslide hazard level from which a cell without a ledger point or motion is a release.",
        source=f"{_CHOICE}: very high", ge=1, le=4,
    )  # fmt: skip
    source_min_slope_deg: float = parameter(
        15.0, "Gentler susceptible cells are no release.",
        source=f"{_CHOICE}: below the friction angle of wet clay nothing starts by itself", ge=0, lt=90,
    )  # fmt: skip

    @model_validator(mode="after")
    def _speeds_rise(self) -> Self:
        if not all(0 < a < b for a, b in pairwise((0.5 * self.level_velocity_m_s[0], *self.level_velocity_m_s))):
            what = f"level_velocity_m_s is {self.level_velocity_m_s}; increasing speeds above 0 needed"
            raise ValueError(what)
        return self

    def friction(self, kind: Kind) -> Friction:
        """Return the set of a kind as the kernel takes it."""
        chosen: LandslideFriction | DebrisFlowFriction | RockfallFriction = getattr(self, kind)
        return Friction(chosen.alpha_deg, chosen.exponent, chosen.flux_cut, chosen.energy_cap_m, chosen.reach_m)

    @property
    def reach_m(self) -> float:
        """The farthest any path is followed [m]."""
        return max(self.friction(kind).reach_m for kind in KINDS)
