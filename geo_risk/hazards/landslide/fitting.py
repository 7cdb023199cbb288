"""Fitting a susceptibility model, and everything that is known of its skill."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.hazards.landslide.factors import class_of_factor
from geo_risk.hazards.landslide.information_value import information_values
from geo_risk.hazards.landslide.inventory import RoadBias, road_bias
from geo_risk.hazards.landslide.params import LandslideParams
from geo_risk.hazards.landslide.sampling import Sample
from geo_risk.hazards.landslide.scores import Reliability, auc, brier, reliability
from geo_risk.hazards.landslide.susceptibility.applicability import Applicability, applicability
from geo_risk.hazards.landslide.susceptibility.encoding import classes_of
from geo_risk.hazards.landslide.susceptibility.folds import random_folds
from geo_risk.hazards.landslide.susceptibility.learned import Learned
from geo_risk.hazards.landslide.susceptibility.models import candidates, susceptibility_model
from geo_risk.hazards.landslide.susceptibility.names import METHODS, TABLE_METHODS, Method
from geo_risk.hazards.landslide.susceptibility.response import Response, responses
from geo_risk.hazards.landslide.susceptibility.skill import Cases, Skill, judged, nested
from geo_risk.hazards.landslide.susceptibility.tables import ClassTables
from geo_risk.hazards.landslide.validation import HeldOut, spatial_folds

BACKGROUND_PER_EVENT = 10
"""Background cells an event that forests learn from, and models are compared on (choice of geo_risk)."""

_HEAVY: tuple[str, ...] = ("random_forest", "gradient_boosting", "best")


@dataclass(frozen=True)
class Compared:
    """Skill of one model: on places kept out, at random, and its calibration on places kept out."""

    name: str
    spatial: Skill
    random: Skill
    reliability: Reliability
    brier: float


@dataclass(frozen=True)
class Fit:
    """A model, and what is known of its skill.

    Attributes
    ----------
    model : fitted to all events. name : of the model, with its settings where they were chosen.
    spatial : skill on blocks kept out with a buffer: the headline. random : on cells kept out at random; auc_fit : on
        the data it was fitted to. Both are optimistic.
    reliability, brier : of the probabilities given while blocks were kept out.
    level_bounds : probabilities from which a cell is level 1, 2, 3, 4.
    n_events, n_background : cells the model was fitted to.
    left_out : factors not used, with the reason. held_out : the cells of the validation.
    responses : to each factor. applicable_share : of the background inside the area of applicability.
    compared : other models on the same folds, with fewer background cells. chosen : by fold, where models were chosen.
    road_bias : whether events are rare far from roads.
    """

    model: Learned
    name: str
    spatial: Skill
    random: Skill
    auc_fit: float
    reliability: Reliability
    brier: float
    level_bounds: tuple[float, ...]
    n_events: int
    n_background: int
    left_out: dict[str, str]
    held_out: HeldOut
    responses: tuple[Response, ...]
    factors: tuple[dict[str, Any], ...]
    applicable_share: float
    compared: tuple[Compared, ...] = ()
    chosen: tuple[str, ...] = ()
    road_bias: RoadBias | None = None

    @property
    def auc_spatial(self) -> float:
        """Headline score: mean area under the ROC curve on blocks kept out."""
        return self.spatial.auc


def fit(sample: Sample, params: LandslideParams) -> Fit:
    """Fit the susceptibility model and judge it on blocks kept out.

    Raises
    ------
    DataError : too few events with known factors, or no factor that says anything.
    """
    names, left_out = _usable(sample, params)
    cases, fold = _cases(sample, names, params)
    heavy = params.model in _HEAVY
    keep = _thinned(cases) if heavy else np.ones(len(fold), dtype=np.bool_)
    used, used_fold = cases.part(keep), fold[keep]
    name, model, spatial, chosen = _judged(used, used_fold, names, params)
    fitted = model.fit(used.values, used.is_event)
    background = used.values[~used.is_event]
    answers = tuple(responses(fitted, background, names, seed=params.seed))
    area = _applicable(used, used_fold, names, answers, params)
    p = fitted.predict_proba(used.values)[:, 1]
    at_random = judged(model, used, random_folds(used.is_event, folds=params.folds, seed=params.seed))
    return Fit(
        Learned(names, fitted, area), name, spatial, at_random, auc(p, used.is_event),
        reliability(spatial.scores, used.is_event), brier(spatial.scores, used.is_event),
        _level_bounds(spatial.scores[used.is_event], params.level_event_shares),
        int(used.is_event.sum()), int((~used.is_event).sum()), left_out,
        HeldOut(used.x, used.y, spatial.scores, used.is_event, used_fold), answers,
        tuple(_factors(fitted, names, used, answers, params)),
        1.0 if area is None else float(area.holds(background).mean()),
        _compared(cases, fold, names, params), chosen, _road_bias(sample, params),
    )  # fmt: skip


def _usable(sample: Sample, params: LandslideParams) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the factors that vary and are known on enough of the area, and why others are not used."""
    found, left_out = [], {}
    other = ~sample.is_event
    for i, name in enumerate(sample.names):
        if name not in params.factors:
            continue
        values = sample.values[i, other]
        classing = class_of_factor(name, values, classes=params.classes)
        if classing is None:
            left_out[name] = "is constant or all unknown"
            continue
        known = (classing.classes(values, sample.slope_deg[other]) >= 0).mean()
        if not known >= params.min_factor_coverage:
            left_out[name] = f"is known on {known:.0%} of the area only"
            continue
        found.append(name)
    if not found:
        what = f"no factor can be used: {left_out}"
        raise DataError(what, where="landslide.factors", fix="give a DEM that covers the area")
    return tuple(found), left_out


