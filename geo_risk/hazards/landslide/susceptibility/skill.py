"""Skill of a model on places it has not seen, with its interval, and the choice among models that does not peek."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from geo_risk.core.errors import DataError
from geo_risk.hazards.landslide.scores import auc
from geo_risk.hazards.landslide.susceptibility.folds import cluster_folds, learning_rows
from geo_risk.hazards.landslide.susceptibility.models import fresh


@dataclass(frozen=True)
class Cases:
    """Events and background with their factors and places.

    Attributes
    ----------
    values : (case, factor), NaN where unknown.
    is_event : (case,) bool. x, y : (case,) [m].
    event_rate : share of the area's cells that hold an event; 0 where it is not known.
    """

    values: NDArray[np.float64]
    is_event: NDArray[np.bool_]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    event_rate: float = 0.0

    def part(self, keep: NDArray[np.bool_]) -> Cases:
        """Return the cases that are kept."""
        return Cases(self.values[keep], self.is_event[keep], self.x[keep], self.y[keep], self.event_rate)


@dataclass(frozen=True)
class Skill:
    """Area under the ROC curve of cases that were kept out.

    Attributes
    ----------
    auc : mean of the folds. folds : of each fold, NaN where it could not be judged.
    low, high : 95 % interval of the mean, within 0 and 1.
    scores : (case,) probability given while the case was kept out; NaN where none could be.
    n_learned : cases learned from, by fold.
    """

    auc: float
    folds: tuple[float, ...]
    low: float
    high: float
    scores: NDArray[np.float64]
    n_learned: tuple[int, ...]

    @property
    def error(self) -> float:
        """Half the interval."""
        return (self.high - self.low) / 2


def judged(model: Any, cases: Cases, fold: NDArray[np.int64], *, buffer_m: float = 0.0) -> Skill:
    """Judge a model by cross-validation.

    Parameters
    ----------
    model : with `fit` and `predict_proba`; it stays as it is.
    fold : (case,) 0, 1, ...
    buffer_m : cases nearer than this to one that is judged are not learned from.

    Raises
    ------
    DataError : no fold could be judged: the buffer leaves no events, or a fold holds none.
    """
    return _kept_out(lambda part: fresh(model).fit(part.values, part.is_event), cases, fold, buffer_m=buffer_m)


def _kept_out(learn: Callable[[Cases], Any], cases: Cases, fold: NDArray[np.int64], *, buffer_m: float) -> Skill:
    """Score each fold by what is learned without it and without its surroundings."""
    scores = np.full(len(fold), np.nan)
    aucs, learned, tested = [], [], []
    for k in np.unique(fold):
        out = fold == k
        keep = learning_rows(cases.x, cases.y, out, buffer_m=buffer_m)
        if np.unique(cases.is_event[keep]).size == 2:
            scores[out] = learn(cases.part(keep)).predict_proba(cases.values[out])[:, 1]
        known = out & ~np.isnan(scores)
        aucs.append(auc(scores[known], cases.is_event[known]))
        learned.append(int(keep.sum()))
        tested.append(int(out.sum()))
    if not np.isfinite(aucs).any():
        what = f"none of {len(aucs)} folds could be judged with a buffer of {buffer_m:g} m"
        raise DataError(what, where="landslide.folds, landslide.buffer_m", fix="use a smaller buffer or fewer folds")
    low, high = interval(aucs, n_learned=float(np.mean(learned)), n_judged=float(np.mean(tested)))
    return Skill(float(np.nanmean(aucs)), tuple(aucs), max(low, 0.0), min(high, 1.0), scores, tuple(learned))


def interval(values: Sequence[float], *, n_learned: float, n_judged: float) -> tuple[float, float]:
    """95 % interval of the mean score of folds, with the variance corrected for their shared learning data.

    Nadeau and Bengio (2003, Mach. Learn. 52, eq. 9): var = (1/J + n_judged / n_learned) s^2. NaN for one fold.
    """
    known = np.asarray([v for v in values if np.isfinite(v)])
    half = float(student.ppf(0.975, len(known) - 1)) * standard_error(known, n_learned=n_learned, n_judged=n_judged)
    return (float(known.mean() - half), float(known.mean() + half)) if len(known) > 1 else (np.nan, np.nan)


def standard_error(values: NDArray[np.float64], *, n_learned: float, n_judged: float) -> float:
    """Standard error of the mean score of folds as `interval` has it; NaN for one fold."""
    if len(values) < 2 or not n_learned > 0:
        return float("nan")
    return float(values.std(ddof=1) * np.sqrt(1 / len(values) + n_judged / n_learned))


@dataclass(frozen=True)
class Choice:
    """A model chosen among several, and the skill of choosing so.

    Attributes
    ----------
    name, model : chosen on all cases; the model is not fitted.
    skill : of the whole procedure, on folds that neither the model nor the choice has seen.
    chosen : name by outer fold.
    inner : mean score of each candidate by the inner folds on all cases.
    """

    name: str
    model: Any
    skill: Skill
    chosen: tuple[str, ...]
    inner: Mapping[str, float]


def choose(
    models: Sequence[tuple[str, Any]], cases: Cases, *, folds: int, seed: int, buffer_m: float = 0.0
) -> tuple[str, Any, dict[str, float]]:
    """Keep the first model unless another beats it by more than one standard error.

    The first is the reference; of those that beat it clearly the best is taken. The standard error is that of the
    paired difference over the spatial folds (in the sense of Breiman et al. 1984, sec. 3.4.3), corrected as `interval`
    is for the learning data that folds share, so that a model is left for another only where places agree.

    Returns
    -------
    Its name, the model, and the mean score of every candidate.
    """
    fold = cluster_folds(cases.x, cases.y, cases.is_event, folds=folds, seed=seed)
    skills = {name: judged(model, cases, fold, buffer_m=buffer_m) for name, model in models}
    found = {name: np.asarray(skill.folds) for name, skill in skills.items()}
    n_learned = float(np.mean(skills[models[0][0]].n_learned))
    means = {name: float(np.nanmean(v)) for name, v in found.items()}
    chosen = models[0][0]
    for name, _ in models[1:]:
        ahead = found[name] - found[models[0][0]]
        ahead = ahead[np.isfinite(ahead)]
        error = standard_error(ahead, n_learned=n_learned, n_judged=len(cases.x) / folds)
        if len(ahead) > 1 and float(ahead.mean()) > error and means[name] > means[chosen]:
            chosen = name
    return chosen, dict(models)[chosen], means


def nested(
    models: Sequence[tuple[str, Any]], cases: Cases, fold: NDArray[np.int64], *, inner_folds: int = 4, seed: int = 1,
    buffer_m: float = 0.0,
) -> Choice:  # fmt: skip
    """Choose a model, and judge the choosing itself: each outer fold is scored by what was chosen without it.

    Parameters
    ----------
    models : (name, model), the reference first; see `models.candidates`.
    fold : (case,) of the outer validation.
    inner_folds : spatial folds of the choice.
    """
    chosen: list[str] = []

    def learn(part: Cases) -> Any:
        name, model, _ = choose(models, part, folds=inner_folds, seed=seed, buffer_m=buffer_m)
        chosen.append(name)
        return fresh(model).fit(part.values, part.is_event)

    skill = _kept_out(learn, cases, fold, buffer_m=buffer_m)
    name, best, means = choose(models, cases, folds=inner_folds, seed=seed, buffer_m=buffer_m)
    return Choice(name, best, skill, tuple(chosen), means)
