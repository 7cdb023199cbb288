"""A sum with an unknown part is a lower bound, and says so wherever it is read; levels of merged places stay."""

import json

import numpy as np
import openpyxl
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.flow.register import decide
from geo_risk.flow.register_edits import import_edits
from geo_risk.flow.register_export import export
from geo_risk.flow.register_import import import_ledger
from geo_risk.flow.register_mapping import read_mapping
from geo_risk.flow.register_run import read_run, update
from geo_risk.products.register_merging import CHOICES, LOWER_BOUNDS, MergeRules, lower_bounds, take_over
from geo_risk.products.register_params import RegisterParams
from geo_risk.register import loop, proposals
from geo_risk.register.entry import Change
from geo_risk.register.replay import differences, undo
from tests.support.registers import EDITOR, X, Y, add_points, change, new_register, run_points, run_zones, write_run

RULES = RegisterParams()
LEDGER = {"source": "inventory", "status": "existing", "activity": "unknown", "velocity_mm_yr": np.nan}


def known(register, object_id):
    v = register.get([object_id])[object_id].values
    return v["people"], v[LOWER_BOUNDS]


def compare(register, folder, rows, month):
    made = f"2026-{month:02d}-01T20:00:00+00:00"
    return update(register, read_run(write_run(folder, run_points(rows), made_at=made)), RULES, who="甲")


@pytest.fixture
def pair(tmp_path):
    """A point of 30 people, and one of unknown people merged into it: other people, a person said."""
    with new_register(tmp_path / "r.gpkg") as register:
        one, two = add_points(register, 2, geometry=shapely.Point(X, Y))
        change(register, one, people=30)
        change(register, two, people=None)
        with register.writing():
            loop.merge(register, [two], one, EDITOR, rules=MergeRules("sum"))
        yield register, one, two


counts = st.none() | st.integers(0, 500)
marks = st.sampled_from([None, "people", "people,households", "households"])


@given(a=counts, b=counts, of=st.tuples(marks, marks), choice=st.sampled_from([*CHOICES, None]))
def test_a_joined_count_is_marked_wherever_somebody_may_be_missing_from_it(a, b, of, choice):
    gone, stays = {"people": a, LOWER_BOUNDS: of[0]}, {"people": b, LOWER_BOUNDS: of[1]}
    found = take_over("hazard_points", gone, stays, MergeRules(choice))
    value = found.after.get("people", b)
    marked = "people" in lower_bounds({**stays, **found.after})
    was = ["people" in lower_bounds(v) for v in (gone, stays)]
    if "people" in found.undecided:
        return  # nothing is done
    if value is None:
        assert not marked
    elif choice == "kept":
        assert marked is was[1]
    else:
        assert marked is (any(was) or (choice == "sum" and None in (a, b)))
        assert ("at least" in found.told, "至少" in found.told.zh) == (marked, marked)


def test_a_sum_with_an_unknown_part_is_marked_and_undo_takes_the_mark_away(pair):
    register, one, two = pair
    assert known(register, one) == (30, "people")
    with register.writing():
        undo(register, [register.history(two)[-1].seq], EDITOR)
    assert known(register, one) == (30, None)
    assert differences(register) == []


def test_a_run_that_counts_both_ends_the_mark_and_one_that_counts_less_does_not(pair, tmp_path):
    register, one, two = pair
    own = (one, X, Y, {**LEDGER, "people": 36.0})
    compare(register, tmp_path / "1", [own], 1)  # of the one in force alone: its 36 are not all
    (p,) = proposals.listed(register)
    assert p.after["people"] == 36
    assert "至少 30 → 至少 36" in p.reason_zh
    decide(register, [p.name], EDITOR, RULES)
    assert known(register, one) == (36, "people")
    compare(register, tmp_path / "2", [own, (two, X, Y, {**LEDGER, "people": np.nan})], 2)
    assert proposals.listed(register) == []  # still unknown
    compare(register, tmp_path / "3", [own, (two, X, Y, {**LEDGER, "people": 0.0})], 3)
    (p,) = proposals.listed(register)  # the figure is the same, but now it is known to be all
    assert "至少 36 → 36" in p.reason_zh
    decide(register, [p.name], EDITOR, RULES)
    assert known(register, one) == (36, None)
    assert differences(register) == []


