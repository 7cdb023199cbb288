"""A bowl fitted to the lines of sight of all tracks at once, with the covariance of what was fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.optimize import least_squares

from geo_risk.hazards.deformation.mining.bowl import Bowl, bowl_motion, outline_radius
from geo_risk.hazards.deformation.mining.params import MiningParams

F64 = NDArray[np.float64]

NAMES = ("x", "y", "log volume", "log length", "log width", "azimuth", "log influence", "b")
"""What the columns of a covariance stand for; volume is S x length x width [mm m2]."""

MINIMUM_CELLS = 12
_REJECT = 5.0
_AROUND = 5
_LEAST_SPEED = 0.8
"""Share of the limiting speed that lost cells must have had; noise does the rest."""
_LOOSE_SIGMA = 0.15
"""How sharp that bound is, as a share of the limit."""


@dataclass(frozen=True)
class Look:
    """Velocities of one track over one part of the span, and how far they may be off.

    Attributes
    ----------
    track : its name.
    x, y : (n,) positions [m].
    los : (3, n) east, north, up of the unit vector to the satellite.
    velocity_mm_yr : (n,) toward the satellite, NaN missing.
    covariance : (n, n) of the errors [mm2/yr2].
    start, end : shares of the span.
    cell_m : side of the cells that the velocities are means of.
    """

    track: str
    x: F64
    y: F64
    los: F64
    velocity_mm_yr: F64
    covariance: F64
    start: float = 0.0
    end: float = 1.0
    cell_m: float = 0.0


@dataclass(frozen=True)
class Lost:
    """Cells of a track that had values and lost them for good, as ground does that moves too fast.

    Attributes
    ----------
    x, y : (n,) positions [m]; los : (3, n).
    start, end : (n,) shares of the span between which they were lost.
    limit_mm_yr : speed below which neither a cell nor its neighbours lose their values.
    cell_m : side of a cell.
    """

    x: F64
    y: F64
    los: F64
    start: F64
    end: F64
    limit_mm_yr: float
    cell_m: float


@dataclass(frozen=True)
class BowlFit:
    """A bowl, what it was fitted by, and how well.

    Attributes
    ----------
    bowl : the best one.
    values, covariance : (8,), (8, 8) of NAMES; the covariance is scaled by the misfit where this exceeds the noise.
    misfit : norm of the whitened residual over that of the whitened velocities, noise taken off both; may exceed 1.
    reduced_chi2 : whitened residual per degree of freedom; 1 where the noise explains it.
    n_cells : velocities used.
    n_lost : cells whose loss was used as a lower bound of their speed.
    """

    bowl: Bowl
    values: F64
    covariance: F64
    misfit: float
    reduced_chi2: float
    n_cells: int
    n_lost: int

    def sigma(self, name: str) -> float:
        """Return the standard error of one of NAMES."""
        k = NAMES.index(name)
        return float(np.sqrt(self.covariance[k, k]))

    def draws(self, n: int, rng: np.random.Generator) -> list[Bowl]:
        """Return bowls drawn from the fit's normal distribution."""
        factor = np.linalg.cholesky(self.covariance + 1e-12 * np.diag(np.diag(self.covariance)))
        points = self.values + rng.standard_normal((n, len(NAMES))) @ factor.T
        return [_bowl(_clipped(p), self.bowl) for p in points]

    def radius(self, boundary_mm: float) -> tuple[float, float]:
        """Return the radius [m] of the circle with the bowl's area within a boundary, and its standard error.

        The error is the covariance carried through central differences; 0 for a bowl that nowhere sank so much.
        """
        steps = 0.1 * np.sqrt(np.diag(self.covariance))
        slopes = np.zeros(len(NAMES))
        # where a bowl lies and points does not change its size
        for k in (2, 3, 4, 6):
            sides = (self.values + sign * steps[k] * (np.arange(len(NAMES)) == k) for sign in (1, -1))
            high, low = (outline_radius(_bowl(_clipped(p), self.bowl), boundary_mm) for p in sides)
            slopes[k] = (high - low) / (2 * steps[k])
        return outline_radius(self.bowl, boundary_mm), float(np.sqrt(slopes @ self.covariance @ slopes))


