"""What the files of a track prove about registration and look direction, one sentence of evidence each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from affine import Affine
from pyproj import CRS

from geo_risk.core.errors import AmbiguousError
from geo_risk.core.units import factor
from geo_risk.sources.insar import Frame
from geo_risk.sources.look_checks import bearing_sentence
from geo_risk.sources.options import TrackOptions
from geo_risk.sources.samples import sampled

Registration = Literal["corner", "centre"]

_CELL_TOLERANCE = 1e-3
"""Offsets within a thousandth of a cell are rounding."""


@dataclass(frozen=True)
class Stated:
    """How stored values become the package's own: factor (negative where the sign is turned), and what says so."""

    scale: float
    is_unit_said: bool
    sign: str


def stated(own_unit: str | None, to_unit: str, *, options: TrackOptions, maker: str, where: str) -> Stated:
    """Return the factor of a product that states its unit and fixes its sign, under what the configuration answers.

    Parameters
    ----------
    own_unit : what the file says; `options.units`, where set, replaces it.
    to_unit : "m" or "mm/yr".
    options : `positive: away` turns the sign against the maker's convention.
    maker : the product and its reference, for the sentence.
    where : file and field, for messages.

    Raises
    ------
    UnitError : no unit, or none of that kind.
    """
    scale = factor(options.units or own_unit, to_unit, where=where)
    if options.positive == "away":
        sign = f"sign: turned, for the configuration says positive is away from the satellite, against {maker}"
        return Stated(-scale, options.units is not None, sign)
    said = " and the configuration" if options.positive else ""
    return Stated(scale, options.units is not None, f"sign: positive toward the satellite, by {maker}{said}")


def unit_confirmed(own_unit: str, options: TrackOptions, *, where: str) -> tuple[bool, str]:
    """Return whether the configuration confirms the unit that a product fixes, and how a doubt about it is answered.

    Parameters
    ----------
    own_unit : of the product, such as "m". The configuration may repeat it where the ground moved more than it does.
    where : file, for messages.

    Raises
    ------
    AmbiguousError : the configuration says another unit. UnitError : it says none that is known, or of another kind.
    """
    said = options.units
    if said is not None and factor(said, own_unit, where="inputs.insar[].units") != 1.0:
        what = f"the unit of this product is {own_unit}; the configuration says {said!r}"
        raise AmbiguousError(what, where=where, fix=f"remove `units` of this track, or set `units: {own_unit}`")
    fix = (
        f"fetch the files again as they were published; if the values are right, set `units: {own_unit}` of this track"
    )
    return said is not None, fix


def centred(frame: Frame) -> Frame:
    """Return the frame whose first cell has its centre where the given one has its corner."""
    t = frame.transform
    return replace(frame, transform=Affine(t.a, t.b, t.c - t.a / 2, t.d, t.e, t.f - t.e / 2))


def offset_cells(frame: Frame, other: Frame) -> tuple[float, float]:
    """Return how far another raster's first corner lies inside a frame, in cells eastward and southward."""
    t, o = frame.transform, other.transform
    return (o.c - t.c) / t.a, (o.f - t.f) / t.e


def settle(frame: Frame, other: Frame, *, registration: Registration | None, where: str) -> tuple[Frame, str]:
    """Decide whether a series' first coordinate is the corner or the centre of its first cell, by its geometry.

    Parameters
    ----------
    frame, other : the series and its geometry, both read as if their first coordinates were corners.
    registration : what the configuration says of the series, None where it is silent.
    where : file of the geometry, for messages.

    Returns
    -------
    The frame of the series, and the evidence.

    Raises
    ------
    AmbiguousError : the two lie half a cell apart and the configuration does not say which is which.
    GridError : they lie elsewhere, or the answer does not fit them.
    """
    east, south = offset_cells(frame, other)
    if registration is None and _are_twins(frame, other) and _is_half(east) and _is_half(south):
        likely = "corner" if east > 0 else "centre"
        what = "series and geometry lie half a cell apart: one of them names the corner and the other the centre of its"
        what += f" first cell; the side of the shift suggests `{likely}` for the series. Which does the series name?"
        fix = "set `registration: corner` or `registration: centre` of this track in the configuration"
        raise AmbiguousError(what, where=where, fix=fix)
    own = centred(frame) if registration == "centre" else frame
    if registration is not None and _are_twins(own, other) and _names_centres(own, other):
        return own, f"the configuration says that the series names the {registration} of its first cell; geometry fits"
    own.check_same(other, where=where)
    said = "" if registration is None else f", {registration} as the configuration says"
    return own, f"series and geometry name the same first corner{said}"


