"""Parameters of lines, structures and the land-subsidence watch."""

from __future__ import annotations

from itertools import pairwise

from pydantic import model_validator

from geo_risk.core.params import Params, parameter

Bounds = tuple[float, float, float, float]

_RATES = "choice of geo_risk: 5 and 10 mm/yr stand above the error of a good map, 30 and 50 mm/yr are usual marks of "\
    "fast and severe land subsidence"  # fmt: skip


class LineParams(Params):
    """Settlement along roads, railways and crests of dams."""

    section_m: float = parameter(
        500.0, "Length of the sections that an axis is divided into", gt=10, le=10_000,
        source="choice of geo_risk: eight cells of 60 m, and a stretch that a crew inspects at once",
    )  # fmt: skip
    join_m: float = parameter(
        1.0, "Ends of pieces of one route that are this close are one node", ge=0, le=50,
        source="choice of geo_risk: digitising error of noded lines",
    )  # fmt: skip
    maximum_bend_deg: float = parameter(
        60.0, "Where three or more pieces of a route meet, an axis goes on only if it bends by less", gt=0, lt=180,
        source="choice of geo_risk: a road that turns off more sharply is a branch",
    )  # fmt: skip
    minimum_base_m: float = parameter(
        20.0, "Shortest base that differential settlement is measured over", gt=0, le=1000,
        source="choice of geo_risk: below a pixel of the radar nothing is resolved",
    )  # fmt: skip
    base_m: float = parameter(
        100.0, "Longest base that differential settlement is measured over; never less than 1.5 cells", gt=0, le=5000,
        source="choice of geo_risk: spans and culverts are shorter, and a longer base averages steps away",
    )  # fmt: skip
    significance: float = parameter(
        0.01, "Share of false sections among those called settling (Benjamini and Hochberg)", gt=0, lt=0.5,
        source="choice of geo_risk; Benjamini and Hochberg 1995, J. R. Stat. Soc. B 57:289",
    )  # fmt: skip
    minimum_known_share: float = parameter(
        0.8, "A section of which less is seen, and where nothing is found, is unknown", gt=0, le=1,
        source="choice of geo_risk: one cell of eight may be missing",
    )  # fmt: skip
    maximum_unknown_share: float = parameter(
        0.2, "A section of which more lies on ground of unknown risk is unknown, unless it reaches level 2", ge=0, lt=1,
        source="choice of geo_risk: as much as may be unseen by radar",
    )  # fmt: skip
    distortion_limit: float = parameter(
        1 / 500, "Angular distortion that the time is extrapolated to", gt=0, le=0.1,
        source="1/500 as a reference of foundations, from memory: set your code's value",
    )  # fmt: skip
    years_bounds: Bounds = parameter(
        (50.0, 20.0, 10.0, 5.0), "Years until the limit below which a section has level 1, 2, 3, 4",
        source="choice of geo_risk: a service life, an overhaul, a plan, a repair",
    )  # fmt: skip
    settlement_bounds_mm_yr: Bounds = parameter(
        (5.0, 10.0, 30.0, 50.0), "Sinking from which a section has level 1, 2, 3, 4", source=_RATES,
    )  # fmt: skip
    settlement_maximum_level: int = parameter(
        2, "Highest level for sinking alone: what sinks evenly is not bent", ge=1, le=4, source="choice of geo_risk",
    )  # fmt: skip

    @model_validator(mode="after")
    def _tables_are_ordered(self) -> LineParams:
        if not all(a > b > 0 for a, b in pairwise(self.years_bounds)):
            what = f"years_bounds is {self.years_bounds}; falling numbers above 0 needed"
            raise ValueError(what)
        _check_rising("settlement_bounds_mm_yr", self.settlement_bounds_mm_yr)
        if not self.minimum_base_m < self.base_m:
            what = f"minimum_base_m {self.minimum_base_m} is not below base_m {self.base_m}"
            raise ValueError(what)
        return self


