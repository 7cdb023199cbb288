"""Best sites against enumeration, against an independent program for HiGHS, and where nothing can be proved."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from geo_risk.core.errors import DataError
from geo_risk.products import best_sites as module
from geo_risk.products.best_sites import Savings, best_sites


def savings_of(table):
    i, j = np.nonzero(table)
    return Savings(i.astype(np.int64), j.astype(np.int64), table[i, j].astype(float), *table.shape)


def by_enumeration(table, p):
    m = table.shape[1]
    return max((table[:, list(c)].max(axis=1).sum() for c in combinations(range(m), min(p, m)) if c), default=0.0)


def by_dense_program(table, p):
    """The textbook program with every x, of whole y, without anything this package does before it."""
    n, m = table.shape
    rows = []
    for i in range(n):
        rows.append((np.concatenate([np.eye(n)[i].repeat(m), np.zeros(m)]), 1.0))
        for j in range(m):
            row = np.zeros(n * m + m)
            row[i * m + j], row[n * m + j] = 1.0, -1.0
            rows.append((row, 0.0))
    rows.append((np.concatenate([np.zeros(n * m), np.ones(m)]), float(p)))
    result = milp(
        np.concatenate([-table.ravel(), np.zeros(m)]),
        constraints=LinearConstraint(np.array([r for r, _ in rows]), -np.inf, [b for _, b in rows]),
        integrality=np.concatenate([np.zeros(n * m), np.ones(m)]), bounds=Bounds(0, 1), options={"mip_rel_gap": 0},
    )  # fmt: skip
    assert result.status == 0
    return -result.fun


tables = st.integers(0, 2**32 - 1).map(np.random.default_rng).map(
    lambda rng: rng.integers(0, 40, (rng.integers(1, 12), rng.integers(1, 9))) * 1.0
)  # fmt: skip


@pytest.mark.slow
@given(tables, st.floats(0, 1), st.integers(0, 5), st.booleans())
@settings(max_examples=150, deadline=None)
def test_is_the_best_of_all_choices(table, share, p, covers):
    table = table * (np.random.default_rng(7).random(table.shape) < share)
    if covers:  # every site saves a place the same
        table = (table > 0) * np.arange(1.0, len(table) + 1)[:, None]
    got = best_sites(savings_of(table), p)
    assert got.saving == by_enumeration(table, p)
    assert got.is_proved
    assert got.bound == got.saving
    assert len(got.sites) <= p
    assert table[:, got.sites].max(axis=1, initial=0).sum() == got.saving


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_an_independent_program(seed):
    rng = np.random.default_rng(seed)
    at = rng.random((30, 2)) * 40
    minutes = np.hypot(*(at[:, None] - at[None, :12]).transpose(2, 0, 1))
    table = rng.integers(10, 900, 30)[:, None] * np.maximum(25.0 - minutes, 0)
    got = best_sites(savings_of(table), 4)
    # two programs of floating numbers: the rounding of a sum of 30 products
    assert got.saving == pytest.approx(by_dense_program(table, 4), rel=1e-9)
    assert got.gap == 0


def test_the_line_of_five_by_hand():
    # villages at 0, 1, 2, 10, 11 km with one person each; two sites: 1 and 10 (or 11), 3 person-km in all
    x = np.array([0.0, 1, 2, 10, 11])
    far = 20.0
    table = far - np.abs(x[:, None] - x[None, :])
    got = best_sites(savings_of(table), 2)
    assert got.sites.tolist() in ([1, 3], [1, 4])
    assert 5 * far - got.saving == 3


def test_what_is_not_proved_says_so_and_its_bound_holds(monkeypatch):
    """A solver that stops at its limit and calls that optimal changes nothing: the gap is that of the bound."""
    rng = np.random.default_rng(3)
    table = rng.integers(0, 50, (60, 25)) * (rng.random((60, 25)) < 0.2) * 1.0
    exact = best_sites(savings_of(table), 6)
    assert exact.is_proved
    loose = best_sites(savings_of(table), 6, exact_pairs=0)
    assert loose.saving <= exact.saving <= loose.bound + 1e-9
    assert (loose.gap == 0) == (loose.saving == pytest.approx(loose.bound, rel=1e-9))

    class Liar:
        status, x, mip_dual_bound, message = 0, None, None, "Optimal"

    monkeypatch.setattr(module, "milp", lambda *_, **__: Liar())
    monkeypatch.setattr(module, "_ROUNDS", 3)
    lied = best_sites(savings_of(table), 6)
    assert not lied.is_proved
    assert lied.gap == pytest.approx((lied.bound - lied.saving) / lied.bound)
    assert lied.bound >= exact.saving


@given(tables, st.integers(0, 4))
@settings(max_examples=40, deadline=None)
def test_more_sites_never_save_less(table, p):
    s = savings_of(table)
    assert best_sites(s, p + 1).saving >= best_sites(s, p).saving


def test_sites_that_save_nothing_are_not_opened():
    table = np.array([[5.0, 5.0, 0.0], [3.0, 0.0, 0.0]])
    assert best_sites(savings_of(table), 3).sites.tolist() in ([0], [0, 1])
    assert best_sites(savings_of(table), 1).sites.tolist() == [0]
    assert best_sites(savings_of(np.zeros((3, 3))), 2).sites.tolist() == []


@pytest.mark.parametrize(
    ("place", "site", "saving", "p"),
    [([0], [0], [np.nan], 1), ([0], [0], [0.0], 1), ([0], [0], [np.inf], 1), ([0], [0], [1.0], -1),
     ([2], [0], [1.0], 1), ([0], [-1], [1.0], 1), ([0, 1], [0], [1.0], 1)],
)  # fmt: skip
def test_refuses_what_is_no_saving(place, site, saving, p):
    with pytest.raises(DataError):
        best_sites(Savings(np.array(place), np.array(site), np.array(saving), 2, 2), p)


@pytest.mark.slow
def test_a_county_is_solved_to_a_small_gap():
    rng = np.random.default_rng(0)
    at = rng.random((2000, 2)) * 60
    minutes = np.hypot(*(at[:, None] - at[None, :150]).transpose(2, 0, 1))
    table = rng.integers(50, 3000, 2000)[:, None] * np.maximum(15.0 - minutes, 0)
    got = best_sites(savings_of(table), 12, time_limit_s=5)
    assert got.gap < 0.02
    assert got.bound >= got.saving
