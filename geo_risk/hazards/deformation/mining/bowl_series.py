"""The series of one track around one body: against its own stable surroundings, in parts, with the noise of each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geo_risk.hazards.deformation.mining.bowl_fit import Look, Lost
from geo_risk.hazards.deformation.mining.params import MiningParams

F64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

_MINIMUM_STABLE = 30
_PAIR_CELLS = 400
_FIT_CELLS = 120
_SHARE_OF_DATES = 0.6
_TUKEY = 4.685
_STORED_MM = 0.05
"""Residuals below this are rounding of the files, not outliers."""
_POWERS = (1.0, 4 / 3, 5 / 3)


@dataclass(frozen=True)
class Cut:
    """A track around a body.

    Attributes
    ----------
    track : its name.
    x, y : (n,) cell centres in the run's CRS [m].
    los : (3, n) east, north, up of the unit vector to the satellite.
    years : (t,) since the first date.
    displacement_mm : (t, n) toward the satellite, NaN missing. Of a product that is a velocity: two dates, 0 and v.
    cell_m : side of a cell.
    height_m : (n,), or None.
    first_date : ISO date of years 0, or None where it is not known.
    wavelength_m : of the radar, or None where neither product nor configuration states it.
    """

    track: str
    x: F64
    y: F64
    los: F64
    years: F64
    displacement_mm: F64
    cell_m: float
    height_m: F64 | None = None
    first_date: str | None = None
    wavelength_m: float | None = None

    @property
    def span_yr(self) -> float:
        """Length of the series."""
        return float(self.years[-1] - self.years[0])


@dataclass(frozen=True)
class LocalNoise:
    """Errors of a map: white, and correlated as sill^2 exp(-(distance / length)^power).

    Attributes
    ----------
    white, sill : standard deviations.
    length_m : of the correlation.
    power : 1 for rough fields, 5/3 for turbulence that is smooth from cell to cell.
    """

    white: float
    sill: float
    length_m: float
    power: float = 1.0

    def covariance(self, x: F64, y: F64) -> F64:
        """Return the covariance (n, n) of the errors at points [m]."""
        distance = np.hypot(x[:, None] - x[None], y[:, None] - y[None])
        out: F64 = self.sill**2 * np.exp(-((distance / self.length_m) ** self.power)) + self.white**2 * np.eye(len(x))
        return out


def against_stable(cut: Cut, moving: Bool) -> Cut:
    """Take off each date what the still cells around show: their plane, and a part that follows height.

    Parameters
    ----------
    cut : of a track.
    moving : (n,) cells of bodies that move; everything else is held to be still.

    Returns
    -------
    The cut with a displacement against stable ground (least squares with one rejection beyond 3 robust sigma; fewer
    than 30 still cells on a date leave that date missing, unless no date has them: then nothing is taken off).
    """
    still = ~moving & np.isfinite(cut.displacement_mm).any(axis=0)
    if still.sum() < _MINIMUM_STABLE:
        return cut
    fields = [np.ones(len(cut.x)), _unit(cut.x, still), _unit(cut.y, still)]
    if cut.height_m is not None and np.isfinite(cut.height_m).all() and np.std(cut.height_m[still]) > 1:
        fields.append(_unit(cut.height_m, still))
    basis = np.stack(fields, axis=1)
    out = np.full(cut.displacement_mm.shape, np.nan)
    for k, values in enumerate(cut.displacement_mm):
        use = still & np.isfinite(values)
        for _ in range(2):
            if use.sum() < _MINIMUM_STABLE:
                break
            fitted = np.linalg.lstsq(basis[use], values[use], rcond=None)[0]
            rest = values - basis @ fitted
            out[k] = rest
            spread = 1.4826 * np.median(np.abs(rest[use] - np.median(rest[use])))
            use = use & (np.abs(rest) <= 3 * max(float(spread), 1e-9))
    return replace(cut, displacement_mm=out)


def _unit(values: F64, use: Bool) -> F64:
    spread = float(np.std(values[use]))
    out: F64 = (values - float(np.mean(values[use]))) / (spread if spread > 0 else 1.0)
    return out


def window_dates(cut: Cut, params: MiningParams) -> list[slice]:
    """Return the parts of a series as slices of its dates; neighbours share a date where there is one at the edge."""
    n = int(np.clip(cut.span_yr / params.window_yr, 1, params.maximum_windows)) if len(cut.years) > 2 else 1
    n = max(1, min(n, len(cut.years) // 6))
    share = (cut.years - cut.years[0]) / cut.span_yr
    edges = np.linspace(0.0, 1.0, n + 1)
    first = np.searchsorted(share, edges[:-1] - 1e-9)
    last = np.searchsorted(share, edges[1:] + 1e-9)
    return [slice(int(a), int(b)) for a, b in zip(first, last, strict=True)]


def looks_of(cut: Cut, span_yr: float, *, moving: Bool, near: Bool, params: MiningParams) -> list[Look]:
    """Return what a track says of a body, part by part of the span, with the noise of its stable surroundings.

    Parameters
    ----------
    cut : against stable ground.
    span_yr : length of the observations of all tracks, from year 0.
    moving : (n,) cells of bodies that move.
    near : (n,) cells that the bowl is fitted to.
    params : length and number of the parts.

    Returns
    -------
    A look for each part with a known velocity (robust trend of cells that have 60 % of its dates and of its length;
    not of the part in which a cell is lost for good). Empty where the surroundings are too
    few to tell the noise.
    """
    parts = window_dates(cut, params)
    velocity = [window_velocity(cut.years[p], cut.displacement_mm[p]) for p in parts]
    noise = local_noise(cut, velocity, ~moving)
    use = _thinned(near)
    gone = _loss(cut)
    out = []
    for part, rate, errors in zip(parts, velocity, noise, strict=True):
        if errors is None:
            continue
        # what is lost while it moves fastest would give half a part the rate of the other half
        whole = ~((gone >= part.start) & (gone < part.stop - 1))
        first, last = trend_span(cut.years[part])
        out.append(
            Look(cut.track, cut.x[use], cut.y[use], cut.los[:, use], np.where(whole, rate, np.nan)[use],
                 errors.covariance(cut.x[use], cut.y[use]), max(first / span_yr, 0.0), min(last / span_yr, 1.0),
                 cut.cell_m)
        )  # fmt: skip
    return out


def lost_cells(cut: Cut, span_yr: float, *, near: Bool, params: MiningParams) -> Lost:
    """Return the cells near a body that had values and lost them for good, and when.

    The limit is a quarter of the wavelength between neighbouring dates: for what moves faster, phase is ambiguous.
    """
    gone = _loss(cut)
    use = near & (gone >= 0)
    after, before = cut.years[gone[use] + 1], cut.years[gone[use]]
    step = float(np.median(np.diff(cut.years)))
    limit = (cut.wavelength_m or params.wavelength_m) * 1000 / 4 / step
    start, end = np.maximum(before / span_yr, 0.0), np.minimum(after / span_yr, 1.0)
    return Lost(cut.x[use], cut.y[use], cut.los[:, use], start, end, limit, cut.cell_m)


def _loss(cut: Cut) -> NDArray[np.int64]:
    """Return the last known date of cells that are lost from then on; -1 for all others.

    The last two dates are no loss (a gap may stand there), nor is anything in a product of two dates.
    """
    known = np.isfinite(cut.displacement_mm)
    last = len(known) - 1 - known[::-1].argmax(axis=0)
    return np.where(known.any(axis=0) & (last < len(known) - 2), last, -1)


def trend_span(years: F64) -> tuple[float, float]:
    """Return the two times whose difference is the trend of least squares, for any motion up to the third power.

    m - h and m + h about the mean date m, h^2 = sum (t - m)^4 / sum (t - m)^2; exact where the dates lie evenly.
    """
    middle = float(np.mean(years))
    square = (years - middle) ** 2
    half = float(np.sqrt(np.sum(square**2) / np.sum(square)))
    return middle - half, middle + half


def window_velocity(years: F64, displacement_mm: F64) -> F64:
    """Return the trend [mm/yr] of each column (t, n): least squares, in which outliers of a cubic have no say.

    The weights are Tukey's bisquare about a cubic, so that ground that speeds up keeps all its dates (a bisquare about
    the trend itself would leave out its ends); below 8 dates all count alike. NaN where less than 60 % of the dates, or
    dates over less than 60 % of the time, are known. Two dates give their difference.
    """
    known = np.isfinite(displacement_mm)
    first, last = known.argmax(axis=0), len(years) - 1 - known[::-1].argmax(axis=0)
    reach = np.where(known.any(axis=0), years[last] - years[first], 0.0)
    enough = (known.mean(axis=0) >= _SHARE_OF_DATES) & (reach >= _SHARE_OF_DATES * (years[-1] - years[0]))
    y, known = np.where(known, displacement_mm, 0.0)[:, enough], known[:, enough]
    weight = _weights_about_cubic(years, y, known)
    total = weight.sum(axis=0)
    t = years[:, None] - (weight * years[:, None]).sum(axis=0) / total
    out = np.full(displacement_mm.shape[1], np.nan)
    out[enough] = (weight * t * y).sum(axis=0) / (weight * t * t).sum(axis=0)
    return out


def _weights_about_cubic(years: F64, y: F64, known: Bool) -> F64:
    """Return weights 0-1 (t, n) of four rounds of bisquare about a cubic; 0 where nothing is known."""
    weight = known.astype(np.float64)
    if len(years) < 8 or not y.shape[1]:
        return weight
    basis = np.polynomial.legendre.legvander(2 * (years - years[0]) / (years[-1] - years[0]) - 1, 3)
    for _ in range(4):
        normal = np.einsum("tn,ti,tj->nij", weight, basis, basis) + 1e-12 * np.eye(4)
        fitted = np.linalg.solve(normal, (basis.T @ (weight * y)).T[..., None])[..., 0]
        rest = np.where(known, y - basis @ fitted.T, np.nan)
        u = np.clip(np.nan_to_num(rest) / (_TUKEY * np.maximum(_column_mad(rest), _STORED_MM)), -1, 1)
        weight = known * (1 - u * u) ** 2
    return weight


def _column_mad(rest: F64) -> F64:
    size = np.sort(np.where(np.isfinite(rest), np.abs(rest), np.inf), axis=0)
    n = np.isfinite(size).sum(axis=0)
    middle = np.take_along_axis(size, np.maximum((n - 1) // 2, 0)[None], axis=0)[0]
    return np.asarray(np.where(n > 0, 1.4826 * middle, 1.0), dtype=np.float64)


def local_noise(cut: Cut, velocity: list[F64], still: Bool) -> list[LocalNoise | None]:
    """Return the noise of each part's velocities from the still cells: None where fewer than 30 are known.

    The shape (share of white noise, correlation length) is that of all parts together, the size that of each.
    """
    keep = [_calm(v, still) for v in velocity]
    known = [k for k, v in enumerate(keep) if v.sum() >= _MINIMUM_STABLE]
    if not known:
        return [None] * len(velocity)
    shapes = [_correlation(cut.x[keep[k]], cut.y[keep[k]], velocity[k][keep[k]]) for k in known]
    total = np.sum([s[1] for s in shapes], axis=0)
    mean = np.divide(np.sum([s[0] * s[1] for s in shapes], axis=0), total, out=np.zeros(len(total)), where=total > 0)
    share, length, power = _exponential(shapes[0][2], mean, total)
    out: list[LocalNoise | None] = []
    for k, v in enumerate(velocity):
        if k not in known:
            out.append(None)
            continue
        sigma = max(float(np.std(v[keep[k]])), 1e-3)
        out.append(LocalNoise(sigma * np.sqrt(1 - share), sigma * np.sqrt(share), length, power))
    return out


def _calm(velocity: F64, still: Bool) -> Bool:
    use = still & np.isfinite(velocity)
    if not use.any():
        return use
    middle = float(np.median(velocity[use]))
    spread = 1.4826 * float(np.median(np.abs(velocity[use] - middle)))
    return use & (np.abs(np.nan_to_num(velocity, nan=np.inf) - middle) <= 4.5 * max(spread, 1e-9))


def _correlation(x: F64, y: F64, values: F64) -> tuple[F64, F64, F64]:
    """Return the correlation of cells by distance, the number of pairs, and the distances [m]."""
    step = max(1, -(-len(x) // _PAIR_CELLS))
    x, y, v = x[::step], y[::step], values[::step] - np.mean(values)
    distance = np.hypot(x[:, None] - x[None], y[:, None] - y[None])
    edges = np.arange(0.0, 1500.0, 60.0)
    bins = np.digitize(distance, edges)
    product = np.outer(v, v) / max(float(np.mean(v * v)), 1e-12)
    use = (distance > 0) & (bins < len(edges))
    count = np.bincount(bins[use], minlength=len(edges)).astype(np.float64)
    total = np.bincount(bins[use], weights=product[use], minlength=len(edges))
    mean = np.divide(total, count, out=np.zeros(len(edges)), where=count > 0)
    far = np.bincount(bins[use], weights=distance[use], minlength=len(edges))
    return mean, count, np.divide(far, count, out=edges + 30, where=count > 0)


def _exponential(lags: F64, mean: F64, count: F64) -> tuple[float, float, float]:
    """Return share, length and power of share exp(-(lag / length)^power) that fits a correlogram best (grid search)."""
    best = (np.inf, 0.0, 1.0, 1.0)
    for power in _POWERS:
        lengths = np.geomspace(40, 1500, 40)
        shape = np.exp(-((lags[None] / lengths[:, None]) ** power))
        scale = np.maximum((count * shape**2).sum(axis=1), 1e-12)
        share = np.clip((count * shape * mean).sum(axis=1) / scale, 0.0, 0.98)
        error = (count * (mean - share[:, None] * shape) ** 2).sum(axis=1)
        k = int(np.argmin(error))
        best = min(best, (float(error[k]), float(share[k]), float(lengths[k]), power))
    return best[1:]


def _thinned(near: Bool) -> Bool:
    """Return a regular part of the cells, so that no look has more than a few hundred."""
    step = max(1, -(-int(near.sum()) // _FIT_CELLS))
    out = np.zeros_like(near)
    out[np.flatnonzero(near)[::step]] = True
    return out
