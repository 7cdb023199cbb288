"""What holds for every run-out: flux is kept, order and window do not matter, a steeper energy line reaches less."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.kernels.may_reach import may_be_reached
from geo_risk.kernels.runout import Friction, flow_path, run_out

seeds = st.integers(0, 2**32 - 1)
frictions = st.builds(
    Friction, st.floats(5, 45), st.sampled_from([1.0, 2.5, 8.0, 75.0]), st.sampled_from([3e-4, 1e-2, 0.1]),
    st.sampled_from([5.0, 50.0, 8848.0]), st.sampled_from([60.0, 150.0, 1e5]),
)  # fmt: skip


def rough(seed: int, shape=(24, 30), holes=0.0) -> np.ndarray:
    """A slope with hills, and here and there a gap."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    z = 500 - 6.0 * y + 15 * np.sin(x / rng.uniform(2, 6)) + rng.normal(0, 3, shape)
    return np.where(rng.random(shape) < holes, np.nan, z)


@pytest.mark.slow
@given(seeds, frictions)
def test_flux_is_kept_and_energy_lies_between_zero_and_the_cap(seed, friction):
    z = rough(seed, holes=0.02)
    p = flow_path(z, 45, friction=friction, cell_m=10.0)
    if np.isnan(z.ravel()[45]):
        assert len(p.row) == 0
        return
    # sums of at most a few hundred shares
    assert abs(p.at_rest.sum() - 1) < 1e-9
    assert (p.at_rest >= 0).all()
    assert (p.energy_m[1:] > 0).all()
    assert (p.energy_m <= friction.cap_m * (1 + 1e-12) + 1e-9).all()
    assert (p.flux[1:] >= friction.flux_cut * (1 - 1e-9)).all()
    assert len(set(zip(p.row.tolist(), p.column.tolist(), strict=True))) == len(p.row)


@pytest.mark.slow
@given(seeds, frictions)
def test_the_order_of_releases_does_not_matter(seed, friction):
    z, rng = rough(seed, holes=0.02), np.random.default_rng(seed)
    cells = rng.choice(z.size, 12, replace=False)
    unit, value = rng.integers(0, 4, 12), rng.integers(0, 5, (12, 2))
    target = np.where(rng.random(z.shape) < 0.2, rng.integers(0, 9, z.shape), -1)
    given_ = {"friction": friction, "cell_m": 10.0, "targets": target}
    one = run_out(z, cells, units=unit, values=value, **given_)
    p = rng.permutation(12)
    two = run_out(z, cells[p], units=unit[p], values=value[p], **given_)
    for name, a, b in zip(one._fields, one, two, strict=True):
        np.testing.assert_array_equal(a, b, err_msg=name)


@given(seeds, frictions)
def test_a_window_of_the_reach_and_one_cell_gives_the_same_bits(seed, friction):
    z = rough(seed, (40, 44), holes=0.02)
    friction = friction._replace(reach_m=100.0)
    row, column = 18, 22
    whole = run_out(z, [row * 44 + column], friction=friction, cell_m=10.0)
    part = run_out(z[7:30, 11:34], [11 * 23 + 11], friction=friction, cell_m=10.0)
    for name in ("energy_m", "flux", "length_m", "angle_min_deg", "n_paths", "flags"):
        np.testing.assert_array_equal(getattr(whole, name)[7:30, 11:34], getattr(part, name), err_msg=name)
    assert whole.n_paths.sum() == part.n_paths.sum()


@given(seeds, st.floats(5, 40), st.floats(5, 40))
def test_in_a_channel_a_steeper_energy_line_reaches_less_with_less_energy(seed, a, b):
    rng = np.random.default_rng(seed)
    z = np.full((3, 60), 1e5)
    z[1] = 1000 + np.cumsum(rng.normal(-3, 4, 60))
    low, high = (run_out(z, [60], friction=Friction(x, 8.0, 3e-4, 40.0, 1e5), cell_m=10.0) for x in sorted((a, b)))
    assert (low.n_paths >= high.n_paths).all()
    assert (low.energy_m >= high.energy_m - 1e-4).all()


@given(seeds, frictions)
def test_mirrored_ground_gives_a_mirrored_footprint(seed, friction):
    z = rough(seed)
    one = run_out(z, [2 * 30 + 9], friction=friction, cell_m=10.0)
    two = run_out(z[:, ::-1], [2 * 30 + 20], friction=friction, cell_m=10.0)
    np.testing.assert_array_equal(one.energy_m, two.energy_m[:, ::-1])
    np.testing.assert_allclose(one.flux, two.flux[:, ::-1], rtol=1e-5)


_PLAIN = """
import sys, numpy as np
from geo_risk.kernels.may_reach import may_be_reached
from geo_risk.kernels.runout import Friction, flow_path, run_out
z = np.load(sys.argv[1])
got = run_out(z, [33, 100, 45], units=[1, 1, 2], targets=np.arange(z.size).reshape(z.shape) % 50,
              friction=Friction(18.0, 8.0, 1e-3, 30.0, 200.0), cell_m=10.0)
np.savez(sys.argv[2], **{k: v for k, v in got._asdict().items()})
"""


@pytest.mark.slow
def test_the_kernel_says_the_same_compiled_and_as_plain_python(tmp_path):
    np.save(tmp_path / "z.npy", rough(11, holes=0.02))
    made = []
    for off in ("0", "1"):
        run = [sys.executable, "-c", _PLAIN, str(tmp_path / "z.npy"), str(tmp_path / f"{off}.npz")]
        subprocess.run(run, check=True, env={**os.environ, "NUMBA_DISABLE_JIT": off})
        made.append(np.load(tmp_path / f"{off}.npz"))
    assert len(made[0]["hits"]) > 10
    for name in made[0].files:
        np.testing.assert_array_equal(made[0][name], made[1][name], err_msg=name)


@pytest.mark.slow
@given(seeds, frictions)
def test_what_may_come_holds_every_path(seed, friction):
    z = rough(seed, holes=0.02)
    start = np.random.default_rng(seed).random(z.shape) < 0.01
    got = run_out(z, np.flatnonzero(start), friction=friction, cell_m=10.0)
    # ways are shorter than the whole raster, and the reach cuts paths alone
    line = np.where(start, z, np.nan)
    may = may_be_reached(z, line, alpha_deg=friction.alpha_deg, cap_m=friction.cap_m, cell_m=10.0, n_steps=z.size)
    assert may[got.n_paths > 0].all()