def _are_twins(a: Frame, b: Frame) -> bool:
    same_step = np.allclose([a.transform.a, a.transform.e], [b.transform.a, b.transform.e], rtol=1e-6)
    return a.shape == b.shape and CRS(a.crs) == CRS(b.crs) and bool(same_step)


def _is_half(value: float) -> bool:
    return abs(abs(value) - 0.5) <= _CELL_TOLERANCE


def _names_centres(own: Frame, other: Frame) -> bool:
    """Return whether a geometry on the same grid names the centre of the first cell."""
    return all(abs(v - 0.5) <= _CELL_TOLERANCE for v in offset_cells(own, other))


def reference_evidence(frame: Frame, reference: Sequence[float] | None, *, said: bool, where: str) -> str:
    """Tell from a reference cell, given by index and by coordinates, whether the frame's first corner is a corner.

    Parameters
    ----------
    frame : read as if its first coordinates were the corner.
    reference : row, column, y, x of the reference cell's centre as the file gives them; None where it does not.
    said : the configuration answers the question anyway.
    where : file, for messages.

    Returns
    -------
    The evidence, empty where there is none.

    Raises
    ------
    AmbiguousError : the coordinates fit a frame that names centres, and the configuration is silent.
    """
    if reference is None:
        return ""
    row, column, y, x = reference
    t = frame.transform
    offsets = ((x - t.c) / t.a - column, (y - t.f) / t.e - row)
    if all(abs(v - 0.5) <= 0.01 for v in offsets):
        return "; the reference cell's coordinates are its centre counted from that corner"
    if all(abs(v) <= 0.01 for v in offsets) and not said:
        what = "the coordinates of the reference cell fit first coordinates that are the centre of the first cell, not "
        what += "its corner: which are they?"
        fix = "set `registration: corner` or `registration: centre` of this track in the configuration"
        raise AmbiguousError(what, where=where, fix=fix)
    return ""


def check_heading(components: Sequence[Any], *, heading_deg: float | None, is_right: bool, where: str) -> str:
    """Check that line-of-sight vectors lie at a right angle to the heading, on the antenna's side.

    Parameters
    ----------
    components : east, north, up; arrays that can be sliced; see `samples.sampled`.
    heading_deg : of the satellite, clockwise from north; None gives no evidence and an empty sentence.
    is_right : the antenna looks to the right.
    where : file, for messages.

    Raises
    ------
    AmbiguousError : the two disagree by more than HEADING_TOLERANCE_DEG: the azimuth is of another convention.
    DataError : the heading is no angle.
    """
    if heading_deg is None:
        return ""
    e, n = sampled(components[:2])
    bearing = float(np.degrees(np.arctan2(np.nanmedian(e), np.nanmedian(n)))) % 360
    return bearing_sentence(bearing, heading_deg=heading_deg, is_right=is_right, where=where)


def angles_of_heading(heading_deg: float, *, is_right: bool) -> float:
    """Return the azimuth of ground to satellite, anticlockwise from north [degree], of a heading clockwise from north.

    A right-looking satellite that flies north (heading 0) stands in the west: azimuth 90 (anticlockwise).
    """
    return (90.0 if is_right else -90.0) - heading_deg
