"""Storm drains that are known by the area they serve: how much of the water on each cell they take."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo_risk.core.grid import Grid
from geo_risk.core.vectorize import rasterize

HIGHEST_MM_H = 500.0
"""Faster drains than this are a slip of the unit: the hundred-year hour of the wettest cities is below 150 mm."""


def served_areas(drains: gpd.GeoDataFrame) -> tuple[list[tuple[BaseGeometry, float]], list[dict[str, str]]]:
    """Return drained areas with the rain rate that their drains take [mm/h], NaN where unknown, and rows set aside.

    Parameters
    ----------
    drains : polygons with drain_id and `capacity_mm_h`, or `capacity_m3_s` that is spread over the area.
    """
    shapes: list[tuple[BaseGeometry, float]] = []
    quarantine = []
    for row in drains.to_dict("records"):
        shape = row["geometry"]
        rate = _number(row.get("capacity_mm_h"))
        if np.isnan(rate) and shape.area > 0:
            rate = _number(row.get("capacity_m3_s")) * 3.6e6 / shape.area
        if not 0 <= rate <= HIGHEST_MM_H:
            quarantine.append({
                "id": str(row["drain_id"]),
                "reason": f"an area needs capacity_mm_h or capacity_m3_s that make 0 to {HIGHEST_MM_H:g} mm/h; it has "
                f"{rate:g}: run as if it drained nothing",
                "reason_zh": f"排水分区需有 capacity_mm_h 或 capacity_m3_s，折合 0–{HIGHEST_MM_H:g} 毫米/小时，"
                f"现为 {rate:g}：按不排水计算",
            })  # fmt: skip
            rate = float("nan")
        shapes.append((shape, rate))
    return shapes, quarantine


def drained_rate(
    areas: list[tuple[BaseGeometry, float]], is_built: NDArray[np.bool_], grid: Grid, *, built_mm_h: float
) -> NDArray[np.float64]:
    """Rate at which area drains take water from each cell [mm/h], (y, x).

    Parameters
    ----------
    areas : as `served_areas` returns them; where they overlap the smallest known rate counts: on the wet
        side. Where only areas without a known rate are, nothing is drained.
    is_built : (y, x), built-up ground. built_mm_h : what the drains of built-up ground outside all areas take.
    """
    out = np.where(is_built, built_mm_h, 0.0)
    burned = _burned(areas, grid, smallest=True)
    return np.where(burned >= 0, burned, out)


def doubtful_share(areas: list[tuple[BaseGeometry, float]], grid: Grid) -> float:
    """Share of a grid on which drained areas overlap and tell different rates [1]."""
    return float((_burned(areas, grid, smallest=False) > _burned(areas, grid, smallest=True)).mean())


def _burned(areas: list[tuple[BaseGeometry, float]], grid: Grid, *, smallest: bool) -> NDArray[np.float64]:
    """Smallest or greatest known rate of the areas on each cell, 0 where none is known, -1 where no area is."""
    unknown = [(shape, 0.0) for shape, rate in areas if np.isnan(rate)]
    known = sorted(((s, r) for s, r in areas if not np.isnan(r)), key=lambda area: area[1], reverse=smallest)
    # what is burned last wins
    return np.asarray(rasterize([*unknown, *known], grid, fill=-1.0, dtype="float64"), dtype=np.float64)


def _number(value: object) -> float:
    return float(pd.to_numeric(pd.Series([value]), errors="coerce").iloc[0])
