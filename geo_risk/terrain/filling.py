"""Filling of a DEM and directions over it on Dask, exact across blocks: nothing holds more than blocks and borders.

Every block is worked on alone, as if its neighbours were unknown; what they must know of each other are levels of the
parts that touch borders (filling) and steps over level ground at borders (directions). Both are solved for all borders
together; the blocks that are made from the answer are those of the whole array to the last bit.
"""

from __future__ import annotations

from typing import Any

import dask
import dask.array as da
import numpy as np
from numpy.typing import NDArray

from geo_risk.kernels.flats import UNREACHED, directions, flat_steps
from geo_risk.kernels.priority_flood import fill_tile, spill_levels
from geo_risk.terrain.rims import Block, Rim, Rims, meetings


def filled_blocks(elevation: da.Array) -> da.Array:
    """Fill the depressions of a surface.

    Parameters
    ----------
    elevation : (y, x) finite floats, NaN missing.

    Returns
    -------
    (y, x) lazy, in the same blocks and float type, as `priority_flood.fill` of the whole array. Each block is filled
    once here and once more when it is computed.
    """
    z = _framed(elevation)
    labels, heights = Rims(elevation.chunks, np.int64, -1), Rims(elevation.chunks, elevation.dtype, np.nan)
    pairs, meets, of_block, n_labels = [], [], {}, 0
    for at, (label, height, own_pairs, own_meets, n_own) in _of_each(_borders_of_fill, z).items():
        before = n_labels
        labels.put(at, label.mapped(lambda values, before=before: _numbered(values, before)))
        heights.put(at, height)
        pairs.append(_numbered(own_pairs, n_labels))
        meets.append(own_meets)
        of_block[at] = np.concatenate([[0], np.arange(n_labels + 1, n_labels + n_own + 1)])
        n_labels += n_own
    (one, two), (height_one, height_two) = meetings(labels, heights)
    across = (one >= 0) & (two >= 0) & (one != two)
    pairs.append(np.stack([one[across], two[across]], axis=1))
    meets.append(np.maximum(height_one[across], height_two[across]).astype(np.float64))
    level = spill_levels(n_labels, np.concatenate(pairs), np.concatenate(meets))
    levels = {
        at: level[numbers].astype(elevation.dtype) for at, numbers in of_block.items()
    }  # heights: none is rounded
    return da.map_blocks(
        _refilled, z, levels=levels, dtype=elevation.dtype, chunks=elevation.chunks,
        meta=np.empty((0, 0), elevation.dtype),
    )  # fmt: skip


def _numbered(labels: NDArray[Any], before: int) -> NDArray[np.int64]:
    """Return labels of a block as labels of all: 0 (out of the map) and -1 (missing) stay."""
    own = labels.astype(np.int64)
    return np.where(own > 0, own + before, own)


def _borders_of_fill(z: NDArray[Any]) -> tuple[Rim, Rim, NDArray[np.int64], NDArray[np.float64], int]:
    made = fill_tile(z)
    return Rim.of(made.label), Rim.of(made.filled), made.pairs, made.height, made.n_labels


def _refilled(z: NDArray[Any], *, levels: dict[Block, NDArray[Any]], block_info: Any = None) -> NDArray[Any]:
    made = fill_tile(z)
    level = levels[tuple(block_info[0]["chunk-location"])]
    return np.where(made.label >= 0, np.maximum(made.filled, level[made.label]), made.filled)


def direction_blocks(filled: da.Array) -> da.Array:
    """D8 directions of a filled surface, int8, lazy, in the same blocks: `d8.flow_direction` of the whole array.

    Parameters
    ----------
    filled : (y, x) as `filled_blocks` makes it, NaN missing; it is read once or twice here (where level ground crosses
        borders, more often), so it should lie in a file or in memory.

    Raises
    ------
    ValueError : when computed, the surface has depressions.
    """
    z = _framed(filled)
    steps, heights = Rims(filled.chunks, np.int32, UNREACHED), Rims(filled.chunks, filled.dtype, np.nan)
    numbers = Rims(filled.chunks, np.int64, -1)
    n_columns = len(filled.chunks[1])
    asked: list[Block] | None = None
    while asked is None or asked:
        for at, (of_steps, of_heights) in _of_each(_borders_of_steps, z, steps, some=asked).items():
            steps.put(at, of_steps)
            heights.put(at, of_heights)
            numbers.put(at, of_heights.mapped(lambda values, k=at[0] * n_columns + at[1]: np.full(len(values), k)))
        (steps_one, steps_two), (z_one, z_two), (one, two) = meetings(steps, heights, numbers)
        level = z_one == z_two
        nearer = level & (steps_two < UNREACHED) & (steps_two < steps_one - 1) & (steps_two >= 0)
        farther = level & (steps_one < UNREACHED) & (steps_one < steps_two - 1) & (steps_one >= 0)
        again = np.unique(np.concatenate([one[nearer], two[farther]]))
        asked = [(int(k) // n_columns, int(k) % n_columns) for k in again]
    return da.map_blocks(_directed, z, steps=steps, dtype=np.int8, chunks=filled.chunks, meta=np.empty((0, 0), np.int8))


def _borders_of_steps(z: NDArray[Any], steps: Rims, at: Block) -> tuple[Rim, Rim]:
    return Rim.of(flat_steps(z, steps.frame(at))), Rim.of(z[1:-1, 1:-1])


def _directed(z: NDArray[Any], *, steps: Rims, block_info: Any = None) -> NDArray[np.int8]:
    around = steps.frame(tuple(block_info[0]["chunk-location"]))
    around[1:-1, 1:-1] = flat_steps(z, around)
    return directions(z, around)


def _framed(values: da.Array) -> da.Array:
    return da.overlap.overlap(values, depth=1, boundary=np.nan)


def _of_each(function: Any, z: da.Array, *given: Any, some: list[Block] | None = None) -> dict[Block, Any]:
    """Return what a function makes of each framed block (or of some), computed together."""
    numbers = [(j, i) for j in range(z.numblocks[0]) for i in range(z.numblocks[1])] if some is None else some
    parts = [
        dask.delayed(function)(z.blocks[at].to_delayed().item(), *((*given, at) if given else ())) for at in numbers
    ]
    return dict(zip(numbers, dask.compute(*parts), strict=True))
