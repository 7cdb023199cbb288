"""A run against the register: what it proposes, what people decide, and that unknown puts nothing to rest."""

import json

import numpy as np
import pytest
import shapely

from geo_risk.core.errors import CorruptFileError, DataError
from geo_risk.flow.register import decide
from geo_risk.flow.register_run import read_run, update
from geo_risk.products.register_params import RegisterParams
from geo_risk.register import proposals, runs
from geo_risk.register.replay import differences
from tests.support.registers import EDITOR, X, Y, add_points, new_register, run_points, run_zones, write_run

RULES = RegisterParams()


@pytest.fixture
def register(tmp_path):
    with new_register(tmp_path / "r.gpkg") as opened:
        yield opened


def compare(register, folder, *args, **kwargs):
    return update(register, read_run(write_run(folder, *args, **kwargs)), RULES, who="甲")


def kinds(register):
    return sorted((p.object_id, p.kind) for p in proposals.listed(register))


def confirm_all(register):
    return decide(register, [], EDITOR, RULES, everything=True)


def test_a_first_run_proposes_all_and_changes_nothing(tmp_path, register):
    points = run_points([
        ("1410070001", X, Y, {"source": "inventory", "status": "existing", "activity": "unknown", "zone_id": "Z-9"}),
        ("IS-A1", X + 300, Y, {"zone_id": "Z-9"}),
        ("1410070002", X - 300, Y, {"source": "inventory", "status": "dormant", "activity": "stable"}),
        ("1410070003", X - 600, Y, {"source": "inventory", "status": "cancelled", "activity": "unknown"}),
    ])  # fmt: skip
    zones = run_zones([("Z-9", shapely.box(X, Y, X + 400, Y + 300), {"point_ids": "1410070001,IS-A1"})])
    report = compare(register, tmp_path / "a", points, zones)
    assert report.proposed == {"hazard_points": {"new": 4}, "risk_zones": {"new": 1}}
    assert register.states("hazard_points") == []
    assert confirm_all(register).left == {}
    frame = register.frame("hazard_points").set_index("point_id")
    # ledger numbers stay, a radar point gets one of the register; a run's own word "dormant" puts nothing to rest
    assert frame["status"].to_dict() == {"1410070001": "existing", "1410070002": "existing",
                                         "1410070003": "cancelled", "HP-000001": "new"}  # fmt: skip
    # links are of the register's ids
    assert frame.loc["HP-000001", "zone_id"] == "RZ-000001"
    assert register.frame("risk_zones")["point_ids"].tolist() == ["1410070001,HP-000001"]
    # what a run found is to be looked at, by a date
    assert frame["loop_stage"].dropna().to_dict() == {"HP-000001": "found"}
    assert frame.loc["HP-000001", "loop_due"] == "2026-08-08"
    entry = register.history("HP-000001")[0]
    assert (entry.who, entry.run_id) == ("甲", report.run_id)
    assert differences(register) == []


@pytest.mark.slow
def test_the_same_run_proposes_nothing_twice_and_another_with_the_same_finding_neither(tmp_path, register):
    points = run_points([("IS-A1", X, Y, {})])
    compare(register, tmp_path / "a", points)
    before = [p.number for p in proposals.listed(register, state=None)]
    again = update(register, read_run(tmp_path / "a"), RULES, who="乙")
    assert again.already is not None
    assert [p.number for p in proposals.listed(register, state=None)] == before
    other = compare(
        register, tmp_path / "b", run_points([("IS-Q7", X + 10, Y, {})]), made_at="2026-09-01T00:00:00+00:00"
    )
    # the same place with another number of the run's own: one proposal, the same id
    assert other.proposed == {"hazard_points": {"new": 1}}
    assert other.counts["replaced"] == 1
    assert kinds(register) == [("HP-000001", "new")]
    confirm_all(register)
    third = compare(register, tmp_path / "c", points, made_at="2026-10-01T00:00:00+00:00")
    assert third.proposed == {}
    assert len(register.states("hazard_points")) == 1


