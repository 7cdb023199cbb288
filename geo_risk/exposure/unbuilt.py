"""Settlements without buildings: their people over census points, a population raster, or a disc."""

from __future__ import annotations

from typing import Any

import dask.array as da
import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from geo_risk.core.errors import CrsError
from geo_risk.core.grid import grid_of
from geo_risk.exposure.columns import numbers
from geo_risk.exposure.nearest import nearest_settlements
from geo_risk.exposure.params import ExposureParams
from geo_risk.exposure.zonal import values_at


def census_places(
    settlements: gpd.GeoDataFrame, census: gpd.GeoDataFrame, *, max_distance_m: float, params: ExposureParams
) -> tuple[gpd.GeoDataFrame, dict[str, float]]:
    """Return census points of settlements as small discs with weights, and how many belong to none.

    Parameters
    ----------
    settlements : points with settlement_id. census : points with census_id, people and, where known, settlement_id; a
        point without a known settlement belongs to the nearest within `max_distance_m`.

    Returns
    -------
    (places, rest) : house_id, settlement_id, weight (people of the point) and polygons; points of no people draw
        nobody and are left out, those of unknown people draw as the mean of their settlement's (none where none is
        known). rest : "points" and "people" of those that belong to no settlement; "typical" of those of the mean.
    """
    found = with_settlement(census, settlements, max_distance_m=max_distance_m)
    people = numbers(found, "people").to_numpy()
    owned = found["settlement_id"].notna().to_numpy()
    means = pd.Series(people).where(people > 0).groupby(found["settlement_id"].to_numpy(dtype=object)).transform("mean")
    weight = np.where(np.isnan(people), means.to_numpy(dtype=np.float64), people)
    kept = owned & (weight > 0)
    rest = {"points": float((~owned).sum()), "people": float(np.nansum(people[~owned])),
            "typical": float((kept & np.isnan(people)).sum())}  # fmt: skip
    chosen = found[kept]
    places = gpd.GeoDataFrame(
        {
            "house_id": ("census-" + chosen["census_id"].astype("string")).to_numpy(),
            "settlement_id": chosen["settlement_id"].astype("string").to_numpy(),
            "weight": weight[kept],
        },
        geometry=yards(chosen, params),
        crs=settlements.crs,
    )
    return places.sort_values("house_id", kind="stable", ignore_index=True), rest


def yards(points: gpd.GeoDataFrame, params: ExposureParams) -> NDArray[Any]:
    """Return the discs of `census_radius_m` that stand for points, as eight-sided polygons."""
    out: NDArray[Any] = shapely.buffer(points.geometry.to_numpy(), params.census_radius_m, quad_segs=2)
    return out


def with_settlement(
    points: gpd.GeoDataFrame, settlements: gpd.GeoDataFrame, *, max_distance_m: float
) -> gpd.GeoDataFrame:  # fmt: skip
    """Return points with a settlement each: as given where there is one of that id, else the nearest (of equally
    near ones the lower id), else missing.

    Raises
    ------
    CrsError : the two are in different CRS.
    """
    if points.crs != settlements.crs:
        what = f"census points are in {points.crs}, settlements in {settlements.crs}"
        raise CrsError(what, where="population", fix="bring both into the run's CRS in geo_risk.sources")
    given = points["settlement_id"] if "settlement_id" in points else pd.Series(pd.NA, index=points.index)
    ids: Any = given.astype("string").to_numpy(dtype=object).copy()
    ids[~given.isin(set(settlements["settlement_id"])).to_numpy()] = None
    lost = np.flatnonzero(pd.isna(ids))
    if len(lost) and len(settlements):
        near = nearest_settlements(points.geometry.iloc[lost], settlements, max_distance_m=max_distance_m)
        ids[lost[near.place]] = near.settlement_id
    return points.assign(settlement_id=pd.array(ids, dtype="string"))


