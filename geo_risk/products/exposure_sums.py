"""Sums of what is exposed: of houses in places, of all that was given, and of what lies outside every zone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr

from geo_risk.core.grid import grid_of
from geo_risk.core.levels import Level
from geo_risk.exposure.columns import numbers
from geo_risk.exposure.interval import people_variance
from geo_risk.exposure.params import DWELLING, RESIDENTIAL, STRUCTURES, ExposureParams
from geo_risk.exposure.places import Places
from geo_risk.exposure.structures import plain
from geo_risk.exposure.uses import use_words
from geo_risk.products.zone_exposure import Exposed, assets_of, building_counts, share_sums

ALL, OUTSIDE, TOTAL = "all_zones", "outside_zones", "total"


@dataclass(frozen=True)
class Surveyed:
    """What the exposure table is made from beside people and roads, each part optional.

    Attributes
    ----------
    zones : risk zones. townships : polygons with code and name.
    farmland : (y, x) 1 where it is farmland, 0 where not, NaN where unknown.
    expected : `products.expected.flood_of_houses` of the houses.
    levels : hazard level layers by hazard, and `looked_at` as `multi_hazard.risks_by_hazard` takes it.
    """

    zones: gpd.GeoDataFrame
    townships: gpd.GeoDataFrame | None = None
    farmland: xr.DataArray | None = None
    expected: pd.DataFrame | None = None
    levels: dict[str, xr.DataArray] = field(default_factory=dict)
    looked_at: dict[str, bool] = field(default_factory=dict)


def house_columns(
    houses: gpd.GeoDataFrame, pairs: pd.DataFrame, n: int, expected: pd.DataFrame | None
) -> dict[str, Any]:
    """Return vulnerable people, buildings by structure, and what floods do in a year, of houses in n places.

    Parameters
    ----------
    pairs : feature, zone, share of houses in places; `counted`, where it is there, says which count as buildings.
    expected : `expected.flood_of_houses` of the houses, None where no floods by return period are known.
    """
    out: dict[str, Any] = {"vulnerable_people": np.round(share_sums(houses["vulnerable_people"], pairs, n))}
    feature, zone = pairs["feature"].to_numpy(), pairs["zone"].to_numpy()
    if "structure" in houses and houses["is_building"].any():
        is_building = houses["is_building"].to_numpy(dtype=bool)[feature]
        is_open = np.bincount(zone[~is_building], minlength=n) > 0  # buildings that nobody gave stand there
        if "counted" in pairs:
            is_building = is_building & pairs["counted"].to_numpy(dtype=bool)
        known = houses["structure"].astype(object).fillna("unknown").to_numpy()[feature]
        for name in STRUCTURES:
            chosen = zone[is_building & (known == name)]
            out[f"buildings_{name}"] = np.where(is_open, np.nan, np.bincount(chosen, minlength=n))
    if expected is not None:
        out["expected_people_yr"] = share_sums(expected["people_yr"], pairs, n)
        out["expected_loss_cny_yr"] = share_sums(expected["loss_cny_yr"], pairs, n)
    return out


def residents_by_day(houses: pd.DataFrame, params: ExposureParams) -> pd.Series[Any] | None:
    """Return the residents of each house who are in it by day, NaN where its use has no share or people are unknown.

    A dwelling by its word has the share of `residential` where its own word has none; where nobody lives nobody stays.
    None where the configuration gives no shares: then nobody knows.
    """
    if not params.day_home_share:
        return None
    use = houses["use"].astype(object) if "use" in houses else pd.Series(None, index=houses.index, dtype=object)
    known = use_words(params)
    words = {w: w if w in params.day_home_share else RESIDENTIAL if known.get(plain(str(w))) == DWELLING else None
             for w in use.dropna().unique()}  # fmt: skip
    share = use.map(words).where(use.notna(), RESIDENTIAL).map(params.day_home_share).astype("float64")
    people = numbers(houses, "people")
    return (people * share).mask(people == 0, 0.0)


def whole_rows(
    every: Places, threatened: pd.Series[Any], exposed: Exposed, survey: Surveyed, params: ExposureParams
) -> pd.DataFrame:
    """Return the rows `total`, of all that was given wherever it lies, and `outside_zones`.

    Parameters
    ----------
    every : one place, the ground of all zones. threatened : its row, `all_zones`.

    Returns
    -------
    Two rows. Houses count outside by the share of them that lies there, buildings that touch no zone; so the sums of
    `all_zones` and `outside_zones` are those of `total`. people_low and people_high are without the error of positions.
    """
    total, outside = _things(exposed, survey), _things(exposed, survey)
    for column in ("road_km", "farmland_ha", "facilities", "known_facility_people"):
        outside[column] = float(np.maximum(0.0, total[column] - float(threatened[column])))  # NaN stays NaN
    left = _untouched(every, exposed.facilities) if exposed.is_listed else None
    if left is not None:
        outside["facility_people"] = float(_in_use(left).sum(skipna=False))
    houses = exposed.houses
    if houses is not None and len(houses):
        shares = pd.Series(0.0, index=range(len(houses)))
        found = every.pairs(houses).set_index("feature")["share"]
        shares[found.index] = found
        rest = 1 - shares.to_numpy()
        pairs = pd.DataFrame({"feature": np.arange(len(houses)), "zone": 0})
        listed = exposed.facilities if exposed.is_listed else None
        total |= _of_houses(houses, pairs.assign(share=1.0, counted=True), listed, survey, params)
        beyond = pairs.assign(share=rest, counted=rest == 1)[rest > 0]
        outside |= _of_houses(houses, beyond, left, survey, params)
    elif exposed.population is not None:
        outside["known_people"] = total["known_people"] - float(threatened["known_people"])
        outside["people"] = np.maximum(0.0, total["people"] - float(threatened["people"]))
    rows = pd.DataFrame([total | {"place_id": TOTAL, "place_kind": TOTAL},
                         outside | {"place_id": OUTSIDE, "place_kind": OUTSIDE}])  # fmt: skip
    for column in ("combined_risk_level", "known_risk_level"):  # outside the zones nobody said so: unknown
        rows[column] = np.array([threatened[column], Level.UNKNOWN], dtype=np.int8)
    nothing = pd.array([pd.NA] * 2, dtype="string")
    return rows.assign(
        risk_level=rows["combined_risk_level"].astype("float64"), facility_names=nothing, unknown_hazards=nothing,
        hazard_kind=None, n_unknown_settlements=0,
    )  # fmt: skip


def _untouched(every: Places, facilities: gpd.GeoDataFrame | None) -> gpd.GeoDataFrame | None:
    """Return the facilities that no zone touches, None where none are given."""
    if facilities is None or not len(facilities):
        return facilities
    inside = np.zeros(len(facilities), dtype=bool)
    inside[every.pairs(facilities)["feature"].to_numpy()] = True
    return facilities[~inside]


def _in_use(facilities: pd.DataFrame) -> pd.Series[Any]:
    return pd.concat([numbers(facilities, c) for c in ("people", "people_day")], axis=1).max(axis=1)


def _of_houses(
    houses: gpd.GeoDataFrame,
    pairs: pd.DataFrame,
    facilities: gpd.GeoDataFrame | None,
    survey: Surveyed,
    params: ExposureParams,
) -> dict[str, float]:
    """Return the sums of houses by one share each, by day with the people of facilities."""
    out = {c: float(np.round(share_sums(houses[c], pairs, 1)[0])) for c in ("people", "households")}
    out["known_people"] = float(share_sums(houses["people"].fillna(0.0), pairs, 1)[0])
    out |= {c: float(v[0]) for c, v in house_columns(houses, pairs, 1, survey.expected).items()}
    built, known = building_counts(houses, pairs, 1)
    out["buildings"], out["known_buildings"] = float(built[0]), float(known[0])
    if "assets_cny" in houses:
        out["assets_cny"], out["known_assets_cny"] = (float(v[0]) for v in assets_of(houses, pairs, 1))
    at_home = residents_by_day(houses, params)
    if at_home is not None and facilities is not None:
        there = numbers(facilities, "people_day").fillna(numbers(facilities, "people"))
        out["people_day"] = float(np.round(share_sums(at_home, pairs, 1)[0]) + there.sum(skipna=False))
    sigma = params.interval_sigma * float(np.sqrt(people_variance(houses, pairs, n_zones=1, params=params)[0]))
    out["people_low"], out["people_high"] = max(0.0, out["known_people"] - sigma), out["people"] + sigma
    return out


def _things(exposed: Exposed, survey: Surveyed) -> dict[str, float]:
    """Return the sums of all that was given beside houses."""
    names = ("people", "households", "known_people", "vulnerable_people", "buildings", "known_buildings",
             "road_km", "farmland_ha", "facilities", "facility_people", "known_facility_people", "people_day",
             "assets_cny", "known_assets_cny", "expected_people_yr", "expected_loss_cny_yr", "people_low",
             "people_high", *(f"buildings_{s}" for s in STRUCTURES))  # fmt: skip
    out = dict.fromkeys(names, float("nan"))
    out["known_people"] = 0.0
    if exposed.houses is None and exposed.population is not None:
        values = exposed.population.data
        out["known_people"] = float(np.asarray(np.nansum(values)))
        out["people"] = float("nan") if bool(np.asarray(np.isnan(values).any())) else round(out["known_people"])
    if exposed.roads is not None:
        out["road_km"] = float(exposed.roads.length.sum() / 1000)
    if exposed.facilities is not None and exposed.is_listed:
        in_use = _in_use(exposed.facilities)
        out["facilities"], out["known_facility_people"] = float(len(in_use)), float(in_use.sum())
        out["facility_people"] = float(in_use.sum(skipna=False))
    if survey.farmland is not None:
        grid, cells = grid_of(survey.farmland), survey.farmland.data
        has_gap = bool(np.asarray(np.isnan(cells).any()))
        out["farmland_ha"] = float("nan") if has_gap else float(np.asarray(cells.sum())) * grid.cell_area_m2 / 1e4
    return out
