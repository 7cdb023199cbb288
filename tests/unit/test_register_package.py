"""The register as a GeoPackage: its spatial index is used and stays right, its styles are valid, its copies too."""

import sqlite3
import xml.etree.ElementTree as ET

import geopandas as gpd
import pyogrio
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geo_risk.flow.register_export import export
from geo_risk.flow.register_forms import form_of, make_register
from geo_risk.publish.register_styles import form_qml
from geo_risk.register.entry import Change
from geo_risk.register.fields import LAYERS
from geo_risk.register.replay import differences, undo
from geo_risk.register.rtree import add_functions, box_of, faults
from geo_risk.register.store import Register
from tests.support.registers import CRS, EDITOR, Clock, X, Y, add_points, change, new_register


def test_a_window_is_read_by_the_index_and_gives_what_lies_in_it(tmp_path):
    path = tmp_path / "r.gpkg"
    with new_register(path) as register:
        add_points(register, 200)
        change(register, "HP-000005", geometry=shapely.Point(X + 7, Y + 7))
    info = pyogrio.read_info(path, layer="hazard_points")
    assert info["capabilities"]["fast_spatial_filter"] is True  # GDAL: there is an index, and it is used
    window = (X - 1, Y - 1, X + 1001, Y + 10)
    found = pyogrio.read_dataframe(path, layer="hazard_points", bbox=window)
    assert sorted(found["point_id"]) == ["HP-000001", "HP-000002", "HP-000003", "HP-000005"]
    # it is the index that answers: without its box a point is not found
    raw = sqlite3.connect(path)
    raw.execute("DELETE FROM rtree_hazard_points_geom WHERE id = 2")
    raw.commit()
    raw.close()
    found = pyogrio.read_dataframe(path, layer="hazard_points", bbox=window)
    assert sorted(found["point_id"]) == ["HP-000001", "HP-000003", "HP-000005"]
    with Register.open(str(path)) as register:
        assert differences(register) == ["hazard_points: 1 shapes lie outside their box in the spatial index"]


def test_gdal_takes_the_index_for_its_own(tmp_path):
    """The triggers and the entry are those that GDAL itself writes, names apart: it opens the file for update too."""
    with new_register(tmp_path / "r.gpkg"):
        pass
    frame = gpd.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(X, Y)], crs=CRS)
    frame.to_file(tmp_path / "gdal.gpkg", layer="hazard_points")

    def of(path):
        raw = sqlite3.connect(path)
        sql = raw.execute("SELECT name, sql FROM sqlite_master WHERE name LIKE 'rtree_hazard_points_geom%' "
                          "AND type IN ('trigger', 'table') ORDER BY name").fetchall()  # fmt: skip
        rows = raw.execute("SELECT * FROM gpkg_extensions WHERE table_name = 'hazard_points'").fetchall()
        raw.close()
        return {n: "".join(s.replace('"', "").split()).replace(";END", "END").lower() for n, s in sql}, rows

    (mine, entry), (theirs, wanted) = of(tmp_path / "r.gpkg"), of(tmp_path / "gdal.gpkg")
    assert entry == wanted
    assert set(mine) == set(theirs)
    assert mine == theirs


