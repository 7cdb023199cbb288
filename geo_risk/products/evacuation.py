"""The evacuation list: who leaves which settlement, for which shelter, by which road, and who has no place.

Listed people are those who must leave (demand.py): the people of the houses in zones that call. They are the demand of
the assignment, so that for each settlement people = assigned_people + unassigned_people, and the same for the totals.
A settlement of unknown population is listed with people missing; it takes no places and gets its nearest shelter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import grid_of
from geo_risk.core.schemas import conform
from geo_risk.exposure.places import valid_polygons
from geo_risk.exposure.roads import on_pieces
from geo_risk.exposure.zonal import Coverage, cell_coverage, covered_on, level_at_share
from geo_risk.products.assignment import Offers, Table
from geo_risk.products.closing import DepthLayer, closing
from geo_risk.products.cutoff import cut_off_list, cut_off_risk
from geo_risk.products.demand import (
    calling_zones,
    calls_its_houses,
    count_ownerless,
    count_ownerless_silent,
    not_judged,
    people_to_move,
    with_not_judged,
)
from geo_risk.products.evacuation_rows import (
    Draft,
    Found,
    assignment_frame,
    find_routes,
    route_frame,
    settlement_frame,
)
from geo_risk.products.params import EvacuationParams, RiskParams
from geo_risk.products.placing import place
from geo_risk.products.routing import RoadOffers, Ways, find_ways, placeable
from geo_risk.products.shelter_use import usable_now
from geo_risk.products.threat import Slides, Threat, Water, house_threat, house_water
from geo_risk.products.water_times import FloodTimes, with_water_times

_INTERNAL = ("by_cells", "by_chance", "by_slide_chance", "cell_warning", "cell_flood", "cell_chance", "is_called",
             "water_before", "water_by", "early_min")  # fmt: skip
"""Columns of rows that their reasons tell and the list has not."""


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
    slides : the chance that a slide comes, on the grid of `reach`; None where only warnings call.
    flood_chance : (y, x) probability of deep water, on the grid of `grounds`.
    water : depths that close roads, the finest layer first. bridges : decks that water runs under.
    times : what is known of when the flood comes.
    waters : polygons of rivers and lakes with `water_id`: no shelter there is used.
    is_judged : False where no hazard was looked at: then nothing is known of the ground of any house.
    """

    settlements: gpd.GeoDataFrame
    houses: gpd.GeoDataFrame
    zones: gpd.GeoDataFrame
    roads: gpd.GeoDataFrame | None = None
    shelters: gpd.GeoDataFrame | None = None
    stages: Sequence[Mapping[str, Any]] = ()
    grounds: Sequence[xr.DataArray] = ()
    reach: Mapping[str, xr.DataArray] = field(default_factory=dict)
    flood_chance: xr.DataArray | None = field(default=None, kw_only=True)
    slides: Slides | None = field(default=None, kw_only=True)
    water: Sequence[DepthLayer] = ()
    bridges: gpd.GeoDataFrame | None = None
    times: FloodTimes = field(default_factory=FloodTimes)
    waters: gpd.GeoDataFrame | None = None
    is_judged: bool = True


