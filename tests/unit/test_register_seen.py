"""When an object was last seen and by which run; more people propose a change; what was merged does not come back."""

import json
import sqlite3

import numpy as np
import pyogrio
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.core.errors import ConflictError
from geo_risk.flow.register import decide
from geo_risk.flow.register_run import read_run, update
from geo_risk.products.params import RiskParams
from geo_risk.products.register_joined import join_merged
from geo_risk.products.register_merging import MergeRules
from geo_risk.products.register_params import RegisterParams
from geo_risk.products.register_rules import is_worse
from geo_risk.register import loop, proposals, runs
from geo_risk.register.replay import differences, undo
from geo_risk.register.rtree import add_functions
from geo_risk.register.seen import kept
from tests.support.registers import (
    EDITOR,
    X,
    Y,
    add_points,
    change,
    new_register,
    run_points,
    run_zones,
    write_run,
)

RULES, RISK = RegisterParams(), RiskParams()
LEDGER = {"source": "inventory", "status": "existing", "activity": "unknown", "velocity_mm_yr": np.nan}


@pytest.fixture
def register(tmp_path):
    with new_register(tmp_path / "r.gpkg") as opened:
        yield opened


def compare(register, folder, *args, month=1, **kwargs):
    made = f"2026-{month:02d}-01T20:00:00+00:00"  # the second of the month in China
    return update(register, read_run(write_run(folder, *args, made_at=made, **kwargs)), RULES, who="甲")


def kinds(register):
    return sorted((p.object_id, p.kind) for p in proposals.listed(register))


def confirm_all(register, merges=None):
    return decide(register, [], EDITOR, RULES, everything=True, merges=merges)


@pytest.mark.slow
def test_each_object_knows_the_run_that_last_saw_it(tmp_path, register):
    moves = run_points([("IS-1", X, Y, {}), ("IS-2", X + 400, Y, {})])
    first = compare(register, tmp_path / "1", moves, month=1)
    confirm_all(register)
    seen = kept(register.database, "hazard_points")
    told = {"last_seen": "2026-01-02", "last_seen_run": first.run_id}
    assert seen["HP-000001"] == {**told, "last_looked": "2026-01-02", "last_looked_run": first.run_id,
                                 "last_outcome": "found"}  # fmt: skip
    # a run that sees it still looks, and does not see it act; a blind one does not even look
    second = compare(register, tmp_path / "2", moves.iloc[1:], month=2)
    compare(register, tmp_path / "3", moves.iloc[1:], month=3, activity=-1)
    seen = kept(register.database, "hazard_points")
    assert seen["HP-000001"] == {**told, "last_looked": "2026-02-02", "last_looked_run": second.run_id,
                                 "last_outcome": "quiet"}  # fmt: skip
    assert seen["HP-000002"]["last_seen"] == "2026-03-02"
    # an older run that is compared late changes nothing of it
    compare(register, tmp_path / "0", moves, month=1, hazard=2)
    assert kept(register.database, "hazard_points")["HP-000002"]["last_seen"] == "2026-03-02"
    assert differences(register) == []
    frame = register.frame("hazard_points")
    assert frame["last_seen"].tolist() == ["2026-01-02", "2026-03-02"]


def test_what_was_made_again_remembers_when_it_was_seen(register_url, tmp_path):
    with new_register(register_url) as register:
        compare(register, tmp_path / "1", run_points([("IS-1", X, Y, {})]))
        confirm_all(register)
        for _ in range(2):
            with register.writing():
                undo(register, [register.history("HP-000001")[-1].seq], EDITOR)
        assert register.frame("hazard_points")["last_seen"].tolist() == ["2026-01-02"]
        zone = run_zones([("A", shapely.box(X, Y, X + 90, Y + 90), {})])
        report = compare(register, tmp_path / "2", zones=zone, month=2)
        confirm_all(register)
        frame = register.frame("risk_zones")
        assert frame[["last_seen", "last_seen_run"]].to_numpy().tolist() == [["2026-02-02", report.run_id]]
        assert differences(register) == []