step = st.tuples(
    st.sampled_from(["make", "move", "zone", "undo", "empty"]), st.integers(0, 9), st.integers(-5000, 5000)
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(step, min_size=1, max_size=15))
def test_the_index_holds_every_shape_after_any_changes(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("r") / "r.gpkg"
    with new_register(path) as register:
        ids = add_points(register)
        for what, k, metres in steps:
            one = ids[k % len(ids)]
            state = register.get([one])[one]
            if what == "make":
                ids += add_points(register)
            elif what == "zone":
                with register.writing():
                    (zone,) = register.new_ids("risk_zones", 1)
                    box = shapely.box(X + metres, Y, X + metres + 1 + k, Y + 1)
                    values = {"kind": "landslide", "geometry": box}
                    register.apply([Change("risk_zones", zone, 0, "new", values, is_there=True)], EDITOR)
            elif what == "undo":
                with register.writing():
                    undo(register, [register.history(one)[-1].seq], EDITOR)
            elif state.is_there:
                change(register, one, geometry=None if what == "empty" else shapely.Point(X + metres, Y - metres / 3))
        assert differences(register) == []
        total = len([s for s in register.states("hazard_points") if s.values["geometry"]])
        (boxes,) = register.database.run("SELECT COUNT(*) FROM rtree_hazard_points_geom")
        assert boxes == (total,)


def test_boxes_of_what_is_missing_empty_or_of_the_other_byte_order():
    assert box_of(None) is None
    head = b"GP\x00\x01" + (4546).to_bytes(4, "little")
    assert box_of(head + shapely.Point(1, 2).wkb) == (1, 2, 1, 2)
    assert box_of(b"GP\x00\x11" + head[4:] + shapely.Point().wkb) is None
    assert box_of(head + shapely.Point().wkb) is None
    import struct

    for order, flag in (("<", 0b11), (">", 0b10)):
        envelope = struct.pack(f"{order}4d", 1, 5, 2, 9)
        assert box_of(b"GP\x00" + bytes([flag]) + head[4:] + envelope + shapely.box(1, 2, 5, 9).wkb) == (1, 2, 5, 9)


def test_a_box_without_a_row_is_found(tmp_path):
    with new_register(tmp_path / "r.gpkg") as register:
        add_points(register)
    raw = sqlite3.connect(tmp_path / "r.gpkg")
    add_functions(raw)
    assert faults(raw, "hazard_points") == []
    raw.execute("INSERT INTO rtree_hazard_points_geom VALUES (77, 0, 1, 0, 1)")
    assert faults(raw, "hazard_points") == ["1 boxes of the spatial index have no shape"]
    raw.close()


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("layer", list(LAYERS))
def test_the_form_names_every_field_once_and_offers_our_codes(layer, language):
    text = form_qml(form_of(layer), language=language)
    root = ET.fromstring(text)
    spec = LAYERS[layer]
    names = [f.get("name") for f in root.find("fieldConfiguration")]
    assert names == ["fid", spec.id, "version", *spec.fields, *spec.seen]
    headings = [a.get("name") for a in root.find("aliases")]
    assert len(set(headings)) == len(headings)  # no two fields have one heading
    for field, words in spec.choices.items():
        options = root.findall(f".//fieldConfiguration/field[@name='{field}']//Option[@type='QString']")
        assert {o.get("value") for o in options} >= set(words)
        shown = [o.get("name") for o in options]
        assert len(set(shown)) == len(shown)  # no two codes have one word
        if language == "zh":
            assert not [w for w in shown if w.isascii() and w not in ("I", "II", "III", "IV")]
    if language == "zh":
        plain = {"fid", "x", "y"}
        assert not [h for n, h in zip(names, headings, strict=True) if h.isascii() and n not in plain]


def test_the_file_and_its_copies_carry_the_styles(tmp_path):
    path = tmp_path / "r.gpkg"
    make_register(f"sqlite:///{path}", crs=CRS)
    make_register(f"sqlite:///{path}", crs=CRS)  # once more changes nothing
    with Register.open(str(path), clock=Clock()) as register:
        add_points(register)
        export(register, tmp_path / "copy.gpkg")
    for file, hidden in ((path, set()), (tmp_path / "copy.gpkg", {"responsible", "monitor", "loop_assignee"})):
        styles = pyogrio.read_dataframe(file, layer="layer_styles", read_geometry=False)
        assert styles["f_table_name"].tolist() == list(LAYERS)
        assert styles["useAsDefault"].astype(bool).all()
        for layer, text in zip(styles["f_table_name"], styles["styleQML"], strict=True):
            columns = set(pyogrio.read_info(file, layer=layer)["fields"])
            fields = {f.get("name") for f in ET.fromstring(text).find("fieldConfiguration")}
            assert fields - {"fid"} == columns  # a form for each column, and for no other
            assert not hidden & columns
