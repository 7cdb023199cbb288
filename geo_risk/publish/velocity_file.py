"""Velocity maps in MintPy's HDF5 layout, written band by band and verified."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from geo_risk.publish.atomic import disk_full, staged

F32 = NDArray[np.float32]


@contextmanager
def velocity_file(
    path: Path, maps: Mapping[str, str], shape: tuple[int, int], attrs: Mapping[str, str]
) -> Iterator[Callable[[int, Mapping[str, F32]], None]]:
    """Give a function `write(first_row, {name: (rows, x)})`; publish the file when all rows were written.

    Parameters
    ----------
    path : final name.
    maps : unit by name of the maps (y, x) float32.
    shape : (y, x).
    attrs : text attributes of the file.

    Raises
    ------
    DiskFullError : the file did not read back as written. ValueError : rows were written out of order or left out.
    """
    hashes = {name: hashlib.sha256() for name in maps}
    done = 0

    def verify(written: Path) -> None:
        if done != shape[0]:
            what = f"{done} of {shape[0]} rows were written"
            raise ValueError(what)
        with h5py.File(written, "r") as source:
            for name, digest in hashes.items():
                if hashlib.sha256(np.ascontiguousarray(source[name][:]).data).digest() != digest.digest():
                    raise disk_full(path)

    with staged(path, verify=verify) as temporary, h5py.File(temporary, "w", track_order=True) as target:
        for name, unit in maps.items():
            made = target.create_dataset(name, shape, "f4", track_times=False)
            made.attrs["UNIT"] = unit
        target.attrs.update(dict(attrs))

        def write(first: int, values: Mapping[str, F32]) -> None:
            nonlocal done
            if first != done or set(values) != set(maps):
                what = f"row {first} after {done} rows, maps {sorted(values)} of {sorted(maps)}"
                raise ValueError(what)
            for name, part in values.items():
                plain = np.ascontiguousarray(part, dtype=np.float32)
                target[name][first : first + len(plain)] = plain
                hashes[name].update(plain.data)
            done += len(next(iter(values.values())))

        yield write
