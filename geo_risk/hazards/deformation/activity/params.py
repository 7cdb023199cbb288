"""Parameters of activity: how a series is told to be steady, speeding up, seasonal or broken, and when it may fail."""

from __future__ import annotations

from geo_risk.core.params import Params, parameter


class FailureParams(Params):
    """The time at which a slope that speeds up would fail."""

    minimum_epochs: int = parameter(
        5, "Fewest dates on which the body moves clearly faster than at first", ge=3, le=1000,
        source="fewer cannot show that 1/v falls along a line; choice of geo_risk",
    )  # fmt: skip
    faster: float = parameter(
        1.5, "How much faster than at first is clearly faster", gt=1, le=10, source="choice of geo_risk",
    )  # fmt: skip
    horizon_yr: float = parameter(
        2.0, "A failure later than this after the last date is not foretold", gt=0, le=20,
        source="choice of geo_risk: as long as the usual record; a line is not drawn on further than it was seen",
    )  # fmt: skip
    confidence: float = parameter(
        0.95, "Confidence of the window", gt=0.5, lt=1, source="usual",
    )  # fmt: skip
    maximum_bic_loss: float = parameter(
        10.0, "No window where another course of the motion has a BIC this much lower", ge=0, le=100,
        source="very strong evidence after Kass and Raftery 1995, J. Am. Stat. Assoc. 90:773",
    )  # fmt: skip


class ActivityParams(Params):
    """From series to classes of motion."""

    significance: float = parameter(
        0.01, "Level of the F tests", gt=0, lt=0.5, source="Berti et al. 2013, Nat. Hazards Earth Syst. Sci. 13:1945",
    )  # fmt: skip
    area_significance: float = parameter(
        0.001, "Level of the same tests for a whole area, where a wrong alarm costs more", gt=0, lt=0.5,
        source="choice of geo_risk: twenty areas with four tests each make one false change in ten counties",
    )  # fmt: skip
    minimum_change: float = parameter(
        0.2, "A change of speed by less than this share is called steady, however certain it is", ge=0, le=10,
        source="choice of geo_risk",
    )  # fmt: skip
    minimum_dates: int = parameter(
        10, "Series with fewer dates are unknown", ge=8, le=10_000, source="as of velocities",
    )  # fmt: skip
    minimum_segment: int = parameter(
        5, "Fewest dates before and after a break", ge=3, le=1000,
        source="choice of geo_risk: two for a line, and three to contradict it",
    )  # fmt: skip
    season_span_yr: float = parameter(
        1.5, "Series known for less have no yearly term", ge=1, le=20,
        source="choice of geo_risk: less than 1.5 cycles cannot be told from a trend",
    )  # fmt: skip
    shortest_trend_yr: float = parameter(
        1.0, "Series without a yearly term and known for less are not called steady", ge=0.25, le=20,
        source="choice of geo_risk: within a year a season looks like a trend",
    )  # fmt: skip
    spike_sigmas: float = parameter(
        5.0, "Single dates this many robust standard deviations off the five around them are left out", ge=3, le=100,
        source="choice of geo_risk: beyond noise, below half a wavelength",
    )  # fmt: skip
    stable_mm_yr: float = parameter(
        5.0, "Ground is called stable only where its 95 % interval of velocity lies within this", gt=0, le=100,
        source="Cigna et al. 2012: slower motion is not called active",
    )  # fmt: skip
    background_m: float = parameter(
        300.0, "Width of the background of stable ground that a pixel's series is held against", gt=0, le=50_000,
        source="choice of geo_risk: as the narrowest background of the areas",
    )  # fmt: skip
    n_simulations: int = parameter(
        4000, "Simulated series behind the tests of a break at an unknown date", ge=500, le=1_000_000,
        source="choice of geo_risk: 40 beyond the 1 % level",
    )  # fmt: skip
    seed: int = parameter(20171, "Seed of those series", ge=0, le=2**31 - 1, source="choice of geo_risk")
    failure: FailureParams = FailureParams()
