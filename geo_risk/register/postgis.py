"""The register on a server: PostgreSQL with PostGIS, for several machines at once; through pg8000, pure Python."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pyproj

from geo_risk.core.errors import ConfigError, ConflictError, CrsError, DiskFullError, EnvironmentError_, LockedError
from geo_risk.register.database import Database, Row, quoted

_LOCK_TIMEOUT = "60s"
_ROWS_AT_ONCE, _VALUES_AT_ONCE = 500, 20_000
"""Of one INSERT; PostgreSQL takes 65,535 values."""
_TLS = ("disable", "require", "verify-full")


class PostgisDatabase(Database):
    """A register in one schema of a PostgreSQL database.

    The URL is postgresql://USER@HOST:PORT/DATABASE, with `?schema=NAME` (default geo_risk), `?host=/FOLDER` for a
    socket and `?sslmode=disable|require|verify-full`. The password comes from PGPASSWORD, or stands in the URL.
    """

    integer, real, serial_key, lock_rows = "bigint", "double precision", "bigserial PRIMARY KEY", "FOR UPDATE"

    def __init__(self, url: str, *, create: bool) -> None:
        try:
            import pg8000.dbapi
        except ImportError as error:
            what = "a register on PostgreSQL needs pg8000"
            raise EnvironmentError_(what, where="register.url", fix="pip install 'geo-risk[postgis]'") from error
        self._errors = pg8000.dbapi
        settings, self._schema, self.label = read_url(url)
        quoted(self._schema)
        self._srs = 0
        with self._named():
            self._connection = pg8000.dbapi.connect(**settings)
        self._connection.autocommit = True
        self.run(f"SET lock_timeout = '{_LOCK_TIMEOUT}'")
        self.run("SET TIME ZONE 'UTC'")
        self.run(f"SET search_path = {quoted(self._schema)}, public")
        if self.has_register():
            self._srs = int(self.run(
                "SELECT srid FROM geometry_columns WHERE f_table_schema = ? AND f_table_name = 'hazard_points'",
                (self._schema,))[0][0])  # fmt: skip
        elif not create:
            self.close()
            what = f"there is no register in schema {self._schema!r}"
            fix = "make one: `geo-risk register import LEDGER --new` or `geo-risk register update OUT --new`"
            raise EnvironmentError_(what, where=self.label, fix=fix)

    def run(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Run one statement; return its rows."""
        with self._named():
            cursor = self._connection.cursor()
            cursor.execute(sql.replace("?", "%s"), tuple(values))
            return [] if cursor.description is None else [tuple(r) for r in cursor.fetchall()]

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each row of values."""
        with self._named():
            cursor = self._connection.cursor()
            for statement, values in _batches(sql.replace("?", "%s"), [tuple(r) for r in rows]):
                cursor.execute(statement, values)

    def start(self, *, write: bool) -> None:
        """Begin; a reader sees one state of all tables, a writer waits for the rows it locks."""
        self.run("BEGIN" if write else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if write:
            self.run("SET LOCAL geo_risk.writer = 'yes'")
            if self._srs:  # one writer after the other, as SQLite has it: no two can wait for each other in a circle
                self.run("LOCK TABLE reg_counters IN EXCLUSIVE MODE")

    def end(self, *, keep: bool) -> None:
        """Commit or roll back."""
        if keep:
            self.run("COMMIT")
            return
        try:
            self.run("ROLLBACK")
        except (EnvironmentError_, self._errors.Error):  # the connection is gone, and with it what was not committed
            return

    def has_register(self) -> bool:
        """Return whether the tables are there."""
        found = "SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = 'reg_meta'"
        return bool(self.run(found, (self._schema,)))

    def prepare(self, crs: str) -> None:
        """Make the schema and find the CRS among those of PostGIS."""
        self.run(f"CREATE SCHEMA IF NOT EXISTS {quoted(self._schema)}")
        try:
            self.run("CREATE EXTENSION IF NOT EXISTS postgis WITH SCHEMA public")
        except self._errors.Error as error:
            what = f"the database has no PostGIS and it cannot be added: {_text(error)}"
            fix = "install it (Debian: postgresql-15-postgis-3) and have its owner run CREATE EXTENSION postgis"
            raise EnvironmentError_(what, where=self.label, fix=fix) from error
        authority = pyproj.CRS.from_user_input(crs).to_authority()
        known = authority and self.run("SELECT srid FROM spatial_ref_sys WHERE auth_name = ? AND auth_srid = ?",
                                       (authority[0], int(authority[1])))  # fmt: skip
        if not known:
            what = f"PostGIS does not know {crs[:60]!r}"
            raise CrsError(what, where="CRS of the register", fix="use a CRS such as EPSG:4546")
        self._srs = int(known[0][0])

    def add_layer(self, name: str, columns: Sequence[tuple[str, str]], shape: str, title: str) -> None:
        """Create a table with a geometry column and its index; the title is its comment."""
        body = ", ".join(f"{quoted(c)} {kind}" for c, kind in columns)
        self.run(
            f"CREATE TABLE {quoted(name)} (fid bigserial PRIMARY KEY, geom geometry({shape}, {self._srs}), {body})"
        )
        self.run(f"CREATE INDEX {quoted(f'{name}_geom')} ON {quoted(name)} USING gist (geom)")
        self.run(f"COMMENT ON TABLE {quoted(name)} IS '{title}'")

    def columns(self, table: str) -> list[str]:
        """Return the names of the columns of a table."""
        found = "SELECT column_name FROM information_schema.columns WHERE table_schema = ? AND table_name = ?"
        return [str(r[0]) for r in self.run(found, (self._schema, table))]

    def keep_copy(self, mark: str) -> str:
        """Copy every table into a schema of its own: a register that the version which made it opens as it was."""
        copy = f"{self._schema}_{mark.lower().replace('-', '_').replace('.', '_')}"[:63]
        self.run(f"CREATE SCHEMA {quoted(copy)}")
        tables = [str(r[0]) for r in self.run(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = ? AND table_type = 'BASE TABLE' "
            "ORDER BY table_name", (self._schema,))]  # fmt: skip
        for name in tables:
            source, target = (f"{quoted(s)}.{quoted(name)}" for s in (self._schema, copy))
            self.run(f"CREATE TABLE {target} (LIKE {source} INCLUDING ALL)")
            self.run(f"INSERT INTO {target} SELECT * FROM {source}")  # noqa: S608 - names of this package
            serial = self.run("SELECT column_name FROM information_schema.columns WHERE table_schema = ? AND "
                              "table_name = ? AND column_default LIKE 'nextval%%'", (self._schema, name))  # fmt: skip
            for (column,) in serial:  # numbers of its own, so that the copy depends on nothing of the register
                numbers = f"{quoted(copy)}.{quoted(f'{name}_{column}_seq')}"
                self.run(f"CREATE SEQUENCE {numbers} OWNED BY {target}.{quoted(column)}")
                self.run(f"ALTER TABLE {target} ALTER {quoted(column)} SET DEFAULT nextval('{numbers}')")
                self.run(f"SELECT setval('{numbers}', (SELECT max({quoted(column)}) FROM {target}))")  # noqa: S608
        return f"{self.label.rpartition(', schema ')[0]}, schema {copy}"

    def index_layer(self, name: str) -> None:
        """Do nothing: layers had their index from the first format on."""

    def put_styles(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep none: QGIS looks for them in one table of the whole database, which is its owner's."""

    def protect(self, tables: Sequence[str], *, append_only: Sequence[str]) -> None:
        """Let triggers stop what does not come from this package."""
        self.run("CREATE FUNCTION reg_refuse() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN "
                 "IF current_setting('geo_risk.writer', true) = 'yes' AND TG_ARGV[0] = 'own' THEN "
                 "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END IF; "
                 "RAISE EXCEPTION 'the register is changed by geo-risk register only: export it, edit the copy, "
                 "import the copy; its history is never changed'; END $body$")  # fmt: skip
        for name in (*tables, *append_only):
            for act in ("INSERT", "UPDATE", "DELETE"):
                who = "never" if name in append_only and act != "INSERT" else "own"
                self.run(f"CREATE TRIGGER {quoted(f'keep_{name}_{act.lower()}')} BEFORE {act} ON {quoted(name)} "
                         f"FOR EACH ROW EXECUTE FUNCTION reg_refuse('{who}')")  # fmt: skip

    def shape_in(self) -> str:
        """Return the SQL that takes a shape."""
        return f"ST_GeomFromWKB(?, {self._srs})"

    def shape_value(self, wkb_hex: str | None) -> bytes | None:
        """Return WKB."""
        return None if wkb_hex is None else bytes.fromhex(wkb_hex)

    def shape_out(self) -> str:
        """Return the SQL that reads a shape as little-endian WKB."""
        return "ST_AsBinary(geom, 'NDR')"

    def shape_text(self, value: Any) -> str | None:
        """Return WKB as hexadecimal text."""
        return None if value is None else bytes(value).hex().upper()

    def touched(self, layer: str) -> None:
        """Do nothing: PostGIS keeps no time of change."""

    def index_faults(self, layer: str) -> list[str]:  # noqa: ARG002
        """Return nothing: the server keeps its index itself."""
        return []

    def close(self) -> None:
        """Close the connection."""
        try:
            self._connection.close()
        except (OSError, self._errors.Error):
            return

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Turn what the server says into what is wrong, where, and how to mend it."""
        try:
            yield
        except self._errors.DatabaseError as error:
            raise self._error(error) from error
        except (self._errors.InterfaceError, OSError) as error:
            what = f"the database does not answer: {_text(error)}"
            fix = "check that the server runs, and host, port, user and PGPASSWORD"
            raise EnvironmentError_(what, where=self.label, fix=fix) from error

    def _error(self, error: Exception) -> Exception:
        fields = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
        code, text = str(fields.get("C", "")), _text(error)
        if code in ("55P03", "40P01"):
            what = "another program holds rows of the register"
            return LockedError(what, where=self.label, fix="wait for it to end, then try again")
        if code == "40001" or (code == "23505" and "reg_history" in text):
            what = "somebody else changed the same rows at the same moment; nothing was changed here"
            return ConflictError(what, where=self.label, fix="look at the history and try again")
        if code.startswith("53"):
            return DiskFullError(f"the server is out of space or memory: {text}", where=self.label, fix="make room")
        if code.startswith(("08", "28", "3D", "57")):
            fix = "check user, database and PGPASSWORD, and that the server runs"
            return EnvironmentError_(f"the database refuses: {text}", where=self.label, fix=fix)
        return error


def _batches(sql: str, rows: list[Row]) -> Iterator[tuple[str, Row]]:
    """Give statements with their values: rows are inserted many at once, as each way to the server costs time."""
    head, marked, group = sql.rpartition("VALUES ")
    if not sql.startswith("INSERT ") or not marked or not rows:
        yield from ((sql, row) for row in rows)
        return
    n = max(1, min(_ROWS_AT_ONCE, _VALUES_AT_ONCE // len(rows[0])))
    for i in range(0, len(rows), n):
        part = rows[i : i + n]
        yield head + marked + ", ".join([group] * len(part)), tuple(v for row in part for v in row)


def _text(error: BaseException) -> str:
    fields = error.args[0] if error.args and isinstance(error.args[0], dict) else None
    return str(fields.get("M", "")) if fields is not None else str(error)


def read_url(url: str) -> tuple[dict[str, Any], str, str]:
    """Return the settings of pg8000's `connect`, the schema, and the address without its password.

    Raises
    ------
    ConfigError : no user or database, an unknown option, a port that is none.
    """
    parts = urlsplit(url)
    options = {k: v[-1] for k, v in parse_qs(parts.query).items()}
    unknown = sorted(set(options) - {"schema", "host", "sslmode"})
    try:
        port = parts.port or 5432
    except ValueError as error:
        raise ConfigError("the port is not a number", where="register.url", fix="write HOST:5432") from error  # noqa: EM101
    user, database = unquote(parts.username or ""), unquote(parts.path.lstrip("/"))
    mode = options.get("sslmode", "disable")
    schema = options.get("schema", "geo_risk")
    if unknown or not user or not database or mode not in _TLS or not schema.isidentifier():
        what = "the address of the database lacks user or name, or has an option that is not known"
        fix = "write postgresql://USER@HOST:5432/DATABASE?schema=geo_risk&sslmode=require"
        raise ConfigError(what, where="register.url", fix=fix)
    settings: dict[str, Any] = {
        "user": user, "database": database, "port": port, "host": parts.hostname or "localhost", "timeout": 120,
        "password": unquote(parts.password) if parts.password else os.environ.get("PGPASSWORD"),
        "application_name": "geo_risk",
    }  # fmt: skip
    if "host" in options:
        settings["unix_sock"] = f"{options['host']}/.s.PGSQL.{port}"
    if mode != "disable":
        context = ssl.create_default_context()
        if mode == "require":
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        settings["ssl_context"] = context
    place = options.get("host") or settings["host"]
    return settings, schema, f"postgresql://{user}@{place}:{port}/{database}, schema {schema}"
