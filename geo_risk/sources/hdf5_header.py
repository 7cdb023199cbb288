"""Guarded headers of HDF5: nothing outside a file is followed, no Python object is made, no size is believed unseen.

NumPy and h5py alone, for the commands that must start at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from geo_risk.core.errors import CorruptFileError, LimitError, RefusedFileError

MAX_BYTES = 2**40
"""A dataset whose header asks for more than this (1 TiB) is refused before anything is read."""

MAX_CHUNK_BYTES = 2**29
"""A dataset with larger chunks (512 MiB) is refused: one value of it would cost the whole chunk."""

BLOCK_BYTES = 64 * 2**20
"""Bytes of one lazily read block of a series, where the chunks of the file allow it."""

PLANE_BYTES = 4 * 2**20
"""The same for a single raster: about 1000 x 1000 cells, so that a window of it costs little."""

_MAX_TEXTS = 100_000
_MAX_LINKS = 16


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """Open a file for reading.

    Raises
    ------
    CorruptFileError : it is truncated, no HDF5 file, or cannot be read.
    """
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, RuntimeError) as error:
        what = f"the HDF5 file cannot be read: {error}"
        raise CorruptFileError(what, where=str(path), fix="fetch or write the file again") from error


def find(file: h5py.Group, name: str) -> h5py.Dataset | h5py.Group | None:
    """Return the dataset or group of a path inside the file, None where there is none.

    Raises
    ------
    RefusedFileError : the path leads out of the file (an external link), or in circles.
    CorruptFileError : it is named but cannot be opened.
    """
    root = _root(file)
    here: Any = root
    parts = [p for p in name.split("/") if p]
    for _ in range(_MAX_LINKS + len(parts)):
        if not parts:
            return here
        link = here.get(parts[0], getlink=True) if isinstance(here, h5py.Group) and _is_there(here, parts[0]) else None
        if link is None:
            return None
        if isinstance(link, h5py.ExternalLink):
            what = f"{name!r} is a link to another file, {link.filename!r}; only what the file itself holds is read"
            raise RefusedFileError(what, where=str(file.file.filename), fix="write one file with the data in it")
        if isinstance(link, h5py.SoftLink):
            here = root if link.path.startswith("/") else here
            parts = [p for p in link.path.split("/") if p] + parts[1:]
            continue
        try:
            here, parts = here[parts[0]], parts[1:]
        except (KeyError, OSError, RuntimeError) as error:
            what = f"{name!r} cannot be opened: {error}"
            raise CorruptFileError(what, where=str(file.file.filename), fix="fetch or write the file again") from error
    what = f"{name!r} is a link that leads in circles"
    raise RefusedFileError(what, where=str(file.file.filename), fix="write one file with the data in it")


def _root(item: h5py.Group) -> h5py.File:
    """Return the file; asking an open file for itself takes h5py a third of a millisecond."""
    return item if isinstance(item, h5py.File) else item.file


def _is_there(group: h5py.Group, name: str) -> bool:
    """Return whether a group names something, without following any link."""
    return bool(group.id.links.exists(name.encode("utf-8", "surrogateescape")))


def has(file: h5py.Group, name: str) -> bool:
    """Return whether the file itself holds a dataset of that name."""
    return isinstance(find(file, name), h5py.Dataset)


def numbers(file: h5py.Group, name: str, *, dims: int | tuple[int, ...]) -> h5py.Dataset:
    """Return a dataset of plain numbers (integers, floats or booleans) with `dims` dimensions, not read yet.

    Raises
    ------
    RefusedFileError : it is not there, holds objects, text or records, lies in other files, or has other dimensions.
    LimitError : its header, or one of its chunks, asks for more bytes than the limits allow.
    """
    where, fix = str(_root(file).filename), "write the product again with the program that made it"
    data = find(file, name)
    wanted = (dims,) if isinstance(dims, int) else dims
    if not isinstance(data, h5py.Dataset):
        what = f"there is no dataset {name!r}"
        raise RefusedFileError(what, where=where, fix=fix)
    if data.dtype.kind not in "fiub" or data.ndim not in wanted:
        what = f"dataset {name!r} has type {data.dtype} and shape {data.shape}; numbers with {wanted} dimensions needed"
        raise RefusedFileError(what, where=where, fix=fix)
    if not data.size:
        what = f"dataset {name!r} is empty: shape {data.shape}"
        raise RefusedFileError(what, where=where, fix=fix)
    if data.is_virtual or data.external:
        what = f"dataset {name!r} lies in other files; only what the file itself holds is read"
        raise RefusedFileError(what, where=where, fix="write one file with the data in it")
    size = int(np.prod(data.shape, dtype=np.float64)) * data.dtype.itemsize
    if not size <= MAX_BYTES:
        what = f"the header of {name!r} asks for {size / 2**40:.2f} TiB; the limit is {MAX_BYTES / 2**40:.0f} TiB"
        raise LimitError(what, where=where, fix="cut the product to the area of the run")
    chunk = int(np.prod(data.chunks or (0,), dtype=np.float64)) * data.dtype.itemsize
    if not chunk <= MAX_CHUNK_BYTES:
        what = f"one chunk of {name!r} holds {chunk / 2**20:.0f} MiB; the limit is {MAX_CHUNK_BYTES / 2**20:.0f} MiB"
        raise LimitError(what, where=where, fix="repack the file with chunks of about 1 MiB (h5repack)")
    return data


def texts(file: h5py.Group, name: str) -> list[str]:
    """Return a short list of texts or whole numbers, such as dates, as texts; a single value as a list of one.

    Raises
    ------
    RefusedFileError : not there, something else, more than 100,000, or in other files.
    """
    data = find(file, name)
    if data is None or not _is_text(data):
        got = f"type {data.dtype}, shape {data.shape}" if isinstance(data, h5py.Dataset) else "absent"
        what = f"{name!r} should be a short list of texts or whole numbers; it is {got}"
        raise RefusedFileError(what, where=str(file.file.filename), fix="write the product again")
    return [text(v) for v in np.atleast_1d(np.asarray(data[()]))]


def _is_text(data: h5py.Dataset | h5py.Group) -> bool:
    if not isinstance(data, h5py.Dataset) or data.ndim > 1 or data.size > _MAX_TEXTS:
        return False
    is_plain = data.dtype.kind in "Siu" or h5py.check_string_dtype(data.dtype) is not None
    return is_plain and not data.is_virtual and not data.external


def text(value: Any) -> str:
    """Return an attribute or a stored text as str; NUL padding and spaces around it are dropped."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(-1)[0]
    plain = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return plain.strip("\0 ")


