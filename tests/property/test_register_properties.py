"""True of every order of changes: the history gives the state, ids stay, undo comes back, no update is lost."""

import itertools
import tempfile
import uuid

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geo_risk.core.errors import ConflictError
from geo_risk.products.register_matching import match_points, match_zones, zone_pairs
from geo_risk.products.register_params import RegisterParams
from geo_risk.products.register_rules import WATCH, changed_fields
from geo_risk.products.register_sightings import OUTCOMES, Sighting, quiet_days
from geo_risk.register.entry import Author, Change
from geo_risk.register.replay import differences, replay, undo
from tests.support.registers import CRS, EDITOR, add_points, change, new_register

KINDS = ("landslide", "rockfall", "ground_subsidence", "mining_subsidence", "tailings_pond")
numbers = st.integers(0, 10_000) | st.none()
step = st.tuples(
    st.sampled_from(["make", "people", "name", "level", "cancel", "move", "undo", "many"]),
    st.integers(0, 30), st.integers(0, 30),
)  # fmt: skip


def fresh_url(kind, postgres_url=None):
    if kind == "postgis":
        return postgres_url.url(f"p{uuid.uuid4().hex[:12]}")
    return f"sqlite:///{tempfile.mkdtemp()}/register.gpkg"


def do(register, ids, what, a, b):
    """Do a step; return whether it was done, or refused with an error."""
    if what == "make" or not ids:
        ids.extend(add_points(register, 1 + a % 3))
        return True
    one = ids[a % len(ids)]
    rows = register.history()
    if what == "undo":
        try:
            with register.writing():
                undo(register, [rows[b % len(rows)].seq], EDITOR)
        except ConflictError:
            return False
        return True
    if not register.get([one])[one].is_there:
        return False
    if what == "many":
        there = [i for i in ids if register.get([i])[i].is_there]
        with register.writing():
            register.apply([Change("hazard_points", i, register.get([i])[i].version, "edit", {"people": b})
                            for i in there], EDITOR)  # fmt: skip
        return True
    values = {"people": {"people": b}, "name": {"name": f"名{b}"}, "level": {"hazard_level": b % 6 - 1},
              "cancel": {"status": "cancelled"}, "move": {"geometry": shapely.Point(a, b)}}[what]  # fmt: skip
    change(register, one, **values)
    return True


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgis", marks=pytest.mark.slow)])
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(step, min_size=1, max_size=25))
def test_the_history_replays_to_the_state_and_ids_stay_unique(kind, request, steps):
    url = fresh_url(kind, request.getfixturevalue("postgres") if kind == "postgis" else None)
    with new_register(url) as register:
        ids = []
        for what, a, b in steps:
            do(register, ids, what, a, b)
        assert differences(register) == []
        assert len(set(ids)) == len(ids)
        given_ids = [r[0] for r in register.database.run("SELECT object_id FROM reg_ids")]
        assert sorted(given_ids) == sorted(ids)  # also of what was cancelled or taken back
        replayed = replay(register.history())
        frame = register.frame("hazard_points")
        assert sorted(frame["point_id"]) == sorted(i for i, s in replayed.items() if s.is_there)
        for entries in (register.history(i) for i in ids):
            assert [e.version for e in entries] == list(range(1, len(entries) + 1))


@settings(max_examples=40)
@given(steps=st.lists(step, min_size=1, max_size=12), which=st.integers(0, 40))
def test_undoing_an_undo_brings_back_what_was_there(steps, which):
    with new_register(fresh_url("sqlite")) as register:
        ids = []
        for what, a, b in steps:
            do(register, ids, what, a, b)
        before = {i: (s.is_there, s.values) for i, s in register.get(ids).items()}
        rows = register.history()
        seq = rows[which % len(rows)].seq
        try:
            with register.writing():
                undo(register, [seq], EDITOR)
        except ConflictError:
            assert {i: (s.is_there, s.values) for i, s in register.get(ids).items()} == before
            return
        undone = register.history()[-1]
        if undone.undoes != seq:  # it had no effect: nothing was written
            return
        with register.writing():
            undo(register, [undone.seq], EDITOR)
        assert {i: (s.is_there, s.values) for i, s in register.get(ids).items()} == before
        assert differences(register) == []


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgis", marks=pytest.mark.slow)])
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    moves=st.lists(
        st.tuples(st.sampled_from("AB"), st.sampled_from(["read", "write"]), st.integers(0, 2), st.integers(0, 5)),
        max_size=30,
    )
)
def test_two_editors_never_lose_an_update_without_an_error(kind, request, moves):
    """Each editor reads objects and later writes on what was read, in any order; a model tells what must be there."""
    url = fresh_url(kind, request.getfixturevalue("postgres") if kind == "postgis" else None)
    with new_register(url) as one, type(one).open(url) as two:
        registers, authors = {"A": one, "B": two}, {n: Author(n, "试") for n in "AB"}
        ids = add_points(one, 3, people=0)
        seen = {n: dict.fromkeys(ids, (1, 0)) for n in "AB"}  # version and people that each editor has on the desk
        model = dict.fromkeys(ids, (1, 0))
        named = []
        for who, what, k, value in moves:
            object_id, register = ids[k], registers[who]
            if what == "read":
                state = register.get([object_id])[object_id]
                seen[who][object_id] = (state.version, state.values["people"])
                assert seen[who][object_id] == model[object_id]
                continue
            version, _ = seen[who][object_id]
            try:
                with register.writing():
                    after = {"people": value}
                    (made,) = register.apply([Change("hazard_points", object_id, version, "edit", after)], authors[who])
            except ConflictError as error:
                assert version != model[object_id][0]
                named.append(object_id in error.what)
                continue
            assert version == model[object_id][0]  # nobody wrote in between
            same = value == model[object_id][1]
            model[object_id] = (version if same else version + 1, value)
            assert made == model[object_id][0]
            seen[who][object_id] = model[object_id]
        assert all(named)
        now = one.get(ids)
        assert {i: (s.version, s.values["people"]) for i, s in now.items()} == model
        written = sum(v - 1 for v, _ in model.values())
        assert len(one.history()) == len(ids) + written
        assert differences(one) == []


places = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 400), st.sampled_from(KINDS)), min_size=0, max_size=12, unique=True
)


def points_of(rows, column):
    ids = [f"{column[0]}{i:02d}" for i in range(len(rows))]
    shapes = [shapely.Point(x, y) for x, y, _ in rows]
    data = {column: ids, "kind": [k for *_, k in rows], "source": ["insar"] * len(rows)}
    return gpd.GeoDataFrame(data, geometry=shapes, crs=CRS)


@settings(max_examples=80)
@given(a=places, b=places, seed=st.integers(0, 999))
def test_matching_of_points_is_one_to_one_near_of_fitting_kinds_and_knows_no_order(a, b, seed):
    found, kept = points_of(a, "point_id"), points_of(b, "object_id")
    match = match_points(found, kept, distance_m=100)
    partners = match[match >= 0]
    assert len(set(partners.tolist())) == len(partners)
    for k, j in enumerate(match):
        if j >= 0:
            assert found.geometry.iloc[k].distance(kept.geometry.iloc[j]) <= 100
    # the ids of a run say nothing: shuffled rows with other ids have the same partners
    order = np.random.default_rng(seed).permutation(len(found))
    other = found.iloc[order].reset_index(drop=True)
    other["point_id"] = [f"Z{i}" for i in range(len(other))]
    again = match_points(other, kept, distance_m=100)
    assert [match[i] for i in order] == list(again)


boxes = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 8), st.sampled_from("ab")),
                 max_size=8, unique=True)  # fmt: skip


@settings(max_examples=60)
@given(a=boxes, b=boxes, seed=st.integers(0, 99))
def test_matching_of_zones_keeps_an_unchanged_zone_and_knows_no_order(a, b, seed):
    def zones(rows, column):
        shapes = [shapely.box(x, y, x + w, y + w) for x, y, w, _ in rows]
        data = {column: [f"{column[0]}{i:02d}" for i in range(len(rows))], "kind": [k for *_, k in rows]}
        return gpd.GeoDataFrame(data, geometry=shapes, crs=CRS)

    found, kept = zones(a, "zone_id"), zones(b, "object_id")
    pairs = zone_pairs(found, kept)
    match = match_zones(pairs, len(found), min_iou=0.3)
    partners = match[match >= 0]
    assert len(set(partners.tolist())) == len(partners)
    for k, row in enumerate(a):
        if row in b:
            assert match[k] >= 0
            assert kept.geometry.iloc[match[k]].equals(found.geometry.iloc[k])
    order = np.random.default_rng(seed).permutation(len(found))
    shuffled = found.iloc[order].reset_index(drop=True)
    again = match_zones(zone_pairs(shuffled, kept), len(found), min_iou=0.3)
    assert [match[i] for i in order] == list(again)


@given(seen=st.lists(st.tuples(st.sampled_from(OUTCOMES), st.sampled_from("abc")), max_size=12))
def test_only_quiet_runs_on_different_data_count_and_unknown_never_does(seen):
    runs = [Sighting(o, d, f"day {k}") for k, (o, d) in enumerate(seen)]
    days = quiet_days(runs)
    until = list(itertools.takewhile(lambda s: s.outcome in ("quiet", "unknown", "outside"), runs))
    assert len(days) == len({s.data for s in until if s.outcome == "quiet"})
    assert set(days) <= {s.day for s in until if s.outcome == "quiet"}
    # taking unknown runs in or out changes nothing
    assert days == quiet_days([s for s in runs if s.outcome not in ("unknown", "outside")])


@given(
    level=st.integers(-1, 4), now=st.integers(-1, 4) | st.none(), people=numbers, people_now=numbers,
    activity=st.sampled_from(["stable", "steady", "unknown", None]),
)  # fmt: skip
def test_what_a_run_does_not_know_changes_nothing(level, now, people, people_now, activity):
    watch, rules = WATCH["hazard_points"], RegisterParams()
    before = {"hazard_level": level, "people": people, "activity": "steady"}
    row = {"hazard_level": now, "people": people_now, "activity": activity}
    names = changed_fields(before, row, watch, rules)
    assert ("hazard_level" in names) == (now is not None and now >= 0 and now != level)
    assert "activity" not in names or activity == "stable"
    if people_now is None:
        assert "people" not in names
    elif people is None:
        assert "people" in names
    else:
        fewer = people - people_now >= 5 and people - people_now > 0.2 * people
        # more people always count; fewer only where they are also a share of all
        assert ("people" in names) == (people_now - people >= 5 or fewer)
    assert changed_fields(row, row, watch, rules) == []
