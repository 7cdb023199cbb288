"""Tables of points with a displacement series each, averaged over the cells of a metric grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import AmbiguousError, DataError, SchemaError
from geo_risk.sources.insar import Frame, build, check_los, check_magnitude, check_times
from geo_risk.sources.point_cells import CellSums, SetAside, SparseCells
from geo_risk.sources.point_evidence import trend_evidence
from geo_risk.sources.point_gaps import finished
from geo_risk.sources.point_maps import BESIDE, MapsBeside
from geo_risk.sources.point_marks import marked
from geo_risk.sources.point_places import check_span, lattice, positions
from geo_risk.sources.point_rows import LOOK_NAMES, batches, sifted
from geo_risk.sources.point_tables import PointTable, numbers
from geo_risk.sources.series_checks import ASK_UNIT, UNIT_IS_FIXED

_COMPONENTS: dict[tuple[str, str, str] | tuple[float, float, float], str] = {
    (1.0, 0.0, 0.0): "geometry: the east component of motion, look vector (1, 0, 0)",
    (0.0, 0.0, 1.0): "geometry: the vertical component of motion, look vector (0, 0, 1)",
}
"""What is said of motion that is along no line of sight: there is no satellite to look for."""

_MM = 1.001e-3
"""Largest factor to metres of a unit no larger than the millimetre, and a hair."""

_LOUD_MM = 1.0
"""A median beyond this [mm, mm/yr] is far from what metres called millimetres look like."""


@dataclass(frozen=True)
class Layout:
    """Which columns of a table of points hold what.

    Attributes
    ----------
    x, y, crs : coordinate columns and their CRS.
    dates : (column, YYYYMMDD) of the displacements.
    scale : factor of the displacements to metres toward the satellite (or up, or east).
    look : columns of the unit vector ground to satellite, or the vector itself where it is one for all points.
    velocity, velocity_scale : column with the product's own velocity, and its factor to mm/yr; with
        `velocity_std` it is the result where there are no dates, else only evidence.
    id, height, coherence, velocity_std : columns, None where the table has none.
    orbit : "ascending" or "descending" where it is known.
    fixes_unit : the product fixes its unit and sign, so that the configuration cannot answer for them.
    """

    x: str
    y: str
    crs: str
    dates: tuple[tuple[str, str], ...]
    scale: float
    look: tuple[str, str, str] | tuple[float, float, float]
    id: str | None = None
    height: str | None = None
    coherence: str | None = None
    velocity: str | None = None
    velocity_scale: float = 1.0
    velocity_std: str | None = None
    orbit: str | None = None
    fixes_unit: bool = False

    @property
    def is_said_mm(self) -> bool:
        """Whether the configuration, and not the product, says that the motion is in millimetres (a year)."""
        return not self.fixes_unit and abs(self.scale) <= (_MM if self.dates else 1.0)

    @property
    def maps(self) -> dict[str, str]:
        """Columns whose mean over a cell is kept, by the name of the map."""
        out = {"height": self.height, "coherence": self.coherence}
        if not self.dates:
            out |= {"velocity": self.velocity, "velocity_std": self.velocity_std}
        if isinstance(self.look[0], str):
            out |= dict(zip(LOOK_NAMES, (str(c) for c in self.look), strict=True))
        return {k: v for k, v in out.items() if v is not None}


def ask_posting(posting_m: float | None, *, track: str, n_dates: int) -> float:
    """Return the cell size.

    Raises
    ------
    AmbiguousError : the configuration does not give it.
    """
    if posting_m is None:
        what = (
            f"track {track!r} is a table of points ({n_dates} dates), and the analysis works on a grid: over cells of "
        )
        what += "what size are the points to be averaged?"
        fix = "set `posting_m` of this track: about the spacing of the points, for Sentinel-1 50 to 100"
        raise AmbiguousError(what, where="inputs.insar[].posting_m", fix=fix)
    return posting_m


def grid_points(
    tables: Sequence[PointTable], layout: Layout, *, posting_m: float, track: str, audit: Sequence[str] = ()
) -> xr.Dataset:
    """Average points over the cells of a grid, in two passes over the tables, a batch at a time.

    Parameters
    ----------
    tables : files of one track, with the columns of `layout`.
    posting_m : cell size [m]; the lattice goes through the origin of the CRS (a UTM zone where `layout` is in degrees).
    track : name of the track, for messages.
    audit : sentences that the caller has found already.

    Returns
    -------
    Dataset as `sources.insar.open_insar` promises, with `n_points` [1] and `displacement_se` [m] (y, x): the standard
    error of a cell's displacements from the spread of its points, NaN for one point. Cells without a point are NaN.
    Attribute `quarantine` lists rows that were set aside. Held in memory: see `CellSums`, and 24 bytes a point while
    it is made; a block is made dense when it is asked for.

    Raises
    ------
    DataError : too many rows are set aside, or none is left. CrsError : coordinates that are not in the CRS.
    LimitError : the points span too many cells; names the one furthest out.
    TimeError : dates missing or doubled. AmbiguousError : unit or sign disagree with the velocity of the table itself.
    """
    where = str(tables[0].path)
    times = check_times([d for _, d in layout.dates], where=where) if layout.dates else None
    if times is None and layout.velocity is None:
        what = "the table has no column with a date or a velocity"
        raise SchemaError(what, where=where, fix="give displacement columns such as D20190105, or a column VEL")
    aside = SetAside()
    places = positions(tables, layout, aside)
    layout, good = places.layout, np.isfinite(places.x)
    if not good.any():
        aside.check(len(good), where=where)
        what = "the table has no rows"
        raise DataError(what, where=where, fix="give a table with a row a point")
    frame, keys = lattice(places.x, places.y, places.crs, posting_m=posting_m, good=good)
    check_span(tables, places, frame, n_dates=len(layout.dates))
    held, cells = np.unique(keys[good], return_inverse=True)
    index = np.full(len(good), -1, dtype=np.int64)
    index[good] = cells
    sums = CellSums(len(held), len(layout.dates), tuple(layout.maps))
    evidence = _accumulate(tables, layout, index, sums, aside)
    said = aside.check(len(index), where=where)
    error, n_aligned = finished(sums, lambda: _series(tables, layout, index))
    gridded = _Gridded(frame, held, sums, error)
    found = [*audit, *places.audit, *evidence, *([said] if said else [])]
    if n_aligned:
        found.append(f"gaps: in {n_aligned} cells points come and go; each is aligned with the others of its cell")
    variables = {
        name: (SparseCells(held, v.astype(np.float32, copy=False), frame.shape).lazy(len(layout.dates)), units, text)
        for name, (v, units, text) in {**_looks(layout, sums), **_motions(layout, gridded)}.items()
    }
    found = [*_audited(layout, gridded, where=where), *found, gridded.sentence(posting_m)]
    out = build(variables, frame, times=times, audit=found)
    return out.assign_attrs(quarantine=aside.listed, track=track, warnings=aside.warnings(len(index)))


@dataclass(frozen=True)
class _Gridded:
    """Cells with points: where, which (row * width + column), their means, and the standard error of these."""

    frame: Frame
    held: NDArray[np.int64]
    sums: CellSums
    standard_error: NDArray[np.float32]

    def sentence(self, posting_m: float) -> str:
        """Return what came of the points, in one sentence."""
        n = self.sums.n_points[self.sums.n_points > 0]
        return (
            f"gridded: {int(n.sum())} points into {len(n)} cells of {posting_m:g} m in {self.frame.crs} (of "
            f"{self.frame.shape[0] * self.frame.shape[1]} in their rectangle), {np.median(n):g} a cell (median); "
            f"{self.sums.sums.nbytes / 2**20:.0f} MB of series are held"
        )


def _accumulate(
    tables: Sequence[PointTable], layout: Layout, index: NDArray[np.int64], sums: CellSums, aside: SetAside
) -> list[str]:
    """Add every row that can be used to its cell, and return the sentences on what was found.

    In `index` the rows that cannot be used become -1.
    """
    evidence: list[str] = []
    beside = MapsBeside({n: c for n, c in layout.maps.items() if n in BESIDE}, str(tables[0].path))
    start = 0
    own = [layout.velocity] if layout.velocity else []
    columns = [*(c for c, _ in layout.dates), *layout.maps.values(), *own]
    for batch, names in batches(tables, columns, layout):
        cells = index[start : start + len(batch)]
        start += len(batch)
        series, maps = sifted(batch, names, layout, cells, aside)
        kept = cells >= 0
        if not evidence and layout.dates and own and kept.any():
            velocity, _ = numbers(batch, own)
            velocity[marked(velocity)] = np.nan
            evidence.append(trend_evidence(series[kept], velocity[kept, 0], layout, where=str(tables[0].path)))
        maps |= beside.take(batch, kept)
        sums.add(cells[kept], series[kept], {n: v[kept] for n, v in maps.items()})
    return [*evidence, *beside.audit]


def _series(
    tables: Sequence[PointTable], layout: Layout, index: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Give the cells and series [m] of the rows that are used, a batch at a time."""
    days = [c for c, _ in layout.dates]
    start = 0
    for batch, _ in batches(tables, days, layout):
        cells = index[start : start + len(batch)]
        start += len(batch)
        series, _ = numbers(batch, days)
        series[np.isinf(series)] = np.nan
        yield cells[cells >= 0], series[cells >= 0] * layout.scale


