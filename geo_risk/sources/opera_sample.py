"""A few windows of every product of an OPERA series: files that are in another unit than the others are named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geo_risk.sources.date_checks import check_units

if TYPE_CHECKING:
    from geo_risk.sources.opera import Series

Window = tuple[slice, slice]

_SIDE = 32
_WHOLE = 3 * _SIDE
_CANDIDATES = 8
_FIX = (
    "fetch the files of these dates again; if they are as published, list the files of an unbroken stretch without them"
)


def check_files(series: Series, days: NDArray[np.datetime64], *, where: str) -> None:
    """Raise AmbiguousError where single files of a series are in another unit.

    The displacements are compared as they are stored, each against its own reference date: in the chain a file that
    others refer to would shift all of them alike.

    Parameters
    ----------
    series : of the files, by date.
    days : date of each file.
    where : folder, for messages.

    Notes
    -----
    Four windows of 32 x 32 cells are read of every file, and 64 of one file to find them; frames of up to 96 cells a
    side are read whole.
    """
    windows = telling_windows(series)
    singles = np.stack([
        np.concatenate([series.single(granule, w).ravel() for w in windows]) for granule in series.granules
    ])  # fmt: skip
    check_units(singles, [str(d)[:10] for d in days], where=where, fix=_FIX)


def telling_windows(series: Series) -> list[Window]:
    """Return the windows to look at: two that stand out most from the frame and two that are known best.

    They are found in the file in the middle of the series, or in another one where that holds no value there.
    """
    shape = series.frame.shape
    if max(shape) <= _WHOLE:
        return [(slice(0, shape[0]), slice(0, shape[1]))]
    side = [min(_SIDE, n) for n in shape]
    rows, columns = (
        np.unique(np.linspace(0, n - s, _CANDIDATES).astype(int)) for n, s in zip(shape, side, strict=True)
    )
    windows = [(slice(int(r), int(r) + side[0]), slice(int(c), int(c) + side[1])) for r in rows for c in columns]
    n = len(series.granules)
    for k in dict.fromkeys((n // 2, n - 1, 0)):
        values = [series.single(series.granules[k], w) for w in windows]
        count = np.array([np.isfinite(v).sum() for v in values])
        if count.any():
            break
    else:
        return windows[:: len(windows) // 4]
    known = [v[np.isfinite(v)] for v in values]
    middle = np.array([float(np.median(v)) if v.size else np.nan for v in known])
    apart = np.where(count * 2 >= count.max(), np.abs(middle - np.nanmedian(middle)), -1.0)
    best = np.flatnonzero(count == count.max())
    chosen = dict.fromkeys([*np.argsort(-apart, kind="stable")[:2].tolist(), int(best[0]), int(best[-1])])
    return [windows[i] for i in chosen]
