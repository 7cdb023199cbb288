"""Hazard points: the ledger and what radar found, merged by explicit rules, each row with its reasons.

1. A ledger point belongs to the nearest moving area of a compatible kind within `match_distance_m` (linking.py).
2. Areas that overlap by `same_area_iou` are one place; a place without a ledger point becomes a new point, unless its
   false-alarm probability is above `false_alarm_max`.
3. Hazard level: the highest known of the landslide hazard around the point, the speed class, and very high where it
   accelerates; an unknown part makes none and low unknown (core.levels).
4. A point without a moving area is stable only where the activity of the cells around it says so (stillness.py). A
   ledger point is proposed dormant only where it is stable and the landslide hazard is at most `dormant_max_level`,
   and never where water sets it off (`OF_WATER`): still ground proves nothing of that. Nothing is ever dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.core.grid import grid_of
from geo_risk.core.levels import Level, classify, combine_levels
from geo_risk.core.schemas import SCHEMAS, conform
from geo_risk.exposure.zonal import cell_coverage, level_at_share, overlaps
from geo_risk.products.danger import danger_grades
from geo_risk.products.linking import POINT_KIND, group_areas, likely_false, match_points, near_doubles, with_clues
from geo_risk.products.matching import parts_of, shared_areas, zones_of
from geo_risk.products.params import RiskParams
from geo_risk.products.stillness import doubted, ground_motion, ground_words, is_still
from geo_risk.products.wording import joined, level_word, say, with_reasons, word
from geo_risk.products.zone_exposure import assets_of, share_sums

_LEDGER_COLUMNS = ("name", "scale", "area_m2", "volume_m3", "households", "people", "assets_cny", "responsible",
                   "monitor", "first_seen")  # fmt: skip
_NUMBERS = ("velocity_max_mm_yr", "velocity_mm_yr", "velocity_std_mm_yr", "acceleration_mm_yr2", "false_alarm_p",
            "coordinate_confidence", "distance_m", "clue_peak", "area_m2", "volume_m3", "households", "people",
            "assets_cny")  # fmt: skip
_TEXTS = ("footprint", "false_alarm_at_most", "area_id", "activity", "tracks", "clue_id", "coordinate_note", "name",
          "scale", "responsible", "monitor", "first_seen")  # fmt: skip
_SCALES = ("small", "medium", "large", "giant")

OF_WATER = ("debris_flow", "tailings_pond")
"""Kinds of points that water sets off."""


@dataclass(frozen=True)
class Surroundings:
    """What is known around the points, each part optional.

    Attributes
    ----------
    hazard : landslide hazard level (y, x), int8.
    activity : raster `activity` (y, x), int8: 0 stable, -1 unknown, others move; without it nothing is called stable.
    blind_map : 0 seen, 1 no data, 2 insensitive, 3 layover or shadow, (y, x).
    houses : houses with people, as `exposure.people.spread_people` makes them.
    clues : mining clues.
    zones : risk zones with zone_id, hazard_level.
    """

    hazard: xr.DataArray | None = None
    activity: xr.DataArray | None = None
    blind_map: xr.DataArray | None = None
    houses: gpd.GeoDataFrame | None = None
    clues: gpd.GeoDataFrame | None = None
    zones: gpd.GeoDataFrame | None = None


def merge_points(
    ledger: gpd.GeoDataFrame | None,
    areas: gpd.GeoDataFrame | None,
    around: Surroundings,
    *,
    params: RiskParams,
    language: str = "zh",
) -> gpd.GeoDataFrame:
    """Merge the ledger with moving areas into the frame `hazard_points`.

    Parameters
    ----------
    ledger : points as `sources.ledger.read_ledger` gives them; None where there is no ledger.
    areas : `active_deformation`; None where there is no InSAR.
    around : layers and frames that are looked up around the points, in the CRS of the two.
    params, language : rules, and "zh" or "en" for the reasons.

    Returns
    -------
    Conforms to the schema, with area_id (moving area), clue_id and coordinate_note behind.

    Raises
    ------
    DataError : neither a ledger nor areas.
    SchemaError, CrsError : frames do not fit together.
    """
    if ledger is None and areas is None and around.clues is None:
        what = "neither a ledger nor moving areas"
        raise DataError(what, where="hazard_points", fix="give inputs.hazard_points or inputs.insar")
    moving = areas if around.clues is None else with_clues(areas, around.clues)
    found = None if moving is None or not len(moving) else _places(moving, params)
    matches = pd.DataFrame({"area": [], "distance_m": []})
    if ledger is not None and found is not None:
        matches = match_points(ledger, found, distance_m=params.match_distance_m)
    old = None if ledger is None else _from_ledger(ledger, found, matches)
    new = None if found is None else _from_areas(found, set(matches["area"].astype(int)), ledger)
    parts = [p for p in (old, new) if p is not None and len(p)]
    if not parts:
        return conform(_no_points(ledger if ledger is not None else moving), "hazard_points")
    points = gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=parts[0].crs)
    points = _look_around(points, around, params)
    points["doubted"] = doubted(points, moving, params.point_radius_m)
    points["is_still"] = is_still(points, params.point_stable_share)
    points = _grade(points, around, params)
    has_radar = around.blind_map is not None or around.activity is not None
    points = points.join(zones_of(points, around.zones, params)).assign(shared=shared_areas(points))
    points = points.join(parts_of(points, distance_m=params.match_distance_m).add_prefix("part_"))
    points["has_zones"] = around.zones is not None
    points = with_reasons(points, lambda k: _reasons(points, params, k, has_radar=has_radar), language)
    kept = [c for c in SCHEMAS["hazard_points"].columns if c in points]
    points["zone_distance_m"] = points["zone_distance_m"].round(1)
    behind = ["reasons_zh", "reasons_en", "area_id", "clue_id", "coordinate_note", "zone_rule"]
    for column in behind:
        points[column] = points[column].astype("string")
    return conform(points[[*kept, *behind, "zone_distance_m", "geometry"]], "hazard_points")


def _no_points(like: Any) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"point_id": []}, geometry=[], crs=like.crs)


def _places(areas: gpd.GeoDataFrame, params: RiskParams) -> gpd.GeoDataFrame | None:
    """Return one row for each place that moves: its fastest reliable area stands for all that overlap it."""
    reliable = areas[~likely_false(areas, params.false_alarm_max)]
    if not len(reliable):
        return None
    out = reliable.assign(
        group=group_areas(reliable, min_iou=params.same_area_iou),
        speed=reliable["velocity_max_mm_yr"].abs(),
        id=reliable["area_id"].astype(str),
    )
    accelerating = out.assign(is_fast=out["activity"] == "accelerating").groupby("group")["is_fast"].transform("any")
    out["tracks"] = out.groupby("group")["track"].transform(lambda t: "+".join(sorted(set(t.astype(str)))))
    out.loc[accelerating, "activity"] = "accelerating"
    best = out.sort_values(["group", "quality", "speed", "id"], ascending=[True, True, False, True])
    return best.drop_duplicates("group").reset_index(drop=True)


def _bounds(areas: gpd.GeoDataFrame) -> list[bool | None]:
    if "false_alarm_at_most" not in areas:
        return [None] * len(areas)
    return [None if pd.isna(v) else bool(v) for v in areas["false_alarm_at_most"]]


def _motion(found: gpd.GeoDataFrame, rows: Any) -> dict[str, Any]:
    chosen = found.iloc[rows]
    std = chosen["velocity_std_mm_yr"] if "velocity_std_mm_yr" in chosen else pd.Series(np.nan, index=chosen.index)
    return {
        "velocity_mm_yr": chosen["velocity_mean_mm_yr"].to_numpy(dtype=np.float64),
        "velocity_max_mm_yr": chosen["velocity_max_mm_yr"].to_numpy(dtype=np.float64),
        "velocity_std_mm_yr": std.to_numpy(dtype=np.float64),
        "acceleration_mm_yr2": chosen["acceleration_mm_yr2"].to_numpy(dtype=np.float64, na_value=np.nan),
        "activity": chosen["activity"].to_numpy(),
        "area_id": chosen["area_id"].astype("string").to_numpy(),
        "tracks": chosen["tracks"].to_numpy(),
        "false_alarm_p": chosen["false_alarm_p"].to_numpy(dtype=np.float64, na_value=np.nan),
        "false_alarm_at_most": _bounds(chosen),
        "area_kind": chosen["kind"].to_numpy(),
        **{c: chosen[c].to_numpy() if c in chosen else None for c in ("clue_id", "clue_verdict", "clue_peak")},
        "moving_area_m2": chosen["area_m2"].to_numpy(dtype=np.float64),
        "footprint": chosen.geometry.to_numpy(),
    }


def _from_ledger(ledger: gpd.GeoDataFrame, found: gpd.GeoDataFrame | None, matches: pd.DataFrame) -> gpd.GeoDataFrame:
    out = gpd.GeoDataFrame({"point_id": ledger["point_id"].to_numpy()}, geometry=ledger.geometry.to_numpy())
    out = out.set_crs(ledger.crs)
    for column in (*_LEDGER_COLUMNS, "kind", "status", "coordinate_note", "coordinate_confidence"):
        out[column] = ledger[column].to_numpy() if column in ledger else pd.NA
    out["ledger_status"] = out["status"].fillna("existing")
    out["kind"] = out["kind"].fillna("unstable_slope")
    out["people_from"] = np.where(out["people"].notna(), "ledger", "none")
    out["source"] = "inventory"
    if found is not None and len(matches):
        rows = matches.index.to_numpy(dtype=int)
        motion = pd.DataFrame(_motion(found, matches["area"].to_numpy(dtype=int)), index=rows)
        out = out.join(motion)
        out.loc[rows, "source"] = "inventory+insar"
        out["distance_m"] = matches["distance_m"]
    return out


def _from_areas(found: gpd.GeoDataFrame, taken: set[int], ledger: gpd.GeoDataFrame | None) -> gpd.GeoDataFrame:
    rows = np.array([i for i in range(len(found)) if i not in taken], dtype=int)
    data = _motion(found, rows)
    kinds = [POINT_KIND.get(str(k), "unstable_slope") for k in data["area_kind"]]
    ids = ["IS-" + str(i) for i in data["area_id"]]
    known = set() if ledger is None else set(ledger["point_id"].astype(str))
    return gpd.GeoDataFrame(
        {
            **data,
            "point_id": [f"{i}-2" if i in known else i for i in ids],
            "kind": kinds,
            "area_m2": data["moving_area_m2"],
            "source": "insar",
            "people_from": "none",
            "ledger_status": "none",
        },
        geometry=found.geometry.iloc[rows].representative_point().to_numpy(),
        crs=found.crs,
    )


def _look_around(points: gpd.GeoDataFrame, around: Surroundings, params: RiskParams) -> gpd.GeoDataFrame:
    out = points.copy()
    for column in (*_TEXTS, *_NUMBERS):
        if column not in out:
            out[column] = pd.NA
    for column in _NUMBERS:
        out[column] = pd.to_numeric(out[column], errors="coerce").astype("float64")
    discs = gpd.GeoDataFrame(geometry=out.geometry.buffer(params.point_radius_m), crs=out.crs)
    out["slope_level"] = Level.UNKNOWN
    if around.hazard is not None:
        share = params.point_area_share
        coverage = cell_coverage(discs, grid_of(around.hazard))
        known = params.min_known_share
        out["slope_level"] = level_at_share(around.hazard, coverage, share=share, min_known_share=known)
    out = out.join(ground_motion(discs, around.activity, around.blind_map))
    out["twin"], out["twin_m"] = pd.NA, np.nan
    doubles = near_doubles(out, distance_m=params.duplicate_distance_m)
    if len(doubles):
        out.loc[doubles.index, "twin"] = out["point_id"].to_numpy()[doubles["other"]]
        out.loc[doubles.index, "twin_m"] = doubles["distance_m"]
    return out


def _grade(points: gpd.GeoDataFrame, around: Surroundings, params: RiskParams) -> gpd.GeoDataFrame:
    """Give activity, status, hazard level, people, scale, danger grade and confidence."""
    out = points.copy()
    moves = out["area_id"].notna()
    still = out["is_still"]
    out["activity"] = out["activity"].where(moves, np.where(still, "stable", "unknown"))
    peak = out["velocity_max_mm_yr"].astype("float64").abs().to_numpy()
    speed = classify(np.where(moves, peak, np.where(still, 0.0, np.nan)), params.velocity_bounds_mm_yr)
    speed = np.where(out["activity"] == "accelerating", np.int8(Level.VERY_HIGH), speed)
    # that the ground is still says nothing of water that sets a debris flow or a tailings pond off
    speed = np.where(out["kind"].isin(OF_WATER) & ~moves, np.int8(Level.UNKNOWN), speed)
    out["speed_level"] = speed
    out["hazard_level"] = combine_levels(out["slope_level"].to_numpy(), speed)
    low = (out["slope_level"] >= 0) & (out["slope_level"] <= params.dormant_max_level)
    out["status"] = _status(out, moves=moves, is_dormant=still & low & ~out["kind"].isin(OF_WATER))
    out = _people(out, around, params)
    volume = out["volume_m3"].astype("float64")
    by_volume = pd.Series(np.array(_SCALES)[np.searchsorted(params.scale_volume_m3, volume.fillna(0), side="right")])
    out["scale"] = out["scale"].fillna(by_volume.where(volume.notna().to_numpy()).set_axis(out.index))
    out["danger_grade"] = danger_grades(
        out["people"], out["known_assets_cny"], params, known_people=out["known_people"]
    )
    base = np.select(
        [out["source"] == "inventory+insar", moves, still],
        [0.95, 1 - out["false_alarm_p"].astype("float64").fillna(0.5), 0.7], default=0.5,
    )  # fmt: skip
    out["confidence"] = base * out["coordinate_confidence"].astype("float64").fillna(1.0).to_numpy()
    return out


def _status(points: gpd.GeoDataFrame, *, moves: pd.Series[bool], is_dormant: pd.Series[bool]) -> NDArray[Any]:
    ledger = points["ledger_status"]
    off = ledger.isin(["cancelled", "dormant"])
    accelerates = points["activity"] == "accelerating"
    conditions = [
        ledger == "none",
        moves & (off | accelerates),
        (ledger == "cancelled"),
        is_dormant | (ledger == "dormant"),
    ]
    return np.asarray(np.select(conditions, ["new", "changed", "cancelled", "dormant"], default="existing"))


def _people(points: gpd.GeoDataFrame, around: Surroundings, params: RiskParams) -> gpd.GeoDataFrame:
    """Fill people, households and assets that the ledger does not give by the houses of the moving area or the disc.

    `known_people` and `known_assets_cny` are those of the houses of known number and value where others are unknown: at
    least so many. Assets of a place stay missing where one of its buildings has no value.
    """
    out = points.assign(known_people=points["people"], known_assets_cny=points["assets_cny"])
    if around.houses is None or not len(around.houses):
        return out
    houses = around.houses
    discs = out.geometry.buffer(params.point_radius_m)
    reach = [d if f is None or pd.isna(f) else f for f, d in zip(out["footprint"], discs, strict=True)]
    pairs = overlaps(houses, gpd.GeoDataFrame(geometry=reach, crs=out.crs))
    lacking = out["people"].isna().to_numpy()
    for column in ("people", "households"):
        sums = share_sums(houses[column], pairs, len(out))  # NaN of one house makes the sum unknown
        out[column] = np.where(out[column].isna() & lacking, np.round(sums), out[column])
    known = share_sums(houses["people"].fillna(0.0), pairs, len(out))
    out["known_people"] = np.where(lacking, known, out["known_people"])
    out.loc[lacking & out["people"].notna(), "people_from"] = "houses"
    if "assets_cny" in houses:
        worth, known_worth = assets_of(houses, pairs, len(out))
        out["known_assets_cny"] = out["assets_cny"].where(out["assets_cny"].notna(), known_worth)
        out["assets_cny"] = out["assets_cny"].where(out["assets_cny"].notna(), worth)
    return out


def _reasons(points: gpd.GeoDataFrame, params: RiskParams, language: str, *, has_radar: bool) -> list[str]:
    return [
        joined(_sentences(row, params, language, has_radar=has_radar), language)
        for row in points.drop(columns="geometry").itertuples()
    ]


def _sentences(row: Any, params: RiskParams, language: str, *, has_radar: bool) -> list[str]:
    moves = not pd.isna(row.area_id)
    out = [say("not_in_ledger" if row.ledger_status == "none" else "in_ledger", language)]
    if moves:
        mean, peak = float(row.velocity_mm_yr), float(row.velocity_max_mm_yr)
        out.append(say("moves", language, area_id=row.area_id, track=row.tracks, mean=mean, peak=peak,
                       activity=row.activity))  # fmt: skip
        out += _area_words(row, params, language)
        if not pd.isna(row.false_alarm_p):
            is_bound = not pd.isna(row.false_alarm_at_most) and bool(row.false_alarm_at_most)
            out.append(say("false_alarm_most" if is_bound else "false_alarm", language, p=row.false_alarm_p))
        if not pd.isna(row.clue_id):
            out.append(say("clue", language, clue_id=row.clue_id, verdict=row.clue_verdict, peak=row.clue_peak))
        if row.ledger_status in ("cancelled", "dormant"):
            out.append(say("revived", language))
    elif not pd.isna(row.doubted):
        out.append(say("doubted", language, area_id=row.doubted))
    else:
        out.append(ground_words(row, params, language, has_radar=has_radar))
    if row.slope_level >= 0:
        slope = level_word(row.slope_level, language)
        out.append(say("susceptible", language, level=slope, radius=params.point_radius_m))
    else:
        out.append(say("hazard_unknown", language))
    words = {k: level_word(v, language) for k, v in (("level", row.hazard_level), ("slope", row.slope_level),
                                                     ("motion", row.speed_level))}  # fmt: skip
    out.append(say("point_level", language, **words))
    out += _status_words(row, params, language)
    if pd.isna(row.people):
        out.append(say("people_unknown", language))
    else:
        key = "people_ledger" if row.people_from == "ledger" else "people_counted"
        out.append(say(key, language, people=row.people, radius=params.point_radius_m))
    out += _zone_words(row, language)
    if not pd.isna(row.twin):
        out.append(say("same_place", language, other=row.twin, distance=row.twin_m))
    if not pd.isna(row.coordinate_note) and row.coordinate_note:
        told = [word(part, language) for part in str(row.coordinate_note).split("; ")]
        out.append(say("coordinates", language, note=("；" if language == "zh" else "; ").join(told)))
    return out


def _area_words(row: Any, params: RiskParams, language: str) -> list[str]:
    """Return by which rule a ledger point has its moving area, and what others are there."""
    out = []
    if not pd.isna(row.distance_m):
        rule = (
            "inside" if row.distance_m == 0 else "within_error" if row.distance_m <= params.position_error_m else "near"
        )
        out.append(say("area_rule", language, rule=f"rule_{rule}", distance=row.distance_m))
    if not pd.isna(row.shared):
        out.append(say("area_shared", language, ids=row.shared))
    if not pd.isna(row.part_other):
        out.append(say("area_part", language, other=row.part_other, distance=row.part_distance_m))
    return out


def _zone_words(row: Any, language: str) -> list[str]:
    if not row.has_zones:
        return []
    if pd.isna(row.zone_id):
        return [say("zone_none", language)]
    rule = f"rule_{row.zone_rule}"
    return [say("zone_by_rule", language, zone=row.zone_id, rule=rule, distance=row.zone_distance_m)]


def _status_words(row: Any, params: RiskParams, language: str) -> list[str]:
    """Return why a point keeps or changes its place in the ledger."""
    if row.status == "cancelled":
        return [say("cancelled", language)]
    if row.status == "dormant":
        is_proposed = row.is_still and 0 <= row.slope_level <= params.dormant_max_level and row.kind not in OF_WATER
        return [say("dormant" if is_proposed else "dormant_ledger", language)]
    if row.is_still and row.kind in OF_WATER:
        return [say("kept_water", language)]
    if row.is_still:
        return [say("kept" if row.slope_level >= 0 else "kept_unknown", language)]
    return []
