"""Steps of what rain falls on and what of it runs off: curve numbers, soils, sealed ground, runoff of the storm."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr
    from shapely.geometry.base import BaseGeometry

    from geo_risk.core.grid import Grid
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.flood.runoff_params import RunoffParams
    from geo_risk.sources.options import ReadLimits

GROUND = ("curve_number", "soil_code", "impervious_share")
FIVE_DAYS_H = 120
_TELLING = 0.1
"""Share of wet ground from which a run with average ground says so."""


def ground(plan: Plan) -> None:
    """Add the steps that write the ground's layers and the runoff of the storm."""
    params, storm_h = plan.cfg.flood.runoff, plan.cfg.flood.river.storm_h
    options = {n: s.options.model_dump() for n in ("landcover", "soils") if (s := plan.source(n)) is not None}
    plan.add(
        "flood.curve_number", write_ground,
        reads={"landcover": plan.input("landcover"), "soils": plan.input("soils"), "grid": plan.facts("grid")},
        writes={**{n: plan.layer(n) for n in GROUND}, "facts": plan.facts("curve_number")},
        options=options, limits=plan.cfg.storage, params=params,
    )  # fmt: skip
    plan.add(
        "flood.runoff", write_runoff,
        reads={**{n: plan.layer(n) for n in GROUND}, "rain": plan.layer(f"rain_{storm_h}h"),
               "cube": plan.cube("rain_hourly"), "joined": plan.facts("rainfall")},
        writes={"out": plan.layer("runoff"), "facts": plan.facts("runoff")},
        storm_h=storm_h, how=plan.cfg.rainfall.accumulation, params=params,
    )  # fmt: skip


def write_ground(
    *,
    landcover: Path,
    soils: Path,
    grid: Path,
    curve_number: Path,
    soil_code: Path,
    impervious_share: Path,
    facts: Path,
    options: dict[str, dict[str, Any]],
    limits: ReadLimits,
    params: RunoffParams,
) -> None:
    """Write the curve number, the soil's code and the sealed share on the run grid, and how much is unknown."""
    from functools import partial

    import dask.array as da
    import numpy as np

    from geo_risk.hazards.flood.losses import curve_numbers, impervious_shares
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layers
    from geo_risk.sources.layers import open_layer, read_grid
    from geo_risk.terrain.burned import burned_blocks

    target = read_grid(grid)
    cover = cover_layer(landcover, target, options=options, limits=limits).data
    shapes, aside = soil_shapes(soils, target, options=options)
    soil = burned_blocks(shapes, target, fill=0.0)
    cover = cover.rechunk(soil.chunks)
    number = da.map_blocks(partial(curve_numbers, table=params.curve_numbers), cover, soil, dtype=np.float64)
    sealed = da.map_blocks(partial(impervious_shares, table=params.impervious_shares), cover, dtype=np.float64)
    write_layers({
        path: target.layer(values.astype(np.float32), units="1", long_name=title, name=path.stem)
        for path, values, title in ((curve_number, number, "curve number"), (soil_code, soil, "soil code"),
                                    (impervious_share, sealed, "impervious share"))
    })  # fmt: skip
    unknown = float(np.isnan(open_layer(curve_number)).mean())
    notes = [{
        "level": "warning",
        "text_en": f"The curve number is unknown on {unknown:.1%} of the area; runoff there is counted by "
        f"{params.unknown_curve_number:g}, on the wet side.",
        "text_zh": f"{unknown:.1%} 的面积径流曲线数未知，按偏湿取 {params.unknown_curve_number:g} 计算径流。",
    }] if unknown > 0 else []  # fmt: skip
    write_json({"notes": notes, "counts": {"unknown_share": round(unknown, 4)}, "quarantine": aside}, facts)


