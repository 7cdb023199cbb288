"""What threatens a settlement for good: zones, run-outs and points on its houses, whatever the weather of the day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_risk.core.levels import Level, classify, combine_levels
from geo_risk.exposure.columns import numbers
from geo_risk.exposure.people import emptied_by_rounding
from geo_risk.exposure.zonal import covered_shares, overlaps
from geo_risk.products.cross_links import starts_of
from geo_risk.products.params import RiskParams
from geo_risk.products.relocation_params import RelocationParams
from geo_risk.products.vulnerability import matrix_risk

WIDE_KINDS = ("groundwater_subsidence", "structure_settlement")
"""Slow sinking of wide ground, and structures that settle: nobody is moved for them; they have lists of their own."""

THREAT_COLUMNS = ("threat_id", "source", "kind", "hazard_level", "is_accelerating", "annual_chance")


@dataclass(frozen=True)
class Threatened:
    """The settlements with a threatened house, or with houses of which nothing is known.

    Attributes
    ----------
    rows : points; settlement_id, name, township where known, settlement_people, people and households (threatened;
        NaN where unknown), houses, house_m2 (NaN where there are no footprints), houses_not_judged,
        people_not_judged, hazard_level, risk_level, hazard_kinds, threat_ids, n_threats, is_accelerating,
        people_per_year, house_m2_per_year (expected to be hit; NaN where a chance is unknown).
    treated : settlement_id, kind, m2, sites: ground to be treated, and the separate pieces it lies in.
    """

    rows: gpd.GeoDataFrame
    treated: pd.DataFrame


def annual_chances(frame: pd.DataFrame) -> tuple[NDArray[np.float64], int]:
    """Return the chance a year of each row from `annual_chance`, else 1 / `return_period_yr`; and how many are no
    chances (NaN then, as where neither is given).
    """
    chance, period = (numbers(frame, c).to_numpy(dtype=np.float64) for c in ("annual_chance", "return_period_yr"))
    given = ~np.isnan(chance) | ~np.isnan(period)
    with np.errstate(divide="ignore", invalid="ignore"):
        from_period = np.where((period >= 1) & np.isfinite(period), 1 / period, np.nan)
        out = np.where((chance >= 0) & (chance <= 1), chance, np.where(np.isnan(chance), from_period, np.nan))
    return out, int((given & np.isnan(out)).sum())


def threats_of(
    zones: gpd.GeoDataFrame,
    runouts: gpd.GeoDataFrame | None,
    points: gpd.GeoDataFrame | None,
    *,
    params: RelocationParams,
) -> tuple[gpd.GeoDataFrame, dict[str, int]]:
    """Return everything that may threaten a house as polygons with THREAT_COLUMNS, and counts of what is left out.

    Parameters
    ----------
    zones : `risk_zones`. runouts : `runout_zones`. points : `hazard_points`; cancelled ones threaten nobody.
    params : `threat_min_level`, `point_radius_m`, `annual_chance`.

    Returns
    -------
    (threats, counts) : those of at least `threat_min_level`, of an unknown level, or accelerating; by `threat_id`.
        A kind of WIDE_KINDS is left out (counted as `wide`); chances that are none are unknown (`bad_chances`).
    """
    moving = set(points[_is_accelerating(points["activity"])]["point_id"].astype(str)) if points is not None else set()
    known = set() if points is None else set(points["point_id"].astype(str))
    parts = [_part(zones, "zone", "zone_id", zones.get("activity"))]
    if runouts is not None and len(runouts):
        starts = pd.Series(starts_of(runouts, known), index=runouts.index)
        is_moving = starts.isin(moving).map({True: "accelerating", False: ""})
        parts.append(_part(runouts, "runout", "zone_id", is_moving))
    if points is not None and len(points):
        alive = points[points["status"] != "cancelled"]
        around = np.sqrt(numbers(alive, "area_m2").fillna(0.0).to_numpy() / np.pi) + params.point_radius_m
        discs = alive.set_geometry(alive.geometry.centroid.buffer(around))
        parts.append(_part(discs, "point", "point_id", discs["activity"]))
    frame = pd.concat([part for part, _ in parts if len(part)] or [parts[0][0]], ignore_index=True)
    out = gpd.GeoDataFrame(frame, geometry="geometry", crs=zones.crs)
    by_level = out["hazard_level"].map(params.annual_chance).astype("float64")
    out["annual_chance"] = out["annual_chance"].astype("float64").fillna(by_level)
    wide = out["kind"].isin(WIDE_KINDS)
    level = out["hazard_level"]
    counts = (level >= params.threat_min_level) | (level < 0) | out["is_accelerating"].astype(bool)
    kept = out[counts & ~wide].sort_values(["threat_id", "source"], kind="stable", ignore_index=True)
    return kept, {"wide": int((counts & wide).sum()), "bad_chances": sum(n for _, n in parts)}


def _part(
    frame: gpd.GeoDataFrame, source: str, id_column: str, activity: pd.Series[Any] | None
) -> tuple[gpd.GeoDataFrame, int]:
    chance, bad = annual_chances(frame)
    out = gpd.GeoDataFrame(
        {
            "threat_id": frame[id_column].astype(str).to_numpy(),
            "source": source,
            "kind": frame["kind"].astype(str).to_numpy(),
            "hazard_level": frame["hazard_level"].fillna(Level.UNKNOWN).astype(np.int8).to_numpy(),
            "is_accelerating": False if activity is None else _is_accelerating(activity),
            "annual_chance": chance,
        },
        geometry=frame.geometry.to_numpy(),
        crs=frame.crs,
    )
    return out, bad


def _is_accelerating(activity: pd.Series[Any]) -> NDArray[np.bool_]:
    """Tell which are known to accelerate; of a missing activity nobody says so."""
    found = activity.astype("string").eq("accelerating").fillna(value=False)
    return np.asarray(found.to_numpy(dtype=bool))


def threatened(
    settlements: gpd.GeoDataFrame,
    houses: gpd.GeoDataFrame,
    threats: gpd.GeoDataFrame,
    *,
    is_known: NDArray[np.bool_],
    params: RelocationParams,
    risk: RiskParams,
) -> Threatened:
    """Return what threatens each settlement and whom.

    Parameters
    ----------
    settlements : as `clean_counts` leaves them. houses : as `spread_people` makes them; those of no settlement and
        those known to hold nobody count for no settlement; those emptied by rounding alone hold one person in all.
    threats : of `threats_of`.
    is_known : (houses,) whether enough is known of the house's own ground.
    params, risk : rules, and the matrix with its bounds of people.

    Raises
    ------
    CrsError : houses and threats are in different CRS.
    """
    owner = houses["settlement_id"].astype("object").to_numpy()
    people = houses["people"].to_numpy(dtype=np.float64)
    emptied = emptied_by_rounding(houses)
    lived_in = pd.notna(owner) & (~(people == 0) | emptied)
    share = covered_shares(houses, threats)
    hit = lived_in & (share >= params.house_share)
    silent = lived_in & ~hit & ~is_known
    is_building = houses["is_building"].to_numpy(dtype=bool)
    factor = np.where(is_building, 1.0, share)
    table = pd.DataFrame({
        "settlement_id": owner, "people": people * factor, "houses": is_building.astype(np.int64),
        "households": houses["households"].to_numpy(dtype=np.float64) * factor,
        "house_m2": np.where(is_building, houses.geometry.area.to_numpy(), np.nan),
    })  # fmt: skip
    pairs = overlaps(houses[hit], threats) if hit.any() else pd.DataFrame({"feature": [], "zone": []}, dtype=np.int64)
    chance = _house_chance(pairs, threats, int(hit.sum()))
    table["people_per_year"], table["house_m2_per_year"] = np.nan, np.nan
    table.loc[hit, "people_per_year"] = table.loc[hit, "people"] * chance
    table.loc[hit, "house_m2_per_year"] = table.loc[hit, "house_m2"] * chance
    rows = _sums(table[hit])
    # less than one person in a house is not nobody: rounded up it is one
    rows.loc[(rows["people"] == 0) & rows.index.isin(owner[hit & emptied]), "people"] = 1.0
    rows = rows.join(_facts(pairs, threats, owner[hit]), how="left")
    quiet = pd.DataFrame({"people": people[silent]}).groupby(owner[silent])["people"]
    rows = rows.join(pd.DataFrame({"houses_not_judged": quiet.size(), "people_not_judged": quiet.sum()}), how="outer")
    rows = _completed(rows, risk)
    keep = [c for c in ("settlement_id", "name", "township", "people") if c in settlements]
    out = settlements[[*keep, "geometry"]].rename(columns={"people": "settlement_people"})
    out = out.merge(rows, left_on="settlement_id", right_index=True, how="inner")
    treated = _treated(houses[hit], owner[hit], pairs, threats, params.treat_reach_m)
    ordered = out.sort_values("settlement_id", kind="stable", ignore_index=True)
    return Threatened(gpd.GeoDataFrame(ordered, crs=settlements.crs), treated)


def _sums(table: pd.DataFrame) -> pd.DataFrame:
    """Sum houses by settlement; a number of which one house's part is unknown is unknown, people are rounded up."""
    columns = ["people", "houses", "households", "house_m2", "people_per_year", "house_m2_per_year"]
    groups = table.groupby("settlement_id")[columns]
    sums, lost = groups.sum(), table[columns].isna().groupby(table["settlement_id"]).any()
    sums = sums.astype("float64").mask(lost)
    sums[["people", "households"]] = np.ceil(sums[["people", "households"]].round(6))
    return sums


