"""Merging two entries loses nobody: counts are carried, joined as a person says, or the conflict is named."""

import json

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.core.errors import ConflictError, DataError
from geo_risk.flow.register import decide, told_of_merge
from geo_risk.products.params import RiskParams
from geo_risk.products.register_merging import CHOICES, COUNTS, MergeRules, take_over
from geo_risk.products.register_params import RegisterParams
from geo_risk.register import loop, proposals
from geo_risk.register.entry import Author, Change
from geo_risk.register.proposals import Offer
from geo_risk.register.replay import differences, undo
from tests.support.registers import EDITOR, X, Y, add_points, change, new_register

RULES, RISK = RegisterParams(), RiskParams()
WHO = ("--by", "甲", "--why", "试")


def propose_merge(register, gone, into):
    with register.writing():
        after = {"status": "cancelled", "merged_into": into}
        offer = Offer("cancel", "hazard_points", gone, after, "同一处。", "The same place.")
        return proposals.propose(register, [offer], source="run", run_id=None).numbers[0]


def values(register, object_id, *names):
    found = register.get([object_id])[object_id].values
    return tuple(found[n] for n in names)


@pytest.mark.parametrize(
    ("gone", "stays", "choice", "people", "undecided"),
    [(12, None, None, 12, False), (None, 12, None, 12, False), (None, None, None, None, False),
     (12, 12, None, 12, False), (12, 30, None, 30, True), (30, 12, None, 12, True), (0, 5, None, 5, True),
     (12, 30, "larger", 30, False), (30, 12, "larger", 30, False), (12, 30, "sum", 42, False),
     (12, 12, "sum", 24, False), (12, None, "sum", 12, False), (30, 12, "kept", 12, False),
     (30, None, "kept", None, False)],
)  # fmt: skip
def test_people_are_carried_joined_or_the_conflict_is_named(gone, stays, choice, people, undecided):
    found = take_over("hazard_points", {"people": gone}, {"people": stays}, MergeRules(choice))
    assert (found.undecided == ("people",)) is undecided
    if not undecided:
        assert found.after.get("people", stays) == people
    assert "people" in found.told
    assert "人数" in found.told.zh


counts = st.none() | st.integers(0, 5000)
levels = st.integers(-1, 4)


@given(a=counts, b=counts, choice=st.sampled_from([*CHOICES, None]), level=st.tuples(levels, levels),
       layer=st.sampled_from(sorted(COUNTS)))  # fmt: skip
def test_nobody_known_is_lost_unless_a_person_keeps_the_other_figure(a, b, choice, level, layer):
    gone, stays = {"people": a, "hazard_level": level[0]}, {"people": b, "hazard_level": level[1]}
    found = take_over(layer, gone, stays, MergeRules(choice))
    now = found.after.get("people", b)
    known = [v for v in (a, b) if v is not None]
    if choice is None and len(set(known)) == 2:
        assert found.undecided == ("people",)
    elif choice != "kept" and known:
        assert max(known) <= now <= sum(known)
    if choice == "sum":
        assert (now or 0) == sum(known)
    new = found.after.get("hazard_level", level[1])
    assert new >= level[1]  # no level falls, and unknown never becomes low
    assert new == max(level) or (level[1] == -1 and level[0] <= 1 and new == -1)


def test_the_graver_goes_along_and_the_grade_rises_with_the_people():
    gone = {
        "people": 80,
        "danger_grade": "IV",
        "activity": "accelerating",
        "hazard_level": 4,
        "responsible": "责任人-1",
    }
    stays = {"people": 70, "danger_grade": "IV", "activity": "steady", "hazard_level": 2, "responsible": None}
    after = take_over("hazard_points", gone, stays, MergeRules("sum")).after
    assert after == {"people": 150, "danger_grade": "III", "activity": "accelerating", "hazard_level": 4,
                     "responsible": "责任人-1"}  # fmt: skip
    # what rests brings no old activity back, and the graver of two stays
    gone |= {"status": "dormant", "danger_grade": "II"}
    after = take_over("hazard_points", gone, {**stays, "hazard_level": 4}, MergeRules("larger")).after
    assert after == {"people": 80, "danger_grade": "II", "responsible": "责任人-1"}


