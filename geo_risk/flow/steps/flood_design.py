"""Steps of rain by design over the town: its runs, and the trigger rain and return periods of sites."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.flood_town_opened import TOWN_SURFACE, opened_town

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from geo_risk.flow.inputs import StormFormula
    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.flood.design_params import DesignRainParams
    from geo_risk.hazards.flood.design_runs import DesignRain, SiteRun
    from geo_risk.hazards.flood.params import SiteParams, TownFlowParams
    from geo_risk.hazards.flood.runoff_params import RunoffParams
    from geo_risk.hazards.flood.sites import Town
    from geo_risk.kernels.inertial import Record


def design_rain(plan: Plan) -> None:
    """Add the steps that run rain by design over the town, and tell what it brings to each site."""
    params = plan.cfg.flood
    town = {n: plan.layer(n) for n in TOWN_SURFACE}
    frames = {n: plan.frame(n) for n in ("town_sites", "town_devices")}
    found = {"findings": plan.frame("town_findings")}
    plan.add(
        "flood.design_runs", write_design_runs, reads={**town, **frames},
        optional={**found, "entrances": plan.frame("town_entrances")},
        writes={"runs": plan.cube("town_design"), "depths": plan.cube("town_design_depths"),
                "facts": plan.facts("flood_design_runs")},
        params=params.town, runoff=params.runoff, sites=params.sites, design=params.design,
        idf=plan.cfg.inputs.rainfall.idf,
    )  # fmt: skip
    plan.add(
        "flood.site_rain", write_site_rain,
        reads={"runs": plan.cube("town_design"), "town_dem": town["town_dem"], **frames}, optional=found,
        writes={"rain": plan.frame("town_rain"), "facts": plan.facts("flood_site_rain")},
        sites=params.sites, classes_m=list(plan.cfg.waterlogging.depth_classes_m),
        close_class=min(plan.cfg.waterlogging.close_class, len(plan.cfg.waterlogging.depth_classes_m)),
    )  # fmt: skip


def chosen_rains(design: DesignRainParams, idf: StormFormula | None) -> tuple[list[DesignRain], list[dict[str, str]]]:
    """Return the rains that are run, and notes on return periods that cannot be."""
    from geo_risk.hazards.flood.design_runs import DesignRain, blocks
    from geo_risk.hazards.rainfall.storm import chicago_storm
    from geo_risk.products.wording import note

    rains = list(blocks(design))
    if idf is None or idf.peak_ratio is None:
        lacks = ("inputs.rainfall.idf", "inputs.rainfall.idf") if idf is None else ("peak_ratio", "雨峰系数 peak_ratio")
        return rains, [note("warning", f"No depths by return period: {lacks[0]} is not given. Return periods of sites "
                            "are unknown, not rare.",
                            f"未提供{lacks[1]}：无各重现期水深，各点位重现期未知，并非“不易积水”。")]  # fmt: skip
    formula = idf.formula
    low, high = formula.valid_years
    good = [y for y in design.return_periods_yr if low <= y <= high]
    left = [f"{y:g}" for y in design.return_periods_yr if y not in good]
    shortest, longest = formula.valid_minutes
    if not shortest <= design.storm_min <= longest:
        good, left = [], [f"{y:g}" for y in design.return_periods_yr]
    for years in good:
        steps = chicago_storm(formula, years=years, minutes=design.storm_min, step_min=design.storm_step_min,
                              peak_ratio=idf.peak_ratio)  # fmt: skip
        rains.append(DesignRain(f"storm_{years:g}yr", tuple(steps.tolist()), design.storm_step_min, years))
    if not left:
        return rains, []
    return rains, [note("warning", f"Return periods {', '.join(left)} years or {design.storm_min:g} min lie outside "
                        f"the formula ({formula.card().validity}): not run.",
                        f"重现期 {'、'.join(left)} 年或历时 {design.storm_min:g} 分钟"
                        "超出公式适用范围：未计算。")]  # fmt: skip


def write_design_runs(
    *,
    town_sites: Path,
    town_devices: Path,
    findings: Path | None,
    entrances: Path | None,
    runs: Path,
    depths: Path,
    facts: Path,
    params: TownFlowParams,
    runoff: RunoffParams,
    sites: SiteParams,
    design: DesignRainParams,
    idf: StormFormula | None,
    **town: Path,
) -> None:
    """Run blocks and design storms over the town, and keep the water of the sites."""
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    from geo_risk.hazards.flood.design_runs import catchment_runoff_m3, kept_of, run_design
    from geo_risk.hazards.flood.devices import sink_grid
    from geo_risk.hazards.flood.entrances import water_at
    from geo_risk.hazards.flood.responses import record_cells, site_states
    from geo_risk.products.wording import note
    from geo_risk.publish.dataset import write_dataset
    from geo_risk.publish.frames import write_json
    from geo_risk.sources.layers import read_frame

    ground, surface = opened_town(town, sites)
    places, devices = read_frame(town_sites), read_frame(town_devices)
    found = None if findings is None else read_frame(findings)
    share = site_states(places, devices, found).set_index("site_id")["share"]
    sinks, cells = sink_grid(devices, ground.grid.shape, share), record_cells(places, devices, ground)
    rains, notes = chosen_rains(design, idf)
    none = np.empty(0, dtype=np.int64)
    doors = none if entrances is None else read_frame(entrances)["cell"].to_numpy(np.int64)

    def one(rain: DesignRain) -> Any:
        run = run_design(rain, ground, surface, sinks, cells=cells, params=params, design=design, runoff=runoff)
        deepest = None if np.isnan(rain.years) else run.max_depth_m.astype(np.float32)
        return (*kept_of(rain, run, places), water_at(run.max_depth_m, doors, ground)), deepest

    with ThreadPoolExecutor(max_workers=2) as pool:
        found = list(pool.map(one, rains))
    kept = [answers for answers, _ in found]
    write_dataset(
        _depths({r.years: d for r, (_, d) in zip(rains, found, strict=True) if d is not None}, ground), depths
    )
    shed = catchment_runoff_m3(rains, places, ground, surface, runoff)
    write_dataset(_packed(kept, shed, places["site_id"].astype(str).tolist(), cells), runs)
    blocks = [r for r in rains if np.isnan(r.years)]
    if blocks:
        notes.append(note("info", f"Rain of {blocks[0].total_mm:g} to {blocks[-1].total_mm:g} mm in 10 and in 60 "
                          "minutes was run over the town; between the amounts ponds are replayed.",
                          f"已对 10、60 分钟 {blocks[0].total_mm:g}–{blocks[-1].total_mm:g} 毫米等雨强过程"
                          "进行城区模拟，其间雨量按积水过程重演。"))  # fmt: skip
    write_json({"notes": notes, "counts": {"runs": len(rains)}, "quarantine": []}, facts)


def _depths(deepest: dict[float, Any], ground: Town) -> xr.Dataset:
    """Return the greatest depth in each design storm (years, y, x) [m]; NaN where the town's ground is unknown."""
    import numpy as np
    import xarray as xr

    years = sorted(deepest)
    known = np.isfinite(ground.elevation)
    shape = ground.grid.shape
    values = np.empty((len(years), *shape), dtype=np.float32)
    for k, year in enumerate(years):
        values[k] = np.where(known, deepest[year], np.nan)
    layer = ground.grid.layer(np.zeros(shape, np.float32), units="m", long_name="greatest depth in the storm")
    data = xr.DataArray(values, dims=("years", "y", "x"), coords={"years": np.array(years, float)}, name="depth",
                        attrs={"units": "m"})  # fmt: skip
    return xr.Dataset({"depth": data}, coords={"y": layer.y, "x": layer.x, "spatial_ref": layer.spatial_ref})


