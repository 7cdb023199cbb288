"""The small map of a card: what lies around a place, and the ways out of it, as paths in a drawing of 100 by 100."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geo_risk.publish.legend import LEVEL_COLORS, UNKNOWN_COLOR

SIDE_M = {"hazard_points": 2000.0, "risk_zones": 2000.0, "evacuation": 4000.0, "waterlogging": 1000.0}
"""Least side of the map, by kind of card."""

_BASE = (("rivers", "none", "#5aa2d6", 0.9), ("roads", "none", "#a8906f", 0.6))
_WAYS = {"main": ("#0b6477", 1.5, ""), "backup": ("#0b6477", 1.0, "2.4 1.8")}
"""Colour, width and dashes of the routes, by role."""

_OUTLINED_M = 5000.0
"""Longest side of a map whose zones have outlines: of many small zones nothing else would be seen."""

_MARGIN = 1.12


@dataclass(frozen=True)
class CardMap:
    """A drawing of 100 by 100, north up.

    Attributes
    ----------
    paths : {"d", "fill", "stroke", "width", "dash"} from the lowest up. side_m : length of a side.
    marks : {"x", "y", "kind"}: the place itself ("here"), and shelters at the ends of its routes.
    bar : {"start", "end", "text"} of the scale bar, at the bottom, on the side where no mark stands.
    """

    paths: list[dict[str, Any]]
    side_m: float
    marks: list[dict[str, Any]]
    bar: dict[str, Any]


def card_map(name: str, row: Mapping[str, Any], frames: Mapping[str, gpd.GeoDataFrame]) -> CardMap:
    """Return the map of a row: zones, water, roads, its own outline where it has one, and its routes.

    Parameters
    ----------
    name : frame of the row. row : with the column of the frame's geometry.
    frames : product frames by name, and roads and rivers; one projected CRS. Those absent are not drawn.
    """
    shape = row[frames[name].geometry.name]
    routes = _routes(name, row, frames)
    whole = shapely.union_all([shape, *routes.geometry]) if routes is not None else shape
    left, bottom, right, top = whole.bounds
    here = shape.representative_point()
    is_far = max(right - left, top - bottom) * _MARGIN > SIDE_M[name]
    side = max(SIDE_M[name], max(right - left, top - bottom) * _MARGIN)
    centre = shapely.Point((left + right) / 2, (bottom + top) / 2) if is_far else here
    drawn = sketch(centre, frames, side)
    box = _box(centre, side)
    marks = [_mark(here, box, side, "here")]
    if shape.geom_type not in ("Point", "MultiPoint"):
        outline = _paths(gpd.GeoDataFrame(geometry=[shape], crs=frames[name].crs), np.array([0]), box, side)[0]
        drawn.append({"d": outline, "fill": "none", "stroke": "#14191d", "width": 1.1, "dash": ""})
    if routes is not None:
        lines = _paths(routes, np.arange(len(routes)), box, side)
        for line, role in zip(lines, routes["role"], strict=True):
            color, width, dash = _WAYS.get(str(role), _WAYS["main"])
            drawn.append({"d": line, "fill": "none", "stroke": color, "width": width, "dash": dash})
        marks += [_mark(shapely.get_point(line, -1), box, side, "shelter") for line in routes.geometry]
    return CardMap([d for d in drawn if d["d"]], side, marks, _bar(side, marks))


def _routes(name: str, row: Mapping[str, Any], frames: Mapping[str, gpd.GeoDataFrame]) -> gpd.GeoDataFrame | None:
    if name != "evacuation" or "evacuation_routes" not in frames:
        return None
    ways = frames["evacuation_routes"]
    mine = ways[(ways["settlement_id"].astype(str) == str(row["settlement_id"])) & (ways.geometry.length > 0)]
    return mine.sort_values(["role", "route_id"], kind="stable").reset_index(drop=True) if len(mine) else None


def _box(centre: Any, side: float) -> Any:
    return shapely.box(centre.x - side / 2, centre.y - side / 2, centre.x + side / 2, centre.y + side / 2)


def _mark(point: Any, box: Any, side: float, kind: str) -> dict[str, Any]:
    left, _, _, top = box.bounds
    return {"x": round((point.x - left) / side * 100, 2), "y": round((top - point.y) / side * 100, 2), "kind": kind}


def _bar(side: float, marks: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a scale bar of 1, 2 or 5 times a power of ten, a third of the side at most."""
    power = 10.0 ** math.floor(math.log10(side / 3))
    length = next(s * power for s in (5.0, 2.0, 1.0) if s * power <= side / 3)
    text = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    drawn = round(length / side * 100, 2)
    low = [m["x"] for m in marks if m["y"] > 82]  # as high as the bar and its text
    start = 6.0 if not any(x < drawn + 14 for x in low) or any(x > 86 - drawn for x in low) else 94 - drawn
    return {"start": start, "end": round(start + drawn, 2), "text": text}


