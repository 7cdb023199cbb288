"""Outlines as exactextract takes them: in binary, not as a text of every corner."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import shapely
from exactextract.feature import Feature, FeatureSource
from numpy.typing import NDArray


class Outline(Feature):  # type: ignore[misc]
    """One polygon, without fields; what is found of it goes to the table that is asked for, not back to it."""

    def __init__(self, wkb: bytes) -> None:
        super().__init__()
        self._wkb = wkb

    def geometry(self) -> bytes:
        """Return the polygon as WKB."""
        return self._wkb

    def fields(self) -> list[str]:
        """Return no names."""
        return []


class Outlines(FeatureSource):  # type: ignore[misc]
    """Polygons in their order, all in one CRS.

    Parameters
    ----------
    shapes : (n,) polygons. crs : as WKT.

    Raises
    ------
    ValueError : one is missing or empty; exactextract must not see it.
    """

    def __init__(self, shapes: NDArray[Any], *, crs: str) -> None:
        super().__init__()
        nothing = shapely.is_missing(shapes) | shapely.is_empty(shapes)
        if nothing.any():
            what = f"polygons {nothing.nonzero()[0][:5].tolist()} are missing or empty"
            raise ValueError(what)
        self._wkbs = shapely.to_wkb(shapes)
        self._crs = crs

    def count(self) -> int:
        """Return how many there are."""
        return len(self._wkbs)

    def __iter__(self) -> Iterator[Outline]:
        """Give one after another."""
        return map(Outline, self._wkbs)

    def srs_wkt(self) -> str:
        """Return their CRS."""
        return self._crs
