"""What the rows of the frame `exposure` say of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from geo_risk.core.levels import Level
from geo_risk.products.danger import GRADES
from geo_risk.products.params import RiskParams
from geo_risk.products.wording import joined, level_word, say, word

_PLACES = {"zone": "exposure_zone", "township": "exposure_township", "all_zones": "exposure_all",
           "outside_zones": "exposure_outside", "total": "exposure_total"}  # fmt: skip


def exposure_reasons(rows: pd.DataFrame, params: RiskParams, language: str) -> pd.DataFrame:
    """Return the rows with `reasons` in the run's language, and `reasons_zh` and `reasons_en` beside it."""
    said = {k: [_reason(row, params, k) for row in rows.to_dict("records")] for k in ("zh", "en")}
    return rows.assign(reasons=said["zh" if language == "zh" else "en"], reasons_zh=said["zh"], reasons_en=said["en"])


def _reason(row: Mapping[Any, Any], params: RiskParams, language: str) -> str:
    out = [say(_PLACES[row["place_kind"]], language)]
    if pd.isna(row["people"]):
        out.append(say("exposure_people_unknown", language, known=row["known_people"]))
    elif not pd.isna(row["people_low"]) and not pd.isna(row["people_high"]):
        out.append(say("exposure_people", language, people=row["people"], low=row["people_low"],
                       high=row["people_high"]))  # fmt: skip
    if row["place_kind"] == "zone":
        out.append(_grade(row, params, language))
    if not pd.isna(row["unknown_hazards"]):
        names = ("、" if language == "zh" else ", ").join(word(n, language) for n in row["unknown_hazards"].split(","))
        known = row["known_risk_level"]
        key = "exposure_hazards_unknown" if known <= Level.NONE else "exposure_hazards_partly"
        out.append(say(key, language, names=names, level=level_word(known, language)))
    return joined(out, language)


def _grade(row: Mapping[Any, Any], params: RiskParams, language: str) -> str:
    """Return the danger grade of a row with the bounds it stands on."""
    grade = row["danger_grade"]
    if pd.isna(grade):
        return say("exposure_grade_unknown", language, bound=params.danger_grade_people[0])
    index = GRADES.index(grade)
    people, assets = params.danger_grade_people, [_money(v, language) for v in params.danger_grade_assets_cny]
    if index == 0:
        return say("exposure_grade_iv", language, people=people[0], assets=assets[0])
    least = say("exposure_at_least", language) if pd.isna(row["people"]) else ""
    return say("exposure_grade", language, grade=grade, people=people[index - 1], assets=assets[index - 1], least=least)


def _money(amount_cny: float, language: str) -> str:
    """Return an amount as people write it: in millions, in Chinese in ten thousands."""
    return f"{amount_cny / 1e4:g} 万元" if language == "zh" else f"{amount_cny / 1e6:g} million CNY"
