"""Step of the chance that a slide comes to a place in the storm, and of the hour from which it calls."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.rainfall_antecedent import fitted_antecedent, resolved

if TYPE_CHECKING:
    import xarray as xr

    from geo_risk.core.grid import Grid
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.landslide.warning import WarningModel
    from geo_risk.hazards.rainfall.params import RainfallParams
    from geo_risk.hazards.runout.params import RunoutParams
    from geo_risk.products.params import EvacuationParams
    from geo_risk.products.warning_params import WarningParams


_MUCH_UNKNOWN = 0.001
"""Share of the ground of unknown slides from which the note speaks of it; it prints tenths of a percent."""


def slide_chance(plan: Plan) -> None:
    """Add the step that writes slide_chance and slide_onset; it leaves itself out without past storms."""
    plan.add(
        "evacuation.slides", write_slides,
        reads={"dem": plan.layer("dem_filled"), "slope_deg": plan.layer("slope_deg"),
               "susceptibility": plan.layer("susceptibility"), "cube": plan.cube("rain_hourly"),
               "joined": plan.facts("rainfall"), "fields": plan.cube("rain_stages"),
               "stages": plan.facts("rainfall_stages"),
               "model": plan.facts("landslide_past_storms"), "cases": plan.cube("past_cases")},
        optional={"motion": plan.layer("slope_motion"), "fitted": fitted_antecedent(plan)},
        writes={name: plan.layer(name) for name in ("slide_chance", "slide_onset")}
        | {"facts": plan.facts("slide_chance")},
        params=plan.cfg.evacuation, runout=plan.cfg.runout, warning=plan.cfg.warning, rainfall=plan.cfg.rainfall,
    )  # fmt: skip


def write_slides(
    *, dem: Path, slope_deg: Path, susceptibility: Path, cube: Path, joined: Path, fields: Path, stages: Path,
    model: Path, cases: Path, motion: Path | None, fitted: Path | None, slide_chance: Path, slide_onset: Path,
    facts: Path, params: EvacuationParams, runout: RunoutParams, warning: WarningParams,
    rainfall: RainfallParams,
) -> None:  # fmt: skip
    """Write the probability that a slide comes, and the hours after the period's begin until it calls."""
    from dataclasses import asdict
    from functools import partial

    import dask.array as da
    import numpy as np

    from geo_risk.core.grid import CHUNK, grid_of
    from geo_risk.hazards.landslide.expected import expected_slides
    from geo_risk.hazards.landslide.warning import WarningModel
    from geo_risk.hazards.rainfall.course import same_cells, with_stages
    from geo_risk.hazards.runout.passing import CARD
    from geo_risk.hazards.runout.passing import slide_chance as chance_of
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.publish.scratch import computed_once
    from geo_risk.sources.dataset import read_dataset
    from geo_risk.sources.layers import open_layer, read_json
    from geo_risk.sources.rain_grid import align, onto_grid

    ground, told, period = open_layer(dem), read_json(model)["model"], read_json(joined)["period"]
    grid, given = grid_of(ground), read_json(stages)["stages"]
    of_stages, analysed = read_dataset(fields), _analysed(cube, period, resolved(rainfall, fitted))
    if len(of_stages) and not same_cells(analysed, of_stages):
        # a warning by a forecast on other cells than the run behind it
        analysed = align(analysed, next(iter(of_stages.data_vars.values())))
    course = with_stages(analysed, of_stages, given, after_h=params.superseded_after_h)
    said = {"quarantine": [], "begins": _text(course["time"].to_numpy()[0] - np.timedelta64(1, "h")),
            "holds": [f"warning_{s['hours']}h" for s in given if s["forecast"] is not None]}  # fmt: skip
    if told is None:
        nothing = grid.layer(
            da.full(grid.shape, np.float32(np.nan), chunks=(CHUNK, CHUNK)), units="1", long_name="no model"
        )
        for path, name in ((slide_chance, "slide_chance"), (slide_onset, "slide_onset")):
            write_layer(nothing.rename(name), path)
        write_json({**said, "notes": [], "counts": {}, "methods": []}, facts)
        return
    fit = WarningModel.from_dict(told)
    wettest = onto_grid(course.max("time", skipna=False, keep_attrs=True), grid)
    expected = partial(
        expected_slides, rain=wettest, model=fit, reference_cells=float(read_dataset(cases).attrs["reference_cells"]),
        motion=None if motion is None else open_layer(motion), factors=warning.factors,
    )  # fmt: skip
    likely = open_layer(susceptibility)
    highest = float(da.where(da.isnan(likely.data), -np.inf, likely.data).max().compute())
    filled = da.where(da.isnan(likely.data), highest if highest >= 0 else np.nan, likely.data)
    layers = {"expected_slides": expected(likely), "worst_slides": expected(likely.copy(data=filled))}
    light = {name: layer.astype(np.float32, keep_attrs=True) for name, layer in layers.items()}
    with computed_once(light, slide_chance.parent) as made:
        slides = made["expected_slides"]
        is_ground, is_known = da.isfinite(ground.data), da.isfinite(slides.data)
        total, n_open, n = da.compute(da.where(is_known, slides.data, 0.0).sum(dtype=np.float64),
                                      (is_ground & ~is_known).sum(), is_ground.sum())  # fmt: skip
        found = chance_of(ground, slides, open_layer(slope_deg), params=runout, doubt_above=params.slide_chance,
                          worst=made["worst_slides"])  # fmt: skip
        write_layer(found, slide_chance)
    unknown = n_open / n if n else 1.0
    onset = _onset(open_layer(slide_chance), wettest, fit, course, grid, at=params.slide_chance)
    write_layer(onset, slide_onset)
    until = max(datetime.fromisoformat(period["until"]), datetime.fromisoformat(_text(course["time"].to_numpy()[-1])))
    counts = {"slides_expected": round(float(total), 1)} if unknown < 1 else {}
    told_of = _note({**period, "until": until.isoformat()}, float(total), float(unknown), params)
    write_json({**said, "notes": [told_of], "counts": counts, "methods": [asdict(CARD)]}, facts)


