"""Step of the hindcast: past storms judged by models that never saw them, as lists, figures and notes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.past_storms import open_storms, past_reads, past_told, slide_options
from geo_risk.flow.steps.rainfall_antecedent import fitted_antecedent, resolved

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy as np
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.landslide.params import LandslideParams
    from geo_risk.hazards.landslide.unit_reliability import UnitReliability
    from geo_risk.hazards.landslide.warning import HeldOut
    from geo_risk.hazards.landslide.warning_units import PastCases
    from geo_risk.hazards.rainfall.params import RainfallParams
    from geo_risk.sources.options import ReadOptions
    from geo_risk.sources.rain_past import PastRain, PastStorm


def hindcast(plan: Plan) -> None:
    """Add the step that writes the frames warning_hindcast and warning_hindcast_townships, their figures and notes."""
    admin = plan.source("admin")
    plan.add(
        "landslide.hindcast", write_hindcast,
        reads={**past_reads(plan), "cases": plan.cube("past_cases"), "model": plan.facts("landslide_past_storms"),
               "susceptibility": plan.layer("susceptibility")},
        optional={"slope_units": plan.layer("slope_units"), "admin": plan.input("admin"),
                  "fitted": fitted_antecedent(plan)},
        writes={"storms": plan.frame("warning_hindcast"), "townships": plan.frame("warning_hindcast_townships"),
                "facts": plan.facts("landslide_hindcast")},
        params=plan.cfg.landslide, rainfall=plan.cfg.rainfall, language=plan.cfg.language,
        past_rain=past_told(plan), options=slide_options(plan), admin_options=None if admin is None else admin.options,
    )  # fmt: skip


def write_hindcast(
    *, rainfall_past_events: list[Path], past_slides: Path, cases: Path, model: Path, susceptibility: Path,
    slope_units: Path | None, admin: Path | None, fitted: Path | None, storms: Path, townships: Path, facts: Path,
    params: LandslideParams, rainfall: RainfallParams, language: str,
    past_rain: list[PastRain], options: ReadOptions | None, admin_options: ReadOptions | None,
) -> None:  # fmt: skip
    """Write what each past storm would have had warned, how well, in which townships, and how long before."""
    from geo_risk.core.grid import grid_of
    from geo_risk.hazards.landslide.hindcast import PUBLIC_LEVEL, hindcast_table
    from geo_risk.hazards.landslide.unit_reliability import unit_reliability
    from geo_risk.hazards.landslide.warning import WarningModel, leave_one_storm_out
    from geo_risk.hazards.landslide.warning_units import cases_of_dataset, square_labels
    from geo_risk.products import hindcast as product
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.dataset import read_dataset
    from geo_risk.sources.layers import open_layer, read_json
    from geo_risk.sources.rain_past import read_past_slides

    given, known = cases_of_dataset(read_dataset(cases)), read_json(model)
    whole = None if known["model"] is None else WarningModel.from_dict(known["model"])
    held = leave_one_storm_out(given, params, slope=known["slope"])
    table = hindcast_table(held, given)
    map_ = open_layer(susceptibility)
    labels = square_labels(map_) if slope_units is None else open_layer(slope_units)
    grid = grid_of(labels)
    rain = open_storms(rainfall_past_events, past_rain, grid, limit_mm_h=rainfall.rain_limit_mm_h,
                       max_bad_share=rainfall.max_bad_share)  # fmt: skip
    slides = read_past_slides(past_slides, grid, storms=rain.ids, options=options)
    chosen, hours = resolved(rainfall, fitted), rain.hourly()
    leads = {s.id: _storm_leads(s, slides.frame, held=held, cases=given, labels=labels, rainfall=chosen)
             for s in hours.storms if s.id in held.storms}  # fmt: skip
    frame = product.hindcast_frame(table, leads, language=language)
    write_frame(frame, storms)
    write_frame(_townships(admin, admin_options, labels, held=held, cases=given, language=language), townships)
    found = None if whole is None or not held.storms else unit_reliability(held, given, whole, params)
    diagram = {n: [] for n in ("said", "seen", "low", "high", "inside")} if found is None else found.diagram()
    left = sorted(set(given.storms) - set(held.storms))
    said = product.hindcast_facts(frame, diagram, held=len(held.storms), least=PUBLIC_LEVEL, left=left,
                                  unclear_times=slides.n_without_zone)  # fmt: skip
    drawn = _figures(table, held, diagram, language) if held.storms else []
    costs = _costs(held, params)
    write_json({**said, "figures": drawn, "reliability": None if found is None else found.to_dict(),
                "diagram": diagram, "cutoffs_by_cost": costs, "no_lead_time": list(hours.aside)}, facts)  # fmt: skip


def _storm_leads(
    storm: PastStorm, slides: gpd.GeoDataFrame, *, held: HeldOut, cases: PastCases, labels: xr.DataArray,
    rainfall: RainfallParams,
) -> dict[str, float]:  # fmt: skip
    """Return median hours from the public level to the slides of a storm of hours, and to the storm's height.

    Of a slide off the rain, in no unit, or (for the first) of unknown time nothing is known; nothing where that is all.
    """
    import numpy as np

    from geo_risk.core.grid import grid_of
    from geo_risk.hazards.landslide.hindcast import PUBLIC_LEVEL
    from geo_risk.hazards.landslide.lead_time import lead_hours
    from geo_risk.hazards.rainfall.antecedent import effective_rain
    from geo_risk.hazards.rainfall.height import height_step
    from geo_risk.sources.rain_past import steps_of
    from geo_risk.sources.rain_points import cells_touched, series_at
    from geo_risk.terrain.slope import blocks

    own = slides[slides["storm_id"] == storm.id]
    grid = grid_of(labels)
    rows, columns, inside = grid.index(own.geometry.x, own.geometry.y)
    own, rows, columns = own[inside], np.asarray(rows)[inside], np.asarray(columns)[inside]
    label = blocks(labels).vindex[rows, columns].compute() if len(own) else np.empty(0, dtype=np.int64)
    at = np.minimum(np.searchsorted(cases.units.label, label), len(cases.units.label) - 1)
    kept = cases.units.label[at] == label
    if not kept.any():
        return {}
    near = own[kept]
    series = series_at(storm.rain, near.geometry.x, near.geometry.y, crs=grid.crs)
    days = rainfall.antecedent_days
    rain = effective_rain(series, decay_per_day=rainfall.decay_per_day, days=days)
    model = held.models[held.storms.index(storm.id)]
    trigger = model.trigger_mm(cases.units.susceptibility[at[kept]])[PUBLIC_LEVEL - 1]
    step = height_step(storm.rain, first=24 * days - 1, inside=cells_touched(storm.rain, storm.area))
    height = np.full(len(near), -1 if step is None else step)
    hours = {"slide": lead_hours(rain, trigger, steps_of(storm, near["time"])),
             "height": lead_hours(rain, trigger, height)}  # fmt: skip
    return {k: float(np.nanmedian(v)) for k, v in hours.items() if np.isfinite(v).any()}


def _townships(
    admin: Path | None, options: ReadOptions | None, labels: xr.DataArray, *, held: HeldOut, cases: PastCases,
    language: str,
) -> pd.DataFrame:  # fmt: skip
    import geopandas as gpd
    import pandas as pd

    from geo_risk.core.grid import grid_of
    from geo_risk.flow.steps.deformation_watch import read_townships
    from geo_risk.hazards.landslide.hindcast import PUBLIC_LEVEL
    from geo_risk.products import hindcast as product
    from geo_risk.sources.options import NO_OPTIONS

    grid = grid_of(labels)
    places, _ = read_townships(admin, str(grid.crs), options or NO_OPTIONS)
    if places is None:
        places = gpd.GeoDataFrame({"code": [], "name": []}, geometry=[], crs=grid.crs)
    warned = {
        storm: pd.DataFrame({"label": cases.units.label, "level": held.level[:, k],
                             "is_warned": held.level[:, k] >= PUBLIC_LEVEL, "slid": held.slid[:, k]})
        for k, storm in enumerate(held.storms)
    }  # fmt: skip
    cells = product.township_cells(labels, places)
    return product.township_frame(cells, places, warned, cell_area_m2=grid.cell_area_m2, language=language)


def _costs(held: HeldOut, params: LandslideParams) -> list[dict[str, float]]:
    """Return for each level the stated cost, the chance from which it pays, and which would have paid best."""
    from geo_risk.hazards.landslide.hindcast import threshold_of_costs

    rows = []
    for level, cost in enumerate(params.warning_miss_costs, 1):
        best = threshold_of_costs(held.probability, held.slid, miss_cost=cost)
        hindsight = {"chance_in_hindsight": best} if math.isfinite(best) else {}
        rows.append({"level": level, "miss_cost": cost, "chance_by_rule": 1 / (1 + cost)} | hindsight)
    return rows


def _figures(
    table: pd.DataFrame, held: HeldOut, diagram: dict[str, list[float]], language: str
) -> list[dict[str, Any]]:
    from geo_risk.hazards.landslide.hindcast import POOLED, detection_curve
    from geo_risk.publish.figures_hindcast import chance_panel, detection_panel, storm_bars
    from geo_risk.publish.i18n import label

    scores: dict[str, NDArray[np.float64]] = {"model": held.index, "rain": held.rain_mm}
    curves = {label(f"figure.score_{k}", language): detection_curve(v, held.slid) for k, v in scores.items()}
    pooled = table[table["storm_id"] == POOLED].iloc[0]
    storms: list[Any] = table[table["storm_id"] != POOLED].to_dict("records")
    drawn = (("figure.storms", storm_bars(storms, language)),
             ("figure.detection", detection_panel(curves, (float(pooled["pod"]), float(pooled["far"])), language)),
             ("figure.chances", chance_panel(diagram, language)))  # fmt: skip
    return [{"svg": svg, "caption_zh": label(key, "zh"), "caption_en": label(key, "en")} for key, svg in drawn]


def reliability_of(facts: dict[str, Any]) -> UnitReliability | None:
    """Return the reliability that a run's hindcast kept, None where it has none."""
    from geo_risk.hazards.landslide.unit_reliability import UnitReliability

    found = facts.get("reliability")
    return None if found is None else UnitReliability.from_dict(found)