def test_more_people_of_the_one_in_force_alone_are_a_lower_bound_of_a_sum(tmp_path):
    with new_register(tmp_path / "r.gpkg") as register:
        one, two = add_points(register, 2)
        with register.writing():
            loop.merge(register, [two], one, EDITOR, rules=MergeRules("sum"))
        assert known(register, one) == (24, None)
        compare(register, tmp_path / "1", [(one, X, Y, {**LEDGER, "people": 40.0})], 1)
        decide(register, [], EDITOR, RULES, everything=True)
        assert known(register, one) == (40, "people")  # and 12 more, or not: they were not counted


def test_the_mark_stands_where_people_read_and_ends_by_a_figure_that_somebody_writes(pair, tmp_path, cli):
    register, one, _ = pair
    where = ("-r", tmp_path / "r.gpkg")
    export(register, tmp_path / "copy.xlsx", language="zh")
    code, text, _ = cli("register", "list", *where)
    assert (code, ">= 30" in text) == (0, True)
    _, text, _ = cli("register", "list", "--json", *where)
    assert json.loads(text)[0][LOWER_BOUNDS] == "people"
    _, text, _ = cli("register", "show", one, *where)
    assert "仅为下限的数" in text
    assert "人口" in text.partition("仅为下限的数")[2]
    book = openpyxl.load_workbook(tmp_path / "copy.xlsx")
    sheet = book["隐患点"] if "隐患点" in book.sheetnames else book.worksheets[0]
    heads = [c.value for c in sheet[1]]
    row = next(r for r in sheet.iter_rows(min_row=2) if r[0].value == one)
    assert row[heads.index("仅为下限的数")].value == "人口"
    row[heads.index("仅为下限的数")].value = None  # nobody can wipe it away; a figure does it
    row[heads.index("人口")].value = 31
    book.save(tmp_path / "copy.xlsx")
    report = import_edits(register, tmp_path / "copy.xlsx")
    assert report.counts["proposed"] == 1
    decide(register, [], EDITOR, RULES, everything=True)
    assert known(register, one) == (31, None)
    code, _, _ = cli("register", "set", one, f"{LOWER_BOUNDS}=people", "--by", "甲", "--why", "试", *where)
    assert code == 2


def test_a_person_who_sets_the_same_figure_says_that_it_is_all(pair, tmp_path, cli):
    register, one, _ = pair
    code, _, _ = cli("register", "set", one, "people=30", "--by", "甲", "--why", "核实", "-r", tmp_path / "r.gpkg")
    assert code == 0
    assert known(register, one) == (30, None)


def graver_pair(register, **gone):
    """A still point of low hazard with one of high hazard merged into it; return their ids."""
    one, two = add_points(register, 2, geometry=shapely.Point(X, Y), hazard_level=1)
    change(register, two, hazard_level=4, **gone)
    with register.writing():
        loop.merge(register, [two], one, EDITOR, rules=MergeRules("larger"))
    return one, two


@pytest.mark.parametrize("how", ["larger", "kept"])
def test_the_level_of_a_merged_place_stays_until_a_run_judges_all_of_it(tmp_path, how):
    with new_register(tmp_path / "r.gpkg") as register:
        one, two = add_points(register, 2, geometry=shapely.Point(X, Y), hazard_level=1)
        change(register, two, hazard_level=4, activity="accelerating")
        with register.writing():
            loop.merge(register, [two], one, EDITOR, rules=MergeRules(how))
        own = (one, X, Y, {**LEDGER, "people": 12.0, "hazard_level": 1, "activity": "steady"})
        for month, rows in enumerate(([own], [("IS", X + 20, Y, {"hazard_level": 2, "activity": "stable"})]), 1):
            report = compare(register, tmp_path / f"{month}", rows, month)
            fields = {f for p in proposals.listed(register) for f in p.after}
            assert not {"hazard_level", "activity"} & fields
            assert any(f"1 places ({one}) keep their level" in n for n in report.notes)
            assert any("保持原等级" in n.zh for n in report.notes)
        both = [own, (two, X, Y, {**LEDGER, "people": 12.0, "hazard_level": 2})]
        report = compare(register, tmp_path / "3", both, 3)
        (p,) = proposals.listed(register)
        assert (p.after["hazard_level"], p.after["activity"]) == (2, "steady")
        assert report.notes == []


