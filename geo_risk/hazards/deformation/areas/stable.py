"""Stable ground of a velocity map: what does not move against its surroundings, and the smooth background it shows."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from geo_risk.hazards.deformation.areas.noise import (
    F32,
    LOCAL_CELLS,
    Bool,
    Smoother,
    ring_mean,
    robust_sigma,
    squares_of,
)
from geo_risk.hazards.deformation.areas.tiles import sampled, stride_of, tiles

MASK_SIGMA, SEED_SIGMA = 3.5, 7.0
"""Cells this many robust sigma off their background are kept out of it, where they touch a cell beyond the second.

Noise alone should hardly reach the second: a patch of noise kept out of the background stands out the more.
"""

MOST_MASKED = 0.5
"""Share of the known cells that may be called moving against the others: beyond it "the others" are no ground."""

_SMALL = 1.2


class Background:
    """The smooth part of a map as its stable cells show it, at several widths, for many maps with the same gaps.

    The widest is a Gaussian mean of the stable cells; each narrower one adds the mean of what the wider leaves, fading
    out where few stable cells are near (inside a wide cone nothing but the wide mean is known).

    Parameters
    ----------
    stable : (y, x) cells without motion.
    sigmas : standard deviations in cells.
    """

    def __init__(self, stable: Bool, sigmas: tuple[float, ...]) -> None:
        self._sigmas = tuple(sorted(set(sigmas), reverse=True))
        self._smooth = Smoother(stable, self._sigmas)
        weights = self._smooth.weight
        self._trust = {s: (weights[s] / (weights[s] + 0.1)).astype(np.float32) for s in self._sigmas}

    def of(self, values: F32, middle: float | None = None) -> dict[float, F32]:
        """Return the background of a map by sigma, (y, x) each, without gaps.

        `middle` is the median of all stable cells where the map is but a window of a larger one; None: that of these.
        """
        start = np.median(values[self._smooth.known]) if middle is None else middle
        total = np.full(values.shape, start, dtype=np.float32)
        out = {}
        for sigma in self._sigmas:
            step = np.nan_to_num(self._smooth.means(values - total, (sigma,))[0], nan=0.0)
            total = total + step * (self._trust[sigma] if sigma != self._sigmas[0] else np.float32(1))
            out[sigma] = total
        return out


def halo_of(sigmas: tuple[float, ...]) -> float:
    """Return how far [cells] a background reaches: three standard deviations of each width, one after another."""
    return float(sum(np.ceil(3.0 * s) for s in set(sigmas)))


def local_scale(values: F32, *, tile: int | None = None) -> F32:
    """Return how much rougher a map is around each cell than elsewhere, (y, x), 1 in the mean square, 0.5 to 3.

    The local mean square of the differences of cells from their eight neighbours: noise shows there, wide motion does
    not, and the squares of narrow motion are cut. `tile`: side of the tiles it is worked out in; None: at once.
    """
    shape, step = (values.shape[0], values.shape[1]), stride_of((values.shape[0], values.shape[1]))
    known = np.isfinite(values)
    parts = []
    for t in tiles(shape, tile, 1):
        v, use = values[t.window], known[t.window]
        parts.append(t.sampled(np.where(use, v - ring_mean(v, use), np.float32(np.nan)), step))
    typical = squares_of(parts)
    out = np.empty(shape, dtype=np.float32)
    for t in tiles(shape, tile, 3 * LOCAL_CELLS + 1):
        v, use = values[t.window], known[t.window]
        out[t.core] = Smoother(use, (LOCAL_CELLS,)).local_square(v - ring_mean(v, use), typical)[t.inside]
    inside = sampled(known)
    level = float(np.mean(sampled(out)[inside], dtype=np.float64)) if inside.any() else 0.0
    if not level > 0:
        return np.ones(shape, dtype=np.float32)
    np.sqrt(np.divide(out, np.float32(level), out=out), out=out)
    return np.clip(out, 0.5, 3.0, out=out)


def moving_cells(values: F32, sigmas: tuple[float, ...], scale: F32 | None = None, *, tile: int | None = None) -> Bool:
    """Return the cells that move against their surroundings, so that the others can serve as stable ground.

    Parameters
    ----------
    values : (y, x); NaN is missing.
    sigmas : widths of the background in cells.
    scale : (y, x) local roughness; None: that of `local_scale`.
    tile : side of the tiles the backgrounds are worked out in; None: at once.

    Returns
    -------
    (y, x) mask: that of `masked`.
    """
    return masked(values, sigmas, scale, tile=tile)[0]


def masked(
    values: F32, sigmas: tuple[float, ...], scale: F32 | None = None, *, tile: int | None = None
) -> tuple[Bool, bool]:  # fmt: skip
    """Return `moving_cells`, and whether more than MOST_MASKED of the map would have been masked.

    Returns
    -------
    In rounds: the background of the cells not masked so far is taken off, the rest smoothed over 1.2
    cells and divided by the scale, and what is beyond MASK_SIGMA and touches what is beyond SEED_SIGMA masked with two
    cells around it. It never masks more than MOST_MASKED: the round that would is left out, with all behind it.
    """
    known = np.isfinite(values)
    rough = local_scale(values, tile=tile) if scale is None else scale
    moving = np.zeros(values.shape, dtype=bool)
    widths = tuple(sorted(set(sigmas), reverse=True))
    for k in range(2 + len(widths)):
        rest = _rest(values, known & ~moving, rough, widths[:k], tile=tile)
        sigma = robust_sigma(sampled(rest)[sampled(known & ~moving)])
        np.abs(rest, out=rest)
        # a map most of which is one number has no noise, and nothing can be held against it
        if not sigma > 0:
            return moving, False
        wider = ndimage.binary_dilation(_connected(rest, sigma), iterations=2)
        if (wider & known).sum() > MOST_MASKED * known.sum():
            return moving, True
        moving = wider
    return moving, False


def _rest(values: F32, stable: Bool, rough: F32, widths: tuple[float, ...], *, tile: int | None) -> F32:
    """Return what a background of some widths leaves of a map, smoothed and over its roughness; 0 where missing."""
    inside = sampled(values)[sampled(stable) if widths else np.isfinite(sampled(values))]
    middle = float(np.median(inside)) if inside.size else 0.0
    out = np.empty(values.shape, dtype=np.float32)
    for t in tiles((values.shape[0], values.shape[1]), tile, halo_of(widths) + np.ceil(3 * _SMALL)):
        v = values[t.window]
        known = np.isfinite(v)
        ground = Background(stable[t.window], widths).of(v, middle)[widths[-1]] if widths else np.float32(middle)
        small = Smoother(known, (_SMALL,)).means(v - ground, (_SMALL,))[0]
        out[t.core] = (np.where(known, np.nan_to_num(small), np.float32(0)) / rough[t.window])[t.inside]
    return out


def _connected(size: F32, sigma: float) -> Bool:
    """Return the cells beyond MASK_SIGMA that are connected to one beyond SEED_SIGMA."""
    labels, n = ndimage.label(size > np.float32(MASK_SIGMA * sigma), structure=np.ones((3, 3)))
    seeded = np.zeros(n + 1, dtype=bool)
    seeded[labels[size > np.float32(SEED_SIGMA * sigma)]] = True
    seeded[0] = False
    out: Bool = seeded[labels]
    return out
