"""Lazy reading of HDF5, block by block; `sources.hdf5_header` guards what is opened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dask.array as da
import h5py
import numpy as np
from numpy.typing import NDArray

from geo_risk.core.errors import CorruptFileError
from geo_risk.sources.hdf5_header import block_shape, numbers, opened
from geo_risk.sources.insar import drop_zeros


def lazy(path: Path, name: str, *, scale: float = 1.0, zero_is_missing: bool = False) -> da.Array:
    """Return one dataset as a lazy float32 array, all dates of a window in a block.

    Parameters
    ----------
    path, name : file and dataset, (y, x) or (time, y, x).
    scale : factor on every value.
    zero_is_missing : a cell that is exactly 0 on every date it has becomes NaN.

    Returns
    -------
    Lazy array. A file handle is opened per block and none is kept.

    Raises
    ------
    RefusedFileError, LimitError : see `numbers`. While reading: CorruptFileError that names the window.
    """
    with opened(path) as file:
        data = numbers(file, name, dims=(2, 3))
        shape, stored = data.shape, data.chunks
    chunks = da.core.normalize_chunks((*shape[:-2], *block_shape(shape, stored)), shape=shape, dtype=np.float32)

    def block(block_info: Any = None) -> NDArray[np.float32]:
        window = tuple(slice(a, b) for a, b in block_info[None]["array-location"])
        out = read_window(path, name, window)
        if zero_is_missing:
            out = drop_zeros(out)
        return out * np.float32(scale) if scale != 1.0 else out

    return da.map_blocks(block, chunks=chunks, dtype=np.float32, meta=np.empty((0,) * len(shape), np.float32))


def read_window(path: Path, name: str, window: tuple[slice, ...]) -> NDArray[np.float32]:
    """Return a window of a dataset as float32; see `read_windows`."""
    return read_windows(path, [name], window)[name]


def read_windows(path: Path, names: Sequence[str], window: tuple[slice, ...]) -> dict[str, NDArray[np.float32]]:
    """Return one window of several datasets of a file as float32; only the chunks it touches are read.

    Raises
    ------
    CorruptFileError : one cannot be read; names the rows and columns.
    """
    out: dict[str, NDArray[np.float32]] = {}
    name = names[0]
    try:
        with h5py.File(path, "r") as file:
            for name in names:
                out[name] = np.asarray(numbers(file, name, dims=(2, 3))[window], dtype=np.float32)
        return out
    except (OSError, RuntimeError) as error:
        rows, columns = window[-2], window[-1]
        what = f"dataset {name!r} cannot be read at rows {rows.start}-{rows.stop}, columns {columns.start}-"
        what += f"{columns.stop}: {error}"
        raise CorruptFileError(what, where=str(path), fix="fetch or write the file again") from error