def test_one_of_several_merged_rows_that_is_missing_leaves_the_level_as_it_is(tmp_path):
    with new_register(tmp_path / "r.gpkg") as register:
        one, two, three = add_points(register, 3, geometry=shapely.Point(X, Y), hazard_level=2)
        change(register, three, hazard_level=4)
        with register.writing():
            loop.merge(register, [two, three], one, EDITOR, rules=MergeRules("larger"))
        rows = [(i, X, Y, {**LEDGER, "people": 12.0, "hazard_level": 2}) for i in (one, two)]
        compare(register, tmp_path / "1", rows, 1)
        assert proposals.listed(register) == []


def zones(register, *shapes, **values):
    with register.writing():
        ids = register.new_ids("risk_zones", len(shapes))
        base = {"kind": "landslide", "status": "existing", "hazard_level": 2, "vulnerability_level": 2,
                "risk_level": 2, "people": 10, **values}  # fmt: skip
        register.apply([Change("risk_zones", i, 0, "new", {**base, "geometry": g}, True)
                        for i, g in zip(ids, shapes, strict=True)], EDITOR)  # fmt: skip
    return ids


@pytest.mark.parametrize(
    ("drawn", "levels", "proposed"),
    [((0,), (1,), None), ((0, 1), (1, 2), 2), ((0, 1), (1, 4), None), ((2,), (1,), 1), ((0, 1), (2, -1), None)],
)  # fmt: skip
def test_a_merged_zone_falls_only_where_the_run_draws_the_ground_of_both(tmp_path, drawn, levels, proposed):
    shapes = [shapely.box(X, Y, X + 100, Y + 100), shapely.box(X + 100, Y, X + 140, Y + 100)]
    shapes.append(shapely.union_all(shapes))
    with new_register(tmp_path / "r.gpkg") as register:
        one, two = zones(register, *shapes[:2])
        change(register, two, hazard_level=4, risk_level=4)
        with register.writing():
            loop.merge(register, [two], one, EDITOR, rules=MergeRules("sum"))
        found = run_zones([(f"z{k}", shapes[k], {"hazard_level": level, "risk_level": level, "people": 11.0})
                           for k, level in zip(drawn, levels, strict=True)])  # fmt: skip
        run = read_run(write_run(tmp_path / "run", zones=found))
        report = update(register, run, RULES, who="甲")
        changed = [p for p in proposals.listed(register) if p.object_id == one and p.kind == "changed"]
        fields = {f: v for p in changed for f, v in p.after.items()}
        assert fields.get("hazard_level") == proposed
        assert fields.get("risk_level") == proposed
        assert ("people" in fields) is (drawn == (2,))  # 11 are fewer than the 20 of both, where one row has not all
        assert any(f"1 places ({one})" in n for n in report.notes) is (drawn == (0,) or -1 in levels)


def test_a_ledger_of_the_one_in_force_alone_takes_no_level_away(tmp_path):
    with new_register(tmp_path / "r.gpkg") as register:
        one, two = graver_pair(register)
        row = {"point_id": one, "x": X, "y": Y, "kind": "landslide", "hazard_level": 1}
        pd.DataFrame([row]).to_csv(tmp_path / "a.csv", index=False)
        report = import_ledger(register, tmp_path / "a.csv", read_mapping(None, layer="hazard_points"))
        assert proposals.listed(register) == []
        assert any("hazard_level 1" in q["reason"] for q in report.quarantine), report
        pd.DataFrame([row, {**row, "point_id": two}]).to_csv(tmp_path / "b.csv", index=False)
        import_ledger(register, tmp_path / "b.csv", read_mapping(None, layer="hazard_points"))
        assert [p.after.get("hazard_level") for p in proposals.listed(register)] == [1]
