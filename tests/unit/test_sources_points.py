"""Tables of points: EGMS and point layers, gridded, audited, and refused where they are broken or leave a question."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path

import geopandas as gpd
import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo_risk.core.errors import (
    AmbiguousError,
    CorruptFileError,
    CrsError,
    DataError,
    LimitError,
    RefusedFileError,
    TimeError,
    UnitError,
)
from geo_risk.sources.audit_words import in_chinese
from geo_risk.sources.checks import inspect_file, inspect_track
from geo_risk.sources.egms import is_egms
from geo_risk.sources.insar import open_insar
from geo_risk.sources.look import look_vector
from geo_risk.sources.options import TrackOptions
from geo_risk.sources.point_cells import CellSums, SetAside, SparseCells
from geo_risk.sources.point_dates import date_columns
from geo_risk.sources.point_files import column, is_points
from geo_risk.sources.point_tables import numbers, open_table
from geo_risk.sources.points import ask_posting
from tests.support.points import BOTTOM, HEADING, INCIDENCE, LEFT, cell_means, days, egms

GRID = TrackOptions(posting_m=100.0)


def csv(table: pd.DataFrame, folder: Path, name: str = "EGMS_L2b_015_0297_IW2_VV.csv") -> Path:
    table.to_csv(folder / name, index=False)
    return folder / name


@pytest.mark.slow
def test_cells_hold_the_means_pandas_finds(tmp_path):
    table = egms()
    data = open_insar(csv(table, tmp_path), track="asc", options=GRID).compute()
    assert data.attrs["product"] == "egms"
    assert data.attrs["crs"] == "EPSG:3035"
    dates = days()
    wanted = cell_means(table, dates, 100.0)
    got = data["displacement"].to_numpy() * 1000
    assert float(data["n_points"].sum()) == len(table)
    assert np.isfinite(got[0]).sum() == len(wanted)
    for (row, col), means in wanted.iterrows():
        here = data.sel(y=(row + 0.5) * 100, x=(col + 0.5) * 100)
        np.testing.assert_allclose(here["displacement"].to_numpy() * 1000, means[dates], atol=2e-4)
    size = table.groupby([np.floor(table["northing"] / 100), np.floor(table["easting"] / 100)]).size()
    np.testing.assert_array_equal(np.sort(data["n_points"].to_numpy()[np.isfinite(got[0])]), np.sort(size))


@pytest.mark.slow
def test_standard_error_is_the_spread_of_the_points_over_their_root(tmp_path):
    table = egms(n=400)
    data = open_insar(csv(table, tmp_path), track="asc", options=GRID).compute()
    dates = days()
    keys = [np.floor(table["northing"] / 100), np.floor(table["easting"] / 100)]
    for (row, col), part in table.groupby(keys):
        got = float(data["displacement_se"].sel(y=(row + 0.5) * 100, x=(col + 0.5) * 100)) * 1000
        values = part[dates].to_numpy()
        if len(values) == 1:
            assert np.isnan(got)
            continue
        spread = np.sqrt(((values - values.mean(axis=0)) ** 2).sum() / ((len(values) - 1) * len(dates)))
        assert got == pytest.approx(spread / np.sqrt(len(values)), rel=1e-3)


@pytest.mark.slow
def test_audit_has_a_sentence_for_unit_sign_place_geometry_and_registration(tmp_path):
    data = open_insar(csv(egms(), tmp_path), track="asc", options=GRID)
    said = "\n".join(data.attrs["audit"])
    for word in ("unit: m", "toward the satellite", "from latitude, longitude", "times column mean_velocity",
                 "right-looking ascending", "registration", "gridded: 600 points"):  # fmt: skip
        assert word in said
    np.testing.assert_allclose(
        [float(data[f"los_{n}"].mean()) for n in ("east", "north", "up")], look_vector(INCIDENCE, HEADING), atol=1e-6
    )


@pytest.mark.slow
def test_parquet_and_csv_give_the_same_bits(tmp_path):
    table = egms()
    table.to_parquet(tmp_path / "e.parquet")
    one, two = (open_insar(p, track="asc", options=GRID) for p in (csv(table, tmp_path), tmp_path / "e.parquet"))
    for name in one.data_vars:
        np.testing.assert_array_equal(one[name].to_numpy(), two[name].to_numpy())


@pytest.mark.slow
def test_several_files_of_a_track_are_one_table(tmp_path):
    table = egms()
    paths = [csv(table[:250], tmp_path, "a.csv"), csv(table[250:], tmp_path, "b.csv")]
    whole = open_insar(csv(table, tmp_path), track="asc", options=GRID)
    parts = open_insar(paths, track="asc", options=GRID)
    np.testing.assert_allclose(parts["displacement"].to_numpy(), whole["displacement"].to_numpy(), atol=1e-7)
    other = table.rename(columns={days()[3]: "20190301"})
    with pytest.raises(TimeError, match="other dates"):
        open_insar([paths[0], csv(other, tmp_path, "c.csv")], track="asc", options=GRID)


@pytest.mark.slow
def test_small_batches_change_nothing(tmp_path, monkeypatch):
    table = egms()
    table.loc[7, days()[5]] = np.nan
    path = csv(table, tmp_path)
    whole = open_insar(path, track="asc", options=GRID)
    monkeypatch.setattr("geo_risk.sources.point_tables.BATCH_VALUES", 1000)
    small = open_insar(path, track="asc", options=GRID)
    np.testing.assert_allclose(small["displacement"].to_numpy(), whole["displacement"].to_numpy(), atol=1e-7)
    np.testing.assert_array_equal(small["n_points"].to_numpy(), whole["n_points"].to_numpy())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "vector"),
    [
        ("EGMS_L3_E45N25_100km_U_2018_2022_1.csv", {}, (0, 0, 1)),
        ("EGMS_L3_E45N25_100km_E_2018_2022_1.csv", {}, (1, 0, 0)),
        ("some.csv", {"component": "vertical"}, (0, 0, 1)),
    ],
)
def test_ortho_tables_are_up_or_east(tmp_path, name, options, vector):
    path = csv(egms(level="L3"), tmp_path, name)
    data = open_insar(path, track="up", options=TrackOptions(posting_m=100.0, **options))
    found = [np.nanmean(data[f"los_{n}"]) for n in ("east", "north", "up")]
    np.testing.assert_array_equal(found, vector)


def test_ortho_without_a_component_asks_and_a_contradiction_stops(tmp_path):
    with pytest.raises(AmbiguousError, match="vertical, or east"):
        open_insar(csv(egms(level="L3"), tmp_path, "some.csv"), track="up", options=GRID)
    said = TrackOptions(posting_m=100.0, component="east")
    with pytest.raises(AmbiguousError, match="file name says vertical"):
        open_insar(csv(egms(level="L3"), tmp_path, "EGMS_L3_E45N25_100km_U.csv"), track="up", options=said)
    with pytest.raises(AmbiguousError, match="look vectors"):
        open_insar(csv(egms(), tmp_path), track="up", options=said)


def test_points_without_a_posting_ask_for_it(tmp_path):
    with pytest.raises(AmbiguousError, match="cells of what size"):
        open_insar(csv(egms(), tmp_path), track="asc")
    assert ask_posting(50.0, track="a", n_dates=3) == 50.0


def broken(table: pd.DataFrame, case: str) -> pd.DataFrame:
    """Break three rows of a table in one way."""
    out = table.copy()
    first = days()[0]
    if case == "text":
        out[first] = out[first].astype(object)
        out.loc[[3, 4, 5], first] = "n/d"
    elif case == "text in a coordinate":
        out["easting"] = out["easting"].astype(object)
        out.loc[[3, 4, 5], "easting"] = "E451"
    elif case == "doubled id":
        out.loc[[3, 4, 5], "pid"] = out.loc[0, "pid"]
    elif case == "mark":
        out.loc[[3, 4, 5], first] = -9999.0
    elif case == "no value":
        out.loc[[3, 4, 5], days()] = np.nan
    elif case == "look":
        out.loc[[3, 4, 5], "los_up"] *= 1.2
    return out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("text", "text in a column of numbers"),
        ("text in a coordinate", "text among the coordinates"),
        ("doubled id", "id that came before"),
        ("mark", "-9999"),
        ("no value", "without a value"),
        ("look", "not of unit length"),
    ],
)
def test_single_bad_rows_are_set_aside_with_reason_and_counted(tmp_path, case, reason):
    table = egms()
    data = open_insar(csv(broken(table, case), tmp_path), track="asc", options=GRID)
    assert float(data["n_points"].sum()) == len(table) - 3
    assert any("3 of 600 set aside" in s and reason in s for s in data.attrs["audit"])
    assert len(data.attrs["quarantine"]) == 3
    assert all(reason in q["reason"] for q in data.attrs["quarantine"])
    assert all("一" <= q["reason_zh"][0] <= "鿿" for q in data.attrs["quarantine"])
    clean = open_insar(csv(table.drop(index=[3, 4, 5]), tmp_path, "clean.csv"), track="asc", options=GRID)
    np.testing.assert_allclose(data["displacement"].to_numpy(), clean["displacement"].to_numpy(), atol=1e-7)


@pytest.mark.slow
def test_texts_in_a_parquet_column_are_set_aside_too(tmp_path):
    table = egms()
    first = days()[0]
    table[first] = table[first].astype(str)
    table.loc[[3, 4, 5], first] = "n/d"
    table.to_parquet(tmp_path / "e.parquet")
    data = open_insar(tmp_path / "e.parquet", track="asc", options=GRID)
    assert float(data["n_points"].sum()) == len(table) - 3
    clean = open_insar(csv(egms().drop(index=[3, 4, 5]), tmp_path, "clean.csv"), track="asc", options=GRID)
    np.testing.assert_allclose(data["displacement"].to_numpy(), clean["displacement"].to_numpy(), atol=1e-7)


@pytest.mark.slow
def test_a_table_that_is_bad_all_over_is_refused(tmp_path):
    table = egms()
    table[days()[0]] = "text"
    with pytest.raises(DataError, match="600 of 600 rows cannot be used"):
        open_insar(csv(table, tmp_path), track="asc", options=GRID)
    table = egms()
    table[["los_east", "los_north", "los_up"]] *= 1.2
    with pytest.raises(DataError, match="not of unit length"):
        open_insar(csv(table, tmp_path), track="asc", options=GRID)


@pytest.mark.slow
def test_metres_in_a_table_of_millimetres_and_a_turned_sign_are_seen(tmp_path):
    table = egms()
    with pytest.raises(AmbiguousError, match="another unit"):
        open_insar(csv(table.assign(**{d: table[d] / 1000 for d in days()}), tmp_path), track="asc", options=GRID)
    with pytest.raises(AmbiguousError, match="another sign"):
        open_insar(csv(table.assign(**{d: -table[d] for d in days()}), tmp_path), track="asc", options=GRID)
    with pytest.raises(AmbiguousError, match="descending"):
        open_insar(csv(table.assign(track_angle=191.0), tmp_path), track="asc", options=GRID)


@pytest.mark.slow
def test_coordinates_are_checked_against_latitude_and_longitude(tmp_path):
    table = egms()
    swapped = table.rename(columns={"easting": "northing", "northing": "easting"})
    with pytest.raises(AmbiguousError, match="easting and northing are swapped"):
        open_insar(csv(swapped, tmp_path), track="asc", options=GRID)
    turned = table.rename(columns={"latitude": "longitude", "longitude": "latitude"})
    with pytest.raises(AmbiguousError, match="latitude and longitude are swapped"):
        open_insar(csv(turned, tmp_path), track="asc", options=GRID)
    said = TrackOptions(posting_m=100.0, crs="EPSG:4547")
    with pytest.raises(AmbiguousError, match="lie"):
        open_insar(csv(table, tmp_path), track="asc", options=said)
    far = egms(level="L3").assign(easting=lambda t: t["easting"] + 9e6)
    with pytest.raises(AmbiguousError, match="outside the area"):
        open_insar(csv(far, tmp_path, "EGMS_L3_x_U.csv"), track="up", options=GRID)


@pytest.mark.slow
@pytest.mark.parametrize(("old", "new"), [("20190117", "20190105"), ("20190117", "20191345")])
def test_doubled_and_impossible_dates_are_refused(tmp_path, old, new):
    table = egms()
    table.columns = [new if c == old else c for c in table.columns]
    with pytest.raises(TimeError, match=r"doubled|YYYYMMDD"):
        open_insar(csv(table, tmp_path), track="asc", options=GRID)


def test_one_date_is_no_series(tmp_path):
    table = egms(n_dates=1)
    with pytest.raises(TimeError, match="1 date"):
        open_insar(csv(table, tmp_path), track="asc", options=GRID)


def test_disguised_truncated_and_endless_files_are_refused(tmp_path):
    path = tmp_path / "EGMS_L2b.csv"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "pid,easting,northing,mean_velocity,20190105\n")
    with pytest.raises(RefusedFileError, match="no InSAR product"):
        open_insar(path, track="asc", options=GRID)
    path.write_bytes(pickle.dumps(egms(n=5)))
    with pytest.raises(RefusedFileError, match="no InSAR product"):
        open_insar(path, track="asc", options=GRID)
    path.write_bytes(b"pid," + b"20190105," * 200_000)
    with pytest.raises(LimitError, match="first line"):
        open_insar(path, track="asc", options=GRID)
    egms().to_parquet(tmp_path / "e.parquet")
    whole = (tmp_path / "e.parquet").read_bytes()
    (tmp_path / "e.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CorruptFileError):
        open_insar(tmp_path / "e.parquet", track="asc", options=GRID)


def test_a_ragged_row_is_named_as_corrupt(tmp_path):
    path = csv(egms(n=20), tmp_path)
    path.write_text(path.read_text() + f"1,2,3,4,{LEFT},{BOTTOM}" + ",9" * 200 + "\n")
    with pytest.raises(CorruptFileError, match="does not read to its end"):
        open_insar(path, track="asc", options=GRID)


@pytest.mark.parametrize("kept", [slice(None), slice(0, 18)])
def test_a_comma_at_the_end_of_each_row_moves_no_column(tmp_path, kept):
    table = egms(n=20).iloc[:, kept]
    path = csv(table, tmp_path)
    plain = next(iter(open_table(path).batches(list(table.columns))))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], *(f"{line}," for line in lines[1:])]) + "\n")
    pd.testing.assert_frame_equal(next(iter(open_table(path).batches(list(table.columns)))), plain)
    path.write_text("\n".join([lines[0], *(f"{line},8.5" for line in lines[1:])]) + "\n")
    for columns in (["pid", "easting"], list(table.columns)):
        with pytest.raises(CorruptFileError, match="fields where the header names"):
            next(iter(open_table(path).batches(columns)))


def test_a_grid_beyond_the_limit_is_refused(tmp_path):
    table = egms(n=20)
    far = table.iloc[[0]].assign(pid="far", easting=LEFT - 3.5e6, northing=BOTTOM + 3e6)
    path = csv(pd.concat([table, far]).drop(columns=["latitude", "longitude"]), tmp_path)
    with pytest.raises(LimitError, match="too many"):
        open_insar(path, track="asc", options=TrackOptions(posting_m=5.0))


# --- point layers -----------------------------------------------------------------------------------------------------

SAID = TrackOptions(posting_m=100.0, units="mm", positive="toward", incidence_deg=INCIDENCE, heading_deg=HEADING)


def layer(table: pd.DataFrame, *, crs: str = "EPSG:3035") -> gpd.GeoDataFrame:
    """Points as radar companies deliver them: CODE, HEIGHT, VEL, V_STDEV, COHERENCE, D20190105..."""
    dates = days()
    out = table[["pid", "height", "mean_velocity", "temporal_coherence", *dates]].rename(
        columns={"pid": "CODE", "height": "HEIGHT", "mean_velocity": "VEL", "temporal_coherence": "COHERENCE"}
        | {d: f"D{d}" for d in dates}
    )
    out.insert(3, "V_STDEV", 0.3)
    return gpd.GeoDataFrame(out, geometry=gpd.points_from_xy(table["easting"], table["northing"]), crs=crs)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ps.shp", "ps.gpkg"])
def test_layers_of_points_agree_with_the_table_they_came_from(tmp_path, name):
    table = egms()
    layer(table).to_file(tmp_path / name)
    data = open_insar(tmp_path / name, track="asc", options=SAID)
    assert data.attrs["product"] == "points"
    same = open_insar(csv(table, tmp_path), track="asc", options=GRID)
    np.testing.assert_allclose(data["displacement"].to_numpy(), same["displacement"].to_numpy(), atol=1e-6)
    np.testing.assert_allclose(data["los_up"].to_numpy(), same["los_up"].to_numpy(), atol=1e-6)
    np.testing.assert_allclose(data["coherence"].to_numpy(), same["coherence"].to_numpy(), atol=1e-6)


@pytest.mark.slow
def test_a_gbk_shapefile_without_cpg_is_read(tmp_path):
    points = layer(egms(n=50)).rename(columns={"CODE": "编号"})
    points["编号"] = [f"监测点{i}" for i in range(50)]
    points.to_file(tmp_path / "点.shp", encoding="GBK")
    (tmp_path / "点.cpg").unlink()
    data = open_insar(tmp_path / "点.shp", track="asc", options=SAID)
    assert float(data["n_points"].sum()) == 50
    points.loc[3, "编号"] = "监测点0"
    points.to_file(tmp_path / "点.shp", encoding="GBK")
    (tmp_path / "点.cpg").unlink()
    data = open_insar(tmp_path / "点.shp", track="asc", options=SAID)
    assert data.attrs["quarantine"] == [
        {"id": "监测点0", "reason": "with an id that came before", "reason_zh": "编号重复"}
    ]


@pytest.mark.slow
def test_degrees_are_brought_to_metres(tmp_path):
    layer(egms()).to_crs("EPSG:4490").to_file(tmp_path / "ps.gpkg")
    data = open_insar(tmp_path / "ps.gpkg", track="asc", options=SAID)
    assert data.attrs["crs"].startswith("EPSG:326")
    assert float(data["n_points"].sum()) == 600


@pytest.mark.slow
@pytest.mark.parametrize(
    ("drop", "error", "text"),
    [
        ({"units": None}, AmbiguousError, "bare numbers"),
        ({"positive": None}, AmbiguousError, "toward the satellite, or away"),
        ({"incidence_deg": None}, AmbiguousError, "which direction"),
        ({"posting_m": None}, AmbiguousError, "what size"),
        ({"units": "radian"}, UnitError, "radian"),
        ({"crs": "EPSG:4547"}, CrsError, "the config says"),
        ({"component": "vertical"}, AmbiguousError, "both given"),
    ],
)
def test_what_a_layer_does_not_say_is_asked_for(tmp_path, drop, error, text):
    layer(egms(n=60)).to_file(tmp_path / "ps.gpkg")
    with pytest.raises(error, match=text):
        open_insar(tmp_path / "ps.gpkg", track="asc", options=SAID.model_copy(update=drop))


def test_all_questions_are_asked_at_once(tmp_path):
    layer(egms(n=60)).to_file(tmp_path / "ps.gpkg")
    with pytest.raises(AmbiguousError, match=r"3 problems: .*which direction.*bare numbers.*what size"):
        open_insar(tmp_path / "ps.gpkg", track="asc")


@pytest.mark.slow
def test_sign_and_unit_of_the_config_are_used(tmp_path):
    layer(egms()).to_file(tmp_path / "ps.gpkg")
    toward = open_insar(tmp_path / "ps.gpkg", track="asc", options=SAID)
    away = open_insar(tmp_path / "ps.gpkg", track="asc", options=SAID.model_copy(update={"positive": "away"}))
    np.testing.assert_allclose(away["displacement"].to_numpy(), -toward["displacement"].to_numpy())
    with pytest.raises(AmbiguousError, match="a twentieth of the points"):
        open_insar(tmp_path / "ps.gpkg", track="asc", options=SAID.model_copy(update={"units": "m"}))


@pytest.mark.slow
def test_a_layer_of_velocities_is_a_velocity_product(tmp_path):
    table = egms()
    table = table[table["mean_velocity"] != 0]
    points = layer(table)
    points[["CODE", "VEL", "V_STDEV", "geometry"]].to_file(tmp_path / "v.gpkg")
    data = open_insar(tmp_path / "v.gpkg", track="asc", options=SAID.model_copy(update={"units": "mm/yr"}))
    assert "displacement" not in data
    wanted = cell_means(table, ["mean_velocity"], 100.0)["mean_velocity"]
    got = data["velocity"].to_numpy()
    np.testing.assert_allclose(np.sort(got[np.isfinite(got)]), np.sort(wanted), atol=1e-4)
    np.testing.assert_allclose(np.nanmax(data["velocity_std"]), 0.3, rtol=1e-6)


RATE = SAID.model_copy(update={"units": "mm/yr", "crs": "EPSG:3035"})


@pytest.mark.parametrize("name", ["VEL", "VLOS", "vel_los", "MEAN_VEL", "mean_veloc", "v_mean", "年均速率", "沉降速率"])
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_of_coordinates_and_a_velocity_is_a_velocity_product(tmp_path, name, suffix):
    table = egms(n=60)
    points = table[["pid", "easting", "northing", "mean_velocity"]].rename(columns={"mean_velocity": name})
    path = tmp_path / f"v{suffix}"
    points.to_csv(path, index=False) if suffix == ".csv" else points.to_parquet(path)
    data = open_insar(path, track="asc", options=RATE)
    wanted = cell_means(table, ["mean_velocity"], 100.0)["mean_velocity"]
    got = data["velocity"].to_numpy()
    np.testing.assert_allclose(np.sort(got[np.isfinite(got)]), np.sort(wanted), atol=1e-4)
    told = inspect_file(path)
    assert (told.product, told.size, told.problems) == ("points", "60 points", ())
    assert any(name in n and "velocity" in n for n in told.notes)


@pytest.mark.parametrize(
    ("crs", "further"),
    [
        ("EPSG:4326", {"easting": "easting", "northing": "northing", "longitude": "longitude", "latitude": "latitude"}),
        ("EPSG:4326", {"longitude": "lon", "northing": "northing", "latitude": "lat"}),
        ("EPSG:4326", {"longitude": "LON", "latitude": "LAT", "line": "X", "pixel": "Y"}),
        ("EPSG:3035", {"longitude": "lon", "latitude": "lat", "easting": "X", "northing": "Y"}),
        ("EPSG:3035", {"longitude": "经度", "latitude": "纬度", "easting": "东坐标", "northing": "北坐标"}),
    ],
)
def test_coordinates_are_taken_as_the_pair_that_fits_the_crs(tmp_path, crs, further):
    table = egms(n=60)
    names = {"pid": "CODE", "mean_velocity": "VEL", **further}
    table[[*names]].rename(columns=names).to_csv(tmp_path / "v.csv", index=False)
    data = open_insar(tmp_path / "v.csv", track="asc", options=RATE.model_copy(update={"crs": crs}))
    assert float(data["n_points"].sum()) == 60
    size = data["velocity"].shape
    assert max(size) <= 13


@pytest.mark.slow
def test_velocities_that_are_vertical_by_their_name_are_not_taken_along_the_line_of_sight(tmp_path):
    path, up = tmp_path / "v.csv", RATE.model_copy(update={"positive": None, "incidence_deg": None, "heading_deg": None,
                                                           "component": "vertical"})  # fmt: skip
    points = egms(n=60)[["pid", "easting", "northing", "mean_velocity"]]
    points.rename(columns={"mean_velocity": "VEL_V"}).to_csv(path, index=False)
    with pytest.raises(AmbiguousError, match="vertical velocity by its name"):
        open_insar(path, track="asc", options=RATE)
    plain = open_insar(path, track="asc", options=up)["velocity"].to_numpy()
    assert np.nanmin(plain) < -15
    # a rate of settlement may be positive down: that is asked, and the answer is used
    points.assign(mean_velocity=-points["mean_velocity"]).rename(columns={"mean_velocity": "沉降速率"}).to_csv(
        path, index=False)  # fmt: skip
    with pytest.raises(AmbiguousError, match="rises, or that it settles"):
        open_insar(path, track="asc", options=up)
    settled = open_insar(path, track="asc", options=up.model_copy(update={"positive": "away"}))
    np.testing.assert_allclose(settled["velocity"].to_numpy(), plain, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "in_file", "velocity", "unit"),
    [("mm", 1.0, 0.1, "cm/yr"), ("mm", 1.0, 0.001, "m/yr"), ("cm", 0.1, 0.001, "m/yr"), ("m", 0.001, 0.1, "cm/yr")],
)
def test_a_velocity_in_a_unit_of_its_own_is_evidence_of_that_unit(tmp_path, said, in_file, velocity, unit):
    points = layer(egms(n=60))
    points["VEL"] *= velocity
    points[[f"D{d}" for d in days()]] *= in_file
    points.to_file(tmp_path / "ps.gpkg")
    data = open_insar(tmp_path / "ps.gpkg", track="asc", options=SAID.model_copy(update={"units": said}))
    (told,) = [s for s in data.attrs["audit"] if "that column is in" in s]
    assert told.endswith(unit)
    assert in_chinese(told).endswith(f"该列单位为 {unit}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "velocity", "name"), [("mm", -0.1, "VEL"), ("mm", 0.01, "VEL"), ("cm", 0.1, "VEL"), ("mm", 10, "VEL"),
                                   ("mm", 0.1, "velocity_mm_yr")]
)  # fmt: skip
def test_other_factors_stay_a_question(tmp_path, said, velocity, name):
    points = layer(egms(n=60)).rename(columns={"VEL": name})
    points[name] *= velocity
    points.to_file(tmp_path / "ps.gpkg")
    with pytest.raises(AmbiguousError, match="times what column"):
        open_insar(tmp_path / "ps.gpkg", track="asc", options=SAID.model_copy(update={"units": said}))


@pytest.mark.slow
def test_of_one_date_and_a_velocity_the_velocity_is_used(tmp_path):
    points = layer(egms(n=60)).drop(columns=[f"D{d}" for d in days()[1:]])
    points.to_file(tmp_path / "ps.gpkg")
    data = open_insar(tmp_path / "ps.gpkg", track="asc", options=SAID.model_copy(update={"units": "mm/yr"}))
    assert "displacement" not in data
    (told,) = [s for s in data.attrs["audit"] if s.startswith("dates: ")]
    assert in_chinese(told) == f"日期：仅有 D{days()[0]} 一期，不成序列；以列 VEL 作为形变"
    with pytest.raises(AmbiguousError, match="mm/yr or m/yr"):
        open_insar(tmp_path / "ps.gpkg", track="asc", options=SAID.model_copy(update={"units": None}))
    assert inspect_file(tmp_path / "ps.gpkg").dates == ""
    points.drop(columns="VEL").to_file(tmp_path / "one.gpkg")
    with pytest.raises(TimeError, match="1 date"):
        open_insar(tmp_path / "one.gpkg", track="asc", options=SAID)


@pytest.mark.slow
def test_a_settlement_rate_is_no_evidence_of_the_sign_of_displacements(tmp_path):
    points = layer(egms(n=60)).rename(columns={"VEL": "沉降速率"})
    points["沉降速率"] *= -1
    points.to_file(tmp_path / "ps.gpkg")
    assert open_insar(tmp_path / "ps.gpkg", track="asc", options=SAID).sizes["time"] == 24


def test_what_is_no_table_of_points_is_told_with_what_to_do(tmp_path):
    points, crs = egms(n=20), TrackOptions(crs="EPSG:3035")
    for columns, said in (
        (["pid", "easting", "northing", "height"], "vlos, vel_los"),
        (["pid", "mean_velocity", *days()], "easting, northing; 东坐标"),
    ):
        points[columns].to_csv(tmp_path / "a.csv", index=False)
        with pytest.raises(RefusedFileError, match="no InSAR product: it has no ") as caught:
            open_insar(tmp_path / "a.csv", track="asc", options=crs)
        assert said in str(caught.value)


@pytest.mark.slow
def test_a_shapefile_without_its_parts_or_prj_stops(tmp_path):
    layer(egms(n=30)).to_file(tmp_path / "ps.shp")
    (tmp_path / "ps.prj").unlink()
    with pytest.raises(CrsError, match="no CRS"):
        open_insar(tmp_path / "ps.shp", track="asc", options=SAID)
    data = open_insar(tmp_path / "ps.shp", track="asc", options=SAID.model_copy(update={"crs": "EPSG:3035"}))
    assert data.attrs["crs"] == "EPSG:3035"
    with pytest.raises(CrsError, match="does not fit"):
        open_insar(tmp_path / "ps.shp", track="asc", options=SAID.model_copy(update={"crs": "EPSG:4326"}))
    (tmp_path / "ps.dbf").unlink()
    (tmp_path / "ps.cpg").unlink()
    with pytest.raises(CorruptFileError, match=r"no \.dbf"):
        open_insar(tmp_path / "ps.shp", track="asc", options=SAID)


@pytest.mark.slow
def test_info_and_check_tell_tables_of_points(tmp_path):
    path = csv(egms(), tmp_path)
    facts = inspect_file(path)
    assert (facts.product, facts.problems, facts.crs) == ("egms", (), "EPSG:3035")
    assert any("posting_m" in n for n in facts.notes)
    asked = inspect_track([path], key="inputs.insar[0] (asc)")
    assert "what size" in asked.problems[0][0]
    assert inspect_track([path], key="inputs.insar[0] (asc)", options=GRID).problems == ()
    layer(egms()).to_file(tmp_path / "ps.gpkg")
    told = inspect_file(tmp_path / "ps.gpkg")
    assert (told.product, told.size, told.problems) == ("points", "600 points", ())
    plain = layer(egms())[["CODE", "geometry"]]
    plain.to_file(tmp_path / "villages.gpkg")
    assert inspect_file(tmp_path / "villages.gpkg").product == "Point"


def test_recognition_is_by_columns(tmp_path):
    path = csv(egms(n=5), tmp_path, "anything.txt")
    assert is_egms([path])
    assert not is_egms([])
    other = tmp_path / "towns.csv"
    other.write_text("name,x,y,people\na,1,2,3\n")
    assert not is_egms([other])
    assert not is_points([other])
    table = open_table(path)
    assert table is not None
    assert column(table, "height") == "height"
    assert column(table, "los_up") == "los_up"
    assert [d for _, d in date_columns([table])] == days()


# --- pieces -----------------------------------------------------------------------------------------------------------

value = st.floats(-50, 50) | st.just(np.nan)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.lists(value, min_size=3, max_size=3)), min_size=1, max_size=30),
       st.integers(1, 30))  # fmt: skip
def test_sums_over_cells_are_means_whatever_the_batches(rows, cut):
    cells = np.array([c for c, _ in rows])
    series = np.array([s for _, s in rows])
    sums = CellSums(6, 3, ("m",))
    for part in (slice(0, cut), slice(cut, None)):
        sums.add(cells[part], series[part], {"m": series[part, 0]})
    sums.finish()
    for cell in range(6):
        mine = series[cells == cell]
        known = np.isfinite(mine)
        n = known.sum(axis=0)
        total = np.where(known, mine, 0).sum(axis=0)
        wanted = np.where(n > 0, total / np.maximum(n, 1), np.nan)
        np.testing.assert_allclose(sums.sums[cell], wanted, atol=1e-4)
        assert sums.n_points[cell] == len(mine)
        np.testing.assert_allclose(sums.maps["m"][cell], wanted[0], atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(
    st.sets(st.integers(0, 47), max_size=20), st.integers(0, 5), st.integers(0, 7), st.integers(1, 6), st.integers(1, 8)
)
def test_a_window_of_sparse_cells_is_the_window_of_the_dense_array(keys, r, c, n_r, n_c):
    held = np.array(sorted(keys), dtype=np.int64)
    values = np.arange(len(held) * 2, dtype=np.float32).reshape(-1, 2)
    dense = np.full((2, 6, 8), np.nan, dtype=np.float32)
    dense.reshape(2, -1)[:, held] = values.T
    window = (slice(0, 2), slice(r, r + n_r), slice(c, c + n_c))
    np.testing.assert_array_equal(SparseCells(held, values, (6, 8))[window], dense[window])
    np.testing.assert_array_equal(SparseCells(held, values[:, 0], (6, 8))[window[1:]], dense[0][window[1:]])
    np.testing.assert_array_equal(SparseCells(held, values, (6, 8)).lazy(2).compute(), dense)


def test_numbers_flag_texts_and_keep_gaps():
    frame = pd.DataFrame({"a": ["1", " ", "x", None], "b": [1.0, 2.0, np.nan, 4.0]})
    values, bad = numbers(frame, ["a", "b"])
    np.testing.assert_array_equal(bad, [False, False, True, False])
    np.testing.assert_array_equal(values[:, 0], [1, np.nan, np.nan, np.nan])


def test_set_aside_counts_and_refuses_beyond_its_share():
    aside = SetAside()
    assert aside.check(10, where="x") is None
    aside.add(np.array(["a", "b"], dtype=object), np.array([True, False]), "for a reason")
    assert "1 of 100" in str(aside.check(100, where="x"))
    with pytest.raises(DataError, match="1 of 10 rows"):
        aside.check(10, where="x")


@given(st.floats(15, 60), st.floats(-180, 180))
def test_look_vectors_are_unit_and_perpendicular_to_the_flight(incidence, heading):
    e, n, u = look_vector(incidence, heading)
    assert e * e + n * n + u * u == pytest.approx(1)
    along = np.sin(np.deg2rad(heading)), np.cos(np.deg2rad(heading))
    assert e * along[0] + n * along[1] == pytest.approx(0, abs=1e-12)
    # the satellite is to the left of its heading's right side: the ground lies to the right
    assert e * along[1] - n * along[0] < 0


@pytest.mark.slow
def test_a_table_of_points_flows_through_the_velocity_step(tmp_path):
    from geo_risk.flow.steps.deformation import write_velocity
    from geo_risk.hazards.deformation.params import VelocityParams
    from geo_risk.sources.native import native_facts

    table = egms()
    table.loc[[3, 4], days()[0]] = -9999.0
    out = {n: tmp_path / n for n in ("out.h5", "facts.json", "correction.nc")}
    plain = {
        "reference": "as_given",
        "atmosphere": "none",
        "annual": "never",
        "drop_jumps": False,
        "date_weights": False,
    }
    write_velocity(
        files=[csv(table, tmp_path)],
        geometry=None,
        coherence=None,
        gacos=None,
        out=out["out.h5"],
        facts=out["facts.json"],
        correction=out["correction.nc"],
        track="asc",
        options=GRID,
        params=VelocityParams(**plain),
        maximum_sigma_mm_yr=15.0,
    )
    with h5py.File(out["out.h5"]) as file:
        got, n = file["velocity"][:], file["n_points"][:]
    assert n[np.isfinite(n)].sum() == len(table) - 2
    wanted = np.full(got.shape, np.nan)
    top, left = BOTTOM + 800, LEFT
    for (row, col), mean in cell_means(table.drop(index=[3, 4]), ["mean_velocity"], 100.0)["mean_velocity"].items():
        wanted[round((top - row * 100) / 100) - 1, round(col - left / 100)] = mean
    # 1 mm of noise on 24 dates of nine months is 0.9 mm/yr a point
    np.testing.assert_allclose(got, wanted, atol=3.0)
    assert np.nanmedian(got[:, 3:6]) == pytest.approx(-20, abs=0.5)
    facts = json.loads(out["facts.json"].read_text(encoding="utf-8"))
    assert [q["id"] for q in facts["quarantine"]] == ["100003aBc", "100004aBc"]
    assert native_facts(out["out.h5"])["posting_m"] == 100
