"""Parameters of relocation or treatment: what each way costs, what it saves, and when watching is not enough."""

from __future__ import annotations

from itertools import pairwise
from math import inf

from pydantic import model_validator

from geo_risk.core.params import Params, parameter

_CHOICE = "choice of geo_risk"
ASSUMED = "assumed: set yours"
"""How the source of a value begins that is nobody's published figure for the place of the run."""


class RelocationParams(Params):
    """Moving, engineering or monitoring, village by village, over a horizon.

    Every cost here is a stand-in until the user sets the figures of the place; the list's workbook prints all of them.
    """

    horizon_years: int = parameter(
        30, "Years over which costs and losses are counted.", source=f"{ASSUMED}; the life of slope works", ge=1, le=100
    )
    discount_rate: float = parameter(
        0.06, "Real discount rate a year [1].",
        source=f"{ASSUMED}; from memory the least social rate of China's project appraisal (8 %, long-lived 6 %)",
        ge=0, le=0.2,
    )  # fmt: skip
    threat_min_level: int = parameter(
        3, "Hazard level from which a zone, run-out or point threatens the houses in it; an unknown level does too.",
        source=f"{_CHOICE}: high, as risk zones are drawn", ge=1, le=4,
    )  # fmt: skip
    house_share: float = parameter(
        0.05, "A house is threatened where at least this share of its footprint lies in what threatens.",
        source=f"{_CHOICE}: as in the evacuation", gt=0, le=1,
    )  # fmt: skip
    point_radius_m: float = parameter(
        30.0, "Houses within this distance of a hazard point's area (a disc) are threatened by it.",
        source=f"{_CHOICE}: one cell, and the error of a hand-held position", gt=0, le=2000,
    )  # fmt: skip
    people_per_household: float = parameter(
        2.62, "People in a household where a settlement's households are unknown.",
        source="Seventh National Population Census of China 2020", gt=0, le=20,
    )  # fmt: skip
    relocate_person_cny: float = parameter(
        60_000.0, "Cost of a new home and its services for each person who moves [CNY].",
        source=f"{ASSUMED}; from memory about 600 bn CNY for 9.6 M people in China's programme of 2016-2020",
        gt=0, le=1e7,
    )  # fmt: skip
    relocate_household_cny: float = parameter(
        20_000.0, "Cost of clearing the old place and of the move for each household [CNY].", source=ASSUMED,
        ge=0, le=1e7,
    )  # fmt: skip
    treat_fixed_cny: float = parameter(
        300_000.0, "Survey and design of works for each kind of hazard at a village [CNY].", source=ASSUMED, ge=0,
        le=1e9,
    )  # fmt: skip
    treat_cny_m2: dict[str, float] = parameter(
        {"landslide": 400.0, "unstable_slope": 400.0, "rockfall": 600.0, "debris_flow": 500.0,
         "mining_subsidence": 250.0, "ground_subsidence": 250.0, "ground_collapse": 300.0, "ground_fissure": 300.0,
         "flood": 150.0, "waterlogging": 150.0, "unknown": 600.0},
        "Works by kind of hazard, for each square metre treated [CNY/m2]; a kind that is not here has no known works.",
        source=ASSUMED,
    )  # fmt: skip
    treat_reach_m: float = parameter(
        50.0, "Of what threatens, the ground within this distance of a threatened house is treated.", source=ASSUMED,
        gt=0, le=2000,
    )  # fmt: skip
    treat_maintenance_share: float = parameter(
        0.01, "Upkeep of works a year, as a share of their cost [1].", source=ASSUMED, ge=0, le=1
    )
    monitor_fixed_cny: float = parameter(
        60_000.0, "Instruments and siren for each thing that threatens [CNY].", source=ASSUMED, ge=0, le=1e8
    )
    monitor_annual_cny: float = parameter(
        15_000.0, "Warden, data and replacement a year for each thing that threatens [CNY].", source=ASSUMED, ge=0,
        le=1e8,
    )  # fmt: skip
    treat_effect: float = parameter(
        0.8, "Share of the expected loss that works take away [1].", source=ASSUMED, ge=0, le=1
    )
    monitor_effect: float = parameter(
        0.6, "Share of the expected victims that watching and warning save; it saves no houses [1].", source=ASSUMED,
        ge=0, le=1,
    )  # fmt: skip
    fatality_share: float = parameter(
        0.2, "Share of the people in a house that is hit who die [1].", source=ASSUMED, ge=0, le=1
    )
    life_cny: float = parameter(
        1_036_000.0, "What a life counts where losses are summed in money [CNY].",
        source=f"{ASSUMED}; the least that China's law pays for a death at work: 20 x the urban disposable income of "
        "2023, 51,821 CNY, from memory", ge=0, le=1e9,
    )  # fmt: skip
    house_cny_m2: float = parameter(
        1_000.0, "Loss of a house for each square metre of footprint [CNY/m2].", source=ASSUMED, ge=0, le=1e5
    )
    annual_chance: dict[int, float] = parameter(
        {}, "Chance a year that what threatens reaches the houses, by its hazard level (1-4), where neither its own "
        "return period nor its own chance is known; a level that is not here has an unknown one.",
        source=f"{_CHOICE}: none; a level is no chance until somebody says so",
    )  # fmt: skip
    monitor_max_risk_level: int = parameter(
        2, "Risk level up to which watching alone may be advised; never where anything is unknown.",
        source=f"{_CHOICE}: medium", ge=0, le=3,
    )  # fmt: skip
    prefer_ratio: float = parameter(
        1.0, "Moving is advised before works while it costs at most this many times as much [1].",
        source=f"{_CHOICE}: the cheaper of the two, moving where they cost the same", gt=0, le=100,
    )  # fmt: skip
    sensitivity_factors: tuple[float, ...] = parameter(
        (0.5, 0.67, 0.8, 1.0, 1.25, 1.5, 2.0), "Factors on the cost of moving with which the advice is made again.",
        source=f"{_CHOICE}: half to double", min_length=1, max_length=30,
    )  # fmt: skip

    @model_validator(mode="after")
    def _tables(self) -> RelocationParams:
        if not (self.treat_cny_m2 and all(0 <= v < inf for v in self.treat_cny_m2.values())):
            what = f"treat_cny_m2 is {self.treat_cny_m2}; costs >= 0 for at least one kind needed"
            raise ValueError(what)
        if not all(k in (1, 2, 3, 4) and 0 <= v <= 1 for k, v in self.annual_chance.items()):
            what = f"annual_chance is {self.annual_chance}; chances 0-1 by hazard level 1-4 needed"
            raise ValueError(what)
        factors = self.sensitivity_factors
        if not (all(0 < f < inf for f in factors) and all(a < b for a, b in pairwise(factors)) and 1.0 in factors):
            what = f"sensitivity_factors is {factors}; increasing numbers above 0 with 1 among them needed"
            raise ValueError(what)
        return self
