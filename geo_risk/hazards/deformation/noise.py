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
MASK_SIGMA = 4.5
"""Cells this many robust sigma off their background are kept out of it; noise alone should rarely be."""

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
    """A stationary correlated part by its spectrum, and a white part that may differ from cell to cell.

    Attributes
    ----------
    root : square root of the power spectrum on the padded torus.
    size : shape of the torus.
    white : (y, x) standard deviation of the uncorrelated part.
    sigma : standard deviation of the whole.
    covariance : (lag,) isotropic covariance at 0, 1, 2, ... cells.
    """

    root: F32
    size: tuple[int, int]
    white: F32
    sigma: float
    covariance: F64

    def simulate(self, rng: np.random.Generator) -> F32:
        """Return one map (y, x) of this noise, without gaps."""
        shape = self.white.shape
        draw = rng.standard_normal(self.size, dtype=np.float32)
        field: F32 = fft.irfft2(fft.rfft2(draw) * self.root, s=self.size)[: shape[0], : shape[1]]
        white: F32 = rng.standard_normal(shape, dtype=np.float32) * self.white
        return field + white


def fit_noise(values: F32, stable: Bool, std: F32) -> NoiseModel:
    """Estimate the noise of a map from its stable cells.

    Parameters
    ----------
    values : (y, x); NaN is missing.
    stable : (y, x) cells without motion; at least MINIMUM_STABLE.
    std : (y, x) standard error of each value, in any common unit; its part above the quietest 5 % says where the
        white noise sits.

    Returns
    -------
    Model. The isotropic covariance comes from all pairs of stable cells up to half the shorter side, tapered to zero
    there; what it jumps by at lag 0 is the white part. Negative power, which a tapered estimate can have, is cut off
    and the variance restored.

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
    return NoiseModel(
        np.sqrt(power).astype(np.float32), (size[0], size[1]), _white(std, use, nugget),
        float(np.sqrt(max(covariance[0], 0.0))), covariance,
    )  # fmt: skip


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


def _white(std: F32, use: Bool, nugget: float) -> F32:
    variance = np.where(np.isfinite(std), std.astype(np.float64) ** 2, np.nan)
    floor = np.nanquantile(variance[use], 0.05) if np.isfinite(variance[use]).any() else 0.0
    extra = np.maximum(variance - floor, 0.0)
    mean = float(np.nanmean(extra[use])) if np.isfinite(extra[use]).any() else 0.0
    share = extra / mean if mean > 0 else np.ones(std.shape)
    return np.sqrt(nugget * np.minimum(np.nan_to_num(share, nan=1.0), 25.0)).astype(np.float32)


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


def moving_cells(values: F32, sigmas: tuple[float, ...]) -> Bool:
    """Return the cells that move against their surroundings, so that the others can serve as stable ground.

    Parameters
    ----------
    values : (y, x); NaN is missing.
    sigmas : widths of the background in cells.

    Returns
    -------
    (y, x) mask. In rounds: the background of the cells not masked so far is taken off, the rest smoothed over 1.2
    cells, and what is beyond 3 robust sigma masked with two cells around it. It never masks more than half.
    """
    known = np.isfinite(values)
    small = Smoother(known, (1.2,))
    background = np.full(values.shape, np.nanmedian(values), dtype=np.float32)
    moving = np.zeros(values.shape, dtype=bool)
    widths = tuple(sorted(set(sigmas), reverse=True))
    for k in range(2 + len(widths)):
        rest = small.means(values - background, (1.2,))[0]
        beyond = np.abs(np.nan_to_num(rest)) > MASK_SIGMA * robust_sigma(rest[known & ~moving])
        wider = ndimage.binary_dilation(beyond & known, iterations=2)
        if wider[known].mean() > 0.5:
            break
        moving = wider
        use = widths[: 1 + k]
        background = Background(known & ~moving, use).of(values)[use[-1]] if use else background
    return moving
