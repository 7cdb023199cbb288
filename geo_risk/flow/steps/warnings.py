"""Steps of the warnings: levels of cells at every stage in one pass, then of zones and points, with what changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.core.names import STAGES_H
from geo_risk.flow.steps.exposure import options_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    import pandas as pd

    from geo_risk.core.grid import Grid
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.landslide.params import LandslideParams
    from geo_risk.products.judgement import StageRain
    from geo_risk.products.params import RiskParams
    from geo_risk.products.place_warnings import PlaceWarnings, Rule
    from geo_risk.products.warning_params import WarningParams
    from geo_risk.sources.options import ReadOptions

TABLES = ("warnings", "warning_townships", "warning_gaps")
"""Tables that `warnings.places` writes where there are stages."""


def warning_cells(plan: Plan) -> None:
    """Add the steps that write slope_motion and warning_{s}h, after the rain of the stages and the susceptibility."""
    motion = plan.layer("slope_motion")
    if plan.has(plan.frame("active_deformation")):
        plan.add(
            "landslide.motion", write_motion,
            reads={"areas": plan.frame("active_deformation"), "grid": plan.facts("grid")},
            optional={"blind_map": plan.layer("blind_map")}, writes={"out": motion},
            false_alarm_max=plan.cfg.risk.false_alarm_max,
        )  # fmt: skip
    stages = [s for s in plan.cfg.rainfall.stages_h if s in STAGES_H]
    names = {f"warning_{s}h": plan.layer(f"warning_{s}h") for s in stages}
    plan.add(
        "landslide.warnings", write_cells,
        reads={**_ground(plan), "fields": _fields(plan), "stages": plan.facts("rainfall_stages")},
        optional={"model": plan.facts("landslide_past_storms"), "motion": motion},
        writes={**names, "facts": plan.facts("warning_cells")}, params=plan.cfg.landslide, warning=plan.cfg.warning,
    )  # fmt: skip


def place_warnings(plan: Plan) -> None:
    """Add the step that writes risk_zones and hazard_points with their warnings, and the tables of warnings."""
    frames = {"zones": plan.frame("zones_linked"), "points": plan.frame("points_linked")}
    given = {name: path for name, path in frames.items() if plan.has(path)}
    if not given:
        needs = {"zones": frames["zones"], "points": frames["points"]}
        plan.add("warnings.places", write_places, reads=needs, writes={"risk_zones": plan.frame("risk_zones"),
                 "hazard_points": plan.frame("hazard_points")})  # fmt: skip
        return
    writes = {
        "zones": ("risk_zones", plan.frame("risk_zones")),
        "points": ("hazard_points", plan.frame("hazard_points")),
    }
    made = {writes[name][0]: writes[name][1] for name in given}
    if plan.has(plan.facts("rainfall_stages")):
        made |= {name: plan.frame(name) for name in TABLES} | {"state": plan.facts("warning_state")}
    plan.add(
        "warnings.places", write_places, reads={**given, "grid": plan.facts("grid")},
        optional={**_ground(plan), "fields": _fields(plan), "stages": plan.facts("rainfall_stages"),
                  "model": plan.facts("landslide_past_storms"), "motion": plan.layer("slope_motion"),
                  "admin": plan.input("admin"), "previous": None},
        writes={**made, "facts": plan.facts("warnings")}, params=plan.cfg.warning, risk=plan.cfg.risk,
        landslide=plan.cfg.landslide, language=plan.cfg.language, options=options_of(plan, "admin"),
        run=plan.cfg.name, is_hindcast=plan.cfg.rainfall.event_time is not None,
    )  # fmt: skip


def _ground(plan: Plan) -> dict[str, Path]:
    """Return what warnings judge; the susceptibility is that of the slope unit, where the model was fitted to units."""
    of_units = plan.layer("warning_susceptibility")
    susceptibility = of_units if plan.has(of_units) else plan.layer("susceptibility")
    return {"susceptibility": susceptibility, "hazard_landslide": plan.layer("hazard_landslide")}


def _fields(plan: Plan) -> Path:
    return plan.cube("rain_stages")


def write_motion(*, areas: Path, grid: Path, blind_map: Path | None, out: Path, false_alarm_max: float) -> None:
    """Write where slopes move, where faster and faster, and where nobody knows."""
    from geo_risk.products.slope_motion import slope_motion
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer, read_frame, read_grid

    blind = None if blind_map is None else open_layer(blind_map)
    write_layer(slope_motion(read_frame(areas), read_grid(grid), blind=blind, false_alarm_max=false_alarm_max), out)


def write_cells(
    *,
    susceptibility: Path,
    hazard_landslide: Path,
    fields: Path,
    stages: Path,
    model: Path | None,
    motion: Path | None,
    facts: Path,
    params: LandslideParams,
    warning: WarningParams,
    **layers: Path,
) -> None:
    """Write the warning level of every stage, the ground read once; unknown everywhere where there is no forecast."""
    import numpy as np

    from geo_risk.core.grid import grid_of
    from geo_risk.hazards.landslide.triggers import RainField, warning_levels
    from geo_risk.products.judgement import within
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layers

    rule = _rule({"susceptibility": susceptibility, "hazard_landslide": hazard_landslide}, model, motion, params)
    known = [s for s in stage_rains(fields, stages, grid_of(rule.ground)) if f"warning_{s.hours}h" in layers]
    shape = next((s.highest_mm.shape[1:] for s in known if s.highest_mm is not None), (1, 1))
    rain = [np.full(shape, np.nan) if s.highest_mm is None else s.highest_mm[-1] for s in known]
    least = [np.full(shape, np.nan) if s.least_mm is None else s.least_mm[-1] for s in known]
    place = next((s for s in known if s.lattice is not None), None)
    lattice, step = (np.full((2, 2, 2), -9.0), max(grid_of(rule.ground).shape)) if place is None else (
        place.lattice, place.step)  # fmt: skip
    names = tuple(f"warning_{s.hours}h" for s in known)
    field = RainField(np.stack(rain), np.asarray(lattice), step, np.stack(least), within(known))
    levels = warning_levels(rule.ground, rule.triggers, field, names=names, motion=rule.motion, factors=warning.factors)
    said = {
        name: layer.assign_attrs(long_name=f"landslide warning level, {s.hours} h stage", valid_time=s.until)
        for s, (name, layer) in zip(known, levels.items(), strict=True)
    }
    counted = _Counts()
    write_layers({layers[name]: layer for name, layer in said.items()}, seen=counted)
    counts = {name: counted.of[layers[name]] for name in names}
    drivers = {f"warning_{s.hours}h": _span(r) for s, r in zip(known, rain, strict=True)}
    write_json({"notes": [], "counts": counts, "drivers": {"method": rule.name, "rain_effective_mm": drivers}}, facts)


def _rule(layers: dict[str, Path], model: Path | None, motion: Path | None, params: LandslideParams) -> Rule:
    from geo_risk.hazards.landslide.triggers import rule_of
    from geo_risk.products.place_warnings import Rule
    from geo_risk.sources.layers import open_layer, read_json

    triggers, name = rule_of(None if model is None else read_json(model)["model"], params)
    moves = None if motion is None else open_layer(motion)
    return Rule(triggers, "model" if name == "susceptibility" else "matrix", open_layer(layers[name]), moves)


def stage_rains(fields: Path, stages: Path, grid: Grid) -> list[StageRain]:
    """Return the rain of each stage as `rainfall.stages` left it, placed under the run grid."""
    from geo_risk.hazards.rainfall.stage_fields import PARTS
    from geo_risk.products.judgement import StageRain
    from geo_risk.sources.dataset import read_dataset
    from geo_risk.sources.layers import read_json
    from geo_risk.sources.rain_lattice import rain_lattice

    rain = read_dataset(fields)
    lattice, step = (None, 1) if "x" not in rain.coords else rain_lattice(rain, grid)
    out = []
    for stage in read_json(stages)["stages"]:
        h, known = int(stage["hours"]), {"issued": stage["issued"], "until": stage["until"]}
        if f"effective_{h}h" not in rain:
            out.append(StageRain(h, **known))
            continue
        parts = rain[[f"{p}_{h}h" for p in PARTS]].to_dataarray().to_numpy()
        out.append(StageRain(h, **known, highest_mm=rain[f"effective_{h}h"].to_numpy(), parts_mm=parts,
                             least_mm=rain[f"at_least_{h}h"].to_numpy(), lattice=lattice, step=step))  # fmt: skip
    return out


class _Counts:
    """Cells by level of each layer, counted as they are written."""

    names = ("unknown", "none", "blue", "yellow", "orange", "red")

    def __init__(self) -> None:
        self.of: dict[Path, dict[str, int]] = {}

    def __call__(self, path: Path, levels: Any) -> None:
        found = self.of.setdefault(path, dict.fromkeys(self.names, 0))
        for level, name in enumerate(self.names, start=-1):
            found[name] += int((levels == level).sum())


def _span(rain: Any) -> list[float] | None:
    import numpy as np

    return None if np.isnan(rain).all() else [round(float(np.nanmin(rain)), 2), round(float(np.nanmax(rain)), 2)]


def write_places(
    *,
    grid: Path,
    zones: Path | None = None,
    points: Path | None = None,
    susceptibility: Path | None,
    hazard_landslide: Path | None,
    fields: Path | None,
    stages: Path | None,
    model: Path | None,
    motion: Path | None,
    admin: Path | None,
    previous: Path | None,
    facts: Path,
    params: WarningParams,
    risk: RiskParams,
    landslide: LandslideParams,
    language: str,
    options: ReadOptions,
    run: str,
    is_hindcast: bool,
    state: Path | None = None,
    **out: Path,
) -> None:
    """Write zones and points with their warnings, the tables of warnings, and what the next issue must know."""
    from geo_risk.flow.steps.deformation_watch import read_townships
    from geo_risk.products.place_warnings import place_warnings
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.issues import read_issue
    from geo_risk.sources.layers import read_frame, read_grid

    target = read_grid(grid)
    rule, known = None, []
    if fields is not None and stages is not None:
        known = stage_rains(fields, stages, target)
        if susceptibility is not None and hazard_landslide is not None:
            layers = {"susceptibility": susceptibility, "hazard_landslide": hazard_landslide}
            rule = _rule(layers, model, motion, landslide)
    places = {kind: None if path is None else read_frame(path) for kind, path in (("zone", zones), ("point", points))}
    before = None if previous is None else read_issue(previous)
    townships, quarantine = read_townships(admin, target.crs, options)
    made = place_warnings(places, target, rule, known, before=before, townships=townships, params=(params, risk),
                          language=language)  # fmt: skip
    for name, frame in (("risk_zones", made.zones), ("hazard_points", made.points)):
        if name in out and frame is not None:
            write_frame(frame, out[name])
    gaps = 0
    if state is not None:
        gaps = _write_tables(made, townships, out, params=params, language=language)
        issued = sorted({s.issued for s in known})
        rungs = {key: rung.to_dict() for key, rung in sorted(made.rungs.items())}
        write_json({"format": 1, "issued": None if is_hindcast or len(issued) != 1 else issued[0], "places": rungs,
                    "told": _told(run, made.warnings, townships, silent=_silent(known))}, state)  # fmt: skip
    write_json(_facts(made, gaps, quarantine), facts)


def _silent(stages: Sequence[StageRain]) -> list[int]:
    """Return the hours of the stages that no forecast covers."""
    return [s.hours for s in stages if s.highest_mm is None]


def _told(run: str, warnings: pd.DataFrame, townships: gpd.GeoDataFrame | None, *, silent: Sequence[int] = ()) -> str:
    """Return a hash of what a message tells besides the levels: run, stages, places with their times, townships."""
    import hashlib
    import json

    columns = ["warning_id", "previous_level", "judged_level", "is_whole", "issued", "until", "township_ids",
               *warnings.filter(like="hours_to_")]  # fmt: skip
    table = warnings.assign(is_whole=warnings["antecedent_mm"].notna())
    rows = table[columns].sort_values("warning_id").to_json(orient="values")
    towns = [] if townships is None else [
        [str(code), str(name), shape.wkb_hex]
        for code, name, shape in zip(townships["code"], townships["name"], townships.geometry, strict=True)
    ]  # fmt: skip
    return hashlib.sha256(json.dumps([run, list(silent), rows, towns]).encode()).hexdigest()[:16]


def _write_tables(
    made: PlaceWarnings, townships: Any, out: dict[str, Path], *, params: WarningParams, language: str
) -> int:
    """Write warnings, warning_townships and warning_gaps; return how many gaps there are."""
    from geo_risk.products.warning_tables import township_warnings, warning_gaps
    from geo_risk.publish.frames import write_frame

    write_frame(made.warnings, out["warnings"])
    write_frame(township_warnings(made.warnings, townships, language=language), out["warning_townships"])
    gaps = warning_gaps(made.zones, made.points, made.warnings, params=params, language=language)
    write_frame(gaps, out["warning_gaps"])
    return len(gaps)


def _facts(made: PlaceWarnings, gaps: int, quarantine: list[dict[str, str]]) -> dict[str, Any]:
    from geo_risk.products.wording import note

    table = made.warnings
    changes = {str(k): int(n) for k, n in table["change"].value_counts().items()} if len(table) else {}
    unknown = int((table["warning_level"] < 0).sum()) if len(table) else 0
    said = []
    if unknown:
        said.append(note(
            "warning", f"{unknown} of {len(table)} warnings of zones and points are unknown: not 'no warning'.",
            f"风险区和隐患点的 {len(table)} 条预警中有 {unknown} 条等级未知：并非“无预警”。",
        ))  # fmt: skip
    if gaps:
        said.append(note(
            "warning", f"{gaps} places where zones and hazard points do not fit together: see warning_gaps.",
            f"有 {gaps} 处风险区与隐患点不一致：见点区核对清单。",
        ))  # fmt: skip
    return {"notes": said, "counts": {"rows": len(table), "unknown": unknown, "gaps": gaps, **changes},
            "quarantine": quarantine, "methods": []}  # fmt: skip
