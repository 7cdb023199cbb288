"""Steps of the earthquake: shaking and terrain at the scale of the model, and the landslides that it sets off."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.exposure import options_of

if TYPE_CHECKING:
    import xarray as xr

    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.earthquake.params import EarthquakeParams
    from geo_risk.sources.options import ReadLimits, ReadOptions

_WRITES = ("earthquake_landslide", "hazard_earthquake", "earthquake_probability")


def earthquake(plan: Plan) -> None:
    """Add the steps that write earthquake_landslide; what they lack of shaking, layers or tables is named."""
    params = plan.cfg.earthquake
    plan.add(
        "earthquake.shaking", write_shaking, reads={"shakemap": plan.input("shakemap"), "grid": plan.facts("grid")},
        writes={"out": plan.layer("pgv"), "facts": plan.facts("shaking")},
        options=options_of(plan, "shakemap"), limits=plan.cfg.storage,
    )  # fmt: skip
    reads: Any = {
        "pgv": plan.layer("pgv"), "dem": plan.layer("dem"), "lithology": plan.layer("lithology"),
        "legend": plan.facts("lithology"), "landcover": plan.layer("landcover_class"),
    }  # fmt: skip
    for name in ("lithology", "landcover"):
        if not getattr(params, name):
            reads[f"earthquake.{name}"] = None
    plan.add(
        "earthquake", write_earthquake, reads=reads,
        writes={**{name: plan.layer(name) for name in _WRITES}, "facts": plan.facts("earthquake")},
        params=params, cells_max=plan.cfg.flood.drainage.cells_max,
    )  # fmt: skip


def write_shaking(
    *, shakemap: Path, grid: Path, out: Path, facts: Path, options: ReadOptions, limits: ReadLimits
) -> None:  # fmt: skip
    """Write peak ground velocity [cm/s] on the run grid, and which earthquake it is of."""
    from geo_risk.products.wording import note
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer, read_grid
    from geo_risk.sources.shaking import open_shaking

    found = open_shaking(shakemap, read_grid(grid), where="inputs.shakemap", options=options, limits=limits)
    write_layer(found.pgv, out)
    pgv = open_layer(out)
    gone = int(pgv.isnull().sum())
    notes = [note("info", f"Earthquake: {found.event}. {en}", f"地震：{found.event}。{zh}") for en, zh in found.notes]
    if gone or found.n_masked:
        notes.append(note(
            "warning", f"Shaking is unknown on {gone} cells that the ShakeMap does not cover; {found.n_masked} "
                       f"impossible "
            "values were masked. Unknown is not safe.",
            f"{gone} 个像元在地震动图覆盖以外，未知；剔除异常值 {found.n_masked} 个。未知不等于安全。",
        ))  # fmt: skip
    counts = {"cells_without_shaking": gone, "values_masked": found.n_masked}
    write_json({"notes": notes, "counts": counts, "quarantine": [], "event": found.event}, facts)


def write_earthquake(
    *, pgv: Path, dem: Path, lithology: Path, legend: Path, landcover: Path, facts: Path, params: EarthquakeParams,
    cells_max: int, **layers: Path,
) -> None:  # fmt: skip
    """Write the share of the area in landslides [1], its level, and the probability behind it [1]."""
    from geo_risk.hazards.earthquake.compute import compute
    from geo_risk.hazards.earthquake.terms import landcover_terms, lithology_terms, term_layer
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer, read_json
    from geo_risk.terrain.coarse import cti_at_scale, slope_at_scale

    height, rock, cover = open_layer(dem), open_layer(lithology), open_layer(landcover)
    names = {int(code): str(name) for code, name in read_json(legend)["legend"].items()}
    terms = lithology_terms(names, params.lithology, unconsolidated=params.unconsolidated)
    given = {
        "pgv": open_layer(pgv), "slope_deg": slope_at_scale(height, scale_m=params.slope_scale_m),
        "cti": cti_at_scale(height, scale_m=params.cti_scale_m, cells_max=cells_max),
        "lithology_term": term_layer(rock, terms, name="lithology"),
        "landcover_term": term_layer(cover, landcover_terms(params.landcover), name="landcover"),
    }  # fmt: skip
    result = compute(given, params)
    made = {"earthquake_landslide": result.intensity, "hazard_earthquake": result.level, **result.extra}
    for name, path in layers.items():
        write_layer(made[name], path)
    lacking = sorted(set(names.values()) - set(params.lithology))
    write_json(earthquake_facts(open_layer(layers["earthquake_landslide"]), open_layer(pgv), lacking), facts)


def earthquake_facts(coverage: xr.DataArray, pgv: xr.DataArray, lacking: list[str]) -> dict[str, Any]:
    """Return what the report says: how much ground is expected to slide, what is unknown, what was beyond the model."""
    from dataclasses import asdict

    import dask

    from geo_risk.core.grid import grid_of
    from geo_risk.hazards.earthquake.compute import CARD
    from geo_risk.kernels.shaking import PGV_MAX_CM_S
    from geo_risk.products.wording import note

    sums = (coverage.sum(dtype="float64").data, coverage.isnull().sum().data, (pgv > PGV_MAX_CM_S).sum().data)
    share, unknown, beyond = (float(v) for v in dask.compute(*sums))
    km2 = share * grid_of(coverage).cell_area_m2 / 1e6
    notes = [note(
        "info" if unknown < coverage.size else "warning",
        f"The earthquake is expected to set off landslides on {km2:.3g} km2 of the known ground in all; on "
        f"{unknown:.0f} of {coverage.size} cells it is unknown. The layer holds the expected share of each cell's "
        f"area.",
        f"预计地震诱发滑坡总面积 {km2:.3g} 平方公里（已知区域）；{coverage.size} 个像元中 {unknown:.0f} 个未知。"
        "图层数值为每个像元内滑坡面积的期望占比。",
    )]  # fmt: skip
    if beyond:
        notes.append(note(
            "warning", f"On {beyond:.0f} cells PGV is above {PGV_MAX_CM_S:g} cm/s, to which the model was fitted: "
                       f"taken as "
            "that.", f"{beyond:.0f} 个像元 PGV 超过模型适用上限 {PGV_MAX_CM_S:g} 厘米/秒，按上限计。",
        ))  # fmt: skip
    if lacking:
        text = ", ".join(lacking)
        notes.append(note("warning", f"Rock without a GLiM class in earthquake.lithology, unknown: {text}.",
                          f"未在 earthquake.lithology 中指定 GLiM 类别的岩性，结果未知：{text}。"))  # fmt: skip
    counts = {"cells_unknown": int(unknown), "cells_beyond_model": int(beyond)}
    return {"notes": notes, "counts": counts, "quarantine": [], "methods": [asdict(CARD)], "slide_area_km2": km2}
