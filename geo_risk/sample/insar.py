"""What the radar reports of the motion: displacement in the line of sight with its noise, gaps and errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from geo_risk.core.grid import Grid
from geo_risk.sample.coherence import MASK_BELOW, Coherence, decorrelation_m
from geo_risk.sample.fractal import power_law_field
from geo_risk.sample.ground import Ground
from geo_risk.sample.look import (
    WAVELENGTH_M,
    Track,
    block_mean,
    incidence_deg,
    is_hidden,
    los_vector,
    years_since_first,
)
from geo_risk.sample.motion import Motion
from geo_risk.sample.site import Site
from geo_risk.sample.streams import stream

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

QUANTUM_M = 2.0**-13
TURBULENCE_MM = (4.0, 10.0)
STRATIFIED_MM_PER_100M = 2.0
RAMP_MM = 4.0
MISSING_SHARE = 0.05
TRACK_WITH_GAPS = "desc"
JUMP_SHARE = 0.005
PATCH_M = 1200.0
OUTER_SCALE_M = 15000.0
MIN_CONTRAST = 0.2


@dataclass(frozen=True)
class Scene:
    """One track over the county: where it looks from, what it can keep, and which dates it has.

    Attributes
    ----------
    los : (3, y, x) unit vector to the satellite: east, north, up.
    coherence : mean coherence over its dates (y, x).
    hidden : layover or shadow (y, x).
    kept : (y, x), neither masked by coherence nor hidden.
    """

    track: Track
    grid: Grid
    dates: tuple[date, ...]
    incidence_deg: Array
    los: Array
    height_m: Array
    coherence: Array
    hidden: Mask
    kept: Mask
    seed: int


def make_scene(ground: Ground, grid: Grid, coherence: Coherence, track: Track) -> Scene:
    """Set up one track over the county."""
    dates = _dates(track, ground.seed)
    height = block_mean(ground.dem_true, grid, ground.grid)
    incidence = incidence_deg(grid, track)
    hidden = is_hidden(height, grid, track)
    mean = coherence.mean(dates)
    return Scene(
        track=track, grid=grid, dates=dates, incidence_deg=incidence, los=np.stack(los_vector(incidence, track)),
        height_m=height, coherence=mean, hidden=hidden, kept=(mean >= MASK_BELOW) & ~hidden, seed=ground.seed,
    )  # fmt: skip


def _dates(track: Track, seed: int) -> tuple[date, ...]:
    """Return the dates of a track; one track lacks 5 % of them, never the first or the last."""
    dates = track.dates()
    if track.name != TRACK_WITH_GAPS:
        return dates
    n = round(MISSING_SHARE * len(dates))
    gone = stream(seed, "insar.missing").choice(np.arange(1, len(dates) - 1), size=n, replace=False)
    return tuple(day for k, day in enumerate(dates) if k not in gone)


def los_m(scene: Scene, motion: Motion, day: date) -> Array:
    """Return the true displacement toward the satellite since the county's first date (y, x) [m]."""
    return np.asarray((scene.los * motion.displacement_m(years_since_first(day))).sum(axis=0))


def lost_after(scene: Scene, motion: Motion) -> NDArray[np.int16]:
    """Return the index of the first date at which the motion can no longer be followed; the number of dates if never.

    Where the motion of two neighbours differs by more than a quarter wavelength within one interval, the phase
    between them is ambiguous: both lose that date, and all later ones, since displacement is summed over time.
    """
    out = np.full(scene.grid.shape, len(scene.dates), dtype=np.int16)
    before = los_m(scene, motion, scene.dates[0])
    for k, day in enumerate(scene.dates[1:], 1):
        now = los_m(scene, motion, day)
        step, before = now - before, now
        torn = np.zeros(step.shape, dtype=bool)
        across = np.abs(np.diff(step, axis=0)) > WAVELENGTH_M / 4
        along = np.abs(np.diff(step, axis=1)) > WAVELENGTH_M / 4
        torn[:-1] |= across
        torn[1:] |= across
        torn[:, :-1] |= along
        torn[:, 1:] |= along
        out[torn] = np.minimum(out[torn], k)
    return out


