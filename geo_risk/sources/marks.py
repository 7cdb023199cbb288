"""Numbers that stand for "missing" undeclared, and numbers that no ground can have, found with NumPy alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from geo_risk.core.errors import DataError

MARKS = (-9999.0, -99999.0, -32768.0, -32767.0, -3.4028234663852886e38, 3.4028234663852886e38, 1e20,
         9.969209968386869e36)  # fmt: skip
"""Values that stand for "missing" in files that forgot to declare it (the last is NetCDF's default fill)."""

LIMIT_M = 100.0
"""A displacement [m] or velocity [m/yr] beyond this is no motion that radar measures; geo_risk's choice: fringes of
slow ground sum up to some metres, and earthquakes to ten."""


def extremes(values: NDArray[Any]) -> tuple[float, float]:
    """Return the least and the greatest value, infinities included; NaN where there is none."""
    if not values.size:
        return float("nan"), float("nan")
    return float(np.fmin.reduce(values, axis=None)), float(np.fmax.reduce(values, axis=None))


FIX_HDF5 = "write the attribute _FillValue = {mark:g} to the dataset if it means missing (h5py, ncatted)"
FIX_TIF = "declare it in every file (gdal_edit.py -a_nodata {mark:g}) if it means missing"


def counted_marks(dtype: DTypeLike) -> tuple[float, ...] | None:
    """Return what means missing among stored numbers that a declared factor turns into values; None for MARKS.

    Counts of a tenth of a millimetre are -9999 where ground sank a metre: of whole numbers only the two lowest of their
    type are surely marks, of one byte none. Numbers of a floating type are as suspect with a factor as without.
    """
    kind = np.dtype(dtype)
    if kind.kind not in "iu":
        return None
    if kind.kind == "u" or kind.itemsize == 1:
        return ()
    least = float(np.iinfo(kind).min)
    return least, least + 1


def check_marks(
    values: NDArray[Any],
    *,
    where: str,
    marks: Sequence[float] | None = None,
    factor: float = 1.0,
    fix: str = FIX_HDF5,
) -> None:
    """Check that values hold no mark of missing.

    Parameters
    ----------
    values : any shape; NaN is missing.
    where : file, dataset and place, for messages.
    marks : looked for; None takes MARKS.
    factor : above 0; the values were multiplied by it after they were read as float32.
    fix : how the file can declare a `mark`, for the message.

    Raises
    ------
    DataError : they do, and the file did not declare it; names the mark and how many cells have it.
    """
    wanted = MARKS if marks is None else marks
    low, high = extremes(values)
    if np.isnan(low):
        return
    near = [m for m in wanted if not (low > m * factor * 0.999 if m < 0 else high < m * factor * 0.999)]
    with np.errstate(over="ignore"):
        plain = values.astype(np.float32, copy=False) if near else values
    for mark in near:
        count = int(np.count_nonzero(plain == np.float32(mark) * np.float32(factor)))
        if count:
            what = f"{mark:g} in {count} cells, and the file does not declare it as missing"
            raise DataError(what, where=where, fix=fix.format(mark=mark))


def possible(values: NDArray[Any], *, limit: float, unit: str, where: str) -> tuple[NDArray[Any], int]:
    """Return values with infinities made NaN, and their number; the array itself where there are none.

    Raises
    ------
    DataError : a finite value is beyond `limit` either way.
    """
    low, high = extremes(values)
    if not (low < -limit or high > limit):
        return values, 0
    endless = np.isinf(values)
    out = np.where(endless, values.dtype.type(np.nan), values)
    beyond = np.abs(out) > limit
    if beyond.any():
        first = float(out[beyond][0])
        what = (
            f"{int(beyond.sum())} values beyond {limit:g} {unit}, such as {first:g}; no ground moves so: is it a mark "
        )
        what += "of missing?"
        raise DataError(what, where=where, fix="make them NaN, or declare the mark as _FillValue or nodata of the file")
    return out, int(endless.sum())
