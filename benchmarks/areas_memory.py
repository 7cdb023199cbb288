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
    noise = _noise()
    shape = (args.side, args.side)
    velocity = TiledMap(shape, lambda box: _velocity(noise, box), side=1024)
    std = TiledMap(shape, lambda box: np.full(_size(box), 0.5, np.float32), side=1024)
    params = AreaParams(n_simulations=39, sample_cells=512)
    before = time.process_time()
    channel = Channel("velocity:asc", velocity, std, tuple(args.scales))
    found = search_channel(channel, CELL_M, params, seed=np.random.SeedSequence(1))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    bodies = len(range(0, args.side, 397)) * len(range(0, args.side, 401))
    print(
        f"{args.side**2 / 1e6:.0f} million cells: {time.process_time() - before:.0f} s, {bodies} bodies drawn, "
        f"{len(found.clusters)} clusters found, {peak:.0f} MB at most"
    )


def _noise() -> np.ndarray:
    rng = np.random.default_rng(0)
    smooth = ndimage.gaussian_filter(rng.normal(size=(PERIOD, PERIOD)), 4, mode="wrap")
    return (1.5 * smooth / smooth.std() + rng.normal(0, 0.6, smooth.shape)).astype(np.float32)


def _velocity(noise: np.ndarray, box: Box) -> np.ndarray:
    """Return a window: noise that repeats, and a body of 8 x 9 cells every 397 rows and 401 columns."""
    y, x = (np.arange(b.start, b.stop) for b in box)
    out = noise[np.ix_(y % PERIOD, x % PERIOD)].copy()
    out[np.ix_(y % 397 < 8, x % 401 < 9)] -= 30
    return out


def _size(box: Box) -> tuple[int, int]:
    return box[0].stop - box[0].start, box[1].stop - box[1].start


if __name__ == "__main__":
    main()