class StructureParams(Params):
    """Dams and ponds as bodies."""

    embankment_slope: float = parameter(
        2.0, "Outer slope of a dam (horizontal to one vertical): height times it lies to each side of the crest",
        gt=0, le=10, source="choice of geo_risk: tailings and earth dams are built at 1:2 to 1:3",
    )  # fmt: skip
    default_height_m: float = parameter(
        30.0, "Height taken for a dam without one", gt=0, le=400, source="choice of geo_risk",
    )  # fmt: skip
    minimum_known_share: float = parameter(
        0.5, "A body of which less is seen, and where nothing is found, is unknown", gt=0, le=1,
        source="choice of geo_risk",
    )  # fmt: skip
    significance: float = parameter(
        0.01, "Chance of calling a still body moving", gt=0, lt=0.5, source="choice of geo_risk",
    )  # fmt: skip
    minimum_speed_mm_yr: float = parameter(
        1.0, "Slowest motion that is called one, however small its standard error", ge=0, le=100,
        source="choice of geo_risk: what a ring of still ground may be off by",
    )  # fmt: skip
    ring_gap_m: float = parameter(
        120.0, "Still ground around a body begins this far from it", ge=0, le=5000,
        source="choice of geo_risk: two cells of 60 m",
    )  # fmt: skip
    ring_reach_m: float = parameter(
        480.0, "Width of the ring of still ground that a body is held against", gt=0, le=20_000,
        source="choice of geo_risk: far less than the kilometres over which the atmosphere changes",
    )  # fmt: skip
    minimum_ring_cells: int = parameter(
        20, "Fewest still cells around a body; with fewer it is held against the map's zero", ge=1, le=10_000,
        source="choice of geo_risk",
    )  # fmt: skip
    speed_bounds_mm_yr: Bounds = parameter(
        (3.0, 8.0, 20.0, 50.0), "Speeds from which a body has level 1, 2, 3, 4",
        source="choice of geo_risk: a dam is held to less than open ground",
    )  # fmt: skip
    minimum_angle_deg: float = parameter(
        10.0, "Smallest angle between two lines of sight in the plane across a crest that is solved for motion in it",
        gt=0, lt=90, source="choice of geo_risk: means of bodies are less noisy than cells",
    )  # fmt: skip

    @model_validator(mode="after")
    def _bounds_rise(self) -> StructureParams:
        _check_rising("speed_bounds_mm_yr", self.speed_bounds_mm_yr)
        return self


class WatchParams(Params):
    """Zones of land subsidence, volume lost, and trend."""

    class_bounds_mm_yr: Bounds = parameter(
        (5.0, 10.0, 30.0, 50.0), "Lower bounds of the classes 1-4 of subsidence", source=_RATES,
    )  # fmt: skip
    smoothing_m: float = parameter(
        60.0, "Standard deviation of the Gaussian mean that is tested and classed; volumes come from raw cells",
        ge=0, le=5000, source="choice of geo_risk: one radar cell of 60 m",
    )  # fmt: skip
    significance: float = parameter(
        0.01, "Share of false cells among those called sinking (Benjamini and Hochberg)", gt=0, lt=0.5,
        source="choice of geo_risk; Benjamini and Hochberg 1995, J. R. Stat. Soc. B 57:289",
    )  # fmt: skip
    minimum_area_m2: float = parameter(
        20_000.0, "Smallest zone", ge=0, le=1e9, source="choice of geo_risk: six cells of 60 m",
    )  # fmt: skip
    unconfirmed_z: float = parameter(
        6.0, "A body that touches no moving area must lose this many times its standard error", ge=0, le=100,
        source="choice of geo_risk: stronger noise of steep, badly seen ground makes blobs of four",
    )  # fmt: skip
    recent_months: float = parameter(
        12.0, "Length of the last period, held against all before", ge=1, le=120,
        source="choice of geo_risk: a whole year, so that seasons cancel",
    )  # fmt: skip
    minimum_dates: int = parameter(
        8, "Fewest dates in either period", ge=4, le=1000, source="choice of geo_risk",
    )  # fmt: skip
    trend_z: float = parameter(
        2.0, "A change of rate beyond this many standard errors is called one", gt=0, le=10,
        source="choice of geo_risk: two sigma, as for areas",
    )  # fmt: skip
    minimum_change_mm_yr: float = parameter(
        3.0, "Smallest change of rate that is called one", ge=0, le=1000,
        source="choice of geo_risk: smaller ones are within the drift of a reference",
    )  # fmt: skip
    steady_change_mm_yr: float = parameter(
        5.0, "Without such a change a rate is called steady only where change and error together stay within this; "
        "else its trend is unknown", gt=0, le=1000,
        source="choice of geo_risk: what may be hidden is then less than the lowest class of subsidence",
    )  # fmt: skip

    @model_validator(mode="after")
    def _bounds_rise(self) -> WatchParams:
        _check_rising("class_bounds_mm_yr", self.class_bounds_mm_yr)
        return self


def _check_rising(name: str, bounds: Bounds) -> None:
    if not all(0 < a < b for a, b in pairwise(bounds)):
        what = f"{name} is {bounds}; increasing numbers above 0 needed"
        raise ValueError(what)
