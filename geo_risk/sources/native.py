"""Read back a track's own maps, and bring them onto another grid without ever crossing a gap."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr
from affine import Affine
from dask import array as da
from numpy.typing import NDArray
from pyproj import CRS

from geo_risk.core.crs import crs_change
from geo_risk.core.errors import CorruptFileError, DataError, OverlapError
from geo_risk.core.grid import CHUNK, Grid
from geo_risk.kernels.resample import sample_bilinear, sample_nearest

METHODS = ("bilinear", "nearest")


def method_for(names: Iterable[str], method: str) -> str:
    """Return how maps of these names reach another grid: nearest where they are means of points (`n_points`).

    Cells with points have gaps between them by nature, and bilinear would lose nearly all of those with gaps beside.
    """
    return "nearest" if "n_points" in names else method


def native_facts(path: Path) -> dict[str, Any]:
    """Return the attributes that `publish.write_native` kept, with `shape`, `names` and `posting_m`.

    posting_m is the larger side of a cell in metres; in degrees it is taken at the middle of the frame.
    """
    try:
        with h5py.File(path, "r") as source:
            facts: dict[str, Any] = json.loads(str(source.attrs["facts"]))
            facts["names"] = list(source)
            facts["shape"] = list(source[facts["names"][0]].shape)
    except OSError as error:
        what = f"the file cannot be opened: {error}"
        raise CorruptFileError(what, where=str(path), fix="run the velocity step again") from error
    a, _, _, _, e, f = facts["transform"]
    side = (abs(a), abs(e))
    if CRS(facts["crs"]).is_geographic:
        middle = np.deg2rad(f + e * facts["shape"][0] / 2)
        side = (abs(a) * 111_320.0 * float(np.cos(middle)), abs(e) * 110_574.0)
    facts["posting_m"] = max(side)
    return facts


def native_maps(path: Path, names: Sequence[str]) -> xr.Dataset:
    """Return native maps on the track's own grid, lazy in bands of rows, with the coordinates of cell centres.

    Parameters
    ----------
    path : file of `publish.write_native`; names : maps in it.

    Raises
    ------
    DataError : no such map.
    """
    facts = native_facts(path)
    absent = [n for n in names if n not in facts["names"]]
    if absent:
        what = f"no maps {absent}: there are {facts['names']}"
        raise DataError(what, where=str(path), fix="ask for one of those")
    (n_y, n_x), (a, _, c, _, e, f) = facts["shape"], facts["transform"]
    chunks = da.core.normalize_chunks((CHUNK, n_x), shape=(n_y, n_x), dtype=np.float32)

    def lazy(name: str) -> da.Array:
        def block(block_info: Any = None) -> NDArray[np.float32]:
            (r0, r1), _ = block_info[None]["array-location"]
            with h5py.File(path, "r") as source:
                return np.asarray(source[name][r0:r1], dtype=np.float32)

        return da.map_blocks(block, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0), np.float32))

    coords = {"y": f + e * (np.arange(n_y) + 0.5), "x": c + a * (np.arange(n_x) + 0.5)}
    return xr.Dataset({n: (("y", "x"), lazy(n)) for n in names}, coords=coords)


def onto_grid(path: Path, name: str, grid: Grid, *, method: str) -> xr.DataArray:
    """Bring one native map onto a grid, lazily, block by block.

    Parameters
    ----------
    path, name : file of `publish.write_native`, and the map in it.
    grid : where to.
    method : "bilinear" (NaN where any of the four neighbours that count is missing) or "nearest"; see `method_for`.

    Returns
    -------
    Layer (y, x) float32 with the map's units; NaN outside the frame. Only the window that a block needs is read.

    Raises
    ------
    DataError : no such map or method. OverlapError : frame and grid do not meet.
    """
    facts = native_facts(path)
    if name not in facts["names"] or method not in METHODS:
        what = f"map {name!r} by {method!r}: there are {facts['names']} and {list(METHODS)}"
        raise DataError(what, where=str(path), fix="ask for one of those")
    check_overlap(facts, grid, where=str(path))
    method = method_for(facts["names"], method)
    chunks = da.core.normalize_chunks((CHUNK, CHUNK), shape=grid.shape, dtype=np.float32)

    def block(block_info: Any = None) -> NDArray[np.float32]:
        (r0, r1), (c0, c1) = block_info[None]["array-location"]
        row, column = grid_positions(facts, grid, (r0, r1), (c0, c1))
        return _sampled(path, name, row, column, method=method)

    data = da.map_blocks(block, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0), np.float32))
    with h5py.File(path, "r") as source:
        attrs = {k: str(source[name].attrs[k]) for k in ("units", "long_name")}
    return grid.layer(data, units=attrs["units"], long_name=attrs["long_name"], name=name)


def grid_positions(
    facts: Mapping[str, Any], grid: Grid, rows: tuple[int, int], columns: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return fractional rows and columns in a frame (crs, transform) of the cell centres of a block of the grid.

    0 is the centre of the frame's first cell.
    """
    coords = grid.coords()
    x, y = np.meshgrid(coords["x"][slice(*columns)], coords["y"][slice(*rows)])
    change = crs_change(str(grid.crs), str(facts["crs"]))
    if change is not None:
        x, y = change.transform(x, y)
    column, row = ~Affine(*facts["transform"]) * (np.asarray(x), np.asarray(y))
    # snap what is a rounding error away from a cell centre, so that equal grids are copied exactly
    out = [np.where(np.abs(v - np.rint(v)) < 1e-6, np.rint(v), v) for v in (row - 0.5, column - 0.5)]
    return np.ascontiguousarray(out[0], dtype=np.float64), np.ascontiguousarray(out[1], dtype=np.float64)


def _sampled(
    path: Path, name: str, row: NDArray[np.float64], column: NDArray[np.float64], *, method: str
) -> NDArray[np.float32]:
    with h5py.File(path, "r") as source:
        n_y, n_x = source[name].shape
        near = (row > -1) & (row < n_y) & (column > -1) & (column < n_x)
        if not near.any():
            return np.full(row.shape, np.nan, dtype=np.float32)
        r0, r1 = max(0, int(row[near].min()) - 1), min(n_y, int(row[near].max()) + 3)
        c0, c1 = max(0, int(column[near].min()) - 1), min(n_x, int(column[near].max()) + 3)
        window = np.asarray(source[name][r0:r1, c0:c1], dtype=np.float32)
    sample = sample_bilinear if method == "bilinear" else sample_nearest
    out: NDArray[np.float32] = sample(window, np.where(near, row - r0, -9.0), np.where(near, column - c0, -9.0))
    return out


def check_overlap(facts: Mapping[str, Any], grid: Grid, *, where: str) -> None:
    """Raise OverlapError where no cell centre of the grid (50 rows are tried) lies on a frame."""
    rows = np.unique(np.linspace(0, grid.shape[0] - 1, min(50, grid.shape[0])).astype(int))
    parts = [grid_positions(facts, grid, (int(r), int(r) + 1), (0, grid.shape[1])) for r in rows]
    row, column = (np.vstack(p) for p in zip(*parts, strict=True))
    n_y, n_x = facts["shape"]
    if not ((row > -1) & (row < n_y) & (column > -1) & (column < n_x)).any():
        what = (
            f"the frame ({facts['crs']}, corner {facts['transform'][2]:.10g}, {facts['transform'][5]:.10g}) does not "
        )
        what += f"meet the run's area {tuple(round(b) for b in grid.bounds)} in {grid.crs}"
        raise OverlapError(what, where=where, fix="check area.boundary, area.crs and the files of this track")
