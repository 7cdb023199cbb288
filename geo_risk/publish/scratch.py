"""Layers that share dear blocks with their neighbours, computed once onto the disk and read back block by block."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
    maps: dict[str, _Map] = {}
    try:
        for name, layer in layers.items():
            maps[name] = _Map(files[name], layer)
        da.store([_lazy(v) for v in layers.values()], list(maps.values()), lock=False)
        yield {n: _like(layers[n], da.from_array(found, chunks=(CHUNK, CHUNK))) for n, found in maps.items()}
    finally:
        for found in maps.values():
            found.close()
        _remove(list(files.values()))


class _Map:
    """A file mapped into memory that gives copies of its blocks: what is kept of it does not hold the file open."""

    def __init__(self, file: Path, layer: xr.DataArray) -> None:
        self._found: np.memmap[Any, Any] | None = np.memmap(file, dtype=layer.dtype, mode="w+", shape=layer.shape)
        self.shape, self.dtype, self.ndim = layer.shape, layer.dtype, layer.ndim

    def _open(self) -> np.memmap[Any, Any]:
        if self._found is None:
            msg = "the layer was kept for a while only, and is gone"
            raise ValueError(msg)
        return self._found

    def __getitem__(self, at: Any) -> np.ndarray[Any, Any]:
        return np.array(self._open()[at])

    def __setitem__(self, at: Any, values: Any) -> None:
        self._open()[at] = values

    def close(self) -> None:
        """Let go of the file."""
        found, self._found = self._found, None
        if found is not None:
            found._mmap.close()  # type: ignore[attr-defined]


def _remove(files: Sequence[Path]) -> None:
    """Remove files that nothing has open any more: Windows lets go of no other.

    One that cannot be removed stays behind and is warned of: the result is not lost by it.
    """
    for file in files:
        try:
            file.unlink(missing_ok=True)
        except PermissionError as error:
            warnings.warn(f"scratch file {file} could not be removed: {error}", RuntimeWarning, stacklevel=2)


def _lazy(layer: xr.DataArray) -> da.Array:
    return layer.data if isinstance(layer.data, da.Array) else da.from_array(layer.data, chunks=(CHUNK, CHUNK))


def _like(layer: xr.DataArray, values: object) -> xr.DataArray:
    attrs = {k: v for k, v in layer.attrs.items() if k not in ("name", "units", "long_name")}
    return grid_of(layer).layer(values, name=str(layer.name), units=layer.attrs["units"],
                                long_name=layer.attrs["long_name"], **attrs)  # fmt: skip
