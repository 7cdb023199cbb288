"""Label arrays as mosaics and back."""

from __future__ import annotations

import dask.array as da
import numpy as np

from geo_risk.terrain.mosaic import Mosaic, Part
from geo_risk.terrain.parts import tiles


def mosaic_of(labels, chunks=(1024, 1024)) -> Mosaic:
    split = da.core.normalize_chunks(chunks, shape=labels.shape, dtype=np.int64)
    parts = {at: Part.of(labels[r : r + h, c : c + w]) for at, (r, c), (h, w) in tiles(split)}
    return Mosaic(split, parts)


def array_of(mosaic: Mosaic):
    return mosaic.array().compute(scheduler="synchronous")
