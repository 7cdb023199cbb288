"""Priority of points and zones, and how firmly they hold it: by hand, and what must hold for any of them."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from dask import config
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from shapely.geometry import Point, box

from geo_risk.core.levels import classify
from geo_risk.products.danger_draws import RANK_COLUMNS, DangerDraw, with_ranks
from geo_risk.products.params import RiskParams
from geo_risk.products.rank_draws import drawn_ranks
from geo_risk.products.rank_params import RankParams
from geo_risk.products.vulnerability import matrix_risk

CRS = "EPSG:4546"
FIRM = ["first10_share", "rank_median", "rank_low", "rank_high"]


def params(**more):
    return RiskParams(ranks=RankParams(**({"n_draws": 40} | more)))


def zones(rows, p=None):
    p = p or params()
    hazard, people = (np.array([r[i] for r in rows], dtype=float) for i in (0, 1))
    vulnerability = np.where(np.isnan(people), -1, classify(np.nan_to_num(people), p.vulnerability_people))
    risk = matrix_risk(hazard, vulnerability, p.risk_matrix)
    n = len(rows)
    return gpd.GeoDataFrame(
        {"zone_id": [f"Z{i:02d}" for i in range(n)], "hazard_level": hazard.astype(np.int8), "people": people,
         "vulnerability_level": vulnerability.astype(np.int8), "risk_level": risk, "reasons": "r", "reasons_zh": "甲",
         "reasons_en": "r"},
        geometry=[box(i, 0, i + 1, 1) for i in range(n)], crs=CRS,
    )  # fmt: skip


def points(rows, status="existing"):
    return gpd.GeoDataFrame(
        {"point_id": [f"P{i:02d}" for i in range(len(rows))], "hazard_level": np.array([r[0] for r in rows], np.int8),
         "people": [float(r[1]) for r in rows], "status": status, "reasons": "r"},
        geometry=[Point(i, 0) for i in range(len(rows))], crs=CRS,
    )  # fmt: skip


def test_zones_go_by_risk_then_hazard_then_people_and_unknown_stands_above_low():
    got = with_ranks(zones([(1, 0), (4, 300), (4, 5), (-1, np.nan), (1, 20), (4, 6), (3, 400)]), params())
    order = got.sort_values("priority_rank")["zone_id"].tolist()
    assert order[0] == "Z01"
    assert order.index("Z05") < order.index("Z02")  # of one risk and hazard the more people
    assert order.index("Z03") < order.index("Z04") < order.index("Z00")


def test_points_go_by_hazard_then_people_and_cancelled_ones_stand_last():
    frame = points([(4, 1), (4, 100), (2, 900), (-1, np.nan), (1, 5)], ["cancelled", *["existing"] * 4])
    got = with_ranks(frame, params())
    assert got["priority_rank"].tolist() == [5, 1, 2, 3, 4]
    assert got["rank_low"].tolist()[0] == got["rank_high"].tolist()[0] == 5


def test_without_error_every_draw_ranks_as_the_list():
    frame = zones([(h, n) for h in (1, 2, 3, 4) for n in (1, 8, 40, 250)])
    still = params(people_error=0, level_up_p=0, level_down_p=0)
    got = with_ranks(frame, still, language="en")
    assert (got["rank_median"] == got["priority_rank"]).all()
    assert (got["rank_low"] == got["rank_high"]).all()
    assert got["first10_share"].tolist() == (got["priority_rank"] <= 10).astype(float).tolist()
    assert "In the first ten in 100% of 40 draws" in got.loc[got["priority_rank"] == 1, "reasons_en"].iloc[0]
    assert "抽样 40 次" in got["reasons_zh"].iloc[0]
    assert got["reasons"].equals(got["reasons_en"])


@pytest.mark.slow
def test_a_level_is_higher_or_lower_as_often_as_the_parameters_say():
    p, n = params(people_error=0, level_up_p=0.3, level_down_p=0.1), 20_000
    draw = DangerDraw(np.array([3.0, 2.0]), np.array([10.0, 1000.0]), None, np.zeros(2, bool), p)
    ranks = drawn_ranks(["a", "b"], draw, n_draws=n, seed=3)
    # the second, of more people, is first where it rises and the other does not, or it stays and the other falls
    want = 0.3 * (1 - 0.3) + (1 - 0.3 - 0.1) * 0.1
    assert (ranks[1] == 1).mean() == pytest.approx(want, abs=4 * np.sqrt(want * (1 - want) / n))  # 4 standard errors


row = st.tuples(st.integers(-1, 4), st.integers(0, 1200) | st.just(np.nan))


@pytest.mark.slow
@given(st.lists(row, min_size=1, max_size=25), st.randoms(use_true_random=False), st.sampled_from([zones, points]))
@settings(max_examples=25, deadline=None)
def test_ranks_are_reproducible_whatever_the_order_of_rows(rows, rng, make):
    frame = make(rows)
    got = with_ranks(frame, params())
    assert sorted(got["priority_rank"]) == list(range(1, len(rows) + 1))
    order = list(range(len(rows)))
    rng.shuffle(order)
    with config.set(scheduler="synchronous"):
        again = with_ranks(frame.iloc[order], params())
    pd.testing.assert_frame_equal(again.sort_index()[[*RANK_COLUMNS]], got[[*RANK_COLUMNS]])
    assert ((got["first10_share"] >= 0) & (got["first10_share"] <= 1)).all()


@given(st.lists(row, min_size=2, max_size=20), st.data(), st.sampled_from([zones, points]))
@settings(max_examples=25, deadline=None)
def test_raising_a_level_never_lowers_a_rank_in_any_draw(rows, data, make):
    i = data.draw(st.integers(0, len(rows) - 1))
    hazard, people = rows[i]
    higher = list(rows)
    higher[i] = (data.draw(st.integers(max(hazard, 2), 4)) if hazard < 0 else min(hazard + 1, 4), people)
    before, after = (with_ranks(make(r), params()).iloc[i] for r in (rows, higher))
    assert after["priority_rank"] <= before["priority_rank"]
    if hazard >= 0:  # an unknown one is drawn as anything: that it is known to be medium may be good news
        assert (
            after[["rank_median", "rank_low", "rank_high"]] <= before[["rank_median", "rank_low", "rank_high"]]
        ).all()
        assert after["first10_share"] >= before["first10_share"]


@given(st.lists(row, min_size=1, max_size=20), st.sampled_from([zones, points]))
@settings(max_examples=25, deadline=None)
def test_what_is_unknown_never_ranks_below_low(rows, make):
    got = with_ranks(make([*rows, (-1, np.nan), (1, 30)]), params())
    level = "risk_level" if make is zones else "hazard_level"
    for unknown in got.loc[got[level] < 0, "priority_rank"]:
        assert (got.loc[got[level].isin([0, 1]), "priority_rank"] > unknown).all()


def of_vulnerability(rows):
    """Zones of (hazard, people, vulnerability)."""
    p = params()
    made = zones([r[:2] for r in rows])
    vulnerability = np.array([r[2] for r in rows], np.int8)
    risk = matrix_risk(made["hazard_level"], vulnerability, p.risk_matrix)
    return made.assign(vulnerability_level=vulnerability, risk_level=risk)


def test_an_unknown_vulnerability_is_drawn_over_all_its_levels_and_loosens_the_rank():
    # of equal hazard and few residents: one in whose zone nobody knows what stands, twelve where little does
    rows = [(3, 2, -1), *((3, 3 + 0.5 * k, 1) for k in range(12))]
    still = params(people_error=0, level_up_p=0, level_down_p=0, n_draws=400)
    got = with_ranks(of_vulnerability(rows), still)
    unknown, known = got.iloc[0], got.iloc[1:]
    assert (unknown["rank_low"], unknown["rank_high"]) == (1, 13)
    # vulnerability 3 and 4 raise the risk of hazard 3 to 3 and 4, ahead of all others: half of the draws
    assert unknown["first10_share"] == pytest.approx(0.5, abs=4 * np.sqrt(0.25 / 400))  # 4 standard errors
    assert (known["rank_high"] - known["rank_low"] <= 1).all()


def test_a_drawn_vulnerability_is_at_least_what_is_known_of_it():
    # a school of 150 in a zone of two residents; a zone where 120 people are known and those of one house are not
    draw = DangerDraw(np.full(3, 4.0), np.array([2.0, np.nan, 2.0]), np.array([3, 3, 1], np.int8), np.zeros(3, bool),
                      params(level_down_p=0, level_up_p=0))  # fmt: skip
    assert draw.least().tolist() == [3, 3, 1]
    for k in range(50):
        score = draw(np.random.default_rng(k))
        assert (score[:2] >= 40).all()  # the matrix gives 4 for hazard 4 and vulnerability 3
        assert score[2] < 40


def test_without_draws_or_rows_nothing_is_claimed():
    none = with_ranks(zones([(2, 5)]), params(n_draws=0))
    assert none["priority_rank"].tolist() == [1]
    assert none[FIRM].isna().all(axis=None)
    assert none["reasons_en"].tolist() == ["r"]
    empty = with_ranks(zones([(2, 5)]).iloc[:0], params())
    assert len(empty) == 0
    assert set(RANK_COLUMNS) <= set(empty.columns)


@pytest.mark.parametrize("bad", [{"people_error": np.nan}, {"level_up_p": 0.6}, {"n_draws": -1}, {"seed": -1}])
def test_errors_that_are_none_are_refused(bad):
    with pytest.raises(ValidationError):
        RankParams(**bad)


def test_a_point_of_missing_status_is_not_over():
    rows = gpd.GeoDataFrame(
        {"point_id": ["a", "b"], "zone_id": None, "hazard_level": [3, 2], "people": [np.nan, 5.0],
         "status": pd.array([None, "cancelled"], dtype="string"), "reasons": ""},
        geometry=[Point(0, 0)] * 2, crs="EPSG:4546",
    )  # fmt: skip
    assert with_ranks(rows, RiskParams())["priority_rank"].tolist() == [1, 2]
