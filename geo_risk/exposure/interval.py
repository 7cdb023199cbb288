"""How sure a number of people in a place is: from the weights that spread them, positions, and the totals themselves.

People in a place z: P = sum over settlements s of N_s f_s, f_s = sum over houses h of v_h a_h, where v_h is the share
of the settlement's people in house h and a_h the share of the house in the place. To first order, with independent
relative errors c_h of the weights and c_N of the totals,

    Var P = sum_s N_s^2 [ sum_h c_h^2 v_h^2 (a_h - f_s)^2  +  sum_h v_h^2 a_h (1 - a_h) / m_h  +  c_N^2 f_s^2 ].

The first term is the delta method on the ratio sum(w a) / sum(w): it is 0 where a settlement lies wholly inside, since
its total does not depend on the weights. The second is that of m_h clumps of dwellings each of which is in or out; the
third that of the totals. Positions are not random among neighbours: the place is shrunk and grown by their error, and
the interval is

    [ P(shrunk) - k sigma,  P(grown) + k sigma ],

at least 0, and at most the people of all settlements that the grown place touches (with k c_N more).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.exposure.params import ExposureParams
from geo_risk.exposure.places import Places


def people_interval(
    houses: gpd.GeoDataFrame, places: Places, pairs: pd.DataFrame, params: ExposureParams
) -> pd.DataFrame:
    """Return people_low and people_high of each place, from those houses whose people are known.

    Parameters
    ----------
    houses : as `people.spread_people` makes them. places : where, in their CRS.
    pairs : `places.pairs(houses)`.

    Returns
    -------
    By position of the place. people_high is NaN where a house of unknown people lies in the grown place or touches it:
    nobody knows how many they are. people_low counts the known ones: at least so many.
    """
    n = places.n
    sigma = np.sqrt(people_variance(houses, pairs, n_zones=n, params=params))
    d = params.position_m
    most, least = (pairs if d == 0 else places.grown(r).pairs(houses) for r in (d, -d))
    people = houses["people"].to_numpy(dtype=np.float64)
    known = np.nan_to_num(people)
    high, low = (_sums(known, p, n) for p in (most, least))
    k = params.interval_sigma
    low = np.maximum(low - k * sigma, 0.0)
    high = np.minimum(high + k * sigma, _touched(houses, known, most, n) * (1 + k * params.total_cv))
    unknown = np.bincount(most["zone"][np.isnan(people)[most["feature"]]], minlength=n) > 0
    central = _sums(known, pairs, n)
    return pd.DataFrame({"people_low": np.minimum(low, central),
                         "people_high": np.where(unknown, np.nan, np.maximum(high, central))})  # fmt: skip


def people_variance(
    houses: pd.DataFrame, pairs: pd.DataFrame, *, n_zones: int, params: ExposureParams
) -> NDArray[np.float64]:
    """Return the variance of the known people of each zone by the formula of this module.

    Parameters
    ----------
    houses : settlement_id, people, spread. pairs : feature, zone, share.
    """
    people = np.nan_to_num(houses["people"].to_numpy(dtype=np.float64))
    owner = _owners(houses)
    n_owners = int(owner.max(initial=-1)) + 1
    total = np.bincount(owner, weights=people, minlength=n_owners)
    v = np.divide(people, total[owner], out=np.zeros_like(people), where=total[owner] > 0)
    cv = _by_spread(houses, params.weight_cv, 0.0)
    clumps = _by_spread(houses, params.clusters, 1.0)
    squares = np.bincount(owner, weights=(cv * v) ** 2, minlength=n_owners)
    feature, share = pairs["feature"].to_numpy(), pairs["share"].to_numpy(dtype=np.float64)
    key = pairs["zone"].to_numpy(dtype=np.int64) * max(n_owners, 1) + owner[feature]
    group, at = np.unique(key, return_inverse=True)
    f = np.bincount(at, weights=v[feature] * share, minlength=len(group))
    inside = (cv * v)[feature] ** 2
    # houses of the settlement outside the zone have a = 0: they add f^2 each
    weights = np.bincount(at, weights=inside * ((share - f[at]) ** 2 - f[at] ** 2), minlength=len(group))
    weights = weights + f**2 * squares[group % max(n_owners, 1)]
    partly = np.bincount(at, weights=v[feature] ** 2 * share * (1 - share) / clumps[feature], minlength=len(group))
    by_group = total[group % max(n_owners, 1)] ** 2 * (weights.clip(0) + partly + (params.total_cv * f) ** 2)
    return np.bincount(group // max(n_owners, 1), weights=by_group, minlength=n_zones).astype(np.float64)


def _owners(houses: pd.DataFrame) -> NDArray[np.int64]:
    """Return a number for the settlement of each house; a house of none stands for itself, its people are its own."""
    owner, names = pd.factorize(houses["settlement_id"])
    alone = owner < 0
    owner = owner.astype(np.int64)
    owner[alone] = len(names) + np.arange(int(alone.sum()))
    return owner


def _by_spread(houses: pd.DataFrame, table: Mapping[str, Any], none: float) -> NDArray[np.float64]:
    """Return the number of a table for each house; `none` for houses of no settlement, the disc's without a spread."""
    if "spread" not in houses:
        return np.full(len(houses), float(table["disc"]))
    found = houses["spread"].astype(object).map(dict(table)).fillna(none)
    return np.asarray(found, dtype=np.float64)


def _sums(people: NDArray[np.float64], pairs: pd.DataFrame, n: int) -> NDArray[np.float64]:
    out = np.bincount(pairs["zone"], weights=people[pairs["feature"]] * pairs["share"].to_numpy(), minlength=n)
    return np.asarray(out, dtype=np.float64)


def _touched(
    houses: pd.DataFrame, people: NDArray[np.float64], pairs: pd.DataFrame, n: int
) -> NDArray[np.float64]:  # fmt: skip
    """Return the people of all settlements of which a house touches each zone."""
    owner = _owners(houses)
    total = np.bincount(owner, weights=people, minlength=1)
    met = pd.DataFrame({"zone": pairs["zone"].to_numpy(), "owner": owner[pairs["feature"].to_numpy()]})
    met = met.drop_duplicates()
    return np.bincount(met["zone"], weights=total[met["owner"]], minlength=n).astype(np.float64)
