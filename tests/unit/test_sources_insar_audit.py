"""Evidence of registration, heading, unit and sign; and MintPy files that need an answer from the configuration."""

from __future__ import annotations

from dataclasses import replace

import h5py
import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.core.errors import AmbiguousError, DataError, GridError, UnitError
from geo_risk.sources.checks import inspect_file
from geo_risk.sources.insar import Frame, check_magnitude, open_insar, sampled
from geo_risk.sources.insar_audit import (
    angles_of_heading,
    centred,
    check_heading,
    offset_cells,
    reference_evidence,
    settle,
    stated,
)
from geo_risk.sources.options import NO_TRACK_OPTIONS, TrackOptions
from tests.support.insar import CELL, LEFT, TOP, write_mintpy

FRAME = Frame("EPSG:4546", Affine(60, 0, 500_000, 0, -60, 4_000_000), (20, 30))
SERIES = np.random.default_rng(5).normal(0, 0.01, (5, 20, 25))


def moved(cells: float) -> Frame:
    t = FRAME.transform
    return replace(FRAME, transform=Affine(t.a, 0, t.c + cells * t.a, 0, t.e, t.f + cells * t.e))


def test_equal_corners_and_the_shift_to_centres():
    own, text = settle(FRAME, FRAME, registration=None, where="g.h5")
    assert own == FRAME
    assert "same first corner" in text
    assert offset_cells(FRAME, centred(FRAME)) == pytest.approx((-0.5, -0.5))


@pytest.mark.parametrize(("cells", "likely"), [(0.5, "corner"), (-0.5, "centre")])
def test_half_a_cell_is_asked_about_and_answered(cells, likely):
    with pytest.raises(AmbiguousError, match=f"suggests `{likely}`"):
        settle(FRAME, moved(cells), registration=None, where="g.h5")
    own, _ = settle(FRAME, moved(cells), registration=likely, where="g.h5")
    assert own == (FRAME if likely == "corner" else moved(-0.5))
    other = {"corner": "centre", "centre": "corner"}[likely]
    with pytest.raises(GridError):
        settle(FRAME, moved(cells), registration=other, where="g.h5")


def test_both_named_by_centres():
    own, text = settle(FRAME, FRAME, registration="centre", where="g.h5")
    assert own == moved(-0.5)
    assert "the configuration says" in text


@given(st.floats(-3, 3), st.sampled_from([None, "corner", "centre"]))
def test_no_shift_but_none_and_half_a_cell_is_taken(cells, registration):
    try:
        own, _ = settle(FRAME, moved(cells), registration=registration, where="g.h5")
    except (AmbiguousError, GridError):
        return
    assert min(abs(cells - v) for v in (-0.5, 0.0, 0.5)) < 2e-3
    assert abs(offset_cells(own, moved(cells))[0]) < 0.502


@pytest.mark.parametrize(("step", "is_same"), [(60.0, True), (60.0001, True), (60.05, False), (60.2, False)])
def test_steps_that_differ_a_little_add_up_over_a_frame(step, is_same):
    # 60.05 for 60 is less than a thousandth of a cell, and half a cell after 600 of them
    wide = replace(FRAME, shape=(20, 600))
    other = replace(wide, transform=Affine(step, 0, 500_000, 0, -60, 4_000_000))
    if is_same:
        wide.check_same(other, where="g.h5")
        return
    with pytest.raises(GridError, match="the steps differ"):
        wide.check_same(other, where="g.h5")


def test_another_grid_is_another_grid():
    with pytest.raises(GridError):
        settle(FRAME, replace(moved(0.5), shape=(20, 31)), registration=None, where="g.h5")
    with pytest.raises(GridError):
        settle(FRAME, replace(moved(0.5), crs="EPSG:4547"), registration=None, where="g.h5")


