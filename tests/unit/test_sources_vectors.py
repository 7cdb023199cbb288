from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely
from shapely.geometry import LineString, Point, Polygon, box

from geo_risk.core.errors import (
    AmbiguousError,
    CorruptFileError,
    CrsError,
    DataError,
    LimitError,
    OverlapError,
    RefusedFileError,
    SchemaError,
)
from geo_risk.sources.options import ReadOptions
from geo_risk.sources.vectors import mend_polygon, read_vector, require_numbers

CRS = "EPSG:4546"
AREA = (480_000.0, 4_000_000.0, 500_000.0, 4_020_000.0)


def villages(n=3, crs=CRS):
    points = [Point(490_000 + 100 * i, 4_010_000) for i in range(n)]
    return gpd.GeoDataFrame({"settlement_id": [f"S{i}" for i in range(n)], "name": "村"}, geometry=points, crs=crs)


def written(frame, path, **options):
    pyogrio.write_dataframe(frame, path, **options)
    return path


@pytest.mark.parametrize("name", ["村庄.gpkg", "a.geojson", "a.fgb", "a.shp"])
def test_reads_every_type_by_its_content(tmp_path, name):
    frame = villages().rename(columns={"settlement_id": "sid"})
    frame = frame.to_crs("EPSG:4326") if name.endswith("geojson") else frame
    disguised = written(frame, tmp_path / name)
    if not name.endswith("shp"):
        disguised = disguised.rename(tmp_path / "data.bin")
    got = read_vector(disguised, crs=CRS, where="inputs.settlements", area=AREA, id_column="sid", geometry="Point")
    assert sorted(got.frame["sid"]) == ["S0", "S1", "S2"]
    x = np.sort(got.frame.geometry.x.to_numpy())
    np.testing.assert_allclose(x, [490_000, 490_100, 490_200], atol=0.01)
    assert any("reprojected" in n for n in got.notes) is name.endswith("geojson")


def test_csv_needs_a_crs_and_keeps_codes(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,x,y,depth_m\n007,490000,4010000,0.3\n008,490010,4010000,\n", encoding="utf-8")
    with pytest.raises(CrsError, match="has no CRS"):
        read_vector(path, crs=CRS, where="inputs.past_depths")
    got = read_vector(path, crs=CRS, where="inputs.past_depths", id_column="id", options=ReadOptions(crs=CRS))
    assert got.frame["id"].tolist() == ["007", "008"]
    assert got.frame["depth_m"].isna().tolist() == [False, True]


def test_gbk_shapefile_without_cpg_is_read_right(tmp_path):
    path = written(villages(), tmp_path / "v.shp", encoding="GBK")
    (tmp_path / "v.cpg").unlink()
    got = read_vector(path, crs=CRS, where="w")
    assert got.frame["name"].tolist() == ["村"] * 3
    assert any("GB18030" in n for n in got.notes)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b'<OGRVRTDataSource><OGRVRTLayer name="x"/></OGRVRTDataSource>', RefusedFileError),
        (b"\x89PNG\r\n", RefusedFileError),
        (b"SQLite format 3\x00" + b"\x00" * 200, RefusedFileError),
        (b"", DataError),
    ],
)
def test_refuses_what_is_not_a_vector_file(tmp_path, content, error):
    path = tmp_path / "x.gpkg"
    path.write_bytes(content)
    with pytest.raises(error):
        read_vector(path, crs=CRS, where="inputs.roads")


@pytest.mark.parametrize("name", ["/vsicurl/http://a/b.gpkg", "https://a/b.gpkg"])
def test_refuses_urls(name):
    with pytest.raises(RefusedFileError, match="URL"):
        read_vector(Path(name), crs=CRS, where="inputs.roads")


def test_truncated_geopackage_stops(tmp_path):
    path = written(villages(2000), tmp_path / "v.gpkg")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(CorruptFileError):
        read_vector(path, crs=CRS, where="inputs.settlements")


def test_ids_that_repeat_or_lack_are_listed(tmp_path):
    frame = villages(4)
    frame.loc[2, "settlement_id"] = "S1"
    frame.loc[3, "settlement_id"] = None
    path = written(frame, tmp_path / "v.gpkg")
    with pytest.raises(SchemaError, match=r"1 rows have no settlement_id.*repeats: \['S1'\]"):
        read_vector(path, crs=CRS, where="inputs.settlements", id_column="settlement_id")


def test_missing_column_names_the_nearest(tmp_path):
    path = written(villages(), tmp_path / "v.gpkg")
    with pytest.raises(SchemaError, match="setlement_id \\(is it 'settlement_id'"):
        read_vector(path, crs=CRS, where="w", columns=("setlement_id",))
    got = read_vector(path, crs=CRS, where="w", columns=("name", "people?"))
    assert got.frame["people"].isna().all()


def test_crossing_polygons_are_mended_or_set_aside(tmp_path):
    bow_tie = Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    kink = Polygon([(0, 0), (1000, 0), (1000, 1000), (500, 1000), (501, 1001), (500, 1001), (501, 1000), (0, 1000)])
    good = box(0, 0, 50, 50)
    shift = [shapely.affinity.translate(g, 490_000, 4_010_000) for g in (bow_tie, kink, good)]
    frame = gpd.GeoDataFrame({"pid": ["bow", "kink", "good"]}, geometry=shift, crs=CRS)
    got = read_vector(
        written(frame, tmp_path / "p.gpkg"), crs=CRS, where="w", id_column="pid", geometry="Polygon", area=AREA
    )
    assert got.frame["pid"].tolist() == ["kink", "good"]
    assert got.frame.is_valid.all()
    assert [q["id"] for q in got.quarantine] == ["bow"]
    assert any("kink" in n for n in got.notes)


