"""Rain at gauges from CSV: Chinese or English headers, UTF-8 or GB18030, faults set aside with their reasons."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.core.errors import AmbiguousError, SchemaError, TimeError, UnitError
from geo_risk.core.units import factor
from geo_risk.sources.gauge_faults import REASONS, sane
from geo_risk.sources.options import NO_RAIN_OPTIONS, RainOptions
from geo_risk.sources.rain_audit import figures, kind_said, unit_said
from geo_risk.sources.rain_clock import to_utc, zone_of
from geo_risk.sources.rain_opened import Said
from geo_risk.sources.vector_files import read_text_table

COLUMNS: dict[str, tuple[str, ...]] = {
    "id": (*("stationid", "gaugeid", "stationidc", "stationidd", "station", "gauge", "id"),
           *("站号", "区站号", "站点编号", "站码", "测站编码", "测站编号", "测站代码", "雨量站编码"),
           *("站名", "雨量站")),
    "x": ("lon", "longitude", "x", "easting", "经度", "东经"),
    "y": ("lat", "latitude", "y", "northing", "纬度", "北纬"),
    "time": (*("time", "datetime", "date", "obstime", "validtime", "starttime", "endtime", "timestamp"),
             *("时间", "观测时间", "资料时间", "时次", "日期", "日期时间", "监测时间"),
             *("开始时间", "结束时间", "时段初", "时段末")),
    "rain": (*("rain", "rainfall", "precipitation", "precip", "pre", "pre1h", "prcp", "p", "drp"),
             *("降水量", "雨量", "降雨量", "小时降水量", "小时雨量", "1小时降水量", "过去1小时降水量"),
             *("时段降水量", "时段雨量", "逐小时降水")),
}  # fmt: skip
"""Names of columns, without units in brackets, spaces, signs and case."""

_CLOCK = (("year", "年"), ("month", "mon", "月"), ("day", "日"), ("hour", "时", "小时"))
_BRACKET = re.compile(r"[(\[（【]([^)\]）】]*)[)\]）】]")
_UNIT_WORDS = {"毫米": "mm", "厘米": "cm", "米": "m", "01mm": "0.1 mm", "0.1mm": "0.1 mm", "0.1毫米": "0.1 mm"}
_ZONES = ((r"北京时|bjt|beijing|utc\+8|\+08|东八区", "+08:00"), (r"世界时|utc|gmt", "UTC"))
MISSING_MARKS = frozenset({9999.0, 99999.0, 999999.0, 999998.0, 32766.0, -9999.0, -999.0, -99.9, -99999.0})
TRACE_MARKS = frozenset({999990.0, 32700.0})
"""Marks of Chinese station data: no observation, and rain too little to measure (taken as 0)."""
_MISSING_WORDS = frozenset({"", "-", "--", "/", "缺测", "缺", "nan", "null", "none", "na", "m"})
_TRACE_WORDS = frozenset({"微量", "t", "trace"})
_DAY_OR_MONTH = re.compile(r"^\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}\b")
_WITH_ZONE = re.compile(r"(?:Z|:\d{2}(?:\.\d+)?\s?[+-]\d{2}|\d[+-]\d{2}:?\d{2})$")
_THOUSANDS = re.compile(r"-?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?")
_TIME_HEADER = re.compile(
    r"^\d{4}(?P<sign>[-/.年]?)\d{1,2}(?:(?P=sign)|月)\d{1,2}日?(?:[T ]*\d{1,2}(?::?\d{2}){0,2}时?)?$"
)
_END_OF_DAY = re.compile(r"(?<=[ T])24(?=:00(?::00)?$)")


@dataclass(frozen=True)
class Gauges:
    """Rain at gauges on one axis of hours (or other intervals).

    Attributes
    ----------
    ids, x, y : gauges and where they stand, in `crs`.
    times : UTC ends of the intervals, unbroken. rain : (time, gauge) float32 [mm]; NaN unknown.
    interval_h : length of an interval.
    quarantine : what was set aside: {id, time, reason, reason_zh}. counts : of kinds of faults.
    evidence : a sentence each for unit, interval, zone, place.
    """

    ids: tuple[str, ...]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    crs: str
    times: pd.DatetimeIndex
    rain: NDArray[np.float32]
    interval_h: float
    quarantine: list[dict[str, str]]
    counts: dict[str, int]
    evidence: tuple[Said, ...]


def read_gauges(path: Path, options: RainOptions = NO_RAIN_OPTIONS, *, limit_mm_h: float = 500.0) -> Gauges:
    """Read a table of gauges: one row a gauge and interval, or one row a gauge and a column for each time.

    Parameters
    ----------
    path : CSV with columns of COLUMNS (or year, month, day, hour for the time; or times for names of columns).
    options : units, crs, nodata, stamp, time_zone, interval_h, encoding where the headers do not tell them.
    limit_mm_h : an intensity above it is impossible.

    Raises
    ------
    SchemaError : a column is missing. CorruptFileError : neither UTF-8 nor GB18030.
    AmbiguousError : zone or side of the stamp is not told, millimetres may be metres, or amounts running totals; it
        names the key that answers.
    UnitError : no unit.
    TimeError : no time can be read, or times are not evenly spaced.
    """
    where = f"inputs.rainfall.gauges: {path}"
    table, notes = read_text_table(path, where=where, encoding=options.encoding)
    table = _long(table)
    found = _columns(table, where=where)
    scale, name_said = _unit(found["rain"], options, where=where)
    stamps, time_said = _times(table, found, options, where=where)
    ids = table[found["id"]].fillna("").str.strip()
    x, y = (numbers_of(table[found[c]])[0] for c in ("x", "y"))
    crs, crs_said = _crs(found, options, where=where)
    value, words = numbers_of(table[found["rain"]])
    marks = MISSING_MARKS if options.nodata is None else {*MISSING_MARKS, options.nodata}
    value = np.where(np.isin(value, list(marks)), np.nan, value)
    value = np.where(np.isin(value, list(TRACE_MARKS)), 0.0, value) * scale
    rows = pd.DataFrame({"id": ids, "x": x, "y": y, "time": stamps, "mm": value, "word": words})
    length_h, length_said = _interval(rows["time"], found["rain"], options, where=where)
    side, side_said = _side(found, options, where=where)
    if side == "start":
        rows["time"] = rows["time"] + pd.Timedelta(hours=length_h)
    clean, quarantine, counts = sane(rows, limit_mm=limit_mm_h * length_h, is_degrees=crs == "EPSG:4326")
    places, series = _series(clean, length_h, where=where, aside=counts)
    evidence = (name_said, side_said, length_said, time_said, crs_said, *_values_said(series, length_h, options, where),
                *(Said(n + ".", n + "。") for n in notes))  # fmt: skip
    return Gauges(tuple(places.index), places["x"].to_numpy(np.float64), places["y"].to_numpy(np.float64), crs,
                  pd.DatetimeIndex(series.index), series.to_numpy(np.float32), length_h, quarantine, counts,
                  evidence)  # fmt: skip


def _long(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose columns are named by times with one row a gauge and time; others as they are."""
    times = [c for c in table.columns if _TIME_HEADER.match(unicodedata.normalize("NFKC", str(c)).strip())]
    rest = [c for c in table.columns if c not in times]
    if len(times) < 2 or not {"time", "rain"}.isdisjoint(rest):
        return table
    return table.melt(id_vars=rest, value_vars=times, var_name="time", value_name="rain")


