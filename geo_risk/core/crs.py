"""Changes of coordinates between reference systems, made once for each pair."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pyproj import CRS, Transformer


@lru_cache(maxsize=64)
def crs_change(source: str, target: str) -> Transformer | None:
    """Return what takes x, y (or longitude, latitude) of one system to those of another; None where both are one.

    Parameters
    ----------
    source, target : as pyproj reads them (EPSG code, WKT, PROJ text).

    Returns
    -------
    Looking up the ways between two systems takes up to 0.2 s, so they are kept; a kept one serves all threads.

    Raises
    ------
    pyproj.exceptions.CRSError : a text that names no system.
    """
    one, other = CRS(source), CRS(target)
    return None if one == other else Transformer.from_crs(one, other, always_xy=True)


def moved(x: Any, y: Any, source: str, target: str) -> tuple[Any, Any]:
    """Return coordinates of one system in another, as they are where both are one; see `crs_change`."""
    change = crs_change(source, target)
    return (x, y) if change is None else change.transform(x, y)
