"""Figures of rain: texts in both languages, plain numbers on logarithmic axes."""

from __future__ import annotations

import numpy as np
import pytest

from geo_risk.publish.figures_rain import (
    RainHours,
    decay_panel,
    growth_panel,
    hours_panel,
    storm_panel,
    threshold_panel,
)


def hours(n=60, *, n_gone=5):
    ends = np.datetime64("2024-07-20T01:00", "ns") + np.arange(n) * np.timedelta64(1, "h")
    mean = np.where(np.arange(n) < n - n_gone, np.arange(n) % 4 * 1.0, np.nan)
    provenance = np.where(np.arange(n) < n - n_gone, np.where(np.arange(n) < n // 2, 1, 2), 0)
    return RainHours(ends, ends[n // 2 - 1], mean, mean * 2, provenance)


def drawn(language):
    design = {2: (60.0, 50.0, 70.0), 10: (100.0, 80.0, 120.0), 50: (140.0, 100.0, 190.0)}
    curve = {"quantile": 0.05, "durations_h": [1.0, 10, 100], "value": [5.0, 2, 1], "low": [4.0, 1, 0.5],
             "high": [6.0, 3, 2]}  # fmt: skip
    profile = {"decay_per_day": [0.0, 0.5, 0.9], "log_likelihood": [-9.0, -1, 0], "auc": [0.6, 0.7, 0.71]}
    fit = {"profile": profile, "low": 0.4, "high": 0.95, "decay_per_day": 0.9}
    times = np.array([1.0, 10, 100]), np.array([9.0, 4, 2])
    return {
        "growth": growth_panel(design, np.arange(20.0, 60.0), 90.0, language),
        "thresholds": threshold_panel(*times, [curve], {"Caine 1980": (14.82, -0.39)}, language),
        "decay": decay_panel(fit, 0.84, language),
        "storm": storm_panel({10: np.array([1.0, 5, 2])}, 5, language),
        "hours": hours_panel(hours(), language),
    }


@pytest.mark.parametrize(
    ("language", "words"), [("zh", "重现期"), pytest.param("en", "Return period", marks=pytest.mark.slow)]
)
def test_axes_speak_the_language_and_numbers_are_plain(language, words):
    figures = drawn(language)
    assert words in figures["growth"]
    for name, svg in figures.items():
        assert "<svg" in svg, name
        assert "mathdefault" not in svg, name


def test_an_unknown_rain_is_not_drawn():
    design = {2: (60.0, 50.0, 70.0), 10: (100.0, 80.0, 120.0)}
    known, unknown = (growth_panel(design, np.arange(20.0, 60.0), mm, "en") for mm in (90.0, float("nan")))
    assert len(unknown) < len(known)


def test_hours_are_drawn_in_beijing_time_and_unknown_ones_are_named():
    svg = hours_panel(hours(), "en")
    assert all(word in svg for word in ("Observed", "Forecast", "unknown", "07-20 12:00"))
    assert "unknown" not in hours_panel(hours(n_gone=0), "en")


@pytest.mark.parametrize("n", [1, 5, 30, 400, 2000])
def test_hours_of_any_number_have_few_ticks(n):
    svg = hours_panel(hours(n, n_gone=0), "en")
    assert svg.count('id="xtick_') <= 9
