"""Mining clues: bodies that sink like bowls, each fitted, dated and compared with the licences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage
from shapely.geometry import Polygon

from geo_risk.core.grid import Grid
from geo_risk.core.schemas import conform
from geo_risk.hazards.deformation.areas.noise import F32, Bool
from geo_risk.hazards.deformation.areas.patch import Patch
from geo_risk.hazards.deformation.areas.tiles import Windows, grown, tiles
from geo_risk.hazards.deformation.mining.bowl import Bowl, bowl_outline
from geo_risk.hazards.deformation.mining.bowl_fit import BowlFit, fit_bowl
from geo_risk.hazards.deformation.mining.bowl_series import Cut, against_stable, looks_of, lost_cells
from geo_risk.hazards.deformation.mining.licences import Said, Verdict, influence_draws, judge
from geo_risk.hazards.deformation.mining.onset import Onset, onset_of, progress_of
from geo_risk.hazards.deformation.mining.params import MiningParams

_TILE = 1024
_MINIMUM_FAST = 4
_LEAST_UP = 0.1
_MINIMUM_DRIFT = 6
_MINIMUM_STILL = 30
_MOST_SURE = 0.95
"""Confidence of a perfect fit: other ground than that over mines can sink like a bowl."""
_EIGHT = np.ones((3, 3), dtype=bool)
_COMPASS = (("north", "北"), ("north-east", "东北"), ("east", "东"), ("south-east", "东南"), ("south", "南"),
            ("south-west", "西南"), ("west", "西"), ("north-west", "西北"))  # fmt: skip


@dataclass(frozen=True)
class Body:
    """A body that sinks fast and compactly.

    Attributes
    ----------
    cells : on the detection grid, with the values lost in its middle.
    x, y : its centre [m]; radius_m : of the circle with its area.
    rate_mm_yr : fastest known sinking.
    roundness : short over long axis of its second moments.
    """

    cells: Patch
    x: float
    y: float
    radius_m: float
    rate_mm_yr: float
    roundness: float

    @property
    def strain_per_yr(self) -> float:
        """Fastest sinking over the radius."""
        return self.rate_mm_yr / 1000 / self.radius_m


@dataclass(frozen=True)
class Found:
    """A body with the bowl that fits it, and when it began to sink."""

    body: Body
    fit: BowlFit
    onset: Onset
    first_date: str | None
    outline: Polygon


def find_bodies(
    labels: NDArray[np.int32], up_mm_yr: Windows, grid: Grid, params: MiningParams, *, context: Mapping[str, Windows]
) -> list[Body]:
    """Return the bodies within the active areas that may be bowls of mining.

    Parameters
    ----------
    labels : (y, x) label raster of the active areas, 0 where still.
    up_mm_yr : (y, x) vertical velocity on `grid`, NaN where lost; by window.
    context : (y, x) maps velocity_east [mm/yr] and slope_deg [degree] where they are known, by window. Below
        `steep_strain_per_yr` a body on steep ground, or one whose mean east motion exceeds `maximum_east_share` of
        its mean sinking, is a slide.
    """
    fast, unknown = (np.zeros(labels.shape, dtype=bool) for _ in range(2))
    for t in tiles((labels.shape[0], labels.shape[1]), _TILE, 1):
        sinking = -np.asarray(up_mm_yr[t.core])
        near = ndimage.binary_dilation(labels[t.window] > 0, _EIGHT)[t.inside]
        fast[t.core] = (np.nan_to_num(sinking) >= params.minimum_subsidence_mm_yr) & near
        unknown[t.core] = ~np.isfinite(sinking)
    lost = unknown & ndimage.binary_dilation(fast, _EIGHT, iterations=2)
    shapes = _filled(ndimage.binary_closing(fast | lost, _EIGHT) | fast | lost)
    bodies = [_body(s, -np.asarray(up_mm_yr[s.box]), grid) for s in shapes if fast[s.indices].sum() >= _MINIMUM_FAST]
    return [b for b in bodies if _is_compact(b, grid, params) and not _is_slide(b, up_mm_yr, context, params)]


def _filled(cells: Bool) -> list[Patch]:
    """Return the connected bodies of a mask with their holes filled; what lies in a hole of another belongs to it."""
    parts, _ = ndimage.label(cells, structure=_EIGHT)
    boxes = ndimage.find_objects(parts)
    out: list[Patch] = []
    taken = np.zeros(cells.shape, dtype=bool)
    # whatever lies in a hole has a smaller window than what is around it
    for k in sorted(range(len(boxes)), key=lambda k: -(parts[boxes[k]].size)):
        inside = parts[boxes[k]] == k + 1
        if (taken[boxes[k]] & inside).any():
            continue
        body = Patch.of(ndimage.binary_fill_holes(inside), boxes[k][0].start, boxes[k][1].start)
        taken[body.indices] = True
        out.append(body)
    return sorted(out, key=lambda p: p.first)


def _body(cells: Patch, sinking: F32, grid: Grid) -> Body:
    """Return what is measured of a body; `sinking` in its window."""
    y, x = cells.indices
    eigen = np.linalg.eigvalsh(np.cov(np.stack([x, y]), bias=True) + np.eye(2) / 12)
    coords = grid.coords()
    return Body(
        cells, float(coords["x"][x].mean()), float(coords["y"][y].mean()),
        float(np.sqrt(cells.sum() * grid.cell_area_m2 / np.pi)),
        float(np.nanmax(np.where(cells.mask, sinking, np.nan))),
        float(np.clip(np.sqrt(float(eigen[0]) / float(eigen[1])), 0, 1)),
    )  # fmt: skip


def _is_compact(body: Body, grid: Grid, params: MiningParams) -> bool:
    round_enough = body.roundness >= params.minimum_roundness and body.radius_m >= 1.5 * grid.resolution_m
    return round_enough and body.strain_per_yr >= params.minimum_strain_per_yr and (
        body.radius_m <= params.maximum_radius_m
    )  # fmt: skip


def _is_slide(body: Body, up_mm_yr: Windows, context: Mapping[str, Windows], params: MiningParams) -> bool:
    """Return whether a body with little strain lies on steep ground or drifts one way: then it is no bowl."""
    if body.strain_per_yr >= params.steep_strain_per_yr:
        return False
    box, cells = body.cells.box, body.cells.mask
    if "slope_deg" in context:
        slope = np.asarray(context["slope_deg"][box])[cells]
        slope = slope[np.isfinite(slope)]
        if slope.size and float(np.median(slope)) >= params.steep_slope_deg:
            return True
    if "velocity_east" not in context:
        return False
    east, sinking = np.asarray(context["velocity_east"][box])[cells], -np.asarray(up_mm_yr[box])[cells]
    both = np.isfinite(sinking) & np.isfinite(east)
    # a few cells at one side of a bowl whose middle was lost drift too: they say nothing of the whole
    enough = both.sum() >= max(_MINIMUM_DRIFT, 0.5 * cells.sum())
    drift = abs(float(east[both].mean())) if enough else 0.0
    return bool(enough and drift > params.maximum_east_share * abs(float(sinking[both].mean())))


def up_velocity(tracks: Sequence[tuple[F32, F32]], up: F32 | None) -> F32:
    """Return vertical velocity [mm/yr]: the decomposed one, else the mean of v / U over the tracks that are known.

    Parameters
    ----------
    tracks : velocity [mm/yr] and up component of the line of sight, by track; NaN below an up component of 0.1.
    up : decomposed vertical velocity, or None.
    """
    # a track of east motion (up 0) says nothing of the vertical
    steep = [(v, np.where(np.abs(u) > _LEAST_UP, u, np.float32(np.nan))) for v, u in tracks]
    stack = np.stack([v / u for v, u in steep]).astype(np.float32)
    known = np.isfinite(stack)
    n = known.sum(axis=0)
    mean = np.where(known, stack, 0).sum(axis=0) / np.maximum(n, 1)
    alone = np.where(n > 0, mean, np.nan).astype(np.float32)
    return alone if up is None else np.where(np.isfinite(up), up, alone).astype(np.float32)


def reach_m(body: Body) -> float:
    """Return how far around a body's centre a bowl is fitted [m]; stable ground is looked for to twice as far."""
    return 1.5 * body.radius_m + 150.0


