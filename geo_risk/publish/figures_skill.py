"""Figures of a susceptibility model: its answer to each factor, and whether its probabilities mean what they say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from geo_risk.publish.escape import clean_text
from geo_risk.publish.figures import TRACK_COLORS, drawing, quiet, svg_text
from geo_risk.publish.i18n import label


def response_panels(
    factors: Sequence[Mapping[str, Any]], names: Mapping[str, Mapping[float, str]], language: str
) -> str:
    """Draw the mean probability over each factor with the band of 10-90 % of places, three panels a row.

    Parameters
    ----------
    factors : {"name", "importance", "response": {"kind", "at", "mean", "low", "high"}} as the fit gives them; those
        that matter most come first.
    names : of the codes of a category, by factor; a code without a name is shown as it is.

    Returns
    -------
    SVG text.
    """
    shown = sorted((f for f in factors if f.get("response")), key=lambda f: -float(f["importance"]))
    columns = min(3, max(1, len(shown)))
    rows = max(1, math.ceil(len(shown) / columns))
    with drawing(rows * 2.5 + 0.2, 9.4) as figure:
        axes = figure.subplots(rows, columns, squeeze=False, sharey=True)
        for axis, factor in zip(axes.ravel(), shown, strict=False):
            _response(axis, factor, names.get(factor["name"], {}), language)
        for axis in axes.ravel()[len(shown) :]:
            axis.set_axis_off()
        for axis in axes[:, 0]:
            axis.set_ylabel(label("figure.probability_axis", language))
        return svg_text(figure)


def _response(axis: Any, factor: Mapping[str, Any], names: Mapping[float, str], language: str) -> None:
    answer = factor["response"]
    at, mean, low, high = (np.asarray(answer[k], dtype=np.float64) for k in ("at", "mean", "low", "high"))
    if answer["kind"] == "quantity":
        axis.fill_between(at, low, high, color=TRACK_COLORS[0], alpha=0.15, linewidth=0)
        axis.plot(at, mean, color=TRACK_COLORS[0], linewidth=1.5)
    else:
        place = np.arange(len(at))
        axis.bar(place, mean, color=TRACK_COLORS[0], alpha=0.55, width=0.7)
        axis.errorbar(place, mean, yerr=[mean - low, high - mean], fmt="none", ecolor="#4a5359", elinewidth=0.8)
        words = [label(f"figure.sector_{int(a)}", language) for a in at] if answer["kind"] == "sector" else [
            _short(clean_text(names.get(float(a), f"{a:g}"))) for a in at]  # fmt: skip
        crowded = len(at) > 5 or sum(map(len, words)) > 36
        axis.set_xticks(place, words, rotation=30 if crowded else 0, ha="right" if crowded else "center", fontsize=7)
    axis.set_ylim(0, 1)
    axis.set_title(f"{label('factor.' + factor['name'], language)}  ({factor['importance']:.2f})", fontsize=9)
    quiet(axis)


def _short(text: str) -> str:
    """Return a name that fits under a bar: cut after twelve letters, and told to be cut."""
    return text if len(text) <= 12 else f"{text[:11]}…"


def reliability_panel(models: Mapping[str, Mapping[str, Any]], language: str) -> str:
    """Draw the share of events over the probability that was said, one line a model, with 95 % intervals of the first.

    Parameters
    ----------
    models : by shown name: {"said", "seen", "low", "high"}, lists of one length, at odds of 1:1.

    Returns
    -------
    SVG text; on the dashed diagonal events are as frequent as was said.
    """
    with drawing(3.6, 5.2) as figure:
        axis = figure.subplots()
        axis.plot([0, 1], [0, 1], color="#8a9299", linewidth=0.9, linestyle="--")
        for k, (name, found) in enumerate(models.items()):
            said, seen, low, high = (np.asarray(found[n], dtype=np.float64) for n in ("said", "seen", "low", "high"))
            color = TRACK_COLORS[k % len(TRACK_COLORS)]
            if k == 0:
                axis.fill_between(said, low, high, color=color, alpha=0.15, linewidth=0)
            axis.plot(said, seen, "o-", color=color, markersize=3, linewidth=1.2, label=clean_text(name))
        axis.set(xlim=(0, 1), ylim=(0, 1))
        axis.set_xlabel(label("figure.said_axis", language))
        axis.set_ylabel(label("figure.seen_axis", language))
        quiet(axis)
        axis.legend(fontsize=7.5, frameon=False, loc="upper left")
        return svg_text(figure)
