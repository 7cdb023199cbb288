"""Vector inputs: checked, mended or quarantined, and brought into the run's CRS."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_risk.core.errors import CrsError, DataError, LimitError, OverlapError, SchemaError
from geo_risk.core.sentence import Sentence, chinese
from geo_risk.sources.options import NO_OPTIONS, ReadOptions
from geo_risk.sources.vector_files import open_vector

Bounds = tuple[float, float, float, float]

MAX_VERTICES = 20_000_000
MAX_AREA_CHANGE = 0.01
"""Share of its area that a polygon may change by when it is made valid; more is quarantined (FAULTS 13)."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_WRITTEN_NUMBER = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d*)?", re.ASCII)
"""A number as people type it, thousands parted by commas or not; full-width forms are made plain before."""


@dataclass(frozen=True)
class VectorRead:
    """What came out of a file: good rows, rows set aside with the reason, and sentences for the report.

    Attributes
    ----------
    frame : GeoDataFrame in the run's CRS.
    quarantine : {"id", "reason"} of each row that was not used.
    notes : what was done to the file, one sentence each.
    """

    frame: gpd.GeoDataFrame
    quarantine: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_vector(
    path: Path,
    *,
    crs: str,
    where: str,
    area: Bounds | None = None,
    id_column: str | None = None,
    columns: Sequence[str] = (),
    geometry: str | None = None,
    options: ReadOptions = NO_OPTIONS,
) -> VectorRead:
    """Read a vector layer of any accepted type and bring it into the run's CRS.

    Parameters
    ----------
    path : GeoPackage, shapefile, FlatGeobuf, GeoJSON, or CSV with x,y or lon,lat; the true type is sniffed.
    crs : CRS of the run, metres.
    where : config field to name in errors, e.g. "inputs.settlements".
    area : left, bottom, right, top of the run in `crs`; some feature must touch it.
    id_column : column whose values must be there and be unique; it becomes text. A name that ends in "?" only names
        rows in messages: its values may repeat or be missing, and the frame gets a column `row`, from 1 in file order.
    columns : columns that must be there; a name that ends in "?" is added as missing where the file lacks it.
    geometry : "Point", "LineString" or "Polygon"; rows of another type are quarantined (multi-parts are accepted).
    options : crs, layer and encoding where the file does not say them itself.

    Returns
    -------
    VectorRead : rows with an empty or non-finite geometry, or a polygon whose repair changes its area by more than
        1 %, are quarantined; everything else is in `frame`, in file order.

    Raises
    ------
    CrsError : no CRS, or degrees in a file that says metres.
    SchemaError : a column is missing, or ids repeat or are empty; all of them are listed.
    OverlapError : nothing touches the area.
    LimitError : more than MAX_VERTICES vertices.
    DataError : as `open_vector`.
    """
    frame, notes = open_vector(path, where=where, layer=options.layer, crs=options.crs, encoding=options.encoding)
    _check_columns(frame, [c for c in columns if not c.endswith("?")], path=path, where=where)
    n_vertices = int(shapely.get_num_coordinates(frame.geometry.to_numpy()).sum())
    if n_vertices > MAX_VERTICES:
        what = f"{path.name} has {n_vertices} vertices; at most {MAX_VERTICES} are accepted"
        raise LimitError(what, where=where, fix="cut or simplify the layer")
    frame, said = _clean_texts(frame, path=path)
    notes += said
    frame, said = _plain_numbers(frame, path=path)
    notes += said
    if id_column is not None and id_column.endswith("?"):
        frame = frame.assign(row=np.arange(1, len(frame) + 1))
    elif id_column is not None:
        frame = _check_ids(frame, id_column, path=path, where=where)
    for name in (c.removesuffix("?") for c in columns):
        if name not in frame:
            frame[name] = pd.Series(pd.NA, index=frame.index, dtype="string")
    names = _row_names(frame, id_column)
    frame, quarantine, said = _check_geometry(frame, names, geometry=geometry, path=path)
    notes += said
    frame, swapped, said = _set_swapped_aside(frame, names.loc[frame.index], path=path)
    quarantine += swapped
    notes += said
    frame, said = _to_crs(frame, crs, area=area, path=path, where=where)
    notes += said
    if area is not None and len(frame):
        _check_overlap(frame, area, path=path, where=where)
    return VectorRead(frame.reset_index(drop=True), quarantine, notes)


