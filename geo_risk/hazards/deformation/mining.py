"""Bowls of underground mining, fitted by the probability integral method, and whether a licence covers them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import least_squares
from scipy.special import erf
from shapely.affinity import rotate, translate
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry

from geo_risk.core.grid import Grid
from geo_risk.core.schemas import conform
from geo_risk.hazards.deformation.noise import F32, Bool
from geo_risk.hazards.deformation.params import MiningParams

F64 = NDArray[np.float64]
_MINIMUM_FAST = 4
_MINIMUM_DRIFT = 6


@dataclass(frozen=True)
class Bowl:
    """A bowl of subsidence rate, w(x, y) = rate P((x - l/2) / r) P((y - w/2) / r) about its centre.

    Attributes
    ----------
    x, y : centre [m].
    rate_mm_yr : rate of a panel wide enough for full subsidence.
    length_m, width_m : extent of what was mined while it was watched, and across it.
    azimuth_rad : of the length, anticlockwise from east.
    influence_m : main influence radius r; misfit : residual over signal (norms).
    """

    x: float
    y: float
    rate_mm_yr: float
    length_m: float
    width_m: float
    azimuth_rad: float
    influence_m: float
    misfit: float

    def panel(self) -> Polygon:
        """Return the outline of the working in the plane of the map."""
        shape = box(-self.length_m / 2, -self.width_m / 2, self.length_m / 2, self.width_m / 2)
        turned = rotate(shape, self.azimuth_rad, origin=(0, 0), use_radians=True)
        moved: Polygon = translate(turned, self.x, self.y)
        return moved


def bowl_rate(bowl: Bowl, x: F64, y: F64) -> F64:
    """Return the subsidence rate of a bowl [mm/yr, positive down] at points [m]: W0(x) W0(y) / W0 of the method.

    P(t) = [erf(sqrt(pi)(t + h)/r) - erf(sqrt(pi)(t - h)/r)] / 2, h half the extent, r = H / tan(beta) the influence
    radius.
    """
    c, s = np.cos(bowl.azimuth_rad), np.sin(bowl.azimuth_rad)
    along = (x - bowl.x) * c + (y - bowl.y) * s
    across = -(x - bowl.x) * s + (y - bowl.y) * c
    k = np.sqrt(np.pi) / bowl.influence_m

    def profile(t: F64, half: float) -> F64:
        out: F64 = (erf(k * (t + half)) - erf(k * (t - half))) / 2
        return out

    out: F64 = bowl.rate_mm_yr * profile(along, bowl.length_m / 2) * profile(across, bowl.width_m / 2)
    return out


def fit_bowl(x: F64, y: F64, sinking: F64, *, start: Bowl) -> Bowl:
    """Fit a bowl to subsidence rates [mm/yr, positive down] at points [m]; soft-L1, from a starting bowl.

    Points whose value was lost are simply absent. Raises ValueError below 12 points.
    """
    known = np.isfinite(sinking)
    if known.sum() < 12:
        what = f"{int(known.sum())} points; 12 needed to fit a bowl"
        raise ValueError(what)
    x, y, w = x[known], y[known], sinking[known]
    scale = max(float(np.max(w)), 1.0)

    def bowl_of(p: F64) -> Bowl:
        return Bowl(
            start.x + p[0], start.y + p[1], scale * np.exp(p[2]), np.exp(p[3]), np.exp(p[4]), p[5], np.exp(p[6]), 0
        )

    def residual(p: F64) -> F64:
        out: F64 = (bowl_rate(bowl_of(p), x, y) - w) / scale
        return out

    span = max(float(x.max() - x.min()), float(y.max() - y.min()), 1.0)
    first = np.array(
        [0, 0, 0.3, np.log(start.length_m), np.log(start.width_m), start.azimuth_rad, np.log(start.influence_m)]
    )
    low = np.array([-span / 2, -span / 2, -1.5, np.log(20), np.log(20), first[5] - np.pi, np.log(30)])
    high = np.array([span / 2, span / 2, 3.0, np.log(2 * span), np.log(2 * span), first[5] + np.pi, np.log(span)])
    start_p = np.clip(first, low + 1e-6, high - 1e-6)
    fitted = least_squares(residual, start_p, bounds=(low, high), loss="soft_l1", f_scale=0.1, max_nfev=200)
    misfit = float(np.linalg.norm(residual(fitted.x))) / max(float(np.linalg.norm(w / scale)), 1e-9)
    b = bowl_of(fitted.x)
    return Bowl(b.x, b.y, b.rate_mm_yr, b.length_m, b.width_m, b.azimuth_rad, b.influence_m, misfit)


def mining_clues(
    labels: NDArray[np.int32],
    up_mm_yr: F32,
    grid: Grid,
    params: MiningParams,
    *,
    licences: gpd.GeoDataFrame | None,
    span_yr: float,
    first_date: str | None = None,
    context: Mapping[str, F32] | None = None,
) -> tuple[gpd.GeoDataFrame, list[tuple[str, str]]]:
    """Return bowls that look like mining, each with a verdict against the licences, and notes.

    Parameters
    ----------
    labels : (y, x) label raster of the active areas, 0 where still.
    up_mm_yr : (y, x) vertical velocity on `grid`, NaN where lost.
    licences : polygons with `licence_id` in the grid's CRS; None where none were given: then there is no verdict, no
        row can be made (the contract knows three verdicts), and a note lists the bowls.
    span_yr : length of the observations [yr]; the boundary is where it sank `boundary_mm` in that time.
    first_date : ISO date of the first image, for `first_active`.
    context : (y, x) maps velocity_east [mm/yr] and slope_deg [degree] where they are known. Below
        `steep_strain_per_yr` a body on steep ground, or one whose mean east motion exceeds `maximum_east_share` of
        its mean sinking, is a slide.

    Returns
    -------
    A frame that conforms to `mining_clues` (geometry: the boundary of the bowl; reasons also as reasons_zh and
    reasons_en), and notes.
    """
    rows: list[dict[str, Any]] = []
    notes: list[tuple[str, str]] = []
    sinking = -np.nan_to_num(up_mm_yr, nan=np.nan)
    for shape in _bodies(labels, sinking, params):
        if _is_slide(shape, sinking, context or {}, grid, params):
            continue
        row = _clue(shape, sinking, grid, params, rate_mm_yr=params.boundary_mm / span_yr)
        if row is not None:
            rows.append(row)
    if licences is None:
        for r in rows:
            place, rate = f"{r['x']:.0f}, {r['y']:.0f}", f"{r['max_subsidence_mm_yr']:.0f} mm/yr"
            notes.append((
                f"a bowl at {place} sinks {rate}: no verdict, because no licences were given (inputs.mines)",
                f"{place} 处疑似采空沉陷盆地（{rate}）：未提供矿权范围（inputs.mines），不作判定",
            ))  # fmt: skip
        rows = []
    else:
        rows = [r | _verdict(r["geometry"], licences, params) for r in rows]
        for r in rows:
            why, why_zh = r.pop("why")
            r["reasons"] = r["reasons_en"] = f"{r['reasons']}; {why}"
            r["reasons_zh"] = f"{r['reasons_zh']}；{why_zh}。"
    table = pd.DataFrame([{k: v for k, v in r.items() if k not in {"panel", "x", "y", "geometry"}} for r in rows])
    shapes = gpd.GeoSeries([r["geometry"] for r in rows], crs=grid.crs)
    table = table if rows else pd.DataFrame({"clue_id": []})
    frame = gpd.GeoDataFrame(table, geometry=shapes, crs=grid.crs)
    frame["first_active"] = first_date
    ranked = frame.sort_values("clue_id")
    out: gpd.GeoDataFrame = conform(ranked, "mining_clues")
    return out, notes


def _bodies(labels: NDArray[np.int32], sinking: F32, params: MiningParams) -> list[Bool]:
    """Return the separate bodies that sink fast within the active areas, with the values lost in their middle."""
    eight = np.ones((3, 3), dtype=bool)
    fast = (np.nan_to_num(sinking) >= params.minimum_subsidence_mm_yr) & ndimage.binary_dilation(labels > 0, eight)
    lost = ~np.isfinite(sinking) & ndimage.binary_dilation(fast, eight, iterations=2)
    filled = ndimage.binary_fill_holes(ndimage.binary_closing(fast | lost, eight) | fast | lost)
    parts, n = ndimage.label(filled, structure=eight)
    return [parts == k for k in range(1, n + 1) if (fast & (parts == k)).sum() >= _MINIMUM_FAST]


def _is_slide(shape: Bool, sinking: F32, context: Mapping[str, F32], grid: Grid, params: MiningParams) -> bool:
    """Return whether a body with little strain lies on steep ground or drifts one way: then it is no bowl."""
    east, slope_deg = context.get("velocity_east"), context.get("slope_deg")
    radius = float(np.sqrt(shape.sum() * grid.cell_area_m2 / np.pi))
    if float(np.nanmax(np.where(shape, sinking, np.nan))) / 1000 / radius >= params.steep_strain_per_yr:
        return False
    if slope_deg is not None:
        slope = slope_deg[shape & np.isfinite(slope_deg)]
        if slope.size and float(np.median(slope)) >= params.steep_slope_deg:
            return True
    if east is None:
        return False
    both = shape & np.isfinite(sinking) & np.isfinite(east)
    # a few cells at one side of a bowl whose middle was lost drift too: they say nothing of the whole
    enough = both.sum() >= max(_MINIMUM_DRIFT, 0.5 * shape.sum())
    drift = abs(float(east[both].mean())) if enough else 0.0
    return bool(enough and drift > params.maximum_east_share * abs(float(sinking[both].mean())))


def _clue(shape: Bool, sinking: F32, grid: Grid, params: MiningParams, *, rate_mm_yr: float) -> dict[str, Any] | None:
    rate = float(np.nanmax(np.where(shape, sinking, np.nan)))
    cell = grid.resolution_m
    area = float(shape.sum()) * grid.cell_area_m2
    radius = float(np.sqrt(area / np.pi))
    strain = rate / 1000 / radius
    y, x = np.nonzero(shape)
    eigen = np.linalg.eigvalsh(np.cov(np.stack([x, y]), bias=True) + np.eye(2) / 12)
    roundness = float(np.clip(np.sqrt(float(eigen[0]) / float(eigen[1])), 0, 1))
    if not (strain >= params.minimum_strain_per_yr and radius <= params.maximum_radius_m):
        return None
    if not (roundness >= params.minimum_roundness and radius >= 1.5 * cell):
        return None
    coords = grid.coords()
    margin = ndimage.binary_dilation(shape, iterations=max(2, round(3 * 60 / cell)))
    rows, columns = np.nonzero(margin)
    xs, ys = coords["x"][columns], coords["y"][rows]
    start = Bowl(float(coords["x"][x].mean()), float(coords["y"][y].mean()), rate, radius, radius, 0.0, radius, 0.0)
    try:
        bowl = fit_bowl(xs, ys, sinking[margin].astype(np.float64), start=start)
    except ValueError:
        return None
    if not bowl.misfit <= 0.5:
        return None
    outline = _outline(bowl, grid, rate_mm_yr=rate_mm_yr)
    depth = bowl.influence_m * params.tan_beta
    confidence = float(np.clip(1 - bowl.misfit, 0, 1) * min(1.0, strain / (3 * params.minimum_strain_per_yr)))
    return {
        "clue_id": f"MC-{bowl.x:.0f}-{bowl.y:.0f}", "max_subsidence_mm_yr": rate,
        "radius_m": float(np.sqrt(outline.area / np.pi)), "roundness": roundness, "depth_estimate_m": depth,
        "confidence": confidence, "geometry": outline, "panel": bowl.panel(), "x": bowl.x, "y": bowl.y,
        "reasons": f"a bowl that sinks up to {rate:.0f} mm/yr ({strain:.1e} a year of its radius); the probability "
        f"integral method fits to {bowl.misfit:.0%} with an influence radius of {bowl.influence_m:.0f} m, so "
        f"H is near {depth:.0f} m for tan(beta) {params.tan_beta:g}",
        "reasons_zh": f"沉陷盆地最大下沉 {rate:.0f} 毫米/年（相当于半径的 {strain:.1e}/年）；概率积分法拟合残差 "
        f"{bowl.misfit:.0%}，主要影响半径 {bowl.influence_m:.0f} 米，按 tan(beta) {params.tan_beta:g} 推算采深约 "
        f"{depth:.0f} 米",
    }  # fmt: skip


def _outline(bowl: Bowl, grid: Grid, *, rate_mm_yr: float) -> Polygon:
    """Return where the fitted bowl sinks faster than a rate, as a polygon around its centre."""
    angles = np.linspace(0, 2 * np.pi, 73)[:-1]
    reach = np.arange(0.0, bowl.length_m + bowl.width_m + 4 * bowl.influence_m, grid.resolution_m / 4)
    x = bowl.x + np.cos(angles)[:, None] * reach
    y = bowl.y + np.sin(angles)[:, None] * reach
    inside = bowl_rate(bowl, x, y) >= rate_mm_yr
    last = np.maximum(np.where(inside.all(axis=1), reach.size - 1, inside.argmin(axis=1)), 1)
    return Polygon(np.column_stack([x[np.arange(72), last], y[np.arange(72), last]])).buffer(0)


def _verdict(outline: BaseGeometry, licences: gpd.GeoDataFrame, params: MiningParams) -> dict[str, Any]:
    """Compare the boundary of a bowl with the licences, allowing for the error of its outline.

    Returns
    -------
    licence_id of the licence that covers most of it, outside_share of its area, the verdict, and why (English,
    Chinese). Unlicensed: less than 5 % inside, even shrunk by the error less than 10 %; inside: less than 5 % outside,
    even grown by the error less than 15 %; else across the boundary.
    """
    error = params.boundary_error_m
    shrunk = outline.buffer(-error)
    shrunk = outline if shrunk.is_empty else shrunk
    whole = licences.geometry.union_all() if len(licences) else Polygon()
    share, low, high = (1 - g.intersection(whole).area / g.area for g in (outline, shrunk, outline.buffer(error)))
    covered = licences.geometry.intersection(outline).area.to_numpy() if len(licences) else np.zeros(0)
    licence = str(licences["licence_id"].iloc[int(np.argmax(covered))]) if covered.max(initial=0) > 0 else None
    if share < 0.05 and high < 0.15:
        verdict = "inside_licence"
    elif share > 0.95 and low > 0.90:
        verdict = "unlicensed"
    else:
        verdict = "across_boundary"
    why = (
        f"{share:.0%} of it lies outside licences ({low:.0%}-{high:.0%} for an error of {error:.0f} m of its boundary)",
        f"{share:.0%} 位于采矿权范围外（边界误差 {error:.0f} 米时为 {low:.0%}-{high:.0%}）",
    )
    return {"licence_id": licence, "outside_share": float(np.clip(share, 0, 1)), "verdict": verdict, "why": why}


def observed_span(spans: Sequence[tuple[str | None, str | None]]) -> tuple[str | None, float]:
    """Return the first date (ISO) and the length of the longest series in years; (None, 1.0) for velocities alone."""
    known = [(np.datetime64(a), np.datetime64(b)) for a, b in spans if a and b]
    if not known:
        return None, 1.0
    days = max(float((b - a) / np.timedelta64(1, "D")) for a, b in known)
    return str(min(a for a, _ in known)), max(days / 365.25, 0.1)


def up_velocity(tracks: Sequence[tuple[F32, F32]], up: F32 | None) -> F32:
    """Return vertical velocity [mm/yr]: the decomposed one, else the mean of v / U over the tracks that are known.

    Parameters
    ----------
    tracks : velocity [mm/yr] and up component of the line of sight, by track.
    up : decomposed vertical velocity, or None.
    """
    stack = np.stack([v / u for v, u in tracks]).astype(np.float32)
    known = np.isfinite(stack)
    n = known.sum(axis=0)
    mean = np.where(known, stack, 0).sum(axis=0) / np.maximum(n, 1)
    alone = np.where(n > 0, mean, np.nan).astype(np.float32)
    return alone if up is None else np.where(np.isfinite(up), up, alone).astype(np.float32)
