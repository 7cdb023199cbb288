"""Steps that hand the products to people: lists, GeoPackage, map, cards and report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.core.names import STAGES_H
from geo_risk.core.schemas import SCHEMAS
from geo_risk.flow.steps.deformation_series import deformation_series
from geo_risk.flow.steps.warning_bulletin import warning_bulletin

if TYPE_CHECKING:
    import xarray as xr

    from geo_risk.flow.plan import Plan

BASE_INPUTS = ("roads", "rivers", "railways", "embankments", "shelters", "admin")
"""Inputs that are drawn as a quiet base of the map."""

_PARAMETERS = ("area", "deformation", "rainfall", "landslide", "stability", "debris_flow", "earthquake", "runout",
               "flood", "risk", "evacuation", "relocation", "siting", "warning", "waterlogging")  # fmt: skip
"""Sections of the configuration that the report prints; not who sends a message, and to whom."""

_PICTURES = 48
"""Pictures of water in time that the map holds at most."""

_CHINA = timezone(timedelta(hours=8))


def publish(plan: Plan) -> None:
    """Add the steps that write lists/, geo_risk.gpkg, map.html, cards/ and report.html from what the plan makes."""
    from geo_risk.publish.lists import LISTS
    from geo_risk.publish.sheets import SHEETS

    deformation_series(plan)
    common: dict[str, Any] = {"run": plan.cfg.name, "language": plan.cfg.language}
    for name in LISTS:
        if _is_planned(plan, name):
            files = {k: plan.out / "lists" / f"{name}.{k}" for k in ("xlsx", "csv")}
            sheets = [plan.frame(n) for n in SHEETS.get(name, ()) if plan.has(plan.frame(n))]
            more: dict[str, Any] = {"optional": {"sheets": sheets}} if sheets else {}
            plan.add(f"publish.lists[{name}]", write_list, reads={"frame": plan.frame(name)}, writes=files, **more,
                     **common)  # fmt: skip
    made = [plan.frame(name) for name in SCHEMAS if plan.has(plan.frame(name))]
    if made:
        target = {"out": plan.out / "geo_risk.gpkg"}
        plan.add("publish.geopackage", write_package, reads={"frames": made}, writes=target, language=plan.cfg.language)
    pages: dict[str, Any] = {"data_time": _data_time(plan), **common}
    warning_bulletin(plan)
    _add_map(plan, pages)
    _add_cards(plan, pages)
    _add_report(plan, made, pages)


def _add_cards(plan: Plan, pages: Mapping[str, Any]) -> None:
    """Add the cards where there is a frame whose rows get one."""
    frames = [plan.frame(n) for n in ("hazard_points", "evacuation", "waterlogging") if plan.has(plan.frame(n))]
    if not frames:
        return
    near = {"roads": plan.input("roads"), "rivers": plan.input("rivers")}
    near |= {n: plan.frame(n) for n in ("risk_zones", "evacuation_routes", "evacuation_assignments")}
    plan.add(
        "publish.cards", write_cards, reads={"frames": frames, "grid": plan.facts("grid")}, optional=near,
        writes={"folder": plan.out / "cards", "index": plan.facts("cards")}, options=_options(plan), **pages,
    )  # fmt: skip


def _add_map(plan: Plan, pages: Mapping[str, Any]) -> None:
    """Add the map: it needs the grid alone and shows whatever else there is."""
    from geo_risk.publish.legend import MAP_RASTERS

    tracks = [f"velocity_{t.track}" for t in plan.cfg.inputs.insar]
    rasters = [*MAP_RASTERS, *tracks, *(f"warning_{h}h" for h in STAGES_H), "dem"]
    plan.add(
        "publish.map", write_map_page, reads={"grid": plan.facts("grid")},
        optional={
            "layers": [plan.layer(n) for n in dict.fromkeys(rasters) if plan.has(plan.layer(n))],
            "frames": [plan.frame(n) for n in SCHEMAS if plan.has(plan.frame(n))],
            "in_time": plan.cube("town_depth_frames"),
            **{name: plan.input(name) for name in BASE_INPUTS},
        },
        writes={"out": plan.out / "map.html"}, options=_options(plan),
        basemaps=[b.model_dump() for b in plan.cfg.map.basemaps], **pages,
    )  # fmt: skip


def _add_report(plan: Plan, frames: list[Path], pages: Mapping[str, Any]) -> None:
    """Add the report, last: it gathers the facts of all steps and names what was left out."""
    facts = [p for s in plan.steps for p in s.writes.values() if p.suffix == ".json" and p != plan.facts("grid")]
    stages = [plan.layer(f"warning_{h}h") for h in STAGES_H if plan.has(plan.layer(f"warning_{h}h"))]
    kept = [p.relative_to(plan.out).as_posix() for s in plan.steps for p in s.writes.values()
            if p.is_relative_to(plan.out) and p.suffix in {".tif", ".nc"}]  # fmt: skip
    gaps = [{"step": o.step, "products": list(o.products), "needs": list(o.needs)} for o in plan.omissions]
    plan.add(
        "publish.report", write_report_page, reads={"grid": plan.facts("grid")},
        optional={"facts": facts, "frames": frames, "stages": stages},
        writes={"out": plan.out / "report.html"}, omissions=gaps,
        rasters=sorted(kept), inputs=[[key, path.name] for key, path in plan.cfg.files().items()],
        parameters=plan.cfg.model_dump(mode="json", include=set(_PARAMETERS), exclude={"warning": {"cap"}}), **pages,
    )  # fmt: skip


def _is_planned(plan: Plan, name: str) -> bool:
    """Return whether a frame is made by this plan, or would be if its inputs were there."""
    return plan.has(plan.frame(name)) or any(name in o.products for o in plan.omissions)


def _options(plan: Plan) -> dict[str, Any]:
    """Return what the configuration says about the base inputs, by name."""
    sources = {name: plan.source(name) for name in BASE_INPUTS}
    return {name: s.options.model_dump(mode="json") for name, s in sources.items() if s is not None}


def _data_time(plan: Plan) -> str:
    """Return the newest issue time of a forecast as local time, "" where there is none."""
    issued: list[datetime] = [f.issued for f in plan.cfg.inputs.rainfall.forecast]
    return max(issued).astimezone(_CHINA).strftime("%Y-%m-%d %H:%M (UTC+8)") if issued else ""


def _frames(paths: Sequence[Path] | None) -> dict[str, Any]:
    """Read product frames by name, with the types of the contract; each file once while it stays the same."""
    return {p.stem: _frame(p, *_state(p)).copy(deep=False) for p in paths or ()}


def _state(path: Path) -> tuple[int, int, int]:
    stat = path.stat()
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


@lru_cache(maxsize=len(SCHEMAS))
def _frame(path: Path, *state: int) -> Any:  # noqa: ARG001 - the state only tells whether it is another file
    from geo_risk.core.schemas import conform
    from geo_risk.sources.layers import read_frame

    return conform(read_frame(path), path.stem)


def _base(paths: Mapping[str, Path | None], grid: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """Read base inputs that are there, in the CRS of the run."""
    from geo_risk.sources.layers import read_grid
    from geo_risk.sources.options import ReadOptions
    from geo_risk.sources.vectors import read_vector

    crs = read_grid(grid).crs
    return {
        name: read_vector(path, crs=crs, where=f"inputs.{name}", options=ReadOptions(**options.get(name, {}))).frame
        for name, path in paths.items()
        if path is not None
    }


def _layers(paths: Sequence[Path] | None) -> dict[str, xr.DataArray]:
    from geo_risk.sources.layers import open_layer

    return {p.stem: open_layer(p) for p in paths or ()}


def write_list(
    *, frame: Path, sheets: list[Path] | None = None, xlsx: Path, csv: Path, run: str, language: str
) -> None:
    """Write one list as XLSX, with its further sheets, and CSV."""
    from geo_risk.publish import lists
    from geo_risk.publish.bulletin import gravest_rows

    rows = _frames([frame])[frame.stem]
    if frame.stem == "warnings":  # the list is for people: a row a place; every stage is in the GeoPackage
        rows = gravest_rows(rows).reset_index(drop=True)
    lists.write_xlsx(rows, xlsx, name=frame.stem, run=run, language=language, sheets=_frames(sheets))
    lists.write_csv(rows, csv, name=frame.stem)


def write_package(*, frames: list[Path], out: Path, language: str) -> None:
    """Write geo_risk.gpkg."""
    from geo_risk.publish.geopackage import write_geopackage

    write_geopackage(_frames(frames), out, language=language)


def write_map_page(
    *,
    grid: Path,
    out: Path,
    layers: list[Path] | None,
    frames: list[Path] | None,
    in_time: Path | None,
    options: dict[str, Any],
    basemaps: list[dict[str, Any]],
    run: str,
    language: str,
    data_time: str,
    **base: Path | None,
) -> None:
    """Write map.html."""
    from geo_risk.publish.map import MapOptions, OnlineBasemap, write_map
    from geo_risk.sources.layers import read_grid

    shown = MapOptions(run, language, data_time, tuple(OnlineBasemap(**b) for b in basemaps))
    write_map(out, grid=read_grid(grid), layers=_layers(layers), frames=_base(base, grid, options) | _frames(frames),
              options=shown, in_time=None if in_time is None else _in_time(in_time))  # fmt: skip


def _in_time(path: Path) -> tuple[xr.DataArray, list[str]]:
    """Return the water of the town in time, at most `_PICTURES` of it, and each local time as text."""
    from geo_risk.publish.i18n import local_time
    from geo_risk.sources.dataset import read_dataset

    held = read_dataset(path)
    water = held[path.stem].assign_coords(spatial_ref=held["spatial_ref"])
    step = -(-water.sizes["time"] // _PICTURES)
    kept = water.isel(time=slice((water.sizes["time"] - 1) % step, None, step))  # the last one is kept
    return kept, [local_time(f"{str(t)[:19]}+00:00")[5:] for t in kept["time"].to_numpy()]


def write_cards(
    *,
    frames: list[Path],
    grid: Path,
    roads: Path | None,
    rivers: Path | None,
    folder: Path,
    index: Path,
    options: dict[str, Any],
    run: str,
    language: str,
    data_time: str,
    **near: Path | None,
) -> None:
    """Write cards/*.html and their index."""
    from geo_risk.publish.cards import CardText
    from geo_risk.publish.cards import write_cards as write
    from geo_risk.publish.frames import write_json

    drawn = _base({"roads": roads, "rivers": rivers}, grid, options)
    given = drawn | _frames([*frames, *(path for path in near.values() if path)])
    write_json(write(folder, frames=given, text=CardText(run, language, data_time)), index)


def write_report_page(
    *,
    grid: Path,
    out: Path,
    facts: list[Path] | None,
    frames: list[Path] | None,
    stages: list[Path] | None,
    omissions: list[dict[str, Any]],
    inputs: list[list[str]],
    rasters: list[str],
    parameters: dict[str, Any],
    run: str,
    language: str,
    data_time: str,
) -> None:
    """Write report.html."""
    from geo_risk.publish.report import ReportContent, write_report
    from geo_risk.sources.layers import read_grid, read_json

    known = {p.stem: read_json(p) for p in facts or ()}
    area = parameters.get("area") or {}
    parameters = parameters | {"area": area | {"grid": read_grid(grid).to_dict()}}
    content = ReportContent(run, language, data_time, known, omissions, inputs, parameters, rasters)
    write_report(out, content=content, frames=_frames(frames), layers=_layers(stages))
