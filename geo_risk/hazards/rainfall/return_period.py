"""How rare a rain is: return periods from annual maxima, and how far a record can tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import t as student

from geo_risk.core.errors import DataError
from geo_risk.core.grid import same_grid
from geo_risk.core.result import MethodCard
from geo_risk.core.units import in_units
from geo_risk.hazards.rainfall.params import RainfallParams
from geo_risk.kernels.lmoments import gev_of_l_moments, gev_quantile, gev_years, sample_l_moments

F64 = NDArray[np.float64]
YEARS = (2, 5, 10, 20, 30, 50, 100)
"""Return periods of the table [yr]."""

CARD = MethodCard(
    name="Return periods of rain by the generalised extreme value distribution",
    citation="L-moments: Hosking 1990, J. R. Stat. Soc. B 52, 105-124; Hosking, Wallis & Wood 1985, Technometrics 27, "
    "251-261; bands by simulated records (parametric bootstrap)",
    validity="annual maxima of running windows of the stated duration; not beyond the stated multiple of the record",
    limits=("the climate is taken for steady", "maxima of clock hours or days are lower than those of running windows"),
)


@dataclass(frozen=True)
class Gev:
    """Distributions of annual maxima, one a gauge or cell.

    Attributes
    ----------
    location, scale [mm], shape [1] : any shape, NaN where there is none: too few years, or all years alike.
    n_years : years with a maximum.
    """

    location: F64
    scale: F64
    shape: F64
    n_years: NDArray[np.int64]


def fit_gev(maxima_mm: NDArray[np.floating[Any]], *, min_years: int) -> Gev:
    """Fit a distribution to annual maxima.

    Parameters
    ----------
    maxima_mm : (year, ...) [mm]; NaN where a year is not known.
    min_years : fewer years give NaN.

    Raises
    ------
    DataError : a maximum is negative or infinite.
    """
    values = np.asarray(maxima_mm, dtype=np.float64)
    bad = ~(np.isnan(values) | ((values >= 0) & np.isfinite(values)))
    if bad.any():
        what = f"{int(bad.sum())} annual maxima are negative or infinite, the first {values[bad][0]:g}"
        raise DataError(what, where="annual maxima", fix="set missing years to NaN before the fit")
    l1, l2, t3, _, n = sample_l_moments(values)
    enough = n >= min_years
    fitted = gev_of_l_moments(*(np.where(enough, v, np.nan) for v in (l1, l2, t3)))
    return Gev(*fitted, n)


def return_years(rain_mm: NDArray[np.floating[Any]], gev: Gev, *, multiple: float) -> tuple[F64, NDArray[np.bool_]]:
    """Return the return period [yr] of amounts, and where they are rarer than the record can tell.

    Parameters
    ----------
    rain_mm : of the distributions' shape [mm].
    multiple : return periods beyond this many times the number of years are NaN: unknown, and rarer than that.
    """
    years = gev_years(rain_mm, gev.location, gev.scale, gev.shape)
    beyond = years > multiple * gev.n_years
    return np.where(beyond, np.nan, years), beyond


def design_rain(maxima_mm: NDArray[np.floating[Any]], params: RainfallParams) -> dict[int, tuple[float, float, float]]:
    """Return the rain [mm] of each return period of YEARS at one place, with its 95 % band.

    Parameters
    ----------
    maxima_mm : (year,) [mm]; NaN is passed over.
    params : least number of years, how far beyond them, number of resamples and seed.

    Returns
    -------
    By years: value, low, high; empty where nothing can be fitted; periods beyond the multiple are left out. The band is
    value * exp(+- t s): s the standard deviation of the logarithm of the values of records drawn from the fitted
    distribution (parametric bootstrap), times sqrt(n / (n - 3)), t Student's quantile for n - 3 years. Percentiles of
    resampled years held the truth in only 73-89 % of trials, this band in 88-95 % (benchmarks/RESULTS.md).
    """
    known, gev, drawn = _drawn(maxima_mm, params)
    if np.isnan(gev.location[0]):
        return {}
    n, out = len(known), {}
    for years in YEARS:
        if years <= params.return_multiple * n:
            value = float(gev_quantile(years, gev.location, gev.scale, gev.shape)[0])
            each = gev_quantile(years, drawn.location, drawn.scale, drawn.shape)
            if not (value > 0 and (each > 0).all()):
                continue
            width = float(np.log(each).std()) * np.sqrt(n / (n - 3)) * float(student.ppf(0.975, n - 3))
            out[years] = (value, value * float(np.exp(-width)), value * float(np.exp(width)))
    return out


def return_band(rain_mm: float, maxima_mm: NDArray[np.floating[Any]], params: RainfallParams) -> tuple[float, float]:
    """Return the band of the return period [yr] of one amount at one place: 2.5 to 97.5 % of simulated records.

    Infinite where it has no upper end; NaN where nothing can be fitted.
    """
    _, gev, drawn = _drawn(maxima_mm, params)
    if np.isnan(gev.location[0]):
        return float("nan"), float("nan")
    years = gev_years(np.full(drawn.location.shape, rain_mm), drawn.location, drawn.scale, drawn.shape)
    # nearest ranks: interpolating towards an infinite value would give NaN
    low, high = np.percentile(years[~np.isnan(years)], [2.5, 97.5], method="nearest")
    return float(low), float(high)


def _drawn(maxima_mm: NDArray[np.floating[Any]], params: RainfallParams) -> tuple[F64, Gev, Gev]:
    """Return the known years (year,), their distribution (1,), and those (draw,) of records drawn from it."""
    known = np.asarray(maxima_mm, dtype=np.float64)
    known = known[~np.isnan(known)]
    gev = fit_gev(known[:, None], min_years=params.return_min_years)
    if np.isnan(gev.location[0]):
        return known, gev, gev
    rng = np.random.default_rng([params.fit_seed, 20_260_102, len(known)])
    years = 1 / (1 - rng.random((len(known), params.return_resamples)).clip(1e-12, 1 - 1e-12))
    records = gev_quantile(years, gev.location, gev.scale, gev.shape)
    # a simulated record may dip below no rain, which a real one cannot
    return known, gev, fit_gev(np.maximum(records, 0), min_years=params.return_min_years)


def return_period(rain: xr.DataArray, layers: dict[str, xr.DataArray], *, multiple: float) -> xr.DataArray:
    """Return period of an accumulation on the run grid.

    Parameters
    ----------
    rain : (y, x), any depth unit. layers : `location`, `scale`, `shape`, `n_years` on its grid.

    Returns
    -------
    (y, x) float32 [yr], lazy; NaN where anything is unknown; infinite where the rain is rarer than the record can tell
    (see `known_period`).

    Raises
    ------
    GridError : the layers are on different grids.
    """
    grid = same_grid(rain, *layers.values())

    def years(mm: F64, location: F64, scale: F64, shape: F64, n: F64) -> NDArray[np.float32]:
        found, beyond = return_years(mm, Gev(location, scale, shape, n), multiple=multiple)  # type: ignore[arg-type]
        return np.where(beyond, np.inf, found).astype(np.float32)

    names = ("location", "scale", "shape", "n_years")
    arrays = [da.asarray(in_units(rain, "mm").data), *(da.asarray(layers[n].data) for n in names)]
    data = da.map_blocks(years, *(a.rechunk(arrays[0].chunks) for a in arrays), dtype=np.float32,
                         meta=np.empty((0, 0), np.float32))  # fmt: skip
    return grid.layer(data, units="yr", long_name="return period of the rain", name="return_period_yr")


def known_period(periods: xr.DataArray) -> xr.DataArray:
    """Return the published layer: infinite values, rarer than the record can tell, become NaN: unknown."""
    out = periods.where(np.isfinite(periods))
    return out.assign_attrs(periods.attrs).rename("return_period_yr")
