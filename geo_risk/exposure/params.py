"""Parameters of exposure: how people are spread and how sure that is, day and night, structures, values, farmland."""

from __future__ import annotations

from itertools import pairwise
from math import inf

from pydantic import Field, model_validator

from geo_risk.core.params import Params, parameter

_CHOICE = "choice of geo_risk"

SPREADS = ("households", "floor_area", "census", "population", "disc")
"""By what a settlement's people are spread: households or floor area of buildings, census points, cells of a population
raster, or evenly over a disc."""

STRUCTURES = ("frame", "brick_concrete", "brick_wood", "adobe", "cave_dwelling", "timber", "stone", "unknown")
"""Classes of structure; `unknown` stands for a missing term and for one that no table knows."""

RESIDENTIAL = "residential"
"""Use of a building that is taken where its own is not given: people live in it."""

DWELLING, GATHERING, OTHER_USE = USES = ("dwelling", "gathering", "other")
"""What buildings are used for: people sleep there; many come there who are in no census of the house; neither."""


NO_DWELLING = "no_dwelling"
"""`spread` of buildings in which nobody lives: schools, factories, sheds."""

NO_HOUSEHOLD = "no_household"
"""`spread` of dwellings recorded with 0 households, in settlements whose people are drawn by households."""


class AssetValue(Params):
    """What it costs to build a square metre of floor again, and who says so."""

    cny_m2: float = Field(description="Replacement value [CNY per m2 of floor].", gt=0, lt=1e6)
    source: str = Field(description="Document and year it comes from, or `assumed`.", min_length=1)


class ExposureParams(Params):
    """Who and what is there: spread of people, its uncertainty, day and night, structures, values, farmland."""

    weight_cv: dict[str, float] = parameter(
        {"households": 0.3, "floor_area": 0.5, "census": 0.1, "population": 0.7, "disc": 0.5},
        "Relative error (1 sigma) of the weight by which a house, point or cell draws people, by what it is spread by.",
        source=f"{_CHOICE}: registered households are surer than floor area, and that than a raster",
    )  # fmt: skip
    clusters: dict[str, int] = parameter(
        {"households": 1, "floor_area": 1, "census": 1, "population": 3, "disc": 10},
        "Into how many clumps of dwellings the people of one house, point, cell or disc fall that lies partly inside: "
        "1 means all of them are in, or none.", source=f"{_CHOICE}: a hamlet of a disc's size has about ten yards",
    )  # fmt: skip
    total_cv: float = parameter(
        0.05, "Relative error (1 sigma) of a settlement's total.",
        source=f"{_CHOICE}: registered against present people differ by more where many work away: set it", ge=0, le=1,
    )  # fmt: skip
    position_m: float = parameter(
        10.0, "Error of positions: zones are shrunk and grown by it for the lowest and highest number of people.",
        source=f"{_CHOICE}: footprints from images of 1-2 m and zones of 30 m cells rounded", ge=0, le=500,
    )  # fmt: skip
    interval_sigma: float = parameter(
        1.645, "Half the width of the interval of people, in standard deviations.",
        source="5 % and 95 % quantile of a normal error", gt=0, le=5,
    )  # fmt: skip
    population_radius_m: float = parameter(
        500.0, "How far from its point a settlement without buildings is looked for in the population raster.",
        source=f"{_CHOICE}: villages of a few hundred yards; no farther than halfway to the next settlement", gt=0,
        le=5000,
    )  # fmt: skip
    population_block_m: float = parameter(
        90.0, "Side of the squares that people of a settlement without buildings are spread over by the raster.",
        source=f"{_CHOICE}: about the 3 arc seconds of WorldPop", gt=0, le=1000,
    )  # fmt: skip
    population_missing_is_zero: bool = parameter(
        False, "Missing cells of the population raster are empty ground, as in products constrained to settlements.",
        source=f"{_CHOICE}: unknown is not nobody",
    )  # fmt: skip
    census_radius_m: float = parameter(
        15.0, "Radius of the disc that stands for a census point.", source=f"{_CHOICE}: a yard", gt=0, le=500
    )
    day_home_share: dict[str, float] = parameter(
        {}, "Share of the residents of a building who are in it by day, by its `use` (residential where it gives "
        "none). Empty: people by day are unknown.", source=f"{_CHOICE}: none; it needs a survey of the county",
    )  # fmt: skip
    use_terms: dict[str, str] = parameter(
        {}, "Further words of the column `use`, each with what it means: `dwelling` (draws residents), `gathering` "
        "(draws none; many may be in it by day) or `other` (draws none). A word that is not known is a dwelling.",
        source=f"{_CHOICE}: words of ledgers differ by county",
    )  # fmt: skip
    facility_distance_m: float = parameter(
        100.0, "A facility of `inputs.facilities` stands for the schools, factories and the like among the buildings "
        "within this distance; of others the people by day are unknown.",
        source=f"{_CHOICE}: the yard of a school", ge=0, le=1000,
    )  # fmt: skip
    structure_terms: dict[str, str] = parameter(
        {}, "Further words of the column `structure`, each with the class it means (those that are known stand in "
        "geo_risk/exposure/structures.py).", source=f"{_CHOICE}: words of ledgers differ by county",
    )  # fmt: skip
    asset_values: dict[str, AssetValue] = parameter(
        {}, "Replacement value of buildings by class of structure, each with its source; `unknown` prices the rest. "
        "A building without a value makes the assets of its place unknown, never 0.",
        source=f"{_CHOICE}: none; county construction costs differ by a factor of three",
    )  # fmt: skip
    farmland_classes: tuple[str, ...] = parameter(
        ("cropland", "farmland", "cultivated", "arable", "paddy", "耕地", "水田", "旱地", "农田", "水浇地"),
        "Words by which the legend of `inputs.landcover` names farmland.",
        source="GlobeLand30, ESA WorldCover and GB/T 21010 class names, from memory",
    )  # fmt: skip

    @model_validator(mode="after")
    def _tables(self) -> ExposureParams:
        for name, table, low, high in (("weight_cv", self.weight_cv, 0.0, 5.0), ("clusters", self.clusters, 1, 1e6)):
            if not (set(table) == set(SPREADS) and all(low <= v <= high for v in table.values())):
                what = f"{name} is {table}; numbers {low:g}..{high:g} for {list(SPREADS)} needed"
                raise ValueError(what)
        if not all(0 <= v <= 1 for v in self.day_home_share.values()):
            what = f"day_home_share is {self.day_home_share}; shares 0..1 needed"
            raise ValueError(what)
        if self.day_home_share and RESIDENTIAL not in self.day_home_share:
            what = f"day_home_share lacks {RESIDENTIAL!r}, the use of buildings that give none"
            raise ValueError(what)
        strange = sorted({*self.structure_terms.values(), *self.asset_values} - set(STRUCTURES))
        if strange:
            what = f"{strange} are no classes of structure; {list(STRUCTURES)} are known"
            raise ValueError(what)
        strange = sorted(set(self.use_terms.values()) - set(USES))
        if strange:
            what = f"{strange} are no uses of buildings; {list(USES)} are known"
            raise ValueError(what)
        return self