def storm_depths(path: Path) -> dict[float, xr.DataArray]:
    """Return the layers (y, x) of greatest depth in the town [m] by return period [yr], none where none was run."""
    from geo_risk.sources.dataset import read_dataset

    held = read_dataset(path)
    layers = held["depth"].assign_coords(spatial_ref=held["spatial_ref"])
    return {float(y): layers.sel(years=y, drop=True) for y in held["years"].to_numpy()}


def _packed(kept: Sequence[Any], runoff: dict[str, Any], site_ids: list[str], cells: Any) -> xr.Dataset:
    """Return runs as one dataset; every run has its own dimension of time."""
    import numpy as np
    import xarray as xr

    data: dict[str, Any] = {"cell": ("followed", cells)}
    for k, (rain, record, depth, water) in enumerate(kept):
        data |= {
            f"rain_{k}": ((f"step_{k}",), np.array(rain.rain_mm)),
            f"time_{k}": ((f"time_{k}_",), record.time_s),
            f"depth_{k}": ((f"time_{k}_", "followed"), record.depth_m),
            f"drained_{k}": ((f"time_{k}_", "followed"), record.drained_m3),
            f"site_depth_{k}": (("site",), depth),
            f"runoff_{k}": (("site",), runoff[rain.name]),
            f"entrance_{k}": (("entrance",), water),
        }
    attrs = {"names": [r.name for r, *_ in kept], "step_min": [r.step_min for r, *_ in kept],
             "years": [-1.0 if np.isnan(r.years) else r.years for r, *_ in kept]}  # fmt: skip
    # lists as text: one name or none would not come back as a list
    return xr.Dataset(data, attrs={k: ";".join(str(v) for v in values) for k, values in attrs.items()} | {
        "sites": ";".join(site_ids)})  # fmt: skip


