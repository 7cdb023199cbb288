"""Shaking of an earthquake: the grid of a USGS ShakeMap (grid.xml), or a raster of peak ground velocity.

The XML is read as a stream by a parser that refuses every document type and entity, so that none can be expanded or
fetched; what it holds beyond its own grid specification stops it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.warp import transform_bounds

from geo_risk.core.errors import AmbiguousError, CorruptFileError, DataError, OverlapError, UnitError
from geo_risk.core.grid import CHUNK, Grid
from geo_risk.core.units import factor
from geo_risk.kernels.resample import sample_bilinear
from geo_risk.sources.files import checked_file
from geo_risk.sources.options import LIMITS, NO_OPTIONS, ReadLimits, ReadOptions
from geo_risk.sources.shakemap_xml import parse_grid

PGV_BOUNDS_CM_S = (0.0, 1000.0)
"""Possible peak ground velocities: the largest recorded are below 500 cm/s, with room for a model's."""

_UNITS = {"cms": "cm/s", "c/s": "cm/s", "cm/s": "cm/s", "cm/sec": "cm/s"}
_FACTOR_OFF = 4.0
_MIN_CELLS = 10


@dataclass(frozen=True)
class ShakeMap:
    """Shaking on a grid in longitude and latitude.

    Attributes
    ----------
    event : id, magnitude, time, description of the earthquake, as the file says it.
    lon, lat : centres, rising [degree].
    pgv_cm_s : (lat, lon) float64 [cm/s], NaN where missing or impossible.
    n_masked : impossible values of PGV.
    evidence : what showed the unit of PGV, in English and Chinese.
    """

    event: Mapping[str, str]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    pgv_cm_s: NDArray[np.float64]
    n_masked: int
    evidence: tuple[str, str]


def read_shakemap(
    path: Path, *, where: str, options: ReadOptions = NO_OPTIONS, limits: ReadLimits = LIMITS
) -> ShakeMap:  # fmt: skip
    """Read grid.xml of a ShakeMap.

    Raises
    ------
    RefusedFileError : no ShakeMap grid, or a document type or entity in it. CorruptFileError : cut off, malformed, or
        not the grid it specifies. LimitError : more values than `limits` allow. UnitError, AmbiguousError : the unit of
        PGV is unknown, or the intensities beside it contradict it. DataError : too many impossible values.
    """
    checked_file(path, where=where, kinds=("XML",))
    place = f"{where}: {path}"
    found = parse_grid(path, place=place, max_values=limits.max_pixels)
    fields = {name: i for i, name in enumerate(found.names)}
    for needed in ("LON", "LAT", "PGV"):
        if needed not in fields:
            what = f"the grid has the fields {', '.join(found.names)}; {needed} is needed"
            raise DataError(what, where=place, fix="give the grid.xml of the ShakeMap, not its uncertainty.xml")
    values = found.values[:, [fields[n] for n in ("LON", "LAT", "PGV")]]
    lon, lat, order = _lattice(values[:, 0], values[:, 1], found.shape, place=place)

    def plane(name: str) -> NDArray[np.float64]:
        out: NDArray[np.float64] = found.values[:, fields[name]][order].reshape(len(lat), len(lon))
        return out

    raw = plane("PGV")
    mmi = plane("MMI") if "MMI" in fields else None
    scale, evidence = _pgv_unit(found.units[fields["PGV"]], raw, mmi, options=options, place=place)
    pgv = raw * scale
    bad = ~np.isnan(pgv) & ~((pgv >= PGV_BOUNDS_CM_S[0]) & (pgv <= PGV_BOUNDS_CM_S[1]))
    if not bad.mean() <= limits.max_masked_share:
        what = f"{int(bad.sum())} of {bad.size} values of PGV lie outside {PGV_BOUNDS_CM_S} cm/s, "
        what += f"from {np.nanmin(pgv):g} to {np.nanmax(pgv):g}"
        raise DataError(what, where=place, fix="check the unit, or download the ShakeMap again")
    return ShakeMap(found.event, lon, lat, np.where(bad, np.nan, pgv), int(bad.sum()), evidence)


