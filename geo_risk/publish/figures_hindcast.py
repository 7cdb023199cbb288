"""Figures of the hindcast: hits and misses by storm, hit rate over false alarms, and the reliability of chances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from geo_risk.publish.escape import clean_text
from geo_risk.publish.figures import TRACK_COLORS, drawing, plain_log_ticks, quiet, svg_text
from geo_risk.publish.i18n import label


def storm_bars(rows: Sequence[Mapping[str, Any]], language: str) -> str:
    """Draw hits (by the height of the storm, and later) and misses of each storm as stacked bars.

    Parameters
    ----------
    rows : {"storm_id", "hits", "hits_in_time", "misses", "expected_units"}, without the pooled row.

    Returns
    -------
    SVG text; a cross marks how many units the model without the storm expected to slide.
    """
    with drawing(3.0, 7.4) as figure:
        axis = figure.subplots()
        place = np.arange(len(rows))
        early = np.array([float(r["hits_in_time"]) for r in rows])
        late = np.array([float(r["hits"]) - float(r["hits_in_time"]) for r in rows])
        missed = np.array([float(r["misses"]) for r in rows])
        below = np.zeros(len(rows))
        for values, key, color in ((early, "hits_in_time", TRACK_COLORS[2]), (late, "hits_later", TRACK_COLORS[4]),
                                   (missed, "misses", TRACK_COLORS[1])):  # fmt: skip
            axis.bar(place, values, bottom=below, color=color, width=0.7, label=label(f"figure.{key}", language))
            below = below + values
        expected = np.array([float(r["expected_units"]) for r in rows])
        axis.plot(place, expected, "x", color="#1d2730", label=label("figure.expected", language))
        # bars of nothing on top of the others would pin the axis to the highest bar
        axis.set_ylim(0, 1.08 * max(1.0, *below, *np.nan_to_num(expected)))
        axis.set_xticks(place, [clean_text(str(r["storm_id"]))[:10] for r in rows], fontsize=8)
        axis.set_ylabel(label("figure.units_axis", language))
        quiet(axis)
        axis.legend(fontsize=7.5, frameon=False)
        return svg_text(figure)


def detection_panel(curves: Mapping[str, Mapping[str, Sequence[float]]], at: tuple[float, float], language: str) -> str:
    """Draw hit rate over false-alarm ratio, one line a score, and a ring where the public level lies.

    Parameters
    ----------
    curves : by shown name: {"pod", "far"} of one length. at : (pod, far) of the public level; NaN draws no ring.

    Returns
    -------
    SVG text; better is up and to the left.
    """
    with drawing(3.4, 5.2) as figure:
        axis = figure.subplots()
        for k, (name, curve) in enumerate(curves.items()):
            axis.plot(curve["far"], curve["pod"], color=TRACK_COLORS[k % len(TRACK_COLORS)], linewidth=1.4,
                      label=clean_text(name))  # fmt: skip
        if np.isfinite(at).all():
            axis.plot([at[1]], [at[0]], "o", markersize=8, markerfacecolor="none", color="#1d2730",
                      label=label("figure.public_level", language))  # fmt: skip
        axis.set_ylim(0, 1.02)
        axis.set_xlabel(label("figure.far_axis", language))
        axis.set_ylabel(label("figure.pod_axis", language))
        quiet(axis)
        axis.legend(fontsize=7.5, frameon=False, loc="best")
        return svg_text(figure)


def chance_panel(diagram: Mapping[str, Sequence[float]], language: str) -> str:
    """Draw the share of units that slid over the chance that was said, both logarithmic, with the band.

    Parameters
    ----------
    diagram : {"said", "seen", "low", "high"} of one length; what is 0 is drawn at the lower edge.

    Returns
    -------
    SVG text; in the band the chances mean what they say, as far as so few storms can tell.
    """
    said, seen, low, high = (np.asarray(diagram[n], dtype=np.float64) for n in ("said", "seen", "low", "high"))
    with drawing(3.6, 5.2) as figure:
        axis = figure.subplots()
        floor = 0.3 * float(said.min()) if said.size else 1e-4
        lines = [np.maximum(v, floor) for v in (low, high, seen)]
        axis.plot([floor, 1], [floor, 1], color="#8a9299", linewidth=0.9, linestyle="--")
        if said.size:
            axis.fill_between(said, lines[0], lines[1], color=TRACK_COLORS[0], alpha=0.15, linewidth=0)
            axis.plot(said, lines[2], "o-", color=TRACK_COLORS[0], markersize=4, linewidth=1.2)
        axis.set(xscale="log", yscale="log", xlim=(floor, 1), ylim=(floor, 1))
        for side in (axis.xaxis, axis.yaxis):
            plain_log_ticks(side, steps=(1,))
        axis.set_xlabel(label("figure.chance_said_axis", language))
        axis.set_ylabel(label("figure.chance_seen_axis", language))
        quiet(axis)
        return svg_text(figure)