def noise_m(scene: Scene, coherence: Coherence, index: int) -> Array:
    """Return the noise of one date (y, x) [m]: atmosphere, ramp and decorrelation, before referencing."""
    day = scene.dates[index]
    rng = stream(scene.seed, f"insar.{scene.track.name}.{day.isoformat()}")
    year = 2 * np.pi * (day.timetuple().tm_yday - 20) / 365.25
    low, high = TURBULENCE_MM
    size = np.clip((low + high) / 2 - (high - low) / 2 * np.cos(year) + rng.normal(0, 0.8), low, high)
    turbulent = power_law_field(scene.grid.shape, rng, slope=8 / 3, outer_cells=OUTER_SCALE_M / scene.grid.resolution_m)
    lapse = np.clip(1.2 * np.cos(year + 0.6) + rng.normal(0, 0.7), -STRATIFIED_MM_PER_100M, STRATIFIED_MM_PER_100M)
    rows, columns = scene.grid.shape
    tilt = rng.normal(0, RAMP_MM, 2)
    ramp = tilt[0] * np.linspace(-1, 1, rows)[:, None] + tilt[1] * np.linspace(-1, 1, columns)[None, :]
    speckle = rng.standard_normal(scene.grid.shape) * decorrelation_m(coherence.on(day))
    heights = scene.height_m - scene.height_m.mean()
    return np.asarray(1e-3 * (size * turbulent + lapse * heights / 100 + ramp) + speckle)


def jumps_m(scene: Scene, reference: tuple[int, int], index: int) -> Array:
    """Return the unwrapping errors of one date (y, x) [m]: whole patches off by half a wavelength, up or down.

    The reference's own patch never jumps, since the others are unwrapped against it.
    """
    rows, columns = scene.grid.shape
    size = PATCH_M / scene.grid.resolution_m
    rng = stream(scene.seed, f"insar.{scene.track.name}.patches")
    warp = [power_law_field((rows, columns), rng, slope=2.0, outer_cells=2 * size) * 0.22 for _ in range(2)]
    n_rows, n_columns = int(rows / size) + 3, int(columns / size) + 3
    i = np.clip(np.arange(rows)[:, None] / size + 1 + warp[0], 0, n_rows - 1).astype(np.int32)
    j = np.clip(np.arange(columns)[None, :] / size + 1 + warp[1], 0, n_columns - 1).astype(np.int32)
    dice = stream(scene.seed, f"insar.{scene.track.name}.jumps.{scene.dates[index].isoformat()}")
    torn = dice.random((n_rows, n_columns)) < JUMP_SHARE
    sign = np.where(dice.random((n_rows, n_columns)) < 0.5, -1.0, 1.0)
    torn[i[reference], j[reference]] = False
    return np.asarray((torn * sign * WAVELENGTH_M / 2)[i, j])


def epochs(scene: Scene, motion: Motion, coherence: Coherence, lost: NDArray[np.int16]) -> Iterator[Floats]:
    """Yield what is delivered of each date in turn: (y, x) float32 [m], toward the satellite positive.

    Relative to the first date and to the reference point, NaN where masked, hidden or lost, rounded to 2^-13 m.
    """
    first: Array | None = None
    for k, day in enumerate(scene.dates):
        raw = los_m(scene, motion, day) + noise_m(scene, coherence, k)
        first = raw if first is None else first
        value = raw - first
        value = value - value[motion.reference]
        if k > 0:
            value += jumps_m(scene, motion.reference, k)
        value[~scene.kept | (lost <= k)] = np.nan
        yield (np.round(value / QUANTUM_M) * QUANTUM_M).astype(np.float32)


def seen(scene: Scene, motion: Motion, lost: NDArray[np.int16]) -> Mask:
    """Return the moving cells (y, x) that the track can see.

    Coherence kept, no layover or shadow, at least half of the dates before the value is lost, and for slides a line
    of sight that sees at least a fifth of the motion (|C| >= 0.2).
    """
    size = np.sqrt((motion.velocity_mm_yr**2).sum(axis=0))
    share = np.abs((scene.los * motion.velocity_mm_yr).sum(axis=0))
    contrast = np.divide(share, size, out=np.ones_like(size), where=size > 0)
    slides = np.zeros(scene.grid.shape, dtype=bool)
    for label, mover in enumerate(motion.movers, 1):
        if mover.kind == "slow_slide":
            rows, columns = mover.moving.window
            inside = motion.labels[rows, columns] == label
            slides[rows, columns] |= inside
            if mover.site.seasonal:
                look = scene.los[:, rows, columns][:, inside].mean(axis=1)
                contrast[rows, columns][inside] = abs(float(look @ _direction(mover.site)))
    return np.asarray(
        (motion.labels > 0) & scene.kept & (lost >= len(scene.dates) / 2) & (~slides | (contrast >= MIN_CONTRAST))
    )


def _direction(site: Site) -> Array:
    azimuth, dip = np.radians(site.azimuth_deg), np.radians(site.slope_deg)
    return np.array([np.sin(azimuth) * np.cos(dip), np.cos(azimuth) * np.cos(dip), -np.sin(dip)])
