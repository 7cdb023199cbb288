"""Slides that fail beneath a strong season, and still ground whose season differs from year to year.

    python -m benchmarks.irregular_season [--draws 240] [--seed 1]

Two tracks of 60 dates at 12 days. Printed for each ground: how many draws are called accelerating by the change test
alone, how many where the season is asked for first, and how many now, where a change beneath a season that outdoes the
trend must also stand beside an irregular one (`activity/irregular.py`).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from geo_risk.hazards.deformation.activity.irregular import change_probability
from geo_risk.hazards.deformation.activity.joint import BodySeries, Course, fit_course
from geo_risk.hazards.deformation.activity.params import ActivityParams
from geo_risk.kernels.breakpoints import LINEAR, STEP, UNCORRELATED

PARAMS = ActivityParams()
T = np.arange(60) * 12 / 365.25
LEAD_YR = 70 / 365.25
Draw = Callable[[np.random.Generator], np.ndarray]


def irregular(rng: np.random.Generator, amplitude_mm: float, share: float) -> np.ndarray:
    """Return the displacement (60,) [mm] of still ground whose season differs in strength and timing by a share."""
    turn = T + rng.uniform()
    year = np.floor(turn).astype(int)
    strength = amplitude_mm * np.maximum(0.1, 1 + share * rng.standard_normal(4))[year]
    late = share / 6 * rng.standard_normal(4)[year]
    part = turn - year
    return np.asarray(-strength * (1 - np.cos(2 * np.pi * np.clip(part + late * np.sin(np.pi * part), 0, 1))))


def failing(rng: np.random.Generator, amplitude_mm: float) -> np.ndarray:
    """Return the displacement (60,) [mm] of a slide that fails in 70 days, beneath the same season each year."""
    season = amplitude_mm * np.sin(2 * np.pi * T + rng.uniform(0, 2 * np.pi))
    return np.asarray(12 * np.log1p(-T / (T[-1] + LEAD_YR)) + season)


def outdone(course: Course) -> bool:
    """Return whether the season outdoes the trend, as in `verdict`."""
    yearly = max(course.tracks, key=lambda m: m.annual / max(m.velocity_std, 1e-12))
    is_strong = 2 * yearly.annual >= max(abs(yearly.before), abs(yearly.after))
    return course.p_annual < PARAMS.area_significance and is_strong


def counts(draw: Draw, noise_mm: float, n: int, seed: int) -> tuple[int, int, int]:
    """Return how many of n draws are accelerating: by the change test, with the season first, and now."""
    rng = np.random.default_rng(seed)
    plain = before = now = 0
    for _ in range(n):
        motion = draw(rng)
        course, fits = fit_course(
            [BodySeries(k, T, g * motion + noise_mm * rng.standard_normal(60), np.ones(60))
             for k, g in (("asc", 1.0), ("desc", 0.9))], PARAMS,
        )  # fmt: skip
        slow, fast = course.speeds
        if course.kind in (UNCORRELATED, LINEAR, STEP) or fast <= (1 + PARAMS.minimum_change) * slow:
            continue
        hidden = outdone(course)
        plain, before = plain + 1, before + (not hidden)
        now += not hidden or change_probability(course, fits, PARAMS)[0] < PARAMS.area_significance
    return plain, before, now


def main() -> None:
    """Print the counts of each ground."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=240)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    grounds: list[tuple[str, Draw, float]] = [
        (f"fails in 70 days, season of {a} mm each year", lambda rng, a=a: failing(rng, a), 1.5) for a in (9, 18, 30)
    ]  # fmt: skip
    grounds += [
        (f"still, season of {a} mm that differs by {s:.0%}", lambda rng, a=a, s=s: irregular(rng, a, s), 1.0)
        for a, s in ((6, 0.3), (10, 0.3), (18, 0.2))
    ]  # fmt: skip
    for name, draw, noise in grounds:
        plain, before, now = counts(draw, noise, given.draws, given.seed)
        print(f"{name}: accelerating in {now} of {given.draws} (season first {before}, change test alone {plain})")


if __name__ == "__main__":
    main()
