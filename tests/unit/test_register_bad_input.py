"""Bad ledgers by the command line, from real files: nothing is lost in silence, each row set aside has its reason."""

import json

import geopandas as gpd
import openpyxl
import pyogrio
import pytest
import shapely

from tests.support.registers import X, Y

WHO = ("--by", "甲", "--why", "建库")


@pytest.fixture
def take(tmp_path, cli):
    """Import a file into a register of its own; return the exit code, the report and the register's rows by id."""

    def run(path, *words):
        where = ("-r", tmp_path / f"{path.name}.gpkg")
        code, text, err = cli("register", "import", path, *where, "--new", "--crs", "EPSG:4546", *WHO, "--confirm",
                              "--json", *words)  # fmt: skip
        if code != 0:
            return code, err, {}
        _, listed, _ = cli("register", "list", "--json", *where)
        return code, json.loads(text), {r["object_id"]: r for r in json.loads(listed)}

    return run


def balance(report):
    """Check that every row read is told: used, or set aside."""
    (n,) = report["rows"].values()
    assert n == report["counts"]["proposed"] + report["counts"].get("set_aside", 0)
    assert report["counts"].get("set_aside", 0) == len(report["quarantine"])
    assert all(q["reason"] and q["reason_zh"] for q in report["quarantine"])


def said(report, language="zh"):
    return " ".join(n[language] for n in report["notes"])


def ledger(path):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["某县地质灾害隐患点台账"])
    sheet.append(["编号", "乡镇", "名称", "类型", "经度", "纬度", "威胁人数", "备注"])
    for row in (
        ["０１", "甲乡", "沟口", "滑坡", "１１１．１", "３６．５", "１２", "旧村"],
        ["02", None, "沟尾", None, 111.2, 36.6, None, None],
        ["０2", None, "重号", "滑坡", 111.2, 36.6, 3, None],
        [None, None, "无号", "滑坡", 111.2, 36.6, 3, None],
        ["05", "乙乡", "飞地", "滑坡", 0, 0, 3, None],
        ["06", "乙乡", "颠倒", "怪物", 36.6, 111.2, "三十", None],
        ["０７", "乙乡", "度分秒", "滑坡", "111°12′30″", "36°30′", -4, None],
    ):
        sheet.append(row)
    for cells in ("A1:H1", "B3:B6", "D3:D4", "G3:G4"):
        sheet.merge_cells(cells)
    book.save(path)
    return path


def test_a_workbook_with_merged_cells_full_width_digits_and_doubled_ids(tmp_path, take):
    code, report, rows = take(ledger(tmp_path / "台账.xlsx"))
    assert code == 0
    balance(report)
    assert {q["id"]: q["reason_zh"] for q in report["quarantine"]} == {
        "02": "第 5 行与第 4 行编号重复", "row 6": "无编号", "05": "坐标（0, 0）位于区外，颠倒后亦然",
    }  # fmt: skip
    assert sorted(rows) == ["01", "02", "06", "07"]
    # a merged word stands for all its rows; a merged number is that of all of them, and counts once
    assert [rows[i]["kind"] for i in ("01", "02", "06")] == ["landslide", "landslide", "unstable_slope"]
    assert [rows[i]["people"] for i in sorted(rows)] == [12, None, None, None]
    assert rows["01"]["note"] == "旧村"
    for words in (
        "2 处合并单元格",
        "1 处合并单元格为多行合计",
        "1 行的经纬度颠倒",
        "1 行类型缺失或无法识别",
        "三十",
        "乡镇",
    ):
        assert words in said(report)


POINTS = [("１４１", "甲沟", "滑坡", "１２", 0), ("142", "乙沟", "崩塌", "三十", 500),
          ("142", "重号", "滑坡", "3", 900), ("", "无号", "滑坡", "4", 1200),
          ("145", "飞地", "怪物", "-5", 700)]  # fmt: skip


