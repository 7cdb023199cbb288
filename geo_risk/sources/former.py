"""Moving areas of the last bulletin, as an earlier run published them."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio

from geo_risk.sources.options import NO_OPTIONS, ReadOptions
from geo_risk.sources.vectors import read_vector

_AREAS, _CHANGES = "active_deformation", "deformation_changes"
_NEED = ("area_m2", "velocity_mean_mm_yr", "kind")
_MAY = ("velocity_std_mm_yr?", "velocity_track?", "activity?")


def read_former(
    path: Path, *, crs: str, where: str, options: ReadOptions = NO_OPTIONS
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame | None, list[dict[str, str]]]:
    """Read the areas of a former bulletin and those that it lists as gone.

    Parameters
    ----------
    path : geo_risk.gpkg of an earlier run, or any file with the polygons of `active_deformation`.
    crs : CRS of the run, metres.
    where : config field to name in errors.
    options : layer, crs and encoding; without a layer, `active_deformation` where the file has it.

    Returns
    -------
    (areas, gone, quarantine). gone: rows of the layer `deformation_changes` that are gone or not seen, with columns as
    areas have; None where there is no such layer.

    Raises
    ------
    SchemaError : a column is missing, or ids repeat. CrsError, DataError : as `read_vector`.
    """
    layers = _layers(path)
    options = former_options(path, options)
    read = read_vector(path, crs=crs, where=where, id_column="area_id", columns=(*_NEED, *_MAY), geometry="Polygon",
                       options=options)  # fmt: skip
    gone = None
    if _CHANGES in layers:
        columns = ("change", "kind", "area_before_m2", "velocity_before_mm_yr")
        changes = read_vector(path, crs=crs, where=where, id_column="area_id", columns=columns, geometry="Polygon",
                              options=options.model_copy(update={"layer": _CHANGES})).frame  # fmt: skip
        named = {"area_before_m2": "area_m2", "velocity_before_mm_yr": "velocity_mean_mm_yr"}
        chosen = changes[changes["change"].isin(["gone", "not_seen", "merged"])]
        gone = chosen[["area_id", "kind", *named, "geometry"]].rename(columns=named)
        gone["was"] = chosen["change"].astype("string")
    return _numbers(read.frame), None if gone is None else _numbers(gone), read.quarantine


def former_options(path: Path, options: ReadOptions) -> ReadOptions:
    """Return the options with the layer `active_deformation` where none is named and the file has it."""
    if options.layer is None and _AREAS in _layers(path):
        return options.model_copy(update={"layer": _AREAS})
    return options


def _layers(path: Path) -> set[str]:
    try:
        return {str(name) for name, _ in pyogrio.list_layers(path)}
    except pyogrio.errors.DataSourceError:
        return set()


def _numbers(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    found = [c for c in ("area_m2", "velocity_mean_mm_yr", "velocity_std_mm_yr") if c in frame]
    return frame.assign(**{c: pd.to_numeric(frame[c], errors="coerce") for c in found})
