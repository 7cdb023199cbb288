"""Parameters of hazard points, risk zones, evacuation and waterlogging."""

from __future__ import annotations

from itertools import pairwise
from math import inf
from typing import Literal

from pydantic import Field, model_validator

from geo_risk.core.params import Params, check_weights, parameter
from geo_risk.exposure.params import ExposureParams, FloodLossParams
from geo_risk.products.priority_params import CRITERIA, PriorityParams
from geo_risk.products.rank_params import RankParams

_CHOICE = "choice of geo_risk"
_PLANS = "danger grades of Chinese county plans, METHODS.md section 3"

Matrix = tuple[tuple[int, int, int, int], ...]


class RiskParams(Params):
    """How hazard points are merged and graded, and how risk zones are drawn and graded."""

    match_distance_m: float = parameter(
        120.0, "Distance up to which a ledger point belongs to a moving area.",
        source=f"{_CHOICE}: two InSAR cells of 60 m", ge=0, le=2000,
    )  # fmt: skip
    position_error_m: float = parameter(
        30.0, "Error of a ledger point's position: up to it a zone or area beside the point may well hold it.",
        source=f"{_CHOICE}: a hand-held position in a gully", ge=0, le=500,
    )  # fmt: skip
    doubtful_error_m: float = parameter(
        600.0, "Distance up to which a point whose coordinates could not be checked belongs to a zone.",
        source="the GCJ-02 shift of 557 m at Taiyuan (METHODS.md section 7)", ge=0, le=2000,
    )  # fmt: skip
    duplicate_distance_m: float = parameter(
        30.0, "Ledger rows of one kind closer than this are named as possibly the same place.",
        source=f"{_CHOICE}: one cell of the run grid", ge=0, le=500,
    )  # fmt: skip
    point_radius_m: float = parameter(
        30.0, "Radius around a point without an area in which levels and people are looked up.",
        source=f"{_CHOICE}: one cell of the run grid, and the error of a hand-held position", gt=0, le=2000,
    )  # fmt: skip
    point_area_share: float = parameter(
        0.5, "A point has the highest hazard level that at least this share of the area around it reaches.",
        source=f"{_CHOICE}: the median", gt=0, le=1,
    )  # fmt: skip
    point_stable_share: float = parameter(
        0.8, "A point without a moving area is stable only where the raster `activity` calls at least this share of "
        "the ground within `point_radius_m` stable, and none of it moving.",
        source=f"{_CHOICE}: nearly all of it, since the point may be anywhere in the disc; the rest may touch a gap",
        gt=0, le=1,
    )  # fmt: skip
    same_area_iou: float = parameter(
        0.2, "Moving areas whose overlap is at least this share of their union are one place.",
        source=f"{_CHOICE}: two tracks outline the same slide differently", ge=0, le=1,
    )  # fmt: skip
    false_alarm_max: float = parameter(
        0.05, "Moving areas whose false-alarm probability is known to be higher make no hazard point; one that is only "
        "bounded from above, as by few simulations, or missing, does not count against an area.",
        source=f"{_CHOICE}: the usual 95 % quantile", ge=0, le=1,
    )  # fmt: skip
    dormant_max_level: int = parameter(
        1, "A ledger point is proposed dormant only where the hazard level is at most this.",
        source=f"{_CHOICE}: low or none", ge=0, le=3,
    )  # fmt: skip
    velocity_bounds_mm_yr: tuple[float, float, float, float] = parameter(
        (5.0, 10.0, 20.0, 50.0), "Speeds from which a moving point has hazard level 1, 2, 3, 4.",
        source=f"{_CHOICE} after the activity classes 5 and 16 mm/yr of Cigna 2012",
    )  # fmt: skip
    scale_volume_m3: tuple[float, float, float] = parameter(
        (1e5, 1e6, 1e7), "Volumes from which a point is medium, large, giant.",
        source="Chinese practice for landslides, from memory: set your province's table",
    )  # fmt: skip
    danger_grade_people: tuple[int, int, int] = parameter(
        (100, 500, 1000), "Threatened people from which the danger grade is III, II, I.", source=_PLANS
    )
    danger_grade_assets_cny: tuple[float, float, float] = parameter(
        (5e6, 5e7, 1e8), "Threatened assets from which the danger grade is III, II, I.", source=_PLANS
    )
    settlement_radius_m: float = parameter(
        150.0, "Radius over which people are spread where a settlement has no buildings.",
        source=f"{_CHOICE}: a small village", gt=0, le=2000,
    )  # fmt: skip
    zone_min_level: int = parameter(
        3, "Hazard level from which cells become a risk zone.", source=f"{_CHOICE}: high", ge=1, le=4
    )
    zone_min_area_m2: float = parameter(
        10_000.0, "Zones smaller than this are dropped unless a building stands in them.",
        source=f"{_CHOICE}: eleven cells of 30 m", ge=0,
    )  # fmt: skip
    zone_max_area_m2: float = parameter(
        500_000.0, "Larger connected zones are divided along ridges and streams, or by halves without drainage.",
        source=f"{_CHOICE}: what one responsible person can watch", gt=0,
    )  # fmt: skip
    zone_units: Literal["hazard_cells", "slope_units", "runout"] = parameter(
        "hazard_cells", "What zones of hazard layers are drawn on: the connected cells of at least `zone_min_level`, "
        "large ones divided along ridges and streams; whole slope units (section `slope_units`) of which at least "
        "`warning_area_share` is of that level, and the cells beside them as before; or (`runout`) the connected "
        "cells, and moving areas of slopes, together with what runs out from them (section `runout`).",
        source=f"{_CHOICE}: on the demo county whole units make four times as many zones with twice the ground and "
        "half as many people again, most of them on no hazardous cell; choose them where plans name slopes. Run-out "
        "adds 640 people, none of them hit in the demo's storm; choose it where plans name who lives below a slope",
    )  # fmt: skip
    zone_vertices_max: int = parameter(
        500, "Outlines of zones with more vertices are simplified further, each by itself.",
        source=f"{_CHOICE}: a map of 30,000 zones stays below 15 million vertices", ge=20, le=100_000,
    )  # fmt: skip
    zone_catchment_m2: float = parameter(
        500_000.0, "Upslope area from which a stream divides zones; what stays too large is divided by finer streams.",
        source=f"{_CHOICE}: hillslopes of gullies in loess, mostly 10-50 ha each", gt=0,
    )  # fmt: skip
    zone_merge_area_m2: float = parameter(
        100_000.0, "Of a divided zone, pieces smaller than this join the neighbour with the longest common border.",
        source=f"{_CHOICE}: a fifth of the largest", ge=0,
    )  # fmt: skip
    zone_smooth_m: float = parameter(
        20.0, "Radius by which zone outlines are rounded.", source=f"{_CHOICE}: below one cell", ge=0, le=500
    )
    warning_area_share: float = parameter(
        0.1, "A zone has the highest warning level that at least this share of its known area reaches.",
        source=f"{_CHOICE}: single cells do not warn a zone", gt=0, le=1,
    )  # fmt: skip
    min_known_share: float = parameter(
        0.5, "Below this share of known cells a level under medium is unknown.", source=_CHOICE, ge=0, le=1
    )
    line_depths_m: tuple[float, float, float, float] = parameter(
        (0.15, 0.27, 0.40, 0.50), "Depths of water from which a line section has flood hazard 1, 2, 3, 4.",
        source="the depth classes of section `waterlogging`",
    )  # fmt: skip
    line_deck_m: float = parameter(
        50.0, "A section within this distance of a bridge of its road is deck; so much at the ends of a tunnel is "
        "portal.",
        source=f"{_CHOICE}: half a deck and a cell, as `evacuation.deck_m`", ge=0, le=500,
    )  # fmt: skip
    line_deck_clear_m: float = parameter(
        2.0, "Water no deeper than this passes below a deck of unknown free height (`clearance_m` of "
        "`inputs.bridges`).",
        source=f"{_CHOICE}: below the free height of small road bridges", ge=0, le=20,
    )  # fmt: skip
    line_monitor_m: float = parameter(
        200.0, "A monitored hazard point within this distance speaks for a line section.",
        source=f"{_CHOICE}: what a monitor on foot keeps in sight", ge=0, le=5000,
    )  # fmt: skip
    line_monitor_level: int = parameter(
        2, "Sections of at least this risk, and those of unknown risk, are listed where nobody monitors them.",
        source=f"{_CHOICE}: medium", ge=1, le=4,
    )  # fmt: skip
    line_stretches_max: int = parameter(
        60, "Stretches without monitoring on the list `unmonitored_sections`, and all of high risk; those beyond are "
        "counted by level.",
        source=f"{_CHOICE}: what a county's road bureau can go through before a flood season", ge=1, le=100_000,
    )  # fmt: skip
    site_setback_m: float = parameter(
        100.0, "A planned site nearer than this to the end of a run-out is to be restricted.",
        source=f"{_CHOICE}: three cells of the run grid", ge=0, le=5000,
    )  # fmt: skip
    site_lookout_m: float = parameter(
        1000.0, "Distance up to which run-out is looked for around a planned site.", source=_CHOICE, ge=0, le=10_000
    )
    site_depths_m: tuple[float, float] = parameter(
        (0.15, 0.5), "Depths of water from which a planned site is to be restricted, and to be avoided.",
        source="the first and the last depth class of section `waterlogging`",
    )  # fmt: skip
    site_unknown_max: float = parameter(
        0.05, "A planned site of which more than this share is unknown is to be surveyed first.",
        source=f"{_CHOICE}: unknown is not suitable; cells of the rim are forgiven", ge=0, le=1,
    )  # fmt: skip
    vulnerability_people: tuple[float, float, float, float] = parameter(
        (1.0, 10.0, 100.0, 500.0), "People in a zone from which its vulnerability is 1, 2, 3, 4.",
        source=f"{_CHOICE}: the upper two are danger grades III and II",
    )  # fmt: skip
    vulnerability_road_km: float = parameter(
        0.1, "Roads in a zone from which its vulnerability is at least 1.", source=_CHOICE, ge=0
    )
    risk_matrix: Matrix = parameter(
        ((1, 1, 2, 2), (1, 2, 2, 3), (2, 2, 3, 4), (2, 3, 4, 4)),
        "Risk level by hazard level (rows 1-4) and vulnerability level (columns 1-4).",
        source=f"{_CHOICE}: symmetric, and never falling along a row or column",
    )  # fmt: skip

    exposure: ExposureParams = ExposureParams()
    flood_loss: FloodLossParams = FloodLossParams()
    ranks: RankParams = RankParams()

    @model_validator(mode="after")
    def _tables_rise(self) -> RiskParams:
        tables: dict[str, tuple[float, ...]] = {
            "velocity_bounds_mm_yr": self.velocity_bounds_mm_yr,
            "scale_volume_m3": self.scale_volume_m3,
            "danger_grade_people": self.danger_grade_people,
            "danger_grade_assets_cny": self.danger_grade_assets_cny,
            "vulnerability_people": self.vulnerability_people,
            "site_depths_m": self.site_depths_m,
            "line_depths_m": self.line_depths_m,
        }
        for name, bounds in tables.items():
            if not all(0 < a < b for a, b in pairwise(bounds)):
                what = f"{name} is {bounds}; increasing numbers above 0 needed"
                raise ValueError(what)
        _check_matrix(self.risk_matrix)
        return self