@pytest.mark.slow
def test_a_place_that_was_declined_comes_back_only_when_it_is_worse(tmp_path, register):
    compare(register, tmp_path / "a", run_points([("IS-1", X, Y, {})]))
    decide(register, ["HP-000001"], EDITOR, RULES, accept=False)
    same = compare(register, tmp_path / "b", run_points([("IS-2", X + 20, Y, {})]), made_at="2026-09-01T00:00:00+00:00")
    assert same.proposed == {}
    worse = compare(register, tmp_path / "c", run_points([("IS-3", X, Y, {"activity": "accelerating"})]),
                    made_at="2026-10-01T00:00:00+00:00")  # fmt: skip
    assert worse.proposed == {"hazard_points": {"new": 1}}
    assert kinds(register) == [("HP-000001", "new")]  # and keeps its id


@pytest.mark.slow
def test_changes_are_proposed_with_before_and_after_and_unknown_replaces_nothing(tmp_path, register):
    (one,) = add_points(register, responsible="责任人-001", name="老名")
    row = {"source": "inventory+insar", "status": "changed", "activity": "accelerating", "hazard_level": 4,
           "people": np.nan, "responsible": "别人", "name": "新名"}  # fmt: skip
    compare(register, tmp_path / "a", run_points([(one, X + 5, Y, row)]))
    (proposal,) = proposals.listed(register)
    assert proposal.kind == "changed"
    assert proposal.before["hazard_level"] == 3
    assert proposal.after["hazard_level"] == 4
    assert not {"people", "responsible", "name", "geometry"} & set(proposal.after)
    assert "危险性 高 → 极高" in proposal.reason_zh
    assert "activity unknown -> accelerating" in proposal.reason_en
    confirm_all(register)
    values = register.get([one])[one].values
    assert (values["status"], values["people"], values["responsible"]) == ("changed", 12, "责任人-001")
    assert values["loop_stage"] == "found"
    blind = {"source": "inventory", "status": "existing", "activity": "unknown", "hazard_level": -1, "people": np.nan,
             "velocity_mm_yr": np.nan}  # fmt: skip
    report = compare(register, tmp_path / "b", run_points([(one, X, Y, blind)]), made_at="2026-09-01T00:00:00+00:00")
    assert report.proposed == {}


def still(one, **more):
    row = {"source": "inventory", "status": "dormant", "activity": "stable", "hazard_level": 3, "people": 12.0,
           "velocity_mm_yr": np.nan, "velocity_std_mm_yr": np.nan, **more}  # fmt: skip
    return run_points([(one, X, Y, row)])


@pytest.mark.slow
def test_a_point_goes_to_rest_after_runs_on_different_data_that_see_it_still(tmp_path, register):
    (one,) = add_points(register, activity="stable")
    months = [f"2026-{m:02d}-01T00:00:00+00:00" for m in range(1, 13)]
    compare(register, tmp_path / "1", still(one), radar="a", made_at=months[0])
    compare(register, tmp_path / "2", still(one), radar="a", made_at=months[1])
    assert kinds(register) == []  # the same radar data prove nothing new
    compare(register, tmp_path / "3", still(one), radar="b", made_at=months[2])
    assert kinds(register) == [(one, "dormant")]
    confirm_all(register)
    assert register.get([one])[one].values["status"] == "dormant"
    compare(register, tmp_path / "4", still(one), radar="c", made_at=months[3])
    assert kinds(register) == []  # the step to cancel takes runs of its own
    compare(register, tmp_path / "5", still(one), radar="d", made_at=months[4])
    (last,) = proposals.listed(register)
    assert (last.kind, last.after) == ("cancel", {"status": "cancelled"})
    assert "12" in last.reason_zh
    confirm_all(register)
    # and what moves again is called back
    moving = run_points([(one, X, Y, {"source": "inventory+insar", "status": "changed"})])
    compare(register, tmp_path / "6", moving, radar="e", made_at=months[5])
    assert kinds(register) == [(one, "revived")]
    confirm_all(register)
    assert register.get([one])[one].values["status"] == "changed"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("activity", "hazard", "radar"),
    [(-1, 1, "x"), (0, -1, "x"), (0, 3, "x"), (1, 1, "x"), (None, 1, "x"), (0, None, "x")],
    ids=["radar is blind", "hazard unknown", "hazard high", "ground moves", "no series", "no hazard layer"],
)
def test_what_is_not_known_to_be_still_and_harmless_never_goes_to_rest(tmp_path, register, activity, hazard, radar):
    (one,) = add_points(register, activity="stable")
    for k in range(4):
        compare(register, tmp_path / str(k), still(one), activity=activity, hazard=hazard, radar=f"{radar}{k}",
                made_at=f"2026-0{k + 1}-01T00:00:00+00:00")  # fmt: skip
    assert kinds(register) == []


