"""Run-out beside com4FlowPy (AvaFrame), on its own case and on Mount St Helens; and memory by number of releases.

    GEO_RISK_REAL=... python -m benchmarks.runout [--peer PYTHON] [--json FILE]

PYTHON is the interpreter of an environment of its own in which `avaframe` is installed; without it the peer's reference
rasters are compared with, but not its time. Its source is not read: its output is compared, and an emulation of two
habits that its output shows (`fifo_path` below) tells how much of the difference they explain.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
from numba import njit
from rasterio.features import rasterize

from geo_risk.hazards.runout.params import RunoutParams
from geo_risk.kernels.runout import Friction, run_out

FLOW_PY = Friction(25.0, 8.0, 3e-4, 8848.0, 1e9)
NAMES = {
    "energy_m": "zdelta",
    "n_paths": "cellCounts",
    "length_m": "travelLengthMax",
    "angle_max_deg": "fpTravelAngleMax",
}
ROW = np.array([0, 1, 1, 1, 0, -1, -1, -1])
COLUMN = np.array([1, 1, 0, -1, -1, -1, 0, 1])


@njit(cache=True)
def fifo_path(z, start, cell_m, friction, order, node, energy, flux, push, came, reached, highest):  # noqa: PLR0913, PLR0915, PLR0917
    """One path in the order in which cells are found (least energy first), never worked off twice.

    The two habits: a cell's energy may still rise after its turn, and flux sent to a cell after its turn is lost.
    """
    tan_alpha, exponent, cut, cap = friction
    n_x = z.shape[1]
    order[0], node[start], n, at = start, 1, 1, 0
    energy[start], flux[start], came[start] = 0.0, 1.0, 0
    push[start, :] = 0.0
    weight, head = np.zeros(8), np.zeros(8)
    while at < n:
        b = order[at]
        at += 1
        node[b] = 2
        i, j = b // n_x, b % n_x
        total, carried = 0.0, push[b].sum()
        for d in range(8):
            weight[d] = 0.0
            r, c = i + ROW[d], j + COLUMN[d]
            if r < 0 or c < 0 or r >= z.shape[0] or c >= n_x or came[b] & (1 << ((d + 4) % 8)):
                continue
            way = cell_m * (np.sqrt(2.0) if d % 2 else 1.0)
            head[d] = min(energy[b] + z[i, j] - z[r, c] - way * tan_alpha, cap)
            p = push[b, d] + np.sqrt(0.5) * (push[b, (d + 1) % 8] + push[b, (d + 7) % 8]) if carried > 0 else 1.0
            if head[d] > 0 and p > 0:
                t = (z[i, j] - z[r, c]) / way
                weight[d] = (t + np.sqrt(1 + t * t)) ** exponent * p
                total += weight[d]
        n_kept, kept = 0, 0.0
        for d in range(8):
            if weight[d] > 0 and flux[b] * weight[d] / total >= cut:
                n_kept += 1
                kept += weight[d] / total
        while n_kept:
            d = -1
            for k in range(8):
                if weight[k] > 0 and flux[b] * weight[k] / total >= cut and (d < 0 or head[k] < head[d]):
                    d = k
            if d < 0:
                break
            share = flux[b] * (weight[d] / total + (1 - kept) / n_kept)
            weight[d] = 0.0
            c = (i + ROW[d]) * n_x + j + COLUMN[d]
            if node[c] == 2:
                continue
            if node[c] == 0:
                node[c], order[n], energy[c], flux[c], came[c] = 1, c, head[d], 0.0, 0
                push[c, :] = 0.0
                n += 1
            energy[c] = max(energy[c], head[d])
            flux[c] += share
            push[c, d] = energy[b]
            came[c] |= 1 << d
    for k in range(n):
        c = order[k]
        node[c] = 0
        reached[c] += 1
        highest[c] = max(highest[c], energy[c])


def emulated(z: np.ndarray, releases: np.ndarray, cell_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of paths and the greatest energy head with the two habits."""
    n = z.size
    friction = (np.tan(np.radians(FLOW_PY.alpha_deg)), FLOW_PY.exponent, FLOW_PY.flux_cut, FLOW_PY.cap_m)
    lists = (np.zeros(n, np.int64), np.zeros(n, np.int8), np.zeros(n), np.zeros(n), np.zeros((n, 8)),
             np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n))  # fmt: skip
    for start in releases:
        fifo_path(z, start, cell_m, friction, *lists)
    return lists[6].reshape(z.shape), lists[7].reshape(z.shape)


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two masks."""
    return float((a & b).sum() / (a | b).sum())


def flow_py_case(folder: Path, peer: str | None) -> dict:
    """Compare on the peer's own case; time both where the peer is given."""
    with rasterio.open(folder / "avaFlowPy/Inputs/dem.tif") as file:
        z, transform = file.read(1).astype(np.float64), file.transform
    area = gpd.read_file(folder / "avaFlowPy/Inputs/REL/rel.shp").geometry
    releases = np.flatnonzero(rasterize(area, z.shape, transform=transform))
    want = {}
    for ours, name in NAMES.items():
        with rasterio.open(next(folder.glob(f"reference_*/*_{name}.tif"))) as file:
            want[ours] = file.read(1)
    run_out(z, releases[:2], friction=FLOW_PY, cell_m=10.0)  # compile
    times = []
    for _ in range(5):
        start = time.process_time()
        got = run_out(z, releases, friction=FLOW_PY, cell_m=10.0)
        times.append(time.process_time() - start)
    theirs = want["n_paths"] > 0
    both = theirs & (got.n_paths > 0) & (want["energy_m"] > 0)
    n_paths, highest = emulated(z, releases, 10.0)
    same = theirs & (n_paths > 0) & (want["energy_m"] > 0)
    out = {
        "release_cells": len(releases), "footprint_cells": [int((got.n_paths > 0).sum()), int(theirs.sum())],
        "hits": [int(got.n_paths.sum()), int(want["n_paths"][theirs].sum())],
        "iou": iou(got.n_paths > 0, theirs),
        "r": {NAMES[k]: float(np.corrcoef(getattr(got, k)[both], want[k][both])[0, 1]) for k in NAMES},
        "median_abs_zdelta_m": float(np.median(np.abs(got.energy_m - want["energy_m"])[both])),
        "emulation": {"iou": iou(n_paths > 0, theirs), "hits": int(n_paths.sum()),
                      "r_zdelta": float(np.corrcoef(highest[same], want["energy_m"][same])[0, 1])},
        "cpu_s": {"median": float(np.median(times)), "least": min(times)},
    }  # fmt: skip
    if peer:
        out["peer_cpu_s"] = peer_time(folder, peer)
        out["times_faster"] = out["peer_cpu_s"] / out["cpu_s"]["median"]
    return out


