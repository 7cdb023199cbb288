"""Rain at gauges as a cube in the run's CRS, with its error: ordinary kriging, checked by leaving gauges out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np
import pyproj
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import DataError, OverlapError
from geo_risk.core.grid import Grid
from geo_risk.hazards.rainfall.kriging import (
    MIN_GAUGES,
    LeaveOneOut,
    Variogram,
    Weights,
    fit_variogram,
    krige_hour,
    leave_one_out,
    weights,
)
from geo_risk.sources.gauges import Gauges
from geo_risk.sources.rain import QUALITIES
from geo_risk.sources.rain_opened import Area, Said

SAME_SPOT_M = 10.0
"""Gauges nearer than this are one: two values in one spot have no variogram between them."""

_BLOCK_CELLS = 4_000_000


@dataclass(frozen=True)
class GaugeCube:
    """Interpolated gauges.

    Attributes
    ----------
    rain, error : (time, y, x) float32 [mm an interval], lazy; NaN where no gauge with a value is near.
    variogram, skill : what stands behind the error. evidence : sentences for the report.
    """

    rain: xr.DataArray
    error: xr.DataArray
    variogram: Variogram
    skill: LeaveOneOut
    evidence: tuple[Said, ...]


def gauge_cube(gauges: Gauges, area: Area, *, cell_m: float, reach_m: float, neighbours: int) -> GaugeCube:
    """Interpolate gauges over an area by ordinary kriging with one scaled variogram.

    Parameters
    ----------
    gauges : see `read_gauges`. area : bounds in a CRS in metres.
    cell_m, reach_m, neighbours : see `RainfallParams.gauge_cell_m` and the two after it.

    Returns
    -------
    The cube; `time` is the UTC end of each interval. Its error is the kriging error, enlarged where leaving gauges out
    shows larger errors than it foretells.

    Raises
    ------
    DataError : fewer gauges than MIN_GAUGES. OverlapError : no gauge within reach of the area.
    """
    grid = Grid.from_bounds(area.bounds, crs=area.crs, resolution_m=cell_m)
    xy, values = _places(gauges, grid.crs)
    if len(xy) < MIN_GAUGES:
        what = f"{len(xy)} gauges can be used; {MIN_GAUGES} or more are needed"
        raise DataError(what, where="inputs.rainfall.gauges", fix="see the rows set aside, or give more gauges")
    coords = grid.coords()
    x, y = np.meshgrid(coords["x"], coords["y"])
    at = np.stack([x.ravel(), y.ravel()], axis=1)
    variogram = fit_variogram(xy, values)
    base = weights(xy, at, variogram, neighbours=neighbours)
    if not base.nearest_m.min() <= reach_m:
        nearest = base.nearest_m.min() / 1000
        what = f"the nearest gauge is {nearest:.0f} km from the area; the reach is {reach_m / 1000:g} km"
        raise OverlapError(what, where="inputs.rainfall.gauges", fix="check coordinates and CRS of the gauges")
    skill = leave_one_out(xy, values, variogram, neighbours=neighbours)
    both = _lazy(_Field(xy, values, base, at, variogram, reach_m), grid.shape)
    scale = np.float32(skill.inflation)
    rain = _wrapped(both[:, 0], gauges, grid, name="rain", long_name="rain of the interval, interpolated from gauges")
    error = _wrapped(both[:, 1] * scale, gauges, grid, name="rain_std", long_name="standard error of interpolated rain")
    reached = float((base.nearest_m <= reach_m).mean())
    return GaugeCube(rain, error, variogram, skill, _said(variogram, skill, len(xy), reached))


@dataclass(frozen=True)
class _Field:
    xy: NDArray[np.float64]
    values: NDArray[np.float64]
    base: Weights
    at: NDArray[np.float64]
    variogram: Variogram
    reach_m: float


def _places(gauges: Gauges, crs: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return positions in the run's CRS and rain (time, gauge); gauges in one spot become their mean."""
    change = pyproj.Transformer.from_crs(gauges.crs, crs, always_xy=True)
    x, y = change.transform(gauges.x, gauges.y)
    xy = np.stack([np.asarray(x, np.float64), np.asarray(y, np.float64)], axis=1)
    spots, index = np.unique(np.round(xy / SAME_SPOT_M), axis=0, return_inverse=True)
    if len(spots) == len(xy):
        return xy, gauges.rain.astype(np.float64)
    index = index.reshape(-1)
    groups = [np.flatnonzero(index == k) for k in range(len(spots))]
    known = np.isfinite(gauges.rain)
    filled = np.where(known, gauges.rain, 0).astype(np.float64)
    n = np.stack([known[:, g].sum(axis=1) for g in groups], axis=1)
    total = np.stack([filled[:, g].sum(axis=1) for g in groups], axis=1)
    return np.stack([xy[g].mean(axis=0) for g in groups]), np.where(n > 0, total / np.maximum(n, 1), np.nan)


