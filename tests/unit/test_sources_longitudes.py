"""Longitudes from 0 to 360: the same ground as that of -180 to 180, and never another one or none."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine

from geo_risk.core.errors import GridError
from geo_risk.sources.audit_words import in_chinese
from geo_risk.sources.gacos import delay_maps
from geo_risk.sources.geotiff import read_header
from geo_risk.sources.insar import Frame, frame_of, open_insar
from geo_risk.sources.longitudes import turned
from geo_risk.sources.los_tif import Band
from geo_risk.sources.los_tif import frame_of as band_frame
from geo_risk.sources.options import TrackOptions
from tests.support.insar import write_mintpy
from tests.support.points import days, write_tif

SHAPE = (24, 30)
SERIES = np.random.default_rng(11).normal(0, 0.01, (5, *SHAPE)) + 0.001
STEP = 0.001
LOOK = TrackOptions(incidence_deg=39.0, heading_deg=349.0, units="m", positive="toward")


def mintpy(folder, west):
    degrees = {"X_FIRST": str(west), "Y_FIRST": "19.5", "X_STEP": str(STEP), "Y_STEP": str(-STEP), "EPSG": "4326"}
    return write_mintpy(folder, SERIES, X_UNIT="degrees", **degrees)


def stack(folder, west):
    for day, values in zip(days(5), SERIES, strict=True):
        write_tif(folder / f"{day}.tif", values, cell=STEP, corner=(west, 19.5), crs="EPSG:4326", nodata=np.nan)
    return {"files": folder, "options": LOOK}


@pytest.mark.parametrize("make", [mintpy, stack])
def test_a_track_of_0_to_360_lies_where_one_of_180_does_and_says_so(tmp_path, make):
    east = open_insar(**make(tmp_path / "a", 261.0), track="asc")
    west = open_insar(**make(tmp_path / "b", -99.0), track="asc")
    np.testing.assert_allclose(east["x"], west["x"], atol=1e-9)
    np.testing.assert_array_equal(east["displacement"], west["displacement"])
    assert frame_of(east) == frame_of(west)
    said = "registration: the longitudes of the file, 261 and on, were turned by -360 degrees"
    assert said in east.attrs["audit"]
    assert not any("turned by" in s for s in west.attrs["audit"])
    assert in_chinese(said) == "配准：文件经度自 261 起，已平移 -360 度"


@pytest.mark.parametrize("west", [179.99, -180.02])
def test_a_frame_across_the_date_line_is_refused(tmp_path, west):
    with pytest.raises(GridError, match="across the date line") as caught:
        open_insar(**stack(tmp_path / "a", west), track="asc")
    assert "UTM" in caught.value.fix


def test_only_what_lies_beyond_180_degrees_is_turned():
    for crs, left, want in (
        ("EPSG:4326", 179.0, 179.0), ("EPSG:4326", 180.0, -180.0), ("EPSG:4326", 359.0, -1.0),
        ("EPSG:4326", -181.0, 179.0), ("EPSG:32649", 261.0, 261.0),
    ):  # fmt: skip
        frame = Frame(crs, Affine(0.01, 0, left, 0, -0.01, 20.0), (100, 100))
        assert turned(frame).transform.c == pytest.approx(want)


def test_delays_static_layers_and_rasters_are_turned_too(tmp_path):
    path = write_tif(tmp_path / "g/20190105.ztd.tif", np.full(SHAPE, 2.3), cell=STEP, corner=(261.0, 19.5),
                     crs="EPSG:4326", nodata=np.nan)  # fmt: skip
    assert delay_maps(tmp_path / "g")["20190105"].frame.transform.c == pytest.approx(-99.0)
    assert band_frame(Band(path)).transform.c == pytest.approx(-99.0)
    header = read_header(path, where="inputs.dem")
    assert header.transform.c == pytest.approx(-99.0)
    assert header.bounds == pytest.approx((-99.0, 19.5 - 24 * STEP, -99.0 + 30 * STEP, 19.5))
