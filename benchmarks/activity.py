"""Classes of a million series of sixty dates, beside one series at a time in ruptures and pymannkendall.

    python -m benchmarks.activity [--series 1000000] [--threads 2]

The peers are optional (`pip install ruptures pymannkendall`); each is timed on as many series as it can do in some
seconds, in the same run. They answer less: ruptures the date of one bend (Pelt, linear cost), pymannkendall whether
there is a trend. Both need series without gaps.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.util import find_spec

import numpy as np

from geo_risk.hazards.deformation.activity.critical import critical_values
from geo_risk.hazards.deformation.activity.params import ActivityParams
from geo_risk.kernels.series_class import classify_series

DATES = 60
BLOCK = 20_000
GAPS = 0.1


def simulated(n: int, seed: int, *, gaps: float = GAPS) -> np.ndarray:
    """Return series (time, n) of six kinds with noise, a season in half of them and a share of gaps [mm]."""
    rng = np.random.default_rng(seed)
    t = np.arange(DATES) * 12 / 365.25
    later = t >= t[30]
    shapes = [0 * t, -20 * t, -10 * t - 12 * t**2, -40 * (t - t[30]) * later, -15.0 * later, -10 * t - 30 * t * later]
    out = rng.standard_normal((DATES, n), dtype=np.float32)
    out += np.stack(shapes, axis=1)[:, rng.integers(len(shapes), size=n)].astype(np.float32)
    season = np.sin(2 * np.pi * t + 1).astype(np.float32)[:, None]
    out += season * rng.choice([0, 5], size=n).astype(np.float32)
    out[rng.random((DATES, n), dtype=np.float32) < gaps] = np.nan
    return out


def classify_all(values: np.ndarray, threads: int) -> np.ndarray:
    """Return the class of each series, blocks of them on threads."""
    params = ActivityParams()
    t = np.arange(DATES) * 12 / 365.25
    critical, weights = critical_values(t, params), np.ones(DATES)

    def one(start: int) -> np.ndarray:
        block = np.ascontiguousarray(values[:, start : start + BLOCK])
        return classify_series(
            block, t, weights, critical, params.minimum_segment, params.minimum_dates, params.season_span_yr,
            params.spike_sigmas,
        )[0]  # fmt: skip

    with ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(one, range(0, values.shape[1], BLOCK))))


def peers() -> dict[str, Callable[[np.ndarray], object]]:
    """Return what is installed of the peers, as functions of one series without gaps."""
    out: dict[str, Callable[[np.ndarray], object]] = {}
    if find_spec("ruptures"):
        ruptures = import_module("ruptures")
        out["ruptures, Pelt, clinear"] = lambda y: ruptures.Pelt("clinear", min_size=5).fit(y).predict(pen=12.0)
    if find_spec("pymannkendall"):
        kendall = import_module("pymannkendall")
        out["pymannkendall, original_test"] = kendall.original_test
    return out


def main() -> None:
    """Time all, and print one line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    classify_all(simulated(100, 0), 1)  # compile
    values = simulated(given.series, 1)
    start = time.perf_counter()
    classes = classify_all(values, given.threads)
    spent = time.perf_counter() - start
    shares = np.bincount(classes + 1, minlength=7) / len(classes)
    print(f"geo_risk: {given.series} series in {spent:.1f} s, {1e3 * spent / given.series:.4f} ms a series")
    print("shares of unknown, uncorrelated, linear, quadratic, bilinear, step, step and trend:", shares.round(3))
    for name, test in peers().items():
        series = simulated(2000, 2, gaps=0.0).T.astype(np.float64)
        start, n = time.perf_counter(), 0
        while n < len(series) and time.perf_counter() - start < 5:
            test(series[n])
            n += 1
        each = (time.perf_counter() - start) / n
        print(f"{name}: {1e3 * each:.3f} ms a series ({n} timed), {each * given.series / spent:.0f} times as long")


if __name__ == "__main__":
    main()
