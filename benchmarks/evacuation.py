"""What the evacuation costs at province size: what warnings reach, cell by cell, and the list with all its ways.

    python -m benchmarks.evacuation RUN FOLDER [--side 26] [--shelters 1000] [--step NAME]

RUN is the output folder of a finished demo run, FOLDER what `benchmarks.zones RUN --folder FOLDER` left: zones, houses
and layers of a province. Beside them stand here 25,000 settlements at their houses, a road lattice of 500,000 edges
with places joined to it, shelters for 105 % of all people, and the demo's warnings, DEM and flood depth laid side by
side. `--called` counties keep their warnings, elsewhere nothing is warned of. Each step runs in a process of its own
from files to files, as in a run.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import dask.array as da
import geopandas as gpd
import numpy as np
import shapely

from benchmarks.zones import layer_of, spots
from geo_risk.core.grid import CHUNK
from geo_risk.core.names import STAGES_H

STEPS = ("evacuation.reach", "evacuation.slides", "evacuation.plan", "publish.lists")
WARNINGS = tuple(f"warning_{s}h" for s in STAGES_H)
GROUND = ("dem", "dem_filled", "slope_deg", "susceptibility")
"""Layers that every county has; the others are calm in counties that do not call."""
CALM = 0.3
"""Share of the demo county's rain that falls in calm counties."""


