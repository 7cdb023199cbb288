"""Series of levelling and GNSS against those of InSAR: analytic cases, laws, files, and the step from end to end."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point

from geo_risk.core.errors import DataError, SchemaError
from geo_risk.core.grid import Grid
from geo_risk.flow.steps.deformation import write_velocity
from geo_risk.flow.steps.deformation_east_up import write_east_up_series
from geo_risk.flow.steps.deformation_ground_series import write_ground_series
from geo_risk.hazards.deformation.motion.ground_series import (
    Observed,
    SeriesAround,
    compare_ground_series,
    match_series,
)
from geo_risk.hazards.deformation.params import DecompositionParams, GroundControlParams, VelocityParams
from geo_risk.publish.frames import write_json
from geo_risk.sources.ground_series import read_ground_series
from geo_risk.sources.options import ReadOptions, TrackOptions
from tests.support.insar import CELL, LEFT, LOS, TOP, times, write_mintpy

START = np.datetime64("2022-01-01", "s")
DAY = np.timedelta64(86400, "s")
PARAMS = GroundControlParams()
UP = np.array([[0.0, 0.0, 1.0]])


def observed(days, values, std=0.0) -> Observed:
    values = np.asarray(values, dtype=float)
    return Observed(START + np.asarray(days) * DAY, values, np.full(len(values), float(std)))


def ground_rows(days, name="L1", **columns) -> pd.DataFrame:
    base = {f"{c}_mm": np.nan for c in ("east", "north", "up", "los")}
    base |= {f"{c}_std_mm": np.nan for c in ("east", "north", "up", "los")} | {"track": ""}
    rows = pd.DataFrame({"point_id": name, "time": START + np.asarray(days) * DAY} | base)
    return rows.assign(**columns)


def place(*names: str) -> gpd.GeoDataFrame:
    shapes = [Point(k, 0) for k, _ in enumerate(names)]
    return gpd.GeoDataFrame({"point_id": list(names)}, geometry=shapes, crs="EPSG:4546")


def around(days, values, std=1.0, look=UP, quantity="los asc", track="asc") -> SeriesAround:
    values = np.atleast_2d(np.asarray(values, dtype=float).T).T
    return SeriesAround(quantity, START + np.asarray(days) * DAY, [values], [np.full_like(values, std)], look, track)


def test_two_lines_differ_by_their_slopes_whatever_their_zeros_and_dates():
    radar, levelled = np.arange(0, 720, 12), np.array([3, 95, 180, 301, 500, 700])
    insar = 40 - 20 * radar / 365.25
    ground = ground_rows(levelled, up_mm=-7000 - 26 * levelled / 365.25, up_std_mm=0.5)
    got = compare_ground_series(place("L1"), ground, [around(radar, insar, look=UP * 1.0)], PARAMS)
    row = got.frame.iloc[0]
    t = levelled / 365.25
    assert row["n_dates"] == 6
    assert row["rate_difference_mm_yr"] == pytest.approx(6, abs=1e-9)
    assert row["rate_difference_std_mm_yr"] == pytest.approx(0, abs=1e-9)
    # sum((d - mean)^2) / (n - 1) of d = 6 t is 36 times the variance of the dates
    assert row["rmse_mm"] == pytest.approx(6 * t.std(ddof=1), rel=1e-9)
    assert row["offset_mm"] == pytest.approx(7040 + 6 * t.mean(), rel=1e-12)
    assert got.summary["rate_bias_mm_yr"].tolist() == [pytest.approx(6)]
    assert "+6.0 mm/yr" in got.notes[0][0]
    assert "+6.0 毫米/年" in got.notes[0][1]
    # with the zeros matched, the dates add up
    dates = got.dates
    assert (dates["insar_mm"] - dates["ground_mm"]).to_numpy() == pytest.approx(dates["difference_mm"].to_numpy())
    assert dates["difference_mm"].sum() == pytest.approx(0, abs=1e-6)


def test_the_series_with_fewer_dates_keeps_them_and_gaps_are_not_bridged():
    daily, radar = np.arange(0, 200), np.array([5, 17, 29, 41, 150, 162])
    both = match_series(observed(radar, 2.0 * radar), observed(daily, 3.0 * daily), maximum_gap_days=48)
    assert ((both.times - START) / DAY).tolist() == radar.tolist()
    assert both.insar - both.ground == pytest.approx(-radar)
    sparse = np.array([20, 90, 156])
    both = match_series(observed(radar, 2.0 * radar), observed(sparse, 0.0 * sparse), maximum_gap_days=48)
    # day 90 lies in a gap of 109 days
    assert ((both.times - START) / DAY).tolist() == [20, 156]
    assert both.insar == pytest.approx([40, 312])
    # no date is made outside the common time
    assert not len(match_series(observed([0, 12], [0, 1]), observed([30, 60], [0, 1]), maximum_gap_days=48).times)


def test_errors_of_two_dates_are_joined_as_independent():
    both = match_series(
        observed([0, 4, 12, 24], [0, 0, 0, 0], 2.0), observed([4, 15], [0, 0], 1.5), maximum_gap_days=48
    )
    # 15 lies a quarter of the way from 12 to 24
    want = [np.hypot(2, 1.5), np.hypot(2 * np.hypot(0.75, 0.25), 1.5)]
    assert both.std == pytest.approx(want)


values = st.lists(st.floats(-500, 500), min_size=8, max_size=8)


@pytest.mark.slow
@given(values, values, st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_no_zero_changes_scatter_or_rate(a, b, shift_a, shift_b):
    days = np.arange(8) * 30
    once, moved = (
        compare_ground_series(
            place("L1"), ground_rows(days, up_mm=np.array(b) + g), [around(days, np.array(a) + i)], PARAMS
        ).frame.iloc[0]
        for i, g in ((0, 0), (shift_a, shift_b))
    )
    for name in ("rmse_mm", "rate_difference_mm_yr", "rate_difference_std_mm_yr"):
        # a millionth of the shifts is lost to float64
        assert moved[name] == pytest.approx(once[name], rel=1e-6, abs=1e-6)
    assert moved["offset_mm"] == pytest.approx(once["offset_mm"] + shift_a - shift_b, abs=1e-6)


def test_vectors_are_projected_and_levelling_says_that_it_knows_up_alone():
    days = np.arange(10) * 24
    look = np.array([[-0.6, -0.1, 0.79]])
    moved = {"east_mm": 2.0 * days, "north_mm": -1.0 * days, "up_mm": -3.0 * days}
    want = look[0] @ [2.0, -1.0, -3.0] * days
    got = compare_ground_series(place("L1"), ground_rows(days, **moved), [around(days, want, look=look)], PARAMS)
    assert got.frame["quantity"].tolist() == ["los asc"]
    assert got.frame["rmse_mm"].to_numpy() == pytest.approx([0], abs=1e-9)
    levelled = ground_rows(days, up_mm=-3.0 * days)
    got = compare_ground_series(place("L1"), levelled, [around(days, -2.37 * days, look=look)], PARAMS)
    assert got.frame["quantity"].tolist() == ["los asc, up only"]
    assert got.frame["rmse_mm"].to_numpy() == pytest.approx([0], abs=1e-9)
    along = ground_rows(days, los_mm=want, track="asc")
    got = compare_ground_series(place("L1"), along, [around(days, want + 5, look=look)], PARAMS)
    assert got.frame["offset_mm"].to_numpy() == pytest.approx([5])


def test_levelling_is_not_held_against_east_motion_and_east_alone_is():
    days = np.arange(10) * 24
    east, levelled = np.array([[1.0, 0.0, 0.0]]), ground_rows(days, up_mm=-3.0 * days)
    got = compare_ground_series(place("L1"), levelled, [around(days, 1.0 * days, look=east)], PARAMS)
    assert got.frame.empty
    assert [q["id"] for q in got.quarantine] == ["L1"]
    moved = ground_rows(days, east_mm=2.0 * days)
    got = compare_ground_series(place("L1"), moved, [around(days, 2.0 * days, look=east)], PARAMS)
    assert got.frame["quantity"].tolist() == ["los asc"]
    assert got.frame["rmse_mm"].to_numpy() == pytest.approx([0], abs=1e-9)


def test_what_cannot_be_compared_is_named_not_called_right():
    days = np.arange(10) * 24
    unknown_look = around(days, -1.0 * days, look=UP * np.nan)
    short = ground_rows([0, 24], up_mm=[0, 1])
    gone = around(days, np.full(10, np.nan))
    for ground, series in ((short, around(days, -1.0 * days)), (ground_rows(days, up_mm=0.0), gone),
                           (ground_rows(days, up_mm=0.0), unknown_look)):  # fmt: skip
        got = compare_ground_series(place("L1"), ground, [series], PARAMS)
        assert got.frame.empty
        assert [q["id"] for q in got.quarantine] == ["L1"]
        assert "公共日期" in got.quarantine[0]["reason_zh"]
        assert "no series measured on the ground" in got.notes[0][0]


def test_a_cell_that_is_lost_half_way_does_not_bend_the_mean():
    days = np.arange(20) * 12
    cells = np.column_stack([-1.0 * days, -1.0 * days, -30.0 * days])
    cells[10:, 2] = np.nan
    got = compare_ground_series(place("L1"), ground_rows(days, up_mm=-1.0 * days), [around(days, cells)], PARAMS)
    assert got.frame["n_cells"].tolist() == [2]
    assert got.frame["rmse_mm"].to_numpy() == pytest.approx([0], abs=1e-9)


def written(tmp_path, text):
    path = tmp_path / "series.csv"
    path.write_text(text, encoding="utf-8")
    return read_ground_series(path, crs="EPSG:4546", options=ReadOptions(crs="EPSG:4546"))


def test_file_of_heights_becomes_millimetres_in_time_order(tmp_path):
    got = written(tmp_path, "point_id,x,y,date,height_m,std_mm\n7,510000,4050000,2023-05-01,812.4975,0.4\n"
                            "7,510000,4050000,2022-05-01,812.5,0.4\n")  # fmt: skip
    assert got.points["point_id"].tolist() == ["7"]
    assert np.diff(got.observed["up_mm"]) == pytest.approx([-2.5])
    assert got.observed["time"].is_monotonic_increasing
    assert got.observed["up_std_mm"].tolist() == [0.4, 0.4]
    assert got.observed[["east_mm", "los_mm"]].isna().all(axis=None)


def test_file_of_gnss_and_of_lines_of_sight(tmp_path):
    got = written(tmp_path, "point_id,x,y,date,east_mm,north_mm,up_mm,up_std_mm\nG,510000,4050000,2023-05-01,1,2,3,4\n")
    assert got.observed[["east_mm", "north_mm", "up_mm", "up_std_mm"]].to_numpy().tolist() == [[1, 2, 3, 4]]
    got = written(tmp_path, "point_id,x,y,date,displacement_mm,component,track,std_mm\n"
                            "G,510000,4050000,2023-05-01,-4,LOS,asc,1\nG,510000,4050000,2023-05-01,-5,los,desc,1\n"
                            "G,510000,4050000,2023-05-01,9,sideways,,1\n")  # fmt: skip
    assert got.observed["los_mm"].tolist() == [-4, -5]
    assert got.observed["track"].tolist() == ["asc", "desc"]
    assert "sideways" in got.quarantine[0]["reason"]


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("point_id,x,y,height_m\n1,5,4,9\n", SchemaError, "date"),
        ("point_id,x,y,date,level\n1,510000,4050000,2023-05-01,9\n", SchemaError, "height_m"),
        ("point_id,x,y,date,displacement_mm\n1,510000,4050000,2023-05-01,9\n", SchemaError, "component"),
        ("point_id,x,y,date,height_m\n1,510000,4050000,May,9\n", DataError, "YYYY-MM-DD"),
        ("point_id,x,y,date,height_m\n1,510000,4050000,2023-05-01,high\n", DataError, "high"),
        ("point_id,x,y,date,up_mm\n1,510000,4050000,2023-05-01,9\n1,510000,4050000,2023-05-01,8\n", DataError, "twice"),
    ],
)
def test_bad_files_say_what_is_wrong_and_where(tmp_path, text, error, said):
    with pytest.raises(error, match=said) as found:
        written(tmp_path, text)
    assert "inputs.ground_series" in str(found.value)


@pytest.mark.parametrize("bad", [0, -9999, 9999, 99999, -32768, 1e30, 888.2])
def test_heights_that_are_no_heights_are_missing_and_their_point_is_named(tmp_path, bad):
    rows = "".join(f"1,510000,4050000,2023-{k:02d}-01,{900 - k / 1000 if k != 5 else bad}\n" for k in range(1, 10))
    got = written(tmp_path, f"point_id,x,y,date,height_m\n{rows}")
    assert len(got.observed) == 8
    assert got.observed["up_mm"].abs().max() < 20
    (said,) = got.quarantine
    assert said["id"] == "1"
    assert said["reason"].startswith("1 of its 9 values of height_m are ")
    assert "9 个值中 1 个" in said["reason_zh"]


def test_the_first_height_may_be_the_mark_and_then_another_is_the_zero(tmp_path):
    got = written(tmp_path, "point_id,x,y,date,height_m\n1,510000,4050000,2022-05-01,0\n"
                            "1,510000,4050000,2023-05-01,812.5\n1,510000,4050000,2024-05-01,812.49\n")  # fmt: skip
    assert got.observed["up_mm"].tolist() == pytest.approx([0, -10])


def test_ground_that_sinks_by_metres_and_heights_about_zero_are_kept(tmp_path):
    sinking = "".join(f"1,510000,4050000,2023-{k:02d}-01,{-0.9 * (k - 1)}\n" for k in range(1, 13))
    high = "".join(f"2,510000,4050000,2023-{k:02d}-01,{1003 - k}\n" for k in range(1, 13))
    got = written(tmp_path, f"point_id,x,y,date,height_m\n{sinking}{high}")
    assert len(got.observed) == 24
    assert not got.quarantine
    moved = "".join(f"1,510000,4050000,2023-{k:02d}-01,{-99.9 * k}\n" for k in range(1, 13))  # through -999 mm
    got = written(tmp_path, f"point_id,x,y,date,up_mm\n{moved}")
    assert len(got.observed) == 12


def test_marks_among_displacements_and_errors(tmp_path):
    rows = "".join(f"1,510000,4050000,2023-{k:02d}-01,{-9999 if k == 3 else -k},los,{t},{-1 if k == 4 else 1}\n"
                   for t in ("asc", "desc") for k in range(1, 8))  # fmt: skip
    got = written(tmp_path, f"point_id,x,y,date,displacement_mm,component,track,std_mm\n{rows}")
    assert got.observed["los_mm"].min() == -7
    assert got.observed["los_std_mm"].isna().sum() == 2
    assert [q["reason"][:16] for q in got.quarantine] == ["2 of its 14 valu"] * 2


def levelling(n: int = 6) -> pd.DataFrame:
    rows = {"point_id": [f"B{k % 2}" for k in range(n)], "x": 510000.0, "y": 4050000.0,
            "date": [f"2023-0{k + 1}-01" for k in range(n)],
            "height_m": [900 - k / 1000 for k in range(n)]}  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    "form",
    [{"sep": ";"}, {"sep": ";", "decimal": ","}, {"sep": "\t"}, {"encoding": "utf-16"}, {"encoding": "gb18030"},
     {"encoding": "utf-8-sig"}, {"header": ["POINT_ID", "X", "Y", "DATE", "HEIGHT_M", "备注"]},
     {"date_format": "%Y年%m月%d日"}],
)  # fmt: skip
def test_ledgers_are_read_however_they_are_written(tmp_path, form):
    table = levelling().assign(备注="完好")
    if "date_format" in form:
        table["date"] = pd.to_datetime(table["date"])
    path = tmp_path / "s.csv"
    table.to_csv(path, index=False, **form)
    got = read_ground_series(path, crs="EPSG:4546", options=ReadOptions(crs="EPSG:4546"))
    assert len(got.observed) == 6
    assert got.observed["up_mm"].tolist() == pytest.approx([0, -2, -4] * 2)
    assert not got.quarantine
    assert all(any("一" <= c <= "鿿" for c in n.zh) for n in got.notes)


def test_degrees_with_chinese_names_in_gbk_are_wgs_84(tmp_path):
    table = levelling().rename(columns={"x": "经度", "y": "纬度"}).assign(经度=113.0, 纬度=36.0)
    table.to_csv(tmp_path / "s.csv", index=False, encoding="gbk")
    assert len(read_ground_series(tmp_path / "s.csv", crs="EPSG:4546").observed) == 6


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [("height_m", "被毁", "texts such as 被毁"), ("date", "", "date is ''"), ("date", "五月", "date is '五月'"),
     (None, None, "same row came before")],
)  # fmt: skip
def test_one_bad_row_is_set_aside_by_name(tmp_path, column, value, said):
    table = levelling().astype(object)
    if column is None:
        table = pd.concat([table, table.iloc[[1]]])
    else:
        table.loc[1, column] = value
    got = written(tmp_path, table.to_csv(index=False))
    assert len(got.observed) == (6 if column is None else 5)
    (one,) = got.quarantine
    assert one["id"] == "B1"
    assert said in one["reason"]
    assert any("一" <= c <= "鿿" for c in one["reason_zh"].replace("五月", ""))


def test_one_id_at_two_places_is_set_aside(tmp_path):
    got = written(tmp_path, "point_id,x,y,date,height_m\n1,510000,4050000,2023-05-01,9\n"
                            "1,510900,4050000,2023-06-01,9\n2,510000,4050000,2023-05-01,9\n")  # fmt: skip
    assert got.points["point_id"].tolist() == ["2"]
    assert got.quarantine[0]["id"] == "1"


@pytest.mark.slow
def test_levelling_beside_two_tracks_from_files_to_lists(tmp_path):
    n, shape = 40, (14, 16)
    grid = Grid.from_bounds((LEFT, TOP - 14 * CELL, LEFT + 16 * CELL, TOP), crs="EPSG:4546", resolution_m=60)
    write_json(grid.to_dict(), tmp_path / "grid.json")
    years = (times(n) - times(n)[0]) / np.timedelta64(1, "D") / 365.25
    quiet = VelocityParams(atmosphere="none", reference="as_given", estimator="least_squares", date_weights=False,
                           temporal_correlation="none")  # fmt: skip
    files = {}
    for k, (track, look) in enumerate(LOS.items()):
        unit = np.array(look) / np.linalg.norm(look)
        field = unit[2] * -30.0 * years[:, None, None] + np.random.default_rng(k).normal(0, 1, (n, *shape))
        paths = write_mintpy(tmp_path / track, field / 1000, track=track)
        write_velocity(files=[paths["files"]], geometry=[paths["geometry"]], coherence=None, gacos=None, track=track,
                       out=tmp_path / f"{track}.h5", facts=tmp_path / f"{track}.json", params=quiet,
                       correction=tmp_path / f"{track}.nc", options=TrackOptions(),
                       maximum_sigma_mm_yr=1000)  # fmt: skip
        files |= {f"files_{track}": [paths["files"]], f"geometry_{track}": [paths["geometry"]]}
    common = {"tracks": list(LOS), "native": [tmp_path / f"{t}.h5" for t in LOS], "grid": tmp_path / "grid.json",
              "correction": [tmp_path / f"{t}.nc" for t in LOS], "resampling": "nearest", **files}  # fmt: skip
    write_east_up_series(**common, options=[{}, {}], params=DecompositionParams(series=True), out=tmp_path / "eu.nc",
                         facts=tmp_path / "eu.json")  # fmt: skip
    x, y = LEFT + 8 * CELL, TOP - 7 * CELL
    days = [times(n)[0] + np.timedelta64(int(d), "D") for d in (30, 121, 240, 333, 450)]
    rows = [f"L1,{x},{y},{str(d)[:10]},{700 - 0.030 * ((d - times(n)[0]) / np.timedelta64(1, 'D') / 365.25):.6f}"
            for d in days]  # fmt: skip
    outside = [f"L2,{LEFT - 900},{y},{str(d)[:10]},700" for d in days]
    text = "\n".join(["point_id,x,y,date,height_m", *rows, *outside])
    (tmp_path / "levelling.csv").write_text(text + "\n", encoding="utf-8")
    write_ground_series(
        **common, ground_series=tmp_path / "levelling.csv", table=tmp_path / "t.csv", dates=tmp_path / "d.csv",
        facts=tmp_path / "facts.json", track_options=[{}, {}], options=ReadOptions(crs="EPSG:4546"), params=PARAMS,
        east_up_series=tmp_path / "eu.nc",
    )  # fmt: skip
    table = pd.read_csv(tmp_path / "t.csv", encoding="utf-8-sig").set_index("quantity")
    assert set(table.index) == {"los asc, up only", "los desc, up only", "up"}
    # means of some ten cells with 1 mm of noise each, on five dates over 1.2 years: three of their errors
    assert (table["rate_difference_mm_yr"].abs() < 1.5).all()
    assert (table["rmse_mm"] < 1.0).all()
    assert table["x"].tolist() == [x] * 3
    dates = pd.read_csv(tmp_path / "d.csv", encoding="utf-8-sig")
    assert len(dates) == 15
    facts = json.loads((tmp_path / "facts.json").read_text(encoding="utf-8"))
    assert facts["counts"]["points"] == 2
    assert [q["id"] for q in facts["quarantine"]] == ["L2"]
