"""The frames of the evacuation plan: one row a settlement, the assignments, the routes, each with its reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.exposure.network import Route
from geo_risk.products.closing import DEPTH
from geo_risk.products.early_ways import closes_after, first_closing, in_time, longest_min, said_early
from geo_risk.products.evacuation_draws import evacuation_stability
from geo_risk.products.params import EvacuationParams
from geo_risk.products.placing import Placing
from geo_risk.products.priority import ranking
from geo_risk.products.priority_words import why_so_high
from geo_risk.products.routing import Ways, backup_routes, blocking, main_routes
from geo_risk.products.water_times import FloodTimes, clock
from geo_risk.products.wording import joined, level_word, say, warning_word, with_reasons

_MUCH_KM = 0.05
"""Exposed length from which a reason speaks of it; lists print hundredths."""

_MANY = 5
"""Zones that a reason names at most."""


@dataclass(frozen=True)
class Draft:
    """What the steps of the plan hand to one another; rows are settlements that leave.

    Attributes
    ----------
    leaving, shelters : of the plan. ways : None without roads. at : (rows,) position of each in `ways.homes`.
    placing : who goes where. cut_off : of each row, as `cut_off_risk` gives it. times : when the flood comes.
    """

    leaving: gpd.GeoDataFrame
    shelters: gpd.GeoDataFrame
    ways: Ways | None
    at: NDArray[np.int64]
    placing: Placing
    cut_off: pd.DataFrame
    times: FloodTimes = field(default_factory=FloodTimes)

    @cached_property
    def names(self) -> list[str]:
        """The name of each shelter, its id where it has none."""
        ids: pd.Series[Any] = self.shelters["shelter_id"].astype("string")
        found = self.shelters["name"].astype("string").fillna(ids) if "name" in self.shelters else ids
        return [str(v) for v in found]

    @cached_property
    def reaches(self) -> NDArray[np.bool_]:
        """Return which rows reach some shelter."""
        if self.ways is None or not len(self.shelters):
            return np.zeros(len(self.leaving), dtype=bool)
        home = self.ways.homes[self.at]
        return np.asarray((home >= 0) & np.isfinite(self.ways.nearest.cost[np.maximum(home, 0), 0]), dtype=bool)

    def main_shelter(self) -> NDArray[np.int64]:
        """Return the shelter that takes most of each settlement's people; for unknown people the nearest one; -1."""
        out = np.full(len(self.leaving), -1, dtype=np.int64)
        for i in np.unique(self.placing.settlement).tolist():
            part = self.placing.of(i)
            order = np.lexsort((self.placing.shelter[part], self.placing.cost[part], -self.placing.people[part]))
            out[i] = self.placing.shelter[part][order[0]]
        lost = self.leaving["people"].isna().to_numpy() & self.reaches
        if self.ways is not None and lost.any():
            out[lost] = self.ways.nearest.goal[self.ways.homes[self.at[lost]], 0]
        return out


@dataclass(frozen=True)
class Found:
    """The routes of a draft: main ones by (row, shelter), and the backup of each row with its shelter."""

    main_shelter: NDArray[np.int64]
    main: Mapping[tuple[int, int], Route]
    backups: list[tuple[int, Route] | None]

    def of(self, row: int) -> Route | None:
        """Return the main route of a row."""
        return self.main.get((row, int(self.main_shelter[row])))


