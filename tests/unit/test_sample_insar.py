"""The radar's view of the county: truth and data say the same, and every stated difficulty is in the files."""

from __future__ import annotations

from dataclasses import replace
from itertools import count, pairwise
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import rasterio

from geo_risk.core.errors import ConfigError, DiskFullError
from geo_risk.core.vectorize import rasterize
from geo_risk.kernels.stream_power import drainage
from geo_risk.sample import insar
from geo_risk.sample.bodies import with_slide_bodies
from geo_risk.sample.coherence import MASK_BELOW, make_coherence
from geo_risk.sample.cover import BUILT_UP, FOREST
from geo_risk.sample.ground import make_ground
from geo_risk.sample.insar_files import write_coherence, write_geometry, write_part, write_timeseries
from geo_risk.sample.look import (
    ASCENDING,
    DESCENDING,
    TRACKS,
    WAVELENGTH_M,
    block_mean,
    incidence_deg,
    insar_grid,
    los_vector,
    years_since_first,
)
from geo_risk.sample.mines import mining_frames, tailings_frame
from geo_risk.sample.motion import bowls_of, make_motion, movers_frame
from geo_risk.sample.placing import place_all
from geo_risk.sample.site import fit_facet

QUARTER = WAVELENGTH_M / 4


@pytest.fixture(scope="module")
def county():
    ground = make_ground(300, 5)
    grid = insar_grid(ground.grid, 60)
    coherence = make_coherence(ground, grid)
    sites, reference = place_all(ground, grid, coherence)
    ground = with_slide_bodies(ground, sites)
    motion = make_motion(grid, sites, reference=reference)
    scenes = {t.name: insar.make_scene(ground, grid, coherence, t) for t in TRACKS}
    return SimpleNamespace(ground=ground, grid=grid, coherence=coherence, sites=sites, motion=motion, scenes=scenes)


@pytest.fixture
def quiet(monkeypatch):
    monkeypatch.setattr(insar, "noise_m", lambda scene, *_: np.zeros(scene.grid.shape))
    monkeypatch.setattr(insar, "jumps_m", lambda scene, *_: np.zeros(scene.grid.shape))


def _stack(county, name):
    scene = county.scenes[name]
    lost = insar.lost_after(scene, county.motion)
    return np.stack(list(insar.epochs(scene, county.motion, county.coherence, lost))), lost


@pytest.mark.slow
@pytest.mark.parametrize("name", ["asc", "desc"])
def test_without_noise_the_data_are_the_projection_of_the_truth(county, quiet, name):
    scene, motion = county.scenes[name], county.motion
    stack, _ = _stack(county, name)
    theta = np.radians(scene.incidence_deg)
    azimuth = np.radians({"asc": 103.0, "desc": -103.0}[name])
    first = motion.displacement_m(years_since_first(scene.dates[0]))
    for k in (0, 7, len(scene.dates) - 1):
        east, north, up = motion.displacement_m(years_since_first(scene.dates[k])) - first
        los = -np.sin(theta) * np.sin(azimuth) * east + np.sin(theta) * np.cos(azimuth) * north + np.cos(theta) * up
        wanted = los - los[motion.reference]
        there = np.isfinite(stack[k])
        # half of the last digit that is kept, 2^-13 m
        assert np.abs(stack[k] - wanted)[there].max() <= 2.0**-14 + 1e-9
    assert (stack[:, motion.reference[0], motion.reference[1]] == 0).all()
    assert (stack[0][np.isfinite(stack[0])] == 0).all()


@pytest.mark.slow
def test_the_rate_of_the_noise_free_series_is_the_true_velocity(county, quiet):
    scene, motion = county.scenes["asc"], county.motion
    stack, lost = _stack(county, "asc")
    years = np.array([years_since_first(day) for day in scene.dates])
    weight = (years - years.mean()) / ((years - years.mean()) ** 2).sum()
    measured = 1e3 * np.tensordot(weight, stack.astype(np.float64), axes=1)
    steady = (lost == len(scene.dates)) & scene.kept & (motion.annual_mm == 0)
    wanted = (scene.los * motion.velocity_mm_yr).sum(axis=0)
    wanted = wanted - wanted[motion.reference]
    # values rounded to 0.12 mm: a slow ramp can be off by half of that over two years
    np.testing.assert_allclose(measured[steady], wanted[steady], atol=0.05, rtol=1e-3)


def test_the_reference_point_sinks_at_four_millimetres_a_year(county):
    _, _, up = county.motion.velocity_mm_yr
    assert up[county.motion.reference] == pytest.approx(-4.0, abs=0.01)


