"""Tables of points in Parquet, plain or GeoParquet, in batches."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from geo_risk.core.errors import CorruptFileError, CrsError, LimitError

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ROWS = 500_000_000

_ENCODINGS = ("WKB", "point")
_DEFAULT_CRS = "OGC:CRS84"


@dataclass(frozen=True)
class ParquetForm:
    """Columns of a Parquet file; where it is GeoParquet with points, also the geometry column, its encoding and CRS."""

    columns: tuple[str, ...]
    geometry: str = ""
    encoding: str = ""
    crs: str | None = None


def parquet_form(path: Path) -> ParquetForm:
    """Return what the footer of a Parquet file says.

    Raises
    ------
    CorruptFileError : it cannot be opened, or its metadata "geo" cannot be read. LimitError : too many rows.
    CrsError : the CRS of its geometry is not known.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            n_rows, schema = file.metadata.num_rows, file.schema_arrow
    except (pa.ArrowException, OSError) as error:
        what = f"the Parquet file cannot be opened: {error}"
        raise CorruptFileError(what, where=str(path), fix="fetch or write the file again") from error
    if not 0 <= n_rows <= MAX_ROWS:
        what = f"the footer says {n_rows} rows; at most {MAX_ROWS} are accepted"
        raise LimitError(what, where=str(path), fix="cut the table to the area of the run")
    names, geo = tuple(schema.names), (schema.metadata or {}).get(b"geo")
    return ParquetForm(names) if geo is None else _with_geometry(names, geo, path)


def parquet_batches(
    path: Path, form: ParquetForm, columns: Sequence[str], xy: tuple[str, str], n_rows: int
) -> Iterator[pd.DataFrame]:
    """Give these columns in batches of rows, in file order; those of `xy` are the coordinates of the geometry.

    Raises
    ------
    OSError : the file does not read to its end. GEOSException : a geometry is no WKB.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = [c for c in columns if not (form.geometry and c in xy)]
    wanted = [*fields, form.geometry] if len(fields) < len(columns) else fields
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=n_rows, columns=wanted):
                # a column that pandas kept as its index is a column all the same
                frame = batch.select(fields).to_pandas(ignore_metadata=True)
                if len(fields) < len(columns):
                    places = _places(batch.column(form.geometry), form.encoding)
                    frame = frame.assign(**dict(zip(xy, places.T, strict=True)))
                yield frame[list(columns)]
    except pa.ArrowException as error:
        raise OSError(str(error)) from error


def coordinates(geometries: NDArray[Any]) -> NDArray[np.float64]:
    """Return x, y of points (n, 2); NaN where there is none, or several."""
    out = np.full((len(geometries), 2), np.nan)
    known = shapely.get_num_coordinates(geometries) == 1
    out[known] = shapely.get_coordinates(geometries[known])
    return out


def _places(column: pa.Array, encoding: str) -> NDArray[np.float64]:
    import pyarrow.compute as pc

    if encoding == "WKB":
        return coordinates(shapely.from_wkb(column.to_numpy(zero_copy_only=False)))
    parts = [pc.struct_field(column, name).to_numpy(zero_copy_only=False) for name in ("x", "y")]
    return np.stack(parts, axis=1).astype(np.float64)


def _with_geometry(names: tuple[str, ...], geo: bytes, path: Path) -> ParquetForm:
    """Return the form of a GeoParquet file; without a geometry where that is none of points, or is missing."""
    try:
        said = json.loads(geo)
        name = str(said["primary_column"])
        column = dict(said["columns"][name])
        types, encoding = list(column.get("geometry_types", [])), str(column["encoding"])
    except (ValueError, KeyError, TypeError) as error:
        what = f"the metadata 'geo' of the Parquet file cannot be read: {error!r}"
        raise CorruptFileError(what, where=str(path), fix="write the file again as GeoParquet") from error
    if name not in names or encoding not in _ENCODINGS or (types and not {"Point", "Point Z"} & set(types)):
        return ParquetForm(names)
    crs = _crs(column.get("crs", _DEFAULT_CRS), path)
    return ParquetForm(tuple(n for n in names if n != name), name, encoding, crs)


def _crs(said: Any, path: Path) -> str | None:
    """Return a CRS as EPSG:nnnn where it is one, else as WKT; None where the file says that it is not known."""
    if said is None:
        return None
    try:
        crs = CRS.from_user_input(said)
    except CRSError as error:
        what = "the CRS of the geometry is not known"
        raise CrsError(what, where=str(path), fix="write the file again with a CRS such as EPSG:4326") from error
    found = crs.to_authority(min_confidence=100)
    # coordinates are always read as x, y, so that the order of axes makes no difference
    return crs.to_wkt() if found is None else "EPSG:4326" if found == ("OGC", "CRS84") else ":".join(found)
