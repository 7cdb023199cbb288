"""Line-of-sight velocity along the slope, the smallest that could be seen, and the map of what is blind."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter

from geo_risk.core.grid import grid_of, same_grid
from geo_risk.core.units import in_units
from geo_risk.hazards.deformation.geometry.decomposition import Track
from geo_risk.hazards.deformation.geometry.layover import layover_and_shadow
from geo_risk.hazards.deformation.params import SlopeParams
from geo_risk.kernels.plane import plane_gradient

SEEN, NO_DATA, INSENSITIVE, SHADOW = 0, 1, 2, 3
CODES = {SEEN: "seen", NO_DATA: "no_data", INSENSITIVE: "insensitive", SHADOW: "layover_or_shadow"}
"""Codes of the blind map and their names in facts."""


@dataclass(frozen=True)
class Ground:
    """Slope and aspect of each cell [degree] and its height [length], layers (y, x) on one grid.

    aspect_deg is the downslope azimuth clockwise from north, NaN where flat.
    """

    slope_deg: xr.DataArray
    aspect_deg: xr.DataArray
    dem: xr.DataArray


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


def body_slope(dem: xr.DataArray, *, radius_m: float) -> tuple[xr.DataArray, xr.DataArray]:
    """Return slope and aspect [degree] of the plane through the square of half width `radius_m` around each cell.

    A body slides along the plane it lies on, not along the gullies of its cells. Float32, lazy, whatever the chunks.
    """
    grid = grid_of(dem)
    n = max(1, round(radius_m / grid.resolution_m))
    data = in_units(dem, "m").data
    data = data if isinstance(data, da.Array) else da.from_array(np.asarray(data))
    padded = da.overlap.overlap(data.astype(np.float64), depth=n, boundary=np.nan, allow_rechunk=True)
    trimmed = tuple(tuple(c - 2 * n for c in axis) for axis in padded.chunks)
    planes = da.map_blocks(
        _planes, padded, n, grid.resolution_m, dtype=np.float32, new_axis=0, chunks=((2,), *trimmed),
        meta=np.empty((0, 0, 0), np.float32),
    ).rechunk({1: data.chunks[0], 2: data.chunks[1]})  # fmt: skip
    names = (("slope_body_deg", "slope of the body around"), ("aspect_body_deg", "aspect of the body around"))
    slope, aspect = (
        grid.layer(planes[k], units="degree", long_name=text, name=name) for k, (name, text) in enumerate(names)
    )
    return slope, aspect


def downslope_layers(
    tracks: Sequence[Track], ground: Ground, params: SlopeParams, *, hidden: Sequence[xr.DataArray] | None = None
) -> dict[str, xr.DataArray]:
    """Project each cell's most sensitive track onto the slope, and say where no track can see downslope motion.

    Parameters
    ----------
    tracks : one or more on one grid; `shadow` where the product has a mask of its own.
    ground : the surface, on the same grid.
    params : masks and the detection factor.
    hidden : `is_hidden` of each track where it was kept, so that rays are cast once; None to cast them.

    Returns
    -------
    velocity_slope [mm/yr], positive downslope: V_LOS / C of the track with the smallest sigma / |C|; NaN where the
    slope is below the minimum or |C| < minimum. A standard error that is missing or 0 is not known: such
    a track counts only where no other does. detectable_slope [mm/yr]: k sigma_v / |C| of that track. blind_map uint8,
    from all tracks, see `blind_codes`. All lazy.

    Raises
    ------
    GridError : different grids. UnitError : a unit is absent or wrong.
    """
    grid = same_grid(ground.slope_deg, ground.aspect_deg, ground.dem, *(t.velocity for t in tracks))
    steep = in_units(ground.slope_deg, "degree") >= params.minimum_slope_deg
    velocity = best = xr.full_like(ground.slope_deg, np.nan, dtype=np.float32)
    hidden = [is_hidden(t, ground.dem) for t in tracks] if hidden is None else hidden
    for track, blocked in zip(tracks, hidden, strict=True):
        # an insensitive direction divides by nothing: a track of east motion has C = 0 on slopes to the north
        c = sensitivity(track, ground.slope_deg, ground.aspect_deg)
        c = c.where(abs(c) >= params.minimum_sensitivity)
        noise = _detectable(track, c, params)
        usable = _has(track) & ~blocked & steep & c.notnull()
        # a track whose error is not known gives the velocity only where no other does
        known = noise.notnull()
        better = usable & ((known & ~(best <= noise)) | (~known & velocity.isnull()))
        velocity = (in_units(track.velocity, "mm/yr") / c).where(better, velocity)
        best = noise.where(better, best)
    blind = blind_codes(tracks, hidden, ground, params)
    text = ", ".join(f"{k} {v.replace('_', ' ')}" for k, v in CODES.items())
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


def is_hidden(track: Track, dem: xr.DataArray) -> xr.DataArray:
    """Return where the track lies in layover or shadow: by rays through the DEM, or by the product's own mask."""
    return with_mask(layover_and_shadow(track, dem), track)


def with_mask(rays: xr.DataArray, track: Track) -> xr.DataArray:
    """Return where `layover_and_shadow` found something or the product's own mask does (boolean)."""
    out: xr.DataArray = rays > 0 if track.shadow is None else (rays > 0) | (track.shadow > 0.5)
    return out


