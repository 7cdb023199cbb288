"""Mining clues: bodies that sink like bowls, each fitted, dated and compared with the licences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy import ndimage
from shapely import unary_union
from shapely.geometry import Point, Polygon

from geo_risk.core.grid import Grid
from geo_risk.core.schemas import conform
from geo_risk.hazards.deformation.areas.noise import Bool
from geo_risk.hazards.deformation.areas.tiles import Windows, grown
from geo_risk.hazards.deformation.mining.bodies import Body, reach_m
from geo_risk.hazards.deformation.mining.bowl import Bowl, bowl_outline
from geo_risk.hazards.deformation.mining.bowl_fit import BowlFit, fit_bowl
from geo_risk.hazards.deformation.mining.bowl_series import Cut, against_stable, looks_of, lost_cells
from geo_risk.hazards.deformation.mining.licences import Said, Verdict, influence_draws, judge, no_verdict
from geo_risk.hazards.deformation.mining.onset import Onset, onset_of, progress_of
from geo_risk.hazards.deformation.mining.params import MiningParams

_MINIMUM_STILL = 30
_MOST_SURE = 0.95
"""Confidence of a perfect fit: other ground than that over mines can sink like a bowl."""
_EIGHT = np.ones((3, 3), dtype=bool)
_COMPASS = (("north", "北"), ("north-east", "东北"), ("east", "东"), ("south-east", "东南"), ("south", "南"),
            ("south-west", "西南"), ("west", "西"), ("north-west", "西北"))  # fmt: skip


@dataclass(frozen=True)
class Found:
    """A body with the bowl that fits it, and when it began to sink."""

    body: Body
    fit: BowlFit
    onset: Onset
    first_date: str | None
    outline: Polygon


def fit_body(body: Body, cuts: Sequence[Cut], labels: Windows, grid: Grid, params: MiningParams) -> Found | None:
    """Fit a bowl to a body, and date it.

    Parameters
    ----------
    body : as `find_bodies` returned it.
    cuts : tracks around it, as the readers give them; years of all count from the first date of any.
    labels : (y, x) active areas on `grid`, by window: what they hold is no stable ground.

    Returns
    -------
    None where no bowl fits to `maximum_misfit` or `maximum_chi2`. Where the body began to sink within the observations
    the bowl is fitted to the time since then.
    """
    local, masks = zip(*(_local(body, c, labels, grid) for c in cuts), strict=True)
    span = max(float(c.years[-1]) for c in cuts)
    fit = _fitted(body, local, masks, span, params)
    if fit is None:
        return None
    onset = onset_of(progress_of(fit.bowl, local, near=[near for _, near in masks]))
    if not onset.is_before_start:
        later = [c for c in (_since(c, onset.years) for c in local) if c is not None]
        again = _fitted(body, later, masks, span - onset.years, params) if len(later) == len(local) else None
        fit = fit if again is None else again
    first = _calendar(cuts, onset.years)
    return Found(body, fit, onset, first, bowl_outline(fit.bowl, params.boundary_mm))


def _local(body: Body, cut: Cut, labels: Windows, grid: Grid) -> tuple[Cut, tuple[Bool, Bool]]:
    """Return a cut against the stable ground around, and its cells that move, and that the bowl is fitted to."""
    rows, columns, inside = grid.index(cut.x, cut.y)
    box = grown((slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)), 3, grid.shape)
    at = (rows - box[0].start, columns - box[1].start)
    own = body.cells.within(box)
    of_body = ndimage.binary_dilation(own, _EIGHT, iterations=3)[at] & inside
    others = ndimage.binary_dilation((labels[box] > 0) & ~own, _EIGHT)[at] & inside
    close = np.hypot(cut.x - body.x, cut.y - body.y) <= reach_m(body)
    near = close & ~(others & ~of_body)
    moving = of_body | others | (close & ndimage.binary_dilation(own, _EIGHT)[at])
    known = np.isfinite(cut.displacement_mm).any(axis=0)
    if (known & ~moving).sum() < _MINIMUM_STILL:
        # a bowl within a wide cone: what surrounds it is the reference, although it sinks too
        moving = close
    return against_stable(cut, moving), (moving, near)


def _fitted(
    body: Body, cuts: Sequence[Cut], masks: Sequence[tuple[Bool, Bool]], span_yr: float, params: MiningParams
) -> BowlFit | None:
    looks = [
        look for cut, (moving, near) in zip(cuts, masks, strict=True)
        for look in looks_of(cut, span_yr, moving=moving, near=near, params=params)
    ]  # fmt: skip
    lost = [
        lost_cells(cut, span_yr, near=near, params=params) for cut, (_, near) in zip(cuts, masks, strict=True)
    ]  # fmt: skip
    size = body.radius_m
    start = Bowl(body.x, body.y, body.rate_mm_yr * span_yr, 0.7 * size, size, 0.0, 0.8 * size, span_yr)
    try:
        fit = fit_bowl(looks, start, params, lost=lost)
    except ValueError:
        return None
    return fit if fit.misfit <= params.maximum_misfit or fit.reduced_chi2 <= params.maximum_chi2 else None


def without_bowl(areas: gpd.GeoDataFrame, bodies: Sequence[Body], found: Sequence[Found]) -> list[str]:
    """Return the ids of moving areas of kind mining_subsidence that neither a body nor a fitted bowl touches.

    Parameters
    ----------
    areas : `area_id`, `kind` and polygons. bodies, found : all of them, in the same CRS.
    """
    shapes = [Point(b.x, b.y).buffer(b.radius_m) for b in bodies] + [f.outline for f in found]
    mining = areas[areas["kind"] == "mining_subsidence"]
    apart = ~mining.geometry.intersects(unary_union(shapes)) if shapes else np.ones(len(mining), dtype=bool)
    return sorted(mining.loc[apart, "area_id"].astype(str))


def _since(cut: Cut, years: float) -> Cut | None:
    keep = cut.years >= years - 1e-9
    if keep.sum() < 6:
        return None
    return replace(cut, years=cut.years[keep] - years, displacement_mm=cut.displacement_mm[keep])


def _calendar(cuts: Sequence[Cut], years: float) -> str | None:
    known = [c.first_date for c in cuts if c.first_date is not None]
    if not known:
        return None
    return str(np.datetime64(min(known), "D") + np.timedelta64(round(years * 365.25), "D"))


def mining_clues(
    found: Sequence[Found], crs: str, params: MiningParams, *, licences: gpd.GeoDataFrame | None
) -> tuple[gpd.GeoDataFrame, list[Said]]:
    """Return the bowls with a verdict each, the gravest first, and notes.

    Parameters
    ----------
    found : bowls that were fitted, in `crs`.
    licences : polygons with `licence_id` in that CRS; None where none were given. Without a licence to compare with
        (none given, or none readable) every verdict is "unknown", its probability and shares missing, and a note says
        so: a bowl is then neither lawful nor accused.

    Returns
    -------
    A frame that conforms to `mining_clues` (geometry: the boundary of the bowl; reasons also as reasons_zh and
    reasons_en; rows by share outside licences, then by sinking), and notes (English, Chinese). Draws are
    seeded: the same bowls give the same verdicts.
    """
    rows, order = [], []
    is_compared = licences is not None and len(licences) > 0
    for f in found:
        rng = np.random.default_rng(20_250_101)
        said = _said_of_bowl(f, params)
        if licences is None or not is_compared:
            verdict = no_verdict(f.fit, params, rng=rng)
        else:
            verdict = judge(f.fit, licences, params, since=f.first_date, rng=rng)
        rows.append(_row(f, verdict, said, params))
        order.append((-verdict.outside_share if is_compared else 0.0, -f.body.rate_mm_yr))
    notes = [_no_licences(len(rows), is_given=licences is not None)] if rows and not is_compared else []
    ranked = [rows[k] for k in sorted(range(len(rows)), key=lambda k: order[k])]
    table = pd.DataFrame([{k: v for k, v in r.items() if k != "geometry"} for r in ranked])
    table = table.assign(clue_id=_unique(table["clue_id"])) if ranked else pd.DataFrame({"clue_id": []})
    shapes = gpd.GeoSeries([r["geometry"] for r in ranked], crs=crs)
    out: gpd.GeoDataFrame = conform(gpd.GeoDataFrame(table, geometry=shapes, crs=crs), "mining_clues")
    return out, notes


def _no_licences(n: int, *, is_given: bool) -> Said:
    why, why_zh = ("no licence could be read from inputs.mines", "inputs.mines 中无可读取的采矿权") if is_given else (
        "no licences were given (inputs.mines)", "未提供矿权范围（inputs.mines）"
    )  # fmt: skip
    return (f"{n} mining clues have no verdict, because {why}: unknown, which does not mean licensed",
            f"{why_zh}：{n} 处采矿线索不作判定（未知），不等于合法开采")  # fmt: skip


def _row(f: Found, verdict: Verdict, said: Sequence[Said], params: MiningParams) -> dict[str, Any]:
    bowl, body = f.fit.bowl, f.body
    depth, low, high = depth_of(f.fit, params)
    radius, error = f.fit.radius(params.boundary_mm)
    every = [*said, *verdict.said]
    english, chinese = "; ".join(en for en, _ in every), "；".join(zh for _, zh in every) + "。"
    sure = min(1.0, body.strain_per_yr / (3 * params.minimum_strain_per_yr))
    # without a verdict the confidence is that of the bowl alone
    judged = verdict.probability if np.isfinite(verdict.probability) else 1.0
    return {
        "clue_id": f"MC-{round(bowl.x / 50) * 50:.0f}-{round(bowl.y / 50) * 50:.0f}",
        "max_subsidence_mm_yr": body.rate_mm_yr, "radius_m": radius,
        "roundness": body.roundness, "depth_estimate_m": depth, "licence_id": verdict.licence_id,
        "verdict": verdict.verdict, "outside_share": verdict.outside_share, "first_active": f.first_date,
        "confidence": _MOST_SURE * float(np.clip(1 - f.fit.misfit, 0, 1)) * sure * judged,
        "reasons": english, "reasons_en": english, "reasons_zh": chinese,
        "radius_std_m": error, "depth_low_m": low, "depth_high_m": high, "verdict_probability": verdict.probability,
        "outside_low": verdict.low, "outside_high": verdict.high,
        "influence_low_m": verdict.influence_low_m, "influence_high_m": verdict.influence_high_m,
        "beyond_share": verdict.beyond_share, "beyond_low": verdict.beyond_low, "beyond_high": verdict.beyond_high,
        "azimuth_deg": bowl.compass_deg if _has_direction(f.fit) else np.nan,
        "advance_m_yr": bowl.advance_m_yr if _has_direction(f.fit) else np.nan, "geometry": f.outline,
    }  # fmt: skip


def _unique(ids: pd.Series[Any]) -> list[str]:
    again = ids.groupby(ids).cumcount()
    return [f"{i}-{n + 1}" if n else str(i) for i, n in zip(ids, again, strict=True)]


def depth_of(fit: BowlFit, params: MiningParams) -> tuple[float, float, float]:
    """Return the depth H = r tan(beta) [m] and its 95 % interval over the fit's error and the range of tan(beta).

    The depth is NaN where the influence radius is known to worse than `maximum_depth_spread` (the middle of the bowl
    was lost, or the noise hides its rim); the interval is given all the same.
    """
    rng = np.random.default_rng(20_250_102)
    depth, _ = influence_draws(fit.draws(4 * params.n_draws, rng), params, rng)
    low, high = (float(q) for q in np.quantile(depth, [0.025, 0.975]))
    known = fit.sigma("log influence") <= params.maximum_depth_spread
    return (fit.bowl.influence_m * params.tan_beta if known else float("nan")), low, high


def _has_direction(fit: BowlFit) -> bool:
    """Return whether the direction the face moves in is known to 30 degrees, and that it moves at all."""
    return fit.bowl.is_moving and fit.sigma("azimuth") <= np.deg2rad(30) and fit.sigma("log length") <= 0.5


def _said_of_bowl(f: Found, params: MiningParams) -> list[Said]:
    bowl, body = f.fit.bowl, f.body
    radius, error = f.fit.radius(params.boundary_mm)
    spread = 1.96 * error
    depth, low, high = depth_of(f.fit, params)
    tangents = f"{params.tan_beta_range[0]:g}-{params.tan_beta_range[1]:g}"
    out: list[Said] = [
        (f"a bowl that sinks up to {body.rate_mm_yr:.0f} mm/yr where it is seen ({body.strain_per_yr:.1e} a year of "
         f"its radius), {radius:.0f} +- {spread:.0f} m to the {params.boundary_mm:g} mm boundary",
         f"沉陷盆地可见最大下沉 {body.rate_mm_yr:.0f} 毫米/年（相当于半径的 {body.strain_per_yr:.1e}/年），"
         f"{params.boundary_mm:g} 毫米边界半径 {radius:.0f}±{spread:.0f} 米"),
        (f"the probability integral method leaves {f.fit.misfit:.0%} of it beyond the noise, with an influence radius "
         f"of {bowl.influence_m:.0f} m",
         f"概率积分法拟合残差（扣除噪声）{f.fit.misfit:.0%}，主要影响半径 {bowl.influence_m:.0f} 米"),
        (f"H is {low:.0f}-{high:.0f} m for tan(beta) {tangents}" if np.isfinite(depth) else
         f"depth not determined ({low:.0f}-{high:.0f} m): what is seen does not fix the influence radius",
         f"按 tan(β) {tangents} 推算采深 {low:.0f}-{high:.0f} 米" if np.isfinite(depth) else
         f"采深无法确定（{low:.0f}-{high:.0f} 米）：可见部分不足以约束主要影响半径"),
    ]  # fmt: skip
    if f.fit.n_lost:
        out.append((f"{f.fit.n_lost} cells were lost where it moves fastest: a lower bound of its speed",
                    f"{f.fit.n_lost} 个像元因形变过快失相干，作为速度下限使用"))  # fmt: skip
    return [*out, _said_of_face(f.fit), *_said_of_onset(f)]


def _said_of_face(fit: BowlFit) -> Said:
    bowl = fit.bowl
    size = f"{bowl.length_m:.0f} x {bowl.width_m:.0f}"
    if not _has_direction(fit):
        return (f"a working of about {size} m, its direction not determined",
                f"采动范围约 {size} 米，推进方向无法确定")  # fmt: skip
    english, chinese = _COMPASS[round(bowl.compass_deg / 45) % 8]
    error = 1.96 * bowl.advance_m_yr * fit.sigma("log length")
    pace = f"{bowl.advance_m_yr:.0f}"
    return (f"{size} m were mined, the face moves {english} ({bowl.compass_deg:.0f} deg) at {pace} +- {error:.0f} m/yr",
            f"采动 {size} 米，工作面向{chinese}（{bowl.compass_deg:.0f}°）推进，"
            f"每年 {pace}±{error:.0f} 米")  # fmt: skip


def _said_of_onset(f: Found) -> list[Said]:
    if f.first_date is None:
        return [("the product has no dates: when it began is not known", "产品无日期，开始时间未知")]
    if f.onset.is_before_start:
        return [(f"it already sank at the first image ({f.first_date}): it began then or before",
                 f"首期影像（{f.first_date}）时已在下沉，开始时间不晚于此")]  # fmt: skip
    days = (f.onset.high - f.onset.low) / 2 * 365.25
    return [(f"it began to sink about {f.first_date} (+- {days:.0f} days)",
             f"约于 {f.first_date}（±{days:.0f} 天）开始下沉")]  # fmt: skip
