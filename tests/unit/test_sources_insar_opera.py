"""OPERA DISP-S1: the chain of moving reference dates, corrections, masks and static layers."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.core.errors import (
    AmbiguousError,
    DataError,
    GridError,
    OverlapError,
    RefusedFileError,
    TimeError,
    UnitError,
)
from geo_risk.sources import hdf5_header, los_tif, opera
from geo_risk.sources.audit_words import in_chinese
from geo_risk.sources.checks import inspect_file
from geo_risk.sources.insar import open_insar
from geo_risk.sources.options import TrackOptions
from tests.support.insar_files import OPERA_CELL, OPERA_LEFT, OPERA_TOP, days, look, write_granule, write_look

SHAPE = (40, 50)
N = 6
DAYS = days(N)
RNG = np.random.default_rng(4)
SERIES = np.cumsum(RNG.normal(0, 0.01, (N, *SHAPE)), axis=0)
SERIES -= SERIES[0]
TIDE = RNG.normal(0, 0.02, (N, 1, 1)) * np.ones((N, *SHAPE))
PAIRS = ((0, 1), (0, 2), (2, 3), (2, 4), (4, 5))


def write(folder, *, pairs=PAIRS, masks=None, tide=True, **overrides):
    """Write the files of a chain; what is stored contains the tide."""
    for a, b in pairs:
        layer = TIDE[b] - TIDE[a]
        stored = SERIES[b] - SERIES[a] + layer * bool(tide)
        write_granule(folder, stored, (DAYS[a], DAYS[b]), mask=None if masks is None else masks[b],
                      layers={"solid_earth_tide": layer} if tide else None, **overrides)  # fmt: skip
    return folder


def opened(folder, **kwargs):
    kwargs.setdefault("geometry", write_look(folder.parent / "look", SHAPE))
    return open_insar(folder, track="asc", **kwargs)


def said(data, *words):
    return all(any(w in s for s in data.attrs["audit"]) for w in words)


def test_chained_series_without_the_tide_is_the_motion(tmp_path):
    data = opened(write(tmp_path / "nc"))
    assert data.attrs["product"] == "opera_disp"
    assert data.attrs["crs"] == "EPSG:32649"
    assert data.attrs["reference"] == "date 2022-07-03; row 5, column 6"
    assert data.attrs["wavelength_m"] == pytest.approx(299.792458 / 5405, rel=1e-4)
    np.testing.assert_allclose(data["displacement"].to_numpy(), SERIES, atol=1e-7)
    assert [str(t)[:10].replace("-", "") for t in data["time"].to_numpy()] == DAYS
    assert float(data["x"][0]) == OPERA_LEFT + OPERA_CELL / 2
    assert float(data["coherence"][3, 3]) == pytest.approx(0.8)
    e, n, u = (data[f"los_{c}"].to_numpy() for c in ("east", "north", "up"))
    assert np.isnan(e[0]).all()
    assert e[5, 0] == pytest.approx(look("asc")[0], abs=1e-6)
    np.testing.assert_allclose((e**2 + n**2 + u**2)[1:], 1, atol=1e-6)
    words = ("toward the satellite, as the description", "half a cell outside the first x, y", "moves 2 times")
    assert said(data, *words, "solid_earth_tide is subtracted on all 5", "troposphere is not corrected")


@pytest.mark.slow
@settings(max_examples=4, deadline=None)
@given(st.data())
def test_series_does_not_depend_on_the_reference_dates_or_the_windows(data):
    pairs = tuple((data.draw(st.integers(0, b - 1)), b) for b in range(1, N))
    r, c = data.draw(st.integers(0, 39)), data.draw(st.integers(0, 49))
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(hdf5_header, "BLOCK_BYTES", data.draw(st.integers(500, 100_000)))
        got = opened(write(Path(folder) / "nc", pairs=pairs))["displacement"][:, r : r + 9, c : c + 9].to_numpy()
    np.testing.assert_allclose(got, SERIES[:, r : r + 9, c : c + 9], atol=1e-7)


def test_a_gap_on_a_crossover_date_ends_the_cell_and_is_counted(tmp_path):
    masks = np.ones((N, *SHAPE))
    masks[1, 8, 8] = 0  # an ordinary date
    masks[2, 9, 9] = 0  # files 3 and 4 refer to it
    masks[3, 10, 10] = 255
    data = opened(write(tmp_path / "nc", masks=masks))
    got = data["displacement"].to_numpy()
    assert np.isnan(got[:, 8, 8]).tolist() == [False, True, False, False, False, False]
    assert np.isnan(got[:, 9, 9]).tolist() == [False, False, True, True, True, True]
    assert np.isnan(got[:, 10, 10]).tolist() == [False, False, False, True, False, False]
    assert np.isnan(got).sum() == 6
    share = 3 / (5 * 40 * 50 - 3)
    assert said(data, f"costs {share:.1%} of the values")


@pytest.mark.slow
def test_corrections_are_all_or_none_and_said(tmp_path):
    plain = opened(write(tmp_path / "a/nc", tide=False))
    np.testing.assert_allclose(plain["displacement"].to_numpy(), SERIES, atol=1e-7)
    assert said(plain, "none is applied")
    write(tmp_path / "b/nc", pairs=PAIRS[:3])
    some = opened(write(tmp_path / "b/nc", pairs=PAIRS[3:], tide=False))
    assert said(some, "NOT applied: only 3 of 5 files hold it")
    stored = SERIES[1] + TIDE[1] - TIDE[0]
    np.testing.assert_allclose(some["displacement"][1].to_numpy(), stored, atol=1e-7)
    done = opened(write(tmp_path / "c/nc", about="Tide used to correct the unwrapped phase"))
    assert said(done, "NOT applied: the file says that displacement is corrected already")
    np.testing.assert_allclose(done["displacement"][1].to_numpy(), stored, atol=1e-7)
    assert said(opened(write(tmp_path / "d/nc", about="Solid Earth tide")), "does not say whether displacement still")
    for a, b in PAIRS:
        write_granule(tmp_path / "e/nc", SERIES[b] - SERIES[a], (DAYS[a], DAYS[b]),
                      layers={"ionospheric_delay": np.zeros(SHAPE)})  # fmt: skip
    assert said(opened(tmp_path / "e/nc"), "ionospheric_delay is NOT applied: zero everywhere")


def test_gaps_overlaps_and_wrong_dates_are_refused(tmp_path):
    with pytest.raises(TimeError, match=r"the chain is broken.*begins on 2022-07-27"):
        opened(write(tmp_path / "a/nc", pairs=((0, 1), (2, 3), (2, 4))))
    with pytest.raises(TimeError, match="two files end on 2022-08-08"):
        opened(write(tmp_path / "b/nc", pairs=(*PAIRS, (0, 3))))
    with pytest.raises(TimeError, match="is not before"):
        opened(write(tmp_path / "c/nc", pairs=((2, 1),)))
    with pytest.raises(TimeError, match="the name says"):
        opened(write(tmp_path / "d/nc", pairs=((0, 1),), name="X_20220703T000000Z_20220716T000000Z_.nc"))


def test_one_pair_is_a_series_of_two_dates(tmp_path):
    data = opened(write(tmp_path / "nc", pairs=((0, 3),)))
    np.testing.assert_allclose(data["displacement"].to_numpy(), SERIES[[0, 3]], atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("odd", "error", "text"),
    [
        ({"shift": 1.0}, GridError, "corner"),
        ({"frame_id": 9999}, DataError, "frame_id '9999'"),
        ({"orbit": "descending"}, DataError, "orbit 'descending'"),
        ({"units": "radians"}, UnitError, "radian"),
        ({"centre": 0.0}, AmbiguousError, "do x and y name corners"),
        ({"description": "Positive is up"}, AmbiguousError, "or away from it"),
        ({"description": "Positive values are away from the platform"}, DataError, "scale -1.0"),
    ],
)
def test_a_file_that_differs_is_refused(tmp_path, odd, error, text):
    write(tmp_path / "nc", pairs=PAIRS[:-1])
    write(tmp_path / "nc", pairs=PAIRS[-1:], **odd)
    with pytest.raises(error, match=text):
        opened(tmp_path / "nc")


@pytest.mark.slow
def test_wrong_side_empty_frames_foreign_files_and_options_are_refused(tmp_path):
    with pytest.raises(AmbiguousError, match="descending"):
        opened(write(tmp_path / "a/nc", orbit="descending"))
    write_granule(tmp_path / "b/nc", np.full(SHAPE, np.nan), (DAYS[0], DAYS[1]))
    with pytest.raises(DataError, match="decorrelated"):
        opened(tmp_path / "b/nc")
    folder = write(tmp_path / "c/nc")
    with pytest.raises(AmbiguousError, match="the unit of this product is meters; the configuration says 'mm'"):
        opened(folder, options=TrackOptions(units="mm"))
    with pytest.raises(AmbiguousError, match="states this itself"):
        opened(folder, options=TrackOptions(registration="corner"))
    with pytest.raises(DataError, match="OPERA publishes it apart"):
        open_insar(folder, track="asc")
    (folder / "zz.nc").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(DataError):
        opened(folder)
    (folder / "zz.nc").write_text("no product")
    with pytest.raises(RefusedFileError, match="no InSAR product"):
        opened(folder)


@pytest.mark.parametrize(
    ("text", "said_of_it", "turn"),
    [
        ("Positive values are motion toward the satellite, negative values away from it.", None, 1),
        ("Positive is motion away from the satellite, negative toward it", None, -1),
        ("Positive is up", "toward", 1),
        ("Positive is up", "away", -1),
        ("Positive is motion toward the satellite", "away", -1),
    ],
)
def test_the_sign_is_read_by_clause_and_answered_by_the_configuration(tmp_path, text, said_of_it, turn):
    data = opened(write(tmp_path / "nc", description=text), options=TrackOptions(positive=said_of_it))
    np.testing.assert_allclose(data["displacement"].to_numpy(), turn * SERIES, atol=1e-7)
    sentence = next(s for s in data.attrs["audit"] if s.startswith("sign:"))
    assert ("config says" in sentence) == (said_of_it is not None)
    assert ("against the file" in sentence) == (said_of_it == "away" and "toward" in text)
    assert in_chinese(sentence).startswith("符号：")


@pytest.mark.parametrize("text", ["Positive is toward or away from the satellite", "not negative toward", "LOS, away"])
def test_a_sign_that_can_be_read_in_two_ways_asks_for_the_field_that_answers_it(tmp_path, text):
    with pytest.raises(AmbiguousError, match="set `positive: toward` or `positive: away` of this track"):
        opened(write(tmp_path / "nc", description=text))


@pytest.mark.parametrize(
    ("about", "is_taken_off"),
    [
        ("This layer has been subtracted from displacement", False),
        ("Already subtracted. Subtract again to be sure", False),
        ("It has not been subtracted; subtract it to apply", True),
    ],
)
def test_a_tide_that_has_been_subtracted_is_not_subtracted_again(tmp_path, about, is_taken_off):
    data = opened(write(tmp_path / "nc", about=about))
    tide = 0 if is_taken_off else TIDE - TIDE[0]
    np.testing.assert_allclose(data["displacement"].to_numpy(), SERIES + tide, atol=1e-7)
    assert said(data, "is subtracted on all" if is_taken_off else "NOT applied")


def plane(shape, cell, corner):
    """What `write_look` writes eastward, as a function of the easting."""
    columns = (OPERA_LEFT + OPERA_CELL * (np.arange(SHAPE[1]) + 0.5) - corner[0]) / cell[0] - 0.5
    return look("asc")[0] * (1 + 1e-5 * columns)


@pytest.mark.slow
def test_look_vectors_of_a_finer_grid_are_interpolated_to_the_cell_centres(tmp_path):
    cell, corner = (5.0, 10.0), (OPERA_LEFT - 60, OPERA_TOP + 60)
    shape = (150, 330)
    geometry = write_look(tmp_path / "fine", shape, cell=cell, corner=corner)
    data = opened(write(tmp_path / "nc"), geometry=geometry)
    east = data["los_east"].to_numpy()
    np.testing.assert_allclose(east, np.broadcast_to(plane(shape, cell, corner), SHAPE), atol=2e-7)
    assert said(data, "resampled (bilinear)", "covers 100%")


@pytest.mark.slow
def test_look_vectors_that_cover_half_or_nothing(tmp_path):
    folder = write(tmp_path / "nc")
    half = write_look(tmp_path / "half", (20, 25))
    data = opened(folder, geometry=half)
    assert np.isfinite(data["los_east"].to_numpy()).sum() == 19 * 25
    assert said(data, "covers 25%")
    away = write_look(tmp_path / "away", SHAPE, corner=(OPERA_LEFT + 1e6, OPERA_TOP))
    with pytest.raises(OverlapError, match="does not meet"):
        opened(folder, geometry=away)
    with pytest.raises(DataError, match="no line-of-sight geometry among"):
        opened(folder, geometry=half[:1])


@pytest.mark.slow
def test_look_vectors_of_another_projection_land_on_the_same_ground(tmp_path):
    """UTM 49N and Gauss-Krueger 111 E share a meridian: northings and eastings differ by a known scale of 0.9996."""
    big = (300, 400)
    corner = (500_000 + (OPERA_LEFT - 500_000) / 0.9996 - 3000, OPERA_TOP / 0.9996 + 3000)
    geometry = write_look(tmp_path / "gk", big, corner=corner, crs="EPSG:4546")
    data = opened(write(tmp_path / "nc"), geometry=geometry)
    x = 500_000 + (data["x"].to_numpy() - 500_000) / 0.9996
    columns = (x - corner[0]) / OPERA_CELL - 0.5
    want = np.broadcast_to(look("asc")[0] * (1 + 1e-5 * columns), SHAPE)
    np.testing.assert_allclose(data["los_east"].to_numpy(), want, atol=1e-6)


def write_bands(path: Path, values: list[np.ndarray], *, nodata: float | None = 0.0) -> Path:
    profile = {"driver": "GTiff", "height": SHAPE[0], "width": SHAPE[1], "count": len(values), "dtype": "float32",
               "crs": "EPSG:32649", "nodata": nodata,
               "transform": Affine(OPERA_CELL, 0, OPERA_LEFT, 0, -OPERA_CELL, OPERA_TOP)}  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", **profile) as target:
        for k, value in enumerate(values, 1):
            target.write(value.astype("f4"), k)
    return path


def test_zeros_that_no_file_declares_bend_no_vector(tmp_path):
    e, n = (v * np.ones((150, 330)) for v in look("asc")[:2])
    e[:, 150:], n[:, 150:] = 0, 0
    geometry = [tmp_path / "los_east.tif", tmp_path / "los_north.tif"]
    for path, value in zip(geometry, (e, n), strict=True):
        profile = {"driver": "GTiff", "height": 150, "width": 330, "count": 1, "dtype": "float32", "crs": "EPSG:32649",
                   "transform": Affine(7, 0, OPERA_LEFT, 0, -10, OPERA_TOP)}  # fmt: skip
        with rasterio.open(path, "w", **profile) as target:
            target.write(value.astype("f4"), 1)
    east = opened(write(tmp_path / "nc"), geometry=geometry)["los_east"].to_numpy()
    assert np.isfinite(east[:, :34]).all()
    assert np.isnan(east[:, 35:]).all()
    np.testing.assert_allclose(east[np.isfinite(east)], look("asc")[0], atol=1e-6)


@pytest.mark.slow
def test_published_static_layers(tmp_path):
    ones = np.ones(SHAPE)
    enu = [v * ones for v in look("asc")]
    prefix = "OPERA_L3_DISP-S1-STATIC_F08882_20140403_S1A_v1.0_"
    geometry = [
        write_bands(tmp_path / f"{prefix}line_of_sight_enu.tif", enu),
        write_bands(tmp_path / f"{prefix}dem.tif", [ones * 700], nodata=None),
        write_bands(tmp_path / f"{prefix}layover_shadow_mask.tif", [np.arange(2000).reshape(SHAPE) % 4], nodata=255),
    ]
    folder = write(tmp_path / "nc")
    data = opened(folder, geometry=geometry)
    assert float(data["los_up"][3, 3]) == pytest.approx(look("asc")[2], abs=1e-6)
    assert float(data["height"][3, 3]) == 700
    np.testing.assert_array_equal(data["shadow"].to_numpy(), (np.arange(2000).reshape(SHAPE) % 4 > 0).astype("f4"))
    bent = write_bands(tmp_path / "bent/los_enu.tif", [enu[0], enu[1], enu[2] * 0.8])
    with pytest.raises(DataError, match="off unit length"):
        opened(folder, geometry=[bent])
    two = write_bands(tmp_path / "two/los_enu.tif", enu[:2])
    with pytest.raises(GridError, match="2 bands"):
        opened(folder, geometry=[two])
    with pytest.raises(AmbiguousError, match="two files claim"):
        opened(folder, geometry=[geometry[0], *write_look(tmp_path / "also", SHAPE)])


@pytest.mark.slow
def test_a_block_reads_only_its_window_of_series_and_look_vectors(tmp_path, monkeypatch):
    geometry = write_look(tmp_path / "fine", (120, 300), cell=(5.0, 10.0))
    monkeypatch.setattr(hdf5_header, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(los_tif, "BLOCK", 10)
    data = opened(write(tmp_path / "nc"), geometry=geometry)
    cells, tifs = [], []
    real, real_tif = opera.read_windows, los_tif.read_window

    def spy(path, names, window):
        cells.append(len(names) * (window[0].stop - window[0].start) * (window[1].stop - window[1].start))
        return real(path, names, window)

    def spy_tif(band, rows, columns):
        tifs.append((rows[1] - rows[0], columns[1] - columns[0]))
        return real_tif(band, rows, columns)

    monkeypatch.setattr(opera, "read_windows", spy)
    monkeypatch.setattr(los_tif, "read_window", spy_tif)
    data["los_east"][12:18, 12:18].to_numpy()
    assert len(tifs) == 1
    assert all(r <= 34 and c <= 64 for r, c in tifs)
    data["displacement"][:, :3, :4].to_numpy()
    assert len(cells) == 5  # each file once: displacement, tide and mask
    assert max(cells) == 3 * 3 * SHAPE[1]


@pytest.mark.slow
def test_info_finds_the_geometry_beside_the_files(tmp_path):
    folder = write(tmp_path / "nc")
    write_look(folder, SHAPE)
    facts = inspect_file(folder)
    assert not facts.problems
    assert facts.product == "opera_disp"
    assert facts.dates == "2022-07-03 to 2022-09-01, 6 dates"
    one = inspect_file(next(folder.glob("*.nc")))
    assert one.product == "opera_disp"


@pytest.mark.real
def test_real_look_vectors_are_read_in_windows(tmp_path):
    folder = Path(os.environ["GEO_RISK_REAL"]) / "insar/opera_los"
    paths = [folder / "los_east.tif", folder / "los_north.tif"]
    left, top, shape = 500_010.0, 3_730_020.0, (60, 70)
    frame = opera.Frame("EPSG:32612", Affine(30, 0, left, 0, -30, top), shape)
    held = los_tif.open_look(paths, frame, track="t")
    got = [a.compute() for a in held.los]
    x, y = left + 30 * (np.arange(70) + 0.5), top - 30 * (np.arange(60) + 0.5)
    # the layers are stored to about 2.5e-4, so that the nearest cell is as good an answer as the interpolated one
    for path, value in zip(paths, got, strict=False):
        with rasterio.open(path) as source:
            near = np.array([v[0] for v in source.sample((a, b) for b in y for a in x)]).reshape(shape)
        assert np.isfinite(value[near != 0]).mean() > 0.99
        np.testing.assert_allclose(value[near != 0], near[near != 0], atol=5e-4)
    np.testing.assert_allclose(sum(g[np.isfinite(g)] ** 2 for g in got), 1, atol=1e-6)
    assert any("resampled (bilinear)" in n for n in held.notes)
