"""Bowls, their fit, their onset and the verdict against answers that are known."""

from __future__ import annotations

import dataclasses
import functools

import geopandas as gpd
import numpy as np
import pytest
from scipy import integrate
from shapely.geometry import Point, box

from geo_risk.core.grid import Grid
from geo_risk.hazards.deformation.areas.tiles import TiledMap
from geo_risk.hazards.deformation.mining.bodies import find_bodies, up_velocity
from geo_risk.hazards.deformation.mining.bowl import (
    bowl_motion,
    bowl_outline,
    bowl_sinking,
    full_profile,
    outline_radius,
)
from geo_risk.hazards.deformation.mining.bowl_fit import Look, fit_bowl
from geo_risk.hazards.deformation.mining.bowl_series import (
    LocalNoise,
    against_stable,
    looks_of,
    lost_cells,
    trend_span,
    window_velocity,
)
from geo_risk.hazards.deformation.mining.clues import depth_of, fit_body, mining_clues, without_bowl
from geo_risk.hazards.deformation.mining.licences import in_force, judge, licence_end, licence_ends, licence_start
from geo_risk.hazards.deformation.mining.onset import Progress, onset_of
from geo_risk.hazards.deformation.mining.params import MiningParams
from tests.support.bowls import CENTRE, GRID, cuts, face, maps

PARAMS = MiningParams()


@functools.cache
def found(bowl, **options):
    labels, up = maps(bowl)
    (body,) = find_bodies(labels, up, GRID, PARAMS, context={})
    return fit_body(body, cuts(bowl, **options), labels, GRID, PARAMS)


def licence(west, east, **columns):
    shape = box(CENTRE[0] + west, CENTRE[1] - 900, CENTRE[0] + east, CENTRE[1] + 900)
    return gpd.GeoDataFrame({"licence_id": ["L1"], **columns}, geometry=[shape], crs="EPSG:4546")


def test_bowl_has_half_its_sinking_at_the_edge_of_a_wide_panel_and_at_most_b_of_it_sideways():
    wide = face(length_m=4000.0, width_m=4000.0, azimuth_rad=0.0, is_moving=False)
    edge = np.array([wide.x + 2000.0]), np.array([wide.y])
    east, north, up = bowl_motion(wide, *edge)
    assert up[0] == pytest.approx(-500.0, abs=1e-6)
    assert east[0] == pytest.approx(-0.3 * 1000.0, rel=1e-9)
    assert north[0] == pytest.approx(0.0, abs=1e-9)
    assert full_profile(np.array([0.0, 150.0, -150.0]), 150.0) == pytest.approx([0.5, 0.993905, 0.006095], abs=1e-6)


def test_mean_over_a_cell_is_that_of_many_points():
    bowl = face()
    step = np.arange(60) + 0.5 - 30.0
    x, y = np.meshgrid(CENTRE[0] + 130 + step, CENTRE[1] - 40 + step)
    mean = [float(np.mean(v)) for v in bowl_motion(bowl, x.ravel(), y.ravel())]
    at = np.array([CENTRE[0] + 130]), np.array([CENTRE[1] - 40])
    got = [float(v[0]) for v in bowl_motion(bowl, *at, cell_m=60.0)]
    assert got == pytest.approx(mean, abs=0.5)
    assert abs(float(bowl_motion(bowl, *at)[2][0]) - mean[2]) > 2


def test_outline_is_where_it_sank_ten_millimetres():
    round_one = face(length_m=1.0, width_m=1.0, subsidence_mm=1e7, is_moving=False)
    # a point source: 1e7 exp(-pi R^2 / r^2) / r^2 = 10
    radius = 150 * np.sqrt(np.log(1e7 / 150**2 / 10) / np.pi)
    assert outline_radius(round_one, 10.0) == pytest.approx(radius, rel=2e-3)
    bowl = face()
    xy = np.array(bowl_outline(bowl, 10.0).exterior.coords)
    assert bowl_sinking(bowl, xy[:, 0], xy[:, 1]) == pytest.approx(10.0, abs=0.01)
    assert bowl_outline(bowl, 5000.0).is_empty
    with pytest.raises(ValueError, match="positive"):
        bowl_outline(bowl, np.nan)
    with pytest.raises(ValueError, match="shares of the span"):
        bowl_motion(bowl, xy[:, 0], xy[:, 1], start=0.5, end=0.5)


