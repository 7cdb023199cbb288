"""Rain files: what is proved, what is mended and counted, and what stops the run."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from geo_risk.core.errors import (
    AmbiguousError,
    CorruptFileError,
    CrsError,
    DataError,
    DiskFullError,
    RefusedFileError,
    TimeError,
    UnitError,
)
from geo_risk.core.grid import Grid
from geo_risk.publish.cube import write_cube
from geo_risk.sources.options import RainOptions
from geo_risk.sources.rain import RainRules, hourly, read_own, read_rain
from geo_risk.sources.rain_grid import align, bilinear, onto_grid


def write(path, values=None, *, hours=None, attrs=None, time=None, crs="EPSG:4546", conventions="CF-1.8", y=None):
    values = np.ones((3, 2, 2)) if values is None else np.asarray(values, dtype="float64")
    hours = np.arange(1, len(values) + 1) if hours is None else hours
    rain = {"units": "mm", "cell_methods": "time: sum", "grid_mapping": "spatial_ref"} | (attrs or {})
    time = {"units": "hours since 2024-07-01 00:00:00", "long_name": "end"} | (time or {})
    data = {"rain": (("time", "y", "x"), values, {k: v for k, v in rain.items() if v is not None})}
    if crs:
        data["spatial_ref"] = ((), 0, CRS(crs).to_cf())
    y = [4_000_500.0, 3_999_500.0] if y is None else y
    coords = {
        "time": ("time", np.asarray(hours, dtype="float64"), time),
        "y": ("y", y, {"units": "m"}), "x": ("x", [500_500.0, 501_500.0], {"units": "m"}),
    }  # fmt: skip
    xr.Dataset(data, coords=coords, attrs={"Conventions": conventions} if conventions else {}).to_netcdf(
        path, engine="h5netcdf"
    )
    return path


def test_a_good_file_is_read_as_it_is(tmp_path):
    values = np.arange(12.0).reshape(3, 2, 2)
    cube, audit = read_rain(write(tmp_path / "r.nc", values))
    np.testing.assert_array_equal(cube.to_numpy(), values)
    assert cube["time"].to_numpy()[0] == np.datetime64("2024-07-01T01:00")
    assert (audit.interval_h, audit.first, audit.counts["gaps"]) == (1.0, "2024-07-01T01:00:00Z", 0)
    assert cube.chunks is not None


def test_zone_start_stamp_rate_unit_and_south_up_are_normalised(tmp_path):
    path = write(
        tmp_path / "r.nc", np.full((3, 2, 2), 0.5) * [[[1], [2]]], y=[3_999_500.0, 4_000_500.0],
        attrs={"units": "cm/h", "cell_methods": "time: mean"},
        time={"units": "hours since 2024-07-01 08:00:00 +08:00", "long_name": "start of the interval"},
    )  # fmt: skip
    cube, _ = read_rain(path)
    assert cube["time"].to_numpy()[0] == np.datetime64("2024-07-01T02:00")
    np.testing.assert_allclose(cube.to_numpy()[0], [[10, 10], [5, 5]])
    assert cube["y"].to_numpy()[0] > cube["y"].to_numpy()[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"attrs": {"units": None}}, UnitError, "units"),
        ({"attrs": {"units": "degC"}}, UnitError, "degC"),
        ({"attrs": {"cell_methods": None}}, AmbiguousError, "amount"),
        ({"attrs": {"units": "mm/h"}}, AmbiguousError, "rate"),
        ({"conventions": None}, AmbiguousError, "no zone"),
        ({"time": {"long_name": "time"}}, AmbiguousError, "start or the end"),
        ({"time": {"long_name": "time since the start of the model run"}}, AmbiguousError, "start or the end"),
        ({"time": {"long_name": "end, Beijing time"}}, AmbiguousError, "Beijing time"),
        ({"crs": None, "attrs": {"grid_mapping": None}}, CrsError, "no CRS"),
        ({"hours": [1, 2, 2]}, TimeError, "twice"),
        ({"hours": [1, 2, 3.5]}, TimeError, "multiples"),
        ({"time": {"units": "months since 2024-01-01"}}, TimeError, "months"),
        ({"values": np.full((3, 2, 2), -5.0)}, DataError, "12 negative"),
        ({"values": np.full((3, 2, 2), np.inf)}, DataError, "12 infinite"),
        ({"values": np.full((3, 2, 2), 9999.0)}, DataError, "no value"),
        ({"values": np.full((3, 2, 2), 3000.0)}, DataError, "above_limit"),
    ],
)  # fmt: skip
def test_doubt_stops_with_exit_code_3(tmp_path, change, error, words):
    with pytest.raises(error, match=words) as caught:
        read_rain(write(tmp_path / "r.nc", **change))
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("long_name", "comment", "first"),
    [
        ("time", "Data start in June 2000. Hourly grids.", None),
        ("time", "Back-end reprocessing; the period of record ends 2024.", None),
        ("time", "The end of the period of record is 2024.", None),
        ("time", "A time is the end of its hour.", "2024-07-01T01:00"),
        ("end of the accumulation period", "Data start in June 2000.", "2024-07-01T01:00"),
        ("hour ending", "", "2024-07-01T01:00"),
        ("start time", "", "2024-07-01T02:00"),
        ("beginning of each hour", "", "2024-07-01T02:00"),
    ],
)
def test_words_tell_the_side_of_a_stamp_only_where_they_speak_of_it(tmp_path, long_name, comment, first):
    path = write(tmp_path / "r.nc", time={"long_name": long_name, "comment": comment})
    if first is None:
        with pytest.raises(AmbiguousError, match="start or the end"):
            read_rain(path)
    else:
        assert read_rain(path)[0]["time"].to_numpy()[0] == np.datetime64(first)


@pytest.mark.parametrize("stated", [True, False])
def test_the_total_at_lead_0_is_no_dry_hour_before_the_forecast(tmp_path, stated):
    path = write(tmp_path / "f.nc", np.array([0.0, 3, 7, 12])[:, None, None] * np.ones((1, 2, 2)), hours=[0, 1, 2, 3])
    if stated:
        with xr.open_dataset(path, decode_times=False) as source:
            own = source.load().assign_attrs(forecast_reference_time="2024-07-01T00:00:00Z")
        path = tmp_path / "stated.nc"
        own.to_netcdf(path, engine="h5netcdf")
    cube, audit = read_rain(path, RainRules(options=RainOptions(kind="running")))
    np.testing.assert_array_equal(cube.to_numpy()[:, 0, 0], [3, 4, 5])
    assert audit.first == "2024-07-01T01:00:00Z"
    assert any("Lead 0" in s for s in audit.sentences)


def test_a_total_at_lead_0_alone_stops(tmp_path):
    path = write(tmp_path / "f.nc", np.zeros((2, 2, 2)), hours=[0, 1])
    with xr.open_dataset(path, decode_times=False) as source:
        first = source.load().isel(time=[0]).assign_attrs(forecast_reference_time="2024-07-01T00:00:00Z")
    first.to_netcdf(tmp_path / "first.nc", engine="h5netcdf")
    with pytest.raises(TimeError, match="over no time"):
        read_rain(tmp_path / "first.nc", RainRules(options=RainOptions(kind="running")))


def test_bounds_may_name_the_last_second(tmp_path):
    path = write(tmp_path / "r.nc")
    with xr.open_dataset(path, decode_times=False) as source:
        own = source.load()
    own["time"].attrs |= {"units": "seconds since 2024-07-01 00:00:00", "bounds": "time_bnds"}
    own["time_bnds"] = (("time", "nv"), np.array([[0, 3599], [3600, 7199], [7200, 10799]]))
    own.to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    cube, audit = read_rain(tmp_path / "b.nc")
    assert (audit.interval_h, audit.first, audit.counts["unsplit"]) == (1, "2024-07-01T01:00:00Z", 0)
    assert (cube.to_numpy() == 1).all()


def test_beijing_time_in_the_time_units_is_read(tmp_path):
    cube, _ = read_rain(write(tmp_path / "r.nc", time={"units": "hours since 2024-07-01 08:00:00 BJT"}))
    assert cube["time"].to_numpy()[0] == np.datetime64("2024-07-01T01:00")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "key", "given"),
    [
        ({"conventions": None}, "time_zone", {"time_zone": "+08:00"}),
        ({"time": {"long_name": "time"}}, "stamp", {"stamp": "start"}),
        ({"attrs": {"cell_methods": None}}, "kind", {"kind": "amount"}),
        ({"attrs": {"units": "mm/h"}}, "kind", {"kind": "rate"}),
        ({"attrs": {"units": None}}, "units", {"units": "mm"}),
        ({"crs": None, "attrs": {"grid_mapping": None}}, "crs", {"crs": "EPSG:4546"}),
    ],
)
def test_doubt_names_the_key_that_answers_it(tmp_path, change, key, given):
    path = write(tmp_path / "r.nc", **change)
    with pytest.raises(DataError) as caught:
        read_rain(path)
    assert f"`{key}" in caught.value.fix
    cube, audit = read_rain(path, RainRules(options=RainOptions(**given)))
    assert (cube.to_numpy() == 1).all()
    first = {"time_zone": "2024-06-30T17:00", "stamp": "2024-07-01T02:00"}.get(key, "2024-07-01T01:00")
    assert cube["time"].to_numpy()[0] == np.datetime64(first)
    assert len(audit.sentences) == len(audit.sentences_zh)


def test_few_faults_are_masked_and_counted(tmp_path):
    values = np.ones((200, 2, 2))
    values[0, 0, 0], values[1, 0, 0], values[2, 0, 0], values[3, 0, 0] = -1, np.inf, 9999, np.nan
    cube, audit = read_rain(write(tmp_path / "r.nc", values))
    found = {k: audit.counts[k] for k in ("negative", "infinite", "fill", "missing", "above_limit")}
    assert found == {"negative": 1, "infinite": 1, "fill": 1, "missing": 1, "above_limit": 0}
    assert int(np.isnan(cube.to_numpy()).sum()) == 4


def test_the_rounding_of_packed_zeros_is_no_fault(tmp_path):
    values = np.full((30, 2, 2), -2.8e-17)
    values[::3], values[1], values[2, 0, 0] = 1.5, -0.009, -0.011
    cube, audit = read_rain(write(tmp_path / "r.nc", values))
    assert audit.counts["negative"] == 1
    assert np.isnan(cube.to_numpy()[2, 0, 0])
    np.testing.assert_array_equal(cube.to_numpy()[1], 0)
    assert float(cube.min()) == 0
    assert float(cube.sum()) == pytest.approx(40 * 1.5)


def test_gaps_become_unknown_and_disorder_is_sorted(tmp_path):
    cube, audit = read_rain(write(tmp_path / "r.nc", np.arange(12.0).reshape(3, 2, 2), hours=[4, 1, 2]))
    assert (audit.counts["gaps"], audit.counts["unsorted"]) == (1, 3)
    assert np.isnan(cube.to_numpy()[2]).all()
    assert cube.to_numpy()[3, 0, 0] == 0
    assert any("missing" in s for s in audit.sentences)


def test_wrong_types_are_refused(tmp_path):
    (tmp_path / "a.nc").write_text("<VRTDataset/>")
    with pytest.raises(RefusedFileError):
        read_rain(tmp_path / "a.nc")
    (tmp_path / "b.nc").write_bytes(b"\x89HDF\r\n\x1a\n" + b"0" * 100)
    with pytest.raises(CorruptFileError):
        read_rain(tmp_path / "b.nc")
    with pytest.raises(DataError):
        read_rain(tmp_path / "gone.nc")


@pytest.mark.slow
def test_half_hours_become_hours_and_days_do_not(tmp_path):
    cube, _ = read_rain(write(tmp_path / "r.nc", np.ones((4, 2, 2)), hours=[0.5, 1, 1.5, 2]))
    got = hourly(cube, where="r.nc")
    np.testing.assert_array_equal(got.to_numpy()[:, 0, 0], [2, 2])
    daily, _ = read_rain(write(tmp_path / "d.nc", hours=[24, 48, 72]))
    with pytest.raises(TimeError, match="24 h"):
        hourly(daily, where="d.nc")
    shifted, _ = read_rain(write(tmp_path / "s.nc", hours=[0.25, 1.25, 2.25]))
    with pytest.raises(TimeError, match="clock hours"):
        hourly(shifted, where="s.nc")


def test_an_hour_that_the_file_holds_half_of_is_unknown(tmp_path):
    cube, _ = read_rain(write(tmp_path / "r.nc", np.ones((4, 2, 2)), hours=[1, 1.5, 2.5, 3]))
    got = hourly(cube, where="r.nc")
    assert [str(t)[11:16] for t in got["time"].to_numpy()] == ["01:00", "02:00", "03:00"]
    np.testing.assert_array_equal(got.to_numpy()[:, 0, 0], [np.nan, np.nan, 2])
    assert got["is_gap"].to_numpy().tolist() == [1, 1, 0]


@pytest.mark.slow
def test_a_cube_goes_out_and_comes_back(tmp_path):
    cube, _ = read_rain(write(tmp_path / "r.nc", np.arange(12.0).reshape(3, 2, 2)))
    write_cube(cube.where(cube != 5), tmp_path / "out.nc")
    back, audit = read_rain(tmp_path / "out.nc")
    np.testing.assert_array_equal(read_own(tmp_path / "out.nc").to_numpy(), back.to_numpy())
    np.testing.assert_array_equal(back.to_numpy(), cube.where(cube != 5).to_numpy())
    np.testing.assert_array_equal(back["time"].to_numpy(), cube["time"].to_numpy())
    assert audit.counts["missing"] == 1
    with pytest.raises(DataError, match="interval"):
        write_cube(cube.assign_attrs(interval_h=None), tmp_path / "bad.nc")


def plane(cube, grid):
    c = grid.coords()
    return 1 + (c["x"][None, :] - 500_500) / 1000 + 2 * (4_000_500 - c["y"][:, None]) / 1000


def test_bilinear_is_exact_on_a_plane_and_unknown_outside(tmp_path):
    values = np.array([[[1.0, 2], [3, 4]]] * 2)
    cube, _ = read_rain(write(tmp_path / "r.nc", values))
    grid = Grid.from_bounds((500_500, 3_999_500, 501_500, 4_000_500), crs=4546, resolution_m=100)
    field = cube.isel(time=0, drop=True)
    np.testing.assert_allclose(onto_grid(field, grid).to_numpy(), plane(cube, grid), rtol=1e-6)
    wide = Grid.from_bounds((499_000, 3_998_000, 503_000, 4_002_000), crs=4546, resolution_m=500)
    got = onto_grid(field, wide).to_numpy()
    assert np.isnan(got[0]).all()
    assert np.isfinite(got[3:5, 3:5]).all()
    with pytest.raises(CrsError):
        onto_grid(field.drop_vars("spatial_ref"), grid)


def test_a_missing_neighbour_with_weight_makes_the_cell_unknown():
    values = np.array([[1.0, np.nan], [3, 4]])
    got = bilinear(values, row=np.array([0.0, 0.0, 0.5, 1.0]), column=np.array([0.0, 0.5, 0.5, 0.5]))
    np.testing.assert_array_equal(got, [1, np.nan, np.nan, 3.5])


@given(st.floats(-0.5, 1.5), st.floats(-0.5, 1.5))
def test_bilinear_stays_between_its_neighbours(row, column):
    got = bilinear(np.array([[1.0, 2], [3, 7]]), row=np.array([row]), column=np.array([column]))
    assert 1 <= got[0] <= 7


def test_cubes_of_one_lattice_are_aligned_without_a_change(tmp_path):
    big = np.arange(12.0).reshape(3, 2, 2)
    cube, _ = read_rain(write(tmp_path / "a.nc", big))
    same = align(cube, cube)
    np.testing.assert_array_equal(same.to_numpy(), big)
    moved = cube.assign_coords(x=cube["x"] + 1000)
    got = align(cube, moved).to_numpy()
    np.testing.assert_array_equal(got[:, :, 0], big[:, :, 1])
    assert np.isnan(got[:, :, 1]).all()


@pytest.mark.slow
def test_a_lazy_cube_is_written_block_by_block_and_read_back_whole(tmp_path, monkeypatch):
    import dask.array as da

    import geo_risk.publish.cube as module

    monkeypatch.setattr(module, "BLOCK_CELLS", 2 * 4)
    cube, _ = read_rain(write(tmp_path / "r.nc", np.arange(28.0).reshape(7, 2, 2)))
    seen = []

    def note(block):
        seen.append(block.shape[0])
        return block

    lazy = cube.copy(data=da.map_blocks(note, cube.data.rechunk((1, 2, 2)), dtype="f4", meta=np.empty((0, 0, 0), "f4")))
    write_cube(lazy, tmp_path / "out.nc")
    assert seen == [1] * 7
    np.testing.assert_array_equal(read_own(tmp_path / "out.nc").to_numpy(), cube.to_numpy())


@pytest.mark.slow
def test_a_cube_that_does_not_read_back_is_not_published(tmp_path, monkeypatch):
    import geo_risk.publish.cube as module

    cube, _ = read_rain(write(tmp_path / "r.nc", np.ones((3, 2, 2))))
    sums = iter([1, 2])
    monkeypatch.setattr(module.zlib, "crc32", lambda _: next(sums))
    with pytest.raises(DiskFullError):
        write_cube(cube, tmp_path / "out.nc")
    assert not (tmp_path / "out.nc").exists()


def test_the_header_of_a_file_is_read_once_until_the_file_is_another(tmp_path, monkeypatch):
    from geo_risk.sources import rain_netcdf

    opened = []
    honest = rain_netcdf.open_raw
    monkeypatch.setattr(rain_netcdf, "open_raw", lambda path: opened.append(path) or honest(path))
    path = tmp_path / "a.nc"
    for title in ("one", "two"):
        xr.Dataset({"rain": ("time", [1.0])}, attrs={"title": title}).to_netcdf(tmp_path / "new.nc", engine="h5netcdf")
        (tmp_path / "new.nc").replace(path)
        for _ in range(3):
            assert rain_netcdf.header(path).attrs["title"] == title
    assert len(opened) == 2
    path.write_bytes(b"\x89HDF\r\n\x1a\n broken")
    assert rain_netcdf.header(path) is None
