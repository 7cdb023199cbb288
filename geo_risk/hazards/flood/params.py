"""Parameters of the flood hazard: drainage, runoff, rivers, depressions and the flow in the town."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from pydantic import model_validator

from geo_risk.core.params import Params, parameter
from geo_risk.hazards.flood.design_params import DesignRainParams
from geo_risk.hazards.flood.runoff_params import RunoffParams
from geo_risk.hazards.flood.sinking import SinkingParams
from geo_risk.hazards.flood.valley_params import ValleyFlowParams
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


class RiverParams(Params):
    """Peak discharge and water level of every stream cell."""

    storm_h: Literal[1, 3, 6, 12, 24, 72] = parameter(
        6, "Duration of the storm whose accumulation makes the river flood.",
        source=f"{_CHOICE}: near the time of concentration of a county's rivers",
    )  # fmt: skip
    manning_n: float = parameter(
        0.04, "Roughness of channel and banks.", source="Chow (1959) table 5-6: natural streams, winding", gt=0, le=0.5
    )
    slope_min: float = parameter(
        0.0005, "Least slope of the river bed; the DEM's steps are coarser.", source=_CHOICE, gt=0, le=0.1
    )
    unknown_stage_m: float = parameter(
        10.0, "Where nothing tells how much water comes from beyond the map, ground up to this height above the river "
        "is of unknown flood.",
        source=f"{_CHOICE}: great floods of the loess plateau's rivers stand 5 to 10 m above the bed", gt=0, le=30,
    )  # fmt: skip
    entry_snap_m: float = parameter(
        300.0, "Distance from where a river of inputs.rivers crosses the edge of the map within which the valley's "
        "lowest cell is looked for.",
        source=f"{_CHOICE}: ten cells of 30 m; the error of maps of 1:250,000", ge=0, le=5000,
    )  # fmt: skip
    width_scatter_min: float = parameter(
        0.2, "Least standard deviation of the logarithm of a river's width about its relation with the upslope area.",
        source=f"{_CHOICE}: below that of regional hydraulic geometry; a factor of 1.9 in area in 19 of 20 cases",
        ge=0, le=2,
    )  # fmt: skip
    width_scatter_max: float = parameter(
        0.5, "Where the widths of the map's rivers scatter more about it, widths tell nothing of the ground outside.",
        source=f"{_CHOICE}: a factor of 5.2 in area in 19 of 20 cases", ge=0, le=2,
    )  # fmt: skip
    known_share_min: float = parameter(
        0.9, "A river's flood is known where the runoff of at least this share of the ground upslope is; the rest "
        "counts as the mean of it.",
        source=f"{_CHOICE}: the rest changes the discharge by less than its own error", gt=0, le=1,
    )  # fmt: skip
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
    built_impervious_share: float = parameter(
        0.72, "Green-Ampt: least sealed share of built-up ground in the town.",
        source=f"{_TR55}: industrial district, 72 % impervious", ge=0, le=1,
    )  # fmt: skip
    unknown_soil_group: Literal["A", "B", "C", "D"] = parameter(
        "D", "Green-Ampt: soil group where the soil is not known.", source=f"{_CHOICE}: on the wet side"
    )
    built_codes: tuple[int, ...] = parameter(
        (4, 50), "Land-cover codes of built-up ground.", source="the sample county; ESA WorldCover"
    )
    unknown_curve_number: float = parameter(
        85.0, "Curve number where soil or land cover is not known.", source=f"{_CHOICE}: on the wet side", gt=0, le=100
    )
    built_drain_mm_h: float = parameter(
        0.0, "Rain rate that storm drains under built-up ground take where `inputs.drains` gives no area.",
        source=f"{_CHOICE}: none; networks are built for 1 to 3 years (GB 50014), 30-50 mm/h in the north of China",
        ge=0, le=200,
    )  # fmt: skip
    paved_manning_n: float = parameter(
        0.016, "Roughness of roads.", source="Chow (1959) table 5-6: rough asphalt", gt=0, le=0.5
    )
    built_manning_n: float = parameter(
        0.04, "Roughness of courts and ground between houses.", source=f"{_CHOICE}: obstacles count in", gt=0, le=0.5
    )
    manning_n: float = parameter(
        0.05, "Roughness of open ground.", source="Chow (1959) table 5-6: fields with crops", gt=0, le=0.5
    )
    building_height_m: float = parameter(
        0.0, "Height by which ground under the footprints of `inputs.buildings` is raised, so that water flows around "
        "them; 0: water flows through built-up ground, slowed by its roughness.",
        source=f"{_CHOICE}: none, for footprints are seldom complete, and cells of 5 m close lanes", ge=0, le=100,
    )  # fmt: skip
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
    advection: bool = parameter(
        True, "Momentum is carried along (the whole shallow-water equations); false: the local-inertial ones without "
        "it, in half the time, right for slow water alone: nothing runs faster than critical flow, so that steep "
        "streets stand too deep.",
        source="Stelling and Duinmeijer 2003; false: Bates et al. 2010",
    )  # fmt: skip
    open_boundary: bool = parameter(
        True, "Water leaves over the edges of the town's DEM.", source=f"{_CHOICE}: no wall stands there"
    )
    debris_factor: tuple[float, float, float] = parameter(
        (0.0, 1.0, 1.0),
        "Debris factor of the hazard rating d (v + 0.5) + DF to 0.25 m, to 0.75 m, and deeper or faster than 2 m/s.",
        source="Defra/Environment Agency (2006) FD2321/TR1 table 3.1: urban",
    )  # fmt: skip
    frame_step_s: float = parameter(
        600.0, "Step of the depths kept for the map.", source=f"{_CHOICE}: 36 pictures of six hours", ge=60, le=21600
    )
    boundary: Literal["rain_only", "county"] = parameter(
        "rain_only", "Water that enters the town's DEM: none, or what the county around it sends with the same storm.",
        source=f"{_CHOICE}: the report says what ground drains in",
    )  # fmt: skip
    outside_share_max: float = parameter(
        0.1, "Where more of the ground that drains to a site lies outside the town's DEM and was not run, its depth is "
        "a lower bound, and it is not known to be dry.",
        source=f"{_CHOICE}: less changes a depth by less than the terrain's errors", ge=0, le=1,
    )  # fmt: skip
    county_cells_max: int = parameter(
        250_000, "Most cells of the county's grid that are run around the town.",
        source=f"{_CHOICE}: 225 km2 at 30 m, a minute", ge=100, le=10_000_000,
    )  # fmt: skip
    county_lead_h: int = parameter(
        6, "Hours that the county is run before the town, so that water from upstream is on its way.",
        source=f"{_CHOICE}: 20 km of stream at 1 m/s", ge=0, le=72,
    )  # fmt: skip
    checkpoint_s: float = parameter(
        60.0, "Wall time between states of the flow that are kept, so that a run that is broken off can go on.",
        source=f"{_CHOICE}: less than a per cent of the time", ge=1, le=86400,
    )  # fmt: skip


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
    sill_max_m: float = parameter(
        3.0, "A sill higher than this is taken for a mistake of unit and counts as unknown.",
        source=f"{_CHOICE}: flood barriers of entrances are below 2 m; 30 is centimetres", gt=0, le=100,
    )  # fmt: skip
    device_max_m3_s: float = parameter(
        20.0, "A drain or pump of more is taken for a mistake of unit and run as if it took nothing.",
        source=f"{_CHOICE}: large pumping stations of a district; 50 is litres per second", gt=0, le=1000,
    )  # fmt: skip
    pump_added_m3_s: float = parameter(
        0.1, "Pump whose help is told at every site.", source=f"{_CHOICE}: a mobile pump of 360 m3/h", gt=0, le=20
    )
    storm_error: float = parameter(
        0.2, "Standard deviation of the logarithm of a storm's rain over the town, for the stability of ranks.",
        source=f"{_CHOICE}: a 1 km analysis or a short forecast", ge=0, lt=2,
    )  # fmt: skip
    runoff_error: float = parameter(
        0.2, "Standard deviation of the logarithm of the runoff of a site's catchment, for the stability of ranks.",
        source=f"{_CHOICE}: with the rain's it makes up `inflow_error`; five curve numbers at 60 mm", ge=0, lt=2,
    )  # fmt: skip
    n_draws: int = parameter(
        500, "Draws of depths by which the stability of ranks is told; 0: none.",
        source=f"{_CHOICE}: a share of 0.9 is known to 0.013", ge=0, le=20_000,
    )  # fmt: skip
    seed: int = parameter(1, "Seed of these draws.", source=_CHOICE, ge=0, le=2**31)
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
    valleys: ValleyFlowParams = ValleyFlowParams()
    bluespots: BluespotParams = BluespotParams()
    dam_break: DamBreakParams = DamBreakParams()
    town: TownFlowParams = TownFlowParams()
    sites: SiteParams = SiteParams()
    sinking: SinkingParams = SinkingParams()
    design: DesignRainParams = DesignRainParams()
    depth_bounds_m: tuple[float, float, float, float] = parameter(
        (0.15, 0.5, 1.0, 2.0), "Depths from which the flood level is 1, 2, 3, 4.",
        source=f"{_CHOICE}: kerb; adults lose footing; ground floors; storeys",
    )  # fmt: skip
    depth_error_m: float = parameter(
        0.25, "Standard deviation of the depth of rivers and ponds by model, DEM and rain; what is not known of the "
        "water from beyond the map comes on top. With it the probability of deep water is reckoned.",
        source=f"{_CHOICE}: half the step of its levels; check it against flood marks of your county", gt=0, le=5,
    )  # fmt: skip

    @model_validator(mode="after")
    def _bounds_rise(self) -> FloodParams:
        if not all(0 < a < b for a, b in pairwise(self.depth_bounds_m)):
            what = f"depth_bounds_m is {self.depth_bounds_m}; increasing depths above 0 needed"
            raise ValueError(what)
        return self
