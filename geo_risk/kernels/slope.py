"""Slope, aspect, curvatures and ruggedness of a 3 x 3 window, and height above the surroundings."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

SLOPE, ASPECT, PLAN, PROFILE, TANGENTIAL = range(5)
"""Planes of the slope family."""

_DEGREES = 180.0 / math.pi
_TAN_22_5 = math.sqrt(2.0) - 1.0
_SERIES = np.array([(-1.0) ** k / (2 * k + 1) for k in range(11)])
"""Taylor series of the arc tangent in odd powers to the 21st: below 22.5 degrees its error is under 1e-10."""
_SINE = np.array([(-1.0) ** k / math.factorial(2 * k + 1) for k in range(9)])
_COSINE = np.array([(-1.0) ** k / math.factorial(2 * k) for k in range(9)])
"""Taylor series of sine (odd powers) and cosine (even powers): below 45 degrees exact to the last bit but one."""


def slope_plane(z: NDArray[np.floating], cell_m: float, plane: int) -> NDArray[np.float32]:
    """Slope [deg], aspect [deg], or plan, profile or tangential curvature [1/m] of heights with a halo of one cell.

    With p, q the eastward and northward gradient, r, s, t the second derivatives (xx, xy, yy) and g2 = p p + q q:

    (1) slope = atan(sqrt(g2)); (2) aspect = the direction of (-p, -q), clockwise from north;
    (3) plan = -(q q r - 2 p q s + p p t) / g2^(3/2), the curvature of the contour line;
    (4) profile = -(p p r + 2 p q s + q q t) / (g2 (1 + g2)^(3/2)), that of the slope line in its vertical plane;
    (5) tangential = -(q q r - 2 p q s + p p t) / (g2 (1 + g2)^(1/2)) = plan x sin(slope), that of the section across
    the slope line, which unlike (3) stays small on ground that is nearly flat.

    Parameters
    ----------
    z : (y + 2, x + 2) heights [m], row 0 in the north, column 0 in the west; NaN where unknown or outside.
    cell_m : cell size [m].
    plane : SLOPE, ASPECT, PLAN, PROFILE or TANGENTIAL.

    Returns
    -------
    (y, x) float32. (1) and (2) take p, q from Horn (1981), Proc. IEEE 69(1), differences weighted 1-2-1; aspect is
    in [0, 360), NaN where the gradient is 0. (3) to (5) take p to t from the quadratic of Evans (1972) by least
    squares over the nine heights. Curvatures are positive where the ground is convex (contours that bulge downslope:
    noses; slope lines that steepen downward); (3) is NaN where the gradient is 0, (4) and (5) are NaN there unless
    the nine heights are one plane, where they are 0. A neighbour that is NaN is put on the straight line through its
    opposite for slope and aspect (exact on planes), NaN where both of a pair are missing; curvatures are NaN where
    any neighbour is.

    Raises
    ------
    ValueError : fewer than three rows or columns, a cell size that is not positive, or no such plane.
    """
    if z.ndim != 2 or min(z.shape) < 3 or not 0 < cell_m < np.inf or plane not in range(5):
        msg = f"heights of shape {z.shape} with cells of {cell_m} m, plane {plane}; (y + 2, x + 2), > 0 and 0-4 needed"
        raise ValueError(msg)
    z = np.ascontiguousarray(z)  # rows with a stride would be taken cell by cell
    out = np.empty((z.shape[0] - 2, z.shape[1] - 2), dtype=np.float32)
    if plane in (SLOPE, ASPECT):
        _gradient(z, float(cell_m), _SERIES, plane == ASPECT, out)
    elif plane == PROFILE:
        _profile(z, float(cell_m), out)
    else:
        _contour(z, float(cell_m), plane == TANGENTIAL, out)
    return out


@njit(cache=True, nogil=True, inline="always", error_model="numpy")
def _angle(far: float, near: float, series: Any) -> Any:
    """Angle [degree] in [0, 90] whose tangent is far / near, both >= 0 and not both 0; no branch, so it vectorises."""
    low, high = (near, far) if far > near else (far, near)
    shifted = low > _TAN_22_5 * high
    x = (low - high if shifted else low) / (low + high if shifted else high)
    square = x * x
    total = series[10]
    for k in range(9, -1, -1):
        total = total * square + series[k]
    degrees = x * total * _DEGREES + (45.0 if shifted else 0.0)
    return 90.0 - degrees if far > near else degrees


@njit(cache=True, nogil=True, inline="always", error_model="numpy")
def _azimuth(p: float, q: float, series: Any) -> Any:
    """Direction of (-p, -q) [degree clockwise from north] in [0, 360) also as float32; NaN where both are 0."""
    degrees = _angle(abs(p), abs(q), series)
    degrees = 180.0 - degrees if q > 0.0 else degrees
    degrees = 360.0 - degrees if p > 0.0 else degrees
    rounded = np.float32(degrees)
    return np.float32(0.0) if rounded >= np.float32(360.0) else rounded


# Rows where all nine heights are known: no branch in the loops and one result each, so that the compiler can prove that
# rows do not overlap and takes several cells at once. That is worth a factor of five.


@njit(cache=True, nogil=True, error_model="numpy")
def _gradient(z: Any, cell_m: float, series: Any, wants_aspect: bool, out: Any) -> None:
    for i in range(out.shape[0]):
        if wants_aspect:
            _aspect_row(z[i], z[i + 1], z[i + 2], series, out[i])
        else:
            _slope_row(z[i], z[i + 1], z[i + 2], cell_m, series, out[i])
        for j in range(out.shape[1]):
            if math.isnan(out[i, j]) and not math.isnan(z[i + 1, j + 1]):
                out[i, j] = _beside_gaps(z[i : i + 3, j : j + 3], cell_m, series, wants_aspect)


@njit(cache=True, nogil=True, error_model="numpy")
def _slope_row(above: Any, here: Any, below: Any, cell_m: float, series: Any, out: Any) -> None:
    scale = 1.0 / (8.0 * cell_m)
    for j in range(out.size):
        nw, n, ne = float(above[j]), float(above[j + 1]), float(above[j + 2])
        w, c, e = float(here[j]), float(here[j + 1]), float(here[j + 2])
        sw, s, se = float(below[j]), float(below[j + 1]), float(below[j + 2])
        p = ((ne + 2.0 * e + se) - (nw + 2.0 * w + sw)) * scale
        q = ((nw + 2.0 * n + ne) - (sw + 2.0 * s + se)) * scale
        out[j] = _angle(math.sqrt(p * p + q * q) + (c - c), 1.0, series)


@njit(cache=True, nogil=True, error_model="numpy")
def _aspect_row(above: Any, here: Any, below: Any, series: Any, out: Any) -> None:
    for j in range(out.size):
        nw, n, ne = float(above[j]), float(above[j + 1]), float(above[j + 2])
        w, c, e = float(here[j]), float(here[j + 1]), float(here[j + 2])
        sw, s, se = float(below[j]), float(below[j + 1]), float(below[j + 2])
        p = ((ne + 2.0 * e + se) - (nw + 2.0 * w + sw)) + (c - c)
        q = ((nw + 2.0 * n + ne) - (sw + 2.0 * s + se)) + (c - c)
        out[j] = _azimuth(p, q, series)


@njit(cache=True, nogil=True, inline="always", error_model="numpy")
def _quadratic(above: Any, here: Any, below: Any, j: int, cell_m: float) -> Any:
    """Coefficients p, q, r, s, t of the quadratic around cell j."""
    nw, n, ne = float(above[j]), float(above[j + 1]), float(above[j + 2])
    w, c, e = float(here[j]), float(here[j + 1]), float(here[j + 2])
    sw, s, se = float(below[j]), float(below[j + 1]), float(below[j + 2])
    first, second, mixed = 1.0 / (6.0 * cell_m), 1.0 / (3.0 * cell_m * cell_m), 1.0 / (4.0 * cell_m * cell_m)
    p = (ne + e + se - nw - w - sw) * first
    q = (nw + n + ne - sw - s - se) * first
    r = (nw + ne + w + e + sw + se - 2.0 * (n + c + s)) * second
    t = (nw + ne + n + s + sw + se - 2.0 * (w + c + e)) * second
    return p, q, r, (ne + sw - nw - se) * mixed, t


@njit(cache=True, nogil=True, error_model="numpy")
def _contour(z: Any, cell_m: float, is_tangential: bool, out: Any) -> None:
    for i in range(out.shape[0]):
        if is_tangential:
            _tangential_row(z[i], z[i + 1], z[i + 2], cell_m, out[i])
        else:
            _plan_row(z[i], z[i + 1], z[i + 2], cell_m, out[i])


@njit(cache=True, nogil=True, error_model="numpy")
def _plan_row(above: Any, here: Any, below: Any, cell_m: float, out: Any) -> None:
    for j in range(out.size):
        p, q, r, s, t = _quadratic(above, here, below, j, cell_m)
        g2 = p * p + q * q
        out[j] = -(q * q * r - 2.0 * p * q * s + p * p * t) / (g2 * math.sqrt(g2))


@njit(cache=True, nogil=True, error_model="numpy")
def _tangential_row(above: Any, here: Any, below: Any, cell_m: float, out: Any) -> None:
    for j in range(out.size):
        p, q, r, s, t = _quadratic(above, here, below, j, cell_m)
        g2 = p * p + q * q
        bend = -(q * q * r - 2.0 * p * q * s + p * p * t) / (g2 * math.sqrt(1.0 + g2))
        out[j] = 0.0 if (g2 == 0.0) & (r == 0.0) & (s == 0.0) & (t == 0.0) else bend


@njit(cache=True, nogil=True, error_model="numpy")
def _profile(z: Any, cell_m: float, out: Any) -> None:
    for i in range(out.shape[0]):
        _profile_row(z[i], z[i + 1], z[i + 2], cell_m, out[i])


@njit(cache=True, nogil=True, error_model="numpy")
def _profile_row(above: Any, here: Any, below: Any, cell_m: float, out: Any) -> None:
    for j in range(out.size):
        p, q, r, s, t = _quadratic(above, here, below, j, cell_m)
        g2 = p * p + q * q
        steep = 1.0 + g2
        bend = -(p * p * r + 2.0 * p * q * s + q * q * t) / (g2 * steep * math.sqrt(steep))
        out[j] = 0.0 if (g2 == 0.0) & (r == 0.0) & (s == 0.0) & (t == 0.0) else bend


@njit(cache=True, nogil=True)
def _one_of(value: float, opposite: float, centre: float) -> float:
    """Return `value`, or where it is NaN the straight line through `opposite` and `centre`."""
    return 2.0 * centre - opposite if math.isnan(value) else value


@njit(cache=True, nogil=True, error_model="numpy")
def _beside_gaps(z: Any, cell_m: float, series: Any, wants_aspect: bool) -> Any:
    """Slope or aspect of a known cell with neighbours that may be missing; `z` is 3 x 3."""
    c = float(z[1, 1])
    nw, n, ne = float(z[0, 0]), float(z[0, 1]), float(z[0, 2])
    w, e = float(z[1, 0]), float(z[1, 2])
    sw, s, se = float(z[2, 0]), float(z[2, 1]), float(z[2, 2])
    n0, e0, nw0, ne0 = n, e, nw, ne
    n, s = _one_of(n, s, c), _one_of(s, n0, c)
    e, w = _one_of(e, w, c), _one_of(w, e0, c)
    nw, se = _one_of(nw, se, c), _one_of(se, nw0, c)
    ne, sw = _one_of(ne, sw, c), _one_of(sw, ne0, c)
    if math.isnan(nw):
        nw, se = n + w - c, s + e - c
    if math.isnan(ne):
        ne, sw = n + e - c, s + w - c
    p = ((ne + 2.0 * e + se) - (nw + 2.0 * w + sw)) / (8.0 * cell_m)
    q = ((nw + 2.0 * n + ne) - (sw + 2.0 * s + se)) / (8.0 * cell_m)
    return _azimuth(p, q, series) if wants_aspect else np.float32(_angle(math.sqrt(p * p + q * q), 1.0, series))


def wetness(
    area: NDArray[np.floating], slope_deg: NDArray[np.floating], cell_m: float, min_tan: float
) -> NDArray[np.float32]:
    """Topographic wetness index ln(a / tan b) of Beven and Kirkby (1979), with a = area / cell width.

    Parameters
    ----------
    area : (y, x) upslope area [m2], the cell itself included. slope_deg : (y, x) [degree], 0 to 90.
    cell_m : cell size [m]. min_tan : the tangent is not taken below this.

    Returns
    -------
    (y, x) float32 [1]; NaN where either is missing, the area is not positive or the slope not in [0, 90].

    Raises
    ------
    ValueError : shapes differ, or a number that is not positive.
    """
    if area.shape != slope_deg.shape or area.ndim != 2 or not (cell_m > 0 and min_tan > 0):
        msg = f"area {area.shape}, slope {slope_deg.shape}, cells of {cell_m} m, least tangent {min_tan}: one (y, x)"
        msg += " shape and positive numbers needed"
        raise ValueError(msg)
    ratio = np.empty(area.shape, dtype=np.float32)
    given = np.ascontiguousarray(area), np.ascontiguousarray(slope_deg)
    _area_by_tangent(*given, float(cell_m), float(min_tan), _SINE, _COSINE, ratio)
    out: NDArray[np.float32] = np.log(ratio, out=ratio)
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _area_by_tangent(
    area: Any, slope_deg: Any, cell_m: float, min_tan: float, sine: Any, cosine: Any, out: Any
) -> None:
    for i in range(out.shape[0]):
        _ratio_row(area[i], slope_deg[i], cell_m, min_tan, sine, cosine, out[i])


@njit(cache=True, nogil=True, error_model="numpy")
def _ratio_row(area: Any, slope_deg: Any, cell_m: float, min_tan: float, sine: Any, cosine: Any, out: Any) -> None:
    for j in range(out.size):
        degrees, upslope = float(slope_deg[j]), float(area[j])
        is_steep = degrees > 45.0
        x = (90.0 - degrees if is_steep else degrees) / _DEGREES
        square = x * x
        s, c = sine[8], cosine[8]
        for k in range(7, -1, -1):
            s, c = s * square + sine[k], c * square + cosine[k]
        s *= x
        tangent = (c if is_steep else s) / (s if is_steep else c)
        tangent = min_tan if tangent < min_tan else tangent
        known = (upslope > 0.0) & (degrees >= 0.0) & (degrees <= 90.0)
        out[j] = upslope / (cell_m * tangent) if known else math.nan


def ruggedness(z: NDArray[np.floating]) -> NDArray[np.float32]:
    """Root of the summed squares of the height differences to the eight neighbours [unit of z], Riley et al. (1999).

    Parameters
    ----------
    z : (y + 2, x + 2) heights with a halo of one cell; NaN where unknown or outside.

    Returns
    -------
    (y, x) float32, NaN where any of the nine heights is.

    Raises
    ------
    ValueError : fewer than three rows or columns.
    """
    if z.ndim != 2 or min(z.shape) < 3:
        msg = f"heights of shape {z.shape}; (y + 2, x + 2) needed"
        raise ValueError(msg)
    out = np.empty((z.shape[0] - 2, z.shape[1] - 2), dtype=np.float32)
    _rugged(z, out)
    return out


@njit(cache=True, nogil=True)
def _rugged(z: Any, out: Any) -> None:
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            c, total = float(z[i + 1, j + 1]), 0.0
            for di in range(3):
                for dj in range(3):
                    total += (float(z[i + di, j + dj]) - c) ** 2
            out[i, j] = math.sqrt(total)


@njit(cache=True, nogil=True)
def height_above_mean(z: NDArray[np.floating], n: int) -> NDArray[np.float32]:
    """Height above the mean of the square of (2 n + 1)^2 cells around each cell [unit of z].

    Parameters
    ----------
    z : (y + 2 n, x + 2 n) heights with a halo of n cells; NaN where unknown or outside.
    n : half width in cells, 1 or more.

    Returns
    -------
    (y, x) float32; missing heights do not count in the mean, NaN where the cell itself is missing. Summed in a fixed
    order, so that blocks do not change a bit.
    """
    n_y, n_x = z.shape[0] - 2 * n, z.shape[1] - 2 * n
    out = np.full((n_y, n_x), np.nan, dtype=np.float32)
    for i in range(n_y):
        for j in range(n_x):
            c = float(z[i + n, j + n])
            if math.isnan(c):
                continue
            total, count = 0.0, 0
            for di in range(2 * n + 1):
                for dj in range(2 * n + 1):
                    v = float(z[i + di, j + dj])
                    if not math.isnan(v):
                        total += v - c
                        count += 1
            out[i, j] = -total / count
    return out
