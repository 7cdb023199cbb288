"""Run-out over a grid in tiles: each tile runs its own releases on a window as wide as their reach, exact at seams.

A path needs no more ground than its reach and one cell. So the releases of a tile are run on the tile's window, and a
block of the result takes the greatest, least or sum of what the tiles around say of it. All of these are exact in any
order (counts are whole numbers), so that tiles of any size give the same bits as one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, product
from typing import Any

import dask
import dask.array as da
import numpy as np
from numpy.typing import NDArray

from geo_risk.core.grid import Grid
from geo_risk.hazards.runout.params import KINDS, RunoutParams
from geo_risk.kernels.runout import HIT, MISSING_GROUND, Friction, Runout, run_out
from geo_risk.terrain.parts import shared

PLANES = ("energy_m", "flux", "length_m", "angle_min_deg", "angle_max_deg", "n_paths", "flags", "gap_kinds")
"""What is known of each cell; values carried from the releases follow. Bit k of `gap_kinds`: a path of the kind
KINDS[k] runs into missing ground beside the cell."""

_LEAST, _SUM, _BITS = ("angle_min_deg",), ("n_paths",), ("flags", "gap_kinds")


@dataclass(frozen=True)
class Box:
    """A window of the grid: rows [top, bottom), columns [left, right)."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """The window as an index."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def grown(self, n: int, shape: tuple[int, int]) -> Box:
        """Return the window with n cells more on each side, within the grid."""
        return Box(max(0, self.top - n), min(shape[0], self.bottom + n),
                   max(0, self.left - n), min(shape[1], self.right + n))  # fmt: skip

    def meets(self, other: Box) -> bool:
        """Tell whether two windows have a cell in common."""
        rows = self.top < other.bottom and other.top < self.bottom
        return rows and self.left < other.right and other.left < self.right


@dataclass(frozen=True)
class Part:
    """What the releases of one tile do: planes of the window that they touch (None: nothing), hits, releases skipped.

    `hits` hold the grid's flat indices in `target` and `release`.
    """

    box: Box | None
    planes: dict[str, NDArray[Any]]
    hits: NDArray[Any]
    skipped: int


@dataclass(frozen=True)
class Rules:
    """What all tiles have in common: parameters, cell side, width of the grid, names of the carried values and of the
    planes that are kept.
    """

    params: RunoutParams
    cell_m: float
    n_x: int
    names: tuple[str, ...]
    planes: tuple[str, ...] = PLANES

    @property
    def every(self) -> tuple[str, ...]:
        """The planes, then the carried values."""
        return (*self.planes, *self.names)


@dataclass(frozen=True)
class Tiled:
    """The lazy result.

    Attributes
    ----------
    stack : (planes, y, x) float32: the planes asked for, then the carried values; 0 (angles: NaN) where nothing comes.
    hits : Delayed of HIT rows, unit and target once each, sorted; flat indices of the grid.
    skipped : Delayed of the number of release cells on missing ground.
    """

    stack: da.Array
    hits: Any
    skipped: Any


def run_tiles(
    grid: Grid, dem: da.Array, releases: Mapping[str, da.Array], params: RunoutParams,
    *, targets: NDArray[np.int64] | None = None, planes: tuple[str, ...] = PLANES,
) -> Tiled:  # fmt: skip
    """Run all releases of a grid, tile by tile; lazy.

    Parameters
    ----------
    grid, dem : the grid and its heights (y, x) [m], NaN where missing.
    releases : "unit" (y, x), > 0 on release cells, and "kind" (code of KINDS); others are values 0-255 to carry down.
    params : the friction of each kind.
    targets : flat indices of the cells whose hits are wanted. planes : those of PLANES that are wanted.

    Returns
    -------
    Tiled. A tile's window is held at 80 bytes a cell; nothing grows with the number of releases but the hits.
    """
    names = tuple(name for name in releases if name not in ("unit", "kind"))
    rules = Rules(params, grid.resolution_m, grid.shape[1], names, planes)
    chunks = dem.chunks
    stack = da.stack([releases[n].rechunk(chunks).astype(np.float32) for n in ("unit", "kind", *names)])
    ground = shared(dem)  # a window as an argument would make its blocks anew for each tile that it meets
    reach = math.floor(params.reach_m / grid.resolution_m + 1e-9) + 1
    wanted = dask.delayed(np.unique(np.asarray([] if targets is None else targets, dtype=np.int64)))
    tiles = _boxes(chunks)
    parts = {}
    for (i, j), tile in tiles.items():
        window = tile.grown(reach, grid.shape)
        near = [k for k, other in tiles.items() if window.meets(other)]
        around = ([ground[k] for k in near], [tiles[k] for k in near])
        parts[i, j] = dask.delayed(_part)(*around, stack[:, *tile.slices], wanted, window, tile, rules)
    rows = []
    n = len(rules.every)
    for i in range(len(chunks[0])):
        row = []
        for j in range(len(chunks[1])):
            box = tiles[i, j]
            touch = [parts[k] for k, tile in tiles.items() if tile.grown(reach, grid.shape).meets(box)]
            shape = (n, box.bottom - box.top, box.right - box.left)
            row.append(da.from_delayed(dask.delayed(_merged)(touch, box, rules.every), shape=shape, dtype=np.float32))
        rows.append(row)
    every = list(parts.values())
    return Tiled(da.block(rows), dask.delayed(_all_hits)(every), dask.delayed(_skipped)(every))


