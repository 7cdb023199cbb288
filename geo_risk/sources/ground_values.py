"""Values of points on the ground that are no measurement: texts, marks of missing, and what no ground does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from geo_risk.core.sentence import Sentence, chinese
from geo_risk.sources.point_marks import MARKS
from geo_risk.sources.vectors import require_numbers

MAX_AWAY_M = 10.0
"""A value this far from the median of its point, or further, is another point's or a slip (choice of geo_risk)."""

MAX_RATE_MM_YR = 10_000.0
"""No ground that is levelled or carries a receiver moves faster (choice of geo_risk)."""

_HUGE = 1e20
_NEAR_M = {1.0: 1.0, 1000.0: 0.1}
"""A number that may be a mark is none where the point has another value as near as this [m], by numbers to a metre."""

Quarantine = list[dict[str, str]]


def numbers(rows: pd.DataFrame, name: str, *, where: str, quarantine: Quarantine) -> pd.Series[float]:
    """Return a column as float64, missing as NaN; texts that are no number are set aside, each point named.

    Raises
    ------
    DataError : half of the values or more are texts: then it is the column that is wrong.
    """
    if name not in rows:
        return pd.Series(np.nan, index=rows.index, dtype="float64")
    values, given = pd.to_numeric(rows[name], errors="coerce").astype("float64"), rows[name].notna()
    texts = values.isna() & given & (rows[name].astype("string").str.strip() != "").fillna(value=False)
    if not 2 * texts.sum() < max(1, given.sum()):
        return require_numbers(rows, name, where=where)
    first = rows.loc[texts, name].astype(str).tolist()[:3]
    why = Sentence(f"are texts such as {', '.join(first)}", f"为文字（如 {'、'.join(first)}）")
    kept = rows[name].where(given, np.nan)
    set_aside(kept, texts, rows["point_id"], name=name, why=why, quarantine=quarantine)
    return values


def measured(
    values: pd.Series[float],
    keys: pd.Series[Any],
    ids: pd.Series[Any],
    *,
    name: str,
    per_m: float,
    quarantine: Quarantine,
) -> pd.Series[float]:
    """Return values of a ledger with what is no measurement made NaN; each point is named with how many and why.

    Parameters
    ----------
    values : heights [m] or displacements [mm], NaN missing.
    keys : of the series that each belongs to: its point, with component and track where there are several.
    ids : of the points, for the quarantine.
    name : of the column. per_m : 1 for heights, 1000 for millimetres.
    quarantine : gets one entry for each point and reason.

    Returns
    -------
    Without marks such as -9999 (and heights of 0) unless the point has another value near it, and without values that
    are MAX_AWAY_M or more from the median of the rest of their series.
    """
    is_height = per_m == 1.0
    odd = _is_mark(values) | ((values == 0) & is_height)
    odd &= ~_has_near(values, odd, keys, _NEAR_M[per_m] * per_m)
    what = "-9999 or 0" if is_height else "-9999"
    also = "-9999 或 0" if is_height else "-9999"
    why = Sentence(f"are marks of missing such as {what}", f"为 {also} 等缺失标记")
    plain = set_aside(values, odd, ids, name=name, why=why, quarantine=quarantine)
    middle = plain.groupby(keys).transform("median")
    far = (plain - middle).abs() >= MAX_AWAY_M * per_m
    why = Sentence(f"are {MAX_AWAY_M:g} m or more from the median", f"偏离中位数 {MAX_AWAY_M:g} 米及以上")
    return set_aside(plain, far, ids, name=name, why=why, quarantine=quarantine)


def errors(values: pd.Series[float], ids: pd.Series[Any], *, name: str, quarantine: Quarantine) -> pd.Series[float]:
    """Return standard errors, NaN where they are below 0 or a mark of missing; each point is named."""
    why = Sentence("are no standard error (below 0, or a mark of missing)", "不是标准差（小于 0 或缺失标记）")
    return set_aside(values, (values < 0) | _is_mark(values), ids, name=name, why=why, quarantine=quarantine)


def rates(values: pd.Series[float], ids: pd.Series[Any], *, name: str, quarantine: Quarantine) -> pd.Series[float]:
    """Return velocities [mm/yr] without marks of missing and what moves more than MAX_RATE_MM_YR; points are named."""
    why = Sentence("are marks of missing such as -9999", "为 -9999 等缺失标记")
    plain = set_aside(values, _is_mark(values), ids, name=name, why=why, quarantine=quarantine)
    most = MAX_RATE_MM_YR / 1000
    why = Sentence(f"are more than {most:g} m a year", f"超过每年 {most:g} 米")
    return set_aside(plain, plain.abs() > MAX_RATE_MM_YR, ids, name=name, why=why, quarantine=quarantine)


def set_aside(
    values: pd.Series[Any], bad: pd.Series[Any], ids: pd.Series[Any], *, name: str, why: str, quarantine: Quarantine
) -> pd.Series[Any]:
    """Return values with the bad ones made missing; one entry of the quarantine for each point."""
    if not bad.any():
        return values
    many, given = bad.groupby(ids.astype(str)).sum(), values.notna().groupby(ids.astype(str)).sum()
    for point, n in many[many > 0].items():
        n_given = int(given.loc[str(point)])
        said = Sentence(f"{int(n)} of its {n_given} values of {name} {why}",
                        f"{name} 的 {n_given} 个值中 {int(n)} 个{chinese(why)}")  # fmt: skip
        quarantine.append({"id": str(point), "reason": str(said), "reason_zh": chinese(said)})
    return values.mask(bad)


def _is_mark(values: pd.Series[float]) -> pd.Series[Any]:
    return values.isin(MARKS) | (values.abs() >= _HUGE)


def _has_near(values: pd.Series[float], odd: pd.Series[Any], keys: pd.Series[Any], near: float) -> Any:
    """Return which of the odd values have another of their series beside them that is none."""
    out = pd.Series(data=False, index=values.index)
    if not odd.any():
        return out
    plain = values[~odd & values.notna() & keys.isin(keys[odd])]
    others = {key: part.to_numpy() for key, part in plain.groupby(keys[plain.index])}
    for i in values.index[odd]:
        beside = others.get(keys[i], np.zeros(0))
        out[i] = bool((np.abs(beside - values[i]) <= near).any())
    return out
