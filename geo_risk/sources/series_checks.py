"""Dates and magnitude of a series, checked with NumPy alone, for the commands that must start at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_risk.core.errors import AmbiguousError, DataError, TimeError

_DAY = re.compile(r"((?:19|20)\d{2})(-?)(\d{2})\2(\d{2})(?:[T ]\d{2}:?\d{2}(?::?\d{2}(?:\.\d*)?)?Z?)?")
"""YYYYMMDD or YYYY-MM-DD, and a time of day after it, as in MintPy's YYYYMMDDTHHMM."""

ASK_UNIT = "set `units` of this track to the true unit (m, cm, mm; of a velocity with /yr), or mend the file"
"""How a doubt about a unit is answered where the configuration may name any."""

UNIT_IS_FIXED = "fetch the files again as they were published: the product fixes its unit, no field of the track does"
"""How it is where the configuration has no say."""


def check_times(days: Sequence[str], *, where: str) -> NDArray[np.datetime64]:
    """Return texts YYYYMMDD or YYYY-MM-DD as dates; a time of day after them (MintPy's YYYYMMDDTHHMM) is left out.

    Raises
    ------
    TimeError : a text is no date, fewer than two dates, a date twice, or not rising.
    """
    fix = "repair the date list; one entry a date, rising"
    times = np.array([_day(d, where=where) for d in days], dtype="datetime64[ns]")
    if len(times) < 2:
        what = f"{len(times)} date; a velocity needs at least two"
        raise TimeError(what, where=where, fix="give the whole series")
    steps = np.diff(times)
    if not (steps > np.timedelta64(0, "ns")).all():
        at = int(np.flatnonzero(~(steps > np.timedelta64(0, "ns")))[0])
        what = f"the dates are doubled or not rising at {days[at]}, {days[at + 1]}"
        raise TimeError(what, where=where, fix=fix)
    return times


def _day(text: str, *, where: str) -> np.datetime64:
    match = _DAY.fullmatch(text.strip())
    try:
        if match:
            year, _, month, day = match.groups()
            return np.datetime64(f"{year}-{month}-{day}", "ns")
    except ValueError:
        pass
    what = f"the dates hold {text!r}; YYYYMMDD, YYYY-MM-DD or YYYYMMDDTHHMM of 1900 to 2099 needed"
    raise TimeError(what, where=where, fix="repair the date list; one such text a date, rising")


def check_magnitude(
    sample: NDArray[np.floating[Any]], *, unit: str, where: str, is_said: bool = False, fix: str = ASK_UNIT
) -> str:
    """Check that values are displacements or velocities of the ground in `unit`, and return the sentence of evidence.

    Parameters
    ----------
    sample : values of one date, the largest of all dates, or velocities; NaN and 0 (the reference, or outside a mask)
        do not count.
    unit : "m", "mm" or "mm/yr".
    where : file, for messages.
    is_said : the configuration names the unit, so that unlikely values are told and not refused.
    fix : how a doubt can be answered, for the message.

    Raises
    ------
    AmbiguousError : larger than the ground of a whole frame moves (half of the values beyond 0.5 m or 0.5 m/yr, or
        1 % beyond 20), so that millimetres are called metres, or it is phase; or quieter than radar can be (99 % within
        0.2 mm), so that metres are called millimetres.
    DataError : no value at all.

    Notes
    -----
    The limits are geo_risk's choice: a frame whose median cell moved half a metre is not InSAR of slow ground, and no
    frame of radar is quiet to a fifth of a millimetre. Metres called millimetres are, unless cells move by more than
    20 cm; they would be told of as still ground, which is the worse of the two mistakes.
    """
    values = np.abs(sample[np.isfinite(sample) & (sample != 0)])
    if not values.size:
        what = "no value in the sample: the frame is empty or wholly decorrelated"
        raise DataError(what, where=where, fix="leave this track out, or give a product with coherent pixels")
    high, middle = float(np.quantile(values, 0.99)), float(np.median(values))
    metre = 1.0 if unit.startswith("m") and not unit.startswith("mm") else 1000.0
    doubt = ""
    if not (high <= 20 * metre and middle <= 0.5 * metre):
        doubt = f"half of the values exceed {middle:.4g} and 1 % exceed {high:.4g} {unit}; the ground does not move so"
    elif not high >= 2e-4 * metre:
        doubt = f"99 % of the values are within {high:.2g} {unit}; radar is not so quiet"
    if doubt and not is_said:
        what = f"{doubt}: is the unit really {unit}?"
        raise AmbiguousError(what, where=where, fix=fix)
    said = ", as the configuration says" if is_said else ""
    return f"unit: {unit}{said}, 99 % of |values| are below {high:.4g}" + (f"; {doubt}" if doubt else "")


def check_unit(sample: NDArray[np.floating[Any]], *, unit: str, where: str, is_checked: bool) -> str:
    """Check a file that is read without a configuration as `check_magnitude` does; `is_checked`: the user vouches.

    Raises
    ------
    AmbiguousError, DataError : see `check_magnitude`.
    """
    try:
        return check_magnitude(sample, unit=unit, where=where, is_said=is_checked)
    except AmbiguousError as error:
        fix = "write the true unit into the attribute UNIT, or say --units-checked if the ground did move so"
        raise AmbiguousError(error.what, where=where, fix=fix) from error
