"""Run-out over a grid: tiles of any size give the same bits, and every hit can be tracked back."""

from __future__ import annotations

import dask
import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from geo_risk.core.errors import DataError, GridError, UnitError
from geo_risk.core.grid import Grid
from geo_risk.hazards.runout.backtrack import sources_of, way_down
from geo_risk.hazards.runout.compute import GRAVITY_M_S2, carry_down, compute, compute_hits, hit_table
from geo_risk.hazards.runout.params import KINDS, DebrisFlowFriction, LandslideFriction, RunoutParams

GRID = Grid(GeoBox((40, 46), Affine(30, 0, 510_000, 0, -30, 4_065_000), "EPSG:4546"))
NEAR = RunoutParams(landslide=LandslideFriction(reach_m=400.0), debris_flow=DebrisFlowFriction(reach_m=600.0))


def layer(values, units="1", name="layer"):
    return GRID.layer(np.asarray(values, dtype="float32"), units=units, long_name=name, name=name)


def layers(seed: int, holes=0.01):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:40, :46]
    z = 900 - 14.0 * y + 40 * np.sin(x / rng.uniform(3, 8)) + rng.normal(0, 5, (40, 46))
    z = np.where(rng.random(z.shape) < holes, np.nan, z)
    unit = np.where(rng.random(z.shape) < 0.02, rng.integers(1, 6, z.shape), 0)
    return {
        "dem": layer(z, "m", "dem"), "release_units": layer(unit), "release_kind": layer(rng.integers(0, 3, z.shape)),
    }  # fmt: skip


def chunked(given_, chunks):
    return {n: v.chunk({"y": chunks[0], "x": chunks[1]}) for n, v in given_.items()}


def computed(given_, params, targets):
    result, hits = compute_hits(given_, params, targets=targets)
    every = {"energy": result.intensity, "level": result.level, "confidence": result.confidence, **result.extra}
    with dask.config.set(scheduler="synchronous"):
        *arrays, table, skipped = dask.compute(*(v.data for v in every.values()), hits.table, hits.skipped)
    return {**dict(zip(every, arrays, strict=True)), "hits": table, "skipped": skipped}


@pytest.mark.slow
@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1), st.tuples(st.integers(11, 40), st.integers(11, 46)), st.booleans())
def test_tiles_of_any_size_give_the_same_bits(seed, chunks, is_near):
    given_, params = layers(seed), NEAR if is_near else RunoutParams()
    targets = np.random.default_rng(seed).choice(40 * 46, 60, replace=False)
    whole, split = computed(given_, params, targets), computed(chunked(given_, chunks), params, targets)
    for name, values in whole.items():
        np.testing.assert_array_equal(values, split[name], err_msg=name)
    assert np.isnan(given_["dem"].to_numpy()[given_["release_units"].to_numpy() > 0]).sum() == whole["skipped"]


@pytest.mark.slow
@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_every_hit_is_found_again_from_its_target_with_a_way_that_falls_in_energy(seed):
    given_ = layers(seed)
    targets = np.random.default_rng(seed).choice(40 * 46, 40, replace=False)
    table = hit_table(computed(given_, RunoutParams(), targets)["hits"], GRID)
    for cell, hits in list(table.groupby("cell"))[:4]:
        back = sources_of(given_, np.array([cell]), RunoutParams())
        assert set(back["unit"]) == set(hits["unit"])
        best = back.groupby("unit")["energy_j_kg"].max()
        np.testing.assert_allclose(best, hits.set_index("unit")["energy_j_kg"].sort_index())
        first = back.iloc[0]
        line = way_down(given_["dem"], int(first["release_cell"]), int(cell), first["kind"], RunoutParams())
        assert line is not None
        assert line.coords[0] == (first["release_x"], first["release_y"])
        assert line.length >= first["distance_m"] - 1e-3


def test_a_plane_has_the_speed_of_its_energy_line_and_a_level_by_it():
    z = 1500 - 15.0 * np.mgrid[:40, :46][0]
    unit = np.zeros(GRID.shape)
    unit[2, 20] = 9
    result = compute({"dem": layer(z, "m", "dem"), "release_units": layer(unit)}, RunoutParams())
    head = 15.0 * 10 - 300 * np.tan(np.radians(22))
    want = np.sqrt(2 * GRAVITY_M_S2 * min(head, 20.0))
    assert float(result.extra["runout_velocity"][12, 20]) == pytest.approx(want, rel=1e-6)
    assert float(result.intensity[12, 20]) == pytest.approx(GRAVITY_M_S2 * min(head, 20.0), rel=1e-6)
    level = result.level.to_numpy()
    assert (level[2, 20], level[12, 20], level[1, 20]) == (4, 4, 0)


def test_carried_ranks_reach_what_their_releases_reach():
    given_ = layers(5, holes=0.0)
    rank = np.where(given_["release_units"].to_numpy() > 0, given_["release_units"].to_numpy(), 0)
    low, high = layer(rank, name="low"), layer(rank + 2 * (rank > 0), name="high")
    got = carry_down(given_["dem"], {"low": low, "high": high}, given_["release_kind"], RunoutParams())
    paths = compute(given_, RunoutParams()).extra["runout_paths"].to_numpy()
    a, b = got["low"].to_numpy(), got["high"].to_numpy()
    np.testing.assert_array_equal(a > 0, paths > 0)
    np.testing.assert_array_equal(b, np.where(a > 0, a + 2, 0))
    assert (a >= rank).all()


