"""The hindcast of past storms: its tables by hand, its steps on a tiny county, and what bad input ends in."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from shapely.geometry import box

from geo_risk.core.errors import DataError
from geo_risk.core.grid import Grid
from geo_risk.core.schemas import SCHEMAS
from geo_risk.flow.steps.landslide_hindcast import reliability_of, write_hindcast
from geo_risk.flow.steps.landslide_warning import calibration_slope, write_warning_model
from geo_risk.hazards.landslide.hindcast import hindcast_table
from geo_risk.hazards.landslide.params import LandslideParams
from geo_risk.hazards.landslide.unit_reliability import EDGES
from geo_risk.hazards.landslide.warning import HeldOut, WarningModel, fit_warning, leave_one_storm_out
from geo_risk.hazards.landslide.warning_units import PastCases, UnitTable, cases_dataset, cases_of_dataset
from geo_risk.hazards.rainfall.antecedent import storm_effective_rain
from geo_risk.hazards.rainfall.height import EVEN_SHARE, day_share, effective_rain_by_height, height_step
from geo_risk.hazards.rainfall.params import RainfallParams
from geo_risk.products.hindcast import POOLED, hindcast_facts, hindcast_frame, township_cells, township_frame
from geo_risk.publish.cube import write_cube
from geo_risk.publish.frames import write_frame, write_json
from geo_risk.publish.i18n import labels
from geo_risk.publish.lists import write_csv, write_xlsx
from geo_risk.publish.raster import write_layer
from geo_risk.sources.dataset import read_dataset
from geo_risk.sources.layers import open_layer, read_frame, read_json
from geo_risk.sources.rain import read_own
from geo_risk.sources.rain_past import PastRain

GRID = Grid(GeoBox((120, 120), Affine(30, 0, 510_000, 0, -30, 4_065_000), "EPSG:4546"))
RAIN = Grid(GeoBox((8, 8), Affine(1000, 0, 508_000, 0, -1000, 4_067_000), "EPSG:4546"))
ALL = np.ones(RAIN.shape, dtype=bool)
MODEL = WarningModel(1.0, 2.5, (0.0, 1.0, 2.0, 3.0), 0.8, 0.7, 0.6, 4, ("A", "B"))


def by_hand():
    """Three units and two storms; the first storm slid in two units, the second in none."""
    units = UnitTable(np.array([1, 2, 3]), np.full(3, 50.0), np.array([0.5, 0.5, np.nan]), 50.0)
    rain = np.array([[60.0, 20.0], [10.0, 70.0], [50.0, 50.0]])
    slides = np.array([[2, 0], [1, 0], [0, 0]])
    cases = PastCases(units, ("A", "B"), rain, rain / 3, slides)
    index = np.column_stack([MODEL.index(units.susceptibility, rain[:, k]) for k in (0, 1)])
    level = np.array([[3, 0], [0, 3], [-1, -1]], dtype=np.int8)
    return cases, HeldOut(("A", "B"), index, level, slides > 0, rain, (MODEL, MODEL))


def test_the_table_by_hand():
    cases, held = by_hand()
    table = hindcast_table(held, cases)
    assert table["storm_id"].tolist() == ["A", "B", "all"]
    a, b, every = table.to_dict("records")
    assert (a["hits"], a["misses"], a["false_alarms"], a["unknown_units"]) == (1, 1, 0, 1)
    assert (b["hits"], b["misses"], b["false_alarms"], b["unknown_units"]) == (0, 0, 1, 1)
    assert np.isnan(b["pod"])
    assert b["far"] == 1
    assert (every["pod"], every["far"], every["csi"]) == pytest.approx((1 / 2, 1 / 2, 1 / 3))
    # the bound of yellow, 1, is reached at 20 mm: by the height of the storm the unit that slid has just that
    assert a["hits_in_time"] == 1
    assert every["expected_units"] == pytest.approx(np.nansum(held.probability))
    frame = hindcast_frame(table, {"A": {"slide": 3.0}}, language="zh")
    assert frame["lead_to_slide_h"].tolist()[0] == 3
    assert frame["lead_to_height_h"].isna().all()
    assert "漏报 1 个" in frame["reasons"][0]
    assert "No slide is recorded; 1 units were warned in vain." in frame["reasons_en"][1]


def test_warned_area_by_township_by_hand():
    labels_ = np.zeros(GRID.shape, np.int32)
    labels_[:60, :60], labels_[:60, 60:], labels_[60:, :60] = 1, 2, 3
    layer = GRID.layer(labels_, units="1", long_name="u", name="u").chunk({"y": 50, "x": 70})
    left, bottom, right, top = GRID.bounds
    middle = (left + right) / 2 + 300  # ten cells to the right of the middle
    places = gpd.GeoDataFrame({"code": ["1", "2"], "name": ["甲", "乙"]}, crs=GRID.crs,
                              geometry=[box(left, bottom, middle, top), box(middle, bottom, right, top)])  # fmt: skip
    cells = township_cells(layer, places)
    assert cells["cells"].tolist() == [3600, 600, 3600, 3000]
    units = pd.DataFrame({"label": [1, 2, 3], "level": [2, 4, -1], "is_warned": [True, True, False],
                          "slid": [True, False, True]})  # fmt: skip
    frame = township_frame(cells, places, {"A": units}, cell_area_m2=900.0, language="en")
    assert frame["warned_m2"].tolist() == [4200 * 900, 3000 * 900]
    assert frame["level_unknown_m2"].tolist() == [3600 * 900, 0]
    assert (frame["slid_units"].tolist(), frame["warned_slid_units"].tolist()) == ([2, 0], [1, 0])
    assert ["level is unknown" in text for text in frame["reasons_en"]] == [True, False]
    none = township_frame(township_cells(layer, places.iloc[:0]), places.iloc[:0], {"A": units}, cell_area_m2=900.0,
                          language="zh")  # fmt: skip
    assert len(none) == 0


def test_without_storms_to_leave_out_there_is_no_hindcast():
    cases, _ = by_hand()
    params = LandslideParams()
    for bad in (
        cases,  # three slides are too few
        replace(cases, slides=cases.slides * 0),
        replace(cases, rain_mm=np.full((3, 2), np.nan)),
        replace(cases, storms=("A",), rain_mm=cases.rain_mm[:, :1], height_mm=cases.height_mm[:, :1],
                slides=cases.slides[:, :1] * 40),
    ):  # fmt: skip
        assert fit_warning(bad, params) is None
        held = leave_one_storm_out(bad, params)
        assert held.storms == ()
        table = hindcast_table(held, bad)
        assert len(table) == 0
        facts = hindcast_facts(hindcast_frame(table, {}, language="zh"), {"inside": []}, held=0, least=2)
        assert facts["notes"][0]["level"] == "warning"


def test_storms_that_cannot_be_judged_are_named():
    row = {"storm_id": POOLED, "slid_units": 1, "hits": 1, "hits_in_time": 1, "misses": 0, "false_alarms": 0,
           "unknown_units": 0, "expected_units": 1.0}  # fmt: skip
    row |= {f"{name}{end}": 0.5 for name in ("pod", "far", "csi") for end in ("", "_low", "_high")}
    known = [{"storm_id": "S1", "lead_to_height_h": 3.0}, {"storm_id": "S3", "lead_to_slide_h": 2.0}]
    frame = pd.DataFrame([*known, {"storm_id": "S5"}, row | {"lead_to_slide_h": 9.0}])
    facts = hindcast_facts(frame, {"inside": []}, held=3, least=2, left=("S2", "S4"))
    assert "slides is known of 1 of 3 storms, to the height of the storm of 1:" in facts["notes"][2]["text_en"]
    assert facts["notes"][2]["level"] == "warning"
    assert facts["counts"]["storms_not_judged"] == 2
    assert "S2, S4" in facts["notes"][-1]["text_en"]
    assert "S2、S4" in facts["notes"][-1]["text_zh"]


@pytest.mark.slow
def test_unknown_units_take_no_part_and_stay_unknown():
    rng = np.random.default_rng(4)
    s = rng.uniform(0.1, 0.9, 800)
    s[:200] = np.nan
    rain = rng.uniform(20, 200, (800, 4))
    slides = rng.poisson(np.exp(0.03 * rain - 6) * np.nan_to_num(s / (1 - s), nan=5.0)[:, None])
    units = UnitTable(np.arange(1, 801), np.full(800, 50.0), s, 50.0)
    cases = PastCases(units, tuple("ABCD"), rain, rain, slides)
    held = leave_one_storm_out(cases, LandslideParams())
    assert (held.level[:200] == -1).all()
    assert (held.level[200:] >= 0).all()
    table = hindcast_table(held, cases)
    assert table["units"].tolist()[:-1] == [800] * 4
    unknown = ((slides[:200] == 0).sum(axis=0)).tolist()
    assert table["unknown_units"].tolist()[:-1] == unknown


def test_cases_come_back_from_their_file(tmp_path):
    cases, _ = by_hand()
    again = cases_of_dataset(cases_dataset(cases))
    assert again.storms == cases.storms
    np.testing.assert_array_equal(again.slides, cases.slides)
    np.testing.assert_array_equal(again.height_mm, cases.height_mm)
    np.testing.assert_array_equal(again.units.susceptibility, cases.units.susceptibility)


@pytest.mark.parametrize(
    "bad",
    [{"warning_miss_costs": (10.0, 20.0, 30.0, 40.0)}, {"warning_miss_costs": (10.0, 5.0, 1.0, 0.0)},
     {"warning_cutoffs": "guess"}, {"warning_shares_by": ("later",) * 4}],
)  # fmt: skip
def test_impossible_cut_offs_are_refused(bad):
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's message differs by field
        LandslideParams(**bad)


def cube(hours, value, storm="S1", first="2020-07-01T01"):
    """Return hourly rain, `value` (hour,) everywhere but half of it in the east."""
    base = RAIN.layer(np.zeros(RAIN.shape), units="mm", long_name="rain", name="rain")
    times = np.datetime64(first, "ns") + np.arange(hours) * np.timedelta64(1, "h")
    coords = {"time": times, **{c: base.coords[c] for c in ("y", "x", "spatial_ref")}}
    share = np.linspace(1.0, 0.5, RAIN.shape[1])[None, None, :]
    values = (np.asarray(value, "float32")[:, None, None] * share * np.ones((1, *RAIN.shape))).astype("float32")
    attrs = {"units": "mm", "interval_h": 1.0, "storm_id": storm}
    return xr.DataArray(values, dims=("time", "y", "x"), coords=coords, name="rain", attrs=attrs)


def test_rain_by_the_height_stops_at_the_wettest_hour():
    rain = np.concatenate([np.full(48, 1.0), [5.0, 20.0, 4.0, 4.0]])
    given = cube(52, rain)
    until = effective_rain_by_height(given, decay_per_day=0.5, days=2, inside=ALL).to_numpy()
    # hours 27 to 50: 22 of 1 mm, 5 and 20; the day before half of 24
    assert until[0, 0] == pytest.approx(22 + 5 + 20 + 12, rel=1e-6)
    assert (until <= storm_effective_rain(given, decay_per_day=0.5, days=2).to_numpy() + 1e-4).all()
    assert np.isnan(effective_rain_by_height(given, decay_per_day=0.5, days=5, inside=ALL).to_numpy()).all()
    gone = given.copy(data=np.full(given.shape, np.nan, "float32"))
    assert np.isnan(effective_rain_by_height(gone, decay_per_day=0.5, days=2, inside=ALL).to_numpy()).all()


def test_of_the_wettest_day_a_part_has_come_by_its_wettest_hour():
    days = cube(5, [10.0, 10.0, 10.0, 48.0, 20.0]).assign_attrs(interval_h=24.0)
    until = effective_rain_by_height(days, decay_per_day=0.5, days=2, inside=ALL, day_share=0.25).to_numpy()
    assert until[0, 0] == pytest.approx(0.25 * (48 + 5) + 0.75 * 15, rel=1e-6)
    calm = cube(4, [10.0, 60.0, 61.0, 0.0]).assign_attrs(interval_h=24.0)
    until = effective_rain_by_height(calm, decay_per_day=0.0, days=1, inside=ALL, day_share=0.0).to_numpy()
    assert until[0, 0] == pytest.approx(60, rel=1e-6)
    first = cube(3, [0.0, 30.0, 0.0]).assign_attrs(interval_h=24.0)
    until = effective_rain_by_height(first, decay_per_day=0.5, days=2, inside=ALL, day_share=0.5).to_numpy()
    assert until[0, 0] == pytest.approx(15, rel=1e-6)


def test_the_part_of_a_day_is_not_that_of_a_shorter_step():
    rain = np.zeros(16)
    rain[12] = 48.0  # the first six hours of the fourth day
    steps = cube(16, rain).assign_attrs(interval_h=6.0)
    until = effective_rain_by_height(steps, decay_per_day=0.0, days=1, inside=ALL, day_share=0.0).to_numpy()
    assert until[0, 0] == pytest.approx(48 * 7 / 12, rel=1e-6)  # an even fall: mean of 1/6 to 6/6


def test_the_part_of_the_day_is_that_of_storms_given_by_hours_and_of_an_even_fall():
    given = {"decay_per_day": 0.0, "days": 1}
    assert day_share([], **given) == EVEN_SHARE
    late = np.zeros(72)
    late[24:48] = 1.0
    late[47] = 5.0  # the last hour of the second day is the wettest: all of that day has fallen
    assert day_share([(cube(72, late), ALL)], **given) == pytest.approx((EVEN_SHARE + 1) / 2)
    even = np.zeros(72)
    even[24:48] = 1.0
    even[35] = 1.001  # the twelfth hour
    assert day_share([(cube(72, even), ALL)], **given) == pytest.approx((EVEN_SHARE + 0.5) / 2, abs=1e-3)
    hours = cube(72, late)
    of_days = (
        hours.coarsen(time=24)
        .sum()
        .assign_coords(time=hours["time"][23::24])
        .assign_attrs(hours.attrs | {"interval_h": 24.0})
    )
    by_days = effective_rain_by_height(of_days, inside=ALL, day_share=1.0, **given).to_numpy()
    assert by_days == pytest.approx(effective_rain_by_height(hours, inside=ALL, **given).to_numpy(), rel=1e-6)


def test_a_storm_beside_the_area_does_not_set_its_height():
    given = cube(52, np.concatenate([np.full(48, 1.0), [5.0, 20.0, 4.0, 4.0]]))
    inside = np.zeros(RAIN.shape, dtype=bool)
    inside[2:6, 2:6] = True
    own = effective_rain_by_height(given, decay_per_day=0.5, days=2, inside=inside).to_numpy()
    far = given.to_numpy().copy()
    far[48, :, 7] = 400.0  # two hours before its own height it pours beyond the border
    moved = effective_rain_by_height(given.copy(data=far), decay_per_day=0.5, days=2, inside=inside).to_numpy()
    np.testing.assert_array_equal(moved[inside], own[inside])
    assert own[3, 3] > 40


def test_a_step_known_at_few_places_is_no_height():
    given = cube(52, np.concatenate([np.full(48, 1.0), [5.0, 20.0, 4.0, 4.0]]))
    part = given.to_numpy().copy()
    part[51] = np.nan
    part[51, 0, 0] = 90.0
    assert height_step(given.copy(data=part), first=47, inside=ALL) == 49
    part[51, :4] = 90.0  # half of the area is known, and most of it wetter
    assert height_step(given.copy(data=part), first=47, inside=ALL) == 51
    assert height_step(given, first=52, inside=ALL) is None
    assert height_step(given, first=47, inside=~ALL) is None
    # one step has no known cell: it is not the driest, it is none
    part[47:] = np.nan
    assert height_step(given.copy(data=part), first=47, inside=ALL) is None


def tiny(folder, *, storm_ids=("S1", "S2", "S3")):
    """Write a map of susceptibility, rain of three storms, and slides that follow both; return the steps' arguments."""
    rng = np.random.default_rng(8)
    s = rng.beta(2, 3, GRID.shape).astype("float32")
    write_layer(GRID.layer(s, units="1", long_name="s", name="susceptibility"), folder / "susceptibility.tif")
    write_json(GRID.to_dict(), folder / "grid.json")
    xs, ys, ids, files = [], [], [], []
    for k, storm in enumerate(storm_ids, 1):
        # showers, not a steady rain: that would be taken for running totals
        hours = np.where(np.arange(96) < 48, 0.2, 1.6 * k) * rng.uniform(0, 1, 96) * (rng.random(96) < 0.7)
        hours[80] = 3.0 * k
        write_cube(cube(96, hours, storm), folder / f"{storm}.nc")
        files.append(folder / f"{storm}.nc")
        east = np.linspace(1.0, 0.5, GRID.shape[1])[None, :]
        expected = 60 * s / (1 - s) * np.exp(0.06 * (24 * 0.8 * k + 3 * k) * east - 3)
        cell = rng.choice(s.size, size=15 * k**2, p=(expected / expected.sum()).ravel())
        rows, columns = np.divmod(cell, GRID.shape[1])
        xs += (510_015 + 30 * columns).tolist()
        ys += (4_064_985 - 30 * rows).tolist()
        ids += [storm] * len(cell)
    xs, ys, ids = [*xs, 510_100, 900_000], [*ys, 4_064_000, 4_064_000], [*ids, "other", storm_ids[0]]
    hour = "2020-07-04T10:00:00Z"
    slides = gpd.GeoDataFrame({"storm_id": ids, "time": [hour] * len(ids)}, geometry=gpd.points_from_xy(xs, ys),
                              crs=GRID.crs)  # fmt: skip
    write_frame(slides, folder / "slides.gpkg")
    places = gpd.GeoDataFrame({"level": ["township"], "code": ["7"], "name": ["甲镇"]}, geometry=[box(*GRID.bounds)],
                              crs=GRID.crs)  # fmt: skip
    write_frame(places, folder / "admin.gpkg")
    common = {"rainfall_past_events": files, "past_slides": folder / "slides.gpkg", "slope_units": None,
              "susceptibility": folder / "susceptibility.tif", "params": LandslideParams(),
              "rainfall": RainfallParams(antecedent_days=2), "past_rain": [PastRain(id=s) for s in storm_ids],
              "options": None, "fitted": None}  # fmt: skip
    made = {"facts": folder / "past.json", "cases": folder / "past_cases.nc", "used": folder / "used.tif"}
    return common, made


