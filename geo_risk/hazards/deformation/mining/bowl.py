"""The bowl over an underground working: subsidence and horizontal motion by the probability integral method."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf
from shapely.affinity import rotate, translate
from shapely.geometry import Polygon, box

F64 = NDArray[np.float64]

_RAYS = 72


@dataclass(frozen=True)
class Bowl:
    """What sank over a working while it was watched, W = S P(u; length) P(v; width) about its centre.

    Attributes
    ----------
    x, y : centre of what was mined while it was watched [m].
    subsidence_mm : S, the sinking of a panel wide and long enough for full subsidence, over the whole span.
    length_m, width_m : along the azimuth and across it.
    azimuth_rad : of the length, anticlockwise from east; where the face moves, the direction it moves in.
    influence_m : main influence radius r = H / tan(beta).
    span_yr : length of the observations.
    is_moving : whether the length was mined from one end to the other at an even pace (else all of it sinks evenly).
    horizontal_factor : b of U = b r dW/dx.
    """

    x: float
    y: float
    subsidence_mm: float
    length_m: float
    width_m: float
    azimuth_rad: float
    influence_m: float
    span_yr: float = 1.0
    is_moving: bool = False
    horizontal_factor: float = 0.3

    @property
    def advance_m_yr(self) -> float:
        """Return how fast the face moves; 0 where the bowl stands."""
        return self.length_m / self.span_yr if self.is_moving else 0.0

    @property
    def compass_deg(self) -> float:
        """Return the azimuth as a bearing, clockwise from north, 0-360."""
        return float((90.0 - np.rad2deg(self.azimuth_rad)) % 360.0)

    def panel(self) -> Polygon:
        """Return the outline of what was mined while it was watched, in the plane of the map."""
        shape = box(-self.length_m / 2, -self.width_m / 2, self.length_m / 2, self.width_m / 2)
        turned = rotate(shape, self.azimuth_rad, origin=(0, 0), use_radians=True)
        moved: Polygon = translate(turned, self.x, self.y)
        return moved

    def axes(self, x: F64, y: F64) -> tuple[F64, F64]:
        """Return the distances of points from the centre along the azimuth and to its left [m]."""
        c, s = np.cos(self.azimuth_rad), np.sin(self.azimuth_rad)
        return (x - self.x) * c + (y - self.y) * s, -(x - self.x) * s + (y - self.y) * c


def full_profile(t: F64, influence_m: float | F64) -> F64:
    """Return W(t) / W0 over a working that fills t > 0: [1 + erf(sqrt(pi) t / r)] / 2, for t and r in metres."""
    out: F64 = (1 + erf(np.sqrt(np.pi) * t / influence_m)) / 2
    return out


def _slope(t: F64, influence_m: float | F64) -> F64:
    out: F64 = np.exp(-np.pi * (t / influence_m) ** 2) / influence_m
    return out


def bowl_motion(
    bowl: Bowl, x: F64, y: F64, *, start: float | F64 = 0.0, end: float | F64 = 1.0, cell_m: float | F64 = 0.0
) -> tuple[F64, F64, F64]:
    """Return east, north and up displacement [mm] at points [m] between two shares of the span.

    Parameters
    ----------
    bowl : of the whole span.
    x, y : (n,) in the plane of the map.
    start, end : shares of the span, 0 <= start < end <= 1, one or (n,): where the face moves the result is the
        difference of the bowls at both times, else the same share of the whole.
    cell_m : side of the cells whose means are wanted, one or (n,); 0 for the values at the points. The mean over a
        cell has the profile of r' with r'^2 = r^2 + 2 pi cell^2 / 12 (the variance of the influence function is
        r^2 / 2 pi, that of a cell cell^2 / 12).

    Returns
    -------
    (n,) each. W(u, v) = S [F(u - a) - F(u - b)] [F(v + w/2) - F(v - w/2)] from a to b along the azimuth; down is W,
    horizontal is b r times the gradient of W, which points inwards.
    """
    if not np.all((np.asarray(start) >= 0) & (np.asarray(start) < end) & (np.asarray(end) <= 1)):
        what = f"from {start} to {end}: two shares of the span, one after the other, are needed"
        raise ValueError(what)
    u, v = bowl.axes(x, y)
    half, side = bowl.length_m / 2, bowl.width_m / 2
    r = np.sqrt(bowl.influence_m**2 + np.pi / 6 * np.square(cell_m))
    low, high = (-half + start * 2 * half, -half + end * 2 * half) if bowl.is_moving else (-half, half)
    size = bowl.subsidence_mm * (1.0 if bowl.is_moving else end - start)
    along = full_profile(u - low, r) - full_profile(u - high, r)
    across = full_profile(v + side, r) - full_profile(v - side, r)
    along_slope = _slope(u - low, r) - _slope(u - high, r)
    across_slope = _slope(v + side, r) - _slope(v - side, r)
    scale = bowl.horizontal_factor * bowl.influence_m * size
    move_u, move_v = scale * along_slope * across, scale * along * across_slope
    c, s = np.cos(bowl.azimuth_rad), np.sin(bowl.azimuth_rad)
    return move_u * c - move_v * s, move_u * s + move_v * c, -size * along * across


def bowl_sinking(bowl: Bowl, x: F64, y: F64) -> F64:
    """Return the sinking over the whole span [mm, positive down] at points [m]."""
    return -bowl_motion(bowl, x, y)[2]


def bowl_outline(bowl: Bowl, boundary_mm: float) -> Polygon:
    """Return where the bowl sank at least `boundary_mm` over the span: empty where it nowhere did.

    The bowl falls from its centre to all sides, so each ray from there meets the boundary once (bisection to 1 cm).
    """
    if not boundary_mm > 0:
        what = f"a boundary of {boundary_mm} mm; a positive sinking is needed"
        raise ValueError(what)
    centre = np.array([bowl.x]), np.array([bowl.y])
    if not float(bowl_sinking(bowl, *centre)[0]) > boundary_mm:
        return Polygon()
    angle = np.linspace(0, 2 * np.pi, _RAYS + 1)[:-1]
    low = np.zeros(_RAYS)
    high = np.full(_RAYS, bowl.length_m + bowl.width_m + 4 * bowl.influence_m)
    while float((high - low).max()) > 0.01:
        middle = (low + high) / 2
        inside = bowl_sinking(bowl, bowl.x + np.cos(angle) * middle, bowl.y + np.sin(angle) * middle) >= boundary_mm
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return Polygon(np.column_stack([bowl.x + np.cos(angle) * low, bowl.y + np.sin(angle) * low]))


def outline_radius(bowl: Bowl, boundary_mm: float) -> float:
    """Return the radius [m] of the circle with the area of the bowl's outline; 0 where it sank less everywhere."""
    # a polygon of n rays is smaller than the smooth outline by sin(2 pi / n) / (2 pi / n)
    lost = np.sin(2 * np.pi / _RAYS) / (2 * np.pi / _RAYS)
    return float(np.sqrt(bowl_outline(bowl, boundary_mm).area / lost / np.pi))
