"""The evacuation list: who leaves which settlement, for which shelter, by which road, and who has no place.

Listed people are those who must leave (demand.py): the people of the houses in zones that call. They are the demand of
the assignment, so that for each settlement people = assigned_people + unassigned_people, and the same for the totals.
A settlement of unknown population is listed with people missing; it takes no places and gets its nearest shelter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import grid_of
from geo_risk.core.levels import combine_levels
from geo_risk.core.schemas import conform
from geo_risk.exposure.network import Route
from geo_risk.exposure.shelters import usable_shelters
from geo_risk.exposure.zonal import cell_coverage, level_at_share
from geo_risk.products.assignment import Assignment, assign, most_people
from geo_risk.products.demand import (
    SUDDEN_KINDS,
    WATER_KINDS,
    calling_zones,
    calls_its_houses,
    count_ownerless,
    not_judged,
    people_to_move,
    with_not_judged,
)
from geo_risk.products.params import EvacuationParams, RiskParams
from geo_risk.products.priority import score_parts, scores
from geo_risk.products.routing import Ways, backup_route, cut_off_risk, find_ways, main_routes
from geo_risk.products.threat import Threat, Water, house_threat, house_water
from geo_risk.products.wording import joined, level_word, say, warning_word, with_reasons

_SHELTER_RADIUS_M = 15.0
"""A shelter's own ground: a school yard."""


@dataclass(frozen=True)
class EvacuationInputs:
    """Everything the plan needs, in one metric CRS.

    Attributes
    ----------
    settlements : as `clean_counts` leaves them. houses : as `spread_people` makes them. zones : `risk_zones`.
    roads, shelters : None where they are not given: everyone is then listed without a place, with that reason.
    stages : {"hours", "issued"} of each warning stage.
    grounds : hazard and warning level layers (y, x) on one grid; a shelter is judged by its own ground there, and by
        the zones drawn from these layers only where none is given (a zone is generalised, a shelter is one place).
    reach : warning layers with what can come down, by `warned.runout_layers` or `threat.reach_layers`; a house is
        judged by them, and by the warnings of landslide zones only where none is given.
    """

    settlements: gpd.GeoDataFrame
    houses: gpd.GeoDataFrame
    zones: gpd.GeoDataFrame
    roads: gpd.GeoDataFrame | None = None
    shelters: gpd.GeoDataFrame | None = None
    stages: Sequence[Mapping[str, Any]] = ()
    grounds: Sequence[xr.DataArray] = ()
    reach: Mapping[str, xr.DataArray] = field(default_factory=dict)


@dataclass(frozen=True)
class EvacuationPlan:
    """The three frames, totals that reconcile, and rows that could not be used with the reason."""

    evacuation: gpd.GeoDataFrame
    assignments: pd.DataFrame
    routes: gpd.GeoDataFrame
    totals: dict[str, int]
    quarantine: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class _Draft:
    """What the steps of the plan hand to one another; rows are settlements, columns usable shelters."""

    leaving: gpd.GeoDataFrame
    shelters: gpd.GeoDataFrame
    ways: Ways | None
    given: Assignment
    main: dict[tuple[int, int], Route]
    cut_off: pd.DataFrame
    reachable: NDArray[np.bool_]