@pytest.mark.slow
def test_blind_ground_in_a_part_of_the_disc_is_not_still(tmp_path, register):
    (one,) = add_points(register, activity="stable")
    seen = np.zeros((60, 60))
    seen[:, 30:] = -1  # the point stands on the edge of what radar sees
    for k in range(3):
        report = compare(register, tmp_path / str(k), still(one), activity=seen, radar=f"r{k}",
                         made_at=f"2026-0{k + 1}-01T00:00:00+00:00")  # fmt: skip
    assert report.seen["hazard_points"] == {"unknown": 1}
    assert kinds(register) == []


@pytest.mark.slow
def test_a_run_that_does_not_reach_a_place_says_nothing_of_it(tmp_path, register):
    add_points(register, geometry=shapely.Point(X + 50_000, Y))
    for k in range(3):
        report = compare(register, tmp_path / str(k), run_points([("IS-1", X, Y, {})]), radar=f"r{k}",
                         made_at=f"2026-0{k + 1}-01T00:00:00+00:00")  # fmt: skip
    assert report.seen["hazard_points"] == {"outside": 1, "found": 1}
    assert kinds(register) == [("HP-000002", "new")]


@pytest.mark.slow
def test_rejecting_a_rest_makes_it_wait_for_new_runs(tmp_path, register):
    (one,) = add_points(register, activity="stable")
    for k in range(2):
        compare(register, tmp_path / str(k), still(one), radar=f"r{k}", made_at=f"2026-0{k + 1}-01T00:00:00+00:00")
    decide(register, [one], EDITOR, RULES, accept=False)
    compare(register, tmp_path / "2", still(one), radar="r2", made_at="2026-03-01T00:00:00+00:00")
    assert kinds(register) == []
    compare(register, tmp_path / "3", still(one), radar="r3", made_at="2026-04-01T00:00:00+00:00")
    assert kinds(register) == [(one, "dormant")]


def test_two_points_at_one_place_are_proposed_to_be_one(tmp_path, register):
    one, two = add_points(register, 2, geometry=shapely.Point(X, Y))
    compare(register, tmp_path / "a", run_points([("IS-9", X + 700, Y, {})]))
    merge = next(p for p in proposals.listed(register) if p.kind == "cancel")
    assert (merge.object_id, merge.after) == (two, {"status": "cancelled", "merged_into": one})


@pytest.mark.slow
def test_zones_that_grow_are_redrawn_and_zones_that_join_are_merged(tmp_path, register):
    left, right = shapely.box(X, Y, X + 200, Y + 200), shapely.box(X + 200, Y, X + 330, Y + 200)
    compare(register, tmp_path / "a", zones=run_zones([("A", left, {}), ("B", right, {})]))
    confirm_all(register)
    whole = shapely.box(X, Y, X + 330, Y + 200)
    compare(register, tmp_path / "b", zones=run_zones([("Q", whole, {})]), made_at="2026-09-01T00:00:00+00:00")
    assert kinds(register) == [("RZ-000001", "changed"), ("RZ-000002", "cancel")]
    by_id = {p.object_id: p for p in proposals.listed(register)}
    assert by_id["RZ-000002"].after["merged_into"] == "RZ-000001"
    assert "geometry" in by_id["RZ-000001"].after
    confirm_all(register)
    assert register.frame("risk_zones").geometry.iloc[0].equals(whole)


@pytest.mark.slow
def test_a_zone_that_splits_says_what_it_was_part_of(tmp_path, register):
    whole = shapely.box(X, Y, X + 300, Y + 200)
    compare(register, tmp_path / "a", zones=run_zones([("A", whole, {})]))
    confirm_all(register)
    parts = [("P", shapely.box(X, Y, X + 190, Y + 200), {}), ("Q", shapely.box(X + 190, Y, X + 300, Y + 200), {})]
    compare(register, tmp_path / "b", zones=run_zones(parts), made_at="2026-09-01T00:00:00+00:00")
    assert kinds(register) == [("RZ-000001", "changed"), ("RZ-000002", "new")]
    new = next(p for p in proposals.listed(register) if p.kind == "new")
    assert "RZ-000001" in new.reason_zh


