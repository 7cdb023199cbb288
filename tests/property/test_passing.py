"""How far slides come and what they touch: closed forms, chance by drawing, and what must never change."""

import math

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from geo_risk.core.errors import GridError, UnitError
from geo_risk.core.grid import Grid
from geo_risk.hazards.runout.params import RunoutParams
from geo_risk.hazards.runout.passing import slide_chance
from geo_risk.kernels.passing import passing, touch_shares

ALONE = np.ones((1, 1))
RULES = {"cell_m": 30.0, "angle_deg": 22.0, "scatter": 0.3, "length_m": 1500.0, "touch": ALONE}


def reaching(tangent):
    """Return the share of slides whose angle of reach has at most this tangent, by another hand."""
    return norm.cdf((np.log(tangent) - np.log(np.tan(np.radians(22.0)))) / 0.3)


def valley(fall_m=0.001):
    """A slope of 40 degrees for five cells, then a floor that falls by `fall_m` a cell, along the first axis."""
    fall = np.r_[0.0, np.full(5, 30 * math.tan(math.radians(40))), np.full(14, fall_m)]
    return np.tile(500 - np.cumsum(fall)[:, None], (1, 5)) + np.array([9e3, 9e3, 0, 9e3, 9e3])


@pytest.mark.parametrize("fall_m", [0.001, 0.0])
def test_a_slide_comes_as_far_as_the_energy_line_of_its_angle_of_reach_allows(fall_m):
    z = valley(fall_m)
    start = np.zeros_like(z)
    start[0, 2] = 2.0
    got = passing(z, start, **RULES)
    length = 30.0 * np.arange(1, 20)
    expected = 2.0 * reaching((z[0, 2] - z[1:, 2]) / length)
    kept = np.r_[True, expected[:-1] / 2 >= 0.01]  # a way is followed while one in a hundred comes so far
    np.testing.assert_allclose(got[1:, 2], np.where(kept, expected, 0), rtol=1e-12)
    assert got[0, 2] == 2.0
    assert got[:, [0, 1, 3, 4]].max() == 0


@pytest.mark.parametrize("turned", [0, 1, 2, 3])
def test_level_ground_is_crossed_straight_on_and_nothing_climbs(turned):
    z = valley(0.0)
    z[:, [1, 3]] = z[-1, 2]  # a plain beside the way, which the slope falls to nowhere
    z[:6, [1, 3]] = 9e3
    z[10, 2] += 0.1
    start = np.zeros_like(z)
    start[0, 2] = 1.0
    got = passing(np.rot90(z, turned), np.rot90(start, turned), **RULES)
    got = np.rot90(got, -turned)
    assert (got[:10, 2] > 0).all()
    assert got[10:].max() == 0
    assert got[:, [0, 1, 3, 4]].max() == 0
    still = np.zeros_like(z)
    still[8, 2] = 1.0
    assert passing(z, still, **RULES).sum() == 1.0  # what starts on level ground goes nowhere


def test_what_has_stopped_does_not_start_again_where_the_ground_steepens():
    z = valley()[::-1].copy()
    z[:, 2] = z[:, 2][::-1]
    z[7:, 2] -= 200.0
    start = np.zeros_like(z)
    start[0, 2] = 1.0
    got = passing(z, start, **RULES)[:, 2]
    assert (np.diff(got) <= 0).all()
    assert got[7] == got[6] > 0  # over the cliff come those who came to its edge


