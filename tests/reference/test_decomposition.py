"""East and up from several looks: against NumPy, drawn errors, and motion that is known in closed form."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from dask import array as da
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.core.errors import DataError, GridError, TimeError
from geo_risk.core.grid import Grid
from geo_risk.hazards.deformation.geometry.decomposition import Track, east_up, north_leak
from geo_risk.hazards.deformation.geometry.east_up_series import (
    TrackSeries,
    common_epochs,
    east_up_of_bodies,
    east_up_series,
    label_means,
)
from geo_risk.hazards.deformation.params import DecompositionParams, VelocityParams
from geo_risk.kernels.decompose import decompose_alike, decompose_east_up
from geo_risk.publish.series_cube import write_series_cube

GRID = Grid.from_bounds((510_000, 4_050_000, 510_360, 4_050_300), crs="EPSG:4546", resolution_m=60)
PARAMS = DecompositionParams()
# ascending, descending, and an ascending track of steeper look
LOOKS = {"asc": (-0.61, -0.14, 0.78), "desc": (0.61, -0.14, 0.78), "asc_near": (-0.5, -0.11, 0.86)}
START = np.datetime64("2022-01-03", "ns")
DAY = np.timedelta64(1, "D")


def unit(name: str) -> np.ndarray:
    return np.array(LOOKS[name]) / np.linalg.norm(LOOKS[name])


def layer(value, units="1"):
    array = np.broadcast_to(np.asarray(value, np.float32), GRID.shape).astype(np.float32)
    return GRID.layer(array, units=units, long_name="x", name="x")


def track(name, east, up, *, north=0.0, std=0.5):
    e, n, u = unit(name)
    v = e * np.asarray(east) + n * np.asarray(north) + u * np.asarray(up)
    return Track(name, layer(v, "mm/yr"), layer(std, "mm/yr"), layer(e), layer(n), layer(u))


def test_two_tracks_are_the_plain_solution_with_its_covariance():
    rng = np.random.default_rng(5)
    east, up = rng.normal(0, 20, (2, *GRID.shape))
    stds = {"asc": 0.5, "desc": 1.25}
    out = east_up([track(t, east, up, std=s) for t, s in stds.items()], PARAMS)
    assert out["velocity_east"].to_numpy() == pytest.approx(east, abs=1e-4)
    assert out["velocity_up"].to_numpy() == pytest.approx(up, abs=1e-4)
    g = np.array([unit(t)[[0, 2]] for t in stds])
    covariance = np.linalg.inv(g.T @ np.diag([1 / s**2 for s in stds.values()]) @ g)
    found = [float(out[n][0, 0]) for n in ("velocity_east_std", "velocity_up_std", "velocity_east_up_covariance")]
    want = [np.sqrt(covariance[0, 0]), np.sqrt(covariance[1, 1]), covariance[0, 1]]
    assert found == pytest.approx(want, rel=1e-5)


def test_three_tracks_are_weighted_least_squares_and_gaps_fall_back_to_two():
    stds = {"asc": 0.5, "desc": 2.0, "asc_near": 1.0}
    rng = np.random.default_rng(6)
    noisy = {t: rng.normal(0, 10, GRID.shape) for t in stds}
    tracks = []
    for t, s in stds.items():
        e, n, u = unit(t)
        tracks.append(Track(t, layer(noisy[t], "mm/yr"), layer(s, "mm/yr"), layer(e), layer(n), layer(u)))
    tracks[2].velocity[0, 0] = np.nan
    out = east_up(tracks, PARAMS)
    for cell, names in (((2, 3), list(stds)), ((0, 0), ["asc", "desc"])):
        g = np.array([unit(t)[[0, 2]] for t in names])
        w = np.diag([1 / stds[t] ** 2 for t in names])
        want = np.linalg.solve(g.T @ w @ g, g.T @ w @ np.array([noisy[t][cell] for t in names]))
        assert [float(out["velocity_east"][cell]), float(out["velocity_up"][cell])] == pytest.approx(want, abs=1e-4)


@given(st.integers(0, 10_000), st.sampled_from([0.0, np.nan, np.inf, -1.0]))
def test_two_tracks_are_what_the_weighted_solution_of_more_gives(seed, bad):
    rng = np.random.default_rng(seed)
    n = 50
    angle = np.deg2rad(rng.uniform(-60, 60, (2, n)))
    values = [rng.normal(0, 10, (2, n)), rng.uniform(0.3, 3, (2, n)), np.sin(angle), np.cos(angle)]
    v, s, e, u = (a.astype(np.float32) for a in values)
    s[0, 3], v[1, 4] = bad, np.nan
    two = decompose_east_up(v, s, e, u, minimum_sine=0.34)
    # a third track that is never known takes no part, but sends the solution the other way
    three = [np.concatenate([a, np.full((1, n), np.nan, np.float32)]) for a in (v, s, e, u)]
    for one, other in zip(two, decompose_east_up(*three, minimum_sine=0.34), strict=True):
        # float32 results of double sums that are conditioned no worse than 1 / 0.34^2
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5)
    assert np.isnan(np.stack(two)[:, 3:5]).all()
    alike = decompose_alike(v, e, u, minimum_sine=0.34)
    ones = decompose_east_up(v, np.ones_like(s), e, u, minimum_sine=0.34)
    for one, other in zip(alike, ones[:2], strict=True):
        np.testing.assert_array_equal(one, other)


def test_three_tracks_alike_are_those_of_one_error():
    rng = np.random.default_rng(3)
    angle = np.deg2rad(rng.uniform(-60, 60, (3, 40))).astype(np.float32)
    v = rng.normal(0, 10, (3, 40)).astype(np.float32)
    got = decompose_alike(v, np.sin(angle), np.cos(angle), minimum_sine=0.34)
    want = decompose_east_up(v, np.ones_like(v), np.sin(angle), np.cos(angle), minimum_sine=0.34)
    np.testing.assert_array_equal(np.stack(got), np.stack(want[:2]))


def test_stated_covariance_is_that_of_drawn_errors():
    """4,000 draws: a variance is then known to 2.2 %, a correlation to 1.6 %."""
    rng = np.random.default_rng(7)
    grid = Grid.from_bounds((0, 0, 5000, 800), crs="EPSG:4546", resolution_m=10)
    stds = {"asc": 1.0, "desc": 2.5, "asc_near": 1.5}
    tracks = []
    for t, s in stds.items():
        parts = [rng.normal(0, s, grid.shape), *(np.full(grid.shape, v) for v in (s, *unit(t)))]
        units = ("mm/yr", "mm/yr", "1", "1", "1")
        tracks.append(
            Track(t, *(grid.layer(p.astype("f4"), units=u, long_name="x") for p, u in zip(parts, units, strict=True)))
        )
    out = {n: v.to_numpy() for n, v in east_up(tracks, PARAMS).items()}
    drawn = np.cov(out["velocity_east"].ravel(), out["velocity_up"].ravel())
    assert np.sqrt(drawn[0, 0]) == pytest.approx(out["velocity_east_std"][0, 0], rel=0.03)
    assert np.sqrt(drawn[1, 1]) == pytest.approx(out["velocity_up_std"][0, 0], rel=0.03)
    assert drawn[0, 1] == pytest.approx(out["velocity_east_up_covariance"][0, 0], rel=0.1)
    inside = np.abs(out["velocity_up"]) < 1.96 * out["velocity_up_std"]
    assert 0.94 < inside.mean() < 0.96


@pytest.mark.parametrize("names", [("asc", "desc"), ("asc", "desc", "asc_near")])
def test_leak_is_what_a_north_motion_does(names):
    still = [track(t, 3.0, -7.0, std=1 + i) for i, t in enumerate(names)]
    moved = [track(t, 3.0, -7.0, north=25.0, std=1 + i) for i, t in enumerate(names)]
    east, up = north_leak(still, DecompositionParams(north_motion_mm_yr=25.0))
    a, b = east_up(still, PARAMS), east_up(moved, PARAMS)
    assert east.to_numpy() == pytest.approx((b["velocity_east"] - a["velocity_east"]).to_numpy(), abs=1e-4)
    assert up.to_numpy() == pytest.approx((b["velocity_up"] - a["velocity_up"]).to_numpy(), abs=1e-4)
    if names == ("asc", "desc"):  # mirror looks: nothing into east, N / U of it into up
        assert float(east[0, 0]) == pytest.approx(0, abs=1e-4)
        assert float(up[0, 0]) == pytest.approx(25 * unit("asc")[1] / unit("asc")[2], rel=1e-4)


def test_one_track_is_refused():
    with pytest.raises(DataError, match="two looks"):
        east_up([track("asc", 0, 0)], PARAMS)
    with pytest.raises(DataError, match="two looks"):
        north_leak([track("asc", 0, 0)], PARAMS)


def series(name, days, motion, *, std=1.0, shape=GRID.shape, noise=0.0, seed=0):
    """A track that sees east and up of `motion(day)` [mm] on its own dates, plus a constant of its own."""
    e, _, u = unit(name)
    east, up = motion(np.asarray(days, float))
    los = (e * east + u * up + 17.0)[:, None, None] + np.zeros((len(days), *shape))
    los = los + np.random.default_rng(seed).normal(0, noise, los.shape)
    coords = {"time": START + np.asarray(days) * DAY, **(GRID.coords() if shape == GRID.shape else {})}
    data = xr.DataArray(los.astype("f4"), dims=("time", "y", "x"), coords=coords, attrs={"units": "mm"})
    look = [xr.DataArray(np.full(shape, v, "f4"), dims=("y", "x"), attrs={"units": "1"}) for v in (e, u)]
    error = xr.DataArray(np.float32(std), attrs={"units": "mm"})
    return TrackSeries(name, data, error, look[0], look[1])


def bend(day):
    """East runs at 0.1 mm/day; up stands still to day 120, then sinks at 0.3 mm/day: straight between all dates."""
    return 0.1 * day, -0.3 * np.clip(day - 120, 0, None)


ASC, DESC = np.arange(0, 241, 12), np.arange(36, 289, 12) - 6
ASC = np.union1d(ASC, [120])


def test_analytic_series_of_two_tracks_with_dates_of_their_own():
    desc = np.union1d(DESC, [120])  # both have the day of the bend, so straight lines are exact
    got = east_up_series([series("asc", ASC, bend), series("desc", desc, bend)], PARAMS)
    day = (got["time"].to_numpy() - START) / DAY
    assert (day.min(), day.max()) == (36, 240)  # the common time is 30 to 240; the first track gives the dates
    east, up = bend(day)
    for name, want in (("displacement_east", east - east[0]), ("displacement_up", up - up[0])):
        assert got[name].attrs["units"] == "mm"
        assert np.abs(got[name].to_numpy() - want[:, None, None]).max() < 2e-4


def test_error_of_the_series_is_that_of_drawn_errors():
    asc, desc = (series(t, d, bend, std=2.0, noise=2.0, shape=(60, 100), seed=s)
                 for t, d, s in (("asc", ASC, 1), ("desc", DESC, 2)))  # fmt: skip
    got = east_up_series([asc, desc], PARAMS)
    for name in ("displacement_east", "displacement_up"):
        drawn, stated = got[name].to_numpy().std(axis=(1, 2)), got[f"{name}_std"].to_numpy()[:, 0, 0]
        assert stated[0] == drawn[0] == 0
        assert drawn[1:] == pytest.approx(stated[1:], rel=0.05)
    both = [got[n].to_numpy()[9].ravel() for n in ("displacement_east", "displacement_up")]
    assert np.cov(*both)[0, 1] == pytest.approx(float(got["displacement_east_up_covariance"][9, 0, 0]), abs=0.35)


def test_gaps_are_bridged_only_up_to_the_limit_and_nothing_is_extrapolated():
    asc, desc = series("asc", ASC, bend), series("desc", DESC, bend)
    late = (desc.displacement["time"].to_numpy() - START) / DAY
    desc.displacement[(late > 100) & (late < 180), 0, 0] = np.nan
    desc.displacement[late < 90, 1, 1] = np.nan
    epochs = START + np.array([0, 60, 96, 110, 150, 170, 190, 240, 280]) * DAY
    got = east_up_series([asc, desc], PARAMS, epochs=epochs)["displacement_up"].to_numpy()
    assert np.isfinite(got[:, 2, 2]).tolist() == [False, True, True, True, True, True, True, True, False]
    assert np.isfinite(got[:, 0, 0]).tolist() == [False, True, False, False, False, False, True, True, False]
    assert np.isfinite(got[:, 1, 1]).tolist() == [False, False, True, True, True, True, True, True, False]
    assert got[2, 1, 1] == 0
    wide = DecompositionParams(maximum_gap_days=100)
    bridged = east_up_series([asc, desc], wide, epochs=epochs)["displacement_up"].to_numpy()
    assert np.isfinite(bridged[1:8, 0, 0]).all()


def test_a_third_track_with_its_own_constant_makes_no_jump():
    tracks = [series("asc", ASC, bend), series("desc", np.union1d(DESC, [120]), bend)]
    third = series("asc_near", np.union1d(ASC, [120]), bend)
    third.displacement[:8] = np.nan
    third = TrackSeries("asc_near", third.displacement + 40, third.std, third.los_east, third.los_up)
    third.displacement.attrs["units"] = "mm"
    got = east_up_series([*tracks, third], PARAMS)
    day = (got["time"].to_numpy() - START) / DAY
    up, zero = bend(day)[1], int(np.argmin(np.abs(got["displacement_up"].to_numpy()[:, 0, 0])))
    assert np.ptp(got["displacement_up"].to_numpy()[:, 0, 0] - up) < 2e-3
    assert zero < 12


def test_a_track_not_known_at_the_zero_epoch_takes_no_part():
    asc, desc, third = (series(t, np.union1d(ASC, [120]), bend) for t in ("asc", "desc", "desc"))
    desc.displacement[12:] = np.nan  # one descending track ends where the other begins
    third.displacement[:13] = np.nan
    got = east_up_series([asc, desc, third], PARAMS)
    known = np.isfinite(got["displacement_up"].to_numpy()[:, 2, 2])
    assert known.tolist() == [i < 12 for i in range(len(known))]


@pytest.mark.parametrize("chunks", [{"y": 2, "x": 3}, {"time": 7, "y": 5}])
def test_series_stay_lazy_and_blocks_change_nothing(chunks):
    whole = [series(t, d, bend, noise=3.0, seed=4) for t, d in (("asc", ASC), ("desc", DESC))]
    parts = [TrackSeries(t.name, t.displacement.chunk(chunks), t.std, t.los_east, t.los_up) for t in whole]
    a, b = east_up_series(whole, PARAMS), east_up_series(parts, PARAMS)
    assert b["displacement_up"].chunks is not None
    for name in a.data_vars:
        np.testing.assert_array_equal(a[name].to_numpy(), b[name].to_numpy())


@given(st.integers(0, 10_000), st.integers(0, 6))
def test_means_by_label_are_those_of_each_label_alone(seed, n):
    rng = np.random.default_rng(seed)
    values = np.where(rng.random((7, 9)) < 0.4, np.nan, rng.normal(size=(7, 9)))
    labels, numbers = rng.integers(0, 5, (7, 9)), rng.integers(0, 8, n)
    got = label_means(values, labels, numbers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("geo_risk.hazards.deformation.geometry.east_up_series._BAND", 2)
        lazy = [da.from_array(v, chunks=(3, 4)) for v in (values, labels)]
        # to the last bit: one value is added after another
        np.testing.assert_array_equal(label_means(*lazy, numbers), got)
    for k, mean in zip(numbers, got, strict=True):
        cells = values[(labels == k) & np.isfinite(values)]
        assert mean == pytest.approx(cells.mean()) if cells.size else np.isnan(mean)


def test_mean_series_of_bodies():
    labels = layer(0.0)
    labels[1:3, 1:3], labels[4, 4] = 4, 9
    given = []
    for name, days in (("asc", ASC), ("desc", np.union1d(DESC, [120]))):
        one = series(name, days, bend).displacement.to_numpy()[:, 0, 0]
        zeroed = np.stack([one - one[0]] * 2, axis=1)
        errors = np.where(np.arange(len(days))[:, None] == 0, 0.0, 1.5) * np.ones((1, 2))
        data = xr.Dataset(
            {n: (("time", "label"), v) for n, v in (("displacement_mm", zeroed), ("displacement_std_mm", errors))},
            coords={"time": START + days * DAY, "label": [4, 9]},
        )
        given.append((name, data, tuple(layer(c) for c in unit(name))))
    got = east_up_of_bodies(given, labels, PARAMS)
    day = (got["time"].to_numpy() - START) / DAY
    assert got["displacement_up"].dims == ("time", "label")
    assert got["displacement_up"].sel(label=9).to_numpy() == pytest.approx(bend(day)[1], abs=1e-3)
    assert (got["displacement_up_std"].to_numpy()[1:] > 0).all()


def test_series_that_cannot_be_joined_are_refused():
    asc = series("asc", ASC, bend)
    with pytest.raises(DataError, match="two looks"):
        east_up_series([asc], PARAMS)
    with pytest.raises(TimeError, match="share"):
        east_up_series([asc, series("desc", DESC + 600, bend)], PARAMS)
    with pytest.raises(GridError):
        east_up_series([asc, series("desc", DESC, bend, shape=(3, 4))], PARAMS)
    with pytest.raises(TimeError, match="rise"):
        east_up_series([asc, series("desc", DESC, bend)], PARAMS, epochs=START + np.array([60, 60]) * DAY)


day = st.integers(0, 400)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.tuples(st.sets(day, min_size=4), st.sets(day, min_size=4)), st.floats(-2, 2), st.floats(-2, 2))
def test_straight_motion_is_met_exactly_whatever_the_dates(days, east, up):
    dates = [np.array(sorted(d)) for d in days]
    tracks = [
        series(t, d, lambda x: (east * x, up * x), shape=(1, 1)) for t, d in zip(("asc", "desc"), dates, strict=True)
    ]
    try:
        epochs = common_epochs([t.displacement["time"].to_numpy() for t in tracks])
    except TimeError:
        return
    got = east_up_series(tracks, DecompositionParams(maximum_gap_days=500))
    passed = (epochs - epochs[0]) / DAY
    assert got["displacement_east"].to_numpy().ravel() == pytest.approx(east * passed, abs=2e-3)
    assert got["displacement_up"].to_numpy().ravel() == pytest.approx(up * passed, abs=2e-3)


def test_cube_is_written_band_by_band_and_read_back(tmp_path):
    found = [series(t, d, bend) for t, d in (("asc", ASC), ("desc", DESC))]
    cube = east_up_series(
        [TrackSeries(t.name, t.displacement.chunk({"y": 2}), t.std, t.los_east, t.los_up) for t in found], PARAMS
    ).assign_coords(spatial_ref=layer(0)["spatial_ref"])
    write_series_cube(cube, tmp_path / "s.nc")
    with xr.open_dataset(tmp_path / "s.nc", engine="h5netcdf") as read:
        np.testing.assert_array_equal(read["displacement_up"].to_numpy(), cube["displacement_up"].to_numpy())
        assert (read["time"].to_numpy() == cube["time"].to_numpy()).all()
        assert "GeoTransform" in read["spatial_ref"].attrs
    with pytest.raises(DataError, match="units"):
        write_series_cube(cube.drop_vars(list(cube.data_vars)), tmp_path / "t.nc")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s.nc"]


@pytest.mark.real
def test_north_anatolian_fault_is_the_plain_solution_of_what_was_written(tmp_path):
    from geo_risk.flow.steps import deformation as steps
    from geo_risk.flow.steps.deformation_east_up import EAST_UP, LEAK, write_east_up
    from geo_risk.publish.frames import write_json
    from geo_risk.sources.layers import open_layer
    from geo_risk.sources.options import TrackOptions

    folder = Path(os.environ["GEO_RISK_REAL"]) / "insar/licsbas_naf"
    bounds = (600_000, 4_400_000, 800_000, 4_600_000)
    write_json(Grid.from_bounds(bounds, crs="EPSG:32636", resolution_m=1000).to_dict(), tmp_path / "grid.json")
    paths = {n: [tmp_path / f"{n}_{t}.tif" for t in ("asc", "desc")] for n in steps.PER_TRACK}
    for i, (track, frame) in enumerate((("asc", "014A_04939_131313"), ("desc", "094D_04913_101213"))):
        native = tmp_path / f"{track}.h5"
        steps.write_velocity(
            files=[folder / frame], geometry=None, coherence=None, gacos=None, out=native, track=track,
            facts=tmp_path / "f.json", correction=tmp_path / "c.nc",
            options=TrackOptions(), params=VelocityParams(), maximum_sigma_mm_yr=15,
        )  # fmt: skip
        out = {n: paths[n][i] for n in steps.PER_TRACK}
        steps.write_on_grid(native=native, grid=tmp_path / "grid.json", track=track, resampling="bilinear",
                            facts=tmp_path / f"grid_{track}.json", **out)  # fmt: skip
    written = {n: tmp_path / f"{n}.tif" for n in (*EAST_UP, *LEAK)}
    write_east_up(tracks=["asc", "desc"], params=PARAMS, facts=tmp_path / "e.json", **paths, **written)
    v, e, u = ([open_layer(p).to_numpy().astype(float) for p in paths[n]] for n in ("velocity", "los_east", "los_up"))
    east, up = (open_layer(written[n]).to_numpy() for n in ("velocity_east", "velocity_up"))
    common = np.argwhere(np.isfinite(east))
    for r, c in np.random.default_rng(1).choice(common, 1000, replace=False):
        want = np.linalg.solve([[e[0][r, c], u[0][r, c]], [e[1][r, c], u[1][r, c]]], [v[0][r, c], v[1][r, c]])
        assert [east[r, c], up[r, c]] == pytest.approx(list(want), abs=0.01)
