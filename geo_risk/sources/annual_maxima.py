"""Annual maxima of rain: a table of gauges, or a NetCDF with one field a year."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pandas as pd
import pyproj
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import CrsError, SchemaError, TimeError, UnitError
from geo_risk.core.units import factor
from geo_risk.sources.files import sniff
from geo_risk.sources.gauges import MISSING_MARKS, numbers_of
from geo_risk.sources.options import NO_RAIN_OPTIONS, RainOptions
from geo_risk.sources.rain_cf import rain_names
from geo_risk.sources.rain_netcdf import open_raw, variable
from geo_risk.sources.rain_opened import Area
from geo_risk.sources.vector_files import read_text_table

COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("station_id", "gauge_id", "station", "id", "站号", "测站编码", "站名"),
    "x": ("lon", "longitude", "x", "经度", "东经"),
    "y": ("lat", "latitude", "y", "纬度", "北纬"),
    "year": ("year", "年份", "年"),
    "rain": ("maximum_mm", "max_mm", "rain_mm", "最大雨量(mm)", "最大雨量", "年最大雨量(mm)", "雨量(mm)"),
}
"""Names of columns, case and full-width signs aside; the unit of the last is in its name or in the configuration."""


@dataclass(frozen=True)
class AnnualMaxima:
    """Annual maxima of one duration.

    Attributes
    ----------
    values : (year, place) [mm], NaN unknown; or None for a grid.
    ids, x, y, crs : of the places (gauges).
    cube : (time, y, x) float32 [mm], lazy, coordinate `spatial_ref`; or None for gauges.
    years : the years. quarantine : rows set aside. n_masked : values of a grid that cannot be and were masked.
    """

    years: NDArray[np.int64]
    values: NDArray[np.float64] | None = None
    ids: tuple[str, ...] = ()
    x: NDArray[np.float64] | None = None
    y: NDArray[np.float64] | None = None
    crs: str = ""
    cube: xr.DataArray | None = None
    quarantine: tuple[dict[str, str], ...] = ()
    n_masked: int = 0


def read_annual_maxima(
    path: Path, options: RainOptions = NO_RAIN_OPTIONS, *, limit_mm: float, area: Area | None = None
) -> AnnualMaxima:
    """Read annual maxima of rain.

    Parameters
    ----------
    path : CSV with columns of COLUMNS, or NetCDF (time, y, x) with one field a year.
    options : units, crs and nodata where the file does not say them.
    limit_mm : an amount above it is impossible, as is 0 or less: maxima are of an hour or more, and no year is without
        rain that long (a gauge that stood still writes zeros).
    area : where they are wanted; cells further off are not read.

    Raises
    ------
    SchemaError : a column is missing. UnitError : no unit. TimeError : years occur twice, or cannot be read.
    CrsError : x and y are in a CRS that nothing names.
    """
    if sniff(path) in ("HDF5", "NetCDF3"):
        return _grid(path, options, limit_mm=limit_mm, area=area)
    return _table(path, options, limit_mm=limit_mm)


def _grid(path: Path, options: RainOptions, *, limit_mm: float, area: Area | None) -> AnnualMaxima:
    dataset = open_raw(path)
    names = rain_names(dataset)
    if len(names) != 1:
        what = f"{path.name} has {len(names)} variables that look like rain over time, y and x; one is needed"
        raise SchemaError(what, where=str(path), fix="keep one variable such as rain, with units mm")
    found = variable(path, dataset, names[0], area=area, crs=options.crs)
    unit = options.units or found.attrs.get("units")
    if not unit:
        what = f"variable {names[0]} of {path.name} has no units"
        raise UnitError(what, where=str(path), fix="give `units: mm` for this input")
    scale = np.float32(factor(str(unit), "mm", where=str(path)))
    years = _years(found.time, where=str(path))
    data = da.asarray(found.values.data).astype(np.float32) * scale
    for mark in _marks(options):
        data = da.where(data == np.float32(mark) * scale, np.float32(np.nan), data)
    good = (data > 0) & (data <= limit_mm)
    n_masked = int((~(good | da.isnan(data))).sum().compute())
    data = da.where(good, data, np.float32(np.nan))
    coords = {"time": years, **found.place.coords()}
    cube = xr.DataArray(data, dims=("time", "y", "x"), coords=coords, name="maximum", attrs={"units": "mm"})
    return AnnualMaxima(years, cube=cube, n_masked=n_masked)


def _marks(options: RainOptions) -> list[float]:
    """Return the values that mean missing."""
    return sorted(MISSING_MARKS if options.nodata is None else {*MISSING_MARKS, options.nodata})


def _years(time: xr.DataArray, *, where: str) -> NDArray[np.int64]:
    raw = np.asarray(time.to_numpy(), dtype=np.float64)
    units = str(time.attrs.get("units", ""))
    if " since " in units:
        decoded = xr.decode_cf(time.to_dataset(name="t").rename({"t": "stamp"}) if time.name == "t" else
                               xr.Dataset({"stamp": (time.dims, raw, dict(time.attrs))}))["stamp"]  # fmt: skip
        years = decoded.dt.year.to_numpy().astype(np.int64)
    else:
        years = np.round(raw).astype(np.int64)
    if len(set(years.tolist())) != len(years) or not ((years >= 1800) & (years <= 2200)).all():
        what = f"times stand for the years {years[:5].tolist()}; each year is needed once"
        raise TimeError(what, where=f"{where}, time", fix="give one field a year, with its year or a CF time")
    return years


def _table(path: Path, options: RainOptions, *, limit_mm: float) -> AnnualMaxima:
    where = f"inputs.rainfall.annual_maxima: {path}"
    table, _ = read_text_table(path, where=where, encoding=options.encoding)
    plain = {unicodedata.normalize("NFKC", str(c)).strip().lower(): str(c) for c in table.columns}
    found = {kind: next((plain[n] for n in names if n in plain), "") for kind, names in COLUMNS.items()}
    lacking = [k for k, v in found.items() if not v]
    if lacking:
        what = f"no column for {', '.join(lacking)} among {list(map(str, table.columns))[:15]}"
        raise SchemaError(what, where=where, fix="name them station_id, lon, lat, year, maximum_mm")
    unit = options.units or ("mm" if "mm" in found["rain"].lower() else None)
    if unit is None:
        what = f"the column {found['rain']!r} does not name its unit"
        raise UnitError(what, where=where, fix="give `units: mm` for this input, or name the column maximum_mm")
    degrees = unicodedata.normalize("NFKC", found["x"]).lower() in ("lon", "longitude", "经度", "东经")
    crs = options.crs or ("EPSG:4326" if degrees else "")
    if not crs:
        what = f"columns {found['x']!r} and {found['y']!r} are in a CRS that nothing names"
        raise CrsError(what, where=where, fix="give `crs: EPSG:nnnn` for this input, or columns lon and lat")
    rows = pd.DataFrame({k: numbers_of(table[found[k]])[0] for k in ("x", "y", "year", "rain")})
    rows["id"] = table[found["id"]].fillna("").astype(str).str.strip().to_numpy()
    rows["rain"] = rows["rain"].where(~rows["rain"].isin(_marks(options))) * factor(unit, "mm", where=where)
    good, aside = _sane(rows, limit_mm)
    wide = good.pivot(index="year", columns="id", values="rain").sort_index()
    places = good.groupby("id")[["x", "y"]].first().loc[wide.columns]
    return AnnualMaxima(
        wide.index.to_numpy().astype(np.int64), wide.to_numpy(np.float64), tuple(map(str, wide.columns)),
        places["x"].to_numpy(np.float64), places["y"].to_numpy(np.float64), crs, None, tuple(aside),
    )  # fmt: skip


def _sane(rows: pd.DataFrame, limit_mm: float) -> tuple[pd.DataFrame, list[dict[str, str]]]:
    """Set aside rows that cannot be right, each with its reason; of a year given twice none is kept."""
    aside: list[dict[str, str]] = []
    checks = (
        (rows["id"] == "", "no gauge id", "无站号"),
        (rows[["x", "y"]].isna().any(axis=1), "no coordinates", "坐标缺失"),
        (~rows["year"].between(1800, 2200), "the year cannot be read", "年份无法识别"),
        (
            ~(rows["rain"].between(0, limit_mm) & (rows["rain"] > 0)),
            "the maximum is missing, zero, negative or impossible",
            "最大雨量缺失、为零、为负或过大",
        ),
        (rows.duplicated(["id", "year"], keep=False), "gauge and year occur twice", "同站同年重复"),
    )
    bad = pd.Series(False, index=rows.index)
    for found, en, zh in checks:
        for i in rows.index[found & ~bad]:
            name = f"{rows['id'][i]!s} {rows['year'][i]:g}"
            aside.append({"id": name, "reason": f"row {int(i) + 2}: {en}", "reason_zh": f"第 {int(i) + 2} 行：{zh}"})
        bad |= found
    return rows[~bad], aside


def nearest_gauges(
    maxima: AnnualMaxima, x: NDArray[Any], y: NDArray[Any], *, crs: str, reach_m: float
) -> NDArray[np.int64]:
    """Return the index of the gauge nearest to each point of a metric CRS; -1 where none is within reach."""
    from scipy.spatial import cKDTree

    change = pyproj.Transformer.from_crs(maxima.crs, crs, always_xy=True)
    at = np.column_stack([np.asarray(v, dtype=np.float64) for v in change.transform(maxima.x, maxima.y)])
    distance, index = cKDTree(at).query(np.column_stack([x, y]), distance_upper_bound=reach_m)
    return np.where(np.isfinite(distance), index, -1).astype(np.int64)
