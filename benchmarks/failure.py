"""Time of failure by two ways: velocities differenced, smoothed and inverted, and the law fitted to displacements.

    python -m benchmarks.failure [--draws 500] [--seed 1]

One track of 60 dates at 12 days with 1 mm noise, failing 40-120 days after the last date. The first way is the usual
one: velocities over seven dates (Carla et al. 2017 smooth over as many), 1/v of the last half of the record against
time, a line by least squares, failure where it is nought.
"""

from __future__ import annotations

import argparse

import numpy as np

from geo_risk.hazards.deformation.activity.failure import profile
from geo_risk.hazards.deformation.activity.joint import BodySeries, fit_course
from geo_risk.hazards.deformation.activity.params import ActivityParams

DATES = 60
STEP_YR = 12 / 365.25
WINDOW = 7


def inverse_velocity(t: np.ndarray, y: np.ndarray) -> float:
    """Return the lead to failure [yr] by a line through 1/v of the later half; NaN where it does not fall."""
    rates = [np.polyfit(t[k : k + WINDOW], y[k : k + WINDOW], 1)[0] for k in range(len(t) - WINDOW + 1)]
    middle = t[WINDOW // 2 : WINDOW // 2 + len(rates)]
    late = slice(len(rates) // 2, None)
    slope, level = np.polyfit(middle[late], 1 / np.array(rates)[late], 1)
    lead = -level / slope - t[-1]
    return float(lead) if slope < 0 and 0 < lead < 2 else float("nan")


def main() -> None:
    """Print the errors of both ways."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    t = np.arange(DATES) * STEP_YR
    errors: dict[str, list[float]] = {"1/v of smoothed velocities": [], "displacements": []}
    for _ in range(given.draws):
        lead = rng.uniform(40, 120) / 365.25
        y = -12 * np.log1p(-t / (t[-1] + lead)) + rng.standard_normal(DATES)
        _, fits = fit_course([BodySeries("asc", t, y, np.ones(DATES))], ActivityParams())
        leads, sums, _ = profile(fits, 2.0)
        errors["1/v of smoothed velocities"].append((inverse_velocity(t, y) - lead) * 365.25)
        errors["displacements"].append((float(leads[sums.argmin()]) - lead) * 365.25)
    for name, found in errors.items():
        known = np.array(found)[np.isfinite(found)]
        print(
            f"{name}: {len(known)} of {given.draws} give a time; median error {np.median(known):+.0f} days, "
            f"median absolute error {np.median(np.abs(known)):.0f}, 90 % within {np.quantile(np.abs(known), 0.9):.0f}"
        )


if __name__ == "__main__":
    main()
