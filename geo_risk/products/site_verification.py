"""Reported against predicted water: hit, miss, false alarm or unknown, and what the ledger should learn."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_risk.core.schemas import conform
from geo_risk.core.water_schemas import OUTCOMES
from geo_risk.products.waterlogging import depth_classes
from geo_risk.products.waterlogging_params import WaterloggingParams
from geo_risk.products.wording import with_reasons

THIS_STORM = "run"
"""storm_id of the storm that the run is about."""

# text: (English, Chinese)
_WORDS = {
    "hit": ("Reported {reported:.2f} m, predicted {predicted:.2f} m.",
            "上报 {reported:.2f} 米，模拟 {predicted:.2f} 米。"),
    "miss": ("Reported {reported:.2f} m, predicted {predicted:.2f} m: the model missed it.",
             "上报 {reported:.2f} 米，模拟 {predicted:.2f} 米：漏报。"),
    "false_alarm": ("Predicted {predicted:.2f} m, reported {reported:.2f} m: the model warned for nothing.",
                    "模拟 {predicted:.2f} 米，上报 {reported:.2f} 米：空报。"),
    "correct_dry": ("Below the first class as predicted.", "与模拟一致，未达最低等级。"),
    "no_report": ("Nobody reported it: not known to have been dry.", "无上报：不等于无积水。"),
    "no_depth": ("Its predicted depth is unknown.", "模拟水深未知。"),
    "silent_false_alarm": ("Predicted {predicted:.2f} m, and nobody reported it: counted as dry.",
                           "模拟 {predicted:.2f} 米，无上报，按无积水计：空报。"),
    "silent_correct_dry": ("Below the first class as predicted, and nobody reported it.", "无上报，与模拟一致。"),
    "new_site": ("{n} reports of water, to {depth:.2f} m, more than {far:.0f} m from every site.",
                 "有 {n} 次积水上报，最深 {depth:.2f} 米，距各点位超过 {far:.0f} 米。"),
    "new_detected": ("Water was reported at a place that the model found: to {depth:.2f} m. It is not in the ledger.",
                     "模型识别的未登记点位有积水上报，最深 {depth:.2f} 米。"),
    "close_site": ("Reported dry in {n} storms and wet in none; the model finds no rain that floods it, to "
                   "{most:.0f} mm in an hour.",
                   "{n} 次降雨上报无积水，无一次积水；模型中一小时 {most:.0f} 毫米降雨亦不积水。"),
    "check_site": ("Reported dry in {n} storms in which the model puts water there, and wet in none: the drain may be "
                   "better, or the terrain other, than the data say.",
                   "{n} 次降雨模型有积水而上报无积水：排水或地形可能优于资料，请复核。"),
}  # fmt: skip


def of_storm(
    reports: pd.DataFrame, begin: pd.Timestamp | None, end: pd.Timestamp | None, *, after_h: float
) -> tuple[pd.DataFrame, list[dict[str, str]], dict[str, int]]:
    """Part the reports that may be of a storm from those of another time.

    Parameters
    ----------
    reports : site_id, time as written, and time_from, time_to between which it may lie (UTC; missing: not told).
    begin, end : of the storm and of its run, UTC; None: no storm to hold them against.
    after_h : water seen so long after the end is still the storm's.

    Returns
    -------
    kept : reports whose time may lie in the storm, or is not told. quarantine : {"id", "reason", "reason_zh"} of the
    others. counts : untimed, without_zone (more than an instant) of those kept.
    """
    none = pd.Series(False, index=reports.index)
    early = none if begin is None else reports["time_to"] < begin
    late = none if end is None else reports["time_from"] > end + pd.Timedelta(hours=after_h)
    aside = []
    for is_early, row in zip(early[early | late], reports[early | late].to_dict("records"), strict=True):
        when = ("before the storm began", "降雨开始之前") if is_early else ("after the storm ended", "降雨结束之后")
        aside.append({
            "id": "report" if pd.isna(row["site_id"]) else str(row["site_id"]),
            "reason": f"was reported at {row['time']}, {when[0]}: not of this storm, not used",
            "reason_zh": f"上报时间 {row['time']} 在{when[1]}：非本次降雨，未采用",
        })  # fmt: skip
    kept = reports[~(early | late)].reset_index(drop=True)
    vague = kept["time_from"].notna() & (kept["time_from"] != kept["time_to"])
    return kept, aside, {"untimed": int(kept["time_from"].isna().sum()), "without_zone": int(vague.sum())}


def place_reports(
    reports: pd.DataFrame, sites: gpd.GeoDataFrame, params: WaterloggingParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give every report its site: by id, else the nearest one within report_snap_m.

    Parameters
    ----------
    reports : depth_m [m] >= 0, and site_id or x, y in the CRS of the sites (missing where not given).
    sites : points with site_id.

    Returns
    -------
    placed : site_id, depth_m, of reports at a site. away : x, y, depth_m, of those away from any.
    Reports with neither are in none of them: `unplaced` names them.
    """
    ids = set(sites["site_id"].astype(str))
    given = reports["site_id"].astype("string") if "site_id" in reports else pd.Series(pd.NA, index=reports.index)
    site = given.where(given.isin(ids)).astype(object)
    has_place = reports["x"].notna() & reports["y"].notna() if "x" in reports else pd.Series(False, index=reports.index)
    tree = shapely.STRtree(sites.geometry.to_numpy())
    names = sites["site_id"].astype(str).to_numpy()
    for i in reports.index[site.isna() & has_place]:
        point = shapely.Point(float(reports.loc[i, "x"]), float(reports.loc[i, "y"]))
        near = np.sort(tree.query(point, predicate="dwithin", distance=params.report_snap_m))
        if near.size:
            distance = shapely.distance(sites.geometry.to_numpy()[near], point)
            site[i] = names[near[int(np.argmin(distance))]]
    placed = pd.DataFrame({"site_id": site, "depth_m": reports["depth_m"]})[site.notna()]
    away = reports.loc[site.isna() & has_place, ["x", "y", "depth_m"]] if "x" in reports else pd.DataFrame(
        {"x": [], "y": [], "depth_m": []})  # fmt: skip
    return placed.reset_index(drop=True), away.reset_index(drop=True)


