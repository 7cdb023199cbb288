"""Properties of warnings by slope unit: monotone, invertible, unknown kept, independent of blocks."""

from __future__ import annotations

import dask.array as da
import geopandas as gpd
import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from geo_risk.core.grid import Grid
from geo_risk.hazards.landslide.hindcast import Contingency, contingency, detection_curve
from geo_risk.hazards.landslide.lead_time import lead_hours
from geo_risk.hazards.landslide.rain_response import bent, unbent
from geo_risk.hazards.landslide.warning import WarningModel
from geo_risk.hazards.landslide.warning_units import past_cases, square_labels, unit_susceptibility, unit_table

GRID = Grid(GeoBox((40, 50), Affine(30, 0, 510_000, 0, -30, 4_065_000), "EPSG:4546"))

share = st.floats(1e-4, 1 - 1e-4)
rain = st.floats(0, 600)
models = st.builds(
    lambda weight, slope, middle, first, steps: WarningModel(
        weight, slope, tuple((first + np.cumsum([0.0, *steps])).tolist()), 0.8, 0.7, 0.6, 40, ("a", "b"), -3.0, middle
    ),
    st.floats(0.5, 1.5), st.floats(0.3, 6), st.none() | st.floats(40, 300), st.floats(-9, -4),
    st.lists(st.floats(0.1, 2), min_size=3, max_size=3),
)  # fmt: skip


@given(models, share, share, rain, rain)
def test_more_rain_or_susceptibility_never_lowers_the_index(model, s_a, s_b, rain_a, rain_b):
    low_s, high_s = sorted((s_a, s_b))
    low_r, high_r = sorted((rain_a, rain_b))
    index = model.index(np.array([low_s, high_s, high_s]), np.array([low_r, low_r, high_r]))
    assert index[0] <= index[1] <= index[2]
    assert np.isnan(model.index(np.array([np.nan, low_s]), np.array([low_r, np.nan]))).all()
    p = model.probability(np.array([low_s, high_s]), np.array([low_r, high_r]))
    assert 0 <= p[0] <= p[1] <= 1


@given(models, share)
def test_the_trigger_is_the_rain_at_which_the_index_meets_the_bound(model, s):
    trigger = model.trigger_mm(np.array([s]))[:, 0]
    assert (np.diff(trigger) > 0).all()
    index = model.index(np.full(4, s), trigger)
    # the response is inverted to 1e-12 of x
    np.testing.assert_allclose(index, model.bounds, rtol=1e-9, atol=1e-9)
    assert np.isnan(model.trigger_mm(np.array([np.nan]))).all()


@given(st.floats(-200, 200), st.floats(0.01, 0.99))
def test_the_response_is_inverted(x, tail):
    assert unbent(bent(np.array([x]), tail), tail)[0] == pytest.approx(x, rel=1e-9, abs=1e-9)


def layers(seed, gaps):
    rng = np.random.default_rng(seed)
    s = rng.uniform(0.05, 0.95, GRID.shape).astype("float32")
    s[rng.random(GRID.shape) < gaps] = np.nan
    labels = np.repeat(np.repeat(rng.permutation(20).reshape(4, 5), 10, axis=0), 10, axis=1)
    return (GRID.layer(labels, units="1", long_name="units", name="units"),
            GRID.layer(s, units="1", long_name="s", name="susceptibility"))  # fmt: skip


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(st.integers(0, 99), st.floats(0, 0.8), st.integers(7, 40), st.integers(7, 50))
def test_units_do_not_depend_on_blocks_and_unknown_is_kept(seed, gaps, rows, columns):
    labels, s = layers(seed, gaps)
    whole = unit_table(labels, s)
    chunked = [v.copy(data=da.from_array(v.to_numpy(), chunks=(rows, columns))) for v in (labels, s)]
    parts = unit_table(*chunked)
    np.testing.assert_array_equal(whole.susceptibility, parts.susceptibility)
    painted = unit_susceptibility(*chunked, parts).to_numpy()
    own, of = s.to_numpy(), labels.to_numpy()
    assert np.isnan(painted[np.isnan(own)]).all()
    np.testing.assert_array_equal(painted[of == 0], own[of == 0])  # in no unit: as it was
    for k, label in enumerate(whole.label):
        known = np.isfinite(own[of == label])
        if known.mean() < 0.5:
            assert np.isnan(whole.susceptibility[k])
        else:
            odds = own[of == label][known].astype(float)
            mean = (odds / (1 - odds)).mean() * 100 / whole.reference_cells
            # values are summed as multiples of 2^-16
            assert whole.susceptibility[k] / (1 - whole.susceptibility[k]) == pytest.approx(mean, abs=2e-5, rel=1e-6)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 99), st.floats(0.05, 1.0), st.floats(0, 0.4))
