"""How far an area can be trusted, 1 (very high) to 4 (not reliable), from its noise in time and in space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
from scipy import ndimage

from geo_risk.hazards.deformation.areas.noise import F32, F64, Bool, robust_sigma

_NEAR = np.ones((3, 3))
_RATIO_BOUNDS = (0.1, 0.25, 0.5)
_INDEX_BOUNDS = (0.15, 0.35, 0.6)
_MINIMUM_DATES = 8

QUALITY_CONFIDENCE: Mapping[int, float] = {1: 1.0, 2: 0.9, 3: 0.7, 4: 0.4}
"""Factor of an area's confidence by its quality."""


@dataclass(frozen=True)
class Quality:
    """A grade 1-4, the two noise measures behind it (in time, in space), and their words (English, Chinese)."""

    grade: int
    temporal: float
    spatial: float
    words: tuple[str, str]


def map_quality(velocity: F32, velocity_std: F32, inside: Bool, *, mean_mm_yr: float) -> Quality:
    """Grade an area by its maps, where no series are at hand.

    Parameters
    ----------
    velocity, velocity_std : (y, x) mm/yr; NaN is missing.
    inside : (y, x) its cells.
    mean_mm_yr : its mean velocity.

    Returns
    -------
    temporal = median(velocity_std) / |mean|; spatial = 1.4826 MAD(v - mean of the 8 neighbours inside) / |mean|. The
    larger of both grades: 1 below 0.1, 2 below 0.25, 3 below 0.5, else 4 (also where nothing is known).
    """
    use = inside & np.isfinite(velocity)
    if not use.any() or not abs(mean_mm_yr) > 0:
        return Quality(4, np.nan, np.nan, ("no value in the area", "区内无有效值"))
    temporal = float(np.nanmedian(velocity_std[use])) / abs(mean_mm_yr) if np.isfinite(velocity_std[use]).any() else 1.0
    filled = np.where(use, velocity, 0).astype(np.float64)
    near = ndimage.convolve(filled, _NEAR, mode="constant") - filled
    n = ndimage.convolve(use.astype(np.float64), _NEAR, mode="constant") - use
    rough = (filled - near / np.maximum(n, 1))[use & (n >= 3)]
    spatial = robust_sigma(rough) / abs(mean_mm_yr) if rough.size else 1.0
    grade = _grade(max(temporal, spatial), _RATIO_BOUNDS)
    return Quality(grade, temporal, spatial, (
        f"standard error {temporal:.0%} and roughness {spatial:.0%} of the mean velocity",
        f"标准误差与粗糙度分别为平均速率的 {temporal:.0%} 和 {spatial:.0%}",
    ))  # fmt: skip


def series_quality(series_mm: F32) -> Quality:
    """Grade an area by the displacement series of its cells.

    Parameters
    ----------
    series_mm : (time, member) displacement in order of time; NaN is missing.

    Returns
    -------
    temporal = 1 - median over members of the lag-1 autocorrelation r1 of a series (about its mean, pairs of
    neighbouring dates that are both there); spatial = 1 - mean of the correlations of all pairs of members over their
    common dates. A smooth, common motion has both near 0, noise near 1. The larger of both grades: 1 below 0.15, 2
    below 0.35, 3 below 0.6, else 4; fewer than eight dates or two members give 4. r1 and pairwise correlation are the
    measures of Barra et al. 2017; the bounds are a choice of geo_risk.

    Raises
    ------
    ValueError : not two dimensions.
    """
    if series_mm.ndim != 2:
        what = f"series of shape {series_mm.shape}; (time, member) needed"
        raise ValueError(what)
    values = series_mm.astype(np.float64)
    values = values[:, np.isfinite(values).sum(axis=0) >= _MINIMUM_DATES]
    if values.shape[1] < 2:
        return Quality(4, np.nan, np.nan, ("too few series to compare", "可比较的时间序列不足"))
    return index_quality(float(np.median(lag_one(values))), pairwise_correlation(values))


def index_quality(lag_1: float, pairwise: float) -> Quality:
    """Grade an area by the lag-1 autocorrelation of its series and their pairwise correlation; NaN gives 4."""
    temporal, spatial = 1 - lag_1, 1 - pairwise
    return Quality(_grade(float(np.maximum(temporal, spatial)), _INDEX_BOUNDS), temporal, spatial, (
        f"series: lag-1 autocorrelation {lag_1:.2f}, pairwise correlation {pairwise:.2f}",
        f"时间序列一阶自相关 {lag_1:.2f}，两两相关 {pairwise:.2f}",
    ))  # fmt: skip


def regraded(areas: gpd.GeoDataFrame, indices: Mapping[str, Mapping[int, tuple[float, float]]]) -> gpd.GeoDataFrame:
    """Return the areas with the quality that the series of their cells show, where these are known.

    Parameters
    ----------
    areas : with label, velocity_track, quality, confidence and the reasons.
    indices : lag-1 autocorrelation and pairwise correlation by label, by track.

    Returns
    -------
    A copy. The confidence goes with the grade (`QUALITY_CONFIDENCE`); the reasons say both indices. An area without
    series keeps the grade of its maps.
    """
    out = areas.copy()
    for i in out.index:
        found = indices.get(str(out.at[i, "velocity_track"]), {}).get(int(out.at[i, "label"]))
        if found is None or not np.isfinite(found).all():
            continue
        quality = index_quality(*found)
        ratio = QUALITY_CONFIDENCE[quality.grade] / QUALITY_CONFIDENCE[int(out.at[i, "quality"])]
        out.at[i, "confidence"] = min(1.0, float(out.at[i, "confidence"]) * ratio)
        out.at[i, "quality"] = quality.grade
        english, chinese = quality.words
        for column in ("reasons", "reasons_en"):
            out.at[i, column] = f"{out.at[i, column]}; quality {quality.grade} by its {english}"
        out.at[i, "reasons_zh"] = f"{out.at[i, 'reasons_zh']}{chinese}，质量等级 {quality.grade}。"
    return out


def lag_one(series: F64) -> F64:
    """Return the lag-1 autocorrelation of each series (time, member); 0 where it does not vary.

    Sum of products of neighbouring known dates over their number, by the variance of the known dates.
    """
    centred = series - np.nanmean(series, axis=0)
    variance = np.nanmean(centred**2, axis=0)
    products = centred[1:] * centred[:-1]
    n = np.isfinite(products).sum(axis=0)
    mean = np.divide(np.nansum(products, axis=0), n, out=np.zeros(len(n)), where=n > 0)
    out: F64 = np.divide(mean, variance, out=np.zeros(len(n)), where=variance > 0)
    return out


def pairwise_correlation(series: F64) -> float:
    """Return the mean correlation of all pairs of series (time, member) over their common dates.

    Pairs with fewer than eight common dates or without variation count as 0.
    """
    known = np.isfinite(series).astype(np.float64)
    v = np.where(known > 0, series - np.nanmean(series, axis=0), 0.0)
    n = known.T @ known
    safe = np.maximum(n, 1)
    a, square = v.T @ known, (v**2).T @ known
    covariance = v.T @ v / safe - a * a.T / safe**2
    variance = square / safe - (a / safe) ** 2
    scale = np.sqrt(np.maximum(variance * variance.T, 0))
    usable = (n >= _MINIMUM_DATES) & (scale > 1e-12)
    r = np.divide(covariance, scale, out=np.zeros_like(scale), where=usable)
    above = np.triu_indices(len(r), k=1)
    return float(np.clip(r[above], -1, 1).mean())


def _grade(worst: float, bounds: tuple[float, ...]) -> int:
    return 1 + sum(not worst < b for b in bounds)
