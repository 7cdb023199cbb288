"""Figures of a score that can be pooled over runs: ratios, root mean squares, sums and means."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["ratio", "rms", "sum", "mean"]


@dataclass(frozen=True)
class Figure:
    """One figure: `top` over `bottom` for a ratio or mean, their root for "rms", `top` alone for a sum.

    `ceiling` is what a perfect model would reach in the same unit, None where there is no such thing.
    """

    kind: Kind
    top: float
    bottom: float = 1.0
    ceiling: float | None = None
    meaning: str = ""

    @property
    def value(self) -> float:
        """The figure itself; NaN where nothing was there to be counted."""
        if self.kind == "sum":
            return self.top
        if not self.bottom > 0:
            return math.nan
        share = self.top / self.bottom
        return math.sqrt(share) if self.kind == "rms" else share

    @property
    def text(self) -> str:
        """The figure with what it was counted from."""
        if math.isnan(self.value):
            return "nothing to count"
        if self.kind == "ratio":
            return f"{self.value:.3f} ({self.top:g} of {self.bottom:g})"
        return f"{self.value:g}" if self.kind == "sum" else f"{self.value:.3f}"


def ratio(top: float, bottom: float, meaning: str, *, ceiling: float | None = 1.0) -> Figure:
    """Return a share of things counted."""
    return Figure("ratio", float(top), float(bottom), ceiling, meaning)


def rms(squares: float, n: int, meaning: str) -> Figure:
    """Return a root mean square error from the sum of squares of `n` errors."""
    return Figure("rms", float(squares), float(n), 0.0, meaning)


def total(value: float, meaning: str, *, ceiling: float | None = None) -> Figure:
    """Return a figure that adds up over runs."""
    return Figure("sum", float(value), 1.0, ceiling, meaning)


def mean(value: float, meaning: str, *, ceiling: float | None = None) -> Figure:
    """Return a figure that is averaged over runs."""
    return Figure("mean", float(value), 1.0, ceiling, meaning)


Parts = Mapping[str, Mapping[str, Figure]]


@dataclass(frozen=True)
class Row:
    """A line of the printed table."""

    part: str
    figure: str
    text: str
    ceiling_text: str
    meaning: str


@dataclass(frozen=True)
class Score:
    """All figures of one run, or of several pooled, and remarks on what could not be scored."""

    parts: Parts
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for --json: each part's figures, their counts under `details`, the ceilings.

        A figure called "by_stage.6h.pod" stands in `by_stage`, in `6h`, as `pod`.
        """
        out: dict[str, Any] = {p: _nested({n: _plain(f.value) for n, f in fs.items()}) for p, fs in self.parts.items()}
        out["details"] = {
            p: _nested({n: {"top": f.top, "bottom": f.bottom, "ceiling": f.ceiling} for n, f in figures.items()})
            for p, figures in self.parts.items()
        }
        out["notes"] = list(self.notes)
        return out

    def rows(self) -> list[Row]:
        """Return the lines of the printed table."""
        return [
            Row(part, name, f.text, "" if f.ceiling is None else f"{f.ceiling:.3g}", f.meaning)
            for part, figures in self.parts.items()
            for name, f in figures.items()
        ]


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in values.items():
        *folders, last = name.split(".")
        place = out
        for folder in folders:
            place = place.setdefault(folder, {})
        place[last] = value
    return out


def _plain(value: float) -> float | int | None:
    if math.isnan(value):
        return None
    return int(value) if float(value).is_integer() and abs(value) > 1 else value


def pooled(scores: Sequence[Score]) -> Score:
    """Return the score of several runs together: counts add up, means are averaged."""
    parts: dict[str, dict[str, Figure]] = {}
    for name in dict.fromkeys(p for s in scores for p in s.parts):
        having = [s.parts[name] for s in scores if name in s.parts]
        figures = dict.fromkeys(f for part in having for f in part)
        parts[name] = {f: _pool([part[f] for part in having if f in part]) for f in figures}
    notes = tuple(dict.fromkeys(n for s in scores for n in s.notes))
    return Score(parts, notes)


def _pool(figures: Sequence[Figure]) -> Figure:
    first = figures[0]
    ceilings = [f.ceiling for f in figures if f.ceiling is not None]
    ceiling = sum(ceilings) / len(ceilings) if ceilings else None
    if first.kind == "sum" and ceiling is not None:
        ceiling = sum(ceilings)
    top = sum(f.top for f in figures)
    return Figure(first.kind, top, sum(f.bottom for f in figures), ceiling, first.meaning)
