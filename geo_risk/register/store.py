"""The register: opened by its address, changed in transactions, each change an entry of a history that only grows."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely

from geo_risk.core.errors import ConfigError, ConflictError, CrsError, SchemaError
from geo_risk.register import seen
from geo_risk.register.database import Database, quoted
from geo_risk.register.entry import ENTRY_COLUMNS, Author, Change, Entry, State, Values, entry_of, packed
from geo_risk.register.fields import GEOMETRY, KINDS_OF_NUMBER, LAYERS, Layer, empty, plain
from geo_risk.register.tables import EARLIER, FORMAT, KEPT, ONLY_GROWS, create_tables, lacking

Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


def connect(url: str, *, create: bool = False) -> Database:
    """Return the database of an address: sqlite:///FILE, a path that ends in .gpkg, or postgresql://...

    Raises
    ------
    ConfigError : another kind of address. EnvironmentError_ : the database is not there or does not answer.
    """
    if url.startswith(("postgresql://", "postgres://")):
        from geo_risk.register.postgis import PostgisDatabase

        return PostgisDatabase(url, create=create)
    path = url.removeprefix("sqlite:///") if url.startswith("sqlite:///") else url
    if "://" in path or not path.endswith(".gpkg"):
        what = f"{path.partition('://')[0][:40]!r} is no address of a register"
        fix = "write sqlite:///FOLDER/register.gpkg or postgresql://USER@HOST/DATABASE"
        raise ConfigError(what, where="register.url", fix=fix)
    from geo_risk.register.sqlite import SqliteDatabase

    return SqliteDatabase(Path(path), create=create)


class Register:
    """A register that is open.

    Parameters
    ----------
    database : where it is. clock : gives the time of changes; UTC.
    """

    def __init__(self, database: Database, *, clock: Clock = _now) -> None:
        self.database, self._clock = database, clock
        meta: dict[str, str] = dict(database.run("SELECT key, value FROM reg_meta"))
        if meta.get("format") not in (FORMAT, *EARLIER):
            what = f"the register has format {meta.get('format')!r}; {FORMAT!r} needed"
            raise ConfigError(what, where=database.label, fix="use the version of geo_risk that made it")
        if meta["format"] != FORMAT or any(lacking(database, layer) for layer in LAYERS.values()):
            what = f"the register was made by an earlier version: format {meta['format']!r}; {FORMAT!r} needed"
            fix = "run `geo-risk register migrate --by NAME` once: it keeps all of it, and a copy as it was"
            raise ConfigError(what, where=database.label, fix=fix)
        self.register_id, self.crs = str(meta["register_id"]), str(meta["crs"])

    @classmethod
    def create(cls, url: str, *, crs: str, clock: Clock = _now, styles: Sequence[Mapping[str, Any]] = ()) -> Register:
        """Make an empty register in a metric CRS; where one is already, open it.

        `styles` are rows of QGIS's table `layer_styles`, kept where the database is a file.

        Raises
        ------
        CrsError : a geographic CRS, or one that the database does not know; or the register there has another.
        """
        import pyproj

        if not pyproj.CRS.from_user_input(crs).is_projected:
            what = f"{crs[:60]!r} is not a metric CRS"
            raise CrsError(what, where="CRS of the register", fix="use a CRS such as EPSG:4546")
        database = connect(url, create=True)
        try:
            with database.transaction(write=True):
                if not database.has_register():
                    create_tables(database, crs=crs)
                    rows = [("format", FORMAT), ("register_id", uuid.uuid4().hex), ("crs", crs)]
                    database.many("INSERT INTO reg_meta VALUES (?, ?)", rows)
                    names = [("change",), ("proposal",), *((n,) for n in LAYERS)]
                    database.many("INSERT INTO reg_counters VALUES (?, 0)", names)
                    database.put_styles(styles)
                    database.protect([*KEPT, *LAYERS], append_only=ONLY_GROWS)
        except BaseException:
            database.close()
            raise
        database.close()
        return cls.open(url, clock=clock)

    @classmethod
    def open(cls, url: str, *, clock: Clock = _now) -> Register:
        """Open the register at an address.

        Raises
        ------
        EnvironmentError_ : there is none. ConfigError : of another format. CorruptFileError : it does not read.
        """
        database = connect(url)
        try:
            if not database.has_register():
                what = "this file holds no register"
                raise ConfigError(what, where=database.label, fix="name the register's own file")
            return cls(database, clock=clock)
        except BaseException:
            database.close()
            raise

    def close(self) -> None:
        """Close it."""
        self.database.close()

    def __enter__(self) -> Register:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def now(self) -> str:
        """Return the time as ISO, UTC, to the microsecond."""
        return self._clock().astimezone(UTC).isoformat(timespec="microseconds")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Commit all that the block writes, or nothing of it."""
        with self.database.transaction(write=True):
            yield

    def count(self, name: str, how_many: int = 1) -> range:
        """Take the next numbers of a counter, within a transaction; no number is given twice."""
        self.database.run("UPDATE reg_counters SET last = last + ? WHERE name = ?", (how_many, name))
        last = int(self.database.run("SELECT last FROM reg_counters WHERE name = ?", (name,))[0][0])
        return range(last - how_many + 1, last + 1)

    def new_ids(self, layer: str, how_many: int) -> list[str]:
        """Give ids that nothing ever had, within a transaction, and keep them for ever.

        A number that a ledger took for itself is passed over.
        """
        prefix = LAYERS[layer].prefix
        out: list[str] = []
        while len(out) < how_many:
            names = [f"{prefix}{n:06d}" for n in self.count(layer, how_many - len(out))]
            taken = {r[0] for r in self.database.among("SELECT object_id FROM reg_ids WHERE object_id IN", names)}
            out += [n for n in names if n not in taken]
        self.keep_ids(layer, out)
        return out

    def keep_ids(self, layer: str, ids: Sequence[str]) -> None:
        """Take ids of one's own, such as those of a ledger, within a transaction.

        Raises
        ------
        SchemaError : one was used before, by an object or a proposal, even one that is gone.
        """
        used = sorted({r[0] for r in self.database.among("SELECT object_id FROM reg_ids WHERE object_id IN", ids)})
        if used or len(set(ids)) != len(ids) or not all(i and i == i.strip() for i in ids):
            what = f"ids that were used before, repeat or are empty: {used[:10] or sorted(ids)[:10]}"
            raise SchemaError(
                what, where=self.database.label, fix="an id is never used again: leave it to the register"
            )
        at = self.now()
        self.database.many("INSERT INTO reg_ids VALUES (?, ?, 0, 0, ?)", [(i, layer, at) for i in ids])

    def apply(self, changes: Sequence[Change], author: Author, *, change_id: int | None = None) -> list[int]:
        """Make changes, within a transaction, each an entry; return the versions of the objects after them.

        Raises
        ------
        ConflictError : an object has another version than its change starts from; it names who changed what.
        SchemaError : an unknown id, a repeated id, or a value that does not fit its field.
        """
        ids = sorted(c.object_id for c in changes)
        if len(set(ids)) != len(ids):
            what = f"several changes of one object: {sorted({i for i in ids if ids.count(i) > 1})[:10]}"
            raise SchemaError(what, where=self.database.label, fix="change each object once")
        now = self._locked(ids)
        self._check_versions(changes, now)
        number = self.count("change")[0] if change_id is None else change_id
        at = self.now()
        out: list[int] = []
        entries: list[tuple[Any, ...]] = []
        written: dict[str, list[tuple[Change, State, Values, bool]]] = {}
        for change in changes:
            state, layer = now[change.object_id], LAYERS[change.layer]
            place = f"{layer.name} {change.object_id}"
            wanted = {k: plain(layer, k, v, where=place) for k, v in change.after.items()}
            is_there = state.is_there if change.is_there is None else change.is_there
            values = {**state.values, **wanted} if is_there else empty(layer)
            after = {k: v for k, v in values.items() if not _same(v, state.values[k])}
            if not after and is_there == state.is_there:
                out.append(state.version)
                continue
            before = {k: state.values[k] for k in after}
            version = state.version + 1
            out.append(version)
            entries.append((number, change.layer, change.object_id, version, change.action, author.who, at,
                            author.why, author.run_id, change.undoes, int(is_there), packed(before),
                            packed(after)))  # fmt: skip
            written.setdefault(change.layer, []).append((change, state, values, is_there))
        self.database.many(
            "INSERT INTO reg_history (change_id, layer, object_id, version, action, who, at, why, run_id, undoes, "
            "is_there, before, after) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)", entries,
        )  # fmt: skip
        for name, rows in written.items():
            self._write_rows(LAYERS[name], rows)
        return out

    def _locked(self, ids: Sequence[str]) -> dict[str, State]:
        """Return the states of objects, their rows locked against other writers, in one order for all."""
        order = f"ORDER BY object_id {self.database.lock_rows}"
        found = self.database.among(
            "SELECT object_id, layer, version, is_there FROM reg_ids WHERE object_id IN", ids, after=order
        )
        return self._states(found)

    def _states(self, found: Sequence[tuple[Any, ...]]) -> dict[str, State]:
        values: dict[str, Values] = {}
        for layer in LAYERS.values():
            ids = [r[0] for r in found if r[1] == layer.name and r[3]]
            columns = ", ".join(quoted(f) for f in layer.fields)
            sql = f"SELECT {quoted(layer.id)}, {self.database.shape_out()}, {columns} FROM {quoted(layer.name)} " \
                  f"WHERE {quoted(layer.id)} IN"  # noqa: S608 - names of this package  # fmt: skip
            for row in self.database.among(sql, ids):
                shape = self.database.shape_text(row[1])
                values[row[0]] = {GEOMETRY: shape, **dict(zip(layer.fields, row[2:], strict=True))}
        return {r[0]: State(r[1], r[0], int(r[2]), bool(r[3]), values.get(r[0]) or empty(LAYERS[r[1]])) for r in found}

    def _check_versions(self, changes: Sequence[Change], now: dict[str, State]) -> None:
        unknown = [c.object_id for c in changes if c.object_id not in now or now[c.object_id].layer != c.layer]
        if unknown:
            what = f"the register has no {changes[0].layer} {unknown[:10]}"
            raise SchemaError(what, where=self.database.label, fix="see `geo-risk register list` for the ids")
        stale = [c for c in changes if now[c.object_id].version != c.base_version]
        if stale:
            said = "; ".join(self.told(c.object_id, since=c.base_version) for c in stale[:10])
            what = f"{len(stale)} objects were changed since they were read: {said}"
            fix = "look at `geo-risk register history ID`, then make the change again on what stands there now"
            raise ConflictError(what, where=self.database.label, fix=fix)

    def told(self, object_id: str, *, since: int) -> str:
        """Return who changed which fields of an object after a version, in a sentence without the values."""
        sql = f"SELECT {ENTRY_COLUMNS} FROM reg_history WHERE object_id = ? AND version > ? "  # noqa: S608
        found = self.database.run(f"{sql} ORDER BY version DESC LIMIT 3", (object_id, since))
        rows = [entry_of(r) for r in found]
        parts = [f"{e.who} ({e.action}: {', '.join(sorted(e.after)[:8])}) at {e.at}" for e in rows]
        more = rows[-1].version - since - 1 if rows else 0
        parts += [f"and {more} more before"] * (more > 0)
        return f"{object_id}: " + ("; ".join(parts) or f"it has version {max(0, since - 1)} or less")

    def _write_rows(self, layer: Layer, rows: Sequence[tuple[Change, State, Values, bool]]) -> None:
        """Bring the current table and the versions in line with the entries just written."""
        key, table = quoted(layer.id), quoted(layer.name)
        gone = [(s.object_id,) for _, s, _, there in rows if s.is_there and not there]
        self.database.many(f"DELETE FROM {table} WHERE {key} = ?", gone)  # noqa: S608
        made = [(s.object_id, s.version + 1, v) for _, s, v, there in rows if there and not s.is_there]
        names = ", ".join(quoted(f) for f in layer.fields)
        marks = ", ".join("?" * len(layer.fields))
        shape = self.database.shape_in()
        self.database.many(
            f"INSERT INTO {table} ({key}, version, geom, {names}) VALUES (?, ?, {shape}, {marks})",  # noqa: S608
            [(i, n, self.database.shape_value(v[GEOMETRY]), *(v[f] for f in layer.fields)) for i, n, v in made],
        )
        seen.note_objects(self.database, layer, [i for i, _, _ in made])
        sets = ", ".join(f"{quoted(f)} = ?" for f in layer.fields)
        self.database.many(
            f"UPDATE {table} SET version = ?, geom = {shape}, {sets} WHERE {key} = ?",  # noqa: S608
            [(s.version + 1, self.database.shape_value(v[GEOMETRY]), *(v[f] for f in layer.fields), s.object_id)
             for _, s, v, there in rows if there and s.is_there],
        )  # fmt: skip
        for stays in (True, False):
            ids = [s.object_id for _, s, _, there in rows if there is stays]
            sql = "UPDATE reg_ids SET version = version + 1, is_there = ? WHERE object_id IN"
            self.database.among(sql, ids, first=[int(stays)])
        self.database.touched(layer.name)

    def get(self, ids: Sequence[str]) -> dict[str, State]:
        """Return the states of objects by id; those that the register never had are absent."""
        return self._states(
            self.database.among("SELECT object_id, layer, version, is_there FROM reg_ids WHERE object_id IN", ids)
        )

    def states(self, layer: str) -> list[State]:
        """Return every object of a layer that is there, by id."""
        rows = self.database.run(
            "SELECT object_id, layer, version, is_there FROM reg_ids WHERE layer = ? AND is_there = 1 "
            "ORDER BY object_id", (layer,),
        )  # fmt: skip
        states = self._states(rows)
        return [states[r[0]] for r in rows]

    def frame(self, layer: str) -> gpd.GeoDataFrame:
        """Return the layer as it stands: id, version, fields, when it was last seen, geometry in the register's CRS."""
        return states_frame(self.states(layer), seen.kept(self.database, layer), layer, self.crs)

    def history(self, object_id: str | None = None) -> list[Entry]:
        """Return entries of one object, or of all, in the order in which they were made."""
        where, values = ("WHERE object_id = ?", (object_id,)) if object_id is not None else ("", ())
        order = "object_id, version" if object_id is not None else "seq"
        rows = self.database.run(f"SELECT {ENTRY_COLUMNS} FROM reg_history {where} ORDER BY {order}", values)  # noqa: S608
        return [entry_of(r) for r in rows]

    def entry(self, seq: int) -> Entry | None:
        """Return an entry by its number, None where there is none."""
        rows = self.database.run(f"SELECT {ENTRY_COLUMNS} FROM reg_history WHERE seq = ?", (seq,))  # noqa: S608
        return entry_of(rows[0]) if rows else None

    def entries(self, change_id: int) -> list[Entry]:
        """Return the entries of one change."""
        sql = f"SELECT {ENTRY_COLUMNS} FROM reg_history WHERE change_id = ? ORDER BY seq"  # noqa: S608
        return [entry_of(r) for r in self.database.run(sql, (change_id,))]


