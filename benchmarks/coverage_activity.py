"""Coverage of accelerations and of failure windows."""

from __future__ import annotations

import numpy as np
from scipy import stats

from geo_risk.hazards.deformation.activity.failure import failure_window
from geo_risk.hazards.deformation.activity.joint import BodySeries, fit_course
from geo_risk.hazards.deformation.activity.params import ActivityParams

PARAMS = ActivityParams()
DATES = 60
STEP_YR = 12 / 365.25
TRACKS = ((-1.0, 0.0), (0.6, 5 / 365.25))
"""Share of the motion in the line of sight, and how much later the track passes [yr]."""
MISSING = ((7, 22, 51), (3, 30, 31), (12, 40, 58), (18, 26, 45))
"""Dates that are missing, one of these patterns a draw."""


def _noise(rng: np.random.Generator, n: int, lag: float) -> np.ndarray:
    out = rng.standard_normal(n)
    for k in range(1, n):
        out[k] = lag * out[k - 1] + np.sqrt(1 - lag**2) * out[k]
    return out


def _series(rng: np.random.Generator, motion: np.ndarray, *, lag: float) -> list[BodySeries]:
    """Two tracks of a motion given on a fine axis of days [mm], 1 mm noise, a yearly term, 5 % of dates missing."""
    days = np.arange(len(motion)) / 365.25
    out = []
    for k, (share, later) in enumerate(TRACKS):
        t = np.arange(DATES) * STEP_YR + later
        t = np.delete(t, MISSING[int(rng.integers(len(MISSING)))])
        season = rng.uniform(0, 4) * np.sin(2 * np.pi * (t + rng.uniform()))
        y = share * np.interp(t, days, motion) + season + _noise(rng, len(t), lag)
        out.append(BodySeries(str(k), t, y, np.ones(len(t))))
    return out


def activity_coverage(draws: int, seed: int) -> dict[str, tuple[int, int]]:
    """Return how often 95 % intervals hold: accelerations without and with correlated noise; windows of two laws."""
    rng = np.random.default_rng(seed)
    days = np.arange(int((DATES + 2) * 12)) / 365.25
    out: dict[str, tuple[int, int]] = {}
    for lag in (0.0, 0.3):
        hits = total = 0
        for _ in range(draws):
            true = rng.uniform(-30, 30)
            course, _ = fit_course(_series(rng, 20 * days + true * days**2 / 2, lag=lag), PARAMS)
            for m, (share, _) in zip(course.tracks, TRACKS, strict=True):
                half = stats.t.ppf(0.975, m.df) * m.acceleration_std
                hits += abs(m.acceleration - share * true) <= half
                total += 1
        out[f"acceleration, noise of lag-one correlation {lag:g}"] = (int(hits), total)
    for name, creep in (("1/v from the start", 0.0), ("1/v after a creep of 10 mm/yr", 10.0)):
        hits = given = called = refused = 0
        widths = []
        for _ in range(draws // 4):
            lead = rng.uniform(40, 120) / 365.25
            # a failure this long after the last date of both tracks
            end = (DATES - 1) * STEP_YR + TRACKS[-1][1]
            with np.errstate(invalid="ignore", divide="ignore"):
                law = np.where(days < end + lead, -12 * np.log1p(-days / (end + lead)), 0.0)
            fits_of = fit_course(_series(rng, law + creep * days, lag=0.0), PARAMS)
            before, after = fits_of[0].speeds
            if not (fits_of[0].p_change < PARAMS.area_significance and after > 1.2 * before):
                continue
            called += 1
            window = failure_window(fits_of[1], fits_of[0], PARAMS.failure)
            if window.refused:
                refused += 1
                continue
            given += 1
            last = max(float(f.series.t[-1]) for f in fits_of[1])
            hits += window.start_yr <= end + lead <= window.end_yr
            widths.append((window.end_yr - window.start_yr) * 365.25)
            assert window.start_yr > last
        median = float(np.median(widths)) if widths else float("nan")
        note = f"({called} called accelerating, {refused} refused a window, median width {median:.0f} days)"
        out[f"failure window, {name} {note}"] = (int(hits), given)
    return out
