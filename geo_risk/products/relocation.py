"""Relocation, treatment or monitoring: which way each village at risk is advised, and what turns the advice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import grid_of
from geo_risk.core.levels import Level, classify
from geo_risk.core.schemas import conform
from geo_risk.exposure.zonal import cell_coverage, covered_shares, level_at_share
from geo_risk.products.params import RiskParams
from geo_risk.products.relocation_costs import WAYS, Ways, break_even_return_yr, ways_of
from geo_risk.products.relocation_params import RelocationParams
from geo_risk.products.relocation_threats import Threatened, threatened, threats_of
from geo_risk.products.relocation_words import assumptions, money, said
from geo_risk.products.vulnerability import matrix_risk
from geo_risk.products.wording import joined, level_word, with_reasons

RELOCATE, TREAT, MONITOR = range(3)

_UNKNOWN_SEVERITY = 1.5
"""An unknown risk ranks above low."""


@dataclass(frozen=True)
class RelocationInputs:
    """Everything the advice needs, in one metric CRS.

    Attributes
    ----------
    settlements : as `clean_counts` leaves them. houses : as `spread_people` makes them. zones : `risk_zones`.
    runouts, points : `runout_zones` and `hazard_points`; None where they are not made.
    grounds : levels of the landslide and flood hazards (y, x) on one grid; a house on ground of which one of them is
        unknown counts as unknown. None given: not looked at, and every house counts as known ground.
    """

    settlements: gpd.GeoDataFrame
    houses: gpd.GeoDataFrame
    zones: gpd.GeoDataFrame
    runouts: gpd.GeoDataFrame | None = None
    points: gpd.GeoDataFrame | None = None
    grounds: Sequence[xr.DataArray] = ()


@dataclass(frozen=True)
class RelocationPlan:
    """The list, the table of every assumption, how the advice turns with the cost of moving, and totals."""

    relocation: gpd.GeoDataFrame
    assumptions: pd.DataFrame
    sensitivity: pd.DataFrame
    totals: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Choice:
    """What is advised for each row, why, and where it turns; arrays (settlements,)."""

    way: NDArray[np.int64]
    basis: NDArray[Any]
    may_watch: NDArray[np.bool_]
    turns_at: NDArray[np.float64]
    turns_to: NDArray[np.int64]


def plan_relocation(
    inputs: RelocationInputs,
    *,
    params: RelocationParams,
    risk: RiskParams | None = None,
    language: str = "zh",
) -> RelocationPlan:
    """Advise moving, works or watching for each settlement at risk.

    Watching alone is advised only where the risk is known and at most `monitor_max_risk_level`, no number or ground is
    unknown, and nothing is of very high hazard or speeds up. Else moving is advised before works while it costs at
    most `prefer_ratio` times as much; loss avoided counts where every chance is known. Where the two cannot be
    compared the careful side is taken: moving where the hazard is very high, speeds up, or knows no works, else works.

    Parameters
    ----------
    inputs : settlements, houses, and what may threaten them.
    params : costs, effects, horizon. risk : matrix and bounds of people; default: `RiskParams`.
    language : "zh" or "en" for `reasons`.

    Returns
    -------
    RelocationPlan : rows by risk (an unknown one above low), then what speeds up, hazard, people, id. Rows of unknown
        people rank by the people that their households or houses would hold, and as the gravest where not even these
        are known.

    Raises
    ------
    CrsError, GridError, SchemaError : inputs do not fit together.
    """
    threats, left_out = threats_of(inputs.zones, inputs.runouts, inputs.points, params=params)
    found = threatened(
        inputs.settlements, inputs.houses, threats, is_known=_is_known(inputs, params), params=params,
        risk=risk or RiskParams(),
    )  # fmt: skip
    ways = ways_of(found, params)
    choice = _choose(found.rows, ways, params)
    rows = _rows(found, ways, choice, params=params, risk=risk or RiskParams(), language=language)
    return RelocationPlan(
        conform(rows, "relocation"),
        conform(assumptions(params), "relocation_assumptions"),
        conform(_sensitivity(found.rows, ways, params), "relocation_sensitivity"),
        {**_totals(rows), **left_out, "houses_of_no_settlement": _ownerless(inputs.houses, threats, params)},
    )


def _ownerless(houses: gpd.GeoDataFrame, threats: gpd.GeoDataFrame, params: RelocationParams) -> int:
    """Count the threatened houses of no settlement: no row speaks of them."""
    lost = houses[houses["settlement_id"].isna()]
    return int((covered_shares(lost, threats) >= params.house_share).sum())


def _is_known(inputs: RelocationInputs, params: RelocationParams) -> NDArray[np.bool_]:
    out = np.ones(len(inputs.houses), dtype=bool)
    if not inputs.grounds:
        return out
    coverage = cell_coverage(inputs.houses, grid_of(inputs.grounds[0]))
    for layer in inputs.grounds:
        out &= level_at_share(layer, coverage, share=params.house_share, min_known_share=0.5) >= 0
    return out


def _choose(rows: pd.DataFrame, ways: Ways, params: RelocationParams, *, factor: float = 1.0) -> _Choice:
    """Return the advice with the cost of moving multiplied by `factor`."""
    cost = ways.cost_cny * np.array([factor, 1.0, 1.0])
    loss = np.nan_to_num(ways.loss_avoided_cny)
    counts_loss = np.asarray(~np.isnan(ways.loss_avoided_cny).any(axis=1), dtype=bool)
    loss = np.where(counts_loss[:, None], loss, 0.0)
    grave = _is_grave(rows)
    may_watch = _may_watch(rows, params) & ~np.isnan(cost).any(axis=1)
    net = cost - loss
    of_works = params.prefer_ratio * cost[:, TREAT] - loss[:, TREAT]
    of_watching = np.where(may_watch, net[:, MONITOR], np.inf)
    is_comparable = ~np.isnan(cost[:, RELOCATE]) & ~np.isnan(cost[:, TREAT])
    with np.errstate(invalid="ignore"):
        moves = (net[:, RELOCATE] <= of_works) & (net[:, RELOCATE] <= of_watching)
        works = net[:, TREAT] <= of_watching
    has_no_works = np.isnan(cost[:, TREAT]) & (rows["n_threats"] > 0).to_numpy()
    # watching is weighed by cost alone where the chances are unknown: it is the least there, and only up to the level
    by_cost = np.select([moves, works], [RELOCATE, TREAT], MONITOR)
    careful = np.where(grave | has_no_works, RELOCATE, TREAT)
    way = np.where(is_comparable, by_cost, careful)
    basis = np.select(
        [is_comparable & counts_loss, is_comparable, has_no_works & ~grave], ["loss", "cost", "no_works"], "careful"
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        other = np.minimum(of_works, of_watching) + loss[:, RELOCATE]
        turns_at = np.where(is_comparable, np.maximum(other, 0.0) / ways.cost_cny[:, RELOCATE], np.nan)
    turns_to = np.where(of_watching < of_works, MONITOR, TREAT)
    return _Choice(way.astype(np.int64), basis, may_watch, turns_at, turns_to)


def _is_grave(rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Return where the hazard is very high or something speeds up."""
    return np.asarray((rows["hazard_level"] == Level.VERY_HIGH) | rows["is_accelerating"], dtype=bool)


