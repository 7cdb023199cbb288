import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import Bounds, LinearConstraint, milp

from geo_risk.core.errors import DataError
from geo_risk.products.assignment import Table, assign, most_people
from geo_risk.products.placing import place


@st.composite
def cases(draw):
    n, m = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    people = draw(hnp.arrays(np.int64, n, elements=st.integers(0, 60)))
    vulnerable = np.minimum(people, draw(hnp.arrays(np.int64, n, elements=st.integers(0, 30))))
    capacity = draw(hnp.arrays(np.int64, m, elements=st.integers(0, 60)))
    minutes = st.integers(0, 200).map(float) | st.just(np.inf)
    return people, vulnerable, capacity, draw(hnp.arrays(np.float64, (n, m), elements=minutes))


def given_places(case, extra=15.0, k=2):
    people, vulnerable, capacity, cost = case
    return place(people, vulnerable, capacity, Table(cost), n_candidates=k, together_extra_min=extra)


def most_vulnerable(case):
    """The most vulnerable people among the most people, by HiGHS' integer program with weights 1 and 1.001."""
    people, vulnerable, capacity, cost = case
    n, m = cost.shape
    # columns: vulnerable and others of each pair; a person is worth 1000, a vulnerable one 1001
    worth = np.concatenate([np.full(n * m, 1001.0), np.full(n * m, 1000.0)])
    rows = [np.kron(np.eye(n), np.ones(m)), np.kron(np.ones((1, n)), np.eye(m))]
    left = np.block([[rows[0], np.zeros((n, n * m))], [np.zeros((n, n * m)), rows[0]], [rows[1], rows[1]]])
    most = np.concatenate([vulnerable, people - vulnerable, capacity])
    upper = np.tile(np.where(np.isfinite(cost), 1e6, 0).reshape(-1), 2)
    found = milp(-worth, constraints=LinearConstraint(left, -np.inf, most), bounds=Bounds(0, upper), integrality=1)
    return round(found.x.sum()), round(found.x[: n * m].sum())


@pytest.mark.slow
@given(cases())
@settings(max_examples=60, deadline=None)
def test_most_people_then_most_vulnerable_people_have_a_place(case):
    people, vulnerable, capacity, cost = case
    got = given_places(case)
    placed = np.bincount(got.settlement, weights=got.people, minlength=len(people))
    np.testing.assert_array_equal(placed + got.unassigned, people)
    frail = np.bincount(got.settlement, weights=got.vulnerable, minlength=len(people))
    np.testing.assert_array_equal(frail + got.unassigned_vulnerable, vulnerable)
    assert (got.vulnerable <= got.people).all()
    assert (got.vulnerable >= 0).all()
    assert (got.together.given.load(len(capacity)) <= capacity).all()
    total, most = most_vulnerable(case)
    assert got.people.sum() == total == most_people(people, capacity, np.isfinite(cost))
    assert got.vulnerable.sum() == most
    assert np.isfinite(got.cost).all()
    # within a settlement vulnerable people have the nearest of its places
    for i in range(len(people)):
        part = got.of(i)
        order = np.argsort(got.cost[part], kind="stable")
        full = (got.vulnerable[part] == got.people[part])[order]
        has = (got.vulnerable[part] > 0)[order]
        assert all(full[:k].all() for k in np.flatnonzero(has))


@pytest.mark.slow
@given(cases(), st.floats(0, 100))
@settings(max_examples=60, deadline=None)
def test_keeping_together_divides_no_more_and_tells_its_price(case, extra):
    people = case[0]
    got = given_places(case, extra, k=4)
    best, whole = got.optimum, got.together
    assert whole.n_split <= whole.n_split_before
    assert whole.given.person_minutes - best.person_minutes == pytest.approx(whole.price_person_minutes)
    assert whole.price_person_minutes >= -1e-6  # the optimum is none by chance
    assert whole.price_person_minutes <= extra * people.sum() + 1e-6
    assert best.person_minutes == pytest.approx(best.bound, abs=1e-4)
    np.testing.assert_array_equal(np.bincount(best.settlement, weights=best.people, minlength=len(people)),
                                  np.bincount(got.settlement, weights=got.people, minlength=len(people)))  # fmt: skip
    if extra == 0:
        assert whole.price_person_minutes == 0


@pytest.mark.slow
@given(cases(), st.integers(0, 60), st.data())
@settings(max_examples=40, deadline=None)
def test_a_shelter_more_never_places_fewer_people(case, places, data):
    people, vulnerable, capacity, cost = case
    column = data.draw(hnp.arrays(np.float64, len(people), elements=st.integers(0, 200).map(float) | st.just(np.inf)))
    more = (people, vulnerable, np.append(capacity, places), np.column_stack([cost, column]))
    before, after = given_places(case), given_places(more)
    assert after.people.sum() >= before.people.sum()
    if after.people.sum() == before.people.sum():
        assert after.vulnerable.sum() >= before.vulnerable.sum()


def test_a_divided_village_takes_the_place_of_a_small_one():
    # 10 of village 0 fill shelter 0, 2 go on; village 1 (3 people) may go from shelter 0 to shelter 1 for a minute each
    cost = np.array([[1.0, 2.0], [1.0, 2.0]])
    got = place(np.array([9, 3]), np.array([0, 0]), np.array([10, 20]), Table(cost), n_candidates=2,
                together_extra_min=15.0)  # fmt: skip
    assert got.together.n_split_before == 1
    assert got.together.n_split == 0
    assert got.together.price_person_minutes in (1.0, 7.0)
    left = place(np.array([9, 3]), np.array([0, 0]), np.array([10, 20]), Table(cost), n_candidates=2,
                 together_extra_min=0.0)  # fmt: skip
    assert left.together.n_split == 1


def test_where_places_lack_vulnerable_people_of_the_far_village_come_before_others_of_the_near_one():
    cost = np.array([[1.0], [50.0]])
    got = place(np.array([10, 10]), np.array([2, 6]), np.array([10]), Table(cost), n_candidates=1, together_extra_min=0)
    assert got.unassigned_vulnerable.tolist() == [0, 0]
    assert got.people.tolist() == [4, 6]  # the two and six vulnerable ones, then the near village
    assert got.optimum.gap < 1e-9


@pytest.mark.parametrize("bad", [[2], [-1], [0.5], [np.nan]])
def test_people_who_come_first_are_some_of_the_people(bad):
    with pytest.raises(DataError, match="NaN, negative or part"):
        assign([1], [1], Table(np.array([[1.0]])), n_candidates=1, first=bad)
