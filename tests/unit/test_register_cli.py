"""`geo-risk register`: from a run to a closed loop; contacts stay inside; errors have three lines and exit codes."""

import csv
import json

import openpyxl
import pytest

from geo_risk.core.errors import ConfigError, DataError
from geo_risk.flow.config import load_config
from geo_risk.register import loop
from geo_risk.register.entry import Author
from tests.support.registers import EDITOR, Clock, X, Y, add_points, change, new_register, run_points, write_run

WHO = ("--by", "甲", "--why", "试")


@pytest.fixture
def books(tmp_path, monkeypatch):
    path = tmp_path / "register.gpkg"
    monkeypatch.setenv("GEO_RISK_REGISTER", str(path))
    return path


@pytest.mark.slow
def test_from_a_run_to_a_closed_loop(tmp_path, books, cli):
    out = write_run(tmp_path / "out", run_points([("IS-1", X, Y, {}), ("IS-2", X + 400, Y, {"hazard_level": -1})]))
    code, text, _ = cli("register", "update", out, "--by", "甲", "--new", "--json")
    assert code == 0
    report = json.loads(text)
    assert report["proposed"] == {"hazard_points": {"new": 2}}
    code, text, _ = cli("register", "update", out, "--by", "甲")
    assert "nothing is proposed twice" in text
    code, text, _ = cli("register", "proposals", "--json")
    assert [p["name"] for p in json.loads(text)] == ["P-000001", "P-000002"]
    code, text, _ = cli("register", "confirm", "--all", "--kind", "new", *WHO, "--json")
    assert json.loads(text)["confirmed"] == ["P-000001", "P-000002"]
    for words in (["assign", "HP-000001", "--to", "张三", "--unit", "国土所", "--due", "2999-01-01"],
                  ["inspect", "HP-000001", "--finding", "裂缝扩大", "--due", "2999-02-01"],
                  ["measure", "HP-000001", "--measure", "专业监测", "--due", "2999-03-01"],
                  ["close", "HP-000001", "--outcome", "已安装监测"]):  # fmt: skip
        code, text, err = cli("register", *words, *WHO)
        assert (code, err) == (0, "")
        assert "张三" not in text
    code, text, _ = cli("register", "history", "HP-000001")
    assert "张三" not in text
    assert "***" in text
    code, text, _ = cli("register", "history", "HP-000001", "--json")
    assert "张三" not in text
    assert [e["action"] for e in json.loads(text)] == ["new", "assign", "inspect", "measure", "close"]
    assert json.loads(text)[-1]["after"]["status"] == "existing"
    code, text, _ = cli("register", "history", "HP-000001", "--json", "--with-contacts")
    assert "张三" in text
    code, text, _ = cli("register", "diff", report["run_id"], "--json")
    assert "张三" not in text
    assert {r["object_id"]: r["change"] for r in json.loads(text)["objects"]} == {
        "HP-000001": "added",
        "HP-000002": "added",
    }
    code, _, err = cli("register", "close", "HP-000001", "--outcome", "x", *WHO)
    assert code == 3
    assert "HP-000001 is closed" in err
    assert len(err.splitlines()) == 3
    code, text, _ = cli("register", "verify")
    assert code == 0