@pytest.mark.slow
def test_a_proposal_on_what_somebody_changed_since_stays_open_and_names_them(tmp_path, register):
    from geo_risk.register.entry import Author
    from tests.support.registers import change

    one, two = add_points(register, 2)
    rows = [(i, X + 500 * k, Y, {"source": "inventory", "activity": "unknown", "people": 90.0})
            for k, i in enumerate((one, two))]  # fmt: skip
    compare(register, tmp_path / "a", run_points(rows))
    change(register, one, Author("乙", "入户"), people=33)
    change(register, two, Author("乙", "名"), name="改名")  # another field is in nobody's way
    decided = confirm_all(register)
    assert list(decided.left) == ["P-000001"]
    assert "people: HP-000001: 乙 (edit: people)" in decided.left["P-000001"]
    assert [s.values["people"] for s in register.states("hazard_points")] == [33, 90]
    decide(register, ["P-000001"], EDITOR, RULES, over=True)
    assert register.get([one])[one].values["people"] == 90


def test_a_run_that_is_none_or_was_touched_is_refused(tmp_path, register):
    with pytest.raises(DataError, match="no finished run"):
        read_run(tmp_path)
    out = write_run(tmp_path / "a", run_points([("IS-1", X, Y, {})]))
    with (out / "layers" / "activity.tif").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(CorruptFileError, match=r"activity\.tif"):
        read_run(out)
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["outputs"] = []
    (out / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="no finished run"):
        read_run(out)


def test_times_and_runs_name_a_moment(tmp_path, register):
    from geo_risk.core.errors import ConfigError

    report = compare(register, tmp_path / "a", run_points([("IS-1", X, Y, {})]))
    (run,) = runs.runs(register)
    assert runs.moment(register, report.run_id) == run.compared_at
    assert runs.moment(register, "2026-08-31") == "2026-08-31T16:00:00.000000+00:00"  # the end of that day in China
    assert runs.moment(register, "2026-08-31T08:00:00+08:00") == "2026-08-31T00:00:00.000000+00:00"
    for text in ("2026-08-31T08:00:00", "yesterday"):
        with pytest.raises(ConfigError):
            runs.moment(register, text)


@pytest.mark.slow
def test_a_kind_and_a_status_that_a_person_emptied_stop_no_comparison(tmp_path, register):
    add_points(register, 2, geometry=shapely.Point(X, Y), kind=None, status=None)
    report = compare(register, tmp_path / "a", run_points([("IS-1", X, Y, {}), ("IS-2", X + 5, Y, {})]))
    assert report.seen["hazard_points"] == {"found": 2}
    assert {p.kind for p in proposals.listed(register)} == {"changed"}  # of what kind they are: nobody can say one


@pytest.mark.slow
@pytest.mark.parametrize(("ground", "left"), [(1, []), (-1, ["dormant"])], ids=["it moves", "radar is blind"])
def test_a_rest_that_waits_is_withdrawn_once_a_run_sees_the_place_move(tmp_path, register, ground, left):
    (one,) = add_points(register, activity="stable")
    for k, seen in enumerate((0, 0, ground)):
        compare(register, tmp_path / str(k), still(one), radar=f"r{k}", activity=seen,
                made_at=f"2026-0{k + 1}-01T00:00:00+00:00")  # fmt: skip
    assert [p.kind for p in proposals.listed(register)] == left
    told = [p.decided_why for p in proposals.listed(register, state="replaced") if p.decided_why]
    assert len(told) == 1 - len(left)


@pytest.mark.slow
def test_a_graver_level_that_waits_outlives_a_run_that_is_blind_and_not_one_that_sees(tmp_path, register):
    (one,) = add_points(register, activity="stable", velocity_mm_yr=-30.0)

    def run(name, month, **values):
        row = {"source": "inventory", "status": "existing", "activity": "stable", **values}
        compare(register, tmp_path / name, run_points([(one, X, Y, row)]), activity=-1, radar=name,
                made_at=f"2026-0{month}-01T00:00:00+00:00")  # fmt: skip
        return [{k: p.after[k] for k in ("hazard_level", "people") if k in p.after} for p in proposals.listed(register)]

    assert run("a", 1, hazard_level=4) == [{"hazard_level": 4}]
    assert run("b", 2, hazard_level=-1) == [{"hazard_level": 4}]
    assert run("c", 3, hazard_level=-1, people=40) == [{"hazard_level": 4, "people": 40}]
    assert run("d", 4, hazard_level=-1, people=12) == [{"hazard_level": 4}]
    assert run("e", 5, hazard_level=3, people=12) == []  # as in the register: confirming the old one would be wrong


