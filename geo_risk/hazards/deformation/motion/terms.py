"""The terms of the motion model: trend, season, acceleration and steps, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from geo_risk.core.errors import TimeError
from geo_risk.hazards.deformation.params import VelocityParams
from geo_risk.kernels.motion import SEASON_DATES, motion_columns, years

F64 = NDArray[np.float64]
Times = NDArray[np.datetime64]

SEASON_SPAN_YR = 1.5
"""Series shorter than this have no yearly term: it could not be told from a trend."""

_UNITS = {"annual_sin": "mm", "annual_cos": "mm", "acceleration": "mm/yr2"}
_LONG_NAMES = {
    "annual_sin": "yearly term, sine from the first date",
    "annual_cos": "yearly term, cosine from the first date",
    "acceleration": "acceleration of the line-of-sight motion, its second derivative",
}


@dataclass(frozen=True)
class MotionTerms:
    """Columns of the model and what they are.

    Attributes
    ----------
    columns : (time, p); those of a trend first.
    names : (p,) "constant", "velocity", then "annual_sin", "annual_cos", "acceleration", "step_YYYYMMDD" where asked.
    t : (time,) years since the first date.
    """

    columns: F64
    names: tuple[str, ...]
    t: F64

    @property
    def has_season(self) -> bool:
        """Whether a yearly term is in the model."""
        return "annual_sin" in self.names

    def layers(self) -> list[tuple[str, int, bool]]:
        """Return (name, column, is error) of the maps that the terms beyond the trend give."""
        out: list[tuple[str, int, bool]] = []
        for column, name in enumerate(self.names[2:], 2):
            out += [(name, column, False), (f"{name}_std", column, True)]
        return out


def layer_text(name: str) -> tuple[str, str]:
    """Return unit and long name of a map of a term, or of its standard error (`_std`)."""
    base = name.removesuffix("_std")
    long_name = _LONG_NAMES.get(base) or f"offset on {base[5:9]}-{base[9:11]}-{base[11:13]}"
    prefix = "standard error: " if name.endswith("_std") else ""
    return _UNITS.get(base, "mm"), prefix + long_name


def motion_terms(times: Times, params: VelocityParams) -> MotionTerms:
    """Return the motion model of a series of dates.

    Parameters
    ----------
    times : (time,) datetime64, rising.
    params : which terms.

    Raises
    ------
    TimeError : fewer dates than the model and `minimum_dates` need; a step before the second or after the last date,
        or two without a date between them.
    """
    t = years(times, axis=params.time_axis)
    season = params.annual == "always" or (
        params.annual == "auto" and t[-1] >= SEASON_SPAN_YR and len(t) >= SEASON_DATES
    )
    names = ["constant", "velocity"]
    names += ["annual_sin", "annual_cos"] if season else []
    names += ["acceleration"] if params.acceleration else []
    days = sorted({np.datetime64(day, "D") for day in params.steps})
    names += [f"step_{str(day).replace('-', '')}" for day in days]
    least = max(params.minimum_dates, len(names) + 1)
    if len(t) < least:
        what = f"{len(t)} dates; at least {least} needed for {', '.join(names[1:])} with errors"
        raise TimeError(
            what, where="displacement.time", fix="give a longer series, fewer terms, or lower velocity.minimum_dates"
        )
    _check_steps(times, days)
    steps = [float(years(np.asarray([d]), axis=params.time_axis, since=times[0])[0]) for d in days]
    columns = motion_columns(t, annual=season, acceleration=params.acceleration, steps=steps)
    return MotionTerms(columns, tuple(names), t)


def _check_steps(times: Times, days: Sequence[np.datetime64]) -> None:
    """Raise where a step has no dates on one side, or two have none between them: no series could tell them apart."""
    where = "deformation.velocity.steps"
    outside = [str(d) for d in days if not times[0] < d <= times[-1]]
    if outside:
        what = f"steps on {', '.join(outside)} are not between the first date {str(times[0])[:10]} and the last "
        what += str(times[-1])[:10]
        raise TimeError(what, where=where, fix="leave those dates out for this track's period")
    after = np.searchsorted(times, np.array(days, dtype=times.dtype), side="left")
    same = [f"{a} and {b}" for (a, b), k in zip(pairwise(days), np.diff(after), strict=True) if k == 0]
    if same:
        what = f"no date lies between the steps on {', '.join(same)}: only their sum can be seen"
        raise TimeError(what, where=where, fix="name one of them")
