"""How far off the true place an event may lie, as its inventory states it: as a number or in words."""

from __future__ import annotations

import re
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

COLUMNS = ("location_error_m", "location_accuracy", "定位误差", "位置精度")
"""Columns that are looked for, in any capitals, also cut to ten bytes as shapefiles do; a bare number is in metres.

`location_accuracy` is that of NASA's catalogue.
"""

_UNITS = {"": 1.0, "m": 1.0, "米": 1.0, "km": 1000.0, "公里": 1000.0, "千米": 1000.0}
_EXACT = frozenset({"exact", "精确", "准确"})
_NUMBER = re.compile(r"^(?:[<≤±~约]\s*)?(\d+(?:\.\d*)?(?:e[+-]?\d+)?)\s*(m|km|米|公里|千米)?$")


def location_error_m(frame: gpd.GeoDataFrame) -> NDArray[np.float64] | None:
    """Return the stated location error of each row [m]; None where the inventory has no column for it.

    Returns
    -------
    (row,) float64; 0 where the place is called exact, infinite where it is called unknown or the entry cannot be read,
    NaN where nothing is stated. Of several columns the largest error counts.
    """
    looked_for = {form for name in COLUMNS for form in (name, _cut(name))}
    stated = [frame[c].map(_metres).to_numpy(dtype=np.float64)
              for c in frame.columns if str(c).strip().lower() in looked_for]  # fmt: skip
    return np.fmax.reduce(stated) if stated else None


def _cut(name: str) -> str:
    """Return a column's name as a shapefile holds it: ten bytes at most."""
    return name.encode()[:10].decode(errors="ignore")


def _metres(value: Any) -> float:
    if value is None or value is pd.NA:
        return float("nan")
    text = str(value).strip().lower().replace(",", "")
    if text in ("", "nan", "none"):
        return float("nan")
    if text in _EXACT:
        return 0.0
    found = _NUMBER.match(text)
    if found is None:
        return float("inf")
    return float(found[1]) * _UNITS[found[2] or ""]
