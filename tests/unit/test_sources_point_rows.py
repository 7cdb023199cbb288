"""Rows of point layers that say nothing of the ground, or say it oddly: missing, set aside or taken, and told."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from pyproj import CRS, Transformer

from geo_risk.core.errors import AmbiguousError, CrsError, DataError, LimitError
from geo_risk.sources.audit_words import in_chinese
from geo_risk.sources.insar import open_insar
from geo_risk.sources.options import TrackOptions
from geo_risk.sources.point_crs import metric
from geo_risk.sources.point_ids import hashes, named, repeated
from geo_risk.sources.point_marks import marked, unmoved
from tests.support.points import HEADING, INCIDENCE, days, egms

SAID = TrackOptions(posting_m=100.0, units="mm", positive="toward", incidence_deg=INCIDENCE, heading_deg=HEADING)
RATES = SAID.model_copy(update={"units": "mm/yr"})
DAYS = [f"D{d}" for d in days(8)]


def layer(n: int = 120) -> gpd.GeoDataFrame:
    """Points as radar companies deliver them, on eight dates."""
    table = egms(n, n_dates=8)
    out = table[["pid", "mean_velocity", *days(8)]].rename(
        columns={"pid": "CODE", "mean_velocity": "VEL"} | {d: f"D{d}" for d in days(8)}
    )
    return gpd.GeoDataFrame(out, geometry=gpd.points_from_xy(table["easting"], table["northing"]), crs="EPSG:3035")


def opened(points: gpd.GeoDataFrame, folder, options: TrackOptions = SAID):
    points.to_file(folder / "ps.gpkg")
    return open_insar(folder / "ps.gpkg", track="asc", options=options)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("value", "reason", "chinese"),
    [(0.0, "0 on every date", "各期均为 0"), (7.0, "with one value on every date", "各期为同一数值")],
)
def test_series_that_never_move_are_missing_and_not_still(tmp_path, value, reason, chinese):
    points = layer()
    points.loc[::2, [*DAYS, "VEL"]] = value
    data = opened(points, tmp_path)
    assert float(data["n_points"].sum()) == 60
    said = next(s for s in data.attrs["audit"] if s.startswith("rows:"))
    assert f"60 of 120 set aside (60 {reason})" in said
    assert chinese in in_chinese(said)
    ((english, other),) = data.attrs["warnings"]
    assert f"60 of 120 points say nothing of the ground (60 {reason})" in english
    assert chinese in other
    alone = opened(points.iloc[1::2], tmp_path)
    np.testing.assert_array_equal(
        np.sort(data["displacement"].to_numpy().ravel()), np.sort(alone["displacement"].to_numpy().ravel())
    )


@pytest.mark.slow
def test_a_velocity_of_exactly_0_is_missing_where_it_is_the_result(tmp_path):
    points = layer()[["CODE", "VEL", "geometry"]]
    points.loc[::2, "VEL"] = 0.0
    data = opened(points, tmp_path, RATES)
    assert float(data["n_points"].sum()) == 60
    assert not (data["velocity"].to_numpy() == 0).any()
    assert any("60 with a velocity of exactly 0" in s for s in data.attrs["audit"])


@pytest.mark.slow
@pytest.mark.parametrize("options", [SAID, RATES])
def test_nulls_beyond_a_twentieth_are_missing_and_refuse_nothing(tmp_path, options):
    points = layer() if options is SAID else layer()[["CODE", "VEL", "geometry"]]
    points.loc[::10, [c for c in points.columns if c not in ("CODE", "geometry")]] = np.nan
    data = opened(points, tmp_path, options)
    assert float(data["n_points"].sum()) == 108
    ((english, _),) = data.attrs["warnings"]
    assert "12 of 120 points say nothing of the ground (12 without a value)" in english


@pytest.mark.slow
def test_bad_rows_still_refuse_a_table_beside_missing_ones(tmp_path):
    points = layer()
    points.loc[:40, [*DAYS, "VEL"]] = np.nan
    points.loc[60:69, DAYS[2]] = -9999.0
    with pytest.raises(DataError, match=r"51 of 120 rows cannot be used .*at most 5% may be bad"):
        opened(points, tmp_path)


@pytest.mark.slow
def test_a_table_of_nothing_but_zeros_is_refused(tmp_path):
    points = layer()
    points[[*DAYS, "VEL"]] = 0.0
    with pytest.raises(DataError, match=r"120 of 120 rows cannot be used .120 0 on every date.; there is nothing"):
        opened(points, tmp_path)


def test_what_never_moves_is_told_by_row():
    nan = np.nan
    values = np.array([[0, 0, 0, 0], [0, nan, nan, nan], [2, 2, 2, 2], [2, 2, nan, 2], [0, 1, 0, 0], [nan] * 4])
    zero, constant = unmoved(values)
    np.testing.assert_array_equal(zero, [True, True, False, False, False, False])
    np.testing.assert_array_equal(constant, [False, False, True, False, False, False])


def test_marks_are_told_from_ground_that_passes_by_them():
    rows = {
        (0, -9999.9, 1): True, (0, 9999.99, 1): True, (0, 1e10, 1): True, (0, -1e30, 1): True, (0, -9999, 1): True,
        (-9900, -9999.9, -10100): False, (-950, -999, -1040): False, (0, -999, 0): True, (-8000, -12000, -20000): False,
        (np.nan, -np.inf, 5): False, (-9999.9, -9999.9, 3): True,
    }  # fmt: skip
    np.testing.assert_array_equal(marked(np.array(list(rows), dtype=float)), list(rows.values()))
    assert marked(np.array([[-9999.9]])).all()


@pytest.mark.slow
@pytest.mark.parametrize("mark", [-9999.9, 1e10])
def test_marks_that_are_not_whole_are_set_aside_as_marks(tmp_path, mark):
    points = layer()
    points.loc[::40, DAYS[2:4]] = mark
    data = opened(points, tmp_path)
    assert any("3 of 120 set aside (3 with a mark of missing" in s for s in data.attrs["audit"])


# --- height, coherence, error -----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "name", "good", "odd"),
    [("HEIGHT", "height", 900.0, -9999.0), ("HEIGHT", "height", "900", "-"), ("COHERENCE", "coherence", 0.8, -9999.0),
     ("COHERENCE", "coherence", "0.8", "*"), ("V_STDEV", "velocity_std", 0.3, -9999.0),
     ("V_STDEV", "velocity_std", 0.3, 9999.0), ("V_STDEV", "velocity_std", 0.3, 0.0)],
)  # fmt: skip
def test_what_is_no_height_coherence_or_error_is_missing_and_the_row_is_used(tmp_path, column, name, good, odd):
    points = layer()
    if name == "velocity_std":
        points = points[["CODE", "VEL", "geometry"]]
    points[column] = [odd if i % 5 == 0 else good for i in range(len(points))]
    data = opened(points, tmp_path, RATES if name == "velocity_std" else SAID)
    assert float(data["n_points"].sum()) == 120
    values = data[name].to_numpy()
    np.testing.assert_allclose(values[np.isfinite(values)], float(good), rtol=1e-6)
    said = next(s for s in data.attrs["audit"] if s.startswith(f"column {column}"))
    assert "24 values" in said
    assert "按缺失处理" in in_chinese(said)
    points[column] = odd
    assert name not in opened(points, tmp_path, RATES if name == "velocity_std" else SAID)


@pytest.mark.slow
def test_coherence_in_percent_is_divided_and_bytes_are_refused(tmp_path):
    data = opened(layer().assign(COHERENCE=80), tmp_path)
    assert float(np.nanmax(data["coherence"])) == pytest.approx(0.8)
    said = next(s for s in data.attrs["audit"] if "percent" in s)
    assert "百分数" in in_chinese(said)
    with pytest.raises(DataError, match="coherence in column COHERENCE runs to 200"):
        opened(layer().assign(COHERENCE=200), tmp_path)


# --- unit -------------------------------------------------------------------------------------------------------------


def moving(points: gpd.GeoDataFrame, rate: float) -> gpd.GeoDataFrame:
    """The points at 0.6 to 1 times a rate [mm/yr], and the column that says so."""
    rates = rate * (0.6 + 0.4 * np.random.default_rng(3).random(len(points)))
    t = np.arange(len(DAYS)) * 40 / 365.25
    out = points.rename(columns=dict(zip(DAYS, LATER, strict=True)))
    out[LATER] = rates[:, None] * t
    return out.assign(VEL=rates)


LATER = [f"D{str(np.datetime64('2019-01-05') + 40 * k).replace('-', '')}" for k in range(len(DAYS))]


@pytest.mark.slow
@pytest.mark.parametrize("rate", [-1000.0, -1500.0])
def test_fast_ground_over_a_mine_gets_through_where_millimetres_are_said(tmp_path, rate):
    points = moving(layer(), rate)
    data = opened(points, tmp_path)
    assert float(data["displacement"][-1].min()) < rate / 1000 * 0.6
    assert any("1.00 times column VEL" in s for s in data.attrs["audit"])
    assert any("the ground does not move so" in s for s in data.attrs["audit"])
    rates = opened(points[["CODE", "VEL", "geometry"]], tmp_path, RATES)
    assert float(rates["velocity"].min()) == pytest.approx(points["VEL"].min(), rel=0.2)


@pytest.mark.slow
def test_an_earthquake_of_a_month_gets_through_where_millimetres_are_said(tmp_path):
    points = layer().drop(columns=DAYS[3:])
    points[DAYS[2]] = 300 + 900 * np.random.default_rng(4).random(len(points))
    assert float(opened(points, tmp_path)["displacement"][-1].max()) > 0.8
    opened(points.drop(columns="VEL"), tmp_path)


@pytest.mark.slow
def test_millimetres_called_metres_and_metres_called_millimetres_still_stop(tmp_path):
    points = moving(layer(), -30.0)
    for options in (SAID, RATES):
        said = options.model_copy(update={"units": options.units.replace("mm", "m")})
        given = points if options is SAID else points[["CODE", "VEL", "geometry"]]
        with pytest.raises(AmbiguousError, match=r"a twentieth of the points|is the unit really"):
            opened(given, tmp_path, said)
    still = points.assign(**{d: points[d] / 1000 for d in LATER}).drop(columns="VEL")
    with pytest.raises(AmbiguousError, match="radar is not so quiet"):
        opened(still, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("last", [0.0, np.nan])
def test_a_last_date_that_is_the_reference_or_empty_is_no_empty_frame(tmp_path, last):
    points = moving(layer(), -30.0)
    shifted = points[LATER].sub(points[LATER[-1]], axis=0)
    points[LATER] = shifted
    points[LATER[-1]] = last
    data = opened(points, tmp_path)
    assert float(data["n_points"].sum()) == 120
    assert any(s.startswith("unit: m") for s in data.attrs["audit"])


# --- ids --------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("name", "value"), [("Id", 0), ("CODE", None), ("CODE", "PS")])
def test_a_column_of_ids_that_names_no_points_refuses_nothing(tmp_path, name, value):
    points = layer().rename(columns={"CODE": name})
    points[name] = value
    data = opened(points, tmp_path)
    assert float(data["n_points"].sum()) == 120
    said = [s for s in data.attrs["audit"] if s.startswith("ids:")]
    assert bool(said) == (value is not None)
    assert all("119 of 120 rows" in s and "不能标识各点" in in_chinese(s) for s in said)


@pytest.mark.slow
def test_tiles_numbered_each_from_0_are_one_track_and_a_point_in_both_is_taken_once(tmp_path):
    points = layer()
    parts = [points[:61], points[60:]]
    for k, part in enumerate(parts):
        part.assign(CODE=np.where(part.index == 60, 999, np.arange(len(part)))).to_file(tmp_path / f"{k}.gpkg")
    data = open_insar([tmp_path / "0.gpkg", tmp_path / "1.gpkg"], track="asc", options=SAID)
    assert float(data["n_points"].sum()) == 120
    assert [q["id"] for q in data.attrs["quarantine"]] == ["999"]
    whole = opened(points, tmp_path)
    np.testing.assert_allclose(data["displacement"].to_numpy(), whole["displacement"].to_numpy(), atol=1e-7)


def test_a_null_is_no_id_and_a_few_repeated_ids_are_set_aside():
    ids = np.array(["a", None, " ", np.nan, 7], dtype=object)
    rows = np.array([f"row {i}" for i in range(5)], dtype=object)
    assert named(ids, rows).tolist() == ["a", "row 1", "row 2", "row 3", "7"]
    marks = hashes(np.array(["a", "a", "b", "a", "a", "a"], dtype=object))
    x = np.array([0.0, 0.0, 0.0, 5.0, 5.0, np.nan])
    told, elsewhere = repeated(marks, np.array([0, 0, 0, 0, 1, 1], dtype=np.int32), x, x)
    np.testing.assert_array_equal(told, [False, True, False, False, True, False])
    np.testing.assert_array_equal(elsewhere, [False, False, False, True, False, False])


# --- places -----------------------------------------------------------------------------------------------------------


def shifted(points: gpd.GeoDataFrame, row: int, x: float, y: float) -> gpd.GeoDataFrame:
    """The layer with one point elsewhere."""
    out = points.copy()
    out.loc[[row], "geometry"] = gpd.points_from_xy([x], [y])
    return out


@pytest.mark.parametrize("crs", ["EPSG:3035", "EPSG:4326"])
def test_a_point_at_0_0_is_set_aside(tmp_path, crs):
    data = opened(shifted(layer().to_crs(crs), 5, 0.0, 0.0), tmp_path)
    assert [(q["reason"], q["reason_zh"]) for q in data.attrs["quarantine"]] == [("at coordinates 0, 0", "坐标为 0, 0")]
    assert data.sizes["x"] < 20


@pytest.mark.slow
def test_a_stray_point_is_refused_by_name_and_place(tmp_path):
    points = layer()
    with pytest.raises(LimitError, match=r"too many for 120 points; the one furthest out is 100005aBc at 20, 3.5"):
        opened(shifted(points, 5, 20.0, 3.5), tmp_path)
    many = gpd.GeoDataFrame(pd.concat([points] * 100, ignore_index=True), crs=points.crs)
    many["geometry"] = many.geometry.translate(0.5).where(many.index % 2 == 0, many.geometry)
    many["CODE"] = [f"p{i}" for i in range(len(many))]
    with pytest.raises(LimitError, match=r"the one furthest out is p7 at 20, 3.5"):
        opened(shifted(many, 7, 20.0, 3.5), tmp_path)


@pytest.mark.slow
def test_a_long_line_of_points_is_no_stray_point(tmp_path):
    points = layer(2000)
    along = np.linspace(0, 300_000, len(points))
    line = points.set_geometry(gpd.points_from_xy(4_500_000 + along, 2_500_000 + along), crs="EPSG:3035")
    assert opened(line, tmp_path, SAID.model_copy(update={"posting_m": 50.0})).sizes["x"] == 6001


def in_4547(points: gpd.GeoDataFrame, crs: str, *, prefix: float = 0, is_swapped: bool = False) -> gpd.GeoDataFrame:
    """The layer near 112.6 E, 37.6 N in the zone of 114 E, and a CRS that is said of it."""
    x, y = points.geometry.x - 4_500_000 + 376_000 + prefix, points.geometry.y - 2_500_000 + 4_164_000
    return points.set_geometry(gpd.points_from_xy(y, x) if is_swapped else gpd.points_from_xy(x, y)).set_crs(
        crs, allow_override=True
    )


ESRI = (
    'PROJCS["CGCS2000_3_Degree_GK_CM_114E_local",GEOGCS["GCS_China_Geodetic_Coordinate_System_2000",'
    'DATUM["D_China_2000",SPHEROID["CGCS2000",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],'
    'UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],PARAMETER["False_Easting",500000.0],'
    'PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",114.0],PARAMETER["Scale_Factor",1.0],'
    'PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
)


@pytest.mark.slow
@pytest.mark.parametrize("crs", ["EPSG:4547", ESRI])
def test_coordinates_that_are_not_in_their_crs_are_told_what_they_look_like(tmp_path, crs):
    points = layer()
    assert float(opened(in_4547(points, crs), tmp_path)["n_points"].sum()) == 120
    with pytest.raises(CrsError, match=r"zone number 38(.|\n)*EPSG:4526"):
        opened(in_4547(points, crs, prefix=38e6), tmp_path)
    with pytest.raises(CrsError, match="x and y are swapped"):
        opened(in_4547(points, crs, is_swapped=True), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("crs", ["EPSG:32649", "EPSG:4526", "EPSG:3857", "EPSG:2193", "EPSG:3832"])
def test_coordinates_in_their_crs_get_through(crs):
    area = CRS(crs).area_of_use
    west, east = area.west + 0.1, area.east - 0.1 + (360 if area.east < area.west else 0)
    for lon in (west, east):
        x, y = Transformer.from_crs(4326, crs, always_xy=True).transform(lon, (area.south + area.north) / 2)
        got = metric(np.array([[x, y]]), crs, where="x")
        assert (got[0][0], got[1][0], got[2]) == (x, y, crs)