def _plain(name: str) -> str:
    text = _BRACKET.sub("", unicodedata.normalize("NFKC", str(name))).lower()
    text = re.sub(r"(_mm|_utc|_bjt|_m)$", "", text.strip())
    return re.sub(r"[\s_\-./:]", "", text)


def _columns(table: pd.DataFrame, *, where: str) -> dict[str, str]:
    plain = {_plain(c): str(c) for c in table.columns}
    found = {}
    for kind, names in COLUMNS.items():
        column = next((plain[n] for n in names if n in plain), None)
        if column is not None:
            found[kind] = column
    if "time" not in found or not {"hour", "时", "小时"}.isdisjoint(plain):
        clock = [next((plain[n] for n in names if n in plain), "") for names in _CLOCK]
        if all(clock):
            found["time"] = "\t".join(clock)
    lacking = [k for k in COLUMNS if k not in found]
    if lacking:
        what = f"no column for {', '.join(lacking)} among {list(map(str, table.columns))[:15]}"
        raise SchemaError(
            what, where=where, fix="name them station_id, lon, lat, time, rain_mm (or 站号, 经度, 纬度, 时间, 降水量)"
        )
    return found


def numbers_of(column: pd.Series[Any]) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Return a column as numbers (thousands commas and full-width digits read), and the texts that are none.

    A comma in a number below a thousand, as in 0,125, is no thousands comma: such a number is a text.
    """
    text = column.fillna("").map(lambda v: unicodedata.normalize("NFKC", v).strip() if not v.isascii() else v.strip())
    lowered = text.str.lower()
    plain = text.where(~text.str.fullmatch(_THOUSANDS), text.str.replace(",", ""))
    value = pd.to_numeric(plain, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    value = np.where(lowered.isin(list(_TRACE_WORDS)).to_numpy(dtype=bool), 0.0, value)
    odd = np.isnan(value) & ~lowered.isin(list(_MISSING_WORDS)).to_numpy(dtype=bool)
    return value, np.where(odd, text.to_numpy(dtype=object), "")


def _unit(name: str, options: RainOptions, *, where: str) -> tuple[float, Said]:
    text = unicodedata.normalize("NFKC", name).lower()
    inside = "".join(_BRACKET.findall(text)).replace(" ", "")
    unit = options.units or _UNIT_WORDS.get(inside) or (inside if inside in ("mm", "cm", "m") else None)
    unit = unit or ("mm" if re.search(r"_mm$", text.strip()) else None)
    if unit is None:
        what = f"the column {name!r} does not name its unit"
        raise UnitError(
            what, where=where, fix="give `units: mm` (or 0.1 mm) for the gauges, or name it in the header: 降水量(mm)"
        )
    by = "the configuration" if options.units else f"the header {name!r}"
    by_zh = "配置给定" if options.units else f"表头“{name}”"
    return factor(unit, "mm", where=where), Said(f"Unit {unit} by {by}.", f"单位 {unit}（{by_zh}）。")


def _times(table: pd.DataFrame, found: dict[str, str], options: RainOptions, *, where: str) -> tuple[Any, Said]:
    """Return UTC stamps (NaT where unreadable; 24:00 is 00:00 of the next day), and how the zone is known."""
    columns = found["time"].split("\t")
    if len(columns) == 4:
        year, month, day, hour = (numbers_of(table[c])[0] for c in columns)
        parts = pd.DataFrame({"year": year, "month": month, "day": day})
        local = pd.to_datetime(parts, errors="coerce") + pd.to_timedelta(np.where(np.isfinite(hour), hour, np.nan), "h")
        offset = False
    else:
        text = _clock_texts(table[columns[0]])
        offset = _state_zones(text, where=where)
        late = text.str.contains(_END_OF_DAY)
        local = pd.to_datetime(
            text.str.replace(_END_OF_DAY, "00", regex=True), errors="coerce", format="mixed", utc=offset
        )
        local = local + pd.to_timedelta(late.astype(int), "D")
    if bool(local.isna().all()):
        what = (
            f"no time in {', '.join(columns)} can be read, such as {table[columns[0]].iloc[0] if len(table) else ''!r}"
        )
        raise TimeError(what, where=where, fix="write times such as 2024-07-20 08:00")
    if offset:
        return local.dt.tz_localize(None).to_numpy(), Said("Zone: in each time.", "时区：每个时间自带。")
    header = unicodedata.normalize("NFKC", " ".join(columns)).lower()
    named = next((zone for pattern, zone in _ZONES if re.search(pattern, header)), None)
    zone = options.time_zone or named
    if zone is None:
        what = f"nothing says in which zone the times of {', '.join(columns)} are"
        raise AmbiguousError(
            what, where=where, fix="give `time_zone: +08:00` (Beijing) or `time_zone: UTC` for the gauges"
        )
    by, by_zh = ("the configuration", "配置给定") if options.time_zone else ("the header", "表头注明")
    return to_utc(pd.DatetimeIndex(local), zone_of(zone, where=where)), Said(
        f"Zone {zone} by {by}.", f"时区 {zone}（{by_zh}）。"
    )


def _values_said(series: pd.DataFrame, length_h: float, options: RainOptions, where: str) -> list[Said]:
    """Hold unit and kind against the rain (time, id)."""
    if options.kind not in (None, "amount"):
        what = f"gauges are read as amounts of each interval; kind is {options.kind}"
        raise AmbiguousError(
            what, where=where, fix="write the amount of each interval into the table, and remove `kind`"
        )
    found = dask.compute(figures(da.from_array(series.to_numpy(np.float64)[:, :, None])))[0]
    unit = unit_said(
        int(found["wet"]), float(found["highest"]), length_h, settled=options.units is not None, where=where
    )
    kind = kind_said(found, settled=options.kind is not None, where=where)
    return [unit] if kind is None else [unit, kind]


def _clock_texts(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return times as texts such as 2024-7-20 8:00, whatever signs they are written with."""
    text = column.fillna("").map(lambda v: unicodedata.normalize("NFKC", v).strip())
    text = (
        text.str.replace("年|月", "-", regex=True).str.replace("日", " ").str.replace("时", ":00").str.replace("分", "")
    )
    text = text.str.replace(r"^(\d{4})(\d{2})(\d{2})(\d{2})$", r"\1-\2-\3 \4:00", regex=True)
    return text.str.replace(r":00:00\d+$", ":00", regex=True)