def plan_evacuation(
    inputs: EvacuationInputs, *, params: EvacuationParams, risk: RiskParams | None = None, language: str = "zh"
) -> EvacuationPlan:
    """Make the evacuation list with shelters and routes.

    Parameters
    ----------
    inputs : settlements, houses, zones, roads, shelters.
    params, language : rules, and "zh" or "en" for the reasons.
    risk : how warned cells and the people on them make a risk level; default: `RiskParams`.

    Returns
    -------
    EvacuationPlan : no shelter holds more than its capacity; unassigned people are those that no assignment could
        place (`totals["people_unassignable"]`, by maximum flow).

    Raises
    ------
    CrsError, SchemaError, DataError : inputs do not fit together.
    """
    zones = inputs.zones[calling_zones(inputs.zones, params)].reset_index(drop=True)
    threat = house_threat(inputs.houses, inputs.reach, params=params) if inputs.reach else None
    by_zone = inputs.zones[calls_its_houses(inputs.zones, params, by_cells=threat is not None)].reset_index(drop=True)
    water = _water(inputs, params)
    leaving = people_to_move(
        inputs.settlements, inputs.houses, by_zone, params=params, stages=inputs.stages, threat=threat, water=water,
        risk=risk,
    )  # fmt: skip
    is_known = _is_known(inputs, threat, water, params)
    silent = not_judged(inputs.houses, by_zone, is_known, params=params)
    leaving = with_not_judged(leaving, inputs.settlements, silent, adds_rows=bool(is_known.any()))
    shelters, refused = _shelters(inputs, params)
    ways = None
    if inputs.roads is not None and len(inputs.roads):
        ways = find_ways(leaving, shelters, inputs.roads, zones, params=params)
    draft = _assign(leaving, shelters, ways, params)
    main_shelter = _main_shelter(draft)
    routes, backups = _routes(draft, main_shelter)
    rows = _rows(draft, main_shelter, backups, params=params, language=language)
    table = _assignments(draft)
    return EvacuationPlan(
        conform(rows.drop(columns=["by_cells", "cell_warning", "cell_flood", "is_called"]), "evacuation"),
        conform(table, "evacuation_assignments"),
        conform(routes, "evacuation_routes"),
        {
            **_totals(draft, shelters),
            **_silent_totals(silent, leaving),
            "houses_without_settlement": count_ownerless(inputs.houses, by_zone, threat, water, params=params),
        },
        refused,
    )


def _water(inputs: EvacuationInputs, params: EvacuationParams) -> Water | None:
    """Return what the flood hazard says of each house, None where there is none."""
    layers = [layer for layer in inputs.grounds if layer.name == "hazard_flood"]
    return house_water(inputs.houses, layers[0], params=params) if layers else None


def _is_known(
    inputs: EvacuationInputs, threat: Threat | None, water: Water | None, params: EvacuationParams
) -> NDArray[np.bool_]:
    """Tell which houses the stages (without stages: the landslide hazard) and the flood hazard judge.

    A house that one of them calls needs no judgement of the other.
    """
    known, called = np.ones(len(inputs.houses), dtype=bool), np.zeros(len(inputs.houses), dtype=bool)
    layers = [layer for layer in inputs.grounds if layer.name == "hazard_landslide"]
    if threat is not None:
        known &= threat.is_judged(params)
        called |= threat.share >= params.house_share
    elif layers:
        coverage = cell_coverage(inputs.houses, grid_of(layers[0]))
        known &= level_at_share(layers[0], coverage, share=params.house_share, min_known_share=0.5) >= 0
    if water is not None:
        known &= water.level >= 0
        called |= water.share >= params.house_share
    return np.asarray(known | called, dtype=bool)


def _silent_totals(silent: pd.DataFrame, leaving: gpd.GeoDataFrame) -> dict[str, int]:
    return {
        **{str(c): int(silent[c].sum()) for c in silent},
        "settlements_not_judged": len(silent),
        "settlements_listed_for_that": int((~leaving["is_called"].astype(bool)).sum()),
    }


def _shelters(inputs: EvacuationInputs, params: EvacuationParams) -> tuple[gpd.GeoDataFrame, list[dict[str, str]]]:
    if inputs.shelters is None:
        empty = {"shelter_id": [], "name": [], "capacity": np.array([], dtype=np.int64), "ground_is_known": []}
        return gpd.GeoDataFrame(empty, geometry=[], crs=inputs.settlements.crs), []
    harmful = inputs.zones[inputs.zones["kind"].isin((*SUDDEN_KINDS, *WATER_KINDS))]
    if inputs.grounds and "origin" in harmful:
        harmful = harmful[harmful["origin"] != "hazard"]
    usable, refused = usable_shelters(
        inputs.shelters, harmful, max_level=params.shelter_max_level, ground_level=_ground_level(inputs)
    )
    return usable.sort_values("shelter_id", kind="stable").reset_index(drop=True), refused


