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
from geo_risk.sources.look_file import check_same_place, open_look_file, opened, read_looks

BLOCK_BYTES = 32 * 2**20
"""Bytes of one band of all that is read."""

_MAPS = ("east", "up", "eastStd", "upStd")


def write_east_up_file(
    tracks: Sequence[tuple[Path, Path]], out: Path, *, minimum_angle_deg: float = 20.0
) -> dict[str, object]:
    """Decompose line-of-sight velocities of two or more tracks on one grid into east and up, north taken as zero.

    Parameters
    ----------
    tracks : (velocity.h5, geometryGeo.h5) of each, in MintPy's layout, geocoded onto one grid.
    out : HDF5 file to write: `east`, `up`, and where all tracks have `velocityStd`, `eastStd`, `upStd` [m/year].
    minimum_angle_deg : smallest angle between two looks in the east-up plane.

    Returns
    -------
    Facts: shape, tracks, share of pixels with an answer. Memory is that of a band, whatever the size of the files.

    Raises
    ------
    DataError : fewer than two tracks, and what `open_look_file` finds; GridError : different grids; DiskFullError.
    """
    if len(tracks) < 2:
        what = f"{len(tracks)} track; east and up need two looks"
        raise DataError(what, where="tracks", fix="add a track of the other orbit direction")
    if not 0 < minimum_angle_deg < 90:
        what = f"the smallest angle is {minimum_angle_deg}; 0-90 degrees needed"
        raise DataError(what, where="minimum_angle_deg", fix="20 is usual")
    files = [open_look_file(velocity, geometry) for velocity, geometry in tracks]
    check_same_place([f.attrs for f in files], [f.velocity for f in files])
    shape = files[0].shape
    if any(f.shape != shape for f in files):
        what = f"shapes {[f.shape for f in files]}"
        raise DataError(what, where=str(files[-1].velocity), fix="geocode all tracks onto one grid")
    names = _MAPS if all(f.has_std for f in files) else _MAPS[:2]
    rows = max(1, BLOCK_BYTES // (16 * len(files) * shape[1]))
    sine, known = float(np.sin(np.deg2rad(minimum_angle_deg))), 0
    attrs = {k: v for k, v in files[0].attrs.items() if k != "ORBIT_DIRECTION"} | {"UNIT": "m/year"}
    with ExitStack() as stack, velocity_file(out, dict.fromkeys(names, "m/year"), shape, attrs) as write:
        handles = opened(files, stack)
        for first in range(0, shape[0], rows):
            band = (first, min(first + rows, shape[0]))
            velocity, std, east, up = read_looks(files, handles, band)
            solved: tuple[NDArray[np.float32], ...]
            if std is None:
                solved = decompose_alike(velocity, east, up, minimum_sine=sine)
            else:
                solved = decompose_east_up(velocity, std, east, up, minimum_sine=sine)[: len(names)]
            write(first, dict(zip(names, solved, strict=True)))
            known += int(np.isfinite(solved[0]).sum())
    return {"tracks": len(files), "shape": list(shape), "known_share": known / (shape[0] * shape[1]), "out": str(out)}
