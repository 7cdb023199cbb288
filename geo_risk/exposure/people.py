"""Where a settlement's people live: spread over its buildings, points or cells so that they add up exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from geo_risk.core.errors import DataError
from geo_risk.core.sentence import Sentence
from geo_risk.exposure.buildings import MAX_DISTANCE_M, assign_settlements, counted_by_households, dwelling_weights
from geo_risk.exposure.columns import texts
from geo_risk.exposure.params import DEFAULTS, DWELLING, NO_DWELLING, NO_HOUSEHOLD, ExposureParams
from geo_risk.exposure.structures import floor_area_m2, replacement_value_cny, structure_classes
from geo_risk.exposure.unbuilt import census_places, discs, population_places, yards
from geo_risk.exposure.uses import use_classes

_COUNTS = ("people", "vulnerable_people", "households")

HOUSE_COLUMNS = ("house_id", "settlement_id", "people", "vulnerable_people", "households", "is_building", "spread",
                 "structure", "use", "floor_area_m2", "assets_cny")  # fmt: skip
"""Columns of the frame of houses."""


def apportion(total: float, weights: ArrayLike) -> NDArray[np.float64]:
    """Divide a whole number in proportion to weights into whole numbers that add up to it exactly.

    The largest remainders get the units that are left (Hamilton's method); among equal ones the first. Where there are
    fewer units than places with a weight, some place must go without: then the units are spread along the order of the
    places (cumulative rounding), so that any run of neighbours in it has its share but for one unit; by Hamilton's
    method a whole quarter of equal or small houses would come out as holding nobody.

    Parameters
    ----------
    total : a whole number >= 0; NaN gives NaN everywhere (unknown stays unknown).
    weights : (n,) >= 0; all of them 0 counts as all equal.

    Raises
    ------
    DataError : total is negative or not whole, a weight is negative or NaN, or there is nothing to give to.
    """
    w = np.asarray(weights, dtype=np.float64)
    if np.isnan(total):
        return np.full(w.shape, np.nan)
    if not (total >= 0 and total == np.floor(total) and w.size and (w >= 0).all() and np.isfinite(w).all()):
        what = f"{total} cannot be divided by {w.size} weights from {w.min(initial=np.inf)} to {w.max(initial=0)}"
        raise DataError(what, where="people", fix="give whole numbers of people and weights >= 0")
    shares = total * (w / w.sum() if w.sum() > 0 else np.full(w.shape, 1 / w.size))
    if total < (shares > 0).sum():
        upto: NDArray[np.float64] = np.floor(np.round(np.cumsum(shares), 9) + 0.5)
        upto[1:] -= upto[:-1].copy()
        return upto
    out = np.floor(shares)
    left = int(total - out.sum())
    remainders = np.round(shares - out, 9)  # equal shares stay equal whatever the last bit says
    out[np.argsort(-remainders, kind="stable")[:left]] += 1
    return out


def clean_counts(
    settlements: gpd.GeoDataFrame,
    *,
    id_column: str = "settlement_id",
    columns: tuple[str, ...] = ("people", "vulnerable_people", "households"),
    is_whole: bool = True,
) -> tuple[gpd.GeoDataFrame, list[dict[str, str]]]:
    """Return settlements (or other places with people) with usable numbers, and every number that was refused.

    `columns` become float64, rounded to whole numbers where `is_whole` (parts of people by the point would be lost);
    missing, negative and non-numeric ones become NaN (unknown, never 0). More vulnerable people than people counts as
    unknown.

    Returns
    -------
    (settlements, remarks) : remarks are {"id", "reason"}; the rows stay in the list.
    """
    out, remarks = settlements.copy(), []
    for column in columns:
        given = out[column] if column in out else pd.Series(pd.NA, index=out.index)
        values = pd.to_numeric(given, errors="coerce").astype("float64")
        bad = given.notna() & ~(values >= 0) | np.isinf(values)
        for row in out.index[bad]:
            remarks.append({
                "id": str(out.loc[row, id_column]),
                "reason": f"{column} is {given[row]!r}, not a number >= 0: counts as unknown",
                "reason_zh": f"{column} 为 {given[row]!r}，不是非负数：按未知处理",
            })  # fmt: skip
        out[column] = values.where(~bad).round() if is_whole else values.where(~bad)
    if "vulnerable_people" not in columns:
        return out, remarks
    too_many = out["vulnerable_people"] > out["people"]
    for row in out.index[too_many]:
        remarks.append({
            "id": str(out.loc[row, id_column]),
            "reason": "more vulnerable people than people: their number counts as unknown",
            "reason_zh": "重点人群人数大于总人口：重点人群按未知处理",
        })  # fmt: skip
    out.loc[too_many, "vulnerable_people"] = np.nan
    return out, remarks


@dataclass(frozen=True)
class Dwellings:
    """What says where people live within a settlement, each part optional, in the CRS of the settlements.

    Attributes
    ----------
    buildings : polygons with building_id, and settlement_id, floors, households, structure, use where known.
    census : points with census_id and people, and settlement_id where known.
    population : people per cell (y, x) on the run grid; may be lazy.
    """

    buildings: gpd.GeoDataFrame | None = None
    census: gpd.GeoDataFrame | None = None
    population: xr.DataArray | None = None


def spread_people(
    settlements: gpd.GeoDataFrame,
    dwellings: Dwellings,
    *,
    radius_m: float,
    params: ExposureParams = DEFAULTS,
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Spread each settlement's people by dasymetric weights: over its buildings, else census points, else a raster.

    Parameters
    ----------
    settlements : points with settlement_id, people, vulnerable_people, households as `clean_counts` leaves them.
    dwellings : what says where in a settlement they live; the first kind that knows it counts.
    radius_m : a settlement of which nothing is known becomes one disc of this radius.

    Returns
    -------
    (houses, notes) : houses has HOUSE_COLUMNS and polygons in the CRS of the settlements. The sums over a
        settlement's houses equal its numbers exactly; where a number is unknown it is NaN in each dwelling. Buildings
        of no settlement stand at the end of the buildings, settlement_id missing and their numbers NaN: they are houses
        too. `spread` says by what a house draws its people ("none" for those of no settlement). Buildings of another
        use than dwelling draw nobody: their numbers are 0, `spread` is NO_DWELLING; NO_HOUSEHOLD of dwellings recorded
        with 0 households where the others draw by theirs. A settlement that has only such
        ones is spread as one without buildings.
    """
    frames: list[gpd.GeoDataFrame] = []
    notes: list[str] = []
    lonely = settlements
    if dwellings.buildings is not None and len(dwellings.buildings):
        built, notes = built_houses(settlements, dwellings.buildings, params)
        frames.append(built)
        lonely = _without(lonely, built[built["spread"] != NO_DWELLING])
    for places, said in _unbuilt(lonely, settlements, dwellings, radius_m=radius_m, params=params):
        frames.append(_without_empty_cells(with_counts(places, settlements), settlements))
        notes += said
    unknown = int(settlements["people"].isna().sum())
    if unknown:
        notes.append(Sentence(f"the population of {unknown} settlements is unknown; it is counted as unknown, not as 0",
                          f"{unknown} 个居民点人口未知：按未知统计，不作 0 处理"))  # fmt: skip
    if not frames:
        return gpd.GeoDataFrame(columns=[*HOUSE_COLUMNS, "geometry"], geometry="geometry", crs=settlements.crs), notes
    houses = gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), crs=settlements.crs)
    houses["settlement_id"] = houses["settlement_id"].astype("string")  # where no building has one, the types differ
    return houses[[*HOUSE_COLUMNS, "geometry"]], notes


