"""Continuous axes from the noded pieces of roads and railways, with the lineage of every piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from shapely.geometry import LineString

from geo_risk.hazards.deformation.lines.params import LineParams

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Piece:
    """One input line in an axis: its id, and from where to where on the axis [m] it lies."""

    id: str
    from_m: float
    to_m: float


@dataclass(frozen=True)
class Axis:
    """A continuous line with chainage from its start.

    Attributes
    ----------
    route : name of the route, or the id of its only piece where it has none.
    category : class of the road, "railway", "embankment", or a kind of dam.
    part : 1, 2, ... where the pieces of a route do not hang together, or change class.
    line : geometry; chainage 0 is its first point.
    pieces : lineage, in order.
    """

    route: str
    category: str
    part: int
    line: LineString
    pieces: tuple[Piece, ...]


@dataclass
class _End:
    """One end of a piece at a node: the piece, which end (0 start, 1 end), and the unit vector out of the node."""

    piece: int
    end: int
    away: F64
    partner: _End | None = field(default=None, repr=False)


def merge_axes(
    lines: gpd.GeoDataFrame, params: LineParams, *, id_column: str, category: str | None = None
) -> list[Axis]:
    """Join the pieces of each route to axes that are as long as possible.

    Parameters
    ----------
    lines : LineString rows with `id_column`, and name and class where they are known. Pieces with one name and class
        are one route; a piece without a name is its own.
    params : how close ends are one node (`join_m`), and how far an axis bends at most where more than two meet.
    id_column : the column of the ids that the lineage keeps.
    category : class of all rows; None takes the column `class`.

    Returns
    -------
    Axes by route and part. Every piece is in exactly one axis, so lengths add up (multi-part rows are split, and
    keep their id). An axis starts where most of its length was digitised from; a ring at its first piece.

    Raises
    ------
    ValueError : no such id column.
    """
    if id_column not in lines:
        what = f"the lines have no column {id_column!r}; they have {list(lines.columns)[:20]}"
        raise ValueError(what)
    rows = lines.explode(index_parts=False, ignore_index=True)
    rows = rows[(rows.geometry.geom_type == "LineString") & (rows.geometry.length > 0)].reset_index(drop=True)
    ids = rows[id_column].astype(str)
    names = rows["name"].astype("string") if "name" in rows else pd.Series(pd.NA, index=rows.index, dtype="string")
    route = names.where(names.notna() & (names.str.strip() != ""), ids).astype(str)
    if category is not None:
        kinds = pd.Series(category, index=rows.index)
    else:
        kinds = rows["class"].astype("string").fillna("") if "class" in rows else pd.Series("", index=rows.index)
    out: list[Axis] = []
    count: dict[str, int] = {}
    for (name, kind), where in sorted(rows.groupby([route, kinds.astype(str)]).groups.items()):
        chosen = [int(i) for i in where]
        shapes = [LineString(shapely.force_2d(rows.geometry.iloc[i])) for i in chosen]
        chains = _chains(shapes, params)
        made = [_axis(chain, shapes, [str(ids.iloc[i]) for i in chosen]) for chain in chains]
        made.sort(key=lambda item: (-round(item[0].length, 3), item[0].coords[0]))
        first = count.get(str(name), 0) + 1
        count[str(name)] = count.get(str(name), 0) + len(made)
        out += [Axis(str(name), str(kind), k, line, pieces) for k, (line, pieces) in enumerate(made, first)]
    return out


def _chains(shapes: Sequence[LineString], params: LineParams) -> list[list[tuple[int, bool]]]:
    """Return chains of (piece, is reversed)."""
    ends = _paired_ends(shapes, params)
    done = [False] * len(shapes)
    chains: list[list[tuple[int, bool]]] = []
    starts = [e for pair in ends for e in pair if e.partner is None]
    for start in [*starts, *(pair[0] for pair in ends)]:
        if done[start.piece]:
            continue
        chain: list[tuple[int, bool]] = []
        here: _End | None = start
        while here is not None and not done[here.piece]:
            done[here.piece] = True
            chain.append((here.piece, here.end == 1))
            here = ends[here.piece][1 - here.end].partner
        chains.append(chain)
    return chains


def _paired_ends(shapes: Sequence[LineString], params: LineParams) -> list[tuple[_End, _End]]:
    """Pair the ends at every node: two always, of more the straightest first."""
    ends = [(_end(i, 0, s), _end(i, 1, s)) for i, s in enumerate(shapes)]
    flat = [e for pair in ends for e in pair]
    points = np.array([shapes[e.piece].coords[-e.end] for e in flat], dtype=np.float64)
    at_node: dict[int, list[_End]] = {}
    for e, node in zip(flat, _nodes(points, params.join_m), strict=True):
        at_node.setdefault(node, []).append(e)
    for members in at_node.values():
        limit = 180.0 if len(members) == 2 else params.maximum_bend_deg
        options = sorted(
            (_bend_deg(a.away, b.away), i, j)
            for i, a in enumerate(members)
            for j, b in enumerate(members[:i])
        )  # fmt: skip
        for bend, i, j in options:
            a, b = members[i], members[j]
            if bend <= limit and a.partner is None and b.partner is None:
                a.partner, b.partner = b, a
    return ends


def _end(piece: int, end: int, shape: LineString) -> _End:
    reach = min(25.0, shape.length / 2)
    here = np.array(shape.coords[-end])
    there = np.array(shape.interpolate(shape.length - reach if end else reach).coords[0])
    away = there - here
    return _End(piece, end, away / max(float(np.hypot(*away)), 1e-12))


def _nodes(points: F64, join_m: float) -> list[int]:
    """Return the node of each point: points within `join_m` of one another, directly or through others, are one."""
    root = list(range(len(points)))

    def find(i: int) -> int:
        while root[i] != i:
            i = root[i]
        return i

    for i, j in sorted(cKDTree(points).query_pairs(max(join_m, 1e-6))):
        a, b = find(i), find(j)
        root[max(a, b)] = min(a, b)
    return [find(i) for i in range(len(points))]


def _bend_deg(a: F64, b: F64) -> float:
    return float(180 - np.degrees(np.arccos(np.clip(a @ b, -1, 1))))


def _axis(
    chain: list[tuple[int, bool]], shapes: Sequence[LineString], ids: Sequence[str]
) -> tuple[LineString, tuple[Piece, ...]]:
    backwards = sum(shapes[i].length * (1 if turned else -1) for i, turned in chain)
    if backwards > 0:
        chain = [(i, not turned) for i, turned in reversed(chain)]
    points: list[tuple[float, ...]] = []
    pieces: list[Piece] = []
    at = 0.0
    for i, turned in chain:
        coords = list(shapes[i].coords)[:: -1 if turned else 1]
        # the ends of two pieces may stand `join_m` apart: the step between them belongs to the next piece
        step = float(np.hypot(*np.subtract(points[-1], coords[0]))) if points else 0.0
        points += coords[1:] if points and step == 0 else coords
        end = at + step + shapes[i].length
        pieces.append(Piece(ids[i], at, end))
        at = end
    return LineString(points), tuple(pieces)