def _note(period: dict[str, Any], total: float, unknown: float, params: EvacuationParams) -> dict[str, str]:
    """Say of which rain the list is: of a hindcast it is the storm as it fell, whatever a stage knew of it.

    `unknown`: share of the ground of which it is not known how many slides start there; its slides are not in `total`.
    """
    from geo_risk.products.water_times import clock
    from geo_risk.products.wording import note

    begin, known, until = (clock(period[k]) for k in ("start", "known", "until"))
    is_past = datetime.fromisoformat(period["known"]) >= datetime.fromisoformat(period["until"])
    span = (
        f"{begin} to {until} (China time; "
        + ("observed" if is_past else f"observed to {known}, forecast after it")
        + ")",
        f"按 {begin} 至 {until} 的降雨（" + ("均为实测" if is_past else f"实测至 {known}，其后为预报") + "），",
    )
    if unknown >= 1:
        return note(
            "warning",
            f"How many slides to expect in the rain of {span[0]} is not known: hours of that rain, or all "
            "susceptibility, are missing. Houses are called by the warnings alone.",
            f"{span[1]}预计滑坡数未知：部分时段降雨或全部易发性缺失，房屋转移仅按预警判定。",
        )
    en, zh = "", ""
    if unknown >= _MUCH_UNKNOWN:
        en, zh = f"; of {unknown:.1%} of the ground it is not known", f"（另有 {unknown:.1%} 的地面未知，未计入）"
    least = ("At least ", "至少") if en else ("", "约")
    return note(
        "info",
        f"{least[0]}{total:.0f} slides are expected in the rain of {span[0]}{en}. Houses to which one comes with "
        f"{params.slide_chance:.2%} or more must be left.",
        f"{span[1]}预计发生滑坡{least[1]} {total:.0f} 处{zh}；"
        f"滑坡波及概率不低于 {params.slide_chance:.2%} 的房屋须转移。",
    )


def _analysed(cube: Path, period: dict[str, Any], rainfall: RainfallParams) -> xr.DataArray:
    """Return the effective rain [mm] hour by hour through the analysed period, on the rain's own cells."""
    import numpy as np

    from geo_risk.hazards.rainfall.antecedent import effective_rain
    from geo_risk.hazards.rainfall.stages import naive
    from geo_risk.sources.rain import read_own

    hourly = read_own(cube).load()
    mm = effective_rain(hourly.to_numpy(), decay_per_day=rainfall.decay_per_day, days=rainfall.antecedent_days)
    inside = hourly["time"].to_numpy() > naive(datetime.fromisoformat(str(period["start"])))
    return hourly.copy(data=mm.astype(np.float32)).isel(time=inside)


def _text(time: Any) -> str:
    from geo_risk.hazards.rainfall.stages import aware

    return aware(time).isoformat()


def _onset(
    chance: xr.DataArray, wettest: xr.DataArray, fit: WarningModel, course: xr.DataArray, grid: Grid, *, at: float
) -> xr.DataArray:
    """Return the hours until the rain has come from which a cell calls, float32, NaN where none does.

    Where the rain of the hours does not tell, it is 0: nothing says that there is time.
    """
    import dask.array as da
    import numpy as np

    from geo_risk.hazards.landslide.expected import chance_rain_mm
    from geo_risk.sources.rain_points import cell_numbers
    from geo_risk.terrain.slope import blocks

    coords = grid.coords()
    by_cell = course.transpose("y", "x", "time").to_numpy().reshape(-1, course.sizes["time"])

    def hours(p: Any, mm: Any, block_info: Any = None) -> Any:
        rows, columns = (np.arange(*span) for span in block_info[0]["array-location"])
        out = np.full(p.shape, np.nan, dtype=np.float32)
        called = np.argwhere(p >= at)
        if len(called):
            i, j = called.T
            need = chance_rain_mm(p[i, j], mm[i, j], fit, at=at)
            cell = cell_numbers(course, coords["x"][columns[j]], coords["y"][rows[i]], crs=grid.crs)
            rain = np.where(cell < 0, np.nan, by_cell[np.maximum(cell, 0)].T)
            # the cell's own rain is taken between cells of rain: the last bit may never be reached
            reached = rain >= np.minimum(need, np.nanmax(np.where(np.isnan(rain), -np.inf, rain), axis=0))
            first = np.where(reached.any(axis=0), reached.argmax(axis=0), 0)
            out[i, j] = np.where(np.isnan(rain).any(axis=0) | np.isnan(need), 0, first)
        return out

    data = blocks(chance)
    made = da.map_blocks(hours, data, blocks(wettest).rechunk(data.chunks), dtype=np.float32,
                         meta=np.empty((0, 0), np.float32))  # fmt: skip
    return grid.layer(made, units="h", long_name="hours until a slide is so likely that it calls", name="slide_onset")
