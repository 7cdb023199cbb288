"""Fitting with cross-fitted weights, and the spatial cross-validation that judges it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.hazards.landslide.factors import Classing, class_of_factor
from geo_risk.hazards.landslide.information_value import Model, fit_weights, information_values, looked_up, probability
from geo_risk.hazards.landslide.inventory import RoadBias, road_bias
from geo_risk.hazards.landslide.joint import fit_class_values
from geo_risk.hazards.landslide.params import LandslideParams
from geo_risk.hazards.landslide.sampling import Sample
from geo_risk.hazards.landslide.scores import auc


@dataclass(frozen=True)
class HeldOut:
    """Cells with the susceptibility they were given while their block was kept out.

    All arrays (case,): x, y [m], score (probability), whether it stands for an event, and its fold.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    score: NDArray[np.float64]
    is_event: NDArray[np.bool_]
    fold: NDArray[np.int64]


@dataclass(frozen=True)
class Fit:
    """A model, and what is known of its skill.

    Attributes
    ----------
    model : fitted to all events.
    auc_spatial : area under the ROC curve on blocks kept out, mean of the folds; `auc_folds` each; `auc_fit` on the
        data it was fitted to (optimistic).
    level_bounds : probabilities from which a cell is level 1, 2, 3, 4.
    n_events, n_background : cells the model was fitted to.
    left_out : factors not used, with the reason. held_out : the cells of the validation. road_bias : whether events
        are rare far from roads.
    information_values : of each class of each factor, whatever the combination.
    factors : {"name", "weight", "bounds", "class_values", "information_values"} of each factor used.
    """

    model: Model
    auc_spatial: float
    auc_folds: tuple[float, ...]
    auc_fit: float
    level_bounds: tuple[float, ...]
    n_events: int
    n_background: int
    left_out: dict[str, str]
    held_out: HeldOut
    information_values: tuple[tuple[float, ...], ...]
    road_bias: RoadBias | None = None

    @property
    def factors(self) -> list[dict[str, Any]]:
        """Factors with their weights and information values, as plain values."""
        model = self.model
        return [
            {"name": c.name, "weight": round(w, 4), "kind": c.kind, "bounds": list(c.bounds),
             "class_values": [round(v, 4) for v in t], "information_values": [round(v, 4) for v in i]}
            for c, t, w, i in zip(model.classings, model.tables, model.weights, self.information_values, strict=True)
        ]  # fmt: skip


def spatial_folds(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    is_event: NDArray[np.bool_],
    *,
    block_m: float,
    folds: int,
    seed: int,
) -> NDArray[np.int64]:
    """Fold of each cell; whole square blocks share a fold, and folds hold about as many events.

    Blocks are shuffled by the seed, then given, those with most events first, to the fold that has fewest.

    Raises
    ------
    DataError : fewer blocks with events than folds.
    """
    columns, rows = np.floor(x / block_m).astype(np.int64), np.floor(y / block_m).astype(np.int64)
    _, block = np.unique(np.stack([rows, columns]), axis=1, return_inverse=True)
    counts = np.bincount(block, weights=is_event.astype(np.float64))
    if (counts > 0).sum() < folds:
        what = f"{int((counts > 0).sum())} blocks of {block_m:g} m hold events; {folds} folds need as many"
        raise DataError(what, where="landslide.block_m, landslide.folds", fix="use smaller blocks or fewer folds")
    shuffled = np.random.default_rng([seed, 20_240_702]).permutation(len(counts))
    order = shuffled[np.argsort(-counts[shuffled], kind="stable")]
    load, size = np.zeros(folds), np.zeros(folds)
    fold_of_block = np.empty(len(counts), dtype=np.int64)
    for b in order:
        best = int(np.lexsort((size, load))[0])
        fold_of_block[b] = best
        load[best] += counts[b]
        size[best] += 1
    return fold_of_block[block.ravel()]


def fit(sample: Sample, params: LandslideParams) -> Fit:
    """Fit the susceptibility model and judge it on blocks kept out.

    Weights are fitted to information values that were learned without the block they are applied to (cross-fitting), so
    that a factor which only repeats the noise of the inventory gets a small weight.

    Raises
    ------
    DataError : too few events with known factors, or no factor that says anything.
    """
    classings, left_out = _classings(sample, params)
    classes = np.stack([c.classes(sample.values[sample.names.index(c.name)], sample.slope_deg) for c in classings])
    whole = (classes >= 0).all(axis=0)
    classes, is_event = classes[:, whole], sample.is_event[whole]
    if is_event.sum() < params.min_events:
        what = f"{int(is_event.sum())} cells with events have all factors known; {params.min_events} are needed"
        raise DataError(what, where="inputs.landslide_inventory", fix="give more events, or leave out factors")
    fold = spatial_folds(
        sample.x[whole], sample.y[whole], is_event, block_m=params.block_m, folds=params.folds, seed=params.seed
    )
    case = _Cases(classings, classes, is_event, params)
    model = case.cross_fitted(fold)
    aucs, scores = [], np.full(is_event.shape, np.nan)
    for k in range(params.folds):
        inner = case.subset(fold != k)
        outer = inner.cross_fitted(fold[fold != k])
        scores[fold == k] = case.subset(fold == k).scored(outer)
        aucs.append(auc(scores[fold == k], is_event[fold == k]))
    held_out = HeldOut(sample.x[whole], sample.y[whole], probability(scores), is_event, fold)
    bounds = _level_bounds(probability(scores[is_event]), params.level_event_shares)
    return Fit(
        model, float(np.mean(aucs)), tuple(aucs), auc(case.scored(model), is_event), bounds,
        int(is_event.sum()), int((~is_event).sum()), left_out, held_out, case.tables(), _road_bias(sample, params),
    )  # fmt: skip


