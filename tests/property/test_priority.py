"""Ranks of the evacuation list: what must never lower one, and how firm they are under draws."""

import time
from math import erf, sqrt

import dask
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.products.evacuation_draws import evacuation_ranks, evacuation_stability
from geo_risk.products.params import EvacuationParams
from geo_risk.products.priority import criteria_of, ranking, scores
from geo_risk.products.priority_params import CRITERIA
from geo_risk.products.rank_draws import drawn_ranks

CUTS = ["none", "low", "unknown", "medium", "high"]
COLUMNS = ("warning_level", "risk_level", "people", "vulnerable_people", "cut_off_risk")
AHP = {"warning": {"risk": 2, "people": 3, "vulnerable": 4, "cut_off": 4}, "risk": {"people": 2, "vulnerable": 3,
       "cut_off": 3}, "people": {"vulnerable": 2, "cut_off": 2}, "vulnerable": {"cut_off": 1}}  # fmt: skip
LISTS = [EvacuationParams(), EvacuationParams(priority={"weights_by": "ahp", "pairwise": AHP})]

count = st.integers(0, 3000) | st.just(np.nan)
village = st.tuples(st.integers(-1, 4), st.integers(-1, 4), count, count, st.sampled_from(CUTS))
villages = st.lists(village, min_size=2, max_size=8)


def listed(rows):
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.assign(settlement_id=[f"S{i}" for i in range(len(rows))])


def higher(row, column):
    """Return a village with one thing worse, as bad as before where it cannot be worse."""
    row = list(row)
    k = COLUMNS.index(column)
    if column == "cut_off_risk":
        known = [c for c in CUTS if c != "unknown"]
        row[k] = "high" if row[k] == "unknown" else known[min(3, known.index(row[k]) + 1)]
    elif column.endswith("_level"):
        row[k] = 4 if row[k] < 0 else min(4, row[k] + 1)
    else:
        row[k] = row[k] + 50
    return tuple(row)


@given(villages, st.data())
def test_a_row_that_gets_worse_never_falls(rows, data):
    i = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.sampled_from(COLUMNS))
    worse = [higher(r, column) if k == i else r for k, r in enumerate(rows)]
    for params in LISTS:
        before, after = (ranking(listed(r), params)["rank"] for r in (rows, worse))
        assert after[i] <= before[i], (column, params.priority.weights_by)


def test_more_people_never_lower_a_village_whose_vulnerable_people_stay_the_same():
    # by the share of vulnerable people, 1 of 51 would fall behind 1 of 54 which 1 of 1 was ahead of
    before, after = [(0, 0, 1, 1, "none"), (0, 0, 54, 1, "none")], [(0, 0, 51, 1, "none"), (0, 0, 54, 1, "none")]
    ranks = [ranking(listed(rows), LISTS[0]) for rows in (before, after)]
    assert ranks[1]["rank"][0] <= ranks[0]["rank"][0]
    assert ranks[1]["score"][0] >= ranks[0]["score"][0]


@given(villages, st.data())
def test_unknown_never_ranks_below_low(rows, data):
    i = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.sampled_from(["warning_level", "risk_level", "cut_off_risk"]))
    low, unknown = ("low", "unknown") if column == "cut_off_risk" else (1, -1)

    def made(value):
        frame = listed(rows)
        frame.loc[i, column] = value
        return ranking(frame, LISTS[0])["rank"][i]

    assert made(unknown) <= made(low)


@given(villages, st.randoms(use_true_random=False))
def test_ranks_have_no_ties_and_do_not_depend_on_the_order_of_rows(rows, random):
    frame = listed(rows)
    order = list(range(len(rows)))
    random.shuffle(order)
    mixed = frame.iloc[order]
    for params in (*LISTS, EvacuationParams(priority={"weights_by": "entropy", "score_by": "topsis"})):
        here, there = ranking(frame, params), ranking(mixed, params)
        assert sorted(here["rank"]) == list(range(1, len(rows) + 1))
        pd.testing.assert_frame_equal(here, there.loc[here.index])
    few = EvacuationParams(priority={"n_draws": 7})
    pd.testing.assert_frame_equal(
        evacuation_stability(frame, few), evacuation_stability(mixed, few).loc[frame.index]
    )  # fmt: skip


@given(villages)
def test_parts_add_up_to_the_score_and_each_criterion_lies_between_0_and_1(rows):
    frame = listed(rows)
    made = ranking(frame, LISTS[0])
    assert made[[f"score_{c}" for c in CRITERIA]].sum(axis=1).to_numpy() == pytest.approx(made["score"], abs=1e-6)
    assert made["score"].to_numpy() == pytest.approx(scores(frame, LISTS[0]))
    assert criteria_of(frame).values.shape == (len(rows), 5)
    assert (made["rank_weights_low"] <= made["rank"]).all()
    assert (made["rank"] <= made["rank_weights_high"]).all()


