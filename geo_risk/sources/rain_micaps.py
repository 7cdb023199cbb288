"""MICAPS Diamond 4 rain: texts of one regular latitude-longitude grid each, Beijing time."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_risk.core.errors import AmbiguousError, CorruptFileError, GridError
from geo_risk.core.units import factor
from geo_risk.sources.options import NO_RAIN_OPTIONS, RainOptions
from geo_risk.sources.rain_clock import BEIJING, to_utc, zone_of
from geo_risk.sources.rain_netcdf import DEGREES
from geo_risk.sources.rain_opened import Area, Opened, Place, Said, lazy_cube, placed, series

_HEADER = 19
"""Numbers between the title and the values: date (4), lead, level, steps (2), bounds (4), shape (2), contours (3),
smoothing and bold contour (2)."""

_HEAD_BYTES = 8192
_HOURS = r"(\d{1,3})\s*(?:小时|h(?:ours?)?\b)"
_PERIOD = re.compile(_HOURS, re.IGNORECASE)
_SPAN = re.compile(rf"(\d{{1,3}})\s*[-~～–—至到]\s*{_HOURS}", re.IGNORECASE)
_LEAD = re.compile(rf"(?:时效|预见期|未来|lead(?:\s+time)?)[\s:：]*{_HOURS}", re.IGNORECASE)
_FORECAST = re.compile(r"预报|预测|未来|fore?cast|fcst", re.IGNORECASE)
_OBSERVED = re.compile(r"实况|观测|分析|融合|observ|analysis", re.IGNORECASE)
_RAIN = re.compile(r"降水|雨|rain|precip|prec\b|pre\b|qpf|qpe", re.IGNORECASE)


@dataclass(frozen=True)
class _Text:
    path: Path
    title: str
    encoding: str
    stamp: np.datetime64
    lead_h: int
    shape: tuple[int, int]
    box: tuple[float, ...]
    rises: bool

    @property
    def period_h(self) -> int | None:
        """Hours of the total by the title, None where it names none: 3 of "24-27小时" and of "3小时 时效27小时"."""
        spans = _SPAN.findall(self.title)
        if spans:
            return int(spans[-1][1]) - int(spans[-1][0])
        found = _PERIOD.findall(_LEAD.sub(" ", self.title)) or _PERIOD.findall(self.title)
        return int(found[-1]) if found else None

    @property
    def is_named_by_lead(self) -> bool:
        """Whether the title names as many hours as the lead, and not from which to which."""
        return not _SPAN.search(self.title) and self.period_h == self.lead_h


def is_it(paths: Sequence[Path]) -> bool:
    """Return whether files begin with the word diamond."""
    if paths[0].is_dir():
        return False
    with paths[0].open("rb") as stream:
        head = stream.read(64)
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:7].lower() == b"diamond"


def open_micaps(paths: Sequence[Path], *, options: RainOptions, area: Area | None) -> Opened:
    """Open Diamond 4 texts as one cube, one block a text; nodes are cell centres, 9999 is missing.

    The time in the header is Beijing time. Without a lead it ends the interval. With one it is either the issue time of
    a forecast, which the lead is added to, or the end of a total over the lead: titles, leads and `stamp` tell.

    Raises
    ------
    CorruptFileError : a header or value that cannot be read, or too few values. GridError : different grids.
    AmbiguousError : a lead that can mean either, or titles that name its hours. UnitError, OverlapError : as they say.
    """
    texts = [_head(path, options.encoding) for path in paths]
    if len({t.box for t in texts}) > 1:
        what = f"{len(texts)} MICAPS files lie on {len({t.box for t in texts})} different grids"
        raise GridError(what, where=str(paths[0].parent), fix="give the files of one product")
    zone = BEIJING if options.time_zone is None else zone_of(options.time_zone, where=str(paths[0]))
    adds, how = _lead_adds(texts, options)
    stamps = np.array([t.stamp + np.timedelta64(t.lead_h if adds else 0, "h") for t in texts], dtype="datetime64[ns]")
    end = to_utc(stamps, zone)
    start = end - _lengths(texts, options)
    first = texts[0]
    x0, dx, y0, dy = first.box
    place = placed(x0 + dx * np.arange(first.shape[1]), y0 + dy * np.arange(first.shape[0]), crs="EPSG:4326", area=area,
                   where=str(first.path))  # fmt: skip
    order = np.argsort(end, kind="stable")
    ordered = [texts[k] for k in order]
    scale = factor(options.units or "mm", "mm", where=first.path.name)

    def read(t0: int, t1: int) -> NDArray[np.float32]:
        return np.stack([_values(t, place, scale) for t in ordered[t0:t1]])

    data = lazy_cube(read, times=(1,) * len(texts), place=place, where=str(first.path))
    rain = series(data, start=start[order], end=end[order], place=place, units="mm")
    zone_text = "Beijing time (UTC+8)" if options.time_zone is None else options.time_zone
    said = (
        Said(f"Unit {options.units or 'mm'}, as MICAPS Diamond 4 has rain; missing 9999; title {first.title!r}.",
             f"单位 {options.units or 'mm'}（MICAPS 第四类雨量约定）；缺测 9999；标题“{first.title}”。"),
        Said(f"Interval: {how.en}; zone {zone_text}.",
             f"时段：{how.zh}；{'北京时' if options.time_zone is None else options.time_zone}。"),
        DEGREES,
    )  # fmt: skip
    quality = "forecast" if adds and any(t.lead_h for t in texts) else "unstated"
    return Opened(
        rain, said, frozenset({"units"}) if options.units or _RAIN.search(first.title) else frozenset(), quality
    )


def header_times(paths: Sequence[Path]) -> list[np.datetime64]:
    """Return the header times (UTC; they are Beijing time) of texts whose lead is added to them: they are forecasts.

    Raises
    ------
    CorruptFileError : a header that cannot be read. AmbiguousError : leads that can mean either.
    """
    texts = [_head(path, None) for path in paths]
    if not _lead_adds(texts, NO_RAIN_OPTIONS)[0]:
        return []
    stamps = to_utc(np.array([t.stamp for t in texts], dtype="datetime64[ns]"), BEIJING)
    return list(np.unique(stamps))


def _lengths(texts: Sequence[_Text], options: RainOptions) -> NDArray[Any]:
    """Return the length of each text's interval, NaT where neither its title nor the configuration tells it.

    Raises
    ------
    AmbiguousError : titles that name the hours of the lead: totals since the header's time, or of the last hours.
    """
    told = "NaT" if options.interval_h is None else round(options.interval_h * 3600)
    leads = {t.lead_h for t in texts if t.lead_h}
    if options.kind == "running":
        seconds: list[Any] = [3600 * t.lead_h for t in texts]
    elif options.kind == "amount" and options.interval_h is not None:
        seconds = [told for _ in texts]
    elif options.kind == "rate" or (len(leads) > 1 and all(t.is_named_by_lead for t in texts if t.lead_h)):
        first = next((t for t in texts if t.lead_h), texts[0])
        what = f"{first.path.name} has lead {first.lead_h} h and the title {first.title!r}: the total since the header's time, or that of its last hours"  # noqa: E501
        fix = "give `kind: running` (since the header's time), or `kind: amount` with `interval_h`, for this source"
        raise AmbiguousError(what, where=str(first.path), fix=fix)
    else:
        seconds = [3600 * t.period_h if t.period_h else told for t in texts]
    return np.array([np.timedelta64(s, "s") for s in seconds])


def _lead_adds(texts: Sequence[_Text], options: RainOptions) -> tuple[bool, Said]:
    """Return whether leads are added to the stamps, and how it is known."""
    if not any(t.lead_h for t in texts):
        return False, Said("the header's time ends it, the lead is 0", "时效为 0，文件头时间为结束时刻")
    if options.stamp is not None:
        adds = options.stamp == "start"
        return adds, Said(f"the lead is {'' if adds else 'not '}added to the header's time, by the configuration",
                          f"时效{'计入' if adds else '不计入'}文件头时间（配置给定）")  # fmt: skip
    leads = {int(t.lead_h) for t in texts}
    if len({t.stamp for t in texts}) == 1 and len(leads) > 1:
        return True, Said(
            "one issue time with several leads, which are added to it", "同一起报时间、不同时效，时效计入"
        )
    if all(_FORECAST.search(t.title) or _SPAN.search(t.title) for t in texts):
        return True, Said("the titles say forecast or from which hour to which: the lead is added to the header's time",
                          "标题为预报或注明起止时效，时效计入")  # fmt: skip
    if all(_OBSERVED.search(t.title) or t.period_h == t.lead_h for t in texts):
        return False, Said("the titles name a total of as many hours as the lead, which ends at the header's time",
                           "标题所注时长与时效一致，文件头时间为结束时刻")  # fmt: skip
    what = f"{texts[0].path.name} has lead {texts[0].lead_h} h and the title {texts[0].title!r}: a forecast, or a total that ends at the header's time"  # noqa: E501
    fix = "give `stamp: start` (the lead is added) or `stamp: end` (it is not) for this source"
    raise AmbiguousError(what, where=str(texts[0].path), fix=fix)


def _head(path: Path, encoding: str | None) -> _Text:
    with path.open("rb") as stream:
        raw = stream.read(_HEAD_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip()
    line, _, body = raw.partition(b"\n")
    codec = encoding or _codec(line)
    title = line.decode(codec, errors="replace").strip()
    words = title.split(maxsplit=2)
    if len(words) < 2 or words[0].lower() != "diamond" or words[1] != "4":
        what = f"{path.name} starts with {title[:40]!r}, not with 'diamond 4'"
        raise CorruptFileError(what, where=str(path), fix="give MICAPS Diamond 4 grids")
    tokens = _plain(body.decode(codec, errors="replace")).split()
    try:
        numbers = [float(t) for t in tokens[:_HEADER]]
        if len(numbers) < _HEADER:
            what = f"only {len(numbers)} numbers follow the title"
            raise ValueError(what)
        stamp = _time(numbers)
        box, shape, rises = _box(numbers, path)
    except ValueError as error:
        what = f"{path.name}: the header cannot be read: {error}"
        raise CorruptFileError(
            what, where=str(path), fix="copy the file again; 19 numbers must follow the title"
        ) from error
    return _Text(path, words[2] if len(words) > 2 else "", codec, stamp, int(numbers[4]), shape, box, rises)


def _codec(line: bytes) -> str:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8"


def _plain(text: str) -> str:
    """Return numbers without thousands commas, full-width digits as plain ones."""
    return (text if text.isascii() else unicodedata.normalize("NFKC", text)).replace(",", "")


def _time(header: list[float]) -> np.datetime64:
    year, month, day, hour = (int(v) for v in header[:4])
    if year < 100:
        year += 2000 if year < 70 else 1900
    return np.datetime64(f"{year:04d}-{month:02d}-{day:02d}T00:00:00", "ns") + np.timedelta64(hour, "h")


def _box(header: list[float], path: Path) -> tuple[tuple[float, ...], tuple[int, int], bool]:
    """Return the first node and step of both axes (y falling), the shape, and whether rows rise in the file."""
    dx, dy, lon0, lon1, lat0, lat1 = header[6:12]
    n_x, n_y = int(header[12]), int(header[13])
    fits = abs(lon0 + dx * (n_x - 1) - lon1) <= 0.5 * abs(dx) and abs(lat0 + dy * (n_y - 1) - lat1) <= 0.5 * abs(dy)
    if not (fits and dx > 0 and dy != 0 and n_x >= 2 and n_y >= 2):
        what = f"{path.name}: {n_y} x {n_x} nodes of {dy} x {dx} degrees do not span {lat0}..{lat1}, {lon0}..{lon1}"
        raise CorruptFileError(what, where=str(path), fix="mend the header's steps or bounds")
    rises = dy > 0
    box = (lon0, dx, lat0 + dy * (n_y - 1) if rises else lat0, -abs(dy))
    return tuple(round(v, 9) for v in box), (n_y, n_x), rises


def _values(text: _Text, place: Place, scale: float) -> NDArray[np.float32]:
    raw = text.path.read_bytes().removeprefix(b"\xef\xbb\xbf").lstrip()
    body = _plain(raw.partition(b"\n")[2].decode(text.encoding, errors="replace"))
    try:
        numbers: NDArray[Any] = np.array(body.split(), dtype=np.float32) if len(body) < 10_000_000 else _long(body)
    except ValueError as error:
        what = f"{text.path.name}: a value cannot be read: {error}"
        raise CorruptFileError(what, where=str(text.path), fix="copy the file again") from error
    values = numbers[_HEADER:]
    if values.size != text.shape[0] * text.shape[1]:
        what = f"{text.path.name} holds {values.size} values for a grid of {text.shape[0]} x {text.shape[1]}"
        raise CorruptFileError(
            what, where=str(text.path), fix="copy the file again; it is cut off or has another header"
        )
    grid = values.reshape(text.shape)
    grid = grid[::-1] if text.rises else grid
    out = np.ascontiguousarray(grid[place.rows, place.columns])
    return out if scale == 1.0 else np.where(out == 9999, np.float32(np.nan), out * np.float32(scale))


def _long(body: str) -> NDArray[np.float32]:
    """Parse a long text without a Python object for every number."""
    import io

    import pandas as pd

    frame = pd.read_csv(io.StringIO(body.replace("\n", " ").strip().replace(" ", "\n")), header=None, dtype=np.float32,
                        skip_blank_lines=True)  # fmt: skip
    return frame[0].to_numpy()
