"""Encodings of shapefiles as their .cpg files name them, and where these name none or another."""

from __future__ import annotations

import geopandas as gpd
import pytest
from shapely.geometry import Point

from geo_risk.sources.dbf_texts import named_codec
from geo_risk.sources.point_tables import open_table
from geo_risk.sources.vector_files import open_vector


@pytest.mark.parametrize(
    ("text", "codec"),
    [("936", "gb18030"), ("ANSI 936", "gb18030"), ("CP936", "gb18030"), ("GBK", "gb18030"), ("GB2312", "gb18030"),
     ("GB18030", "gb18030"), ("UTF-8", "utf-8"), ("UTF8", "utf-8"), ("65001", "utf-8"), ("1252", "cp1252"),
     ("ANSI 1252", "cp1252"), ("88591", "iso8859-1"), ("ISO-8859-1", "iso8859-1"), ("big5", "big5"), ("OEM", None),
     ("", None), ("LDID/77", None)],
)  # fmt: skip
def test_names_of_encodings(text, codec):
    assert named_codec(text) == codec


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoding", "cpg"),
    [*(("gbk", c) for c in (None, "936", "ANSI 936", "OEM", "GBK", "GB2312", "UTF-8", "65001")),
     *(("utf-8", c) for c in (None, "UTF-8", "65001", "OEM"))],
)  # fmt: skip
def test_shapefiles_are_read_whatever_their_cpg_says(tmp_path, encoding, cpg):
    path = tmp_path / "点.shp"
    rows = {"编号": ["监测点1", "太原市某镇"], "VEL": [1.0, 2.0]}
    gpd.GeoDataFrame(rows, geometry=[Point(0, 0), Point(1, 1)], crs="EPSG:4547").to_file(path, encoding=encoding)
    (tmp_path / "点.cpg").unlink()
    if cpg:
        (tmp_path / "点.cpg").write_text(cpg)
    table = open_table(path)
    assert table is not None
    assert table.columns[0] == "编号"
    assert next(iter(table.batches(["编号"])))["编号"].tolist() == rows["编号"]
    if encoding == "utf-8" or cpg not in ("UTF-8", "65001"):
        assert open_vector(path, where="inputs.x")[0]["编号"].tolist() == rows["编号"]
