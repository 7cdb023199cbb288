"""The slope family against planes, a paraboloid, and a second reading of the definitions."""

from __future__ import annotations

import numpy as np
import pytest

from geo_risk.core.errors import CrsError, DataError, GridError, UnitError
from geo_risk.core.grid import Grid
from geo_risk.kernels.slope import ruggedness, slope_plane
from geo_risk.terrain.slope import (
    local_relief,
    ruggedness_index,
    slope_layers,
    topographic_position,
    wetness_index,
)


def make_grid(shape=(40, 50), cell=30.0) -> Grid:
    n_y, n_x = shape
    bounds = (499_980, 3_999_960, 499_980 + n_x * cell, 3_999_960 + n_y * cell)
    return Grid.from_bounds(bounds, crs=4546, resolution_m=cell)


def dem_of(grid: Grid, height) -> object:
    c = grid.coords()
    x, y = np.meshgrid(c["x"] - c["x"].mean(), c["y"] - c["y"].mean())
    return grid.layer(height(x, y).astype("float64"), units="m", long_name="dem", name="dem")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("p", "q", "downslope"),
    [(0.0, -0.5, 0.0), (-0.5, 0.0, 90.0), (0.0, 0.5, 180.0), (0.5, 0.0, 270.0), (-0.3, -0.3, 45.0), (0.3, -0.3, 315.0)],
)
def test_planes_have_their_slope_and_downslope_azimuth_everywhere(p, q, downslope):
    grid = make_grid()
    out = slope_layers(dem_of(grid, lambda x, y: p * x + q * y + 900))
    want = np.degrees(np.arctan(np.hypot(p, q)))
    # float64 heights near 1e3 m differ by 1e-13 relative: 1e-4 degrees is far above that, and float32 holds 1e-5
    np.testing.assert_allclose(out["slope_deg"].to_numpy(), want, atol=1e-4)
    aspect = out["aspect_deg"].to_numpy()
    assert np.abs((aspect - downslope + 180) % 360 - 180).max() < 1e-3
    for name in ("curvature_plan", "curvature_profile", "curvature_tangential"):
        inner = out[name].to_numpy()[1:-1, 1:-1]
        np.testing.assert_allclose(inner, 0, atol=1e-9)
        assert np.isnan(out[name].to_numpy()[0]).all()


def test_paraboloid_has_circular_contours_and_the_parabola_curvature():
    a = 2e-4
    grid = make_grid((61, 61))
    out = slope_layers(dem_of(grid, lambda x, y: 1000 - a * (x**2 + y**2)))
    c = grid.coords()
    x, y = np.meshgrid(c["x"] - c["x"].mean(), c["y"] - c["y"].mean())
    radius = np.hypot(x, y)
    inner = np.zeros(grid.shape, bool)
    inner[1:-1, 1:-1] = True
    away = inner & (radius > 1)
    plan, profile = out["curvature_plan"].to_numpy(), out["curvature_profile"].to_numpy()
    np.testing.assert_allclose(plan[away], 1 / radius[away], rtol=1e-5)
    np.testing.assert_allclose(profile[away], 2 * a / (1 + (2 * a * radius[away]) ** 2) ** 1.5, rtol=1e-5)
    # a section across the slope line of a body of revolution: sin(slope) / radius
    sine = np.sin(np.arctan(2 * a * radius[away]))
    np.testing.assert_allclose(out["curvature_tangential"].to_numpy()[away], sine / radius[away], rtol=1e-5)
    # Horn's differences are exact on a quadratic
    slope = out["slope_deg"].to_numpy()
    np.testing.assert_allclose(slope[away], np.degrees(np.arctan(2 * a * radius[away])), rtol=1e-5)
    bowl = slope_layers(dem_of(grid, lambda x, y: 1000 + a * (x**2 + y**2)))
    np.testing.assert_allclose(bowl["curvature_plan"].to_numpy()[away], -1 / radius[away], rtol=1e-5)
    assert np.isnan(out["aspect_deg"].to_numpy()[30, 30])
    assert np.isnan(plan[30, 30])


def test_cone_is_straight_downhill_and_bends_as_its_circles():
    grid = make_grid((121, 121), cell=5.0)
    out = slope_layers(dem_of(grid, lambda x, y: 900 - 0.6 * np.hypot(x, y)))
    c = grid.coords()
    x, y = np.meshgrid(c["x"] - c["x"].mean(), c["y"] - c["y"].mean())
    radius = np.hypot(x, y)
    far = (radius > 100) & (radius < 290)
    # a cone is no quadratic: the window of 5 m at 100 m from the tip leaves errors of (5 / 100)^2
    np.testing.assert_allclose(out["slope_deg"].to_numpy()[far], np.degrees(np.arctan(0.6)), rtol=3e-3)
    np.testing.assert_allclose(out["curvature_plan"].to_numpy()[far] * radius[far], 1, rtol=5e-3)
    assert np.abs(out["curvature_profile"].to_numpy()[far] * radius[far]).max() < 2e-3
    gap = out["aspect_deg"].to_numpy()[far] - np.degrees(np.arctan2(x[far], y[far]))
    assert np.abs((gap + 180) % 360 - 180).max() < 0.1