def test_mend_polygon_keeps_both_lobes():
    valid, change = mend_polygon(Polygon([(0, 0), (10, 10), (10, 0), (0, 10)]))
    assert valid.area == pytest.approx(50)
    assert change == pytest.approx(1.0)


def test_empty_wrong_and_infinite_geometries_are_set_aside(tmp_path):
    frame = gpd.GeoDataFrame(
        {"pid": list("abc")}, geometry=[None, LineString([(0, 0), (1, 1)]), Point(490_000, 4_010_000)], crs=CRS
    )
    got = read_vector(written(frame, tmp_path / "p.gpkg"), crs=CRS, where="w", id_column="pid", geometry="Point")
    assert got.frame["pid"].tolist() == ["c"]
    assert {q["id"]: q["reason"] for q in got.quarantine}["b"] == "is a LineString; Point needed"


def test_places_that_cannot_be_right_stop(tmp_path):
    far = villages().assign(geometry=lambda f: f.translate(1e5, 0))
    with pytest.raises(OverlapError, match="does not touch the area"):
        read_vector(written(far, tmp_path / "far.gpkg"), crs=CRS, where="w", area=AREA)
    swapped = villages().assign(geometry=[Point(4_010_000, 490_000)] * 3)
    with pytest.raises(OverlapError, match="swapped"):
        read_vector(written(swapped, tmp_path / "swapped.gpkg"), crs=CRS, where="w", area=AREA)
    degrees = villages().assign(geometry=[Point(111, 36), Point(111.1, 36), Point(111, 36.1)])
    with pytest.raises(CrsError, match="are degrees"):
        read_vector(written(degrees, tmp_path / "deg.gpkg"), crs=CRS, where="w", area=AREA)
    lat_lon = villages(crs="EPSG:4490").assign(geometry=[Point(36, 111)] * 3)
    with pytest.raises(CrsError, match="swap"):
        read_vector(written(lat_lon, tmp_path / "ll.gpkg"), crs=CRS, where="w", area=AREA)


def test_a_few_rows_with_longitude_and_latitude_swapped_are_set_aside_and_the_others_read(tmp_path):
    places = [Point(111.01, 36.2), Point(36.21, 111.02), Point(111.03, 36.22)]
    frame = villages(crs="EPSG:4490").assign(geometry=places)
    got = read_vector(written(frame, tmp_path / "few.gpkg"), crs=CRS, where="w")
    assert got.frame.index.tolist() == [0, 1]
    assert got.frame.total_bounds[0] > 400_000  # nothing was drawn off by the swapped row
    (row,) = got.quarantine
    assert row == {"id": "row 1", "reason": "longitude and latitude look swapped", "reason_zh": "经纬度疑似颠倒"}
    assert any("1 of 3 rows set aside" in n for n in got.notes)


def test_several_layers_need_a_name(tmp_path):
    path = tmp_path / "many.gpkg"
    written(villages(), path, layer="one")
    written(villages(), path, layer="two", append=True)
    with pytest.raises(AmbiguousError, match="2 layers"):
        read_vector(path, crs=CRS, where="w")
    assert len(read_vector(path, crs=CRS, where="w", options=ReadOptions(layer="two")).frame) == 3


def test_control_characters_leave_the_texts(tmp_path):
    frame = villages().assign(name=["a\x07b", "c", "d"])
    got = read_vector(written(frame, tmp_path / "v.gpkg"), crs=CRS, where="w")
    assert got.frame["name"].tolist() == ["ab", "c", "d"]
    assert any("control" in n for n in got.notes)


def test_numbers_typed_full_width_or_with_commas_are_plain_ones(tmp_path):
    typed = ["４０", "1,200", "－3．5", "1,20", "十人", "４０人", "", None, " 40 ", "Ａ１"]
    frame = villages(len(typed)).assign(people=typed)
    frame["settlement_id"] = [f"S{i}" for i in range(8)] + ["１２", "13"]
    read = read_vector(written(frame, tmp_path / "a.gpkg"), crs=CRS, where="w", area=AREA, id_column="settlement_id")
    got = ["" if v is None or v != v else v for v in read.frame["people"]]  # noqa: PLR0124  NaN differs from itself
    assert got == ["40", "1200", "-3.5", "1,20", "十人", "４０人", "", "", " 40 ", "Ａ１"]
    assert read.frame["settlement_id"].iloc[8] == "12"
    assert any("4 numbers in full-width digits" in str(n) for n in read.notes)


def test_numbers_are_numbers_or_named():
    frame = villages().assign(people=["12", None, "abc"])
    with pytest.raises(DataError, match="abc"):
        require_numbers(frame, "people", where="w")
    assert np.isnan(require_numbers(frame.iloc[:2], "people", where="w")[1])


def test_limits_are_checked_before_anything_is_done(tmp_path, monkeypatch):
    path = written(villages(50), tmp_path / "v.gpkg")
    monkeypatch.setattr("geo_risk.sources.vectors.MAX_VERTICES", 49)
    with pytest.raises(LimitError, match="50 vertices"):
        read_vector(path, crs=CRS, where="w")
    monkeypatch.setattr("geo_risk.sources.vector_files.MAX_FEATURES", 10)
    with pytest.raises(LimitError, match="50 features"):
        read_vector(path, crs=CRS, where="w")
    monkeypatch.setattr("geo_risk.sources.vector_files.MAX_BYTES", 100)
    with pytest.raises(LimitError, match="bytes"):
        read_vector(path, crs=CRS, where="w")
