"""Steps of slope stability: the material of each cell by the user's table, and what stands or fails on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.exposure import options_of

if TYPE_CHECKING:
    import xarray as xr

    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.stability.params import StabilityParams
    from geo_risk.sources.options import ReadOptions

LAYERS = ("failure_probability", "hazard_stability", "factor_of_safety", "steady_wetness", "critical_rain_mm_d")
"""Rasters of the work folder that the step writes, and failure_probability_storm where a storm is given."""


def stability(plan: Plan) -> None:
    """Add the steps that write the stability of slopes; without a table of materials they are left out by name."""
    params = plan.cfg.stability
    polygons: Any = {params.classes_from: plan.input(params.classes_from), "grid": plan.facts("grid")}
    if not params.materials:
        polygons["stability.materials"] = None
    plan.add(
        "stability.materials", write_materials, reads=polygons,
        writes={"out": plan.layer("material"), "facts": plan.facts("stability_materials")},
        params=params, options=options_of(plan, params.classes_from),
    )  # fmt: skip
    names = LAYERS if params.storm is None else (*LAYERS, "failure_probability_storm")
    plan.add(
        "stability", write_stability,
        reads={name: plan.layer(name) for name in ("slope_deg", "flow_accumulation", "area_is_partial", "material")},
        writes={**{name: plan.layer(name) for name in names}, "facts": plan.facts("stability")},
        params=params,
    )  # fmt: skip


def write_materials(
    *, grid: Path, out: Path, facts: Path, params: StabilityParams, options: ReadOptions, **polygons: Path
) -> None:  # fmt: skip
    """Write the number of the material of each cell [1], and which classes have none."""
    from geo_risk.hazards.landslide.factors import category_layer
    from geo_risk.hazards.stability.materials import material_facts, material_layer
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer, read_grid
    from geo_risk.sources.vectors import read_vector

    (name, path), target = next(iter(polygons.items())), read_grid(grid)
    read = read_vector(path, crs=target.crs, where=f"inputs.{name}", area=target.bounds, columns=(params.column,),
                       geometry="Polygon", options=options)  # fmt: skip
    codes, legend = category_layer(read.frame, target, column=params.column, name="material")
    write_layer(material_layer(codes, legend, params), out)
    found = material_facts(open_layer(out), legend, params)
    write_json({**found, "quarantine": read.quarantine}, facts)


def write_stability(
    *, slope_deg: Path, flow_accumulation: Path, area_is_partial: Path, material: Path, facts: Path,
    params: StabilityParams, **layers: Path,
) -> None:  # fmt: skip
    """Write probability of failure [1], level, factor of safety [1], wetness [1] and critical rain [mm/day]."""
    from geo_risk.hazards.stability.compute import compute
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer

    given = {
        "slope_deg": slope_deg,
        "flow_accumulation": flow_accumulation,
        "material": material,
        "area_is_partial": area_is_partial,
    }
    result = compute({name: open_layer(path).rename(name) for name, path in given.items()}, params)
    made = {"failure_probability": result.intensity, "hazard_stability": result.level, **result.extra}
    for name, path in layers.items():
        write_layer(made[name], path)
    write_json(stability_facts({name: open_layer(path) for name, path in layers.items()}, params), facts)


def stability_facts(layers: dict[str, xr.DataArray], params: StabilityParams) -> dict[str, Any]:
    """Return what the report says: how much ground may fail, what is unknown, and on whose numbers that rests."""
    from dataclasses import asdict

    import dask

    from geo_risk.hazards.stability.compute import CARD
    from geo_risk.products.wording import note

    p, level = layers["failure_probability"], layers["hazard_stability"]
    counted = dask.compute((level >= 0).sum().data, (p > 0).sum().data, (level >= 3).sum().data)
    known, may, likely = (int(n) for n in counted)
    unknown, rain = level.size - known, params.steady_rain_mm_d or (float("nan"),) * 2
    said = [note(
        "info" if known else "warning",
        f"Slope stability at {rain[0]:g} to {rain[1]:g} mm/day: some of the ranges fail on {may} of {known} known "
        f"cells, "
        f"half of them or more on {likely}; on {unknown} cells it is unknown. A share of the ranges, not a frequency.",
        f"斜坡稳定性（稳定入渗 {rain[0]:g}–{rain[1]:g} 毫米/日）：已知 {known} 个像元中 {may} 个在部分参数取值下失稳，"
        f"{likely} 个在一半及以上取值下失稳；{unknown} 个像元未知。此为参数区间的占比，不是发生频率。",
    )]  # fmt: skip
    sources = "; ".join(f"{m.name}: {m.source}" for m in params.materials)
    said.append(note("info", f"Soil properties are the user's: {sources}.", f"岩土参数由用户给定：{sources}。"))
    counts = {"cells_known": known, "cells_may_fail": may, "cells_likely_fail": likely, "cells_unknown": unknown}
    if "failure_probability_storm" in layers:
        storm = layers["failure_probability_storm"]
        failing, gone = (int(n) for n in dask.compute((storm >= 0.5).sum().data, storm.isnull().sum().data))
        counts |= {"cells_fail_storm": failing, "cells_unknown_storm": gone}
        said.append(note(
            "info", f"In the storm given, half of the ranges or more fail on {failing} cells; on {gone} it is unknown.",
            f"在所给暴雨情景下，{failing} 个像元在一半及以上参数取值下失稳；{gone} 个未知。",
        ))  # fmt: skip
    return {"notes": said, "counts": counts, "quarantine": [], "methods": [asdict(CARD)]}
