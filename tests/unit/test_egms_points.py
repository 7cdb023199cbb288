"""EGMS tables as points: what is kept, what is set aside, files of both kinds, the command, and bounded batches."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geo_risk.core.errors import AmbiguousError, CrsError, DataError, DiskFullError, LimitError, RefusedFileError
from geo_risk.flow.points_file import write_points_file
from geo_risk.publish import points_file as module
from geo_risk.publish.points_file import points_file
from geo_risk.sources import point_tables
from geo_risk.sources.egms_points import open_egms_points, read_egms_points
from geo_risk.sources.options import TrackOptions
from tests.support.points import days, egms


def csv(table: pd.DataFrame, folder: Path, name: str = "EGMS_L2b_088_0282_IW2_VV.csv") -> Path:
    table.to_csv(folder / name, index=False)
    return folder / name


def parquet(table: pd.DataFrame, folder: Path) -> Path:
    table.to_parquet(folder / "egms.parquet")
    return folder / "egms.parquet"


@pytest.mark.parametrize("write", [csv, parquet])
def test_points_are_those_of_the_table(tmp_path, write):
    table = egms(n=300)
    got = read_egms_points([write(table, tmp_path)])
    assert got.crs.to_epsg() == 3035
    assert got["point_id"].tolist() == table["pid"].tolist()
    assert set(got["component"]) == {"los"}
    for here, there in (("velocity_mm_yr", "mean_velocity"), ("velocity_std_mm_yr", "mean_velocity_std"),
                        ("rmse_mm", "rmse"), ("temporal_coherence",) * 2, ("amplitude_dispersion",) * 2,
                        ("acceleration_mm_yr2", "acceleration"), ("annual_mm", "seasonality"), ("height_m", "height"),
                        ("los_up",) * 2):  # fmt: skip
        np.testing.assert_allclose(got[here], table[there])
    np.testing.assert_allclose(got.geometry.x, table["easting"])
    np.testing.assert_allclose(got.geometry.y, table["northing"])
    assert (got["n_dates"] == 24).all()
    assert not [c for c in got if c.startswith("D20")]
    assert any("trend" in sentence or "velocity" in sentence for sentence in got.attrs["audit"])


def test_series_are_given_where_asked_for_with_their_gaps(tmp_path):
    table = egms(n=50)
    table.loc[4, days()[3]] = np.nan
    got = read_egms_points([csv(table, tmp_path)], with_series=True)
    np.testing.assert_allclose(got[[f"D{d}" for d in days()]], table[days()])
    assert got["n_dates"].tolist() == [24] * 4 + [23] + [24] * 45


@pytest.mark.parametrize(("name", "component"), [("EGMS_L3_E45N25_100km_U.csv", "up"),
                                                 ("EGMS_L3_E45N25_100km_E.csv", "east")])  # fmt: skip
def test_orthogonal_products_say_their_component(tmp_path, name, component):
    got = read_egms_points([csv(egms(n=40, level="L3"), tmp_path, name)])
    assert set(got["component"]) == {component}
    assert "los_up" not in got
    with pytest.raises(AmbiguousError, match="vertical, or east"):
        open_egms_points([csv(egms(n=40, level="L3"), tmp_path, "some.csv")])
    said = TrackOptions(component="vertical")
    assert open_egms_points([tmp_path / "some.csv"], options=said).component == "up"


@pytest.mark.slow
def test_points_go_into_the_crs_that_is_asked_for(tmp_path):
    table = egms(n=40)
    got = read_egms_points([csv(table, tmp_path)], crs="EPSG:4326")
    # latitude and longitude of the table were made from its easting and northing: 1e-9 degrees is 0.1 mm
    np.testing.assert_allclose(got.geometry.x, table["longitude"], atol=1e-9)
    np.testing.assert_allclose(got.geometry.y, table["latitude"], atol=1e-9)
    with pytest.raises(CrsError, match="not known"):
        open_egms_points([tmp_path / "EGMS_L2b_088_0282_IW2_VV.csv"], crs="EPSG:1")


def spoiled(n: int = 400) -> pd.DataFrame:
    """A table with one row of each fault."""
    table = egms(n=n).astype({"mean_velocity": object, "easting": object})
    table.loc[3, "mean_velocity"] = "fast"
    table.loc[4, "easting"] = np.nan
    table.loc[5, "mean_velocity"] = np.nan
    table.loc[6, days()[2]] = -9999
    table.loc[7, "los_up"] = 0.2
    table.loc[8, "pid"] = table.loc[2, "pid"]
    return table


@pytest.mark.slow
def test_rows_that_cannot_be_used_are_set_aside_with_their_reasons(tmp_path):
    facts = write_points_file([csv(spoiled(), tmp_path)], tmp_path / "p.gpkg")
    assert facts["points"] == 394
    assert len(facts["set_aside"]) == 6
    assert sum(facts["set_aside"].values()) == 6
    kept = gpd.read_file(tmp_path / "p.gpkg")
    assert len(kept) == 394
    assert any("6 of 400 set aside" in s for s in facts["audit"])


@pytest.mark.slow
def test_too_many_bad_rows_or_a_turned_sign_publish_nothing(tmp_path):
    table = egms(n=100)
    table.loc[:20, "mean_velocity"] = -9999.0
    with pytest.raises(DataError, match="21 of 100 rows"):
        write_points_file([csv(table, tmp_path)], tmp_path / "p.gpkg")
    turned = egms(n=100)
    turned["mean_velocity"] *= -1
    with pytest.raises(AmbiguousError):
        write_points_file([csv(turned, tmp_path)], tmp_path / "p.parquet")
    assert [p.name for p in tmp_path.iterdir()] == ["EGMS_L2b_088_0282_IW2_VV.csv"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["p.gpkg", "p.parquet"])
def test_batches_change_nothing_and_the_file_reads_back(tmp_path, monkeypatch, name):
    path = csv(spoiled(160), tmp_path)
    whole = read_egms_points([path], with_series=True)
    # 48 columns a line: seven rows a batch, so that the doubled id and its first are of two batches
    monkeypatch.setattr(point_tables, "BATCH_VALUES", 7 * 48)
    sizes = [len(b) for b in open_egms_points([path]).batches()]
    assert len(sizes) > 20
    assert max(sizes) <= 7
    write_points_file([path], tmp_path / name, with_series=True)
    read = gpd.read_file(tmp_path / name) if name.endswith("gpkg") else gpd.read_parquet(tmp_path / name)
    assert read.crs.to_epsg() == 3035
    pd.testing.assert_frame_equal(
        pd.DataFrame(read.drop(columns="geometry")), pd.DataFrame(whole.drop(columns="geometry")), check_dtype=False
    )
    assert read.geometry.geom_equals(whole.geometry).all()


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.slow
@given(st.integers(5, 60), st.sampled_from(["p.gpkg", "p.parquet"]))
def test_the_same_points_give_the_same_file_whatever_the_batches(tmp_path, rows, name):
    path = csv(egms(n=60), tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(point_tables, "BATCH_VALUES", rows * 48)
        facts = write_points_file([path], tmp_path / name)
    assert facts["points"] == 60
    read = gpd.read_file(tmp_path / name) if name.endswith("gpkg") else gpd.read_parquet(tmp_path / name)
    assert read["velocity_mm_yr"].tolist() == egms(n=60)["mean_velocity"].tolist()


def test_two_tables_of_one_track_are_one_layer(tmp_path):
    table = egms(n=80)
    paths = [csv(table[:50], tmp_path, "a.csv"), csv(table[50:], tmp_path, "b.csv")]
    assert read_egms_points(paths)["point_id"].tolist() == table["pid"].tolist()


def test_loading_has_a_limit_and_other_files_are_refused(tmp_path):
    path = csv(egms(n=40), tmp_path)
    with pytest.raises(LimitError, match="geo-risk points"):
        read_egms_points([path], maximum=30)
    (tmp_path / "other.csv").write_text("a,b,c\n1,2,3\n", encoding="utf-8")
    with pytest.raises(RefusedFileError, match="no EGMS table"):
        open_egms_points([tmp_path / "other.csv"])
    with pytest.raises(DataError, match=r"\.gpkg or \.parquet"):
        write_points_file([path], tmp_path / "points.shp")


@pytest.mark.parametrize("name", ["p.gpkg", "p.parquet"])
def test_a_file_that_does_not_read_back_is_never_published(tmp_path, monkeypatch, name):
    good = read_egms_points([csv(egms(n=40), tmp_path)])
    digests = iter(["written", "read", "read"])
    monkeypatch.setattr(module, "_digest", lambda _: next(digests))
    with pytest.raises(DiskFullError), points_file(tmp_path / name, crs="EPSG:3035") as write:
        write(good)
    assert not (tmp_path / name).exists()


def test_empty_and_foreign_batches_are_no_file(tmp_path):
    with pytest.raises(DataError, match="no batch"), points_file(tmp_path / "p.gpkg", crs="EPSG:3035"):
        pass
    other = gpd.GeoDataFrame({"point_id": ["a"]}, geometry=gpd.points_from_xy([1], [2]), crs="EPSG:4326")
    with pytest.raises(DataError, match="CRS of the file"), points_file(tmp_path / "p.gpkg", crs="EPSG:3035") as write:
        write(other)


@pytest.mark.slow
def test_the_command_writes_and_says_what_it_saw(cli, tmp_path):
    path = csv(egms(n=60), tmp_path)
    code, out, _ = cli("points", path, "-o", tmp_path / "p.gpkg", "--series")
    assert code == 0
    assert "60 points in EPSG:3035, motion along los" in out
    assert "positive toward the satellite" in out
    assert "D20190105" in pyogrio.read_info(tmp_path / "p.gpkg")["fields"]
    code, out, _ = cli("points", path, "-o", tmp_path / "p.parquet", "--json")
    assert json.loads(out)["points"] == 60
    code, _, err = cli("points", path, "-o", tmp_path / "p.gpkg", "--component", "sideways")
    assert code == 2
    assert "vertical and east" in err
    code, _, err = cli("points", path, "-o", tmp_path / "p.txt")
    assert code == 3


@pytest.mark.slow
def test_the_command_asks_for_its_own_options(cli, tmp_path):
    table = egms(n=40, level="L3")
    paths = [csv(table, tmp_path, f"EGMS_L3_E45N25_100km_{c}.csv") for c in "UE"]
    code, _, err = cli("points", *paths, "-o", tmp_path / "p.gpkg")
    assert code == 3
    assert "one by one" in err
    assert "without _U_ or _E_" not in err
    cases = ((table, "l3.csv", (), "--component vertical or --component east"),
             (table.assign(easting=1.0), "EGMS_L3_x_U.csv", (), "--table-crs"),
             (egms(n=40), "l2.csv", ("--component", "east"), "leave --component out"))  # fmt: skip
    for rows, name, said, wanted in cases:
        code, _, err = cli("points", csv(rows, tmp_path, name), "-o", tmp_path / "p.gpkg", *said)
        assert code == 3
        assert wanted in " ".join(err.split())
        assert "of this track" not in err