DEFAULTS = ExposureParams()
"""What holds where the configuration says nothing."""

JRC_ASIA_DEPTH_M = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0)
JRC_ASIA_DAMAGE = (0.0, 0.3266, 0.4941, 0.6166, 0.7207, 0.8695, 0.9315, 0.9836, 1.0)
"""Damage to residential buildings in Asia by depth: Huizinga et al. 2017, JRC Technical Report EUR 28552 EN."""


class FloodLossParams(Params):
    """What floods by return period do to buildings and people on average in a year."""

    depth_m: tuple[float, ...] = parameter(
        JRC_ASIA_DEPTH_M, "Depths of the damage curve [m]; deeper water does what the last does.",
        source="Huizinga et al. 2017, JRC EUR 28552, residential buildings, Asia", min_length=2, max_length=40,
    )  # fmt: skip
    damage: tuple[float, ...] = parameter(
        JRC_ASIA_DAMAGE, "Share of a building's replacement value lost at those depths; straight lines between them.",
        source="Huizinga et al. 2017, JRC EUR 28552, residential buildings, Asia", min_length=2, max_length=40,
    )  # fmt: skip
    people_depth_m: float = parameter(
        0.15, "Depth from which the people of a house count as affected.",
        source=f"{_CHOICE}: the kerb, flood level 1", gt=0, le=5,
    )  # fmt: skip
    none_return_yr: float = parameter(
        1.0, "Return period at which there is no loss: the curve falls in a straight line from the most frequent flood "
        "that was run to 0 there.", source=f"{_CHOICE}: a flood of every year does no loss", ge=1, lt=100,
    )  # fmt: skip

    @model_validator(mode="after")
    def _curve(self) -> FloodLossParams:
        good = len(self.depth_m) == len(self.damage) and all(0 <= a < b < inf for a, b in pairwise(self.depth_m))
        if not (good and all(0 <= a <= b <= 1 for a, b in pairwise(self.damage))):
            what = (
                f"the damage curve {self.depth_m} -> {self.damage} needs rising depths and shares 0..1 that never fall"
            )
            raise ValueError(what)
        return self
