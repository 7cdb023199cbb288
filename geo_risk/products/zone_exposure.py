"""Who and what is in each zone: people, households, buildings, roads, assets, weighted by the share inside."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import grid_of
from geo_risk.exposure.columns import numbers
from geo_risk.exposure.interval import people_interval
from geo_risk.exposure.params import DEFAULTS, ExposureParams
from geo_risk.exposure.places import Places
from geo_risk.exposure.uses import unlisted_gatherings
from geo_risk.exposure.zonal import cell_coverage

INNER = (
    "known_people",
    "known_buildings",
    "known_assets_cny",
    "facilities",
    "facility_people",
    "known_facility_people",
)
"""Columns of `exposure_of` that grade a zone and are not shown on it; the frame `exposure` has them."""

_KNOWN_CELLS = 0.99
"""Share of a zone that cells of the population raster with a number must cover for its people to be known."""


@dataclass(frozen=True)
class Exposed:
    """What can be harmed, each part optional, in the CRS of the run.

    Attributes
    ----------
    houses : houses with people, as `exposure.people.spread_people` makes them.
    roads : lines.
    facilities : schools, hospitals and others, points or polygons with facility_id, name, kind, people, people_day.
    population : people per cell (y, x); counts only where no houses are given.
    params : uncertainty of the spread.
    is_listed : whether facilities come from a list, that is where there are none in it there are none.
    """

    houses: gpd.GeoDataFrame | None = None
    roads: gpd.GeoDataFrame | None = None
    facilities: gpd.GeoDataFrame | None = None
    population: xr.DataArray | None = None
    params: ExposureParams = DEFAULTS
    is_listed: bool = True

    def with_gatherings(self) -> Exposed:
        """Return this with schools, factories and the like among the houses as facilities of unknown people.

        Those that a listed facility stands for are left out, see `exposure.uses.unlisted_gatherings`.
        """
        more = unlisted_gatherings(self.houses, self.facilities, self.params)
        if more is None:
            return self
        if self.facilities is None:
            return replace(self, facilities=more, is_listed=False)
        both = pd.concat([self.facilities, more], ignore_index=True)
        return replace(self, facilities=gpd.GeoDataFrame(both, crs=self.facilities.crs))


def exposure_of(zones: gpd.GeoDataFrame, exposed: Exposed) -> pd.DataFrame:
    """Return who and what is in each zone, each weighted by the share inside.

    Returns
    -------
    people, people_low, people_high : of `exposure.interval`; people and households are rounded to whole ones, and
        missing where someone of unknown number lives inside (of n_unknown_settlements) or nothing is given.
    buildings : those that touch the zone, missing where none are given and where a settlement without buildings lies
        in it: how many it has nobody knows; known_buildings are those given. road_km.
    assets_cny : replacement value [CNY], missing where a building inside has none, or no buildings are given.
    n_unknown_settlements, and the columns INNER: known_people and known_assets_cny are those whose number is known.
    """
    return exposure_of_places(Places.of(zones), exposed).set_axis(zones.index)


def exposure_of_places(places: Places, exposed: Exposed) -> pd.DataFrame:
    """Return what `exposure_of` does of each place, by its position."""
    columns = ("people", "households", "buildings", "road_km", "assets_cny", "people_low", "people_high")
    out = pd.DataFrame(dict.fromkeys(columns, np.nan), index=range(places.n))
    out["n_unknown_settlements"], out["known_people"], out["known_assets_cny"] = 0, 0.0, np.nan
    out["known_buildings"] = np.nan
    if exposed.houses is not None and len(exposed.houses):
        found = house_sums(exposed.houses, places.pairs(exposed.houses), places, exposed.params)
        out[list(found.columns)] = found
    elif exposed.houses is None and exposed.population is not None:
        people, known = population_sums(places, exposed.population)
        out["people"], out["known_people"], out["people_low"] = people, known, known
    if exposed.roads is not None:
        out["road_km"] = 0.0
        if len(exposed.roads):
            pairs = places.pairs(exposed.roads)
            length = exposed.roads.length.to_numpy()[pairs["feature"]] * pairs["share"].to_numpy()
            out["road_km"] = np.bincount(pairs["zone"], weights=length, minlength=places.n) / 1000
    found = facility_sums(places, exposed.facilities, is_listed=exposed.is_listed)
    return out.join(found[["facilities", "facility_people", "known_facility_people"]])


def house_sums(
    houses: gpd.GeoDataFrame, pairs: pd.DataFrame, places: Places, params: ExposureParams
) -> pd.DataFrame:  # fmt: skip
    """Return the columns of `exposure_of` that come from houses, by position of the place.

    Parameters
    ----------
    pairs : `places.pairs(houses)`.
    """
    n = places.n
    feature, zone = pairs["feature"].to_numpy(), pairs["zone"].to_numpy()
    out = pd.DataFrame({c: np.round(share_sums(houses[c], pairs, n)) for c in ("people", "households")})
    out["known_people"] = share_sums(houses["people"].fillna(0.0), pairs, n)
    out["buildings"], out["known_buildings"] = building_counts(houses, pairs, n)
    unknown = houses["people"].isna().to_numpy()[feature]
    lost = pd.DataFrame({"zone": zone[unknown], "id": houses["settlement_id"].to_numpy()[feature[unknown]]})
    counts = lost.dropna().drop_duplicates().groupby("zone").size()
    out["n_unknown_settlements"] = counts.reindex(range(n), fill_value=0).to_numpy()
    if "assets_cny" in houses:
        out["assets_cny"], out["known_assets_cny"] = assets_of(houses, pairs, n)
    between = people_interval(houses, places, pairs, params)
    return out.assign(people_low=between["people_low"], people_high=between["people_high"])


def building_counts(
    houses: pd.DataFrame, pairs: pd.DataFrame, n: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # fmt: skip
    """Return the buildings in each place, and how many of them are given.

    Where people stand on discs, cells or census points no building was given: how many there are is unknown, not 0. The
    first is NaN there, both are NaN where no building at all is given. `counted` of the pairs, where it is there, says
    which are counted.
    """
    zone, is_building = pairs["zone"].to_numpy(), houses["is_building"].to_numpy(dtype=bool)
    if not is_building.any():
        return np.full(n, np.nan), np.full(n, np.nan)
    built = is_building[pairs["feature"].to_numpy()]
    counted = built & pairs["counted"].to_numpy(dtype=bool) if "counted" in pairs else built
    known = np.bincount(zone[counted], minlength=n).astype(np.float64)
    return np.where(np.bincount(zone[~built], minlength=n) > 0, np.nan, known), known


def assets_of(
    houses: gpd.GeoDataFrame, pairs: pd.DataFrame, n: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # fmt: skip
    """Return the value of the buildings in each place [CNY], and that of those with a value.

    The first is NaN where a building inside has no value, or people live where no building is known; both are NaN
    where no building at all has one: then nothing was priced.
    """
    worth = houses["assets_cny"].to_numpy(dtype=np.float64)
    if not np.isfinite(worth).any():
        return np.full(n, np.nan), np.full(n, np.nan)
    return share_sums(houses["assets_cny"], pairs, n), share_sums(houses["assets_cny"].fillna(0.0), pairs, n)


def share_sums(values: pd.Series[Any], pairs: pd.DataFrame, n: int) -> NDArray[np.float64]:
    """Return for each of n places the sum of values times the share inside; NaN where one of them is unknown."""
    found = values.to_numpy(dtype=np.float64)[pairs["feature"].to_numpy()] * pairs["share"].to_numpy()
    return np.bincount(pairs["zone"].to_numpy(), weights=found, minlength=n).astype(np.float64)


def population_sums(places: Places, population: xr.DataArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the people of each place by a population layer, rounded, and those of its known cells.

    The first is NaN where known cells cover less than 99 % of the place: the rest is not nobody.
    """
    coverage = cell_coverage(places.parts, grid_of(population))
    values = coverage.values(population.data).astype(np.float64)
    counted = np.bincount(places.owner, weights=coverage.sums(np.nan_to_num(values)), minlength=places.n)
    sums = np.asarray(counted, dtype=np.float64)
    known = np.bincount(places.owner, weights=coverage.sums(np.isfinite(values)), minlength=places.n)
    whole = np.bincount(places.owner, weights=coverage.n_cells, minlength=places.n)
    return np.where(known >= _KNOWN_CELLS * whole, np.round(sums), np.nan), sums


