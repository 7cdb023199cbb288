"""HDF-EOS5 and LiCSBAS series: what they hold, what is proved of them, and what is refused."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.core.errors import (
    AmbiguousError,
    CorruptFileError,
    CrsError,
    DataError,
    GeoRiskError,
    GridError,
    LimitError,
    RefusedFileError,
    TimeError,
    UnitError,
)
from geo_risk.sources import hdf5, hdf5_header
from geo_risk.sources.checks import inspect_file
from geo_risk.sources.insar import open_insar
from geo_risk.sources.options import TrackOptions
from tests.support.insar_files import DEGREE, INCIDENCE, NORTH, WEST, days, look, write_cum, write_hdfeos

SERIES = np.cumsum(np.random.default_rng(8).normal(0, 0.01, (7, 20, 25)), axis=0)
SERIES -= SERIES[0]
SERIES[:, 5, 6] = 0  # outside the mask of the processor
SERIES[3, 7, 7] = 0  # a value that happens to be 0
EXPECTED = SERIES.astype("f4")
EXPECTED[:, 5, 6] = np.nan
EXPECTED[:, -1] = np.nan  # the mask of both builders


def said(data, *words):
    return all(any(w in s for s in data.attrs["audit"]) for w in words)


def test_hdfeos_series_is_what_was_written(tmp_path):
    data = open_insar(write_hdfeos(tmp_path / "S1.he5", SERIES), track="asc")
    assert data.attrs["product"] == "mintpy_hdfeos5"
    assert data.attrs["reference"] == "row 2, column 3, date 20220703"
    np.testing.assert_array_equal(data["displacement"].to_numpy(), EXPECTED)
    assert [str(t)[:10].replace("-", "") for t in data["time"].to_numpy()] == days(7)
    los = [float(data[f"los_{n}"][0, 0]) for n in ("east", "north", "up")]
    assert los == pytest.approx(look("asc"), abs=1e-6)
    assert float(data["x"][0]) == pytest.approx(WEST + DEGREE / 2)
    assert float(data["y"][0]) == pytest.approx(NORTH - DEGREE / 2)
    np.testing.assert_array_equal(data["shadow"].to_numpy(), np.eye(20, 25))
    assert float(data["coherence"][0, 0]) == 0.5
    assert said(data, "unit: m", "convention of MintPy's HDF-EOS5", "right-looking ascending", "are its centre, half")


@pytest.mark.slow
def test_hdfeos_layout_is_the_one_that_mintpy_reads(tmp_path):
    """The builder writes by hand what MintPy's own reader (1.6.4 when this was written) must find in it."""
    pytest.importorskip("mintpy")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mintpy.utils import readfile, utils

        path, group = write_hdfeos(tmp_path / "S1.he5", SERIES), "HDFEOS/GRIDS/timeseries"
        values, attrs = readfile.read(str(path), datasetName=f"{group}/observation/displacement")
        angle = readfile.read(str(path), datasetName=f"{group}/geometry/incidenceAngle")[0]
        lat, lon = utils.get_lat_lon(attrs)
    data = open_insar(path, track="asc")
    np.testing.assert_array_equal(np.where(np.isnan(EXPECTED), np.nan, values), data["displacement"].to_numpy())
    np.testing.assert_allclose(np.cos(np.deg2rad(angle)), data["los_up"].to_numpy(), atol=1e-6)
    np.testing.assert_allclose(lat[:, 0], data["y"].to_numpy(), atol=1e-9)
    np.testing.assert_allclose(lon[0], data["x"].to_numpy(), atol=1e-9)


