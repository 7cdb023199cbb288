"""Who must leave: the zones that call, the houses in them, the people in the houses, and by when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.core.levels import Level, classify, combine_levels
from geo_risk.core.names import STAGES_H
from geo_risk.exposure.people import emptied_by_rounding
from geo_risk.exposure.zonal import covered_shares, overlaps
from geo_risk.products.params import EvacuationParams, RiskParams
from geo_risk.products.threat import Threat, Water
from geo_risk.products.vulnerability import matrix_risk
from geo_risk.products.zone_levels import WARNED_KINDS

WATER_KINDS = ("flood", "waterlogging")
SUDDEN_KINDS = ("landslide", "mining_subsidence", "unknown")

_CELLS = ("cell_warning", "cell_flood", "cell_chance")
"""What calls a house by the cells it stands on: warning level, flood level, probability of a slide."""

_UNKNOWN_SEVERITY = 1.5
"""Of several risks the gravest counts; an unknown one is graver than low, as in core.levels."""


def calls_its_houses(zones: gpd.GeoDataFrame, params: EvacuationParams, *, by_cells: bool) -> NDArray[np.bool_]:
    """Return which zones call every house in them.

    Those of `calling_zones`, but where houses are judged by the warnings of cells (`by_cells`), a zone drawn from the
    landslide hazard calls by itself only while its next `known_hours` are unknown.
    """
    drawn = zones["kind"].isin(WARNED_KINDS) & (zones["origin"] == "hazard" if "origin" in zones else True)
    left_to_cells = np.asarray(drawn & ~_is_open(zones, params), dtype=bool) & by_cells
    return calling_zones(zones, params) & ~left_to_cells


def calling_zones(zones: gpd.GeoDataFrame, params: EvacuationParams) -> NDArray[np.bool_]:
    """Return which zones call for leaving.

    A landslide zone calls where some stage warns of at least `warning_level`, or, where no stage of `known_hours` or
    more is known, where its risk is at least `risk_level` (an hour known to be calm leaves the next ones open); where
    its people are unknown its hazard counts for its risk. A water zone calls where its hazard level is at least
    `flood_level`. A moving area calls while it accelerates. An unknown hazard of a water zone calls too: unknown is not
    safe.
    """
    kind = zones["kind"].astype(str)
    warning = zones[[f"warning_{s}h" for s in STAGES_H]].max(axis=1)
    warned = kind.isin(WARNED_KINDS)
    by_warning = warned & (warning >= params.warning_level)
    hazard = zones["hazard_level"]
    uncounted = (zones["risk_level"] < 0) | (zones["vulnerability_level"] < 0)
    is_grave = (zones["risk_level"] >= params.risk_level) | (uncounted & ((hazard >= params.risk_level) | (hazard < 0)))
    by_risk = warned & _is_open(zones, params) & is_grave
    water = kind.isin(WATER_KINDS) & ((hazard >= params.flood_level) | (hazard < 0))
    activity = zones["activity"] if "activity" in zones else pd.Series("unknown", index=zones.index)
    moving = kind.isin(SUDDEN_KINDS) & (activity == "accelerating")
    return np.asarray(by_warning | by_risk | water | moving, dtype=bool)


def _is_open(zones: gpd.GeoDataFrame, params: EvacuationParams) -> NDArray[np.bool_]:
    """Return for which zones no stage of `known_hours` or more is known."""
    long = [f"warning_{s}h" for s in STAGES_H if s >= params.known_hours]
    return np.asarray((zones[long] < 0).all(axis=1), dtype=bool)


def people_to_move(
    settlements: gpd.GeoDataFrame,
    houses: gpd.GeoDataFrame,
    zones: gpd.GeoDataFrame,
    *,
    params: EvacuationParams,
    stages: Sequence[Mapping[str, Any]] = (),
    threat: Threat | None = None,
    water: Water | None = None,
    risk: RiskParams | None = None,
) -> gpd.GeoDataFrame:
    """Return one row for each settlement with a house in a calling zone, or on a cell whose warning or water calls.

    A house must be left whole when at least `house_share` of its footprint lies in calling zones (overlaps of zones
    counted once), on cells of at least `warning_level` in `threat`, or of at least `flood_level` in `water`. Of a
    settlement that is known only as a disc, the share of people inside leaves, rounded up (zones and cells added, at
    most all).

    Parameters
    ----------
    settlements : points with settlement_id, people and the rest as `clean_counts` leaves them.
    houses : as `spread_people` makes them.
    zones : the calling zones only.
    stages : {"hours", "issued"} of each warning stage, issued as ISO time with zone.
    threat : of each house, as `threat.house_threat` finds it; None where only zones call.
    water : of each house, as `threat.house_water` finds it; None where only zones call.
    risk : matrix and bounds by which warned cells and the people on them make a risk level; default: `RiskParams`.

    Returns
    -------
    GeoDataFrame at the settlements: settlement_id, name, people, vulnerable_people, settlement_people, responsible,
        hazard_kinds, zone_ids, risk_level, warning_level, leave_before. people is NaN where the population is unknown.
    """
    share = leaving_share(houses, zones, threat, water, params)
    leaves = share >= params.house_share
    factor = np.where(houses["is_building"].to_numpy(dtype=bool), leaves.astype(np.float64), np.where(leaves, share, 0))
    table = pd.DataFrame({"settlement_id": houses["settlement_id"].to_numpy(), "leaves": leaves})
    for column in ("people", "vulnerable_people"):
        table[column] = houses[column].to_numpy(dtype=np.float64) * factor
    gone = table[table["leaves"]]
    sums = gone.groupby("settlement_id")[["people", "vulnerable_people"]].sum(min_count=1).round(6)
    sums = sums.apply(np.ceil)
    unknown = gone[gone["people"].isna()]["settlement_id"].dropna().unique()
    sums.loc[unknown, "people"] = np.nan
    # less than one person in the houses that leave is not nobody: rounded up it is one
    maybe = table[leaves & emptied_by_rounding(houses)]["settlement_id"]
    sums.loc[(sums["people"] == 0) & sums.index.isin(maybe), "people"] = 1.0
    sums = sums[sums["people"].isna() | (sums["people"] > 0)]
    cells = pd.DataFrame(dict.fromkeys(_CELLS, np.nan), index=range(int(leaves.sum()))).assign(slide_before=None)
    if threat is not None:
        cells = _warned(threat, leaves, params).reset_index(drop=True).assign(cell_flood=np.nan)
    if water is not None:
        cells["cell_flood"] = np.where(water.share >= params.house_share, water.level, np.nan)[leaves]
    facts = _facts(houses[leaves], zones, params, stages, cells)
    rows = settlements[settlements["settlement_id"].isin(sums.index)].sort_values("settlement_id", kind="stable")
    out = rows.drop(columns=["vulnerable_people"]).rename(columns={"people": "settlement_people"})
    out = out.merge(sums, left_on="settlement_id", right_index=True, how="left")
    out = out.merge(facts, left_on="settlement_id", right_index=True, how="left")
    out["by_cells"] = threat is not None
    out["by_chance"] = water is not None and water.by_chance
    chance = None if threat is None else threat.chance
    out["by_slide_chance"] = chance is not None and bool(np.isfinite(chance).any())
    out["risk_level"] = _risk(out, risk or RiskParams())
    for column in ("name", "responsible"):
        if column not in out:
            out[column] = pd.NA
    return gpd.GeoDataFrame(out, crs=settlements.crs).reset_index(drop=True)


def leaving_share(
    houses: gpd.GeoDataFrame, zones: gpd.GeoDataFrame, threat: Threat | None, water: Water | None,
    params: EvacuationParams,
) -> NDArray[np.float64]:  # fmt: skip
    """Return the share of each house in calling zones and, from `house_share` on, on calling cells; at most 1."""
    share = covered_shares(houses, zones)
    for cells in (threat, water):
        if cells is not None:
            share = share + np.where(cells.share >= params.house_share, cells.share, 0.0)
    return np.minimum(1.0, share)


def count_ownerless(
    houses: gpd.GeoDataFrame, zones: gpd.GeoDataFrame, threat: Threat | None, water: Water | None = None, *,
    params: EvacuationParams,
) -> int:  # fmt: skip
    """Count the houses of no settlement that must be left: nobody is listed for them.

    Parameters
    ----------
    houses, zones, threat, water, params : as in `people_to_move`.
    """
    ownerless = houses["settlement_id"].isna().to_numpy()
    part = None if threat is None else replace(
        threat, share=threat.share[ownerless], warnings=threat.warnings[ownerless], level=threat.level[ownerless]
    )  # fmt: skip
    wet = None if water is None else Water(water.share[ownerless], water.level[ownerless])
    share = leaving_share(houses[ownerless], zones, part, wet, params)
    return int((share >= params.house_share).sum())


def _warned(threat: Threat, leaves: NDArray[np.bool_], params: EvacuationParams) -> pd.DataFrame:
    """Return the warnings of the leaving houses with what calls them, missing where the cells do not call the house."""
    called = threat.share >= params.house_share
    nothing = np.full(len(called), None, dtype=object)
    return threat.warnings.assign(
        cell_warning=np.where(called, threat.level, np.nan),
        cell_chance=np.nan if threat.chance is None else np.where(called, threat.chance, np.nan),
        slide_before=nothing if threat.before is None else np.where(called, threat.before, nothing),
    )[leaves]


def not_judged(
    houses: gpd.GeoDataFrame, zones: gpd.GeoDataFrame, is_known: NDArray[np.bool_], *, params: EvacuationParams
) -> pd.DataFrame:
    """Count, by settlement, the inhabited houses of whose ground nothing is known and which no zone calls.

    They need not leave because nothing is known of their ground, not because it is safe. Houses known to hold nobody
    are passed over.

    Parameters
    ----------
    houses, params : as in `people_to_move`. zones : the calling zones only.
    is_known : (n,) whether the stages (or the hazard, where there is no stage) say enough of the house's ground,
        see `Threat.is_judged`.

    Returns
    -------
    DataFrame by settlement_id: houses_not_judged, people_not_judged (the known ones, rounded up).
    """
    people = houses["people"].to_numpy(dtype=np.float64)
    silent = _silent(houses, zones, is_known, params)
    groups = pd.DataFrame({"people": people[silent]}).groupby(houses["settlement_id"].to_numpy()[silent])["people"]
    counts = pd.DataFrame({"houses_not_judged": groups.size(), "people_not_judged": np.ceil(groups.sum().round(6))})
    return counts.astype("int64").rename_axis("settlement_id")


def _silent(
    houses: gpd.GeoDataFrame, zones: gpd.GeoDataFrame, is_known: NDArray[np.bool_], params: EvacuationParams
) -> NDArray[np.bool_]:
    """Return which inhabited houses nothing is known of and no zone calls."""
    lived_in = (houses["people"].to_numpy(dtype=np.float64) != 0) | emptied_by_rounding(houses)
    return np.asarray(~is_known & lived_in & (covered_shares(houses, zones) < params.house_share), dtype=bool)


def count_ownerless_silent(
    houses: gpd.GeoDataFrame, zones: gpd.GeoDataFrame, is_known: NDArray[np.bool_], *, params: EvacuationParams
) -> int:
    """Count the houses of no settlement among those of `not_judged`: no row of the list speaks of them.

    Parameters
    ----------
    houses, zones, is_known, params : as in `not_judged`.
    """
    return int((_silent(houses, zones, is_known, params) & houses["settlement_id"].isna().to_numpy()).sum())


def with_not_judged(leaving: gpd.GeoDataFrame, settlements: gpd.GeoDataFrame, counts: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return the rows of `people_to_move` with `is_called` (True) and what `not_judged` counts of each (0: nothing).

    A settlement that is only in `counts` gets a row of its own, `is_called` False: how many of it must leave is unknown
    (people missing), and so are its levels.
    """
    out = leaving.assign(is_called=True)
    more = settlements[settlements["settlement_id"].isin(set(counts.index) - set(leaving["settlement_id"]))]
    if len(more):
        more = more.rename(columns={"people": "settlement_people"}).assign(
            people=np.nan, vulnerable_people=np.nan, hazard_kinds="unknown", zone_ids="", risk_level=Level.UNKNOWN,
            warning_level=Level.UNKNOWN, is_called=False, by_cells=True, by_chance=False, by_slide_chance=False,
        )  # fmt: skip
        parts = [out, more[[c for c in more if c in out]]] if len(out) else [more.reindex(columns=out.columns)]
        rows = pd.concat(parts, ignore_index=True)
        out = gpd.GeoDataFrame(rows.sort_values("settlement_id", kind="stable", ignore_index=True), crs=settlements.crs)
        flags = ["by_cells", "by_chance", "by_slide_chance"]
        out[flags] = out[flags].astype(bool)
    found = counts.reindex(out["settlement_id"]).fillna(0).astype("int64")
    return out.assign(**{str(c): found[c].to_numpy() for c in found})


