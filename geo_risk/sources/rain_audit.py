"""What was found in a rain file: faults masked and counted, unit and kind held against the values, in sentences."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import AmbiguousError, CorruptFileError, DataError
from geo_risk.sources.rain_opened import Said

FILL = 9999.0
"""Missing-value marker of Chinese rain products; other markers must be declared in the file."""

PACKED_MM = 0.01
"""Rain down to so much below zero is 0 in a packed file, and no fault (choice of geo_risk: the step of 16 bit over 650
mm)."""

SMALL_MM = 0.2
"""Where it rains and no value of a series reaches this, millimetres may be metres: 0.2 m in an interval is not reached
either. Choice of geo_risk."""

MIN_WET = 50
"""Values above zero, and rises or falls, below which the values prove nothing. Choice of geo_risk."""

RUNNING_HOURS = 6
"""Intervals that a series needs for running totals to be told from amounts."""

ENVELOPE_MM, ENVELOPE_POWER = 600.0, 0.47
"""No point has had more than ENVELOPE_MM x D ^ ENVELOPE_POWER in D hours. Choice of geo_risk: a power of time, as world
records have, above 1825 mm in 24 h and 3929 mm in 72 h (La Reunion, 1966 and 2007)."""

HELD_SHARE, FALLEN_SHARE = 0.05, 0.25
"""Running totals stand still while it is dry and fall at their resets only. Of the values above zero, the share from
which staying the same, and the share up to which falling, speaks for them; the amounts of a short storm do neither.
Choice of geo_risk."""

MAX_FALLS = 0.05
"""Falls within the runs of running totals, as a share of their rises, above which they are none. Choice of geo_risk."""


@dataclass(frozen=True)
class RainAudit:
    """Findings about one rain series, for the report and for `geo-risk info`.

    Attributes
    ----------
    path : name of the file or folder.
    interval_h : length of an interval in hours.
    first, last : ends of the first and last interval, UTC, ISO 8601.
    counts : `times`, `gaps`, `unsorted`, `unsplit`, `negative`, `infinite`, `fill`, `above_limit`,
        `beyond_record`, `missing`.
    sentences, sentences_zh : evidence for unit, kind, interval, zone and place, and what was mended.
    product : which of `sources.rain_products` it is.
    quality : final, preliminary, forecast or unstated.
    """

    path: str
    interval_h: float
    first: str
    last: str
    counts: dict[str, int]
    sentences: tuple[str, ...] = field(default=())
    sentences_zh: tuple[str, ...] = field(default=())
    product: str = ""
    quality: str = "unstated"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a facts file."""
        return {
            "path": self.path, "product": self.product, "quality": self.quality, "interval_h": self.interval_h,
            "first": self.first, "last": self.last, "counts": dict(self.counts), "sentences": list(self.sentences),
            "sentences_zh": list(self.sentences_zh),
        }  # fmt: skip

    def say(self, *said: Said) -> RainAudit:
        """Return the audit with more sentences."""
        return replace(
            self,
            sentences=(*self.sentences, *(s.en for s in said)),
            sentences_zh=(*self.sentences_zh, *(s.zh for s in said)),
        )


@dataclass(frozen=True)
class Rules:
    """How `checked_values` judges.

    Attributes
    ----------
    limit_mm : the largest possible amount of an interval.
    max_bad_share : share of faults up to which they are masked.
    settled : what the format or the configuration has proved: "units", "kind".
    ran : whether the amounts are differences of running totals.
    """

    limit_mm: float
    max_bad_share: float
    settled: frozenset[str] = frozenset()
    ran: bool = False


def checked_values(
    rain: xr.DataArray, rules: Rules, *, interval_h: float, where: str
) -> tuple[xr.DataArray, dict[str, int], tuple[Said, ...]]:
    """Mask negative, infinite, fill (9999) and impossible amounts, and hold unit and kind against the values.

    What is at most PACKED_MM below zero is zero, and no fault.

    Parameters
    ----------
    rain : (time, y, x) mm an interval, lazy. Every value is read once, block by block; nothing is kept.

    Returns
    -------
    The cube with NaN in place of faults (float32, lazy), the counts, and a sentence on unit and kind.

    Raises
    ------
    CorruptFileError : the values cannot be read.
    DataError : more faults than the share, no valid value at all, or totals beyond any storm on record.
    AmbiguousError : millimetres that may be metres, amounts that may be running totals; it names the key that answers.
    """
    data = da.asarray(rain.data)
    data = da.where((data < 0) & (data >= -PACKED_MM), np.float32(0), data)
    fill = data == FILL
    kinds = {
        "negative": (data < 0) & ~da.isinf(data),
        "infinite": da.isinf(data),
        "fill": fill,
        "above_limit": (data > rules.limit_mm) & ~da.isinf(data) & ~fill,
        "missing": da.isnan(data),
    }
    clean = da.where((data >= 0) & (data <= rules.limit_mm) & ~fill, data, np.float32(np.nan)).astype(np.float32)
    wanted: dict[str, Any] = {name: mask.sum() for name, mask in kinds.items()}
    try:
        found = dask.compute({**wanted, **figures(clean)})[0]
    except (OSError, RuntimeError) as error:
        what = f"its values cannot be read: {error}"
        raise CorruptFileError(what, where=where, fix="copy the file again: it is damaged or cut off") from error
    counts = {name: int(found[name]) for name in kinds}
    ran = _running_said(counts["negative"], int(found["wet"]), where=where) if rules.ran else None
    _within_share(counts, data.size, rules, where=where)
    clean, counts["beyond_record"] = _within_envelope(clean, found["total"], rules, interval_h=interval_h, where=where)
    said = (
        unit_said(
            int(found["wet"]), float(found["highest"]), interval_h, settled="units" in rules.settled, where=where
        ),
        ran or kind_said(found, settled="kind" in rules.settled, where=where),
    )
    return rain.copy(data=clean), counts, tuple(s for s in said if s is not None)


