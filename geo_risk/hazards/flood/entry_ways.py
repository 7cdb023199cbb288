"""The ways of rivers below their entries: water that enters several times counts once, and the bed is a stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import same_grid
from geo_risk.core.units import in_units
from geo_risk.kernels.d8 import downstream
from geo_risk.terrain.hydrology import Drainage, hand, streams
from geo_risk.terrain.slope import blocks
from geo_risk.terrain.upslope import upslope_blocks

AGAIN = "again"
"""Source of rows that take off what a river's other entry has brought already."""


class _Codes:
    """D8 codes read cell by cell, block by block; one block is held."""

    def __init__(self, codes: da.Array) -> None:
        self._codes, self.n_x = codes, codes.shape[1]
        self._edges = [np.concatenate([[0], np.cumsum(c)]) for c in codes.chunks]
        self._at, self._block = (-1, -1), np.empty((0, 0), np.int64)

    def way(self, cell: int) -> Iterator[int]:
        """Yield a cell and all below it until the water leaves the map."""
        while cell >= 0:
            yield cell
            row, column = divmod(cell, self.n_x)
            j, i = (
                int(np.searchsorted(e, v, side="right")) - 1 for e, v in zip(self._edges, (row, column), strict=True)
            )
            if (j, i) != self._at:
                block = np.asarray(self._codes.blocks[j, i])
                self._at, self._block = (j, i), np.nan_to_num(block, nan=-1).astype(np.int64)
            code = int(self._block[row - self._edges[0][j], column - self._edges[1][i]])
            cell = int(downstream(cell, code, self.n_x))


def once_a_river(entries: pd.DataFrame, direction: xr.DataArray, inside_km2: Mapping[str, float]) -> pd.DataFrame:
    """Return the entries with rows that take off what a river brings a second time where its ways meet.

    A river along the edge crosses it many times, and each crossing shows the same ground beyond: each of its ways on
    the map carries it, and below where two of them meet it counts once. Where ways of one river do not meet it has left
    the map and come back, with the map's own ground too: at most all that lies along it.

    Parameters
    ----------
    entries : of `inflows.river_entries`, one a cell. direction : (y, x) D8 codes.
    inside_km2 : by river_id, the greatest upslope area on the map along it.

    Returns
    -------
    Rows added have the source AGAIN, the cell where the ways meet, and negative areas.
    """
    codes = _Codes(blocks(direction))
    out, added = entries.copy(), []
    for river, group in entries[entries["source"] != "unknown"].groupby("river_id", sort=True):
        if len(group) < 2:
            continue
        best, high = (float(group[c].max()) for c in ("outside_km2", "outside_high_km2"))
        seen: set[int] = set()
        meetings = []
        for cell in group["cell"]:
            for k in codes.way(int(cell)):
                if k in seen:
                    meetings.append(k)
                    break
                seen.add(k)
        if len(group) - len(meetings) > 1:
            high = max(high, best + float(inside_km2.get(str(river), 0.0)))
        out.loc[group.index, ["outside_km2", "outside_high_km2"]] = [best, high]
        added += [{"river_id": river, "cell": k, "source": AGAIN, "outside_km2": -best, "outside_high_km2": -high,
                   "width_m": np.nan} for k in meetings]  # fmt: skip
    return out if not added else pd.concat([out, pd.DataFrame(added)], ignore_index=True)


def fed_drainage(
    direction: xr.DataArray, filled: xr.DataArray, upslope_area: xr.DataArray, starts: NDArray[np.int64], *,
    stream_area_m2: float,
) -> tuple[xr.DataArray, xr.DataArray]:  # fmt: skip
    """Return upslope area and height above drainage with the beds of rivers that enter as streams from the edge on.

    By the map's own ground alone a river becomes a stream only far below the edge, and the ground beside it before
    would stand high above a bed that lies downstream.

    Parameters
    ----------
    direction, filled, upslope_area : (y, x) as `terrain.hydrology.drainage` makes them. starts : cells (flat index)
        from which a river's bed goes. stream_area_m2 : upslope area from which a cell is a stream.

    Returns
    -------
    (area [m2], hand [m]) : lazy; the area of beds is at least `stream_area_m2`.
    """
    grid = same_grid(direction, filled, upslope_area)
    codes, area = blocks(direction), blocks(in_units(upslope_area, "m2"))
    rows, columns = np.divmod(np.unique(starts), grid.shape[1])

    def marked(block: NDArray[np.int8], block_info: object = None) -> NDArray[np.float64]:
        (r0, r1), (c0, c1) = block_info[None]["array-location"]  # type: ignore[index]
        out = np.zeros(block.shape)
        here = (rows >= r0) & (rows < r1) & (columns >= c0) & (columns < c1)
        out[rows[here] - r0, columns[here] - c0] = 1.0
        return out

    marks = da.map_blocks(marked, codes, dtype=np.float64, meta=np.empty((0, 0)))
    is_bed = upslope_blocks(codes.astype(np.int8), marks) > 0
    more = da.where(is_bed, da.maximum(area.rechunk(codes.chunks), stream_area_m2), area.rechunk(codes.chunks))
    title = "upslope area, beds of rivers that enter as streams"
    fed = grid.layer(more.astype(np.float32), units="m2", long_name=title, name="fed_accumulation")
    routed = Drainage(filled, direction, fed)
    above = hand(routed, streams(routed, stream_area_m2=stream_area_m2))
    return fed, above.rename("fed_hand_m")
