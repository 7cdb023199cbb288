import os
import signal
import subprocess
import sys
import textwrap

import dask.array as da
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from rasterio.enums import Compression
from shapely.geometry import Point, Polygon

from geo_risk.core.errors import DataError, DiskFullError
from geo_risk.core.grid import Grid
from geo_risk.publish import atomic, frames, hashing, raster
from geo_risk.publish.frames import write_frame, write_frames, write_json
from geo_risk.publish.raster import write_layer, write_layers
from geo_risk.sources.layers import open_layer, read_frame

GRID = Grid.from_bounds((500_000, 4_000_000, 503_000, 4_002_100), crs=4546, resolution_m=30)


def _frame(**columns):
    base = {"point_id": ["b", "a"], "people": pd.array([3, None], dtype="Int64"), "note": ["x", None]} | columns
    return gpd.GeoDataFrame(base, geometry=[Point(1, 2), Point(3, 4)], crs=4546)


def test_failed_verification_keeps_the_old_file_and_leaves_nothing(tmp_path):
    final = tmp_path / "list[1].txt"
    atomic.write_text(final, "old")

    def refuse(path):
        path.with_name(path.name + ".aux").write_text("driver's side file")
        what = "not what was meant"
        raise DataError(what, where=path.name, fix="-")

    with pytest.raises(DataError, match="not what"), atomic.staged(final, verify=refuse) as temporary:
        temporary.write_text("new")
    assert final.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["list[1].txt"]


def test_short_write_is_reported_as_a_full_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(type(tmp_path), "read_bytes", lambda self: b"half")
    with pytest.raises(DiskFullError) as error:
        atomic.write_bytes(tmp_path / "a.bin", b"whole")
    assert error.value.exit_code == 4
    assert not list(tmp_path.iterdir())


def test_very_long_name_still_fits(tmp_path):
    final = tmp_path / ("县" * 80 + ".txt")
    atomic.write_text(final, "x")
    assert final.read_text() == "x"


