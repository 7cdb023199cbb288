"""True types by first bytes, checksum lists, and what `check` and `info` tell."""

import hashlib
import zipfile

import geopandas as gpd
import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point

from geo_risk.core.errors import CorruptFileError, DataError, RefusedFileError
from geo_risk.sources.checks import inspect_file, inspect_track
from geo_risk.sources.checksums import listed_sha256, verify_file
from geo_risk.sources.files import checked_file, sniff


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"II*\0rest", "GTiff"), (b"MM\0*rest", "GTiff"), (b"II+\0rest", "GTiff"), (b"\x89HDF\r\n\x1a\nrest", "HDF5"),
        (b"CDF\x01rest", "NetCDF3"), (b"GRIB....", "GRIB"), (b"fgb\x03", "FlatGeobuf"), (b"\x80\x04\x95", "pickle"),
        (b"\x93NUMPY\x01", "NumPy"), (b"%PDF-1.7", "PDF"), (b'\xef\xbb\xbf{"a": 1}', "JSON"), (b"[1]", "JSON"),
        (b"diamond 4 rain", "MICAPS"), (b"a,b\n1,2\n", "text"), (b"<?xml version='1.0'?><a/>", "XML"),
        (b"  <VRTDataset>", "VRT"), (b"\x00\x01\x02", "unknown"), (b"", "unknown"),
        (b"SQLite format 3\0" + b"\0" * 52 + b"GPKG", "GPKG"), (b"SQLite format 3\0" + b"\0" * 80, "SQLite"),
    ],
)  # fmt: skip
def test_names_are_not_believed(tmp_path, content, kind):
    path = tmp_path / "a.tif"
    path.write_bytes(content)
    assert sniff(path) == kind


def test_zips_are_told_from_workbooks(tmp_path):
    openpyxl.Workbook().save(tmp_path / "a.tif")
    with zipfile.ZipFile(tmp_path / "b.xlsx", "w") as archive:
        archive.writestr("../../evil.txt", "x")
    assert sniff(tmp_path / "a.tif") == "XLSX"
    assert sniff(tmp_path / "b.xlsx") == "zip"


@given(st.binary(max_size=600))
def test_any_bytes_have_a_type(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("f") / "x"
    path.write_bytes(content)
    assert sniff(path)


def test_checked_files_are_there_whole_and_of_a_kind(tmp_path):
    path = tmp_path / "a"
    with pytest.raises(DataError, match="not there"):
        checked_file(path, where="inputs.dem", kinds=("text",))
    with pytest.raises(DataError, match="a folder"):
        checked_file(tmp_path, where="inputs.dem", kinds=("text",))
    path.touch()
    with pytest.raises(CorruptFileError, match="0 bytes"):
        checked_file(path, where="inputs.dem", kinds=("text",))
    path.write_text("words")
    assert checked_file(path, where="inputs.dem", kinds=("text",)) == "text"
    with pytest.raises(RefusedFileError, match="GTiff or HDF5 needed"):
        checked_file(path, where="inputs.dem", kinds=("HDF5", "GTiff"))


def test_lists_are_found_above_the_file_and_a_flipped_byte_is_seen(tmp_path):
    path = tmp_path / "rain" / "past" / "storm.nc"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"0123456789")
    assert verify_file(path, where="x", sha256=sha256) == "unverified"
    (tmp_path / "checksums.sha256").write_text(f"{sha256(path)}  rain/past/storm.nc\n")
    assert verify_file(path, where="x", sha256=sha256) == "verified"
    path.write_bytes(b"0123456788")
    with pytest.raises(CorruptFileError, match="changed or damaged") as caught:
        verify_file(path, where="inputs.rainfall", sha256=sha256)
    assert "inputs.rainfall" in caught.value.where


def test_the_nearest_list_counts_and_all_spellings_are_read(tmp_path):
    path = tmp_path / "a" / "f"
    path.parent.mkdir()
    path.write_text("x")
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  a/f\n")
    (tmp_path / "a" / "SHA256SUMS").write_text(f"# by sha256sum\n\n{sha256(path).upper()} *./f\n")
    assert listed_sha256(path) == (sha256(path), tmp_path / "a" / "SHA256SUMS")
    assert verify_file(path, where="x", sha256=sha256) == "verified"
    (tmp_path / "a" / "SHA256SUMS").write_text("abc f\n")
    with pytest.raises(CorruptFileError, match="line 1"):
        listed_sha256(path)


def test_vectors_workbooks_and_tables_are_told(tmp_path):
    frame = gpd.GeoDataFrame({"name": ["a"]}, geometry=[Point(500_000, 4_000_000)], crs="EPSG:4546")
    frame.to_file(tmp_path / "p.gpkg")
    facts = inspect_file(tmp_path / "p.gpkg", key="inputs.roads")
    assert (facts.type, facts.product, facts.crs, facts.size) == ("GPKG", "Point", "EPSG:4546", "1 features")
    book = openpyxl.Workbook()
    book.active.append(["编号", "名称"])
    book.save(tmp_path / "b.xlsx")
    assert inspect_file(tmp_path / "b.xlsx").size == "Sheet: 1 rows, 2 columns"
    (tmp_path / "t.csv").write_bytes("编号,名称\n1,甲\n".encode("gb18030"))
    facts = inspect_file(tmp_path / "t.csv")
    assert facts.size == "1 rows"
    assert "编号" in facts.notes[0]


def test_problems_are_told_and_never_raised(tmp_path):
    (tmp_path / "x.tif").write_bytes(b"<VRTDataset/>")
    for path in (tmp_path / "x.tif", tmp_path / "no.tif"):
        facts = inspect_file(path)
        assert len(facts.problems) == 1
        assert all(facts.problems[0])
        assert facts.to_dict()["problems"][0]["fix"]
    facts = inspect_track([tmp_path / "x.tif"], key="inputs.insar[0]")
    assert facts.problems
