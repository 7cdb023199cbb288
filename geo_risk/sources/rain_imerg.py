"""IMERG of GPM: half-hourly HDF5 (V06 and V07), and the GeoTIFFs of its GIS service."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from geo_risk.core.errors import CorruptFileError, GridError, RefusedFileError, TimeError, UnitError
from geo_risk.sources import hdf5_header as hdf5
from geo_risk.sources.files import sniff
from geo_risk.sources.options import RainOptions
from geo_risk.sources.rain_netcdf import DEGREES
from geo_risk.sources.rain_opened import Area, Opened, Place, Said, lazy_cube, placed, series
from geo_risk.sources.rain_tif import Plane, open_planes

VARIABLES = ("precipitation", "precipitationCal")
"""The calibrated estimate: V07 and V06."""

_HEADER = re.compile(r"(StartGranuleDateTime|StopGranuleDateTime|AlgorithmID|ProductVersion)=([^;]*);")
_NAME = re.compile(
    r"3B-(?P<span>HHR|DAY|MO)(?P<gis>-GIS)?(?:-(?P<run>[EL]))?\.MS\.MRG\.3IMERG\.(?P<day>\d{8})-S(?P<start>\d{6})-E(?P<end>\d{6})"
    r"\.\d{2,4}\.(?P<version>V\d{2}[A-Z]?)(?:\.(?P<period>30min|3hr|1day|7day|3day))?(?P<rest>.*)$",
    re.IGNORECASE,
)
_HALF_HOUR = np.timedelta64(30, "m")
_EPOCH = re.compile(r"^\s*seconds since (\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})")
_SETTLED = frozenset({"units", "kind"})
_PERIODS = {"30min": 1800, "3hr": 10800, "1day": 86400, None: 1800}
_RUNS = {"E": "Early", "L": "Late", None: "Final"}
GIS_FILLS = (9999.0, 29999.0)


@dataclass(frozen=True)
class _Granule:
    path: Path
    name: str
    start: np.datetime64
    end: np.datetime64
    run: str
    version: str
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]


def is_hdf5(paths: Sequence[Path]) -> bool:
    """Return whether files hold a group /Grid with IMERG's precipitation."""
    if sniff(paths[0]) != "HDF5":
        return False
    try:
        with hdf5.opened(paths[0]) as file:
            return "IMERG" in (hdf5.attribute(file, "FileHeader") or "") and _variable(file) is not None
    except CorruptFileError:
        return False


def _variable(file: h5py.File) -> str | None:
    return next((f"Grid/{v}" for v in VARIABLES if hdf5.has(file, f"Grid/{v}")), None)


def open_hdf5(paths: Sequence[Path], *, options: RainOptions, area: Area | None) -> Opened:  # noqa: ARG001 - none taken
    """Open half-hourly granules, one block a granule, cut to the area before anything is read.

    Raises
    ------
    TimeError : not half an hour, or the header and /Grid/time contradict each other.
    UnitError : not in mm/hr. GridError, OverlapError, CorruptFileError, RefusedFileError : as they say.
    """
    granules = sorted((_granule(p) for p in paths), key=lambda g: g.start)
    first = granules[0]
    for other in granules[1:]:
        if other.lon.shape != first.lon.shape or other.lat.shape != first.lat.shape or other.lon[0] != first.lon[0]:
            what = f"{other.path.name} lies on another grid than {first.path.name}"
            raise GridError(what, where=str(other.path), fix="give granules of one cut")
    rising = bool(first.lat[-1] > first.lat[0])
    place = placed(first.lon, first.lat[::-1] if rising else first.lat, crs="EPSG:4326", area=area,
                   where=str(first.path))  # fmt: skip

    def read(t0: int, t1: int) -> NDArray[np.float32]:
        return np.stack([_window(g, place, rising=rising) for g in granules[t0:t1]])

    data = lazy_cube(read, times=(1,) * len(granules), place=place, where=str(first.path))
    rain = series(data, start=np.array([g.start for g in granules]), end=np.array([g.end for g in granules]),
                  place=place, units="mm/h")  # fmt: skip
    runs = sorted({f"{g.run} {g.version}" for g in granules})
    said = Said(
        f"Unit mm/h, a mean rate over the half hour that the granule's header names ({' and '.join(runs)} Run); UTC; "
        "fill -9999.9.",
        f"单位 mm/h，为文件头所注半小时的平均强度（{'、'.join(runs)}）；UTC；缺测 -9999.9。",
    )
    return Opened(rain, (said, DEGREES), _SETTLED, "final" if {g.run for g in granules} == {"Final"} else "preliminary")