def peer_time(folder: Path, python: str) -> float:
    """Run the peer on a copy of its case; return the CPU seconds of its processes."""
    with tempfile.TemporaryDirectory() as name:
        target = Path(name) / "data" / "avaParabola"  # where its default configuration looks
        shutil.copytree(folder / "avaFlowPy", target, copy_function=shutil.copyfile)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([python, "-m", "avaframe.runCom4FlowPy"], cwd=name, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ascii_grid(path: Path) -> np.ndarray:
    """Read an ESRI ASCII grid, -9999 as NaN."""
    values = np.loadtxt(path, skiprows=6)
    return np.where(values == -9999, np.nan, values)


def st_helens(folder: Path) -> dict:
    """Footprints of the slide of December 2021: the untouched default, and the best of a search on the case itself."""
    z = ascii_grid(folder / "pre_runout_DEM.asc")
    releases = np.flatnonzero(np.nan_to_num(ascii_grid(folder / "landslide_polygon.asc")) > 0)
    moved = np.nan_to_num(ascii_grid(folder / "DEM_of_Difference.asc")) != 0

    def score(friction: Friction) -> float:
        return iou(run_out(z, releases, friction=friction, cell_m=10.0).n_paths > 0, moved)

    trials = [Friction(float(a), float(e), c, h, 1e9) for a in range(8, 26) for e in (2, 4, 8, 16, 30, 75)
              for c in (3e-4, 3e-3, 1e-2, 3e-2) for h in (3.0, 6.0, 12.0, 20.0, 30.0, 8848.0)]  # fmt: skip
    best = max(trials, key=score)
    params = RunoutParams()
    return {
        "default": {kind: score(params.friction(kind)) for kind in ("landslide", "debris_flow")},
        "peer_best_set": score(Friction(14.0, 75.0, 3e-4, 12.0, 1e9)),
        "in_sample": {"trials": len(trials), "iou": score(best), "friction": best._asdict()},
    }  # fmt: skip


def memory() -> dict:
    """Peak memory of a process that runs n release cells of a slope of 1000 x 1000 cells [MB]."""
    code = (
        "import sys, resource, numpy as np\n"
        "from geo_risk.kernels.runout import Friction, run_out\n"
        "n = int(sys.argv[1]); y, x = np.mgrid[:1000, :1000]\n"
        "z = 9000 - 8.0 * y + 60 * np.sin(x / 9)\n"
        "cells = np.random.default_rng(0).choice(z.size // 2, n, replace=False)\n"
        "run_out(z, cells, friction=Friction(25, 8, 3e-4, 20, 600), cell_m=10.0, units=np.zeros(n, int))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)\n"
    )
    run = [sys.executable, "-c", code]
    return {str(n): float(subprocess.run([*run, str(n)], check=True, capture_output=True, text=True).stdout)
            for n in (100, 1000, 10_000, 50_000)}  # fmt: skip


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", help="python of an environment with avaframe")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    given = parser.parse_args()
    real = Path(os.environ["GEO_RISK_REAL"]) / "landslide"
    out = {"flow_py": flow_py_case(real / "flowpy", given.peer), "st_helens": st_helens(real / "mtsthelens_2021"),
           "memory_mb": memory()}  # fmt: skip
    text = json.dumps(out, indent=2)
    print(text)
    if given.json:
        given.json.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