def test_touch_is_what_drawing_finds():
    rng = np.random.default_rng(3)
    n = 200_000
    line, house = rng.uniform(-0.5, 0.5, (2, n)), rng.uniform(-0.5, 0.5, (2, n))
    got = touch_shares(30.0, 30.0, 10.0)
    assert got.shape == (3, 3)
    for i in (0, 1):
        near = np.abs(line[0] - house[0] - i) * 30 <= 20
        # three standard errors of a share of n draws
        assert abs(near.mean() - math.sqrt(got[1 + i, 1 + i])) < 3 * 0.5 / math.sqrt(n)
    assert touch_shares(30.0, 90.0, 10.0).shape == (5, 5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_more_slides_never_lower_and_sums_add(seed):
    rng = np.random.default_rng(seed)
    z = rng.random((14, 17)) * 80
    z[rng.random(z.shape) < 0.05] = np.nan
    a, b = (np.where(rng.random(z.shape) < 0.3, rng.random(z.shape), np.nan) for _ in range(2))
    rules = {**RULES, "touch": touch_shares(30, 30, 10)}
    first, second = passing(z, a, **rules), passing(z, b, **rules)
    both = passing(z, np.nan_to_num(a) + np.nan_to_num(b), **rules)
    np.testing.assert_allclose(both, first + second, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(passing(z[:, ::-1], a[:, ::-1], **rules)[:, ::-1], first, rtol=1e-9, atol=1e-12)
    assert (first <= np.nansum(a) + 1e-9).all()  # a slide counts once for a cell
    assert (first >= np.where(np.isnan(z), 0, np.nan_to_num(a)) * rules["touch"][1, 1] - 1e-12).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"angle_deg": 90.0}, {"angle_deg": math.nan}, {"cell_m": 0.0}, {"scatter": 0.0}, {"length_m": math.inf},
        {"touch": np.ones((2, 2))}, {"touch": np.full((1, 1), math.nan)}, {"touch": np.full((1, 1), 1.1)},
    ],
)  # fmt: skip
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=r"needed|needs"):
        passing(np.zeros((3, 3)), np.zeros((3, 3)), **{**RULES, **wrong})
    with pytest.raises(ValueError, match="shape"):
        passing(np.zeros((3, 3)), np.zeros((3, 4)), **RULES)
    with pytest.raises(ValueError, match="> 0 needed"):
        touch_shares(30, math.nan, 10)


def layers(seed, chunks, shape=(40, 50)):
    rng = np.random.default_rng(seed)
    grid = Grid.from_bounds((0, 0, 30 * shape[1], 30 * shape[0]), crs="EPSG:4546", resolution_m=30)
    z = np.add.outer(np.linspace(600, 0, shape[0]), np.linspace(0, 120, shape[1])) + rng.random(shape) * 9
    slides = np.where(rng.random(shape) < 0.05, np.nan, 1e-4 * rng.random(shape))
    made = {"dem": (z, "m"), "expected": (slides, "1"), "slope_deg": (np.full(shape, 25.0), "degree")}
    return [grid.layer(da.from_array(v, chunks=chunks), units=u, long_name=n, name=n) for n, (v, u) in made.items()]


def everywhere(like, value):
    return like.copy(data=da.full(like.shape, value))


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 1000), st.integers(7, 40), st.integers(7, 50))
def test_blocks_do_not_change_the_chance(seed, rows, columns):
    whole = layers(seed, (40, 50))
    rules = {"params": RunoutParams(), "doubt_above": 0.002, "worst": everywhere(whole[1], 1e-4)}
    whole = slide_chance(*whole, **rules).to_numpy()
    parts = slide_chance(*layers(seed, (rows, columns)), **rules).to_numpy()
    np.testing.assert_array_equal(parts, whole)


@pytest.mark.parametrize("bound", [1e-6, 0.001234567])
def test_what_reaches_the_bound_reaches_it_when_it_is_written(bound):
    dem, _, slope = layers(1, (40, 50))
    count = np.zeros((40, 50))
    count[20, 20] = -math.log1p(-bound * 1.001) / touch_shares(30.0, 30.0, 10.0)[1, 1]
    got = slide_chance(dem, dem.copy(data=count).assign_attrs(units="1"), slope, params=RunoutParams(),
                       doubt_above=bound, worst=everywhere(dem, 0.0)).to_numpy()  # fmt: skip
    assert got[20, 20] >= np.float32(bound)