def _granule(path: Path) -> _Granule:
    with hdf5.opened(path) as file:
        name = _variable(file)
        if name is None:
            what = f"{path.name} has none of /Grid/{', /Grid/'.join(VARIABLES)}"
            raise RefusedFileError(what, where=str(path), fix="give half-hourly granules of IMERG (3B-HHR)")
        data = hdf5.numbers(file, name, dims=3)
        unit = hdf5.attribute(data, "units") or hdf5.attribute(data, "Units") or ""
        if unit.replace(" ", "").lower() not in ("mm/hr", "mm/h"):
            what = f"{path.name}: {name} has units {unit!r}; mm/hr needed"
            raise UnitError(what, where=str(path), fix="give half-hourly granules of IMERG (3B-HHR)")
        lon, lat = (np.asarray(hdf5.numbers(file, f"Grid/{n}", dims=1)[()], np.float64) for n in ("lon", "lat"))
        if data.shape != (1, lon.size, lat.size):
            what = f"{path.name}: {name} has shape {data.shape}; (1, {lon.size}, {lat.size}) as (time, lon, lat) needed"
            raise GridError(what, where=str(path), fix="give granules as the archive has them")
        head = dict(_HEADER.findall(hdf5.attribute(file, "FileHeader") or ""))
        start, end = _interval(head, path)
        _check_time(file, start, path)
    algorithm = head.get("AlgorithmID", "").strip()
    run = {"3IMERGHHE": "Early", "3IMERGHHL": "Late"}.get(algorithm, "Final")
    return _Granule(path, name, start, end, run, head.get("ProductVersion", "").strip(), lon, lat)


def _interval(head: dict[str, str], path: Path) -> tuple[np.datetime64, np.datetime64]:
    try:
        start, stop = (
            np.datetime64(head[k].strip().split()[0].removesuffix("Z"), "ms")
            for k in ("StartGranuleDateTime", "StopGranuleDateTime")
        )
    except (KeyError, ValueError, IndexError) as error:
        what = f"{path.name}: its FileHeader does not say when the granule starts and stops"
        raise TimeError(what, where=f"{path}, FileHeader", fix="give granules as the archive has them") from error
    # the header ends a granule one millisecond before the next begins
    end = start + _HALF_HOUR
    if abs(stop - end) > np.timedelta64(2, "s"):
        what = f"{path.name} runs from {start} to {stop}; half an hour needed"
        raise TimeError(what, where=f"{path}, FileHeader", fix="give half-hourly granules (3B-HHR)")
    return start.astype("datetime64[ns]"), end.astype("datetime64[ns]")


def _check_time(file: h5py.File, start: np.datetime64, path: Path) -> None:
    """Hold the header against /Grid/time, whose calendar is wrongly called julian in V07: seconds are plain seconds."""
    if not hdf5.has(file, "Grid/time"):
        return
    data = hdf5.numbers(file, "Grid/time", dims=1)
    match = _EPOCH.match(hdf5.attribute(data, "units") or "")
    if match is None:
        return
    stamp = np.datetime64(f"{match.group(1)}T{match.group(2)}", "s") + np.timedelta64(int(data[0]), "s")
    if abs(stamp - start) > np.timedelta64(60, "s"):
        what = f"{path.name}: the header says that it starts at {start}, /Grid/time says {stamp}"
        raise TimeError(what, where=f"{path}, /Grid/time", fix="fetch the granule again")


