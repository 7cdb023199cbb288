"""The probability that a slide comes to a place: what may start above it, and how far that runs."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from geo_risk.core.grid import same_grid
from geo_risk.core.result import MethodCard
from geo_risk.core.units import in_units
from geo_risk.hazards.runout.params import RunoutParams
from geo_risk.kernels.passing import passing, touch_shares
from geo_risk.terrain.slope import blocks

CARD = MethodCard(
    name="chance of a slide: expected slides, steepest way down, random angle of reach",
    citation="Heim 1932; Corominas 1996, Can. Geotech. J. 33(2)",
    validity="as the warning model: slides like those of the past storms, one way down from each cell, no volume",
)


_AROUND = np.ones((3, 3), dtype=bool)

_PLACES = 5
"""Decimals of the probability: more would only make the file larger."""


def slide_chance(
    dem: xr.DataArray, expected: xr.DataArray, slope_deg: xr.DataArray, *, params: RunoutParams, doubt_above: float,
    worst: xr.DataArray,
) -> xr.DataArray:  # fmt: skip
    """Return the probability that at least one slide touches what stands in a cell.

    Parameters
    ----------
    dem : (y, x) ground without hollows, a length unit. expected : (y, x) slides expected to start in
        each cell, NaN where unknown. slope_deg : (y, x) [degree]; all on one grid.
    params : `landslide.alpha_deg` and `source_min_slope_deg`, and `passing`.
    doubt_above : where slides from ground of unknown susceptibility, steep enough to start one, or out of a hole of the
        DEM might lift the probability to this, and the known ones do not, it is unknown.
    worst : (y, x) slides expected of a cell if it is as susceptible as any known one. NaN: its rain is not known
        either, or no susceptibility: one slide, on ground however gentle.

    Returns
    -------
    (y, x) float32 [1], lazy; NaN where the ground has no height, and as `doubt_above` says.

    Raises
    ------
    GridError : the layers are on different grids. UnitError : the DEM has no length unit.
    ValueError : `doubt_above` is not in (0, 1].
    """
    if not 0 < doubt_above <= 1:
        msg = f"doubt_above is {doubt_above}; above 0 and at most 1 needed"
        raise ValueError(msg)
    height = in_units(dem, "m")
    grid = same_grid(height, expected, slope_deg, worst)
    z = blocks(height).astype(np.float64)
    slides = blocks(expected).rechunk(z.chunks)
    slope, bound = (blocks(layer).rechunk(z.chunks) for layer in (slope_deg, worst))
    rules = params.passing
    touch = touch_shares(grid.resolution_m, rules.width_m, rules.house_m)
    reach = math.ceil(rules.length_m / grid.resolution_m) + touch.shape[0] // 2 + 1
    depth = {axis: min(reach, n) for axis, n in enumerate(z.shape)}
    follow = partial(
        passing, cell_m=grid.resolution_m, angle_deg=params.landslide.alpha_deg, scatter=rules.scatter,
        length_m=rules.length_m, touch=touch,
    )  # fmt: skip

    def chance(
        ground: NDArray[Any], count: NDArray[Any], steep: NDArray[Any], most: NDArray[Any]
    ) -> NDArray[np.float32]:
        known, gone = follow(ground, count), np.isnan(ground)
        may_start = ~(steep < params.source_min_slope_deg) | np.isnan(most)
        unsure, rim = np.isnan(count) & ~gone & may_start, binary_dilation(gone, _AROUND) & ~gone
        each = np.where(np.isnan(most), 1.0, most)
        # through each cell on the rim of a hole may come what starts along a whole way above it
        open_ = np.where(rim, each * max(1.0, rules.length_m / grid.resolution_m), np.where(unsure, each, 0.0))
        doubt = follow(ground, open_) if open_.any() else 0.0
        p, high = -np.expm1(-known), -np.expm1(-(known + doubt))
        is_open = (p < doubt_above) & (high >= doubt_above)
        kept = np.round(p, _PLACES)
        kept = np.where(p >= doubt_above, np.maximum(kept, doubt_above), kept)  # what calls does so when rounded too
        return np.where(np.isnan(ground) | is_open, np.nan, kept).astype(np.float32)

    out = da.map_overlap(chance, z, slides, slope, bound, depth=depth, boundary="none", dtype=np.float32,
                         meta=np.empty((0, 0), np.float32))  # fmt: skip
    return grid.layer(out, units="1", long_name="probability that a slide comes", name="slide_chance")
