"""Figure of a ranked list: what each row's score is made of, and how far its rank moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from geo_risk.publish.escape import clean_text
from geo_risk.publish.figures import TRACK_COLORS, drawing, quiet, svg_text
from geo_risk.publish.i18n import label

_METHODS = {"entropy": "x", "topsis": "^", "weighted_sum": "^", "ahp": "s"}
"""Marks of the ranks by other weights and methods."""


def priority_panels(
    rows: pd.DataFrame, names: Mapping[Any, str], criteria: Mapping[str, str], language: str, *, first: int = 20
) -> str:
    """Draw the first rows of a ranked list: the parts of their scores, and the spans and other values of their ranks.

    Parameters
    ----------
    rows : with rank, score_{criterion} and the rank columns of `criteria.sensitivity` and `rank_draws.stability`.
    names : shown for the rows, by their index.
    criteria : shown names of the criteria, by name, in the order of the parts.
    first : how many rows are drawn.

    Returns
    -------
    SVG text.
    """
    shown = rows.sort_values("rank").head(first)
    place = np.arange(len(shown))
    with drawing(0.24 * len(shown) + 1.5, 9.4) as figure:
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=[1, 1.25])
        start = np.zeros(len(shown))
        for k, (name, word) in enumerate(criteria.items()):
            part = shown[f"score_{name}"].to_numpy(dtype=np.float64)
            left.barh(place, part, left=start, height=0.66, color=TRACK_COLORS[k % len(TRACK_COLORS)], label=word)
            start = start + part
        words = [f"{rank}  {_short(clean_text(names[i]))}" for i, rank in zip(shown.index, shown["rank"], strict=True)]
        left.set_yticks(place, words, fontsize=7.5)
        left.invert_yaxis()
        left.set_xlabel(label("figure.score_parts", language))
        _spans(right, shown, place, language)
        for axis, columns in ((left, 3), (right, 2)):
            quiet(axis)
            axis.legend(fontsize=7.5, frameon=False, ncols=columns, loc="lower left", bbox_to_anchor=(0, 1))
        return svg_text(figure)


def _spans(axis: Any, shown: pd.DataFrame, place: Any, language: str) -> None:
    """Draw the ranks: of nine draws in ten, of changed weights, of the list, and by other weights and methods."""
    if shown["rank_low"].notna().all() and len(shown):
        low, high = (shown[c].to_numpy(dtype=np.float64) for c in ("rank_low", "rank_high"))
        axis.hlines(place, low, high, color="#b9d9ee", linewidth=8, label=label("figure.rank_draws", language))
    low, high = (shown[c].to_numpy(dtype=np.float64) for c in ("rank_weights_low", "rank_weights_high"))
    axis.hlines(place, low, high, color="#2a6f9e", linewidth=3, label=label("figure.rank_weights", language))
    axis.plot(shown["rank"], place, "|", color="#14191d", markersize=11, markeredgewidth=1.6,
              label=label("figure.rank_list", language))  # fmt: skip
    for k, (name, mark) in enumerate(_METHODS.items()):
        if f"rank_{name}" in shown:
            axis.plot(shown[f"rank_{name}"], place, mark, color=TRACK_COLORS[1 + k % 4], markersize=4.5,
                      label=label(f"column.rank_{name}", language))  # fmt: skip
    axis.axvline(10.5, color="#8a9299", linewidth=0.8, linestyle="--")
    axis.set_xlabel(label("column.rank", language))


def _short(text: str) -> str:
    return text if len(text) <= 12 else f"{text[:11]}…"
