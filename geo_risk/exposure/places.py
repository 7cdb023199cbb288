"""Places that sums are made of: polygons, of which several may be parts of one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_risk.exposure.zonal import overlaps


@dataclass(frozen=True)
class Places:
    """Polygons by the place they belong to; the parts of one place do not overlap, places may.

    Attributes
    ----------
    parts : polygons in one CRS. owner : (parts,) position of the place of each. n : number of places.
    """

    parts: gpd.GeoDataFrame
    owner: NDArray[np.int64]
    n: int

    @classmethod
    def of(cls, shapes: gpd.GeoDataFrame) -> Places:
        """Return one place for each row of a frame of polygons; those that cross themselves are made valid."""
        sound = valid_polygons(shapes.geometry.to_numpy())
        return cls(gpd.GeoDataFrame(geometry=sound, crs=shapes.crs), np.arange(len(shapes)), len(shapes))

    def joined(self, *others: Places) -> Places:
        """Return the places of this and of others behind one another."""
        every = (self, *others)
        before = np.cumsum([0, *(p.n for p in every)])
        shapes: Any = np.concatenate([p.parts.geometry.to_numpy() for p in every])
        owner = np.concatenate([p.owner + b for p, b in zip(every, before, strict=False)])
        return Places(gpd.GeoDataFrame(geometry=shapes, crs=self.parts.crs), owner, int(before[-1]))

    def grown(self, distance_m: float) -> Places:
        """Return the places grown by a distance, shrunk by a negative one; what vanishes has no parts."""
        shapes = shapely.buffer(self.parts.geometry.to_numpy(), distance_m, quad_segs=2)
        kept = ~shapely.is_empty(shapes)
        return Places(gpd.GeoDataFrame(geometry=shapes[kept], crs=self.parts.crs), self.owner[kept], self.n)

    def pairs(self, features: gpd.GeoDataFrame) -> pd.DataFrame:
        """Return the share of each feature in each place it meets, as `zonal.overlaps`: feature, zone (place), share.

        Raises
        ------
        CrsError : features and places are in different CRS.
        """
        found = overlaps(features, self.parts)
        if (self.owner == np.arange(len(self.owner))).all():
            return found
        found["zone"] = self.owner[found["zone"].to_numpy()]
        out = found.groupby(["feature", "zone"], as_index=False, sort=True)["share"].sum()
        out["share"] = out["share"].clip(upper=1.0)
        return pd.DataFrame(out)

    def meets(self, areas: gpd.GeoDataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return pairs (area, place) of polygons that share ground with a place; a common border is not enough."""
        shapes, parts = areas.geometry.to_numpy(), self.parts.geometry.to_numpy()
        tree = shapely.STRtree(parts)
        area, part = tree.query(shapes, predicate="intersects")
        only = tree.query(shapes, predicate="touches")
        pairs = area * np.int64(max(len(parts), 1)) + part
        apart = np.isin(pairs, only[0] * np.int64(max(len(parts), 1)) + only[1])
        return area[~apart], self.owner[part[~apart]]


def union_parts(zones: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the ground of all zones, each piece of it once, as single polygons."""
    sound = valid_polygons(zones.geometry.to_numpy())
    shapes = shapely.get_parts(shapely.union_all(sound)) if len(zones) else sound
    flat = shapes[shapely.get_dimensions(shapes) == 2] if len(shapes) else shapes
    return gpd.GeoDataFrame(geometry=flat, crs=zones.crs)


def valid_polygons(shapes: NDArray[Any]) -> NDArray[Any]:
    """Return polygons of which those that cross themselves are made valid; lines and points they leave are dropped."""
    out = shapes.copy()
    for i in np.flatnonzero(~shapely.is_valid(shapes)):
        parts = shapely.get_parts(shapely.get_parts(shapely.make_valid(shapes[i])))
        out[i] = shapely.multipolygons([p for p in parts if p.geom_type == "Polygon"])
    return out


def divided(parts: gpd.GeoDataFrame, districts: gpd.GeoDataFrame) -> tuple[Places, Places]:
    """Divide polygons among districts.

    Parameters
    ----------
    parts : polygons that do not overlap. districts : polygons in their CRS; ground of several goes to the first.

    Returns
    -------
    (inside, outside) : one place a district, in their order (a place may have no parts); and one place of what lies in
        no district. Together they cover the parts once.
    """
    shapes, areas = parts.geometry.to_numpy(), _apart(districts.geometry.to_numpy())
    district, part = shapely.STRtree(shapes).query(areas, predicate="intersects")
    pieces = shapely.get_parts(shapely.intersection(shapes[part], areas[district]), return_index=True)
    flat = shapely.get_dimensions(pieces[0]) == 2
    inside = Places(gpd.GeoDataFrame(geometry=pieces[0][flat], crs=parts.crs), district[pieces[1][flat]], len(areas))
    whole = shapely.union_all(areas)
    within = np.zeros(len(shapes), dtype=bool)
    shapely.prepare(whole)
    within[:] = shapely.covers(whole, shapes)
    rest = shapely.get_parts(shapely.difference(shapes[~within], whole))
    rest = rest[(shapely.get_dimensions(rest) == 2) & (shapely.area(rest) > 0)]
    outside = Places(gpd.GeoDataFrame(geometry=rest, crs=parts.crs), np.zeros(len(rest), dtype=np.int64), 1)
    return inside, outside


def _apart(areas: NDArray[Any]) -> NDArray[Any]:
    """Return districts without what an earlier one has already."""
    out = areas.copy()
    tree = shapely.STRtree(areas)
    pairs = ({(int(a), int(b)) for a, b in zip(*tree.query(areas, predicate=p), strict=True) if a < b}
             for p in ("intersects", "touches"))  # fmt: skip
    meeting, only_borders = pairs
    for i, j in sorted(meeting - only_borders):  # one that lies within another does not "overlap" it
        out[j] = shapely.difference(out[j], out[i])
    return out
