"""A displacement series in MintPy's HDF5 layout, read by bands of rows with h5py and NumPy alone.

For the command that turns one file into one file: it must start at once, so nothing of xarray, Dask or pyproj is
loaded. `sources.insar` reads the same files for everything else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from geo_risk.core.errors import CorruptFileError, DataError, LimitError, RefusedFileError, TimeError, UnitError

MAX_BYTES = 2**40
"""A header that asks for more than this (1 TiB) is refused before anything is read."""

_METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001}


@dataclass(frozen=True)
class SeriesFile:
    """What the header says.

    Attributes
    ----------
    path : of the file.
    times : (time,) datetime64[D], rising.
    shape : (time, y, x).
    scale : number that turns the stored values into metres.
    attrs : text attributes of the file.
    chunk_rows : rows of one stored chunk; 1 where the data are contiguous.
    """

    path: Path
    times: NDArray[np.datetime64]
    shape: tuple[int, int, int]
    scale: float
    attrs: dict[str, str]
    chunk_rows: int

    def bands(self, block_bytes: int) -> list[tuple[int, int]]:
        """Return row ranges of at most `block_bytes` float32 each, whole chunks where they fit."""
        n_t, n_y, n_x = self.shape
        rows = max(1, block_bytes // (4 * n_t * n_x))
        if rows > self.chunk_rows:
            rows -= rows % self.chunk_rows
        return [(r, min(r + rows, n_y)) for r in range(0, n_y, rows)]


def open_series_file(path: Path) -> SeriesFile:
    """Read and check the header of a `timeseries.h5`.

    Raises
    ------
    CorruptFileError : it cannot be opened. RefusedFileError : no `timeseries` (time, y, x) of numbers.
    UnitError : UNIT is not m, cm or mm. TimeError : dates missing, doubled, not rising or too few.
    LimitError : the header asks for more than 1 TiB.
    """
    try:
        with h5py.File(path, "r") as file:
            data = file.get("timeseries")
            if not isinstance(data, h5py.Dataset) or data.ndim != 3 or data.dtype.kind != "f":
                what = f"no dataset `timeseries` (time, y, x) of floats among {sorted(file)[:8]}"
                raise RefusedFileError(what, where=str(path), fix="give MintPy's timeseries.h5")
            shape = (int(data.shape[0]), int(data.shape[1]), int(data.shape[2]))
            chunk_rows = int(data.chunks[1]) if data.chunks else 1
            days = [_text(d) for d in np.asarray(file["date"])] if "date" in file else []
            attrs = {str(k): _text(v) for k, v in file.attrs.items()}
    except OSError as error:
        what = f"the HDF5 file cannot be opened: {error}"
        raise CorruptFileError(what, where=str(path), fix="fetch or write the file again") from error
    if not 4 * float(np.prod(shape, dtype=np.float64)) <= MAX_BYTES:
        what = f"the header asks for {4 * np.prod(shape, dtype=np.float64) / 2**40:.2f} TiB; the limit is 1 TiB"
        raise LimitError(what, where=str(path), fix="cut the product to the area of interest")
    unit = attrs.get("UNIT", "").strip()
    if unit not in _METRES:
        what = f"the attribute UNIT is {unit!r}; m, cm or mm needed"
        raise UnitError(what, where=str(path), fix="write the unit of the displacement into UNIT")
    return SeriesFile(path, _times(days, shape[0], path), shape, _METRES[unit], attrs, chunk_rows)


def read_band(file: SeriesFile, handle: h5py.File, rows: tuple[int, int], out: NDArray[np.float32]) -> None:
    """Read all dates of a band of rows into `out` (time, rows, x) float32, in metres; NaN stays NaN.

    Raises
    ------
    CorruptFileError : the band cannot be read.
    """
    try:
        handle["timeseries"].read_direct(out, np.s_[:, rows[0] : rows[1], :])
    except OSError as error:
        what = f"dataset 'timeseries' cannot be read at rows {rows[0]}-{rows[1]}: {error}"
        raise CorruptFileError(what, where=str(file.path), fix="fetch or write the file again") from error
    if file.scale != 1.0:
        out *= np.float32(file.scale)


def _times(days: list[str], n: int, path: Path) -> NDArray[np.datetime64]:
    where, fix = f"{path}, date", "repair the date list; one YYYYMMDD a layer, rising"
    if len(days) != n:
        what = f"{len(days)} dates for {n} layers"
        raise DataError(what, where=where, fix=fix)
    bad = [d for d in days if not re.fullmatch(r"\d{8}", d)]
    try:
        times = np.array([np.datetime64(f"{d[:4]}-{d[4:6]}-{d[6:8]}", "D") for d in days])
    except ValueError:
        bad = bad or days[:1]
    if bad:
        what = f"the dates hold {bad[0]!r}; YYYYMMDD needed"
        raise TimeError(what, where=where, fix=fix)
    if n < 3 or not (np.diff(times) > np.timedelta64(0, "D")).all():
        what = f"{n} dates, of which at least three must be there, rising and not doubled"
        raise TimeError(what, where=where, fix=fix)
    return times


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