def test_a_row_whose_last_sighting_was_touched_is_found(tmp_path, register):
    compare(register, tmp_path / "1", run_points([("IS-1", X, Y, {})]))
    confirm_all(register)
    raw = sqlite3.connect(tmp_path / "r.gpkg")
    add_functions(raw)
    raw.execute("DROP TRIGGER keep_hazard_points_update")
    raw.execute("UPDATE hazard_points SET last_seen = '2030-01-01'")
    raw.commit()
    raw.close()
    assert differences(register) == ["HP-000001: when it was last seen differs from what the runs saw"]


def still(one):
    return run_points([(one, X, Y, {**LEDGER, "status": "dormant", "activity": "stable"})])


@pytest.mark.slow
def test_the_rest_of_a_point_says_when_it_was_last_seen_to_act(tmp_path, register):
    (one,) = add_points(register, activity="stable")
    first = compare(register, tmp_path / "1", run_points([(one, X, Y, {**LEDGER, "activity": "steady"})]), radar="a")
    compare(register, tmp_path / "2", still(one), radar="b", month=2)
    compare(register, tmp_path / "3", still(one), radar="c", month=3)
    rest = next(p for p in proposals.listed(register) if p.kind == "dormant")
    assert f"Last seen to act on 2026-01-02 (run {first.run_id}); still on 2026-02-02, 2026-03-02." in rest.reason_en
    assert f"最近一次观测到活动：2026-01-02（{first.run_id}）；判定稳定：2026-02-02, 2026-03-02。" in rest.reason_zh
    # one more run that sees it act: the count starts anew, and the rest is withdrawn
    compare(register, tmp_path / "4", still(one), radar="d", month=4, activity=1)
    compare(register, tmp_path / "5", still(one), radar="e", month=5)
    assert "dormant" not in [k for _, k in kinds(register)]
    assert kept(register.database, "hazard_points")[one]["last_seen"] == "2026-04-02"


def test_more_people_are_proposed_whatever_share_of_all_they_are(tmp_path, register):
    one, two, three = add_points(register, 3, people=1000)
    rows = [(i, X + 500 * k, Y, {**LEDGER, "people": float(n)})
            for k, (i, n) in enumerate(((one, 1005), (two, 1004), (three, 900)))]  # fmt: skip
    compare(register, tmp_path / "1", run_points(rows))
    assert kinds(register) == [(one, "changed")]
    assert "people 1,000 -> 1,005" in proposals.listed(register)[0].reason_en


@pytest.mark.slow
def test_a_declined_place_comes_back_with_more_people(tmp_path, register):
    compare(register, tmp_path / "1", run_points([("IS-1", X, Y, {"people": 12.0})]))
    decide(register, ["HP-000001"], EDITOR, RULES, accept=False)
    compare(register, tmp_path / "2", run_points([("IS-1", X, Y, {"people": 16.0})]), month=2)
    assert kinds(register) == []
    compare(register, tmp_path / "3", run_points([("IS-1", X, Y, {"people": 17.0})]), month=3)
    assert kinds(register) == [("HP-000001", "new")]


people = st.none() | st.integers(0, 3000)


@given(then=people, now=people, level=st.integers(-1, 4), grade=st.sampled_from([None, "I", "II", "III", "IV"]))
def test_worse_means_more_people_or_a_graver_grade_and_unknown_is_never_worse(then, now, level, grade):
    before = {"hazard_level": level, "people": then, "danger_grade": "III", "activity": "steady"}
    row = {**before, "people": now, "danger_grade": grade}
    more = now is not None and now - (then or 0) >= 5
    assert is_worse(row, before, RULES) == (more or grade in ("I", "II"))
    assert not is_worse(before | {"hazard_level": -1}, before, RULES) or (then or 0) < 0
    assert is_worse({**before, "hazard_level": level + 1}, before, RULES)