def test_licsbas_series_is_millimetres_named_by_centres(tmp_path):
    path = write_cum(tmp_path / "cum.h5", SERIES * 1000)
    data = open_insar(path, track="asc")
    assert data.attrs["product"] == "licsbas_cum"
    assert data.attrs["reference"] == "area 3:4/2:3, date 20220703"
    np.testing.assert_allclose(data["displacement"].to_numpy(), EXPECTED, atol=1e-8)
    assert float(data["x"][0]) == pytest.approx(WEST + DEGREE / 2, abs=1e-9)
    assert data.attrs["transform"][2] == pytest.approx(WEST, abs=1e-9)
    assert float(data["los_north"][0, 0]) == pytest.approx(look("asc")[1], abs=1e-6)
    assert float(data["height"][0, 0]) == 900
    assert said(data, "centre of the first cell", "convention of LiCSBAS (reference area 3:4/2:3)")
    corner = open_insar(path, track="asc", options=TrackOptions(registration="corner"))
    assert float(corner["x"][0]) == pytest.approx(WEST + DEGREE, abs=1e-9)


def write_tif(path: Path, value: float, *, west: float = WEST, north: float = NORTH) -> Path:
    profile = {"driver": "GTiff", "height": 20, "width": 25, "count": 1, "dtype": "float32", "crs": "EPSG:4326",
               "transform": Affine(DEGREE, 0, west, 0, -DEGREE, north)}  # fmt: skip
    with rasterio.open(path, "w", **profile) as target:
        target.write(np.full((20, 25), value, "f4"), 1)
    return path


@pytest.mark.slow
def test_licsbas_look_vectors_beside_the_series_prove_its_registration(tmp_path):
    path = write_cum(tmp_path / "cum.h5", SERIES * 1000, skip=("E.geo", "N.geo", "U.geo"))
    with pytest.raises(DataError, match="no line-of-sight geometry"):
        open_insar(path, track="asc")
    good = [write_tif(tmp_path / f"{n}.geo.tif", v) for n, v in zip("ENU", look("asc"), strict=True)]
    assert said(open_insar(path, track="asc", geometry=good), "E.geo.tif has the same corner")
    half = {"west": WEST + DEGREE / 2, "north": NORTH - DEGREE / 2}
    (tmp_path / "off").mkdir()
    bad = [write_tif(tmp_path / f"off/{n}.geo.tif", v, **half) for n, v in zip("ENU", look("asc"), strict=True)]
    with pytest.raises(AmbiguousError, match="which do they name") as caught:
        open_insar(path, track="asc", geometry=bad)
    assert "registration: corner" in caught.value.fix
    answered = open_insar(path, track="asc", geometry=bad, options=TrackOptions(registration="corner"))
    assert answered.attrs["transform"][2] == pytest.approx(half["west"])
    with pytest.raises(GridError):
        open_insar(path, track="asc", geometry=bad, options=TrackOptions(registration="centre"))


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(
    st.tuples(st.integers(1, 7), st.integers(1, 20), st.integers(1, 25)),
    st.integers(400, 40_000),
    st.tuples(st.integers(0, 19), st.integers(0, 24), st.integers(1, 20), st.integers(1, 25)),
    st.sampled_from(["hdfeos", "cum"]),
)
def test_result_depends_neither_on_chunks_nor_on_windows(chunks, block_bytes, window, kind):
    r, c, n_r, n_c = window
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(hdf5_header, "BLOCK_BYTES", block_bytes)
        if kind == "cum":
            path = write_cum(Path(folder) / "cum.h5", SERIES * 1000, chunks=chunks)
        else:
            path = write_hdfeos(Path(folder) / "a.he5", SERIES, chunks=chunks)
        data = open_insar(path, track="asc")["displacement"]
        got = data[:, r : r + n_r, c : c + n_c].to_numpy()
    np.testing.assert_allclose(got, EXPECTED[:, r : r + n_r, c : c + n_c], atol=1e-8)


