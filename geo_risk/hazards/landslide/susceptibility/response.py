"""How susceptibility answers to each factor, and how much each factor matters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from geo_risk.hazards.landslide.factors import CATEGORIES, SECTORS

_CASES = 400


@dataclass(frozen=True)
class Response:
    """Partial dependence on one factor (Friedman 2001, Ann. Stat. 29, sec. 8.2).

    Attributes
    ----------
    factor, kind : "quantity", "sector" or "category".
    at : (point,) values of the factor, codes, or the middle of sectors [degree].
    mean : (point,) mean probability of the background where the factor had that value.
    low, high : (point,) its 10 and 90 % quantiles: a wide band says that other factors change the answer.
    importance : standard deviation of the logit of `mean` over the points as often as they occur.
    """

    factor: str
    kind: Literal["quantity", "sector", "category"]
    at: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    importance: float


def responses(
    model: Any, values: NDArray[np.float64], names: tuple[str, ...], *, points: int = 20, seed: int = 1
) -> list[Response]:
    """Return the response of a fitted model to each factor, over a sample of the background.

    Parameters
    ----------
    model : fitted, with `predict_proba`.
    values : (case, factor) of the background; cases the model does not know are left out.
    names : of the factors.
    points : quantiles of a quantity at which it is asked.
    seed : of the choice of 400 cases among more.

    Returns
    -------
    One a factor that has a known value, in the order of the columns; cases that are unknown at some of its points are
    left out.
    """
    known = np.flatnonzero(~np.isnan(model.predict_proba(values)[:, 1]))
    if len(known) > _CASES:
        known = np.sort(np.random.default_rng([seed, 20_261_127]).choice(known, _CASES, replace=False))
    out = []
    for k, name in enumerate(names):
        at, kind, share = _points(name, values[:, k], points)
        if not len(at) or not len(known):
            continue
        asked = np.repeat(values[known][None], len(at), axis=0)
        asked[:, :, k] = at[:, None]
        p = model.predict_proba(asked.reshape(-1, len(names)))[:, 1].reshape(len(at), len(known))
        # flat ground has no curvature: asked as if it were steep it is unknown
        p = p[:, ~np.isnan(p).any(axis=0)]
        if not p.size:
            continue
        mean = p.mean(axis=1)
        inside = np.clip(mean, 1e-6, 1 - 1e-6)
        logit = np.log(inside / (1 - inside))
        spread = float(np.sqrt(max(np.average((logit - np.average(logit, weights=share)) ** 2, weights=share), 0.0)))
        low, high = np.quantile(p, [0.1, 0.9], axis=1)
        out.append(Response(name, kind, at, mean, low, high, spread))
    return out


def _points(
    name: str, values: NDArray[np.float64], points: int
) -> tuple[NDArray[np.float64], Literal["quantity", "sector", "category"], NDArray[np.float64]]:
    """Return the values asked for, the kind, and how often each occurs."""
    known: NDArray[np.float64] = values[~np.isnan(values)]
    if name in CATEGORIES:
        at, n = np.unique(known, return_counts=True)
        return at, "category", n / max(n.sum(), 1)
    if name == "aspect_deg":
        sector = (np.floor((known + 22.5) / 45) % SECTORS).astype(int)
        n = np.bincount(sector, minlength=SECTORS)
        share: NDArray[np.float64] = (n + 1e-9) / (n.sum() + SECTORS * 1e-9)
        return 45.0 * np.arange(SECTORS, dtype=np.float64), "sector", share
    at = known if not len(known) else np.unique(np.quantile(known, np.linspace(0.02, 0.98, points)))
    return at, "quantity", np.full(len(at), 1 / max(len(at), 1))
