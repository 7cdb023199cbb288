"""How far the level of a map may be off: what its scene correction fitted, and what stable ground shows of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo_risk.hazards.deformation.areas.noise import F64, MINIMUM_STABLE, Bool
from geo_risk.hazards.deformation.areas.tiles import Windows, at_cells, bands, sampled, sampled_of, thinned
from geo_risk.hazards.deformation.lines.vertical import VerticalMap
from geo_risk.hazards.deformation.motion.correction import surface_names

_SAMPLE = 1000
"""Stable cells that the error of the fit is propagated through: a cell in every few correlation lengths is enough."""

_OF_BODY = 400
"""Cells of a body that stand for all of it."""


@dataclass(frozen=True)
class SharedNoise:
    """Covariance of what neighbours share, sill exp(-(d / length)^power) [(mm/yr)^2], d in cells."""

    sill: float
    length: float
    power: float

    def at(self, distance: F64) -> F64:
        """Return the covariance at distances in cells, any shape."""
        out: F64 = self.sill * np.exp(-((distance / self.length) ** self.power))
        return out


def shared_noise(covariance: F64) -> SharedNoise:
    """Fit a covariance to how fast an estimated one falls at short distances.

    Parameters
    ----------
    covariance : (lag,) at 0, 1, 2, ... cells, as residuals of a fit show it.

    Returns
    -------
    Least squares over the first quarter of the lags, with power 1, 1.5 or 2 and a sill no lower than the estimated one.
    A mean, a plane or a delay that were taken off lower an estimated covariance at all distances by about as much;
    its fall at short ones stays.
    """
    n = min(len(covariance), max(6, len(covariance) // 4))
    lag = np.arange(n, dtype=np.float64)
    fall = covariance[0] - covariance[:n]
    least = max(0.0, float(covariance[0]))
    best = (np.inf, SharedNoise(0.0, 1.0, 1.0))
    for power in (1.0, 1.5, 2.0):
        for length in np.geomspace(1.0, float(len(covariance)), 50):
            shape = 1 - np.exp(-((lag / length) ** power))
            square = float(shape @ shape)
            sill = max(least, float(shape @ fall) / square if square > 0 else 0.0)
            rest = float(((fall - sill * shape) ** 2).sum())
            if rest < best[0]:
                best = (rest, SharedNoise(sill, float(length), power))
    return best[1]


@dataclass(frozen=True)
class Heights:
    """Heights [m] by window, NaN unknown, and their mean and deviation on stable ground."""

    values: Windows
    mean: float
    spread: float

    def at(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> F64:
        """Return scaled heights (n,) of cells; those of unknown height count as of mean height."""
        scaled = (at_cells(self.values, rows, columns) - self.mean) / self.spread
        out: F64 = np.nan_to_num(scaled).astype(np.float32).astype(np.float64)
        return out


@dataclass(frozen=True)
class SceneLevel:
    """The fields that a scene correction takes off, and how they were fitted to stable ground.

    Attributes
    ----------
    names : of the fields, "one" first.
    height : scaled to mean 0 and deviation 1 on stable ground, where "height" is among the names.
    noise : what neighbours share.
    rows, columns : (n,) of the stable cells that stand for the fit.
    solve : (q, n) takes their values to the coefficients.
    fitted : (q, q) covariance of the coefficients [(mm/yr)^2].
    shape : (y, x) of the map.
    misfit : (q,) coefficients that stable ground still shows [mm/yr]; 0 would be a map whose still ground is still.
    """

    names: tuple[str, ...]
    height: Heights | None
    noise: SharedNoise
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    solve: F64
    fitted: F64
    shape: tuple[int, int]
    misfit: F64

    def mean_errors(self, cells: Bool, corner: tuple[int, int] = (0, 0)) -> tuple[float, float]:
        """Return two errors of the mean of a map over cells [mm/yr], beside its white noise; NaN without a cell.

        The standard error of what neighbours share, less what the fit to stable ground took of it, more what the fit
        brought in; and the level that stable ground still shows there, which counts as a systematic error.
        `cells` is a window of the map whose first row and column are `corner`.
        """
        rows, columns = (i + first for i, first in zip(thinned(cells, _OF_BODY), corner, strict=True))
        if not rows.size:
            return float("nan"), float("nan")
        own = self.noise.at(_apart(rows, columns, rows, columns)).mean()
        across = self.noise.at(_apart(rows, columns, self.rows, self.columns)).mean(axis=0)
        f = _basis(self.names, self.shape, rows, columns, self.height).mean(axis=1)
        error = own - 2 * f @ (self.solve @ across) + f @ self.fitted @ f
        return float(np.sqrt(max(error, 0.0))), float(f @ self.misfit)


def scene_level(vertical: VerticalMap, height: Windows | None, *, atmosphere: str) -> SceneLevel | None:
    """Return how far the level of a map may be off; None where no stable ground shows it.

    Parameters
    ----------
    vertical : the map, its noise and its stable ground.
    height : (y, x) [m] on its grid by window, NaN unknown; None where there is none: then no delay that follows height
        counts.
    atmosphere : what the scene correction takes off, as `VelocityParams.atmosphere`.

    Returns
    -------
    The fit of a plane (or what `atmosphere` names) and height to a regular sample of the stable ground, by least
    squares. A correction fitted to the same ground errs by as much where it is taken further, as into a wide sinking
    on low ground; a constant always counts, as the reference does where nothing is fitted.
    """
    names = ("one", *surface_names(atmosphere))
    use = vertical.noise.stable & np.isfinite(vertical.up)
    scaled: Heights | None = None
    if height is not None and atmosphere.endswith("height") and (there := use & _finite(height)).any():
        use = there
        some = sampled_of(height)[sampled(use)]
        spread = float(np.std(some)) if some.size else 0.0
        if spread > 1.0:
            scaled = Heights(height, float(np.mean(some)), spread)
            names = (*names, "height")
    if not vertical.noise.is_fitted or int(use.sum()) < MINIMUM_STABLE:
        return None
    rows, columns = thinned(use, _SAMPLE)
    basis = _basis(names, use.shape, rows, columns, scaled)
    solve = np.linalg.pinv(basis @ basis.T) @ basis
    noise = shared_noise(vertical.noise.covariance)
    fitted = solve @ noise.at(_apart(rows, columns, rows, columns)) @ solve.T
    misfit = solve @ vertical.up[rows, columns].astype(np.float64)
    return SceneLevel(names, scaled, noise, rows, columns, solve, fitted, vertical.grid.shape, misfit)


def _finite(values: Windows) -> Bool:
    """Return where a map has values (y, x)."""
    height, width = values.shape
    out = np.empty((height, width), dtype=bool)
    for band in bands(height):
        out[band] = np.isfinite(values[band, slice(0, width)])
    return out


def _apart(a: NDArray[np.int64], b: NDArray[np.int64], c: NDArray[np.int64], d: NDArray[np.int64]) -> F64:
    """Return the distances (n, m) in cells between cells (a, b) and cells (c, d)."""
    return np.asarray(np.hypot(a[:, None] - c[None, :], b[:, None] - d[None, :]))


def _basis(
    names: tuple[str, ...], shape: tuple[int, ...], rows: NDArray[np.int64], columns: NDArray[np.int64],
    height: Heights | None,
) -> F64:  # fmt: skip
    """Return the fields (q, n) at cells: 1, x and y from -1 to 1 over the map and their products, scaled height."""
    y, x = (2 * i / max(1, n - 1) - 1 for i, n in zip((rows, columns), shape, strict=True))
    planes = {"one": np.ones(len(rows)), "x": x, "y": y, "xx": x * x, "xy": x * y, "yy": y * y}
    if height is not None:
        planes["height"] = height.at(rows, columns)
    return np.stack([planes[n] for n in names])
