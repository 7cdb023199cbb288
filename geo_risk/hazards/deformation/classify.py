"""What kind of motion an area shows, from shape, slope, direction and speed, with the evidence in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from geo_risk.core.grid import Grid
from geo_risk.hazards.deformation.noise import F32, Bool
from geo_risk.hazards.deformation.params import DeformationParams

KIND_ZH: Mapping[str, str] = {
    "mining_subsidence": "采空沉陷", "groundwater_subsidence": "地下水沉降", "landslide": "滑坡",
    "structure_settlement": "构筑物沉降", "unknown": "类型未定",
}  # fmt: skip
"""Kinds that `classify_area` returns, in Chinese."""


@dataclass(frozen=True)
class Evidence:
    """What is known of one area.

    Attributes
    ----------
    area_m2 : its area.
    shape : (y, x) mask on `grid`.
    mean_mm_yr, peak_mm_yr : LOS velocity of the track that sees it best.
    los : by track, mean velocity and mean east, north, up of the line of sight.
    context : maps on the grid: slope_deg, aspect_deg, velocity_up, velocity_east; any may be missing.
    annual_mm : amplitude of the yearly term.
    """

    area_m2: float
    shape: Bool
    grid: Grid
    mean_mm_yr: float
    peak_mm_yr: float
    los: Mapping[str, tuple[float, float, float, float]]
    context: Mapping[str, F32]
    annual_mm: float = 0.0

    @property
    def radius_m(self) -> float:
        """Radius of the circle with the same area."""
        return float(np.sqrt(self.area_m2 / np.pi))

    def median(self, name: str) -> float:
        """Return the median of a context map in the area, NaN where it is not known."""
        if name not in self.context:
            return float("nan")
        inside = self.context[name][self.shape]
        inside = inside[np.isfinite(inside)]
        return float(np.median(inside)) if inside.size else float("nan")

    def extreme(self, name: str) -> float:
        """Return the value of largest size of a context map in the area, NaN where it is not known."""
        if name not in self.context:
            return float("nan")
        inside = self.context[name][self.shape]
        inside = inside[np.isfinite(inside)]
        return float(inside[np.argmax(np.abs(inside))]) if inside.size else float("nan")

    def elongation(self) -> tuple[float, float]:
        """Return length over width, and the width [m], from the second moments of the cells (plus a cell's own)."""
        y, x = np.nonzero(self.shape)
        cell = self.grid.resolution_m
        if y.size < 2:
            return 1.0, cell
        low, high = (float(v) for v in np.linalg.eigvalsh(np.cov(np.stack([x, y]), bias=True) + np.eye(2) / 12))
        return float(np.sqrt(high / low)), float(4 * np.sqrt(low) * cell)


def downslope(evidence: Evidence) -> tuple[float, float]:
    """Return the speed [mm/yr] along the median slope that fits all tracks best, and its misfit as a share of them.

    Misfit: norm of the residual over the norm of the observed velocities; NaN where slope or aspect are not known.
    """
    slope, steep = evidence.median("slope_deg"), evidence.context.get("slope_deg")
    aspect = evidence.context.get("aspect_deg")
    if steep is None or aspect is None or not np.isfinite(slope):
        return float("nan"), float("nan")
    a = np.deg2rad(aspect[evidence.shape].astype(np.float64))
    b = np.deg2rad(steep[evidence.shape].astype(np.float64))
    known = np.isfinite(a) & np.isfinite(b)
    if not known.any():
        return float("nan"), float("nan")
    s = np.array([np.sin(a) * np.cos(b), np.cos(a) * np.cos(b), -np.sin(b)])[:, known].mean(axis=1)
    looks = [v for v in evidence.los.values() if np.isfinite(v).all()]
    if not looks:
        return float("nan"), float("nan")
    v = np.array([look[0] for look in looks])
    c = np.array([np.dot(look[1:], s) for look in looks])
    speed = float(c @ v / max(c @ c, 1e-9))
    return speed, float(np.linalg.norm(v - speed * c)) / max(float(np.linalg.norm(v)), 1e-9)


def classify_area(evidence: Evidence, params: DeformationParams) -> tuple[str, tuple[str, str], float]:
    """Return kind, the evidence for it in words (English, Chinese), and how certain it is (0-1).

    Rules, in order: a fast, compact sinking with a steep rim is mining subsidence; a wide, gentle sinking on gentle
    ground is groundwater subsidence; downslope motion on a slope is a landslide; a narrow or small sinking is a
    structure that settles; else unknown.
    """
    slope = evidence.median("slope_deg")
    up = evidence.extreme("velocity_up")
    alone = all(v[0] <= 0 for v in evidence.los.values())
    sinking = up < 0 if np.isfinite(up) else alone
    rate = abs(up) if np.isfinite(up) else abs(evidence.peak_mm_yr)
    strain = rate / 1000 / evidence.radius_m
    m = params.mining
    radius = evidence.radius_m
    length, width = evidence.elongation()
    both_sink = all(v[0] < 0 for v in evidence.los.values() if np.isfinite(v[0]))
    if sinking and both_sink and rate >= m.minimum_subsidence_mm_yr and strain >= m.minimum_strain_per_yr and (
        150 <= radius <= m.maximum_radius_m and length < 3
    ):  # fmt: skip
        why = (
            f"sinks {rate:.0f} mm/yr within {radius:.0f} m, {strain:.1e} a year",
            f"半径 {radius:.0f} 米内下沉 {rate:.0f} 毫米/年，应变 {strain:.1e}/年",
        )
        return "mining_subsidence", why, 0.8
    gentle = not np.isfinite(slope) or slope < params.slope.minimum_slope_deg * 1.6
    if sinking and both_sink and radius >= 700 and strain < m.minimum_strain_per_yr and gentle:
        why = (
            f"sinks {rate:.0f} mm/yr over {2 * radius / 1000:.1f} km, {strain:.1e} a year",
            f"{2 * radius / 1000:.1f} 公里范围内下沉 {rate:.0f} 毫米/年，应变 {strain:.1e}/年",
        )
        return "groundwater_subsidence", why, 0.8
    speed, misfit = downslope(evidence)
    if np.isfinite(slope) and slope >= params.slope.minimum_slope_deg and speed > 0 and misfit < 0.6:
        why = (
            f"{speed:.0f} mm/yr down a slope of {slope:.0f} degrees fits the tracks to {misfit:.0%}",
            f"沿 {slope:.0f} 度斜坡下滑 {speed:.0f} 毫米/年可解释各轨道观测，残差 {misfit:.0%}",
        )
        return "landslide", why, 0.8 if misfit < 0.3 else 0.6
    if sinking and both_sink and gentle and (width <= 400 or length >= 3):
        why = (
            f"a sinking body {width:.0f} m wide on gentle ground, length/width {length:.1f}",
            f"缓地上宽 {width:.0f} 米的下沉体，长宽比 {length:.1f}",
        )
        return "structure_settlement", why, 0.6
    return "unknown", ("shape, slope and direction point to no one kind", "形态、坡度与方向不足以判定类型"), 0.5
