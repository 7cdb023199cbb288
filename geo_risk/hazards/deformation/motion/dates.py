"""Gaps between the dates of a series, counted and named."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LONG = 1.5
"""An interval this many times the commonest one (the median) is a gap: at least one repeat is missing (choice of
geo_risk)."""

_NAMED = 10


def time_gaps(times: NDArray[np.datetime64]) -> list[tuple[np.datetime64, np.datetime64, int]]:
    """Return the gaps of a series, the longest first: date before, date after, and days between.

    Parameters
    ----------
    times : (time,) rising; fewer than three have no gap.
    """
    if len(times) < 3:
        return []
    steps = np.diff(times) / np.timedelta64(1, "D")
    long = np.flatnonzero(steps >= LONG * np.median(steps))
    order = long[np.argsort(-steps[long], kind="stable")]
    return [(times[k], times[k + 1], round(float(steps[k]))) for k in order]


def gap_note(times: NDArray[np.datetime64]) -> tuple[str, str] | None:
    """Say how many gaps a series has and which, English and Chinese; None for none."""
    gaps = time_gaps(times)
    if not gaps:
        return None
    usual = float(np.median(np.diff(times) / np.timedelta64(1, "D")))
    named = gaps[:_NAMED]
    english = ", ".join(f"{str(a)[:10]} to {str(b)[:10]} ({n} days)" for a, b, n in named)
    chinese = "、".join(f"{str(a)[:10]} 至 {str(b)[:10]}（{n} 天）" for a, b, n in named)
    more, more_zh = (" ...", " 等") if len(gaps) > _NAMED else ("", "")
    return (
        f"time gaps: {len(gaps)} of {len(times) - 1} intervals are {LONG:g} times the usual {usual:.0f} days or more: "
        f"{english}{more}; what happened within them is not seen, and fast motion over them may be lost",
        f"时间间断：{len(times) - 1} 个间隔中有 {len(gaps)} 个达到通常 {usual:.0f} 天的 {LONG:g} 倍以上："
        f"{chinese}{more_zh}；期间的变化无法观测，快速形变可能丢失",
    )
