"""The spatial index of a GeoPackage: an R-tree that triggers keep right, as its extension `gpkg_rtree_index` says.

Source: OGC 12-128r19 (GeoPackage 1.4), annex F.3. The triggers call ST_MinX and the like, which SQLite has not: this
module gives them to the connection. GDAL and QGIS bring their own, read the index by it, and write no row here anyway.
The boxes are 32-bit numbers that SQLite rounds outward: they hold the shape, and are a little larger.
"""

# ruff: noqa: S608 - names of this package

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable

import shapely

from geo_risk.register.database import quoted

DEFINITION = "http://www.geopackage.org/spec120/#extension_rtree"
_HAS = "({row}.geom NOTNULL AND NOT ST_IsEmpty({row}.geom))"
_NONE = "({row}.geom ISNULL OR ST_IsEmpty({row}.geom))"
_BOX = "ST_MinX(NEW.geom), ST_MaxX(NEW.geom), ST_MinY(NEW.geom), ST_MaxY(NEW.geom)"
_SETS = ("minx = ST_MinX(NEW.geom), maxx = ST_MaxX(NEW.geom), miny = ST_MinY(NEW.geom), "
         "maxy = ST_MaxY(NEW.geom)")  # fmt: skip
_ENVELOPE_BYTES = (0, 32, 48, 48, 64)


def statements(layer: str) -> list[str]:
    """Return the SQL that makes the index of a layer and its triggers; the layer has `fid` and `geom`."""
    tree, table = quoted(f"rtree_{layer}_geom"), quoted(layer)
    new, old, no_new, no_old = (
        t.format(row=r) for t, r in ((_HAS, "NEW"), (_HAS, "OLD"), (_NONE, "NEW"), (_NONE, "OLD"))
    )
    put = f"INSERT OR REPLACE INTO {tree} VALUES (NEW.fid, {_BOX})"
    rows = (
        ("insert", f"AFTER INSERT ON {table} WHEN {new}", put),
        ("update2", f"AFTER UPDATE OF geom ON {table} WHEN OLD.fid = NEW.fid AND {no_new}",
         f"DELETE FROM {tree} WHERE id = OLD.fid"),
        ("update4", f"AFTER UPDATE ON {table} WHEN OLD.fid != NEW.fid AND {no_new}",
         f"DELETE FROM {tree} WHERE id IN (OLD.fid, NEW.fid)"),
        ("update5", f"AFTER UPDATE ON {table} WHEN OLD.fid != NEW.fid AND {new}",
         f"DELETE FROM {tree} WHERE id = OLD.fid; {put}"),
        ("update6", f"AFTER UPDATE OF geom ON {table} WHEN OLD.fid = NEW.fid AND {new} AND {old}",
         f"UPDATE {tree} SET {_SETS} WHERE id = NEW.fid"),
        ("update7", f"AFTER UPDATE OF geom ON {table} WHEN OLD.fid = NEW.fid AND {new} AND {no_old}",
         f"INSERT INTO {tree} VALUES (NEW.fid, {_BOX})"),
        ("delete", f"AFTER DELETE ON {table} WHEN OLD.geom NOT NULL", f"DELETE FROM {tree} WHERE id = OLD.fid"),
    )  # fmt: skip
    made = [f"CREATE VIRTUAL TABLE {tree} USING rtree(id, minx, maxx, miny, maxy)"]
    return made + [
        f"CREATE TRIGGER {quoted(f'rtree_{layer}_geom_{n}')} {when} BEGIN {does}; END" for n, when, does in rows
    ]


def filling(layer: str) -> str:
    """Return the SQL that puts the boxes of the shapes that are there into a new index."""
    sides = "ST_MinX(t.geom), ST_MaxX(t.geom), ST_MinY(t.geom), ST_MaxY(t.geom)"
    return (f"INSERT INTO {quoted(f'rtree_{layer}_geom')} SELECT t.fid, {sides} FROM {quoted(layer)} t "
            f"WHERE {_HAS.format(row='t')}")  # fmt: skip


def box_of(blob: bytes | None) -> tuple[float, float, float, float] | None:
    """Return left, bottom, right, top of a GeoPackage binary; None for a missing or empty shape."""
    if blob is None or (blob[3] >> 4) & 1:
        return None
    kind = (blob[3] >> 1) & 0b111
    if kind:
        left, right, bottom, top = struct.unpack_from("<4d" if blob[3] & 1 else ">4d", blob, 8)
        return left, bottom, right, top
    shape = shapely.from_wkb(bytes(blob[8 + _ENVELOPE_BYTES[kind] :]))
    if shape.is_empty:
        return None
    found = shape.bounds
    return float(found[0]), float(found[1]), float(found[2]), float(found[3])


def add_functions(connection: sqlite3.Connection) -> None:
    """Give a connection the functions that the triggers of the index call."""

    def side(which: int) -> Callable[[bytes | None], float | None]:
        def value(blob: bytes | None) -> float | None:
            found = box_of(blob)
            return None if found is None else found[which]

        return value

    for name, which in (("ST_MinX", 0), ("ST_MinY", 1), ("ST_MaxX", 2), ("ST_MaxY", 3)):
        connection.create_function(name, 1, side(which), deterministic=True)
    connection.create_function("ST_IsEmpty", 1, lambda blob: int(box_of(blob) is None), deterministic=True)


def faults(connection: sqlite3.Connection, layer: str) -> list[str]:
    """Return in what the index of a layer differs from its rows; nothing where all is well."""
    tree, table = quoted(f"rtree_{layer}_geom"), quoted(layer)
    said = [str(r[0]) for r in connection.execute("SELECT rtreecheck(?)", (f"rtree_{layer}_geom",)) if r[0] != "ok"]
    wrong = connection.execute(
        f"SELECT COUNT(*) FROM {table} t LEFT JOIN {tree} r ON r.id = t.fid WHERE t.geom NOTNULL AND NOT "
        "COALESCE(r.minx <= ST_MinX(t.geom) AND r.maxx >= ST_MaxX(t.geom) AND r.miny <= ST_MinY(t.geom) "
        "AND r.maxy >= ST_MaxY(t.geom), 0)"
    ).fetchone()[0]
    stray = connection.execute(
        f"SELECT COUNT(*) FROM {tree} r LEFT JOIN {table} t ON t.fid = r.id WHERE t.geom ISNULL"
    ).fetchone()[0]
    said += [f"{wrong} shapes lie outside their box in the spatial index"] * (wrong > 0)
    return said + [f"{stray} boxes of the spatial index have no shape"] * (stray > 0)
