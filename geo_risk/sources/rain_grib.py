"""Rain in GRIB 1 and 2: intervals from the messages' own octets, values through GDAL; CMPAS by an own mapping."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.windows import Window

from geo_risk.core.errors import AmbiguousError, CorruptFileError, GridError, TimeError
from geo_risk.sources.files import sniff
from geo_risk.sources.grib_index import Message, messages
from geo_risk.sources.options import RainOptions
from geo_risk.sources.rain_clock import BEIJING, to_utc, zone_of
from geo_risk.sources.rain_ecmwf import ERA5_SAID, LAND_SAID, day_start
from geo_risk.sources.rain_netcdf import BLOCK_CELLS, DEGREES
from geo_risk.sources.rain_opened import Area, Opened, Place, Said, crs_is_degrees, lazy_cube, placed, series

FILL = 9999.0
ECMWF, BEIJING_CENTRE = 98, 38
CMPAS_STEP_DEG = 0.01
MOISTURE = (0, 1)
"""Discipline and category of precipitation in edition 2."""

MAX_SIDE = 100_000
"""Cells along a side of a grid above which a header is taken for damaged: 0.0036 degrees around the globe."""

_HOUR = np.timedelta64(1, "h")
_CMPAS_NAME = re.compile(r"_CMPA_.*PRE-(\d{10})", re.IGNORECASE)

AMOUNTS_MM: dict[tuple[int, ...], float] = {
    (0, 1, 8): 1.0, (0, 1, 49): 1.0,  # edition 2: total precipitation, total water precipitation [kg m-2]
    (2, 61): 1.0, (3, 61): 1.0, (1, 61): 1.0,  # edition 1, WMO tables 1-3: total precipitation [kg m-2]
}  # fmt: skip
"""Factor to mm of parameters that are total precipitation, whatever the centre."""

ECMWF_MM = {(128, 228): 1000.0, (228, 228): 1.0, (0, 1, 193): 1000.0}
"""The same for ECMWF's own: tp [m] in its table 128 and as edition 2's local number 193, tp [kg m-2] in table 228.
Another centre's 193 is freezing rain; were the unit of one wrong, the limits would stop it."""

RATES_MM_H: dict[tuple[int, ...], float] = {
    (0, 1, 7): 3600.0, (0, 1, 52): 3600.0, (2, 59): 3600.0, (3, 59): 3600.0, (1, 59): 3600.0,
}  # fmt: skip
"""Factor to mm/h of precipitation rates [kg m-2 s-1]; usable where they are means over an interval."""


@dataclass(frozen=True)
class _Field:
    path: Path
    band: int
    message: Message


def is_grib(paths: Sequence[Path]) -> bool:
    """Return whether files are GRIB."""
    return sniff(paths[0]) == "GRIB"


def is_cmpas(paths: Sequence[Path]) -> bool:
    """Return whether files are the 1 km merged rain of CMA: centre Beijing, 0.01 degrees, own parameter or name.

    Model output of the same centre has known parameters and other names, and its times are UTC.
    """
    if not is_grib(paths):
        return False
    first = messages(paths[0])[0]
    if first.centre != BEIJING_CENTRE or first.edition != 2 or abs(first.step_deg - CMPAS_STEP_DEG) > 1e-6:
        return False
    is_own = first.parameter[:2] == MOISTURE and first.parameter not in {*AMOUNTS_MM, *RATES_MM_H}
    return bool(_CMPAS_NAME.search(paths[0].name)) or is_own


