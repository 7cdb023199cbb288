"""A register of an earlier version is brought up to this one with all that it holds; a copy as it was is kept."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
import shapely

from geo_risk.core.errors import ConfigError, DiskFullError
from geo_risk.flow.register import decide
from geo_risk.flow.register_forms import migrate_register
from geo_risk.flow.register_run import read_run, update
from geo_risk.products.register_params import RegisterParams
from geo_risk.register import proposals, replay, rtree
from geo_risk.register.entry import Change
from geo_risk.register.migration import migrate
from geo_risk.register.store import Register, connect
from geo_risk.register.tables import FORMAT
from tests.support.format_1 import write_file, write_schema
from tests.support.registers import EDITOR, X, Y, add_points, new_register, run_points, write_run

RULES = RegisterParams()
ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["sqlite", "postgis"])
def old(request, tmp_path):
    """Return the address of a register of format 1 and what of a table is in it."""
    if request.param == "sqlite":
        return write_file(tmp_path / "register.gpkg")
    return write_schema(request.getfixturevalue("postgres"), f"r{uuid.uuid4().hex[:12]}")


def rows_of(url, table):
    database = connect(url)
    try:
        names = database.columns(table)
        shape = [database.shape_out() if n == "geom" else f'"{n}"' for n in names]
        found = database.run(f"SELECT {', '.join(shape)} FROM {table} ORDER BY 1")
        return [dict(zip(names, (bytes(v) if isinstance(v, memoryview) else v for v in r), strict=True)) for r in found]
    finally:
        database.close()


def address_of(url, copy):
    if url.startswith("sqlite"):
        return f"sqlite:///{copy}"
    own = url.partition("schema=")[2].partition("&")[0]
    return url.replace(f"schema={own}", f"schema={copy.rpartition('schema ')[2]}")


TABLES = ("reg_history", "reg_ids", "reg_proposals", "reg_runs", "reg_sightings", "reg_aliases", "reg_counters")


def test_nothing_of_a_register_of_format_1_is_lost(old):
    with pytest.raises(ConfigError, match="register migrate"):
        Register.open(old)
    before = {t: rows_of(old, t) for t in (*TABLES, "hazard_points", "risk_zones")}
    assert len(before["reg_history"]) == 15
    done = migrate_register(old, who="甲")
    assert (done.before, done.after, done.entries) == ("1", FORMAT, 15)
    assert "last_seen of 2 objects (HP-000001, HP-000002)" in str(done.notes[0])
    assert "人工" in done.notes[0].zh
    for table in TABLES:  # word for word
        assert rows_of(old, table) == before[table]
    for table in ("hazard_points", "risk_zones"):
        now = rows_of(old, table)
        assert len(now) == len(before[table])
        for a, b in zip(before[table], now, strict=True):
            assert {k: v for k, v in b.items() if k in a and k != "last_seen"} == {
                k: v for k, v in a.items() if k != "last_seen"
            }
    with Register.open(old) as register:
        assert replay.differences(register) == []
        frame = register.frame("hazard_points").set_index("point_id")
        # the run saw the first one move; of the second, whose day was typed, no run says that it acted
        assert frame["last_seen"].dropna().to_dict() == {"HP-000001": "2026-08-01"}
        assert frame.loc["HP-000001", "people"] == 30
        assert any(e.after.get("last_seen") == "2025-05-05" for e in register.history("HP-000002"))
    # the copy is the register as it was, and depends on nothing of it
    copy = address_of(old, done.copy)
    assert {t: rows_of(copy, t) for t in before} == before
    assert [r["value"] for r in rows_of(copy, "reg_meta") if r["key"] == "format"] == ["1"]
    again = migrate(old, who="乙")
    assert (again.copy, again.before, again.after) == (None, FORMAT, FORMAT)


def test_what_format_1_left_open_can_be_decided_undone_and_compared_with_runs(old, tmp_path):
    migrate(old, who="甲")
    with Register.open(old) as register:
        assert {p.name for p in proposals.listed(register)} == {"P-000001", "P-000004"}
        assert decide(register, ["P-000004", "P-000001"], EDITOR, RULES).left == {}
        now = register.get(["HP-000001", "HP-000003"])
        assert [now[i].values["people"] for i in sorted(now)] == [45, 20]
        first = next(e for e in register.history("HP-000002") if "last_seen" in e.after)
        with register.writing():  # it made the point dormant and wrote last_seen, which nobody edits any more
            replay.undo(register, [first.seq], EDITOR)
        assert register.get(["HP-000002"])["HP-000002"].values["status"] == "existing"
        told = replay.diff(register.history(), since="2000", until="2100")
        assert {r["object_id"] for r in told} >= {"HP-000001", "RZ-000001"}
        # its merge, made without a word on the counts, is still one; a run speaks for the point in force
        run = write_run(tmp_path / "later", run_points([("A", X + 10, Y, {"people": 80.0})]), radar="b",
                        made_at="2026-09-01T00:00:00+00:00")  # fmt: skip
        report = update(register, read_run(run), RULES, who="甲")
        assert report.proposed == {"hazard_points": {"changed": 1}}
        assert add_points(register) == ["HP-000008"]  # no id is given twice
        assert replay.differences(register) == []


def test_a_register_of_format_2_gets_the_columns_that_it_lacks(register_url):
    with new_register(register_url) as register:
        (one,) = add_points(register)
        database = register.database
        with register.writing():
            for layer in ("hazard_points", "risk_zones"):
                database.run(f"ALTER TABLE {layer} DROP COLUMN counts_at_least")
            database.run("UPDATE reg_meta SET value = '2' WHERE key = 'format'")
    with pytest.raises(ConfigError, match="format '2'"):
        Register.open(register_url)
    done = migrate(register_url, who="甲")
    assert done.columns == {"hazard_points": ["counts_at_least"], "risk_zones": ["counts_at_least"]}
    assert done.notes == []
    with Register.open(register_url) as register:
        assert register.get([one])[one].values["counts_at_least"] is None
        assert replay.differences(register) == []


def test_a_file_of_format_1_becomes_a_package_that_gis_programs_read_by_its_index(tmp_path):
    import pyogrio

    url = write_file(tmp_path / "register.gpkg")
    migrate_register(url, who="甲")
    info = pyogrio.read_info(tmp_path / "register.gpkg", layer="risk_zones")
    assert info["features"] == 2
    assert info["capabilities"]["fast_spatial_filter"]
    box = (X - 50, Y - 50, X + 50, Y + 50)
    assert len(pyogrio.read_dataframe(tmp_path / "register.gpkg", layer="hazard_points", bbox=box)) == 1
    with sqlite3.connect(tmp_path / "register.gpkg") as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (10400,)
        assert connection.execute("SELECT COUNT(*) FROM layer_styles").fetchone() == (2,)
        rtree.add_functions(connection)
        with pytest.raises(sqlite3.DatabaseError, match="is changed by"):
            connection.execute("UPDATE hazard_points SET people = 0")
    with Register.open(url) as register, register.writing():  # the index follows what is written later
        state = register.get(["HP-000001"])["HP-000001"]
        register.apply([Change("hazard_points", "HP-000001", state.version, "edit",
                               {"geometry": shapely.Point(X + 9000, Y)})], EDITOR)  # fmt: skip
    with Register.open(url) as register:
        assert replay.differences(register) == []


def test_the_commands(tmp_path, cli):
    path = tmp_path / "register.gpkg"
    write_file(path)
    code, _, err = cli("register", "list", "-r", path)
    assert (code, "geo-risk register migrate" in err) == (2, True)
    code, text, _ = cli("register", "migrate", "-r", path, "--by", "甲", "--json")
    told = json.loads(text)
    assert (code, told["before"], told["after"], told["entries"]) == (0, "1", FORMAT, 15)
    assert Path(told["copy"]).is_file()
    code, text, _ = cli("register", "migrate", "-r", path, "--by", "甲")
    assert (code, "already" in text) == (0, True)
    assert len(list(tmp_path.glob("*.gpkg"))) == 2
    code, text, _ = cli("register", "verify", "-r", path)
    assert code == 0
    code, _, err = cli("register", "migrate", "-r", path, "--by", " ")
    assert (code, "--by" in err) == (2, True)


def test_a_later_format_is_refused_and_no_copy_is_made(tmp_path):
    url = write_file(tmp_path / "register.gpkg")
    database = connect(url)
    with database.transaction(write=True):
        database.run("UPDATE reg_meta SET value = '9' WHERE key = 'format'")
    database.close()
    with pytest.raises(ConfigError, match="'9'"):
        migrate(url, who="甲")
    with pytest.raises(ConfigError, match="the version of geo_risk that made it"):
        Register.open(url)
    assert len(list(tmp_path.iterdir())) == 1


def test_where_the_copy_has_no_room_nothing_is_changed(tmp_path, monkeypatch):
    url = write_file(tmp_path / "register.gpkg")
    raw = (tmp_path / "register.gpkg").read_bytes()
    real = sqlite3.connect

    class Full(sqlite3.Connection):
        def backup(self, *_, **__):
            raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: real(*a, **{**k, "factory": Full}))
    with pytest.raises(DiskFullError):
        migrate(url, who="甲")
    monkeypatch.undo()
    assert (tmp_path / "register.gpkg").read_bytes() == raw
    assert [p.name for p in tmp_path.iterdir()] == ["register.gpkg"]


KILLED = """
import os, signal, sys
from geo_risk.register import postgis, sqlite
from geo_risk.flow.register_forms import migrate_register
url, n = sys.argv[1], int(sys.argv[2])
kind = sqlite.SqliteDatabase if url.startswith("sqlite") else postgis.PostgisDatabase
real, done = kind.run, 0
def run(self, sql, values=()):
    global done
    done += 1
    if done == n:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, sql, values)
kind.run = run
migrate_register(url, who="x")
print(done)
"""


@pytest.mark.slow
@pytest.mark.faults
def test_a_migration_that_is_killed_at_any_statement_leaves_the_register_as_it_was(old):
    env = {**os.environ, "PYTHONPATH": str(ROOT)}

    def killed_at(n):
        words = [sys.executable, "-c", KILLED, old, str(n)]
        return subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)

    before = {t: rows_of(old, t) for t in (*TABLES, "hazard_points", "risk_zones", "reg_meta")}
    n, step = 3, 7
    while True:
        process = killed_at(n)
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, process.stderr
        assert {t: rows_of(old, t) for t in before} == before
        n += step
    assert n > 30
    with Register.open(old) as register:
        assert replay.differences(register) == []
        assert len(register.history()) == 15
