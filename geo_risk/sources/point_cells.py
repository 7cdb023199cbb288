"""Sums of point series over the cells of a grid, held for the cells that have points only."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.sources.audit_words import reason_in_chinese
from geo_risk.sources.point_marks import CONSTANT, EMPTY, RATE_ZERO, ZEROS

MAX_SET_ASIDE = 0.05
"""Share of rows that may be set aside before a table is refused (choice of geo_risk)."""

MISSING = frozenset({EMPTY, ZEROS, CONSTANT, RATE_ZERO})
"""Reasons that make a row missing and the table no worse: it says in its own way that nothing was measured there."""

MAX_LISTED = 100
TEXT = "with a text in a column of numbers"
BLOCK_BYTES = 64 * 2**20


@dataclass
class SetAside:
    """Rows that are not used: how many for each reason, the first of them by id, and an example for a reason."""

    counts: dict[str, int] = field(default_factory=dict)
    listed: list[dict[str, str]] = field(default_factory=list)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, ids: NDArray[Any], rows: NDArray[np.bool_], reason: str) -> None:
        """Count the rows of a batch that a reason takes out."""
        found = np.flatnonzero(rows)
        if not found.size:
            return
        self.counts[reason] = self.counts.get(reason, 0) + int(found.size)
        room = max(0, MAX_LISTED - len(self.listed))
        said = {"reason": reason, "reason_zh": reason_in_chinese(reason)}
        self.listed.extend({"id": str(ids[i]), **said} for i in found[:room])

    def show(self, reason: str, example: str) -> None:
        """Keep the first example of a reason, or a hint, for an error that names this reason."""
        if example:
            self.examples.setdefault(reason, example)

    def check(self, n_rows: int, *, where: str) -> str | None:
        """Return a sentence, None where nothing was set aside.

        Raises
        ------
        DataError : more than MAX_SET_ASIDE of the rows, those that are MISSING left out, or all of them.
        """
        total = sum(self.counts.values())
        if not total:
            return None
        reasons = "; ".join(f"{n} {reason}" for reason, n in sorted(self.counts.items()))
        first = ", ".join(item["id"] for item in self.listed[:5])
        if not (total < n_rows and total - self._n_missing <= MAX_SET_ASIDE * n_rows):
            what = f"{total} of {n_rows} rows cannot be used ({reasons}); "
            what += (
                "there is nothing to show" if self._n_missing == n_rows else f"at most {MAX_SET_ASIDE:.0%} may be bad"
            )
            shown = "".join(f" ({e})" for r, e in self.examples.items() if r in self.counts)
            raise DataError(what, where=where, fix=f"mend the table{shown}; the first such rows are {first}")
        return f"rows: {total} of {n_rows} set aside ({reasons}), the first are {first}"

    def warnings(self, n_rows: int) -> list[tuple[str, str]]:
        """Say, English and Chinese, where so many rows are MISSING that they would be missed."""
        if self._n_missing <= MAX_SET_ASIDE * n_rows:
            return []
        counted = [(n, r) for r, n in sorted(self.counts.items()) if r in MISSING]
        english = "; ".join(f"{n} {r}" for n, r in counted)
        chinese = "；".join(f"{reason_in_chinese(r)} {n} 行" for n, r in counted)
        return [(
            f"{self._n_missing} of {n_rows} points say nothing of the ground ({english}): unknown, not still",
            f"{n_rows} 个点中 {self._n_missing} 个未给出地面运动信息（{chinese}）：这些位置为未知，不作稳定判定",
        )]  # fmt: skip

    @property
    def _n_missing(self) -> int:
        return sum(n for reason, n in self.counts.items() if reason in MISSING)


class CellSums:
    """Sums over the points of each cell.

    Memory: 4 bytes a cell and date, 4 more once a series with a gap has been seen, and about 16 bytes a cell and map.
    Sums are taken in file order, so the same files give the same bits. Where points have gaps of their own,
    `point_gaps.finished` aligns them: the plain mean of whatever is known on a date steps where a point is lost.
    """

    def __init__(self, n_cells: int, n_dates: int, names: tuple[str, ...]) -> None:
        self.sums = np.zeros((n_cells, n_dates), dtype=np.float32)
        self.gaps: NDArray[np.int32] | None = None
        self.n_points = np.zeros(n_cells, dtype=np.int32)
        self.squares = np.zeros(n_cells)
        self.maps = {n: np.zeros(n_cells) for n in names}
        self._known = {n: np.zeros(n_cells, dtype=np.int32) for n in names}

    def add(self, cells: NDArray[np.int64], series: NDArray[np.float64], maps: dict[str, NDArray[np.float64]]) -> None:
        """Add points: their cells (n,), series (n, dates), and values of maps (n,), NaN where unknown."""
        if not cells.size:
            return
        order = np.argsort(cells, kind="stable")
        which, first = np.unique(cells[order], return_index=True)
        series = series[order]
        missing = np.isnan(series)
        if missing.any():
            series = np.where(missing, 0.0, series)
            if self.gaps is None:
                self.gaps = np.zeros(self.sums.shape, dtype=np.int32)
            self.gaps[which] += np.add.reduceat(missing, first, axis=0, dtype=np.int32)
        if series.shape[1]:
            self.sums[which] += np.add.reduceat(series, first, axis=0).astype(np.float32)
            self.squares[which] += np.add.reduceat((series * series).sum(axis=1), first)
        self.n_points[which] += np.diff(np.append(first, len(cells))).astype(np.int32)
        for name, values in maps.items():
            there = np.isfinite(values[order])
            self.maps[name][which] += np.add.reduceat(np.where(there, values[order], 0.0), first)
            self._known[name][which] += np.add.reduceat(there, first, dtype=np.int32)

    def finish(self) -> NDArray[np.float32]:
        """Turn the sums into means in place, maps too; return the standard error of the cells' displacements.

        It is the spread of a cell's points about the mean series of the cell, over all dates, divided by the root of
        the number of points; NaN for a cell with one point.
        """
        spread = np.full(len(self.n_points), np.nan)
        for a in range(0, len(spread), 65536):
            rows = slice(a, a + 65536)
            n = self.n_points[rows, None].astype(np.float64)
            n = np.broadcast_to(n, self.sums[rows].shape) if self.gaps is None else n - self.gaps[rows]
            with np.errstate(invalid="ignore", divide="ignore"):
                mean = self.sums[rows] / n
                inner = self.squares[rows] - (n * np.where(n > 0, mean, 0.0) ** 2).sum(axis=1)
                freedom = np.maximum(n - 1, 0).sum(axis=1)
                spread[rows] = np.where(freedom > 0, np.sqrt(np.maximum(inner, 0) / freedom), np.nan)
            self.sums[rows] = np.where(n > 0, mean, np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            for name, values in self.maps.items():
                self.maps[name] = np.where(self._known[name] > 0, values / self._known[name], np.nan)
            out: NDArray[np.float32] = (spread / np.sqrt(self.n_points)).astype(np.float32)
        return out


class SparseCells:
    """An array (y, x) or (time, y, x) of which only some cells are held; slices of it are dense, NaN elsewhere.

    Parameters
    ----------
    keys : (n,) row * width + column of the cells that are held, rising.
    values : (n,) or (n, time).
    frame : rows and columns.
    """

    def __init__(self, keys: NDArray[np.int64], values: NDArray[Any], frame: tuple[int, int]) -> None:
        self.keys, self.values, self.frame = keys, values, frame
        self.shape = frame if values.ndim == 1 else (values.shape[1], *frame)
        self.ndim = len(self.shape)
        self._token = f"cells-{uuid.uuid4().hex}"

    def __getitem__(self, index: tuple[slice, ...]) -> NDArray[np.float32]:
        """Return a window; slices have a step of 1."""
        (r0, r1, _), (c0, c1, _) = (s.indices(n) for s, n in zip(index[-2:], self.frame, strict=True))
        width = self.frame[1]
        first, last = np.searchsorted(self.keys, [r0 * width, r1 * width])
        row, column = np.divmod(self.keys[first:last], width)
        inside = (column >= c0) & (column < c1)
        row, column = row[inside] - r0, column[inside] - c0
        values = self.values[first:last][inside]
        lead = () if self.ndim == 2 else (len(range(*index[0].indices(self.shape[0]))),)
        out = np.full((*lead, r1 - r0, c1 - c0), np.nan, dtype=np.float32)
        out[..., row, column] = values if self.ndim == 2 else values[:, index[0]].T
        return out

    def __dask_tokenize__(self) -> str:
        """Return a name of its own, so that dask does not hash gigabytes to find one."""
        return self._token

    def block(self, block_info: Any = None) -> NDArray[np.float32]:
        """Return the window that dask asks for."""
        return self[tuple(slice(a, b) for a, b in block_info[None]["array-location"])]

    def lazy(self, n_dates: int) -> da.Array:
        """Return it as a lazy array in bands of rows, all dates of a band in a block."""
        n_rows = max(1, min(self.frame[0], BLOCK_BYTES // max(1, 4 * self.frame[1] * max(1, n_dates))))
        chunks = da.core.normalize_chunks((*self.shape[:-2], n_rows, self.frame[1]), shape=self.shape, dtype=np.float32)
        return da.map_blocks(self.block, chunks=chunks, dtype=np.float32, meta=np.empty((0,) * self.ndim, np.float32))
