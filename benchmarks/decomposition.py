"""East and up of two 1000 x 1000 tracks beside MintPy's asc_desc2horz_vert.py, in one run.

    python -m benchmarks.decomposition            (needs `pip install -e .[bench]`)

Medians of turns that alternate: whole processes with files in and out; the same without loading modules, as function
calls in one process; the solution alone on arrays in memory. Both read the same velocity and geometry files; ours reads
back what it wrote, and once more with standard errors, which MintPy does not have here. CPU seconds are those of the
processes, less moved by other work than the clock is. MintPy takes the mean geometry of 20 x 20 pixels, so the
results are compared on files whose geometry is constant in such windows, and on smooth ones.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from geo_risk.flow.east_up_file import write_east_up_file
from geo_risk.kernels.decompose import decompose_east_up

N = 1000
TRACKS = {"asc": (-13.0, 39.0), "desc": (-167.0, 37.0)}


def write_inputs(folder: Path, *, smooth: bool, errors: bool = False) -> list[tuple[Path, Path]]:
    """Write velocity.h5 and geometryGeo.h5 of two tracks; look angles run across the frame, or in steps of 20."""
    rng = np.random.default_rng(1)
    folder.mkdir()
    column = np.arange(N) if smooth else np.arange(N) // 20 * 20
    out = []
    for track, (heading, incidence) in TRACKS.items():
        attrs = {
            "FILE_TYPE": "velocity", "UNIT": "m/year", "X_FIRST": "110.0", "Y_FIRST": "36.0", "X_STEP": "0.0005",
            "Y_STEP": "-0.0005", "X_UNIT": "degrees", "Y_UNIT": "degrees", "LENGTH": str(N), "WIDTH": str(N),
            "REF_Y": "500", "REF_X": "500", "REF_LAT": "35.75", "REF_LON": "110.25", "HEADING": str(heading),
            "ORBIT_DIRECTION": {"asc": "ASCENDING", "desc": "DESCENDING"}[track], "DATA_TYPE": "float32",
            "PROCESSOR": "isce", "WAVELENGTH": "0.0555", "EPSG": "4326",
        }  # fmt: skip
        velocity, geometry = folder / f"{track}.h5", folder / f"{track}_geometry.h5"
        with h5py.File(velocity, "w") as file:
            file["velocity"] = rng.normal(0, 0.01, (N, N)).astype("f4")
            if errors:
                file["velocityStd"] = rng.uniform(0.0005, 0.002, (N, N)).astype("f4")
            file.attrs.update(attrs)
        with h5py.File(geometry, "w") as file:
            file["incidenceAngle"] = np.broadcast_to(incidence + 8 * (column / N - 0.5), (N, N)).astype("f4")
            file["azimuthAngle"] = np.full((N, N), 90 - heading, "f4")
            file["height"] = np.zeros((N, N), "f4")
            file.attrs.update(attrs | {"FILE_TYPE": "geometry", "UNIT": "degree"})
        out.append((velocity, geometry))
    return out


def peer_words(files: list[tuple[Path, Path]], folder: Path) -> list[str]:
    (a, ga), (d, gd) = files
    return [*map(str, (a, d)), "-g", str(ga), str(gd), "-o", str(folder / "horizontal.h5"), str(folder / "up.h5")]


def cpu_seconds() -> float:
    """Return the CPU time of this process and of those it waited for."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def alternating(turns: int, **calls: Callable[[], object]) -> dict[str, tuple[float, float]]:
    """Return the median clock and CPU seconds of each call, after one turn that does not count."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for turn in range(turns + 1):
        for name, call in calls.items():
            start = time.perf_counter(), cpu_seconds()
            call()
            if turn:
                taken[name].append((time.perf_counter() - start[0], cpu_seconds() - start[1]))
    return {n: (statistics.median(c for c, _ in t), statistics.median(u for _, u in t)) for n, t in taken.items()}


def say(what: str, seconds: dict[str, tuple[float, float]]) -> None:
    for k, kind in enumerate(("clock", "CPU")):
        ours, theirs = seconds["ours"][k], seconds["mintpy"][k]
        print(f"{what}, {kind}: MintPy {theirs:.3f} s, ours {ours:.3f} s, {theirs / ours:.1f} times", flush=True)


def processes(
    files: list[tuple[Path, Path]], folder: Path, turns: int, *, command: bool
) -> dict[str, tuple[float, float]]:
    """Time whole processes: our command, or a script that calls the function that the command calls."""
    code = (
        "import sys; from pathlib import Path; from geo_risk.flow.east_up_file import write_east_up_file as w; "
        "p = [Path(a) for a in sys.argv[1:]]; w([(p[0], p[1]), (p[2], p[3])], p[5])"
    )
    start = [str(Path(sys.executable).with_name("geo-risk")), "east-up"] if command else [sys.executable, "-c", code]
    ours = [*start, *(str(p) for pair in files for p in pair), "-o", str(folder / "ours.h5")]
    peer = [str(Path(sys.executable).with_name("asc_desc2horz_vert.py")), *peer_words(files, folder)]

    def run(words: list[str]) -> None:
        subprocess.run(words, check=True, capture_output=True)

    return alternating(turns, ours=lambda: run(ours), mintpy=lambda: run(peer))


def calls(files: list[tuple[Path, Path]], folder: Path, turns: int) -> dict[str, tuple[float, float]]:
    from mintpy.cli.asc_desc2horz_vert import main as peer

    def theirs() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            peer(peer_words(files, folder))

    return alternating(turns, ours=lambda: write_east_up_file(files, folder / "ours.h5"), mintpy=theirs)


def arrays(files: list[tuple[Path, Path]], turns: int) -> dict[str, tuple[float, float]]:
    from mintpy.asc_desc2horz_vert import asc_desc2horz_vert as peer

    v, s, inc, az = ([], [], [], [])
    for velocity, geometry in files:
        with h5py.File(velocity) as a, h5py.File(geometry) as b:
            std = a["velocityStd"] if "velocityStd" in a else np.ones((N, N), "f4")
            for into, value in (
                (v, a["velocity"]),
                (s, std),
                (inc, b["incidenceAngle"]),
                (az, b["azimuthAngle"]),
            ):
                into.append(value[:])
    velocity, std, incidence, azimuth = (np.stack(x) for x in (v, s, inc, az))
    east = (-np.sin(np.deg2rad(incidence)) * np.sin(np.deg2rad(azimuth))).astype("f4")
    up = np.cos(np.deg2rad(incidence)).astype("f4")

    def theirs() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            peer(velocity, incidence, azimuth, -90.0)

    return alternating(turns, ours=lambda: decompose_east_up(velocity, std, east, up, minimum_sine=0.34), mintpy=theirs)


def difference(folder: Path) -> tuple[float, float]:
    """Return the largest difference of east and of up from MintPy's [m/yr]."""
    out = []
    with h5py.File(folder / "ours.h5") as ours:
        for mine, theirs in (("east", "horizontal"), ("up", "up")):
            with h5py.File(folder / f"{theirs}.h5") as peer:
                out.append(float(np.nanmax(np.abs(ours[mine][:] - peer["velocity"][:]))))
    return out[0], out[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=7)
    turns = parser.parse_args().turns
    with tempfile.TemporaryDirectory() as name:
        for smooth in (False, True):
            folder = Path(name) / f"smooth_{smooth}"
            files = write_inputs(folder, smooth=smooth)
            if smooth:
                say("whole processes, `geo-risk east-up`", processes(files, folder, turns, command=True))
                say("whole processes, the function in a script", processes(files, folder, turns, command=False))
                say("function calls, files in and out", calls(files, folder, turns))
                rich = write_inputs(Path(name) / "errors", smooth=True, errors=True)
                say("the same with standard errors", calls(rich, Path(name) / "errors", turns))
                say("solution alone, arrays in memory", arrays(files, turns))
            else:
                calls(files, folder, 1)
            east, up = difference(folder)
            kind = "smooth across the frame" if smooth else "constant in windows of 20 x 20"
            print(f"largest difference, geometry {kind}: east {east:.1e}, up {up:.1e} m/yr")


if __name__ == "__main__":
    main()
