"""One layer of a run beside the register: rows of both, and which row is which object."""

from __future__ import annotations

from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_risk.core.sentence import Sentence
from geo_risk.products import register_matching as matching
from geo_risk.products.params import RiskParams
from geo_risk.products.register_joined import join_merged
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
    person had said that these are other people.
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
        return Side(joined.found, kept, len(objects), match, held, also=joined.also, elsewhere=joined.elsewhere,
                    partial=partial, apart=apart)  # fmt: skip
    pairs = matching.zone_pairs(found, kept)
    side = Side(found, kept, len(objects), matching.match_zones(pairs, len(found), min_iou=rules.match_zone_iou), held)
    side.covered = _covered(pairs, side)
    return side


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
