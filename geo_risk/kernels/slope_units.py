"""Slope units of one part of a drainage network: half basins, refined where the ground faces several ways.

The idea is that of Alvioli et al. (2016), Geosci. Model Dev. 9, 3975-3991: half basins of a large area threshold t;
where the aspect varies too much they are divided by the half basins of t - t / r, and so on; what is very small is
merged. The implementation is ours and differs: a unit is divided only inside itself, so units are nested, and
ridges once drawn stay.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_risk.kernels.basins import hillslopes
from geo_risk.kernels.d8 import drainage_order
from geo_risk.kernels.pieces import borders, pieces

Array = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Rules:
    """When a unit is divided, in cells and square metres.

    Attributes
    ----------
    thresholds_m2 : falling upslope areas from which a cell is a stream.
    variance_max : circular variance of the aspect above which a unit is divided.
    cells_min : a unit of fewer cells is not divided. cells_clean : a piece of fewer is merged into a sibling.
    cells_max : a unit of more is divided whatever its variance.
    """

    thresholds_m2: tuple[float, ...]
    variance_max: float
    cells_min: float
    cells_clean: float
    cells_max: float


def circular_variance(east: Array, north: Array, n: NDArray[Any]) -> Array:
    """Return 1 - |sum of unit vectors| / n, in [0, 1] (Mardia and Jupp 2000, eq. 2.3.3); NaN where n is 0."""
    length = np.hypot(east, north)
    share = np.divide(length, n, out=np.full(np.shape(length), np.nan), where=np.asarray(n) > 0)
    variance: Array = np.clip(1 - share, 0, 1)
    return variance


def divide(
    ground: NDArray[np.bool_], direction: NDArray[np.int8], area_m2: NDArray[Any], aspect_deg: NDArray[Any],
    rules: Rules,
) -> Labels:  # fmt: skip
    """Divide the ground of a part into slope units.

    Parameters
    ----------
    ground : (y, x) cells to divide. direction, area_m2 : (y, x) D8 codes (OUTLET where the water leaves the part,
        MISSING outside of it and its inflows) and upslope area [m2].
    aspect_deg : (y, x) [degree]; NaN has no aspect and does not count.

    Returns
    -------
    (y, x) int64: units 1, 2, ... in the order of their first cells by rows, each in one piece (corners are contact);
    0 elsewhere.

    Raises
    ------
    ValueError : the directions form a ring, or shapes differ.
    """
    order = drainage_order(direction)
    angle = np.radians(np.where(np.isnan(aspect_deg), 0.0, aspect_deg))
    has = ground & ~np.isnan(aspect_deg)
    east, north = np.where(has, np.sin(angle), 0.0), np.where(has, np.cos(angle), 0.0)
    labels = ground.astype(np.int64)
    for step, threshold in enumerate(rules.thresholds_m2):
        sums = _sums(labels, east, north, has)
        is_open = _is_open(sums, rules) if step else np.arange(sums.shape[1]) > 0
        if not is_open.any():
            break
        banks = hillslopes(direction, order, np.nan_to_num(area_m2, nan=0.0) >= threshold)
        inside = is_open[labels]
        split = pieces(np.where(inside, labels, 0), banks)
        fresh = np.where(inside, split + sums.shape[1], labels)
        fresh = _without_slivers(fresh, labels, inside, (east, north, has), rules)
        labels = pieces(fresh, np.zeros_like(fresh))
    return labels


def _sums(labels: Labels, east: Array, north: Array, has: NDArray[np.bool_]) -> Array:
    """Return (4, label): cells, cells with an aspect, and their summed unit vectors, label 0 included."""
    flat, n = labels.ravel(), int(labels.max(initial=0)) + 1
    weights = (None, has.ravel(), east.ravel(), north.ravel())
    return np.stack([np.bincount(flat, weights=w, minlength=n).astype(np.float64) for w in weights])


def _is_open(sums: Array, rules: Rules) -> NDArray[np.bool_]:
    variance = circular_variance(sums[2], sums[3], sums[1])
    wide = (variance > rules.variance_max) | (sums[0] > rules.cells_max)
    out: NDArray[np.bool_] = wide & (sums[0] >= rules.cells_min) & (sums[1] > 0)
    out[0] = False
    return out


def _without_slivers(
    labels: Labels, parents: Labels, inside: NDArray[np.bool_], vectors: tuple[Any, Any, Any], rules: Rules
) -> Labels:
    """Merge pieces that are too small into the sibling with which their aspect varies least."""
    used = np.unique(np.append(0, labels[inside]))
    local = np.where(inside, np.minimum(np.searchsorted(used, labels), len(used) - 1), 0)
    sums = _sums(local, *vectors)
    parent = np.zeros(sums.shape[1], dtype=np.int64)
    parent[local[inside]] = parents[inside]
    pairs, sides = borders(local)
    siblings = parent[pairs[:, 0]] == parent[pairs[:, 1]]
    into = merge_small(sums, pairs[siblings], sides[siblings], cells_clean=rules.cells_clean)
    return np.where(inside, used[into[local]], labels)


def merge_small(sums: Array, pairs: Labels, sides: Labels, *, cells_clean: float) -> Labels:
    """Merge units of fewer than `cells_clean` cells, the smallest first, into a neighbour.

    Parameters
    ----------
    sums : (4, unit) cells, cells with an aspect, summed unit vectors east and north; unit 0 is left alone.
    pairs, sides : (n, 2) neighbours that may merge, and the cell sides they share.

    Returns
    -------
    (unit,) the unit that each has become part of. The neighbour is the one with which the circular variance of the
    merged unit is least; among equals the one with the longer border, then the lower number. A unit without a
    neighbour stays.
    """
    total = sums.copy()
    into = np.arange(sums.shape[1])
    near: list[dict[int, int]] = [{} for _ in range(sums.shape[1])]
    for (a, b), n in zip(pairs.tolist(), sides.tolist(), strict=True):
        near[a][b] = near[b][a] = n
    heap = [(float(total[0, u]), u) for u in range(1, sums.shape[1]) if total[0, u] < cells_clean]
    heapq.heapify(heap)
    while heap:
        size, unit = heapq.heappop(heap)
        if into[unit] != unit or size != total[0, unit] or not near[unit]:
            continue
        others = np.array(sorted(near[unit]))
        joint = total[:, others] + total[:, [unit]]
        variance = np.nan_to_num(circular_variance(joint[2], joint[3], joint[1]), nan=0.0)
        shared = np.array([near[unit][int(o)] for o in others])
        keep = int(others[np.lexsort((others, -shared, np.round(variance, 9)))[0]])
        into[unit] = keep
        total[:, keep] += total[:, unit]
        for other, n in near[unit].items():
            del near[other][unit]
            if other != keep:
                near[keep][other] = near[other][keep] = near[keep].get(other, 0) + n
        near[unit] = {}
        if total[0, keep] < cells_clean:
            heapq.heappush(heap, (float(total[0, keep]), keep))
    while (into != into[into]).any():
        into = into[into]
    return into
