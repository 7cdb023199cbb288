"""Gi*, false-discovery rates, errors of means, quality: against published values and direct computation."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from shapely.geometry import box

from geo_risk.core.errors import DataError, LimitError
from geo_risk.core.grid import Grid
from geo_risk.hazards.deformation.areas.active import TrackMaps, active_areas
from geo_risk.hazards.deformation.areas.hotspots import (
    discovered_share,
    discoveries,
    gi_star,
    gi_star_windows,
    two_sided_p,
)
from geo_risk.hazards.deformation.areas.null import tail
from geo_risk.hazards.deformation.areas.patch import Patch
from geo_risk.hazards.deformation.areas.quality import lag_one, map_quality, pairwise_correlation, series_quality
from geo_risk.hazards.deformation.areas.significance import mean_std, q_values
from geo_risk.hazards.deformation.areas.tiles import whole
from geo_risk.hazards.deformation.params import AreaParams, DeformationParams
from geo_risk.products.linking import likely_false
from geo_risk.products.wording import say
from geo_risk.publish.frames import write_frames
from geo_risk.sources.former import read_former
from geo_risk.sources.legend import read_legend


def direct_gi(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Gi* by its definition, O(n^2)."""
    n, total, square = len(values), weights.sum(axis=1), (weights**2).sum(axis=1)
    spread = np.sqrt(np.mean(values**2) - np.mean(values) ** 2)
    return (weights @ values - values.mean() * total) / (spread * np.sqrt((n * square - total**2) / (n - 1)))


def test_direct_gi_star_has_the_values_that_pysal_documents():
    # PySAL's documentation of esda.G_Local (points, y, threshold 15, binary, star=True); computed by another package
    points = np.array([(10, 10), (20, 10), (40, 10), (15, 20), (30, 20), (30, 30)], float)
    weights = (np.hypot(*(points[:, None] - points).T) <= 15).astype(float)
    published = [-1.39727626, -0.28917762, 0.65064964, -0.28917762, 1.23452088, 2.02424331]
    np.testing.assert_allclose(direct_gi(np.array([2, 3, 3.2, 5, 8, 7]), weights), published, atol=5e-9)


@pytest.mark.parametrize("radius", [1.0, 1.5, 1.9999999999999996, 3.3])
def test_gi_star_is_the_direct_sum_with_gaps(radius):
    rng = np.random.default_rng(3)
    values = rng.normal(-2, 3, (14, 17)).astype(np.float32)
    values[rng.random(values.shape) < 0.15] = np.nan
    y, x = np.nonzero(np.isfinite(values))
    weights = (np.hypot(y[:, None] - y, x[:, None] - x) <= radius + 1e-9).astype(float)
    want = np.full(values.shape, np.nan)
    want[y, x] = direct_gi(values[y, x].astype(float), weights)
    np.testing.assert_allclose(gi_star(values, radius), want, rtol=1e-4, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(arrays(np.float32, (7, 9), elements=st.floats(-50, 50, width=32)), st.floats(1, 4), st.floats(0.5, 20))
def test_gi_star_does_not_care_for_unit_or_zero(values, radius, scale):
    if np.std(values, dtype=np.float64) < 1e-2:
        return
    np.testing.assert_allclose(gi_star(values * np.float32(scale) + 3, radius), gi_star(values, radius), atol=2e-2)


def test_gi_star_of_nothing_or_one_value_is_missing_and_bad_input_is_refused():
    assert np.isnan(gi_star(np.full((4, 4), np.nan, np.float32), 1)).all()
    assert np.isnan(gi_star(np.full((4, 4), 2, np.float32), 1)).all()
    with pytest.raises(ValueError, match="radius"):
        gi_star(np.zeros((4, 4), np.float32), float("nan"))


def test_discoveries_are_those_of_benjamini_and_hochberg():
    # the worked example of Benjamini and Hochberg 1995, section 3.1: 15 hypotheses, four rejected at 0.05
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
         0.7590, 1.0]  # fmt: skip
    assert discoveries(np.array([*p, np.nan]), 0.05).sum() == 4
    assert two_sided_p(1.959964) == pytest.approx(0.05, abs=1e-6)
    with pytest.raises(ValueError, match="between 0 and 1"):
        discoveries(p, 1.0)


@given(arrays(np.float32, (6, 7), elements=st.floats(-6, 6, width=32) | st.just(np.nan)), st.floats(0.01, 0.5))
def test_share_of_discoveries_is_that_of_the_known_cells(z, rate):
    known = np.isfinite(z)
    share = discovered_share(z, rate)
    if not known.any():
        assert np.isnan(share)
    else:
        assert share == pytest.approx(discoveries(two_sided_p(z), rate)[known].mean())
    with pytest.raises(ValueError, match="false-discovery rate"):
        discovered_share(z, 1.0)


