"""Whom run-out reaches: each release unit with the houses, roads and settlements it hits, and its own risk zone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dask
import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import Grid, same_grid
from geo_risk.core.levels import Level, classify
from geo_risk.core.schemas import conform
from geo_risk.exposure.zonal import Coverage, cell_coverage
from geo_risk.hazards.runout.backtrack import way_down
from geo_risk.hazards.runout.compute import compute_hits, hit_table
from geo_risk.hazards.runout.footprint import footprints
from geo_risk.hazards.runout.params import RunoutParams
from geo_risk.products.params import RiskParams
from geo_risk.products.releases import Releases
from geo_risk.products.vulnerability import matrix_risk
from geo_risk.products.wording import level_word, say, with_reasons

WATCHED = ("hazard_point", "moving_area")
"""Sources whose footprint is drawn whether it reaches a house or not."""

_WHOLE_CELLS = 8_000_000
"""Up to this size layers and hits are computed together; above, the layers stay lazy and paths are run once more."""

_ROAD_WIDTH_M = 8.0
"""A road is hit where its cells are: a strip of a local road's width."""

_HIT = ("energy_j_kg", "velocity_m_s", "flux", "distance_m", "release_x", "release_y")


@dataclass(frozen=True)
class Exposed:
    """What can be hit, each part optional, in the CRS of the run.

    Attributes
    ----------
    houses : as `exposure.people.spread_people` makes them. roads : lines with road_id.
    """

    houses: gpd.GeoDataFrame | None = None
    roads: gpd.GeoDataFrame | None = None


@dataclass(frozen=True)
class RunoutProducts:
    """Layers by name (lazy on large grids), the frames runout_zones, runout_hits and runout_ways, and counts."""

    layers: dict[str, xr.DataArray]
    zones: gpd.GeoDataFrame
    hits: pd.DataFrame
    ways: gpd.GeoDataFrame
    counts: dict[str, int]


def run_out_products(
    dem: xr.DataArray, releases: Releases, exposed: Exposed, *, params: RunoutParams, risk: RiskParams,
    language: str = "zh",
) -> RunoutProducts:  # fmt: skip
    """Run out all release units and say whom they reach.

    Parameters
    ----------
    dem : (y, x), a length unit, on the releases' grid.
    releases, exposed : where it starts; who and what can be hit.
    params, risk, language : friction; risk matrix and vulnerability; "zh" or "en" for the reasons.

    Returns
    -------
    RunoutProducts. `hits`: one row a unit and building, road or settlement, the greatest energy first. `zones`: a
    footprint a unit of a hazard point or moving area, and of susceptible slopes that reach a house.

    Raises
    ------
    GridError, UnitError, CrsError : layers or frames do not fit together.
    """
    grid = same_grid(dem, releases.units, releases.kinds)
    covers = _coverages(exposed, grid)
    cells = np.unique(np.concatenate([c.cell for c in covers.values()] or [np.zeros(0, np.int64)]))
    layers = {"dem": dem, "release_units": releases.units, "release_kind": releases.kinds}
    result, lazy = compute_hits(layers, params, targets=cells)
    every = {"runout_energy": result.intensity, "hazard_runout": result.level, **result.extra}
    if grid.shape[0] * grid.shape[1] <= _WHOLE_CELLS:
        *arrays, table, skipped = dask.compute(*(v.data for v in every.values()), lazy.table, lazy.skipped)
        every = {name: v.copy(data=a) for (name, v), a in zip(every.items(), arrays, strict=True)}
    else:
        table, skipped = dask.compute(lazy.table, lazy.skipped)
    hit = _with_ground(hit_table(table, grid), releases.units)
    houses = _targets(hit, covers["building"], exposed.houses) if "building" in covers else None
    roads = _targets(hit, covers["road"], exposed.roads) if "road" in covers else None
    rows = hit_rows(releases.table, houses, roads, language=language)
    counts = {
        "release_units": len(releases.table), "release_cells_on_unknown_ground": int(skipped),
        "houses_reached": 0 if houses is None else int(houses["position"].nunique()),
        "settlements_reached": 0 if houses is None else int(houses["settlement_id"].nunique()),
    }  # fmt: skip
    zones = _zones(layers, releases, houses, roads, params=params, risk=risk)
    ways = _ways(dem, releases.table, houses, params=params, language=language)
    return RunoutProducts(every, _conformed(zones, language), rows, ways, counts)