def sketch(centre: Any, frames: Mapping[str, gpd.GeoDataFrame], side: float) -> list[dict[str, Any]]:
    """Return paths of the zones, roads and rivers within `side` metres, in a drawing of 100 by 100 with north up."""
    box = _box(centre, side)
    out: list[dict[str, Any]] = []
    outline = 0.4 if side <= _OUTLINED_M else 0.0
    if "risk_zones" in frames:
        zones, near = frames["risk_zones"], _near(frames["risk_zones"], box)
        for path, level in zip(_paths(zones, near, box, side), zones["risk_level"].to_numpy()[near], strict=True):
            color = LEVEL_COLORS.get(int(level), UNKNOWN_COLOR)
            out.append({"d": path, "fill": color, "stroke": "#33383d", "width": outline, "dash": ""})
    for name, fill, color, width in _BASE:
        if name not in frames:
            continue
        for path in _paths(frames[name], _near(frames[name], box), box, side):
            out.append({"d": path, "fill": fill, "stroke": color, "width": width, "dash": ""})
    return [drawn for drawn in out if drawn["d"]]


def _near(frame: gpd.GeoDataFrame, box: Any) -> NDArray[np.int64]:
    """Return the places of the rows that meet the box, in their order."""
    return np.sort(frame.sindex.query(box, predicate="intersects")).astype(np.int64)


def _paths(frame: gpd.GeoDataFrame, near: NDArray[np.int64], box: Any, side: float) -> list[str]:
    """Return an SVG path for each of some rows: its lines and areas inside the box, "" where there are none."""
    given = frame.geometry.to_numpy()[near]
    cut = shapely.simplify(shapely.intersection(shapely.make_valid(given), box), side / 1000)
    pieces, row = shapely.get_parts(cut, return_index=True)
    rings, of_piece = shapely.get_rings(pieces, return_index=True)
    open_lines = np.flatnonzero(shapely.get_type_id(pieces) == shapely.GeometryType.LINESTRING)
    lines = np.concatenate([rings, pieces[open_lines]])
    order = np.argsort(np.concatenate([of_piece, open_lines]), kind="stable")
    row_of = row[np.concatenate([of_piece, open_lines])]
    left, _, _, top = box.bounds
    steps: list[list[str]] = [[] for _ in lines]
    xy, of_line = shapely.get_coordinates(lines, return_index=True)
    right, down = (xy[:, 0] - left) / side * 100, (top - xy[:, 1]) / side * 100
    for line, r, d in zip(of_line.tolist(), right.tolist(), down.tolist(), strict=True):
        steps[line].append(f"{r:.2f} {d:.2f}")
    paths: list[list[str]] = [[] for _ in cut]
    for i in order.tolist():
        if steps[i]:
            paths[row_of[i]].append("M" + " L".join(steps[i]) + ("Z" if i < len(rings) else ""))
    return [" ".join(parts) for parts in paths]
