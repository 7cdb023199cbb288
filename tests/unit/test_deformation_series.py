"""Series of bodies, and the record of what was taken off every date."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from affine import Affine
from dask import array as da
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from geo_risk.core.errors import CorruptFileError, DataError, GridError
from geo_risk.core.grid import Grid
from geo_risk.hazards.deformation.activity.series import cell_size_m, label_series, labels_onto
from geo_risk.hazards.deformation.motion.correction import SceneCorrection, years
from geo_risk.hazards.deformation.motion.jumps import Jumps
from geo_risk.hazards.deformation.motion.removal import Removal, corrected_series, removal_dataset, removal_of
from geo_risk.hazards.deformation.motion.velocity import line_of_sight_velocity, track_velocity
from geo_risk.hazards.deformation.params import VelocityParams
from geo_risk.publish.dataset import write_dataset
from geo_risk.sources.dataset import read_dataset
from tests.support.insar import CELL, LEFT, TOP, dataset, times

SHAPE = (30, 34)
BODY = (slice(12, 16), slice(14, 19))


def labels() -> np.ndarray:
    out = np.zeros(SHAPE, dtype=np.int32)
    out[BODY] = 3
    return out


def scene(motion_mm: np.ndarray, *, noise_mm: float = 0.0, seed: int = 1) -> np.ndarray:
    """A body that moves as told (time,) in an atmosphere that slopes from west to east, [m]."""
    n = len(motion_mm)
    rng = np.random.default_rng(seed)
    x = np.linspace(-1, 1, SHAPE[1])
    air = rng.normal(0, 5, (n, 1, 1)) + rng.normal(0, 5, (n, 1, 1)) * x[None, None]
    out = np.broadcast_to(air, (n, *SHAPE)) + rng.normal(0, noise_mm, (n, *SHAPE))
    out[(slice(None), *BODY)] += motion_mm[:, None, None]
    return out / 1000


def correction(n: int, names: tuple[str, ...] = ("one", "x", "height")) -> SceneCorrection:
    rng = np.random.default_rng(3)
    return SceneCorrection(
        names, rng.normal(0, 0.01, (n, len(names))), np.ones(n), np.full(n, 0.003), 2.0, 0.9, 500.0, 100.0
    )


def test_the_series_of_a_body_is_its_motion_without_the_air_it_shares_with_stable_ground():
    t = years(times(40))
    motion = -20 * t + 5 * t**2
    # cells of the body lie half a cell off the middle of the ring: the slope of the air leaves a trace of 5 mm x 0.02
    got = label_series(dataset(scene(motion, noise_mm=0.2)), labels(), Removal())
    assert got["label"].to_numpy().tolist() == [3]
    assert np.abs(got["displacement_mm"].to_numpy()[:, 0] - motion).max() < 2.0
    assert (got["n_pixels"].to_numpy() == 20).all()
    assert int(got["n_reference"][0]) == 200


@pytest.mark.slow
@pytest.mark.parametrize("reference", ["as_given", "area", "stable_median"])
def test_stable_ground_is_known_though_the_reference_itself_moves(reference):
    t = years(times(40))
    field = scene(-20 * t, noise_mm=0.5)
    # the processor's reference, and the area asked for, heave by 40 mm/yr
    field -= 0.04 * t[:, None, None]
    field[:, :3, :3] += 0.04 * t[:, None, None]
    data = dataset(field)
    lon, lat = Transformer.from_crs("EPSG:4546", "EPSG:4326", always_xy=True).transform(LEFT + 90, TOP - 90)
    where = {"reference_lon_lat": (lon, lat), "reference_radius_m": 60.0} if reference == "area" else {}
    params = VelocityParams(reference=reference, annual="never", **where)
    _, _, _, removal = track_velocity(data, params, maximum_sigma_mm_yr=15)
    assert removal.correction is not None
    want = 0.0 if reference == "stable_median" else -40.0
    assert removal.correction.stable_velocity_mm_yr == pytest.approx(want, abs=2)
    got = label_series(data, labels(), removal)
    assert int(got["n_reference"][0]) == 200
    assert np.polyfit(t, got["displacement_mm"].to_numpy()[:, 0], 1)[0] == pytest.approx(-20, abs=1.5)


@pytest.mark.slow
def test_the_stated_error_covers_the_series():
    inside = []
    for seed in range(40):
        got = label_series(dataset(scene(np.zeros(20), noise_mm=2.0, seed=seed)), labels(), Removal())
        off = got["displacement_mm"].to_numpy()[1:, 0]
        std = got["displacement_std_mm"].to_numpy()[1:, 0]
        inside.append(np.abs(off) <= 1.96 * np.hypot(std, got["displacement_std_mm"].to_numpy()[0, 0]))
    assert np.mean(inside) >= 0.95


def test_cells_lost_part_way_do_not_bend_the_mean():
    t = years(times(40))
    field = scene(-30 * t)
    field[:, 13, 15] += -0.2 * t  # the fast middle, lost after half the time
    field[20:, 13, 15] = np.nan
    field[5, 14, 16] = np.nan  # a single gap stays in
    got = label_series(dataset(field), labels(), Removal())
    assert got["n_pixels"].to_numpy()[:, 0].tolist() == [19 if k != 5 else 18 for k in range(40)]
    rate = np.polyfit(t, got["displacement_mm"].to_numpy()[:, 0], 1)[0]
    assert rate == pytest.approx(-30, abs=1.0)
    air = scene(np.zeros(40))
    plain_mean = np.nanmean((field - air)[(slice(None), *BODY)], axis=(1, 2)) * 1000
    assert abs(np.polyfit(t, plain_mean, 1)[0] + 30) > 2  # what it is kept from


def test_a_body_that_is_lost_everywhere_is_missing_not_still():
    field = scene(np.zeros(20))
    field[(slice(None), *BODY)] = np.nan
    got = label_series(dataset(field), labels(), Removal())
    assert np.isnan(got["displacement_mm"].to_numpy()).all()
    assert np.isnan(got["displacement_std_mm"].to_numpy()).all()
    assert (got["n_pixels"].to_numpy() == 0).all()


def test_where_nothing_is_stable_nothing_is_taken_off():
    t = years(times(30))
    everything = np.broadcast_to(-200 * t[:, None, None], (30, *SHAPE)) / 1000
    sinking = Removal(replace(correction(30, ()), stable_share=0.0))
    got = label_series(dataset(np.array(everything)), labels(), sinking)
    assert got["displacement_mm"].to_numpy()[:, 0] == pytest.approx(-200 * t, abs=1e-3)
    assert int(got["n_reference"][0]) == 0
    assert np.isnan(got["displacement_std_mm"].to_numpy()).all()


def test_without_labels_there_is_no_series():
    got = label_series(dataset(scene(np.zeros(12))), np.zeros(SHAPE, dtype=np.int32), Removal())
    assert got["displacement_mm"].shape == (12, 0)


def test_blocks_and_moving_neighbours_change_nothing():
    t = years(times(30))
    field = scene(-20 * t, noise_mm=0.5)
    field[:, 2:8, 20:30] += (-60 * t / 1000)[:, None, None]  # another body nearby that nobody labelled
    still = Removal(correction(30, ()))
    whole = label_series(dataset(field), labels(), still)
    blocks = label_series(dataset(field).chunk({"time": -1, "y": 7, "x": 5}), labels(), still)
    assert np.array_equal(whole["displacement_mm"], blocks["displacement_mm"])
    assert np.polyfit(t, whole["displacement_mm"].to_numpy()[:, 0], 1)[0] == pytest.approx(-20, abs=1.5)


@settings(max_examples=12, deadline=None)
@given(st.floats(-500, 500), st.sampled_from([("m", 1.0), ("mm", 1000.0), ("cm", 100.0)]))
def test_offsets_and_units_do_not_matter(offset, unit):
    field = scene(-20 * years(times(12)), noise_mm=0.5)
    plain = label_series(dataset(field), labels(), Removal())["displacement_mm"].to_numpy()
    data = dataset((field + offset / 1000) * unit[1])
    data["displacement"].attrs["units"] = unit[0]
    # float32 holds 500 mm to 3e-5 mm
    assert label_series(data, labels(), Removal())["displacement_mm"].to_numpy() == pytest.approx(plain, abs=1e-2)


def test_labels_of_another_shape_are_refused():
    with pytest.raises(GridError, match="labels_onto"):
        label_series(dataset(scene(np.zeros(12))), np.zeros((3, 3), dtype=np.int32), Removal())


def test_labels_come_from_a_finer_grid_by_nearest_cell():
    fine = Grid(GeoBox((2 * SHAPE[0], 2 * SHAPE[1]), Affine(CELL / 2, 0, LEFT, 0, -CELL / 2, TOP), "EPSG:4546"))
    values = np.kron(labels(), np.ones((2, 2), dtype=np.int32))
    layer = fine.layer(values, units="1", long_name="labels", name="labels")
    assert np.array_equal(labels_onto(layer, dataset(scene(np.zeros(3)))), labels())


def test_labels_come_from_another_crs_and_end_outside_their_grid():
    target = dataset(scene(np.zeros(3)))
    west = Grid(GeoBox((SHAPE[0], 16), Affine(CELL, 0, LEFT, 0, -CELL, TOP), "EPSG:4546"))
    layer = west.layer(labels()[:, :16], units="1", long_name="labels", name="labels")
    got = labels_onto(layer, target)
    assert got[:, :16].max() == 3
    assert got[:, 16:].max() == 0


@pytest.mark.parametrize("rows", [1, 4, 30])
def test_labels_are_read_in_bands_and_never_whole(monkeypatch, rows):
    target = dataset(scene(np.zeros(3)))
    grid = Grid(GeoBox(SHAPE, Affine(CELL, 0, LEFT, 0, -CELL, TOP), "EPSG:4546"))
    values = np.random.default_rng(2).integers(-1, 5, SHAPE).astype(np.float32)
    values[3, 4] = np.nan
    read = []

    def block(block_info=None):
        (r0, r1), (c0, c1) = block_info[None]["array-location"]
        read.append(r1 - r0)
        return values[r0:r1, c0:c1]

    lazy = da.map_blocks(block, chunks=((1,) * SHAPE[0], (SHAPE[1],)), dtype=np.float32, meta=np.empty((0, 0), "f4"))
    monkeypatch.setattr("geo_risk.hazards.deformation.activity.series._BAND_CELLS", rows * SHAPE[1])
    got = labels_onto(grid.layer(lazy, units="1", long_name="labels", name="labels"), target)
    assert np.array_equal(got, np.where(values >= 1, values, 0))
    # every row once, whatever the bands
    assert len(read) == SHAPE[0]


def test_cells_in_degrees_have_metres():
    data = dataset(scene(np.zeros(3))).assign_attrs(crs="EPSG:4326", transform=[0.001, 0, 111.0, 0, -0.001, 60.015])
    assert cell_size_m(data) == pytest.approx((110.574, 111.32 * 0.5), rel=1e-3)
    assert cell_size_m(dataset(scene(np.zeros(3)))) == (CELL, CELL)


def test_a_removal_comes_back_from_its_file_as_it_was(tmp_path):
    c = correction(12)
    last = np.full((8, 9), 11, dtype=np.int16)
    jumps = Jumps(np.random.default_rng(0).random((12, 8, 9)) < 0.1, 4, last)
    write_dataset(removal_dataset(Removal(c, jumps), times(12)), tmp_path / "c.nc")
    got = removal_of(read_dataset(tmp_path / "c.nc"))
    assert got.correction is not None
    assert got.jumps is not None
    assert got.correction.names == c.names
    assert np.array_equal(got.correction.coefficients, c.coefficients)
    assert np.array_equal(got.jumps.mask, jumps.mask)
    assert np.array_equal(got.jumps.last, last)
    assert (got.jumps.block, got.correction.height_scale_m) == (4, 100.0)


@pytest.mark.parametrize("removal", [Removal(), Removal(correction(12, ()))])
def test_a_removal_of_nothing_comes_back_as_nothing(tmp_path, removal):
    write_dataset(removal_dataset(removal, times(12)), tmp_path / "c.nc")
    got = removal_of(read_dataset(tmp_path / "c.nc"))
    assert (got.correction is None) == (removal.correction is None)
    assert got.correction is None or got.correction.coefficients.shape == (12, 0)


def test_a_broken_record_is_named(tmp_path):
    (tmp_path / "c.nc").write_bytes(b"\x89HDF\r\n\x1a\nbroken")
    with pytest.raises(CorruptFileError, match="read"):
        read_dataset(tmp_path / "c.nc")


def test_the_corrected_series_is_what_the_velocity_was_fitted_to():
    rng = np.random.default_rng(5)
    data = dataset(rng.normal(0, 0.01, (30, *SHAPE)), height=rng.normal(500, 100, SHAPE))
    removal = Removal(correction(30), Jumps(rng.random((30, 8, 9)) < 0.1, 4))
    params = VelocityParams(annual="never", estimator="least_squares")
    direct = line_of_sight_velocity(data, params, removal.correction, removal.jumps)
    bare = xr.Dataset({"displacement": corrected_series(data, removal)}, attrs=data.attrs)
    again = line_of_sight_velocity(bare, params)
    assert again["velocity"].to_numpy() == pytest.approx(direct["velocity"].to_numpy(), abs=1e-3)


@pytest.mark.parametrize("removal", [Removal(correction(11)), Removal(None, Jumps(np.zeros((11, 8, 9), bool), 4))])
def test_a_removal_of_another_series_is_refused(removal):
    with pytest.raises(DataError, match="11 dates"):
        corrected_series(dataset(scene(np.zeros(12)), height=np.zeros(SHAPE)), removal)


def test_a_velocity_has_no_series():
    with pytest.raises(DataError, match="displacement"):
        corrected_series(xr.Dataset({"velocity": (("y", "x"), np.zeros((2, 2)))}), Removal())
