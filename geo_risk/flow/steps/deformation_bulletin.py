"""The bulletin: moving areas as they are published, with lasting ids and what changed since the last one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import geopandas as gpd

    from geo_risk.core.grid import Grid
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.deformation.areas.change import Seen
    from geo_risk.hazards.deformation.params import BulletinParams

_TILE = 1024
"""Side of the windows of a layer that are read at once, as it is stored."""


def deformation_bulletin(plan: Plan) -> None:
    """Add the step that makes `active_deformation` of the areas as they were judged, or else as they were found.

    With `inputs.previous_bulletin` it compares them with the former ones, and makes `deformation_changes`.

    Raises
    ------
    ConfigError : the former bulletin lies in the output folder of this run, where it would be overwritten.
    """
    from geo_risk.core.errors import ConfigError

    judged, source = plan.frame("areas_judged"), plan.source("previous_bulletin")
    if source is not None and source.file.is_relative_to(plan.cfg.output):
        what = f"{source.file.name} lies in the output folder of this run, which replaces it"
        raise ConfigError(what, where="inputs.previous_bulletin", fix="copy the former geo_risk.gpkg elsewhere first")
    changes = {} if source is None else {"deformation_changes": plan.frame("deformation_changes")}
    tracks = [t.track for t in plan.cfg.inputs.insar]
    velocity = [plan.layer(f"velocity_{t}") for t in tracks]
    plan.add(
        "deformation.bulletin",
        write_bulletin,
        reads={"areas": judged if plan.has(judged) else plan.frame("areas_found"), "grid": plan.facts("grid")},
        optional={"previous": None if source is None else source.file, "velocity": velocity,
                  "series": [plan.cube(f"series_{t}") for t in tracks]},
        writes={"active_deformation": plan.frame("active_deformation"), **changes,
                "facts": plan.facts("deformation_bulletin")},
        options={} if source is None else source.options.model_dump(mode="json"),
        tracks=tracks, params=plan.cfg.deformation.bulletin,
    )  # fmt: skip


def write_bulletin(
    *,
    areas: Path,
    grid: Path,
    previous: Path | None,
    velocity: list[Path] | None,
    series: list[Path] | None,
    active_deformation: Path,
    facts: Path,
    options: dict[str, Any],
    tracks: list[str],
    params: BulletinParams,
    deformation_changes: Path | None = None,
) -> None:
    """Write the moving areas of this bulletin, and what changed since the last one where there is one."""
    from geo_risk.flow.steps.deformation import _note
    from geo_risk.hazards.deformation.areas.bulletin import bulletin
    from geo_risk.hazards.deformation.areas.quality import regraded
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.former import read_former
    from geo_risk.sources.layers import read_frame, read_grid
    from geo_risk.sources.options import ReadOptions

    target = read_grid(grid)
    found = read_frame(areas)
    if series is not None and len(found):
        found = regraded(found, {t: _indices(p) for t, p in zip(tracks, series, strict=True)})
    found = found.drop(columns="label", errors="ignore")
    before, gone = None, None
    quarantine: list[dict[str, str]] = []
    if previous is not None:
        before, gone, quarantine = read_former(
            previous, crs=target.crs, where="inputs.previous_bulletin", options=ReadOptions(**options)
        )
    by_track = dict(zip(tracks, velocity or [], strict=velocity is not None))
    seen = [] if before is None else _seen([f for f in (before, gone) if f is not None], by_track, target)
    made = bulletin(found, before, params, gone=gone, seen=seen)
    write_frame(made.areas, active_deformation)
    counts = {str(k): int(n) for k, n in made.areas["status"].value_counts().items()}
    if deformation_changes is not None and made.changes is not None:
        write_frame(made.changes, deformation_changes)
        counts |= {f"change_{k}": int(n) for k, n in made.changes["change"].value_counts().items()}
    write_json({"notes": [_note("info", n) for n in made.notes], "counts": counts, "quarantine": quarantine,
                "methods": []}, facts)  # fmt: skip


def _seen(frames: list[gpd.GeoDataFrame], velocity: dict[str, Path], grid: Grid) -> list[Seen]:
    """Return what every former area shows now; only the windows of the areas are read."""
    from geo_risk.hazards.deformation.areas.bulletin import seen_now
    from geo_risk.hazards.deformation.areas.maps import layer_windows
    from geo_risk.sources.layers import open_layer

    maps = {t: layer_windows(open_layer(p), side=_TILE) for t, p in velocity.items()}
    return [s for frame in frames for s in seen_now(frame, grid, maps)]


def _indices(path: Path) -> dict[int, tuple[float, float]]:
    """Return lag-1 and pairwise correlation by label from the series of a track; none where it has no series."""
    from geo_risk.sources.dataset import read_dataset

    series = read_dataset(path)
    if "label" not in series.coords:
        return {}
    labels, first, second = (series[n].to_numpy() for n in ("label", "lag_one", "pairwise"))
    return {int(k): (float(a), float(b)) for k, a, b in zip(labels, first, second, strict=True)}
