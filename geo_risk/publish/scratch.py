"""Layers that share dear blocks with their neighbours, computed once onto the disk and read back block by block."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import dask
import dask.array as da
import numpy as np
import xarray as xr

from geo_risk.core.grid import CHUNK, grid_of, same_grid
from geo_risk.publish.raster import WHOLE_BYTES


@contextmanager
def computed_once(layers: Mapping[str, xr.DataArray], folder: Path) -> Iterator[dict[str, xr.DataArray]]:
    """Compute lazy layers in one go and give them back while the block lasts.

    A block that needs what its neighbours need too would be made again for each band of rows that is written. Layers
    of up to `WHOLE_BYTES` are held in memory, larger ones in a file beside the result that is gone at the end.

    Parameters
    ----------
    layers : (y, x) of one grid, by name. folder : for the file.

    Raises
    ------
    GridError : the layers are on different grids. OSError : the disk is full.
    """
    if not layers:
        yield {}
        return
    same_grid(*layers.values())
    if sum(layer.nbytes for layer in layers.values()) <= WHOLE_BYTES:
        values = dask.compute(*(layer.data for layer in layers.values()))
        yield {name: _like(layers[name], np.asarray(v)) for name, v in zip(layers, values, strict=True)}
        return
    folder.mkdir(parents=True, exist_ok=True)
    files = {name: folder / f".{name}.{os.urandom(6).hex()}.part" for name in layers}
    try:
        maps = [np.memmap(files[n], dtype=v.dtype, mode="w+", shape=v.shape) for n, v in layers.items()]
        da.store([_lazy(v) for v in layers.values()], maps, lock=False)
        yield {
            name: _like(layer, da.from_array(found, chunks=(CHUNK, CHUNK)))
            for (name, layer), found in zip(layers.items(), maps, strict=True)
        }
    finally:
        for file in files.values():
            file.unlink(missing_ok=True)


def _lazy(layer: xr.DataArray) -> da.Array:
    return layer.data if isinstance(layer.data, da.Array) else da.from_array(layer.data, chunks=(CHUNK, CHUNK))


def _like(layer: xr.DataArray, values: object) -> xr.DataArray:
    attrs = {k: v for k, v in layer.attrs.items() if k not in ("name", "units", "long_name")}
    return grid_of(layer).layer(values, name=str(layer.name), units=layer.attrs["units"],
                                long_name=layer.attrs["long_name"], **attrs)  # fmt: skip
