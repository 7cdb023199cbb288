"""The register's store, on SQLite and on a real PostgreSQL with PostGIS: versions, ids, undo, what is refused."""

import sqlite3
import threading

import pyogrio
import pytest
import shapely

from geo_risk.core.errors import (
    ConfigError,
    ConflictError,
    CorruptFileError,
    CrsError,
    DataError,
    EnvironmentError_,
    LockedError,
    SchemaError,
)
from geo_risk.register.entry import Author, Change
from geo_risk.register.fields import LAYERS, plain
from geo_risk.register.postgis import read_url
from geo_risk.register.replay import diff, differences, replay, undo
from geo_risk.register.rtree import add_functions
from geo_risk.register.sqlite import SqliteDatabase, network_type
from geo_risk.register.store import Register, connect
from tests.support.registers import CRS, EDITOR, POINT, X, Y, add_points, change, new_register


def test_what_goes_in_comes_out_and_its_history_tells_it(register_url):
    with new_register(register_url) as register:
        (one,) = add_points(register, velocity_mm_yr=-0.1, name="点 ?%'\"", people=None)
        change(register, one, people=7, hazard_level=None)
        frame = register.frame("hazard_points")
        row = frame.iloc[0]
        assert (row["point_id"], row["version"], row["name"]) == (one, 2, "点 ?%'\"")
        assert row["velocity_mm_yr"] == -0.1
        assert (row["people"], row["hazard_level"]) == (7, -1)  # an unknown level is -1, never 0
        assert row.geometry == shapely.Point(X, Y)
        assert frame.crs == CRS
        first, second = register.history(one)
        assert (second.who, second.why, second.action, second.version) == ("甲", "核实", "edit", 2)
        assert second.before == {"hazard_level": 3, "people": None}
        assert second.after == {"hazard_level": -1, "people": 7}
        assert first.at < second.at
        assert first.at.endswith("+00:00")
        assert differences(register) == []


def test_zones_are_multipolygons_and_gis_programs_read_them(register_url):
    box = shapely.box(X, Y, X + 100, Y + 50)
    with new_register(register_url) as register:
        with register.writing():
            (one,) = register.new_ids("risk_zones", 1)
            register.apply([Change("risk_zones", one, 0, "new", {"kind": "landslide", "geometry": box}, True)], EDITOR)
        assert register.frame("risk_zones").geometry.iloc[0] == shapely.MultiPolygon([box])
        assert one == "RZ-000001"
        if register_url.startswith("sqlite"):
            path = register_url.removeprefix("sqlite:///")
            read = pyogrio.read_dataframe(path, layer="risk_zones")
            assert read.crs == CRS
            assert read.geometry.iloc[0].equals(box)
        else:
            found = register.database.run("SELECT ST_Area(geom), ST_SRID(geom) FROM risk_zones")
            assert found == [(5000.0, 4546)]


def test_a_stale_version_is_an_error_that_names_who_changed_what(register_url):
    with new_register(register_url) as register:
        (one,) = add_points(register)
        change(register, one, Author("乙", "现场复核"), people=99)
        with pytest.raises(ConflictError, match=r"HP-000001: 乙 \(edit: people\) at 2026-08-01") as caught:
            change(register, one, base=1, people=5)
        assert "现场" not in caught.value.what  # not the reasons, which may hold names
        assert register.get([one])[one].values["people"] == 99
        assert len(register.history(one)) == 2


def test_one_bad_change_of_many_changes_nothing(register_url):
    with new_register(register_url) as register:
        ids = add_points(register, 3)
        changes = [Change("hazard_points", i, 1, "edit", {"people": 1}) for i in ids]
        changes[2] = Change("hazard_points", ids[2], 7, "edit", {"people": 1})
        with pytest.raises(ConflictError), register.writing():
            register.apply(changes, EDITOR)
        assert [s.values["people"] for s in register.states("hazard_points")] == [12, 12, 12]
        assert len(register.history()) == 3


