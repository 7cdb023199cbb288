"""Tables and vector layers to GeoPackage, and facts to JSON, verified before they get their name."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

from geo_risk.core.errors import DataError
from geo_risk.core.schemas import SCHEMAS
from geo_risk.publish.atomic import disk_full, staged, write_text
from geo_risk.publish.hashing import column_texts, frame_sha256

_CLOCK = "2000-01-01T00:00:00Z"
_LOCK = threading.Lock()
"""GDAL's clock option is one for the whole process."""


def write_frame(frame: pd.DataFrame, path: Path, *, layer: str | None = None) -> None:
    """Publish one frame as a GeoPackage with one layer (named after the file), the same bytes for the same rows.

    Raises
    ------
    DataError : the frame has geometry but no CRS, or holds values that a GeoPackage does not keep.
    DiskFullError : the file did not read back with as many rows.
    """
    write_frames({layer or path.stem: frame}, path)


def write_frames(frames: dict[str, pd.DataFrame], path: Path) -> None:
    """Publish several frames as layers of one GeoPackage; plain tables become tables without geometry."""

    def verify(written: Path) -> None:
        for name, frame in frames.items():
            found = pyogrio.read_dataframe(written, layer=name)
            if len(found) != len(frame):
                raise disk_full(path)
            _compare(frame, found, where=f"{path.name}, layer {name}")

    with staged(path, verify=verify) as temporary, fixed_clock():
        for i, (name, frame) in enumerate(frames.items()):
            _write(frame, temporary, name=name, append=i > 0)


@contextmanager
def fixed_clock() -> Iterator[None]:
    """Let GeoPackages be written meanwhile with one time of change, so that the same rows give the same bytes."""
    with _LOCK:
        _clock(_CLOCK)
        try:
            yield
        finally:
            _clock(None)


def _compare(frame: pd.DataFrame, read: pd.DataFrame, *, where: str) -> None:
    """Refuse a file whose rows are not those that were given (times are compared by count only: ms are kept)."""
    if isinstance(frame, gpd.GeoDataFrame) and frame.geometry.name != "geometry":
        frame = frame.rename_geometry("geometry")
    times = [c for c in frame.columns if pd.api.types.is_datetime64_any_dtype(frame[c].dtype)]
    if _is_alike(frame.drop(columns=times), read.drop(columns=times)):
        return
    if frame_sha256(frame.drop(columns=times)) == frame_sha256(read.drop(columns=times)):
        return
    kept = [str(c) for c in frame.columns if c in read.columns and c not in {*times, "geometry"}]
    changed = [c for c in kept if frame_sha256(frame[[c]]) != frame_sha256(read[[c]])]
    what = f"columns {changed or ['geometry']} did not read back as they were written"
    raise DataError(what, where=where, fix="use text, numbers, truth values and 2-D geometries, one kind a column")


def _is_alike(frame: pd.DataFrame, read: pd.DataFrame) -> bool:
    """Return whether two tables have equal columns and rows in one order: then their hashes are equal, at less cost.

    False says nothing: a geometry may have become multi, a row may have another place.
    """
    if set(frame.columns) != set(read.columns) or len(frame) != len(read):
        return False
    if isinstance(frame, gpd.GeoDataFrame) != isinstance(read, gpd.GeoDataFrame):
        return False
    if isinstance(frame, gpd.GeoDataFrame) and str(frame.crs) != str(read.crs):
        return False
    return all(_are_alike(frame[c], read[c]) for c in frame.columns)


def _are_alike(values: Any, read: Any) -> bool:
    if isinstance(values, gpd.GeoSeries):
        ours, theirs = (shapely.to_wkb(v.to_numpy(), byte_order=1) for v in (values, read))
        return bool(np.array_equal(ours, theirs)) or column_texts(values) == column_texts(read)
    gone = values.isna().to_numpy()
    if not np.array_equal(gone, read.isna().to_numpy()):
        return False
    if not gone.any():
        return bool(values.tolist() == read.tolist())
    return bool(values[~gone].tolist() == read[~gone].tolist())


def _clock(value: str | None) -> None:
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": value})


def _write(frame: pd.DataFrame, path: Path, *, name: str, append: bool) -> None:
    has_geometry = isinstance(frame, gpd.GeoDataFrame)
    if has_geometry and getattr(frame, "crs", None) is None:
        what = f"frame {name!r} has no CRS"
        raise DataError(what, where=str(path), fix="make the frame with the run grid's CRS")
    kind = _geometry_type(frame, name) if has_geometry else None
    options = (
        {"geometry_type": kind, "promote_to_multi": bool(kind and kind.startswith("Multi"))} if has_geometry else {}
    )
    pyogrio.write_dataframe(frame, path, layer=name, driver="GPKG", append=append, **options)


def _geometry_type(frame: gpd.GeoDataFrame, name: str) -> str | None:
    types = sorted(set(frame.geometry.geom_type.dropna()))
    if not types:
        return (SCHEMAS[name].geometry if name in SCHEMAS else None) or "Unknown"
    base = {t.removeprefix("Multi") for t in types}
    if len(base) > 1:
        return "Unknown"
    return types[0] if len(types) == 1 else f"Multi{base.pop()}"


def write_json(facts: Any, path: Path) -> None:
    """Publish plain values as UTF-8 JSON with sorted keys; NaN is refused."""
    write_text(
        path,
        json.dumps(facts, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False, default=str) + "\n",
    )
