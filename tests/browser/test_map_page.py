"""The map in a real browser with the network cut."""

import time

import numpy as np
import pytest
import xarray as xr

from geo_risk.publish.cards import CardText, write_cards
from geo_risk.publish.i18n import labels
from geo_risk.publish.map import MapOptions, write_map
from geo_risk.publish.report import ReportContent, write_report
from tests.support import payloads, products

pytestmark = [pytest.mark.browser, pytest.mark.slow]
READY = "window.GeoRisk && GeoRisk.state && GeoRisk.map"


@pytest.fixture(scope="module")
def map_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("map") / "map.html"
    options = MapOptions("示范县", "zh", "2025-07-24 08:00 (UTC+8)")
    write_map(path, grid=products.GRID, layers=products.layers(), frames=products.frames(), options=options)
    return path


@pytest.fixture
def page(open_page, map_file):
    opened = open_page(map_file)
    opened.wait_for_function(READY)
    return opened


def test_opens_quickly_without_request_or_console_message(open_page, map_file):
    began = time.perf_counter()
    page = open_page(map_file)
    page.wait_for_function(READY)
    seconds = time.perf_counter() - began
    page.wait_for_timeout(300)
    assert page.faults == []
    assert seconds < 3
    assert map_file.stat().st_size < 3e6
    assert page.evaluate("L.version") == "1.9.4"


def test_every_layer_and_raster_toggles(page):
    boxes = page.locator("#gr-layer-tree input[type=checkbox]")
    assert boxes.count() == len(products.frames()) + 1  # and the relief
    for i in range(boxes.count()):
        name = boxes.nth(i).get_attribute("name")
        before = page.evaluate(
            "n => GeoRisk.data.layers.filter(l => 'gr-' + l.id === n).map(l => GeoRisk.map.hasLayer(l.leaflet))", name
        )
        boxes.nth(i).click()
        after = page.evaluate(
            "n => GeoRisk.data.layers.filter(l => 'gr-' + l.id === n).map(l => GeoRisk.map.hasLayer(l.leaflet))", name
        )
        assert after == [not b for b in before]
    radios = page.locator("#gr-layer-tree input[type=radio]")
    assert radios.count() == 8 + 1
    for i in range(radios.count()):
        page.locator("#gr-layer-tree input[type=radio]").nth(i).click()
        shown = page.evaluate("document.querySelectorAll('.leaflet-raster-pane img').length")
        assert shown == (1 if i < radios.count() - 1 else 0)
    assert page.faults == []


def test_stage_selector_shows_each_stage_and_says_where_there_is_no_forecast(page):
    pictures = {}
    for hours in (72, 24, 6, 3, 1):
        page.click(f"[data-stage='{hours}']")
        pictures[hours] = page.evaluate("GeoRisk.overlay ? GeoRisk.overlay._url : null")
        note = page.inner_text("#gr-stage-note")
        assert (labels("zh")["ui.no_forecast"] in note) == (hours == 3)
    assert pictures[3] is None
    assert pictures[72] != pictures[6]
    assert page.faults == []


def test_language_switch_leaves_no_word_of_the_other_language(page):
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    page.click("#gr-language")
    assert page.evaluate("document.documentElement.lang") == "en"
    chinese = page.evaluate(
        "['gr-layer-tree', 'gr-legend', 'gr-stage', 'gr-tabs']"
        ".map(i => document.getElementById(i).innerText).join(' ').match(/[\\u4e00-\\u9fff]+/g)"
    )
    assert chinese is None
    assert "Evacuation" in page.inner_text("#gr-tabs")
    page.click("#gr-language")
    assert "撤离" in page.inner_text("#gr-tabs")
    assert page.faults == []


@pytest.mark.parametrize("tab", ["evacuation", "waterlogging", "hazard_points", "mining_clues"])
def test_list_row_flies_to_its_place_and_opens_the_card_with_reasons(page, tab):
    page.click(f"[data-tab='{tab}']")
    row = page.locator(".gr-row").nth(0)
    name = row.locator("b").inner_text()
    row.click()
    page.wait_for_selector(".gr-card")
    assert page.inner_text(".gr-card header b") == name
    rows = products.frames()[tab]
    reasons = rows.loc[rows["clue_id" if tab == "mining_clues" else "name"] == name, "reasons"]
    assert reasons.iloc[0] in page.inner_text(".gr-why")
    if tab in ("evacuation", "waterlogging"):
        assert page.inner_text(".gr-card .gr-rank") == "1"
    place = page.evaluate("GeoRisk.map.getCenter()")
    feature = page.evaluate(
        "t => GeoRisk.data.layers.find(x => x.id === t).features[0].drawn.getBounds().getCenter()",
        tab,
    )
    assert abs(place["lat"] - feature["lat"]) < 0.02
    assert page.evaluate("GeoRisk.map.getZoom()") >= 13
    assert page.faults == []


def test_search_narrows_the_list(page):
    page.fill("#gr-query", "王家沟3号")
    assert page.locator(".gr-row").count() == 1
    page.fill("#gr-query", "nowhere")
    assert page.locator(".gr-row").count() == 0


def test_contacts_are_not_in_the_map(map_file):
    text = map_file.read_text(encoding="utf-8")
    assert "责任人-0" not in text
    assert "监测人-0" not in text


def test_phone_has_room_for_map_and_lists(open_page, map_file):
    page = open_page(map_file, 390, 844)
    page.wait_for_function(READY)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("GeoRisk.map.getSize().y") > 600
    page.click("#gr-open-lists")
    page.locator(".gr-row").nth(1).click()
    page.wait_for_selector(".gr-card")
    card = page.locator(".leaflet-popup").bounding_box()
    assert card["x"] >= 0
    assert card["x"] + card["width"] <= 390
    assert not page.locator("#gr-lists").is_visible()
    assert page.faults == []


