"""Parameters of the deformation hazard."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import model_validator

from geo_risk.core.params import Params, parameter
from geo_risk.hazards.deformation.activity.params import ActivityParams
from geo_risk.hazards.deformation.activity.series_params import SeriesParams
from geo_risk.hazards.deformation.lines.params import LineParams, StructureParams, WatchParams
from geo_risk.hazards.deformation.mining.params import MiningParams
from geo_risk.hazards.deformation.motion.sign_params import SignParams


class VelocityParams(Params):
    """From displacement series to velocity on the track's own grid."""

    minimum_dates: int = parameter(
        10,
        "Fewest dates a pixel must have for a velocity",
        ge=3,
        le=10_000,
        source="choice of geo_risk: seven degrees of freedom beside trend and season",
    )
    minimum_coherence: float = parameter(
        0.25,
        "Pixels with a lower mean coherence are missing (where coherence is given)",
        ge=0,
        lt=1,
        source="usual mask of Sentinel-1 time series processors; choice of geo_risk",
    )
    atmosphere: Literal["none", "height", "ramp", "ramp_height", "quadratic", "quadratic_height"] = parameter(
        "ramp_height", "What is taken off every date before the fit: nothing, a plane or a quadratic surface, and a "
        "part proportional to height, fitted robustly to the stable part of the scene",
        source="standard practice, e.g. Doin et al. 2009, J. Appl. Geophys. 69:35",
    )  # fmt: skip
    reference: Literal["as_given", "stable_median", "area"] = parameter(
        "stable_median", "Zero of each date: the reference of the processor, the robust median of the stable part of "
        "the scene (a reference point can itself move), or the mean of an area (reference_lon_lat)",
        source="choice of geo_risk",
    )  # fmt: skip
    reference_lon_lat: tuple[float, float] | None = parameter(
        None, "Longitude and latitude [degree] of the middle of the reference area; needed by reference: area",
        source="the user's: stable ground, such as rock or a GNSS station",
    )  # fmt: skip
    reference_radius_m: float = parameter(
        200.0, "Radius of the reference area; the cell it lies in at the least", ge=0, le=100_000,
        source="choice of geo_risk: some ten cells of 60 m",
    )  # fmt: skip
    annual: Literal["auto", "never", "always"] = parameter(
        "auto", "Estimate a yearly term beside the trend; auto: from 1.5 years and 20 dates on",
        source="choice of geo_risk: less than 1.5 cycles cannot be told from a trend",
    )  # fmt: skip
    acceleration: bool = parameter(
        False, "A quadratic term beside the trend; the velocity is then that of the mean date",
        source="d = v t + a t^2 / 2",
    )  # fmt: skip
    steps: tuple[date, ...] = parameter(
        (), "Dates of offsets, such as earthquakes; a radar date on that day counts as after it", max_length=8,
        source="the user's",
    )  # fmt: skip
    time_axis: Literal["julian_year", "calendar_year"] = parameter(
        "julian_year", "Years of 365.25 days, or year + (day of year - 1) / 365.25 as MintPy counts",
        source="IAU Julian year; MintPy's decimal years as its output shows them",
    )  # fmt: skip
    temporal_correlation: Literal["scene", "none"] = parameter(
        "scene", "Standard errors allow for noise that is correlated in time, as the stable pixels of the scene show "
        "it, or take dates as independent", source="restricted likelihood; Worsley and Friston 1995, NeuroImage 2:173",
    )  # fmt: skip
    estimator: Literal["least_squares", "huber", "bisquare"] = parameter(
        "bisquare", "Plain least squares, Huber's M-estimator, or Tukey's bisquare started from it, which gives dates "
        "with an unwrapping jump no say",
        source="Huber 1964, Ann. Math. Statist. 35:73; Beaton and Tukey 1974, Technometrics 16:147",
    )  # fmt: skip
    huber_k: float = parameter(
        1.345, "Huber's constant in robust standard deviations", gt=0.5, le=5,
        source="Huber 1981, 95 % efficiency at the normal distribution",
    )  # fmt: skip
    date_weights: bool = parameter(
        True, "Weigh each date by the inverse of its scene variance after the correction",
        source="choice of geo_risk: summer atmosphere is two to three times that of winter",
    )  # fmt: skip
    drop_jumps: bool = parameter(
        True, "Leave out patches that stand off from all around them on one date alone and come back on the next "
        "(unwrapping errors); only where the scene has stable ground",
        source="choice of geo_risk",
    )  # fmt: skip
    sample_pixels: int = parameter(
        8_000, "Pixels of the regular sample that the corrections of each date are fitted to", ge=100, le=10_000_000,
        source="choice of geo_risk: four to six coefficients need far fewer",
    )  # fmt: skip
    resampling: Literal["bilinear", "nearest"] = parameter(
        "bilinear", "How velocities reach the run grid; bilinear gives missing where any neighbour is missing. Means "
        "of points always take nearest",
        source="choice of geo_risk",
    )  # fmt: skip

    @model_validator(mode="after")
    def _area_has_a_place(self) -> VelocityParams:
        if (self.reference == "area") != (self.reference_lon_lat is not None):
            what = "reference: area and reference_lon_lat need each other"
            raise ValueError(what)
        return self