def population_places(
    lonely: gpd.GeoDataFrame, settlements: gpd.GeoDataFrame, population: xr.DataArray, params: ExposureParams
) -> tuple[gpd.GeoDataFrame, dict[str, int]]:
    """Return squares of a population layer around settlements without buildings, with their people as weights.

    Parameters
    ----------
    lonely : the settlements wanted. settlements : all; a square belongs to the nearest of them.
    population : people per cell (y, x) on the run grid, as `sources.population.load_population` gives it; may be lazy.

    Returns
    -------
    (places, rest) : house_id, settlement_id, weight (people of the raster in the square), polygons, ordered by
        settlement and place; squares of nobody are left out. Unknown cells of a square have the mean of its known
        ones; a square without a known cell draws as the mean square of its settlement, empty ones counted: unknown
        ground is not empty. Settlements around which the raster knows nobody are missing: it does not know them.
        rest : "typical", the squares that draw so.
    """
    grid = grid_of(population)
    k = max(1, round(params.population_block_m / grid.resolution_m))
    side, (n_y, n_x) = k * grid.resolution_m, (grid.shape[0] // k, grid.shape[1] // k)
    columns = ["house_id", "settlement_id", "weight"]
    if not len(lonely) or not n_y or not n_x:
        return gpd.GeoDataFrame(columns=[*columns, "geometry"], geometry="geometry", crs=settlements.crs), {
            "typical": 0
        }
    coarse = _blocks_of(population, k)
    left, _, _, top = grid.bounds
    xy = np.column_stack([lonely.geometry.x, lonely.geometry.y])
    steps = int(np.ceil(params.population_radius_m / side)) + 1
    off = np.stack(np.meshgrid(np.arange(-steps, steps + 1), np.arange(-steps, steps + 1)), axis=-1).reshape(-1, 2)
    home = np.floor(np.column_stack([(xy[:, 0] - left) / side, (top - xy[:, 1]) / side])).astype(np.int64)
    at = (home[:, None, :] + off[None]).reshape(-1, 2)
    owner = np.repeat(np.arange(len(lonely)), len(off))
    centre = np.column_stack([left + (at[:, 0] + 0.5) * side, top - (at[:, 1] + 0.5) * side])
    inside = (at >= 0).all(axis=1) & (at[:, 0] < n_x) & (at[:, 1] < n_y)
    inside &= np.hypot(*(centre - xy[owner]).T) <= params.population_radius_m
    at, owner, centre = at[inside], owner[inside], centre[inside]
    settlements = settlements.sort_values("settlement_id", kind="stable")  # of equally near ones not the first row
    points = np.column_stack([settlements.geometry.x, settlements.geometry.y])
    nearest = settlements["settlement_id"].to_numpy()[cKDTree(points).query(centre)[1]]
    own = nearest == lonely["settlement_id"].to_numpy()[owner]
    at, owner = at[own], owner[own]
    weight = values_at(coarse, at[:, 1] * n_x + at[:, 0]).astype(np.float64)
    unknown = np.isnan(weight)
    means = pd.Series(weight).groupby(owner).transform("mean").to_numpy(dtype=np.float64)
    weight = np.where(unknown, means, weight)
    kept = weight > 0
    at, owner, weight = at[kept], owner[kept], weight[kept]
    rest = {"typical": int((unknown & kept).sum())}
    x, y = left + at[:, 0] * side, top - at[:, 1] * side
    ids = lonely["settlement_id"].astype("string").to_numpy()[owner]
    out = gpd.GeoDataFrame(
        {
            "house_id": [f"cell-{i}-{r}-{c}" for i, (c, r) in zip(ids, at.tolist(), strict=True)],
            "settlement_id": ids,
            "weight": weight,
        },
        geometry=shapely.box(x, y - side, x + side, y),
        crs=settlements.crs,
    )
    return out.iloc[np.lexsort([at[:, 0], at[:, 1], ids.astype(str)])].reset_index(drop=True), rest


def _blocks_of(population: xr.DataArray, k: int) -> da.Array:
    """Return the people of squares of k x k cells, lazily; unknown cells have the mean of the known."""
    data = population.data if isinstance(population.data, da.Array) else da.from_array(population.data)
    n_y, n_x = (n // k * k for n in data.shape)
    chunk = k * max(1, 1024 // k)
    cells = data[:n_y, :n_x].rechunk((chunk, chunk)).astype(np.float64)
    people, known = (da.coarsen(np.sum, v, {0: k, 1: k}) for v in (da.nan_to_num(cells), da.isfinite(cells)))
    return da.where(known > 0, people * (k * k) / da.maximum(known, 1), np.nan)


def discs(settlements: gpd.GeoDataFrame, radius_m: float) -> gpd.GeoDataFrame:
    """Return one disc a settlement, with weight 1."""
    return gpd.GeoDataFrame(
        {
            "house_id": ("disc-" + settlements["settlement_id"].astype("string")).to_numpy(),
            "settlement_id": settlements["settlement_id"].astype("string").to_numpy(),
            "weight": np.ones(len(settlements)),
        },
        geometry=settlements.geometry.centroid.buffer(radius_m).to_numpy(),
        crs=settlements.crs,
    )
