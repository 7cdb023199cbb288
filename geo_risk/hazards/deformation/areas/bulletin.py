"""What changed since the last bulletin: areas matched to the former ones, with lasting ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from geo_risk.core.grid import Grid
from geo_risk.core.schemas import conform
from geo_risk.core.vectorize import rasterize
from geo_risk.hazards.deformation.areas.change import CHANGE_ZH, Change, Seen, compared, left, reasoned
from geo_risk.hazards.deformation.areas.noise import F32, robust_sigma
from geo_risk.hazards.deformation.areas.tiles import Box, Windows
from geo_risk.hazards.deformation.params import BulletinParams

_STATUS = {"new": "new", "split": "new", "returned": "changed", "unchanged": "existing", "grown": "changed",
           "accelerated": "changed", "calmed": "changed"}  # fmt: skip

_HALF = 0.5
_FEWEST = 3


@dataclass(frozen=True)
class Bulletin:
    """The areas with their lasting ids and status, what changed (None without a former bulletin), and notes."""

    areas: gpd.GeoDataFrame
    changes: gpd.GeoDataFrame | None
    notes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Match:
    """Former areas against present ones, by position.

    Attributes
    ----------
    heir : former -> present area that carries its id on.
    split : present -> former area that it is a part of, another part carries the id.
    merged : former -> present area that it is now a part of, under another id.
    """

    heir: Mapping[int, int]
    split: Mapping[int, int]
    merged: Mapping[int, int]


def match_areas(before: gpd.GeoDataFrame, after: gpd.GeoDataFrame, params: BulletinParams) -> Match:
    """Match former areas to present ones by their overlap.

    Two outlines can be one body where they share `minimum_overlap` of the smaller and their sizes differ by at most
    `maximum_size_ratio` (a bowl within a wide cone is a body of its own). Pairs are taken by intersection over union,
    the largest first; each area is heir, and has an heir, at most once. Of what is left, a present area that overlaps a
    former one is a part split off, a former one that overlaps a present one has merged into it.
    """
    old, new = before.geometry.to_numpy(), after.geometry.to_numpy()
    i, j = shapely.STRtree(new).query(old, predicate="intersects") if len(new) and len(old) else np.empty((2, 0), int)
    common = shapely.area(shapely.intersection(old[i], new[j]))
    a, b = shapely.area(old[i]), shapely.area(new[j])
    small, large = np.minimum(a, b), np.maximum(a, b)
    same = (common >= params.minimum_overlap * small) & (large <= params.maximum_size_ratio * small) & (small > 0)
    i, j, common, iou = i[same], j[same], common[same], (common / (a + b - common))[same]
    heir: dict[int, int] = {}
    taken: set[int] = set()
    for k in np.lexsort((j, i, -iou)):
        if int(i[k]) not in heir and int(j[k]) not in taken:
            heir[int(i[k])] = int(j[k])
            taken.add(int(j[k]))
    split, merged = {}, {}
    for k in np.lexsort((j, i, common)):
        if int(j[k]) not in taken:
            split[int(j[k])] = int(i[k])
        if int(i[k]) not in heir:
            merged[int(i[k])] = int(j[k])
    return Match(heir, split, {k: v for k, v in merged.items() if k not in set(split.values())})


def bulletin(
    areas: gpd.GeoDataFrame,
    before: gpd.GeoDataFrame | None,
    params: BulletinParams,
    *,
    gone: gpd.GeoDataFrame | None = None,
    seen: Sequence[Seen] = (),
) -> Bulletin:
    """Return the areas of this bulletin with lasting ids, and every change since the last one.

    Parameters
    ----------
    areas : present areas, columns of `active_deformation` (area_id, area_m2, velocity_mean_mm_yr and the like).
    before : those of the last bulletin in the same CRS; velocity_std_mm_yr and velocity_track may be missing, then no
        change of speed is claimed. None: there is no last bulletin, all areas are new and nothing is compared.
    params : when two outlines are one body, and what counts as a change.
    gone : areas that earlier bulletins listed as gone or not seen; they keep their ids and may return.
    seen : by former area and, behind them, by area of `gone`: what radar sees at the place now.

    Returns
    -------
    Bulletin. A matched area keeps its id for ever; a new one whose own id was ever used gets the next free suffix. No
    former area is left out of `changes`: what has no heir is listed as merged, gone, or not seen. `changes` conforms to
    `deformation_changes`; reasons are English, reasons_zh says the same in Chinese.

    Raises
    ------
    SchemaError, CrsError : the frames do not fit their schema.
    """
    if before is None:
        return Bulletin(conform(areas.assign(status="new"), "active_deformation"), None)
    known = before.assign(is_gone=False)
    if gone is not None and len(gone):
        known = pd.concat([known, gone[~gone["area_id"].isin(before["area_id"])].assign(is_gone=True)])
    known = gpd.GeoDataFrame(known.reset_index(drop=True), geometry="geometry", crs=areas.crs)
    match = match_areas(known, areas, params)
    out = areas.reset_index(drop=True).copy()
    out["area_id"] = _ids(out, known, match)
    changes = _present(out, known, match, params)
    states = {c.area_id: c.change for c in changes}
    out["status"] = [_STATUS[states[i]] for i in out["area_id"]]
    changes += _former(known, out, match, {s.area_id: s for s in seen})
    for column, gap in (("reasons", "; since the last bulletin "), ("reasons_en", "; since the last bulletin "),
                        ("reasons_zh", "与上期相比")):  # fmt: skip
        if column in out:
            said = [c.chinese + "。" if column.endswith("zh") else c.english for c in changes[: len(out)]]
            out[column] = [f"{r}{gap}{s}" for r, s in zip(out[column], said, strict=True)]
    frame = conform(out, "active_deformation")
    listed = _frame(changes, areas)
    return Bulletin(frame, listed, (_summary(listed),))


def _ids(areas: gpd.GeoDataFrame, known: gpd.GeoDataFrame, match: Match) -> list[str]:
    used = set(known["area_id"].astype(str))
    former = {j: str(known["area_id"].iloc[i]) for i, j in match.heir.items()}
    out = []
    for j, own in enumerate(areas["area_id"].astype(str)):
        name, k = former.get(j, own), 2
        while j not in former and name in used:
            name, k = f"{own}-{k}", k + 1
        used.add(name)
        out.append(name)
    return out


def _present(areas: gpd.GeoDataFrame, known: gpd.GeoDataFrame, match: Match, params: BulletinParams) -> list[Change]:
    former = {j: i for i, j in match.heir.items()}
    joined: dict[int, list[str]] = {}
    for i, j in match.merged.items():
        joined.setdefault(j, []).append(str(known["area_id"].iloc[i]))
    parts: dict[int, list[str]] = {}
    for j, i in match.split.items():
        parts.setdefault(i, []).append(str(areas["area_id"].iloc[j]))
    out = []
    for j in range(len(areas)):
        row = areas.iloc[j]
        if j in former:
            i = former[j]
            out.append(compared(known.iloc[i], row, params, joined=joined.get(j, []), parts=parts.get(i, [])))
        elif j in match.split:
            out.append(reasoned(row, "split", related=[str(known["area_id"].iloc[match.split[j]])]))
        else:
            out.append(reasoned(row, "new", related=joined.get(j, [])))
    return out


def _former(known: gpd.GeoDataFrame, areas: gpd.GeoDataFrame, match: Match, seen: Mapping[str, Seen]) -> list[Change]:
    out = []
    for i in range(len(known)):
        if i in match.heir:
            continue
        row = known.iloc[i]
        into = match.merged.get(i)
        out.append(
            left(row, seen.get(str(row["area_id"])), into=None if into is None else str(areas["area_id"].iloc[into]))
        )
    return out


def _frame(changes: Sequence[Change], like: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    rows = pd.DataFrame([c.row() for c in changes], columns=Change.columns())
    geometry = gpd.GeoSeries([c.geometry for c in changes], crs=like.crs)
    out: gpd.GeoDataFrame = conform(gpd.GeoDataFrame(rows, geometry=geometry, crs=like.crs), "deformation_changes")
    return out


def _summary(changes: gpd.GeoDataFrame) -> tuple[str, str]:
    counts = changes["change"].value_counts()
    names = [c for c in CHANGE_ZH if c in counts]
    return (
        "since the last bulletin: " + (", ".join(f"{counts[c]} {c.replace('_', ' ')}" for c in names) or "no areas"),
        "与上期公报相比：" + ("，".join(f"{CHANGE_ZH[c]} {counts[c]} 处" for c in names) or "无变形区") + "。",
    )


def seen_now(areas: gpd.GeoDataFrame, grid: Grid, velocities: Mapping[str, Windows]) -> list[Seen]:
    """Return what every former area shows now.

    Parameters
    ----------
    areas : former areas in the CRS of the grid: area_id, geometry and, where it is known, velocity_track.
    grid : of the velocities.
    velocities : by track, (y, x) LOS [mm/yr] by window; NaN is missing.

    Returns
    -------
    One each, by the track that its speed was stated of: another line of sight may not see the same motion. Where a
    track with more motion knows half of its cells too, by that one: one track that sees it move is enough. Where no
    track is stated, by the one with the most motion of those that know half. The error is 1.4826 MAD of the values
    inside, which holds for a body of one noise patch; NaN below three values. A body without cells (outside the grid,
    or smaller than one) is known to no share.
    """
    tracks = areas["velocity_track"] if "velocity_track" in areas else pd.Series("", index=areas.index)
    named = zip(areas["area_id"].astype(str), tracks.astype("string").fillna(""), areas.geometry, strict=True)
    return [_seen(name, str(track), geometry, grid, velocities=velocities) for name, track, geometry in named]


def _seen(
    name: str, track: str, geometry: BaseGeometry, grid: Grid, *, velocities: Mapping[str, Windows]
) -> Seen:  # fmt: skip
    box = _box_of(geometry, grid)
    if box is None:
        return Seen(name, 0.0)
    mask = rasterize([(geometry, 1.0)], Grid(grid.geobox[box]), fill=0, dtype="uint8") > 0
    if not mask.any():
        return Seen(name, 0.0)
    each = {t: _seen_by(name, t, np.asarray(v[box])[mask]) for t, v in velocities.items()}
    half = [s for s in each.values() if s.known_share >= _HALF]
    own = each.get(track, Seen(name, 0.0, track=track)) if track else None
    if own is not None and own.known_share < _HALF:
        return own
    if not half:
        return max(each.values(), key=lambda s: s.known_share, default=Seen(name, 0.0))
    return max(half, key=lambda s: abs(s.velocity_mm_yr) + 1.96 * float(np.nan_to_num(s.std_mm_yr, nan=np.inf)))


def _seen_by(name: str, track: str, values: F32) -> Seen:
    known = values[np.isfinite(values)]
    if not known.size:
        return Seen(name, 0.0, track=track)
    std = robust_sigma(known) if known.size >= _FEWEST else float("nan")
    return Seen(name, float(known.size / values.size), float(known.mean(dtype=np.float64)), std, track)


def _box_of(geometry: BaseGeometry, grid: Grid) -> Box | None:
    """Return the window of a grid that holds a geometry, None where it lies outside or is empty."""
    if geometry is None or geometry.is_empty:
        return None
    left, bottom, right, top = geometry.bounds
    (first, up), (last, down) = ~grid.transform * (left, top), ~grid.transform * (right, bottom)
    rows = slice(max(0, int(np.floor(up))), min(grid.shape[0], int(np.ceil(down))))
    columns = slice(max(0, int(np.floor(first))), min(grid.shape[1], int(np.ceil(last))))
    return (rows, columns) if rows.stop > rows.start and columns.stop > columns.start else None
