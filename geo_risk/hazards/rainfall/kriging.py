"""Ordinary kriging of gauge rain with one scaled variogram for all hours, and its errors where gauges are left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from geo_risk.core.errors import DataError

F64 = NDArray[np.float64]

RANGES_M = np.geomspace(2e3, 4e5, 60)
"""Ranges that are tried for the variogram."""

_BLOCK = 20_000
MIN_GAUGES = 3
"""Gauges that an hour needs to be interpolated; with fewer it is unknown."""


@dataclass(frozen=True)
class Variogram:
    """Exponential variogram of rain divided by its standard deviation over the gauges of the hour.

    gamma(h) = nugget + sill (1 - exp(-h / range_m)) for h > 0, and 0 at 0. `n_pairs` pairs stand behind it; 0 means
    that it was assumed, for want of wet hours.
    """

    nugget: float
    sill: float
    range_m: float
    n_pairs: int = 0

    def __call__(self, distance_m: F64) -> F64:
        """Return gamma at distances [m]."""
        gamma = self.nugget + self.sill * -np.expm1(-np.asarray(distance_m, np.float64) / self.range_m)
        return np.where(np.asarray(distance_m) > 0, gamma, 0.0)


ASSUMED = Variogram(nugget=0.1, sill=0.9, range_m=20_000.0)
"""Where too few wet hours tell: hourly rain that forgets itself over some 20 km. Choice of geo_risk."""


def fit_variogram(
    xy: F64, rain: NDArray[np.floating[Any]], *, bin_m: float = 5000.0, reach_m: float = 150_000.0
) -> Variogram:
    """Fit the climatological variogram: squared differences of pairs over the hour's variance, averaged over wet hours.

    Parameters
    ----------
    xy : (gauge, 2) metres. rain : (time, gauge) [mm], NaN where unknown.
    bin_m, reach_m : width of distance classes, and the largest distance used.

    Returns
    -------
    The exponential variogram of least weighted squares over RANGES_M, weights the pairs of a class. ASSUMED where fewer
    than 30 pairs or three classes are there. Source: Lebel & Bastin (1985), J. Hydrol. 77, scaled climatological
    variogram.
    """
    rain = np.asarray(rain, np.float64)
    known = np.isfinite(rain)
    enough = known.sum(axis=1) >= MIN_GAUGES
    with np.errstate(invalid="ignore"):
        std = np.array([row[k].std() if ok else np.nan for row, k, ok in zip(rain, known, enough, strict=True)])
    wet = std > 0
    if not wet.any() or len(xy) < MIN_GAUGES:
        return ASSUMED
    scaled = rain[wet] / std[wet, None]
    distance = np.hypot(*(xy[:, None, :] - xy[None, :, :]).transpose(2, 0, 1))
    n_bins = max(1, int(reach_m // bin_m))
    total, count, sum_h = np.zeros(n_bins), np.zeros(n_bins), np.zeros(n_bins)
    for i in range(len(xy) - 1):
        h = distance[i, i + 1 :]
        near = h < reach_m
        if not near.any():
            continue
        square = 0.5 * (scaled[:, i, None] - scaled[:, i + 1 :][:, near]) ** 2
        pairs = np.isfinite(square)
        bins = np.minimum((h[near] / bin_m).astype(int), n_bins - 1)
        np.add.at(total, bins, np.where(pairs, square, 0).sum(axis=0))
        np.add.at(count, bins, pairs.sum(axis=0))
        np.add.at(sum_h, bins, h[near] * pairs.sum(axis=0))
    used = count > 0
    if count.sum() < 30 or used.sum() < 3:
        return ASSUMED
    return _least_squares(sum_h[used] / count[used], total[used] / count[used], count[used])


def _least_squares(h: F64, gamma: F64, weight: F64) -> Variogram:
    from scipy.optimize import nnls

    root = np.sqrt(weight)
    best: tuple[float, Variogram] | None = None
    for length in RANGES_M:
        design = np.stack([np.ones_like(h), -np.expm1(-h / length)], axis=1) * root[:, None]
        (nugget, sill), misfit = nnls(design, gamma * root)
        if (best is None or misfit < best[0]) and nugget + sill > 0:
            best = float(misfit), Variogram(float(nugget), float(max(sill, 1e-9)), float(length), int(weight.sum()))
    return ASSUMED if best is None else best[1]


@dataclass(frozen=True)
class Weights:
    """Kriging weights of places.

    Attributes
    ----------
    index, weight : (place, k) gauges and their weights. variance : (place) in units of the variogram.
    nearest_m : (place) distance to the nearest gauge.
    """

    index: NDArray[np.int64]
    weight: F64
    variance: F64
    nearest_m: F64


def weights(
    xy: F64, at: F64, variogram: Variogram, *, neighbours: int, skip: NDArray[np.int64] | None = None
) -> Weights:
    """Solve ordinary kriging at places from their nearest gauges.

    Parameters
    ----------
    xy : (gauge, 2) [m], no two gauges in one spot. at : (place, 2) [m].
    neighbours : gauges used for each place.
    skip : for each place a gauge that is left out (leave-one-out), else None.

    Returns
    -------
    Weights that sum to 1 and the kriging variance in units of the variogram: sum w gamma + mu.

    Raises
    ------
    DataError : fewer than two gauges.
    """
    n_left = len(xy) - (skip is not None)
    if n_left < 1 or neighbours < 1:
        what = f"{len(xy)} gauges are too few to interpolate"
        raise DataError(what, where="inputs.rainfall.gauges", fix="give more gauges")
    k = min(neighbours, n_left)
    distance, index = cKDTree(xy).query(at, k=k + (skip is not None))
    distance, index = np.asarray(distance).reshape(len(at), -1), np.asarray(index).reshape(len(at), -1)
    if skip is not None:
        others = np.argsort(index == skip[:, None], axis=1, kind="stable")[:, :k]
        distance, index = np.take_along_axis(distance, others, 1), np.take_along_axis(index, others, 1)
    weight, variance = np.empty(index.shape), np.empty(len(at))
    for a in range(0, len(at), _BLOCK):
        part = slice(a, a + _BLOCK)
        weight[part], variance[part] = _solved(xy[index[part]], distance[part], variogram)
    return Weights(index, weight, variance, distance.min(axis=1))


def _solved(points: F64, distance: F64, variogram: Variogram) -> tuple[F64, F64]:
    n, k = distance.shape
    between = np.sqrt(((points[:, :, None, :] - points[:, None, :, :]) ** 2).sum(axis=-1))
    left = np.ones((n, k + 1, k + 1))
    left[:, :k, :k] = variogram(between)
    left[:, k, k] = 0.0
    right = np.ones((n, k + 1))
    # gamma of a gauge's own spot is the nugget's limit 0: the gauge's value is met there
    right[:, :k] = variogram(distance)
    solution = np.linalg.solve(left, right[..., None])[..., 0]
    variance = (solution * right).sum(axis=1)
    return solution[:, :k], np.maximum(variance, 0.0)


def krige_hour(
    xy: F64, rain: F64, base: Weights, at: F64, *, variogram: Variogram, reach_m: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Interpolate one hour.

    Parameters
    ----------
    xy, rain : (gauge, 2) [m] and (gauge) [mm], NaN where unknown. at : (place, 2) [m].
    base : weights of all places from all gauges; places with an unknown gauge among theirs are solved anew.
    reach_m : places further from every known gauge are unknown.

    Returns
    -------
    Rain, not below 0, and its standard error, both (place) float32 [mm]; NaN with fewer than MIN_GAUGES known gauges.
    The error is the root of the kriging variance times the hour's variance over the gauges.
    """
    known = np.isfinite(rain)
    n = len(at)
    if known.sum() < MIN_GAUGES:
        gone = np.full(n, np.nan, np.float32)
        return gone, gone.copy()
    filled = np.where(known, rain, 0.0)
    estimate = (base.weight * filled[base.index]).sum(axis=1)
    variance, nearest = base.variance.copy(), base.nearest_m.copy()
    lacking = (~known)[base.index].any(axis=1)
    if lacking.any():
        again = weights(xy[known], at[lacking], variogram, neighbours=base.index.shape[1])
        estimate[lacking] = (again.weight * rain[known][again.index]).sum(axis=1)
        variance[lacking], nearest[lacking] = again.variance, again.nearest_m
    near = nearest <= reach_m
    spread = float(rain[known].var())
    estimate = np.where(near, np.maximum(estimate, 0), np.nan)
    return estimate.astype(np.float32), np.where(near, np.sqrt(variance * spread), np.nan).astype(np.float32)


