"""The cells of bodies on a track's own grid, and the stable candidates around them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from geo_risk.hazards.deformation.activity.series_params import SeriesParams
from geo_risk.hazards.deformation.areas.tiles import Box, Windows, tiles

SECTORS = 8
"""Parts of the circle around a body that stand for places as near to one another as the body is to its reference."""

TILE, _WINDOW = 1024, 2048


@dataclass(frozen=True)
class Members:
    """Flat indices into the frame: cells of a body, stable candidates around it, and their sectors."""

    label: int
    cells: NDArray[np.int64]
    around: NDArray[np.int64]
    sector: NDArray[np.int64]


def members(
    labels: NDArray[np.integer], coherence: Windows | None, size: tuple[float, float], params: SeriesParams
) -> list[Members]:
    """Return the cells of every labelled body and the free ones around it, by label.

    Parameters
    ----------
    labels : (y, x), 0 none.
    coherence : (y, x) by window; cells below `minimum_coherence` or without one take no part. None: all do.
    size : height and width of a cell [m].
    params : the ring around a body, and how many cells stand for a body and its ring.
    """
    boxes = [(k, b) for k, b in enumerate(ndimage.find_objects(labels), 1) if b is not None]
    # tile by tile, so that coherence that was read is used again
    boxes.sort(key=lambda item: [b.start // TILE for b in item[1]])
    out = [_members(k, box, labels, coherence, size=size, params=params) for k, box in boxes]
    return sorted(out, key=lambda b: b.label)


def _members(
    label: int, box: Box, labels: NDArray[np.integer], coherence: Windows | None, *, size: tuple[float, float],
    params: SeriesParams,
) -> Members:  # fmt: skip
    """Return the cells of a body and the free ones nearest to it; a wide window is worked through in tiles."""
    farthest, most = params.ring_gap_m + params.ring_reach_m, 4 * params.ring_pixels
    reach = [int(np.ceil(farthest / s)) for s in size]
    top, left = (max(0, b.start - r) for b, r in zip(box, reach, strict=True))
    window = labels[top : box[0].stop + reach[0], left : box[1].stop + reach[1]]
    cells, free = [], [(np.zeros(0), np.zeros(0, np.int64))]
    total, n = np.zeros(2), 0
    for t in tiles((window.shape[0], window.shape[1]), _WINDOW, max(reach)):
        body = window[t.window] == label
        if not body.any():
            continue
        distance = ndimage.distance_transform_edt(~body, sampling=size)[t.inside]
        core = slice(top + t.core[0].start, top + t.core[0].stop), slice(left + t.core[1].start, left + t.core[1].stop)
        coherent = np.ones(distance.shape, bool) if coherence is None else coherence[core] >= params.minimum_coherence
        own = body[t.inside]
        total += [float(i.sum()) + c.start * len(i) for i, c in zip(np.nonzero(own), t.core, strict=True)]
        n += int(np.count_nonzero(own))
        cells.append(_flat(np.nonzero(own & coherent), core, labels.shape))
        ring = (window[t.core] == 0) & coherent & (distance > params.ring_gap_m) & (distance <= farthest)
        order = np.argsort(distance[ring], kind="stable")[:most]
        free.append((distance[ring][order], _flat(np.nonzero(ring), core, labels.shape)[order]))
    away, around = (np.concatenate(v) for v in zip(*free, strict=True))
    # the nearest; of those as near the first in reading order
    around = around[np.lexsort((around, away))][:most]
    rows, columns = np.divmod(around, labels.shape[1])
    angle = np.arctan2((rows - top - total[0] / n) * size[0], (columns - left - total[1] / n) * size[1])
    sector = np.floor((angle + np.pi) / (2 * np.pi) * SECTORS).astype(np.int64) % SECTORS
    inside = np.sort(np.concatenate(cells))
    step = max(1, -(-len(inside) // params.body_pixels))
    return Members(label, inside[::step], around, sector)


def _flat(index: tuple[NDArray[np.int64], ...], window: tuple[slice, ...], shape: tuple[int, ...]) -> NDArray[np.int64]:
    out: NDArray[np.int64] = (index[0] + window[0].start) * shape[1] + index[1] + window[1].start
    return out
