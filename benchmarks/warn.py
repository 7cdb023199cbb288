"""What a warning costs: cells of static layers against seconds and memory, and one issue on a finished run.

    python -m benchmarks.warn cells [--sides 2000 4000 6000] [--zones 2000]
    python -m benchmarks.warn run CONFIG --forecast FILE --issued TIME [--set KEY=VALUE]

`cells` makes a province of N x N cells of 30 m (susceptibility, slopes seen to move), 1 km rain of ten observed days
and a forecast over all five stages, then runs the two steps that grow with it, each size in a process of its own:
`rainfall.stages` (rain on its own grid) and `landslide.warnings` (five layers in one pass); and, with --zones, the
judging of that many zones of 300 m radius. `run` calls the command twice and compares the content hashes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np

from geo_risk.core.grid import CHUNK, Grid

ISSUED = "2024-07-25T00:00:00+00:00"


def measured(call: Any) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return {"wall_s": round(time.perf_counter() - wall, 2), "cpu_s": round(time.process_time() - cpu, 2),
            "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)}  # fmt: skip


def province(side: int, folder: Path) -> Grid:
    """Write the static layers, observed and forecast rain."""
    import xarray as xr

    from geo_risk.publish.cube import write_cube
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer

    grid = Grid.from_bounds((400_000, 4_000_000, 400_000 + 30 * side, 4_000_000 + 30 * side), crs=4546, resolution_m=30)
    chunks = da.core.normalize_chunks((CHUNK, CHUNK), shape=grid.shape, dtype=np.float32)

    def values(block_info: Any = None) -> Any:
        (r0, r1), (c0, c1) = block_info[None]["array-location"]
        rng = np.random.default_rng([r0, c0])
        return rng.beta(1.2, 3.0, (r1 - r0, c1 - c0)).astype(np.float32)

    data = da.map_blocks(values, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0), np.float32))
    write_layer(grid.layer(data, units="1", long_name="s", name="susceptibility"), folder / "susceptibility.tif")
    codes = (data > 0.9).astype(np.int8)
    write_layer(grid.layer(codes, units="level", long_name="m", name="slope_motion"), folder / "slope_motion.tif")
    write_json(grid.to_dict(), folder / "grid.json")
    n = side * 30 // 1000 + 8
    coarse = Grid.from_bounds(
        (396_000, 3_996_000, 396_000 + 1000 * n, 3_996_000 + 1000 * n), crs=4546, resolution_m=1000
    )
    base = coarse.layer(np.zeros(coarse.shape), units="mm", long_name="r", name="rain")
    for name, first, hours, seed in (("observed", -250, 250, 1), ("forecast", 0, 75, 2)):
        rng = np.random.default_rng(seed)
        times = np.datetime64("2024-07-25T01", "ns") + (first + np.arange(hours)) * np.timedelta64(1, "h")
        coords = {"time": times, **{c: base.coords[c] for c in ("y", "x", "spatial_ref")}}
        rain = rng.gamma(0.3, 4.0, (hours, *coarse.shape)).astype(np.float32)
        write_cube(xr.DataArray(rain, dims=("time", "y", "x"), coords=coords, name="rain",
                                attrs={"units": "mm", "interval_h": 1.0}), folder / f"{name}.nc")  # fmt: skip
    model = {"susceptibility_weight": 1.0, "rain_weight": 1.0, "bounds": [2.0, 3.0, 4.0, 5.0], "auc_storms": 0.8,
             "auc_rain": 0.7, "auc_susceptibility": 0.7, "n_slides": 99, "storms": ["a", "b"]}  # fmt: skip
    write_json({"model": model}, folder / "model.json")
    return grid


def one(side: int, n_zones: int) -> dict[str, Any]:
    """Measure one size in this process."""
    import geopandas as gpd
    from shapely.geometry import Point

    from geo_risk.flow.steps.rainfall import write_stages
    from geo_risk.flow.steps.warnings import write_cells, write_places
    from geo_risk.hazards.landslide.params import LandslideParams
    from geo_risk.hazards.rainfall.params import RainfallParams
    from geo_risk.products.params import RiskParams
    from geo_risk.products.warning_params import WarningParams
    from geo_risk.publish.frames import write_frame
    from geo_risk.sources.options import NO_OPTIONS, NO_RAIN_OPTIONS

    with tempfile.TemporaryDirectory(prefix="warn-") as name:
        f = Path(name)
        grid = province(side, f)
        out: dict[str, Any] = {"cells_m": round(side * side / 1e6, 1)}
        out["made"] = {"peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)}
        given = {"grid": f / "grid.json", "fields": f / "rain.nc", "facts": f / "stages.json"}
        out["stages"] = measured(lambda: write_stages(
            observed=f / "observed.nc", gauges=None, forecasts=[f / "forecast.nc"], **given, issued_times=[ISSUED],
            observed_options=None, forecast_options=[NO_RAIN_OPTIONS], params=RainfallParams(issued=ISSUED),
            fitted=None, unstated=[],
        ))  # fmt: skip
        layers = {f"warning_{h}h": f / f"warning_{h}h.tif" for h in (72, 24, 6, 3, 1)}
        ground = {"susceptibility": f / "susceptibility.tif", "hazard_landslide": f / "susceptibility.tif",
                  "fields": f / "rain.nc", "stages": f / "stages.json", "model": f / "model.json",
                  "motion": f / "slope_motion.tif"}  # fmt: skip
        out["cells"] = measured(lambda: write_cells(**ground, facts=f / "cells.json", params=LandslideParams(),
                                                    warning=WarningParams(), **layers))  # fmt: skip
        rng = np.random.default_rng(3)
        at = rng.uniform(500, 30 * side - 500, (n_zones, 2)) + np.array([400_000, 4_000_000])
        zones = {"zone_id": [f"Z{i}" for i in range(n_zones)], "kind": "landslide", "hazard_level": 3, "risk_level": 3,
                 "vulnerability_level": 2, "point_ids": None, "reasons": "x"}  # fmt: skip
        shapes = [Point(p).buffer(300) for p in at]
        write_frame(gpd.GeoDataFrame(zones, geometry=shapes, crs=grid.crs), f / "zones_linked.gpkg")
        tables = {n: f / f"{n}.gpkg" for n in ("risk_zones", "warnings", "warning_townships", "warning_gaps")}
        out["places"] = measured(lambda: write_places(
            grid=f / "grid.json", zones=f / "zones_linked.gpkg", **ground, admin=None, previous=None,
            facts=f / "places.json", params=WarningParams(), risk=RiskParams(), landslide=LandslideParams(),
            language="en", options=NO_OPTIONS, run="bench", is_hindcast=False, state=f / "state.json", **tables,
        ))  # fmt: skip
    return out


def all_sizes(sides: list[int], n_zones: int) -> None:
    rows = []
    for side in sides:
        words = [sys.executable, "-m", "benchmarks.warn", "one", "--sides", str(side), "--zones", str(n_zones)]
        done = subprocess.run(words, check=True, capture_output=True, text=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(json.dumps(rows[-1]), flush=True)
    size = np.array([r["cells_m"] for r in rows])
    for step in ("stages", "cells", "places"):
        cpu = np.array([r[step]["cpu_s"] for r in rows])
        if len(rows) > 1:
            slope, rest = np.polyfit(size, cpu, 1)
            print(f"{step}: {slope:.3f} s of processor time a million cells, {rest:.1f} s besides; "
                  f"170 million: {slope * 170 + rest:.0f} s")  # fmt: skip


def finished(config: str, forecast: str, issued: str, sets: list[str]) -> None:
    given = ["--forecast", forecast, "--issued", issued, "--json"]
    words = [sys.executable, "-m", "geo_risk.cli", "warn", config, *given, *(w for s in sets for w in ("--set", s))]
    for _ in range(2):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall = time.perf_counter()
        done = subprocess.run(words, check=False, capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            sys.exit(done.stderr)
        said = json.loads(done.stdout)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        took = time.perf_counter() - wall
        print(f"{took:.1f} s on the wall, {cpu:.1f} s of processor time, peak {after.ru_maxrss / 1024:.0f} MB, "
              f"{len(said['published'])} products changed, load {os.getloadavg()[0]:.0f}")  # fmt: skip
        for task in sorted(said["tasks"], key=lambda t: -t["seconds"])[:8]:
            print(f"  {task['seconds']:6.1f} s  {task['name']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("cells", "one", "run"))
    parser.add_argument("config", nargs="?")
    parser.add_argument("--sides", type=int, nargs="+", default=[2000, 4000, 6000])
    parser.add_argument("--zones", type=int, default=2000)
    parser.add_argument("--forecast")
    parser.add_argument("--issued")
    parser.add_argument("--set", action="append", default=[])
    given = parser.parse_args()
    if given.what == "cells":
        all_sizes(given.sides, given.zones)
    elif given.what == "one":
        print(json.dumps(one(given.sides[0], given.zones)))
    else:
        finished(given.config, given.forecast, given.issued, given.set)


if __name__ == "__main__":
    main()
