"""What sinking ground makes of hollows: how much they grow until the next rainy season."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from geo_risk.core.errors import GridError
from geo_risk.core.grid import Grid
from geo_risk.core.params import Params, parameter
from geo_risk.kernels.d8 import drainage_order, flow_direction
from geo_risk.kernels.depressions import find_depressions
from geo_risk.kernels.priority_flood import fill
from geo_risk.kernels.resample import sample_bilinear

Array = NDArray[np.float64]

_CHOICE = "choice of geo_risk"


class SinkingParams(Params):
    """How far ahead sinking is followed, and which hollows are told of."""

    season_yr: float = parameter(
        1.0, "Time until the next rainy season, over which the rate of today goes on.", source=_CHOICE, gt=0, le=20
    )
    dem_age_yr: float = parameter(
        0.0, "Years since the DEM was surveyed, in which ground has been sinking at the rate of today as well.",
        source=f"{_CHOICE}: as if surveyed now; write the true age", ge=0, le=50,
    )  # fmt: skip
    rate_min_mm_yr: float = parameter(
        10.0,
        "Ground that sinks more slowly is left as it is.",
        source="second class of the subsidence zones",
        gt=0,
        le=500,
    )
    certainty: float = parameter(
        2.0, "Ground sinks where its rate exceeds this many standard deviations.", source="95 % level of one sign",
        ge=0, le=10,
    )  # fmt: skip
    margin_m: float = parameter(
        500.0, "Ground around a sinking body that is looked at with it.", source=f"{_CHOICE}: wider than its hollows",
        ge=0, le=10_000,
    )  # fmt: skip
    growth_min_m3: float = parameter(
        100.0, "Hollows that grow by less are left out.", source=f"{_CHOICE}: a decimetre on one cell of 30 m", ge=0
    )
    tilt_min_m: float = parameter(
        0.02, "A town whose ground sinks unevenly by less than this until then is not run again.",
        source=f"{_CHOICE}: below the error of reported depths", ge=0, le=1,
    )  # fmt: skip
    depth_min_m: float = parameter(
        0.10, "Hollows that are not deeper than this then are left out.", source="as `flood.bluespots`", ge=0, le=10
    )


class Growth(NamedTuple):
    """Hollows that grow; arrays (n,) in the order of the labels 1..n.

    Attributes
    ----------
    labels : (y, x) int32, 0 elsewhere: ground under water when the hollow is full then.
    volume_now_m3, volume_next_m3 : what it holds to its rim, today and then.
    depth_now_m, depth_next_m : greatest depth when full.
    rate_max_mm_yr : fastest sinking in it. known_share : of its cells whose rate is known [1].
    """

    labels: NDArray[np.int32]
    volume_now_m3: Array
    volume_next_m3: Array
    depth_now_m: Array
    depth_next_m: Array
    rate_max_mm_yr: Array
    known_share: Array


def sinking_rate(velocity_up_mm_yr: NDArray[Any], std_mm_yr: NDArray[Any] | None, params: SinkingParams) -> Array:
    """Rate at which ground sinks [mm/yr]: 0 where it is known not to, NaN where nothing is known.

    Parameters
    ----------
    velocity_up_mm_yr : (y, x), up positive. std_mm_yr : its standard deviation; None where it is not known. Where it is
        so great that `rate_min_mm_yr` is within `certainty` of it, a smaller rate says nothing.
    """
    rate = -np.asarray(velocity_up_mm_yr, np.float64)
    floor = np.full(rate.shape, params.rate_min_mm_yr)
    if std_mm_yr is not None:
        floor = np.fmax(floor, params.certainty * np.asarray(std_mm_yr, np.float64))
    still = np.where(floor > params.rate_min_mm_yr, np.nan, 0.0)
    return np.where(np.isnan(rate), np.nan, np.where(rate >= floor, rate, still))


def lowered(elevation_m: NDArray[Any], rate_mm_yr: NDArray[Any], years: float) -> Array:
    """Ground after it has sunk for some years [m]; where the rate is not known it stays as it is.

    Parameters
    ----------
    elevation_m, rate_mm_yr : (y, x); NaN heights stay NaN.
    """
    out: Array = np.asarray(elevation_m, np.float64) - np.nan_to_num(rate_mm_yr, nan=0.0) * years / 1000
    return out


def rate_at(rate_mm_yr: NDArray[Any], grid: Grid, fine: Grid) -> Array:
    """Rate of sinking on a finer grid of the same CRS [mm/yr], bilinear; NaN where a neighbour is not known.

    Parameters
    ----------
    rate_mm_yr : (y, x) on `grid`. fine : the grid wanted.

    Raises
    ------
    GridError : the grids are in different CRS.
    """
    if grid.crs != fine.crs:
        what = f"the rates are in {grid.crs}, the finer grid in {fine.crs}"
        raise GridError(what, where="flood.sinking", fix="bring the town's DEM into area.crs")
    coords = fine.coords()
    x, y = np.meshgrid(coords["x"], coords["y"])
    row, column = (grid.bounds[3] - y) / grid.resolution_m - 0.5, (x - grid.bounds[0]) / grid.resolution_m - 0.5
    out: Array = sample_bilinear(np.ascontiguousarray(rate_mm_yr, np.float32), row, column).astype(np.float64)
    return out


def pond_growth(elevation_m: NDArray[Any], rate_mm_yr: NDArray[Any], *, cell_m: float, params: SinkingParams) -> Growth:
    """Compare the hollows of the ground of today with those that it will have.

    Parameters
    ----------
    elevation_m : (y, x) as the DEM has it. rate_mm_yr : (y, x) as `sinking_rate` tells it. cell_m : cell size.
    params : times and limits.

    Returns
    -------
    Growth : hollows of the ground then whose cells hold more than today by `growth_min_m3`. Water that stands on the
        same cells today counts as today's volume, be it one hollow or several.
    """
    area = cell_m**2
    now = lowered(elevation_m, rate_mm_yr, params.dem_age_yr)
    then = lowered(elevation_m, rate_mm_yr, params.dem_age_yr + params.season_yr)
    filled = fill(then)
    direction = flow_direction(filled)
    found = find_depressions(then, filled, direction, drainage_order(direction), depth_min=params.depth_min_m)
    labels = found.labels
    n = found.level.size
    index = np.arange(1, n + 1)
    held = np.nan_to_num(fill(now) - now, nan=0.0)
    volume = np.asarray(ndimage.sum_labels(held, labels, index)).reshape(n) * area
    grows = found.depth_sum * area - volume >= max(params.growth_min_m3, 1e-9)
    kept = np.flatnonzero(grows)
    number = np.zeros(n + 1, dtype=np.int32)
    number[kept + 1] = np.arange(1, kept.size + 1)
    known = np.isfinite(rate_mm_yr)
    rate = np.where(known, rate_mm_yr, 0.0)
    most, deepest, share = (
        np.asarray(f(values, labels, index), dtype=np.float64).reshape(n)[kept]
        for f, values in ((ndimage.maximum, rate), (ndimage.maximum, held), (ndimage.mean, known.astype(np.float64)))
    )
    return Growth(
        number[labels], volume[kept], (found.depth_sum * area)[kept], deepest, found.depth_max[kept], most, share
    )
