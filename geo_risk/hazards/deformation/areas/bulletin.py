"""What changed since the last bulletin: areas matched to the former ones, with lasting ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from geo_risk.core.schemas import conform
from geo_risk.hazards.deformation.areas.change import CHANGE_ZH, Change, Seen, compared, left, reasoned
from geo_risk.hazards.deformation.areas.noise import F32, robust_sigma
from geo_risk.hazards.deformation.params import BulletinParams

_STATUS = {"new": "new", "split": "new", "returned": "changed", "unchanged": "existing", "grown": "changed",
           "accelerated": "changed", "calmed": "changed"}  # fmt: skip


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


def seen_now(ids: Sequence[str], labels: NDArray[np.int32], velocities: Sequence[F32]) -> list[Seen]:
    """Return what every former area shows now, by the track that knows most of its cells.

    Parameters
    ----------
    ids : of the areas, in order of their labels 1, 2, ...
    labels : (y, x) 0 outside.
    velocities : (y, x) LOS [mm/yr] of each track, on the same grid; NaN is missing.

    Returns
    -------
    One each; the error is 1.4826 MAD of the values inside, which holds for a body of one noise patch. A label without
    cells (outside the grid, or smaller than one) is known to no share.
    """
    boxes = ndimage.find_objects(labels, max_label=len(ids))
    out = []
    for k, (name, box) in enumerate(zip(ids, boxes, strict=True), 1):
        inside = [] if box is None else [v[box][labels[box] == k] for v in velocities]
        shares = [float(np.isfinite(v).mean()) for v in inside]
        if not any(shares):
            out.append(Seen(name, 0.0))
            continue
        best = int(np.argmax(shares))
        known = inside[best][np.isfinite(inside[best])]
        out.append(Seen(name, shares[best], float(known.mean(dtype=np.float64)), robust_sigma(known)))
    return out
