"""Rainfall-driven warning levels: by a model fitted to past storms, or by a matrix."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.core.grid import same_grid
from geo_risk.core.levels import Level, classify
from geo_risk.core.units import in_units
from geo_risk.hazards.landslide.params import LandslideParams
from geo_risk.hazards.landslide.rain_fit import RainFit, fit_rain, rises_with_rain
from geo_risk.hazards.landslide.rain_response import TAIL, bent, unbent
from geo_risk.hazards.landslide.scores import auc
from geo_risk.hazards.landslide.warning_units import PastCases, odds_of
from geo_risk.terrain.slope import blocks

RAIN_SCALE_MM = 50.0
"""Unit of the rain term, so that its coefficient is near 1."""

_WEIGHT_RANGE = (0.5, 1.5)
"""Range of the weight of susceptibility (choice of geo_risk: beyond it the map is not what it says it is)."""


@dataclass(frozen=True)
class WarningModel:
    """Index = intercept + susceptibility_weight * logit(susceptibility) + response to effective rain.

    Fitted to units, the index is the log of the number of slides expected in a unit of usual size in a storm of that
    effective rain; the chance of at least one is `probability`. The response is `rain_response.bent(x)` of
    x = rain_weight (Re - rain_middle_mm) / 50 mm, or without a middle rain_weight Re / 50 mm.

    Attributes
    ----------
    bounds : index from which a place is level 1, 2, 3, 4.
    auc_storms : area under the ROC curve of the index over units and storms, each storm left out in turn; `auc_rain`
        and `auc_susceptibility` of each term alone on the same cases.
    n_slides, storms : units that slid, and the storms they slid in.
    rain_middle_mm : effective rain from which the response bends down; None: it never does.
    """

    susceptibility_weight: float
    rain_weight: float
    bounds: tuple[float, ...]
    auc_storms: float
    auc_rain: float
    auc_susceptibility: float
    n_slides: int
    storms: tuple[str, ...]
    intercept: float = 0.0
    rain_middle_mm: float | None = None
    rain_tail: float = TAIL

    def index(self, susceptibility: NDArray[Any], rain_mm: NDArray[Any]) -> NDArray[np.float64]:
        """Return the warning index; NaN where either is unknown."""
        return self._static(susceptibility) + self._response(rain_mm)

    def probability(self, susceptibility: NDArray[Any], rain_mm: NDArray[Any]) -> NDArray[np.float64]:
        """Return the chance of at least one slide in a unit; NaN where either is unknown."""
        return chance(self.index(susceptibility, rain_mm))

    def trigger_mm(self, susceptibility: NDArray[Any]) -> NDArray[np.float64]:
        """Return the effective rain [mm] from which a place is level 1, 2, 3, 4, as (level, ...); NaN where unknown.

        It is negative where the level is reached without rain.
        """
        static = self._static(susceptibility)
        return np.stack([self._rain_of(bound - static) for bound in self.bounds])

    def _static(self, susceptibility: NDArray[Any]) -> NDArray[np.float64]:
        out: NDArray[np.float64] = self.intercept + self.susceptibility_weight * np.log(odds_of(susceptibility))
        return out

    def _response(self, rain_mm: NDArray[Any]) -> NDArray[np.float64]:
        slope = self.rain_weight / RAIN_SCALE_MM
        rain = np.asarray(rain_mm, dtype=np.float64)
        return slope * rain if self.rain_middle_mm is None else bent(slope * (rain - self.rain_middle_mm),
                                                                     self.rain_tail)  # fmt: skip

    def _rain_of(self, response: NDArray[Any]) -> NDArray[np.float64]:
        slope = self.rain_weight / RAIN_SCALE_MM
        if self.rain_middle_mm is None:
            return np.asarray(response, dtype=np.float64) / slope
        return self.rain_middle_mm + unbent(response, self.rain_tail) / slope

    def rain_for(self, rain_mm: NDArray[Any], change: NDArray[Any]) -> NDArray[np.float64]:
        """Return the effective rain [mm] at which the index is by `change` another than at `rain_mm`."""
        return self._rain_of(self._response(rain_mm) + np.asarray(change, dtype=np.float64))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a facts file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> WarningModel:
        """Return the model that `to_dict` described."""
        return cls(**{**values, "bounds": tuple(values["bounds"]), "storms": tuple(values["storms"])})


@dataclass(frozen=True)
class HeldOut:
    """What a model that never saw a storm would have said of it.

    Attributes
    ----------
    storms : those that could be left out (storm,).
    index, level : (unit, storm) log of expected slides; level by that model's own bounds. NaN and -1 where unknown.
    slid : (unit, storm) whether a slide is recorded.
    rain_mm : (unit, storm). models : what was fitted without each storm.
    """

    storms: tuple[str, ...]
    index: NDArray[np.float64]
    level: NDArray[np.int8]
    slid: NDArray[np.bool_]
    rain_mm: NDArray[np.float64]
    models: tuple[WarningModel, ...]

    @property
    def probability(self) -> NDArray[np.float64]:
        """Chance of at least one slide (unit, storm)."""
        return chance(self.index)


def chance(index: NDArray[Any]) -> NDArray[np.float64]:
    """Return the chance 1 - exp(-n) of at least one slide where exp(index) = n are expected; NaN stays NaN."""
    out: NDArray[np.float64] = -np.expm1(-np.exp(np.minimum(np.asarray(index, dtype=np.float64), 50.0)))
    return out


def index_of_chance(p: NDArray[Any] | float) -> NDArray[np.float64]:
    """Return the index at which the chance of a slide is p, the inverse of `chance`."""
    out: NDArray[np.float64] = np.log(-np.log1p(-np.asarray(p, dtype=np.float64)))
    return out


def cost_bounds(params: LandslideParams) -> tuple[float, ...]:
    """Return the index bounds of the levels by cost: a level begins where a warning costs less than a miss.

    A warning of a place costs 1 where nothing slides, a miss r: warn where (1 - p) < p r, that is p > 1 / (1 + r), the
    cost-loss rule with C / L = 1 / (1 + r) (Murphy 1977, Mon. Weather Rev. 105).
    """
    return tuple(float(index_of_chance(1 / (1 + r))) for r in params.warning_miss_costs)


def fit_warning(cases: PastCases, params: LandslideParams, *, slope: float = 1.0) -> WarningModel | None:
    """Fit the warning model to past storms.

    The number of slides of a unit in a storm is taken for Poisson's; whether there is one is fitted (a slide recorded
    twice then counts once). The weight of susceptibility is not fitted: its odds are odds already, and the map has seen
    the very slides.

    Parameters
    ----------
    cases : units in past storms; rows with an unknown value are passed over.
    params : how levels are cut, and the least number of slides.
    slope : of a logistic fit of events to the susceptibility's logit on places kept out; 1 where it is calibrated.

    Returns
    -------
    None where there are too few slides, or where slides do not fall where it rained more (then the matrix is used).
    """
    fitted = _fit(cases, np.ones(len(cases.storms), dtype=bool), params, slope=slope)
    if fitted is None:
        return None
    tested = leave_one_storm_out(cases, params, slope=slope)
    known = np.isfinite(tested.index)
    weight = fitted.susceptibility_weight
    static = np.broadcast_to(weight * np.log(odds_of(cases.units.susceptibility))[:, None], cases.rain_mm.shape)
    every = np.isfinite(static) & np.isfinite(cases.rain_mm)
    slid = cases.slides > 0
    return WarningModel(**{
        **asdict(fitted),
        "auc_storms": auc(tested.index[known], tested.slid[known]),
        "auc_rain": auc(cases.rain_mm[every], slid[every]),
        "auc_susceptibility": auc(static[every], slid[every]),
    })  # fmt: skip


def leave_one_storm_out(
    cases: PastCases, params: LandslideParams, *, slope: float = 1.0, start: WarningModel | None = None
) -> HeldOut:
    """Return what models fitted without each storm say of it: response, scale and level bounds know nothing of it.

    Parameters as of `fit_warning`; `start` is a model near which the fits begin. A storm without which no model can be
    fitted is not in the result.
    """
    names, index, level, models, kept = [], [], [], [], []
    for k, storm in enumerate(cases.storms):
        others = np.arange(len(cases.storms)) != k
        model = _fit(cases, others, params, slope=slope, start=start)
        if model is None:
            continue
        said = model.index(cases.units.susceptibility, cases.rain_mm[:, k])
        names.append(storm)
        kept.append(k)
        index.append(said)
        level.append(classify(said, model.bounds))
        models.append(model)
    shape = (len(cases.units.label), len(names))
    return HeldOut(
        tuple(names), np.array(index, dtype=np.float64).reshape(shape[::-1]).T,
        np.array(level, dtype=np.int8).reshape(shape[::-1]).T, cases.slides[:, kept] > 0, cases.rain_mm[:, kept],
        tuple(models),
    )  # fmt: skip


def _fit(
    cases: PastCases,
    storms: NDArray[np.bool_],
    params: LandslideParams,
    *,
    slope: float,
    start: WarningModel | None = None,
) -> WarningModel | None:
    """Fit to some of the storms; the skill figures are left open."""
    weight = float(np.clip(slope, *_WEIGHT_RANGE)) if np.isfinite(slope) else 1.0
    log_odds = np.log(odds_of(cases.units.susceptibility))
    rain = cases.rain_mm[:, storms]
    static = np.broadcast_to((weight * log_odds)[:, None], rain.shape)
    known = np.isfinite(static) & np.isfinite(rain)
    slid = (cases.slides[:, storms] > 0) & known
    names = tuple(np.array(cases.storms)[storms][slid.any(axis=0)].tolist())
    if slid.sum() < params.min_past_slides or len(names) < 2:
        return None
    near = None
    if start is not None and start.rain_middle_mm is not None:
        near = RainFit(start.intercept, start.rain_weight / RAIN_SCALE_MM, start.rain_middle_mm, 0.0)
    found = fit_rain(static[known], rain[known], slid[known], start=near)
    if not rises_with_rain(found):
        return None
    unknown = float("nan")
    model = WarningModel(
        weight, found.slope_per_mm * RAIN_SCALE_MM, (), unknown, unknown, unknown, int(slid.sum()), names,
        found.intercept, found.middle_mm,
    )  # fmt: skip
    if params.warning_cutoffs == "costs":
        bounds = np.array(cost_bounds(params))
    else:
        by = {"end": rain[slid], "height": cases.height_mm[:, storms][slid]}
        bounds = np.array([
            np.nanquantile(found.intercept + static[slid] + model._response(by[when]), 1 - share)
            for share, when in zip(params.warning_event_shares, params.warning_shares_by, strict=True)
        ])  # fmt: skip
    for i in range(len(bounds) - 2, -1, -1):  # where they cross the lower level begins earlier, never the higher later
        bounds[i] = min(bounds[i], np.nextafter(bounds[i + 1], -np.inf))
    return WarningModel(**{**asdict(model), "bounds": tuple(map(float, bounds))})


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