def _coverages(exposed: Exposed, grid: Grid) -> dict[str, Coverage]:
    out = {}
    if exposed.houses is not None and len(exposed.houses):
        out["building"] = cell_coverage(exposed.houses, grid)
    if exposed.roads is not None and len(exposed.roads):
        strips = exposed.roads.set_geometry(exposed.roads.geometry.buffer(_ROAD_WIDTH_M / 2))
        out["road"] = cell_coverage(strips, grid)
    return out


def _with_ground(hit: pd.DataFrame, units: xr.DataArray) -> pd.DataFrame:
    """Add to hits whether the cell is of the unit's own release: what stands there goes down with it."""
    row, column = np.divmod(hit["cell"].to_numpy(dtype=np.int64), units.shape[1])
    own = units.isel(y=xr.DataArray(row, dims="hit"), x=xr.DataArray(column, dims="hit")).to_numpy()
    return hit.assign(on_release=own == hit["unit"])


def _targets(hit: pd.DataFrame, coverage: Coverage, things: gpd.GeoDataFrame | None) -> pd.DataFrame:
    """Return one row a unit and thing: the hardest hit of its cells."""
    assert things is not None  # noqa: S101  (for the type checker: there is no coverage without things)
    share = coverage.share / coverage.n_cells[coverage.polygon]
    pairs = pd.DataFrame({"cell": coverage.cell, "position": coverage.polygon, "share": share})
    found = hit.merge(pairs, on="cell")
    groups = found.groupby(["unit", "position"])
    found = found.assign(
        flux=groups["flux"].transform("max"), share=groups["share"].transform("sum").clip(upper=1.0),
        on_release=groups["on_release"].transform("any"),
    )  # fmt: skip
    order = found.sort_values(["unit", "position", "energy_j_kg", "cell"], ascending=[True, True, False, True])
    best = order.drop_duplicates(["unit", "position"])
    plain = pd.DataFrame(things.drop(columns="geometry")).reset_index(drop=True)
    out = best.merge(plain, left_on="position", right_index=True, how="left").reset_index(drop=True)
    if "is_building" in out:  # of a settlement known only as a disc, the people of the part that is reached
        out["people"] = out["people"].where(out["is_building"].astype(bool), out["people"] * out["share"])
    return out


def hit_rows(
    table: pd.DataFrame, houses: pd.DataFrame | None, roads: pd.DataFrame | None, *, language: str
) -> pd.DataFrame:
    """Return the frame `runout_hits`: who is hit by what, with what energy, from where.

    Parameters
    ----------
    table : `Releases.table`. houses, roads : hits by unit with the columns of the things hit; None where not given.
    language : "zh" or "en".

    Returns
    -------
    Conforms to the schema. A settlement's row has the hardest-hit of its houses; people are those of the houses that
    the unit reaches (rounded up), missing where the number of one is unknown.
    """
    parts = []
    if houses is not None and len(houses):
        names = houses["house_id"]
        parts.append(houses.assign(target_kind="building", target_id=names, n_houses=1))
        parts.append(_settlement_rows(houses))
    if roads is not None and len(roads):
        names = roads["road_id"].astype(str)
        parts.append(roads.assign(target_kind="road", target_id=names))
    columns = ["unit", "target_kind", "target_id", "settlement_id", "n_houses", "people", "on_release", *_HIT]
    kept = [p[[c for c in columns if c in p]] for p in parts]
    out = pd.concat(kept, ignore_index=True) if kept else pd.DataFrame(columns=columns)
    out = out.merge(table[["unit", "release_id", "source", "kind"]], on="unit", how="left")
    out["people"] = np.ceil(pd.to_numeric(out["people"]).astype("float64").round(6)) if "people" in out else np.nan
    order = out.sort_values(["energy_j_kg", "target_kind", "target_id", "release_id"],
                            ascending=[False, True, True, True], kind="stable").reset_index(drop=True)  # fmt: skip
    order = with_reasons(order, lambda k: [_hit_reason(row, k) for row in order.to_dict("records")], language)
    made: pd.DataFrame = conform(order.drop(columns=["unit", "on_release"]), "runout_hits")
    return made


def _settlement_rows(houses: pd.DataFrame) -> pd.DataFrame:
    known = houses[houses["settlement_id"].notna()]
    order = known.sort_values(["unit", "settlement_id", "energy_j_kg"], ascending=[True, True, False], kind="stable")
    first = order.drop_duplicates(["unit", "settlement_id"]).set_index(["unit", "settlement_id"])
    groups = known.groupby(["unit", "settlement_id"])
    first["flux"] = groups["flux"].max()
    first["people"] = groups["people"].agg(lambda v: v.sum(skipna=False))
    first["n_houses"] = groups["position"].nunique()
    first["on_release"] = groups["on_release"].any()
    out = first.reset_index()
    return out.assign(target_kind="settlement", target_id=out["settlement_id"])


