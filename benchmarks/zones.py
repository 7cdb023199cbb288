"""What zones and points cost at province size: a finished county laid side by side, in seconds and memory.

    python -m benchmarks.zones RUN [--side 26] [--hazardous 47] [--folder DIR]

RUN is the output folder of a finished demo run. Its layers are laid side by side, `side` times in each direction (26 of
500 cells of 30 m: 169 million cells); `hazardous` counties keep their hazard, moving areas, ponds and ledger
(47 of 632 zones: 30,000), all others are low and still; people live in as many counties as give 25,000 settlements.
The steps `zones.draw`, `points.merge` and `zones.link` run each in a process of its own, from files to files, as in a
run.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import dask.array as da
import geopandas as gpd
import numpy as np
import pandas as pd

from geo_risk.core.grid import CHUNK, Grid

LAYERS = {"hazard_landslide": 1, "hazard_flood": 0, "flow_direction": None, "flow_accumulation": None,
          "activity": 0, "blind_map": 0}  # fmt: skip
"""Layer, and what it is in the counties that are not hazardous (None: as it is)."""

FRAMES = {"active_deformation": "area_id", "ponding": "pond_id", "mining_clues": "clue_id"}
SETTLEMENTS, POINTS = 25_000, 20_000


def layer_of(run: Path, name: str) -> Path:
    return next(p for p in (run / ".work/between" / f"{name}.tif", run / "layers" / f"{name}.tif") if p.exists())


def spots(side: int, n: int) -> np.ndarray:
    """Return n counties (row, column), spread evenly and the same for the same numbers."""
    return np.array(np.unravel_index(np.linspace(0, side * side - 1, n).round().astype(int), (side, side))).T


def laid(run: Path, folder: Path, side: int, hazardous: int) -> dict[str, Any]:
    """Write the inputs of the two steps."""
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer, read_frame, read_grid

    small = read_grid(run / ".work/between/grid.json")
    n_y, n_x = small.shape
    left, _, _, top = small.bounds
    m = small.resolution_m
    grid = Grid.from_bounds((left, top - side * n_y * m, left + side * n_x * m, top), crs=small.crs, resolution_m=m)
    chosen = spots(side, hazardous)
    keeps = np.zeros((side, side), dtype=bool)
    keeps[chosen[:, 0], chosen[:, 1]] = True
    for name, other in LAYERS.items():
        layer = open_layer(layer_of(run, name)).compute()
        values = layer.to_numpy()

        def block(block_info: Any = None, values: Any = values, other: Any = other) -> Any:
            (r0, r1), (c0, c1) = block_info[None]["array-location"]
            rows, columns = np.arange(r0, r1), np.arange(c0, c1)
            out = values[np.ix_(rows % n_y, columns % n_x)]
            if other is None:
                return out
            return np.where(keeps[np.ix_(rows // n_y, columns // n_x)], out, other).astype(values.dtype)

        chunks = da.core.normalize_chunks((CHUNK, CHUNK), shape=grid.shape, dtype=values.dtype)
        data = da.map_blocks(block, chunks=chunks, dtype=values.dtype, meta=np.empty((0, 0), values.dtype))
        write_layer(grid.layer(data, units=layer.attrs["units"], long_name=name, name=name), folder / f"{name}.tif")

    def spread(frame: gpd.GeoDataFrame, at: np.ndarray, *ids: str) -> gpd.GeoDataFrame:
        parts = []
        for i, j in at.tolist():
            part = frame.copy()
            part.geometry = part.geometry.translate(j * n_x * m, -i * n_y * m)
            for column in ids:
                part[column] = part[column].astype(str) + f"-{i}-{j}"
            parts.append(part)
        return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=frame.crs)

    for name, column in FRAMES.items():
        frame = read_frame(run / ".work/between" / f"{name}.gpkg")
        write_frame(spread(frame, chosen, *([column] if column in frame else [])), folder / f"{name}.gpkg")
    houses = read_frame(run / ".work/between/houses.gpkg")
    per_county = houses["settlement_id"].nunique()
    lived = spots(side, min(side * side, -(-SETTLEMENTS // per_county)))
    spread_houses = spread(houses, lived, "house_id", "settlement_id")
    write_frame(spread_houses, folder / "houses.gpkg")
    points = read_frame(run / ".work/between/points_merged.gpkg")
    book = points[points["source"].str.contains("inventory")][["point_id", "name", "kind", "people", "geometry"]]
    booked = spots(side, min(side * side, -(-POINTS // len(book))))
    ledger = spread(book, booked, "point_id")
    write_frame(ledger, folder / "ledger.gpkg")
    write_json(grid.to_dict(), folder / "grid.json")
    return {"cells_m": round(grid.shape[0] * grid.shape[1] / 1e6), "houses": len(spread_houses), "ledger": len(ledger),
            "settlements": int(spread_houses["settlement_id"].nunique())}  # fmt: skip


def step(folder: Path, name: str) -> dict[str, Any]:
    """Run one step on the laid inputs in this process and measure it."""
    from geo_risk.flow.steps.points import write_points
    from geo_risk.flow.steps.zones import write_linked, write_zones
    from geo_risk.products.params import RiskParams
    from geo_risk.sources.options import NO_OPTIONS

    common: dict[str, Any] = {"grid": folder / "grid.json", "params": RiskParams(), "language": "zh"}
    frames = {n: folder / f"{n}.gpkg" for n in ("active_deformation", "houses")}
    drawn, merged = folder / "zones_drawn.gpkg", folder / "points_merged.gpkg"
    calls: dict[str, Any] = {
        "zones.draw": lambda: write_zones(
            **common, **frames, ponding=folder / "ponding.gpkg", roads=None, out=drawn, risk=folder / "risk_level.tif",
            facts=folder / "zones.json", options=NO_OPTIONS, hazard_landslide=folder / "hazard_landslide.tif",
            hazard_flood=folder / "hazard_flood.tif", flow_direction=folder / "flow_direction.tif",
            flow_accumulation=folder / "flow_accumulation.tif",
        ),
        "points.merge": lambda: write_points(
            **common, **frames, hazard_points=folder / "ledger.gpkg", mining_clues=folder / "mining_clues.gpkg",
            hazard=folder / "hazard_landslide.tif", activity=folder / "activity.tif",
            blind_map=folder / "blind_map.tif", zones_drawn=drawn, out=merged, facts=folder / "points.json",
            options=NO_OPTIONS,
        ),
        "zones.link": lambda: write_linked(
            zones_drawn=drawn, points=merged, out=folder / "zones_linked.gpkg",
            facts=folder / "zone_ranks.json", params=common["params"], language="zh",
        ),
    }  # fmt: skip
    wall, cpu = time.perf_counter(), time.process_time()
    calls[name]()
    return {"step": name, "wall_s": round(time.perf_counter() - wall, 1),
            "cpu_s": round(time.process_time() - cpu, 1),
            "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--side", type=int, default=26)
    parser.add_argument("--hazardous", type=int, default=47)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--step")
    given = parser.parse_args()
    if given.step:
        print(json.dumps(step(given.folder, given.step)))
        return
    with tempfile.TemporaryDirectory(prefix="zones-") as name:
        folder = given.folder or Path(name)
        if not (folder / "grid.json").exists():
            folder.mkdir(parents=True, exist_ok=True)
            print(json.dumps(laid(given.run, folder, given.side, given.hazardous)), flush=True)
        for one in ("zones.draw", "points.merge", "zones.link"):
            words = [sys.executable, "-m", "benchmarks.zones", str(given.run), "--folder", str(folder), "--step", one]
            print(subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout.strip(), flush=True)
        for facts, key in (("zones", "zones"), ("points", "points")):
            said = json.loads((folder / f"{facts}.json").read_text())
            print(facts, said["counts"][key])


if __name__ == "__main__":
    main()