@pytest.mark.slow
def test_unknown_releases_hide_what_is_below_medium_and_nothing_else():
    given_ = layers(3, holes=0.0)
    unit = given_["release_units"].to_numpy().copy()
    known = compute(given_, RunoutParams()).level.to_numpy()
    unit[:2] = np.where(unit[:2] > 0, unit[:2], np.nan)
    level = compute(given_ | {"release_units": layer(unit)}, RunoutParams()).level.to_numpy()
    np.testing.assert_array_equal(level[known >= 2], known[known >= 2])
    assert (level[:2][known[:2] < 2] == -1).all()
    assert set(np.unique(level[known < 2])) <= {-1, 0, 1}


def test_bad_input_is_refused():
    given_ = layers(1)
    with pytest.raises(UnitError):
        compute({"dem": given_["dem"]}, RunoutParams())
    with pytest.raises(ValueError, match="target cells"):
        compute_hits(given_, RunoutParams(), targets=np.array([40 * 46]))
    with pytest.raises(DataError, match="back-tracking"):
        sources_of(given_, np.array([], dtype=int), RunoutParams())
    with pytest.raises(ValueError, match="no layer of ranks"):
        carry_down(given_["dem"], {}, None, RunoutParams())
    other = Grid(GeoBox((40, 46), Affine(30, 0, 510_015, 0, -30, 4_065_000), "EPSG:4546"))
    moved = other.layer(given_["release_units"].to_numpy(), units="1", long_name="units")
    with pytest.raises(GridError):
        compute(given_ | {"release_units": moved}, RunoutParams())
    with pytest.raises(ValueError, match="increasing speeds"):
        RunoutParams(level_velocity_m_s=(5.0, 5.0, 10.0))
    assert set(KINDS) <= set(RunoutParams.model_fields)


@pytest.mark.slow
@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1), st.tuples(st.integers(11, 40), st.integers(11, 46)))
def test_what_unknown_releases_may_reach_is_the_same_in_any_tiles(seed, chunks):
    given_ = layers(seed)
    gone = np.random.default_rng(seed).random(GRID.shape) < 0.03
    given_["release_units"] = given_["release_units"].where(~gone)
    whole, tiled = compute(given_, NEAR), compute(chunked(given_, chunks), NEAR)
    np.testing.assert_array_equal(tiled.level.to_numpy(), whole.level.to_numpy())
    np.testing.assert_array_equal(tiled.intensity.to_numpy(), whole.intensity.to_numpy())


@pytest.mark.slow
def test_unknown_releases_are_no_safety_on_them_nor_below():
    y = np.mgrid[:40, :46][0]
    unit = np.zeros(GRID.shape)
    unit[5, 3], unit[4, 20], unit[30, 40] = 1, np.nan, np.nan
    given_ = {"dem": layer(900 - 18.0 * np.minimum(y, 25), "m", "dem"), "release_units": layer(unit)}
    got = compute(given_, RunoutParams())
    level, energy = got.level.to_numpy(), got.intensity.to_numpy()
    assert level[4, 20] == level[20, 20] == level[26, 20] == level[30, 40] == -1
    assert np.isnan(energy[[4, 20, 26, 30], [20, 20, 20, 40]]).all()
    assert np.isnan(got.extra["runout_paths"].to_numpy()[20, 20])
    assert got.confidence.to_numpy()[20, 20] == 0
    # above them, beyond the energy line, and on what a known release reaches
    assert level[2, 20] == level[39, 20] == 0
    assert (energy[2, 20], energy[39, 20]) == (0, 0)
    assert level[20, 3] == 4
    assert energy[20, 3] > 0
    known = compute(given_ | {"release_units": layer(np.nan_to_num(unit))}, RunoutParams())
    assert known.level.to_numpy()[20, 20] == 0


@pytest.mark.slow
def test_beyond_missing_ground_that_a_path_runs_into_it_is_not_known_whether_anything_comes():
    y = np.mgrid[:40, :46][0]
    z = 900 - 18.0 * np.minimum(y, 25)
    gap, unit = z.copy(), np.zeros(GRID.shape)
    gap[10:12] = np.nan
    unit[5, 4] = 1
    got = compute({"dem": layer(gap, "m", "dem"), "release_units": layer(unit)}, RunoutParams())
    level, energy, flags = (v.to_numpy() for v in (got.level, got.intensity, got.extra["runout_flags"]))
    assert flags[9, 4] == 1
    assert (level[10:26, 4] == -1).all()
    assert np.isnan(energy[10:26, 4]).all()
    # on the way to the gap it is known, and far to the side nothing comes
    assert (level[6:10, 4] >= 2).all()
    assert (level[9, 40], energy[20, 45], level[39, 4]) == (0, 0, 0)
    # where no path comes a gap hides nothing but itself
    far = compute({"dem": layer(gap, "m", "dem"), "release_units": layer(np.zeros(GRID.shape))}, RunoutParams())
    np.testing.assert_array_equal(far.level.to_numpy() < 0, np.isnan(gap))
