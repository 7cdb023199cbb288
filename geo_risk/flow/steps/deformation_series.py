"""The series of moving areas, dams and sinking ground as one list, and those of the worst dams as a figure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.deformation.activity.params import ActivityParams
    from geo_risk.publish.figures import SeriesPanel

N_STRUCTURES = 6
"""Dams and ponds whose series are drawn."""

_FOUND = {"structures": ("structures_found", "structure_id"), "subsidence_zones": ("subsidence_found", "body_id")}
"""Frame that knows the labels of a layer's bodies, and the column of their ids in that layer."""


def deformation_series(plan: Plan) -> None:
    """Add the step that lists the series of all that moves, and the one that draws those of dams; after all of these.

    Each leaves itself out where there is nothing to list or draw.
    """
    tracks = [t.track for t in plan.cfg.inputs.insar]
    areas = [plan.cube(f"series_{t}") for t in tracks]
    if not tracks or not all(plan.has(p) for p in areas):
        return
    bodies = {name: [plan.cube(f"bodies_{name}_{t}") for t in tracks] for name in ("structures", "subsidence")}
    found = {name: plan.frame(frame) for name, (frame, _) in _FOUND.items()}
    plan.add(
        "deformation.series_table", write_series_table, reads={"areas": areas},
        optional={f"{name}_found": path for name, path in found.items()} | {
            "structures": bodies["structures"], "subsidence_zones": bodies["subsidence"]},
        writes={"out": plan.out / "lists" / "deformation_series.csv"}, tracks=tracks,
    )  # fmt: skip
    needs = [found["structures"], plan.frame("structures"), *bodies["structures"]]
    if all(plan.has(p) for p in needs):
        plan.add(
            "structures.figures", write_structure_figures,
            reads={"found": needs[0], "structures": needs[1], "series": bodies["structures"]},
            writes={"facts": plan.facts("figures_structures")}, tracks=tracks, params=plan.cfg.deformation.activity,
            language=plan.cfg.language,
        )  # fmt: skip


def write_series_table(*, areas: list[Path], out: Path, tracks: list[str], **paths: Any) -> None:
    """Write the series of areas, dams and sinking bodies as one table, for whoever draws or models them elsewhere."""
    from geo_risk.hazards.deformation.activity.series_table import layers_table
    from geo_risk.publish.lists import write_rows
    from geo_risk.sources.dataset import read_dataset

    layers = {"active_deformation": {t: read_dataset(p) for t, p in zip(tracks, areas, strict=True)}}
    for name, (_, id_column) in _FOUND.items():
        found, series = paths[f"{name}_found"], paths[name]
        if found is not None and series is not None:
            layers[name] = _named(found, id_column, dict(zip(tracks, series, strict=True)))
    write_rows(layers_table(layers), out)


def _named(found: Path, id_column: str, series: dict[str, Path]) -> dict[str, xr.Dataset]:
    """Return the series of the bodies of a frame by track, under their ids."""
    from geo_risk.hazards.deformation.activity.series_table import with_ids
    from geo_risk.sources.dataset import read_dataset
    from geo_risk.sources.layers import read_frame

    rows = read_frame(found)
    known = {"body", id_column} <= set(rows.columns)  # a frame without a row may have lost its columns
    ids = dict(zip(rows["body"].astype(int), rows[id_column].astype(str), strict=True)) if known else {}
    return {track: with_ids(read_dataset(path), ids) for track, path in series.items()}


def write_structure_figures(
    *,
    found: Path,
    structures: Path,
    series: list[Path],
    facts: Path,
    tracks: list[str],
    params: ActivityParams,
    language: str,
) -> None:
    """Write the series of the gravest dams and ponds with their fits as an SVG text, for the report."""
    from geo_risk.core.schemas import conform
    from geo_risk.flow.steps.deformation_figures import figure_facts
    from geo_risk.hazards.deformation.activity.judged import series_of
    from geo_risk.publish.figures import series_panels
    from geo_risk.publish.figures_motion import course_panel
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.i18n import value_label
    from geo_risk.publish.list_order import list_order
    from geo_risk.sources.layers import read_frame

    rows = conform(read_frame(structures), "structures")
    known = _named(found, "structure_id", dict(zip(tracks, series, strict=True)))
    panels: list[SeriesPanel] = []
    for row in rows.iloc[list_order(rows, "structures")].itertuples():
        key = str(row.structure_id)
        name = key if not isinstance(row.name, str) or row.name in {"", key} else f"{key} {row.name}"
        words = (name, value_label(str(row.kind), language), value_label(str(row.activity), language))
        panel = course_panel("  ".join(words), series_of(key, known), params, language=language)
        panels += [] if panel is None or len(panels) == N_STRUCTURES else [panel]
    drawn = [figure_facts("figure.structures", series_panels(panels, language=language))] if panels else []
    counts = {"bodies_drawn": len(panels), "bodies_without_series": len(rows) - len(panels)}
    write_json({"figures": drawn, "notes": [], "counts": counts, "quarantine": [], "methods": []}, facts)