class AreaParams(Params):
    """From velocity maps to active deformation areas."""

    sigma_factor: float = parameter(
        2.0, "A pixel is active beyond this many robust standard deviations of stable ground", gt=0, le=10,
        source="Barra et al. 2017, Remote Sens. 9(10):1002",
    )  # fmt: skip
    scales_m: tuple[float, ...] = parameter(
        (0.0, 75.0, 300.0, 1200.0),
        "Standard deviations of the Gaussian filters that look for small to wide areas; 0 is the map as it is",
        source="choice of geo_risk: slides from 150 m, cones to 3 km", min_length=1, max_length=8,
    )  # fmt: skip
    annual_scales_m: tuple[float, ...] = parameter(
        (75.0,), "The same for maps of the yearly term", min_length=1, max_length=8,
        source="choice of geo_risk: seasonal slides are small; wide yearly patterns are atmosphere",
    )  # fmt: skip
    background_factor: float = parameter(
        4.0, "Each scale is held against stable ground around it, seen through a Gaussian this many times wider",
        gt=1, le=20, source="choice of geo_risk: a difference of Gaussians whitens a power-law atmosphere",
    )  # fmt: skip
    narrowest_background_m: float = parameter(
        300.0, "Standard deviation of the narrowest background", gt=0, le=50_000, source="choice of geo_risk",
    )  # fmt: skip
    outline_share: float = parameter(
        0.25, "An area ends where the motion falls below this share of its peak", gt=0, lt=1,
        source="choice of geo_risk: keeps the halo of fast movers out of their area",
    )  # fmt: skip
    n_simulations: int = parameter(
        49, "Simulated noise maps behind each false-alarm probability", ge=39, le=10_000,
        source="choice of geo_risk: counts p to 0.2, a Gumbel tail beyond; none is stated below 1/(n + 1)",
    )  # fmt: skip
    false_alarm_p: float = parameter(
        0.05, "Areas whose false-alarm probability is above this are dropped",
        gt=0, lt=1, source="95 % quantile of areas in simulated noise",
    )  # fmt: skip
    unconfirmed_p: float = parameter(
        1e-3, "The same for an area that one track alone shows although another looks at it too",
        gt=0, lt=1, source="choice of geo_risk: atmosphere strikes one track, motion most often both",
    )  # fmt: skip
    minimum_pixels: int = parameter(
        5, "Fewest pixels of an area", ge=1, le=1000, source="Barra et al. 2017 (five points)",
    )  # fmt: skip
    absolute_threshold_mm_yr: float = parameter(
        20.0, "Pixel threshold where no stable ground can be found", gt=0, le=1000,
        source="choice of geo_risk: above the error of any series of a season or more",
    )  # fmt: skip
    maximum_stable_sigma_mm_yr: float = parameter(
        15.0, "A map whose robust standard deviation is above this has no stable part", gt=0, le=1000,
        source="choice of geo_risk: ten times the error of two years of Sentinel-1",
    )  # fmt: skip
    minimum_stable_cells: int = parameter(
        2000, "Fewest known cells of a map whose noise can be simulated", ge=400, le=10**9,
        source="choice of geo_risk: some hundred independent cells of correlated noise",
    )  # fmt: skip
    hotspot_radius_m: float = parameter(
        200.0, "Radius of the disc that Gi* sums over", gt=0, le=20_000,
        source="Marmoni et al. 2025 (clusters of 200 m)",
    )  # fmt: skip
    hotspot_rate: float = parameter(
        0.05, "False-discovery rate of the cells that are called hot or cold spots", gt=0, lt=1,
        source="Benjamini and Hochberg 1995, J. R. Stat. Soc. B 57:289",
    )  # fmt: skip
    tile_cells: int = parameter(
        1024, "Side of the tiles a large map is worked through in; it changes memory and time, not the areas", ge=32,
        le=100_000, source="choice of geo_risk: windows of some 2000 cells with their rims, 0.6 GB",
    )  # fmt: skip
    sample_cells: int = parameter(
        1536, "Side of the windows that the noise of a large map is fitted to and simulated in; up to 1.8 times their "
        "area the whole map is", ge=64, le=100_000, source="choice of geo_risk: ten times the widest background",
    )  # fmt: skip
    sample_windows: int = parameter(
        4, "Most such windows, spread so that each stands for as many known cells", ge=1, le=1000,
        source="choice of geo_risk",
    )  # fmt: skip
    maximum_cells: int = parameter(
        180_000_000, "Most cells of the detection grid; where there are more, wider ones are taken and that is said",
        ge=10_000, le=10**9, source="choice of geo_risk: a province in cells of 30 m; 40 bytes a cell were measured, "
        "so 7 GB",
    )  # fmt: skip
    maximum_whole_cells: int = parameter(
        180_000_000, "The same for lines, structures and land subsidence", ge=1, le=10**9,
        source="choice of geo_risk: a province in cells of 30 m; 26 bytes a cell were measured, so 6 GB",
    )  # fmt: skip
    seed: int = parameter(20170, "Seed of the simulated noise", ge=0, le=2**31 - 1, source="choice of geo_risk")


