"""Steps of the land-subsidence watch and of structures: what moves, its trend by the series, and who is on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.deformation_lines import (
    PONDS,
    measured_vertical,
    method,
    note,
    read_ponds,
    told_coarser,
    track_maps,
)
from geo_risk.flow.steps.exposure import options_of
from geo_risk.flow.steps.insar_track import beside, open_track

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    import xarray as xr

    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.deformation.activity.params import ActivityParams
    from geo_risk.hazards.deformation.activity.series_params import SeriesParams
    from geo_risk.hazards.deformation.lines.params import WatchParams
    from geo_risk.hazards.deformation.params import DeformationParams
    from geo_risk.sources.options import ReadOptions, TrackOptions

_SETS = ("structures", "subsidence", "townships")
"""Sets of bodies that get mean series: each is a label layer `bodies_{set}`."""


def watch(plan: Plan) -> None:
    """Add the steps that write structures, subsidence_zones and subsidence_townships."""
    tracks = [t.track for t in plan.cfg.inputs.insar]
    needs: dict[str, Any] = {
        "native": [plan.cube(f"velocity_native_{t}").with_suffix(".h5") for t in tracks], "grid": plan.facts("grid"),
    }  # fmt: skip
    common: dict[str, Any] = {"tracks": tracks, "params": plan.cfg.deformation}
    layers = {name: plan.layer(f"bodies_{name}") for name in _SETS}
    ponds = {name: plan.input(name) for name in PONDS}
    if any(plan.has(p) for p in ponds.values() if isinstance(p, Path)):
        plan.add(
            "deformation.structures", write_structures_found, reads=needs, optional=ponds,
            writes={"out": plan.frame("structures_found"), "labels": layers["structures"],
                    "facts": plan.facts("structures_found")},
            options={name: options_of(plan, name) for name in PONDS}, **common,
        )  # fmt: skip
    plan.add(
        "deformation.watch", write_found, reads=needs,
        optional={"areas": plan.frame("areas_found"), "admin": plan.input("admin"), "dem": plan.layer("dem")},
        writes={"zones": plan.frame("subsidence_found"), "table": plan.frame("townships_found"),
                "bodies": layers["subsidence"], "places": layers["townships"], "facts": plan.facts("subsidence_found")},
        options=options_of(plan, "admin"), **common,
    )  # fmt: skip
    _trends(plan, layers)
    _published(plan, tracks)


def _trends(plan: Plan, layers: dict[str, Path]) -> None:
    for t in plan.cfg.inputs.insar:
        plan.add(
            f"deformation.bodies[{t.track}]", write_series,
            reads={"files": list(t.files), "correction": plan.cube(f"correction_{t.track}")},
            optional=beside(t) | layers,
            writes={f"out_{name}": plan.cube(f"bodies_{name}_{t.track}") for name in _SETS},
            track=t.track, options=t.options, params=plan.cfg.deformation.series,
        )  # fmt: skip


def _published(plan: Plan, tracks: list[str]) -> None:
    series = {name: [plan.cube(f"bodies_{name}_{t}") for t in tracks] for name in _SETS}
    common: dict[str, Any] = {"params": plan.cfg.deformation.watch, "language": plan.cfg.language}
    if plan.has(plan.frame("structures_found")):
        plan.add(
            "structures", write_structures, reads={"found": plan.frame("structures_found")},
            optional={"series": series["structures"]},
            writes={"out": plan.frame("structures"), "facts": plan.facts("structures")},
            tracks=tracks, params=plan.cfg.deformation.activity, language=plan.cfg.language,
        )  # fmt: skip
    plan.add(
        "subsidence", write_watch,
        reads={"zones": plan.frame("subsidence_found"), "table": plan.frame("townships_found")},
        optional={"series": series["subsidence"], "place_series": series["townships"],
                  "houses": plan.frame("houses"), "admin": plan.input("admin")},
        writes={"subsidence_zones": plan.frame("subsidence_zones"),
                "subsidence_townships": plan.frame("subsidence_townships"), "facts": plan.facts("subsidence")},
        options=options_of(plan, "admin"), **common,
    )  # fmt: skip


def write_structures_found(
    *,
    native: list[Path],
    grid: Path,
    tailings_ponds: Path | None,
    reservoirs: Path | None,
    out: Path,
    labels: Path,
    facts: Path,
    tracks: list[str],
    params: DeformationParams,
    options: dict[str, ReadOptions],
) -> None:
    """Write what is measured of each dam and pond, and the label layer of their cells."""
    import geopandas as gpd

    from geo_risk.hazards.deformation.areas.tiles import whole
    from geo_risk.hazards.deformation.lines import structures
    from geo_risk.hazards.deformation.lines.vertical import map_noise
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.publish.raster import write_layer

    maps, cells = track_maps(native, tracks, grid, params)
    bodies: list[structures.Body] = []
    quarantine: list[dict[str, str]] = []
    notes: list[tuple[str, str]] = []
    for name, path in (("tailings_ponds", tailings_ponds), ("reservoirs", reservoirs)):
        if path is not None:
            ponds, crests, aside, said = read_ponds(name, path, cells, options[name])
            family = "tailings" if name == "tailings_ponds" else "reservoir"
            bodies += structures.bodies_of(ponds, crests, params.structures, family=family, cell_m=cells.resolution_m)
            quarantine, notes = quarantine + aside, notes + said
    found = structures.label_bodies(bodies, cells)
    noises = [map_noise(whole(t.velocity), whole(t.velocity_std), cells, params) for t in maps]
    rows = structures.structure_rows(bodies, found, maps, noises, params.structures)
    frame = gpd.GeoDataFrame(
        [{k: v for k, v in r.items() if k != "los"} for r in rows], geometry="geometry", crs=cells.crs
    )
    write_frame(frame.assign(body=range(1, len(frame) + 1)), out)
    write_layer(cells.layer(found, units="1", long_name="label of structures", name="bodies_structures"), labels)
    coarser = told_coarser(native, grid, cells, what=("structures", "尾矿库与水库"))
    write_json({"notes": coarser + [note("info", t) for t in notes], "quarantine": quarantine,
                "counts": {"bodies": len(bodies), "moving": int(frame["is_moving"].sum()) if len(frame) else 0},
                "methods": [method("structures")]}, facts)  # fmt: skip


def write_found(
    *,
    native: list[Path],
    grid: Path,
    areas: Path | None,
    admin: Path | None,
    dem: Path | None,
    zones: Path,
    table: Path,
    bodies: Path,
    places: Path,
    facts: Path,
    tracks: list[str],
    params: DeformationParams,
    options: ReadOptions,
) -> None:
    """Write the sinking zones and the townships as measured, and the label layers of their cells."""
    import numpy as np

    from geo_risk.flow.steps.deformation_areas import nearest_windows
    from geo_risk.hazards.deformation.areas.tiles import bands
    from geo_risk.hazards.deformation.lines import townships as of_townships
    from geo_risk.hazards.deformation.lines import watch as module
    from geo_risk.hazards.deformation.lines.level import scene_level
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer, read_frame

    vertical, _ = measured_vertical(native, tracks, grid, params)
    cells = vertical.grid
    side = params.areas.tile_cells
    height = None if dem is None else nearest_windows(open_layer(dem), cells, side=side)
    level = scene_level(vertical, height, atmosphere=params.velocity.atmosphere)
    moving = None if areas is None else read_frame(areas)
    found = module.find_subsidence(vertical, params.watch, areas=moving, level=level, tile_cells=side)
    townships, quarantine = read_townships(admin, cells.crs, options)
    place = of_townships.township_cells(townships, cells)
    write_frame(module.subsidence_zones(found, params.watch), zones)
    write_frame(of_townships.township_table(found, townships, place), table)
    inside = place + 1
    for band in bands(cells.shape[0]):
        inside[band][found.bodies[band] == 0] = 0
    for path, values, what in ((bodies, found.bodies, "sinking bodies"), (places, inside, "sinking cells by township")):
        write_layer(cells.layer(values, units="1", long_name=f"label of {what}", name=path.stem), path)
    (volume, std), (mined, mined_std) = found.totals()
    area = cells.cell_area_m2 / 1e6
    counts = {
        "bodies": len(found.kinds), "volume_loss_m3_yr": volume, "volume_loss_std_m3_yr": std,
        "mining_loss_m3_yr": mined, "mining_loss_std_m3_yr": mined_std, "slide_km2": found.slide_cells * area,
        "unconfirmed_km2": found.unconfirmed_cells * area,
        "known_share": float(np.isfinite(vertical.up).mean()), "shared_noise": vertical.noise.is_fitted,
    }  # fmt: skip
    notes = [] if vertical.noise.is_fitted else [(
        "subsidence: no stable ground shows what neighbours share of the noise; volume errors are those of independent "
        "cells, and the zero of the map is the processor's",
        "地面沉降：无稳定区可估计空间相关噪声，体积误差按像元独立计算，零点沿用产品原参考",
    )]  # fmt: skip
    coarser = told_coarser(native, grid, cells, what=("subsidence", "地面沉降"))
    write_json({"notes": coarser + [note("warning", t) for t in notes], "counts": counts, "quarantine": quarantine,
                "methods": [method("watch")]}, facts)  # fmt: skip


def read_townships(
    admin: Path | None, crs: str, options: ReadOptions
) -> tuple[gpd.GeoDataFrame | None, list[dict[str, str]]]:
    """Return the rows of level township with code and name (None where there are none), and the rows set aside."""
    from geo_risk.sources.vectors import read_vector

    if admin is None:
        return None, []
    read = read_vector(admin, crs=crs, where="inputs.admin", geometry="Polygon",
                       columns=("level?", "code?", "name?"), options=options)  # fmt: skip
    rows = read.frame[read.frame["level"].astype("string") == "township"].reset_index(drop=True)
    names = rows["name"].astype("string").fillna("")
    codes = [c if isinstance(c, str) and c else f"township-{k}" for k, c in enumerate(rows["code"].astype("string"), 1)]
    named = rows.assign(code=codes, name=names)
    # a township of several rows is one place: else the people on it would count once for each row
    if named["code"].duplicated().any():
        named = named.dissolve(by="code", as_index=False, aggfunc="first", sort=False)
    return (named if len(named) else None), read.quarantine


def write_series(
    *,
    files: list[Path],
    correction: Path,
    track: str,
    options: TrackOptions,
    params: SeriesParams,
    **paths: Any,
) -> None:
    """Write the mean series of every body of each set, with the mean up component of its line of sight."""
    import numpy as np
    import xarray as xr

    from geo_risk.hazards.deformation.activity.series import label_series, labels_onto
    from geo_risk.hazards.deformation.geometry.east_up_series import label_means
    from geo_risk.hazards.deformation.motion.removal import removal_of
    from geo_risk.publish.dataset import write_dataset
    from geo_risk.sources.dataset import read_dataset
    from geo_risk.sources.layers import open_layer

    source = open_track(track, options, files=files, **paths)
    for name in _SETS:
        labels, out = paths[name], paths[f"out_{name}"]
        made = xr.Dataset()
        if labels is not None and "displacement" in source:
            on_track = labels_onto(open_layer(labels), source)
            made = label_series(source, on_track, removal_of(read_dataset(correction)), params)
            numbers, nothing = made["label"].to_numpy(), np.full(made.sizes["label"], np.nan)
            means = label_means(source["los_up"].data, on_track, numbers) if "los_up" in source else nothing
            made = made.assign(los_up=("label", means))
        if out is not None:
            write_dataset(made, out)


def _body_trends(series: list[Path] | None, params: WatchParams, key: str) -> pd.DataFrame:
    """Return the trends of bodies as a table by `key`; rates are positive for sinking."""
    import pandas as pd

    from geo_risk.hazards.deformation.lines.trend import body_trends
    from geo_risk.products.subsidence import TREND_COLUMNS
    from geo_risk.sources.dataset import read_dataset

    read: list[xr.Dataset] = [read_dataset(p) for p in series or ()]
    trends = body_trends([d for d in read if "label" in d.coords], params)
    rows = [
        (k, t.verdict, 0.0 - t.before_mm_yr, 0.0 - t.recent_mm_yr, 0.0 - t.change_mm_yr, t.change_std_mm_yr)
        for k, t in sorted(trends.items())
    ]
    out = pd.DataFrame(rows, columns=[key, *TREND_COLUMNS])
    return out.astype({key: "int64", **dict.fromkeys(TREND_COLUMNS[1:], "float64")})


def write_structures(
    *, found: Path, series: list[Path] | None, out: Path, facts: Path, tracks: list[str], params: ActivityParams,
    language: str,
) -> None:  # fmt: skip
    """Write structures: level, activity and reasons of each dam and pond."""
    import pandas as pd

    from geo_risk.hazards.deformation.lines.structures import body_verdicts
    from geo_risk.products.structures import structures
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.dataset import read_dataset
    from geo_risk.sources.layers import read_frame

    bodies = read_frame(found)
    known = {t: read_dataset(p) for t, p in zip(tracks, series or (), strict=bool(series))}
    kinds = dict(zip(bodies["body"].astype(int), bodies["kind"].astype(str), strict=True))
    rows = [
        (k, v.activity, v.acceleration_mm_yr2, *v.window, *v.reasons)
        for k, v in body_verdicts(known, kinds, params).items()
    ]
    names = [
        "body",
        "activity",
        "acceleration_mm_yr2",
        "failure_window_start",
        "failure_window_end",
        "said_en",
        "said_zh",
    ]
    verdicts = pd.DataFrame(rows, columns=names).astype({"body": "int64", "acceleration_mm_yr2": "float64"})
    made = structures(bodies, verdicts, language=language)
    write_frame(made, out)
    rows = made.to_dict("records")
    titles = [str(r["name"] or r["structure_id"]) for r in rows]
    notes = [(f"{n}: {r['reasons_en']}", f"{n}：{r['reasons_zh']}") for n, r in zip(titles, rows, strict=True)]
    counts = {f"level_{level}": int((made["hazard_level"] == level).sum()) for level in range(-1, 5)}
    write_json({"notes": [note("info", t) for t in notes], "counts": counts, "quarantine": [], "methods": []}, facts)


def write_watch(
    *,
    zones: Path,
    table: Path,
    series: list[Path] | None,
    place_series: list[Path] | None,
    houses: Path | None,
    admin: Path | None,
    subsidence_zones: Path,
    subsidence_townships: Path,
    facts: Path,
    params: WatchParams,
    language: str,
    options: ReadOptions,
) -> None:
    """Write subsidence_zones and subsidence_townships with trend, people and buildings, and the notes."""
    from geo_risk.products import subsidence
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.layers import read_frame

    found = read_frame(zones)
    lived = None if houses is None else read_frame(houses)
    made = subsidence.subsidence_zones(found, _body_trends(series, params, "body"), lived, language=language)
    places = _body_trends(place_series, params, "part")
    townships, _ = read_townships(admin, str(found.crs), options)
    ranked = subsidence.subsidence_townships(
        read_frame(table), places.assign(part=places["part"] - 1), made, houses=lived, townships=townships,
        language=language,
    )  # fmt: skip
    write_frame(made, subsidence_zones)
    write_frame(ranked, subsidence_townships)
    said, counts = subsidence.watch_facts(made, ranked)
    write_json({"notes": [note("info", t) for t in said], "counts": counts, "quarantine": [], "methods": []}, facts)
