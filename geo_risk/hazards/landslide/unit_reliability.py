"""Whether units slide as often as was said of storms that were left out, within the band that chance allows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_risk.hazards.landslide.params import LandslideParams
from geo_risk.hazards.landslide.warning import HeldOut, WarningModel, leave_one_storm_out
from geo_risk.hazards.landslide.warning_units import PastCases

EDGES = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Edges of the classes of chance, some three times apart: most units of most storms have less than one in a hundred."""

DRAWS = 100
"""Histories that are drawn for the band (choice of geo_risk: a few seconds; its ends are then known to a tenth)."""

_BAND = 0.95

LEAST_EXPECTED = 1.0
"""A class in which fewer slides than this were expected says nothing (choice of geo_risk)."""


@dataclass(frozen=True)
class UnitReliability:
    """Classes of chance.

    Attributes
    ----------
    units : (class,) units of storms. said, seen : (class,) how many were expected to slide, and did.
    drawn_said, drawn_seen : (draw, class) the same in drawn histories in which the model is right.
    """

    units: NDArray[np.int64]
    said: NDArray[np.float64]
    seen: NDArray[np.float64]
    drawn_said: NDArray[np.float64]
    drawn_seen: NDArray[np.float64]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {name: np.asarray(getattr(self, name)).round(4).tolist() for name in self.__dataclass_fields__}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> UnitReliability:
        """Return what `to_dict` described."""
        return cls(**{k: np.asarray(v) for k, v in values.items()})

    def __add__(self, other: UnitReliability) -> UnitReliability:
        """Return both together, draw by draw: counts add up."""
        return UnitReliability(*(getattr(self, n) + getattr(other, n) for n in self.__dataclass_fields__))

    def diagram(self) -> dict[str, list[float]]:
        """Return the classes with at least one slide expected: mean chance, share that slid, and the band of the share.

        95 % of the drawn histories lie in the band with all their classes: it is as many standard deviations of
        seen / said wide as the worst class of 95 % of them needs. `inside` is 1 where the share lies in it, else 0.
        """
        # a history with too few slides for any model says nothing, nor does one that puts no unit into a class
        drawn = self.drawn_said > 0
        use = (self.said >= LEAST_EXPECTED) & (drawn.sum(axis=0) > 0.5 * max(1, int(drawn.any(axis=1).sum())))
        said, seen = self.said[use] / self.units[use], self.seen[use] / self.units[use]
        factor = np.ma.masked_array(self.drawn_seen[:, use], ~drawn[:, use]) / np.maximum(
            self.drawn_said[:, use], 1e-12
        )
        middle, spread = (np.asarray(v) for v in (factor.mean(axis=0), np.maximum(factor.std(axis=0), 1e-12)))
        worst = np.asarray((np.abs(factor - middle) / spread).filled(0.0).max(axis=1, initial=0.0))
        worst = worst[drawn.any(axis=1)]
        wide = float(np.quantile(worst, _BAND)) if worst.size else 0.0
        low, high = (said * np.maximum(middle + side * wide * spread, 0.0) for side in (-1, 1))
        inside = ((seen >= low) & (seen <= high)).astype(float)
        out = {"said": said, "seen": seen, "low": low, "high": high, "inside": inside, "units": self.units[use]}
        return {name: values.astype(float).tolist() for name, values in out.items()}


def unit_reliability(
    held: HeldOut, cases: PastCases, model: WarningModel, params: LandslideParams, *, draws: int = DRAWS
) -> UnitReliability:
    """Compare what was said of storms that were left out with what came, and with drawn histories.

    Each history draws slides from the model on the true cases, and then treats them as the true ones were: a model is
    fitted without each storm and says its chance. The band so holds the chance of slides and that of a model fitted to
    few storms (consistency resampling, after Broecker and Smith 2007, Weather Forecast. 22).

    Parameters
    ----------
    held : by `leave_one_storm_out` of `cases`. model : by `fit_warning` of them. draws : number of histories.
    """
    observed = _classes(held.probability, held.slid)
    rng = np.random.default_rng([params.seed, 20_240_705])
    chances = model.probability(cases.units.susceptibility[:, None], cases.rain_mm)
    said, seen = np.zeros((draws, len(EDGES) - 1)), np.zeros((draws, len(EDGES) - 1))
    for k in range(draws):
        slides = (rng.random(chances.shape) < np.nan_to_num(chances)).astype(np.int64)
        drawn = leave_one_storm_out(replace(cases, slides=slides), params, slope=model.susceptibility_weight,
                                    start=model)  # fmt: skip
        _, said[k], seen[k] = _classes(drawn.probability, drawn.slid)
    return UnitReliability(*observed, said, seen)


def _classes(
    p: NDArray[np.float64], slid: NDArray[np.bool_]
) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.float64]]:
    """Return by class of chance: units, the sum of their chances, and how many slid; unknown ones are passed over."""
    known = np.isfinite(p)
    at = np.clip(np.searchsorted(EDGES, p[known], side="right") - 1, 0, len(EDGES) - 2)
    n = len(EDGES) - 1
    said, seen = (
        np.bincount(at, weights=w[known].astype(np.float64), minlength=n).astype(np.float64) for w in (p, slid)
    )
    return np.bincount(at, minlength=n).astype(np.int64), said, seen
