"""Settlement along lines, bodies and zones against answers that are known."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import fft
from shapely.geometry import LineString, Polygon, box

from geo_risk.core.grid import Grid
from geo_risk.hazards.deformation.areas.active import TrackMaps
from geo_risk.hazards.deformation.lines.axes import Axis, Piece, merge_axes
from geo_risk.hazards.deformation.lines.params import LineParams, StructureParams, WatchParams
from geo_risk.hazards.deformation.lines.sections import line_sections, pairs, stations
from geo_risk.hazards.deformation.lines.structures import Body, bodies_of, body_motion, crest_of, structure_rows
from geo_risk.hazards.deformation.lines.townships import township_cells, township_table
from geo_risk.hazards.deformation.lines.trend import Trend, combined_trend, recent_trend
from geo_risk.hazards.deformation.lines.vertical import DECOMPOSED, FROM_LOS, UNKNOWN, MapNoise, VerticalMap, map_noise
from geo_risk.hazards.deformation.lines.vertical import vertical_map as make_vertical
from geo_risk.hazards.deformation.lines.watch import find_subsidence, subsidence_zones
from geo_risk.hazards.deformation.params import DeformationParams
from tests.support.insar import LOS

X0, Y0 = 510_000.0, 4_050_000.0


def grid(cell: float = 10.0, *, size: float = 3000.0, height: float | None = None) -> Grid:
    return Grid.from_bounds((X0, Y0, X0 + size, Y0 + (height or size)), crs="EPSG:4546", resolution_m=cell)


def noise(shape, cell: float, *, white: float = 0.1, shared=(0.0,)) -> MapNoise:
    still = np.ones(shape, dtype=bool)
    return MapNoise(cell, np.full(shape, white, np.float32), np.asarray(shared, dtype=float), True, still)


def vertical(up: np.ndarray, area: Grid, **options) -> VerticalMap:
    source = np.where(np.isfinite(up), DECOMPOSED, UNKNOWN).astype(np.int8)
    return VerticalMap(up.astype(np.float32), source, noise(up.shape, area.resolution_m, **options), area)


def axis(*points: tuple[float, float], name: str = "G1") -> Axis:
    line = LineString([(X0 + x, Y0 + y) for x, y in points])
    return Axis(name, "primary", 1, line, (Piece("R1", 0.0, line.length),))


def correlated(shape, rng, *, length: float, sigma: float) -> np.ndarray:
    """Draw a field with covariance sigma^2 exp(-d / length) (cells) on a torus twice as large."""
    n = (2 * shape[0], 2 * shape[1])
    dy = np.minimum(np.arange(n[0]), n[0] - np.arange(n[0]))[:, None]
    dx = np.minimum(np.arange(n[1]), n[1] - np.arange(n[1]))[None, :]
    power = np.maximum(fft.rfft2(sigma**2 * np.exp(-np.hypot(dy, dx) / length)).real, 0)
    return fft.irfft2(fft.rfft2(rng.standard_normal(n)) * np.sqrt(power), s=n)[: shape[0], : shape[1]]


# lines ------------------------------------------------------------------------------------------------------------


def trough(area: Grid, *, deep: float = 30.0, wide: float = 300.0, at: float = 1500.0) -> np.ndarray:
    x = area.coords()["x"] - X0
    return np.tile(-deep * np.exp(-((x - at) ** 2) / (2 * wide**2)), (area.shape[0], 1))


def test_line_across_a_gaussian_trough_finds_its_steepest_slope_and_the_years_left():
    area = grid(10.0, height=200)
    got = line_sections([axis((0, 100), (3000, 100))], vertical(trough(area), area), LineParams(), span_yr=2.0)
    assert len(got) == 6
    steepest = 30 / 300 * np.exp(-0.5)  # mm/yr per m at one standard width from the middle
    flank = got.sort_values("differential_settlement_mm_yr_per_m").iloc[-2:]
    # over a base of 20 m or more the mean slope is a little less than at the point
    assert flank["differential_settlement_mm_yr_per_m"].to_numpy() == pytest.approx(steepest, rel=0.01)
    assert sorted(flank["worst_km"]) == pytest.approx([1.2, 1.8], abs=0.03)
    found = flank["differential_settlement_mm_yr_per_m"].to_numpy() / 1000
    assert flank["years_to_limit"].to_numpy() == pytest.approx(1 / 500 / found - 2.0)
    assert flank["distortion_now"].to_numpy() == pytest.approx(found * 2.0)
    assert (flank["years_to_limit_low"] < flank["years_to_limit"]).all()
    # the sections in the middle of the trough sink by the mean of a Gaussian over 500 m
    middle = got[(got["from_km"] >= 0.99) & (got["to_km"] <= 1.51)].iloc[0]
    x = np.linspace(1000, 1500, 20_001)
    want = float(np.mean(-30 * np.exp(-((x - 1500) ** 2) / (2 * 300**2))))
    assert middle["settlement_mean_mm_yr"] == pytest.approx(want, rel=0.01)
    assert got["level"].tolist()[2] == 2  # 2 / 0.061 - 2 = 31 years: level 1; sinking 30 mm/yr: level 2 at most


def test_slanting_line_measures_the_slope_along_itself():
    area = grid(10.0)
    up = np.tile(-0.05 * (area.coords()["x"] - X0), (area.shape[0], 1))  # 0.05 mm/yr per m to the east
    got = line_sections([axis((100, 100), (2100, 2100))], vertical(up, area), LineParams(), span_yr=1.0)
    # along the diagonal the slope is cos 45 of it; cells are centres, so single pairs differ a little
    assert got["differential_settlement_mm_yr_per_m"].median() == pytest.approx(0.05 * np.cos(np.pi / 4), rel=0.12)


def test_no_cell_counts_twice_and_lengths_add_up():
    area = grid(60.0)
    along = stations(axis((30, 20), (2900, 1400)), area)
    assert len(set(zip(along.rows.tolist(), along.columns.tolist(), strict=True))) == len(along.rows)
    assert (np.diff(along.chainage_m) > 0).all()
    assert 0.85 * np.hypot(2870, 1380) < along.length_m.sum() <= np.hypot(2870, 1380) + 1e-6


def test_error_of_a_difference_is_without_what_neighbours_share():
    area = grid(60.0)
    shared = 4.0 * np.exp(-np.arange(30) / 10)
    found = pairs(stations(axis((0, 90), (1200, 90)), area), vertical(np.zeros(area.shape), area, white=0.3,
                  shared=shared), LineParams())  # fmt: skip
    assert found.base_m.tolist() == pytest.approx([60.0] * 19)  # 100 m reach neighbours only
    want = np.sqrt(2 * 0.3**2 + 2 * (shared[0] - shared[1]))
    assert found.std == pytest.approx(want)


@pytest.mark.slow
def test_noise_alone_is_not_called_settlement():
    area = grid(60.0, size=9000)
    lines = [axis((0, y), (9000, y), name=str(y)) for y in range(130, 9000, 600)]
    n_false = n = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        up = correlated(area.shape, rng, length=20, sigma=1.4) + rng.normal(0, 0.45, area.shape)
        std = np.full(area.shape, 1.2, np.float32)
        made = map_noise(up.astype(np.float32), std, area, DeformationParams())
        assert made.is_fitted
        assert made.white.mean() == pytest.approx(0.45, rel=0.15)
        source = np.full(area.shape, DECOMPOSED, np.int8)
        got = line_sections(lines, VerticalMap(up.astype(np.float32), source, made, area), LineParams(), span_yr=2.0)
        n_false += int((got["is_bending"] | got["is_sinking"]).sum())
        n += len(got)
    # 1620 sections; the false-discovery rate allows about one false section in a hundred maps of nothing but noise
    assert n == 6 * 15 * 18
    assert n_false <= 2


def test_what_is_not_seen_is_unknown_and_never_none():
    area = grid(60.0, height=300)
    up = np.zeros(area.shape)
    up[:, 8:17] = np.nan  # the second section wholly
    up[:, 27:30] = np.nan  # a third of the fourth
    got = line_sections([axis((0, 150), (3000, 150))], vertical(up, area), LineParams(), span_yr=2.0)
    assert got["level"].tolist() == [0, -1, 0, -1, 0, 0]
    assert got["known_share"].iloc[1] == 0
    assert np.isnan(got["settlement_mean_mm_yr"].iloc[1])
    noisy = line_sections([axis((0, 150), (3000, 150))], vertical(np.zeros(area.shape), area, white=30.0), LineParams(),
                          span_yr=2.0)  # fmt: skip
    assert (noisy["level"] == -1).all()


def test_part_of_a_line_outside_the_map_is_unknown():
    area = grid(60.0, height=300)
    got = line_sections([axis((-800, 150), (700, 150))], vertical(np.zeros(area.shape), area), LineParams(), span_yr=1)
    assert got["level"].tolist() == [-1, 0]  # the first 500 m lie wholly outside and make no section
    assert got["known_share"].iloc[0] == pytest.approx(0.4, abs=0.06)  # to a cell
    assert got["from_km"].tolist() == [0.5, 1.0]


# axes -------------------------------------------------------------------------------------------------------------


def road(pieces, names="S1", classes="primary"):
    n = len(pieces)
    return gpd.GeoDataFrame(
        {"road_id": [f"R{k}" for k in range(n)], "name": [names] * n if isinstance(names, str) else names,
         "class": [classes] * n}, geometry=[LineString(p) for p in pieces], crs="EPSG:4546",
    )  # fmt: skip


def test_pieces_in_any_order_and_direction_are_one_axis_with_lineage():
    pieces = [[(300, 0), (200, 0)], [(0, 0), (100, 0)], [(200, 0.4), (100, 0)], [(300, 0), (300, 250)]]
    got = merge_axes(road(pieces), LineParams(), id_column="road_id")
    assert len(got) == 1
    assert [p.id for p in got[0].pieces] in (["R1", "R2", "R0", "R3"], ["R3", "R0", "R2", "R1"])
    assert got[0].line.length == pytest.approx(sum(LineString(p).length for p in pieces) + 0.4, abs=0.01)
    assert got[0].pieces[-1].to_m == pytest.approx(got[0].line.length)
    assert [p.from_m for p in got[0].pieces[1:]] == [p.to_m for p in got[0].pieces[:-1]]


def test_at_a_junction_the_axis_goes_straight_on_and_the_branch_is_its_own():
    pieces = [[(0, 0), (100, 0)], [(100, 0), (200, 10)], [(100, 0), (100, 80)]]
    got = merge_axes(road(pieces), LineParams(), id_column="road_id")
    assert [[p.id for p in a.pieces] for a in got] == [["R0", "R1"], ["R2"]]
    assert [a.part for a in got] == [1, 2]


def test_routes_do_not_mix_and_the_nameless_stay_alone():
    pieces = [[(0, 0), (1, 0)], [(1, 0), (2, 0)], [(2, 0), (3, 0)]]
    got = merge_axes(road(pieces, names=["A", None, "A"]), LineParams(join_m=0.1), id_column="road_id")
    assert [(a.route, a.part) for a in got] == [("A", 1), ("A", 2), ("R1", 1)]


def test_ring_is_one_axis_and_a_missing_id_column_is_named():
    ring = [[(0, 0), (100, 0)], [(100, 0), (100, 100)], [(100, 100), (0, 0)]]
    got = merge_axes(road(ring), LineParams(), id_column="road_id")
    assert len(got) == 1
    assert len(got[0].pieces) == 3
    with pytest.raises(ValueError, match="rail_id"):
        merge_axes(road(ring), LineParams(), id_column="rail_id")


# noise and vertical -----------------------------------------------------------------------------------------------


def test_variance_of_a_weighted_sum_is_the_double_sum():
    rng = np.random.default_rng(2)
    shared = 2.0 * np.exp(-np.arange(12) / 3)
    made = MapNoise(60.0, rng.uniform(0.2, 0.6, (9, 11)).astype(np.float32), shared, True, np.ones((9, 11), bool))
    weights = np.where(rng.random((9, 11)) < 0.4, rng.normal(size=(9, 11)), 0.0)
    rows, columns = np.nonzero(weights)
    w = weights[rows, columns]
    assert made.variance(weights) == pytest.approx(float(w @ made.matrix(rows, columns) @ w), rel=1e-6)
    assert made.variance(np.zeros((9, 11))) == 0


@pytest.mark.slow
def test_stated_error_of_a_sum_is_the_spread_of_simulated_sums():
    rng = np.random.default_rng(3)
    shape, cells = (60, 60), np.zeros((60, 60), bool)
    cells[10:40, 15:50] = True
    made = MapNoise(60.0, np.full(shape, 0.5, np.float32), np.exp(-np.arange(60) / 8.0), True, np.ones(shape, bool))
    sums = [(correlated(shape, rng, length=8, sigma=1.0) + rng.normal(0, 0.5, shape))[cells].sum() for _ in range(400)]
    # 400 draws know a standard deviation to 3.5 %; the torus cuts a little of the far covariance
    assert np.std(sums) == pytest.approx(np.sqrt(made.variance(cells.astype(float))), rel=0.12)


def track(name: str, east, north, up, area: Grid, *, std: float = 0.5) -> TrackMaps:
    unit = np.array(LOS[name]) / np.linalg.norm(LOS[name])
    v = unit[0] * east + unit[1] * north + unit[2] * up
    shape = area.shape
    maps = tuple(np.full(shape, c, np.float32) for c in unit)
    return TrackMaps(name, np.broadcast_to(v, shape).astype(np.float32), np.full(shape, std, np.float32), maps)


def test_vertical_is_decomposed_where_two_look_and_projected_where_one_does():
    area = grid(60.0, size=600)
    both = [track("asc", 3.0, 0.0, -10.0, area), track("desc", 3.0, 0.0, -10.0, area)]
    both[1].velocity[:, :4] = np.nan
    both[0].velocity[:, :2] = np.nan
    got = make_vertical(both, area, DeformationParams())
    assert set(got.source[:, :2].ravel()) == {UNKNOWN}
    assert set(got.source[:, 2:4].ravel()) == {FROM_LOS}
    assert got.up[:, 4:] == pytest.approx(-10.0, abs=1e-4)
    unit = np.array(LOS["asc"]) / np.linalg.norm(LOS["asc"])
    assert got.up[:, 2:4] == pytest.approx((unit[0] * 3 + unit[2] * -10) / unit[2], abs=1e-4)
    assert np.isnan(got.up[:, :2]).all()
    assert not got.noise.is_fitted  # 100 cells cannot show a covariance: formal errors
    with pytest.raises(ValueError, match="no track"):
        make_vertical([], area, DeformationParams())


# structures -------------------------------------------------------------------------------------------------------


def test_dam_is_solved_in_the_plane_across_its_crest_against_still_ground():
    area = grid(60.0, size=1800)
    azimuth = np.deg2rad(334.0)
    east, north = np.sin(azimuth) * 5.8, np.cos(azimuth) * 5.8
    cells = np.zeros(area.shape, bool)
    cells[14:16, 13:18] = True
    offset = 2.7  # of the datum: shared by the body and the ground around it
    made = [track(n, np.where(cells, east, 0), np.where(cells, north, 0), np.where(cells, -6.9, 0), area)
            for n in ("asc", "desc")]  # fmt: skip
    made = [replace(t, velocity=t.velocity + np.float32(offset)) for t in made]
    noises = [noise(area.shape, 60.0, white=0.4)] * 2
    across = (float(np.sin(azimuth)), float(np.cos(azimuth)))
    got = body_motion(cells, made, noises, across, StructureParams())
    assert got is not None
    assert (got.across, got.up) == pytest.approx((5.8, -6.9), abs=1e-3)
    assert got.model == "across_up"
    # a crest that runs west to east has its plane along north, where both looks are nearly one
    alone = body_motion(cells, made, noises, (0.0, 1.0), StructureParams())
    assert alone is not None
    assert (alone.model, np.isnan(alone.across)) == ("up", True)
    assert body_motion(np.zeros(area.shape, bool), made, noises, across, StructureParams()) is None


def test_levels_of_bodies_and_unseen_ones():
    area = grid(60.0, size=1800)
    labels = np.zeros(area.shape, np.int32)
    labels[5:7, 5:9], labels[20:22, 5:9], labels[20:24, 20:24] = 1, 2, 3
    up = np.where(labels == 1, -9.0, 0.0)
    made = [track(n, 0.0, 0.0, up, area) for n in ("asc", "desc")]
    for t in made:
        t.velocity[labels == 3] = np.nan
    outline = box(X0, Y0, X0 + 60, Y0 + 60)
    bodies = [Body(i, i, "tailings_dam", outline, (0.6, 0.8)) for i in "abc"]
    noises = [noise(area.shape, 60.0, white=0.4)] * 2
    got = structure_rows(bodies, labels, made, noises, StructureParams())
    assert [r["level"] for r in got] == [2, 0, -1]
    assert [r["is_moving"] for r in got] == [True, False, False]
    assert got[0]["velocity_up_mm_yr"] == pytest.approx(-9.0, abs=1e-3)
    assert got[2]["model"] == "none"


def test_a_body_that_left_its_course_is_not_called_still_however_few_cells_of_one_track_show_it():
    area = grid(60.0, size=1800)
    labels = np.zeros(area.shape, np.int32)
    labels[5:7, 5:9] = 1
    body = Body("a", "a", "tailings_dam", box(X0, Y0, X0 + 60, Y0 + 60), (0.6, 0.8))

    def row(speed: float, at: tuple[int, int], since: float) -> dict[str, object]:
        sudden = np.zeros(area.shape, np.float32)
        sudden[at] = since
        up = np.where(labels == 1, -speed, 0.0)
        made = [track("asc", 0.0, 0.0, up, area), replace(track("desc", 0.0, 0.0, up, area), sudden=sudden)]
        return structure_rows([body], labels, made, [noise(area.shape, 60.0, white=0.2)] * 2, StructureParams())[0]

    assert [row(0.0, (5, 5), since)["level"] for since in (0.0, 58.0, -2.0, np.nan)] == [0, -1, -1, 0]
    assert [row(speed, (5, 5), 58.0)["level"] for speed in (5.0, 15.0)] == [-1, 2]
    assert row(0.0, (5, 5), 58.0)["off_course_share"] == pytest.approx(1 / 8)
    assert row(0.0, (12, 12), 58.0)["level"] == 0


def test_off_course_of_any_track_is_the_same_by_tiles_and_changes_no_velocity():
    area = grid(60.0, size=3000)
    rng = np.random.default_rng(3)
    up = rng.normal(0, 1, area.shape)
    sudden = np.where(rng.random(area.shape) < 0.1, 40.0, 0.0).astype(np.float32)
    sudden[rng.random(area.shape) < 0.1] = np.nan
    plain = [track(n, 0.0, 0.0, up, area) for n in ("asc", "desc")]
    params = [DeformationParams(areas={"tile_cells": n}) for n in (32, 64)]
    got = [make_vertical([plain[0], replace(plain[1], sudden=sudden)], area, p) for p in params]
    for one in got:
        assert np.array_equal(one.off_course, np.nan_to_num(sudden) != 0)
    before = make_vertical(plain, area, params[1])
    assert before.off_course is None
    assert np.array_equal(before.up, got[1].up, equal_nan=True)


def test_a_body_whose_error_reaches_a_speed_of_level_one_is_not_called_still():
    area = grid(60.0, size=1800)
    labels = np.zeros(area.shape, np.int32)
    labels[5:7, 5:9] = 1
    made = [track(n, 0.0, 0.0, np.zeros(area.shape), area) for n in ("asc", "desc")]
    bodies = [Body("a", "a", "tailings_dam", box(X0, Y0, X0 + 60, Y0 + 60), (0.6, 0.8))]

    def level(white: float) -> int:
        noises = [noise(area.shape, 60.0, white=white)] * 2
        return int(structure_rows(bodies, labels, made, noises, StructureParams())[0]["level"])

    assert level(0.4) == 0
    assert level(20.0) == -1


def test_a_body_that_moves_slower_than_level_one_is_none_only_where_its_error_leaves_no_room():
    area = grid(60.0, size=1800)
    labels = np.zeros(area.shape, np.int32)
    labels[5:7, 5:9] = 1
    body = Body("a", "a", "tailings_dam", box(X0, Y0, X0 + 60, Y0 + 60), (0.6, 0.8))

    def row(speed: float, white: float, lost: int = 0) -> dict[str, object]:
        made = [track(n, 0.0, 0.0, np.where(labels == 1, -speed, 0.0), area) for n in ("asc", "desc")]
        for t in made:
            t.velocity[5:7, 5 : 5 + lost] = np.nan
        return structure_rows([body], labels, made, [noise(area.shape, 60.0, white=white)] * 2, StructureParams())[0]

    sure, unsure = row(2.0, 0.2), row(2.7, 1.0)
    assert sure["is_moving"]
    assert unsure["is_moving"]
    assert (sure["level"], unsure["level"]) == (0, -1)
    # low is said only of a body that is seen
    assert [row(5.0, 0.2, lost)["level"] for lost in (0, 3)] == [1, -1]
    assert [row(15.0, 0.2, lost)["level"] for lost in (0, 3)] == [2, 2]


def test_cells_without_a_known_error_are_no_part_of_a_body():
    area = grid(60.0, size=1800)
    cells = np.zeros(area.shape, bool)
    cells[5:7, 5:9] = True
    made = [track(n, 0.0, 0.0, np.full(area.shape, -4.0), area) for n in ("asc", "desc")]
    unknown = noise(area.shape, 60.0, white=0.5)
    unknown.white[5:7, 5:9] = np.nan
    assert body_motion(cells, made, [unknown] * 2, (0.6, 0.8), StructureParams()) is None


def test_dam_body_has_its_height_and_the_pond_is_the_rest():
    crest = LineString([(0, 0), (300, 0)])
    ponds = gpd.GeoDataFrame(
        {"id": ["T1", "T2"], "name": ["a", None], "dam_height_m": [40.0, None]},
        geometry=[box(0, 0, 300, 400), box(1000, 0, 1100, 100)], crs="EPSG:4546",
    )  # fmt: skip
    got = bodies_of(ponds, [crest, None], StructureParams(), family="tailings", cell_m=60.0)
    assert [b.id for b in got] == ["T1-dam", "T1", "T2"]
    assert got[0].outline.bounds == pytest.approx((0, -80, 300, 80))  # 2 to 1 from a height of 40 m
    assert got[0].across == pytest.approx((0.0, -1.0))  # away from the pond
    assert got[1].outline.area == pytest.approx(300 * 320)


@pytest.mark.parametrize("text", ["LINE (0 0, 1 1)", "POINT (1 2)", "LINESTRING (0 0, 0 0)"])
def test_crest_that_is_no_line_is_refused(text):
    with pytest.raises(ValueError, match="crest_wkt"):
        crest_of(text)


@pytest.mark.parametrize("text", [None, "", float("nan")])
def test_crest_that_is_not_given_is_none(text):
    assert crest_of(text) is None


# watch ------------------------------------------------------------------------------------------------------------


def cone(area: Grid, *, deep: float = 40.0, wide: float = 1200.0) -> np.ndarray:
    x, y = np.meshgrid(area.coords()["x"] - X0, area.coords()["y"] - Y0)
    return -deep * np.maximum(0.0, 1 - np.hypot(x - 1500, y - 1500) / wide)


def inside_volume(bound: float, *, deep: float = 40.0, wide: float = 1200.0) -> tuple[float, float]:
    """Return area [m2] and volume a year [m3] of a cone where it sinks by more than a bound [mm/yr]."""
    r = wide * (1 - bound / deep)
    return np.pi * r**2, (np.pi * r**2 * deep - 2 * np.pi * deep * r**3 / (3 * wide)) / 1000


def test_volume_and_areas_of_a_cone_are_those_of_its_formula():
    area = grid(20.0)
    params = WatchParams(smoothing_m=0)
    found = find_subsidence(vertical(cone(area), area), params)
    zones = subsidence_zones(found, params).set_index("subsidence_level")
    (volume, std), (mined, mined_std) = found.totals()
    want_area, want = inside_volume(5.0)
    assert volume == pytest.approx(want, rel=0.005)
    assert zones["area_m2"].sum() == pytest.approx(want_area, rel=0.005)
    assert zones["volume_loss_m3_yr"].sum() == pytest.approx(volume)
    a10, v10 = inside_volume(10.0)
    assert zones.loc[1, "area_m2"] == pytest.approx(want_area - a10, rel=0.02)
    assert zones.loc[1, "volume_loss_m3_yr"] == pytest.approx(want - v10, rel=0.02)
    n = (found.bodies > 0).sum()
    assert std == pytest.approx(0.1 * np.sqrt(n) * 400 / 1000, rel=1e-6)  # white noise only
    assert (mined, mined_std) == (0.0, 0.0)
    assert zones.loc[3, "rate_max_mm_yr"] == pytest.approx(40, rel=0.03)


def test_townships_add_up_to_the_total_and_show_what_is_unknown():
    area = grid(30.0)
    up = cone(area)
    up[:20] = np.nan
    found = find_subsidence(vertical(up, area), WatchParams())
    places = gpd.GeoDataFrame(
        {"code": ["1", "2"], "name": ["west", "east"]}, crs="EPSG:4546",
        geometry=[box(X0, Y0, X0 + 1400, Y0 + 3000), box(X0 + 1400, Y0, X0 + 2900, Y0 + 3000)],
    )  # fmt: skip
    table = township_table(found, places)
    assert table["township_id"].tolist() == ["1", "2", "outside"]
    (volume, _), _ = found.totals()
    assert table["volume_loss_m3_yr"].sum() == pytest.approx(volume)
    assert table["area_m2"].sum() == pytest.approx(9e6)
    classes = table[[f"area_class{c}_m2" for c in (1, 2, 3, 4)]].to_numpy().sum()
    assert classes == table["subsiding_m2"].sum() == (found.bodies > 0).sum() * 900
    assert table["unknown_m2"].sum() == 20 * 100 * 900
    assert table["known_share"].iloc[0] == pytest.approx(0.8)
    assert (township_cells(None, area) == 0).all()
    assert township_table(found, None)["volume_loss_m3_yr"].tolist() == pytest.approx([volume])


def test_mining_is_counted_apart_and_slides_are_no_subsidence():
    area = grid(30.0)
    up = np.zeros(area.shape)
    up[10:20, 10:20], up[10:20, 60:70], up[60:70, 10:20] = -60.0, -20.0, -20.0
    squares = [box(X0 + x, Y0 + 3000 - y - 300, X0 + x + 300, Y0 + 3000 - y) for x, y in ((300, 300), (300, 1800))]
    areas = gpd.GeoDataFrame({"kind": ["mining_subsidence", "landslide"]}, geometry=squares, crs="EPSG:4546")
    found = find_subsidence(vertical(up, area), WatchParams(smoothing_m=0), areas=areas)
    assert sorted(found.kinds.values()) == ["mining_subsidence", "unknown"]
    assert found.slide_cells == 100
    (volume, _), (mined, _) = found.totals()
    assert (volume, mined) == pytest.approx((100 * 900 * 0.02, 100 * 900 * 0.06))


def test_weak_body_needs_a_moving_area_to_confirm_it():
    area = grid(60.0)
    up = np.zeros(area.shape)
    up[10:16, 10:16], up[30:36, 30:36] = -7.0, -7.0
    map_ = vertical(up, area, white=0.4, shared=2.0 * np.exp(-np.arange(50) / 20))
    touching = gpd.GeoDataFrame(
        {"kind": ["unknown"]}, geometry=[box(X0 + 700, Y0 + 2100, X0 + 800, Y0 + 2300)], crs="EPSG:4546"
    )
    found = find_subsidence(map_, WatchParams(significance=0.05), areas=touching)
    assert (len(found.kinds), (found.bodies > 0).sum(), found.unconfirmed_cells) == (1, 36, 36)
    assert found.bodies[12, 12] == 1
    assert find_subsidence(map_, WatchParams(significance=0.05)).unconfirmed_cells == 72


def test_still_ground_has_no_zone():
    area = grid(60.0, size=6000)
    rng = np.random.default_rng(5)
    up = rng.normal(0, 1.5, area.shape)
    found = find_subsidence(vertical(up, area, white=1.5), WatchParams())
    assert not found.kinds
    assert len(subsidence_zones(found, WatchParams())) == 0


# trend ------------------------------------------------------------------------------------------------------------

T = np.arange(60) * 12 / 365.25


def test_sinking_ground_keeps_its_class_where_it_left_its_course_and_quiet_ground_is_unknown():
    area = grid(60.0, size=6000)
    up = cone(area)
    off = np.random.default_rng(1).random(area.shape) < 0.2
    found = find_subsidence(replace(vertical(up, area), off_course=off), WatchParams())
    plain = find_subsidence(vertical(up, area), WatchParams())
    assert np.array_equal(found.bodies, plain.bodies)
    sinks = plain.bodies > 0
    assert np.array_equal(found.classes[sinks], plain.classes[sinks])
    assert np.array_equal(found.classes[~sinks], np.where(off[~sinks], -1, 0))
    assert (sinks & off).any()
    table = township_table(found, None)
    assert table["off_course_m2"].tolist() == table["unknown_m2"].tolist() == [(off & ~sinks).sum() * 3600.0]
    assert table["volume_loss_m3_yr"].tolist() == township_table(plain, None)["volume_loss_m3_yr"].tolist()


def test_trend_finds_a_known_change_and_its_sign():
    bend = T[-1] - 1.0
    d = -10 * T - 8 * np.maximum(T - bend, 0) + 3 * np.sin(2 * np.pi * T)
    got = recent_trend(T, d + np.random.default_rng(1).normal(0, 0.3, 60), np.ones(60), WatchParams())
    assert got.verdict == "accelerating"
    assert got.change_mm_yr == pytest.approx(-8, abs=3 * got.change_std_mm_yr)
    assert got.before_mm_yr == pytest.approx(-10, abs=1.0)
    eased = recent_trend(T, -20 * T + 8 * np.maximum(T - bend, 0), np.ones(60), WatchParams())
    assert (eased.verdict, eased.change_mm_yr) == ("easing", pytest.approx(8, abs=1e-6))


def test_steady_series_are_seldom_called_changing_and_the_interval_holds():
    rng = np.random.default_rng(2)
    params = WatchParams(minimum_change_mm_yr=0, steady_change_mm_yr=1000)
    got = [recent_trend(T, -15 * T + rng.normal(0, 2, 60), np.ones(60), params) for _ in range(600)]
    # beyond two sigma lie 5.0 % of a t-distribution of 55 degrees; 600 draws know that to 0.9 %
    assert 0.01 < np.mean([g.verdict != "steady" for g in got]) < 0.077
    assert 0.92 <= np.mean([abs(g.change_mm_yr) < 1.96 * g.change_std_mm_yr for g in got]) <= 0.99


def test_a_change_hidden_by_noise_is_unknown_and_not_steady():
    rng = np.random.default_rng(3)
    bend = T[-1] - 1.0
    params = WatchParams()
    noisy, quiet = [], []
    for _ in range(100):
        d = -10 * T - 15 * np.maximum(T - bend, 0)
        noisy.append(recent_trend(T, d + rng.normal(0, 15, 60), np.full(60, 15.0), params))
        quiet.append(recent_trend(T, -10 * T + rng.normal(0, 0.5, 60), np.full(60, 0.5), params))
    assert not any(g.verdict == "steady" for g in noisy)
    assert sum(g.verdict == "unknown" for g in noisy) > 50
    assert all(np.isfinite(g.change_std_mm_yr) for g in noisy)  # the numbers stay
    assert sum(g.verdict == "steady" for g in quiet) >= 98  # true change 0, error far below the bound
    # many noisy looks together do tell
    assert combined_trend(noisy, params).verdict == "accelerating"


@given(st.floats(-40, 40), st.floats(1e-6, 20), st.floats(0.5, 20))
def test_steady_leaves_no_room_for_more_than_the_bound(change, std, bound):
    params = WatchParams(steady_change_mm_yr=bound)
    got = combined_trend([Trend("unknown", -10.0, -10.0 + change, change, std)], params).verdict
    if got == "steady":
        assert abs(change) + params.trend_z * std <= bound + 1e-9
    if got in ("accelerating", "easing"):
        assert abs(change) > params.trend_z * std - 1e-9
        assert (got == "accelerating") == (change < 0)


def test_trend_is_unknown_where_dates_are_few_and_tracks_are_weighed():
    assert recent_trend(T[:25], -10 * T[:25], np.ones(25), WatchParams()).verdict == "unknown"
    gaps = np.full(60, np.nan)
    assert recent_trend(T, gaps, gaps, WatchParams()).verdict == "unknown"
    with pytest.raises(ValueError, match="differ"):
        recent_trend(T, gaps[:-1], gaps, WatchParams())
    rng = np.random.default_rng(4)
    a, b = (recent_trend(T, -9 * T + rng.normal(0, s, 60), np.ones(60), WatchParams()) for s in (0.5, 5.0))
    both = combined_trend([a, b], WatchParams())
    assert abs(both.change_mm_yr - a.change_mm_yr) < abs(both.change_mm_yr - b.change_mm_yr)
    assert both.change_std_mm_yr < a.change_std_mm_yr
    assert combined_trend([], WatchParams()).verdict == "unknown"


@pytest.mark.parametrize(
    ("model", "wrong"),
    [(LineParams, {"years_bounds": (5, 10, 20, 50)}), (LineParams, {"minimum_base_m": 200}),
     (WatchParams, {"class_bounds_mm_yr": (5, 5, 30, 50)}), (StructureParams, {"speed_bounds_mm_yr": (0, 1, 2, 3)})],
)  # fmt: skip
def test_tables_out_of_order_are_refused(model, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong)).split("_mm")[0]):
        model(**wrong)


def test_a_polygon_of_a_zone_covers_its_cells():
    area = grid(30.0)
    found = find_subsidence(vertical(cone(area), area), WatchParams())
    zones = subsidence_zones(found, WatchParams())
    assert zones.geometry.area.to_numpy() == pytest.approx(zones["area_m2"].to_numpy())
    assert isinstance(zones.geometry.iloc[0], Polygon) or zones.geometry.iloc[0].geom_type == "MultiPolygon"