def find_routes(draft: Draft) -> Found:
    """Return the main route of every pair that is used, and the second route of every row to another shelter."""
    main = draft.main_shelter()
    n = len(draft.leaving)
    if draft.ways is None or not len(draft.shelters) or not n:
        return Found(main, {}, [None] * n)
    lone = np.flatnonzero((main >= 0) & draft.leaving["people"].isna().to_numpy())
    rows = np.concatenate([draft.placing.settlement, lone])
    goals = np.concatenate([draft.placing.shelter, main[lone]])
    routes: dict[tuple[int, int], Route] = {}
    arcs: Mapping[tuple[int, int], NDArray[np.int64]] = {}
    if len(rows):
        by_home, arcs = main_routes(draft.ways, draft.at[rows], goals)
        routes = {(int(i), int(j)): by_home[int(draft.at[i]), int(j)] for i, j in zip(rows, goals, strict=True)}
    none = np.array([], dtype=np.int64)
    used = [arcs.get((int(draft.at[i]), int(main[i])), none) for i in range(n)]
    return Found(main, routes, backup_routes(draft.ways, draft.at, main, used))


def route_frame(draft: Draft, found: Found) -> gpd.GeoDataFrame:
    """Return evacuation_routes: main routes by settlement and shelter, then the backups."""
    rows = [_route_row(draft, i, j, route, "main") for (i, j), route in sorted(found.main.items(), key=lambda p: p[0])]
    rows += [_route_row(draft, i, *b, "backup") for i, b in enumerate(found.backups) if b is not None]
    columns = ["route_id", "settlement_id", "shelter_id", "km", "exposed_km", "role", "geometry"]
    return gpd.GeoDataFrame(pd.DataFrame(rows, columns=columns), geometry="geometry", crs=draft.leaving.crs)


def _route_row(draft: Draft, settlement: int, shelter: int, route: Route, role: str) -> dict[str, Any]:
    home, goal = draft.leaving["settlement_id"].iloc[settlement], draft.shelters["shelter_id"].iloc[shelter]
    return {
        "route_id": f"{home}-{goal}" + ("" if role == "main" else "-B"),
        "settlement_id": home, "shelter_id": goal, "km": route.km, "exposed_km": route.exposed_km, "role": role,
        "geometry": route.line,
    }  # fmt: skip


def assignment_frame(draft: Draft, found: Found) -> pd.DataFrame:
    """Return evacuation_assignments: how many people of which settlement go to which shelter."""
    homes = draft.leaving["settlement_id"].to_numpy()[draft.placing.settlement]
    goals = draft.shelters["shelter_id"].to_numpy()[draft.placing.shelter]
    routes = [found.main[int(i), int(j)] for i, j in zip(draft.placing.settlement, draft.placing.shelter, strict=True)]
    vulnerable = pd.array(draft.placing.vulnerable, dtype="Int64")
    vulnerable[draft.leaving["vulnerable_people"].isna().to_numpy()[draft.placing.settlement]] = pd.NA
    return pd.DataFrame(
        {"settlement_id": homes, "shelter_id": goals, "people": draft.placing.people,
         "route_km": [r.km for r in routes], "travel_min": [r.minutes for r in routes],
         "route_id": [f"{h}-{g}" for h, g in zip(homes, goals, strict=True)], "vulnerable_people": vulnerable}
    )  # fmt: skip


