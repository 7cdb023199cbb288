"""Deformation: series to velocity, east and up, slope projection and blind map, active areas, mining clues."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.deformation_activity import deformation_activity
from geo_risk.flow.steps.deformation_areas import deformation_areas
from geo_risk.flow.steps.deformation_bulletin import deformation_bulletin
from geo_risk.flow.steps.deformation_east_up import deformation_east_up
from geo_risk.flow.steps.deformation_figures import deformation_figures
from geo_risk.flow.steps.deformation_ground_control import deformation_ground_control
from geo_risk.flow.steps.deformation_ground_series import deformation_ground_series
from geo_risk.flow.steps.deformation_mining import deformation_mining
from geo_risk.flow.steps.deformation_pixels import deformation_pixels
from geo_risk.flow.steps.deformation_signs import deformation_signs
from geo_risk.flow.steps.deformation_slope import deformation_slope
from geo_risk.flow.steps.insar_track import beside, open_track

if TYPE_CHECKING:
    from geo_risk.core.grid import Grid
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.deformation.geometry.decomposition import Track
    from geo_risk.hazards.deformation.params import VelocityParams
    from geo_risk.sources.options import TrackOptions

LOS = ("los_east", "los_north", "los_up")
PER_TRACK = ("velocity", "velocity_std", *LOS)

MOST_LOST = 0.2
"""Share of the measured ground that resampling may lose unsaid. Choice of geo_risk: single missing cells, one in
twenty, and the rims of a coherent map cost up to this; beyond it the gaps of a track are finer than its cells."""


def deformation(plan: Plan) -> None:
    """Add the steps from InSAR products to moving areas; each leaves itself out where its inputs are not given."""
    tracks = [t.track for t in plan.cfg.inputs.insar]
    params = plan.cfg.deformation
    for t in plan.cfg.inputs.insar:
        plan.add(
            f"deformation.velocity[{t.track}]",
            write_velocity,
            reads={"files": list(t.files)},
            optional=beside(t),
            writes={"out": _native(plan, t.track), "facts": plan.facts(f"deformation_{t.track}"),
                    "correction": plan.cube(f"correction_{t.track}")},
            track=t.track, options=t.options, params=params.velocity,
            maximum_sigma_mm_yr=params.areas.maximum_stable_sigma_mm_yr,
        )  # fmt: skip
        plan.add(
            f"deformation.grid[{t.track}]",
            write_on_grid,
            reads={"native": _native(plan, t.track), "grid": plan.facts("grid")},
            writes={name: plan.layer(f"{name}_{t.track}") for name in (*PER_TRACK, "shadow", "sudden")}
            | {"facts": plan.facts(f"deformation_grid_{t.track}")},
            track=t.track, resampling=params.velocity.resampling,
        )  # fmt: skip
    layers: dict[str, Any] = {name: [plan.layer(f"{name}_{t}") for t in tracks] for name in PER_TRACK}
    deformation_signs(plan, tracks, layers)
    deformation_east_up(plan, tracks, layers)
    ground = {name: plan.layer(name) for name in ("slope_deg", "aspect_deg")}
    deformation_slope(plan, tracks, {**layers, **ground})
    native = [_native(plan, t) for t in tracks]
    deformation_ground_control(plan, tracks)
    deformation_ground_series(plan)
    deformation_areas(plan, native)
    deformation_activity(plan)
    deformation_pixels(plan)
    deformation_mining(plan, native)
    deformation_bulletin(plan)
    deformation_figures(plan)


def _native(plan: Plan, track: str) -> Path:
    return plan.cube(f"velocity_native_{track}").with_suffix(".h5")


def write_velocity(
    *,
    out: Path,
    facts: Path,
    correction: Path,
    track: str,
    options: TrackOptions,
    params: VelocityParams,
    maximum_sigma_mm_yr: float,
    **files: Any,
) -> None:
    """Write velocity and its error on the track's own grid, what was taken off every date, and what the audit saw."""
    import numpy as np

    from geo_risk.hazards.deformation.motion.dates import gap_note, time_gaps
    from geo_risk.hazards.deformation.motion.removal import removal_dataset
    from geo_risk.hazards.deformation.motion.sudden import sudden_note, sudden_patches
    from geo_risk.hazards.deformation.motion.velocity import track_velocity
    from geo_risk.publish.dataset import write_dataset
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.native import write_native
    from geo_risk.sources.audit_words import in_chinese
    from geo_risk.sources.look_vectors import look_notes
    from geo_risk.sources.native import native_maps

    source = open_track(track, options, **files)
    result, notes, counts, removal = track_velocity(source, params, maximum_sigma_mm_yr=maximum_sigma_mm_yr)
    write_native(result, out)
    times = source["time"].to_numpy() if "time" in source else np.zeros(0, dtype="datetime64[s]")
    gaps = gap_note(times)
    if gaps:
        counts["time_gaps"] = len(time_gaps(times))
    if "sudden_since" in result:
        patches, counts["sudden_cells"] = sudden_patches(native_maps(out, ("sudden_since", "sudden_mm")))
        found = sudden_note(patches, times)
        notes.extend([found] if found else [])
    more, off = look_notes(native_maps(out, ("velocity", *LOS)))
    notes.extend(more)
    counts |= off
    write_dataset(removal_dataset(removal, times), correction)
    audit = [(f"{track}: {text}", f"轨道 {track} 数据审核：{in_chinese(text)}") for text in source.attrs["audit"]]
    said = [(f"{track}: {en}", f"轨道 {track}：{zh}") for en, zh in [*source.attrs.get("warnings", []), *notes]]
    told = [] if gaps is None else [(f"{track}: {gaps[0]}", f"轨道 {track}：{gaps[1]}")]
    write_json({"notes": [_note("info", s) for s in [*audit, *told]] + [_note("warning", s) for s in said],
                "counts": counts, "methods": [_method("velocity")],
                "quarantine": source.attrs.get("quarantine", [])}, facts)  # fmt: skip


