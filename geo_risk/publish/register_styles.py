"""How QGIS shows and edits the layers of the register: symbols, headings, and a form that offers only what may be kept.

A QGIS style of the categories symbology, fields and forms: coded fields are pick lists in the language with our codes
behind, dates a calendar, numbers have their bounds, and what follows from other things is locked.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from geo_risk.core.schema import LEVEL, TYPES
from geo_risk.core.schemas import ACTIVITIES, AREA_KINDS, POINT_KINDS
from geo_risk.publish.geopackage import qml
from geo_risk.publish.i18n import column_label, label, level_label, value_label
from geo_risk.publish.map_layers import SPECS

_NULL = "{2839923C-8B7D-419E-B84B-CA2FE9B80EC7}"
"""What QGIS writes for NULL in a pick list."""

_HEAD = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
_OFFERED: Mapping[str, Mapping[str, Sequence[str]]] = {
    "risk_zones": {
        "kind": tuple(dict.fromkeys((*POINT_KINDS, *AREA_KINDS, "flood", "waterlogging"))),
        "activity": ACTIVITIES,
    }
}
"""Words that a form offers where the schema takes any."""

_LONG = ("note", "reasons", "loop_finding", "loop_measure", "loop_outcome")
_BOUND = 2_000_000_000


@dataclass(frozen=True)
class FormSpec:
    """What a form must know of a layer.

    Attributes
    ----------
    name : of the layer. id : its id column. fields : kind of each field, as in `core.schema`.
    choices : allowed words by field. locked : fields that nobody edits. required : fields that may not be empty.
    defaults : values of what a person draws anew.
    """

    name: str
    id: str
    fields: Mapping[str, str]
    choices: Mapping[str, Sequence[str]]
    locked: frozenset[str]
    required: frozenset[str]
    defaults: Mapping[str, str | int] = field(default_factory=dict)


def register_styles(layers: Sequence[FormSpec], *, language: str) -> pd.DataFrame:
    """Return the rows of QGIS's table `layer_styles` for layers of the register."""
    rows = [
        {
            "f_table_catalog": "", "f_table_schema": "", "f_table_name": s.name, "f_geometry_column": "geom",
            "styleName": "geo_risk", "styleQML": form_qml(s, language=language), "styleSLD": "",
            "useAsDefault": True, "description": label(f"layer.{s.name}", language), "owner": "geo_risk", "ui": "",
            "update_time": "2000-01-01T00:00:00.000Z",
        }
        for s in layers
    ]  # fmt: skip
    return pd.DataFrame(rows)


def form_qml(spec: FormSpec, *, language: str) -> str:
    """Return a QGIS 3 style with symbols, headings in the language, and the form."""
    look = next(s for s in SPECS if s.name == spec.name)
    root = ET.fromstring(qml(look, language=language).removeprefix(_HEAD))  # noqa: S314 - made by this package
    root.set("styleCategories", "Symbology|Fields|Forms")
    names = [spec.id, "version", *spec.fields]
    configuration = ET.SubElement(root, "fieldConfiguration")
    aliases = ET.SubElement(root, "aliases")
    defaults = ET.SubElement(root, "defaults")
    constraints = ET.SubElement(root, "constraints")
    editable = ET.SubElement(root, "editable")
    for i, name in enumerate(["fid", *names]):
        entry = ET.SubElement(configuration, "field", name=name, configurationFlags="None")
        kind, config = ("Hidden", {}) if name == "fid" else _widget(spec, name, language)
        widget = ET.SubElement(entry, "editWidget", type=kind)
        _put(ET.SubElement(widget, "config"), None, config)
        ET.SubElement(aliases, "alias", field=name, index=str(i), name=column_label(name, language))
        value = spec.defaults.get(name)
        given = "" if value is None else f"'{value}'" if isinstance(value, str) else str(value)
        ET.SubElement(defaults, "default", field=name, expression=given, applyOnUpdate="0")
        must = name in spec.required
        ET.SubElement(constraints, "constraint", field=name, constraints="1" if must else "0",
                      notnull_strength="1" if must else "0", unique_strength="0", exp_strength="0")  # fmt: skip
        is_free = name not in spec.locked and name not in (spec.id, "version", "fid")
        ET.SubElement(editable, "field", name=name, editable="1" if is_free else "0")
    return _HEAD + ET.tostring(root, encoding="unicode")


def _widget(spec: FormSpec, name: str, language: str) -> tuple[str, dict[str, Any]]:
    kind = spec.fields.get(name, "text")
    words = spec.choices.get(name) or _OFFERED.get(spec.name, {}).get(name)
    if kind == LEVEL:
        codes = {level_label(name, k, language): str(k) for k in (-1, 0, 1, 2, 3, 4)}
        return "ValueMap", {"map": [{text: code} for text, code in codes.items()]}
    if words:
        empty = [] if name in spec.required else [{label("ui.unknown", language): _NULL}]
        known = [{value_label(w, language, name): w} for w in words if w != "unknown"]
        unknown = [{label("ui.unknown", language): "unknown"}] if "unknown" in words else empty
        return "ValueMap", {"map": [*known, *unknown]}
    if kind == "time":
        day = "yyyy-MM-dd"
        return "DateTime", {"allow_null": True, "calendar_popup": True, "display_format": day, "field_format": day,
                            "field_format_overwrite": True, "field_iso_format": False}  # fmt: skip
    dtype, bounds = TYPES.get(kind, ("string", {}))
    if dtype in ("Int64", "int8"):
        return "Range", {"AllowNull": True, "Min": int(bounds.get("ge", -_BOUND)), "Max": int(bounds.get("le", _BOUND)),
                         "Step": 1, "Style": "SpinBox"}  # fmt: skip
    if dtype == "float64":
        low, high = float(bounds.get("ge", -1e15)), float(bounds.get("le", 1e15))
        return "Range", {"AllowNull": True, "Min": low, "Max": high, "Precision": 3, "Step": 0.1, "Style": "SpinBox"}
    return "TextEdit", {"IsMultiline": name in _LONG, "UseHtml": False}


def _put(parent: ET.Element, name: str | None, value: Any) -> None:
    """Write a value as QGIS writes its variants."""
    more = {} if name is None else {"name": name}
    if isinstance(value, Mapping):
        inside = ET.SubElement(parent, "Option", {"type": "Map", **more})
        for key, inner in value.items():
            _put(inside, str(key), inner)
    elif isinstance(value, list):
        inside = ET.SubElement(parent, "Option", {"type": "List", **more})
        for inner in value:
            _put(inside, None, inner)
    else:
        kinds = ((bool, "bool"), (int, "int"), (float, "double"), (str, "QString"))
        kind = next(k for t, k in kinds if isinstance(value, t))
        text = str(value).lower() if isinstance(value, bool) else str(value)
        ET.SubElement(parent, "Option", {**more, "type": kind, "value": text})
