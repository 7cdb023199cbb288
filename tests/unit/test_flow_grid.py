"""The run grid: the raster's own lattice wherever it can be, and clear words where a grid cannot be chosen."""

import geopandas as gpd
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box

from geo_risk.core.errors import ConfigError, CrsError, GridError
from geo_risk.flow.config import load_config
from geo_risk.flow.plan import Plan
from geo_risk.flow.run import run
from geo_risk.flow.steps.grid import choose_grid, grid
from geo_risk.sources.layers import read_grid
from tests.support.tiny import make

LATTICE = Affine(30, 0, 500_007, 0, -30, 4_100_011)
OWN = {"crs": None, "resolution_m": None, "bounds": None}


def choose(**asked):
    return choose_grid("EPSG:4546", LATTICE, (100, 120), **{**OWN, **asked})


def test_the_first_raster_is_the_grid():
    made = choose()
    assert (made.transform, made.shape) == (LATTICE, (100, 120))
    assert choose(crs="EPSG:4546", resolution_m=30.0) == made


@given(st.floats(1, 2000), st.floats(1, 2000), st.floats(50, 900), st.floats(50, 900))
def test_a_boundary_cuts_the_raster_on_its_own_lattice(left, down, width, height):
    bounds = (500_007 + left, 4_100_011 - down - height, 500_007 + left + width, 4_100_011 - down)
    made = choose(bounds=bounds)
    t = made.transform
    assert ((t.c - LATTICE.c) / 30) == pytest.approx(round((t.c - LATTICE.c) / 30), abs=1e-6)
    assert ((t.f - LATTICE.f) / 30) == pytest.approx(round((t.f - LATTICE.f) / 30), abs=1e-6)
    got = made.bounds
    assert got[0] <= bounds[0] + 1e-4
    assert got[1] <= bounds[1] + 1e-4
    assert got[2] >= bounds[2] - 1e-4
    assert got[3] >= bounds[3] - 1e-4
    assert got[2] - got[0] <= width + 60.001


def test_another_resolution_or_crs():
    assert choose(resolution_m=90.0).resolution_m == 90
    made = choose_grid("EPSG:4326", Affine(0.001, 0, 111.0, 0, -0.001, 37.0), (100, 100), crs="EPSG:4546",
                       resolution_m=50.0, bounds=None)  # fmt: skip
    assert made.crs == "EPSG:4546"
    # a tenth of a degree is 8.9 km by 11.1 km at 37 N
    assert made.shape[0] * 50 == pytest.approx(11_100, abs=150)
    assert made.shape[1] * 50 == pytest.approx(8_900, abs=150)


@pytest.mark.parametrize("odd", [
    Affine(30, 0, 500_007, 0, -20, 4_100_011), Affine(30, 0, 500_007, 0, 30, 4_097_011),
    Affine(30, 5, 500_007, 5, -30, 4_100_011),
])  # fmt: skip
def test_cells_that_are_no_squares_to_the_north_are_resampled_as_the_message_says(odd):
    with pytest.raises(GridError, match="square cells") as told:
        choose_grid("EPSG:4546", odd, (100, 120), **OWN)
    assert "area.resolution_m" in str(told.value)
    made = choose_grid("EPSG:4546", odd, (100, 120), **{**OWN, "crs": "EPSG:4546", "resolution_m": 30.0})
    assert made.resolution_m == 30
    assert made.transform.e == -30


def test_degrees_need_a_metric_crs_and_a_resolution():
    degrees = Affine(0.001, 0, 111.0, 0, -0.001, 37.0)
    with pytest.raises(CrsError, match="in degrees"):
        choose_grid("EPSG:4326", degrees, (10, 10), **OWN)
    with pytest.raises(ConfigError, match="resolution_m is missing"):
        choose_grid("EPSG:4326", degrees, (10, 10), **{**OWN, "crs": "EPSG:4546"})


def test_the_antimeridian_is_asked_about():
    world = Affine(0.1, 0, -180.0, 0, -0.1, 40.0)
    with pytest.raises(ConfigError, match="antimeridian"):
        choose_grid("EPSG:4326", world, (100, 3600), crs="EPSG:4546", resolution_m=1000.0, bounds=None)


def test_a_giant_grid_is_refused():
    with pytest.raises(ConfigError, match="cells; at most"):
        choose(resolution_m=0.001)


@pytest.mark.slow
def test_a_boundary_file_is_read_in_any_crs(tmp_path):
    config = make(tmp_path)
    area = gpd.GeoDataFrame(geometry=[box(510_100, 4_109_300, 510_500, 4_109_700)], crs="EPSG:4546").to_crs("EPSG:4326")
    area.to_file(tmp_path / "area.gpkg")
    config.write_text(config.read_text() + "area: {boundary: area.gpkg}\n")
    run(config, names=["dem"])
    made = read_grid(tmp_path / "out/.work/between/grid.json")
    assert made.resolution_m == 30
    assert made.transform.c % 30 == 0
    # the box there and back through degrees may grow by a hair, and so by a cell
    for got, cell in zip(made.bounds, (510_090, 4_109_280, 510_510, 4_109_700), strict=True):
        assert abs(got - cell) <= 30


def test_the_plan_knows_inputs_outputs_and_names(tmp_path):
    plan = Plan(load_config(make(tmp_path)))
    grid(plan)
    assert [s.name for s in plan.steps] == ["grid", "dem"]
    assert plan.input("dem") == tmp_path / "dem.tif"
    assert plan.layer("slope_deg") == tmp_path / "out/.work/stage/layers/slope_deg.tif"
    assert plan.layer("velocity_asc").parent.name == "layers"
    assert plan.layer("twi") == tmp_path / "out/.work/between/twi.tif"
    assert plan.has(plan.layer("dem"))
    assert not plan.has(plan.layer("twi"))
    assert not plan.has(None)
