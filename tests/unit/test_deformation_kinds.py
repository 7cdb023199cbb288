"""Kinds of moving areas from clues whose meaning a geologist would accept."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import LineString, box

from geo_risk.core.errors import GridError
from geo_risk.core.grid import Grid
from geo_risk.hazards.deformation.areas.classify import KIND_ZH, classify_area, clearness
from geo_risk.hazards.deformation.areas.evidence import Evidence, Look
from geo_risk.hazards.deformation.areas.setting import Setting, setting_maps, setting_windows
from geo_risk.hazards.deformation.areas.tiles import whole
from geo_risk.hazards.deformation.params import DeformationParams

N = 60
GRID = Grid.from_bounds((510_000, 4_050_000, 510_000 + N * 60, 4_050_000 + N * 60), crs="EPSG:4546", resolution_m=60)
LOS = {"asc": (-0.62, -0.11, 0.777), "desc": (0.62, -0.11, 0.777)}
PARAMS = DeformationParams()
Y, X = np.mgrid[:N, :N]


def flat(value: float) -> np.ndarray:
    return np.full((N, N), value, np.float32)


def evidence(shape, motion, *, slope=1.0, aspect=90.0, seasonal=False, std=0.5, **maps):
    """Evidence of a body that moves by (east, north, up), arrays or numbers."""
    east, north, up = (np.broadcast_to(np.asarray(m, np.float32), (N, N)) for m in motion)
    los = {t: v[0] * east + v[1] * north + v[2] * up for t, v in LOS.items()}
    weights = sum(v**2 for v in los.values()) * shape
    mean = {t: float(np.average(v[shape], weights=weights[shape] + 1e-9)) for t, v in los.items()}
    wave = (lambda v: (v * 0.8, v * 0.6)) if seasonal else (lambda _: (np.nan, np.nan))
    looks = {t: Look(0.1 if seasonal else mean[t], std, LOS[t], wave(mean[t])) for t in LOS}
    peak = min(float(v[shape].min()) for v in los.values())
    context = {"slope_deg": flat(slope), "aspect_deg": flat(aspect), **maps}
    if not seasonal:
        context |= {"velocity_east": east.astype(np.float32), "velocity_up": up.astype(np.float32)}
    return Evidence(shape, GRID, min(mean.values()), peak, looks, context, weights.astype(np.float32), seasonal)


def disc(radius: float) -> np.ndarray:
    return np.hypot(Y - N / 2, X - N / 2) <= radius


def down(speed: float, slope: float, aspect: float = 90.0) -> tuple[float, float, float]:
    a, b = np.deg2rad([aspect, slope])
    return speed * np.sin(a) * np.cos(b), speed * np.cos(a) * np.cos(b), -speed * np.sin(b)


def bowl(rate: float, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A Gaussian bowl that draws the ground in: horizontal motion along the gradient of sinking."""
    sink = rate * np.exp(-np.pi * ((Y - N / 2) ** 2 + (X - N / 2) ** 2) / radius**2)
    gy, gx = np.gradient(sink)
    return 0.3 * radius * gx, -0.3 * radius * gy, -sink


@pytest.mark.parametrize("slope", [1.0, 18.0])
def test_a_bowl_that_draws_in_is_mining_even_below_a_slope(slope):
    kind, why, sure = classify_area(evidence(disc(5), bowl(300.0, 8.0), slope=slope), PARAMS)
    assert kind == "mining_subsidence"
    assert "inwards" in why[0]
    assert "向内" in why[1]
    assert sure > 0.6


def test_a_wide_gentle_cone_on_loose_ground_is_groundwater():
    kind, why, _ = classify_area(evidence(disc(20), (0, 0, -24), compressible=flat(1)), PARAMS)
    assert kind == "groundwater_subsidence"
    assert "100% on loose sediment" in why[0]


def test_motion_down_the_slope_is_a_slide():
    kind, why, sure = classify_area(evidence(disc(4), down(30, 20), slope=20), PARAMS)
    assert kind == "landslide"
    assert "30 mm/yr down the slope leaves 0%" in why[0]
    assert sure > 0.8


def test_a_season_down_the_slope_is_a_slide_and_one_up_and_down_is_not():
    slide = evidence(disc(4), down(10, 20), slope=20, seasonal=True)
    heave = evidence(disc(4), (0, 0, -10), slope=6, seasonal=True)
    assert classify_area(slide, PARAMS)[0] == "landslide"
    assert classify_area(heave, PARAMS)[0] != "landslide"


def test_what_sinks_on_built_land_is_a_structure_and_without_knowing_it_may_be_unknown():
    body = disc(3)
    kind, why, _ = classify_area(evidence(body, (0, 0, -6), built=flat(1)), PARAMS)
    assert kind == "structure_settlement"
    assert "built-up" in why[0]
    far = evidence(disc(9), (0, 0, -6), slope=7)
    kind, why, _ = classify_area(far, PARAMS)
    assert kind == "unknown"
    assert "points to no one kind" in why[0]
    assert "不足以判定" in why[1]


