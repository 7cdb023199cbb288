"""The noise of a velocity map: its spectrum from stable ground, and maps simulated from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

_TRUNCATE = 3.0
MASK_SIGMA, SEED_SIGMA = 3.5, 7.0
"""Cells this many robust sigma off their background are kept out of it, where they touch a cell beyond the second.

Noise alone should hardly reach the second: a patch of noise kept out of the background stands out the more.
"""

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

    def local_square(self, values: F32) -> F64:
        """Return the local mean square for the one sigma; the mean over all where no known cell is near.

        NaN values take no part. Squares are cut at 9 x 2.2 times their median, nine variances of a normal law.
        """
        (sigma,) = self._kernels
        square = values.astype(np.float64) ** 2
        there = self.known & np.isfinite(square)
        if not there.any():
            return np.zeros(self.shape)
        most = 9 * 2.198 * float(np.median(square[there]))
        cut: F32 = np.where(there, np.minimum(square, most), 0.0).astype(np.float32)
        spectra = self._forward(cut), self._forward(there.astype(np.float32))
        total, weight = (self._back(v * self._kernels[sigma]) for v in spectra)
        out = np.full(self.shape, float(square[there].mean(dtype=np.float64)))
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
    root : square root of the power spectrum on the padded torus.
    size : shape of the torus.
    white : (y, x) standard deviation of the uncorrelated part.
    gain : (y, x) strength of the correlated part, 1 in the mean square of stable ground.
    sigma : standard deviation of the whole.
    covariance : (lag,) isotropic covariance at 0, 1, 2, ... cells.
    """

    root: F32
    size: tuple[int, int]
    white: F32
    gain: F32
    sigma: float
    covariance: F64

    def simulate(self, rng: np.random.Generator) -> F32:
        """Return one map (y, x) of this noise, without gaps."""
        shape = self.white.shape
        draw = rng.standard_normal(self.size, dtype=np.float32)
        field: F32 = fft.irfft2(fft.rfft2(draw) * self.root, s=self.size)[: shape[0], : shape[1]]
        white: F32 = rng.standard_normal(shape, dtype=np.float32) * self.white
        return field * self.gain + white


def fit_noise(values: F32, stable: Bool, std: F32 | None = None) -> NoiseModel:
    """Estimate the noise of a map from its stable cells.

    Parameters
    ----------
    values : (y, x); NaN is missing.
    stable : (y, x) cells without motion; at least MINIMUM_STABLE.
    std : (y, x) standard error of each value, in any unit: within a neighbourhood the variance of the white part goes
        with it (from half to twice), as measured differences of neighbours do.

    Returns
    -------
    Model. The isotropic covariance comes from all pairs of stable cells up to half the shorter side, tapered to zero
    there; what it jumps by at lag 0 is white noise. Negative power, which a tapered estimate can have, is cut off and
    the variance restored. Steep or badly seen ground is noisier than its standard errors say, so both parts are scaled
    by what the stable cells around show (`_local`).

    Raises
    ------
    ValueError : fewer than MINIMUM_STABLE stable cells.
    """
    use = stable & np.isfinite(values)
    if use.sum() < MINIMUM_STABLE:
        what = f"{int(use.sum())} stable cells; {MINIMUM_STABLE} needed to estimate noise"
        raise ValueError(what)
    centred = np.where(use, values - np.float32(np.mean(values[use])), np.float32(0))
    covariance = isotropic_covariance(centred, use)
    nugget = _nugget(covariance)
    n_lag = len(covariance)
    size = tuple(fft.next_fast_len(n + n_lag, real=True) for n in values.shape)
    dy = np.minimum(np.arange(size[0]), size[0] - np.arange(size[0]))[:, None]
    dx = np.minimum(np.arange(size[1]), size[1] - np.arange(size[1]))[None, :]
    smooth = covariance.copy()
    smooth[0] -= nugget
    taper = 0.5 * (1 + np.cos(np.pi * np.arange(n_lag) / (n_lag - 1)))
    torus = np.interp(np.hypot(dy, dx), np.arange(n_lag), smooth * taper, right=0.0)
    power = np.maximum(fft.rfft2(torus).real, 0.0)
    back = float(fft.irfft2(power, s=size)[0, 0])
    power *= smooth[0] / back if back > 0 else 0.0
    white, gain = _local(values, use, smooth, nugget)
    if std is not None:
        white = _by_std(white, use, std)
    return NoiseModel(
        np.sqrt(power).astype(np.float32), (size[0], size[1]), white, gain, float(np.sqrt(max(covariance[0], 0.0))),
        covariance,
    )  # fmt: skip


