"""What slope units are like: area, slope, aspect and its variance; their outlines; and how good a division is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dask
import dask.array as da
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geo_risk.core.errors import DataError
from geo_risk.core.grid import Grid, grid_of, same_grid
from geo_risk.core.units import in_units
from geo_risk.core.vectorize import outlines_of_labels
from geo_risk.kernels.pieces import borders
from geo_risk.kernels.slope_units import circular_variance
from geo_risk.terrain.parts import tiles
from geo_risk.terrain.slope import blocks

Array = NDArray[np.float64]
_SUMS = ("cells", "faces", "east", "north", "slope_sum", "slope_cells", "rim")


@dataclass(frozen=True)
class Quality:
    """How good a division into slope units is (Alvioli et al. 2016, after Espindola et al. 2006).

    Attributes
    ----------
    internal : V, mean circular variance of the aspect in a unit, weighted by area; small is good.
    external : I, Moran's index of the mean aspects of units that share a border; small is good: neighbours face
        different ways. Differences of directions are taken as the shorter turn. NaN where no units touch.
    n_units : units with a mean aspect.
    """

    internal: float
    external: float
    n_units: int


def unit_table(
    labels: xr.DataArray, slope: xr.DataArray, aspect: xr.DataArray, *, flat_slope_deg: float
) -> tuple[pd.DataFrame, Quality]:
    """Describe each slope unit, and the division as a whole; computed block by block.

    Parameters
    ----------
    labels : (y, x) as `slope_units.slope_unit_labels` makes them.
    slope, aspect : (y, x), any angle unit. flat_slope_deg : ground below this has no aspect that counts.

    Returns
    -------
    A row for each unit by rising label: label, area_m2, slope_mean_deg, aspect_mean_deg [degree clockwise from north],
    circular_variance [1], is_whole (False where the unit touches the edge of the map or a gap), x and y of its first
    cell; and the quality.

    Raises
    ------
    GridError : the layers are on different grids. UnitError : a layer has no angle unit.
    """
    grid = same_grid(labels, slope, aspect)
    data = blocks(labels)
    angles = [blocks(in_units(v, "degree")).rechunk(data.chunks) for v in (slope, aspect)]
    padded = [
        da.overlap.overlap(a, depth=1, boundary=edge, allow_rechunk=True)
        for a, edge in ((data, -1), (angles[0], np.nan), (angles[1], np.nan))
    ]
    found = dask.compute(*(
        dask.delayed(_of_block, pure=True)([p.blocks[at].to_delayed().item() for p in padded], flat_slope_deg)
        for at, _, _ in tiles(padded[0].chunks)
    ))  # fmt: skip
    sums = pd.concat([f[0] for f in found]).groupby("label").sum()
    pairs = pd.concat([f[1] for f in found]).groupby(["a", "b"], as_index=False).sum()
    table = _described(sums, grid)
    return table, quality_of(table, pairs.loc[pairs["sides"] > 0, ["a", "b"]].to_numpy())


def _of_block(padded: list[NDArray[Any]], flat_slope_deg: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return sums by label of a block without its halo, and contacts counted by the block of their upper left cell."""
    labels, slope_deg, aspect_deg = (p[1:-1, 1:-1] for p in padded)
    whole = padded[0]
    rim = np.zeros(labels.shape, dtype=bool)
    for i in range(3):
        for j in range(3):
            near = (slice(i, i + labels.shape[0]), slice(j, j + labels.shape[1]))
            rim |= (whole[near] < 0) & np.isnan(padded[1][near])
    inside = labels > 0
    names, local = np.unique(labels[inside], return_inverse=True)
    steep = ~np.isnan(aspect_deg[inside]) & (slope_deg[inside] >= flat_slope_deg)
    angle = np.radians(np.where(steep, aspect_deg[inside], 0.0)).astype(np.float64)
    known = ~np.isnan(slope_deg[inside])
    weights = (None, steep, np.sin(angle) * steep, np.cos(angle) * steep,
               np.where(known, slope_deg[inside], 0.0), known, rim[inside])  # fmt: skip
    sums = {name: np.bincount(local, weights=w, minlength=len(names)) for name, w in zip(_SUMS, weights, strict=True)}
    pairs, sides = borders(whole[1:, 1:])
    frame = pd.DataFrame({"a": pairs[:, 0], "b": pairs[:, 1], "sides": sides})
    return pd.DataFrame({"label": names.astype(np.int64), **sums}), frame


