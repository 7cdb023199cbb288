"""Ledgers and edited copies come in: merged cells, full-width digits, GBK, doubled ids, conflicts of two editors."""

from pathlib import Path

import geopandas as gpd
import openpyxl
import pandas as pd
import pyogrio
import pytest
import shapely

from geo_risk.core.errors import ConfigError, DataError, LimitError, SchemaError
from geo_risk.flow.register import decide
from geo_risk.flow.register_edits import import_edits, is_export
from geo_risk.flow.register_export import export
from geo_risk.flow.register_import import import_ledger
from geo_risk.flow.register_mapping import LedgerMapping, read_mapping
from geo_risk.products.register_merging import MergeRules
from geo_risk.products.register_params import RegisterParams
from geo_risk.register import loop, proposals
from geo_risk.register.entry import Author, Change
from geo_risk.register.replay import differences
from tests.support.registers import EDITOR, X, Y, add_points, change, new_register

RULES = RegisterParams()
ROOT = Path(__file__).parents[2]
MAPPING = """
layer: hazard_points
columns:
  point_id: 点号
  name: [点名]
  people: [受威胁人口（人）]
  assets_cny: [财产]
  responsible: [包点干部]
  kind: [灾害种类]
factors: {assets_cny: 1000}
values:
  kind: {土崩: rockfall}
"""


@pytest.fixture
def register(tmp_path):
    with new_register(tmp_path / "r.gpkg") as opened:
        yield opened


def write_ledger(path, rows, *, merge=(), title="某县地质灾害隐患点台账"):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append([title])
    sheet.append(["点号", "乡镇", "点名", "灾害种类", "经度", "纬度", "受威胁人口（人）", "财产", "包点干部"])
    for row in rows:
        sheet.append(row)
    sheet.merge_cells("A1:I1")
    for area in merge:
        sheet.merge_cells(area)
    book.save(path)
    return path