def fit_body(
    body: Body, cuts: Sequence[Cut], labels: NDArray[np.int32], grid: Grid, params: MiningParams
) -> Found | None:
    """Fit a bowl to a body, and date it.

    Parameters
    ----------
    body : as `find_bodies` returned it.
    cuts : tracks around it, as the readers give them; years of all count from the first date of any.
    labels : (y, x) active areas on `grid`: what they hold is no stable ground.

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


def _local(body: Body, cut: Cut, labels: NDArray[np.int32], grid: Grid) -> tuple[Cut, tuple[Bool, Bool]]:
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
    licences : polygons with `licence_id` in that CRS; None where none were given: then there is no verdict, no row
        can be made (the contract knows three verdicts), and a note says all that is known of each bowl.

    Returns
    -------
    A frame that conforms to `mining_clues` (geometry: the boundary of the bowl; reasons also as reasons_zh and
    reasons_en; rows by share outside licences, then by sinking), and notes (English, Chinese). Draws are
    seeded: the same bowls give the same verdicts.
    """
    rows, notes, order = [], [], []
    for f in found:
        rng = np.random.default_rng(20_250_101)
        said = _said_of_bowl(f, params)
        if licences is None:
            place = f"{f.fit.bowl.x:.0f}, {f.fit.bowl.y:.0f}"
            notes.append((
                f"at {place}: {'; '.join(en for en, _ in said)}; no verdict, because no licences were given "
                "(inputs.mines)",
                f"{place} 处：{'；'.join(zh for _, zh in said)}；未提供矿权范围（inputs.mines），不作判定",
            ))  # fmt: skip
            continue
        verdict = judge(f.fit, licences, params, since=f.first_date, rng=rng)
        rows.append(_row(f, verdict, said, params))
        order.append((-verdict.outside_share, -f.body.rate_mm_yr))
    ranked = [rows[k] for k in sorted(range(len(rows)), key=lambda k: order[k])]
    table = pd.DataFrame([{k: v for k, v in r.items() if k != "geometry"} for r in ranked])
    table = table.assign(clue_id=_unique(table["clue_id"])) if ranked else pd.DataFrame({"clue_id": []})
    shapes = gpd.GeoSeries([r["geometry"] for r in ranked], crs=crs)
    out: gpd.GeoDataFrame = conform(gpd.GeoDataFrame(table, geometry=shapes, crs=crs), "mining_clues")
    return out, notes


