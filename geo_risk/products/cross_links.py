"""Which further zones hold a hazard point, and which run-out is its own or reaches it: links that both sides name.

The zone that a point belongs to is found in `matching`. Here is what else is at its place: zones of other kinds
(ponding, flood), zones that overlap, and the footprints of run-out.
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_risk.products.params import RiskParams
from geo_risk.products.wording import joined, say
from geo_risk.products.zone_runout import sources_of

ZONE_RULES = ("inside", "in_runout", "within_error")
"""It stands on the ground of the zone; in what runs out from it; or the zone begins within `position_error_m`."""

RUNOUT_RULES = ("own_release", "inside", "within_error")
"""The footprint starts at the point itself; it reaches the point; or it ends within `position_error_m` of it."""

_COLUMNS = ("point_id", "target_id", "rule", "distance_m", "kind")
_SHOWN = 5
"""Links that the reasons name; the columns hold them all."""


def zone_links(points: gpd.GeoDataFrame, zones: gpd.GeoDataFrame | None, params: RiskParams) -> pd.DataFrame:
    """Return the zones at each point besides the one that it belongs to.

    Parameters
    ----------
    points : point_id, zone_id (may be missing), in the CRS of the zones; a point without a place has no links.
    zones : zone_id, kind; None: no links. params : position_error_m.

    Returns
    -------
    point_id, target_id (zone), rule (of `ZONE_RULES`), distance_m, kind (of the zone), by point, rule, distance and id.
    """
    if zones is None or not len(zones) or not len(points):
        return _none()
    shapes = zones.geometry.to_numpy()
    point, zone, distance = _near(points, shapes, params.position_error_m)
    source = shapely.distance(points.geometry.to_numpy()[point], sources_of(zones).to_numpy()[zone])
    rule = np.select([source == 0, distance == 0], [0, 1], default=2)
    ids = zones["zone_id"].astype(str).to_numpy()[zone]
    own = points["zone_id"].astype("string").fillna("").to_numpy(dtype=object)[point] == ids
    found = _table(points, point, ids, rule, distance, ZONE_RULES, zones["kind"].astype(str).to_numpy()[zone])
    return _sorted(found[~own], ZONE_RULES)


def runout_links(points: gpd.GeoDataFrame, runouts: gpd.GeoDataFrame | None, params: RiskParams) -> pd.DataFrame:
    """Return the run-out that starts at each point or reaches it.

    Parameters
    ----------
    points : point_id, in the CRS of the run-out. runouts : zone_id, release_id, kind as in `runout_zones`; None: none.
    params : position_error_m.

    Returns
    -------
    As `zone_links`, with the rules `RUNOUT_RULES`; a footprint of the point's own is named once, by that rule.
    """
    if runouts is None or not len(runouts) or not len(points):
        return _none()
    point, runout, distance = _near(points, runouts.geometry.to_numpy(), params.position_error_m)
    of_point = {str(i): k for k, i in enumerate(points["point_id"])}
    start = np.array([of_point.get(r, -1) for r in starts_of(runouts, of_point)], np.int64)
    own = np.flatnonzero(start >= 0)
    rest = start[runout] != point
    at = np.concatenate([start[own], point[rest]])
    to = np.concatenate([own, runout[rest]])
    away = np.concatenate([np.zeros(len(own)), distance[rest]])
    rule = np.concatenate([np.zeros(len(own), np.int64), np.where(distance[rest] == 0, 1, 2)])
    kinds = runouts["kind"].astype(str).to_numpy()[to]
    ids = runouts["zone_id"].astype(str).to_numpy()[to]
    return _sorted(_table(points, at, ids, rule, away, RUNOUT_RULES, kinds), RUNOUT_RULES)


OF_POINTS = ("hazard_point", "moving_area")
"""Sources of releases that bear the id of a hazard point."""


def starts_of(runouts: pd.DataFrame, known: Container[str]) -> list[str]:
    """Return the point of each release, "" where it has none: its id, or its id without the number behind that the
    second area of one point has.

    Parameters
    ----------
    runouts : release_id; source, by which slopes and channels have no point. known : ids of points.
    """
    ids = runouts["release_id"].astype(str)
    named = runouts["source"].isin(OF_POINTS) if "source" in runouts else np.full(len(ids), fill_value=True)
    bare = [i if i in known else re.sub(r"-\d+$", "", i) for i in ids]
    return [b if ok and b in known else "" for b, ok in zip(bare, named, strict=True)]


def _near(
    points: gpd.GeoDataFrame, shapes: NDArray[Any], reach_m: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    places = points.geometry.to_numpy()
    point, shape = shapely.STRtree(shapes).query(places, predicate="dwithin", distance=reach_m)
    return point, shape, shapely.distance(places[point], shapes[shape])


def _table(
    points: gpd.GeoDataFrame, point: NDArray[np.int64], ids: NDArray[Any], rule: NDArray[Any],
    distance: NDArray[np.float64], names: tuple[str, ...], kinds: NDArray[Any],
) -> pd.DataFrame:  # fmt: skip
    return pd.DataFrame({
        "point_id": points["point_id"].astype(str).to_numpy()[point], "target_id": ids,
        "rule": np.array(names, dtype=object)[rule.astype(np.int64)], "distance_m": distance, "kind": kinds,
    })  # fmt: skip


def _sorted(links: pd.DataFrame, rules: tuple[str, ...]) -> pd.DataFrame:
    rank = links["rule"].map({r: k for k, r in enumerate(rules)})
    order = links.assign(rank=rank).sort_values(["point_id", "rank", "distance_m", "target_id"], kind="stable")
    return order[list(_COLUMNS)].reset_index(drop=True)


def _none() -> pd.DataFrame:
    return pd.DataFrame({c: pd.Series(dtype="float64" if c == "distance_m" else "object") for c in _COLUMNS})


def with_targets(points: gpd.GeoDataFrame, links: pd.DataFrame, *, column: str, sentence: str) -> gpd.GeoDataFrame:
    """Return the points with the ids of their links in a column, and what their reasons say of them.

    Parameters
    ----------
    links : of `zone_links` or `runout_links`. sentence : key of the sentence, that takes `links`.
    """
    return _named(
        points, links, ("point_id", "point_id", "target_id"), column=column, sentence=sentence, told="link_zone"
    )


def with_points(frame: gpd.GeoDataFrame, links: pd.DataFrame, *, column: str, sentence: str) -> gpd.GeoDataFrame:
    """Return zones (`zone_id`) with the ids of the points that link to them in a column, and what their reasons say."""
    return _named(
        frame, links, ("zone_id", "target_id", "point_id"), column=column, sentence=sentence, told="link_point"
    )


def _named(
    frame: gpd.GeoDataFrame, links: pd.DataFrame, keys: tuple[str, str, str], *, column: str, sentence: str, told: str
) -> gpd.GeoDataFrame:
    """Name the other side of links; `keys`: id column of the frame, column of the links that holds it, the other."""
    own, here, there = keys
    groups = {str(k): rows for k, rows in links.groupby(here, sort=False)} if len(links) else {}
    names = frame[own].astype(str).tolist()
    out = frame.copy()
    out[column] = pd.array([",".join(groups[n][there]) if n in groups else pd.NA for n in names], dtype="string")
    for text, k in (("reasons_zh", "zh"), ("reasons_en", "en")):
        if text not in out:
            continue
        said = [_words(groups[n], there, sentence, told, k) if n in groups else "" for n in names]
        out[text] = [joined([old, new], k) for old, new in zip(out[text].fillna(""), said, strict=True)]
    return out


def _words(rows: pd.DataFrame, there: str, sentence: str, told: str, language: str) -> str:
    shown = [
        say(told, language, id=getattr(r, there), kind=str(r.kind), rule=f"rule_{r.rule}", distance=r.distance_m)
        for r in rows.head(_SHOWN).itertuples()
    ]
    text = ("、" if language == "zh" else ", ").join(shown)
    if len(rows) > _SHOWN:
        text += f"……（共 {len(rows)} 个）" if language == "zh" else f" ... ({len(rows)})"
    return say(sentence, language, links=text)


def in_language(frame: gpd.GeoDataFrame, language: str) -> gpd.GeoDataFrame:
    """Return the frame with `reasons` in the run's language, as `reasons_zh` or `reasons_en` has it."""
    source = f"reasons_{language}"
    return frame.assign(reasons=frame[source]) if source in frame else frame