class KindParams(Params):
    """What tells kinds of motion apart, beside the parameters of slopes and mining."""

    unknown_weight: float = parameter(
        0.75, "Sum of clues that a kind must reach to be more likely than unknown", ge=0, le=10,
        source="choice of geo_risk: one clear clue, or two weak ones",
    )  # fmt: skip
    minimum_lead: float = parameter(
        0.25, "Least lead of a kind over the next, else it is unknown", ge=0, le=10,
        source="choice of geo_risk: odds of 1.3",
    )  # fmt: skip
    wide_radius_m: float = parameter(
        700.0, "From this radius on gentle sinking is that of an aquifer, and no one structure", gt=0, le=50_000,
        source="choice of geo_risk: cones of depression are kilometres wide",
    )  # fmt: skip
    small_radius_m: float = parameter(
        300.0, "Up to this radius a body can be one structure or filled plot", gt=0, le=5000,
        source="choice of geo_risk: dams, stations, factory yards",
    )  # fmt: skip
    narrow_width_m: float = parameter(
        300.0, "Up to this width a body three times as long is an embankment or dam", gt=0, le=5000,
        source="choice of geo_risk: an embankment blurred by two cells of 60 m on either side",
    )  # fmt: skip
    settlement_rate_mm_yr: float = parameter(
        60.0, "Fastest motion that is laid to a structure standing there", gt=0, le=1000,
        source="choice of geo_risk: loose fill settles by millimetres to centimetres a year",
    )  # fmt: skip
    structure_distance_m: float = parameter(
        60.0, "A cell belongs to a known structure up to this distance, and half a cell", gt=0, le=1000,
        source="choice of geo_risk: geolocation error of Sentinel-1 points and drawn axes",
    )  # fmt: skip


class BulletinParams(Params):
    """When an area is that of the last bulletin, and what counts as a change."""

    minimum_overlap: float = parameter(
        0.3, "Share of the smaller of two outlines that must be common for them to be one body", gt=0, le=1,
        source="choice of geo_risk: a third, as for outlines of two tracks",
    )  # fmt: skip
    maximum_size_ratio: float = parameter(
        8.0, "Outlines whose areas differ by more than this factor are two bodies", ge=1, le=1000,
        source="choice of geo_risk: a bowl within a wide cone is a body of its own",
    )  # fmt: skip
    grown_share: float = parameter(
        0.3, "Smallest growth of an area that is called growth, as a share of what it was", gt=0, le=10,
        source="choice of geo_risk",
    )  # fmt: skip
    speed_sigma: float = parameter(
        2.0, "Smallest change of speed in standard errors of the difference", gt=0, le=10,
        source="choice of geo_risk: two sigma, as for areas",
    )  # fmt: skip
    minimum_speed_change_mm_yr: float = parameter(
        2.0, "Smallest change of speed that is called one", ge=0, le=1000,
        source="choice of geo_risk: below it processing alone makes a difference",
    )  # fmt: skip