def settlement_frame(draft: Draft, found: Found, *, params: EvacuationParams, language: str) -> gpd.GeoDataFrame:
    """Return the rows of the evacuation list, ranked by score."""
    out = draft.leaving.copy()
    known = out["people"].notna().to_numpy()
    n = len(out)
    placed = np.bincount(draft.placing.settlement, weights=draft.placing.people, minlength=n).astype(np.int64)
    main, routes = found.main_shelter, [found.of(i) for i in range(n)]
    ids = draft.shelters["shelter_id"]
    out["shelter_id"] = [None if j < 0 else ids.iloc[j] for j in main]
    out["shelter_name"] = [None if j < 0 else draft.names[j] for j in main]
    columns = {"assigned_people": placed, "unassigned_people": draft.placing.unassigned,
               "unassigned_vulnerable": draft.placing.unassigned_vulnerable}  # fmt: skip
    for column, values in columns.items():
        out[column] = pd.array(values, dtype="Int64")
        out.loc[~known, column] = pd.NA
    out.loc[out["vulnerable_people"].isna().to_numpy(), "unassigned_vulnerable"] = pd.NA
    out["route_km"] = [np.nan if r is None else r.km for r in routes]
    out["travel_min"] = [np.nan if r is None else r.minutes for r in routes]
    out["route_exposed_km"] = [np.nan if r is None else r.exposed_km for r in routes]
    out = out.assign(**_early(draft, found))
    out["leave_before"] = pd.Series(in_time(out, draft.times), index=out.index, dtype=object)
    out["cut_off_risk"] = draft.cut_off["risk"].to_numpy()
    out["backup_shelter_id"] = [None if b is None else ids.iloc[b[0]] for b in found.backups]
    firm = pd.concat([ranking(out, params), evacuation_stability(out, params)], axis=1)
    out = out.assign(**{str(c): firm[c] for c in firm})

    def said(spoken: str) -> list[str]:
        rows = out.to_dict("records")
        return [_reasons(i, rows[i], draft, found, params=params, language=spoken) for i in range(n)]

    return with_reasons(out, said, language).sort_values("rank").reset_index(drop=True)


def _reasons(
    i: int,
    row: Mapping[str, Any],
    draft: Draft,
    found: Found,
    *,
    params: EvacuationParams,
    language: str,
) -> str:
    is_known = not pd.isna(row["people"])
    out = _who_leaves(row, params, language)
    part = draft.placing.of(i)
    used, people, frail = (getattr(draft.placing, name)[part] for name in ("shelter", "people", "vulnerable"))
    if len(used) > 1:
        out.append(say("split", language, n=len(used)))
    names = draft.names
    knows_frail = not pd.isna(row["vulnerable_people"])
    for k in np.argsort(-people, kind="stable").tolist():
        route = found.main[i, int(used[k])]
        key = "assigned_vulnerable" if len(used) > 1 and knows_frail and frail[k] > 0 else "assigned"
        out.append(say(key, language, people=int(people[k]), shelter=names[int(used[k])], km=route.km,
                       minutes=route.minutes, vulnerable=int(frail[k])))  # fmt: skip
    if not pd.isna(row["route_exposed_km"]) and row["route_exposed_km"] >= _MUCH_KM:
        out.append(say("route_exposed", language, km=row["route_exposed_km"], factor=params.exposed_time_factor))
    second = found.backups[i]
    if second is not None and second[1].exposed_km >= _MUCH_KM:
        out.append(say("backup_exposed", language, km=second[1].exposed_km))
    if (km := _closed_km(draft, found.of(i))) > 0:
        out.append(say("way_out", language, km=km))
    out += [*said_early(row, draft.times, language), *said_early(row, draft.times, language, of="backup_")]
    if not is_known or row["unassigned_people"] > 0:
        out.append(_why_not(i, draft, params=params, language=language))
        frail_left = row["unassigned_vulnerable"]
        if is_known and len(used) and not pd.isna(frail_left):
            out.append(say("vulnerable_left" if frail_left > 0 else "vulnerable_first", language, people=frail_left))
    if found.main_shelter[i] >= 0 and found.backups[i] is None:
        out.append(say("no_backup", language))
    cut = row["cut_off_risk"]
    if cut in ("low", "medium", "high"):
        bridges = str(draft.cut_off["bridges"].iloc[i] or "").replace(",", ", ")
        out.append(say(f"cut_{cut}", language, bridge=bridges))
    main = [int(found.main_shelter[i])] if found.main_shelter[i] >= 0 else []
    for j in np.unique([*used.tolist(), *main]).astype(int).tolist():
        if not draft.shelters["ground_is_known"].iloc[j]:
            out.append(say("shelter_ground", language, shelter=names[j]))
    return joined([*out, *why_so_high(row, params, language)], language)


