"""The yearly term as an amplitude, with its error."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import same_grid
from geo_risk.core.units import in_units

F32 = NDArray[np.float32]


def annual_amplitude(
    sine: xr.DataArray, cosine: xr.DataArray, sine_std: xr.DataArray, cosine_std: xr.DataArray
) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the amplitude of the yearly term and its standard error.

    Parameters
    ----------
    sine, cosine, sine_std, cosine_std : (y, x), any length unit, coefficients of the yearly term and their errors; on
        one grid; lazy stays lazy.

    Returns
    -------
    Two layers (y, x) float32 [mm]: A = sqrt(s^2 + c^2), and its error to first order, sqrt(s^2 ss^2 + c^2 sc^2) / A,
    the errors of both taken as uncorrelated (sine and cosine are close to orthogonal over whole years); their root
    mean square where A is 0. NaN where any of them is missing. An amplitude is never below 0, so noise alone has one
    too: below twice its error it is not told from none.

    Raises
    ------
    UnitError : a unit is absent or is no length. GridError : different grids.
    """
    given = [in_units(layer, "mm") for layer in (sine, cosine, sine_std, cosine_std)]
    grid = same_grid(*given)
    size, error = (
        xr.apply_ufunc(function, *given, dask="parallelized", output_dtypes=[np.float32])
        for function in (_amplitude, _amplitude_std)
    )
    text = "amplitude of the yearly term of the line-of-sight motion"
    return (
        grid.layer(size.data, units="mm", long_name=text, name="annual_amplitude"),
        grid.layer(error.data, units="mm", long_name=f"standard error: {text}", name="annual_amplitude_std"),
    )


def _amplitude(sine: Any, cosine: Any, sine_std: Any, cosine_std: Any) -> F32:
    known = np.isfinite(sine_std) & np.isfinite(cosine_std)
    return np.where(known, np.hypot(sine, cosine), np.nan).astype(np.float32)


def _amplitude_std(sine: Any, cosine: Any, sine_std: Any, cosine_std: Any) -> F32:
    size = np.hypot(sine, cosine)
    mean = np.sqrt((np.square(sine_std) + np.square(cosine_std)) / 2)
    along = np.hypot(sine * sine_std, cosine * cosine_std) / np.where(size > 0, size, 1.0)
    return np.where(size > 0, along, np.where(np.isnan(size), np.nan, mean)).astype(np.float32)
