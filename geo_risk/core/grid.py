"""The one grid of a run: an odc-geo GeoBox in a metric CRS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import ArrayLike, DTypeLike, NDArray
from odc.geo.geobox import GeoBox

from geo_risk.core.errors import CrsError, GridError

CHUNK = 1024
"""Cells along one side of a block: 4 MiB of float32, small enough for many at once."""


@dataclass(frozen=True)
class Grid:
    """Frozen wrapper of a GeoBox; equality is exact (CRS, transform, shape).

    Raises
    ------
    CrsError : no CRS, or one that is not in metres.
    GridError : rotated, not square, or not north-up.
    """

    geobox: GeoBox

    def __post_init__(self) -> None:
        crs = self.geobox.crs
        if crs is None or not crs.projected or {a.unit_name for a in crs.proj.axis_info} != {"metre"}:
            what = f"the run grid has CRS {crs}; a projected one in metres is needed"
            raise CrsError(what, where="area.crs", fix="set area.crs to a metric CRS, in Shanxi EPSG:4546 or EPSG:4547")
        t = self.geobox.transform
        if not (t.b == 0 and t.d == 0 and t.a > 0 and t.e < 0 and abs(t.a + t.e) <= 1e-9 * t.a):
            what = f"the run grid has the transform {tuple(t)[:6]}; north-up square cells are needed"
            raise GridError(what, where="area", fix="set area.crs and area.resolution_m so that inputs are resampled")

    @classmethod
    def from_bounds(cls, bounds: tuple[float, float, float, float], *, crs: str | int, resolution_m: float) -> Grid:
        """Return the grid that covers `bounds` (left, bottom, right, top) with its corner on a multiple of the cell."""
        left, bottom, right, top = bounds
        x0 = np.floor(left / resolution_m + 1e-9) * resolution_m
        y0 = np.ceil(top / resolution_m - 1e-9) * resolution_m
        n_x = max(1, int(np.ceil((right - x0) / resolution_m - 1e-9)))
        n_y = max(1, int(np.ceil((y0 - bottom) / resolution_m - 1e-9)))
        return cls(GeoBox((n_y, n_x), Affine(resolution_m, 0, x0, 0, -resolution_m, y0), crs))

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Grid:
        """Return the grid that `to_dict` described."""
        return cls(GeoBox(tuple(facts["shape"]), Affine(*facts["transform"]), facts["crs"]))

    def to_dict(self) -> dict[str, Any]:
        """Return the grid as plain values: crs (WKT or EPSG), transform (6 numbers), shape (y, x)."""
        epsg = self.geobox.crs.to_epsg()
        crs = f"EPSG:{epsg}" if epsg else self.geobox.crs.to_wkt()
        return {"crs": crs, "transform": list(self.transform)[:6], "shape": list(self.shape)}

    @property
    def crs(self) -> str:
        """The CRS as an authority code where it has one, else WKT."""
        epsg = self.geobox.crs.to_epsg()
        return f"EPSG:{epsg}" if epsg else str(self.geobox.crs.to_wkt())

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return (int(self.geobox.shape[0]), int(self.geobox.shape[1]))

    @property
    def transform(self) -> Affine:
        """Affine from (column, row) corners to (x, y) metres."""
        return self.geobox.transform

    @property
    def resolution_m(self) -> float:
        """Cell size in metres."""
        return float(self.geobox.transform.a)

    @property
    def cell_area_m2(self) -> float:
        """Area of a cell in square metres."""
        return self.resolution_m**2

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top in metres."""
        b = self.geobox.boundingbox
        return (float(b.left), float(b.bottom), float(b.right), float(b.top))

    def coords(self) -> dict[str, NDArray[np.float64]]:
        """Return the cell-centre coordinates by dimension, y falling."""
        n_y, n_x = self.shape
        t = self.transform
        return {"y": t.f + t.e * (np.arange(n_y) + 0.5), "x": t.c + t.a * (np.arange(n_x) + 0.5)}

    def window(self, bounds: tuple[float, float, float, float], *, margin_m: float = 0.0) -> tuple[slice, slice] | None:
        """Return the rows and columns that a box with a margin touches; None where it lies off the grid.

        Parameters
        ----------
        bounds : left, bottom, right, top [m].
        """
        left, bottom, right, top = bounds
        inverse = ~self.transform
        (c0, r0), (c1, r1) = (
            inverse * (left - margin_m, top + margin_m),
            inverse * (right + margin_m, bottom - margin_m),
        )
        n_y, n_x = self.shape
        if not (r0 < n_y and c0 < n_x and r1 >= 0 and c1 >= 0):
            return None
        return slice(max(int(r0), 0), min(int(r1) + 1, n_y)), slice(max(int(c0), 0), min(int(c1) + 1, n_x))

    def layer(
        self,
        values: ArrayLike | da.Array,
        *,
        units: str,
        long_name: str,
        name: str | None = None,
        **attrs: str,
    ) -> xr.DataArray:
        """Wrap an array (y, x) or a lazy one as a layer of this grid.

        Raises
        ------
        GridError : the shape is not the grid's.
        """
        array = values if isinstance(values, da.Array) else np.asarray(values)
        if array.shape != self.shape:
            what = f"an array of shape {array.shape} was given for a grid of shape {self.shape}"
            raise GridError(what, where=name or long_name, fix="resample the array onto the run grid first")
        coords = self.coords()
        out = xr.DataArray(array, dims=("y", "x"), coords=coords, name=name)
        out = out.assign_coords(spatial_ref=_spatial_ref(self))
        return out.assign_attrs(units=units, long_name=long_name, **attrs)

    def full(self, value: float, dtype: DTypeLike = np.float32) -> da.Array:
        """Return a lazy array of one value in this grid's blocks."""
        return da.full(self.shape, value, dtype=dtype, chunks=(CHUNK, CHUNK))

    def index(self, x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Return rows, columns and whether each point lies on the grid (rows and columns are clipped where not)."""
        column, row = ~self.transform * (np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
        n_y, n_x = self.shape
        inside = (row >= 0) & (row < n_y) & (column >= 0) & (column < n_x)
        rows = np.clip(np.nan_to_num(np.floor(row), nan=-1), 0, n_y - 1).astype(np.int64)
        columns = np.clip(np.nan_to_num(np.floor(column), nan=-1), 0, n_x - 1).astype(np.int64)
        return rows, columns, inside


def _spatial_ref(grid: Grid) -> xr.DataArray:
    t = grid.transform
    attrs = {"crs_wkt": grid.geobox.crs.to_wkt(), "GeoTransform": f"{t.c!r} {t.a!r} 0 {t.f!r} 0 {t.e!r}"}
    return xr.DataArray(0, attrs=attrs)


def grid_of(layer: xr.DataArray) -> Grid:
    """Return the grid a layer says it is on.

    Raises
    ------
    CrsError : the layer carries no CRS.
    GridError : its coordinates are not those of its transform.
    """
    ref = layer.coords.get("spatial_ref")
    if ref is None or "crs_wkt" not in ref.attrs or "GeoTransform" not in ref.attrs:
        what = f"layer {str(layer.name or 'unnamed')!r} carries no CRS and transform"
        raise CrsError(
            what,
            where=str(layer.name),
            fix="make layers with Grid.layer or read them through geo_risk.sources",
        )
    c, a, _, f, _, e = (float(v) for v in str(ref.attrs["GeoTransform"]).split())
    shape = (layer.sizes["y"], layer.sizes["x"])
    grid = Grid(GeoBox(shape, Affine(a, 0, c, 0, e, f), ref.attrs["crs_wkt"]))
    coords = grid.coords()
    same = all(np.allclose(layer[d].to_numpy(), coords[d], rtol=0, atol=1e-6 * a) for d in ("y", "x"))
    if not same:
        what = f"layer {str(layer.name or 'unnamed')!r} has coordinates that do not fit its transform"
        raise GridError(what, where=str(layer.name), fix="do not slice a layer without giving it a new Grid")
    return grid


def same_grid(*layers: xr.DataArray) -> Grid:
    """Return the one grid of all layers.

    Raises
    ------
    GridError : two of them differ; nothing is realigned.
    """
    grids = [grid_of(layer) for layer in layers]
    for layer, grid in zip(layers[1:], grids[1:], strict=True):
        if grid != grids[0]:
            what = f"layers {str(layers[0].name)!r} and {str(layer.name)!r} are on different grids"
            raise GridError(what, where=str(layer.name), fix="bring both onto the run grid in geo_risk.sources")
    return grids[0]
