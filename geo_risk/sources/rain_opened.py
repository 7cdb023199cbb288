"""What an opener of a rain format hands over: a lazy cube with its intervals, and the evidence for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import dask.array as da
import numpy as np
import pyproj
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from odc.geo.xr import xr_coords

from geo_risk.core.errors import GridError, LimitError, OverlapError

MAX_CELLS = 2**37
"""Values of one series (intervals x cells) that are accepted: half a terabyte of float32."""

MARGIN = 2
"""Cells kept around the area: bilinear resampling needs one, another covers the bend of its edges between CRSs."""


@dataclass(frozen=True)
class Said:
    """One sentence of evidence, in English and Chinese."""

    en: str
    zh: str


@dataclass(frozen=True)
class Area:
    """Where rain is wanted: left, bottom, right, top in a CRS."""

    bounds: tuple[float, float, float, float]
    crs: str


@dataclass(frozen=True)
class Place:
    """Where the cells of a rain grid lie: centres with x rising and y falling, and the CRS.

    `rows` and `columns` count the cells of the file, y falling, that are kept.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    crs: str
    rows: slice
    columns: slice

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns that are kept."""
        return self.y.size, self.x.size

    def coords(self) -> dict[str, Any]:
        """Return coordinates y, x and spatial_ref."""
        step = [_step(a) for a in (self.x, self.y)]
        transform = Affine(step[0], 0, self.x[0] - step[0] / 2, 0, step[1], self.y[0] - step[1] / 2)
        ref = xr_coords(GeoBox(self.shape, transform, self.crs))["spatial_ref"]
        return {"y": self.y, "x": self.x, "spatial_ref": ref}


@dataclass(frozen=True)
class Opened:
    """A series as its format has it.

    Attributes
    ----------
    rain : (time, y, x), lazy, y falling, x rising, attr `units` "mm" (amount) or "mm/h" (mean rate); `time` the UTC end
        of each interval, coordinate `start` (time) its beginning, NaT where the file leaves it open; coordinate
        `spatial_ref`. Intervals may share a start: then values run on from it.
    evidence : a sentence each for unit, kind, interval, zone and place.
    settled : what the format or the configuration proves, so that values need not: "units", "kind".
    quality : final, preliminary, forecast or unstated.
    """

    rain: xr.DataArray
    evidence: tuple[Said, ...]
    settled: frozenset[str] = field(default=frozenset())
    quality: str = "unstated"


def placed(
    x: NDArray[Any], y: NDArray[Any], *, crs: str, area: Area | None, where: str
) -> Place:  # fmt: skip
    """Check the axes of a grid and cut it to the area with MARGIN cells around.

    Parameters
    ----------
    x, y : cell centres as the file has them, x rising, y falling.
    area : None keeps all.

    Raises
    ------
    GridError : an axis has fewer than two cells or is uneven, or x falls or y rises.
    OverlapError : the area lies beside the grid.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    for name, values, sign in (("x", x, 1), ("y", y, -1)):
        steps = np.diff(values) * sign
        even = steps.size and np.abs(steps - steps.mean()).max() <= 1e-2 * abs(steps.mean())
        if not (even and steps.mean() > 0):
            what = f"axis {name} has {values.size} values that are not evenly spaced"
            raise GridError(
                what, where=f"{where}, {name}", fix="resample the file to a regular grid of two or more cells"
            )
    if crs_is_degrees(crs) and x[-1] > 180 + 1e-6 and (area is None or _lowest_x(area, crs) < x[0]):
        x = x - 360 if x[0] >= 180 else x
    rows, columns = (slice(0, y.size), slice(0, x.size)) if area is None else _window(x, y, crs, area, where=where)
    return Place(x[columns], y[rows], crs, rows, columns)


def crs_is_degrees(crs: str) -> bool:
    """Return whether a CRS counts in degrees."""
    return bool(pyproj.CRS.from_user_input(crs).is_geographic)


def _lowest_x(area: Area, crs: str) -> float:
    return float(bounds_in(area, crs)[0])