def _ground_level(inputs: EvacuationInputs) -> NDArray[np.int8] | None:
    """Return the level of each shelter's ground, that half of it reaches: the highest of the hazards and the warnings.

    It is unknown where a hazard, or every warning stage, is unknown there and nothing known is at least medium.
    """
    if not inputs.grounds or inputs.shelters is None:
        return None
    ground = gpd.GeoDataFrame(geometry=inputs.shelters.geometry.buffer(_SHELTER_RADIUS_M), crs=inputs.shelters.crs)
    coverage = cell_coverage(ground, grid_of(inputs.grounds[0]))
    levels = [level_at_share(layer, coverage, share=0.5, min_known_share=0.5) for layer in inputs.grounds]
    is_stage = [str(layer.name).startswith("warning_") for layer in inputs.grounds]
    parts = [level for level, stage in zip(levels, is_stage, strict=True) if not stage]
    stages = [level for level, stage in zip(levels, is_stage, strict=True) if stage]
    return combine_levels(*parts, *([np.max(stages, axis=0)] if stages else []))


def _assign(
    leaving: gpd.GeoDataFrame, shelters: gpd.GeoDataFrame, ways: Ways | None, params: EvacuationParams
) -> _Draft:
    n = len(leaving)
    cost = np.full((n, len(shelters)), np.inf) if ways is None else ways.to_shelter
    demand = np.nan_to_num(leaving["people"].to_numpy(dtype=np.float64))
    capacity = shelters["capacity"].to_numpy(dtype=np.int64)
    if n and len(shelters):
        given = assign(demand, capacity, cost, n_candidates=params.n_candidates)
    else:
        given = Assignment(np.zeros((n, len(shelters)), dtype=np.int64), demand.astype(np.int64), 0.0, 0)
    used = given.people.copy()
    lost = np.flatnonzero(leaving["people"].isna().to_numpy() & np.isfinite(cost).any(axis=1))
    used[lost, np.argmin(cost[lost], axis=1) if len(lost) else []] = 1  # unknown people: the way to the nearest
    main = {} if ways is None else main_routes(ways, used)
    nothing = pd.DataFrame({"risk": ["unknown"] * n, "bridge": [None] * n})
    cut_off = nothing if ways is None or not len(shelters) else cut_off_risk(ways)
    return _Draft(leaving, shelters, ways, given, main, cut_off, np.isfinite(cost))


def _main_shelter(draft: _Draft) -> list[int | None]:
    """Return the shelter that takes most of each settlement's people; for unknown people the nearest one."""
    out: list[int | None] = []
    for i in range(len(draft.leaving)):
        people = draft.given.people[i]
        cost = draft.ways.to_shelter[i] if draft.ways is not None else np.full(len(people), np.inf)
        if people.any():
            out.append(int(np.lexsort((cost, -people))[0]))
        elif np.isnan(float(draft.leaving["people"].iloc[i])) and np.isfinite(cost).any():
            out.append(int(np.argmin(cost)))
        else:
            out.append(None)
    return out


def _route_row(draft: _Draft, settlement: int, shelter: int, route: Route, role: str) -> dict[str, Any]:
    home, goal = draft.leaving["settlement_id"].iloc[settlement], draft.shelters["shelter_id"].iloc[shelter]
    return {
        "route_id": f"{home}-{goal}" + ("" if role == "main" else "-B"),
        "settlement_id": home,
        "shelter_id": goal,
        "km": route.km,
        "exposed_km": min(route.exposed_km, route.km),
        "role": role,
        "geometry": route.line,
    }


