"""Rows and gauges that cannot be right: set aside, counted, each with its reason in two languages."""

from __future__ import annotations

import numpy as np
import pandas as pd

STUCK_INTERVALS = 6
"""The same amount above zero this many times in a row is a stuck gauge. Choice of geo_risk."""

DEAD_NEIGHBOURS, DEAD_MM, DEAD_REACH_M = 4, 25.0, 30_000.0
"""A gauge without a drop is dead where its nearest DEAD_NEIGHBOURS, all within DEAD_REACH_M, have DEAD_MM or more each
over the same time. Choice of geo_risk. A lone high value is kept: cloudbursts are small, and they kill."""

MAX_LISTED = 500
"""Rows of one reason that are listed by themselves; the rest are counted."""

REASONS = {
    "no_id": ("no gauge id", "无站号"),
    "no_time": ("the time cannot be read", "时间无法识别"),
    "no_place": ("no coordinates, or not on land that maps know (0, 0)", "坐标缺失或为 (0, 0)"),
    "off_globe": ("the coordinates are no longitude and latitude; swapped?", "坐标不是经纬度，可能颠倒"),
    "moved": ("the gauge stands in two places in one table", "同一站号有两个位置"),
    "text": ("the amount is text", "雨量为文字"),
    "negative": ("the amount is negative", "雨量为负"),
    "above_limit": ("the amount is impossible", "雨量超出可能"),
    "twice": ("gauge and time occur twice with different amounts", "同站同时次重复且雨量不同"),
    "stuck": ("the same amount above zero many times in a row", "连续多个时次雨量相同（传感器卡滞）"),
    "dead": ("no rain at all while all neighbours have much", "邻站均有较大降水而该站始终为零（疑似堵塞）"),
}  # fmt: skip

_WITH_VALUE = ("text", "negative", "above_limit")


def sane(
    rows: pd.DataFrame, *, limit_mm: float, is_degrees: bool
) -> tuple[pd.DataFrame, list[dict[str, str]], dict[str, int]]:
    """Set aside what cannot be right.

    Parameters
    ----------
    rows : columns id, x, y, time (UTC end), mm, word (a text in place of an amount, else "").
    limit_mm : the largest possible amount of an interval.
    is_degrees : whether x, y are longitude and latitude.

    Returns
    -------
    Rows with one gauge and time each, mm NaN where unknown; what was set aside as {id, time, reason, reason_zh}; counts
    by reason, with `repeated` for identical rows that were dropped.
    """
    aside: list[dict[str, str]] = []
    counts: dict[str, int] = {}

    def drop(table: pd.DataFrame, bad: pd.Series[bool], reason: str) -> pd.DataFrame:
        found = table.loc[bad]
        counts[reason] = counts.get(reason, 0) + len(found)
        en, zh = REASONS[reason]
        for row in found.head(MAX_LISTED).to_dict("records"):
            shown = str(row["word"]) or f"{float(row['mm']):g} mm"
            value = f" ({shown})" if reason in _WITH_VALUE else ""
            aside.append(
                {"id": str(row["id"]), "time": str(row["time"]), "reason": en + value, "reason_zh": zh + value}
            )
        return table.loc[~bad]

    rows = drop(rows, rows["id"] == "", "no_id")
    rows = drop(rows, rows["time"].isna(), "no_time")
    rows = drop(
        rows, ~(np.isfinite(rows["x"]) & np.isfinite(rows["y"])) | ((rows["x"] == 0) & (rows["y"] == 0)), "no_place"
    )
    if is_degrees:
        rows = drop(rows, (rows["x"].abs() > 360) | (rows["y"].abs() > 90), "off_globe")
    rows = drop(rows, _moved(rows, 0.001 if is_degrees else 100.0), "moved")
    rows = drop(rows, rows["word"] != "", "text")
    rows = drop(rows, rows["mm"] < 0, "negative")
    rows = drop(rows, rows["mm"] > limit_mm, "above_limit")
    before = len(rows)
    rows = rows.drop_duplicates(["id", "time", "mm"])
    counts["repeated"] = before - len(rows)
    rows = drop(rows, rows.duplicated(["id", "time"], keep=False), "twice")
    rows = drop(rows, _stuck(rows), "stuck")
    rows = drop(rows, rows["id"].isin(_dead(rows, is_degrees=is_degrees)), "dead")
    return rows, aside, {k: n for k, n in counts.items() if n}


def _moved(rows: pd.DataFrame, tolerance: float) -> pd.Series[bool]:
    grouped = rows.groupby("id")[["x", "y"]]
    spread = grouped.max() - grouped.min()
    return rows["id"].isin(spread.index[(spread > tolerance).any(axis=1)])


def _stuck(rows: pd.DataFrame) -> pd.Series[bool]:
    ordered = rows.sort_values(["id", "time"])
    ids, mm = ordered["id"].to_numpy(dtype=object), ordered["mm"].to_numpy(np.float64)
    starts = np.ones(len(ordered), dtype=bool)
    starts[1:] = (ids[1:] != ids[:-1]) | (mm[1:] != mm[:-1])
    run = np.cumsum(starts)
    long = np.bincount(run)[run] >= STUCK_INTERVALS
    return pd.Series(long & (mm > 0), index=ordered.index).reindex(rows.index)


def _dead(rows: pd.DataFrame, *, is_degrees: bool) -> list[str]:
    from scipy.spatial import cKDTree

    per_gauge = rows.groupby("id").agg(x=("x", "first"), y=("y", "first"), total=("mm", "sum"), n=("mm", "count"))
    dry = per_gauge["total"] == 0
    if not dry.any() or len(per_gauge) <= DEAD_NEIGHBOURS:
        return []
    xy = per_gauge[["x", "y"]].to_numpy(np.float64)
    if is_degrees:
        # metres on a sphere near the middle of the gauges: enough to tell 30 km
        xy = np.deg2rad(xy) * 6_371_000 * np.array([np.cos(np.deg2rad(xy[:, 1].mean())), 1.0])
    distance, index = cKDTree(xy).query(xy[dry.to_numpy()], k=DEAD_NEIGHBOURS + 1)
    near = distance[:, 1:].max(axis=1) <= DEAD_REACH_M
    much = per_gauge["total"].to_numpy()[index[:, 1:]].min(axis=1) >= DEAD_MM
    return [str(i) for i in per_gauge.index[dry][near & much]]