@pytest.mark.slow
def test_values_are_rounded_and_lost_where_neighbours_part_by_a_quarter_wavelength(county):
    scene, motion = county.scenes["desc"], county.motion
    stack, lost = _stack(county, "desc")
    present = np.isfinite(stack)
    assert np.array_equal(stack[present] * 8192, np.round(stack[present] * 8192))
    never = np.full(scene.grid.shape, len(scene.dates))
    before = insar.los_m(scene, motion, scene.dates[0])
    for k in range(1, len(scene.dates)):
        now = insar.los_m(scene, motion, scene.dates[k])
        step = np.pad(now - before, 1, mode="edge")
        gaps = [np.abs(step[1:-1, 1:-1] - step[1 + a : step.shape[0] - 1 + a, 1 + b : step.shape[1] - 1 + b])
                for a, b in ((0, 1), (1, 0), (0, -1), (-1, 0))]  # fmt: skip
        never[(np.max(gaps, axis=0) > QUARTER) & (never > k)] = k
        before = now
    assert np.array_equal(lost, never)
    assert (lost < len(scene.dates)).any()
    assert np.array_equal(present.sum(axis=0), np.where(scene.kept, lost, 0))


def test_one_track_lacks_dates_and_never_its_ends(county):
    full, gappy = county.scenes["asc"].dates, county.scenes["desc"].dates
    assert full == ASCENDING.dates()
    assert len(gappy) == 57
    assert set(gappy) < set(DESCENDING.dates())
    assert (gappy[0], gappy[-1]) == (DESCENDING.dates()[0], DESCENDING.dates()[-1])
    assert {(b - a).days for a, b in pairwise(full)} == {12}


def test_the_mask_is_where_mean_coherence_is_low_or_the_ground_is_hidden(county):
    for scene in county.scenes.values():
        assert np.array_equal(scene.kept, (scene.coherence >= MASK_BELOW) & ~scene.hidden)
    forest = block_mean(county.ground.landcover == FOREST, county.grid, county.ground.grid) == 1
    town = block_mean(county.ground.landcover == BUILT_UP, county.grid, county.ground.grid) == 1
    mean = county.scenes["asc"].coherence
    assert mean[town].mean() == pytest.approx(0.80, abs=0.01)
    assert mean[forest].mean() == pytest.approx(0.28, abs=0.02)
    assert mean[forest].std() == pytest.approx(0.05, abs=0.02)
    assert 0.05 < (mean[forest] < MASK_BELOW).mean() < 0.6


def test_noise_has_the_stated_size_and_season(county):
    scene = county.scenes["asc"]
    summer = [k for k, day in enumerate(scene.dates) if day.month == 7]
    winter = [k for k, day in enumerate(scene.dates) if day.month == 1]
    size = [np.mean([insar.noise_m(scene, county.coherence, k).std() for k in ks]) for ks in (summer, winter)]
    assert size[0] > 1.3 * size[1]
    assert 4e-3 < size[1] < size[0] < 16e-3
    again = insar.noise_m(scene, county.coherence, 3)
    assert np.array_equal(again, insar.noise_m(scene, county.coherence, 3))


def test_jumps_are_half_a_wavelength_in_about_half_a_percent_of_patch_dates(county):
    scene, motion = county.scenes["asc"], county.motion
    jumps = np.stack([insar.jumps_m(scene, motion.reference, k) for k in range(len(scene.dates))])
    assert set(np.unique(np.abs(jumps))) == {0.0, WAVELENGTH_M / 2}
    # 60 dates of some 60 patches with an expected 0.5 %: 18 +- 4 torn patch-dates
    assert 0.001 < (jumps != 0).mean() < 0.012
    assert (jumps[:, motion.reference[0], motion.reference[1]] == 0).all()


def test_movers_have_the_stated_classes_and_lie_apart(county):
    movers = movers_frame(county.motion, {n: np.ones(county.grid.shape, bool) for n in ("asc", "desc")})
    assert movers["mover_id"].is_unique
    kinds = movers["kind"].value_counts().to_dict()
    assert kinds["slow_slide"] == 3
    assert (kinds["mining_bowl"], kinds["groundwater_cone"], kinds["embankment"]) == (1, 1, 1)
    cone = movers.set_index("kind").loc["groundwater_cone"]
    assert cone["velocity_mm_yr"] == pytest.approx(-25, abs=0.2)
    assert cone["annual_mm"] == pytest.approx(6, abs=0.05)
    failing = movers[movers["accelerating"]]
    assert len(failing) == 2
    days = (failing["failure_date"].astype("datetime64[ns]") - np.datetime64(DESCENDING.dates()[-1])).dt.days
    assert days.between(39, 121).all()
    assert not movers.loc[~movers["accelerating"], "failure_date"].notna().any()
    seasonal = movers[movers["seasonal"]]
    assert len(seasonal) == 1
    assert (seasonal["velocity_mm_yr"] == 0).all()
    shapes = movers.geometry.to_list()
    assert all(a.disjoint(b) or a.touches(b) for i, a in enumerate(shapes) for b in shapes[:i])
    area = movers.geometry.area.sum() / county.grid.cell_area_m2
    assert area == pytest.approx((county.motion.labels > 0).sum())