def figures(clean: da.Array) -> dict[str, Any]:
    """Return what unit and kind are judged by, lazy: amounts above zero, the highest, and falls and rises by step.

    Parameters
    ----------
    clean : (time, y, x) [mm], NaN where unknown: that neither falls nor rises.
    """
    zero = da.where(da.isnan(clean), np.float32(0), clean)
    change = da.diff(clean, axis=0)
    return {
        "wet": (zero > 0).sum(),
        "highest": zero.max(),
        "total": zero.sum(axis=0, dtype=np.float64),
        "fell": (change < 0).sum(axis=(1, 2)),
        "rose": (change > 0).sum(axis=(1, 2)),
        "held": ((change == 0) & (zero[:-1] > 0)).sum(),
        "before": (zero[:-1] > 0).sum(),
    }


def _within_share(counts: dict[str, int], size: int, rules: Rules, *, where: str) -> None:
    n_bad = counts["negative"] + counts["infinite"] + counts["above_limit"]
    if not n_bad <= rules.max_bad_share * size:
        faults = ", ".join(f"{counts[k]} {k}" for k in ("negative", "infinite", "above_limit"))
        what = f"{n_bad} of {size} values cannot be rain ({faults}; limit {rules.limit_mm:g} mm)"
        fix = "check `units` (millimetres read as metres are a thousand times too large) and `nodata` of this source"
        raise DataError(what, where=where, fix=fix)
    if counts["missing"] + counts["fill"] + n_bad == size:
        what = "no value in the file is known"
        raise DataError(what, where=where, fix="check the variable and the missing-value marker of this file")


def _within_envelope(
    clean: da.Array, total: NDArray[np.float64], rules: Rules, *, interval_h: float, where: str
) -> tuple[da.Array, int]:
    """Make cells unknown whose sum no point has ever had; return their number."""
    hours = clean.shape[0] * interval_h
    bound = ENVELOPE_MM * max(hours, 1 / 60) ** ENVELOPE_POWER
    wrong = ~(total <= bound)
    n_wrong = int(wrong.sum())
    if not n_wrong <= rules.max_bad_share * wrong.size:
        what = f"{n_wrong} of {wrong.size} cells have up to {total.max():.0f} mm in {hours:g} h; no record reaches {bound:.0f} mm"  # noqa: E501
        fix = "check `units` and `kind` of this source: mm/day read as mm/h, or running totals read as amounts, do this"
        raise DataError(what, where=where, fix=fix)
    return (da.where(wrong[None], np.float32(np.nan), clean) if n_wrong else clean), n_wrong


def _running_said(n_fell: int, n_rose: int, *, where: str) -> Said:
    if not n_fell <= MAX_FALLS * max(n_rose, 1):
        what = f"read as running totals, the values fall {n_fell} times and rise {n_rose} times within their runs"
        raise AmbiguousError(
            what, where=where, fix="give `kind: amount` for this source if each value is its hour's own"
        )
    return Said(f"Kind: within the runs the totals rise {n_rose} times and fall {n_fell} times, as running totals do.",
                f"类型：同一累计段内升 {n_rose} 次、降 {n_fell} 次，确为累计量。")  # fmt: skip


