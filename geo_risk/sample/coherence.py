"""Interferometric coherence of the county by land cover and season, and the noise that it brings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from geo_risk.core.grid import Grid
from geo_risk.sample.cover import BARE_LOESS, BUILT_UP, CROPLAND, FOREST, WATER
from geo_risk.sample.fractal import power_law_field
from geo_risk.sample.ground import Ground
from geo_risk.sample.look import WAVELENGTH_M, block_mean
from geo_risk.sample.streams import stream

Array = NDArray[np.float64]

COHERENCE = {BUILT_UP: 0.80, BARE_LOESS: 0.50, CROPLAND: 0.45, FOREST: 0.28, WATER: 0.05}
CROP_LOSS = 0.20
CROP_MONTHS = (7, 8)
FOREST_SPREAD = 0.05
MASK_BELOW = 0.25
LOOKS = 20


@dataclass(frozen=True)
class Coherence:
    """Coherence outside the crops' summer (y, x), and the share of crops (y, x)."""

    base: Array
    crop_share: Array

    def on(self, day: date) -> Array:
        """Return the coherence of one date (y, x), 0.02..0.98."""
        loss = CROP_LOSS * self.crop_share if day.month in CROP_MONTHS else 0.0
        return np.clip(self.base - loss, 0.02, 0.98)

    def mean(self, days: tuple[date, ...]) -> Array:
        """Return the mean over dates (y, x)."""
        share = sum(day.month in CROP_MONTHS for day in days) / len(days)
        summer = np.clip(self.base - CROP_LOSS * self.crop_share, 0.02, 0.98)
        return share * summer + (1 - share) * np.clip(self.base, 0.02, 0.98)


def make_coherence(ground: Ground, grid: Grid) -> Coherence:
    """Make the coherence of the county on the InSAR grid."""
    table = np.zeros(8)
    for code, value in COHERENCE.items():
        table[code] = value
    base = block_mean(table[ground.landcover], grid, ground.grid)
    forest = block_mean(ground.landcover == FOREST, grid, ground.grid)
    crops = block_mean(ground.landcover == CROPLAND, grid, ground.grid)
    texture = power_law_field(grid.shape, stream(ground.seed, "insar.coherence"), slope=1.0, outer_cells=12)
    base = base + FOREST_SPREAD * texture * np.maximum(forest, 0.4)
    return Coherence(np.round(base * 4096) / 4096, crops)


def decorrelation_m(coherence: Array) -> Array:
    """Standard deviation [m] of the displacement noise: lambda/4pi sqrt((1 - g^2) / (2 L g^2)), L looks."""
    phase = np.sqrt((1 - coherence**2) / (2 * LOOKS * coherence**2))
    return np.asarray(WAVELENGTH_M / (4 * np.pi) * phase)