def _hit_reason(row: Mapping[Any, Any], language: str) -> str:
    named = {"kind": str(row["kind"]), "source": str(row["source"]), "id": row["release_id"]}
    out = [say("runout_hit_on_release", language, **named)] if row.get("on_release") else []
    if not out or row["velocity_m_s"] > 0:
        out.append(say("runout_hit", language, **named, distance=row["distance_m"], speed=row["velocity_m_s"]))
    return ("" if language == "zh" else " ").join(out)


def _ways(
    dem: xr.DataArray, table: pd.DataFrame, houses: pd.DataFrame | None, *, params: RunoutParams, language: str
) -> gpd.GeoDataFrame:
    """Return the frame `runout_ways`: the way to the hardest-hit house of each settlement that a unit reaches.

    A house that stands on the release itself has no way.
    """
    grid = same_grid(dem)
    rows, lines = [], []
    found = pd.DataFrame() if houses is None else houses[houses["settlement_id"].notna()]
    if len(found):
        order = found.sort_values(
            ["unit", "settlement_id", "energy_j_kg"], ascending=[True, True, False], kind="stable"
        )
        first = order.drop_duplicates(["unit", "settlement_id"]).merge(table, on="unit", how="left")
        for row in first[first["cell"] != first["release_cell"]].to_dict("records"):
            line = way_down(dem, int(row["release_cell"]), int(row["cell"]), row["kind"], params)
            if line is not None:
                way_id = f"{row['release_id']}-{row['settlement_id']}"
                rows.append({"way_id": way_id, "target_id": row["house_id"], "length_m": line.length, **row})
                lines.append(line)
    columns = ["way_id", "release_id", "source", "kind", "settlement_id", "target_id", "length_m", "energy_j_kg",
               "velocity_m_s", "distance_m"]  # fmt: skip
    frame = gpd.GeoDataFrame(pd.DataFrame(rows, columns=columns), geometry=lines, crs=grid.crs)
    frame = with_reasons(frame, lambda k: [_hit_reason(row, k) for row in frame.to_dict("records")], language)
    made: gpd.GeoDataFrame = conform(frame.drop(columns="distance_m"), "runout_ways")
    return made


def _zones(
    layers: Mapping[str, xr.DataArray], releases: Releases, houses: pd.DataFrame | None, roads: pd.DataFrame | None,
    *, params: RunoutParams, risk: RiskParams,
) -> gpd.GeoDataFrame:  # fmt: skip
    """Return the footprints with what they hit and their levels."""
    table = releases.table
    hitting = set() if houses is None else set(houses["unit"])
    units = table[table["source"].isin(WATCHED) | table["unit"].isin(hitting)]["unit"]
    zones = footprints(layers, params, set(units)).merge(table, on="unit", how="left")
    people: pd.Series[Any] = pd.Series(dtype="float64")
    buildings, speed, settlements = people, people, people
    if houses is not None and len(houses):
        groups = houses.groupby("unit")
        people, buildings = groups["people"].agg(lambda v: v.sum(skipna=False)), groups["position"].nunique()
        if "is_building" in houses:  # a disc, a cell or a census point is no building: how many stand there is unknown
            buildings = buildings.astype("float64").where(groups["is_building"].all())
        speed, settlements = groups["velocity_m_s"].max(), groups["settlement_id"].nunique()
    zones["people"] = np.ceil(zones["unit"].map(people).fillna(0.0 if houses is not None else np.nan).round(6))
    unknown = zones["unit"].isin(people.index[people.isna()])
    zones.loc[unknown, "people"] = np.nan
    reached = zones["unit"].isin(people.index)
    nothing = 0.0 if houses is not None else np.nan
    zones["buildings"] = zones["unit"].map(buildings).astype("float64").where(reached, nothing)
    zones["settlements"] = zones["unit"].map(settlements).fillna(0 if houses is not None else np.nan)
    zones["roads"] = (
        np.nan if roads is None else zones["unit"].map(roads.groupby("unit")["position"].nunique()).fillna(0)
    )
    zones["arrival_velocity_m_s"] = zones["unit"].map(speed).astype("float64")
    zones["on_release"] = zones["unit"].isin(_units_on_release(houses, roads))
    zones["hazard_level"] = _hazard(zones, roads, params)
    zones["vulnerability_level"] = _vulnerability(zones, unknown.to_numpy(), risk)
    zones["risk_level"] = matrix_risk(zones["hazard_level"], zones["vulnerability_level"], risk.risk_matrix)
    return zones