def test_volume_is_what_was_mined_times_the_sinking():
    bowl = face(azimuth_rad=0.0)

    def sunk(y, x):
        return float(bowl_sinking(bowl, np.array([x]), np.array([y]))[0])

    volume, _ = integrate.dblquad(sunk, bowl.x - 600, bowl.x + 600, bowl.y - 700, bowl.y + 700, epsabs=1e4)
    assert volume == pytest.approx(1000.0 * 100 * 200, rel=1e-3)


@pytest.mark.slow
def test_fit_finds_a_moving_face_from_two_tracks():
    bowl = face()
    fit = found(bowl).fit
    got = fit.bowl
    assert got.is_moving
    assert got.influence_m == pytest.approx(150, rel=0.03)
    assert got.width_m == pytest.approx(200, rel=0.05)
    assert got.compass_deg == pytest.approx(bowl.compass_deg, abs=3)
    assert got.advance_m_yr == pytest.approx(50, rel=0.08)
    assert outline_radius(got, 10) == pytest.approx(outline_radius(bowl, 10), rel=0.02)
    assert fit.reduced_chi2 == pytest.approx(1, abs=0.4)


@pytest.mark.slow
def test_fit_of_one_track_alone_still_finds_the_bowl_but_not_better_than_both():
    bowl = face()
    both, one = found(bowl).fit, found(bowl, tracks=("asc",)).fit
    assert one.bowl.influence_m == pytest.approx(150, rel=0.1)
    assert np.hypot(one.bowl.x - bowl.x, one.bowl.y - bowl.y) < 25
    assert one.sigma("log influence") > both.sigma("log influence")


@pytest.mark.slow
def test_a_lost_middle_makes_the_depth_less_sure_and_noise_hides_it():
    bowl = face(subsidence_mm=2500.0)
    whole, holed = found(bowl), found(bowl, lost_mm_yr=400.0)
    assert holed.fit.n_lost > 0
    assert holed.fit.sigma("log influence") > whole.fit.sigma("log influence")
    low, high = depth_of(holed.fit, PARAMS)[1:]
    assert low < 150 * 1.9 < high
    few = MiningParams(maximum_depth_spread=1e-4)
    depth, low, high = depth_of(holed.fit, few)
    assert np.isnan(depth)
    assert low < high
    frame, notes = mining_clues([holed], "EPSG:4546", few, licences=licence(-900, 900))
    assert "depth not determined" in frame["reasons"].iloc[0]
    assert "采深无法确定" in frame["reasons_zh"].iloc[0]
    assert not notes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("west", "east", "verdict", "share"),
    [(-900, 900, "inside_licence", 0.0), (0, 900, "across_boundary", 0.5), (3000, 4000, "unlicensed", 1.0)],
)
def test_verdict_of_a_known_bowl(west, east, verdict, share):
    frame, notes = mining_clues([found(face())], "EPSG:4546", PARAMS, licences=licence(west, east))
    row = frame.iloc[0]
    assert row["verdict"] == verdict
    assert row["outside_share"] == pytest.approx(share, abs=0.06)
    assert row["outside_low"] <= row["outside_share"] <= row["outside_high"]
    assert row["verdict_probability"] > 0.8
    assert row["depth_low_m"] < 150 * 1.9 < row["depth_high_m"]
    assert row["first_active"] == "2022-07-03"
    assert "already sank" in row["reasons"]
    assert row["reasons"] == row["reasons_en"]
    assert row["reasons_zh"].startswith("沉陷盆地")
    assert not notes


@pytest.mark.slow
@pytest.mark.parametrize("licences", [None, "empty"])
def test_without_licences_every_bowl_is_a_row_of_unknown_verdict_and_never_lawful(licences):
    none = None if licences is None else licence(-1, 1).iloc[:0]
    frame, notes = mining_clues([found(face())], "EPSG:4546", PARAMS, licences=none)
    row = frame.iloc[0]
    assert row["verdict"] == "unknown"
    assert (
        frame[["outside_share", "outside_low", "verdict_probability", "beyond_share", "licence_id"]]
        .isna()
        .all(axis=None)
    )
    assert 0 < row["influence_low_m"] < row["influence_high_m"]
    assert 0 < row["confidence"] <= 0.95
    assert "does not mean that it is licensed" in row["reasons_en"]
    assert "不等于合法开采" in row["reasons_zh"]
    assert not any(word in row["reasons_en"] for word in ("inside", "nan"))
    assert len(notes) == 1
    assert "1 mining clues have no verdict" in notes[0][0]
    assert "不作判定" in notes[0][1]