@pytest.mark.slow
def test_the_steps_on_a_tiny_county(tmp_path):
    common, made = tiny(tmp_path)
    write_warning_model(**common, **made, skill=None, grid=tmp_path / "grid.json")
    facts = read_json(made["facts"])
    assert facts["squares"] is True
    assert facts["model"] is not None
    assert facts["counts"]["storms"] == 3
    assert sum("'other'" in row["reason"] for row in facts["quarantine"]) == 1
    used = open_layer(made["used"]).to_numpy()
    assert used.shape == GRID.shape
    # a square of 250 m is one unit; cells that hold next to none of its slides keep their own susceptibility
    own = open_layer(tmp_path / "susceptibility.tif").to_numpy()
    shared = used[:8, :8][used[:8, :8] != own[:8, :8]]
    assert shared.size > 32
    assert len(np.unique(shared)) == 1
    assert own[:8, :8][used[:8, :8] == own[:8, :8]].max() < shared[0]
    out = {k: tmp_path / f"{k}.gpkg" for k in ("storms", "townships")} | {"facts": tmp_path / "hindcast.json"}
    write_hindcast(**common, **out, cases=made["cases"], model=made["facts"], admin=tmp_path / "admin.gpkg",
                   language="zh", admin_options=None)  # fmt: skip
    frame = read_frame(out["storms"])
    assert frame["storm_id"].tolist() == ["S1", "S2", "S3", "all"]
    assert frame["slid_units"].iloc[-1] == frame["slid_units"].iloc[:-1].sum() > 60
    assert 0.5 < frame["pod"].iloc[-1] <= 1
    assert frame["lead_to_slide_h"].notna().any()
    assert facts["counts"]["slides_off_units"] == 1  # the one far off the grid
    places = read_frame(out["townships"])
    assert places["storm_id"].tolist() == ["S1", "S2", "S3"]
    assert places["slid_units"].tolist() == frame["slid_units"].tolist()[:3]
    found = read_json(out["facts"])
    assert len(found["figures"]) == 3
    assert all(f["svg"].startswith("<") for f in found["figures"])
    assert len(reliability_of(found).said) == len(EDGES) - 1
    assert found["counts"]["storms_not_judged"] == found["counts"]["slides_without_zone"] == 0
    # local time without its zone is no time: read as UTC it would add eight hours of lead
    bare = read_frame(tmp_path / "slides.gpkg").assign(time="2020-07-04T18:00:00")
    write_frame(bare, tmp_path / "slides.gpkg")
    write_hindcast(**common, **out, cases=made["cases"], model=made["facts"], admin=None, language="zh",
                   admin_options=None)  # fmt: skip
    assert read_frame(out["storms"])["lead_to_slide_h"].isna().all()
    assert read_json(out["facts"])["counts"]["slides_without_zone"] == len(bare)
    assert any("states no zone" in note["text_en"] for note in read_json(out["facts"])["notes"])
    assert [row["miss_cost"] for row in found["cutoffs_by_cost"]] == [400, 100, 25, 6]
    for name, key in (("warning_hindcast", "storms"), ("warning_hindcast_townships", "townships")):
        write_csv(read_frame(out[key]), tmp_path / f"{name}.csv", name=name)
        write_xlsx(read_frame(out[key]), tmp_path / f"{name}.xlsx", name=name, run="x", language="zh")
        missing = [c for c in SCHEMAS[name].columns if f"column.{c}" not in labels("zh")]
        assert not missing