def _state_zones(text: pd.Series[Any], *, where: str) -> bool:
    """Return whether the times state their zones.

    Raises
    ------
    AmbiguousError : some do and some do not, or dates that may begin with the day or the month.
    """
    odd = text[text.str.contains(_DAY_OR_MONTH)]
    if len(odd):
        what = f"{len(odd)} times, such as {odd.iloc[0]!r}, do not tell the day from the month or the year"
        raise AmbiguousError(what, where=where, fix="write the year first: 2024-07-20 08:00")
    told, n = int(text.str.contains(_WITH_ZONE).sum()), int((text != "").sum())
    if 0 < told < n:
        what = f"{told} of {n} times state a zone, the others none"
        raise AmbiguousError(what, where=where, fix="write the zone into every time, or into none and give `time_zone`")
    return told > 0


def _side(found: dict[str, str], options: RainOptions, *, where: str) -> tuple[str, Said]:
    if options.stamp is not None:
        words = {"start": "开始", "end": "结束"}[options.stamp]
        return options.stamp, Said(
            f"Interval: the time is its {options.stamp}, by the configuration.",
            f"时段：时间为{words}时刻（配置给定）。",
        )
    header = unicodedata.normalize("NFKC", found["time"] + " " + found["rain"]).lower()
    ends = re.search(r"end|结束|时段末|pre_?1h|过去", header)
    starts = re.search(r"start|begin|开始|时段初", header)
    if bool(ends) == bool(starts):
        what = f"nothing says whether a time in {found['time']!r} is the start or the end of its interval"
        raise AmbiguousError(what, where=where, fix="give `stamp: end` or `stamp: start` for the gauges")
    side = "end" if ends else "start"
    word = (ends or starts).group(0)  # type: ignore[union-attr]
    return side, Said(
        f"Interval: the time is its {side}; the header says {word!r}.",
        f"时段：表头含“{word}”，时间为{'结束' if ends else '开始'}时刻。",
    )


