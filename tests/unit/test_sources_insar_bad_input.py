"""What bad InSAR files end in: no still ground made of nodata, no silent shift, no file that is read for hours."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio
import yaml
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.cli import main
from geo_risk.core.errors import AmbiguousError, DataError, GridError, LimitError
from geo_risk.sources.audit_words import in_chinese
from geo_risk.sources.checks import inspect_file
from geo_risk.sources.insar import drop_zeros, open_insar
from geo_risk.sources.look_vectors import look_notes
from geo_risk.sources.los_tif import open_look
from geo_risk.sources.options import TrackOptions
from geo_risk.sources.stack import tif_frame
from tests.support.insar import write_mintpy
from tests.support.insar_files import (
    OPERA_CELL,
    OPERA_LEFT,
    OPERA_TOP,
    look,
    write_cum,
    write_granule,
    write_hdfeos,
    write_look,
)
from tests.support.points import days, egms, write_tif

N = 5
SHAPE = (24, 30)
SERIES = np.random.default_rng(11).normal(0, 0.01, (N, *SHAPE)) + 0.001
LOOK = TrackOptions(incidence_deg=39.0, heading_deg=349.0, units="m", positive="toward")


def stack(folder: Path, series: np.ndarray = SERIES, **facts: str) -> Path:
    for day, values in zip(days(N), series, strict=False):
        write_tif(folder / f"{day}.tif", values, nodata=np.nan, **facts)
    return folder


def licsbas(folder: Path, **replaced: np.ndarray) -> Path:
    e, n, u = (np.full(SHAPE, v) for v in look())
    parts = {"vel": SERIES[0] * 1e3, "E": e, "N": n, "U": u} | replaced
    for name, values in parts.items():
        write_tif(folder / f"{name}.geo.tif", values, nodata=np.nan)
    return folder


def hyp3(folder: Path, series: np.ndarray = SERIES) -> Path:
    for k, (first, second) in enumerate(zip(days(N), days(N)[1:], strict=False)):
        stem = f"S1AA_{first}T013911_{second}T013911_VVP012_INT80_G_ueF_{k:04d}"
        write_tif(folder / f"{stem}_los_disp.tif", series[k + 1] - series[k])
        if k == 0:
            write_tif(folder / f"{stem}_lv_theta.tif", np.full(series.shape[1:], 0.9))
            write_tif(folder / f"{stem}_lv_phi.tif", np.full(series.shape[1:], -2.9))
    return folder


# --- coherence --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("product", ["stack", "licsbas", pytest.param("hyp3", marks=pytest.mark.slow)])
def test_coherence_of_bytes_is_refused_and_one_of_shares_is_taken(tmp_path, product):
    folder = {"stack": stack, "licsbas": licsbas, "hyp3": hyp3}[product](tmp_path / "s")
    options = LOOK if product == "stack" else TrackOptions()
    path = write_tif(tmp_path / "coherence.tif", np.full(SHAPE, 0.6), nodata=np.nan)
    if product == "hyp3":
        path = path.rename(tmp_path / "S1AA_20220703T013911_20220715T013911_VVP012_INT80_G_ueF_0000_corr.tif")
    data = open_insar(folder, track="asc", coherence=path, options=options)
    np.testing.assert_allclose(data["coherence"], 0.6, atol=1e-6)
    rounded = np.where(np.arange(SHAPE[1]) > 20, 1.0000001, -1e-7) * np.ones(SHAPE)
    write_tif(path, rounded, nodata=np.nan)
    data = open_insar(folder, track="asc", coherence=path, options=options)
    if product != "hyp3":  # where it is 0 the coherence of HyP3 is missing
        np.testing.assert_array_equal(data["coherence"], np.round(rounded))
    assert float(data["coherence"].max()) == 1.0
    write_tif(path, np.full(SHAPE, 153.0), nodata=np.nan)
    with pytest.raises(DataError, match="coherence runs from 153 to 153; 0-1 needed"):
        open_insar(folder, track="asc", coherence=path, options=options)
    write_tif(path, np.full(SHAPE, 0.6), corner=(400_040.0, 4_000_000.0), nodata=np.nan)
    with pytest.raises(GridError):
        open_insar(folder, track="asc", coherence=path, options=options)


# --- nodata -----------------------------------------------------------------------------------------------------------


def test_zeros_that_a_stack_does_not_declare_are_no_still_ground(tmp_path):
    values = SERIES.copy()
    values[:, 3, 4] = 0
    values[1:3, 5, 6] = 0
    values[:, 7, 8] = [0, np.nan, 0, np.nan, 0]
    data = open_insar(stack(tmp_path / "s", values), track="asc", options=LOOK)
    gone = np.isnan(data["displacement"].to_numpy())
    assert sorted(map(tuple, np.argwhere(gone.all(axis=0)))) == [(3, 4), (7, 8)]
    assert not gone[:, 5, 6].any()
    assert any("0 on every date" in s for s in data.attrs["audit"])


def test_a_licsbas_velocity_of_zero_is_no_still_ground_and_a_mark_stops(tmp_path):
    velocity = SERIES[0] * 1e3
    velocity[3, 4] = 0
    data = open_insar(licsbas(tmp_path / "a", vel=velocity), track="asc")
    assert np.argwhere(np.isnan(data["velocity"].to_numpy())).tolist() == [[3, 4]]
    velocity[5:8] = -9999
    with pytest.raises(DataError, match=r"-9999 in 90 cells, and the file(?s:.)*vel.geo.tif, rows 0-24"):
        open_insar(licsbas(tmp_path / "b", vel=velocity), track="asc")


@pytest.mark.parametrize("mark", [-9999.0, -32768.0, 1e20])
@pytest.mark.parametrize("part", ["vel", "vstd"])
def test_a_mark_in_one_cell_of_a_licsbas_map_stops(tmp_path, part, mark):
    y, x = np.mgrid[:200, :30]
    values = {"vel": np.sin(y + x), "vstd": 1.0 + 0 * y}
    values[part][77, 11] = mark
    e, n, u = (np.full(y.shape, v) for v in look())
    folder = licsbas(tmp_path / "s", E=e, N=n, U=u, **values)
    with pytest.raises(DataError, match=rf"in 1 cells, and the file does not declare(?s:.)*{part}.geo.tif"):
        open_insar(folder, track="asc").compute()


def test_a_velocity_masked_by_licsbas_is_known_by_its_name_and_taken_before_the_unmasked_one(tmp_path):
    velocity = SERIES[0] * 1e3
    masked = np.where(np.arange(SHAPE[1]) > 20, np.nan, velocity)
    name = "065A_05228_131313"
    folder = licsbas(tmp_path / "s", **{f"{name}.vel.mskd": masked})
    (folder / "vel.geo.tif").unlink()
    data = open_insar(folder, track="asc")
    assert np.isnan(data["velocity"].to_numpy()).mean() == pytest.approx(9 / 30)
    write_tif(folder / f"{name}.vel.geo.tif", velocity, nodata=np.nan)
    write_tif(folder / f"{name}.vstd.mskd.geo.tif", np.abs(velocity) + 1, nodata=np.nan)
    both = open_insar(folder, track="asc")
    assert np.isnan(both["velocity"].to_numpy()).mean() == pytest.approx(9 / 30)
    assert "velocity_std" in both
    said = f"mask: {name}.vel.mskd.geo.tif is masked by LiCSBAS; {name}.vel.geo.tif, which is not, is not used"
    assert said in both.attrs["audit"]
    write_tif(folder / f"{name}.vel_filt.mskd.geo.tif", velocity, nodata=np.nan)
    with pytest.raises(AmbiguousError, match="two files claim to be velocity"):
        open_insar(folder, track="asc")


@pytest.mark.slow
def test_a_second_height_of_licsar_stops_no_track(tmp_path):
    name = "124A_05297_131313"
    folder = licsbas(tmp_path / "s", **{f"{name}.hgt": np.full(SHAPE, 900.0)})
    write_tif(folder / f"{name}.geo.hgt.tif", np.full((50, 60), 800.0), cell=40.0, nodata=np.nan)
    said = f"height: {name}.hgt.geo.tif is read; {name}.geo.hgt.tif, a height too, is not used"
    dated = stack(tmp_path / "d")
    for data in (
        open_insar(folder, track="asc"),
        open_insar(dated, track="asc", geometry=sorted(folder.glob("*.tif")),
                   options=TrackOptions(units="m", positive="toward")),
    ):  # fmt: skip
        assert float(data["height"][3, 3]) == 900.0
        assert said in data.attrs["audit"]
    assert in_chinese(said) == f"高程：读取 {name}.hgt.geo.tif；同为高程的 {name}.geo.hgt.tif 不予采用"
    write_tif(folder / f"{name}.geo.E.tif", np.zeros(SHAPE), nodata=np.nan)
    with pytest.raises(AmbiguousError, match="two files claim to be los_east"):
        open_insar(folder, track="asc")


@pytest.mark.slow
@pytest.mark.parametrize(("make", "names"), [(licsbas, "[ENU].geo.tif"), (hyp3, "*_lv_*.tif")])
def test_a_geometry_named_beside_the_folder_that_holds_it_is_no_second_one(tmp_path, make, names):
    folder = make(tmp_path / "s")
    data = open_insar(folder, track="asc", geometry=sorted(folder.glob(names)))
    assert np.isfinite(data["los_up"].to_numpy()).all()


def test_a_mintpy_cell_of_zeros_and_gaps_is_missing(tmp_path):
    values = SERIES.copy()
    values[:, 7, 8] = [0, np.nan, 0, np.nan, 0]
    data = open_insar(**write_mintpy(tmp_path, values), track="asc")
    assert np.argwhere(np.isnan(data["displacement"].to_numpy()).all(axis=0)).tolist() == [[7, 8]]


@given(st.lists(st.sampled_from([0.0, np.nan, 0.01]), min_size=3, max_size=3))
def test_only_cells_without_a_value_beside_zero_are_dropped(values):
    block = np.array(values, np.float32)[:, None, None]
    got = drop_zeros(block.copy())
    if any(v == 0.01 for v in values):
        np.testing.assert_array_equal(got, block)
    else:
        assert np.isnan(got).all()


@pytest.mark.parametrize("mark", [-9999.0, 1e20])
def test_a_mark_of_missing_that_no_file_declares_stops_a_stack(tmp_path, mark):
    values = SERIES.copy()
    values[-1, :2, :2] = mark
    with pytest.raises(DataError, match="the file does not declare it as missing"):
        open_insar(stack(tmp_path / "s", values), track="asc", options=LOOK)


@pytest.mark.slow
@pytest.mark.parametrize("product", ["hyp3", "stack"])
def test_a_small_coherent_valley_is_no_empty_frame(tmp_path, product):
    """Nothing but 12 rows of 700 are coherent, and no sample of 8 or 16 rows meets them."""
    big = np.full((N, 700, 40), np.nan)
    big[:, 130:142] = np.random.default_rng(3).normal(0, 0.01, (N, 12, 40)) + 0.001
    if product == "hyp3":
        folder, options = hyp3(tmp_path / "s", big), TrackOptions()
    else:
        folder, options = stack(tmp_path / "s", big), LOOK
    data = open_insar(folder, track="asc", options=options)
    assert np.isfinite(data["displacement"][1:, 130:142].to_numpy()).all()
    if product == "hyp3":
        assert "relative to its median" in data.attrs["reference"]


@pytest.mark.parametrize("product", ["stack", "opera"])
def test_water_of_a_mintpy_geometry_is_missing_in_other_products_too(tmp_path, product):
    corner, cell = {"stack": ((400_000.0, 4_000_000.0), 80.0),
                    "opera": ((OPERA_LEFT, OPERA_TOP), OPERA_CELL)}[product]  # fmt: skip
    said = {"X_FIRST": str(corner[0]), "Y_FIRST": str(corner[1]), "X_STEP": str(cell), "Y_STEP": str(-cell)}
    geometry = write_mintpy(tmp_path / "g", SERIES, EPSG="32649", **said)["geometry"]
    water = np.ones(SHAPE, bool)
    water[:6] = False
    with h5py.File(geometry, "r+") as file:
        file["waterMask"] = water
    if product == "stack":
        folder, options = stack(tmp_path / "s"), TrackOptions(units="m", positive="toward")
    else:
        folder, options = tmp_path / "s", TrackOptions()
        write_granule(folder, SERIES[1] - SERIES[0], tuple(days(2)))
    data = open_insar(folder, track="asc", geometry=geometry, options=options)
    gone = np.isnan(data["displacement"].to_numpy())
    assert gone[:, :6].all()
    assert not gone[:, 6:].any()
    assert any("waterMask is 0 are missing" in s for s in data.attrs["audit"])


@pytest.mark.parametrize("product", ["hdfeos", "cum", "licsbas", "opera"])
def test_a_mask_that_leaves_no_cell_is_a_frame_without_a_value(tmp_path, product):
    bad = np.zeros(SHAPE, "f4")
    more = {}
    if product == "hdfeos":
        files = write_hdfeos(tmp_path / "a.he5", SERIES)
        with h5py.File(files, "r+") as file:
            file["HDFEOS/GRIDS/timeseries/quality/mask"][...] = False
    elif product == "cum":
        files = write_cum(tmp_path / "cum.h5", SERIES * 1000, mask=bad)
    elif product == "licsbas":
        files = licsbas(tmp_path / "s", mask=bad)
    else:
        files, more = tmp_path / "s", {"geometry": write_look(tmp_path / "look", SHAPE)}
        for k in (1, 2):
            write_granule(files, SERIES[k] - SERIES[k - 1], (days(3)[k - 1], days(3)[k]), mask=bad)
    with pytest.raises(DataError, match=r"mask calls no cell good.*wholly decorrelated"):
        open_insar(files, track="asc", **more)


# --- size -------------------------------------------------------------------------------------------------------------


def sparse(path: Path, side: int) -> Path:
    """A GeoTIFF whose header asks for side x side float32 cells, of which none is in the file."""
    profile = {"driver": "GTiff", "height": side, "width": side, "count": 1, "dtype": "float32", "crs": "EPSG:32649",
               "transform": Affine(1, 0, 4e5, 0, -1, 4e6), "tiled": True, "blockxsize": 4096,
               "blockysize": 4096}  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", sparse_ok=True, bigtiff="YES", **profile):
        return path


def test_a_geotiff_header_of_more_than_a_tebibyte_ends_at_once(tmp_path):
    for day in days(3):
        sparse(tmp_path / f"one/{day}.tif", 566_000)  # 1.28 TB each
        sparse(tmp_path / f"all/{day}.tif", 310_000)  # 0.35 TiB each, 1.05 TiB together
    for folder, count in (("one", 1), ("all", 3)):
        with pytest.raises(LimitError, match=rf"headers of {count} rasters .* 1\.\d+ TiB; the limit is 1 TiB"):
            open_insar(tmp_path / folder, track="asc", options=LOOK)
    big = hyp3(tmp_path / "pairs")
    for path in big.iterdir():
        sparse(path, 310_000)
    with pytest.raises(LimitError, match=r"headers of 4 rasters .* 1\.40 TiB"):
        open_insar(big, track="asc")


# --- look vectors -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_cells_of_geotiffs_without_a_look_vector_are_missing(tmp_path):
    east, north, up = (np.full(SHAPE, v) for v in look())
    for values in (east, north, up):
        values[:5] = 0
    data = open_insar(licsbas(tmp_path / "a", E=east, N=north, U=up), track="asc")
    folder = stack(tmp_path / "b")
    geometry = [tmp_path / f"a/{n}.geo.tif" for n in "ENU"]
    options = TrackOptions(units="m", positive="toward")
    for found in (data, open_insar(folder, track="asc", geometry=geometry, options=options)):
        for name in ("los_east", "los_north", "los_up"):
            gone = np.isnan(found[name].to_numpy())
            assert gone[:5].all()
            assert not gone[5:].any()


def test_vectors_off_unit_length_in_a_stack_are_refused(tmp_path):
    licsbas(tmp_path / "a", U=np.full(SHAPE, 0.5))
    geometry = [tmp_path / f"a/{n}.geo.tif" for n in "ENU"]
    with pytest.raises(DataError, match="off unit length"):
        open_insar(
            stack(tmp_path / "b"), track="asc", geometry=geometry, options=TrackOptions(units="m", positive="toward")
        )


@pytest.mark.parametrize(("name", "value", "text"), [
    ("theta", 51.6, "lv_theta runs from 51.6 to 51.6; radians from 0 to 1.571 needed"),
    ("theta", -0.9, "lv_theta runs from -0.9"), ("phi", -166.2, "lv_phi runs from -166.2"),
])  # fmt: skip
def test_look_angles_of_hyp3_in_degrees_are_refused(tmp_path, name, value, text):
    folder = hyp3(tmp_path / "s")
    write_tif(next(folder.glob(f"*_lv_{name}.tif")), np.full(SHAPE, value))
    with pytest.raises(DataError, match=text) as caught:
        open_insar(folder, track="asc")
    assert "radians" in caught.value.fix


def static_layers(folder: Path, vector: tuple[float, ...], codes: np.ndarray) -> list[Path]:
    los = write_tif(folder / "x_line_of_sight_enu.tif", np.full(SHAPE, 1.0), nodata=0.0)
    with rasterio.open(los) as source:
        profile = source.profile | {"count": 3}
    with rasterio.open(los, "w", **profile) as target:
        for k, value in enumerate(vector, 1):
            target.write(np.full(SHAPE, value, "f4"), k)
    return [los, write_tif(folder / "x_layover_shadow_mask.tif", codes, nodata=None)]


def test_static_layers_that_point_down_are_refused_whatever_the_orbit(tmp_path):
    paths = static_layers(tmp_path, tuple(-v for v in look()), np.zeros(SHAPE))
    with pytest.raises(DataError, match=r"point down \(up -0\.78\)"):
        open_look(paths, tif_frame(paths[0]), track="asc")


def test_half_an_east_component_is_seen_by_the_incidence_of_what_it_makes(tmp_path):
    write_granule(tmp_path / "s", SERIES[1], (days(2)[0], days(2)[1]))
    paths = write_look(tmp_path / "look", SHAPE)
    data = open_insar(tmp_path / "s", track="asc", geometry=paths)
    said = next(t for t in data.attrs["audit"] if "satellite in the" in t)
    assert said.startswith("geometry: made of east and north, incidence 3")
    assert "unit" not in said
    assert "入射角" in in_chinese(said)
    with rasterio.open(paths[0], "r+") as target:
        target.write(target.read(1) * np.float32(0.5), 1)
    with pytest.raises(DataError, match=r"incidence of 1\d\.\d to .* degrees; 25 to 50 needed"):
        open_insar(tmp_path / "s", track="asc", geometry=paths)


def test_an_angle_from_the_vertical_in_place_of_an_elevation_is_refused(tmp_path):
    folder = hyp3(tmp_path / "s")
    write_tif(next(folder.glob("*_lv_theta.tif")), np.full(SHAPE, np.pi / 2 - 0.9))
    with pytest.raises(DataError, match=r"incidence of 51\.6 to 51\.6 degrees"):
        open_insar(folder, track="asc")


def test_look_vectors_off_unit_length_outside_the_sample_are_missing_and_counted(tmp_path):
    shape = (320, 330)
    velocity = np.random.default_rng(8).normal(0, 3, shape)
    e, n, u = (np.full(shape, v) for v in look())
    for values in (e, n, u):
        values[50:120, 60:130] *= 0.5
        values[200:210, 60:130] *= 0.95
    velocity[50, 60:70] = np.nan
    data = open_insar(licsbas(tmp_path / "s", vel=velocity, E=e, N=n, U=u), track="asc")
    gone = np.isnan(data["los_up"].to_numpy())
    assert gone[50:120, 60:130].all()
    assert gone.sum() == 4900
    assert np.isfinite(data["velocity"].to_numpy()).sum() == velocity.size - 10
    notes, counts = look_notes(data)
    assert counts == {"cells_without_look": 4890.0, "cells_off_unit_look": 700.0}
    assert notes[0][0].startswith("4890 of 105590 cells with a velocity have no look vector")
    clean = open_insar(licsbas(tmp_path / "t"), track="asc")
    assert look_notes(clean) == ([], {})


def test_codes_of_shadow_that_stand_for_no_data_are_unknown(tmp_path):
    codes = np.resize([0.0, 1, 2, 3, 127, 255, np.nan], SHAPE)
    paths = static_layers(tmp_path, look(), codes)
    got = open_look(paths, tif_frame(paths[0]), track="asc").shadow
    want = np.resize([0.0, 1, 1, 1, np.nan, np.nan, np.nan], SHAPE)
    np.testing.assert_array_equal(got.compute(), want)


def test_geometry_that_would_be_left_out_in_silence_is_named(tmp_path):
    other = write_tif(tmp_path / "slope.tif", np.ones(SHAPE), nodata=np.nan)
    for files in (write_cum(tmp_path / "cum.h5", SERIES * 1000), licsbas(tmp_path / "l"), hyp3(tmp_path / "h")):
        with pytest.raises(DataError, match=r"none of the 1 geometry files is .*: slope\.tif"):
            open_insar(files, track="asc", geometry=[other])
    paths = write_mintpy(tmp_path / "m", SERIES)
    with pytest.raises(AmbiguousError, match="2 geometry files"):
        open_insar(paths["files"], track="asc", geometry=[paths["geometry"], paths["files"]])
    geometry = [tmp_path / f"l/{n}.geo.tif" for n in "ENU"]
    with pytest.raises(AmbiguousError, match="look angles are both given"):
        open_insar(stack(tmp_path / "s"), track="asc", geometry=geometry, options=LOOK)


def test_info_takes_no_other_raster_beside_a_series_for_its_geometry(tmp_path):
    write_cum(tmp_path / "cum.h5", SERIES * 1000)
    write_tif(tmp_path / "dem.tif", np.ones(SHAPE), nodata=np.nan)
    facts = inspect_file(tmp_path / "cum.h5")
    assert (facts.product, facts.problems) == ("licsbas_cum", ())


# --- unit -------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("factor", [1e3, 1e-3])
@pytest.mark.parametrize("product", ["hyp3", "licsbas", "opera", "egms"])
def test_a_wrong_unit_of_a_product_that_fixes_it_asks_for_nothing_that_is_refused(tmp_path, product, factor):
    more: dict[str, object] = {}
    if product == "hyp3":
        files = hyp3(tmp_path / "s")
        for path in files.glob("*_los_disp.tif"):
            with rasterio.open(path, "r+") as target:
                target.write(target.read(1) * np.float32(factor), 1)
    elif product == "licsbas":
        files = licsbas(tmp_path / "s", vel=SERIES[0] * 1e3 * factor)
    elif product == "opera":
        files, more = tmp_path / "s", {"geometry": write_look(tmp_path / "look", SHAPE)}
        write_granule(files, SERIES[1] * factor, (days(2)[0], days(2)[1]))
    else:
        table = egms(n=200)
        dates = [c for c in table.columns if c.isdigit()]
        table[[*dates, "mean_velocity"]] *= factor
        files, more = tmp_path / "EGMS_L2b.csv", {"options": TrackOptions(posting_m=100.0)}
        table.to_csv(files, index=False)
    with pytest.raises(AmbiguousError) as caught:
        open_insar(files, track="asc", **more)
    assert "mend the table" in caught.value.fix or "as they were published" in caught.value.fix
    if product == "egms":
        assert "`units" not in caught.value.fix
        return
    own = {"licsbas": "mm/yr", "opera": "meters"}.get(product, "m")
    assert f"`units: {own}`" in caught.value.fix
    data = open_insar(files, track="asc", options=TrackOptions(units=own), **more)
    told = "mm/yr" if product == "licsbas" else "m"
    assert any(f"unit: {told}, as the configuration says" in s for s in data.attrs["audit"])
    with pytest.raises(AmbiguousError, match=f"the unit of this product is {own}; the configuration says 'c"):
        open_insar(files, track="asc", options=TrackOptions(units="cm/yr" if product == "licsbas" else "cm"), **more)


def test_a_phase_of_hyp3_that_is_too_large_is_confirmed_by_its_own_unit(tmp_path):
    files = hyp3(tmp_path / "s", SERIES * 226.5)
    for path in files.glob("*_los_disp.tif"):
        with rasterio.open(path, "r+") as target:
            target.write(target.read(1) * np.float32(226.5), 1)
        path.rename(path.with_name(path.name.replace("los_disp", "unw_phase")))
    with pytest.raises(AmbiguousError, match="is the unit really m") as caught:
        open_insar(files, track="asc")
    assert "`units: rad`" in caught.value.fix
    data = open_insar(files, track="asc", options=TrackOptions(units="rad"))
    assert np.median(np.abs(data["displacement"].to_numpy()[1:])) > 0.5


def test_an_earthquake_in_a_stack_is_taken_where_files_and_configuration_agree_on_the_unit(tmp_path):
    folder = stack(tmp_path / "s", SERIES + 2.0 * (np.arange(N) >= 1)[:, None, None], units="m")
    with pytest.raises(AmbiguousError, match="is the unit really m") as caught:
        open_insar(folder, track="asc", options=LOOK.model_copy(update={"units": None}))
    assert "set `units` of this track to the one they name" in caught.value.fix
    data = open_insar(folder, track="asc", options=LOOK)
    assert float(data["displacement"][-1].mean()) == pytest.approx(2.0, abs=0.01)
    assert any("unit: m, as the configuration says" in s for s in data.attrs["audit"])


def test_millimetres_called_metres_in_a_stack_are_asked_about(tmp_path):
    with pytest.raises(AmbiguousError, match="is the unit really m") as caught:
        open_insar(stack(tmp_path / "s", SERIES * 1000), track="asc", options=LOOK)
    assert "correct `units`" in caught.value.fix


# --- the same through the command line --------------------------------------------------------------------------------


def mintpy(folder: Path, **said: str) -> dict[str, object]:
    paths = write_mintpy(folder, SERIES, **said)
    return {"files": paths["files"], "geometry": paths["geometry"]}


def changed(folder: Path, change: Callable[[h5py.File], None]) -> dict[str, object]:
    track = mintpy(folder)
    with h5py.File(folder / "timeseries.h5", "r+") as file:
        change(file)
    return track


def put(file: h5py.File, name: str, values: np.ndarray) -> None:
    del file[name]
    file[name] = values


def swell(file: h5py.File) -> None:
    del file["timeseries"]
    file.create_dataset("timeseries", shape=(N, 253_000, 253_000), chunks=(1, 1000, 1000), dtype="f4")  # 1.28 TB


def chain(folder: Path) -> dict[str, object]:
    for k in (1, 3):
        write_granule(folder, SERIES[k] - SERIES[k - 1], (days(N)[k - 1], days(N)[k]))
    return {"files": folder, "geometry": write_look(folder.parent / "look", SHAPE)}


def mixed(folder: Path) -> dict[str, object]:
    stack(folder)
    write_tif(folder / f"{days(N)[2]}.tif", SERIES[2], cell=40.0, nodata=np.nan)
    return {"files": folder, **LOOK.said()}


def bent(folder: Path) -> dict[str, object]:
    return {"files": licsbas(folder, U=np.full(SHAPE, 0.5))}


def table(folder: Path, rows: int) -> dict[str, object]:
    texts = egms(n=200).astype(object)
    texts.iloc[:rows, -3] = "n/a!"
    folder.mkdir(parents=True)
    texts.to_csv(folder / "EGMS_L2b.csv", index=False)
    return {"files": folder / "EGMS_L2b.csv", "posting_m": 100.0}


CASES: dict[str, tuple[Callable[[Path], dict[str, object]], str]] = {
    "a date is missing": (lambda p: changed(p, lambda f: put(f, "date", f["date"][:-1])), "4 dates for 5 layers"),
    "a date of a chain is missing": (chain, "the chain is broken"),
    "one date": (
        lambda p: changed(p, lambda f: (put(f, "date", f["date"][:1]), put(f, "timeseries", f["timeseries"][:1]))),
        "1 date; a velocity needs at least two",
    ),
    "a date twice": (lambda p: changed(p, lambda f: put(f, "date", f["date"][:][[0, 1, 1, 3, 4]])), "doubled"),
    "another grid": (mixed, "where the track has"),
    "the other orbit": (lambda p: mintpy(p, ORBIT_DIRECTION="DESCENDING"), "east component has the wrong sign"),
    "decorrelated": (
        lambda p: changed(p, lambda f: put(f, "timeseries", f["timeseries"][:] * np.nan)), "wholly decorrelated"
    ),
    "bent vectors": (bent, "off unit length"),
    "mm called m": (
        lambda p: changed(p, lambda f: put(f, "timeseries", f["timeseries"][:] * 1000)), "is the unit really m?"
    ),
    "1.28 TB": (lambda p: changed(p, swell), "asks for 1.16 TiB; the limit is 1 TiB"),
    "texts all over": (lambda p: table(p, 60), "60 with a text in a column of numbers"),
}  # fmt: skip


def configured(folder: Path, track: dict[str, object]) -> Path:
    plain = {k: str(v) if isinstance(v, Path) else v for k, v in track.items()}
    plain |= {"geometry": [str(p) for p in track["geometry"]]} if isinstance(track.get("geometry"), list) else {}
    document = {"pipeline": "dual_control", "name": "t", "area": {"crs": "EPSG:32649", "resolution_m": 80.0},
                "inputs": {"insar": [{"track": "asc", **plain}]}, "output": "out"}  # fmt: skip
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_check_names_what_is_wrong_and_what_to_do(tmp_path, capsys, case):
    make, text = CASES[case]
    config = configured(tmp_path, make(tmp_path / "data"))
    with pytest.raises(SystemExit) as stopped:
        main(["check", str(config), "--json"])
    assert stopped.value.code == 3
    (facts,) = json.loads(capsys.readouterr().out)["inputs"]
    (problem,) = facts["problems"]
    assert text in problem["what"]
    assert problem["fix"]


@pytest.mark.slow
@pytest.mark.parametrize("case", ["one date", "decorrelated", "1.28 TB"])
def test_run_ends_in_three_lines_and_leaves_nothing_that_looks_like_a_result(tmp_path, capsys, case):
    make, text = CASES[case]
    config = configured(tmp_path, make(tmp_path / "data"))
    with pytest.raises(SystemExit) as stopped:
        main(["run", str(config)])
    assert stopped.value.code == 3
    error = capsys.readouterr().err
    assert text in error
    assert "Traceback" not in error
    assert [line[:8] for line in error.splitlines()[-3:]][1:] == ["  where:", "  fix:  "]
    assert not list((tmp_path / "out").glob("**/*.tif"))


@pytest.mark.slow
def test_single_texts_in_an_egms_table_are_set_aside_and_told(tmp_path, capsys):
    config = configured(tmp_path, table(tmp_path / "data", 3))
    with pytest.raises(SystemExit) as stopped:
        main(["check", str(config), "--json"])
    assert stopped.value.code == 0
    (facts,) = json.loads(capsys.readouterr().out)["inputs"]
    assert any("3 of 200 set aside (3 with a text in a column of numbers)" in s for s in facts["notes"])
