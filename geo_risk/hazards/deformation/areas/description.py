"""One row of the frame of moving areas: measured, graded, given a kind, and explained in both languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from geo_risk.core.grid import Grid
from geo_risk.hazards.deformation.areas.classify import KIND_ZH, classify_area
from geo_risk.hazards.deformation.areas.evidence import Evidence, Look
from geo_risk.hazards.deformation.areas.maps import TrackMaps, TrackWindows
from geo_risk.hazards.deformation.areas.noise import F32, F64, Bool
from geo_risk.hazards.deformation.areas.quality import QUALITY_CONFIDENCE, map_quality
from geo_risk.hazards.deformation.areas.significance import Group, mean_std, stated_p
from geo_risk.hazards.deformation.areas.tiles import Box, Windows
from geo_risk.hazards.deformation.params import DeformationParams

_FEWEST_COMMON = 3


@dataclass(frozen=True)
class View:
    """What the row of one area is made of: a window of everything the rows of a run share.

    Attributes
    ----------
    tracks, grid, params : of the run; the grid keeps its cells, not its corner.
    motion : by map ("velocity:asc", "annual_sin:asc"), values against stable ground.
    covariance : by map, of its noise at lags in cells.
    context : maps that classification can use.
    hotspot : Gi* by track, or empty.
    simulated_maps : that the probabilities rest on.
    """

    tracks: Sequence[TrackMaps]
    grid: Grid
    params: DeformationParams
    motion: Mapping[str, F32]
    covariance: Mapping[str, F64]
    context: Mapping[str, F32]
    hotspot: Mapping[str, F32]
    simulated_maps: float

    def velocity(self, track: TrackMaps) -> F32:
        """Return the velocity of a track against stable ground, or as given where none was found."""
        return self.motion.get(f"velocity:{track.name}", track.velocity)


@dataclass(frozen=True)
class Scene:
    """Everything the rows of a run share, as `View` has it, by window."""

    tracks: Sequence[TrackWindows]
    grid: Grid
    params: DeformationParams
    motion: Mapping[str, Windows]
    covariance: Mapping[str, F64]
    context: Mapping[str, Windows]
    hotspot: Mapping[str, Windows]
    simulated_maps: float

    def window(self, box: Box) -> View:
        """Return what lies in a window."""
        tracks = [
            TrackMaps(t.name, t.velocity[box], t.velocity_std[box], (t.los[0][box], t.los[1][box], t.los[2][box]))
            for t in self.tracks
        ]
        motion, context, hot = (
            {k: v[box] for k, v in m.items()} for m in (self.motion, self.context, self.hotspot)
        )  # fmt: skip
        return View(tracks, self.grid, self.params, motion, self.covariance, context, hot, self.simulated_maps)


def describe(label: int, group: Group, cells: Bool, scene: View) -> dict[str, object]:
    """Return the row of one area.

    Parameters
    ----------
    label : its number in the label raster.
    group : what was found.
    cells : (y, x) its cells as painted.
    scene : what the run knows in the window of `cells`.

    Returns
    -------
    The columns of `active_deformation`, and label, velocity_std_mm_yr (standard error of the mean, noise of
    neighbours included), velocity_track (the track of the velocities), false_discovery_q, false_alarm_at_most (whether
    false_alarm_p and q are but upper bounds, all that so few simulations can show), kind_certainty (`clearness`: an
    index of the lead over the next kind, no hit rate), annual_mm, reasons_zh, reasons_en. `reasons` is English.
    """
    params, n = scene.params, scene.simulated_maps
    common = _common(cells, scene)
    looks = {t.name: _look(t, cells, scene) for t in scene.tracks}
    weights = _energy(common, scene, seasonal=group.seasonal)
    fair = {t.name: _look(t, common, scene, weights) for t in scene.tracks}
    best = max(scene.tracks, key=lambda t: abs(np.nan_to_num(looks[t.name].velocity)))
    values = scene.velocity(best)
    inside = cells & np.isfinite(values)
    mean = looks[best.name].velocity
    peak = float(values[inside][np.argmax(np.abs(values[inside]))]) if inside.any() else mean
    quality = map_quality(values, best.velocity_std, inside, mean_mm_yr=mean)
    p, wave = stated_p(group.p, n), _wave(looks)
    kind, why_kind, certainty = classify_area(_evidence(group, (cells, weights), fair, scene, (mean, peak)), params)
    said = (
        (f"Moves {mean:.1f} mm/yr in the mean and {peak:.1f} at most along the line of sight of {best.name}",
         f"{best.name} 视线向平均 {mean:.1f}、最大 {peak:.1f} 毫米/年"),
        _said_p(group, n),
        *_said_hotspot(scene.hotspot, cells),
        (f"quality {quality.grade} by its maps: {quality.words[0]}",
         f"按速率图质量等级 {quality.grade}：{quality.words[1]}"),
        *([(f"swings by {wave:.0f} mm over the year without a trend of its own",
            f"年内摆动 {wave:.0f} 毫米，无自身趋势")] if group.seasonal else []),
        (f"{kind} (index {certainty:.2f} of its lead over the next kind, no hit rate): {why_kind[0]}",
         f"{KIND_ZH[kind]}（与次优类型差距指数 {certainty:.2f}，非命中率）：{why_kind[1]}"),
    )  # fmt: skip
    english, chinese = "; ".join(en for en, _ in said), "；".join(zh for _, zh in said) + "。"
    confidence = (1 - p if np.isfinite(p) else 0.5) * QUALITY_CONFIDENCE[quality.grade] * certainty
    return {
        "label": label, "track": "+".join(group.tracks), "n_pixels": int(cells.sum()),
        "area_m2": float(cells.sum()) * scene.grid.cell_area_m2, "velocity_mean_mm_yr": mean,
        "velocity_max_mm_yr": peak, "quality": quality.grade, "activity": "seasonal" if group.seasonal else "unknown",
        "kind": kind, "false_alarm_p": p, "status": "new", "confidence": float(np.clip(confidence, 0, 1)),
        "reasons": english, "reasons_zh": chinese, "reasons_en": english, "annual_mm": wave,
        "velocity_std_mm_yr": looks[best.name].std, "velocity_track": best.name,
        "false_discovery_q": float(group.q), "false_alarm_at_most": bool(group.p < p), "kind_certainty": certainty,
    }  # fmt: skip


def _common(cells: Bool, scene: View) -> Bool:
    """Return the cells that every track knows, so that directions are compared on the same ground; else all."""
    known = np.logical_and.reduce([cells, *(np.isfinite(t.velocity) for t in scene.tracks)])
    return known if known.sum() >= _FEWEST_COMMON else cells


def _energy(cells: Bool, scene: View, *, seasonal: bool) -> F32:
    """Return weights (y, x) for the direction of a body: what moves most says most, its rim little; 0 outside."""
    names = ("annual_sin", "annual_cos") if seasonal else ("velocity",)
    total = np.zeros(cells.shape, dtype=np.float32)
    for track in scene.tracks:
        for name in names:
            values = scene.motion.get(f"{name}:{track.name}")
            if values is None and name == "velocity":
                values = track.velocity
            if values is not None:
                total[cells] += np.nan_to_num(values[cells]) ** 2
    return total if total.any() else cells.astype(np.float32)


def _evidence(
    group: Group, where: tuple[Bool, F32], looks: Mapping[str, Look], scene: View, speeds: tuple[float, float]
) -> Evidence:
    cells, weights = where
    whole = ndimage.binary_fill_holes(ndimage.binary_dilation(cells, np.ones((3, 3))))
    lost = np.logical_or.reduce([~np.isfinite(t.velocity[whole]) for t in scene.tracks])
    return Evidence(
        cells, scene.grid, *speeds, looks, scene.context, weights=weights, seasonal=group.seasonal,
        lost_share=float(np.mean(lost)),
    )  # fmt: skip


def _look(track: TrackMaps, cells: Bool, scene: View, weights: F32 | None = None) -> Look:
    values = scene.velocity(track)
    inside = cells & np.isfinite(values)
    covariance = scene.covariance.get(f"velocity:{track.name}")
    std = float("nan") if covariance is None else mean_std(covariance, inside)
    if not np.isfinite(std) and inside.any():
        std = float(np.nanmedian(track.velocity_std[inside])) if np.isfinite(track.velocity_std[inside]).any() else std
    annual = [scene.motion.get(f"annual_{n}:{track.name}") for n in ("sin", "cos")]
    sine, cosine = (float("nan") if m is None else _mean(m, cells, weights) for m in annual)
    east, north, up = (_mean(m, cells) for m in track.los)
    return Look(_mean(values, cells, weights), std, (east, north, up), (sine, cosine))


def _mean(values: F32, cells: Bool, weights: F32 | None = None) -> float:
    inside = values[cells]
    known = np.isfinite(inside)
    if not known.any():
        return float("nan")
    w = None if weights is None or not weights[cells][known].any() else weights[cells][known].astype(np.float64)
    return float(np.average(inside[known].astype(np.float64), weights=w))


def _wave(looks: Mapping[str, Look]) -> float:
    sizes = [float(np.hypot(*look.annual)) for look in looks.values()]
    return max((s for s in sizes if np.isfinite(s)), default=0.0)


def _said_p(group: Group, n: float) -> tuple[str, str]:
    if not np.isfinite(group.p):
        return "false-alarm probability missing (absolute threshold)", "虚警概率缺失（采用绝对阈值）"
    stated = stated_p(group.p, n)
    most = group.p < stated
    return (
        f"false-alarm probability {'at most ' if most else ''}{stated:.2g} from {n:.3g} simulated noise maps, "
        f"false-discovery rate {'at most ' if most else ''}{group.q:.2g}",
        f"虚警概率{'不高于' if most else ''} {stated:.2g}（{n:.3g} 次模拟噪声），"
        f"错误发现率{'不高于' if most else ''} {group.q:.2g}",
    )


def _said_hotspot(hotspot: Mapping[str, F32], cells: Bool) -> list[tuple[str, str]]:
    means = {t: _mean(z, cells) for t, z in hotspot.items()}
    means = {t: z for t, z in means.items() if np.isfinite(z)}
    if not means:
        return []
    track = max(means, key=lambda t: abs(means[t]))
    return [(f"Gi* {means[track]:+.1f} ({track})", f"热点统计量 Gi* {means[track]:+.1f}（{track}）")]
