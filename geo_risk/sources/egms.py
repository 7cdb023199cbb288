"""European Ground Motion Service: L2a, L2b and L3 tables, CSV or Parquet."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr

from geo_risk.core.crs import moved
from geo_risk.core.errors import AmbiguousError, DataError
from geo_risk.sources.options import TrackOptions
from geo_risk.sources.point_dates import date_columns
from geo_risk.sources.point_tables import PointTable, numbers, open_table, written_otherwise
from geo_risk.sources.points import Layout, ask_posting, grid_points
from geo_risk.sources.wavelength import SENTINEL_1_M

CRS = "EPSG:3035"
"""CRS of easting and northing in every EGMS product (ETRS89-LAEA)."""

_ALWAYS = {"pid", "easting", "northing", "mean_velocity"}
_LOOK = ("los_east", "los_north", "los_up")
_DAY = re.compile(r"(?:19|20)\d{6}")
_COMPONENT = re.compile(r"(?:^|_)([UE])(?=[_.]|$)")
_AREA = (900_000.0, 900_000.0, 7_400_000.0, 7_400_000.0)
_NEAR_M = 200.0
_SCALE = 1e-3


def is_egms(paths: Sequence[Path]) -> bool:
    """Return whether all files are EGMS tables, by their columns, in upper or lower case."""
    tables = [open_table(p) for p in paths]
    return bool(tables) and all(t is not None and _is_table(t.lowered()) for t in tables)


def _is_table(table: PointTable) -> bool:
    days = sum(bool(_DAY.fullmatch(c)) for c in table.columns)
    return table.kind in ("CSV", "Parquet") and set(table.columns) >= _ALWAYS and days > 0


def open_egms(
    paths: Sequence[Path], *, geometry: Sequence[Path], coherence: Path | None, track: str, options: TrackOptions
) -> xr.Dataset:
    """Open EGMS tables as a grid of cell means; see `sources.insar.open_insar` and `sources.points.grid_points`.

    Displacements are mm, velocities mm/yr. L2a and L2b are along the line of sight, positive toward the satellite,
    with a unit vector for each point; L3 is up (look vector 0, 0, 1) or east (1, 0, 0), which its file name says.

    Raises
    ------
    AmbiguousError : no `posting_m`; an L3 table that does not say which component it is; easting and northing that
        are not where latitude and longitude are. DataError : geometry or coherence beside a table that has its own.
    """
    if geometry or coherence is not None:
        what = "an EGMS table carries its look vectors and coherence; further files contradict it"
        raise DataError(what, where=f"track {track!r}", fix="remove geometry and coherence from this track")
    tables, layout, level, audit = egms_layout(paths, options)
    posting = ask_posting(options.posting_m, track=track, n_dates=len(layout.dates))
    dataset = grid_points(tables, layout, posting_m=posting, track=track, audit=audit)
    reference = {
        "L2": "EGMS L2a is relative to a local reference point, L2b to a model from GNSS: the file does not say which",
        "L3": "EGMS L3 is relative to a model from GNSS",
    }
    return dataset.assign_attrs(reference=reference[level], wavelength_m=SENTINEL_1_M)


def egms_layout(
    paths: Sequence[Path], options: TrackOptions
) -> tuple[list[PointTable], Layout, Literal["L2", "L3"], list[str]]:
    """Return the tables of one track, which of their columns hold what, their level, and sentences of evidence.

    Raises
    ------
    AmbiguousError : as `open_egms`, but for the posting. TimeError : the tables have different dates.
    """
    tables = [t.lowered() for p in paths if (t := open_table(p)) is not None]
    columns = set.intersection(*(set(t.columns) for t in tables))
    crs = options.crs or CRS
    level, look, audit = _look(tables, columns, options)
    audit += [_place(tables[0], columns, crs, is_said=options.crs is not None), *written_otherwise(tables)]
    layout = Layout(
        x="easting", y="northing", crs=crs, dates=date_columns(tables), scale=_SCALE, look=look, id="pid",
        height="height" if "height" in columns else None,
        coherence="temporal_coherence" if "temporal_coherence" in columns else None,
        velocity="mean_velocity", orbit=_orbit(tables[0]) if level == "L2" else None, fixes_unit=True,
    )  # fmt: skip
    return tables, layout, level, audit


def _look(
    tables: Sequence[PointTable], columns: set[str], options: TrackOptions
) -> tuple[Literal["L2", "L3"], tuple[str, str, str] | tuple[float, float, float], list[str]]:
    """Return the level (L2 or L3), the look vector, and sentences of evidence."""
    where = str(tables[0].path)
    if set(_LOOK) <= columns:
        if options.component not in (None, "los"):
            what = f"the table has look vectors for each point, the config says component: {options.component}"
            raise AmbiguousError(what, where=where, fix="remove `component` from this track")
        return "L2", _LOOK, ["sign: positive toward the satellite, mm, by the definition of EGMS L2"]
    named = {frozenset(_COMPONENT.findall(t.path.name)) for t in tables}
    letters = next(iter(named)) if len(named) == 1 else frozenset()
    by_name = {frozenset("U"): "vertical", frozenset("E"): "east"}.get(letters)
    said = options.component
    if said == "los":
        what = "the config says component: los, and the table has no columns los_east, los_north, los_up"
        raise AmbiguousError(what, where=where, fix="give the L2 table, or `component: vertical` or `east`")
    if said and by_name and said != by_name:
        what = f"the file name says {by_name}, the config says component: {said}"
        raise AmbiguousError(what, where=where, fix="correct `component` of this track, or give the other file")
    component = said or by_name
    both = sorted({letter for found in named for letter in found})
    if component is None and len(both) > 1:
        what = "EGMS L3 tables of vertical motion (_U_) and of east motion (_E_) are given as one"
        raise AmbiguousError(what, where=where, fix="give vertical and east one by one: each is a product of its own")
    if component is None:
        what = "an EGMS L3 table without _U_ or _E_ in its name: is the motion vertical, or east?"
        raise AmbiguousError(what, where=where, fix="set `component: vertical` or `component: east` of this track")
    text = "up" if component == "vertical" else "east"
    origin = "config" if said else "file name"
    audit = [f"sign: EGMS L3, {component} motion by the {origin}, mm, positive {text}"]
    return "L3", (0.0, 0.0, 1.0) if component == "vertical" else (1.0, 0.0, 0.0), audit


def _place(table: PointTable, columns: set[str], crs: str, *, is_said: bool) -> str:
    """Check easting and northing on the first batch, against latitude and longitude where these are there."""
    where = str(table.path)
    names = ["easting", "northing", *[c for c in ("latitude", "longitude") if c in columns]]
    values = numbers(next(iter(table.batches(names))), names)[0]
    values = values[np.isfinite(values).all(axis=1)][:20_000]
    if not len(values):
        return "place: no row of the first batch has whole coordinates"
    x, y = values[:, 0], values[:, 1]
    if len(names) < 4:
        inside = (x > _AREA[0]) & (x < _AREA[2]) & (y > _AREA[1]) & (y < _AREA[3])
        if not is_said and not float(inside.mean()) > 0.99:
            what = f"easting, northing such as {x[0]:.8g}, {y[0]:.8g} are outside the area of {CRS}"
            raise AmbiguousError(what, where=where, fix="set `crs` of this track if the table is in another CRS")
        origin = "the config says" if is_said else "EGMS defines"
        return f"place: easting, northing in {crs}, as {origin}; nothing to check it by"
    px, py = moved(values[:, 3], values[:, 2], "EPSG:4326", crs)
    apart = float(np.median(np.hypot(px - x, py - y)))
    if not apart <= _NEAR_M:
        swapped = float(np.median(np.hypot(py - x, px - y)))
        qx, qy = moved(values[:, 2], values[:, 3], "EPSG:4326", crs)
        turned = float(np.median(np.hypot(qx - x, qy - y)))
        what = f"easting, northing in {crs} lie {apart:.4g} m from latitude, longitude (median)"
        if swapped <= _NEAR_M:
            what += "; they agree when easting and northing are swapped"
        elif turned <= _NEAR_M:
            what += "; they agree when latitude and longitude are swapped"
        raise AmbiguousError(what, where=where, fix="set the `crs` of easting and northing, or mend the columns")
    return f"place: easting, northing in {crs} are {apart:.2g} m from latitude, longitude (median of {len(x)})"


def _orbit(table: PointTable) -> str | None:
    if "track_angle" not in table.columns:
        return None
    values = numbers(next(iter(table.batches(["track_angle"]))), ["track_angle"])[0]
    cosine = float(np.nanmedian(np.cos(np.deg2rad(values)))) if np.isfinite(values).any() else 0.0
    return None if abs(cosine) < 0.5 else "ascending" if cosine > 0 else "descending"
