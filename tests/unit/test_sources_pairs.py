"""HyP3 sets and their networks of pairs, GACOS delays, and stacks of GeoTIFFs that leave a question."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import rasterio
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from geo_risk.core.errors import (
    AmbiguousError,
    CorruptFileError,
    DataError,
    GridError,
    OverlapError,
    TimeError,
    UnitError,
)
from geo_risk.sources import pairs
from geo_risk.sources.audit_words import in_chinese
from geo_risk.sources.checks import inspect_file
from geo_risk.sources.gacos import corrected, delay_maps
from geo_risk.sources.hyp3 import TO_METRES, common_frame, is_set, look_vector, pairs_of
from geo_risk.sources.insar import open_insar
from geo_risk.sources.options import TrackOptions
from geo_risk.sources.pairs import Network, invert, pair_offsets
from tests.support.insar import dataset as mintpy_like
from tests.support.points import days, write_tif

DATES = days(5)
CHAIN = tuple(pairwise(DATES))
NETWORK = (*CHAIN, (DATES[0], DATES[2]), (DATES[1], DATES[3]), (DATES[2], DATES[4]))
SHAPE = (24, 30)
RADIANS_PER_M = -4 * np.pi / 0.05546576


def motion(seed: int = 2) -> np.ndarray:
    """Displacement toward the satellite (dates, y, x) [m]: still ground with one sinking patch."""
    rng = np.random.default_rng(seed)
    steps = np.zeros((len(DATES), *SHAPE))
    steps[1:, 8:14, 10:18] = -0.004
    return np.cumsum(steps + np.r_[[0], np.ones(4)][:, None, None] * rng.normal(0, 0.0005, steps.shape), axis=0)


def hyp3(folder: Path, pairs=CHAIN, *, kinds=("unw_phase",), look: bool = True, seed: int = 2) -> Path:
    """The files of HyP3 pairs, as the product guide names and describes them; every pair has a constant of its own."""
    truth = motion(seed)
    for k, (first, second) in enumerate(pairs):
        moved = truth[DATES.index(second)] - truth[DATES.index(first)] + 0.01 * (k + 1)
        stem = f"S1AA_{first}T013911_{second}T013911_VVP{k:03d}_INT80_G_ueF_A4F6"
        values = {"unw_phase": moved * RADIANS_PER_M, "los_disp": moved}
        for kind in kinds:
            write_tif(folder / f"{stem}_{kind}.tif", values[kind])
        write_tif(folder / f"{stem}_corr.tif", np.full(SHAPE, 0.5 + 0.1 * (k % 2)))
        if look and k == 0:
            write_tif(folder / f"{stem}_lv_theta.tif", np.full(SHAPE, np.deg2rad(51.0)))
            write_tif(folder / f"{stem}_lv_phi.tif", np.full(SHAPE, np.deg2rad(-169.0)))
            write_tif(folder / f"{stem}_dem.tif", np.zeros(SHAPE), nodata=-32768.0)
    return folder


def relative(series: np.ndarray) -> np.ndarray:
    """Take off each date's median, which a pair's own constant leaves open."""
    return series - np.median(series, axis=(1, 2), keepdims=True)


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [("unw_phase",), ("los_disp",), ("unw_phase", "los_disp")])
def test_a_chain_of_pairs_is_the_series_it_was_made_from(tmp_path, kinds):
    data = open_insar(hyp3(tmp_path / "s", kinds=kinds), track="asc")
    assert data.attrs["product"] == "hyp3"
    np.testing.assert_allclose(relative(data["displacement"].to_numpy()), relative(motion()), atol=2e-6)
    assert [str(t)[:10].replace("-", "") for t in data["time"].to_numpy()] == DATES
    assert any("in a chain" in s for s in data.attrs["audit"])
    np.testing.assert_allclose(data["coherence"], 0.55, atol=1e-6)
    np.testing.assert_array_equal(data["height"], 0.0)


def test_phase_is_of_the_opposite_sign():
    assert pytest.approx(-0.004413825, rel=1e-5) == TO_METRES


@pytest.mark.slow
def test_look_vectors_come_from_elevation_and_direction_in_radians(tmp_path):
    data = open_insar(hyp3(tmp_path / "s"), track="asc")
    # elevation 51 degrees: incidence 39; 169 degrees clockwise from east is west by south: an ascending Sentinel-1
    wanted = (-0.61776, -0.12008, 0.77715)
    for name, value in zip(("east", "north", "up"), wanted, strict=True):
        assert float(data[f"los_{name}"][3, 3]) == pytest.approx(value, abs=2e-5)
    # the same by incidence and MintPy's azimuth
    inc, az = np.deg2rad(90 - 51.0), np.deg2rad(-169.0 - 90)
    np.testing.assert_allclose(wanted, [-np.sin(inc) * np.sin(az), np.sin(inc) * np.cos(az), np.cos(inc)], atol=1e-5)


@given(st.floats(0.3, 1.4), st.floats(-3.1, 3.1))
def test_look_vectors_have_unit_length(theta, phi):
    assert sum(v * v for v in look_vector(theta, phi)) == pytest.approx(1)


@pytest.mark.slow
def test_a_network_is_inverted_by_least_squares_and_named_so(tmp_path):
    data = open_insar(hyp3(tmp_path / "s", NETWORK), track="asc")
    np.testing.assert_allclose(relative(data["displacement"].to_numpy()), relative(motion()), atol=1e-5)
    said = "\n".join(data.attrs["audit"])
    assert "least squares of a network of 7 pairs on 5 dates (rank 4 of 4)" in said
    assert "closure" in said


def test_pairs_that_make_no_series_are_refused(tmp_path):
    with pytest.raises(TimeError, match="no velocity error"):
        open_insar(hyp3(tmp_path / "one", CHAIN[:1]), track="asc")
    with pytest.raises(TimeError, match=r"2 groups that no pair ties together.*fix:.*20190117_20190129"):
        _flat_error(hyp3(tmp_path / "two", (CHAIN[0], CHAIN[2], CHAIN[3])))
    with pytest.raises(TimeError, match="not the earlier"):
        open_insar(hyp3(tmp_path / "turned", (CHAIN[0], CHAIN[1][::-1])), track="asc")
    with pytest.raises(DataError, match="lv_theta and no lv_phi"):
        open_insar(hyp3(tmp_path / "look", look=False), track="asc")


def _flat_error(folder: Path) -> None:
    try:
        open_insar(folder, track="asc")
    except TimeError as error:
        what = f"{error.what} fix: {error.fix}"
        raise TimeError(what, where="", fix="") from error


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["unw_phase", "los_disp"])
def test_the_sign_of_pairs_is_turned_by_the_configuration_only(tmp_path, kind):
    folder = hyp3(tmp_path / "s", kinds=(kind,))
    plain, turned = (open_insar(folder, track="asc", options=TrackOptions(positive=p)) for p in (None, "away"))
    np.testing.assert_allclose(turned["displacement"].to_numpy(), -plain["displacement"].to_numpy(), atol=1e-7)
    (sentence,) = [s for s in turned.attrs["audit"] if s.startswith("sign:")]
    assert in_chinese(sentence) == "符号：远离卫星为正，依据配置，不同于 HyP3 的约定"


@pytest.mark.slow
def test_a_displacement_that_contradicts_its_phase_is_settled_by_the_configuration(tmp_path):
    folder = hyp3(tmp_path / "s", kinds=("unw_phase", "los_disp"))
    truth = motion()
    for path in folder.glob("*_los_disp.tif"):
        first, second = (DATES.index(d[:8]) for d in path.name.split("_")[1:3])
        write_tif(path, -(truth[second] - truth[first] + 0.01 * second))
    with pytest.raises(AmbiguousError, match="per radian") as caught:
        open_insar(folder, track="asc")
    assert "positive: toward" in caught.value.fix
    data = open_insar(folder, track="asc", options=TrackOptions(positive="toward"))
    assert "sign: positive is toward the satellite, as the config says" in data.attrs["audit"]


def test_files_that_contradict_one_another_are_refused(tmp_path):
    folder = hyp3(tmp_path / "s", kinds=("unw_phase", "los_disp"))
    path = next(folder.glob("*los_disp.tif"))
    write_tif(path, -(motion()[1] + 0.01))
    with pytest.raises(AmbiguousError, match="per radian"):
        open_insar(folder, track="asc")
    folder = hyp3(tmp_path / "t")
    for old in list(folder.glob("*_unw_phase.tif")):
        old.rename(old.with_name(old.name.replace("S1AA", "ALOS")))
    with pytest.raises(AmbiguousError, match="wavelength"):
        open_insar(folder, track="asc")


@pytest.mark.parametrize("kinds", [("unw_phase",), ("los_disp",), ("unw_phase", "los_disp")])
@pytest.mark.parametrize("mark", [-9999.0, -32768.0])
def test_a_mark_in_one_cell_of_one_pair_stops(tmp_path, kinds, mark):
    folder = hyp3(tmp_path / "s", kinds=kinds)
    path = sorted(folder.glob(f"*_{kinds[0]}.tif"))[2]
    with rasterio.open(path, "r+") as target:
        values = target.read(1)
        values[10, 12] = mark
        target.write(values, 1)
    with pytest.raises(DataError, match=rf"{mark:g} in 1 cells, and the file does not declare(?s:.)*{path.name}"):
        open_insar(folder, track="asc").compute()


@pytest.mark.slow
def test_sets_of_one_lattice_are_cut_to_what_they_share_and_others_refused(tmp_path):
    folder = hyp3(tmp_path / "s")
    path = sorted(folder.glob("*_unw_phase.tif"))[1]
    truth = (motion()[2] - motion()[1]) * RADIANS_PER_M + 1.0
    write_tif(path, truth[2:, 3:], corner=(400_000.0 + 3 * 80, 4_000_000.0 - 2 * 80))
    data = open_insar(folder, track="asc")
    assert data["displacement"].shape == (5, 22, 27)
    assert any("cut to the 27 x 22 cells" in s for s in data.attrs["audit"])
    got, wanted = data["displacement"].to_numpy(), motion()[:, 2:, 3:]
    np.testing.assert_allclose(relative(got), relative(wanted), atol=2e-6)
    write_tif(path, truth, corner=(400_040.0, 4_000_000.0))
    with pytest.raises(GridError, match="not on one lattice"):
        open_insar(folder, track="asc")
    far = write_tif(tmp_path / "far.tif", truth, corner=(480_000.0, 4_000_000.0))
    with pytest.raises(GridError, match="no cell in common"):
        common_frame([sorted(folder.glob("*_corr.tif"))[0], far])


def test_unpacked_folders_and_names_of_bursts_are_read(tmp_path):
    folder = hyp3(tmp_path / "flat")
    for path in list(folder.iterdir()):
        first, second = path.name[5:13], path.name[21:29]
        stem = f"S1_136231_IW2_{first}_{second}_VV_INT80_663F"
        part = path.name.split("_A4F6_")[1]
        target = tmp_path / "s" / stem / f"{stem}_{part}"
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    data = open_insar(tmp_path / "s", track="asc")
    np.testing.assert_allclose(relative(data["displacement"].to_numpy()), relative(motion()), atol=2e-6)


@pytest.mark.slow
def test_info_tells_a_folder_of_hyp3(tmp_path):
    facts = inspect_file(hyp3(tmp_path / "s"))
    assert (facts.product, facts.problems) == ("hyp3", ())
    assert "5 dates" in facts.dates
    assert not is_set([])
    with pytest.raises(AmbiguousError, match="two files for corr"):
        pairs_of([Path(f"S1AA_20190105_20190117_{k}_corr.tif") for k in "ab"])


# --- the network ------------------------------------------------------------------------------------------------------


def test_inversion_agrees_with_numpy_where_all_pairs_are_known():
    network = Network(NETWORK)
    pairs = np.random.default_rng(1).normal(size=(len(NETWORK), 4, 5))
    wanted = np.linalg.lstsq(network.design[:, 1:], pairs.reshape(len(NETWORK), -1), rcond=None)[0]
    got = invert(network, pairs)
    np.testing.assert_allclose(got[1:].reshape(4, -1), wanted, atol=1e-6)
    np.testing.assert_array_equal(got[0], 0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.booleans(), min_size=len(NETWORK), max_size=len(NETWORK)), st.integers(0, 1000))
def test_what_pairs_do_not_tie_to_the_first_date_is_missing_and_the_rest_exact(known, seed):
    network = Network(NETWORK)
    truth = np.r_[0.0, np.random.default_rng(seed).normal(size=4)]
    pairs = np.array([truth[DATES.index(b)] - truth[DATES.index(a)] for a, b in NETWORK])
    pairs[~np.array(known)] = np.nan
    got = invert(network, pairs[:, None, None])[:, 0, 0]
    reached = (
        {0}
        if any(k and 0 in (DATES.index(a), DATES.index(b)) for k, (a, b) in zip(known, NETWORK, strict=True))
        else set()
    )
    while True:
        more = {DATES.index(d) for k, p in zip(known, NETWORK, strict=True) if k for d in p
                if {DATES.index(e) for e in p} & reached} | reached  # fmt: skip
        if more == reached:
            break
        reached = more
    for i in range(5):
        assert np.isfinite(got[i]) == (i in reached)
        if i in reached:
            assert got[i] == pytest.approx(truth[i], abs=1e-5)


def test_a_series_does_not_depend_on_the_bands_it_is_inverted_in(monkeypatch):
    rng = np.random.default_rng(6)
    network = Network(NETWORK)
    values = rng.normal(0, 0.01, (len(NETWORK), *SHAPE)).astype("f4")
    values[rng.random(values.shape) < 0.2] = np.nan
    monkeypatch.setattr(pairs, "BAND_BYTES", 8 * len(NETWORK) * SHAPE[1] * 5)
    got = pairs.lazy_series(network, da.from_array(values, chunks=(2, 11, 13))).compute(scheduler="sync")
    # matrix products of other widths differ in the last bit of a float32
    np.testing.assert_allclose(got, invert(network, values), rtol=0, atol=1e-8)


def test_offsets_are_medians_of_the_common_cells():
    sample = np.arange(40.0).reshape(2, 20)
    sample[0, 3] = np.nan
    offsets, n = pair_offsets(sample)
    assert n == 19
    np.testing.assert_array_equal(offsets, np.median(np.delete(sample, 3, axis=1), axis=1))
    np.testing.assert_array_equal(pair_offsets(sample[:, :5])[0], 0)


# --- GACOS ------------------------------------------------------------------------------------------------------------

COS = 0.8
"""Cosine of the incidence angle in these tests."""


def series(n: int = 5, *, delays: np.ndarray | None = None, noise_m: float = 0.0005) -> xr.Dataset:
    """A track in degrees whose only signal is the delay, away from the satellite where the delay is long."""
    n_y, n_x = 20, 24
    rng = np.random.default_rng(4)
    data = rng.normal(0, noise_m, (n, n_y, n_x))
    if delays is not None:
        data = data - (delays - delays[:1]) / COS
    up = np.full((n_y, n_x), COS)
    out = mintpy_like(data)
    out = out.assign(los_up=(("y", "x"), up.astype("f4"), {"units": "1"}))
    step = 0.001
    out = out.assign_coords(y=37.0 - step * (np.arange(n_y) + 0.5), x=112.0 + step * (np.arange(n_x) + 0.5))
    return out.assign_attrs(crs="EPSG:4326", transform=[step, 0, 112.0, 0, -step, 37.0])


def zenith(n: int = 5, *, shape: tuple[int, int] = (24, 28)) -> np.ndarray:
    """Zenith delays (dates, y, x) [m], a plane of its own each date."""
    rng = np.random.default_rng(9)
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.stack([2.2 + rng.normal(0, 0.02) + rng.normal(0, 4e-4) * x + rng.normal(0, 4e-4) * y for _ in range(n)])


def write_gacos(folder: Path, maps: np.ndarray, dates: list[str], *, kind: str = "raw") -> Path:
    """The files of a GACOS request: two cells more than the track on each side."""
    folder.mkdir(parents=True, exist_ok=True)
    step, left, top = 0.001, 112.0 - 0.002, 37.0 + 0.002
    for day, values in zip(dates, maps, strict=True):
        if kind == "tif":
            write_tif(folder / f"{day}.ztd.tif", values, cell=step, corner=(left, top), crs="EPSG:4326", nodata=None)
            continue
        (folder / f"{day}.ztd").write_bytes(values.astype("<f4").tobytes())
        (folder / f"{day}.ztd.rsc").write_text(
            f"WIDTH {values.shape[1]}\nFILE_LENGTH {values.shape[0]}\nXMIN 0\nXMAX {values.shape[1] - 1}\nYMIN 0\n"
            f"YMAX {values.shape[0] - 1}\nX_FIRST {left}\nY_FIRST {top}\nX_STEP {step}\nY_STEP {-step}\nX_UNIT degres\n"
        )
    return folder


def dates_of(data: xr.Dataset) -> list[str]:
    return [str(t)[:10].replace("-", "") for t in data["time"].to_numpy()]


@pytest.mark.parametrize("kind", ["raw", "tif"])
def test_the_correction_takes_off_the_delay_it_stands_for(tmp_path, kind):
    maps = zenith()
    data = series(delays=maps[:, 2:-2, 2:-2])
    done = corrected(data, write_gacos(tmp_path / "g", maps, dates_of(data), kind=kind))
    left = done["displacement"].to_numpy()
    # what is left is the noise and each date's own level, which the correction keeps
    np.testing.assert_allclose(left - left.mean(axis=(1, 2), keepdims=True),
                               (s := series()["displacement"].to_numpy()) - s.mean(axis=(1, 2), keepdims=True),
                               atol=2e-6)  # fmt: skip
    np.testing.assert_allclose(left.mean(axis=(1, 2)), data["displacement"].mean(("y", "x")), atol=1e-3)
    assert any("the variance down by" in s for s in done.attrs["audit"])
    assert done.attrs["warnings"] == []
    assert left[1].std() < data["displacement"][1].to_numpy().std() / 3


def test_a_multiplied_cosine_would_leave_a_third(tmp_path):
    """The test above tells division from multiplication: with the wrong one a good third of the delay is left."""
    maps = zenith()
    data = series(delays=maps[:, 2:-2, 2:-2], noise_m=0.0)
    wrong = data["displacement"].to_numpy() + (maps - maps[:1])[:, 2:-2, 2:-2] * COS
    right = corrected(data, write_gacos(tmp_path / "g", maps, dates_of(data)))["displacement"].to_numpy()
    assert wrong[1].std() > 0.3 * data["displacement"][1].to_numpy().std() > 30 * right[1].std()


def test_a_correction_that_adds_noise_is_warned_of(tmp_path):
    maps = zenith()
    data = series(delays=-maps[:, 2:-2, 2:-2])
    done = corrected(data, write_gacos(tmp_path / "g", maps, dates_of(data)))
    assert "noisier" in done.attrs["warnings"][0][0]
    assert "噪声" in done.attrs["warnings"][0][1]
    assert any("the variance up by" in s for s in done.attrs["audit"])


@pytest.mark.parametrize("kind", ["raw", "tif"])
def test_a_delay_of_zero_is_no_delay_and_bends_no_series(tmp_path, kind):
    maps, data = zenith(), series()
    maps[2, 10:12, 10:12] = 0
    left = corrected(data, write_gacos(tmp_path / "g", maps, dates_of(data), kind=kind))["displacement"].to_numpy()
    gone = np.isnan(left)
    assert gone[2, 8:10, 8:10].all()
    assert not gone[[0, 1, 3, 4]].any()
    assert np.nanmax(np.abs(left)) < 0.2  # a delay of 0 against 2.3 m would be metres of motion


def test_dates_without_a_map_are_listed_and_nothing_is_mixed(tmp_path):
    maps, data = zenith(), series()
    folder = write_gacos(tmp_path / "g", maps, dates_of(data))
    (folder / f"{dates_of(data)[2]}.ztd").unlink()
    with pytest.raises(TimeError, match=f"1 of 5 dates have no delay map: {dates_of(data)[2]}"):
        corrected(data, folder)


def test_bad_delay_maps_are_refused(tmp_path):
    maps, data = zenith(), series()
    dates = dates_of(data)
    with pytest.raises(UnitError, match="zenith"):
        corrected(data, write_gacos(tmp_path / "mm", maps * 1000, dates))
    with pytest.raises(UnitError, match="zenith"):
        corrected(data, write_gacos(tmp_path / "difference", maps - maps[0], dates))
    folder = write_gacos(tmp_path / "cut", maps, dates)
    (folder / f"{dates[1]}.ztd").write_bytes(b"\0" * 100)
    with pytest.raises(CorruptFileError, match="100 bytes"):
        corrected(data, folder)
    folder = write_gacos(tmp_path / "bare", maps, dates)
    (folder / f"{dates[1]}.ztd.rsc").unlink()
    with pytest.raises(CorruptFileError, match="not beside"):
        corrected(data, folder)
    (folder / f"{dates[1]}.ztd.rsc").write_text("WIDTH many\n")
    with pytest.raises(GridError, match="no number"):
        corrected(data, folder)
    write_gacos(folder, maps, dates)
    write_gacos(folder, maps[:1], dates[:1], kind="tif")
    with pytest.raises(AmbiguousError, match="two delay maps"):
        delay_maps(folder)
    with pytest.raises(DataError, match="not there"):
        delay_maps(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no YYYYMMDD\.ztd"):
        delay_maps(tmp_path / "empty")


def test_maps_elsewhere_and_products_that_have_no_series_are_refused(tmp_path):
    maps, data = zenith(), series()
    folder = write_gacos(tmp_path / "g", maps, dates_of(data))
    far = data.assign_attrs(transform=[0.001, 0, 90.0, 0, -0.001, 37.0])
    with pytest.raises(OverlapError, match="no value on the frame"):
        corrected(far, folder)
    velocity = data.drop_vars("displacement").assign(velocity=data["displacement"][0])
    with pytest.raises(DataError, match="corrects a series"):
        corrected(velocity, folder)
    east = data.assign(los_up=data["los_up"] * 0)
    with pytest.raises(DataError, match="not along a line of sight"):
        corrected(east, folder)


@pytest.mark.slow
def test_the_correction_crosses_projections_and_is_reached_from_the_options(tmp_path):
    folder = hyp3(tmp_path / "s")
    x0, y0 = Transformer.from_crs(32649, 4326, always_xy=True).transform(401_200, 3_999_040)
    step, n = 0.002, 40
    x = np.mgrid[:n, :n][1]
    (tmp_path / "g").mkdir()
    for k, day in enumerate(DATES):
        values = 2.0 + 0.001 * k * x
        corner = (x0 - step * n / 2, y0 + step * n / 2)
        write_tif(tmp_path / f"g/{day}.ztd.tif", values, cell=step, corner=corner, crs="EPSG:4326", nodata=None)
    plain = open_insar(folder, track="asc")
    done = open_insar(folder, track="asc", options=TrackOptions(gacos=tmp_path / "g"))
    change = (done["displacement"] - plain["displacement"]).to_numpy()
    lon, _ = Transformer.from_crs(32649, 4326, always_xy=True).transform(
        *np.meshgrid(done["x"].to_numpy(), done["y"].to_numpy())
    )
    for k in range(5):
        wanted = 0.001 * k * (lon - x0) / step / float(plain["los_up"][0, 0])
        np.testing.assert_allclose(change[k] - change[k].mean(), wanted - wanted.mean(), atol=5e-7)


# --- stacks -----------------------------------------------------------------------------------------------------------

LOOK = TrackOptions(incidence_deg=39.0, heading_deg=349.0, units="m", positive="toward")


def stack(folder: Path, names: list[str], **facts: str) -> Path:
    for k, name in enumerate(names):
        write_tif(folder / name, motion()[k % 5] + 0.001, nodata=np.nan, **facts)
    return folder


def test_a_stack_takes_look_angles_and_dates_with_hyphens(tmp_path):
    data = open_insar(
        stack(tmp_path / "s", [f"d_{d[:4]}-{d[4:6]}-{d[6:]}.tif" for d in DATES]), track="a", options=LOOK
    )
    assert [str(t)[:10].replace("-", "") for t in data["time"].to_numpy()] == DATES
    np.testing.assert_allclose(data["displacement"], motion() + 0.001, atol=1e-7)
    np.testing.assert_allclose(float(data["los_up"][0, 0]), np.cos(np.deg2rad(39.0)), atol=1e-6)


@pytest.mark.parametrize(
    ("names", "error", "text"),
    [
        (["20190105.tif", "20190117.tif", "mean.tif"], TimeError, "no date in the name: mean.tif"),
        (["a_20190105.tif", "b_20190105.tif", "20190117.tif"], TimeError, "20190105 in a_20190105.tif and b_20190105"),
        (["20190105_20190117.tif", "20190117_20190129.tif"], AmbiguousError, "is it a pair"),
        (["20190231.tif", "20190117.tif"], TimeError, "YYYYMMDD"),
        (["20190105.tif"], TimeError, "1 date"),
    ],
)
def test_names_that_make_no_series_are_refused(tmp_path, names, error, text):
    with pytest.raises(error, match=text):
        open_insar(stack(tmp_path / "s", names), track="a", options=LOOK)


def test_phase_other_grids_two_signs_and_bands_are_refused(tmp_path):
    names = [f"{d}.tif" for d in DATES]
    bare = LOOK.model_copy(update={"units": None, "positive": None})
    with pytest.raises(UnitError, match="phase"):
        open_insar(stack(tmp_path / "a", names, units="radian"), track="a", options=bare)
    folder = stack(tmp_path / "b", names)
    write_tif(folder / names[2], motion()[2], cell=40.0, nodata=np.nan)
    with pytest.raises(GridError, match="corner"):
        open_insar(folder, track="a", options=LOOK)
    folder = stack(tmp_path / "c", names, units="m", positive="toward")
    write_tif(folder / names[2], motion()[2], nodata=np.nan, units="m", positive="away")
    with pytest.raises(AmbiguousError, match="disagree"):
        open_insar(folder, track="a", options=bare)
    with pytest.raises(AmbiguousError, match="toward the satellite, or away"):
        open_insar(stack(tmp_path / "d", names, units="m", positive="toward or away"), track="a", options=bare)
    said = LOOK.model_copy(update={"positive": "away"})
    with pytest.raises(AmbiguousError, match="the config says"):
        open_insar(stack(tmp_path / "e", names, units="m", positive="toward"), track="a", options=said)


def test_bands_are_asked_about_and_scale_and_offset_are_applied(tmp_path):
    names = [f"{d}.tif" for d in DATES]
    folder = stack(tmp_path / "s", names)
    with rasterio.open(folder / names[1], "r+") as target:
        target.scales, target.offsets = (0.5,), (0.01,)
    data = open_insar(folder, track="a", options=LOOK)
    np.testing.assert_allclose(data["displacement"][1], (motion()[1] + 0.001) * 0.5 + 0.01, atol=1e-7)
    with rasterio.open(folder / names[0]) as source:
        profile, band = source.profile, source.read(1)
    with rasterio.open(folder / names[0], "w", **(profile | {"count": 2})) as target:
        target.write(np.stack([band, band]))
    with pytest.raises(AmbiguousError, match="2 bands"):
        open_insar(folder, track="a", options=LOOK)


def test_a_pair_that_is_there_twice_is_named():
    with pytest.raises(TimeError, match="20190105_20190117"):
        Network((*CHAIN, CHAIN[0])).check(where="x")
    Network(CHAIN).check(where="x")
    assert Network(CHAIN).is_chain
    assert not Network(NETWORK).is_chain
