"""Rain as GeoTIFFs: one field a file with its time in the name; daily CHIRPS."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import xarray as xr
from numpy.typing import NDArray
from rasterio.windows import Window

from geo_risk.core.errors import AmbiguousError, CorruptFileError, GridError, TimeError
from geo_risk.sources.files import sniff
from geo_risk.sources.geotiff import RasterHeader, is_missing, read_block, read_header
from geo_risk.sources.marks import MARKS
from geo_risk.sources.options import NO_OPTIONS, RainOptions
from geo_risk.sources.rain_clock import to_utc, zone_of
from geo_risk.sources.rain_opened import Area, Opened, Place, Said, is_nothing, lazy_cube, placed, series

_CHIRPS = re.compile(
    r"chirps-v[\d.]+?\.(?:(?:rnl|sat)\.)?(?P<year>\d{4})\.(?P<month>\d{2})\.(?P<day>\d{2})\.(?:tif|tiff|cog)$",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"(?<!\d)(\d{4})[-_.]?(\d{2})[-_.]?(\d{2})(?:[-_.T ]?(\d{2})(?:[-_:.]?(\d{2}))?(?:[-_:.]?(\d{2}))?)?(?!\d)"
)
_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Plane:
    """One field: its file and band, and its interval in UTC (`start` NaT where open)."""

    path: Path
    band: int
    start: np.datetime64
    end: np.datetime64


def open_planes(
    planes: Sequence[Plane],
    *,
    area: Area | None,
    fills: Sequence[float] = (),
    scale: float = 1.0,
    crs: str | None = None,
) -> tuple[xr.DataArray, Said]:
    """Return planes of one grid as a lazy cube, one block a plane, cut to the area before anything is read.

    Parameters
    ----------
    fills : values that mean missing, beside what each file declares. scale : factor on every value.
    crs : used where a file names none.

    Returns
    -------
    (time, y, x) without units, and how the CRS is known.

    Raises
    ------
    AmbiguousError : a file of several bands. GridError : the files lie on different grids, or a rotated one. CrsError,
    CorruptFileError, LimitError, OverlapError : as they say.
    """
    planes = sorted(planes, key=lambda p: p.end)
    heads = {p.path: _header(p.path, crs) for p in planes}
    first = heads[planes[0].path]
    for path, head in heads.items():
        near = all(
            abs(a - b) <= 1e-3 * abs(first.transform.a)
            for a, b in zip(head.transform[:6], first.transform[:6], strict=True)
        )
        if head.shape != first.shape or not near or head.crs != first.crs:
            what = f"{path.name} lies on another grid than {planes[0].path.name}"
            raise GridError(what, where=str(path), fix="give the files of one product and one cut")
    place, flip = _place(first, area, where=str(planes[0].path))

    def read(t0: int, t1: int) -> NDArray[np.float32]:
        return np.stack([_read(p, heads[p.path], place, fills, flip=flip) for p in planes[t0:t1]]) * np.float32(scale)

    data = lazy_cube(read, times=(1,) * len(planes), place=place, where=str(planes[0].path))
    start, end = (np.array([getattr(p, k) for p in planes], dtype="datetime64[ns]") for k in ("start", "end"))
    said = Said("CRS: as the GeoTIFFs state it.", "坐标系：GeoTIFF 自带。")
    return series(data, start=start, end=end, place=place, units=""), said


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a GeoTIFF; raise CorruptFileError where it does not open."""
    try:
        with rasterio.open(path, driver="GTiff") as source:
            yield source
    except rasterio.errors.RasterioError as error:
        what = f"{path.name} does not open as a GeoTIFF: {error}"
        raise CorruptFileError(what, where=str(path), fix="copy the file again") from error


