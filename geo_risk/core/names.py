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
    *("hazard_flood", "runout_energy", "rain_effective", "return_period_yr", "depth_max_m", "hazard_rating"),
    *("north_leak_east", "north_leak_up"),
    *("drought_spi", "fire_weather", "earthquake_landslide", "risk_level"),
    *(f"rain_{h}h" for h in RAIN_HOURS),
    *(f"warning_{h}h" for h in STAGES_H),
)
"""Rasters of the output folder but those of a track."""

_TRACK = re.compile(
    r"(velocity(_std)?_(?!east|up|slope|std)|hotspot_z_|annual_amplitude(_std)?_|acceleration(_std)?_"
    r"|step(_std)?_\d{8}_|series_class_|series_acceleration(_std)?_|break_date_)[A-Za-z0-9\-]+$"
)
"""Rasters of a track: velocity, hot spots, terms of the motion model, and what each single series shows."""


def is_published_raster(name: str) -> bool:
    """Return whether this raster is published: listed above, or one of those of a track."""
    return name in RASTERS or bool(_TRACK.match(name))
