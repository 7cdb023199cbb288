"""Files that are no table of points: each is told what it is and what to do."""

from __future__ import annotations

import gzip
import zipfile

import geopandas as gpd
import pyogrio
import pytest

from geo_risk.core.errors import RefusedFileError
from geo_risk.sources.insar import listed, open_insar
from geo_risk.sources.options import TrackOptions
from tests.support.points import HEADING, INCIDENCE, days, egms

SAID = TrackOptions(posting_m=100.0, units="mm", positive="toward", incidence_deg=INCIDENCE, heading_deg=HEADING)


def points() -> gpd.GeoDataFrame:
    table = egms(n=30)
    out = table[["pid", "mean_velocity"]].join(table[days()].add_prefix("D"))
    return gpd.GeoDataFrame(out, geometry=gpd.points_from_xy(table["easting"], table["northing"]), crs="EPSG:3035")


WRITE = {
    "a.geojson": lambda p: points().to_file(p, driver="GeoJSON"),
    "a.fgb": lambda p: points().to_file(p, driver="FlatGeobuf"),
    "a.xlsx": lambda p: egms(n=5).to_excel(p, index=False),
    "a.csv.gz": lambda p: p.write_bytes(gzip.compress(egms(n=5).to_csv(index=False).encode())),
    "empty.gpkg": points().iloc[:0].to_file,
    "unknown.gpkg": lambda p: pyogrio.write_dataframe(points(), p, geometry_type="Unknown"),
    "areas.gpkg": lambda p: points().set_geometry(points().buffer(5)).to_file(p),
    "b.csv": lambda p: p.write_text("made by a program\nof which nothing is known\n"),
}


def write_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", egms(n=5).to_csv(index=False))


@pytest.mark.parametrize(
    ("name", "said", "fix"),
    [
        ("a.geojson", "GeoJSON", "GeoPackage"),
        ("a.fgb", "FlatGeobuf", "GeoPackage"),
        ("a.xlsx", "Excel", "CSV"),
        ("a.csv.gz", "gzip", "unpack"),
        ("a.zip", "zip archive", "unpack"),
        ("empty.gpkg", "is empty", "points"),
        ("unknown.gpkg", "no type of geometry", "type Point"),
        ("areas.gpkg", "Polygon, not Point", "GeoPackage"),
        ("b.csv", "three columns", "header"),
    ],
)
def test_each_is_named_for_what_it_is_with_what_to_do(tmp_path, name, said, fix):
    WRITE.get(name, write_zip)(tmp_path / name)
    with pytest.raises(RefusedFileError, match="no InSAR product") as caught:
        open_insar(tmp_path / name, track="asc", options=SAID)
    assert said in caught.value.what
    assert fix in caught.value.fix
    assert name in caught.value.what


@pytest.mark.slow
def test_texts_are_taken_of_a_folder_that_holds_nothing_else(tmp_path):
    egms(n=30).to_csv(tmp_path / "a.txt", sep="\t", index=False)
    assert open_insar(tmp_path, track="asc", options=TrackOptions(posting_m=100.0)).sizes["time"] == 24
    (tmp_path / "inside").mkdir()
    egms(n=30).to_csv(tmp_path / "inside" / "b.csv", index=False)
    assert [p.name for p in listed(tmp_path)] == ["b.csv"]
