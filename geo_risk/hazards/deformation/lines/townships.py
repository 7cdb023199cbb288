"""The table of townships: what sinks in each, and what is not known."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from geo_risk.core.grid import Grid
from geo_risk.core.vectorize import rasterize
from geo_risk.hazards.deformation.areas.noise import Bool
from geo_risk.hazards.deformation.areas.tiles import bands
from geo_risk.hazards.deformation.lines.watch import Box, Subsidence, corner_of, sum_of


def township_table(
    found: Subsidence, townships: gpd.GeoDataFrame | None, places: NDArray[np.int32] | None = None
) -> pd.DataFrame:
    """Return what sinks in each township; the sums over its rows are those of the whole run.

    Parameters
    ----------
    found : of `find_subsidence`. places : of `township_cells`, where they are at hand.
    townships : polygons with code and name in the grid's CRS, or None. A cell belongs to the one that holds its
        centre (the later where two overlap); cells of none make a row "outside" of their own.

    Returns
    -------
    township_id, name, area_m2 (cells in the run), known_share, area_class1_m2 .. area_class4_m2, subsiding_m2,
    unknown_m2, off_course_m2 (of it, where a record ends off its course), rate_mean_mm_yr (over sinking cells) and
    rate_max_mm_yr (positive; NaN where nothing sinks), volume_loss_m3_yr and its _std (all kinds but mining),
    mining_loss_m3_yr and its _std; `part`: the value of `township_cells`.
    """
    grid = found.vertical.grid
    n = 0 if townships is None else len(townships)
    places = township_cells(townships, grid) if places is None else places
    rows = []
    for k, box in enumerate(_boxes(places, n + 1)):
        cells = places[box] == k
        if k == n and not cells.any():
            continue
        place = {"township_id": "outside", "name": ""} if townships is None or k == n else {
            "township_id": str(townships["code"].iloc[k]), "name": str(townships["name"].iloc[k])
        }  # fmt: skip
        rows.append({"part": k} | place | _township(found, box, cells))
    return pd.DataFrame(rows)


def township_cells(townships: gpd.GeoDataFrame | None, grid: Grid) -> NDArray[np.int32]:
    """Return the position of the township of each cell (y, x); their number where a cell is in none."""
    n = 0 if townships is None else len(townships)
    pairs = [] if townships is None else [(g, float(k)) for k, g in enumerate(townships.geometry)]
    out: NDArray[np.int32] = rasterize(pairs, grid, fill=n, dtype="int32")
    return out


def _township(found: Subsidence, box: Box, cells: Bool) -> dict[str, Any]:
    area, corner = found.vertical.grid.cell_area_m2, corner_of(box)
    up, bodies, classes = found.vertical.up[box], found.bodies[box], found.classes[box]
    off = found.vertical.is_off(box) & (bodies == 0) & np.isfinite(up)
    known = np.isfinite(up) & ~off
    inside = cells & (bodies > 0)
    mined = inside & found.is_mining[bodies]
    n_sinking, total, lowest = sum_of(up, inside & known)
    (volume, std), (mined_volume, mined_std) = found.sinking(inside & ~mined, corner), found.sinking(mined, corner)
    n = int(cells.sum())
    return {
        "area_m2": n * area, "known_share": float(known[cells].mean()) if n else float("nan"),
        **{f"area_class{c}_m2": float((inside & (classes == c)).sum()) * area for c in (1, 2, 3, 4)},
        "subsiding_m2": float((inside & (classes > 0)).sum()) * area,
        "unknown_m2": float((cells & ~known).sum()) * area, "off_course_m2": float((cells & off).sum()) * area,
        "rate_mean_mm_yr": -total / n_sinking if n_sinking else float("nan"),
        "rate_max_mm_yr": -lowest if n_sinking else float("nan"),
        "volume_loss_m3_yr": volume, "volume_loss_std_m3_yr": std,
        "mining_loss_m3_yr": mined_volume, "mining_loss_std_m3_yr": mined_std,
    }  # fmt: skip


def _boxes(places: NDArray[np.int32], n: int) -> list[Box]:
    """Return the window of the values 0 to n - 1; an empty one for those that are not there."""
    out: list[Box] = [(slice(0, 0), slice(0, 0))] * n
    for band in bands(places.shape[0]):
        # labels begin at 1
        for k, box in enumerate(ndimage.find_objects(places[band] + 1, max_label=n)):
            if box is None:
                continue
            top, left, right = box[0].start + band.start, box[1].start, box[1].stop
            if out[k][0].stop:
                top, left, right = out[k][0].start, min(left, out[k][1].start), max(right, out[k][1].stop)
            out[k] = (slice(top, box[0].stop + band.start), slice(left, right))
    return out
