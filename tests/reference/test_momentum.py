"""The flow with advection against dam breaks, channels and sheets of known depth; and what it mends in that without."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from geo_risk.kernels.inertial import GRAVITY, FloodRun, simulate


def stoker(left_m: float, right_m: float, x: np.ndarray, time_s: float) -> tuple[np.ndarray, float, float]:
    """Depth after a dam at x = 0 breaks over still water (Stoker 1957), depth and speed behind the bore."""

    def gap(h: float) -> float:
        speed = 2 * (np.sqrt(GRAVITY * left_m) - np.sqrt(GRAVITY * h))
        return speed - (h - right_m) * np.sqrt(0.5 * GRAVITY * (h + right_m) / (h * right_m))

    middle = brentq(gap, right_m, left_m)
    speed = 2 * (np.sqrt(GRAVITY * left_m) - np.sqrt(GRAVITY * middle))
    fan = (2 * np.sqrt(GRAVITY * left_m) - x / time_s) ** 2 / 9 / GRAVITY
    back, tail = -np.sqrt(GRAVITY * left_m) * time_s, (speed - np.sqrt(GRAVITY * middle)) * time_s
    bore = middle * speed / (middle - right_m) * time_s
    depth = np.select([x < back, x < tail, x < bore], [left_m, fan, middle], right_m)
    return depth, float(middle), float(speed)


@pytest.mark.parametrize(("right_m", "error_m"), [(0.5, 0.004), (0.1, 0.01)])
def test_dam_break_runs_as_fast_and_as_deep_as_stoker_has_it(right_m: float, error_m: float) -> None:
    # first order: the bore is spread over some cells; of 200 cells some are off by a part of its height
    cell, x = 2.0, np.arange(200) * 2.0 - 199.0
    start = np.where(x < 0, 1.0, right_m)[None]
    exact, middle, speed = stoker(1.0, right_m, x, 40.0)
    kwargs = {"rain_step_s": 40.0, "cell_m": cell, "initial_depth_m": start, "open_boundary": False}
    run = simulate(np.zeros((1, 200)), 5e-4, [0.0], advection=True, **kwargs)
    depth = run.depth_m[0]
    assert np.abs(depth - exact).mean() < error_m
    bore = middle * speed / (middle - right_m) * 40.0
    found = x[np.argmax(depth < 0.5 * (middle + right_m))]
    assert found == pytest.approx(bore, abs=3 * cell)
    behind = (x > 0.6 * bore) & (x < bore - 6 * cell)
    np.testing.assert_allclose(depth[behind], middle, rtol=0.02)
    assert run.max_speed_m_s.max() == pytest.approx(speed, rel=0.1)
    # without advection neither depth nor place is right
    without = simulate(np.zeros((1, 200)), 5e-4, [0.0], **kwargs)
    assert np.abs(without.depth_m[0] - exact).mean() > 5 * error_m


def walled(bed: np.ndarray) -> np.ndarray:
    return np.pad(bed[None], ((1, 1), (0, 0)), constant_values=np.nan)


STREETS = [(0.01, 0.02, 0.5, 5.0), (0.02, 0.02, 0.1, 2.0), (0.02, 0.03, 0.5, 10.0), (0.05, 0.03, 0.1, 5.0)]
"""Slope, Manning n, discharge [m2/s], cell [m]; Froude numbers of 1.2 to 1.6."""


@pytest.mark.parametrize(("slope", "n", "flow", "cell"), STREETS)
@pytest.mark.parametrize("advection", [False, True])
def test_fast_streets_have_their_normal_depth_or_hold_at_the_critical(
    slope: float, n: float, flow: float, cell: float, advection: bool
) -> None:
    bed = walled(-slope * cell * np.arange(200.0))
    bed[1, 0] = np.nan
    rain = np.zeros((1, *bed.shape))
    rain[0, 1, 1] = flow / cell * 3.6e6
    run = simulate(bed, n, rain, rain_step_s=3600.0, cell_m=cell, advection=advection)
    normal, critical = (n * flow / slope**0.5) ** 0.6, (flow / GRAVITY**0.5) ** (2 / 3)
    assert critical > 1.1 * normal
    depth = run.depth_m[1, 20:-20]
    np.testing.assert_allclose(depth, normal if advection else critical, rtol=0.005)
    # the front over dry ground is a little faster than what follows, not many times, as where waves break
    assert run.max_speed_m_s[1, 20:-20].max() < 1.2 * flow / (normal if advection else critical)


@pytest.mark.parametrize("advection", [False, True])
@pytest.mark.parametrize(("slope", "n", "rain", "cell"), [(0.02, 0.03, 60.0, 5.0), (0.05, 0.1, 60.0, 30.0)])
def test_sheets_of_rain_come_to_their_normal_depth_without_waves(
    slope: float, n: float, rain: float, cell: float, advection: bool
) -> None:
    """Steady sheet flow on a plane: q = rain x, h = (n q / sqrt(slope))^0.6 at the lower face of each cell."""
    bed = walled(-slope * cell * np.arange(200.0))
    bed[1, 0] = np.nan
    run = simulate(bed, n, [rain], rain_step_s=4 * 3600.0, cell_m=cell, advection=advection)
    q = rain / 3.6e6 * cell * np.arange(1, 200)
    normal = (n * q / slope**0.5) ** 0.6
    # off by what the depth changes from cell to cell
    np.testing.assert_allclose(run.depth_m[1, 1:][20:-5], normal[20:-5], rtol=0.003)
    # but for the last cells, where the water falls over the open edge
    assert run.max_speed_m_s[1, 1:-5].max() < 1.02 * (q / normal).max()


def test_lake_at_rest_stays_at_rest() -> None:
    rng = np.random.default_rng(4)
    z = rng.normal(size=(20, 30))
    depth = np.maximum(0.4 - z, 0.0)
    run = simulate(z, 0.03, [0.0], rain_step_s=3600, cell_m=5, initial_depth_m=depth, open_boundary=False,
                   advection=True)  # fmt: skip
    np.testing.assert_allclose(run.depth_m, depth, rtol=0, atol=1e-12)
    assert np.nanmax(run.max_speed_m_s) < 1e-12  # rounding of heights


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), rough=st.sampled_from([0.01, 0.3, 2.0]), n=st.sampled_from([0.011, 0.05]))
def test_mirrored_ground_gives_mirrored_water_and_mass_is_kept(seed: int, rough: float, n: float) -> None:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(18, 18)) * rough
    start = np.where(rng.random(z.shape) < 0.1, 2.0, 0.0)

    def run(turn) -> FloodRun:
        return simulate(turn(z), n, [80.0], rain_step_s=600.0, cell_m=5.0, initial_depth_m=turn(start), advection=True)

    first = run(lambda a: a)
    assert (first.depth_m >= 0).all()
    assert abs(first.balance.error_m3) < 1e-9 * (first.balance.initial_m3 + first.balance.rain_m3)
    # the deepest water and the fastest change a step's length, and no water runs at a Froude number above 5
    assert first.max_speed_m_s.max() < 5.01 * np.sqrt(GRAVITY * (2.5 + 4 * rough))
    for turn in (np.flipud, np.fliplr, np.transpose):
        other = run(turn)
        np.testing.assert_array_equal(turn(first.depth_m), other.depth_m)
        np.testing.assert_array_equal(turn(first.max_speed_m_s), other.max_speed_m_s)