def test_ids_are_never_given_twice(register_url):
    with new_register(register_url) as register:
        (one,) = add_points(register)
        with register.writing():
            register.apply([Change("hazard_points", one, 1, "cancel", {"status": "cancelled"})], EDITOR)
        with pytest.raises(SchemaError, match="used before"), register.writing():
            register.keep_ids("hazard_points", [one])
        with register.writing():
            register.keep_ids("hazard_points", ["HP-000002", "1410070001"])  # a ledger may have such a number
        assert add_points(register, 2) == ["HP-000003", "HP-000004"]
        with pytest.raises(SchemaError, match="used before"), register.writing():
            register.keep_ids("risk_zones", ["1410070001"])


def test_undo_is_a_new_entry_and_undoing_it_brings_back_what_it_took(register_url):
    with new_register(register_url) as register:
        (one,) = add_points(register)
        made = register.get([one])[one].values
        change(register, one, people=50)
        change(register, one, name="另一名")
        with register.writing():
            undo(register, [2], Author("丙", "误填"))
        values = register.get([one])[one].values
        assert (values["people"], values["name"]) == (12, "另一名")  # what was changed beside it stays
        assert register.history(one)[-1].undoes == 2
        with register.writing():
            undo(register, [4], EDITOR)
        assert register.get([one])[one].values["people"] == 50
        # the making of an object can be taken back, and that too
        with register.writing():
            undo(register, [5], EDITOR)
            undo(register, [3], EDITOR)
        with register.writing():
            undo(register, [1], EDITOR)
        assert register.states("hazard_points") == []
        assert register.get([one])[one].is_there is False
        last = register.history(one)[-1].seq
        with register.writing():
            undo(register, [last], EDITOR)
        assert register.get([one])[one].values == made
        assert differences(register) == []


def test_undo_of_what_was_changed_since_names_the_later_entry(register_url):
    with new_register(register_url) as register:
        (one,) = add_points(register)
        change(register, one, people=50)
        change(register, one, Author("乙", "x"), people=60)
        with pytest.raises(ConflictError, match="entry 3 by 乙"), register.writing():
            undo(register, [2], EDITOR)
        with pytest.raises(DataError, match="no entry"), register.writing():
            undo(register, [77], EDITOR)


def test_nothing_but_the_program_changes_rows_and_nothing_at_all_changes_the_history(register_url):
    with new_register(register_url) as register:
        (one,) = add_points(register)
        run = register.database.run
        for sql in ("UPDATE hazard_points SET people = 1", "DELETE FROM hazard_points", "DELETE FROM reg_history",
                    "UPDATE reg_ids SET version = 9"):  # fmt: skip
            with pytest.raises(Exception, match="register"):
                run(sql)
        for sql in ("UPDATE reg_history SET who = 'x'", "DELETE FROM reg_history"):
            with pytest.raises(Exception, match="never changed"), register.writing():
                run(sql)
        assert differences(register) == []
        assert len(register.history(one)) == 1


def test_gis_programs_cannot_edit_the_embedded_register_in_place(tmp_path):
    with new_register(tmp_path / "r.gpkg") as register:
        add_points(register)
        frame = pyogrio.read_dataframe(tmp_path / "r.gpkg", layer="hazard_points")
        with pytest.raises(Exception, match="geo-risk register"):
            pyogrio.write_dataframe(frame, tmp_path / "r.gpkg", layer="hazard_points", append=True)
        assert len(register.states("hazard_points")) == 1


def test_a_change_behind_the_back_of_the_program_is_found(tmp_path):
    with new_register(tmp_path / "r.gpkg") as register:
        (one,) = add_points(register)
    raw = sqlite3.connect(tmp_path / "r.gpkg")
    add_functions(raw)
    raw.execute("DROP TRIGGER keep_hazard_points_update")
    raw.execute("UPDATE hazard_points SET people = 0")
    raw.commit()
    raw.close()
    with Register.open(str(tmp_path / "r.gpkg")) as register:
        assert differences(register) == [f"{one}: people differ from the history"]


