"""Deformation: do the signs of the tracks agree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.deformation.motion.sign_params import SignParams


def deformation_signs(plan: Plan, tracks: list[str], layers: dict[str, Any]) -> None:
    """Add the comparison of signs where there are two tracks."""
    if len(tracks) < 2:
        return
    plan.add(
        "deformation.signs", write_signs, reads=layers, optional={"slope_deg": plan.layer("slope_deg")},
        writes={"facts": plan.facts("deformation_signs")}, tracks=tracks, params=plan.cfg.deformation.signs,
    )  # fmt: skip


def write_signs(*, tracks: list[str], params: SignParams, slope_deg: Path | None, facts: Path, **paths: Any) -> None:
    """Write what flat moving ground says of the signs of the tracks."""
    from geo_risk.flow.steps.deformation import _note, _tracks
    from geo_risk.hazards.deformation.motion.sign_audit import sign_agreement, sign_note
    from geo_risk.publish.frames import write_json
    from geo_risk.sources.layers import open_layer

    slope = None if slope_deg is None else open_layer(slope_deg)
    found = sign_agreement(_tracks(tracks, paths), slope, params)
    said = [sign_note(f, params, is_flat=slope is not None) for f in found]
    counts = {f"sign_agreement_{f.first}_{f.second}": f.value for f in found if f.value == f.value}
    write_json({"notes": [_note(level, texts) for level, texts in said], "counts": counts, "quarantine": [],
                "methods": []}, facts)  # fmt: skip
