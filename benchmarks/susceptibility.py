"""Susceptibility of 100 million cells from 12 factors, streamed in blocks: cells a second and peak memory.

    python -m benchmarks.susceptibility [--cells 100] [--models information_value logistic joint]

Factors are made block by block (one block of random numbers, shifted), so that the time is that of the prediction; what
making them takes alone is measured in the same run and taken off. Processor time, of both cores together, is what other
work on the machine changes least.
"""

from __future__ import annotations

import argparse
import resource
import time

import dask
import dask.array as da
import numpy as np
from numpy.typing import NDArray

from geo_risk.hazards.landslide.information_value import probability
from geo_risk.hazards.landslide.susceptibility.learned import Learned
from geo_risk.hazards.landslide.susceptibility.models import susceptibility_model

NAMES = ("slope_deg", "aspect_deg", "curvature_profile", "twi", "position_m", "relief_m", "lithology", "landcover",
         "distance_rivers_m", "distance_roads_m", "distance_faults_m", "elevation_m")  # fmt: skip
BLOCK = 2048


def columns(n: int, seed: int) -> NDArray[np.float32]:
    """Return factors (factor, n) with the ranges of real ones."""
    rng = np.random.default_rng(seed)
    out = rng.random((len(NAMES), n), dtype=np.float32)
    for k, name in enumerate(NAMES):
        if name in ("lithology", "landcover"):
            out[k] = np.floor(out[k] * 8) + 1
        else:
            out[k] *= {"slope_deg": 45, "aspect_deg": 360, "twi": 15}.get(name, 1000)
    return out


def learned(method: str) -> Learned:
    """Return a model fitted to 20,000 made cases."""
    values = columns(20_000, 1).T.astype(np.float64)
    logit = 0.1 * (values[:, 0] - 22) + (values[:, 6] == 2)
    event = np.random.default_rng(2).random(20_000) < probability(logit)
    return Learned(NAMES, susceptibility_model(method, NAMES).fit(values, event))  # type: ignore[arg-type]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=float, default=100, help="millions of cells")
    parser.add_argument("--models", nargs="+", default=["information_value", "logistic", "joint"])
    given = parser.parse_args()
    side = round((given.cells * 1e6) ** 0.5)
    base = columns(BLOCK * BLOCK, 3).reshape(len(NAMES), BLOCK, BLOCK)

    def made(block_info: dict[int, dict[str, tuple[tuple[int, int], ...]]], k: int) -> NDArray[np.float32]:
        (r0, r1), (c0, c1) = block_info[None]["array-location"]
        return np.roll(base[k], (r0 // BLOCK * 7 + c0 // BLOCK * 13), axis=0)[: r1 - r0, : c1 - c0].copy()

    chunks = da.core.normalize_chunks((BLOCK, BLOCK), shape=(side, side))
    layers = [da.map_blocks(made, k=k, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0), np.float32))
              for k in range(len(NAMES))]  # fmt: skip

    def streamed(model: Learned | None) -> tuple[float, float]:
        def block(*values: NDArray[np.float32]) -> NDArray[np.float32]:
            if model is None:
                return values[0]
            return probability(model.logit(values, values[0])).astype(np.float32)

        p = da.map_blocks(block, *layers, dtype=np.float32, meta=np.empty((0, 0), np.float32))
        start = time.perf_counter(), time.process_time()
        with dask.config.set(scheduler="threads", num_workers=2):
            sums = da.map_blocks(lambda b: np.array([[np.nansum(b, dtype=np.float64)]]), p, chunks=(1, 1)).compute()
        if not np.isfinite(sums).all():
            raise RuntimeError(sums)
        return time.perf_counter() - start[0], time.process_time() - start[1]

    learned("information_value").logit([v[:4, :4] for v in base], base[0][:4, :4])  # compile
    alone = streamed(None)
    cells = side * side / 1e6
    print(f"making the factors alone: {alone[0]:.1f} s, {alone[1]:.1f} s of processor time")
    for name in given.models:
        took = streamed(learned(name))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rate = cells / (took[1] - alone[1])
        print(f"{name}: {cells:.0f} M cells x {len(NAMES)} factors, {took[0]:.1f} s ({cells / took[0]:.1f} M cells/s), "
              f"{took[1]:.1f} s of processor time ({rate:.1f} M cells a second beside it); "
              f"peak {peak:.0f} MB so far")  # fmt: skip


if __name__ == "__main__":
    main()