def open_cmpas(paths: Sequence[Path], *, options: RainOptions, area: Area | None) -> Opened:
    """Open CMPAS: kg m-2 of the hour that ends at the stamp, which is Beijing time; 9999 is missing.

    Raises
    ------
    AmbiguousError : messages of several parameters. TimeError : the time in a name is not the one in its message.
    GridError, OverlapError, CorruptFileError : as they say.
    """
    fields = [f for p in paths for f in _fields(p)]
    zone = BEIJING if options.time_zone is None else zone_of(options.time_zone, where=str(paths[0]))
    for field in fields:
        _check_name(field)
        if field.message.parameter != fields[0].message.parameter:
            _refuse(field, len(fields), f"is another quantity than {fields[0].message.parameter} in {paths[0].name}")
    end = to_utc(np.array([f.message.end for f in fields], dtype="datetime64[ns]"), zone)
    data, place, place_said = _cube(fields, np.ones(len(fields)), area=area)
    begin = to_utc(np.array([f.message.start for f in fields], dtype="datetime64[ns]"), zone)
    rain = series(data, start=np.where(np.isnat(begin), end - _HOUR, begin), end=end, place=place, units="mm")
    known = "Beijing time (UTC+8)" if options.time_zone is None else options.time_zone
    said = Said(
        f"Unit kg m-2 = mm of the hour that ends at the stamp, {known}, as CMA's 1 km merged rain (CMPAS) has it; "
        f"parameter {fields[0].message.parameter} is mapped here; missing 9999.",
        f"单位 kg m-2，即毫米；所标时刻（{'北京时' if options.time_zone is None else known}）之前一小时雨量"
        "（CMPAS 1 km 融合分析规定）；缺测 9999。",
    )
    return Opened(
        rain, (said, place_said), frozenset({"units", "kind"}), "preliminary" if _is_live(paths) else "unstated"
    )


def reference_times(path: Path) -> list[np.datetime64]:
    """Return the reference times (UTC) of the fields that lie after theirs, which makes them forecasts.

    Raises
    ------
    CorruptFileError, LimitError : as `messages`.
    """
    return sorted({m.reference for m in messages(path) if m.end > m.reference})


def _is_live(paths: Sequence[Path]) -> bool:
    return any("_RT_" in p.name.upper() for p in paths)


def _check_name(field: _Field) -> None:
    match = _CMPAS_NAME.search(field.path.name)
    if match is None:
        return
    text = match.group(1)
    named = np.datetime64(f"{text[:4]}-{text[4:6]}-{text[6:8]}T{text[8:10]}:00:00", "s")
    if named != field.message.end:
        what = f"{field.path.name}: the name says {named}, the message {field.message.end}"
        fix = "give the file under the name it was published with; name and message must hold one time"
        raise TimeError(what, where=str(field.path), fix=fix)


def open_grib(paths: Sequence[Path], *, options: RainOptions, area: Area | None) -> Opened:
    """Open total precipitation of GRIB files, lazily; running totals keep their common start.

    Raises
    ------
    AmbiguousError : messages that are no rain, rates at a point in time, totals whose start the octets leave open.
    CorruptFileError, GridError, OverlapError, TimeError : as they say.
    """
    fields = [f for p in paths for f in _fields(p)]
    units, scales = _scales(fields)
    start, said = _starts(fields, options)
    end = np.array([f.message.end for f in fields], dtype="datetime64[ns]")
    data, place, place_said = _cube(fields, scales, area=area)
    rain = series(data, start=start, end=end, place=place, units=units)
    first = fields[0].message
    unit_said = Said(
        f"Unit {'mm' if units == 'mm' else 'mm/h'} from parameter {first.parameter} of centre {first.centre}, GRIB "
        f"{first.edition}; times are UTC, as GRIB lays down.",
        f"单位由参数 {first.parameter}（中心 {first.centre}，GRIB {first.edition}）确定，换算为 {units}；"
        "时间为 UTC（GRIB 规定）。",
    )
    # the octets state the interval; where only the product's documents do, the values must agree
    settled = {"units", "kind"} if said is STATED else {"units"}
    return Opened(rain, (unit_said, said, place_said), frozenset(settled), "unstated")


STATED = Said("Interval: start and end of the statistic stand in each message.", "时段：每条消息均注明统计起止时刻。")


