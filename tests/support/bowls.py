"""Series of tracks over a known bowl, with noise that is correlated in space."""

from __future__ import annotations

import functools

import numpy as np

from geo_risk.core.grid import Grid
from geo_risk.hazards.deformation.mining.bowl import Bowl, bowl_motion
from geo_risk.hazards.deformation.mining.bowl_series import Cut

CENTRE = (511_500.0, 4_051_500.0)
GRID = Grid.from_bounds((510_300, 4_050_300, 512_700, 4_052_700), crs="EPSG:4546", resolution_m=60)
LOS = {"asc": (-0.60, -0.13, 0.79), "desc": (0.60, -0.13, 0.79)}


def face(**changes: object) -> Bowl:
    """Return a bowl over a face that moves north-east for two years."""
    given = {
        "x": CENTRE[0], "y": CENTRE[1], "subsidence_mm": 1000.0, "length_m": 100.0, "width_m": 200.0,
        "azimuth_rad": 0.6, "influence_m": 150.0, "span_yr": 2.0, "is_moving": True,
    }  # fmt: skip
    return Bowl(**(given | changes))


@functools.cache
def _factor():
    coords = GRID.coords()
    x, y = (a.ravel() for a in np.meshgrid(coords["x"], coords["y"]))
    return np.linalg.cholesky(np.exp(-np.hypot(x - x[:, None], y - y[:, None]) / 300.0) + 1e-6 * np.eye(len(x)))


def cuts(bowl: Bowl, *, tracks=("asc", "desc"), noise_mm=2.0, seed=1, begin=0.0, dates=32, lost_mm_yr=np.inf):
    """Return the tracks' series of cell means; the bowl starts at `begin` of the span, faster cells are lost."""
    rng = np.random.default_rng(seed)
    coords = GRID.coords()
    x, y = (a.ravel() for a in np.meshgrid(coords["x"], coords["y"]))
    years = np.linspace(0, bowl.span_yr, dates)
    factor = _factor()
    out = []
    for name in tracks:
        los = np.repeat(np.array(LOS[name])[:, None], len(x), axis=1)
        moved = np.zeros((dates, len(x)))
        for k, t in enumerate(years):
            share = (t / bowl.span_yr - begin) / (1 - begin)
            if share > 0:
                moved[k] = (los * np.array(bowl_motion(bowl, x, y, end=min(share, 1), cell_m=60))).sum(axis=0)
        moved += noise_mm * (
            0.7 * rng.standard_normal((dates, len(x))) @ factor.T + 0.7 * rng.standard_normal(moved.shape)
        )
        speed = np.abs(np.diff(moved, axis=0)).max(axis=0) / (years[1] - years[0])
        moved[1:, speed > lost_mm_yr] = np.nan
        out.append(Cut(name, x, y, los, years, moved, 60.0, None, "2022-07-03"))
    return out


def maps(bowl: Bowl) -> tuple[np.ndarray, np.ndarray]:
    """Return labels of what moves and the vertical velocity [mm/yr] on GRID."""
    coords = GRID.coords()
    x, y = np.meshgrid(coords["x"], coords["y"])
    up = bowl_motion(bowl, x, y, cell_m=60)[2] / bowl.span_yr
    return (up < -8).astype(np.int32), up.astype(np.float32)