def cover_layer(path: Path, target: Grid, *, options: dict[str, dict[str, Any]], limits: ReadLimits) -> xr.DataArray:
    """Return land-cover codes on a grid, nearest cell, NaN where missing; lazy."""
    from geo_risk.sources.options import ReadOptions
    from geo_risk.sources.raster import load_raster

    own = ReadOptions(**options.get("landcover", {})).model_copy(update={"resampling": "nearest"})
    return load_raster(path, target, units=None, where="inputs.landcover", resampling="nearest", options=own,
                       limits=limits)  # fmt: skip


def soil_shapes(
    path: Path, target: Grid, *, options: dict[str, dict[str, Any]]
) -> tuple[list[tuple[BaseGeometry, float]], list[dict[str, str]]]:
    """Return polygons with the codes of their soils (`hazards.flood.soils`), and rows set aside."""
    from geo_risk.hazards.flood.soils import UNKNOWN, soil_code
    from geo_risk.sources.options import ReadOptions
    from geo_risk.sources.vectors import read_vector

    read = read_vector(path, crs=target.crs, where="inputs.soils", area=target.bounds, geometry="Polygon",
                       columns=("hydrologic_group", "texture?"),
                       options=ReadOptions(**options.get("soils", {})))  # fmt: skip
    rows = list(zip(read.frame["hydrologic_group"], read.frame["texture"], strict=True))
    codes = [soil_code(group, texture) for group, texture in rows]
    bad = sorted({str(row[0]) for row, code in zip(rows, codes, strict=True) if code == UNKNOWN})
    aside = [{"id": f"hydrologic_group {v}", "reason": "is none of A, B, C, D, and no texture is told: unknown",
              "reason_zh": "不是 A、B、C、D，且无质地：按未知处理"} for v in bad]  # fmt: skip
    shapes = [(geometry, float(code)) for geometry, code in zip(read.frame.geometry, codes, strict=True)]
    return shapes, [*read.quarantine, *aside]


def write_runoff(
    *,
    curve_number: Path,
    soil_code: Path,
    impervious_share: Path,
    rain: Path,
    cube: Path,
    joined: Path,
    out: Path,
    facts: Path,
    storm_h: int,
    how: str,
    params: RunoffParams,
) -> None:
    """Write the runoff depth of the storm [mm] on the run grid, and how wet the ground was before it."""
    from datetime import datetime
    from functools import partial

    import dask.array as da
    import numpy as np

    from geo_risk.core.grid import grid_of
    from geo_risk.hazards.flood.losses import storm_runoff_mm
    from geo_risk.hazards.rainfall.wettest import wettest
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer, read_json
    from geo_risk.sources.rain import read_own
    from geo_risk.sources.rain_grid import onto_grid

    series, period = read_own(cube), read_json(joined)["period"]
    first = max(0, series.sizes["time"] - int(period["hours"]))
    window = wettest(series, storm_h, before_h=FIVE_DAYS_H, first=first, how=how)
    month = datetime.fromisoformat(str(period["known"])).month
    is_growing = params.growing_months[0] <= month <= params.growing_months[1]
    layers = [open_layer(p) for p in (curve_number, soil_code, impervious_share)]
    grid = grid_of(layers[0])
    fallen = open_layer(rain)
    hours = [fallen] if params.method == "curve_number" else [onto_grid(h, grid) for h in window.hours_mm]
    before = [onto_grid(layer, grid) for layer in (window.before_mm, window.before_known)]
    chunks = before[0].data.chunks
    make = partial(storm_runoff_mm, n_hours=len(hours), is_growing=is_growing, params=params)
    blocks = [layer.data.rechunk(chunks) for layer in (*hours, *before, *layers)]
    depth = da.map_blocks(make, *blocks, dtype=np.float32, meta=np.empty((0, 0), np.float32))
    write_layer(grid.layer(depth, units="mm", long_name=f"runoff of the {storm_h} h storm", name="runoff"), out)
    found = _facts(window, is_growing=is_growing, params=params)
    sought = series.isel(time=slice(max(0, first - storm_h + 1), None))
    lacking = gap_notes(sought, storm_h) if how == "maximum" else []
    write_json(found | {"notes": [*lacking, *found["notes"]]}, facts)


