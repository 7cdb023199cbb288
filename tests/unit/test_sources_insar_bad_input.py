"""What bad InSAR files end in: no still ground made of nodata, no silent shift, no file that is read for hours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.core.errors import DataError, GridError, LimitError
from geo_risk.sources.insar import drop_zeros, open_insar
from geo_risk.sources.options import TrackOptions
from tests.support.insar import write_mintpy
from tests.support.insar_files import look
from tests.support.points import days, write_tif

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


def hyp3(folder: Path) -> Path:
    for k, (first, second) in enumerate(zip(days(N), days(N)[1:], strict=False)):
        stem = f"S1AA_{first}T013911_{second}T013911_VVP012_INT80_G_ueF_{k:04d}"
        write_tif(folder / f"{stem}_los_disp.tif", SERIES[k + 1] - SERIES[k])
        if k == 0:
            write_tif(folder / f"{stem}_lv_theta.tif", np.full(SHAPE, 0.9))
            write_tif(folder / f"{stem}_lv_phi.tif", np.full(SHAPE, -2.9))
    return folder


# --- coherence --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("product", ["stack", "licsbas", "hyp3"])
def test_coherence_of_bytes_is_refused_and_one_of_shares_is_taken(tmp_path, product):
    folder = {"stack": stack, "licsbas": licsbas, "hyp3": hyp3}[product](tmp_path / "s")
    options = LOOK if product == "stack" else TrackOptions()
    path = write_tif(tmp_path / "coherence.tif", np.full(SHAPE, 0.6), nodata=np.nan)
    if product == "hyp3":
        path = path.rename(tmp_path / "S1AA_20220703T013911_20220715T013911_VVP012_INT80_G_ueF_0000_corr.tif")
    data = open_insar(folder, track="asc", coherence=path, options=options)
    np.testing.assert_allclose(data["coherence"], 0.6, atol=1e-6)
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
    with pytest.raises(DataError, match="do not declare it as nodata"):
        open_insar(stack(tmp_path / "s", values), track="asc", options=LOOK)


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
