"""What moves in the county, where and how: the truth behind the radar's displacement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.core.grid import Grid
from geo_risk.core.vectorize import polygons_of_labels
from geo_risk.sample.look import DAYS_PER_YEAR, FIRST_DATE, LAST_DATE, N_DATES, REPEAT_DAYS, years_since_first
from geo_risk.sample.mover import BowlMover, Moving, PatternMover
from geo_risk.sample.site import Site

Array = NDArray[np.float64]

MOVING_MM_YR = 2.0
LAST_YR = years_since_first(LAST_DATE)
CLASS_OF = {
    "slow_slide": "landslide",
    "mining_bowl": "mining_subsidence",
    "groundwater_cone": "groundwater_subsidence",
    "embankment": "structure_settlement",
    "tailings_dam": "structure_settlement",
    "reference_patch": "structure_settlement",
}


@dataclass(frozen=True)
class Mover:
    """One mover: its identity, its site (how it was placed) and its displacement."""

    mover_id: str
    kind: str
    site: Site
    moving: Moving


@dataclass(frozen=True)
class Motion:
    """All movers on the InSAR grid.

    Attributes
    ----------
    grid : the InSAR grid.
    movers : in order of their ids.
    velocity_mm_yr : (3, y, x) east, north, up: the least-squares rate over the observed dates.
    annual_mm : (y, x) amplitude of the yearly wave.
    labels : (y, x) int32, 1-based index of the mover whose ground moves there, 0 where still.
    reference : row and column of the given reference point.
    """

    grid: Grid
    movers: tuple[Mover, ...]
    velocity_mm_yr: Array
    annual_mm: Array
    labels: NDArray[np.int32]
    reference: tuple[int, int]

    def displacement_m(self, years: float) -> Array:
        """Return (3, y, x): east, north, up since the first date [m]."""
        out = np.zeros((3, *self.grid.shape))
        for mover in self.movers:
            rows, columns = mover.moving.window
            out[:, rows, columns] += mover.moving.displacement_m(years)
        return out


def make_motion(grid: Grid, sites: list[Site], *, reference: tuple[int, int]) -> Motion:
    """Gather the placed movers and derive what a perfect observer would measure of each.

    Parameters
    ----------
    grid : the InSAR grid.
    sites : from `placing.place_all`.
    reference : row and column of the given reference point.
    """
    movers = tuple(Mover(f"M{i:03d}", site.kind, site, site.moving) for i, site in enumerate(sites, 1))
    velocity = np.zeros((3, *grid.shape))
    annual = np.zeros(grid.shape)
    labels = np.zeros(grid.shape, dtype=np.int32)
    strongest = np.zeros(grid.shape)
    for i, mover in enumerate(movers, 1):
        rows, columns = mover.moving.window
        rate, wave = _rate_and_wave(mover.moving)
        velocity[:, rows, columns] += rate
        annual[rows, columns] += wave
        strength = np.maximum(np.sqrt((rate**2).sum(axis=0)), wave)
        wins = (strength >= MOVING_MM_YR) & (strength > strongest[rows, columns])
        labels[rows, columns][wins] = i
        strongest[rows, columns][wins] = strength[wins]
    return Motion(grid, movers, velocity, annual, labels, reference)


def _rate_and_wave(moving: Moving) -> tuple[Array, Array]:
    """Return the least-squares rate (3, h, w) [mm/yr] and the yearly amplitude (h, w) [mm] of one mover."""
    if isinstance(moving, PatternMover):
        size = np.sqrt((moving.pattern**2).sum(axis=0))
        return 1e3 * moving.pattern * moving.law.rate_per_yr, 1e3 * size * moving.law.annual
    years = np.array([k * REPEAT_DAYS / DAYS_PER_YEAR for k in range(N_DATES)])
    weight = (years - years.mean()) / ((years - years.mean()) ** 2).sum()
    total = np.zeros_like(moving.displacement_m(0.0))
    for when, w in zip(years, weight, strict=True):
        total += 1e3 * w * moving.displacement_m(float(when))
    return total, np.zeros(total.shape[1:])


def movers_frame(motion: Motion, seen: dict[str, NDArray[np.bool_]]) -> gpd.GeoDataFrame:
    """Return the truth of the movers, one polygon a row.

    Parameters
    ----------
    motion : from `make_motion`.
    seen : per track, (y, x): the track can see this moving cell (geometry, coherence, no lost value).

    Returns
    -------
    Columns mover_id, class, kind, velocity_mm_yr (the fastest cell: along the slope for slides, else vertical, + up),
    annual_mm, accelerating, seasonal, visible_{track}, seen_share_{track}, failure_date, azimuth_deg, slope_deg,
    length_m, width_m. A track sees a mover when it sees at least 30 % of its cells.
    """
    polygons = polygons_of_labels(motion.labels, motion.grid).set_index("label").geometry
    rows = [dict(_row(motion, i, mover, seen), geometry=polygons[i])
            for i, mover in enumerate(motion.movers, 1) if i in polygons.index]  # fmt: skip
    return gpd.GeoDataFrame(pd.DataFrame(rows), geometry="geometry", crs=motion.grid.crs)


def _row(motion: Motion, label: int, mover: Mover, seen: dict[str, NDArray[np.bool_]]) -> dict[str, object]:
    window = mover.moving.window
    inside = motion.labels[window] == label
    east, north, up = (v[window][inside] for v in motion.velocity_mm_yr)
    speed = np.sqrt(east**2 + north**2 + up**2)
    fastest = int(np.argmax(speed))
    site = mover.site
    value = float(speed[fastest]) if mover.kind == "slow_slide" else float(up[fastest])
    row: dict[str, object] = {
        "mover_id": mover.mover_id,
        "class": CLASS_OF[mover.kind],
        "kind": mover.kind,
        "velocity_mm_yr": round(value, 2),
        "annual_mm": round(float(motion.annual_mm[window][inside].max()), 2),
        "accelerating": bool(np.isfinite(site.failure_yr)),
        "seasonal": bool(site.seasonal),
        "failure_date": _failure_date(site),
        "azimuth_deg": round(site.azimuth_deg, 1),
        "slope_deg": round(site.slope_deg, 1),
        "length_m": round(site.length_m, 1),
        "width_m": round(site.width_m, 1),
        "cells": int(inside.sum()),
    }
    for track, mask in seen.items():
        share = float(mask[window][inside].mean())
        row[f"seen_share_{track}"] = round(share, 3)
        row[f"visible_{track}"] = share >= 0.3
    return row


def _failure_date(site: Site) -> str | None:
    if not np.isfinite(site.failure_yr):
        return None
    return (FIRST_DATE + timedelta(days=round(site.failure_yr * DAYS_PER_YEAR))).isoformat()


def bowls_of(motion: Motion) -> Iterator[tuple[Mover, BowlMover]]:
    """Yield the mining bowls."""
    for mover in motion.movers:
        if isinstance(mover.moving, BowlMover):
            yield mover, mover.moving
