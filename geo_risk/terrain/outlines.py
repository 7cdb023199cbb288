"""Outlines of labels that lie in several blocks."""

from __future__ import annotations

import dask
import geopandas as gpd
import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geo_risk.core.grid import Grid
from geo_risk.core.vectorize import outlines_of_labels
from geo_risk.terrain.mosaic import Mosaic, Part
from geo_risk.terrain.parts import tiles


def label_outlines(labels: Mosaic, grid: Grid) -> gpd.GeoDataFrame:
    """Return the (multi)polygon of each label, by rising label; the blocks leave no trace in them.

    Returns
    -------
    Columns label and geometry, valid, in the grid's CRS, with no vertex along straight sides.
    """
    found = dask.compute(*(
        dask.delayed(_traced)(labels.parts[at], _window(grid, origin, shape))
        for at, origin, shape in tiles(labels.chunks)
        if len(labels.parts[at].labels)
    ))  # fmt: skip
    if not found:
        return gpd.GeoDataFrame({"label": np.array([], np.int64)}, geometry=[], crs=grid.crs)
    label = np.concatenate([f[0] for f in found])
    pieces = np.concatenate([f[1] for f in found])
    order = np.argsort(label, kind="stable")
    names, first = np.unique(label[order], return_index=True)
    joined = [shapely.union_all(pieces[some]) for some in np.split(order, first[1:])]
    shapes = shapely.normalize(shapely.simplify(np.array(joined, dtype=object), 0))
    return gpd.GeoDataFrame({"label": names}, geometry=list(shapes), crs=grid.crs)


def _traced(part: Part, window: Grid) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    return outlines_of_labels(part.dense(), window)


def _window(grid: Grid, origin: tuple[int, int], shape: tuple[int, int]) -> Grid:
    return Grid(GeoBox(shape, grid.transform * Affine.translation(origin[1], origin[0]), grid.crs))
