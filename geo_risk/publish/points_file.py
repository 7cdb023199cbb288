"""Layers of many points to GeoPackage or GeoParquet, a batch at a time, verified before they get their name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from pyproj import CRS

from geo_risk.core.errors import DataError
from geo_risk.publish.atomic import disk_full, staged
from geo_risk.publish.frames import fixed_clock
from geo_risk.publish.hashing import canonical

SUFFIXES = (".gpkg", ".parquet")

Write = Callable[[gpd.GeoDataFrame], None]


@contextmanager
def points_file(path: Path, *, crs: str) -> Iterator[Write]:
    """Give a function that appends a batch of points; publish the file when all were written.

    Parameters
    ----------
    path : final name, .gpkg (one layer, named as the file) or .parquet (GeoParquet 1.1, WKB, a row group a batch).
    crs : of all batches. Their columns are text, numbers and one geometry, the same in each; memory is that of a batch.

    Raises
    ------
    DataError : another suffix, or no batch was written. DiskFullError : the file did not read back as written.
    """
    if path.suffix.lower() not in SUFFIXES:
        what = f"{path.name} has the suffix {path.suffix!r}"
        raise DataError(what, where=str(path), fix=f"end the name in {' or '.join(SUFFIXES)}")
    is_parquet = path.suffix.lower() == ".parquet"
    sums: list[tuple[int, str]] = []

    def verify(written: Path) -> None:
        if not sums:
            what = "no batch of points was written"
            raise DataError(what, where=str(path), fix="give a table with rows")
        read = _read_parquet(written) if is_parquet else _read_package(written, [n for n, _ in sums])
        if [(len(batch), _digest(batch)) for batch in read] != sums:
            raise disk_full(path)

    with staged(path, verify=verify) as temporary:
        opened = _parquet_writer(temporary, crs) if is_parquet else _package_writer(temporary, path.stem)
        with opened as append:

            def write(batch: gpd.GeoDataFrame) -> None:
                if batch.crs is None or CRS(batch.crs) != CRS(crs):
                    what = f"a batch in {batch.crs} for a file in {crs}"
                    raise DataError(what, where=str(path), fix="bring it into the CRS of the file")
                if len(batch):
                    append(batch)
                    sums.append((len(batch), _digest(batch)))

            yield write


@contextmanager
def _package_writer(path: Path, layer: str) -> Iterator[Write]:
    with fixed_clock():
        yield lambda batch: pyogrio.write_dataframe(
            batch, path, layer=layer, driver="GPKG", append=path.exists(), geometry_type="Point"
        )


def _read_package(path: Path, sizes: list[int]) -> Iterator[pd.DataFrame]:
    """Read the one layer back in the batches it was written in, by its running number."""
    first = 0
    for n in sizes:
        yield pyogrio.read_dataframe(path, where=f"fid > {first} AND fid <= {first + n}")
        first += n
    if pyogrio.read_info(path)["features"] != first:
        yield pd.DataFrame()


@contextmanager
def _parquet_writer(path: Path, crs: str) -> Iterator[Write]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    column = {"encoding": "WKB", "geometry_types": ["Point"], "crs": CRS(crs).to_json_dict()}
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    writer: list[pq.ParquetWriter] = []

    def append(batch: gpd.GeoDataFrame) -> None:
        plain = pd.DataFrame(batch.drop(columns="geometry"))
        plain["geometry"] = shapely.to_wkb(batch.geometry.to_numpy())
        table = pa.Table.from_pandas(plain, preserve_index=False)
        table = table.replace_schema_metadata({"geo": json.dumps(geo)})
        if not writer:
            writer.append(pq.ParquetWriter(path, table.schema, compression="zstd"))
        writer[0].write_table(table)

    try:
        yield append
    finally:
        for one in writer:
            one.close()


def _read_parquet(path: Path) -> Iterator[pd.DataFrame]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for k in range(file.num_row_groups):
            plain = file.read_row_group(k).to_pandas()
            yield gpd.GeoDataFrame(plain.drop(columns="geometry"), geometry=shapely.from_wkb(plain["geometry"]))


def _digest(batch: pd.DataFrame) -> str:
    """Return a hash of names, numbers, texts and coordinates, whatever kind of number or text a format keeps."""
    digest = hashlib.sha256()
    for name in (c for c in batch.columns if c != "geometry"):
        digest.update(str(name).encode())
        values = batch[name]
        if pd.api.types.is_numeric_dtype(values.dtype):
            digest.update(canonical(values.to_numpy(dtype=np.float64)).tobytes())
        else:
            digest.update("\x1f".join(values.astype(str)).encode())
    if "geometry" in batch:
        digest.update(canonical(shapely.get_coordinates(batch["geometry"].to_numpy())).tobytes())
    return digest.hexdigest()
