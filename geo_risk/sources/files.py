"""The true type of a file, by its first bytes; names are not believed."""

from __future__ import annotations

import codecs
import zipfile
from collections.abc import Collection
from pathlib import Path

from geo_risk.core.errors import CorruptFileError, DataError, RefusedFileError

_HEAD = 512
_MAGIC = (
    (b"II*\0", "GTiff"),
    (b"MM\0*", "GTiff"),
    (b"II+\0", "GTiff"),
    (b"MM\0+", "GTiff"),
    (b"\x89HDF\r\n\x1a\n", "HDF5"),
    (b"CDF\x01", "NetCDF3"),
    (b"CDF\x02", "NetCDF3"),
    (b"CDF\x05", "NetCDF3"),
    (b"GRIB", "GRIB"),
    (b"fgb", "FlatGeobuf"),
    (b"PAR1", "Parquet"),
    (b"\x00\x00\x27\x0a", "Shapefile"),
    (b"\xd0\xcf\x11\xe0", "XLS"),
    (b"%PDF", "PDF"),
    (b"\x1f\x8b", "gzip"),
    (b"\x80\x04", "pickle"),
    (b"\x80\x05", "pickle"),
    (b"\x93NUMPY", "NumPy"),
)


def sniff(path: Path) -> str:
    """Return the true type, such as "GTiff", "HDF5", "GPKG", "XLSX", "VRT", "text" or "unknown"; "Zarr" or "folder"."""
    if path.is_dir():
        return "Zarr" if is_zarr_store(path) else "folder"
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head.startswith(b"SQLite format 3\0"):
        return "GPKG" if head[68:72] in (b"GPKG", b"GP10", b"GP11") else "SQLite"
    if head.startswith(b"PK\x03\x04"):
        return _zip_kind(path)
    return _text_kind(head)


def _zip_kind(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError):
        return "unknown"
    return "XLSX" if "xl/workbook.xml" in names else "zip"


def _text_kind(head: bytes) -> str:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    lowered = start[:200].lower()
    if lowered.startswith(b"<vrtdataset") or lowered.startswith(b"<ogrvrtdatasource") or b"<vrtdataset" in lowered:
        return "VRT"
    if lowered.startswith(b"<?xml") or lowered.startswith(b"<"):
        return "XML"
    if start[:1] in (b"{", b"["):
        return "JSON"
    if start.startswith(b"diamond"):
        return "MICAPS"
    return "text" if head and (b"\0" not in head or _is_utf16(head)) else "unknown"


def _is_utf16(head: bytes) -> bool:
    """Return whether the start of a file is marked as UTF-16 and has no zero character."""
    if not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return False
    try:
        return "\0" not in codecs.getincrementaldecoder("utf-16")().decode(head)
    except UnicodeDecodeError:
        return False


def checked_file(path: Path, *, where: str, kinds: Collection[str]) -> str:
    """Return the true type of a file after making sure it is one of `kinds`.

    Raises
    ------
    DataError : the file is not there, or is a folder.
    CorruptFileError : the file is empty.
    RefusedFileError : it is something else than its reader expects, whatever its name says.
    """
    if not path.is_file():
        what = f"{path.name} is {'a folder' if path.is_dir() else 'not there'}"
        raise DataError(what, where=f"{where}: {path}", fix="mend the path, or leave this input out")
    if path.stat().st_size == 0:
        what = f"{path.name} is empty (0 bytes)"
        raise CorruptFileError(what, where=f"{where}: {path}", fix="copy or download the file again")
    kind = sniff(path)
    if kind not in kinds:
        what = f"{path.name} is a file of type {kind}; {' or '.join(sorted(kinds))} needed"
        raise RefusedFileError(what, where=f"{where}: {path}", fix="convert the data to that format and name that file")
    return kind


def is_zarr_store(path: Path) -> bool:
    """Return whether a folder is a Zarr group, of format 2 or 3."""
    return path.is_dir() and any((path / name).is_file() for name in (".zgroup", "zarr.json", ".zmetadata"))
