"""Ids of the rows of tables of points: which rows tell one point twice, and whether the column names points at all."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

SAME_PLACE_M = 0.1
"""Rows of one id are one point where their coordinates agree to this."""

_ROWS = NDArray[np.bool_]


def named(ids: NDArray[np.object_], others: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return ids (n,) as texts; `others` where an id is null or blank, which is no id."""
    texts = ids.astype(str).astype(object)
    empty = pd.isna(ids) | np.array([not t.strip() for t in texts], dtype=bool)
    out: NDArray[np.object_] = np.where(empty, others, texts)
    return out


def hashes(ids: NDArray[np.object_]) -> NDArray[np.uint64]:
    """Return a number for each id, 8 bytes a row."""
    return np.asarray(pd.util.hash_array(ids.astype(str).astype(object)), dtype=np.uint64)


def repeated(
    marks: NDArray[np.uint64], files: NDArray[np.int32], x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[_ROWS, _ROWS]:
    """Return which rows (n,) tell a point that came before, and which have an id that came before for another place.

    Parameters
    ----------
    marks, files : hashes of the ids, and the number of the file. x, y : place [m]; NaN rows are in neither.

    Returns
    -------
    Rows with id and place of an earlier row, of any file; and other rows with the id of an earlier row of their own
    file. One id in two files is none of these: files may be numbered each from 0.
    """
    rows = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    here = marks[rows], np.round(x[rows] / SAME_PLACE_M), np.round(y[rows] / SAME_PLACE_M)
    told, used = (np.zeros(len(marks), dtype=bool) for _ in range(2))
    told[rows] = _later(here)
    used[rows] = _later((marks[rows], files[rows]))
    return told, used & ~told


def _later(keys: tuple[NDArray[np.generic], ...]) -> _ROWS:
    """Return which rows have the keys of an earlier row."""
    order = np.lexsort(keys)
    same = np.ones(max(0, len(order) - 1), dtype=bool)
    for key in keys:
        same &= key[order][1:] == key[order][:-1]
    out = np.zeros(len(order), dtype=bool)
    out[order[1:]] = same
    return out