def _fields(path: Path) -> list[_Field]:
    found = messages(path)
    try:
        with rasterio.open(path, driver="GRIB") as source:
            count = source.count
    except rasterio.errors.RasterioIOError as error:
        what = f"{path.name} does not open as GRIB: {error}"
        raise CorruptFileError(what, where=str(path), fix="copy the file again") from error
    if count != len(found):
        what = f"{path.name} holds {len(found)} fields and decodes as {count}"
        raise CorruptFileError(what, where=str(path), fix="copy the file again")
    return [_Field(path, band, message) for band, message in enumerate(found, 1)]


def _scales(fields: Sequence[_Field]) -> tuple[str, NDArray[np.float64]]:
    """Return the unit all fields are brought to, and the factor of each."""
    scales, units = [], set()
    for field in fields:
        parameter, centre = field.message.parameter, field.message.centre
        known = AMOUNTS_MM | (ECMWF_MM if centre == ECMWF else {})
        if parameter in known and field.message.statistic != "average":
            scales.append(known[parameter])
            units.add("mm")
        elif (parameter in known or parameter in RATES_MM_H) and field.message.statistic == "average":
            # an average of total precipitation in kg m-2 over an interval is not defined; only rates have means
            if parameter not in RATES_MM_H:
                _refuse(field, len(fields), "is an average of an amount")
            scales.append(RATES_MM_H[parameter])
            units.add("mm/h")
        elif parameter in RATES_MM_H and field.message.statistic == "accumulation":
            # WMO's way of writing total precipitation: a rate, summed over its interval, in kg m-2
            scales.append(1.0)
            units.add("mm")
        elif parameter in RATES_MM_H:
            _refuse(field, len(fields), "is a rate at a point in time")
        else:
            _refuse(field, len(fields), "is no total precipitation that is known")
    if len(units) != 1:
        what = f"{fields[0].path.name} mixes amounts and rates"
        raise AmbiguousError(what, where=str(fields[0].path), fix="extract the messages of one of them")
    return units.pop(), np.array(scales)


def _refuse(field: _Field, count: int, why: str) -> None:
    message = field.message
    which = f"message {field.band} of {count} (parameter {message.parameter}, centre {message.centre})"
    what = f"{field.path.name}: {which} {why}"
    raise AmbiguousError(what, where=str(field.path), fix="extract the messages of accumulated total precipitation")


def _starts(fields: Sequence[_Field], options: RainOptions) -> tuple[NDArray[Any], Said]:
    """Return the start of each field's interval, and how it is known."""
    start = np.array([f.message.start for f in fields], dtype="datetime64[ns]")
    if not np.isnat(start).any():
        return start, STATED
    end, reference = (np.array([getattr(f.message, k) for f in fields], "datetime64[ns]") for k in ("end", "reference"))
    if options.kind == "running":
        return reference, Said("Interval: running totals from the reference time, by the configuration.",
                               "时段：自起报时刻累计（配置给定）。")  # fmt: skip
    if options.kind == "amount" and options.interval_h is not None:
        return end - np.timedelta64(round(options.interval_h * 3600), "s"), Said(
            f"Interval: the {options.interval_h:g} h before the valid time, by the configuration.",
            f"时段：有效时刻之前 {options.interval_h:g} 小时（配置给定）。")  # fmt: skip
    if all(f.message.centre == ECMWF for f in fields):
        hours = {int(h) for h in (reference - reference.astype("datetime64[D]")) / _HOUR}
        steps = (end - reference) / _HOUR
        if hours <= {6, 18} and ((steps >= 1) & (steps <= 18)).all() and _are_hourly(end):
            return end - _HOUR, ERA5_SAID
        if hours == {0} and ((steps >= 1) & (steps <= 24)).all() and _are_hourly(end):
            return day_start(end), LAND_SAID
    what = f"{fields[0].path.name}: the messages give a valid time and not the interval that rain was summed over"
    fix = "give `kind: running` (totals since the reference time), or `kind: amount` with `interval_h`, for this source"
    raise AmbiguousError(what, where=str(fields[0].path), fix=fix)


