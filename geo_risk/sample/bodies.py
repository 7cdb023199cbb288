"""The bodies of the slow slides in the ground: an even surface that dips the way the slide moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from geo_risk.core.grid import Grid
from geo_risk.kernels.stream_power import drainage
from geo_risk.sample.cover import slope_of
from geo_risk.sample.ground import Ground
from geo_risk.sample.mover import ellipse_share, window_around
from geo_risk.sample.site import Site

Array = NDArray[np.float64]

ROUGHNESS_KEPT = {True: 0.03, False: 0.6}
"""Share of the hillside's unevenness that stays on the body, by whether some track is blind to the slide."""

_RIM = 1.5
_SOFT = 0.25


def with_slide_bodies(ground: Ground, sites: Sequence[Site]) -> Ground:
    """Return the ground with each slow slide's surface drawn towards the plane it moves along.

    Parameters
    ----------
    ground : as made; not changed.
    sites : all placed movers; only slow slides are shaped.

    Returns
    -------
    The ground with new dem_true, slope_deg, aspect_deg and relief_m, draining everywhere as before. Upslope areas and
    streams stay those of the ground without the bodies, which stand clear of the streams.
    """
    dem = ground.dem_true.astype(np.float64)
    for site in sites:
        if site.kind == "slow_slide":
            _shape(dem, ground.grid, site)
    base = ground.river_distance_m < ground.grid.resolution_m / 2
    base[[0, -1], :] = base[:, [0, -1]] = True
    dem, _, _ = drainage(dem, base, 1e-3)
    dem = np.round(dem * 1024) / 1024
    slope = slope_of(dem)
    return replace(
        ground,
        dem_true=dem.astype(np.float32),
        slope_deg=slope.slope_deg.astype(np.float32),
        aspect_deg=slope.aspect_deg.astype(np.float32),
        relief_m=slope.relief_m.astype(np.float32),
    )


def _shape(dem: Array, grid: Grid, site: Site) -> None:
    """Draw the working array `dem` towards the slide's plane inside its outline, with a soft rim."""
    half = (_RIM * site.length_m / 2 + 30, _RIM * site.width_m / 2 + 30)
    rows, columns = window_around(grid, site.x, site.y, max(half) + 30)
    t = grid.transform
    x = t.c + t.a * (np.arange(columns.start, columns.stop) + 0.5)[None, :]
    y = t.f + t.e * (np.arange(rows.start, rows.stop) + 0.5)[:, None]
    share = ellipse_share(x, y, middle=(site.x, site.y), azimuth_deg=site.azimuth_deg, half_m=half, soft=_SOFT)
    a = np.radians(site.azimuth_deg)
    fall = ((x - site.x) * np.sin(a) + (y - site.y) * np.cos(a)) * np.tan(np.radians(site.slope_deg))
    part = dem[rows, columns]
    middle = float(np.average(part + fall, weights=share))
    plane = middle - fall
    even = plane + ROUGHNESS_KEPT[site.role.startswith("blind")] * (part - plane)
    dem[rows, columns] = part + share * (even - part)