@pytest.mark.slow
def test_overdue_lists_the_gravest_first_unknown_before_low_and_drops_contacts(tmp_path, books, cli):
    with new_register(books) as register:
        ids = add_points(register, 5)
        for i, level in zip(ids, (1, -1, 4, 4, 4), strict=True):
            change(register, i, hazard_level=level)
        with register.writing():
            loop.take_step(
                register,
                ids[:4],
                "assign",
                {"loop_assignee": "张三", "loop_assigned_on": "2026-08-01", "loop_due": "2026-08-10"},
                EDITOR,
            )
            register.apply([], EDITOR)
        change(register, ids[3], loop_due=None)
    code, text, _ = cli("register", "overdue", "--on", "2026-08-11", "--json", "-o", tmp_path / "a.xlsx")
    assert code == 0
    rows = json.loads(text)["rows"]
    # no date counts as overdue, the longest; what is in no loop is not listed
    assert [r["object_id"] for r in rows] == [ids[3], ids[2], ids[1], ids[0]]
    assert [r["days_overdue"] for r in rows] == [None, 1, 1, 1]
    assert "张三" not in text
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    cells = [str(c.value) for row in book["逾期未办结清单"].iter_rows() for c in row]
    assert "张三" not in cells
    assert {"未知", "核查", "已交办"} <= set(cells)
    cli("register", "overdue", "--on", "2026-08-11", "-o", tmp_path / "a.csv", "--with-contacts")
    rows = list(csv.DictReader((tmp_path / "a.csv").open(encoding="utf-8-sig")))
    assert [r["loop_assignee"] for r in rows] == ["张三"] * 4
    code, text, _ = cli("register", "overdue", "--on", "2026-08-10", "--json")
    assert [r["object_id"] for r in json.loads(text)["rows"]] == [ids[3]]  # due today is not overdue yet
    code, text, _ = cli("register", "overdue", "--on", "2026-08-10", "--within", "3", "--json")
    assert len(json.loads(text)["rows"]) == 4
    cli("register", "cancel", ids[3], *WHO)
    code, text, _ = cli("register", "overdue", "--on", "2026-08-10", "--json")
    assert json.loads(text)["rows"] == []
    code, _, _ = cli("register", "overdue", "-o", tmp_path / "a.pdf")
    assert code == 2


@pytest.mark.slow
def test_no_output_holds_contacts_unless_asked_for(tmp_path, books, cli):
    with new_register(books) as register:
        add_points(register, responsible="李四", monitor="王五", loop_assignee="赵六")
    names = ("李四", "王五", "赵六")
    for kind in ("gpkg", "xlsx", "csv"):
        layer = ["--layer", "hazard_points"] if kind == "csv" else []
        cli("register", "export", tmp_path / f"a.{kind}", *layer)
        cli("register", "export", tmp_path / f"b.{kind}", *layer, "--with-contacts")
    for words in (
        ["list"],
        ["list", "--json"],
        ["history", "HP-000001"],
        ["proposals", "--json"],
        ["diff", "2020-01-01"],
    ):
        _, text, _ = cli("register", *words)
        assert not [n for n in names if n in text]
    import pyogrio

    for name, has in (("a", False), ("b", True)):
        cells = [
            c.value for row in openpyxl.load_workbook(tmp_path / f"{name}.xlsx")["隐患点"].iter_rows() for c in row
        ]
        raw = (tmp_path / f"{name}.gpkg").read_bytes()
        frame = pyogrio.read_dataframe(tmp_path / f"{name}.gpkg", layer="hazard_points")
        text = (tmp_path / f"{name}.csv").read_text(encoding="utf-8-sig")
        for who in names:
            assert (who in cells) is has
            assert (who.encode() in raw) is has
            assert (who in text) is has
            assert (who in frame.iloc[0].astype(str).tolist()) is has