def _lazy(field: _Field, shape: tuple[int, int]) -> da.Array:
    """Return (time, 2, y, x): rain and its kriging error."""
    n_t = len(field.values)
    step = max(1, _BLOCK_CELLS // (shape[0] * shape[1]))
    times = tuple(min(step, n_t - t) for t in range(0, n_t, step))

    def block(block_info: Any = None) -> NDArray[np.float32]:
        t0, t1 = (int(v) for v in block_info[None]["array-location"][0])
        out = np.empty((t1 - t0, 2, *shape), np.float32)
        for k in range(t0, t1):
            pair = krige_hour(field.xy, field.values[k], field.base, field.at, variogram=field.variogram,
                              reach_m=field.reach_m)  # fmt: skip
            out[k - t0] = np.stack(pair).reshape(2, *shape)
        return out

    return da.map_blocks(block, chunks=(times, (2,), (shape[0],), (shape[1],)), dtype=np.float32,
                         meta=np.empty((0, 0, 0, 0), np.float32))  # fmt: skip


def _wrapped(data: da.Array, gauges: Gauges, grid: Grid, *, name: str, long_name: str) -> xr.DataArray:
    base = grid.layer(grid.full(0.0), units="mm", long_name="rain")
    times = gauges.times.to_numpy().astype("datetime64[ns]")
    length = np.timedelta64(round(gauges.interval_h * 3600), "s")
    code = np.full(len(times), QUALITIES.index("interpolated"), np.int8)
    coords = {"time": times, "start": ("time", times - length), "quality": ("time", code),
              **{c: base.coords[c] for c in ("y", "x", "spatial_ref")}}  # fmt: skip
    attrs = {"units": "mm", "long_name": long_name, "interval_h": gauges.interval_h, "product": "gauges"}
    return xr.DataArray(data, dims=("time", "y", "x"), coords=coords, name=name, attrs=attrs)


def _said(variogram: Variogram, skill: LeaveOneOut, n_gauges: int, reached: float) -> tuple[Said, ...]:
    model = f"nugget {variogram.nugget:.2f}, sill {variogram.sill:.2f}, range {variogram.range_m / 1000:.0f} km"
    by = f"fitted to {variogram.n_pairs} pairs" if variogram.n_pairs else "assumed, too few wet hours"
    by_zh = f"由 {variogram.n_pairs} 对样本拟合" if variogram.n_pairs else "湿时次太少，取假定值"
    model_zh = f"块金 {variogram.nugget:.2f}、基台 {variogram.sill:.2f}、变程 {variogram.range_m / 1000:.0f} km"
    first = Said(
        f"Interpolated from {n_gauges} gauges by ordinary kriging, exponential variogram ({model}; {by}); "
        f"{reached:.0%} of the cells are near enough to a gauge, the rest is unknown.",
        f"由 {n_gauges} 个雨量站普通克里金插值，指数变差函数（{model_zh}；{by_zh}）；"
        f"{reached:.0%} 的格点在站点可及范围内，其余为未知。",
    )
    if not skill.n:
        none = Said(
            "No wet interval to leave gauges out of: the error is the model's alone.",
            "无降水时次可作留一检验。",
        )
        return first, none
    second = Said(
        f"Leaving each gauge out ({skill.n} values of wet intervals): root mean square error {skill.rmse_mm:.2f} mm, "
        f"mean error {skill.bias_mm:+.2f} mm; kriging errors are multiplied by {skill.inflation:.2f}.",
        f"留一检验（湿时次 {skill.n} 个值）：均方根误差 {skill.rmse_mm:.2f} mm，平均误差 {skill.bias_mm:+.2f} mm；"
        f"克里金误差乘以 {skill.inflation:.2f}。",
    )
    return first, second
