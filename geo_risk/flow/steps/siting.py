"""Steps of shelters and stocks: coverage and shortfall, proposals for new sites, and isochrones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.core.names import STAGES_H
from geo_risk.flow.steps.exposure import options_of
from geo_risk.flow.steps.waters import WATERS, read_waters
from geo_risk.flow.steps.zones import read_roads

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr

    from geo_risk.flow.plan import Plan
    from geo_risk.products.candidates import Candidates
    from geo_risk.products.params import EvacuationParams
    from geo_risk.products.siting_params import SitingParams

_HAZARDS = ("hazard_landslide", "hazard_flood")
_GROUNDS = (*_HAZARDS, *(f"warning_{s}h" for s in STAGES_H), "flood_chance")
_SHELTERS = ("shelter_coverage", "shelter_proposals", "shelter_drive_times", "shelter_walk_times")
_STOCKS = ("stock_reach", "stock_needs", "stock_proposals", "stock_drive_times", "stock_walk_times")


def siting(plan: Plan) -> None:
    """Add the steps of shelters (frames of coverage, proposals, isochrones) and of stocks, after `evacuation`."""
    common: dict[str, Any] = {
        "params": plan.cfg.siting, "evacuation_params": plan.cfg.evacuation, "language": plan.cfg.language,
        "options": {name: options_of(plan, name).model_dump(mode="json")
                    for name in ("roads", "shelters", "stocks", "facilities", "admin", *WATERS)},
    }  # fmt: skip
    reads: dict[str, Any] = {name: plan.frame(name) for name in ("settlements", "houses", "risk_zones")}
    reads |= {"roads": plan.input("roads"), "grid": plan.facts("grid")}
    more: dict[str, Any] = {
        "leaving": plan.frame("evacuation"),
        "facilities": plan.input("facilities"),
        "admin": plan.input("admin"),
    }
    more |= {name: plan.layer(name) for name in _GROUNDS} | {name: plan.input(name) for name in WATERS}
    plan.add(
        "siting.shelters", write_shelters, reads={**reads, "shelters": plan.input("shelters")}, optional=more,
        writes={**{n: plan.frame(n) for n in _SHELTERS}, "facts": plan.facts("siting_shelters")}, **common,
    )  # fmt: skip
    plan.add(
        "siting.stocks", write_stocks, reads={**reads, "stocks": plan.input("stocks")},
        optional={**more, "shelters": plan.input("shelters")},
        writes={**{n: plan.frame(n) for n in _STOCKS}, "facts": plan.facts("siting_stocks")}, **common,
    )  # fmt: skip


@dataclass(frozen=True)
class _Given:
    """What both steps read."""

    towns: gpd.GeoDataFrame
    houses: gpd.GeoDataFrame
    zones: gpd.GeoDataFrame
    harmful: gpd.GeoDataFrame
    roads: gpd.GeoDataFrame
    shelters: gpd.GeoDataFrame | None
    facilities: gpd.GeoDataFrame | None
    townships: gpd.GeoDataFrame | None
    leaving: gpd.GeoDataFrame | None
    grounds: dict[str, xr.DataArray]
    waters: gpd.GeoDataFrame | None
    notes: list[str]
    quarantine: list[dict[str, str]]
    target: Any


def _read(paths: Mapping[str, Path | None], options: Mapping[str, Any], params: EvacuationParams) -> _Given:
    from geo_risk.flow.steps.deformation_watch import read_townships
    from geo_risk.products.siting_network import harmful_zones
    from geo_risk.sources.layers import open_layer, read_frame, read_grid
    from geo_risk.sources.options import ReadOptions
    from geo_risk.sources.vectors import read_vector

    opened = {name: ReadOptions(**value) for name, value in options.items()}
    target = read_grid(_there(paths, "grid"))
    lines, notes, quarantine = read_roads(paths["roads"], target, opened["roads"])

    def points(name: str, id_column: str, columns: tuple[str, ...]) -> Any:
        if (path := paths.get(name)) is None:
            return None
        read = read_vector(path, crs=target.crs, area=target.bounds, where=f"inputs.{name}", id_column=id_column,
                           columns=columns, options=opened[name])  # fmt: skip
        notes.extend(read.notes)
        quarantine.extend(read.quarantine)
        return read.frame

    waters, wet = read_waters(paths, target, opened, params)
    townships, aside = read_townships(paths.get("admin"), target.crs, opened["admin"])
    zones = read_frame(_there(paths, "risk_zones"))
    leaving = paths.get("leaving")
    return _Given(
        read_frame(_there(paths, "settlements")), read_frame(_there(paths, "houses")), zones,
        harmful_zones(zones, max_level=params.shelter_max_level), lines,
        points("shelters", "shelter_id", ("capacity", "name?", "kind?")),
        points("facilities", "facility_id", ("name?", "kind?")), townships,
        None if leaving is None else read_frame(leaving),
        {n: open_layer(p) for n in _GROUNDS if (p := paths.get(n)) is not None}, waters, notes,
        quarantine + aside + wet, target,
    )  # fmt: skip


def _there(paths: Mapping[str, Path | None], name: str) -> Path:
    path = paths[name]
    if path is None:
        raise KeyError(name)
    return path


def _sites(
    given: _Given, others: list[gpd.GeoDataFrame], params: SitingParams, evacuation_params: EvacuationParams
) -> Candidates:
    from geo_risk.products.candidates import as_candidates, candidate_sites

    if given.facilities is not None:
        others = [*others, as_candidates(given.facilities, "facility_id", "facility")]
    return candidate_sites(
        given.towns, given.houses, others, harmful=given.harmful,
        grounds=[given.grounds[n] for n in _HAZARDS if n in given.grounds],
        max_level=evacuation_params.shelter_max_level, settlements_max=params.candidates_max,
    )  # fmt: skip


def write_shelters(
    *,
    shelter_coverage: Path,
    shelter_proposals: Path,
    shelter_drive_times: Path,
    shelter_walk_times: Path,
    facts: Path,
    params: SitingParams,
    evacuation_params: EvacuationParams,
    language: str,
    options: dict[str, Any],
    **paths: Path | None,
) -> None:
    """Write coverage by township, proposals for new shelters, and isochrones of the usable ones."""
    from geo_risk.exposure.reach import pairs_within
    from geo_risk.products.candidates import as_candidates, with_own_sites
    from geo_risk.products.reach_bands import reach_bands
    from geo_risk.products.shelter_coverage import Near
    from geo_risk.products.shelter_coverage import shelter_coverage as cover
    from geo_risk.products.shelter_use import usable_now
    from geo_risk.products.site_proposals import Demand
    from geo_risk.products.site_proposals import shelter_proposals as propose
    from geo_risk.products.siting_network import join_all
    from geo_risk.publish.frames import write_frame, write_json

    given = _read(paths, options, evacuation_params)
    usable, refused = usable_now(given.shelters, given.zones, list(given.grounds.values()), crs=given.towns.crs,
                                 params=evacuation_params, waters=given.waters)  # fmt: skip
    unused = given.shelters[~given.shelters["shelter_id"].isin(set(usable["shelter_id"]))]  # type: ignore[index]
    sites = _sites(given, [as_candidates(unused, "shelter_id", "shelter")], params, evacuation_params)
    roads = join_all(given.roads, given.harmful,
                     {"settlements": given.towns, "origins": usable, "candidates": sites.sites},
                     params=evacuation_params)  # fmt: skip
    homes, goals, spots = (roads.nodes[n] for n in ("settlements", "origins", "candidates"))
    near = Near(
        pairs_within(roads.network, roads.drive, homes, goals, limit_min=params.reach_min),
        pairs_within(roads.network, roads.safe, homes, goals, limit_min=params.reach_min), homes >= 0,
    )  # fmt: skip
    covered = cover(given.towns, usable, near, leaving=given.leaving, townships=given.townships,
                    reach_min=params.reach_min, language=language)  # fmt: skip
    write_frame(covered.frame, shelter_coverage)
    limit = params.median_limit_min
    pairs = with_own_sites(
        pairs_within(roads.network, roads.drive, homes, spots, limit_min=limit), given.towns, sites.sites,
        walking_km_h=evacuation_params.walking_km_h, limit_min=limit,
    )  # fmt: skip
    stand = pairs_within(roads.network, roads.drive, homes, goals, limit_min=limit).least()
    people = given.towns["people"].to_numpy(dtype="float64")
    why = {f"{r['id']}|{k}": r["reason" if k == "en" else "reason_zh"] for r in refused for k in ("zh", "en")}
    made = propose(Demand(people, covered.short, stand), sites, pairs, why_unused=why, params=params,
                   language=language)  # fmt: skip
    write_frame(made.frame, shelter_proposals)
    bands = reach_bands(roads, given.towns, origin="shelter", params=params, language=language)
    write_frame(bands["drive"], shelter_drive_times)
    write_frame(bands["walk"], shelter_walk_times)
    counts = {**covered.totals, **made.totals}
    write_json(_facts(given, _shelter_notes(counts, has_list=given.leaving is not None), counts), facts)


def write_stocks(
    *,
    stocks: Path,
    stock_reach: Path,
    stock_needs: Path,
    stock_proposals: Path,
    stock_drive_times: Path,
    stock_walk_times: Path,
    facts: Path,
    params: SitingParams,
    evacuation_params: EvacuationParams,
    language: str,
    options: dict[str, Any],
    **paths: Path | None,
) -> None:
    """Write who is near a stock when roads fail, what is lacking, proposals for new centres, and isochrones."""
    import numpy as np

    from geo_risk.exposure.reach import pairs_within
    from geo_risk.products import stock_centres as centres
    from geo_risk.products.candidates import as_candidates, with_own_sites
    from geo_risk.products.reach_bands import reach_bands
    from geo_risk.products.shelter_use import usable_now
    from geo_risk.products.siting_network import join_all
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.options import ReadOptions
    from geo_risk.sources.vectors import read_vector

    given = _read(paths, options, evacuation_params)
    read = read_vector(
        stocks, crs=given.target.crs, area=given.target.bounds, where="inputs.stocks", id_column="stock_id",
        columns=("name?", *(f"{good}?" for good in params.needs)), options=ReadOptions(**options["stocks"]),
    )  # fmt: skip
    given.notes.extend(read.notes)
    given.quarantine.extend(read.quarantine)
    held = read.frame.sort_values("stock_id", kind="stable").reset_index(drop=True)
    usable, _ = usable_now(given.shelters, given.zones, list(given.grounds.values()), crs=given.towns.crs,
                           params=evacuation_params, waters=given.waters)  # fmt: skip
    sites = _sites(given, [as_candidates(usable, "shelter_id", "shelter")], params, evacuation_params)
    roads = join_all(given.roads, given.harmful,
                     {"settlements": given.towns, "origins": held, "candidates": sites.sites},
                     params=evacuation_params)  # fmt: skip
    failing = centres.failing_edges(roads.network, params.failing_roads)
    broken = np.where(failing.edges, np.inf, roads.drive)
    homes, goals, spots = (roads.nodes[n] for n in ("settlements", "origins", "candidates"))
    limit = params.centre_reach_min
    usual = pairs_within(roads.network, roads.drive, homes, goals, limit_min=limit, outward=True)
    failed = pairs_within(roads.network, broken, homes, goals, limit_min=limit, outward=True)
    reach = centres.stock_reach(given.towns, held, usual, failed, is_joined=homes >= 0, failing=failing, params=params,
                                language=language)  # fmt: skip
    write_frame(reach, stock_reach)
    night = given.towns["people"].to_numpy(dtype="float64")
    cared = night
    if given.leaving is not None:
        cared = _listed(given.towns, given.leaving)
    needs = centres.stock_needs(cared, held, usual, params=params, language=language)
    write_frame(needs, stock_needs)
    pairs = with_own_sites(
        pairs_within(roads.network, broken, homes, spots, limit_min=limit, outward=True), given.towns, sites.sites,
        walking_km_h=evacuation_params.walking_km_h, limit_min=limit,
    )  # fmt: skip
    proposed, totals = centres.stock_proposals(night, sites, pairs, failed, failing=failing, params=params,
                                               language=language)  # fmt: skip
    write_frame(proposed, stock_proposals)
    bands = reach_bands(roads, given.towns, origin="stock", params=params, language=language)
    write_frame(bands["drive"], stock_drive_times)
    write_frame(bands["walk"], stock_walk_times)
    counts = {**{f"settlements_{k}": int((reach["state"] == k).sum()) for k in ("cut_off", "far", "off_network")},
              "people_cut_off": int(reach[reach["state"] == "cut_off"]["people"].sum()), **totals}  # fmt: skip
    notes = _stock_notes(counts, needs, failing.unknown_names, is_listed=given.leaving is not None)
    write_json(_facts(given, notes, counts), facts)


def _listed(towns: gpd.GeoDataFrame, leaving: gpd.GeoDataFrame) -> Any:
    """Return the people of the evacuation list by settlement: 0 where it is not on it, NaN where unknown."""
    import numpy as np

    ids = towns["settlement_id"].astype(str)
    by_id = dict(zip(leaving["settlement_id"].astype(str), leaving["people"].astype("float64"), strict=True))
    return np.array([by_id.get(i, 0.0) for i in ids], dtype=np.float64)


def _facts(given: _Given, said: list[dict[str, str]], counts: dict[str, int]) -> dict[str, Any]:
    from geo_risk.products.wording import note

    told = [note("info", text) for text in given.notes]
    return {"notes": told + said, "counts": counts, "quarantine": given.quarantine, "methods": [
        {"name": "p-median and maximal covering", "citation": "Hakimi 1964, Operations Research 12(3); Church & "
         "ReVelle 1974, Papers of the Regional Science Association 32; HiGHS, Lagrangian relaxation",
         "validity": "the gap to the best choice is told; sites stand for a village or facility, not for a plot"},
        {"name": "places within reach by maximum flow", "citation": "Ford & Fulkerson 1956, Canadian Journal of "
         "Mathematics 8", "validity": "minutes of free roads; the nearest first"}]}  # fmt: skip


def _shelter_notes(t: dict[str, int], *, has_list: bool) -> list[dict[str, str]]:
    from geo_risk.products.wording import note

    said = [note(
        "warning" if t["people_short"] or t["unknown_settlements"] else "info",
        f"Of {t['people']} people at night {t['people_near']} have a usable shelter within reach and "
        f"{t['people_short']} no place there; {t['unknown_settlements']} settlements of unknown people are in no sum.",
        f"夜间 {t['people']} 人中，时限内有可用避险场所 {t['people_near']} 人，缺床位 {t['people_short']} 人；"
        f"另有 {t['unknown_settlements']} 个居民点人口未知，未计入。",
    )]  # fmt: skip
    if has_list:
        said.append(note(
            "warning" if t["to_place_short"] or t["to_place_unknown"] else "info",
            f"Of {t['to_place']} people on the evacuation list {t['to_place_short']} can have no place within reach; "
            f"{t['to_place_unknown']} settlements on it have unknown people.",
            f"转移清单 {t['to_place']} 人中，{t['to_place_short']} 人时限内无床位；"
            f"另有 {t['to_place_unknown']} 个居民点人数未知。",
        ))  # fmt: skip
    said.append(note(
        "info",
        f"New shelters were sought among {t['candidates']} sites known to be safe; out were "
        f"{t['candidates_in_zone']} in risk zones, {t['candidates_high_ground']} on ground of too high a level, "
        f"{t['candidates_unknown_ground']} on unknown ground, {t['candidates_too_many']} beyond the number kept. "
        f"Gap to the best choice: covering {t['cover_gap_ppm'] / 1e4:.4f} %, median {t['median_gap_ppm'] / 1e4:.4f} %.",
        f"新建避险场所从 {t['candidates']} 个已知安全的候选点中选取；排除：位于风险区 {t['candidates_in_zone']} 个、"
        f"地面等级过高 {t['candidates_high_ground']} 个、地面未知 {t['candidates_unknown_ground']} 个、超出候选数 "
        f"{t['candidates_too_many']} 个。与最优解的差距：覆盖 {t['cover_gap_ppm'] / 1e4:.4f} %，"
        f"中值 {t['median_gap_ppm'] / 1e4:.4f} %。",
    ))  # fmt: skip
    return said


def _stock_notes(t: dict[str, int], needs: Any, unknown: tuple[str, ...], *, is_listed: bool) -> list[dict[str, str]]:
    import numpy as np

    from geo_risk.products.wording import note

    said = [note(
        "warning" if t["settlements_cut_off"] or t["settlements_far"] or t["settlements_off_network"] else "info",
        f"{t['settlements_cut_off']} settlements ({t['people_cut_off']} known people) lose every stock when roads "
        f"fail, {t['settlements_far']} have none within reach, {t['settlements_off_network']} are off the roads.",
        f"道路中断时 {t['settlements_cut_off']} 个居民点（已知 {t['people_cut_off']} 人）失去全部物资储备点；"
        f"{t['settlements_far']} 个时限内无储备点；{t['settlements_off_network']} 个未接入路网。",
    )]  # fmt: skip
    whole = needs[needs["scope"] == "all"]
    short = whole[whole["short"].isna() | (whole["short"] > 0)]
    texts = [f"{good} {'?' if np.isnan(n) else format(n, 'g')}"
             for good, n in zip(short["good"], short["short"], strict=True)]  # fmt: skip
    uncounted = int(whole["unknown_settlements"].max()) if len(whole) else 0
    none = ("none known", "已知人口不缺") if uncounted else ("none", "无")
    more = (f" {uncounted} settlements of unknown people come on top.", f"另有 {uncounted} 个居民点人数未知，未计入。")
    whom = ("the people on the evacuation list", "转移清单人员") if is_listed else ("everybody", "全部人口")
    said.append(note(
        "warning" if texts or uncounted else "info",
        f"Goods lacking for {whom[0]} (?: the stock is unknown): {', '.join(texts) or none[0]}."
        f"{more[0] if uncounted else ''} Needs a person are stand-ins until you set them (siting.needs).",
        f"{whom[1]}所缺物资（? 为现有数量未知）：{'、'.join(texts) or none[1]}。{more[1] if uncounted else ''}"
        "人均需求为假定值，请改用本地数据（siting.needs）。",
    ))  # fmt: skip
    if unknown:
        said.append(note(
            "warning", f"siting.failing_roads names what no road and no bridge has: {', '.join(unknown)}.",
            f"siting.failing_roads 中有路网不存在的编号：{'、'.join(unknown)}。",
        ))  # fmt: skip
    return said
