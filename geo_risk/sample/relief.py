"""The county's relief: fractal uplands cut by stream power towards a river with a plain.

Everything is made on a domain wider than the county, so that its borders are no divides, and cropped at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from geo_risk.kernels.stream_power import cap_slope, drainage, incise, upslope_area
from geo_risk.sample.fractal import power_law_field, smooth_step
from geo_risk.sample.streams import stream

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

CELL_M = 30.0
LOW_M, HIGH_M = 700.0, 1600.0
VALLEY_SPACING_M = 15000.0
PLAIN_HALF_WIDTH_M = 900.0
_STEPS = {4: 40, 2: 25, 1: 14}
_REROUTE = 2
_UPLIFT_M = 3.5
_ERODIBILITY = 0.36
_RISE_M = 430.0


@dataclass(frozen=True)
class Relief:
    """The relief of the county window (y, x).

    Attributes
    ----------
    elevation_m : float64, 700-1,600 m.
    upslope_m2 : upslope area within the window and its padding (what the real river sees).
    river_rows, river_columns : the main river's centre line in cells (float) of the window, downstream order.
    river_distance_m : distance to that line.
    hardness : 0 loess country .. 1 limestone mountain.
    """

    elevation_m: Array
    upslope_m2: Array
    river_rows: Array
    river_columns: Array
    river_distance_m: Array
    hardness: Array


def make_relief(size: int, seed: int) -> Relief:
    """Make the relief of a county of `size` cells a side."""
    pad = int(np.clip(size // 20, 16, 50)) * 4
    n = -(-(size + 2 * pad) // 4) * 4
    hardness = _hardness(n, seed)
    valleys = _valley_columns(n, seed)
    main = valleys[len(valleys) // 2]
    elevation = power_law_field((n // 4, n // 4), stream(seed, "ground.relief"), slope=2.0, outer_cells=60) * 25
    for factor, steps in _STEPS.items():
        shape = (n // factor, n // factor)
        if elevation.shape != shape:
            elevation = _refined(elevation, shape, stream(seed, f"ground.relief.{factor}"))
        elevation = _evolved(elevation, _shrunk(hardness, factor), valleys, factor=factor, steps=steps)
    window = (slice(pad, pad + size), slice(pad, pad + size))
    elevation = _stretched(elevation, hardness, pad=pad, size=size)
    line = np.arange(n)[:, None], main[:, None]
    distance = _distance_to_line(n, main)
    elevation = _with_plain(elevation, distance, seed=seed)
    base = _base_cells(n, [main] if len(valleys) == 1 else valleys, 1) | _frame(n)
    filled, receiver, order = drainage(elevation, base, 0.002)
    area = upslope_area(receiver, order, CELL_M**2)
    inside = (line[0][:, 0] >= pad) & (line[0][:, 0] < pad + size)
    filled = np.round(filled * 1024) / 1024
    return Relief(
        elevation_m=np.clip(filled[window], LOW_M, HIGH_M),
        upslope_m2=area[window],
        river_rows=line[0][inside, 0].astype(np.float64) - pad,
        river_columns=main[inside] - pad,
        river_distance_m=distance[window],
        hardness=hardness[window],
    )


def _hardness(n: int, seed: int) -> Array:
    field = power_law_field((n // 4, n // 4), stream(seed, "ground.hardness"), slope=3.0, outer_cells=110)
    columns = np.linspace(-1, 1, n // 4)[None, :]
    field = ndimage.gaussian_filter(field, 3) + 1.1 * np.abs(columns) + 0.5 * columns
    high = np.quantile(field, 0.80)
    out = ndimage.zoom(smooth_step(field, high - 0.12, high + 0.12), 4, order=1, mode="nearest", grid_mode=True)
    return np.asarray(np.clip(np.round(out * 1024) / 1024, 0, 1), dtype=np.float64)


def _valley_columns(n: int, seed: int) -> list[Array]:
    """Columns (float) of the valleys' centre lines at every row; the middle one is the river."""
    n_valleys = max(1, round(n * CELL_M / VALLEY_SPACING_M))
    n_valleys -= n_valleys % 2 == 0
    rows = np.arange(n) * CELL_M
    lines = []
    for k in range(n_valleys):
        rng = stream(seed, f"ground.valley.{k - n_valleys // 2}")
        line = np.full(n, (k + 0.5) / n_valleys * n)
        for length_m, swing_m in ((11000, 900), (5200, 420), (2300, 190), (1100, 70)):
            phase = rng.uniform(0, 2 * np.pi)
            line = line + swing_m * np.sin(2 * np.pi * rows / length_m + phase) / CELL_M
        lines.append(np.clip(np.round(line * 64) / 64, 4, n - 5))
    return lines