def _house_chance(pairs: pd.DataFrame, threats: gpd.GeoDataFrame, n: int) -> NDArray[np.float64]:
    """Return the chance a year that some threat reaches each house, independent ones; NaN where one is unknown."""
    spared = np.log1p(-np.minimum(threats["annual_chance"].to_numpy(dtype=np.float64), 1 - 1e-12))
    sums = np.bincount(pairs["feature"].astype(np.int64), weights=spared[pairs["zone"].astype(np.int64)], minlength=n)
    return np.asarray(-np.expm1(sums), dtype=np.float64)


def _facts(pairs: pd.DataFrame, threats: gpd.GeoDataFrame, owner: NDArray[Any]) -> pd.DataFrame:
    """Return the threats of each settlement: highest known level, whether one is unknown, kinds and ids."""
    table = threats.drop(columns="geometry").iloc[pairs["zone"].astype(np.int64)]
    table = table.assign(settlement_id=owner[pairs["feature"].astype(np.int64)])
    table = table.drop_duplicates(["settlement_id", "source", "threat_id"])
    groups = table.groupby("settlement_id")
    return pd.DataFrame(
        {
            "hazard_known": groups["hazard_level"].max(),
            "has_unknown": groups["hazard_level"].min() < 0,
            "hazard_kinds": groups["kind"].agg(lambda v: ",".join(sorted(set(v)))),
            "threat_ids": groups["threat_id"].agg(lambda v: ",".join(sorted(set(v)))),
            "n_threats": groups["threat_id"].nunique(),
            "is_accelerating": groups["is_accelerating"].any(),
        }
    )


