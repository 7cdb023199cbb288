"""Activity: the series of every area in each track, classes of single pixels, and what the series say together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.insar_track import beside, open_track

if TYPE_CHECKING:
    import xarray as xr

    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.deformation.activity.params import ActivityParams
    from geo_risk.hazards.deformation.activity.series_params import SeriesParams
    from geo_risk.sources.options import TrackOptions


def deformation_activity(plan: Plan) -> None:
    """Add the steps that write `series_{track}`, the layer `activity`, and the frame `areas_judged`."""
    tracks = plan.cfg.inputs.insar
    params = plan.cfg.deformation
    for t in tracks:
        plan.add(
            f"deformation.series[{t.track}]",
            write_series,
            reads={"files": list(t.files), "correction": plan.cube(f"correction_{t.track}"),
                   "areas": plan.frame("areas_found"), "labels": plan.layer("active_deformation_labels")},
            optional=beside(t),
            writes={"out": plan.cube(f"series_{t.track}")},
            track=t.track, options=t.options, params=params.series,
        )  # fmt: skip
        plan.add(
            f"deformation.activity[{t.track}]",
            write_activity_of_track,
            reads={"files": list(t.files), "correction": plan.cube(f"correction_{t.track}"),
                   "labels": plan.layer("active_deformation_labels")},
            optional=beside(t),
            writes={"out": _native(plan, t.track)},
            track=t.track, options=t.options, params=params.activity, minimum_coherence=params.series.minimum_coherence,
            n_tracks=len(tracks),
        )  # fmt: skip
    if tracks:
        plan.add(
            "deformation.activity",
            write_activity,
            reads={"native": [_native(plan, t.track) for t in tracks], "grid": plan.facts("grid")},
            optional={"blind_map": plan.layer("blind_map")},
            writes={"activity": plan.layer("activity"), "facts": plan.facts("activity")},
        )  # fmt: skip
    plan.add(
        "deformation.judged",
        write_judged,
        reads={"areas": plan.frame("areas_found"), "series": [plan.cube(f"series_{t.track}") for t in tracks]},
        writes={"areas_judged": plan.frame("areas_judged"), "facts": plan.facts("areas_judged")},
        tracks=[t.track for t in tracks], params=params.activity,
    )  # fmt: skip


def _native(plan: Plan, track: str) -> Path:
    return plan.cube(f"activity_native_{track}").with_suffix(".h5")


def write_series(
    *,
    correction: Path,
    areas: Path,
    labels: Path,
    out: Path,
    track: str,
    options: TrackOptions,
    params: SeriesParams,
    **files: Any,
) -> None:
    """Write the series of every area in one track; without dates where the product is a velocity."""
    import numpy as np

    from geo_risk.hazards.deformation.activity.series import label_series, labels_onto
    from geo_risk.hazards.deformation.motion.removal import removal_of
    from geo_risk.publish.dataset import write_dataset
    from geo_risk.sources.dataset import read_dataset
    from geo_risk.sources.layers import open_layer, read_frame

    source = open_track(track, options, **files)
    found = read_frame(areas)
    if "displacement" not in source:
        write_dataset(_no_series(found["area_id"].astype(str).to_numpy()), out)
        return
    series = label_series(source, labels_onto(open_layer(labels), source), removal_of(read_dataset(correction)), params)
    ids = dict(zip(found["label"].astype(int), found["area_id"].astype(str), strict=True))
    known = np.isin(series["label"].to_numpy(), list(ids))
    series = series.isel(label=known).rename(label="area")
    series = series.rename_vars(area="label") if "area" in series.coords else series
    names = np.array([ids[int(k)] for k in series["label"].to_numpy()], dtype="U64")
    write_dataset(series.assign_coords(area_id=("area", names)), out)


def _no_series(area_ids: Any) -> xr.Dataset:
    import numpy as np
    import xarray as xr

    empty = np.zeros((0, len(area_ids)))
    data = dict.fromkeys(("displacement_mm", "displacement_std_mm", "n_pixels"), (("time", "area"), empty))
    times = np.zeros(0, dtype="datetime64[s]")
    return xr.Dataset(data, coords={"time": times, "area_id": ("area", area_ids.astype("U64"))})


def write_activity_of_track(
    *,
    correction: Path,
    labels: Path,
    out: Path,
    track: str,
    options: TrackOptions,
    params: ActivityParams,
    minimum_coherence: float,
    n_tracks: int,
    **files: Any,
) -> None:
    """Write the activity of every pixel of a track on its own grid; all unknown where the product is a velocity."""
    import numpy as np

    from geo_risk.hazards.deformation.activity.classes import activity_maps
    from geo_risk.hazards.deformation.activity.series import labels_onto
    from geo_risk.hazards.deformation.motion.removal import removal_of
    from geo_risk.publish.native import write_native
    from geo_risk.sources.dataset import read_dataset
    from geo_risk.sources.layers import open_layer

    source = open_track(track, options, **files)
    if "displacement" in source:
        # a cell is called by its strongest track: the level of the tests is shared among the tracks
        shared = params.model_copy(update={"significance": params.significance / n_tracks})
        moving = labels_onto(open_layer(labels), source) > 0
        removal = removal_of(read_dataset(correction))
        maps = activity_maps(source, removal, shared, moving=moving, minimum_coherence=minimum_coherence)
    else:
        nothing = np.full((source.sizes["y"], source.sizes["x"]), np.nan, dtype=np.float32)
        attrs = {"units": "1", "long_name": "no series"}
        maps = source.drop_vars(list(source.data_vars)).assign(
            activity=(("y", "x"), nothing, attrs), signal=(("y", "x"), nothing, attrs)
        )
    maps.attrs = {k: source.attrs[k] for k in ("crs", "transform", "product", "track") if k in source.attrs}
    if "displacement" in source:
        maps.attrs["first_date"] = str(source["time"].to_numpy()[0])[:10]
    write_native(maps, out)


def write_activity(*, native: list[Path], grid: Path, blind_map: Path | None, activity: Path, facts: Path) -> None:
    """Write the layer `activity` of all tracks together, and the share of each class; block by block."""
    from dask import array as da

    from geo_risk.flow.steps.deformation import _method
    from geo_risk.hazards.deformation.activity.classes import ACTIVITY_CODES, LEGEND, combined_layers
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer, read_grid
    from geo_risk.sources.native import onto_grid

    target = read_grid(grid)
    codes, signals = (
        [onto_grid(path, name, target, method="nearest") for path in native] for name in ("activity", "signal")
    )
    layer = combined_layers(codes, signals, blind=None if blind_map is None else open_layer(blind_map))
    write_layer(layer.assign_attrs(long_name=f"activity: {LEGEND}"), activity)
    written = open_layer(activity).data
    names = {-1: "unknown"} | {code: name for name, code in ACTIVITY_CODES.items()}
    counted, _ = da.histogram(written, bins=[code - 0.5 for code in (*sorted(names), max(names) + 1)])
    shares = {
        names[k]: round(float(n) / written.size, 4) for k, n in zip(sorted(names), counted.compute(), strict=True)
    }
    write_json({"notes": _unchecked() if blind_map is None else [], "counts": {"activity_shares": shares},
                "methods": [_method("activity")], "quarantine": []}, facts)  # fmt: skip


def _unchecked() -> list[dict[str, str]]:
    """Return the note of a run without a blind map: nothing is called stable."""
    return [{
        "level": "warning",
        "text_en": "without a DEM it is not known which slopes could move unseen by radar: no cell of `activity` is "
        "called stable, what shows no motion is unknown (-1). Give inputs.dem.",
        "text_zh": "未提供 DEM，无法判断哪些斜坡的形变雷达观测不到：activity 图层不给出“稳定”，"
        "未见形变的像元记为未知（-1）。请提供 inputs.dem。",
    }]  # fmt: skip


def write_judged(
    *,
    areas: Path,
    series: list[Path],
    areas_judged: Path,
    facts: Path,
    tracks: list[str],
    params: ActivityParams,
) -> None:
    """Write the areas with the activity that the series of all tracks together show."""
    from geo_risk.flow.steps.deformation import _method
    from geo_risk.hazards.deformation.activity.judged import judge_areas
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.dataset import read_dataset
    from geo_risk.sources.layers import read_frame

    by_track = {track: read_dataset(path) for track, path in zip(tracks, series, strict=True)}
    judged, counts = judge_areas(read_frame(areas), by_track, params)
    write_frame(judged, areas_judged)
    write_json({"notes": [], "counts": {"activity": counts}, "methods": [_method("activity")], "quarantine": []}, facts)