def test_unknown_slopes_that_might_make_it_likely_make_it_unknown():
    dem, expected, slope = layers(1, (40, 50))
    rules = {"params": RunoutParams(), "worst": everywhere(dem, 1e-3)}
    none = expected.copy(data=da.full((40, 50), np.nan))
    nothing = {"params": RunoutParams(), "worst": everywhere(dem, math.nan)}
    assert np.isnan(slide_chance(dem, none, slope, doubt_above=0.002, **nothing).to_numpy()).all()
    flat = slope.copy(data=da.full((40, 50), 3.0))
    # what is too gentle to start a slide is no doubt
    assert slide_chance(dem, none, flat, doubt_above=0.002, **rules).to_numpy().max() == 0
    known = slide_chance(dem, expected.fillna(0.0), slope, doubt_above=0.002, **rules).to_numpy()
    part = slide_chance(dem, expected, slope, doubt_above=0.002, **rules).to_numpy()
    there = np.isfinite(part)
    np.testing.assert_array_equal(part[there], known[there])
    assert (known[~there] < 0.002).all()  # never unknown where the known slopes are enough
    assert 0 < (~there).sum() < there.size


def test_unknown_rain_is_not_bounded_by_what_is_expected_where_it_is_dry():
    dem, expected, slope = layers(1, (40, 50))
    count = np.nan_to_num(expected.to_numpy()) * 1e-6
    count[:, 25:] = np.nan
    most = np.where(np.isnan(count), np.nan, 1e-10)
    dry, bound = expected.copy(data=count), expected.copy(data=most)
    for steep in (25.0, 3.0):  # a house on gentle ground may stand where the storm is
        got = slide_chance(dem, dry, everywhere(slope, steep), params=RunoutParams(), doubt_above=0.002, worst=bound)
        assert np.isnan(got.to_numpy()[:, 25:]).all()
        assert np.isfinite(got.to_numpy()[:, 0]).all()
    # less of the rain is known, no more of the chance is
    known = slide_chance(dem, dry, slope, params=RunoutParams(), doubt_above=0.002, worst=everywhere(dem, 1e-10))
    assert np.isfinite(known.to_numpy()).all()


def test_other_grids_units_and_bounds_are_refused():
    dem, expected, slope = layers(1, (40, 50))
    rules = {"params": RunoutParams(), "worst": everywhere(dem, 0.0)}
    with pytest.raises(UnitError):
        slide_chance(dem.assign_attrs(units="s"), expected, slope, doubt_above=0.1, **rules)
    with pytest.raises(GridError):
        slide_chance(dem, layers(1, (9, 9), shape=(20, 50))[1], slope, doubt_above=0.1, **rules)
    with pytest.raises(ValueError, match="doubt_above"):
        slide_chance(dem, expected, slope, doubt_above=math.nan, **rules)


def test_below_a_hole_of_the_dem_no_chance_is_known_to_be_low():
    dem, expected, slope = layers(1, (40, 50))
    z = dem.to_numpy().copy()
    z[10:14, 20:24] = np.nan
    dry = expected.fillna(0.0) * 0
    rules = {"params": RunoutParams(), "doubt_above": 0.002, "worst": everywhere(dem, 1e-3)}
    holed = slide_chance(dem.copy(data=da.from_array(z, chunks=(13, 17))), dry, slope, **rules).to_numpy()
    gone = np.isnan(z)
    assert np.isnan(holed[14:17, 20:24]).any()  # it falls that way
    assert (holed[:8] == 0).all()  # nothing comes up the slope, but to the rim itself
    assert np.isfinite(slide_chance(dem, dry, slope, **rules).to_numpy()).all()
    far = everywhere(dem, 1e-9)  # nothing could come out of it that calls
    calm = slide_chance(dem.copy(data=da.from_array(z, chunks=(13, 17))), dry, slope, **{**rules, "worst": far})
    np.testing.assert_array_equal(np.isnan(calm.to_numpy()), gone)