@pytest.mark.parametrize(
    ("gone", "stays", "after"),
    [("changed", "dormant", "changed"), ("existing", "dormant", "changed"), ("dormant", "dormant", None),
     ("dormant", "existing", None)],
)  # fmt: skip
def test_what_acts_is_never_put_to_rest_by_a_merge(gone, stays, after):
    found = take_over("hazard_points", {"people": 3, "status": gone}, {"people": 3, "status": stays}, MergeRules())
    assert found.after.get("status") == after


def test_a_point_that_acts_wakes_the_dormant_one_and_undo_lets_it_rest_again(tmp_path):
    with new_register(tmp_path / "r.gpkg") as register:
        one, two = add_points(register, 2)
        change(register, one, status="dormant")
        with register.writing():
            loop.merge(register, [two], one, EDITOR)
        assert values(register, one, "status") == ("changed",)
        with register.writing():
            undo(register, [register.history(two)[-1].seq], EDITOR)
        assert [values(register, i, "status") for i in (one, two)] == [("dormant",), ("existing",)]
        assert differences(register) == []


def test_a_zone_that_holds_the_others_ground_counts_its_people_already():
    box, inside, beside = shapely.box(0, 0, 10, 10), shapely.box(0, 0, 5, 5), shapely.box(8, 0, 18, 10)
    a, b = {"people": 20, "road_km": 1.0}, {"people": 50, "road_km": 0.5}
    found = take_over("risk_zones", a, b, MergeRules(), shapes=(inside, box))
    assert (found.after, found.undecided, found.choice) == ({"road_km": 1.0}, (), "larger")
    found = take_over("risk_zones", a, b, MergeRules(), shapes=(beside, box))
    assert found.undecided == ("people", "road_km")


def test_a_merge_that_nobody_decided_stays_open_and_names_both_figures(register_url):
    with new_register(register_url) as register:
        one, two, three = add_points(register, 3)
        change(register, one, people=30, households=9)
        propose_merge(register, two, one)
        propose_merge(register, three, two)
        told = told_of_merge(register, proposals.listed(register)[0], RISK)
        assert told.undecided == ("people",)
        assert told.after == {}
        decided = decide(register, [], EDITOR, RULES, everything=True)
        # two and three agree (12 and 12): that merge is done; the other waits for a person
        assert decided.done == ["P-000002"]
        assert "people: HP-000002 has 12, HP-000001 has 30" in decided.left["P-000001"]
        assert values(register, three, "status", "merged_into", "merged_counts") == ("cancelled", two, None)
        with pytest.raises(ConflictError, match="--counts"):
            decide(register, ["P-000001"], EDITOR, RULES, over=True)
        decide(register, ["P-000001"], EDITOR, RULES, merges=MergeRules("sum"))
        assert values(register, one, "people", "households") == (42, 9)
        assert values(register, two, "status", "merged_into", "merged_counts", "people") == (
            "cancelled",
            one,
            "sum",
            12,
        )
        gone, stays = register.history(two)[-1], register.history(one)[-1]
        assert (gone.action, stays.action, gone.change_id == stays.change_id) == ("merge", "absorb", True)
        assert (stays.before["people"], stays.after["people"]) == (30, 42)
        assert differences(register) == []