@pytest.mark.slow
def test_heights_of_a_county_do_not_know_what_falls_beside_it(tmp_path):
    common, made = tiny(tmp_path)
    write_warning_model(**common, **made, skill=None, grid=tmp_path / "grid.json")
    before = cases_of_dataset(read_dataset(made["cases"])).height_mm
    for path in common["rainfall_past_events"]:
        rain = read_own(path).load()
        values = rain.to_numpy().copy()
        values[60, :, 7:] = 300.0  # the county needs the first seven columns of the rain
        write_cube(rain.copy(data=values), path)
    write_warning_model(**common, **made, skill=None, grid=tmp_path / "grid.json")
    np.testing.assert_array_equal(cases_of_dataset(read_dataset(made["cases"])).height_mm, before)


@pytest.mark.slow
def test_lead_times_of_half_hours_are_those_of_hours_and_off_the_rain_there_are_none(tmp_path):
    common, made = tiny(tmp_path)
    write_warning_model(**common, **made, skill=None, grid=tmp_path / "grid.json")
    out = {k: tmp_path / f"{k}.gpkg" for k in ("storms", "townships")} | {"facts": tmp_path / "hindcast.json"}
    rest = {"cases": made["cases"], "model": made["facts"], "admin": None, "language": "en", "admin_options": None}

    def leads():
        write_hindcast(**common, **out, **rest)
        return read_frame(out["storms"])[["lead_to_slide_h", "lead_to_height_h"]].to_numpy(dtype=float)[:3]

    want = leads()
    assert np.isfinite(want).sum() >= 2
    whole = [read_own(path).load() for path in common["rainfall_past_events"]]
    for path, rain in zip(common["rainfall_past_events"], whole, strict=True):
        # a third in the first half of each hour: sums of two are the hour again
        halves = np.repeat(rain.to_numpy(), 2, axis=0) * np.tile([1 / 3, 2 / 3], rain.sizes["time"])[:, None, None]
        times = np.repeat(rain["time"].to_numpy(), 2) - np.tile([1, 0], rain.sizes["time"]) * np.timedelta64(30, "m")
        coords = {c: rain.coords[c] for c in ("y", "x", "spatial_ref")}
        write_cube(xr.DataArray(halves.astype("float32"), dims=("time", "y", "x"), coords={**coords, "time": times},
                                name="rain", attrs={"units": "mm", "interval_h": 0.5}), path)  # fmt: skip
    np.testing.assert_array_equal(leads(), want)
    for path, rain in zip(common["rainfall_past_events"], whole, strict=True):
        write_cube(rain.isel(x=slice(0, 3)), path)  # to 511,000
    slides = read_frame(tmp_path / "slides.gpkg")
    write_frame(slides[slides.geometry.x > 511_000], tmp_path / "slides.gpkg")
    assert np.isnan(leads()).all()