def fit_bowl(looks: Sequence[Look], start: Bowl, params: MiningParams, *, lost: Sequence[Lost] = ()) -> BowlFit:
    """Fit a bowl to the velocities of any number of tracks and parts of the span.

    Parameters
    ----------
    looks : at least MINIMUM_CELLS known velocities together.
    start : a first guess; its span is kept.
    params : what is known beforehand of faces, seams and influence radii, and of b.
    lost : cells near which the bowl must have been fast when they were lost.

    Returns
    -------
    Fit. Generalised least squares of v = l . (U_e, U_n, -W) / time, each look whitened by the Cholesky factor of its
    covariance (with a common offset of any size). Where there are several parts of the span the bowl moves with its
    face if that fits better than one that stands. Cells beyond 5 sigma of a first robust fit are left out.

    Raises
    ------
    ValueError : too few velocities, or no fit converged.
    """
    known = [_known(look) for look in looks]
    n = sum(len(look.x) for look in known)
    if n < MINIMUM_CELLS:
        what = f"{n} velocities; {MINIMUM_CELLS} needed to fit a bowl"
        raise ValueError(what)
    loose = _System(known, lost, params, correlated=False)
    rough = [_solve(loose, g, rounds=8) for g in _guesses(known, start)]
    rough = sorted((t for t in rough if np.isfinite(t[1])), key=lambda t: t[1])
    if not rough:
        what = "no bowl could be fitted"
        raise ValueError(what)
    # the best moving and the best standing one go on, unless one is far behind
    kinds = {t[0].is_moving: t[0] for t in reversed(rough) if t[1] <= 2 * rough[0][1]}
    first = min((_solve(loose, g, rounds=60) for g in kinds.values()), key=lambda t: t[1])[0]
    kept = [_without_outliers(look, first) for look in known]
    strict = _System(kept, lost, params, correlated=True)
    bowl, _, jacobian = _solve(strict, first, rounds=60)
    return _finished(bowl, jacobian, strict)


def predicted(bowl: Bowl, look: Look) -> F64:
    """Return the velocity [mm/yr] that a bowl gives a look, toward the satellite."""
    east, north, up = bowl_motion(bowl, look.x, look.y, start=look.start, end=look.end, cell_m=look.cell_m)
    out: F64 = (look.los[0] * east + look.los[1] * north + look.los[2] * up) / ((look.end - look.start) * bowl.span_yr)
    return out


def _known(look: Look) -> Look:
    return _subset(look, np.isfinite(look.velocity_mm_yr) & np.isfinite(look.los).all(axis=0))


def _subset(look: Look, keep: NDArray[np.bool_]) -> Look:
    return replace(
        look, x=look.x[keep], y=look.y[keep], los=look.los[:, keep], velocity_mm_yr=look.velocity_mm_yr[keep],
        covariance=look.covariance[np.ix_(keep, keep)],
    )  # fmt: skip


def _guesses(looks: Sequence[Look], start: Bowl) -> list[Bowl]:
    """Return starting bowls: still ones in two directions, and moving ones along the way the centre went."""
    out = [replace(start, is_moving=False, azimuth_rad=start.azimuth_rad + a) for a in (0.0, np.pi / 4)]
    if min(look.end - look.start for look in looks) > 0.99:
        return out
    early, late = (_centroid([k for k in looks if bool(k.start >= 0.5) == side], start) for side in (False, True))
    way = late - early
    along = float(np.arctan2(way[1], way[0])) if np.isfinite(way).all() else start.azimuth_rad
    length = float(np.clip(2 * np.hypot(*way), 30, 1000)) if np.isfinite(way).all() else start.length_m
    moving = replace(start, is_moving=True, length_m=length)
    return out + [replace(moving, azimuth_rad=along + a) for a in (0.0, np.pi / 4, -np.pi / 4)]


def _centroid(looks: Sequence[Look], start: Bowl) -> F64:
    """Return where the motion of some looks is centred, weighted by its square (NaN without a look)."""
    total, weight = np.zeros(2), 0.0
    for look in looks:
        w = (look.velocity_mm_yr - np.median(look.velocity_mm_yr)) ** 2 if len(look.x) else np.zeros(0)
        total += [float(w @ (look.x - start.x)), float(w @ (look.y - start.y))]
        weight += float(w.sum())
    return total / weight if weight > 0 else np.full(2, np.nan)


def _values(bowl: Bowl) -> F64:
    volume = bowl.subsidence_mm * bowl.length_m * bowl.width_m
    logs = np.log([volume, bowl.length_m, bowl.width_m])
    return np.array([bowl.x, bowl.y, *logs, bowl.azimuth_rad, np.log(bowl.influence_m), bowl.horizontal_factor])