@pytest.mark.parametrize("which", ["merge", "absorb"])
def test_undo_of_either_entry_brings_both_back_and_undoing_that_merges_again(register_url, which):
    with new_register(register_url) as register:
        one, two = add_points(register, 2)
        change(register, one, people=30, activity="stable")
        change(register, two, activity="accelerating")
        before = {i: s.values for i, s in register.get([one, two]).items()}
        with register.writing():
            loop.merge(register, [two], one, Author("乙", "同一处"), rules=MergeRules("sum"))
        merged = {i: s.values for i, s in register.get([one, two]).items()}
        assert merged[one]["people"] == 42
        assert merged[one]["activity"] == "accelerating"
        seq = next(e.seq for e in register.history() if e.action == which)
        with register.writing():
            assert len(undo(register, [seq], EDITOR)) == 2
        assert {i: s.values for i, s in register.get([one, two]).items()} == before
        with register.writing():
            undo(register, [register.history(one if which == "merge" else two)[-1].seq], EDITOR)
        assert {i: s.values for i, s in register.get([one, two]).items()} == merged
        assert differences(register) == []


def test_a_merge_is_not_taken_back_over_a_later_count(register_url):
    with new_register(register_url) as register:
        one, two = add_points(register, 2)
        with register.writing():
            loop.merge(register, [two], one, EDITOR, rules=MergeRules("sum"))
        change(register, one, Author("乙", "入户"), people=25)
        seq = register.history(two)[-1].seq
        with pytest.raises(ConflictError, match=r"HP-000001: entry \d by 乙"), register.writing():
            undo(register, [seq], EDITOR)
        assert values(register, two, "status") == ("cancelled",)


def test_several_merges_of_one_confirmation_go_one_after_the_other(tmp_path):
    with new_register(tmp_path / "r.gpkg") as register:
        one, two, three, four = add_points(register, 4)
        for gone, into in ((two, one), (three, one), (one, four)):
            propose_merge(register, gone, into)
        decided = decide(register, [], EDITOR, RULES, everything=True, merges=MergeRules("sum"))
        assert decided.left == {}
        assert values(register, four, "people") == (48,)
        assert differences(register) == []
        # each is taken back by itself, the last first
        for gone, left in ((one, 12), (three, 24), (two, 12)):
            with register.writing():
                undo(register, [register.history(gone)[-1].seq], EDITOR)
            at = four if gone == one else one
            assert values(register, at, "people") == (left,)
        assert [s.values["people"] for s in register.states("hazard_points")] == [12] * 4


def test_nothing_is_merged_into_what_is_cancelled_or_absent(tmp_path):
    with new_register(tmp_path / "r.gpkg") as register:
        one, two = add_points(register, 2)
        propose_merge(register, two, one)
        with register.writing():
            loop.cancel(register, [one], EDITOR)
        decided = decide(register, [], EDITOR, RULES, everything=True)
        assert decided.left == {"P-000001": "HP-000001 is cancelled itself"}
        assert values(register, two, "status") == ("existing",)
        for into, said in (("HP-9", "no HP-9"), (two, "itself"), (one, "cancelled")):
            with pytest.raises(DataError, match=said), register.writing():
                loop.merge(register, [two], into, EDITOR)


def test_what_is_to_be_done_goes_along(tmp_path):
    with new_register(tmp_path / "r.gpkg") as register:
        one, two = add_points(register, 2)
        step = {"loop_unit": "国土所", "loop_assigned_on": "2026-08-01", "loop_due": "2026-08-10"}
        with register.writing():
            loop.take_step(register, [two], "assign", step, EDITOR)
            loop.merge(register, [two], one, EDITOR)
        assert values(register, one, "loop_stage", "loop_unit", "loop_due") == ("assigned", "国土所", "2026-08-10")
        rows = loop.overdue(register, on=loop.read_date("2026-08-20", "--on"))
        assert [r["object_id"] for r in rows] == [one]


def test_an_edit_of_a_copy_that_merges_is_a_merge_too(tmp_path):
    with new_register(tmp_path / "r.gpkg") as register:
        one, two = add_points(register, 2, people=None)
        change(register, two, people=7)
        with register.writing():
            offer = Offer("edit", "hazard_points", two, {"merged_into": one}, "改。", "Edited.")
            proposals.propose(register, [offer], source="file", run_id=None)
        decide(register, [], EDITOR, RULES, everything=True)
        assert values(register, one, "people") == (7,)
        assert values(register, two, "status") == ("cancelled",)


