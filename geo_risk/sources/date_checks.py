"""Dates of a series that contradict the others: another unit, another sign."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geo_risk.core.errors import AmbiguousError

F64 = NDArray[np.float64]

UNIT_FACTOR = 50.0
"""Neighbouring cells of one date differ this many times more than on the date before: it is in another unit."""

_LEAST_PAIRS = 50
_LEAST_ROUGH_M = 2e-4
"""No question is asked where the rougher of two dates is smoother than this: written by a model, not by radar."""

_LEAST_CELLS = 50
_MOVING = 4.0
"""A cell moves where its displacement (rms) is this many times its step from date to date (median)."""

_ALIKE = 0.8
_OPPOSITE = -0.9
_STEPS = 8.0
_REST = 0.15
_LEVER = 10
_FIX_UNITS = "write all dates in one unit, or leave out the ones that are broken"


def check_dates(sample: NDArray[np.floating], times: NDArray[np.datetime64], *, where: str) -> None:
    """Raise where single dates of a series, or all from one date on, are in another unit or have the other sign.

    Parameters
    ----------
    sample : (time, cell) displacement [m] of the same cells on every date, in the order of rows of one or several
        windows, so that cells that follow one another are neighbours; NaN is missing.
    times : dates, rising.
    where : folder or file, for messages.

    Raises
    ------
    AmbiguousError : the difference of neighbouring cells changes by more than `UNIT_FACTOR` from one date to the next;
        or the whole field of motion turns into its opposite between two dates.

    Notes
    -----
    Neighbouring cells are compared because no motion can differ by more between them than unwrapping can follow:
    an earthquake moves a frame by metres, but smoothly. All limits are geo_risk's choice.
    """
    check_units(sample, [str(t)[:10] for t in times], where=where, has_reference=True)
    _check_signs(sample, times, where=where)


def _known(sample: NDArray[np.floating]) -> F64:
    """Return the cells of a sample that at least half of the dates know, infinities as NaN."""
    values = np.asarray(sample, dtype=np.float64)
    values = np.where(np.isfinite(values), values, np.nan)
    return values[:, np.isfinite(values).mean(axis=0) >= 0.5] if values.size else values


def roughness(values: F64) -> F64:
    """Return, for each date, the mean |difference| of neighbouring cells without its largest tenth; NaN if unknown.

    Parameters
    ----------
    values : (time, cell). A date that is 0 in every cell, as the reference date is, is unknown.
    """
    out = np.full(len(values), np.nan)
    for k, row in enumerate(values):
        apart = np.abs(np.diff(row))
        apart = np.sort(apart[np.isfinite(apart)])
        if len(apart) >= _LEAST_PAIRS and apart[-1] > 0:
            out[k] = apart[: int(0.9 * len(apart)) + 1].mean()
    return np.where(out > 0, out, np.nan)


def check_units(
    sample: NDArray[np.floating],
    names: Sequence[str],
    *,
    where: str,
    fix: str = _FIX_UNITS,
    kind: str = "dates",
    has_reference: bool = False,
) -> None:
    """Raise AmbiguousError where single dates are in another unit; see `check_dates`.

    Parameters
    ----------
    sample : see `check_dates`; what it holds need not have one reference date.
    names : of the dates, or of what stands for them, for messages; `kind` says what they are.
    where, fix : place and answer, for messages.
    has_reference : all dates are against the first one, which may be 0 but for rounding.
    """
    values = _known(sample)
    rough = roughness(values)
    known = np.flatnonzero(np.isfinite(rough))
    if len(known) < 2:
        return
    steps = np.abs(np.diff(np.log(rough[known])))
    worst = int(np.argmax(steps))
    pair = rough[known[worst]], rough[known[worst + 1]]
    if not (steps[worst] > np.log(UNIT_FACTOR) and max(pair) > _LEAST_ROUGH_M):
        return
    # of the two groups of dates the smaller is named: they are parted at the geometric middle of the jump
    is_large = rough[known] > np.sqrt(pair[0] * pair[1])
    odd = known[is_large] if is_large.sum() * 2 <= len(known) else known[~is_large]
    rest = np.setdiff1d(known, odd)
    is_reference = has_reference and odd.tolist() == [0] and not is_large[0]
    if is_reference or not _differ_in_scatter(values, odd, rest):
        return
    ratio = float(np.median(rough[odd]) / np.median(rough[rest]))
    days = ", ".join(names[k] for k in odd[:5]) + (" ..." if len(odd) > 5 else "")
    what = (
        f"neighbouring cells differ by {np.median(rough[odd]) * 1000:.4g} mm on {days} ({len(odd)} of {len(names)} "
        f"{kind}) and by {np.median(rough[rest]) * 1000:.4g} mm on the others, {ratio:.4g} times as much: are these "
        f"{kind} in another unit, or lost to noise?"
    )
    raise AmbiguousError(what, where=where, fix=fix)


def _differ_in_scatter(values: F64, odd: NDArray[np.intp], rest: NDArray[np.intp]) -> bool:
    """Return whether the steps between dates differ too, between those of two groups; True where one has no two dates.

    What an earthquake leaves stays from its date on, but the steps after it are as small as those before.
    """
    inside = [[k for k in group if k + 1 in group] for group in (odd, rest)]
    if not all(inside):
        return True
    sizes = [roughness(values[[k + 1 for k in part]] - values[part]) for part in inside]
    if not all(np.isfinite(s).any() for s in sizes):
        return True
    large, small = (float(np.nanmedian(s)) for s in sizes)
    return max(large / small, small / large) > UNIT_FACTOR / 5


def _check_signs(sample: NDArray[np.floating], times: NDArray[np.datetime64], *, where: str) -> None:
    """Raise AmbiguousError where the field of motion turns into its opposite from one date to the next.

    Asked for are: fields before and after that are opposite cell by cell and alike in size, each like its own
    neighbour in time; a step between them that is many times what the time between them explains; a series that is
    continuous once it is turned, and a motion that runs the other way after it. A yearly motion, a gap, ground that
    stops, springs back or is thrown by an earthquake has not all of these.
    """
    moving, dates = _moving(_known(sample))
    if moving.shape[1] < _LEAST_CELLS or len(dates) < 5:
        return
    amplitude = _amplitude(moving)
    days = (times[dates] - times[dates][0]) / np.timedelta64(1, "D")
    rate = np.abs(np.diff(amplitude)) / np.diff(days)
    usual = float(np.median(rate))
    turns = []
    for k in range(1, len(dates)):
        before, after = amplitude[k - 1], amplitude[k]
        is_opposite = before * after < 0 and abs(after + before) <= _REST * abs(after - before)
        is_sudden = rate[k - 1] > _STEPS * usual and _cosine(moving, k - 1, k) <= _OPPOSITE
        if is_opposite and is_sudden and _is_lasting(moving, k):
            turns.append(k)
    # a field that turns and turns back is none of the ground; one that turns once must run the other way after it
    sure = [k for k in turns if k + 1 in turns or _is_reversed(amplitude, days, k)]
    if not sure:
        return
    k = sure[0]
    what = (
        f"{moving.shape[1]} moving cells of a sample stand at their opposite on {str(times[dates[k]])[:10]}, against "
        f"{str(times[dates[k - 1]])[:10]} (correlation {_cosine(moving, k - 1, k):.2f}, a step "
        f"{rate[k - 1] / max(usual, 1e-12):.4g} times the usual): does the sign change there?"
    )
    fix = "write all dates with one sign; if the ground did this, give the dates before and after as two tracks"
    raise AmbiguousError(what, where=where, fix=fix)


def _moving(values: F64) -> tuple[F64, NDArray[np.intp]]:
    """Return (date, cell) of cells that move far more than they scatter, against the frame's median, and the dates.

    Dates on which less than half of the cells are known, and those that are 0 everywhere, are left out.
    """
    none = np.zeros((0, 0)), np.zeros(0, dtype=np.intp)
    if not values.size:
        return none
    known = np.isfinite(values)
    dates = np.flatnonzero((known.mean(axis=1) >= 0.5) & (np.where(known, values, 0) != 0).any(axis=1))
    values = values[dates][:, known[dates].all(axis=0)]
    if len(dates) < 3 or not values.shape[1]:
        return none
    values = values - np.median(values, axis=1, keepdims=True)
    size = np.sqrt((values**2).mean(axis=0))
    step = np.median(np.abs(np.diff(values, axis=0)), axis=0)
    return values[:, size > _MOVING * np.maximum(step, 1e-6)], dates


def _amplitude(moving: F64) -> F64:
    """Return the size of the common pattern of motion on each date, by the first singular vector."""
    vectors = np.linalg.eigh(moving @ moving.T)[1]
    pattern = vectors[:, -1] @ moving
    out: F64 = moving @ pattern / np.linalg.norm(pattern)
    return out


def _cosine(moving: F64, a: int, b: int) -> float:
    norm = np.linalg.norm(moving[a]) * np.linalg.norm(moving[b])
    return float(moving[a] @ moving[b] / norm) if norm > 0 else 0.0


def _is_lasting(moving: F64, k: int) -> bool:
    """Return whether the fields next to both sides of a turn are like those at it, whatever their sign."""
    sides = [(a, b) for a, b in ((k - 2, k - 1), (k, k + 1)) if a >= 0 and b < len(moving)]
    return all(abs(_cosine(moving, a, b)) >= _ALIKE for a, b in sides)


def _is_reversed(amplitude: F64, days: F64, k: int) -> bool:
    """Return whether the motion of three dates or more goes one way before a turn and the other way from it on."""
    parts = slice(max(0, k - _LEVER), k), slice(k, k + _LEVER)
    if min(len(amplitude[p]) for p in parts) < 3:
        return False
    slopes = [np.polyfit(days[p], amplitude[p], 1)[0] for p in parts]
    return bool(slopes[0] * slopes[1] < 0)
