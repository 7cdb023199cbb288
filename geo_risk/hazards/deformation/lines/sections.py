"""Settlement along axes by chainage: rates, differential settlement, angular distortion, sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import false_discovery_control
from shapely.ops import substring

from geo_risk.core.grid import Grid
from geo_risk.core.levels import classify
from geo_risk.hazards.deformation.areas.noise import F64
from geo_risk.hazards.deformation.lines.axes import Axis
from geo_risk.hazards.deformation.lines.params import LineParams
from geo_risk.hazards.deformation.lines.vertical import VerticalMap, source_of

I64 = NDArray[np.int64]

COLUMNS = (
    "segment_id", "route", "class", "part", "from_km", "to_km", "piece_ids", "known_share", "off_course_share",
    "n_cells",
    "settlement_mean_mm_yr", "settlement_mean_std_mm_yr", "settlement_worst_mm_yr", "settlement_worst_std_mm_yr",
    "differential_settlement_mm_yr_per_m", "differential_std_mm_yr_per_m", "worst_km", "base_m",
    "detectable_mm_yr_per_m", "p_differential", "p_settlement", "is_bending", "is_sinking",
    "distortion_now", "years_to_limit", "years_to_limit_low", "years_to_limit_high", "vertical_source", "level",
)  # fmt: skip
"""Columns of `line_sections` beside the geometry."""

_DETECTABLE_Z = 3.5
"""Standard errors that one pair among some tens must exceed to stand out (p = 0.01 over twenty pairs)."""


@dataclass(frozen=True)
class Stations:
    """The cells that an axis crosses, each once a passage.

    Attributes
    ----------
    chainage_m : (n,) mean chainage of the axis within the cell.
    length_m : (n,) how much of the axis lies in it.
    rows, columns : (n,) the cell.
    outside_m : (k,) chainage of every step of `step_m` that lies off the grid.
    step_m : length of such a step.
    """

    chainage_m: F64
    length_m: F64
    rows: I64
    columns: I64
    outside_m: F64
    step_m: float


@dataclass(frozen=True)
class Pairs:
    """Pairs of stations: first, second, distance [m], difference of rates (second - first), and its error [mm/yr]."""

    first: I64
    second: I64
    base_m: F64
    difference: F64
    std: F64


def stations(axis: Axis, grid: Grid) -> Stations:
    """Return the cells that an axis crosses, at the posting of the radar.

    Parameters
    ----------
    axis : in the CRS of the grid.
    grid : cells of the radar's posting; what lies outside is left out.

    Returns
    -------
    Stations in order of chainage. A cell whose corner is only just cut (less than a quarter of a cell) is left out,
    unless the axis has no other.
    """
    step = grid.resolution_m / 8
    n = max(1, int(np.ceil(axis.line.length / step)))
    at = (np.arange(n) + 0.5) * axis.line.length / n
    points = shapely.get_coordinates(shapely.line_interpolate_point(axis.line, at))
    rows, columns, inside = grid.index(points[:, 0], points[:, 1])
    cell = np.where(inside, rows * grid.shape[1] + columns, -1)
    group = np.concatenate([[0], np.cumsum(cell[1:] != cell[:-1])])
    size = np.bincount(group)
    first = np.concatenate([[0], np.cumsum(size)[:-1]])
    chainage = np.bincount(group, weights=at) / size
    length = size * axis.line.length / n
    keep = (cell[first] >= 0) & (length >= min(grid.resolution_m / 4, float(length.max())))
    return Stations(
        chainage[keep], length[keep], rows[first][keep], columns[first][keep], at[~inside], axis.line.length / n
    )


def pairs(along: Stations, vertical: VerticalMap, params: LineParams) -> Pairs:
    """Return the difference of rates of every two known stations that are one base apart, with its error.

    Parameters
    ----------
    along : stations of one axis.
    vertical : rates and their noise.
    params : shortest and longest base; the longest is at least 1.5 cells, so that neighbours are always a pair.

    Returns
    -------
    Pairs. The base is the larger of the difference of chainage and the distance of the cell centres. The variance of a
    difference is the two white parts plus 2 (C(0) - C(d)) of the shared part: what neighbours share cancels.
    """
    cell = vertical.grid.resolution_m
    reach = max(params.base_m, 1.5 * cell)
    rate = vertical.up[along.rows, along.columns].astype(np.float64)
    known = np.flatnonzero(np.isfinite(rate))
    last = np.searchsorted(along.chainage_m[known], along.chainage_m[known] + reach, side="right")
    count = last - np.arange(known.size) - 1
    first = np.repeat(np.arange(known.size), count)
    second = first + 1 + np.arange(first.size) - np.repeat(np.cumsum(count) - count, count)
    i, j = known[first], known[second]
    centres = np.hypot(along.rows[j] - along.rows[i], along.columns[j] - along.columns[i]) * cell
    base = np.maximum(along.chainage_m[j] - along.chainage_m[i], centres)
    # `reach` bounds the chainage; the centres of two cells met at a slant may stand a little further apart
    keep = (base >= params.minimum_base_m) & (centres > 0)
    i, j, base, centres = i[keep], j[keep], base[keep], centres[keep]
    noise = vertical.noise
    white = noise.white[along.rows, along.columns].astype(np.float64)
    shared = np.maximum(noise.shared(np.zeros(1)) - noise.shared(centres), 0.0)
    variance = white[i] ** 2 + white[j] ** 2 + 2 * shared
    return Pairs(i, j, base, rate[j] - rate[i], np.sqrt(variance))


def line_sections(
    axes: Sequence[Axis], vertical: VerticalMap, params: LineParams, *, span_yr: float
) -> gpd.GeoDataFrame:
    """Measure every section of every axis.

    Parameters
    ----------
    axes : in the CRS of the map's grid.
    vertical : vertical velocity with its noise, on cells of the radar's posting.
    params : of the lines.
    span_yr : how long was observed [yr]: the distortion so far is the rate times it, from an unbent start. NaN where
        that is not known: then the distortion so far is missing, and the years count from an unbent line.

    Returns
    -------
    COLUMNS with LineString geometry, in the order of the axes. Rates are NaN where nothing is seen. A section bends or
    sinks where this is significant over all sections (false-discovery rate); `level` is -1 where it is not known, and
    instead of 0 or 1 where any of it left its course at an end of the record (`off_course_share` of its length).
    """
    rows: list[dict[str, Any]] = []
    names: set[str] = set()
    for axis in axes:
        name = f"{axis.route}-{axis.part}"
        name = name if name not in names else f"{name}-{axis.category}"
        names.add(name)
        along = stations(axis, vertical.grid)
        found = pairs(along, vertical, params)
        n = max(1, round(axis.line.length / params.section_m))
        edges = np.linspace(0.0, axis.line.length, n + 1)
        for s in range(n):
            reach = (float(edges[s]), float(edges[s + 1]) + (0.0 if s < n - 1 else 1e-6))
            measured = _section(axis, along, found, vertical, reach)
            if measured is not None:
                known = {"route": axis.route, "class": axis.category, "part": axis.part}
                rows.append({"segment_id": f"{name}-K{edges[s] / 1000:.2f}"} | known | measured)
    frame = gpd.GeoDataFrame(
        pd.DataFrame(rows, columns=[*COLUMNS, "geometry"]), geometry="geometry", crs=vertical.grid.crs
    )
    return _judged(frame, params, span_yr=span_yr)


def _section(
    axis: Axis, along: Stations, found: Pairs, vertical: VerticalMap, reach: tuple[float, float]
) -> dict[str, Any] | None:
    """Return what is measured between two chainages [m]; None where that is wholly off the grid."""
    low, high = reach

    def within(at: F64) -> NDArray[np.bool_]:
        return np.asarray((at >= low) & (at < high))

    here = within(along.chainage_m)
    whole = float(along.length_m[here].sum()) + along.step_m * float(within(along.outside_m).sum())
    if not here.any() and whole > 0:
        return None
    rows, columns = along.rows[here], along.columns[here]
    rate = vertical.up[rows, columns].astype(np.float64)
    known, off = np.isfinite(rate), vertical.is_off((rows, columns))
    out: dict[str, Any] = {
        "from_km": low / 1000, "to_km": high / 1000, "geometry": substring(axis.line, low, high),
        "piece_ids": ",".join(dict.fromkeys(p.id for p in axis.pieces if p.from_m < high and p.to_m > low)),
        "known_share": float(along.length_m[here][known].sum()) / whole if whole > 0 else 0.0,
        "off_course_share": float(along.length_m[here][off].sum()) / whole if whole > 0 else 0.0,
        "n_cells": int(known.sum()),
        "vertical_source": source_of(vertical.source[rows, columns]),
    }  # fmt: skip
    if known.any():
        weights = along.length_m[here][known] / along.length_m[here][known].sum()
        matrix = vertical.noise.matrix(rows[known], columns[known])
        worst = int(np.argmin(rate[known]))
        mean, std = float(weights @ rate[known]), float(np.sqrt(weights @ matrix @ weights))
        out |= {
            "settlement_mean_mm_yr": mean, "settlement_mean_std_mm_yr": std,
            "settlement_worst_mm_yr": float(rate[known][worst]),
            "settlement_worst_std_mm_yr": float(np.sqrt(matrix[worst, worst])),
            "p_settlement": _p_sinking(rate[known], matrix, mean, std),
        }  # fmt: skip
    middle = (along.chainage_m[found.first] + along.chainage_m[found.second]) / 2
    return out | _steepest(along, found, within(middle))


def _p_sinking(rate: F64, matrix: F64, mean: float, std: float) -> float:
    """Return the chance that a still section looks as if it sank: by its mean, or by its worst cell, doubled."""
    of_mean = float(ndtr(mean / std)) if std > 0 else float(mean >= 0)
    sigma = np.sqrt(np.diag(matrix))
    z = np.divide(rate, sigma, out=np.where(rate < 0, -np.inf, 0.0), where=sigma > 0)
    of_worst = -np.expm1(len(rate) * np.log1p(-min(float(ndtr(z.min())), 1 - 1e-16)))
    return float(min(1.0, 2 * min(of_mean, of_worst)))


def _steepest(along: Stations, found: Pairs, chosen: NDArray[np.bool_]) -> dict[str, Any]:
    """Return the pair that stands out most from its noise, and the chance of it among as many pairs of noise."""
    if not chosen.any():
        return {}
    base, difference, std = found.base_m[chosen], found.difference[chosen], found.std[chosen]
    z = np.divide(np.abs(difference), std, out=np.full(std.shape, np.inf), where=std > 0)
    z[(std == 0) & (difference == 0)] = 0.0
    n = len(z)
    p = 2 * ndtr(-z)
    sure = p * n < 0.01
    slope = np.abs(difference) / base
    # of those that noise cannot make the steepest, else the one least like noise
    k = int(np.argmax(np.where(sure, slope, -1.0))) if sure.any() else int(np.argmax(z))
    pair_p = float(-np.expm1(n * np.log1p(-min(float(p[int(np.argmax(z))]), 1 - 1e-16))))
    i, j = found.first[chosen][k], found.second[chosen][k]
    return {
        "differential_settlement_mm_yr_per_m": float(slope[k]), "differential_std_mm_yr_per_m": float(std[k] / base[k]),
        "worst_km": float(along.chainage_m[i] + along.chainage_m[j]) / 2000, "base_m": float(base[k]),
        "detectable_mm_yr_per_m": float(np.median(std / base) * _DETECTABLE_Z), "p_differential": pair_p,
    }  # fmt: skip


def _judged(frame: gpd.GeoDataFrame, params: LineParams, *, span_yr: float) -> gpd.GeoDataFrame:
    """Add what holds over all sections together: significance, distortion, years to the limit, level."""
    out = frame.copy()
    texts = {"segment_id", "route", "class", "piece_ids", "vertical_source", "geometry"}
    for column in out.columns.difference(list(texts)):
        out[column] = pd.to_numeric(out[column]).astype("float64")
    for flag, p in (("is_bending", "p_differential"), ("is_sinking", "p_settlement")):
        out[flag] = _discoveries(out[p].to_numpy(), params.significance)
    rate = out["differential_settlement_mm_yr_per_m"].to_numpy() / 1000
    std = out["differential_std_mm_yr_per_m"].to_numpy() / 1000
    bending = out["is_bending"].to_numpy()
    out["distortion_now"] = np.where(bending, rate * span_yr, np.nan)
    for name, speed in (("", rate), ("_low", rate + 1.96 * std), ("_high", rate - 1.96 * std)):
        with np.errstate(divide="ignore", invalid="ignore"):
            left = params.distortion_limit / speed - np.nan_to_num(span_yr)
            years = np.where(speed > 0, np.maximum(left, 0.0), np.inf)
        out[f"years_to_limit{name}"] = np.where(bending & np.isfinite(years), years, np.nan)
    out["level"] = _levels(out, params)
    out["part"], out["n_cells"] = out["part"].astype("int64"), out["n_cells"].fillna(0).astype("int64")
    return gpd.GeoDataFrame(out[[*COLUMNS, "geometry"]], geometry="geometry", crs=frame.crs)


def _discoveries(p: F64, significance: float) -> NDArray[np.bool_]:
    """Return which p-values are significant at a false-discovery rate; missing ones are not."""
    known = np.isfinite(p)
    out = np.zeros(p.shape, dtype=bool)
    if known.any():
        out[known] = false_discovery_control(np.clip(p[known], 0, 1)) <= significance
    return out


def _levels(out: gpd.GeoDataFrame, params: LineParams) -> NDArray[np.int8]:
    bending, sinking = out["is_bending"].to_numpy(), out["is_sinking"].to_numpy()
    # years fall as the level rises: turn both round
    years = np.where(bending, out["years_to_limit"].to_numpy(), np.inf)
    by_years = sum((years <= b).astype(np.int8) for b in params.years_bounds)
    # the worst of several cells is partly noise: it counts less two of its standard errors
    worst = out["settlement_worst_mm_yr"].to_numpy() + 2 * out["settlement_worst_std_mm_yr"].to_numpy()
    rate = -np.minimum(worst, out["settlement_mean_mm_yr"].to_numpy())
    by_rate = classify(np.where(sinking, rate, 0.0), params.settlement_bounds_mm_yr)
    level = np.maximum(by_years, np.minimum(by_rate, params.settlement_maximum_level)).astype(np.int8)
    severe = params.distortion_limit * 1000 / params.years_bounds[-1]
    unseen = ~(out["known_share"].to_numpy() >= params.minimum_known_share)
    noisy = ~(out["detectable_mm_yr_per_m"].to_numpy() <= severe)
    moved = out["off_course_share"].to_numpy() > 0
    # what is known to be low says nothing of the part that is not seen, nor of what left its course since
    return np.where((level <= 1) & (unseen | noisy | moved), np.int8(-1), level).astype(np.int8)