def _may_watch(rows: pd.DataFrame, params: RelocationParams) -> NDArray[np.bool_]:
    risk = rows["risk_level"]
    is_low = (risk >= 0) & (risk <= params.monitor_max_risk_level) & (rows["hazard_level"] >= 0)
    return np.asarray(is_low, dtype=bool) & ~_is_grave(rows) & ~_has_unknown(rows)


def _has_unknown(rows: pd.DataFrame) -> NDArray[np.bool_]:
    return np.asarray(
        rows["people"].isna() | rows["has_unknown"] | (rows["houses_not_judged"] > 0) | (rows["risk_level"] < 0),
        dtype=bool,
    )


def _rows(
    found: Threatened, ways: Ways, choice: _Choice, *, params: RelocationParams, risk: RiskParams, language: str
) -> gpd.GeoDataFrame:
    out = found.rows.copy()
    out["ranked_people"] = _ranked_people(out, params)
    for k, way in enumerate(WAYS):
        out[f"{way}_cost_cny"] = np.round(ways.cost_cny[:, k])
        out[f"{way}_people_avoided"] = ways.people_hit_avoided[:, k]
        out[f"{way}_loss_avoided_cny"] = np.round(ways.loss_avoided_cny[:, k])
    out["advice"] = [WAYS[k] for k in choice.way]
    out["basis"] = choice.basis
    out["relocate_turns_at"] = choice.turns_at
    out["break_even_return_yr"] = break_even_return_yr(ways, params)
    out["break_even_people"] = _break_even_people(ways, out, params)
    out["annual_loss_cny"] = np.round(ways.annual_loss_cny)

    def texts(spoken: str) -> list[str]:
        records: list[Any] = list(out.itertuples(index=False))
        return [_reasons(r, i, choice, params=params, language=spoken) for i, r in enumerate(records)]

    out = with_reasons(out, texts, language)
    order = _order(out, risk)
    ranked = out.iloc[order].assign(rank=np.arange(1, len(out) + 1)).reset_index(drop=True)
    ranked["accelerates"] = np.where(ranked["is_accelerating"], "yes", "no")
    hidden = ["has_unknown", "is_accelerating", "people_per_year", "house_m2_per_year", "house_m2", "ranked_people"]
    return gpd.GeoDataFrame(ranked.drop(columns=hidden), crs=found.rows.crs)