@dataclass(frozen=True)
class EvacuationPlan:
    """The frames, totals that reconcile, what is known of the network, and rows that could not be used, and why."""

    evacuation: gpd.GeoDataFrame
    assignments: pd.DataFrame
    routes: gpd.GeoDataFrame
    cut_off: gpd.GeoDataFrame
    totals: dict[str, int]
    network: dict[str, Any] = field(default_factory=dict)
    quarantine: list[dict[str, str]] = field(default_factory=list)


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
    is_crossed = ~shapely.is_valid(inputs.zones.geometry.to_numpy())
    if is_crossed.any():
        sound = inputs.zones.set_geometry(valid_polygons(inputs.zones.geometry.to_numpy()), crs=inputs.zones.crs)
        inputs = replace(inputs, zones=sound)
    covered, threat = _covered(inputs), None
    if inputs.reach:
        threat = house_threat(inputs.houses, inputs.reach, params=params, coverage=covered, slides=inputs.slides)
    by_zone = inputs.zones[calls_its_houses(inputs.zones, params, by_cells=threat is not None)].reset_index(drop=True)
    water = _water(inputs, covered, params)
    leaving = people_to_move(
        inputs.settlements, inputs.houses, by_zone, params=params, stages=inputs.stages, threat=threat, water=water,
        risk=risk,
    )  # fmt: skip
    leaving = with_water_times(leaving, inputs.houses, by_zone, inputs.times, threat=threat, water=water,
                               stages=inputs.stages, params=params)  # fmt: skip
    is_known = _is_known(inputs, threat, water, covered, params)
    silent = not_judged(inputs.houses, by_zone, is_known, params=params)
    leaving = with_not_judged(leaving, inputs.settlements, silent)
    shelters, refused = usable_now(
        inputs.shelters, inputs.zones,
        [*inputs.grounds, *([] if inputs.flood_chance is None else [inputs.flood_chance])],
        crs=inputs.settlements.crs, params=params, waters=inputs.waters,
    )  # fmt: skip
    ways = _find_ways(inputs, shelters, params)
    draft, cut_off = _draft(inputs, leaving, shelters, ways, params)
    found = find_routes(draft)
    rows = settlement_frame(draft, found, params=params, language=language)
    goes = pd.Series(leaving["people"].to_numpy(dtype=np.float64), index=leaving["settlement_id"].to_numpy())
    return EvacuationPlan(
        conform(rows.drop(columns=list(_INTERNAL)), "evacuation"),
        conform(assignment_frame(draft, found), "evacuation_assignments"),
        conform(route_frame(draft, found), "evacuation_routes"),
        cut_off_list(inputs.settlements, cut_off, goes, language=language),
        {
            **_totals(draft, found, shelters),
            **_silent_totals(silent, leaving),
            "houses_judged": int(is_known.sum()),
            "zones_mended": int(is_crossed.sum()),
            "houses_without_settlement_not_judged": count_ownerless_silent(
                inputs.houses, by_zone, is_known, params=params
            ),
            "houses_without_settlement": count_ownerless(inputs.houses, by_zone, threat, water, params=params),
        },
        _network_counts(inputs, shelters, ways),
        refused,
    )


def _covered(inputs: EvacuationInputs) -> Coverage | None:
    """Return which cells the houses cover, found once for all that judges them by cells; None without such layers."""
    layers = [*inputs.reach.values(), *(g for g in inputs.grounds if g.name in ("hazard_flood", "hazard_landslide"))]
    return cell_coverage(inputs.houses, grid_of(layers[0])) if layers else None


def _water(inputs: EvacuationInputs, covered: Coverage | None, params: EvacuationParams) -> Water | None:
    """Return what the flood hazard says of each house, None where there is none."""
    layers = [layer for layer in inputs.grounds if layer.name == "hazard_flood"]
    if not layers:
        return None
    return house_water(inputs.houses, layers[0], params=params, chance=inputs.flood_chance, coverage=covered)


def _is_known(
    inputs: EvacuationInputs, threat: Threat | None, water: Water | None, covered: Coverage | None,
    params: EvacuationParams,
) -> NDArray[np.bool_]:  # fmt: skip
    """Tell which houses the stages (without stages: the landslide hazard) and the flood hazard judge.

    A house that one of them calls needs no judgement of the other.
    """
    known = np.full(len(inputs.houses), inputs.is_judged)
    called = np.zeros(len(inputs.houses), dtype=bool)
    layers = [layer for layer in inputs.grounds if layer.name == "hazard_landslide"]
    if threat is not None:
        known &= threat.is_judged(params)
        called |= threat.share >= params.house_share
    elif layers:
        coverage = covered_on(grid_of(layers[0]), inputs.houses, covered)
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


def _find_ways(inputs: EvacuationInputs, shelters: gpd.GeoDataFrame, params: EvacuationParams) -> Ways | None:
    """Return the ways of all settlements: those who stay are cut off too when roads fail."""
    if inputs.roads is None or not len(inputs.roads):
        return None
    zones = inputs.zones[calling_zones(inputs.zones, params)].reset_index(drop=True)
    areas = closing(zones, inputs.roads, inputs.water, inputs.bridges, params=params)
    return find_ways(inputs.settlements, shelters, inputs.roads, areas, params=params)


def _draft(
    inputs: EvacuationInputs,
    leaving: gpd.GeoDataFrame,
    shelters: gpd.GeoDataFrame,
    ways: Ways | None,
    params: EvacuationParams,
) -> tuple[Draft, pd.DataFrame]:
    """Find places for those who leave; return the draft, and what may cut off each settlement."""
    row_of = pd.Series(np.arange(len(inputs.settlements)), index=inputs.settlements["settlement_id"].to_numpy())
    at = row_of.reindex(leaving["settlement_id"].to_numpy()).to_numpy(dtype=np.int64)
    people, vulnerable = (
        np.nan_to_num(leaving[c].to_numpy(dtype=np.float64)).astype(np.int64) for c in ("people", "vulnerable_people")
    )
    offers: Offers = Table(np.full((len(leaving), len(shelters)), np.inf)) if ways is None else RoadOffers(ways, at)
    placing = place(
        people, vulnerable, shelters["capacity"].to_numpy(dtype=np.int64), offers,
        n_candidates=params.n_candidates, together_extra_min=params.together_extra_min,
    )  # fmt: skip
    n = len(inputs.settlements)
    cut_off = pd.DataFrame({c: ["unknown" if c == "risk" else None] * n for c in ("risk", "bridge", "bridges")})
    if ways is not None and len(shelters):
        cut_off = cut_off_risk(ways.network, ways.homes, ways.goals, ways.is_unknown)
    mine = cut_off.iloc[at].reset_index(drop=True)
    return Draft(leaving, shelters, ways, at, placing, mine, inputs.times), cut_off


