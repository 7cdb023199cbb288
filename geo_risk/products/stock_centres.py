"""Stocks of relief goods: who is near one when roads fail, what is lacking, and where new centres would stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.core.schemas import conform
from geo_risk.exposure.columns import numbers
from geo_risk.exposure.network import RoadNetwork
from geo_risk.exposure.reach import Pairs
from geo_risk.products.best_sites import Savings, best_sites
from geo_risk.products.candidates import Candidates
from geo_risk.products.site_proposals import proposal_frame, weights_of
from geo_risk.products.siting_network import sections_in_zones
from geo_risk.products.siting_params import SitingParams
from geo_risk.products.siting_words import grounds_of, said
from geo_risk.products.wording import joined, with_reasons

ALL, STOCK, NO_STOCK = SCOPES = ("all", "stock", "no_stock")
"""Of whom a row of needs tells: of everybody, of those whose nearest stock it is, of those without one in reach."""


@dataclass(frozen=True)
class Failing:
    """The roads that fail.

    Attributes
    ----------
    edges : (edges,) True where the edge fails. unknown_names : names that no road and no bridge has.
    n_named : names that were given and found; 0: every section in a harmful zone fails.
    """

    edges: NDArray[np.bool_]
    unknown_names: tuple[str, ...]
    n_named: int


def failing_edges(network: RoadNetwork, names: tuple[str, ...]) -> Failing:
    """Return which edges fail: those of the named roads and bridges, else those in harmful zones."""
    edges = network.edges
    if not names:
        return Failing(sections_in_zones(network), (), 0)
    wanted = set(names)
    road, bridge = (edges[c].astype("string").fillna("").to_numpy(dtype=object) for c in ("road_id", "bridge_id"))
    found = wanted & ({*road} | {*bridge})
    hit = np.isin(road, sorted(found)) | np.isin(bridge, sorted(found))
    return Failing(np.asarray(hit, dtype=bool), tuple(sorted(wanted - found)), len(found))


def stock_reach(
    settlements: gpd.GeoDataFrame,
    stocks: gpd.GeoDataFrame,
    usual: Pairs,
    failed: Pairs,
    *,
    is_joined: NDArray[np.bool_],
    failing: Failing,
    params: SitingParams,
    language: str = "zh",
) -> gpd.GeoDataFrame:
    """Return the nearest stock of each settlement, before and when roads fail.

    Parameters
    ----------
    settlements, stocks : in the order of the pairs. usual, failed : pairs (settlement, stock) within
        `centre_reach_min`, by goods driven out to people.
    is_joined : (settlements,) on the network. failing : what fails.

    Returns
    -------
    Frame `stock_reach`: `state` {cut_off: near a stock until the roads fail; far: never; off_network; near}, `in_reach`
    and `in_reach_failed` {yes; no: none within `reach_limit_min`, so that the minutes are missing}; the gravest first,
    then people (unknown first), then id.
    """
    minutes, stock = _nearest(usual)
    after, _ = _nearest(failed)
    ids = stocks["stock_id"].astype(str).to_numpy()
    state = np.select([~is_joined, ~np.isfinite(minutes), ~np.isfinite(after)], ["off_network", "far", "cut_off"],
                      default="near")  # fmt: skip
    keep = [c for c in ("settlement_id", "name", "township", "people") if c in settlements]
    out = settlements[[*keep, "geometry"]].copy().reset_index(drop=True)
    out["state"] = state
    out["stock_id"] = [ids[j] if j >= 0 else None for j in stock]
    out["stock_min"] = np.where(np.isfinite(minutes), minutes, np.nan)
    out["in_reach"] = np.where(np.isfinite(minutes), "yes", "no")
    out["in_reach_failed"] = np.where(np.isfinite(after), "yes", "no")
    out["reach_limit_min"] = params.centre_reach_min
    out["stock_min_failed"] = np.where(np.isfinite(after), after, np.nan)
    grave = {"cut_off": 0, "far": 1, "off_network": 1, "near": 3}
    out["grave"] = out["state"].map(grave)
    out["size"] = -out["people"].astype("float64").fillna(np.inf)
    out = out.sort_values(["grave", "size", "settlement_id"], kind="stable", ignore_index=True)
    out["rank"] = np.arange(1, len(out) + 1)
    records: list[Any] = list(out.itertuples(index=False))
    out = with_reasons(out, lambda spoken: [_reach_reasons(r, failing, params, spoken) for r in records], language)
    return gpd.GeoDataFrame(conform(out.drop(columns=["grave", "size"]), "stock_reach"))


def _nearest(pairs: Pairs) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return minutes and position of the nearest goal of each place; the pairs stand by place and minutes."""
    minutes, goal = np.full(pairs.n_places, np.inf), np.full(pairs.n_places, -1, dtype=np.int64)
    place, first = np.unique(pairs.place, return_index=True)
    minutes[place], goal[place] = pairs.minutes[first], pairs.goal[first]
    return minutes, goal


