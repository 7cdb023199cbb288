"""Models that give each class of a factor a value: frequency ratio, information value, weights of evidence, ..."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from geo_risk.core.errors import DataError
from geo_risk.hazards.landslide.information_value import Model, class_counts, fit_weights, looked_up, probability
from geo_risk.hazards.landslide.joint import fit_class_values
from geo_risk.hazards.landslide.susceptibility.encoding import (
    SLOPE,
    classes_of,
    classings_of,
    factor_names,
    two_classes,
)
from geo_risk.hazards.landslide.susceptibility.names import TABLE_METHODS, TableMethod

JOINT_SHRINKAGE = 0.25
"""The joint fit pulls class values towards this share of the information value: factors share what they say."""


def class_values(
    method: TableMethod, events: NDArray[np.float64], expected: NDArray[np.float64], *, prior: float, rate: float
) -> NDArray[np.float64]:
    """Value of each class of one factor.

    Parameters
    ----------
    method : of `TABLE_METHODS`; for "joint" the values that the fit starts from.
    events : (class,) events n_c. expected : n_c if events were spread like the background, e_c = N A_c / A.
    prior : a, added to both counts, in events; 0 is the published formula.
    rate : share of cells that hold an event, for the certainty factor alone; 0 is the limit of rare events.

    Returns
    -------
    (class,) float64. With FR = (n_c + a) / (e_c + a):

    - frequency_ratio: FR (Lee and Talib 2005, Environ. Geol. 47).
    - information_value: ln FR (Yin and Yan 1988).
    - weights_of_evidence: W+ of the class and W- of all others, ln P(B|S)/P(B|not S), the background standing for
      "not S" (Bonham-Carter 1994).
    - certainty_factor: CF = (ppa - pps) / (ppa (1 - pps)) from ppa = FR pps >= pps, else (ppa - pps) / (pps (1 - ppa))
      (Chung and Fabbri 1993), as -ln(1 - CF) or ln(1 + CF): in this scale the rule that combines certainties is a sum.
      In the limit of rare events it is the information value.

    Raises
    ------
    DataError : a class without events or area where `prior` is 0 and the value would not be finite.
    """
    total = float(events.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (events + prior) / (expected + prior)
        if method == "frequency_ratio":
            out = ratio
        elif method == "weights_of_evidence":
            present = np.log(ratio)
            absent = np.log((total - events + prior) / (total - expected + prior)) if len(events) > 1 else 0 * present
            out = present + absent.sum() - absent
        elif method == "certainty_factor" and rate > 0:
            density = np.minimum(ratio * rate, 1 - 1e-9)
            more = (density - rate) / (density * (1 - rate))
            less = (density - rate) / (rate * (1 - density))
            out = np.where(density >= rate, -np.log1p(-more), np.log1p(less))
        else:
            out = np.log(ratio)
    if not np.isfinite(out).all():
        what = "a class holds no event or no area, its value is not finite"
        raise DataError(what, where="landslide.prior_events", fix="use a positive prior or fewer classes")
    return np.asarray(out, dtype=np.float64)


class ClassTables(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Susceptibility as a sum of values of classes, turned into a probability by one logistic slope.

    Quantities are cut into quantile classes of the background, the aspect into sectors, categories stay. The index is
    the sum of the values of a place's classes; p = 1 / (1 + exp(-(intercept + slope index))) with slope and intercept
    by maximum likelihood, events and background weighted to equal sums. A slope below 1 of information values or
    weights of evidence says by how much the factors repeat one another.

    Parameters
    ----------
    method : of `TABLE_METHODS`. "joint" fits the values of all classes together.
    factors : names of the columns; None for columns that are all quantities.
    classes : quantile classes of a quantity.
    prior_events, smoothing_passes : as in `information_values`.
    event_rate : share of cells that hold an event, for the certainty factor; 0 is the limit of rare events.
    ridge_events, smoothness_events : penalties of the joint fit.

    Attributes
    ----------
    model_ : `Model`, from which layers are predicted.
    slope_ : of the logistic; 1 for the joint fit.
    left_out_ : factors that are constant or unknown.
    """

    def __init__(
        self, method: TableMethod = "information_value", *, factors: Sequence[str] | None = None, classes: int = 12,
        prior_events: float = 8.0, smoothing_passes: int = 0, event_rate: float = 0.0, ridge_events: float = 0.5,
        smoothness_events: float = 100.0,
    ) -> None:  # fmt: skip
        self.method = method
        self.factors = factors
        self.classes = classes
        self.prior_events = prior_events
        self.smoothing_passes = smoothing_passes
        self.event_rate = event_rate
        self.ridge_events = ridge_events
        self.smoothness_events = smoothness_events

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn from (case, factor), NaN where unknown, and whether each case is an event.

        Raises
        ------
        DataError : no factor says anything, or events or background are missing where all are known.
        """
        values, target = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        check_classification_targets(target)
        self.classes_, code = np.unique(target, return_inverse=True)
        two_classes(self.classes_)
        if self.method not in TABLE_METHODS:
            what = f"method {self.method!r} is not one of {', '.join(TABLE_METHODS)}"
            raise DataError(what, where="landslide.model", fix="choose one of them")
        self.names_ = factor_names(self.factors, values.shape[1])
        is_event = code == 1
        self.classings_, self.left_out_ = classings_of(values[~is_event], self.names_, classes=self.classes)
        classes = classes_of(values, self.names_, self.classings_)
        known = (classes >= 0).all(axis=0)
        self.model_, self.slope_ = self._fitted(classes[:, known], is_event[known])
        self.n_known_ = int(known.sum())
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the logit (case,); NaN where a class is unknown."""
        check_is_fitted(self)
        values: NDArray[np.float64] = validate_data(
            self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False
        )
        slope = values[:, self.names_.index(SLOPE)] if SLOPE in self.names_ else np.ones(len(values))
        return self.model_.logit([values[:, self.names_.index(c.name)] for c in self.classings_], slope)

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the probability (case, 2) of background and event at odds of 1:1; NaN where a class is unknown."""
        p = probability(self.decision_function(X))
        return np.stack([1 - p, p], axis=1)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the likelier class; unknown rows are said to be events: unknown is never safe."""
        logit = self.decision_function(X)
        out: NDArray[Any] = self.classes_[np.where(np.isnan(logit), 1, logit >= 0).astype(int)]
        return out

    def _fitted(self, classes: NDArray[np.int16], is_event: NDArray[np.bool_]) -> tuple[Model, float]:
        tables = [
            class_values(
                self.method,
                *class_counts(c[is_event], c[~is_event], n_classes=k.n_classes, n_ordered=k.n_ordered,
                              smoothing_passes=self.smoothing_passes),
                prior=self.prior_events, rate=self.event_rate,
            )
            for c, k in zip(classes, self.classings_, strict=True)
        ]  # fmt: skip
        if self.method == "joint":
            start = [list(JOINT_SHRINKAGE * t) for t in tables]
            values, intercept = fit_class_values(
                classes, is_event, start=start, n_ordered=[k.n_ordered for k in self.classings_],
                ridge=self.ridge_events, smoothness=self.smoothness_events,
            )  # fmt: skip
            return Model(self.classings_, values, (1.0,) * len(values), intercept), 1.0
        index = np.sum([looked_up(c, list(t)) for c, t in zip(classes, tables, strict=True)], axis=0)
        slope, intercept = fit_weights(index[:, None], is_event, target=1.0)
        kept = tuple(tuple(map(float, t)) for t in tables)
        return Model(self.classings_, kept, (float(slope[0]),) * len(kept), intercept), float(slope[0])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.classifier_tags.multi_class = False
        return tags