def _boxes(chunks: tuple[tuple[int, ...], ...]) -> dict[tuple[int, int], Box]:
    tops, lefts = ([0, *accumulate(c)] for c in chunks)
    places = product(range(len(chunks[0])), range(len(chunks[1])))
    return {(i, j): Box(tops[i], tops[i + 1], lefts[j], lefts[j + 1]) for i, j in places}


def _joined_window(found: Sequence[NDArray[Any]], boxes: Sequence[Box], window: Box) -> NDArray[np.float64]:
    """Return the ground of a window from the blocks that it meets."""
    out = np.empty((window.bottom - window.top, window.right - window.left))
    for values, box in zip(found, boxes, strict=True):
        top, bottom = max(box.top, window.top), min(box.bottom, window.bottom)
        left, right = max(box.left, window.left), min(box.right, window.right)
        out[top - window.top : bottom - window.top, left - window.left : right - window.left] = (
            values[top - box.top : bottom - box.top, left - box.left : right - box.left]
        )  # fmt: skip
    return out


def _part(
    ground: Sequence[NDArray[Any]], boxes: Sequence[Box], stack: NDArray[np.float32], targets: NDArray[np.int64],
    window: Box, tile: Box, rules: Rules,
) -> Part:  # fmt: skip
    """Run the releases of one tile on its window, of which ground has the blocks, kind by kind."""
    unit, kind = stack[0], np.nan_to_num(stack[1], nan=0.0)
    row, column = np.nonzero(unit > 0)
    if not len(row):
        return Part(None, {}, np.zeros(0, HIT), 0)
    z = _joined_window(ground, boxes, window)
    found: list[Part] = []
    for code, name in enumerate(KINDS):
        chosen = kind[row, column] == code
        if not chosen.any():
            continue
        r, c = row[chosen], column[chosen]
        at = r + tile.top, c + tile.left
        friction = rules.params.friction(name)
        box = _reachable(z, window, at, friction, rules.cell_m)
        inner = z[box.top - window.top : box.bottom - window.top, box.left - window.left : box.right - window.left]
        near, target = _targets_in(box, targets, rules.n_x)
        got = run_out(
            inner, (at[0] - box.top) * inner.shape[1] + at[1] - box.left, friction=friction, cell_m=rules.cell_m,
            units=unit[r, c].astype(np.int64), values=np.nan_to_num(stack[2:, r, c].T, nan=0.0), targets=target,
        )  # fmt: skip
        found.append(_trimmed(got, code, box, _on_grid(got.hits, near, box, rules.n_x), rules))
    if not found:
        return Part(None, {}, np.zeros(0, HIT), 0)
    hits, skipped = _all_hits(found), _skipped(found)
    boxes = [p.box for p in found if p.box is not None]
    if not boxes:
        return Part(None, {}, hits, skipped)
    whole = Box(min(b.top for b in boxes), max(b.bottom for b in boxes),
                min(b.left for b in boxes), max(b.right for b in boxes))  # fmt: skip
    if len(found) == 1:
        return Part(whole, found[0].planes, hits, skipped)
    planes = _merged(found, whole, rules.every)
    return Part(whole, dict(zip(rules.every, planes, strict=True)), hits, skipped)


def _targets_in(box: Box, targets: NDArray[np.int64], n_x: int) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    """Return the target cells inside a window, and the window's array of their positions; None where there is none."""
    row, column = np.divmod(targets, n_x)
    inside = (row >= box.top) & (row < box.bottom) & (column >= box.left) & (column < box.right)
    near = targets[inside]
    if not len(near):
        return near, None
    out = np.full((box.bottom - box.top, box.right - box.left), -1, np.int64)
    out[row[inside] - box.top, column[inside] - box.left] = np.arange(len(near))
    return near, out


