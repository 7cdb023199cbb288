"""Step of dams and tailings ponds with the people downstream of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.exposure import exposure, options_of
from geo_risk.flow.steps.openings import routing_dem

if TYPE_CHECKING:
    import geopandas as gpd

    from geo_risk.core.grid import Grid
    from geo_risk.exposure.params import ExposureParams
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.flood.params import FloodParams
    from geo_risk.hazards.runout.params import RunoutParams
    from geo_risk.sources.options import ReadOptions

_GROUND = ("dem_filled", "flow_direction", "flow_accumulation", "hand_m")


def downstream(plan: Plan) -> None:
    """Add the step that writes downstream, downstream_places and downstream_ways, where dams or ponds are given."""
    inputs = {"reservoirs": plan.input("reservoirs"), "tailings_ponds": plan.input("tailings_ponds")}
    if not any(inputs.values()):
        return
    if plan.input("settlements") is not None and not plan.has(plan.frame("settlements")):
        exposure(plan)  # a pipeline that needs no settlements otherwise
    frames = ("houses", "settlements", "facilities")
    plan.add(
        "flood.downstream", write_downstream,
        reads={**{name: plan.layer(name) for name in _GROUND}, "dem": routing_dem(plan), "terrain": plan.layer("dem")},
        optional={**inputs, **{name: plan.frame(name) for name in frames}},
        writes={"out": plan.frame("downstream"), "places": plan.frame("downstream_places"),
                "ways": plan.frame("downstream_ways"), "facts": plan.facts("downstream")},
        options=options_of(plan, "reservoirs"), pond_options=options_of(plan, "tailings_ponds"), params=plan.cfg.flood,
        runout=plan.cfg.runout, language=plan.cfg.language, exposure_params=plan.cfg.risk.exposure,
    )  # fmt: skip


def write_downstream(
    *, dem: Path, terrain: Path, dem_filled: Path, flow_direction: Path, flow_accumulation: Path, hand_m: Path,
    reservoirs: Path | None, tailings_ponds: Path | None, houses: Path | None, settlements: Path | None,
    facilities: Path | None, out: Path, places: Path, ways: Path, facts: Path, options: ReadOptions,
    pond_options: ReadOptions, params: FloodParams, runout: RunoutParams, language: str,
    exposure_params: ExposureParams,
) -> None:  # fmt: skip
    """Write one row a dam or pond, one a place below it, and the ways, with what is not known."""
    from dataclasses import asdict

    from geo_risk.core.grid import grid_of
    from geo_risk.hazards.flood.dam_break import CARD
    from geo_risk.hazards.flood.ratings import ratings
    from geo_risk.products.downstream import Below, level_of, reached_by, things_of
    from geo_risk.products.downstream_rows import downstream_rows
    from geo_risk.products.zone_exposure import Exposed
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.layers import open_layer, read_frame

    direction, area, hand = (open_layer(p) for p in (flow_direction, flow_accumulation, hand_m))
    routed = open_layer(dem)
    grid = grid_of(routed)
    made = ratings(routed, open_layer(dem_filled), direction, area, hand, drainage=params.drainage, river=params.river)
    ground = Below(made, open_layer(terrain), direction, area, hand)
    structures, aside, said = read_structures(reservoirs, tailings_ponds, grid, options, pond_options)
    lived, used, towns = (None if p is None else read_frame(p) for p in (houses, facilities, settlements))
    gathered = Exposed(lived, None, used, None, exposure_params).with_gatherings().facilities
    things = things_of(lived, gathered, ground)
    found = reached_by(structures, ground, things, flood=params, runout=runout)
    levels = [level_of(f, bounds_m=params.depth_bounds_m, speeds_m_s=runout.level_velocity_m_s) for f in found]
    names = _names(towns, gathered)
    rows = downstream_rows(structures, found, levels, things, names=names, has_people=lived is not None,
                           has_facilities=used is not None, language=language)  # fmt: skip
    write_frame(rows.structures, out)
    write_frame(rows.places, places)
    write_frame(rows.ways, ways)
    notes = [{"level": "info", "text_en": en, "text_zh": zh} for en, zh in said] + _notes(rows.structures)
    counts = {str(k): int(n) for k, n in rows.structures.groupby("status").size().items()}
    write_json({"notes": notes, "counts": {**counts, "places": len(rows.places)}, "quarantine": aside,
                "methods": [asdict(CARD)]}, facts)  # fmt: skip


def read_structures(
    reservoirs: Path | None, ponds: Path | None, grid: Grid, options: ReadOptions, pond_options: ReadOptions
) -> tuple[gpd.GeoDataFrame, list[dict[str, str]], list[tuple[str, str]]]:
    """Return structure_id, name, kind, volume_m3, dam_height_m (NaN where missing or not positive) and crest of all.

    An id that a reservoir and a pond share has the kind in front; one that several ponds have, a number behind.
    """
    import geopandas as gpd
    import numpy as np
    import pandas as pd

    from geo_risk.core.sentence import chinese
    from geo_risk.flow.steps.deformation_lines import read_ponds
    from geo_risk.flow.steps.flood_dams import read_reservoirs
    from geo_risk.products.releases import unique_ids
    from geo_risk.sources.vectors import require_numbers

    parts: list[Any] = []
    aside: list[dict[str, str]] = []
    said: list[tuple[str, str]] = []
    if reservoirs is not None:
        frame, lost, notes = read_reservoirs(reservoirs, grid, options)
        frame = frame.rename(columns={"reservoir_id": "structure_id"}).assign(kind="reservoir", crest=None)
        parts.append(frame)
        aside, said = aside + lost, said + [(text, chinese(text)) for text in notes]
    if ponds is not None:
        rows, crests, lost, told = read_ponds("tailings_ponds", ponds, grid, pond_options)
        height = require_numbers(rows, "dam_height_m", where="inputs.tailings_ponds")
        frame = rows.rename(columns={"id": "structure_id"}).assign(
            kind="tailings_pond", volume_m3=np.nan, dam_height_m=height.where(height > 0),
            crest=pd.Series(crests, index=rows.index, dtype=object),
        )  # fmt: skip
        parts.append(frame)
        aside, said = aside + lost, said + told
    columns = ["structure_id", "name", "kind", "volume_m3", "dam_height_m", "crest", "geometry"]
    every = pd.concat([p[columns] for p in parts], ignore_index=True)
    ids = every["structure_id"].astype(str)
    both = ids.isin(set(ids[every["kind"] == "reservoir"]) & set(ids[every["kind"] == "tailings_pond"]))
    made = ids.where(~both, every["kind"] + "-" + ids)
    again = made.duplicated()
    if again.any():
        names = ", ".join(sorted(set(made[again]))[:10])
        said.append((f"tailings_ponds: pond_id repeats ({names}); the later ones have a number behind",
                     f"tailings_ponds：编号重复（{names}），后出现者加序号区分"))  # fmt: skip
    every["structure_id"] = unique_ids(made).to_numpy()
    return gpd.GeoDataFrame(every, geometry="geometry", crs=grid.crs), aside, said


def _names(settlements: Any, facilities: Any) -> dict[str, str]:
    names: dict[str, str] = {}
    for frame, column in ((settlements, "settlement_id"), (facilities, "facility_id")):
        if frame is not None and "name" in frame:
            known = frame[frame["name"].notna()]
            names |= dict(zip(known[column].astype(str), known["name"].astype(str), strict=True))
    return names


def _notes(rows: gpd.GeoDataFrame) -> list[dict[str, str]]:
    """Return what the report says: how many people are below, and what is not known."""
    from geo_risk.products.wording import note

    n, unknown = len(rows), int((rows["hazard_level"] < 0).sum())
    people, may = int(rows["people"].fillna(0).sum()), int(rows["people_may"].fillna(0).sum())
    out = [note(
        "info", f"Dams and tailings ponds: {n}; {people} known people live where water or tailings of one would come, "
        f"{may} more where they may (people below several are counted for each): list downstream.",
        f"水库（淤地坝）和尾矿库共 {n} 座；已知 {people} 人居住在溃坝水流或尾砂可达范围内，另有 {may} 人可能受波及"
        "（处于多座下游者重复计入）：见坝库下游影响清单。",
    )]  # fmt: skip
    if unknown:
        ids = rows.loc[rows["hazard_level"] < 0, "structure_id"].astype(str).tolist()
        more = f" ... ({unknown})" if unknown > 20 else ""
        out.append(note(
            "warning", f"Of {unknown} of them what they would do is not known, which is not safe: "
            f"{', '.join(ids[:20])}{more}.",
            f"其中 {unknown} 座影响未知，不等于安全：{'、'.join(ids[:20])}{more}。",
        ))  # fmt: skip
    return out