def _risk(rows: pd.DataFrame, params: RiskParams) -> NDArray[np.int8]:
    """Return the risk of the zones that call and of the calling cells with the people who leave, whichever is graver.

    An unknown one of them is graver than low.
    """
    people = classify(rows["people"].to_numpy(dtype=np.float64), params.vulnerability_people)
    level = rows[["cell_warning", "cell_flood"]].max(axis=1)
    cells = matrix_risk(level.fillna(Level.UNKNOWN).astype(np.int8), people, params.risk_matrix)
    zones: NDArray[np.int8] = rows["risk_level"].to_numpy(dtype=np.int8)
    no_zone = (rows["zone_ids"] == "").to_numpy(dtype=bool)
    both = np.where(no_zone, cells, combine_levels(zones, cells))
    return np.where(level.isna(), zones, both).astype(np.int8)


def _facts(
    houses: gpd.GeoDataFrame,
    zones: gpd.GeoDataFrame,
    params: EvacuationParams,
    stages: Sequence[Mapping[str, Any]],
    cells: pd.DataFrame,
) -> pd.DataFrame:
    """Return what the zones and the cells of a settlement's leaving houses say, by settlement.

    Cells count as a place of kind landslide or flood without a zone's id; `cell_warning` and `cell_flood` are their
    highest levels, `cell_chance` the highest probability of a slide, missing where no such cell calls. `cells` has the
    rows of `houses` in order.
    """
    pairs = overlaps(houses, zones)
    owner = houses["settlement_id"].to_numpy()
    table = zones.drop(columns="geometry").iloc[pairs["zone"].to_numpy()]
    table = table.assign(settlement_id=owner[pairs["feature"]]).drop_duplicates(["settlement_id", "zone_id"])
    names = [f"warning_{s}h" for s in STAGES_H]
    parts = [table.assign(**dict.fromkeys(_CELLS, np.nan), slide_before=None)]
    for column, kind, kept in (("cell_warning", "landslide", [*names, "cell_warning", "cell_chance", "slide_before"]),
                               ("cell_flood", "flood", ["cell_flood"])):  # fmt: skip
        called = cells[column].notna().to_numpy()
        if called.any():
            # house by house: what is known of one house's next hours is not known of another's
            found = cells.loc[called, kept].assign(settlement_id=owner[called]).drop_duplicates()
            parts.append(found.assign(kind=kind, risk_level=np.nan, zone_id=None))
    table = pd.concat([p for p in parts if len(p)] or parts, ignore_index=True)
    for column in (*names, *_CELLS, "slide_before"):
        if column not in table:
            table[column] = np.nan
    table[names] = table[names].astype("float64").fillna(float(Level.UNKNOWN))
    highest, is_silent = table[[*names, "cell_warning"]].max(axis=1), (table[names] < 0).any(axis=1)
    table["warning_level"] = highest.where((highest >= Level.MEDIUM) | ~is_silent, _UNKNOWN_SEVERITY)
    table["risk_level"] = table["risk_level"].astype("float64").replace(float(Level.UNKNOWN), _UNKNOWN_SEVERITY)
    by_stage = [leave_before(row, params, stages) for row in table[names].to_dict("records")]
    both = zip(by_stage, table["slide_before"].tolist(), strict=True)
    table["leave_before"] = [min((str(t) for t in pair if not pd.isna(t)), default=None) for pair in both]
    groups = table.groupby("settlement_id")
    return pd.DataFrame(
        {
            "hazard_kinds": groups["kind"].agg(lambda v: ",".join(sorted(set(v.astype(str))))),
            "zone_ids": groups["zone_id"].agg(lambda v: ",".join(sorted(set(v.dropna().astype(str))))),
            "risk_level": groups["risk_level"].max().replace(_UNKNOWN_SEVERITY, Level.UNKNOWN).fillna(Level.UNKNOWN),
            "cell_warning": groups["cell_warning"].max(),
            "cell_flood": groups["cell_flood"].max(),
            "cell_chance": groups["cell_chance"].max(),
            "warning_level": groups["warning_level"].max().replace(_UNKNOWN_SEVERITY, Level.UNKNOWN),
            "leave_before": groups["leave_before"].agg(lambda v: min((str(x) for x in v.dropna()), default=None)),
        }
    )


def leave_before(
    warnings: Mapping[str, Any], params: EvacuationParams, stages: Sequence[Mapping[str, Any]]
) -> str | None:
    """Return the time by which a zone must be empty, ISO UTC; None where no stage that calls has an issue time.

    Of the stages that call the shortest counts, since it is the newest: the danger lies within its hours but not
    within those of the next shorter stage that is known not to call. So the time is its issue plus that stage's hours,
    and its issue itself where no shorter stage is known: one without a forecast says nothing of its hours.

    Raises
    ------
    ValueError : an issue time has no zone.
    """
    issued = {int(s["hours"]): s.get("issued") for s in stages}
    calling = [s for s in STAGES_H if warnings[f"warning_{s}h"] >= params.warning_level and issued.get(s)]
    if not calling:
        return None
    shortest = min(calling)
    shorter = max((s for s in STAGES_H if s < shortest and warnings[f"warning_{s}h"] >= 0), default=0)
    start = datetime.fromisoformat(str(issued[shortest]))
    if start.tzinfo is None:
        what = f"the issue time {issued[shortest]!r} of the {shortest} h stage has no zone"
        raise ValueError(what)
    return (start.astimezone(UTC) + timedelta(hours=shorter)).isoformat()
