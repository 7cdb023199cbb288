"""Layers to Cloud-Optimised GeoTIFF, block by block, verified before they get their name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import rasterio
import xarray as xr
from numpy.typing import NDArray
from rasterio.shutil import copy as rasterio_copy
from rasterio.windows import Window

from geo_risk.core.errors import DataError
from geo_risk.core.grid import grid_of
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
    grid = grid_of(layer)
    out = _storable(layer, path)
    profile: dict[str, Any] = {
        "driver": "GTiff", "height": grid.shape[0], "width": grid.shape[1], "count": 1, "dtype": str(out.dtype),
        "crs": grid.geobox.crs.to_wkt(), "transform": grid.transform, "nodata": _NODATA[out.dtype.kind],
        "tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "compress": "deflate", "bigtiff": "if_safer",
    }  # fmt: skip
    facts = {k: str(v) for k, v in layer.attrs.items() if isinstance(v, str | int | float)}
    hashes: list[str] = []

    def verify(cog: Path) -> None:
        with rasterio.open(cog, driver="GTiff") as source:
            found = [_digest(source.read(1, window=w)) for w in _bands(grid.shape)]
            place = source.transform == grid.transform and source.units == (str(layer.attrs["units"]),)
            is_cog = source.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") == "COG"
        if not (found == hashes and place and is_cog):
            raise disk_full(path)

    with staged(path, verify=verify) as temporary:
        plain = temporary.with_name(temporary.name + ".plain.tif")
        with rasterio.open(plain, "w", **profile) as target:
            target.set_band_description(1, str(layer.attrs.get("long_name", layer.name or path.stem)))
            target.units = (str(layer.attrs["units"]),)
            target.update_tags(1, **facts)
            for window, block in _blocks(out):
                hashes.append(_digest(block))
                target.write(block, 1, window=window)
        overviews = "average" if out.dtype.kind == "f" else "nearest"
        options = {"compress": "deflate", "predictor": "yes", "blocksize": BLOCK, "num_threads": "2"}
        rasterio_copy(plain, temporary, driver="COG", overview_resampling=overviews, **options)


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


def _blocks(layer: xr.DataArray) -> Iterator[tuple[Window, NDArray[Any]]]:
    whole = _computed(layer) if layer.nbytes <= WHOLE_BYTES else None
    for window in _bands((layer.sizes["y"], layer.sizes["x"])):
        rows = slice(window.row_off, window.row_off + window.height)
        block = _computed(layer.isel(y=rows)) if whole is None else whole[rows]
        yield window, np.ascontiguousarray(block)


def _bands(shape: tuple[int, int]) -> list[Window]:
    rows, columns = shape
    height = 2 * BLOCK
    return [Window(0, r, columns, min(height, rows - r)) for r in range(0, rows, height)]


def _computed(layer: xr.DataArray) -> Any:
    data = layer.data
    return data.compute() if isinstance(data, da.Array) else np.asarray(data)


def _digest(block: Any) -> str:
    return array_sha256(np.asarray(block))
