"""Thresholds of rain intensity and duration, fitted to the rain before a user's own slides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linprog, minimize

from geo_risk.core.errors import DataError
from geo_risk.core.result import MethodCard
from geo_risk.hazards.rainfall.antecedent_fit import Refusal
from geo_risk.hazards.rainfall.params import RainfallParams

F64 = NDArray[np.float64]

PUBLISHED: Mapping[str, tuple[float, float]] = {"Caine 1980": (14.82, -0.39)}
"""Published thresholds I = a D^-b [mm/h, h] as (a, exponent)."""

OFFSETS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
"""Values of c tried as a start, as shares of the least intensity."""

CARD = MethodCard(
    name="Intensity-duration thresholds by quantile regression",
    citation="quantile regression: Koenker & Bassett 1978, Econometrica 46, 33-50; bands by resampling storms",
    validity="durations within those of the events; it says nothing of rain that brought no slides",
    limits=("slides of unknown time are tied to the end of the wettest rain event of their storm",),
)


@dataclass(frozen=True)
class RainEvents:
    """Rain events that slides ended.

    Attributes
    ----------
    duration_h, intensity_mm_h : (event,) length and mean intensity. storm : (event,) what is resampled together.
    """

    duration_h: F64
    intensity_mm_h: F64
    storm: NDArray[np.str_]

    def __post_init__(self) -> None:
        d, i = self.duration_h, self.intensity_mm_h
        if not (d.shape == i.shape == self.storm.shape and d.ndim == 1 and (d > 0).all() and (i > 0).all()
                and np.isfinite(d).all() and np.isfinite(i).all()):  # fmt: skip
            what = "rain events need a duration and an intensity above 0, both known, and a storm each"
            raise DataError(what, where="rain before past slides", fix="leave out events without rain")


@dataclass(frozen=True)
class Threshold:
    """I = c + a D^exponent: the share `quantile` of events lies below it.

    Attributes
    ----------
    with_offset : whether c was fitted.
    a [mm/h], exponent [1], c [mm/h] : c is 0 for the plain power law.
    loss : mean check loss of log10 intensity, to compare the two forms.
    n_events, n_storms, shortest_h, longest_h : what it was fitted to, and where it holds.
    durations_h, value, low, high : the curve and its 95 % band [mm/h].
    """

    quantile: float
    with_offset: bool
    a: float
    exponent: float
    c: float
    loss: float
    n_events: int
    n_storms: int
    shortest_h: float
    longest_h: float
    durations_h: tuple[float, ...]
    value: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a facts file."""
        return asdict(self)


def event_before(
    rain_mm: NDArray[np.floating[Any]], *, step_h: float, dry_h: float, wet_mm_h: float
) -> tuple[float, float]:
    """Return duration [h] and mean intensity [mm/h] of the wettest rain event of a series, up to its last wet step.

    Parameters
    ----------
    rain_mm : (time,) amounts of equal steps [mm], up to the slide where its time is known.
    step_h : length of a step. dry_h : a dry spell of at least this long parts two events.
    wet_mm_h : steps below this mean intensity are dry.

    Returns
    -------
    NaN, NaN where no step is wet, or the event is not known: the series begins less than a dry spell before it, has a
    gap from one dry spell before it to one after it (or to the series' end), which may hold more of it, or elsewhere a
    gap as long as the event, which may hold a wetter one (choice of geo_risk; a shorter one is taken not to).

    Raises
    ------
    DataError : an amount is negative or infinite.
    """
    rain = np.asarray(rain_mm, dtype=np.float64)
    if not (np.isnan(rain) | ((rain >= 0) & np.isfinite(rain))).all():
        what = "the series has negative or infinite amounts"
        raise DataError(what, where="rain before past slides", fix="set missing values to NaN")
    wet = np.flatnonzero(rain >= wet_mm_h * step_h)
    if not len(wet):
        return float("nan"), float("nan")
    spell = max(1, int(np.ceil(dry_h / step_h - 1e-9)))
    parts = np.split(wet, np.flatnonzero(np.diff(wet) > spell) + 1)
    best = max(parts, key=lambda p: float(np.nansum(rain[p[0] : p[-1] + 1])))
    first, last = int(best[0]), int(best[-1])
    near = slice(first - spell, last + 1 + spell)
    if first < spell or np.isnan(rain[near]).any() or _longest_gap(rain) > last - first:
        return float("nan"), float("nan")
    hours = (last - first + 1) * step_h
    return hours, float(rain[first : last + 1].sum()) / hours


