import base64
import csv
import re
import struct
import zlib
from pathlib import Path

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyogrio
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.warp import transform as warp_points
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from geo_risk.core.grid import Grid
from geo_risk.core.schemas import SCHEMAS
from geo_risk.publish import card_map, cards, i18n, lists, map_images, map_layers, report, report_tables
from geo_risk.publish.geopackage import qml, write_geopackage
from geo_risk.publish.hashing import content_sha256, file_sha256
from geo_risk.publish.legend import DEPTH_IN_TIME, raster_style, rgb
from geo_risk.publish.map import MapOptions, OnlineBasemap, map_data, page, write_map
from tests.support import products

FRAMES = set(products.frames())
MADE = [n for n in lists.LISTS if n in FRAMES]


def _pixels(url):
    raw = base64.b64decode(url.split(",")[1])
    width, height = struct.unpack(">II", raw[16:24])
    data, at, palette, alpha = b"", 8, b"", b""
    while at < len(raw):
        (size,) = struct.unpack(">I", raw[at : at + 4])
        kind, body = raw[at + 4 : at + 8], raw[at + 8 : at + 8 + size]
        assert struct.unpack(">I", raw[at + 8 + size : at + 12 + size])[0] == zlib.crc32(kind + body)
        data, palette, alpha = (data + body if kind == b"IDAT" else data, body if kind == b"PLTE" else palette,
                                body if kind == b"tRNS" else alpha)  # fmt: skip
        at += 12 + size
    lines = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, width + 1)
    assert (lines[:, 0] == 0).all()
    colors = np.frombuffer(palette, np.uint8).reshape(-1, 3)
    return lines[:, 1:], colors, np.frombuffer(alpha, np.uint8)


@pytest.mark.slow
def test_map_picture_lies_where_the_cell_is():
    grid = Grid.from_bounds((500_000, 4_000_000, 560_000, 4_060_000), crs=4546, resolution_m=300)
    levels = np.zeros(grid.shape, np.int8)
    levels[40, 150] = 4
    image = map_images.raster_image(grid.layer(levels, units="level", long_name="x"), raster_style("risk_level"))
    codes, colors, alpha = _pixels(image.url)
    rows, columns = np.nonzero(codes == map_images.FIRST + 3)
    assert tuple(colors[map_images.FIRST + 3]) == (0xC1, 0x12, 0x1F)
    assert alpha[map_images.FIRST + 3] == 255
    (lon,), (lat,) = warp_points(grid.crs, "EPSG:4326", [grid.coords()["x"][150]], [grid.coords()["y"][40]])
    (south, west), (north, east) = image.bounds

    def mercator(angle):
        return np.arctanh(np.sin(np.radians(angle)))

    assert (columns.mean() + 0.5) / codes.shape[1] == pytest.approx(
        (lon - west) / (east - west), abs=1.1 / codes.shape[1]
    )
    down = (mercator(north) - mercator(lat)) / (mercator(north) - mercator(south))
    assert (rows.mean() + 0.5) / codes.shape[0] == pytest.approx(down, abs=1.1 / codes.shape[0])


