"""Two rain series over one area held against each other: which clock is off, and by how much their sums differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import AmbiguousError
from geo_risk.sources.options import RainOptions
from geo_risk.sources.rain_opened import Said

MAX_LAG_H = 12
MIN_HOURS, MIN_WET = 48, 10
"""Hours in common, and hours with rain in both, below which nothing is proved. Choice of geo_risk."""

MIN_CORRELATION, MIN_GAIN = 0.6, 0.1
"""A shifted clock is believed where the correlation at the shift reaches the first, and exceeds the one without a shift
by the second. Choice of geo_risk."""

MAX_RATIO = 5.0
"""Sums of both over the common hours may differ by this factor; units that are mistaken make 10 or 1000. Choice of
geo_risk."""


@dataclass(frozen=True)
class Lag:
    """What comparing two hourly series of area means showed.

    Attributes
    ----------
    hours : shift of the second series that fits the first best; + means that the second is stamped too late.
    correlation, at_zero : correlation there, and without a shift; NaN where too few hours tell.
    ratio : sum of the second over sum of the first, in common hours. n : common hours.
    """

    hours: int
    correlation: float
    at_zero: float
    ratio: float
    n: int

    @property
    def is_shifted(self) -> bool:
        """Whether a shift of the clock is believed."""
        gains = self.correlation >= max(MIN_CORRELATION, self.at_zero + MIN_GAIN)
        return bool(self.hours != 0 and gains)


def area_means(cube: xr.DataArray) -> pd.Series[float]:
    """Return the mean over known cells of each hour [mm], by UTC end; NaN where none is known."""
    values = cube.mean(dim=("y", "x"), skipna=True).to_numpy()
    return pd.Series(values.astype(np.float64), index=pd.DatetimeIndex(cube["time"].to_numpy()))


def lag_of(first: pd.Series[float], second: pd.Series[float]) -> Lag:
    """Compare two hourly series of area means at shifts of up to MAX_LAG_H hours.

    Parameters
    ----------
    first, second : mm by UTC end of the hour.

    Returns
    -------
    See `Lag`; correlations of square roots, so that the one wettest hour does not decide.
    """
    both = _pairs(first, second, 0)
    total, other = both.sum(axis=0).tolist()
    ratio = other / total if total > 0 else float("nan")
    if len(both) < MIN_HOURS or int((both > 0).all(axis=1).sum()) < MIN_WET:
        return Lag(0, float("nan"), float("nan"), ratio, len(both))
    found = {}
    for shift in range(-MAX_LAG_H, MAX_LAG_H + 1):
        pair = np.sqrt(np.maximum(_pairs(first, second, shift), 0))
        found[shift] = _correlation(pair) if len(pair) >= MIN_HOURS else float("-inf")
    best = max(found, key=lambda k: (found[k], -abs(k)))
    return Lag(best, found[best], found[0], ratio, len(both))


def _pairs(first: pd.Series[float], second: pd.Series[float], shift: int) -> NDArray[np.float64]:
    """Return (hour, 2) the values of both where both are known, the second taken `shift` hours earlier."""
    moved = pd.DatetimeIndex(second.index) - pd.Timedelta(hours=shift)
    index = moved.get_indexer(pd.DatetimeIndex(first.index))
    pair = np.stack([first.to_numpy(np.float64), second.to_numpy(np.float64)[index]], axis=1)[index >= 0]
    return pair[np.isfinite(pair).all(axis=1)]


def _correlation(pair: NDArray[np.float64]) -> float:
    a, b = pair[:, 0] - pair[:, 0].mean(), pair[:, 1] - pair[:, 1].mean()
    spread = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / spread if spread > 0 else float("-inf")


def clocks_agree(grid: xr.DataArray, gauges: xr.DataArray, *, told: RainOptions, gauges_told: RainOptions) -> Said:
    """Hold observed rain on a grid against gauges, which tell the hour.

    Parameters
    ----------
    grid, gauges : hourly cubes [mm]. told, gauges_told : what the configuration says of both.

    Returns
    -------
    What was found, as a sentence.

    Raises
    ------
    AmbiguousError : one clock is off, and the configuration does not state stamp and zone of both; or the sums differ
        by more than MAX_RATIO, and it does not state the units of both.
    """
    lag = lag_of(area_means(grid), area_means(gauges))
    if np.isnan(lag.correlation):
        return Said(f"Gauges and grid share {lag.n} hours; too few, or too dry, to compare their clocks.",
                    f"雨量站与格点雨量共有 {lag.n} 个时次，不足以核对时间。")  # fmt: skip
    if lag.is_shifted and not all(o.stamp and o.time_zone for o in (told, gauges_told)):
        side = "behind" if lag.hours > 0 else "ahead of"
        what = (
            f"the gauges run {abs(lag.hours)} h {side} the grid (correlation {lag.correlation:.2f} at that shift, "
            f"without it {lag.at_zero:.2f}): a start taken for an end makes 1 h, Beijing time taken for UTC 8 h"
        )
        fix = "give `stamp` and `time_zone` of both inputs.rainfall.observed and inputs.rainfall.gauges"
        raise AmbiguousError(what, where="inputs.rainfall.gauges", fix=fix)
    if not 1 / MAX_RATIO <= lag.ratio <= MAX_RATIO and not (told.units and gauges_told.units):
        what = (
            f"over {lag.n} hours the gauges have {lag.ratio:.3g} times the rain of the grid: a unit is not what it says"
        )
        fix = "give `units` of both inputs.rainfall.observed and inputs.rainfall.gauges (0.1 mm, mm and m are mistaken)"
        raise AmbiguousError(what, where="inputs.rainfall.gauges", fix=fix)
    kept = " The configuration states both clocks; they were kept." if lag.is_shifted else ""
    kept_zh = "两者时间均由配置给定，未改动。" if lag.is_shifted else ""
    best = f"best shift {lag.hours:+d} h (correlation {lag.correlation:.2f}; without a shift {lag.at_zero:.2f})"
    best_zh = f"最佳时移 {lag.hours:+d} 小时（相关 {lag.correlation:.2f}，不移 {lag.at_zero:.2f}）"
    return Said(
        f"Gauges against grid over {lag.n} hours: {best}; the gauges have {lag.ratio:.2f} times the rain.{kept}",
        f"雨量站与格点雨量比对 {lag.n} 个时次：{best_zh}，站点雨量为格点的 {lag.ratio:.2f} 倍。{kept_zh}",
    )
