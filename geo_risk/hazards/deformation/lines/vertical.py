"""Vertical velocity on one grid from all tracks, with the noise of its map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from geo_risk.core.grid import Grid
from geo_risk.hazards.deformation.areas.maps import TrackMaps
from geo_risk.hazards.deformation.areas.noise import (
    F32,
    F64,
    MINIMUM_STABLE,
    Bool,
    Smoother,
    isotropic_covariance,
    robust_sigma,
)
from geo_risk.hazards.deformation.areas.null import Scales
from geo_risk.hazards.deformation.areas.stable import moving_cells
from geo_risk.hazards.deformation.params import DeformationParams
from geo_risk.kernels.decompose import decompose_east_up

ROUGH_CELLS = 4.0
"""Gaussian width in cells over which the roughness of a map is taken: some fifty still cells."""

_RING = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 1.0]])

UNKNOWN, FROM_LOS, DECOMPOSED = 0, 1, 2
"""Where a vertical velocity comes from: nowhere, one line of sight taken as vertical, two or more looks."""


@dataclass(frozen=True)
class MapNoise:
    """The errors of a map: a white part of each cell, and a part that neighbours share.

    Attributes
    ----------
    cell_m : side of a cell.
    white : (y, x) standard deviation of what is independent from cell to cell; NaN where it is not known.
    covariance : (lag,) covariance of the shared part at 0, 1, 2, ... cells; 0 beyond.
    is_fitted : whether stable ground showed the shared part; else `white` is the formal error and nothing is shared.
    stable : (y, x) the ground that showed it; none where it did not.
    """

    cell_m: float
    white: F32
    covariance: F64
    is_fitted: bool
    stable: Bool

    def shared(self, distance_m: F64) -> F64:
        """Return the covariance of the shared part at distances [m], any shape."""
        lag = np.arange(len(self.covariance)) * self.cell_m
        out: F64 = np.interp(distance_m, lag, self.covariance, right=0.0)
        return out

    def matrix(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> F64:
        """Return the covariance matrix (n, n) of the values of some cells, by distance between their centres."""
        y, x = rows[:, None] - rows[None, :], columns[:, None] - columns[None, :]
        same = (y == 0) & (x == 0)
        white = self.white[rows, columns].astype(np.float64)
        out: F64 = self.shared(np.hypot(y, x) * self.cell_m) + np.where(same, white[:, None] * white[None, :], 0.0)
        return out

    def variance(self, weights: F64, corner: tuple[int, int] = (0, 0)) -> float:
        """Return the variance of a weighted sum of the values of a map.

        Parameters
        ----------
        weights : (y, x); cells of weight 0 take no part, whatever their value.
        corner : row and column of the map at which the weights begin, where they are a window of it.

        Returns
        -------
        Sum of weight^2 x white variance, and the shared part over all pairs by the autocorrelation of the weights. The
        shared part is never taken below zero, which a covariance estimated from a small frame could make it.
        """
        y, x = np.nonzero(weights)
        if not y.size:
            return 0.0
        box = np.asarray(weights[y.min() : y.max() + 1, x.min() : x.max() + 1], dtype=np.float64)
        size = tuple(fft.next_fast_len(2 * n - 1, real=True) for n in box.shape)
        pairs = fft.irfft2(np.abs(fft.rfft2(box, s=size)) ** 2, s=size)
        dy = np.minimum(np.arange(size[0]), size[0] - np.arange(size[0]))[:, None]
        dx = np.minimum(np.arange(size[1]), size[1] - np.arange(size[1]))[None, :]
        shared = float((pairs * self.shared(np.hypot(dy, dx) * self.cell_m)).sum())
        white = float(((self.white[y + corner[0], x + corner[1]].astype(np.float64) * weights[y, x]) ** 2).sum())
        return white + max(shared, 0.0)


@dataclass(frozen=True)
class VerticalMap:
    """Vertical velocity [mm/yr], up positive, NaN where unknown; its source by cell, and its noise."""

    up: F32
    source: NDArray[np.int8]
    noise: MapNoise
    grid: Grid


def vertical_map(tracks: Sequence[TrackMaps], grid: Grid, params: DeformationParams) -> VerticalMap:
    """Return the vertical velocity: decomposed where two looks differ, else the best line of sight over its up part.

    Parameters
    ----------
    tracks : maps on `grid`, (y, x) [mm/yr].
    grid : of the tracks.
    params : of the decomposition and of what counts as stable ground.

    Returns
    -------
    VerticalMap. Where one look alone is known, the motion is assumed to be vertical (source FROM_LOS). Two looks take
    the motion north as zero.

    Raises
    ------
    ValueError : no track.
    """
    if not tracks:
        what = "no track was given; a vertical velocity needs at least one"
        raise ValueError(what)
    minimum = float(np.sin(np.deg2rad(params.decomposition.minimum_angle_deg)))
    v, s, e, u = (
        np.ascontiguousarray(np.stack([part(t) for t in tracks]), dtype=np.float32)
        for part in (_velocity, _std, _east, _up)
    )
    _, up, _, std, _ = decompose_east_up(v, s, e, u, minimum_sine=minimum)
    alone, alone_std = _best_look(v, s, u)
    both = np.isfinite(up) & np.isfinite(std)
    up, std = np.where(both, up, alone), np.where(both, std, alone_std)
    source = np.where(both, DECOMPOSED, np.where(np.isfinite(up), FROM_LOS, UNKNOWN)).astype(np.int8)
    return VerticalMap(up, source, map_noise(up, std, grid, params), grid)


def map_noise(values: F32, std: F32, grid: Grid, params: DeformationParams) -> MapNoise:
    """Return the noise of a map as its stable ground shows it, or its formal errors where there is no such ground.

    Parameters
    ----------
    values, std : (y, x) [mm/yr], on `grid`; NaN is missing.
    params : what counts as stable ground (`areas`).
    """
    areas = params.areas
    known = np.isfinite(values)
    formal = std.astype(np.float32)
    nothing = MapNoise(grid.resolution_m, formal, np.zeros(1), False, np.zeros(known.shape, dtype=bool))
    if int(known.sum()) < areas.minimum_stable_cells or not robust_sigma(values) <= areas.maximum_stable_sigma_mm_yr:
        return nothing
    stable = known & ~moving_cells(values, Scales.of(areas, grid.resolution_m, areas.scales_m).grounds)
    use = stable & np.isfinite(std)
    if int(use.sum()) < MINIMUM_STABLE:
        return nothing
    covariance = isotropic_covariance(np.where(use, values - np.float32(np.mean(values[use])), np.float32(0)), use)
    # what the covariance jumps by at lag 0 is white; it is spread over the cells in proportion to their formal error,
    # and to how rough the still ground around them is: steep or badly seen ground is noisier than its errors say
    near = float(covariance[1] + max(0.0, covariance[1] - covariance[2]))
    nugget = float(np.clip(covariance[0] - near, 0.0, covariance[0]))
    mean = float((std[use].astype(np.float64) ** 2).mean())
    share = std.astype(np.float64) / np.sqrt(mean) if mean > 0 else np.ones(std.shape)
    white = np.sqrt(nugget) * np.nan_to_num(share, nan=1.0) * _roughness(values, use)
    shared = np.concatenate([[max(0.0, float(covariance[0]) - nugget)], covariance[1:]])
    return MapNoise(grid.resolution_m, white.astype(np.float32), shared, True, stable)


def _roughness(values: F32, stable: Bool) -> F64:
    """Return how rough a map is around each cell (y, x), against the whole: 1 in the mean of stable ground.

    Root of the local mean square, over a Gaussian of ROUGH_CELLS, of the difference of each stable cell from its stable
    neighbours; squares beyond nine times the median are cut, and the ratio is kept within 0.7 and 3.
    """
    filled = np.where(stable, values, np.float32(0)).astype(np.float64)
    total = ndimage.convolve(filled, _RING, mode="constant")
    n = ndimage.convolve(stable.astype(np.float64), _RING, mode="constant")
    use = stable & (n >= 4)
    square = np.where(use, (filled - total / np.maximum(n, 1)) ** 2, 0.0)
    typical = float(np.median(square[use])) if use.any() else 0.0
    if not typical > 0:
        return np.ones(values.shape)
    # nine times the variance of a normal, of which the median square is 0.455
    square = np.minimum(square, 9 * typical / 0.455).astype(np.float32)
    local = Smoother(use, (ROUGH_CELLS,)).means(square, (ROUGH_CELLS,))[0].astype(np.float64)
    mean = float(square[use].mean())
    return np.clip(np.sqrt(np.nan_to_num(local / mean, nan=1.0)), 0.7, 3.0)


def _best_look(velocity: F32, std: F32, up: F32) -> tuple[F32, F32]:
    """Return v / U and its error of the track with the smallest error; NaN where there is none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(np.abs(up) > 0.1, velocity / up, np.nan)
        error = np.where(np.isfinite(each), std / np.abs(up), np.nan)
    rank = np.where(np.isfinite(error), error, np.inf)
    best = rank.argmin(axis=0)[None]
    value, sigma = np.take_along_axis(each, best, axis=0)[0], np.take_along_axis(error, best, axis=0)[0]
    known = np.isfinite(value) & np.isfinite(sigma)
    return np.where(known, value, np.nan).astype(np.float32), np.where(known, sigma, np.nan).astype(np.float32)


def _velocity(track: TrackMaps) -> F32:
    return track.velocity


def _std(track: TrackMaps) -> F32:
    return track.velocity_std


def _east(track: TrackMaps) -> F32:
    return track.los[0]


def _up(track: TrackMaps) -> F32:
    return track.los[2]


def source_of(source: NDArray[np.int8]) -> str:
    """Return where the values of some cells come from: "decomposed", "los", "mixed", or "none" where none is known."""
    seen = source[source != UNKNOWN]
    if not seen.size:
        return "none"
    return "los" if (seen == FROM_LOS).all() else "mixed" if (seen == FROM_LOS).any() else "decomposed"