def gap_notes(rain: xr.DataArray, storm_h: int) -> list[dict[str, str]]:
    """Return what the report says of hours whose rain is missing somewhere among those that the storm is sought in.

    Parameters
    ----------
    rain : (time, y, x) hours.
    """
    import numpy as np

    from geo_risk.products.wording import note

    missing = np.isnan(rain.transpose("time", "y", "x").to_numpy())
    # cells without any rain are beyond the series, and their flood is unknown
    missing &= ~missing.all(axis=0)
    if not missing.any():
        return []
    hours = [f"{str(t)[:16]}Z" for t in rain["time"].to_numpy()[missing.any(axis=(1, 2))]]
    told = ", ".join(hours[:3]) + (" ..." if len(hours) > 3 else "")
    share = float(missing.any(axis=0).mean())
    return [note(
        "warning",
        f"In {len(hours)} hours (ending {told}) rain is missing on {share:.0%} of its cells. What else is known of the "
        f"wettest {storm_h} h counts: the storm may have been stronger, floods of rivers and hollows are at least "
        "those shown, and dry ground is not shown to be safe.",
        f"{len(hours)} 个时次（时段末 {told}）在 {share:.0%} 的降雨格点缺测：{storm_h} 小时最大雨量仅计已知时次，"
        "实际暴雨可能更强，河道与洼地洪水可能更深，未淹不代表安全。",
    )]  # fmt: skip


def _facts(window: Any, *, is_growing: bool, params: RunoffParams) -> dict[str, Any]:
    import numpy as np

    from geo_risk.hazards.flood.losses import condition_of

    before, known = window.before_mm.to_numpy(), window.before_known.to_numpy()
    there = np.isfinite(before)
    told = params.model_copy(update={"antecedent": "five_day_rain"})
    state = condition_of(before[there], known[there], growing=is_growing, params=told)
    share = {k: float((state == n).mean()) if state.size else 0.0 for k, n in (("dry", 1), ("wet", 3))}
    limit = (params.growing_limits_mm if is_growing else params.dormant_limits_mm)[1]
    notes = []
    if params.antecedent in ("average", "dry") and share["wet"] >= _TELLING:
        notes.append({
            "level": "warning",
            "text_en": f"On {share['wet']:.0%} of the area more than {limit:g} mm fell in the five days before the "
            f"storm; runoff is counted for {params.antecedent} ground and may be too low. `flood.runoff.antecedent: "
            "five_day_rain` or `wet` counts it.",
            "text_zh": f"{share['wet']:.0%} 的面积在暴雨前五日降雨超过 {limit:g} mm，而径流按"
            f"{'一般' if params.antecedent == 'average' else '干燥'}湿润条件计算，可能偏小；"
            "可设 `flood.runoff.antecedent: five_day_rain` 或 `wet`。",
        })  # fmt: skip
    if params.antecedent == "five_day_rain" and not (known[there] >= 1).all():
        notes.append({
            "level": "info",
            "text_en": f"Of the five days before the storm some hours are unknown on {(known[there] < 1).mean():.0%} "
            "of the area: there ground is never called dry.",
            "text_zh": f"{(known[there] < 1).mean():.0%} 的面积暴雨前五日有缺测时次：不判为干燥。",
        })  # fmt: skip
    methods = [{
        "name": "Green-Ampt infiltration" if params.method == "green_ampt" else "Curve-number runoff",
        "citation": "Mein & Larson 1973; Rawls et al. 1983" if params.method == "green_ampt"
        else "USDA TR-55 1986; NEH-4 1972; Hawkins et al. 1985",
        "validity": "storms of hours; soil does not dry between hours" if params.method == "green_ampt"
        else "storm depths, not intensities; small catchments",
    }]  # fmt: skip
    counts = {f"five_day_{k}_share": round(v, 4) for k, v in share.items()}
    return {"notes": notes, "counts": counts, "quarantine": [], "methods": methods}
