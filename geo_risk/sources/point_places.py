"""Where the points of a table lie: their coordinates in a metric CRS, and the lattice of cells over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from geo_risk.core.errors import CrsError
from geo_risk.sources.insar import Frame
from geo_risk.sources.point_cells import MAX_SET_ASIDE, SetAside
from geo_risk.sources.point_ids import hashes, repeated
from geo_risk.sources.point_rows import batches
from geo_risk.sources.point_tables import PointTable, numbers

if TYPE_CHECKING:
    from geo_risk.sources.points import Layout


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
            aside.add(names, lost & ~bad, "without coordinates")
            found[bad | lost] = np.nan
            parts.append(found)
            hashed.append(hashes(names))
        xy, marks = np.concatenate(parts), np.concatenate(hashed)
        files = np.append(files, np.full(len(marks) - len(files), number, dtype=np.int32))
    x, y, crs = _metric(xy, layout.crs, where=str(tables[0].path))
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
    if doubled.any():
        _name_doubled(tables, layout, doubled, aside)
        x[doubled] = y[doubled] = np.nan
    return Places(x, y, crs, layout, audit)


def _name_doubled(tables: Sequence[PointTable], layout: Layout, doubled: NDArray[np.bool_], aside: SetAside) -> None:
    start = 0
    for batch, names in batches(tables, [layout.x], layout):
        aside.add(names, doubled[start : start + len(batch)], "with an id that came before")
        start += len(batch)


def _metric(xy: NDArray[np.float64], crs: str, *, where: str) -> tuple[NDArray[np.float64], NDArray[np.float64], str]:
    try:
        source = CRS(crs)
    except CRSError as error:
        what = f"the CRS {crs!r} is not known"
        raise CrsError(what, where=where, fix="write it as EPSG:nnnn") from error
    x, y = xy[:, 0].copy(), xy[:, 1].copy()
    known = np.isfinite(x)
    if not known.any():
        return x, y, crs
    degrees = bool((np.abs(x[known]) <= 360).all() and (np.abs(y[known]) <= 90).all())
    if degrees != source.is_geographic:
        what = f"{crs} does not fit coordinates such as {x[known][0]:.7g}, {y[known][0]:.7g}"
        raise CrsError(what, where=where, fix="set `crs` of this track to the CRS of the coordinate columns")
    if not source.is_geographic:
        return x, y, crs
    zone = int((float(np.median(x[known])) + 180) // 6) % 60 + 1
    target = f"EPSG:{(326 if float(np.median(y[known])) >= 0 else 327)}{zone:02d}"
    x[known], y[known] = Transformer.from_crs(source, target, always_xy=True).transform(x[known], y[known])
    return np.where(np.isfinite(x), x, np.nan), np.where(np.isfinite(x), y, np.nan), target


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
