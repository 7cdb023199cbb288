"""The townships that places lie in: each place has a main one, and counts in every one that it reaches into."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

OUTSIDE_ID = "outside"
"""Identifier of the row of places that lie in no township, or of all where none is given."""


def township_ids(townships: gpd.GeoDataFrame) -> list[str]:
    """Return the code of each township as tables hold it: lists of codes are parted by commas, so it has none."""
    return [str(code).replace(",", ";") for code in townships["code"]]


def township_names(townships: gpd.GeoDataFrame) -> list[str]:
    """Return what each township is called: its name, the code where it has none."""
    names = townships["name"].astype("string").fillna("").str.strip()
    return [str(n) or i for n, i in zip(names, township_ids(townships), strict=True)]


def townships_of(places: gpd.GeoDataFrame, townships: gpd.GeoDataFrame | None) -> pd.DataFrame:
    """Return which townships each place lies in.

    Parameters
    ----------
    places : points or polygons. townships : polygons with unique `code` and with `name`, in the CRS of the places.

    Returns
    -------
    township, township_id : of the main one: where an inner point of the place lies, else the one with the largest
    share of it. township_ids : of all that the place meets, the main one first, parted by commas. Missing where it
    meets none. In the order of the places.
    """
    n = len(places)
    if townships is None or not len(townships) or not n:
        nothing = {c: pd.Series(None, index=range(n), dtype=object) for c in ("township", "township_id",
                                                                              "township_ids")}  # fmt: skip
        return pd.DataFrame(nothing)
    shapes, areas = places.geometry.to_numpy(), townships.geometry.to_numpy()
    ids, names = township_ids(townships), township_names(townships)
    tree = shapely.STRtree(areas)
    inner = places.geometry.representative_point().to_numpy()
    main: NDArray[Any] = _lowest(tree.query(inner, predicate="intersects"), n)
    place, town = tree.query(shapes, predicate="intersects")
    for i in np.flatnonzero((main < 0) & np.isin(np.arange(n), place)):
        met = np.sort(town[place == i])
        main[i] = met[np.argmax(shapely.area(shapely.intersection(shapes[i], areas[met])))]
    met_by = pd.Series(town).groupby(place).agg(list)
    listed: list[str | None] = []
    for at, first in enumerate(main.tolist()):
        others = sorted(set(met_by.get(at, [])) - {first})
        listed.append(None if first < 0 else ",".join(ids[k] for k in (first, *others)))
    return pd.DataFrame({"township": [None if k < 0 else names[k] for k in main],
                         "township_id": [None if k < 0 else ids[k] for k in main],
                         "township_ids": listed}, dtype=object)  # fmt: skip


def _lowest(found: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return for each place the first of the townships found (place, township), -1 where there is none."""
    out = np.full(n, np.iinfo(np.int64).max)
    np.minimum.at(out, found[0], found[1])
    return np.where(out < np.iinfo(np.int64).max, out, -1)


def rows_by_township(warnings: pd.DataFrame) -> dict[str, NDArray[np.int64]]:
    """Return the positions of the rows of `warnings` in each township, by its id; a row may lie in several.

    Rows of places in no township stand under `OUTSIDE_ID`.
    """
    ids = warnings["township_ids"].astype("string").fillna("").reset_index(drop=True)
    parts = ids.where(ids != "", OUTSIDE_ID).str.split(",").explode()
    return {str(k): np.asarray(rows, dtype=np.int64) for k, rows in parts.groupby(parts).groups.items()}
