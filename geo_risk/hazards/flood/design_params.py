"""Parameters of rain by design that is run over the town."""

from __future__ import annotations

from itertools import pairwise

from pydantic import model_validator

from geo_risk.core.params import Params, parameter

_CHOICE = "choice of geo_risk"


class DesignRainParams(Params):
    """Rain by design that is run over the town: blocks for the trigger rain, and storms of a city's formula."""

    trigger_rain_mm: tuple[float, ...] = parameter(
        (15.0, 30.0, 60.0, 120.0), "Rain of the blocks of 10 and 60 minutes that are run; between the amounts ponds "
        "are replayed. Empty: no trigger rain, no depths of forecast stages, no list without rain.",
        source=f"{_CHOICE}: each twice the one before, from a moderate shower to beyond the record hour of most "
        "Chinese cities; the error of replaying between them is in METHOD.md", max_length=8,
    )  # fmt: skip
    after_min: float = parameter(
        60.0, "Minutes that are run on after a block or storm, for its water to arrive.",
        source=f"{_CHOICE}: time of concentration of a town's quarter", ge=0, le=720,
    )  # fmt: skip
    return_periods_yr: tuple[float, ...] = parameter(
        (2.0, 5.0, 10.0, 20.0, 50.0, 100.0), "Return periods whose storms are run where a formula is given; those "
        "beyond what its document states are left out.",
        source="periods of GB 50014 (2021) for town drainage and waterlogging, from memory", max_length=12,
    )  # fmt: skip
    storm_min: float = parameter(
        120.0, "Duration of those storms [min].", source=f"{_CHOICE}: usual in drainage design", ge=10, le=1440
    )
    storm_step_min: float = parameter(5.0, "Step of those storms [min].", source=_CHOICE, ge=1, le=60)
    standard_rain_mm: float = parameter(
        60.0, "Rain of one hour with which sites are ranked where no rain is given at all.",
        source=f"{_CHOICE}: a short rainstorm of about 10 to 50 years in north China", gt=0, le=500,
    )  # fmt: skip
    record_step_s: float = parameter(
        60.0, "Step of the water levels kept of these runs.", source=f"{_CHOICE}: a tenth of the shortest block",
        ge=10, le=600,
    )  # fmt: skip

    @model_validator(mode="after")
    def _lists_rise(self) -> DesignRainParams:
        for name, values in (("trigger_rain_mm", self.trigger_rain_mm), ("return_periods_yr", self.return_periods_yr)):
            if not all(0 < v < 10_000 for v in values) or any(a >= b for a, b in pairwise(values)):
                what = f"{name} is {values}; increasing numbers above 0 needed"
                raise ValueError(what)
        if not abs(self.storm_min / self.storm_step_min - round(self.storm_min / self.storm_step_min)) < 1e-9:
            what = f"storm_min is {self.storm_min}; a whole number of steps of {self.storm_step_min} min needed"
            raise ValueError(what)
        return self
