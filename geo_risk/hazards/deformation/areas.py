"""From significant clusters to active deformation areas: joined over tracks, measured, graded, with reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from geo_risk.core.grid import Grid
from geo_risk.core.schemas import conform
from geo_risk.core.vectorize import polygons_of_labels
from geo_risk.hazards.deformation.classify import KIND_ZH, Evidence, classify_area
from geo_risk.hazards.deformation.detect import Channel, Cluster, Search, search_all
from geo_risk.hazards.deformation.noise import F32, Bool, robust_sigma
from geo_risk.hazards.deformation.params import DeformationParams

_EIGHT = np.ones((3, 3), dtype=bool)
_QUALITY_BOUNDS = (0.1, 0.25, 0.5)
_QUALITY_CONFIDENCE = {1: 1.0, 2: 0.9, 3: 0.7, 4: 0.4}


@dataclass(frozen=True)
class TrackMaps:
    """Maps of one track on the detection grid, (y, x) float32, NaN missing.

    Attributes
    ----------
    name : of the track.
    velocity, velocity_std : [mm/yr], LOS, positive toward the satellite.
    annual : sine and cosine of the yearly term [mm], or None.
    residual_std : of the series [mm], or None.
    los : east, north, up of the unit vector ground to satellite.
    """

    name: str
    velocity: F32
    velocity_std: F32
    los: tuple[F32, F32, F32]
    annual: tuple[F32, F32] | None = None
    residual_std: F32 | None = None


@dataclass(frozen=True)
class Areas:
    """The frame of active areas, the label raster behind it, and notes (English, Chinese) for the report."""

    frame: gpd.GeoDataFrame
    labels: NDArray[np.int32]
    notes: tuple[tuple[str, str], ...]
    facts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Group:
    cells: Bool
    clusters: tuple[Cluster, ...]
    p: float = float("nan")


def active_areas(
    tracks: Sequence[TrackMaps],
    grid: Grid,
    params: DeformationParams,
    *,
    context: Mapping[str, F32] | None = None,
) -> Areas:
    """Find the areas that move beyond what the maps' own noise explains, over all tracks together.

    Parameters
    ----------
    tracks : maps on the detection grid.
    grid : that grid.
    params : of the areas, the slope projection and the bowls.
    context : further maps that classification can use: slope_deg, aspect_deg [degree], velocity_up, velocity_east
        [mm/yr]; whatever is missing is not used.

    Returns
    -------
    Areas; the frame conforms to `active_deformation`. velocity_mean and velocity_max are LOS values, against stable
    ground around, of the track that sees the area best. Where a map has no stable part its cells are taken by an
    absolute threshold, false_alarm_p is missing, and a note says so. Which areas are kept is judged by the fitted
    tail, but false_alarm_p is never stated below 1 / (simulated maps + 1). `reasons` is English, as reasons_en is;
    reasons_zh says the same in Chinese.
    """
    searches: list[Search] = []
    notes: list[tuple[str, str]] = []
    channels = [c for t in tracks for c in _channels(t, params)]
    searchable = [c for c in channels if _has_stable(c, params, notes)]
    searches += search_all(searchable, grid.resolution_m, params.areas)
    searches += [_absolute(c, params) for c in channels if c not in searchable and c.name.startswith("velocity:")]
    known = max(int(np.isfinite(t.velocity).sum()) for t in tracks)
    joined = _joined([c for s in searches for c in s.clusters])
    groups = [replace(g, p=false_alarm_p(g.clusters, searchable, known)) for g in joined]
    groups = [g for g in groups if not g.p > _limit(g, tracks, params)]
    labels = _paint(groups, tracks, grid.shape)
    motion = {s.channel.name: s.motion for s in searches}
    rows = [
        _row(k, g, labels == k, tracks, motion, params, context or {}, grid)
        for k, g in enumerate(groups, 1)
        if (labels == k).any()
    ]
    facts = {f"sigma_{s.channel.name}": s.sigma for s in searches if np.isfinite(s.sigma)}
    facts |= {f"stable_share_{s.channel.name}": s.stable_share for s in searches}
    return Areas(_frame(rows, labels, grid), labels, tuple(notes), facts)


def _channels(track: TrackMaps, params: DeformationParams) -> list[Channel]:
    out = [Channel(f"velocity:{track.name}", track.velocity, track.velocity_std, params.areas.scales_m)]
    if track.annual is not None:
        # a yearly amplitude has about the error of a velocity times the spread of the dates; only its pattern matters
        out += [Channel(f"annual_{n}:{track.name}", a, track.velocity_std, params.areas.annual_scales_m)
                for n, a in zip(("sin", "cos"), track.annual, strict=True)]  # fmt: skip
    return out


def _has_stable(channel: Channel, params: DeformationParams, notes: list[tuple[str, str]]) -> bool:
    sigma = robust_sigma(channel.values)
    known = int(np.isfinite(channel.values).sum())
    limit = params.areas.maximum_stable_sigma_mm_yr
    if known >= params.areas.minimum_stable_cells and sigma <= limit:
        return True
    why = f"only {known} cells are known" if known < params.areas.minimum_stable_cells else (
        f"its values scatter by {sigma:.0f} (robust), more than {limit:g}"
    )  # fmt: skip
    if channel.name.startswith("velocity:"):
        limit = params.areas.absolute_threshold_mm_yr
        notes.append((
            f"{channel.name}: no stable ground could be found ({why}); areas are cells beyond an absolute "
            f"{limit:g} mm/yr, and have no false-alarm probability",
            f"{channel.name}：找不到稳定区（有效像元 {known}，稳健标准差 {sigma:.0f}），"
            f"改用绝对阈值 {limit:g} mm/yr，无虚警概率",
        ))  # fmt: skip
    return False


def _absolute(channel: Channel, params: DeformationParams) -> Search:
    clusters = []
    for sign in (1, -1):
        beyond = np.nan_to_num(sign * channel.values) >= params.areas.absolute_threshold_mm_yr
        labels, n = ndimage.label(beyond, structure=_EIGHT)
        sizes = np.bincount(labels.ravel(), minlength=n + 1)
        for k in np.flatnonzero(sizes[1:] >= params.areas.minimum_pixels) + 1:
            clusters.append(Cluster(channel.name, 0.0, sign, labels == k, np.nan, np.nan, np.nan))
    return Search(channel, channel.values, tuple(clusters), float("nan"), 0.0)


def _joined(clusters: Sequence[Cluster]) -> list[_Group]:
    """Join clusters of different maps that are the same body: a third of the smaller is shared, sizes within 8."""
    parent = list(range(len(clusters)))

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    sizes = [int(c.cells.sum()) for c in clusters]
    for i, a in enumerate(clusters):
        for j in range(i):
            b = clusters[j]
            small, large = sorted((sizes[i], sizes[j]))
            if a.channel != b.channel and large <= 8 * small and int((a.cells & b.cells).sum()) * 3 >= small:
                parent[root(i)] = root(j)
    groups: dict[int, list[Cluster]] = {}
    for i, c in enumerate(clusters):
        groups.setdefault(root(i), []).append(c)
    out = [_Group(np.logical_or.reduce([c.cells for c in g]), tuple(g)) for g in groups.values()]
    return sorted(out, key=lambda g: (-int(g.cells.sum()), int(np.flatnonzero(g.cells)[0])))


def false_alarm_p(group: Sequence[Cluster], channels: Sequence[Channel], known_cells: int) -> float:
    """Return the probability that noise alone makes a group anywhere in the run; NaN where that is not known.

    Parameters
    ----------
    group : clusters of one body, from one map or several.
    channels : all maps that were searched; a channel's track stands after the colon of its name.
    known_cells : cells with data.

    Returns
    -------
    1 - exp(-N). One track: N = the least expected number of its clusters times the searches (maps x scales) of the
    run. Two or more, whose noise is independent: product of each track's number (times its own searches), and for each
    but the first the chance that a cluster lies there, (sqrt a + sqrt b)^2 / known cells for areas of a and b cells. A
    yearly term that one track alone shows is that track's atmosphere: it counts as 1.
    """
    searches: dict[str, int] = {}
    for channel in channels:
        name = channel.name.split(":")[1]
        searches[name] = searches.get(name, 0) + len(channel.scales_m)
    best: dict[str, Cluster] = {}
    for c in group:
        name = c.channel.split(":")[1]
        if name not in best or not c.expected >= best[name].expected:
            best[name] = c
    if any(not np.isfinite(c.expected) for c in best.values()):
        return float("nan")
    ranked = sorted(best.items(), key=lambda item: item[1].expected)
    if len(ranked) == 1:
        cluster = ranked[0][1]
        alone = cluster.channel.startswith("annual") and len(searches) > 1
        return 1.0 if alone else float(-np.expm1(-cluster.expected * sum(searches.values())))
    first = ranked[0][1]
    joint = first.expected * searches[ranked[0][0]]
    for name, cluster in ranked[1:]:
        reach = (np.sqrt(first.cells.sum()) + np.sqrt(cluster.cells.sum())) ** 2 / max(known_cells, 1)
        joint *= cluster.expected * searches[name] * min(1.0, float(reach))
    return float(-np.expm1(-joint))


def stated_p(p: float, n_simulations: int) -> float:
    """Return a false-alarm probability as it may be stated: not below 1 / (n + 1) of n simulated maps; NaN stays.

    The Gumbel tail ranks what lies beyond every simulated map, but so few maps do not prove how rare that is.
    """
    return float(np.maximum(p, 1 / (n_simulations + 1)))


def _said_p(p: float, n: int) -> tuple[str, str]:
    if not np.isfinite(p):
        return "false-alarm probability missing (absolute threshold)", "虚警概率缺失（采用绝对阈值）"
    stated = stated_p(p, n)
    most = p < stated
    return (
        f"false-alarm probability {'at most ' if most else ''}{stated:.2g} from {n} simulated noise maps",
        f"虚警概率{'不高于' if most else ''} {stated:.2g}（{n} 次模拟噪声）",
    )


def _limit(group: _Group, tracks: Sequence[TrackMaps], params: DeformationParams) -> float:
    """Return the largest p a group may have: less where one track alone shows it although another looks too."""
    looking = sum(bool(np.isfinite(t.velocity[group.cells]).mean() >= 0.5) for t in tracks)
    alone = len({c.channel.split(":")[1] for c in group.clusters}) == 1 and looking > 1
    return min(params.areas.unconfirmed_p, params.areas.false_alarm_p) if alone else params.areas.false_alarm_p


def _paint(groups: Sequence[_Group], tracks: Sequence[TrackMaps], shape: tuple[int, int]) -> NDArray[np.int32]:
    """Label the cells, small areas over large ones; values lost in the middle of an area belong to it."""
    lost = np.logical_and.reduce([~np.isfinite(t.velocity) for t in tracks])
    labels = np.zeros(shape, dtype=np.int32)
    for k, group in enumerate(groups, 1):
        holes = ndimage.binary_fill_holes(group.cells) & lost
        labels[group.cells | holes] = k
    return labels


def _row(
    label: int,
    group: _Group,
    cells: Bool,
    tracks: Sequence[TrackMaps],
    motion: Mapping[str, F32],
    params: DeformationParams,
    context: Mapping[str, F32],
    grid: Grid,
) -> dict[str, object]:
    per_track = {t.name: _mean(motion.get(f"velocity:{t.name}", t.velocity), cells) for t in tracks}
    best = max(tracks, key=lambda t: abs(np.nan_to_num(per_track[t.name])))
    values = motion.get(f"velocity:{best.name}", best.velocity)
    inside = cells & np.isfinite(values)
    mean = per_track[best.name]
    peak = float(values[inside][np.argmax(np.abs(values[inside]))]) if inside.any() else mean
    quality, why_quality = _quality(best, values, inside, mean)
    p = stated_p(group.p, params.areas.n_simulations)
    wave = _wave(group, tracks, motion, cells)
    evidence = Evidence(
        area_m2=float(cells.sum()) * grid.cell_area_m2, shape=cells, grid=grid, mean_mm_yr=mean, peak_mm_yr=peak,
        los={t.name: (per_track[t.name], *_means(t.los, cells)) for t in tracks},
        context=dict(context), annual_mm=wave,
    )  # fmt: skip
    kind, why_kind, certainty = classify_area(evidence, params)
    seen = sorted({c.channel.split(":")[1] for c in group.clusters})
    seasonal = all(c.channel.startswith("annual") for c in group.clusters)
    said = (
        (f"Moves {mean:.1f} mm/yr in the mean and {peak:.1f} at most along the line of sight of {best.name}",
         f"{best.name} 视线向平均 {mean:.1f}、最大 {peak:.1f} 毫米/年"),
        _said_p(group.p, params.areas.n_simulations),
        (f"quality {quality}: {why_quality[0]}", f"质量等级 {quality}：{why_quality[1]}"),
        *([(f"swings by {wave:.0f} mm over the year without a trend of its own",
            f"年内摆动 {wave:.0f} 毫米，无自身趋势")] if seasonal else []),
        (f"{kind}: {why_kind[0]}", f"{KIND_ZH[kind]}：{why_kind[1]}"),
    )  # fmt: skip
    english, chinese = "; ".join(en for en, _ in said), "；".join(zh for _, zh in said) + "。"
    confidence = (1 - p if np.isfinite(p) else 0.5) * _QUALITY_CONFIDENCE[quality] * certainty
    return {
        "label": label, "track": "+".join(seen), "n_pixels": int(cells.sum()),
        "area_m2": float(cells.sum()) * grid.cell_area_m2, "velocity_mean_mm_yr": mean, "velocity_max_mm_yr": peak,
        "quality": quality, "activity": "seasonal" if seasonal else "unknown", "kind": kind,
        "false_alarm_p": p, "status": "new", "confidence": float(np.clip(confidence, 0, 1)),
        "reasons": english, "reasons_zh": chinese, "reasons_en": english, "annual_mm": wave,
    }  # fmt: skip


def _mean(values: F32, cells: Bool) -> float:
    inside = values[cells]
    inside = inside[np.isfinite(inside)]
    return float(np.mean(inside, dtype=np.float64)) if inside.size else float("nan")


def _means(maps: tuple[F32, F32, F32], cells: Bool) -> tuple[float, float, float]:
    return _mean(maps[0], cells), _mean(maps[1], cells), _mean(maps[2], cells)


def _wave(group: _Group, tracks: Sequence[TrackMaps], motion: Mapping[str, F32], cells: Bool) -> float:
    found = [0.0] if group.clusters else []
    for t in tracks:
        sine, cosine = (motion.get(f"annual_{n}:{t.name}") for n in ("sin", "cos"))
        if sine is not None and cosine is not None:
            found.append(float(np.hypot(np.nan_to_num(_mean(sine, cells)), np.nan_to_num(_mean(cosine, cells)))))
    return max(found, default=0.0)


def _quality(track: TrackMaps, values: F32, inside: Bool, mean: float) -> tuple[int, tuple[str, str]]:
    """Grade 1-4 by the larger of two ratios to |mean|: the standard error in time, and the roughness in space.

    temporal = median(velocity_std) / |mean|; spatial = 1.4826 MAD(v - mean of the 8 neighbours inside) / |mean|.
    1 below 0.1, 2 below 0.25, 3 below 0.5, else 4.
    """
    if not inside.any() or not abs(mean) > 0:
        return 4, ("no value in the area", "区内无有效值")
    temporal = float(np.nanmedian(track.velocity_std[inside])) / abs(mean)
    filled = np.where(inside, values, 0).astype(np.float64)
    near = ndimage.convolve(filled, _EIGHT.astype(float), mode="constant") - filled
    n = ndimage.convolve(inside.astype(np.float64), _EIGHT.astype(float), mode="constant") - inside
    rough = (filled - near / np.maximum(n, 1))[inside & (n >= 3)]
    spatial = robust_sigma(rough) / abs(mean) if rough.size else 1.0
    worst = max(temporal, spatial)
    grade = 1 + sum(not worst < b for b in _QUALITY_BOUNDS)
    return grade, (
        f"standard error {temporal:.0%} and roughness {spatial:.0%} of the mean velocity",
        f"标准误差与粗糙度分别为平均速率的 {temporal:.0%} 和 {spatial:.0%}",
    )


def _frame(rows: list[dict[str, object]], labels: NDArray[np.int32], grid: Grid) -> gpd.GeoDataFrame:
    if not rows:
        empty = gpd.GeoDataFrame({"area_id": []}, geometry=gpd.GeoSeries([], crs=grid.crs), crs=grid.crs)
        return conform(empty, "active_deformation")
    polygons = polygons_of_labels(labels, grid, connectivity=8)
    frame = polygons.merge(pd.DataFrame(rows), on="label")
    centre = frame.geometry.representative_point()
    frame["area_id"] = [f"AD-{x:.0f}-{y:.0f}" for x, y in zip(centre.x, centre.y, strict=True)]
    out: gpd.GeoDataFrame = conform(frame.sort_values("area_id"), "active_deformation")
    return out