def laid(run: Path, folder: Path, side: int, hazardous: int, n_shelters: int) -> dict[str, Any]:
    """Write what the steps read beside what `benchmarks.zones` wrote."""
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer, read_frame, read_grid, read_json

    grid, small = read_grid(folder / "grid.json"), read_grid(run / ".work/between/grid.json")
    n_y, n_x = small.shape
    keeps = np.zeros((side, side), dtype=bool)
    keeps[tuple(spots(side, hazardous).T)] = True
    for name in ("dem", "dem_filled", "slope_deg", "susceptibility", "depth_max_m", *WARNINGS):
        layer = open_layer(layer_of(run, name)).compute()
        values = layer.to_numpy()

        def block(block_info: Any = None, values: Any = values, is_ground: bool = name in GROUND) -> Any:
            (r0, r1), (c0, c1) = block_info[None]["array-location"]
            rows, columns = np.arange(r0, r1), np.arange(c0, c1)
            out = values[np.ix_(rows % n_y, columns % n_x)]
            calm = ~keeps[np.ix_(rows // n_y, columns // n_x)]
            return out if is_ground else np.where(calm, 0, out).astype(values.dtype)

        chunks = da.core.normalize_chunks((CHUNK, CHUNK), shape=grid.shape, dtype=values.dtype)
        data = da.map_blocks(block, chunks=chunks, dtype=values.dtype, meta=np.empty((0, 0), values.dtype))
        write_layer(grid.layer(data, units=layer.attrs["units"], long_name=name, name=name), folder / f"{name}.tif")
    houses = read_frame(folder / "houses.gpkg")
    at = houses.geometry.centroid
    table = houses.drop(columns="geometry").assign(x=at.x, y=at.y).dropna(subset=["settlement_id"])
    sums = table.groupby("settlement_id").agg(
        people=("people", "sum"), vulnerable_people=("vulnerable_people", "sum"), households=("households", "sum"),
        x=("x", "mean"), y=("y", "mean"),
    )  # fmt: skip
    towns = gpd.GeoDataFrame(
        sums.drop(columns=["x", "y"]).round().reset_index(), geometry=shapely.points(sums["x"], sums["y"]), crs=grid.crs
    )
    towns["name"], towns["township"], towns["responsible"] = towns["settlement_id"], "T", "R"
    write_frame(towns, folder / "settlements.gpkg")
    rng = np.random.default_rng(0)
    roads_of(grid.bounds, rng, str(grid.crs)).to_file(folder / "roads.gpkg")
    where = shapely.get_coordinates(towns.geometry)[rng.choice(len(towns), n_shelters, replace=False)]
    part = rng.uniform(0.2, 2, n_shelters)
    capacity = (part / part.sum() * towns["people"].sum() * 1.05).astype(np.int64)
    spread = where + rng.normal(0, 300, where.shape)
    gpd.GeoDataFrame({"shelter_id": [f"H{i}" for i in range(n_shelters)], "name": "h", "capacity": capacity},
                     geometry=shapely.points(spread), crs=grid.crs).to_file(folder / "shelters.gpkg")  # fmt: skip
    laid_rain(run / ".work/between", folder, keeps)
    for name in ("rainfall_stages", "rainfall", "landslide_past_storms", "rainfall_antecedent"):
        write_json(read_json(run / f".work/between/{name}.json"), folder / f"{name}.json")
    shutil.copy(run / ".work/between/past_cases.nc", folder / "past_cases.nc")
    return {"settlements": len(towns), "people": int(towns["people"].sum()), "shelters": n_shelters}


def laid_rain(between: Path, folder: Path, keeps: np.ndarray) -> None:
    """Write the demo's rain side by side, its cells of 1 km under those of the province, less of it in calm counties."""
    from geo_risk.publish.cube import write_cube
    from geo_risk.publish.dataset import write_dataset
    from geo_risk.sources.dataset import read_dataset
    from geo_risk.sources.layers import read_grid
    from geo_risk.sources.rain import read_own

    left, _, _, top = read_grid(folder / "grid.json").bounds
    inner, _, _, inner_top = read_grid(between / "grid.json").bounds
    hours = read_own(between / "rain_hourly.nc").load()
    km = float(hours["x"][1] - hours["x"][0])
    across = round((read_grid(between / "grid.json").bounds[2] - inner) / km)
    skip = round((inner - (float(hours["x"][0]) - km / 2)) / km)
    cell = np.arange(-skip, keeps.shape[0] * across + skip)
    at, county = cell % across + skip, np.clip(cell // across, 0, keeps.shape[0] - 1)
    falls = np.where(keeps[np.ix_(county, county)], 1.0, CALM).astype(np.float32)
    place = {"x": left + (cell + 0.5) * km, "y": top - (cell + 0.5) * km}
    wide = hours.isel(y=at, x=at).assign_coords(place)
    write_cube(wide.copy(data=wide.to_numpy() * falls), folder / "rain_hourly.nc")
    fields = read_dataset(between / "rain_stages.nc").load().isel(y=at, x=at).assign_coords(place)
    fields = fields.map(lambda v: v * falls if {"y", "x"} <= set(v.dims) else v, keep_attrs=True)
    write_dataset(fields, folder / "rain_stages.nc")


def roads_of(bounds: tuple[float, float, float, float], rng: np.random.Generator, crs: str) -> gpd.GeoDataFrame:
    """Return a lattice of 500 x 500 junctions that lie up to some hundred metres off it."""
    left, bottom, right, top = bounds
    x, y = np.meshgrid(np.linspace(left + 500, right - 500, 500), np.linspace(bottom + 500, top - 500, 500))
    xy = np.dstack([x, y]) + rng.normal(0, 120, (500, 500, 2))
    pairs = ((xy[:, :-1], xy[:, 1:]), (xy[:-1], xy[1:]))
    lines = np.concatenate([
        shapely.linestrings(np.stack([a.reshape(-1, 2), b.reshape(-1, 2)], axis=1)) for a, b in pairs
    ])  # fmt: skip
    kind = rng.choice(["trunk", "primary", "secondary", "local"], len(lines), p=[0.05, 0.1, 0.25, 0.6])
    return gpd.GeoDataFrame({"road_id": [f"R{i}" for i in range(len(lines))], "class": kind}, geometry=lines, crs=crs)


def step(folder: Path, name: str) -> dict[str, Any]:
    """Run one step in this process and measure it."""
    from geo_risk.flow.steps.evacuation import write_evacuation
    from geo_risk.flow.steps.publish import write_list
    from geo_risk.flow.steps.reach import reach_name, write_reach
    from geo_risk.flow.steps.slide_chance import write_slides
    from geo_risk.hazards.rainfall.params import RainfallParams
    from geo_risk.hazards.runout.params import RunoutParams
    from geo_risk.products.params import EvacuationParams, RiskParams
    from geo_risk.products.warning_params import WarningParams
    from geo_risk.sources.options import NO_OPTIONS

    def tif(name: str) -> Path:
        return folder / f"{name}.tif"

    def of(name: str) -> Path:
        return folder / f"{name}.gpkg"

    frames = ("evacuation", "evacuation_assignments", "evacuation_routes", "cut_off")
    reached = {reach_name(n): tif(reach_name(n)) for n in WARNINGS}
    calls: dict[str, Any] = {
        "evacuation.reach": lambda: write_reach(
            dem=tif("dem"), stages=folder / "rainfall_stages.json", reach_level=tif("reach_level"),
            facts=folder / "reach.json", params=EvacuationParams(), runout=RunoutParams(),
            **{n: tif(n) for n in WARNINGS}, **reached,
        ),
        "evacuation.slides": lambda: write_slides(
            dem=tif("dem_filled"), slope_deg=tif("slope_deg"), susceptibility=tif("susceptibility"),
            cube=folder / "rain_hourly.nc", joined=folder / "rainfall.json", fields=folder / "rain_stages.nc",
            stages=folder / "rainfall_stages.json", model=folder / "landslide_past_storms.json",
            cases=folder / "past_cases.nc", motion=None, fitted=folder / "rainfall_antecedent.json",
            slide_chance=tif("slide_chance"), slide_onset=tif("slide_onset"), facts=folder / "slide_chance.json",
            params=EvacuationParams(), runout=RunoutParams(), warning=WarningParams(),
            rainfall=RainfallParams(),
        ),
        "evacuation.plan": lambda: write_evacuation(
            settlements=of("settlements"), houses=of("houses"), risk_zones=of("zones_linked"),
            grid=folder / "grid.json", roads=of("roads"), shelters=of("shelters"),
            stages=folder / "rainfall_stages.json", depth_max_m=tif("depth_max_m"), facts=folder / "evacuation.json",
            **{n: of(n) for n in frames}, params=EvacuationParams(), risk=RiskParams(), language="zh",
            road_options=NO_OPTIONS, shelter_options=NO_OPTIONS,
            **{n: tif(n) for n in ("hazard_landslide", "hazard_flood", *WARNINGS)}, **reached,
            slide_chance=tif("slide_chance"), slide_onset=tif("slide_onset"), slides=folder / "slide_chance.json",
        ),
        "publish.lists": lambda: [
            write_list(frame=of(n), xlsx=folder / f"{n}.xlsx", csv=folder / f"{n}.csv", run="province", language="zh")
            for n in ("evacuation", "evacuation_assignments", "cut_off")
        ],
    }  # fmt: skip
    wall, cpu = time.perf_counter(), time.process_time()
    calls[name]()
    return {"step": name, "wall_s": round(time.perf_counter() - wall, 1),
            "cpu_s": round(time.process_time() - cpu, 1),
            "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--side", type=int, default=26)
    parser.add_argument("--called", type=int, default=47)
    parser.add_argument("--shelters", type=int, default=1000)
    parser.add_argument("--step", choices=STEPS)
    parser.add_argument("--only", choices=STEPS, nargs="*", default=STEPS)
    given = parser.parse_args()
    if given.step:
        print(json.dumps(step(given.folder, given.step)))
        return
    if not (given.folder / "shelters.gpkg").exists():
        print(json.dumps(laid(given.run, given.folder, given.side, given.called, given.shelters)), flush=True)
    for one in given.only:
        words = [sys.executable, "-m", "benchmarks.evacuation", str(given.run), str(given.folder), "--step", one]
        print(subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout.strip(), flush=True)
    print(json.loads((given.folder / "evacuation.json").read_text())["counts"])


if __name__ == "__main__":
    main()
