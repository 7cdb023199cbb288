"""Names of the published rasters, the warning stages and the rain durations, as in the contract."""

from __future__ import annotations

import re

STAGES_H = (72, 24, 6, 3, 1)
"""Forecast stages of "31631", in hours, the longest first."""

RAIN_HOURS = (1, 3, 6, 12, 24, 72)
"""Durations of the published accumulations, in hours."""

RASTERS = (
    *(
        "velocity_east",
        "velocity_up",
        "velocity_east_std",
        "velocity_up_std",
        "velocity_slope",
        "detectable_slope",
    ),
    *(
        "blind_map",
        "activity",
        "slope_deg",
        "hand_m",
        "flow_accumulation",
        "susceptibility",
        "hazard_landslide",
    ),
    *(
        "hazard_flood",
        "runout_energy",
        "rain_effective",
        "return_period_yr",
        "depth_max_m",
        "flood_chance",
        "slide_chance",
        "depth_stations",
        "depth_dam_break",
        "hazard_rating",
    ),
    *("north_leak_east", "north_leak_up"),
    *("drought_spi", "fire_weather", "earthquake_landslide", "risk_level"),
    *(f"rain_{h}h" for h in RAIN_HOURS),
    *(f"warning_{h}h" for h in STAGES_H),
)
"""Rasters of the output folder but those of a track."""

_TRACK = re.compile(
    r"(?P<kind>velocity(?:_std)?(?!_(?:east|up|slope|std)$)|hotspot_z|annual_amplitude(?:_std)?|acceleration(?:_std)?"
    r"|series_class|series_acceleration(?:_std)?|break_date)_(?P<track>[A-Za-z0-9\-]+)"
)
_STEP = re.compile(r"(?P<kind>step(?:_std)?)_(?P<date>\d{8})_(?P<track>[A-Za-z0-9\-]+)")


_DESIGN = re.compile(r"(?P<kind>depth_design)_(?P<years>\d+)yr")


def design_raster(name: str) -> dict[str, str] | None:
    """Return `kind` and `years` of a raster of a design flood; None for any other raster."""
    found = _DESIGN.fullmatch(name)
    return None if found is None else found.groupdict()


def track_raster(name: str) -> dict[str, str] | None:
    """Return `kind` and `track` (and `date` of a step) of a raster of a track; None for any other raster.

    Those are velocity, hot spots, terms of the motion model, and what each single series shows.
    """
    found = _STEP.fullmatch(name) or _TRACK.fullmatch(name)
    return None if found is None else found.groupdict()


def is_published_raster(name: str) -> bool:
    """Return whether this raster is published: listed above, or one of those of a track or of a design flood."""
    return name in RASTERS or track_raster(name) is not None or design_raster(name) is not None
