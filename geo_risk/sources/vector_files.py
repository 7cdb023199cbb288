"""Vector files by their true type: sniffed from the first bytes, opened with that driver alone."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio
import pyogrio.errors
import shapely

from geo_risk.core.errors import AmbiguousError, CorruptFileError, CrsError, DataError, LimitError, RefusedFileError
from geo_risk.core.sentence import Sentence
from geo_risk.sources.dbf_texts import named_codec

MAX_BYTES = 2_000_000_000
MAX_FEATURES = 5_000_000
_SHAPEFILE = struct.pack(">i", 9994)
_X_NAMES = ("x", "easting", "lon", "longitude", "经度", "东坐标")
_Y_NAMES = ("y", "northing", "lat", "latitude", "纬度", "北坐标")
_ENCODINGS = ("utf-8", "gb18030")


def sniff_vector(path: Path, *, where: str) -> str:
    """Return the driver that the first bytes of a file call for: GPKG, ESRI Shapefile, FlatGeobuf, GeoJSON or CSV.

    Raises
    ------
    DataError : the file is not there.
    LimitError : it is larger than MAX_BYTES.
    RefusedFileError : a URL, a virtual path, or a type that is not one of these.
    """
    text = str(path)
    if text.startswith("/vsi") or "://" in text or ":/" in text[2:].replace("\\", "/"):
        what = f"{text!r} is a URL or a virtual path; a plain file is needed"
        raise RefusedFileError(what, where=where, fix="copy the file to this machine and name it by its path")
    if not path.is_file():
        what = f"{path.name} is not there"
        raise DataError(what, where=f"{where}: {path}", fix="mend the path in the config")
    size = path.stat().st_size
    if not 0 < size <= MAX_BYTES:
        what = f"{path.name} has {size} bytes; 1 to {MAX_BYTES} are accepted"
        raise LimitError(what, where=where, fix="cut the layer to the area of the run")
    with path.open("rb") as stream:
        head = stream.read(4096)
    driver = _driver(path, head)
    if driver is None:
        what = f"{path.name} is not a GeoPackage, shapefile, FlatGeobuf, GeoJSON or CSV (it starts with {head[:12]!r})"
        raise RefusedFileError(what, where=where, fix="export the layer as GeoPackage")
    return driver


def _driver(path: Path, head: bytes) -> str | None:
    if head.startswith(b"SQLite format 3\x00") and head[68:72] in (b"GPKG", b"GP10", b"GP11"):
        return "GPKG"
    if head.startswith(_SHAPEFILE):
        return "ESRI Shapefile"
    if head.startswith(b"fgb\x03fgb"):
        return "FlatGeobuf"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"{") and b'"type"' in head:
        return "GeoJSON"
    is_text = b"\x00" not in head and not start.startswith((b"<", b"{", b"["))
    return "CSV" if path.suffix.lower() in (".csv", ".txt") and is_text and start else None


def open_vector(
    path: Path, *, where: str, layer: str | None = None, crs: str | None = None, encoding: str | None = None
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Read one layer as it stands, with the notes of how it was read.

    Parameters
    ----------
    path, where : the file, and the config field to name in errors.
    layer : layer of a GeoPackage with several; without it the one with geometry, or the one named as the file.
    crs : CRS of a file that carries none (CSV, shapefile without .prj).
    encoding : text encoding of a shapefile or CSV; without it UTF-8 and GB18030 are tried.

    Raises
    ------
    AmbiguousError : several layers and none named.
    CorruptFileError : the file does not read to its end.
    CrsError : no CRS in the file and none given, or the two differ.
    LimitError, RefusedFileError : as `sniff_vector`, or more than MAX_FEATURES features.
    """
    driver = sniff_vector(path, where=where)
    frame, notes = (
        _read_csv(path, where=where, encoding=encoding)
        if driver == "CSV"
        else _read_ogr(path, driver, where=where, layer=layer, encoding=encoding)
    )
    if frame.crs is None and crs is None:
        what = f"{path.name} has no CRS"
        fix = "write the .prj, or give `crs: EPSG:...` for this input; EPSG:4490 is degrees of CGCS2000"
        raise CrsError(what, where=where, fix=fix)
    if frame.crs is None:
        return frame.set_crs(crs), [
            *notes, Sentence(f"{path.name} has no CRS; {crs} taken from the config",
                         f"{path.name} 无坐标系，按配置采用 {crs}")]  # fmt: skip
    if crs is not None and frame.crs != crs:
        what = f"{path.name} says it is in {frame.crs.to_string()}, the config says {crs}"
        raise CrsError(what, where=where, fix="remove `crs` from this input, or mend the file")
    return frame, notes


def _read_ogr(
    path: Path, driver: str, *, where: str, layer: str | None, encoding: str | None
) -> tuple[gpd.GeoDataFrame, list[str]]:
    notes: list[str] = []
    options: dict[str, Any] = {}
    if driver == "ESRI Shapefile":
        encoding, said = _shapefile_encoding(path, encoding, where=where)
        notes += said
        options["encoding"] = encoding
    try:
        chosen = _layer(path, layer, where=where)
        info = pyogrio.read_info(path, layer=chosen)
        if info["driver"] != driver:
            what = f"{path.name} looks like {driver} and opens as {info['driver']}"
            raise RefusedFileError(what, where=where, fix="export the layer as GeoPackage")
        if info["features"] > MAX_FEATURES:
            what = f"{path.name} has {info['features']} features; at most {MAX_FEATURES} are accepted"
            raise LimitError(what, where=where, fix="cut the layer to the area of the run")
        frame = pyogrio.read_dataframe(path, layer=chosen, **options)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, shapely.errors.GEOSException) as error:
        what = f"{path.name} does not read as {driver}: {error}"
        raise CorruptFileError(what, where=where, fix="copy the file again, or export it as GeoPackage") from error
    except (UnicodeDecodeError, pyogrio.errors.FeatureError, pyogrio.errors.FieldError) as error:
        what = f"{path.name} holds text that is not {encoding or 'UTF-8'}: {error}"
        raise CorruptFileError(what, where=where, fix="give `encoding:` for this input, e.g. GB18030") from error
    if driver == "GPKG" and 0 <= info["features"] != len(frame):
        what = f"{path.name} says it has {info['features']} features and gives {len(frame)}"
        raise CorruptFileError(what, where=where, fix="copy the file again")
    if not isinstance(frame, gpd.GeoDataFrame):
        what = f"{path.name} layer {chosen!r} has no geometry"
        raise DataError(what, where=where, fix="name a layer with geometry")
    return frame, notes


