"""What moving, works and watching cost over the horizon, and what loss each leaves: present values in CNY."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.products.relocation_params import RelocationParams
from geo_risk.products.relocation_threats import Threatened

Array = NDArray[np.float64]

WAYS = ("relocate", "treat", "monitor")
"""The three ways, in the order of the columns of every array here."""


@dataclass(frozen=True)
class Ways:
    """The three ways of each settlement: arrays (settlements, 3), columns in the order of WAYS.

    Attributes
    ----------
    cost_cny : present value of doing and keeping it up; NaN where unknown.
    people_hit_avoided : expected people not hit within the horizon (a person may be hit more than once).
    loss_avoided_cny : present value of lives and houses saved; NaN where a chance or a number is unknown.
    stake_cny : (settlements,) lives and houses lost when the threatened houses are hit once; NaN where unknown.
    lives_cny : (settlements,) the part of it that is lives.
    annual_loss_cny : (settlements,) expected loss a year when nothing is done.
    annuity : present value of 1 CNY a year over the horizon.
    """

    cost_cny: Array
    people_hit_avoided: Array
    loss_avoided_cny: Array
    stake_cny: Array
    lives_cny: Array
    annual_loss_cny: Array
    annuity: float


def annuity_factor(rate: float, years: int) -> float:
    """Return the present value of 1 paid at the end of each year: (1 - (1 + r)^-n) / r, and n where r is 0.

    Source: the ordinary annuity of any text on cost-benefit analysis.

    Raises
    ------
    DataError : a rate below 0 or not finite, or less than one year.
    """
    if not (0 <= rate < np.inf and years >= 1):
        what = f"no present value for a rate of {rate} over {years} years"
        raise DataError(what, where="relocation", fix="give a rate >= 0 and at least one year")
    return float(years) if rate == 0 else -float(np.expm1(-years * np.log1p(rate))) / rate


def ways_of(found: Threatened, params: RelocationParams) -> Ways:
    """Return cost and effect of the three ways for each row of `found`.

    Moving costs by people and households (people / `people_per_household` where households are unknown); works by the
    ground treated of each kind, with upkeep; watching by the separate pieces of threatening ground. What depends on
    unknown people is NaN, and so are works against a kind without a cost, or where nothing is known of the ground.
    """
    rows = found.rows
    annuity = annuity_factor(params.discount_rate, params.horizon_years)
    people = rows["people"].to_numpy(dtype=np.float64)
    given = rows["households"].to_numpy(dtype=np.float64)
    households = np.where(np.isnan(given), np.ceil(people / params.people_per_household), given)
    relocate = people * params.relocate_person_cny + households * params.relocate_household_cny
    works, sites = _works(found, params)
    treat = works * (1 + params.treat_maintenance_share * annuity)
    monitor = sites * (params.monitor_fixed_cny + params.monitor_annual_cny * annuity)
    lives = people * params.fatality_share * params.life_cny
    stake = lives + rows["house_m2"].to_numpy(dtype=np.float64) * params.house_cny_m2
    people_year = rows["people_per_year"].to_numpy(dtype=np.float64)
    lives_year = people_year * params.fatality_share * params.life_cny
    houses_year = rows["house_m2_per_year"].to_numpy(dtype=np.float64) * params.house_cny_m2
    saved_people = np.array([1.0, params.treat_effect, params.monitor_effect])
    saved_houses = np.array([1.0, params.treat_effect, 0.0])
    loss = lives_year[:, None] * saved_people + houses_year[:, None] * saved_houses
    return Ways(
        np.column_stack([relocate, treat, monitor]), people_year[:, None] * saved_people * params.horizon_years,
        loss * annuity, stake, lives, lives_year + houses_year, annuity,
    )  # fmt: skip


def _works(found: Threatened, params: RelocationParams) -> tuple[Array, Array]:
    """Return the cost of works, before upkeep, and the separate pieces of ground, of each row; NaN where unknown."""
    table = found.treated
    unit = table["kind"].map(params.treat_cny_m2).astype("float64")
    cost = pd.DataFrame({"cost": params.treat_fixed_cny + table["m2"] * unit, "sites": table["sites"]})
    groups = cost.groupby(table["settlement_id"].to_numpy())
    sums = groups.sum().astype("float64").assign(cost=groups["cost"].agg(lambda v: v.sum(skipna=False)))
    out = sums.reindex(found.rows["settlement_id"])
    return out["cost"].to_numpy(dtype=np.float64), out["sites"].to_numpy(dtype=np.float64)


def break_even_return_yr(ways: Ways, params: RelocationParams) -> Array:
    """Return for each settlement the return period below which the cheaper of moving and works beats watching.

    With a chance p a year, watching costs c_m and leaves p a S_m, the other way costs c and leaves p a S (a the
    annuity, S what one event still takes), so they are equal at p = (c - c_m) / (a (S_m - S)).

    Returns
    -------
    (settlements,) [yr]; inf where the other way costs no more than watching; NaN where a number is unknown or where
    no chance up to one a year is enough.
    """
    houses = ways.stake_cny - ways.lives_cny
    left_by_watching = ways.lives_cny * (1 - params.monitor_effect) + houses
    left = np.column_stack([np.zeros(len(houses)), (1 - params.treat_effect) * ways.stake_cny])
    gain = ways.annuity * (left_by_watching[:, None] - left)
    extra = ways.cost_cny[:, :2] - ways.cost_cny[:, [2]]
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = np.where(extra <= 0, 0.0, np.where(gain > 0, extra / gain, np.inf))
        chance = np.where(np.isnan(extra) | np.isnan(gain), np.nan, chance)
        least = np.minimum(chance[:, 0], chance[:, 1])
        return np.asarray(np.where(least > 1, np.nan, 1 / least), dtype=np.float64)
