"""Time of an update of the register at the size of a province: 20,000 points and 30,000 zones.

A first run fills an empty register and all of it is confirmed; a second run on other data changes every tenth point and
zone, and adds one in a hundred; it is compared and all it proposes is confirmed. Printed are seconds of processor time
of this process (and on the wall, which counts the server of PostGIS too).

use: python benchmarks/register.py FOLDER [POSTGRES_URL] [N_POINTS N_ZONES]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

from geo_risk.core.grid import Grid
from geo_risk.flow.register import decide
from geo_risk.flow.register_forms import make_register
from geo_risk.flow.register_run import FinishedRun, update
from geo_risk.products.register_merging import MergeRules
from geo_risk.products.register_params import RegisterParams
from geo_risk.register.entry import Author
from geo_risk.register.replay import differences
from geo_risk.register.store import Register

CRS = "EPSG:4546"
LEFT, BOTTOM, SIDE = 300_000.0, 3_850_000.0, 390_000.0
RULES = RegisterParams()
BENCH = Author("bench", "size of a province")


@contextmanager
def timed(name: str) -> Iterator[None]:
    """Print the processor time and the time on the wall of a block."""
    cpu, wall = time.process_time(), time.perf_counter()
    yield
    print(f"{name:34s} {time.process_time() - cpu:8.1f} s cpu {time.perf_counter() - wall:8.1f} s wall", flush=True)


def frames(n_points: int, n_zones: int) -> dict[str, gpd.GeoDataFrame]:
    """Return points and zones spread over a square of 390 km, every zone with about as many corners as real ones."""
    rng = np.random.default_rng(11)
    xy = rng.uniform(0, SIDE, (n_points, 2)) + (LEFT, BOTTOM)
    points = gpd.GeoDataFrame(
        {
            "point_id": [f"IS-{k:06d}" for k in range(n_points)], "name": None, "kind": "landslide", "source": "insar",
            "status": "new", "velocity_mm_yr": rng.uniform(-60, -15, n_points), "velocity_std_mm_yr": 1.0,
            "activity": "steady", "hazard_level": rng.integers(1, 5, n_points), "zone_id": None, "confidence": 0.9,
            "people": rng.integers(0, 200, n_points).astype(float), "reasons": "形变。" * 20,
            "reasons_zh": "形变。" * 20, "reasons_en": "It moves. " * 20,
        },
        geometry=shapely.points(xy), crs=CRS,
    )  # fmt: skip
    middles = rng.uniform(0, SIDE, (n_zones, 2)) + (LEFT, BOTTOM)
    shapes = shapely.buffer(shapely.points(middles), rng.uniform(40, 200, n_zones), quad_segs=16)
    zones = gpd.GeoDataFrame(
        {
            "zone_id": [f"z{k:06d}" for k in range(n_zones)], "kind": "landslide",
            "hazard_level": rng.integers(1, 5, n_zones), "vulnerability_level": 2,
            "risk_level": rng.integers(1, 5, n_zones), "people": rng.integers(0, 200, n_zones).astype(float),
            "point_ids": [f"IS-{k % n_points:06d}" for k in range(n_zones)], "reasons": "区。" * 20,
            "reasons_zh": "区。" * 20, "reasons_en": "A zone. " * 20,
        },
        geometry=shapes, crs=CRS,
    )  # fmt: skip
    return {"hazard_points": points, "risk_zones": zones}


def finished(number: int, made: dict[str, gpd.GeoDataFrame]) -> FinishedRun:
    """Return a run of the frames with rasters of 90 m that call the ground still and of low hazard."""
    n = int(SIDE / 90)
    grid = Grid(GeoBox((n, n), Affine(90, 0, LEFT, 0, -90, BOTTOM + n * 90), CRS))
    layers = {
        "activity": grid.layer(np.zeros((n, n), np.int8), units="1", long_name="activity", name="activity"),
        "hazard_landslide": grid.layer(np.ones((n, n), np.int8), units="level", long_name="hazard", name="hazard"),
    }
    return FinishedRun(run_id=f"R-{number:012d}", name="bench", made_at=f"2026-{number:02d}-01T00:00:00+00:00",
                       data_id=str(number), crs=CRS, frames=made, layers=layers)  # fmt: skip


def changed(made: dict[str, gpd.GeoDataFrame]) -> dict[str, gpd.GeoDataFrame]:
    """Return a later run: every tenth object more people and a higher level, every hundredth new, every fiftieth gone."""
    out = {}
    for name, frame in made.items():
        later = frame.copy()
        k = np.arange(len(later))
        later.loc[k % 10 == 0, "people"] += 50
        later.loc[k % 10 == 0, "hazard_level"] = 4
        new = later[k % 100 == 1].copy()
        new[new.columns[0]] = "N" + new.iloc[:, 0].astype(str)
        new = new.set_geometry(new.geometry.translate(3000, 3000))
        later = later[k % 50 != 3]
        out[name] = gpd.GeoDataFrame(gpd.pd.concat([later, new], ignore_index=True), crs=CRS)
    return out


def main(url: str, n_points: int, n_zones: int) -> None:
    """Fill, update and check a register."""
    make_register(url, crs=CRS)
    first = finished(1, frames(n_points, n_zones))
    with Register.open(url) as register:
        with timed("first update"):
            report = update(register, first, RULES, who="bench")
        with timed("confirm all that is new"):
            decide(register, [], BENCH, RULES, kind="new")
        second = replace(finished(2, changed(dict(first.frames))))
        with timed("update by a later run"):
            report = update(register, second, RULES, who="bench")
        print({k: v for k, v in report.proposed.items()}, flush=True)
        with timed("confirm all of it"):
            decide(register, [], BENCH, RULES, everything=True, merges=MergeRules("larger"))
        with timed("update that changes nothing"):
            update(register, replace(second, run_id="R-000000000003", data_id="3", made_at="2026-03-01T00:00:00+00:00"),
                   RULES, who="bench")  # fmt: skip
        with timed("verify"):
            assert differences(register) == []  # noqa: S101 - a benchmark


if __name__ == "__main__":
    place = sys.argv[2] if len(sys.argv) > 2 and "://" in sys.argv[2] else f"sqlite:///{Path(sys.argv[1]) / 'r.gpkg'}"
    sizes = [int(w) for w in sys.argv[1:] if w.isdigit()] or [20_000, 30_000]
    main(place, *sizes)
