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

    import dask.array as da
    import numpy as np

    from geo_risk.core.grid import CHUNK, grid_of
    from geo_risk.hazards.landslide.expected import expected_slides
    from geo_risk.hazards.landslide.warning import WarningModel
    from geo_risk.hazards.rainfall.course import with_stages
    from geo_risk.hazards.runout.passing import CARD
    from geo_risk.hazards.runout.passing import slide_chance as chance_of
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.publish.scratch import computed_once
    from geo_risk.sources.dataset import read_dataset
    from geo_risk.sources.layers import open_layer, read_json
    from geo_risk.sources.rain_grid import onto_grid

    ground, told, period = open_layer(dem), read_json(model)["model"], read_json(joined)["period"]
    grid, given = grid_of(ground), read_json(stages)["stages"]
    course = with_stages(_analysed(cube, period, resolved(rainfall, fitted)), read_dataset(fields), given,
                         after_h=params.superseded_after_h)  # fmt: skip
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
    slides = expected_slides(
        open_layer(susceptibility), wettest, fit, reference_cells=float(read_dataset(cases).attrs["reference_cells"]),
        motion=None if motion is None else open_layer(motion), factors=warning.factors,
    )  # fmt: skip
    light = slides.astype(np.float32, keep_attrs=True)
    with computed_once({"expected_slides": light}, slide_chance.parent) as made:
        slides = made["expected_slides"]
        counted = da.where(da.isfinite(slides.data), slides.data, 0.0)
        worst, total, known = da.compute(counted.max(), counted.sum(dtype=np.float64),
                                         da.isfinite(slides.data).any())  # fmt: skip
        found = chance_of(ground, slides, open_layer(slope_deg), params=runout, doubt_above=params.slide_chance,
                          worst=float(worst) if known else float("nan"))  # fmt: skip
        write_layer(found, slide_chance)
    onset = _onset(open_layer(slide_chance), wettest, fit, course, grid, at=params.slide_chance)
    write_layer(onset, slide_onset)
    counts = {"slides_expected": round(float(total), 1)}
    write_json({**said, "notes": [_note(period, float(total), params)], "counts": counts, "methods": [asdict(CARD)]},
               facts)  # fmt: skip


def _note(period: dict[str, Any], total: float, params: EvacuationParams) -> dict[str, str]:
    """Say of which rain the list is: of a hindcast it is the storm as it fell, whatever a stage knew of it."""
    from geo_risk.products.water_times import clock
    from geo_risk.products.wording import note

    begin, known, until = (clock(period[k]) for k in ("start", "known", "until"))
    return note(
        "info",
        f"{total:.0f} slides are expected in the rain of {begin} to {until} (China time; observed to {known}, forecast "
        f"after it). Houses to which one comes with {params.slide_chance:.2%} or more must be left.",
        f"按 {begin} 至 {until} 的降雨（实测至 {known}，其后为预报），预计发生滑坡约 {total:.0f} 处；"
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
