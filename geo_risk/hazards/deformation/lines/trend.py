"""Whether a mean series sinks faster or slower of late: two rates with one bend, and their difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from geo_risk.hazards.deformation.areas.noise import F64
from geo_risk.hazards.deformation.lines.params import WatchParams
from geo_risk.hazards.deformation.motion.correction import years

TRENDS = ("accelerating", "steady", "easing", "unknown")
MONTHS_PER_YEAR = 12.0


@dataclass(frozen=True)
class Trend:
    """Rates before and in the last period [mm/yr], their difference and its standard error, and the verdict."""

    verdict: str
    before_mm_yr: float
    recent_mm_yr: float
    change_mm_yr: float
    change_std_mm_yr: float


_UNKNOWN = Trend("unknown", *(float("nan"),) * 4)


def recent_trend(t_yr: F64, displacement_mm: F64, std_mm: F64, params: WatchParams) -> Trend:
    """Compare the rate of the last period with the one before.

    Parameters
    ----------
    t_yr : (time,) years, increasing.
    displacement_mm : (time,) vertical or line-of-sight displacement; sinking is negative. NaN is missing.
    std_mm : (time,) standard errors; where none is known all dates weigh the same.
    params : length of the last period, fewest dates, and what counts as a change.

    Returns
    -------
    Trend. Model: offset, rate, change of rate from (last date - `recent_months`) on, and a yearly term where 1.5 years
    are known. Least squares weighted by 1/std^2; the covariance is scaled by the residuals and by
    (1 + r)/(1 - r) for their lag-1 correlation r > 0. "accelerating": sinks faster by more than `trend_z` standard
    errors and `minimum_change_mm_yr`; "easing": slower by as much; "steady": neither, and the change with its error
    (`trend_z` standard errors) stays within `steady_change_mm_yr`; else "unknown", with the numbers: an error so wide
    may hide a change. "unknown" without numbers: too few dates in either period, or the first shorter than half the
    second.

    Raises
    ------
    ValueError : arrays of different length.
    """
    if not t_yr.shape == displacement_mm.shape == std_mm.shape:
        what = f"shapes {t_yr.shape}, {displacement_mm.shape}, {std_mm.shape} differ"
        raise ValueError(what)
    known = np.isfinite(displacement_mm)
    t, d, sigma = t_yr[known], displacement_mm[known], std_mm[known]
    if not t.size:
        return _UNKNOWN
    bend = t[-1] - params.recent_months / MONTHS_PER_YEAR
    early, late = int((t < bend).sum()), int((t >= bend).sum())
    if min(early, late) < params.minimum_dates or bend - t[0] < 0.5 * (t[-1] - bend):
        return _UNKNOWN
    columns = [np.ones(t.size), t - bend, np.maximum(t - bend, 0.0)]
    if t[-1] - t[0] >= 1.5 and t.size >= 20:
        columns += [np.sin(2 * np.pi * t), np.cos(2 * np.pi * t)]
    design = np.stack(columns, axis=1)
    usable = np.isfinite(sigma) & (sigma > 0)
    weight = 1 / np.where(usable, sigma, np.median(sigma[usable]) if usable.any() else 1.0)
    scaled = design * weight[:, None]
    inverse = np.linalg.pinv(scaled.T @ scaled)
    solved = inverse @ (scaled.T @ (d * weight))
    rest = (d - design @ solved) * weight
    degrees = t.size - design.shape[1]
    lag = float(rest[:-1] @ rest[1:] / (rest @ rest)) if rest @ rest > 0 else 0.0
    inflate = (1 + min(lag, 0.9)) / (1 - min(lag, 0.9)) if lag > 0 else 1.0
    change = float(solved[2])
    std = float(np.sqrt(inverse[2, 2] * (rest @ rest) / degrees * inflate))
    if not np.isfinite(change + std):
        return _UNKNOWN
    return Trend(_verdict(change, std, params), float(solved[1]), float(solved[1]) + change, change, std)


def combined_trend(trends: Sequence[Trend], params: WatchParams) -> Trend:
    """Return one trend from those of several tracks: means weighted by the inverse variance of the change.

    Parameters
    ----------
    trends : of one body, all vertical; those without numbers have no say, those too noisy to tell by themselves do.
    params : what counts as a change.
    """
    known = [t for t in trends if np.isfinite(t.change_mm_yr) and t.change_std_mm_yr > 0]
    if not known:
        return _UNKNOWN
    weight = np.array([1 / t.change_std_mm_yr**2 for t in known])
    share = weight / weight.sum()
    before = float(share @ [t.before_mm_yr for t in known])
    change = float(share @ [t.change_mm_yr for t in known])
    std = float(1 / np.sqrt(weight.sum()))
    return Trend(_verdict(change, std, params), before, before + change, change, std)


def body_trends(series: Sequence[xr.Dataset], params: WatchParams) -> dict[int, Trend]:
    """Return the trend of every body over all tracks.

    Parameters
    ----------
    series : one dataset a track: displacement_mm, displacement_std_mm (time, label) along the line of sight and los_up
        (label); the motion is taken as vertical, so both are divided by los_up.
    params : of the trend.
    """
    found: dict[int, list[Trend]] = {}
    for track in series:
        t = years(track["time"].to_numpy())
        for label in track["label"].to_numpy().tolist():
            body = track.sel(label=label)
            up = float(body["los_up"])
            if abs(up) > 0.1:
                d, std = (
                    body[n].to_numpy().astype(np.float64) / up for n in ("displacement_mm", "displacement_std_mm")
                )
                found.setdefault(int(label), []).append(recent_trend(t, d, np.abs(std), params))
    return {label: combined_trend(trends, params) for label, trends in found.items()}


def _verdict(change: float, std: float, params: WatchParams) -> str:
    sure = abs(change) > params.trend_z * std and abs(change) >= params.minimum_change_mm_yr
    if sure:
        return "accelerating" if change < 0 else "easing"
    return "steady" if abs(change) + params.trend_z * std <= params.steady_change_mm_yr else "unknown"
