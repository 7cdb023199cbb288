"""Velocities measured on the ground, by levelling or GNSS: CSV, workbook or GeoPackage."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd
import pandas as pd

from geo_risk.core.errors import SchemaError
from geo_risk.sources.ground_table import ground_table
from geo_risk.sources.ground_values import errors, rates
from geo_risk.sources.options import NO_OPTIONS, ReadOptions
from geo_risk.sources.vectors import VectorRead, read_vector

VELOCITIES = ("velocity_mm_yr", "east_mm_yr", "north_mm_yr", "up_mm_yr")
_LON_LAT = ({"lon", "longitude", "经度"}, {"lat", "latitude", "纬度"})


def read_ground_control(path: Path, *, crs: str, options: ReadOptions = NO_OPTIONS) -> VectorRead:
    """Read points with velocities and bring them into the run's CRS.

    Parameters
    ----------
    path : GeoPackage, shapefile or GeoJSON of points, or CSV or XLSX with x, y or lon, lat. Columns: `point_id`, and
        velocity_mm_yr (+ velocity_std_mm_yr) with `component` (los, up, east, north; los with `track`), or east_mm_yr,
        north_mm_yr, up_mm_yr (+ east_std_mm_yr, ...). Up is positive up, LOS toward the satellite.
    crs : of the run.
    options : crs of x, y (a table with lon, lat is WGS 84), layer or sheet, encoding.

    Velocities and errors that are none (`ground_values.rates`) are missing, and their points are in `quarantine`; a
    point of which nothing is left is not in `frame`.

    Raises
    ------
    SchemaError : no point_id, repeated ids, or none of the velocity columns. CorruptFileError : a workbook that does
    not open. CrsError and others as `read_vector`.
    """
    where = "inputs.ground_control"
    read = read_points(path, crs=crs, where=where, options=options, id_column="point_id")
    _check_velocities([str(c) for c in read.frame.columns], path, where)
    frame, quarantine = _plausible(read.frame)
    return VectorRead(frame, [*read.quarantine, *quarantine], read.notes)


def read_points(
    path: Path,
    *,
    crs: str,
    where: str,
    options: ReadOptions = NO_OPTIONS,
    id_column: str | None = None,
    columns: Sequence[str] = (),
) -> VectorRead:
    """Read points of any accepted vector file, text or workbook; a table with lon, lat is WGS 84 unless it is said.

    Parameters
    ----------
    path, crs, where, options, id_column, columns : as for `read_vector`; texts and workbooks as for `ground_table`.

    Raises
    ------
    CorruptFileError : a workbook or text that does not read. SchemaError, CrsError and others as `read_vector`.
    """
    table = ground_table(path, where=where, options=options)
    if table is None:
        return read_vector(
            path, crs=crs, where=where, id_column=id_column, columns=columns, geometry="Point", options=options
        )
    lon_lat = all(set(table.frame.columns) & wanted for wanted in _LON_LAT)
    plain = {"layer": None, "encoding": None, "crs": options.crs or ("EPSG:4326" if lon_lat else None)}
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / (path.name if path.suffix.lower() in (".csv", ".txt") else f"{path.stem}.csv")
        table.frame.to_csv(copy, index=False)
        read = read_vector(
            copy, crs=crs, where=where, id_column=id_column, columns=columns, geometry="Point",
            options=options.model_copy(update=plain),
        )  # fmt: skip
    return VectorRead(read.frame, [*table.quarantine, *read.quarantine], [*table.notes, *read.notes])


def _plausible(frame: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, list[dict[str, str]]]:
    """Return the points without velocities that are none, and why; those with nothing left are left out."""
    out, quarantine, ids = frame.copy(), list[dict[str, str]](), frame["point_id"]
    emptied = pd.Series(data=False, index=frame.index)
    for name in (n for n in VELOCITIES if n in frame):
        values = pd.to_numeric(frame[name], errors="coerce").astype("float64")
        kept = rates(values, ids, name=name, quarantine=quarantine)
        lost = values.notna() & kept.isna()
        emptied |= lost
        out[name] = out[name].mask(lost)
    for name in (f"{n.removesuffix('_mm_yr')}_std_mm_yr" for n in VELOCITIES):
        if name in frame:
            values = pd.to_numeric(frame[name], errors="coerce").astype("float64")
            kept = errors(values, ids, name=name, quarantine=quarantine)
            out[name] = out[name].mask(values.notna() & kept.isna())
    known = pd.DataFrame({n: out[n].notna() for n in VELOCITIES if n in out}).any(axis=1)
    return out[known | ~emptied].reset_index(drop=True), quarantine


def _check_velocities(columns: Sequence[str], path: Path, where: str) -> None:
    if not set(columns) & set(VELOCITIES):
        what = f"{path.name} has none of {', '.join(VELOCITIES)}; it has {list(columns)[:20]}"
        raise SchemaError(what, where=where, fix="name the velocity columns so; mm/yr, up positive up")
    if "velocity_mm_yr" in columns and "component" not in columns:
        what = f"{path.name} has velocity_mm_yr but no column `component`"
        raise SchemaError(what, where=where, fix="add it: los, up, east or north")
