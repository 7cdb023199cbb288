"""Where water truly stands in the storm: the town at 5 m with its true drains, and the county's valleys at 60 m.

A twin experiment: both runs use the shallow-water kernel that the flood hazard uses too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from geo_risk.kernels.inertial import FloodRun, simulate
from geo_risk.kernels.stream_power import drainage
from geo_risk.sample.rain import RainField

if TYPE_CHECKING:
    from geo_risk.sample.ground import Ground

WETTEST_H = 6
TOWN_CURVE = {1: 98.0, 2: 94.0, 3: 80.0, 4: 100.0, 5: 75.0, 6: 86.0}
"""Curve numbers by town cover: street, block, court, river, farmland, railway (TR-55 tables 2-2, soil group B)."""
TOWN_MANNING = {1: 0.018, 2: 0.05, 3: 0.04, 4: 0.030, 5: 0.06, 6: 0.04}
SOIL_CURVE = {
    1: (67.0, 78.0, 85.0, 89.0),
    2: (36.0, 60.0, 73.0, 79.0),
    3: (68.0, 79.0, 86.0, 89.0),
    4: (77.0, 85.0, 90.0, 92.0),
    5: (100.0, 100.0, 100.0, 100.0),
}
"""Curve numbers by land cover for soil groups A to D: crops, forest, bare loess, built up, water (TR-55)."""
COUNTY_MANNING = {1: 0.05, 2: 0.10, 3: 0.035, 4: 0.05, 5: 0.03}
COUNTY_HOURS = (8, 5)
"""Hours before and after the peak that the county run covers."""
FLOODED_M = 0.3
LARGEST_COUNTY_CELLS = 1_500_000
CHANNEL_M2, GENTLE_DEG = 4.0e5, 8.0
UPSTREAM_M2 = 2.0e8
"""Basin of the river above the county; it rains there as in the county."""
INLET_ROW = 3
"""Row where the river's water from outside enters: far enough from the open edge not to run out of it."""