def test_second_differences_by_another_route_give_the_same_curvatures():
    # least squares over the nine heights with NumPy, and the formulas (3) to (5) in their textbook form
    z = np.random.default_rng(8).normal(0, 4, (3, 3)) + np.add.outer(np.arange(3.0) * -9, np.arange(3.0) * 7)
    gx, gy = np.meshgrid([-30.0, 0, 30], [30.0, 0, -30])
    design = np.stack([gx**2 / 2, gx * gy, gy**2 / 2, gx, gy, np.ones_like(gx)], axis=-1).reshape(9, 6)
    r, s, t, p, q, _ = np.linalg.lstsq(design, z.ravel(), rcond=None)[0]
    g2 = p * p + q * q
    across, along = q * q * r - 2 * p * q * s + p * p * t, p * p * r + 2 * p * q * s + q * q * t
    want = [-across / g2**1.5, -along / (g2 * (1 + g2) ** 1.5), -across / (g2 * (1 + g2) ** 0.5)]
    got = [slope_plane(z, 30.0, plane)[0, 0] for plane in (2, 3, 4)]
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_ruggedness_of_a_plane_and_across_blocks():
    # differences of a plane with steps a and b: 2 a2 + 2 b2 + 2 (a + b)2 + 2 (a - b)2 = 6 (a2 + b2)
    dem = dem_of(make_grid(), lambda x, y: 0.3 * x - 0.2 * y)
    got = ruggedness_index(dem).to_numpy()
    np.testing.assert_allclose(got[1:-1, 1:-1], np.sqrt(6 * (9.0**2 + 6.0**2)), rtol=1e-6)
    assert np.isnan(got[0]).all()
    np.testing.assert_array_equal(ruggedness_index(dem.chunk({"y": 7, "x": 9})).to_numpy(), got)


