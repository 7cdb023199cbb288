"""Ground that drops at an end of the record: never an unwrapping error by itself, and never called still."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.core.grid import Grid
from geo_risk.hazards.deformation.geometry.decomposition import Track
from geo_risk.hazards.deformation.geometry.downslope import NO_DATA, SEEN, Ground, blind_codes
from geo_risk.hazards.deformation.motion import sudden
from geo_risk.hazards.deformation.motion.correction import scene_correction
from geo_risk.hazards.deformation.motion.jumps import Jumps, find_jumps
from geo_risk.hazards.deformation.motion.removal import corrected_series
from geo_risk.hazards.deformation.motion.sudden import since_map, sudden_note, sudden_patches
from geo_risk.hazards.deformation.motion.velocity import design_matrix, track_velocity
from geo_risk.hazards.deformation.params import SlopeParams, VelocityParams
from geo_risk.kernels.end_run import end_runs
from tests.support.insar import CELL, LEFT, TOP, dataset, times

N, SIDE = 60, 80
BODY = (slice(24, 56), slice(24, 56))  # 1.9 km
SMALL = (slice(30, 33), slice(40, 43))  # 180 m: too small for a patch of blocks
PARAMS = VelocityParams(sample_pixels=1000)


def scene(moved, where=BODY, *, noise_m=0.003, seed=9):
    """Return a track whose ground is off by `moved` (time,) [m] in one place."""
    series = np.random.default_rng(seed).normal(0, noise_m, (N, SIDE, SIDE))
    series[(slice(None), *where)] += np.asarray(moved)[:, None, None]
    return dataset(series)


def dropped(first, last=N, size_m=-0.04):
    out = np.zeros(N)
    out[first:last] = size_m
    return out


def found(data):
    maps, _, _, removal = track_velocity(data, PARAMS, maximum_sigma_mm_yr=50)
    return maps.compute(), removal


def blind(maps):
    """Return the blind map on flat ground that another track sees well and still."""
    grid = Grid.from_bounds((LEFT, TOP - SIDE * CELL, LEFT + SIDE * CELL, TOP), crs="EPSG:4546", resolution_m=CELL)
    put = {n: grid.layer(maps[n].to_numpy(), units=maps[n].attrs.get("units", "1"), long_name=n, name=n)
           for n in ("velocity", "velocity_std", "los_east", "los_north", "los_up", "sudden_since")}  # fmt: skip
    flat, even, height = (
        grid.layer(np.full(grid.shape, v, "f4"), units=u, long_name="x", name="x")
        for v, u in ((0.0, "degree"), (np.nan, "degree"), (500.0, "m"))
    )
    track = Track("asc", *(put[n] for n in ("velocity", "velocity_std", "los_east", "los_north", "los_up")),
                  sudden=put["sudden_since"])  # fmt: skip
    other = dataclasses.replace(track, name="desc", velocity=flat * 0 + put["velocity"] * 0, sudden=None)
    other = dataclasses.replace(other, velocity=put["velocity"].copy(data=np.zeros(grid.shape, "f4")))
    hidden = [xr.zeros_like(put["velocity"], dtype=bool)] * 2
    return blind_codes([track, other], hidden, Ground(flat, even, height), SlopeParams()).to_numpy()


@pytest.mark.slow
@pytest.mark.parametrize("where", [BODY, SMALL])
@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 6, 7, 8])
def test_a_drop_that_stays_to_the_end_is_kept_and_never_still(k, where):
    data = scene(dropped(N - k), where)
    maps, removal = found(data)
    kept = np.isfinite(corrected_series(data, removal).to_numpy()[(slice(None), *where)])
    inside = maps["velocity"].to_numpy()[where]
    since = maps["sudden_since"].to_numpy()[where]
    if k > 1:
        # no date of it is thrown away, and the drop is in the velocity: least squares of a step that late
        assert kept.all()
        t = np.arange(N) * 12 / 365.25
        want = np.polyfit(t, dropped(N - k) * 1000, 1)[0]
        # the yearly term takes part of so late a step, and noise of 3 mm is 0.7 mm/yr
        assert np.median(inside) < 0.4 * want
        assert np.median(inside) < -3 * np.std(maps["velocity"].to_numpy()[:20])
    # from eight dates on trend and season follow the drop in part of the cells: those are seen to move
    told = (since == N - k + 1) | ((since == 0) & (inside < -5))
    assert told.mean() > 0.98
    codes = blind(maps)
    assert (codes[where][since != 0] == NO_DATA).all()
    assert (codes[:12] == SEEN).mean() > 0.95
    if k == 8:
        return
    assert (since == N - k + 1).mean() > 0.95
    assert np.median(maps["sudden_mm"].to_numpy()[where]) == pytest.approx(-40, abs=3)
    patches, _ = sudden_patches(maps)
    english, chinese = sudden_note(patches[:1], data["time"].to_numpy())
    day = str(times(N)[N - k])[:10]
    assert f"since {day}" in english
    assert f"自 {day} 起" in chinese
    assert f"{1 if k == 1 else 0} of them on the last date" in english
    assert "mm" not in chinese
    middle = (where[0].start + where[0].stop) / 2
    assert abs(patches[0].y - (TOP - CELL * middle)) <= CELL
    assert patches[0].n_cells == pytest.approx((where[0].stop - where[0].start) ** 2, rel=0.15)


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 6, 7, 8])
def test_in_the_midst_of_the_record_one_date_is_an_error_and_more_are_kept(k):
    data = scene(dropped(30, 30 + k))
    maps, removal = found(data)
    gone = np.isnan(corrected_series(data, removal).to_numpy()[(slice(None), *BODY)])
    assert gone.any(axis=(1, 2)).tolist() == [k == 1 and t == 30 for t in range(N)]
    assert gone[30].all() == (k == 1)
    assert (maps["sudden_since"].to_numpy()[BODY] == 0).mean() > 0.95
    # up to four of sixty dates of 40 mm have no say: what came back has not moved
    if k <= 4:
        assert abs(np.median(maps["velocity"].to_numpy()[BODY])) < 1
    assert (blind(maps)[BODY] == SEEN).mean() > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("first", [3, 12, 30, 45])
def test_a_step_anywhere_is_in_the_velocity_or_not_called_seen(first):
    maps, removal = found(scene(dropped(first)))
    assert not removal.jumps.mask[:, 8:12, 8:12].any()
    off = maps["sudden_since"].to_numpy()[BODY]
    moving = maps["velocity"].to_numpy()[BODY] < -5
    assert ((off != 0) | moving).mean() > 0.98


@pytest.mark.slow
def test_a_block_that_is_lost_after_its_drop_is_open():
    moved = dropped(44, 45)
    data = scene(moved)
    data["displacement"][45:, BODY[0], BODY[1]] = np.nan
    correction = scene_correction(data, PARAMS, maximum_sigma_mm_yr=50)
    jumps = find_jumps(data, design_matrix(data["time"].to_numpy(), PARAMS), correction)
    assert jumps.at_end()[7:13, 7:13].all()
    assert jumps.cells((0, SIDE), (0, SIDE))[44][BODY].all()
    assert not jumps.settled((0, SIDE), (0, SIDE))[44][BODY].any()
    assert jumps.ends_open((0, SIDE), (0, SIDE))[BODY].all()
    assert not jumps.at_end()[:5].any()


def test_a_mask_without_last_dates_is_open_on_the_last_one():
    mask = np.zeros((5, 2, 2), dtype=bool)
    mask[4, 0, 0] = mask[2, 1, 1] = True
    jumps = Jumps(mask, 3)
    assert jumps.at_end().tolist() == [[True, False], [False, False]]
    settled = jumps.settled((0, 6), (0, 6))
    assert settled.sum() == 9
    assert settled[2, 3:, 3:].all()
    assert not Jumps(mask[:0], 3).at_end().any()


def runs_of(residual, sigmas=4.0, least=5.0, weights=None):
    values = np.asarray(residual, "f4")[:, None, None]
    n = len(values)
    design = np.column_stack([np.ones(n), np.arange(n) - 1.0])
    fitted = np.array([3.0, 0.5], "f4")[:, None, None]
    line = (design @ fitted[:, 0, 0]).astype("f4")[:, None, None]
    given = np.ones(n) if weights is None else np.asarray(weights, dtype=float)
    out = end_runs(values + line, np.zeros((0, 1, 1), "f4"), np.zeros((n, 0)), design, given, fitted, sigmas, least)
    return [float(a[0, 0]) for a in out]


@given(
    st.integers(0, 9), st.integers(0, 9), st.floats(8, 500), st.sampled_from([-1.0, 1.0]), st.sampled_from([-1.0, 1.0])
)
@settings(max_examples=60, deadline=None)
def test_runs_are_found_at_both_ends_as_long_as_they_are(k, j, size, late, early):
    quiet = np.tile([1.0, -1.0], 20)  # robust standard deviation 1.4826
    residual = quiet.copy()
    residual[len(quiet) - k :] = late * size
    residual[:j] = early * size
    since, until, n_since, n_until, departure, outermost = runs_of(residual)
    assert outermost == pytest.approx(residual[-1], rel=1e-4)
    assert (since, n_since) == ((40 - k, k) if k else (-1, 0))
    assert (until, n_until) == ((j - 1, j) if j else (-1, 0))
    want = late * size if k else early * size if j else np.nan
    assert departure == pytest.approx(want, rel=1e-4, nan_ok=True)


def test_gaps_weights_and_other_signs_end_a_run():
    quiet = np.tile([1.0, -1.0], 20)
    lone = quiet.copy()
    lone[-3:] = (30, np.nan, 30)
    assert runs_of(lone)[:3] == [37, -1, 2]
    turned = quiet.copy()
    turned[-3:] = (-30, 30, 30)
    assert runs_of(turned)[0] == 38
    weak = np.ones(40)
    weak[-1] = 0.01  # ten times as noisy as the rest: 30 is not beyond four times 15
    assert runs_of(np.where(np.arange(40) == 39, 30, quiet), weights=weak)[0] == -1
    assert runs_of(quiet * 0.1 + (np.arange(40) == 39) * 4)[0] == -1  # less than 5
    assert runs_of(np.full(40, np.nan))[:2] == [-1, -1]
    assert runs_of(np.full(40, 30.0))[:2] == [-1, -1]  # off from end to end is no run


def test_the_map_of_dates_counts_from_one_and_open_patches_on_the_last():
    since, until = np.array([[50, -1, -1, -1]], "i2"), np.array([[3, 3, -1, -1]], "i2")
    got = since_map(since, until, np.array([[False, False, True, False]]), 59)
    assert got.tolist() == [[51, -4, 60, 0]]


@pytest.mark.parametrize("band", [30, 90, 10_000])
def test_patches_do_not_depend_on_the_bands(monkeypatch, band):
    monkeypatch.setattr(sudden, "_BAND_CELLS", band)
    rng = np.random.default_rng(3)
    since, mm = np.zeros((40, 30), "f4"), np.zeros((40, 30), "f4")
    for top, left, day, size in ((3, 4, 58, -30.0), (20, 12, 60, 25.0), (20, 17, 60, -25.0), (33, 2, -3, 12.0)):
        since[top : top + 6, left : left + 5], mm[top : top + 6, left : left + 5] = day, size
    since[1, 25], mm[1, 25] = 60, 9.0  # one cell: counted, not listed
    mm[since == 0] = rng.normal(0, 1, (since == 0).sum())
    maps = xr.Dataset({"sudden_since": (("y", "x"), since), "sudden_mm": (("y", "x"), mm)},
                      coords={"y": np.arange(40.0), "x": np.arange(30.0)})  # fmt: skip
    patches, n = sudden_patches(maps)
    assert n == 121
    assert [(p.n_cells, p.x, p.since, p.departure_mm) for p in patches] == [
        (30, 4, -3, 12), (30, 14, 60, 25), (30, 19, 60, -25), (30, 6, 58, -30)
    ]  # fmt: skip
    english, _ = sudden_note(patches, times(60))
    assert english.startswith("4 patches left")
    assert "2 of them on the last date" in english
    assert sudden_note([], times(60)) is None