@pytest.mark.parametrize("kind", ["shp", "gpkg"])
def test_a_shapefile_in_gbk_and_a_geopackage_of_points(tmp_path, take, kind):
    frame = gpd.GeoDataFrame(
        [{"统一编号": i, "名称": n, "灾害类型": k, "威胁人数": p} for i, n, k, p, _ in POINTS],
        geometry=[shapely.Point(X + dx, Y) for *_, dx in POINTS], crs="EPSG:4546",
    )  # fmt: skip
    path = tmp_path / f"隐患点.{kind}"
    if kind == "shp":
        pyogrio.write_dataframe(frame, path, encoding="GB18030")
        path.with_suffix(".cpg").unlink()
    else:
        frame.to_file(path)
    code, report, rows = take(path)
    assert code == 0
    balance(report)
    assert {q["id"]: q["reason_zh"] for q in report["quarantine"]} == {
        "142": "第 3 行与第 2 行编号重复",
        "row 4": "无编号",
    }
    assert {i: (r["name"], r["kind"], r["people"]) for i, r in rows.items()} == {
        "141": ("甲沟", "landslide", 12), "142": ("乙沟", "rockfall", None), "145": ("飞地", "unstable_slope", None),
    }  # fmt: skip
    assert ("GB18030" in said(report)) is (kind == "shp")


def zones():
    box = shapely.box(X, Y, X + 100, Y + 100)
    tie = shapely.Polygon([(X, Y), (X + 90, Y + 90), (X + 90, Y), (X, Y + 90)])
    nick = shapely.Polygon([(X, Y), (X + 1000, Y), (X + 1000, Y + 1000), (X + 500, Y + 1000), (X + 500.5, Y + 1001),
                            (X + 499.5, Y + 1001), (X + 500, Y + 1000), (X, Y + 1000)])  # fmt: skip
    rows = [("区1", "北坡", "高", "１２０", box), ("区1", "重号", "中", "1", box), ("区3", "自交", "高", "2", tie),
            ("", "无号", "高", "3", box), ("区5", "小结", "低", "x", nick),
            ("区6", "空", "低", "1", shapely.Polygon())]  # fmt: skip
    return gpd.GeoDataFrame(
        [{"编号": i, "名称": n, "类型": "滑坡", "风险等级": r, "威胁人数": p} for i, n, r, p, _ in rows],
        geometry=[g for *_, g in rows], crs="EPSG:4546",
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["shp", "gpkg", "fgb"])
def test_outlines_that_cross_themselves_are_mended_or_set_aside_under_their_own_ids(tmp_path, take, kind):
    path = tmp_path / f"风险区.{kind}"
    if kind == "shp":
        pyogrio.write_dataframe(zones(), path, encoding="GB18030")
        path.with_suffix(".cpg").unlink()
    else:
        zones().to_file(path, **({"SPATIAL_INDEX": "NO"} if kind == "fgb" else {}))
    code, report, rows = take(path, "--layer", "risk_zones")
    assert code == 0
    balance(report)
    told = {q["id"]: q["reason_zh"] for q in report["quarantine"]}
    # numbers of rows are those of the file, also behind rows that were set aside
    assert told == {"区3 (row 3)": "多边形自相交，修复将使面积变化 100%", "区6 (row 6)": "无几何图形",
                    "row 4": "无编号", "区1": "第 2 行与第 1 行编号重复"}  # fmt: skip
    assert {i: (r["name"], r["people"]) for i, r in rows.items()} == {"区1": ("北坡", 120), "区5": ("小结", None)}
    assert "1 个自相交多边形已修复" in said(report)
    assert "区5 (row 5)" in said(report)
    assert "读取 6 行，采用 2 行，搁置 4 行" in said(report)


@pytest.mark.slow
def test_files_that_are_no_ledgers_end_in_three_lines(tmp_path, take):
    (tmp_path / "空.xlsx").write_bytes(b"")
    (tmp_path / "文.xlsx").write_text("no workbook", encoding="utf-8")
    (tmp_path / "旧.xls").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"0" * 600)
    book = ledger(tmp_path / "断.xlsx")
    book.write_bytes(book.read_bytes()[:3000])
    points = gpd.GeoDataFrame(
        {"统一编号": ["1"], "灾害类型": ["滑坡"]}, geometry=[shapely.Point(0, 0)], crs="EPSG:4546"
    )
    points.to_file(tmp_path / "远.gpkg")
    zones().drop(columns="编号").to_file(tmp_path / "无号.gpkg")
    for name, words, wanted in (
        ("空.xlsx", [], "0 bytes"), ("文.xlsx", [], "does not read as a workbook"), ("旧.xls", [], "old .xls"),
        ("断.xlsx", [], "does not read as a workbook"), ("远.gpkg", [], "none of the 1 rows"),
        ("没有.xlsx", [], "not there"), ("无号.gpkg", ["--layer", "risk_zones"], "no column for zone_id"),
        ("空.xlsx", ["--layer", "risk_zones"], "0 bytes"),
    ):  # fmt: skip
        code, err, _ = take(tmp_path / name, *words)
        assert code == 3, name
        assert len(err.splitlines()) == 3
        assert wanted in err