@pytest.mark.parametrize("side", [5, 8, 40])
def test_gi_star_by_window_is_that_of_the_whole(side):
    values = np.random.default_rng(8).normal(-2, 3, (24, 31)).astype(np.float32)
    values[3:9, 4:12] = np.nan
    got = whole(gi_star_windows(values, 3.3, side=side), rows=7)
    np.testing.assert_allclose(got, gi_star(values, 3.3), rtol=1e-5, atol=1e-5)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_q_values_rise_with_p_and_stay_below_the_expected_number(p):
    q = q_values(p)
    order = np.argsort(p, kind="stable")
    assert (np.diff(q[order]) >= -1e-12).all()
    assert (q <= np.minimum(1, -np.log1p(-np.minimum(p, 1 - 1e-12))) + 1e-12).all()


def test_q_values_divide_by_how_many_are_as_strong_and_pass_over_the_unknown():
    p = -np.expm1(-np.array([0.02, 0.02, 0.3]))
    np.testing.assert_allclose(q_values([p[0], np.nan, p[1], p[2]]), [0.01, np.nan, 0.01, 0.1])
    with pytest.raises(ValueError, match="between 0 and 1"):
        q_values([-0.1])


def test_error_of_a_mean_is_the_double_sum_of_the_covariance():
    covariance = np.array([4.0, 2.0, 1.0, 0.5, 0.0])
    cells = np.zeros((9, 9), bool)
    cells[2:5, 3:7] = True
    cells[3, 4] = False
    y, x = np.nonzero(cells)
    lag = np.hypot(y[:, None] - y, x[:, None] - x)
    want = np.sqrt(np.interp(lag, np.arange(5), covariance).sum()) / len(y)
    assert mean_std(covariance, cells) == pytest.approx(want)
    assert np.isnan(mean_std(np.empty(0), cells))
    assert np.isnan(mean_std(covariance, np.zeros((3, 3), bool)))


def test_tail_is_the_gumbel_law_it_was_drawn_from():
    rng = np.random.default_rng(0)
    maxima = rng.gumbel(5, 0.7, 4000)
    value = 5 - 0.7 * np.log(-np.log(1 - 1e-4))
    assert tail(maxima, value) == pytest.approx(1e-4, rel=0.3)
    assert tail(maxima, 5.0) == pytest.approx(1 - np.exp(-1), abs=0.03)


@pytest.mark.slow
def test_lag_one_and_pairs_are_those_of_known_processes():
    rng = np.random.default_rng(1)
    n = 4000
    common = np.zeros(n)
    for k in range(1, n):
        common[k] = 0.8 * common[k - 1] + rng.normal()
    common /= common.std()
    members = common[:, None] + rng.normal(0, 1, (n, 30))
    # equal shares of a process with r1 = 0.8 and of white noise: r1 = 0.4, correlation of two members 0.5
    assert np.median(lag_one(members)) == pytest.approx(0.4, abs=0.04)
    assert pairwise_correlation(members) == pytest.approx(0.5, abs=0.04)
    gaps = np.where(rng.random(members.shape) < 0.2, np.nan, members)
    assert pairwise_correlation(gaps) == pytest.approx(0.5, abs=0.05)


def test_pairwise_correlation_is_numpys_without_gaps():
    series = np.random.default_rng(2).normal(size=(40, 6)).cumsum(axis=0)
    want = np.corrcoef(series.T)[np.triu_indices(6, 1)].mean()
    assert pairwise_correlation(series) == pytest.approx(want)


def test_quality_falls_from_smooth_common_motion_to_noise():
    rng = np.random.default_rng(5)
    t = np.arange(60)[:, None]
    trend = -0.5 * t * np.linspace(0.8, 1.2, 12)
    grades = [series_quality((trend + rng.normal(0, s, (60, 12))).astype(np.float32)).grade for s in (0.3, 4, 9, 60)]
    assert grades == sorted(grades)
    assert grades[0] == 1
    assert grades[-1] == 4
    assert series_quality(np.full((60, 3), np.nan, np.float32)).grade == 4
    with pytest.raises(ValueError, match="member"):
        series_quality(np.zeros(5, np.float32))
    velocity = np.full((9, 9), -20, np.float32)
    inside = np.ones((9, 9), bool)
    assert map_quality(velocity, np.full((9, 9), 1, np.float32), inside, mean_mm_yr=-20).grade == 1
    assert map_quality(velocity, np.full((9, 9), 15, np.float32), inside, mean_mm_yr=-20).grade == 4
    assert map_quality(velocity * np.nan, velocity, inside, mean_mm_yr=-20).grade == 4