def _totals(draft: Draft, found: Found, shelters: gpd.GeoDataFrame) -> dict[str, int]:
    people, called = draft.leaving["people"].to_numpy(dtype=np.float64), draft.leaving["is_called"].to_numpy(dtype=bool)
    demand = np.nan_to_num(people).astype(np.int64)
    capacity = shelters["capacity"].to_numpy(dtype=np.int64)
    placing, most = draft.placing, 0
    if draft.ways is not None and len(demand) and len(capacity):
        most = placeable(draft.ways, draft.at, demand, capacity)
    return {
        "settlements": int(called.sum()),
        "settlements_of_unknown_population": int((np.isnan(people) & called).sum()),
        "people_total": int(demand.sum()),
        "people_assigned": int(placing.people.sum()),
        "people_unassigned": int(placing.unassigned.sum()),
        "people_unassignable": int(demand.sum()) - most,
        "vulnerable_unassigned": int(placing.unassigned_vulnerable.sum()),
        "places_usable": int(capacity.sum()),
        "shelters_usable": len(shelters),
        "shelters_of_unknown_ground": int((~shelters["ground_is_known"].astype(bool)).sum()),
        "over_capacity": int((placing.together.given.load(len(capacity)) > capacity).sum()),
        "without_backup": sum(b is None for j, b in zip(found.main_shelter, found.backups, strict=True) if j >= 0),
        "settlements_divided": placing.together.n_split,
        "settlements_divided_before": placing.together.n_split_before,
        "person_minutes": round(placing.together.given.person_minutes),
        "person_minutes_travelled": round(
            sum(
                int(p) * found.main[int(i), int(j)].minutes
                for i, j, p in zip(placing.settlement, placing.shelter, placing.people, strict=True)
            )
        ),
        "person_minutes_optimum": round(placing.optimum.person_minutes),
        "person_minutes_bound": round(placing.optimum.bound),
    }


def _network_counts(inputs: EvacuationInputs, shelters: gpd.GeoDataFrame, ways: Ways | None) -> dict[str, Any]:
    """Return what was found of the network: pieces, what stands off it, closed and unknown lengths [km]."""
    if ways is None:
        return {}
    network = ways.network
    length = network.edges["length_m"].to_numpy(dtype=np.float64) / 1000
    is_road = (network.edges["road_class"] != "footpath").fillna(value=True).to_numpy(dtype=bool)
    home, goal = on_pieces(network, ways.homes), on_pieces(network, ways.goals)
    shelter_pieces = set(goal[goal >= 0].tolist())
    apart = (home > 0) | ((home == 0) & (0 not in shelter_pieces))
    ids = inputs.settlements["settlement_id"].astype(str).to_numpy()
    closed = ~np.isfinite(ways.costs) | ways.early
    on = np.unique(network.pieces[network.edges.loc[is_road, "start"].to_numpy(dtype=np.int64)])
    return {
        **network.counts,
        "network_pieces": len(on),
        "settlements_off_road": sorted(ids[home < 0].tolist()),
        "settlements_on_other_pieces": sorted(ids[apart].tolist()),
        "settlements_on_pieces_without_shelter": sorted(
            i for i, p in zip(ids.tolist(), home.tolist(), strict=True) if p >= 0 and p not in shelter_pieces
        ),
        "shelters_off_road": sorted(shelters["shelter_id"].astype(str).to_numpy()[goal < 0].tolist()),
        "shelters_on_other_pieces": sorted(shelters["shelter_id"].astype(str).to_numpy()[goal > 0].tolist()),
        "road_km": round(float(length[is_road].sum()), 3),
        "closed_km": round(float(length[is_road & closed].sum()), 3),
        "avoided_km": round(float((length * network.edges["exposed_share"].to_numpy())[is_road & ~closed].sum()), 3),
        "unknown_depth_km": round(ways.unknown_km, 3),
    }
