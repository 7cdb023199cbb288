"""The run over the valleys against closed forms: normal depth, the SCS triangle, volumes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.flow.steps.flood_valleys import _fed
from geo_risk.hazards.flood.params import FloodParams
from geo_risk.hazards.flood.valley_params import ValleyFlowParams
from geo_risk.hazards.flood.valleys import (
    GRAVITY_M_S2,
    FedRunoff,
    above_entries,
    block_of,
    entry_cells,
    fed_runoff,
    gentle_ground,
    giandotti_time_h,
    outlets_m,
    outside_flow_m3_s,
    run_hours,
    run_valleys,
    unit_hydrograph,
    valley_ground,
    walled,
)

PARAMS = ValleyFlowParams()


class Rain:
    """Runoff that is the same everywhere, by hour."""

    def __init__(self, mm_h, shape):
        self.mm_h, self.shape = mm_h, shape

    def __len__(self):
        return len(self.mm_h)

    def field(self, k):
        return np.full(self.shape, float(self.mm_h[k]))


def channel(slope=0.002, n=160, width=6):
    """A trough of 30 m cells that falls to the south, `width` cells wide, between walls 20 m high."""
    fall = -np.arange(n)[:, None] * 30.0 * slope + 500.0
    walls = np.full((1, width + 8), 20.0)
    walls[:, 4:-4] = 0.0
    return fall + walls


@pytest.mark.slow
def test_a_steady_inflow_stands_at_the_normal_depth_of_a_wide_channel():
    ground = valley_ground(channel(), block=2, resolution_m=30.0)
    outside = np.zeros(ground.shape)
    outside[0, 6] = 1e8
    cells, area = entry_cells(ground, outside)
    assert area.tolist() == [1e8]
    # 20 mm/h over 100 km2 for long: 556 m3/s in the end; the channel is 180 m wide
    flow = outside_flow_m3_s(1e8, 500.0, 900.0, np.full(60, 20.0), slope_min=0.0005)[-1]
    assert flow == pytest.approx(1e8 * 0.02 / 3600, rel=1e-6)
    rate = np.full((20, 1), flow * 3.6e6 / ground.cell_m**2)
    fed = FedRunoff(Rain([0.0] * 20, ground.bed_m.shape), cells, rate)
    assert fed.peak_m3_s(ground.cell_m) == pytest.approx(flow)
    depth = run_valleys(walled(ground, cells), fed, params=PARAMS)
    middle = depth[40:60, 2:5]
    normal = (flow / 180 * PARAMS.manning_n / np.sqrt(0.002)) ** 0.6  # Manning, wide channel
    # the walls' friction is left out of both; the crest reaches the middle, 3 km down, long before the end
    assert middle.mean() == pytest.approx(normal, rel=0.03)


def test_the_unit_hydrograph_is_the_triangle_of_the_handbook():
    share = unit_hydrograph(3.0)  # rises for 0.5 + 1.8 h, ends after 6.141 h
    assert share.sum() == pytest.approx(1.0)
    assert len(share) == 7
    # area of the triangle in its first hour: 1 / (2.3 * 6.141)
    assert share[0] == pytest.approx(1 / (2.3 * 6.141), rel=1e-6)
    assert int(share.argmax()) == 2
    assert unit_hydrograph(0.0).sum() == pytest.approx(1.0)
    with pytest.raises(ValueError, match="concentration"):
        unit_hydrograph(np.nan)


@given(st.floats(0, 40), st.lists(st.floats(0, 80), min_size=1, max_size=48))
def test_no_more_water_comes_than_fell(concentration_h, runoff):
    share = unit_hydrograph(concentration_h)
    assert (share >= -1e-12).all()
    assert share.sum() == pytest.approx(1.0, abs=1e-9)
    flow = outside_flow_m3_s(5e7, 800.0, 1200.0, np.array(runoff), slope_min=0.0005)
    assert flow.sum() * 3600 <= sum(runoff) / 1000 * 5e7 * (1 + 1e-9)
    assert (flow >= -1e-9).all()


def test_giandotti_by_hand():
    # A 225 km2, L 30 km, H 400 m: (4 * 15 + 1.5 * 30) / (0.8 * 20) = 6.5625 h
    assert giandotti_time_h(2.25e8, 30_000.0, 400.0) == pytest.approx(6.5625)
    with pytest.raises(ValueError, match="basin"):
        giandotti_time_h(2.25e8, 30_000.0, 0.0)


def test_a_large_basin_answers_later_than_a_small_one():
    rain = np.array([0.0, 30.0, *[0.0] * 20])
    small, large = (outside_flow_m3_s(a, 800.0, 1600.0, rain, slope_min=0.0005) for a in (5e6, 2.3e8))
    assert int(small.argmax()) < int(large.argmax())
    assert large.max() > small.max()


def test_steep_ground_is_not_judged_and_level_ground_is():
    critical = GRAVITY_M_S2 * 0.05**2 / 0.5 ** (1 / 3)  # 0.0309: g n2 / h^(1/3)
    for slope, is_gentle in ((critical * 0.95, True), (critical * 1.05, False)):
        z = np.repeat(np.arange(20)[:, None] * 30.0 * slope, 20, axis=1)
        assert (
            gentle_ground(valley_ground(z, block=2, resolution_m=30.0), depth_m=0.5, manning_n=0.05).all() == is_gentle
        )
    void = np.full((8, 8), np.nan)
    assert not gentle_ground(valley_ground(void, block=2, resolution_m=30.0), depth_m=0.5, manning_n=0.05).any()


def test_the_coarse_bed_keeps_channels_and_has_no_hollows():
    z = channel(width=1)
    z[80, 4] += 5.0  # a dam of one cell: the hollow behind it is filled to its crest
    ground = valley_ground(z, block=2, resolution_m=30.0)
    assert (ground.bed_m[:, 2] < ground.bed_m[:, 0] - 10).all()
    odd = valley_ground(z[:-1, :-1], block=2, resolution_m=30.0)
    assert odd.bed_m.shape == (80, 4)
    assert ground.depth_on(z, np.zeros(ground.bed_m.shape)).max() == 0


def test_depth_goes_back_by_the_water_level():
    z = np.array([[10.0, 10.2], [10.4, 12.0], [np.nan, np.nan], [np.nan, np.nan]])
    ground = valley_ground(z, block=2, resolution_m=30.0)
    depth = ground.depth_on(z, np.array([[0.3], [0.3]]))
    assert depth[:2] == pytest.approx(np.array([[0.3, 0.1], [0.0, 0.0]]), abs=1e-6)
    assert np.isnan(depth[2:]).all()


def test_the_wall_beside_an_entry_is_not_dry_but_unknown():
    z = np.repeat(np.arange(24)[:, None] * 0.01 + 100.0, 24, axis=1)
    ground = valley_ground(z, block=2, resolution_m=30.0)
    outside = np.zeros(ground.shape)
    outside[23, 12] = 5e7  # a river comes in over the southern edge
    cells, area = entry_cells(ground, outside)
    fed = fed_runoff(Rain([20.0] * 4, ground.bed_m.shape), ground, cells, area, slope_min=0.0005)
    depth = ground.depth_on(z, run_valleys(walled(ground, cells), fed, params=PARAMS))
    assert np.isnan(depth[22:, 10:14]).all()
    assert (depth[2:22, 2:22] > 0.02).any()  # the water itself is seen


def test_a_river_leaves_over_the_edge_of_a_dem_that_is_no_rectangle():
    z = channel(0.005, n=60)
    z[40:] = np.nan  # beyond the county nothing is known
    z[:2, :3] = np.nan  # nor in a corner beside the entry, which stays a wall
    ground = valley_ground(z, block=2, resolution_m=30.0)
    outside = np.zeros(ground.shape)
    outside[2, 6] = 1e8
    cells, _ = entry_cells(ground, outside)
    out = outlets_m(ground, cells)
    assert np.isfinite(out[20]).all()
    assert np.isnan(out[:20]).all()
    assert np.isnan(out[21:]).all()
    flow = 100.0
    fed = FedRunoff(Rain([0.0] * 2, ground.bed_m.shape), cells, np.full((2, 1), flow * 3.6e6 / ground.cell_m**2))
    depth = run_valleys(walled(ground, cells), fed, params=PARAMS, outlets=out)
    normal = (flow / 180 * PARAMS.manning_n / np.sqrt(0.005)) ** 0.6
    assert depth[12:16, 2:5].mean() == pytest.approx(normal, rel=0.05)  # a fall at the end draws it down a little
    assert np.isnan(depth[20:]).all()
    shut = run_valleys(walled(ground, cells), fed, params=PARAMS)
    assert shut[19, 3] > 3 * normal  # a wall there makes a lake


def test_what_lies_above_an_entry_is_left_to_the_curves():
    ground = valley_ground(channel(0.01), block=2, resolution_m=30.0)
    outside = np.zeros(ground.shape)
    outside[0, 6] = 1e8
    cells, _ = entry_cells(ground, outside)
    row = int(cells[0]) // ground.bed_m.shape[1]
    above = above_entries(ground, cells)
    assert row > 1  # the river's own way from the edge to there has no water of it in the run
    assert above[:row].all()
    assert not above.reshape(-1)[cells].any()
    assert not above[row + 1 :, 2:5].any()  # the channel below
    assert not above[row + 11 :].any()
    assert not above_entries(ground, cells[:0]).any()


def test_the_run_goes_on_until_the_crest_from_beyond_the_map_has_passed():
    ground = valley_ground(np.full((12, 12), 500.0), block=2, resolution_m=30.0)
    burst = np.zeros(18)
    burst[8:14] = 10.0
    own, cell = Rain(burst, ground.bed_m.shape), np.array([14])
    # 2,000 km2 answer after a day: at the end of the rain's own hours less than half of the crest is there
    whole = outside_flow_m3_s(2e9, 500.0, 500.0, np.pad(burst, (0, 400)), slope_min=0.0005)
    assert whole[:18].max() < whole.max() / 2
    kept = {"slope_min": 0.0005, "after_h": 4}
    fed = fed_runoff(own, ground, cell, np.array([2e9]), hours_max=300, **kept)
    assert fed.peak_m3_s(ground.cell_m) == pytest.approx(whole.max())
    assert len(fed) == int(whole.argmax()) + 5
    rate = fed.field(len(fed) - 1)
    assert rate.reshape(-1)[14] > 0
    assert np.delete(rate.reshape(-1), 14).max() == 0
    assert fed_runoff(own, ground, cell, np.array([2e9]), hours_max=len(fed) - 1, **kept) is None
    assert len(fed_runoff(own, ground, cell[:0], np.array([]), hours_max=300, **kept)) == 18


def test_a_map_too_small_for_a_rivers_entry_is_not_run_without_it():
    ground = valley_ground(np.full((4, 4), 500.0), block=2, resolution_m=30.0)
    outside = np.zeros(ground.shape)
    own = Rain([5.0], ground.bed_m.shape)
    assert len(_fed(ground, own, outside, FloodParams())) == 1
    outside[3, 0] = 5e7
    assert _fed(ground, own, outside, FloodParams()) == "no_entry"


@pytest.mark.parametrize(("shape", "found"), [((500, 500), 2), ((2000, 2000), 4), ((4000, 4000), None), ((3, 3), 2)])
def test_blocks_are_as_small_as_the_limit_allows(shape, found):
    assert block_of(shape, 30.0, PARAMS) == found
    assert block_of(shape, 30.0, ValleyFlowParams(cells_max=0)) is None


def test_the_run_holds_the_wettest_hours_of_every_part_of_the_map():
    rain = np.zeros((100, 1, 3))
    rain[40:46, 0, 0] = 10.0
    rain[60:66, 0, 1] = 8.0
    rain[5:11, 0, 2] = 2.0  # too little to count
    assert run_hours(rain, start=38, storm_h=6, params=PARAMS) == (38, 38, 70)
    assert run_hours(rain, start=20, storm_h=6, params=PARAMS) == (20, 32, 70)  # with the storm, at the latest at 32
    assert run_hours(rain, start=20, storm_h=6, params=ValleyFlowParams(hours_max=40)) == (30, 32, 70)
    rain[5:11, 0, 2] = 9.0
    assert run_hours(rain, start=38, storm_h=6, params=PARAMS) == (5, 5, 70)
    assert run_hours(rain, start=38, storm_h=6, params=ValleyFlowParams(hours_max=48)) is None


def test_more_runoff_never_lowers_the_water():
    rng = np.random.default_rng(3)
    z = channel(n=40) + rng.normal(0, 0.3, (40, 14))
    ground = valley_ground(z, block=2, resolution_m=30.0)
    low, high = (run_valleys(ground, Rain([mm] * 3, ground.bed_m.shape), params=PARAMS) for mm in (5.0, 15.0))
    # thin sheets of rain break into small waves: a tenth of the thinnest class of depth
    assert (high >= low - 0.015).all()
    assert np.isfinite(high).all()


def test_rivers_add_to_the_runoff_of_the_map_where_they_enter():
    ground = valley_ground(channel(), block=2, resolution_m=30.0)
    own = Rain([10.0, 20.0], ground.bed_m.shape)
    cells = np.array([9, 9])
    fed = fed_runoff(own, ground, cells, np.array([1e6, 1e6]), slope_min=0.0005)
    one = outside_flow_m3_s(1e6, float(ground.bed_m.reshape(-1)[9]), float(ground.bed_m.max()), np.array([10.0, 20.0]),
                            slope_min=0.0005)  # fmt: skip
    extra = fed.field(1) - own.field(1)
    assert extra.reshape(-1)[9] == pytest.approx(2 * one[1] * 3.6e6 / 3600.0)
    assert np.count_nonzero(extra) == 1
