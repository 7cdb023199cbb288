"""Where a ledger's rows lie: degrees or metres, swapped columns, shifted coordinates, each row judged by itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.core.errors import ConfigError
from geo_risk.core.sentence import Sentence
from geo_risk.sources.gcj02 import wgs84_from_gcj02
from geo_risk.sources.vectors import Bounds

GCJ02_TOLERANCE_M = 60.0
"""A row lies at its reference feature when it is nearer than this."""
MAX_CHANCE = 0.1
"""Shifts are only judged row by row where less than this share of the area is that near to a reference feature."""

_DEGREES = r"^\D*(-?\d+(?:\.\d+)?)\D+(\d+(?:\.\d+)?)\D+(\d+(?:\.\d+)?)?\D*$"


@dataclass
class Placed:
    """Points of the rows (crs of the run), what was changed, how sure that is, and why a row has no place.

    Attributes
    ----------
    points : GeoSeries by row; None where rejected.
    note, confidence : by row; confidence 1 as written, 0.8 changed, 0.6 doubtful.
    rejected : reason by row label.
    notes : sentences for the report.
    """

    points: gpd.GeoSeries
    note: pd.Series[Any]
    confidence: pd.Series[Any]
    rejected: dict[Any, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def place_rows(
    frame: pd.DataFrame,
    *,
    crs: str,
    area: Bounds,
    reference: gpd.GeoDataFrame | None,
    gcj02: str,
    lonlat_crs: str,
) -> Placed:
    """Give each row its place; parameters as in `ledger.read_ledger`.

    A row outside the area is used only where swapping its two coordinates puts it inside; else it is rejected.

    Raises
    ------
    ConfigError : `gcj02` is not "no", "yes" or "detect".
    """
    if gcj02 not in ("no", "yes", "detect"):
        what = f"gcj02 is {gcj02!r}; 'no', 'yes' or 'detect' needed"
        raise ConfigError(what, where="gcj02", fix="write one of the three")
    metric = "x" in frame and "y" in frame and not ({"lon", "lat"} <= set(frame) and frame["lon"].notna().any())
    names = ("x", "y") if metric else ("lon", "lat")
    a, b = (_degrees(frame[n]) for n in names)
    source = crs if metric else lonlat_crs
    points = _project(a, b, source, crs)
    swapped = _project(b, a, source, crs)
    is_swapped = ~_inside(points, area) & _inside(swapped, area)
    points = gpd.GeoSeries(np.where(is_swapped, swapped, points), index=frame.index, crs=crs)
    lon, lat = np.where(is_swapped, b, a), np.where(is_swapped, a, b)
    out = Placed(
        points,
        pd.Series("", index=frame.index, dtype="string"),
        pd.Series(1.0, index=frame.index),
    )
    out.note[is_swapped] = f"{names[0]} and {names[1]} were swapped"
    out.confidence[is_swapped] = 0.8
    if is_swapped.any():
        out.notes.append(Sentence(
            f"{int(is_swapped.sum())} rows had {names[0]} and {names[1]} swapped; they were put right",
            f"{int(is_swapped.sum())} 行的{'纵横坐标' if metric else '经纬度'}颠倒，已纠正",
        ))  # fmt: skip
    if not metric and gcj02 != "no":
        _unshift(out, lon, lat, source=source, reference=reference, everything=gcj02 == "yes")
    _reject(out, a, b, area)
    return out


def _reject(out: Placed, a: NDArray[np.float64], b: NDArray[np.float64], area: Bounds) -> None:
    for i, (index, point) in enumerate(out.points.items()):
        if not (np.isfinite(a[i]) and np.isfinite(b[i])):
            out.rejected[index] = Sentence("no coordinates, or not numbers", "无坐标或坐标不是数字")
        elif not _inside([point], area)[0]:
            out.rejected[index] = Sentence(
                f"coordinates ({a[i]:.6g}, {b[i]:.6g}) lie outside the area, swapped or not",
                f"坐标（{a[i]:.6g}, {b[i]:.6g}）位于区外，颠倒后亦然",
            )
    out.points.loc[list(out.rejected)] = None


def _unshift(
    out: Placed,
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    *,
    source: str,
    reference: gpd.GeoDataFrame | None,
    everything: bool,
) -> None:
    crs = str(out.points.crs)
    back = gpd.GeoSeries(_project(*wgs84_from_gcj02(lon, lat), source, crs), index=out.points.index, crs=crs)
    if everything:
        out.points = back
        out.note[:] = (out.note + "; shifted back from GCJ-02").str.removeprefix("; ")
        out.notes.append(Sentence("all coordinates were shifted back from GCJ-02, as the config says",
                              "按配置，全部坐标已由 GCJ-02 纠偏"))  # fmt: skip
        return
    if reference is None or not len(reference):
        out.notes.append(Sentence("no reference layer to find GCJ-02 coordinates by: taken as written",
                              "无参考图层可判别 GCJ-02 偏移：坐标按原值采用"))  # fmt: skip
        return
    near = reference.geometry.to_crs(crs).buffer(GCJ02_TOLERANCE_M).union_all()
    chance = near.area / max(near.envelope.area, 1.0)
    if not chance < MAX_CHANCE:
        out.notes.append(Sentence(
            f"{chance:.0%} of the area is near a reference feature: GCJ-02 cannot be told row by row",
            f"{chance:.0%} 的区域邻近参考要素，无法逐行判别 GCJ-02 偏移：坐标按原值采用",
        ))  # fmt: skip
        return
    here, there = out.points.within(near).to_numpy(), back.within(near).to_numpy()
    shifted = ~here & there
    out.points = gpd.GeoSeries(np.where(shifted, back, out.points), index=out.points.index, crs=crs)
    out.note[shifted] = (out.note[shifted] + "; shifted back from GCJ-02").str.removeprefix("; ")
    out.confidence[shifted] = 0.8
    out.confidence[~here & ~there] = 0.6
    if shifted.any():
        out.notes.append(Sentence(
            f"{int(shifted.sum())} rows fit the reference layer only as GCJ-02; they were shifted back",
            f"{int(shifted.sum())} 行仅按 GCJ-02 与参考图层吻合，已纠偏",
        ))  # fmt: skip


def _degrees(texts: pd.Series[Any]) -> NDArray[np.float64]:
    """Return numbers; degrees, minutes and seconds are understood, anything else is NaN."""
    text = texts.astype("string")
    plain = pd.to_numeric(text.str.replace(r"[°度]$", "", regex=True), errors="coerce").astype("float64")
    parts = text.str.extract(_DEGREES).apply(pd.to_numeric, errors="coerce").astype("float64")
    sexagesimal = parts[0] + parts[1] / 60 + parts[2].fillna(0) / 3600
    valid = (parts[1] < 60) & ~(parts[2] >= 60)
    return np.asarray(plain.fillna(sexagesimal.where(valid)), dtype=np.float64)


def _project(a: NDArray[np.float64], b: NDArray[np.float64], source: str, target: str) -> NDArray[np.object_]:
    series = gpd.GeoSeries.from_xy(a, b, crs=source)
    good = np.isfinite(a) & np.isfinite(b)
    if source != target:
        good &= (np.abs(a) <= 180) & (np.abs(b) <= 90)
    out = np.full(len(series), None, dtype=object)
    if good.any():
        out[good] = series[good].to_crs(target).to_numpy()
    return out


def _inside(points: Any, area: Bounds) -> NDArray[np.bool_]:
    left, bottom, right, top = area
    return np.array([p is not None and left <= p.x <= right and bottom <= p.y <= top for p in points], dtype=bool)
