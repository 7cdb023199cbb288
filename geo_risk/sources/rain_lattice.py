"""Where the cells of the run grid lie in a coarse rain field: exact at every n-th cell, interpolated between."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyproj
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import CrsError, GridError
from geo_risk.core.grid import Grid

_STEPS = (64, 16, 4, 1)
_TOLERANCE = 0.01
"""Cells of the rain field: a hundredth of a kilometre in a 1 km field is below what any rain product resolves."""


def rain_lattice(rain: xr.Dataset | xr.DataArray, grid: Grid) -> tuple[NDArray[np.float64], int]:
    """Return fractional rows and columns in a rain field, as `kernels.warning` takes them.

    Parameters
    ----------
    rain : dims y (falling) and x on its native regular grid, coordinate `spatial_ref`.
    grid : the run grid.

    Returns
    -------
    (2, i, j) of the centres of the cells (step i, step j), one more than the grid needs on each side, and the step.
    The step is the widest whose interpolation is nowhere (tried in the middles) off by more than a hundredth of a cell.

    Raises
    ------
    CrsError : the field carries no CRS. GridError : its axes are too short or run the wrong way.
    """
    ref = rain.coords.get("spatial_ref")
    if ref is None or "crs_wkt" not in ref.attrs:
        what = "the rain of the stages carries no CRS"
        raise CrsError(what, where="rainfall.stages", fix="read it through geo_risk.sources.rain")
    x, y = (rain[d].to_numpy().astype(np.float64) for d in ("x", "y"))
    if min(x.size, y.size) < 2 or not (y[0] > y[-1] and x[0] < x[-1]):
        what = f"the rain field has {y.size} rows and {x.size} columns; two of each, y falling and x rising, needed"
        raise GridError(what, where="rainfall.stages", fix="read it through geo_risk.sources.rain")
    place = _Place(x, y, str(ref.attrs["crs_wkt"]), grid)
    for step in _STEPS:
        nodes = [np.arange(-(-n // step) + 1) * step for n in grid.shape]
        lattice = place.at(nodes[0], nodes[1])
        if step == 1:
            break
        middles = place.at(nodes[0][:-1] + step / 2, nodes[1][:-1] + step / 2)
        guess = (lattice[:, :-1, :-1] + lattice[:, 1:, :-1] + lattice[:, :-1, 1:] + lattice[:, 1:, 1:]) / 4
        if np.abs(middles - guess).max() <= _TOLERANCE:
            break
    return lattice, step


class _Place:
    """Exact places of cells (rows, columns; halves lie between cells) in the field."""

    def __init__(self, x: NDArray[np.float64], y: NDArray[np.float64], crs: str, grid: Grid) -> None:
        self.x, self.y, self.grid = x, y, grid
        same = pyproj.CRS(crs) == pyproj.CRS(grid.crs)
        self.transform = None if same else pyproj.Transformer.from_crs(grid.crs, crs, always_xy=True).transform

    def at(self, rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[np.float64]:
        t = self.grid.transform
        x, y = np.meshgrid(t.c + t.a * (columns + 0.5), t.f + t.e * (rows + 0.5))
        if self.transform is not None:
            x, y = self.transform(x, y)
        step_x, step_y = ((v[-1] - v[0]) / (v.size - 1) for v in (self.x, self.y))
        return np.stack([(np.asarray(y) - self.y[0]) / step_y, (np.asarray(x) - self.x[0]) / step_x])
