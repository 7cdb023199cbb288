"""Past storms and their slides, as the configuration names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import DataError, TimeError
from geo_risk.core.grid import Grid
from geo_risk.core.params import Params
from geo_risk.sources.options import NO_OPTIONS, NO_RAIN_OPTIONS, RainOptions, ReadOptions
from geo_risk.sources.rain import RainRules, hourly, read_rain
from geo_risk.sources.rain_audit import RainAudit
from geo_risk.sources.rain_opened import Area
from geo_risk.sources.vectors import read_vector

_WHERE = "inputs.rainfall.past_events"

_ZONED = r"[T ]\d\d:?\d\d.*(?:Z|[+-]\d\d(?::?\d\d)?)$"
"""A text that ends with a zone after a time of day; of a bare date "-05" is the day."""


class PastRain(Params):
    """What the configuration says of the rain of one past storm, but for its path."""

    id: str | None = None
    options: RainOptions = NO_RAIN_OPTIONS


@dataclass(frozen=True)
class PastRainFile:
    """A file of rain of a past storm, the id the configuration gives it (None: none), and what it says of the file."""

    path: Path
    id: str | None = None
    options: RainOptions = NO_RAIN_OPTIONS


def past_files(paths: Sequence[Path], told: Sequence[PastRain]) -> list[PastRainFile]:
    """Join the files of past storms with what the configuration says of each."""
    return [PastRainFile(path, said.id, said.options) for path, said in zip(paths, told, strict=True)]


@dataclass(frozen=True)
class PastStorm:
    """Rain of a past storm and the days before it.

    Attributes
    ----------
    id : what slides and depths name it by: the configuration's, else the one in the file, else the file's stem.
    rain : (time, y, x) [mm an interval], lazy, cut to the area with the cells around it that resampling needs.
    area : the area it was cut to. steps_per_day : intervals a day. audit : what was proved of the file.
    """

    id: str
    rain: xr.DataArray
    area: Area
    steps_per_day: int
    audit: RainAudit

    @property
    def days(self) -> int:
        """Whole days that the rain holds."""
        return int(self.rain.sizes["time"]) // self.steps_per_day

    @property
    def year(self) -> int:
        """Year of the last interval's end, UTC."""
        return int(pd.Timestamp(self.rain["time"].to_numpy()[-1]).year)


@dataclass(frozen=True)
class PastStorms:
    """Past storms by rising id, each id once.

    Attributes
    ----------
    aside : {"id", "reason", "reason_zh"} of storms that were left out of these.
    """

    storms: tuple[PastStorm, ...]
    aside: tuple[dict[str, str], ...] = ()

    @property
    def ids(self) -> list[str]:
        """The ids, rising."""
        return [s.id for s in self.storms]

    @property
    def by_id(self) -> dict[str, PastStorm]:
        """The storms by their id, rising."""
        return {s.id: s for s in self.storms}

    def hourly(self) -> PastStorms:
        """Return the storms of intervals of an hour or less as clock hours; the others are named in `aside`."""
        kept: list[PastStorm] = []
        aside = list(self.aside)
        for storm in self.storms:
            try:
                hours = hourly(storm.rain, where=storm.id)
            except TimeError:
                step = f"{24 / storm.steps_per_day:g}"
                aside.append({"id": storm.id, "reason": f"rain of {step} h intervals does not make up clock hours",
                              "reason_zh": f"降雨间隔为 {step} 小时，不能合成整点小时雨量"})  # fmt: skip
                continue
            kept.append(replace(storm, rain=hours, steps_per_day=24))
        return PastStorms(tuple(kept), tuple(aside))