def _check_matrix(matrix: Matrix) -> None:
    columns = tuple(zip(*matrix, strict=True))
    rising = all(a <= b for line in (*matrix, *columns) for a, b in pairwise(line))
    if not (len(matrix) == 4 and rising and all(1 <= v <= 4 for row in matrix for v in row)):
        what = f"risk_matrix is {matrix}; 4 x 4 levels 1-4 that never fall along a row or a column needed"
        raise ValueError(what)


class EvacuationParams(Params):
    """Who must leave, where to, and by which road."""

    warning_level: int = parameter(
        3, "Warning level of a zone from which its people must leave.",
        source="orange: the level at which plans order people out", ge=1, le=4,
    )  # fmt: skip
    risk_level: int = parameter(
        3, "Where warnings of the next `known_hours` are unknown, risk level from which people must leave a zone.",
        source=f"{_CHOICE}: high", ge=1, le=4,
    )  # fmt: skip
    known_hours: int = parameter(
        6, "A zone is known to be calm where a stage of at least so many hours is; a shorter one says too little.",
        source=f"{_CHOICE}: a night's sleep, or two issues of the 3 h stage", ge=0, le=72,
    )  # fmt: skip
    superseded_after_h: float = parameter(
        12.0, "A stage issued so long before the newest one no longer calls a house where newer stages that reach as "
        "far know its slope: their level stands for it.",
        source=f"{_CHOICE}: half a day; on demo seed 7 issues of one and three days before called 4,100 people more, "
        "of whom 15 were hit by slides", gt=0, le=1000,
    )  # fmt: skip
    slide_chance: float = parameter(
        0.004, "A house must be left where a slide comes with at least this probability in the storm (layer "
        "slide_chance, from past storms with their slides); where that is known, warnings of whole slopes below "
        "`sure_level` do not call.",
        source=f"{_CHOICE}: the highest of seven tried that lists .98 of those hit in five demo counties (seeds "
        "661-665), as if staying cost 250 times as much as leaving in vain (Murphy 1977, Mon. Weather Rev. 105)",
        gt=0, le=0.5,
    )  # fmt: skip
    sure_level: int = parameter(
        4, "Warning level from which every house that a warned slope reaches must be left, however small the chance.",
        source="red: plans order everybody out", ge=1, le=5,
    )  # fmt: skip
    flood_level: int = parameter(
        2, "Hazard level of a flood zone from which its people must leave.",
        source=f"{_CHOICE}: with the default bounds half a metre, in which adults lose their footing", ge=1, le=4,
    )  # fmt: skip
    flood_chance: float = parameter(
        0.25, "A house must be left where half a metre of water or more (layer flood_chance) is at least this likely; "
        "used where `flood_level` is 2.",
        source=f"{_CHOICE}: where more than four must leave for each one hit, people cease to believe the list. At "
        "most a half: where river or pond is unknown, the layer tells only what is more likely than not",
        gt=0, le=0.5,
    )  # fmt: skip
    house_share: float = parameter(
        0.05, "A house must be left when at least this share of its footprint lies in a zone that calls.",
        source=f"{_CHOICE}: nobody leaves half a house", gt=0, le=1,
    )  # fmt: skip
    threat_by: Literal["runout", "line_of_sight"] = parameter(
        "runout", "How a warned slope threatens houses below: where run-out from it arrives (section `runout`), or "
        "where it is in sight within `reach_angle_deg` and `reach_distance_m`.",
        source=f"{_CHOICE}: on demo seed 7 both call 36 of the 37 houses hit by slides, run-out 5 % fewer in all",
    )  # fmt: skip
    reach_angle_deg: float = parameter(
        25.0, "A slope that is warned threatens the houses below that see it under at least this angle.",
        source="angle of reach of about 2,000 m3: log10 tan = -0.085 log10 V - 0.047, Corominas 1996 (Can. Geotech. "
        "J. 33(2)); larger slides reach farther", gt=0, lt=90,
    )  # fmt: skip
    reach_distance_m: float = parameter(
        300.0, "No farther than this; 0 judges a house by its own ground alone.",
        source=f"{_CHOICE}: the height of loess slopes at that angle", ge=0, le=5000,
    )  # fmt: skip
    snap_distance_m: float = parameter(
        1.0, "Road ends closer than this are one junction.", source=f"{_CHOICE}: survey accuracy", ge=0, le=50
    )
    access_distance_m: float = parameter(
        1000.0, "Farther from every road than this, a settlement or shelter is off the network.",
        source=f"{_CHOICE}: a quarter of an hour on foot", gt=0,
    )  # fmt: skip
    walking_km_h: float = parameter(
        4.0, "Speed between a house or shelter and the road.", source="a usual walking pace", gt=0, le=10
    )
    speed_km_h: dict[str, float] = parameter(
        {"trunk": 60.0, "primary": 50.0, "secondary": 40.0, "local": 20.0},
        "Speed by road class where the road gives none.", source=f"{_CHOICE}: loaded buses in rain",
    )  # fmt: skip
    exposed_time_factor: float = parameter(
        10.0, "Time on sections inside a risk zone counts this many times when routes are chosen.",
        source=f"{_CHOICE}: a long detour is better than an exposed road", ge=1,
    )  # fmt: skip
    keep_directions: bool = parameter(
        True, "One-way roads are driven in their direction only; false where the police open them both ways.",
        source=_CHOICE,
    )  # fmt: skip
    close_level: int = parameter(
        5, "Sections inside zones that call are closed from this level of the zone on (its highest warning, for water "
        "its hazard); lower and unknown ones are only avoided (`exposed_time_factor`). 5: no zone closes a road.",
        source=f"{_CHOICE}: zones are drawn with a margin; on demo seed 7 closing from 4 on leaves 76 % of the people "
        "without a way", ge=1, le=5,
    )  # fmt: skip
    close_depth_m: float = parameter(
        0.3, "Sections under deeper water are closed.",
        source="30 cm, at which road tunnels are closed (Chengdu): METHODS.md section 4", gt=0, le=5,
    )  # fmt: skip
    before_closing: bool = parameter(
        True, "Who has no way around deep water gets a way through it all the same, to be used before the water comes "
        "(`leave_early`); false: they are listed without a place. Closed zones are never entered.",
        source=f"{_CHOICE}: people are moved before the storm, the water comes with it",
    )  # fmt: skip
    close_cell_m: float = parameter(
        10.0, "Depths on coarser cells do not close a road: they are those of the channel or the valley floor as much "
        "as of the road, whose own depth is unknown; its sections are avoided.",
        source=f"{_CHOICE}: about the width of a road with its shoulders; most stream crossings have a pipe or a deck "
        "that no layer names", gt=0,
    )  # fmt: skip
    clear_by_h: float | None = parameter(
        None, "Hours after the beginning of the town's run by which everyone is through: sections that water reaches "
        "later are avoided, not closed. None: a section that is flooded at any time is closed.",
        source=f"{_CHOICE}: leaving may be late", ge=0, le=240,
    )  # fmt: skip
    unknown_depth_factor: float = parameter(
        2.0, "Time on sections of which the water depth is unknown counts this many times.",
        source=f"{_CHOICE}: unknown is not open", ge=1,
    )  # fmt: skip
    deck_m: float = parameter(
        50.0, "Water within this distance of a bridge of `inputs.bridges` runs under its deck and does not close it: "
        "the deck is avoided, and fails among the bridges.", source=f"{_CHOICE}: half a deck and a cell", ge=0, le=500,
    )  # fmt: skip
    together_extra_min: float = parameter(
        15.0, "A village divided among shelters is kept together where that costs at most so many minutes for each of "
        "its people; 0 leaves the cheapest plan as it is.", source=f"{_CHOICE}: families stay together", ge=0,
    )  # fmt: skip
    n_candidates: int = parameter(
        20, "Nearest shelters known to each settlement at first, of which ten start the plan; more are added until the "
        "plan is optimal.",
        source="METHODS.md section 6", ge=1,
    )  # fmt: skip
    shelter_max_level: int = parameter(
        2, "Shelters in zones of a higher hazard level are not used.", source=f"{_CHOICE}: below high", ge=0, le=4
    )
    river_width_m: float = parameter(
        10.0, "Width of a river of `inputs.rivers` that gives none: a shelter in the water of a river is not used.",
        source=f"{_CHOICE}: a small stream with its banks", ge=0, le=1000,
    )  # fmt: skip
    scores: dict[str, float] = parameter(
        {"warning": 0.35, "risk": 0.25, "people": 0.2, "vulnerable": 0.1, "cut_off": 0.1},
        "Weights of the score that ranks the list; they are scaled to one.", source=f"{_CHOICE}: danger before size",
    )  # fmt: skip
    priority: PriorityParams = Field(
        default_factory=PriorityParams, description="How the list is ranked, and how firmly its ranks hold."
    )

    @model_validator(mode="after")
    def _tables(self) -> EvacuationParams:
        check_weights("scores", self.scores, set(CRITERIA))
        if not (self.speed_km_h and all(0 < v < inf for v in self.speed_km_h.values())):
            what = f"speed_km_h is {self.speed_km_h}; a speed above 0 for at least one class needed"
            raise ValueError(what)
        return self
