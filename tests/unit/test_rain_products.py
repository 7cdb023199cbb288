"""Rain products: recognised by their content, brought to mm an interval at its UTC end, proved or refused."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.core.errors import (
    AmbiguousError,
    CorruptFileError,
    DataError,
    GridError,
    OverlapError,
    RefusedFileError,
    TimeError,
    UnitError,
)
from geo_risk.sources.checks import inspect_file
from geo_risk.sources.grib_index import messages
from geo_risk.sources.options import RainOptions
from geo_risk.sources.rain import RainRules, hourly, read_rain
from geo_risk.sources.rain_checks import inspect_rain
from geo_risk.sources.rain_opened import Area
from tests.support.grib_files import grib1, grib2
from tests.support.rain_files import (
    imerg_name,
    running_days,
    storm,
    write_chirps,
    write_cmorph,
    write_diamond4,
    write_ecmwf,
    write_imerg,
    write_tif,
)

HOUR = np.timedelta64(1, "h")
T0 = np.datetime64("2024-07-20T00:00", "s")
START = datetime(2024, 7, 20)
# 16-bit packing of hourly rain in metres: half a step of the largest amount
PACKED_MM = 2e-3


def half_hour(k):
    return str(T0 + k * np.timedelta64(30, "m"))


def imerg_folder(folder, rates, **change):
    for k, rate in enumerate(rates):
        write_imerg(folder, rate, half_hour(k), **change)
    return folder


def opened(path, *, area=None, **options):
    return read_rain(path, RainRules(options=RainOptions(**options), area=area))


def product(path, **options):
    cube, audit = opened(path, **options)
    assert len(audit.sentences) == len(audit.sentences_zh)
    return audit.product, cube, audit


@pytest.mark.slow
@pytest.mark.parametrize(("version", "run", "quality"), [("V07B", "", "final"), ("V06B", "-L", "preliminary")])
def test_imerg_rates_of_half_hours_become_amounts_at_their_end(tmp_path, version, run, quality):
    rates = storm(4)
    rates[2, 1, 1] = np.nan
    name, cube, audit = product(imerg_folder(tmp_path / "i", rates, version=version, run=run))
    assert (name, audit.interval_h, audit.quality) == ("imerg_hdf5", 0.5, quality)
    assert audit.first == "2024-07-20T00:30:00Z"
    np.testing.assert_array_equal(cube.to_numpy(), rates / 2)
    hours = hourly(cube, where="i")
    np.testing.assert_allclose(hours.to_numpy()[0], rates[:2].sum(0) / 2, rtol=1e-6)
    assert np.isnan(hours.to_numpy()[1, 1, 1])


def test_imerg_is_cut_to_the_area_before_it_is_read(tmp_path):
    rates = storm(2, 40, 50)
    folder = imerg_folder(tmp_path / "i", rates, chunks=(1, 10, 8))
    area = Area((114.0, 36.0, 114.3, 36.2), "EPSG:4326")
    cube, _ = opened(folder, area=area)
    assert cube.shape == (2, 2 + 4, 3 + 4)
    np.testing.assert_array_equal(cube.to_numpy(), rates[:, 16:22, 18:25] / 2)
    with pytest.raises(OverlapError, match="beside"):
        opened(folder, area=Area((10.0, 36.0, 11.0, 37.0), "EPSG:4326"))


def test_a_month_of_granules_opens_without_reading_one(tmp_path, monkeypatch):
    import geo_risk.sources.rain_imerg as module

    folder = imerg_folder(tmp_path / "i", storm(48))
    read = []
    monkeypatch.setattr(
        module, "_window", lambda granule, place, **_: read.append(granule) or np.zeros(place.shape, "f4")
    )
    from geo_risk.sources.rain_products import listed, product_of

    opened_series = product_of(listed(folder), RainOptions()).opens(listed(folder), options=RainOptions(), area=None)
    assert read == []
    assert opened_series.rain.chunks[0] == (1,) * 48
    opened_series.rain.isel(time=3).compute()
    assert len(read) == 1


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"header_start": "2024-07-20T08:00:00"}, TimeError, "half an hour"),
        ({"units": "mm/day"}, UnitError, "mm/hr"),
    ],
)
def test_a_granule_that_contradicts_itself_is_refused(tmp_path, change, error, words):
    with pytest.raises(error, match=words):
        opened(write_imerg(tmp_path, storm(1)[0], half_hour(0), **change))


def test_granules_of_two_runs_are_not_added_up(tmp_path):
    imerg_folder(tmp_path, storm(2))
    imerg_folder(tmp_path, storm(2), run="-E")
    with pytest.raises(TimeError, match="twice"):
        opened(tmp_path)


def test_imerg_tifs_hold_tenths_of_a_millimetre(tmp_path):
    rates = storm(3)
    for k, rate in enumerate(rates):
        raw = np.round(rate * 5)
        raw[0, 0], raw[0, 1] = 29999, 9999
        write_tif(tmp_path / imerg_name(half_hour(k), run="-E", ending="30min.tif"), raw, step=0.1, dtype="uint16")
    name, cube, audit = product(tmp_path)
    assert (name, audit.interval_h, audit.quality) == ("imerg_geotiff", 0.5, "preliminary")
    got = cube.to_numpy()
    assert np.isnan(got[:, 0, :2]).all()
    # the files round to 0.1 mm
    np.testing.assert_allclose(got[:, 1:], rates[:, 1:] / 2, atol=0.0501)
    write_tif(tmp_path / imerg_name(half_hour(9), ending="total.rate.tif"), storm(1)[0], step=0.1)
    with pytest.raises(UnitError, match="mixes"):
        opened(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["new", "old"])
def test_era5_is_the_hour_before_the_stamp(tmp_path, layout):
    rain = storm(48)
    name, cube, audit = product(write_ecmwf(tmp_path / "e.nc", rain / 1000, str(T0), step=0.25, layout=layout))
    assert (name, audit.interval_h, audit.first) == ("ecmwf_netcdf", 1.0, "2024-07-20T00:00:00Z")
    np.testing.assert_allclose(cube.to_numpy(), rain, atol=PACKED_MM)
    assert any("falls" in s for s in audit.sentences)


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["new", "old"])
def test_era5_land_is_taken_apart_into_hours(tmp_path, layout):
    """Against hand-made hours: the totals are built hour by hour from 00 UTC, the stamp of 00 closing the day."""
    rain = storm(73)
    ends = T0 + np.arange(73) * HOUR
    path = write_ecmwf(tmp_path / "l.nc", running_days(rain, ends), str(T0), step=0.1, layout=layout)
    _, cube, audit = product(path)
    np.testing.assert_allclose(cube.to_numpy()[1:], rain[1:], atol=PACKED_MM)
    # the first stamp, 00 UTC, stands for all of the day before
    assert np.isnan(cube.to_numpy()[0]).all()
    assert audit.counts["unsplit"] == 1


def test_two_hand_computed_days_of_era5_land(tmp_path):
    totals = np.zeros((5, 2, 2))
    totals[:, 0, 0] = np.array([7.0, 9.0, 9.5, 1.0, 1.25]) / 1000
    first = str(np.datetime64("2024-07-20T22:00", "s"))
    cube, _ = opened(write_ecmwf(tmp_path / "l.nc", totals, first, step=0.1))
    # 22, 23, 00 (the day's last), 01 (the next day's first hour), 02; what fell from 00 to 22 is not an hour
    np.testing.assert_allclose(cube.to_numpy()[:, 0, 0], [np.nan, 2.0, 0.5, 1.0, 0.25], rtol=1e-5)


@pytest.mark.slow
def test_a_forecast_of_ecmwf_runs_on_over_midnight(tmp_path):
    """Where it states its reference time the totals start there; where it does not, it is no ERA5-Land."""
    rain = storm(36)
    path = write_ecmwf(tmp_path / "f.nc", np.cumsum(rain, axis=0) / 1000, str(T0 + 13 * HOUR), step=0.1)
    with pytest.raises(AmbiguousError, match="rising over 00 UTC") as caught:
        opened(path)
    assert "forecast_reference_time" in caught.value.fix
    with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as data:
        steps = data.load().rename({"valid_time": "step"}).reset_index("step")
    issued = int((T0 + 12 * HOUR).astype("datetime64[s]").astype(int))
    said = {"units": "seconds since 1970-01-01", "standard_name": "forecast_reference_time"}
    stamps = steps["step"].to_numpy()
    steps = steps.drop_vars("step").assign_coords(
        time=((), issued, said), valid_time=("step", stamps, {**said, "standard_name": "time"}),
        step=("step", np.arange(1.0, 37), {"units": "hours"}),
    )  # fmt: skip
    steps.to_netcdf(tmp_path / "steps.nc", engine="h5netcdf")
    cube, audit = opened(tmp_path / "steps.nc")
    np.testing.assert_allclose(cube.to_numpy(), rain, atol=1e-4)
    assert audit.first == str(T0 + 13 * HOUR)[:19] + "Z"
    assert any("forecast reference time" in s for s in audit.sentences)


@pytest.mark.slow
def test_a_missing_hour_of_a_running_total_leaves_two_unknown(tmp_path):
    rain = storm(24)
    ends = T0 + np.arange(1, 25) * HOUR
    path = write_ecmwf(tmp_path / "l.nc", running_days(rain, ends), str(ends[0]), step=0.1)
    with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as data:
        data.isel(valid_time=np.delete(np.arange(24), 5)).load().to_netcdf(tmp_path / "g.nc", engine="h5netcdf")
    cube, audit = opened(tmp_path / "g.nc")
    gone = np.isnan(cube.to_numpy()).all(axis=(1, 2))
    assert gone.tolist() == [k in (5, 6) for k in range(24)]
    assert (audit.counts["gaps"], audit.counts["unsplit"]) == (1, 1)


def test_final_and_early_era5_are_merged_and_named(tmp_path):
    rain = storm(48)
    path = write_ecmwf(tmp_path / "m.nc", rain / 1000, str(T0), step=0.25, layout="old", mixed=True)
    cube, audit = opened(path)
    np.testing.assert_allclose(cube.to_numpy(), rain, atol=PACKED_MM)
    assert audit.quality == "preliminary"
    early = write_ecmwf(tmp_path / "n.nc", rain / 1000, str(T0), step=0.25, expver=["0001"] * 40 + ["0005"] * 8)
    assert opened(early)[1].quality == "preliminary"


@pytest.mark.slow
def test_the_values_must_agree_with_the_grid(tmp_path):
    rain = storm(72)
    totals = running_days(rain, T0 + np.arange(1, 73) * HOUR)
    with pytest.raises(AmbiguousError, match="as in running totals") as caught:
        opened(write_ecmwf(tmp_path / "a.nc", totals, str(T0 + HOUR), step=0.25))
    assert "`kind: running`" in caught.value.fix
    cube, _ = opened(tmp_path / "a.nc", kind="running")
    np.testing.assert_allclose(cube.to_numpy(), rain, atol=PACKED_MM)
    with pytest.raises(AmbiguousError, match="fall"):
        opened(write_ecmwf(tmp_path / "b.nc", rain / 1000, str(T0), step=0.1))
    np.testing.assert_allclose(opened(tmp_path / "b.nc", kind="amount")[0].to_numpy(), rain, rtol=1e-5)
    with pytest.raises(AmbiguousError, match=r"0\.5 degrees"):
        opened(write_ecmwf(tmp_path / "c.nc", rain / 1000, str(T0), step=0.5))


@pytest.mark.slow
@pytest.mark.parametrize("version", ["2.0", "3.0"])
def test_chirps_is_the_utc_day_that_begins_at_the_stamp(tmp_path, version):
    days = storm(6)
    days[1, 2, 3] = np.nan
    name, cube, audit = product(write_chirps(tmp_path / "c.nc", days, "2024-07-20", version=version))
    assert (name, audit.interval_h, audit.first) == ("chirps_netcdf", 24.0, "2024-07-21T00:00:00Z")
    np.testing.assert_array_equal(cube.to_numpy(), days)


@pytest.mark.slow
def test_chirps_tifs_may_forget_their_nodata(tmp_path):
    days = storm(3)
    for k, day in enumerate(days):
        day[0, 0] = -9999
        write_tif(tmp_path / "rnl" / f"chirps-v3.0.rnl.2024.07.{k + 20}.tif", day, step=0.05)
    name, cube, audit = product(tmp_path / "rnl")
    assert (name, audit.first, audit.counts["missing"]) == ("chirps_geotiff", "2024-07-21T00:00:00Z", 3)
    np.testing.assert_array_equal(cube.to_numpy()[:, 1:], days[:, 1:])


@pytest.mark.slow
@pytest.mark.parametrize("bounds", [True, False])
def test_cmorph_half_hours_are_stamped_at_their_start(tmp_path, bounds):
    rates = storm(6)
    for k in range(3):
        stamp = str(T0 + k * HOUR)
        write_cmorph(
            tmp_path / f"CMORPH_V1.0_ADJ_8km-30min_{k:010d}.nc", rates[2 * k : 2 * k + 2], stamp, bounds=bounds
        )
    name, cube, audit = product(tmp_path)
    assert (name, audit.interval_h, audit.first) == ("cmorph", 0.5, "2024-07-20T00:30:00Z")
    assert ("its bounds" in audit.sentences[0]) == bounds
    np.testing.assert_array_equal(cube.to_numpy(), rates / 2)


def cmpas(folder, values, hour, *, named=None, **change):
    end = START + timedelta(hours=hour)
    path = folder / f"Z_SURF_C_BABJ_20240720_P_CMPA_RT_CHN_0P01_HOR-PRE-{(named or end):%Y%m%d%H}.GRB2"
    given = {"parameter": (0, 1, 210), "south_up": True} | change
    path.write_bytes(grib2(values, reference=START, start=end - timedelta(hours=1), end=end, **given))
    return path


@pytest.mark.slow
def test_cmpas_is_beijing_time_from_south_to_north_with_9999_missing(tmp_path):
    rain = np.round(storm(3), 1)
    rain[0, 0, 0] = 9999
    for k in range(3):
        cmpas(tmp_path, rain[k], 9 + k)
    name, cube, audit = product(tmp_path)
    assert (name, audit.interval_h, audit.first) == ("cmpas", 1.0, "2024-07-20T01:00:00Z")
    got = cube.to_numpy()
    assert np.isnan(got[0, 0, 0])
    # packing keeps one decimal
    np.testing.assert_allclose(got[1:], rain[1:], atol=1e-4)
    np.testing.assert_allclose(cube["y"], 38 - 0.01 * np.arange(6), atol=1e-9)
    assert opened(tmp_path, time_zone="UTC")[1].first == "2024-07-20T09:00:00Z"


def test_one_hour_of_cmpas_is_enough_and_a_wrong_name_is_not(tmp_path):
    path = cmpas(tmp_path, np.round(storm(1)[0], 1), 9)
    assert opened(path)[0].shape == (1, 6, 8)
    other = cmpas(tmp_path, np.round(storm(1)[0], 1), 9, named=START + timedelta(hours=1))
    with pytest.raises(TimeError, match="the name says"):
        opened(other)


def test_another_quantity_of_the_same_analysis_is_no_rain(tmp_path):
    field = grib2(storm(1)[0], reference=START, start=None, end=START, parameter=(0, 0, 0), south_up=True)
    (tmp_path / "t.grb2").write_bytes(field)
    with pytest.raises(AmbiguousError, match="no total precipitation"):
        opened(tmp_path / "t.grb2")
    cmpas(tmp_path, storm(1)[0], 9)
    cmpas(tmp_path, storm(1)[0], 10, parameter=(0, 1, 211))
    (tmp_path / "t.grb2").unlink()
    with pytest.raises(AmbiguousError, match="another quantity"):
        opened(tmp_path)


def test_model_output_of_the_same_centre_stays_utc(tmp_path):
    fields = [grib2(v, reference=START, start=START + timedelta(hours=k), end=START + timedelta(hours=k + 1))
              for k, v in enumerate(storm(3))]  # fmt: skip
    (tmp_path / "GRAPES.grb2").write_bytes(b"".join(fields))
    name, _, audit = product(tmp_path / "GRAPES.grb2")
    assert (name, audit.first) == ("grib", "2024-07-20T01:00:00Z")


def test_totals_from_the_start_of_a_forecast_are_taken_apart(tmp_path):
    rain = np.round(storm(12), 1)
    fields = [grib2(rain[:k].sum(0), reference=START, start=START, end=START + timedelta(hours=k), centre=7)
              for k in range(13)]  # fmt: skip
    (tmp_path / "f.grib2").write_bytes(b"".join(fields))
    cube, audit = opened(tmp_path / "f.grib2")
    # totals are packed to 0.1 mm, differences of two of them to 0.1 mm
    np.testing.assert_allclose(cube.to_numpy(), rain, atol=0.101)
    assert any("taken apart" in s for s in audit.sentences)
    assert any("Lead 0: 1 fields" in s for s in audit.sentences)


@pytest.mark.slow
def test_a_rate_summed_over_its_interval_is_an_amount(tmp_path):
    """Total precipitation of TIGGE, S2S and UERRA: parameter 0-1-52 with the statistic accumulation, kg m-2."""
    rain = np.round(storm(2), 1)
    fields = [grib2(rain[: k + 1].sum(0), reference=START, start=START, end=START + timedelta(hours=6 * (k + 1)),
                    centre=98, parameter=(0, 1, 52)) for k in range(2)]  # fmt: skip
    (tmp_path / "s2s.grib2").write_bytes(b"".join(fields))
    cube, audit = opened(tmp_path / "s2s.grib2")
    # totals are packed to 0.1 mm
    np.testing.assert_allclose(cube.to_numpy(), rain, atol=0.101)
    assert audit.interval_h == 6
    mean = grib2(rain[0] / 3600, reference=START, start=START, end=START + timedelta(hours=6), centre=7,
                 parameter=(0, 1, 52), statistic=0, decimals=6)  # fmt: skip
    (tmp_path / "mean.grib2").write_bytes(mean)
    # six decimals of a rate in kg m-2 s-1 over six hours
    np.testing.assert_allclose(opened(tmp_path / "mean.grib2")[0].to_numpy()[0], 6 * rain[0], atol=0.02)


@pytest.mark.slow
def test_ecmwf_grib_1_of_both_reanalyses(tmp_path):
    rain = storm(48)
    ends = T0 + np.arange(1, 49) * HOUR
    land = running_days(rain, ends)
    fields = [grib1(v, reference=START + timedelta(days=k // 24), hours=(k % 24 + 1, 0)) for k, v in enumerate(land)]
    (tmp_path / "land.grib").write_bytes(b"".join(fields))
    cube, _ = opened(tmp_path / "land.grib")
    # six decimals of a metre
    np.testing.assert_allclose(cube.to_numpy(), rain, atol=2e-3)
    hours = [grib1(v / 1000, reference=START + timedelta(hours=6 + 12 * (k // 12)), hours=(k % 12 + 1, 0), step=0.25)
             for k, v in enumerate(rain)]  # fmt: skip
    (tmp_path / "era5.grib").write_bytes(b"junk".join(hours))
    cube, audit = opened(tmp_path / "era5.grib")
    np.testing.assert_allclose(cube.to_numpy(), rain, atol=1e-3)
    assert audit.first == "2024-07-20T07:00:00Z"


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ({"parameter": (0, 0, 0)}, "no total precipitation"),
        ({"parameter": (0, 1, 193), "centre": 7}, "no total precipitation"),
        ({"parameter": (0, 1, 7), "start": None}, "rate at a point"),
        ({"statistic": 0}, "average of an amount"),
        ({"start": None, "centre": 7}, "not the interval"),
    ],
)
def test_messages_that_are_no_sums_of_rain_stop(tmp_path, field, words):
    given = {"reference": START, "start": START, "end": START + timedelta(hours=1), "step": 0.05} | field
    (tmp_path / "x.grib2").write_bytes(grib2(storm(1)[0], **given))
    with pytest.raises(AmbiguousError, match=words):
        opened(tmp_path / "x.grib2")


def test_broken_grib_is_named(tmp_path):
    field = grib2(storm(1)[0], reference=START, start=START, end=START + timedelta(hours=1))
    (tmp_path / "cut.grib2").write_bytes(field + field[:-30])
    with pytest.raises(CorruptFileError, match="message 2"):
        opened(tmp_path / "cut.grib2")
    (tmp_path / "none.grib2").write_bytes(b"GRIB\0\0\0\3" + b"\0" * 40)
    with pytest.raises(CorruptFileError, match="message 1"):
        opened(tmp_path / "none.grib2")
    other = grib2(storm(1, 5, 5)[0], reference=START, start=START + timedelta(hours=1), end=START + timedelta(hours=2))
    (tmp_path / "grids.grib2").write_bytes(field + other)
    with pytest.raises(GridError, match="another grid"):
        opened(tmp_path / "grids.grib2")


@given(st.integers(0, 200), st.integers(1, 24), st.booleans())
@settings(max_examples=30)
def test_the_index_gives_back_the_interval_that_was_written(tmp_path_factory, lead, length, is_member):
    path = tmp_path_factory.mktemp("g") / "a.grib2"
    start = START + timedelta(hours=lead)
    end = start + timedelta(hours=length)
    path.write_bytes(b"\0" * lead + grib2(np.ones((2, 2)), reference=START, start=start, end=end, south_up=is_member))
    (found,) = messages(path)
    assert (found.start, found.end) == (np.datetime64(start), np.datetime64(end))
    assert (found.statistic, found.centre, found.parameter) == ("accumulation", 38, (0, 1, 8))


def test_diamond_4_reads_thousands_commas_gb18030_and_rising_rows(tmp_path):
    rain = np.round(storm(3), 1)
    rain[0, 0, 0], rain[0, 0, 1] = 1000, np.nan
    for k in range(3):
        write_diamond4(tmp_path / f"{k}.000", rain[k], f"2024-07-{20 + k}T08", title="24小时降水实况", thousands=True,
                       encoding="gb18030", rises=True)  # fmt: skip
    name, cube, audit = product(tmp_path)
    assert (name, audit.interval_h, audit.first) == ("micaps_diamond4", 24.0, "2024-07-20T00:00:00Z")
    np.testing.assert_array_equal(cube.to_numpy(), rain.astype("f4"))
    assert audit.counts["fill"] == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("title", "leads", "options", "first"),
    [
        ("3小时降水", (3, 6), {}, "2024-07-20T03:00:00Z"),
        ("降水预报 3小时", (3,), {}, "2024-07-20T03:00:00Z"),
        ("24年07月20日08时24小时降水量", (24,), {}, "2024-07-20T00:00:00Z"),
        ("rain", (24,), {"stamp": "start", "interval_h": 24}, "2024-07-21T00:00:00Z"),
        ("rain", (24,), {"stamp": "end", "interval_h": 24}, "2024-07-20T00:00:00Z"),
        ("1小时降水", (0,), {"time_zone": "UTC"}, "2024-07-20T08:00:00Z"),
        ("000-024小时降水量", (24,), {}, "2024-07-21T00:00:00Z"),
        ("未来24小时降水量", (24,), {}, "2024-07-21T00:00:00Z"),
    ],
)
def test_the_lead_of_diamond_4_is_told_from_titles_leads_or_the_configuration(tmp_path, title, leads, options, first):
    for lead in leads:
        write_diamond4(tmp_path / f"24072008.{lead:03d}", storm(1)[0], "2024-07-20T08", lead=lead, title=title)
    assert opened(tmp_path, **options)[1].first == first


def test_a_lead_that_can_mean_either_stops(tmp_path):
    path = write_diamond4(tmp_path / "a.txt", storm(1)[0], "2024-07-20T08", lead=24, title="rain")
    with pytest.raises(AmbiguousError) as caught:
        opened(path)
    assert "`stamp: start`" in caught.value.fix


@pytest.mark.parametrize(
    ("title", "options", "running"),
    [
        ("{0:03d}-{1:03d}小时降水预报", {}, False),
        ("{0}至{1}小时降水预报", {}, False),
        ("{0}-{1}h precipitation forecast", {}, False),
        ("3小时累计降水 时效{1}小时", {}, False),
        ("逐3小时降水预报 未来72小时", {}, False),
        ("000-{1:03d}小时累计降水", {}, True),
        ("{1}小时降水预报", {"kind": "running"}, True),
        ("{1}小时降水预报", {"kind": "amount", "interval_h": 3}, False),
    ],
)
def test_the_hours_of_a_diamond_4_title_are_those_of_its_total(tmp_path, title, options, running):
    # the storm grows, so that amounts rise from one text to the next as running totals do
    amounts = np.round(np.cumsum(storm(4) + 1, axis=0), 1)
    for k, field in enumerate(np.cumsum(amounts, axis=0) if running else amounts):
        write_diamond4(tmp_path / f"{3 * k + 3:03d}", field, "2024-07-20T08", lead=3 * k + 3,
                       title=title.format(3 * k, 3 * k + 3))  # fmt: skip
    cube, audit = opened(tmp_path, **options)
    assert (audit.interval_h, audit.first, audit.last) == (3.0, "2024-07-20T03:00:00Z", "2024-07-20T12:00:00Z")
    np.testing.assert_allclose(cube.to_numpy(), amounts, atol=1e-3)


def test_diamond_4_titles_that_name_their_leads_are_asked_about(tmp_path):
    for lead in (3, 6, 9):
        write_diamond4(tmp_path / f"{lead:03d}", storm(1)[0], "2024-07-20T08", lead=lead, title=f"{lead}小时降水预报")
    for options in ({}, {"kind": "rate"}, {"kind": "amount"}):
        with pytest.raises(AmbiguousError) as caught:
            opened(tmp_path, **options)
        assert "`kind: running`" in caught.value.fix


def test_sliding_totals_are_not_added_up(tmp_path):
    for k in range(3):
        write_diamond4(tmp_path / f"{k}.txt", storm(1)[0], f"2024-07-20T{8 + k:02d}", title="24小时降水实况")
    with pytest.raises(TimeError, match="counted twice"):
        opened(tmp_path)


@pytest.mark.slow
def test_a_cut_off_diamond_4_is_named(tmp_path):
    path = write_diamond4(tmp_path / "a.txt", storm(1)[0], "2024-07-20T08", title="1小时降水")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(CorruptFileError, match="values for a grid"):
        opened(path)
    path.write_bytes(b"diamond 4 x\n24 07 20")
    with pytest.raises(CorruptFileError, match="header"):
        opened(path)


@pytest.mark.slow
def test_tifs_with_a_time_in_the_name_ask_for_what_they_do_not_tell(tmp_path):
    rain = storm(6)
    for k, field in enumerate(rain):
        write_tif(tmp_path / f"rain_2024072{k // 3}_{8 * (k % 3):02d}.tif", field, step=0.05, nodata=-1)
    with pytest.raises(AmbiguousError) as caught:
        opened(tmp_path)
    assert all(f"`{k}:" in caught.value.fix for k in ("units", "kind", "stamp", "time_zone"))
    given = {"units": "mm", "kind": "amount", "stamp": "start", "time_zone": "Asia/Shanghai"}
    name, cube, audit = product(tmp_path, **given)
    assert (name, audit.interval_h, audit.first) == ("geotiff_series", 8.0, "2024-07-20T00:00:00Z")
    np.testing.assert_array_equal(cube.to_numpy(), rain)


def test_tenths_of_millimetres_are_a_unit(tmp_path):
    rain = np.round(storm(3), 1)
    for k, field in enumerate(rain):
        write_tif(tmp_path / f"rain_202407200{k}.tif", np.round(field * 10), step=0.05, nodata=9999, dtype="int16")
    cube, audit = opened(tmp_path, units="0.1 mm", kind="amount", stamp="end", time_zone="UTC")
    np.testing.assert_allclose(cube.to_numpy(), rain, atol=1e-5)
    assert "'0.1 mm'" in audit.sentences[0]


def test_a_tif_of_several_bands_is_not_read_as_its_first_one(tmp_path):
    path = write_tif(tmp_path / "rain_20240720.tif", storm(1)[0], step=0.05)
    with rasterio.open(path) as source:
        profile, first = source.profile, source.read(1)
    with rasterio.open(path, "w", **{**profile, "count": 24}) as target:
        target.write(np.stack([first] * 24))
    with pytest.raises(AmbiguousError, match="24 bands"):
        opened(path, units="mm", kind="amount", stamp="start", time_zone="UTC", interval_h=24)


@pytest.mark.parametrize("lead_0", [True, False])
def test_running_totals_of_tifs_may_begin_at_lead_0(tmp_path, lead_0):
    total = np.cumsum(np.concatenate([storm(1) * 0, storm(3) + 1]), axis=0)
    for k in range(0 if lead_0 else 1, 4):
        write_tif(tmp_path / f"rain_20240720{k:02d}.tif", total[k], step=0.05, nodata=-1)
    cube, audit = opened(tmp_path, units="mm", kind="running", stamp="end", time_zone="UTC")
    assert audit.first == "2024-07-20T01:00:00Z"
    np.testing.assert_allclose(cube.to_numpy(), np.diff(total, axis=0), atol=1e-5)


def cf(path, values, *, hours=None, **attrs):
    values = np.asarray(values, "f8")
    hours = np.arange(1, len(values) + 1) if hours is None else hours
    rain = {"units": "mm", "cell_methods": "time: sum"} | attrs
    data = xr.Dataset(
        {"rain": (("time", "lat", "lon"), values, rain)},
        coords={"time": ("time", hours, {"units": "hours since 2024-07-20 00:00:00 +00:00", "long_name": "end"}),
                "lat": ("lat", 38 - 0.1 * np.arange(values.shape[1]), {"units": "degrees_north"}),
                "lon": ("lon", 112 + 0.1 * np.arange(values.shape[2]), {"units": "degrees_east"})},
        attrs={"Conventions": "CF-1.8"},
    )  # fmt: skip
    if path.suffix == ".zarr":
        data.to_zarr(path, consolidated=False)
    else:
        data.to_netcdf(path, engine="h5netcdf")
    return path


@pytest.mark.slow
def test_bounds_come_before_words(tmp_path):
    rain = storm(6)
    path = cf(tmp_path / "b.nc", rain)
    with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as data:
        hours = data["time"].to_numpy()
        data["time"].attrs["bounds"] = "time_bnds"
        edges = data.assign(time_bnds=(("time", "nv"), np.stack([hours, hours + 1], axis=1)))
        edges.load().to_netcdf(tmp_path / "c.nc", engine="h5netcdf")
    _, audit = opened(tmp_path / "c.nc")
    assert audit.first == "2024-07-20T02:00:00Z"
    assert any("time_bnds" in s for s in audit.sentences)


@pytest.mark.slow
def test_metres_called_millimetres_stop_and_millimetres_called_metres_too(tmp_path):
    rain = storm(24)
    path = cf(tmp_path / "m.nc", rain / 1000)
    with pytest.raises(AmbiguousError, match="metres") as caught:
        opened(path)
    assert "`units: m`" in caught.value.fix
    np.testing.assert_allclose(opened(path, units="m")[0].to_numpy(), rain, rtol=1e-5)
    drizzle, audit = opened(path, units="mm")
    assert float(drizzle.max()) < 0.1
    assert any("taken as stated" in s for s in audit.sentences)
    with pytest.raises(DataError, match="cannot be rain"):
        opened(cf(tmp_path / "mm.nc", rain, units="m"))


@pytest.mark.slow
def test_that_nothing_is_missing_or_counted_twice_is_said_too(tmp_path):
    _, audit = opened(cf(tmp_path / "w.nc", storm(24)))
    assert any("24 of 1 h end to end, none missing; none overlaps" in s for s in audit.sentences)
    assert any("互不重叠，无重复计算" in s for s in audit.sentences_zh)


@pytest.mark.slow
def test_a_file_without_rain_is_told_by_what_it_holds(tmp_path):
    path = cf(tmp_path / "fwi.nc", storm(6))
    with xr.open_dataset(path, engine="h5netcdf", decode_times=False) as data:
        (name,) = [n for n in data.data_vars if data[n].ndim == 3]
        odd = data.load().rename({name: "drought"})
    odd["drought"].attrs.pop("standard_name", None)
    odd.to_netcdf(tmp_path / "odd.nc", engine="h5netcdf")
    with pytest.raises(AmbiguousError, match=r"no variables that look like rain.*drought"):
        opened(tmp_path / "odd.nc")


@pytest.mark.slow
def test_dry_weather_is_no_doubt(tmp_path):
    cube, _ = opened(cf(tmp_path / "dry.nc", np.zeros((24, 3, 3))))
    assert not cube.to_numpy().any()


@pytest.mark.slow
def test_millimetres_a_day_read_as_an_hour_break_every_record(tmp_path):
    days = np.full((72, 3, 3), 100.0)
    with pytest.raises(DataError, match="no record reaches"):
        opened(cf(tmp_path / "d.nc", days))
    days[:, 1:] = 1
    days[:, 0, 1:] = 1
    rules = RainRules(max_bad_share=0.2)
    cube, audit = read_rain(cf(tmp_path / "e.nc", days), rules)
    assert audit.counts["beyond_record"] == 1
    assert np.isnan(cube.to_numpy()[:, 0, 0]).all()


def test_a_missing_day_is_unknown_and_said(tmp_path):
    keep = np.r_[0:24, 48:72]
    cube, audit = opened(cf(tmp_path / "g.nc", storm(72)[keep], hours=keep + 1))
    assert audit.counts["gaps"] == 24
    assert np.isnan(cube.to_numpy()[24:48]).all()
    assert any("24 intervals are missing" in s for s in audit.sentences)
    assert any("72 of 1 h end to end, 24 of them missing" in s for s in audit.sentences)
    assert any("缺 24 个时次" in s for s in audit.sentences_zh)


@pytest.mark.slow
def test_a_zarr_store_is_read_as_netcdf_is(tmp_path):
    pytest.importorskip("zarr")
    rain = storm(24)
    name, cube, _ = product(cf(tmp_path / "r.zarr", rain))
    assert name == "cf_zarr"
    np.testing.assert_allclose(cube.to_numpy(), rain, rtol=1e-6)
    assert inspect_file(tmp_path / "r.zarr").product == "cf_zarr"


def test_what_a_product_states_itself_is_not_asked_again(tmp_path):
    path = write_chirps(tmp_path / "c.nc", storm(3), "2024-07-20")
    with pytest.raises(AmbiguousError, match="contradicts"):
        opened(path, stamp="end")
    (tmp_path / "a.nc").write_text("<VRTDataset/>")
    with pytest.raises(RefusedFileError):
        opened(tmp_path / "a.nc")


def cf_packed(path):
    said = {"units": "hours since 2024-07-20 00:00:00 +00:00", "long_name": "end"}
    coords = {"time": ("time", np.arange(1.0, 5), said),
              "lat": ("lat", 38 - 0.1 * np.arange(30), {"units": "degrees_north"}),
              "lon": ("lon", 112 + 0.1 * np.arange(30), {"units": "degrees_east"})}  # fmt: skip
    attrs = {"units": "mm", "cell_methods": "time: sum"}
    xr.Dataset({"rain": (("time", "lat", "lon"), storm(4, 30, 30), attrs)}, coords=coords).to_netcdf(
        path, engine="h5netcdf", encoding={"rain": {"zlib": True}}
    )
    return path


def era5_old(path):
    return write_ecmwf(path, storm(6) / 1000, str(T0), step=0.25, layout="old")


def one_tif(path):
    return write_tif(path.with_name("rain_2024072001.tif"), storm(1)[0], step=0.05)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("make", [cf_packed, era5_old, one_tif])
def test_a_damaged_file_is_an_error_of_data_or_is_read(tmp_path, make):
    """Bytes changed or cut anywhere: never an error that looks like a bug of the program."""
    path = make(tmp_path / "r.nc")
    told = {"units": "mm", "kind": "amount", "stamp": "end", "time_zone": "UTC", "interval_h": 1}
    rng = np.random.default_rng(5)
    for k in range(40):
        whole = np.frombuffer(path.read_bytes(), np.uint8).copy()
        if k % 2:
            whole = whole[: rng.integers(1, len(whole))]
        else:
            whole[rng.integers(0, min(len(whole), 3000), 12)] = rng.integers(0, 256, 12)
        damaged = tmp_path / str(k) / path.name  # libraries keep what they know of a path
        damaged.parent.mkdir()
        damaged.write_bytes(whole.tobytes())
        with suppress(DataError):
            opened(damaged, **(told if make is one_tif else {}))[0].compute()


def test_a_folder_of_two_products_is_named(tmp_path):
    write_chirps(tmp_path / "a.nc", storm(3), "2024-07-20")
    cf(tmp_path / "b.nc", storm(3))
    with pytest.raises(RefusedFileError, match="no variable precip"):
        opened(tmp_path)
    other = tmp_path / "cf"
    other.mkdir()
    cf(other / "a.nc", storm(3))
    cf(other / "b.nc", storm(3), units="mm/h", cell_methods="time: mean")
    with pytest.raises(UnitError, match="mix amounts and rates"):
        opened(other)


def test_links_out_of_a_netcdf_are_not_followed(tmp_path):
    import h5py

    cf(tmp_path / "a.nc", storm(3))
    cf(tmp_path / "b.nc", storm(3))
    with h5py.File(tmp_path / "b.nc", "a") as file:
        file["more"] = h5py.ExternalLink(str(tmp_path / "a.nc"), "rain")
    with pytest.raises(RefusedFileError, match="link to another file"):
        opened(tmp_path / "b.nc")


def test_info_says_which_product_it_is(tmp_path):
    folder = imerg_folder(tmp_path / "i", storm(2))
    assert inspect_file(folder).product == "imerg_hdf5"
    facts = inspect_rain(write_chirps(tmp_path / "c.nc", storm(3), "2024-07-20"), key="inputs.rainfall.observed")
    assert (facts.product, facts.units, facts.problems) == ("chirps_netcdf", "mm per 24 h", ())
    assert inspect_rain(tmp_path / "gone.nc", key="x").problems


REAL = Path(os.environ.get("GEO_RISK_REAL", "/nowhere")) / "rainfall"


@pytest.mark.real
def test_real_gribs_are_followed_octet_by_octet():
    steps = messages(REAL / "grib" / "step_60m.grib")
    assert len(steps) == 73
    assert steps[-1].end == np.datetime64("2024-01-18T00:00")
    tp = messages(REAL / "grib" / "tp_on_different_grid_resolutions.grib")
    assert [m.parameter for m in tp] == [(128, 228)] * 2
    assert len({m.grid for m in tp}) == 2
    rate = messages(REAL / "grib" / "cfrzr_and_cprat.grib")
    assert {m.statistic for m in rate} == {"instant", "average"}
    assert rate[1].end == np.datetime64("2023-05-10T23:00")
    for name in ("era5-2mt-2019-03-uk.grib", "lambert_grid.grib", "cfrzr_and_cprat.grib"):
        with pytest.raises(AmbiguousError, match="no total precipitation"):
            opened(REAL / "grib" / name)
    assert np.isnan(messages(REAL / "grib" / "regular_gg_sfc.grib")[0].step_deg)
    assert np.isnan(messages(REAL / "grib" / "lambert_grid.grib")[0].step_deg)


@pytest.mark.real
def test_real_daily_series_ask_for_what_they_do_not_say():
    with pytest.raises(DataError):
        opened(REAL / "nc" / "daily_surface_cancities_1990-1993.nc")
