"""Deformation: east and up velocities, what a north motion would feign, and east and up series on request."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.insar_track import open_track

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from geo_risk.core.grid import Grid
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.deformation.geometry.east_up_series import TrackSeries
    from geo_risk.hazards.deformation.params import DecompositionParams

EAST_UP = ("velocity_east", "velocity_up", "velocity_east_std", "velocity_up_std")
LEAK = ("north_leak_east", "north_leak_up")


def deformation_east_up(plan: Plan, tracks: list[str], layers: dict[str, Any]) -> None:
    """Add the decomposition of velocities where there are two tracks, and that of series where it is asked for."""
    params = plan.cfg.deformation.decomposition
    if len(tracks) < 2:
        return
    plan.add(
        "deformation.east_up", write_east_up, reads=layers,
        writes={n: plan.layer(n) for n in (*EAST_UP, *LEAK)} | {"facts": plan.facts("deformation_east_up")},
        tracks=tracks, params=params,
    )  # fmt: skip
    if not params.series:
        return
    given = plan.cfg.inputs.insar
    native = [plan.cube(f"velocity_native_{t}").with_suffix(".h5") for t in tracks]
    extras = {f"{kind}_{t.track}": path for t in given
              for kind, path in (("geometry", t.geometry_files), ("coherence", t.coherence),
                                 ("gacos", t.gacos)) if path}  # fmt: skip
    plan.add(
        "deformation.east_up_series", write_east_up_series,
        reads={**{f"files_{t.track}": list(t.files) for t in given}, "native": native, "grid": plan.facts("grid"),
               "correction": [plan.cube(f"correction_{t}") for t in tracks]},
        optional=extras,
        writes={"out": plan.out / "series" / "east_up_series.nc", "facts": plan.facts("deformation_east_up_series")},
        tracks=tracks, options=[t.options.model_dump(mode="json") for t in given], params=params,
        resampling=plan.cfg.deformation.velocity.resampling,
    )  # fmt: skip


def write_east_up(*, tracks: list[str], params: DecompositionParams, facts: Path, **paths: Any) -> None:
    """Write east and up velocities with their standard errors, and by how much a north motion would change them."""
    from geo_risk.flow.steps.deformation import _method, _note, _tracks
    from geo_risk.hazards.deformation.geometry.decomposition import east_up, north_leak
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer

    looks = _tracks(tracks, paths)
    layers = east_up(looks, params)
    for name in EAST_UP:
        write_layer(layers[name], paths[name])
    worst = []
    for name, layer in zip(LEAK, north_leak(looks, params), strict=True):
        write_layer(layer, paths[name])
        worst.append(largest(open_layer(paths[name])))
    north = params.north_motion_mm_yr
    counts = {"north_motion_mm_yr": north, "north_leak_east_mm_yr": worst[0], "north_leak_up_mm_yr": worst[1]}
    if worst[0] is None or worst[1] is None:
        note = _note("warning", (
            "East and up are known nowhere: no cell is seen by two tracks whose looks differ by "
            f"{params.minimum_angle_deg:g} degrees.",
            "东西向与垂直向速度均未知："
            f"没有任何像元被视线夹角不小于 {params.minimum_angle_deg:g} 度的两条轨道同时观测。",
        ))  # fmt: skip
    else:
        note = _note("info", _leak_text(north, worst[0], worst[1]))
    write_json({"notes": [note], "counts": counts, "quarantine": [], "methods": [_method("east_up")]}, facts)


def _leak_text(north: float, east: float, up: float) -> tuple[str, str]:
    return (
        f"North motion is taken as zero: {north:g} mm/yr of it would change up by at most {up:.1f} mm/yr and "
        f"east by at most {east:.1f} mm/yr.",
        f"分解时设南北向运动为零：若实际有 {north:g} mm/yr 的南北向运动，垂直向速度最多改变 {up:.1f} mm/yr，"
        f"东西向最多改变 {east:.1f} mm/yr。",
    )


def largest(layer: xr.DataArray) -> float | None:
    """Return the largest absolute value of a layer, None where nothing is known; computed by blocks."""
    size = abs(layer)
    found = float(size.where(size.notnull(), -1.0).max())
    return found if found >= 0 else None


def write_east_up_series(
    *,
    tracks: list[str],
    options: list[dict[str, Any]],
    params: DecompositionParams,
    resampling: str,
    native: list[Path],
    correction: list[Path],
    grid: Path,
    out: Path,
    facts: Path,
    **files: Any,
) -> None:
    """Write east and up displacement of every cell at common epochs, from the series as the velocity step saw them."""
    from geo_risk.core.errors import DataError
    from geo_risk.flow.steps.deformation import _method, _note
    from geo_risk.hazards.deformation.geometry.east_up_series import east_up_series
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.series_cube import write_series_cube
    from geo_risk.sources.layers import read_grid
    from geo_risk.sources.options import TrackOptions

    target = read_grid(grid)
    found: list[TrackSeries] = []
    for track, said, own, removal in zip(tracks, options, native, correction, strict=True):
        given = {kind: files.get(f"{kind}_{track}") for kind in ("files", "geometry", "coherence", "gacos")}
        source = open_track(track, TrackOptions(**said), **given)
        if "displacement" in source:
            found.append(series_on_grid(track, source, target, paths=(own, removal), resampling=resampling))
    if len(found) < 2:
        what = f"{len(found)} of the tracks {tracks} has a series; the others are velocities"
        raise DataError(what, where="deformation.decomposition.series", fix="give series, or set it to false")
    cube = east_up_series(found, params)
    write_series_cube(cube, out)
    dates = [str(t)[:10] for t in cube["time"].to_numpy()]
    note = (
        f"East and up series: {len(dates)} common epochs from {dates[0]} to {dates[-1]}, in series/east_up_series.nc.",
        f"东西向与垂直向序列：{dates[0]} 至 {dates[-1]} 共 {len(dates)} 个公共时刻，见 series/east_up_series.nc。",
    )
    write_json({"notes": [_note("info", note)], "counts": {"epochs": len(dates)}, "quarantine": [],
                "methods": [_method("east_up")]}, facts)  # fmt: skip


def series_on_grid(
    track: str, source: xr.Dataset, grid: Grid, *, paths: tuple[Path, Path], resampling: str
) -> TrackSeries:
    """Return the corrected series of a track on the run grid, lazy; `paths` are its native maps and its correction.

    The error of a single date is the standard deviation of the pixel's residuals, scaled by the weight of the date; it
    is missing where the pixel has no velocity, and so the series is left out there too.
    """
    from geo_risk.hazards.deformation.geometry.decomposition import unit_length
    from geo_risk.hazards.deformation.geometry.east_up_series import TrackSeries
    from geo_risk.hazards.deformation.motion.removal import corrected_series, removal_of
    from geo_risk.sources.cube_grid import cube_onto_grid
    from geo_risk.sources.dataset import read_dataset
    from geo_risk.sources.insar import frame_of
    from geo_risk.sources.native import method_for, onto_grid

    own, correction = paths
    method = method_for([str(n) for n in source], resampling)
    removal = removal_of(read_dataset(correction))
    cube = cube_onto_grid(corrected_series(source, removal), frame_of(source), grid, method=method)
    maps = {n: onto_grid(own, n, grid, method=method) for n in ("residual_std", "los_east", "los_north", "los_up")}
    east, _, up = unit_length(*(maps[n] for n in ("los_east", "los_north", "los_up")))
    spread = date_spread(None if removal.correction is None else removal.correction.weights, cube["time"])
    std = (maps["residual_std"] * spread).transpose("time", "y", "x").assign_attrs(units="mm")
    return TrackSeries(track, cube.assign_coords(spatial_ref=east["spatial_ref"]), std, east, up)


def date_spread(weights: NDArray[Any] | None, time: xr.DataArray) -> xr.DataArray:
    """Return the standard error of each date relative to the typical one (time,) float32; NaN where none."""
    import numpy as np
    import xarray as xr

    given = np.ones(time.size) if weights is None else weights
    spread = np.where(given > 0, 1 / np.sqrt(np.where(given > 0, given, 1.0)), np.nan)
    return xr.DataArray(spread.astype(np.float32), dims="time", coords={"time": time})
