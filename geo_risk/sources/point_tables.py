"""Tables of points, CSV, Parquet, shapefile or GeoPackage, in batches: never the whole file at once."""

from __future__ import annotations

import csv
import re
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyogrio
import pyogrio.errors
import shapely
from numpy.typing import NDArray

from geo_risk.core.errors import AmbiguousError, CorruptFileError, LimitError, RefusedFileError
from geo_risk.sources.dbf_texts import named_codec
from geo_risk.sources.files import sniff
from geo_risk.sources.point_csv import MAX_HEADER_BYTES, CsvForm, csv_batches, csv_form
from geo_risk.sources.point_parquet import ParquetForm, coordinates, parquet_batches, parquet_form

BATCH_VALUES = 4_000_000
"""Numbers of one batch: 32 MB as they are parsed."""

MAX_COLUMNS = 20_000
X, Y = "geometry x", "geometry y"
"""Columns of the coordinates of a table with geometry."""

_SHOWN = 24
_KINDS = {"text": "CSV", "Parquet": "Parquet", "Shapefile": "ESRI Shapefile", "GPKG": "GPKG"}
_UNREADABLE = (
    UnicodeDecodeError, csv.Error, pd.errors.ParserError, OSError, pyogrio.errors.DataSourceError,
    pyogrio.errors.FeatureError, pyogrio.errors.FieldError, shapely.errors.GEOSException,
)  # fmt: skip