def _failing_words(failing: Failing, language: str) -> str:
    return said("named", language, n=failing.n_named) if failing.n_named else said("all_exposed", language)


def _reach_reasons(row: Any, failing: Failing, params: SitingParams, language: str) -> str:
    words = {"failing": _failing_words(failing, language), "limit": params.centre_reach_min}
    if row.state == "off_network":
        out = [said("stock_off", language, limit=params.centre_reach_min)]
    elif row.state == "far":
        out = [said("stock_far", language, limit=params.centre_reach_min)]
    else:
        key = "stock_cut" if row.state == "cut_off" else "stock_near"
        out = [said(key, language, stock=row.stock_id, minutes=row.stock_min, failed=row.stock_min_failed, **words)]
    if pd.isna(row.people):
        out.append(said("stock_people_unknown", language))
    return joined(out, language)


def stock_needs(
    people: NDArray[np.float64],
    stocks: gpd.GeoDataFrame,
    usual: Pairs,
    *,
    params: SitingParams,
    language: str = "zh",
) -> pd.DataFrame:
    """Return need and stock of every good: for the people whose nearest stock it is, for those of none, and for all.

    Parameters
    ----------
    people : (settlements,) to be cared for, NaN where unknown, 0 where nobody is. stocks : with a column for each
        good of `needs`; a missing, negative or other value counts as unknown, never as 0.
    usual : pairs (settlement, stock) within `centre_reach_min`.

    Returns
    -------
    Table `stock_needs`, a row a stock and good, with `scope` (of `SCOPES`): all first, then each stock, then
    those without one; `stock_id` is that of a stock alone. `short` is missing where the stock is
    unknown; unknown people are counted apart and need more than is told.
    """
    _, stock = _nearest(usual)
    ids = stocks["stock_id"].astype(str).tolist()
    scopes = [STOCK] * len(ids) + [NO_STOCK]
    at = np.where(stock < 0, len(stocks), stock)
    known, unknown = np.nan_to_num(people), np.isnan(people)
    served = np.bincount(at, weights=known, minlength=len(scopes)).astype(np.int64)
    lost = np.bincount(at, weights=unknown, minlength=len(scopes)).astype(np.int64)
    rows: list[dict[str, Any]] = []
    for good, need in params.needs.items():
        each = need.per_person + need.per_person_day * params.stock_days
        told = numbers(stocks, good).to_numpy(dtype=np.float64)
        have = np.append(np.where((told >= 0) & np.isfinite(told), told, np.nan), 0.0)
        usual_row = {
            "good": good,
            "per_person": each,
            "days": params.stock_days,
            "grounds": grounds_of(need.source, language),
        }
        whole = {"people_in_need": int(served.sum()), "unknown_settlements": int(lost.sum())}
        rows.append({**usual_row, **whole, "scope": ALL, "have": float(have.sum()),
                     "need": float(np.ceil(round(served.sum() * each, 6)))})  # fmt: skip
        for k, scope in enumerate(scopes):
            if scope == STOCK or served[k] or lost[k]:
                rows.append({**usual_row, "scope": scope, "at": k, "people_in_need": int(served[k]),
                             "have": float(have[k]), "unknown_settlements": int(lost[k]),
                             "need": float(np.ceil(round(served[k] * each, 6)))})  # fmt: skip
    out = pd.DataFrame(rows)
    out["at"] = out["at"].fillna(-1).astype(np.int64)
    named = stocks["name"].astype("string") if "name" in stocks else stocks["stock_id"].astype("string")
    titles = named.fillna(stocks["stock_id"].astype("string")).tolist()
    sums = {ALL: said("all_stocks", language), NO_STOCK: said("no_stock", language)}
    out["stock_id"] = [ids[k] if scope == STOCK else None for scope, k in zip(out["scope"], out["at"], strict=True)]
    out["name"] = [sums.get(scope) or titles[k] for scope, k in zip(out["scope"], out["at"], strict=True)]
    out["short"] = np.maximum(out["need"] - out["have"], 0.0)
    records: list[Any] = out.to_dict("records")
    texts = {k: [_need_reasons(r, params, k) for r in records] for k in ("zh", "en")}
    out = out.assign(reasons=texts[language], reasons_zh=texts["zh"], reasons_en=texts["en"])
    goods = {good: k for k, good in enumerate(params.needs)}
    out = out.sort_values(["at", "good"], key=lambda c: c if c.name == "at" else c.map(goods), kind="stable",
                          ignore_index=True)  # fmt: skip
    return pd.DataFrame(conform(out.drop(columns="at"), "stock_needs"))


