"""Rainfall-driven warning levels: by a model fitted to past storms, or by a matrix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import dask
import dask.array as da
import geopandas as gpd
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.core.grid import same_grid
from geo_risk.core.levels import Level, classify
from geo_risk.core.units import in_units
from geo_risk.hazards.landslide.information_value import fit_weights
from geo_risk.hazards.landslide.params import LandslideParams
from geo_risk.hazards.landslide.scores import auc
from geo_risk.terrain.slope import blocks

RAIN_SCALE_MM = 50.0
"""Unit of the rain term, so that its coefficient is near 1 and the ridge treats both terms alike."""


@dataclass(frozen=True)
class WarningModel:
    """Warning index = susceptibility_weight * logit(susceptibility) + rain_weight * effective rain / 50 mm.

    Attributes
    ----------
    bounds : index from which a cell is level 1, 2, 3, 4.
    auc_storms : area under the ROC curve of the index, each storm left out in turn and pooled; `auc_rain` and
        `auc_susceptibility` of each term alone on the same cases.
    n_slides, storms : what it was fitted to.
    """

    susceptibility_weight: float
    rain_weight: float
    bounds: tuple[float, ...]
    auc_storms: float
    auc_rain: float
    auc_susceptibility: float
    n_slides: int
    storms: tuple[str, ...]

    def index(self, susceptibility: NDArray[Any], rain_mm: NDArray[Any]) -> NDArray[np.float64]:
        """Return the warning index; NaN where either is unknown."""
        return self.susceptibility_weight * _logit(susceptibility) + self.rain_weight * _rain_term(rain_mm)

    def trigger_mm(self, susceptibility: NDArray[Any]) -> NDArray[np.float64]:
        """Return the effective rain [mm] from which a place is level 1, 2, 3, 4, as (level, ...); NaN where unknown.

        It is negative where the level is reached without rain.
        """
        static = self.susceptibility_weight * _logit(susceptibility)
        return np.stack([(bound - static) / self.rain_weight * RAIN_SCALE_MM for bound in self.bounds])

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a facts file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> WarningModel:
        """Return the model that `to_dict` described."""
        return cls(**{**values, "bounds": tuple(values["bounds"]), "storms": tuple(values["storms"])})


@dataclass(frozen=True)
class PastCases:
    """Cells in past storms: those that slid, and a random background of each storm.

    All arrays (case,): susceptibility [1], effective rain [mm], storm id, and whether the cell slid.
    """

    susceptibility: NDArray[np.float64]
    rain_mm: NDArray[np.float64]
    storm: NDArray[np.str_]
    slid: NDArray[np.bool_]


def past_cases(
    susceptibility: xr.DataArray,
    rain_of_storm: Mapping[str, xr.DataArray],
    slides: gpd.GeoDataFrame,
    params: LandslideParams,
) -> PastCases:
    """Gather the cells that slid in past storms, and a random background of each storm.

    Parameters
    ----------
    susceptibility : (y, x) [1] on the run grid.
    rain_of_storm : effective rain (y, x) [mm] of each storm on the same grid, by storm id.
    slides : Points in the grid's CRS with column `storm_id`; those of other storms or off the grid do not count.
    params : seed and number of background cells (shared among the storms).
    """
    grid = same_grid(susceptibility, *rain_of_storm.values())
    each = params.background_cells // max(1, len(rain_of_storm))
    rng = np.random.default_rng([params.seed, 20_240_703])
    parts: list[tuple[NDArray[Any], ...]] = []
    for storm in sorted(rain_of_storm):
        own = slides[slides["storm_id"].astype(str) == storm]
        rows, columns, inside = grid.index(own.geometry.x, own.geometry.y)
        drawn = np.divmod(np.sort(rng.integers(0, grid.shape[0] * grid.shape[1], size=each)), grid.shape[1])
        at = (np.concatenate([rows[inside], drawn[0]]), np.concatenate([columns[inside], drawn[1]]))
        slid = np.arange(len(at[0])) < int(inside.sum())
        picked = [blocks(layer).vindex[at] for layer in (susceptibility, in_units(rain_of_storm[storm], "mm"))]
        values = [np.asarray(v, dtype=np.float64) for v in dask.compute(*picked)]
        parts.append((*values, np.full(len(slid), storm), slid))
    return PastCases(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _logit(p: NDArray[Any]) -> NDArray[np.float64]:
    inside = np.clip(np.asarray(p, dtype=np.float64), 1e-6, 1 - 1e-6)
    out: NDArray[np.float64] = np.log(inside) - np.log1p(-inside)
    return out


def _rain_term(rain_mm: NDArray[Any]) -> NDArray[np.float64]:
    out: NDArray[np.float64] = np.asarray(rain_mm, dtype=np.float64) / RAIN_SCALE_MM
    return out


def fit_warning(cases: PastCases, params: LandslideParams) -> WarningModel | None:
    """Fit the warning index to past storms.

    Parameters
    ----------
    cases : slides and background; rows with an unknown value are passed over.
    params : shares of slides that the levels shall hold, and the least number of slides.

    Returns
    -------
    None where there are too few slides, or where slides do not fall where it rained more (then the matrix is used).
    """
    known = np.isfinite(cases.susceptibility) & np.isfinite(cases.rain_mm)
    terms = np.column_stack([_logit(cases.susceptibility), _rain_term(cases.rain_mm)])[known]
    slid, storm = cases.slid[known], cases.storm[known]
    storms = tuple(sorted(set(storm[slid].tolist())))
    if slid.sum() < params.min_past_slides or len(storms) < 2:
        return None
    weights, _ = fit_weights(terms, slid, target=1.0)
    if not weights[1] > 0:
        return None
    held_out = np.full(slid.shape, np.nan)
    for name in storms:
        out = storm == name
        others, _ = fit_weights(terms[~out], slid[~out], target=1.0)
        held_out[out] = terms[out] @ others
    tested = ~np.isnan(held_out)
    bounds = np.quantile((terms @ weights)[slid], 1 - np.asarray(params.warning_event_shares))
    for i in range(1, len(bounds)):
        bounds[i] = max(bounds[i], np.nextafter(bounds[i - 1], np.inf))
    return WarningModel(
        float(weights[0]), float(weights[1]), tuple(map(float, bounds)), auc(held_out[tested], slid[tested]),
        auc(terms[:, 1], slid), auc(terms[:, 0], slid), int(slid.sum()), storms,
    )  # fmt: skip


def warning_by_model(susceptibility: xr.DataArray, rain: xr.DataArray, model: WarningModel) -> xr.DataArray:
    """Warning level of each cell by the fitted index.

    Parameters
    ----------
    susceptibility : (y, x) [1]. rain : (y, x) effective rain of the stage, any depth unit.

    Returns
    -------
    (y, x) int8 level, lazy; -1 where either is unknown; never falls as rain or susceptibility rise.

    Raises
    ------
    GridError : the layers are on different grids.
    """

    def level(p: NDArray[Any], rain_mm: NDArray[Any]) -> NDArray[np.int8]:
        return classify(model.index(p, rain_mm), model.bounds)

    return _levels(in_units(susceptibility, "1"), in_units(rain, "mm"), level)


def warning_by_matrix(hazard: xr.DataArray, rain: xr.DataArray, params: LandslideParams) -> xr.DataArray:
    """Warning level of each cell by the matrix of hazard level and class of effective rain.

    Parameters
    ----------
    hazard : (y, x) level -1..4. rain : (y, x) effective rain of the stage, any depth unit.

    Returns
    -------
    (y, x) int8 level, lazy; -1 where either is unknown.

    Raises
    ------
    GridError : the layers are on different grids.
    DataError : when computed: a hazard level outside -1..4.
    """
    table = np.array(params.warning_matrix, dtype=np.int8)

    def level(hazard_level: NDArray[Any], rain_mm: NDArray[Any]) -> NDArray[np.int8]:
        rain_class = classify(np.asarray(rain_mm, dtype=np.float64), params.rain_bounds_mm)
        row = np.asarray(hazard_level)
        if row.size and not (row.min() >= Level.UNKNOWN and row.max() <= Level.VERY_HIGH):
            what = f"hazard levels run from {row.min()} to {row.max()}; -1..4 needed"
            raise DataError(what, where="hazard_landslide", fix="use -1 for unknown")
        unknown = (row == Level.UNKNOWN) | (rain_class == Level.UNKNOWN)
        return np.where(unknown, np.int8(Level.UNKNOWN), table[np.maximum(row, 0), np.maximum(rain_class, 0)])

    return _levels(hazard, in_units(rain, "mm"), level)


def _levels(first: xr.DataArray, rain: xr.DataArray, level: Any) -> xr.DataArray:
    grid = same_grid(first, rain)
    data = blocks(first)
    out = da.map_blocks(level, data, blocks(rain).rechunk(data.chunks), dtype=np.int8, meta=np.empty((0, 0), np.int8))
    return grid.layer(out, units="level", long_name="landslide warning level", name="warning")