@dataclass(frozen=True)
class PointTable:
    """One file with a row a point.

    Attributes
    ----------
    path, kind : the file, and CSV, Parquet, ESRI Shapefile or GPKG.
    columns : names as they are in the file, or `lowered`; those of the geometry, X and Y, at the end where it has one.
    crs : of the geometry, None where the file does not say or has no geometry.
    encoding : of its texts.
    layer : of a GeoPackage.
    form : of a text, how it is read.
    parquet : of a Parquet file, its columns and geometry.
    stored : names as they are in the file where `columns` are others.
    """

    path: Path
    kind: str
    columns: tuple[str, ...]
    crs: str | None = None
    encoding: str = "utf-8"
    layer: str | None = None
    form: CsvForm | None = None
    parquet: ParquetForm | None = None
    stored: tuple[str, ...] = ()

    @property
    def has_geometry(self) -> bool:
        """Whether the file carries geometries, rather than columns with coordinates."""
        return X in self.columns

    def lowered(self) -> PointTable:
        """Return the table with names in lower case, but for those that would then be the same."""
        lower = [c.strip().lower() for c in self.columns]
        count = Counter(lower)
        names = tuple(n if count[n] == 1 else c for n, c in zip(lower, self.columns, strict=True))
        return replace(self, columns=names, stored=self.stored or self.columns)

    def batches(self, columns: Sequence[str]) -> Iterator[pd.DataFrame]:
        """Give these columns in batches of about BATCH_VALUES numbers, in file order.

        Raises
        ------
        CorruptFileError : the file does not read to its end.
        """
        # a CSV line is split into all its fields before a column is chosen, so all of them count
        width = len(self.columns) if self.kind == "CSV" else len(columns)
        n_rows = max(1, BATCH_VALUES // max(1, width))
        reader = {"CSV": _csv_batches, "Parquet": _parquet_batches}.get(self.kind, _ogr_batches)
        stored = dict(zip(self.columns, self.stored or self.columns, strict=True))
        try:
            for batch in reader(self, [stored[c] for c in columns], n_rows):
                yield batch.set_axis(list(columns), axis=1)
        except _UNREADABLE as error:
            what = f"the table does not read to its end: {error}"
            raise CorruptFileError(what, where=str(self.path), fix="copy or export the file again") from error


def open_table(path: Path) -> PointTable | None:
    """Return a file as a table of points by its first bytes; None where it is of another type (a zip, a pickle...).

    Raises
    ------
    CorruptFileError : it is of that type and its header cannot be read. LimitError : a header beyond the limits.
    """
    kind = _KINDS.get(sniff(path))
    if kind is None:
        return None
    table = {"CSV": _open_csv, "Parquet": _open_parquet}.get(kind, _open_ogr)(path, kind)
    if table is not None and len(table.columns) > MAX_COLUMNS:
        what = f"the header names {len(table.columns)} columns; at most {MAX_COLUMNS} are accepted"
        raise LimitError(what, where=str(path), fix="cut the table to the dates that are needed")
    return table


def numbers(frame: pd.DataFrame, columns: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return columns as float64 (rows, columns) with missing as NaN, and which rows hold a text that is no number."""
    part = frame[list(columns)]
    bad = np.zeros(len(part), dtype=bool)
    odd = [c for c in columns if part[c].dtype.kind not in "fiu"]
    if odd:
        part = part.copy()
        for name in odd:
            texts = part[name]
            values = pd.to_numeric(texts, errors="coerce")
            bad |= (values.isna() & texts.notna() & (texts.astype(str).str.strip() != "")).to_numpy(dtype=bool)
            part[name] = values.astype("float64")
    return part.to_numpy(dtype=np.float64, copy=True), bad


def first_text(frame: pd.DataFrame, columns: Sequence[str], rows: NDArray[np.bool_]) -> str:
    """Return the first text that is no number in these columns and rows, and its column; empty where there is none."""
    for row in np.flatnonzero(rows)[:1]:
        for name in columns:
            one = frame[[name]].iloc[[row]]
            if numbers(one, [name])[1].any():
                return f"{str(one.iloc[0, 0])[:_SHOWN]!r} in column {name}"
    return ""


def written_otherwise(tables: Sequence[PointTable]) -> list[str]:
    """Return sentences on texts with another separator, decimal sign or encoding than CSV files have, each once."""
    return list(dict.fromkeys(t.form.sentence for t in tables if t.form is not None and t.form.sentence))


def _open_csv(path: Path, kind: str) -> PointTable | None:
    form = csv_form(path)
    return None if form is None else PointTable(path, kind, form.columns, encoding=form.encoding, form=form)


def _csv_batches(table: PointTable, columns: list[str], n_rows: int) -> Iterator[pd.DataFrame]:
    return csv_batches(table.path, table.form or CsvForm(table.columns, table.encoding), columns, n_rows)


def _open_parquet(path: Path, kind: str) -> PointTable:
    form = parquet_form(path)
    names = (*form.columns, X, Y) if form.geometry else form.columns
    return PointTable(path, kind, names, form.crs, parquet=form)


def _parquet_batches(table: PointTable, columns: list[str], n_rows: int) -> Iterator[pd.DataFrame]:
    form = table.parquet or ParquetForm(table.columns)
    return parquet_batches(table.path, form, columns, (X, Y), n_rows)


def _open_ogr(path: Path, kind: str) -> PointTable | None:
    try:
        layers = [str(name) for name, geometry in pyogrio.list_layers(path) if geometry is not None]
        layer = layers[0] if len(layers) == 1 else path.stem if path.stem in layers else None
        if not layers:
            return None
        if layer is None:
            what = f"the file has {len(layers)} layers with geometry: {layers[:10]}"
            raise AmbiguousError(what, where=str(path), fix="keep one layer in the file, or name one as the file")
        encoding = _dbf_encoding(path) if kind == "ESRI Shapefile" else "utf-8"
        said = {"encoding": encoding} if kind == "ESRI Shapefile" else {}
        info = pyogrio.read_info(path, layer=layer, **said)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, UnicodeDecodeError) as error:
        what = f"the file does not open as {kind}: {error}"
        raise CorruptFileError(what, where=str(path), fix="copy the file again with all its parts") from error
    if info["driver"] != kind:
        what = f"the file looks like {kind} and opens as {info['driver']}"
        raise RefusedFileError(what, where=str(path), fix="export the points as GeoPackage")
    if "Point" not in str(info["geometry_type"]):
        return None
    names = (*(str(f) for f in info["fields"]), X, Y)
    return PointTable(path, kind, names, None if info["crs"] is None else str(info["crs"]), encoding, layer)


def _ogr_batches(table: PointTable, columns: list[str], n_rows: int) -> Iterator[pd.DataFrame]:
    fields = [c for c in columns if c not in (X, Y)]
    said = {"encoding": table.encoding} if table.kind == "ESRI Shapefile" else {}
    start = 0
    while True:
        frame = pyogrio.read_dataframe(
            table.path, layer=table.layer, columns=fields, skip_features=start, max_features=n_rows, **said
        )
        if not len(frame):
            return
        xy = coordinates(frame.geometry.to_numpy())
        out = pd.DataFrame(frame[fields]).assign(**{X: xy[:, 0], Y: xy[:, 1]})
        yield out[columns]
        start += len(frame)


def _dbf_encoding(path: Path) -> str:
    """Return the encoding of a shapefile's texts: as its .cpg says, UTF-8 or GB18030, whichever decodes first."""
    beside = {p.suffix.lower(): p for p in path.parent.iterdir() if p.stem == path.stem}
    named = None
    if ".cpg" in beside:
        named = named_codec(beside[".cpg"].read_text(encoding="ascii", errors="ignore"))
    if ".dbf" not in beside:
        what = "there is no .dbf beside the .shp"
        raise CorruptFileError(what, where=str(path), fix="copy all files of the shapefile (.shp .shx .dbf .prj .cpg)")
    with beside[".dbf"].open("rb") as stream:
        raw = stream.read(4 * MAX_HEADER_BYTES)
    start, length = struct.unpack("<HH", raw[8:12]) if len(raw) > 32 else (0, 0)
    names = [raw[i : i + 11].split(b"\0")[0] for i in range(32, start - 1, 32)]
    records = raw[start : start + (len(raw) - start) // length * length] if length else b""
    text = b" ".join(names) + re.sub(rb"[\x00\x1a]", b"", records)
    for codec in dict.fromkeys([*([named] if named else []), "utf-8", "gb18030"]):
        try:
            text.decode(codec)
        except UnicodeDecodeError:
            continue
        return codec
    what = f"the texts of {beside['.dbf'].name} are neither UTF-8 nor GB18030"
    raise CorruptFileError(what, where=str(path), fix="write the name of the encoding into a .cpg file beside it")
