"""Longitudes from 0 to 360 brought to -180 to 180, as every other part of the platform has them."""

from __future__ import annotations

from dataclasses import replace

import xarray as xr
from affine import Affine
from pyproj import CRS

from geo_risk.core.errors import GridError
from geo_risk.sources.insar import Frame, frame_of

_ROUNDING = 1e-6


def turned(frame: Frame) -> Frame:
    """Return a frame in degrees that lies beyond 180 east or west turned by 360; any other as it is."""
    left, right = frame.transform.c, frame.transform.c + frame.transform.a * frame.shape[1]
    if not CRS(frame.crs).is_geographic:
        return frame
    turns = -360.0 if left >= 180 - _ROUNDING else 360.0 if right <= -180 + _ROUNDING else 0.0
    t = frame.transform
    return replace(frame, transform=Affine(t.a, t.b, t.c + turns, t.d, t.e, t.f)) if turns else frame


def with_longitudes(dataset: xr.Dataset, *, where: str) -> xr.Dataset:
    """Return a track with longitudes of -180 to 180; where they were others a sentence in `audit` says so.

    Raises
    ------
    GridError : the frame lies across the date line.
    """
    frame = frame_of(dataset)
    own = turned(frame)
    left, right = own.transform.c, own.transform.c + own.transform.a * own.shape[1]
    if CRS(own.crs).is_geographic and not (left >= -180 - _ROUNDING and right <= 180 + _ROUNDING):
        what = f"the longitudes run from {left:.6g} to {right:.6g}: the frame lies across the date line (180 degrees)"
        fix = "cut the product at 180 degrees and run its two parts, or geocode it into metres (UTM)"
        raise GridError(what, where=where, fix=fix)
    if own is frame:
        return dataset
    by = own.transform.c - frame.transform.c
    said = f"registration: the longitudes of the file, {frame.transform.c:.6g} and on, were turned by {by:+.0f} degrees"
    audit = [*dataset.attrs["audit"], said]
    x = own.coords()["x"]
    return dataset.assign_coords(x=x).assign_attrs(transform=list(own.transform)[:6], audit=audit)