def test_unknown_is_striped_none_is_clear_and_beyond_is_clear():
    levels = np.full(products.GRID.shape, -1, np.int8)
    levels[:, 100:] = 0
    layer = products.GRID.layer(levels, units="level", long_name="x")
    image = map_images.raster_image(layer, raster_style("warning"))
    codes, _, alpha = _pixels(image.url)
    assert image.unknown_share == pytest.approx(0.4, abs=0.01)
    assert set(np.unique(codes)) == {map_images.OUTSIDE, map_images.CLEAR, map_images.UNKNOWN}
    assert alpha[[map_images.OUTSIDE, map_images.CLEAR]].tolist() == [0, 0]
    left = codes[:, : codes.shape[1] // 3]
    assert 0.2 < (left == map_images.UNKNOWN).mean() < 0.45


def test_thinning_keeps_the_gravest_level_and_unknown_beats_low(monkeypatch):
    monkeypatch.setattr(map_images, "MAX_SIDE", 50)
    levels = np.ones(products.GRID.shape, np.int8)
    levels[3, 5], levels[9, 9], levels[10, 10], levels[11, 11] = 4, -1, -1, 2
    layer = products.GRID.layer(levels, units="level", long_name="x").chunk({"y": 64, "x": 64})
    thin, transform = map_images.thinned(layer, keep_highest=True)
    step = -(-products.GRID.shape[0] // 50)
    assert transform.a == products.GRID.resolution_m * step
    assert thin[3 // step, 5 // step] == 4
    assert thin[9 // step, 9 // step] == (-1 if 9 // step != 11 // step else 2)
    assert thin[11 // step, 11 // step] == 2
    assert (thin == 1).sum() > thin.size - 5


def test_activity_is_drawn_by_its_codes_and_stable_is_not_drawn():
    codes = np.array([[-1, 0, 1], [2, 3, 4], [5, 5, 5]], np.int8)
    style = raster_style("activity")
    drawn, _, _ = map_images._codes(codes, style)
    assert drawn[0, 0] == map_images.UNKNOWN
    assert drawn[0, 1] == map_images.CLEAR
    colors = map_images._palette(style)
    for code, name in ((1, "steady"), (2, "accelerating"), (3, "decelerating"), (4, "seasonal"), (5, "step")):
        text, color = style.classes[code]
        assert text == f"value.{name}"
        assert colors[drawn[codes == code][0]] == (*rgb(color), 255)


@given(st.floats(-200, 200, width=32), st.floats(-200, 200, width=32))
@settings(max_examples=25, deadline=None)
def test_ramp_codes_are_monotone(a, b):
    values = np.array([[a, b], [-100, 100]], np.float32)
    style = raster_style("velocity_up")
    codes, low, high = map_images._codes(values, style)
    assert (low, high) == (-high, -low)
    assert (codes >= map_images.FIRST).all()
    assert (a <= b) == (codes[0, 0] <= codes[0, 1]) or codes[0, 0] == codes[0, 1]


def test_relief_is_lit_from_the_north_west():
    y, x = np.mgrid[0 : products.GRID.shape[0], 0 : products.GRID.shape[1]] * 60.0
    slope_to_nw = products.GRID.layer((0.5 * (x + y)).astype("f4"), units="m", long_name="z")
    slope_to_se = products.GRID.layer(-slope_to_nw.to_numpy(), units="m", long_name="z")
    bright, dark = (np.median(_pixels(map_images.relief_image(dem).url)[0]) for dem in (slope_to_nw, slope_to_se))
    assert bright > dark + 50


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1)])
def test_a_dem_of_one_row_or_column_has_a_relief(shape):
    ground = Grid.from_bounds((500_000, 4_100_000, 500_000 + shape[1] * 30, 4_100_000 + shape[0] * 30),
                              crs="EPSG:4546", resolution_m=30)  # fmt: skip
    z = np.arange(ground.shape[0] * ground.shape[1], dtype=np.float32).reshape(ground.shape)
    made = map_images.relief_image(ground.layer(z, units="m", long_name="dem", name="dem"))
    assert made.url.startswith("data:image/png")


@pytest.mark.slow
def test_feature_layer_is_in_degrees_counts_its_classes_and_has_no_contacts():
    frame = products.frames()["hazard_points"]
    spec = next(s for s in map_layers.SPECS if s.name == "hazard_points")
    layer = map_layers.feature_layer(frame, spec)
    assert sum(c["count"] for c in layer["classes"]) == len(frame)
    by_label = {c["label"]: c["count"] for c in layer["classes"]}
    assert by_label["level.-1"] == int((frame["hazard_level"] == -1).sum())
    assert not {"responsible", "monitor"} & set(layer["features"][0]["p"])
    lon, lat = layer["features"][0]["g"]["coordinates"]
    first = frame["point_id"] == layer["features"][0]["p"]["point_id"]
    there = frame.to_crs(4326).geometry[first].iloc[0]
    assert frame["hazard_level"][first].iloc[0] == frame["hazard_level"].max()
    assert (lon, lat) == (pytest.approx(there.x, abs=6e-6), pytest.approx(there.y, abs=6e-6))


@pytest.mark.parametrize("name", ["hazard_points", "risk_zones"])
def test_a_popup_tells_the_rank_and_how_firmly_it_is_held(name):
    frame = products.frames()[name]
    firm = {"priority_rank": np.arange(1, len(frame) + 1), "first10_share": 0.354, "rank_low": 1, "rank_high": 7}
    spec = next(s for s in map_layers.SPECS if s.name == name)
    layer = map_layers.feature_layer(frame.assign(**firm), spec)
    assert list(firm) == [f for f in layer["fields"] if f in firm]
    assert {f["p"]["first10_share"] for f in layer["features"]} == {0.354}
    assert [f["p"]["priority_rank"] for f in layer["features"]] == firm["priority_rank"].tolist()


def test_bands_of_minutes_say_their_minutes_on_the_map_and_in_qgis():
    frame = gpd.GeoDataFrame(
        {"isochrone_id": ["a", "b"], "band": [1, 3], "from_min": [0.0, 20.0], "to_min": [10.0, 30.0]},
        geometry=[box(0, 0, 9, 9), box(9, 0, 12, 9)], crs="EPSG:4546",
    )  # fmt: skip
    spec = next(s for s in map_layers.SPECS if s.name == "shelter_drive_times")
    assert [c.get("minutes") for c in map_layers.feature_layer(frame, spec)["classes"]] == [
        (0, 10),
        None,
        (20, 30),
        None,
    ]
    style = qml(spec, language="zh", frame=frame)
    assert ("0–10 分钟" in style, "20–30 分钟" in style, "第二圈" in style) == (True, True, True)


def test_every_layer_that_is_listed_has_a_tab_with_a_label():
    script = (Path(map_layers.__file__).parent / "templates" / "map_app.js").read_text(encoding="utf-8")
    order = set(re.findall(r'"(\w+)"', script.split("var order = [")[1].split("]")[0]))
    listed = {s.name for s in map_layers.SPECS if s.listed}
    assert listed == order
    for language in ("zh", "en"):
        assert all(i18n.label(f"tab.{name}", language) for name in listed)


@pytest.mark.parametrize("name", ["evacuation", "hazard_points"])
def test_long_reasons_stand_whole_on_a_sheet_of_their_own_and_in_short_in_the_list(name, tmp_path):
    frame = products.frames()[name]
    long = "第一句话，水深 0.5 米。" + "第二句话很长。" * 40
    words = {"reasons": long, "reasons_zh": long, "reasons_en": "One, 0.5 m deep. Two. " + "Three is long. " * 40}
    for language, short in (("zh", "第一句话，水深 0.5 米。"), ("en", "One, 0.5 m deep.")):
        path = tmp_path / f"{language}.xlsx"
        lists.write_xlsx(frame.assign(**words), path, name=name, run="县", language=language)
        book = openpyxl.load_workbook(path)
        listed, whole = book.worksheets[0], book[i18n.label("list.reasons", language)]
        title = i18n.column_label("reasons", language)
        texts = {}
        for sheet in (listed, whole):
            column = [c.value for c in sheet[3]].index(title) + 1
            texts[sheet.title] = [sheet.cell(4 + i, column).value for i in range(len(frame))]
        assert set(texts[listed.title]) == {f"{short}{i18n.label('list.reasons_apart', language)}"}
        assert set(texts[whole.title]) == {words[f"reasons_{language}"]}
        assert whole.max_column == 3 + (name == "evacuation")
        assert max(listed.row_dimensions[4 + i].height for i in range(len(frame))) < 70  # four lines


def test_feature_layer_keeps_rows_without_geometry_and_needs_a_crs():
    spec = next(s for s in map_layers.SPECS if s.name == "shelters")
    frame = gpd.GeoDataFrame({"shelter_id": ["a", "b"]}, geometry=[Point(500000, 4e6), None], crs=4546)
    layer = map_layers.feature_layer(frame, spec)
    assert [f["g"] is None for f in layer["features"]] == [False, True]
    with pytest.raises(ValueError, match="no CRS"):
        map_layers.feature_layer(frame.set_crs(None, allow_override=True), spec)


@pytest.mark.slow
def test_map_is_the_same_for_the_same_products_and_names_missing_stages(tmp_path):
    given_ = {"grid": products.GRID, "layers": products.layers(), "frames": products.frames()}
    for name in ("a", "b"):
        write_map(tmp_path / f"{name}.html", **given_, options=MapOptions("x"))
    assert file_sha256(tmp_path / "a.html") == file_sha256(tmp_path / "b.html")
    data = map_data(**given_, options=MapOptions("x"))
    warning = data["rasters"][0]
    assert [h for h, image in warning["stages"].items() if image is None] == ["3"]
    unknown = given_["layers"] | {"warning_6h": given_["layers"]["warning_6h"] * 0 - 1}
    data = map_data(grid=products.GRID, layers=unknown, frames={}, options=MapOptions("x"))
    assert [h for h, image in data["rasters"][0]["stages"].items() if image is None] == ["6", "3"]


def test_map_of_nothing_still_opens_on_its_area():
    data = map_data(grid=products.GRID, layers={}, frames={}, options=MapOptions("x", "en"))
    assert data["rasters"] == data["layers"] == []
    assert data["raster"] == ""
    html = page(data, MapOptions("x", "en")).render()
    assert (
        re.findall(r"src=[\"']?(?:https?:|//)|url\([\"']?(?:https?:|//|images)|@import|<link rel=.stylesheet", html)
        == []
    )
    assert "default-src 'none'" in html


def test_online_base_maps_are_the_only_hosts_allowed():
    online = OnlineBasemap("OSM", "https://{s}.tile.example.org/{z}/{x}/{y}.png", "<b>me</b>")
    options = MapOptions("x", basemaps=(online,))
    html = page(map_data(grid=products.GRID, layers={}, frames={}, options=options), options).render()
    assert "img-src data: https://*.tile.example.org;" in html


@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
def test_sheet_is_made_for_printing_and_its_csv_for_programs(tmp_path, name):
    frame = products.frames()[name]
    lists.write_xlsx(frame, tmp_path / "a.xlsx", name=name, run="示范县", language="zh")
    lists.write_xlsx(frame, tmp_path / "b.xlsx", name=name, run="示范县", language="zh")
    assert file_sha256(tmp_path / "a.xlsx") == file_sha256(tmp_path / "b.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[0]
    assert {"A1", "A2"} <= {r.coord.split(":")[0] for r in sheet.merged_cells.ranges}
    assert sheet.freeze_panes == "C4"
    assert sheet.auto_filter.ref.startswith("A3:")
    assert sheet.page_setup.orientation == "landscape"
    assert sheet.print_title_rows == "$3:$3"
    assert "审核" in str(sheet.cell(sheet.max_row, 1).value)
    headings = [c.value for c in sheet[3]]
    assert all(any(ord(ch) > 0x2E7F for ch in h) for h in headings)
    lists.write_csv(frame, tmp_path / "a.csv", name=name)
    assert (tmp_path / "a.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    rows = pd.read_csv(tmp_path / "a.csv")
    assert list(rows.columns) == list(SCHEMAS[name].columns)
    assert len(rows) == len(frame) == sheet.max_row - 5
    assert content_sha256(tmp_path / "a.xlsx") == content_sha256(tmp_path / "b.xlsx")


def test_units_have_a_line_of_their_own_and_wide_sheets_several_pages_that_name_their_rows(tmp_path):
    frame = products.frames()["waterlogging"]
    for minutes in (10, 30, 60):
        for level in (1, 2, 3, 4):
            frame[f"trigger_{minutes}min_class{level}_mm"] = 12.5
    frame = frame.assign(**{f"depth_{years}yr_m": 0.5 for years in range(2, 40)})
    lists.write_xlsx(frame, tmp_path / "a.xlsx", name="waterlogging", run="示范县", language="zh")
    first, more = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets
    headings = [c.value for c in first[3]]
    assert "积水深度\n（米）" in headings
    assert not any(h.endswith("）") and "\n" not in h for h in headings)
    assert first.page_setup.fitToWidth in (None, 1)
    assert more.page_setup.fitToWidth >= 2
    assert more.print_title_cols == "$A:$C"
    assert [c.value for c in more[3]][:3] == [h for h in headings if h in {"排名", "点位编号", "名称"}]


def test_a_column_keeps_its_decimals_and_words_stand_off_numbers(tmp_path):
    frame = products.frames()["active_deformation"]
    frame["velocity_mean_mm_yr"] = [-18.0, -13.84, *frame["velocity_mean_mm_yr"].iloc[2:]][: len(frame)]
    lists.write_xlsx(frame, tmp_path / "a.xlsx", name="active_deformation", run="示范县", language="zh")
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[0]
    at = list(SCHEMAS["active_deformation"].columns).index("velocity_mean_mm_yr") + 1
    cells = [sheet.cell(4 + i, at) for i in range(len(frame))]
    assert {c.number_format for c in cells if c.value is not None} == {"#,##0.0"}
    assert all(c.alignment.indent == 1 for c in sheet[4])
    assert sheet.page_margins.footer < sheet.page_margins.bottom - 0.3  # inches: a line of the footer


@pytest.mark.slow
def test_every_number_fits_its_column_as_it_is_printed(tmp_path):
    frame = products.frames()["active_deformation"].assign(false_alarm_p=0.02, area_m2=12_345_678.0)
    lists.write_xlsx(frame, tmp_path / "a.xlsx", name="active_deformation", run="示范县", language="zh")
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[0]
    for cell in (c for row in sheet.iter_rows(min_row=4, max_row=3 + len(frame)) for c in row):
        if isinstance(cell.value, int | float):
            text = f"{cell.value:,.{len(cell.number_format.partition('.')[2])}f}"
            # one letter for the indent, one for the margins of a cell; narrower, a spreadsheet prints ###
            assert sheet.column_dimensions[cell.column_letter].width >= len(text) + 2, (cell.coordinate, text)


@pytest.mark.slow
def test_a_wide_table_goes_on_larger_paper(tmp_path):
    for name, paper in (("mining_clues", "8"), ("evacuation", "9")):
        lists.write_xlsx(products.frames()[name], tmp_path / "a.xlsx", name=name, run="示范县", language="zh")
        sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[0]
        assert str(sheet.page_setup.paperSize) == paper, sum(d.width for d in sheet.column_dimensions.values())


def test_a_depth_of_one_metre_is_printed_like_its_neighbours():
    texts = [report_tables.value_cell("depth_m", v, "zh")["text"] for v in (1.0, 0.96, np.float32(0.5))]
    assert texts == ["1.00", "0.96", "0.50"]
    assert report_tables.value_cell("people", 1605.0, "zh")["text"] == "1,605"


@pytest.mark.slow
def test_list_totals_count_the_known_and_name_the_unknown(tmp_path):
    frame = products.frames()["evacuation"]
    lists.write_xlsx(frame, tmp_path / "a.xlsx", name="evacuation", run="x", language="en")
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[0]
    assert f"{int(frame['people'].sum()):,}" in sheet["A2"].value
    assert "unknown number of people: 1" in sheet["A2"].value
    column = [c.value for c in sheet[3]].index("People") + 1
    assert "unknown" in [sheet.cell(i, column).value for i in range(4, 16)]


def test_unranked_lists_put_unknown_before_low():
    frame = products.frames()["risk_zones"]
    order = lists.list_rows(frame, "risk_zones")["risk_level"].tolist()
    grave = [1.5 if v == -1 else v for v in order]
    assert grave == sorted(grave, reverse=True)


@pytest.mark.slow
def test_whole_numbers_with_gaps_are_written_whole(tmp_path):
    frame = products.frames()["evacuation"].astype({"people": float})
    lists.write_csv(frame, tmp_path / "a.csv", name="evacuation")
    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as stream:
        people = [row["people"] for row in csv.DictReader(stream)]
    assert people[0] == "400"
    assert people[4] == ""


@pytest.mark.slow
def test_lists_round_by_unit_and_leave_the_frame_alone(tmp_path):
    frame = products.frames()["waterlogging"]
    frame["depth_m"], frame["catchment_m2"], frame["critical_rain_mm_h"] = 0.123456, 1234.56, 31.4159
    frame["score"], frame["impervious_share"], frame["volume_m3"] = 3e-16, -1e-9, 0.4
    frame.loc[frame.index[0], "depth_m"] = np.nan
    before = frame.copy()
    lists.write_csv(frame, tmp_path / "a.csv", name="waterlogging")
    pd.testing.assert_frame_equal(pd.DataFrame(frame), pd.DataFrame(before))
    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert sorted({row["depth_m"] for row in rows}) == ["", "0.12"]
    assert {row["catchment_m2"] for row in rows} == {"1235"}
    assert {row["critical_rain_mm_h"] for row in rows} == {"31.4"}
    assert {float(row["score"]) for row in rows} == {0.0}
    assert {row["impervious_share"] for row in rows} == {"0.0"}
    assert {row["volume_m3"] for row in rows} == {"0"}


@pytest.mark.parametrize(
    ("column", "places"),
    [("area_m2", 0), ("velocity_mean_mm_yr", 1), ("acceleration_mm_yr2", 2), ("depth_m", 2), ("route_km", 2),
     ("duration_h", 1), ("travel_min", 1), ("false_alarm_p", 4), ("confidence", 3), ("score", 3), ("roundness", 3)],
)  # fmt: skip
def test_decimals_follow_the_unit(column, places):
    assert lists.decimals(column) == places


@pytest.mark.slow
def test_sheet_says_measures_and_reasons_in_its_language(tmp_path):
    frame = products.frames()["waterlogging"].assign(
        measures="clean the drain and its outfall now, then measure its capacity", reasons="why", reasons_zh="理由"
    )
    for language, wanted in (("zh", {"立即清淤排水管道及出水口，并复测其排水能力", "理由"}), ("en", {"why"})):
        lists.write_xlsx(frame, tmp_path / "a.xlsx", name="waterlogging", run="x", language=language)
        sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[0]
        assert wanted <= {c.value for c in sheet[4]}
    table = report_tables.frame_table(pd.DataFrame(frame), ("name", "measures", "reasons"), "zh")
    assert {c["text"] for c in table["rows"][0]} >= {"立即清淤排水管道及出水口，并复测其排水能力", "理由"}


@pytest.mark.slow
def test_geopackage_has_every_layer_and_styles_that_are_registered(tmp_path):
    frames = {k: v for k, v in products.frames().items() if k in SCHEMAS}
    write_geopackage(frames, tmp_path / "a.gpkg")
    names = {n for n, _ in pyogrio.list_layers(tmp_path / "a.gpkg")}
    assert names == {*frames, "layer_styles"}
    styles = pyogrio.read_dataframe(tmp_path / "a.gpkg", layer="layer_styles")
    assert set(styles["f_table_name"]) == set(frames)
    assert styles["useAsDefault"].all()
    write_geopackage(frames, tmp_path / "b.gpkg")
    assert content_sha256(tmp_path / "a.gpkg") == content_sha256(tmp_path / "b.gpkg")


@pytest.mark.parametrize("spec", map_layers.SPECS, ids=lambda s: s.name)
def test_style_names_every_class_and_is_well_formed(spec):
    import xml.etree.ElementTree as ET

    root = ET.fromstring(qml(spec, language="zh").split("\n", 1)[1])
    symbols = root.findall("renderer-v2/symbols/symbol")
    assert len(symbols) == len(spec.classes)
    if spec.by:
        categories = root.findall("renderer-v2/categories/category")
        assert [c.get("value") for c in categories] == ["" if k is None else str(k) for k in spec.classes]
        assert {c.get("symbol") for c in categories} == {s.get("name") for s in symbols}


@pytest.mark.slow
def test_report_names_gaps_quarantine_methods_and_hides_the_hour_from_the_hash(tmp_path, monkeypatch):
    facts = {
        "rainfall": {
            "notes": ["plain", {"level": "warning", "text_zh": "缺一时次", "text_en": "an hour is missing"}],
            "counts": {"hours": {"used": 719}},
            "quarantine": [{"id": "P9", "reason": "坐标在境外"}],
            "methods": [{"name": "SCS-CN", "citation": "TR-55 (1986)", "validity": "小流域"}],
        }
    }
    gaps = [{"step": "flood.town", "products": ["depth_max_m"], "needs": ["dem_town"]}]
    content = report.ReportContent("示范县", "zh", "", facts, gaps, [("inputs.dem", "dem.tif")], {"flood": {"cn": 75}})
    for hour in ("01:00", "02:00"):
        monkeypatch.setattr(report, "_now", lambda hour=hour: hour)
        report.write_report(
            tmp_path / f"{hour[:2]}.html", content=content, frames=products.frames(), layers=products.layers()
        )
    text = (tmp_path / "01.html").read_text(encoding="utf-8")
    for wanted in (
        "dem_town",
        "depth_max_m",
        "坐标在境外",
        "TR-55 (1986)",
        "缺一时次",
        "hours.used",
        "719",
        "flood.cn",
        "无预报",
    ):
        assert wanted in text
    assert "责任人-0" not in text
    assert content_sha256(tmp_path / "01.html") == content_sha256(tmp_path / "02.html")
    assert file_sha256(tmp_path / "01.html") != file_sha256(tmp_path / "02.html")


def test_report_speaks_its_language_in_notes_and_quarantine():
    aside = [{"id": "1", "reason": "no id", "reason_zh": "无编号"}, {"id": "2", "reason": "far"}]
    facts = {"a": {"notes": [{"level": "info", "text_en": "read", "text_zh": "已读取"}], "quarantine": aside}}
    assert [n["text"] for n in report.notes(facts, "zh")] == ["已读取"]
    assert [n["text"] for n in report.notes(facts, "en")] == ["read"]
    for language, wanted in (("zh", ["无编号", "far"]), ("en", ["no id", "far"])):
        rows = report._quarantine(report.ReportContent("x", language, facts=facts))["rows"]
        assert [row[2]["text"] for row in rows] == wanted


@pytest.mark.slow
def test_report_totals_reconcile_with_the_frame():
    frame = products.frames()["evacuation"]
    values = {t["label"]: t["value"] for t in report.tiles({"evacuation": frame}, "en")}
    assert values["People to evacuate (where known)"] == f"{int(frame['people'].sum()):,}"
    assert values["People assigned"] == f"{int(frame['assigned_people'].sum()):,}"
    assert values["Settlements with an unknown number to evacuate"] == "1"


def test_report_of_nothing_says_so(tmp_path):
    report.write_report(tmp_path / "r.html", content=report.ReportContent("x", "en"), frames={}, layers={})
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "No gaps: every step was run." in text
    assert "No row was quarantined." in text


def test_report_says_what_each_raster_is_in_its_language(tmp_path):
    names = ["layers/break_date_asc.tif", "layers/north_leak_up.tif", "series/east_up_series.nc"]
    for language, said in (("zh", "突变日期（轨道 asc"), ("en", "Date of the break of each series, track asc")):
        content = report.ReportContent("x", language, rasters=names)
        report.write_report(tmp_path / "r.html", content=content, frames={}, layers={})
        text = (tmp_path / "r.html").read_text(encoding="utf-8")
        assert said in text
        for name in names:
            assert name in text


def test_bars_are_in_proportion_and_unknown_is_grey():
    figure = report_tables.bars("t", [("72 小时", 0.8, "81.9% (未知 1%)", "#fff"), ("1 小时", 0.4, "40.0%", "#fff")])
    widths = [b["width"] for b in figure["bars"]]
    assert widths[0] / 2 == pytest.approx(widths[1], abs=0.1)  # rounded to tenths
    assert widths[0] > 100
    # 11 latin characters and 2 Chinese ones, twice as wide, of at most 7.5 units fit behind the longest bar
    assert widths[0] + 15 * 7.5 <= 300
    figure = report_tables.level_bars("t", [4, 4, 1, -1], "en")
    assert [b["width"] for b in figure["bars"]] == [250.0, 0.0, 0.0, 125.0, 125.0]
    assert figure["bars"][-1]["label"] == "unknown"


@pytest.mark.slow
def test_cards_are_made_for_the_gravest_and_the_unknown_and_old_ones_go(tmp_path):
    frames = products.frames()
    (tmp_path / "old.html").write_text("x")
    index = cards.write_cards(tmp_path, frames=frames, text=cards.CardText("示范县"))
    files = {p.name for p in tmp_path.iterdir()}
    assert files == {c["file"] for c in index["cards"]}
    zones = frames["risk_zones"].set_index("zone_id")["risk_level"]
    level = frames["hazard_points"]["zone_id"].map(zones)
    assert index["counts"]["hazard_points"] == int(((level >= 3) | (level == -1)).sum())
    assert index["counts"]["evacuation"] == len(frames["evacuation"])
    assert index["counts"]["waterlogging"] == cards.FIRST_SITES
    first = (tmp_path / "village_V000.html").read_text(encoding="utf-8")
    assert "责任人-000" in first
    assert frames["evacuation"]["reasons"].iloc[0] in first
    assert first.count("<path") > 3


@pytest.mark.slow
def test_too_many_cards_are_cut_and_it_is_said(tmp_path):
    index = cards.write_cards(tmp_path, frames=products.frames(), text=cards.CardText("x", "en"), limit=3)
    assert index["counts"]["evacuation"] == 3
    assert index["counts"]["left_out"] > 0
    assert str(index["counts"]["left_out"]) in index["notes"][0]["text_en"]


@given(st.text(min_size=1, max_size=80))
def test_card_file_stays_in_its_folder_and_ids_stay_apart(row_id):
    name = cards.card_file("evacuation", row_id)
    assert "/" not in name
    assert "\\" not in name
    assert not name.startswith(".")
    assert len(name.encode()) < 255
    assert cards.card_file("evacuation", row_id + "/") != name


def test_sketch_draws_holes_parts_and_lines_of_each_row_in_order():
    ring = Point(500, 500).buffer(50, quad_segs=1) - Point(500, 500).buffer(20, quad_segs=1)
    shapes = [MultiPolygon([box(100, 100, 200, 200), box(800, 800, 900, 900)]), box(5000, 0, 5001, 1), ring]
    zones = gpd.GeoDataFrame({"risk_level": [1, 2, 3]}, geometry=shapes, crs="EPSG:4546")
    roads = gpd.GeoDataFrame(geometry=[LineString([(0, 500), (500, 500)]), LineString([(0, 1100), (0, 1200)])],
                             crs="EPSG:4546")  # fmt: skip
    drawn = card_map.sketch(Point(500, 500), {"risk_zones": zones, "roads": roads}, 1000.0)
    paths = [d["d"] for d in drawn]
    assert [p.count("M") for p in paths] == [2, 2, 1]  # two parts; a ring and its hole; the road inside the box
    assert [p.count("Z") for p in paths] == [2, 2, 0]
    assert paths[2] == "M0.00 50.00 L50.00 50.00"
    first, second = re.findall(r"M[^M]*", paths[1])
    assert max(float(v) for v in re.findall(r"[\d.]+", first)) == 55  # the outline before its hole
    assert max(float(v) for v in re.findall(r"[\d.]+", second)) == 52


def test_sketch_is_north_up_and_cut_to_its_box():
    zone = gpd.GeoDataFrame(
        {"risk_level": [4]}, geometry=[Polygon([(900, 1000), (1100, 1000), (1100, 9000), (900, 9000)])], crs=4546
    )
    drawn = card_map.sketch(Point(1000, 1000), {"risk_zones": zone}, 1000.0)
    numbers = np.array([float(v) for v in drawn[0]["d"].replace("M", "").replace("L", "").replace("Z", "").split()])
    assert numbers.reshape(-1, 2).min(axis=0).tolist() == pytest.approx([40, 0], abs=0.1)
    assert numbers.reshape(-1, 2).max(axis=0).tolist() == pytest.approx([60, 50], abs=0.1)


def test_a_bowl_of_unknown_verdict_is_not_drawn_as_one_inside_its_licence():
    spec = next(s for s in map_layers.SPECS if s.name == "mining_clues")
    row = {"verdict": ["unknown"], "outside_share": [np.nan], "max_subsidence_mm_yr": [90.0], "clue_id": ["M"],
           "reasons": ["r"]}  # fmt: skip
    drawn = map_layers.feature_layer(gpd.GeoDataFrame(row, geometry=[Point(5e5, 4e6).buffer(9)], crs="EPSG:4546"), spec)
    assert drawn["classes"][drawn["features"][0]["c"]]["label"] == "value.unknown"


def test_pictures_in_time_share_one_ramp_and_keep_the_unknown():
    grid = products.GRID
    depth = np.zeros((2, *grid.shape), "float32")
    depth[0, 0, 0], depth[1], depth[:, 1, 1] = 0.5, 0.5, np.nan
    first = grid.layer(depth[0], units="m", long_name="depth", name="depth")
    series = xr.concat([first, first.copy(data=depth[1])], dim="time").assign_coords(spatial_ref=first["spatial_ref"])
    made = map_images.frame_images(series, ["a", "b"], DEPTH_IN_TIME)
    assert (made.low, made.high, made.times) == (0, 0.5, ("a", "b"))
    alone = map_images.raster_image(first.copy(data=depth[1]), DEPTH_IN_TIME)
    assert made.urls[1] == alone.url
    assert made.urls[0] != made.urls[1]
    assert made.bounds == alone.bounds
    with pytest.raises(ValueError, match="one text for each"):
        map_images.frame_images(series, ["a"], DEPTH_IN_TIME)
