"""Inflows, levels, rain on other grids, arrival, speed, hazard rating, frames and saved states of the flow kernel."""

from __future__ import annotations

import numpy as np
import pytest

from geo_risk.kernels.flow_input import IndexedRain
from geo_risk.kernels.flow_run import OtherInputs
from geo_risk.kernels.inertial import Checkpoints, FloodRun, Inflow, Level, UnstableFlow, simulate

CELL = 5.0


def same(one: FloodRun, other: FloodRun) -> None:
    for name, a in one._asdict().items():
        b = getattr(other, name)
        if name in ("record", "frames") and a is not None:
            for p, q in zip(a, b, strict=True):
                np.testing.assert_array_equal(p, q)
        elif a is not None:
            np.testing.assert_array_equal(a, b, err_msg=name)


@pytest.mark.parametrize("side", ["west", "east", "north", "south", None])
def test_inflow_gives_the_volume_of_its_hydrograph(side: str | None) -> None:
    z = np.zeros((20, 20))
    at = {"west": np.s_[3:9, 0], "east": np.s_[3:9, -1], "north": np.s_[0, 3:9], "south": np.s_[-1, 3:9]}
    cells = np.arange(400).reshape(20, 20)[at.get(side or "", np.s_[10, 3:9])]
    feed = Inflow(cells, [13.0, 200.0, 777.7, 900.0], [0.0, 7.3, 1.1, 0.0], side)
    run = simulate(z, 0.03, [0.0], rain_step_s=1000, cell_m=CELL, inflows=[feed], open_boundary=False)
    volume = 0.5 * (7.3 * 187 + 8.4 * 577.7 + 1.1 * 122.3)
    assert run.balance.inflow_m3 == pytest.approx(volume, rel=1e-12)
    assert run.balance.final_m3 == pytest.approx(volume, rel=1e-12)
    assert abs(run.balance.error_m3) < 1e-9 * volume


def test_an_open_edge_lets_out_beside_an_inflow() -> None:
    z = np.zeros((20, 20))
    feed = Inflow(np.arange(5) * 20, [0.0, 3000.0], [2.0, 2.0], "west")
    run = simulate(z, 0.03, [0.0], rain_step_s=3000, cell_m=CELL, inflows=[feed])
    assert 0.9 * run.balance.inflow_m3 < run.balance.left_m3 < run.balance.inflow_m3
    assert abs(run.balance.error_m3) < 1e-9 * run.balance.inflow_m3


def test_level_series_is_followed_by_a_basin() -> None:
    z = np.full((12, 30), -1.0)  # below the sea: negative heights are heights
    edge = Level(np.arange(12) * 30, [0.0, 3600.0, 7200.0], [-0.9, 0.4, 0.4])
    run = simulate(z, 0.03, [0.0], rain_step_s=7200, cell_m=CELL, levels=[edge], open_boundary=False)
    np.testing.assert_allclose(z + run.depth_m, 0.4, atol=0.005)
    assert run.balance.held_m3 == pytest.approx(run.balance.final_m3, rel=1e-9)


@pytest.mark.parametrize("angle_deg", [0.0, 33.0])
def test_rain_of_a_coarse_rotated_grid_is_that_of_its_cells(angle_deg: float) -> None:
    rng = np.random.default_rng(5)
    z = rng.normal(size=(40, 50)) * 0.2
    y, x = np.mgrid[0:40, 0:50] * CELL
    turn = np.radians(angle_deg)
    u = np.floor((np.cos(turn) * x + np.sin(turn) * y) / 70).astype(int)
    v = np.floor((-np.sin(turn) * x + np.cos(turn) * y) / 70).astype(int)
    _, cells = np.unique(u * 1000 + v, return_inverse=True)
    cells = cells.reshape(z.shape).astype(np.int32)
    rates = rng.random((2, cells.max() + 1)) * 60
    kwargs = {"rain_step_s": 300.0, "cell_m": CELL}
    same(simulate(z, 0.03, IndexedRain(rates, cells), **kwargs), simulate(z, 0.03, rates[:, cells], **kwargs))


def test_rain_that_does_not_cover_the_ground_is_refused() -> None:
    z, cells = np.zeros((4, 4)), np.zeros((4, 4), np.int32)
    cells[0, 0] = -1
    with pytest.raises(ValueError, match="rain_mm_h"):
        simulate(z, 0.03, IndexedRain([[1.0]], cells), rain_step_s=10, cell_m=CELL)
    z[0, 0] = np.nan  # a wall needs no rain
    simulate(z, 0.03, IndexedRain([[1.0]], cells), rain_step_s=10, cell_m=CELL)
    with pytest.raises(ValueError, match="cells holds"):
        IndexedRain([[1.0]], cells + 2)


