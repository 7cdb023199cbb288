"""The loops of `kernels.runout`: a release's cells worked off by falling energy line, the flux shared among receivers.

Formulas and references are there. All compiled functions are in this one file, because Numba's cache does not see
changes in another.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

MISSING_GROUND, RASTER_EDGE, BEYOND_REACH = 1, 2, 4
"""Why it is not known how a path goes on."""

NODE = np.dtype(
    [
        ("cell", "i8"), ("parent", "i4"), ("state", "u1"), ("came", "u1"), ("flags", "u1"),
        ("head", "f8"), ("top", "f8"), ("sides", "i4"), ("diagonals", "i4"),
        ("way_sides", "i4"), ("way_diagonals", "i4"), ("flux", "f8"), ("at_rest", "f8"),
    ]
)  # fmt: skip
"""A cell of a path: its flat index; the node that gave its energy; WAITING or DONE; a bit for each direction of travel
by which it was reached; height of its energy line, kept as that of the last cap and the steps since then, so that equal
ways give equal bits in whatever order they are walked; steps of the shortest way; flux that passes and that stays."""

HIT = np.dtype(
    [("unit", "i8"), ("target", "i8"), ("energy_m", "f4"), ("flux", "f4"), ("length_m", "f4"), ("release", "i8")]
)
"""One row a release unit and target: greatest energy head, the release cell (flat index) from which it comes and the
shortest way from there; greatest flux of any release cell of the unit."""

RULE = ("drop_m", "side_m", "exponent", "flux_cut", "cap_m", "reach_cells")
"""The rule a path follows, an array of float64: fall of the energy line over a side, the side, and the rest."""

WAITING, DONE = 1, 2
FINISHED, NODES_SHORT, ROWS_SHORT = 0, 1, 2
_DIAGONAL = math.sqrt(2)
_HALF = math.sqrt(0.5)
_ROW = np.array([0, 1, 1, 1, 0, -1, -1, -1])
_COLUMN = np.array([1, 1, 0, -1, -1, -1, 0, 1])
"""Steps clockwise from east; odd ones are diagonal."""


@njit(cache=True, nogil=True)
def follow(z: Any, release: int, rule: Any, slot: Any, node: Any, push: Any, heap: Any, turn: Any) -> int:
    """Follow the path of a release cell on known ground; return its number of cells, -1 where a list is too short.

    Parameters
    ----------
    z : (y, x) [m]. rule : as RULE.
    slot : (y x,) int32, -1 everywhere; so it is left.
    node, push : lists to fill, of NODE and of (8,) energy heads by direction of travel from the cells before.
    heap, turn : the queue: height of the energy line, and node.
    """
    n_x = z.shape[1]
    n_nodes = 1
    _start(node, push, 0, release)
    node["head"][0], node["top"][0], node["flux"][0] = z[release // n_x, release % n_x], 0.0, 1.0
    node["top"][0] = node["head"][0]
    slot[release] = 0
    n_heap = _put(heap, turn, node["cell"], 0, node["head"][0], 0)
    weight, height = np.zeros(8), np.zeros(8)
    while n_heap > 0:
        head, b = heap[0], turn[0]
        n_heap = _take(heap, turn, node["cell"], n_heap)
        if node["state"][b] == DONE or node["head"][b] != head:
            continue
        node["state"][b] = DONE
        total = _weigh(z, release, rule, slot, node, push, b, weight, height)
        n_kept = _cut(weight, total, node["flux"][b], rule[3])
        if n_kept == 0:
            node["at_rest"][b] = node["flux"][b]
            continue
        if n_nodes + 8 > len(node) or n_heap + 8 > len(heap):
            n_nodes, n_heap = -n_nodes, 0
            break
        lost = 1.0
        for d in range(8):
            lost -= weight[d]
        for d in range(8):
            if weight[d] == 0.0:
                continue
            flux = node["flux"][b] * (weight[d] + lost / n_kept)
            row, column = node["cell"][b] // n_x + _ROW[d], node["cell"][b] % n_x + _COLUMN[d]
            cell = row * n_x + column
            c = slot[cell]
            if c >= 0 and node["head"][c] > head:
                node["at_rest"][b] += flux
                continue
            if c < 0:
                c = n_nodes
                n_nodes += 1
                slot[cell] = c
                _start(node, push, c, cell)
            if height[d] > node["head"][c]:
                _raise(z[row, column], rule, node, b, c, d)
                n_heap = _put(heap, turn, node["cell"], n_heap, node["head"][c], c)
            _shorten(node, b, c, d)
            node["flux"][c] += flux
            node["came"][c] |= 1 << d
            push[c, d] = head - z[node["cell"][b] // n_x, node["cell"][b] % n_x]
    for i in range(abs(n_nodes)):
        slot[node["cell"][i]] = -1
    return n_nodes


@njit(cache=True, nogil=True)
def _start(node: Any, push: Any, c: int, cell: int) -> None:
    node["cell"][c], node["parent"][c], node["state"][c], node["came"][c], node["flags"][c] = cell, -1, WAITING, 0, 0
    node["head"][c], node["top"][c], node["flux"][c], node["at_rest"][c] = -math.inf, 0.0, 0.0, 0.0
    node["sides"][c], node["diagonals"][c], node["way_sides"][c], node["way_diagonals"][c] = 0, 0, 0, 0
    push[c, :] = 0.0


@njit(cache=True, nogil=True)
def _weigh(z: Any, release: int, rule: Any, slot: Any, node: Any, push: Any, b: int, weight: Any, height: Any) -> float:
    """Set weight and height of the energy line of each receiver of b (0: none) and b's flags; return their sum."""
    n_y, n_x = z.shape
    row, column = node["cell"][b] // n_x, node["cell"][b] % n_x
    here = z[row, column]
    carried = 0.0
    for d in range(8):
        carried += push[b, d]
    total = 0.0
    for d in range(8):
        weight[d] = 0.0
        if node["came"][b] & (1 << ((d + 4) % 8)):
            continue
        persistence = push[b, d] + _HALF * (push[b, (d + 1) % 8] + push[b, (d + 7) % 8]) if carried > 0.0 else 1.0
        if not persistence > 0.0:
            continue
        i, j = row + _ROW[d], column + _COLUMN[d]
        if i < 0 or j < 0 or i >= n_y or j >= n_x:
            node["flags"][b] |= RASTER_EDGE
            continue
        if math.isnan(z[i, j]):
            node["flags"][b] |= MISSING_GROUND
            continue
        height[d] = _line(z[i, j], rule, node, b, d)
        if not height[d] > z[i, j]:
            continue
        if max(abs(i - release // n_x), abs(j - release % n_x)) > rule[5]:
            node["flags"][b] |= BEYOND_REACH
            continue
        known = slot[i * n_x + j]
        if known >= 0 and node["head"][known] == node["head"][b]:
            continue
        fall = (here - z[i, j]) / (rule[1] * (_DIAGONAL if d % 2 else 1.0))
        weight[d] = (fall + math.sqrt(1.0 + fall * fall)) ** rule[2] * persistence
        total += weight[d]
    return total


@njit(cache=True, nogil=True)
def _cut(weight: Any, total: float, flux: float, flux_cut: float) -> int:
    """Turn weights into shares, with 0 for those whose flux is below the cut; return how many are left."""
    n_kept = 0
    for d in range(8):
        if weight[d] > 0.0:
            weight[d] /= total
            if flux * weight[d] < flux_cut:
                weight[d] = 0.0
            else:
                n_kept += 1
    return n_kept


@njit(cache=True, nogil=True)
def _line(ground: float, rule: Any, node: Any, b: int, d: int) -> float:
    """Height of the energy line on a cell of this ground, reached from b in direction d."""
    sides, diagonals = node["sides"][b] + 1 - d % 2, node["diagonals"][b] + d % 2
    return float(min(node["top"][b] - rule[0] * (sides + _DIAGONAL * diagonals), ground + rule[4]))


@njit(cache=True, nogil=True)
def _raise(ground: float, rule: Any, node: Any, b: int, c: int, d: int) -> None:
    """Give c the energy line that comes from b in direction d."""
    sides, diagonals = node["sides"][b] + 1 - d % 2, node["diagonals"][b] + d % 2
    height = node["top"][b] - rule[0] * (sides + _DIAGONAL * diagonals)
    node["parent"][c], node["top"][c] = b, node["top"][b]
    if height > ground + rule[4]:
        height, sides, diagonals = ground + rule[4], 0, 0
        node["top"][c] = height
    node["head"][c], node["sides"][c], node["diagonals"][c] = height, sides, diagonals


@njit(cache=True, nogil=True)
def _shorten(node: Any, b: int, c: int, d: int) -> None:
    """Let the way to c lead over b where that is its first or its shortest."""
    sides, diagonals = node["way_sides"][b] + 1 - d % 2, node["way_diagonals"][b] + d % 2
    found = node["way_sides"][c] + _DIAGONAL * node["way_diagonals"][c]
    if found == 0.0 or sides + _DIAGONAL * diagonals < found:
        node["way_sides"][c], node["way_diagonals"][c] = sides, diagonals


@njit(cache=True, nogil=True)
def _before(key: float, cell: int, other_key: float, other_cell: int) -> bool:
    return key > other_key or (key == other_key and cell < other_cell)


@njit(cache=True, nogil=True)
def _put(heap: Any, turn: Any, cell: Any, n: int, key: float, item: int) -> int:
    """Put a node into the queue; return its new length."""
    i = n
    while i > 0:
        above = (i - 1) // 2
        if not _before(key, cell[item], heap[above], cell[turn[above]]):
            break
        heap[i], turn[i] = heap[above], turn[above]
        i = above
    heap[i], turn[i] = key, item
    return n + 1


@njit(cache=True, nogil=True)
def _take(heap: Any, turn: Any, cell: Any, n: int) -> int:
    """Remove the first node of the queue; return its new length."""
    n -= 1
    key, item, i = heap[n], turn[n], 0
    while True:
        below = 2 * i + 1
        if below >= n:
            break
        right = below + 1
        if right < n and _before(heap[right], cell[turn[right]], heap[below], cell[turn[below]]):
            below = right
        if not _before(heap[below], cell[turn[below]], key, cell[item]):
            break
        heap[i], turn[i] = heap[below], turn[below]
        i = below
    heap[i], turn[i] = key, item
    return n


@njit(cache=True, nogil=True)
def run(
    z: Any, cells: Any, unit: Any, values: Any, target: Any, rule: Any, planes: Any, slot: Any, lists: Any, best: Any,
    touched: Any, rows: Any, at: Any,
) -> int:  # fmt: skip
    """Run paths from `at` on until all are done or a list is too short."""
    node, push, heap, turn = lists
    for r in range(at[0], len(cells)):
        at[0] = r
        if r > 0 and unit[r] != unit[r - 1] and at[1] > 0 and not _flush(unit[r - 1], best, touched, rows, at):
            return ROWS_SHORT
        n = follow(z, cells[r], rule, slot, node, push, heap, turn)
        if n < 0:
            return NODES_SHORT
        _keep(z, values[r], rule, planes, node, n)
        if target.size:
            _hit(z, target, rule, node, n, best, touched, at)
    at[0] = len(cells)
    if at[1] > 0 and not _flush(unit[-1], best, touched, rows, at):
        return ROWS_SHORT
    return FINISHED


@njit(cache=True, nogil=True)
def _keep(z: Any, values: Any, rule: Any, planes: Any, node: Any, n: int) -> None:
    """Keep the extremes of one path."""
    energy, flux, length, lowest, highest, count, flags, carried = planes
    n_x = z.shape[1]
    top = node["head"][0]
    for k in range(n):
        i, j = node["cell"][k] // n_x, node["cell"][k] % n_x
        energy[i, j] = max(energy[i, j], np.float32(node["head"][k] - z[i, j]))
        flux[i, j] = max(flux[i, j], np.float32(node["flux"][k]))
        count[i, j] += 1
        flags[i, j] |= node["flags"][k]
        for v in range(len(values)):
            carried[v, i, j] = max(carried[v, i, j], values[v])
        if k > 0:
            way = rule[1] * (node["way_sides"][k] + _DIAGONAL * node["way_diagonals"][k])
            angle = np.float32(math.degrees(math.atan((top - z[i, j]) / way)))
            length[i, j] = max(length[i, j], np.float32(way))
            if not lowest[i, j] <= angle:
                lowest[i, j] = angle
            if not highest[i, j] >= angle:
                highest[i, j] = angle


@njit(cache=True, nogil=True)
def _hit(z: Any, target: Any, rule: Any, node: Any, n: int, best: Any, touched: Any, at: Any) -> None:
    """Note the targets that one path reaches, in `best` of its unit."""
    n_x = z.shape[1]
    for k in range(n):
        cell = node["cell"][k]
        t = target[cell]
        if t < 0:
            continue
        energy = np.float32(node["head"][k] - z[cell // n_x, cell % n_x])
        way = np.float32(rule[1] * (node["way_sides"][k] + _DIAGONAL * node["way_diagonals"][k]))
        flux = np.float32(node["flux"][k])
        if best["unit"][t] == 0:
            best["unit"][t], best["target"][t] = 1, t
            best["energy_m"][t], best["flux"][t], best["length_m"][t] = energy, flux, way
            best["release"][t] = node["cell"][0]
            touched[at[1]] = t
            at[1] += 1
            continue
        if energy > best["energy_m"][t]:
            best["energy_m"][t], best["length_m"][t], best["release"][t] = energy, way, node["cell"][0]
        best["flux"][t] = max(best["flux"][t], flux)


@njit(cache=True, nogil=True)
def _flush(unit: int, best: Any, touched: Any, rows: Any, at: Any) -> bool:
    """Move the hits of a unit to the rows; False where they do not fit any more."""
    if at[2] + at[1] > len(rows):
        return False
    for k in range(at[1]):
        t = touched[k]
        rows[at[2]] = best[t]
        rows["unit"][at[2]] = unit
        best["unit"][t] = 0
        at[2] += 1
    at[1] = 0
    return True