def ledger_pair(register, tmp_path, how, **more):
    """Two points of a ledger 20 m apart, merged; return a function that compares a later run of both rows."""
    rows = [("141001", X, Y, {**LEDGER, "people": 30.0}), ("141002", X + 20, Y, {**LEDGER, "people": 12.0})]
    compare(register, tmp_path / "1", run_points(rows))
    confirm_all(register)
    with register.writing():
        loop.merge(register, ["141002"], "141001", EDITOR, rules=MergeRules(how))

    def later(month, *changed):
        now = [(i, x, y, {**v, **c}) for (i, x, y, v), c in zip(rows, changed or ({}, {}), strict=True)]
        return compare(register, tmp_path / f"later{month}", run_points(now), month=month)

    return later


@pytest.mark.slow
@pytest.mark.parametrize(("how", "joined"), [("sum", 42), ("larger", 30), ("kept", 30)])
def test_what_was_merged_does_not_come_back_and_its_people_count_as_decided(tmp_path, register, how, joined):
    later = ledger_pair(register, tmp_path, how)
    assert register.get(["141001"])["141001"].values["people"] == joined
    later(2)
    assert kinds(register) == []  # neither revived nor new, and no fewer people
    later(3, {}, {"activity": "accelerating", "source": "inventory+insar"})
    (one,) = proposals.listed(register)
    assert (one.object_id, one.kind, one.after["activity"]) == ("141001", "changed", "accelerating")
    assert "people" not in one.after
    # more people at the place of the merged one are people of the object in force
    later(4, {}, {"people": 52.0, "activity": "unknown"})
    changed = [p.after.get("people") for p in proposals.listed(register)]
    assert changed == {"sum": [82], "larger": [52], "kept": [None]}[how]
    assert differences(register) == []


def test_radar_near_a_merged_point_finds_the_one_in_force(tmp_path, register):
    ledger_pair(register, tmp_path, "sum")
    compare(register, tmp_path / "r", run_points([("IS-7", X + 25, Y, {"people": 42.0, "hazard_level": 3})]), month=2)
    assert {i for i, _ in kinds(register)} == {"141001"}


@pytest.mark.slow
def test_the_merged_row_alone_speaks_for_the_object_and_takes_nobody_away(tmp_path, register):
    ledger_pair(register, tmp_path, "sum")
    alone = run_points([("141002", X + 20, Y, {**LEDGER, "people": 12.0, "hazard_level": 4})])
    compare(register, tmp_path / "a", alone, month=2)
    (one,) = proposals.listed(register)
    assert (one.object_id, one.kind) == ("141001", "changed")
    assert one.after["hazard_level"] == 4
    assert not {"people", "geometry"} & set(one.after)


@pytest.mark.slow
@pytest.mark.parametrize(("how", "people", "proposed"), [("sum", 30.0, None), ("sum", 60.0, 60), ("larger", 60.0, 60)])
def test_the_row_of_the_one_in_force_alone_takes_nobody_away(tmp_path, register, how, people, proposed):
    ledger_pair(register, tmp_path, how)
    alone = run_points([("141001", X, Y, {**LEDGER, "people": people, "hazard_level": 4})])
    compare(register, tmp_path / "a", alone, month=2)
    (one,) = proposals.listed(register)
    assert (one.object_id, one.after["hazard_level"]) == ("141001", 4)
    assert one.after.get("people") == proposed


@pytest.mark.slow
def test_taken_back_the_merged_point_is_itself_again(tmp_path, register):
    later = ledger_pair(register, tmp_path, "sum")
    with register.writing():
        undo(register, [register.history("141002")[-1].seq], EDITOR)
    later(2, {"hazard_level": 3}, {"activity": "steady", "source": "inventory+insar"})
    assert ("141002", "changed") in kinds(register)