@pytest.mark.slow
def test_the_bowl_beyond_the_grown_licence_is_a_column_with_its_interval():
    bowl = found(face())
    row = mining_clues([bowl], "EPSG:4546", PARAMS, licences=licence(0, 900))[0].iloc[0]
    assert row["beyond_low"] <= row["beyond_share"] <= row["beyond_high"]
    # H = 285 m; cot of 58-74.5 degrees times 225-330 m is 62-206 m; 95 % of the draws lie well within
    assert 55 < row["influence_low_m"] < 100
    assert 140 < row["influence_high_m"] < 215
    # the share of the fitted bowl west of a licence grown by either end of that distance bounds the interval loosely
    outline = row.geometry
    shares = [
        1 - outline.intersection(licence(0, 900).geometry.iloc[0].buffer(row[c])).area / outline.area
        for c in ("influence_high_m", "influence_low_m")
    ]
    assert shares[0] - 0.05 < row["beyond_share"] < shares[1] + 0.05
    assert (
        f"{row['beyond_share']:.0%} ({row['beyond_low']:.0%}-{row['beyond_high']:.0%}) of the bowl" in row["reasons_en"]
    )
    assert f"{row['beyond_share']:.0%}（{row['beyond_low']:.0%}-{row['beyond_high']:.0%}）" in row["reasons_zh"]
    ends = [
        mining_clues([bowl], "EPSG:4546", PARAMS, licences=licence(*x))[0].iloc[0]
        for x in ((-2500, 2500), (2900, 4000))
    ]
    assert [r["beyond_share"] for r in ends] == pytest.approx([0.0, 1.0], abs=1e-9)


@pytest.mark.slow
def test_the_gravest_clue_stands_first_and_ids_do_not_move_with_the_order():
    one = found(face())
    far = licence(-900, 900)
    both = [one, found(face(x=CENTRE[0] + 120.0, subsidence_mm=1500.0))]
    ids = [list(mining_clues(b, "EPSG:4546", PARAMS, licences=far)[0]["clue_id"]) for b in (both, both[::-1])]
    assert ids[0] == ids[1]
    half = mining_clues(both, "EPSG:4546", PARAMS, licences=licence(-900, 100))[0]
    assert list(half["outside_share"]) == sorted(half["outside_share"], reverse=True)


@pytest.mark.slow
def test_an_ended_licence_does_not_cover_and_is_named():
    ended = licence(-900, 900, valid_until=["2021年5月1日"])
    row = mining_clues([found(face())], "EPSG:4546", PARAMS, licences=ended)[0].iloc[0]
    assert row["verdict"] == "unlicensed"
    assert "licence L1 covers ground here but had ended" in row["reasons"]
    valid, over = in_force(licence(-1, 1, valid_until=["2023-01-01"]), "2022-07-03")
    assert len(valid) == 1
    assert not len(over)


@pytest.mark.parametrize("ends", [{}, {"valid_until": ["长期"]}, {"valid_until": [None]}])
@pytest.mark.slow
def test_a_licence_without_a_readable_end_counts_but_the_reasons_say_so(ends):
    row = mining_clues([found(face())], "EPSG:4546", PARAMS, licences=licence(-900, 900, **ends))[0].iloc[0]
    assert row["verdict"] == "inside_licence"
    assert "licence L1 has no readable end date and is taken to be in force" in row["reasons_en"]
    assert "采矿权 L1 无可识别的有效期截止日期" in row["reasons_zh"]


@pytest.mark.slow
def test_a_licence_that_ended_or_began_while_the_ground_moved_is_told():
    dates = {"valid_until": ["2022-12"], "valid_from": ["2022年10月"]}
    row = mining_clues([found(face())], "EPSG:4546", PARAMS, licences=licence(-900, 900, **dates))[0].iloc[0]
    assert "licence L1 ended on 2022-12-31, while the ground still moved" in row["reasons_en"]
    assert "licence L1 began on 2022-10-01, after" in row["reasons_en"]
    assert "于 2022-12-31 到期" in row["reasons_zh"]
    assert "自 2022-10-01 起有效" in row["reasons_zh"]
    sound = licence(-900, 900, valid_until=["2040-01-01"], valid_from=["2010"])
    row = mining_clues([found(face())], "EPSG:4546", PARAMS, licences=sound)[0].iloc[0]
    assert not any(word in row["reasons_en"] for word in ("readable", "ended on", "began on"))
    undated = judge(found(face()).fit, sound, PARAMS, since=None, rng=np.random.default_rng(3))
    assert any("is not known" in english for english, _ in undated.said)