def test_the_register_of_any_time_and_what_changed_between_two(register_url):
    with new_register(register_url) as register:
        one, two = add_points(register, 2)
        before = register.now()
        change(register, one, people=40)
        change(register, one, people=12, name="改")
        with register.writing():
            undo(register, [2], EDITOR)
        after = register.now()
        old = replay(register.history(), until=before)
        assert (old[one].values["people"], old[two].is_there) == (12, True)
        rows = diff(register.history(), since=before, until=after)
        assert [(r["object_id"], r["change"]) for r in rows] == [(one, "changed"), (two, "removed")]
        assert rows[0]["fields"] == {"name": ["一号点", "改"]}  # people came back to what it was
        assert [e["seq"] for e in rows[0]["entries"]] == [3, 4]
        assert diff(register.history(), since=after, until=register.now()) == []


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [("people", -1, "a number from 0"), ("people", 1.5, "whole number"), ("people", "abc", "a number from 0"),
     ("hazard_level", 5, "from -1 to 4"), ("kind", "flood", "one of landslide"), ("nothing", 1, "no field"),
     ("confidence", float("inf"), "from 0 to 1"), ("geometry", shapely.box(0, 0, 1, 1), "Point needed"),
     ("geometry", shapely.Point(float("nan"), 0), "shape"), ("geometry", shapely.Point(), "empty")],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_refused(field, value, said):
    with pytest.raises(SchemaError, match=said):
        plain(LAYERS["hazard_points"], field, value, where="x")


def test_values_have_one_form():
    layer = LAYERS["hazard_points"]
    assert plain(layer, "people", "１２", where="x") == 12  # full-width digits
    assert plain(layer, "people", 12.0, where="x") == 12
    assert plain(layer, "name", "  a\x00b ", where="x") == "ab"
    assert plain(layer, "name", " ", where="x") is None
    assert plain(layer, "people", float("nan"), where="x") is None
    zone = LAYERS["risk_zones"]
    with pytest.raises(SchemaError, match="crosses itself"):
        plain(zone, "geometry", shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), where="x")
    assert plain(layer, "geometry", shapely.Point(1, 2, 3), where="x") == shapely.Point(1, 2).wkb_hex


def test_addresses_that_are_none(tmp_path):
    for url, said in (("mysql://x/y", "no address"), ("notes.txt", "no address"), ("sqlite://x.db", "no address")):
        with pytest.raises(ConfigError, match=said):
            connect(url)
    with pytest.raises(EnvironmentError_, match="no register") as caught:
        Register.open(str(tmp_path / "none.gpkg"))
    assert "--new" in caught.value.fix
    assert not (tmp_path / "none.gpkg").exists()
    (tmp_path / "bad.gpkg").write_bytes(b"no database at all" * 100)
    with pytest.raises(CorruptFileError):
        Register.open(str(tmp_path / "bad.gpkg"))
    sqlite3.connect(tmp_path / "other.gpkg").execute("CREATE TABLE t (a)").connection.close()
    with pytest.raises(ConfigError, match="no register"):
        Register.open(str(tmp_path / "other.gpkg"))
    with pytest.raises(CrsError, match="metric"):
        Register.create(str(tmp_path / "deg.gpkg"), crs="EPSG:4490")
    assert not (tmp_path / "deg.gpkg").exists()


def test_a_register_that_is_there_is_not_made_again(register_url):
    with new_register(register_url) as register:
        add_points(register)
        name = register.register_id
    Register.create(register_url, crs=CRS).close()
    with Register.open(register_url) as register:
        assert register.register_id == name
        assert len(register.states("hazard_points")) == 1


def test_a_password_is_never_shown(monkeypatch):
    settings, schema, label = read_url("postgresql://u:geheim@h:5433/db?schema=s1&sslmode=require")
    assert settings["password"] == "geheim"
    assert (settings["port"], schema) == (5433, "s1")
    assert "geheim" not in label
    monkeypatch.setenv("PGPASSWORD", "aus der Umgebung")
    assert read_url("postgresql://u@h/db")[0]["password"] == "aus der Umgebung"
    for url in ("postgresql://h/db", "postgresql://u:geheim@h", "postgresql://u:geheim@h/db?schema=a-b",
                "postgresql://u:geheim@h/db?what=1", "postgresql://u:geheim@h:port/db"):  # fmt: skip
        with pytest.raises(ConfigError) as caught:
            read_url(url)
        assert "geheim" not in str(caught.value)
    with pytest.raises(EnvironmentError_, match="does not answer") as unreachable:
        connect("postgresql://u:geheim@127.0.0.1:1/db")
    assert "geheim" not in str(unreachable.value)


