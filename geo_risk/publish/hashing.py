"""Content hashes: the same for the same arrays, rows and texts, whatever the file format, order or clock did."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.windows import Window

from geo_risk.core.errors import DataError

VOLATILE = ("<!--volatile-->", "<!--/volatile-->")
"""What stands between these two comments in a page (the hour of writing) is not part of its content."""

TIME_KEYS = frozenset({"written", "written_at", "started", "finished", "seconds", "elapsed_s", "timings", "run_time"})
"""Keys of JSON documents that hold clocks and durations of the run; they are not part of the content."""

_VOLATILE = re.compile(re.escape(VOLATILE[0]) + ".*?" + re.escape(VOLATILE[1]), re.DOTALL)
_ROWS = 1024
_SIGNS = 1 << 20
_PLAIN = frozenset({str, int, float, bool})


def content_sha256(path: Path) -> str:
    """Return the hash of what a product says: of arrays, rows, values or text, without times of writing.

    GeoTIFF: shape, transform, CRS, and per band dtype, unit, description and values (NaN and zero in one form).
    GeoPackage: every layer by name, its rows whatever their order. JSON: values with sorted keys, without `TIME_KEYS`.
    XLSX: cells of every sheet. CSV: its cells. HTML and XML: their text without what stands between the `VOLATILE`
    comments. DOCX: the XML of its body.

    Raises
    ------
    DataError : the suffix is not one of these.
    """
    hashers: dict[str, Callable[[Path], str]] = {
        ".tif": _raster, ".gpkg": _geopackage, ".json": _json, ".xlsx": _workbook, ".csv": _csv, ".html": _html,
        ".docx": _document, ".xml": _html,
    }  # fmt: skip
    hasher = hashers.get(path.suffix.lower())
    if hasher is None:
        what = f"no content hash is defined for {path.suffix!r} files"
        raise DataError(what, where=str(path), fix=f"publish one of {', '.join(hashers)}")
    return hasher(path)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def canonical(values: NDArray[Any]) -> NDArray[Any]:
    """Return an array with one NaN and one zero, in C order and little-endian, for hashing and comparing."""
    array = np.asarray(values)
    if array.dtype.kind == "f":
        array = np.where(np.isnan(array), array.dtype.type(np.nan), array + array.dtype.type(0))
    return np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))


def array_sha256(values: NDArray[Any]) -> str:
    """Return the hash of an array's dtype, shape and canonical values."""
    array = canonical(values)
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    digest.update(array.data if array.size else b"")
    return digest.hexdigest()


def frame_sha256(frame: pd.DataFrame) -> str:
    """Return the hash of a table's columns and rows, whatever the order of either.

    A whole number is the same as an integer, one kind of missing is the same as another, a geometry is its WKB in
    multi form (GeoPackage keeps neither Int64 nor single polygons apart); the CRS is part of it.
    """
    columns = sorted(str(c) for c in frame.columns)
    parts = [column_texts(frame[c]) for c in columns]
    rows = sorted(hashlib.sha256("\x1f".join(row).encode("utf-8", "surrogatepass")).digest() for row in zip(*parts))  # noqa: B905 - columns of one frame
    crs = str(frame.crs) if isinstance(frame, gpd.GeoDataFrame) else ""
    digest = hashlib.sha256(json.dumps([columns, len(frame), crs]).encode())
    for row in rows:
        digest.update(row)
    return digest.hexdigest()


def column_texts(values: Any) -> list[str]:
    """Return the values of a column as texts for hashing: equal where the values are, whatever their type."""
    if isinstance(values, gpd.GeoSeries):
        return [_geometry(g) for g in values]
    known: dict[Any, str] = {}  # columns repeat themselves; equal numbers have one text whatever their kind
    out = []
    for value in values.tolist():
        if type(value) not in _PLAIN:
            out.append(_scalar(value))
            continue
        text = known.get(value)
        if text is None:
            text = known[value] = _scalar(value)
        out.append(text)
    return out


def _geometry(shape: Any) -> str:
    if shape is None or shape.is_empty:
        return ""
    multi = {"Polygon": shapely.MultiPolygon, "LineString": shapely.MultiLineString, "Point": shapely.MultiPoint}
    whole = multi[shape.geom_type]([shape]) if shape.geom_type in multi else shape
    return str(shapely.to_wkb(whole, hex=True, byte_order=1))


def _scalar(value: Any) -> str:
    """Return a value as unambiguous text: kind, then value."""
    if value is None or value is pd.NA or value is pd.NaT or value != value:  # noqa: PLR0124 - NaN
        return "0"
    if isinstance(value, bool | np.bool_):
        return f"n{int(value)}"
    if isinstance(value, int | np.integer):
        return f"n{int(value)}"
    if isinstance(value, float | np.floating):
        number = float(value)
        return f"n{int(number)}" if number.is_integer() else f"n{number!r}"
    return "t" + json.dumps(str(value), ensure_ascii=True)


def _raster(path: Path) -> str:
    digest = hashlib.sha256()
    with rasterio.open(path, driver="GTiff") as source:
        head = [source.shape, list(source.transform)[:6], source.crs.to_wkt() if source.crs else "", source.dtypes,
                source.units, source.descriptions]  # fmt: skip
        digest.update(json.dumps(head).encode())
        for band in source.indexes:
            for row in range(0, source.height, _ROWS):
                window = Window(0, row, source.width, min(_ROWS, source.height - row))
                digest.update(canonical(source.read(band, window=window)).data)
    return digest.hexdigest()


def _geopackage(path: Path) -> str:
    digest = hashlib.sha256()
    for name in sorted(str(row[0]) for row in pyogrio.list_layers(path)):
        frame = pyogrio.read_dataframe(path, layer=name)
        kept = frame.drop(columns=[c for c in frame.columns if c == "update_time"])
        digest.update(f"{name}\n{frame_sha256(kept)}\n".encode())
    return digest.hexdigest()


def _json(path: Path) -> str:
    value = _without_times(json.loads(path.read_text(encoding="utf-8")))
    return _text_hash([json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))])


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_times(v) for k, v in value.items() if k not in TIME_KEYS}
    return [_without_times(v) for v in value] if isinstance(value, list) else value


def _workbook(path: Path) -> str:
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True)
    try:
        return _text_hash(
            f"{sheet.title}\x1f" + "\x1f".join(_scalar(v) for v in row)
            for sheet in book.worksheets
            for row in sheet.iter_rows(values_only=True)
        )
    finally:
        book.close()


def _document(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        return _text_hash([archive.read("word/document.xml").decode("utf-8")])


def _codec(path: Path) -> str:
    """Return the encoding of a text: UTF-8, else GB18030 (as inputs may be), else one in which any byte is a sign."""
    for name in ("utf-8-sig", "gb18030"):
        try:
            with path.open(encoding=name) as stream:
                while stream.read(_SIGNS):
                    pass
        except UnicodeDecodeError:
            continue
        return name
    return "latin-1"


def _csv(path: Path) -> str:
    with path.open(encoding=_codec(path), newline="") as stream:
        return _text_hash("\x1f".join(json.dumps(cell) for cell in row) for row in csv.reader(stream))


def _html(path: Path) -> str:
    return _text_hash([_VOLATILE.sub("", path.read_text(encoding=_codec(path)))])


def _text_hash(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()
