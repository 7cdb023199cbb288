"""InSAR series against series of levelling and GNSS: common dates, zeros matched, scatter and difference of rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.core.sentence import Sentence, chinese
from geo_risk.hazards.deformation.motion.ground_control import LEAST_UP, NEGLIGIBLE
from geo_risk.hazards.deformation.params import GroundControlParams

F64 = NDArray[np.float64]
Times = NDArray[np.datetime64]

ENU = ("east_mm", "north_mm", "up_mm")
COLUMNS = ("point_id", "quantity", "n_dates", "first_date", "last_date", "n_cells", "offset_mm", "rmse_mm",
           "largest_mm", "largest_date", "rate_difference_mm_yr", "rate_difference_std_mm_yr",
           "inside_95")  # fmt: skip
DATE_COLUMNS = ("point_id", "quantity", "date", "insar_mm", "ground_mm", "difference_mm", "difference_std_mm")
SUMMARY = ("quantity", "points", "dates", "rmse_mm", "rate_bias_mm_yr", "rate_rmse_mm_yr", "inside_95")

_KNOWN_SHARE = 0.8
"""A cell known on fewer of the dates has no part in a mean: it would bend it where it is lost (choice of geo_risk)."""

_DAY = np.timedelta64(1, "D")
_DAYS_PER_YEAR = 365.25


@dataclass(frozen=True)
class Observed:
    """One series: times (n,) rising, values (n,) [mm], standard errors (n,) [mm], NaN where not known."""

    times: Times
    values: F64
    std: F64


@dataclass(frozen=True)
class SeriesAround:
    """What one track, or the decomposed up or east, shows around each point.

    Attributes
    ----------
    quantity : such as "los asc", "up".
    times : (time,).
    values, std : of each point, (time, cells) [mm]; NaN a gap.
    look : (points, 3) east, north and up of the unit vector that the motion is measured along; NaN unknown.
    track : name of the track, "" for what is decomposed.
    """

    quantity: str
    times: Times
    values: Sequence[F64]
    std: Sequence[F64]
    look: F64
    track: str = ""


@dataclass(frozen=True)
class SeriesComparison:
    """What `compare_ground_series` returns.

    Attributes
    ----------
    frame : COLUMNS and geometry, one row for each point and quantity that could be compared.
    dates : DATE_COLUMNS, one row for each date of these; ground values have the zero of InSAR.
    summary : SUMMARY, one row for each quantity.
    notes : English and Chinese. quarantine : {"id", "reason", "reason_zh"} of points without a comparison.
    """

    frame: gpd.GeoDataFrame
    dates: pd.DataFrame
    summary: pd.DataFrame
    notes: tuple[tuple[str, str], ...]
    quarantine: list[dict[str, str]]


@dataclass(frozen=True)
class Matched:
    """Two series at common dates (n,): both [mm], each with its own zero, and the error of their difference [mm]."""

    times: Times
    insar: F64
    ground: F64
    std: F64


def match_series(insar: Observed, ground: Observed, *, maximum_gap_days: float) -> Matched:
    """Bring two series to common dates.

    Parameters
    ----------
    insar, ground : the two; dates without a value do not count.
    maximum_gap_days : known dates further apart are not joined.

    Returns
    -------
    At the dates of the series that has fewer in the common time (those on the ground where both have as many); the
    other is joined by straight lines between its known dates. Errors of both are taken as independent, and so are
    those of the two dates that a line joins; NaN where either has none.
    """
    known = [_known(s) for s in (insar, ground)]
    if not all(len(s.times) for s in known):
        return Matched(np.zeros(0, dtype="datetime64[s]"), *(np.zeros(0),) * 3)
    first, last = max(s.times[0] for s in known), min(s.times[-1] for s in known)
    within = [(s.times >= first) & (s.times <= last) for s in known]
    times = known[0].times[within[0]] if within[0].sum() < within[1].sum() else known[1].times[within[1]]
    (a, a_std), (b, b_std) = (_at(s, times, maximum_gap_days) for s in known)
    both = np.isfinite(a) & np.isfinite(b)
    return Matched(times[both], a[both], b[both], np.hypot(a_std, b_std)[both])


def _known(series: Observed) -> Observed:
    known = np.isfinite(series.values)
    return Observed(series.times[known], series.values[known], series.std[known])


def _at(series: Observed, times: Times, maximum_gap_days: float) -> tuple[F64, F64]:
    """Return values and errors of a series without gaps at some dates, NaN where it does not reach."""
    right = np.searchsorted(series.times, times, side="left")
    inside = right < len(series.times)
    right = np.minimum(right, len(series.times) - 1)
    exact = inside & (series.times[right] == times)
    left = np.where(exact, right, np.maximum(right - 1, 0))
    gap = (series.times[right] - series.times[left]) / _DAY
    share = np.where(gap > 0, (times - series.times[left]) / _DAY / np.where(gap > 0, gap, 1.0), 0.0)
    reached = exact | (inside & (gap > 0) & (gap <= maximum_gap_days))
    value = (1 - share) * series.values[left] + share * series.values[right]
    std = np.where(exact, series.std[right], np.hypot((1 - share) * series.std[left], share * series.std[right]))
    return np.where(reached, value, np.nan), np.where(reached, std, np.nan)


def compare_ground_series(
    points: gpd.GeoDataFrame, observed: pd.DataFrame, shown: Sequence[SeriesAround], params: GroundControlParams
) -> SeriesComparison:
    """Compare displacements measured on the ground, date by date, with those of InSAR around each point.

    Parameters
    ----------
    points : `point_id` and Points; their order is that of `shown`.
    observed : rows of `point_id`, `time`, east_mm, north_mm, up_mm (NaN unknown) with `_std`, and los_mm, los_std_mm
        of `track`; in time order.
    shown : of every track, and of the decomposed up and east where they are known.
    params : fewest cells and dates, longest gap.

    Returns
    -------
    SeriesComparison. Vectors that know all that a line of sight sees are projected onto it; where up alone is known,
    and makes LEAST_UP of the look or more, its horizontal motion is taken as 0 and the quantity says "up only". The
    InSAR value of a date is the mean of the cells that are known on most dates. Each series has a zero of its own (the
    first date of the radar, the first levelling), so the mean difference over the common dates is taken off
    (`offset_mm`, InSAR - ground) before anything is judged:
    rmse_mm = sqrt(sum((d - offset)^2) / (n - 1)). rate_difference_mm_yr is the slope of d by least squares, which no
    zero changes; its error is that of independent dates. inside_95: share of dates within 1.96 combined errors.
    """
    rows: list[dict[str, object]] = []
    parts: list[pd.DataFrame] = []
    quarantine: list[dict[str, str]] = []
    by_point = dict(tuple(observed.groupby("point_id", sort=False)))
    for k, (name, place) in enumerate(zip(points["point_id"].astype(str), points.geometry, strict=True)):
        own = by_point.get(name, observed.iloc[:0])
        found = 0
        for series in shown:
            insar, n_cells = _mean(series, k, params.minimum_cells)
            suffix, ground = _on_ground(own, series, series.look[k], params.minimum_dates)
            both = match_series(insar, ground, maximum_gap_days=params.maximum_gap_days)
            if len(both.times) < params.minimum_dates:
                continue
            row, dates = _judged(both)
            keys = {"point_id": name, "quantity": series.quantity + suffix}
            rows.append({**keys, **row, "n_cells": n_cells, "geometry": place})
            parts.append(dates.assign(**keys))
            found += 1
        if not found:
            why = Sentence(
                f"fewer than {params.minimum_dates} dates in common with a series of InSAR on known cells",
                f"与有效像元上的 InSAR 序列公共日期少于 {params.minimum_dates} 个",
            )
            quarantine.append({"id": name, "reason": str(why), "reason_zh": chinese(why)})
    table = pd.DataFrame(rows, columns=[*COLUMNS, "geometry"])
    frame = gpd.GeoDataFrame(table, geometry="geometry", crs=points.crs)
    every = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(DATE_COLUMNS))
    summary = summarise_series(frame)
    return SeriesComparison(frame, every[list(DATE_COLUMNS)], summary, tuple(_said(summary)), quarantine)


def _mean(series: SeriesAround, k: int, minimum: int) -> tuple[Observed, int]:
    """Return the mean of the cells around a point that are known on most dates, and how many they are."""
    values, errors = (np.asarray(a[k], dtype=np.float64) for a in (series.values, series.std))
    known = np.isfinite(values)
    dates = known.any(axis=1)
    kept = known[dates].mean(axis=0) >= _KNOWN_SHARE if dates.any() else np.zeros(values.shape[1], dtype=bool)
    n = int(kept.sum())
    if n < max(1, minimum):
        nothing = np.full(len(values), np.nan)
        return Observed(series.times, nothing, nothing), n
    # a date on which one of them is lost is left out: the mean of the others has another zero
    value = values[:, kept].mean(axis=1)
    return Observed(series.times, value, np.where(np.isfinite(value), errors[:, kept].mean(axis=1), np.nan)), n


def _on_ground(own: pd.DataFrame, series: SeriesAround, look: F64, minimum: int) -> tuple[str, Observed]:
    """Return what was measured on the ground along a look vector, and what is to be said of it."""
    if series.track and "los_mm" in own:
        along = own[(own["track"] == series.track) & own["los_mm"].notna()]
        if len(along):
            return "", Observed(*(along[n].to_numpy() for n in ("time", "los_mm", "los_std_mm")))
    if not np.isfinite(look).all():
        nothing = np.zeros(0)
        return "", Observed(np.zeros(0, dtype="datetime64[s]"), nothing, nothing)
    own = own[own[list(ENU)].notna().any(axis=1)]
    values = own[list(ENU)].to_numpy(dtype=np.float64)
    errors = own[[f"{n.removesuffix('_mm')}_std_mm" for n in ENU]].to_numpy(dtype=np.float64)
    counts = np.abs(look) > NEGLIGIBLE
    whole = np.isfinite(values[:, counts]).all(axis=1)
    only_up = bool(series.track) and int(whole.sum()) < minimum and abs(look[2]) >= LEAST_UP
    used = np.array([False, False, True]) if only_up else counts
    weights = np.where(used, look, 0.0)
    value = np.where(used, values, 0.0) @ weights
    std = np.sqrt(np.where(used, errors, 0.0) ** 2 @ weights**2)
    return ", up only" if only_up else "", Observed(own["time"].to_numpy(), value, std)


def _judged(both: Matched) -> tuple[dict[str, object], pd.DataFrame]:
    d = both.insar - both.ground
    offset = float(d.mean())
    rest = d - offset
    t = (both.times - both.times[0]) / _DAY / _DAYS_PER_YEAR
    centred = t - t.mean()
    spread = float(centred @ centred)
    slope = float(centred @ d) / spread if spread > 0 else float("nan")
    left = rest - slope * centred
    n = len(d)
    error = float(np.sqrt(left @ left / (n - 2) / spread)) if n > 2 and spread > 0 else float("nan")
    judged = np.isfinite(both.std)
    inside = float((np.abs(rest)[judged] <= 1.96 * both.std[judged]).mean()) if judged.any() else float("nan")
    worst = int(np.abs(rest).argmax())
    days = both.times.astype("datetime64[D]").astype(str)
    row: dict[str, object] = {
        "n_dates": n, "first_date": days[0], "last_date": days[-1], "offset_mm": offset,
        "rmse_mm": float(np.sqrt(rest @ rest / max(1, n - 1))), "largest_mm": float(rest[worst]),
        "largest_date": days[worst], "rate_difference_mm_yr": slope, "rate_difference_std_mm_yr": error,
        "inside_95": inside,
    }  # fmt: skip
    table = pd.DataFrame({
        "date": days, "insar_mm": both.insar, "ground_mm": both.ground + offset, "difference_mm": rest,
        "difference_std_mm": both.std,
    })  # fmt: skip
    return row, table


def summarise_series(frame: pd.DataFrame) -> pd.DataFrame:
    """Return SUMMARY by quantity.

    Parameters
    ----------
    frame : rows of `compare_ground_series`. rmse_mm pools the dates of all points, each about its own zero; rate_bias
        and rate_rmse are mean and root mean square of the differences of rates over the points.
    """
    out = []
    for quantity, part in frame.groupby("quantity", sort=True):
        n = part["n_dates"].to_numpy(dtype=np.float64)
        rmse, rate, inside = (
            part[c].to_numpy(dtype=np.float64) for c in ("rmse_mm", "rate_difference_mm_yr", "inside_95")
        )
        freedom, judged = np.maximum(n - 1, 1), np.isfinite(inside)
        share = float((inside * n)[judged].sum() / n[judged].sum()) if judged.any() else float("nan")
        rate = rate[np.isfinite(rate)]
        bias, size = (float(rate.mean()), float(np.sqrt((rate**2).mean()))) if rate.size else (float("nan"),) * 2
        pooled = float(np.sqrt((rmse**2 * freedom).sum() / freedom.sum()))
        out.append(dict(zip(SUMMARY, (quantity, len(part), int(n.sum()), pooled, bias, size, share), strict=True)))
    return pd.DataFrame(out, columns=list(SUMMARY))


def _said(summary: pd.DataFrame) -> list[tuple[str, str]]:
    out = []
    for row in summary.itertuples():
        out.append((
            f"ground series, {row.quantity}: {row.points} points on {row.dates} common dates, zeros matched, RMSE "
            f"{row.rmse_mm:.1f} mm; rate of InSAR - ground {row.rate_bias_mm_yr:+.1f} mm/yr in the mean, RMSE "
            f"{row.rate_rmse_mm_yr:.1f} mm/yr",
            f"地面监测序列对比（{row.quantity}）：{row.points} 个点、{row.dates} 个公共日期，零点已统一，"
            f"均方根误差 {row.rmse_mm:.1f} 毫米；InSAR 减地面速率平均 {row.rate_bias_mm_yr:+.1f} 毫米/年，"
            f"均方根 {row.rate_rmse_mm_yr:.1f} 毫米/年",
        ))  # fmt: skip
    nothing = (
        "no series measured on the ground has enough dates in common with InSAR",
        "无地面监测序列与 InSAR 有足够的公共日期",
    )
    return out or [nothing]
