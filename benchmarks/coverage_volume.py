"""Whether the stated error of a lost volume covers the truth, on simulated maps after the real scene correction.

    python -m benchmarks.coverage_volume --draws 200

Each draw is a scene of 100 x 100 cells of 60 m: hills, noise that neighbours share over 0.6 to 2.4 km (Gaussian of
random width), a plane and a delay that follows height on every date, white noise, and one wide sinking (to 12 mm/yr) in
the lowest part. Dates are corrected by `scene_correction` as in a run, each cell's trend is taken, and the sum over the
cone's cells is held against the truth. Coverage of the 95 % interval by the noise alone, and with the level.
"""

from __future__ import annotations

import argparse

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

from geo_risk.core.grid import Grid
from geo_risk.hazards.deformation.areas.maps import TrackMaps
from geo_risk.hazards.deformation.lines.level import scene_level
from geo_risk.hazards.deformation.lines.vertical import vertical_map
from geo_risk.hazards.deformation.lines.watch import Subsidence
from geo_risk.hazards.deformation.motion.correction import basis_fields, scene_correction
from geo_risk.hazards.deformation.params import DeformationParams

N, CELL_M, DATES = 100, 60.0, 12
GRID = Grid.from_bounds((0, 0, N * CELL_M, N * CELL_M), crs="EPSG:4546", resolution_m=CELL_M)
F64 = NDArray[np.float64]


def smooth(rng: np.random.Generator, width: float) -> F64:
    """Return a field (N, N) of variance 1 that neighbours share over a Gaussian of `width` cells."""
    pad = int(4 * width)
    wide = ndimage.gaussian_filter(rng.standard_normal((N + 2 * pad, N + 2 * pad)), width)
    return np.asarray(wide[pad:-pad, pad:-pad] * (2 * np.sqrt(np.pi) * width))


def draw(rng: np.random.Generator) -> tuple[F64, F64, F64]:
    """Return heights [m], true rates and noise of the rates [mm/yr], (N, N) each."""
    height = 200 * smooth(rng, 15.0) + 1000
    row, column = np.unravel_index(int(np.argmin(ndimage.uniform_filter(height, 15))), height.shape)
    y, x = np.indices((N, N))
    rate = -12 * np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * rng.uniform(6, 12) ** 2))
    noise = rng.uniform(0.7, 1.6) * smooth(rng, float(np.exp(rng.uniform(np.log(5), np.log(20)))))
    noise += rng.normal(0, 0.7) * (height - 1000) / 200
    return height, rate, noise


def corrected(rng: np.random.Generator, height: F64, rate: F64) -> F64:
    """Return the rates [mm/yr] after the correction of each date; planes and delays come and go with the dates."""
    t = np.arange(DATES) * 0.25
    y, x = (np.indices((N, N)) - N / 2) / N
    metres = np.stack([
        rate * v + rng.normal(0, 20) * x + rng.normal(0, 20) * y + rng.normal(0, 10) * (height - 1000) / 200
        + rng.normal(0, 10) + rng.normal(0, 1.0, (N, N))
        for v in t
    ]) / 1000  # fmt: skip
    coords = GRID.coords() | {"time": np.datetime64("2022-01-01", "ns") + (t * 365.25 * 86400e9).astype("m8[ns]")}
    data = xr.Dataset({"displacement": (("time", "y", "x"), metres), "height": (("y", "x"), height)}, coords)
    correction = scene_correction(data, DeformationParams().velocity, maximum_sigma_mm_yr=15)
    for field, column in zip(basis_fields(data, correction), correction.coefficients.T, strict=True):
        metres -= column[:, None, None] * field.to_numpy()
    slope = (t - t.mean()) / ((t - t.mean()) ** 2).sum()
    return np.asarray(np.tensordot(slope, metres, 1) * 1000)


def one(seed: int) -> tuple[float, float, float]:
    """Return the error of the mean rate over the cone, its standard error by the noise, and by noise and level."""
    rng = np.random.default_rng(seed)
    height, rate, noise = draw(rng)
    got = corrected(rng, height, rate + noise).astype(np.float32)
    still = np.zeros((N, N), np.float32)
    track = TrackMaps("asc", got, np.full((N, N), 0.7, np.float32), (still, still, still + 1))
    vertical = vertical_map([track], GRID, DeformationParams())
    cells = rate < -5
    n = int(cells.sum())
    level = scene_level(vertical, height, atmosphere="ramp_height")
    own = float(np.sqrt(vertical.noise.variance(cells.astype(np.float64)))) / n
    if level is None:
        return float("nan"), own, own
    none, nothing = np.zeros((N, N), np.int32), np.zeros((N, N), np.int8)
    whole = Subsidence(none, nothing, {}, vertical, 0, level=level).sinking(cells)[1] / (n * CELL_M**2 / 1000)
    return float((got - rate)[cells].mean()), own, whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=200)
    every = np.array([one(s) for s in range(parser.parse_args().draws)])
    error, own, whole = every[np.isfinite(every[:, 0])].T
    print(f"{len(every) - len(error)} draws without stable ground left out: there the step warns")
    print(f"{len(error)} draws: error {error.mean():+.2f} +- {error.std():.2f} mm/yr")
    for name, std in (("noise alone", own), ("with the level", whole)):
        z = error / std
        print(f"{name}: stated {std.mean():.2f} mm/yr, root mean square of error/stated {np.sqrt((z**2).mean()):.2f}, "
              f"95 % interval covers {(np.abs(z) < 1.96).mean():.1%}")  # fmt: skip


if __name__ == "__main__":
    main()
