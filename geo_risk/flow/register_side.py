"""One layer of a run beside the register: rows of both, and which row is which object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_risk.core.sentence import Sentence
from geo_risk.products import register_matching as matching
from geo_risk.products.params import RiskParams
from geo_risk.products.register_joined import join_merged, unknown_levels
from geo_risk.products.register_merging import COVERED_SHARE
from geo_risk.products.register_params import RegisterParams
from geo_risk.products.register_rules import Draft
from geo_risk.register import merging, proposals, runs
from geo_risk.register.fields import LAYERS
from geo_risk.register.proposals import Proposal
from geo_risk.register.store import Register
from geo_risk.sources.vectors import MAX_AREA_CHANGE, mend_polygon


@dataclass
class Side:
    """One layer of a run beside the register: rows of both, and which belongs to which.

    `kept` holds objects first (`n_objects` of them), then places that proposals of new objects hold. `also` gives the
    object of each row of the run that went into another row; `elsewhere` are rows at the place of a merged object;
    `partial` are rows of an object in force that say nothing of those merged into it; `apart` those of them of which a
    person had said that these are other people. `unjudged` are rows of an object that do not judge all that was merged
    into it; `beside` gives the rows that do so together with one (zones).
    """

    found: gpd.GeoDataFrame
    kept: gpd.GeoDataFrame
    n_objects: int
    match: NDArray[np.int64]
    held: dict[int, Proposal]
    drafts: list[Draft] = field(default_factory=list)
    covered: set[int] = field(default_factory=set)
    also: dict[str, str] = field(default_factory=dict)
    elsewhere: frozenset[int] = frozenset()
    partial: frozenset[int] = frozenset()
    apart: frozenset[int] = frozenset()
    unjudged: frozenset[int] = frozenset()
    beside: Mapping[int, list[int]] = field(default_factory=dict)


def side_of(
    register: Register, frame: gpd.GeoDataFrame, layer: str, rules: RegisterParams, *, risk: RiskParams,
    notes: list[Sentence],
) -> Side:  # fmt: skip
    """Match a layer of a run with the register.

    Points that were merged into others are no partners: their rows, known by ledger number, are those of the object
    in force, and radar finds that one near. Zones that were merged stay partners, so that they are not new again.

    Parameters
    ----------
    frame : the layer of the run. notes : what is to be said of it is added.
    """
    spec = LAYERS[layer]
    found = frame.reset_index(drop=True)
    found = found[found.geometry.notna() & ~found.geometry.is_empty].reset_index(drop=True)
    found = _valid(found).to_crs(register.crs)
    objects = register.frame(layer).rename(columns={spec.id: "object_id"})
    objects = objects[objects.geometry.notna()].reset_index(drop=True)
    into = merging.survivors({s.object_id: s for s in register.states(layer)}) if layer == "hazard_points" else {}
    objects = objects[~objects["object_id"].isin(list(into))].reset_index(drop=True)
    waiting = _held(register, layer)
    columns = {"object_id": [p.object_id for p in waiting], "kind": [p.after.get("kind") for p in waiting]}
    shapes = [shapely.from_wkb(bytes.fromhex(p.after["geometry"])) for p in waiting]
    places = gpd.GeoDataFrame(columns, geometry=shapes, crs=register.crs)
    kept = gpd.GeoDataFrame(pd.concat([objects, places], ignore_index=True) if waiting else objects, crs=register.crs)
    held = {len(objects) + i: p for i, p in enumerate(waiting)}
    lost = len(frame) - len(found)
    if lost:
        notes.append(Sentence(f"{layer}: {lost} rows of the run have no shape that can be used: left out.",
                                     f"{layer}：{lost} 行图形缺失或无法修复，未参与比对。"))  # fmt: skip
    if layer == "hazard_points":
        numbers = runs.aliases(register, runs.LEDGER, layer)
        gone = {i: s.values for i, s in register.get(sorted(into)).items()}
        joined = join_merged(found, numbers=numbers, into=into, how={i: v["merged_counts"] for i, v in gone.items()},
                             risk=risk, parents={i: str(v["merged_into"]) for i, v in gone.items()})  # fmt: skip
        match = matching.match_points(joined.found, kept, distance_m=rules.match_distance_m, numbers=numbers)
        whole = {i for m, i in into.items() if gone[m]["merged_counts"] != "kept"} - set(joined.also.values())
        names = kept["object_id"].astype(str).tolist()
        partial = frozenset(k for k, j in enumerate(match.tolist()) if 0 <= j < len(objects) and names[j] in whole)
        others = {i for m, i in into.items() if gone[m]["merged_counts"] == "sum"}
        apart = frozenset(k for k in partial if names[match[k]] in others)
        ends = set(into.values()) - joined.whole
        unjudged = frozenset(k for k, j in enumerate(match.tolist()) if 0 <= j < len(objects) and names[j] in ends)
        return Side(joined.found, kept, len(objects), match, held, also=joined.also, elsewhere=joined.elsewhere,
                    partial=partial, apart=apart, unjudged=unjudged)  # fmt: skip
    pairs = matching.zone_pairs(found, kept)
    side = Side(found, kept, len(objects), matching.match_zones(pairs, len(found), min_iou=rules.match_zone_iou), held)
    side.covered = _covered(pairs, side)
    _judge_zones(register, pairs, side)
    return side


def _judge_zones(register: Register, pairs: pd.DataFrame, side: Side) -> None:
    """Note which rows hold the ground of all zones merged into theirs, or judge it together with other rows."""
    states = {s.object_id: s for s in register.states("risk_zones")}
    members: dict[str, list[str]] = {}
    for gone, end in merging.survivors(states).items():
        members.setdefault(end, []).append(gone)
    if not members:
        return
    names = side.kept["object_id"].astype(str).tolist()
    at = {i: j for j, i in enumerate(names[: side.n_objects])}
    shares: dict[int, dict[int, float]] = {}
    for k, j, share in zip(pairs["found"].tolist(), pairs["kept"].tolist(), pairs["of_kept"].tolist(), strict=True):
        shares.setdefault(j, {})[k] = share
    unknown = [unknown_levels(row) for row in side.found.drop(columns="geometry").to_dict("records")]
    partial, apart, unjudged, beside = set(), set(), set(), {}
    for k, j in enumerate(side.match.tolist()):
        merged = members.get(names[j], []) if 0 <= j < side.n_objects else []
        grounds = [shares.get(at.get(i, -1), {}) for i in merged]
        if all(g.get(k, 0.0) >= COVERED_SHARE for g in grounds):
            continue
        how = [states[i].values["merged_counts"] for i in merged]
        partial |= {k} if set(how) - {"kept"} else set()
        apart |= {k} if "sum" in how else set()
        if all(sum(g.values()) >= COVERED_SHARE for g in grounds):
            beside[k] = sorted({other for g in grounds for other in g} - {k})
            unjudged |= {k} if any(unknown[i] for i in (k, *beside[k])) else set()
        else:
            unjudged.add(k)
    side.partial, side.apart, side.unjudged, side.beside = (*map(frozenset, (partial, apart, unjudged)), beside)


def _valid(found: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the rows with outlines that touch or cross themselves made valid; those that this would change are out."""
    shapes, good = found.geometry.to_numpy().copy(), np.ones(len(found), dtype=bool)
    for k in np.flatnonzero(~found.geometry.is_valid.to_numpy()):
        shapes[k], change = mend_polygon(shapes[k])
        good[k] = change <= MAX_AREA_CHANGE
    return found.set_geometry(gpd.GeoSeries(shapes, crs=found.crs))[good].reset_index(drop=True)


def _held(register: Register, layer: str) -> list[Proposal]:
    """Return the last open or rejected proposal of each new object that is not in the register."""
    last = {p.object_id: p for p in proposals.listed(register, state=None, kind="new") if p.layer == layer}
    there = register.get(sorted(last))
    return [p for i, p in sorted(last.items()) if not there[i].is_there and p.state in ("open", "rejected")]


def _covered(pairs: pd.DataFrame, side: Side) -> set[int]:
    """Return kept zones without a partner whose ground the run's zones hold for the most part."""
    taken = set(side.match[side.match >= 0].tolist())
    shares = pairs.groupby("kept")["of_kept"].sum()
    return {int(j) for j in shares.index[shares >= 0.5] if int(j) not in taken}