def test_cells_that_are_spared_hold_at_most_their_share_of_the_slides(seed, share, gaps):
    labels, s = layers(seed, gaps)
    table = unit_table(labels, s)
    painted = unit_susceptibility(labels, s, table, cell_share=share).to_numpy()
    whole = unit_susceptibility(labels, s, table).to_numpy()
    own, of = s.to_numpy().astype(float), labels.to_numpy()
    np.testing.assert_array_equal(np.isnan(painted), np.isnan(whole))
    for k, label in enumerate(table.label):
        here = (of == label) & np.isfinite(painted)
        if not here.any():
            continue
        spared = here & (painted != np.float32(table.susceptibility[k]))
        np.testing.assert_array_equal(painted[spared], s.to_numpy()[spared])
        odds = own / (1 - own)
        # sums of odds are rounded to multiples of 2^-16
        assert odds[spared].sum() <= share * odds[here].sum() + 1e-3


def test_a_unit_twice_as_large_has_twice_the_odds():
    labels = np.ones(GRID.shape, dtype=np.int64)
    labels[:, 10:20], labels[:, 20:] = 2, 3
    s = GRID.layer(np.full(GRID.shape, 0.5), units="1", long_name="s", name="s")
    table = unit_table(GRID.layer(labels, units="1", long_name="u", name="u"), s)
    assert table.reference_cells == 400
    np.testing.assert_allclose(table.susceptibility / (1 - table.susceptibility), [1.0, 1.0, 3.0], rtol=1e-12)


def test_slides_outside_are_counted_apart_and_those_of_storms_without_rain_not_at_all():
    labels, s = layers(1, 0.0)
    inside = (510_000 + 30 * 5.5, 4_065_000 - 30 * 5.5)
    off = np.argwhere(labels.to_numpy() == 0)[0]
    flat = (510_000 + 30 * (off[1] + 0.5), 4_065_000 - 30 * (off[0] + 0.5))
    xy = np.array([inside, (900_000, 4_064_000), flat, inside])
    slides = gpd.GeoDataFrame({"storm_id": ["A", "A", "A", "Z"]}, geometry=gpd.points_from_xy(*xy.T), crs=GRID.crs)
    rain_mm = GRID.layer(np.full(GRID.shape, 80.0), units="mm", long_name="r", name="r")
    got = past_cases(labels, s, {"A": rain_mm, "B": rain_mm}, slides)
    in_unit = int(labels.to_numpy()[5, 5] > 0)
    assert got.slides.sum(axis=0).tolist() == [in_unit, 0]
    assert got.off_units == 3 - in_unit
    assert square_labels(s).to_numpy().min() == 1


level = st.integers(-1, 4)


@given(st.lists(st.tuples(level, st.booleans()), min_size=1, max_size=60), st.integers(1, 4))
def test_counts_hold_every_unit_once(pairs, least):
    levels, slid = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    got = contingency(levels, slid, least=least)
    assert got.hits + got.misses + got.false_alarms + got.quiet + got.unknown == len(pairs)
    assert got.hits + got.misses == slid.sum()
    halves = [contingency(levels[k::2], slid[k::2], least=least) for k in (0, 1)]
    assert halves[0] + halves[1] == got
    if least < 4:
        stricter = contingency(levels, slid, least=least + 1)
        assert stricter.hits <= got.hits
        assert stricter.false_alarms <= got.false_alarms
    assert Contingency(0, 0, 0, 5, 0).csi != Contingency(0, 0, 0, 5, 0).csi


@given(st.lists(st.tuples(st.floats(-5, 5) | st.just(np.nan), st.booleans()), min_size=1, max_size=60))
def test_a_detection_curve_rises_to_all_that_can_be_warned(pairs):
    score, slid = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    curve = detection_curve(score, slid)
    assert (np.diff(curve["pod"]) >= 0).all()
    if curve["pod"]:
        assert curve["pod"][-1] == pytest.approx((slid & np.isfinite(score)).sum() / slid.sum())


@given(st.lists(st.floats(0, 100), min_size=1, max_size=30), st.floats(0, 120), st.integers(-1, 29))
def test_lead_is_counted_from_the_first_hour_at_the_level(effective, trigger, step):
    got = lead_hours(np.array(effective)[:, None], np.array([trigger]), np.array([step]))[0]
    reached = [k for k, v in enumerate(effective) if v >= trigger]
    if step < 0 or not reached:
        assert np.isnan(got)
    else:
        assert got == step - reached[0]