@pytest.mark.slow
def test_import_confirm_and_conflicts_by_the_command_line(tmp_path, books, cli):
    ledger = tmp_path / "台账.csv"
    ledger.write_text(
        "编号,名称,类型,经度,纬度,威胁人数\n1,甲点,滑坡,111.1,36.5,9\n1,重号,滑坡,111.1,36.5,9\n", encoding="gb18030"
    )
    code, text, err = cli("register", "import", ledger, *WHO, "--new")
    assert code == 2
    assert "--crs" in err
    code, text, err = cli("register", "import", ledger, *WHO, "--new", "--crs", "EPSG:4546", "--confirm", "--json")
    assert (code, err) == (0, "")
    report = json.loads(text)
    assert report["decided"]["confirmed"] == ["P-000001"]
    assert report["quarantine"][0]["reason_zh"] == "第 3 行与第 2 行编号重复"
    code, text, _ = cli("register", "set", "1", "people=12", *WHO, "--version-seen", "1", "--json")
    assert json.loads(text) == {"versions": {"1": 2}}
    code, _, err = cli("register", "set", "1", "people=13", "--by", "乙", "--why", "x", "--version-seen", "1")
    assert code == 3
    assert "GR211" in err
    assert "甲 (edit: people)" in err
    for words in (["set", "1", "loop_stage=closed", *WHO], ["set", "1", "people", *WHO], ["confirm", *WHO],
                  ["diff", "gestern"], ["assign", "1", *WHO],
                  ["assign", "1", "--unit", "x", "--due", "2000-01-01", *WHO]):  # fmt: skip
        code, _, err = cli("register", *words)
        assert code == 2, words
        assert len(err.splitlines()) == 3
    for words in (["set", "9", "people=1", *WHO], ["history", "9"], ["undo", "99", *WHO], ["confirm", "P-9", *WHO],
                  ["cancel", "9", *WHO], ["cancel", "1", "--into", "1", *WHO], ["set", "1", "people=-3", *WHO],
                  ):  # fmt: skip
        code, _, err = cli("register", *words)
        assert code == 3, words
        assert len(err.splitlines()) == 3


def test_a_register_is_named_by_a_configuration(tmp_path, cli, monkeypatch):
    monkeypatch.delenv("GEO_RISK_REGISTER", raising=False)
    config = tmp_path / "c.yaml"
    config.write_text("name: x\noutput: out\nregister: {url: 'sqlite:///books/r.gpkg', dormant_after_runs: 3}\n")
    (tmp_path / "books").mkdir()
    new_register(tmp_path / "books" / "r.gpkg").close()
    code, text, _ = cli("register", "list", "-r", config, "--json")
    assert (code, json.loads(text)) == (0, [])
    assert load_config(config).register_.dormant_after_runs == 3
    config.write_text("name: x\noutput: out\n")
    code, _, _ = cli("register", "list", "-r", config)
    assert code == 2
    config.write_text("name: x\noutput: out\nregister: {url: 'postgresql://u:geheim@h/db'}\n")
    with pytest.raises(ConfigError, match="PGPASSWORD") as caught:
        load_config(config)
    assert "geheim" not in str(caught.value)
    code, _, _ = cli("register", "list", "-r", tmp_path / "none.gpkg")
    assert code == 4


def test_steps_out_of_order_and_dates_that_cannot_be(tmp_path):
    with new_register(tmp_path / "r.gpkg", Clock()) as register:
        (one,) = add_points(register)
        for step in ("inspect", "measure", "close"):
            with pytest.raises(DataError, match="not in the loop"), register.writing():
                loop.take_step(register, [one], step, {}, EDITOR)
        with pytest.raises(ConfigError, match="to come"):
            loop.step_values(register, "inspect", {}, due=None, on="2026-08-20", days=5)
        with pytest.raises(ConfigError, match="before"):
            loop.step_values(register, "assign", {}, due="2026-07-01", on="2026-08-01", days=5)
        with pytest.raises(ConfigError, match="no date"):
            loop.step_values(register, "assign", {}, due="1. August", on=None, days=5)
        values = loop.step_values(register, "assign", {"loop_unit": "所"}, due=None, on=None, days=5)
        assert values == {"loop_unit": "所", "loop_assigned_on": "2026-08-01", "loop_due": "2026-08-06"}
        with register.writing():
            loop.take_step(register, [one], "assign", values, EDITOR)
            loop.take_step(register, [one], "inspect", {"loop_finding": "无隐患"}, EDITOR)
        # handing it to somebody else does not set it back
        with register.writing():
            loop.take_step(register, [one], "assign", {"loop_unit": "另一所"}, Author("乙", "调整"))
        assert register.get([one])[one].values["loop_stage"] == "inspected"
        with register.writing():
            loop.take_step(register, [one], "close", {"loop_outcome": "无需处置"}, EDITOR)
        values = register.get([one])[one].values
        assert (values["loop_stage"], values["loop_due"]) == ("closed", None)