def _longest_gap(rain: F64) -> int:
    """Return the number of steps of the longest run of unknown ones."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], np.isnan(rain), [False]]).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def fit_threshold(
    events: RainEvents, params: RainfallParams, *, quantile: float, with_offset: bool
) -> Threshold | Refusal:
    """Fit a threshold by quantile regression of log10 intensity.

    Parameters
    ----------
    events : rain events that slides ended.
    params : least numbers, resamples and seed.
    quantile : share of events that may lie below, 0 to 1.
    with_offset : fit c as well; a power law has none.

    Returns
    -------
    The threshold with a band from resampling storms, or why there is none. The power law is the exact optimum (a linear
    programme); c + a D^-b is begun from power laws of I - c for several c and refined by Nelder-Mead.
    """
    n, storms = len(events.duration_h), sorted(set(events.storm.tolist()))
    spread = float(np.log10(events.duration_h.max() / events.duration_h.min())) if n else 0.0
    if n < params.threshold_min_events or len(storms) < params.threshold_min_storms or spread < MIN_SPREAD:
        return Refusal(
            f"{n} rain events of {len(storms)} storms, durations over a factor of {10**spread:.1f}; "
            f"{params.threshold_min_events}, {params.threshold_min_storms} and {10**MIN_SPREAD:.0f} are needed",
            f"致滑降雨事件 {n} 个、{len(storms)} 场，历时相差 {10**spread:.1f} 倍，至少需要 "
            f"{params.threshold_min_events} 个、{params.threshold_min_storms} 场、{10**MIN_SPREAD:.0f} 倍",
        )
    best, loss = _fitted(events.duration_h, events.intensity_mm_h, quantile, with_offset=with_offset)
    if not best[1] < 0:
        return Refusal("intensity does not fall with duration among the events", "雨强未随历时减小")
    at = np.geomspace(events.duration_h.min(), events.duration_h.max(), 40)
    rng = np.random.default_rng([params.fit_seed, 20_260_103])
    groups = [np.flatnonzero(events.storm == s) for s in storms]
    curves = []
    for _ in range(params.threshold_resamples):
        rows = np.concatenate([groups[k] for k in rng.integers(0, len(groups), len(groups))])
        drawn, _ = _fitted(events.duration_h[rows], events.intensity_mm_h[rows], quantile, with_offset=False)
        if with_offset:
            drawn, _ = _refined(events.duration_h[rows], events.intensity_mm_h[rows], quantile, [best, drawn])
        curves.append(_curve(at, drawn))
    low, high = np.quantile(curves, [0.025, 0.975], axis=0)
    return Threshold(
        quantile, with_offset, *best, loss, n, len(storms), float(at[0]), float(at[-1]), tuple(at.tolist()),
        tuple(_curve(at, best).tolist()), tuple(low.tolist()), tuple(high.tolist()),
    )  # fmt: skip


MIN_SPREAD = float(np.log10(4))
"""Least spread of durations, in powers of ten (choice of geo_risk: over less than a factor of 4 no exponent shows)."""

_Law = tuple[float, float, float]


def _curve(duration_h: F64, law: _Law) -> F64:
    a, exponent, c = law
    return np.asarray(c + a * duration_h**exponent)


def _loss(duration_h: F64, intensity: F64, law: _Law, quantile: float) -> float:
    short = np.log10(intensity) - np.log10(_curve(duration_h, law))
    return float(np.mean(np.where(short >= 0, quantile * short, (quantile - 1) * short)))


def _fitted(duration_h: F64, intensity: F64, quantile: float, *, with_offset: bool) -> tuple[_Law, float]:
    plain = _power_law(duration_h, intensity, quantile)
    if not with_offset:
        return plain, _loss(duration_h, intensity, plain, quantile)
    starts = [plain]
    for share in OFFSETS[1:]:
        c = share * float(intensity.min())
        a, exponent, _ = _power_law(duration_h, intensity - c, quantile)
        starts.append((a, exponent, c))
    return _refined(duration_h, intensity, quantile, starts)


def _refined(duration_h: F64, intensity: F64, quantile: float, starts: list[_Law]) -> tuple[_Law, float]:
    """Return the law of least loss from several starts; c stays from 0 to below the least intensity."""
    top = float(intensity.min())

    def law(at: F64) -> _Law:
        return float(10 ** at[0]), float(at[1]), float(np.clip(at[2], 0, 0.999)) * top

    losses = [_loss(duration_h, intensity, s, quantile) for s in starts]
    first = starts[int(np.argmin(losses))]
    found = minimize(
        lambda at: _loss(duration_h, intensity, law(at), quantile),
        np.array([np.log10(first[0]), first[1], min(first[2] / top, 0.999)]),
        method="Nelder-Mead", options={"maxiter": 400, "xatol": 1e-4, "fatol": 1e-7},
    )  # fmt: skip
    if found.fun < min(losses):
        return law(found.x), float(found.fun)
    return first, min(losses)


def _power_law(duration_h: F64, intensity: F64, quantile: float) -> _Law:
    """Return (a, exponent, 0): quantile regression of log10 I on log10 D as a linear programme."""
    x, y = np.log10(duration_h), np.log10(intensity)
    n = len(x)
    cost = np.concatenate([np.zeros(2), np.full(n, quantile), np.full(n, 1 - quantile)])
    one = sparse.eye_array(n)
    equal = sparse.hstack([np.column_stack([np.ones(n), x]), one, -one], format="csr")
    bounds = [(None, None)] * 2 + [(0, None)] * (2 * n)
    solved = linprog(cost, A_eq=equal, b_eq=y, bounds=bounds, method="highs")
    return float(10 ** solved.x[0]), float(solved.x[1]), 0.0