def _row(f: Found, verdict: Verdict, said: Sequence[Said], params: MiningParams) -> dict[str, Any]:
    bowl, body = f.fit.bowl, f.body
    depth, low, high = depth_of(f.fit, params)
    radius, error = f.fit.radius(params.boundary_mm)
    every = [*said, *verdict.said]
    english, chinese = "; ".join(en for en, _ in every), "；".join(zh for _, zh in every) + "。"
    sure = min(1.0, body.strain_per_yr / (3 * params.minimum_strain_per_yr))
    return {
        "clue_id": f"MC-{round(bowl.x / 50) * 50:.0f}-{round(bowl.y / 50) * 50:.0f}",
        "max_subsidence_mm_yr": body.rate_mm_yr, "radius_m": radius,
        "roundness": body.roundness, "depth_estimate_m": depth, "licence_id": verdict.licence_id,
        "verdict": verdict.verdict, "outside_share": verdict.outside_share, "first_active": f.first_date,
        "confidence": _MOST_SURE * float(np.clip(1 - f.fit.misfit, 0, 1)) * sure * verdict.probability,
        "reasons": english, "reasons_en": english, "reasons_zh": chinese,
        "radius_std_m": error, "depth_low_m": low, "depth_high_m": high, "verdict_probability": verdict.probability,
        "outside_low": verdict.low, "outside_high": verdict.high,
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
