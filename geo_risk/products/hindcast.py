"""The hindcast of past storms for people: a table by storm, warned area by township, and what the report says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dask
import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geo_risk.core.grid import Grid, grid_of
from geo_risk.core.schemas import conform
from geo_risk.core.vectorize import rasterize
from geo_risk.products.wording import note
from geo_risk.terrain.parts import tiles
from geo_risk.terrain.slope import blocks

METHOD = {
    "name": "Hindcast of past storms: each judged by a warning model fitted without it",
    "citation": "leave-one-storm-out; 2 x 2 tables; bootstrap over storms (Efron 1979); band of the reliability "
    "diagram by consistency resampling (Broecker and Smith 2007)",
    "validity": "observed rain stands for the forecast: forecast errors come on top; susceptibility may have learned "
    "from the same slides",
}

POOLED = "all"
"""Id of the row of all storms."""


def hindcast_frame(table: pd.DataFrame, leads: Mapping[str, Mapping[str, float]], *, language: str) -> pd.DataFrame:
    """Return the frame `warning_hindcast`: the table of storms with median lead times and a sentence each.

    Parameters
    ----------
    table : by `hazards.landslide.hindcast.hindcast_table`.
    leads : by storm id: `slide`, median hours from the public level to the slide, and `height`, to the storm's height;
        a storm that is not there has no hours.
    """
    frame = table.assign(**{
        f"lead_to_{k}_h": [leads.get(s, {}).get(k, np.nan) for s in table["storm_id"]] for k in ("slide", "height")
    })  # fmt: skip
    texts = {lang: [_storm(row, lang) for row in frame.to_dict("records")] for lang in ("zh", "en")}
    out: pd.DataFrame = conform(_reasoned(frame, texts, language), "warning_hindcast")
    return out


def _reasoned(frame: pd.DataFrame, texts: Mapping[str, list[str]], language: str) -> pd.DataFrame:
    return frame.assign(reasons=texts[language], reasons_zh=texts["zh"], reasons_en=texts["en"])


def _storm(row: Mapping[Any, Any], language: str) -> str:
    zh, slid = language == "zh", row["slid_units"]
    if row["storm_id"] == POOLED:
        ends = [row[k] for k in ("pod_low", "pod_high", "far_low", "far_high")]
        spans = [f"{v:.2f}" if np.isfinite(v) else "?" for v in ends]
        return (
            f"各场合计：命中率区间 {spans[0]}–{spans[1]}，空报率区间 {spans[2]}–{spans[3]}（按场次重抽样，95%）。" if zh
            else f"All storms: hit rate {spans[0]} to {spans[1]}, false-alarm ratio {spans[2]} to {spans[3]} (95 %, "
            "storms drawn with replacement)."
        )  # fmt: skip
    if not slid:
        return (f"无滑坡记录；预警 {row['false_alarms']} 个单元，均为空报。" if zh
                else f"No slide is recorded; {row['false_alarms']} units were warned in vain.")  # fmt: skip
    return (
        f"{slid} 个滑坡单元中预警 {row['hits']} 个（雨峰前 {row['hits_in_time']} 个），漏报 {row['misses']} 个；"
        f"预期 {row['expected_units']:.0f} 个。" if zh
        else f"Of {slid} units that slid {row['hits']} were warned ({row['hits_in_time']} by the height of the storm), "
        f"{row['misses']} missed; {row['expected_units']:.0f} were expected."
    )  # fmt: skip


def township_cells(labels: xr.DataArray, townships: gpd.GeoDataFrame) -> pd.DataFrame:
    """Count the cells of each unit in each township, block by block.

    Parameters
    ----------
    labels : (y, x) units, 1 and more; 0 and below in none. townships : polygons in the grid's CRS.

    Returns
    -------
    Columns township (row number), label, cells. A cell is in the township that holds its centre, in the last of two.
    """
    grid, data = grid_of(labels), blocks(labels)
    shapes = list(zip(townships.geometry, np.arange(1.0, len(townships) + 1), strict=True))

    def counted(block: NDArray[Any], origin: tuple[int, int], shape: tuple[int, int]) -> pd.DataFrame:
        window = Grid(GeoBox(shape, grid.transform * Affine.translation(origin[1], origin[0]), grid.crs))
        place = rasterize(shapes, window, fill=0, dtype="int32")
        inside = (np.asarray(block) > 0) & (place > 0)
        pairs, n = np.unique(np.stack([place[inside] - 1, np.asarray(block)[inside]]), axis=1, return_counts=True)
        return pd.DataFrame({"township": pairs[0], "label": pairs[1], "cells": n})

    found = dask.compute(*(
        dask.delayed(counted, pure=False)(data.blocks[at].to_delayed().item(), origin, shape)
        for at, origin, shape in tiles(data.chunks)
    ))  # fmt: skip
    out: pd.DataFrame = pd.concat(found).groupby(["township", "label"], as_index=False)["cells"].sum()
    return out


def township_frame(
    cells: pd.DataFrame, townships: gpd.GeoDataFrame, warned: Mapping[str, pd.DataFrame], *, cell_area_m2: float,
    language: str,
) -> pd.DataFrame:  # fmt: skip
    """Return the frame `warning_hindcast_townships`: what each storm would have had warned in each township.

    Parameters
    ----------
    cells : by `township_cells`. townships : code, name.
    warned : by storm id: a row for each unit with `label`, `level` (-1..4), `is_warned`, `slid`. A unit that
        lies in two townships slid in both.
    """
    rows = []
    for storm, units in warned.items():
        joined = cells.merge(units, on="label", how="inner")
        for k in sorted(set(joined["township"].tolist())):
            part = joined[joined["township"] == k]
            area = {name: float(part.loc[mask, "cells"].sum()) * cell_area_m2
                    for name, mask in (("units_m2", slice(None)), ("warned_m2", part["is_warned"]),
                                       ("level_unknown_m2", part["level"] < 0))}  # fmt: skip
            slid = part[part["slid"]]
            rows.append({
                "storm_id": storm, "township_id": townships["code"].iloc[int(k)],
                "name": townships["name"].iloc[int(k)], **area,
                "warned_share": area["warned_m2"] / area["units_m2"], "slid_units": len(slid),
                "warned_slid_units": int(slid["is_warned"].sum()),
            })  # fmt: skip
    columns = ["storm_id", "township_id", "name", "units_m2", "warned_m2", "level_unknown_m2", "warned_share",
               "slid_units", "warned_slid_units"]  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns)
    texts = {lang: [_township(row, lang) for row in frame.to_dict("records")] for lang in ("zh", "en")}
    out: pd.DataFrame = conform(_reasoned(frame, texts, language), "warning_hindcast_townships")
    return out


def _township(row: Mapping[Any, Any], language: str) -> str:
    share, slid, hit = row["warned_share"], row["slid_units"], row["warned_slid_units"]
    unknown = row["level_unknown_m2"] / row["units_m2"]
    if language == "zh":
        more = f"，{unknown:.0%} 等级未知" if unknown > 0 else ""
        return f"斜坡面积的 {share:.0%} 达到公开预警等级{more}；滑坡单元 {slid} 个，其中预警 {hit} 个。"
    more = f", of {unknown:.0%} the level is unknown" if unknown > 0 else ""
    return f"{share:.0%} of its slopes reach the public level{more}; {slid} units slid, {hit} of them warned."


def hindcast_facts(
    frame: pd.DataFrame, diagram: Mapping[str, list[float]], *, held: int, least: int, left: Sequence[str] = (),
    unclear_times: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Return notes and counts for the report: pooled skill with its intervals, calibration, and what it rests on.

    Parameters
    ----------
    frame, diagram : of the `held` storms, from level `least` on.
    left : storms that could not be judged, as too few slides are left without them.
    unclear_times : slides whose time has no zone, so that their lead time is unknown.
    """
    if not len(frame):
        few = note(
            "warning", "No hindcast: with each past storm left out no warning model can be fitted.",
            "无历史回报检验：留出任一场降雨后均无法拟合预警模型。",
        )  # fmt: skip
        return {"notes": [few], "counts": {"storms": 0, "storms_not_judged": len(left)}, "quarantine": [],
                "methods": [METHOD]}  # fmt: skip
    pooled: dict[Any, Any] = frame[frame["storm_id"] == POOLED].iloc[0].to_dict()
    inside, classes = int(sum(diagram["inside"])), len(diagram["inside"])
    p, f, c = (f"{pooled[k]:.2f} ({pooled[k + '_low']:.2f}-{pooled[k + '_high']:.2f})" for k in ("pod", "far", "csi"))
    skill = note(
        "info",
        f"Hindcast of {held} past storms, each by a model fitted without it, from level {least} on: by the height of "
        f"their storm {pooled['hits_in_time']} of {pooled['slid_units']} units that slid were warned"
        f"{_share(pooled)}; at any time of the storm, also after the slide, hit rate {p}, false-alarm ratio {f}, CSI "
        f"{c} over slope units (95 % intervals; slides in no unit are not in them). Observed rain stands for "
        "the forecast, whose errors come on top; susceptibility was learned from an inventory that may hold these "
        "slides, and K and the weight of susceptibility to all storms: both flatter the figures.",
        f"{held} 场历史降雨留一回报检验（{least} 级及以上，斜坡单元）：{pooled['slid_units']} 个滑坡单元中 "
        f"{pooled['hits_in_time']} 个至雨峰时已预警{_share(pooled)}；按整场降雨计（含滑坡之后）命中率 {p}，空报率 {f}，"
        f"CSI {c}（括号为 95% 区间，不含单元外的滑坡）。检验用实况雨量，未含预报误差；易发性编录可能已含这些滑坡，"
        "衰减系数与易发性权重由全部场次确定，结果偏乐观。",
    )
    good = inside == classes
    said = note(
        "info" if good else "warning",
        f"Chances of a slide: {inside} of {classes} classes lie in the band that chance allows; "
        f"{pooled['expected_units']:.0f} units were expected to slide, {pooled['slid_units']} did"
        + ("." if good else ": use the order of the chances, not their size."),
        f"滑坡概率检验：{classes} 个概率等级中 {inside} 个落在允许带内；"
        f"预期滑坡单元 {pooled['expected_units']:.0f} 个，实际 {pooled['slid_units']} 个"
        + ("。" if good else "：宜用其排序，不宜用其数值。"),
    )
    notes = [skill, said, _lead_note(frame, held), *_left_notes(left, unclear_times)]
    counts = {"storms": held, "storms_not_judged": len(left), "slides_without_zone": unclear_times,
              "slid_units": int(pooled["slid_units"]), "hits": int(pooled["hits"]),
              "false_alarms": int(pooled["false_alarms"]), "unknown_units": int(pooled["unknown_units"])}  # fmt: skip
    return {"notes": notes, "counts": counts, "quarantine": [], "methods": [METHOD]}


