"""Parameters of runoff: curve numbers, the ground's wetness, and the soils of Green and Ampt."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from pydantic import model_validator

from geo_risk.core.params import Params, parameter
from geo_risk.hazards.flood.soils import GROUP_LETTERS, TEXTURES

_CHOICE = "choice of geo_risk"
_TR55 = "USDA TR-55 (1986) table 2-2, average antecedent moisture"


class RunoffParams(Params):
    """How much of a storm runs off."""

    method: Literal["curve_number", "green_ampt"] = parameter(
        "curve_number", "How infiltration is counted: by land cover and soil group, or by the soil's own conductivity.",
        source=f"{_CHOICE}: land cover and soil groups are at hand everywhere, soil textures seldom",
    )  # fmt: skip
    antecedent: Literal["average", "dry", "wet", "five_day_rain"] = parameter(
        "average", "How wet the ground is before the storm; `five_day_rain` tells it by the rain of the days before.",
        source="NEH-630 (2004) chapter 10 gave up the five-day rule of 1972 and calls dry and wet bounds of scatter",
    )  # fmt: skip
    growing_limits_mm: tuple[float, float] = parameter(
        (35.6, 53.3), "Rain of five days below which ground is dry, above which it is wet, in the growing season.",
        source="USDA NEH-4 (1972) table 4.2: 1.4 and 2.1 inches",
    )  # fmt: skip
    dormant_limits_mm: tuple[float, float] = parameter(
        (12.7, 27.9), "The same out of the growing season.", source="USDA NEH-4 (1972) table 4.2: 0.5 and 1.1 inches"
    )
    growing_months: tuple[int, int] = parameter(
        (4, 10),
        "First and last month of the growing season.",
        source=f"{_CHOICE}: frost-free months of Shanxi's basins",
    )
    textures: dict[str, tuple[float, float, float]] = parameter(
        {
            "sand": (117.8, 49.5, 0.417), "loamy sand": (29.9, 61.3, 0.401), "sandy loam": (10.9, 110.1, 0.412),
            "loam": (3.4, 88.9, 0.434), "silt loam": (6.5, 166.8, 0.486), "sandy clay loam": (1.5, 218.5, 0.330),
            "clay loam": (1.0, 208.8, 0.309), "silty clay loam": (1.0, 273.0, 0.432), "sandy clay": (0.6, 239.0, 0.321),
            "silty clay": (0.5, 292.2, 0.423), "clay": (0.3, 316.3, 0.385),
        },
        "Green-Ampt: conductivity [mm/h], suction head at the front [mm] and effective porosity of each texture.",
        source="Rawls, Brakensiek & Miller (1983), J. Hydraul. Eng. 109(1), table 2, as printed in Chow et al. (1988) "
        "table 4.3.1",
    )  # fmt: skip
    group_textures: dict[str, str] = parameter(
        {"A": "sandy loam", "B": "silt loam", "C": "sandy clay loam", "D": "clay loam"},
        "Green-Ampt: texture that stands for a hydrologic group where the soil map tells no texture.",
        source="USDA TR-55 (1986) appendix A, the tightest of A; clay loam, the most open of D",
    )  # fmt: skip
    saturations: tuple[float, float, float] = parameter(
        (0.3, 0.5, 0.8), "Green-Ampt: effective saturation of dry, average and wet ground before the storm.",
        source=f"{_CHOICE}: 0.3 as in the examples of Chow et al. (1988); about field capacity; soaked",
    )  # fmt: skip
    impervious_shares: dict[int, float] = parameter(
        {4: 0.65, 5: 1.0, 50: 0.65, 80: 1.0, 90: 1.0},
        "Green-Ampt: share of ground that lets nothing in by land-cover code, 0 for others.",
        source="USDA TR-55 (1986) table 2-2: residential 1/8 acre 65 %; water and wetland take nothing",
    )  # fmt: skip

    curve_numbers: dict[int, tuple[float, float, float, float]] = parameter(
        {
            1: (67.0, 78.0, 85.0, 89.0), 2: (30.0, 55.0, 70.0, 77.0), 3: (77.0, 86.0, 91.0, 94.0),
            4: (77.0, 85.0, 90.0, 92.0), 5: (98.0, 98.0, 98.0, 98.0),
            10: (30.0, 55.0, 70.0, 77.0), 20: (30.0, 48.0, 65.0, 73.0), 30: (39.0, 61.0, 74.0, 80.0),
            40: (67.0, 78.0, 85.0, 89.0), 50: (77.0, 85.0, 90.0, 92.0), 60: (77.0, 86.0, 91.0, 94.0),
            80: (98.0, 98.0, 98.0, 98.0), 90: (98.0, 98.0, 98.0, 98.0),
        },
        "Curve number of hydrologic soil groups A, B, C, D by land-cover code: 1-5 crops, forest, bare ground, town, "
        "water (the sample county), 10-90 the classes of ESA WorldCover.",
        source=f"{_TR55}: row crops straight, good; woods, good; fallow, bare soil; residential 1/8 acre; brush, good; "
        "pasture, good; open water as paved, 98",
    )  # fmt: skip
    unknown_curve_number: float = parameter(
        85.0, "Curve number of the county's ground where soil or land cover is not known.",
        source=f"{_CHOICE}: on the wet side, as in the town", gt=0, le=100,
    )  # fmt: skip
    unknown_soil_group: Literal["A", "B", "C", "D"] = parameter(
        "D", "Green-Ampt: soil group where the soil is not known.", source=f"{_CHOICE}: on the wet side"
    )
    ia_ratio: float = parameter(
        0.2, "Initial abstraction as a share of the retention.", source="USDA TR-55 (1986) eq. 2-2", ge=0, lt=1
    )

    @model_validator(mode="after")
    def _numbers_possible(self) -> RunoffParams:
        for code, row in self.curve_numbers.items():
            if not all(0 < number <= 100 for number in row) or any(a > b for a, b in pairwise(row)):
                what = f"curve_numbers[{code}] is {row}; four numbers in (0, 100] that do not fall from A to D needed"
                raise ValueError(what)
        return self

    @model_validator(mode="after")
    def _soils_possible(self) -> RunoffParams:
        is_rising = all(0 <= low <= high for low, high in (self.growing_limits_mm, self.dormant_limits_mm))
        numbers = [k >= 0 and psi >= 0 and 0 < pores <= 1 for k, psi, pores in self.textures.values()]
        groups = sorted(self.group_textures) == list(GROUP_LETTERS)
        for good, what in (
            (is_rising, "growing_limits_mm and dormant_limits_mm: two depths >= 0 that do not fall needed"),
            (all(1 <= m <= 12 for m in self.growing_months), "growing_months: two months from 1 to 12 needed"),
            (set(self.textures) == set(TEXTURES), f"textures: one row for each of {TEXTURES} needed"),
            (all(numbers), "textures: conductivity and suction >= 0, porosity in (0, 1] needed"),
            (groups and set(self.group_textures.values()) <= set(TEXTURES), "group_textures: a texture of the table "
             "for each of A, B, C, D needed"),
            (0 <= self.saturations[0] <= self.saturations[1] <= self.saturations[2] <= 1, "saturations: three shares "
             "from 0 to 1 that do not fall needed"),
            (all(0 <= share <= 1 for share in self.impervious_shares.values()), "impervious_shares: shares from 0 to 1 "
             "needed"),
        ):  # fmt: skip
            if not good:
                raise ValueError(what)
        return self
