"""A month of half-hourly IMERG over China: time and peak memory of opening and auditing it, beside a week of it.

    python benchmarks/rain_imerg.py FOLDER

FOLDER gets 1488 granules of 3600 x 1800 cells, 2 % of them wet (one is compressed, the rest are its copies with other
times).
Each case runs in a process of its own; the peak is that of the process.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np

COUNTY, CHINA = (111.0, 36.0, 113.0, 38.0), (73.0, 18.0, 135.0, 54.0)
CASES = {
    "county, week": (336, COUNTY),
    "county, month": (1488, COUNTY),
    "China, week": (336, CHINA),
    "China, month": (1488, CHINA),
}
START = np.datetime64("2024-07-01T00:00", "s")
CHUNK = (1, 145, 1800)


def granule(folder: Path, k: int) -> Path:
    begin = START + k * np.timedelta64(1800, "s")
    clock = [str(t)[11:].replace(":", "") for t in (begin, begin + np.timedelta64(1799, "s"))]
    day, minute = str(begin)[:10].replace("-", ""), (k % 48) * 30
    return folder / f"3B-HHR.MS.MRG.3IMERG.{day}-S{clock[0]}-E{clock[1]}.{minute:04d}.V07B.HDF5"


def stamp(path: Path, k: int) -> None:
    begin = START + k * np.timedelta64(1800, "s")
    header = (
        f"AlgorithmID=3IMERGHH;\nFileName={path.name};\nStartGranuleDateTime={begin}.000Z;\n"
        f"StopGranuleDateTime={begin + np.timedelta64(1799, 's')}.999Z;\nProductVersion=V07B;\n"
    )
    with h5py.File(path, "r+") as file:
        file.attrs["FileHeader"] = np.bytes_(header)
        file["Grid/time"][0] = int((begin - np.datetime64("1980-01-06", "s")) / np.timedelta64(1, "s"))


def write(folder: Path, n: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    first = granule(folder, 0)
    if not first.exists():
        rng = np.random.default_rng(1)
        rate = np.where(rng.random((3600, 1800)) < 0.98, 0, np.round(rng.gamma(0.6, 3.0, (3600, 1800)), 2)).astype("f4")
        with h5py.File(first, "w") as file:
            grid = file.create_group("Grid")
            data = grid.create_dataset("precipitation", data=rate[None], chunks=CHUNK, compression="gzip", shuffle=True)
            data.attrs["units"] = np.bytes_("mm/hr")
            grid["lon"] = (-179.95 + 0.1 * np.arange(3600)).astype("f4")
            grid["lat"] = (-89.95 + 0.1 * np.arange(1800)).astype("f4")
            grid["time"] = np.zeros(1, "i4")
            grid["time"].attrs["units"] = np.bytes_("seconds since 1980-01-06 00:00:00 UTC")
        stamp(first, 0)
    for k in range(1, n):
        path = granule(folder, k)
        if not path.exists():
            shutil.copyfile(first, path)
            stamp(path, k)


def one(folder: Path, n: int, bounds: tuple[float, ...]) -> dict[str, float]:
    from geo_risk.sources.options import RainOptions
    from geo_risk.sources.rain_audit import Rules, checked_values
    from geo_risk.sources.rain_imerg import open_hdf5
    from geo_risk.sources.rain_opened import Area
    from geo_risk.sources.rain_times import timed

    paths = [granule(folder, k) for k in range(n)]
    start, cpu = time.perf_counter(), time.process_time()
    opened = open_hdf5(paths, options=RainOptions(), area=Area(bounds, "EPSG:4326"))
    seen = time.perf_counter()
    series = timed(opened.rain, interval_h=None, where="imerg").rain * np.float32(0.5)
    checked_values(series, Rules(250.0, 0.01, opened.settled), interval_h=0.5, where="imerg")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"cells": series.size, "open_s": seen - start, "all_s": time.perf_counter() - start,
            "cpu_s": time.process_time() - cpu, "peak_mib": peak}  # fmt: skip


def main() -> None:
    folder = Path(sys.argv[1])
    if len(sys.argv) > 2:
        n, bounds = CASES[sys.argv[2]]
        print(json.dumps(one(folder, n, bounds)))
        return
    write(folder, max(n for n, _ in CASES.values()))
    print(f"{'case':16} {'Mcells':>7} {'open s':>7} {'all s':>7} {'cpu s':>7} {'peak MiB':>9}")
    for name in CASES:
        run = subprocess.run([sys.executable, __file__, str(folder), name], check=True, capture_output=True, text=True)
        r = json.loads(run.stdout)
        row = " ".join(f"{v:7.1f}" for v in (r["cells"] / 1e6, r["open_s"], r["all_s"], r["cpu_s"]))
        print(f"{name:16} {row} {r['peak_mib']:9.0f}")


if __name__ == "__main__":
    main()
