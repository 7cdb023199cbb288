"""From significant clusters to active deformation areas: joined over tracks, held against noise, with reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from geo_risk.core.errors import LimitError
from geo_risk.core.grid import Grid
from geo_risk.core.schemas import conform
from geo_risk.core.vectorize import polygons_of_labels
from geo_risk.hazards.deformation.areas.description import Scene, describe
from geo_risk.hazards.deformation.areas.detect import Channel, Cluster, Search, label_sizes, search_all
from geo_risk.hazards.deformation.areas.maps import TrackMaps, TrackWindows
from geo_risk.hazards.deformation.areas.noise import robust_sigma
from geo_risk.hazards.deformation.areas.patch import Patch
from geo_risk.hazards.deformation.areas.significance import Group, false_alarm_p, joined, q_values, stated_p
from geo_risk.hazards.deformation.areas.tiles import Windows, grown, sampled, whole
from geo_risk.hazards.deformation.params import DeformationParams

__all__ = ["Areas", "TrackMaps", "TrackWindows", "active_areas", "false_alarm_p", "stated_p"]

_EIGHT = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True)
class Areas:
    """The frame of active areas, the label raster behind it, and notes (English, Chinese) for the report."""

    frame: gpd.GeoDataFrame
    labels: NDArray[np.int32]
    notes: tuple[tuple[str, str], ...]
    facts: Mapping[str, float] = field(default_factory=dict)


def active_areas(
    tracks: Sequence[TrackWindows],
    grid: Grid,
    params: DeformationParams,
    *,
    context: Mapping[str, Windows] | None = None,
    hotspot: Mapping[str, Windows] | None = None,
) -> Areas:
    """Find the areas that move beyond what the maps' own noise explains, over all tracks together.

    Parameters
    ----------
    tracks : maps on the detection grid.
    grid : that grid.
    params : of the areas, the slope projection and the bowls.
    context : further maps that classification can use: slope_deg, aspect_deg [degree], velocity_up, velocity_east
        [mm/yr], and those of `setting_maps`; whatever is missing is not used.
    hotspot : Gi* by track, only for the reasons.

    Returns
    -------
    Areas; the frame conforms to `active_deformation`, with the columns of `describe` behind. velocity_mean and
    velocity_max are LOS values, against stable ground around, of the track that sees the area best. Where a map has no
    stable part its cells are taken by an absolute threshold, false_alarm_p is missing, and a note says so. Which areas
    are kept is judged by the fitted tail, but false_alarm_p is never stated below 1 / (simulated maps + 1).

    Raises
    ------
    LimitError : more cells than `areas.maximum_cells`: masks, labels and the map that is searched are held whole, some
        40 bytes a cell; everything else is read and worked out by window. (A run takes wider cells before that.)
    """
    if (n := grid.shape[0] * grid.shape[1]) > params.areas.maximum_cells:
        what = f"the detection grid has {n} cells; at most {params.areas.maximum_cells} are searched at once"
        fix = "run it in parts, set a coarser area.resolution_m, or raise the limit where 40 bytes a cell fit"
        raise LimitError(what, where="deformation.areas.maximum_cells", fix=fix)
    notes: list[tuple[str, str]] = []
    channels = [c for t in tracks for c in _channels(t, params)]
    searchable = [c for c in channels if _has_stable(c, params, notes)]
    searches = search_all(searchable, grid.resolution_m, params.areas)
    searches += [_absolute(c, params) for c in channels if c not in searchable and c.name.startswith("velocity:")]
    notes += _restless(searches)
    groups = kept_groups(searches, searchable, tracks, params)
    labels = _paint(groups, tracks, grid.shape)
    scene = Scene(
        tracks, grid, params, {s.channel.name: s.motion for s in searches},
        {s.channel.name: s.covariance for s in searches}, context or {}, hotspot or {}, simulated_maps(searches),
    )  # fmt: skip
    boxes = ndimage.find_objects(labels, max_label=len(groups))
    windows = [(k, g, grown(b, 2, grid.shape)) for k, (g, b) in enumerate(zip(groups, boxes, strict=True), 1) if b]
    # tile by tile, so that what is read or worked out by tile is used again
    windows.sort(key=lambda w: [b.start // params.areas.tile_cells for b in w[2]])
    rows = [describe(k, g, labels[box] == k, scene.window(box)) for k, g, box in windows]
    facts = {f"sigma_{s.channel.name}": s.sigma for s in searches if np.isfinite(s.sigma)}
    facts |= {f"stable_share_{s.channel.name}": s.stable_share for s in searches}
    return Areas(_frame(rows, labels, grid), labels, tuple(notes), facts)


def kept_groups(
    searches: Sequence[Search], searchable: Sequence[Channel], tracks: Sequence[TrackWindows], params: DeformationParams
) -> list[Group]:
    """Return the bodies that noise does not explain, each with its p and, over all candidates of the run, its q."""
    known = max(s.known_cells for s in searches)
    found = joined([c for s in searches for c in s.clusters])
    groups = [replace(g, p=false_alarm_p(g.clusters, searchable, known)) for g in found]
    q = q_values([stated_p(g.p, simulated_maps(searches)) for g in groups])
    groups = [replace(g, q=float(v)) for g, v in zip(groups, q, strict=True)]
    return [g for g in groups if not g.p > _limit(g, tracks, params)]


def simulated_maps(searches: Sequence[Search]) -> float:
    """Return how many whole maps the simulated noise is worth, of the search that has least; NaN without any."""
    return min((s.simulated_maps for s in searches if np.isfinite(s.simulated_maps)), default=float("nan"))


def _restless(searches: Sequence[Search]) -> list[tuple[str, str]]:
    return [(
        f"{s.channel.name}: more than half of the map would be held to move against the rest, so that little could be "
        "masked: what is called stable may move itself, areas may be missing, and false-alarm probabilities are rough",
        f"{s.channel.name}：半数以上区域相对周围有变形，稳定区无法充分剔除变形：所谓稳定区可能自身在动，可能漏判，虚警概率仅供参考",
    ) for s in searches if s.is_restless]  # fmt: skip


def _channels(track: TrackWindows, params: DeformationParams) -> list[Channel]:
    out = [Channel(f"velocity:{track.name}", track.velocity, track.velocity_std, params.areas.scales_m)]
    if track.annual is not None:
        # a yearly amplitude has about the error of a velocity times the spread of the dates; only its pattern matters
        out += [Channel(f"annual_{n}:{track.name}", a, track.velocity_std, params.areas.annual_scales_m)
                for n, a in zip(("sin", "cos"), track.annual, strict=True)]  # fmt: skip
    return out


def _has_stable(channel: Channel, params: DeformationParams, notes: list[tuple[str, str]]) -> bool:
    values = whole(channel.values)
    sigma, known = robust_sigma(sampled(values)), int(np.isfinite(values).sum())
    limit = params.areas.maximum_stable_sigma_mm_yr
    if known < params.areas.minimum_stable_cells:
        why = (f"only {known} cells are known", f"有效像元仅 {known} 个")
    elif not sigma > 0:
        why = ("half of its values or more are one number, so that it has no noise", "半数以上数值相同，无法估计噪声")
    elif sigma > limit:
        why = (f"its values scatter by {sigma:.0f} (robust), more than {limit:g}",
               f"稳健标准差 {sigma:.0f}，超过 {limit:g}")  # fmt: skip
    else:
        return True
    if channel.name.startswith("velocity:"):
        limit = params.areas.absolute_threshold_mm_yr
        notes.append((
            f"{channel.name}: no stable ground could be found ({why[0]}); areas are cells beyond an absolute "
            f"{limit:g} mm/yr, and have no false-alarm probability",
            f"{channel.name}：找不到稳定区（{why[1]}），改用绝对阈值 {limit:g} mm/yr，无虚警概率",
        ))  # fmt: skip
    return False


def _absolute(channel: Channel, params: DeformationParams) -> Search:
    clusters, values, limit = [], whole(channel.values), params.areas.absolute_threshold_mm_yr
    for sign in (1, -1):
        beyond = values >= limit if sign > 0 else values <= -limit
        labels, n = ndimage.label(beyond, structure=_EIGHT)
        sizes = label_sizes(labels, n)
        boxes = ndimage.find_objects(labels)
        for k in np.flatnonzero(sizes[1:] >= params.areas.minimum_pixels) + 1:
            box = boxes[k - 1]
            cells = Patch.of(labels[box] == k, box[0].start, box[1].start)
            clusters.append(Cluster(channel.name, 0.0, sign, cells, np.nan, np.nan, np.nan))
    known = int(np.isfinite(values).sum())
    return Search(channel, channel.values, tuple(clusters), float("nan"), 0.0, known)


def _limit(group: Group, tracks: Sequence[TrackWindows], params: DeformationParams) -> float:
    """Return the largest p a group may have: less where one track alone shows it although another looks too."""
    box, mask = group.cells.box, group.cells.mask
    looking = sum(bool(np.isfinite(t.velocity[box][mask]).mean() >= 0.5) for t in tracks)
    alone = not group.is_confirmed and looking > 1
    return min(params.areas.unconfirmed_p, params.areas.false_alarm_p) if alone else params.areas.false_alarm_p


def _paint(groups: Sequence[Group], tracks: Sequence[TrackWindows], shape: tuple[int, int]) -> NDArray[np.int32]:
    """Label the cells, small areas over large ones; values lost in the middle of an area belong to it."""
    labels = np.zeros(shape, dtype=np.int32)
    for k, group in enumerate(groups, 1):
        box, mask = group.cells.box, group.cells.mask
        lost = np.logical_and.reduce([~np.isfinite(t.velocity[box]) for t in tracks])
        labels[box][mask | (ndimage.binary_fill_holes(mask) & lost)] = k
    return labels


def _frame(rows: list[dict[str, object]], labels: NDArray[np.int32], grid: Grid) -> gpd.GeoDataFrame:
    if not rows:
        # a label too: the steps after this one look areas up by it, and ground where nothing moves must not stop them
        columns = {"area_id": [], "label": np.empty(0, dtype=np.int64)}
        empty = gpd.GeoDataFrame(columns, geometry=gpd.GeoSeries([], crs=grid.crs), crs=grid.crs)
        return conform(empty, "active_deformation")
    polygons = polygons_of_labels(labels, grid, connectivity=8)
    frame = polygons.merge(pd.DataFrame(rows), on="label")
    centre = frame.geometry.representative_point()
    frame["area_id"] = [f"AD-{x:.0f}-{y:.0f}" for x, y in zip(centre.x, centre.y, strict=True)]
    out: gpd.GeoDataFrame = conform(frame.sort_values("area_id"), "active_deformation")
    return out
