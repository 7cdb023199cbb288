"""Ground that leaves its course at an end of the record: sudden motion, or an unwrapping error that lasts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

F32 = NDArray[np.float32]
Times = NDArray[np.datetime64]

SIGMAS = 4.0
"""A date is off beyond this many robust standard deviations of its series: there the bisquare (constant 4.685) has
taken all but a fourteenth of its say, so the fit does not speak for it."""

LEAST_MM = 5.0
"""Nor does less than this count; choice of geo_risk: what ground called stable may move in a year
(`activity.stable_mm_yr`)."""

LASTING_DATES = 2
"""From so many dates on a departure is no error of one date, and the series is fitted with all its dates."""

SMALLEST_CELLS = 5
"""Patches of fewer cells are counted and not listed: as for areas (`areas.minimum_pixels`)."""

_BAND_CELLS = 2_000_000
_LISTED = 10


def since_map(since: NDArray[np.int16], until: NDArray[np.int16], is_open: NDArray[np.bool_], last: int) -> F32:
    """Return the map `sudden_since` (y, x) of the runs that `kernels.end_run.end_runs` found.

    Parameters
    ----------
    since, until : (y, x) indices as of `end_runs`, -1 for none; `until` without runs of one date, which are noise of
        the first date and say nothing of later ones.
    is_open : (y, x) patches left out on the last date (`Jumps.ends_open`); last : index of that date.

    Returns
    -------
    Number, from 1, of the date since which the series is off its course; negative: of the date until which it was; 0
    where it keeps it.
    """
    out = np.where(until >= 0, -(until.astype(np.float32) + 1), np.float32(0))
    out = np.where(is_open, np.float32(last + 1), out)
    return np.where(since >= 0, since.astype(np.float32) + 1, out).astype(np.float32)


@dataclass(frozen=True)
class Patch:
    """Cells that hang together and left their course the same way.

    Attributes
    ----------
    n_cells, x, y : how many, and their middle in the coordinates of the track.
    departure_mm : mean distance from the course [mm], toward the satellite positive.
    since : the commonest `sudden_since`.
    """

    n_cells: int
    x: float
    y: float
    departure_mm: float
    since: int


def sudden_patches(maps: xr.Dataset) -> tuple[list[Patch], int]:
    """Return the patches of ground off its course, the largest first, and how many cells are off in all.

    Parameters
    ----------
    maps : `sudden_since` [1] and `sudden_mm` [mm] (y, x), lazy or not; read in bands of rows.

    Returns
    -------
    Patches of SMALLEST_CELLS cells or more (corners touch), parted by the sign of the departure and by the end of the
    record, whatever the bands.
    """
    sums: dict[int, NDArray[np.float64]] = {}
    days: dict[int, Counter[int]] = {}
    parent: dict[int, int] = {}
    above: NDArray[np.int64] | None = None
    for top, since, mm in _bands(maps):
        labels, kinds = _labelled(since, mm, parent)
        if above is not None:
            _join(parent, above, np.stack([labels[0], kinds[0]]))
        above = np.stack([labels[-1], kinds[-1]])
        rows, columns = np.nonzero(labels)
        keys, which = np.unique(labels[rows, columns], return_inverse=True)
        values = (np.ones(len(rows)), rows + top, columns, mm[rows, columns])
        table = np.stack([np.bincount(which, v, minlength=len(keys)) for v in values], axis=1)
        sums.update(zip(keys.tolist(), table, strict=True))
        pairs, n = np.unique(np.stack([keys[which], since[rows, columns].astype(np.int64)]), axis=1, return_counts=True)
        for key, day, count in zip(*pairs.tolist(), n.tolist(), strict=True):
            days.setdefault(key, Counter())[day] += count
    for key in sorted(sums, reverse=True):
        root = _root(parent, key)
        if root != key:
            sums[root] = sums[root] + sums.pop(key)
            days[root].update(days.pop(key))
    patches = [_patch(v, days[k], maps) for k, v in sums.items() if v[0] >= SMALLEST_CELLS]
    return sorted(patches, key=lambda p: (-p.n_cells, -p.y, p.x)), int(sum(v[0] for v in sums.values()))


def _labelled(since: F32, mm: F32, parent: dict[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return labels of a band and the kind of each cell (which end, which sign); new labels become own parents."""
    kinds = (np.sign(since) * 2 + np.sign(mm)).astype(np.int64) * ((since != 0) & (mm != 0))
    labels = np.zeros(since.shape, dtype=np.int64)
    for kind in (-3, -1, 1, 3):
        found, n = ndimage.label(kinds == kind, np.ones((3, 3)))
        labels[kinds == kind] = found[kinds == kind] + len(parent)
        parent.update((k, k) for k in range(len(parent) + 1, len(parent) + n + 1))
    return labels, kinds


