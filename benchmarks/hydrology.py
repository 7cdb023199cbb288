"""Filling, directions, upslope area, height above drainage: beside peers; and with floods of a province in blocks.

    python -m benchmarks.hydrology peers [--side 4000] [--rounds 5]
    python -m benchmarks.hydrology province [--sides 1000 2000 4000 8000 13040]

`peers` runs each contestant in a process of its own, in turns, on the same ground with the same streams; it times the
four calls alone (reading, writing and compiling left out: each has run once on a small piece before) and prints medians
of seconds on the wall and of processor time, and the peak memory. Whitebox takes no arrays, so its time holds the
reading of one. `province` runs the pipeline's steps, drainage (six COGs) and the flood of a storm (depressions, spill
cascade, rivers: four COGs), and prints the slope of cost.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from geo_risk.core.grid import CHUNK, Grid, grid_of
from geo_risk.kernels.runoff import scs_runoff_mm
from geo_risk.publish.raster import write_layer
from geo_risk.sources.layers import open_layer

CELL_M = 30.0
STREAM_CELLS = 1000
CONTESTANTS = ("ours", "ours in blocks", "pyflwdir", "pysheds", "whitebox")


def surface(rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float32]:
    """Rough valleys: waves of many lengths and directions, with noise of half a metre (hollows on a sixth of it)."""
    rng = np.random.default_rng(7)
    z = np.zeros((len(rows), len(columns)))
    for k in range(24):
        length, turn, phase = 6 * 1.45**k, rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)
        if length > 6000:
            break
        a, b = 2 * np.pi * np.cos(turn) / length, 2 * np.pi * np.sin(turn) / length
        across, along = np.exp(1j * (a * rows + phase)), np.exp(1j * b * columns)
        z += 0.35 * length**0.8 * np.abs((across[:, None] * along[None, :]).real)
    noise = np.random.default_rng([int(rows[0]), int(columns[0])]).normal(0, 0.5, z.shape)
    return (z + noise).astype(np.float32)


def write_ground(side: int, path: Path) -> None:
    """Write a DEM of side x side cells, block by block."""
    bounds = (400_000, 4_000_000, 400_000 + CELL_M * side, 4_000_000 + CELL_M * side)
    grid = Grid.from_bounds(bounds, crs=4546, resolution_m=CELL_M)

    def block(block_info: Any = None) -> NDArray[np.float32]:
        (r0, r1), (c0, c1) = block_info[None]["array-location"]
        return surface(np.arange(r0, r1, dtype=float), np.arange(c0, c1, dtype=float))

    chunks = da.core.normalize_chunks((CHUNK, CHUNK), shape=grid.shape, dtype=np.float32)
    data = da.map_blocks(block, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0), np.float32))
    write_layer(grid.layer(data, units="m", long_name="height", name="dem"), path)


def ours(z: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    from geo_risk.kernels.accumulation import accumulate
    from geo_risk.kernels.d8 import drainage_order, flow_direction
    from geo_risk.kernels.hand import height_above_drainage
    from geo_risk.kernels.priority_flood import fill

    filled = fill(z)
    direction = flow_direction(filled)
    order = drainage_order(direction)
    is_stream = accumulate(direction, order) >= STREAM_CELLS
    return {"filled": filled, "hand": height_above_drainage(direction, order, filled, is_stream)}


def in_blocks(z: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    from geo_risk.terrain.downstream import hand_blocks
    from geo_risk.terrain.filling import direction_blocks, filled_blocks
    from geo_risk.terrain.upslope import upslope_blocks

    chunks = (CHUNK, CHUNK)
    filled = da.from_array(filled_blocks(da.from_array(z, chunks=chunks)).compute(), chunks=chunks)
    direction = da.from_array(direction_blocks(filled).compute(), chunks=chunks)
    is_stream = upslope_blocks(direction) >= STREAM_CELLS
    is_stream = da.from_array(is_stream.compute(), chunks=chunks)
    return {"filled": filled.compute(), "hand": hand_blocks(direction, filled, is_stream).compute()}


def pyflwdir(z: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    import pyflwdir as peer  # type: ignore[import-not-found,unused-ignore]

    filled, codes = peer.dem.fill_depressions(z, outlets="edge")
    network = peer.from_array(codes, ftype="d8", check_ftype=False)
    cells = network.upstream_area(unit="cell")
    return {"filled": filled, "hand": network.hand(drain=cells >= STREAM_CELLS, elevtn=filled)}


def pysheds(z: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    from pysheds.sgrid import sGrid  # type: ignore[import-not-found,unused-ignore]
    from pysheds.sview import Raster, ViewFinder  # type: ignore[import-not-found,unused-ignore]

    if not hasattr(np, "in1d"):
        setattr(np, "in1d", np.isin)  # noqa: B010 - the peer asks for NumPy before 2.4
    raster = Raster(z.astype(np.float64), viewfinder=ViewFinder(shape=z.shape, nodata=np.float64(-9999)))
    grid = sGrid(viewfinder=raster.viewfinder)
    filled = grid.fill_depressions(grid.fill_pits(raster))
    flat = grid.resolve_flats(filled)
    codes = grid.flowdir(flat)
    cells = grid.accumulation(codes)
    return {"filled": np.asarray(filled), "hand": np.asarray(grid.compute_hand(codes, filled, cells >= STREAM_CELLS))}


def whitebox(path: str) -> dict[str, NDArray[Any]]:
    import whitebox_workflows as peer  # type: ignore[import-not-found,unused-ignore]

    tools = peer.WbEnvironment()
    dem = tools.read_raster(path)
    filled = tools.hydrology.fill_depressions(dem=dem, fix_flats=True)
    codes = tools.hydrology.d8_pointer(dem=filled)
    cells = tools.hydrology.d8_flow_accum(input=codes, input_is_pointer=True, out_type="cells")
    streams = tools.streams.extract_streams(flow_accumulation=cells, threshold=float(STREAM_CELLS))
    tools.hydrology.elevation_above_stream(dem=filled, streams=streams)
    return {}


def one(name: str, path: str) -> dict[str, Any]:
    """Run a contestant on a small piece, then time it on the whole."""
    import rasterio

    with rasterio.open(path) as source:
        z = source.read(1)
    small = np.ascontiguousarray(z[:300, :300])
    with tempfile.TemporaryDirectory() as folder:
        piece = Path(folder) / "small.tif"
        profile = {"driver": "GTiff", "height": 300, "width": 300, "count": 1, "dtype": "float32", "crs": "EPSG:4546"}
        with rasterio.open(piece, "w", **profile, transform=rasterio.transform.from_origin(4e5, 4e6, 30, 30)) as target:
            target.write(small, 1)
        calls: dict[str, Callable[[NDArray[np.float32], str], dict[str, NDArray[Any]]]] = {
            "ours": lambda a, _: ours(a), "ours in blocks": lambda a, _: in_blocks(a),
            "pyflwdir": lambda a, _: pyflwdir(a), "pysheds": lambda a, _: pysheds(a),
            "whitebox": lambda _, p: whitebox(p),
        }  # fmt: skip
        calls[name](small, str(piece))
        wall, cpu = time.perf_counter(), time.process_time()
        made = calls[name](z, path)
    out = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu,
           "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}  # fmt: skip
    if made:
        out["filled_sum"] = float(np.nansum(made["filled"].astype(np.float64)))
        out["hand_mean"] = float(np.nanmean(made["hand"].astype(np.float64)))
    return out


def peers(side: int, rounds: int, wanted: list[str]) -> None:
    modules = {"pyflwdir": "pyflwdir", "pysheds": "pysheds", "whitebox": "whitebox_workflows"}
    names = [n for n in wanted if n not in modules or importlib.util.find_spec(modules[n])]
    found: dict[str, list[dict[str, Any]]] = {n: [] for n in names}
    with tempfile.TemporaryDirectory(prefix="hydrology-") as folder:
        path = Path(folder) / "dem.tif"
        write_ground(side, path)
        for _ in range(rounds):
            for name in names:
                words = [sys.executable, "-m", "benchmarks.hydrology", "one", "--name", name, "--dem", str(path)]
                done = subprocess.run(words, capture_output=True, text=True, check=False)
                if done.returncode:
                    print(f"{name}: {done.stderr.strip().splitlines()[-1]}")
                    continue
                found[name].append(json.loads(done.stdout.splitlines()[-1]))
                print(f"{name}: {done.stdout.splitlines()[-1]}", flush=True)
    first = {key: median(r[key] for r in found[names[0]]) for key in ("wall_s", "cpu_s")}
    for name, runs in found.items():
        if runs:
            m = {key: median(r[key] for r in runs) for key in ("wall_s", "cpu_s", "peak_mb")}
            said = ", ".join(f"{k} {runs[0][k]:.3f}" for k in ("filled_sum", "hand_mean") if k in runs[0])
            print(f"{name:15s} {m['wall_s']:7.2f} s on the wall, {m['cpu_s']:7.2f} s of processor time "
                  f"({m['wall_s'] / first['wall_s']:.1f} and {m['cpu_s'] / first['cpu_s']:.1f} times ours), "
                  f"peak {m['peak_mb']:.0f} MB; {said}")  # fmt: skip


def step(side: int) -> dict[str, Any]:
    """Run the pipeline's steps on a province: drainage, then the flood of a storm over it."""
    from geo_risk.flow.steps.flood import write_hazard
    from geo_risk.flow.steps.hydrology import make_drainage
    from geo_risk.hazards.flood.params import DrainageParams, FloodParams

    with tempfile.TemporaryDirectory(prefix="hydrology-") as name:
        folder = Path(name)
        write_ground(side, folder / "dem.tif")
        write_storm(folder)
        out: dict[str, Any] = {"cells_m": side**2 / 1e6, "peak_mb_before": peak_mb()}
        layers = ("dem_filled", "flow_direction", "flow_accumulation", "area_is_partial", "area_cut_ratio", "streams",
                  "hand_m")  # fmt: skip
        paths = {n: folder / f"{n}.tif" for n in layers}
        wall, cpu = time.perf_counter(), time.process_time()
        make_drainage(dem=folder / "dem.tif", **paths, facts=folder / "facts.json", params=DrainageParams())
        out |= {"drainage_wall_s": round(time.perf_counter() - wall, 1), "drainage_peak_mb": peak_mb()}
        made = ("hazard_flood", "depth_max_m", "depth_river", "depth_pond")
        used = {n: paths[n] for n in ("dem_filled", "flow_direction", "area_cut_ratio", "streams", "hand_m")}
        write_hazard(openings=None, town_depth=None, town_dem=None, dem=folder / "dem.tif", **used,
                     runoff=folder / "runoff.tif", **{n: folder / f"{n}.tif" for n in made},
                     facts=folder / "flood.json", params=FloodParams())  # fmt: skip
        out |= {"wall_s": round(time.perf_counter() - wall, 1), "cpu_s": round(time.process_time() - cpu, 1)}
        counts = json.loads((folder / "flood.json").read_text(encoding="utf-8"))["counts"]
        return out | {"peak_mb": peak_mb(), "cells_river": counts["cells_river"], "cells_pond": counts["cells_pond"]}