def _local(values: F32, use: Bool, smooth: F64, nugget: float) -> tuple[F32, F32]:
    """Return the standard deviation of the white part and the gain of the correlated part, (y, x) each.

    Both are local mean squares over a Gaussian of LOCAL_CELLS: of each cell's difference from its eight neighbours,
    less what the correlated part adds to it; and of the map between Gaussian means of 1.2 and 5 cells, less
    what the white part adds. Squares are cut at nine times their median's worth, so that a mover left in counts little.
    """
    around = Smoother(use, (LOCAL_CELLS,))
    near = _ring_mean(values, use)
    own = float(smooth[0] - 2 * (smooth[1] + np.interp(np.sqrt(2), [1, 2], smooth[1:3])) / 2 + _ring_covariance(smooth))
    white = np.maximum(around.local_square(values - near) - max(own, 0.0), 0.25 * 1.125 * nugget) / 1.125
    narrow, wide = Smoother(use, (1.2, 5.0)).means(values, (1.2, 5.0))
    band = around.local_square(narrow - wide) - white / (4 * np.pi * 1.2**2)
    level = float(np.mean(np.maximum(band, 0.0)[use]))
    gain = np.sqrt(np.clip(band / level, 0.25, 9.0)) if level > 0 else np.ones(values.shape)
    scale = np.sqrt(np.mean(gain[use] ** 2))
    share = nugget / max(float(np.mean(white[use])), 1e-12)
    return np.sqrt(white * share).astype(np.float32), (gain / scale).astype(np.float32)


def _by_std(white: F32, use: Bool, std: F32) -> F32:
    known = use & np.isfinite(std)
    around = Smoother(known, (LOCAL_CELLS,))
    level = around.means(std, (LOCAL_CELLS,))[0]
    share = np.clip(np.nan_to_num(std / level, nan=1.0), 0.5, 2.0).astype(np.float32)
    mean = np.nan_to_num(around.means(share, (LOCAL_CELLS,))[0], nan=1.0)
    out: F32 = (white * np.sqrt(share / mean)).astype(np.float32)
    return out


def _ring_mean(values: F32, use: Bool) -> F32:
    """Return the mean of the eight neighbours in use; NaN where fewer than four are."""
    total = ndimage.convolve(np.where(use, values, np.float32(0)), _RING, mode="constant")
    n = ndimage.convolve(use.astype(np.float32), _RING, mode="constant")
    return np.where(n >= 4, total / np.maximum(n, 1), np.float32(np.nan)).astype(np.float32)


def _ring_covariance(smooth: F64) -> float:
    """Return the mean covariance of all ordered pairs of the eight neighbours of a cell."""
    y, x = np.nonzero(_RING)
    lags = np.hypot(y[:, None] - y, x[:, None] - x)
    return float(np.mean(np.interp(lags, np.arange(len(smooth)), smooth)))