def _header(path: Path, crs: str | None) -> RasterHeader:
    with _opened(path) as source:
        lacks, n_bands = source.crs is None, source.count
    if n_bands != 1:
        what = f"{path.name} has {n_bands} bands, and nothing tells which time each of them is"
        raise AmbiguousError(
            what, where=str(path), fix="write each field into a file of its own, or all into CF NetCDF"
        )
    options = NO_OPTIONS.model_copy(update={"crs": crs}) if crs and lacks else NO_OPTIONS
    return read_header(path, where="inputs.rainfall", options=options)


def _place(head: RasterHeader, area: Area | None, *, where: str) -> tuple[Place, bool]:
    t, (n_y, n_x) = head.transform, head.shape
    if t.b or t.d:
        what = f"the raster is rotated: {tuple(t)[:6]}"
        raise GridError(what, where=where, fix="warp it to an unrotated grid")
    x, y = t.c + t.a * (np.arange(n_x) + 0.5), t.f + t.e * (np.arange(n_y) + 0.5)
    flip = bool(t.e > 0)
    return placed(x, y[::-1] if flip else y, crs=head.crs, area=area, where=where), flip


def _read(plane: Plane, head: RasterHeader, place: Place, fills: Sequence[float], *, flip: bool) -> NDArray[np.float32]:
    rows = slice(head.shape[0] - place.rows.stop, head.shape[0] - place.rows.start) if flip else place.rows
    window = Window(place.columns.start, rows.start, place.shape[1], place.shape[0])
    with _opened(plane.path) as source:
        raw = read_block(source, plane.band, window, place=str(plane.path))
        factor, offset = source.scales[plane.band - 1], source.offsets[plane.band - 1]
    gone = is_missing(raw, (*head.nodata, *fills))
    values = np.where(gone, np.nan, raw.astype(np.float64) * factor + offset).astype(np.float32)
    return values[::-1] if flip else values


def is_chirps(paths: Sequence[Path]) -> bool:
    """Return whether files are GeoTIFFs named as daily CHIRPS."""
    return all(_CHIRPS.search(p.name) and sniff(p) == "GTiff" for p in paths)


def open_chirps(paths: Sequence[Path], *, options: RainOptions, area: Area | None) -> Opened:  # noqa: ARG001 - none taken
    """Open daily CHIRPS GeoTIFFs: mm of the UTC day in the name; -9999 is missing whether declared or not."""
    from geo_risk.sources.rain_satellite import CHIRPS_SAID

    planes = []
    for path in paths:
        match = _CHIRPS.search(path.name)
        assert match is not None  # noqa: S101 - `is_chirps` has matched the name
        start = _instant(path, match["year"], match["month"], match["day"])
        planes.append(Plane(path, 1, start, start + _DAY))
    rain, said = open_planes(planes, area=area, fills=(-9999.0,), crs="EPSG:4326")
    quality = "preliminary" if any("prelim" in str(p).lower() for p in paths) else "final"
    return Opened(rain.assign_attrs(units="mm"), (*CHIRPS_SAID, said), frozenset({"units", "kind"}), quality)


def is_series(paths: Sequence[Path]) -> bool:
    """Return whether files are GeoTIFFs."""
    return all(sniff(p) == "GTiff" for p in paths)


