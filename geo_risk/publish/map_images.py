"""Rasters as palette PNGs in web-mercator, ready to lie on a Leaflet map."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from rasterio.transform import Affine
from rasterio.warp import Resampling, calculate_default_transform, reproject, transform_bounds

from geo_risk.core.grid import grid_of
from geo_risk.publish.legend import (
    UNKNOWN_COLOR,
    RasterStyle,
    ramp_colors,
    ramp_range,
    rgb,
)

MAX_SIDE = 1600
"""Longest side of a map picture in pixels; larger rasters are thinned first."""

OUTSIDE, CLEAR, UNKNOWN, FIRST = 0, 1, 2, 3
"""Palette entries: beyond the raster, known and not drawn, unknown, and the first colour."""

_STEPS = 252
_HATCH = 6


@dataclass(frozen=True)
class MapImage:
    """A picture for the map: data URI, bounds ((south, west), (north, east)) and the ends of its ramp."""

    url: str
    bounds: tuple[tuple[float, float], tuple[float, float]]
    low: float
    high: float
    unknown_share: float


def raster_image(layer: xr.DataArray, style: RasterStyle) -> MapImage:
    """Return a raster as a palette PNG warped to EPSG:3857; unknown is hatched grey, beyond the raster is clear.

    Parameters
    ----------
    layer : (y, x) on a Grid; NaN, or -1 for levels, is unknown.
    style : how values become colours.
    """
    thin = thinned(layer, keep_highest=style.kind == "levels")
    codes, low, high = _codes(thin[0], style)
    inside = codes != OUTSIDE
    share = float((codes == UNKNOWN).sum() / max(1, inside.sum()))
    warped, bounds = to_mercator(codes, thin[1], grid_of(layer).geobox.crs.to_wkt())
    url = png_uri(_hatched(warped), palette=_palette(style))
    return MapImage(url, bounds, low, high, share)


@dataclass(frozen=True)
class MapFrames:
    """Pictures of one raster at several times: `urls` and `times` (text, as shown) in order, the rest as `MapImage`."""

    urls: tuple[str, ...]
    times: tuple[str, ...]
    bounds: tuple[tuple[float, float], tuple[float, float]]
    low: float
    high: float


def frame_images(series: xr.DataArray, times: Sequence[str], style: RasterStyle) -> MapFrames:
    """Return the pictures of a raster in time, all on one ramp.

    Parameters
    ----------
    series : (time, y, x) on a Grid; NaN is unknown.
    times : text of each time. style : of kind "ramp".

    Raises
    ------
    ValueError : no time, or not a text for each.
    """
    if not len(times) == series.sizes["time"] > 0:
        what = f"{series.sizes['time']} pictures with {len(times)} times; one text for each needed"
        raise ValueError(what)
    low, high = ramp_range(np.asarray(series.max("time").data), style)
    fixed = replace(style, low=low, high=high)
    crs = grid_of(series.isel(time=0, drop=True)).geobox.crs.to_wkt()
    urls, bounds = [], ((0.0, 0.0), (0.0, 0.0))
    for k in range(len(times)):
        values, transform = thinned(series.isel(time=k, drop=True), keep_highest=False)
        warped, bounds = to_mercator(_codes(values, fixed)[0], transform, crs)
        urls.append(png_uri(_hatched(warped), palette=_palette(fixed)))
    return MapFrames(tuple(urls), tuple(times), bounds, low, high)


def relief_image(dem: xr.DataArray) -> MapImage:
    """Return a hill shading of a DEM [m] as a grey PNG: light from the north-west, 45 deg high, NaN clear."""
    values, transform = thinned(dem, keep_highest=False)
    cell = abs(transform.a)
    heights = values.astype(np.float64)
    # a map of one row or one column is level across
    gy, gx = (np.gradient(heights, cell, axis=k) if n > 1 else np.zeros(values.shape)
              for k, n in enumerate(values.shape))  # fmt: skip
    # the surface's normal times the way to the light (-1/2 east, 1/2 north, sqrt(1/2) up); rows run south
    shade = np.clip((gx / 2 + gy / 2 + np.sqrt(0.5)) / np.sqrt(1 + gx**2 + gy**2), 0, 1)
    codes = np.where(
        np.isfinite(shade) & np.isfinite(heights), FIRST + np.rint(np.nan_to_num(shade) * (_STEPS - 1)), OUTSIDE
    ).astype(np.uint8)
    warped, bounds = to_mercator(codes, transform, grid_of(dem).geobox.crs.to_wkt())
    grey = [(0, 0, 0, 0)] * FIRST + [(*c, 255) for c in ramp_colors(("#6f716d", "#f8f8f5"), _STEPS)]
    return MapImage(png_uri(warped, palette=grey), bounds, 0.0, 1.0, 0.0)


def thinned(layer: xr.DataArray, *, keep_highest: bool) -> tuple[NDArray[Any], Affine]:
    """Return a layer with at most `MAX_SIDE` cells a side, and its transform.

    Levels keep the gravest of the cells that fall together (unknown is graver than low); other layers keep the cell
    in the middle.
    """
    grid = grid_of(layer)
    step = -(-max(grid.shape) // MAX_SIDE)
    data: Any = layer.data
    if step > 1:
        rows, columns = (n - n % step for n in grid.shape)
        if keep_highest:
            data = _gravest(da.asarray(data)[:rows, :columns], step)
        else:
            data = data[step // 2 : rows : step, step // 2 : columns : step]
    values = np.asarray(data.compute() if isinstance(data, da.Array) else data)
    return values, grid.transform * Affine.scale(step)


def _gravest(levels: da.Array, step: int) -> da.Array:
    """Return the gravest level of each step x step cells; unknown lies between low and medium."""
    order = np.array([1.5, 0, 1, 2, 3, 4], dtype=np.float32)  # by level + 1
    weight = da.map_blocks(lambda block: order[block.astype(np.int64) + 1], levels, dtype=np.float32)
    worst = da.coarsen(np.max, weight.rechunk(max(1, 1024 // step) * step), {0: step, 1: step})
    return da.where(worst == order[0], -1, worst)


def _codes(values: NDArray[Any], style: RasterStyle) -> tuple[NDArray[np.uint8], float, float]:
    """Return palette entries of values, and the ends of the ramp."""
    if style.kind == "ramp":
        low, high = ramp_range(values, style)
        share = np.clip((values - low) / (high - low), 0, 1)
        codes = FIRST + np.rint(np.nan_to_num(share) * (_STEPS - 1))
        if style.clear_below is not None:
            codes = np.where(values < style.clear_below, CLEAR, codes)
        return np.where(np.isfinite(values), codes, UNKNOWN).astype(np.uint8), low, high
    highest = max(style.classes)
    codes = np.where((values >= 0) & (values <= highest), CLEAR, UNKNOWN)
    for i, code in enumerate(sorted(style.classes)):
        codes[values == code] = FIRST + i
    return codes.astype(np.uint8), 0.0, float(highest)


def _palette(style: RasterStyle) -> list[tuple[int, int, int, int]]:
    """Return the colours of the palette entries with their opacity."""
    head = [(0, 0, 0, 0), (0, 0, 0, 0), (*rgb(UNKNOWN_COLOR), 190)]
    if style.kind == "ramp":
        return head + [(*c, 255) for c in ramp_colors(style.colors, _STEPS)]
    return head + [(*rgb(style.classes[code][1]), 255) for code in sorted(style.classes)]


def to_mercator(
    codes: NDArray[np.uint8], transform: Affine, crs: str
) -> tuple[NDArray[np.uint8], tuple[tuple[float, float], tuple[float, float]]]:
    """Warp palette entries to EPSG:3857 (nearest) and return them with their geographic bounds.

    Leaflet stretches a picture linearly in web-mercator: a picture in any other projection lies off its place.
    """
    rows, columns = codes.shape
    left, top = transform * (0, 0)
    right, bottom = transform * (columns, rows)
    target, width, height = _mercator_grid(crs, columns, rows, (left, bottom, right, top))
    out = np.zeros((height, width), dtype=np.uint8)
    reproject(codes, out, src_transform=transform, src_crs=crs, dst_transform=target, dst_crs="EPSG:3857",
              src_nodata=None, init_dest_nodata=True, resampling=Resampling.nearest)  # fmt: skip
    x0, y1 = target * (0, 0)
    x1, y0 = target * (width, height)
    west, south, east, north = transform_bounds("EPSG:3857", "EPSG:4326", x0, y0, x1, y1)
    return out, ((round(south, 7), round(west, 7)), (round(north, 7), round(east, 7)))


@lru_cache(maxsize=8)
def _mercator_grid(
    crs: str, columns: int, rows: int, bounds: tuple[float, float, float, float]
) -> tuple[Affine, int, int]:
    """Return transform, width and height in EPSG:3857; all layers of a map lie on one grid, and GDAL is slow here."""
    target, width, height = calculate_default_transform(crs, "EPSG:3857", columns, rows, *bounds)
    return target, int(width), int(height)


def _hatched(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the codes with unknown cells left clear but for slanting stripes."""
    rows, columns = np.ogrid[: codes.shape[0], : codes.shape[1]]
    gap = (rows + columns) % _HATCH >= _HATCH // 3
    return np.where((codes == UNKNOWN) & gap, OUTSIDE, codes).astype(np.uint8)


def png_uri(codes: NDArray[np.uint8], *, palette: list[tuple[int, int, int, int]]) -> str:
    """Return palette entries (rows, columns) as a PNG data URI (PNG specification, colour type 3 with tRNS)."""
    height, width = codes.shape
    lines = np.zeros((height, width + 1), dtype=np.uint8)  # each line starts with filter type 0
    lines[:, 1:] = codes
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", bytes(v for color in palette for v in color[:3])),
        (b"tRNS", bytes(color[3] for color in palette)),
        (b"IDAT", zlib.compress(lines.tobytes(), 6)),  # 9 takes eight times as long for 2 % less
        (b"IEND", b""),
    )
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + body).decode()
