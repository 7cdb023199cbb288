"""Parameters of slope stability: soils with ranges of their properties, the rain that wets them, and the levels."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from geo_risk.core.params import Params, parameter


def _rising(value: tuple[float, float]) -> tuple[float, float]:
    if not value[0] <= value[1]:
        what = f"a range goes from its lowest to its highest value, got {list(value)}"
        raise ValueError(what)
    return value


Range = Annotated[tuple[float, float], AfterValidator(_rising)]
"""Lowest and highest value that a property may have; two equal numbers fix it."""

_CHOICE = "choice of geo_risk"


class Material(Params):
    """One soil or rock class: ranges of its properties, and where they come from. There is no table by default."""

    name: str = Field(description="Its name in the class column of the layer, such as loess.", min_length=1)
    source: str = Field(description="Where the ranges come from: report, laboratory, paper with table.", min_length=3)
    friction_deg: Range = Field(description="Effective friction angle, lowest and highest [degree].")
    cohesion_kpa: Range = Field(description="Effective cohesion of the soil, lowest and highest [kPa].")
    depth_m: Range = Field(description="Depth of the slip surface, measured vertically, lowest and highest [m].")
    unit_weight_kn_m3: Range = Field(description="Unit weight of the moist soil, lowest and highest [kN/m3].")
    transmissivity_m2_d: Range = Field(description="Transmissivity of the saturated soil, lowest and highest [m2/d].")
    root_cohesion_kpa: Range = parameter(
        (0.0, 0.0), "Cohesion by roots, lowest and highest [kPa].", source=f"{_CHOICE}: none unless it is known"
    )
    conductivity_m_s: Range | None = parameter(
        None,
        "Saturated hydraulic conductivity, lowest and highest [m/s]; needed for a storm.",
        source="none: site data",
    )
    diffusivity_m2_s: Range | None = parameter(
        None, "Hydraulic diffusivity D0, lowest and highest [m2/s]; needed for a storm.", source="none: site data"
    )
    water_depth_share: Range = parameter(
        (1.0, 1.0), "Depth of the water table before a storm over the depth of the slip surface, lowest and highest "
                    "[1].",
        source=f"{_CHOICE}: at the slip surface",
    )  # fmt: skip

    @model_validator(mode="after")
    def _possible(self) -> Self:
        bounds = {
            "friction_deg": (0, 60), "cohesion_kpa": (0, 1000), "root_cohesion_kpa": (0, 100),
            "unit_weight_kn_m3": (9.80665, 35), "water_depth_share": (0, 100),
        }  # fmt: skip
        for name, (low, high) in bounds.items():
            got = getattr(self, name)
            if not low <= got[0] <= got[1] <= high:
                what = f"{name} of {self.name!r} lies within {low} and {high}, got {list(got)}"
                raise ValueError(what)
        for name in ("depth_m", "transmissivity_m2_d", "conductivity_m_s", "diffusivity_m2_s"):
            got = getattr(self, name)
            if got is not None and not got[0] > 0:
                what = f"{name} of {self.name!r} is above 0, got {list(got)}"
                raise ValueError(what)
        return self


class Storm(Params):
    """Rain of a storm over the whole area, for the transient wetness."""

    rain_mm_h: tuple[Annotated[float, Field(ge=0, le=500)], ...] = Field(
        description="Intensity of each step [mm/h], in order.", min_length=1, max_length=1000
    )
    step_h: float = Field(description="Length of a step [h].", gt=0, le=240)
    at_h: tuple[Annotated[float, Field(gt=0, le=10_000)], ...] = Field(
        description="Times since the storm began at which the slope is looked at [h]; the worst counts. The pressure "
                    "at "
        "depth peaks after the rain.", min_length=1, max_length=100,
    )  # fmt: skip


class StabilityParams(Params):
    """How the stability of shallow slopes is reckoned; without `materials` it is left out by name."""

    materials: tuple[Material, ...] = parameter(
        (), "Classes with ranges of their properties; ground of other classes is unknown.",
        source="none: ranges are site data, each with its source",
    )  # fmt: skip
    classes_from: Literal["geology", "soils"] = parameter(
        "geology", "Input whose polygons carry the classes.", source=_CHOICE
    )
    column: str = parameter("lithology", "Column of that input with the names of the classes.", source=_CHOICE)
    steady_rain_mm_d: Range | None = parameter(
        None, "Steady rain that recharges the soil, lowest and highest [mm/d]; needed with `materials`.",
        source="none: a choice of the user, such as the wettest week of a year",
    )  # fmt: skip
    storm: Storm | None = Field(None, description="A storm for the transient wetness; not given: none is reckoned.")
    draws: int = parameter(
        500, "Draws from the ranges; the probability of failure comes in steps of 1 / draws.",
        source=f"{_CHOICE}: with one range the error is below 1 / draws, as each stratum is drawn once", ge=1,
    le=100_000, )  # fmt: skip
    seed: int = parameter(1, "Seed of the draws, which are the same for every cell.", source=_CHOICE, ge=0)
    level_probability: tuple[float, float, float, float] = parameter(
        (0.05, 0.25, 0.5, 0.75), "Probabilities of failure from which the level is 1, 2, 3, 4.",
        source=f"{_CHOICE}: the chance that the ranges leave, not a frequency in time",
    )  # fmt: skip
    critical_rain_max_mm_d: float = parameter(
        1000.0, "Critical rain is cut off here; slopes that stand when saturated have this value too.",
        source=f"{_CHOICE}: more than a day's rain in the province", gt=0, le=1e6,
    )  # fmt: skip

    @model_validator(mode="after")
    def _complete(self) -> Self:
        names = [m.name for m in self.materials]
        if len(set(names)) != len(names):
            what = f"each material is named once, got {', '.join(names)}"
            raise ValueError(what)
        rain = self.steady_rain_mm_d
        if self.materials and (rain is None or not 0 <= rain[0] <= rain[1] <= 1000):
            what = f"with materials, steady_rain_mm_d [lowest, highest] within 0 and 1000 is needed, got {rain}"
            raise ValueError(what)
        if not all(0 < a < b <= 1 for a, b in pairwise((self.level_probability[0] / 2, *self.level_probability))):
            what = f"level_probability must rise from above 0 to at most 1, got {list(self.level_probability)}"
            raise ValueError(what)
        return self