def _ranked_people(rows: pd.DataFrame, params: RelocationParams) -> NDArray[np.float64]:
    """Return the people a row is ranked by: the known ones, else what its households or houses hold, else infinity."""
    homes = rows["households"].astype("float64").fillna(rows["houses"].astype("float64")).replace(0.0, np.nan)
    held = np.ceil(homes.to_numpy(dtype=np.float64) * params.people_per_household)
    people = rows["people"].to_numpy(dtype=np.float64)
    return np.where(~np.isnan(people), people, np.where(np.isnan(held), np.inf, held))


def _order(rows: pd.DataFrame, risk: RiskParams) -> NDArray[np.int64]:
    """Return the order of the list: no ties, whatever the order of the rows."""
    vulnerability = classify(rows["ranked_people"].to_numpy(dtype=np.float64), risk.vulnerability_people)
    by_people = matrix_risk(rows["hazard_level"].to_numpy(dtype=np.int64), vulnerability, risk.risk_matrix)
    known = rows["risk_level"].astype("float64").replace(-1.0, _UNKNOWN_SEVERITY)
    keys = pd.DataFrame({
        "risk": -np.where(rows["people"].isna(), np.maximum(known, by_people), known),
        "pace": ~rows["is_accelerating"],
        "hazard": -rows["hazard_level"].astype("float64").replace(-1.0, _UNKNOWN_SEVERITY),
        "people": -rows["ranked_people"],
        "id": rows["settlement_id"].astype(str),
    })  # fmt: skip
    order = keys.reset_index(drop=True).sort_values(list(keys.columns), kind="stable").index
    return np.asarray(order, dtype=np.int64)


def _break_even_people(ways: Ways, rows: pd.DataFrame, params: RelocationParams) -> NDArray[np.float64]:
    """Return for rows of unknown people how many could move for the cost of works, whole; NaN for all others."""
    each = params.relocate_person_cny + params.relocate_household_cny / params.people_per_household
    people = np.floor(params.prefer_ratio * ways.cost_cny[:, TREAT] / each)
    return np.where(rows["people"].isna(), people, np.nan)


def _sensitivity(rows: pd.DataFrame, ways: Ways, params: RelocationParams) -> pd.DataFrame:
    """Return how many villages get each advice when moving costs other multiples of what is assumed."""
    base = _choose(rows, ways, params).way
    out = []
    for factor in params.sensitivity_factors:
        way = _choose(rows, ways, params, factor=factor).way
        cost = ways.cost_cny * np.array([factor, 1.0, 1.0])
        chosen = cost[np.arange(len(way)), way] if len(way) else np.zeros(0)
        people = rows["people"].to_numpy(dtype=np.float64)
        out.append({
            "cost_factor": factor, **{f"n_{name}": int((way == k).sum()) for k, name in enumerate(WAYS)},
            "n_changed": int((way != base).sum()), "people_moved": int(np.nansum(people[way == RELOCATE])),
            "n_cost_unknown": int(np.isnan(chosen).sum()), "known_cost_cny": float(np.nansum(chosen)),
        })  # fmt: skip
    return pd.DataFrame(out)


