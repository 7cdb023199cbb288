"""Layover and shadow of a track from the heights, also where another slope casts them."""

from __future__ import annotations

import math
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import same_grid
from geo_risk.core.units import in_units
from geo_risk.hazards.deformation.geometry.decomposition import Track
from geo_risk.kernels.visibility import layover_shadow


def layover_and_shadow(track: Track, dem: xr.DataArray) -> xr.DataArray:
    """Return where a track lies in shadow or layover, active or passive, by rays through the DEM.

    Parameters
    ----------
    track : its line of sight (y, x) [1].
    dem : heights (y, x), any length unit, on the same grid. Its lowest and highest value are computed here.

    Returns
    -------
    (y, x) uint8: 0 neither, 1 shadow, 2 layover, 3 both (`kernels.visibility` has the rules). Lazy; every block reads
    a halo as wide as the relief of the scene can cast, (highest - lowest) max(tan th, cot th), so that the blocks
    change nothing. 0 where the height or the line of sight is missing; what lies outside the DEM casts nothing.

    Raises
    ------
    GridError : different grids. UnitError : the DEM has no length unit.
    """
    grid = same_grid(dem, track.los_east, track.los_north, track.los_up)
    heights = _lazy(in_units(dem, "m")).astype(np.float64)
    los = [_lazy(c) for c in (track.los_east, track.los_north, track.los_up)]
    heights, depth, bounds = _halo(heights, los[2], grid.resolution_m)
    padded = da.overlap.overlap(heights, depth={0: depth[0], 1: depth[1]}, boundary=np.nan)
    blocks = [c.rechunk(heights.chunks) for c in los]
    codes = da.map_blocks(
        _cast, padded, *blocks, halo=depth, cell_m=grid.resolution_m, bounds=bounds,
        dtype=np.uint8, chunks=heights.chunks, meta=np.empty((0, 0), np.uint8),
    )  # fmt: skip
    codes = codes.rechunk(_lazy(dem).chunks)
    text = "0 neither, 1 shadow, 2 layover, 3 both"
    return grid.layer(codes, units="1", long_name=f"layover and shadow of {track.name}: {text}", name="hidden")


def _halo(heights: da.Array, los_up: da.Array, cell_m: float) -> tuple[da.Array, tuple[int, int], tuple[float, float]]:
    """Return the heights in blocks that can lend a halo, its depth (rows, columns), and the bounds of the heights."""
    known, up = da.where(da.isfinite(heights), heights, np.nan), da.where(los_up > 0, los_up, np.nan)
    found = dask.compute(
        da.where(da.isnan(known), np.inf, known).min(), da.where(da.isnan(known), -np.inf, known).max(),
        da.where(da.isnan(up), np.inf, up).min(), da.where(da.isnan(up), -np.inf, up).max(),
    )  # fmt: skip
    low, high, least, most = (float(v) for v in found)
    if not (low <= high and 0 < least <= most):
        return heights, (0, 0), (0.0, 0.0)
    steepest = max(math.sqrt(1 - u * u) / u if u < 1 else 0.0 for u in (least, most))
    flattest = max(u / math.sqrt(1 - u * u) if u < 1 else 0.0 for u in (least, most))
    reach = math.ceil((high - low) * max(steepest, flattest) / cell_m) + 1
    chunks: list[Any] = []
    depth = []
    for size, given in zip(heights.shape, heights.chunks, strict=True):
        whole = len(given) == 1 or 2 * reach >= size
        depth.append(0 if whole else reach)
        chunks.append((size,) if whole else given if min(given) >= reach else _wide(size, max(reach, *given)))
    return heights.rechunk(tuple(chunks)), (depth[0], depth[1]), (low, high)


def _wide(size: int, block: int) -> tuple[int, ...]:
    """Return blocks of at least `block` cells that fill `size`."""
    n = max(1, size // block)
    return (*(block,) * (n - 1), size - block * (n - 1))


def _lazy(layer: xr.DataArray) -> da.Array:
    return layer.data if isinstance(layer.data, da.Array) else da.from_array(np.asarray(layer.data))


def _cast(
    z: NDArray[np.float64],
    *los: NDArray[np.float32],
    halo: tuple[int, int],
    cell_m: float,
    bounds: tuple[float, float],
) -> NDArray[np.uint8]:
    plain = [np.ascontiguousarray(c, dtype=np.float32) for c in los]
    heights = np.ascontiguousarray(z, dtype=np.float64)
    out: NDArray[np.uint8] = layover_shadow(heights, *plain, halo, cell_m, *bounds)
    return out
