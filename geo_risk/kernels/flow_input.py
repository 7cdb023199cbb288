"""Checks of what is given to the flow kernel."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


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


def checked_rain(rain: ArrayLike, known: NDArray[np.bool_]) -> Array:
    """Return rain rates as (t, y, x) or (t, 1, 1).

    Raises
    ------
    ValueError : another shape, or negative, infinite or missing values where the elevation is known.
    """
    array = np.asarray(rain, dtype=np.float64)
    if array.ndim == 1:
        array = array[:, None, None]
    if array.ndim != 3 or array.shape[1:] not in ((1, 1), known.shape):
        msg = f"rain_mm_h has shape {np.shape(rain)}; (t,) or (t, {known.shape[0]}, {known.shape[1]}) needed"
        raise ValueError(msg)
    used = array if array.shape[1:] == (1, 1) else array[:, known]
    if not ((used >= 0) & np.isfinite(used)).all():
        msg = "rain_mm_h holds values that are negative, infinite or missing where the elevation is known"
        raise ValueError(msg)
    return array


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
    return np.where(known, array, above if above is not None else 0.0)