def _described(sums: pd.DataFrame, grid: Grid) -> pd.DataFrame:
    label = sums.index.to_numpy()
    row, column = np.divmod(label - 1, grid.shape[1])
    t = grid.transform
    east, north = sums["east"].to_numpy(), sums["north"].to_numpy()
    cells, faces = sums["cells"].to_numpy(dtype=np.float64), sums["faces"].to_numpy(dtype=np.float64)
    slopes = sums["slope_cells"].to_numpy(dtype=np.float64)
    steepness = np.divide(sums["slope_sum"].to_numpy(), slopes, out=np.full(len(sums), np.nan), where=slopes > 0)
    facing = np.where(faces > 0, np.degrees(np.arctan2(east, north)) % 360, np.nan)
    return pd.DataFrame({
        "label": label, "area_m2": cells * grid.cell_area_m2, "slope_mean_deg": steepness, "aspect_mean_deg": facing,
        "circular_variance": circular_variance(east, north, faces), "is_whole": sums["rim"].to_numpy() == 0,
        "x": t.c + t.a * (column + 0.5), "y": t.f + t.e * (row + 0.5),
    })  # fmt: skip


def quality_of(table: pd.DataFrame, neighbours: NDArray[np.integer[Any]]) -> Quality:
    """Return the quality of a division.

    Parameters
    ----------
    table : columns label (rising), area_m2, aspect_mean_deg, circular_variance.
    neighbours : (n, 2) labels of units that share a border, each pair once.
    """
    known = table.dropna(subset=["aspect_mean_deg", "circular_variance"])
    if not len(known):
        return Quality(float("nan"), float("nan"), 0)
    internal = float(np.average(known["circular_variance"], weights=known["area_m2"]))
    label, facing = known["label"].to_numpy(), np.radians(known["aspect_mean_deg"].to_numpy())
    at = np.minimum(np.searchsorted(label, neighbours), len(label) - 1)
    at = at[(label[at] == neighbours).all(axis=1)]
    mean = np.arctan2(np.sin(facing).sum(), np.cos(facing).sum())
    turn = np.arctan2(np.sin(facing - mean), np.cos(facing - mean))
    spread = float((turn**2).sum())
    if not len(at) or not spread > 0:
        return Quality(internal, float("nan"), len(known))
    together = float((turn[at[:, 0]] * turn[at[:, 1]]).sum())
    return Quality(internal, len(known) * together / (spread * len(at)), len(known))


def rate_divisions(qualities: Sequence[Quality]) -> Array:
    """Return F = (Vmax - V) / (Vmax - Vmin) + (Imax - I) / (Imax - Imin) of each division, 0 to 2; the largest is best.

    Raises
    ------
    DataError : fewer than two divisions, or V or I is missing or the same in all: then nothing is compared.
    """
    values = np.array([[q.internal, q.external] for q in qualities]).reshape(-1, 2)
    span = values.max(axis=0) - values.min(axis=0) if len(values) else np.zeros(2)
    if not (span > 0).all():
        what = f"{len(values)} divisions with V and I spread over {span.tolist()} cannot be rated against one another"
        raise DataError(what, where="slope units", fix="rate two or more divisions of one map that differ in both")
    rated: Array = ((values.max(axis=0) - values) / span).sum(axis=1)
    return rated


def unit_polygons(labels: xr.DataArray) -> gpd.GeoDataFrame:
    """Return one multipolygon per label > 0, by rising label; blocks are traced one at a time and joined.

    Parameters
    ----------
    labels : (y, x) as `slope_units.slope_unit_labels` makes them.

    Returns
    -------
    Columns label and geometry, in the grid's CRS; no vertex is left where blocks met.
    """
    grid, data = grid_of(labels), blocks(labels)
    found = dask.compute(*(
        dask.delayed(outlines_of_labels, pure=True)(data.blocks[at].to_delayed().item(), _window(grid, origin, shape))
        for at, origin, shape in tiles(data.chunks)
    ))  # fmt: skip
    label = np.concatenate([f[0] for f in found])
    block = np.repeat(np.arange(len(found)), [len(f[0]) for f in found])
    pieces = np.concatenate([f[1] for f in found])
    order = np.lexsort((block, label))
    names, first, which = np.unique(label[order], return_index=True, return_inverse=True)
    if not len(names):
        return gpd.GeoDataFrame({"label": np.array([], np.int64)}, geometry=[], crs=grid.crs)
    outlines = shapely.multipolygons(pieces[order], indices=which)
    # pieces of one block meet at corners alone; those of several share the blocks' edges, which are taken out
    parts = np.split(np.arange(len(order)), first[1:])
    for k in np.nonzero([block[order[p[0]]] != block[order[p[-1]]] for p in parts])[0]:
        outlines[k] = shapely.simplify(shapely.union_all(pieces[order[parts[k]]]), 0)
    outlines = [g if g.geom_type == "MultiPolygon" else shapely.MultiPolygon([g]) for g in outlines]
    return gpd.GeoDataFrame({"label": names}, geometry=list(shapely.normalize(outlines)), crs=grid.crs)


def _window(grid: Grid, origin: tuple[int, int], shape: tuple[int, int]) -> Grid:
    return Grid(GeoBox(shape, grid.transform * Affine.translation(origin[1], origin[0]), grid.crs))