def _units_on_release(*struck: pd.DataFrame | None) -> set[int]:
    """Return the units on whose release cells something stands."""
    return {int(u) for hits in struck if hits is not None for u in hits.loc[hits["on_release"], "unit"]}


def _hazard(zones: gpd.GeoDataFrame, roads: pd.DataFrame | None, params: RunoutParams) -> NDArray[np.int64]:
    """Return the level by the fastest arrival at a house or road, by the zone's speed where no house is reached.

    It is very high where something stands on the release, as in the layer: there the ground itself goes.
    """
    arrival = zones["arrival_velocity_m_s"].to_numpy(dtype=np.float64)
    if roads is not None:
        on_roads = zones["unit"].map(roads.groupby("unit")["velocity_m_s"].max()).to_numpy(dtype=np.float64)
        arrival = np.where(np.isnan(arrival), np.nan, np.fmax(arrival, on_roads))
    fastest = np.where(np.isnan(arrival), zones["velocity_m_s"].to_numpy(dtype=np.float64), arrival)
    level = 1 + np.searchsorted(params.level_velocity_m_s, fastest, side="right")
    return np.where(zones["on_release"], Level.VERY_HIGH, level)


def _vulnerability(zones: gpd.GeoDataFrame, unknown: NDArray[np.bool_], risk: RiskParams) -> NDArray[np.int8]:
    """Return the vulnerability by people; unknown where a population is, at least low where a road is hit.

    Where nobody is hit and no roads are given, nobody knows whether it hits nothing: unknown.
    """
    level = classify(zones["people"].to_numpy(dtype=np.float64), risk.vulnerability_people)
    level = np.where((level == Level.NONE) & zones["roads"].isna(), np.int8(Level.UNKNOWN), level)
    level = np.where(zones["roads"].fillna(0) > 0, np.maximum(level, np.where(level >= 0, Level.LOW, level)), level)
    return np.where(unknown | zones["people"].isna(), Level.UNKNOWN, level).astype(np.int8)


def _conformed(zones: gpd.GeoDataFrame, language: str) -> gpd.GeoDataFrame:
    zones["zone_id"] = "RO-" + zones["release_id"].astype(str)
    zones["unknown_beyond"] = np.where(zones["flags"].astype("int64") > 0, "yes", "no")
    zones = with_reasons(zones, lambda k: [_zone_reason(row, k) for row in zones.to_dict("records")], language)
    order = zones.sort_values(["risk_level", "hazard_level", "zone_id"], ascending=[False, False, True], kind="stable")
    made: gpd.GeoDataFrame = conform(
        order.drop(columns=["unit", "flags", "on_release"]).reset_index(drop=True), "runout_zones"
    )
    return made


def _zone_reason(row: Mapping[Any, Any], language: str) -> str:
    out = [say("runout_zone", language, kind=str(row["kind"]), source=str(row["source"]), id=row["release_id"],
               length=row["length_m"], speed=row["velocity_m_s"])]  # fmt: skip
    if pd.isna(row["buildings"]) and not pd.isna(row["settlements"]):
        key = "runout_unmapped_unknown" if pd.isna(row["people"]) else "runout_unmapped"
        out.append(say(key, language, people=row["people"], settlements=int(row["settlements"]),
                       speed=row["arrival_velocity_m_s"]))  # fmt: skip
    elif row["buildings"] > 0:
        key = "runout_people_unknown" if pd.isna(row["people"]) else "runout_people"
        out.append(say(key, language, houses=int(row["buildings"]), people=row["people"],
                       settlements=int(row["settlements"]), speed=row["arrival_velocity_m_s"]))  # fmt: skip
    elif row["buildings"] == 0:
        out.append(say("runout_nobody", language))
    if row["on_release"]:
        out.append(say("runout_on_release", language))
    out.append(say("runout_risk", language, hazard=level_word(row["hazard_level"], language),
                   risk=level_word(row["risk_level"], language)))  # fmt: skip
    if row["flags"] > 0:
        out.append(say("runout_beyond", language))
    return ("" if language == "zh" else " ").join(out)