@pytest.mark.slow
def test_a_merged_zone_is_neither_revived_nor_new_unless_it_is_worse(tmp_path, register):
    left, right = shapely.box(X, Y, X + 200, Y + 200), shapely.box(X + 200, Y, X + 330, Y + 200)
    both = run_zones([("A", left, {}), ("B", right, {})])
    compare(register, tmp_path / "1", zones=both)
    confirm_all(register)
    with register.writing():
        loop.merge(register, ["RZ-000002"], "RZ-000001", EDITOR)
    compare(register, tmp_path / "2", zones=both, month=2)
    assert kinds(register) == []
    worse = run_zones([("A", left, {}), ("B", right, {"people": 60.0})])
    compare(register, tmp_path / "3", zones=worse, month=3)
    assert kinds(register) == [("RZ-000002", "revived")]


@pytest.mark.slow
def test_a_point_names_the_zone_in_force_and_not_the_one_that_was_merged(tmp_path, register):
    left, right = shapely.box(X, Y, X + 200, Y + 200), shapely.box(X + 200, Y, X + 330, Y + 200)
    both = run_zones([("A", left, {}), ("B", right, {})])
    point = run_points([("IS-1", X + 250, Y + 50, {"zone_id": "B"})])
    compare(register, tmp_path / "1", point, zones=both)
    confirm_all(register)
    with register.writing():
        loop.merge(register, ["RZ-000002"], "RZ-000001", EDITOR)
    (p,) = register.states("hazard_points")
    assert p.values["zone_id"] == "RZ-000001"
    change(register, p.object_id, zone_id=None)
    point = run_points([("IS-1", X + 250, Y + 50, {"zone_id": "B", "people": 60.0})])
    compare(register, tmp_path / "2", point, zones=both, month=2)
    (one,) = proposals.listed(register)
    assert one.after["zone_id"] == "RZ-000001"


counts = st.none() | st.integers(0, 500)


@given(own=counts, gone=counts, how=st.sampled_from(["sum", "larger", "kept", None]), order=st.booleans())
def test_joined_rows_lose_nobody_and_know_no_order(own, gone, how, order):
    rows = [("a", X, Y, {**LEDGER, "people": own}), ("b", X, Y, {**LEDGER, "people": gone})]
    frame = run_points(rows[::-1] if order else rows)
    frame["people"] = frame["people"].astype("float64")
    joined = join_merged(frame, numbers={}, into={"b": "a"}, how={"b": how}, risk=RISK)
    (row,) = joined.found.to_dict("records")
    wanted = {"sum": None if None in (own, gone) else own + gone, "kept": own}.get(
        how, None if None in (own, gone) else max(own, gone)
    )
    assert (None if np.isnan(row["people"]) else row["people"]) == wanted
    assert joined.also == {"a": "a", "b": "a"}
    assert row["point_id"] == "a"


@pytest.mark.parametrize(
    ("hows", "people"),
    [({"b": "larger", "c": "sum"}, 22), ({"b": "sum", "c": "larger"}, 14), ({"b": "sum", "c": "kept"}, 10),
     ({"b": "kept", "c": "sum"}, 12), ({"b": "sum", "c": "sum"}, 24)],
)  # fmt: skip
def test_counts_of_a_chain_of_merges_are_joined_link_by_link(hows, people):
    # b (12) went into c (2), then c into a (10)
    frame = run_points([(i, X, Y, {**LEDGER, "people": n}) for i, n in (("a", 10.0), ("b", 12.0), ("c", 2.0))])
    joined = join_merged(frame, numbers={}, into={"b": "a", "c": "a"}, how=hows, risk=RISK,
                         parents={"b": "c", "c": "a"})  # fmt: skip
    assert joined.found["people"].tolist() == [people]


@pytest.mark.parametrize(("own", "gone", "joined_level"), [(1, -1, -1), (-1, 0, -1), (-1, 2, 2), (0, 1, 1), (3, -1, 3)])
def test_an_unknown_level_of_a_merged_row_never_becomes_low(own, gone, joined_level):
    frame = run_points([("a", X, Y, {**LEDGER, "hazard_level": own}), ("b", X, Y, {**LEDGER, "hazard_level": gone})])
    joined = join_merged(frame, numbers={}, into={"b": "a"}, how={"b": None}, risk=RISK)
    assert joined.found["hazard_level"].tolist() == [joined_level]