def _layer(path: Path, layer: str | None, *, where: str) -> str | None:
    names = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
    if layer is not None or len(names) == 1:
        return layer or names[0]
    if path.stem in names:
        return path.stem
    what = f"{path.name} has {len(names)} layers with geometry: {names[:20]}"
    raise AmbiguousError(what, where=where, fix="keep one layer in the file, or name one of them as the file")


def _shapefile_encoding(path: Path, encoding: str | None, *, where: str) -> tuple[str, list[str]]:
    """Return the encoding of a shapefile's texts: as given, as its .cpg says, else found by strict decoding."""
    found = _sibling(path, ".cpg")
    if encoding is not None:
        return encoding, []
    if found is not None and (named := named_codec(found.read_text(encoding="ascii", errors="ignore"))):
        return named, []
    table = _sibling(path, ".dbf")
    if table is None:
        what = f"{path.name} has no .dbf beside it"
        raise CorruptFileError(what, where=where, fix="copy all files of the shapefile (.shp .shx .dbf .prj .cpg)")
    raw = table.read_bytes()
    start, length = struct.unpack("<HH", raw[8:12]) if len(raw) > 32 else (0, 0)
    text = raw[32:start] + raw[start:].rstrip(b"\x1a") if length else raw
    guess = _decodes_as(text)
    if guess is None:
        what = f"the texts of {table.name} are neither UTF-8 nor GB18030"
        raise CorruptFileError(what, where=where, fix="add a .cpg file or give `encoding:` for this input")
    if text.isascii():
        return guess, []
    said = f"{path.name} has no .cpg that names an encoding; its texts read without error as {guess.upper()}"
    return guess, [Sentence(said,
                        f"{path.name} 缺少注明编码的 .cpg，文本按 {guess.upper()} 可正确读取")]  # fmt: skip


def _decodes_as(text: bytes) -> str | None:
    for name in _ENCODINGS:
        try:
            text.decode(name)
        except UnicodeDecodeError:
            continue
        return name
    return None


def _sibling(path: Path, suffix: str) -> Path | None:
    found = [p for p in path.parent.glob(f"{glob_safe(path.stem)}.*") if p.suffix.lower() == suffix]
    return found[0] if found else None


def glob_safe(name: str) -> str:
    """Return a file name with the wildcards of `Path.glob` made plain."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def read_text_table(path: Path, *, where: str, encoding: str | None = None) -> tuple[pd.DataFrame, list[str]]:
    """Return a CSV as text columns, with the encoding that was found if it is not UTF-8.

    Raises
    ------
    CorruptFileError : neither UTF-8 nor GB18030, or rows of different length.
    """
    found = encoding or _decodes_as(path.read_bytes())
    if found is None:
        what = f"{path.name} is neither UTF-8 nor GB18030"
        raise CorruptFileError(what, where=where, fix="give `encoding:` for this input, or save it as UTF-8")
    codec = "utf-8-sig" if found == "utf-8" else found
    try:
        frame = pd.read_csv(path, dtype="string", encoding=codec, keep_default_na=False, na_values=[""])
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        what = f"{path.name} does not read as CSV: {error}"
        raise CorruptFileError(what, where=where, fix="save it again as CSV in UTF-8") from error
    said = Sentence(f"{path.name} was read as {found.upper()}", f"{path.name} 按 {found.upper()} 编码读取")
    return frame, [] if found == "utf-8" else [said]


def _read_csv(path: Path, *, where: str, encoding: str | None) -> tuple[gpd.GeoDataFrame, list[str]]:
    frame, notes = read_text_table(path, where=where, encoding=encoding)
    lowered = {str(c).strip().lower(): c for c in frame.columns}
    x_name = next((lowered[n] for n in _X_NAMES if n in lowered), None)
    y_name = next((lowered[n] for n in _Y_NAMES if n in lowered), None)
    if x_name is None or y_name is None:
        what = f"{path.name} has no coordinate columns among {list(frame.columns)[:12]}"
        raise DataError(what, where=where, fix="name them x,y (metres) or lon,lat (degrees)")
    numbers = {c: pd.to_numeric(frame[c], errors="coerce") for c in frame.columns}
    x, y = (numbers[c].astype("float64") for c in (x_name, y_name))
    for column, values in numbers.items():
        if values.notna().sum() == frame[column].notna().sum() and not _is_code(frame[column]):
            frame[column] = values
    points = gpd.points_from_xy(x, y)
    points[x.isna().to_numpy() | y.isna().to_numpy()] = None
    return gpd.GeoDataFrame(frame, geometry=points), notes


def _is_code(column: pd.Series[Any]) -> bool:
    """Return whether a column of digits is a code: some value starts with 0 and has more digits."""
    return bool(column.dropna().str.match(r"^0\d").any())
