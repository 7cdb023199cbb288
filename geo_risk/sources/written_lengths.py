"""Depths and heights as people write them in lists, such as 0.5, "5 cm", "50厘米" or "0.3-0.5米"."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import numpy as np
import pandas as pd

METRES_IN = {
    "": 1.0, "m": 1.0, "米": 1.0, "公尺": 1.0, "meter": 1.0, "meters": 1.0, "metre": 1.0, "metres": 1.0,
    "dm": 0.1, "分米": 0.1, "cm": 0.01, "厘米": 0.01, "公分": 0.01, "mm": 0.001, "毫米": 0.001,
}  # fmt: skip
"""Metres in a unit, by its word; without one the number is in the unit of its column."""

_NUMBER = r"[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_UNIT = "|".join(sorted((w for w in METRES_IN if w), key=len, reverse=True))
_LENGTH = re.compile(
    rf"(?:约|大约|最深|最大|近|达|超过|>|≥|~)?\s*(?P<low>{_NUMBER})\s*(?P<low_unit>{_UNIT})?"
    rf"(?:\s*(?:-|~|–|—|至|到)\s*(?P<high>{_NUMBER})\s*(?P<high_unit>{_UNIT})?)?\s*(?:左右|以上|多|深)?",
    re.IGNORECASE,
)


def metres_of(text: Any, *, bare: float = 1.0) -> float:
    """Return a written length in metres: of a range the greater end; NaN where it is none.

    Parameters
    ----------
    text : such as "0.5", "5 cm", "50厘米" or "20-30cm". bare : metres in the unit of a number without one.
    """
    plain = unicodedata.normalize("NFKC", "" if pd.isna(text) else str(text)).strip().replace(",", "")
    found = _LENGTH.fullmatch(plain)
    if found is None:
        return float("nan")
    low, low_unit, high, high_unit = found.groups()
    if high is None:
        return _in_metres(low, low_unit, bare)
    return max(_in_metres(low, low_unit or high_unit, bare), _in_metres(high, high_unit or low_unit, bare))


def metres(texts: pd.Series[Any], *, bare: float = 1.0) -> pd.Series[float]:
    """Return written lengths in metres, NaN where a text is none (see `metres_of`)."""
    values = [metres_of(t, bare=bare) for t in texts]
    return pd.Series(np.array(values, dtype=np.float64), index=texts.index, dtype="float64")


def _in_metres(number: str, unit: str | None, bare: float) -> float:
    return float(number) * (METRES_IN[unit.lower()] if unit else bare)
