"""Clusters that simulated noise does not make, at several scales, over several maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from geo_risk.hazards.deformation.areas.noise import (
    F32,
    F64,
    Background,
    Bool,
    NoiseModel,
    Smoother,
    fit_noise,
    local_scale,
    moving_cells,
)
from geo_risk.hazards.deformation.areas.patch import Patch
from geo_risk.hazards.deformation.params import AreaParams

_EIGHT = np.ones((3, 3), dtype=bool)
_EULER = 0.5772156649
_MUCH_LARGER = 5
_CANDIDATE, _SURE = 1.0, 0.05


@dataclass(frozen=True)
class Channel:
    """One map to search: (y, x) values, NaN missing, and their standard errors in the same unit.

    `scales_m` are the filters to look with.
    """

    name: str
    values: F32
    std: F32
    scales_m: tuple[float, ...]


@dataclass(frozen=True)
class Cluster:
    """A connected group of cells that moves more than noise would.

    Attributes
    ----------
    channel, scale_m, sign : where it was found, and whether values are above (1) or below (-1) the background.
    cells : where it lies.
    excess : sum over its cells of |z| beyond the threshold.
    peak : largest |z|.
    expected : how many as large or as strong noise alone makes in one search of the map (NaN where not known).
    """

    channel: str
    scale_m: float
    sign: int
    cells: Patch
    excess: float
    peak: float
    expected: float


@dataclass(frozen=True)
class Search:
    """What was found in one channel: the motion against stable ground, the noise, and the clusters.

    `covariance` is that of the noise at lags 0, 1, 2, ... cells; empty where no noise could be fitted.
    """

    channel: Channel
    motion: F32
    clusters: tuple[Cluster, ...]
    sigma: float
    stable_share: float
    covariance: F64 = field(default_factory=lambda: np.empty(0))


def search_channel(channel: Channel, cell_m: float, params: AreaParams, *, rng: np.random.Generator) -> Search:
    """Find the clusters of one map that its own noise does not explain.

    Parameters
    ----------
    channel : the map.
    cell_m : side of its cells.
    params : scales, threshold, number of simulations.
    rng : the generator of the simulated noise.

    Returns
    -------
    Search with the clusters of which noise makes at most one a search, from small scales to wide ones. The cells of a
    sure one, and two around it, take no part in the wider scales.

    Raises
    ------
    ValueError : too few stable cells to know the noise.
    """
    scales = Scales.of(params, cell_m, channel.scales_m)
    known = np.isfinite(channel.values)
    rough = local_scale(channel.values)
    stable = known & ~moving_cells(channel.values, scales.grounds, rough)
    backgrounds = Background(stable, scales.grounds).of(channel.values)
    noise = fit_noise(channel.values, stable, channel.std)
    null = Null(noise, (known, stable, rough), scales, params, rng=rng)
    free = known.copy()
    found: list[Cluster] = []
    for i, scale_m in enumerate(channel.scales_m):
        motion = channel.values - backgrounds[scales.ground[i]]
        smoothed = Smoother(free, (scales.sigma[i],)).means(channel.values, (scales.sigma[i],))[0]
        z = ((smoothed - backgrounds[scales.ground[i]]) / null.sd[i]).astype(np.float32)
        z[~free] = np.nan
        for sign in (1, -1):
            for cells in _split(sign * z, sign * motion, params, keep_halo=scale_m == 0):
                if _is_halo(cells, found, scale_m, known.shape):
                    continue
                excess, peak = _strength(sign * z, cells, params)
                expected = null.expected(i, excess, peak)
                if cells.sum() >= params.minimum_pixels and expected <= _CANDIDATE:
                    found.append(Cluster(channel.name, scale_m, sign, cells, excess, peak, expected))
        for cluster in found:
            if cluster.scale_m == scale_m and cluster.expected <= _SURE:
                free[cluster.cells.grown(2, known.shape, corners=False).indices] = False
    widest = channel.values - backgrounds[max(scales.grounds)]
    return Search(channel, widest, tuple(found), noise.sigma, float(stable.sum() / max(1, known.sum())),
                  noise.covariance)  # fmt: skip


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


class Null:
    """What the whole detector makes of pure noise: the spread of every cell, and the strongest cluster of every map.

    Each simulated map goes through all that the real one does, the masking of what seems to move included: a patch
    that is masked because it is off stands out more against a background made without it, in noise as in truth.
    """

    def __init__(
        self, noise: NoiseModel, ground: tuple[Bool, Bool, F32], scales: Scales, params: AreaParams, *,
        rng: np.random.Generator,
    ) -> None:  # fmt: skip
        known, stable, rough = ground
        smooth = Smoother(known, scales.sigma)
        fixed = Background(stable, scales.grounds)
        squares = [np.zeros(known.shape) for _ in scales.sigma]
        n_first = max(20, params.n_simulations // 2)
        for _ in range(n_first):
            field = noise.simulate(rng)
            grounds = fixed.of(field)
            for i, (w, g) in enumerate(zip(smooth.means(field, scales.sigma), scales.ground, strict=True)):
                squares[i] += np.nan_to_num((w - grounds[g]).astype(np.float64)) ** 2
        # the spread varies slowly; averaging over neighbours takes the sampling error of few maps out
        around = Smoother(known, (2.0,))
        self.sd = [
            np.sqrt(np.maximum(around.means((q / n_first).astype(np.float32), (2.0,))[0], 1e-12)) for q in squares
        ]
        self.maxima = np.zeros((2, len(scales.sigma), params.n_simulations))
        for k in range(params.n_simulations):
            field = np.where(known, noise.simulate(rng), np.float32(np.nan))
            masked = moving_cells(field, scales.grounds, rough)
            grounds = Background(stable & ~masked, scales.grounds).of(field)
            whole = smooth.means(field, scales.sigma)
            for i, g in enumerate(scales.ground):
                z = ((whole[i] - grounds[g]) / self.sd[i]).astype(np.float32, copy=False)
                for sign in (1, -1):
                    self.maxima[:, i, k] = np.maximum(self.maxima[:, i, k], _largest(sign * z, params))

    def expected(self, scale: int, excess: float, peak: float) -> float:
        """Return how many clusters as large, or as strong, noise makes in one search (the rarer of both, doubled)."""
        p = min(tail(self.maxima[0, scale], excess), tail(self.maxima[1, scale], peak))
        return 2 * float(-np.log1p(-min(p, 1 - 1e-9)))


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


def _strength(z: F32, cells: Patch, params: AreaParams) -> tuple[float, float]:
    inside = z[cells.indices]
    return float(np.maximum(inside - params.sigma_factor, 0).sum(dtype=np.float64)), float(inside.max())


def _largest(z: F32, params: AreaParams) -> tuple[float, float]:
    above = np.nan_to_num(z, nan=-np.inf) > params.sigma_factor
    labels, n = ndimage.label(above, structure=_EIGHT)
    if n == 0:
        return 0.0, 0.0
    inside = labels > 0
    of, value = labels[inside], z[inside]
    large = np.bincount(of, minlength=n + 1) >= params.minimum_pixels
    if not large.any():
        return 0.0, 0.0
    excess = np.bincount(of, weights=value - params.sigma_factor, minlength=n + 1)
    peaks = np.zeros(n + 1, dtype=z.dtype)
    np.maximum.at(peaks, of, value)
    return float(excess[large].max()), float(peaks[large].max())


def _split(z: F32, motion: F32, params: AreaParams, *, keep_halo: bool) -> list[Patch]:
    """Return the clusters beyond the threshold, each as its body and, if wanted, its halo.

    The body of a cluster is what moves at least a share of its peak. What is left is looked at again: where it is much
    larger than the bodies it touches (a wide cone that a bowl sits in) it is a cluster of its own, else a halo.
    """
    out: list[Patch] = []
    rest = np.nan_to_num(z, nan=-np.inf) > params.sigma_factor
    owner = np.zeros(rest.shape, dtype=np.int32)
    for _ in range(6):
        labels, n = ndimage.label(rest, structure=_EIGHT)
        if n == 0:
            break
        sizes = np.bincount(labels.ravel(), minlength=n + 1)
        boxes = ndimage.find_objects(labels)
        bodies = np.zeros(rest.shape, dtype=bool)
        for k in np.flatnonzero(sizes[1:] >= params.minimum_pixels) + 1:
            box = tuple(slice(max(0, b.start - 2), b.stop + 2) for b in boxes[k - 1])
            inside = labels[box] == k
            touched = np.unique(owner[box][ndimage.binary_dilation(inside, _EIGHT, iterations=2)])
            touched = touched[touched > 0]
            if touched.size and inside.sum() <= _MUCH_LARGER * sum(out[t - 1].sum() for t in touched):
                if keep_halo and touched.size == 1:
                    halo = Patch.of(inside, box[0].start, box[1].start)
                    out[touched[0] - 1] = Patch.union([out[touched[0] - 1], halo])
                continue
            body = _body(inside, motion[box], params.outline_share)
            cells = Patch.of(body, box[0].start, box[1].start)
            out.append(cells)
            owner[cells.indices] = len(out)
            bodies[cells.indices] = True
        if not bodies.any():
            break
        large = np.isin(labels, np.flatnonzero(sizes >= params.minimum_pixels)) & (labels > 0)
        rest = large & (owner == 0)
    return out


def _is_halo(cells: Patch, found: list[Cluster], scale_m: float, shape: tuple[int, int]) -> bool:
    """Return whether a cluster is but the smoothed rim of areas found at smaller scales."""
    near = cells.grown(4, shape)
    touched = [c.cells.sum() for c in found if c.scale_m < scale_m and near.overlap(c.cells)]
    return bool(touched) and cells.sum() <= _MUCH_LARGER * sum(touched)


def _body(inside: Bool, motion: F32, share: float) -> Bool:
    value = np.where(inside, motion, -np.inf)
    high = np.partition(value[inside], -3)[-3:].min() if inside.sum() >= 3 else value.max()
    labels, _ = ndimage.label(value >= share * high, structure=_EIGHT)
    body: Bool = labels == labels.ravel()[int(np.argmax(value))]
    return body


def search_all(channels: Sequence[Channel], cell_m: float, params: AreaParams) -> list[Search]:
    """Search every channel, each with its own stream of simulated noise; the same result for the same seed."""
    streams = np.random.SeedSequence(params.seed).spawn(len(channels))
    return [
        search_channel(c, cell_m, params, rng=np.random.default_rng(s)) for c, s in zip(channels, streams, strict=True)
    ]
