"""Soils as codes: the hydrologic group, or the texture where the map tells it."""

from __future__ import annotations

from typing import Any

import pandas as pd

GROUP_LETTERS = ("A", "B", "C", "D")

TEXTURES = (
    "sand", "loamy sand", "sandy loam", "loam", "silt loam", "sandy clay loam", "clay loam", "silty clay loam",
    "sandy clay", "silty clay", "clay",
)  # fmt: skip
"""USDA texture classes, as in the table of Rawls, Brakensiek & Miller (1983)."""

CHINESE_TEXTURES = {
    "砂土": "sand", "壤质砂土": "loamy sand", "砂质壤土": "sandy loam", "壤土": "loam", "粉砂质壤土": "silt loam",
    "砂质粘壤土": "sandy clay loam", "粘壤土": "clay loam", "粉砂质粘壤土": "silty clay loam", "砂质粘土": "sandy clay",
    "粉砂质粘土": "silty clay", "粘土": "clay",
}  # fmt: skip
"""The same in Chinese; 黏 for 粘 and 粉 for 粉砂 are read as well."""

_GROUP_OF = (1, 1, 1, 2, 2, 3, 4, 4, 4, 4, 4)
"""Hydrologic group (1-4) of each texture: USDA TR-55 (1986), appendix A."""

UNKNOWN = 0
"""Code of soil that is not known; 1-4 are groups A-D, from 5 on the textures in order."""

_FIRST_TEXTURE = 1 + len(GROUP_LETTERS)
N_CODES = _FIRST_TEXTURE + len(TEXTURES)


def soil_code(group: Any, texture: Any = None) -> int:
    """Code of a soil from its hydrologic group and its texture, either of which may be missing.

    Parameters
    ----------
    group : A to D, or a dual group as "B/D" (drained / not drained): the wetter one counts, for drains are not certain.
    texture : a USDA class, English or Chinese; it comes first, for it says more.

    Returns
    -------
    int : 0 where neither is known.
    """
    name = "" if pd.isna(texture) else str(texture).strip().lower().replace("_", " ")
    name = CHINESE_TEXTURES.get(name.replace("黏", "粘").replace("粉质", "粉砂质"), name)
    if name in TEXTURES:
        return _FIRST_TEXTURE + TEXTURES.index(name)
    text = "" if pd.isna(group) else str(group).strip().upper().removesuffix("类").removesuffix("组")
    letters = [c.strip() for c in text.split("/") if c.strip()]
    codes = [GROUP_LETTERS.index(c) + 1 for c in letters if c in GROUP_LETTERS]
    return max(codes) if codes and len(codes) == len(letters) else UNKNOWN


def group_of(code: int) -> int:
    """Hydrologic group 1-4 of a soil code; 0 where unknown."""
    if code < _FIRST_TEXTURE:
        return max(code, UNKNOWN)
    return _GROUP_OF[code - _FIRST_TEXTURE]
