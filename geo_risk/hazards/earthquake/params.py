"""Parameters of the earthquake hazard: how rock and land cover become classes of the model, and its levels."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, Self

from pydantic import model_validator

from geo_risk.core.params import Params, parameter
from geo_risk.hazards.earthquake.terms import GLIM, GLOBCOVER

_USGS = "US Geological Survey, groundfailure, jessee_2018"


class EarthquakeParams(Params):
    """How landslides set off by shaking are reckoned; without both tables of classes they are left out by name."""

    lithology: dict[str, str] = parameter(
        {}, "GLiM class (two letters: su unconsolidated, ss siliciclastic, sc carbonate, ...) of each name in the "
            "column "
        "`lithology` of inputs.geology; rock that is not named is unknown.", source="none: the names are the user's",
    )  # fmt: skip
    landcover: dict[int, int] = parameter(
        {}, "GlobCover 2009 class of each code of inputs.landcover; codes that are not named are unknown.",
        source="none: the codes are the user's",
    )  # fmt: skip
    unconsolidated: Literal["operational", "paper"] = parameter(
        "operational", "Term of unconsolidated sediment: -1.36 as in operation, or -3.22 as in the paper.",
        source=f"{_USGS}: the paper's value takes such ground, to which loess belongs, for stronger than it is",
    )  # fmt: skip
    slope_scale_m: float = parameter(
        230.0, "Cell over which heights are averaged before the slope is taken: the model's slopes are gentler than "
               "those "
        "of a fine DEM.", source=f"{_USGS}: gradient of GMTED2010 at 7.5 arc seconds, 230 m", gt=0, le=2000,
    )  # fmt: skip
    cti_scale_m: float = parameter(
        1000.0, "Cell of the compound topographic index, ln of the upslope cells over the tangent of the slope.",
        source="HYDRO1k, the model's index, is one of 1 km; that it counts cells is how its lowest values at Loma "
               "Prieta "
        "read", gt=0, le=10_000,
    )  # fmt: skip
    level_coverage: tuple[float, float, float, float] = parameter(
        (0.002, 0.01, 0.05, 0.1), "Shares of the area in slides from which the level is 1, 2, 3, 4.",
        source=f"choice of geo_risk among the bounds that {_USGS} draws (0.002, 0.01, 0.02, 0.05, 0.1, ...)",
    )  # fmt: skip

    @model_validator(mode="after")
    def _known_classes(self) -> Self:
        wrong = sorted(set(self.lithology.values()) - set(GLIM))
        if wrong:
            what = f"GLiM classes are {', '.join(GLIM)}; got {', '.join(wrong)}"
            raise ValueError(what)
        strange = sorted(set(self.landcover.values()) - set(GLOBCOVER))
        if strange:
            what = f"GlobCover classes are {', '.join(map(str, GLOBCOVER))}; got {', '.join(map(str, strange))}"
            raise ValueError(what)
        if not all(0 < a < b <= 1 for a, b in pairwise((self.level_coverage[0] / 2, *self.level_coverage))):
            what = f"level_coverage must rise from above 0 to at most 1, got {list(self.level_coverage)}"
            raise ValueError(what)
        return self