def unplaced(reports: pd.DataFrame, sites: gpd.GeoDataFrame) -> list[dict[str, str]]:
    """Return {"id", "reason", "reason_zh"} of reports that name no site of the list and no place.

    Parameters
    ----------
    reports, sites : as `place_reports` takes them.
    """
    away = ~reports["site_id"].astype("string").isin(set(sites["site_id"].astype(str)))
    nowhere = away & (reports["x"].isna() | reports["y"].isna()) if "x" in reports else away
    return [{"id": str(r["site_id"]),
             "reason": f"{r['depth_m']:.2f} m reported at a site that is not on the list, without a place: not used",
             "reason_zh": f"上报积水 {r['depth_m']:.2f} 米，点位不在清单中且无坐标：未采用"}
            for r in reports[nowhere].to_dict("records")]  # fmt: skip


def verify(
    names: pd.Series[str], pairs: pd.DataFrame, params: WaterloggingParams, *, language: str = "en"
) -> pd.DataFrame:
    """Compare what was reported with what was predicted.

    Parameters
    ----------
    names : name of each site by its id. pairs : storm_id, site_id, reported_m (missing: nobody reported), modelled_m.
    params : depth_classes_m, silence_is_dry.

    Returns
    -------
    The frame `waterlogging_verification`, misses first. Water means the first depth class or more. Without a report a
    site is "unknown" unless silence_is_dry; without a predicted depth it is "unknown" always.
    """
    out = pairs.rename(columns={"reported_m": "reported_depth_m", "modelled_m": "predicted_depth_m"}).copy()
    reported, predicted = (out[c].to_numpy(float) for c in ("reported_depth_m", "predicted_depth_m"))
    silent = np.isnan(reported)
    counted = np.where(silent & params.silence_is_dry, 0.0, reported)
    first = params.depth_classes_m[0]
    wet, told = counted >= first, predicted >= first
    unknown = np.isnan(counted) | np.isnan(predicted)
    out["outcome"] = np.select(
        [unknown, wet & told, wet & ~told, ~wet & told], ["unknown", "hit", "miss", "false_alarm"], "correct_dry"
    )
    for kind, values in (("reported", reported), ("predicted", predicted)):
        classes = depth_classes(values, params)
        out[f"{kind}_class"] = pd.array(np.where(classes < 0, -1, classes), dtype="Int64")
    out["verification_id"] = out["storm_id"].astype(str) + "/" + out["site_id"].astype(str)
    out["name"] = out["site_id"].astype(str).map(names)
    order = out["outcome"].map({o: k for k, o in enumerate(OUTCOMES)})
    out = out.assign(_order=order).sort_values(["_order", "storm_id", "site_id"], kind="stable")
    out = out.drop(columns="_order").reset_index(drop=True)
    said = [_said(_word_of(row), reported=row["reported_depth_m"], predicted=row["predicted_depth_m"])
            for row in out.to_dict("records")]  # fmt: skip
    made: pd.DataFrame = conform(_told(out, said, language), "waterlogging_verification")
    return made


def _word_of(row: Any) -> str:
    silent = pd.isna(row["reported_depth_m"])
    if row["outcome"] == "unknown":
        return "no_depth" if pd.isna(row["predicted_depth_m"]) else "no_report"
    return f"silent_{row['outcome']}" if silent else str(row["outcome"])


def _said(key: str, **values: float) -> tuple[str, str]:
    return _WORDS[key][0].format(**values), _WORDS[key][1].format(**values)


def _told(frame: Any, said: list[tuple[str, str]], language: str) -> Any:
    return with_reasons(frame, lambda k: [pair[int(k == "zh")] for pair in said], language)


def skill(table: pd.DataFrame) -> dict[str, float]:
    """Return counts of each outcome, and where they can be told pod and far.

    pod is the share of reported water that was predicted, far that of predictions that came to nothing.
    """
    n = {o: int((table["outcome"] == o).sum()) for o in OUTCOMES}
    out: dict[str, float] = dict(n)
    if n["hit"] + n["miss"]:
        out["pod"] = round(n["hit"] / (n["hit"] + n["miss"]), 4)
    if n["hit"] + n["false_alarm"]:
        out["far"] = round(n["false_alarm"] / (n["hit"] + n["false_alarm"]), 4)
    return out


