"""The county's maps, its faulty DEM, and the folder as a whole."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from shapely.geometry import LineString, Point, box

from geo_risk.kernels.stream_power import drainage
from geo_risk.sample import county as module
from geo_risk.sample.county import make_county, write_checksums, write_ground
from geo_risk.sample.cover import LITHOLOGY
from geo_risk.sample.dem_faults import N_CULVERTS, N_DECKS, SEAM_M, given_dem
from geo_risk.sample.ground import make_ground
from geo_risk.sample.maps import admin_frame, geology_frame, soils_frame
from geo_risk.sample.people import make_people
from geo_risk.sample.town import carve_bowl, carve_box


@pytest.fixture(scope="module")
def made():
    ground = make_ground(500, 7)
    people = make_people(ground)
    given = given_dem(ground, roads=people.roads, bridges=people.bridges, crossings=people.open_crossings)
    return SimpleNamespace(ground=ground, people=people, given=given)


@pytest.mark.slow
def test_the_given_dem_has_the_stated_faults_and_no_others(made):
    truth, given = made.ground.dem_true, made.given
    assert (len(given.deck_ids), len(given.culverts)) == (N_DECKS, N_CULVERTS)
    assert np.array_equal(np.isnan(given.dem), given.void)
    assert 100 < given.void.sum() < 400
    raised = given.dem - truth
    raised[:, given.seam_column :] -= SEAM_M
    raised[given.void] = 0
    assert raised.min() > -1e-3
    changed = raised > 1e-3
    assert 20 < changed.sum() < 300
    places = [*made.people.bridges.set_index("bridge_id").geometry[list(given.deck_ids)]]
    places += [pipe.interpolate(0.5, normalized=True) for pipe in given.culverts.geometry]
    rows, columns = np.nonzero(changed)
    x, y = made.ground.grid.transform * (columns + 0.5, rows + 0.5)
    near = np.min([np.hypot(x - p.x, y - p.y) for p in places], axis=0)
    assert near.max() < 260
    for place in places:
        assert (np.hypot(x - place.x, y - place.y) < 60).any()


@pytest.mark.slow
def test_decks_and_sealed_culverts_hold_water_back(made):
    """Each of them stands in the way: filling the DEM raises the ground just upstream of it by at least a metre."""
    dem = np.where(made.given.void, made.ground.dem_true, made.given.dem).astype(np.float64)
    dem[:, made.given.seam_column :] -= SEAM_M
    base = np.zeros(dem.shape, bool)
    base[-1, :] = base[0, :] = base[:, 0] = base[:, -1] = True
    filled, _, _ = drainage(dem, base, 1e-6)
    depth = filled - dem
    places = [*made.people.bridges.set_index("bridge_id").geometry[list(made.given.deck_ids)]]
    places += [pipe.interpolate(0.5, normalized=True) for pipe in made.given.culverts.geometry]
    rows, columns = np.indices(dem.shape)
    x, y = made.ground.grid.transform * (columns + 0.5, rows + 0.5)
    held = [depth[np.hypot(x - p.x, y - p.y) < 130].max() for p in places]
    assert min(held) >= 1.0, held


@pytest.mark.slow
@pytest.mark.parametrize("maker", [geology_frame, soils_frame])
def test_map_units_fill_the_county_without_overlap(maker):
    ground = make_ground(150, 2)
    frame = maker(ground)
    border = box(*ground.grid.bounds)
    assert frame.geometry.area.sum() == pytest.approx(border.area, rel=1e-9)
    assert frame.union_all().symmetric_difference(border).area < 1
    assert frame.iloc[:, 0].is_unique
    assert frame.geometry.is_valid.all()
    if maker is geology_frame:
        loess = frame[frame["lithology"] == "loess"].geometry.area.sum() / border.area
        assert loess == pytest.approx((ground.lithology == 1).mean(), abs=0.05)
        assert set(frame["lithology"]) <= set(LITHOLOGY.values())


@pytest.mark.slow
def test_townships_fill_the_county():
    ground = make_ground(150, 2)
    frame = admin_frame(ground)
    assert frame["code"].is_unique
    assert frame["level"].tolist()[0] == "county"
    townships = frame[frame["level"] == "township"]
    assert len(townships) >= 2
    assert townships.geometry.area.sum() == pytest.approx(frame.geometry.area.iloc[0], rel=1e-9)


@pytest.mark.slow
def test_carving_takes_ground_away_only_where_asked():
    town = make_ground(120, 6).town
    x, y = (town.grid.bounds[0] + town.grid.bounds[2]) / 2, (town.grid.bounds[1] + town.grid.bounds[3]) / 2
    before = town.dem.copy()
    dip = carve_box(town.dem, town.grid, x=x, y=y, azimuth_deg=90, length_m=120, width_m=20, depth_m=3)
    assert np.array_equal(town.dem, before)
    taken = town.dem - dip
    rows, columns, _ = town.grid.index(x, y)
    assert taken[rows, columns] == pytest.approx(3, abs=1e-3)
    assert 0 < (taken > 1e-3).sum() * 25 <= 120 * 25
    bowl = town.dem - carve_bowl(town.dem, town.grid, x=x, y=y, radius_m=50, depth_m=1)
    assert bowl[rows, columns] == pytest.approx(1, abs=1e-3)
    inside = (bowl > 1e-3).sum() * 25
    assert 0.7 * np.pi * 50**2 < inside <= 1.05 * np.pi * 50**2


@pytest.mark.slow
def test_the_town_has_streets_water_and_a_bank_with_openings():
    ground = make_ground(120, 6)
    town = ground.town
    assert set(np.unique(town.cover)) == {1, 2, 3, 4, 5, 6}
    assert town.streets["street_id"].is_unique
    assert len(town.crossings) >= 1
    window = box(*town.grid.bounds)
    assert town.streets.within(window.buffer(1)).all()
    lines = town.streets.set_index("street_id").geometry
    for x, y, azimuth, street_id in town.crossings:
        assert lines[street_id].distance(Point(x, y)) < 1e-6
        assert ground.railway.distance(Point(x, y)) < 1e-6
        a = np.radians(azimuth)
        assert LineString([(x - 9 * np.sin(a), y - 9 * np.cos(a)), (x + 9 * np.sin(a), y + 9 * np.cos(a))]).within(
            lines[street_id].buffer(2)
        )


@pytest.mark.slow
def test_files_of_the_ground_read_back(tmp_path):
    ground = make_ground(120, 3)
    people = make_people(ground)
    given = given_dem(ground, roads=people.roads, bridges=people.bridges, crossings=people.open_crossings)
    inputs = write_ground(tmp_path, ground, given)
    assert all((tmp_path / name).is_file() for name in inputs.values())
    with rasterio.open(tmp_path / "dem.tif") as source:
        assert (source.crs.to_epsg(), source.res, source.units) == (4546, (30, 30), ("m",))
        assert np.isnan(source.nodata)
        np.testing.assert_allclose(source.read(1), given.dem, atol=1 / 64)
    with rasterio.open(tmp_path / "landcover.tif") as source:
        assert np.array_equal(source.read(1), ground.landcover)
    write_checksums(tmp_path)
    listed = dict(line.split("  ")[::-1] for line in (tmp_path / "checksums.sha256").read_text().splitlines())
    assert set(inputs.values()) <= set(listed)
    assert listed["dem.tif"] == hashlib.sha256((tmp_path / "dem.tif").read_bytes()).hexdigest()
    assert "checksums.sha256" not in listed


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_and_another_gives_others(tmp_path, monkeypatch):
    """Without the people's half, whose flood takes a minute; tests/golden compares that with what is committed."""
    monkeypatch.setattr(module, "write_life", lambda *_, **__: ({}, {"peak": "2024-07-25T08:00:00Z"}))
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        make_county(tmp_path / name, size=150, seed=seed)
    a, b, c = ((tmp_path / name / "checksums.sha256").read_text().splitlines() for name in "abc")
    assert a == b
    assert len(a) > 70
    same = set(a) & set(c)
    assert {line.split("  ")[1] for line in same} <= {"landcover.csv", "config.yaml"}
