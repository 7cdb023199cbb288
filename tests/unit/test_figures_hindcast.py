"""Figures of the hindcast: plain numbers on the axes of chances."""

from __future__ import annotations

import pytest

from geo_risk.publish.figures_hindcast import chance_panel, storm_bars


@pytest.mark.parametrize(("language", "words"), [("zh", "概率"), pytest.param("en", "Chance", marks=pytest.mark.slow)])
def test_axes_of_chances_speak_the_language_and_numbers_are_plain(language, words):
    diagram = {
        "said": [0.0005, 0.02, 0.3],
        "seen": [0.0, 0.03, 0.2],
        "low": [0.0, 0.01, 0.1],
        "high": [0.002, 0.04, 0.5],
    }
    svg = chance_panel(diagram, language)
    assert words in svg
    assert "mathdefault" not in svg
    assert all(f">{number}<" in svg for number in ("0.001", "0.01", "0.1", "1"))


def test_a_storm_of_which_nothing_is_known_is_drawn():
    row = {"storm_id": "S1", "hits": 0, "hits_in_time": 0, "misses": 0, "expected_units": float("nan")}
    assert "S1" in storm_bars([row], "en")
