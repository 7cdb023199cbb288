"""Stretches of lines that lack monitoring: neighbouring sections joined and ranked, with what is cut counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from geo_risk.core.levels import Level
from geo_risk.core.schemas import conform
from geo_risk.products.params import RiskParams
from geo_risk.products.wording import joined, with_reasons

CLASSES = ("railway", "trunk", "primary", "secondary", "local")
"""Order of lines of one level: what carries more comes first; others stand behind."""

_SAID = {
    "stretch": ("Km {low:.2f} to {high:.2f}: {n} sections without a monitored point, {km:.2f} km.",
                "K{low:.2f} 至 K{high:.2f}：共 {n} 段无落实监测人，长 {km:.2f} 公里。"),
    "gravest": ("Gravest at km {at:.2f}: {why}", "最严重处为 K{at:.2f}：{why}"),
    "unknown": ("Its risk is unknown, not low: go and look.", "风险未知，不等于低风险：请现场核查。"),
}  # fmt: skip


@dataclass(frozen=True)
class Stretches:
    """The table `unmonitored_sections`, and how many stretches and kilometres by level do not stand on it."""

    table: pd.DataFrame
    cut: dict[int, tuple[int, float]]


def unmonitored_stretches(risk: gpd.GeoDataFrame, *, params: RiskParams, language: str = "zh") -> Stretches:
    """Return the stretches that are not known to be monitored, the gravest first.

    Sections of `linear_risk` of at least `line_monitor_level`, and those of unknown risk, that are not known to be
    monitored; neighbours on one line (route, class, part, and ends that meet) are one stretch where both are high or
    very high, both medium, both low or both unknown.

    Parameters
    ----------
    risk : `linear_risk` with lacks_monitoring and causes. params : line_monitor_level, line_stretches_max.

    Returns
    -------
    Ranked by level (unknown between medium and low), class of the line (`CLASSES`), length and id. segment_id is the
    gravest section, monitor_at_km its middle, segment_ids all in order. Rows beyond `line_stretches_max` are cut, but
    none of high or very high risk, and counted by level.
    """
    level = risk["risk_level"].astype(int)
    lacks = risk["lacks_monitoring"].isin(["yes", "unknown"])
    chosen = pd.DataFrame(risk[lacks & ((level >= params.line_monitor_level) | (level < 0))].drop(columns="geometry"))
    rows = [_stretch(part) for _, part in _numbered(chosen).groupby("stretch", sort=True)] if len(chosen) else []
    frame = pd.DataFrame(rows, columns=_COLUMNS)
    grave = frame["risk_level"].astype(float).replace(float(Level.UNKNOWN), 1.5).to_numpy()
    kind = frame["class"].map({c: k for k, c in enumerate(CLASSES)}).fillna(len(CLASSES)).to_numpy(np.float64)
    length = frame["length_km"].to_numpy(dtype=np.float64).round(6)
    order = np.lexsort((frame["segment_id"].astype(str).to_numpy(), -length, kind, -grave))
    frame = frame.iloc[order].reset_index(drop=True)
    n = max(params.line_stretches_max, int((frame["risk_level"] >= Level.HIGH).sum()))
    kept, rest = frame.iloc[:n], frame.iloc[n:]
    cut = {int(str(v)): (len(g), float(g["length_km"].sum())) for v, g in rest.groupby("risk_level")}
    kept = kept.assign(rank=np.arange(1, len(kept) + 1))
    told = with_reasons(kept, lambda k: [_words(r, k) for r in kept.to_dict("records")], language)
    made: pd.DataFrame = conform(told.drop(columns=["why_zh", "why_en"]), "unmonitored_sections")
    return Stretches(made, cut)


_COLUMNS = ("segment_id", "route", "class", "from_km", "to_km", "length_km", "n_sections", "monitor_at_km",
            "risk_level", "causes", "lacks_monitoring", "segment_ids", "why_zh", "why_en")  # fmt: skip


def _numbered(chosen: pd.DataFrame) -> pd.DataFrame:
    """Return the sections along their lines with the number of the stretch of each."""
    part = chosen["part"].astype("Int64").fillna(1) if "part" in chosen else 1
    route, kind = (chosen[c].astype("string").fillna("") for c in ("route", "class"))
    rows = chosen.assign(_route=route, _class=kind, _part=part, _group=_group(chosen["risk_level"]))
    rows = rows.sort_values(["_route", "_class", "_part", "from_km", "segment_id"], kind="stable")
    before = rows.shift(1)
    same = np.logical_and.reduce([
        (rows[c] == before[c]).fillna(False).to_numpy(dtype=bool) for c in ("_route", "_class", "_part", "_group")
    ])  # fmt: skip
    meets = (rows["from_km"] - before["to_km"]).abs().to_numpy(dtype=np.float64, na_value=np.nan) <= _MEET_KM
    return rows.assign(stretch=np.cumsum(~(same & meets)))


_MEET_KM = 1e-3
"""Ends of neighbours, which are rounded nowhere, meet to a metre."""


def _group(levels: pd.Series[Any]) -> Any:
    """Return 2 for high and very high, 1 for medium, 0 for low, -1 for unknown."""
    value = levels.to_numpy(dtype=np.int64)
    return np.where(value < 0, -1, np.where(value >= Level.HIGH, 2, np.where(value == Level.MEDIUM, 1, 0)))


def _stretch(part: pd.DataFrame) -> dict[str, Any]:
    exposed = sum(part[c].fillna(0.0) for c in ("slope_share", "runout_share") if c in part)
    order = part.assign(_exposed=exposed).sort_values(
        ["risk_level", "_exposed", "from_km"], ascending=[False, False, True], kind="stable"
    )
    worst = order.iloc[0]
    causes = dict.fromkeys(c for text in part["causes"].fillna("") for c in str(text).split(",") if c)
    return {
        "segment_id": worst["segment_id"], "route": worst["route"], "class": worst["class"],
        "from_km": part["from_km"].min(), "to_km": part["to_km"].max(),
        "length_km": float((part["to_km"] - part["from_km"]).sum()), "n_sections": len(part),
        "monitor_at_km": (worst["from_km"] + worst["to_km"]) / 2, "risk_level": int(worst["risk_level"]),
        "causes": ",".join(causes),
        "lacks_monitoring": "yes" if (part["lacks_monitoring"] == "yes").any() else "unknown",
        "segment_ids": ",".join(part["segment_id"].astype(str)), "why_zh": worst["reasons_zh"],
        "why_en": worst["reasons_en"],
    }  # fmt: skip


def _words(row: dict[Any, Any], language: str) -> str:
    k = int(language == "zh")
    out = [_SAID["stretch"][k].format(low=row["from_km"], high=row["to_km"], n=row["n_sections"], km=row["length_km"])]
    if row["risk_level"] < 0:
        out.append(_SAID["unknown"][k])
    out.append(_SAID["gravest"][k].format(at=row["monitor_at_km"], why=row[f"why_{language}"]))
    return joined(out, language)
