"""Why a file is no table of points that can be read, in words: what it is, what it lacks, and what to do."""

from __future__ import annotations

from pathlib import Path

import pyogrio
import pyogrio.errors

from geo_risk.sources.files import sniff
from geo_risk.sources.point_dates import unread_dates
from geo_risk.sources.point_files import column, names_of, place_columns, place_names
from geo_risk.sources.point_tables import PointTable, open_table

_EXPORT = "export the points as GeoPackage (layer type Point), or as CSV with the coordinates in columns"
_KINDS = {
    "JSON": ("GeoJSON", _EXPORT),
    "FlatGeobuf": ("FlatGeobuf", _EXPORT),
    "SQLite": ("an SQLite file that is no GeoPackage", _EXPORT),
    "XLSX": ("an Excel workbook", "save the sheet as CSV (UTF-8), and name that file"),
    "XLS": ("an old Excel workbook", "save the sheet as CSV (UTF-8), and name that file"),
    "gzip": ("compressed with gzip", "unpack it (gunzip), and name the file inside"),
    "zip": ("a zip archive", "unpack it, and name the CSV, shapefile or folder inside"),
    "PDF": ("a PDF", "ask for the points as a table"),
}
_MOST = 12


def no_points(path: Path) -> tuple[str, str] | None:
    """Return what a file is that is no table of points, and what to do; None where there is nothing to say of it.

    Raises
    ------
    Those of `open_table`.
    """
    kind = sniff(path)
    if kind in _KINDS:
        text, fix = _KINDS[kind]
        return f"it is {text}", fix
    table = open_table(path)
    if table is not None:
        return _lacking(table)
    if kind == "text":
        return (
            "its first line does not name three columns or more",
            "give a table with a header in its first line: coordinates, displacements by date or a velocity",
        )
    return _no_point_layer(path) if kind in ("GPKG", "Shapefile") else None


def _lacking(table: PointTable) -> tuple[str, str] | None:
    shown = ", ".join(table.columns[:_MOST]) + (", ..." if len(table.columns) > _MOST else "")
    if unread := unread_dates(table.columns):
        what = f"{len(unread)} columns such as {unread[0]} look like dates and are not read"
        return what, "call the columns of the displacements D20190105 and so on (D, year, month, day)"
    if place_columns(table) is None:
        return f"it has no pair of columns with coordinates among {shown}", f"name them as one of: {place_names()}"
    if column(table, "velocity") is None:
        what = f"it has no column of a date, and none of a velocity, among {shown}"
        return what, f"call displacements D20190105 and so on, or the velocity one of: {names_of('velocity')}"
    return None


def _no_point_layer(path: Path) -> tuple[str, str] | None:
    try:
        layers = [(str(name), str(kind)) for name, kind in pyogrio.list_layers(path) if kind is not None]
        infos = [(name, kind, pyogrio.read_info(path, layer=name)["features"]) for name, kind in layers]
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, UnicodeDecodeError):
        return None
    if not infos:
        return "it has no layer with geometry", _EXPORT
    name, kind, n = infos[0]
    if not n:
        return f"layer {name} is empty", "give the layer with its points"
    if kind == "Unknown":
        what = f"layer {name} says no type of geometry (GEOMETRY)"
        return what, "save the layer as type Point (in QGIS: Export, Geometry type Point)"
    return f"layer {name} has the geometry {kind}, not Point", _EXPORT