def isotropic_covariance(centred: F32, use: Bool) -> F64:
    """Return the covariance at lags 0, 1, 2, ... cells (to half the shorter side) of the cells in use."""
    n_lag = max(8, min(centred.shape) // 2)
    size = tuple(fft.next_fast_len(n + n_lag, real=True) for n in centred.shape)
    v = fft.rfft2(np.where(use, centred, 0).astype(np.float64), s=size)
    m = fft.rfft2(use.astype(np.float64), s=size)
    products = fft.irfft2(np.abs(v) ** 2, s=size)
    pairs = fft.irfft2(np.abs(m) ** 2, s=size)
    dy = np.minimum(np.arange(size[0]), size[0] - np.arange(size[0]))[:, None]
    dx = np.minimum(np.arange(size[1]), size[1] - np.arange(size[1]))[None, :]
    lag = np.rint(np.hypot(dy, dx)).astype(int)
    near = lag < n_lag
    total = np.bincount(lag[near], weights=products[near], minlength=n_lag)
    count = np.bincount(lag[near], weights=np.maximum(pairs[near], 0), minlength=n_lag)
    out: F64 = np.divide(total, count, out=np.zeros(n_lag), where=count > 0.5)
    return out


def _nugget(covariance: F64) -> float:
    near = covariance[1] + max(0.0, covariance[1] - covariance[2])
    return float(np.clip(covariance[0] - near, 0.0, covariance[0]))


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

    def of(self, values: F32) -> dict[float, F32]:
        """Return the background of a map by sigma, (y, x) each, without gaps."""
        total = np.full(values.shape, np.median(values[self._smooth.known]), dtype=np.float32)
        out = {}
        for sigma in self._sigmas:
            step = np.nan_to_num(self._smooth.means(values - total, (sigma,))[0], nan=0.0)
            total = total + step * (self._trust[sigma] if sigma != self._sigmas[0] else np.float32(1))
            out[sigma] = total
        return out


def local_scale(values: F32) -> F32:
    """Return how much rougher a map is around each cell than elsewhere, (y, x), 1 in the mean square, 0.5 to 3.

    The local mean square of the differences of cells from their eight neighbours: noise shows there, wide motion does
    not, and the squares of narrow motion are cut.
    """
    known = np.isfinite(values)
    square = Smoother(known, (LOCAL_CELLS,)).local_square(values - _ring_mean(values, known))
    level = float(np.mean(square[known])) if known.any() else 0.0
    if not level > 0:
        return np.ones(values.shape, dtype=np.float32)
    return np.clip(np.sqrt(square / level), 0.5, 3.0).astype(np.float32)


def moving_cells(values: F32, sigmas: tuple[float, ...], scale: F32 | None = None) -> Bool:
    """Return the cells that move against their surroundings, so that the others can serve as stable ground.

    Parameters
    ----------
    values : (y, x); NaN is missing.
    sigmas : widths of the background in cells.
    scale : (y, x) local roughness; None: that of `local_scale`.

    Returns
    -------
    (y, x) mask. In rounds: the background of the cells not masked so far is taken off, the rest smoothed over 1.2
    cells and divided by the scale, and what is beyond MASK_SIGMA and touches what is beyond SEED_SIGMA masked with two
    cells around it. It never masks more than half.
    """
    known = np.isfinite(values)
    rough = local_scale(values) if scale is None else scale
    small = Smoother(known, (1.2,))
    background = np.full(values.shape, np.nanmedian(values), dtype=np.float32)
    moving = np.zeros(values.shape, dtype=bool)
    widths = tuple(sorted(set(sigmas), reverse=True))
    for k in range(2 + len(widths)):
        rest = small.means(values - background, (1.2,))[0] / rough
        size = np.where(known, np.abs(np.nan_to_num(rest)), 0) / robust_sigma(rest[known & ~moving])
        wider = ndimage.binary_dilation(_connected(size), iterations=2)
        if wider[known].mean() > 0.5:
            break
        moving = wider
        use = widths[: 1 + k]
        background = Background(known & ~moving, use).of(values)[use[-1]] if use else background
    return moving


def _connected(size: NDArray[np.floating]) -> Bool:
    """Return the cells beyond MASK_SIGMA that are connected to one beyond SEED_SIGMA."""
    labels, n = ndimage.label(size > MASK_SIGMA, structure=np.ones((3, 3)))
    seeded = np.zeros(n + 1, dtype=bool)
    seeded[labels[size > SEED_SIGMA]] = True
    seeded[0] = False
    out: Bool = seeded[labels]
    return out