def test_the_reference_cell_tells_corner_from_centre():
    t = FRAME.transform
    assert "its centre counted" in reference_evidence(
        FRAME, (4, 7, t.f - 4.5 * 60, t.c + 7.5 * 60), said=False, where=""
    )
    with pytest.raises(AmbiguousError, match="which are they"):
        reference_evidence(FRAME, (4, 7, t.f - 4 * 60, t.c + 7 * 60), said=False, where="")
    assert reference_evidence(FRAME, (4, 7, t.f - 4 * 60, t.c + 7 * 60), said=True, where="") == ""
    assert reference_evidence(FRAME, (4, 7, 0, 0), said=False, where="") == ""
    assert reference_evidence(FRAME, None, said=False, where="") == ""


@given(st.floats(-180, 180), st.booleans(), st.floats(20, 60))
def test_vectors_made_of_a_heading_pass_it_and_turned_ones_do_not(heading, is_right, incidence):
    azimuth, theta = np.deg2rad(angles_of_heading(heading, is_right=is_right)), np.deg2rad(incidence)
    look = [np.full((3, 3), v) for v in (-np.sin(theta) * np.sin(azimuth), np.sin(theta) * np.cos(azimuth))]
    assert "degrees from what" in check_heading(look, heading_deg=heading, is_right=is_right, where="g")
    with pytest.raises(AmbiguousError, match="bearing"):
        check_heading([-v for v in look], heading_deg=heading, is_right=is_right, where="g")
    assert check_heading(look, heading_deg=None, is_right=is_right, where="g") == ""


def test_a_heading_that_is_no_angle_is_refused():
    with pytest.raises(DataError, match="degrees clockwise"):
        check_heading([np.ones((2, 2))] * 2, heading_deg=float("nan"), is_right=True, where="g")


def test_what_the_configuration_says_replaces_unit_and_turns_sign():
    plain = stated("mm", "m", options=NO_TRACK_OPTIONS, maker="X", where="f")
    assert (plain.scale, plain.is_unit_said) == (1e-3, False)
    turned = stated("m", "mm/yr", options=TrackOptions(units="cm/yr", positive="away"), maker="X", where="f")
    assert turned.scale == pytest.approx(-10)
    assert "turned" in turned.sign
    with pytest.raises(UnitError):
        stated(None, "m", options=NO_TRACK_OPTIONS, maker="X", where="f")


@given(st.floats(3e-4, 0.4), st.sampled_from([("m", 1.0), ("mm", 1e3), ("mm/yr", 1e3)]))
def test_plausible_values_pass_in_every_unit_and_a_thousand_times_them_do_not(typical, unit):
    name, scale = unit
    sample = np.array([typical, -typical, 0.0, np.nan]) * scale
    assert check_magnitude(sample, unit=name, where="f").startswith(f"unit: {name}")
    for wrong in [sample * 1e3] * (typical > 6e-4) + [sample * 1e-3] * (typical < 0.19):
        with pytest.raises(AmbiguousError, match=f"is the unit really {name}"):
            check_magnitude(wrong, unit=name, where="f")
    assert "as the configuration says" in check_magnitude(wrong, unit=name, where="f", is_said=True)


def test_no_value_at_all_is_refused():
    with pytest.raises(DataError, match="decorrelated"):
        check_magnitude(np.array([np.nan, 0.0]), unit="m", where="f")


@given(st.integers(1, 700), st.integers(1, 700))
def test_samples_are_parts_of_the_map(n_y, n_x):
    values = np.arange(n_y * n_x, dtype=float).reshape(n_y, n_x)
    (got,) = sampled([values])
    assert got.size <= max(9 * 32 * 32, 288 * 288)
    assert np.isin(got, values).all()
    assert (got.min(), got.max()) == (values[0, 0], values[-1, -1])


def test_a_map_that_is_empty_in_the_windows_is_looked_at_elsewhere():
    values = np.full((900, 900), np.nan)
    values[200:203] = 4.0  # rows of every-ninth-cell sampling, outside the nine windows
    values[198] = 4.0
    assert np.nanmax(sampled([values])[0]) == 4.0


