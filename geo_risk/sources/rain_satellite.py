"""CHIRPS and CMORPH NetCDF: products whose files leave to their documents what a stamp means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from geo_risk.core.errors import AmbiguousError, UnitError
from geo_risk.core.units import factor
from geo_risk.sources.options import NO_RAIN_OPTIONS, RainOptions
from geo_risk.sources.rain_clock import bounds_of, cf_intervals
from geo_risk.sources.rain_netcdf import header, joined, open_raw, times_joined, values_of, variable
from geo_risk.sources.rain_opened import Area, Opened, Said, series

_DAY = np.timedelta64(1, "D")
_HALF_HOUR = np.timedelta64(30, "m")
_SETTLED = frozenset({"units", "kind"})


def is_chirps(paths: Sequence[Path]) -> bool:
    """Return whether files are daily CHIRPS: so the title says, and `precip` is in mm/day."""
    found = header(paths[0])
    if found is None or "CHIRPS" not in str(found.attrs.get("title", "")).upper() or "precip" not in found:
        return False
    return str(found["precip"].attrs.get("units", "")).replace(" ", "").lower() in ("mm/day", "mmday-1", "mm/d")


def is_cmorph(paths: Sequence[Path]) -> bool:
    """Return whether files hold the variable `cmorph`."""
    found = header(paths[0])
    return found is not None and "cmorph" in found


def open_chirps(paths: Sequence[Path], *, options: RainOptions, area: Area | None) -> Opened:  # noqa: ARG001 - none
    """Open daily CHIRPS: the amount of the UTC day that the stamp begins (CHIRPS 2.0 and 3.0; fill -9999).

    Raises
    ------
    GridError, OverlapError, TimeError, CorruptFileError : as they say.
    """
    parts, arrays, starts = [], [], []
    for path in paths:
        dataset = open_raw(path)
        part = variable(path, dataset, "precip", area=area, crs="EPSG:4326")
        start, _, _ = cf_intervals(dataset, part.time, options=_DAILY, path=path)
        parts.append(part)
        arrays.append(values_of(part, fills=(-9999.0,)))
        starts.append(start.astype("datetime64[D]").astype("datetime64[ns]"))
    begin = times_joined(starts)
    rain = series(joined(parts, arrays), start=begin, end=begin + _DAY, place=parts[0].place, units="mm")
    title = str(parts[0].dataset.attrs.get("title", "CHIRPS"))
    prelim = any("prelim" in str(p).lower() for p in paths) or "prelim" in title.lower()
    return Opened(rain, (*CHIRPS_SAID, parts[0].said), _SETTLED, "preliminary" if prelim else "final")


_DAILY = NO_RAIN_OPTIONS.model_copy(update={"stamp": "start", "interval_h": 24.0, "time_zone": "UTC"})

CHIRPS_SAID = (
    Said(
        "Unit mm/day and interval as CHIRPS lays them down: the total of the UTC day that the stamp begins. Days are "
        "spread from five-day totals; single days are less sure than their sum.",
        "单位与时段按 CHIRPS 规定：时间所指 UTC 日的日总量；由候总量分配到日，单日精度低于候总量。",
    ),
)


def open_cmorph(paths: Sequence[Path], *, options: RainOptions, area: Area | None) -> Opened:  # noqa: ARG001 - none
    """Open CMORPH CDR: mean rates stamped at the start of the interval; bounds come before that rule.

    Raises
    ------
    UnitError : `cmorph` is no rate. AmbiguousError : a file without bounds whose times are not half an hour apart.
    GridError, OverlapError, TimeError, CorruptFileError : as they say.
    """
    parts, arrays, starts, ends = [], [], [], []
    bounded = True
    for path in paths:
        dataset = open_raw(path)
        part = variable(path, dataset, "cmorph", area=area, crs="EPSG:4326")
        scale = _rate(str(part.attrs.get("units", "")), path)
        if bounds_of(part.time) in dataset.variables:
            start, end, _ = cf_intervals(dataset, part.time, options=_UTC, path=path)
        else:
            bounded = False
            start, _, _ = cf_intervals(dataset, part.time, options=_STAMPED, path=path)
            if len(start) < 2 or not (np.diff(start) == _HALF_HOUR).all():
                what = f"{path.name}: no bounds, and its {len(start)} times are not half an hour apart"
                raise AmbiguousError(what, where=str(path), fix="give the 8 km, 30 min files of the CDR")
            end = start + _HALF_HOUR
        parts.append(part)
        arrays.append(values_of(part, scale=scale, fills=(-9999.0, -999.0)))
        starts.append(start)
        ends.append(end)
    rain = series(joined(parts, arrays), start=times_joined(starts), end=times_joined(ends), place=parts[0].place,
                  units="mm/h")  # fmt: skip
    how = "its bounds" if bounded else "the rule of the CDR: a stamp begins its half hour"
    how_zh = "文件起止" if bounded else "产品规定（时间为开始）"
    said = Said(
        f"Unit mm/h, a mean rate, as CMORPH lays down; interval by {how}; UTC.",
        f"单位 mm/h，为时段平均强度（CMORPH 规定）；时段据{how_zh}；UTC。",
    )
    return Opened(rain, (said, parts[0].said), _SETTLED, "final")


_UTC = NO_RAIN_OPTIONS.model_copy(update={"time_zone": "UTC"})
_STAMPED = NO_RAIN_OPTIONS.model_copy(update={"stamp": "start", "interval_h": 0.5, "time_zone": "UTC"})


def _rate(units: str, path: Path) -> float:
    try:
        return factor(units, "mm/h", where=f"{path.name}, variable cmorph")
    except UnitError as error:
        raise UnitError(error.what, where=str(path), fix="give the files whose `cmorph` is in mm/hr") from error
