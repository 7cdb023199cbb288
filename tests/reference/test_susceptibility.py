"""Susceptibility models against hand-made tables, scikit-learn, published scores and places nobody has seen."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import dask.array as da
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from geo_risk.core.errors import DataError
from geo_risk.hazards.landslide.scores import auc, brier, recalibrated, reliability
from geo_risk.hazards.landslide.susceptibility.applicability import applicability
from geo_risk.hazards.landslide.susceptibility.encoding import FactorEncoder
from geo_risk.hazards.landslide.susceptibility.folds import cluster_folds, learning_rows, random_folds
from geo_risk.hazards.landslide.susceptibility.learned import Learned
from geo_risk.hazards.landslide.susceptibility.models import candidates, susceptibility_model
from geo_risk.hazards.landslide.susceptibility.names import METHODS, TABLE_METHODS
from geo_risk.hazards.landslide.susceptibility.response import responses
from geo_risk.hazards.landslide.susceptibility.skill import Cases, interval, judged, nested
from geo_risk.hazards.landslide.susceptibility.tables import ClassTables, class_values

EVENTS, EXPECTED = np.array([10.0, 30.0, 60.0]), np.array([50.0, 30.0, 20.0])
NAMES = ("slope_deg", "aspect_deg", "twi", "lithology")
QUICK = {"random_forest": {"trees": 25, "min_leaf": 5}, "gradient_boosting": {"trees": 25}}


def county(n: int = 600, *, seed: int = 0) -> Cases:
    """Cases whose logit is known: steep, south-facing, on rock 2; some factors unknown."""
    rng = np.random.default_rng(seed)
    slope, aspect, twi = rng.uniform(1, 45, n), rng.uniform(0, 360, n), rng.normal(8, 2, n)
    rock = rng.integers(1, 4, n).astype(float)
    logit = 0.12 * (slope - 23) - 1.0 * np.cos(np.deg2rad(aspect)) + 1.2 * (rock == 2)
    event = rng.random(n) < 1 / (1 + np.exp(-logit))
    values = np.column_stack([slope, aspect, twi, rock])
    values[rng.random(n) < 0.05, 2] = np.nan
    return Cases(values, event, rng.uniform(0, 20_000, n), rng.uniform(0, 20_000, n))


def test_class_values_are_those_of_the_published_formulas():
    def of(method, **kw):
        return class_values(method, EVENTS, EXPECTED, **({"prior": 0.0, "rate": 0.0} | kw))

    np.testing.assert_allclose(of("frequency_ratio"), [0.2, 1.0, 3.0])
    np.testing.assert_allclose(of("information_value"), np.log([0.2, 1.0, 3.0]))
    # W+ = ln(.1/.5), ln 1, ln 3; W- = ln(.9/.5), ln 1, ln(.4/.8): each class with the W- of the others
    plus, minus = np.log([0.2, 1.0, 3.0]), np.log([1.8, 1.0, 0.5])
    np.testing.assert_allclose(of("weights_of_evidence"), plus + minus.sum() - minus)
    # CF by hand at pps = .01: ppa = .002, .01, .03
    factor = np.array([(0.002 - 0.01) / (0.01 * (1 - 0.002)), 0.0, (0.03 - 0.01) / (0.03 * (1 - 0.01))])
    made = of("certainty_factor", rate=0.01)
    np.testing.assert_allclose(np.where(made >= 0, 1 - np.exp(-made), np.expm1(made)), factor, atol=1e-12)
    # in the limit of rare events certainties combine like information values
    np.testing.assert_allclose(of("certainty_factor"), of("information_value"))


def test_certainties_that_are_combined_are_summed_in_their_scale():
    # the rule of combination for 0.5 and -0.2: (x + y) / (1 - min(|x|, |y|)) = .3 / .8
    total = -np.log1p(-0.5) + np.log1p(-0.2)
    assert 1 - np.exp(-total) == pytest.approx(0.3 / 0.8)


def test_a_class_without_events_needs_a_prior():
    with pytest.raises(DataError, match="not finite"):
        class_values("information_value", np.array([0.0, 5.0]), np.array([2.0, 3.0]), prior=0.0, rate=0.0)


EACH = pytest.mark.parametrize(
    "method", [pytest.param(m, marks=pytest.mark.slow) if m == "gradient_boosting" else m for m in METHODS]
)


@EACH
def test_every_model_learns_says_unknown_and_is_one_with_its_layers(method):
    known, new = county(), county(400, seed=1)
    model = susceptibility_model(method, NAMES, **QUICK.get(method, {})).fit(known.values, known.is_event)
    p = model.predict_proba(new.values)
    assert (np.isnan(p[:, 1]) == np.isnan(new.values[:, 2])).all()
    np.testing.assert_allclose(np.nansum(p, axis=1)[~np.isnan(p[:, 1])], 1.0)
    seen = ~np.isnan(p[:, 1])
    assert auc(p[seen, 1], new.is_event[seen]) > 0.75
    assert model.predict(new.values)[~seen].all()
    layer = Learned(NAMES, model).logit([v.reshape(20, 20) for v in new.values.T], new.values[:, 0].reshape(20, 20))
    # logits of forests are cut at 1e-6
    expected = np.log(np.clip(p[:, 1], 1e-6, 1 - 1e-6) / np.clip(p[:, 0], 1e-6, 1))
    np.testing.assert_allclose(layer.ravel(), expected, rtol=1e-6, atol=1e-6)


@EACH
def test_every_model_can_be_cloned_searched_put_in_a_pipeline_and_kept(method):
    cases = county(300)
    model = susceptibility_model(method, NAMES, **QUICK.get(method, {}))
    twin = clone(model)
    assert twin is not model
    assert str(twin.get_params()) == str(model.get_params())
    assert not hasattr(twin, "classes_")
    if method in TABLE_METHODS:
        assert twin.set_params(classes=5).get_params()["classes"] == 5
        assert model.get_params()["classes"] != 5
    first = model.fit(cases.values, cases.is_event).predict_proba(cases.values)
    chain = Pipeline([("same", FunctionTransformer()), ("model", clone(model))]).fit(cases.values, cases.is_event)
    np.testing.assert_array_equal(chain.predict_proba(cases.values), first)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(cases.values), first)
    known = cases.part(~np.isnan(cases.values).any(axis=1))
    scores = cross_val_score(clone(model), known.values, known.is_event, cv=3, scoring="roc_auc")
    assert scores.mean() > 0.7


@EACH
def test_layers_in_blocks_of_any_size_are_the_layer_as_a_whole(method):
    known, new = county(), county(24 * 30, seed=4)
    estimator = susceptibility_model(method, NAMES, **QUICK.get(method, {})).fit(known.values, known.is_event)
    fold = cluster_folds(known.x, known.y, known.is_event, folds=3, seed=1)
    model = Learned(NAMES, estimator, applicability(known.values, fold, factors=NAMES))
    planes = [v.reshape(24, 30).astype(np.float32) for v in new.values.T]
    whole = model.logit(planes, planes[0])
    assert np.isnan(whole).any()
    for size in ((24, 30), (7, 11), (1, 30)):
        chunked = [da.from_array(p, chunks=size) for p in planes]
        got = da.map_blocks(lambda *p: model.logit(p, p[0]), *chunked, dtype=float).compute()
        np.testing.assert_array_equal(got, whole)


@pytest.mark.slow
def test_plain_logistic_is_that_of_scikit_learn_and_codes_become_columns():
    cases = county()
    keep = ~np.isnan(cases.values).any(axis=1)
    rad, rock = np.deg2rad(cases.values[:, 1]), cases.values[:, 3]
    columns = np.column_stack([cases.values[:, 0], np.sin(rad), np.cos(rad), cases.values[:, 2], rock == 2, rock == 3])[
        keep
    ]
    want = LogisticRegression(C=np.inf, max_iter=50_000, class_weight="balanced", tol=1e-9).fit(
        columns, cases.is_event[keep]
    )
    got = susceptibility_model("logistic", NAMES).fit(cases.values, cases.is_event)
    np.testing.assert_allclose(
        got.predict_proba(cases.values)[keep], want.predict_proba(columns), atol=1e-4
    )  # its columns are not scaled: it stops a little off the maximum
    assert list(got.encoder_.get_feature_names_out()) == [
        "slope_deg", "aspect_sin", "aspect_cos", "twi", "lithology=2", "lithology=3"]  # fmt: skip


def test_a_code_or_a_flat_place_not_seen_is_told_apart():
    cases = county()
    model = susceptibility_model("logistic", NAMES).fit(cases.values, cases.is_event)
    odd = np.array([[20.0, 90, 8, 9], [0.0, np.nan, 8, 1], [5.0, np.nan, 8, 1]])
    assert np.isnan(model.predict_proba(odd)[:, 1]).tolist() == [True, False, True]


@pytest.mark.slow
@parametrize_with_checks([
    *(ClassTables(m) for m in TABLE_METHODS), susceptibility_model("logistic"), FactorEncoder(),
    *(susceptibility_model(m, **QUICK[m]) for m in ("random_forest", "gradient_boosting")),
])  # fmt: skip
def test_the_interface_is_that_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    ("method", "settings_"), [("logistic", {"trees": 3}), ("magic", {}), ("information_value", {"leaves": 2})]
)
def test_a_model_or_setting_that_is_not_known_is_refused(method, settings_):
    with pytest.raises(DataError, match="no model"):
        susceptibility_model(method, **settings_)


def test_factors_that_say_nothing_are_refused():
    with pytest.raises(DataError, match="constant or unknown"):
        ClassTables().fit(np.column_stack([np.ones(20), np.full(20, np.nan)]), np.arange(20) % 2 == 0)
    with pytest.raises(DataError, match="have all factors known"):
        susceptibility_model("logistic").fit(np.full((20, 1), np.nan), np.arange(20) % 2 == 0)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(TABLE_METHODS), st.integers(2, 9))
def test_the_order_of_cases_and_a_stretch_of_a_quantity_change_nothing(seed, method, classes):
    cases = county(120, seed=seed % 50)
    order = np.random.default_rng(seed).permutation(120)
    names = ("slope_deg", "x1", "twi", "lithology")
    model = ClassTables(method, factors=names, classes=classes)
    plain = model.fit(cases.values, cases.is_event).predict_proba(cases.values)[:, 1]
    turned = ClassTables(method, factors=names, classes=classes)
    turned.fit(cases.values[order], cases.is_event[order])
    np.testing.assert_allclose(turned.predict_proba(cases.values)[:, 1], plain, atol=1e-9)
    stretched = cases.values * [1, 4, 1, 1]  # a power of two keeps the quantiles' order exactly
    other = model.fit(stretched, cases.is_event).predict_proba(stretched)[:, 1]
    np.testing.assert_allclose(other, plain, atol=1e-9)


# folds and skill ---------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(0, 6000))
def test_nothing_within_the_buffer_is_learned_from(seed, buffer_m):
    cases = county(200, seed=seed % 20)
    fold = cluster_folds(cases.x, cases.y, cases.is_event, folds=4, seed=seed)
    out = fold == seed % 4
    keep = learning_rows(cases.x, cases.y, out, buffer_m=buffer_m)
    distance = np.hypot(cases.x[:, None] - cases.x[out], cases.y[:, None] - cases.y[out]).min(axis=1)
    np.testing.assert_array_equal(keep, ~out & ((distance > buffer_m) | (buffer_m == 0)))


def test_random_folds_share_both_kinds():
    event = np.arange(103) % 3 == 0
    fold = random_folds(event, folds=5, seed=2)
    for kind in (True, False):
        n = np.bincount(fold[event == kind], minlength=5)
        assert n.max() - n.min() <= 1


def test_the_interval_is_that_of_nadeau_and_bengio():
    # s = .02, J = 4, n2/n1 = 1/3: half width t(3) .02 sqrt(1/4 + 1/3)
    low, high = interval([0.78, 0.82, 0.80 - 0.02, 0.82], n_learned=300, n_judged=100)
    spread = np.std([0.78, 0.82, 0.78, 0.82], ddof=1)
    assert (high - low) / 2 == pytest.approx(3.182446 * spread * np.sqrt(1 / 4 + 1 / 3), rel=1e-6)
    assert np.isnan(interval([0.8], n_learned=3, n_judged=1)).all()


def test_the_interval_of_a_skill_does_not_leave_what_an_auc_can_be():
    class Given(ClassifierMixin, BaseEstimator):
        def fit(self, x, y):
            return self

        def predict_proba(self, x):
            return np.column_stack([1 - x[:, 0], x[:, 0]])

    # AUC 1 and 0.5 in two folds: Student's t of one degree of freedom goes far beyond 0 and 1
    values, event = np.array([0.9, 0.1, 0.5, 0.5])[:, None], np.array([True, False, True, False])
    cases = Cases(values, event, np.arange(4.0), np.zeros(4))
    skill = judged(Given(), cases, np.array([0, 0, 1, 1]))
    assert (skill.auc, skill.low, skill.high) == (0.75, 0, 1)


@pytest.mark.slow
def test_a_model_that_learned_places_by_heart_fails_on_new_places():
    rng = np.random.default_rng(3)
    town = rng.integers(0, 40, 800)
    cases = Cases(
        np.column_stack([town + rng.uniform(0, 0.5, 800)]), rng.random(40)[town] < 0.5,
        (town % 8) * 5000 + rng.uniform(0, 500, 800), (town // 8) * 5000 + rng.uniform(0, 500, 800),
    )  # fmt: skip
    forest = susceptibility_model("random_forest", trees=25, min_leaf=3)
    random_ = judged(forest, cases, random_folds(cases.is_event, folds=5, seed=1))
    spatial = judged(forest, cases, cluster_folds(cases.x, cases.y, cases.is_event, folds=5, seed=1), buffer_m=500)
    assert random_.auc > 0.95
    assert spatial.auc < 0.7
    with pytest.raises(DataError, match="none of 5 folds"):
        judged(forest, cases, random_folds(cases.is_event, folds=5, seed=1), buffer_m=1e6)


@pytest.mark.slow
def test_choosing_keeps_the_reference_unless_beaten_and_is_judged_without_peeking():
    cases = county(400, seed=5)
    fold = cluster_folds(cases.x, cases.y, cases.is_event, folds=3, seed=1)
    made = nested(candidates(["logistic", "information_value"], NAMES), cases, fold, inner_folds=3)
    assert made.name.startswith("logistic")  # the truth is a logistic
    assert len(made.chosen) == 3
    assert made.skill.low < made.skill.auc < made.skill.high
    assert made.skill.auc > 0.75


# calibration -------------------------------------------------------------------------------------------------------


def test_reliability_of_probabilities_that_mean_what_they_say_and_of_ones_that_do_not():
    rng = np.random.default_rng(1)
    p = rng.uniform(0.02, 0.98, 40_000)
    event = rng.random(40_000) < p
    sure = 1 / (1 + ((1 - p) / p) ** 2)  # logit doubled
    fair, too_sure = reliability(p, event), reliability(sure, event)
    # standard error of the slope of 40,000 cases is .012
    assert (fair.slope, fair.intercept) == (pytest.approx(1, abs=0.04), pytest.approx(0, abs=0.04))
    assert too_sure.slope == pytest.approx(0.5, abs=0.02)
    assert ((fair.low <= fair.said) & (fair.said <= fair.high)).mean() >= 0.8
    np.testing.assert_allclose(recalibrated(sure, too_sure), p, atol=0.02)
    even = np.concatenate([np.flatnonzero(event)[:9000], np.flatnonzero(~event)[:9000]])
    assert brier(p[even], event[even]) == pytest.approx(brier_score_loss(event[even], p[even]))
    with pytest.raises(DataError):
        reliability(p, np.ones(40_000, bool))


# applicability and response ----------------------------------------------------------------------------------------


def test_places_unlike_all_others_are_outside_and_unknown():
    cases = county(500)
    fold = cluster_folds(cases.x, cases.y, cases.is_event, folds=5, seed=1)
    area = applicability(cases.values, fold, factors=NAMES)
    odd = np.array([[20.0, 90, 8, 2], [85.0, 90, 60, 2], [20.0, 90, np.nan, 2]])
    assert area.holds(odd).tolist() == [True, False, False]
    assert area.holds(cases.values[~np.isnan(cases.values).any(axis=1)]).all()
    model = susceptibility_model("logistic", NAMES).fit(cases.values, cases.is_event)
    got = Learned(NAMES, model, area).logit(list(odd.T), odd[:, 0])
    assert np.isnan(got).tolist() == [False, True, True]
    # a factor without importance puts no place outside
    blind = applicability(cases.values, fold, factors=NAMES, importance=np.array([1.0, 1.0, 0.0, 1.0]))
    assert blind.holds(np.array([[20.0, 90, 60, 2]])).all()
    with pytest.raises(DataError, match="1 fold"):
        applicability(cases.values, np.zeros(500, int), factors=NAMES)


def test_categories_alone_hold_the_codes_that_were_met_in_other_folds():
    values = np.tile([1.0, 2.0, 3.0], 4)[:, None]
    area = applicability(values, np.repeat([0, 1], 6), factors=("lithology",))
    assert area.threshold == 0
    asked = np.array([[1.0], [2.0], [3.0], [4.0], [np.nan]])
    np.testing.assert_array_equal(area.holds(asked), [True, True, True, False, False])


def test_the_dissimilarity_is_the_distance_over_the_mean_distance():
    values = np.array([[0.0], [1.0], [2.0], [3.0]])
    area = applicability(values, np.array([0, 0, 1, 1]), factors=("twi",))
    # distances of pairs 1 1 1 2 2 3: mean 10/6; scaled alike
    assert area.dissimilarity(np.array([[5.0]]))[0] == pytest.approx(2 / (10 / 6))


def test_responses_follow_the_model_and_rank_its_factors():
    cases = county(1500)
    model = susceptibility_model("logistic", NAMES).fit(cases.values, cases.is_event)
    got = {r.factor: r for r in responses(model, cases.values[~cases.is_event], NAMES)}
    assert (np.diff(got["slope_deg"].mean) > 0).all()
    assert got["aspect_deg"].at[np.argmax(got["aspect_deg"].mean)] in (135.0, 180.0, 225.0)
    assert got["lithology"].at[np.argmax(got["lithology"].mean)] == 2
    assert got["twi"].importance < 0.3 * got["slope_deg"].importance
    assert ((got["twi"].low <= got["twi"].mean) & (got["twi"].mean <= got["twi"].high)).all()


def test_flat_ground_without_curvature_does_not_make_the_response_to_slope_unknown():
    class FlatIsKnown:
        def predict_proba(self, x):
            p = np.where(np.isnan(x[:, 1]) & (x[:, 0] > 0), np.nan, x[:, 0] / 90)
            return np.stack([1 - p, p], axis=1)

    values = np.array([[0.0, np.nan], [10.0, 0.1], [20.0, 0.0], [40.0, -0.1]])
    slope, curvature = responses(FlatIsKnown(), values, ("slope_deg", "curvature_plan"), points=3)
    np.testing.assert_allclose(slope.mean, slope.at / 90)
    assert np.isfinite([slope.importance, curvature.importance]).all()


# real --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ecuador() -> Cases:
    table = pd.read_csv(Path(os.environ["GEO_RISK_REAL"]) / "landslide/ecuador_lsl/lsl.csv")
    event = table["lslpts"].astype(str).str.upper().eq("TRUE").to_numpy()
    values = table[["slope", "cplan", "cprof", "elev", "log10_carea"]].to_numpy(dtype=float)
    return Cases(values, event, table["x"].to_numpy(dtype=float), table["y"].to_numpy(dtype=float))


@pytest.mark.real
def test_the_logistic_model_reproduces_the_published_scores_of_ecuador(ecuador):
    model = susceptibility_model("logistic")
    fit = model.fit(ecuador.values, ecuador.is_event).predict_proba(ecuador.values)[:, 1]
    assert auc(fit, ecuador.is_event) == pytest.approx(0.8216, abs=0.002)
    random_ = [judged(model, ecuador, random_folds(ecuador.is_event, folds=5, seed=s)).auc for s in range(100)]
    spatial = [
        judged(model, ecuador, cluster_folds(ecuador.x, ecuador.y, ecuador.is_event, folds=5, seed=s)).auc
        for s in range(100)
    ]
    # the published means are of 100 other draws of the folds
    assert np.mean(random_) == pytest.approx(0.8097, abs=0.01)
    assert np.mean(spatial) == pytest.approx(0.7726, abs=0.01)


@pytest.mark.real
@pytest.mark.slow
def test_choosing_a_model_for_ecuador_is_no_worse_than_the_published_one(ecuador):
    tried = candidates(["information_value", "logistic", "joint"])
    made = [
        nested(tried, ecuador, cluster_folds(ecuador.x, ecuador.y, ecuador.is_event, folds=5, seed=s), seed=s).skill
        for s in range(10)
    ]
    mean = float(np.mean([m.auc for m in made]))
    print(f"Ecuador, nested: AUC {mean:.4f}, intervals {made[0].low:.3f}-{made[0].high:.3f} (GLM published .7726)")
    assert mean >= 0.7726 - 0.01  # the spread of the mean of 10 draws of folds


@pytest.mark.real
@pytest.mark.slow
def test_the_default_model_is_at_least_the_glm_on_ecuador_with_nothing_tuned_there(ecuador):
    folds = [cluster_folds(ecuador.x, ecuador.y, ecuador.is_event, folds=5, seed=s) for s in range(40)]
    joint, plain = (
        np.mean([judged(susceptibility_model(m), ecuador, f).auc for f in folds]) for m in ("joint", "logistic")
    )
    assert joint >= plain >= 0.7726 - 0.01
