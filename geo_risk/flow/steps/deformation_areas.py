"""Moving areas: found on the tracks' maps, held against their noise, given a kind by what lies around."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.core.sentence import chinese

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from geo_risk.core.grid import Grid
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.deformation.areas.maps import TrackWindows
    from geo_risk.hazards.deformation.areas.setting import Setting
    from geo_risk.hazards.deformation.areas.tiles import Box, TiledMap
    from geo_risk.hazards.deformation.params import DeformationParams
    from geo_risk.sources.options import ReadOptions

AROUND = ("geology", "tailings_ponds", "embankments", "railways", "roads", "buildings")
"""Vector inputs that help to tell the kind of an area."""

_LIMIT = "deformation.areas.maximum_cells"


def deformation_areas(plan: Plan, native: list[Path]) -> None:
    """Add the step that finds moving areas on the tracks' native maps.

    It writes the frame `areas_found` (contract columns of `active_deformation` and `label`), the label raster, Gi* of
    each track, and facts.
    """
    tracks = [t.track for t in plan.cfg.inputs.insar]
    names = ("slope_deg", "aspect_deg", "velocity_east", "velocity_up")
    sources = {n: plan.source(n) for n in (*AROUND, "landcover")}
    plan.add(
        "deformation.areas",
        write_areas,
        reads={"native": native, "grid": plan.facts("grid")},
        optional={n: plan.layer(n) for n in names} | {n: plan.input(n) for n in sources} | {"legend": _legend(plan)},
        writes={"areas_found": plan.frame("areas_found"), "facts": plan.facts("active_deformation"),
                "labels": plan.layer("active_deformation_labels"),
                **{f"hotspot_z_{t}": plan.layer(f"hotspot_z_{t}") for t in tracks}},
        tracks=tracks, params=plan.cfg.deformation,
        options={n: s.options.model_dump(mode="json") for n, s in sources.items() if s is not None},
    )  # fmt: skip


def _legend(plan: Plan) -> Path | None:
    landcover = plan.source("landcover")
    beside = None if landcover is None else landcover.file.with_suffix(".csv")
    return beside if beside is not None and beside.is_file() else None


def write_areas(
    *,
    native: list[Path],
    grid: Path,
    areas_found: Path,
    facts: Path,
    labels: Path,
    tracks: list[str],
    params: DeformationParams,
    options: dict[str, dict[str, Any]],
    **paths: Path | None,
) -> None:
    """Write active deformation areas with their false-alarm probabilities, and Gi* of each track."""
    from geo_risk.flow.steps.deformation import _detection_grid, _method, _note, coarser_note
    from geo_risk.hazards.deformation.areas.active import active_areas
    from geo_risk.hazards.deformation.areas.hotspots import gi_star_windows
    from geo_risk.hazards.deformation.areas.setting import setting_windows
    from geo_risk.hazards.deformation.areas.tiles import whole
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer, read_grid
    from geo_risk.sources.native import native_facts

    run, posting_m = read_grid(grid), max(float(native_facts(p)["posting_m"]) for p in native)
    area = _detection_grid(run, posting_m, most=params.areas.maximum_cells)
    coarser = coarser_note(run, posting_m, area, limit=_LIMIT, what=("moving areas", "活动形变区"))
    side = params.areas.tile_cells
    maps = [track_windows(t, p, area, side=side) for t, p in zip(tracks, native, strict=True)]
    raster = {k: paths[k] for k in ("slope_deg", "aspect_deg", "velocity_east", "velocity_up")}
    known = {k: nearest_windows(open_layer(p), area, side=side) for k, p in raster.items() if p is not None}
    setting, aside, told = _setting(area, paths, options, side=side)
    margin_m = params.kinds.structure_distance_m + 2 * area.resolution_m
    known |= setting_windows(setting, area, margin_m=margin_m, side=side)
    radius = max(1.0, params.areas.hotspot_radius_m / area.resolution_m)
    hot = {m.name: gi_star_windows(m.velocity, radius, side=side) for m in maps}
    found = active_areas(maps, area, params, context=known, hotspot=hot)
    write_frame(found.frame, areas_found)
    write_layer(area.layer(found.labels, units="1", long_name="label of active areas", name="labels"), labels)
    shares: dict[str, float | None] = {}
    for name, by_window in hot.items():
        out, z = paths[f"hotspot_z_{name}"], whole(by_window)
        if out is not None:
            write_layer(area.layer(z, units="1", long_name=f"Gi* of velocity, track {name}", name="hotspot_z"), out)
        shares[f"hotspot_share_{name}"] = hotspot_share(z, params.areas.hotspot_rate)
    kinds = {str(k): int(n) for k, n in found.frame["kind"].value_counts().items()}
    write_json({"notes": [_note("info", n) for n in told] + coarser + [_note("warning", n) for n in found.notes],
                "methods": [_method("areas")],
                "counts": {"areas": len(found.frame), "kinds": kinds, **found.facts, **shares},
                "quarantine": aside}, facts)  # fmt: skip


def hotspot_share(z: NDArray[np.float32], rate: float) -> float | None:
    """Return the share of hot and cold cells; None where no cell has a Gi*: one alone is known, or all move alike."""
    from geo_risk.hazards.deformation.areas.hotspots import discovered_share

    share = discovered_share(z, rate)
    return None if math.isnan(share) else share


def track_windows(track: str, native: Path, grid: Grid, *, side: int) -> TrackWindows:
    """Return the native maps of a track on the detection grid, read by tiles of a side when asked for."""
    from geo_risk.flow.steps.deformation import LOS
    from geo_risk.hazards.deformation.areas.maps import TrackWindows, layer_windows
    from geo_risk.sources.native import native_facts, onto_grid

    def read(name: str) -> TiledMap:
        return layer_windows(onto_grid(native, name, grid, method="nearest"), side=side)

    names = native_facts(native)["names"]
    annual = (read("annual_sin"), read("annual_cos")) if "annual_sin" in names else None
    sudden = read("sudden_since") if "sudden_since" in names else None
    east, north, up = (read(n) for n in LOS)
    return TrackWindows(track, read("velocity"), read("velocity_std"), (east, north, up), annual, sudden)


def nearest_windows(layer: xr.DataArray, grid: Grid, *, side: int) -> TiledMap:
    """Return a layer of the run grid at the cell centres of the detection grid, read by tiles of a side."""
    import numpy as np

    from geo_risk.core.grid import grid_of
    from geo_risk.hazards.deformation.areas.tiles import TiledMap

    own, coords = grid_of(layer), grid.coords()

    def compute(box: Box) -> NDArray[np.float32]:
        x, y = np.meshgrid(coords["x"][box[1]], coords["y"][box[0]])
        rows, columns, inside = own.index(x - 1e-6, y + 1e-6)
        window = (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
        values = np.asarray(layer.data[window], dtype=np.float32)
        near = values[rows - window[0].start, columns - window[1].start]
        return np.where(inside, near, np.float32(np.nan)).astype(np.float32)

    return TiledMap(grid.shape, compute, side=side)


def _setting(
    grid: Grid, paths: dict[str, Path | None], options: dict[str, dict[str, Any]], *, side: int
) -> tuple[Setting, list[dict[str, str]], list[tuple[str, str]]]:
    """Read what is given of rock, land use and structures; return the rows that were set aside and what was said."""
    from geo_risk.hazards.deformation.areas.maps import layer_windows
    from geo_risk.hazards.deformation.areas.setting import Setting
    from geo_risk.sources.legend import read_legend
    from geo_risk.sources.options import ReadOptions
    from geo_risk.sources.raster import load_raster
    from geo_risk.sources.vectors import read_vector

    aside: list[dict[str, str]] = []
    told: list[tuple[str, str]] = []

    def frame(name: str) -> Any:
        path = paths[name]
        if path is None:
            return None
        need = ("lithology",) if name == "geology" else ()
        chosen = ReadOptions(**options[name])
        read = read_vector(path, crs=grid.crs, where=f"inputs.{name}", columns=need, options=chosen)
        aside.extend(read.quarantine)
        told.extend((f"{name}: {text}", f"{name}：{chinese(text)}") for text in read.notes)
        return read.frame

    landcover, legend = paths["landcover"], paths["legend"]
    classes = None
    if landcover is not None:
        chosen: ReadOptions = ReadOptions(**options["landcover"])
        layer = load_raster(landcover, grid, units=None, where="inputs.landcover", resampling="nearest", options=chosen)
        classes = layer_windows(layer, side=side)
    structures = {n: f for n in AROUND[1:] if (f := frame(n)) is not None}
    rock = frame("geology")
    return Setting(rock, classes, {} if legend is None else read_legend(legend), structures), aside, told
