"""Parameters of mapping units and of the DEM that water runs over."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from geo_risk.core.params import Params, parameter

_CHOICE = "choice of geo_risk"
_PAPER = "Alvioli et al. (2016), Geosci. Model Dev. 9: the method's parameter; the value is a choice of geo_risk"


class SlopeUnitParams(Params):
    """How slope units are drawn: half basins, refined where the ground faces several ways."""

    draw: bool = parameter(
        True, "Whether to draw slope units where there are a DEM and its drainage.", source="choice of geo_risk"
    )
    threshold_start_m2: float = parameter(
        800_000.0,
        "Upslope area from which a cell is a stream in the first and coarsest half basins (t).",
        source=_PAPER,
        gt=0,
        le=1e9,
    )
    reduction: float = parameter(
        5.0,
        "From round to round the threshold t becomes t - t / reduction, until it falls below area_min_m2 / 4.",
        source="values above 5 are recommended by the authors of the method; 5 needs 16 rounds with the other defaults",
        gt=1,
        le=100,
    )
    circular_variance_max: float = parameter(
        0.2,
        "A unit whose aspect has a greater circular variance is divided (0 one direction, 1 all directions).",
        source="searched between 0.05 and 0.25 by the authors of the method; the value is a choice of geo_risk",
        gt=0,
        lt=1,
    )
    area_min_m2: float = parameter(
        100_000.0,
        "A unit smaller than this is not divided further.",
        source="searched between 50,000 and 200,000 m2 by the authors of the method; the value is a choice of geo_risk",
        gt=0,
        le=1e9,
    )
    area_max_m2: float = parameter(
        2_000_000.0, "A unit larger than this is divided whatever its aspect.", source=_PAPER, gt=0, le=1e10
    )
    area_clean_m2: float = parameter(
        25_000.0,
        "A piece smaller than this is merged into a neighbour of the same unit; a flat piece smaller than this stays "
        "in its unit.",
        source="the default of the authors of the method",
        ge=0,
        le=1e8,
    )
    flat_slope_deg: float = parameter(
        2.0,
        "Ground below this slope has no aspect that counts; in a piece it is no slope unit.",
        source="choice of geo_risk: at 30 m a rise of 1 m, within the noise of global DEMs",
        ge=0,
        le=30,
    )
    part_area_m2: float = parameter(
        50_000_000.0,
        "Streams of this upslope area cut the map into the parts that are worked on one at a time; units do not cross "
        "them or their divides.",
        source="choice of geo_risk: some 50,000 cells of 30 m",
        gt=0,
        le=1e10,
    )

    @model_validator(mode="after")
    def _ordered_areas(self) -> Self:
        areas = (self.area_clean_m2, self.area_min_m2, self.threshold_start_m2, self.part_area_m2)
        if list(areas) != sorted(areas) or not self.area_min_m2 < self.area_max_m2:
            what = f"area_clean_m2 <= area_min_m2 <= threshold_start_m2 <= part_area_m2 needed, got {list(areas)}, "
            what += f"and area_max_m2 above area_min_m2, got {self.area_max_m2:g}"
            raise ValueError(what)
        return self


class ConditioningParams(Params):
    """How the DEM is opened under bridges and in culverts before water is routed over it."""

    search_m: float = parameter(
        1500.0, "Distance around a bridge or culvert within which hollows and the way out of them are looked for.",
        source=f"{_CHOICE}: the length of ponds behind road banks", gt=0, le=20_000,
    )  # fmt: skip
    hollow_min_m: float = parameter(
        0.3, "Hollows that are not deeper than this are left: they are noise of the DEM.",
        source=f"{_CHOICE}: vertical noise of a 30 m DEM over some cells", ge=0, le=50,
    )  # fmt: skip
    cut_beside_max_m: float = parameter(
        2.0, "Ground beside an opening is cut no deeper than this; where more is needed the opening is left closed.",
        source=f"{_CHOICE}: a deeper cut is no longer the opening's own", ge=0, le=50,
    )  # fmt: skip


class DemLiesParams(Params):
    """From when something in the DEM counts as not being ground."""

    spike_m: float = parameter(
        50.0, "A single cell that stands so far above or below all its neighbours is a spike or a pit.",
        source=f"{_CHOICE}: twice a steep slope's rise over a cell of 30 m", gt=0, le=5000,
    )  # fmt: skip
    hole_depth_m: float = parameter(
        100.0, "A hollow that is deeper when full is a hole of the DEM, or a mine or a dammed valley.",
        source=f"{_CHOICE}: above the depth of natural hollows", gt=0, le=5000,
    )  # fmt: skip
    building_pit_m: float = parameter(
        0.3, "A hollow under buildings that is deeper when full is a pit that they make in the DEM.",
        source=f"{_CHOICE}: the noise of fine DEMs", gt=0, le=100,
    )  # fmt: skip
    seam_step_m: float = parameter(
        1.0, "Least step of height over a straight line of 256 cells along a row or column that is a seam of tiles.",
        source=f"{_CHOICE}: the vertical error of global DEMs between tiles", gt=0, le=100,
    )  # fmt: skip
    seam_times: float = parameter(
        8.0, "The step must also be so many times that of the map's usual line.", source=_CHOICE, ge=1, le=100
    )
    seam_share: float = parameter(
        0.8, "Share of a seam's cells that must step the same way.", source=_CHOICE, gt=0.5, le=1
    )
    sea_area_m2: float = parameter(
        1_000_000.0, "Ground of exactly 0 m is sea, or missing ground written as 0, from this area on.", source=_CHOICE,
        gt=0,
    )  # fmt: skip
    steep_deg: float = parameter(
        60.0, "Slopes above this are rare on a grid of 10 m and more.", source=_CHOICE, gt=0, lt=90
    )
    steep_share_max: float = parameter(
        0.05, "Where a larger share of the ground is steeper, heights may be in feet, or too large.", source=_CHOICE,
        gt=0, le=1,
    )  # fmt: skip
