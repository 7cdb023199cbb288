"""The list of dams and tailings ponds with the people downstream, as people read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from geo_risk.core.levels import Level
from geo_risk.core.schemas import conform
from geo_risk.products.downstream import Reached, Things
from geo_risk.products.wording import joined, say, with_reasons, word

_GRAVE = {4: 0, 3: 1, 2: 2, -1: 3, 1: 4, 0: 5}
"""Order of the levels: unknown stands before low."""


@dataclass(frozen=True)
class Downstream:
    """The frames `downstream` (a row a structure), `downstream_places` (a row a place it reaches) and its ways."""

    structures: gpd.GeoDataFrame
    places: pd.DataFrame
    ways: gpd.GeoDataFrame


def downstream_rows(
    structures: gpd.GeoDataFrame, reached: Sequence[Reached], levels: Sequence[int], things: Things, *,
    names: Mapping[str, str], has_people: bool, has_facilities: bool, language: str = "zh",
) -> Downstream:  # fmt: skip
    """Return the list of structures, the places of each by distance, and the ways below them.

    Parameters
    ----------
    structures, reached, levels : row by row, of `downstream.reached_by` and `downstream.level_of`.
    names : of settlements and facilities by id. has_people, has_facilities : whether any were given at all: without
        them the numbers are missing and the level is unknown.

    Returns
    -------
    Frames that conform to their schemas: the gravest structure first, unknown between medium and low, then by people;
    places by distance. people : of houses and parts of settlements that are reached, rounded up, missing where that of
    one is unknown; people_may : of those that may be. A settlement known as a disc counts whole.
    """
    parts = [_places(str(i), found.things, things, names) for i, found in
             zip(structures["structure_id"], reached, strict=True)]  # fmt: skip
    places = pd.concat(parts, ignore_index=True) if parts else _places("", _no_things(), things, names)
    rows = pd.DataFrame([_sums(p, found.things, things, has_people=has_people, has_facilities=has_facilities)
                         for p, found in zip(parts, reached, strict=True)], index=structures.index)  # fmt: skip
    facts = pd.DataFrame([found.facts for found in reached], index=structures.index)
    given = structures[["structure_id", "name", "kind", "volume_m3", "dam_height_m"]]
    out = gpd.GeoDataFrame(pd.concat([given, facts, rows], axis=1), geometry=structures.geometry.representative_point())
    level = np.array(levels, dtype=np.int8) if has_people else np.full(len(out), Level.UNKNOWN, np.int8)
    out = out.assign(hazard_level=level)
    order = pd.DataFrame({
        "grave": out["hazard_level"].astype(int).map(_GRAVE), "more": -out["people"].astype("float64").fillna(np.inf),
        "may": -out["people_may"].astype("float64").fillna(np.inf), "id": out["structure_id"].astype(str),
    })  # fmt: skip
    at = order.sort_values(["grave", "more", "may", "id"], kind="stable").index
    out = out.loc[at].reset_index(drop=True)
    out.insert(0, "rank", np.arange(1, len(out) + 1))
    out["leaves_map"] = np.where(out["leaves_map"].astype(bool), "yes", "no") if len(out) else ""
    told = {"has_people": has_people, "has_facilities": has_facilities}
    out = with_reasons(out, lambda k: [_reasons(r, k, **told) for r in out.to_dict("records")], language)
    made: gpd.GeoDataFrame = conform(
        out.drop(columns=["runout_velocity_m_s", "unknown_beyond"], errors="ignore"), "downstream"
    )
    return Downstream(made, _conformed(places, made, language), _ways(structures, reached, made, language))


def _no_things() -> pd.DataFrame:
    return pd.DataFrame({"thing": np.zeros(0, np.int64), "is_reached": np.zeros(0, bool), "depth_m": np.zeros(0),
                         "arrival_h": np.zeros(0), "distance_km": np.zeros(0), "by": np.array([], object)})  # fmt: skip


def _places(structure_id: str, found: pd.DataFrame, things: Things, names: Mapping[str, str]) -> pd.DataFrame:
    """Return one row a settlement or facility of a structure; houses without a settlement are one row."""
    at = things.frame.iloc[found["thing"].to_numpy(dtype=np.int64)].reset_index(drop=True)
    rows = found.reset_index(drop=True).assign(
        place_kind=at["place_kind"].to_numpy(), place_id=at["place_id"].fillna("-").astype(str).to_numpy(),
        people=at["people"].to_numpy(dtype=np.float64), is_building=at["is_building"].to_numpy(dtype=bool),
    )  # fmt: skip
    sure = rows["is_reached"].to_numpy(dtype=bool)
    house = (rows["place_kind"] == "settlement").to_numpy(dtype=bool) & rows["is_building"].to_numpy(dtype=bool)
    rows = rows.assign(sure=rows["people"].where(sure, 0.0), may=rows["people"].where(~sure, 0.0), houses=sure & house,
                       houses_may=~sure & house)  # fmt: skip
    groups = rows.groupby(["place_kind", "place_id"], sort=True)
    out = groups.agg(depth_m=("depth_m", "max"), arrival_h=("arrival_h", "min"), distance_km=("distance_km", "min"),
                     is_reached=("is_reached", "any"), buildings=("houses", "sum"),
                     buildings_may=("houses_may", "sum")).reset_index()  # fmt: skip
    for column, source in (("people", "sure"), ("people_may", "may")):
        sums = groups[source].agg(lambda v: v.sum(skipna=False))
        out[column] = np.ceil(sums.to_numpy(dtype=np.float64).round(6)) if len(out) else np.zeros(0)
    by = rows[sure].groupby(["place_kind", "place_id"])["by"].agg(lambda v: "both" if v.nunique() > 1 else v.iloc[0])
    keys = pd.MultiIndex.from_frame(out[["place_kind", "place_id"]])
    out["by"] = by.reindex(keys).fillna("").to_numpy() if len(by) else ""
    out["name"] = [names.get(str(i), "") for i in out["place_id"]]
    order = out.assign(away=out["distance_km"].fillna(np.inf)).sort_values(["away", "place_kind", "place_id"])
    return order.drop(columns="away").reset_index(drop=True).assign(structure_id=structure_id)


def _sums(
    places: pd.DataFrame, found: pd.DataFrame, things: Things, *, has_people: bool, has_facilities: bool
) -> dict[str, Any]:
    """Return the figures of one structure."""
    homes, uses = (places[places["place_kind"] == k] for k in ("settlement", "facility"))
    sure = homes[homes["is_reached"]]
    at = things.frame["place_kind"].to_numpy()[found["thing"].to_numpy(dtype=np.int64)] == "settlement"
    known = things.frame["people"].to_numpy(np.float64)[found["thing"].to_numpy(dtype=np.int64)]
    is_sure = found["is_reached"].to_numpy(dtype=bool)
    out: dict[str, Any] = {
        "people": np.ceil(np.round(known[at & is_sure].sum(), 6)),
        "people_may": np.ceil(np.round(known[at & ~is_sure].sum(), 6)),
        "settlements": len(sure), "settlements_may": len(homes) - len(sure),
        "buildings": float(homes["buildings"].sum()), "buildings_may": float(homes["buildings_may"].sum()),
    }  # fmt: skip
    lived = things.frame[things.frame["place_kind"] == "settlement"]
    if not lived["is_building"].astype(bool).any():  # people on discs or cells alone: no building was given
        out |= {"buildings": np.nan, "buildings_may": np.nan}
    if not has_people:
        out = dict.fromkeys(out, np.nan)
    reached = uses[uses["is_reached"]]
    out |= {"facilities": float(len(reached)), "facilities_may": float(len(uses) - len(reached)),
            "facility_people": reached["people"].sum(skipna=False)} if has_facilities else {
            "facilities": np.nan, "facilities_may": np.nan, "facility_people": np.nan}  # fmt: skip
    any_ = places[places["is_reached"]] if places["is_reached"].any() else places
    first = any_.iloc[0] if len(any_) else None
    soon = places["arrival_h"].min() if len(places) else np.nan
    return out | {
        "first_place_id": "" if first is None else str(first["place_id"]),
        "first_place": "" if first is None else str(first["name"] or first["place_id"]),
        "first_distance_km": np.nan if first is None else first["distance_km"],
        "first_arrival_h": soon, "depth_max_m": places["depth_m"].max() if len(places) else np.nan,
    }  # fmt: skip


def _conformed(places: pd.DataFrame, made: gpd.GeoDataFrame, language: str) -> pd.DataFrame:
    """Return the frame `downstream_places` in the order of the structures."""
    named = made.set_index("structure_id")
    out = places.assign(
        structure_rank=places["structure_id"].map(named["rank"]),
        structure_name=places["structure_id"].map(named["name"]),
        state=np.where(places["is_reached"], "reached", "may_be_reached"),
    )  # fmt: skip
    out = out.sort_values(
        ["structure_rank", "distance_km", "place_kind", "place_id"], kind="stable", na_position="last"
    )
    out = out.reset_index(drop=True)
    out = with_reasons(out, lambda k: [_place_reasons(r, k) for r in out.to_dict("records")], language)
    kept: pd.DataFrame = conform(out.drop(columns=["is_reached", "structure_rank"]), "downstream_places")
    return kept


def _place_reasons(row: dict[Any, Any], language: str) -> str:
    out = []
    if row["by"] in ("water", "both"):
        out.append(say("down_water", language, depth=row["depth_m"], hours=row["arrival_h"]))
    if row["by"] in ("runout", "both"):
        out.append(say("down_runout", language))
    if not out:
        out.append(say("down_may", language))
    elif row["buildings_may"] > 0:
        out.append(say("down_more", language, n=int(row["buildings_may"])))
    if pd.isna(row["people"]) or pd.isna(row["people_may"]):
        out.append(say("down_people_unknown", language))
    return joined(out, language)


def _ways(
    structures: gpd.GeoDataFrame, reached: Sequence[Reached], made: gpd.GeoDataFrame, language: str
) -> gpd.GeoDataFrame:
    """Return the frame `downstream_ways`: the river that is looked at below each structure."""
    ids = structures["structure_id"].astype(str).tolist()
    rows = [(i, found.way) for i, found in zip(ids, reached, strict=True) if found.way is not None]
    named = made.set_index("structure_id")
    frame = gpd.GeoDataFrame({
        "structure_id": [i for i, _ in rows], "kind": [named.loc[i, "kind"] for i, _ in rows],
        "hazard_level": [named.loc[i, "hazard_level"] for i, _ in rows], "km": [w.length / 1000 for _, w in rows],
    }, geometry=[w for _, w in rows], crs=structures.crs)  # fmt: skip
    frame = with_reasons(frame, lambda k: [str(named.loc[i, f"reasons_{k}"]) for i, _ in rows], language)
    out: gpd.GeoDataFrame = conform(frame, "downstream_ways")
    return out


def _reasons(row: dict[Any, Any], language: str, *, has_people: bool, has_facilities: bool) -> str:
    told = []
    status = row["status"]
    if status == "screened":
        told.append(say("dam_peak", language, peak=row["peak_m3_s"], km=row["path_km"]))
    elif status == "unknown":
        told.append(say("down_pond_unknown" if row["kind"] == "tailings_pond" else "dam_unknown", language))
    elif status == "off_stream":
        told.append(say("dam_off_stream", language))
    else:
        told.append(say("down_flow", language, length=row["runout_m"], speed=row["runout_velocity_m_s"]))
    if status in ("unknown", "tailings") and row["path_km"] >= 0:
        told.append(say("down_band", language, km=row["path_km"]))
    if not has_people:
        told.append(say("dam_no_settlements", language))
    else:
        told += _who(row, language)
    if has_facilities and row["facilities"] + row["facilities_may"] > 0:
        told.append(say("down_facilities", language, n=int(row["facilities"]), may=int(row["facilities_may"])))
    elif not has_facilities:
        told.append(say("down_no_facilities", language))
    if row["leaves_map"] == "yes":
        told.append(say("dam_leaves_map", language))
    if row["kind"] == "tailings_pond" and row["unknown_beyond"] and status == "tailings":
        told.append(say("runout_beyond", language))
    return joined(told, language)


def _count(n: float, language: str) -> str:
    """Return a number of buildings, or that it is unknown."""
    return word("unknown", language) if pd.isna(n) else str(int(n))


def _who(row: dict[Any, Any], language: str) -> list[str]:
    out = []
    if row["settlements"] > 0:
        key = "down_reached_unknown" if pd.isna(row["people"]) else "down_reached"
        out.append(
            say(
                key,
                language,
                n=int(row["settlements"]),
                people=row["people"],
                houses=_count(row["buildings"], language),
            )
        )
    elif row["status"] in ("screened", "tailings"):
        out.append(say("down_none", language))
    if row["settlements_may"] > 0 or row["buildings_may"] > 0:
        key = "down_may_unknown" if pd.isna(row["people_may"]) else "down_may_be"
        out.append(say(key, language, people=row["people_may"], houses=_count(row["buildings_may"], language)))
    if row["settlements"] + row["settlements_may"] + max(0, row["facilities"] + row["facilities_may"]) > 0:
        away = row["first_distance_km"]
        if away >= 0:
            first = str(row["first_place"])
            out.append(say("down_first", language, place=first, km=away))
    if row["first_arrival_h"] >= 0:
        out.append(say("down_soon", language, hours=row["first_arrival_h"]))
    elif row["settlements"] + row["settlements_may"] > 0:
        out.append(say("down_no_time", language))
    return out
