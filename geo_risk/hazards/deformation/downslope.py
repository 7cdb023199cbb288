"""Line-of-sight velocity along the slope, the smallest that could be seen, and the map of what is blind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from geo_risk.core.grid import same_grid
from geo_risk.core.units import in_units
from geo_risk.hazards.deformation.decomposition import Track
from geo_risk.hazards.deformation.params import SlopeParams

SEEN, NO_DATA, INSENSITIVE, SHADOW = 0, 1, 2, 3


def sensitivity(track: Track, slope_deg: xr.DataArray, aspect_deg: xr.DataArray) -> xr.DataArray:
    """Return C = l . s, the share of a downslope motion that the line of sight sees (y, x) [1], with its sign.

    s = (sin A cos b, cos A cos b, -sin b), A the downslope azimuth clockwise from north, b the slope. NaN where the
    aspect is unknown (flat) or the geometry is missing. Lazy.
    """
    same_grid(track.los_east, slope_deg, aspect_deg)
    b = np.deg2rad(in_units(slope_deg, "degree"))
    a = np.deg2rad(in_units(aspect_deg, "degree"))
    c: xr.DataArray = (
        np.sin(a) * np.cos(b) * track.los_east + np.cos(a) * np.cos(b) * track.los_north - np.sin(b) * track.los_up
    )
    return c.assign_attrs(units="1", long_name=f"sensitivity of {track.name} to downslope motion")


def is_shadow(track: Track, slope_deg: xr.DataArray, aspect_deg: xr.DataArray) -> xr.DataArray:
    """Return where a cell lies in active layover or shadow, from its own slope (boolean, lazy).

    With the incidence th and the slope component a_r toward the satellite in the range plane: layover where
    a_r >= th, shadow where a_r <= th - 90 degrees. Cells that another slope shades or overlays are not found.
    """
    b = np.deg2rad(in_units(slope_deg, "degree"))
    aspect = np.deg2rad(in_units(aspect_deg, "degree"))
    toward = np.arctan2(track.los_east, track.los_north)
    facing = np.arctan(np.tan(b) * np.cos(aspect - toward))
    incidence = np.arccos(np.clip(track.los_up, -1, 1))
    out: xr.DataArray = (facing >= incidence) | (facing <= incidence - np.pi / 2)
    return out


def downslope_layers(
    tracks: Sequence[Track], slope_deg: xr.DataArray, aspect_deg: xr.DataArray, params: SlopeParams
) -> dict[str, xr.DataArray]:
    """Project each cell's most sensitive track onto the slope, and say where no track can see downslope motion.

    Parameters
    ----------
    tracks : one or more on one grid.
    slope_deg, aspect_deg : [degree]; aspect is the downslope azimuth clockwise from north, NaN where flat.
    params : masks and the detection factor.

    Returns
    -------
    velocity_slope [mm/yr], positive downslope: V_LOS / C of the track with the smallest sigma / |C|; NaN where the
    slope is below the minimum or |C| < minimum. detectable_slope [mm/yr]: k sigma_v / |C| of that track. blind_map
    uint8: 0 seen; else 2 insensitive where a track has data; else 3 where one lies in layover or shadow; else 1 no
    data. Flat ground with data is "seen" (its motion is vertical, and the LOS sees that). All lazy.
    """
    grid = same_grid(slope_deg, aspect_deg, *(t.velocity for t in tracks))
    steep = in_units(slope_deg, "degree") >= params.minimum_slope_deg
    nothing = xr.zeros_like(slope_deg, dtype=np.float32).where(False)
    no = nothing.notnull()
    best, velocity, seen, clear_data, hidden = nothing, nothing, no, no, no
    for track in tracks:
        c = sensitivity(track, slope_deg, aspect_deg)
        blocked = is_shadow(track, slope_deg, aspect_deg)
        has = in_units(track.velocity, "mm/yr").notnull() & ~blocked
        sensitive = abs(c) >= params.minimum_sensitivity
        usable = has & steep & sensitive
        noise = (params.detection_factor * in_units(track.velocity_std, "mm/yr") / abs(c)).where(usable)
        better = usable & ~(best <= noise)
        velocity = (in_units(track.velocity, "mm/yr") / c).where(better, velocity)
        best = noise.where(better, best)
        seen = seen | (has & (~steep | sensitive))
        clear_data = clear_data | has
        hidden = hidden | blocked
    code = xr.zeros_like(slope_deg, dtype=np.uint8)
    blind = code.where(seen, INSENSITIVE).where(seen | clear_data, SHADOW).where(seen | clear_data | hidden, NO_DATA)
    text = "0 seen, 1 no data, 2 insensitive, 3 layover or shadow"
    return {
        "velocity_slope": grid.layer(
            velocity.data.astype(np.float32), units="mm/yr", long_name="velocity along the slope",
            name="velocity_slope", positive="downslope",
        ),
        "detectable_slope": grid.layer(
            best.data.astype(np.float32), units="mm/yr", long_name="smallest detectable downslope velocity",
            name="detectable_slope",
        ),
        "blind_map": grid.layer(
            blind.data.astype(np.uint8), units="1", long_name=f"blind map: {text}", name="blind_map"
        ),
    }  # fmt: skip