def states_frame(
    states: Sequence[State], seen_by: Mapping[str, Mapping[str, Any]], layer: str, crs: str
) -> gpd.GeoDataFrame:
    """Return states as a frame: id, version, fields with the types of the schema, what runs saw by id, geometry."""
    rules = LAYERS[layer]
    columns: dict[str, Any] = {
        rules.id: pd.array([s.object_id for s in states], dtype="string"),
        "version": pd.array([s.version for s in states], dtype="Int64"),
    }
    for name, kind in rules.fields.items():
        values = [s.values[name] for s in states]
        if kind not in KINDS_OF_NUMBER:
            columns[name] = pd.array(values, dtype="string")
        elif kind in ("number", "positive", "share"):
            columns[name] = pd.array([float("nan") if v is None else float(v) for v in values], dtype="float64")
        else:
            columns[name] = pd.array([pd.NA if v is None else int(v) for v in values], dtype="Int64")
    for name in rules.seen:
        columns[name] = pd.array([seen_by.get(s.object_id, {}).get(name) for s in states], dtype="string")
    shapes = [
        None if s.values[GEOMETRY] is None else shapely.from_wkb(bytes.fromhex(s.values[GEOMETRY])) for s in states
    ]
    return gpd.GeoDataFrame(columns, geometry=gpd.GeoSeries(shapes, crs=crs), crs=crs)


def _same(a: Any, b: Any) -> bool:
    return bool(a == b and type(a) is type(b)) or (isinstance(a, int | float) and isinstance(b, int | float) and a == b)