def test_arrival_is_when_the_depth_is_passed() -> None:
    run = simulate(np.zeros((3, 3)), 0.03, [36.0], rain_step_s=1000, cell_m=CELL, open_boundary=False,
                   depth_threshold_m=0.004, step_max_s=1.0)  # fmt: skip
    np.testing.assert_allclose(run.arrival_s, 400.0, atol=4.5)  # looked at every fourth step of a second
    low = simulate(np.zeros((3, 3)), 0.03, [36.0], rain_step_s=100, cell_m=CELL, open_boundary=False)
    assert np.isnan(low.arrival_s).all()


@pytest.mark.parametrize(("depth", "rating"), [(0.2, 0.1), (0.5, 1.25), (1.0, 1.5)])
def test_hazard_rating_of_still_water_in_a_town(depth: float, rating: float) -> None:
    """FD2321/TR1 table 3.1 (urban): debris factor 0 to 0.25 m, then 1."""
    run = simulate(np.zeros((3, 3)), 0.03, [0.0], rain_step_s=10, cell_m=CELL, open_boundary=False,
                   initial_depth_m=depth)  # fmt: skip
    np.testing.assert_allclose(run.hazard_rating, rating, rtol=1e-6)
    rural = simulate(np.zeros((3, 3)), 0.03, [0.0], rain_step_s=10, cell_m=CELL, open_boundary=False,
                     initial_depth_m=depth, debris_factor=(0.0, 0.0, 0.5))  # fmt: skip
    np.testing.assert_allclose(rural.hazard_rating, 0.5 * depth + (0.5 if depth > 0.75 else 0.0), rtol=1e-6)


def test_speed_and_rating_of_uniform_flow() -> None:
    n_x, slope, n, q = 400, 0.002, 0.03, 1.5
    z = np.tile(-slope * CELL * np.arange(n_x, dtype=float), (3, 1))
    z[[0, 2]] = np.nan  # walls on both sides
    feed = Inflow([n_x], [0.0, 9000.0, 1e5], [0.0, q * CELL, q * CELL], "west")  # slowly: no front is faster
    depth = (n * q / slope**0.5) ** 0.6
    run = simulate(z, n, [0.0], rain_step_s=12000, cell_m=CELL, inflows=[feed])
    middle = np.s_[1, 100:200]
    # waves of the rise are gone to some per cent
    np.testing.assert_allclose(run.max_speed_m_s[middle], q / depth, rtol=0.05)
    np.testing.assert_allclose(run.hazard_rating[middle], depth * (q / depth + 0.5) + 1.0, rtol=0.05)


def test_frames_show_the_depth_in_millimetres() -> None:
    z = np.zeros((6, 8))
    z[0, 0] = np.nan
    run = simulate(z, 0.03, [36.0, 0.0], rain_step_s=600, cell_m=CELL, open_boundary=False, frame_step_s=300)
    assert run.frames is not None
    assert run.frames.time_s.tolist() == [300, 600, 900, 1200]
    assert run.frames.depth_mm.dtype == np.uint16
    assert run.frames.depth_mm.shape == (4, 6, 8)
    assert (run.frames.depth_mm[:, 0, 0] == 65535).all()
    assert run.frames.depth_mm[:, 3, 3].tolist() == [3, 6, 6, 6]
    deep = simulate(z, 0.03, [0.0], rain_step_s=10, cell_m=CELL, open_boundary=False, frame_step_s=10,
                    initial_depth_m=90.0)  # fmt: skip
    assert deep.frames is not None
    assert (deep.frames.depth_mm[0][np.isfinite(z)] == 65534).all()


