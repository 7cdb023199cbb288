"""Parameters of shelters and stocks: how far is near, what people need, and how many new sites are proposed."""

from __future__ import annotations

from itertools import pairwise

from pydantic import Field, model_validator

from geo_risk.core.params import Params, parameter

_CHOICE = "choice of geo_risk"
_ASSUMED = "assumed: set yours"


class Need(Params):
    """What one person needs of one good."""

    per_person: float = Field(0.0, description="Needed once for each person.", ge=0, le=1000)
    per_person_day: float = Field(0.0, description="Needed for each person and day.", ge=0, le=1000)
    source: str = Field(_ASSUMED, description="Where the number comes from.", min_length=1, max_length=300)


NEEDS = {
    "tents": Need(per_person=0.25, source=f"{_ASSUMED}; a tent of 12-14 m2 for four, about the 3.5 m2 a person of the "
                  "Sphere Handbook 2018 (from memory)"),
    "beds": Need(per_person=1.0, source=f"{_ASSUMED}; one for each person"),
    "food_kg": Need(per_person_day=0.5, source=f"{_ASSUMED}; about the 2,100 kcal a day of the Sphere Handbook 2018 "
                    "(from memory)"),
    "water_l": Need(per_person_day=3.0, source=f"{_ASSUMED}; drinking water for survival, 2.5-3 L a day in the Sphere "
                    "Handbook 2018 (from memory)"),
}  # fmt: skip


class SitingParams(Params):
    """Coverage by shelters and stocks, proposals for new ones, and isochrones."""

    reach_min: float = parameter(
        30.0, "A shelter within so many minutes by road is near.", source=f"{_CHOICE}: half an hour", gt=0, le=600
    )
    new_shelters: int = parameter(3, "New shelters proposed by each method.", source=_CHOICE, ge=0, le=200)
    median_limit_min: float = parameter(
        60.0, "In the mean of minutes nobody counts as farther than this.",
        source=f"{_CHOICE}: twice the near; beyond it all are far", gt=0, le=1440,
    )  # fmt: skip
    candidates_max: int = parameter(
        1000, "Most settlements among which new sites are sought, the largest; facilities and shelters come on top.",
        source=f"{_CHOICE}: a minute of solving at province size", ge=1, le=20_000,
    )  # fmt: skip
    exact_pairs: int = parameter(
        60_000, "Most pairs of place and site with which the best choice is sought exactly; above it the gap is told.",
        source=f"{_CHOICE}: seconds to a minute of HiGHS", ge=0, le=10_000_000,
    )  # fmt: skip
    time_limit_s: float = parameter(
        20.0, "Time for the exact search; what is left of the gap is told [s].", source=_CHOICE, gt=0, le=3600
    )
    new_centres: int = parameter(2, "New stock centres proposed.", source=_CHOICE, ge=0, le=200)
    centre_reach_min: float = parameter(
        60.0, "A stock within so many minutes by road is near.", source=f"{_CHOICE}: an hour", gt=0, le=1440
    )
    failing_roads: tuple[str, ...] = parameter(
        (), "Roads and bridges that fail, by road_id or bridge_id; where none is named, every section in a risk zone.",
        source=f"{_CHOICE}: what is exposed may fail",
    )  # fmt: skip
    stock_days: float = parameter(
        3.0, "Days that stocks must last.", source=f"{_ASSUMED}; 72 h until help from outside", gt=0, le=60
    )
    needs: dict[str, Need] = parameter(
        NEEDS, "What a person needs, by the column of `inputs.stocks` that holds the good.", source="of each good"
    )
    drive_bands_min: tuple[float, ...] = parameter(
        (10.0, 20.0, 30.0), "Bands of minutes by car.", source=_CHOICE, min_length=1, max_length=4
    )
    walk_bands_min: tuple[float, ...] = parameter(
        (15.0, 30.0, 60.0), "Bands of minutes on foot.", source=f"{_CHOICE}: 1, 2 and 4 km at 4 km/h", min_length=1,
        max_length=4,
    )  # fmt: skip
    band_width_m: float = parameter(
        100.0, "Isochrones are the ground within this distance of the road that is reached.",
        source=f"{_CHOICE}: the houses along it", gt=0, le=2000,
    )  # fmt: skip

    @model_validator(mode="after")
    def _tables(self) -> SitingParams:
        for name in ("drive_bands_min", "walk_bands_min"):
            bands = getattr(self, name)
            if not (bands[0] > 0 and all(a < b for a, b in pairwise(bands)) and bands[-1] <= 1440):
                what = f"{name} is {bands}; increasing minutes above 0 needed"
                raise ValueError(what)
        empty = [k for k, n in self.needs.items() if n.per_person + n.per_person_day <= 0]
        if empty or not self.needs:
            what = f"needs are {sorted(self.needs)}, nothing is needed of {empty}; at least one good that is needed"
            raise ValueError(what)
        return self
