"""The run of the town: runoff made by hour, its end when unstable, its state between runs, and its layers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from geo_risk.core.errors import DataError
from geo_risk.core.grid import Grid
from geo_risk.flow.steps.flood_town_rain import lost_hours
from geo_risk.flow.steps.flood_town_storm import _fine_layers, _frames, _lost_notes, _resumed, usable_threads
from geo_risk.hazards.flood.hourly_runoff import HourlyRunoff, SoakedRunoff
from geo_risk.hazards.flood.losses import Soaking
from geo_risk.hazards.flood.params import TownFlowParams
from geo_risk.hazards.flood.runoff_params import RunoffParams
from geo_risk.hazards.flood.town import RunWith, Surface, rated_cells, run_town, storm_window, window_runoff_mm_h
from geo_risk.kernels.flow_run import OtherInputs
from geo_risk.kernels.inertial import FloodRun
from geo_risk.publish.cube import write_cube
from geo_risk.publish.state import drop_state, write_state
from geo_risk.sources.state import read_state

GRID = Grid.from_bounds((500_000, 4_000_000, 500_150, 4_000_200), crs="EPSG:4546", resolution_m=5)


def surface(seed: int = 1) -> Surface:
    rng = np.random.default_rng(seed)
    number = rng.uniform(60, 98, GRID.shape)
    number[0, 0] = np.nan
    return Surface(number, np.full(GRID.shape, 0.03))


def storm(n_hours: int = 5) -> np.ndarray:
    rain = np.random.default_rng(2).uniform(0, 30, (n_hours, *GRID.shape))
    rain[1, 3, 4] = np.nan
    return rain


def town(**how: object) -> FloodRun:
    z = np.random.default_rng(3).normal(size=GRID.shape) * 0.3
    return run_town(z, surface(), np.full((1, *GRID.shape), 40.0), np.zeros(GRID.shape), cell_m=5.0,
                    params=TownFlowParams(), how=RunWith(**how))  # type: ignore[arg-type]  # fmt: skip


def test_runoff_made_by_hour_is_that_made_at_once() -> None:
    rain, ground, params = storm(), surface(), RunoffParams()
    filled = np.nan_to_num(rain)
    whole = np.nan_to_num(window_runoff_mm_h(filled[:2], filled[2:], ground, params))
    lazy = HourlyRunoff(filled[:2].sum(axis=0), lambda k: rain[2 + k], 3, lambda mm: ground.excess_mm(mm, params))
    assert len(lazy) == 3
    for k in (0, 1, 2, 0, 2):  # in any order
        # sums of the same numbers in another order
        np.testing.assert_allclose(lazy.field(k), whole[k], rtol=0, atol=1e-12)
    assert lazy.field(1)[0, 0] == 0.0  # no curve number there


@pytest.mark.parametrize("n_before", [0, 2])
def test_infiltration_made_by_hour_is_that_made_at_once_to_the_last_bit(n_before: int) -> None:
    rng, params = np.random.default_rng(5), RunoffParams(method="green_ampt")
    rain = storm(n_before + 4)
    ground = replace(surface(), soil=rng.integers(0, 16, GRID.shape).astype(np.uint8),
                     impervious_share=rng.choice([0.0, 0.3, 1.0, np.nan], GRID.shape))  # fmt: skip
    filled = np.nan_to_num(rain)
    whole = np.nan_to_num(window_runoff_mm_h(filled[:n_before], filled[n_before:], ground, params, condition=3.0))
    asked: list[int] = []
    lazy = SoakedRunoff(lambda k: asked.append(k) or rain[n_before + k], n_before, 4,
                        Soaking.of(ground.ground, 3.0, params))  # fmt: skip
    assert len(lazy) == 4
    assert (whole > 0).any()
    for k in (0, 1, 2, 3, 1, 3):  # in any order
        np.testing.assert_array_equal(lazy.field(k), whole[k])
    assert max(asked) == 3


def test_hours_without_rain_off_the_storm_are_told() -> None:
    nan = np.nan
    # the record begins with a gap, the storm with one longer than what parts storms, and ends with one
    series = np.array([nan, 5.0, *[nan] * 12, 8.0, nan, 30.0, 2.0, nan])
    window = storm_window(series, window_h=2, dry_gap_h=12)
    assert (window.start, window.first, window.stop) == (14, 16, 18)
    lost = lost_hours(series, window)
    assert lost == [
        *range(2, 14),
        18,
    ]  # that in the storm makes depths unknown, that before the record is no hour of it
    cut = np.array([*[nan] * 14, 8.0, 30.0])
    assert lost_hours(cut, storm_window(cut, window_h=2, dry_gap_h=12)) == [13]  # the storm may have begun before
    said = _lost_notes([f"h{k}" for k in lost])
    assert said[0]["level"] == "warning"
    assert "13 hours (ending h2, h3, h4 ...)" in said[0]["text_en"]
    assert "13 个时次" in said[0]["text_zh"]
    assert _lost_notes([]) == []


def test_unstable_run_says_where_and_what_to_do() -> None:
    rain = np.full((1, *GRID.shape), 1e16)
    with pytest.raises(DataError, match=r"unstable .* after the start") as found:
        run_town(np.zeros(GRID.shape), surface(), rain, np.zeros(GRID.shape), cell_m=5.0, params=TownFlowParams())
    assert "row" in str(found.value)
    assert "courant" in str(found.value)


def test_state_is_written_read_and_dropped(tmp_path: Path) -> None:
    path = tmp_path / "a_state.npz"
    assert read_state(path) is None
    write_state({"a": np.arange(3), "b": np.array([], np.float32)}, path)
    kept = read_state(path)
    assert kept is not None
    np.testing.assert_array_equal(kept["a"], [0, 1, 2])
    assert kept["b"].dtype == np.float32
    assert [p.name for p in tmp_path.iterdir()] == ["a_state.npz"]
    drop_state(path)
    drop_state(path)
    assert read_state(path) is None


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"no archive at all"])
def test_torn_state_is_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a_state.npz"
    path.write_bytes(content)
    assert read_state(path) is None


def test_run_goes_on_from_its_state_and_begins_anew_from_that_of_others(tmp_path: Path) -> None:
    path, params = tmp_path / "a_state.npz", TownFlowParams()
    plain = town()
    states: list[dict[str, np.ndarray]] = []
    calls: list[bool] = []

    def run(how: RunWith) -> FloodRun:
        assert how.checkpoints is not None
        calls.append(how.checkpoints.resume is not None)
        often = how.checkpoints._replace(every_s=0.0, save=states.append)
        return town(n_threads=how.n_threads, checkpoints=often)

    first = _resumed(path, params, (), run)
    write_state(states[3], path)
    second = _resumed(path, params, (), run)
    assert calls == [False, True]
    for a, b, c in zip(plain[:4], first[:4], second[:4], strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)
    write_state({**states[3], "fingerprint": np.zeros(32, np.uint8)}, path)
    with pytest.raises(OtherInputs):
        run(RunWith(checkpoints=_points(path)))
    third = _resumed(path, params, (), run)
    assert calls[-2:] == [True, False]
    np.testing.assert_array_equal(plain.depth_m, third.depth_m)


def _points(path: Path):  # type: ignore[no-untyped-def]
    from geo_risk.kernels.inertial import Checkpoints

    return Checkpoints(lambda _: None, 1e9, read_state(path))


@pytest.mark.slow
def test_layers_and_frames_of_a_run(tmp_path: Path) -> None:
    run = town(frame_step_s=600.0)
    made = _fine_layers(run, 0.15, tuple(Path(n) for n in "abcde"))
    assert [unit for _, _, unit, _ in made] == ["m", "hour", "hour", "m s-1", "1"]
    assert run.arrival_s is not None
    never = run.max_depth_m < 0.15
    assert np.isnan(run.arrival_s[never]).all()
    assert (run.arrival_s[run.duration_above_s > 5] <= 3600).all()
    assert 0 < rated_cells(run, 0.02) <= GRID.shape[0] * GRID.shape[1]
    assert rated_cells(run, 50.0) == 0
    cube = _frames(run.frames, GRID, np.datetime64("2024-07-25T04:00:00"), TownFlowParams())  # type: ignore[arg-type]
    assert cube.dims == ("time", "y", "x")
    assert cube.sizes["time"] == 6
    assert str(cube["time"].to_numpy()[0])[:16] == "2024-07-25T04:10"
    # rounded to a millimetre, and 1 mm at least where wet
    np.testing.assert_allclose(cube.to_numpy()[-1], run.depth_m, atol=0.00051)
    write_cube(cube, tmp_path / "frames.nc")
    assert usable_threads(10) == 1
    assert 1 <= usable_threads(10**9) <= 8
