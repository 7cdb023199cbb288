"""What angles and headings prove of a look direction, with NumPy alone, for the commands that must start at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_risk.core.errors import AmbiguousError, DataError

INCIDENCE_DEG = (2.0, 90.0)
"""Incidence angles lie between these; an angle outside, such as a fill of 0 or -9999, is no geometry."""

AZIMUTH_DEG = 360.5
"""Azimuth angles lie within this of 0; the half degree is for rounding."""

HEADING_TOLERANCE_DEG = 20.0
"""Largest angle between the look direction and the heading's right (or left); geo_risk's choice: squint and the
turning of the meridians stay below 10 degrees up to 70 degrees of latitude."""


def pass_of(attrs: Mapping[str, str]) -> tuple[str | None, float | None, bool]:
    """Return orbit ("ascending", "descending", None), heading [degree, None] and whether the antenna looks right."""
    said = attrs.get("ORBIT_DIRECTION") or attrs.get("flight_direction") or attrs.get("FLIGHT_DIRECTION") or " "
    orbit = {"A": "ascending", "D": "descending"}.get(said[:1].upper())
    is_left = attrs.get("ANTENNA_SIDE", "-1") in {"1", "1.0", "+1"} or attrs.get("look_direction", "R").upper() == "L"
    try:
        heading = float(attrs["HEADING"]) if "HEADING" in attrs else None
    except ValueError:
        heading = None
    return orbit, heading if heading is not None and np.isfinite(heading) else None, not is_left


def check_incidence(sample: NDArray[Any], *, where: str) -> str:
    """Return the sentence on angles of a sample outside INCIDENCE_DEG, empty where there is none but 0 and NaN.

    Raises
    ------
    DataError : no angle is between them, as in radians.
    """
    low, high = INCIDENCE_DEG
    known = sample[np.isfinite(sample)]
    good = int(((known > low) & (known < high)).sum())
    if not good:
        reach = f"from {known.min():.3g} to {known.max():.3g}" if known.size else "missing everywhere"
        what = f"incidence angles are {reach}; degrees between 2 and 90 needed (radians?)"
        raise DataError(what, where=where, fix="write the angles in degrees, not in radians")
    odd = int((known != 0).sum()) - good
    if not odd:
        return ""
    return f"missing: cells with an incidence angle outside 2-90 degrees, {odd / sample.size:.1%} of a sample of rows"


def check_azimuth(sample: NDArray[Any], *, heading_deg: float | None, where: str) -> NDArray[Any]:
    """Return the azimuth angles of a sample that are angles.

    Raises
    ------
    DataError : none is within AZIMUTH_DEG of 0. AmbiguousError : they may be radians, and no heading tells.
    """
    known: NDArray[Any] = sample[np.isfinite(sample) & (np.abs(sample) < AZIMUTH_DEG)]
    if not known.size:
        what = "no azimuth angle within 360 degrees in a sample of rows"
        raise DataError(what, where=where, fix="give MintPy's geometryGeo.h5 with both angles")
    reach = float(np.abs(known).max())
    if heading_deg is None and reach <= 2 * np.pi:
        what = f"azimuth angles reach {reach:.3g}: are they radians? degrees, anticlockwise from north, are needed, "
        what += "and no attribute HEADING tells"
        raise AmbiguousError(what, where=where, fix="write the angles in degrees, or HEADING into the file")
    return known


def bearing_sentence(bearing: float, *, heading_deg: float, is_right: bool, where: str) -> str:
    """Check the bearing of the satellite, seen from the ground, against its heading, and return the evidence.

    Raises
    ------
    AmbiguousError : the two disagree by more than HEADING_TOLERANCE_DEG: the azimuth is of another convention.
    DataError : the heading is no angle.
    """
    if not -360 <= heading_deg <= 360:
        what = f"the heading is {heading_deg}; degrees clockwise from north needed"
        raise DataError(what, where=where, fix="repair the HEADING attribute")
    wanted = (heading_deg + (-90 if is_right else 90)) % 360
    apart = abs((bearing - wanted + 180) % 360 - 180)
    side = "right" if is_right else "left"
    if not apart <= HEADING_TOLERANCE_DEG:
        what = f"the look vectors put the satellite at bearing {bearing:.0f}, a {side}-looking pass with heading "
        what += f"{heading_deg:.0f} would have it at {wanted:.0f}: is the azimuth angle the one of the look direction, "
        what += "anticlockwise from north, from ground to satellite?"
        fix = "write the azimuth angle in MintPy's convention, or repair the HEADING and ANTENNA_SIDE attributes"
        raise AmbiguousError(what, where=where, fix=fix)
    return f"; bearing {bearing:.0f}, {apart:.0f} degrees from what the heading {heading_deg:.0f} asks for"


def check_side(
    east: float, *, orbit: str | None, where: str, fix: str = "correct the azimuth angle, or the orbit attribute"
) -> str:
    """Return the side on which the satellite stands, by the east component, checked against a right-looking pass.

    Raises
    ------
    AmbiguousError : the orbit ("ascending", "descending"; None: not stated) looks from the other side.
    """
    side = "west" if east < 0 else "east"
    if orbit and (side == "west") != (orbit == "ascending"):
        what = f"the product says {orbit}, but its vectors put the satellite in the {side} (east {east:+.2f}): a "
        what += "left-looking pass, or the east component has the wrong sign"
        raise AmbiguousError(what, where=where, fix=fix)
    return side
