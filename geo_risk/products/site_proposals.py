"""Proposals for new shelters: where the most people without a place get one, and where all ways become shortest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.core.schemas import conform
from geo_risk.exposure.reach import Pairs
from geo_risk.products.best_sites import BestSites, Savings, best_sites
from geo_risk.products.candidates import Candidates
from geo_risk.products.places_within import place_people
from geo_risk.products.siting_params import SitingParams
from geo_risk.products.siting_words import said
from geo_risk.products.wording import joined, with_reasons

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Proposals:
    """The frame of proposed sites, and totals of each method."""

    frame: gpd.GeoDataFrame
    totals: dict[str, int]


@dataclass(frozen=True)
class Demand:
    """The people who are to be near.

    Attributes
    ----------
    people : (settlements,) NaN where unknown. short : people without a place within reach, 0 where unknown.
    stand_min : minutes to the nearest usable shelter (or stock), inf where there is none near.
    """

    people: Array
    short: NDArray[np.int64]
    stand_min: Array


def weights_of(people: Array) -> tuple[Array, int, int]:
    """Return the weight of each settlement when sites are chosen, how many are unknown, and what these count as.

    A settlement of unknown people counts as the median of the known ones (1 where none is known), so that it is not
    passed over; it is in no number of people.
    """
    unknown = np.isnan(people)
    typical = float(np.median(people[~unknown])) if (~unknown).any() else 1.0
    typical = max(typical, 1.0)
    return np.where(unknown, typical, people), int(unknown.sum()), round(typical)


def shelter_proposals(
    demand: Demand,
    candidates: Candidates,
    pairs: Pairs,
    *,
    why_unused: Mapping[str, str],
    params: SitingParams,
    language: str = "zh",
) -> Proposals:
    """Propose new shelters by maximal covering and by p-median; the usable shelters stay where they are.

    Covering counts the people without a place within `reach_min` (unknown settlements with no shelter near by their
    weight); the median counts everybody's minutes to the nearest shelter, at most `median_limit_min`.

    Parameters
    ----------
    demand : in the order of the pairs' places. candidates : in the order of the pairs' goals.
    pairs : settlements to candidates within `median_limit_min`.
    why_unused : reason in each language ("zh", "en") by the id of a shelter that stands and is not used, as
        "id|language".
    params, language : numbers of sites, limits, and the language of `reasons`.

    Raises
    ------
    DataError, SchemaError : inputs do not fit together.
    """
    weights, n_unknown, typical = weights_of(demand.people)
    unknown = np.isnan(demand.people)
    lacking = np.where(unknown, np.where(demand.stand_min > params.reach_min, weights, 0.0), demand.short)
    near = pairs.only(pairs.minutes <= params.reach_min)
    # a place needs a site of its own only while it lacks something: one that is near already but has no place counts
    cover = _choice(near, lacking[near.place], params.new_shelters, params)
    limit = params.median_limit_min
    base = np.minimum(demand.stand_min, limit)
    saved = weights[pairs.place] * np.maximum(base[pairs.place] - pairs.minutes, 0.0)
    median = _choice(pairs, saved, params.new_shelters, params)
    rows = _cover_rows(cover, near, demand, params) + _median_rows(median, pairs, demand, base, params)
    unknown_said = {"n": n_unknown, "people": typical} if n_unknown else {}

    def texts(spoken: str) -> list[str]:
        return [_reasons(r, why_unused, unknown_said, params, spoken) for r in rows]

    frame = proposal_frame(rows, candidates, "shelter", texts, language)
    return Proposals(frame, {
        "cover_sites": len(cover.sites), "median_sites": len(median.sites),
        "cover_gap_ppm": round(cover.gap * 1e6), "median_gap_ppm": round(median.gap * 1e6),
        "people_without_place": int(demand.short.sum()), "candidates": len(candidates.sites),
        **{f"candidates_{k}": v for k, v in candidates.counts.items()},
    })  # fmt: skip


def _choice(pairs: Pairs, saving: Array, p: int, params: SitingParams) -> BestSites:
    keep = saving > 0
    part = Savings(pairs.place[keep], pairs.goal[keep], saving[keep], pairs.n_places, pairs.n_goals)
    return best_sites(part, p, exact_pairs=params.exact_pairs, time_limit_s=params.time_limit_s)


def _cover_rows(found: BestSites, near: Pairs, demand: Demand, params: SitingParams) -> list[dict[str, Any]]:
    open_ = near.only(np.isin(near.goal, found.sites))
    room = np.zeros(near.n_goals, dtype=np.int64)
    room[found.sites] = int(demand.short.sum())
    flow = place_people(demand.short, room, open_)
    gained = np.bincount(open_.goal, weights=flow, minlength=near.n_goals).astype(np.int64)
    before = int(demand.short.sum())
    whole = {"before": before, "after": before - int(flow.sum())}
    return [{**_row("max_cover", j, found, near, demand, params), "people_gained": int(gained[j]),
             "places_needed": int(gained[j]), **whole} for j in found.sites.tolist()]  # fmt: skip


def _median_rows(
    found: BestSites, pairs: Pairs, demand: Demand, base: Array, params: SitingParams
) -> list[dict[str, Any]]:
    open_ = pairs.only(np.isin(pairs.goal, found.sites))
    after, taker = base.copy(), np.full(len(base), -1, dtype=np.int64)
    better = open_.minutes < after[open_.place]
    # pairs stand by place and minutes: the first of a place is its nearest
    place, first = np.unique(open_.place[better], return_index=True)
    after[place], taker[place] = open_.minutes[better][first], open_.goal[better][first]
    known = np.nan_to_num(demand.people)
    gained = np.bincount(taker[taker >= 0], weights=known[taker >= 0], minlength=pairs.n_goals).astype(np.int64)
    total = max(float(known.sum()), 1.0)
    mean = {"before": float((known * base).sum() / total), "after": float((known * after).sum() / total)}
    return [{**_row("p_median", j, found, pairs, demand, params), "people_gained": int(gained[j]), **mean}
            for j in found.sites.tolist()]  # fmt: skip


def _row(
    method: str, site: int, found: BestSites, pairs: Pairs, demand: Demand, params: SitingParams
) -> dict[str, Any]:
    here = (pairs.goal == site) & (pairs.minutes <= params.reach_min)
    people = demand.people[pairs.place[here]]
    return {
        "site": site, "siting_method": method, "n_sites": len(found.sites), "people_near": int(np.nansum(people)),
        "unknown_near": int(np.isnan(people).sum()), "gap_share": found.gap,
        "proof": "optimal" if found.is_proved else "gap",
    }  # fmt: skip


def proposal_frame(
    rows: list[dict[str, Any]], candidates: Candidates, purpose: str, texts: Any, language: str
) -> gpd.GeoDataFrame:
    """Return the chosen sites as the frame `<purpose>_proposals`, ranked by method, people gained and id.

    Parameters
    ----------
    rows : with `site`, the position among the candidates. texts : the reasons of each row in "zh" or "en".
    """
    sites = candidates.sites
    at = [r["site"] for r in rows]
    columns = ["siting_method", "people_near", "unknown_near", "people_gained", "places_needed", "gap_share", "proof"]
    table = pd.DataFrame(rows).reindex(columns=columns)
    picked = sites.iloc[at].reset_index(drop=True)
    table = table.assign(
        candidate_id=picked["candidate_id"].to_numpy(), candidate_kind=picked["candidate_kind"].to_numpy(),
        name=picked["name"].to_numpy(), township=picked["township"].to_numpy(), purpose=purpose,
    )  # fmt: skip
    for row, candidate, kind in zip(rows, picked["candidate_id"], picked["candidate_kind"], strict=True):
        row["candidate_id"], row["candidate_kind"] = str(candidate), str(kind)
        row["ground"] = "known_safe" if candidates.is_ground_known else "ground_unknown"
    table["proposal_id"] = _proposal_ids(table, purpose)
    out = with_reasons(gpd.GeoDataFrame(table, geometry=picked.geometry.to_numpy(), crs=sites.crs), texts, language)
    order = out.sort_values(
        ["siting_method", "people_gained", "candidate_id", "candidate_kind"],
        ascending=[True, False, True, True],
        kind="stable",
    )
    ranked = order.assign(rank=np.arange(1, len(out) + 1)).reset_index(drop=True)
    return gpd.GeoDataFrame(conform(ranked, f"{purpose}_proposals"))


def _proposal_ids(table: pd.DataFrame, purpose: str) -> pd.Series[Any]:
    """Return an id of method and site, with the kind of site where two kinds have that site's id."""
    ids = purpose + "-" + table["siting_method"].astype(str) + "-" + table["candidate_id"].astype(str)
    return ids.where(~ids.duplicated(keep=False), ids + "-" + table["candidate_kind"].astype(str))


def _reasons(
    row: dict[str, Any], why_unused: Mapping[str, str], unknown: dict[str, int], params: SitingParams, language: str
) -> str:
    method = row["siting_method"]
    out = [said(method, language, n=row["n_sites"], reach=params.reach_min)]
    if method == "max_cover":
        out.append(said("gained", language, people=row["people_gained"]))
        out.append(said("covered", language, before=row["before"], after=row["after"]))
    else:
        out.append(said("gained_median", language, people=row["people_gained"]))
        out.append(said("mean", language, before=row["before"], after=row["after"], limit=params.median_limit_min))
    out.append(said("proved", language) if row["proof"] == "optimal" else said("gap", language, gap=row["gap_share"]))
    out.append(said(row["ground"], language))
    stood = row.get("candidate_kind") == "shelter"
    if stood and (why := why_unused.get(f"{row['candidate_id']}|{language}")) is not None:
        out.append(said("stands", language, why=why))
    if unknown:
        out.append(said("unknown_weight", language, **unknown))
    return joined(out, language)
