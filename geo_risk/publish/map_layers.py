"""Product frames as light feature layers of the map: classified, simplified, in longitude and latitude."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo_risk.core.schemas import SCHEMAS
from geo_risk.publish.escape import clean_text, is_missing
from geo_risk.publish.i18n import local_time, reasons_of
from geo_risk.publish.legend import FeatureClass, level_classes, line_classes, zone_classes
from geo_risk.publish.list_order import list_order
from geo_risk.publish.lists import LISTS, TIMES

SIMPLIFY_DEG = 1e-5
"""About a metre: what the eye cannot see at the deepest zoom."""

DECIMALS = 5
CONTACTS = ("responsible", "monitor", "deputy")
"""Personal data: on printed lists and cards, never in the map or the report."""


@dataclass(frozen=True)
class LayerSpec:
    """How one frame becomes a layer.

    Attributes
    ----------
    name : frame name; its label is `layer.<name>`.
    by : column whose value chooses the class; "" for one class.
    classes : class by value; the key None takes what no other takes.
    group : vectors or base.
    visible : shown when the map opens.
    listed : its rows also stand in the list panel.
    mapped : drawn in the map page; else in the GeoPackage alone, for layers of many thousand outlines.
    """

    name: str
    by: str
    classes: Mapping[object, FeatureClass]
    group: str = "vectors"
    visible: bool = True
    listed: bool = False
    mapped: bool = True


def _one(label: str, color: str, **look: Any) -> dict[object, FeatureClass]:
    return {None: FeatureClass(label, color, **look)}


def _bands(color: str) -> dict[object, FeatureClass]:
    """Return the looks of bands of minutes, the nearest the strongest."""
    return {
        k: FeatureClass(f"value.band_{k}", color, color, width=0.8, opacity=opacity)
        for k, opacity in ((1, 0.55), (2, 0.4), (3, 0.27), (4, 0.17))
    }


SPECS: tuple[LayerSpec, ...] = (
    LayerSpec(
        "admin",
        "level",
        {
            "village": FeatureClass("value.village_border", "#aab1b8", width=0.7, dash="2 4"),
            "township": FeatureClass("value.township_border", "#8c949c", width=1, dash="5 4"),
            None: FeatureClass("layer.admin", "#6d757d", width=1.6),
        },
        group="base",
    ),
    LayerSpec("rivers", "", _one("layer.rivers", "#6aaede", width=2), group="base"),
    LayerSpec(
        "roads",
        "class",
        {
            "trunk": FeatureClass("value.trunk", "#a8743a", width=2.4),
            "primary": FeatureClass("value.primary", "#b98d5e", width=1.8),
            None: FeatureClass("layer.roads", "#b3a698", width=1),
        },
        group="base",
    ),
    LayerSpec("railways", "", _one("layer.railways", "#55595e", width=1.6, dash="8 5"), group="base"),
    LayerSpec("embankments", "", _one("layer.embankments", "#7a5c3e", width=1.6, dash="2 3"), group="base"),
    LayerSpec(
        "shelter_coverage",
        "state",
        {
            "short": FeatureClass("value.short", "#5f0a12", "#d1495b", width=1.6, opacity=0.25),
            "unknown": FeatureClass("value.unknown", "#3a4047", "#8d959c", width=1.6, opacity=0.3, hatch=True),
            None: FeatureClass("value.enough", "#00513f", "#00a37a", width=1.2, opacity=0.15),
        },
        visible=False,
        listed=True,
    ),
    LayerSpec("shelter_drive_times", "band", _bands("#00513f"), visible=False),
    LayerSpec("shelter_walk_times", "band", _bands("#4a1486"), visible=False),
    LayerSpec("stock_drive_times", "band", _bands("#7a4f00"), visible=False),
    LayerSpec("stock_walk_times", "band", _bands("#8a2846"), visible=False),
    LayerSpec("risk_zones", "risk_level", zone_classes()),
    LayerSpec("runout_ways", "", _one("layer.runout_ways", "#8c2d04", width=2, dash="4 4"), visible=False),
    LayerSpec("runout_zones", "risk_level", zone_classes(), visible=False, listed=True),
    LayerSpec("subsidence_zones", "subsidence_level", zone_classes(), visible=False, listed=True),
    LayerSpec(
        "debris_flow_channels",
        "hazard_level",
        {k: v for k, v in line_classes().items() if k in (2, 3, 4, -1)},
        visible=False,
    ),
    LayerSpec("slope_units", "", _one("layer.slope_units", "#8a6d3b", width=0.7), visible=False, mapped=False),
    LayerSpec("ponding", "", _one("layer.ponding", "#08519c", fill="#2a83c0", width=1, opacity=0.6)),
    LayerSpec(
        "active_deformation",
        "activity",
        {
            "accelerating": FeatureClass("value.accelerating", "#b3003c", "#e0457b", width=2, opacity=0.3),
            None: FeatureClass("layer.active_deformation", "#6a3d9a", "#9b7cc1", width=1.6, opacity=0.25),
        },
        listed=True,
    ),
    LayerSpec(
        "mining_clues",
        "verdict",
        {
            "unlicensed": FeatureClass("value.unlicensed", "#b3003c", width=2.4, dash="2 4"),
            "across_boundary": FeatureClass("value.across_boundary", "#e07b00", width=2.4, dash="2 4"),
            "inside_licence": FeatureClass("value.inside_licence", "#1b7837", width=2.4, dash="2 4"),
            None: FeatureClass("value.unknown", "#555555", width=2.4, dash="2 4"),
        },
        listed=True,
    ),
    LayerSpec(
        "evacuation_routes",
        "role",
        {
            "main": FeatureClass("ui.route_main", "#007a5e", width=3),
            None: FeatureClass("ui.route_backup", "#5ab4a0", width=2, dash="6 5"),
        },
        visible=False,
    ),
    LayerSpec("linear_risk", "risk_level", line_classes(), listed=True),
    LayerSpec(
        "planned_sites",
        "verdict",
        {
            "avoid": FeatureClass("value.avoid", "#8b0000", "#d7301f", width=2.4, opacity=0.35),
            "restrict": FeatureClass("value.restrict", "#b35900", "#fdae61", width=2.4, opacity=0.35),
            "none_found": FeatureClass("value.none_found", "#1b7837", "#a6dba0", width=2.4, opacity=0.35),
            None: FeatureClass("value.survey", "#555555", "#bdbdbd", width=2.4, dash="6 4", opacity=0.35),
        },
        listed=True,
    ),
    LayerSpec("downstream_ways", "hazard_level", line_classes(), visible=False),
    LayerSpec("structures", "hazard_level", level_classes("level"), listed=True),
    LayerSpec("downstream", "hazard_level", level_classes("level", shape="diamond", radius=9), listed=True),
    LayerSpec("shelters", "", _one("layer.shelters", "#00513f", fill="#00a37a", shape="house", radius=9, opacity=1)),
    LayerSpec(
        "waterlogging",
        "depth_class",
        {
            0: FeatureClass("value.site_dry", "#3a4047", "#ffffff", shape="square", radius=6, opacity=1),
            -1: FeatureClass("value.unknown", "#3a4047", "#8d959c", shape="square", radius=8, opacity=1),
            None: FeatureClass("layer.waterlogging", "#08306b", "#2a83c0", shape="square", radius=8, opacity=1),
        },
        listed=True,
    ),
    LayerSpec(
        "sinking_ponds",
        "",
        _one("layer.sinking_ponds", "#4a1486", fill="#9e9ac8", width=2, opacity=0.6),
        visible=False,
    ),
    LayerSpec(
        "pond_cascade",
        "",
        _one("layer.pond_cascade", "#08519c", fill="#9ecae1", shape="circle", radius=5, opacity=0.9),
        visible=False,
    ),
    LayerSpec(
        "underground_entrances",
        "sill_state",
        {
            "over_sill": FeatureClass("value.over_sill", "#5f0a12", "#c1121f", shape="diamond", radius=8, opacity=1),
            "near_sill": FeatureClass("value.near_sill", "#7a4f00", "#f2a900", shape="diamond", radius=8, opacity=1),
            "below_sill": FeatureClass("value.below_sill", "#00513f", "#00a37a", shape="diamond", radius=6, opacity=1),
            None: FeatureClass("value.unknown", "#3a4047", "#8d959c", shape="diamond", radius=8, opacity=1),
        },
        visible=False,
    ),
    LayerSpec(
        "dem_openings",
        "result",
        {
            "carved": FeatureClass("value.carved", "#0b3954", "#2a6f97", shape="diamond", radius=7, opacity=1),
            "no_hollow": FeatureClass("value.no_hollow", "#5b6770", "#d5dbdf", shape="diamond", radius=5, opacity=1),
            None: FeatureClass("value.left_closed", "#5f0a12", "#c1121f", shape="diamond", radius=7, opacity=1),
        },
        visible=False,
    ),
    LayerSpec("hazard_points", "hazard_level", level_classes("level", shape="triangle", radius=8), listed=True),
    LayerSpec("relocation", "risk_level", level_classes("level", shape="square"), visible=False, listed=True),
    LayerSpec(
        "stock_reach",
        "state",
        {
            "cut_off": FeatureClass("value.cut_off", "#5f0a12", "#c1121f", shape="circle", radius=7, opacity=1),
            "far": FeatureClass("value.far", "#7a4f00", "#f2a900", shape="circle", radius=7, opacity=1),
            "off_network": FeatureClass("value.off_network", "#3a4047", "#8d959c", shape="circle", radius=7, opacity=1),
            None: FeatureClass("value.near", "#00513f", "#00a37a", shape="circle", radius=5, opacity=1),
        },
        visible=False,
    ),
    LayerSpec(
        "shelter_proposals",
        "siting_method",
        {
            "max_cover": FeatureClass("value.max_cover", "#4a1486", "#c994ff", shape="house", radius=9, opacity=1),
            None: FeatureClass("value.p_median", "#08519c", "#9ecae1", shape="house", radius=9, opacity=1),
        },
        visible=False,
        listed=True,
    ),
    LayerSpec(
        "stock_proposals",
        "",
        _one("layer.stock_proposals", "#7a4f00", fill="#ffd166", shape="diamond", radius=9, opacity=1),
        visible=False,
        listed=True,
    ),
    LayerSpec(
        "cut_off",
        "cut_off_risk",
        {
            "high": FeatureClass("layer.cut_off", "#4a0d0d", "#d7301f", shape="square", radius=7, opacity=1),
            None: FeatureClass("layer.cut_off", "#4a0d0d", "#fdbb84", shape="square", radius=6, opacity=1),
        },
        visible=False,
    ),
    LayerSpec("evacuation", "risk_level", level_classes("level", radius=9), listed=True),
)
"""Layers of the map from the bottom to the top."""

_LIST_COLUMNS = {
    "relocation": ("people", "risk_level", "advice"),
    "shelter_coverage": ("people", "people_short", "to_place_short"),
    "shelter_proposals": ("siting_method", "people_gained", "township"),
    "stock_proposals": ("people_gained", "people_near", "township"),
    "evacuation": ("people", "risk_level", "shelter_name"),
    "waterlogging": ("depth_m", "kind", "cause"),
    "hazard_points": ("kind", "hazard_level", "people"),
    "mining_clues": ("verdict", "max_subsidence_mm_yr", "licence_id"),
    "active_deformation": ("kind", "velocity_mean_mm_yr", "track"),
    "linear_risk": ("route", "risk_level", "differential_settlement_mm_yr_per_m"),
    "structures": ("kind", "hazard_level", "speed_mm_yr"),
    "planned_sites": ("verdict", "hazard_level"),
    "downstream": ("people", "people_may", "hazard_level"),
    "runout_zones": ("release_id", "kind", "people"),
    "subsidence_zones": ("kind", "rate_mean_mm_yr", "trend"),
}
_FIRMNESS = ("priority_rank", "first10_share", "rank_low", "rank_high")
"""Columns behind those of the contract that a popup tells too: the rank and how firmly it is held."""
_FIRST = "name route kind risk_level hazard_level warning_level verdict depth_m people"


def feature_layer(frame: gpd.GeoDataFrame, spec: LayerSpec) -> dict[str, Any]:
    """Return a frame as plain values for the map: classes with counts, fields, and features in EPSG:4326.

    Parameters
    ----------
    frame : the product frame, any CRS; contact columns are left out, rows without geometry are counted, not drawn.
    spec : how it is drawn.

    Raises
    ------
    ValueError : the frame has no CRS.
    """
    if frame.crs is None:
        what = f"layer {spec.name!r} has no CRS"
        raise ValueError(what)
    if spec.name in LISTS:
        frame = frame.iloc[list_order(frame, spec.name)]
    keys = list(spec.classes)
    fields = _fields(frame, spec)
    used = {*fields, spec.by, "reasons", "reasons_zh", "reasons_en"}
    rows: list[Any] = pd.DataFrame(frame)[[c for c in frame.columns if c in used]].to_dict("records")
    features = []
    for row, text in zip(rows, _geometries(frame), strict=True):
        kept = {
            f: _value(row[f]) if f not in TIMES or is_missing(row[f]) else local_time(clean_text(row[f]))
            for f in fields
        }
        kept |= {f"reasons_{k}": clean_text(reasons_of(row, k)) for k in ("zh", "en") if "reasons" in row}
        feature = {"c": _class_of(row, spec, keys), "g": json.loads(text) if text else None, "p": kept}
        features.append(feature)
    id_column = SCHEMAS[spec.name].id if spec.name in SCHEMAS else f"{spec.name.removesuffix('s')}_id"
    counts = [sum(f["c"] == i for f in features) for i in range(len(keys))]
    minutes = band_minutes(frame)
    said = [{"minutes": minutes[k]} if k in minutes else {} for k in keys]
    return {
        "id": spec.name, "group": spec.group, "visible": spec.visible, "listed": spec.listed, "idColumn": id_column,
        "fields": [f for f in fields if f != "name"], "listColumns": _LIST_COLUMNS.get(spec.name, ()),
        "classes": [asdict(spec.classes[k]) | {"count": n} | m for k, n, m in zip(keys, counts, said, strict=True)],
        "features": features,
    }  # fmt: skip


def band_minutes(frame: pd.DataFrame) -> dict[object, tuple[float, float]]:
    """Return from and to of each band of minutes of a frame that has bands; empty for others."""
    if not {"band", "from_min", "to_min"} <= set(frame.columns):
        return {}
    rows = pd.DataFrame(frame)[["band", "from_min", "to_min"]].dropna().drop_duplicates("band")
    return {int(b): (float(low), float(high)) for b, low, high in rows.itertuples(index=False)}


def _fields(frame: gpd.GeoDataFrame, spec: LayerSpec) -> list[str]:
    """Return the columns of the popup in order; the base layers have no popup."""
    if spec.group == "base":
        return [c for c in ("name", "class") if c in frame.columns]
    known = list(SCHEMAS[spec.name].columns) if spec.name in SCHEMAS else ["name", "capacity", "kind"]
    order = sorted(known, key=lambda c: (_FIRST.split().index(c) if c in _FIRST.split() else 99, known.index(c)))
    hidden = {*CONTACTS, "reasons", "score"}
    order += [c for c in _FIRMNESS if c not in known]
    return [c for c in order if c in frame.columns and c not in hidden and frame[c].notna().any()]


def _class_of(row: Mapping[str, Any], spec: LayerSpec, keys: list[Any]) -> int:
    value = row.get(spec.by) if spec.by else None
    if is_missing(value):
        value = -1 if -1 in keys else None
    if isinstance(value, float | np.integer):
        value = int(value)
    return keys.index(value) if value in keys else len(keys) - 1


def _value(value: Any) -> Any:
    """Return a cell for the page: numbers to six digits, text clean, missing None."""
    if is_missing(value):
        return None
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(f"{float(value):.6g}")
    return clean_text(value)


def _geometries(frame: gpd.GeoDataFrame) -> list[str | None]:
    """Return GeoJSON texts: simplified to `SIMPLIFY_DEG`, rounded to `DECIMALS`; None where there is no geometry."""
    shapes = shapely.force_2d(frame.geometry.to_crs(4326).to_numpy())
    simple = shapely.simplify(shapes, SIMPLIFY_DEG, preserve_topology=True)
    rounded = shapely.transform(simple, lambda xy: np.round(xy, DECIMALS))
    empty = shapely.is_missing(rounded) | shapely.is_empty(rounded)
    return [None if gone else str(text) for gone, text in zip(empty, shapely.to_geojson(rounded), strict=True)]
