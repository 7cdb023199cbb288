"""The tables of the register, written once for both databases."""

from __future__ import annotations

from geo_risk.register.database import Database
from geo_risk.register.fields import KINDS_OF_NUMBER, LAYERS, Layer

FORMAT = "3"
"""Version of the tables; another one is refused."""

EARLIER = ("1", "2")
"""Versions that `register.migration` brings up to this one."""

_TITLES = {"hazard_points": "隐患点 hazard points", "risk_zones": "风险区 risk zones"}
_TABLES = """
CREATE TABLE reg_meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE reg_counters (name TEXT PRIMARY KEY, last {integer} NOT NULL);
CREATE TABLE reg_ids (object_id TEXT PRIMARY KEY, layer TEXT NOT NULL, version {integer} NOT NULL,
  is_there {integer} NOT NULL, made_at TEXT NOT NULL);
CREATE TABLE reg_history (seq {serial_key}, change_id {integer} NOT NULL, layer TEXT NOT NULL,
  object_id TEXT NOT NULL, version {integer} NOT NULL, action TEXT NOT NULL, who TEXT NOT NULL, at TEXT NOT NULL,
  why TEXT NOT NULL, run_id TEXT, undoes {integer}, is_there {integer} NOT NULL, before TEXT NOT NULL,
  after TEXT NOT NULL, UNIQUE (object_id, version));
CREATE TABLE reg_runs (run_id TEXT PRIMARY KEY, name TEXT NOT NULL, made_at TEXT NOT NULL, compared_at TEXT NOT NULL,
  who TEXT NOT NULL);
CREATE TABLE reg_sightings (run_id TEXT NOT NULL, object_id TEXT NOT NULL, outcome TEXT NOT NULL,
  data_id TEXT NOT NULL, PRIMARY KEY (run_id, object_id));
CREATE TABLE reg_aliases (source TEXT NOT NULL, layer TEXT NOT NULL, foreign_id TEXT NOT NULL,
  object_id TEXT NOT NULL, PRIMARY KEY (source, layer, foreign_id));
CREATE TABLE reg_proposals (number {integer} PRIMARY KEY, kind TEXT NOT NULL, layer TEXT NOT NULL,
  object_id TEXT NOT NULL, source TEXT NOT NULL, run_id TEXT, at TEXT NOT NULL, base_version {integer} NOT NULL,
  before TEXT NOT NULL, after TEXT NOT NULL, reason_zh TEXT NOT NULL, reason_en TEXT NOT NULL,
  fingerprint TEXT NOT NULL, state TEXT NOT NULL, decided_by TEXT, decided_at TEXT, decided_why TEXT);
CREATE INDEX reg_history_change ON reg_history (change_id);
CREATE INDEX reg_proposals_object ON reg_proposals (object_id);
CREATE INDEX reg_proposals_state ON reg_proposals (state);
CREATE INDEX reg_sightings_object ON reg_sightings (object_id)
"""
KEPT = ("reg_ids", "reg_proposals", "reg_runs", "reg_sightings", "reg_aliases", "reg_counters", "reg_meta")
"""Tables that only this package changes, beside the layers."""

ONLY_GROWS = ("reg_history",)


def create_tables(database: Database, *, crs: str) -> None:
    """Create every table, within the caller's transaction."""
    database.prepare(crs)
    for statement in _TABLES.format(integer=database.integer, serial_key=database.serial_key).split(";\n"):
        database.run(statement.strip())
    for layer in LAYERS.values():
        columns = [(layer.id, "TEXT NOT NULL UNIQUE"), ("version", f"{database.integer} NOT NULL")]
        database.add_layer(layer.name, columns + values_of(database, layer), layer.shape, _TITLES[layer.name])


def values_of(database: Database, layer: Layer) -> list[tuple[str, str]]:
    """Return the columns of a layer beside id, version and shape, each with its type: fields, and what runs saw."""
    return [*((field, _type(database, layer, field)) for field in layer.fields), *((n, "TEXT") for n in layer.seen)]


def lacking(database: Database, layer: Layer) -> list[tuple[str, str]]:
    """Return the columns that a layer does not have yet, each with its type."""
    there = set(database.columns(layer.name))
    return [(name, kind) for name, kind in values_of(database, layer) if name not in there]


def _type(database: Database, layer: Layer, field: str) -> str:
    kind = layer.fields[field]
    if kind not in KINDS_OF_NUMBER:
        return "TEXT"
    return database.real if kind in ("number", "positive", "share") else database.integer