def _need_reasons(row: dict[str, Any], params: SitingParams, language: str) -> str:
    is_unknown = np.isnan(row["have"])
    have = said("have_unknown", language) if is_unknown else f"{row['have']:g}"
    words = {"people": row["people_in_need"], "days": params.stock_days, "need": row["need"], "have": have}
    key = {ALL: "need_all", NO_STOCK: "need_none"}.get(row["scope"], "need")
    out = [said(key, language, limit=params.centre_reach_min, **words)]
    if is_unknown:
        out.append(said("need_unknown", language))
    elif row["short"] > 0:
        out.append(said("need_short", language, short=row["short"]))
    elif not row["unknown_settlements"]:
        out.append(said("need_enough", language))
    if row["unknown_settlements"]:
        out.append(said("need_uncounted", language, n=row["unknown_settlements"]))
    return joined(out, language)


def stock_proposals(
    people: NDArray[np.float64],
    candidates: Candidates,
    failed: Pairs,
    standing: Pairs,
    *,
    failing: Failing,
    params: SitingParams,
    language: str = "zh",
) -> tuple[gpd.GeoDataFrame, dict[str, int]]:
    """Propose new stock centres so that the most people are within reach when roads fail.

    Parameters
    ----------
    people : (settlements,), NaN where unknown. candidates : sites. failed : pairs (settlement, candidate), and
        standing : (settlement, stock), both within `centre_reach_min` when the roads fail.

    Returns
    -------
    (frame `stock_proposals`, totals).
    """
    weights, n_unknown, typical = weights_of(people)
    open_now = ~np.isfinite(standing.least())
    saving = np.where(open_now, weights, 0.0)[failed.place]
    keep = saving > 0
    part = Savings(failed.place[keep], failed.goal[keep], saving[keep], failed.n_places, failed.n_goals)
    found = best_sites(part, params.new_centres, exact_pairs=params.exact_pairs, time_limit_s=params.time_limit_s)
    chosen = failed.only(np.isin(failed.goal, found.sites) & open_now[failed.place])
    minutes, taker = _nearest(chosen)
    known = np.nan_to_num(people)
    before = int(known[open_now].sum())
    after = before - int(known[np.isfinite(minutes)].sum())
    rows: list[dict[str, Any]] = []
    for site in found.sites.tolist():
        near = people[failed.place[failed.goal == site]]
        rows.append({
            "site": site, "siting_method": "max_cover", "n_sites": len(found.sites),
            "people_near": int(np.nansum(near)), "unknown_near": int(np.isnan(near).sum()),
            "people_gained": int(known[taker == site].sum()),
            "gap_share": found.gap, "proof": "optimal" if found.is_proved else "gap", "before": before, "after": after,
        })  # fmt: skip

    def texts(spoken: str) -> list[str]:
        unknown = {"n": n_unknown, "people": typical} if n_unknown else {}
        return [_proposal_reasons(r, failing, unknown, params, spoken) for r in rows]

    frame = proposal_frame(rows, candidates, "stock", texts, language)
    return frame, {"people_beyond_before": before, "people_beyond_after": after, "centres": len(found.sites),
                   "centre_gap_ppm": round(found.gap * 1e6), "candidates": len(candidates.sites),
                   **{f"candidates_{k}": v for k, v in candidates.counts.items()}}  # fmt: skip


def _proposal_reasons(
    row: dict[str, Any], failing: Failing, unknown: dict[str, int], params: SitingParams, language: str
) -> str:
    out = [
        said("max_cover_stock", language, n=row["n_sites"], reach=params.centre_reach_min,
             failing=_failing_words(failing, language)),
        said("gained_stock", language, people=row["people_gained"]),
        said("beyond", language, before=row["before"], after=row["after"]),
        said("proved", language) if row["proof"] == "optimal" else said("gap", language, gap=row["gap_share"]),
        said(row["ground"], language),
    ]  # fmt: skip
    if unknown:
        out.append(said("unknown_weight", language, **unknown))
    return joined(out, language)
