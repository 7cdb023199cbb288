"""Rainstorm warning signals: the colour that rain reached, by its 12, 6 and 3 hour amounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.core.grid import same_grid
from geo_risk.core.levels import Level
from geo_risk.core.units import in_units

BOUNDS: tuple[tuple[Level, int, float], ...] = (
    (Level.LOW, 12, 50.0), (Level.MEDIUM, 6, 50.0), (Level.HIGH, 3, 50.0), (Level.VERY_HIGH, 3, 100.0),
)  # fmt: skip
"""Level, hours and least amount [mm] of the blue, yellow, orange and red rainstorm signal, as METHODS.md of the
project found them stated; a signal is given when its amount will be reached or was reached and rain goes on."""

HOURS = (12, 6, 3)


def signal_of(rain_mm: Mapping[int, NDArray[np.floating[Any]]]) -> NDArray[np.int8]:
    """Return the highest signal whose amount is reached; -1 where a higher one cannot be ruled out.

    Parameters
    ----------
    rain_mm : by hours (12, 6, 3): amounts [mm] of one shape; NaN where unknown.

    Returns
    -------
    int8 0-4. An unknown amount leaves the signal unknown, unless red was reached by a known one.

    Raises
    ------
    DataError : a duration is missing or an amount is negative.
    """
    if set(rain_mm) != set(HOURS):
        what = f"rain of {sorted(rain_mm)} h; 3, 6 and 12 h are needed"
        raise DataError(what, where="rainstorm signals", fix="keep 3, 6 and 12 in rainfall.durations_h")
    if any(bool((v < 0).any()) for v in rain_mm.values()):
        what = "an amount is negative"
        raise DataError(what, where="rainstorm signals", fix="mask negative rain when reading it")
    shape = next(iter(rain_mm.values())).shape
    level = np.zeros(shape, dtype=np.int8)
    doubt = np.zeros(shape, dtype=np.bool_)
    for which, hours, bound in BOUNDS:
        amount = np.asarray(rain_mm[hours], dtype=np.float64)
        unknown = np.isnan(amount)
        reached = np.round(np.where(unknown, -1, amount), 1) >= bound
        doubt = np.where(reached, False, doubt | unknown)
        level = np.where(reached, np.int8(which), level)
    return np.where(doubt, np.int8(Level.UNKNOWN), level)


def rainstorm_signal(rain: Mapping[int, xr.DataArray]) -> xr.DataArray:
    """Signal layer of accumulations by hours, on one grid: (y, x) int8 0-4, -1 unknown, lazy.

    Raises
    ------
    GridError : the layers are on different grids. DataError : see `signal_of`; negative rain when computed.
    """
    if set(rain) != set(HOURS):
        signal_of({h: np.zeros(1) for h in rain})
    grid = same_grid(*rain.values())
    arrays = [da.asarray(in_units(rain[h], "mm").data) for h in HOURS]

    def block(*amounts: NDArray[Any]) -> NDArray[np.int8]:
        return signal_of(dict(zip(HOURS, amounts, strict=True)))

    data = da.map_blocks(block, *(a.rechunk(arrays[0].chunks) for a in arrays), dtype=np.int8,
                         meta=np.empty((0, 0), np.int8))  # fmt: skip
    return grid.layer(data, units="level", long_name="rainstorm signal reached", name="rainstorm_signal")
