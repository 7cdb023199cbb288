"""The ledger of hazard points as a county keeps it: 70 rows in Chinese, some dead, some wrong in place or number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from scipy.spatial import cKDTree

from geo_risk.sample.slides import Slides
from geo_risk.sample.streams import count, stream
from geo_risk.sample.susceptibility import Susceptibility

if TYPE_CHECKING:
    from geo_risk.sample.ground import Ground

ROWS, MOVERS, DEAD, STATIC, SLIDING, REPEATED = 70, 7, 15, 46, 12, 2
SWAPPED, SHIFTED = 3, 2
"""Rows with longitude and latitude exchanged, and rows shifted by GCJ-02."""
NEAR_SLIDE_M = 150.0
APART_M = 90.0
_AXIS_M, _FLATNESS = 6378245.0, 0.00669342162296594323
KIND_ZH = {"landslide": "滑坡", "rockfall": "崩塌", "debris_flow": "泥石流", "unstable_slope": "不稳定斜坡"}
HEADERS = ("编号", "名称", "类型", "经度", "纬度", "规模", "面积(平方米)", "威胁户数", "威胁人数", "威胁财产(万元)",
           "变形迹象", "责任人", "监测人", "发现日期", "状态")  # fmt: skip

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Ledger:
    """The ledger and what is true of it.

    Attributes
    ----------
    sheet : HEADERS as columns, the rows as kept.
    truth : row (from 2, as in the sheet), point_id, true_kind {mover, dead, static, sliding, repeated}, mover_id,
        slide_id, kind, x, y (true place), fault {none, swapped, gcj02, repeated_number}.
    """

    sheet: pd.DataFrame
    truth: pd.DataFrame


def make_ledger(
    ground: Ground, hidden: Susceptibility, slides: Slides, movers: gpd.GeoDataFrame, homes: gpd.GeoDataFrame
) -> Ledger:
    """Make the ledger.

    Parameters
    ----------
    movers : truth of moving ground: mover_id, kind ("slow_slide", ...), visible_asc, visible_desc, Polygon.
    homes : buildings with `households`, Polygon: who is threatened.
    """
    rng = stream(ground.seed, "ledger")
    truth = pd.concat(
        [
            _movers(movers, count(MOVERS, ground.size)),
            _sliding(slides, homes, count(SLIDING, ground.size)),
        ],
        ignore_index=True,
    )
    moving = shapely.union_all(movers.geometry.to_numpy())
    truth = _add_places(ground, hidden, slides, moving, truth, rng)
    truth = truth.iloc[rng.permutation(len(truth))].reset_index(drop=True)
    truth["point_id"] = [f"1410{ground.seed % 100:02d}{k:04d}" for k in range(1, len(truth) + 1)]
    truth = _with_faults(truth, rng, ground.size)
    truth.insert(0, "row", np.arange(2, len(truth) + 2))
    return Ledger(_sheet(ground, truth, homes, rng), truth)


def _movers(movers: gpd.GeoDataFrame, number: int) -> pd.DataFrame:
    """Return the slow slides that the ledger knows: the one no track sees first, then the largest."""
    slow = movers[movers["kind"] == "slow_slide"]
    hidden = ~(slow["visible_asc"].astype(bool) | slow["visible_desc"].astype(bool))
    order = np.lexsort([-slow.geometry.area.to_numpy(), ~hidden.to_numpy()])
    slow = slow.iloc[order].head(number)
    at = slow.geometry.representative_point()
    return pd.DataFrame(
        {"true_kind": "mover", "mover_id": slow["mover_id"].astype(str).to_numpy(), "slide_id": None,
         "kind": "landslide", "x": at.x.to_numpy(), "y": at.y.to_numpy(), "area_m2": slow.geometry.area.to_numpy()}
    )  # fmt: skip


def _sliding(slides: Slides, homes: gpd.GeoDataFrame, number: int) -> pd.DataFrame:
    """Return the slides of the storm nearest to houses: the ledger had these places before."""
    tree = cKDTree(shapely.get_coordinates(homes.geometry.centroid.to_numpy()))
    storm = slides.storm
    away, _ = tree.query(storm[["x", "y"]].to_numpy())
    near = storm.iloc[np.argsort(away, kind="stable")[:number]]
    return pd.DataFrame(
        {"true_kind": "sliding", "mover_id": None, "slide_id": near["slide_id"].to_numpy(),
         "kind": near["kind"].to_numpy(), "x": near["x"].to_numpy(), "y": near["y"].to_numpy(),
         "area_m2": near.geometry.area.to_numpy() * 1.5}
    )  # fmt: skip


def _add_places(
    ground: Ground, hidden: Susceptibility, slides: Slides, moving: shapely.Geometry, truth: pd.DataFrame,
    rng: np.random.Generator,
) -> pd.DataFrame:  # fmt: skip
    """Add static places of high susceptibility near houses, and dead places of low susceptibility."""
    high = float(np.quantile(hidden.probability, 0.96))
    taken = [tuple(p) for p in truth[["x", "y"]].to_numpy()]
    storm = cKDTree(slides.storm[["x", "y"]].to_numpy())
    for kind, number in (("static", STATIC - SLIDING), ("dead", DEAD)):
        probability = hidden.probability
        good = (hidden.house_distance_m < 900) & np.isfinite(hidden.logit)
        good &= probability >= high if kind == "static" else probability < np.float32(np.quantile(probability, 0.7))
        cells = np.argwhere(good)
        rows = []
        for r, c in cells[rng.permutation(len(cells))]:
            x, y = ground.grid.transform * (c + rng.uniform(0.2, 0.8), r + rng.uniform(0.2, 0.8))
            far = all(np.hypot(x - px, y - py) > APART_M for px, py in taken)
            quiet = storm.query([x, y])[0] > NEAR_SLIDE_M and shapely.distance(shapely.Point(x, y), moving) > 120
            if far and quiet:
                taken.append((x, y))
                slope = float(ground.slope_deg[r, c])
                label = (
                    "rockfall"
                    if slope > 36
                    else str(rng.choice(["landslide", "unstable_slope", "debris_flow"], p=[0.5, 0.35, 0.15]))
                )
                rows.append({"true_kind": kind, "mover_id": None, "slide_id": None, "kind": label, "x": x, "y": y,
                             "area_m2": float(np.exp(rng.normal(8.6, 0.8)))})  # fmt: skip
            if len(rows) == count(number, ground.size):
                break
        truth = pd.concat([truth, pd.DataFrame(rows)], ignore_index=True)
    return truth


def _with_faults(truth: pd.DataFrame, rng: np.random.Generator, size: int) -> pd.DataFrame:
    """Add the rows with a number used before, and mark rows whose coordinates are wrong."""
    whole = truth[truth["true_kind"].isin(["static", "dead"])]
    repeated = min(count(REPEATED, size), len(whole))
    swapped = min(count(SWAPPED, size), len(truth))
    shifted = min(count(SHIFTED, size), len(truth) - swapped)
    again = whole.iloc[rng.choice(len(whole), repeated, replace=False)].copy()
    again["true_kind"] = "repeated"
    again["x"] += rng.uniform(-40, 40, repeated)
    again["y"] += rng.uniform(-40, 40, repeated)
    truth = pd.concat([truth.assign(fault="none"), again.assign(fault="repeated_number")], ignore_index=True)
    pick = rng.choice(len(truth) - repeated, swapped + shifted, replace=False)
    truth.loc[pick[:swapped], "fault"] = "swapped"
    truth.loc[pick[swapped:], "fault"] = "gcj02"
    return truth


def _sheet(ground: Ground, truth: pd.DataFrame, homes: gpd.GeoDataFrame, rng: np.random.Generator) -> pd.DataFrame:
    to_degrees = Transformer.from_crs(ground.grid.crs, "EPSG:4490", always_xy=True)
    lon, lat = to_degrees.transform(truth["x"].to_numpy(), truth["y"].to_numpy())
    shifted = truth["fault"].to_numpy() == "gcj02"
    lon[shifted], lat[shifted] = gcj02(lon[shifted], lat[shifted])
    swapped = truth["fault"].to_numpy() == "swapped"
    lon[swapped], lat[swapped] = lat[swapped], lon[swapped].copy()
    households = np.maximum(_threatened(truth, homes), rng.integers(1, 7, len(truth)))
    people = np.round(households * rng.uniform(2.7, 3.4, len(truth))).astype(np.int64)
    volume = truth["area_m2"].to_numpy() * rng.uniform(2, 6, len(truth))
    scale = np.select([volume < 1e5, volume < 1e6, volume < 1e7], ["小型", "中型", "大型"], "特大型")
    n = len(truth)
    dates = np.datetime64("2006-03-01") + rng.integers(0, 6000, n)
    out = pd.DataFrame(
        {
            "编号": truth["point_id"].to_numpy(),
            "名称": [f"{k}号{KIND_ZH[str(t)]}隐患点" for k, t in enumerate(truth["kind"], 1)],
            "类型": [KIND_ZH[str(t)] for t in truth["kind"]],
            "经度": np.round(lon, 6), "纬度": np.round(lat, 6),
            "规模": scale, "面积(平方米)": np.round(truth["area_m2"], -1),
            "威胁户数": households, "威胁人数": people,
            "威胁财产(万元)": np.round(households * rng.uniform(8, 25, n), 1),
            "变形迹象": [_signs(str(k), rng) for k in truth["true_kind"]],
            "责任人": [f"责任人-{k:03d}" for k in range(1, n + 1)],
            "监测人": [f"监测人-{k:03d}" for k in range(1, n + 1)],
            "发现日期": [str(d) for d in dates],
            "状态": ["已治理" if k == "dead" and rng.random() < 0.35 else "在册" for k in truth["true_kind"]],
        }
    )  # fmt: skip
    return out[list(HEADERS)]


def _signs(kind: str, rng: np.random.Generator) -> str:
    words = {"mover": ("后缘裂缝", "房屋开裂", "前缘鼓胀", "无明显变形"), "dead": ("无明显变形", "后缘裂缝", "")}
    return str(rng.choice(words.get(kind, ("无明显变形", "后缘裂缝", "局部掉块", ""))))


def _threatened(truth: pd.DataFrame, homes: gpd.GeoDataFrame) -> NDArray[np.int64]:
    """Return the households within 120 m of each place."""
    at = shapely.get_coordinates(homes.geometry.centroid.to_numpy())
    near = cKDTree(at).query_ball_point(truth[["x", "y"]].to_numpy(float), 120.0)
    who = homes["households"].to_numpy()
    return np.array([int(who[k].sum()) for k in near], dtype=np.int64)


def gcj02(lon: Array, lat: Array) -> tuple[Array, Array]:
    """Return the GCJ-02 longitude and latitude [degree] of WGS 84 or CGCS2000 ones (the published offset series)."""
    u, v = np.asarray(lon) - 105.0, np.asarray(lat) - 35.0
    pi = np.pi
    waves = (20 * np.sin(6 * u * pi) + 20 * np.sin(2 * u * pi)) * 2 / 3
    d_lat = -100 + 2 * u + 3 * v + 0.2 * v * v + 0.1 * u * v + 0.2 * np.sqrt(np.abs(u)) + waves
    d_lat += (20 * np.sin(v * pi) + 40 * np.sin(v / 3 * pi)) * 2 / 3
    d_lat += (160 * np.sin(v / 12 * pi) + 320 * np.sin(v * pi / 30)) * 2 / 3
    d_lon = 300 + u + 2 * v + 0.1 * u * u + 0.1 * u * v + 0.1 * np.sqrt(np.abs(u)) + waves
    d_lon += (20 * np.sin(u * pi) + 40 * np.sin(u / 3 * pi)) * 2 / 3
    d_lon += (150 * np.sin(u / 12 * pi) + 300 * np.sin(u / 30 * pi)) * 2 / 3
    angle = np.radians(lat)
    root = 1 - _FLATNESS * np.sin(angle) ** 2
    d_lat = d_lat * 180 / ((_AXIS_M * (1 - _FLATNESS)) / root**1.5 * pi)
    d_lon = d_lon * 180 / (_AXIS_M / np.sqrt(root) * np.cos(angle) * pi)
    return np.asarray(lon) + d_lon, np.asarray(lat) + d_lat