def _interval(times: pd.Series[Any], name: str, options: RainOptions, *, where: str) -> tuple[float, Said]:
    unique = np.sort(times.dropna().unique())
    hours = np.diff(unique) / np.timedelta64(1, "h")
    shortest = float(hours.min()) if hours.size else float("nan")
    told = options.interval_h or (1.0 if re.search(r"小时降水|小时雨量|pre_?1h", name.lower()) else None)
    if told is None and not hours.size:
        what = "one time alone does not tell how long its interval is"
        raise AmbiguousError(what, where=where, fix="give `interval_h` for the gauges")
    length = told or shortest
    if hours.size and shortest < length - 1e-6:
        what = (
            f"times are {shortest:g} h apart, but each value is a total over {length:g} h: rain would be counted twice"
        )
        raise TimeError(what, where=where, fix="give totals of one length, end to end")
    return length, Said(f"Interval: {length:g} h{'' if told else ', the shortest step between times'}.",
                        f"时段长 {length:g} 小时{'' if told else '（最短时间间隔）'}。")  # fmt: skip


def _crs(found: dict[str, str], options: RainOptions, *, where: str) -> tuple[str, Said]:
    degrees = _plain(found["x"]) in ("lon", "longitude", "经度", "东经")
    if degrees and options.crs in (None, "EPSG:4326", "EPSG:4490"):
        return "EPSG:4326", Said("Place: longitude and latitude, taken as WGS 84.", "位置：经纬度，按 WGS 84。")
    if options.crs is None:
        what = f"columns {found['x']!r} and {found['y']!r} are in a CRS that nothing names"
        raise SchemaError(what, where=where, fix="give `crs: EPSG:nnnn` for the gauges, or columns lon and lat")
    return options.crs, Said(f"Place: {options.crs} by the configuration.", f"位置：{options.crs}（配置给定）。")


def _series(
    rows: pd.DataFrame, length_h: float, *, where: str, aside: dict[str, int]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return places by id, and rain (time, id) on an unbroken axis."""
    if not len(rows):
        why = "; ".join(f"{n} rows: {REASONS[k][0]}" for k, n in aside.items() if k in REASONS) or "it has none"
        what = f"no row of the table can be used ({why})"
        raise SchemaError(what, where=where, fix="check units, coordinates and times")
    places = rows.groupby("id")[["x", "y"]].first().sort_index()
    wide = rows.pivot(index="time", columns="id", values="mm").sort_index()
    axis = pd.date_range(wide.index[0], wide.index[-1], freq=pd.Timedelta(hours=length_h))
    odd = ~wide.index.isin(axis)
    if odd.any():
        which = f"{int(odd.sum())} times, such as {wide.index[odd][0]}"
        what = f"{which}, are no whole number of {length_h:g} h after the first"
        raise TimeError(what, where=where, fix="give intervals of one length; round clocks that are off by minutes")
    if len(axis) > 50 * len(wide):
        what = f"{len(wide)} times in {len(axis)} intervals: the series is nearly all gaps"
        raise TimeError(what, where=where, fix="check the dates of the table")
    return places, wide.reindex(axis)[places.index]