def read_runs(path: Path, places: pd.DataFrame, devices: pd.DataFrame, ground: Town) -> list[SiteRun]:
    """Return the runs that `write_design_runs` kept."""
    import numpy as np
    import xarray as xr

    from geo_risk.hazards.flood.design_runs import DesignRain, site_runs
    from geo_risk.kernels.inertial import Record

    with xr.open_dataset(path, engine="h5netcdf", decode_timedelta=False) as file:
        data = file.load()
    names, steps, years = (str(data.attrs[k]).split(";") for k in ("names", "step_min", "years"))
    kept: list[tuple[DesignRain, Record, Any]] = []
    runoff = {}
    for k, name in enumerate(n for n in names if n):
        period = float(years[k])
        rain = DesignRain(name, tuple(data[f"rain_{k}"].to_numpy().tolist()), float(steps[k]),
                          period if period > 0 else float("nan"))  # fmt: skip
        record = Record(*(data[f"{n}_{k}"].to_numpy() for n in ("time", "depth", "drained")))
        kept.append((rain, record, data[f"site_depth_{k}"].to_numpy()))
        runoff[name] = np.asarray(data[f"runoff_{k}"].to_numpy())
    return site_runs(kept, runoff, places, devices, ground)


def entrance_water(path: Path) -> dict[float, Any]:
    """Return the water at every entrance in each design storm [m], by return period [yr]."""
    import numpy as np
    import xarray as xr

    with xr.open_dataset(path, engine="h5netcdf", decode_timedelta=False) as file:
        data = file.load()
    years = [float(y) for y in str(data.attrs["years"]).split(";") if y]
    return {y: np.asarray(data[f"entrance_{k}"].to_numpy()) for k, y in enumerate(years) if y > 0}


def write_site_rain(
    *,
    runs: Path,
    town_dem: Path,
    town_sites: Path,
    town_devices: Path,
    findings: Path | None,
    rain: Path,
    facts: Path,
    sites: SiteParams,
    classes_m: list[float],
    close_class: int,
) -> None:
    """Write trigger rain and depths by return period of every site."""
    from geo_risk.core.grid import grid_of
    from geo_risk.hazards.flood.responses import site_states
    from geo_risk.hazards.flood.site_rain import depths_by_years, trigger_rain
    from geo_risk.hazards.flood.sites import town_ground
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.layers import open_layer, read_frame

    height = open_layer(town_dem)
    ground = town_ground(grid_of(height), height.to_numpy(), sites)
    places, devices = read_frame(town_sites), read_frame(town_devices)
    states = site_states(places, devices, None if findings is None else read_frame(findings))
    known = read_runs(runs, places, devices, ground)
    table = trigger_rain(known, states, classes_m=classes_m, close_class=close_class)
    table = table.merge(depths_by_years(known, states, first_class_m=classes_m[0]), on="site_id", validate="1:1")
    write_frame(table, rain)
    counts = {"sites": len(table), "sites_with_trigger_rain": int(table["trigger_60min_class1_mm"].notna().sum()),
              "sites_with_return_period": int(table["return_period_yr"].notna().sum())}  # fmt: skip
    methods = [{
        "name": "Trigger rain and return period of sites",
        "citation": "blocks of constant rain and Chicago storms (Keifer & Chu 1957) on the town's shallow-water model; "
                    "ponds replayed between the amounts that were run",
        "validity": "average antecedent moisture, rain alike over the town; drains take their capacity",
    }]  # fmt: skip
    write_json({"notes": [], "counts": counts, "quarantine": [], "methods": methods}, facts)