def blind_codes(
    tracks: Sequence[Track], hidden: Sequence[xr.DataArray], ground: Ground, params: SlopeParams
) -> xr.DataArray:
    """Return why motion of a cell would not be seen: 0 it would, 1 no data, 2 insensitive, 3 layover or shadow.

    Parameters
    ----------
    tracks, hidden : the tracks, and where each lies in layover or shadow (boolean).
    ground, params : the surface; what is demanded.

    Returns
    -------
    (y, x) uint8, lazy. A cell is seen only where, for each direction it may move in, some track with data outside
    layover and shadow has |C| >= minimum_sensitivity and k sigma_v / |C| <= maximum_detectable_mm_yr. The directions:
    down its own slope, and down the plane of the body around it (`body_slope`), each where steeper than
    minimum_slope_deg; flatter ground moves up or down. Nor is ground seen within the body's radius of a patch of unseen
    slope that is large enough to hold a body (`smallest_body_m` both ways): it may be the edge, head or toe of what
    slides there. Else 2 where a track has data outside layover and shadow,
    else 3 where a track lies in them, else 1. Ground without slope or height counts as without data. So does ground
    that would be seen but where a track's record ends off its course, and what lies as near to such a patch as to one
    of unseen slope: it has moved, or nobody can tell yet, whatever the other tracks saw until then.
    """
    body = body_slope(ground.dem, radius_m=params.body_radius_m)
    directions = ((ground.slope_deg, ground.aspect_deg), body)
    sees_own, sees_body = (_sees(tracks, hidden, d, params) for d in directions)
    clear = covered = xr.zeros_like(ground.slope_deg, dtype=bool)
    for track, blocked in zip(tracks, hidden, strict=True):
        clear = clear | (_has(track) & ~blocked)
        covered = covered | blocked
    clear = clear & in_units(ground.slope_deg, "degree").notnull() & in_units(ground.dem, "m").notnull()
    sees = sees_own & sees_body
    cell_m = grid_of(ground.dem).resolution_m
    edge = near_bodies(clear & ~sees, _cells(params.smallest_body_m, cell_m), _cells(params.body_radius_m, cell_m))
    seen = clear & sees & ~edge
    code = xr.zeros_like(clear, dtype=np.uint8).where(seen, np.uint8(INSENSITIVE))
    code = code.where(clear, np.uint8(SHADOW)).where(clear | covered, np.uint8(NO_DATA))
    sudden = [(t.sudden != 0) & t.sudden.notnull() for t in tracks if t.sudden is not None]
    if sudden:
        off = reduce(operator.or_, sudden)
        near = near_bodies(off, _cells(params.smallest_body_m, cell_m), _cells(params.body_radius_m, cell_m))
        code = code.where(~(seen & (off | near)), np.uint8(NO_DATA))
    out: xr.DataArray = code.astype(np.uint8)
    return out


def _detectable(track: Track, c: xr.DataArray, params: SlopeParams) -> xr.DataArray:
    """Return the smallest detectable velocity [mm/yr] in a direction of which the track sees the share c.

    NaN where the error is missing, or 0: that is the reference point of a product, where nothing was measured.
    """
    std = in_units(track.velocity_std, "mm/yr")
    out: xr.DataArray = params.detection_factor * std.where(std > 0) / abs(c)
    return out


def _has(track: Track) -> xr.DataArray:
    out: xr.DataArray = in_units(track.velocity, "mm/yr").notnull() & track.los_up.notnull()
    return out


def _sees(
    tracks: Sequence[Track],
    hidden: Sequence[xr.DataArray],
    direction: tuple[xr.DataArray, xr.DataArray],
    params: SlopeParams,
) -> xr.DataArray:
    """Return where some track sees motion down a slope of this direction, or up and down where it is flat."""
    slope, aspect = direction
    flat = in_units(slope, "degree") < params.minimum_slope_deg
    sees = xr.zeros_like(flat)
    for track, blocked in zip(tracks, hidden, strict=True):
        c = abs(sensitivity(track, slope, aspect)).where(~flat, abs(track.los_up))
        c = c.where(c >= params.minimum_sensitivity)
        enough = _detectable(track, c, params) <= params.maximum_detectable_mm_yr
        sees = sees | (_has(track) & ~blocked & enough)
    return sees


def near_bodies(mask: xr.DataArray, side: int, reach: int) -> xr.DataArray:
    """Return cells within `reach` rows and columns of a square of the mask of `side` cells (odd: one more if even).

    Boolean (y, x), lazy, whatever the chunks; what lies outside the grid is not in the mask.
    """
    data = mask.data if isinstance(mask.data, da.Array) else da.from_array(np.asarray(mask.data))
    half = side // 2
    wide = da.map_overlap(
        partial(_grown, half=half, reach=reach), data, depth=2 * half + reach, boundary=False, dtype=bool,
        allow_rechunk=True, meta=np.empty((0, 0), bool),
    )  # fmt: skip
    return mask.copy(data=wide.rechunk(data.chunks))


def _grown(mask: NDArray[np.bool_], *, half: int, reach: int) -> NDArray[np.bool_]:
    centres = minimum_filter(mask, size=2 * half + 1, mode="constant", cval=False)
    out: NDArray[np.bool_] = maximum_filter(centres, size=2 * (half + reach) + 1, mode="constant", cval=False)
    return out


def _cells(length_m: float, cell_m: float) -> int:
    return max(1, round(length_m / cell_m))


def _planes(z: NDArray[np.float64], n: int, cell_m: float, **_: Any) -> NDArray[np.float32]:
    out: NDArray[np.float32] = plane_gradient(np.ascontiguousarray(z), n, cell_m)
    return out
