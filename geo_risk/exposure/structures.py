"""Classes of structure from the words of ledgers, and what buildings are worth: unknown stays unknown."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.exposure.columns import numbers, texts
from geo_risk.exposure.params import STRUCTURES, ExposureParams

TERMS: Mapping[str, tuple[str, ...]] = {
    "frame": ("frame", "rc", "reinforced concrete", "steel", "steel frame", "concrete", "钢混", "钢筋混凝土", "框架",
              "钢筋砼", "钢砼", "剪力墙", "框剪", "钢", "钢和钢筋混凝土", "钢及钢筋混凝土", "现浇"),
    "brick_concrete": ("brick_concrete", "brick-concrete", "masonry", "砖混", "混合", "砖砼", "砖混凝土", "砖石混凝土"),
    "brick_wood": ("brick_wood", "brick-wood", "brick-timber", "砖木", "砖瓦"),
    "adobe": ("adobe", "earth", "rammed earth", "mud", "土木", "土坯", "生土", "土", "土砖", "夯土", "土墙"),
    "cave_dwelling": ("cave_dwelling", "cave", "yaodong", "窑洞", "土窑", "土窑洞", "砖窑", "石窑", "砖窑洞", "石窑洞",
                      "靠崖窑", "箍窑"),
    "timber": ("timber", "wood", "wooden", "木", "木质", "竹木"),
    "stone": ("stone", "石", "石木", "石砌", "石头"),
}  # fmt: skip
"""Words by class, after China's population and housing censuses (钢及钢筋混凝土, 混合, 砖木, 其他) and rural
surveys on the loess plateau, from memory."""


def structure_classes(
    buildings: pd.DataFrame, params: ExposureParams
) -> tuple[pd.Series[Any], dict[str, int]]:  # fmt: skip
    """Return the class of structure of each building by its column `structure`, and the words no table knows.

    Full-width letters, blanks, and the words 结构, 房 and 类 at the end do not matter. A missing word and one that is
    not known are "unknown"; no class is guessed from a part of a word.

    Returns
    -------
    (classes, strange) : classes is text in STRUCTURES; strange counts the buildings of each unknown word.
    """
    given = texts(buildings, "structure")
    table = {plain(w): c for c, words in TERMS.items() for w in words} | {
        plain(w): c for w, c in params.structure_terms.items()
    }
    known = {word: table.get(plain(str(word)), "unknown") for word in given.dropna().unique()}
    classes = given.astype(object).map(known).fillna("unknown").astype("string")
    strange = given[(classes == "unknown") & given.notna()].value_counts()
    return classes, {str(k): int(n) for k, n in sorted(strange.items())}


def plain(text: str) -> str:
    """Return a word of a ledger without width, case, blanks and the ends that say only that it is a class."""
    out = "".join(unicodedata.normalize("NFKC", text).lower().split())
    for end in ("结构", "房屋", "房", "类"):
        if len(out) > len(end):
            out = out.removesuffix(end)
    return out


def floor_area_m2(buildings: Any) -> NDArray[np.float64]:
    """Return footprint times floors [m2]; floors that are missing or not above 0 count as one: at least so much."""
    floors = numbers(buildings, "floors")
    out: NDArray[np.float64] = (buildings.geometry.area * floors.where(floors > 0, 1.0)).to_numpy(dtype=np.float64)
    return out


def replacement_value_cny(
    classes: pd.Series[Any], area_m2: NDArray[np.float64], params: ExposureParams
) -> NDArray[np.float64]:
    """Return the replacement value of each building [CNY]: floor area times the value of its class.

    NaN where the class has no value in `asset_values`: what a building is worth that nobody priced is unknown.
    """
    prices = {name: params.asset_values[name].cny_m2 if name in params.asset_values else np.nan for name in STRUCTURES}
    out: NDArray[np.float64] = area_m2 * classes.astype(object).map(prices).to_numpy(dtype=np.float64)
    return out
