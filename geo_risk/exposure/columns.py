"""Columns that a frame may lack, with one type whatever the file had."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def numbers(frame: pd.DataFrame, column: str) -> pd.Series[Any]:
    """Return a column as float64; NaN where the column or a value is missing or is no number."""
    if column not in frame:
        return pd.Series(np.nan, index=frame.index)
    return pd.to_numeric(frame[column], errors="coerce").astype("float64")


def texts(frame: pd.DataFrame, column: str) -> pd.Series[Any]:
    """Return a column as text; missing where the column or a value is missing or empty."""
    if column not in frame:
        return pd.Series(pd.NA, index=frame.index, dtype="string")
    found: pd.Series[Any] = frame[column].astype("string")
    return found.mask(found == "")
