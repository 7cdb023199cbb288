"""People that a hazard point hits on average in a year, where its ledger tells how often it comes.

No method of this package gives slides, falls or debris flows a return period: susceptibility ranks slopes, and a level
is no chance. A survey may tell one in the ledger, as `annual_chance` or `return_period_yr` (`annual_chances`).
"""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from geo_risk.products.relocation_threats import annual_chances
from geo_risk.products.wording import joined

CHANCE_COLUMNS = ("return_period_yr", "annual_chance", "expected_people_hit_yr")
"""Columns that `with_expected` adds."""

_WORDS = {
    "told": ("It comes once in {years:g} years: all whom it threatens taken together, {people:.3g} people a year.",
             "按 {years:g} 年一遇、受威胁者全部受灾计，年均 {people:.3g} 人。"),
    "no_people": ("It comes once in {years:g} years; as the people threatened are unknown, so is how many a year.",
                  "{years:g} 年一遇；威胁人数未知，年均受灾人数未知。"),
    "no_period": ("How many people a year is unknown: no return period.", "无重现期：年均受灾人数未知。"),
}  # fmt: skip


def with_expected(
    points: gpd.GeoDataFrame, ledger: pd.DataFrame | None, *, language: str
) -> tuple[gpd.GeoDataFrame, int]:
    """Return the points with `CHANCE_COLUMNS`, told in their reasons, and how many chances of the ledger are none.

    Parameters
    ----------
    points : point_id, people (NaN unknown), reasons. ledger : point_id, and return_period_yr [yr] (at least 1) or
        annual_chance (0-1, counts first); None where there is no ledger.
    language : of `reasons`.

    Returns
    -------
    (points, bad) : expected_people_hit_yr is people x chance a year, each one hit whenever it comes: an upper bound of
        those harmed. NaN where the chance or the people are unknown; 0 where nobody is threatened, whatever the chance.
    """
    ids = points["point_id"].astype(str)
    chance, bad = np.full(len(points), np.nan), 0
    if ledger is not None and len(ledger):
        told, bad = annual_chances(ledger)
        by_id = pd.Series(told, index=ledger["point_id"].astype(str))
        chance = ids.map(by_id[~by_id.index.duplicated()]).to_numpy(dtype=np.float64)
    people = points["people"].astype("float64").to_numpy()
    with np.errstate(divide="ignore"):
        years = np.where(chance > 0, 1 / chance, np.nan)
    out = points.assign(return_period_yr=years, annual_chance=chance,
                        expected_people_hit_yr=np.where(people == 0, 0.0, people * chance))  # fmt: skip
    rows = list(zip(years, people, out["expected_people_hit_yr"], strict=True))
    for column, k in (("reasons", language), ("reasons_zh", "zh"), ("reasons_en", "en")):
        if column in out:
            said = [_words(*row, language=k) for row in rows]
            out[column] = [joined([old, *new], k) for old, new in zip(out[column].fillna(""), said, strict=True)]
    return out, bad


def _words(years: float, people: float, hit: float, *, language: str) -> list[str]:
    if people == 0:
        return []
    key = "no_period" if np.isnan(years) else "no_people" if np.isnan(people) else "told"
    return [_WORDS[key][language == "zh"].format(years=years, people=hit)]


def expected_notes(points: pd.DataFrame, bad: int) -> list[dict[str, Any]]:
    """Return what the report says of people a year."""
    from geo_risk.products.wording import note

    if not len(points):
        return []
    known = points["expected_people_hit_yr"].notna() & points["annual_chance"].notna()
    n, total = int(points["annual_chance"].notna().sum()), float(points.loc[known, "expected_people_hit_yr"].sum())
    out = [note(
        "info", f"{n} of {len(points)} hazard points have a return period by their ledger ({total:.3g} people a year "
        "together); of the others how many people a year is unknown: no method here gives slides, falls or debris "
        "flows a return period.",
        f"{len(points)} 个隐患点中 {n} 个在台账中有重现期（年均受灾合计 {total:.3g} 人）；其余年均受灾人数未知："
        "本平台的方法不给出滑坡、崩塌、泥石流的重现期。",
    )]  # fmt: skip
    if bad:
        out.append(note("warning", f"{bad} return periods or chances of the ledger are none and count as unknown.",
                        f"台账中 {bad} 个重现期或年概率不合理，按未知处理。"))  # fmt: skip
    return out
