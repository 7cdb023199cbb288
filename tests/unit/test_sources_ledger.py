import geopandas as gpd
import numpy as np
import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod
from shapely.geometry import LineString

from geo_risk.core.errors import ConfigError, CorruptFileError, OverlapError, RefusedFileError, SchemaError
from geo_risk.sources.gcj02 import gcj02_from_wgs84, wgs84_from_gcj02
from geo_risk.sources.ledger import read_ledger

CRS = "EPSG:4546"
CENTRE = gpd.GeoSeries.from_xy([111.2], [36.0], crs="EPSG:4490").to_crs(CRS)[0]
AREA = (CENTRE.x - 8000, CENTRE.y - 8000, CENTRE.x + 8000, CENTRE.y + 8000)
HEADER = ["编号", "名称", "类型", "经度", "纬度", "规模", "威胁户数", "威胁人数", "威胁财产（万元）", "责任人", "状态"]


def row(number, lon=111.2, lat=36.0, people=12):
    return [number, "北坡滑坡", "滑坡", lon, lat, "小型", 3, people, 50, "责任人-001", "在册"]


def workbook(path, rows, title=True):
    book = openpyxl.Workbook()
    sheet = book.active
    if title:
        sheet.append(["某县地质灾害隐患点台账"])
    sheet.append(HEADER)
    for r in rows:
        sheet.append(r)
    book.save(path)
    return path


def read(path, **options):
    return read_ledger(path, "hazard_points", crs=CRS, where="inputs.hazard_points", area=AREA, **options)


def test_reads_chinese_headers_full_width_digits_and_units(tmp_path):
    path = workbook(tmp_path / "台账.xlsx", [row("ZY００１", people="１２人"), row("ZY002", people="未知")])
    got = read(path)
    frame = got.frame
    assert frame["point_id"].tolist() == ["ZY001", "ZY002"]
    assert frame["people"].tolist()[0] == 12
    assert np.isnan(frame["people"].iloc[1])
    assert frame["assets_cny"].tolist() == [5e5, 5e5]
    assert frame[["kind", "scale", "status"]].iloc[0].tolist() == ["landslide", "small", "existing"]
    assert frame["row"].tolist() == [3, 4]
    assert frame.geometry.iloc[0].distance(CENTRE) < 0.01
    assert any("未知" in n for n in got.notes)


def test_a_csv_in_gbk_gives_the_same_rows(tmp_path):
    text = ",".join(HEADER) + "\n" + ",".join(str(v) for v in row("A1")) + "\n"
    path = tmp_path / "l.csv"
    path.write_bytes(text.encode("gb18030"))
    got = read(path)
    assert got.frame["kind"].tolist() == ["landslide"]
    assert any("GB18030" in n for n in got.notes)


def test_swapped_is_put_right_and_hopeless_is_set_aside(tmp_path):
    rows = [row("ok"), row("swapped", lon=36.01, lat=111.21), row("far", lon=120.0), row("none", lon=None),
            row("dms", lon="111°12′00″", lat="36°0′0″"), row("ok", lon=111.22), row(None)]  # fmt: skip
    got = read(workbook(tmp_path / "l.xlsx", rows))
    assert got.frame["point_id"].tolist() == ["ok", "swapped", "dms"]
    assert got.frame["coordinate_note"].tolist()[1] == "lon and lat were swapped"
    assert got.frame["coordinate_confidence"].tolist() == [1.0, 0.8, 1.0]
    assert got.frame.geometry.iloc[2].distance(CENTRE) < 0.01
    reasons = {q["id"]: q["reason"] for q in got.quarantine}
    assert "outside the area" in reasons["far"]
    assert "no coordinates" in reasons["none"]
    assert reasons["ok"] == "row 8 repeats the id of row 3"
    assert reasons["row 9"] == "no id"
    assert len(got.frame) + len(got.quarantine) == len(rows)


@pytest.mark.slow
def test_shifted_rows_are_found_by_a_reference(tmp_path):
    lon, lat = gcj02_from_wgs84(111.2, 36.0)
    road = gpd.GeoDataFrame(geometry=[LineString([(AREA[0], CENTRE.y), (AREA[2], CENTRE.y + 3000)]),
                                      LineString([(CENTRE.x, AREA[1]), (CENTRE.x, AREA[3])])], crs=CRS)  # fmt: skip
    path = workbook(tmp_path / "l.xlsx", [row("ok"), row("shifted", lon=float(lon), lat=float(lat))])
    got = read(path, reference=road)
    assert got.frame.geometry.iloc[1].distance(CENTRE) < 0.5
    assert got.frame["coordinate_note"].iloc[1] == "shifted back from GCJ-02"
    plain = read(path)
    assert plain.frame.geometry.iloc[1].distance(CENTRE) > 500
    assert any("taken as written" in n for n in plain.notes)
    with pytest.raises(ConfigError):
        read(path, gcj02="maybe")


def test_bad_files_stop(tmp_path):
    fake = tmp_path / "a.xlsx"
    fake.write_bytes(b"PK\x03\x04 and nothing more")
    with pytest.raises(CorruptFileError):
        read(fake)
    old = tmp_path / "a.xls"
    old.write_bytes(b"\xd0\xcf\x11\xe0" + b"\x00" * 100)
    with pytest.raises(RefusedFileError, match="old"):
        read(old)
    book = openpyxl.Workbook()
    book.active.append(["一", "二"])
    book.save(tmp_path / "b.xlsx")
    with pytest.raises(SchemaError, match="header row"):
        read(tmp_path / "b.xlsx")
    with pytest.raises(OverlapError, match="none of the 1 rows"):
        read(workbook(tmp_path / "c.xlsx", [row("far", lon=120.0)]))


def test_gcj02_shift_at_taiyuan_is_the_known_one():
    # METHODS.md section 7: 557 m at Taiyuan
    lon, lat = gcj02_from_wgs84(112.5489, 37.8706)
    assert Geod(ellps="WGS84").inv(112.5489, 37.8706, float(lon), float(lat))[2] == pytest.approx(557, abs=1)


@given(st.floats(74, 134), st.floats(19, 53))
def test_gcj02_inverse_is_exact(lon, lat):
    back = wgs84_from_gcj02(*gcj02_from_wgs84(lon, lat))
    np.testing.assert_allclose(back, (lon, lat), atol=1e-9)
