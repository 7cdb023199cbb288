"""Where lines do not run on the ground: on the decks of bridges, and inside tunnels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import shapely.ops
from numpy.typing import NDArray

_ON_LINE_M = 15.0
"""A bridge that names no road is on the lines it is so near to: half a road and the error of its position."""


@dataclass(frozen=True)
class Crossings:
    """Decks and tunnels of line sections, each pair of a section and what it runs over or through.

    Attributes
    ----------
    deck_section : (d,) position of the section on a bridge. clearance_m : (d,) free height of the deck
        above its bed, NaN unknown. bridge_id : (d,). shape : (d,) of the bridge.
    tunnel_section : (t,) position of the section. inner : (t,) the tunnel without its portals, grown by the error of
        positions.
    """

    deck_section: NDArray[np.int64]
    clearance_m: NDArray[np.float64]
    bridge_id: NDArray[Any]
    shape: NDArray[Any]
    tunnel_section: NDArray[np.int64]
    inner: NDArray[Any]

    @classmethod
    def none(cls) -> Crossings:
        """Return no crossings."""
        whole, real, thing = np.zeros(0, np.int64), np.zeros(0), np.array([], dtype=object)
        return cls(whole, real, thing, thing, whole, thing)


def crossings(
    sections: gpd.GeoDataFrame, bridges: gpd.GeoDataFrame | None, tunnels: gpd.GeoDataFrame | None, *, deck_m: float
) -> Crossings:
    """Return which sections run on which bridges and through which tunnels.

    Parameters
    ----------
    sections : lines with piece_ids. bridges : points or lines with bridge_id, and where known road_id (then it carries
        the sections with that piece alone) and clearance_m (not > 0: unknown). tunnels : lines. All in one metric CRS.
    deck_m : length to either side of a point that is deck, and of the ends of a tunnel that is portal.
    """
    out = Crossings.none()
    lines = sections.geometry.to_numpy()
    if not len(lines):
        return out
    tree = shapely.STRtree(lines)
    deck: tuple[Any, ...] = (out.deck_section, out.clearance_m, out.bridge_id, out.shape)
    if bridges is not None and len(bridges):
        shapes = bridges.geometry.to_numpy()
        bridge, section = tree.query(shapes, predicate="dwithin", distance=deck_m)
        road = _text(bridges, "road_id")[bridge]
        pieces = _text(sections, "piece_ids")[section]
        carries = np.array([not r or r in p.split(",") for r, p in zip(road, pieces, strict=True)], dtype=bool)
        near = shapely.distance(shapes[bridge], lines[section]) <= _ON_LINE_M
        kept = np.where(road == "", near, carries)
        bridge, section = bridge[kept], section[kept]
        height = _numbers(bridges, "clearance_m")[bridge]
        names = _text(bridges, "bridge_id")[bridge]
        deck = (section, np.where(height > 0, height, np.nan), names, shapes[bridge])
    through: tuple[Any, ...] = (out.tunnel_section, out.inner)
    if tunnels is not None and len(tunnels):
        bores = tunnels.geometry.to_numpy()
        length = shapely.length(bores)
        long = np.flatnonzero(length > 2 * deck_m)
        bored = [shapely.ops.substring(bores[k], deck_m, length[k] - deck_m) for k in long]
        inner = shapely.buffer(np.array(bored, dtype=object), _ON_LINE_M, cap_style="flat")
        tunnel, section = tree.query(inner, predicate="intersects") if len(inner) else (out.tunnel_section,) * 2
        through = (section, inner[tunnel])
    return Crossings(*deck, *through)


def _text(frame: pd.DataFrame, column: str) -> NDArray[Any]:
    if column not in frame:
        return np.full(len(frame), "", dtype=object)
    return frame[column].astype("string").fillna("").to_numpy(dtype=object)


def _numbers(frame: pd.DataFrame, column: str) -> NDArray[np.float64]:
    if column not in frame:
        return np.full(len(frame), np.nan)
    return pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)


def on_decks(
    found: Crossings, line: NDArray[np.int64], points: NDArray[Any], *, deck_m: float
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return which points of sections are on a deck, and the least known free height of the decks there, NaN unknown.

    Parameters
    ----------
    line, points : (n,) position of the section of each point, and the point.
    """
    deck, clear = np.zeros(len(points), dtype=bool), np.full(len(points), np.inf)
    unknown = np.zeros(len(points), dtype=bool)
    for k, section in enumerate(found.deck_section.tolist()):
        mine = np.flatnonzero(line == section)
        near = mine[shapely.distance(points[mine], found.shape[k]) <= deck_m]
        deck[near] = True
        height = found.clearance_m[k]
        if np.isnan(height):
            unknown[near] = True
        else:
            clear[near] = np.minimum(clear[near], height)
    return deck, np.where(unknown | np.isinf(clear), np.nan, clear)


def in_tunnels(found: Crossings, line: NDArray[np.int64], points: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which points of sections lie inside a tunnel, its portals left out."""
    out = np.zeros(len(points), dtype=bool)
    for k, section in enumerate(found.tunnel_section.tolist()):
        mine = np.flatnonzero(line == section)
        out[mine[shapely.intersects(points[mine], found.inner[k])]] = True
    return out


def on_the_ground(sections: gpd.GeoDataFrame, found: Crossings, *, deck_m: float) -> NDArray[Any]:
    """Return the sections without their decks; one that is all deck is empty."""
    out = sections.geometry.to_numpy().copy()
    for k, section in enumerate(found.deck_section.tolist()):
        out[section] = shapely.difference(out[section], shapely.buffer(found.shape[k], deck_m))
    return np.asarray(out)
