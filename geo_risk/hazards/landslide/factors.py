"""Factors of susceptibility: how they are made, and how a value becomes a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import Grid
from geo_risk.hazards.landslide.registry import FACTORS, named
from geo_risk.terrain.burned import burned_blocks

UNITS = {f.name: f.units for f in FACTORS.values()}
"""Factors that are known, and their units."""

CATEGORIES = named("category")
CAPPED = named("capped")
"""Factors with a largest value that stands for "farther": it is a class of its own, quantiles are of the rest."""

SECTORS = 8
Kind = Literal["quantile", "sector", "category"]


@dataclass(frozen=True)
class Classing:
    """How one factor becomes classes 0 .. n - 1.

    Attributes
    ----------
    name : of the factor.
    kind : "quantile" by `bounds` (increasing inner bounds), "sector" (eight of 45 degrees centred on north, and flat
        as the ninth), "category" by `bounds` (the codes that are known; others are unknown).
    has_flat : the last class is for cells that are flat, where the factor is not defined.
    """

    name: str
    kind: Kind
    bounds: tuple[float, ...]
    has_flat: bool

    @property
    def n_classes(self) -> int:
        """Number of classes, the flat one included."""
        n = {"quantile": len(self.bounds) + 1, "sector": SECTORS, "category": len(self.bounds)}[self.kind]
        return n + int(self.has_flat)

    @property
    def n_ordered(self) -> int:
        """Number of classes that follow one another in the order of the quantity."""
        return len(self.bounds) + 1 if self.kind == "quantile" else 0

    def classes(self, values: NDArray[Any], slope_deg: NDArray[Any]) -> NDArray[np.int16]:
        """Return the class of each value, -1 where it is unknown.

        Parameters
        ----------
        values, slope_deg : one shape; a value that is NaN where the slope is exactly 0 is flat, where the factor has
            that class, else unknown.
        """
        gone = np.isnan(values)
        if self.kind == "sector":
            out = (np.floor((np.where(gone, 0, values) + 22.5) / 45) % SECTORS).astype(np.int16)
        elif self.kind == "quantile":
            out = np.searchsorted(np.asarray(self.bounds), values, side="right").astype(np.int16)
        else:
            codes = np.asarray(self.bounds)
            at = np.minimum(np.searchsorted(codes, np.where(gone, codes[0], values)), len(codes) - 1)
            out = np.where(codes[at] == values, at, -1).astype(np.int16)
        out[gone] = -1
        if self.has_flat:
            out[gone & (slope_deg == 0)] = self.n_classes - 1
        return out


def class_of_factor(name: str, sample: NDArray[np.floating[Any]], *, classes: int) -> Classing | None:
    """Decide the classes of a factor from its values at the background sample.

    Returns
    -------
    None where the factor says nothing: all unknown, or one value (one class) only.
    """
    known = sample[~np.isnan(sample)]
    if name == "aspect_deg":
        return Classing(name, "sector", (), True) if known.size else None
    if name in CATEGORIES:
        codes = np.unique(known)
        return Classing(name, "category", tuple(map(float, codes)), False) if codes.size > 1 else None
    if not known.size or known.min() == known.max():
        return None
    capped = name in CAPPED and (known == known.max()).mean() > 1 / classes
    free = known[known < known.max()] if capped else known
    n = classes - int(capped)
    inner = np.unique(np.append(np.quantile(free, np.arange(1, n) / n), known.max() if capped else []))
    inner = inner[(inner > known.min()) & (inner <= known.max())]
    if not inner.size:
        return None
    return Classing(name, "quantile", tuple(map(float, inner)), name == "curvature_plan")


def category_layer(
    polygons: gpd.GeoDataFrame, grid: Grid, *, column: str, name: str
) -> tuple[xr.DataArray, dict[int, str]]:
    """Burn a text column of polygons as codes 1, 2, ... in the order of the sorted names.

    Parameters
    ----------
    polygons : in the grid's CRS; where they overlap the later one counts, one without a text leaves what is below.

    Returns
    -------
    (y, x) float32 [1], lazy, NaN where no polygon lies; and the name of each code.
    """
    names = sorted({str(v) for v in polygons[column].dropna()})
    code = {text: i for i, text in enumerate(names, 1)}
    shapes = [
        (g, float(code[str(v)])) for g, v in zip(polygons.geometry, polygons[column], strict=True) if str(v) in code
    ]
    burned = burned_blocks(shapes, grid, fill=float("nan"))
    return grid.layer(burned, units="1", long_name=name, name=name), {i: text for text, i in code.items()}