def _share(pooled: Mapping[Any, Any]) -> str:
    slid = pooled["slid_units"]
    return f" ({pooled['hits_in_time'] / slid:.0%})" if slid else ""


def _lead_note(frame: pd.DataFrame, held: int) -> dict[str, str]:
    """Return of how many storms the lead time is known, and what it takes; unknown is no lead."""
    storms = frame[frame["storm_id"] != POOLED]
    slide, height = (int(storms[f"lead_to_{k}_h"].notna().sum()) for k in ("slide", "height"))
    return note(
        "info" if slide == held else "warning",
        f"Lead time to the slides is known of {slide} of {held} storms, to the height of the storm of {height}: it "
        "takes rain by hours, and to the slides their `time` with hour and zone. Of the others nothing is said.",
        f"至滑坡的提前量 {held} 场中已知 {slide} 场，至雨峰的已知 {height} 场：须有逐小时雨量，"
        "至滑坡的还须滑坡的 `time` 注明时刻与时区；其余场次未知。",
    )


def _left_notes(left: Sequence[str], unclear_times: int) -> list[dict[str, str]]:
    out = []
    if left:
        out.append(note(
            "warning",
            f"{len(left)} past storms could not be judged, as too few slides are left to fit a model without them: "
            f"{', '.join(left)}. The skill above says nothing of them.",
            f"{len(left)} 场降雨未能检验（留出后剩余滑坡过少，无法拟合）：{'、'.join(left)}。上述精度不含这些场次。",
        ))  # fmt: skip
    if unclear_times:
        out.append(note(
            "warning",
            f"Of {unclear_times} past slides the time states no zone: local time read as UTC would add eight hours of "
            "lead, so their lead time is unknown. Write 2024-07-25T02:00:00Z or ...+08:00.",
            f"{unclear_times} 个历史滑坡的时间未注明时区：若将北京时间当作 UTC，提前量将虚增 8 小时，故不计其提前量。"
            "请写作 2024-07-25T02:00:00Z 或 ...+08:00。",
        ))  # fmt: skip
    return out
