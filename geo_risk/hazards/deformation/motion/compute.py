"""The deformation hazard: how fast the ground moves, as a level."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from geo_risk.core.grid import same_grid
from geo_risk.core.levels import Level, classify_layer
from geo_risk.core.result import HazardResult, MethodCard, declared
from geo_risk.hazards.deformation.params import DeformationParams

INPUTS: dict[str, str] = {
    "velocity": "mm/yr", "velocity_std": "mm/yr", "velocity_slope?": "mm/yr", "blind_map?": "1",
}  # fmt: skip
"""Line-of-sight velocity with its standard error, the velocity along the slope where it is known, and the blind map."""

CARDS: dict[str, MethodCard] = {
    "velocity": MethodCard(
        "Velocity by robust least squares with gaps",
        "Normal equations with Tukey's bisquare (Beaton and Tukey 1974); errors after Huber 1981, section 7.6, widened "
        "for correlation in time by restricted likelihood (Patterson and Thompson 1971) of stable pixels",
        "series of at least ten dates; errors hold where noise is correlated in time as on the stable ground of the "
        "scene, and leave out what neighbours have in common",
        ("a trend over less than 1.5 years may be season", "motion beyond a quarter wavelength a revisit is lost"),
    ),
    "areas": MethodCard(
        "Active deformation areas against simulated noise",
        "two-sigma seeds after Barra et al. 2017, Remote Sens. 9(10):1002; false-alarm probability from noise "
        "simulated with the covariance of the map's own stable part",
        "maps with a stable part; without one an absolute threshold is used and said",
        ("noise is isotropic, its strength follows the place", "turbulence that repeats each year looks like a season"),
    ),
    "mining": MethodCard(
        "Mining bowls by the probability integral method",
        "W = W0(x) W0(y) / W0, U = b r dW/dx, r = H / tan(beta); Sci. Rep. 2025 s41598-025-02697-2, table 2",
        "near-level seams at 100-800 m, worked at an even pace while the radar watched",
        ("depth is r tan(beta) over the published range of tan(beta)", "only what was mined in the period is outlined",
         "a seam that dips shifts the bowl beside its working"),
    ),
    "lines": MethodCard(
        "Settlement along lines",
        "vertical velocity at the radar's posting; errors from the covariance of stable ground; sections by the "
        "false-discovery rate of Benjamini and Hochberg 1995",
        "lines that radar sees; bases from one cell to 100 m",
        ("steps narrower than a cell are averaged", "the line is taken as unbent when the series begins"),
    ),
    "structures": MethodCard(
        "Dams and ponds as bodies",
        "mean motion of the body against still ground around it, solved in the vertical plane across the crest",
        "bodies of a few cells or more that keep coherence",
        ("motion along the axis of a dam is taken as zero",),
    ),
    "watch": MethodCard(
        "Land-subsidence zones and volume",
        "significance by Benjamini and Hochberg 1995; volume = sum of rate x area, its error from the covariance of "
        "stable ground",
        "maps with stable ground; the zero is that ground",
        ("what is not seen is in no volume", "horizontal motion north is taken as zero"),
    ),
    "east_up": MethodCard(
        "East and up from two or more lines of sight",
        "weighted least squares with north taken as zero, covariance (G'WG)^-1; series at common epochs by straight "
        "lines between dates",
        "looks that differ by 20 degrees or more in the east-up plane; small north motion",
        ("north motion leaks into up: the bound is stated", "errors of the tracks are taken as independent"),
    ),
    "activity": MethodCard(
        "Activity by nested tests and BIC, every breakpoint tried",
        "classes after Berti et al. 2013, Nat. Hazards Earth Syst. Sci. 13:1945; failure by Fukuzono's 1/v "
        "(alpha = 2), integrated and fitted to the displacements with a likelihood profile",
        "series of at least ten dates; changes are told from a season from 1.5 years on",
        ("the failure window holds only while the slope goes on as it did", "a season is one sine a year",
         "a break needs five dates after it: one of the last four dates is seen late or as a curve"),
    ),
    "slope": MethodCard(
        "Velocity along the slope", "V_slope = V_LOS / C (Notti et al. 2014; Cigna et al. 2012)",
        "translational motion along the steepest descent where |C| >= 0.2",
    ),
}  # fmt: skip
"""Method cards by phenomenon, for the report."""

_SPEED_SCALE_MM_YR = 5.0


def compute(layers: Mapping[str, xr.DataArray], params: DeformationParams) -> HazardResult:
    """Return the speed of the ground, its level and confidence.

    Parameters
    ----------
    layers : those of INPUTS, on one grid; lazy stays lazy.
    params : level bounds [mm/yr].

    Returns
    -------
    HazardResult. intensity: |velocity_slope| where it is known, else |velocity| [mm/yr]. level: by
    `level_bounds_mm_yr` where |velocity| exceeds two standard errors; 0 only where two standard errors more would still
    be below the first bound and the blind map says that the ground is seen; -1 where neither holds or it is unknown:
    what may move is not shown as still. Where the blind map is not 0, |velocity| is but a part of the motion:
    levels 0 and 1 are -1 there. Without a blind map no level is 0. confidence: 1 / (1 + (sigma / 5 mm/yr)^2), 0 where
    unknown.

    Raises
    ------
    UnitError : a unit is absent or wrong. GridError : different grids.
    """
    given = declared(layers, INPUTS)
    grid = same_grid(*given.values())
    speed = abs(given["velocity"])
    sigma = given["velocity_std"]
    known = speed.notnull() & sigma.notnull()
    intensity = speed
    if "velocity_slope" in given:
        along = abs(given["velocity_slope"])
        intensity = along.where(along.notnull(), speed)
    intensity = intensity.where(known).astype(np.float32)
    level = classify_layer(intensity, params.level_bounds_mm_yr, long_name="deformation level")
    # along the slope errors grow as the velocity does
    worst = intensity * (1 + 2 * sigma / speed.where(speed > 0)).fillna(1.0) + (2 * sigma).where(~(speed > 0), 0.0)
    moves = (speed > 2 * sigma) & (level >= 1)
    still = worst < params.level_bounds_mm_yr[0]
    level = level.where(moves, still.astype(np.int8) - np.int8(1)).astype(np.int8)
    if "blind_map" in given:
        level = level.where((given["blind_map"] == 0) | (level >= Level.MEDIUM), np.int8(Level.UNKNOWN)).astype(np.int8)
    else:
        level = level.where(level != Level.NONE, np.int8(Level.UNKNOWN)).astype(np.int8)
    confidence = (1 / (1 + (sigma / _SPEED_SCALE_MM_YR) ** 2)).where(known, 0.0).astype(np.float32)
    return HazardResult(
        grid.layer(intensity.data, units="mm/yr", long_name="speed of the ground", name="deformation_speed"),
        grid.layer(level.data, units="level", long_name="deformation level", name="deformation_level"),
        grid.layer(confidence.data, units="1", long_name="confidence", name="deformation_confidence"),
        CARDS["velocity"],
    )
