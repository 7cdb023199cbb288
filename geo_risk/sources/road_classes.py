"""Road classes of maps that do not use ours: tags of OpenStreetMap, and Chinese words."""

from __future__ import annotations

from typing import Any

import pandas as pd

from geo_risk.sources.ledger_tables import WATERLOGGING_SITES

OPENSTREETMAP = {
    "motorway": "trunk", "trunk": "trunk", "primary": "primary", "secondary": "secondary", "tertiary": "secondary",
    "residential": "local", "unclassified": "local", "living_street": "local", "service": "local", "road": "local",
    "pedestrian": "local", "track": "local",
}  # fmt: skip
"""Values of `highway`; a link has the class of its road, others are local."""


def road_classes(roads: pd.DataFrame) -> pd.Series[str]:
    """Return trunk, primary, secondary or local for each road; missing where nothing tells.

    Parameters
    ----------
    roads : with `class`, or `highway` or `fclass` as OpenStreetMap and its extracts have it; a word that is known in
        none of them stays as it is in `class`.
    """
    out = pd.Series(pd.NA, index=roads.index, dtype="string")
    for column in ("class", "highway", "fclass"):
        if column in roads:
            out = out.fillna(roads[column].astype("string").str.strip())
    return out.map(_known).astype("string")


def _known(word: Any) -> Any:
    if pd.isna(word):
        return pd.NA
    text = str(word).lower().removesuffix("_link")
    if text in OPENSTREETMAP:
        return OPENSTREETMAP[text]
    words = WATERLOGGING_SITES.values["traffic_class"]
    return next((ours for theirs, ours in words.items() if theirs in text and ours != "none"), word)