def propose(
    ranked: gpd.GeoDataFrame,
    pairs: pd.DataFrame,
    away: pd.DataFrame,
    params: WaterloggingParams,
    *,
    language: str = "en",
) -> gpd.GeoDataFrame:
    """Propose what should enter the ledger, leave it, or be looked at; people decide.

    Parameters
    ----------
    ranked : the frame waterlogging. pairs : as for `verify`. away : as `place_reports` returns them.
    params : report_snap_m, close_storms, depth_classes_m.

    Returns
    -------
    The frame `waterlogging_ledger_proposals`: new_site where water of the first class was reported away from any site
    (reports within report_snap_m of one another are one place) or at a detected one; for ledger sites that were
    reported dry in close_storms storms and wet in none, close_site where the model finds no rain that floods them,
    check_site where it puts water there in so many of these storms. A site whose ledger tells of water of the first
    class in the past, or that the list calls unknown, is not proposed to be closed.
    """
    first = params.depth_classes_m[0]
    rows: list[dict[str, Any]] = []
    said: list[tuple[str, str]] = []
    wet = away[away["depth_m"] >= first]
    for k, (point, depth, n) in enumerate(_places(wet, params.report_snap_m), 1):
        rows.append({"proposal_id": f"REPORT-{k:03d}", "proposal": "new_site", "site_id": pd.NA, "name": pd.NA,
                     "depth_m": depth, "n_reports": n, "n_storms": pd.NA, "geometry": point})  # fmt: skip
        said.append(_said("new_site", n=n, depth=depth, far=params.report_snap_m))
    known = pairs[pairs["reported_m"].notna()]
    groups = {str(i): g for i, g in known.groupby("site_id")}
    for site in ranked.to_dict("records"):
        group = groups.get(str(site["site_id"]))
        if group is None:
            continue
        found = _learned(site, group, params)
        if found is None:
            continue
        proposal, text = found
        said.append(text)
        rows.append({"proposal_id": f"SITE-{site['site_id']}", "proposal": proposal, "site_id": str(site["site_id"]),
                     "name": site["name"], "depth_m": float(group["reported_m"].max()), "n_reports": len(group),
                     "n_storms": group["storm_id"].nunique(), "geometry": site["geometry"]})  # fmt: skip
    columns = ["proposal_id", "proposal", "site_id", "name", "depth_m", "n_reports", "n_storms", "geometry"]
    frame = gpd.GeoDataFrame(pd.DataFrame(rows, columns=columns), geometry="geometry", crs=ranked.crs)
    made: gpd.GeoDataFrame = conform(_told(frame, said, language), "waterlogging_ledger_proposals")
    return made


def _learned(site: Any, group: pd.DataFrame, params: WaterloggingParams) -> tuple[str, tuple[str, str]] | None:
    """Return what the reports of a site propose, and why; None where they propose nothing."""
    first = params.depth_classes_m[0]
    deepest = float(group["reported_m"].max())
    if site["source"] == "detected":
        return ("new_site", _said("new_detected", depth=deepest)) if deepest >= first else None
    dry = group[group["reported_m"] < first]
    history = pd.to_numeric(site.get("past_depth_m", np.nan), errors="coerce")
    if history >= first or deepest >= first or dry["storm_id"].nunique() < params.close_storms:
        return None
    n_wet = dry.loc[dry["modelled_m"] >= first, "storm_id"].nunique()
    if n_wet >= params.close_storms:
        return "check_site", _said("check_site", n=n_wet)
    if site.get("depth_class") == -1:  # what the list does not call dry is not to be closed
        return None
    tested, trigger = site.get("trigger_tested_mm"), site.get("trigger_60min_class1_mm")
    if tested is not None and not pd.isna(tested) and pd.isna(trigger) and site["depth_m"] < first:
        return "close_site", _said("close_site", n=dry["storm_id"].nunique(), most=float(tested))
    return None


def _places(wet: pd.DataFrame, snap_m: float) -> list[tuple[Any, float, int]]:
    """Join reports that lie within snap_m of one another: middle, greatest depth and number, from west to east."""
    if wet.empty:
        return []
    xy = wet[["x", "y"]].to_numpy(float)
    label: NDArray[np.int64] = np.arange(len(xy))
    pairs = shapely.STRtree(shapely.points(xy)).query(shapely.points(xy), predicate="dwithin", distance=snap_m)
    for _ in range(len(xy)):
        least = label.copy()
        np.minimum.at(least, pairs[0], label[pairs[1]])
        if np.array_equal(least, label):
            break
        label = least
    depth = wet["depth_m"].to_numpy(float)
    groups = [np.flatnonzero(label == k) for k in np.unique(label)]
    found = [(shapely.Point(xy[g].mean(axis=0)), float(depth[g].max()), len(g)) for g in groups]
    return sorted(found, key=lambda f: (f[0].x, f[0].y))
