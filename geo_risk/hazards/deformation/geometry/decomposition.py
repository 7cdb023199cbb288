"""East and up from the lines of sight of two or more tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.core.grid import Grid, same_grid
from geo_risk.core.units import in_units
from geo_risk.hazards.deformation.params import DecompositionParams
from geo_risk.kernels.decompose import decompose_east_up

NAMES = ("velocity_east", "velocity_up", "velocity_east_std", "velocity_up_std", "velocity_east_up_covariance")
_LONG = {
    "velocity_east": "east velocity, north taken as zero",
    "velocity_up": "vertical velocity, up positive, north taken as zero",
    "velocity_east_std": "standard error of the east velocity",
    "velocity_up_std": "standard error of the vertical velocity",
    "velocity_east_up_covariance": "covariance of east and up velocity",
}


@dataclass(frozen=True)
class Track:
    """Velocity, its standard error [speed] and the LOS unit vector [1] of one track, layers (y, x) on one grid.

    `shadow` is the product's own mask of layover and shadow (1 hidden, NaN unknown), None where it has none. `sudden`
    is the map `sudden_since` of `motion.sudden`: other than 0 where the series leaves its course at an end of the
    record; None where there is no series.
    """

    name: str
    velocity: xr.DataArray
    velocity_std: xr.DataArray
    los_east: xr.DataArray
    los_north: xr.DataArray
    los_up: xr.DataArray
    shadow: xr.DataArray | None = None
    sudden: xr.DataArray | None = None


def east_up(tracks: Sequence[Track], params: DecompositionParams) -> dict[str, xr.DataArray]:
    """Decompose line-of-sight velocities into east and up with propagated errors.

    Parameters
    ----------
    tracks : two or more, of different look, on one grid.
    params : the smallest usable angle between two looks.

    Returns
    -------
    The layers NAMES, float32 [mm/yr; covariance mm2/yr2]; NaN where fewer than two tracks of different look are
    known. Lazy stays lazy. Two tracks give v = E e + U u exactly; more are weighted by 1/std^2.

    Raises
    ------
    DataError : fewer than two tracks. GridError : different grids. UnitError : no speed.
    """
    grid = _grid(tracks)
    result = _solved(tracks, [in_units(t.velocity, "mm/yr") for t in tracks], params)
    out = {}
    for name, layer in zip(NAMES, result, strict=True):
        units = "mm2/yr2" if name.endswith("covariance") else "mm/yr"
        attrs = {"positive": "up"} if name == "velocity_up" else {"positive": "east"} if name == "velocity_east" else {}
        out[name] = grid.layer(layer.data, units=units, long_name=_LONG[name], name=name, **attrs)
    return out


def north_leak(tracks: Sequence[Track], params: DecompositionParams) -> tuple[xr.DataArray, xr.DataArray]:
    """Return by how much east and up change where the ground moves north by `north_motion_mm_yr`.

    Parameters
    ----------
    tracks, params : as for `east_up`, of which this is the same weighted solution, for what the tracks would see of
        that north motion alone. It is linear: twice the motion leaks twice as much, a south motion with the other sign.

    Returns
    -------
    Layers (y, x) float32 [mm/yr], lazy, NaN where `east_up` is.
    """
    grid = _grid(tracks)
    seen = [t.los_north * np.float32(params.north_motion_mm_yr) for t in tracks]
    known = [v.where(in_units(t.velocity, "mm/yr").notnull()) for v, t in zip(seen, tracks, strict=True)]
    east, up = _solved(tracks, known, params)[:2]
    text = f"velocity that a north motion of {params.north_motion_mm_yr:g} mm/yr would feign"
    return (
        grid.layer(east.data, units="mm/yr", long_name=f"east {text}", name="north_leak_east"),
        grid.layer(up.data, units="mm/yr", long_name=f"vertical {text}", name="north_leak_up"),
    )


def _grid(tracks: Sequence[Track]) -> Grid:
    if len(tracks) < 2:
        what = f"{len(tracks)} track; east and up need two looks"
        raise DataError(what, where="inputs.insar", fix="add a track of the other orbit direction")
    layers = (layer for t in tracks for layer in (t.velocity, t.velocity_std, t.los_east, t.los_north, t.los_up))
    return same_grid(*layers)


def _solved(
    tracks: Sequence[Track], values: Sequence[xr.DataArray], params: DecompositionParams
) -> tuple[xr.DataArray, ...]:
    """Return `decompose_east_up` of one value [mm/yr] a track, with the errors and looks of the tracks."""

    def stack(layers: Sequence[xr.DataArray]) -> xr.DataArray:
        plain = [layer.drop_vars("spatial_ref").astype(np.float32) for layer in layers]
        return xr.concat(plain, dim="track", join="exact", combine_attrs="drop").chunk({"track": -1})

    inputs = [
        stack(values),
        stack([in_units(t.velocity_std, "mm/yr") for t in tracks]),
        stack([in_units(t.los_east, "1") for t in tracks]),
        stack([in_units(t.los_up, "1") for t in tracks]),
    ]
    result: tuple[xr.DataArray, ...] = xr.apply_ufunc(
        _decompose, *inputs,
        kwargs={"minimum_sine": float(np.sin(np.deg2rad(params.minimum_angle_deg)))},
        input_core_dims=[["track"]] * 4, output_core_dims=[[]] * 5, dask="parallelized",
        output_dtypes=[np.float32] * 5, join="exact",
    )  # fmt: skip
    return result


def unit_length(
    east: xr.DataArray, north: xr.DataArray, up: xr.DataArray
) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """Return the vectors scaled to length 1 (resampling shortens them a little); NaN and laziness stay."""
    length = np.sqrt(east.astype(np.float64) ** 2 + north.astype(np.float64) ** 2 + up.astype(np.float64) ** 2)
    out = [(c / length).astype(np.float32).assign_attrs(c.attrs).rename(c.name) for c in (east, north, up)]
    return out[0], out[1], out[2]


def _decompose(
    velocity: NDArray[np.float32],
    std: NDArray[np.float32],
    east: NDArray[np.float32],
    up: NDArray[np.float32],
    *,
    minimum_sine: float,
) -> tuple[NDArray[np.float32], ...]:
    front = [np.ascontiguousarray(np.moveaxis(a, -1, 0), dtype=np.float32) for a in (velocity, std, east, up)]
    out: tuple[NDArray[np.float32], ...] = decompose_east_up(*front, minimum_sine=minimum_sine)
    return out
