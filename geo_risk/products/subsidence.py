"""The land-subsidence watch for people: zones and townships with trend, people and buildings, and the reasons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from geo_risk.core.schemas import conform
from geo_risk.products.wording import joined, word

TREND_COLUMNS = ("trend", "rate_before_mm_yr", "rate_recent_mm_yr", "change_mm_yr", "change_std_mm_yr")
"""Columns that `trends` brings: the verdict, and rates that are positive for sinking."""

_SAID: Mapping[str, tuple[str, str]] = {
    "zone": ("Sinks {mean:.1f} mm/yr in the mean and {most:.1f} at most ({bounds} mm/yr) over "
             "{area:.3f} km2; kind: {kind}.",
             "平均沉降 {mean:.1f}、最大 {most:.1f} 毫米/年（{bounds} 毫米/年），"
             "面积 {area:.3f} 平方公里；类型：{kind}。"),
    "volume": ("Loses {volume:,.0f} +- {error:,.0f} m3 a year.", "年沉降体积 {volume:,.0f}±{error:,.0f} 立方米。"),
    "faster": ("As a whole it sinks faster of late: {recent:.1f} against {before:.1f} mm/yr before "
               "({change:+.1f} +- {error:.1f}).",
               "整体近期加快：{recent:.1f} 毫米/年，此前 {before:.1f} 毫米/年（变化 {change:+.1f}±{error:.1f}）。"),
    "slower": ("As a whole it sinks slower of late: {recent:.1f} against {before:.1f} mm/yr before "
               "({change:+.1f} +- {error:.1f}).",
               "整体近期减缓：{recent:.1f} 毫米/年，此前 {before:.1f} 毫米/年（变化 {change:+.1f}±{error:.1f}）。"),
    "steady": ("As a whole no change of rate beyond its error ({change:+.1f} +- {error:.1f} mm/yr).",
               "整体速率变化未超出误差（{change:+.1f}±{error:.1f} 毫米/年）。"),
    "vague": ("Trend unknown: the rate may have changed by up to {most:.0f} mm/yr (95 %).",
              "趋势未知：不能排除速率变化达 {most:.0f} 毫米/年（95%）。"),
    "no_trend": ("Trend unknown: the series is too short, or there is none.", "趋势未知：时序过短或无时序。"),
    "people": ("{people} people and {buildings} buildings stand on it.", "其上有 {people} 人、{buildings} 栋房屋。"),
    "people_only": ("{people} people live on it; how many buildings stand there is unknown.",
                    "其上有 {people} 人，房屋数未知。"),
    "people_unknown": ("People on it are unknown.", "其上人口未知。"),
    "township": ("{area:.3f} km2 sink, {volume:,.0f} +- {error:,.0f} m3 a year without mining.",
                 "沉降面积 {area:.3f} 平方公里，不含采空年沉降体积 {volume:,.0f}±{error:,.0f} 立方米。"),
    "mining": ("Mining bowls lose {volume:,.0f} +- {error:,.0f} m3 a year.",
               "采空沉陷年沉降体积 {volume:,.0f}±{error:,.0f} 立方米。"),
    "nothing": ("Nothing that is seen sinks beyond noise.", "可观测范围内未见超出噪声的沉降。"),
    "blind": ("Radar sees nothing of it in this run: unknown, not safe.",
              "本次运行中雷达观测不到：未知，不等于安全。"),
    "los": ("One line of sight only: motion is assumed to be vertical.", "仅有单一视线向观测：假定形变为垂直方向。"),
    "mixed": ("In part from one line of sight, assumed to be vertical.", "部分仅有单一视线向观测，假定为垂直方向。"),
    "coverage": ("{share:.0%} of it is known by radar; {area:.2f} km2 are unknown, not safe.",
                 "雷达可判定 {share:.0%}；{area:.2f} 平方公里未知，不等于安全。"),
    "left": ("Of these {area:.3f} km2 left the course of their record at an end of it: sudden motion, or an unwrapping "
             "error. Go and look.",
             "其中 {area:.3f} 平方公里在时序末端（或起始）偏离原有趋势：可能为突发位移，"
             "也可能为解缠误差，请现场核查。"),
}  # fmt: skip


def subsidence_zones(
    zones: gpd.GeoDataFrame, trends: pd.DataFrame, houses: gpd.GeoDataFrame | None, *, language: str = "en"
) -> gpd.GeoDataFrame:
    """Return the zones with trend, people, buildings and reasons.

    Parameters
    ----------
    zones : of `hazards.deformation.lines.watch.subsidence_zones`.
    trends : TREND_COLUMNS by `body`; a body without a row is unknown.
    houses : people, is_building and geometry in the same CRS; None: people and buildings are missing.
    language : of `reasons`; reasons_zh and reasons_en are always there.

    Returns
    -------
    A frame that conforms to `subsidence_zones`. A house belongs to the zone that holds its middle.
    """
    frame = zones.merge(trends, on="body", how="left") if len(zones) else zones.assign(**dict.fromkeys(TREND_COLUMNS))
    frame["trend"] = frame["trend"].fillna("unknown")
    frame = frame.merge(_exposed(frame, houses, "subsidence_id"), on="subsidence_id", how="left")
    said = [[*_zone(r), _trend(r), _people(r)] for r in frame.drop(columns="geometry").to_dict("records")]
    out = gpd.GeoDataFrame(
        _with_reasons(frame.drop(columns=["body", "vertical_source"], errors="ignore"), said, language), crs=zones.crs
    )
    result: gpd.GeoDataFrame = conform(out, "subsidence_zones")
    return result


def subsidence_townships(
    table: pd.DataFrame, trends: pd.DataFrame, zones: gpd.GeoDataFrame, *, houses: gpd.GeoDataFrame | None,
    townships: gpd.GeoDataFrame | None, language: str = "en",
) -> pd.DataFrame:  # fmt: skip
    """Return the townships, ranked by the volume they lose, with trend, people and buildings on sinking ground.

    Parameters
    ----------
    table : of `hazards.deformation.lines.townships.township_table`.
    trends : TREND_COLUMNS by `part`.
    zones : of `subsidence_zones`.
    houses, townships : as there; a house counts where its middle lies in a zone.
    language : of `reasons`.
    """
    frame = table.merge(trends, on="part", how="left")
    frame["trend"] = frame["trend"].fillna("unknown")
    frame = frame.merge(_by_township(zones, houses, townships), on="township_id", how="left")
    total = frame["volume_loss_m3_yr"] + frame["mining_loss_m3_yr"]
    frame = frame.assign(total=-total).sort_values(["total", "township_id"]).drop(columns=["total", "part"])
    frame["rank"] = np.arange(1, len(frame) + 1)
    said = [_township(r) for r in _records(frame)]
    out: pd.DataFrame = conform(_with_reasons(frame, said, language), "subsidence_townships")
    return out


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]


def _exposed(zones: gpd.GeoDataFrame, houses: gpd.GeoDataFrame | None, key: str) -> pd.DataFrame:
    """Return people and buildings by zone; people are missing where those of one house are."""
    ids = zones[[key]].drop_duplicates()
    if houses is None or not len(zones):
        return pd.DataFrame(ids).assign(people=float("nan"), buildings=float("nan"))
    points = gpd.GeoDataFrame(houses[["people", "is_building"]], geometry=houses.geometry.representative_point())
    inside = gpd.sjoin(points, zones[[key, "geometry"]], predicate="within")
    counts = inside.groupby(key).agg(
        people=("people", lambda p: p.sum() if p.notna().all() else pd.NA),
        buildings=("is_building", lambda b: b.sum() if b.all() else pd.NA),
    )  # fmt: skip
    out = pd.DataFrame(ids).merge(counts.reset_index(), on=key, how="left")
    hit = out[key].isin(counts.index)
    return out.assign(
        people=pd.to_numeric(out["people"].where(hit, 0)).round().astype("Int64"),
        buildings=_buildings(out["buildings"].where(hit, 0), houses),
    )


def _buildings(counts: pd.Series[Any], houses: gpd.GeoDataFrame) -> pd.Series[Any]:
    """Return the counts as whole numbers, missing where people stand whose buildings nobody gave, as discs or cells.

    Missing everywhere where no buildings are known at all.
    """
    if not houses["is_building"].any():
        return pd.Series(pd.NA, index=counts.index, dtype="Int64")
    whole: pd.Series[Any] = pd.to_numeric(counts).astype("Int64")
    return whole


def _by_township(
    zones: gpd.GeoDataFrame, houses: gpd.GeoDataFrame | None, townships: gpd.GeoDataFrame | None
) -> pd.DataFrame:
    names = ["outside"] if townships is None else [*townships["code"].astype(str), "outside"]
    empty = pd.DataFrame({"township_id": names}).drop_duplicates()
    if houses is None:
        return empty.assign(people=float("nan"), buildings=float("nan"))
    points = gpd.GeoDataFrame(houses[["people", "is_building"]], geometry=houses.geometry.representative_point())
    on_zone = points.loc[gpd.sjoin(points, zones[["geometry"]], predicate="within").index.unique()]
    place = pd.Series("outside", index=on_zone.index)
    if townships is not None and len(on_zone):
        joined_ = gpd.sjoin(on_zone, townships[["code", "geometry"]], predicate="within")
        # where two overlap the later one holds the place, as for cells
        place.update(joined_["code"].astype(str).groupby(level=0).last())
    counted = on_zone.assign(township_id=place).groupby("township_id").agg(
        people=("people", lambda p: p.sum() if p.notna().all() else pd.NA),
        buildings=("is_building", lambda b: b.sum() if b.all() else pd.NA),
    )  # fmt: skip
    out = empty.merge(counted.reset_index(), on="township_id", how="left")
    hit = out["township_id"].isin(counted.index)
    return out.assign(
        people=pd.to_numeric(out["people"].where(hit, 0)).round().astype("Int64"),
        buildings=_buildings(out["buildings"].where(hit, 0), houses),
    )


def _with_reasons(frame: Any, said: list[list[tuple[str, dict[str, Any]]]], language: str) -> Any:
    texts = {
        k: [joined([_SAID[key][int(k == "zh")].format(**_words(values, k)) for key, values in row], k) for row in said]
        for k in ("zh", "en")
    }
    return frame.assign(reasons=texts[language], reasons_zh=texts["zh"], reasons_en=texts["en"])


def _words(values: Mapping[str, Any], language: str) -> dict[str, Any]:
    return {k: word(v, language) if isinstance(v, str) else v for k, v in values.items()}


def _zone(row: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    low, high = float(row["rate_from_mm_yr"]), float(row["rate_to_mm_yr"])
    bounds = f"{low:g}-{high:g}" if np.isfinite(high) else f">= {low:g}"
    source = str(row.get("vertical_source", ""))
    return [
        ("zone", {"mean": row["rate_mean_mm_yr"], "most": row["rate_max_mm_yr"], "bounds": bounds,
                  "area": row["area_m2"] / 1e6, "kind": str(row["kind"])}),
        ("volume", {"volume": row["volume_loss_m3_yr"], "error": row["volume_loss_std_m3_yr"]}),
        *([(source, {})] if source in ("los", "mixed") else []),
    ]  # fmt: skip


def _trend(row: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    if row["trend"] == "unknown":
        most = abs(row["change_mm_yr"]) + 1.96 * row["change_std_mm_yr"]
        return ("vague", {"most": most}) if pd.notna(most) else ("no_trend", {})
    key = {"accelerating": "faster", "easing": "slower", "steady": "steady"}[str(row["trend"])]
    return key, {"recent": row["rate_recent_mm_yr"], "before": row["rate_before_mm_yr"],
                 "change": row["change_mm_yr"], "error": row["change_std_mm_yr"]}  # fmt: skip


def _people(row: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    if pd.isna(row["people"]):
        return "people_unknown", {}
    if pd.isna(row["buildings"]):
        return "people_only", {"people": int(row["people"])}
    return "people", {"people": int(row["people"]), "buildings": int(row["buildings"])}


def _township(row: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    said: list[tuple[str, dict[str, Any]]] = []
    if row["subsiding_m2"] > 0:
        said += [
            ("township", {"area": row["subsiding_m2"] / 1e6, "volume": row["volume_loss_m3_yr"],
                          "error": row["volume_loss_std_m3_yr"]}),
        ]  # fmt: skip
        if row["mining_loss_std_m3_yr"] > 0:
            said.append(("mining", {"volume": row["mining_loss_m3_yr"], "error": row["mining_loss_std_m3_yr"]}))
        said += [_trend(row), _people(row)]
    elif row["known_share"] > 0:
        said.append(("nothing", {}))
    # a share that is missing is that of a township without a cell in the run
    if not row["known_share"] > 0:
        said.append(("blind", {}))
    elif row["known_share"] < 0.9995:
        said.append(("coverage", {"share": row["known_share"], "area": row["unknown_m2"] / 1e6}))
    if row["off_course_m2"] > 0:
        said.append(("left", {"area": row["off_course_m2"] / 1e6}))
    return said


def watch_facts(zones: gpd.GeoDataFrame, townships: pd.DataFrame) -> tuple[list[tuple[str, str]], dict[str, Any]]:
    """Return notes of the report (English, Chinese) and counts: totals, and the townships that lose most."""
    mining = zones["kind"] == "mining_subsidence"
    other, mined = (float(zones.loc[m, "volume_loss_m3_yr"].sum()) for m in (~mining, mining))
    unknown = float(townships["unknown_m2"].sum()) / 1e6
    area = float(zones["area_m2"].sum()) / 1e6
    notes = [(
        f"Land subsidence: {area:.2f} km2 sink; {other:,.0f} m3 a year without mining, {mined:,.0f} m3 by mining. "
        f"{unknown:.1f} km2 are not seen and are in no figure: unknown, not safe.",
        f"地面沉降：沉降面积 {area:.2f} 平方公里；不含采空年沉降体积 {other:,.0f} 立方米，"
        f"采空沉陷 {mined:,.0f} 立方米。另有 {unknown:.1f} 平方公里未观测到，不计入以上数字：未知，不等于安全。",
    )]  # fmt: skip
    for row in townships[townships["subsiding_m2"] > 0].head(5).to_dict("records"):
        place = row["name"] or row["township_id"]
        notes.append((f"{place}: {row['reasons_en']}", f"{place}：{row['reasons_zh']}"))
    counts = {
        "zones": len(zones), "bodies": int(zones["body_id"].nunique()), "volume_loss_m3_yr": other,
        "mining_loss_m3_yr": mined, "unknown_km2": unknown,
        **{f"trend_{k}": int(n) for k, n in zones.groupby("trend")["body_id"].nunique().items()},
    }  # fmt: skip
    return notes, counts