def write_on_grid(*, native: Path, grid: Path, track: str, resampling: str, facts: Path, **out: Path) -> None:
    """Write velocity, its error, the LOS unit vector, the product's shadow mask and sudden motion on the run grid."""
    import dask
    import numpy as np

    from geo_risk.hazards.deformation.geometry.decomposition import unit_length
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import read_grid
    from geo_risk.sources.native import method_for, native_facts, onto_grid

    target = read_grid(grid)
    layers = {name: onto_grid(native, name, target, method=resampling) for name in PER_TRACK}
    layers |= dict(zip(LOS, unit_length(*(layers[n] for n in LOS)), strict=True))
    there = native_facts(native)["names"]
    counted = [layers["velocity"].notnull().sum().data]
    if method_for(there, resampling) != "nearest":
        counted.append(onto_grid(native, "velocity", target, method="nearest").notnull().sum().data)
    known, *measured = (int(n) for n in dask.compute(*counted))
    held = measured[0] if measured else known
    for name, source, absent in (("shadow", "shadow", "no mask of layover and shadow"),
                                 ("sudden", "sudden_since", "no series")):  # fmt: skip
        if source in there:
            layers[name] = onto_grid(native, source, target, method="nearest")
        else:
            layers[name] = target.layer(target.full(np.nan), units="1", long_name=absent)
    for name, path in out.items():
        layer = layers[name].rename(f"{name}_{track}")
        write_layer(layer.assign_attrs(long_name=f"{layer.attrs['long_name']}, track {track}"), path)
    counts = {"measured_cells": held, "known_cells": known}
    notes = lost_note(track, known, held, cell_area_m2=target.cell_area_m2)
    write_json({"notes": notes, "counts": counts, "methods": [], "quarantine": []}, facts)


