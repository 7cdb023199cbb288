"""Velocity files of several tracks to one file of east and up, by bands of rows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.kernels.decompose import decompose_alike, decompose_east_up
from geo_risk.publish.velocity_file import velocity_file
from geo_risk.sources.look_file import Looks, check_same_place, open_look_file, opened, read_looks

F32 = NDArray[np.float32]

BLOCK_BYTES = 32 * 2**20
"""Bytes of one band of all that is read."""

_OF_ONE_TRACK = frozenset({"ORBIT_DIRECTION", "NO_DATA_VALUE"})
_MAPS = ("east", "up", "eastStd", "upStd")


def write_east_up_file(
    tracks: Sequence[tuple[Path, Path]], out: Path, *, minimum_angle_deg: float = 20.0, units_checked: bool = False
) -> dict[str, object]:
    """Decompose line-of-sight velocities of two or more tracks on one grid into east and up, north taken as zero.

    Parameters
    ----------
    tracks : (velocity.h5, geometryGeo.h5) of each, in MintPy's layout, geocoded onto one grid.
    out : HDF5 file to write: `east`, `up`, and where all tracks have `velocityStd`, `eastStd`, `upStd` [m/year].
    minimum_angle_deg : smallest angle between two looks in the east-up plane.
    units_checked : UNIT of the files is right, however large or quiet the velocities are.

    Returns
    -------
    Facts: shape, tracks, share of pixels with an answer, numbers of infinite velocities and of angles that no satellite
    has (both missing). Memory is that of a band, whatever the size of the files.

    Raises
    ------
    DataError : fewer than two tracks, and what `open_look_file` and `read_looks` find, no pixel with an answer;
    GridError : different grids; DiskFullError.
    """
    if len(tracks) < 2:
        what = f"{len(tracks)} track; east and up need two looks"
        raise DataError(what, where="tracks", fix="add a track of the other orbit direction")
    if not 0 < minimum_angle_deg < 90:
        what = f"the smallest angle is {minimum_angle_deg}; 0-90 degrees needed"
        raise DataError(what, where="minimum_angle_deg", fix="20 is usual")
    files = [open_look_file(velocity, geometry, units_checked=units_checked) for velocity, geometry in tracks]
    check_same_place([f.attrs for f in files], [f.velocity for f in files])
    shape = files[0].shape
    if any(f.shape != shape for f in files):
        what = f"shapes {[f.shape for f in files]}"
        raise DataError(what, where=str(files[-1].velocity), fix="geocode all tracks onto one grid")
    names = _MAPS if all(f.has_std for f in files) else _MAPS[:2]
    rows = max(1, BLOCK_BYTES // (16 * len(files) * shape[1]))
    sine, known = float(np.sin(np.deg2rad(minimum_angle_deg))), 0
    seen = infinite = odd_angles = 0
    attrs = {k: v for k, v in files[0].attrs.items() if k not in _OF_ONE_TRACK} | {"UNIT": "m/year"}
    with ExitStack() as stack, velocity_file(out, dict.fromkeys(names, "m/year"), shape, attrs) as write:
        handles = opened(files, stack)
        for first in range(0, shape[0], rows):
            band = (first, min(first + rows, shape[0]))
            looks = read_looks(files, handles, band)
            solved = _solved(looks, sine)
            write(first, dict(zip(names, solved, strict=True)))
            found = int(np.isfinite(solved[0]).sum())
            seen += found or _seen_twice(looks)
            known, infinite, odd_angles = known + found, infinite + looks.infinite, odd_angles + looks.odd_angles
        if not known:
            raise _no_answer(seen, minimum_angle_deg, ", ".join(str(f.velocity) for f in files))
    return {
        "tracks": len(files), "shape": list(shape), "known_share": known / (shape[0] * shape[1]),
        "infinite_values": infinite, "impossible_angles": odd_angles, "out": str(out),
    }  # fmt: skip


def _solved(looks: Looks, sine: float) -> tuple[F32, ...]:
    if looks.std is None:
        return decompose_alike(looks.velocity, looks.east, looks.up, minimum_sine=sine)
    return decompose_east_up(looks.velocity, looks.std, looks.east, looks.up, minimum_sine=sine)[: len(_MAPS)]


def _seen_twice(looks: Looks) -> int:
    """Return the number of pixels with velocity, error and look vector in two tracks."""
    known = np.isfinite(looks.velocity + looks.east + looks.up)
    if looks.std is not None:
        known &= looks.std > 0
    return int((known.sum(axis=0) > 1).sum())


def _no_answer(seen: int, angle_deg: float, where: str) -> DataError:
    if seen:
        what = f"no pixel has east and up: {seen} are seen by two tracks, but from directions less than {angle_deg:g} "
        what += "degrees apart in the east-up plane"
        return DataError(what, where=where, fix="give a track of the other orbit direction")
    what = "no pixel has a velocity (with an error above 0, where there are errors) and a look vector in two tracks"
    return DataError(what, where=where, fix="give tracks that overlap, with the geometry of their frames")
