"""A fitted model as layers see it: factors in, logit out, block by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from geo_risk.hazards.landslide.factors import CATEGORIES
from geo_risk.hazards.landslide.susceptibility.applicability import Applicability
from geo_risk.hazards.landslide.susceptibility.encoding import SLOPE, FactorEncoder, KnownRows
from geo_risk.hazards.landslide.susceptibility.tables import ClassTables
from geo_risk.kernels.additive import CATEGORY, add_classes, add_direction, add_linear

_ROWS = 200_000
"""Cells that a forest is asked for at once: its columns are copied."""


@dataclass(frozen=True)
class Learned:
    """A fitted model of susceptibility.

    Attributes
    ----------
    names : factors, in the order of the columns it was fitted to.
    estimator : fitted, of `models.susceptibility_model`.
    applicability : where it may be asked; None: everywhere.
    """

    names: tuple[str, ...]
    estimator: Any
    applicability: Applicability | None = None

    def logit(self, values: Sequence[NDArray[Any]], slope_deg: NDArray[Any]) -> NDArray[np.float64]:
        """Return the logit of susceptibility.

        Parameters
        ----------
        values : one array (...) a factor, in the order of `names`. slope_deg : (...), whose shape counts.

        Returns
        -------
        float64 (...); NaN where a factor is unknown, or outside the area of applicability.
        """
        columns = [np.ascontiguousarray(v).reshape(-1) for v in values]
        # flat is told from the slope the model has seen, as while it was fitted
        n = int(np.size(slope_deg))
        slope = columns[self.names.index(SLOPE)] if SLOPE in self.names else np.ones(n)
        by_name = dict(zip(self.names, columns, strict=True))
        if isinstance(self.estimator, ClassTables):
            model = self.estimator.model_
            out = model.logit([by_name[n] for n in model.names], slope)
        elif isinstance(self.estimator, KnownRows) and isinstance(self.estimator.classifier_, LogisticRegression):
            out = _linear(self.estimator.encoder_, self.estimator.classifier_, by_name, slope)
        else:
            out = self._in_slices(by_name, n)
        if self.applicability is not None:
            known = np.flatnonzero(~np.isnan(out))
            for at in np.array_split(known, -(-len(known) // _ROWS)) if len(known) else ():
                out[at[~self.applicability.holds(self._matrix(by_name, at))]] = np.nan
        return out.reshape(np.shape(slope_deg))

    def _in_slices(self, by_name: dict[str, NDArray[Any]], n: int) -> NDArray[np.float64]:
        out = np.full(n, np.nan)
        for first in range(0, n, _ROWS):
            at = np.arange(first, min(first + _ROWS, n))
            p = self.estimator.predict_proba(self._matrix(by_name, at))[:, 1]
            p = np.clip(p, 1e-6, 1 - 1e-6)
            out[at] = np.log(p / (1 - p))
        return out

    def _matrix(self, by_name: dict[str, NDArray[Any]], at: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return columns (case, factor)."""
        return np.stack([by_name[n][at].astype(np.float64) for n in self.names], axis=1)


def _linear(
    encoder: FactorEncoder, model: LogisticRegression, by_name: dict[str, NDArray[Any]], slope: NDArray[Any]
) -> NDArray[np.float64]:
    """Return intercept and weights times factors, without making the columns."""
    weight = model.coef_[0] / encoder.scale_
    out = np.full(len(slope), float(model.intercept_[0] - weight @ encoder.mean_))
    by_column = dict(zip(encoder.columns_, weight, strict=True))
    for name in encoder.names_:
        values = by_name[name]
        if name in CATEGORIES:
            codes = np.asarray(encoder.codes_[name])
            table = np.array([by_column.get(f"{name}={c:g}", 0.0) for c in codes])
            add_classes(out, values, slope, CATEGORY, codes, table, False)
        elif name == "aspect_deg":
            add_direction(out, values, slope, by_column["aspect_sin"], by_column["aspect_cos"])
        else:
            add_linear(out, values, slope, by_column[name], name == "curvature_plan")
    return out