def _check_columns(frame: gpd.GeoDataFrame, columns: Sequence[str], *, path: Path, where: str) -> None:
    missing = [c for c in columns if c not in frame.columns]
    if missing:
        near = {c: difflib.get_close_matches(c, [str(n) for n in frame.columns], n=1) for c in missing}
        hint = "; ".join(f"{c} (is it {n[0]!r}?)" if n else c for c, n in near.items())
        what = f"{path.name} lacks columns: {hint}; it has {list(frame.columns)[:20]}"
        raise SchemaError(what, where=where, fix="rename the columns in the file")


def _clean_texts(frame: gpd.GeoDataFrame, *, path: Path) -> tuple[gpd.GeoDataFrame, list[str]]:
    out, n_cleaned = frame.copy(), 0
    for name in out.columns:
        if name == "geometry" or not (out[name].dtype == object or isinstance(out[name].dtype, pd.StringDtype)):
            continue
        is_bad = out[name].map(lambda v: isinstance(v, str) and bool(_CONTROL.search(v))).astype(bool)
        if is_bad.any():
            n_cleaned += int(is_bad.sum())
            out.loc[is_bad, name] = out.loc[is_bad, name].map(lambda v: _CONTROL.sub("", v))
    said = Sentence(f"{path.name}: control characters removed from {n_cleaned} texts",
                f"{path.name}：已从 {n_cleaned} 个文本中去除控制字符")  # fmt: skip
    return out, [said] if n_cleaned else []


def _plain_numbers(frame: gpd.GeoDataFrame, *, path: Path) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Return the frame with numbers that were typed full-width or with commas between thousands as plain digits."""
    out, n_read = frame.copy(), 0
    for name in out.columns:
        if name == "geometry" or not (out[name].dtype == object or isinstance(out[name].dtype, pd.StringDtype)):
            continue
        plain = out[name].map(_plain_number)
        is_read = plain.notna()
        if is_read.any():
            n_read += int(is_read.sum())
            out.loc[is_read, name] = plain[is_read]
    said = Sentence(f"{path.name}: {n_read} numbers in full-width digits or with commas were read as plain ones",
                    f"{path.name}：{n_read} 个全角数字或带千分位逗号的数字已按普通数字读取")  # fmt: skip
    return out, [said] if n_read else []


def _plain_number(value: Any) -> str | None:
    """Return a number that was typed full-width or with commas in plain digits; None for all else."""
    if not isinstance(value, str) or (value.isascii() and "," not in value):
        return None
    text = unicodedata.normalize("NFKC", value).strip()
    return text.replace(",", "") if _WRITTEN_NUMBER.fullmatch(text) else None


def _check_ids(frame: gpd.GeoDataFrame, id_column: str, *, path: Path, where: str) -> gpd.GeoDataFrame:
    if id_column not in frame:
        what = f"{path.name} has no column {id_column!r}; it has {list(frame.columns)[:20]}"
        raise SchemaError(what, where=where, fix=f"add a column {id_column!r} with one id a row")
    ids = id_texts(frame[id_column])
    problems = []
    if (empty := ids.isna() | (ids == "")).any():
        problems.append(f"{int(empty.sum())} rows have no {id_column} (rows {np.flatnonzero(empty)[:5].tolist()})")
    repeated = sorted(ids[ids.duplicated() & ~empty].unique())
    if repeated:
        problems.append(f"{id_column} repeats: {repeated[:20]}" + (" ..." if len(repeated) > 20 else ""))
    if problems:
        what = f"{path.name}: " + "; ".join(problems)
        raise SchemaError(what, where=where, fix="give every row an id of its own")
    return frame.assign(**{id_column: ids})


def id_texts(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return ids as stripped text; whole numbers lose their ".0", missing stays missing."""
    if pd.api.types.is_float_dtype(values) and (values.dropna() % 1 == 0).all():
        values = values.astype("Int64")
    return values.astype("string").str.strip()


def _row_names(frame: gpd.GeoDataFrame, id_column: str | None) -> pd.Series[Any]:
    """Return what each row is called in messages."""
    if id_column is None:
        return pd.Series([f"row {i}" for i in range(len(frame))], index=frame.index)
    if not id_column.endswith("?"):
        return pd.Series(frame[id_column].astype(str))
    rows = pd.Series([f"row {i}" for i in range(1, len(frame) + 1)], index=frame.index)
    column = id_column.removesuffix("?")
    if column not in frame:
        return rows
    ids = id_texts(frame[column]).replace("", pd.NA)
    named: pd.Series[Any] = (ids + " (" + rows + ")").fillna(rows)
    return named


