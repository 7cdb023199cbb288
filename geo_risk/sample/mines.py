"""Mining licences, tailings ponds and the truth about the bowls."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from odc.geo.geobox import GeoBox
from shapely import affinity
from shapely.geometry import LineString, Point, Polygon, box
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from geo_risk.core.grid import Grid
from geo_risk.core.vectorize import polygons_of_labels
from geo_risk.sample.cover import LIMESTONE
from geo_risk.sample.ground import Ground, cell_of
from geo_risk.sample.motion import LAST_YR, Motion, Mover, bowls_of
from geo_risk.sample.streams import count, stream

CONTOUR_M = 0.010
N_IDLE = 3


def mining_frames(ground: Ground, motion: Motion) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return the licences (mines.gpkg) and the truth of the bowls (truth/bowls.gpkg).

    Licences: licence_id, name, mineral, valid_until, Polygon; some hold no active mine.
    Bowls: mover_id, verdict, licence_id, outside_share, depth_m, thickness_m, q, tan_beta, radius_m, azimuth_deg,
    width_m, start_m, advance_m_yr, first_active, x, y; the polygon is the 10 mm contour of what sank in the
    observed time.
    """
    crs = ground.grid.crs
    licences: list[dict[str, object]] = []
    bowls: list[dict[str, object]] = []
    contours = {mover.mover_id: _contour(motion, mover) for mover, _ in bowls_of(motion)}
    border = box(*ground.grid.bounds)
    for k, (mover, bowl) in enumerate(bowls_of(motion)):
        contour = contours[mover.mover_id]
        rng = stream(ground.seed, f"mines.{k}")
        area = None if mover.site.role == "unlicensed" else _licence_area(mover.site.role, contour, border, rng)
        licence_id = None
        if area is not None:
            licence_id = f"L{len(licences) + 1:03d}"
            licences.append(_licence(licence_id, area, rng, mineral="煤"))
        panel = bowl.panel
        outside = 1.0 if area is None else 1 - contour.intersection(area).area / contour.area
        bowls.append({
            "mover_id": mover.mover_id, "verdict": _verdict(outside), "licence_id": licence_id,
            "outside_share": round(outside, 3), "depth_m": round(panel.depth_m, 1),
            "thickness_m": round(panel.thickness_m, 2), "q": panel.q, "tan_beta": panel.tan_beta,
            "radius_m": round(panel.radius_m, 1), "azimuth_deg": round(panel.azimuth_deg, 1),
            "width_m": round(panel.width_m, 1), "start_m": round(panel.start_m, 1),
            "advance_m_yr": round(panel.advance_m_yr, 2), "x": round(contour.centroid.x, 1),
            "y": round(contour.centroid.y, 1), "geometry": contour,
        })  # fmt: skip
    licences += _idle(ground, list(contours.values()), [row["geometry"] for row in licences])
    columns = ["licence_id", "name", "mineral", "valid_until", "geometry"]
    mines = gpd.GeoDataFrame(licences, columns=columns, geometry="geometry", crs=crs)
    return mines, gpd.GeoDataFrame(bowls, columns=_BOWL_COLUMNS, geometry="geometry", crs=crs)


_BOWL_COLUMNS = ["mover_id", "verdict", "licence_id", "outside_share", "depth_m", "thickness_m", "q", "tan_beta",
                 "radius_m", "azimuth_deg", "width_m", "start_m", "advance_m_yr", "x", "y", "geometry"]  # fmt: skip


def _verdict(outside: float) -> str:
    if outside <= 0.001:
        return "inside_licence"
    return "unlicensed" if outside >= 0.999 else "across_boundary"


def _contour(motion: Motion, mover: Mover) -> BaseGeometry:
    """Return the ground that sank by more than 10 mm in the observed time."""
    rows, columns = mover.moving.window
    labels = (mover.moving.displacement_m(LAST_YR)[2] < -CONTOUR_M).astype(np.int32)
    t = motion.grid.transform
    local = Grid(GeoBox(labels.shape, t * t.translation(columns.start, rows.start), motion.grid.crs))
    shape = unary_union(list(polygons_of_labels(labels, local).geometry))
    half = motion.grid.resolution_m / 2
    rounded: BaseGeometry = shape.buffer(half).buffer(-half)
    return rounded


