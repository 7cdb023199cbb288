import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import linprog

from geo_risk.core.errors import DataError
from geo_risk.products.assignment import Table, assign, most_people
from geo_risk.products.transport import Transport


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


def whole_program(case, first):
    """Person-minutes, people left over and first ones among them of the optimum, by SciPy's HiGHS on the whole table.

    One program a wish, each kept as a row of the next: most people, then most of the first ones, then least minutes.
    """
    demand, capacity, cost = case
    n, m = cost.shape
    pair = np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))
    none = np.zeros((n, n * m))
    # columns: first ones of each pair, then the others
    left = np.block([[pair[0], none], [none, pair[0]], [pair[1], pair[1]]])
    most = np.concatenate([first, demand - first, capacity]).astype(float)
    bounds = [(0, None if np.isfinite(c) else 0) for c in np.tile(cost.reshape(-1), 2)]
    wishes = [-np.ones(2 * n * m), -np.repeat([1.0, 0.0], n * m), np.tile(np.nan_to_num(cost.reshape(-1), posinf=0), 2)]
    kept, values, found = np.zeros((0, 2 * n * m)), [], []
    for wish in wishes:
        got = linprog(wish, A_ub=left, b_ub=most, A_eq=kept, b_eq=values, bounds=bounds, method="highs-ds")
        kept, values = np.vstack([kept, wish]), [*values, round(got.fun)]
        found.append(got.fun)
    return found[2], demand.sum() + found[0], first.sum() + found[1]


@st.composite
def degenerate(draw):
    """Cases full of ties: few costs and few numbers of people, zeros among both, places and people often even."""
    n, m = draw(st.integers(1, 8)), draw(st.integers(1, 6))
    few = st.sampled_from([0, 0, 5, 10])
    demand, capacity = draw(hnp.arrays(np.int64, n, elements=few)), draw(hnp.arrays(np.int64, m, elements=few))
    cost = draw(hnp.arrays(np.float64, (n, m), elements=st.sampled_from([0.0, 1.0, 1.0, 2.0, np.inf])))
    return demand, capacity, cost


@pytest.mark.slow
@given(cases() | degenerate(), st.integers(1, 12), st.sampled_from([0.0, 0.2, 0.5, 1.0]))
@settings(max_examples=120, deadline=None)
def test_is_the_optimum_of_one_program_a_wish(case, n_candidates, part):
    demand, capacity, cost = case
    first = np.floor(demand * part).astype(np.int64)
    got = assign(demand, capacity, Table(cost), n_candidates=n_candidates, first=first)
    minutes, left_over, left_first = whole_program(case, first)
    assert got.unassigned.sum() == round(left_over)
    assert got.unassigned_first.sum() == round(left_first)
    assert (got.unassigned_first <= np.minimum(first, got.unassigned)).all()
    assert got.person_minutes == pytest.approx(minutes, abs=1e-6)
    assert got.bound == pytest.approx(minutes, abs=1e-4)  # of prices up to some thousand minutes, to 1e-7 of them
    people = dense(got, cost.shape)
    assert (people.sum(axis=0) <= capacity).all()
    np.testing.assert_array_equal(people.sum(axis=1) + got.unassigned, demand)


@pytest.mark.slow
@given(cases() | degenerate(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_totals_do_not_depend_on_the_order_of_rows_and_the_plan_is_the_same_each_time(case, random):
    demand, capacity, cost = case
    first = demand // 3
    rows, columns = list(range(len(demand))), list(range(len(capacity)))
    random.shuffle(rows)
    random.shuffle(columns)
    one, again = (assign(demand, capacity, Table(cost), n_candidates=2, first=first) for _ in range(2))
    other = assign(demand[rows], capacity[columns], Table(cost[np.ix_(rows, columns)]), n_candidates=2,
                   first=first[rows])  # fmt: skip
    np.testing.assert_array_equal(dense(one, cost.shape), dense(again, cost.shape))
    assert other.unassigned.sum() == one.unassigned.sum()
    assert other.unassigned_first.sum() == one.unassigned_first.sum()
    assert other.person_minutes == pytest.approx(one.person_minutes, abs=1e-6)


@pytest.mark.parametrize(("demand", "capacity"), [([], [3]), ([4, 0], []), ([4, 0], [0, 0]), ([0, 0], [3, 1])])
def test_nobody_nowhere_and_no_places(demand, capacity):
    got = assign(demand, capacity, Table(np.ones((len(demand), len(capacity)))), n_candidates=3, first=demand)
    assert got.unassigned.tolist() == got.unassigned_first.tolist() == demand
    assert not len(got.people)
    assert got.bound == got.person_minutes == 0


def test_a_solver_that_finds_no_optimum_is_started_anew_and_then_told(monkeypatch):
    case = ([10, 5], [10, 20], Table(np.array([[1.0, 9.0], [2.0, 3.0]])))
    honest = Transport._is_optimal
    asked = []

    def once(program):
        asked.append(honest(program))
        return len(asked) != 1 and asked[-1]

    monkeypatch.setattr(Transport, "_is_optimal", once)
    got = assign(*case, n_candidates=1)
    assert got.person_minutes == 25
    assert len(asked) == 2 * got.n_rounds  # the first program was solved twice
    monkeypatch.setattr(Transport, "_is_optimal", lambda program: False)
    with pytest.raises(DataError, match="the solver ended with: Optimal"):
        assign(*case, n_candidates=2)


def test_prices_that_are_wrong_show_as_a_gap(monkeypatch):
    honest = Transport.solve

    def wrong(program):
        of_settlement, price = honest(program)
        return of_settlement - 1e6, price * 0.0

    monkeypatch.setattr(Transport, "solve", wrong)
    got = assign([10, 5], [10, 20], Table(np.array([[1.0, 9.0], [2.0, 3.0]])), n_candidates=2)
    assert got.bound == 20  # everybody at the nearest: 10 x 1 + 5 x 2
    assert got.gap == pytest.approx(5 / 20)


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