def _lattice(
    lon: NDArray[np.float64], lat: NDArray[np.float64], shape: tuple[int, int], *, place: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return rising centres, and the order that sorts the rows of the file by latitude, then longitude."""
    n_lat, n_lon = shape
    fix = "download the grid.xml again"
    if not (np.abs(lat) <= 90).all():
        what = f"latitudes run from {lat.min():g} to {lat.max():g}"
        raise DataError(what, where=place, fix="LON and LAT may be swapped: " + fix)
    if not (np.abs(lon) <= 180).all() or not n_lon >= 2 or not n_lat >= 2:
        what = (
            f"longitudes run from {lon.min():g} to {lon.max():g} in {n_lon} columns and {n_lat} rows; -180 to 180 and "
        )
        what += "at least 2 x 2 needed"
        raise DataError(what, where=place, fix="split a ShakeMap that crosses the antimeridian into two areas")
    # coordinates are printed to four decimals or so: rows that belong together are told by rounding at that
    order = np.lexsort((lon, np.round(lat, 4)))
    columns, rows = lon[order].reshape(n_lat, n_lon), lat[order].reshape(n_lat, n_lon)
    x, y = columns.mean(axis=0), rows.mean(axis=1)
    step = min(float(np.diff(x).min()), float(np.diff(y).min()))
    off = max(float(np.abs(columns - x).max()), float(np.abs(rows - y[:, None]).max()))
    if not (step > 0 and off <= 0.1 * step):
        what = "the positions of the grid are no lattice of rows and columns"
        raise CorruptFileError(what, where=place, fix=fix)
    return x, y, order


def _pgv_unit(
    stated: str, pgv: NDArray[np.float64], mmi: NDArray[np.float64] | None, *, options: ReadOptions, place: str
) -> tuple[float, tuple[str, str]]:
    """Return the factor to cm/s, and what it rests on: the unit, and the intensities beside it.

    Intensity and velocity go together by Wald et al. (1999), Earthquake Spectra 15(3): MMI = 3.47 log10 PGV + 2.35 from
    V on; a unit that is wrong by 10 or 100 stands out from the scatter, which is below a factor of 4 in the median.
    """
    unit = options.units or stated.strip()
    unit = _UNITS.get(unit.lower(), unit)
    off = _off_intensity(pgv, mmi)
    fits = off is not None and abs(np.log10(off)) <= np.log10(_FACTOR_OFF)
    if not unit:
        if off is None:
            what = "PGV has no unit, and there are no intensities (MMI of V and more) that would show it"
            raise UnitError(what, where=place, fix="add `units: cm/s` to this source, or the unit it really has")
        if not fits:
            what = f"PGV has no unit, and as cm/s it would be {off:.3g} times what the intensities beside it stand for"
            raise AmbiguousError(what, where=place, fix="add `units:` with the unit it really has, such as m/s")
        return 1.0, (
            f"PGV has no unit in the file; as cm/s it is {off:.2f} times what its intensities stand for: taken as "
            f"cm/s.",
            f"文件未注明 PGV 单位；按厘米/秒计，为其烈度对应值的 {off:.2f} 倍：按厘米/秒采用。",
        )
    scale = factor(unit, "cm/s", where=place)
    off = _off_intensity(pgv * scale, mmi)
    if off is not None and abs(np.log10(off)) > np.log10(_FACTOR_OFF):
        what = f"PGV is said to be in {unit}, but is then {off:.3g} times what the intensities beside it stand for"
        raise AmbiguousError(what, where=place, fix="check the unit of PGV, and say it with `units:`")
    said = "" if off is None else f", {off:.2f} times what its intensities stand for"
    zh = "" if off is None else f"，为其烈度对应值的 {off:.2f} 倍"
    return scale, (f"PGV is in {unit}{said}.", f"PGV 单位为 {unit}{zh}。")


def _off_intensity(pgv_cm_s: NDArray[np.float64], mmi: NDArray[np.float64] | None) -> float | None:
    """Return the median of PGV over what MMI stands for, None where too few cells of V to IX tell."""
    if mmi is None:
        return None
    use = (mmi >= 5) & (mmi <= 9) & (pgv_cm_s > 0)
    if int(use.sum()) < _MIN_CELLS:
        return None
    return float(np.median(pgv_cm_s[use] / 10 ** ((mmi[use] - 2.35) / 3.47)))


def on_grid(shaking: ShakeMap, grid: Grid) -> xr.DataArray:
    """Return PGV on the run grid, bilinear in longitude and latitude between the centres of the ShakeMap.

    Returns
    -------
    (y, x) float32 [cm/s], lazy by blocks; NaN beyond the outermost centres and where one of the four about a cell is
    missing: nothing is extended.

    Raises
    ------
    OverlapError : no cell of the run grid lies on the ShakeMap.
    """
    west, south, east, north = transform_bounds(grid.geobox.crs.to_wkt(), "EPSG:4326", *grid.bounds, densify_pts=21)
    lon, lat = shaking.lon, shaking.lat
    if not (west < lon[-1] and lon[0] < east and south < lat[-1] and lat[0] < north):
        what = f"the ShakeMap covers {lon[0]:.3f} to {lon[-1]:.3f} E, {lat[0]:.3f} to {lat[-1]:.3f} N; the area "
        what += f"{west:.3f} to {east:.3f} E, {south:.3f} to {north:.3f} N: no overlap"
        raise OverlapError(what, where="inputs.shakemap", fix="give the ShakeMap of an earthquake near the area")
    transformer = Transformer.from_crs(grid.geobox.crs.to_wkt(), "EPSG:4326", always_xy=True)
    centres, pgv = grid.coords(), shaking.pgv_cm_s.astype(np.float32)
    chunks = da.core.normalize_chunks((CHUNK, CHUNK), shape=grid.shape, dtype=np.float32)

    def block(block_info: Any = None) -> NDArray[np.float32]:
        (r0, r1), (c0, c1) = block_info[None]["array-location"]
        x, y = np.meshgrid(centres["x"][c0:c1], centres["y"][r0:r1])
        at = _positions(transformer.transform(x, y), lon, lat)
        out: NDArray[np.float32] = sample_bilinear(pgv, *at)
        return out

    data = da.map_blocks(block, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0), np.float32))
    return grid.layer(data, units="cm/s", long_name="peak ground velocity", name="pgv")


def _positions(
    at: tuple[NDArray[np.float64], NDArray[np.float64]], lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return fractional rows and columns of points; NaN outside."""
    n_lon, n_lat = np.arange(len(lon)), np.arange(len(lat))
    column = np.interp(at[0], lon, n_lon, left=np.nan, right=np.nan)
    return np.interp(at[1], lat, n_lat, left=np.nan, right=np.nan), column


def plain_event(event: Mapping[str, Any]) -> str:
    """Return the earthquake in a few words: description, magnitude, time."""
    words = [event.get("event_description", ""), f"M {event['magnitude']}" if event.get("magnitude") else "",
             event.get("event_timestamp", "")]  # fmt: skip
    return ", ".join(w for w in words if w) or event.get("event_id", "?")
