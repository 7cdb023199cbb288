"""Layers to Cloud-Optimised GeoTIFF, block by block, verified before they get their name."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import rasterio
import xarray as xr
from rasterio.shutil import copy as rasterio_copy
from rasterio.windows import Window

from geo_risk.core.errors import DataError
from geo_risk.core.grid import grid_of
from geo_risk.publish.atomic import disk_full, staged

BLOCK = 512
_NODATA = {"f": float("nan"), "i": -1, "u": 255}


def write_layer(layer: xr.DataArray, path: Path) -> None:
    """Publish a layer (y, x) as a COG with unit, description and nodata (NaN; -1 for levels).

    The layer is computed in row bands of blocks, never whole; each band is hashed as it is written and compared
    after reopening.

    Raises
    ------
    DataError : not (y, x), no units, or a dtype that has no nodata value.
    DiskFullError : the file did not read back as written.
    """
    grid = grid_of(layer)
    if layer.dims != ("y", "x") or not layer.attrs.get("units") or layer.dtype.kind not in _NODATA:
        what = f"layer {str(layer.name)!r} has dims {layer.dims}, units {layer.attrs.get('units')!r}, dtype {layer.dtype}"
        raise DataError(
            what, where=str(path), fix="give it dims (y, x), units, and float32, int or uint8 values"
        )
    out = layer.astype("float32") if layer.dtype.kind == "f" else layer
    out = out.astype("int16") if out.dtype == np.int8 else out
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
        if found != hashes:
            raise disk_full(path)

    with staged(path, verify=verify) as temporary:
        plain = temporary.with_name(temporary.name + ".plain.tif")
        with rasterio.open(plain, "w", **profile) as target:
            target.set_band_description(1, str(layer.attrs.get("long_name", layer.name or path.stem)))
            target.units = (str(layer.attrs["units"]),)
            target.update_tags(1, **facts)
            for window in _bands(grid.shape):
                rows = slice(window.row_off, window.row_off + window.height)
                block = np.ascontiguousarray(_computed(out.isel(y=rows)))
                hashes.append(_digest(block))
                target.write(block, 1, window=window)
        rasterio_copy(plain, temporary, driver="COG", compress="deflate", predictor="yes", blocksize=BLOCK,
                      overview_resampling="nearest" if out.dtype.kind != "f" else "average", num_threads="2")  # fmt: skip


def _bands(shape: tuple[int, int]) -> list[Window]:
    rows, columns = shape
    height = 2 * BLOCK
    return [Window(0, r, columns, min(height, rows - r)) for r in range(0, rows, height)]


def _computed(layer: xr.DataArray) -> Any:
    data = layer.data
    return data.compute() if isinstance(data, da.Array) else np.asarray(data)


def _digest(block: Any) -> str:
    array = np.asarray(block)
    if array.dtype.kind == "f":
        array = np.where(np.isnan(array), np.float32(np.nan), array)
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
