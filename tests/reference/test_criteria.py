"""Weights and ranks by several criteria against published examples and formulas worked here."""

import numpy as np
import pytest
from pymcdm.methods import TOPSIS
from pymcdm.normalizations import vector_normalization
from pymcdm.weights.subjective import AHP

from geo_risk.products.criteria import Criteria, entropy_weights, ranks_of, scores_of, sensitivity
from geo_risk.products.pairwise import HIGHEST_RATIO, comparison_matrix, pairwise_weights

# Saaty 2008, Int. J. Services Sciences 1(1): which drink is consumed more in the USA; derived scale and CR as printed
DRINKS = ("coffee", "wine", "tea", "beer", "soda", "milk", "water")
COMPARED = {
    "coffee": {"wine": 9, "tea": 5, "beer": 2, "soda": 1, "milk": 1},
    "tea": {"wine": 3},
    "beer": {"wine": 9, "tea": 3, "milk": 1},
    "soda": {"wine": 9, "tea": 4, "beer": 2, "milk": 2},
    "milk": {"wine": 9, "tea": 3},
    "water": {"coffee": 2, "wine": 9, "tea": 9, "beer": 3, "soda": 2, "milk": 3},
}

# Hwang & Yoon 1981, section 1.4: four fighter aircraft by speed, range, payload, cost, reliability, manoeuvrability
AIRCRAFT = np.array(
    [
        [2.0, 1500, 20000, 5.5, 5, 9],
        [2.5, 2700, 18000, 6.5, 3, 5],
        [1.8, 2000, 21000, 4.5, 7, 7],
        [2.2, 1800, 20000, 5.0, 5, 5],
    ]
)


def test_weights_and_consistency_of_saatys_drinks():
    made = pairwise_weights(COMPARED, DRINKS)
    # three decimals are printed
    assert made.weights == pytest.approx([0.177, 0.019, 0.042, 0.116, 0.190, 0.129, 0.327], abs=0.0006)
    assert made.ratio == pytest.approx(0.022, abs=0.0006)


def test_consistency_of_a_matrix_of_three_worked_by_hand():
    # a over b 3, b over c 2, a over c 4 (consistent would be 6): for three criteria lambda_max = 1 + t + 1 / t with
    # t = (a_ab a_bc / a_ac)^(1/3); Saaty's random index of three is 0.58, the library's 0.5799
    made = pairwise_weights({"a": {"b": 3, "c": 4}, "b": {"c": 2}}, ("a", "b", "c"))
    t = (3 * 2 / 4) ** (1 / 3)
    assert made.ratio == pytest.approx((1 + t + 1 / t - 3) / 2 / 0.58, rel=0.001)
    # eigenvector of three: geometric means of the rows
    means = np.array([3 * 4, 2 / 3, 1 / 8]) ** (1 / 3)
    assert made.weights == pytest.approx(means / means.sum(), abs=1e-9)


def test_contradicting_comparisons_are_an_error_that_names_the_pair():
    with pytest.raises(
        ValueError, match=r"consistency ratio \d\.\d\d.*most of all (c: \{a: 9\}|a: \{b: 9\}|b: \{c: 9\})"
    ):
        pairwise_weights({"a": {"b": 9}, "b": {"c": 9}, "c": {"a": 9}}, ("a", "b", "c"))
    # one slip among comparisons that agree is named: d over a stands against 2, 2 and 2 along the chain
    chain = {"a": {"b": 2, "c": 4}, "b": {"c": 2, "d": 4}, "c": {"d": 2}, "d": {"a": 8}}
    with pytest.raises(ValueError, match=r"most of all d: \{a: 8\}"):
        pairwise_weights(chain, ("a", "b", "c", "d"))


@pytest.mark.parametrize(
    ("comparisons", "said"),
    [
        ({"a": {"b": 2}}, "a and c are not compared"),
        ({"a": {"b": 2, "c": 2}, "b": {"c": 2, "a": 1}}, "compared twice"),
        ({"a": {"b": 0.5, "c": 2}, "b": {"c": 2}}, "scale"),
        ({"a": {"b": 10, "c": 2}, "b": {"c": 2}}, "scale"),
        ({"a": {"b": float("nan"), "c": 2}, "b": {"c": 2}}, "scale"),
        ({"a": {"x": 2}}, "there are"),
        ({"a": {"a": 1}}, "itself"),
    ],
)
def test_comparisons_that_make_no_matrix_are_refused(comparisons, said):
    with pytest.raises(ValueError, match=said):
        comparison_matrix(comparisons, ("a", "b", "c"))


def test_the_library_gives_the_published_closeness_of_the_aircraft():
    weights, types = np.array([0.2, 0.1, 0.1, 0.1, 0.2, 0.3]), np.array([1, 1, 1, -1, 1, 1])
    got = TOPSIS(vector_normalization)(AIRCRAFT, weights, types)
    assert got == pytest.approx([0.643, 0.268, 0.613, 0.312], abs=0.0006)  # three decimals are printed


