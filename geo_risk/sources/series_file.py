"""A displacement series in MintPy's HDF5 layout, read by bands of rows with h5py and NumPy alone.

For the command that turns one file into one file: it must start at once, so nothing of xarray, Dask or pyproj is
loaded. `sources.insar` reads the same files for everything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from geo_risk.core.errors import CorruptFileError, DataError, RefusedFileError, TimeError, UnitError
from geo_risk.sources.hdf5_header import has, numbers, opened, text, texts
from geo_risk.sources.hdf5_values import Stored, sample_rows, stored
from geo_risk.sources.marks import LIMIT_M, check_marks, possible
from geo_risk.sources.series_checks import check_times, check_unit

F32 = NDArray[np.float32]

_LEAST_DATES = 3
_METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001}


@dataclass(frozen=True)
class SeriesFile:
    """What the header says.

    Attributes
    ----------
    path : of the file.
    times : (time,) datetime64[D], rising.
    shape : (time, y, x).
    scale : number that turns values in the file's unit into metres.
    held : what the file declares of its numbers.
    attrs : text attributes of the file.
    chunk_rows : rows of one stored chunk; 1 where the data are contiguous.
    """

    path: Path
    times: NDArray[np.datetime64]
    shape: tuple[int, int, int]
    scale: float
    held: Stored
    attrs: dict[str, str]
    chunk_rows: int

    def bands(self, block_bytes: int) -> list[tuple[int, int]]:
        """Return row ranges of at most `block_bytes` float32 each, whole chunks where they fit."""
        n_t, n_y, n_x = self.shape
        rows = max(1, block_bytes // (4 * n_t * n_x))
        if rows > self.chunk_rows:
            rows -= rows % self.chunk_rows
        return [(r, min(r + rows, n_y)) for r in range(0, n_y, rows)]


def open_series_file(path: Path, *, units_checked: bool = False) -> SeriesFile:
    """Read and check the header of a `timeseries.h5`, and the magnitude of a sample of its values.

    Raises
    ------
    CorruptFileError : it cannot be opened. RefusedFileError : no `timeseries` (time, y, x) of numbers in the file
    itself. UnitError : UNIT is not m, cm or mm. TimeError : dates missing, doubled, not rising or too few.
    LimitError : the header asks for more than 1 TiB. AmbiguousError : the values are no motion in that unit, and not
    `units_checked`. DataError : a mark of missing that is not declared, or no value at all.
    """
    with opened(path) as file:
        if not has(file, "timeseries"):
            what = f"no dataset `timeseries` (time, y, x) of numbers among {sorted(file)[:8]}"
            raise RefusedFileError(what, where=str(path), fix="give MintPy's timeseries.h5")
        data = numbers(file, "timeseries", dims=3)
        attrs = {str(k): text(v) for k, v in file.attrs.items()}
        unit = attrs.get("UNIT", "").strip()
        if unit not in _METRES:
            what = f"the attribute UNIT is {unit!r}; m, cm or mm needed"
            raise UnitError(what, where=str(path), fix="write the unit of the displacement into UNIT")
        shape = (int(data.shape[0]), int(data.shape[1]), int(data.shape[2]))
        times = _times(texts(file, "date") if has(file, "date") else [], shape[0], path)
        chunk_rows = int(data.chunks[1]) if data.chunks else 1
        sample = sample_rows(data, is_motion=True) * _METRES[unit]
        held = stored(data)
    check_unit(sample, unit="m", where=f"{path}, UNIT", is_checked=units_checked)
    return SeriesFile(path, times, shape, _METRES[unit], held, attrs, chunk_rows)


def read_band(file: SeriesFile, handle: h5py.File, rows: tuple[int, int], out: F32) -> None:
    """Read all dates of a band of rows into `out` (time, rows, x) float32, in metres; NaN stays NaN.

    Raises
    ------
    CorruptFileError : the band cannot be read. DataError : counts with a declared factor hold a mark of missing.
    """
    try:
        numbers(handle, "timeseries", dims=3).read_direct(out, np.s_[:, rows[0] : rows[1], :])
    except (OSError, RuntimeError) as error:
        what = f"dataset 'timeseries' cannot be read at rows {rows[0]}-{rows[1]}: {error}"
        raise CorruptFileError(what, where=str(file.path), fix="fetch or write the file again") from error
    file.held.decoded(out, where=_place(file, rows) if file.held.is_scaled else None)
    if file.scale != 1.0:
        out *= np.float32(file.scale)


def check_band(file: SeriesFile, rows: tuple[int, int], band: F32) -> None:
    """Raise DataError where a band of `read_band` holds a mark of missing, or motion that no ground makes."""
    if not file.held.is_scaled:
        check_marks(band, where=_place(file, rows), factor=file.scale)
    possible(band, limit=LIMIT_M, unit="m", where=_place(file, rows))


def _place(file: SeriesFile, rows: tuple[int, int]) -> str:
    return f"{file.path}, timeseries, rows {rows[0]}-{rows[1]}"


def _times(days: list[str], n: int, path: Path) -> NDArray[np.datetime64]:
    where = f"{path}, date"
    if len(days) != n:
        what = f"{len(days)} dates for {n} layers"
        raise DataError(what, where=where, fix="repair the date list; one YYYYMMDD a layer, rising")
    times = check_times(days, where=where)
    if n < _LEAST_DATES:
        what = f"{n} dates; a velocity with its error needs at least three"
        raise TimeError(what, where=where, fix="give the whole series")
    return times.astype("datetime64[D]")