def facility_sums(
    places: Places, facilities: gpd.GeoDataFrame | None, *, is_listed: bool = True
) -> pd.DataFrame:  # fmt: skip
    """Return number, people and names of the facilities that touch each place; all missing where none are given.

    Parameters
    ----------
    is_listed : False: the facilities are only those that are known by chance; a place without one knows nothing.

    Returns
    -------
    facilities, facility_people (when in use; NaN where one of them has no number), known_facility_people, people_day
    (of those that give it, else of their people), facility_names.
    """
    n = places.n
    empty: dict[str, Any] = dict.fromkeys(("facilities", "facility_people", "known_facility_people", "day_people"),
                                          np.nan)  # fmt: skip
    if facilities is None:
        return pd.DataFrame({**empty, "facility_names": pd.array([pd.NA] * n, dtype="string")}, index=range(n))
    pairs = places.pairs(facilities) if len(facilities) else pd.DataFrame({"feature": [], "zone": [], "share": []})
    pairs = pairs.astype({"feature": np.int64, "zone": np.int64}).assign(share=1.0)  # in use it is in, or not
    by_day = numbers(facilities, "people_day")
    people = pd.concat([numbers(facilities, "people"), by_day], axis=1).max(axis=1)
    name = facilities["name"].astype("string").fillna(facilities["facility_id"].astype("string")).to_numpy()
    named = pairs.assign(name=name[pairs["feature"].to_numpy()]).groupby("zone")["name"].agg("、".join)
    out = pd.DataFrame({
        "facilities": np.bincount(pairs["zone"], minlength=n).astype(np.float64),
        "facility_people": share_sums(people, pairs, n),
        "known_facility_people": share_sums(people.fillna(0.0), pairs, n),
        "day_people": share_sums(by_day.fillna(numbers(facilities, "people")), pairs, n),
        "facility_names": named.reindex(range(n)).astype("string"),
    })  # fmt: skip
    if not is_listed:
        out.loc[out["facilities"] == 0, list(empty)] = np.nan
    return out