def open_series(paths: Sequence[Path], *, options: RainOptions, area: Area | None) -> Opened:
    """Open GeoTIFFs with a time in each name (20240701, 2024070108, 2024-07-01_0830, ...), one field each.

    Nothing in a GeoTIFF tells the kind, the side of the stamp or the zone: the configuration must.

    Raises
    ------
    AmbiguousError : `units`, `kind`, `stamp` or `time_zone` is not told; all that lack are named at once.
    TimeError : a name without one time. DataError : undeclared marks such as -9999. Others as `open_planes`.
    """
    head = _header(paths[0], options.crs)
    unit = options.units or head.units
    tag = _tag(paths[0], "time_zone")
    told = {"units": unit, "kind": options.kind, "stamp": options.stamp, "time_zone": options.time_zone or tag}
    lacking = [k for k, v in told.items() if v is None]
    if lacking:
        what = f"{paths[0].name}: GeoTIFFs with a time in the name do not tell {', '.join(lacking)}"
        keys = ", ".join(f"`{k}: ...`" for k in lacking)
        fix = f"give {keys} for this source (stamp: start or end, kind: amount, rate or running)"
        raise AmbiguousError(what, where=str(paths[0]), fix=fix)
    zone = zone_of(str(told["time_zone"]), where=str(paths[0]))
    stamps = to_utc(np.array([_time_in(p) for p in paths], dtype="datetime64[ns]"), zone)
    starts, ends = _sides(stamps, options, where=str(paths[0].parent))
    planes = [Plane(p, 1, s, e) for p, s, e in zip(paths, starts, ends, strict=True)]
    fills = () if options.nodata is None else (options.nodata,)
    rain, place_said = open_planes(planes, area=area, fills=(*fills, *_undeclared(head)), crs=options.crs)
    if options.kind == "running" and is_nothing(rain[0]):
        # the total at lead 0, or that of a dry step: taken for the former, that step stays unknown and not dry
        rain = rain.assign_coords(start=("time", np.full(ends.shape, ends.min())))
    from geo_risk.sources.rain_cf import amount

    methods = {"amount": "time: sum", "running": "time: sum", "rate": "time: mean"}[str(options.kind)]
    units, scale, settled, said = amount({"units": unit, "cell_methods": methods}, options, where=paths[0].name)
    rain = (rain if scale == 1.0 else rain * np.float32(scale)).assign_attrs(units=units)
    side = "开始" if options.stamp == "start" else "结束"
    clock = Said(
        f"Interval: the time in the name is its {options.stamp}, zone {told['time_zone']}, by the configuration.",
        f"时段：文件名时间为{side}时刻，时区 {told['time_zone']}（配置给定）。",
    )
    return Opened(rain, (said, clock, place_said), settled)


def _undeclared(head: RasterHeader) -> tuple[float, ...]:
    """Return marks that no rain can be and that mean missing in files that forgot to say so."""
    return () if head.nodata else tuple(v for v in MARKS if v < 0 or v > 1e6)


def _tag(path: Path, name: str) -> str | None:
    with _opened(path) as source:
        value: Any = source.tags().get(name)
    return None if value is None else str(value)


def _sides(stamps: NDArray[Any], options: RainOptions, *, where: str) -> tuple[NDArray[Any], NDArray[Any]]:
    none = np.full(stamps.shape, np.datetime64("NaT"), dtype="datetime64[ns]")
    steps = np.diff(np.unique(stamps))
    if options.interval_h is None and not steps.size:
        what = "one GeoTIFF alone does not tell how long its interval is"
        raise AmbiguousError(what, where=where, fix="give `interval_h` for this source, or the folder of the series")
    step = steps.min() if options.interval_h is None else np.timedelta64(round(options.interval_h * 3600), "s")
    ends = stamps if options.stamp == "end" else stamps + step
    if options.kind == "running":
        return np.full(stamps.shape, ends.min() - step), ends
    return (none if options.interval_h is None and options.stamp == "end" else ends - step), ends


def _time_in(path: Path) -> np.datetime64:
    found = _TIME.findall(path.stem)
    if len(found) != 1:
        what = f"{path.name} has {len(found)} times such as 20240701 or 2024070108 in its name; one is needed"
        raise TimeError(what, where=str(path), fix="name each file by the time of its field")
    return _instant(path, *found[0])


def _instant(
    path: Path, year: str, month: str, day: str, hour: str = "", minute: str = "", second: str = ""
) -> np.datetime64:
    text = f"{year}-{month}-{day}T{hour or '00'}:{minute or '00'}:{second or '00'}"
    try:
        return np.datetime64(text, "ns")
    except ValueError as error:
        what = f"{path.name}: {text} is no time"
        raise TimeError(what, where=str(path), fix="name each file by the time of its field") from error
