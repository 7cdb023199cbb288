"""Maps of a track on the track's own grid (degrees or metres) to HDF5, band by band, verified."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr
from dask import array as da
from dask import compute
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.publish.atomic import disk_full, staged

_BAND_BYTES = 64 * 2**20


def write_native(dataset: xr.Dataset, path: Path) -> None:
    """Publish the (y, x) variables of a dataset with its CRS and transform; rows are computed in bands, never whole.

    Parameters
    ----------
    dataset : float variables (y, x), lazy or not; attributes `crs` and `transform` (six numbers), and any plain
        values beside them. All variables of a band are computed together, so what they share is read once.

    Raises
    ------
    DataError : no crs or transform. DiskFullError : the file did not read back as written.
    """
    missing = [k for k in ("crs", "transform") if k not in dataset.attrs]
    if missing:
        what = f"the dataset has no {missing}"
        raise DataError(what, where=str(path), fix="make it with sources.insar.open_insar")
    names = sorted(str(n) for n in dataset.data_vars if dataset[n].dims == ("y", "x"))
    shape = (dataset.sizes["y"], dataset.sizes["x"])
    hashes = {n: hashlib.sha256() for n in names}

    def verify(written: Path) -> None:
        with h5py.File(written, "r") as source:
            for name in names:
                digest = hashlib.sha256()
                for rows in _bands(dataset, shape):
                    digest.update(_plain(source[name][rows]).tobytes())
                if digest.digest() != hashes[name].digest():
                    raise disk_full(path)

    with staged(path, verify=verify) as temporary, h5py.File(temporary, "w", track_order=True) as target:
        chunk = (min(256, shape[0]), min(256, shape[1]))
        for name in names:
            made = target.create_dataset(
                name, shape, "f4", chunks=chunk, compression="gzip", compression_opts=2, shuffle=True,
                fillvalue=np.nan, track_times=False,
            )  # fmt: skip
            made.attrs["units"] = str(dataset[name].attrs.get("units", ""))
            made.attrs["long_name"] = str(dataset[name].attrs.get("long_name", name))
        target.attrs["facts"] = json.dumps(dict(dataset.attrs), sort_keys=True, default=str)
        for rows in _bands(dataset, shape):
            part = dataset.isel(y=rows)
            for name, values in zip(names, compute(*(part[n].data for n in names)), strict=True):
                plain = _plain(values)
                hashes[name].update(plain.tobytes())
                target[name][rows] = plain


def _bands(dataset: xr.Dataset, shape: tuple[int, int]) -> list[slice]:
    """Return row slices that follow the blocks of the data where it is lazy."""
    lazy = [v.data.chunks[0] for v in dataset.data_vars.values() if isinstance(v.data, da.Array) and v.ndim == 2]
    if lazy:
        edges = np.concatenate([[0], np.cumsum(max(lazy, key=len))])
        return [slice(int(a), int(b)) for a, b in pairwise(edges)]
    height = max(1, _BAND_BYTES // (4 * shape[1]))
    return [slice(r, min(r + height, shape[0])) for r in range(0, shape[0], height)]


def _plain(values: Any) -> NDArray[np.float32]:
    array = np.ascontiguousarray(values, dtype=np.float32)
    return np.where(np.isnan(array), np.float32(np.nan), array)
