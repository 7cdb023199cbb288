"""Layers to Cloud-Optimised GeoTIFF, block by block, verified before they get their name."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dask
import numpy as np
import rasterio
import xarray as xr
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.shutil import copy as rasterio_copy
from rasterio.windows import Window

from geo_risk.core.errors import DataError
from geo_risk.core.grid import Grid, grid_of, same_grid
from geo_risk.publish.atomic import disk_full, staged
from geo_risk.publish.hashing import array_sha256

BLOCK = 512
WHOLE_BYTES = 256 << 20
"""Up to this size a layer is computed in one go, so that nothing upstream is computed twice."""

_NODATA = {"f": float("nan"), "i": -1, "u": 255}


def write_layer(layer: xr.DataArray, path: Path) -> None:
    """Publish a layer (y, x) as a COG with unit, description and nodata (NaN; -1 for levels).

    A layer above `WHOLE_BYTES` is computed in row bands of blocks, never whole; each band is hashed as it is written
    and compared after reopening, together with the place, the unit and the layout of the file.

    Raises
    ------
    DataError : not (y, x), no units, or a dtype that has no nodata value (float, signed int and uint8 have).
    DiskFullError : the file did not read back as written.
    """
    write_layers({path: layer})


def write_layers(
    layers: Mapping[Path, xr.DataArray], *, seen: Callable[[Path, NDArray[Any]], None] | None = None
) -> None:
    """Publish several layers of one grid; each band of all is computed together, so that what they share is made once.

    Parameters
    ----------
    seen : called with each path and band as it is written, to count values without a second reading.

    Raises
    ------
    GridError : the layers are on different grids. DataError, DiskFullError : as `write_layer`.
    """
    grid = same_grid(*layers.values())
    given = {path: _storable(layer, path) for path, layer in layers.items()}
    hashes: dict[Path, list[str]] = {path: [] for path in layers}
    with ExitStack() as stack:
        temporary = {
            path: stack.enter_context(staged(path, verify=_verifier(layer, path, grid, hashes[path])))
            for path, layer in layers.items()
        }
        plain = {path: file.with_name(file.name + ".plain.tif") for path, file in temporary.items()}
        with ExitStack() as files:
            targets = {path: files.enter_context(_plain(plain[path], layers[path], given[path])) for path in layers}
            for window, blocks in _blocks(list(given.values())):
                for path, block in zip(layers, blocks, strict=True):
                    hashes[path].append(_digest(block))
                    targets[path].write(block, 1, window=window)
                    if seen is not None:
                        seen(path, block)
        with ThreadPoolExecutor(max_workers=2) as pool:
            list(pool.map(lambda path: _cog(plain[path], temporary[path], given[path].dtype), layers))


def _verifier(layer: xr.DataArray, path: Path, grid: Grid, hashes: list[str]) -> Callable[[Path], None]:
    def verify(cog: Path) -> None:
        with rasterio.open(cog, driver="GTiff") as source:
            found = [_digest(source.read(1, window=w)) for w in _bands(grid.shape)]
            place = source.transform == grid.transform and source.units == (str(layer.attrs["units"]),)
            is_cog = source.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") == "COG"
        if not (found == hashes and place and is_cog):
            raise disk_full(path)

    return verify


def _plain(path: Path, layer: xr.DataArray, out: xr.DataArray) -> Any:
    """Return a new tiled file open for writing, with everything that describes the layer; packed only as a COG."""
    grid = grid_of(layer)
    target = rasterio.open(
        path, "w", driver="GTiff", height=grid.shape[0], width=grid.shape[1], count=1, dtype=str(out.dtype),
        crs=grid.geobox.crs.to_wkt(), transform=grid.transform, nodata=_NODATA[out.dtype.kind], tiled=True,
        blockxsize=BLOCK, blockysize=BLOCK, bigtiff="if_safer",
    )  # fmt: skip
    target.set_band_description(1, str(layer.attrs.get("long_name", layer.name or path.stem)))
    target.units = (str(layer.attrs["units"]),)
    target.update_tags(1, **{k: str(v) for k, v in layer.attrs.items() if isinstance(v, str | int | float)})
    return target


def _cog(plain: Path, path: Path, dtype: np.dtype[Any]) -> None:
    """Make the COG of a plain file, whose overviews are made first: the driver would pack its own twice."""
    is_float = dtype.kind == "f"
    with rasterio.open(plain, "r+", driver="GTiff") as source:
        sizes = range(1, math.ceil(math.log2(max(max(source.shape) / BLOCK, 1))) + 1)
        source.build_overviews([2**k for k in sizes], Resampling.average if is_float else Resampling.nearest)
    options = {"compress": "deflate", "blocksize": BLOCK, "num_threads": "2"}
    # differences of neighbouring levels pack no better than levels; trying harder gains a twentieth for twice the time
    options |= {"predictor": "yes"} if is_float else {"level": 1}
    rasterio_copy(plain, path, driver="COG", **options)


def _storable(layer: xr.DataArray, path: Path) -> xr.DataArray:
    """Return the layer in a dtype that a GeoTIFF can hold with a nodata value of its own."""
    dtype = layer.dtype
    has_nodata = dtype.kind in "fi" or dtype == np.uint8
    if layer.dims != ("y", "x") or not layer.attrs.get("units") or not has_nodata:
        what = f"layer {str(layer.name)!r} has dims {layer.dims}, units {layer.attrs.get('units')!r}, dtype {dtype}"
        raise DataError(what, where=str(path), fix="give it dims (y, x), units, and float32, int or uint8 values")
    if dtype.kind == "f":
        return layer.astype("float32")
    return layer.astype("int16") if dtype == np.int8 else layer


def _blocks(layers: Sequence[xr.DataArray]) -> Iterator[tuple[Window, list[NDArray[Any]]]]:
    whole = _computed(layers) if sum(layer.nbytes for layer in layers) <= WHOLE_BYTES else None
    for window in _bands((layers[0].sizes["y"], layers[0].sizes["x"])):
        rows = slice(window.row_off, window.row_off + window.height)
        if whole is None:
            found = _computed([layer.isel(y=rows) for layer in layers])
        else:
            found = [values[rows] for values in whole]
        yield window, [np.ascontiguousarray(values) for values in found]


def _bands(shape: tuple[int, int]) -> list[Window]:
    rows, columns = shape
    height = 2 * BLOCK
    return [Window(0, r, columns, min(height, rows - r)) for r in range(0, rows, height)]


def _computed(layers: Sequence[xr.DataArray]) -> list[Any]:
    lazy = dask.compute(*(layer.data for layer in layers))
    return [np.asarray(values) for values in lazy]


def _digest(block: Any) -> str:
    return array_sha256(np.asarray(block))