def _road_bias(sample: Sample, params: LandslideParams) -> RoadBias | None:
    if "distance_roads_m" not in sample.names:
        return None
    distance = sample.values[sample.names.index("distance_roads_m")]
    return road_bias(distance, sample.is_event, far_m=params.max_road_distance_m)


def _classings(sample: Sample, params: LandslideParams) -> tuple[tuple[Classing, ...], dict[str, str]]:
    found, left_out = [], {}
    for i, name in enumerate(sample.names):
        values = sample.values[i, ~sample.is_event]
        classing = class_of_factor(name, values, classes=params.classes)
        if classing is None:
            left_out[name] = "is constant or all unknown"
            continue
        known = (classing.classes(values, sample.slope_deg[~sample.is_event]) >= 0).mean()
        if not known >= params.min_factor_coverage:
            left_out[name] = f"is known on {known:.0%} of the area only"
            continue
        found.append(classing)
    if not found:
        what = f"no factor can be used: {left_out}"
        raise DataError(what, where="landslide.factors", fix="give a DEM that covers the area")
    return tuple(found), left_out


@dataclass(frozen=True)
class _Cases:
    """Classes (factor, case) of events and background cells, all known."""

    classings: tuple[Classing, ...]
    classes: NDArray[np.int16]
    is_event: NDArray[np.bool_]
    params: LandslideParams

    def subset(self, keep: NDArray[np.bool_]) -> _Cases:
        return _Cases(self.classings, self.classes[:, keep], self.is_event[keep], self.params)

    def tables(self) -> tuple[tuple[float, ...], ...]:
        return tuple(
            information_values(
                c[self.is_event], c[~self.is_event], n_classes=k.n_classes, prior_events=self.params.prior_events,
                n_ordered=k.n_ordered, smoothing_passes=self.params.smoothing_passes,
            )
            for c, k in zip(self.classes, self.classings, strict=True)
        )  # fmt: skip

    def values(self, tables: tuple[tuple[float, ...], ...]) -> NDArray[np.float64]:
        return np.stack([looked_up(c, t) for c, t in zip(self.classes, tables, strict=True)], axis=1)

    def scored(self, model: Model) -> NDArray[np.float64]:
        out: NDArray[np.float64] = self.values(model.tables) @ np.asarray(model.weights) + model.intercept
        return out

    def joint(self) -> Model:
        """Return the model whose class values are fitted together, pulled towards shrunken information values."""
        values, intercept = fit_class_values(
            self.classes, self.is_event,
            start=[[WEIGHT_TARGET * v for v in table] for table in self.tables()],
            n_ordered=[k.n_ordered for k in self.classings],
            ridge=self.params.ridge_events, smoothness=self.params.smoothness_events,
        )  # fmt: skip
        return Model(self.classings, values, (1.0,) * len(self.classings), intercept)

    def cross_fitted(self, fold: NDArray[np.int64]) -> Model:
        """Return the model: class values fitted together, or weights fitted to tables learned without each fold."""
        if self.params.combination == "joint":
            return self.joint()
        held_out = np.empty((self.is_event.size, len(self.classings)))
        for k in np.unique(fold):
            held_out[fold == k] = self.subset(fold == k).values(self.subset(fold != k).tables())
        if self.params.combination == "sum":
            slope, intercept = fit_weights(held_out.sum(axis=1, keepdims=True), self.is_event, target=1.0)
            weights = np.repeat(slope, len(self.classings))
        else:
            weights, intercept = fit_weights(held_out, self.is_event, target=WEIGHT_TARGET)
        return Model(self.classings, self.tables(), tuple(map(float, weights)), intercept)


WEIGHT_TARGET = 0.25
"""Weights are pulled towards this: related factors share what they say (choice of geo_risk)."""


def _level_bounds(p_events: NDArray[np.float64], shares: tuple[float, ...]) -> tuple[float, ...]:
    """Return the probabilities that the given falling shares of held-out events reach; strictly rising."""
    bounds = np.quantile(p_events, 1 - np.asarray(shares))
    for i in range(1, len(bounds)):
        if not bounds[i] > bounds[i - 1]:
            bounds[i] = np.nextafter(bounds[i - 1], np.inf)
    return tuple(map(float, bounds))


def held_out_frame(cells: HeldOut | None, *, crs: str, background: int = 20_000) -> gpd.GeoDataFrame:
    """Return the validation cells as Points with columns `score`, `is_event`, `fold`; empty where there are none.

    All events are in it, and every n-th cell of the background so that there are at most `background`.
    """
    if cells is None:
        empty = HeldOut(*(np.empty(0),) * 3, np.empty(0, dtype=bool), np.empty(0, dtype=np.int64))
        return held_out_frame(empty, crs=crs)
    other = np.flatnonzero(~cells.is_event)
    keep = np.concatenate([np.flatnonzero(cells.is_event), other[:: max(1, -(-len(other) // background))]])
    table = {"score": cells.score[keep], "is_event": cells.is_event[keep], "fold": cells.fold[keep]}
    return gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(cells.x[keep], cells.y[keep]), crs=crs)
