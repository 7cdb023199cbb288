"""A small county of made-up products: valid frames and layers, some unknown, some hostile."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from shapely.geometry import LineString, Point, Polygon

from geo_risk.core.grid import Grid
from geo_risk.core.schemas import conform

GRID = Grid.from_bounds((500_000, 4_000_000, 515_000, 4_015_000), crs=4546, resolution_m=60)
_X0, _Y0 = 500_000, 4_000_000


def _at(i: int, n: int) -> Point:
    angle, radius = 2.4 * i, 6000 * np.sqrt((i + 0.5) / n)
    return Point(_X0 + 7500 + radius * np.cos(angle), _Y0 + 7500 + radius * np.sin(angle))


def _gdf(rows: list[dict[str, object]], shapes: list[object], name: str) -> gpd.GeoDataFrame:
    return conform(gpd.GeoDataFrame(rows, geometry=shapes, crs=GRID.crs), name)


def layers(*, stages: Sequence[int] = (72, 24, 6, 1)) -> dict[str, xr.DataArray]:
    """Return layers by name; the 3 h stage is missing unless asked for."""
    n_y, n_x = GRID.shape
    y, x = np.mgrid[0:n_y, 0:n_x] / n_y
    rng = np.random.default_rng(5)
    dem = (
        1100
        + 250 * np.sin(9 * x + 3 * np.cos(5 * y)) * np.cos(7 * y)
        + 80 * np.sin(31 * x * y)
        + rng.normal(0, 3, x.shape)
    )
    velocity = -90 * np.exp(-((x - 0.3) ** 2 + (y - 0.6) ** 2) / 0.004) - 30 * np.exp(
        -((x - 0.7) ** 2 + (y - 0.3) ** 2) / 0.02
    )
    velocity += rng.normal(0, 1.5, x.shape)
    velocity[:40, :70] = np.nan
    p = 1 / (1 + np.exp(-4 * np.sin(9 * x) * np.cos(8 * y)))
    depth = np.where((abs(y - 0.5 - 0.1 * np.sin(7 * x)) < 0.02), rng.uniform(0, 2, x.shape), 0)
    level = np.digitize(p, [0.5, 0.7, 0.85, 0.95]).astype(np.int8)
    level[np.isnan(velocity)] = -1

    def make(values: object, units: str, name: str) -> xr.DataArray:
        return GRID.layer(np.asarray(values), units=units, long_name=name, name=name)

    out = {
        "dem": make(dem.astype("f4"), "m", "dem"),
        "velocity_up": make(velocity.astype("f4"), "mm/yr", "velocity_up"),
        "velocity_asc": make((velocity * 0.8).astype("f4"), "mm/yr", "velocity_asc"),
        "susceptibility": make(p.astype("f4"), "1", "susceptibility"),
        "depth_max_m": make(depth.astype("f4"), "m", "depth"),
        "hazard_landslide": make(level, "level", "hazard_landslide"),
        "risk_level": make(level, "level", "risk_level"),
        "hazard_flood": make((depth * 2).astype("i1"), "level", "hazard_flood"),
    }
    for hours in stages:
        shift = np.maximum(level - (hours > 6), np.minimum(level, 0)).astype(np.int8)
        out[f"warning_{hours}h"] = make(shift, "level", f"warning_{hours}h")
    return out


def frames(texts: Sequence[str] = ()) -> dict[str, gpd.GeoDataFrame]:
    """Return product frames by name; `texts` replace names and reasons, one a row, for as many rows as needed."""
    n = max(24, len(texts))
    name = [texts[i] if i < len(texts) else f"王家沟{i + 1}号" for i in range(n)]
    why = [
        texts[i] if i < len(texts) else f"坡度 {25 + i} 度，24 小时有效雨量 {80 + i} 毫米，距危险区 {i * 10} 米"
        for i in range(n)
    ]
    shape = [_at(i, n) for i in range(n)]
    box = [p.buffer(260 + 10 * (i % 9)) for i, p in enumerate(shape)]
    kinds = ("landslide", "rockfall", "debris_flow", "mining_subsidence")
    points = [
        {
            "point_id": f"P{i:03d}",
            "name": name[i],
            "kind": kinds[i % 4],
            "source": ("inventory", "insar")[i % 2],
            "status": "existing",
            "activity": "accelerating" if i % 7 == 0 else "steady",
            "hazard_level": (i % 6) - 1,
            "velocity_mm_yr": -10.5 - i if i % 3 else np.nan,
            "people": 12 * i if i % 5 else None,
            "zone_id": f"Z{i:03d}",
            "responsible": f"责任人-{i:03d}",
            "monitor": f"监测人-{i:03d}",
            "confidence": 0.8,
            "reasons": why[i],
        }
        for i in range(n)
    ]
    zones = [
        {
            "zone_id": f"Z{i:03d}",
            "kind": kinds[i % 4],
            "hazard_level": (i % 6) - 1,
            "vulnerability_level": 2,
            "risk_level": (4, 3, 2, 1, -1)[i % 5],
            "people": 30 * i,
            "point_ids": f"P{i:03d}",
            "warning_24h": 3,
            "warning_72h": 1,
            "reasons": why[i],
        }
        for i in range(n)
    ]
    active = [
        {
            "area_id": f"A{i}",
            "track": "asc",
            "n_pixels": 40,
            "area_m2": 36000.0,
            "velocity_mean_mm_yr": -20.0,
            "velocity_max_mm_yr": -60.0,
            "quality": 1 + i % 4,
            "activity": "accelerating" if i == 0 else "steady",
            "kind": "landslide",
            "status": "new",
            "reasons": why[i],
        }
        for i in range(5)
    ]
    clues = [
        {
            "clue_id": f"C{i}",
            "max_subsidence_mm_yr": -80.0 - i,
            "radius_m": 300.0,
            "roundness": 0.8,
            "licence_id": "L1",
            "verdict": ("inside_licence", "across_boundary", "unlicensed")[i],
            "reasons": why[i],
        }
        for i in range(3)
    ]
    moved = [
        {
            "rank": i + 1,
            "settlement_id": f"V{i:03d}",
            "name": name[i],
            "people": 400 - 9 * i if i != 4 else None,
            "vulnerable_people": 60,
            "hazard_kinds": "landslide,flood",
            "risk_level": 4 - i // 6 if i != 4 else -1,
            "warning_level": 3,
            "leave_before": "2025-07-25 14:00",
            "shelter_id": "S1",
            "shelter_name": "县第一中学",
            "assigned_people": 300 - i if i != 4 else 0,
            "unassigned_people": 100 - 8 * i if i != 4 else None,
            "route_km": 3.2,
            "travel_min": 40.0,
            "cut_off_risk": "low",
            "responsible": f"责任人-{i:03d}",
            "score": 9.0 - i,
            "reasons": why[i],
        }
        for i in range(min(n, 12))
    ]
    if len(texts) > 12:
        moved += [
            dict(moved[0], rank=i + 1, settlement_id=f"V{i:03d}", name=name[i], reasons=why[i]) for i in range(12, n)
        ]
    sites = [
        {
            "rank": i + 1,
            "site_id": f"W{i:03d}",
            "name": name[i],
            "kind": ("underpass", "road_dip", "low_lying")[i % 3],
            "source": "inventory",
            "depth_m": round(1.9 - 0.1 * (i % 15), 2),
            "depth_class": 3,
            "cause": "drain_blocked",
            "people": 50,
            "measures": "架设移动泵车；封闭车道",
            "responsible": f"责任人-{i:03d}",
            "reasons": why[i],
        }
        for i in range(n)
    ]
    ponds = [
        {"site_id": f"W{i:03d}", "kind": "road_dip", "source": "detected", "depth_m": 0.6, "reasons": why[i]}
        for i in range(6)
    ]
    routes = [
        {
            "route_id": f"R{i}",
            "settlement_id": f"V{i:03d}",
            "shelter_id": "S1",
            "km": 3.0,
            "exposed_km": 0.0,
            "role": ("main", "backup")[i % 2],
        }
        for i in range(8)
    ]
    shelter = Point(_X0 + 9000, _Y0 + 6000)
    paths = [LineString([shape[i], (shelter.x, shape[i].y), shelter]) for i in range(8)]
    town = [Polygon(p.buffer(150).exterior) for p in shape[:6]]
    base = {
        "roads": gpd.GeoDataFrame(
            {"road_id": ["r1", "r2"], "class": ["trunk", "local"], "name": ["G209", None]},
            geometry=[
                LineString([(_X0, _Y0 + 2000), (_X0 + 7000, _Y0 + 6500), (_X0 + 15000, _Y0 + 9000)]),
                LineString([(_X0 + 7000, _Y0 + 6500), (_X0 + 5000, _Y0 + 14000)]),
            ],
            crs=GRID.crs,
        ),
        "rivers": gpd.GeoDataFrame(
            {"name": ["昕水河"]},
            geometry=[LineString([(_X0 + x, _Y0 + 7500 + 1500 * np.sin(x / 2100)) for x in range(0, 15001, 200)])],
            crs=GRID.crs,
        ),
        "shelters": gpd.GeoDataFrame(
            {"shelter_id": ["S1"], "name": ["县第一中学"], "capacity": [800], "kind": ["school"]},
            geometry=[shelter],
            crs=GRID.crs,
        ),
    }
    return base | {
        "hazard_points": _gdf(points, shape, "hazard_points"),
        "risk_zones": _gdf(zones, box, "risk_zones"),
        "active_deformation": _gdf(active, box[:5], "active_deformation"),
        "mining_clues": _gdf(clues, box[5:8], "mining_clues"),
        **_settling(box),
        "evacuation": _gdf(moved, shape[: len(moved)], "evacuation"),
        "waterlogging": _gdf(sites, [Point(p.x + 200, p.y - 100) for p in shape], "waterlogging"),
        "ponding": _gdf(ponds, town, "ponding"),
        "evacuation_routes": _gdf(routes, paths, "evacuation_routes"),
    }


def _settling(box: list[Polygon]) -> dict[str, gpd.GeoDataFrame]:
    """Return sections of a road, dams and sinking zones, with unknown ones among them."""
    why = {"reasons": "差异沉降；雷达未观测部分未知"}
    lines = [
        {"segment_id": f"G209-1-K{i * 0.5:.2f}", "route": "G209", "class": "trunk", "from_km": i * 0.5,
         "to_km": i * 0.5 + 0.5, "risk_level": (3, 2, 0, -1)[i], "exposed_zone_ids": "",
         "differential_settlement_mm_yr_per_m": (0.21, 0.05, 0.01, None)[i],
         "needs_monitoring": ("yes", "yes", "no", "unknown")[i], **why}
        for i in range(4)
    ]  # fmt: skip
    at = [LineString([(_X0 + 500 * i, _Y0 + 2000), (_X0 + 500 * i + 500, _Y0 + 2200)]) for i in range(4)]
    dams = [
        {"structure_id": f"T{i}", "name": f"{i}号尾矿坝", "kind": "tailings_dam", "hazard_level": (2, -1)[i],
         "speed_mm_yr": (9.0, None)[i], "activity": ("steady", "unknown")[i], "known_share": (0.9, 0.0)[i], **why}
        for i in range(2)
    ]  # fmt: skip
    zones = [
        {"subsidence_id": f"LS-{i}", "body_id": "LS", "kind": "groundwater_subsidence", "subsidence_level": i + 1,
         "rate_mean_mm_yr": 7.0 * (i + 1), "area_m2": 9000.0, "volume_loss_m3_yr": 63.0, "volume_loss_std_m3_yr": 9.0,
         "trend": ("steady", "unknown")[i], **why}
        for i in range(2)
    ]  # fmt: skip
    return {
        "linear_risk": _gdf(lines, at, "linear_risk"),
        "structures": _gdf(dams, box[8:10], "structures"),
        "subsidence_zones": _gdf(zones, box[10:12], "subsidence_zones"),
    }


def second_track(made: dict[str, xr.DataArray]) -> dict[str, xr.DataArray]:
    """Return the velocity of a second track beside that of `layers`, with the error of each."""
    asc = made["velocity_asc"]
    desc = asc.copy(data=asc.to_numpy() * 0.5).rename("velocity_desc")
    std = asc.copy(data=np.where(np.isfinite(asc.to_numpy()), np.float32(1.5), np.float32(np.nan)))
    return {"velocity_desc": desc} | {n: std.rename(n) for n in ("velocity_std_asc", "velocity_std_desc")}


def deformation_series(areas: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return series of the areas in two tracks, steady and a little noisy, and one of a dam."""
    rng = np.random.default_rng(3)
    days = pd.date_range("2023-01-01", periods=20, freq="12D").strftime("%Y-%m-%d")
    bodies = [(a, "active_deformation", t) for a in areas["area_id"] for t in ("asc", "desc")]
    parts = [
        pd.DataFrame({"area_id": a, "track": t, "date": days, "displacement_mm": rng.normal(size=20) - range(20),
                      "displacement_std_mm": 1.0, "n_pixels": 9, "layer": layer})
        for a, layer, t in [*bodies, ("T0", "structures", "asc")]
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)
