"""GRIB2 rain through GDAL: one message an interval, its end and unit from the message."""

from __future__ import annotations

import re
from pathlib import Path

import dask.array as da
import numpy as np
import rasterio
import xarray as xr
from odc.geo.geobox import GeoBox
from odc.geo.xr import xr_coords

from geo_risk.core.errors import AmbiguousError, CorruptFileError, GridError, UnitError
from geo_risk.core.units import factor
from geo_risk.sources.layers import lazy_band

_KEYS = ("GRIB_VALID_TIME", "GRIB_UNIT", "GRIB_ELEMENT", "GRIB_PDS_PDTN")
_RAIN = re.compile(r"^(APCP\d*|TPRATE|TP|RAIN|PRATE|PRCP)", re.IGNORECASE)
ACCUMULATED = "8"
"""Product definition template 4.8: a statistic over an interval, whose end is the valid time GDAL reports."""


def open_grib(path: Path) -> tuple[xr.DataArray, tuple[str, ...]]:
    """Open the accumulated rain of a GRIB2 file, lazily.

    Returns
    -------
    (time, y, x) [mm], y falling; time is the UTC end of each interval. And the evidence.

    Raises
    ------
    CorruptFileError : GDAL cannot open it.
    AmbiguousError : messages that are no rain, or no accumulation over an interval.
    UnitError, GridError : as they say.
    """
    try:
        with rasterio.open(path, driver="GRIB") as source:
            tags = [{k: source.tags(b).get(k, "") for k in _KEYS} for b in source.indexes]
            box = GeoBox((source.height, source.width), source.transform, source.crs.to_wkt())
            dtype = np.dtype(source.dtypes[0])
    except (rasterio.errors.RasterioIOError, AttributeError) as error:
        what = f"{path.name} does not open as GRIB2: {error}"
        raise CorruptFileError(what, where=str(path), fix="copy the file again") from error
    if box.transform.b or box.transform.d or box.transform.e > 0:
        what = f"{path.name} is rotated or runs from south to north: {tuple(box.transform)[:6]}"
        raise GridError(what, where=str(path), fix="convert the file to CF NetCDF-4")
    scale = _checked(tags, path)
    bands = [
        lazy_band(path, shape=tuple(box.shape), dtype=dtype, band=b, driver="GRIB") for b in range(1, len(tags) + 1)
    ]
    ends = [np.datetime64(int(float(t["GRIB_VALID_TIME"].split()[0])), "s").astype("datetime64[ns]") for t in tags]
    coords = xr_coords(box)
    y_name, x_name = box.dimensions
    rain = xr.DataArray(
        da.stack(bands).astype(np.float32) * np.float32(scale), dims=("time", "y", "x"), name="rain",
        attrs={"units": "mm"},
        coords={"time": np.array(ends), "y": coords[y_name].to_numpy(), "x": coords[x_name].to_numpy(),
                "spatial_ref": coords["spatial_ref"]},
    )  # fmt: skip
    evidence = (
        f"Unit {tags[0]['GRIB_UNIT']} of {tags[0]['GRIB_ELEMENT']}, accumulated over the interval (template 4.8).",
        "Times: the valid time of each message is the end of its interval, UTC.",
        "CRS: as GDAL reads it from the grid definition.",
    )
    return rain, evidence


def _checked(tags: list[dict[str, str]], path: Path) -> float:
    odd = [i for i, t in enumerate(tags, 1) if not _RAIN.match(t["GRIB_ELEMENT"]) or t["GRIB_PDS_PDTN"] != ACCUMULATED]
    if odd:
        first = tags[odd[0] - 1]
        what = (
            f"{path.name}: {len(odd)} of {len(tags)} messages are not rain summed over an interval; number {odd[0]} is "
            f"{first['GRIB_ELEMENT']!r} with template 4.{first['GRIB_PDS_PDTN']}"
        )
        raise AmbiguousError(
            what, where=str(path), fix="extract the accumulated-rain messages, or convert to CF NetCDF-4"
        )
    units = {t["GRIB_UNIT"].strip("[] ").replace("^", "**").replace("kg/(m**2)", "kg/m**2") for t in tags}
    if len(units) != 1:
        what = f"{path.name} mixes the units {sorted(units)}"
        raise UnitError(what, where=str(path), fix="give messages of one unit")
    return factor(units.pop(), "mm", where=path.name)
