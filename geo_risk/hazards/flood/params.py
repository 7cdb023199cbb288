"""Parameters of the flood hazard: drainage, runoff, rivers, depressions and the flow in the town."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from pydantic import model_validator

from geo_risk.core.params import Params, parameter
from geo_risk.terrain.params import ConditioningParams, DemLiesParams

_CHOICE = "choice of geo_risk"
_TR55 = "USDA TR-55 (1986) table 2-2, average antecedent moisture"


class DrainageParams(Params):
    """How the drainage network is derived from the DEM."""

    stream_area_m2: float = parameter(
        500_000.0, "Upslope area from which a cell is a stream.",
        source=f"{_CHOICE}: permanent gullies of the loess plateau; set it from a map of your rivers", gt=0,
    )  # fmt: skip
    cells_max: int = parameter(
        60_000_000, "Largest coarse grid whose wetness index is computed in memory for earthquakes (about 45 bytes a "
        "cell). Depressions and rivers go block by block and have no limit any more.",
        source=f"{_CHOICE}: 2.7 GB", gt=0,
    )  # fmt: skip


class RunoffParams(Params):
    """Runoff of a storm by the curve-number method."""

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


class RiverParams(Params):
    """Peak discharge and water level of every stream cell."""

    storm_h: Literal[1, 3, 6, 12, 24, 72] = parameter(
        6, "Duration of the storm whose accumulation makes the river flood.",
        source=f"{_CHOICE}: near the time of concentration of a county's rivers",
    )  # fmt: skip
    width_coefficient: float = parameter(
        4.8, "Width of the water surface [m] per square root of the discharge [m3/s].",
        source="Lacey (1930), wetted perimeter of regime channels P = 4.8 Q^0.5", gt=0, le=50,
    )  # fmt: skip
    manning_n: float = parameter(
        0.04, "Roughness of channel and banks.", source="Chow (1959) table 5-6: natural streams, winding", gt=0, le=0.5
    )
    slope_min: float = parameter(
        0.0005, "Least slope of the river bed; the DEM's steps are coarser.", source=_CHOICE, gt=0, le=0.1
    )
    slope_length_m: float = parameter(
        500.0, "Length over which the slope of the bed is averaged downstream.", source=_CHOICE, gt=0, le=50_000
    )
    design_years: tuple[int, ...] = parameter(
        (), "Return periods whose river flood is drawn (depth_design_{years}yr): the rain of `storm_h` by "
        "rainfall.annual_maxima of that duration, else by rainfall.idf.",
        source=f"{_CHOICE}: none; counties plan for 10, 20 and 50, towns for up to 100 years",
    )  # fmt: skip
    zones_design_years: int | None = parameter(
        None, "One of design_years whose level counts in risk zones where it is above that of the storm.",
        source=f"{_CHOICE}: none, zones are of the storm alone",
    )  # fmt: skip
    station_snap_m: float = parameter(
        300.0, "Distance over which a river station belongs to the largest stream near it.",
        source=f"{_CHOICE}: ten cells of 30 m", ge=0, le=5000,
    )  # fmt: skip
    station_area_ratio_max: float = parameter(
        2.0, "A station speaks for reaches of its river whose upslope area is up to this many times larger or smaller.",
        source=f"{_CHOICE}: transfer by area within a factor of two", ge=1, le=10,
    )  # fmt: skip

    @model_validator(mode="after")
    def _design_possible(self) -> RiverParams:
        years = self.design_years
        if any(t < 2 for t in years) or len(set(years)) != len(years):
            what = f"design_years is {list(years)}; different return periods of at least 2 years needed"
            raise ValueError(what)
        if self.zones_design_years is not None and self.zones_design_years not in years:
            what = f"zones_design_years is {self.zones_design_years}; one of design_years {list(years)} needed"
            raise ValueError(what)
        return self


class BluespotParams(Params):
    """Which depressions count."""

    depth_min_m: float = parameter(
        0.10, "Depressions that are not deeper than this when full are noise of the DEM.",
        source=f"{_CHOICE}: the vertical noise of a town's DEM", ge=0, le=10,
    )  # fmt: skip
    area_min_m2: float = parameter(
        50.0, "Depressions of a smaller water surface are left out.", source=f"{_CHOICE}: two cells of 5 m", ge=0
    )


class DamBreakParams(Params):
    """Screening of what lies below reservoirs and check dams."""

    attenuation_log10_km: float = parameter(
        0.0062, "Fall of the decimal logarithm of the peak discharge a kilometre down the river.",
        source="Bureau of Reclamation (1982), guidelines for defining inundated areas: 0.01 a mile", ge=0, le=1,
    )  # fmt: skip
    length_max_km: float = parameter(
        60.0, "Length of river below a dam that is looked at.", source=f"{_CHOICE}: a county's width", gt=0, le=1000
    )
    snap_m: float = parameter(
        150.0, "Distance from a reservoir within which its river is looked for.", source=f"{_CHOICE}: five cells",
        ge=0, le=5000,
    )  # fmt: skip
    settlement_radius_m: float = parameter(
        100.0,
        "A settlement is hit where ground this near to its point is.",
        source=f"{_CHOICE}: a hamlet",
        ge=0,
        le=5000,
    )
    unknown_height_m: float = parameter(
        5.0, "Where a dam's height or volume is not known, settlements up to this height above the river are counted.",
        source=f"{_CHOICE}: what a small dam's wave reaches", gt=0, le=30,
    )  # fmt: skip
    unknown_length_km: float = parameter(
        10.0, "The same: over this length of river below it.", source=_CHOICE, gt=0, le=1000
    )


class TownFlowParams(Params):
    """Rain-on-grid flow in the town on its fine DEM."""

    window_h: int = parameter(
        6, "Hours of rain that are run: those with the greatest sum.",
        source=f"{_CHOICE}: what fills a town's low places", ge=1, le=72,
    )  # fmt: skip
    past_window_h: int = parameter(
        4, "The same for past storms with reported depths.", source=f"{_CHOICE}: their peak", ge=1, le=72
    )
    after_h: float = parameter(
        0.0, "Hours that are run on after the rain.", source=f"{_CHOICE}: depth peaks within the rain", ge=0, le=72
    )
    cells_max: int = parameter(
        1_000_000, "Largest town grid that is run.", source=f"{_CHOICE}: some minutes on one core", gt=0
    )
    dry_gap_h: int = parameter(
        12, "Dry hours that part a storm from the one before; runoff counts the storm's rain from its start.",
        source=f"{_CHOICE}: usual in storm statistics (6-24 h)", ge=1, le=240,
    )  # fmt: skip
    paved_curve_number: float = parameter(98.0, "Curve number of roads.", source=_TR55 + ": paved", gt=0, le=100)
    built_curve_number: float = parameter(
        88.0, "Least curve number of built-up ground in the town, courts and parks among it.",
        source=f"{_TR55}: industrial district, 72 % impervious, group B", gt=0, le=100,
    )  # fmt: skip
    built_codes: tuple[int, ...] = parameter(
        (4, 50), "Land-cover codes of built-up ground.", source="the sample county; ESA WorldCover"
    )
    unknown_curve_number: float = parameter(
        85.0, "Curve number where soil or land cover is not known.", source=f"{_CHOICE}: on the wet side", gt=0, le=100
    )
    paved_manning_n: float = parameter(
        0.016, "Roughness of roads.", source="Chow (1959) table 5-6: rough asphalt", gt=0, le=0.5
    )
    built_manning_n: float = parameter(
        0.04, "Roughness of courts and ground between houses.", source=f"{_CHOICE}: obstacles count in", gt=0, le=0.5
    )
    manning_n: float = parameter(
        0.05, "Roughness of open ground.", source="Chow (1959) table 5-6: fields with crops", gt=0, le=0.5
    )
    road_width_m: dict[str, float] = parameter(
        {"trunk": 24.0, "primary": 20.0, "secondary": 14.0, "local": 8.0}, "Paved width by road class.",
        source=f"{_CHOICE}: usual in Chinese towns",
    )  # fmt: skip
    duration_depth_m: float = parameter(
        0.15, "Depth whose duration is counted.", source="lowest of the usual depth classes", gt=0, le=5
    )
    record_step_s: float = parameter(300.0, "Step of the water levels kept at sites.", source=_CHOICE, ge=10, le=3600)
    theta: float = parameter(
        0.9, "Weight of a face's own flux in the q-centred scheme.", source="de Almeida et al. 2012", gt=0, le=1
    )
    courant: float = parameter(
        0.7, "Share of the gravity-wave limit used for a step.", source="METHODS.md section 4: 0.5-0.7", gt=0, le=1
    )
    open_boundary: bool = parameter(
        True, "Water leaves over the edges of the town's DEM.", source=f"{_CHOICE}: no wall stands there"
    )


class SiteParams(Params):
    """Where waterlogging sites are looked for, and how drains and reports belong to them."""

    depth_min_m: float = parameter(
        0.20, "Depressions of the town's DEM that are not deeper are no sites.",
        source=f"{_CHOICE}: above the noise of a 5 m DEM, below the first depth class with a kerb", ge=0, le=10,
    )  # fmt: skip
    area_min_m2: float = parameter(
        150.0, "Depressions of a smaller water surface are no sites.", source=f"{_CHOICE}: six cells of 5 m", ge=0
    )
    court_area_min_m2: float = parameter(
        300.0, "Depressions off the roads must be this large, or have the next value's catchment.",
        source=f"{_CHOICE}: buildings make pits in DEMs", ge=0,
    )  # fmt: skip
    court_catchment_min_m2: float = parameter(
        5000.0, "Smaller depressions off the roads count where this much ground drains to them.", source=_CHOICE, ge=0
    )
    building_share_max: float = parameter(
        0.5, "A depression of which more lies under buildings is a pit of the DEM.", source=_CHOICE, ge=0, le=1
    )
    snap_m: float = parameter(
        30.0, "Distance over which a ledger point belongs to a depression.", source=f"{_CHOICE}: a road junction",
        ge=0, le=500,
    )  # fmt: skip
    crossing_m: float = parameter(
        15.0, "Distance of a road x railway crossing or an underground entrance from a depression.", source=_CHOICE,
        ge=0, le=500,
    )  # fmt: skip
    inlet_m: float = parameter(
        10.0, "A drain or pump takes water from the lowest cell within this distance.", source=_CHOICE, ge=0, le=100
    )
    report_error_m: float = parameter(
        0.03, "Standard deviation of depths that people report.", source=f"{_CHOICE}: marks read to 5 cm", gt=0, le=1
    )
    model_error_m: float = parameter(
        0.10, "Standard deviation of modelled depths.", source=f"{_CHOICE}: rims in a smoothed 5 m DEM", gt=0, le=2
    )
    inflow_error: float = parameter(
        0.3, "Standard deviation of the logarithm of the water that reaches a site in a storm.",
        source=f"{_CHOICE}: curve numbers and 1 km rain", gt=0, lt=2,
    )  # fmt: skip
    defect_prior: float = parameter(
        0.1, "Share of drains and pumps that have a hidden defect, before anything is known.",
        source=f"{_CHOICE}: one in ten", gt=0, lt=1,
    )  # fmt: skip
    defect_max_share: float = parameter(
        0.6,
        "A drain that past depths give at most this share of its capacity has a defect.",
        source=_CHOICE,
        gt=0,
        lt=1,
    )
    local_m: float = parameter(
        150.0, "Water from farther away than this comes from upstream.", source=f"{_CHOICE}: a block of houses", gt=0
    )


class FloodParams(Params):
    """River floods, ponding in depressions, and the flow in the town."""

    drainage: DrainageParams = DrainageParams()
    conditioning: ConditioningParams = ConditioningParams()
    dem_lies: DemLiesParams = DemLiesParams()
    runoff: RunoffParams = RunoffParams()
    river: RiverParams = RiverParams()
    bluespots: BluespotParams = BluespotParams()
    dam_break: DamBreakParams = DamBreakParams()
    town: TownFlowParams = TownFlowParams()
    sites: SiteParams = SiteParams()
    depth_bounds_m: tuple[float, float, float, float] = parameter(
        (0.15, 0.5, 1.0, 2.0), "Depths from which the flood level is 1, 2, 3, 4.",
        source=f"{_CHOICE}: kerb; adults lose footing; ground floors; storeys",
    )  # fmt: skip

    @model_validator(mode="after")
    def _bounds_rise(self) -> FloodParams:
        if not all(0 < a < b for a, b in pairwise(self.depth_bounds_m)):
            what = f"depth_bounds_m is {self.depth_bounds_m}; increasing depths above 0 needed"
            raise ValueError(what)
        return self
