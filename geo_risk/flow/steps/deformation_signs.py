"""Deformation: do the signs of the tracks agree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.deformation.motion.sign_params import SignParams


def deformation_signs(plan: Plan, tracks: list[str], layers: dict[str, Any]) -> None:
    """Add the comparison of signs, before anything is made of two tracks; of one it says that nothing bears it out."""
    if not tracks:
        return
    plan.add(
        "deformation.signs", write_signs, reads=layers,
        optional={"slope_deg": plan.layer("slope_deg"), "dem": plan.layer("dem")},
        writes={"facts": plan.facts("deformation_signs")}, tracks=tracks, params=plan.cfg.deformation.signs,
        body_radius_m=plan.cfg.deformation.slope.body_radius_m,
    )  # fmt: skip


def write_signs(
    *,
    tracks: list[str],
    params: SignParams,
    body_radius_m: float,
    slope_deg: Path | None,
    dem: Path | None,
    facts: Path,
    **paths: Any,
) -> None:
    """Write what flat moving ground says of the signs of the tracks.

    Raises
    ------
    AmbiguousError : two tracks contradict one another on flat ground; see `sign_audit.check_signs`.
    """
    from geo_risk.core.grid import grid_of
    from geo_risk.flow.steps.deformation import _note, _tracks
    from geo_risk.hazards.deformation.motion.sign_audit import alone_note, check_signs, sign_agreement, sign_note
    from geo_risk.publish.frames import write_json

    looks = _tracks(tracks, paths)
    slope = _steepest(slope_deg, dem, body_radius_m)
    found = sign_agreement(looks, slope, params)
    if slope is not None:
        check_signs(found, params, cell_m2=grid_of(slope).resolution_m ** 2)
    said = [sign_note(f, params, is_flat=slope is not None) for f in found]
    if len(tracks) == 1:
        said.append(("info", alone_note(tracks[0])))
    counts = {f"sign_agreement_{f.first}_{f.second}": f.value for f in found if f.value == f.value}
    write_json({"notes": [_note(level, texts) for level, texts in said], "counts": counts, "quarantine": [],
                "methods": []}, facts)  # fmt: skip


def _steepest(slope_deg: Path | None, dem: Path | None, body_radius_m: float) -> xr.DataArray | None:
    """Return the larger of a cell's own slope and that of the body around it, None without a DEM.

    The flat toe or bench of a slide moves as the slide does.
    """
    from geo_risk.hazards.deformation.geometry.downslope import body_slope
    from geo_risk.sources.layers import open_layer

    if slope_deg is None or dem is None:
        return None
    own, around = open_layer(slope_deg), body_slope(open_layer(dem), radius_m=body_radius_m)[0]
    return own.where((own >= around) | around.isnull(), around).assign_attrs(own.attrs)