def _bowl(p: F64, like: Bowl) -> Bowl:
    length, width = float(np.exp(p[3])), float(np.exp(p[4]))
    return replace(
        like, x=float(p[0]), y=float(p[1]), subsidence_mm=float(np.exp(p[2])) / (length * width), length_m=length,
        width_m=width, azimuth_rad=float(p[5]), influence_m=float(np.exp(p[6])), horizontal_factor=float(p[7]),
    )  # fmt: skip


_LOGS = {2: (0.0, 25.0), 3: (np.log(2), np.log(6000)), 4: (np.log(10), np.log(6000)), 6: (np.log(15), np.log(2500))}


def _clipped(p: F64) -> F64:
    out = p.copy()
    for k, (low, high) in _LOGS.items():
        out[k] = np.clip(out[k], low, high)
    out[7] = np.clip(out[7], 0.0, 1.0)
    return out


class _System:
    """All looks as one: residuals of a bowl, whitened by their covariance or only by their standard errors."""

    def __init__(self, kept: Sequence[Look], lost: Sequence[Lost], params: MiningParams, *, correlated: bool) -> None:
        self.params, self.correlated = params, correlated
        self.cells = _joined(kept)
        self.lost = [_around(cells) for cells in lost if len(cells.x)]
        self.limits = [cells.limit_mm_yr for cells in lost if len(cells.x)]
        sizes = np.cumsum([0, *(len(k.x) for k in kept)])
        self.parts = [slice(a, b) for a, b in pairwise(sizes) if b > a]
        filled = [k for k in kept if len(k.x)]
        self.inverse = [_inverse_factor(k.covariance) for k in filled] if correlated else []
        self.sigma = np.concatenate([np.sqrt(np.diag(k.covariance)) for k in filled])

    def velocities(self, bowl: Bowl) -> F64:
        """Return what a bowl leaves of the velocities [mm/yr]."""
        out: F64 = self.cells.velocity - self.cells.predicted(bowl)
        return out

    def whitened(self, bowl: Bowl) -> F64:
        """Return the same in standard deviations, independent where the system is correlated."""
        rest = self.velocities(bowl)
        if not self.correlated:
            out: F64 = rest / self.sigma
            return out
        return np.concatenate([w @ rest[part] for w, part in zip(self.inverse, self.parts, strict=True)])

    def residual(self, bowl: Bowl) -> F64:
        """Return all residuals: velocities, lost cells that would be too slow, and what is known beforehand."""
        slow = []
        for cells, limit in zip(self.lost, self.limits, strict=True):
            speed = np.abs(cells.predicted(bowl)).reshape(_AROUND, -1).max(axis=0)
            slow.append(np.maximum(_LEAST_SPEED - speed / limit, 0.0) / _LOOSE_SIGMA)
        return np.concatenate([self.whitened(bowl), *slow, _priors(bowl, self.params)])


@dataclass(frozen=True)
class _Cells:
    """The cells of all looks, end to end."""

    x: F64
    y: F64
    los: F64
    velocity: F64
    start: F64
    end: F64
    cell_m: F64

    def predicted(self, bowl: Bowl) -> F64:
        """Return the velocities a bowl gives them."""
        east, north, up = bowl_motion(bowl, self.x, self.y, start=self.start, end=self.end, cell_m=self.cell_m)
        out: F64 = (self.los[0] * east + self.los[1] * north + self.los[2] * up) / (self.end - self.start)
        return out / bowl.span_yr


def _joined(looks: Sequence[Look]) -> _Cells:
    def each(name: str) -> F64:
        return np.concatenate([np.full(len(k.x), float(getattr(k, name))) for k in looks])

    x, y, v = (np.concatenate([getattr(k, n) for k in looks]) for n in ("x", "y", "velocity_mm_yr"))
    los = np.concatenate([k.los for k in looks], axis=1)
    return _Cells(x, y, los, v, each("start"), each("end"), each("cell_m"))


def _around(lost: Lost) -> _Cells:
    """Return each lost cell and its four neighbours: what loses a value is its own speed, or the step to the next."""
    dx, dy = (np.repeat(np.array(o) * lost.cell_m, len(lost.x)) for o in ((0, 1, -1, 0, 0), (0, 0, 0, 1, -1)))
    x, y, start, end = (np.tile(v, _AROUND) for v in (lost.x, lost.y, lost.start, lost.end))
    los, cell = np.tile(lost.los, (1, _AROUND)), np.full(len(x), lost.cell_m)
    return _Cells(x + dx, y + dy, los, np.zeros(len(x)), start, end, cell)