def _cases(sample: Sample, names: tuple[str, ...], params: LandslideParams) -> tuple[Cases, NDArray[np.int64]]:
    """Return the cases whose factors and slope are all known, and the block fold of each."""
    values = np.stack([sample.values[sample.names.index(n)] for n in names], axis=1)
    classings = [c for n, v in zip(names, values[~sample.is_event].T, strict=True)
                 if (c := class_of_factor(n, v, classes=params.classes)) is not None]  # fmt: skip
    whole = (classes_of(values, names, classings) >= 0).all(axis=0) & ~np.isnan(sample.slope_deg)
    is_event = sample.is_event[whole]
    known_cells = sample.n_cells * whole[~sample.is_event].mean()
    rate = min(float(is_event.sum() / known_cells), 1.0) if known_cells > 0 else 0.0
    cases = Cases(values[whole], is_event, sample.x[whole], sample.y[whole], rate)
    if cases.is_event.sum() < params.min_events:
        what = f"{int(cases.is_event.sum())} cells with events have all factors known; {params.min_events} are needed"
        raise DataError(what, where="inputs.landslide_inventory", fix="give more events, or leave out factors")
    fold = spatial_folds(cases.x, cases.y, cases.is_event, block_m=params.block_m, folds=params.folds, seed=params.seed)
    return cases, fold


