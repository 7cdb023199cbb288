"""Tables of points as other programs write them: indexes of pandas, separators, decimal commas, encodings, case."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS

from geo_risk.core.errors import AmbiguousError, CorruptFileError, CrsError, DataError, RefusedFileError
from geo_risk.flow.points_file import write_points_file
from geo_risk.sources.audit_words import in_chinese
from geo_risk.sources.checks import inspect_file
from geo_risk.sources.egms_points import read_egms_points
from geo_risk.sources.insar import open_insar
from geo_risk.sources.options import TrackOptions
from geo_risk.sources.point_dates import date_columns, n_days
from geo_risk.sources.point_marks import RATE_MARKED, marked, stepped
from geo_risk.sources.point_tables import PointTable, X, Y, numbers, open_table
from tests.support.points import days, egms

NAME = "EGMS_L2b_088_0282_IW2_VV"
GRID = TrackOptions(posting_m=100.0)


def same_points(path: Path, table: pd.DataFrame) -> list[str]:
    """Check that a file gives the points of the table it was made of; return the audit."""
    got = read_egms_points([path], with_series=True)
    assert got["point_id"].tolist() == table["pid"].tolist()
    np.testing.assert_allclose(got["velocity_mm_yr"], table["mean_velocity"])
    np.testing.assert_allclose(got[[f"D{d}" for d in days()]], table[days()])
    np.testing.assert_allclose(got.geometry.x, table["easting"])
    return list(got.attrs["audit"])


@pytest.mark.slow
def test_ids_that_pandas_kept_as_the_index_are_a_column(tmp_path):
    table, path = egms(n=40), tmp_path / f"{NAME}.parquet"
    table.set_index("pid").to_parquet(path)
    same_points(path, table)
    assert inspect_file(path).problems == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "form", "chinese"),
    [
        ({"sep": ";", "decimal": ","}, "table: fields are separated by semicolons; decimals have a comma", "分号"),
        ({"sep": ";"}, "table: fields are separated by semicolons", "分号"),
        ({"sep": "\t"}, "table: fields are separated by tabs", "制表符"),
        ({"decimal": ","}, "table: decimals have a comma", "逗号"),
        ({"encoding": "utf-16"}, "table: the text is UTF-16", "UTF-16"),
        ({"encoding": "utf-16", "sep": "\t", "decimal": ","}, "separated by tabs; decimals have a comma; the",
         "制表符"),
        ({"encoding": "utf-8-sig"}, "", ""),
    ],
)  # fmt: skip
def test_tables_of_other_separators_decimals_and_encodings_are_read_and_told_of(tmp_path, said, form, chinese):
    table, path = egms(n=40), tmp_path / f"{NAME}.csv"
    table.to_csv(path, index=False, **said)
    told = [sentence for sentence in same_points(path, table) if sentence.startswith("table: ")]
    assert (form in told[0]) if form else not told
    assert all(chinese in in_chinese(s) and not set(in_chinese(s)) & set("dfhs") for s in told)
    assert inspect_file(path).product == "egms"


@pytest.mark.parametrize("sep", [",", ";", "\t"])
def test_a_quoted_name_may_hold_the_separator(tmp_path, sep):
    table, path = egms(n=40), tmp_path / f"{NAME}.csv"
    named = table.rename(columns={"height": f"height (m{sep} above sea){sep} mean", "rmse": 'of "the" rest'})
    named.to_csv(path, index=False, sep=sep)
    same_points(path, table)
    assert open_table(path).columns == tuple(named.columns)


@pytest.mark.parametrize("before", ["\n", "# made by a program\n", "\n\n# one, two\n", ",,,\n", "\r\n", "#\n" * 5])
def test_blank_lines_and_comments_before_the_header_are_passed_over_and_told_of(tmp_path, before):
    table, path = egms(n=40), tmp_path / f"{NAME}.csv"
    path.write_text(before + table.to_csv(index=False), newline="")
    (said,) = [s for s in same_points(path, table) if s.startswith("table: ")]
    n = before.count("\n")
    assert f"{n} lines before the header" in said
    assert in_chinese(said) == f"已跳过表头之前的 {n} 行"
    few = next(iter(open_table(path).batches(["pid"])))
    assert few["pid"].tolist() == table["pid"].tolist()


def test_a_tab_table_with_an_index_and_gaps_moves_no_column(tmp_path):
    table, path = egms(n=40), tmp_path / f"{NAME}.csv"
    table.loc[3, [days()[0], days()[-1]]] = np.nan
    table.to_csv(path, sep="\t")
    same_points(path, table)


def test_a_number_with_a_point_among_decimal_commas_is_set_aside(tmp_path):
    table, path = egms(n=400), tmp_path / f"{NAME}.csv"
    table.to_csv(path, index=False, sep=";", decimal=",")
    lines = path.read_text().splitlines()
    fields = lines[300].split(";")
    lines[300] = ";".join([*fields[:-1], "1.234"])
    path.write_text("\n".join(lines) + "\n")
    got = read_egms_points([path])
    assert [q["id"] for q in got.attrs["quarantine"]] == [table["pid"][299]]
    assert len(got) == 399


def test_thousands_are_no_decimals(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a;b;c\n1;1,234;2\n1;22,345;3\n", encoding="utf-8")
    table = open_table(path)
    _, bad = numbers(next(iter(table.batches(["b"]))), ["b"])
    assert bad.all()
    path.write_text("a;b;c\n1;1,234;2\n1;22,5;3\n", encoding="utf-8")
    values, bad = numbers(next(iter(open_table(path).batches(["b"]))), ["b"])
    np.testing.assert_array_equal(values[:, 0], [1.234, 22.5])


def test_separators_that_are_not_read_are_named(tmp_path):
    path = tmp_path / f"{NAME}.csv"
    egms(n=5).to_csv(path, index=False, sep="|")
    with pytest.raises(RefusedFileError, match=r"separated by '\|'"):
        read_egms_points([path])
    assert "separated by" in inspect_file(path).problems[0][0]


def texts_in(table: pd.DataFrame, column: str, rows: slice) -> pd.DataFrame:
    """Put decimal commas into some rows of a column."""
    out = table.astype({column: object})
    out.loc[rows, column] = out.loc[rows, column].map(lambda v: str(v).replace(".", ","))
    return out


@pytest.mark.slow
def test_texts_in_the_velocity_of_the_product_are_no_proof_passed_over(tmp_path):
    table, path = egms(n=200), tmp_path / f"{NAME}.csv"
    texts_in(table, "mean_velocity", slice(3, 5)).to_csv(path, index=False)
    data = open_insar(path, track="asc", options=GRID)
    assert [q["id"] for q in data.attrs["quarantine"]] == table["pid"][3:6].tolist()
    assert float(data["n_points"].sum()) == 197
    texts_in(table, "mean_velocity", slice(None)).to_csv(path, index=False)
    for read in (lambda: open_insar(path, track="asc", options=GRID), lambda: read_egms_points([path])):
        with pytest.raises(
            DataError, match=r"200 of 200 rows.*text in a column of numbers(.|\n)*in column mean_velocity"
        ):
            read()


@pytest.mark.slow
def test_a_proof_that_no_point_can_give_says_why(tmp_path):
    table, path = egms(n=60), tmp_path / f"{NAME}.csv"
    table["mean_velocity"] = np.nan
    table.to_csv(path, index=False)
    data = open_insar(path, track="asc", options=GRID)
    told = [s for s in data.attrs["audit"] if s.startswith("unit and sign")]
    assert told == ["unit and sign: 0 of 60 points have a value on every date and in column mean_velocity: no evidence"]
    assert "60" in in_chinese(told[0])
    assert "points" not in in_chinese(told[0])


@pytest.mark.slow
@pytest.mark.parametrize("mark", [-999.0, 999.0, -32768.0, -32767.0, 32767.0, 1e20, -3.4028235e38, 123456.0, -20000.0])
def test_marks_of_missing_and_impossible_steps_are_set_aside(tmp_path, mark):
    table, path = egms(n=200), tmp_path / f"{NAME}.csv"
    table.loc[[3, 4, 5], days()[7]] = mark
    table.to_csv(path, index=False)
    data = open_insar(path, track="asc", options=GRID)
    assert [q["id"] for q in data.attrs["quarantine"]] == table["pid"][3:6].tolist()
    assert all("一" <= q["reason_zh"][0] <= "鿿" for q in data.attrs["quarantine"])
    assert float(np.nanmax(np.abs(data["displacement"].to_numpy()))) < 0.1
    assert any("the trend of the series is 1.0" in s for s in data.attrs["audit"])
    got = read_egms_points([path])
    assert len(got) == 197
    assert got.attrs["quarantine"] == data.attrs["quarantine"]


@pytest.mark.slow
@pytest.mark.parametrize("mark", [-9999.0, -999.0, -32768.0])
def test_marks_are_no_velocities(tmp_path, mark):
    table, path = egms(n=200), tmp_path / "v.gpkg"
    points = gpd.GeoDataFrame(
        {"VEL": table["mean_velocity"]}, geometry=gpd.points_from_xy(table["easting"], table["northing"]), crs=3035
    )
    points.loc[[3, 4], "VEL"] = mark
    points.to_file(path)
    said = {"units": "mm/yr", "positive": "toward", "incidence_deg": 39.0, "heading_deg": 349.0}
    data = open_insar(path, track="asc", options=TrackOptions(posting_m=100.0, **said))
    assert float(np.nanmax(np.abs(data["velocity"].to_numpy()))) < 30
    assert [q["reason"] for q in data.attrs["quarantine"]] == [RATE_MARKED] * 2
    table.loc[[3, 4], "mean_velocity"] = mark
    table.to_csv(tmp_path / f"{NAME}.csv", index=False)
    assert len(read_egms_points([tmp_path / f"{NAME}.csv"])) == 198
    data = open_insar(tmp_path / f"{NAME}.csv", track="asc", options=GRID)
    assert any("the trend of the series is 1.0" in s for s in data.attrs["audit"])


def test_a_course_through_a_mark_is_measured_and_gaps_hide_no_step():
    series = np.array([
        [-900.0, -950.0, -999.0, -1040.0], [np.nan, -980.0, np.nan, -999.0], [0.0, 1.0, -999.0, 2.0],
        [-999.0, -999.0, -999.0, -999.0], [np.nan, np.inf, -9999.0, 0.0], [0.0, 998.0, 999.0, 1001.0],
    ])  # fmt: skip
    np.testing.assert_array_equal(marked(series), [False, False, True, True, True, False])
    metres = np.array([[0.0, np.nan, 11.0], [0.0, 6.0, 12.0], [np.nan, np.nan, np.nan], [np.nan, 0.0, -10.5]])
    np.testing.assert_array_equal(stepped(metres), [True, False, False, True])
    assert not stepped(np.empty((3, 0))).any()


def test_millimetres_called_metres_are_asked_about(tmp_path):
    table, path = egms(n=60), tmp_path / "p.csv"
    table[days()] *= 100
    table.drop(columns="mean_velocity").to_csv(path, index=False)
    with pytest.raises(DataError, match=r"60 of 60(.|\n)*millimetres called metres"):
        open_insar(
            path, track="asc", options=TrackOptions(posting_m=100.0, units="m", positive="toward", crs="EPSG:3035")
        )


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_names_of_egms_are_known_in_any_case(tmp_path, suffix):
    table, path = egms(n=40), tmp_path / f"{NAME}.{suffix}"
    upper = table.rename(columns=str.upper)
    upper.to_csv(path, index=False) if suffix == "csv" else upper.to_parquet(path)
    same_points(path, table)
    assert open_insar(path, track="asc", options=GRID).attrs["product"] == "egms"


def test_names_that_differ_by_case_alone_stay_apart(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Pid,PID,Easting\na,b,3\n", encoding="utf-8")
    table = open_table(path).lowered()
    assert table.columns == ("Pid", "PID", "easting")
    assert next(iter(table.batches(["PID", "easting"]))).to_numpy().tolist() == [["b", 3]]


LOS = {"units": "mm", "positive": "toward", "incidence_deg": 39.0, "heading_deg": 349.0, "crs": "EPSG:3035"}


@pytest.mark.slow
def test_dates_of_six_digits_are_read_where_they_rise_in_one_order_alone(tmp_path):
    table = egms(n=60).rename(columns={"mean_velocity": "VEL"}).drop(columns=["los_east", "los_north", "los_up"])
    said = TrackOptions(posting_m=100.0, **LOS)
    paths = [tmp_path / "eight.csv", tmp_path / "six.csv"]
    for path, start in zip(paths, (0, 2), strict=True):
        table.rename(columns={d: f"D{d[start:]}" for d in days()}).to_csv(path, index=False)
    eight, six = (open_insar(p, track="asc", options=said) for p in paths)
    np.testing.assert_array_equal(six["time"], eight["time"])
    np.testing.assert_array_equal(six["displacement"], eight["displacement"])
    told = [s for s in six.attrs["audit"] if s.startswith("dates: ")]
    assert "yymmdd" in told[0]
    assert "columns" not in in_chinese(told[0])
    assert inspect_file(paths[1]).dates == inspect_file(paths[0]).dates
    for names in ({d: f"D{d[6:]}{d[4:6]}{d[2:4]}" for d in days()}, {days()[5]: f"D{days()[4][2:]}"},
                  {days()[5]: f"D{days()[5]}"}):  # fmt: skip
        table.rename(columns={d: f"D{d[2:]}" for d in days()} | names).to_csv(paths[1], index=False)
        with pytest.raises(AmbiguousError, match="six digits") as caught:
            open_insar(paths[1], track="asc", options=said)
        assert "eight digits" in str(caught.value)


@given(st.dates(date(1992, 1, 1), date(2060, 1, 1)), st.integers(1, 400), st.integers(2, 40))
def test_dates_of_six_digits_are_never_read_as_another_day(start, step, n):
    days = [start + timedelta(step * k) for k in range(n)]
    for order in ("%y%m%d", "%d%m%y"):
        table = PointTable(Path("a.csv"), "CSV", ("x", "y", *(d.strftime(f"D{order}") for d in days)))
        try:
            found = date_columns([table])
        except AmbiguousError:
            continue
        assert [d for _, d in found] == [d.strftime("%Y%m%d") for d in days]


def test_codes_of_six_digits_are_no_dates():
    assert n_days(["D149900", "D149901"]) == 0
    assert n_days(["D190105", "name"]) == 0


@pytest.mark.parametrize(("letter", "component"), [("U", "vertical"), ("E", "east")])
def test_a_component_is_seen_by_no_satellite(tmp_path, letter, component):
    path = tmp_path / f"EGMS_L3_E45N25_100km_{letter}.csv"
    egms(n=40, level="L3").to_csv(path, index=False)
    told = [s for s in open_insar(path, track="up", options=GRID).attrs["audit"] if s.startswith("geometry: ")]
    assert f"the {component} component of motion" in told[0]
    assert "satellite" not in told[0]
    assert "component" not in in_chinese(told[0])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["p.parquet", "p.gpkg"])
def test_points_that_were_written_are_read_back(tmp_path, name):
    table, path = egms(n=60), tmp_path / f"{NAME}.csv"
    table.to_csv(path, index=False)
    write_points_file([path], tmp_path / name, crs="EPSG:32632", with_series=True)
    said = TrackOptions(posting_m=100.0, units="mm", positive="toward")
    data = open_insar(tmp_path / name, track="asc", options=said)
    write_points_file([path], tmp_path / f"same-{name}", with_series=True)
    same = open_insar(tmp_path / f"same-{name}", track="asc", options=said)
    first = open_insar(path, track="asc", options=GRID)
    assert (data.attrs["product"], data.attrs["crs"], same.attrs["crs"]) == ("points", "EPSG:32632", "EPSG:3035")
    assert float(data["n_points"].sum()) == 60
    for one in ("displacement", "height", "coherence", "los_east"):
        np.testing.assert_allclose(same[one], first[one], atol=1e-6)
    assert any("times column velocity_mm_yr" in s for s in same.attrs["audit"])
    facts = inspect_file(tmp_path / name)
    assert (facts.product, facts.size, facts.problems) == ("points", "60 points", ())
    with pytest.raises(AmbiguousError, match="another unit"):
        open_insar(tmp_path / name, track="asc", options=said.model_copy(update={"units": "cm"}))


def geo_layer(crs: str | None = "EPSG:4326") -> gpd.GeoDataFrame:
    table = egms(n=30)
    columns = table[["pid", *days()]].rename(columns={d: f"D{d}" for d in days()})
    points = gpd.points_from_xy(table["longitude"], table["latitude"])
    return gpd.GeoDataFrame(columns, geometry=points, crs=crs)


@pytest.mark.parametrize("encoding", ["WKB", "geoarrow"])
def test_geoparquet_of_other_programs_is_placed_by_its_geometry(tmp_path, encoding):
    path, layer = tmp_path / "p.parquet", geo_layer()
    layer.loc[4, "geometry"] = None
    layer.to_parquet(path, geometry_encoding=encoding)
    table = open_table(path)
    assert (table.crs, table.has_geometry) == ("EPSG:4326", True)
    frame = next(iter(table.batches([Y, "pid", X])))
    assert list(frame.columns) == [Y, "pid", X]
    there = layer.geometry.notna()
    np.testing.assert_array_equal(frame[X].isna(), ~there)
    np.testing.assert_array_equal(frame[X][there], layer.geometry[there].x)
    np.testing.assert_array_equal(frame[Y][there], layer.geometry[there].y)


@pytest.mark.slow
def test_the_crs_of_geoparquet_is_what_its_metadata_say(tmp_path):
    path = tmp_path / "p.parquet"
    for crs, wanted in ((None, None), ("OGC:CRS84", "EPSG:4326"), ("EPSG:3035", "EPSG:3035")):
        geo_layer(crs).to_parquet(path)
        assert open_table(path).crs == wanted
    local = "+proj=tmerc +lat_0=0 +lon_0=111.3 +ellps=GRS80"
    geo_layer(local).to_parquet(path)
    assert CRS(open_table(path).crs) == CRS(local)
    plain = pq.read_table(path)
    for geo, error in (({"primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB"}}}, None),
                       ({"primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB", "crs": {"a": 1}}}},
                        CrsError), ({"columns": {}}, CorruptFileError)):  # fmt: skip
        pq.write_table(plain.replace_schema_metadata({"geo": json.dumps(geo)}), path)
        if error is None:
            assert open_table(path).crs == "EPSG:4326"
        else:
            with pytest.raises(error):
                open_table(path)


@pytest.mark.slow
def test_egms_tables_with_a_geometry_are_egms_and_polygons_are_no_points(tmp_path):
    table, path = egms(n=40), tmp_path / f"{NAME}.parquet"
    points = gpd.points_from_xy(table["easting"], table["northing"])
    gpd.GeoDataFrame(table, geometry=points, crs=3035).to_parquet(path)
    same_points(path, table)
    assert open_insar(path, track="asc", options=GRID).attrs["product"] == "egms"
    layer = geo_layer("EPSG:3035")
    layer.set_geometry(layer.buffer(10)).to_parquet(path)
    assert not open_table(path).has_geometry
    assert inspect_file(path).problems