def test_the_end_is_taken_from_whichever_column_gives_one():
    both = licence(-1, 1, valid_until=[None], **{"有效期止": ["2023-01-01"]})
    assert licence_ends(both)[0] == np.datetime64("2023-01-01")
    assert not len(in_force(both, "2023-02-01")[0])


@pytest.mark.parametrize(
    ("text", "day"),
    [("2027-03-28", "2027-03-28"), ("2027/3", "2027-03-01"), ("20270328", "2027-03-28"), (2027.0, "2027-01-01"),
     ("2027年3月28日", "2027-03-28"), (np.datetime64("2027-03-28"), "2027-03-28"), ("长期", None), (np.nan, None)],
)  # fmt: skip
def test_start_of_a_licence_is_the_first_day_of_what_is_written(text, day):
    assert licence_start(text) == (None if day is None else np.datetime64(day))


@pytest.mark.parametrize(
    ("text", "day"),
    [("2027-03-28", "2027-03-28"), ("2027/3", "2027-03-31"), ("20270328", "2027-03-28"), (2027.0, "2027-12-31"),
     ("2027年3月28日", "2027-03-28"), ("2027-03-28T00:00:00", "2027-03-28"),
     (np.datetime64("2027-03-28"), "2027-03-28"),
     ("长期", None), (None, None), (np.nan, None), ("2027-13-40", None)],
)  # fmt: skip
def test_end_of_a_licence_is_read_from_what_people_write(text, day):
    assert licence_end(text) == (None if day is None else np.datetime64(day))


@pytest.mark.slow
def test_doubt_about_the_boundary_lowers_the_probability():
    fit = found(face()).fit
    sharp, vague = (
        judge(fit, licence(-40, 900), MiningParams(licence_error_m=e), since=None, rng=np.random.default_rng(3))
        for e in (1.0, 60.0)
    )
    assert sharp.verdict == "across_boundary"
    assert vague.probability < sharp.probability
    assert vague.high - vague.low > sharp.high - sharp.low


@pytest.mark.slow
def test_doubt_is_shown_as_across_the_boundary():
    fit = found(face()).fit
    # a corner of the working reaches over the boundary, whose place is not known so well
    edge = judge(fit, licence(-65, 900), PARAMS, since=None, rng=np.random.default_rng(3))
    assert edge.outside_share < PARAMS.tolerated_share
    assert edge.verdict == "across_boundary"
    assert 0 < edge.probability < 0.5
    assert any("more likely inside" in english for english, _ in edge.said)
    bold = MiningParams(inside_probability=0.5)
    assert judge(fit, licence(-65, 900), bold, since=None, rng=np.random.default_rng(3)).verdict == "inside_licence"


@pytest.mark.slow
def test_a_bowl_that_began_later_is_dated_with_its_error():
    bowl = face()
    got = found(bowl, begin=0.4, noise_mm=1.0)
    assert not got.onset.is_before_start
    assert got.onset.low <= 0.8 <= got.onset.high + 0.05
    assert abs(np.datetime64(got.first_date) - np.datetime64("2023-04-21")) < np.timedelta64(30, "D")
    assert got.fit.bowl.influence_m == pytest.approx(150, rel=0.1)


def test_onset_is_not_stated_without_evidence():
    t = np.linspace(0, 2, 40)
    steady = Progress(t, t / 2 + 0.01 * np.sin(40 * t), np.full(40, 0.01), t / 2)
    assert onset_of(steady).is_before_start
    assert onset_of(Progress(t[:3], t[:3], t[:3] + 1, t[:3])).is_before_start


