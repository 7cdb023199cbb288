"""The one list of factors of susceptibility: names, units, kinds, what each says, and how it is made.

Models, parameters, steps and figures take a factor's unit, kind and label from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

FactorKind = Literal["quantity", "direction", "category", "capped"]


@dataclass(frozen=True)
class Factor:
    """One factor.

    Attributes
    ----------
    name : of the layer; the unit is in `units`.
    kind : "quantity"; "direction" (an angle around the compass, none on flat ground); "category" (codes with a
        legend); "capped" (a distance whose largest value stands for "farther").
    made_of : what it needs: dem, drainage, or the input of that name.
    en, zh : label.
    definition : how it is made, in one line, with its source.
    """

    name: str
    units: str
    kind: FactorKind
    made_of: str
    en: str
    zh: str
    definition: str


_ROWS = (
    Factor("slope_deg", "degree", "quantity", "dem", "Slope", "坡度", "gradient of Horn (1981)"),
    Factor("aspect_deg", "degree", "direction", "dem", "Aspect", "坡向", "downslope direction, clockwise from north"),
    Factor("curvature_plan", "1/m", "quantity", "dem", "Plan curvature", "平面曲率",
           "curvature of the contour line, Evans (1972); positive on noses"),
    Factor("curvature_profile", "1/m", "quantity", "dem", "Profile curvature", "剖面曲率",
           "curvature of the slope line, Evans (1972); positive where it steepens downward"),
    Factor("curvature_tangential", "1/m", "quantity", "dem", "Tangential curvature", "切向曲率",
           "curvature of the section across the slope line: plan curvature times the sine of the slope"),
    Factor("twi", "1", "quantity", "drainage", "Topographic wetness index", "地形湿度指数",
           "ln(a / tan b), Beven and Kirkby (1979)"),
    Factor("position_m", "m", "quantity", "dem", "Topographic position", "地形位置",
           "height above the mean around, Weiss (2001)"),
    Factor("relief_m", "m", "quantity", "dem", "Local relief", "地形起伏度", "highest minus lowest height around"),
    Factor("ruggedness_m", "m", "quantity", "dem", "Ruggedness", "地表粗糙度",
           "terrain ruggedness index of Riley et al. (1999)"),
    Factor("lithology", "1", "category", "geology", "Lithology", "岩性", "codes of the geological map"),
    Factor("landcover", "1", "category", "landcover", "Land cover", "土地覆盖", "classes of the land cover map"),
    Factor("distance_rivers_m", "m", "capped", "rivers", "Distance to rivers", "距河流距离", "to the line or area"),
    Factor("distance_roads_m", "m", "capped", "roads", "Distance to roads", "距道路距离", "to the line"),
    Factor("distance_faults_m", "m", "capped", "faults", "Distance to faults", "距断层距离", "to the line"),
)  # fmt: skip

FACTORS = MappingProxyType({f.name: f for f in _ROWS})
"""Factors that are known, by name, in the order in which they are listed."""


def named(kind: FactorKind) -> tuple[str, ...]:
    """Return the names of the factors of a kind, in order."""
    return tuple(f.name for f in FACTORS.values() if f.kind == kind)
