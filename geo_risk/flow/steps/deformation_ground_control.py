"""InSAR beside levelling and GNSS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.deformation.params import GroundControlParams
    from geo_risk.sources.options import ReadOptions

_PER_TRACK = ("velocity", "velocity_std", "los_east", "los_north", "los_up")
_DECOMPOSED = ("velocity_east", "velocity_up", "velocity_east_std", "velocity_up_std")


def deformation_ground_control(plan: Plan, tracks: list[str]) -> None:
    """Add the comparison with `inputs.ground_control`; it is left out silently where that is not given."""
    source = plan.source("ground_control")
    if source is None or not tracks:
        return
    plan.add(
        "deformation.ground_control",
        write_ground_control,
        reads={"ground_control": plan.input("ground_control"), "grid": plan.facts("grid"),
               **{n: [plan.layer(f"{n}_{t}") for t in tracks] for n in _PER_TRACK}},
        optional={n: plan.layer(n) for n in _DECOMPOSED},
        writes={"out": plan.frame("ground_control_comparison"), "facts": plan.facts("ground_control"),
                "table": plan.out / "lists" / "ground_control_comparison.csv"},
        tracks=tracks, options=source.options, params=plan.cfg.deformation.ground_control,
    )  # fmt: skip


def write_ground_control(
    *,
    ground_control: Path,
    grid: Path,
    out: Path,
    table: Path,
    facts: Path,
    tracks: list[str],
    options: ReadOptions,
    params: GroundControlParams,
    **paths: Any,
) -> None:
    """Write each point beside the cells around it, and bias and RMSE by quantity."""
    from geo_risk.hazards.deformation.motion.compute import CARDS
    from geo_risk.hazards.deformation.motion.ground_control import TrackLayers, compare_ground_control
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.publish.lists import write_rows
    from geo_risk.sources.ground_control import read_ground_control
    from geo_risk.sources.layers import open_layer, read_grid

    target = read_grid(grid)
    read = read_ground_control(ground_control, crs=target.crs, options=options)

    layers = []
    for i, track in enumerate(tracks):
        velocity, std, east, north, up = (open_layer(paths[n][i]) for n in _PER_TRACK)
        layers.append(TrackLayers(track, velocity, std, (east, north, up)))
    known = {n: open_layer(paths[n]) for n in _DECOMPOSED if paths.get(n) is not None}
    complete = known if len(known) == len(_DECOMPOSED) else {}
    found = compare_ground_control(read.frame, layers, target, params, decomposed=complete)
    write_frame(found.frame, out)
    places = found.frame.geometry
    write_rows(found.frame.drop(columns="geometry").assign(x=places.x.round(1), y=places.y.round(1)), table)
    card = CARDS["velocity"]
    write_json({
        "notes": [{"level": "info", "text_en": en, "text_zh": zh} for en, zh in found.notes],
        "counts": {"points": len(read.frame), "quantities": _records(found.summary)},
        "quarantine": [*read.quarantine, *found.quarantine],
        "methods": [{"name": card.name, "citation": card.citation, "validity": card.validity}],
    }, facts)  # fmt: skip


def _records(summary: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as JSON knows them: what is not known is null."""
    import numpy as np

    return [
        {str(k): None if isinstance(v, float) and not np.isfinite(v) else v for k, v in row.items()}
        for row in summary.to_dict(orient="records")
    ]
