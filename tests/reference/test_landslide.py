"""Information value, weights, validation and inventory against hand-computed tables."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from geo_risk.core.errors import CrsError, DataError
from geo_risk.core.grid import Grid
from geo_risk.hazards.landslide.factors import Classing, category_layer, class_of_factor
from geo_risk.hazards.landslide.information_value import fit_weights, information_values, probability
from geo_risk.hazards.landslide.inventory import clean_inventory, event_layer, road_bias
from geo_risk.hazards.landslide.joint import fit_class_values
from geo_risk.hazards.landslide.location_error import location_error_m
from geo_risk.hazards.landslide.scores import auc
from geo_risk.hazards.landslide.validation import spatial_folds

GRID = Grid(GeoBox((60, 80), Affine(30, 0, 510_000, 0, -30, 4_065_000), "EPSG:4546"))


def classes(counts):
    return np.repeat(np.arange(len(counts)), counts).astype("int16")


def test_plain_information_value_is_the_log_of_the_frequency_ratio():
    # events 10, 30, 60 of 100; area 500, 300, 200 of 1000: FR = .1/.5, .3/.3, .6/.2
    got = information_values(classes([10, 30, 60]), classes([500, 300, 200]), n_classes=3, prior_events=1e-9)
    np.testing.assert_allclose(got, np.log([0.2, 1.0, 3.0]), atol=1e-6)


def test_the_prior_keeps_classes_without_events_finite_and_pulls_towards_none():
    # expected 50, 30, 20; with a = 8: (n + 8) / (e + 8)
    got = information_values(classes([0, 30, 70]), classes([500, 300, 200]), n_classes=3, prior_events=8)
    np.testing.assert_allclose(got, np.log([8 / 58, 38 / 38, 78 / 28]))
    with pytest.raises(DataError, match="not finite"):
        information_values(classes([0, 30, 70]), classes([500, 300, 200]), n_classes=3, prior_events=0)
    with pytest.raises(DataError, match="0 events"):
        information_values(classes([]), classes([5]), n_classes=1, prior_events=8)


def test_smoothing_spreads_over_ordered_neighbours_only():
    # one pass: (3 n0 + n1) / 4, (n0 + 2 n1 + n2) / 4, ...; the last class is not ordered
    got = information_values(
        classes([0, 8, 0, 8]), classes([100, 100, 100, 100]), n_classes=4, prior_events=4, n_ordered=3,
        smoothing_passes=1,
    )  # fmt: skip
    np.testing.assert_allclose(got, np.log([(2 + 4) / 8, (4 + 4) / 8, (2 + 4) / 8, (8 + 4) / 8]))


def test_unknown_classes_do_not_count():
    some = np.array([-1, 0, 1, -1], dtype="int16")
    assert information_values(some, some, n_classes=2, prior_events=1) == (0.0, 0.0)


def test_weights_recover_a_logistic_model_and_drop_a_contrary_factor():
    rng = np.random.default_rng(4)
    scores = rng.normal(size=(60_000, 3))
    p = probability(-2 + 1.2 * scores[:, 0] + 0.5 * scores[:, 1] - 0.4 * scores[:, 2])
    weights, _ = fit_weights(scores, rng.random(60_000) < p, target=0.25)
    np.testing.assert_allclose(weights[:2], [1.2, 0.5], atol=0.06)
    assert weights[2] == 0
    with pytest.raises(DataError):
        fit_weights(scores, np.ones(60_000, bool), target=0.25)


def test_auc_by_hand_with_ties():
    # pairs (event, other): 3>1, 3>2, 2>1, 2=2 -> 3.5 of 4
    assert auc(np.array([3.0, 2, 1, 2]), np.array([True, True, False, False])) == pytest.approx(3.5 / 4)
    assert np.isnan(auc(np.array([1.0]), np.array([True])))


@given(st.integers(0, 10_000))
def test_auc_turns_round_with_the_scores(seed):
    rng = np.random.default_rng(seed)
    scores, events = rng.integers(0, 5, 30).astype(float), np.arange(30) < 7
    assert auc(scores, events) == pytest.approx(1 - auc(-scores, events))
    assert auc(scores, events) == pytest.approx(auc(np.exp(scores), events))


def test_blocks_are_never_split_and_folds_are_balanced():
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, 20_000, (2, 5000))
    events = np.arange(5000) < 200
    fold = spatial_folds(x, y, events, block_m=2000, folds=5, seed=3)
    block = (y // 2000).astype(int) * 10 + (x // 2000).astype(int)
    assert all(len(set(fold[block == b])) == 1 for b in np.unique(block))
    assert np.ptp([events[fold == k].sum() for k in range(5)]) <= 6
    np.testing.assert_array_equal(fold, spatial_folds(x, y, events, block_m=2000, folds=5, seed=3))
    with pytest.raises(DataError, match="blocks"):
        spatial_folds(x, y, events, block_m=50_000, folds=5, seed=3)


def test_inventory_merges_duplicates_and_sets_strays_aside():
    x0, y0 = 511_000.0, 4_064_000.0
    xy = [(x0, y0), (x0 + 60, y0), (x0 + 150, y0), (x0 + 900, y0), (y0, x0), (x0 + 90_000, y0)]
    frame = gpd.GeoDataFrame(
        {"event_id": [f"E{i}" for i in range(6)]}, geometry=[shapely.Point(p) for p in xy], crs=GRID.crs
    )
    clean = clean_inventory(frame, GRID, duplicate_distance_m=100)
    # 0-1 and 1-2 are within 100 m: one event, at the first row's place
    assert clean.events["event_id"].tolist() == ["E0", "E3"]
    assert clean.events["n_merged"].tolist() == [3, 1]
    assert clean.n_duplicates == 2
    assert [q["id"] for q in clean.quarantine] == ["E4", "E5"]
    assert "swapped" in clean.quarantine[0]["reason"]
    assert "off the run grid" in clean.quarantine[1]["reason"]
    assert float(event_layer(clean.events, GRID).sum()) == 2
    with pytest.raises(CrsError):
        clean_inventory(frame.to_crs(4490), GRID, duplicate_distance_m=100)


def test_events_whose_place_is_known_badly_are_set_aside_and_unstated_ones_are_counted():
    stated = ["exact", "1km", "25km", "unknown", None, "约 80米", "0.4 公里", "somewhere", "1,200"]
    at = [shapely.Point(511_000 + 90.0 * k, 4_064_000) for k in range(len(stated))]
    frame = gpd.GeoDataFrame(
        {"event_id": list("ABCDEFGHI"), "location_accuracy": stated}, geometry=at, crs=GRID.crs
    )  # fmt: skip
    clean = clean_inventory(frame, GRID, duplicate_distance_m=1, max_error_m=500)
    assert clean.events["event_id"].tolist() == ["A", "E", "F", "G"]
    assert (clean.n_unstated, clean.n_misplaced) == (1, 5)
    why = {q["id"]: q["reason"] for q in clean.quarantine}
    assert "25000 m" in why["C"]
    assert "unknown" in why["D"]
    assert "cannot be read" in why["H"]
    assert "超过允许的 500 米" in clean.quarantine[0]["reason_zh"]
    # without a bound all are used; numbers are metres; without a column nothing is stated of any
    assert len(clean_inventory(frame, GRID, duplicate_distance_m=1).events) == 9
    plain = frame.drop(columns="location_accuracy")
    assert clean_inventory(plain, GRID, duplicate_distance_m=1, max_error_m=500).n_unstated == 9
    metres = plain.assign(location_error_m=[30.0, 499, 501, *[np.nan] * 6])
    assert [q["id"] for q in clean_inventory(metres, GRID, duplicate_distance_m=1, max_error_m=500).quarantine] == ["C"]


@given(st.floats(0, 1e5, allow_nan=False), st.floats(1, 1e5))
def test_the_bound_of_the_location_error_is_the_largest_that_is_used(error, bound):
    frame = gpd.GeoDataFrame({"location_error_m": [error]}, geometry=[shapely.Point(511_000, 4_064_000)], crs=GRID.crs)
    clean = clean_inventory(frame, GRID, duplicate_distance_m=0, max_error_m=bound)
    assert len(clean.events) == (error <= bound)
    assert len(clean.events) + len(clean.quarantine) == 1


@pytest.mark.parametrize("name", ["Location_Error_M", "location_e", "LOCATION_A", " 定位误差", "定位误", "位置精度"])
def test_the_column_of_the_location_error_is_found_as_files_spell_it(name):
    frame = gpd.GeoDataFrame({name: ["25km", "50"]}, geometry=gpd.points_from_xy([0, 1], [0, 1]), crs=GRID.crs)
    assert location_error_m(frame).tolist() == [25_000.0, 50.0]


def test_of_two_columns_of_the_location_error_the_larger_counts_and_others_are_none():
    frame = gpd.GeoDataFrame(
        {"location_error_m": [None, 900.0, None], "location_accuracy": ["25km", "exact", None], "location": "25km"},
        geometry=gpd.points_from_xy([0, 1, 2], [0, 1, 2]), crs=GRID.crs,
    )  # fmt: skip
    np.testing.assert_array_equal(location_error_m(frame), [25_000.0, 900.0, np.nan])
    assert location_error_m(frame[["location", "geometry"]]) is None


def test_road_bias_tells_both_shares():
    found = road_bias(np.array([10.0, 300, 20, 300, 300, 300]), np.array([1, 1, 0, 0, 0, 0], bool), far_m=300)
    assert (found.events, found.ground) == (0.5, 0.75)
    assert found.note()["level"] == "warning"
    assert road_bias(np.array([np.nan, 1]), np.array([True, False]), far_m=1) is None


def test_categories_get_codes_and_bare_ground_stays_unknown():
    west = shapely.box(510_000, 4_063_200, 511_200, 4_065_000)
    frame = gpd.GeoDataFrame({"lithology": ["loess"]}, geometry=[west], crs=GRID.crs)
    layer, legend = category_layer(frame, GRID, column="lithology", name="lithology")
    assert legend == {1: "loess"}
    assert (layer.to_numpy()[:, :40] == 1).all()
    assert np.isnan(layer.to_numpy()[:, 40:]).all()


def test_windows_do_not_change_a_category_and_the_later_polygon_counts(monkeypatch):
    shapes = [shapely.box(510_000, 4_063_200, 511_900, 4_064_500), shapely.Point(511_500, 4_064_200).buffer(700)]
    frame = gpd.GeoDataFrame({"lithology": ["loess", "granite"]}, geometry=shapes, crs=GRID.crs)
    whole = category_layer(frame, GRID, column="lithology", name="lithology")[0]
    monkeypatch.setattr("geo_risk.terrain.distance.CHUNK", 17)
    split = category_layer(frame, GRID, column="lithology", name="lithology")[0]
    assert len(split.chunks[0]) == 4
    np.testing.assert_array_equal(split.to_numpy(), whole.to_numpy())
    row, column, _ = GRID.index([511_500], [4_064_200])
    assert whole.to_numpy()[row[0], column[0]] == 1  # granite comes first by name, and last by row


def test_classes_of_each_kind():
    quantile = class_of_factor("slope_deg", np.arange(100.0), classes=4)
    assert quantile.n_classes == 4
    found = quantile.classes(np.array([0.0, 24.7, 24.8, 99, np.nan]), np.ones(5))
    assert found.tolist() == [0, 0, 1, 3, -1]
    aspect = Classing("aspect_deg", "sector", (), True)
    compass = np.array([0.0, 22.4, 22.5, 337.5, 180, np.nan, np.nan])
    flat = np.array([1.0, 1, 1, 1, 1, 0, np.nan])
    assert aspect.classes(compass, flat).tolist() == [0, 0, 1, 0, 4, 8, -1]
    category = class_of_factor("lithology", np.array([1.0, 3, 3]), classes=4)
    assert category.classes(np.array([1.0, 2, 3, np.nan]), np.ones(4)).tolist() == [0, -1, 1, -1]
    assert class_of_factor("slope_deg", np.full(9, 3.0), classes=4) is None
    assert class_of_factor("twi", np.full(9, np.nan), classes=4) is None
    capped = class_of_factor("distance_roads_m", np.r_[np.arange(50.0), np.full(50, 300.0)], classes=3)
    assert capped.classes(np.array([0.0, 49, 300]), np.ones(3)).tolist() == [0, 1, 2]


def test_class_values_fitted_together_recover_what_made_the_slides_and_do_not_count_twice():
    rng = np.random.default_rng(8)
    n, value = 60_000, np.linspace(-1.5, 1.5, 6)
    first = rng.integers(0, 6, n).astype("int16")
    copy = np.where(rng.random(n) < 0.9, first, rng.integers(0, 6, n)).astype("int16")
    slid = rng.random(n) < probability(value[first] - 3)
    both = np.stack([first, copy])
    start = [information_values(c[slid], c[~slid], n_classes=6, prior_events=1) for c in both]
    got, _ = fit_class_values(both, slid, start=start, n_ordered=[6, 6], ridge=0.01, smoothness=0.0)
    np.testing.assert_allclose(np.diff(got[0]), np.diff(value), atol=0.35)
    # the copy says nothing beside the first: its span shrinks, while its information value spans as much
    assert np.ptp(got[1]) < 0.4
    assert np.ptp(start[1]) > 2


def test_strong_smoothing_makes_ordered_classes_a_line_and_leaves_others_free():
    rng = np.random.default_rng(2)
    cell = rng.integers(0, 5, (2, 20_000)).astype("int16")
    slid = rng.random(20_000) < probability(np.array([0, 1, 0, 1, 0])[cell].sum(axis=0) - 3.0)
    got, _ = fit_class_values(cell, slid, start=[[0.0] * 5] * 2, n_ordered=[5, 0], ridge=0.1, smoothness=1e6)
    np.testing.assert_allclose(np.diff(got[0], n=2), 0, atol=1e-2)
    assert np.ptp(got[1]) > 0.7
    with pytest.raises(DataError):
        fit_class_values(cell, slid, start=[[0.0] * 5] * 2, n_ordered=[5, 0], ridge=float("nan"), smoothness=1.0)
