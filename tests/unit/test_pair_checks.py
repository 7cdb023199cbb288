"""Pairs of a HyP3 network in another unit or with the other sign; noise and wrong fringes are not taken for either."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from geo_risk.core.errors import AmbiguousError
from geo_risk.sources.insar import open_insar
from geo_risk.sources.pair_checks import odd_pairs
from geo_risk.sources.pairs import Network
from tests.support.points import days, write_tif

FRINGE = 0.0277


def network(n: int, reach: int) -> Network:
    dates = days(n)
    return Network(tuple((dates[a], dates[b]) for a in range(n) for b in range(a + 1, min(n, a + reach + 1))))


def pairs(net: Network, *, seed: int = 0, noise_m: float = 0.001, air_m: float = 0.008) -> np.ndarray:
    """Sinking ground under smooth air, as (pairs, rows, columns), each pair with noise of its own."""
    rng = np.random.default_rng(seed)
    air = np.array([gaussian_filter(rng.normal(size=(32, 160)), 8) for _ in net.dates])
    y, x = np.mgrid[:32, :160]
    bowl = np.exp(-((y - 15) ** 2 + (x - 70) ** 2) / (2 * 10.0**2))
    series = air * air_m / air.std() - 0.002 * np.arange(len(net.dates))[:, None, None] * bowl
    out = np.einsum("pd,dyx->pyx", net.design, series)
    return (out + rng.normal(0, noise_m, out.shape))[:, ::2]


@pytest.mark.parametrize("factor", [-1.0, 1000.0, 0.001])
@pytest.mark.parametrize(("n", "reach"), [(5, 2), (12, 2), (12, 3)])
@pytest.mark.parametrize("seed", range(3))
def test_the_pair_that_was_changed_is_named(n, reach, factor, seed):
    net = network(n, reach)
    sample = pairs(net, seed=seed)
    k = seed + 3
    sample[k] *= factor
    odd = odd_pairs(net, sample)
    assert [o.pair for o in odd if not o.others] in ([k], [])
    assert all(k in (o.pair, *o.others) for o in odd)
    assert odd[0].slope == pytest.approx(factor, rel=0.5) or odd[0].pair != k


def test_two_turned_pairs_do_not_hide_one_another():
    net = network(12, 3)
    sample = pairs(net)
    sample[[4, 20]] *= -1
    assert {o.pair for o in odd_pairs(net, sample)} == {4, 20}


def test_of_one_loop_all_that_may_be_turned_are_named():
    net = network(3, 2)
    sample = pairs(net)
    sample[1] *= -1
    (odd,) = odd_pairs(net, sample)
    assert 1 in (odd.pair, *odd.others)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([(3, 2), (5, 2), (9, 3)]), st.floats(2e-4, 0.01), st.floats(0, 0.02))
def test_noise_and_air_are_never_asked_about(seed, size, noise_m, air_m):
    net = network(*size)
    assert odd_pairs(net, pairs(net, seed=seed, noise_m=noise_m, air_m=air_m)) == []


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("fault", ["noise", "area", "third", "river", "smooth"])
def test_lost_coherence_and_wrong_fringes_are_not_asked_about(seed, fault):
    net = network(9, 3)
    rng = np.random.default_rng(seed)
    sample = pairs(net, seed=seed)
    if fault == "noise":
        sample[5] = rng.normal(0, 0.008, sample[5].shape)
    elif fault == "area":
        sample[5, 3:9, 40:70] += FRINGE
    elif fault == "third":
        sample[5, :, :50] -= FRINGE
    elif fault == "river":  # both banks are unwrapped apart in every pair
        sample[:, :, 80:] += FRINGE * rng.integers(-2, 3, (len(sample), 1, 1))
    else:
        sample += 0.008 * 12 * np.array([gaussian_filter(rng.normal(size=sample[0].shape), 6) for _ in sample])
    assert odd_pairs(net, sample) == []


def test_a_chain_and_few_cells_say_nothing():
    chain = network(6, 1)
    assert odd_pairs(chain, pairs(chain) * np.array([1, -1, 1, 1, 1])[:, None, None]) == []
    net = network(6, 2)
    sample = pairs(net)
    sample[1] *= -1
    sample[2, :, 5:] = np.nan
    assert odd_pairs(net, sample) == []


def hyp3(folder: Path, net: Network, values: np.ndarray) -> Path:
    for k, ((first, second), moved) in enumerate(zip(net.pairs, values, strict=True)):
        stem = f"S1AA_{first}T013911_{second}T013911_VVP012_INT80_G_ueF_{k:04d}"
        write_tif(folder / f"{stem}_los_disp.tif", moved)
        if k == 0:
            write_tif(folder / f"{stem}_lv_theta.tif", np.full(moved.shape, 0.9))
            write_tif(folder / f"{stem}_lv_phi.tif", np.full(moved.shape, -2.9))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("reach", "factor", "text"), [
    (2, -1.0, r"pair 20190117_20190129 is -[01]\.\d+ times what the other pairs make of it(?s:.)*is its sign turned"),
    (2, 1000.0, "on 20190117_20190129 .1 of 9 pairs.(?s:.)*are these pairs in another unit"),
    (1, 1000.0, "on 20190117_20190129 .1 of 5 pairs.(?s:.)*are these pairs in another unit"),
])  # fmt: skip
def test_a_folder_with_one_wrong_pair_stops_with_its_name(tmp_path, reach, factor, text):
    net = network(6, reach)
    values = pairs(net)
    open_insar(hyp3(tmp_path / "right", net, values), track="asc")
    values[net.pairs.index(("20190117", "20190129"))] *= factor
    with pytest.raises(AmbiguousError, match=text) as caught:
        open_insar(hyp3(tmp_path / "wrong", net, values), track="asc")
    assert "fetch the named pairs again" in caught.value.fix
