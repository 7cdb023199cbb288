import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from geo_risk.core.errors import DataError
from geo_risk.products.assignment import Table, assign, most_people


def peer_cost(demand, capacity, cost):
    """Unassigned people and cost of the optimum by networkx' network simplex (minutes times 1000, whole)."""
    graph = nx.DiGraph()
    total = int(demand.sum())
    graph.add_node("s", demand=-total)
    graph.add_node("t", demand=total)
    big = 10**9
    for i, d in enumerate(demand):
        graph.add_edge("s", ("a", i), capacity=int(d), weight=0)
        graph.add_edge(("a", i), "t", weight=big)
        for j in range(len(capacity)):
            if np.isfinite(cost[i, j]):
                graph.add_edge(("a", i), ("b", j), weight=int(cost[i, j] * 1000))
    for j, c in enumerate(capacity):
        graph.add_edge(("b", j), "t", capacity=int(c), weight=0)
    value, flow = nx.network_simplex(graph)
    unassigned = sum(flow[("a", i)]["t"] for i in range(len(demand)))
    return unassigned, (value - unassigned * big) / 1000


def dense(got, shape):
    out = np.zeros(shape, dtype=np.int64)
    out[got.settlement, got.shelter] = got.people
    return out


@st.composite
def cases(draw):
    n, m = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    demand = draw(hnp.arrays(np.int64, n, elements=st.integers(0, 60)))
    capacity = draw(hnp.arrays(np.int64, m, elements=st.integers(0, 60)))
    minutes = st.integers(0, 200).map(float) | st.just(np.inf)
    return demand, capacity, draw(hnp.arrays(np.float64, (n, m), elements=minutes))


@pytest.mark.slow
@given(cases(), st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_is_the_optimum_of_an_independent_solver(case, n_candidates):
    demand, capacity, cost = case
    got = assign(demand, capacity, Table(cost), n_candidates=n_candidates)
    people = dense(got, cost.shape)
    assert (people.sum(axis=0) <= capacity).all()
    np.testing.assert_array_equal(people.sum(axis=1) + got.unassigned, demand)
    assert not people[~np.isfinite(cost)].any()
    unassigned, peer = peer_cost(demand, capacity, cost)
    assert got.unassigned.sum() == unassigned == demand.sum() - most_people(demand, capacity, np.isfinite(cost))
    assert got.person_minutes == pytest.approx(peer)
    assert got.bound == pytest.approx(peer, abs=1e-4)  # of prices up to some thousand minutes, to 1e-7 of them


def test_a_case_by_hand():
    # 15 people want the 10 places of the first shelter: 10*1 + 5*3 = 25 beats 5*2 + 5*1 + 5*9 = 60
    got = assign([10, 5], [10, 20], Table(np.array([[1.0, 9.0], [2.0, 3.0]])), n_candidates=1)
    np.testing.assert_array_equal(dense(got, (2, 2)), [[10, 0], [0, 5]])
    assert got.person_minutes == 25
    assert got.gap == 0
    assert got.n_rounds > 1  # the second pair was not among the nearest


def test_too_few_places_and_no_way_leave_people_over():
    got = assign([10, 5, 7], [8, 4], Table(np.array([[1.0, 2.0], [1.0, 1.0], [np.inf, np.inf]])), n_candidates=2)
    assert got.people.sum() == 12
    assert got.unassigned[2] == 7
    assert got.unassigned.sum() == 10


@pytest.mark.parametrize("demand", [[np.nan], [-1], [0.5], [np.inf]])
def test_refuses_what_are_no_people(demand):
    with pytest.raises(DataError):
        assign(demand, [1], Table(np.array([[1.0]])), n_candidates=1)
    with pytest.raises(DataError):
        assign([1], [1], Table(np.array([[-1.0]])), n_candidates=1)
    with pytest.raises(DataError):
        assign([1], [1], Table(np.array([[np.nan]])), n_candidates=1)


@pytest.mark.slow
def test_county_size_is_quick():
    rng = np.random.default_rng(0)
    a, b = rng.random((1500, 2)), rng.random((100, 2))
    cost = np.hypot(*(a[:, None] - b[None]).transpose(2, 0, 1)) * 60
    demand = rng.integers(0, 500, 1500)
    capacity = np.full(100, int(demand.sum() * 1.05 / 100) + 1)
    got = assign(demand, capacity, Table(cost), n_candidates=20)
    assert got.unassigned.sum() == 0
    assert got.gap < 1e-9
