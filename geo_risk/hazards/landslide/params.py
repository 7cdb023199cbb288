"""Parameters of the landslide hazard."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, Self

from pydantic import field_validator, model_validator

from geo_risk.core.params import Params, parameter
from geo_risk.hazards.landslide.registry import FACTORS
from geo_risk.hazards.landslide.susceptibility.names import Method
from geo_risk.terrain.params import SlopeUnitParams

When = Literal["height", "end"]
Matrix = tuple[tuple[int, int, int, int, int], ...]


class LandslideParams(Params):
    """How susceptibility is learned from an inventory, classed, and turned into warning levels by rain."""

    factors: tuple[str, ...] = parameter(
        (
            *("slope_deg", "curvature_plan", "curvature_profile", "twi", "position_m", "lithology", "landcover"),
            "distance_roads_m",
        ),
        "Factors to use where they are there; those of which no input is given are left out by name. Also known: "
        "aspect_deg, curvature_tangential, relief_m, ruggedness_m, distance_rivers_m, distance_faults_m.",
        source="choice of geo_risk: with a few hundred events each further factor costs about as much as it tells",
    )
    classes: int = parameter(
        12,
        "Quantile classes of a continuous factor (aspect is always cut into eight sectors and flat).",
        source="choice of geo_risk: with a few hundred events 8 to 16 rank alike, fewer blur steep slopes",
        ge=2,
        le=30,
    )
    prior_events: float = parameter(
        8.0,
        "Strength of the pull of each class's frequency ratio towards 1, in expected events.",
        source="choice of geo_risk: a gamma prior of mean 1, which also keeps classes without events finite",
        gt=0,
        le=100,
    )
    smoothing_passes: int = parameter(
        3,
        "How often the counts of ordered classes are spread over their neighbours (1/4, 1/2, 1/4).",
        source="choice of geo_risk: neighbouring classes of slope behave alike; a few events a class are noisy",
        ge=0,
        le=50,
    )
    model: Method | Literal["best"] = parameter(
        "joint",
        "`frequency_ratio`, `information_value`, `weights_of_evidence`, `certainty_factor`: sums of class values with "
        "one logistic slope; `joint`: the values of all classes are fitted together by a smooth logistic model that "
        "starts from the information values; `logistic`, `random_forest`, `gradient_boosting`; `best`: logistic unless "
        "another beats it on places kept out, the choosing itself judged on places kept out from it.",
        source="choice of geo_risk: factors such as slope and position share their information; on demo counties "
        "101-108 held-out skill was .82 joint, .77 with one weight a factor",
    )
    compared: tuple[Method, ...] = parameter(
        ("information_value", "logistic"),
        "Models whose skill is listed beside the one that is used; forests take minutes.",
        source="choice of geo_risk",
    )
    ridge_events: float = parameter(
        0.5,
        "Pull of each class value towards its shrunken information value in the joint fit, in events.",
        source="choice of geo_risk after demo counties 101-108",
        gt=0,
        le=1000,
    )
    smoothness_events: float = parameter(
        100.0,
        "Pull of neighbouring ordered classes towards a straight line in the joint fit, in events.",
        source="choice of geo_risk after demo counties 101-108",
        ge=0,
        le=100000,
    )
    position_radius_m: float = parameter(
        100.0,
        "Half width of the square whose mean height the topographic position refers to.",
        source="choice of geo_risk: the scale of gully heads and slope hollows",
        gt=0,
        le=5000,
    )
    relief_radius_m: float = parameter(
        150.0, "Half width of the square in which local relief is taken.", source="choice of geo_risk", gt=0, le=5000
    )
    max_distance_m: float = parameter(
        2000.0,
        "Distances to rivers, roads and faults are cut off here; farther is one class.",
        source="choice of geo_risk: an influence farther than this is not seen in inventories; it also bounds memory",
        gt=0,
        le=20000,
    )
    max_road_distance_m: float = parameter(
        300.0,
        "Distances to roads are cut off here.",
        source="choice of geo_risk: a road cut acts within a few hundred metres; farther off, the distance tells where "
        "people report slides",
        gt=0,
        le=20000,
    )
    min_factor_coverage: float = parameter(
        0.8,
        "A factor known on a smaller share of the background is left out by name.",
        source="choice of geo_risk: susceptibility is unknown where a used factor is unknown",
        gt=0,
        le=1,
    )
    background_cells: int = parameter(
        50_000,
        "Cells drawn at random as the background of the events.",
        source="choice of geo_risk: shares of area are then known to a few tenths of a percent",
        ge=1000,
        le=10_000_000,
    )
    duplicate_distance_m: float = parameter(
        100.0,
        "Events nearer than this to one another are one event.",
        source="choice of geo_risk: the usual error of a hand-held position and a headscarp's width",
        ge=0,
        le=5000,
    )
    max_location_error_m: float = parameter(
        500.0,
        "Events whose inventory states a larger location error (column location_error_m, location_accuracy, 定位误差 "
        "or 位置精度, also as a shapefile cuts it; 25km is read), or calls it unknown, are not learned from; if "
        "nothing is stated they are.",
        source="choice of geo_risk: the length of a slope; farther off, an event would teach another slope's factors",
        gt=0,
        le=100000,
    )
    block_m: float = parameter(
        2000.0,
        "Side of the square blocks of the spatial cross-validation.",
        source="choice of geo_risk: several times the length of a slope",
        gt=0,
        le=100000,
    )
    buffer_m: float | None = parameter(
        None,
        "Cells nearer than this to a block that is kept out are not learned from when it is judged; not given: a "
        "quarter of `block_m`.",
        source="choice of geo_risk: 500 m, the length of a slope, with the default blocks; neighbours on one slope "
        "share their factors",
        ge=0,
        le=50000,
    )
    only_where_applicable: bool = parameter(
        True,
        "Cells whose factors resemble nothing the model has learned from are unknown.",
        source="Meyer and Pebesma (2021), Methods Ecol. Evol. 12",
    )
    folds: int = parameter(10, "Folds of the spatial cross-validation.", source="common practice", ge=2, le=50)
    seed: int = parameter(1, "Seed of background sampling and folds.", source="choice of geo_risk", ge=0)
    min_events: int = parameter(
        30, "Fewer events than this make no model.", source="choice of geo_risk: a class then has under four", ge=5
    )
    level_event_shares: tuple[float, float, float, float] = parameter(
        (0.97, 0.85, 0.55, 0.25),
        "Shares of known events that lie in levels 1-4, 2-4, 3-4 and 4 when cells are taken by falling susceptibility.",
        source="choice of geo_risk: levels 3-4 are then about a quarter of a county where the held-out AUC is near .75",
    )
    rain_bounds_mm: tuple[float, float, float, float] = parameter(
        (25.0, 50.0, 80.0, 120.0),
        "Lower bounds of the classes 1-4 of effective rain for the matrix.",
        source="choice of geo_risk near the rainstorm grades of GB/T 28592; fit them to the area's own events",
    )
    warning_matrix: Matrix = parameter(
        ((0, 0, 0, 0, 0), (0, 0, 1, 1, 2), (0, 1, 1, 2, 3), (0, 1, 2, 3, 4), (0, 1, 3, 4, 4)),
        "Warning level by hazard level 0-4 (rows) and class of effective rain 0-4 (columns).",
        source="choice of geo_risk: no standard table was found; printed in the report",
    )
    warning_event_shares: tuple[float, float, float, float] = parameter(
        (0.97, 0.9, 0.65, 0.35),
        "Shares of the units that slid in past storms that lie in warning levels 1-4, 2-4, 3-4 and 4 of the "
        "fitted model, at the time that `warning_shares_by` says.",
        source="choice of geo_risk: yellow, from which warnings are public, is to hold nine slides in ten",
    )
    warning_shares_by: tuple[When, When, When, When] = parameter(
        ("height", "height", "end", "end"),
        "By when the past storms' rain had brought those shares to levels 1-4: `height`, the end of the step with most "
        "rain; `end`, at any time of the storm.",
        source="choice of geo_risk: blue and yellow are to be out while it rains hardest, since much of the rain, and "
        "of the slides, comes later; orange and red say how grave it has become",
    )
    warning_cell_share: float = parameter(
        0.5,
        "In a slope unit, cells whose odds of a slide are below this share of the unit's mean are warned by their own "
        "susceptibility only; 0: every cell has the level of its unit.",
        source="choice of geo_risk: such cells were a fifth of the ground and held a tenth of the slides that two "
        "demo counties expected, or less; houses below them need not leave for them",
        ge=0,
        le=1,
    )
    warning_cutoffs: Literal["shares", "costs"] = parameter(
        "shares",
        "What the levels of the fitted model are cut by: `shares` of past slides (`warning_event_shares`), or `costs`: "
        "a level begins where the chance of a slide is worth it (`warning_miss_costs`).",
        source="choice of geo_risk: shares hold whatever share of slides is recorded, chances do not",
    )
    warning_miss_costs: tuple[float, float, float, float] = parameter(
        (400.0, 100.0, 25.0, 6.0),
        "How many false alarms (a unit warned in vain) one missed slide is worth at levels 1-4; a level then begins at "
        "a chance of a slide of 1 / (1 + cost) in the unit and storm.",
        source="choice of geo_risk, four times dearer from level to level; not a standard: agree it with those who pay",
    )
    min_past_slides: int = parameter(
        30, "Fewer slides in past storms than this: the matrix is used.", source="choice of geo_risk", ge=5
    )

    slope_units: SlopeUnitParams = SlopeUnitParams()

    @field_validator("factors")
    @classmethod
    def _known_factors(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(names) - set(FACTORS))
        if unknown or len(set(names)) != len(names) or not names:
            what = f"factors are named once each out of {', '.join(FACTORS)}; got {', '.join(names) or 'none'}"
            raise ValueError(what)
        return names

    @property
    def judged_buffer_m(self) -> float:
        """Buffer [m] around blocks that are kept out."""
        return self.block_m / 4 if self.buffer_m is None else self.buffer_m

    @model_validator(mode="after")
    def _ordered_tables(self) -> Self:
        for name in ("level_event_shares", "warning_event_shares"):
            shares = getattr(self, name)
            if not all(0 < b < a <= 1 for a, b in pairwise(shares)):
                what = f"{name} must fall from at most 1 to above 0, got {list(shares)}"
                raise ValueError(what)
        if not all(a > b > 0 for a, b in pairwise(self.warning_miss_costs)):
            what = f"warning_miss_costs must fall and be positive, got {list(self.warning_miss_costs)}"
            raise ValueError(what)
        if not all(0 < a < b for a, b in pairwise(self.rain_bounds_mm)):
            what = f"rain_bounds_mm must rise and be positive, got {list(self.rain_bounds_mm)}"
            raise ValueError(what)
        rows = self.warning_matrix
        if len(rows) != 5 or not all(0 <= v <= 4 for row in rows for v in row) or not _is_monotone(rows):
            what = "warning_matrix must be 5 x 5 levels 0-4 that never fall with hazard or rain"
            raise ValueError(what)
        return self


def _is_monotone(rows: Matrix) -> bool:
    along = all(a <= b for row in rows for a, b in pairwise(row))
    down = all(a <= b for r, s in pairwise(rows) for a, b in zip(r, s, strict=True))
    return along and down
