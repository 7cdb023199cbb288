"""Clusters that simulated noise does not make, at several scales, over several maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from geo_risk.hazards.deformation.areas.noise import F32, F64, Bool, Smoother, fit_law
from geo_risk.hazards.deformation.areas.null import EIGHT, Ground, Null, Scales, spread
from geo_risk.hazards.deformation.areas.patch import Patch, PatchIndex
from geo_risk.hazards.deformation.areas.stable import Background, halo_of, local_scale, masked
from geo_risk.hazards.deformation.areas.tiles import (
    Box,
    TiledMap,
    Windows,
    grown,
    sample_windows,
    sampled,
    tiles,
    whole,
)
from geo_risk.hazards.deformation.params import AreaParams

_MUCH_LARGER = 5
_CANDIDATE, _SURE = 1.0, 0.05


@dataclass(frozen=True)
class Channel:
    """One map to search: values by window (y, x), NaN missing, and their standard errors in the same unit.

    `scales_m` are the filters to look with.
    """

    name: str
    values: Windows
    std: Windows
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

    `motion` gives values by window; `covariance` is that of the noise at lags 0, 1, 2, ... cells; empty where no noise
    could be fitted. `known_cells` have values. `simulated_maps` is how many whole maps the simulated noise is worth.
    `is_restless`: more than half of the map would be held to move against the rest.
    """

    channel: Channel
    motion: Windows
    clusters: tuple[Cluster, ...]
    sigma: float
    stable_share: float
    known_cells: int
    covariance: F64 = field(default_factory=lambda: np.empty(0))
    simulated_maps: float = float("nan")
    is_restless: bool = False