@pytest.mark.slow
def test_two_files_of_one_storm_and_slides_of_no_storm(tmp_path):
    common, made = tiny(tmp_path)
    same = common | {"past_rain": [PastRain(id=s) for s in ("S1", "S1", "S3")]}
    with pytest.raises(DataError, match="S1"):
        write_warning_model(**same, **made, skill=None, grid=tmp_path / "grid.json")
    none = read_frame(tmp_path / "slides.gpkg").assign(storm_id="nothing")
    write_frame(none, tmp_path / "slides.gpkg")
    write_warning_model(**common, **made, skill=None, grid=tmp_path / "grid.json")
    facts = read_json(made["facts"])
    assert facts["model"] is None
    assert facts["notes"][0]["level"] == "warning"
    out = {k: tmp_path / f"{k}.gpkg" for k in ("storms", "townships")} | {"facts": tmp_path / "hindcast.json"}
    write_hindcast(**common, **out, cases=made["cases"], model=made["facts"], admin=None, language="en",
                   admin_options=None)  # fmt: skip
    assert len(read_frame(out["storms"])) == 0
    assert "No hindcast" in read_json(out["facts"])["notes"][0]["text_en"]


def test_the_slope_of_calibration_is_one_where_it_is_not_known():
    assert calibration_slope({}) == 1.0
    assert calibration_slope({"models": []}) == 1.0
    assert calibration_slope({"models": [{"calibration_slope": 0.8}]}) == 0.8
