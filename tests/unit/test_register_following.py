"""Zones name the point that stays after a merge, points the zone that stays, at once; undo sets the links back."""

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.flow.register import decide
from geo_risk.products.register_merging import MergeRules
from geo_risk.products.register_params import RegisterParams
from geo_risk.register import loop, proposals
from geo_risk.register.entry import Change
from geo_risk.register.proposals import Offer
from geo_risk.register.replay import differences, undo
from tests.support.registers import EDITOR, X, Y, add_points, change, new_register

RULES = RegisterParams()


def add_zones(register, *values):
    with register.writing():
        ids = register.new_ids("risk_zones", len(values))
        box = shapely.box(X, Y, X + 90, Y + 90)
        register.apply([Change("risk_zones", i, 0, "new", {"kind": "landslide", "status": "existing", "geometry": box,
                               **v}, True) for i, v in zip(ids, values, strict=True)], EDITOR)  # fmt: skip
    return ids


def of(register, field, *ids):
    states = register.get(ids)
    return [states[i].values[field] for i in ids]


def test_a_merge_moves_its_links_and_undo_sets_them_back(register_url):
    with new_register(register_url) as register:
        a, b, c = add_points(register, 3)
        one, two, gone = add_zones(register, {"point_ids": f"{a},{b}"}, {"point_ids": f"{b},{c}"},
                                   {"point_ids": b, "status": "cancelled"})  # fmt: skip
        with register.writing():
            loop.merge(register, [b], a, EDITOR)
        assert of(register, "point_ids", one, two, gone) == [a, f"{a},{c}", b]
        assert {e.action for e in register.entries(register.history(b)[-1].change_id)} == {"merge", "follow"}
        change(register, one, point_ids=f"{a},Q")  # somebody adds a point meanwhile
        with register.writing():
            undo(register, [register.history(b)[-1].seq], EDITOR)
        assert of(register, "point_ids", one, two) == [f"{b},{a},Q", f"{b},{c}"]
        with register.writing():  # taken back again: merged once more
            undo(register, [register.history(b)[-1].seq], EDITOR)
        assert of(register, "point_ids", one, two) == [f"{a},Q", f"{a},{c}"]
        with register.writing():
            undo(register, [register.history(b)[-1].seq], EDITOR)
        assert of(register, "point_ids", one, two) == [f"{b},{a},Q", f"{b},{c}"]
        assert differences(register) == []


def test_points_of_a_merged_zone_lie_in_the_one_that_stays(tmp_path):
    with new_register(tmp_path / "r.gpkg") as register:
        one, two = add_zones(register, {}, {})
        a, b, off = add_points(register, 3, zone_id=two)
        change(register, off, status="cancelled")
        change(register, b, zone_id=one)
        with register.writing():
            loop.merge(register, [two], one, EDITOR)
        assert of(register, "zone_id", a, b, off) == [one, one, two]
        with register.writing():
            undo(register, [register.history(one)[-1].seq if len(register.history(one)) > 1
                            else register.history(two)[-1].seq], EDITOR)  # fmt: skip
        assert of(register, "zone_id", a, b, off) == [two, one, two]
        assert differences(register) == []


def test_several_merges_of_one_confirmation_meet_in_one_zone(tmp_path):
    with new_register(tmp_path / "r.gpkg") as register:
        a, b, c, d = add_points(register, 4)
        (zone,) = add_zones(register, {"point_ids": f"{a},{b},{c},{d}"})
        offers = [Offer("cancel", "hazard_points", g, {"status": "cancelled", "merged_into": i}, "同", "Same.")
                  for g, i in ((b, a), (d, c))]  # fmt: skip
        with register.writing():
            proposals.propose(register, offers, source="run", run_id=None)
        decide(register, [], EDITOR, RULES, everything=True, merges=MergeRules("larger"))
        assert of(register, "point_ids", zone) == [f"{a},{c}"]
        with register.writing():  # only one of them: the other stays merged
            undo(register, [register.history(d)[-1].seq], EDITOR)
        assert of(register, "point_ids", zone) == [f"{a},{d},{c}"]
        assert differences(register) == []


@pytest.mark.slow
@given(listed=st.lists(st.integers(0, 4), unique=True, min_size=1), merges=st.permutations(range(1, 5)))
def test_after_any_merges_no_zone_names_a_merged_point_and_undo_brings_all_back(listed, merges, tmp_path_factory):
    with new_register(tmp_path_factory.mktemp("r") / "r.gpkg") as register:
        ids = add_points(register, 5)
        (zone,) = add_zones(register, {"point_ids": ",".join(ids[k] for k in listed)})
        for k in merges:
            with register.writing():
                loop.merge(register, [ids[k]], ids[0], EDITOR)
        assert of(register, "point_ids", zone) == [ids[0]]
        for k in reversed(merges):
            with register.writing():
                undo(register, [register.history(ids[k])[-1].seq], EDITOR)
        assert set(of(register, "point_ids", zone)[0].split(",")) == {ids[k] for k in listed}
        assert differences(register) == []
