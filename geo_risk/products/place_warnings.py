"""Warnings of zones and points at every stage: one row a place and stage, and the columns that the places get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import Grid
from geo_risk.core.levels import Level
from geo_risk.core.names import STAGES_H
from geo_risk.core.schemas import conform
from geo_risk.exposure.zonal import cell_coverage
from geo_risk.hazards.landslide.triggers import ACCELERATING, MOVING, TriggerRule
from geo_risk.products.judgement import Judgement, StageRain, ground_of, judge_all
from geo_risk.products.ladder import Rung, move
from geo_risk.products.params import RiskParams
from geo_risk.products.townships import townships_of
from geo_risk.products.warning_params import WarningParams
from geo_risk.products.warning_words import said, stage_reasons
from geo_risk.products.wording import joined, warning_word
from geo_risk.products.zone_levels import WARNED_KINDS
from geo_risk.products.zone_runout import sources_of

POINT_KINDS = ("landslide", "rockfall", "debris_flow", "unstable_slope")
"""Kinds of hazard points that rain warnings speak of."""

COLORS = ("blue", "yellow", "orange", "red")
_MOTION = {-1: "unknown", 0: "none_seen", MOVING: "moving", ACCELERATING: "accelerating"}


@dataclass(frozen=True)
class Rule:
    """How levels follow from rain: the rule, its name, the ground it judges, and where slopes move (or None)."""

    triggers: TriggerRule
    name: str
    ground: xr.DataArray
    motion: xr.DataArray | None = None


@dataclass(frozen=True)
class PlaceWarnings:
    """The table `warnings`, the places with their columns (None where not given), and the rungs of the ladder."""

    warnings: pd.DataFrame
    zones: gpd.GeoDataFrame | None
    points: gpd.GeoDataFrame | None
    rungs: dict[str, Rung]


def place_warnings(
    places: Mapping[str, gpd.GeoDataFrame | None],
    grid: Grid,
    rule: Rule | None,
    stages: Sequence[StageRain],
    *,
    before: Mapping[str, Rung] | None = None,
    townships: gpd.GeoDataFrame | None = None,
    params: tuple[WarningParams, RiskParams],
    language: str = "zh",
) -> PlaceWarnings:  # fmt: skip
    """Judge zones and points at every stage, and step the ladder.

    Parameters
    ----------
    places : "zone" (`risk_zones`) and "point" (`hazard_points`), either None. Zones that hold their run-out are judged
        by the ground that can fail (`zone_runout.sources_of`).
    grid : of the run. rule : None where no warning can be made at all: everything is unknown.
    stages : rain of each stage, also of those without a forecast.
    before : rungs of the last earlier issue by `rung_key`; None: there is none.
    townships : polygons with `code` and `name`, in the run's CRS; see `products.townships`.
    params : of warnings, and of risk (shares of zones).
    language : of `reasons`; both languages stand beside it.
    """
    warning, risk = params
    parts: list[pd.DataFrame] = []
    out: dict[str, gpd.GeoDataFrame] = {}
    rungs: dict[str, Rung] = {}
    for kind, frame in places.items():
        if frame is None:
            continue
        warned = _warned(frame, kind)
        chosen = frame[warned].reset_index(drop=True)
        judged = _judged(chosen, kind, grid, rule, stages, warning, risk)
        rows, left = _rows(chosen, kind, stages, judged, before, warning, rule)
        towns = townships_of(chosen, townships).iloc[rows["_place"].to_numpy(dtype=np.int64)]
        rows = rows.assign(**{str(column): towns[column].to_numpy() for column in towns})
        parts.append(rows)
        rungs |= left
        out[kind] = _with_columns(frame, warned, rows, stages, language).drop(columns="source_wkb", errors="ignore")
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return PlaceWarnings(_finished(table, warning, language), out.get("zone"), out.get("point"), rungs)


def rung_key(place_kind: str, place_id: str, stage_h: int) -> str:
    """Return the key of a place and stage in the state of an issue."""
    return f"{place_kind}:{place_id}:{stage_h}"


def _warned(frame: gpd.GeoDataFrame, kind: str) -> NDArray[np.bool_]:
    if kind == "zone":
        return np.asarray(frame["kind"].isin(WARNED_KINDS), dtype=bool)
    return np.asarray(frame["kind"].isin(POINT_KINDS) & (frame["status"] != "cancelled"), dtype=bool)


def _judged(
    chosen: gpd.GeoDataFrame, kind: str, grid: Grid, rule: Rule | None, stages: Sequence[StageRain],
    warning: WarningParams, risk: RiskParams,
) -> dict[int, Judgement] | None:  # fmt: skip
    if rule is None or not len(chosen):
        return None
    around = sources_of(chosen) if kind == "zone" else chosen.geometry.buffer(risk.point_radius_m)
    areas = chosen.set_geometry(around)
    share = risk.warning_area_share if kind == "zone" else warning.point_area_share
    layers = {"ground": rule.ground} | ({} if rule.motion is None else {"motion": rule.motion})
    ground = ground_of(cell_coverage(areas, grid), layers, rule.triggers, factors=warning.factors)
    return judge_all(ground, stages, share=share, min_known_share=risk.min_known_share)


def _rows(
    chosen: gpd.GeoDataFrame, kind: str, stages: Sequence[StageRain], judged: dict[int, Judgement] | None,
    before: Mapping[str, Rung] | None, warning: WarningParams, rule: Rule | None,
) -> tuple[pd.DataFrame, dict[str, Rung]]:  # fmt: skip
    ids = chosen[f"{kind}_id"].astype(str).to_numpy()
    names = chosen["name"].to_numpy() if "name" in chosen else np.full(len(ids), None)
    parts, rungs = [], {}
    for stage in stages:
        found = None if judged is None else judged[stage.hours]
        rows = _stage_rows(found, len(ids))
        moves, levels = [], rows["judged_level"].tolist()
        is_least = (rows["judged_level"] >= 0) & rows["antecedent_mm"].isna()
        for i, place in enumerate(ids):
            key = rung_key(kind, place, stage.hours)
            margin = np.full(4, np.nan) if found is None else found.margin_mm[:, i]
            last = None if before is None else before.get(key)
            if is_least[i] and last is not None:
                levels[i] = max(levels[i], last.known)  # the rain that is missing may well hold it there
            step = move(last, int(levels[i]), margin,
                        lower_margin_mm=warning.lower_margin_mm, lower_after=warning.lower_after_issues)  # fmt: skip
            moves.append((step, -1 if before is None or key not in before else before[key].known))
            rungs[key] = step.rung
        stands = np.array([m.level for m, _ in moves], dtype=np.int8)
        parts.append(rows.assign(
            **_following(found, stands), _place=np.arange(len(ids)), place_kind=kind, place_id=ids, name=names,
            stage_h=stage.hours,
            warning_id=[f"{kind}-{p}-{stage.hours}h" for p in ids], issued=stage.issued, until=stage.until,
            has_forecast=stage.highest_mm is not None, method="" if rule is None else rule.name,
            warning_level=stands, change=[m.change for m, _ in moves],
            previous_level=np.array([b for _, b in moves], dtype=np.int8),
        ))  # fmt: skip
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"_place": []}), rungs


def _stage_rows(found: Judgement | None, n: int) -> pd.DataFrame:
    """Return the columns of one stage that a judgement fills."""
    if found is None:
        blank = dict.fromkeys(("rain_effective_mm", "antecedent_mm", "observed_mm", "forecast_mm", "trigger_mm",
                               *(f"hours_to_{c}" for c in COLORS)), np.nan)  # fmt: skip
        return pd.DataFrame({"judged_level": np.full(n, Level.UNKNOWN, np.int8), "known_share": 0.0,
                             "motion": "unknown", "from_h": -1, **blank}, index=range(n))  # fmt: skip
    at = np.arange(n)
    level = found.level.astype(np.int64)
    known = level >= 0
    reached = np.where(level > 0, found.trigger_mm[(level - 1).clip(0), at], np.nan)
    hours = np.where(known & np.isfinite(found.hours), found.hours, np.nan)
    shown = [np.where(known, v, np.nan) for v in (found.rain_mm, *found.parts_mm)]
    return pd.DataFrame({
        "judged_level": found.level, "rain_effective_mm": shown[0], "antecedent_mm": shown[1], "observed_mm": shown[2],
        "forecast_mm": shown[3], "trigger_mm": reached,
        **{f"hours_to_{c}": hours[k] for k, c in enumerate(COLORS)},
        "motion": [_MOTION[int(m)] for m in found.motion], "known_share": found.known_share, "from_h": found.from_h,
    })  # fmt: skip


def _following(found: Judgement | None, stands: NDArray[np.int8]) -> dict[str, NDArray[Any]]:
    """Return rain left before the level above the one a place stands at (judged, or kept by the ladder), and that."""
    n = len(stands)
    if found is None:
        return {"margin_mm": np.full(n, np.nan), "next_level": np.full(n, Level.UNKNOWN, np.int8)}
    is_open = (stands >= 0) & (stands < 4) & ~np.isnan(found.parts_mm[0])  # else the rain may be more than is said
    margin = np.where(is_open, found.margin_mm[stands.clip(0, 3), np.arange(n)], np.nan)
    following = np.where(is_open & np.isfinite(margin), stands + 1, Level.UNKNOWN)
    return {"margin_mm": margin, "next_level": following.astype(np.int8)}


def _with_columns(
    frame: gpd.GeoDataFrame, warned: NDArray[np.bool_], rows: pd.DataFrame, stages: Sequence[StageRain], language: str
) -> gpd.GeoDataFrame:
    """Return the places with warning_{s}h, and what the warnings say behind their reasons."""
    out = frame.copy()
    at = np.flatnonzero(warned)
    hours = [s.hours for s in stages if s.hours in STAGES_H]
    table = np.full((len(frame), len(STAGES_H)), Level.UNKNOWN, dtype=np.int8)
    for j, h in enumerate(STAGES_H):
        if h in hours:
            mine = rows[rows["stage_h"] == h]
            table[at[mine["_place"].to_numpy(dtype=np.int64)], j] = mine["warning_level"].to_numpy()
    for j, h in enumerate(STAGES_H):
        out[f"warning_{h}h"] = table[:, j]
    kept = "reasons" in out
    for column, k in (("reasons", language), ("reasons_zh", "zh"), ("reasons_en", "en")):
        if column == "reasons" or column in out:
            texts = out[column].fillna("").astype(str) if kept else [""] * len(out)
            more = [_place_reasons(table[i], hours, k) if warned[i] else "" for i in range(len(out))]
            out[column] = [joined([t, m], k) for t, m in zip(texts, more, strict=True)]
    return out


def _place_reasons(levels: NDArray[np.int8], hours: Sequence[int], language: str) -> str:
    by_stage = {h: int(level) for h, level in zip(STAGES_H, levels, strict=True) if h in hours}
    known = {h: level for h, level in by_stage.items() if level >= 0}
    if not known:
        return said("none", language)
    stage = min(known, key=lambda h: (-known[h], h))
    out = [said("highest", language, level=warning_word(known[stage], language), stage=stage)]
    silent = [str(h) for h in STAGES_H if by_stage.get(h, 0) < 0]
    if silent:
        out.append(said("some_unknown", language, stages=("、" if language == "zh" else ", ").join(silent)))
    return joined(out, language)


def _finished(table: pd.DataFrame, params: WarningParams, language: str) -> pd.DataFrame:
    """Return the table `warnings` with its reasons, the gravest first within the order of the stages."""
    if not len(table):
        nothing: pd.DataFrame = conform(pd.DataFrame({"warning_id": []}), "warnings")
        return nothing
    records: list[Any] = table.to_dict("records")
    zh, en = ([stage_reasons(r, k, factors=params.factors) for r in records] for k in ("zh", "en"))
    out = table.assign(reasons=zh if language == "zh" else en, reasons_zh=zh, reasons_en=en)
    for column in ("trigger_mm", "margin_mm"):
        out[column] = out[column].replace([np.inf, -np.inf], np.nan)
    grave = out["warning_level"].astype(float).replace(-1, 1.5)
    order = np.lexsort((out["place_id"], out["place_kind"], -grave, -out["stage_h"].astype(int)))
    kept = out.iloc[order].reset_index(drop=True).drop(columns=["_place", "has_forecast", "from_h"])
    made: pd.DataFrame = conform(kept, "warnings")
    return made
