"""Point layers with a displacement column a date (D20190105): shapefile, GeoPackage, CSV or Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from pyproj import CRS
from pyproj.exceptions import CRSError

from geo_risk.core.errors import AmbiguousError, CrsError, DataError, GeoRiskError, raise_all
from geo_risk.core.units import factor
from geo_risk.sources.look import look_vector
from geo_risk.sources.options import TrackOptions
from geo_risk.sources.point_dates import date_columns, n_days, said_of_dates
from geo_risk.sources.point_tables import PointTable, X, Y, open_table, written_otherwise
from geo_risk.sources.points import Layout, ask_posting, grid_points

_IN_MM_YR = "velocity_mm_yr"
_SETTLING = "沉降速率"
_UP_ONLY = "vel_v"
_COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("code", "pid", "id", "ps_id", "point_id", "编号"),
    "height": ("height", "elevation", "hgt", "height_m", "高程"),
    "coherence": ("coherence", "coher", "temporal_coherence", "temp_coh", "相干性"),
    "velocity": ("vel", "velocity", "mean_velocity", "vel_mean", _IN_MM_YR, "vlos", "vel_los", "los_vel", "v_los",
                 "mean_vel", "mean_veloc", "v_mean", "速率", "形变速率", "年均速率", "年平均速率", "平均速率",
                 "vel_v", _SETTLING),
    "velocity_std": ("v_stdev", "vel_std", "v_std", "mean_velocity_std", "velocity_std_mm_yr", "速率中误差"),
    "los_east": ("los_east", "los_e"), "los_north": ("los_north", "los_n"), "los_up": ("los_up", "los_u"),
}  # fmt: skip
"""Names that a column may have, lower case, the surest first."""

Pairs = tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
_METRES: Pairs = ((("easting", "东坐标"), ("northing", "北坐标")),)
_DEGREES: Pairs = ((("lon", "longitude", "经度"), ("lat", "latitude", "纬度")),)
_PLAIN: Pairs = ((("x",), ("y",)),)
"""Names of coordinates, x and y, that go together."""

TAKES = frozenset({"units", "positive", "crs", "posting_m", "component", "incidence_deg", "heading_deg"})
"""Fields of `TrackOptions` that a point layer leaves open."""

Look = tuple[str, str, str] | tuple[float, float, float]
"""Columns of the look vector, or the vector itself."""

_PHRASES = {"los": "toward the satellite", "vertical": "up", "east": "east"}


def column(table: PointTable, role: str) -> str | None:
    """Return the column of a table that plays a role of _COLUMNS, None where there is none."""
    return _first(table, _COLUMNS[role])


def _first(table: PointTable, names: Sequence[str]) -> str | None:
    lowered = {c.strip().lower(): c for c in reversed(table.columns)}
    return next((lowered[n] for n in names if n in lowered), None)


def place_columns(table: PointTable, crs: str | None = None) -> tuple[str, str] | None:
    """Return the columns of x and y, a pair that goes together and fits the CRS best; None where there is none."""
    if table.has_geometry:
        return X, Y
    pairs: Pairs = (*_METRES, *_DEGREES, *_PLAIN)
    try:
        if crs is not None:
            pairs = (*_DEGREES, *_PLAIN, *_METRES) if CRS(crs).is_geographic else (*_METRES, *_PLAIN, *_DEGREES)
    except CRSError:
        pass  # it is told when the coordinates are read
    found = ((_first(table, x), _first(table, y)) for x, y in pairs)
    return next(((x, y) for x, y in found if x is not None and y is not None), None)


def place_names() -> str:
    """Return the names that the columns of coordinates may have, in pairs, for messages."""
    pairs = [pair for xs, ys in (*_METRES, *_DEGREES, *_PLAIN) for pair in zip(xs, ys, strict=True)]
    return "; ".join(f"{x}, {y}" for x, y in pairs)


def is_points(paths: Sequence[Path]) -> bool:
    """Return whether all files are tables or layers of points with displacements by date, or with a velocity."""
    tables = [open_table(p) for p in paths]
    return bool(tables) and all(t is not None and _is_table(t) for t in tables)


def _is_table(table: PointTable) -> bool:
    has_motion = n_days(table.columns) > 0 or column(table, "velocity") is not None
    return has_motion and place_columns(table) is not None


def names_of(role: str) -> str:
    """Return the names that a column of a role may have, for messages."""
    return ", ".join(_COLUMNS[role])


def open_points(
    paths: Sequence[Path], *, geometry: Sequence[Path], coherence: Path | None, track: str, options: TrackOptions
) -> xr.Dataset:
    """Open point layers as a grid of cell means; see `sources.insar.open_insar` and `sources.points.grid_points`.

    Such a layer does not say its unit, nor where positive points: the configuration must (`units`, `positive`), and
    the look vector too unless there are columns los_east, los_north, los_up: `incidence_deg` with `heading_deg` of a
    right-looking satellite, or `component: vertical` or `east`.

    Raises
    ------
    AmbiguousError : one of those is not said. UnitError : a unit that is no length. CrsError : no CRS, or two.
    """
    if geometry or coherence is not None:
        what = "a point layer takes its look vectors and coherence from columns or the config, not from files"
        fix = "remove geometry and coherence; set incidence_deg and heading_deg of this track"
        raise DataError(what, where=f"track {track!r}", fix=fix)
    tables = [t for p in paths if (t := open_table(p)) is not None]
    first, where = tables[0], str(paths[0])
    days, alone = _without_one(date_columns(tables), column(first, "velocity"))
    look, scale, said = _answers(first, options, is_rate=not days, track=track, n_dates=len(days))
    posting = ask_posting(options.posting_m, track=track, n_dates=len(days))
    crs = _crs(tables, options, where=where)
    x, y = place_columns(first, crs) or ("", "")
    velocity, std = column(first, "velocity"), column(first, "velocity_std")
    if days and _named(velocity) == _SETTLING:
        velocity = None  # positive may be down there: it proves nothing of the sign of the displacements
    # a velocity beside dates is evidence only (their unit a year, or mm); alone it is the result, in the unit said
    layout = Layout(
        x=x, y=y, crs=crs, dates=days, scale=scale, look=look, id=column(first, "id"),
        height=column(first, "height"), coherence=column(first, "coherence"), velocity=velocity,
        velocity_scale=scale if not days else np.sign(scale) * _evidence_scale(velocity, options.units),
        velocity_std=None if days else std,
    )  # fmt: skip
    audit = [*said, *written_otherwise(tables), *said_of_dates(tables), *alone]
    return grid_points(tables, layout, posting_m=posting, track=track, audit=audit)


def _without_one(
    days: tuple[tuple[str, str], ...], velocity: str | None
) -> tuple[tuple[tuple[str, str], ...], list[str]]:
    """Return the dates, none where there is one and a velocity beside it, which is the motion then; and a sentence."""
    if len(days) != 1 or velocity is None:
        return days, []
    return (), [f"dates: {days[0][0]} alone is no series; column {velocity} is the motion"]


def _answers(
    table: PointTable, options: TrackOptions, *, is_rate: bool, track: str, n_dates: int
) -> tuple[Look, float, list[str]]:
    """Return look vector, factor and sentences; every question that is open is asked at once.

    Raises
    ------
    AmbiguousError, UnitError : as `_look`, `_scale` and `ask_posting`.
    """
    where = str(table.path)
    problems: list[GeoRiskError] = []
    component: str = options.component or "los"
    look: Look = (0.0, 0.0, 1.0)
    said, scale, sentence = list[str](), 1.0, ""
    try:
        component, look, said = _look(table, options, where=where)
        if is_rate:
            _check_vertical(table, component, where=where)
    except GeoRiskError as error:
        problems.append(error)
    try:
        settles = is_rate and _named(column(table, "velocity")) == _SETTLING
        scale, sentence = _scale(options, component, is_rate=is_rate, settles=settles, where=where)
    except GeoRiskError as error:
        problems.append(error)
    try:
        ask_posting(options.posting_m, track=track, n_dates=n_dates)
    except GeoRiskError as error:
        problems.append(error)
    raise_all(problems)
    return look, scale, [sentence, *said]


def _look(table: PointTable, options: TrackOptions, *, where: str) -> tuple[str, Look, list[str]]:
    """Return the component, the look vector (columns or numbers), and sentences of evidence."""
    east, north, up = (column(table, n) for n in ("los_east", "los_north", "los_up"))
    angles = (options.incidence_deg, options.heading_deg)
    if options.component in ("vertical", "east"):
        if angles != (None, None):
            what = f"component: {options.component} and look angles are both given"
            raise AmbiguousError(what, where=where, fix="remove incidence_deg and heading_deg, or component")
        return options.component, (0.0, 0.0, 1.0) if options.component == "vertical" else (1.0, 0.0, 0.0), []
    if east and north and up:
        if angles != (None, None):
            what = f"the table has look vectors ({east}, {north}, {up}) and the config gives look angles"
            raise AmbiguousError(what, where=where, fix="remove incidence_deg and heading_deg of this track")
        return "los", (east, north, up), []
    if angles[0] is None or angles[1] is None:
        what = "the table has no look vectors: along which direction was the motion measured?"
        fix = "set incidence_deg and heading_deg of this track, or component: vertical or east"
        raise AmbiguousError(what, where=where, fix=fix)
    text = f"look vector: from incidence {angles[0]:g} and heading {angles[1]:g} of the config, one for all points"
    return "los", look_vector(angles[0], angles[1]), [text]


def _named(name: str | None) -> str:
    return "" if name is None else name.strip().lower()


def _check_vertical(table: PointTable, component: str, *, where: str) -> None:
    """Raise where the only velocity is vertical by its name, and the config says another component."""
    name = column(table, "velocity")
    if _named(name) == _UP_ONLY and component != "vertical":
        what = (
            f"column {name} is a vertical velocity by its name, and is the only one: motion along {component} is asked"
        )
        fix = "set `component: vertical` without look angles, or call the column VEL if it is along the line of sight"
        raise AmbiguousError(what, where=where, fix=fix)


def _scale(
    options: TrackOptions, component: str, *, is_rate: bool, where: str, settles: bool = False
) -> tuple[float, str]:
    """Return the factor to metres or mm/yr and a sentence; `settles`: a rate of settlement, which may be positive down.

    Of such a vertical rate `positive: toward` the satellite is up, and away is down.
    """
    wanted = "mm/yr" if is_rate else "m"
    if options.units is None:
        choice = "mm/yr or m/yr" if is_rate else "mm, cm or m"
        what = f"the columns are bare numbers: are they {choice}?"
        raise AmbiguousError(
            what, where=where, fix=f"set `units: {'mm/yr' if is_rate else 'mm'}` of this track, or what it is"
        )
    if component == "los" and options.positive is None:
        what = "does a positive value mean motion toward the satellite, or away from it?"
        raise AmbiguousError(what, where=where, fix="set `positive: toward` or `positive: away` of this track")
    if component == "vertical" and settles and options.positive is None:
        what = f"does a positive {_SETTLING} mean that the ground rises, or that it settles?"
        fix = "set `positive: toward` (the satellite: it rises) or `positive: away` (it settles) of this track"
        raise AmbiguousError(what, where=where, fix=fix)
    if component != "los" and options.positive is not None and not (component == "vertical" and settles):
        what = f"positive: {options.positive} the satellite does not fit component: {component}"
        raise AmbiguousError(
            what, where=where, fix=f"remove `positive`; {component} motion is positive {_PHRASES[component]}"
        )
    sign = -1.0 if options.positive == "away" else 1.0
    scale = sign * factor(options.units, wanted, where="inputs.insar[].units")
    origin = f"{options.positive}, as the config says" if options.positive else _PHRASES[component]
    return scale, f"sign: positive is {origin}; unit {options.units} by the config"


def _evidence_scale(name: str | None, units: str | None) -> float:
    """Return the factor to mm/yr of a velocity beside displacements: by its name, else `units` a year, or mm/yr."""
    return factor(units, "mm") if units and name != _IN_MM_YR else 1.0


def _crs(tables: Sequence[PointTable], options: TrackOptions, *, where: str) -> str:
    found = {t.crs for t in tables}
    if len(found) > 1:
        what = f"the files have different CRS: {sorted(str(c) for c in found)}"
        raise CrsError(what, where=where, fix="bring them into one CRS")
    own = next(iter(found))
    if own is None and options.crs is None:
        what = "the file has no CRS"
        raise CrsError(what, where=where, fix="write the .prj, or set `crs: EPSG:...` of this track")
    if own is not None and options.crs is not None and CRS(own) != CRS(options.crs):
        what = f"the file says it is in {own[:60]}, the config says {options.crs}"
        raise CrsError(what, where=where, fix="remove `crs` from this track, or mend the file")
    return own or str(options.crs)
