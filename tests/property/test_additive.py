"""What factors add to a logit, against plain NumPy: the same class for every value, also on and next to a bound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from geo_risk.hazards.landslide.factors import Classing
from geo_risk.kernels.additive import CATEGORY, QUANTILE, SECTOR, add_classes

KINDS = {"quantile": QUANTILE, "sector": SECTOR, "category": CATEGORY}
number = st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.1, 0.3, -0.1])


@given(
    st.lists(number, min_size=1, max_size=14, unique=True).map(sorted),
    hnp.arrays(np.float64, st.integers(1, 40), elements=number | st.just(np.nan) | st.just(np.inf)),
    st.sampled_from([np.float32, np.float64]),
    st.booleans(),
)
def test_between_bounds_the_class_is_that_of_numpy_to_the_last_bit(bounds, values, kind, flat):
    # bounds themselves, and what float32 makes of them, are among the values
    values = np.concatenate([values, bounds, np.float32(bounds).astype(np.float64)]).astype(kind)
    slope = np.arange(len(values), dtype=kind) % 2
    classing = Classing("x", "quantile", tuple(map(float, bounds)), flat)
    table = np.random.default_rng(1).normal(size=classing.n_classes)
    of = classing.classes(values, slope)
    out = np.full(len(values), 0.5)
    add_classes(out, values, slope, QUANTILE, np.asarray(bounds, dtype=np.float64), table, flat)
    np.testing.assert_array_equal(out, 0.5 + np.append(table, np.nan)[of])


@pytest.mark.parametrize("n", [2047, 2048, 2049, 5000])
@pytest.mark.parametrize("kind", list(KINDS))
def test_strips_do_not_show(n, kind):
    rng = np.random.default_rng(n)
    values = {"quantile": rng.normal(size=n), "sector": rng.uniform(-30, 400, n),
              "category": rng.integers(0, 6, n).astype(float)}[kind].astype(np.float32)  # fmt: skip
    values[::7] = np.nan
    bounds = {"quantile": (-1.0, 0.1, 1.0), "sector": (), "category": (1.0, 2.0, 4.0)}[kind]
    classing = Classing("x", kind, bounds, kind == "sector")
    slope = np.where(np.arange(n) % 3 == 0, 0.0, 5.0).astype(np.float32)
    table = rng.normal(size=classing.n_classes)
    out = np.zeros(n)
    add_classes(out, values, slope, KINDS[kind], np.asarray(bounds, dtype=np.float64), table, classing.has_flat)
    np.testing.assert_array_equal(out, np.append(table, np.nan)[classing.classes(values, slope)])
