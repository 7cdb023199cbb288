"""The models by name, and the settings that are tried of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from geo_risk.core.errors import DataError
from geo_risk.hazards.landslide.susceptibility.encoding import FactorEncoder, KnownRows
from geo_risk.hazards.landslide.susceptibility.names import METHODS, REFERENCE_FIRST, TABLE_METHODS, Method, TableMethod
from geo_risk.hazards.landslide.susceptibility.tables import ClassTables

GRIDS: dict[Method, tuple[dict[str, Any], ...]] = {
    "logistic": ({"regularisation": 0.0}, {"regularisation": 1.0}, {"regularisation": 10.0}),
    "joint": tuple({"smoothness_events": s} for s in (10.0, 100.0, 1000.0)),
    "random_forest": tuple({"min_leaf": n} for n in (3, 10, 30)),
    "gradient_boosting": tuple({"trees": n, "leaves": k} for n in (50, 150) for k in (3, 8)),
}
"""Settings that nested tuning chooses from; models that are not named have one (choice of geo_risk)."""


def susceptibility_model(
    method: Method, factors: Sequence[str] | None = None, *, seed: int = 1, **settings: Any
) -> Any:
    """Make a model that is not fitted yet.

    All have one interface, that of scikit-learn: `fit(X, y)` with X (case, factor), NaN where a factor is unknown, and
    y whether a case is an event; `predict_proba(X)` (case, 2) at odds of 1:1, NaN where the model cannot know.

    Parameters
    ----------
    method : of `METHODS`.
    factors : names of the columns, from which categories and the aspect are told; None where all are quantities.
    seed : of the forests.
    settings : of `ClassTables`; `regularisation` of logistic (0 is plain maximum likelihood; else the strength of an
        L2 penalty in events); `trees`, `min_leaf` of random_forest; `trees`, `leaves`, `rate`, `min_leaf` of
        gradient_boosting.

    Raises
    ------
    DataError : an unknown method or setting.
    """
    known: dict[str, set[str]] = {
        "logistic": {"regularisation"}, "random_forest": {"trees", "min_leaf"},
        "gradient_boosting": {"trees", "leaves", "rate", "min_leaf"},
    }  # fmt: skip
    names = set(ClassTables().get_params()) - {"method", "factors"}
    odd = set(settings) - (names if method in TABLE_METHODS else known.get(method, set()))
    if method not in METHODS or odd:
        what = f"no model {method!r} with settings {sorted(odd)}"
        raise DataError(what, where="landslide.model", fix=f"choose one of {', '.join(METHODS)} and its own settings")
    if method in TABLE_METHODS:
        chosen: TableMethod = method
        return ClassTables(chosen, factors=factors, **settings)
    if method == "logistic":
        strength = float(settings.get("regularisation", 0.0))
        fitted: Any = LogisticRegression(C=1 / strength if strength > 0 else np.inf, max_iter=2000, tol=1e-6)
        return KnownRows(FactorEncoder(factors), fitted)
    if method == "random_forest":
        fitted = RandomForestClassifier(
            n_estimators=settings.get("trees", 300), min_samples_leaf=settings.get("min_leaf", 10),
            max_features="sqrt", random_state=seed,
        )  # fmt: skip
    else:
        fitted = HistGradientBoostingClassifier(
            max_iter=settings.get("trees", 150), max_leaf_nodes=settings.get("leaves", 8),
            learning_rate=settings.get("rate", 0.05), min_samples_leaf=settings.get("min_leaf", 10),
            early_stopping=False, random_state=seed,
        )  # fmt: skip
    return KnownRows(FactorEncoder(factors, scaled=False), fitted)


def candidates(
    methods: Sequence[Method], factors: Sequence[str] | None = None, *, seed: int = 1, event_rate: float = 0.0
) -> list[tuple[str, Any]]:
    """Return every setting of every method as (name, model), the reference first; `event_rate` as of `ClassTables`."""
    out: list[tuple[str, Any]] = []
    for method in sorted(methods, key=REFERENCE_FIRST.index):
        for settings in GRIDS.get(method, ({},)):
            said = ", ".join(f"{k} {v:g}" for k, v in settings.items())
            rate = {"event_rate": event_rate} if method in TABLE_METHODS else {}
            model = susceptibility_model(method, factors, seed=seed, **settings, **rate)
            out.append((f"{method} ({said})" if said else method, model))
    return out


def fresh(model: Any) -> Any:
    """Return the model with its settings and nothing learned."""
    return clone(model)
