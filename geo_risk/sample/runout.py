"""How far a slide runs: a block on the steepest way down, stopped by Coulomb friction with a random coefficient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray

if TYPE_CHECKING:
    from geo_risk.sample.ground import Ground

MU_MEDIAN, MU_SPREAD = 0.36, 0.22
"""Median friction coefficient of a slide of 3,000 m3, and the standard deviation of its logarithm."""
MU_VOLUME = -0.085
"""Exponent of volume: large slides run farther (the reach angle's exponent of Corominas 1996)."""
LONGEST_M = 1500.0
_NEIGHBOURS = [(dr, dc) for dr in (-1, 0, 1) for dc in (-1, 0, 1) if dr or dc]


def friction(volume_m3: float, rng: np.random.Generator) -> float:
    """Return the random friction coefficient of a slide."""
    mu = MU_MEDIAN * (volume_m3 / 3000.0) ** MU_VOLUME * np.exp(rng.normal(0, MU_SPREAD))
    return float(np.clip(mu, 0.12, 0.75))


def run_out(ground: Ground, row: int, column: int, mu: float) -> NDArray[np.float64]:
    """Return the way (n, 2) of x, y from the source cell to where the energy is spent.

    The head left at a point is drop - mu * horizontal length; the slide stops where it reaches zero, in a pit, at the
    county's border, or after 1.5 km.
    """
    z, cell = ground.dem_true, ground.grid.resolution_m
    n_y, n_x = z.shape
    head, length, path = 0.0, 0.0, [(row, column)]
    visited = {(row, column)}
    while length < LONGEST_M:
        r, c = path[-1]
        best, step_to, step_m = -np.inf, None, cell
        for dr, dc in _NEIGHBOURS:
            at = (r + dr, c + dc)
            if not (0 <= at[0] < n_y and 0 <= at[1] < n_x) or at in visited:
                continue
            reach = cell * float(np.hypot(dr, dc))
            fall = (float(z[r, c]) - float(z[at])) / reach
            if fall > best:
                best, step_to, step_m = fall, at, reach
        if step_to is None:
            break
        head += (best - mu) * step_m
        if head <= 0:
            break
        length += step_m
        path.append(step_to)
        visited.add(step_to)
    rows, columns = np.array(path).T
    x, y = ground.grid.transform * (columns + 0.5, rows + 0.5)
    return np.column_stack([x, y])


def source_polygon(x: float, y: float, *, azimuth_deg: float, length_m: float, width_m: float) -> shapely.Polygon:
    """Return the ellipse of the source, its long axis along the slope."""
    angle = np.linspace(0, 2 * np.pi, 17)[:-1]
    along, across = 0.5 * length_m * np.cos(angle), 0.5 * width_m * np.sin(angle)
    sin, cos = np.sin(np.radians(azimuth_deg)), np.cos(np.radians(azimuth_deg))
    return shapely.Polygon(
        np.round(np.column_stack([x + along * sin + across * cos, y + along * cos - across * sin]), 1)
    )


def hit_polygon(source: shapely.Polygon, way: NDArray[np.float64], width_m: float) -> shapely.Polygon:
    """Return the area that the slide passes over: its source and its way, a little wider towards the end."""
    if len(way) < 2:
        return source
    line = shapely.simplify(shapely.LineString(way), 8.0)
    fan = shapely.Point(way[-1]).buffer(0.75 * width_m, quad_segs=4)
    out = shapely.union_all([source, line.buffer(width_m / 2, quad_segs=3), fan])
    return shapely.simplify(out, 2.0)
