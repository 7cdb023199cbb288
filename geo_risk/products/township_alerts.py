"""What is to be told of each township: the level it stands at, from when until when, and what is not cleared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd

from geo_risk.products.place_warnings import COLORS, rung_key
from geo_risk.products.townships import rows_by_township
from geo_risk.products.warning_words import said
from geo_risk.products.wording import joined, warning_word

_CHINA = timezone(timedelta(hours=8))


@dataclass(frozen=True)
class TownshipAlert:
    """One township to warn of.

    Attributes
    ----------
    township_id, name : as in `warning_townships`.
    level : 1-4, the highest that a place has, or had when last known where it is unknown now.
    stage_h : the shortest stage of that level.
    onset, until : aware times from when, and until when, any level that is told holds.
    text_zh, text_en : what is said of it.
    """

    township_id: str
    name: str
    level: int
    stage_h: int
    onset: datetime
    until: datetime
    text_zh: str
    text_en: str


@dataclass(frozen=True)
class LastKnown:
    """What earlier issues knew of a place and stage: the level, and the issue (aware) that said so.

    Where `is_older` that issue did not know either, and the level was known before it.
    """

    level: int
    issued: datetime
    is_older: bool = False


def township_alerts(
    warnings: pd.DataFrame, townships: pd.DataFrame, *, last_known: Mapping[str, LastKnown], least_level: int
) -> list[TownshipAlert]:
    """Return the townships in which some place is warned of, or was when it was last known.

    Parameters
    ----------
    warnings, townships : the tables `warnings` and `warning_townships`.
    last_known : of earlier issues by `rung_key`. A place that is unknown now, or known from below only, stands at it:
        unknown clears nothing.
    least_level : warnings below it are not told, 1-4.

    Returns
    -------
    The gravest first, in the order of `townships`.
    """
    table = _standing(warnings, last_known, least_level)
    rows = rows_by_township(table)
    out = []
    towns: list[Any] = townships.to_dict("records")
    for town in towns:
        mine = table.iloc[rows.get(str(town["township_id"]), [])]
        if len(mine):
            out.append(_alert(town, mine, least_level))
    return sorted(out, key=lambda a: -a.level)


def _standing(warnings: pd.DataFrame, last_known: Mapping[str, LastKnown], least_level: int) -> pd.DataFrame:
    """Return the rows to tell of, the level they stand at, and when each level is first reached (`from_1` ...)."""
    keys = zip(warnings["place_kind"], warnings["place_id"], warnings["stage_h"], strict=True)
    before = [last_known.get(rung_key(str(k), str(i), int(h))) for k, i, h in keys]
    told = np.array([-1 if b is None else b.level for b in before], dtype=np.int64)
    level = warnings["warning_level"].to_numpy(dtype=np.int64)
    known = np.maximum(told, warnings["previous_level"].to_numpy(dtype=np.int64))
    is_bound = ((warnings["judged_level"] >= 0) & warnings["antecedent_mm"].isna()).to_numpy(dtype=bool)
    is_lost = ((level < 0) | is_bound) & (known > level) & (known >= least_level)
    stands = np.where(is_lost, known, level)
    out = warnings.assign(stands=stands, is_lost=is_lost, before=pd.Series(before, index=warnings.index, dtype=object))
    out = out[stands >= least_level].reset_index(drop=True)
    issued = [datetime.fromisoformat(t) for t in out["issued"]]
    out["ends"] = pd.Series([datetime.fromisoformat(t) for t in out["until"]], index=out.index, dtype=object)
    for k, color in enumerate(COLORS, 1):
        # hour n of the horizon ends n hours after the issue; a level that is only held, or not cleared, holds at once
        hours = out[f"hours_to_{color}"].astype(float).fillna(0.0)
        starts = [t + timedelta(hours=max(h - 1, 0.0)) for t, h in zip(issued, hours, strict=True)]
        out[f"from_{k}"] = pd.Series(starts, index=out.index, dtype=object)
    return out


def _alert(town: Mapping[str, Any], rows: pd.DataFrame, least_level: int) -> TownshipAlert:
    level = int(rows["stands"].max())
    spans = {}
    for k in range(level, least_level - 1, -1):
        mine = rows[rows["stands"] >= k]
        spans[k] = (min(mine[f"from_{k}"]), max(mine["ends"]))
    texts = {language: joined([str(town[f"reasons_{language}"]), *_spans(spans, language), *_lost(rows, language)],
                              language) for language in ("zh", "en")}  # fmt: skip
    first = min(start for start, _ in spans.values())
    return TownshipAlert(
        str(town["township_id"]), str(town["township"]), level, int(rows[rows["stands"] == level]["stage_h"].min()),
        first, max(rows["ends"]), texts["zh"], texts["en"],
    )  # fmt: skip


def _spans(spans: Mapping[int, tuple[datetime, datetime]], language: str) -> list[str]:
    """Return from when until when each level holds, a lower one only where it holds longer than the one above."""
    out, above = [], None
    for level, span in spans.items():
        if span != above:
            start, end = (t.astimezone(_CHINA).strftime("%m-%d %H:%M") for t in span)
            key = "span_highest" if above is None else "span"
            out.append(said(key, language, level=warning_word(level, language), start=start, end=end))
        above = span
    return out


def _lost(rows: pd.DataFrame, language: str) -> list[str]:
    """Return what is not known any more and not cleared, by the level that was known last, and since when."""
    lost = rows[rows["is_lost"]]
    out: list[str] = []
    for level in sorted(set(lost["stands"].astype(int)), reverse=True):
        mine = lost[lost["stands"] == level]
        stages = _list(sorted({int(h) for h in mine["stage_h"]}, reverse=True), language)
        n = len(mine[["place_kind", "place_id"]].drop_duplicates())
        out.append(said("not_cleared", language, level=warning_word(level, language), n=n, stages=stages))
    known = [b for b in lost["before"] if b is not None]
    if known:
        last = min(known, key=lambda b: (b.issued, not b.is_older))
        time = last.issued.astimezone(_CHINA).strftime("%Y-%m-%d %H:%M")
        out.append(said("known_before" if last.is_older else "known_at", language, time=time))
    return out


def _list(values: Sequence[int], language: str) -> str:
    return ("、" if language == "zh" else ", ").join(map(str, values))