def bounds_in(area: Area, crs: str) -> tuple[float, float, float, float]:
    """Return left, bottom, right, top of an area in another CRS, its bent edges included."""
    if pyproj.CRS.from_user_input(area.crs) == pyproj.CRS.from_user_input(crs):
        return area.bounds
    change = pyproj.Transformer.from_crs(area.crs, crs, always_xy=True)
    left, bottom, right, top = change.transform_bounds(*area.bounds, densify_pts=21)
    return left, bottom, right, top


def _window(x: NDArray[np.float64], y: NDArray[np.float64], crs: str, area: Area, *, where: str) -> tuple[slice, slice]:
    left, bottom, right, top = bounds_in(area, crs)
    # a cell that only touches the area is not in it, whatever the last digits of its edge
    half_x, half_y = 0.4999 * _step(x), 0.4999 * abs(_step(y))
    inside_x = np.flatnonzero((x + half_x > left) & (x - half_x < right))
    inside_y = np.flatnonzero((y + half_y > bottom) & (y - half_y < top))
    if not (inside_x.size and inside_y.size):
        what = (
            f"the rain covers {x[0]:.6g} to {x[-1]:.6g}, {y[-1]:.6g} to {y[0]:.6g}; the area {left:.6g} to "
            f"{right:.6g}, {bottom:.6g} to {top:.6g} lies beside it"
        )
        raise OverlapError(what, where=where, fix="give rain that covers the area, or mend its CRS")
    rows = slice(max(0, int(inside_y[0]) - MARGIN), min(y.size, int(inside_y[-1]) + 1 + MARGIN))
    columns = slice(max(0, int(inside_x[0]) - MARGIN), min(x.size, int(inside_x[-1]) + 1 + MARGIN))
    return _two(rows, y.size), _two(columns, x.size)


def _two(cells: slice, size: int) -> slice:
    """Widen a slice of one cell to two, which every axis has."""
    if cells.stop - cells.start >= 2:
        return cells
    return slice(cells.start, cells.start + 2) if cells.stop < size else slice(cells.stop - 2, cells.stop)


def _step(values: NDArray[np.float64]) -> float:
    return float(values[-1] - values[0]) / (values.size - 1)


def lazy_cube(
    read: Callable[[int, int], NDArray[np.float32]], *, times: Sequence[int], place: Place, where: str
) -> da.Array:
    """Return a lazy (time, y, x) float32 array whose blocks are read one by one.

    Parameters
    ----------
    read : called with the first time of a block and the one after its last; returns (times, y, x) of the place.
    times : number of times in each block.

    Raises
    ------
    LimitError : more than MAX_CELLS values.
    """
    cells = sum(times) * place.shape[0] * place.shape[1]
    if not cells <= MAX_CELLS:
        what = f"{sum(times)} intervals of {place.shape[0]} x {place.shape[1]} cells are more than is read"
        raise LimitError(what, where=where, fix="cut the series to the area and the weeks of the run")

    def block(block_info: Any = None) -> NDArray[np.float32]:
        (t0, t1), _, _ = block_info[None]["array-location"]
        return read(int(t0), int(t1)).astype(np.float32, copy=False)

    chunks = (tuple(times), (place.shape[0],), (place.shape[1],))
    return da.map_blocks(block, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0, 0), np.float32))


def is_nothing(field: xr.DataArray) -> bool:
    """Return whether a field (y, x) holds no rain wherever it is known, and is known somewhere: it is read."""
    values = field.to_numpy()
    return bool((values <= 0).any() and not (values > 0).any())


def series(
    data: da.Array, *, start: NDArray[Any], end: NDArray[Any], place: Place, units: str, **attrs: str
) -> xr.DataArray:
    """Wrap a cube with its intervals and its place, as `Opened.rain` wants it."""
    begin = np.asarray(start, dtype="datetime64[ns]")
    coords = {"time": np.asarray(end, dtype="datetime64[ns]"), "start": ("time", begin), **place.coords()}
    return xr.DataArray(data, dims=("time", "y", "x"), coords=coords, name="rain", attrs={"units": units, **attrs})
