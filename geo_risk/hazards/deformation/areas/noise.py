"""The noise of a velocity map: its spectrum from stable ground, its strength by place, and maps simulated from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from geo_risk.hazards.deformation.areas.tiles import Box, stride_of, tiles

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

_TRUNCATE = 3.0
LOCAL_CELLS = 12.0
"""Standard deviation of the Gaussian that local noise is averaged over: some 900 cells."""

_RING = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], dtype=np.float32)

MINIMUM_STABLE = 400
"""Fewest stable cells that a covariance is estimated from."""


def robust_sigma(values: NDArray[np.floating]) -> float:
    """Return 1.4826 times the median absolute deviation of the finite values; NaN where there is none."""
    finite = values[np.isfinite(values)]
    return float(1.4826 * np.median(np.abs(finite - np.median(finite)))) if finite.size else float("nan")


class Smoother:
    """Gaussian means of the known cells around each cell, for many maps with the same gaps.

    Parameters
    ----------
    known : (y, x) cells that take part.
    sigmas : standard deviations in cells; 0 leaves values as they are.
    """

    def __init__(self, known: Bool, sigmas: tuple[float, ...]) -> None:
        self.known = known
        self.shape = known.shape
        pad = int(np.ceil(_TRUNCATE * max(sigmas, default=0.0)))
        self._size = tuple(fft.next_fast_len(n + pad, real=True) for n in known.shape)
        self._kernels = {s: self._kernel(s) for s in sigmas if s > 0}
        ones = self._forward(known.astype(np.float32))
        self.weight = {s: np.maximum(self._back(ones * k), 0.0) for s, k in self._kernels.items()}

    def means(self, values: F32, sigmas: tuple[float, ...]) -> list[F32]:
        """Return the weighted mean of the known cells for each sigma (y, x); NaN where none is near."""
        spectrum = self._forward(np.where(self.known, values, np.float32(0))) if any(s > 0 for s in sigmas) else None
        out = []
        for s in sigmas:
            if s <= 0 or spectrum is None:
                out.append(np.where(self.known, values, np.float32(np.nan)))
                continue
            weight = self.weight[s]
            total = self._back(spectrum * self._kernels[s])
            near = weight > 1e-3
            mean = np.full(self.shape, np.nan, dtype=np.float32)
            np.divide(total, weight, out=mean, where=near)
            out.append(mean)
        return out

    def local_square(self, values: F32, typical: tuple[float, float]) -> F32:
        """Return the local mean square for the one sigma (y, x); the mean over all where no known cell is near.

        NaN values take no part. `typical` is the median and the mean of all squares of the map: squares are cut at
        9 x 2.2 times the median, nine variances of a normal law.
        """
        (sigma,) = self._kernels
        there = self.known & np.isfinite(values)
        if not np.isfinite(typical).all():
            return np.zeros(self.shape, dtype=np.float32)
        square = np.where(there, values, np.float32(0)).astype(np.float64) ** 2
        cut = np.minimum(square, 9 * 2.198 * typical[0]).astype(np.float32)
        spectra = self._forward(cut), self._forward(there.astype(np.float32))
        total, weight = (self._back(v * self._kernels[sigma]) for v in spectra)
        out = np.full(self.shape, np.float32(typical[1]))
        near = weight > 1e-3
        out[near] = total[near] / weight[near]
        return out

    def _kernel(self, sigma: float) -> F32:
        radius = int(np.ceil(_TRUNCATE * sigma))
        out = []
        for n in self._size:
            offset = np.minimum(np.arange(n), n - np.arange(n))
            line = np.where(offset <= radius, np.exp(-0.5 * (offset / sigma) ** 2), 0.0)
            out.append((line / line.sum()).astype(np.float32))
        result: F32 = fft.rfft2(np.outer(out[0], out[1])).real.astype(np.float32)
        return result

    def _forward(self, values: F32) -> NDArray[np.complex64]:
        result: NDArray[np.complex64] = fft.rfft2(values, s=self._size)
        return result

    def _back(self, spectrum: NDArray[np.complex64]) -> F32:
        full: F32 = fft.irfft2(spectrum, s=self._size)
        return full[: self.shape[0], : self.shape[1]]


@dataclass(frozen=True)
class NoiseModel:
    """A correlated part by its spectrum and local strength, and a white part that may differ from cell to cell.

    Attributes
    ----------
    law : of the map that it is a window of, or the whole.
    white : (y, x) standard deviation of the uncorrelated part.
    gain : (y, x) strength of the correlated part, 1 in the mean square of stable ground.
    """

    law: NoiseLaw
    white: F32
    gain: F32

    def simulate(self, rng: np.random.Generator) -> F32:
        """Return one map (y, x) of this noise, without gaps."""
        height, width = self.white.shape
        field = self.law.field(rng)[:height, :width]
        white: F32 = rng.standard_normal(self.white.shape, dtype=np.float32) * self.white
        return field * self.gain + white

    def placed(self, field: F32, white: F32, corner: tuple[int, int]) -> F32:
        """Return the window of one simulated map whose first cell is `corner`; field and white repeat over the map."""
        at = np.ix_(*((np.arange(n) + c) % m for n, c, m in zip(self.white.shape, corner, field.shape, strict=True)))
        out: F32 = field[at] * self.gain + white[at] * self.white
        return out


@dataclass(frozen=True)
class NoiseLaw:
    """What is known of the noise of a whole map: everything that its local strength is worked out from.

    Attributes
    ----------
    root : square root of the power spectrum on a torus; size : shape of the torus.
    sigma : standard deviation of the whole.
    covariance : (lag,) isotropic covariance at 0, 1, 2, ... cells; nugget : what it jumps by at lag 0.
    near, band : median and mean of the squares of differences from neighbours, and between two smoothed maps.
    level, scale, share : of the map's mean, that local strengths are held against; NaN before they are known.
    """

    root: F32
    size: tuple[int, int]
    sigma: float
    covariance: F64
    nugget: float
    near: tuple[float, float] = (float("nan"), float("nan"))
    band: tuple[float, float] = (float("nan"), float("nan"))
    level: float = float("nan")
    scale: float = float("nan")
    share: float = float("nan")

    def field(self, rng: np.random.Generator) -> F32:
        """Return one draw of the correlated part on the torus."""
        draw = rng.standard_normal(self.size, dtype=np.float32)
        out: F32 = fft.irfft2(fft.rfft2(draw) * self.root, s=self.size)
        return out

    def strengths(self, values: F32, use: Bool) -> tuple[F32, F32]:
        """Return the local variance of the white part and the local mean square of the correlated one, (y, x) each.

        Both are local mean squares over a Gaussian of LOCAL_CELLS: of each cell's difference from its eight neighbours,
        less what the correlated part adds to it; and of the map between Gaussian means of 1.2 and 5 cells, less what
        the white part adds. Squares are cut at nine times their median's worth, so that a mover left in counts little.
        """
        around = Smoother(use, (LOCAL_CELLS,))
        smooth = self.covariance.copy()
        smooth[0] -= self.nugget
        diagonal = np.interp(np.sqrt(2), [1, 2], smooth[1:3])
        own = float(smooth[0] - (smooth[1] + diagonal) + _ring_covariance(smooth))
        least = 0.25 * 1.125 * self.nugget
        white = np.maximum(around.local_square(_rough(values, use), self.near) - max(own, 0.0), least) / 1.125
        return white, around.local_square(_between(values, use), self.band) - white / (4 * np.pi * 1.2**2)

    def at(self, values: F32, use: Bool, std: F32 | None) -> NoiseModel:
        """Return the noise of a window of the map, from its values, its stable cells and its standard errors."""
        white, band = self.strengths(values, use)
        gain = np.sqrt(np.clip(band / self.level, 0.25, 9.0)) if self.level > 0 else np.ones(values.shape)
        own = np.sqrt(white * self.share).astype(np.float32)
        return NoiseModel(self, own if std is None else _by_std(own, use, std), (gain / self.scale).astype(np.float32))


def fit_noise(values: F32, stable: Bool, std: F32 | None = None) -> NoiseModel:
    """Estimate the noise of a map from its stable cells, and how strong it is everywhere: `fit_law` and its window.

    Parameters
    ----------
    values : (y, x); NaN is missing.
    stable : (y, x) cells without motion; at least MINIMUM_STABLE.
    std : (y, x) standard error of each value, in any unit: within a neighbourhood the variance of the white part goes
        with it (from half to twice), as measured differences of neighbours do.

    Raises
    ------
    ValueError : fewer than MINIMUM_STABLE stable cells.
    """
    use = stable & np.isfinite(values)
    return fit_law(values, use).at(values, use, std)


def fit_law(
    values: F32, stable: Bool, *, windows: Sequence[Box] = (), tile: int | None = None
) -> NoiseLaw:  # fmt: skip
    """Estimate the noise of a map from its stable cells.

    Parameters
    ----------
    values : (y, x); NaN is missing.
    stable : (y, x) cells without motion; at least MINIMUM_STABLE in the windows.
    windows : of one shape, that the covariance is taken from; none: the whole map.
    tile : side of the tiles that local strengths are worked out in; None: at once.

    Returns
    -------
    Law. The isotropic covariance comes from all pairs of stable cells up to half the shorter side, tapered to zero
    there; what it jumps by at lag 0 is white noise. Negative power, which a tapered estimate can have, is cut off and
    the variance restored. Steep or badly seen ground is noisier than its standard errors say, so both parts are scaled
    by what the stable cells around show (`strengths`).

    Raises
    ------
    ValueError : fewer than MINIMUM_STABLE stable cells.
    """
    use = stable & np.isfinite(values)
    boxes = list(windows) or [(slice(0, values.shape[0]), slice(0, values.shape[1]))]
    if (n := sum(int(use[b].sum()) for b in boxes)) < MINIMUM_STABLE:
        what = f"{n} stable cells; {MINIMUM_STABLE} needed to estimate noise"
        raise ValueError(what)
    mean = np.float32(sum(float(values[b][use[b]].sum(dtype=np.float64)) for b in boxes) / n)
    covariance = windowed_covariance(values, use, boxes, mean)
    nugget, n_lag = _nugget(covariance), len(covariance)
    size = tuple(fft.next_fast_len(b.stop - b.start + n_lag, real=True) for b in boxes[0])
    smooth = covariance.copy()
    smooth[0] -= nugget
    taper = 0.5 * (1 + np.cos(np.pi * np.arange(n_lag) / (n_lag - 1)))
    torus = np.interp(_lags((size[0], size[1])), np.arange(n_lag), smooth * taper, right=0.0)
    power = np.maximum(fft.rfft2(torus).real, 0.0)
    back = float(fft.irfft2(power, s=size)[0, 0])
    power *= smooth[0] / back if back > 0 else 0.0
    sigma = float(np.sqrt(max(covariance[0], 0.0)))
    law = NoiseLaw(np.sqrt(power).astype(np.float32), (size[0], size[1]), sigma, covariance, nugget)
    return _levelled(law, values, use, tile=tile)


def _levelled(law: NoiseLaw, values: F32, use: Bool, *, tile: int | None) -> NoiseLaw:
    """Return the law with what local strengths are held against, from the sample of the stable cells of the map."""
    shape = (values.shape[0], values.shape[1])
    step, near, band = stride_of(shape), [], []
    for t in tiles(shape, tile, 16):
        v, inside = values[t.window], use[t.window]
        near.append(t.sampled(_rough(v, inside), step).ravel())
        band.append(t.sampled(_between(v, inside), step).ravel())
    law = replace(law, near=squares_of(near), band=squares_of(band))
    white: list[F32] = []
    square: list[F32] = []
    for t in tiles(shape, tile, 16 + 3 * LOCAL_CELLS):
        inside = use[t.window]
        for out, part in zip((white, square), law.strengths(values[t.window], inside), strict=True):
            out.append(t.sampled(part, step)[t.sampled(inside, step)])
    squares = np.maximum(np.concatenate(square), 0.0)
    level = float(np.mean(squares, dtype=np.float64))
    gain = float(np.mean(np.clip(squares / level, 0.25, 9.0), dtype=np.float64)) if level > 0 else 1.0
    share = law.nugget / max(float(np.mean(np.concatenate(white), dtype=np.float64)), 1e-12)
    return replace(law, level=level, scale=float(np.sqrt(gain)), share=share)


def _rough(values: F32, use: Bool) -> F32:
    """Return the difference of the cells in use from their neighbours, NaN elsewhere."""
    return np.where(use, values - ring_mean(values, use), np.float32(np.nan))


def _between(values: F32, use: Bool) -> F32:
    """Return the map between Gaussian means of 1.2 and 5 cells at the cells in use, NaN elsewhere."""
    narrow, wide = Smoother(use, (1.2, 5.0)).means(values, (1.2, 5.0))
    return np.where(use, narrow - wide, np.float32(np.nan))


def squares_of(parts: Sequence[F32]) -> tuple[float, float]:
    """Return the median and the mean of the squares of the finite values; NaN where there is none."""
    inside = np.concatenate([p[np.isfinite(p)].astype(np.float64) for p in parts]) ** 2
    return (float(np.median(inside)), float(inside.mean())) if inside.size else (float("nan"), float("nan"))


def _by_std(white: F32, use: Bool, std: F32) -> F32:
    known = use & np.isfinite(std)
    around = Smoother(known, (LOCAL_CELLS,))
    level = around.means(std, (LOCAL_CELLS,))[0]
    share = np.clip(np.nan_to_num(std / level, nan=1.0), 0.5, 2.0).astype(np.float32)
    mean = np.nan_to_num(around.means(share, (LOCAL_CELLS,))[0], nan=1.0)
    out: F32 = (white * np.sqrt(share / mean)).astype(np.float32)
    return out


def ring_mean(values: F32, use: Bool) -> F32:
    """Return the mean of the eight neighbours in use; NaN where fewer than four are."""
    total = ndimage.convolve(np.where(use, values, np.float32(0)), _RING, mode="constant")
    n = ndimage.convolve(use.astype(np.float32), _RING, mode="constant")
    return np.where(n >= 4, total / np.maximum(n, 1), np.float32(np.nan)).astype(np.float32)


def _ring_covariance(smooth: F64) -> float:
    """Return the mean covariance of all ordered pairs of the eight neighbours of a cell."""
    y, x = np.nonzero(_RING)
    lags = np.hypot(y[:, None] - y, x[:, None] - x)
    return float(np.mean(np.interp(lags, np.arange(len(smooth)), smooth)))


def windowed_covariance(values: F32, use: Bool, boxes: Sequence[Box], mean: np.float32) -> F64:
    """Return the covariance at lags 0, 1, 2, ... cells (to half the shorter side) of the cells in use.

    Parameters
    ----------
    values, use : (y, x) of a map, and the cells that take part.
    boxes : windows of one shape that the pairs of cells are taken from; pairs across two windows do not count.
    mean : of the cells in use.
    """
    sums = [_lag_sums(np.where(use[b], values[b] - mean, np.float32(0)), use[b]) for b in boxes]
    return _ratio(np.sum([s[0] for s in sums], axis=0), np.sum([s[1] for s in sums], axis=0))


def _ratio(total: F64, count: F64) -> F64:
    out: F64 = np.divide(total, count, out=np.zeros(len(total)), where=count > 0.5)
    return out


def _lag_sums(centred: F32, use: Bool) -> tuple[F64, F64]:
    """Return the sum of products and the number of pairs of the cells in use by lag."""
    n_lag = max(8, min(centred.shape) // 2)
    size = tuple(fft.next_fast_len(n + n_lag, real=True) for n in centred.shape)
    v = fft.rfft2(np.where(use, centred, 0).astype(np.float64), s=size)
    m = fft.rfft2(use.astype(np.float64), s=size)
    products = fft.irfft2(np.abs(v) ** 2, s=size)
    pairs = fft.irfft2(np.abs(m) ** 2, s=size)
    lag = np.rint(_lags((size[0], size[1]))).astype(int)
    near = lag < n_lag
    total = np.bincount(lag[near], weights=products[near], minlength=n_lag).astype(np.float64)
    count = np.bincount(lag[near], weights=np.maximum(pairs[near], 0), minlength=n_lag).astype(np.float64)
    return total, count


def _lags(size: tuple[int, int]) -> F64:
    """Return the distance [cells] of each cell of a torus from its first."""
    dy, dx = (np.minimum(np.arange(n), n - np.arange(n)) for n in size)
    out: F64 = np.hypot(dy[:, None], dx[None, :])
    return out


def _nugget(covariance: F64) -> float:
    near = covariance[1] + max(0.0, covariance[1] - covariance[2])
    return float(np.clip(covariance[0] - near, 0.0, covariance[0]))