def _without(settlements: gpd.GeoDataFrame, houses: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return settlements[~settlements["settlement_id"].isin(set(houses["settlement_id"].dropna()))]


def _unbuilt(
    lonely: gpd.GeoDataFrame,
    settlements: gpd.GeoDataFrame,
    dwellings: Dwellings,
    *,
    radius_m: float,
    params: ExposureParams,
) -> Iterator[tuple[gpd.GeoDataFrame, list[str]]]:
    """Yield the places of settlements without buildings with their weights, and what is said of them."""
    if dwellings.census is not None and len(dwellings.census):
        places, rest = census_places(settlements, dwellings.census, max_distance_m=MAX_DISTANCE_M, params=params)
        said: list[str] = []
        if rest["points"]:
            said.append(Sentence(
                f"{rest['points']:.0f} census points with {rest['people']:.0f} people belong to no settlement: they "
                "are in no sum", f"{rest['points']:.0f} 个人口普查点（{rest['people']:.0f} 人）不属于任何居民点：未计入"
            ))  # fmt: skip
        if rest["typical"]:
            said.append(Sentence(
                f"the people of {rest['typical']:.0f} census points are unknown: they draw as the mean point of their "
                "settlement", f"{rest['typical']:.0f} 个普查点人口未知：按所属居民点各点平均分摊"
            ))  # fmt: skip
        places = places[places["settlement_id"].isin(set(lonely["settlement_id"]))].reset_index(drop=True)
        n = places["settlement_id"].nunique()
        if n:
            said.append(Sentence(f"the people of {n} settlements without buildings are spread over census points",
                              f"{n} 个无房屋数据的居民点人口按普查点分布"))  # fmt: skip
        yield _as_places(places, "census"), said
        lonely = _without(lonely, places)
    if dwellings.population is not None and len(lonely):
        places, squares = population_places(lonely, settlements, dwellings.population, params)
        n = places["settlement_id"].nunique()
        said = []
        if n:
            said.append(Sentence(f"the people of {n} settlements without buildings are spread by the population raster",
                              f"{n} 个无房屋数据的居民点人口按人口栅格分布"))  # fmt: skip
        if squares["typical"]:
            said.append(Sentence(
                f"{squares['typical']} squares of the population raster around them are unknown: they draw as the mean "
                "square of their settlement; where a missing cell means empty ground, set "
                "risk.exposure.population_missing_is_zero",
                f"其周边 {squares['typical']} 个人口栅格方块无数据：按所属居民点各方块平均分摊；若缺测表示无人居住，"
                "请设置 risk.exposure.population_missing_is_zero",
            ))  # fmt: skip
        yield _as_places(places, "population"), said
        lonely = _without(lonely, places)
    if len(lonely):
        text = Sentence(
            f"{len(lonely)} settlements have no buildings; their people are spread over a disc of {radius_m:.0f} m "
            "radius", f"{len(lonely)} 个居民点无房屋数据，人口按半径 {radius_m:.0f} 米的圆分布",
        )  # fmt: skip
        yield _as_places(discs(lonely, radius_m), "disc"), [text]


def _without_empty_cells(houses: gpd.GeoDataFrame, settlements: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the houses without cells of a raster in which nobody of a peopled settlement came to live."""
    totals = houses["settlement_id"].map(settlements.set_index("settlement_id")["people"])
    counts = houses[["people", "vulnerable_people", "households"]]
    nobody = (houses["people"] == 0) & (counts.fillna(0) == 0).all(axis=1) & (totals > 0)
    return houses[~((houses["spread"] == "population") & nobody)]


def _as_places(places: gpd.GeoDataFrame, spread: str) -> gpd.GeoDataFrame:
    missing = pd.array([pd.NA] * len(places), dtype="string")
    return places.assign(is_building=False, spread=spread, structure=missing, use=missing, floor_area_m2=np.nan,
                         assets_cny=np.nan)  # fmt: skip


def census_houses(census: gpd.GeoDataFrame, params: ExposureParams) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Return census points as houses of no settlement, each with its own people, where no settlements are given.

    Parameters
    ----------
    census : points with census_id, people, vulnerable_people, households as `clean_counts` leaves them. A point of
        unknown people is a house of unknown people.
    """
    ordered = census.assign(census_id=census["census_id"].astype("string")).sort_values("census_id", kind="stable")
    places = gpd.GeoDataFrame(
        {
            "house_id": ("census-" + ordered["census_id"]).to_numpy(),
            "settlement_id": pd.array([pd.NA] * len(ordered), dtype="string"),
            **{c: ordered[c].to_numpy(dtype=np.float64) for c in ("people", "vulnerable_people", "households")},
        },
        geometry=yards(ordered, params),
        crs=census.crs,
    )
    houses = _as_places(places, "census")[[*HOUSE_COLUMNS, "geometry"]]
    notes: list[str] = [Sentence(
        f"no settlements are given: the {len(houses)} census points are houses of no settlement",
        f"未提供居民点：{len(houses)} 个人口普查点按房屋处理，不属于任何居民点",
    )]  # fmt: skip
    unknown = int(houses["people"].isna().sum())
    if unknown:
        notes.append(Sentence(f"the people of {unknown} census points are unknown; they count as unknown, not as 0",
                          f"{unknown} 个普查点人口未知：按未知统计，不作 0 处理"))  # fmt: skip
    return houses, notes


def built_houses(
    settlements: gpd.GeoDataFrame, buildings: gpd.GeoDataFrame, params: ExposureParams
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Return the buildings as houses with their people, class of structure and replacement value, and notes."""
    placed, notes = assign_settlements(buildings, settlements)
    placed = placed.sort_values("building_id", kind="stable")
    uses, odd_uses = use_classes(placed, params)
    lived_in = (uses == DWELLING).to_numpy(dtype=bool)
    weight = np.zeros(len(placed))
    weight[lived_in] = dwelling_weights(placed[lived_in])
    by_households = np.zeros(len(placed), dtype=bool)
    by_households[lived_in] = counted_by_households(placed[lived_in])
    classes, strange = structure_classes(placed, params)
    area = floor_area_m2(placed)
    out = gpd.GeoDataFrame(
        {
            "house_id": placed["building_id"].astype("string").to_numpy(),
            "settlement_id": placed["settlement_id"].astype("string").to_numpy(),
            "weight": weight,
            "is_building": True,
            "spread": np.where(by_households, "households", "floor_area"),
            "structure": classes.array,
            "use": texts(placed, "use").str.strip().str.lower().array,
            "floor_area_m2": area,
            "assets_cny": replacement_value_cny(classes, area, params),
        },
        geometry=placed.geometry.to_numpy(),
        crs=buildings.crs,
    )
    out.loc[by_households & (weight == 0), "spread"] = NO_HOUSEHOLD
    lost = out["settlement_id"].isna()
    out.loc[lost, "spread"] = "none"
    out.loc[~lived_in, "spread"] = NO_DWELLING
    notes += _said_of_uses(out, settlements, odd_uses)
    if strange:
        words = "、".join(f"{k} ({n})" for k, n in list(strange.items())[:12])
        notes.append(Sentence(
            f"{sum(strange.values())} buildings have a structure that no table knows, it counts as unknown: {words}; "
            "name their class in risk.exposure.structure_terms",
            f"{sum(strange.values())} 栋房屋的结构类型无法识别，按未知处理：{words}；"
            "可在 risk.exposure.structure_terms 中指定其类别",
        ))  # fmt: skip
    homes = with_counts(out[~lost & lived_in].reset_index(drop=True), settlements)
    nobody = out[~lived_in].assign(**dict.fromkeys(_COUNTS, 0.0))
    aside = out[lost & lived_in].assign(**dict.fromkeys(_COUNTS, np.nan))
    return gpd.GeoDataFrame(pd.concat([homes, nobody, aside], ignore_index=True), crs=buildings.crs), notes


def _said_of_uses(
    built: gpd.GeoDataFrame, settlements: gpd.GeoDataFrame, odd: dict[str, int]
) -> list[str]:  # fmt: skip
    """Return what is said of buildings in which nobody lives, and of uses that no table knows."""
    said: list[str] = []
    empty = built["spread"] == NO_DWELLING
    if empty.any():
        said.append(Sentence(
            f"{int(empty.sum())} buildings are no dwellings by their use: nobody is counted as living in them",
            f"{int(empty.sum())} 栋房屋按用途为非住宅：不计常住人口",
        ))  # fmt: skip
    homeless = set(built.loc[empty, "settlement_id"].dropna()) - set(built.loc[~empty, "settlement_id"].dropna())
    n = int(settlements["settlement_id"].isin(homeless).sum())
    if n:
        said.append(Sentence(
            f"{n} settlements have buildings but no dwelling among them: they count as settlements without buildings",
            f"{n} 个居民点仅有非住宅房屋：其人口按无房屋数据的居民点分布",
        ))  # fmt: skip
    if odd:
        words = ", ".join(f"{k} ({n})" for k, n in list(odd.items())[:12])
        said.append(Sentence(
            f"{sum(odd.values())} buildings have a use that no table knows, they count as dwellings: {words}; "
            "name its meaning in risk.exposure.use_terms",
            f"{sum(odd.values())} 栋房屋的用途无法识别，按住宅处理：{words}；"
            "可在 risk.exposure.use_terms 中指定",
        ))  # fmt: skip
    return said


def with_counts(places: gpd.GeoDataFrame, settlements: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return places with the whole people, vulnerable people and households of their settlements by `weight`.

    Vulnerable people are divided by the people of each place, so that no place has more of them than people where the
    settlement has not.
    """
    out = places.copy()
    weights = out["weight"].to_numpy(dtype=np.float64)
    totals = settlements.set_index("settlement_id")
    positions = out.groupby("settlement_id", sort=True).indices
    for column in _COUNTS:
        given = totals[column].to_dict()
        values = np.full(len(out), np.nan)
        for settlement, rows in positions.items():
            base = values_of(out, "people", rows) if column == "vulnerable_people" else weights[rows]
            values[rows] = apportion(float(given[settlement]), base)
        out[column] = values
    return out


def emptied_by_rounding(houses: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which houses hold nobody only because people are whole: nobody said that no one lives there.

    They are buildings that draw by floor area or by households of their own (whether or not the division of their
    settlement's households, unknown or whole as well, leaves them one), and census points (those of nobody are no
    places), of a settlement that has people. A building recorded with 0 households is known to be empty. All False
    without a column `spread`.
    """
    if "spread" not in houses:
        return np.zeros(len(houses), dtype=bool)
    people = houses["people"].astype("float64")
    has_people = people.groupby(houses["settlement_id"]).transform("sum").fillna(0.0) > 0
    lived_in = houses["spread"].astype("string").isin(["floor_area", "census", "households"]).astype(bool)
    return np.asarray((people == 0) & has_people & lived_in, dtype=bool)


def values_of(frame: pd.DataFrame, column: str, rows: NDArray[Any]) -> NDArray[np.float64]:
    """Return a column at some rows, NaN as 0: weights for a further division."""
    known: NDArray[np.float64] = frame[column].to_numpy(dtype=np.float64)
    out: NDArray[np.float64] = np.nan_to_num(known[rows])
    return out