def test_a_dam_on_a_slope_is_a_structure_where_the_pond_is_known():
    body = disc(2)
    motion = down(7, 20)
    assert classify_area(evidence(body, motion, slope=20), PARAMS)[0] == "landslide"
    known = evidence(body, motion, slope=20, distance_tailings_ponds_m=flat(0))
    kind, why, _ = classify_area(known, PARAMS)
    assert kind == "structure_settlement"
    assert "tailings pond" in why[0]
    assert "尾矿库" in why[1]


def test_a_long_body_along_a_railway_is_an_embankment():
    line = (np.abs(Y - 30) <= 1) & (X > 5) & (X < 45)
    maps = setting_maps(Setting(structures={"railways": rails()}), GRID)
    kind, why, _ = classify_area(evidence(line, (0, 0, -12), **maps), PARAMS)
    assert kind == "structure_settlement"
    assert "railway" in why[0]


@pytest.mark.parametrize(
    ("name", "said", "said_zh"),
    [("embankments", "of an embankment", "堤防或路堤"), ("roads", "of a road", "道路")],
)
def test_a_long_body_along_any_known_line_is_one_too(name, said, said_zh):
    line = (np.abs(Y - 30) <= 1) & (X > 5) & (X < 45)
    maps = setting_maps(Setting(structures={name: rails()}), GRID)
    kind, why, _ = classify_area(evidence(line, (0, 0, -12), **maps), PARAMS)
    assert kind == "structure_settlement"
    assert said in why[0]
    assert said_zh in why[1]


def rails() -> gpd.GeoDataFrame:
    y = 4_050_000 + (N - 30.5) * 60
    return gpd.GeoDataFrame(geometry=[LineString([(510_000, y), (513_600, y)])], crs="EPSG:4546")


def test_rising_ground_is_no_kind_of_sinking():
    kind, _, _ = classify_area(evidence(disc(20), (0, 0, 24)), PARAMS)
    assert kind == "unknown"


@given(st.floats(1, 80), st.floats(0, 359), st.floats(8, 40))
def test_direction_finds_the_speed_it_was_given(speed, aspect, slope):
    body = evidence(disc(3), down(speed, slope, aspect), slope=slope, aspect=aspect)
    found = body.along(body.downhill())
    seen = np.hypot(*[look.velocity for look in body.looks.values()])
    if seen > 0.2 * speed:
        assert found.speed == pytest.approx(speed, rel=0.02)
        assert found.misfit < 0.02


@given(st.floats(-400, 400), st.floats(-400, 400), st.floats(0, 60), st.integers(1, 25), st.booleans())
def test_clearness_is_bounded_and_every_kind_has_a_name(east, up, slope, radius, seasonal):
    body = evidence(disc(radius), (east, 0, up), slope=slope, seasonal=seasonal)
    kind, (english, chinese), sure = classify_area(body, PARAMS)
    assert kind in KIND_ZH
    assert 0.5 <= sure <= clearness(4.0)
    assert english
    assert chinese


@pytest.mark.parametrize(("lead", "index"), [(-1.0, 0.5), (0.0, 0.5), (2 * np.log(3), 0.75), (40.0, 0.8808)])
def test_clearness_halves_the_log_odds_and_claims_no_certainty(lead, index):
    assert clearness(lead) == pytest.approx(index, abs=1e-4)
    assert clearness(lead + 0.1) >= clearness(lead)


def test_missing_context_is_not_used_and_not_taken_for_flat():
    body = Evidence(disc(3), GRID, -6.0, -8.0, {"asc": Look(-6.0, 0.5, LOS["asc"])})
    assert np.isnan(body.median("slope_deg"))
    assert np.isnan(body.along(body.downhill()).speed)
    assert classify_area(body, PARAMS)[0] in KIND_ZH


def test_setting_reads_names_in_both_languages_and_measures_distance():
    west, east = box(510_000, 4_050_000, 511_800, 4_053_600), box(511_800, 4_050_000, 513_000, 4_053_600)
    rock = gpd.GeoDataFrame({"lithology": ["Quaternary alluvium", "马兰黄土"]}, geometry=[west, east], crs="EPSG:4546")
    cover = np.where(X < 10, 4.0, 1.0).astype(np.float32)
    cover[0, 0] = np.nan
    maps = setting_maps(Setting(rock, cover, {4: "built_up 建设用地", 1: "cropland"}, {"railways": rails()}), GRID)
    assert maps["compressible"][30, 5] == 1
    assert maps["compressible"][30, 40] == 0
    assert maps["slipping"][30, 40] == 1
    assert np.isnan(maps["slipping"][30, 58])
    assert maps["built"][30, 5] == 1
    assert maps["built"][30, 20] == 0
    assert np.isnan(maps["built"][0, 0])
    assert maps["distance_railways_m"][30, 20] == 0
    assert maps["distance_railways_m"][20, 20] == 600


