"""Cards and forms are printed by a real browser: one sheet each, whatever stands on them."""

import re

import pytest

from geo_risk.publish.cards import CardText, Form, card_page
from tests.support import payloads, products

pytestmark = pytest.mark.browser

LONG = "隐患点后缘裂缝持续扩展，" * 60
FORMS: tuple[Form, ...] = ("plan", "household", "transfer")


def sheets(page):
    """Return how many sheets of A4 the page is printed on."""
    return len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True)))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_card_and_form_is_one_sheet_of_paper(open_page, tmp_path, language):
    frames = products.frames([*payloads.ALL[:4], LONG, LONG])
    for name in ("waterlogging", "hazard_points", "risk_zones", "evacuation"):
        frames[name]["responsible"] = LONG
        for i in (0, 4, 5):
            row = {str(k): v for k, v in frames[name].iloc[i].items()}
            for form in FORMS if name != "waterlogging" else FORMS[:1]:
                path = tmp_path / f"{name}_{i}_{form}.html"
                path.write_text(card_page(name, row, frames, CardText(LONG[:40], language), form), encoding="utf-8")
                page = open_page(path)
                assert sheets(page) == 1, path.name
                assert page.faults == []
                page.context.close()
