"""Deformation: velocity along the slope, the smallest that could be seen, and the map of what is blind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.deformation.params import SlopeParams

SLOPE = ("velocity_slope", "detectable_slope", "blind_map")


def deformation_slope(plan: Plan, tracks: list[str], layers: dict[str, Any]) -> None:
    """Add the step that projects velocities onto the slope; `layers` are those of the tracks, slope and aspect."""
    if not tracks:
        return
    plan.add(
        "deformation.slope",
        write_slope,
        reads={**layers, "dem": plan.layer("dem"),
               **{name: [plan.layer(f"{name}_{t}") for t in tracks] for name in ("shadow", "sudden")}},
        writes={name: plan.layer(name) for name in (*SLOPE, *(f"hidden_{t}" for t in tracks))}
        | {"facts": plan.facts("deformation_slope")},
        tracks=tracks, params=plan.cfg.deformation.slope,
    )  # fmt: skip


def write_slope(*, tracks: list[str], params: SlopeParams, facts: Path, **paths: Any) -> None:
    """Write the velocity along the slope, the smallest detectable one, and the blind map with its shares.

    What rays through the DEM find of each track is kept as `hidden_{track}` in the work folder.
    """
    import dataclasses

    from geo_risk.flow.steps.deformation import _method, _note, _tracks
    from geo_risk.hazards.deformation.geometry.downslope import Ground, downslope_layers, with_mask
    from geo_risk.hazards.deformation.geometry.layover import layover_and_shadow
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer

    masks, sudden = ([open_layer(p) for p in paths[name]] for name in ("shadow", "sudden"))
    seen_by = [
        dataclasses.replace(t, shadow=m, sudden=s)
        for t, m, s in zip(_tracks(tracks, paths), masks, sudden, strict=True)
    ]
    ground = Ground(*(open_layer(paths[name]) for name in ("slope_deg", "aspect_deg", "dem")))
    for track in seen_by:
        write_layer(layover_and_shadow(track, ground.dem), paths[f"hidden_{track.name}"])
    hidden = [with_mask(open_layer(paths[f"hidden_{t.name}"]), t) for t in seen_by]
    layers = downslope_layers(seen_by, ground, params, hidden=hidden)
    for name in SLOPE:
        write_layer(layers[name], paths[name])
    shares = blind_shares(open_layer(paths["blind_map"]))
    en = "; ".join(f"{text} {shares[name]:.1%}" for name, (text, _) in _WORDS.items())
    zh = "；".join(f"{text} {shares[name]:.1%}" for name, (_, text) in _WORDS.items())
    note = (f"What the radar sees of slopes, by area: {en}. Ground that is not seen is not called stable.",
            f"雷达对斜坡的可见性（按面积）：{zh}。不可见处不作稳定判定。")  # fmt: skip
    write_json({"notes": [_note("info", note)], "counts": shares, "quarantine": [], "methods": [_method("slope")]},
               facts)  # fmt: skip


def blind_shares(blind: xr.DataArray) -> dict[str, float]:
    """Return the share of cells by the code of the blind map, by its name; counted block by block."""
    import dask

    from geo_risk.hazards.deformation.geometry.downslope import CODES

    shares = dask.compute({name: (blind == code).mean() for code, name in CODES.items()})[0]
    return {name: float(share) for name, share in shares.items()}


_WORDS = {
    "seen": ("seen", "可见"),
    "no_data": ("no data", "无数据"),
    "insensitive": ("insensitive geometry", "几何不敏感"),
    "layover_or_shadow": ("layover or shadow", "叠掩或阴影"),
}