@dataclass(frozen=True)
class LeaveOneOut:
    """How well gauges are met from the others: root mean square and mean error [mm], over hours with rain; `inflation`,
    the factor on the kriging error that makes it as large as the errors found (1 or more); number of values.
    """

    rmse_mm: float
    bias_mm: float
    inflation: float
    n: int


def leave_one_out(xy: F64, rain: NDArray[np.floating[Any]], variogram: Variogram, *, neighbours: int) -> LeaveOneOut:
    """Return the errors of each gauge predicted from the others, over hours in which some gauge has rain.

    Parameters
    ----------
    xy : (gauge, 2) [m]. rain : (time, gauge) [mm], NaN where unknown.
    """
    rain = np.asarray(rain, np.float64)
    errors, ratios = [], []
    cache: dict[bytes, Weights] = {}
    for row in rain:
        known = np.isfinite(row)
        if known.sum() < MIN_GAUGES + 1 or not row[known].max() > 0:
            continue
        key = known.tobytes()
        if key not in cache:
            places = xy[known]
            cache[key] = weights(places, places, variogram, neighbours=neighbours, skip=np.arange(len(places)))
        solved = cache[key]
        values = row[known]
        error = np.maximum((solved.weight * values[solved.index]).sum(axis=1), 0) - values
        errors.append(error)
        ratios.append(error**2 / np.maximum(solved.variance * values.var(), 1e-12))
    if not errors:
        return LeaveOneOut(float("nan"), float("nan"), 1.0, 0)
    flat = np.concatenate(errors)
    inflation = float(np.sqrt(np.mean(np.concatenate(ratios))))
    return LeaveOneOut(float(np.sqrt(np.mean(flat**2))), float(flat.mean()), max(1.0, inflation), flat.size)
