"""Factors as columns: which rows are known, and what a model is given of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, TransformerMixin, clone
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from geo_risk.core.errors import DataError
from geo_risk.hazards.landslide.factors import CATEGORIES, Classing, class_of_factor

SLOPE = "slope_deg"


def factor_names(factors: Sequence[str] | None, n: int) -> tuple[str, ...]:
    """Return the names of the columns; x0, x1, ... where none are given.

    Raises
    ------
    DataError : another number of names than of columns.
    """
    names = tuple(f"x{k}" for k in range(n)) if factors is None else tuple(factors)
    if len(names) != n:
        what = f"{len(names)} factor names for {n} columns"
        raise DataError(what, where="landslide factors", fix="name every column once, in order")
    return names


def classes_of(
    values: NDArray[np.floating[Any]], names: Sequence[str], classings: Sequence[Classing]
) -> NDArray[np.int16]:
    """Return the class (factor, case) of each value of the columns (case, factor) that have classes; -1 unknown."""
    slope = values[:, names.index(SLOPE)] if SLOPE in names else np.ones(len(values))
    return np.stack([c.classes(values[:, names.index(c.name)], slope) for c in classings])


class FactorEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Turn factors into numbers a linear or tree model can use.

    Categories become one column a code (the first is the base level), the aspect becomes its sine and cosine (0 and 0
    on flat ground), all else stays.

    Parameters
    ----------
    factors : names of the columns; None for columns that are all quantities.
    scaled : whether quantities are brought to mean 0 and standard deviation 1.

    Attributes
    ----------
    columns_ : names of what comes out.
    codes_ : codes by name of category; others make the row unknown (NaN).
    mean_, scale_ : of each column that comes out.
    """

    def __init__(self, factors: Sequence[str] | None = None, *, scaled: bool = True) -> None:
        self.factors = factors
        self.scaled = scaled

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:  # noqa: ARG002
        """Learn codes and scales from (case, factor); rows with NaN are not looked at."""
        values: NDArray[np.float64] = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        self.names_ = factor_names(self.factors, values.shape[1])
        self.codes_ = {
            n: tuple(map(float, np.unique(v[~np.isnan(v)])))
            for n, v in zip(self.names_, values.T, strict=True) if n in CATEGORIES
        }  # fmt: skip
        self.mean_, self.scale_ = np.zeros(0), np.ones(0)
        raw, self.columns_ = self._raw(values)
        raw = raw[~np.isnan(raw).any(axis=1)]
        n = raw.shape[1]
        quantity = np.array(["=" not in c for c in self.columns_])
        wanted = quantity & self.scaled & bool(len(raw))
        self.mean_ = np.where(wanted, raw.mean(axis=0) if len(raw) else 0.0, 0.0)
        spread = raw.std(axis=0) if len(raw) else np.ones(n)
        self.scale_ = np.where(wanted & (spread > 0), spread, 1.0)
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return (case, column); NaN in the columns of a factor that is unknown, or of a code that was not seen."""
        check_is_fitted(self)
        values: NDArray[np.float64] = validate_data(
            self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False
        )
        out: NDArray[np.float64] = (self._raw(values)[0] - self.mean_) / self.scale_
        return out

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:  # noqa: ARG002
        """Return the names of the columns that come out."""
        return np.array(self.columns_, dtype=object)

    def _raw(self, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
        """Return unscaled columns (case, column) and their names."""
        slope = values[:, self.names_.index(SLOPE)] if SLOPE in self.names_ else np.ones(len(values))
        parts: list[NDArray[np.float64]] = []
        columns: list[str] = []
        for name, v in zip(self.names_, values.T, strict=True):
            if name in CATEGORIES:
                codes = np.asarray(self.codes_[name])
                seen = np.isin(v, codes)
                parts += [np.where(seen, (v == c).astype(np.float64), np.nan) for c in codes[1:]]
                columns += [f"{name}={c:g}" for c in codes[1:]]
            elif name == "aspect_deg":
                flat = np.isnan(v) & (slope == 0)
                parts += [np.where(flat, 0.0, f(np.deg2rad(v))) for f in (np.sin, np.cos)]
                columns += ["aspect_sin", "aspect_cos"]
            else:
                flat = np.isnan(v) & (slope == 0) & (name == "curvature_plan")
                parts.append(np.where(flat, 0.0, v))
                columns.append(name)
        return (np.stack(parts, axis=1) if parts else np.empty((len(values), 0))), tuple(columns)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class KnownRows(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier that learns from rows that are known and says NaN of those that are not.

    Parameters
    ----------
    encoder : transformer whose output is NaN where a row is unknown.
    classifier : learns from what the encoder makes of known rows, events and background weighted to equal sums.
    """

    def __init__(self, encoder: Any, classifier: Any) -> None:
        self.encoder = encoder
        self.classifier = classifier

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn from (case, factor) and whether each case is an event.

        Raises
        ------
        DataError : events or background are missing among the rows that are known.
        """
        values, target = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        check_classification_targets(target)
        self.classes_, code = np.unique(target, return_inverse=True)
        two_classes(self.classes_)
        self.encoder_ = clone(self.encoder).fit(values)
        columns = self.encoder_.transform(values)
        known = ~np.isnan(columns).any(axis=1)
        counts = np.bincount(code[known], minlength=2)
        if not counts.all():
            what = f"{counts[1]} events and {counts[0]} background cells have all factors known"
            raise DataError(what, where="landslide factors", fix="check that the factors cover the inventory")
        weight = (counts.sum() / (2 * counts))[code[known]]
        self.classifier_ = clone(self.classifier).fit(columns[known], code[known], sample_weight=weight)
        self.n_known_ = int(known.sum())
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the probability (case, 2) of background and event at odds of 1:1; NaN where a row is unknown."""
        check_is_fitted(self)
        values: NDArray[np.float64] = validate_data(
            self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False
        )
        columns = self.encoder_.transform(values)
        known = ~np.isnan(columns).any(axis=1)
        out = np.full((len(columns), 2), np.nan)
        if known.any():
            out[known] = self.classifier_.predict_proba(columns[known])
        return out

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the likelier class; unknown rows are said to be events: unknown is never safe."""
        p = self.predict_proba(X)[:, 1]
        out: NDArray[Any] = self.classes_[np.where(np.isnan(p), 1, p >= 0.5).astype(int)]
        return out

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.classifier_tags.multi_class = False
        return tags


def two_classes(found: NDArray[Any]) -> None:
    """Refuse targets that are not events and background.

    Raises
    ------
    ValueError : another number of classes than two.
    """
    if len(found) != 2:
        what = f"Only binary classification is supported: {len(found)} class(es) among the cases, events and background"
        raise ValueError(what)


def classings_of(
    values: NDArray[np.float64], names: Sequence[str], *, classes: int
) -> tuple[tuple[Classing, ...], tuple[str, ...]]:
    """Return the classes of every factor that says something, and the names of those that do not.

    Raises
    ------
    DataError : no factor says anything.
    """
    made = [class_of_factor(n, v, classes=classes) for n, v in zip(names, values.T, strict=True)]
    kept = tuple(c for c in made if c is not None)
    if not kept:
        what = f"all of {', '.join(names)} are constant or unknown"
        raise DataError(what, where="landslide factors", fix="give factors that vary over the area")
    return kept, tuple(n for n, c in zip(names, made, strict=True) if c is None)