def _looks(layout: Layout, sums: CellSums) -> dict[str, tuple[NDArray[Any], str, str]]:
    """Return the look vector of every cell: the mean of its points', brought back to unit length."""
    if isinstance(layout.look[0], str):
        length = np.sqrt(sum(sums.maps[name] ** 2 for name in LOOK_NAMES))
        look = [sums.maps[name] / length for name in LOOK_NAMES]
    else:
        look = [np.where(sums.n_points > 0, float(v), np.nan) for v in layout.look]
    return {
        name: (v, "1", f"line of sight, {name[4:]} component, ground to satellite")
        for name, v in zip(LOOK_NAMES, look, strict=True)
    }


def _motions(layout: Layout, gridded: _Gridded) -> dict[str, tuple[NDArray[Any], str, str]]:
    """Return the series, or the velocity where the table has no dates, and what is known of the cells beside."""
    sums, scale = gridded.sums, layout.velocity_scale
    out: dict[str, tuple[NDArray[Any], str, str]] = {}
    if layout.dates:
        out["displacement"] = (sums.sums, "m", "displacement, mean of the points of a cell")
        out["displacement_se"] = (gridded.standard_error, "m", "standard error of a cell's displacements")
    else:
        out["velocity"] = (sums.maps["velocity"] * scale, "mm/yr", "velocity, mean of the points of a cell")
        if _is_known(sums, "velocity_std"):
            # errors of neighbours are not independent: their mean, not their mean over the root of their number
            text = "mean standard error of the points of a cell"
            out["velocity_std"] = (sums.maps["velocity_std"] * abs(scale), "mm/yr", text)
    for name, units in (("height", "m"), ("coherence", "1")):
        if _is_known(sums, name):
            out[name] = (sums.maps[name], units, f"mean {name} of the points of a cell")
    out["n_points"] = (sums.n_points.astype(np.float32), "1", "number of points in a cell")
    return out


