"""Logistic regression against scikit-learn, and where the terms separate the two kinds."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from geo_risk.kernels.logistic import fit_logistic, probability


def cases(seed, n=400):
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(n), rng.normal(0, 1, n), rng.normal(0, 1, n)])
    return x, rng.random(n) < probability(x, np.array([-1.0, 1.3, -0.4]))


def test_coefficients_are_those_of_scikit_learn():
    x, y = cases(1)
    found, likelihood = fit_logistic(x, y)
    peer = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(x[:, 1:], y)
    # both stop at a slope near zero, and the ridge of 1e-6 moves a coefficient by about 1e-8
    np.testing.assert_allclose(found, [peer.intercept_[0], *peer.coef_[0]], atol=1e-5)
    p = probability(x, found)
    np.testing.assert_allclose(likelihood, np.log(np.where(y, p, 1 - p)).sum(), rtol=1e-9)


@given(st.integers(0, 10_000))
def test_nothing_near_the_fit_is_more_likely(seed):
    x, y = cases(seed, 80)
    found, best = fit_logistic(x, y)
    other = found + np.random.default_rng(seed).normal(0, 0.3, 3)
    p = np.clip(probability(x, other), 1e-300, 1)
    q = np.clip(1 - probability(x, other), 1e-300, 1)
    # the ridge may cost the fit 1e-6 of likelihood where coefficients are near 1
    assert np.log(np.where(y, p, q)).sum() <= best + 1e-4


def test_terms_that_separate_the_two_kinds_give_finite_coefficients():
    x = np.column_stack([np.ones(20), np.arange(20.0)])
    found, likelihood = fit_logistic(x, x[:, 1] > 9.5)
    assert np.isfinite(found).all()
    assert -0.01 < likelihood <= 0
