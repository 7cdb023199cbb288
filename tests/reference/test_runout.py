"""Run-out kernels against analytic ground, and against the reference output of another implementation."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest

from geo_risk.kernels.may_reach import lines_into_gaps, may_be_reached
from geo_risk.kernels.runout import BEYOND_REACH, MISSING_GROUND, RASTER_EDGE, Friction, flow_path, run_out

WIDE = Friction(25.0, 8.0, 3e-4, 8848.0, 1e6)
TAN = math.tan(math.radians(25))


def octile(row, column):
    """Shortest way over cells and diagonals, in cells."""
    a, b = np.abs(row), np.abs(column)
    return np.maximum(a, b) + (math.sqrt(2) - 1) * np.minimum(a, b)


def test_on_a_plane_the_energy_is_the_fall_less_the_friction_along_the_shortest_way():
    slope, cell = 0.7, 10.0
    row, column = np.mgrid[0:60, 0:81]
    z = 1000 - slope * cell * row + 0.0 * column
    p = flow_path(z, 40, friction=WIDE, cell_m=cell)
    inner = p.row < 50  # along the edge of the raster it goes sideways, and from there up again
    way = cell * octile(p.row, p.column - 40)
    np.testing.assert_allclose(p.length_m[inner], way[inner], rtol=1e-14)
    # heights of 1e3 m carry 1e-13 m; a few operations
    np.testing.assert_allclose(p.energy_m[inner], (slope * cell * p.row - TAN * way)[inner], atol=1e-11)
    assert set(p.column[p.row == 49]) >= set(range(30, 51))
    flux = np.zeros(z.shape)
    flux[p.row, p.column] = p.flux
    np.testing.assert_allclose(flux, flux[:, ::-1], rtol=1e-9)
    assert p.at_rest.sum() == pytest.approx(1.0, abs=1e-9)


def test_on_a_plane_gentler_than_the_energy_line_nothing_moves():
    z = 1000 - 0.4 * 10 * np.mgrid[0:20, 0:20][0]
    p = flow_path(z, 10, friction=WIDE, cell_m=10.0)
    assert len(p.row) == 1
    assert p.at_rest.tolist() == [1.0]


def test_a_long_plane_fills_the_energy_to_the_cap():
    z = 5000 - 10 * np.mgrid[0:60, 0:1][0].astype(float)
    p = flow_path(z, 0, friction=WIDE._replace(cap_m=12.0), cell_m=10.0)
    want = np.minimum(np.arange(60) * 10 * (1 - TAN), 12.0)
    np.testing.assert_allclose(p.energy_m, want, atol=1e-11)


def channel(profile):
    """A ditch one cell wide between walls that no flow climbs."""
    z = np.full((3, len(profile)), 1e5)
    z[1] = profile
    return z


def test_a_channel_carries_all_flux_to_where_the_energy_line_meets_the_bed():
    bed = np.concatenate([1000 - 8.0 * np.arange(30), np.full(60, 1000 - 8.0 * 29)])
    p = flow_path(channel(bed), 90, friction=WIDE, cell_m=10.0)
    n = math.ceil(8.0 * 29 / (10 * TAN)) - 1  # the last cell with energy left
    assert p.column.tolist() == list(range(n + 1))
    np.testing.assert_allclose(p.energy_m, 1000 - bed[: n + 1] - TAN * 10 * np.arange(n + 1), atol=1e-11)
    np.testing.assert_allclose(p.flux, 1.0, atol=1e-12)
    assert p.at_rest[-1] == pytest.approx(1.0)
    assert p.parent.tolist() == list(range(-1, n))


def test_in_a_bowl_it_runs_up_the_far_side_to_the_analytic_height():
    a, n = 2e-3, 61
    row, column = np.mgrid[-30:31, -30:31] * 10.0
    p = flow_path(a * (row**2 + column**2), 30 * n + 5, friction=WIDE._replace(alpha_deg=14.0), cell_m=10.0)
    start, tan = 250.0, math.tan(math.radians(14))
    on_axis = 10.0 * (p.column[p.row == 30] - 30)
    # a X^2 - a x^2 = (x + X) tan(alpha) has the far root x = X - tan(alpha) / a
    assert on_axis.max() == 10 * math.floor((start - tan / a) / 10)
    cells = set(zip(p.row.tolist(), p.column.tolist(), strict=True))
    assert {(60 - r, c) for r, c in cells} == cells
    assert p.at_rest.sum() == pytest.approx(1.0, abs=1e-12)


def test_a_path_says_where_it_is_not_known_how_it_goes_on():
    z = 1000 - 7.0 * np.mgrid[0:30, 0:21][0].astype(float)
    hole = z.copy()
    hole[12, :] = np.nan
    got = run_out(hole, [10], friction=WIDE, cell_m=10.0)
    assert (got.flags[11] & MISSING_GROUND).any()
    assert got.n_paths[12:].sum() == 0
    assert (run_out(z, [10], friction=WIDE, cell_m=10.0).flags[29] & RASTER_EDGE).any()
    short = run_out(z, [10], friction=WIDE._replace(reach_m=100.0), cell_m=10.0)
    assert (short.flags[10] & BEYOND_REACH).any()
    assert short.n_paths[11:].sum() == 0
    lost = run_out(hole, [12 * 21 + 3, 10], friction=WIDE, cell_m=10.0)
    assert lost.skipped == 1


def test_hits_name_the_unit_the_energy_the_way_and_the_release():
    bed = 1000 - 8.0 * np.arange(60)
    z = channel(bed)
    targets = np.full(z.shape, -1)
    targets[1, 20], targets[1, 30] = 0, 1
    got = run_out(z, [60 + 2, 60 + 10, 60 + 25], units=[7, 7, 3], values=[[1], [4], [2]], targets=targets,
                  friction=WIDE, cell_m=10.0)  # fmt: skip
    assert got.hits[["unit", "target", "release"]].tolist() == [(3, 1, 85), (7, 0, 62), (7, 1, 62)]
    want = [(8 - 10 * TAN) * n for n in (5, 18, 28)]
    np.testing.assert_allclose(got.hits["energy_m"], want, rtol=1e-6)
    np.testing.assert_allclose(got.hits["length_m"], [50, 180, 280])
    assert got.carried[0, 1, [5, 15, 28]].tolist() == [1, 4, 4]
    assert got.n_paths[1, [0, 5, 15, 28]].tolist() == [0, 1, 2, 3]


def test_lists_grow_with_long_paths_and_many_hits():
    z = 5000 - 10.0 * np.mgrid[0:120, 0:120][0]
    targets = np.arange(z.size).reshape(z.shape)
    spread = Friction(5.0, 1.0, 1e-6, 8848.0, 1e6)
    releases = [60, 50, 70, 40, 80]
    got = run_out(z, releases, targets=targets, friction=spread, cell_m=10.0)
    assert got.n_paths.max() == 5
    assert len(got.hits) == got.n_paths.sum() > z.size
    for cell in releases:
        alone = got.hits[got.hits["unit"] == cell]
        p = flow_path(z, cell, friction=spread, cell_m=10.0)
        assert len(p.row) > 4096
        order = np.argsort(p.row * 120 + p.column)
        np.testing.assert_array_equal(alone["target"], (p.row * 120 + p.column)[order])
        np.testing.assert_allclose(alone["energy_m"], p.energy_m[order], rtol=1e-6)


@pytest.mark.parametrize(
    "bad",
    [
        {"friction": WIDE._replace(alpha_deg=0.0)}, {"friction": WIDE._replace(flux_cut=float("nan"))},
        {"friction": WIDE._replace(cap_m=float("nan"))}, {"cell_m": 0.0}, {"releases": [25]}, {"releases": [-1]},
        {"units": [1, 2]}, {"units": [-1]}, {"values": [1]}, {"values": [[300]]}, {"targets": np.zeros((2, 2), int)},
        {"elevation": np.zeros(25)},
    ],
)  # fmt: skip
def test_bad_input_is_refused(bad):
    good = {"elevation": np.zeros((5, 5)), "releases": [0], "friction": WIDE, "cell_m": 10.0}
    given = good | bad
    with pytest.raises(ValueError, match=r"needed|but units"):
        run_out(given.pop("elevation"), given.pop("releases"), **given)


def ascii_grid(path: Path) -> np.ndarray:
    values = np.loadtxt(path, skiprows=6)
    return np.where(values == -9999, np.nan, values)


def test_what_may_come_ends_where_the_energy_line_meets_the_ground():
    # 20 cells of 10 m down at 35 degrees, then level: the line of 22 degrees ends at 200 tan(35) / tan(22) m
    x = np.arange(120) * 10.0
    z = np.tile(1000 - math.tan(math.radians(35)) * np.minimum(x, 200), (5, 1))
    start = np.full(z.shape, np.nan)
    start[2, 0] = 1000.0
    wide = {"alpha_deg": 22.0, "cap_m": 8848.0, "cell_m": 10.0}
    got = may_be_reached(z, start, **wide, n_steps=119)[2]
    assert x[got].max() == math.floor(20 * math.tan(math.radians(35)) / math.tan(math.radians(22))) * 10
    assert got[: int(x[got].max() / 10)].all()
    # a cap of 20 m carries it 20 / tan(22) = 49.5 m beyond the foot, and 15 steps no farther than 150 m
    assert x[may_be_reached(z, start, **(wide | {"cap_m": 20.0}), n_steps=119)[2]].max() == 240
    assert x[may_be_reached(z, start, **wide, n_steps=15)[2]].max() == 150
    # a ridge above the line stops it; missing ground does not
    ridge, gap = z.copy(), z.copy()
    ridge[:, 25], gap[:, 25] = 1000.0, np.nan
    assert x[may_be_reached(ridge, start, **wide, n_steps=119)[2]].max() == 240
    assert x[may_be_reached(gap, start, **wide, n_steps=119)[2]].max() == x[got].max()
    assert not may_be_reached(z, np.full(z.shape, np.nan), **wide, n_steps=119).any()


def test_lines_go_on_over_missing_ground_from_beside_it_alone():
    z = np.zeros((3, 6))
    z[:, 2:4] = np.nan
    line = np.full(z.shape, np.nan)
    line[1, 1], line[2, 5] = 29.0, 99.0
    got = lines_into_gaps(z, line, alpha_deg=45.0, cell_m=10.0)
    np.testing.assert_allclose(got[:, 2], [29 - 10 * math.sqrt(2), 19, 29 - 10 * math.sqrt(2)])
    assert np.isnan(got[:, [0, 1, 3, 4, 5]]).all()
    may = may_be_reached(z, got, alpha_deg=45.0, cap_m=100.0, cell_m=10.0, n_steps=6)
    assert may[1].tolist() == [False, True, True, True, False, False]


@pytest.mark.parametrize("bad", [{"alpha_deg": 90.0}, {"cap_m": np.nan}, {"cell_m": 0.0}, {"n_steps": -1}])
def test_bad_numbers_of_what_may_come_are_refused(bad):
    given = {"alpha_deg": 22.0, "cap_m": 20.0, "cell_m": 10.0, "n_steps": 5}
    with pytest.raises(ValueError, match="needed"):
        may_be_reached(np.zeros((3, 3)), np.zeros((3, 3)), **(given | bad))
    with pytest.raises(ValueError, match="shape"):
        may_be_reached(np.zeros((3, 3)), np.zeros((3, 4)), **given)


@pytest.mark.real
def test_the_reference_case_of_flow_py_is_met():
    import geopandas as gpd
    import rasterio
    from rasterio.features import rasterize

    folder = Path(os.environ["GEO_RISK_REAL"]) / "landslide" / "flowpy"
    with rasterio.open(folder / "avaFlowPy/Inputs/dem.tif") as file:
        z, transform = file.read(1), file.transform
    area = gpd.read_file(folder / "avaFlowPy/Inputs/REL/rel.shp").geometry
    releases = np.flatnonzero(rasterize(area, z.shape, transform=transform))
    assert len(releases) == 230
    want = {}
    for name in ("zdelta", "cellCounts", "travelLengthMax", "fpTravelAngleMax"):
        path = next(folder.glob(f"reference_*/*_{name}.tif"))
        with rasterio.open(path) as file:
            want[name] = file.read(1)
    got = run_out(z, releases, friction=WIDE, cell_m=10.0)
    ours, theirs = got.n_paths > 0, want["cellCounts"] > 0
    assert (ours & theirs).sum() / (ours | theirs).sum() >= 0.97
    both = ours & theirs & (want["zdelta"] > 0)
    for name, values in (("zdelta", got.energy_m), ("travelLengthMax", got.length_m),
                         ("fpTravelAngleMax", got.angle_max_deg)):  # fmt: skip
        assert np.corrcoef(values[both], want[name][both])[0, 1] >= 0.999, name
    # theirs works a cell off before all its energy has come: where the two differ, ours is higher
    higher, lower = got.energy_m[both] - want["zdelta"][both] > 1, got.energy_m[both] - want["zdelta"][both] < -1
    assert higher.sum() > 10 * lower.sum()


@pytest.mark.real
def test_the_slide_of_mount_st_helens_is_met_in_sample():
    folder = Path(os.environ["GEO_RISK_REAL"]) / "landslide" / "mtsthelens_2021"
    z = ascii_grid(folder / "pre_runout_DEM.asc")
    source = np.nan_to_num(ascii_grid(folder / "landslide_polygon.asc")) > 0
    moved = np.nan_to_num(ascii_grid(folder / "DEM_of_Difference.asc")) != 0
    assert (source.sum(), moved.sum()) == (30, 224)
    got = run_out(z, np.flatnonzero(source), friction=Friction(15.0, 16.0, 0.03, 30.0, 1e6), cell_m=10.0).n_paths > 0
    assert (got & moved).sum() / (got | moved).sum() >= 0.60
