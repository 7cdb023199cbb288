"""Where the points of a table lie: their coordinates in a metric CRS, and the lattice of cells over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from geo_risk.core.errors import LimitError
from geo_risk.sources.insar import MAX_BYTES, Frame
from geo_risk.sources.point_cells import MAX_SET_ASIDE, SetAside
from geo_risk.sources.point_crs import metric
from geo_risk.sources.point_ids import hashes, repeated
from geo_risk.sources.point_rows import batches
from geo_risk.sources.point_tables import PointTable, numbers

if TYPE_CHECKING:
    from geo_risk.sources.points import Layout

MANY_CELLS = 20_000_000
"""Cells below which nothing is asked: the frame of a satellite has as many (choice of geo_risk)."""

MOST_EMPTY = 50_000
"""Cells for a point; a railway across a province in cells of 50 m, seldom seen, has twenty thousand (choice of
geo_risk)."""


@dataclass(frozen=True)
class Places:
    """Places of all rows of the tables of one track.

    Attributes
    ----------
    x, y, crs : in a metric CRS, NaN where a row is set aside. audit : sentences on what was found.
    layout : as given, without the column of ids where it names no points.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    crs: str
    layout: Layout
    audit: list[str]


def positions(tables: Sequence[PointTable], layout: Layout, aside: SetAside) -> Places:
    """Return where the points lie; rows without a place, and points that are told twice, are set aside.

    An id that comes again in its file for another place is set aside too, but where these are more than
    `MAX_SET_ASIDE` of the rows: then the column (all 0, a class of points, tiles numbered each from 0) is no id.
    """
    xy, marks, files = np.empty((0, 2)), np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int32)
    for number, table in enumerate(tables):
        parts, hashed = [xy], [marks]
        for batch, names in batches([table], [layout.x, layout.y], layout):
            found, bad = numbers(batch, [layout.x, layout.y])
            lost = ~np.isfinite(found).all(axis=1)
            aside.add(names, bad, "with a text among the coordinates")
            nowhere = (found == 0).all(axis=1)
            aside.add(names, lost & ~bad, "without coordinates")
            aside.add(names, nowhere & ~bad, "at coordinates 0, 0")
            found[bad | lost | nowhere] = np.nan
            parts.append(found)
            hashed.append(hashes(names))
        xy, marks = np.concatenate(parts), np.concatenate(hashed)
        files = np.append(files, np.full(len(marks) - len(files), number, dtype=np.int32))
    x, y, crs = metric(xy, layout.crs, where=str(tables[0].path))
    _name(tables, layout, np.isfinite(xy).all(axis=1) & ~np.isfinite(x), aside, "outside the UTM zone of the others")
    told, elsewhere = repeated(marks, files, x, y)
    audit: list[str] = []
    if layout.id and elsewhere.sum() > MAX_SET_ASIDE * len(x):
        audit.append(
            f"ids: column {layout.id} repeats on {int(elsewhere.sum())} of {len(x)} rows for other places; it names no "
            "points, and rows go by file and number"
        )
        layout = replace(layout, id=None)
        elsewhere[:] = False
    doubled = told | elsewhere
    _name(tables, layout, doubled, aside, "with an id that came before")
    x[doubled] = y[doubled] = np.nan
    return Places(x, y, crs, layout, audit)


def _name(tables: Sequence[PointTable], layout: Layout, rows: NDArray[np.bool_], aside: SetAside, reason: str) -> None:
    """Set rows of all tables aside for a reason."""
    start = 0
    for batch, names in batches(tables, [layout.x], layout) if rows.any() else ():
        aside.add(names, rows[start : start + len(batch)], reason)
        start += len(batch)


def lattice(
    x: NDArray[np.float64], y: NDArray[np.float64], crs: str, *, posting_m: float, good: NDArray[np.bool_]
) -> tuple[Frame, NDArray[np.int64]]:
    """Return the frame of cells over the points that are good, and row * width + column of each, -1 where not."""
    column, row = np.floor(x[good] / posting_m).astype(np.int64), np.floor(y[good] / posting_m).astype(np.int64)
    left, top = int(column.min()), int(row.max()) + 1
    shape = (top - int(row.min()), int(column.max()) - left + 1)
    transform = Affine(posting_m, 0, left * posting_m, 0, -posting_m, top * posting_m)
    keys = np.full(len(x), -1, dtype=np.int64)
    keys[good] = (top - 1 - row) * shape[1] + (column - left)
    return Frame(crs, transform, shape), keys


def check_span(tables: Sequence[PointTable], places: Places, frame: Frame, *, n_dates: int) -> None:
    """Check that the cells over the points are not far more than the points ask for.

    Raises
    ------
    LimitError : more than 1 TiB; or more than MANY_CELLS, and either more than MOST_EMPTY times the points or more than
        ten times those around all but a few of the points (a two-hundredth at each side). Names the point furthest out.
    """
    n_cells, posting_m = frame.shape[0] * frame.shape[1], frame.transform.a
    good = np.isfinite(places.x)
    sides = [_inner(v[good]) for v in (places.x, places.y)]
    inner = float(np.prod([2 * (high - low) / posting_m + 100 for low, high in sides]))
    is_sparse = n_cells > MANY_CELLS and n_cells > min(MOST_EMPTY * int(good.sum()), 10 * inner)
    if 4 * max(1, n_dates) * n_cells <= MAX_BYTES and not is_sparse:
        return
    away = np.hypot(*(v - np.median(v[good]) for v in (places.x, places.y)))
    named = _row(tables, places.layout, int(np.nanargmax(away)))
    what = f"the points span {frame.shape[1]} x {frame.shape[0]} cells of {posting_m:g} m: too many for {good.sum()} "
    what += f"points; the one furthest out is {named}"
    fix = "correct or remove the points that lie far from all others, cut the table to the area of the run, or set a "
    raise LimitError(what, where=str(tables[0].path), fix=fix + "larger posting_m")


def _inner(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the least and largest of values but for a two-hundredth, or one, at each end."""
    k = min(max(1, len(values) // 200), (len(values) - 1) // 2)
    held = np.partition(values, (k, len(values) - 1 - k))
    return float(held[k]), float(held[len(values) - 1 - k])


def _row(tables: Sequence[PointTable], layout: Layout, number: int) -> str:
    """Return the id and coordinates of one row of all tables."""
    start = 0
    for batch, names in batches(tables, [layout.x, layout.y], layout):
        if number < start + len(batch):
            x, y = numbers(batch, [layout.x, layout.y])[0][number - start]
            return f"{names[number - start]} at {x:.10g}, {y:.10g}"
        start += len(batch)
    return f"row {number}"
