"""Danger grades I-IV by the people and assets threatened, as Chinese county plans have them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from geo_risk.products.params import RiskParams

GRADES = ("IV", "III", "II", "I")
"""From the least to the gravest."""


def danger_grades(
    people: ArrayLike, assets_cny: ArrayLike, params: RiskParams, *, known_people: ArrayLike | None = None
) -> NDArray[Any]:
    """Return the grade of each place: the graver of that by people and that by assets.

    Parameters
    ----------
    people : threatened people, NaN where unknown. assets_cny : threatened assets [CNY], NaN where unknown; known parts
        of them may be given, which are at least so many.
    known_people : people known to be there where `people` is unknown: at least so many.

    Returns
    -------
    "I", "II", "III", "IV", or None: where the people are unknown, only a graver grade than IV is given, one that the
    known people or the assets make; the true one is at least that. Unknown assets do not take from a grade by people.
    """
    n = np.asarray(people, dtype=np.float64)
    least = np.full(n.shape, np.nan) if known_people is None else np.asarray(known_people, dtype=np.float64)
    counted = np.where(np.isnan(n), least, n)
    by_people = _index(counted, params.danger_grade_people)
    by_assets = _index(np.asarray(assets_cny, dtype=np.float64), params.danger_grade_assets_cny)
    index = np.maximum(by_people, by_assets)
    index = np.where(np.isnan(n) & (index <= 0), -1, index)
    grades = np.array([*GRADES, None], dtype=object)  # index -1, unknown, is the last
    out: NDArray[Any] = grades[index]
    return out


def zone_grades(zones: pd.DataFrame, params: RiskParams) -> pd.Series[Any]:
    """Return the grades of zones with the columns of `zone_exposure.exposure_of`.

    People are the residents or the people of facilities in use, whichever are more; of unknown residents, and of assets
    of which a part has no value, the known part counts as the least.
    """
    in_use = zones["known_facility_people"].astype("float64").fillna(0.0)
    people = zones["people"].astype("float64")
    people = people.mask(people < in_use, in_use)
    known = np.maximum(zones["known_people"].astype("float64"), in_use)
    open_ = (zones["facilities"].astype("float64") > 0) & zones["facility_people"].isna()
    grades = danger_grades(people.mask(open_), zones["known_assets_cny"], params,
                           known_people=np.where(open_, np.fmax(known, people), known))  # fmt: skip
    return pd.Series(grades, index=zones.index, dtype="string")


def _index(values: NDArray[np.float64], bounds: tuple[float, float, float]) -> NDArray[np.int64]:
    found = np.searchsorted(bounds, np.nan_to_num(values), side="right")
    return np.where(np.isnan(values), -1, found)


def grade_table(params: RiskParams, *, unit_cny: float = 1e6) -> list[tuple[str, str, str]]:
    """Return the grades from the gravest down with their bounds: (grade, people, assets in `unit_cny`)."""
    people, assets = (
        _ranges(b) for b in (params.danger_grade_people, [v / unit_cny for v in params.danger_grade_assets_cny])
    )
    return list(zip(reversed(GRADES), people, assets, strict=True))


def _ranges(bounds: Any) -> list[str]:
    a, b, c = (f"{v:g}" for v in bounds)
    return [f"≥ {c}", f"{b}–{c}", f"{a}–{b}", f"< {a}"]