def test_window_velocity_is_the_trend_and_gives_a_jump_no_say():
    t = np.linspace(0, 0.5, 15)
    y = np.stack([30 * t + 0.01 * np.cos(9 * t), -12 * t, 5 * t], axis=1)
    y[6, 0] += 28
    y[:10, 1] = np.nan
    assert window_velocity(t, y)[[0, 2]] == pytest.approx([30, 5], abs=0.3)
    assert np.isnan(window_velocity(t, y)[1])
    assert window_velocity(np.array([0.0, 1.0]), np.array([[0.0], [7.0]])) == pytest.approx([7.0])


@pytest.mark.parametrize("power", [1, 2, 3])
def test_trend_is_the_difference_between_two_dates_for_any_cubic_motion(power):
    years = np.linspace(0.3, 1.1, 15)
    first, last = trend_span(years)
    trend = window_velocity(years, 30 * years[:, None] ** power)
    # bisquare bends with the curvature: plain least squares is what the formula is for
    plain = np.polyfit(years, 30 * years**power, 1)[0]
    assert plain == pytest.approx(30 * (last**power - first**power) / (last - first), rel=1e-9)
    assert trend[0] == pytest.approx(plain, rel=0.02)
    assert trend_span(np.array([0.0, 2.0])) == pytest.approx((0.0, 2.0))


@pytest.mark.slow
def test_cells_lost_for_good_are_found_and_gaps_are_not():
    (cut,) = cuts(face(), tracks=("asc",), noise_mm=0.0, dates=20)
    cut.displacement_mm[7:, 5] = np.nan
    cut.displacement_mm[3:9, 6] = np.nan
    cut.displacement_mm[19:, 7] = np.nan
    lost = lost_cells(cut, 2.0, near=np.ones(len(cut.x), bool), params=PARAMS)
    assert lost.x == pytest.approx([cut.x[5]])
    assert lost.start[0] == pytest.approx(cut.years[6] / 2)
    assert lost.end[0] == pytest.approx(cut.years[7] / 2)
    assert lost.limit_mm_yr == pytest.approx(55.5 / 4 / (2 / 19))
    # L band sees four times as fast ground before it loses it
    long = lost_cells(dataclasses.replace(cut, wavelength_m=0.236), 2.0, near=np.ones(len(cut.x), bool), params=PARAMS)
    assert long.limit_mm_yr == pytest.approx(236 / 4 / (2 / 19))


@pytest.mark.slow
def test_stated_radius_has_the_spread_of_the_draws():
    fit = found(face()).fit
    radius, error = fit.radius(10.0)
    draws = [outline_radius(b, 10.0) for b in fit.draws(400, np.random.default_rng(2))]
    assert radius == pytest.approx(np.mean(draws), abs=0.2 * error)
    assert error == pytest.approx(np.std(draws), rel=0.15)


def test_stable_surroundings_take_plane_and_height_delay_off():
    (cut,) = cuts(face(subsidence_mm=1e-3), tracks=("asc",), noise_mm=0.0, dates=12)
    height = 900 + 100 * np.sin(cut.x / 200) * np.cos(cut.y / 170)
    wave = 4 * (cut.x - cut.x.mean()) / 1500 - 0.02 * (height - 900) + 7
    dirty = type(cut)(cut.track, cut.x, cut.y, cut.los, cut.years, cut.displacement_mm + wave, 60.0, height)
    clean = against_stable(dirty, np.zeros(len(cut.x), bool)).displacement_mm
    assert np.abs(clean).max() < 0.02


def test_noise_of_the_surroundings_is_found():
    (cut,) = cuts(face(subsidence_mm=1e-3), tracks=("asc",), noise_mm=10.0, dates=48, seed=5)
    near = np.hypot(cut.x - CENTRE[0], cut.y - CENTRE[1]) < 400
    looks = looks_of(against_stable(cut, near), 2.0, moving=near, near=near, params=PARAMS)
    assert len(looks) == 4
    # trend of 12 dates over half a year of 9.9 mm noise: sigma / sqrt(sum t^2), t spread evenly
    sigma = 9.9 / np.sqrt(12 * (0.5**2) / 12 * 13 / 11)
    got = [np.sqrt(np.mean(np.diag(k.covariance))) for k in looks]
    assert np.mean(got) == pytest.approx(sigma, rel=0.3)
    assert 0.1 < looks[0].covariance[0, 1] / looks[0].covariance[0, 0] < 0.7