def test_flat_ground_has_slope_zero_and_no_aspect():
    out = slope_layers(dem_of(make_grid((6, 7)), lambda x, y: 0 * x + 700))
    assert (out["slope_deg"].to_numpy() == 0).all()
    assert np.isnan(out["aspect_deg"].to_numpy()).all()
    assert (out["curvature_profile"].to_numpy()[1:-1, 1:-1] == 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("chunks", [(7, 11), (1, 50), (40, 3)])
def test_blocks_do_not_change_a_value(chunks):
    rng = np.random.default_rng(5)
    grid = make_grid()
    z = rng.normal(0, 30, grid.shape).cumsum(axis=0)
    z[10:13, 20:22] = np.nan
    dem = grid.layer(z, units="m", long_name="dem", name="dem")
    whole, split = slope_layers(dem), slope_layers(dem.chunk({"y": chunks[0], "x": chunks[1]}))
    for name, layer in whole.items():
        np.testing.assert_array_equal(layer.to_numpy(), split[name].to_numpy())
    np.testing.assert_array_equal(
        local_relief(dem, radius_m=90).to_numpy(),
        local_relief(dem.chunk({"y": 5, "x": 9}), radius_m=90).to_numpy(),
    )


def test_a_void_takes_itself_and_the_curvature_around_it():
    z = np.add.outer(np.arange(12.0), np.arange(12.0) * 2)
    z[5, 5] = np.nan
    grid = make_grid((12, 12))
    out = slope_layers(grid.layer(z, units="m", long_name="dem", name="dem"))
    slope = out["slope_deg"].to_numpy()
    assert np.isnan(slope[5, 5])
    assert np.isnan(slope).sum() == 1
    np.testing.assert_allclose(slope[~np.isnan(slope)], np.degrees(np.arctan(np.hypot(1, 2) / 30)), rtol=1e-5)
    assert np.isnan(out["curvature_plan"].to_numpy()[4:7, 4:7]).all()


def test_a_cell_between_two_missing_rows_is_unknown():
    z = np.full((5, 5), np.nan)
    z[2] = np.arange(5.0)
    out = slope_layers(make_grid((5, 5)).layer(z, units="m", long_name="dem", name="dem"))
    assert np.isnan(out["slope_deg"].to_numpy()).all()


def test_wetness_is_the_log_of_area_over_tangent():
    grid = make_grid((2, 3), cell=10.0)
    area = np.array([[100.0, 2000, 50_000], [100, np.nan, 0]])
    slope = np.array([[45.0, 10, 1], [0, 10, 10]])
    twi = wetness_index(
        grid.layer(area, units="m2", long_name="a", name="a"),
        grid.layer(slope, units="degree", long_name="s", name="s"),
    ).to_numpy()
    # 100 m2 over a 10 m cell is 10 m; tan 45 = 1; a flat cell takes the least tangent, 0.001
    np.testing.assert_allclose(
        twi[0], [np.log(10), np.log(200 / np.tan(np.radians(10))), np.log(5000 / np.tan(np.radians(1)))], rtol=1e-6
    )
    assert twi[1, 0] == pytest.approx(np.log(10 / 0.001), rel=1e-6)
    assert np.isnan(twi[1, 1:]).all()


def test_whole_numbers_of_metres_give_the_same_as_their_floats():
    y, x = np.mgrid[:12, :15]
    z = (1000 + 7 * x - 4 * y + (x * y) % 5).astype("int16")
    grid = make_grid((12, 15))
    whole, floats = (grid.layer(v, units="m", long_name="dem", name="dem") for v in (z, z.astype("float64")))
    for made in (
        ruggedness_index,
        lambda d: slope_layers(d)["slope_deg"],
        lambda d: topographic_position(d, radius_m=60),
        lambda d: local_relief(d, radius_m=60),
    ):
        np.testing.assert_array_equal(made(whole).to_numpy(), made(floats).to_numpy())


def test_relief_by_hand_and_in_square_kilometres():
    z = np.zeros((7, 7))
    z[3, 3] = 12
    grid = make_grid((7, 7))
    relief = local_relief(grid.layer(z, units="m", long_name="dem", name="dem"), radius_m=30).to_numpy()
    assert relief.sum() == 9 * 12
    km = local_relief(grid.layer(z / 1000, units="km", long_name="dem", name="dem"), radius_m=30).to_numpy()
    np.testing.assert_allclose(km, relief, rtol=1e-6)


def test_topographic_position_by_hand_with_gaps_and_across_blocks():
    z = np.zeros((7, 7))
    z[3, 3], z[0, 0] = 9, np.nan
    grid = make_grid((7, 7))
    dem = grid.layer(z, units="m", long_name="dem", name="dem")
    got = topographic_position(dem, radius_m=30).to_numpy()
    assert got[3, 3] == pytest.approx(9 - 1)
    assert got[2, 2] == pytest.approx(-1)
    assert got[5, 5] == 0
    assert np.isnan(got[0, 0])
    # a plane has position 0 inside; blocks smaller than the window change nothing
    tilted = dem_of(make_grid(), lambda x, y: 0.3 * x - 0.2 * y)
    whole = topographic_position(tilted, radius_m=90).to_numpy()
    np.testing.assert_allclose(whole[3:-3, 3:-3], 0, atol=1e-4)
    split = topographic_position(tilted.chunk({"y": 2, "x": 7}), radius_m=90).to_numpy()
    np.testing.assert_array_equal(split, whole)


def test_bad_inputs_are_refused():
    grid = make_grid((4, 4))
    no_unit = grid.layer(np.zeros((4, 4)), units="", long_name="dem", name="dem")
    with pytest.raises(UnitError):
        slope_layers(no_unit)
    dem = grid.layer(np.zeros((4, 4)), units="m", long_name="dem", name="dem")
    for bad in (0.0, float("nan"), -30.0):
        with pytest.raises(ValueError, match="needed"):
            slope_plane(np.zeros((4, 4)), bad, 0)
    with pytest.raises(ValueError, match="plane 5"):
        slope_plane(np.zeros((4, 4)), 30.0, 5)
    with pytest.raises(ValueError, match="needed"):
        ruggedness(np.zeros((2, 4)))
    with pytest.raises(DataError, match="radius"):
        local_relief(dem, radius_m=float("nan"))
    with pytest.raises(DataError, match="radius"):
        topographic_position(dem, radius_m=0)
    in_degrees = dem.assign_coords(spatial_ref=dem.spatial_ref.copy(data=0))
    in_degrees.spatial_ref.attrs["crs_wkt"] = "EPSG:4490"
    with pytest.raises(CrsError, match="in metres"):
        slope_layers(in_degrees)
    other = make_grid((4, 4), cell=60.0).layer(np.ones((4, 4)), units="degree", long_name="s", name="s")
    with pytest.raises(GridError):
        wetness_index(dem.assign_attrs(units="m2"), other)
