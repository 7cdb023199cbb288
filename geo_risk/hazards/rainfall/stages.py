"""Warning stages: what was known when each was issued, joined from observed and forecast rain without overlap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import AmbiguousError, GridError, TimeError
from geo_risk.hazards.rainfall.params import RainfallParams

MISSING, OBSERVED, FORECAST = 0, 1, 2
"""Provenance of an hour."""


@dataclass(frozen=True)
class Forecast:
    """One forecast: when it was issued, the first and last hour it holds, and those between that no file holds.

    All are aware times; hours are told by their end. `step_h`: length of the intervals it was given in, whose rain was
    spread over their hours.
    """

    issued: datetime
    first: datetime
    last: datetime
    missing: tuple[datetime, ...] = ()
    step_h: int = 1

    def covers(self, start: datetime, end: datetime) -> bool:
        """Return whether every hour of (start, end] is in it, told as finely as that takes.

        Of a part of a step the rain is not known: (start, end] must begin and end with steps, or hold two of them
        (choice of geo_risk: `with_whole_steps` then takes it for the whole step's, which is a bound, not a guess).
        """
        whole = self.first <= start + timedelta(hours=1) and self.last >= end
        step, begin = timedelta(hours=self.step_h), self.first - timedelta(hours=1)
        is_fine = end - start >= 2 * step or not any((t - begin) % step for t in (start, end))
        return whole and is_fine and not any(start < hour <= end for hour in self.missing)


def forecast_of(cube: xr.DataArray, issued: datetime) -> Forecast:
    """Return what a forecast's hourly cube holds; hours that a coordinate `is_gap` (time) marks are missing."""
    times = _times(cube)
    missing = tuple(aware(t) for t in times.difference(_present(cube)).to_numpy())
    step_h = int(cube.attrs.get("step_h", 1))
    return Forecast(issued, aware(times.to_numpy()[0]), aware(times.to_numpy()[-1]), missing, step_h)


def with_whole_steps(cube: xr.DataArray, start: datetime, end: datetime) -> xr.DataArray:
    """Let the hours of a step that lie in (start, end] hold all of its rain, where the step reaches beyond.

    When within a step its rain falls is not known: all of it may fall in the part that counts.

    Parameters
    ----------
    cube : (time, y, x) hourly [mm], with the attribute `step_h` where longer steps were spread evenly over their hours.
    """
    step = int(cube.attrs.get("step_h", 1))
    if step == 1:
        return cube
    times = _times(cube)
    number = np.arange(len(times)) // step
    inside = (times.to_numpy() > naive(start)) & (times.to_numpy() <= naive(end))
    held = np.bincount(number, weights=inside)[number]
    factor = np.where(inside, step / np.maximum(held, 1), 1.0).astype(np.float32)
    return cube.copy(data=da.asarray(cube.data) * factor[:, None, None])


@dataclass(frozen=True)
class Stage:
    """One stage: the horizon (issued, issued + hours], and the forecast it stands on; None is "no forecast"."""

    hours: int
    issued: datetime
    forecast: int | None

    @property
    def until(self) -> datetime:
        """End of the horizon."""
        return self.issued + timedelta(hours=self.hours)

    @property
    def note(self) -> str:
        """What the stage stands on, in a sentence."""
        start = self.issued.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
        if self.forecast is None:
            return (
                f"Stage {self.hours} h issued {start}: no forecast covers it; its level is unknown, not 'no warning'."
            )
        return f"Stage {self.hours} h issued {start} uses forecast {self.forecast + 1}."


def plan_stages(params: RainfallParams, forecasts: Sequence[Forecast], *, latest: datetime) -> tuple[Stage, ...]:
    """Choose for each stage the newest forecast issued not later than the stage that covers its whole horizon.

    Parameters
    ----------
    params : `issued` or `event_time`, and the stages.
    forecasts : in any order; hours that one holds before its own issue fill only what was not observed.
    latest : issue time where the parameters give none (the newest forecast's, or the end of the observations).

    Raises
    ------
    AmbiguousError : two forecasts of one issue time would do.
    """
    stages = []
    for hours in params.stages_h:
        issued = params.stage_issued(hours, latest)
        until = issued + timedelta(hours=hours)
        usable = [(f.issued, i) for i, f in enumerate(forecasts) if f.issued <= issued and f.covers(issued, until)]
        stages.append(Stage(hours, issued, _newest(usable)))
    return tuple(stages)


def _newest(usable: Sequence[tuple[datetime, int]]) -> int | None:
    """Return the index of the newest forecast, None where there is none."""
    if not usable:
        return None
    issued = max(usable)[0]
    found = [i for when, i in usable if when == issued]
    if len(found) > 1:
        numbers = " and ".join(str(i + 1) for i in found)
        what = f"forecasts {numbers} are both issued at {issued.isoformat()} and cover the same hours"
        raise AmbiguousError(
            what, where="inputs.rainfall.forecast", fix="keep one of them; their rain is never added up"
        )
    return found[0]


def newest_issue(times: Sequence[datetime]) -> datetime:
    """Return the newest of the issue times of forecasts, put off to the next whole hour.

    Raises
    ------
    ValueError : there is none.
    """
    newest = max(times)
    return newest + timedelta(seconds=-newest.timestamp() % 3600)


def latest_known(forecasts: Sequence[Forecast], observed_end: datetime | None) -> datetime:
    """Return the newest issue time, or the end of the observations where there is no forecast.

    A time between two hours is put off to the next whole one: rain is told by hours, and what is issued is known then.

    Raises
    ------
    TimeError : there is neither.
    """
    if forecasts:
        return newest_issue([f.issued for f in forecasts])
    if observed_end is None:
        what = "there is neither observed nor forecast rain"
        raise TimeError(what, where="inputs.rainfall", fix="give at least one of them")
    return observed_end


@dataclass(frozen=True)
class Period:
    """What the accumulations describe.

    Attributes
    ----------
    past : beginning of the hours that only fill windows and antecedent days.
    start, until : the analysis period (start, until].
    known : observations count up to here.
    forecast : index of the forecast that follows them, or None.
    """

    past: datetime
    start: datetime
    until: datetime
    known: datetime
    forecast: int | None

    @property
    def hours(self) -> int:
        """Length of the analysis period."""
        return round((self.until - self.start).total_seconds() / 3600)

    def to_dict(self) -> dict[str, object]:
        """Return plain values."""
        times = {k: getattr(self, k).astimezone(UTC).isoformat() for k in ("past", "start", "until", "known")}
        return {**times, "hours": self.hours, "forecast": self.forecast}


def analysis_period(params: RainfallParams, forecasts: Sequence[Forecast], *, observed_end: datetime | None) -> Period:
    """Return the period that the accumulations describe.

    In a warning run: from `lookback_h` before the issue time to the end of the newest forecast issued by then (not
    beyond the longest stage), with observations up to the issue time. In a hindcast (`event_time`): `lookback_h` on
    both sides of the event, with all observations, since it describes what happened; what was known is in the stages.

    Raises
    ------
    TimeError : there is neither observed nor forecast rain, or none reaches into the period.
    """
    latest = latest_known(forecasts, observed_end)
    centre = params.event_time or params.issued or latest
    look = timedelta(hours=params.lookback_h)
    usable = [(f.issued, i) for i, f in enumerate(forecasts) if f.issued <= centre and f.last > centre]
    newest = _newest(usable)
    after = look if params.event_time else timedelta(hours=max(params.stages_h))
    ends = [] if newest is None else [forecasts[newest].last]
    if observed_end is not None:
        ends.append(observed_end if params.event_time else min(observed_end, centre))
    start = centre - look
    until = min(max(ends, default=start), centre + after)
    if not until > start:
        what = f"no rain is known between {start.isoformat()} and {centre.isoformat()}"
        raise TimeError(
            what, where="rainfall.issued, rainfall.event_time", fix="check the times, their zone, the files"
        )
    history = timedelta(hours=max(24 * params.antecedent_days, *params.durations_h))
    known = until if params.event_time else centre
    return Period(start - history, start, until, known, newest)


def stitch(
    observed: xr.DataArray | None,
    forecast: xr.DataArray | None,
    *,
    start: datetime,
    issued: datetime,
    until: datetime,
) -> xr.DataArray:
    """Join observed rain up to `issued` and forecast rain after it into one unbroken hourly cube.

    Parameters
    ----------
    observed, forecast : (time, y, x) hourly [mm] at the UTC end of the hour; on one native grid. Observed hours after
        `issued` are not used (they were not known). Forecast hours fill what is not observed, none is used twice. Hours
        that a coordinate `is_gap` (time) marks are in no file, and count as not there.
    start, until : first hour's beginning and last hour's end (aware).

    Returns
    -------
    (time, y, x) float32 [mm], lazy, with coordinates `provenance` (time): 0 missing (NaN), 1 observed, 2 forecast; and
    `quality` (time), as the series themselves say it.

    Raises
    ------
    TimeError : both are None, or `until` is not after `start`.
    GridError : they lie on different grids (bring the forecast onto the observed grid first).
    """
    given = [cube for cube in (observed, forecast) if cube is not None]
    hours = pd.date_range(naive(start) + np.timedelta64(1, "h"), naive(until), freq="1h")
    if len(given) == 2 and not all(np.array_equal(given[0][d].to_numpy(), given[1][d].to_numpy()) for d in ("y", "x")):
        what = "observed and forecast rain are on different grids"
        raise GridError(what, where="rainfall stages", fix="align the forecast in geo_risk.sources.rain_grid first")
    if not given or not len(hours):
        what = f"rain from {start} to {until} cannot be joined from {len(given)} series"
        raise TimeError(what, where="rainfall stages", fix="give rain that reaches past the issue time")
    provenance = np.full(len(hours), MISSING, dtype=np.int8)
    if forecast is not None:
        provenance[hours.isin(_present(forecast))] = FORECAST
    if observed is not None:
        known = hours.isin(_present(observed)) & (hours.to_numpy() <= naive(issued))
        provenance[known] = OBSERVED
    parts = _pieces({OBSERVED: observed, FORECAST: forecast}, hours, provenance)
    first = given[0]
    coords = {c: first.coords[c] for c in ("y", "x", "spatial_ref") if c in first.coords}
    out = xr.DataArray(
        da.concatenate(parts, axis=0), dims=("time", "y", "x"), coords={"time": hours.to_numpy(), **coords}, name="rain"
    )
    quality = _qualities({OBSERVED: observed, FORECAST: forecast}, hours, provenance)
    out = out.assign_coords(provenance=("time", provenance), quality=("time", quality))
    return out.assign_attrs(units="mm", long_name="hourly rain, observed then forecast", interval_h=1.0)


def _pieces(
    cubes: Mapping[int, xr.DataArray | None], hours: pd.DatetimeIndex, provenance: NDArray[np.int8]
) -> list[da.Array]:
    """Return the data of each run of hours of one provenance, in order."""
    shape = next(cube.shape[1:] for cube in cubes.values() if cube is not None)
    edges = np.flatnonzero(np.diff(provenance)) + 1
    parts = []
    for run in np.split(np.arange(len(hours)), edges):
        cube = cubes.get(int(provenance[run[0]]))
        if cube is None:
            parts.append(da.full((len(run), *shape), np.nan, dtype=np.float32))
        else:
            index = _times(cube).get_indexer(hours[run])
            parts.append(da.asarray(cube.data)[index].astype(np.float32))
    return parts


def _qualities(
    cubes: Mapping[int, xr.DataArray | None], hours: pd.DatetimeIndex, provenance: NDArray[np.int8]
) -> NDArray[np.int8]:
    """Return the quality of each hour, 0 (unstated) where its series says nothing or there is none."""
    out = np.zeros(len(hours), dtype=np.int8)
    for code, cube in cubes.items():
        mine = provenance == code
        if cube is not None and "quality" in cube.coords and mine.any():
            index = _times(cube).get_indexer(hours[mine])
            out[mine] = cube["quality"].to_numpy()[index]
    return out


def _present(cube: xr.DataArray) -> pd.DatetimeIndex:
    """Return the hours of a cube that its files hold."""
    times = _times(cube)
    return times if "is_gap" not in cube.coords else times[cube["is_gap"].to_numpy() == 0]


def _times(cube: xr.DataArray) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(cube["time"].to_numpy().astype("datetime64[ns]"))


def naive(time: datetime) -> np.datetime64:
    """Return an aware time as a UTC datetime64 [ns], as the time axes of cubes have it."""
    return np.datetime64(time.astimezone(UTC).replace(tzinfo=None), "ns")


def aware(time: np.datetime64) -> datetime:
    """Return a UTC datetime64 as an aware time."""
    return pd.Timestamp(time).to_pydatetime().replace(tzinfo=UTC)
