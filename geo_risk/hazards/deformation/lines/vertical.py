"""Vertical velocity on one grid from all tracks, with the noise of its map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from geo_risk.core.grid import Grid
from geo_risk.hazards.deformation.areas.maps import TrackWindows
from geo_risk.hazards.deformation.areas.noise import (
    F32,
    F64,
    MINIMUM_STABLE,
    Bool,
    Smoother,
    robust_sigma,
    windowed_covariance,
)
from geo_risk.hazards.deformation.areas.null import Scales
from geo_risk.hazards.deformation.areas.stable import moving_cells
from geo_risk.hazards.deformation.areas.tiles import (
    Box,
    Windows,
    bands,
    sample_windows,
    sampled,
    stride_of,
    tiles,
)
from geo_risk.hazards.deformation.params import DeformationParams
from geo_risk.kernels.decompose import decompose_east_up

ROUGH_CELLS = 4.0
"""Gaussian width in cells over which the roughness of a map is taken: some fifty still cells."""

_AT_ONCE, _CORE = 4_200_000, 1024
"""Cells of the largest window whose pairs are summed at once (a transform of 16 million numbers), and the side of the
tiles of larger ones."""

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

    def variance(self, weights: F64 | Bool, corner: tuple[int, int] = (0, 0)) -> float:
        """Return the variance of a weighted sum of the values of a map.

        Parameters
        ----------
        weights : (y, x), or a mask for weights of 1; cells of weight 0 take no part, whatever their value.
        corner : row and column of the map at which the weights begin, where they are a window of it.

        Returns
        -------
        Sum of weight^2 x white variance, and the shared part over all pairs by the autocorrelation of the weights. The
        shared part is never taken below zero, which a covariance estimated from a small frame could make it. Large
        windows are worked through in tiles.
        """
        rows, columns = np.flatnonzero(weights.any(axis=1)), np.flatnonzero(weights.any(axis=0))
        if not rows.size:
            return 0.0
        box = weights[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        shared = self._pairs(box) if box.size <= _AT_ONCE else self._pairs_by_tiles(box)
        white = 0.0
        own = self.white[corner[0] : corner[0] + weights.shape[0], corner[1] : corner[1] + weights.shape[1]]
        for band in bands(weights.shape[0]):
            some = weights[band] != 0
            white += float(((own[band][some].astype(np.float64) * weights[band][some]) ** 2).sum())
        return white + max(shared, 0.0)

    def _pairs(self, box: F64 | Bool) -> float:
        """Return the sum of the shared covariance over all pairs of the weights of a window (y, x), at once."""
        size = tuple(fft.next_fast_len(2 * n - 1, real=True) for n in box.shape)
        pairs = fft.irfft2(np.abs(fft.rfft2(box.astype(np.float64), s=size)) ** 2, s=size)
        return float((pairs * self.shared(_torus(size) * self.cell_m)).sum())

    def _pairs_by_tiles(self, box: F64 | Bool) -> float:
        """Return the same by tiles: what each cell shares with the weights around it, as far as the shared part goes.

        Windows are wider than a tile by the reach of the covariance, so that no pair is lost at a seam.
        """
        reach, total = len(self.covariance), 0.0
        spectra: dict[tuple[int, ...], NDArray[np.complex128]] = {}
        for t in tiles((box.shape[0], box.shape[1]), _CORE, reach):
            core = box[t.core]
            if not core.any():
                continue
            window = box[t.window]
            size = tuple(fft.next_fast_len(n + reach, real=True) for n in window.shape)
            if size not in spectra:
                spectra = {size: fft.rfft2(self.shared(_torus(size) * self.cell_m))}
            spectrum = fft.rfft2(window.astype(np.float64), s=size)
            spectrum *= spectra[size]
            around = fft.irfft2(spectrum, s=size)
            total += float((around[t.inside] * core).sum())
        return total


def _torus(size: tuple[int, ...]) -> F64:
    """Return the distance [cells] of each cell of a torus from its first."""
    dy, dx = (np.minimum(np.arange(n), n - np.arange(n)) for n in size)
    out: F64 = np.hypot(dy[:, None], dx[None, :])
    return out


@dataclass(frozen=True)
class VerticalMap:
    """Vertical velocity of all tracks on one grid.

    Attributes
    ----------
    up : (y, x) [mm/yr], up positive, NaN where unknown.
    source : (y, x) where each value comes from. noise : its errors. grid : of the map.
    off_course : (y, x) ground that some track's series leaves its course on at an end of the record: whatever the
        velocity was until then, it is not called still. None where no track has a series.
    """

    up: F32
    source: NDArray[np.int8]
    noise: MapNoise
    grid: Grid
    off_course: Bool | None = None

    def is_off(self, at: Any) -> Bool:
        """Return `off_course` of an index of the map, none of it where there is no series."""
        return np.zeros(self.up[at].shape, dtype=bool) if self.off_course is None else self.off_course[at]


def vertical_map(tracks: Sequence[TrackWindows], grid: Grid, params: DeformationParams) -> VerticalMap:
    """Return the vertical velocity: decomposed where two looks differ, else the best line of sight over its up part.

    Parameters
    ----------
    tracks : maps on `grid`, (y, x) [mm/yr], read by tiles of `areas.tile_cells`.
    grid : of the tracks.
    params : of the decomposition and of what counts as stable ground.

    Returns
    -------
    VerticalMap. Where one look alone is known, the motion is assumed to be vertical (source FROM_LOS). Two looks take
    the motion north as zero. Eleven bytes a cell are held; every cell by itself, so that tiles change nothing.

    Raises
    ------
    ValueError : no track.
    """
    if not tracks:
        what = "no track was given; a vertical velocity needs at least one"
        raise ValueError(what)
    minimum = float(np.sin(np.deg2rad(params.decomposition.minimum_angle_deg)))
    up, std = (np.empty(grid.shape, dtype=np.float32) for _ in range(2))
    source = np.empty(grid.shape, dtype=np.int8)
    off = np.zeros(grid.shape, dtype=bool) if any(t.sudden is not None for t in tracks) else None
    for t in tiles(grid.shape, params.areas.tile_cells, 0):
        up[t.core], std[t.core], source[t.core] = _vertical(tracks, t.core, minimum_sine=minimum)
        if off is not None:
            off[t.core] = off_course(tracks, t.core)
    return VerticalMap(up, source, map_noise(up, std, grid, params), grid, off)


def off_course(tracks: Sequence[TrackWindows], box: Box) -> Bool:
    """Return where in a window the series of some track leaves its course at an end of the record (y, x)."""
    out = np.zeros((box[0].stop - box[0].start, box[1].stop - box[1].start), dtype=bool)
    for track in tracks:
        if track.sudden is not None:
            out |= np.nan_to_num(track.sudden[box]) != 0
    return out


def _vertical(
    tracks: Sequence[TrackWindows], box: Box, *, minimum_sine: float
) -> tuple[F32, F32, NDArray[np.int8]]:  # fmt: skip
    """Return vertical velocity, its error and its source in a window."""
    v, s, e, u = (
        np.ascontiguousarray(np.stack([part(t)[box] for t in tracks]), dtype=np.float32)
        for part in (_velocity, _std, _east, _up)
    )
    _, up, _, std, _ = decompose_east_up(v, s, e, u, minimum_sine=minimum_sine)
    alone, alone_std = _best_look(v, s, u)
    both = np.isfinite(up) & np.isfinite(std)
    up, std = np.where(both, up, alone), np.where(both, std, alone_std)
    source = np.where(both, DECOMPOSED, np.where(np.isfinite(up), FROM_LOS, UNKNOWN)).astype(np.int8)
    return up, std, source


def map_noise(values: F32, std: F32, grid: Grid, params: DeformationParams) -> MapNoise:
    """Return the noise of a map as its stable ground shows it, or its formal errors where there is no such ground.

    Parameters
    ----------
    values, std : (y, x) [mm/yr], on `grid`; NaN is missing.
    params : what counts as stable ground, tiles and samples (`areas`).

    Returns
    -------
    MapNoise. Local strengths are worked out in tiles; of maps larger than the samples of `areas` the covariance comes
    from the pairs of stable cells within its sample windows, and medians and means from a fixed sample of cells.
    """
    areas = params.areas
    known = np.isfinite(values)
    nothing = MapNoise(grid.resolution_m, std.astype(np.float32), np.zeros(1), False, np.zeros(known.shape, dtype=bool))
    scatter = robust_sigma(sampled(values))
    if int(known.sum()) < areas.minimum_stable_cells or not scatter <= areas.maximum_stable_sigma_mm_yr:
        return nothing
    grounds = Scales.of(areas, grid.resolution_m, areas.scales_m).grounds
    stable = ~moving_cells(values, grounds, tile=areas.tile_cells)
    stable &= known
    use = np.isfinite(std, out=known)
    use &= stable
    boxes = sample_windows(use, areas.sample_cells, areas.sample_windows)
    parts = np.concatenate([values[b][use[b]] for b in boxes])
    if parts.size < MINIMUM_STABLE:
        return nothing
    covariance = windowed_covariance(values, use, boxes, np.float32(np.mean(parts)))
    # what the covariance jumps by at lag 0 is white; it is spread over the cells in proportion to their formal error,
    # and to how rough the still ground around them is: steep or badly seen ground is noisier than its errors say
    near = float(covariance[1] + max(0.0, covariance[1] - covariance[2]))
    nugget = float(np.clip(covariance[0] - near, 0.0, covariance[0]))
    shared = np.concatenate([[max(0.0, float(covariance[0]) - nugget)], covariance[1:]])
    white = _white(values, std, use, np.sqrt(nugget), tile=areas.tile_cells)
    return MapNoise(grid.resolution_m, white, shared, True, stable)


def _white(values: F32, std: F32, use: Bool, sigma: float, *, tile: int) -> F32:
    """Return the white part (y, x): sigma, by the formal error of each cell and by how rough the map is around it."""
    mean = float((sampled(std)[sampled(use)].astype(np.float64) ** 2).mean())
    shape = (values.shape[0], values.shape[1])
    typical, level = _typical_square(values, use, tile=tile)
    out = np.empty(shape, dtype=np.float32)
    for t in tiles(shape, tile, np.ceil(3 * ROUGH_CELLS) + 1):
        square, inside = _squares(values[t.window], use[t.window])
        rough = _roughness(square, inside, typical, level)[t.inside]
        formal = std[t.core].astype(np.float64)
        share = formal / np.sqrt(mean) if mean > 0 else np.ones(formal.shape)
        out[t.core] = (sigma * np.nan_to_num(share, nan=1.0) * rough).astype(np.float32)
    return out


def _squares(values: F32, stable: Bool) -> tuple[F64, Bool]:
    """Return the squared difference of each stable cell from its stable neighbours (y, x), and where four tell it."""
    filled = np.where(stable, values, np.float32(0)).astype(np.float64)
    total = ndimage.convolve(filled, _RING, mode="constant")
    n = ndimage.convolve(stable.astype(np.float64), _RING, mode="constant")
    use = stable & (n >= 4)
    return np.where(use, (filled - total / np.maximum(n, 1)) ** 2, 0.0), use


def _typical_square(values: F32, stable: Bool, *, tile: int) -> tuple[float, float]:
    """Return the median of the squares of the sampled cells of a map, and the mean of those that are cut."""
    shape = (values.shape[0], values.shape[1])
    step = stride_of(shape)
    squares = np.full(sampled(values).shape, np.nan)
    for t in tiles(shape, tile, 1):
        square, use = _squares(values[t.window], stable[t.window])
        squares[t.lattice(step)] = t.sampled(np.where(use, square, np.nan), step)
    known = squares[np.isfinite(squares)]
    typical = float(np.median(known)) if known.size else 0.0
    return typical, float(_cut(known, typical).mean()) if typical > 0 else 0.0


def _cut(square: F64, typical: float) -> F32:
    """Return squares cut at nine times the variance of a normal law, of which the median square is 0.455."""
    return np.minimum(square, 9 * typical / 0.455).astype(np.float32)


def _roughness(square: F64, use: Bool, typical: float, level: float) -> F64:
    """Return how rough a map is around each cell (y, x), against the whole: 1 in the mean of stable ground.

    Root of the local mean of the cut squares, over a Gaussian of ROUGH_CELLS, over their mean; kept within 0.7 and 3.
    """
    if not typical > 0:
        return np.ones(square.shape)
    local = Smoother(use, (ROUGH_CELLS,)).means(_cut(square, typical), (ROUGH_CELLS,))[0].astype(np.float64)
    return np.clip(np.sqrt(np.nan_to_num(local / level, nan=1.0)), 0.7, 3.0)


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


def _velocity(track: TrackWindows) -> Windows:
    return track.velocity


def _std(track: TrackWindows) -> Windows:
    return track.velocity_std


def _east(track: TrackWindows) -> Windows:
    return track.los[0]


def _up(track: TrackWindows) -> Windows:
    return track.los[2]


def source_of(source: NDArray[np.int8]) -> str:
    """Return where the values of some cells come from: "decomposed", "los", "mixed", or "none" where none is known."""
    seen = source[source != UNKNOWN]
    if not seen.size:
        return "none"
    return "los" if (seen == FROM_LOS).all() else "mixed" if (seen == FROM_LOS).any() else "decomposed"