def sudden_note(patches: list[Patch], times: Times) -> tuple[str, str] | None:
    """Say where ground left its course at an end of the record, English and Chinese; None for nowhere.

    Parameters
    ----------
    patches : of `sudden_patches`, the largest first; ten are named.
    times : (time,) dates of the series.
    """
    if not patches:
        return None
    last = len(times)
    lasting = [p for p in patches if p.since != last]
    english, chinese = [], []
    for p in (lasting + [p for p in patches if p.since == last])[:_LISTED]:
        day = str(times[abs(p.since) - 1])[:10]
        is_late = p.since > 0
        english.append(f"x, y {p.x:.10g}, {p.y:.10g}: {p.departure_mm:+.0f} mm {'since' if is_late else 'until'} {day} "
                       f"({p.n_cells} cells)")  # fmt: skip
        chinese.append(f"x, y {p.x:.10g}, {p.y:.10g}：{'自' if is_late else '至'} {day} {'起' if is_late else '止'}"
                       f" {p.departure_mm:+.0f} 毫米（{p.n_cells} 个像元）")  # fmt: skip
    n, n_last = len(patches), len(patches) - len(lasting)
    more = " ..." if n > _LISTED else ""
    return (
        f"{n} patch{'es' if n > 1 else ''} left the course of the record at its end (or came to it at its beginning): "
        f"sudden motion, or an unwrapping error that lasts; {n_last} of them on the last date, {str(times[-1])[:10]}, "
        f"alone, which cannot be told from an error until the next date. Nothing there is called still; look at "
        f"{'; '.join(english)}{more}",
        f"{n} 处斑块在时序末端（或起始）偏离原有趋势：可能为突发位移，也可能为持续的解缠误差；其中 {n_last} 处仅末期 "
        f"{str(times[-1])[:10]} 偏离，下一期之前无法区分。这些位置一律不作稳定判定，请核查：{'；'.join(chinese)}{more}",
    )


def _bands(maps: xr.Dataset) -> Iterator[tuple[int, F32, F32]]:
    height = max(1, _BAND_CELLS // max(1, maps.sizes["x"]))
    for top in range(0, maps.sizes["y"], height):
        band = maps[["sudden_since", "sudden_mm"]].isel(y=slice(top, top + height)).compute()
        since, mm = (np.nan_to_num(band[n].to_numpy()).astype(np.float32) for n in ("sudden_since", "sudden_mm"))
        yield top, since, mm


def _join(parent: dict[int, int], above: NDArray[np.int64], below: NDArray[np.int64]) -> None:
    """Make one of the patches of one kind that touch across the seam of two bands; rows of (label, kind)."""
    for shift in (-1, 0, 1):
        a = above[:, max(0, -shift) : above.shape[1] - max(0, shift)]
        b = below[:, max(0, shift) : below.shape[1] - max(0, -shift)]
        touch = (a[0] > 0) & (b[0] > 0) & (a[1] == b[1])
        for one, other in np.unique(np.stack([a[0][touch], b[0][touch]]), axis=1).T:
            low, high = sorted((_root(parent, int(one)), _root(parent, int(other))))
            parent[high] = low


def _root(parent: dict[int, int], key: int) -> int:
    while parent[key] != key:
        key = parent[key]
    return key


def _patch(sums: NDArray[np.float64], days: Counter[int], maps: xr.Dataset) -> Patch:
    """Return a patch of its sums (number, rows, columns, millimetres) and of how often it has each `sudden_since`."""
    n, row, column, mm = (float(v) for v in sums)
    x, y = (float(maps[d].to_numpy()[min(round(v / n), maps.sizes[d] - 1)]) for d, v in (("x", column), ("y", row)))
    since = min(days, key=lambda day: (-days[day], day))
    return Patch(int(n), x, y, mm / n, since)
