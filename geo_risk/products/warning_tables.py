"""Tables over the warnings: townships with their levels and changes, and where zones and points do not fit together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.core.levels import Level
from geo_risk.core.names import STAGES_H
from geo_risk.core.schemas import conform
from geo_risk.products.townships import OUTSIDE_ID, rows_by_township, township_ids, township_names
from geo_risk.products.warning_params import WarningParams
from geo_risk.products.warning_words import said
from geo_risk.products.wording import joined, level_word, warning_word
from geo_risk.products.zone_levels import WARNED_KINDS

OUTSIDE = ("outside every township", "乡镇以外")
"""Name of the row of places that lie in no township, or of all where none is given (English, Chinese)."""

_TOLD = ("raised", "lowered", "cleared", "held", "now_unknown")


def township_warnings(
    warnings: pd.DataFrame, townships: gpd.GeoDataFrame | None, *, language: str = "zh"
) -> pd.DataFrame:
    """Return one row a township: its highest level at each stage over its zones and points, and what changed.

    Parameters
    ----------
    warnings : the table of `place_warnings`.
    townships : with unique `code`, and `name`; each gets a row, also one in which no place lies (its levels are
        unknown: nothing is known of it, which is not safe). Those of one name, or of none, are each their own.
    language : of `reasons`.

    Returns
    -------
    `warning_townships`, ranked by level (unknown between blue and yellow), then places warned of, then name. A level
    is that of `gravest`: "none" only where every place is known to have none. A place counts in every township that it
    reaches into: the rows add up to more places than there are.
    """
    names = {} if townships is None else dict(zip(township_ids(townships), township_names(townships), strict=True))
    mine = rows_by_township(warnings)
    ids = [*names, *sorted(set(mine) - set(names))]
    names[OUTSIDE_ID] = OUTSIDE[int(language == "zh")]
    rows = [_township(i, names.get(i, i), warnings.iloc[mine.get(i, [])]) for i in ids]
    if not rows:
        nothing: pd.DataFrame = conform(
            pd.DataFrame({"township_id": [], "township": [], "rank": []}), "warning_townships"
        )
        return nothing
    out = pd.DataFrame(rows)
    for column, k in (("reasons", language), ("reasons_zh", "zh"), ("reasons_en", "en")):
        out[column] = [_said(row, k) for row in rows]
    grave = -out["warning_level"].astype(float).replace(-1, 1.5)
    places = -(out["zones_warned"] + out["points_warned"])
    keys = {"grave": grave, "places": places, "name": out["township"], "id": out["township_id"]}
    order = pd.DataFrame(keys).sort_values(list(keys), kind="stable")
    out = out.loc[order.index].reset_index(drop=True)
    out.insert(0, "rank", range(1, len(out) + 1))
    made: pd.DataFrame = conform(out, "warning_townships")
    return made


def gravest(levels: pd.Series[Any]) -> int:
    """Return the highest level of several places or stages: a warning wins, but unknown beats none; -1 for no level."""
    highest = int(levels.max()) if len(levels) else Level.UNKNOWN
    return highest if highest > Level.NONE or not (levels < Level.NONE).any() else int(Level.UNKNOWN)


def _township(id_: str, name: str, rows: pd.DataFrame) -> dict[str, Any]:
    out: dict[str, Any] = {"township_id": id_, "township": name}
    for h in STAGES_H:
        out[f"warning_{h}h"] = gravest(rows[rows["stage_h"] == h]["warning_level"])
    out["warning_level"] = gravest(rows["warning_level"])
    highest = rows.groupby(["place_kind", "place_id"])["warning_level"].max()
    for kind in ("zone", "point"):
        mine = highest[highest.index.get_level_values(0) == kind] if len(highest) else highest
        out[f"{kind}s"], out[f"{kind}s_warned"] = len(mine), int((mine > 0).sum())
    silent = rows[rows["warning_level"] < 0]
    out["places_unknown"] = len(silent[["place_kind", "place_id"]].drop_duplicates())
    counts = rows["change"].value_counts()
    out["changes"] = ",".join(f"{c} {int(counts[c])}" for c in _TOLD if c in counts)
    return out


def _said(row: Mapping[str, Any], language: str) -> str:
    out = [said("township", language, zones=row["zones_warned"], all_zones=row["zones"], points=row["points_warned"],
                all_points=row["points"], level=warning_word(row["warning_level"], language))]  # fmt: skip
    if row["places_unknown"] or row["warning_level"] < 0:
        out.append(said("township_unknown", language, n=row["places_unknown"]))
    return joined(out, language)


def warning_gaps(
    zones: gpd.GeoDataFrame | None,
    points: gpd.GeoDataFrame | None,
    warnings: pd.DataFrame,
    *,
    params: WarningParams,
    language: str = "zh",
) -> pd.DataFrame:
    """Return where the dual control has a hole: grave zones without a point, and points outside every zone.

    Parameters
    ----------
    zones, points : as `place_warnings` leaves them.
    warnings : for township and level of each place, by `gravest` of its stages. params : `gap_level`.

    Returns
    -------
    `warning_gaps`: a landslide zone counts where its risk or its highest warning is at least `gap_level`, or unknown
    with a hazard of at least that; points that are cancelled are left out. Gravest first.
    """
    places = warnings.groupby(["place_kind", "place_id"])
    towns, highest, lowest = places["township"].first(), places["warning_level"].max(), places["warning_level"].min()
    levels = highest.where((highest > Level.NONE) | (lowest >= Level.NONE), Level.UNKNOWN)  # as `gravest`
    rows: list[dict[str, Any]] = []
    cancelled = set() if points is None else set(points[points["status"] == "cancelled"]["point_id"].astype(str))
    for kind, frame in (("zone", zones), ("point", points)):
        if frame is None:
            continue
        own = [int(levels.get((kind, str(i)), Level.UNKNOWN)) for i in frame[f"{kind}_id"]]
        chosen = frame.assign(warning_level=own)
        for row in chosen[_is_gap(chosen, kind, params, cancelled=cancelled)].to_dict("records"):
            place = str(row[f"{kind}_id"])
            found = {
                "gap": "zone_without_point" if kind == "zone" else "point_outside_zones", "place_id": place,
                "gap_id": f"{kind}-{place}", "name": row.get("name"), "kind": row["kind"],
                "township": towns.get((kind, place)), "hazard_level": int(row["hazard_level"]),
                "risk_level": int(row.get("risk_level", -1)), "warning_level": int(row["warning_level"]),
            }  # fmt: skip
            texts = {k: _gap_said(found, k) for k in ("zh", "en")}
            rows.append({**found, "reasons": texts[language], "reasons_zh": texts["zh"], "reasons_en": texts["en"]})
    if not rows:
        nothing: pd.DataFrame = conform(pd.DataFrame({"gap_id": []}), "warning_gaps")
        return nothing
    out = pd.DataFrame(rows)
    keys = {c: -out[c].astype(float).replace(-1, 1.5) for c in ("warning_level", "risk_level", "hazard_level")}
    order = pd.DataFrame({**keys, "id": out["gap_id"]}).sort_values([*keys, "id"], kind="stable").index
    made: pd.DataFrame = conform(out.loc[order].reset_index(drop=True), "warning_gaps")
    return made


def _is_gap(frame: gpd.GeoDataFrame, kind: str, params: WarningParams, *, cancelled: set[str]) -> NDArray[np.bool_]:
    if kind == "point":
        inside = frame["zone_id"].notna() & (frame["zone_id"].astype("string").fillna("") != "")
        return np.asarray(~inside & (frame["status"] != "cancelled"), dtype=bool)
    highest = frame["warning_level"]
    is_open = ((frame["risk_level"] < 0) | (highest < 0)) & (frame["hazard_level"] >= params.gap_level)
    grave = (frame["risk_level"] >= params.gap_level) | (highest >= params.gap_level) | is_open
    ids = frame["point_ids"].astype("string").fillna("")
    bare = np.array([cancelled.issuperset(filter(None, i.split(","))) for i in ids], dtype=bool)
    return np.asarray(frame["kind"].isin(WARNED_KINDS) & grave & bare, dtype=bool)


def _gap_said(row: Mapping[str, Any], language: str) -> str:
    warning = warning_word(row["warning_level"], language)
    if row["gap"] == "zone_without_point":
        return said("gap_zone", language, risk=level_word(row["risk_level"], language), warning=warning)
    return said("gap_point", language, hazard=level_word(row["hazard_level"], language), warning=warning)
