"""From files of two tracks to east and up series and the blind map, by the steps themselves."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
import xarray as xr

from geo_risk.core.errors import DataError, OverlapError
from geo_risk.core.grid import Grid
from geo_risk.flow.steps import deformation as steps
from geo_risk.flow.steps.deformation_east_up import LEAK, date_spread, write_east_up_series
from geo_risk.flow.steps.deformation_slope import SLOPE, blind_shares, write_slope
from geo_risk.hazards.deformation.params import DecompositionParams, SlopeParams, VelocityParams
from geo_risk.publish.frames import write_json
from geo_risk.publish.raster import write_layer
from geo_risk.sources.cube_grid import cube_onto_grid
from geo_risk.sources.insar import Frame
from geo_risk.sources.layers import open_layer
from geo_risk.sources.options import TrackOptions
from tests.support.insar import CELL, LEFT, TOP, times, write_mintpy

N = 20
SHAPE = (N, 14, 16)
GRID = Grid.from_bounds((LEFT, TOP - 14 * CELL, LEFT + 16 * CELL, TOP), crs="EPSG:4546", resolution_m=30)
PARAMS = VelocityParams(atmosphere="none", reference="as_given", estimator="least_squares", date_weights=False,
                        temporal_correlation="none")  # fmt: skip
SINKING, EASTWARD = -0.15, 0.08  # mm a day


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two tracks of steady sinking and eastward motion with a little noise; the first hides its west in shadow."""
    folder = tmp_path_factory.mktemp("tracks")
    days = (times(N) - times(N)[0]) / np.timedelta64(1, "D")
    write_json(GRID.to_dict(), folder / "grid.json")
    out = {"folder": folder, "files": {}, "layers": {n: [] for n in (*steps.PER_TRACK, "shadow", "sudden")}}
    for k, (track, toward) in enumerate((("asc", -1.0), ("desc", 1.0))):
        inc, az = np.deg2rad(39), np.deg2rad({"asc": 103.0, "desc": 257.0}[track])
        east, up = -np.sin(inc) * np.sin(az), np.cos(inc)
        assert np.sign(east) == toward
        motion = (east * EASTWARD + up * SINKING) * days / 1000
        noise = np.random.default_rng(k).normal(0, 2e-4, SHAPE)
        paths = write_mintpy(folder / track, motion[:, None, None] + noise, track=track)
        with h5py.File(paths["geometry"], "r+") as file:
            mask = np.zeros(SHAPE[1:], dtype=bool)
            mask[:, :4] = track == "asc"
            file["shadowMask"] = mask
        native = folder / f"{track}.h5"
        steps.write_velocity(
            files=[paths["files"]], geometry=[paths["geometry"]], coherence=None, gacos=None, out=native,
            facts=folder / f"{track}.json", correction=folder / f"{track}.nc", track=track, options=TrackOptions(),
            params=PARAMS, maximum_sigma_mm_yr=1000,
        )  # fmt: skip
        written = {n: folder / f"{n}_{track}.tif" for n in out["layers"]}
        steps.write_on_grid(native=native, grid=folder / "grid.json", track=track, resampling="bilinear",
                            facts=folder / f"grid_{track}.json", **written)  # fmt: skip
        for n, p in written.items():
            out["layers"][n].append(p)
        out["files"] |= {f"files_{track}": [paths["files"]], f"geometry_{track}": [paths["geometry"]]}
    return out


@pytest.mark.slow
def test_series_of_two_tracks_reach_the_run_grid(made):
    folder = made["folder"]
    write_east_up_series(
        tracks=["asc", "desc"], options=[{}, {}], params=DecompositionParams(series=True), resampling="bilinear",
        native=[folder / "asc.h5", folder / "desc.h5"], correction=[folder / "asc.nc", folder / "desc.nc"],
        grid=folder / "grid.json", out=folder / "cube.nc", facts=folder / "cube.json", **made["files"],
    )  # fmt: skip
    with xr.open_dataset(folder / "cube.nc", engine="h5netcdf") as cube:
        days = (cube["time"].to_numpy() - cube["time"].to_numpy()[0]) / np.timedelta64(1, "D")
        assert cube.sizes == {"time": N, "y": 28, "x": 32}
        for name, rate in (("displacement_up", SINKING), ("displacement_east", EASTWARD)):
            middle = cube[name].to_numpy()[:, 3:-3, 3:-3]
            assert np.abs(middle - rate * days[:, None, None]).max() < 2.0
            error = cube[f"{name}_std"].to_numpy()[1:, 3:-3, 3:-3]
            assert 0.1 < np.median(error) < 0.6
        assert np.isnan(cube["displacement_up"].to_numpy()[:, 0, 0]).all()  # half a radar cell beyond its centres
    facts = json.loads((folder / "cube.json").read_text())
    assert facts["counts"] == {"epochs": N}
    assert "20 common epochs" in facts["notes"][0]["text_en"]


@pytest.mark.slow
def test_the_mask_of_the_product_reaches_the_blind_map(made):
    folder = made["folder"]
    x = np.broadcast_to(GRID.coords()["x"], GRID.shape)
    for name, value, units in (("slope_deg", 25 + 0 * x, "degree"), ("aspect_deg", 90 + 0 * x, "degree"),
                               ("dem", -np.tan(np.deg2rad(25)) * (x - x.min()), "m")):  # fmt: skip
        write_layer(GRID.layer(value.astype("f4"), units=units, long_name=name, name=name), folder / f"{name}.tif")
    out = {n: folder / f"one_{n}.tif" for n in (*SLOPE, "hidden_asc")}
    only = {n: [p[0]] for n, p in made["layers"].items()}
    ground = {n: folder / f"{n}.tif" for n in ("slope_deg", "aspect_deg", "dem")}
    write_slope(tracks=["asc"], params=SlopeParams(), facts=folder / "one.json", **only, **ground, **out)
    blind = open_layer(out["blind_map"])
    codes = blind.to_numpy()
    assert (codes[4:-4, 2:8] == 3).all()
    assert (codes[4:-4, 8:-4] == 0).all()
    shares = json.loads((folder / "one.json").read_text())["counts"]
    assert shares == blind_shares(blind)
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["layover_or_shadow"] == pytest.approx((codes == 3).mean())