def _is_known(sums: CellSums, name: str) -> bool:
    """Return whether a map has any value: one that has none would only take all that is measured away."""
    return name in sums.maps and bool(np.isfinite(sums.maps[name]).any())


def _audited(layout: Layout, gridded: _Gridded, *, where: str) -> list[str]:
    """Return the sentences on unit, geometry and registration of the cells; raises as these checks do."""
    sums, t = gridded.sums, gridded.frame.transform
    if layout.dates:
        # the largest of all dates: the last one may be the reference, or empty
        some = np.abs(sums.sums[:: max(1, len(sums.sums) // 2000)])
        unit = _unit(np.fmax.reduce(some, axis=1).astype(np.float64), "m", layout, where=where)
    else:
        unit = _unit(sums.maps["velocity"] * layout.velocity_scale, "mm/yr", layout, where=where)
    geometry = _COMPONENTS.get(layout.look)
    if geometry is None:
        look = [v[None] for v, _, _ in _looks(layout, sums).values()]
        geometry = check_los(look, where=where, orbit=layout.orbit)
    return [unit, geometry, f"registration: means over cells, corner {t.c:.10g}, {t.f:.10g}, {gridded.frame.crs}"]


def _unit(values: NDArray[np.float64], unit: str, layout: Layout, *, where: str) -> str:
    """Check the unit; what the configuration calls millimetres may be large, for no larger number could be meant.

    It may not be all but still: metres called millimetres would pass for ground that does not move.
    """
    known = np.abs(values[np.isfinite(values) & (values != 0)]) * (1000 if unit == "m" else 1)
    is_loud = known.size > 0 and float(np.median(known)) > _LOUD_MM
    fix = UNIT_IS_FIXED if layout.fixes_unit else ASK_UNIT
    return check_magnitude(values, unit=unit, where=where, is_said=layout.is_said_mm and is_loud, fix=fix)