def test_what_lies_in_the_hole_of_a_body_belongs_to_it_and_windows_give_the_same():
    labels, up = maps(face())
    up = up.copy()
    (solid,) = find_bodies(labels, up, GRID, PARAMS, context={})
    ring = np.zeros((21, 21), bool)
    ring[4:17, 4:17], ring[6:15, 6:15], ring[10, 10] = True, False, True
    sinking, still = np.where(ring, -300.0, 0.0).astype(np.float32), Grid(GRID.geobox[:21, :21])
    (body,) = find_bodies(ring.astype(np.int32), sinking, still, PARAMS, context={})
    assert body.cells.sum() == 169
    assert body.cells.first == (4, 4)
    lazy = TiledMap(up.shape, lambda b: up[b].copy(), side=9)
    (again,) = find_bodies(
        TiledMap(labels.shape, lambda b: labels[b].astype("f4"), side=7), lazy, GRID, PARAMS, context={}
    )
    assert again.cells.first == solid.cells.first
    assert again.rate_mm_yr == solid.rate_mm_yr


def test_a_small_bowl_that_radar_lost_but_for_its_rim_is_a_body_and_single_fast_cells_are_none():
    still = Grid(GRID.geobox[:21, :21])
    sinking = np.zeros((21, 21), np.float32)
    sinking[8:12, 8:12] = np.nan
    sinking[8, 11], sinking[9, 7] = -180.0, -60.0
    labels = np.zeros((21, 21), np.int32)
    labels[7:13, 7:13] = 1
    (body,) = find_bodies(labels, sinking, still, PARAMS, context={})
    assert body.rate_mm_yr == 180.0
    # lost cells belong to it within two cells of a fast one
    assert body.cells.sum() >= 12
    sinking[9, 7] = 0.0
    assert find_bodies(labels, sinking, still, PARAMS, context={}) == []


def test_areas_that_look_like_mining_without_a_bowl_are_named():
    labels, up = maps(face())
    bodies = find_bodies(labels, up, GRID, PARAMS, context={})
    at = bodies[0]
    shapes = [Point(at.x, at.y).buffer(100), Point(at.x + 3000, at.y).buffer(100), Point(at.x - 3000, at.y).buffer(100)]
    kinds = ["mining_subsidence", "mining_subsidence", "landslide"]
    areas = gpd.GeoDataFrame({"area_id": ["A", "B", "C"], "kind": kinds}, geometry=shapes, crs="EPSG:4546")
    assert without_bowl(areas, bodies, []) == ["B"]
    assert without_bowl(areas, [], []) == ["A", "B"]


def test_groundwater_cone_and_slide_are_no_bodies():
    grid = Grid.from_bounds((510_000, 4_050_000, 516_000, 4_056_000), crs="EPSG:4546", resolution_m=60)
    x, y = np.meshgrid(np.arange(100) * 60.0, np.arange(100) * 60.0)
    cone = 45 * np.clip(1 - np.hypot(x - 3000, y - 3000) / 2500, 0, None).astype(np.float32)
    assert find_bodies((cone > 2).astype(np.int32), -cone, grid, PARAMS, context={}) == []
    labels, up = maps(face(subsidence_mm=300.0))
    assert len(find_bodies(labels, up, GRID, PARAMS, context={})) == 1
    steep = {"slope_deg": np.full(GRID.shape, 20.0, np.float32)}
    assert find_bodies(labels, up, GRID, PARAMS, context=steep) == []


def test_too_few_velocities_make_no_fit():
    look = Look("asc", np.zeros(3), np.zeros(3), np.ones((3, 3)), np.ones(3), np.eye(3))
    with pytest.raises(ValueError, match="12 needed"):
        fit_bowl([look], face(), PARAMS)


def test_vertical_velocity_prefers_the_decomposed_one():
    v, u = np.array([[-8.0, np.nan]], np.float32), np.array([[0.8, 0.8]], np.float32)
    assert up_velocity([(v, u), (v * 2, u)], None)[0, 0] == pytest.approx(-15)
    assert up_velocity([(v, u)], np.array([[-3.0, np.nan]], np.float32))[0, 0] == pytest.approx(-3)
    assert np.isnan(up_velocity([(v, u)], None)[0, 1])


def test_covariance_of_the_noise_is_white_and_exponential():
    x = np.array([0.0, 300.0])
    assert LocalNoise(2.0, 3.0, 300.0).covariance(x, 0 * x) == pytest.approx(np.array([[13, 9 / np.e], [9 / np.e, 13]]))