@given(
    st.tuples(st.integers(1, 400), st.integers(1, 30_000), st.integers(1, 30_000)),
    st.none() | st.tuples(st.integers(1, 50), st.integers(1, 4000), st.integers(1, 4000)),
)
def test_blocks_follow_chunks_and_stay_small(shape, chunks):
    rows, columns = hdf5_header.block_shape(shape, chunks)
    assert 1 <= rows <= shape[1]
    assert 1 <= columns <= shape[2]
    smallest = 4 * shape[0] * (min(chunks[2], shape[2]) if chunks else shape[2])
    assert 4 * shape[0] * rows * columns <= max(4 * hdf5_header.BLOCK_BYTES, smallest)


def test_a_window_reads_only_its_own_block(tmp_path, monkeypatch):
    path = write_hdfeos(tmp_path / "a.he5", SERIES, chunks=(1, 5, 5))
    monkeypatch.setattr(hdf5_header, "BLOCK_BYTES", 7 * 5 * 5 * 4)
    data = open_insar(path, track="asc")["displacement"]
    read = []
    real = hdf5.read_window

    def spy(path, name, window, **more):
        read.append((name, [(w.start, w.stop) for w in window[-2:]]))
        return real(path, name, window, **more)

    monkeypatch.setattr(hdf5, "read_window", spy)
    data[:, 6:9, 11:14].to_numpy()
    assert {n for n, _ in read} <= {
        "HDFEOS/GRIDS/timeseries/observation/displacement",
        "HDFEOS/GRIDS/timeseries/quality/mask",
    }
    assert [w for n, w in read if n.endswith("displacement")] == [[(5, 10), (10, 15)]]


@pytest.mark.parametrize(
    ("attributes", "error", "text"),
    [
        ({"X_FIRST": None}, GridError, "radar coordinates"),
        ({"Y_STEP": "0.001"}, GridError, "north to south"),
        ({"EPSG": "32649"}, CrsError, "does not fit"),
        ({"EPSG": None, "X_UNIT": "meters"}, CrsError, "no EPSG"),
        ({"ORBIT_DIRECTION": "DESCENDING"}, AmbiguousError, "descending"),
        ({"HEADING": "-60"}, AmbiguousError, "bearing"),
        ({"HEADING": "1e5"}, DataError, "degrees clockwise"),
        ({"REF_LON": str(WEST + 3 * DEGREE), "REF_LAT": str(NORTH - 2 * DEGREE)}, AmbiguousError, "which are they"),
    ],
)
def test_doubtful_headers_are_refused(tmp_path, attributes, error, text):
    with pytest.raises(error, match=text):
        open_insar(write_hdfeos(tmp_path / "a.he5", SERIES, **attributes), track="asc")


def test_a_left_looking_pass_is_no_wrong_sign(tmp_path):
    path = write_hdfeos(tmp_path / "a.he5", SERIES, track="desc", HEADING="13", ANTENNA_SIDE="1",
                        ORBIT_DIRECTION="ASCENDING", look_direction="L")  # fmt: skip
    assert said(open_insar(path, track="left"), "satellite in the east")


def test_the_heading_stands_in_for_a_missing_azimuth(tmp_path):
    path = write_hdfeos(tmp_path / "a.he5", SERIES, skip=("geometry/azimuthAngle",))
    data = open_insar(path, track="asc")
    assert float(data["los_east"][3, 3]) == pytest.approx(look("asc")[0], abs=1e-6)
    assert said(data, "there is no azimuthAngle")
    bare = write_hdfeos(tmp_path / "b.he5", SERIES, skip=("geometry/azimuthAngle",), HEADING=None)
    with pytest.raises(DataError, match="no attribute HEADING"):
        open_insar(bare, track="asc")


