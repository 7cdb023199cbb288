"""Past storms and their slides, as the configuration names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import xarray as xr

from geo_risk.core.errors import DataError
from geo_risk.core.grid import Grid
from geo_risk.hazards.rainfall.params import RainfallParams
from geo_risk.sources.options import NO_OPTIONS, RainOptions, ReadOptions
from geo_risk.sources.rain import RainRules, read_rain
from geo_risk.sources.vectors import VectorRead, read_vector


@dataclass(frozen=True)
class PastStorm:
    """Rain of a past storm and the days before it.

    Attributes
    ----------
    id : what slides and depths name it by; the one in the file comes before the configuration's.
    rain : (time, y, x) [mm an interval], lazy.
    steps_per_day : intervals a day. days : whole days that the rain holds. year : of its last hour, UTC.
    """

    id: str
    rain: xr.DataArray
    steps_per_day: int
    days: int
    year: int


def read_past_storms(
    paths: Sequence[Path], ids: Sequence[str], options: Sequence[RainOptions], *, params: RainfallParams
) -> list[PastStorm]:
    """Read the rain of past storms, lazily.

    Raises
    ------
    DataError : two storms have one id, or the intervals of one do not divide a day.
    """
    out: list[PastStorm] = []
    for path, given, said in zip(paths, ids, options, strict=True):
        cube, _ = read_rain(path, RainRules(params.rain_limit_mm_h, params.max_bad_share, options=said))
        per_day = 24 / float(cube.attrs["interval_h"])
        if per_day < 1 or abs(per_day - round(per_day)) > 1e-6:
            what = f"{path.name} has intervals of {cube.attrs['interval_h']:g} h, which do not divide a day"
            raise DataError(what, where="inputs.rainfall.past_events", fix="give hourly or daily rain")
        storm_id, steps = str(cube.attrs.get("storm_id", given)), round(per_day)
        year = int(pd.Timestamp(cube["time"].to_numpy()[-1]).year)
        out.append(PastStorm(storm_id, cube, steps, cube.sizes["time"] // steps, year))
    doubled = sorted({s.id for s in out if sum(t.id == s.id for t in out) > 1})
    if doubled:
        what = f"storms {', '.join(doubled)} are given twice"
        raise DataError(what, where="inputs.rainfall.past_events", fix="give each storm_id once")
    return out


def read_past_slides(path: Path, grid: Grid, *, storms: Sequence[str], options: ReadOptions | None) -> VectorRead:
    """Read slides of past storms; those whose storm has no rain are set aside with a reason.

    Raises
    ------
    SchemaError : there is no column `storm_id`.
    """
    from dataclasses import replace

    read = read_vector(path, crs=grid.crs, where="inputs.past_slides", area=grid.bounds, geometry="Point",
                       columns=("storm_id",), options=options or NO_OPTIONS)  # fmt: skip
    known = read.frame["storm_id"].astype(str).isin(list(storms))
    aside = [
        {
            "id": str(i),
            "reason": f"storm {s!r} has no rain among inputs.rainfall.past_events",
            "reason_zh": f"场次 {s!r} 在 inputs.rainfall.past_events 中无降雨数据",
        }
        for i, s in read.frame.loc[~known, "storm_id"].items()
    ]
    return replace(read, frame=read.frame[known], quarantine=[*read.quarantine, *aside])
