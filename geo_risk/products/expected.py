"""Loss and people affected on average in a year, from what floods of several return periods do.

The mean annual loss is the area under the exceedance curve, integral of L dp with p = 1 / T: trapezoids between the
return periods that were run, and two tails that are stated: rarer floods do at least what the rarest one does (L of the
longest T times 1 / T), and towards frequent ones the curve falls in a straight line to 0 at `none_return_yr`.
"""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from geo_risk.core.errors import DataError
from geo_risk.core.grid import grid_of
from geo_risk.exposure.params import FloodLossParams
from geo_risk.exposure.zonal import cell_coverage

TAILS = "trapezoids over p = 1/T; rarer floods do what the rarest one run does; none at none_return_yr"


def annual_mean(
    amounts: ArrayLike, return_periods_yr: ArrayLike, *, none_return_yr: float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean a year of amounts by return period, and what the tails leave open.

    Parameters
    ----------
    amounts : (periods, ...) what each flood does, any unit; NaN gives NaN.
    return_periods_yr : (periods,) increasing [yr], at least two.
    none_return_yr : return period at which nothing happens; below the first period.

    Returns
    -------
    (mean, low, high) : per year. low has no tail towards frequent floods; high lets the most frequent flood run happen
        at every frequency up to `none_return_yr`. What floods rarer than the longest period do beyond its amount is in
        none of them: it is not known.

    Raises
    ------
    DataError : fewer than two periods, not increasing, or not above none_return_yr.
    """
    t, values = np.asarray(return_periods_yr, dtype=np.float64), np.asarray(amounts, dtype=np.float64)
    good = t.ndim == 1 and t.size >= 2 and values.shape[:1] == t.shape and np.isfinite(t).all()
    if not (good and (np.diff(t) > 0).all() and t[0] > none_return_yr > 0):
        what = f"return periods {t.tolist()} with amounts of shape {values.shape}, nothing at {none_return_yr:g} yr"
        raise DataError(what, where="annual_mean", fix="give two or more increasing periods above none_return_yr")
    p = 1 / t
    between = -np.trapezoid(values, p, axis=0)
    rare = values[-1] * p[-1]
    frequent = values[0] * (1 / none_return_yr - p[0])
    low = between + rare
    return low + frequent / 2, low, low + frequent


def damage_share(depth_m: ArrayLike, params: FloodLossParams) -> NDArray[np.float64]:
    """Return the share of a building's value lost at a depth by the damage curve; NaN gives NaN, dry ground 0."""
    depth = np.asarray(depth_m, dtype=np.float64)
    out = np.interp(depth, params.depth_m, params.damage)
    return np.where(np.isnan(depth), np.nan, np.where(depth > 0, out, 0.0))


def flood_of_houses(
    houses: gpd.GeoDataFrame, depths: Mapping[float, xr.DataArray], params: FloodLossParams
) -> pd.DataFrame:  # fmt: skip
    """Return for each house what floods do to it on average in a year.

    Parameters
    ----------
    houses : as `exposure.people.spread_people` makes them. depths : flood depth (y, x) [m] by return period [yr].

    Returns
    -------
    people_yr : people affected a year (depth of at least `people_depth_m` over a share of the house), NaN where that
        share or their number is unknown. loss_cny_yr : NaN where the depth or the value is unknown. Both with _low and
        _high for the tail towards frequent floods. Water deeper in rarer floods is taken: depths never fall with T.

    Raises
    ------
    GridError, CrsError : layers or houses do not fit together. DataError : as `annual_mean`.
    """
    years = sorted(depths)
    coverage = cell_coverage(houses, grid_of(depths[years[0]]))
    whole = coverage.n_cells
    people = houses["people"].to_numpy(dtype=np.float64)
    worth = houses["assets_cny"].to_numpy(dtype=np.float64)
    wet, lost = [], []
    deepest = None
    for year in years:
        if grid_of(depths[year]) != coverage.grid:
            what = f"the depths of {year:g} yr are on another grid than those of {years[0]:g} yr"
            raise DataError(what, where="depth_design", fix="bring all of them onto the run grid")
        depth = coverage.values(depths[year].data).astype(np.float64)
        deepest = depth if deepest is None else np.where(np.isnan(depth), depth, np.fmax(depth, deepest))
        unknown = coverage.sums(np.isnan(deepest)) + (whole - coverage.sums(np.ones(len(deepest))))
        gap = unknown > 0.01 * whole
        shares = [coverage.sums(np.nan_to_num(v)) for v in (deepest >= params.people_depth_m,
                                                             damage_share(deepest, params))]  # fmt: skip
        inside, damage = (np.where(gap, np.nan, (s / whole).clip(0, 1)) for s in shares)
        wet.append(_times(people, inside))
        lost.append(_times(worth, damage))
    out: dict[str, NDArray[np.float64]] = {}
    for name, amounts in (("people_yr", wet), ("loss_cny_yr", lost)):
        found = annual_mean(np.array(amounts), years, none_return_yr=params.none_return_yr)
        out |= dict(zip((name, f"{name}_low", f"{name}_high"), found, strict=True))
    return pd.DataFrame(out, index=houses.index)


def _times(amount: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return amount times share, 0 where the share is known to be 0: what is dry loses nothing."""
    return np.where(share == 0, 0.0, amount * share)
