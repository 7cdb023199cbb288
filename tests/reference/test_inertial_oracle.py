"""The compiled float32 kernel against the same scheme written plainly in float64 NumPy, and against itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.kernels.inertial import GRAVITY, FloodRun, Inflow, Level, simulate

CELL, N, THETA, COURANT, STEP_MAX = 5.0, 0.04, 0.9, 0.7, 10.0


def carried(q: np.ndarray, across: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Momentum that leaves the surroundings of each inner face of a row, twice over; `across` flows between rows."""

    def upwind(flow: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return flow * np.where(flow > 0, a, b)

    middle = upwind(q[:, :-1] + q[:, 1:], u[:, :-1], u[:, 1:])
    beyond = np.pad(u, ((1, 1), (0, 0)))  # what comes in over the edge of the raster carries nothing along it
    corner = upwind(across[:, :-1] + across[:, 1:], beyond[:-1, 1:-1], beyond[1:, 1:-1])
    return np.diff(middle, axis=1) + np.diff(corner, axis=0)


def plain(
    z: np.ndarray, rain_m_s: float, duration_s: float, sink_m_s: np.ndarray, *, advection: bool
) -> tuple[np.ndarray, float, int]:
    """Depth at the end, water that left over the edges [m of a cell] and steps; open edges, one rain rate."""
    ny, nx = z.shape
    h, qx, qy = np.zeros(z.shape), np.zeros((ny, nx + 1)), np.zeros((ny + 1, nx))
    u, v = np.zeros_like(qx), np.zeros_like(qy)
    remaining, h_max, left, steps = duration_s, 0.0, 0.0, 0
    outfall, root = (2 / 3) ** 1.5 * GRAVITY**0.5, GRAVITY**0.5
    while remaining > 0:
        wave = np.sqrt(GRAVITY * (h_max + rain_m_s * STEP_MAX))
        speed = max(np.abs(u[:, 1:-1]).max(), np.abs(v[1:-1]).max())
        dt = min(STEP_MAX, COURANT * CELL / max(wave + COURANT * min(speed, 3.0), 2.0))
        dt = remaining if dt >= remaining else (0.5 * remaining if dt > 0.5 * remaining else dt)
        eta, new_x, new_y, new_u, new_v = z + h, *(np.zeros_like(a) for a in (qx, qy, u, v))
        moved_x, moved_y = carried(qx, qy, u), carried(qy.T, qx.T, v.T).T
        for new, speeds, q, moved, axis in ((new_x, new_u, qx, moved_x, 1), (new_y, new_v, qy, moved_y, 0)):
            inner = np.s_[:, 1:-1] if axis else np.s_[1:-1]
            a, b = (np.s_[:, :-1], np.s_[:, 1:]) if axis else (np.s_[:-1], np.s_[1:])
            wet = np.maximum(eta[a], eta[b]) - np.maximum(z[a], z[b])
            sides = (q[:, :-2] + q[:, 2:]) if axis else (q[:-2] + q[2:])
            mean = THETA * q[inner] + 0.5 * (1 - THETA) * sides
            deep = np.maximum(wet, 1e-6)
            push = np.minimum(deep, 0.5 * (h[a] + h[b])) if advection else deep
            driven = mean - GRAVITY * push * dt * (eta[b] - eta[a]) / CELL
            driven -= 0.5 * dt / CELL * moved if advection else 0.0
            drag = GRAVITY * dt * N**2 * deep ** (-7 / 3)
            flux = (
                np.sign(driven) * (np.sqrt(1 + 4 * drag * np.abs(driven)) - 1) / (2 * drag)
            )  # q + drag q |q| = driven
            swift = np.minimum(5 * root * deep**0.5, CELL / dt - wave) if advection else root * deep**0.5
            new[inner] = np.where(wet > 1e-6, np.clip(flux, -swift * deep, swift * deep), 0.0)
            speeds[inner] = new[inner] / deep if advection else 0.0
        new_x[:, 0], new_x[:, -1] = -outfall * h[:, 0] ** 1.5, outfall * h[:, -1] ** 1.5
        new_y[0], new_y[-1] = -outfall * h[0] ** 1.5, outfall * h[-1] ** 1.5
        if advection:
            new_u[:, 0], new_u[:, -1] = (new_x[:, k] / np.maximum(h[:, k], 0.01) for k in (0, -1))
            new_v[0], new_v[-1] = (new_y[k] / np.maximum(h[k], 0.01) for k in (0, -1))
        out = np.maximum(new_x[:, 1:], 0) - np.minimum(new_x[:, :-1], 0)
        out += np.maximum(new_y[1:], 0) - np.minimum(new_y[:-1], 0)
        share = np.where(out * dt / CELL > h, h / np.maximum(out * dt / CELL, 1e-300), 1.0)
        wide, tall = np.pad(share, ((0, 0), (1, 1))), np.pad(share, ((1, 1), (0, 0)))
        qx = new_x * np.where(new_x > 0, wide[:, :-1], wide[:, 1:])
        qy = new_y * np.where(new_y > 0, tall[:-1], tall[1:])
        u, v = new_u, new_v
        h = np.maximum(h + dt / CELL * (qx[:, :-1] - qx[:, 1:] + qy[:-1] - qy[1:]), 0) + rain_m_s * dt
        h_max = h.max()
        h = h - np.minimum(h, sink_m_s * dt)
        left += dt / CELL * (qx[:, -1].sum() - qx[:, 0].sum() + qy[-1].sum() - qy[0].sum())
        remaining, steps = (0.0 if dt >= remaining else remaining - dt), steps + 1
    return h, left, steps


@pytest.mark.parametrize("advection", [False, True])
def test_float32_fluxes_follow_the_plain_float64_scheme(advection: bool) -> None:
    rng = np.random.default_rng(3)
    z = rng.normal(size=(24, 37)) * 0.3 - 0.01 * np.arange(37)
    sink = np.where(rng.random(z.shape) < 0.1, 2e-5, 0.0)
    run = simulate(z, N, [60.0], rain_step_s=900, cell_m=CELL, sink_m3_s=sink * CELL**2, advection=advection)
    depth, left, steps = plain(z, 60 / 3.6e6, 900.0, sink, advection=advection)
    assert run.n_steps == steps
    # the power in the friction is good to 1e-4, which moves depths by a third of that: of 5 cm, 2e-6 m
    np.testing.assert_allclose(run.depth_m, depth, rtol=3e-5, atol=3e-6)
    assert run.balance.left_m3 == pytest.approx(left * CELL**2, rel=3e-5)


def same(one: FloodRun, other: FloodRun) -> None:
    for a, b in zip(one[:4] + one[7:10], other[:4] + other[7:10], strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.balance == other.balance
    assert one.n_steps == other.n_steps


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(16, 70), columns=st.integers(1, 70), threads=st.integers(2, 6),
       advection=st.booleans())  # fmt: skip
def test_result_does_not_depend_on_the_number_of_threads(
    seed: int, rows: int, columns: int, threads: int, advection: bool
) -> None:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(rows, columns)) * rng.choice([0.05, 1.0])
    z[rng.random(z.shape) < 0.05] = np.nan
    z[:, 0] = -1.0
    feed = Inflow(np.arange(0, rows * columns, columns), [0.0, 100.0, 200.0], [0.0, 3.0, 0.0], "west")
    spring = Inflow([0, (rows // 2) * columns], [50.0, 60.0], [0.5, 0.1])
    held = Level([(rows - 1) * columns], [0.0, 300.0], [-1.5, 0.2])
    kwargs = {
        "rain_step_s": 300.0, "cell_m": CELL, "inflows": [feed, spring], "levels": [held],
        "sink_m3_s": np.where(rng.random(z.shape) < 0.1, 0.05, 0.0), "initial_depth_m": rng.random(z.shape) < 0.1,
        "advection": advection,
    }  # fmt: skip
    rain = np.where(rng.random((1, *z.shape)) < 0.5, 0.0, 80.0)
    same(simulate(z, N, rain, n_threads=1, **kwargs), simulate(z, N, rain, n_threads=threads, **kwargs))


def test_dry_rows_are_passed_over_without_a_change() -> None:
    """Water in a corner alone gives the same as with a film of rain too thin to move that keeps every row awake."""
    z = np.add.outer(np.arange(60) * -0.01, np.arange(40) * 0.0)
    start = np.zeros(z.shape)
    start[:5, :5] = 1.0
    kwargs = {"rain_step_s": 600.0, "cell_m": CELL, "initial_depth_m": start, "open_boundary": False}
    asleep = simulate(z, N, [0.0], **kwargs)
    awake = simulate(z, N, [1e-9], **kwargs)
    # the film of rain shortens the first steps a little: another course of rounding
    np.testing.assert_allclose(asleep.depth_m, awake.depth_m, rtol=0, atol=2e-6)
    assert (asleep.depth_m[-1] == 0).any()


_PLAIN = """
import sys
import numpy as np
from geo_risk.kernels.inertial import Inflow, Level, simulate
rng = np.random.default_rng(3)
z = rng.normal(size=(9, 11)) * 0.3
z[4, 4] = np.nan
z[:, 0] = -1
rain = np.stack([np.full(z.shape, 80.0), rng.random(z.shape) * 50])
got = simulate(z, 0.03, rain, rain_step_s=30, cell_m=5, sink_m3_s=np.where(z < -0.4, 0.01, 0), frame_step_s=20,
               inflows=[Inflow([0, 11], [0, 40], [0.1, 0.3], "west"), Inflow([49], [0, 40], [0.1, 0.3])],
               levels=[Level([98], [0], [0.1])])
np.savez(sys.argv[1], *got[:4], np.array(got.balance), *got[7:10], got.frames.depth_mm)
"""


@pytest.mark.slow
def test_the_kernel_says_the_same_compiled_and_as_plain_python(tmp_path: Path) -> None:
    made = []
    for off in ("0", "1"):
        run = [sys.executable, "-c", _PLAIN, str(tmp_path / f"{off}.npz")]
        subprocess.run(run, check=True, env={**os.environ, "NUMBA_DISABLE_JIT": off})
        made.append(np.load(tmp_path / f"{off}.npz"))
    for name in made[0].files:
        np.testing.assert_array_equal(made[0][name], made[1][name], err_msg=name)
