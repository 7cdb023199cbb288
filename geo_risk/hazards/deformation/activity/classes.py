"""Activity of single pixels: the class of each series against stable ground around it, and the layer of all tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr
from dask import array as da
from numpy.typing import NDArray
from scipy import ndimage

from geo_risk.core.errors import GridError
from geo_risk.core.grid import same_grid
from geo_risk.core.units import in_units
from geo_risk.hazards.deformation.activity.critical import critical_values
from geo_risk.hazards.deformation.activity.params import ActivityParams
from geo_risk.hazards.deformation.activity.series import cell_size_m
from geo_risk.hazards.deformation.activity.still import Stillness, fastest_possible, stillness_of
from geo_risk.hazards.deformation.motion.correction import years
from geo_risk.hazards.deformation.motion.jumps import Jumps
from geo_risk.hazards.deformation.motion.removal import Removal, corrected_series
from geo_risk.kernels.breakpoints import BILINEAR, LINEAR, QUADRATIC, STEP, STEP_AND_TREND, UNCORRELATED
from geo_risk.kernels.motion import known_span
from geo_risk.kernels.series_class import OUTPUTS, classify_series

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I8 = NDArray[np.int8]

ACTIVITY_CODES = {"stable": 0, "steady": 1, "accelerating": 2, "decelerating": 3, "seasonal": 4, "step": 5}
"""Codes of the layer `activity`; -1 is unknown."""

LEGEND = ", ".join(f"{code} {name}" for name, code in ACTIVITY_CODES.items()) + ", -1 unknown"

SERIES_CLASSES = {
    "uncorrelated": UNCORRELATED, "linear": LINEAR, "quadratic": QUADRATIC, "bilinear": BILINEAR, "step": STEP,
    "step_and_trend": STEP_AND_TREND,
}  # fmt: skip
"""Codes of the map `series_class`; -1 is unknown. They say what was found in a series, not what is safe."""

SEASON_MARK = 10
"""What `series_class` has more where the yearly term passes its own test."""

SERIES_LEGEND = ", ".join(f"{code} {name}" for name, code in SERIES_CLASSES.items()) + (
    f", {SEASON_MARK} more with a season, -1 unknown; uncorrelated is not stable: see the layer activity"
)

_MOST_VALUES = 2**26
_MAPS = {
    "activity": ("1", f"activity: {LEGEND}"),
    "signal": ("1", "standard deviation of the motion over that of the noise"),
    "acceleration": ("mm/yr2", "second derivative of the displacement toward the satellite"),
    "acceleration_std": ("mm/yr2", "standard error of the acceleration"),
    "break_years": ("1", "years of 365.25 days from the first date to the break"),
    "series_class": ("1", f"class of the series: {SERIES_LEGEND}"),
}


def activity_maps(
    dataset: xr.Dataset,
    removal: Removal,
    params: ActivityParams,
    *,
    moving: NDArray[np.bool_] | None = None,
    minimum_coherence: float = 0.25,
) -> xr.Dataset:
    """Classify every series of a track.

    Parameters
    ----------
    dataset : as `sources.insar.open_insar` returns it, with `displacement`; lazy.
    removal : what the velocity step took off.
    params : of activity.
    moving : (y, x) on the track's own grid, cells of known moving areas, kept out of the background; None for none.
    minimum_coherence : cells below are unknown, where the product has a coherence.

    Returns
    -------
    Dataset (y, x) float32, lazy: `activity` (ACTIVITY_CODES, -1 unknown), `signal`, `acceleration` and its error
    [mm/yr2], `break_years` since the first date; NaN where unknown or none; `series_class` (SERIES_CLASSES, SEASON_MARK
    more with a season, -1 unknown). Each date is held against a Gaussian mean of stable ground around it (made of block
    means, so blocks of the data change nothing), unless the scene has none.

    Raises
    ------
    DataError : no displacement, or the removal of another series. GridError : `moving` of another shape.
    """
    series = corrected_series(dataset, removal)
    t = years(dataset["time"].to_numpy())
    shape = (dataset.sizes["y"], dataset.sizes["x"])
    if moving is not None and moving.shape != shape:
        what = f"moving cells of shape {moving.shape} for a track of {shape}"
        raise GridError(what, where="moving", fix="bring them onto the track's own grid with labels_onto")
    weights = removal.correction.weights if removal.correction is not None else np.ones(len(t))
    data = series.data
    if "coherence" in dataset:
        coherent = in_units(dataset["coherence"], "1").data >= minimum_coherence
        data = da.where(da.asarray(coherent).rechunk(data.chunks[1:])[None], data, np.float32(np.nan))
    background = Background(np.zeros((len(t), 1, 1), dtype=np.float32), (1, 1))
    if removal.correction is None or removal.correction.stable_share > 0:
        background = Background.of(data, moving, cell_size_m(dataset), params.background_m)
    scene = _Scene(t, weights, critical_values(t, params), background, removal.jumps, stillness_of(removal, t))
    classified = da.map_blocks(
        _classify_block, data, scene=scene, params=params, chunks=((len(_MAPS),), *data.chunks[1:]), dtype=np.float32,
        meta=np.empty((0, 0, 0), np.float32),
    )  # fmt: skip
    like = series.isel(time=0, drop=True)
    maps = {
        n: (("y", "x"), classified[i], {"units": u, "long_name": text})
        for i, (n, (u, text)) in enumerate(_MAPS.items())
    }
    return xr.Dataset(maps, coords=like.coords, attrs={k: v for k, v in dataset.attrs.items() if k != "audit"})


class Background:
    """Gaussian means of stable ground on a coarse grid of blocks, read off at single cells by bilinear interpolation.

    Attributes
    ----------
    values : (time, rows, columns) means, 0 where no stable ground is near.
    block : cells along one side of a block, (y, x).
    """

    def __init__(self, values: F32, block: tuple[int, int]) -> None:
        self.values = values
        self.block = block

    @classmethod
    def of(
        cls, data: da.Array, moving: NDArray[np.bool_] | None, size_m: tuple[float, float], width_m: float
    ) -> Background:
        """Return the background of a series (time, y, x), of cells that do not move; read once, in row bands.

        Blocks are half the width, or as large as it takes to hold no more than 2^26 values.
        """
        n_t, n_y, n_x = data.shape
        least = np.sqrt(max(1.0, n_t * n_y * n_x / _MOST_VALUES))
        block = (max(1, round(width_m / 2 / size_m[0])), max(1, round(width_m / 2 / size_m[1])))
        block = (max(block[0], int(np.ceil(least))), max(block[1], int(np.ceil(least))))
        rows, columns = -(-n_y // block[0]), -(-n_x // block[1])
        total, count = (np.zeros((n_t, rows, columns), dtype=np.float32) for _ in range(2))
        edges = np.concatenate([[0], np.cumsum(data.chunks[1])])
        bounds = np.arange(0, n_x, block[1])
        for r0, r1 in pairwise(edges):
            band = data[:, r0:r1].compute()
            known = np.isfinite(band)
            if moving is not None:
                known &= ~moving[r0:r1]
            for into, part in ((total, np.where(known, band, 0.0)), (count, known.astype(np.float64))):
                summed = np.add.reduceat(part, bounds, axis=2)
                for r in range(int(r0), int(r1)):
                    into[:, r // block[0]] += summed[:, r - int(r0)].astype(np.float32)
        sigma = (0.0, width_m / size_m[0] / block[0], width_m / size_m[1] / block[1])
        top, bottom = (ndimage.gaussian_filter(v, sigma, mode="constant") for v in (total, count))
        near = bottom > 1e-3 * block[0] * block[1]
        values = np.divide(top, bottom, out=np.zeros_like(top), where=near)
        return cls(values.astype(np.float32), block)

    def at(self, rows: tuple[int, int], columns: tuple[int, int]) -> F32:
        """Return the background of a window of cells (time, y, x)."""
        place = []
        for (first, last), b, n in zip((rows, columns), self.block, self.values.shape[1:], strict=True):
            where = np.clip((np.arange(first, last) + 0.5) / b - 0.5, 0, n - 1)
            low = np.minimum(where.astype(np.int64), max(0, n - 2))
            place.append((low, np.minimum(low + 1, n - 1), (where - low).astype(np.float32)))
        (r0, r1, fr), (c0, c1, fc) = place
        upper = self.values[:, r0] * (1 - fr)[None, :, None] + self.values[:, r1] * fr[None, :, None]
        out: F32 = (upper[:, :, c0] * (1 - fc) + upper[:, :, c1] * fc).astype(np.float32)
        return out


@dataclass(frozen=True)
class _Scene:
    """What all blocks of a track share: dates [yr], their weights, critical values, background, patches left out."""

    t: F64
    weights: F64
    critical: F64
    background: Background
    jumps: Jumps | None
    still: Stillness


def _classify_block(block: F32, *, scene: _Scene, params: ActivityParams, block_info: Any = None) -> F32:
    if not block_info:
        return np.empty((len(_MAPS), *block.shape[1:]), dtype=np.float32)
    _, rows, columns = block_info[0]["array-location"]
    t = scene.t
    around = scene.background.at(rows, columns)
    values = (block - around).reshape(len(t), -1)
    values = np.ascontiguousarray(values, dtype=np.float32)
    minimum = max(params.minimum_dates, 2 * params.minimum_segment)
    codes, has_season, found = classify_series(
        values,
        t,
        scene.weights,
        scene.critical,
        params.minimum_segment,
        minimum,
        params.season_span_yr,
        params.spike_sigmas,
    )
    got = dict(zip(OUTPUTS, found, strict=True))
    known = np.isfinite(values)
    centred = t - t.mean()
    drift = (centred @ around.reshape(len(t), -1)) / (centred @ centred)
    got["fastest"] = fastest_possible(got, known.sum(axis=0), drift, scene.still).astype(np.float32)
    activity = activity_codes(codes, has_season, got, known_span(values, t), params)
    n = np.maximum(known.sum(axis=0), 1)
    y = np.where(known, values, np.float32(0))
    mean = y.sum(axis=0) / n
    variance = (np.where(known, values - mean, np.float32(0)) ** 2).sum(axis=0) / n
    noise = np.maximum(got["residual_std"], 1e-6)
    signal = np.sqrt(np.maximum(variance / noise**2 - 1, 0))
    first = np.where(np.isfinite(got["break_index"]), got["break_index"], 0).astype(np.int64)
    when = np.where(np.isfinite(got["break_index"]), t[first], np.nan)
    if scene.jumps is not None:
        # a patch left out on the last date may be the beginning of something
        opened = scene.jumps.ends_open(rows, columns).ravel()
        activity = np.where(opened & (activity == ACTIVITY_CODES["stable"]), np.int8(-1), activity)
    series_class = np.where(codes >= 0, codes + SEASON_MARK * has_season, -1)
    layers = [activity, signal, got["acceleration"], got["acceleration_std"], when, series_class]
    return np.stack(layers).astype(np.float32).reshape(len(layers), *block.shape[1:])


def activity_codes(
    classes: I8, has_season: NDArray[np.bool_], found: dict[str, F32], span_yr: F64, params: ActivityParams
) -> I8:
    """Return the activity of series by their classes; the rules are those of whole areas (`verdict.judge`).

    Parameters
    ----------
    classes, has_season : (n,) of `classify_series`.
    found : by name as OUTPUTS, each (n,), and "fastest", the bound of the velocity (`still.fastest_possible`).
    span_yr : (n,) from the first to the last known date.
    params : of activity.

    Returns
    -------
    (n,) ACTIVITY_CODES. Without a trend, season or change a series is stable only where its 95 % interval of velocity
    lies within `stable_mm_yr`; a series too short for a yearly term is at most steady, and that from a year on. A speed
    that rises beneath a season stronger than it is unknown: what an irregular season makes is asked of areas only.
    """
    before, after = np.abs(found["velocity_before"]), np.abs(found["velocity_after"])
    ratio = 1 + params.minimum_change
    out = np.full(len(classes), -1, dtype=np.int8)
    out[(classes == UNCORRELATED) & (found["fastest"] <= params.stable_mm_yr)] = ACTIVITY_CODES["stable"]
    out[(classes == LINEAR) | (classes == QUADRATIC) | (classes == BILINEAR)] = ACTIVITY_CODES["steady"]
    out[(classes == STEP) | (classes == STEP_AND_TREND)] = ACTIVITY_CODES["step"]
    bends = (classes == QUADRATIC) | (classes == BILINEAR)
    out[(bends | (classes == STEP_AND_TREND)) & (after > ratio * before)] = ACTIVITY_CODES["accelerating"]
    out[bends & (before > ratio * after)] = ACTIVITY_CODES["decelerating"]
    fastest = np.maximum(before, after)
    seasonal = has_season & ((2 * found["annual"] >= fastest) | (classes == UNCORRELATED))
    hidden = seasonal & (out == ACTIVITY_CODES["accelerating"])
    out[seasonal] = ACTIVITY_CODES["seasonal"]
    out[hidden] = -1
    short = ~np.isfinite(found["annual"]) & (classes >= UNCORRELATED)
    out[short] = -1
    out[short & (classes == LINEAR) & (span_yr >= params.shortest_trend_yr)] = ACTIVITY_CODES["steady"]
    return out


def combined(activity: Sequence[F32], signal: Sequence[F32], *, blind: NDArray[np.integer] | None = None) -> I8:
    """Return one activity for each cell from those of several tracks.

    Parameters
    ----------
    activity, signal : of each track on one grid, (y, x); NaN where the track has nothing.
    blind : the blind map (0 seen); None where there is none, as without a DEM.

    Returns
    -------
    (y, x) int8: of the tracks that see something other than stable ground, the one with the strongest signal; stable
    where a track says so, none says otherwise and the blind map shows that the ground is seen; else -1. Without a blind
    map nothing is stable: whether a slope could move unseen along the line of sight is not known.
    """
    codes = np.stack([np.where(np.isfinite(a), a, -1) for a in activity]).astype(np.int8)
    strength = np.where(codes > 0, np.nan_to_num(np.stack(list(signal)), nan=0.0) + 1.0, 0.0)
    best = strength.argmax(axis=0)[None]
    out: I8 = np.take_along_axis(codes, best, axis=0)[0]
    still = (codes == 0).any(axis=0) & ~(codes > 0).any(axis=0)
    still &= np.zeros(still.shape, dtype=bool) if blind is None else blind == 0
    return np.where((codes > 0).any(axis=0), out, np.where(still, 0, -1)).astype(np.int8)


def combined_layers(
    activity: Sequence[xr.DataArray], signal: Sequence[xr.DataArray], *, blind: xr.DataArray | None = None
) -> xr.DataArray:
    """Return `combined` of layers on one grid, lazily: (y, x) int8 [1], -1 unknown.

    Raises
    ------
    GridError : different grids.
    """
    grid = same_grid(*activity, *signal, *([] if blind is None else [blind]))
    given = [da.asarray(a.data) for a in (*activity, *signal, *([] if blind is None else [blind]))]
    chunks = given[0].chunks
    data = da.map_blocks(
        _combined_block, *(a.rechunk(chunks) for a in given), n=len(activity), dtype=np.int8,
        meta=np.empty((0, 0), np.int8),
    )  # fmt: skip
    return grid.layer(data, units="1", long_name=f"activity: {LEGEND}", name="activity")


def _combined_block(*blocks: F32, n: int) -> I8:
    rest = blocks[2 * n :]
    return combined(blocks[:n], blocks[n : 2 * n], blind=rest[0].astype(np.int16) if rest else None)
