"""How often the stated intervals of velocity cover it: scenes of noise through the whole velocity step."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.hazards.deformation.motion.time_noise import half_width
from geo_risk.hazards.deformation.motion.velocity import track_velocity
from geo_risk.hazards.deformation.params import VelocityParams

SIDE, GAPS = 20, 0.12
KINDS = {
    # share and time [yr] of the correlated part, swing of its standard deviation over the year
    "white": (0.0, 0.1, 0.0),
    "autoregressive": (0.5, 0.06, 0.0),
    "strongly autoregressive": (0.7, 0.12, 0.0),
    "heavier in summer": (0.0, 0.1, 0.6),
    "autoregressive, heavier in summer": (0.5, 0.06, 0.6),
    "strongly autoregressive, heavier in summer": (0.7, 0.12, 0.6),
}


def velocity_coverage(draws: int, seed: int) -> dict[str, tuple[int, int]]:
    """Return covered and all, by noise, number of dates and estimator.

    Each scene has 400 pixels, every one a draw with a velocity and gaps of its own; noise and its parameters are what
    the step has to find out itself. Half of the scenes weigh their dates.
    """
    out = {}
    for kind, (share, tau, swing) in KINDS.items():
        for n in (25, 60, 120):
            for estimator in ("least_squares", "bisquare"):
                covered = total = 0
                for k in range(max(1, round(draws / SIDE**2))):
                    rng = np.random.default_rng([seed, k])
                    hit, known = _scene(rng, n, (share, tau, swing), estimator, weigh=k % 2 == 0)
                    covered, total = covered + hit, total + known
                out[f"{kind}, {n} dates, {estimator}"] = covered, total
    return out


def noise(rng: np.random.Generator, t: NDArray[np.float64], model: tuple[float, float, float], n: int) -> NDArray:
    """Return (time, n) draws of unit variance in the mean date."""
    share, tau, swing = model
    covariance = (1 - share) * np.eye(len(t)) + share * np.exp(-np.abs(t[:, None] - t) / tau)
    size = 1 + swing * np.sin(2 * np.pi * t)
    return size[:, None] * (np.linalg.cholesky(covariance) @ rng.standard_normal((len(t), n)))


def scene(
    rng: np.random.Generator, n: int, model: tuple[float, float, float]
) -> tuple[xr.Dataset, NDArray[np.float64]]:
    """Return a track of SIDE x SIDE pixels [m] with gaps, and its true velocities [mm/yr]."""
    t = 12 * np.arange(n) / 365.25
    velocity = rng.normal(0, 1, (SIDE, SIDE))
    values = 0.004 * noise(rng, t, model, SIDE**2).reshape(n, SIDE, SIDE) + velocity / 1000 * t[:, None, None]
    values[rng.random(values.shape) < GAPS] = np.nan
    coords = {
        "time": np.datetime64("2022-01-05", "ns") + np.arange(n) * np.timedelta64(12, "D"),
        "y": 4.0e6 - 60.0 * np.arange(SIDE), "x": 5.0e5 + 60.0 * np.arange(SIDE),
    }  # fmt: skip
    attrs = {"crs": "EPSG:4546", "transform": [60, 0, 5e5, 0, -60, 4e6], "audit": []}
    cube = (("time", "y", "x"), values.astype("f4"), {"units": "m"})
    return xr.Dataset({"displacement": cube}, coords=coords, attrs=attrs), velocity


def _scene(
    rng: np.random.Generator, n: int, model: tuple[float, float, float], estimator: str, *, weigh: bool
) -> tuple[int, int]:
    dataset, velocity = scene(rng, n, model)
    params = VelocityParams(
        atmosphere="none", reference="as_given", estimator=estimator, drop_jumps=False, date_weights=weigh,
        sample_pixels=SIDE**2,
    )  # fmt: skip
    maps = track_velocity(dataset, params, maximum_sigma_mm_yr=50)[0].compute()
    half = half_width(maps["velocity_std"].to_numpy(), maps["velocity_dof"].to_numpy())
    known = np.isfinite(half)
    return int((np.abs(maps["velocity"].to_numpy() - velocity) <= half)[known].sum()), int(known.sum())