def read_past_storms(
    events: Sequence[PastRainFile], *, area: Area, limit_mm_h: float, max_bad_share: float
) -> PastStorms:
    """Read the rain of past storms over an area, lazily.

    Parameters
    ----------
    events : the files. area : where rain is wanted; cells further off are not read.
    limit_mm_h, max_bad_share : as in `RainRules`.

    Raises
    ------
    DataError : two storms have one id, or the intervals of one do not divide a day. What `read_rain` raises, among it
        OverlapError where the rain of a storm lies beside the area.
    """
    found: dict[str, PastStorm] = {}
    doubled: list[str] = []
    for event in events:
        rules = RainRules(limit_mm_h, max_bad_share, options=event.options, area=area)
        cube, audit = read_rain(event.path, rules)
        per_day = 24 / audit.interval_h
        if per_day < 1 or abs(per_day - round(per_day)) > 1e-6:
            what = f"{event.path.name} has intervals of {audit.interval_h:g} h, which do not divide a day"
            raise DataError(what, where=_WHERE, fix="give hourly or daily rain")
        name = event.id or str(cube.attrs.get("storm_id", event.path.stem))
        if name in found:
            doubled.append(f"{event.path.name} is storm {name!r}")
        found[name] = PastStorm(name, cube, area, round(per_day), audit)
    if doubled:
        what = f"{'; '.join(doubled)}, and so is a file before it"
        raise DataError(what, where=_WHERE, fix="give each storm one file and one storm_id")
    return PastStorms(tuple(found[name] for name in sorted(found)))


@dataclass(frozen=True)
class PastSlides:
    """Slides of past storms.

    Attributes
    ----------
    frame : points in the run's CRS with `storm_id` (text) and `time` (UTC, missing where it is not known).
    quarantine : {"id", "reason", "reason_zh"} of rows that were set aside.
    n_without_zone : slides of the file whose time states no zone, so that it is not known.
    """

    frame: gpd.GeoDataFrame
    quarantine: list[dict[str, str]]
    n_without_zone: int


def read_past_slides(path: Path, grid: Grid, *, storms: Sequence[str], options: ReadOptions | None) -> PastSlides:
    """Read slides of past storms; those whose storm has no rain are set aside with a reason.

    Parameters
    ----------
    path : points with `storm_id`, and `time` (with its zone) where it is known.
    storms : ids of the storms that have rain.

    Raises
    ------
    SchemaError : there is no column `storm_id`. What `read_vector` raises.
    """
    read = read_vector(path, crs=grid.crs, where="inputs.past_slides", area=grid.bounds, geometry="Point",
                       columns=("storm_id", "time?"), options=options or NO_OPTIONS)  # fmt: skip
    slides, bare = _in_utc(read.frame.assign(storm_id=read.frame["storm_id"].astype(str)))
    known = slides["storm_id"].isin(list(storms))
    aside = [
        {
            "id": str(i),
            "reason": f"storm {s!r} has no rain among {_WHERE}",
            "reason_zh": f"场次 {s!r} 在 {_WHERE} 中无降雨数据",
        }
        for i, s in slides.loc[~known, "storm_id"].items()
    ]
    return PastSlides(slides[known].reset_index(drop=True), [*read.quarantine, *aside], bare)


def steps_of(storm: PastStorm, times: pd.Series[pd.Timestamp]) -> NDArray[np.int64]:
    """Return the index of the storm's interval in which each time (UTC) lies; -1 of no time, or one off the series."""
    ends = pd.DatetimeIndex(storm.rain["time"].to_numpy())
    told = pd.DatetimeIndex(times).tz_convert(None)
    begin = ends[0] - pd.Timedelta(days=1) / storm.steps_per_day
    held = (told > begin) & (told <= ends[-1])
    step = np.searchsorted(ends.to_numpy(), told.fillna(begin).to_numpy())
    return np.where(held, step, -1).astype(np.int64)


def _in_utc(slides: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, int]:
    """Return slides with `time` in UTC, missing where it is no time or states no zone, and how many state none."""
    text = slides["time"].map(lambda v: v.isoformat() if hasattr(v, "isoformat") and not pd.isna(v) else v)
    text = text.astype("string").str.strip()
    zoned = text.str.contains(_ZONED, na=False)
    times = pd.to_datetime(text.where(zoned), utc=True, errors="coerce", format="ISO8601")
    bare = pd.to_datetime(text.where(~zoned), errors="coerce", format="ISO8601")
    return slides.assign(time=times), int(bare.notna().sum())
