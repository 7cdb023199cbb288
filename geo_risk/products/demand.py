"""Who must leave: the zones that call, the houses in them, the people in the houses, and by when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.core.levels import Level, classify
from geo_risk.core.names import STAGES_H
from geo_risk.exposure.zonal import covered_shares, overlaps
from geo_risk.products.params import EvacuationParams, RiskParams
from geo_risk.products.threat import Threat
from geo_risk.products.zones import WARNED_KINDS, matrix_risk

WATER_KINDS = ("flood", "waterlogging")
SUDDEN_KINDS = ("landslide", "mining_subsidence", "unknown")


def calls_its_houses(zones: gpd.GeoDataFrame, params: EvacuationParams, *, by_cells: bool) -> NDArray[np.bool_]:
    """Return which zones call every house in them.

    Those of `calling_zones`, but where houses are judged by the warnings of cells (`by_cells`), a zone drawn from the
    landslide hazard calls by itself only while no stage has a forecast for it.
    """
    drawn = zones["kind"].isin(WARNED_KINDS) & (zones["origin"] == "hazard" if "origin" in zones else True)
    warning = zones[[f"warning_{s}h" for s in STAGES_H]].max(axis=1)
    left_to_cells = np.asarray(drawn & (warning >= 0), dtype=bool) & by_cells
    return calling_zones(zones, params) & ~left_to_cells


def calling_zones(zones: gpd.GeoDataFrame, params: EvacuationParams) -> NDArray[np.bool_]:
    """Return which zones call for leaving.

    A landslide zone calls where some stage warns of at least `warning_level`, or, where no stage has a forecast, where
    its risk is at least `risk_level`. A water zone calls where its hazard level is at least `flood_level`. A moving
    area calls while it accelerates. An unknown hazard of a water zone calls too: unknown is not safe.
    """
    kind = zones["kind"].astype(str)
    warning = zones[[f"warning_{s}h" for s in STAGES_H]].max(axis=1)
    warned = kind.isin(WARNED_KINDS)
    by_warning = warned & (warning >= params.warning_level)
    by_risk = warned & (warning < 0) & (zones["risk_level"] >= params.risk_level)
    water = kind.isin(WATER_KINDS) & ((zones["hazard_level"] >= params.flood_level) | (zones["hazard_level"] < 0))
    activity = zones["activity"] if "activity" in zones else pd.Series("unknown", index=zones.index)
    moving = kind.isin(SUDDEN_KINDS) & (activity == "accelerating")
    return np.asarray(by_warning | by_risk | water | moving, dtype=bool)


def people_to_move(
    settlements: gpd.GeoDataFrame,
    houses: gpd.GeoDataFrame,
    zones: gpd.GeoDataFrame,
    *,
    params: EvacuationParams,
    stages: Sequence[Mapping[str, Any]] = (),
    threat: Threat | None = None,
    risk: RiskParams | None = None,
) -> gpd.GeoDataFrame:
    """Return one row for each settlement with a house in a calling zone, or on a cell whose warning calls.

    A house must be left whole when at least `house_share` of its footprint lies in calling zones (overlaps of zones
    counted once), or on cells of at least `warning_level` in `threat`. Of a settlement that is known only as a disc,
    the share of people inside leaves, rounded up (zones and cells added, at most all).

    Parameters
    ----------
    settlements : points with settlement_id, people and the rest as `clean_counts` leaves them.
    houses : as `spread_people` makes them.
    zones : the calling zones only.
    stages : {"hours", "issued"} of each warning stage, issued as ISO time with zone.
    threat : of each house, as `threat.house_threat` finds it; None where only zones call.
    risk : matrix and bounds by which warned cells and the people on them make a risk level; default: `RiskParams`.

    Returns
    -------
    GeoDataFrame at the settlements: settlement_id, name, people, vulnerable_people, settlement_people, responsible,
        hazard_kinds, zone_ids, risk_level, warning_level, leave_before. people is NaN where the population is unknown.
    """
    share = covered_shares(houses, zones)
    if threat is not None:
        share = np.minimum(1.0, share + np.where(threat.share >= params.house_share, threat.share, 0.0))
    leaves = share >= params.house_share
    factor = np.where(houses["is_building"].to_numpy(dtype=bool), leaves.astype(np.float64), np.where(leaves, share, 0))
    table = pd.DataFrame({"settlement_id": houses["settlement_id"].to_numpy(), "leaves": leaves})
    for column in ("people", "vulnerable_people"):
        table[column] = houses[column].to_numpy(dtype=np.float64) * factor
    gone = table[table["leaves"]]
    sums = gone.groupby("settlement_id")[["people", "vulnerable_people"]].sum(min_count=1).round(6)
    sums = sums.apply(np.ceil)
    unknown = gone[gone["people"].isna()]["settlement_id"].unique()
    sums.loc[unknown, "people"] = np.nan
    sums = sums[sums["people"].isna() | (sums["people"] > 0)]
    facts = _facts(houses[leaves], zones, params, stages, None if threat is None else threat.warnings[leaves])
    rows = settlements[settlements["settlement_id"].isin(sums.index)].sort_values("settlement_id", kind="stable")
    out = rows.drop(columns=["vulnerable_people"]).rename(columns={"people": "settlement_people"})
    out = out.merge(sums, left_on="settlement_id", right_index=True, how="left")
    out = out.merge(facts, left_on="settlement_id", right_index=True, how="left")
    out["by_cells"] = threat is not None
    out["risk_level"] = _risk(out, risk or RiskParams())
    for column in ("name", "responsible"):
        if column not in out:
            out[column] = pd.NA
    return gpd.GeoDataFrame(out, crs=settlements.crs).reset_index(drop=True)


def not_judged(
    houses: gpd.GeoDataFrame, zones: gpd.GeoDataFrame, threat: Threat | None, *, params: EvacuationParams
) -> dict[str, int]:
    """Count the houses, and their known people, of which no stage says anything and which no zone calls.

    They are not on the list because nothing is known of their ground, not because it is safe.

    Parameters
    ----------
    houses, threat, params : as in `people_to_move`. zones : the calling zones only.

    Returns
    -------
    houses_not_judged, people_not_judged (rounded up), settlements_not_judged.
    """
    silent = np.zeros(len(houses), dtype=bool) if threat is None else ~threat.is_known
    silent &= covered_shares(houses, zones) < params.house_share
    people = houses["people"].to_numpy(dtype=np.float64)[silent]
    return {
        "houses_not_judged": int(silent.sum()),
        "people_not_judged": int(np.ceil(round(float(np.nansum(people)), 6))),
        "settlements_not_judged": int(houses["settlement_id"][silent].nunique()),
    }


def _risk(rows: pd.DataFrame, params: RiskParams) -> NDArray[np.int8]:
    """Return the highest known risk: of the zones that call, and of the warned cells with the people who leave them."""
    people = classify(rows["people"].to_numpy(dtype=np.float64), params.vulnerability_people)
    cells = matrix_risk(rows["cell_warning"].fillna(Level.UNKNOWN).astype(np.int8), people, params.risk_matrix)
    zones: NDArray[np.int8] = rows["risk_level"].to_numpy(dtype=np.int8)
    return np.where(rows["cell_warning"].isna(), zones, np.maximum(zones, cells)).astype(np.int8)


def _facts(
    houses: gpd.GeoDataFrame,
    zones: gpd.GeoDataFrame,
    params: EvacuationParams,
    stages: Sequence[Mapping[str, Any]],
    warnings: pd.DataFrame | None,
) -> pd.DataFrame:
    """Return what the zones and the cells of a settlement's leaving houses say, by settlement.

    Cells count as a place of kind landslide without a zone's id; `cell_warning` is their highest level, missing where
    only zones call.
    """
    pairs = overlaps(houses, zones)
    owner = houses["settlement_id"].to_numpy()[pairs["feature"]]
    table = zones.drop(columns="geometry").iloc[pairs["zone"].to_numpy()].assign(settlement_id=owner)
    table = table.drop_duplicates(["settlement_id", "zone_id"])
    names = [f"warning_{s}h" for s in STAGES_H]
    if warnings is not None:
        called = (warnings.max(axis=1) >= params.warning_level).to_numpy()
        cells = warnings[called].groupby(houses["settlement_id"].to_numpy()[called]).max()
        cells = cells.rename_axis("settlement_id").reset_index().assign(kind="landslide", risk_level=-1)
        cells["cell_warning"] = cells[names].max(axis=1)
        table = pd.concat([table, cells], ignore_index=True) if len(table) else cells.assign(zone_id=None)
    if "cell_warning" not in table:
        table["cell_warning"] = np.nan
    table["warning_level"] = table[names].max(axis=1)
    table["leave_before"] = [leave_before(row, params, stages) for row in table[names].to_dict("records")]
    groups = table.groupby("settlement_id")
    return pd.DataFrame(
        {
            "hazard_kinds": groups["kind"].agg(lambda v: ",".join(sorted(set(v.astype(str))))),
            "zone_ids": groups["zone_id"].agg(lambda v: ",".join(sorted(set(v.dropna().astype(str))))),
            "risk_level": groups["risk_level"].max(),
            "cell_warning": groups["cell_warning"].max(),
            "warning_level": groups["warning_level"].max(),
            "leave_before": groups["leave_before"].agg(lambda v: min((str(x) for x in v.dropna()), default=None)),
        }
    )


def leave_before(
    warnings: Mapping[str, Any], params: EvacuationParams, stages: Sequence[Mapping[str, Any]]
) -> str | None:
    """Return the time by which a zone must be empty, ISO UTC; None where no stage that calls has an issue time.

    Of the stages that call the shortest counts, since it is the newest: the danger lies within its hours but not
    within those of the next shorter stage, which does not call. So the time is its issue plus the next shorter
    stage's hours, and its issue itself for the shortest stage.
    """
    issued = {int(s["hours"]): s.get("issued") for s in stages}
    calling = [s for s in STAGES_H if warnings[f"warning_{s}h"] >= params.warning_level and issued.get(s)]
    if not calling:
        return None
    shortest = min(calling)
    shorter = max((s for s in STAGES_H if s < shortest), default=0)
    start = datetime.fromisoformat(str(issued[shortest]))
    return (start + timedelta(hours=shorter)).isoformat()
