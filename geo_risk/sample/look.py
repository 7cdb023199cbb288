"""How the two Sentinel-1 tracks look at the county: dates, angles, unit vectors, layover and shadow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geo_risk.core.errors import ConfigError
from geo_risk.core.grid import Grid

Array = NDArray[np.float64]

WAVELENGTH_M = 0.05546576
N_DATES, REPEAT_DAYS = 60, 12
FIRST_DATE = date(2022, 7, 3)
NEAR_DEG, FAR_DEG = 33.0, 43.0
DAYS_PER_YEAR = 365.25


@dataclass(frozen=True)
class Track:
    """One orbit: its name, heading [degree clockwise from north] and first date."""

    name: str
    heading_deg: float
    first: date

    @property
    def azimuth_deg(self) -> float:
        """MintPy's azimuth of ground to satellite, anticlockwise from north: 90 - heading, within -180..180."""
        return (90.0 - self.heading_deg + 180) % 360 - 180

    def dates(self) -> tuple[date, ...]:
        """Return all dates on which the satellite passes."""
        return tuple(self.first + timedelta(days=REPEAT_DAYS * k) for k in range(N_DATES))


ASCENDING = Track("asc", 347.0, FIRST_DATE)
DESCENDING = Track("desc", 193.0, FIRST_DATE + timedelta(days=5))
TRACKS = (ASCENDING, DESCENDING)
SPAN_YR = (N_DATES - 1) * REPEAT_DAYS / DAYS_PER_YEAR
LAST_DATE = DESCENDING.dates()[-1]


def years_since_first(day: date) -> float:
    """Return the time since the county's first date [year of 365.25 days]."""
    return (day - FIRST_DATE).days / DAYS_PER_YEAR


def insar_grid(county: Grid, resolution_m: float) -> Grid:
    """Return the InSAR grid inside the county, from its upper-left corner.

    Raises
    ------
    ConfigError : not a whole multiple of the county's cell, or too coarse.
    """
    factor = resolution_m / county.resolution_m
    if not (1 <= factor <= 8 and factor == int(factor)):
        what = f"an InSAR cell of {resolution_m} m does not fit county cells of {county.resolution_m} m"
        raise ConfigError(what, where="--insar-resolution", fix="use 30, 60, 90, 120, ... up to 240")
    rows, columns = (n // int(factor) for n in county.shape)
    t = county.transform
    return Grid(GeoBox((rows, columns), Affine(resolution_m, 0, t.c, 0, -resolution_m, t.f), county.crs))


def block_mean(values: NDArray[np.generic], grid: Grid, county: Grid) -> Array:
    """Return the mean of county cells in each InSAR cell (y, x)."""
    factor = round(grid.resolution_m / county.resolution_m)
    rows, columns = grid.shape
    part = values[: rows * factor, : columns * factor].astype(np.float64)
    return np.asarray(part.reshape(rows, factor, columns, factor).mean(axis=(1, 3)))


def incidence_deg(grid: Grid, track: Track) -> Array:
    """Return the incidence angle (y, x) [degree], growing across the scene away from the satellite."""
    rows, columns = grid.shape
    share = (np.arange(columns) + 0.5) / columns
    share = share if np.sin(np.radians(track.heading_deg)) < 0 and track.heading_deg > 270 else 1 - share
    return np.repeat((NEAR_DEG + (FAR_DEG - NEAR_DEG) * share)[None, :], rows, axis=0)


def los_vector(incidence: Array, track: Track) -> tuple[Array, Array, Array]:
    """Return east, north and up of the unit vector from ground to satellite."""
    theta, azimuth = np.radians(incidence), np.radians(track.azimuth_deg)
    return -np.sin(theta) * np.sin(azimuth), np.sin(theta) * np.cos(azimuth), np.cos(theta)


def is_hidden(elevation_m: Array, grid: Grid, track: Track) -> NDArray[np.bool_]:
    """Return where the ground lies in layover or radar shadow by its own slope.

    Layover: the slope that faces the satellite is steeper than the incidence angle; shadow: the slope that turns
    away is steeper than its complement.
    """
    down_row, right = np.gradient(elevation_m, grid.resolution_m)
    incidence = incidence_deg(grid, track)
    azimuth = np.radians(track.azimuth_deg)
    toward = -(right * -np.sin(azimuth) + -down_row * np.cos(azimuth))
    facing = np.degrees(np.arctan(toward))
    return np.asarray((facing >= incidence) | (facing <= incidence - 90))
