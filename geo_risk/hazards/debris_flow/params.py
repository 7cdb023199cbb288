"""Parameters of debris-flow source channels: the slope-area criterion and its bounds."""

from __future__ import annotations

from itertools import pairwise
from typing import Self

from pydantic import model_validator

from geo_risk.core.params import Params, parameter

_CHOICE = "choice of geo_risk"
_CURVE = (
    "choice of geo_risk, after the curve for rare events with which Flow-R (Horton et al. 2013, Nat. Hazards Earth "
    "Syst. "
    "Sci. 13) draws sources from Swiss debris flows; the number is from memory: fit it to your own gullies"
)


class DebrisFlowParams(Params):
    """Where debris flows can start in channels: where the bed is steep enough for its upslope area."""

    draw: bool = parameter(
        True, "Whether to draw source channels where there are a DEM and its drainage.", source=_CHOICE
    )
    area_min_m2: float = parameter(
        10_000.0, "Upslope area from which a cell is a channel.",
        source=f"{_CHOICE}: a hectare, the smallest basins in which a 30 m DEM shows a gully", gt=0, le=1e9,
    )  # fmt: skip
    area_max_m2: float = parameter(
        10_000_000.0, "With more upslope area the flow is a flood, not a debris flow that starts there.",
        source=f"{_CHOICE}: the curve is held to be level from 2.5 km2 on", gt=0, le=1e10,
    )  # fmt: skip
    slope_min_deg: float = parameter(
        14.5, "No gentler bed is a source, whatever its upslope area; the level part of the curve, tan = 0.26.",
        source=_CURVE, gt=0, lt=60,
    )  # fmt: skip
    slope_max_deg: float = parameter(
        60.0, "Steeper beds are taken for walls that hold no material.",
        source=f"{_CHOICE}: loess gully heads stand steep; what is left out reads as no source", gt=0, lt=90,
    )  # fmt: skip
    curve_factor: float = parameter(
        0.32, "Factor k of the least tangent of the bed, k A^-m, A the upslope area in km2.", source=_CURVE, gt=0, le=10
    )
    curve_exponent: float = parameter(0.2, "Exponent m of the curve.", source=_CURVE, ge=0, le=2)
    bed_length_m: float = parameter(
        100.0, "Way downstream over which the slope of the bed is taken, in whole cells, at least one.",
        source=f"{_CHOICE}: some three cells of 30 m, above the noise of one", gt=0, le=2000,
    )  # fmt: skip
    length_min_m: float = parameter(
        90.0,
        "Ways of source cells from a head to their end, or to a longer one, are not drawn where they are shorter.",
        source=f"{_CHOICE}: three cells of 30 m",
        ge=0,
        le=10_000,
    )
    level_margin: tuple[float, float, float, float] = parameter(
        (0.8, 1.0, 1.25, 1.5), "Ratios of the bed's tangent to the least one from which the level is 1, 2, 3, 4; the "
                               "second "
        "is 1: the criterion.", source=_CHOICE,
    )  # fmt: skip
    as_releases: bool = parameter(
        False, "Whether the run-out also starts debris flows at the top of each source channel.",
        source=f"{_CHOICE}: the criterion tells where a bed is steep enough, not where loose material lies",
    )  # fmt: skip

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not (self.area_min_m2 < self.area_max_m2 and self.slope_min_deg < self.slope_max_deg):
            what = f"area_min_m2 < area_max_m2 and slope_min_deg < slope_max_deg needed, got {self.area_min_m2:g}, "
            what += f"{self.area_max_m2:g}, {self.slope_min_deg:g}, {self.slope_max_deg:g}"
            raise ValueError(what)
        if self.as_releases and not self.draw:
            what = "as_releases starts debris flows in the source channels: it needs draw"
            raise ValueError(what)
        margins = self.level_margin
        if not (all(0 < a < b for a, b in pairwise((margins[0] / 2, *margins))) and margins[1] == 1):
            what = f"level_margin must rise from above 0, its second number being 1, got {list(margins)}"
            raise ValueError(what)
        return self