Array = NDArray[np.float64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class CountyFlood:
    """Deepest water (y, x) float32 [m] on the county grid; 0 where thinner than 0.3 m."""

    depth_m: Floats


def runoff_mm(rain_mm: Array, curve: Array) -> Array:
    """Return the runoff (time, ...) [mm] of each hour by USDA TR-55 (1986) eqs 2-1, 2-2 on the rain summed so far.

    Parameters
    ----------
    rain_mm : (time, ...) rain of each hour since the storm began.
    curve : (...) curve number.
    """
    retention = 25400.0 / curve - 254.0
    total = np.cumsum(rain_mm, axis=0)
    excess = np.maximum(total - 0.2 * retention, 0.0)
    out = excess**2 / np.maximum(excess + retention, 1e-9)
    return np.diff(out, axis=0, prepend=0.0)


def _by_code(table: dict[int, float], codes: NDArray[np.uint8]) -> Array:
    return np.array([table.get(k, np.nan) for k in range(256)])[codes]


def wettest(series: Array, hours: int) -> int:
    """Return the first hour of the wettest window of a series."""
    return int(np.convolve(series, np.ones(hours), mode="valid").argmax())


def town_run(ground: Ground, dem: Floats, rain: RainField, sinks_m3_s: Array, *, hours: int = WETTEST_H) -> FloodRun:
    """Run the wettest hours of a storm over the town.

    Parameters
    ----------
    dem : (y, x) [m], the true ground of the town.
    rain : hourly rain from the storm's beginning; its value at the town's middle counts for all of the window.
    sinks_m3_s : (y, x), what drains and pumps truly take.
    hours : length of the run, without a tail.
    """
    town = ground.town
    net = town_runoff(ground, rain, hours)
    return simulate(
        dem, _by_code(TOWN_MANNING, town.cover), net[:, town.cover], rain_step_s=3600.0,
        cell_m=town.grid.resolution_m, sink_m3_s=sinks_m3_s, step_max_s=5.0, advection=True,
    )  # fmt: skip


def town_runoff(ground: Ground, rain: RainField, hours: int) -> Array:
    """Return the runoff (hour, cover code 0-6) [mm] of a storm's wettest hours at the middle of the town."""
    left, bottom, right, top = ground.town.grid.bounds
    at = (np.array([(left + right) / 2]), np.array([(bottom + top) / 2]))
    series = np.array([rain.at(hour, *at)[0] for hour in rain.rain_mm])
    first = wettest(series, hours)
    curve = np.array([TOWN_CURVE.get(code, 98.0) for code in range(7)])
    return runoff_mm(np.repeat(series[:, None], 7, axis=1), curve)[first : first + hours]


def county_flood(ground: Ground, rain: RainField, peak: np.datetime64) -> CountyFlood:
    """Run the hours around the peak over the county's valleys, on 2 x 2 cells (more for a large county).

    The lowest cell of each block is its bed, so that channels stay open; runoff by SCS-CN; the river brings in what
    falls upstream of the county at the county's mean runoff. Depths go back to 30 m by water level.
    """
    block = 2
    while (ground.size // block) ** 2 > LARGEST_COUNTY_CELLS:
        block += 1
    n = -(-ground.size // block)
    pad = n * block - ground.size
    dem = np.pad(ground.dem_true.astype(np.float64), ((0, pad), (0, pad)), mode="edge")
    tiles = dem.reshape(n, block, n, block)
    bed = _open_channels(tiles.min(axis=(1, 3)))
    cover = np.pad(ground.landcover, ((0, pad), (0, pad)), mode="edge")[::block, ::block]
    soil = np.pad(ground.soil, ((0, pad), (0, pad)), mode="edge")[::block, ::block]
    curve = np.full((n, n), 80.0)
    for code, numbers in SOIL_CURVE.items():
        for group, number in enumerate(numbers, 1):
            curve[(cover == code) & (soil == group)] = number
    cell = block * ground.grid.resolution_m
    net = _net_rain(ground, rain, peak, curve, cell)
    net[:, INLET_ROW, :] += _inflow_mm_h(ground, net, cell, block)
    run = simulate(bed, np.nan_to_num(_by_code(COUNTY_MANNING, cover), nan=0.05), net, rain_step_s=3600.0, cell_m=cell,
                   advection=True)  # fmt: skip
    level = np.where(run.max_depth_m > FLOODED_M, bed + run.max_depth_m, -np.inf)
    depth = np.repeat(np.repeat(level, block, axis=0), block, axis=1) - dem
    depth = np.where(_valley_floor(ground), depth[: ground.size, : ground.size], 0.0)
    return CountyFlood(np.where(depth >= FLOODED_M, depth, 0.0).astype(np.float32))


def _valley_floor(ground: Ground) -> NDArray[np.bool_]:
    """Mark where the scheme holds and floods matter: the plain and gently falling channels, not steep gullies."""
    channel = ndimage.maximum_filter(ground.upslope_m2, size=5) >= CHANNEL_M2
    gentle = ndimage.median_filter(ground.slope_deg, size=5) < GENTLE_DEG
    return np.asarray(ground.plain | (channel & gentle), dtype=bool)


def _open_channels(bed: Array) -> Array:
    """Return the bed without the hollows that taking the lowest cell of each block makes; the rim is the outlet."""
    base = np.zeros(bed.shape, dtype=bool)
    base[[0, -1], :] = base[:, [0, -1]] = True
    filled, _, _ = drainage(bed, base, 0.01)
    return np.asarray(filled, dtype=np.float64)


def _net_rain(ground: Ground, rain: RainField, peak: np.datetime64, curve: Array, cell: float) -> Array:
    n = curve.shape[0]
    left, _, _, top = ground.grid.bounds
    x = left + cell * (np.arange(n) + 0.5)
    y = top - cell * (np.arange(n) + 0.5)
    yy, xx = np.meshgrid(y, x, indexing="ij")
    last = int(np.searchsorted(rain.times, peak)) + COUNTY_HOURS[1]
    first = last - sum(COUNTY_HOURS)
    out = np.empty((sum(COUNTY_HOURS), n, n), dtype=np.float64)
    total = np.zeros((n, n))
    before = np.zeros((n, n))
    retention = 25400.0 / curve - 254.0
    for hour, field in enumerate(rain.rain_mm[: last + 1]):
        total += rain.at(field, xx, yy)
        excess = np.maximum(total - 0.2 * retention, 0.0)
        after = excess**2 / np.maximum(excess + retention, 1e-9)
        if hour > first:
            out[hour - first - 1] = after - before
        before = after
    return out


def _inflow_mm_h(ground: Ground, net: Array, cell: float, block: int) -> Array:
    """Return the rain rate (time, x) of the first row that brings the river's water from upstream of the county."""
    k = int(np.argmin(ground.river_distance_m[INLET_ROW * block]))
    upstream = max(float(ground.upslope_m2[0].max()), UPSTREAM_M2)
    out = np.zeros((net.shape[0], net.shape[2]))
    out[:, k // block] = net.mean(axis=(1, 2)) * upstream / cell**2
    return out