def _check_geometry(
    frame: gpd.GeoDataFrame, ids: pd.Series[Any], *, geometry: str | None, path: Path
) -> tuple[gpd.GeoDataFrame, list[dict[str, str]], list[str]]:
    shapes = frame.geometry.to_numpy()
    reasons = np.full(len(frame), "", dtype=object)
    mended = np.zeros(len(frame), dtype=bool)
    shapes = shapes.copy()
    for i in _doubtful(shapes, geometry).tolist():
        value = shapes[i]
        reasons[i] = _defect(value, geometry)
        if not reasons[i] and value.geom_type.endswith("Polygon") and not value.is_valid:
            shapes[i], change = mend_polygon(value)
            mended[i] = True
            if not change <= MAX_AREA_CHANGE:
                reasons[i] = Sentence(f"polygon crosses itself; making it valid would change its area by {change:.0%}",
                                  f"多边形自相交，修复将使面积变化 {change:.0%}")  # fmt: skip
    bad = reasons != ""
    quarantine = [{"id": str(i), "reason": str(r), "reason_zh": chinese(r)}
                  for i, r in zip(ids[bad], reasons[bad], strict=True)]  # fmt: skip
    notes: list[str] = []
    if bad.any():
        notes.append(Sentence(f"{path.name}: {int(bad.sum())} of {len(frame)} rows set aside, each with its reason",
                          f"{path.name}：{len(frame)} 行中搁置 {int(bad.sum())} 行，原因见下表"))  # fmt: skip
    kept = mended & ~bad
    if kept.any():
        notes.append(Sentence(
            f"{path.name}: {int(kept.sum())} polygons that cross themselves were made valid "
            f"(area changed by at most 1 %): {list(ids[kept])[:10]}",
            f"{path.name}：{int(kept.sum())} 个自相交多边形已修复（面积变化不超过 1 %）：{list(ids[kept])[:10]}",
        ))  # fmt: skip
    out = frame.set_geometry(gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs))
    return out[~bad], quarantine, notes


def _set_swapped_aside(
    frame: gpd.GeoDataFrame, ids: pd.Series[Any], *, path: Path
) -> tuple[gpd.GeoDataFrame, list[dict[str, str]], list[str]]:
    """Set aside rows whose latitude cannot be one and that would fit the other way round, where most rows fit.

    A file of which half or more does not fit is left as it is: then it is the file that is wrong, not its rows.
    """
    if not frame.crs.is_geographic:
        return frame, [], []
    left, bottom, right, top = frame.bounds.to_numpy().T
    bad = ((np.abs(bottom) > 90) | (np.abs(top) > 90)) & (np.abs(left) <= 90) & (np.abs(right) <= 90)
    if not 0 < bad.sum() < len(frame) / 2:
        return frame, [], []
    why = {"reason": "longitude and latitude look swapped", "reason_zh": "经纬度疑似颠倒"}
    n = int(bad.sum())
    said = Sentence(f"{path.name}: {n} of {len(frame)} rows set aside, longitude and latitude look swapped",
                    f"{path.name}：{len(frame)} 行中搁置 {n} 行，经纬度疑似颠倒")  # fmt: skip
    return frame[~bad], [{"id": i, **why} for i in ids[bad]], [said]


def _doubtful(shapes: NDArray[Any], geometry: str | None) -> NDArray[np.int64]:
    """Return the rows to look at one by one: those that may have a `_defect` or may be mended."""
    kind = shapely.get_type_id(shapes)
    doubtful = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    xy, row = shapely.get_coordinates(shapes, return_index=True)
    doubtful[row[~np.isfinite(xy).all(axis=1)]] = True
    if geometry is not None:
        doubtful |= ~np.isin(kind, _TYPES[geometry])
    is_area = np.isin(kind, _TYPES["Polygon"]) & ~doubtful
    doubtful[is_area] = ~shapely.is_valid(shapes[is_area])
    return np.flatnonzero(doubtful)


_TYPES = {"Point": (0, 4), "LineString": (1, 5), "Polygon": (3, 6)}
"""Numbers of the single and the multiple kind."""


def _defect(value: Any, geometry: str | None) -> str:
    if value is None or value.is_empty:
        return Sentence("no geometry", "无几何图形")
    if not np.isfinite(shapely.get_coordinates(value)).all():
        return Sentence("coordinates that are not numbers", "坐标不是数字")
    if geometry is not None and value.geom_type.removeprefix("Multi") != geometry:
        return Sentence(f"is a {value.geom_type}; {geometry} needed", f"图形类型为 {value.geom_type}，应为 {geometry}")
    return ""


