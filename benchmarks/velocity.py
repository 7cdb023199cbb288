"""Velocity and its standard error beside MintPy, beside reading memory, and as a stream.

    python -m benchmarks.velocity peer      # 100 x 1000 x 1000 file to file, against timeseries2velocity.py; parity
    python -m benchmarks.velocity kernel    # the kernel against reading the stack from memory
    python -m benchmarks.velocity stream --shares 100 25 8 [--chain]   # 100 x 20,000 x 10,000 over each share, lazily

Each measured command is a fresh process; both sides take turns in one run, so that ratios hold on a machine that is
busy. This file imports the standard library only, because the peak memory of a child starts from that of its parent.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DATES, ROWS, COLUMNS = 100, 1000, 1000
FULL = (20_000, 10_000)
TOOLS = Path(sys.executable).parent


def measured(command: list[str]) -> tuple[float, float]:
    """Return wall seconds and peak memory [MB] of a command; stop where it fails."""
    seconds, memory, _ = run(command)
    return seconds, memory


def run(command: list[str]) -> tuple[float, float, str]:
    """Return wall seconds, peak memory [MB] and what a command printed; stop where it fails."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
        assert process.stdout is not None
        said = process.stdout.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            sys.exit(f"{' '.join(command)} failed:\n{errors.read().decode()[-2000:]}")
    return seconds, usage.ru_maxrss / 1024, said


def child(*words: str) -> None:
    """Run a part of this script in a process of its own, so that this one stays small."""
    subprocess.run([sys.executable, "-m", "benchmarks.velocity", *words], check=True)


def peer(folder: Path, rounds: int) -> None:
    """File to file: this package on the stack with gaps, MintPy on the one without (it fails on gaps)."""
    if not (folder / "gaps.h5").exists():
        child("make", "--folder", str(folder))
    ours = [str(TOOLS / "geo-risk"), "velocity", str(folder / "gaps.h5"), "-o", str(folder / "ours.h5")]
    theirs = [str(TOOLS / "timeseries2velocity.py"), str(folder / "plain.h5"), "-o", str(folder / "theirs.h5")]
    measured(ours)  # compiled code is cached by the first run
    measured(theirs)
    runs = [(measured(ours), measured(theirs)) for _ in range(rounds)]
    names = ("geo-risk velocity", "timeseries2velocity.py")
    seconds = [statistics.median(r[k][0] for r in runs) for k in (0, 1)]
    memory = [statistics.median(r[k][1] for r in runs) for k in (0, 1)]
    for name, s, m in zip(names, seconds, memory, strict=True):
        print(f"{name}: {s:.2f} s, {m:.0f} MB (medians of {rounds})")
    each = [r[1][0] / r[0][0] for r in runs]
    print(f"faster by {seconds[1] / seconds[0]:.2f} (single runs {min(each):.2f}-{max(each):.2f}); "
          f"memory {memory[0] / memory[1]:.3f} of the peer's")  # fmt: skip
    child("parity", "--folder", str(folder))


def make(folder: Path) -> None:
    """Write the same stack without gaps, and with 10 % of the values missing."""
    import h5py
    import numpy as np

    rng = np.random.default_rng(1)
    days = np.datetime64("2019-01-05") + 12 * np.arange(DATES)
    rate = rng.normal(0, 0.02, (ROWS, COLUMNS)).astype("f4")
    texts = [str(d).replace("-", "") for d in days]
    attrs = {
        "FILE_TYPE": "timeseries", "UNIT": "m", "LENGTH": ROWS, "WIDTH": COLUMNS, "X_FIRST": 110.0, "Y_FIRST": 36.0,
        "X_STEP": 0.001, "Y_STEP": -0.001, "X_UNIT": "degrees", "Y_UNIT": "degrees", "EPSG": 4326, "PROCESSOR": "isce",
        "REF_DATE": texts[0], "REF_Y": 10, "REF_X": 10, "WAVELENGTH": 0.0555, "ORBIT_DIRECTION": "ASCENDING",
    }  # fmt: skip
    with h5py.File(folder / "plain.h5", "w") as plain, h5py.File(folder / "gaps.h5", "w") as gaps:
        for file in (plain, gaps):
            file.create_dataset("timeseries", (DATES, ROWS, COLUMNS), "f4")
            file["date"] = np.array(texts, dtype="S8")
            file["bperp"] = np.zeros(DATES, "f4")
            file.attrs.update({k: str(v) for k, v in attrs.items()})
        for k in range(DATES):
            values = rate * np.float32(12 * k / 365.25) + rng.normal(0, 0.005, rate.shape).astype("f4")
            plain["timeseries"][k] = values
            values[rng.random(rate.shape) < 0.1] = np.nan
            gaps["timeseries"][k] = values


def parity(folder: Path) -> None:
    """Compare with MintPy's velocities on its own stack and time axis."""
    import h5py
    import numpy as np

    out = folder / "parity.h5"
    command = [str(TOOLS / "geo-risk"), "velocity", str(folder / "plain.h5"), "-o", str(out)]
    subprocess.run([*command, "--time-axis", "calendar_year"], check=True, stdout=subprocess.DEVNULL)
    with h5py.File(out) as ours, h5py.File(folder / "theirs.h5") as theirs:
        for name in ("velocity", "velocityStd"):
            apart = float(np.abs(ours[name][:].astype("f8") - theirs[name][:]).max())
            print(f"{name}: largest difference {apart:.1e} m/yr on MintPy's time axis")


