"""Checks of what is given to the flow kernel, and rain that is made when its time comes."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class RainFields(Protocol):
    """Rain rates that are made one interval at a time, so that no (t, y, x) array need be held."""

    def __len__(self) -> int:
        """Return the number of intervals."""

    def field(self, k: int) -> ArrayLike:
        """Return the rate of interval k: a number or (y, x) [mm/h]."""


class StackedRain:
    """Rates given as (t,) or (t, y, x) [mm/h]."""

    def __init__(self, rates_mm_h: Array) -> None:
        self._rates = rates_mm_h

    def __len__(self) -> int:
        """Return the number of intervals."""
        return len(self._rates)

    def field(self, k: int) -> Array:
        """Return the rate of interval k."""
        return np.asarray(self._rates[k], dtype=np.float64)


class IndexedRain:
    """Rates of rain cells on any grid, coarser, rotated or irregular, and which of them each cell of the DEM is in.

    `rates_mm_h` (t, r) [mm/h]; `cells` (y, x) whole numbers 0 to r - 1, -1 where no rain cell is (an error where the
    elevation is known).
    """

    def __init__(self, rates_mm_h: ArrayLike, cells: ArrayLike) -> None:
        rates, index = np.asarray(rates_mm_h, np.float64), np.asarray(cells)
        if rates.ndim != 2 or index.ndim != 2 or index.dtype.kind not in "iu":
            msg = (
                f"rates_mm_h has shape {rates.shape} and cells {index.shape} {index.dtype}; (t, r) and (y, x) integers"
            )
            raise ValueError(msg)
        if index.size and not -1 <= index.min() <= index.max() < rates.shape[1]:
            msg = f"cells holds {index.min()} to {index.max()}; -1 to {rates.shape[1] - 1} needed"
            raise ValueError(msg)
        self._rates = np.concatenate([rates, np.full((len(rates), 1), np.nan)], axis=1)  # -1 is the last
        self._cells = index.astype(np.int32)

    def __len__(self) -> int:
        """Return the number of intervals."""
        return len(self._rates)

    def field(self, k: int) -> Array:
        """Return the rate of interval k."""
        return np.asarray(self._rates[k][self._cells], dtype=np.float64)


def check_numbers(top: float = np.inf, /, **numbers: float) -> None:
    """Refuse numbers that are not finite or not in (0, top].

    Raises
    ------
    ValueError : names the number.
    """
    for name, value in numbers.items():
        if not (0 < value <= top and np.isfinite(value)):
            msg = f"{name} is {value}; a number in (0, {top}] needed"
            raise ValueError(msg)


def checked_rain(rain: ArrayLike | RainFields, known: NDArray[np.bool_]) -> RainFields:
    """Return rain by interval; rates are checked in `checked_field` when their time comes.

    Raises
    ------
    ValueError : another shape; for arrays, any value that `checked_field` refuses.
    """
    if hasattr(rain, "field"):
        return rain  # type: ignore[return-value]
    array = np.asarray(rain, dtype=np.float64)
    if array.ndim not in (1, 3) or (array.ndim == 3 and array.shape[1:] not in ((1, 1), known.shape)):
        msg = f"rain_mm_h has shape {array.shape}; (t,) or (t, {known.shape[0]}, {known.shape[1]}) needed"
        raise ValueError(msg)
    used = array[:, known] if array.ndim == 3 and array.shape[1:] == known.shape else array
    _refuse_bad_rain(used)
    return StackedRain(array)


def checked_field(rain: RainFields, k: int, known: NDArray[np.bool_]) -> Array:
    """Return rates of interval k as (y, x) [m/s], 0 where the elevation is missing.

    Raises
    ------
    ValueError : another shape, or negative, infinite or missing values where the elevation is known.
    """
    values = np.asarray(rain.field(k), dtype=np.float64)
    if values.size != 1 and values.shape != known.shape:
        msg = f"rain_mm_h gives shape {values.shape} for interval {k}; a number or {known.shape} needed"
        raise ValueError(msg)
    rate = np.where(known, values if values.size > 1 else values.reshape(1, 1), 0.0)
    _refuse_bad_rain(rate)
    return np.asarray(rate / 3.6e6, dtype=np.float64)


def _refuse_bad_rain(used: Array) -> None:
    if not ((used >= 0) & np.isfinite(used)).all():
        msg = "rain_mm_h holds values that are negative, infinite or missing where the elevation is known"
        raise ValueError(msg)


def checked_grid(value: ArrayLike, known: NDArray[np.bool_], name: str, *, above: float | None = None) -> Array:
    """Return a number or (y, x) array as a new (y, x) array, filled where the elevation is missing.

    Parameters
    ----------
    above : values must be greater than this; without it, >= 0.

    Raises
    ------
    ValueError : another shape, or values out of range or missing where the elevation is known.
    """
    try:
        array = np.broadcast_to(np.asarray(value, dtype=np.float64), known.shape)
    except ValueError as error:
        msg = f"{name} has shape {np.shape(value)}; {known.shape} needed"
        raise ValueError(msg) from error
    low = array[known] >= 0 if above is None else array[known] > above
    if not (low & np.isfinite(array[known])).all():
        wanted = ">= 0" if above is None else f"> {above:g}"
        msg = f"{name} holds values that are not finite and {wanted} where the elevation is known"
        raise ValueError(msg)
    return np.ascontiguousarray(np.where(known, array, above if above is not None else 0.0))
