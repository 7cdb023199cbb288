"""InSAR series beside series of levelling and GNSS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from geo_risk.core.grid import Grid
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.deformation.geometry.east_up_series import TrackSeries
    from geo_risk.hazards.deformation.motion.ground_control import CellsAround
    from geo_risk.hazards.deformation.motion.ground_series import SeriesAround
    from geo_risk.hazards.deformation.params import GroundControlParams
    from geo_risk.sources.options import ReadOptions

_ROWS = 64
"""Rows of a block that is read of the decomposed cube, as it is stored."""

_DECOMPOSED = {"up": (0.0, 0.0, 1.0), "east": (1.0, 0.0, 0.0)}


def deformation_ground_series(plan: Plan) -> None:
    """Add the comparison with `inputs.ground_series`; it is left out silently where that is not given.

    East and up take part where their series are made (`deformation.decomposition.series`).
    """
    source, given = plan.source("ground_series"), plan.cfg.inputs.insar
    if source is None or not given:
        return
    tracks = [t.track for t in given]
    extras = {f"{kind}_{t.track}": path for t in given
              for kind, path in (("geometry", t.geometry_files), ("coherence", t.coherence),
                                 ("gacos", t.gacos)) if path}  # fmt: skip
    cube = plan.out / "series" / "east_up_series.nc"
    plan.add(
        "deformation.ground_series",
        write_ground_series,
        reads={"ground_series": plan.input("ground_series"), "grid": plan.facts("grid"),
               **{f"files_{t.track}": list(t.files) for t in given},
               "native": [plan.cube(f"velocity_native_{t}").with_suffix(".h5") for t in tracks],
               "correction": [plan.cube(f"correction_{t}") for t in tracks]},
        optional={**extras, "east_up_series": cube if plan.has(cube) else None},
        writes={"table": plan.out / "lists" / "ground_series_comparison.csv",
                "dates": plan.out / "lists" / "ground_series_dates.csv", "facts": plan.facts("ground_series")},
        tracks=tracks, track_options=[t.options.model_dump(mode="json") for t in given], options=source.options,
        params=plan.cfg.deformation.ground_control, resampling=plan.cfg.deformation.velocity.resampling,
    )  # fmt: skip


def write_ground_series(
    *,
    ground_series: Path,
    grid: Path,
    native: list[Path],
    correction: list[Path],
    table: Path,
    dates: Path,
    facts: Path,
    tracks: list[str],
    track_options: list[dict[str, Any]],
    options: ReadOptions,
    params: GroundControlParams,
    resampling: str,
    east_up_series: Path | None = None,
    **files: Any,
) -> None:
    """Write how each series of the ground fits that of InSAR around it, all common dates, and a summary by quantity."""
    from geo_risk.flow.steps.deformation import _method, _note
    from geo_risk.flow.steps.deformation_east_up import series_on_grid
    from geo_risk.flow.steps.deformation_ground_control import _records
    from geo_risk.flow.steps.insar_track import open_track
    from geo_risk.hazards.deformation.motion.ground_control import cells_around
    from geo_risk.hazards.deformation.motion.ground_series import compare_ground_series
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.lists import write_rows
    from geo_risk.sources.ground_series import read_ground_series
    from geo_risk.sources.layers import read_grid
    from geo_risk.sources.native import onto_grid
    from geo_risk.sources.options import TrackOptions

    target = read_grid(grid)
    read = read_ground_series(ground_series, crs=target.crs, options=options)
    cells = cells_around(read.points, target, params.radius_m)
    shown: list[SeriesAround] = []
    for track, said, own, removal in zip(tracks, track_options, native, correction, strict=True):
        given = {kind: files.get(f"{kind}_{track}") for kind in ("files", "geometry", "coherence", "gacos")}
        source = open_track(track, TrackOptions(**said), **given)
        if "displacement" in source:
            series = series_on_grid(track, source, target, paths=(own, removal), resampling=resampling)
            north = onto_grid(own, "los_north", target, method=resampling)
            shown.append(_of_track(series, north, cells))
    if east_up_series is not None:
        shown += _decomposed(east_up_series, target, cells)
    found = compare_ground_series(read.points, read.observed, shown, params)
    places = found.frame.geometry
    write_rows(found.frame.drop(columns="geometry").round(2).assign(x=places.x.round(1), y=places.y.round(1)), table)
    write_rows(found.dates.round(2), dates)
    notes = [_note("info", n) for n in found.notes]
    if not shown:
        notes.append(_note("warning", ("no track has a series: the products are velocities",
                                       "各轨道均无时间序列：产品为速率")))  # fmt: skip
    write_json({
        "notes": notes, "counts": {"points": len(read.points), "quantities": _records(found.summary)},
        "quarantine": [*read.quarantine, *found.quarantine], "methods": [_method("velocity")],
    }, facts)  # fmt: skip


def _of_track(series: TrackSeries, north: xr.DataArray, cells: CellsAround) -> SeriesAround:
    """Return what a track shows around each point; only the blocks that hold a point are read."""
    import numpy as np

    from geo_risk.core.units import in_units
    from geo_risk.hazards.deformation.motion.ground_series import SeriesAround

    look = np.column_stack([cells.means(layer) for layer in (series.los_east, north, series.los_up)])
    length = np.linalg.norm(look, axis=1, keepdims=True)
    values, std = (cells.series(in_units(a, "mm")) for a in (series.displacement, series.std))
    times = series.displacement["time"].to_numpy()
    return SeriesAround(f"los {series.name}", times, values, std, look / length, series.name)


def _decomposed(path: Path, grid: Grid, cells: CellsAround) -> list[SeriesAround]:
    """Return the decomposed series around each point."""
    import dask.array as da
    import h5py
    import numpy as np
    import xarray as xr

    from geo_risk.hazards.deformation.motion.ground_series import SeriesAround

    out = []
    n = len(cells.first) - 1
    with xr.open_dataset(path, engine="h5netcdf") as source:
        times: NDArray[np.datetime64] = source["time"].to_numpy()
    with h5py.File(path, "r") as file:
        for name, look in _DECOMPOSED.items():
            values, std = (
                cells.series(
                    xr.DataArray(
                        da.from_array(file[variable], chunks=(len(times), _ROWS, grid.shape[1])),
                        dims=("time", "y", "x"),
                    )
                )
                for variable in (f"displacement_{name}", f"displacement_{name}_std")
            )
            out.append(SeriesAround(name, times, values, std, np.tile(look, (n, 1))))
    return out
