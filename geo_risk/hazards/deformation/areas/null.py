"""What the whole detector makes of pure noise: the spread of every cell, and the strongest clusters by chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from geo_risk.hazards.deformation.areas.noise import F32, LOCAL_CELLS, Bool, NoiseLaw, NoiseModel, Smoother
from geo_risk.hazards.deformation.areas.stable import Background, halo_of, moving_cells
from geo_risk.hazards.deformation.areas.tiles import Box, Tile, Windows, grown, tiles
from geo_risk.hazards.deformation.params import AreaParams

EIGHT = np.ones((3, 3), dtype=bool)
_EULER = 0.5772156649
_AROUND = 2.0
_NOISE_HALO = int(6 * LOCAL_CELLS) + 17
"""Cells around a window that the local strength of noise is worked out from."""


@dataclass(frozen=True)
class Scales:
    """Widths in cells: the filters, the background that each is held against, and the distinct backgrounds."""

    sigma: tuple[float, ...]
    ground: tuple[float, ...]
    grounds: tuple[float, ...]

    @classmethod
    def of(cls, params: AreaParams, cell_m: float, scales_m: tuple[float, ...]) -> Scales:
        """Return the scales of a channel for cells of `cell_m`."""
        sigma = tuple(s / cell_m for s in scales_m)
        narrowest = params.narrowest_background_m / cell_m
        ground = tuple(max(narrowest, params.background_factor * s) for s in sigma)
        return cls(sigma, ground, tuple(sorted(set(ground), reverse=True)))

    @property
    def halo(self) -> float:
        """How far [cells] the widest filter and the backgrounds one after another reach."""
        return max(halo_of(self.grounds), 3 * max(self.sigma, default=0.0))


@dataclass(frozen=True)
class Ground:
    """A map with its stable ground and the law of its noise.

    Attributes
    ----------
    values : (y, x), NaN missing; std : standard errors, by window.
    known, stable : (y, x) masks.
    law : of the noise.
    windows : of the map that stand for it; rough : local roughness in each. tile : side of the tiles it is worked
        through in.
    is_restless : whether more than half of the map would be held to move against the rest.
    """

    values: F32
    std: Windows
    known: Bool
    stable: Bool
    law: NoiseLaw
    windows: Sequence[Box]
    rough: Sequence[F32]
    tile: int | None
    is_restless: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.values.shape[0], self.values.shape[1]

    def noise(self, box: Box) -> NoiseModel:
        """Return the noise of a window of the map, the same whatever the window is cut from."""
        wide = grown(box, _NOISE_HALO, self.shape)
        whole = self.law.at(self.values[wide], self.stable[wide], self.std[wide])
        y, x = (slice(b.start - w.start, b.stop - w.start) for b, w in zip(box, wide, strict=True))
        return NoiseModel(self.law, whole.white[y, x], whole.gain[y, x])


def spread(ground: Ground, scales: Scales, n: int, seed: np.random.SeedSequence) -> list[F32]:
    """Return the standard deviation of each scale's excess over its background in pure noise, (y, x) each.

    From n simulated maps; it varies slowly, so averaging its square over neighbours takes out the sampling error of few
    maps. The correlated and the white part of a simulated map repeat beyond the torus of the noise, so that any window
    of it can be made by itself.
    """
    seeds = seed.spawn(n)
    out = [np.empty(ground.shape, dtype=np.float32) for _ in scales.sigma]
    wide = int(np.ceil(3 * _AROUND))
    for t in tiles(ground.shape, ground.tile, scales.halo + wide):
        rim = grown(t.core, wide, ground.shape)
        y, x = (slice(r.start - w.start, r.stop - w.start) for r, w in zip(rim, t.window, strict=True))
        squares = _squares(ground, scales, t, (y, x), seeds=seeds)
        known = ground.known[rim]
        around = Smoother(known, (_AROUND,))
        j, i = (slice(c.start - r.start, c.stop - r.start) for c, r in zip(t.core, rim, strict=True))
        for whole, q in zip(out, squares, strict=True):
            mean = around.means((q / n).astype(np.float32), (_AROUND,))[0]
            whole[t.core] = np.sqrt(np.maximum(mean, 1e-12))[j, i]
    return out


def _squares(
    ground: Ground, scales: Scales, t: Tile, inside: Box, *, seeds: Sequence[np.random.SeedSequence]
) -> list[NDArray[np.float64]]:
    noise = ground.noise(t.window)
    known, stable = ground.known[t.window], ground.stable[t.window]
    smooth, fixed = Smoother(known, scales.sigma), Background(stable, scales.grounds)
    out = [np.zeros(known[inside].shape) for _ in scales.sigma]
    corner = (t.window[0].start, t.window[1].start)
    for seed in seeds:
        rng = np.random.default_rng(seed)
        field = noise.law.field(rng)
        drawn = noise.placed(field, rng.standard_normal(field.shape, dtype=np.float32), corner)
        grounds = fixed.of(drawn, float(np.median(field[::2, ::2])))
        for k, (w, g) in enumerate(zip(smooth.means(drawn, scales.sigma), scales.ground, strict=True)):
            out[k] += np.nan_to_num((w - grounds[g])[inside].astype(np.float64)) ** 2
    return out


class Null:
    """The strongest clusters that the detector makes of noise, in the windows that stand for the map.

    Each simulated map goes through all that the real one does, the masking of what seems to move included: a patch
    that is masked because it is off stands out more against a background made without it, in noise as in truth.

    Attributes
    ----------
    maxima : (2, scale, simulation) largest excess and highest peak of a cluster.
    times : how many times the known cells of the windows are in the map.
    """

    def __init__(
        self, ground: Ground, spreads: Sequence[F32], scales: Scales, params: AreaParams, *,
        seed: np.random.SeedSequence,
    ) -> None:  # fmt: skip
        self.maxima = np.zeros((2, len(scales.sigma), params.n_simulations))
        self.times = float(ground.known.sum()) / max(sum(int(ground.known[b].sum()) for b in ground.windows), 1)
        for k, own in enumerate(seed.spawn(len(ground.windows))):
            self._simulate(ground, k, [s[ground.windows[k]] for s in spreads], scales, params=params, seed=own)

    def _simulate(
        self, ground: Ground, window: int, spreads: Sequence[F32], scales: Scales, *, params: AreaParams,
        seed: np.random.SeedSequence,
    ) -> None:  # fmt: skip
        box, rough = ground.windows[window], ground.rough[window]
        rng, noise = np.random.default_rng(seed), ground.noise(box)
        known, stable = ground.known[box], ground.stable[box]
        smooth = Smoother(known, scales.sigma)
        for k in range(params.n_simulations):
            field = np.where(known, noise.simulate(rng), np.float32(np.nan))
            masked = moving_cells(field, scales.grounds, rough)
            grounds = Background(stable & ~masked, scales.grounds).of(field)
            whole = smooth.means(field, scales.sigma)
            for i, g in enumerate(scales.ground):
                z = ((whole[i] - grounds[g]) / spreads[i]).astype(np.float32, copy=False)
                for sign in (1, -1):
                    self.maxima[:, i, k] = np.maximum(self.maxima[:, i, k], _largest(sign * z, params))

    def expected(self, scale: int, excess: float, peak: float) -> float:
        """Return how many clusters as large, or as strong, noise makes in one search (the rarer of both, doubled)."""
        p = min(tail(self.maxima[0, scale], excess), tail(self.maxima[1, scale], peak))
        return 2 * self.times * float(-np.log1p(-min(p, 1 - 1e-9)))


def tail(maxima: NDArray[np.float64], value: float) -> float:
    """Return the share of maxima that reach a value; where fewer than ten do, from a Gumbel law fitted by L-moments.

    Hosking 1990 (J. R. Stat. Soc. B 52:105): scale = l2 / ln 2, mode = mean - 0.5772 scale. One odd map sways l2 less
    than it sways the standard deviation.
    """
    beaten = int((maxima >= value).sum())
    n = len(maxima)
    l2 = float(np.sum((2 * np.arange(1, n + 1) - n - 1) * np.sort(maxima))) / max(n * (n - 1), 1)
    beta = l2 / np.log(2)
    if beaten >= 10 or not beta > 0:
        return (beaten + 1) / (len(maxima) + 1)
    mode = float(np.mean(maxima)) - _EULER * beta
    return float(-np.expm1(-np.exp(-(value - mode) / beta)))


def _largest(z: F32, params: AreaParams) -> tuple[float, float]:
    """Return the largest excess and the highest peak of the clusters of a simulated map.

    Of those with the fewest cells of an area; where noise makes none so large, of all: that is more than noise makes,
    and keeps the tail from resting on maps of nothing, whose law has no width.
    """
    above = np.nan_to_num(z, nan=-np.inf) > params.sigma_factor
    labels, n = ndimage.label(above, structure=EIGHT)
    if n == 0:
        return 0.0, 0.0
    inside = labels > 0
    of, value = labels[inside], z[inside]
    large = np.bincount(of, minlength=n + 1) >= params.minimum_pixels
    if not large[1:].any():
        large[1:] = True
    excess = np.bincount(of, weights=value - params.sigma_factor, minlength=n + 1)
    peaks = np.zeros(n + 1, dtype=z.dtype)
    np.maximum.at(peaks, of, value)
    return float(excess[large].max()), float(peaks[large].max())
