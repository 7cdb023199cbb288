"""Read back what this package wrote: layers, frames, facts and the run grid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import rasterio
import xarray as xr
from dask import array as da
from dask.tokenize import tokenize
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from geo_risk.core.grid import CHUNK, Grid


def open_layer(path: Path) -> xr.DataArray:
    """Open a layer that `publish.write_layer` wrote: (y, x), lazy, its units and name; levels come back as int8."""
    with rasterio.open(path, driver="GTiff") as source:
        grid = Grid(GeoBox((source.height, source.width), source.transform, source.crs.to_wkt()))
        tags = source.tags(1)
        dtype = np.dtype(source.dtypes[0])
        units = source.units[0] or tags.get("units", "")
    dtype_out = np.dtype("int8") if units == "level" else dtype
    data = lazy_band(path, shape=grid.shape, dtype=dtype).astype(dtype_out)
    extra = {k: v for k, v in tags.items() if k in ("positive", "source", "valid_time")}
    return grid.layer(data, units=units, long_name=tags.get("long_name", path.stem), name=path.stem, **extra)


def lazy_band(
    path: Path, *, shape: tuple[int, int], dtype: np.dtype[Any], band: int = 1, driver: str = "GTiff"
) -> da.Array:
    """Return one band of a raster file as a lazy array, a file handle per block and none kept open."""
    chunks = da.core.normalize_chunks((CHUNK, CHUNK), shape=shape, dtype=dtype)

    def block(block_info: Any = None) -> NDArray[Any]:
        (r0, r1), (c0, c1) = block_info[None]["array-location"]
        with rasterio.open(path, driver=driver) as source:
            out: NDArray[Any] = source.read(band, window=Window(c0, r0, c1 - c0, r1 - r0))
        return out

    stat = path.stat()  # else Dask pickles the function to find a name
    name = f"band-{tokenize(str(path), stat.st_ino, stat.st_mtime_ns, stat.st_size, shape, str(dtype), band, driver)}"
    return da.map_blocks(block, chunks=chunks, dtype=dtype, meta=np.empty((0, 0), dtype), name=name)


def read_grid(path: Path) -> Grid:
    """Return the run grid from the file that the first task wrote."""
    return Grid.from_dict(read_json(path))


def read_frame(path: Path, *, layer: str | None = None) -> Any:
    """Return a frame that `publish.write_frame` wrote (a GeoDataFrame, or a DataFrame where it has no geometry)."""
    frame = pyogrio.read_dataframe(path, layer=layer or path.stem)
    return frame if isinstance(frame, gpd.GeoDataFrame) else pd.DataFrame(frame)


def read_json(path: Path) -> Any:
    """Return plain values from a JSON file of this package."""
    return json.loads(path.read_text(encoding="utf-8"))
