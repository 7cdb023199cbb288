"""The step that runs the storm over the town, and goes on where a run was broken off."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.flood_town_opened import opened_storm
from geo_risk.flow.steps.flood_town_rain import lost_hours

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from geo_risk.core.grid import Grid
    from geo_risk.hazards.flood.params import SiteParams, TownFlowParams
    from geo_risk.hazards.flood.runoff_params import RunoffParams
    from geo_risk.hazards.flood.town import Window
    from geo_risk.kernels.inertial import Frames, Inflow

THREADS_MAX = 8
"""More threads than this share one town's rows too finely."""

CELLS_A_THREAD = 40_000
"""Cells that a thread should have: some 0.2 ms of work between meetings."""


def write_town(
    *,
    grid: Path,
    findings: Path | None,
    inflows: Path | None,
    depth: Path,
    duration: Path,
    arrival: Path,
    speed: Path,
    rating: Path,
    coarse_rating: Path,
    frames: Path,
    ponds: Path,
    record: Path,
    facts: Path,
    params: TownFlowParams,
    runoff: RunoffParams,
    sites: SiteParams,
    sure_m: float,
    **town: Path,
) -> None:
    """Run the storm over the town; write depth, duration, arrival, speed, hazard rating, and each site's answer."""
    import numpy as np

    from geo_risk.flow.steps.flood_answers import record_dataset
    from geo_risk.hazards.flood.compute import town_layer
    from geo_risk.hazards.flood.outside import with_outside
    from geo_risk.hazards.flood.rain_gaps import depth_bounds, without_gaps
    from geo_risk.hazards.flood.responses import responses
    from geo_risk.hazards.flood.town import RATING_BOUNDS, town_facts
    from geo_risk.publish.cube import write_cube
    from geo_risk.publish.dataset import write_dataset
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.publish.state import drop_state
    from geo_risk.sources.layers import read_grid

    storm = opened_storm(town, findings, params=params, runoff=runoff, sites=sites)
    ground, cube, window = storm.ground, storm.rain, storm.window
    state = facts.with_name(f"{facts.stem}_state.npz")
    run: Any = _resumed(state, params, come_in(inflows), lambda how: storm.run(params, how=how),
                        n_threads=usable_threads(ground.elevation.size))  # fmt: skip
    gaps, hours = storm.missing()
    run = without_gaps(run, gaps, sure_m=sure_m)
    table = responses(storm.places, storm.devices, ground, run, storm.found, peak_rain_mm_h=storm.peak_mm,
                      depth_bound_m=params.duration_depth_m, params=sites)  # fmt: skip
    by_rain = np.array(depth_bounds(table["depth_m"], storm.places["cell"].to_numpy(np.int64), gaps), dtype=object)
    table["depth_bound"] = np.where(by_rain == "exact", table["depth_bound"], by_rain)
    table = with_outside(table, _outside(inflows, storm.places, ground), params)
    for values, path, units, name in _fine_layers(
        run, params.duration_depth_m, (depth, duration, arrival, speed, rating)
    ):
        layer = ground.grid.layer(values.astype(np.float32), units=units, long_name=name, name=path.stem)
        write_layer(layer, path)
    fine = ground.grid.layer(run.hazard_rating, units="1", long_name="greatest flood hazard rating")
    # a cell of which some is not known is not shown by the rest, unless that is a danger for most already
    known = fine.where(fine.notnull() | np.isnan(ground.elevation), -1.0)
    coarse = town_layer(known, read_grid(grid), sure=RATING_BOUNDS[1]).astype(np.float32)
    coarse = coarse.where(coarse >= 0)
    write_layer(
        coarse.rename(coarse_rating.stem).assign_attrs(units="1", long_name=fine.attrs["long_name"]), coarse_rating
    )
    times = cube["time"].to_numpy()
    write_cube(_frames(run.frames, ground.grid, times[window.first] - np.timedelta64(1, "h"), params), frames)
    write_frame(table, ponds)
    write_dataset(record_dataset(run.record), record)
    ends = [str(t)[:16] + "Z" for t in times]
    said = [ends[k] for k in (window.start, window.first, window.stop - 1)]
    found_facts = town_facts(run, table, times=said, peak_rain_mm_h=storm.peak_mm)
    unknown = _gap_notes(float(gaps.mean()), [ends[k] for k in hours], sure_m) if gaps.any() else []
    unknown += _lost_notes([ends[k] for k in lost_hours(storm.series_mm, window) if k not in hours])
    unknown += _rising_notes(int((table["depth_bound"] == "rising").sum()), len(table))
    period = {"begin": str(times[window.start] - np.timedelta64(1, "h"))[:19],
              "end": str(times[window.stop - 1] + np.timedelta64(round(params.after_h * 60), "m"))[:19]}  # fmt: skip
    begun = {"begin": str(times[window.first] - np.timedelta64(1, "h"))[:19],
             "before_mm": _rain_before(storm.series_mm, window)}  # fmt: skip
    write_json(found_facts | {"notes": [*unknown, *found_facts["notes"]], "period": period, "run": begun}, facts)
    drop_state(state)


def _rain_before(series_mm: NDArray[np.float64], window: Window) -> float | None:
    """Return the rain of the storm before its hours that are run [mm], None where an hour of it is not known."""
    import numpy as np

    before = series_mm[window.start : window.first]
    return None if np.isnan(before).any() else float(before.sum())