def test_units_that_cannot_be_are_asked_about_and_can_be_answered(tmp_path):
    path = write_hdfeos(tmp_path / "mm.he5", SERIES * 1000)
    with pytest.raises(AmbiguousError, match="is the unit really m") as caught:
        open_insar(path, track="asc")
    assert "`units`" in caught.value.fix
    data = open_insar(path, track="asc", options=TrackOptions(units="mm"))
    np.testing.assert_allclose(data["displacement"].to_numpy(), EXPECTED, atol=1e-7)
    with pytest.raises(AmbiguousError, match="not so quiet"):
        open_insar(write_cum(tmp_path / "cum.h5", SERIES * 0.2e-3), track="asc")
    with pytest.raises(UnitError, match="radian"):
        open_insar(path, track="asc", options=TrackOptions(units="radian"))


def test_a_wrong_sign_is_turned_by_the_configuration_only(tmp_path):
    path = write_cum(tmp_path / "cum.h5", -SERIES * 1000)
    data = open_insar(path, track="asc", options=TrackOptions(positive="away"))
    np.testing.assert_allclose(data["displacement"].to_numpy(), EXPECTED, atol=1e-8)
    assert said(data, "turned, for the configuration says")


@pytest.mark.parametrize(
    ("dates", "text"),
    [
        (days(7)[:6], "6 dates for 7 layers"),
        ([*days(7)[:3], days(7)[2], *days(7)[4:]], "doubled"),
        (days(7)[::-1], "not rising"),
        (["2022-07"] * 7, "YYYYMMDD"),
        ([*days(6), "20221399"], "the dates hold"),
        (["00010101", *days(7)[1:]], "of 1900 to 2099"),  # nanoseconds of the year 1 wrap round to 1754
    ],
)
def test_bad_dates_are_refused(tmp_path, dates, text):
    path = write_hdfeos(tmp_path / "a.he5", SERIES)
    with h5py.File(path, "r+") as file:
        del file["HDFEOS/GRIDS/timeseries/observation/date"]
        file["HDFEOS/GRIDS/timeseries/observation/date"] = np.array(dates, dtype="S8")
    with pytest.raises((TimeError, DataError), match=text):
        open_insar(path, track="asc")


def test_one_date_no_value_and_bent_vectors_are_refused(tmp_path):
    with pytest.raises(TimeError, match="1 date"):
        open_insar(write_hdfeos(tmp_path / "a.he5", SERIES[:1] + 0.01), track="asc")
    with pytest.raises(DataError, match="decorrelated"):
        open_insar(write_cum(tmp_path / "b.h5", SERIES * np.nan), track="asc")
    with pytest.raises(DataError, match="decorrelated"):
        open_insar(write_cum(tmp_path / "c.h5", SERIES * 0), track="asc")
    ones = np.ones((20, 25), "f4")
    with pytest.raises(DataError, match="off unit length"):
        open_insar(write_cum(tmp_path / "d.h5", SERIES * 1000, **{"E.geo": ones}), track="asc")
    bent = {n: -v * ones for n, v in zip(("E.geo", "N.geo", "U.geo"), look("asc"), strict=True)}
    with pytest.raises(DataError, match="point down"):
        open_insar(write_cum(tmp_path / "e.h5", SERIES * 1000, **bent), track="asc")
    with pytest.raises(GridError, match="shape"):
        open_insar(write_cum(tmp_path / "f.h5", SERIES * 1000, hgt=np.ones((3, 3))), track="asc")


def test_radians_and_coherence_beyond_one_are_refused(tmp_path):
    path = write_hdfeos(tmp_path / "a.he5", SERIES)
    with h5py.File(path, "r+") as file:
        file["HDFEOS/GRIDS/timeseries/geometry/incidenceAngle"][:] = np.deg2rad(INCIDENCE)
    with pytest.raises(DataError, match="radians"):
        open_insar(path, track="asc")
    with pytest.raises(DataError, match="0-1 needed"):
        open_insar(write_cum(tmp_path / "b.h5", SERIES * 1000, coh_avg=np.full((20, 25), 60.0)), track="asc")


CUM = "cum"


def external_link(path):
    with h5py.File(path.with_name("other.h5"), "w") as other:
        other["cum"] = np.ones((7, 20, 25), "f4")
    with h5py.File(path, "r+") as file:
        del file[CUM]
        file[CUM] = h5py.ExternalLink("other.h5", "/cum")