def test_topsis_of_the_aircraft_by_its_formula():
    gains = AIRCRAFT[:, [0, 1, 2, 4, 5]] / AIRCRAFT[:, [0, 1, 2, 4, 5]].max(axis=0)
    weights = np.array([0.2, 0.1, 0.1, 0.2, 0.4])
    r = weights * gains / np.sqrt((gains**2).sum(axis=0))
    best, worst = (np.sqrt(((r - ideal) ** 2).sum(axis=1)) for ideal in (r.max(axis=0), r.min(axis=0)))
    assert scores_of(gains, weights, "topsis") == pytest.approx(worst / (best + worst), abs=1e-6)


def test_entropy_weights_of_the_aircraft_as_printed():
    # entropies are printed to four decimals, so that a divergence such as 0.0054 is known to 1 %
    got = entropy_weights(AIRCRAFT / AIRCRAFT.max(axis=0))
    assert got == pytest.approx([0.0649, 0.2055, 0.0133, 0.0829, 0.3570, 0.2764], abs=0.0025)


def test_entropy_weights_count_zeros_as_nothing():
    # shares (0, 1/2, 1/2): entropy ln 2; (1/4, 1/4, 1/2): 1.5 ln 2; both over ln 3
    got = entropy_weights(np.array([[0.0, 0.25], [0.5, 0.25], [0.5, 0.5]]))
    spread = 1 - np.array([1.0, 1.5]) * np.log(2) / np.log(3)
    assert got == pytest.approx(spread / spread.sum(), abs=1e-12)
    assert entropy_weights(np.array([[0.3, 0.0, 1.0], [0.3, 0.0, 0.5]])).tolist() == [0, 0, 1]
    assert entropy_weights(np.full((4, 2), 0.5)).tolist() == [0.5, 0.5]
    assert entropy_weights(np.array([[0.2, 0.4]])).tolist() == [0.5, 0.5]


def test_random_indices_of_the_library_are_within_a_hundredth_of_saatys():
    saaty = [0.58, 0.90, 1.12, 1.24, 1.32, 1.41, 1.45]  # three to nine criteria
    assert AHP.RI_M[2:9] == pytest.approx(saaty, rel=0.0125)


def test_topsis_can_punish_a_row_that_rises():
    """Why a weighted sum makes the list: the first row rises in one criterion and falls behind the second."""
    weights = np.array([0.2526, 0.7474])
    before = np.array([[0.732, 0.748], [0.0, 0.993], [0.977, 0.0]])
    after = before.copy()
    after[0, 0] = 0.938
    ids = ["a", "b", "c"]
    assert ranks_of(scores_of(before, weights, "topsis"), ids).tolist() == [1, 2, 3]
    assert ranks_of(scores_of(after, weights, "topsis"), ids).tolist() == [2, 1, 3]
    assert ranks_of(scores_of(after, weights), ids)[0] <= ranks_of(scores_of(before, weights), ids)[0]


def test_entropy_weights_turn_two_rows_round_when_a_third_rises():
    before = np.array([[0.8, 0.2], [0.2, 0.7], [0.5, 0.5]])
    after = before.copy()
    after[2, 1] = 1.0
    first, second = (scores_of(v, entropy_weights(v)) for v in (before, after))
    assert first[0] > first[1]
    assert second[0] < second[1]


def test_sensitivity_of_two_rows_worked_by_hand():
    # halves: 0.50 and 0.55; a 20 % more weighs 6 to 5, so that x has 0.5364 and y 0.5273
    rows = Criteria(["x", "y"], ("a", "b"), np.array([[0.9, 0.1], [0.3, 0.8]]))
    got = sensitivity(rows, np.array([0.5, 0.5]), change=0.2)
    assert got["rank_more_a"].tolist() == [1, 2]
    assert got["rank_less_a"].tolist() == [2, 1]
    assert got["rank_more_b"].tolist() == [2, 1]
    assert got["rank_less_b"].tolist() == [1, 2]
    assert got["rank_weights_low"].tolist() == [1, 1]
    assert got["rank_weights_high"].tolist() == [2, 2]
    assert {"rank_entropy", "rank_topsis"} <= set(got)
    assert HIGHEST_RATIO == 0.1


@pytest.mark.parametrize("bad", [np.nan, -0.1, 1.1, np.inf])
def test_criteria_refuse_what_is_missing_or_off_the_scale(bad):
    with pytest.raises(ValueError, match=r"\['b'\]"):
        Criteria(["x"], ("a", "b"), np.array([[0.5, bad]]))
    with pytest.raises(ValueError, match="unique"):
        Criteria(["x", "x"], ("a",), np.array([[0.5], [0.5]]))
    with pytest.raises(ValueError, match="2 criteria"):
        Criteria(["x"], ("a", "b"), np.array([[0.5]]))
