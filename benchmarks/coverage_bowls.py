"""Bowls with known truth: how often their stated 95 % intervals cover it.

Each draw is a bowl of a moving face, seen by two tracks of 48 dates as means of 60 m cells, under turbulence that is
correlated in space (a power law) and white noise, with the values lost that move a quarter wavelength between dates;
it goes the whole way from the series to the interval: local reference, parts of the series, noise from the
surroundings, fit.
"""

from __future__ import annotations

import numpy as np

from geo_risk.core.grid import Grid
from geo_risk.hazards.deformation.mining.bodies import find_bodies
from geo_risk.hazards.deformation.mining.bowl import Bowl, bowl_motion, outline_radius
from geo_risk.hazards.deformation.mining.bowl_series import Cut
from geo_risk.hazards.deformation.mining.clues import Found, depth_of, fit_body
from geo_risk.hazards.deformation.mining.params import MiningParams

GRID = Grid.from_bounds((510_000, 4_050_000, 513_000, 4_053_000), crs="EPSG:4546", resolution_m=60)
LOS = {"asc": (-0.60, -0.13, 0.79), "desc": (0.60, -0.13, 0.79)}
YEARS = np.arange(48) * 15 / 365.25
QUARTER_MM = 13.9


def drawn_bowl(rng: np.random.Generator) -> Bowl:
    """Return a bowl over a face of any usual size, depth and pace."""
    span = float(YEARS[-1])
    x, y = 511_500 + rng.uniform(-30, 30), 4_051_500 + rng.uniform(-30, 30)
    size = (rng.uniform(500, 3000), rng.uniform(20, 100) * span, rng.uniform(100, 350))
    return Bowl(x, y, *size, rng.uniform(-np.pi, np.pi), rng.uniform(70, 250), span, True, float(rng.normal(0.3, 0.01)))


def turbulence(rng: np.random.Generator, shape: tuple[int, int], n: int) -> np.ndarray:
    """Return n fields (n, cells) with power falling as wavenumber^(-11/3), 1 mm at one cell's scale and up."""
    size = (2 * shape[0], 2 * shape[1])
    k = np.hypot(np.fft.fftfreq(size[0])[:, None], np.fft.rfftfreq(size[1])[None])
    amplitude = np.divide(1.0, k, out=np.zeros_like(k), where=k > 0) ** (11 / 6)
    fields = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((n, *size))) * amplitude, s=size)
    fields = fields[:, : shape[0], : shape[1]].reshape(n, -1)
    return fields / fields.std(axis=1, keepdims=True)


def drawn_cuts(bowl: Bowl, rng: np.random.Generator) -> list[Cut]:
    """Return the series of both tracks over a bowl, with noise and losses."""
    coords = GRID.coords()
    x, y = (a.ravel() for a in np.meshgrid(coords["x"], coords["y"]))
    moved = np.zeros((len(YEARS), 3, len(x)))
    for k, t in enumerate(YEARS[1:], 1):
        moved[k] = bowl_motion(bowl, x, y, end=min(t / bowl.span_yr, 1), cell_m=60)
    out = []
    for name, look in LOS.items():
        los = np.repeat(np.array(look)[:, None], len(x), axis=1)
        true = np.einsum("c,tcn->tn", look, moved)
        size = rng.uniform(2, 6)
        white = rng.uniform(1, 5)
        seen = true + size * turbulence(rng, GRID.shape, len(YEARS)) + white * rng.standard_normal(true.shape)
        fast = np.abs(np.diff(true, axis=0)) > QUARTER_MM
        seen[1:][np.logical_or.accumulate(fast, axis=0)] = np.nan
        out.append(Cut(name, x, y, los, YEARS, seen, 60.0, None, "2022-07-03"))
    return out


def drawn_fit(rng: np.random.Generator, params: MiningParams) -> tuple[Bowl, Found | None]:
    """Return a true bowl that is large and fast enough for a clue, and what was found of it."""
    coords = GRID.coords()
    x, y = np.meshgrid(coords["x"], coords["y"])
    while True:
        bowl = drawn_bowl(rng)
        up = (bowl_motion(bowl, x, y, cell_m=60)[2] / bowl.span_yr).astype(np.float32)
        labels = (up < -8).astype(np.int32)
        bodies = find_bodies(labels, up, GRID, params, context={})
        if len(bodies) == 1:
            return bowl, fit_body(bodies[0], drawn_cuts(bowl, rng), labels, GRID, params)


def bowl_coverage(draws: int, seed: int) -> dict[str, tuple[int, int]]:
    """Return by quantity how many of the draws with an interval it covered, and their number."""
    params = MiningParams()
    rng = np.random.default_rng(seed)
    count: dict[str, list[bool]] = {
        k: [] for k in ("extent", "influence radius", "width", "advance", "azimuth", "depth range", "no bowl fitted")
    }
    for _ in range(draws):
        true, found = drawn_fit(rng, params)
        if found is None:
            count["no bowl fitted"].append(True)
            continue
        fit = found.fit
        radius, error = fit.radius(params.boundary_mm)
        count["extent"].append(abs(radius - outline_radius(true, params.boundary_mm)) <= 1.96 * error)
        for name, key, value in (("influence radius", "log influence", np.log(true.influence_m)),
                                 ("width", "log width", np.log(true.width_m)),
                                 ("advance", "log length", np.log(true.length_m))):  # fmt: skip
            got = {"log influence": fit.values[6], "log width": fit.values[4], "log length": fit.values[3]}[key]
            count[name].append(bool(abs(got - value) <= 1.96 * fit.sigma(key)))
        turn = (fit.bowl.azimuth_rad - true.azimuth_rad + np.pi) % (2 * np.pi) - np.pi
        count["azimuth"].append(bool(abs(turn) <= 1.96 * fit.sigma("azimuth")))
        _, low, high = depth_of(fit, params)
        count["depth range"].append(low <= true.influence_m * rng.uniform(*params.tan_beta_range) <= high)
    return {k: (sum(v), len(v)) for k, v in count.items()}