def _on_grid(hits: NDArray[Any], near: NDArray[np.int64], box: Box, n_x: int) -> NDArray[Any]:
    """Return the hits of a window with the grid's flat indices."""
    out = hits.copy()
    out["target"] = near[hits["target"]]
    row, column = np.divmod(hits["release"], box.right - box.left)
    out["release"] = (row + box.top) * n_x + column + box.left
    return out


def _reachable(
    z: NDArray[np.float64], window: Box, at: tuple[NDArray[np.int64], NDArray[np.int64]], friction: Friction,
    cell_m: float,
) -> Box:  # fmt: skip
    """Return the window that the releases can reach, with the two cells around it that a path looks at.

    On its way of length S a path keeps z_0 - z - S tan(alpha) > 0, and S is at least the distance east or north.
    """
    top = z[at[0] - window.top, at[1] - window.left]
    fall = float(np.nanmax(top) - np.nanmin(z)) if not np.isnan(top).all() else 0.0
    far = min(friction.reach_m, fall / math.tan(math.radians(friction.alpha_deg)))
    around = Box(int(at[0].min()), int(at[0].max()) + 1, int(at[1].min()), int(at[1].max()) + 1)
    n = math.floor(far / cell_m + 1e-9) + 2
    return Box(max(window.top, around.top - n), min(window.bottom, around.bottom + n),
               max(window.left, around.left - n), min(window.right, around.right + n))  # fmt: skip


def _trimmed(got: Runout, code: int, box: Box, hits: NDArray[Any], rules: Rules) -> Part:
    """Return what paths of the kind with this code touched, alone."""
    touched = got.n_paths > 0
    if not touched.any():
        return Part(None, {}, hits, got.skipped)
    row, column = np.flatnonzero(touched.any(axis=1)), np.flatnonzero(touched.any(axis=0))
    inner = (slice(row[0], row[-1] + 1), slice(column[0], column[-1] + 1))
    planes = {name: getattr(got, name)[inner].astype(np.float32) for name in rules.planes if name != "gap_kinds"}
    if "gap_kinds" in rules.planes:
        planes["gap_kinds"] = np.where(got.flags[inner] & MISSING_GROUND, np.float32(1 << code), np.float32(0))
    planes |= {name: got.carried[k][inner] for k, name in enumerate(rules.names)}
    trimmed = Box(box.top + int(row[0]), box.top + int(row[-1]) + 1,
                  box.left + int(column[0]), box.left + int(column[-1]) + 1)  # fmt: skip
    return Part(trimmed, planes, hits, got.skipped)


def _merged(parts: Sequence[Part], box: Box, every: Sequence[str]) -> NDArray[np.float32]:
    """Return the planes of a window from all parts that touch it, (planes, y, x)."""
    shape = (box.bottom - box.top, box.right - box.left)
    out = np.zeros((len(every), *shape), np.float32)
    for k, name in enumerate(every):
        if name.startswith("angle"):
            out[k] = np.nan
    for part in parts:
        if part.box is None or not part.box.meets(box):
            continue
        b = part.box
        top, bottom = max(b.top, box.top), min(b.bottom, box.bottom)
        left, right = max(b.left, box.left), min(b.right, box.right)
        here = (slice(top - box.top, bottom - box.top), slice(left - box.left, right - box.left))
        there = (slice(top - b.top, bottom - b.top), slice(left - b.left, right - b.left))
        for k, name in enumerate(every):
            out[k][here] = _joined(name, out[k][here], part.planes[name][there])
    return out


def _joined(name: str, a: NDArray[np.float32], b: NDArray[np.float32] | NDArray[np.uint8]) -> NDArray[np.float32]:
    if name in _SUM:
        return (a + b).astype(np.float32)
    if name in _BITS:
        return (a.astype(np.uint8) | b.astype(np.uint8)).astype(np.float32)
    out: NDArray[np.float32] = np.fmin(a, b) if name in _LEAST else np.fmax(a, b)
    return out


def _all_hits(parts: Sequence[Part]) -> NDArray[Any]:
    """Return the hits of all parts, one row a unit and target: greatest energy with its release, greatest flux.

    Of equal energies the release with the lowest index counts.
    """
    hits = np.concatenate([p.hits for p in parts] or [np.zeros(0, HIT)])
    hits = hits[np.lexsort((hits["release"], -hits["energy_m"], hits["target"], hits["unit"]))]
    if not len(hits):
        return hits
    new = np.r_[True, (np.diff(hits["unit"]) != 0) | (np.diff(hits["target"]) != 0)]
    first = np.flatnonzero(new)
    out = hits[first].copy()
    out["flux"] = np.maximum.reduceat(hits["flux"], first)
    return out


def _skipped(parts: Sequence[Part]) -> int:
    return sum(p.skipped for p in parts)