def test_mintpy_half_cell_zeros_and_shadow(tmp_path):
    series = SERIES.copy()
    series[:, 3, 4] = 0
    paths = write_mintpy(tmp_path / "a", series)
    other = write_mintpy(tmp_path / "b", series, X_FIRST=str(LEFT + CELL / 2), Y_FIRST=str(TOP - CELL / 2))
    with h5py.File(other["geometry"], "r+") as file:
        file["shadowMask"] = np.eye(20, 25) * 2
    with pytest.raises(AmbiguousError, match="half a cell apart") as caught:
        open_insar(paths["files"], track="asc", geometry=other["geometry"])
    assert "registration: corner" in caught.value.fix
    said = TrackOptions(registration="corner")
    data = open_insar(paths["files"], track="asc", geometry=other["geometry"], options=said)
    assert data.attrs["transform"][2] == LEFT
    np.testing.assert_array_equal(data["shadow"].to_numpy(), np.eye(20, 25))
    assert np.isnan(data["displacement"][:, 3, 4]).all()
    assert int(np.isnan(data["displacement"]).sum()) == 5


def test_mintpy_velocity_with_error_and_answers(tmp_path):
    paths = write_mintpy(tmp_path, SERIES, UNIT="m/year", FILE_TYPE="velocity")
    rate = SERIES[0]
    with h5py.File(paths["files"], "r+") as file:
        del file["timeseries"], file["date"]
        file["velocity"] = rate.astype("f4")
        error = np.full((20, 25), 0.002, "f4")
        error[0, 0] = 0
        file["velocityStd"] = error
    data = open_insar(**paths, track="asc")
    assert data.attrs["product"] == "mintpy_velocity"
    np.testing.assert_allclose(data["velocity"].to_numpy(), rate * 1000, rtol=1e-5)
    assert float(data["velocity_std"][1, 1]) == pytest.approx(2.0)
    assert np.isnan(data["velocity_std"][0, 0])
    away = open_insar(**paths, track="asc", options=TrackOptions(positive="away"))
    np.testing.assert_allclose(away["velocity"].to_numpy(), -rate * 1000, rtol=1e-5)
    assert float(away["velocity_std"][1, 1]) == pytest.approx(2.0)
    with pytest.raises(AmbiguousError, match="states this itself"):
        open_insar(**paths, track="asc", options=TrackOptions(posting_m=50))


def test_mintpy_water_is_missing_and_a_turned_mask_is_asked_about(tmp_path):
    paths = write_mintpy(tmp_path, SERIES)
    land = np.ones((20, 25), "u1")
    land[:, 20:] = 0
    with h5py.File(paths["geometry"], "r+") as file:
        file["waterMask"] = land.astype(bool)
    data = open_insar(**paths, track="asc")
    np.testing.assert_array_equal(np.isfinite(data["displacement"][2].to_numpy()), land == 1)
    assert any("waterMask is 0 are missing, 20.0%" in s for s in data.attrs["audit"])
    with h5py.File(paths["geometry"], "r+") as file:
        file["waterMask"][:] = False
    with pytest.raises(AmbiguousError, match="is 1 water in this file"):
        open_insar(**paths, track="asc")


def test_a_mask_of_coherent_cells_can_stand_for_coherence(tmp_path):
    paths = write_mintpy(tmp_path, SERIES)
    with h5py.File(paths["geometry"]) as file:
        attrs = dict(file.attrs)
    with h5py.File(tmp_path / "maskTempCoh.h5", "w") as file:
        file["mask"] = np.eye(20, 25).astype(bool)
        file.attrs.update(attrs)
    data = open_insar(**paths, track="asc", coherence=tmp_path / "maskTempCoh.h5")
    np.testing.assert_array_equal(data["coherence"].to_numpy(), np.eye(20, 25))


def test_info_says_what_a_geometry_is_for(tmp_path):
    facts = inspect_file(write_mintpy(tmp_path, SERIES)["geometry"])
    assert (facts.product, facts.size, facts.problems) == ("mintpy_geometry", "25 x 20", ())
    assert "name it as `geometry` of a track under inputs.insar" in facts.notes


def test_a_last_date_without_values_is_no_empty_series(tmp_path):
    series = SERIES.copy()
    series[-1] = np.nan
    assert open_insar(**write_mintpy(tmp_path, series), track="asc")["displacement"].shape == (5, 20, 25)