def _inverse_factor(covariance: F64) -> F64:
    """Return the inverse Cholesky factor of a covariance with a common offset five times as large as its errors."""
    common = 25 * float(np.mean(np.diag(covariance)))
    factor = np.linalg.cholesky(covariance + common)
    return np.asarray(solve_triangular(factor, np.eye(len(factor)), lower=True), dtype=np.float64)


def _solve(system: _System, start: Bowl, *, rounds: int) -> tuple[Bowl, float, F64]:
    """Return the bowl, the cost of its velocities (priors left out), and the Jacobian of all residuals."""
    centre = np.array([start.x, start.y, 0, 0, 0, 0, 0, 0])
    first = _clipped(_values(start)) - centre
    low, high = np.full(8, -np.inf), np.full(8, np.inf)
    low[:2], high[:2] = -1000.0, 1000.0
    for k, bounds in _LOGS.items():
        low[k], high[k] = bounds
    low[7], high[7] = 0.0, 1.0
    scale = np.array([10.0, 10, 0.1, 0.2, 0.2, 0.1, 0.1, 0.05])
    close = 1e-6 if system.correlated else 1e-3
    done = least_squares(
        lambda p: system.residual(_bowl(p + centre, start)), np.clip(first, low + 1e-9, high - 1e-9),
        bounds=(low, high), x_scale=scale, loss="linear" if system.correlated else "soft_l1", f_scale=2.0,
        max_nfev=rounds, ftol=close, xtol=close,
    )  # fmt: skip
    bowl = _bowl(done.x + centre, start)
    rest = system.whitened(bowl)
    cost = float(rest @ rest) if system.correlated else float(np.sum(np.sqrt(1 + (rest / 2) ** 2) - 1))
    return bowl, cost, np.asarray(done.jac, dtype=np.float64)


def _priors(bowl: Bowl, params: MiningParams) -> F64:
    """Return how unusual a bowl is, in standard deviations of what is known of workings beforehand."""
    seam = np.log(bowl.subsidence_mm / params.usual_subsidence_mm) if bowl.is_moving else 0.0
    length = 0.0 if bowl.is_moving else np.log(bowl.length_m / params.usual_width_m)
    return np.array([
        seam / params.usual_subsidence_spread, length / params.usual_width_spread,
        np.log(bowl.width_m / params.usual_width_m) / params.usual_width_spread,
        np.log(bowl.influence_m / params.usual_influence_m) / params.usual_influence_spread,
        (bowl.horizontal_factor - params.horizontal_factor) / params.horizontal_factor_spread,
    ])  # fmt: skip


def _without_outliers(look: Look, bowl: Bowl) -> Look:
    rest = look.velocity_mm_yr - predicted(bowl, look)
    if not len(rest):
        return look
    rest = rest - np.median(rest)
    spread = 1.4826 * float(np.median(np.abs(rest)))
    limit = _REJECT * np.maximum(np.sqrt(np.diag(look.covariance)), spread)
    return _subset(look, np.abs(rest) <= limit)


def _finished(bowl: Bowl, jacobian: F64, system: _System) -> BowlFit:
    cells, whitened = system.cells, system.whitened(bowl)
    free = max(len(whitened) - len(NAMES), 1)
    chi2 = float(whitened @ whitened)
    reduced = chi2 / free
    information = jacobian.T @ jacobian
    # the scale keeps metres and logarithms comparable when the matrix is inverted
    scale = np.sqrt(np.maximum(np.diag(information), 1e-12))
    inverse = np.linalg.pinv(information / np.outer(scale, scale), rcond=1e-10, hermitian=True)
    covariance = inverse / np.outer(scale, scale) * max(1.0, reduced)
    silent = system.whitened(replace(bowl, subsidence_mm=0.0))
    # what noise adds to both is taken off, so that a weak bowl in strong noise is no misfit
    misfit = np.sqrt(max(chi2 - free, 0.0) / max(float(silent @ silent) - len(silent), 1e-9))
    n_lost = sum(len(c.x) // _AROUND for c in system.lost)
    return BowlFit(bowl, _values(bowl), covariance, float(misfit), reduced, len(cells.x), n_lost)
