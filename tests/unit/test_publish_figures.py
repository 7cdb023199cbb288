"""Figures of the report: what they say, that they are the same each time, and that data cannot run in them."""

import xml.etree.ElementTree as ET

import geopandas as gpd
import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from shapely.geometry import box

from geo_risk.core.grid import Grid
from geo_risk.publish import figures
from geo_risk.publish.figures import Section, SeriesLine, SeriesPanel, section_panels, series_panels, velocity_maps

GRID = Grid(GeoBox((20, 30), Affine(30, 0, 500000, 0, -30, 4000600), "EPSG:4546"))
HOSTILE = "<script>alert(1)</script> $\\frac{1}{0}$ & {{ 7*7 }}\x00"


def texts(svg: str) -> str:
    return " ".join(e.text or "" for e in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"))


def panel(values=None, name="asc", **changes) -> SeriesPanel:
    times = np.datetime64("2022-01-01") + 12 * np.arange(30)
    values = -0.5 * np.arange(30.0) if values is None else values
    line = SeriesLine(name, times, values, np.ones(30), -0.5 * np.arange(30.0))
    return SeriesPanel(**({"title": "AD-1", "lines": [line, SeriesLine("desc", times[1:], values[1:])]} | changes))


@pytest.mark.slow
def test_maps_name_their_panels_scale_and_unit_and_draw_twice_the_same():
    layer = GRID.layer(np.linspace(-18, 18, 600).reshape(20, 30), units="mm/yr", long_name="v")
    outlines = gpd.GeoDataFrame(geometry=[box(500100, 4000100, 500400, 4000400)], crs="EPSG:4546")
    drawn = velocity_maps({"东西向": layer, "垂向": layer}, outlines, language="zh")
    said = texts(drawn)
    for word in ("东西向", "垂向", "毫米/年", "N"):
        assert word in said
    # 900 m wide: the bar is the largest of 1, 2, 5 times ten metres below a third of it
    assert "200 m" in said
    assert drawn == velocity_maps({"东西向": layer, "垂向": layer}, outlines, language="zh")
    assert "http" not in drawn.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )


@pytest.mark.slow
def test_map_without_a_value_is_drawn_as_unknown():
    layer = GRID.layer(np.full((20, 30), np.nan), units="mm/yr", long_name="v")
    assert "Velocity" in texts(velocity_maps({"up": layer}, None, language="en"))


@pytest.mark.parametrize(("high", "end"), [(0.9, 1), (1.1, 2), (18, 20), (49, 50), (51, 100), (0.02, 0.02)])
def test_colour_scale_ends_at_a_round_number_above_the_values(high, end):
    values = np.full((5, 5), -high, dtype=np.float32)
    assert figures._limit([values]) == pytest.approx(end)


def test_large_layer_is_thinned_before_it_is_read():
    grid = Grid(GeoBox((2100, 1700), Affine(30, 0, 500000, 0, -30, 4100000), "EPSG:4546"))
    thin, extent = figures._thinned(grid.layer(grid.full(1.0), units="mm/yr", long_name="v"))
    assert max(thin.shape) <= 500
    assert extent[1] - extent[0] == 1700 * 30


@pytest.mark.slow
def test_series_and_sections_say_what_they_show():
    drawn = texts(series_panels([panel(marks=[(np.datetime64("2022-06-01"), "change")])], language="en"))
    for word in ("AD-1", "asc", "desc", "fit", "change", "LOS displacement (mm)"):
        assert word in drawn
    x = np.linspace(0, 900, 40)
    section = Section("AD-2", x, {"up": np.sin(x / 100)}, {"up": np.ones(40)}, 1000 + x / 10, (200.0, 500.0))
    drawn = texts(section_panels([section], language="en"))
    for word in ("AD-2", "up", "Height (m)", "Distance along the section (m)"):
        assert word in drawn


def test_a_section_without_height_has_no_empty_panel():
    x = np.linspace(0, 900, 40)
    bare = Section("AD-2", x, {"up": np.sin(x / 100)})
    drawn = section_panels([bare, Section("AD-3", x, {"up": np.sin(x / 100)}, height_m=x)], language="en")
    assert texts(drawn).count("Height (m)") == 1
    # one axes for the first, two for the second
    assert drawn.count('<g id="axes_') == 3
    assert texts(drawn).count("Distance along the section (m)") == 2


def test_fits_have_the_colours_of_their_tracks():
    times = np.datetime64("2022-01-01") + 12 * np.arange(30)
    lines = [SeriesLine(n, times, np.zeros(30), None, k + np.zeros(30)) for k, n in enumerate(("asc", "desc"))]
    drawn = series_panels([SeriesPanel("AD-1", lines)], language="en")
    for color in figures.TRACK_COLORS[:2]:
        assert f"stroke: {color}; stroke-width: 1.6" in drawn
    assert texts(drawn).count("fit") == 1


def test_hostile_names_stay_text():
    drawn = series_panels([panel(title=HOSTILE, name=HOSTILE)], language="en")
    assert "<script" not in drawn
    assert "$\\frac{1}{0}$" in texts(drawn)


@pytest.mark.slow
@settings(max_examples=8)
@given(st.lists(st.floats(-500, 500) | st.just(np.nan), min_size=30, max_size=30))
def test_any_series_can_be_drawn(values):
    drawn = series_panels([panel(np.array(values))], language="zh")
    ET.fromstring(drawn)