def _routes(draft: _Draft, main_shelter: list[int | None]) -> tuple[gpd.GeoDataFrame, list[tuple[int, Route] | None]]:
    rows = [_route_row(draft, s, j, route, "main") for (s, j), route in sorted(draft.main.items())]
    backups: list[tuple[int, Route] | None] = []
    for i, shelter in enumerate(main_shelter):
        found = None
        if draft.ways is not None:
            found = backup_route(draft.ways, i, draft.main.get((i, -1 if shelter is None else shelter)), shelter)
        backups.append(found)
        if found is not None:
            rows.append(_route_row(draft, i, found[0], found[1], "backup"))
    columns = ["route_id", "settlement_id", "shelter_id", "km", "exposed_km", "role", "geometry"]
    frame = pd.DataFrame(rows, columns=columns)
    return gpd.GeoDataFrame(frame, geometry="geometry", crs=draft.leaving.crs), backups


def _assignments(draft: _Draft) -> pd.DataFrame:
    rows = []
    for i, j in zip(*np.nonzero(draft.given.people), strict=True):
        route = draft.main[(int(i), int(j))]
        home, goal = draft.leaving["settlement_id"].iloc[i], draft.shelters["shelter_id"].iloc[j]
        rows.append(
            {"settlement_id": home, "shelter_id": goal, "people": int(draft.given.people[i, j]),
             "route_km": route.km, "travel_min": route.minutes, "route_id": f"{home}-{goal}"}
        )  # fmt: skip
    columns = ["settlement_id", "shelter_id", "people", "route_km", "travel_min", "route_id"]
    return pd.DataFrame(rows, columns=columns)


def _rows(
    draft: _Draft,
    main_shelter: list[int | None],
    backups: list[tuple[int, Route] | None],
    *,
    params: EvacuationParams,
    language: str,
) -> gpd.GeoDataFrame:
    out = draft.leaving.copy()
    known = out["people"].notna()
    ids, names = draft.shelters["shelter_id"], _names(draft.shelters)
    out["shelter_id"] = [None if j is None else ids.iloc[j] for j in main_shelter]
    out["shelter_name"] = [None if j is None else names.iloc[j] for j in main_shelter]
    out["assigned_people"] = pd.array(np.where(known, draft.given.people.sum(axis=1), -1), dtype="Int64")
    out["unassigned_people"] = pd.array(np.where(known, draft.given.unassigned, -1), dtype="Int64")
    out.loc[~known, ["assigned_people", "unassigned_people"]] = pd.NA
    found = [draft.main.get((i, -1 if j is None else j)) for i, j in enumerate(main_shelter)]
    out["route_km"] = [np.nan if r is None else r.km for r in found]
    out["travel_min"] = [np.nan if r is None else r.minutes for r in found]
    out["route_exposed_km"] = [np.nan if r is None else min(r.exposed_km, r.km) for r in found]
    out["cut_off_risk"] = draft.cut_off["risk"].to_numpy()
    out["backup_shelter_id"] = [None if b is None else ids.iloc[b[0]] for b in backups]
    out["score"] = scores(out, params)
    parts = score_parts(out, params)

    def said(spoken: str) -> list[str]:
        return [_reasons(i, out, draft, parts, params=params, language=spoken) for i in range(len(out))]

    out = with_reasons(out, said, language)
    order = out.sort_values(["score", "settlement_id"], ascending=[False, True], kind="stable")
    return order.assign(rank=np.arange(1, len(out) + 1)).reset_index(drop=True)


def _names(shelters: gpd.GeoDataFrame) -> pd.Series[Any]:
    ids: pd.Series[Any] = shelters["shelter_id"].astype("string")
    return shelters["name"].astype("string").fillna(ids) if "name" in shelters else ids