def _are_hourly(ends: NDArray[Any]) -> bool:
    steps = np.diff(np.unique(ends))
    return bool(steps.size) and bool(steps.min() == _HOUR)


def _cube(fields: Sequence[_Field], scales: NDArray[np.float64], *, area: Area | None) -> tuple[Any, Place, Said]:
    first = fields[0]
    for field in fields[1:]:
        if field.message.grid != first.message.grid:
            what = f"message {field.band} of {field.path.name} lies on another grid than message 1 of {first.path.name}"
            raise GridError(what, where=str(field.path), fix="extract the messages of one grid")
    with rasterio.open(first.path, driver="GRIB") as source:
        if source.crs is None or source.transform.b or source.transform.d or source.transform.e > 0:
            what = f"{first.path.name} lies on a grid that is rotated or has no known projection"
            raise GridError(what, where=str(first.path), fix="resample the file to a latitude-longitude grid")
        if not (0 < source.height <= MAX_SIDE and 0 < source.width <= MAX_SIDE):
            what = f"{first.path.name} has a grid of {source.height} x {source.width} cells"
            raise CorruptFileError(what, where=str(first.path), fix="copy the file again")
        box = GeoBox((source.height, source.width), source.transform, source.crs.to_wkt())
    t = box.transform
    crs = box.crs.to_wkt()
    is_lon_lat = crs_is_degrees(crs)
    if is_lon_lat and not np.isfinite(first.message.step_deg):
        what = f"{first.path.name} lies on a Gaussian or rotated grid, whose rows are not evenly spaced"
        raise GridError(what, where=str(first.path), fix="resample the file to a latitude-longitude grid")
    x, y = t.c + t.a * (np.arange(box.shape[1]) + 0.5), t.f + t.e * (np.arange(box.shape[0]) + 0.5)
    place = placed(x, y, crs="EPSG:4326" if is_lon_lat else crs, area=area, where=str(first.path))

    def read(t0: int, t1: int) -> NDArray[np.float32]:
        return _read(fields[t0:t1], place, scales[t0:t1])

    data = lazy_cube(read, times=_blocks(fields, place), place=place, where=str(first.path))
    said = DEGREES if is_lon_lat else Said("CRS: the projection in the message.", "坐标系：消息内的投影。")
    return data, place, said


def _blocks(fields: Sequence[_Field], place: Place) -> tuple[int, ...]:
    """Return how many fields are read at once: of one file, for opening it means listing all of its messages."""
    most = max(1, BLOCK_CELLS // (place.shape[0] * place.shape[1]))
    out: list[int] = []
    last: Path | None = None
    for field in fields:
        if field.path == last and out[-1] < most:
            out[-1] += 1
        else:
            out.append(1)
        last = field.path
    return tuple(out)


def _read(fields: Sequence[_Field], place: Place, scales: NDArray[np.float64]) -> NDArray[np.float32]:
    window = Window(place.columns.start, place.rows.start, place.shape[1], place.shape[0])
    out = np.empty((len(fields), *place.shape), np.float32)
    path = fields[0].path
    try:
        with rasterio.open(path, driver="GRIB") as source:
            for k, (field, scale) in enumerate(zip(fields, scales, strict=True)):
                raw = source.read(field.band, window=window)
                gone = np.isnan(raw) | np.isclose(raw, FILL, rtol=1e-6)
                nodata = source.nodatavals[field.band - 1]
                if nodata is not None and np.isfinite(nodata):
                    gone |= raw == nodata
                out[k] = np.where(gone, np.nan, raw * scale)
    except rasterio.errors.RasterioIOError as error:
        what = f"{path.name}: messages {fields[0].band} to {fields[-1].band} cannot be decoded: {error}"
        raise CorruptFileError(what, where=str(path), fix="copy the file again") from error
    return out
