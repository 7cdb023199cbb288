"""Series measured on the ground, by levelling or GNSS: one row a point and date."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from geo_risk.core.errors import DataError, SchemaError
from geo_risk.core.sentence import Sentence, chinese
from geo_risk.sources.ground_control import read_points
from geo_risk.sources.ground_values import errors, measured, numbers
from geo_risk.sources.options import NO_OPTIONS, ReadOptions
from geo_risk.sources.vectors import id_texts

WHERE = "inputs.ground_series"
ENU = ("east_mm", "north_mm", "up_mm")
VALUES = ("height_m", "displacement_mm", *ENU)
COMPONENTS = ("los", "up", "east", "north")

_DAY = r"^(\d{4})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*日?\s*"
_APART_M = 1.0
"""Rows of one point further apart than this are of two points (choice of geo_risk: a benchmark does not walk)."""


@dataclass(frozen=True)
class GroundSeries:
    """What the file says.

    Attributes
    ----------
    points : `point_id` and Point, in the run's CRS, in the order of the file.
    observed : point_id, time (datetime64[s]), east_mm, north_mm, up_mm, los_mm with their `_std`, track; in time order.
        Heights are millimetres above the first of the point.
    quarantine : {"id", "reason", "reason_zh"} of rows and points that are not used. notes : what was done to the file.
    """

    points: gpd.GeoDataFrame
    observed: pd.DataFrame
    quarantine: list[dict[str, str]]
    notes: list[str]


def read_ground_series(path: Path, *, crs: str, options: ReadOptions = NO_OPTIONS) -> GroundSeries:
    """Read series of levelling or GNSS points and bring the points into the run's CRS.

    Parameters
    ----------
    path : as for `read_ground_control`. Columns: `point_id`, `date` (ISO day or 2023年5月1日), and of a row one kind:
        height_m (levelled height), displacement_mm with `component` (los, up, east, north; los with `track`), or any of
        east_mm, north_mm, up_mm. Errors, where they are known: std_mm of the first two, east_std_mm and so on of the
        others. Displacements may have any zero; up is positive up, LOS toward the satellite.
    crs : of the run.
    options : crs of x, y (a table with lon, lat is WGS 84), layer or sheet, encoding.

    Values that are no measurement (`ground_values.measured`) are missing, and their points are in `quarantine`.

    Raises
    ------
    SchemaError : no point_id or date, or none of the value columns. DataError : half of the dates are none, or half of
    the values of a column are no numbers (fewer are set aside); two rows of one point, date and component with
    different values. CorruptFileError, CrsError and others as `read_vector`.
    """
    read = read_points(path, crs=crs, where=WHERE, options=options, columns=("point_id", "date"))
    rows, columns = read.frame, [str(c) for c in read.frame.columns]
    if not set(columns) & set(VALUES):
        what = f"{path.name} has none of {', '.join(VALUES)}; it has {columns[:20]}"
        raise SchemaError(what, where=WHERE, fix="name the column of the values so; up is positive up")
    if "displacement_mm" in columns and "component" not in columns:
        what = f"{path.name} has displacement_mm but no column `component`"
        raise SchemaError(what, where=WHERE, fix="add it: los, up, east or north")
    quarantine = [*read.quarantine]
    rows = _dated(rows.assign(point_id=id_texts(rows["point_id"])), path, quarantine)
    rows = _placed(rows, quarantine)
    observed = _observed(rows, quarantine)
    _check_doubled(observed, path)
    points = rows.drop_duplicates("point_id")[["point_id", "geometry"]]
    points = points[points["point_id"].isin(observed["point_id"])].reset_index(drop=True)
    return GroundSeries(points, observed.reset_index(drop=True), quarantine, read.notes)


def _dated(rows: gpd.GeoDataFrame, path: Path, quarantine: list[dict[str, str]]) -> gpd.GeoDataFrame:
    """Return the rows that have a date, in column `time`; those without one are set aside, unless they are many."""
    texts = rows["date"].astype("string").str.strip().str.replace(_DAY, r"\1-\2-\3 ", regex=True).str.strip()
    times = pd.to_datetime(texts, errors="coerce", format="ISO8601", utc=True)
    lost = times.isna()
    if len(rows) and not 2 * lost.sum() < len(rows):
        bad = rows.loc[lost, "date"].astype(str).tolist()[:5]
        what = f"{path.name}, column date holds {bad}; ISO days such as 2023-05-01 needed"
        raise DataError(what, where=WHERE, fix="write dates as YYYY-MM-DD")
    for name, text in zip(rows.loc[lost, "point_id"], texts[lost].fillna(""), strict=True):
        why = Sentence(f"date is {text!r}; a day such as 2023-05-01 needed", f"日期为 {text!r}，应为 2023-05-01 形式")
        quarantine.append({"id": str(name), "reason": str(why), "reason_zh": chinese(why)})
    dated = rows.assign(time=times.dt.tz_localize(None).astype("datetime64[s]"))
    return dated[~lost].reset_index(drop=True)


def _placed(rows: gpd.GeoDataFrame, quarantine: list[dict[str, str]]) -> gpd.GeoDataFrame:
    """Return the rows of points that stay where they are; the others are set aside as a whole."""
    first = rows.groupby("point_id", sort=False)["geometry"].transform("first")
    apart = rows.geometry.distance(gpd.GeoSeries(first, crs=rows.crs))
    walks = set(rows.loc[~(apart <= _APART_M), "point_id"].dropna())
    why = Sentence("its rows are at different places: one id stands for two points", "同一编号对应不同位置")
    quarantine += [{"id": str(i), "reason": str(why), "reason_zh": chinese(why)} for i in sorted(walks)]
    unnamed = rows["point_id"].isna() | (rows["point_id"] == "")
    if unnamed.any():
        said = Sentence(f"{int(unnamed.sum())} rows without point_id", f"{int(unnamed.sum())} 行缺少 point_id")
        quarantine.append({"id": "", "reason": str(said), "reason_zh": chinese(said)})
    return rows[~unnamed & ~rows["point_id"].isin(walks)].reset_index(drop=True)


def _observed(rows: gpd.GeoDataFrame, quarantine: list[dict[str, str]]) -> pd.DataFrame:
    texts = {n: rows[n].astype("string").str.strip() if n in rows else pd.Series("", rows.index, dtype="string")
             for n in ("component", "track")}  # fmt: skip
    component = texts["component"].str.lower().fillna("")
    values = _measured(rows, component + " " + texts["track"].fillna(""), quarantine)
    out = pd.DataFrame({"point_id": rows["point_id"].astype(str), "time": rows["time"]})
    for name in ("east", "north", "up", "los"):
        plain = values[f"{name}_mm"] if name != "los" else pd.Series(np.nan, rows.index)
        error = values[f"{name}_std_mm"] if name != "los" else pd.Series(np.nan, rows.index)
        chosen = (component == name) & values["displacement_mm"].notna()
        out[f"{name}_mm"] = values["displacement_mm"].where(chosen, plain)
        out[f"{name}_std_mm"] = values["std_mm"].where(chosen, error)
    height = values["height_m"]
    levelled = height.notna()
    zero = height.where(levelled).groupby(out["point_id"]).transform("first")
    out["up_mm"] = ((height - zero) * 1000).where(levelled, out["up_mm"])
    out["up_std_mm"] = values["std_mm"].where(levelled, out["up_std_mm"])
    out["track"] = texts["track"].fillna("").astype(str)
    odd = values["displacement_mm"].notna() & ~component.isin(COMPONENTS)
    for name, text in zip(out["point_id"][odd], component[odd], strict=True):
        known = ", ".join(COMPONENTS)
        why = Sentence(f"component is {text!r}; one of {known} needed", f"component 为 {text!r}，应为 {known} 之一")
        quarantine.append({"id": name, "reason": str(why), "reason_zh": chinese(why)})
    some = out[[*ENU, "los_mm"]].notna().any(axis=1)
    found: pd.DataFrame = out[some].sort_values(["point_id", "time"], kind="stable")
    return found


def _measured(
    rows: gpd.GeoDataFrame, kind: pd.Series[Any], quarantine: list[dict[str, str]]
) -> dict[str, pd.Series[Any]]:
    """Return the columns of numbers, NaN where there is no measurement; `kind` is that of displacements."""
    ids, out = rows["point_id"].astype(str), {}
    stds = ("std_mm", *(f"{n.removesuffix('_mm')}_std_mm" for n in ENU))
    given = {n: numbers(rows, n, where=WHERE, quarantine=quarantine) for n in (*VALUES, *stds)}
    for name in VALUES:
        keys, per_m = ids + " " + kind if name == "displacement_mm" else ids, 1.0 if name == "height_m" else 1000.0
        out[name] = measured(given[name], keys, ids, name=name, per_m=per_m, quarantine=quarantine)
    for name in stds:
        out[name] = errors(given[name], ids, name=name, quarantine=quarantine)
    return out


def _check_doubled(observed: pd.DataFrame, path: Path) -> None:
    """Raise where one point has two values of one component on one date: neither is the one to take."""
    for name in (*ENU, "los_mm"):
        keys = ["point_id", "time", *(["track"] if name == "los_mm" else [])]
        some = observed[observed[name].notna()]
        twice = some[some.duplicated(keys, keep=False)]
        if len(twice):
            first = [f"{i} on {t:%Y-%m-%d}" for i, t in zip(twice["point_id"], twice["time"], strict=True)]
            what = f"{path.name} has {name} twice for {', '.join(dict.fromkeys(first[:10]))}"
            raise DataError(what, where=WHERE, fix="keep one row a point, date and component")
