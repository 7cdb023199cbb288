"""Steps of the risk zones: delineate and grade them, then link them with the hazard points."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.exposure import facts_of, options_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.runout.params import RunoutParams
    from geo_risk.products.params import RiskParams
    from geo_risk.products.zone_runout import RunoutGround
    from geo_risk.sources.options import ReadOptions

_LEVELS = {"landslide": "hazard_landslide", "flood": "hazard_flood"}
_DRAINAGE = ("flow_direction", "flow_accumulation")
_FRAMES = ("active_deformation", "ponding", "houses", "facilities")


def zones(plan: Plan) -> None:
    """Add the step that delineates zones (frame zones_drawn, layer risk_level); `points` publishes them, linked."""
    layers = {name: plan.layer(name) for name in (*_LEVELS.values(), *_DRAINAGE)}
    if plan.has(plan.layer("hazard_flood_design")):
        layers["hazard_flood"] = plan.layer("hazard_flood_design")
    if plan.cfg.risk.zone_units == "slope_units":
        layers["slope_units"] = plan.layer("slope_units")
    frames = {name: plan.frame(name) for name in _FRAMES}
    runout = None
    if plan.cfg.risk.zone_units == "runout":
        runout = plan.cfg.runout
        layers |= {"dem": plan.layer("dem"), "slope_deg": plan.layer("slope_deg")}
        if plan.cfg.debris_flow.as_releases:
            frames["debris_flow_channels"] = plan.frame("debris_flow_channels")
    dangers = [plan.layer(v) for v in _LEVELS.values()] + [plan.frame("active_deformation"), plan.frame("ponding")]
    needs: dict[str, Any] = {"grid": plan.facts("grid")}
    if not any(plan.has(path) for path in dangers):
        needs["hazard_landslide"] = layers.pop("hazard_landslide")
    plan.add(
        "zones.draw", write_zones, reads=needs,
        optional={**layers, **frames, "roads": plan.input("roads"), "population": plan.layer("population")},
        writes={"out": plan.frame("zones_drawn"), "risk": plan.layer("risk_level"), "facts": plan.facts("zones")},
        params=plan.cfg.risk, language=plan.cfg.language, options=options_of(plan, "roads"), runout=runout,
    )  # fmt: skip


def write_zones(
    *,
    grid: Path,
    roads: Path | None,
    population: Path | None = None,
    out: Path,
    risk: Path,
    facts: Path,
    params: RiskParams,
    language: str,
    options: ReadOptions,
    runout: RunoutParams | None = None,
    **reads: Path | None,
) -> None:
    """Write the zones without their point ids, and risk_level."""
    import numpy as np

    from geo_risk.products.zone_exposure import Exposed
    from geo_risk.products.zones import Dangers, risk_layer, risk_zones
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.publish.scratch import computed_once
    from geo_risk.sources.layers import open_layer, read_frame, read_grid

    target = read_grid(grid)
    found = {name: path for name, path in reads.items() if path is not None}
    frames = {name: read_frame(found[name]) for name in (*_FRAMES, "debris_flow_channels") if name in found}
    levels = {kind: open_layer(found[name]) for kind, name in _LEVELS.items() if name in found}
    warnings = {name: open_layer(found[name]) for name in found if name.startswith("warning_")}
    ways = {name: open_layer(found[name]) for name in _DRAINAGE if name in found and levels}
    if "flow_direction" in ways:  # D8 codes, -1 to 8
        ways["flow_direction"] = ways["flow_direction"].astype(np.int8, keep_attrs=True)
    lines, notes, quarantine = read_roads(roads, target, options)
    exposed = Exposed(frames.get("houses"), lines, frames.get("facilities"),
                      None if population is None else open_layer(population), params.exposure)  # fmt: skip
    exposed = exposed.with_gatherings()
    with computed_once(ways, out.parent) as drained:  # the division reads them again and again: unpacked but once
        dangers = Dangers(levels, warnings, frames.get("active_deformation"), frames.get("ponding"),
                          (drained[_DRAINAGE[0]], drained[_DRAINAGE[1]]) if len(drained) == 2 else None,
                          open_layer(found["slope_units"]) if "slope_units" in found else None,
                          _runout_ground(found, frames.get("debris_flow_channels"), runout))  # fmt: skip
        made = risk_zones(dangers, exposed, target, params=params, language=language)
    write_frame(made, out)
    write_layer(risk_layer(made, levels, target), risk)
    counts = {f"risk_{level}": int((made["risk_level"] == level).sum()) for level in range(-1, 5)}
    kinds = {str(kind): int(n) for kind, n in made.groupby("kind").size().items()}
    said = facts_of(notes, quarantine=quarantine, zones=len(made), kinds=kinds, **counts)
    if "unknown_beyond" in made:
        said["notes"].append(_beyond(made))
    write_json({**said, "risk_matrix": [list(row) for row in params.risk_matrix]}, facts)


def _runout_ground(found: Mapping[str, Path], channels: Any, params: RunoutParams | None) -> RunoutGround | None:
    """Return what run-out from zones needs, where it is asked for and heights and slopes are there."""
    from geo_risk.products.zone_runout import RunoutGround
    from geo_risk.sources.layers import open_layer

    if params is None or not {"dem", "slope_deg"} <= set(found):
        return None
    hazard = open_layer(found["hazard_landslide"]) if "hazard_landslide" in found else None
    return RunoutGround(open_layer(found["dem"]), open_layer(found["slope_deg"]), hazard, channels, params)


def _beyond(zones: Any) -> dict[str, str]:
    """Return how much run-out adds to the zones, and how many run into the unknown."""
    from geo_risk.products.wording import note

    km2 = float(zones["runout_m2"].sum()) / 1e6
    out, beyond = int((zones["runout_length_m"] >= 0).sum()), int((zones["unknown_beyond"] == "yes").sum())
    return note(
        "warning" if beyond else "info",
        f"Risk zones hold what runs out from them: {out} zones reach {km2:.1f} km2 beyond their source (overlaps "
        f"counted each time); {beyond} run into unknown ground, off the map or beyond the reach followed: what lies "
        "there is not known to be safe.",
        f"风险区已包含滑动堆积范围：{out} 个风险区在源区以外另波及 {km2:.1f} 平方公里（重叠部分重复计入）；"
        f"其中 {beyond} 个进入高程未知区、图幅以外或超出计算范围：其外不等于安全。",
    )


def read_roads(roads: Path | None, target: Any, options: ReadOptions) -> tuple[Any, list[str], list[dict[str, str]]]:
    """Return the roads in the run's CRS (None where not given), the notes and the rows set aside."""
    from geo_risk.sources.vectors import read_vector

    if roads is None:
        return None, [], []
    read = read_vector(
        roads, crs=target.crs, area=target.bounds, where="inputs.roads", geometry="LineString",
        columns=("road_id", "class?", "name?", "speed_km_h?", "bridge_id?"), options=options,
    )  # fmt: skip
    return read.frame, read.notes, read.quarantine


def write_linked(
    *, zones_drawn: Path, points: Path | None, out: Path, facts: Path, params: RiskParams, language: str
) -> None:  # fmt: skip
    """Write risk_zones with the ids of the points that name them and of others at their place, and their priority."""
    from geo_risk.products.cross_links import in_language, with_points, zone_links
    from geo_risk.products.danger_draws import with_ranks
    from geo_risk.products.matching import link_points
    from geo_risk.products.rank_notes import rank_notes
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.layers import read_frame

    zones = read_frame(zones_drawn)
    named = None if points is None else read_frame(points)
    made = link_points(zones, named, language=language)
    if named is not None:
        also = zone_links(named, zones, params)
        made = in_language(with_points(made, also, column="other_point_ids", sentence="also_points"), language)
    ranked = with_ranks(made, params, language=language)
    write_frame(ranked, out)
    said = rank_notes(ranked, params.ranks, en="risk zones", zh="个风险区")
    write_json({"notes": said, "counts": {}, "quarantine": [], "methods": []}, facts)
