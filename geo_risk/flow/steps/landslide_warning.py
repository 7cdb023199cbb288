"""Step functions of the landslide warning: the model of past storms, and the level of a stage."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.past_storms import open_storms
from geo_risk.flow.steps.rainfall_antecedent import resolved

if TYPE_CHECKING:
    import xarray as xr

    from geo_risk.core.grid import Grid
    from geo_risk.hazards.landslide.params import LandslideParams
    from geo_risk.hazards.landslide.warning import WarningModel
    from geo_risk.hazards.landslide.warning_units import PastCases
    from geo_risk.hazards.rainfall.params import RainfallParams
    from geo_risk.sources.options import ReadOptions
    from geo_risk.sources.rain_past import PastRain, PastStorms


def write_warning_model(
    *,
    rainfall_past_events: list[Path],
    past_slides: Path,
    susceptibility: Path,
    slope_units: Path | None,
    skill: Path | None,
    fitted: Path | None,
    grid: Path,
    facts: Path,
    cases: Path,
    used: Path,
    params: LandslideParams,
    rainfall: RainfallParams,
    past_rain: list[PastRain],
    options: ReadOptions | None,
) -> None:
    """Write the warning model fitted to past storms, or why there is none; its cases; the susceptibility it takes."""
    from geo_risk.hazards.landslide.warning import fit_warning
    from geo_risk.hazards.landslide.warning_units import cases_dataset, past_cases, square_labels, unit_susceptibility
    from geo_risk.publish.dataset import write_dataset
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer, read_grid, read_json
    from geo_risk.sources.rain_past import read_past_slides

    target = read_grid(grid)
    given = open_storms(rainfall_past_events, past_rain, target, limit_mm_h=rainfall.rain_limit_mm_h,
                        max_bad_share=rainfall.max_bad_share)  # fmt: skip
    read = read_past_slides(past_slides, target, storms=given.ids, options=options)
    rain, height = past_rain_on_grid(given, target, resolved(rainfall, fitted))
    map_ = open_layer(susceptibility)
    labels = square_labels(map_) if slope_units is None else open_layer(slope_units)
    found = past_cases(labels, map_, rain, read.frame, height_of_storm=height)
    slope = calibration_slope({} if skill is None else read_json(skill))
    model = fit_warning(found, params, slope=slope)
    write_layer(unit_susceptibility(labels, map_, found.units, cell_share=params.warning_cell_share), used)
    write_dataset(cases_dataset(found), cases)
    counts = {"storms": len(rain), "slides": len(read.frame), "slides_off_units": found.off_units,
              "units": len(found.units.label)}  # fmt: skip
    write_json({"notes": [_model_note(model, counts)], "counts": counts, "quarantine": read.quarantine, "slope": slope,
                "squares": slope_units is None, "slid_units": _slid_units(found),
                "model": None if model is None else model.to_dict()}, facts)  # fmt: skip


def calibration_slope(skill: dict[str, Any]) -> float:
    """Return the slope of the susceptibility's calibration on blocks kept out, 1 where it is not known."""
    models = skill.get("models") or [{}]
    slope = models[0].get("calibration_slope")
    return 1.0 if slope is None else float(slope)


def _slid_units(cases: PastCases) -> list[dict[str, Any]]:
    """Return the units that slid, with their effective rain: what a threshold on rain alone would be fitted to."""
    rows, columns = (cases.slides > 0).nonzero()
    rain = cases.rain_mm[rows, columns]
    return [{"label": int(cases.units.label[r]), "storm_id": cases.storms[c], "rain_mm": round(float(mm), 2)}
            for r, c, mm in zip(rows, columns, rain, strict=True) if math.isfinite(mm)]  # fmt: skip


def past_rain_on_grid(
    storms: PastStorms, target: Grid, rainfall: RainfallParams
) -> tuple[dict[str, xr.DataArray], dict[str, xr.DataArray]]:
    """Return the effective rain of each past storm on the run grid, of all of it and by its height over that grid."""
    from geo_risk.hazards.rainfall.antecedent import storm_effective_rain
    from geo_risk.hazards.rainfall.height import day_share, effective_rain_by_height
    from geo_risk.sources.rain_grid import onto_grid
    from geo_risk.sources.rain_points import cells_touched

    whole, by_height = {}, {}
    k, days = rainfall.decay_per_day, rainfall.antecedent_days
    inside = {storm.id: cells_touched(storm.rain, storm.area) for storm in storms.storms}
    share = day_share(((s.rain, inside[s.id]) for s in storms.storms), decay_per_day=k, days=days)
    for storm in storms.storms:
        whole[storm.id] = onto_grid(storm_effective_rain(storm.rain, decay_per_day=k, days=days), target)
        until = effective_rain_by_height(storm.rain, decay_per_day=k, days=days, inside=inside[storm.id],
                                         day_share=share)  # fmt: skip
        by_height[storm.id] = onto_grid(until, target)
    return whole, by_height


def _model_note(model: WarningModel | None, counts: dict[str, int]) -> dict[str, str]:
    from geo_risk.products.wording import note

    slides, storms = counts["slides"], counts["storms"]
    if model is None:
        return note(
            "warning",
            f"No warning model: {slides} slides in {storms} past storms are too few, or do not follow the rain; the "
            "matrix of hazard level and effective rain is used.",
            f"无预警模型：过去 {storms} 场降雨中 {slides} 个滑坡数量不足或与降雨无关，"
            "采用危险性等级与有效降雨判别矩阵。",
        )
    return note(
        "info",
        f"Warning model fitted to {model.n_slides} units that slid in {len(model.storms)} past storms: AUC "
        f"{model.auc_storms:.3f} with storms left out; rain alone {model.auc_rain:.3f}, susceptibility alone "
        f"{model.auc_susceptibility:.3f}. {counts['slides_off_units']} slides lie in no unit. Susceptibility was "
        "learned from an inventory that may hold these slides.",
        f"预警模型由 {len(model.storms)} 场降雨的 {model.n_slides} 个滑坡单元拟合：留一场次 AUC "
        f"{model.auc_storms:.3f}，仅用降雨 {model.auc_rain:.3f}，仅用易发性 {model.auc_susceptibility:.3f}；"
        f"{counts['slides_off_units']} 个滑坡不在单元内。易发性所用编录可能已含这些滑坡。",
    )