def test_the_same_radar_files_in_another_order_are_the_same_data(tmp_path):
    out = write_run(tmp_path / "a", run_points([("IS-1", X, Y, {})]))
    manifest = json.loads((out / "manifest.json").read_text())
    ids = set()
    for order in (("a", "b"), ("b", "a"), ("b", "a", "a")):
        manifest["inputs"] = [{"key": f"inputs.insar[{k}].files[0]", "sha256": s} for k, s in enumerate(order)]
        (out / "manifest.json").write_text(json.dumps(manifest))
        ids.add(read_run(out).data_id)
    assert len(ids) == 1


@pytest.mark.slow
@pytest.mark.parametrize("changed", [{"geometry": shapely.Point(X + 300, Y)}, {"kind": "rockfall"}], ids=str)
def test_what_was_seen_elsewhere_or_as_another_kind_counts_for_no_rest(tmp_path, register, changed):
    from tests.support.registers import change

    (one,) = add_points(register, activity="stable")
    compare(register, tmp_path / "0", still(one), radar="r0", made_at="2026-01-01T00:00:00+00:00")
    change(register, one, **changed)
    compare(register, tmp_path / "1", still(one), radar="r1", made_at="2026-02-01T00:00:00+00:00")
    assert "dormant" not in [p.kind for p in proposals.listed(register)]
    compare(register, tmp_path / "2", still(one), radar="r2", made_at="2026-03-01T00:00:00+00:00")
    assert "dormant" in [p.kind for p in proposals.listed(register)]


@pytest.mark.parametrize(("kind", "said"), [("debris_flow", "unknown"), ("tailings_pond", "unknown"),
                                            ("landslide", "quiet"), ("ground_subsidence", "quiet")])  # fmt: skip
def test_still_ground_says_nothing_of_what_water_sets_off(tmp_path, register, kind, said):
    (one,) = add_points(register, activity="stable", kind=kind)
    report = compare(register, tmp_path / "a", still(one, kind=kind))
    assert report.seen["hazard_points"] == {said: 1}


def test_of_two_points_at_one_place_the_one_that_acts_stays(tmp_path, register):
    (one,) = add_points(register, geometry=shapely.Point(X, Y), status="dormant")
    (two,) = add_points(register, geometry=shapely.Point(X, Y))
    compare(register, tmp_path / "a", run_points([("IS-9", X + 700, Y, {})]))
    merge = next(p for p in proposals.listed(register) if p.kind == "cancel")
    assert (merge.object_id, merge.after) == (one, {"status": "cancelled", "merged_into": two})


@pytest.mark.slow
@pytest.mark.parametrize("state", ["cancelled", "dormant"])
def test_no_zone_goes_into_one_that_is_not_in_force(tmp_path, register, state):
    from tests.support.registers import change

    left, right = shapely.box(X, Y, X + 200, Y + 200), shapely.box(X + 200, Y, X + 330, Y + 200)
    compare(register, tmp_path / "a", zones=run_zones([("A", left, {}), ("B", right, {})]))
    confirm_all(register)
    change(register, "RZ-000001", status=state)
    whole = shapely.box(X, Y, X + 330, Y + 200)
    compare(register, tmp_path / "b", zones=run_zones([("Q", whole, {})]), made_at="2026-09-01T00:00:00+00:00")
    assert kinds(register) == [("RZ-000001", "revived")]


@pytest.mark.slow
def test_declining_what_radar_saw_hides_no_point_of_the_ledger_near_it(tmp_path, register):
    compare(register, tmp_path / "a", run_points([("IS-1", X, Y, {})]))
    decide(register, ["HP-000001"], EDITOR, RULES, accept=False)
    ledger = run_points([("1410070009", X + 80, Y, {"source": "inventory", "status": "existing"})])
    compare(register, tmp_path / "b", ledger, made_at="2026-09-01T00:00:00+00:00")
    assert kinds(register) == [("1410070009", "new")]