def lost_note(track: str, known: int, held: int, *, cell_area_m2: float) -> list[dict[str, str]]:
    """Return the warning that resampling lost much of what a track measured; none up to MOST_LOST of it.

    Parameters
    ----------
    known : cells of the run grid with a velocity. held : cells of it whose centre lies in a measured cell of the track.
    """
    if not held or known >= (1 - MOST_LOST) * held:
        return []
    before, after, share = held * cell_area_m2 / 1e6, known * cell_area_m2 / 1e6, 1 - known / held
    return [_note("warning", (
        f"{track}: of {before:.4g} km2 of measured ground {after:.4g} km2 are left on the run grid ({share:.0%} lost), "
        "for bilinear resampling takes no cell with a gap beside it. What is lost is unknown, not still: set "
        "deformation.velocity.resampling: nearest",
        f"轨道 {track}：实测范围 {before:.4g} km²，重采样到运行网格后仅剩 {after:.4g} km²（损失 {share:.0%}），"
        "因为双线性重采样舍去相邻有缺失的像元。损失部分为未知，不作稳定判定；"
        "请设置 deformation.velocity.resampling: nearest",
    ))]  # fmt: skip


def _tracks(names: list[str], paths: dict[str, Any]) -> list[Track]:
    from geo_risk.hazards.deformation.geometry.decomposition import Track
    from geo_risk.sources.layers import open_layer

    return [Track(t, *(open_layer(paths[n][i]) for n in PER_TRACK)) for i, t in enumerate(names)]


def _detection_grid(run: Grid, posting_m: float, *, most: int) -> Grid:
    """Return the grid areas are looked for on: the run's area in cells of the coarsest track.

    Where these are more than `most`, the cells are as many times wider as it takes: memory stays bounded and the run
    goes on; `coarser_note` says so.
    """
    grid = fine = _at_posting(run, posting_m)
    times = 1
    while grid.shape[0] * grid.shape[1] > most and max(grid.shape) > 1:
        times += 1
        grid = _at_posting(run, times * fine.resolution_m)
    return grid


def _at_posting(run: Grid, posting_m: float) -> Grid:
    """Return the run's area in cells of a posting, or of the run where these are no smaller."""
    from geo_risk.core.grid import Grid

    if posting_m <= run.resolution_m * 1.01:
        return run
    factor = posting_m / run.resolution_m
    cell = round(factor) * run.resolution_m if abs(factor - round(factor)) < 0.01 else posting_m
    left, bottom, right, top = run.bounds
    rows, columns = (max(1, int((b - a) / cell + 1e-6)) for a, b in ((bottom, top), (left, right)))
    from affine import Affine
    from odc.geo.geobox import GeoBox

    return Grid(GeoBox((rows, columns), Affine(cell, 0, left, 0, -cell, top), run.geobox.crs))


def coarser_note(run: Grid, posting_m: float, used: Grid, *, limit: str, what: tuple[str, str]) -> list[dict[str, str]]:
    """Return the warning that maps were too large for their own cells; none where they were not.

    Parameters
    ----------
    run, posting_m, used : the run's grid, the posting of the coarsest track, and the grid that was taken.
    limit : name of the parameter that bounds the cells. what : what was looked for, in English and Chinese.
    """
    fine = _at_posting(run, posting_m)
    if fine == used:
        return []
    cells, own, taken = fine.shape[0] * fine.shape[1] / 1e6, fine.resolution_m, used.resolution_m
    share = round(used.cell_area_m2 / fine.cell_area_m2)
    return [_note("warning", (
        f"{what[0]}: the maps have {cells:.4g} million cells of {own:g} m, more than {limit} allows to hold; cells of "
        f"{taken:g} m were looked at instead, one measured cell in {share}. What is narrower than {2 * taken:g} m may "
        "be missing, which does not mean that it is still: run county by county for the full detail",
        f"{what[1]}：{own:g} 米像元共 {cells * 100:.4g} 万个，超过 {limit} 的上限，改用 {taken:g} 米像元"
        f"（每 {share} 个实测像元取 1 个）。宽度小于 {2 * taken:g} 米的变形可能漏判，漏判不等于稳定；"
        "如需完整细节请分县运行",
    ))]  # fmt: skip


def _note(level: str, texts: tuple[str, str]) -> dict[str, str]:
    return {"level": level, "text_en": texts[0], "text_zh": texts[1]}


def _method(name: str) -> dict[str, str]:
    from geo_risk.hazards.deformation.motion.compute import CARDS

    card = CARDS[name]
    return {"name": card.name, "citation": card.citation, "validity": card.validity}
