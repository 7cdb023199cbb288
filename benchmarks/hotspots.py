"""Gi* of a map of 1,000,000 cells, beside its definition summed over all pairs of 4,000 points.

python -m benchmarks.hotspots
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from geo_risk.hazards.deformation.areas.hotspots import discoveries, gi_star, two_sided_p

RADIUS_CELLS = 200 / 60


def main() -> None:
    """Print seconds and the share of cells called, best of three runs each."""
    rng = np.random.default_rng(1)
    values = rng.normal(0, 1, (1000, 1000)).astype(np.float32)
    values[rng.random(values.shape) < 0.1] = np.nan
    whole = min(_seconds(lambda: gi_star(values, RADIUS_CELLS)) for _ in range(3))
    small = values[:64, :64]
    pairs = min(_seconds(lambda: _by_pairs(small)) for _ in range(3))
    print(f"gi_star, {values.size} cells: {whole:.3f} s; all pairs of {np.isfinite(small).sum()} points: {pairs:.3f} s")
    called = discoveries(two_sided_p(gi_star(values, RADIUS_CELLS)), 0.05).mean()
    print(f"white noise called hot or cold at a rate of 0.05: {called:.2e} of the cells")


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _by_pairs(values: np.ndarray) -> np.ndarray:
    y, x = np.nonzero(np.isfinite(values))
    v = values[y, x].astype(np.float64)
    w = (np.hypot(y[:, None] - y, x[:, None] - x) <= RADIUS_CELLS).astype(np.float64)
    n, total = len(v), w.sum(axis=1)
    scale = np.std(v) * np.sqrt((n * (w**2).sum(axis=1) - total**2) / (n - 1))
    out: np.ndarray = (w @ v - v.mean() * total) / scale
    return out


if __name__ == "__main__":
    main()