def test_an_upper_bound_of_the_false_alarm_probability_drops_no_area():
    areas = gpd.GeoDataFrame(
        {"false_alarm_p": [0.02, 0.02, 0.001, np.nan], "false_alarm_at_most": [True, False, True, False]},
        geometry=[box(0, 0, 1, 1)] * 4,
    )
    assert list(likely_false(areas, 0.01)) == [False, True, False, False]
    assert list(likely_false(areas.drop(columns="false_alarm_at_most"), 0.01)) == [True, True, False, False]
    assert "at most 0.020" in say("false_alarm_most", "en", p=0.02)
    assert "不高于" in say("false_alarm_most", "zh", p=0.02)


def test_more_cells_than_memory_holds_are_refused_before_anything_is_read():
    grid = Grid.from_bounds((500_000, 4_000_000, 560_000, 4_060_000), crs="EPSG:4546", resolution_m=60)
    params = DeformationParams(areas=AreaParams(maximum_cells=10_000))
    with pytest.raises(LimitError, match="at most 10000 are searched"):
        active_areas([], grid, params)


def test_areas_of_ground_where_nothing_moves_have_the_label_that_later_steps_look_up():
    grid = Grid.from_bounds((500_000, 4_000_000, 502_400, 4_002_400), crs="EPSG:4546", resolution_m=60)
    still = np.random.default_rng(1).normal(0, 0.5, grid.shape).astype("f4")
    look = tuple(np.full(grid.shape, v, "f4") for v in (-0.61, -0.12, 0.783))
    maps = TrackMaps("asc", still, np.full(grid.shape, 0.5, "f4"), look)
    found = active_areas([maps], grid, DeformationParams())
    assert len(found.frame) == 0
    assert {"area_id", "label", "kind", "reasons"} <= set(found.frame.columns)
    assert not found.labels.any()


def test_the_former_bulletin_is_read_with_what_was_gone(tmp_path):
    crs = "EPSG:4546"
    areas = gpd.GeoDataFrame(
        {"area_id": ["a"], "area_m2": [1e4], "velocity_mean_mm_yr": [-9.0], "kind": ["landslide"]},
        geometry=[box(0, 0, 100, 100)], crs=crs,
    )  # fmt: skip
    changes = gpd.GeoDataFrame(
        {"area_id": ["a", "b"], "change": ["unchanged", "gone"], "kind": "landslide", "area_before_m2": 1e4,
         "velocity_before_mm_yr": [-9.0, -7.0]}, geometry=[box(0, 0, 100, 100), box(500, 0, 600, 100)], crs=crs,
    )  # fmt: skip
    write_frames({"active_deformation": areas, "deformation_changes": changes}, tmp_path / "geo_risk.gpkg")
    before, gone, quarantine = read_former(tmp_path / "geo_risk.gpkg", crs=crs, where="inputs.previous_bulletin")
    assert list(before["area_id"]) == ["a"]
    assert list(gone["area_id"]) == ["b"]
    assert gone["velocity_mean_mm_yr"].iloc[0] == -7.0
    assert not quarantine


def test_a_legend_is_read_and_a_bad_one_refused(tmp_path):
    path = tmp_path / "landcover.csv"
    path.write_text("\ufeffcode,name_en,name_zh\n4,built_up,建设用地\n1,cropland,耕地\n", encoding="utf-8")
    assert read_legend(path) == {4: "built_up 建设用地", 1: "cropland 耕地"}
    for bad in ("class,name\n4,a\n", "code,name\nx,a\n", "code,name\n4,a\n4,b\n"):
        path.write_text(bad, encoding="utf-8")
        with pytest.raises(DataError, match="class code"):
            read_legend(path)


cells = arrays(np.bool_, (7, 8)).filter(lambda m: m.any())


@given(cells, cells)
def test_a_patch_is_its_mask(a, b):
    one, other = Patch.of(a), Patch.of(b)
    back = np.zeros(a.shape, bool)
    back[one.indices] = True
    assert (back == a).all()
    assert one.sum() == a.sum()
    assert one.overlap(other) == (a & b).sum()
    assert Patch.union([one, other]).sum() == (a | b).sum()
    assert (one.within((slice(1, 5), slice(2, 8))) == a[1:5, 2:8]).all()
    assert one.first == tuple(np.argwhere(a)[0])
    wide = np.zeros(a.shape, bool)
    wide[one.grown(2, a.shape).indices] = True
    assert (wide == ndimage.binary_dilation(a, np.ones((3, 3)), iterations=2)).all()


def test_a_patch_without_cells_is_refused():
    with pytest.raises(ValueError, match="at least one cell"):
        Patch.of(np.zeros((3, 3), bool))