def test_raster_lies_on_the_cells_it_shows(page):
    """A cell's centre, by projection, must fall within a cell of where Leaflet draws the picture."""
    from rasterio.warp import transform

    x, y = products.GRID.coords()["x"][[0, -1]], products.GRID.coords()["y"][[0, -1]]
    lon, lat = transform(products.GRID.crs, "EPSG:4326", [x[0], x[1]], [y[0], y[1]])
    share = page.evaluate(
        """([lon, lat]) => { const o = GeoRisk.overlay, b = o.getBounds(), m = GeoRisk.map;
        const nw = m.project(b.getNorthWest(), 18), se = m.project(b.getSouthEast(), 18);
        return [0, 1].map(i => { const p = m.project([lat[i], lon[i]], 18);
        return [(p.x - nw.x) / (se.x - nw.x), (p.y - nw.y) / (se.y - nw.y)]; }); }""",
        [lon, lat],
    )
    cell = 1 / 200
    assert share[0] == pytest.approx([0, 0], abs=3 * cell)
    assert share[1] == pytest.approx([1, 1], abs=3 * cell)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    texts = [t.replace("\x00", " ").replace("\ud800", " ") for t in payloads.ALL]
    name = "</title><script>window.hacked=1</script>{{ 7*7 }}"
    frames, layers = products.frames(texts), products.layers()
    write_map(
        folder / "map.html", grid=products.GRID, layers=layers, frames=frames, options=MapOptions(name, "zh", texts[1])
    )
    facts = {t: {"notes": [{"level": t, "text_zh": t}], "counts": {t: 1}, "quarantine": [{"id": t, "reason": t}],
                 "methods": [{"name": t, "citation": t, "validity": t}]} for t in texts}  # fmt: skip
    gaps = [{"step": t, "products": [t], "needs": [t]} for t in texts]
    content = ReportContent(name, "zh", texts[1], facts, gaps, [(t, t) for t in texts], {t: t for t in texts})
    write_report(folder / "report.html", content=content, frames=frames, layers={})
    frames["evacuation"]["settlement_id"] = [f"../{t}" for t in texts]
    write_cards(folder / "cards", frames=frames, text=CardText(name, "zh", texts[1]))
    return folder


def test_hostile_texts_run_nothing_in_the_map_and_are_shown_as_they_are(open_page, hostile):
    page = open_page(hostile / "map.html")
    page.wait_for_function(READY)
    for tab in ("evacuation", "waterlogging", "hazard_points"):
        page.click(f"[data-tab='{tab}']")
        for i in range(page.locator(".gr-row").count()):
            page.evaluate("i => document.querySelectorAll('.gr-row')[i].click()", i)
            page.wait_for_selector(".gr-card")
    page.click("[data-tab='evacuation']")
    shown = page.evaluate("[...document.querySelectorAll('.gr-row b')].map(e => e.textContent)")
    assert shown[0] == payloads.ALL[0]
    assert "{{ 7*7 }}" in page.inner_text("h1")
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("({}).polluted") is None
    assert page.faults == []


def test_hostile_texts_run_nothing_in_report_and_cards(open_page, hostile):
    files = [hostile / "report.html", *sorted((hostile / "cards").glob("*.html"))[::6]]
    assert len(files) > 5
    assert not list(hostile.parent.glob("*.html"))
    for path in files:
        page = open_page(path)
        assert page.evaluate("window.hacked") is None
        assert page.evaluate("document.scripts.length") == 0
        assert page.evaluate("document.querySelectorAll('iframe, base, img, a').length") == 0
        assert page.faults == []


def test_water_in_time_is_played_by_a_slider_and_stops_at_its_end(open_page, tmp_path):
    depth = products.GRID.layer(np.zeros(products.GRID.shape, "float32"), units="m", long_name="depth", name="depth")
    series = xr.concat([depth + 0.3 * k for k in range(3)], dim="time").assign_coords(spatial_ref=depth["spatial_ref"])
    times = ["07-24 08:00", "07-24 08:15", "07-24 08:30"]
    write_map(tmp_path / "map.html", grid=products.GRID, layers=products.layers(), frames=products.frames(),
              options=MapOptions("示范县", "zh"), in_time=(series, times))  # fmt: skip
    page = open_page(tmp_path / "map.html")
    page.wait_for_function(READY)
    assert not page.is_visible("#gr-frames")
    page.get_by_label(labels("zh")["layer.depth_in_time"]).check()
    assert page.is_visible("#gr-frames")
    seen = []
    for k in range(3):
        page.locator("#gr-frame").fill(str(k))
        assert page.inner_text("#gr-frame-time") == times[k]
        seen.append(page.evaluate("GeoRisk.overlay._url"))
    assert len(set(seen)) == 3
    page.click("#gr-play")  # from the end it begins anew
    assert page.evaluate("!!GeoRisk.playing")
    for _ in range(25):  # the page's policy forbids a waiting function of the browser
        page.wait_for_timeout(200)
        if not page.evaluate("!!GeoRisk.playing"):
            break
    assert page.evaluate("[GeoRisk.state.frame, !GeoRisk.playing]") == [2, True]
    page.click("#gr-language")
    assert page.get_attribute("#gr-play", "aria-label") == labels("en")["ui.play"]
    page.locator("#gr-layer-tree input[type=radio]").first.click()
    assert not page.is_visible("#gr-frames")
    assert page.faults == []
