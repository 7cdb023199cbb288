"""Step that finds the rivers which enter over the edge of the map, and the ground that they drain before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.exposure import options_of

if TYPE_CHECKING:
    import pandas as pd

    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.flood.params import RiverParams
    from geo_risk.hazards.flood.rivers import Outside
    from geo_risk.sources.options import ReadOptions

OUTSIDE = ("outside_area", "outside_area_high")
FED = ("fed_accumulation", "fed_hand_m")
"""Layers that stand for flow_accumulation and hand_m where rivers enter: their beds are streams from the edge on."""


def river_inflows(plan: Plan) -> None:
    """Add the step where rivers are given (layers outside_area, outside_area_high)."""
    plan.add(
        "flood.inflows", write_inflows,
        reads={"rivers": plan.input("rivers"),
               **{n: plan.layer(n) for n in ("flow_direction", "dem_filled", "flow_accumulation")}},
        writes={**{n: plan.layer(n) for n in (*OUTSIDE, *FED)}, "facts": plan.facts("flood_inflows")},
        options=options_of(plan, "rivers"), params=plan.cfg.flood.river,
        stream_area_m2=plan.cfg.flood.drainage.stream_area_m2,
    )  # fmt: skip


def read_outside(outside_area: Path | None, outside_area_high: Path | None) -> Outside | None:
    """Return the ground beyond the map that drains in, None where no rivers are given."""
    from geo_risk.hazards.flood.rivers import Outside
    from geo_risk.sources.layers import open_layer
    from geo_risk.terrain.slope import blocks

    if outside_area is None or outside_area_high is None:
        return None
    return Outside(blocks(open_layer(outside_area)), blocks(open_layer(outside_area_high)))


def with_fed(layers: dict[str, Path | None]) -> dict[str, Path]:
    """Return the paths of layers with those of FED in place of the map's own where they are there."""
    out = {name: path for name, path in layers.items() if path is not None}
    for name, fed in zip(("flow_accumulation", "hand_m"), FED, strict=True):
        out[name] = out.pop(fed, out[name])
    return out


def write_inflows(
    *, rivers: Path, flow_direction: Path, dem_filled: Path, flow_accumulation: Path, outside_area: Path,
    outside_area_high: Path, fed_accumulation: Path, fed_hand_m: Path, facts: Path, options: ReadOptions,
    params: RiverParams, stream_area_m2: float,
) -> None:  # fmt: skip
    """Write the ground outside on the cells where its water enters, and what the report says of each river."""
    from geo_risk.core.grid import grid_of
    from geo_risk.hazards.flood.entry_ways import AGAIN, fed_drainage
    from geo_risk.hazards.flood.inflows import outside_layers, river_entries
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer, write_layers
    from geo_risk.sources.layers import open_layer
    from geo_risk.sources.vectors import read_vector

    direction = open_layer(flow_direction)
    grid = grid_of(direction)
    read = read_vector(
        rivers, crs=grid.crs, area=grid.bounds, where="inputs.rivers", id_column="river_id",
        columns=("width_m?", "upstream_km2?"), geometry="LineString", options=options,
    )  # fmt: skip
    filled, area = open_layer(dem_filled), open_layer(flow_accumulation)
    found = river_entries(read.frame, direction, filled, area, params=params)
    made = outside_layers(found, grid)
    write_layers(dict(zip((outside_area, outside_area_high), made, strict=True)))
    starts = found.loc[found["source"] != AGAIN, "start"].to_numpy(dtype="int64")
    fed = fed_drainage(direction, filled, area, starts, stream_area_m2=stream_area_m2)
    for layer, path in zip(fed, (fed_accumulation, fed_hand_m), strict=True):
        write_layer(layer, path)
    write_json(_facts(found, read.notes, read.quarantine), facts)


def _facts(found: pd.DataFrame, notes: list[str], quarantine: list[dict[str, str]]) -> dict[str, Any]:
    from geo_risk.products.wording import note

    said = [note("info", text) for text in notes]
    counts = {f"river_entries_{s}": int((found["source"] == s).sum()) for s in ("given", "width", "unknown")}
    counts["river_entries_again"] = int((found["source"] == "again").sum())
    by_width = found[found["source"] == "width"].drop_duplicates("river_id")
    for row in by_width.itertuples():
        said.append(note(
            "warning",
            f"River {row.river_id} enters the map. By its mapped width of {row.width_m:g} m it drains about "
            f"{row.outside_km2:.0f} km2 before (at most {row.outside_high_km2:.0f} in 19 of 20 cases); its flood "
            "counts with that, and is unknown where more water would raise its level. Give upstream_km2 in "
            "inputs.rivers where the basin is known.",
            f"河流 {row.river_id} 自图外流入：按图上水面宽 {row.width_m:g} 米估算，图外汇水约 "
            f"{row.outside_km2:.0f} 平方公里（九成五情形不超过 {row.outside_high_km2:.0f}）；洪水按此计算，"
            "来水更大时等级会升高之处按未知处理。"
            "流域面积已知时请在 inputs.rivers 中填写 upstream_km2。",
        ))  # fmt: skip
    lost = found.loc[found["source"] == "unknown", "river_id"].astype(str).unique().tolist()
    if lost:
        said.append(note(
            "warning",
            f"{len(lost)} rivers enter the map and nothing tells how much ground they drain before: along them the "
            f"flood is unknown, not low. Give upstream_km2 or width_m in inputs.rivers: {', '.join(lost[:20])}.",
            f"{len(lost)} 条河流自图外流入且图外汇水面积未知：沿河洪水按未知处理，不等于低风险。"
            f"请在 inputs.rivers 中填写 upstream_km2 或 width_m：{'、'.join(lost[:20])}。",
        ))  # fmt: skip
    if not len(found):
        said.append(note("info", "No river of inputs.rivers enters over the edge of the map.",
                         "inputs.rivers 中没有自图外流入的河流。"))  # fmt: skip
    rows = found.drop(columns=["cell", "start"]).to_dict("records")
    clean = [{k: (None if isinstance(v, float) and v != v else v) for k, v in row.items()} for row in rows]  # noqa: PLR0124  NaN differs from itself
    methods = [{"name": "ground beyond the map by width of rivers", "citation": "Leopold & Maddock 1953, USGS Prof. "
                "Paper 252; Hack 1957, USGS Prof. Paper 294-B", "validity": "widths of the water's surface as mapped; "
                "rain beyond the map sheds as much as on the map's mean"}]  # fmt: skip
    return {"notes": said, "counts": counts, "quarantine": quarantine, "methods": methods if len(found) else [],
            "entries": clean}  # fmt: skip