def _rising_notes(n: int, of: int) -> list[dict[str, str]]:
    """Return what the report says of ponds that were rising when the run ended."""
    from geo_risk.products.wording import note

    return [note(
        "warning",
        f"At {n} of {of} sites the water was still rising when the town's run ended: they get deeper than shown. Give "
        "rain that goes on, or set flood.town.after_h.",
        f"{of} 处点位中 {n} 处在城区模拟结束时仍在上涨：实际将更深。请提供后续降雨或设置 flood.town.after_h。",
    )] if n else []  # fmt: skip


def _gap_notes(share: float, hours: list[str], sure_m: float) -> list[dict[str, str]]:
    """Return what the report says of hours whose rain is missing, named by their ends."""
    from geo_risk.products.wording import note

    told = ", ".join(hours[:6]) + (" ..." if len(hours) > 6 else "")
    return [note(
        "warning",
        f"The rain of the town's storm is not known everywhere in the hours ending {told}: on {share:.1%} of the town "
        f"the depth is unknown, not none, but for water of {sure_m:g} m and more, which may be deeper than shown.",
        f"城区暴雨部分时次（时段末 {told}）降雨缺测：城区 {share:.1%} 的面积水深未知，并非无积水；"
        f"其中已达 {sure_m:g} 米处实际可能更深。",
    )]  # fmt: skip


def _lost_notes(hours: list[str]) -> list[dict[str, str]]:
    """Return what the report says of hours without rain data that do not lie in the storm that was run."""
    from geo_risk.products.wording import note

    if not hours:
        return []
    told = ", ".join(hours[:3]) + (" ..." if len(hours) > 3 else "")
    return [note(
        "warning",
        f"In {len(hours)} hours (ending {told}) no rain is known over the town. The storm that was run is the wettest "
        "of the others and counts them as dry: a wetter storm, or an earlier beginning of this one, may be among them.",
        f"城区有 {len(hours)} 个时次（时段末 {told}）无降雨资料，按无雨处理："
        "可能有更强降雨或本场降雨更早开始而未计入。",
    )]  # fmt: skip


def usable_threads(n_cells: int) -> int:
    """Return how many threads are worth their meetings on so many cells: those this process may use at once at most."""
    import os

    free = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(THREADS_MAX, free, n_cells // CELLS_A_THREAD))


def come_in(path: Path | None) -> list[Inflow]:
    """Return the water that comes over the edge, none where no step looked for it.

    Raises
    ------
    CorruptFileError : the file is not whole.
    """
    from geo_risk.flow.steps.flood_surroundings import unpacked

    return [] if path is None else unpacked(_kept(path))


def _kept(path: Path) -> dict[str, Any]:
    from geo_risk.core.errors import CorruptFileError
    from geo_risk.sources.state import read_state

    kept = read_state(path)
    if kept is None:
        what = f"{path.name} cannot be read"
        raise CorruptFileError(what, where="flood.surroundings", fix="run it again with --force")
    return kept


def _outside(path: Path | None, places: Any, ground: Any) -> Any:
    """Return what share of the ground that drains to each site lies outside the town's DEM and was not run."""
    from geo_risk.hazards.flood.outside import outside_shares

    if path is None:
        return 0.0
    kept = _kept(path)
    return outside_shares(kept["entry_cells"], kept["entry_m2"], places, ground)


def _resumed(state: Path, params: TownFlowParams, inflows: Sequence[Inflow], run: Any, *, n_threads: int = 1) -> Any:
    """Run from the state that a broken run left, or from the start where there is none that fits."""
    from functools import partial

    from geo_risk.hazards.flood.town import RunWith
    from geo_risk.kernels.flow_run import OtherInputs
    from geo_risk.kernels.inertial import Checkpoints
    from geo_risk.publish.state import write_state
    from geo_risk.sources.state import read_state

    def begin(kept: Any) -> Any:
        points = Checkpoints(partial(write_state, path=state), params.checkpoint_s, kept)
        return run(RunWith(n_threads, points, params.frame_step_s, inflows))

    kept = read_state(state)
    try:
        return begin(kept)
    except OtherInputs:
        return begin(None)


def _fine_layers(run: Any, threshold_m: float, paths: tuple[Path, ...]) -> Any:
    """Return values, path, unit and name of each layer on the town's grid."""
    values = (run.max_depth_m, run.duration_above_s / 3600, run.arrival_s / 3600, run.max_speed_m_s, run.hazard_rating)
    words = (
        ("m", "greatest depth in the town"), ("hour", f"time deeper than {threshold_m:g} m"),
        ("hour", f"time from the start of the run until {threshold_m:g} m, missing where never so deep"),
        ("m s-1", "greatest speed of water at least 0.01 m deep"), ("1", "greatest flood hazard rating"),
    )  # fmt: skip
    return [(v, p, *w) for v, p, w in zip(values, paths, words, strict=True)]


def _frames(frames: Frames, grid: Grid, begin: np.datetime64, params: TownFlowParams) -> xr.DataArray:
    """Return the depths in time as a cube (time, y, x) [m], NaN where the ground is not known."""
    import numpy as np
    import xarray as xr

    mm = frames.depth_mm
    depth = np.where(mm == np.uint16(65535), np.float32(np.nan), mm.astype(np.float32) / np.float32(1000))
    ends = begin.astype("datetime64[s]") + np.round(frames.time_s).astype("timedelta64[s]")
    frame = grid.layer(depth[0], units="m", long_name="depth in time", name="town_depth_frames")
    attrs = {"units": "m", "long_name": "depth of water in the town", "interval_h": params.frame_step_s / 3600}
    coords = {name: frame.coords[name] for name in ("y", "x", "spatial_ref")}
    return xr.DataArray(depth, dims=("time", "y", "x"), coords={"time": ends.astype("datetime64[ns]"), **coords},
                        name="town_depth_frames", attrs=attrs)  # fmt: skip
