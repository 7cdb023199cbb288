"""The embedded register: one GeoPackage, which is an SQLite file; QGIS opens its points and zones as layers.

The journal is SQLite's rollback journal with full syncs: one file to copy, no shared memory. While QGIS has the file
open it may switch it to WAL; both work. Neither is safe for two machines on a network drive: see docs/register.md.
"""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyproj
import shapely

from geo_risk.core.errors import CorruptFileError, CrsError, DiskFullError, EnvironmentError_, LockedError
from geo_risk.register import rtree
from geo_risk.register.database import Database, Row, quoted

BUSY_S = 60.0
"""How long a writer waits for another."""

_APPLICATION_ID, _VERSION = 0x47504B47, 10400
_NETWORKS = frozenset({"nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "9p", "afs", "fuse.sshfs", "davfs"})
_REFUSED = "the register is changed by `geo-risk register` only: export it, edit the copy, import the copy"

_GPKG = """
CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER NOT NULL PRIMARY KEY,
  organization TEXT NOT NULL, organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
CREATE TABLE gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE,
  description TEXT DEFAULT '', last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
  min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER,
  CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL,
  geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL,
  CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name),
  CONSTRAINT uk_gc_table_name UNIQUE (table_name),
  CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
  CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id))
"""
_EXTENSIONS = """
CREATE TABLE gpkg_extensions (table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL,
  definition TEXT NOT NULL, scope TEXT NOT NULL,
  CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name))
"""
_STYLES = """
CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT, f_table_catalog TEXT, f_table_schema TEXT,
  f_table_name TEXT, f_geometry_column TEXT, styleName TEXT, styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN,
  description TEXT, owner TEXT, ui TEXT, update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')))
"""
_UNDEFINED = (("Undefined Cartesian SRS", -1), ("Undefined geographic SRS", 0))


class SqliteDatabase(Database):
    """A register in a file."""

    integer, real, serial_key, lock_rows = "INTEGER", "REAL", "INTEGER PRIMARY KEY AUTOINCREMENT", ""

    def __init__(self, path: Path, *, create: bool, busy_s: float = BUSY_S) -> None:
        self.path, self.label, self._srs = path, str(path), 0
        if not path.is_file() and not create:
            what = "there is no register"
            fix = "make one: `geo-risk register import LEDGER --new` or `geo-risk register update OUT --new`"
            raise EnvironmentError_(what, where=self.label, fix=fix)
        with self._named():
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=busy_s)
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("PRAGMA foreign_keys = ON")
            rtree.add_functions(self._connection)
            if self.has_register():
                self._srs = int(self.run("SELECT srs_id FROM gpkg_geometry_columns")[0][0])

    def run(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Run one statement; return its rows."""
        with self._named():
            return self._connection.execute(sql, tuple(values)).fetchall()

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each row of values."""
        with self._named():
            self._connection.executemany(sql, [tuple(r) for r in rows])

    def start(self, *, write: bool) -> None:
        """Begin; a writer takes the lock at once, so that what it reads is what it changes."""
        self.run("BEGIN IMMEDIATE" if write else "BEGIN")
        if write and self.run("SELECT 1 FROM sqlite_master WHERE name = 'reg_writer'"):
            self.run("INSERT INTO reg_writer VALUES (1)")

    def end(self, *, keep: bool) -> None:
        """Commit or roll back; the mark of the writer never stays."""
        if not self._connection.in_transaction:
            return
        if keep and self.run("SELECT 1 FROM sqlite_master WHERE name = 'reg_writer'"):
            try:
                if self.run("SELECT 1 FROM reg_writer"):
                    self.run("DELETE FROM reg_writer")
                self.run("COMMIT")
            except BaseException:
                self._connection.rollback()
                raise
            return
        self.run("COMMIT" if keep else "ROLLBACK")

    def has_register(self) -> bool:
        """Return whether the tables are there."""
        return bool(self.run("SELECT 1 FROM sqlite_master WHERE name = 'reg_meta'"))

    def prepare(self, crs: str) -> None:
        """Write the tables of a GeoPackage."""
        for statement in (*_GPKG.split(";\n"), _EXTENSIONS):
            self.run(statement)
        self.run(f"PRAGMA application_id = {_APPLICATION_ID}")
        self.run(f"PRAGMA user_version = {_VERSION}")
        found = pyproj.CRS.from_user_input(crs)
        authority = found.to_authority()
        if authority is None or not authority[1].isdigit():
            what = f"{crs[:60]!r} has no code of an authority"
            raise CrsError(what, where="CRS of the register", fix="use a CRS such as EPSG:4546")
        self._srs = int(authority[1])
        rows = [(n, i, "NONE", i, "undefined", None) for n, i in _UNDEFINED]
        rows.append((found.name, self._srs, authority[0], self._srs, found.to_wkt("WKT1_GDAL"), None))
        self.many("INSERT INTO gpkg_spatial_ref_sys VALUES (?,?,?,?,?,?)", rows)
        self.run("CREATE TABLE reg_writer (token INTEGER)")

    def add_layer(self, name: str, columns: Sequence[tuple[str, str]], shape: str, title: str) -> None:
        """Create a feature table of the GeoPackage."""
        body = ", ".join(f"{quoted(c)} {kind}" for c, kind in columns)
        self.run(f"CREATE TABLE {quoted(name)} (fid INTEGER PRIMARY KEY AUTOINCREMENT, geom {shape.upper()}, {body})")
        self.run(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id) VALUES (?, 'features', ?, ?)",
            (name, title, self._srs),
        )
        self.run("INSERT INTO gpkg_geometry_columns VALUES (?, 'geom', ?, ?, 0, 0)", (name, shape.upper(), self._srs))
        self._add_index(name)

    def columns(self, table: str) -> list[str]:
        """Return the names of the columns of a table."""
        return [str(r[0]) for r in self.run("SELECT name FROM pragma_table_info(?)", (table,))]

    def keep_copy(self, mark: str) -> str:
        """Copy the file beside itself through a connection of its own, which sees what was committed."""
        copy = self.path.with_name(f"{self.path.stem}.{mark}{self.path.suffix}")
        part = copy.with_name(f"{copy.name}.part")
        if copy.exists():
            what = f"{copy.name} is there already"
            raise EnvironmentError_(what, where=self.label, fix="move it elsewhere, then try again")
        try:
            with self._named():
                part.unlink(missing_ok=True)
                source, target = sqlite3.connect(self.path), sqlite3.connect(part)
                try:
                    source.backup(target)
                    faults = [str(r[0]) for r in target.execute("PRAGMA integrity_check") if r[0] != "ok"]
                finally:
                    source.close()
                    target.close()
            if faults:
                what = f"the copy of the register does not read: {faults[0]}"
                raise CorruptFileError(what, where=self.label, fix="take the last backup")
            with part.open("rb+") as written:
                os.fsync(written.fileno())
            part.rename(copy)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return str(copy)

    def index_layer(self, name: str) -> None:
        """Make the R-tree of a layer that has none, with the boxes of its shapes."""
        if not self.columns("gpkg_extensions"):
            self.run(_EXTENSIONS)
        self.run(f"PRAGMA user_version = {_VERSION}")
        if not self.columns(f"rtree_{name}_geom"):
            self._add_index(name)
            self.run(rtree.filling(name))

    def _add_index(self, name: str) -> None:
        for statement in rtree.statements(name):
            self.run(statement)
        self.run("INSERT INTO gpkg_extensions VALUES (?, 'geom', 'gpkg_rtree_index', ?, 'write-only')",
                 (name, rtree.DEFINITION))  # fmt: skip

    def put_styles(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write QGIS's table `layer_styles`; what people save there later is theirs."""
        if not rows:
            return
        self.run(_STYLES)
        self.run("INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id) "
                 "VALUES ('layer_styles', 'attributes', 'layer_styles', 0)")  # fmt: skip
        names = list(rows[0])
        columns, marks = ", ".join(quoted(n) for n in names), ", ".join("?" * len(names))
        self.many(f"INSERT INTO layer_styles ({columns}) VALUES ({marks})", [[r[n] for n in names] for r in rows])  # noqa: S608

    def protect(self, tables: Sequence[str], *, append_only: Sequence[str]) -> None:
        """Let triggers stop what does not come from this package, such as edits that QGIS would write into the file."""
        for name in (*tables, *append_only):
            for act in ("INSERT", "UPDATE", "DELETE"):
                grows = name in append_only and act != "INSERT"
                unless = "" if grows else "WHEN NOT EXISTS (SELECT 1 FROM reg_writer)"
                said = "the history of the register is never changed" if grows else _REFUSED
                self.run(f"CREATE TRIGGER {quoted(f'keep_{name}_{act.lower()}')} BEFORE {act} ON {quoted(name)} "
                         f"{unless} BEGIN SELECT RAISE(ABORT, '{said}'); END")  # fmt: skip

    def shape_in(self) -> str:
        """Return the SQL that takes a shape."""
        return "?"

    def shape_value(self, wkb_hex: str | None) -> bytes | None:
        """Return a GeoPackage binary: header, envelope of what is no point, WKB."""
        if wkb_hex is None:
            return None
        wkb = bytes.fromhex(wkb_hex)
        shape = shapely.from_wkb(wkb)
        left, bottom, right, top = shape.bounds
        is_point = shape.geom_type == "Point"
        head = struct.pack("<2sBBi", b"GP", 0, 0b1 if is_point else 0b11, self._srs)
        return head + (b"" if is_point else struct.pack("<4d", left, right, bottom, top)) + wkb

    def shape_out(self) -> str:
        """Return the SQL that reads a shape."""
        return "geom"

    def shape_text(self, value: Any) -> str | None:
        """Return a GeoPackage binary as hexadecimal WKB."""
        if value is None:
            return None
        size = (0, 32, 48, 48, 64)[(value[3] >> 1) & 0b111]
        return bytes(value[8 + size :]).hex().upper()

    def touched(self, layer: str) -> None:
        """Set the time of change and the extent that GIS programs read."""
        self.run("UPDATE gpkg_contents SET last_change = strftime('%Y-%m-%dT%H:%M:%fZ','now'), "
                 "min_x = NULL, min_y = NULL, max_x = NULL, max_y = NULL WHERE table_name = ?", (layer,))  # fmt: skip

    def index_faults(self, layer: str) -> list[str]:
        """Return rows whose box in the index does not hold that of their shape, and boxes without a row."""
        return rtree.faults(self._connection, layer)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Turn what SQLite raises into what is wrong, where, and how to mend it."""
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except sqlite3.DatabaseError as error:
            raise self._error(error) from error

    def _error(self, error: sqlite3.DatabaseError) -> Exception:
        text = str(error)
        if "locked" in text or "busy" in text:
            what = f"another program has been writing to the register for more than {BUSY_S:.0f} s"
            return LockedError(what, where=self.label, fix="wait for it to end, or close it; then try again")
        if "full" in text:
            what = "the register could not be written: no space left on the disk; nothing was changed"
            return DiskFullError(what, where=self.label, fix="free space, then try again")
        if "not a database" in text or "malformed" in text:
            return CorruptFileError(f"the register does not read: {text}", where=self.label, fix="take the last backup")
        if "readonly" in text or "unable to open" in text:
            return EnvironmentError_(text, where=self.label, fix="check the folder and the rights of the file")
        return error


def network_type(path: Path, mounts: str | None = None) -> str | None:
    """Return the type of the network drive that a path lies on; None for a disk of this machine, or where not known.

    Parameters
    ----------
    mounts : text of /proc/self/mounts; read from there if left out.
    """
    place = str(path.absolute())
    if place.startswith(("\\\\", "//")):
        return "UNC"
    if mounts is None:
        try:
            mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
    best, kind = "", ""
    for line in mounts.splitlines():
        parts = line.split(" ")
        point = parts[1].replace("\\040", " ") if len(parts) > 2 else ""
        inside = place == point or place.startswith(point.rstrip("/") + "/")
        if point and inside and len(point) >= len(best):
            best, kind = point, parts[2]
    return kind if kind in _NETWORKS else None