@pytest.mark.slow
def test_two_rows_that_differ_in_people_alone_change_places_as_often_as_normal_errors_say():
    """Lognormal people of standard deviation s: P(first larger) = Phi(ln(a / b) / (s sqrt 2))."""
    params = EvacuationParams(
        scores={"warning": 0, "risk": 0, "people": 1, "vulnerable": 0, "cut_off": 0},
        priority={"n_draws": 4000, "people_error": 0.3, "level_up_p": 0, "level_down_p": 0, "cut_off_p": 0},
    )
    # ten rows in front, so that the two fight for the ranks 11 and 12 and the first ten are never theirs
    ahead = [(3, 3, 1e9, 0.0, "none")] * 10
    rows = listed([*ahead, (3, 3, 300.0, 0.0, "none"), (3, 3, 240.0, 0.0, "none")])
    z = np.log(300 / 240) / (0.3 * sqrt(2))
    expected = 0.5 * (1 + erf(z / sqrt(2)))
    ranks = evacuation_ranks(rows, params)
    # binomial: 4000 draws, standard deviation at most 0.008; four of them
    assert (ranks[10] < ranks[11]).mean() == pytest.approx(expected, abs=0.032)
    got = evacuation_stability(rows, params)
    assert got["first10_share"].tolist() == [1.0] * 10 + [0.0, 0.0]
    assert got.loc[10, ["rank_low", "rank_high"]].tolist() == [11, 12]


@pytest.mark.slow
def test_two_rows_that_differ_by_a_level_change_places_as_often_as_their_levels_do():
    params = EvacuationParams(
        scores={"warning": 1, "risk": 0, "people": 0, "vulnerable": 0, "cut_off": 0},
        priority={"n_draws": 6000, "people_error": 0, "level_up_p": 0.2, "level_down_p": 0.3, "cut_off_p": 0},
    )
    ranks = evacuation_ranks(listed([(2, 3, 10, 0, "none"), (3, 3, 10, 0, "none")]), params)
    # S0 stands first where its level is at least that of S1 (ties by id): up against same (3 = 3) or down (3 > 2),
    # same against down (2 = 2)
    expected = 0.2 * (0.5 + 0.3) + 0.5 * 0.3
    assert (ranks[0] == 1).mean() == pytest.approx(expected, abs=0.024)  # four standard deviations of 0.006


@pytest.mark.slow
def test_unknown_levels_are_drawn_from_low_up_and_never_as_none():
    params = EvacuationParams(
        scores={"warning": 1, "risk": 0, "people": 0, "vulnerable": 0, "cut_off": 0},
        priority={"n_draws": 4000, "people_error": 0, "level_up_p": 0, "level_down_p": 0, "cut_off_p": 0},
    )
    ranks = evacuation_ranks(listed([(0, 3, 10, 0, "none"), (-1, 3, 10, 0, "none")]), params)
    assert (ranks[1] == 1).all()
    ranks = evacuation_ranks(listed([(2, 3, 10, 0, "none"), (-1, 3, 10, 0, "none")]), params)
    assert (ranks[1] == 1).mean() == pytest.approx(0.5, abs=0.032)  # levels 3 and 4 of 1, 2, 3, 4


@given(st.integers(1, 60), st.integers(1, 40))
def test_draws_do_not_depend_on_blocks_or_on_the_scheduler(n_draws, block):
    ids = [f"S{i}" for i in (3, 1, 2, 0)]

    def noise(rng):
        return rng.random(4).round(1)

    whole = drawn_ranks(ids, noise, n_draws=n_draws, seed=5, block=n_draws)
    with dask.config.set(scheduler="sync"):
        parts = drawn_ranks(ids, noise, n_draws=n_draws, seed=5, block=block)
    assert (whole == parts).all()
    assert (np.sort(whole, axis=0) == np.arange(1, 5)[:, None]).all()
    # more draws go on from those that there are
    assert (drawn_ranks(ids, noise, n_draws=n_draws + 3, seed=5)[:, :n_draws] == whole).all()


def test_without_draws_or_rows_nothing_is_told():
    rows = listed([(3, 3, 10, 0, "none")])
    got = evacuation_stability(rows, EvacuationParams(priority={"n_draws": 0}))
    assert got.drop(columns="n_draws").isna().all(axis=None)
    assert got["n_draws"].tolist() == [0]
    assert len(evacuation_stability(rows.head(0), EvacuationParams())) == 0
    assert len(ranking(rows.head(0), EvacuationParams())) == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"weights_by": "ahp"}, "pairwise is empty"),
        ({"pairwise": {"warning": {"risk": 2}}}, "are not compared"),
        ({"pairwise": AHP | {"cut_off": {"warning": 9}}}, "compared twice"),
        ({"pairwise": {**{k: dict(v) for k, v in AHP.items() if k != "warning"},
                       "warning": {"risk": 2, "people": 3, "vulnerable": 4}, "cut_off": {"warning": 9}}},
         r"cut_off: \{warning: 9\}"),
        ({"weight_change_share": float("nan")}, "finite"),
        ({"level_up_p": 0.6}, "0.5"),
    ],
)  # fmt: skip
def test_bad_priorities_are_refused(given, said):
    with pytest.raises(ValueError, match=said):
        EvacuationParams(priority=given)


@pytest.mark.slow
def test_a_province_is_ranked_and_drawn_in_seconds():
    n, rng = 25_000, np.random.default_rng(1)
    rows = pd.DataFrame(
        {"settlement_id": [f"S{i}" for i in rng.permutation(n)], "warning_level": rng.integers(-1, 5, n),
         "risk_level": rng.integers(-1, 5, n), "vulnerable_people": np.nan, "cut_off_risk": rng.choice(CUTS, n),
         "people": np.where(rng.random(n) < 0.1, np.nan, rng.integers(0, 2000, n))}
    )  # fmt: skip
    start = time.perf_counter()
    made = pd.concat([ranking(rows, LISTS[0]), evacuation_stability(rows, LISTS[0])], axis=1)
    assert time.perf_counter() - start < 60  # 2.5 s on two shared cores
    assert made["n_draws"].eq(500).all()
    assert made["rank"].is_unique
    assert (made["rank_low"] <= made["rank_median"]).all()