def peak_mb() -> int:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def write_storm(folder: Path) -> None:
    """Write the runoff of rain that grows from 60 to 140 mm over the area on curve numbers of 60 to 90, by blocks."""
    grid = grid_of(open_layer(folder / "dem.tif"))
    n_y, n_x = grid.shape
    rows, columns = (da.arange(n, chunks=CHUNK, dtype=np.float32) for n in (n_y, n_x))
    rain = 60 + 40 * rows[:, None] / n_y + 40 * columns[None, :] / n_x
    number = 75 + 15 * da.sin(rows[:, None] / 50) * da.cos(columns[None, :] / 70)
    depth = da.map_blocks(scs_runoff_mm, rain, number, dtype=np.float64).astype(np.float32)
    write_layer(grid.layer(depth, units="mm", long_name="runoff", name="runoff"), folder / "runoff.tif")


def province(sides: list[int]) -> None:
    rows = []
    for side in sides:
        words = [sys.executable, "-m", "benchmarks.hydrology", "step", "--side", str(side)]
        done = subprocess.run(words, check=True, capture_output=True, text=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(json.dumps(rows[-1]), flush=True)
    if len(rows) > 1:
        slope = np.polyfit(np.log([r["cells_m"] for r in rows]), np.log([r["cpu_s"] for r in rows]), 1)[0]
        print(f"processor time grows with cells to the power of {slope:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("peers", "province", "one", "step"))
    parser.add_argument("--side", type=int, default=4000)
    parser.add_argument("--sides", type=int, nargs="+", default=[1000, 2000, 4000, 8000, 13040])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--name")
    parser.add_argument("--names", nargs="+", default=list(CONTESTANTS), help="contestants; the first is compared with")
    parser.add_argument("--dem")
    given = parser.parse_args()
    if given.what == "peers":
        peers(given.side, given.rounds, given.names)
    elif given.what == "province":
        province(given.sides)
    else:
        print(json.dumps(one(given.name, given.dem) if given.what == "one" else step(given.side)))


if __name__ == "__main__":
    main()