def search_channel(channel: Channel, cell_m: float, params: AreaParams, *, seed: np.random.SeedSequence) -> Search:
    """Find the clusters of one map that its own noise does not explain.

    Parameters
    ----------
    channel : the map.
    cell_m : side of its cells.
    params : scales, threshold, number of simulations, side of the tiles.
    seed : of the simulated noise.

    Returns
    -------
    Search with the clusters of which noise makes at most one a search, from small scales to wide ones. The cells of a
    sure one, and two around it, take no part in the wider scales. Backgrounds, noise and its spread are worked out in
    tiles wide enough for every filter; numbers for the whole map are those of a fixed sample of it, and clusters are
    labelled over the whole map, so that the tiles change nothing but the rounding of a Fourier transform.

    Raises
    ------
    ValueError : too few stable cells to know the noise.
    """
    scales = Scales.of(params, cell_m, channel.scales_m)
    ground = _ground(channel, scales, params)
    of_spread, of_null = seed.spawn(2)
    spreads = spread(ground, scales, max(20, params.n_simulations // 2), of_spread)
    null = Null(ground, spreads, scales, params, seed=of_null)
    middle = float(np.median(sampled(ground.values)[sampled(ground.stable)]))
    free = ground.known.copy()
    found: list[Cluster] = []
    for i, scale_m in enumerate(channel.scales_m):
        motion = _excess(ground, scales, i, spreads, free=free, middle=middle)
        z, smaller = spreads[i], PatchIndex([c.cells for c in found if c.scale_m < scale_m])
        for sign in (1, -1):
            for cells in _split(z, motion, sign, params, keep_halo=scale_m == 0):
                if cells.sum() < params.minimum_pixels or _is_halo(cells, smaller, ground.shape):
                    continue
                excess, peak = _strength(sign * z[cells.indices], params)
                expected = null.expected(i, excess, peak)
                if expected <= _CANDIDATE:
                    found.append(Cluster(channel.name, scale_m, sign, cells, excess, peak, expected))
        for cluster in found:
            if cluster.scale_m == scale_m and cluster.expected <= _SURE:
                free[cluster.cells.grown(2, ground.shape, corners=False).indices] = False
    known, stable = int(ground.known.sum()), int(ground.stable.sum())
    rest = against_widest(channel.values, ground.stable, scales, middle, tile=params.tile_cells)
    return Search(
        channel, rest, tuple(found), ground.law.sigma, stable / max(1, known), known, ground.law.covariance,
        params.n_simulations / max(1.0, null.times), ground.is_restless,
    )  # fmt: skip


def _ground(channel: Channel, scales: Scales, params: AreaParams) -> Ground:
    """Return a map with its stable ground and the law of its noise."""
    values, tile = whole(channel.values), params.tile_cells
    known = np.isfinite(values)
    rough = local_scale(values, tile=tile)
    moving, is_restless = masked(values, scales.grounds, rough, tile=tile)
    stable = known & ~moving
    windows = sample_windows(known, params.sample_cells, params.sample_windows)
    law = fit_law(values, stable, windows=windows, tile=tile)
    cut = [rough[b].copy() for b in windows]
    return Ground(values, channel.std, known, stable, law, windows, cut, tile, is_restless)


def _excess(
    ground: Ground, scales: Scales, i: int, spreads: Sequence[F32], *, free: Bool, middle: float
) -> F32:  # fmt: skip
    """Return the motion against the background of a scale (y, x); the array of the scale's spread becomes that of z."""
    sigma, widths = scales.sigma[i], tuple(g for g in scales.grounds if g >= scales.ground[i])
    motion = np.empty(ground.shape, dtype=np.float32)
    for t in tiles(ground.shape, ground.tile, max(halo_of(widths), 3 * sigma) + 1):
        values = ground.values[t.window]
        background = Background(ground.stable[t.window], widths).of(values, middle)[widths[-1]]
        smoothed = Smoother(free[t.window], (sigma,)).means(values, (sigma,))[0]
        excess = np.where(free[t.window], smoothed - background, np.float32(np.nan))[t.inside]
        spreads[i][t.core] = excess / spreads[i][t.core]
        motion[t.core] = (values - background)[t.inside]
    return motion


def against_widest(values: Windows, stable: Bool, scales: Scales, middle: float, *, tile: int) -> TiledMap:
    """Return a map against the widest background of its stable cells, computed by tile when it is asked for."""
    shape, width = (stable.shape[0], stable.shape[1]), max(scales.grounds)
    packed = np.packbits(stable, axis=1)

    def compute(box: Box) -> F32:
        wide = grown(box, int(halo_of((width,))) + 1, shape)
        inside = np.unpackbits(packed[wide[0]], axis=1, count=shape[1])[:, wide[1]].astype(bool)
        v = np.asarray(values[wide], dtype=np.float32)
        rest = v - Background(inside, (width,)).of(v, middle)[width]
        y, x = (slice(b.start - w.start, b.stop - w.start) for b, w in zip(box, wide, strict=True))
        return rest[y, x].copy()

    return TiledMap(shape, compute, side=tile)


def _strength(z: F32, params: AreaParams) -> tuple[float, float]:
    return float(np.maximum(z - params.sigma_factor, 0).sum(dtype=np.float64)), float(z.max())


def _split(z: F32, motion: F32, sign: int, params: AreaParams, *, keep_halo: bool) -> list[Patch]:
    """Return the clusters beyond the threshold, each as its body and, if wanted, its halo.

    The body of a cluster is what moves at least a share of its peak. What is left is looked at again: where it is much
    larger than the bodies it touches (a wide cone that a bowl sits in) it is a cluster of its own, else a halo.
    """
    out: list[Patch] = []
    rest = z > params.sigma_factor if sign > 0 else z < -params.sigma_factor
    owner = np.zeros(rest.shape, dtype=np.int32)
    for _ in range(6):
        labels, n = ndimage.label(rest, structure=EIGHT)
        if n == 0:
            break
        sizes = label_sizes(labels, n)
        boxes = ndimage.find_objects(labels)
        before = len(out)
        for k in np.flatnonzero(sizes[1:] >= params.minimum_pixels) + 1:
            box = grown(boxes[k - 1], 2, (rest.shape[0], rest.shape[1]))
            inside = labels[box] == k
            touched = np.unique(owner[box][ndimage.binary_dilation(inside, EIGHT, iterations=2)])
            touched = touched[touched > 0]
            if touched.size and inside.sum() <= _MUCH_LARGER * sum(out[t - 1].sum() for t in touched):
                if keep_halo and touched.size == 1:
                    halo = Patch.of(inside, box[0].start, box[1].start)
                    out[touched[0] - 1] = Patch.union([out[touched[0] - 1], halo])
                continue
            cells = Patch.of(_body(inside, sign * motion[box], params.outline_share), box[0].start, box[1].start)
            out.append(cells)
            owner[cells.indices] = len(out)
        if len(out) == before:
            break
        large = sizes >= params.minimum_pixels
        large[0] = False
        rest = large[labels]
        rest &= owner == 0
    return out


def label_sizes(labels: NDArray[np.int32], n: int) -> NDArray[np.int64]:
    """Return the number of cells of the labels 0, 1, ..., n, by bands of rows: counting all at once copies the map."""
    out = np.zeros(n + 1, dtype=np.int64)
    for row in range(0, labels.shape[0], 1024):
        out += np.bincount(labels[row : row + 1024].ravel(), minlength=n + 1)
    return out


def _is_halo(cells: Patch, smaller: PatchIndex, shape: tuple[int, int]) -> bool:
    """Return whether a cluster is but the smoothed rim of areas found at smaller scales."""
    near = cells.grown(4, shape)
    touched = [p.sum() for p in smaller.near(near) if near.overlap(p)]
    return bool(touched) and cells.sum() <= _MUCH_LARGER * sum(touched)


def _body(inside: Bool, motion: F32, share: float) -> Bool:
    value = np.where(inside, motion, -np.inf)
    high = np.partition(value[inside], -3)[-3:].min() if inside.sum() >= 3 else value.max()
    labels, _ = ndimage.label(value >= share * high, structure=EIGHT)
    body: Bool = labels == labels.ravel()[int(np.argmax(value))]
    return body


def search_all(channels: Sequence[Channel], cell_m: float, params: AreaParams) -> list[Search]:
    """Search every channel, each with its own stream of simulated noise; the same result for the same seed."""
    streams = np.random.SeedSequence(params.seed).spawn(len(channels))
    return [search_channel(c, cell_m, params, seed=s) for c, s in zip(channels, streams, strict=True)]
