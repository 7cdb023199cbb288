"""Figures of rain: how well each K fits past events, thresholds of intensity and duration, return periods, storms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_risk.hazards.rainfall.stages import FORECAST, OBSERVED
from geo_risk.publish.figures import TRACK_COLORS, drawing, plain_log_ticks, quiet, svg_text
from geo_risk.publish.i18n import label

_GREY = "#8a9299"
_UNKNOWN = "#d9d9d9"


@dataclass(frozen=True)
class RainHours:
    """Rain over an area, hour by hour.

    Attributes
    ----------
    ends : (hour,) UTC ends of the hours. known : up to when observations count, UTC.
    mean_mm, highest_mm : (hour,) mean of the known cells, and the highest of them [mm]; NaN where none is known.
    provenance : (hour,) 0 missing, OBSERVED or FORECAST.
    """

    ends: NDArray[np.datetime64]
    known: np.datetime64
    mean_mm: NDArray[np.float64]
    highest_mm: NDArray[np.float64]
    provenance: NDArray[np.int64]


def decay_panel(fit: Mapping[str, Any], configured: float, language: str) -> str:
    """Draw the profile likelihood of K and the AUC at each K, with the interval and the configured value.

    Parameters
    ----------
    fit : `profile`, `low`, `high`, `decay_per_day` as `AntecedentFit.to_dict` gives them.
    configured : K of the configuration.

    Returns
    -------
    SVG text.
    """
    at, loss, areas = (np.asarray(fit["profile"][k]) for k in ("decay_per_day", "log_likelihood", "auc"))
    with drawing(3.4, 6.2) as figure:
        axis = figure.subplots()
        axis.axvspan(fit["low"], fit["high"], color=TRACK_COLORS[0], alpha=0.12, linewidth=0)
        axis.plot(at, loss, color=TRACK_COLORS[0], linewidth=1.5)
        axis.plot([fit["decay_per_day"]], [0], "o", color=TRACK_COLORS[0], markersize=4)
        axis.axvline(configured, color=_GREY, linestyle="--", linewidth=0.9)
        axis.set_ylim(max(float(loss.min()), -25) * 1.05, 1)
        axis.set_xlabel(label("figure.decay_axis", language))
        axis.set_ylabel(label("figure.likelihood_axis", language), color=TRACK_COLORS[0])
        other = axis.twinx()
        other.plot(at, areas, color=TRACK_COLORS[1], linewidth=1.2)
        other.set_ylabel("AUC", color=TRACK_COLORS[1])
        quiet(axis)
        return svg_text(figure)


def growth_panel(
    design: Mapping[int, tuple[float, float, float]], maxima_mm: NDArray[np.float64], rain_mm: float, language: str
) -> str:
    """Draw rain over return period at one place: the curve with its band, the years, and the analysed rain.

    Parameters
    ----------
    design : value, low and high [mm] by return period [yr].
    maxima_mm : (year,) rising; drawn at (n + 1) / (n + 1 - rank) years (Weibull's plotting position).
    rain_mm : the analysed rain; NaN is not drawn.

    Returns
    -------
    SVG text.
    """
    at = np.array(sorted(design))
    value, low, high = np.array([design[int(t)] for t in at]).T
    n = len(maxima_mm)
    with drawing(3.4, 6.2) as figure:
        axis = figure.subplots()
        axis.fill_between(at, low, high, color=TRACK_COLORS[0], alpha=0.15, linewidth=0)
        axis.plot(at, value, color=TRACK_COLORS[0], linewidth=1.5)
        axis.plot((n + 1) / (n - np.arange(n)), maxima_mm, "o", color=_GREY, markersize=3)
        if np.isfinite(rain_mm):
            axis.axhline(rain_mm, color=TRACK_COLORS[1], linestyle="--", linewidth=1)
        axis.set_xscale("log")
        plain_log_ticks(axis.xaxis)
        axis.set_xlabel(label("figure.years_axis", language))
        axis.set_ylabel(label("figure.rain_axis", language))
        quiet(axis)
        return svg_text(figure)


def storm_panel(storms: Mapping[int, NDArray[np.float64]], step_min: float, language: str) -> str:
    """Draw design storms as steps.

    Parameters
    ----------
    storms : (step,) [mm] by return period [yr].

    Returns
    -------
    SVG text.
    """
    with drawing(3.2, 6.2) as figure:
        axis = figure.subplots()
        for k, (years, mm) in enumerate(sorted(storms.items(), reverse=True)):
            edges = np.arange(len(mm) + 1) * step_min
            name = label("figure.storm_years", language, years=years, mm=f"{mm.sum():.1f}")
            axis.stairs(mm, edges, fill=True, color=TRACK_COLORS[k], alpha=0.6, label=name)
        axis.set_xlabel(label("figure.minutes_axis", language))
        axis.set_ylabel(label("figure.step_axis", language, n=f"{step_min:g}"))
        quiet(axis)
        axis.legend(fontsize=8, frameon=False)
        return svg_text(figure)


def threshold_panel(
    duration_h: NDArray[np.float64],
    intensity_mm_h: NDArray[np.float64],
    curves: Sequence[Mapping[str, Any]],
    published: Mapping[str, tuple[float, float]],
    language: str,
) -> str:
    """Draw rain events that slides ended, thresholds with the band of the first, and published ones.

    Parameters
    ----------
    duration_h, intensity_mm_h : (event,).
    curves : `quantile`, `durations_h`, `value`, `low`, `high` as `Threshold.to_dict` gives them.
    published : (a, exponent) of a D^exponent by name.

    Returns
    -------
    SVG text, both axes logarithmic.
    """
    with drawing(3.8, 6.2) as figure:
        axis = figure.subplots()
        axis.plot(duration_h, intensity_mm_h, "o", color=_GREY, markersize=2.5, alpha=0.6)
        for k, curve in enumerate(curves):
            at = np.asarray(curve["durations_h"])
            color = TRACK_COLORS[k % len(TRACK_COLORS)]
            if k == 0:
                axis.fill_between(at, curve["low"], curve["high"], color=color, alpha=0.15, linewidth=0)
            axis.plot(at, curve["value"], color=color, linewidth=1.4, label=f"{curve['quantile']:.0%}")
        span = np.geomspace(duration_h.min(), duration_h.max(), 20)
        for name, (a, exponent) in published.items():
            axis.plot(span, a * span**exponent, color="#1d2730", linestyle="--", linewidth=1, label=name)
        axis.set_xscale("log")
        axis.set_yscale("log")
        plain_log_ticks(axis.xaxis)
        plain_log_ticks(axis.yaxis)
        axis.set_xlabel(label("figure.duration_axis", language))
        axis.set_ylabel(label("figure.intensity_axis", language))
        quiet(axis)
        axis.legend(fontsize=8, frameon=False)
        return svg_text(figure)


def hours_panel(hours: RainHours, language: str) -> str:
    """Draw the rain of each hour over the area: observed and forecast in two colours, what is unknown in grey.

    Parameters
    ----------
    hours : see `RainHours`; drawn in local time (UTC+8).

    Returns
    -------
    SVG text. Bars are the mean over known cells, the thin line is the highest cell; the dashed line is the time up to
    which observations count.
    """
    hour = np.timedelta64(1, "h")
    local = hours.ends + 8 * hour
    edges = np.append(local[:1] - hour, local)
    at = (edges - edges[0]) / hour
    with drawing(3.0, 6.8) as figure:
        axis = figure.subplots()
        top = float(np.nanmax(hours.highest_mm, initial=1.0))
        gone = np.where(np.isnan(hours.mean_mm), top, 0.0)
        if gone.any():
            axis.stairs(gone, at, fill=True, color=_UNKNOWN, label=label("ui.unknown", language))
        for code, color in ((OBSERVED, TRACK_COLORS[0]), (FORECAST, TRACK_COLORS[1])):
            mine = hours.provenance == code
            if mine.any():
                name = label("figure.observed" if code == OBSERVED else "figure.forecast", language)
                axis.stairs(np.where(mine, np.nan_to_num(hours.mean_mm), 0), at, fill=True, color=color, label=name)
        axis.stairs(hours.highest_mm, at, color=_GREY, linewidth=0.8, label=label("figure.highest_cell", language))
        axis.axvline((hours.known + 8 * hour - edges[0]) / hour, color=_GREY, linestyle="--", linewidth=0.9)
        every = next((h for h in (1, 3, 6, 12, 24, 48, 120) if len(local) <= 8 * h), 240)
        marked = (edges - edges[0].astype("datetime64[D]")) // hour % every == 0
        axis.set_xticks(at[marked], [str(t)[5:16].replace("T", " ") for t in edges[marked].astype("datetime64[m]")])
        axis.set_xlim(at[0], at[-1])
        axis.set_ylim(0, None)
        axis.tick_params(axis="x", labelsize=7)
        axis.set_ylabel(label("figure.hour_axis", language))
        quiet(axis)
        axis.legend(fontsize=8, frameon=False)
        return svg_text(figure)