def _base_cells(n: int, valleys: list[Array], factor: int) -> Mask:
    """Mark the cells of the centre lines on the grid coarsened by `factor`, without gaps."""
    size = n // factor
    base = np.zeros((size, size), dtype=bool)
    for line in valleys:
        columns = np.clip((line[factor // 2 :: factor][:size] / factor).astype(int), 0, size - 1)
        for row in range(size):
            low, high = sorted((columns[row], columns[min(row + 1, size - 1)]))
            base[row, low : high + 1] = True
    return base


def _frame(n: int) -> Mask:
    frame = np.zeros((n, n), dtype=bool)
    frame[:, [0, -1]] = frame[[0, -1], :] = True
    return frame


def _river_level(rows: int) -> Array:
    """Elevation of the base level by row [m]: falling southwards at 1.5 m/km, by no more than 250 m in all."""
    length_m = rows * CELL_M
    fall = min(0.0015 * length_m, 250.0)
    return LOW_M + fall * (1 - np.arange(rows) / max(rows - 1, 1))


def _shrunk(field: Array, factor: int) -> Array:
    n = field.shape[0] // factor
    return np.asarray(field.reshape(n, factor, n, factor).mean(axis=(1, 3)))


def _refined(elevation: Array, shape: tuple[int, int], rng: np.random.Generator) -> Array:
    rough = power_law_field(shape, rng, slope=1.6, outer_cells=24)
    finer = ndimage.zoom(elevation, 2, order=1, mode="nearest", grid_mode=True) + 4.0 * rough
    return np.asarray(np.round(finer * 1024) / 1024, dtype=np.float64)


def _evolved(elevation: Array, hardness: Array, valleys: list[Array], *, factor: int, steps: int) -> Array:
    """Lift and cut the surface for `steps` steps on the grid coarsened by `factor`."""
    n = elevation.shape[0]
    spacing = CELL_M * factor
    base = _base_cells(n * factor, valleys, factor)
    level = np.broadcast_to(_river_level(n * factor)[::factor][:, None], (n, n))
    from_valley = ndimage.distance_transform_edt(~base) * spacing
    rise = _RISE_M * smooth_step(from_valley, 300, 9000) + 420 * hardness
    if factor == max(_STEPS):
        elevation = level + np.maximum(elevation - elevation.min(), 0) + rise
    uplift = np.where(base, 0.0, _UPLIFT_M + rise / sum(_STEPS.values()))
    erodibility = _ERODIBILITY * (1 - 0.45 * hardness) * np.ones((n, n))
    steepest = 0.62 + 0.30 * hardness
    z = np.where(base, level, elevation)
    for step in range(steps):
        if step % _REROUTE == 0:
            z, receiver, order = drainage(z, base, 0.01)
            area = upslope_area(receiver, order, spacing**2)
        z = incise(z, receiver, order, area, erodibility, uplift, spacing)
        if step % 4 == 3 or step == steps - 1:
            z = _diffused(cap_slope(z, steepest, spacing, 1), base, spacing)
    return z


def _diffused(z: Array, base: Mask, spacing: float) -> Array:
    """One explicit step of hillslope creep, D dt = 160 m2."""
    share = min(160 / spacing**2, 0.2)
    padded = np.pad(z, 1, mode="edge")
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    return np.where(base, z, z + share * (around - 4 * z))


def _stretched(elevation: Array, hardness: Array, *, pad: int, size: int) -> Array:
    """Stretch heights above the river, slopes held to what the ground can bear, until the summit stands at HIGH_M.

    Small counties, whose slopes are too short for that, stay lower.
    """
    window = (slice(pad, pad + size), slice(pad, pad + size))
    low = _river_level(elevation.shape[0])[:, None]
    above = np.maximum(elevation - low, 0)
    steepest = 0.70 + 0.28 * hardness
    factor, out = 1.0, elevation
    for _ in range(5):
        out = cap_slope(low + above * factor * (1 + 0.35 * hardness), steepest, CELL_M, 3)
        top = float((out - low)[window].max())
        factor = min(factor * (HIGH_M - 15 - LOW_M - 10) / top, 1.75)
    room = HIGH_M - 2 - low
    return low + (out - low) * min(1.0, float((room[window[0]] / (out - low)[window].max()).min()))


def _distance_to_line(n: int, line: Array) -> Array:
    rows = np.arange(n)
    fine = np.linspace(0, n - 1, 4 * n)
    on = np.ones((n, n), dtype=bool)
    on[np.round(fine).astype(int), np.clip(np.round(np.interp(fine, rows, line)).astype(int), 0, n - 1)] = False
    return np.asarray(ndimage.distance_transform_edt(on) * CELL_M, dtype=np.float64)


def _with_plain(elevation: Array, distance: Array, *, seed: int) -> Array:
    """Lay the alluvial plain with one terrace step and the river's bed into the valley."""
    n = elevation.shape[0]
    rng = stream(seed, "ground.plain")
    vary = power_law_field((n, n), rng, slope=2.4, outer_cells=150)
    half = PLAIN_HALF_WIDTH_M * (1 + 0.22 * np.clip(vary, -2, 2))
    level = _river_level(n)[:, None]
    rough = power_law_field((n, n), rng, slope=1.8, outer_cells=40)
    terrace = 9.0 * smooth_step(distance, 0.62 * half, 0.62 * half + 120)
    plain = level + 2.0 + 0.004 * distance + terrace + 0.25 * rough
    plain = np.where(distance < 45, level, plain)
    share = smooth_step(distance, half, half + 450)
    out = np.minimum(elevation, plain) * (1 - share) + elevation * share
    out = np.where(distance < half, plain, np.maximum(out, plain * (1 - share) + out * share))
    return np.asarray(np.round(out * 1024) / 1024, dtype=np.float64)
