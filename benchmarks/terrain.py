"""Slope family and wetness index on 4000 x 4000 cells, beside xarray-spatial in the same run.

python -m benchmarks.terrain [CELLS_A_SIDE]

The peer (bench extra) has slope, aspect and one curvature and no wetness index; beside ours with the wetness index
stands the peer with ln(a / tan b) of its slope, as one would write it by hand. Three curvatures are more than it does.
Lazy results go block by block into arrays that are there before, as when a raster is written. Each round runs every
contestant once, so that other load on the machine meets all of them. Seconds are medians over the rounds, on the wall
and of processor time of all threads; on a machine with other work only the latter compares programs.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping

import dask.array as da
import numpy as np
import xarray as xr

from geo_risk.core.grid import Grid
from geo_risk.terrain.slope import slope_layers, wetness_index

ROUNDS = 7


def main() -> None:
    """Print median seconds of each contestant and the ratios."""
    import xrspatial  # type: ignore[import-not-found,unused-ignore]

    side = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    grid = Grid.from_bounds((510_000, 3_999_990, 510_000 + 30 * side, 3_999_990 + 30 * side), crs=4546, resolution_m=30)
    dem = grid.layer(_ground(side), units="m", long_name="height", name="dem")
    lazy = dem.chunk({"y": 1024, "x": 1024})
    area = grid.layer(np.full(grid.shape, 9e4, np.float32), units="m2", long_name="area", name="area")
    area_there, area = area, area.chunk({"y": 1024, "x": 1024})
    plain = xr.DataArray(dem.to_numpy(), dims=("y", "x"), coords=grid.coords(), attrs={"res": (30.0, 30.0)})
    plain_lazy = plain.chunk({"y": 1024, "x": 1024})

    space = [np.zeros(grid.shape, np.float32) for _ in range(6)]

    def peer(layer: xr.DataArray, *, wet: bool = False) -> None:
        made = [f(layer) for f in (xrspatial.slope, xrspatial.aspect, xrspatial.curvature)]
        if wet:
            own = area if layer is plain_lazy else area_there
            made.append(np.log(own / np.tan(np.deg2rad(made[0]))).astype(np.float32))
        if layer is plain_lazy:
            da.store([m.data for m in made], space[: len(made)], lock=False)

    def family(*left_out: str, wet: bool) -> None:
        layers = slope_layers(lazy)
        wanted = [v.data for k, v in layers.items() if k not in left_out]
        wanted += [wetness_index(area, layers["slope_deg"]).data] if wet else []
        da.store(wanted, space[: len(wanted)], lock=False)

    others = ("curvature_plan", "curvature_tangential")
    runs: dict[str, Callable[[], None]] = {
        "xarray-spatial, NumPy: slope, aspect, curvature": lambda: peer(plain),
        "xarray-spatial, Dask: slope, aspect, curvature": lambda: peer(plain_lazy),
        "xarray-spatial, NumPy: slope, aspect, curvature, wetness by hand": lambda: peer(plain, wet=True),
        "xarray-spatial, Dask: slope, aspect, curvature, wetness by hand": lambda: peer(plain_lazy, wet=True),
        "geo_risk, Dask: slope, aspect, curvature": lambda: family(*others, wet=False),
        "geo_risk, Dask: slope, aspect, curvature, wetness": lambda: family(*others, wet=True),
        "geo_risk, Dask: slope, aspect, 3 curvatures": lambda: family(wet=False),
        "geo_risk, Dask: slope, aspect, 3 curvatures, wetness": lambda: family(wet=True),
    }
    median = _medians(runs)
    for name, (wall, cpu) in median.items():
        print(f"{wall:7.3f} s wall {cpu:7.3f} s processor  {name}")
    for name, seconds in median.items():
        if name.startswith("geo_risk"):
            same = [v for k, v in median.items() if k.startswith("xarray") and ("wetness" in k) == ("wetness" in name)]
            wall, cpu = np.min(same, axis=0) / seconds
            print(f"{wall:5.2f} x (wall) {cpu:5.2f} x (processor) the faster peer: {name}")
    _agree(xrspatial, plain, dem)


def _ground(side: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    rough: np.ndarray = rng.normal(0, 1, (side, side)).cumsum(axis=0).cumsum(axis=1)
    return (800 + 400 * rough / np.abs(rough).max() + rng.normal(0, 1, rough.shape)).astype(np.float32)


def _medians(runs: Mapping[str, Callable[[], None]]) -> dict[str, np.ndarray]:
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for turn in range(ROUNDS + 1):
        for name, run in runs.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            if turn:  # the first round compiles
                seconds[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {name: np.median(v, axis=0) for name, v in seconds.items()}


def _agree(xrspatial: object, plain: xr.DataArray, dem: xr.DataArray) -> None:
    """Print the largest difference of slope (both are Horn's)."""
    inner = slice(1, -1), slice(1, -1)
    theirs = xrspatial.slope(plain).to_numpy()[inner]  # type: ignore[attr-defined]
    ours = slope_layers(dem)["slope_deg"].to_numpy()[inner]
    print(f"largest difference of slope: {np.nanmax(np.abs(theirs - ours)):.1e} degrees")


if __name__ == "__main__":
    main()