@pytest.mark.slow
@pytest.mark.parametrize("side", [7, 23, 100])
def test_setting_by_window_is_that_of_the_whole_within_the_margin(side):
    west, east = box(510_000, 4_050_000, 511_800, 4_053_600), box(511_000, 4_051_000, 512_500, 4_053_600)
    rock = gpd.GeoDataFrame({"lithology": ["Quaternary alluvium", "马兰黄土"]}, geometry=[west, east], crs="EPSG:4546")
    classes = np.where(X > 20, 4, 1).astype(np.float32)
    setting = Setting(rock, classes, {4: "built up", 1: "cropland"}, {"railways": rails()})
    once, parts = setting_maps(setting, GRID), setting_windows(setting, GRID, margin_m=200.0, side=side)
    assert set(parts) == set(once)
    for name, values in once.items():
        want = np.minimum(values, 200) if name.startswith("distance") else values
        np.testing.assert_array_equal(whole(parts[name], rows=9), want)


@pytest.mark.parametrize(
    ("name", "compressible", "slipping", "coal"),
    [("Permian siltstone and claystone", 0, 0, 0), ("粉砂质粘土岩", 0, 0, 0), ("silty clay", 1, 0, 0),
     ("粉质粘土", 1, 0, 0), ("clayey silt", 1, 0, 0), ("石炭系含煤砂岩", 0, 0, 1), ("无煤地层", 0, 0, 0),
     ("unweathered granite", 0, 0, 0), ("weathered granite", 0, 1, 0), ("mudstone", 0, 1, 0), ("泥岩", 0, 1, 0),
     ("non-coal strata", 0, 0, 0), ("clay over claystone", 1, 0, 0), ("湖积淤泥", 1, 0, 0),
     ("煤岩层", 0, 0, 1), ("松散岩类", 1, 0, 0)],
)  # fmt: skip
def test_rock_is_told_by_its_words_and_stone_is_not_loose(name, compressible, slipping, coal):
    square = gpd.GeoDataFrame({"lithology": [name]}, geometry=[box(*GRID.bounds)], crs="EPSG:4546")
    maps = setting_maps(Setting(square), GRID)
    assert [maps[k][0, 0] for k in ("compressible", "slipping", "coal")] == [compressible, slipping, coal]


@pytest.mark.parametrize(("name", "built"), [("建设用地", 1), ("非建设用地", 0), ("built-up", 1), ("unbuilt land", 0)])
def test_land_that_is_not_built_on_is_not_built(name, built):
    both = Setting(landcover=np.full((N, N), 4, np.float32), legend={4: name, 5: "built"})
    assert setting_maps(both, GRID)["built"][0, 0] == built


def test_a_track_that_does_not_see_a_body_does_not_lift_it():
    unseen = Look(float("nan"), 0.5, LOS["desc"])
    body = Evidence(disc(5), GRID, -60.0, -200.0, {"asc": Look(-60.0, 0.5, LOS["asc"]), "desc": unseen})
    assert body.sinks
    assert body.n_looks == 1
    assert classify_area(body, PARAMS)[0] == "mining_subsidence"
    assert not Evidence(disc(5), GRID, -60.0, -200.0, {"desc": unseen}).sinks


def test_a_structure_elsewhere_is_at_least_the_margin_away():
    far = gpd.GeoDataFrame(geometry=[LineString([(600_000, 4_050_000), (603_600, 4_050_000)])], crs="EPSG:4546")
    parts = setting_windows(Setting(structures={"roads": far}), GRID, margin_m=200.0, side=50)
    assert (whole(parts["distance_roads_m"]) == 200).all()
    with pytest.raises(KeyError, match="unknown structure"):
        setting_windows(Setting(structures={"canals": far}), GRID, margin_m=200.0, side=50)


def test_setting_refuses_another_shape_and_an_unknown_structure():
    with pytest.raises(GridError):
        setting_maps(Setting(landcover=np.zeros((3, 3), np.float32), legend={1: "urban"}), GRID)
    with pytest.raises(KeyError, match="castles"):
        setting_maps(Setting(structures={"castles": rails()}), GRID)


def test_rows_set_aside_while_the_setting_is_read_are_counted(tmp_path):
    from geo_risk.flow.steps.deformation_areas import AROUND, _setting
    from geo_risk.sources.options import ReadOptions

    x, y = 510_000, 4_050_000
    rock = gpd.GeoDataFrame(
        {"lithology": ["coal", "loess"], "geology_id": ["G1", "G2"]}, crs="EPSG:4546",
        geometry=[box(x, y, x + 900, y + 900), None],
    )  # fmt: skip
    rock.to_file(tmp_path / "geology.gpkg")
    paths = dict.fromkeys((*AROUND, "landcover", "legend")) | {"geology": tmp_path / "geology.gpkg"}
    setting, aside, told = _setting(GRID, paths, {"geology": ReadOptions().model_dump(mode="json")}, side=64)
    assert len(setting.geology) == 1
    assert len(aside) == 1
    assert "no geometry" in aside[0]["reason"]
    english, chinese = told[0]
    assert english.startswith("geology: geology.gpkg: 1 of 2 rows set aside")
    assert chinese.startswith("geology：")
    assert "set aside" not in chinese