def circular_link(path):
    with h5py.File(path, "r+") as file:
        del file[CUM]
        file[CUM] = h5py.SoftLink("/also")
        file["also"] = h5py.SoftLink("/cum")


def virtual(path):
    layout = h5py.VirtualLayout((7, 20, 25), "f4")
    layout[:] = h5py.VirtualSource(str(path.with_name("other.h5")), "cum", (7, 20, 25))
    with h5py.File(path, "r+") as file:
        del file[CUM]
        file.create_virtual_dataset(CUM, layout)


def external_storage(path):
    raw = path.with_name("raw.bin")
    raw.write_bytes(np.zeros((7, 20, 25), "f4").tobytes())
    with h5py.File(path, "r+") as file:
        del file[CUM]
        file.create_dataset(CUM, (7, 20, 25), "f4", external=[(str(raw), 0, h5py.h5f.UNLIMITED)])


def objects(path):
    with h5py.File(path, "r+") as file:
        del file[CUM]
        file.create_dataset(CUM, (7, 20, 25), dtype=h5py.vlen_dtype(np.uint8))


def words(path):
    with h5py.File(path, "r+") as file:
        del file[CUM]
        file[CUM] = np.full((7, 20, 25), b"0.01")


def nothing(path):
    with h5py.File(path, "r+") as file:
        del file[CUM]
        file.create_dataset(CUM, (0, 20, 25), "f4")


def terabyte(path):
    with h5py.File(path, "r+") as file:
        del file[CUM]
        file.create_dataset(CUM, (100, 60_000, 60_000), "f4", chunks=(1, 512, 512))


def huge_chunk(path):
    with h5py.File(path, "r+") as file:
        del file[CUM]
        file.create_dataset(CUM, (2, 20_000, 20_000), "f4", chunks=(1, 20_000, 20_000))


def truncated(path):
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize(
    ("spoil", "error", "text"),
    [
        (external_link, RefusedFileError, "link to another file"),
        (circular_link, RefusedFileError, "leads in circles"),
        (virtual, RefusedFileError, "lies in other files"),
        (external_storage, RefusedFileError, "lies in other files"),
        (objects, RefusedFileError, "numbers with"),
        (words, RefusedFileError, "numbers with"),
        (nothing, RefusedFileError, "is empty"),
        (terabyte, LimitError, "1.31 TiB"),
        (huge_chunk, LimitError, "one chunk"),
        (truncated, CorruptFileError, "cannot be read"),
    ],
)
def test_hostile_and_broken_files_are_refused(tmp_path, spoil, error, text):
    path = write_cum(tmp_path / "cum.h5", SERIES * 1000)
    spoil(path)
    with pytest.raises(error, match=text):
        open_insar(path, track="asc")
    facts = inspect_file(path)
    assert facts.problems
    assert text in facts.problems[0][0]


def test_a_damaged_block_is_named_when_it_is_read(tmp_path):
    path = write_cum(tmp_path / "cum.h5", SERIES * 1000, chunks=(7, 20, 25))
    with h5py.File(path) as file:
        where = file["cum"].id.get_chunk_info(0)
    data = open_insar(path, track="asc")
    raw = bytearray(path.read_bytes())
    raw[where.byte_offset + 30 : where.byte_offset + where.size] = bytes(where.size - 30)
    path.write_bytes(raw)
    with pytest.raises(CorruptFileError, match=r"rows 0-20, columns 0-25"):
        data["displacement"].to_numpy()


@given(st.binary(max_size=400))
def test_no_content_makes_more_than_a_deliberate_error(tail):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cum.h5"
        path.write_bytes(b"\x89HDF\r\n\x1a\n" + tail)
        with pytest.raises(GeoRiskError):
            open_insar(path, track="t")