@pytest.mark.skipif(os.name != "posix", reason="kills a process by signal")
def test_killed_writer_leaves_the_old_file_and_a_leftover_that_is_removed(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    script = f"""
        import os, signal
        from pathlib import Path
        from geo_risk.publish.atomic import staged
        with staged(Path({str(tmp_path / "a.txt")!r}), verify=lambda p: None) as temporary:
            temporary.write_text("half of the new")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "a.txt").read_text() == "old"
    (tmp_path / ".notes.part-1.txt").write_text("somebody else's")
    assert len(atomic.remove_leftovers(tmp_path)) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == [".notes.part-1.txt", "a.txt"]


@pytest.mark.parametrize(("shape", "factors"), [((4, 3), []), ((512, 90), []), ((40, 513), [2]), ((1030, 700), [2, 4])])
def test_overviews_go_down_to_one_block(tmp_path, shape, factors):
    grid = Grid.from_bounds((0, 0, 30 * shape[1], 30 * shape[0]), crs=4546, resolution_m=30)
    rows, columns = np.indices(shape) // 64
    levels = ((rows + columns) % 6 - 1).astype(np.int8)
    bands = []
    layer = grid.layer(levels, units="level", long_name="l", name="l")
    write_layers({tmp_path / "l.tif": layer}, seen=lambda path, band: bands.append((path.name, band.copy())))
    with rasterio.open(tmp_path / "l.tif") as source:
        assert source.overviews(1) == factors
        assert source.compression == Compression.deflate
        assert (source.read(1) == levels).all()
        if factors:
            half = source.read(1, out_shape=(-(-shape[0] // 2), -(-shape[1] // 2)))
            assert (half == levels[::2, ::2]).mean() > 0.9  # a cell beside at the edges of patches of 64
    assert {name for name, _ in bands} == {"l.tif"}
    assert (np.concatenate([band for _, band in bands]) == levels).all()


def test_layer_is_a_valid_cog_with_unit_description_nodata_and_overviews(tmp_path):
    big = Grid.from_bounds((500_000, 4_000_000, 539_000, 4_036_000), crs=4546, resolution_m=60)
    values = np.random.default_rng(1).normal(size=big.shape).astype("float32")
    values[:40] = np.nan
    path = tmp_path / "v.tif"
    write_layer(big.layer(da.from_array(values, chunks=256), units="mm/yr", long_name="速度"), path)
    with rasterio.open(path) as source:
        assert source.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert source.block_shapes == [(512, 512)]
        assert source.overviews(1) == [2]
        assert source.units == ("mm/yr",)
        assert source.descriptions == ("速度",)
        assert np.isnan(source.nodata)
    np.testing.assert_array_equal(open_layer(path).to_numpy(), values)


def test_layer_in_bands_has_the_same_content_as_in_one_go(tmp_path, monkeypatch):
    layer = GRID.layer(da.random.default_rng(3).normal(size=GRID.shape, chunks=32), units="m", long_name="z")
    write_layer(layer, tmp_path / "whole.tif")
    monkeypatch.setattr(raster, "WHOLE_BYTES", 0)
    monkeypatch.setattr(raster, "BLOCK", 16)
    write_layer(layer, tmp_path / "bands.tif")
    a, b = (hashing.content_sha256(tmp_path / n) for n in ("whole.tif", "bands.tif"))
    assert a == b


@pytest.mark.parametrize("dtype", ["uint16", "bool", "complex64"])
def test_layer_of_a_dtype_without_nodata_is_refused(tmp_path, dtype):
    with pytest.raises(DataError, match=dtype):
        write_layer(GRID.layer(np.zeros(GRID.shape, dtype), units="1", long_name="x"), tmp_path / "x.tif")


def test_frame_gives_the_same_bytes_and_the_same_rows(tmp_path):
    frame = _frame()
    write_frame(frame, tmp_path / "a.gpkg", layer="t")
    write_frame(frame, tmp_path / "b.gpkg", layer="t")
    assert hashing.file_sha256(tmp_path / "a.gpkg") == hashing.file_sha256(tmp_path / "b.gpkg")
    assert hashing.frame_sha256(read_frame(tmp_path / "a.gpkg", layer="t")) == hashing.frame_sha256(frame)


def test_empty_product_frame_keeps_its_geometry_type(tmp_path):
    write_frames({"risk_zones": _frame().iloc[:0]}, tmp_path / "a.gpkg")
    from pyogrio import read_info

    assert read_info(tmp_path / "a.gpkg", layer="risk_zones")["geometry_type"] == "Polygon"


def test_frame_whose_values_would_change_is_refused_by_column(tmp_path):
    with pytest.raises(DataError, match=r"\['note'\]"):
        write_frame(_frame(note=["a\x00b", "c"]), tmp_path / "a.gpkg")
    assert not list(tmp_path.iterdir())


def test_frame_without_crs_is_refused(tmp_path):
    with pytest.raises(DataError, match="no CRS"):
        write_frame(_frame().set_crs(None, allow_override=True), tmp_path / "a.gpkg")


@given(st.lists(st.tuples(st.text(), st.none() | st.integers(-5, 5), st.floats(allow_nan=True)), max_size=6))
def test_frame_hash_ignores_order_and_sees_every_change(rows):
    frame = pd.DataFrame(rows, columns=["id", "n", "v"]).astype({"n": "Int64", "v": float})
    again = frame.iloc[::-1].reset_index(drop=True)[["v", "id", "n"]].astype({"n": float})
    assert hashing.frame_sha256(frame) == hashing.frame_sha256(again)
    if rows:
        changed = frame.copy()
        changed.loc[0, "id"] = changed.loc[0, "id"] + "!"
        assert hashing.frame_sha256(changed) != hashing.frame_sha256(frame)


def test_polygon_and_its_multi_form_are_the_same_but_crs_and_shape_are_not():
    one = gpd.GeoDataFrame({"i": [1]}, geometry=[Polygon([(0, 0), (1, 0), (1, 1)])], crs=4546)
    other = one.set_geometry(one.geometry.translate(1))
    multi = gpd.GeoDataFrame({"i": [1.0]}, geometry=one.dissolve().geometry.to_list(), crs=4546)
    assert hashing.frame_sha256(one) == hashing.frame_sha256(multi)
    assert hashing.frame_sha256(one) != hashing.frame_sha256(other)
    assert hashing.frame_sha256(one) != hashing.frame_sha256(one.set_crs(4547, allow_override=True))


def test_array_hash_has_one_nan_and_one_zero():
    a = np.array([0.0, np.nan, 1.0], "float32")
    b = np.array([-0.0, -np.nan, 1.0], ">f4")
    assert hashing.array_sha256(a) == hashing.array_sha256(b)
    assert hashing.array_sha256(a) != hashing.array_sha256(a.reshape(3, 1))
    assert hashing.array_sha256(a) != hashing.array_sha256(a.astype("float64"))


def test_json_and_html_are_hashed_without_their_clocks(tmp_path):
    for name, hour in (("a", "01:00"), ("b", "02:00")):
        write_json({"n": 1, "written_at": hour, "rows": [{"seconds": hour, "x": 2}]}, tmp_path / f"{name}.json")
        atomic.write_text(tmp_path / f"{name}.html", f"<p>x</p>{hashing.VOLATILE[0]}{hour}{hashing.VOLATILE[1]}")
    for suffix in ("json", "html"):
        assert hashing.content_sha256(tmp_path / f"a.{suffix}") == hashing.content_sha256(tmp_path / f"b.{suffix}")
    write_json({"n": 2}, tmp_path / "b.json")
    assert hashing.content_sha256(tmp_path / "a.json") != hashing.content_sha256(tmp_path / "b.json")
    with pytest.raises(DataError, match="no content hash"):
        hashing.content_sha256(tmp_path / "a.png")


def test_json_refuses_nan(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json({"n": float("nan")}, tmp_path / "a.json")
    assert not list(tmp_path.iterdir())


@given(
    st.lists(st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.floats(), st.sampled_from("a0n")), max_size=30)
)
def test_hash_of_a_column_is_that_of_its_values_one_by_one(values):
    # values that Python takes for equal (1, 1.0, True; 0.0, -0.0) must not lend one another a wrong text
    assert hashing.column_texts(pd.Series(values, dtype=object)) == [hashing._scalar(v) for v in values]


CELL = st.one_of(
    st.none(), st.integers(-2, 2), st.sampled_from([0.5, 1.0, -0.0, np.nan, 2.0**53]), st.sampled_from("ab")
)
PAIRS = st.lists(st.tuples(CELL, CELL), max_size=6)


@given(PAIRS)
def test_tables_told_alike_have_one_hash(rows):
    left = pd.DataFrame({"v": pd.Series([a for a, _ in rows], dtype=object)})
    right = pd.DataFrame({"v": pd.Series([b for _, b in rows], dtype=object)})
    same = hashing.frame_sha256(left) == hashing.frame_sha256(right)
    assert same or not frames._is_alike(left, right)
    assert frames._is_alike(left, left.copy())


def test_places_that_moved_or_lost_their_crs_are_not_alike():
    one = gpd.GeoDataFrame({"v": [1, 2]}, geometry=[Point(0, 0), Point(1, 1)], crs=32648)
    assert frames._is_alike(one, one.copy())
    assert not frames._is_alike(one, one.set_geometry([Point(0, 0), Point(1, 1.001)], crs=32648))
    assert not frames._is_alike(one, one.set_crs(32649, allow_override=True))
    assert not frames._is_alike(one, pd.DataFrame({"v": [1, 2], "geometry": ["a", "b"]}))
    assert not frames._is_alike(one, one.iloc[:1])
    assert not frames._is_alike(one, one.rename(columns={"v": "w"}))


def test_texts_have_one_hash_whatever_their_encoding(tmp_path):
    text = '站号,雨量(mm)\n53772,"1,024.5"\n'
    names = ("utf-8", "utf-8-sig", "gb18030")
    for name in names:
        (tmp_path / f"{name}.csv").write_bytes(text.encode(name))
    assert len({hashing.content_sha256(tmp_path / f"{name}.csv") for name in names}) == 1
    (tmp_path / "odd.csv").write_bytes(b"id,\xff\xfe\x80\n1,2\n")
    other = tmp_path / "other.csv"
    other.write_bytes(b"id,\xff\xfe\x81\n1,2\n")
    assert hashing.content_sha256(tmp_path / "odd.csv") != hashing.content_sha256(other)
    (tmp_path / "shake.xml").write_bytes('<?xml version="1.0" encoding="GB18030"?><a>震</a>'.encode("gb18030"))
    assert len(hashing.content_sha256(tmp_path / "shake.xml")) == 64