def busy() -> dict[str, object]:
    rng = np.random.default_rng(8)
    z = rng.normal(size=(40, 30)) * 0.4
    return {
        "elevation_m": z, "manning_n": 0.03, "rain_mm_h": rng.random((2, 40, 30)) * 90, "rain_step_s": 900.0,
        "cell_m": CELL, "sink_m3_s": np.where(z < -0.8, 0.002, 0.0), "record_cells": [5, 600], "frame_step_s": 450.0,
        "inflows": [Inflow(np.arange(8, 20) * 30, [0.0, 600.0, 1500.0], [0.0, 1.0, 0.2], "west")],
        "levels": [Level([29], [0.0, 1800.0], [-0.5, 0.5])],
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("advection", [False, True])
def test_run_that_goes_on_from_any_saved_state_is_the_same_to_the_last_bit(advection: bool) -> None:
    states: list[dict[str, np.ndarray]] = []
    inputs = {**busy(), "advection": advection}
    whole = simulate(**inputs)  # type: ignore[arg-type]
    kept = simulate(**inputs, checkpoints=Checkpoints(states.append, every_s=0.0))  # type: ignore[arg-type]
    same(whole, kept)
    assert len(states) > 6
    for state in (states[0], states[len(states) // 2], states[-1]):
        again = simulate(**inputs, n_threads=2, checkpoints=Checkpoints(states.append, 1e9, state))  # type: ignore[arg-type]
        same(whole, again)


@pytest.mark.parametrize(
    "change",
    [{"manning_n": 0.031}, {"advection": True}, {"rain_step_s": 901.0}, {"theta": 0.8}, {"sink_m3_s": 0.0},
     {"inflows": ()}, {"record_cells": [6, 600]}, {"debris_factor": (0.0, 0.0, 0.0)},
     {"rain_mm_h": np.zeros((2, 40, 30))}],
)  # fmt: skip
def test_saved_state_of_other_inputs_is_refused(change: dict[str, object]) -> None:
    states: list[dict[str, np.ndarray]] = []
    simulate(**busy(), checkpoints=Checkpoints(states.append, every_s=0.0))  # type: ignore[arg-type]
    with pytest.raises(OtherInputs, match="other inputs"):
        simulate(**{**busy(), **change}, checkpoints=Checkpoints(states.append, 1e9, states[1]))  # type: ignore[arg-type]


def test_unstable_run_ends_with_the_place_and_the_time() -> None:
    z = np.zeros((20, 20))
    with pytest.raises(UnstableFlow, match="step became shorter") as found:
        simulate(z, 0.03, [1e15], rain_step_s=100, cell_m=CELL)
    assert found.value.time_s == 0.0
    depth = np.zeros(z.shape)
    depth[7, 3] = 1e300  # finite, and no depth
    with pytest.raises(UnstableFlow, match="row 7, column 3"):
        simulate(z, 0.03, [0.0], rain_step_s=100, cell_m=CELL, initial_depth_m=depth)
    with pytest.raises(UnstableFlow, match="step became shorter"):
        simulate(z, 0.03, [0.0], rain_step_s=100, cell_m=CELL, initial_depth_m=2.0, step_min_s=1.0)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"inflows": [Inflow([99], [0, 1], [1, 1])]}, "off the domain"),
        ({"inflows": [Inflow([0], [0, 1], [1, 1])]}, "no elevation"),
        ({"inflows": [Inflow([5, 5], [0, 1], [1, 1])]}, "different flat indices"),
        ({"inflows": [Inflow([5], [1, 0], [1, 1])]}, "ascending"),
        ({"inflows": [Inflow([5], [0, 1], [1, -1])]}, ">= 0"),
        ({"inflows": [Inflow([5], [0, 1], [1, np.nan])]}, "finite"),
        ({"inflows": [Inflow([5], [0, 1], [1, 1, 1])]}, "shape"),
        ({"inflows": [Inflow([5], [0, 1], [1, 1], "west")]}, "not on the west side"),
        ({"inflows": [Inflow([4], [0, 1], [1, 1], "up")]}, "side 'up'"),
        ({"levels": [Level([5], [0], [np.inf])]}, "finite"),
        ({"levels": [Level([-1], [0], [1])]}, "off the domain"),
        ({"debris_factor": (0, 1)}, "debris_factor"),
        ({"frame_step_s": 0.0}, "frame_step_s"),
        ({"n_threads": 0}, "n_threads"),
        ({"step_min_s": -1.0}, "step_min_s"),
    ],
)
def test_bad_input_is_refused(change: dict[str, object], text: str) -> None:
    z = np.zeros((4, 4))
    z[0, 0] = np.nan
    with pytest.raises(ValueError, match=text):
        simulate(z, 0.03, [1.0], rain_step_s=10, cell_m=CELL, **change)  # type: ignore[arg-type]


def hard_ground(kind: str) -> np.ndarray:
    rng = np.random.default_rng(2)
    z = rng.normal(size=(48, 48)) * 0.1 + 0.01 * np.arange(48)
    if kind == "voids":
        z[rng.random(z.shape) < 0.2] = np.nan
    elif kind == "seams":
        z[:, 16:32] += 1.7
        z[24:] -= 0.9
    elif kind == "coast":
        z -= 6.0
    elif kind == "pit":
        z[20:24, 20:24] = -500.0
    return z


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["voids", "seams", "coast", "pit"])
def test_hard_ground_keeps_all_water_and_makes_none(kind: str) -> None:
    z = hard_ground(kind)
    known = np.isfinite(z)
    held = np.full(z.shape, np.nan)
    if kind == "coast":
        held[:, 0] = -5.5
    drains = np.where(known, 0.5, 0.0)  # takes 72,000 mm/h: far more than falls
    for sink in (None, drains):
        run = simulate(z, 0.03, [150.0], rain_step_s=1200, cell_m=CELL, level_m=held, sink_m3_s=sink, n_threads=2)
        assert (run.depth_m[known] >= 0).all()
        assert np.isnan(run.depth_m[~known]).all()
        assert run.balance.rain_m3 == pytest.approx(0.05 * known.sum() * CELL**2, rel=1e-12)
        assert abs(run.balance.error_m3) < 1e-9 * (run.balance.rain_m3 + abs(run.balance.held_m3))
        assert np.isfinite(run.hazard_rating[known]).all()
        if sink is None and kind == "pit":
            assert np.ptp(run.depth_m[20:24, 20:24]) < 0.005  # a level pond, deeper than the rain
            assert run.depth_m[20:24, 20:24].min() > 0.05
        if sink is not None and kind != "coast":
            assert run.balance.drained_m3 == pytest.approx(run.balance.rain_m3, rel=1e-9)
            assert run.depth_m[known].max() == 0.0
