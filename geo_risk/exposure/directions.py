"""Which way a road may be driven, from the columns that road layers commonly have."""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

_YES_NO = {"yes": 1, "true": 1, "1": 1, "y": 1, "t": 1, "-1": -1, "reverse": -1, "no": 0, "false": 0, "0": 0, "n": 0,
           "reversible": 0, "alternating": 0}  # fmt: skip
"""OpenStreetMap's key `oneway`: -1 is against the line. Lanes that change their direction are open both ways."""
_LETTERS = {"b": 0, "f": 1, "ft": 1, "tf": -1}
"""Letters of street layers: both, from-to, to-from. `t` alone is read by column, see `_COLUMNS`."""
_WORDS = {"双向": 0, "双行": 0, "双向通行": 0, "否": 0, "无": 0, "非单行": 0, "是": 1, "单向": 1, "单行": 1,
          "单行道": 1, "单向通行": 1, "正向": 1, "正向通行": 1, "顺向": 1, "顺行": 1, "反向": -1, "反向通行": -1,
          "逆向": -1, "逆行": -1,
          "both": 0, "two-way": 0, "twoway": 0, "bidirectional": 0, "forward": 1, "backward": -1,
          "oneway": 1, "one-way": 1}  # fmt: skip
_CLOSED = ("禁行", "双向禁行", "禁止通行", "禁止通车", "封闭", "封闭道路", "closed")
_SHUT = 2
_CODES = {"0": 0, "1": 0, "2": 1, "3": -1, "4": _SHUT}
"""Direction codes of Chinese navigation maps: 0 and 1 both ways, 2 along the line, 3 against it, 4 closed."""

_ONEWAY: Mapping[str, int] = {**_WORDS, **_LETTERS, **_YES_NO, **dict.fromkeys(_CLOSED, _SHUT)}
_DIRECTION: Mapping[str, int] = {**_WORDS, **_LETTERS, "t": -1, **_CODES, "-1": -1, **dict.fromkeys(_CLOSED, _SHUT)}
_COLUMNS: Mapping[str, Mapping[str, int]] = {
    "oneway": _ONEWAY, "one_way": _ONEWAY, "is_oneway": _ONEWAY, "单行": _ONEWAY, "单行道": _ONEWAY,
    "是否单行": _ONEWAY, "单向": _ONEWAY, "direction": _DIRECTION, "dir_travel": _DIRECTION, "方向": _DIRECTION,
    "通行方向": _DIRECTION, "行驶方向": _DIRECTION, "车行方向": _DIRECTION,
}  # fmt: skip


def directions(roads: gpd.GeoDataFrame) -> tuple[NDArray[np.int8], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which way each road is open, of which roads a column says what is not understood, and which are closed.

    Parameters
    ----------
    roads : the first of the columns oneway, direction, 单行, 方向, ... (any case) that says something of a road counts.

    Returns
    -------
    (direction, is_unclear, is_closed) : int8, 0 both ways, 1 along the line, -1 against it; what is missing, unclear or
        closed to all is 0.
    """
    out = np.zeros(len(roads), dtype=np.int8)
    said = np.zeros(len(roads), dtype=bool)
    unclear = np.zeros(len(roads), dtype=bool)
    by_name = {str(c).strip().lower(): c for c in roads.columns}
    for name, meaning in _COLUMNS.items():
        if name not in by_name:
            continue
        values = roads[by_name[name]]
        if pd.api.types.is_float_dtype(values) and (values.dropna() % 1 == 0).all():
            values = values.astype("Int64")
        text = values.astype("string").str.normalize("NFKC").str.strip().str.lower()
        filled = (text.notna() & (text != "")).to_numpy(dtype=bool) & ~said
        known = text.isin(list(meaning)).to_numpy(dtype=bool)
        use = filled & known
        out[use] = text[use].map(dict(meaning)).to_numpy(dtype=np.int8)
        said |= use
        unclear = (unclear | (filled & ~known)) & ~said
    is_closed = out == _SHUT
    return np.where(is_closed, np.int8(0), out), unclear, is_closed