def kernel(rounds: int) -> None:
    """Velocity and error of the stack in memory, 2 threads, against summing it up once."""
    import numpy as np

    from geo_risk.kernels.lsq_plain import fit_plain
    from geo_risk.kernels.motion import motion_columns

    rng = np.random.default_rng(1)
    stack = rng.standard_normal((DATES, ROWS, COLUMNS), dtype=np.float32)
    for layer in stack:
        layer[rng.random(layer.shape) < 0.1] = np.nan
    design = motion_columns(12 * np.arange(DATES) / 365.25)
    ones, none = np.ones(DATES), np.zeros((DATES, 0))
    basis = np.zeros((0, ROWS, COLUMNS), np.float32)
    jobs = {
        "read (NumPy sum)": stack.sum,
        "velocity and error, 2 threads": lambda: fit_plain(stack, design, ones, none, basis, 3, threads=2),
        "velocity and error, 1 thread": lambda: fit_plain(stack, design, ones, none, basis, 3),
    }
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        job()
    for _ in range(rounds):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            taken[name].append(time.perf_counter() - start)
    read = statistics.median(taken["read (NumPy sum)"])
    for name, seconds in taken.items():
        middle = statistics.median(seconds)
        print(f"{name}: {middle:.3f} s (fastest {min(seconds):.3f}), {middle / read:.1f} x reading")


def stream(shares: list[float], *, chain: bool) -> None:
    """Time and peak memory over the size, each size a fresh process."""
    taken = []
    for share in shares:
        words = [sys.executable, "-m", "benchmarks.velocity", "piece", "--shares", str(share), *(["--chain"] * chain)]
        whole, memory, said = run(words)
        seconds = float(said.split()[-1])
        pixels = FULL[0] * FULL[1] / share
        taken.append(seconds / pixels)
        print(f"1/{share:g}: {pixels / 1e6:.2f} million pixels x {DATES} dates, {seconds:.1f} s "
              f"({whole - seconds:.1f} s more to start), {seconds / pixels * 1e6:.2f} us a pixel, "
              f"peak {memory:.0f} MB", flush=True)  # fmt: skip
    print(f"time a pixel, largest over smallest: {max(taken) / min(taken):.2f}")


def piece(share: float, *, chain: bool) -> None:
    """Fit a stack that is made block by block as it is read, and write its maps."""
    import dask.array as da
    import numpy as np
    import xarray as xr

    from geo_risk.hazards.deformation.motion.velocity import track_velocity
    from geo_risk.hazards.deformation.params import VelocityParams
    from geo_risk.publish.native import write_native

    rows, columns = (max(8, int(n / share**0.5)) for n in FULL)
    t = (12 * np.arange(DATES) / 365.25).astype("f4")

    def block(block_info: dict = {}) -> np.ndarray:  # noqa: B006 - Dask fills it in
        _, (r0, r1), (c0, c1) = block_info[None]["array-location"]
        rng = np.random.default_rng(r0)
        values = rng.standard_normal((DATES, r1 - r0, c1 - c0), dtype=np.float32) * np.float32(0.005)
        rate = rng.standard_normal((r1 - r0, c1 - c0), dtype=np.float32) * np.float32(0.005)
        values += t[:, None, None] * rate
        values[:, ::11, ::7] = np.nan
        return values

    band = max(1, 64 * 2**20 // (4 * DATES * columns))
    chunks = da.core.normalize_chunks((DATES, band, columns), shape=(DATES, rows, columns), dtype="f4")
    data = da.map_blocks(block, chunks=chunks, dtype="f4", meta=np.empty((0, 0, 0), "f4"))
    source = xr.Dataset(
        {"displacement": (("time", "y", "x"), data, {"units": "m"})},
        coords={"time": np.datetime64("2019-01-05", "ns") + np.arange(DATES) * np.timedelta64(12, "D"),
                "y": 4e6 - 60.0 * np.arange(rows), "x": 5e5 + 60.0 * np.arange(columns)},
        attrs={"crs": "EPSG:4546", "transform": [60, 0, 5e5, 0, -60, 4e6], "audit": [], "track": "asc"},
    )  # fmt: skip
    plain = VelocityParams(
        atmosphere="none", reference="as_given", date_weights=False, annual="never", estimator="least_squares",
        temporal_correlation="none",
    )  # fmt: skip
    params = VelocityParams() if chain else plain
    start = time.perf_counter()
    result, _, _, _ = track_velocity(source, params, maximum_sigma_mm_yr=15)
    with tempfile.TemporaryDirectory() as folder:
        write_native(result, Path(folder) / "velocity.h5")
    print(time.perf_counter() - start)


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("peer", "kernel", "stream", "make", "parity", "piece"))
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--shares", type=float, nargs="+", default=[100, 25, 8])
    parser.add_argument(
        "--chain", action="store_true", help="the whole default chain: robust, corrected, without jumps"
    )
    given = parser.parse_args()
    if given.part == "kernel":
        kernel(given.rounds)
    elif given.part == "stream":
        stream(given.shares, chain=given.chain)
    elif given.part == "piece":
        piece(given.shares[0], chain=given.chain)
    elif given.folder is None:
        with tempfile.TemporaryDirectory() as folder:
            peer(Path(folder), given.rounds)
    else:
        given.folder.mkdir(parents=True, exist_ok=True)
        {"peer": lambda: peer(given.folder, given.rounds), "make": lambda: make(given.folder),
         "parity": lambda: parity(given.folder)}[given.part]()  # fmt: skip


if __name__ == "__main__":
    main()
