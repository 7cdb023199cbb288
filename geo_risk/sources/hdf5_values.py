"""What stored numbers stand for: declared fills and factors, and marks of missing that nobody declared.

NumPy and h5py alone, for the commands that must start at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.sources.hdf5_header import attribute, block_shape
from geo_risk.sources.marks import check_marks, counted_marks

_FILLS = ("_FillValue", "missing_value")


@dataclass(frozen=True)
class Stored:
    """How the numbers of a dataset stand for values.

    Attributes
    ----------
    name : of the dataset.
    fills : numbers that the file declares as missing.
    scale, offset : value = number x scale + offset.
    marks : numbers that mean missing in files that forgot to declare it.
    """

    name: str
    fills: tuple[float, ...]
    scale: float
    offset: float
    marks: tuple[float, ...] | None

    @property
    def is_scaled(self) -> bool:
        """Whether a factor or an offset is declared."""
        return (self.scale, self.offset) != (1.0, 0.0)

    def decoded(self, numbers: NDArray[Any], *, where: str | None = None) -> NDArray[Any]:
        """Turn stored numbers, as floats, into values in place, fills into NaN, and return them.

        Parameters
        ----------
        numbers : float32 or float64, any shape.
        where : of these numbers; given, undeclared marks of missing are refused.

        Raises
        ------
        DataError : see `marks.check_marks`.
        """
        for fill in self.fills:
            numbers[numbers == numbers.dtype.type(fill)] = np.nan
        if where is not None:
            check_marks(numbers, where=where, marks=self.marks)
        if self.is_scaled:
            numbers *= numbers.dtype.type(self.scale)
            numbers += numbers.dtype.type(self.offset)
        return numbers

    def sentences(self) -> list[str]:
        """Return what the file declares and was believed, for the audit."""
        name = self.name.rpartition("/")[2]
        out = []
        if self.fills:
            told = ", ".join(f"{f:g}" for f in self.fills)
            out.append(f"missing: cells of {name} that hold {told}, as the file declares")
        if self.is_scaled:
            out.append(f"stored: {name} is the stored number times {self.scale:g} plus {self.offset:g}")
        return out


def stored(data: h5py.Dataset) -> Stored:
    """Return what a dataset's attributes, and NO_DATA_VALUE of its file, say of its numbers.

    A declared fill of 0 is not believed: HDF-EOS5 files of MintPy declare it for masks and series where 0 is a value,
    and cells that are 0 on every date are missing anyway.

    Raises
    ------
    DataError : scale_factor or add_offset is no number, or the factor is 0.
    """
    said = [attribute(data, n) for n in _FILLS]
    if data.dtype.kind == "f":
        said.append(attribute(data.file, "NO_DATA_VALUE"))
    numbers = [v for v in map(_number, said) if v is not None and np.isfinite(v) and v != 0]
    fills = tuple(dict.fromkeys(float(data.dtype.type(v)) if data.dtype.kind == "f" else v for v in numbers))
    scale, offset = (_factor(data, n, plain) for n, plain in (("scale_factor", 1.0), ("add_offset", 0.0)))
    if scale == 0:
        what = "scale_factor is 0: every value would be the same"
        raise DataError(what, where=f"{data.file.filename}, {data.name}", fix="write the product again")
    marks = None if (scale, offset) == (1.0, 0.0) else counted_marks(data.dtype) or ()
    return Stored(data.name.strip("/"), fills, scale, offset, marks)


def _factor(data: h5py.Dataset, name: str, plain: float) -> float:
    said = attribute(data, name)
    if said is None:
        return plain
    value = _number(said)
    if value is None or not np.isfinite(value):
        what = f"the attribute {name} of {data.name.strip('/')} is {said!r}; a number needed"
        raise DataError(what, where=str(data.file.filename), fix="write the product again, or remove the attribute")
    return value


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None


def sample_rows(data: h5py.Dataset, *, count: int = 8, is_motion: bool = False) -> NDArray[np.float64]:
    """Return a few whole rows of a raster (of its last date where it has dates) that hold a value, as (row, x).

    More rows and other dates are looked at where those hold nothing but NaN and 0, in the end all of them: a dataset
    is called empty only when all of it is. Declared fills are NaN, and a declared factor is applied.

    Raises
    ------
    DataError : `is_motion`, and the rows hold a mark of missing that the file does not declare.
    """
    where = f"{data.file.filename}, {data.name.strip('/')}, a sample of rows" if is_motion else None
    held = stored(data)
    return held.decoded(_filled_rows(data, count, held.fills), where=where)


def _filled_rows(data: h5py.Dataset, count: int, fills: Sequence[float]) -> NDArray[np.float64]:
    n_y = data.shape[-2]
    dates = [None] if data.ndim == 2 else list(dict.fromkeys((data.shape[0] - 1, data.shape[0] // 2, 0)))
    out = _rows(data, dates[0], count)
    for date, n in [(dates[0], 8 * count), *((d, 8 * count) for d in dates[1:])]:
        if _is_filled(out, fills):
            return out
        out = _rows(data, date, n)
    step = block_shape(data.shape[-2:], None if data.chunks is None else data.chunks[-2:])[0]
    for date in [None] if data.ndim == 2 else range(data.shape[0] - 1, -1, -1):
        for r in range(0, n_y, step):
            if _is_filled(out, fills):
                return out
            out = np.asarray(data[r : r + step] if date is None else data[date, r : r + step], dtype=np.float64)
    return out


def _rows(data: h5py.Dataset, date: int | None, count: int) -> NDArray[np.float64]:
    rows = np.unique(np.linspace(0, data.shape[-2] - 1, min(count, data.shape[-2])).astype(int))
    return np.asarray([data[r] if date is None else data[date, r] for r in rows], dtype=np.float64)


def _is_filled(values: NDArray[np.float64], fills: Sequence[float]) -> bool:
    return bool((np.isfinite(values) & ~np.isin(values, (0.0, *fills))).any())
