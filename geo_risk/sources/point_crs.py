"""The coordinate system of points: whether the coordinates can be in it, and a metric one for degrees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from geo_risk.core.crs import moved
from geo_risk.core.errors import CrsError

ROOM_DEG = 10.0
"""Points may lie this far outside the area that a CRS is made for: provinces are mapped in one zone (choice of
geo_risk)."""

_ZONES = ((3, 25, 45, 4513), (6, 13, 23, 4491))
"""CGCS2000 Gauss-Kruger with the zone number in x: width in degrees, first and last zone, EPSG code of the first."""

Box = tuple[float, float, float, float]


def metric(xy: NDArray[np.float64], crs: str, *, where: str) -> tuple[NDArray[np.float64], NDArray[np.float64], str]:
    """Return x, y (n,) and a metric CRS: that of the coordinates, or the UTM zone of the middle of degrees.

    Raises
    ------
    CrsError : the CRS is not known, or the middle of the points is nowhere near where it is used.
    """
    try:
        source = CRS(crs)
    except CRSError as error:
        what = f"the CRS {crs!r} is not known"
        raise CrsError(what, where=where, fix="write it as EPSG:nnnn") from error
    x, y = xy[:, 0].copy(), xy[:, 1].copy()
    known = np.isfinite(x)
    if not known.any():
        return x, y, crs
    degrees = bool((np.abs(x[known]) <= 360).all() and (np.abs(y[known]) <= 90).all())
    if degrees != source.is_geographic:
        what = f"{crs} does not fit coordinates such as {x[known][0]:.10g}, {y[known][0]:.10g}"
        raise CrsError(what, where=where, fix="set `crs` of this track to the CRS of the coordinate columns")
    if not source.is_geographic:
        _check_area(source, float(np.median(x[known])), float(np.median(y[known])), crs=crs, where=where)
        return x, y, crs
    zone = int((float(np.median(x[known])) + 180) // 6) % 60 + 1
    target = f"EPSG:{(326 if float(np.median(y[known])) >= 0 else 327)}{zone:02d}"
    x[known], y[known] = moved(x[known], y[known], crs, target)
    return np.where(np.isfinite(x), x, np.nan), np.where(np.isfinite(x), y, np.nan), target


def _check_area(source: CRS, x: float, y: float, *, crs: str, where: str) -> None:
    """Check that a place is near the area of use of its CRS; the error says what it looks like instead."""
    area = _area(source)
    if area is None or _is_in(source, area, x, y):
        return
    what = (
        f"coordinates such as {x:.10g}, {y:.10g} are nowhere near the area of {crs[:60]} (longitude {area[0]:.4g} to "
    )
    what += f"{area[2]:.4g}, latitude {area[1]:.4g} to {area[3]:.4g})"
    fix = "set `crs` of this track to the CRS of the coordinates, or mend the CRS of the file"
    prefix = int(x // 1_000_000)
    if _is_in(source, area, y, x):
        what += "; they are when x and y are swapped"
        fix = "swap the columns (easting is x, northing is y)"
    elif prefix and _is_in(source, area, x - prefix * 1e6, y):
        what += f"; they look like easting with the zone number {prefix} before it"
        codes = [f"EPSG:{first + prefix - a} ({w}-degree zone {prefix} of CGCS2000)" for w, a, b, first in _ZONES
                 if a <= prefix <= b]  # fmt: skip
        fix = f"set the CRS with that number in x, such as {codes[0]}" if codes else "take the zone number off"
    raise CrsError(what, where=where, fix=fix)


def _is_in(source: CRS, area: Box, x: float, y: float) -> bool:
    lon, lat = moved(x, y, source.to_wkt(), "EPSG:4326")
    # an area across the date line has its left side right of its right one
    width = (area[2] - area[0]) % 360 or 360.0
    away = (lon - area[0] + ROOM_DEG) % 360 if np.isfinite(lon) else np.inf
    return bool(away <= width + 2 * ROOM_DEG and area[1] - ROOM_DEG <= lat <= area[3] + ROOM_DEG) and _returns(
        source, (lon, lat), (x, y)
    )


def _returns(source: CRS, place: tuple[float, float], given: tuple[float, float]) -> bool:
    """Return whether a place comes back where it was: far outside a projection the way back is another."""
    back = moved(*place, "EPSG:4326", source.to_wkt())
    return bool(np.hypot(back[0] - given[0], back[1] - given[1]) < 1000)


def _area(source: CRS) -> Box | None:
    """Return west, south, east, north of where a projected CRS is used; None where nothing says so."""
    if not source.is_projected:
        return None
    code = source.to_epsg() if source.area_of_use is None else None
    use = source.area_of_use if code is None else CRS.from_epsg(code).area_of_use
    if use is not None:
        return use.west, use.south, use.east, use.north
    operation = source.coordinate_operation
    if operation is None or operation.method_name != "Transverse Mercator":
        return None
    middle = [float(p.value) for p in operation.params if p.name == "Longitude of natural origin"]
    return (middle[0] - 3, -80.0, middle[0] + 3, 84.0) if middle else None
