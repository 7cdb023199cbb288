"""Cost of a cell update of the 2-D flow beside itzi's kernel and landlab's OverlandFlow, in one run, in turn.

python benchmarks/flow.py [--peers PYTHON] [--size N] [--rounds K]

PYTHON is the interpreter of an environment with itzi and landlab (pip install itzi landlab); without it ours alone
runs. Every tool steps the same wet ground (rolling, with noise, hollows under 0.3 m of water and a film of 1 cm
elsewhere); time is that of whole steps divided by cells and steps; on a busy machine the processor's time says more.
Ours solves the peers' equations (without advection) and, once more, those with it; it includes greatest depth,
duration, arrival, speed and hazard rating; itzi's its flux and depth kernels alone (with greatest depth and speed),
called without its Python shell; landlab's its OverlandFlow.overland_flow.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np

CELL = 5.0


def ground(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:n, 0:n] * CELL
    waves = np.sin(x / 90) * np.sin(y / 70)
    return 100 - 0.002 * x - 0.001 * y + 0.5 * waves + rng.normal(size=x.shape) * 0.02, np.where(
        waves < -0.2, 0.3, 0.01
    )


def now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def since(begin: tuple[float, float], updates: int) -> tuple[float, float]:
    """Wall and processor time [ns] of an update."""
    return tuple((b - a) / updates * 1e9 for a, b in zip(begin, now(), strict=True))


def ours(n: int, n_threads: int, duration_s: float, *, advection: bool = False) -> tuple[float, float]:
    from geo_risk.kernels.inertial import simulate

    z, h = ground(n)
    kwargs = {"rain_step_s": 3600.0, "cell_m": CELL, "initial_depth_m": h, "n_threads": n_threads,
              "advection": advection}  # fmt: skip
    simulate(z, 0.03, [60.0], duration_s=1.0, **kwargs)
    begin = now()
    run = simulate(z, 0.03, [60.0], duration_s=duration_s, **kwargs)
    return since(begin, run.n_steps * n**2)


def itzi(n: int, steps: int) -> tuple[float, float]:
    from itzi import flow

    z, h = ground(n)
    pad = n + 2

    def grid(value: float | np.ndarray = 0.0) -> np.ndarray:
        out = np.zeros((pad, pad), np.float32)
        out[1:-1, 1:-1] = value
        return out

    z32, water, rough, rain = grid(z), grid(h), grid(0.03), grid(60 / 3.6e6)
    q = [grid() for _ in range(4)]
    hfe, hfs, kind, value, accum, error, hmax, v, vdir, vmax, froude = (grid() for _ in range(11))
    dire, dirs = grid(-1.0), grid(-1.0)
    step = {"dx": CELL, "dy": CELL, "dt": 0.5, "g": 9.80665}
    begin = now()
    for k in range(steps + 2):
        if k == 2:
            begin = now()
        flow.solve_q(
            arr_dire=dire, arr_dirs=dirs, arr_z=z32, arr_n=rough, arr_h=water, arr_qe=q[0], arr_qs=q[1], arr_hfe=hfe,
            arr_hfs=hfs, arr_bctype=kind, arr_bcvalue=value, arr_qe_new=q[2], arr_qs_new=q[3], arr_bcaccum=accum,
            theta=0.9, hf_min=0.001, v_rout=0.1, sl_thres=0.1, **step,
        )  # fmt: skip
        flow.solve_h(
            arr_ext=rain, arr_qe=q[2], arr_qs=q[3], arr_bct=kind, arr_bcv=value, arr_h=water, arr_hmax=hmax,
            arr_hfix=accum, arr_herr=error, arr_hfe=hfe, arr_hfs=hfs, arr_v=v, arr_vdir=vdir, arr_vmax=vmax,
            arr_fr=froude, **step,
        )  # fmt: skip
        q = [q[2], q[3], q[0], q[1]]
    return since(begin, steps * n**2)


def landlab(n: int, steps: int) -> tuple[float, float]:
    from landlab import RasterModelGrid
    from landlab.components import OverlandFlow

    z, h = ground(n)
    grid = RasterModelGrid((n, n), xy_spacing=CELL)
    grid.add_field("topographic__elevation", z.ravel().copy(), at="node")
    grid.add_field("surface_water__depth", h.ravel().copy(), at="node")
    model = OverlandFlow(grid, mannings_n=0.03, theta=0.9, rainfall_intensity=60 / 3.6e6)
    model.overland_flow(dt=0.5)
    begin = now()
    for _ in range(steps):
        model.overland_flow(dt=0.5)
    return since(begin, steps * n**2)


def peer(python: str, name: str, n: int, threads: int) -> tuple[float, float]:
    env = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    env.pop("PYTHONPATH", None)
    run = subprocess.run([python, __file__, "--only", name, "--size", str(n)], env=env, capture_output=True, text=True,
                         check=False)  # fmt: skip
    if run.returncode:
        print(f"{name}: {run.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return float("nan"), float("nan")
    return tuple(json.loads(run.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers")
    parser.add_argument("--size", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=("itzi", "landlab"))
    args = parser.parse_args()
    if args.only:
        steps = max(3, int(4e6 / args.size**2))
        print(json.dumps((itzi if args.only == "itzi" else landlab)(args.size, steps)))
        return
    duration = 2e8 / args.size**2  # so long that what a run does once does not count
    jobs = {f"ours, {k} threads": lambda k=k: ours(args.size, k, duration) for k in (1, 2)}
    jobs |= {f"with advection, {k}": lambda k=k: ours(args.size, k, duration, advection=True) for k in (1, 2)}
    if args.peers:
        jobs |= {f"itzi, {k} threads": lambda k=k: peer(args.peers, "itzi", args.size, k) for k in (1, 2)}
        jobs["landlab"] = lambda: peer(args.peers, "landlab", args.size, 1)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in jobs}
    for _ in range(args.rounds):
        for name, job in jobs.items():
            found[name].append(job())
    wall, cpu = ({n: statistics.median(t[k] for t in times) for n, times in found.items()} for k in (0, 1))
    print(f"{args.size} x {args.size} cells, median (least) of {args.rounds} [ns a cell update]")
    print(f"{'':18s} {'wall':>16s}  / ours, 2 {'processor':>17s}  / ours, 1")
    for name, times in found.items():
        least = [min(t[k] for t in times) for k in (0, 1)]
        print(f"{name:18s} {wall[name]:7.2f} ({least[0]:6.2f}) {wall[name] / wall['ours, 2 threads']:9.1f} "
              f"{cpu[name]:9.2f} ({least[1]:6.2f}) {cpu[name] / cpu['ours, 1 threads']:9.1f}")  # fmt: skip


if __name__ == "__main__":
    main()
