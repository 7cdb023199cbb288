"""Look vectors that are no unit vectors, cell by cell, and incidence where their length proves nothing."""

from __future__ import annotations

from collections.abc import Sequence

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import DataError

FAR_OFF = 0.1
"""A look vector whose length is further from 1 than this is no look vector: the cell has none."""

OFF = 0.02
"""Cells further from unit length than this are counted; resampling shortens vectors by far less."""

RADAR_INCIDENCE_DEG = (15.0, 65.0)
"""Incidence of the radar satellites that there are."""

SENTINEL_1_DEG = (25.0, 50.0)
"""Incidence of Sentinel-1 in its wide swath (29 to 46 degrees), with room."""


def incidence_text(up: NDArray[np.float64], *, bounds: tuple[float, float], where: str) -> str:
    """Return the range of incidence of a sample of unit vectors in words, such as "31.2 to 44.0 degrees".

    Parameters
    ----------
    up : upward components; NaN is missing. bounds : least and largest incidence of the satellite [degree].

    Raises
    ------
    DataError : outside the bounds.
    """
    found = np.degrees(np.arccos(np.clip(up[np.isfinite(up)], -1, 1)))
    low, high = float(found.min()), float(found.max())
    if not (bounds[0] <= low and high <= bounds[1]):
        what = f"the line of sight has an incidence of {low:.1f} to {high:.1f} degrees; {bounds[0]:g} to {bounds[1]:g} "
        what += "needed: its components or angles are scaled or swapped"
        raise DataError(what, where=where, fix="give the look vectors, or angles, as they were published")
    return f"{low:.1f} to {high:.1f} degrees"


def without_broken(look: Sequence[da.Array]) -> list[da.Array]:
    """Return east, north and up, lazy, missing where their length is further from 1 than `FAR_OFF`, as that of 0 is."""
    good = abs(_length(look) - 1) <= FAR_OFF
    return [da.where(good, a, np.float32(np.nan)) for a in look]


def look_notes(maps: xr.Dataset) -> tuple[list[tuple[str, str]], dict[str, float]]:
    """Return warnings (English, Chinese) and counts of cells with a velocity whose look vector is missing or off.

    Parameters
    ----------
    maps : velocity and the look vector of a track on its own grid (y, x), lazy; every cell is looked at.
    """
    length = _length([maps[n].data for n in ("los_east", "los_north", "los_up")])
    known = ~np.isnan(maps["velocity"].data)
    sums = [known.sum(), (known & np.isnan(length)).sum(), (known & (abs(length - 1) > OFF)).sum()]
    total, lost, off = (int(v) for v in da.compute(*sums))
    notes = []
    if lost:
        notes.append((
            f"{lost} of {total} cells with a velocity have no look vector (missing, or more than {FAR_OFF:g} off unit "
            "length): east, up and motion along the slope are unknown there",
            f"{total} 个有速率的像元中 {lost} 个没有视线向量（缺失，或长度偏离 1 超过 {FAR_OFF:g}）："
            "其东向、垂直及沿坡运动未知",
        ))  # fmt: skip
    if off:
        notes.append((
            f"the look vectors of {off} of {total} cells are {OFF:g} to {FAR_OFF:g} off unit length, and scaled to it",
            f"{total} 个像元中 {off} 个的视线向量长度偏离 1 达 {OFF:g} 至 {FAR_OFF:g}，已归一",
        ))  # fmt: skip
    counts = {"cells_without_look": float(lost), "cells_off_unit_look": float(off)}
    return notes, {name: n for name, n in counts.items() if n}


def _length(components: Sequence[da.Array]) -> da.Array:
    east, north, up = (c.astype(np.float64) for c in components)
    out: da.Array = da.sqrt(east * east + north * north + up * up)
    return out