def unit_said(wet: int, highest: float, interval_h: float, *, settled: bool, where: str) -> Said:
    """Hold the unit against the values.

    Parameters
    ----------
    wet, highest : number of amounts above zero, and the largest [mm]. interval_h : length of their interval.
    settled : whether the format or the configuration has proved the unit.

    Raises
    ------
    AmbiguousError : it rains, and so little everywhere that millimetres may be metres.
    """
    text, text_zh = f"{highest:.3g} mm in {interval_h:g} h", f"{interval_h:g} 小时 {highest:.3g} mm"
    if wet < MIN_WET:
        few = f"Values: {wet} above zero; too few to hold the unit against them."
        return Said(few, f"数值：仅 {wet} 个大于零，不足以核对单位。")
    if highest >= SMALL_MM:
        fits = f"Values: the largest is {text}, as rain in millimetres can be."
        return Said(fits, f"数值：最大 {text_zh}，与毫米雨量相符。")
    if settled:
        return Said(f"Values: {wet} above zero, none beyond {text}; the unit is taken as stated.",
                    f"数值：{wet} 个大于零，最大仅 {text_zh}；单位以说明为准。")  # fmt: skip
    what = (
        f"{wet} values are above zero and none exceeds {text}: drizzle in millimetres, or metres (up to "
        f"{highest * 1000:.0f} mm) called millimetres"
    )
    raise AmbiguousError(what, where=where, fix="give `units: mm` for this source if that is right, else `units: m`")


def kind_said(found: dict[str, Any], *, settled: bool, where: str) -> Said | None:
    """Tell amounts from running totals: these fall at their resets alone, and stand still or rise in between.

    Parameters
    ----------
    found : `figures`, computed. settled : whether the format or the configuration has proved the kind.

    Returns
    -------
    The evidence; None where the kind is settled, or too few values tell.

    Raises
    ------
    AmbiguousError : amounts that behave as running totals do.
    """
    fell, rose = found["fell"], found["rose"]
    n_fell, n_rose, n_held, n_before = int(fell.sum()), int(rose.sum()), int(found["held"]), int(found["before"])
    if settled or len(fell) + 1 < RUNNING_HOURS or n_rose < MIN_WET:
        return None
    steady = fell == 0
    confined = steady.mean() >= 0.75 and int(rose[steady].sum()) >= 0.75 * n_rose
    lasting = n_held >= HELD_SHARE * n_before or n_fell <= FALLEN_SHARE * n_before
    text = f"{n_fell} falls and {n_rose} rises from one interval to the next"
    text_zh = f"相邻时次降 {n_fell} 次、升 {n_rose} 次"
    if confined and lasting:
        what = (
            f"{text}; the falls are confined to {int((~steady).sum())} of {len(fell)} steps, and of {n_before} values "
            f"above zero {n_held} stay the same, as in running totals"
        )
        fix = "give `kind: running` for this source, or `kind: amount` if these are the amounts of each interval"
        raise AmbiguousError(what, where=where, fix=fix)
    if confined:
        kept = f"of {n_before} values above zero {n_held} stay the same"
        kept_zh = f"{n_before} 个非零值中 {n_held} 个不变"
        return Said(f"Kind: {text}; {kept}, so these are amounts of a short storm and not running totals.",
                    f"类型：{text_zh}；{kept_zh}，是短时降雨的时段量而非累计量。")  # fmt: skip
    return Said(f"Kind: {text}, at all times, so these are amounts and not running totals.",
                f"类型：{text_zh}，分布于各时次，是时段量而非累计量。")  # fmt: skip


def intervals_said(n: int, interval_h: float, n_gaps: int) -> Said:
    """Return that intervals follow one another without an overlap, so that no rain counts twice, and how many lack."""
    gaps, gaps_zh = (f"{n_gaps} of them missing", f"其中缺 {n_gaps} 个") if n_gaps else ("none missing", "无缺测时次")
    return Said(f"Intervals: {n} of {interval_h:g} h end to end, {gaps}; none overlaps another: no rain counts twice.",
                f"时段：{n} 个，各 {interval_h:g} 小时，首尾相接，{gaps_zh}；互不重叠，无重复计算。")  # fmt: skip


def sentences_of(counts: dict[str, int]) -> tuple[Said, ...]:
    """Return what was mended, in sentences; nothing where nothing was."""
    texts = {
        "gaps": ("{n} intervals are missing and stay unknown.", "缺 {n} 个时次，按未知处理。"),
        "unsorted": ("{n} times were out of order and have been sorted.", "{n} 个时次次序颠倒，已排序。"),
        "unsplit": (
            "{n} values stand for more than one interval, since the one before is missing; they stay unknown.",
            "{n} 个值因前一时次缺失而跨多个时段，按未知处理。",
        ),
        "negative": ("{n} negative values were masked.", "屏蔽负值 {n} 个。"),
        "infinite": ("{n} infinite values were masked.", "屏蔽无穷值 {n} 个。"),
        "fill": ("{n} values of 9999 were taken as missing.", "{n} 个 9999 按缺测处理。"),
        "above_limit": ("{n} impossible amounts were masked.", "屏蔽不可能的雨量 {n} 个。"),
        "beyond_record": (
            "{n} cells were made unknown, since no point has ever had their total.",
            "{n} 个格点总量超出历史极值，按未知处理。",
        ),
        "missing": ("{n} values are missing in the file.", "文件中缺测 {n} 个。"),
    }
    return tuple(Said(en.format(n=counts[k]), zh.format(n=counts[k])) for k, (en, zh) in texts.items() if counts.get(k))
