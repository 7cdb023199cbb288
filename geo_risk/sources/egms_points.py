"""EGMS tables as the points they are: place, velocity, its error and quality, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from geo_risk.core.errors import CrsError, LimitError, RefusedFileError
from geo_risk.sources.egms import egms_layout, is_egms
from geo_risk.sources.insar import LOS_TOLERANCE
from geo_risk.sources.options import NO_TRACK_OPTIONS, TrackOptions
from geo_risk.sources.point_cells import TEXT, SetAside
from geo_risk.sources.point_evidence import trend_evidence
from geo_risk.sources.point_marks import CONSTANT, EMPTY, MARKED, RATE_MARKED, STEPPED, ZEROS, marked, stepped, unmoved
from geo_risk.sources.point_tables import PointTable, first_text, numbers
from geo_risk.sources.points import Layout

MAX_LOADED = 5_000_000
"""Points that `read_egms_points` loads at most: some 150 bytes each without their series."""

MEASURES = {
    "mean_velocity": "velocity_mm_yr", "mean_velocity_std": "velocity_std_mm_yr",
    "acceleration": "acceleration_mm_yr2", "acceleration_std": "acceleration_std_mm_yr2",
    "seasonality": "annual_mm", "seasonality_std": "annual_std_mm", "rmse": "rmse_mm",
    "temporal_coherence": "temporal_coherence", "amplitude_dispersion": "amplitude_dispersion", "height": "height_m",
    "los_east": "los_east", "los_north": "los_north", "los_up": "los_up",
}  # fmt: skip
"""Columns of EGMS and what they are called here; a table of another level lacks some, and so does the layer."""

_LOOK = ("los_east", "los_north", "los_up")
_COMPONENTS = {(0.0, 0.0, 1.0): "up", (1.0, 0.0, 0.0): "east"}


@dataclass
class EgmsPoints:
    """Points of one EGMS product, to be read once, in file order.

    Attributes
    ----------
    tables, layout : the files, and which columns hold what.
    component : "los" (positive toward the satellite), "up" or "east" (positive so).
    crs : of the points that are given.
    audit : sentences of evidence on place, sign and unit; more of them once points were read.
    aside : rows that are not used, with their reasons, as they are found.
    with_series : whether displacements are given, as D20190105 [mm].
    """

    tables: list[PointTable]
    layout: Layout
    component: str
    crs: str
    audit: list[str]
    with_series: bool = False
    aside: SetAside = field(default_factory=SetAside)
    n_rows: int = 0

    @property
    def columns(self) -> list[str]:
        """Names of the columns of every batch, without the geometry."""
        found = set.intersection(*(set(t.columns) for t in self.tables))
        named = [name for column, name in MEASURES.items() if column in found]
        return ["point_id", "component", *named, "n_dates", *self._days]

    @property
    def _days(self) -> list[str]:
        return [f"D{day}" for _, day in self.layout.dates] if self.with_series else []

    def batches(self) -> Iterator[gpd.GeoDataFrame]:
        """Give the points in batches of about four million numbers of the file.

        Rows without coordinates or a velocity, with a text among the numbers, a look vector off unit length, a mark of
        missing such as -9999 for the velocity or among the displacements, a step of more than 10 m between dates, 0 or
        another one value on every date, or an id that came before are set aside and counted. A missing displacement,
        or another missing number, is NaN.

        Raises
        ------
        AmbiguousError : the trend of the series is not the velocity of the table. DataError : more than 5 % of the rows
        are set aside, after the last batch. CorruptFileError : a table does not read to its end.
        """
        seen = np.zeros(0, dtype=np.uint64)
        measures = [c for c in MEASURES if all(c in t.columns for t in self.tables)]
        days = [c for c, _ in self.layout.dates]
        xy_names = [self.layout.x, self.layout.y]
        to = None if CRS(self.layout.crs) == CRS(self.crs) else Transformer.from_crs(
            self.layout.crs, self.crs, always_xy=True)  # fmt: skip
        is_first = True
        for table in self.tables:
            for batch in table.batches(list(dict.fromkeys(["pid", *xy_names, *measures, *days]))):
                ids = batch["pid"].to_numpy(dtype=object)
                self.n_rows += len(ids)
                xy, bad = numbers(batch, xy_names)
                values, odd = numbers(batch, measures)
                series, wrong = numbers(batch, days)
                texts = bad | odd | wrong
                self.aside.show(TEXT, first_text(batch, [*xy_names, *measures, *days], texts))
                kept = self._kept(ids, (xy, values, series), measures, texts)
                marks = pd.util.hash_array(ids.astype(str).astype(object))
                kept, seen = self._once(ids, marks, kept, seen)
                if is_first and days and kept.any():
                    velocity = values[kept, measures.index("mean_velocity")]
                    where = str(table.path)
                    self.audit.append(
                        trend_evidence(series[kept] * self.layout.scale, velocity, self.layout, where=where)
                    )
                    is_first = False
                yield self._frame(ids[kept], (xy[kept], values[kept], series[kept]), measures, to)
        said = self.aside.check(self.n_rows, where=str(self.tables[0].path))
        self.audit += [said] if said else []

    def _kept(
        self, ids: NDArray[np.object_], given: tuple[NDArray[np.float64], ...], measures: list[str],
        texts: NDArray[np.bool_],
    ) -> NDArray[np.bool_]:  # fmt: skip
        """Return which rows can be used; the others are counted with the first of their reasons."""
        xy, values, series = given
        velocity = values[:, [measures.index("mean_velocity")]]
        zero, constant = unmoved(series)
        reasons = {
            TEXT: texts,
            "without coordinates": ~np.isfinite(xy).all(axis=1),
            EMPTY: ~np.isfinite(velocity[:, 0]),
            RATE_MARKED: marked(velocity),
            MARKED: marked(series),
            STEPPED: stepped(series * self.layout.scale),
            ZEROS: zero,
            CONSTANT: constant,
        }
        if set(_LOOK) <= set(measures):
            look = values[:, [measures.index(n) for n in _LOOK]]
            length = np.sqrt((look**2).sum(axis=1))
            reasons["with a line-of-sight vector that is not of unit length"] = ~(np.abs(length - 1) <= LOS_TOLERANCE)
        kept = np.ones(len(ids), dtype=bool)
        for reason, rows in reasons.items():
            self.aside.add(ids, rows & kept, reason)
            kept &= ~rows
        return kept

    def _once(
        self, ids: NDArray[np.object_], marks: NDArray[np.uint64], kept: NDArray[np.bool_], seen: NDArray[np.uint64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.uint64]]:
        """Return the rows whose id did not come before, and the hashes of all ids until now, rising."""
        first = np.zeros(len(marks), dtype=bool)
        first[np.unique(marks, return_index=True)[1]] = True
        at = np.minimum(np.searchsorted(seen, marks), max(0, len(seen) - 1))
        came = (seen[at] == marks) if len(seen) else np.zeros(len(marks), dtype=bool)
        doubled = kept & (~first | came)
        self.aside.add(ids, doubled, "with an id that came before")
        return kept & ~doubled, np.union1d(seen, marks)

    def _frame(
        self, ids: NDArray[np.object_], given: tuple[NDArray[np.float64], ...], measures: list[str],
        to: Transformer | None,
    ) -> gpd.GeoDataFrame:  # fmt: skip
        xy, values, series = given
        columns: dict[str, object] = {"point_id": ids.astype(str), "component": self.component}
        columns |= {MEASURES[c]: values[:, k] for k, c in enumerate(measures)}
        columns["n_dates"] = np.isfinite(series).sum(axis=1)
        frame = pd.DataFrame(columns)
        if self._days:
            made = pd.DataFrame(np.where(np.isfinite(series), series, np.nan), columns=self._days)
            frame = pd.concat([frame, made], axis=1)
        x, y = (xy[:, 0], xy[:, 1]) if to is None else to.transform(xy[:, 0], xy[:, 1])
        return gpd.GeoDataFrame(frame[self.columns], geometry=shapely.points(x, y), crs=self.crs)


def open_egms_points(
    paths: Sequence[Path],
    *,
    options: TrackOptions = NO_TRACK_OPTIONS,
    crs: str | None = None,
    with_series: bool = False,
) -> EgmsPoints:
    """Open EGMS L2a, L2b or L3 tables, CSV or Parquet, as points; nothing but the header and a first batch is read.

    Parameters
    ----------
    paths : tables of one track, or of one component.
    options : `crs` of easting and northing where they are not EPSG:3035; `component` of an L3 table whose name does not
        say it.
    crs : of the points that are given; None for that of the tables.
    with_series : give the displacements too.

    Raises
    ------
    RefusedFileError : a file that is no EGMS table. AmbiguousError : place or component is not clear. CrsError : `crs`
    is not known. TimeError : the tables have different dates.
    """
    if not paths or not is_egms(paths):
        what = f"{', '.join(p.name for p in paths) or 'nothing'}: no EGMS table (pid, easting, northing, mean_velocity "
        what += "and columns of dates)"
        raise RefusedFileError(what, where=str(paths[0]) if paths else "paths", fix="give the CSV or Parquet of EGMS")
    tables, layout, _, audit = egms_layout(paths, options)
    target = crs or layout.crs
    try:
        CRS(target)
    except CRSError as error:
        what = f"the CRS {target!r} is not known"
        raise CrsError(what, where="crs", fix="write it as EPSG:nnnn") from error
    component = "los" if isinstance(layout.look[0], str) else _COMPONENTS[layout.look]
    return EgmsPoints(tables, layout, component, target, audit, with_series)


def read_egms_points(
    paths: Sequence[Path],
    *,
    options: TrackOptions = NO_TRACK_OPTIONS,
    crs: str | None = None,
    with_series: bool = False,
    maximum: int = MAX_LOADED,
) -> gpd.GeoDataFrame:
    """Return the points of EGMS tables as one GeoDataFrame; see `open_egms_points`.

    Returns
    -------
    point_id, component, the measures that the tables have (MEASURES), n_dates, and D20190105 ... where asked for;
    attrs: `audit` and `quarantine`.

    Raises
    ------
    LimitError : more than `maximum` points: take `EgmsPoints.batches`, or `geo-risk points`.
    """
    points = open_egms_points(paths, options=options, crs=crs, with_series=with_series)
    parts: list[gpd.GeoDataFrame] = []
    n = 0
    for batch in points.batches():
        n += len(batch)
        if n > maximum:
            what = f"the tables hold more than {maximum} points"
            raise LimitError(what, where=str(paths[0]), fix="write them with `geo-risk points`, or cut the tables")
        parts.append(batch)
    out = gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), geometry="geometry", crs=points.crs)
    out.attrs |= {"audit": points.audit, "quarantine": points.aside.listed}
    return out