class DecompositionParams(Params):
    """From lines of sight to east and up."""

    minimum_angle_deg: float = parameter(
        20.0, "Smallest angle between two lines of sight in the east-up plane that is decomposed", gt=0, lt=90,
        source="choice of geo_risk: error is amplified by about 1/sin of it",
    )  # fmt: skip
    north_motion_mm_yr: float = parameter(
        10.0, "Size of a north motion whose effect on east and up is stated: the bound of what its neglect may hide",
        gt=0, le=10_000, source="choice of geo_risk: scale it to the north motion that is possible",
    )  # fmt: skip
    series: bool = parameter(
        False, "Write east and up displacement at common epochs too: a cube as large as a series on the run grid",
        source="choice of geo_risk",
    )  # fmt: skip
    maximum_gap_days: float = parameter(
        48.0, "Known dates of a track further apart than this are not joined by a line at common epochs", gt=0,
        le=3660, source="choice of geo_risk: four repeats of one Sentinel-1 satellite",
    )  # fmt: skip


class SlopeParams(Params):
    """Projection onto the slope and what the radar cannot see."""

    minimum_sensitivity: float = parameter(
        0.2, "Where |C| is below this the geometry is called insensitive", gt=0, lt=1,
        source="Notti et al. 2014, Nat. Hazards 72:1 (from memory)",
    )  # fmt: skip
    minimum_slope_deg: float = parameter(
        5.0, "Flatter ground has no downslope velocity", ge=0, lt=90, source="Marmoni et al. 2025 (EGMS)",
    )  # fmt: skip
    detection_factor: float = parameter(
        2.0, "Smallest detectable velocity in standard deviations", gt=0, le=10, source="two sigma, as for areas",
    )  # fmt: skip
    body_radius_m: float = parameter(
        90.0, "Half width of the ground whose common plane gives the direction a body would slide in; ground this near "
        "a patch of unseen slope that can hold a body is not called seen", gt=0, le=1000,
        source="choice of geo_risk: half of the smallest slides looked for (areas.scales_m) and a radar cell",
    )  # fmt: skip
    smallest_body_m: float = parameter(
        150.0, "Side of the smallest patch of unseen slope that can hold a body", gt=0, le=10_000,
        source="choice of geo_risk: the smallest slides looked for (areas.scales_m)",
    )  # fmt: skip
    maximum_detectable_mm_yr: float = parameter(
        16.0, "Where only faster downslope motion could be detected, the ground is not called seen", gt=0, le=10_000,
        source="Cigna et al. 2012: upper bound of slow slides (as level_bounds_mm_yr)",
    )  # fmt: skip


class GroundControlParams(Params):
    """Comparison with levelling and GNSS."""

    radius_m: float = parameter(
        100.0, "Cells up to this distance of a point are averaged; the one it lies in at the least", ge=0, le=10_000,
        source="choice of geo_risk: two to three cells of 60 m",
    )  # fmt: skip
    minimum_cells: int = parameter(
        1, "Fewest known cells that are compared with a point", ge=1, le=1000, source="choice of geo_risk",
    )  # fmt: skip
    minimum_dates: int = parameter(
        3, "Fewest common dates of two series that are compared", ge=3, le=10_000,
        source="choice of geo_risk: a slope with an error needs three",
    )  # fmt: skip
    maximum_gap_days: float = parameter(
        48.0, "Known dates of a series further apart than this are not joined by a line at dates of the other",
        gt=0, le=3660, source="choice of geo_risk: four repeats of one Sentinel-1 satellite",
    )  # fmt: skip


class DeformationParams(Params):
    """Everything of the deformation hazard."""

    velocity: VelocityParams = VelocityParams()
    decomposition: DecompositionParams = DecompositionParams()
    areas: AreaParams = AreaParams()
    kinds: KindParams = KindParams()
    series: SeriesParams = SeriesParams()
    activity: ActivityParams = ActivityParams()
    bulletin: BulletinParams = BulletinParams()
    slope: SlopeParams = SlopeParams()
    signs: SignParams = SignParams()
    ground_control: GroundControlParams = GroundControlParams()
    mining: MiningParams = MiningParams()
    lines: LineParams = LineParams()
    structures: StructureParams = StructureParams()
    watch: WatchParams = WatchParams()
    level_bounds_mm_yr: tuple[float, float, float, float] = parameter(
        (5.0, 16.0, 50.0, 160.0), "Lower bounds of the levels 1-4 of the speed of active ground",
        source="Cigna et al. 2012 (5 and 16 mm/yr); choice of geo_risk above",
    )  # fmt: skip
