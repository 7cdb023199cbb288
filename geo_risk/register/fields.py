"""What the register keeps of a point and of a zone: fields, their kinds, and their one normal form."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import pandas as pd
import shapely

from geo_risk.core.errors import SchemaError
from geo_risk.core.schema import LEVEL, TYPES
from geo_risk.core.schemas import SCHEMAS, STATUSES
from geo_risk.products.register_merging import CHOICES as MERGE_CHOICES

GEOMETRY = "geometry"
"""Name of the shape among the fields; its value is hexadecimal WKB, 2-D, little-endian."""

LOOP = ("found", "assigned", "inspected", "measure", "closed")
"""Stages of closing the loop, in order."""

CONTACTS = frozenset({"responsible", "monitor", "loop_assignee"})
"""Fields that name a person: shown and exported only where it is asked for."""

_LOOP_FIELDS = {
    "loop_stage": "text", "loop_due": "time", "loop_unit": "text", "loop_assignee": "text", "loop_found_on": "time",
    "loop_assigned_on": "time", "loop_inspected_on": "time", "loop_finding": "text", "loop_measure": "text",
    "loop_measure_on": "time", "loop_closed_on": "time", "loop_outcome": "text",
}  # fmt: skip
_BEHIND = {"reasons_zh": "text", "reasons_en": "text", "merged_into": "text", "merged_counts": "text",
           "counts_at_least": "text", "note": "text"}  # fmt: skip
SEEN = {"last_seen": "time", "last_seen_run": "text", "last_looked": "time", "last_looked_run": "text",
        "last_outcome": "text"}  # fmt: skip
"""What runs saw of an object; it follows from the runs that were compared and is nobody's to edit.

last_seen : day (China) on which the newest run was written that saw it act, and that run; empty: none did.
last_looked : the same of the newest run that could say anything of it, and what it said.
"""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MOMENTARY = re.compile(r"warning_\d+h$")


@dataclass(frozen=True)
class Layer:
    """One kind of object.

    Attributes
    ----------
    name : of the layer, as in the contract. id : its id column. shape : "Point" or "MultiPolygon".
    prefix : of ids that the register gives itself.
    fields : kind of each field (as in `core.schema`), geometry apart, in the order of the columns.
    choices : allowed values by field. seen : kind of each column that runs fill, outside the history.
    """

    name: str
    id: str
    shape: str
    prefix: str
    fields: Mapping[str, str]
    choices: Mapping[str, tuple[str, ...]]
    seen: Mapping[str, str] = field(default_factory=lambda: SEEN)


def _layer(name: str, shape: str, prefix: str, first: Mapping[str, str], behind: Mapping[str, str]) -> Layer:
    schema = SCHEMAS[name]
    of_schema = {c: k for c, k in schema.columns.items() if c not in (schema.id, *SEEN) and not _MOMENTARY.match(c)}
    fields = {**first, **of_schema, **behind, **_BEHIND, **_LOOP_FIELDS}
    choices = {**schema.choices, "status": STATUSES, "loop_stage": LOOP, "merged_counts": MERGE_CHOICES}
    return Layer(name, str(schema.id), shape, prefix, fields, {k: v for k, v in choices.items() if k in fields})


LAYERS: Mapping[str, Layer] = {
    "hazard_points": _layer("hazard_points", "Point", "HP-", {}, {}),
    "risk_zones": _layer(
        "risk_zones", "MultiPolygon", "RZ-", {"name": "text", "status": "text"}, {"origin": "text", "activity": "text"}
    ),
}
"""What the register keeps; what a forecast says for hours (warning_*h) is not among it."""


def known_fields(layer: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the values that the register keeps today; entries of an earlier format have others beside."""
    return {k: v for k, v in values.items() if k == GEOMETRY or k in LAYERS[layer].fields}


KINDS_OF_NUMBER = frozenset(k for k, (dtype, _) in TYPES.items() if dtype != "string")


def plain(layer: Layer, field: str, value: Any, *, where: str) -> Any:
    """Return a value in its one normal form: None, text, int or float; unknown levels are -1.

    Raises
    ------
    SchemaError : a number that is none or outside its bounds, a word that is not among the choices, an unknown field.
    """
    if field == GEOMETRY:
        return shape_text(layer, value, where=where)
    if field not in layer.fields:
        what = f"{layer.name} has no field {field!r}"
        raise SchemaError(what, where=where, fix=f"use one of: {', '.join(layer.fields)}")
    kind = layer.fields[field]
    if _is_missing(value):
        return -1 if kind == LEVEL else None
    if kind in KINDS_OF_NUMBER:
        return _number(field, kind, value, where=where)
    text = unicodedata.normalize("NFC", _CONTROL.sub("", str(value))).strip()
    if not text:
        return None
    if field in layer.choices and text not in layer.choices[field]:
        what = f"{field} is {text!r}; one of {', '.join(layer.choices[field])} needed"
        raise SchemaError(what, where=where, fix="mend the value")
    return text


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def _number(field: str, kind: str, value: Any, *, where: str) -> int | float:
    dtype, bounds = TYPES[kind]
    number = float(value) if isinstance(value, Real) else _read_number(str(value))
    low, high = bounds.get("ge", -math.inf), bounds.get("le", math.inf)
    if not (math.isfinite(number) and low <= number <= high):
        what = f"{field} is {value!r}; a number from {low:g} to {high:g} needed"
        raise SchemaError(what, where=where, fix="mend the value; leave it empty where it is unknown")
    if dtype == "float64":
        return number + 0.0  # -0 becomes 0
    if not number.is_integer():
        what = f"{field} is {value!r}; a whole number needed"
        raise SchemaError(what, where=where, fix="mend the value; leave it empty where it is unknown")
    return int(number)


def _read_number(text: str) -> float:
    try:
        return float(unicodedata.normalize("NFKC", text).replace(",", "").strip())
    except ValueError:
        return math.nan


def shape_text(layer: Layer, value: Any, *, where: str) -> str | None:
    """Return a shape as hexadecimal WKB: 2-D, zones always as multi-polygons, rings as they came.

    Raises
    ------
    SchemaError : of another type than the layer's, empty, not finite, or a polygon that crosses itself.
    """
    if value is None:
        return None
    shape = shapely.from_wkb(bytes.fromhex(value)) if isinstance(value, str) else value
    shape = shapely.force_2d(shape)
    if layer.shape == "MultiPolygon" and shape.geom_type == "Polygon":
        shape = shapely.MultiPolygon([shape])
    if layer.shape == "Point" and shape.geom_type == "MultiPoint" and len(shape.geoms) == 1:
        shape = shape.geoms[0]
    defect = _defect(layer, shape)
    if defect:
        raise SchemaError(f"the shape {defect}", where=where, fix="mend the shape in the file")  # noqa: EM102
    return str(shapely.to_wkb(shape, hex=True, output_dimension=2, byte_order=1, include_srid=False))


def _defect(layer: Layer, shape: Any) -> str:
    if shape.is_empty:
        return "is empty"
    if shape.geom_type != layer.shape:
        return f"is a {shape.geom_type}; {layer.shape} needed"
    if not all(map(math.isfinite, shape.bounds)):
        return "has coordinates that are not numbers"
    return "crosses itself" if layer.shape == "MultiPolygon" and not shape.is_valid else ""


def empty(layer: Layer) -> dict[str, Any]:
    """Return the values of an object of which nothing is known."""
    return {GEOMETRY: None, **{f: -1 if k == LEVEL else None for f, k in layer.fields.items()}}