def _window(granule: _Granule, place: Place, *, rising: bool) -> NDArray[np.float32]:
    n_y = granule.lat.size
    rows = slice(n_y - place.rows.stop, n_y - place.rows.start) if rising else place.rows
    with hdf5.opened(granule.path) as file:
        raw = hdf5.numbers(file, granule.name, dims=3)[0, place.columns, rows]
    values = np.asarray(raw, np.float32).T
    values = values[::-1] if rising else values
    # every real rate is 0 or more; the fill is -9999.9, stored as the nearest float32
    return np.where(values < -9000, np.float32(np.nan), values)


def is_tif(paths: Sequence[Path]) -> bool:
    """Return whether files are GeoTIFFs named as IMERG's GIS service names them."""
    return all(_NAME.match(p.name) and sniff(p) == "GTiff" for p in paths)


def open_tif(paths: Sequence[Path], *, options: RainOptions, area: Area | None) -> Opened:  # noqa: ARG001 - none taken
    """Open GeoTIFFs of IMERG GIS: accumulations in 0.1 mm; mean rates (total.rate) in 0.1 mm/h.

    Raises
    ------
    TimeError : a period that is not 30 minutes, 3 hours or a day. UnitError : accumulations beside rates, or a scale
    that is not documented (months, ice and liquid shares). Others as `open_planes`.
    """
    found = [_NAME.match(p.name) for p in paths]
    kinds = {_tif_kind(m["rest"] or "") for m in found if m}
    if len(kinds) != 1 or None in kinds:
        what = f"the folder mixes accumulations with rates, or has other layers: {paths[0].name}, ..."
        raise UnitError(what, where=str(paths[0].parent), fix="keep the *.total.accum.tif, or the *.30min.tif, alone")
    planes = [_plane(p, m) for p, m in zip(paths, found, strict=True) if m]
    kind = kinds.pop()
    cube, place_said = open_planes(planes, area=area, fills=GIS_FILLS, scale=0.1, crs="EPSG:4326")
    rain = cube.assign_attrs(units="mm" if kind == "accum" else "mm/h")
    runs = sorted({_RUNS[(m["run"] or "").upper() or None] for m in found if m})
    words = ("amount", "时段量") if kind == "accum" else ("mean rate", "平均强度")
    said = Said(
        f"Unit 0.1 mm{'' if kind == 'accum' else '/h'}, the {words[0]} of the interval in the name, as IMERG GIS "
        f"lays down ({' and '.join(runs)} Run); UTC; fill 9999 or 29999.",
        f"单位 0.1 mm{'' if kind == 'accum' else '/h'}，为文件名所注时段的{words[1]}"
        f"（IMERG GIS 规定，{'、'.join(runs)}）；UTC；缺测 9999 或 29999。",
    )
    return Opened(rain, (said, place_said), _SETTLED, "final" if runs == ["Final"] else "preliminary")


def _tif_kind(rest: str) -> str | None:
    lowered = rest.lower()
    if "liquid" in lowered or "ice" in lowered:
        return None
    return "rate" if "rate" in lowered else "accum"


def _plane(path: Path, match: re.Match[str]) -> Plane:
    period = (match["period"] or "").lower() or None
    if match["span"].upper() == "DAY" and period is None:
        period = "1day"
    if match["span"].upper() == "MO" or period not in _PERIODS:
        what = f"{path.name} is a total over {period or 'a month'}"
        raise TimeError(what, where=str(path), fix="give totals of 30 minutes, 3 hours or a day")
    day, start, end = match["day"], match["start"], match["end"]
    begin = np.datetime64(f"{day[:4]}-{day[4:6]}-{day[6:]}T00:00:00", "s")
    # totals over more than the granule end with the granule that the name gives
    stop = begin + _seconds(end) + np.timedelta64(1, "s")
    length = np.timedelta64(_PERIODS[period], "s")
    if period in (None, "30min") and stop - (begin + _seconds(start)) != length:
        what = f"{path.name}: the name gives {start} to {end}, which is not half an hour"
        raise TimeError(what, where=str(path), fix="give the files under the names they were published with")
    return Plane(path, 1, stop - length, stop)


def _seconds(text: str) -> Any:
    return np.timedelta64(int(text[:2]) * 3600 + int(text[2:4]) * 60 + int(text[4:]), "s")