@pytest.mark.slow
def test_a_blind_role_is_blind_and_a_seen_one_is_seen():
    """On the whole default county each slide has the look its part asks for."""
    ground = make_ground(500, 7)
    grid = insar_grid(ground.grid, 60)
    coherence = make_coherence(ground, grid)
    sites, reference = place_all(ground, grid, coherence)
    ground = with_slide_bodies(ground, sites)
    motion = make_motion(grid, sites, reference=reference)
    masks = {}
    for track in TRACKS:
        scene = insar.make_scene(ground, grid, coherence, track)
        masks[track.name] = insar.seen(scene, motion, insar.lost_after(scene, motion))
    movers = movers_frame(motion, masks)
    role = {m.mover_id: m.site.role for m in motion.movers}
    by_role = movers.assign(role=movers["mover_id"].map(role))
    slides = by_role[by_role["kind"] == "slow_slide"].set_index("role")[["visible_asc", "visible_desc"]]
    assert slides.loc["blind_asc"].tolist() == [False, True]
    assert slides.loc["blind_desc"].tolist() == [True, False]
    assert slides.loc["blind_both"].tolist() == [False, False]
    assert len(slides) == 8
    assert slides.drop(index=["blind_asc", "blind_desc", "blind_both"]).any(axis=1).all()
    assert movers["kind"].value_counts()["mining_bowl"] == 3
    mines, bowls = mining_frames(ground, motion)
    assert bowls["verdict"].tolist() == ["inside_licence", "across_boundary", "unlicensed"]
    for row in bowls.itertuples():
        outside = 1 - row.geometry.intersection(mines.union_all()).area / row.geometry.area
        assert outside == pytest.approx(row.outside_share, abs=1e-3)
    assert 0.3 <= bowls["outside_share"].iloc[1] <= 0.65
    assert len(tailings_frame(ground, motion)) == 1
    unseen = movers.loc[~(movers["visible_asc"] | movers["visible_desc"]), "geometry"]
    inside = rasterize([(g, 1.0) for g in unseen], ground.grid, fill=0, dtype="uint8") > 0
    assert (_best_local_contrast(ground)[inside] < 0.2).mean() > 0.9


def _best_local_contrast(ground):
    """What the better track sees of a motion down each 30 m cell's own slope."""
    a, b = np.radians(ground.aspect_deg), np.radians(ground.slope_deg)
    best = np.zeros(ground.grid.shape)
    for track in TRACKS:
        east, north, up = los_vector(incidence_deg(ground.grid, track), track)
        down = np.sin(a) * np.cos(b) * east + np.cos(a) * np.cos(b) * north - np.sin(b) * up
        best = np.maximum(best, np.abs(down))
    return best


@pytest.mark.slow
def test_slide_bodies_change_only_their_surroundings_and_still_drain(county):
    plain = make_ground(300, 5)
    before = plain.dem_true.copy()
    shaped = with_slide_bodies(plain, county.sites)
    assert np.array_equal(plain.dem_true, before)
    assert np.array_equal(shaped.dem_true, county.ground.dem_true)
    changed = np.abs(shaped.dem_true - before) > 0.05
    slides = [s for s in county.sites if s.kind == "slow_slide"]
    rows, columns = np.nonzero(changed)
    x, y = plain.grid.transform * (columns + 0.5, rows + 0.5)
    reach = np.min([np.hypot(x - s.x, y - s.y) / s.length_m for s in slides], axis=0)
    # filling behind a body may raise a gully a little beyond it
    assert np.quantile(reach, 0.95) < 1.0
    base = plain.river_distance_m < 15
    base[[0, -1], :] = base[:, [0, -1]] = True
    filled, _, _ = drainage(shaped.dem_true.astype(np.float64), base, 1e-6)
    assert (filled - shaped.dem_true).max() < 2e-3
    assert np.array_equal(with_slide_bodies(plain, []).landcover, plain.landcover)


