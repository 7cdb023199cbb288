"""Straight lines across moving areas, and what maps say along them."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from shapely.affinity import rotate
from shapely.geometry import LineString
from shapely.geometry.base import BaseGeometry

from geo_risk.core.grid import grid_of

F64 = NDArray[np.float64]

_SHORTEST_M = 600.0
_MARGIN = 1.5


def section_line(area: BaseGeometry, *, azimuth_deg: float | None = None) -> LineString:
    """Return a straight line across an area, half its own extent longer at either end, at least 600 m.

    Parameters
    ----------
    area : polygon in a metric CRS.
    azimuth_deg : direction of the line, clockwise from north, such as the way downhill; None or NaN: west to east, the
        direction in which radar sees horizontal motion.

    Raises
    ------
    ValueError : the polygon is empty.
    """
    if area.is_empty:
        what = "an empty area has no section"
        raise ValueError(what)
    middle = area.representative_point()
    azimuth = 90.0 if azimuth_deg is None or not np.isfinite(azimuth_deg) else float(azimuth_deg)
    # turned so that the line lies along x, the extent before and behind the middle can be read off
    level = rotate(area, azimuth - 90.0, origin=middle)
    left, _, right, _ = level.bounds
    before, behind = (max(_MARGIN * e, _SHORTEST_M / 2) for e in (middle.x - left, right - middle.x))
    a = np.radians(azimuth)
    east, north = float(np.sin(a)), float(np.cos(a))
    return LineString(
        [(middle.x - before * east, middle.y - before * north), (middle.x + behind * east, middle.y + behind * north)]
    )


def points_along(line: LineString, spacing_m: float) -> tuple[F64, F64, F64]:
    """Return distances from the start (n,) [m] and the x and y of points along a line.

    Raises
    ------
    ValueError : the spacing is not positive.
    """
    if not spacing_m > 0:
        what = f"spacing {spacing_m}; a positive number of metres needed"
        raise ValueError(what)
    n = max(2, int(np.floor(line.length / spacing_m)) + 1)
    distance = np.linspace(0.0, line.length, n)
    points = [line.interpolate(d) for d in distance]
    return distance, np.array([p.x for p in points]), np.array([p.y for p in points])


def values_at(layer: xr.DataArray, x: F64, y: F64) -> F64:
    """Return the values of the cells that hold the points (n,), NaN outside the grid; only their blocks are read.

    Parameters
    ----------
    layer : (y, x), lazy or not. x, y : (n,) in the CRS of the layer.
    """
    rows, columns, inside = grid_of(layer).index(x, y)
    picked = layer.isel(
        y=xr.DataArray(np.where(inside, rows, 0), dims="point"),
        x=xr.DataArray(np.where(inside, columns, 0), dims="point"),
    )
    return np.where(inside, np.asarray(picked.to_numpy(), dtype=np.float64), np.nan)


def inside_span(area: BaseGeometry, line: LineString) -> tuple[float, float] | None:
    """Return the first and last distance [m] at which a line lies in an area, None where it does not."""
    part = line.intersection(area)
    if part.is_empty:
        return None
    ends = [line.project(p) for p in (part.boundary.geoms if hasattr(part.boundary, "geoms") else [])]
    return (float(min(ends)), float(max(ends))) if ends else None