@pytest.mark.slow
def test_what_a_north_motion_feigns_is_said(made):
    from geo_risk.flow.steps.deformation_east_up import EAST_UP, write_east_up

    folder = made["folder"]
    paths = {n: made["layers"][n] for n in steps.PER_TRACK}
    out = {n: folder / f"{n}.tif" for n in (*EAST_UP, *LEAK)}
    write_east_up(tracks=["asc", "desc"], params=DecompositionParams(), facts=folder / "e.json", **paths, **out)
    said = json.loads((folder / "e.json").read_text())
    worst = 10 * np.sin(np.deg2rad(39)) * np.cos(np.deg2rad(103)) / np.cos(np.deg2rad(39))
    assert said["counts"]["north_leak_up_mm_yr"] == pytest.approx(abs(worst), rel=1e-3)
    assert f"up by at most {abs(worst):.1f} mm/yr" in said["notes"][0]["text_en"]


@pytest.mark.slow
def test_two_looks_too_alike_feign_nothing_and_know_nothing(made):
    from geo_risk.flow.steps.deformation_east_up import EAST_UP, write_east_up

    folder = made["folder"]
    paths = {n: [made["layers"][n][0]] * 2 for n in steps.PER_TRACK}
    out = {n: folder / f"same_{n}.tif" for n in (*EAST_UP, *LEAK)}
    write_east_up(tracks=["asc", "asc2"], params=DecompositionParams(), facts=folder / "same.json", **paths, **out)
    said = json.loads((folder / "same.json").read_text())
    assert said["counts"]["north_leak_up_mm_yr"] is None
    assert said["notes"][0]["level"] == "warning"
    assert "known nowhere" in said["notes"][0]["text_en"]
    assert "均未知" in said["notes"][0]["text_zh"]


@pytest.mark.slow
def test_velocities_have_no_series(made, tmp_path):
    folder = made["folder"]
    path = tmp_path / "velocity.h5"
    with h5py.File(made["files"]["files_asc"][0]) as source, h5py.File(path, "w") as file:
        file["velocity"] = np.full(SHAPE[1:], 0.01, "f4")
        file.attrs.update({**source.attrs, "FILE_TYPE": "velocity", "UNIT": "m/year"})
    files = {**made["files"], "files_asc": [path]}
    with pytest.raises(DataError, match="has a series"):
        write_east_up_series(
            tracks=["asc", "desc"], options=[{}, {}], params=DecompositionParams(series=True), resampling="bilinear",
            native=[folder / "asc.h5", folder / "desc.h5"], correction=[folder / "asc.nc", folder / "desc.nc"],
            grid=folder / "grid.json", out=tmp_path / "no.nc", facts=tmp_path / "no.json", **files,
        )  # fmt: skip
    assert not (tmp_path / "no.nc").exists()


def cube_of(values):
    coords = {"time": times(len(values))}
    return xr.DataArray(values.astype("f4"), dims=("time", "y", "x"), coords=coords, attrs={"units": "mm"})


@pytest.mark.parametrize("height", [1, 5, 100])
def test_a_plane_is_met_between_cells_whatever_the_bands(monkeypatch, height):
    monkeypatch.setattr("geo_risk.sources.cube_grid.BLOCK_BYTES", 4 * 3 * GRID.shape[1] * height)
    from affine import Affine

    frame = Frame("EPSG:4546", Affine(CELL, 0, LEFT, 0, -CELL, TOP), SHAPE[1:])
    y, x = (frame.coords()[d] for d in ("y", "x"))
    values = np.stack([k * (x[None] - LEFT) + (TOP - y[:, None]) for k in (1, 2, 3)])
    values[1, 5, 6] = np.nan
    got = cube_onto_grid(cube_of(values).chunk({"y": 4}), frame, GRID, method="bilinear")
    assert got.chunks is not None
    gx, gy = (GRID.coords()[d] for d in ("x", "y"))
    want = np.stack([k * (gx[None] - LEFT) + (TOP - gy[:, None]) for k in (1, 2, 3)])
    known = np.isfinite(got.to_numpy())
    assert np.abs(got.to_numpy() - want)[known].max() < 1e-2
    assert known[0].sum() == 26 * 30
    assert (known[0] & ~known[1]).sum() == 16
    assert got.attrs["units"] == "mm"


def test_a_cube_elsewhere_or_an_unknown_method_is_refused():
    from affine import Affine

    cube = cube_of(np.zeros(SHAPE))
    away = Frame("EPSG:4546", Affine(CELL, 0, LEFT + 1e6, 0, -CELL, TOP), SHAPE[1:])
    with pytest.raises(OverlapError):
        cube_onto_grid(cube, away, GRID, method="nearest")
    with pytest.raises(DataError, match="cubic"):
        cube_onto_grid(cube, away, GRID, method="cubic")


def test_a_date_without_weight_has_no_error():
    spread = date_spread(np.array([4.0, 1.0, 0.0]), xr.DataArray(times(3), dims="time")).to_numpy()
    assert spread[:2].tolist() == [0.5, 1.0]
    assert np.isnan(spread[2])
    assert date_spread(None, xr.DataArray(times(2), dims="time")).to_numpy().tolist() == [1.0, 1.0]
