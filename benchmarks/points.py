"""Memory and time of gridding a table of points, by number of points: the file is streamed, never held.

    python -m benchmarks.points --points 100000 400000 --dates 300

Tables of EGMS's shape (uniform points at 20 m, noise as displacement) are written to a temporary folder as CSV and as
Parquet; each is opened in a fresh process with `posting_m` 100. Printed: size of the file, of the numbers in it,
seconds, and the peak of resident memory above that of the imports.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

BATCH = 20_000
CHILD = """
import json, resource, sys, time
from pathlib import Path
from geo_risk.sources.egms import is_egms
from geo_risk.sources.insar import open_insar
from geo_risk.sources.insar_products import products
from geo_risk.sources.options import TrackOptions
products()
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before, start = peak(), time.perf_counter()
data = open_insar(Path(sys.argv[1]), track="asc", options=TrackOptions(posting_m=100.0))
print(json.dumps([time.perf_counter() - start, peak() - before, data.attrs["audit"][-1]]))
"""


def batch(start: int, n: int, days: list[str], side: float, rng: np.random.Generator) -> pa.Table:
    """Return rows of a table of EGMS's shape."""
    constant = {"height": 100.0, "temporal_coherence": 0.8, "track_angle": 349.0, "los_east": -0.6, "los_north": -0.1,
                "los_up": float(np.sqrt(0.63)), "mean_velocity": 0.0}  # fmt: skip
    columns = {"pid": [f"p{i}" for i in range(start, start + n)],
               "easting": 4.5e6 + rng.uniform(0, side, n), "northing": 2.5e6 + rng.uniform(0, side, n)}  # fmt: skip
    columns |= {k: np.full(n, v) for k, v in constant.items()}
    columns |= {d: rng.normal(0, 3, n).round(1) for d in days}
    return pa.table(columns)


def write(folder: Path, n_points: int, n_dates: int) -> list[Path]:
    """Write the same table as CSV and as Parquet."""
    rng = np.random.default_rng(1)
    days = [str(d).replace("-", "") for d in np.datetime64("2015-01-01") + 6 * np.arange(n_dates)]
    paths = [folder / f"{n_points}.csv", folder / f"{n_points}.parquet"]
    writers = []
    for start in range(0, n_points, BATCH):
        table = batch(start, min(BATCH, n_points - start), days, 20 * np.sqrt(n_points), rng)
        if not writers:
            writers = [pa.csv.CSVWriter(paths[0], table.schema), pa.parquet.ParquetWriter(paths[1], table.schema)]
        for writer in writers:
            writer.write_table(table)
    for writer in writers:
        writer.close()
    return paths


def main() -> None:
    """Print a line a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, nargs="+", default=[100_000, 400_000])
    parser.add_argument("--dates", type=int, default=300)
    given = parser.parse_args()
    for n_points in given.points:
        with tempfile.TemporaryDirectory() as folder:
            for path in write(Path(folder), n_points, given.dates):
                run = [sys.executable, "-c", CHILD, str(path)]
                done = subprocess.run(run, capture_output=True, text=True, check=True)
                seconds, megabytes, said = json.loads(done.stdout.splitlines()[-1])
                size, numbers = path.stat().st_size / 2**20, 4 * n_points * given.dates / 2**20
                print(f"{n_points} points, {path.suffix[1:]} of {size:.0f} MB ({numbers:.0f} MB of float32): "
                      f"{seconds:.1f} s, peak {megabytes:.0f} MB above imports; {said}")  # fmt: skip


if __name__ == "__main__":
    main()
