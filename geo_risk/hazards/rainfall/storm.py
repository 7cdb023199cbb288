"""A city's storm intensity formula, and the Chicago storm that holds its depth exactly."""

from __future__ import annotations

from dataclasses import dataclass
from math import log10

import numpy as np
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.core.result import MethodCard

LITRES = 167.0
"""L/s/ha of 1 mm/min, as the formulas of Chinese cities round 10,000 / 60."""

MM_H = 0.36
"""mm/h of 1 L/s/ha."""

_WHERE = "inputs.rainfall.idf"


@dataclass(frozen=True)
class IntensityFormula:
    """q = 167 A (1 + C lg P) / (t + b)^n, in L/s/ha; t in minutes, P in years.

    Attributes
    ----------
    a [mm/min], c [1], b [min], n [1] : the constants. Every city and edition has its own: none is built in.
    valid_minutes, valid_years : durations and return periods the document states, ends included.
    source : city, edition and document, for the report.
    """

    a: float
    c: float
    b: float
    n: float
    valid_minutes: tuple[float, float]
    valid_years: tuple[float, float]
    source: str

    def __post_init__(self) -> None:
        numbers = (self.a, self.c, self.b, self.n, *self.valid_minutes, *self.valid_years)
        low_t, high_t = self.valid_minutes
        low_p, high_p = self.valid_years
        if not (
            np.isfinite(numbers).all() and self.a > 0 and self.c >= 0 and self.b >= 0 and self.n > 0
            and 0 < low_t < high_t and 0 < low_p < high_p and 1 + self.c * log10(low_p) > 0 and self.source.strip()
        ):  # fmt: skip
            what = f"constants {numbers} make no storm formula, or nothing says where they come from"
            raise DataError(what, where=_WHERE, fix="copy A, C, b, n and their validity from the city's document")
        # depth rises with duration while b + (1 - n) t > 0
        if not self.b + (1 - self.n) * high_t > 0:
            what = (
                f"with b {self.b:g} and n {self.n:g} a storm of {high_t:g} min would bring less rain than a shorter one"
            )
            raise DataError(what, where=_WHERE, fix="check b and n, or give the durations the document states")

    def card(self) -> MethodCard:
        """Return the method card with the document."""
        return MethodCard(
            name="Storm intensity formula",
            citation=self.source,
            validity=f"{self.valid_minutes[0]:g}-{self.valid_minutes[1]:g} min, "
            f"{self.valid_years[0]:g}-{self.valid_years[1]:g} years",
        )


def storm_intensity(formula: IntensityFormula, *, years: float, minutes: float) -> float:
    """Return the mean intensity [L/s/ha] over a duration that is exceeded once in `years` years.

    Raises
    ------
    DataError : the return period or the duration lies outside what the document states.
    """
    _valid(formula, years, minutes)
    return LITRES * formula.a * (1 + formula.c * log10(years)) / float((minutes + formula.b) ** formula.n)


def storm_intensity_mm_h(formula: IntensityFormula, *, years: float, minutes: float) -> float:
    """Return the same intensity in mm/h: 0.36 q."""
    return MM_H * storm_intensity(formula, years=years, minutes=minutes)


def storm_depth(formula: IntensityFormula, *, years: float, minutes: float) -> float:
    """Return the rain [mm] of the duration: 0.36 q t / 60."""
    return storm_intensity_mm_h(formula, years=years, minutes=minutes) * minutes / 60


def storm_years(formula: IntensityFormula, *, mm: float, minutes: float) -> float:
    """Return the return period [yr] of an amount in a duration; NaN where it lies outside what the document states.

    Raises
    ------
    DataError : the duration lies outside, or C is 0 so that the formula knows no return periods.
    """
    _valid(formula, formula.valid_years[0], minutes)
    if not formula.c > 0:
        what = "with C = 0 the formula holds for one return period only"
        raise DataError(what, where=_WHERE, fix="give the formula with its C")
    once = MM_H * LITRES * formula.a / float((minutes + formula.b) ** formula.n) * minutes / 60
    years = float(10 ** ((mm / once - 1) / formula.c)) if mm >= 0 else float("nan")
    return years if formula.valid_years[0] <= years <= formula.valid_years[1] else float("nan")


def chicago_storm(
    formula: IntensityFormula, *, years: float, minutes: float, step_min: float, peak_ratio: float
) -> NDArray[np.float64]:
    """Rain of each step of a storm whose every window around the peak holds the formula's depth for its length.

    Keifer & Chu (1957, J. Hydraul. Div. ASCE 83(HY4), 1332): the rain within r t before and (1 - r) t after the peak is
    the depth D(t). Steps are differences of the cumulated rain r D(T) - r D((r T - t) / r) before the peak and
    r D(T) + (1 - r) D((t - r T) / (1 - r)) after it, so their sum is D(T) to rounding; intensities sampled at points
    miss or add up to some per cent near the peak. Within the storm the formula is used down to t = 0, below the
    durations it was fitted to, as the method does.

    Parameters
    ----------
    years, minutes : return period and duration T of the storm, within what the document states.
    step_min : length of a step [min]; T must be a whole number of them.
    peak_ratio : r, where the peak lies: 0 (first moment) to 1 (last). It differs by city and is asked for.

    Returns
    -------
    (step,) float64 [mm], stamped at the end of each step.

    Raises
    ------
    DataError : outside the validity, or a step or ratio that makes no sense.
    """
    total = storm_depth(formula, years=years, minutes=minutes)
    n = minutes / step_min if step_min > 0 else float("nan")
    if not (n >= 1 and abs(n - round(n)) < 1e-9 and 0 <= peak_ratio <= 1):
        what = f"a storm of {minutes:g} min in steps of {step_min:g} min with its peak at {peak_ratio:g} cannot be made"
        raise DataError(what, where=f"{_WHERE}, Chicago storm", fix="give whole steps, and a peak between 0 and 1")
    r, peak = peak_ratio, peak_ratio * minutes
    ends = np.linspace(0, minutes, round(n) + 1)
    before, after = np.maximum(peak - ends, 0), np.maximum(ends - peak, 0)
    strength = MM_H * LITRES * formula.a * (1 + formula.c * log10(years)) / 60

    def depth(t: NDArray[np.float64]) -> NDArray[np.float64]:
        # where b is 0 and t is 0 the depth is 0, as the limit is for n < 1
        base = np.where(t + formula.b > 0, t + formula.b, 1.0)
        out: NDArray[np.float64] = strength * t / base**formula.n
        return out

    rising = r * total - r * depth(before / r) if r > 0 else np.zeros_like(ends)
    falling = (1 - r) * depth(after / (1 - r)) if r < 1 else np.zeros_like(ends)
    return np.diff(rising + falling)


def _valid(formula: IntensityFormula, years: float, minutes: float) -> None:
    low_t, high_t = formula.valid_minutes
    low_p, high_p = formula.valid_years
    if not (low_t <= minutes <= high_t and low_p <= years <= high_p):
        what = (
            f"{minutes:g} min and {years:g} years lie outside the formula, which holds for {low_t:g}-{high_t:g} min "
            f"and {low_p:g}-{high_p:g} years"
        )
        raise DataError(what, where=_WHERE, fix=f"stay within what the document states ({formula.source})")
