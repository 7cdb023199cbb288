"""geo_risk.gpkg: every vector layer in one file, with QGIS styles inside."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path

import geopandas as gpd
import pandas as pd

from geo_risk.core.schemas import SCHEMAS
from geo_risk.publish.frames import write_frames
from geo_risk.publish.i18n import label
from geo_risk.publish.legend import FeatureClass, rgb
from geo_risk.publish.map_layers import SPECS, LayerSpec, band_minutes

_MARKERS = {"circle": "circle", "square": "square", "triangle": "triangle", "diamond": "diamond", "house": "pentagon"}


def write_geopackage(frames: Mapping[str, pd.DataFrame], path: Path, *, language: str = "zh") -> None:
    """Publish the product frames as layers, with a `layer_styles` table that QGIS applies when it opens a layer.

    Parameters
    ----------
    frames : by contract name, in the analysis CRS; written in the order of the contract, plain tables as tables.
    language : of the labels in the styles.
    """
    ordered = {name: frames[name] for name in SCHEMAS if name in frames}
    styles = layer_styles({n: f for n, f in ordered.items() if isinstance(f, gpd.GeoDataFrame)}, language=language)
    write_frames({**ordered, "layer_styles": styles} if len(styles) else ordered, path)


def layer_styles(frames: Mapping[str, gpd.GeoDataFrame], *, language: str) -> pd.DataFrame:
    """Return the rows of QGIS's `layer_styles` table (text columns; written as a registered attribute table)."""
    specs = {s.name: s for s in SPECS}
    rows = [
        {
            "f_table_catalog": "", "f_table_schema": "", "f_table_name": name, "f_geometry_column": "geom",
            "styleName": "geo_risk", "styleQML": qml(specs[name], language=language, frame=frames[name]),
            "styleSLD": "", "useAsDefault": True, "description": label(f"layer.{name}", language),
            "owner": "geo_risk", "ui": "", "update_time": "2000-01-01T00:00:00.000Z",
        }
        for name in frames
        if name in specs
    ]  # fmt: skip
    return pd.DataFrame(rows)


def qml(spec: LayerSpec, *, language: str, frame: pd.DataFrame | None = None) -> str:
    """Return a QGIS 3 style: one symbol, or one for each class of the layer's column; bands by the frame's minutes.

    Every value that QGIS reads is text of this package; attribute values are compared by QGIS, never pasted here.
    """
    root = ET.Element("qgis", version="3.22.0", styleCategories="Symbology")
    kind = SCHEMAS[spec.name].geometry if spec.name in SCHEMAS else "Point"
    renderer = ET.SubElement(root, "renderer-v2", type="categorizedSymbol" if spec.by else "singleSymbol",
                             forceraster="0", enableorderby="0", symbollevels="0")  # fmt: skip
    symbols = ET.Element("symbols")
    minutes = {} if frame is None else band_minutes(frame)
    if spec.by:
        renderer.set("attr", spec.by)
        categories = ET.SubElement(renderer, "categories")
    for i, (value, look) in enumerate(spec.classes.items()):
        if spec.by:
            text = "" if value is None else str(value)
            kind_of_value = "string" if isinstance(value, str) or value is None else "long"
            ET.SubElement(categories, "category", value=text, type=kind_of_value, symbol=str(i), render="true",
                          label=_class_label(value, look, minutes, language))  # fmt: skip
        symbols.append(_symbol(str(i), look, str(kind)))
    renderer.append(symbols)
    return "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n" + ET.tostring(root, encoding="unicode")


def _class_label(
    value: object, look: FeatureClass, minutes: Mapping[object, tuple[float, float]], language: str
) -> str:
    if value not in minutes:
        return label(look.label, language)
    start, end = minutes[value]
    return label("value.band", language, start=f"{start:g}", end=f"{end:g}")


def _symbol(name: str, look: FeatureClass, kind: str) -> ET.Element:
    types = {
        "Point": ("marker", "SimpleMarker"),
        "LineString": ("line", "SimpleLine"),
        "Polygon": ("fill", "SimpleFill"),
    }
    family, layer_class = types[kind]
    symbol = ET.Element("symbol", name=name, type=family, alpha="1", clip_to_extent="1", force_rhr="0")
    layer = ET.SubElement(symbol, "layer", {"class": layer_class, "enabled": "1", "locked": "0", "pass": "0"})
    options = ET.SubElement(layer, "Option", type="Map")
    for key, value in _properties(look, kind).items():
        ET.SubElement(options, "Option", name=key, type="QString", value=value)
        ET.SubElement(layer, "prop", k=key, v=value)
    return symbol


def _properties(look: FeatureClass, kind: str) -> dict[str, str]:
    fill, line = look.fill or look.color, _rgba(look.color, 1)
    dash = "dash" if look.dash else "solid"
    width = f"{look.width * 0.26:.2f}"
    if kind == "LineString":
        return {"line_color": line, "line_width": width, "line_width_unit": "MM", "line_style": dash}
    outline = {"outline_color": line, "outline_width": width, "outline_width_unit": "MM", "outline_style": dash}
    if kind == "Point":
        marker = {"name": _MARKERS[look.shape], "size": f"{look.radius * 0.5:.1f}", "size_unit": "MM"}
        return {"color": _rgba(fill, 1), **marker, **outline, "outline_style": "solid"}
    style = "b_diagonal" if look.hatch else "solid" if look.fill else "no"
    return {"color": _rgba(fill, 1 if look.hatch else look.opacity), "style": style, **outline}


def _rgba(color: str, opacity: float) -> str:
    return ",".join(str(v) for v in (*rgb(color), round(255 * opacity)))