def _completed(rows: pd.DataFrame, risk: RiskParams) -> pd.DataFrame:
    """Return the rows with levels; a settlement that is here for unknown ground alone has unknown ones."""
    out = rows.copy()
    filled = {"houses": 0, "houses_not_judged": 0, "people_not_judged": 0, "n_threats": 0}
    out = out.assign(**{c: out[c].fillna(v).astype("int64") for c, v in filled.items()})
    for column in ("has_unknown", "is_accelerating"):
        out[column] = out[column].astype("boolean").fillna(column == "has_unknown").astype(bool)
    known = out["hazard_known"].fillna(Level.UNKNOWN).astype(np.int8).to_numpy()
    unknown = np.where(out["has_unknown"] | (out["houses_not_judged"] > 0), Level.UNKNOWN, known).astype(np.int8)
    vulnerability = classify(out["people"].to_numpy(dtype=np.float64), risk.vulnerability_people)
    by_matrix = matrix_risk(known, vulnerability, risk.risk_matrix)
    out["hazard_level"] = combine_levels(known, unknown)
    out["risk_level"] = combine_levels(by_matrix, np.where(unknown < 0, Level.UNKNOWN, by_matrix))
    out["hazard_kinds"], out["threat_ids"] = out["hazard_kinds"].fillna("unknown"), out["threat_ids"].fillna("")
    return out.drop(columns=["hazard_known"])


def _treated(
    houses: gpd.GeoDataFrame,
    owner: NDArray[Any],
    pairs: pd.DataFrame,
    threats: gpd.GeoDataFrame,
    reach_m: float,
) -> pd.DataFrame:
    """Return by settlement and kind the area of what threatens within reach of a threatened house, overlaps once, and
    in how many separate pieces it lies.
    """
    shapes, areas = houses.geometry.to_numpy(), threats.geometry.to_numpy()
    feature, zone = (pairs[c].to_numpy(dtype=np.int64) for c in ("feature", "zone"))
    pieces = shapely.intersection(shapely.buffer(shapes, reach_m)[feature], areas[zone])
    table = pd.DataFrame({"settlement_id": owner[feature], "kind": threats["kind"].to_numpy()[zone], "piece": pieces})
    rows = []
    for (settlement, kind), group in table.groupby(["settlement_id", "kind"], sort=True)["piece"]:
        whole = shapely.union_all(group.to_numpy())
        rows.append((settlement, kind, float(shapely.area(whole)), int(shapely.get_num_geometries(whole))))
    return pd.DataFrame(rows, columns=["settlement_id", "kind", "m2", "sites"]).astype({"m2": float, "sites": int})