def attribute(item: h5py.Dataset | h5py.Group, name: str) -> str | None:
    """Return one attribute as text, None where it is not there or is no plain value.

    Raises
    ------
    CorruptFileError : the attributes cannot be read.
    """
    try:
        return text(item.attrs[name]) if name in item.attrs else None
    except (OSError, TypeError, ValueError):
        return None
    except (KeyError, RuntimeError) as error:
        what = f"attributes of {item.name!r} cannot be read: {error}"
        raise CorruptFileError(what, where=str(item.file.filename), fix="fetch or write the file again") from error


def block_shape(shape: Sequence[int], chunks: Sequence[int] | None, *, times: int = 1) -> tuple[int, int]:
    """Return rows and columns of a block of about BLOCK_BYTES (a raster: PLANE_BYTES) that follows a file's chunks.

    Parameters
    ----------
    shape : (..., y, x) of the dataset; its dates, if any, are all in one block.
    chunks : chunk shape of the file, None where it is contiguous (then whole rows are best).
    times : number of rasters in a block where they lie in as many files.

    Notes
    -----
    Where one column of chunks already exceeds four times that, blocks cut through chunks, which are then
    decompressed more than once.
    """
    n_y, n_x = int(shape[-2]), int(shape[-1])
    depth = 4 * times * (int(shape[0]) if len(shape) == 3 else 1)
    budget = BLOCK_BYTES if depth > 4 else min(PLANE_BYTES, BLOCK_BYTES)
    c_y, c_x = (1, n_x) if chunks is None else (min(int(chunks[-2]), n_y), min(int(chunks[-1]), n_x))
    if depth * c_y * c_x > 4 * budget:
        return max(1, min(c_y, 4 * budget // (depth * c_x))), c_x
    columns = min(n_x, c_x * max(1, budget // (depth * c_y * c_x)))
    rows = min(n_y, c_y * max(1, budget // (depth * c_y * columns)))
    return rows, columns