@pytest.mark.slow
def test_merging_by_the_command_line_shows_and_asks(tmp_path, monkeypatch, cli):
    monkeypatch.setenv("GEO_RISK_REGISTER", str(tmp_path / "r.gpkg"))
    with new_register(tmp_path / "r.gpkg") as register:
        one, two = add_points(register, 2, geometry=shapely.Point(X, Y))
        change(register, two, people=40, responsible="张三")
        propose_merge(register, two, one)
    code, text, _ = cli("register", "proposals", "--json")
    merge = json.loads(text)[0]["merge"]
    assert (merge["after"], merge["undecided"]) == ({}, ["people"])
    assert merge["zh"] == "并入者与保留者：人数 40 与 12 → 待定"
    code, _, err = cli("register", "confirm", "--all", *WHO)
    assert code == 3
    code, _, err = cli("register", "cancel", two, "--into", one, *WHO)
    assert (code, len(err.splitlines())) == (3, 3)
    assert "HP-000002 has 40, HP-000001 has 12" in err
    code, _, err = cli("register", "cancel", two, "--counts", "sum", *WHO)
    assert code == 2
    code, _, err = cli("register", "cancel", two, "--into", one, "--counts", "both", *WHO)
    assert (code, len(err.splitlines())) == (2, 3)
    code, _, err = cli("register", "set", two, f"merged_into={one}", *WHO)
    assert code == 2
    code, text, _ = cli("register", "cancel", two, "--into", one, "--counts", "larger", *WHO, "--json")
    assert json.loads(text) == {"versions": {two: 3}}
    code, text, _ = cli("register", "history", one, "--json")
    last = json.loads(text)[-1]
    assert (last["action"], last["with"], last["after"]["people"]) == ("absorb", [two], 40)
    code, text, _ = cli("register", "undo", last["seq"], *WHO, "--json")
    assert code == 0
    code, text, _ = cli("register", "list", "--json")
    assert [(r["people"], r["status"]) for r in json.loads(text)] == [(12, "existing"), (40, "existing")]


def test_merged_zones_join_their_points(tmp_path):
    with new_register(tmp_path / "r.gpkg") as register:
        with register.writing():
            ids = register.new_ids("risk_zones", 2)
            shapes = (shapely.box(X, Y, X + 90, Y + 30), shapely.box(X, Y, X + 50, Y + 30))
            register.apply([Change("risk_zones", i, 0, "new", {"kind": "landslide", "geometry": g, "people": 3 + k,
                                   "point_ids": f"P{k},Q"}, True)
                            for k, (i, g) in enumerate(zip(ids, shapes, strict=True))], EDITOR)  # fmt: skip
            loop.merge(register, [ids[1]], ids[0], EDITOR)
        assert values(register, ids[0], "people", "point_ids") == (4, "P0,Q,P1")


def test_a_change_that_waits_goes_before_the_merge(tmp_path):
    with new_register(tmp_path / "r.gpkg") as register:
        one, two = add_points(register, 2)
        propose_merge(register, two, one)
        with register.writing():
            offers = [Offer("changed", "hazard_points", two, {"people": 50}, "变。", "Changed."),
                      Offer("dormant", "hazard_points", two, {"status": "dormant"}, "休。", "Rest.")]  # fmt: skip
            proposals.propose(register, offers, source="run", run_id=None)
        decided = decide(register, ["P-000001", "P-000002"], EDITOR, RULES)
        assert decided.done == ["P-000002"]
        assert "P-000002 of HP-000002 is open" in decided.left["P-000001"]
        decided = decide(register, [], EDITOR, RULES, everything=True, merges=MergeRules("sum"))
        assert decided.done == ["P-000001"]
        assert "merged" in decided.left["P-000003"]  # nothing puts to rest what is gone
        assert values(register, one, "people") == (62,)
        assert proposals.listed(register) == []