def _reasons(
    i: int,
    rows: gpd.GeoDataFrame,
    draft: _Draft,
    parts: Mapping[str, NDArray[np.float64]],
    *,
    params: EvacuationParams,
    language: str,
) -> str:
    row = rows.iloc[i]
    is_known = not pd.isna(row["people"])
    out = _who_leaves(row, params, language)
    used = np.flatnonzero(draft.given.people[i])
    if len(used) > 1:
        out.append(say("split", language, n=len(used)))
    ids, names = draft.shelters["shelter_id"], _names(draft.shelters)
    for j in used[np.argsort(-draft.given.people[i, used], kind="stable")]:
        route = draft.main[(i, int(j))]
        out.append(say("assigned", language, people=int(draft.given.people[i, j]), shelter=str(names.iloc[j]),
                       km=route.km, minutes=route.minutes))  # fmt: skip
    if not pd.isna(row["route_exposed_km"]) and row["route_exposed_km"] >= 0.05:
        out.append(say("route_exposed", language, km=row["route_exposed_km"]))
    if not is_known or row["unassigned_people"] > 0:
        out.append(_why_not(i, draft, params=params, language=language))
    cut = row["cut_off_risk"]
    if cut in ("low", "medium", "high"):
        out.append(say(f"cut_{cut}", language, bridge=draft.cut_off["bridge"].iloc[i]))
    ground = draft.shelters["ground_is_known"]
    for j in np.unique([*used, *ids.index[ids == row["shelter_id"]]]).astype(int).tolist():
        if not ground.iloc[j]:
            out.append(say("shelter_ground", language, shelter=str(names.iloc[j])))
    shares = {k: float(v[i]) for k, v in parts.items()}
    out.append(say("evacuation_score", language, score=float(row["score"]), **shares))
    return joined(out, language)


def _who_leaves(row: Any, params: EvacuationParams, language: str) -> list[str]:
    """Return who must leave and why, and of which houses nothing is known."""
    levels = {"warning": warning_word(row["warning_level"], language), "risk": level_word(row["risk_level"], language)}
    zones = [z for z in str(row["zone_ids"]).split(",") if z]
    out: list[str] = []
    if row["is_called"] and pd.isna(row["people"]):
        out.append(say("leave_unknown", language, **levels))
    elif row["is_called"]:
        out.append(
            say(f"leave_{params.threat_by}" if row["by_cells"] else "leave_warning", language,
                people=int(row["people"]), total=int(row["settlement_people"]), n=len(zones),
                angle=params.reach_angle_deg, distance=params.reach_distance_m,
                least=warning_word(params.warning_level, language), **levels)
        )  # fmt: skip
    if not pd.isna(row["cell_flood"]):
        out.append(say("leave_water", language, level=level_word(row["cell_flood"], language),
                       least=level_word(params.flood_level, language)))  # fmt: skip
    if row["houses_not_judged"]:
        out.append(say("not_judged", language, houses=row["houses_not_judged"], people=row["people_not_judged"]))
    return out


def _why_not(i: int, draft: _Draft, *, params: EvacuationParams, language: str) -> str:
    if not len(draft.shelters):
        return say("no_shelters", language)
    if draft.ways is None:
        return say("no_network", language)
    if draft.ways.homes[i] < 0:
        return say("no_road", language, distance=params.access_distance_m)
    if not draft.reachable[i].any():
        return say("no_way", language)
    if np.isnan(float(draft.leaving["people"].iloc[i])):
        return say("no_count", language)
    return say("no_places", language, people=int(draft.given.unassigned[i]))


def _totals(draft: _Draft, shelters: gpd.GeoDataFrame) -> dict[str, int]:
    people, called = draft.leaving["people"].to_numpy(dtype=np.float64), draft.leaving["is_called"].to_numpy(dtype=bool)
    demand = np.nan_to_num(people).astype(np.int64)
    capacity = shelters["capacity"].to_numpy(dtype=np.int64)
    placeable = most_people(demand, capacity, draft.reachable) if len(demand) and len(capacity) else 0
    return {
        "settlements": int(called.sum()),
        "settlements_of_unknown_population": int((np.isnan(people) & called).sum()),
        "people_total": int(demand.sum()),
        "people_assigned": int(draft.given.people.sum()),
        "people_unassigned": int(draft.given.unassigned.sum()),
        "people_unassignable": int(demand.sum()) - placeable,
        "places_usable": int(capacity.sum()),
        "shelters_usable": len(shelters),
        "shelters_of_unknown_ground": int((~shelters["ground_is_known"].astype(bool)).sum()),
        "over_capacity": int((draft.given.people.sum(axis=0) > capacity).sum()),
    }
