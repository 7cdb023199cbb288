"""GCJ-02, the shifted coordinates of Chinese web maps, and its exact inverse."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

_A = 6378245.0
_EE = 0.00669342162296594323
_ITERATIONS = 12


def gcj02_from_wgs84(lon_deg: ArrayLike, lat_deg: ArrayLike) -> tuple[Array, Array]:
    """Return the GCJ-02 longitude and latitude [degree] of WGS 84 ones (METHODS.md section 7); NaN stays NaN.

    The published series on the Krasovsky ellipsoid (a 6378245 m); meant for 73-135 E, 18-54 N.
    """
    lon, lat = np.asarray(lon_deg, dtype=np.float64), np.asarray(lat_deg, dtype=np.float64)
    shift_lon, shift_lat = _shift(lon, lat)
    return lon + shift_lon, lat + shift_lat


def wgs84_from_gcj02(lon_deg: ArrayLike, lat_deg: ArrayLike) -> tuple[Array, Array]:
    """Return the WGS 84 longitude and latitude [degree] of GCJ-02 ones, by fixed-point iteration to 1e-9 degree."""
    lon, lat = np.asarray(lon_deg, dtype=np.float64), np.asarray(lat_deg, dtype=np.float64)
    out_lon, out_lat = lon.copy(), lat.copy()
    for _ in range(_ITERATIONS):
        shift_lon, shift_lat = _shift(out_lon, out_lat)
        out_lon, out_lat = lon - shift_lon, lat - shift_lat
    return out_lon, out_lat


def _shift(lon: Array, lat: Array) -> tuple[Array, Array]:
    x, y = lon - 105.0, lat - 35.0
    common = 20 * np.sin(6 * np.pi * x) + 20 * np.sin(2 * np.pi * x)
    north = -100 + 2 * x + 3 * y + 0.2 * y**2 + 0.1 * x * y + 0.2 * np.sqrt(np.abs(x))
    north += (common + _waves(y, (20, 40, 160, 320), (1, 3, 12, 30))) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x**2 + 0.1 * x * y + 0.1 * np.sqrt(np.abs(x))
    east += (common + _waves(x, (20, 40, 150, 300), (1, 3, 12, 30))) * 2 / 3
    phi = np.radians(lat)
    magic = 1 - _EE * np.sin(phi) ** 2
    shift_lat = north * 180 / (_A * (1 - _EE) / (magic * np.sqrt(magic)) * np.pi)
    shift_lon = east * 180 / (_A / np.sqrt(magic) * np.cos(phi) * np.pi)
    return shift_lon, shift_lat


def _waves(t: Array, amplitudes: tuple[int, ...], periods: tuple[int, ...]) -> Array:
    out = np.zeros_like(t)
    for amplitude, period in zip(amplitudes, periods, strict=True):
        out += amplitude * np.sin(np.pi * t / period)
    return out