@pytest.mark.slow
def test_a_database_that_has_no_register_says_how_to_make_one(postgres):
    with pytest.raises(EnvironmentError_, match="no register in schema"):
        Register.open(postgres.url("nothing_here"))
    with pytest.raises(EnvironmentError_, match=r"refuses|does not answer"):
        connect(postgres.url("x").replace("/postgres?", "/no_such_database?"))


def test_a_writer_that_waits_too_long_says_so(tmp_path):
    path = tmp_path / "r.gpkg"
    with new_register(path) as register:
        (one,) = add_points(register)
        other = SqliteDatabase(path, create=False, busy_s=0.1)
        with register.writing(), pytest.raises(LockedError, match="another program"):
            other.start(write=True)
        other.close()
        assert register.get([one])[one].version == 1


def test_two_writers_in_the_same_moment_one_waits_for_the_other(register_url):
    with new_register(register_url) as register:
        (one,) = add_points(register)
        outcomes = []

        def write():
            with Register.open(register_url) as mine:
                for _ in range(20):
                    while True:
                        state = mine.get([one])[one]
                        try:
                            with mine.writing():
                                people = state.values["people"] + 1
                                mine.apply([Change("hazard_points", one, state.version, "edit", {"people": people})],
                                           EDITOR)  # fmt: skip
                            break
                        except ConflictError:
                            outcomes.append("conflict")

        threads = [threading.Thread(target=write) for _ in range(3)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert register.get([one])[one].values["people"] == 12 + 60
        assert len(register.history(one)) == 61
        assert differences(register) == []


def test_readers_see_one_state_while_others_write(register_url):
    with new_register(register_url) as register, Register.open(register_url) as other:
        (one,) = add_points(register)
        with register.writing():
            register.apply([Change("hazard_points", one, 1, "edit", {"people": 77})], EDITOR)
            assert other.get([one])[one].values["people"] == 12  # what is not committed is not there
        assert other.get([one])[one].values["people"] == 77


def test_an_error_in_the_middle_leaves_nothing(register_url):
    with new_register(register_url) as register:
        (one,) = add_points(register)

        def fall():
            with register.writing():
                register.new_ids("hazard_points", 5)
                register.apply([Change("hazard_points", one, 1, "edit", {"people": 77})], EDITOR)
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fall()
        assert register.get([one])[one].version == 1
        assert add_points(register) == ["HP-000002"]


@pytest.mark.parametrize("text", ["", "  "])
def test_every_change_has_a_name_and_a_reason(text):
    with pytest.raises(ConfigError, match="--by"):
        Author(text, "x")
    with pytest.raises(ConfigError, match="--why"):
        Author("x", text)


def test_network_drives_are_told_apart(tmp_path):
    mounts = "/dev/sda1 / ext4 rw 0 0\n//srv/share /mnt/a\\040b cifs rw 0 0\nsrv:/x /home/nfs nfs4 rw 0 0\n"
    place = type(tmp_path)
    assert network_type(place("/mnt/a b/r.gpkg"), mounts) == "cifs"
    assert network_type(place("/home/nfs/r.gpkg"), mounts) == "nfs4"
    assert network_type(place("/home/nfs2/r.gpkg"), mounts) is None
    assert network_type(place("/home/r.gpkg"), mounts) is None


def test_many_proposals_are_decided_without_comparing_each_with_each(tmp_path, monkeypatch):
    from geo_risk.flow.register import decide
    from geo_risk.products.register_params import RegisterParams
    from geo_risk.register import proposals

    with new_register(tmp_path / "r.gpkg") as register:
        places = [{**POINT, "geometry": shapely.Point(X + k, Y)} for k in range(200)]
        offers = [proposals.Offer("new", "hazard_points", None, place, "新", "New") for place in places]
        with register.writing():
            proposals.propose(register, offers, source="run", run_id=None)
        asked = []
        monkeypatch.setattr(proposals.Proposal, "__eq__", lambda a, b: asked.append(1) or a is b)
        assert len(decide(register, [], EDITOR, RegisterParams(), everything=True).done) == 200
        assert len(asked) <= 200
