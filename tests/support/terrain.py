"""Ground for tests of mapping units: layers of a height function, drained."""

from __future__ import annotations

import numpy as np

from geo_risk.core.grid import Grid
from geo_risk.terrain.hydrology import drainage
from geo_risk.terrain.params import SlopeUnitParams
from geo_risk.terrain.slope import slope_layers
from geo_risk.terrain.slope_units import Hillsides, slope_unit_labels


def grid_of_shape(shape, cell=10.0) -> Grid:
    n_y, n_x = shape
    bounds = (510_000, 4_000_000 - n_y * cell, 510_000 + n_x * cell, 4_000_000)
    return Grid.from_bounds(bounds, crs=4546, resolution_m=cell)


def hillsides(z, cell=10.0) -> Hillsides:
    grid = grid_of_shape(z.shape, cell)
    dem = grid.layer(z, units="m", long_name="height", name="dem")
    routed, layers = drainage(dem), slope_layers(dem)
    return Hillsides(
        routed.direction, routed.upslope_area, layers["slope_deg"].compute(), layers["aspect_deg"].compute()
    )


def rough(seed: int, shape=(60, 70), cell=10.0):
    """Rolling ground with valleys of several sizes: sums of waves with random phases."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]] * cell
    z = 500 + 0.15 * y
    for length in (90, 150, 250, 400):
        kx, ky = rng.normal(0, 2 * np.pi / length, 2)
        z = z + 0.06 * length * np.sin(kx * x + ky * y + rng.uniform(0, 6.3))
    return z + rng.normal(0, 0.05, shape)


def small_params(**changed) -> SlopeUnitParams:
    """Return areas that fit maps of a few thousand cells of 10 m."""
    return SlopeUnitParams(**({
        "threshold_start_m2": 30_000, "area_min_m2": 6_000, "area_max_m2": 60_000, "area_clean_m2": 2_000,
        "part_area_m2": 80_000, "circular_variance_max": 0.1, "flat_slope_deg": 0.5,
    } | changed))  # fmt: skip


def units_of(given: Hillsides, params: SlopeUnitParams, chunks=None):
    if chunks:
        split = {"y": chunks[0], "x": chunks[1]}
        given = Hillsides(*(v.chunk(split) for v in (given.direction, given.upslope_area, given.slope, given.aspect)))
    return slope_unit_labels(given, params).to_numpy()