def _licence_area(role: str, contour: BaseGeometry, border: Polygon, rng: np.random.Generator) -> Polygon:
    """Draw a licence that holds the bowl with a margin, or whose edge cuts 35-60 % of it off."""
    turn = float(rng.uniform(0, 90))
    middle = contour.centroid
    flat = affinity.rotate(contour, -turn, origin=middle)
    west, south, east, north = flat.bounds
    margins = rng.uniform(260, 700, 4)
    west_edge = west - margins[0]
    if role == "across_boundary":
        share = float(rng.uniform(0.40, 0.58))
        west_edge = _cut_at(flat, share)
    shape = Polygon([
        (west_edge, south - margins[1]), (east + margins[2], south - margins[1] * 0.8),
        (east + margins[2] * 1.2, north + margins[3]), (west_edge, north + margins[3] * 1.1),
    ])  # fmt: skip
    return affinity.rotate(shape, turn, origin=middle).intersection(border)


def _cut_at(shape: BaseGeometry, share: float) -> float:
    """Return the x west of which lies `share` of the area."""
    west, south, east, north = shape.bounds
    low, high = west, east
    for _ in range(40):
        x = (low + high) / 2
        left = shape.intersection(box(west - 1, south - 1, x, north + 1)).area / shape.area
        low, high = (x, high) if left < share else (low, x)
    return float((low + high) / 2)


def _licence(licence_id: str, area: Polygon, rng: np.random.Generator, *, mineral: str) -> dict[str, object]:
    return {
        "licence_id": licence_id,
        "name": f"{licence_id[1:]}号{'煤矿' if mineral == '煤' else '石料场'}",
        "mineral": mineral,
        "valid_until": f"{int(rng.integers(2025, 2038))}-{int(rng.integers(1, 13)):02d}-28",
        "geometry": area,
    }


def _idle(ground: Ground, contours: list[BaseGeometry], taken: list[object]) -> list[dict[str, object]]:
    """Return licences without an active mine, at least 800 m from every bowl."""
    rng = stream(ground.seed, "mines.idle")
    left, bottom, right, top = ground.grid.bounds
    wanted = count(N_IDLE, ground.size)
    near = [c.buffer(800) for c in contours] + [t for t in taken if isinstance(t, BaseGeometry)]
    border = box(left, bottom, right, top)
    out: list[dict[str, object]] = []
    for _ in range(200 * wanted):
        if len(out) >= wanted:
            break
        x, y = float(rng.uniform(left + 600, right - 600)), float(rng.uniform(bottom + 600, top - 600))
        half = rng.uniform(350, 800, 2)
        shape = affinity.rotate(box(x - half[0], y - half[1], x + half[0], y + half[1]), float(rng.uniform(0, 90)))
        cell = cell_of(ground.grid, Point(x, y))
        if ground.plain[cell] or shapely.intersects(near, shape).any() or not border.contains(shape):
            continue
        mineral = "石灰岩" if ground.lithology[cell] == LIMESTONE else "煤"
        out.append(_licence(f"L{len(taken) + len(out) + 1:03d}", shape, rng, mineral=mineral))
        near.append(shape)
    return out


def tailings_frame(ground: Ground, motion: Motion) -> gpd.GeoDataFrame:
    """Return the tailings ponds: pond_id, name, dam_height_m, status, Polygon (dam and beach), crest as WKT."""
    rows: list[dict[str, object]] = []
    for mover in motion.movers:
        line = mover.site.line
        if mover.kind != "tailings_dam" or line is None:
            continue
        rows.append(_pond(f"T{len(rows) + 1:02d}", line, mover.site.azimuth_deg, mover.site.width_m))
    columns = ["pond_id", "name", "dam_height_m", "status", "crest_wkt", "geometry"]
    return gpd.GeoDataFrame(rows, columns=columns, geometry="geometry", crs=ground.grid.crs)


def _pond(pond_id: str, crest: LineString, azimuth_deg: float, width_m: float) -> dict[str, object]:
    a = np.radians(azimuth_deg)
    down, up = (np.array([np.sin(a), np.cos(a)]) * d for d in (width_m / 2, -420.0))
    ends = np.asarray(crest.coords)
    shape = Polygon([ends[0] + down, ends[1] + down, ends[1] + 0.6 * up, (ends.mean(axis=0) + up), ends[0] + 0.6 * up])
    return {
        "pond_id": pond_id,
        "name": f"{pond_id[1:]}号尾矿库",
        "dam_height_m": 38.0,
        "status": "停用",
        "crest_wkt": crest.wkt,
        "geometry": shape,
    }