@pytest.mark.parametrize(("azimuth", "dip"), [(0.0, 10.0), (95.0, 25.0), (200.0, 38.0), (330.0, 5.0)])
def test_a_facet_of_a_tilted_plane_has_its_azimuth_and_dip(county, azimuth, dip):
    grid = county.ground.grid
    coords = grid.coords()
    a = np.radians(azimuth)
    fall = (coords["x"][None, :] * np.sin(a) + coords["y"][:, None] * np.cos(a)) * np.tan(np.radians(dip))
    plane = replace(county.ground, dem_true=(fall.max() - fall).astype(np.float32))
    facet = fit_facet(plane, coords["x"][150], coords["y"][150], radius_m=200)
    assert (facet.azimuth_deg, facet.slope_deg) == pytest.approx((azimuth, dip), abs=0.02)
    assert facet.misfit_m < 1e-2


def test_bowls_follow_the_panel(county):
    for mover, bowl in bowls_of(county.motion):
        inside = county.motion.labels == county.motion.movers.index(mover) + 1
        _, _, up = county.motion.displacement_m(years_since_first(county.scenes["desc"].dates[-1]))
        assert -up[inside].min() <= bowl.panel.thickness_m * bowl.panel.q
        assert up[inside].max() <= 1e-6
        assert 150 <= bowl.panel.depth_m <= 400
        assert 2 <= bowl.panel.thickness_m <= 4


@pytest.mark.slow
def test_files_have_the_mintpy_layout(county, tmp_path):
    scene, motion = county.scenes["desc"], county.motion
    stack, _ = _stack(county, "desc")
    write_timeseries(tmp_path / "timeseries.h5", scene, motion.reference, iter(stack))
    write_geometry(tmp_path / "geometryGeo.h5", scene, motion.reference)
    write_coherence(tmp_path / "avgSpatialCoh.h5", scene, motion.reference)
    with h5py.File(tmp_path / "timeseries.h5") as f:
        data = f["timeseries"]
        assert (data.dtype, data.shape, data.chunks) == (np.float32, stack.shape, (1, *stack.shape[1:]))
        assert np.array_equal(data[()], stack, equal_nan=True)
        assert [d.decode() for d in f["date"][()]] == [f"{d:%Y%m%d}" for d in scene.dates]
        attrs = dict(f.attrs)
    assert all(isinstance(v, str) for v in attrs.values())
    assert (attrs["UNIT"], attrs["EPSG"], attrs["FILE_TYPE"]) == ("m", "4546", "timeseries")
    left, _, _, top = county.grid.bounds
    assert (float(attrs["X_FIRST"]), float(attrs["Y_FIRST"])) == (left, top)
    assert (float(attrs["X_STEP"]), float(attrs["Y_STEP"])) == (60, -60)
    assert (int(attrs["REF_Y"]), int(attrs["REF_X"])) == motion.reference
    with h5py.File(tmp_path / "geometryGeo.h5") as f:
        assert set(f) == {"incidenceAngle", "azimuthAngle", "height", "shadowMask"}
        assert 33 <= f["incidenceAngle"][()].min() < f["incidenceAngle"][()].max() <= 43
        assert (f["azimuthAngle"][()] == -103).all()
        assert np.array_equal(f["shadowMask"][()] == 1, scene.hidden)
    with h5py.File(tmp_path / "avgSpatialCoh.h5") as f:
        np.testing.assert_allclose(f["coherence"][()], scene.coherence, atol=1e-3)
    write_part(tmp_path / "part", scene, tmp_path / "timeseries.h5", motion.reference)
    files = sorted((tmp_path / "part").glob("*.tif"))
    assert len(files) == len(scene.dates)
    with rasterio.open(files[-1]) as source:
        row, column = source.transform.c - left, top - source.transform.f
        i, j = round(column / 60), round(row / 60)
        assert np.array_equal(source.read(1), stack[-1, i : i + 32, j : j + 32], equal_nan=True)
        assert source.units == ("m",)


def test_a_stack_that_does_not_read_back_is_not_published(county, tmp_path, monkeypatch):
    scene, motion = county.scenes["asc"], county.motion
    values = np.zeros((60, *county.grid.shape), np.float32)
    state = count()
    monkeypatch.setattr("geo_risk.sample.insar_files._digest", lambda _: str(next(state)))
    with pytest.raises(DiskFullError):
        write_timeseries(tmp_path / "timeseries.h5", scene, motion.reference, iter(values))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_bad_size_or_cell_is_refused_before_anything_is_made(tmp_path):
    from geo_risk.sample.county import make_county

    with pytest.raises(ConfigError):
        make_county(tmp_path / "x", size=90)
    with pytest.raises(ConfigError):
        make_county(tmp_path / "x", size=120, insar_resolution_m=50)
    assert not Path(tmp_path / "x").exists()