@pytest.fixture
def mapping(tmp_path):
    (tmp_path / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
    return read_mapping(tmp_path / "mapping.yaml", layer="hazard_points")


def confirm_all(register):
    return decide(register, [], EDITOR, RULES, everything=True)


@pytest.mark.slow
def test_a_ledger_with_merged_cells_full_width_digits_and_its_own_words(tmp_path, register, mapping):
    rows = [
        ["０１", "甲乡", "沟口", "土崩", "１１１．１", 36.5, "１２", 50, "责任人-007"],
        ["02", None, "沟尾", "滑坡", 111.2, 36.6, None, None, "责任人-008"],
        ["02", None, "再一", "滑坡", 111.2, 36.6, 3, None, None],
        [None, None, "无号", "滑坡", 111.2, 36.6, 3, None, None],
        ["05", "乙乡", "飞地", "滑坡", 0, 0, 3, None, None],
        ["06", "乙乡", "颠倒", "滑坡", 36.6, 111.2, "三十", None, None],
    ]
    path = write_ledger(tmp_path / "台账.xlsx", rows, merge=["B3:B6", "I4:I5"])
    report = import_ledger(register, path, mapping)
    assert report.rows == {"hazard_points": 6}
    assert report.counts["proposed"] == 3
    assert {(q["id"], q["reason_zh"]) for q in report.quarantine} >= {
        ("02", "第 5 行与第 4 行编号重复"),
        ("row 6", "无编号"),
    }
    assert "05" in {q["id"] for q in report.quarantine}
    notes = " ".join(map(str, report.notes))
    assert "2 merged cells" in notes
    assert "lon and lat swapped" in notes
    assert "三十" in notes
    assert "乡镇" in notes  # a column that is not kept is named
    assert register.states("hazard_points") == []
    confirm_all(register)
    frame = register.frame("hazard_points").set_index("point_id")
    assert sorted(frame.index) == ["01", "02", "06"]
    assert frame.loc["01", ["name", "kind", "people", "assets_cny"]].tolist() == ["沟口", "rockfall", 12, 50_000.0]
    assert pd.isna(frame.loc["02", "people"])  # unknown, not 0
    assert frame.loc["02", "responsible"] == "责任人-008"
    assert frame.loc["06"].geometry.distance(frame.loc["02"].geometry) < 1
    # once more: nothing new; one figure changed: one edit
    again = import_ledger(register, path, mapping)
    assert (again.counts["proposed"], again.counts["unchanged"]) == (0, 3)
    rows[0][6] = 40
    third = import_ledger(register, write_ledger(tmp_path / "台账2.xlsx", rows), mapping)
    assert third.counts["proposed"] == 1
    (edit,) = proposals.listed(register)
    assert (edit.kind, edit.before, edit.after) == ("edit", {"people": 12}, {"people": 40})


@pytest.mark.slow
def test_the_row_of_a_merged_point_counts_for_the_point_in_force(tmp_path, register, mapping):
    rows = [[f"0{k}", None, f"点{k}", "滑坡", 111.1, 36.5, 10 * k, None, None] for k in (1, 2)]
    import_ledger(register, write_ledger(tmp_path / "a.xlsx", rows), mapping)
    confirm_all(register)
    with register.writing():
        loop.merge(register, ["02"], "01", EDITOR, rules=MergeRules("sum"))
    report = import_ledger(register, write_ledger(tmp_path / "a.xlsx", rows), mapping)
    assert report.counts["rows_of_merged"] == 1
    assert proposals.listed(register) == []  # the same ledger: 10 and 20 are the 30 of the point in force
    rows[1][6] = 50
    import_ledger(register, write_ledger(tmp_path / "b.xlsx", rows), mapping)
    assert [(p.object_id, p.before, p.after) for p in proposals.listed(register)] == [
        ("01", {"people": 30}, {"people": 60})
    ]
    # the merged row alone says nothing of the sum, and changes neither name nor place
    decide(register, [], EDITOR, RULES, everything=True, accept=False)
    import_ledger(register, write_ledger(tmp_path / "c.xlsx", rows[1:]), mapping)
    assert proposals.listed(register) == []


def test_the_row_of_the_point_in_force_alone_takes_nobody_away(tmp_path, register, mapping):
    rows = [[f"0{k}", None, f"点{k}", "滑坡", 111.1, 36.5, 10 * k, None, None] for k in (1, 2)]
    import_ledger(register, write_ledger(tmp_path / "a.xlsx", rows), mapping)
    confirm_all(register)
    with register.writing():
        loop.merge(register, ["02"], "01", EDITOR, rules=MergeRules("sum"))
    report = import_ledger(register, write_ledger(tmp_path / "b.xlsx", rows[:1]), mapping)
    assert proposals.listed(register) == []
    assert any("less than with what was merged" in str(row) for row in report.quarantine)
    rows[0][6] = 40  # more than both
    import_ledger(register, write_ledger(tmp_path / "c.xlsx", rows[:1]), mapping)
    assert [p.after for p in proposals.listed(register)] == [{"people": 40, "counts_at_least": "people"}]


def test_values_of_merged_cells_stand_for_all_their_rows(tmp_path, register, mapping):
    rows = [
        [f"0{k}", None, f"点{k}", "滑坡" if k == 1 else None, 111.1 + k / 100, 36.5, 3, None, None] for k in (1, 2, 3)
    ]
    import_ledger(register, write_ledger(tmp_path / "a.xlsx", rows, merge=["D3:D4"]), mapping)
    confirm_all(register)
    frame = register.frame("hazard_points")
    # the third row lies outside the merged cell: its kind is unknown and takes the careful word
    assert frame["kind"].tolist() == ["landslide", "landslide", "unstable_slope"]


@pytest.mark.slow
def test_a_zone_and_a_point_of_one_ledger_number_are_two_objects(tmp_path, register, mapping):
    point = [["01", None, "点1", "滑坡", 111.1, 36.5, 3, None, None]]
    import_ledger(register, write_ledger(tmp_path / "a.xlsx", point), mapping)
    confirm_all(register)
    frame = gpd.GeoDataFrame({"编号": ["01"], "名称": ["北坡"], "类型": ["滑坡"], "风险等级": ["高"]},
                             geometry=[shapely.box(X, Y, X + 100, Y + 100)], crs="EPSG:4546")  # fmt: skip
    frame.to_file(tmp_path / "z.gpkg")
    for _ in range(2):
        report = import_ledger(register, tmp_path / "z.gpkg", LedgerMapping(layer="risk_zones"))
        confirm_all(register) if report.numbers else None
    assert report.counts["unchanged"] == 1
    assert register.frame("risk_zones")["zone_id"].tolist() == ["RZ-000001"]
    assert register.frame("hazard_points")["point_id"].tolist() == ["01"]


def test_people_of_a_merged_cell_are_counted_once(tmp_path, register, mapping):
    rows = [[f"0{k}", None, f"点{k}", "滑坡", 111.1 + k / 100, 36.5, 120 if k == 1 else None, None, None]
            for k in (1, 2, 3)]  # fmt: skip
    report = import_ledger(register, write_ledger(tmp_path / "a.xlsx", rows, merge=["G3:G5"]), mapping)
    confirm_all(register)
    people = register.frame("hazard_points")["people"]
    assert people.sum() == 120
    assert people.isna().sum() == 2  # unknown, not 0
    assert any("several rows together" in str(n) for n in report.notes)


def test_a_gbk_shapefile_without_cpg_and_zones_with_faults(tmp_path, register):
    box = shapely.box(X, Y, X + 100, Y + 100)
    tie = shapely.Polygon([(X, Y), (X + 9, Y + 9), (X + 9, Y), (X, Y + 9)])
    rows = [("区1", "北坡", "滑坡", "高", box), ("区1", "重号", "滑坡", "中", box), ("区3", "自交", "滑坡", "高", tie),
            ("", "无号", "滑坡", "高", box)]  # fmt: skip
    frame = gpd.GeoDataFrame(
        [{"编号": i, "名称": n, "类型": k, "风险等级": r} for i, n, k, r, _ in rows], geometry=[g for *_, g in rows],
        crs="EPSG:4546",
    )  # fmt: skip
    path = tmp_path / "风险区.shp"
    pyogrio.write_dataframe(frame, path, encoding="GB18030")
    path.with_suffix(".cpg").unlink()
    report = import_ledger(register, path, LedgerMapping(layer="risk_zones"))
    assert any("GB18030" in str(n) for n in report.notes)
    assert report.counts["proposed"] == 1
    assert len(report.quarantine) == 3
    confirm_all(register)
    row = register.frame("risk_zones").iloc[0]
    assert row[["zone_id", "name", "kind", "risk_level", "hazard_level"]].tolist() == [
        "区1",
        "北坡",
        "landslide",
        3,
        -1,
    ]


def test_a_geopackage_ledger_of_points_in_degrees(tmp_path, register):
    frame = gpd.GeoDataFrame({"统一编号": ["141001"], "灾害类型": ["泥石流"], "威胁人数": ["２３"]},
                             geometry=[shapely.Point(111.2, 36.6)], crs="EPSG:4490")  # fmt: skip
    frame.to_file(tmp_path / "点.gpkg")
    report = import_ledger(register, tmp_path / "点.gpkg", LedgerMapping())
    assert report.counts["proposed"] == 1
    confirm_all(register)
    state = register.states("hazard_points")[0]
    assert (state.object_id, state.values["kind"], state.values["people"]) == ("141001", "debris_flow", 23)


def test_a_ledger_that_cannot_be_read_ends_clearly_and_changes_nothing(tmp_path, register, mapping):
    book = openpyxl.Workbook()
    book.active.append(["一", "二"])
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(SchemaError, match="header row"):
        import_ledger(register, tmp_path / "a.xlsx", mapping)
    with pytest.raises(DataError, match="not there"):
        import_ledger(register, tmp_path / "none.xlsx", mapping)
    assert proposals.listed(register, state=None) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [("columns: {nothing: [a]}", "no columns"), ("colums: {}", "colums"), ("layer: roads", "layer"),
     ("columns: {people: [a]\n", "YAML|yaml|expected"), ("a: 1\na: 2", "a")],
)  # fmt: skip
def test_a_mapping_with_a_mistake_names_it(tmp_path, text, said):
    (tmp_path / "m.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        read_mapping(tmp_path / "m.yaml", layer="hazard_points").table()


def test_the_mapping_that_is_shipped_reads_the_national_forms():
    rules = read_mapping(ROOT / "configs" / "register" / "ledger.yaml", layer="hazard_points")
    table = rules.table()
    assert table.columns["point_id"][:2] == ("统一编号", "编号")
    assert table.values["kind"]["土质滑坡"] == "landslide"
    assert table.values["kind"]["泥石流"] == "debris_flow"  # what is left out stays


def a_register_of_three(register):
    ids = add_points(register, 3, people=None, velocity_mm_yr=-12.3456, loop_finding="裂缝, 掉块", assets_cny=123456.78)
    with register.writing():
        (zone,) = register.new_ids("risk_zones", 1)
        shape = shapely.box(X, Y, X + 90, Y + 30)
        register.apply([Change("risk_zones", zone, 0, "new", {"kind": "landslide", "geometry": shape}, True)], EDITOR)
    return [*ids, zone]


@pytest.mark.parametrize("kind", ["xlsx", "gpkg"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_export_that_nobody_edited_proposes_nothing(tmp_path, register, kind, language):
    a_register_of_three(register)
    export(register, tmp_path / f"a.{kind}", language=language, with_contacts=kind == "gpkg")
    assert is_export(tmp_path / f"a.{kind}")
    report = import_edits(register, tmp_path / f"a.{kind}")
    assert report.counts["rows_as_exported"] == 4
    assert proposals.listed(register, state=None) == []


def edit_book(path, cells, *, rows=()):
    book = openpyxl.load_workbook(path)
    sheet = book["隐患点"]
    columns = {c.value: c.column for c in sheet[1]}
    for row, name, value in cells:
        sheet.cell(row, columns[name]).value = value
        if str(value).startswith("="):  # a text that people typed after an apostrophe
            sheet.cell(row, columns[name]).data_type = "s"
    for row in rows:
        last = sheet.max_row + 1
        for name, value in row.items():
            sheet.cell(last, columns[name]).value = value
    book.save(path)


def test_edits_in_a_workbook_come_back_cell_by_cell(tmp_path, register):
    one, two, *_ = a_register_of_three(register)
    export(register, tmp_path / "a.xlsx")
    heads = [c.value for c in openpyxl.load_workbook(tmp_path / "a.xlsx")["隐患点"][1]]
    assert not any("责任人" in str(h) or "监测人" in str(h) for h in heads)  # no contacts unless asked for
    edit_book(
        tmp_path / "a.xlsx",
        [(2, "类型", "崩塌"), (2, "人口", "１５"), (2, "x", X + 40), (3, "危险性等级", "极高"), (3, "备注", "=1+1"),
         (4, "人口", "很多")],
        rows=[{"类型": "滑坡", "x": X + 5, "y": Y + 5, "名称": "新点"}, {"类型": "滑坡", "名称": "没有位置"}],
    )  # fmt: skip
    report = import_edits(register, tmp_path / "a.xlsx")
    assert report.counts["rows_edited"] == 2
    assert report.counts["rows_new"] == 1
    assert [q["id"] for q in report.quarantine] == ["HP-000003", "row 6"]
    confirm_all(register)
    values = register.get([one])[one].values
    assert (values["kind"], values["people"]) == ("rockfall", 15)
    assert values["velocity_mm_yr"] == -12.3456  # what was only rounded in the cell stays
    assert values["responsible"] == "责任人-001"  # what was not exported stays
    assert shapely.from_wkb(bytes.fromhex(values["geometry"])) == shapely.Point(X + 40, Y)
    values = register.get([two])[two].values
    assert (values["hazard_level"], values["note"]) == (4, "=1+1")
    assert register.states("hazard_points")[-1].object_id == "HP-000004"
    assert differences(register) == []
    export(register, tmp_path / "b.xlsx")
    book = openpyxl.load_workbook(tmp_path / "b.xlsx")
    assert all(c.data_type != "f" for sheet in book for row in sheet.iter_rows() for c in row)


def test_a_workbook_with_too_many_rows_is_refused_and_none_is_cut_off(tmp_path, register, monkeypatch):
    from geo_risk.sources import register_book

    add_points(register, 5)
    export(register, tmp_path / "a.xlsx")
    monkeypatch.setattr(register_book, "MAX_ROWS", 4)
    with pytest.raises(LimitError, match="more than 4 rows"):
        import_edits(register, tmp_path / "a.xlsx")
    assert proposals.listed(register, state=None) == []
    # rows that were only formatted, or emptied, are no rows; the last one that counts is read
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    sheet = book["隐患点"]
    for cell in sheet[3]:
        cell.value = None
    columns = {c.value: c.column for c in sheet[1]}
    sheet.cell(6, columns["人口"]).value = 99
    sheet.cell(500, 1).fill = openpyxl.styles.PatternFill("solid", fgColor="FF0000")
    book.save(tmp_path / "a.xlsx")
    report = import_edits(register, tmp_path / "a.xlsx")
    assert report.rows["hazard_points"] == 4
    assert [p.after for p in proposals.listed(register)] == [{"people": 99}]


def test_edits_in_a_geopackage_come_back_with_their_shapes(tmp_path, register):
    one, two, three, zone = a_register_of_three(register)
    export(register, tmp_path / "a.gpkg")
    frame = pyogrio.read_dataframe(tmp_path / "a.gpkg", layer="hazard_points")
    assert "responsible" not in frame
    frame.loc[0, "name"] = "QGIS 改名"
    frame.loc[1, "geometry"] = shapely.Point(X + 555, Y + 1)
    frame = frame.drop(index=2)
    new = gpd.GeoDataFrame([{"name": "画的", "kind": "rockfall"}], geometry=[shapely.Point(X, Y + 900)], crs=frame.crs)
    edited = gpd.GeoDataFrame(pd.concat([frame, new], ignore_index=True), crs=frame.crs)
    pyogrio.write_dataframe(edited, tmp_path / "a.gpkg", layer="hazard_points")
    zones = pyogrio.read_dataframe(tmp_path / "a.gpkg", layer="risk_zones")
    zones["geometry"] = [shapely.Polygon([(X, Y), (X + 9, Y + 9), (X + 9, Y), (X, Y + 9)])]
    pyogrio.write_dataframe(zones, tmp_path / "a.gpkg", layer="risk_zones")
    report = import_edits(register, tmp_path / "a.gpkg")
    assert report.counts["rows_edited"] == 2
    assert report.counts["rows_new"] == 1
    assert [(q["id"], "crosses itself" in q["reason"]) for q in report.quarantine] == [(zone, True)]
    assert any("1 of hazard_points are not in the file" in str(n) for n in report.notes)
    confirm_all(register)
    frame = register.frame("hazard_points").set_index("point_id")
    assert frame.loc[one, "name"] == "QGIS 改名"
    assert frame.loc[two].geometry == shapely.Point(X + 555, Y + 1)
    assert frame.loc[three, "status"] == "existing"  # a row that is not in the file cancels nothing
    assert frame.loc["HP-000004", "name"] == "画的"


def test_two_editors_of_one_export_conflict_on_the_same_value_only(tmp_path, register):
    one, two, *_ = a_register_of_three(register)
    for name in ("甲", "乙"):
        export(register, tmp_path / f"{name}.xlsx")
    edit_book(tmp_path / "甲.xlsx", [(2, "人口", 10), (3, "人口", 30)])
    edit_book(tmp_path / "乙.xlsx", [(2, "人口", 20), (3, "名称", "乙起的名")])
    first = import_edits(register, tmp_path / "甲.xlsx")
    decide(register, [f"P-{n}" for n in first.numbers], Author("甲", "入户"), RULES)
    second = import_edits(register, tmp_path / "乙.xlsx")
    assert [(c["object_id"], c["fields"]) for c in second.conflicts] == [(one, ["people"])]
    assert "甲 (edit: people)" in second.conflicts[0]["told"]
    decided = decide(register, [f"P-{n}" for n in second.numbers], Author("乙", "核对"), RULES)
    assert len(decided.done) == 1
    assert len(decided.left) == 1
    values = register.get([two])[two].values
    assert (values["people"], values["name"]) == (30, "乙起的名")
    assert register.get([one])[one].values["people"] == 10


def test_two_edits_of_one_value_that_are_both_open_do_not_overwrite_each_other(tmp_path, register):
    one, *_ = a_register_of_three(register)
    for name, n in (("甲", 10), ("乙", 20)):
        export(register, tmp_path / f"{name}.xlsx")
        edit_book(tmp_path / f"{name}.xlsx", [(2, "人口", n)])
    for name in ("甲", "乙"):
        import_edits(register, tmp_path / f"{name}.xlsx")
    assert len(proposals.listed(register)) == 2
    decided = confirm_all(register)  # all at once: the first is done, the second is left and says why
    assert len(decided.left) == 1
    assert register.get([one])[one].values["people"] == 10


def test_an_old_export_on_a_newer_register_takes_back_nothing(tmp_path, register):
    one, *_ = a_register_of_three(register)
    export(register, tmp_path / "old.xlsx")
    change(register, one, people=500)
    report = import_edits(register, tmp_path / "old.xlsx")
    assert report.counts["rows_as_exported"] == 4
    assert proposals.listed(register) == []


def test_faults_of_an_edited_copy(tmp_path, register):
    one, two, three, _ = a_register_of_three(register)
    export(register, tmp_path / "a.xlsx")
    edit_book(tmp_path / "a.xlsx", [(2, "隐患点编号", two), (4, "版本号（勿改）", 17), (2, "人口", 5)])
    report = import_edits(register, tmp_path / "a.xlsx")
    assert {q["id"] for q in report.quarantine} == {two, three}  # doubled: neither row counts; no such version
    assert proposals.listed(register) == []
    with new_register(tmp_path / "other.gpkg") as other, pytest.raises(DataError, match="another register"):
        import_edits(other, tmp_path / "a.xlsx")
    with pytest.raises(ConfigError, match="register itself"):
        export(register, tmp_path / "r.gpkg")
    with pytest.raises(ConfigError, match="of one layer"):
        export(register, tmp_path / "r.csv")
    assert one
