"""Time and greatest memory of the search of one map for moving areas, read lazily; one process for each size.

python -m benchmarks.areas_memory --side 4000 [--scales 0 75 300 1200]
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
from scipy import ndimage

from geo_risk.hazards.deformation.areas.detect import Channel, search_channel
from geo_risk.hazards.deformation.areas.tiles import Box, TiledMap
from geo_risk.hazards.deformation.params import AreaParams

PERIOD, CELL_M = 1200, 60.0


def main() -> None:
    """Print cells, seconds of processor time, bodies drawn and clusters found, and the greatest resident memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=2000)
    parser.add_argument("--scales", type=float, nargs="+", default=[0.0, 75.0, 300.0, 1200.0])
    args = parser.parse_args()
    pattern = noise()
    shape = (args.side, args.side)
    values = TiledMap(shape, lambda box: velocity(pattern, box), side=1024)
    std = TiledMap(shape, lambda box: np.full(size_of(box), 0.5, np.float32), side=1024)
    params = AreaParams(n_simulations=39, sample_cells=512)
    before, imported = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    channel = Channel("velocity:asc", values, std, tuple(args.scales))
    found = search_channel(channel, CELL_M, params, seed=np.random.SeedSequence(1))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    bodies = len(range(0, args.side, 397)) * len(range(0, args.side, 401))
    print(
        f"{args.side**2 / 1e6:.0f} million cells: {time.process_time() - before:.0f} s, {bodies} bodies drawn, "
        f"{len(found.clusters)} clusters found, {peak:.0f} MB at most, "
        f"{peak - imported:.0f} MB of them above the imports"
    )


def noise(*, seed: int = 0) -> np.ndarray:
    """Return smooth and white noise of PERIOD x PERIOD cells that repeats without a seam [mm/yr]."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=(PERIOD, PERIOD)), 4, mode="wrap")
    return (1.5 * smooth / smooth.std() + rng.normal(0, 0.6, smooth.shape)).astype(np.float32)


def velocity(pattern: np.ndarray, box: Box) -> np.ndarray:
    """Return a window: noise that repeats, and a body of 8 x 9 cells every 397 rows and 401 columns."""
    y, x = (np.arange(b.start, b.stop) for b in box)
    out = pattern[np.ix_(y % PERIOD, x % PERIOD)].copy()
    out[np.ix_(y % 397 < 8, x % 401 < 9)] -= 30
    return out


def size_of(box: Box) -> tuple[int, int]:
    """Return rows and columns of a window."""
    return box[0].stop - box[0].start, box[1].stop - box[1].start


if __name__ == "__main__":
    main()