def mend_polygon(polygon: Any) -> tuple[Any, float]:
    """Return the valid polygonal part of a self-crossing polygon, and by what share its area changed.

    The change is against the larger of the two areas: a bow-tie, whose lobes cancel in the crossing ring, changes by
    up to 1; NaN where both are 0.
    """
    valid = shapely.make_valid(polygon)
    parts = [g for g in shapely.get_parts(valid) if g.geom_type == "Polygon"]
    if valid.geom_type == "GeometryCollection":
        parts = [p for g in shapely.get_parts(valid) for p in shapely.get_parts(g) if p.geom_type == "Polygon"]
    out = parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
    larger = max(out.area, polygon.area)
    return out, abs(out.area - polygon.area) / larger if larger > 0 else float("nan")


def _to_crs(
    frame: gpd.GeoDataFrame, crs: str, *, area: Bounds | None, path: Path, where: str
) -> tuple[gpd.GeoDataFrame, list[str]]:
    if not len(frame):
        return frame.to_crs(crs), []
    left, bottom, right, top = frame.total_bounds
    looks_like_degrees = -180 <= left <= right <= 180 and -90 <= bottom <= top <= 90
    fits_as_it_is = area is not None and frame.crs == crs and touches(frame.bounds.to_numpy(), area).any()
    if not frame.crs.is_geographic and looks_like_degrees and not fits_as_it_is:
        what = f"{path.name} says {frame.crs.to_string()} but its coordinates ({left:.4g}, {bottom:.4g}) are degrees"
        raise CrsError(what, where=where, fix="give the file its true CRS, in China usually EPSG:4490")
    if frame.crs.is_geographic and not looks_like_degrees:
        what = f"{path.name} says {frame.crs.to_string()} but holds coordinates like ({left:.6g}, {bottom:.6g})"
        raise CrsError(what, where=where, fix="give the file its true CRS (metres), or swap the columns")
    if frame.crs == crs:
        return frame, []
    moved = frame.to_crs(crs)
    if not np.isfinite(moved.total_bounds).all():
        what = f"{path.name} cannot be brought from {frame.crs.to_string()} to {crs}: coordinates leave its domain"
        raise CrsError(what, where=where, fix="check whether x and y are swapped, and the CRS of the file")
    source = frame.crs.to_string()
    return moved, [Sentence(f"{path.name} was reprojected from {source} to {crs}",
                        f"{path.name} 已由 {source} 投影变换至 {crs}")]  # fmt: skip


def _check_overlap(frame: gpd.GeoDataFrame, area: Bounds, *, path: Path, where: str) -> None:
    if touches(frame.bounds.to_numpy(), area).any():
        return
    left, bottom, right, top = frame.total_bounds
    what = (f"{path.name} does not touch the area: it spans x {left:.0f}..{right:.0f}, y {bottom:.0f}..{top:.0f}, "
            f"the area x {area[0]:.0f}..{area[2]:.0f}, y {area[1]:.0f}..{area[3]:.0f}")  # fmt: skip
    swapped = touches(np.array([[bottom, left, top, right]]), area).any()
    fix = "x and y look swapped: swap them" if swapped else "check its CRS, and that it is the right file"
    raise OverlapError(what, where=where, fix=fix)


def touches(bounds: NDArray[np.float64], area: Bounds) -> NDArray[np.bool_]:
    """Return which of the boxes (n, 4) touch the area; NaN touches nothing."""
    left, bottom, right, top = np.asarray(bounds, dtype=np.float64).T
    out: NDArray[np.bool_] = (left <= area[2]) & (right >= area[0]) & (bottom <= area[3]) & (top >= area[1])
    return out


def require_numbers(frame: pd.DataFrame, column: str, *, where: str) -> pd.Series[float]:
    """Return a column as float64, missing as NaN.

    Raises
    ------
    DataError : it holds text that is not a number; the first few are shown.
    """
    values = pd.to_numeric(frame[column], errors="coerce")
    bad = values.isna() & frame[column].notna()
    if bad.any():
        what = f"column {column!r} holds {frame.loc[bad, column].astype(str).tolist()[:5]}; numbers needed"
        raise DataError(what, where=where, fix="leave unknown values empty")
    return values.astype("float64")