@pytest.mark.slow
def test_the_commands_show_when_it_was_last_seen(tmp_path, monkeypatch, cli):
    import openpyxl

    monkeypatch.setenv("GEO_RISK_REGISTER", str(tmp_path / "r.gpkg"))
    with new_register(tmp_path / "r.gpkg") as register:
        report = compare(register, tmp_path / "1", run_points([("IS-1", X, Y, {})]))
        _, text, _ = cli("register", "show", "HP-000001", "--json")
        shown = json.loads(text)
        assert (shown["is_there"], shown["version"], shown["proposals"]) == (False, 0, ["P-000001"])
        _, text, _ = cli("register", "show", "HP-000001")
        assert "not in the register yet" in text
        confirm_all(register)
        change(register, "HP-000001", responsible="张三")
        (run,) = runs.runs(register)
        assert run.run_id == report.run_id
    _, text, _ = cli("register", "list", "--json")
    (row,) = json.loads(text)
    assert (row["last_seen"], row["last_seen_run"], row["last_outcome"]) == ("2026-01-02", report.run_id, "found")
    _, text, _ = cli("register", "show", "HP-000001", "--json")
    shown = json.loads(text)
    assert (shown["values"]["last_seen"], shown["version"]) == ("2026-01-02", 2)
    assert "张三" not in text
    _, text, _ = cli("register", "show", "HP-000001")
    assert "2026-01-02" in text
    assert "张三" not in text
    code, _, err = cli("register", "show", "HP-9")
    assert (code, len(err.splitlines())) == (3, 3)
    cli("register", "export", tmp_path / "a.xlsx")
    cli("register", "export", tmp_path / "a.gpkg")
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx")["隐患点"]
    heads = {c.value: c.column for c in sheet[1]}
    assert sheet.cell(2, heads["最近观测到活动"]).value == "2026-01-02"
    frame = pyogrio.read_dataframe(tmp_path / "a.gpkg", layer="hazard_points")
    assert frame["last_seen_run"].tolist() == [report.run_id]
    # what runs say is nobody's to edit: a change of it is no edit
    sheet.cell(2, heads["最近观测到活动"]).value = "2020-01-01"
    sheet.parent.save(tmp_path / "a.xlsx")
    _, text, _ = cli("register", "import", tmp_path / "a.xlsx", "--by", "甲", "--why", "试", "--json")
    report = json.loads(text)
    assert report["proposals"] == []
    assert any("last_seen" in n["en"] for n in report["notes"])


def test_a_point_that_a_run_saw_change_is_merged_only_once_that_is_decided(tmp_path, register):
    from geo_risk.register.proposals import Offer

    one, two = add_points(register, 2)
    compare(register, tmp_path / "1", run_points([(two, X + 500, Y, {**LEDGER, "people": 99.0})]))
    with register.writing():
        rest = Offer("dormant", "hazard_points", two, {"status": "dormant"}, "休。", "Rest.")
        proposals.propose(register, [rest], source="run", run_id=None)
        edit = Offer("edit", "hazard_points", two, {"name": "改"}, "改。", "Edited.")
        proposals.propose(register, [edit], source="file", run_id=None)
    with pytest.raises(ConflictError, match="P-000001 of HP-000002 is open"), register.writing():
        loop.merge(register, [two], one, EDITOR)  # 99 people would be lost with it
    decide(register, ["P-000001"], EDITOR, RULES)
    with register.writing():
        loop.merge(register, [two], one, EDITOR, rules=MergeRules("larger"))
    assert register.get([one])[one].values["people"] == 99
    # what else runs said of it is withdrawn, what people edited stays
    assert kinds(register) == [(two, "edit")]
    old = next(p for p in proposals.listed(register, state=None) if p.kind == "dormant")
    assert (old.state, "merged" in old.decided_why) == ("replaced", True)