def _early(draft: Draft, found: Found) -> dict[str, list[Any]]:
    """Return for each row whether a main way, and its second one, run through what water will close, and from when.

    And the time of the longest of its main ways that do.
    """
    main: list[list[Route]] = [[] for _ in range(len(draft.leaving))]
    for (i, _), route in found.main.items():
        main[i].append(route)
    first = [first_closing(draft.ways, routes) for routes in main]
    second = [closes_after(draft.ways, None if b is None else b[1]) for b in found.backups]
    longest: dict[str, list[Any]] = {"early_min": [longest_min(draft.ways, routes) for routes in main]}
    return longest | {
        f"{of}{name}": [("yes" if is_early else "no") if name == "leave_early" else hours for is_early, hours in way]
        for of, way in (("", first), ("backup_", second)) for name in ("leave_early", "closes_after_h")
    }  # fmt: skip


def _closed_km(draft: Draft, route: Route | None) -> float:
    """Return how much of a way runs through closed sections: only the way out of the areas a home stands in does."""
    if route is None or draft.ways is None:
        return 0.0
    edges = np.array(route.edges, dtype=np.int64)
    closed = edges[~np.isfinite(draft.ways.costs[edges])]
    return float(draft.ways.lengths_km[closed].sum())


def _who_leaves(row: Mapping[str, Any], params: EvacuationParams, language: str) -> list[str]:
    """Return who must leave and why, and of which houses nothing is known."""
    levels = {"warning": warning_word(row["warning_level"], language), "risk": level_word(row["risk_level"], language)}
    zones = [z for z in str(row["zone_ids"]).split(",") if z]
    out: list[str] = []
    if row["is_called"] and pd.isna(row["people"]):
        out.append(say("leave_unknown", language, **levels))
    elif row["is_called"]:
        out.append(
            say(_leave_key(row, params), language, people=int(row["people"]), total=int(row["settlement_people"]),
                n=len(zones), angle=params.reach_angle_deg, distance=params.reach_distance_m,
                chance=params.slide_chance, sure=warning_word(params.sure_level, language),
                least=warning_word(params.warning_level, language), **levels)
        )  # fmt: skip
    if not pd.isna(row["cell_chance"]):
        out.append(say("leave_slide_chance", language, highest=row["cell_chance"]))
    if not pd.isna(row["cell_flood"]):
        out.append(say("leave_water_chance" if row["by_chance"] else "leave_water", language,
                       level=level_word(row["cell_flood"], language), chance=params.flood_chance,
                       least=level_word(params.flood_level, language)))  # fmt: skip
    if not pd.isna(row["water_by"]):
        time = None if pd.isna(row["water_before"]) else clock(row["water_before"])
        out.append(say(f"water_by_{row['water_by']}", language, time=time))
    if row["houses_not_judged"]:
        out.append(say("not_judged", language, houses=row["houses_not_judged"], people=row["people_not_judged"]))
    return out


def _leave_key(row: Mapping[str, Any], params: EvacuationParams) -> str:
    if row["by_slide_chance"]:
        return "leave_chance"
    return f"leave_{params.threat_by}" if row["by_cells"] else "leave_warning"


def _why_not(i: int, draft: Draft, *, params: EvacuationParams, language: str) -> str:
    if not len(draft.shelters):
        return say("no_shelters", language)
    if draft.ways is None:
        return say("no_network", language)
    if draft.ways.homes[draft.at[i]] < 0:
        return say("no_road", language, distance=params.access_distance_m)
    if not draft.reaches[i]:
        zones = blocking(draft.ways, int(draft.at[i]))
        names = [say("deep_water", language) if z == DEPTH else z for z in zones[:_MANY]] + ["…"] * (len(zones) > _MANY)
        sign = "、" if language == "zh" else ", "
        return say("no_open_way", language, zones=sign.join(names)) if zones else say("no_way", language)
    if pd.isna(draft.leaving["people"].iloc[i]):
        return say("no_count", language)
    return say("no_places", language, people=int(draft.placing.unassigned[i]))
