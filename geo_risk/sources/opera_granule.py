"""One OPERA DISP-S1 file: what its header says; and the chain that a list of them makes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from affine import Affine
from pyproj import CRS
from pyproj.exceptions import CRSError

from geo_risk.core.errors import AmbiguousError, CrsError, DataError, GridError, TimeError, UnitError
from geo_risk.core.units import factor
from geo_risk.sources.free_text import correction_state, positive_way, speaks_of_sign
from geo_risk.sources.hdf5_header import attribute, find, has, numbers, opened, texts
from geo_risk.sources.insar import ASK_SIGN, Frame

SAME_PASS = np.timedelta64(12, "h")
"""Times closer than this are one acquisition: bursts of a pass start within minutes, passes are days apart."""

_SINCE = re.compile(r"^(seconds|minutes|hours|days) since (\d{4}-\d{2}-\d{2})[T ]?(\d{2}:\d{2}:\d{2})?")
_MILLISECONDS = {"seconds": 1e3, "minutes": 6e4, "hours": 3.6e6, "days": 8.64e7}
_NAMED_DATES = re.compile(r"_(\d{8})T\d{6}Z_(\d{8})T\d{6}Z_")
_NOT_MADE = {
    "made": "the file says that displacement is corrected already",
    "both": "the file says both that displacement is corrected and that it is to be",
    "unsaid": "the file does not say whether displacement still contains it",
}
_LAYERS = ("solid_earth_tide", "ionospheric_delay", "tropospheric_delay", "troposphere_delay")


@dataclass(frozen=True)
class Correction:
    """A layer of `/corrections`: whether it is to be subtracted ("subtract"), or why not; and the factor to metres.

    The factor is negative where the sign of the file is turned: displacement and correction are in one convention.
    """

    state: str
    scale: float = 1.0


@dataclass(frozen=True)
class Granule:
    """The header of one product: displacement of `secondary` against `reference`."""

    path: Path
    reference: np.datetime64
    secondary: np.datetime64
    frame: Frame
    scale: float
    sign: str
    registration: str
    chunks: tuple[int, ...] | None
    corrections: dict[str, Correction]
    has_mask: bool
    has_coherence: bool
    frame_id: str
    orbit: str | None
    reference_point: str

    def check_sibling(self, other: Granule) -> None:
        """Check that another product belongs to the same series.

        Raises
        ------
        GridError : another grid. DataError : another frame, orbit, unit or sign.
        """
        self.frame.check_same(other.frame, where=str(other.path))
        for name in ("frame_id", "orbit", "scale"):
            if getattr(self, name) != getattr(other, name):
                what = f"{name} {getattr(other, name)!r} where {self.path.name} has {getattr(self, name)!r}"
                raise DataError(what, where=str(other.path), fix="list the files of one frame only")


@dataclass(frozen=True)
class Chain:
    """Dates of a series, and for each product (by date) the index among them that it refers to."""

    days: list[np.datetime64]
    parents: list[int]
    notes: list[str]


def read_granule(path: Path, *, positive: str | None = None) -> Granule:
    """Read the header of one product; `positive` is what the configuration says of its sign, None where it is silent.

    Raises
    ------
    DataError, GridError, CrsError, TimeError, UnitError, RefusedFileError, CorruptFileError, LimitError :
        it cannot be used; AmbiguousError : it allows two readings.
    """
    with opened(path) as file:
        data = numbers(file, "displacement", dims=2)
        frame, registration = _frame(file, (int(data.shape[0]), int(data.shape[1])), path)
        sign, turn = _sign(attribute(data, "description") or attribute(data, "long_name") or "", path, positive)
        scale = factor(attribute(data, "units"), "m", where=f"{path.name}, displacement, units") * turn
        reference, secondary = (_time(file, n, path) for n in ("reference_time", "time"))
        there = {n: has(file, n) for n in ("recommended_mask", "temporal_coherence")}
        for name in (n for n, is_there in there.items() if is_there):
            _check_shape(numbers(file, name, dims=2), data.shape, path)
        granule = Granule(
            path, reference, secondary, frame, scale, sign, registration, data.chunks, _layers(file, data.shape, turn),
            there["recommended_mask"], there["temporal_coherence"], _said(file, "identification/frame_id"),
            _orbit(_said(file, "identification/orbit_pass_direction")), _reference_point(file),
        )  # fmt: skip
    _check_dates(granule)
    return granule


def chain_of(granules: Sequence[Granule]) -> Chain:
    """Order products into a chain; they must be sorted by their secondary time.

    Raises
    ------
    TimeError : two products end on the same date (an overlap), or one begins on a date that none ends on (a gap).
    """
    starts = sorted(g.reference for g in granules)
    first = starts[0]
    times: list[np.datetime64] = [first]
    parents: list[int] = []
    ends: dict[int, Granule] = {}
    for granule in granules:
        if granule.secondary - times[-1] < SAME_PASS:
            other = ends.get(len(times) - 1)
            what = f"two files end on {day(granule.secondary)}"
            what += (
                f": {other.path.name} and {granule.path.name}" if other else f", the first date: {granule.path.name}"
            )
            fix = "keep one file for each date (the newest version), with reference dates that follow one another"
            raise TimeError(what, where=str(granule.path.parent), fix=fix)
        near = [k for k, t in enumerate(times) if abs(t - granule.reference) < SAME_PASS]
        if not near:
            before = day(max((t for t in times if t < granule.reference), default=first))
            what = f"the chain is broken: {granule.path.name} begins on {day(granule.reference)}, on which no file ends"
            what += f" (the last known date before it is {before})"
            fix = "add the missing files, or list only those of one unbroken stretch"
            raise TimeError(what, where=str(granule.path.parent), fix=fix)
        parents.append(near[0])
        times.append(granule.secondary)
        ends[len(times) - 1] = granule
    changes = sorted({p for p in parents if p > 0})
    moved = ", ".join(str(day(times[p])) for p in changes[:5]) + (", ..." if len(changes) > 5 else "")
    note = f"reference: the reference date moves {len(changes)} times" + (f" (to {moved})" if changes else "")
    return Chain([day(t) for t in times], parents, [f"{note}; the pieces are summed from {day(first)}"])


def day(time: np.datetime64) -> np.datetime64:
    """Return the day of a time."""
    out: np.datetime64 = time.astype("datetime64[D]")
    return out


def _check_dates(granule: Granule) -> None:
    where, fix = str(granule.path), "fetch the file again"
    if not granule.reference < granule.secondary:
        what = f"the reference date {day(granule.reference)} is not before the date {day(granule.secondary)}"
        raise TimeError(what, where=where, fix=fix)
    named = _NAMED_DATES.search(granule.path.name)
    held = [str(day(t)).replace("-", "") for t in (granule.reference, granule.secondary)]
    if named and list(named.groups()) != held:
        what = f"the name says {' to '.join(named.groups())}, the content {' to '.join(held)}"
        raise TimeError(what, where=where, fix=fix)


def _time(file: h5py.File, name: str, path: Path) -> np.datetime64:
    data = numbers(file, name, dims=(0, 1))
    units = attribute(data, "units") or ""
    match = _SINCE.match(units)
    value = float(np.asarray(data[()]).reshape(-1)[0])
    if not match or not np.isfinite(value) or data.size != 1:
        what = f"{name} is {value} {units!r}; one time such as 'seconds since 2020-01-01 00:00:00' needed"
        raise TimeError(what, where=str(path), fix="fetch the file again")
    step, date, clock = match.groups()
    base = np.datetime64(f"{date}T{clock or '00:00:00'}", "ms")
    shift = np.timedelta64(round(value * _MILLISECONDS[step]), "ms")
    out: np.datetime64 = base + shift
    return out


def _frame(file: h5py.File, shape: tuple[int, int], path: Path) -> tuple[Frame, str]:
    """Return the grid, and how its cell centres and its corner bear each other out."""
    where, fix = str(path), "fetch the file again"
    mapping = find(file, "spatial_ref")
    wkt = attribute(mapping, "crs_wkt") if mapping is not None else None
    numbers_of = (attribute(mapping, "GeoTransform") or "").split() if mapping is not None else []
    try:
        crs = CRS.from_wkt(wkt or "")
        c, a, b, f, d, e = (float(v) for v in numbers_of)
    except (CRSError, ValueError) as error:
        what = f"spatial_ref holds no usable crs_wkt and GeoTransform: {error}"
        raise CrsError(what, where=where, fix=fix) from error
    x, y = (numbers(file, n, dims=1) for n in ("x", "y"))
    if (y.shape[0], x.shape[0]) != shape or not (a > 0 > e and b == 0 and d == 0):
        what = f"displacement has shape {shape}, y and x have {y.shape[0]} and {x.shape[0]}, steps {a}, {e}"
        raise GridError(what, where=where, fix=fix)
    apart = ((float(x[0]) - c) / a, (float(y[0]) - f) / e)
    if not all(abs(v - 0.5) <= 1e-3 for v in apart):
        what = f"the first x, y lie {apart[0]:.3g}, {apart[1]:.3g} cells from the corner in GeoTransform; 0.5 needed: "
        what += "do x and y name corners, or does GeoTransform name a centre?"
        raise AmbiguousError(what, where=where, fix="fetch the file as it was published")
    code = crs.to_epsg()
    said = _said(file, "metadata/product_pixel_coordinate_convention")
    text = f"upper-left corner {c:.10g}, {f:.10g} in GeoTransform, half a cell outside the first x, y"
    text += f", which the product calls {said!r}" if said else ""
    return Frame(f"EPSG:{code}" if code else crs.to_wkt(), Affine(a, b, c, d, e, f), shape), text


def _sign(description: str, path: Path, positive: str | None) -> tuple[str, float]:
    """Return the sentence and the factor of the sign: by the configuration, else by what the file says of itself."""
    own = positive_way(description)
    against = f", against the file: {description!r}" if own is not None and positive not in (None, own) else ""
    if positive == "away":
        return f"sign: positive is away from the satellite, as the config says{against}", -1.0
    if positive == "toward":
        return f"sign: positive is toward the satellite, as the config says{against}", 1.0
    if own == "away":
        return f"sign: turned, for the file says: {description!r}", -1.0
    if own == "toward":
        return "sign: positive toward the satellite, as the description of `displacement` says", 1.0
    if speaks_of_sign(description):
        what = f"displacement is described as {description!r}: is positive toward the satellite, or away from it?"
        raise AmbiguousError(what, where=str(path), fix=ASK_SIGN)
    return "sign: positive toward the satellite, the convention of OPERA DISP-S1 (this file does not describe it)", 1.0


def _layers(file: h5py.File, shape: tuple[int, ...], turn: float) -> dict[str, Correction]:
    """Return the state of every layer of corrections that the file holds."""
    group = find(file, "corrections")
    out: dict[str, Correction] = {}
    about = (attribute(group, "description") or "") if group is not None else ""
    for name in _LAYERS:
        if has(file, f"corrections/{name}"):
            data = numbers(file, f"corrections/{name}", dims=2)
            same = data.shape == shape
            out[name] = (
                _correction(data, about, turn) if same else Correction("it lies on another grid than displacement")
            )
    return out


def _correction(data: h5py.Dataset, about: str, turn: float) -> Correction:
    own = correction_state(attribute(data, "description") or attribute(data, "long_name") or "")
    group = correction_state(about)
    told = own if group in ("unsaid", own) else group if own == "unsaid" else "both"
    if told != "subtract":
        return Correction(_NOT_MADE[told])
    try:
        scale = factor(attribute(data, "units"), "m", where=data.name) * turn
    except UnitError:
        return Correction(f"its unit {attribute(data, 'units')!r} is no length")
    rows, columns = (np.unique(np.linspace(0, n - 1, 5).astype(int)) for n in data.shape)
    some = np.asarray([[data[int(r), int(c)] for c in columns] for r in rows], dtype=np.float64)
    if not np.any(some[np.isfinite(some)] != 0):
        return Correction("zero everywhere: it was not computed")
    return Correction("subtract", scale)


def _check_shape(data: h5py.Dataset, shape: tuple[int, ...], path: Path) -> None:
    if data.shape != shape:
        what = f"{data.name} has shape {data.shape} where displacement has {shape}"
        raise GridError(what, where=str(path), fix="fetch the file again")


def _said(file: h5py.File, name: str) -> str:
    return texts(file, name)[0] if has(file, name) else ""


def _orbit(said: str) -> str | None:
    return {"A": "ascending", "D": "descending"}.get(said[:1].upper())


def _reference_point(file: h5py.File) -> str:
    point = find(file, "corrections/reference_point")
    if point is None or "rows" not in point.attrs or "cols" not in point.attrs:
        return ""
    rows, columns = (np.atleast_1d(point.attrs[n]).ravel() for n in ("rows", "cols"))
    return f"row {int(rows[0])}, column {int(columns[0])}" if len(rows) and len(columns) else ""