def _thinned(cases: Cases) -> NDArray[np.bool_]:
    """Return which cases are kept: all events, and every n-th background cell so that there are ten an event."""
    other = np.flatnonzero(~cases.is_event)
    step = max(1, len(other) // max(1, BACKGROUND_PER_EVENT * int(cases.is_event.sum())))
    keep = cases.is_event.copy()
    keep[other[::step]] = True
    return keep


def _made(method: Method, names: tuple[str, ...], params: LandslideParams, event_rate: float) -> Any:
    if method not in TABLE_METHODS:
        return susceptibility_model(method, names, seed=params.seed)
    joint: dict[str, Any] = {"ridge_events": params.ridge_events, "smoothness_events": params.smoothness_events}
    return susceptibility_model(
        method, names, classes=params.classes, prior_events=params.prior_events,
        smoothing_passes=params.smoothing_passes, event_rate=event_rate, **joint,
    )  # fmt: skip


def _judged(
    cases: Cases, fold: NDArray[np.int64], names: tuple[str, ...], params: LandslideParams
) -> tuple[str, Any, Skill, tuple[str, ...]]:
    """Return the model's name, the model, its skill on blocks kept out, and what was chosen without each."""
    if params.model != "best":
        model = _made(params.model, names, params, cases.event_rate)
        return params.model, model, judged(model, cases, fold, buffer_m=params.judged_buffer_m), ()
    tried = candidates(METHODS, names, seed=params.seed, event_rate=cases.event_rate)
    made = nested(tried, cases, fold, seed=params.seed, buffer_m=params.judged_buffer_m)
    return made.name, made.model, made.skill, made.chosen


def _applicable(
    cases: Cases, fold: NDArray[np.int64], names: tuple[str, ...], answers: tuple[Response, ...],
    params: LandslideParams,
) -> Applicability | None:  # fmt: skip
    if not params.only_where_applicable:
        return None
    found = {r.factor: r.importance for r in answers}
    importance = np.array([found.get(n, 0.0) for n in names])
    weights = importance if importance.max(initial=0.0) > 0 else None
    return applicability(cases.values, fold, factors=names, importance=weights, seed=params.seed)


def _compared(
    cases: Cases, fold: NDArray[np.int64], names: tuple[str, ...], params: LandslideParams
) -> tuple[Compared, ...]:
    """Judge the other models on the same blocks, with the same buffer, all with ten background cells an event."""
    keep = _thinned(cases)
    part, of = cases.part(keep), fold[keep]
    at_random = random_folds(part.is_event, folds=params.folds, seed=params.seed)
    out = []
    for method in dict.fromkeys(params.compared):
        model = _made(method, names, params, cases.event_rate)
        spatial = judged(model, part, of, buffer_m=params.judged_buffer_m)
        out.append(Compared(
            method, spatial, judged(model, part, at_random),
            reliability(spatial.scores, part.is_event), brier(spatial.scores, part.is_event),
        ))  # fmt: skip
    return tuple(out)


def _factors(
    fitted: Any, names: tuple[str, ...], cases: Cases, answers: tuple[Response, ...], params: LandslideParams
) -> list[dict[str, Any]]:
    """Return what each factor says, as plain values: importance, response, and of tables classes and their values."""
    out = []
    for r in answers:
        out.append({
            "name": r.factor, "importance": round(r.importance, 4),
            "response": {"kind": r.kind, **{k: [round(float(v), 5) for v in getattr(r, k)]
                                            for k in ("at", "mean", "low", "high")}},
        })  # fmt: skip
    if not isinstance(fitted, ClassTables):
        return out
    by_name = {row["name"]: row for row in out}
    model = fitted.model_
    classes = classes_of(cases.values, names, model.classings)
    for c, of, table, weight in zip(model.classings, classes, model.tables, model.weights, strict=True):
        plain = information_values(
            of[cases.is_event], of[~cases.is_event], n_classes=c.n_classes, prior_events=params.prior_events,
            n_ordered=c.n_ordered, smoothing_passes=params.smoothing_passes,
        )  # fmt: skip
        by_name.setdefault(c.name, {"name": c.name}).update(
            weight=round(weight, 4), kind=c.kind, bounds=list(c.bounds), class_values=[round(v, 4) for v in table],
            information_values=[round(v, 4) for v in plain],
        )  # fmt: skip
    return list(by_name.values())


def _road_bias(sample: Sample, params: LandslideParams) -> RoadBias | None:
    if "distance_roads_m" not in sample.names:
        return None
    distance = sample.values[sample.names.index("distance_roads_m")]
    return road_bias(distance, sample.is_event, far_m=params.max_road_distance_m)


def _level_bounds(p_events: NDArray[np.float64], shares: tuple[float, ...]) -> tuple[float, ...]:
    """Return the probabilities that the given falling shares of held-out events reach; strictly rising."""
    bounds = np.quantile(p_events[~np.isnan(p_events)], 1 - np.asarray(shares))
    for i in range(1, len(bounds)):
        if not bounds[i] > bounds[i - 1]:
            bounds[i] = np.nextafter(bounds[i - 1], np.inf)
    return tuple(map(float, bounds))
