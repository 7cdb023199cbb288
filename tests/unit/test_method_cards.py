"""Cards of the methods follow the report's language, and their limits are told."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import geo_risk
from geo_risk.hazards.flood.compute import CARD
from geo_risk.hazards.flood.ratings import CARD as RATINGS
from geo_risk.publish.i18n import method_label
from geo_risk.publish.report import ReportContent, _methods

PACKAGE = Path(geo_risk.__file__).parent
FILES = sorted(p for pattern in (
    "hazards/flood/*.py", "terrain/hydrology.py", "flow/steps/flood*.py", "flow/steps/waterlogging*.py",
    "products/pond_cascade.py", "products/sinking_ponds.py", "products/dem_lies.py", "products/dem_openings.py",
) for p in PACKAGE.glob(pattern))  # fmt: skip
PROSE = re.compile(r"\b(?:of|the|with|and|by|are|is|as|from|no|in)\b")
HAN = re.compile(r"[\u4e00-\u9fff]")


def texts_of(path: Path) -> set[str]:
    """Texts of the method cards that a module writes, where they are no formatted ones."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Dict):
            pairs = {k.value: v for k, v in zip(node.keys, node.values, strict=True) if isinstance(k, ast.Constant)}
            if {"name", "citation", "validity"} <= set(pairs):
                for name in ("name", "citation", "validity"):
                    found |= {c.value for c in ast.walk(pairs[name]) if isinstance(c, ast.Constant)}
    return {t for t in found if isinstance(t, str) and t not in ("method", "green_ampt")}


def test_every_card_about_water_is_known_in_chinese() -> None:
    texts = set().union(*(texts_of(p) for p in FILES))
    for card in (CARD, RATINGS):
        texts |= {card.name, card.validity, *card.limits}
    assert len(texts) > 30
    english = sorted(t for t in texts if not HAN.search(method_label(t, "zh")) and PROSE.search(t))
    assert english == []
    assert all(method_label(t, "en") == t for t in texts)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_report_tells_a_method_and_its_limits_in_its_language(language: str) -> None:
    card = {"name": CARD.name, "citation": CARD.citation, "validity": CARD.validity, "limits": list(CARD.limits)}
    told = str(_methods(ReportContent("x", language=language, facts={"flood": {"methods": [card]}})))
    for text in (CARD.name, CARD.validity, *CARD.limits):
        assert method_label(text, language) in told.replace("&#39;", "'")
