"""Uses of buildings from the words of ledgers: who sleeps there, and where many people gather whom no census counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo_risk.core.errors import CrsError
from geo_risk.exposure.columns import numbers, texts
from geo_risk.exposure.params import DWELLING, GATHERING, NO_DWELLING, OTHER_USE, ExposureParams
from geo_risk.exposure.structures import plain

TERMS: Mapping[str, tuple[str, ...]] = {
    DWELLING: ("residential", "house", "detached", "semidetached_house", "terrace", "apartments", "dormitory",
               "bungalow", "cabin", "farm", "hut", "nursing_home", "mixed", "yes", "住宅", "住", "居住", "民居", "民用",
               "自住", "农房", "农村住宅", "农村民居", "民", "宿舍", "公寓", "商住", "商住两用", "住商", "居民住宅",
               "养老院", "敬老院", "福利院", "幸福院"),
    GATHERING: ("school", "kindergarten", "college", "university", "hospital", "clinic", "factory", "industrial",
                "manufacture", "works", "office", "commercial", "retail", "supermarket", "market", "mall", "hotel",
                "public", "civic", "government", "church", "temple", "mosque", "train_station", "stadium", "workplace",
                "学校", "小学", "中学", "幼儿园", "教学", "教学楼", "教育", "医院", "卫生院", "医疗", "工厂", "厂",
                "工业", "生产", "办公", "办公楼", "商业", "商铺", "商场", "市场", "超市", "宾馆", "旅馆", "酒店",
                "公共", "公共建筑", "公建", "政府", "寺庙", "庙", "教堂", "车站", "体育馆", "礼堂", "影剧院", "旅游"),
    OTHER_USE: ("garage", "garages", "shed", "barn", "stable", "sty", "cowshed", "greenhouse", "warehouse", "storage",
                "silo", "toilets", "ruins", "carport", "farm_auxiliary", "transformer_tower", "water_tower",
                "storage_tank", "hangar", "construction", "kiosk", "service", "仓库", "仓储", "库", "车库", "棚",
                "畜棚", "牛棚", "猪圈", "羊圈", "养殖", "大棚", "温室", "厕所", "公厕", "水塔", "泵站", "配电",
                "变电站", "废弃", "在建"),
}  # fmt: skip
"""Words by class: values of OpenStreetMap's key `building` and words of Chinese house registers, from memory."""


def use_words(params: ExposureParams) -> dict[str, str]:
    """Return the class of each known word as `structures.plain` makes it, the configuration's before the table's."""
    return {plain(w): c for c, words in TERMS.items() for w in words} | {
        plain(w): c for w, c in params.use_terms.items()
    }


def use_classes(buildings: pd.DataFrame, params: ExposureParams) -> tuple[pd.Series[Any], dict[str, int]]:
    """Return what each building is used for by its columns `use` and `households`, and the words no table knows.

    A building whose use is missing or not known counts as a dwelling, and so does one of registered households whatever
    its use: a shop with a family above it. Full-width letters, blanks and an ending as in `structure_classes` do not
    matter; no class is guessed from a part of a word.

    Returns
    -------
    (classes, strange) : classes is text in `params.USES`; strange counts the buildings of each word that is not known.
    """
    given = texts(buildings, "use")
    table = use_words(params)
    known = {word: table.get(plain(str(word))) for word in given.dropna().unique()}
    found = given.astype(object).map(known)
    strange = given[found.isna() & given.notna()].value_counts()
    classes = found.where(~(numbers(buildings, "households") > 0), DWELLING).fillna(DWELLING).astype("string")
    return classes, {str(k): int(n) for k, n in sorted(strange.items())}


def unlisted_gatherings(
    houses: gpd.GeoDataFrame | None, facilities: gpd.GeoDataFrame | None, params: ExposureParams
) -> gpd.GeoDataFrame | None:
    """Return buildings in which many gather and which no listed facility stands for, as facilities of unknown people.

    A facility stands for the buildings within `facility_distance_m` of it: a school is a point and several houses.

    Parameters
    ----------
    houses : as `spread_people` makes them, None where none are known. facilities : the list, None where none is given.

    Returns
    -------
    facility_id, name (missing), kind (the use), people and people_day (NaN), polygons; None where there are none.

    Raises
    ------
    CrsError : houses and facilities are in different CRS.
    """
    if houses is None or not {"use", "spread"} <= set(houses):
        return None
    empty = houses[houses["spread"].astype("string").eq(NO_DWELLING).fillna(value=False).to_numpy(dtype=bool)]
    found = empty[(use_classes(empty[["use"]], params)[0] == GATHERING).to_numpy(dtype=bool)]
    if facilities is not None and len(facilities) and len(found):
        if facilities.crs != houses.crs:
            what = f"facilities are in {facilities.crs}, houses in {houses.crs}"
            raise CrsError(what, where="facilities", fix="bring both into the run's CRS in geo_risk.sources")
        near = shapely.STRtree(facilities.geometry.to_numpy()).query(
            found.geometry.to_numpy(), predicate="dwithin", distance=params.facility_distance_m
        )[0]
        found = found[~np.isin(np.arange(len(found)), near)]
    if not len(found):
        return None
    ids, uses = found["house_id"].astype("string"), found["use"].astype("string")
    return gpd.GeoDataFrame(
        {"facility_id": ids.to_numpy(), "name": (uses + " " + ids).to_numpy(), "kind": uses.to_numpy(),
         "people": np.nan, "people_day": np.nan},
        geometry=found.geometry.to_numpy(), crs=houses.crs,
    )  # fmt: skip