def _reasons(row: Any, i: int, choice: _Choice, *, params: RelocationParams, language: str) -> str:
    levels = {"hazard": level_word(row.hazard_level, language), "risk": level_word(row.risk_level, language)}
    total = said("money_unknown", language) if pd.isna(row.settlement_people) else f"{row.settlement_people:.0f}"
    out = []
    if row.n_threats and pd.isna(row.people):
        out.append(said("threat_uncounted", language, houses=row.houses, n=row.n_threats, **levels))
    elif row.n_threats:
        out.append(said("threat", language, people=int(row.people), total=total, houses=row.houses, n=row.n_threats,
                        **levels))  # fmt: skip
    if pd.isna(row.people) and np.isfinite(row.ranked_people) and row.n_threats:
        out.append(said("ranked_by_homes", language, people=int(row.ranked_people)))
    if row.is_accelerating:
        out.append(said("accelerates", language))
    if row.n_threats and row.has_unknown:
        out.append(said("unknown_threat", language))
    if row.houses_not_judged:
        out.append(said("not_judged", language, houses=row.houses_not_judged, people=row.people_not_judged))
    costs = {way: money(getattr(row, f"{way}_cost_cny"), language) for way in WAYS}
    out.append(said("costs", language, years=params.horizon_years, rate=params.discount_rate, **costs))
    out += _why(row, choice.may_watch[i], params=params, language=language)
    out += _turns(row, choice, i, language)
    return joined(out, language)


def _why(row: Any, may_watch: bool, *, params: RelocationParams, language: str) -> list[str]:
    most = level_word(params.monitor_max_risk_level, language)
    out = []
    if row.hazard_level == Level.VERY_HIGH or row.is_accelerating:
        out.append(said("no_watching_level", language))
    elif row.risk_level > params.monitor_max_risk_level:
        out.append(said("no_watching_risk", language, most=most))
    elif not may_watch:
        out.append(said("no_watching_unknown", language))
    if row.basis == "careful":
        key = f"careful_{row.advice}"
    elif row.basis == "no_works":
        key = "no_works"
    else:
        key = f"{row.advice}_{'cost' if row.basis == 'cost' else 'net'}"
    if key == "relocate_cost" and params.prefer_ratio == 1:
        key = "relocate_cheaper"
    out.append(said(key, language, ratio=f"{params.prefer_ratio:g}", most=most))
    if not pd.isna(row.break_even_people) and row.n_threats:
        out.append(said("people_break_even", language, people=int(row.break_even_people)))
    return out


def _turns(row: Any, choice: _Choice, i: int, language: str) -> list[str]:
    """Return at which cost of moving the advice turns, and what a return period would change."""
    out = []
    at = choice.turns_at[i]
    if np.isfinite(at) and row.advice == "relocate":
        other = said(WAYS[int(choice.turns_to[i])], language)
        out.append(said("turns_up", language, other=other, factor=f"{at:.2f}"))
    elif np.isfinite(at) and at >= 0.005:
        out.append(said("turns_down", language, factor=f"{at:.2f}"))
    elif np.isfinite(at):
        out.append(said("turns_never", language))
    if not pd.isna(row.annual_loss_cny):
        avoided = {way: money(getattr(row, f"{way}_loss_avoided_cny"), language) for way in WAYS}
        out.append(said("chance_known", language, people=f"{row.relocate_people_avoided:.1f}", **avoided))
    else:
        out.append(said("chance_unknown", language))
    if np.isfinite(row.break_even_return_yr) and row.advice == "monitor":
        out.append(said("break_even", language, years=f"{row.break_even_return_yr:.0f}",
                        other=said("break_even_both", language)))  # fmt: skip
    return out


def _totals(rows: pd.DataFrame) -> dict[str, int]:
    people = rows["people"]
    return {
        "settlements": len(rows),
        **{f"settlements_{way}": int((rows["advice"] == way).sum()) for way in WAYS},
        **{f"people_{way}": int(people[rows["advice"] == way].sum()) for way in WAYS},
        "settlements_of_unknown_people": int(people.isna().sum()),
        "settlements_of_unknown_risk": int((rows["risk_level"] < 0).sum()),
        "settlements_of_unknown_chance": int(rows["annual_loss_cny"].isna().sum()),
    }
