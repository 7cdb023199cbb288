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
from geo_risk.sources.hdf5_values import stored
from geo_risk.sources.insar import drop_zeros


def lazy(
    path: Path, name: str, *, scale: float = 1.0, zero_is_missing: bool = False, is_motion: bool = False
) -> da.Array:
    """Return one dataset as a lazy float32 array, all dates of a window in a block.

    Parameters
    ----------
    path, name : file and dataset, (y, x) or (time, y, x).
    scale : factor on every value, after what the file declares of its numbers.
    zero_is_missing : a cell that is exactly 0 on every date it has becomes NaN.
    is_motion : a displacement or velocity: undeclared marks of missing are refused when they are read.

    Returns
    -------
    Lazy array. A file handle is opened per block and none is kept.

    Raises
    ------
    RefusedFileError, LimitError : see `numbers`. While reading: see `read_windows`.
    """
    with opened(path) as file:
        data = numbers(file, name, dims=(2, 3))
        shape, stored = data.shape, data.chunks
    chunks = da.core.normalize_chunks((*shape[:-2], *block_shape(shape, stored)), shape=shape, dtype=np.float32)

    # a function of the module: dask would pickle a closure, and search all modules for it, to name each array
    return da.map_blocks(
        _block, path=path, dataset=name, scale=scale, zero_is_missing=zero_is_missing, is_motion=is_motion,
        chunks=chunks, dtype=np.float32, meta=np.empty((0,) * len(shape), np.float32),
    )  # fmt: skip


def _block(
    path: Path, dataset: str, *, scale: float, zero_is_missing: bool, is_motion: bool, block_info: Any = None
) -> NDArray[np.float32]:
    window = tuple(slice(a, b) for a, b in block_info[None]["array-location"])
    out = read_window(path, dataset, window, is_motion=is_motion)
    if zero_is_missing:
        out = drop_zeros(out)
    return out * np.float32(scale) if scale != 1.0 else out


def read_window(path: Path, name: str, window: tuple[slice, ...], *, is_motion: bool = False) -> NDArray[np.float32]:
    """Return a window of a dataset as float32, with `is_motion` one in which no mark is left; see `read_windows`."""
    return read_windows(path, [name], window, motion=name if is_motion else None)[name]


def read_windows(
    path: Path, names: Sequence[str], window: tuple[slice, ...], *, motion: str | None = None
) -> dict[str, NDArray[np.float32]]:
    """Return one window of several datasets of a file as float32; only the chunks it touches are read.

    What a file declares as missing is NaN, and declared factors are applied; see `hdf5_values.stored`.

    Raises
    ------
    CorruptFileError : one cannot be read; names the rows and columns. DataError : dataset `motion` holds a mark of
    missing that the file does not declare.
    """
    out: dict[str, NDArray[np.float32]] = {}
    name = names[0]
    try:
        with h5py.File(path, "r") as file:
            for name in names:
                data = numbers(file, name, dims=(2, 3))
                where = f"{path}, {name}, {_place(window)}" if name == motion else None
                out[name] = stored(data).decoded(np.asarray(data[window], dtype=np.float32), where=where)
        return out
    except (OSError, RuntimeError) as error:
        what = f"dataset {name!r} cannot be read at {_place(window)}: {error}"
        raise CorruptFileError(what, where=str(path), fix="fetch or write the file again") from error


def _place(window: tuple[slice, ...]) -> str:
    rows, columns = window[-2], window[-1]
    return f"rows {rows.start}-{rows.stop}, columns {columns.start}-{columns.stop}"
