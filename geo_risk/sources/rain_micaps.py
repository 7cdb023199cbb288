"""MICAPS Diamond 4 rain: texts of one regular latitude-longitude grid each, Beijing time, end of the interval."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from odc.geo.xr import xr_coords

from geo_risk.core.errors import CorruptFileError, GridError, TimeError

BEIJING = np.timedelta64(8, "h")
_HEADER = 19
"""Numbers between the title and the values: date (4), lead, level, steps (2), bounds (4), shape (2), contours (3),
smoothing (2)."""


def open_micaps(paths: list[Path]) -> tuple[xr.DataArray, tuple[str, ...]]:
    """Open Diamond 4 texts as one cube.

    Parameters
    ----------
    paths : files of one grid, UTF-8 or GB18030.

    Returns
    -------
    (time, y, x) float32 [mm], y falling, EPSG:4326 with nodes as cell centres, 9999 kept (the reader masks it); time is
    the UTC end of the interval: the header's time where the file is an analysis, which is Beijing time. And the
    evidence.

    Raises
    ------
    CorruptFileError : a header or value that cannot be read, or too few values.
    GridError : the files are on different grids.
    TimeError : no file.
    """
    if not paths:
        what = "no MICAPS file was given"
        raise TimeError(what, where="inputs.rainfall", fix="name a folder of Diamond 4 texts")
    parts = [_read(path) for path in paths]
    boxes = {box for _, box, _ in parts}
    if len(boxes) > 1:
        what = f"{len(paths)} MICAPS files lie on {len(boxes)} different grids"
        raise GridError(what, where=str(paths[0].parent), fix="give the files of one product")
    cube = np.stack([values for _, _, values in parts])
    n_y, n_x, *affine = parts[0][1]
    box = GeoBox((int(n_y), int(n_x)), Affine(*affine), "EPSG:4326")
    coords = xr_coords(box)
    rain = xr.DataArray(
        cube, dims=("time", "y", "x"), name="rain", attrs={"units": "mm"},
        coords={
            "time": np.array([time for time, _, _ in parts], dtype="datetime64[ns]"),
            "y": coords["latitude"].to_numpy(), "x": coords["longitude"].to_numpy(),
            "spatial_ref": coords["spatial_ref"],
        },
    )  # fmt: skip
    evidence = (
        "Unit mm and interval end: as MICAPS Diamond 4 lays down for rain.",
        "Times: the header's Beijing time (UTC+8) is the end of the interval.",
        "CRS: latitude and longitude, taken as WGS 84.",
    )
    return rain, evidence


def _read(path: Path) -> tuple[np.datetime64, tuple[float, ...], NDArray[np.float32]]:
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("gb18030", errors="replace")
    title, _, body = text.lstrip().partition("\n")
    words = title.split()
    if len(words) < 2 or words[0].lower() != "diamond" or words[1] != "4":
        what = f"{path.name} starts with {title[:40]!r}, not with 'diamond 4'"
        raise CorruptFileError(what, where=str(path), fix="give MICAPS Diamond 4 grids")
    tokens = body.replace(",", "").split()
    try:
        header = [float(t) for t in tokens[:_HEADER]]
        values = np.array(tokens[_HEADER:], dtype=np.float32)
        n_x, n_y = int(header[12]), int(header[13])
        time = _time(header)
    except (ValueError, IndexError) as error:
        what = f"{path.name}: header or values cannot be read: {error}"
        raise CorruptFileError(
            what, where=str(path), fix="copy the file again; 19 numbers must follow the title"
        ) from error
    if n_x < 2 or n_y < 2 or values.size != n_x * n_y:
        what = f"{path.name} holds {values.size} values for a grid of {n_y} x {n_x}"
        raise CorruptFileError(what, where=str(path), fix="copy the file again; it is cut off or has another header")
    box, grid = _placed(header, values.reshape(n_y, n_x), path=path)
    return time, box, grid


def _time(header: list[float]) -> np.datetime64:
    year, month, day, hour = (int(v) for v in header[:4])
    if year < 100:
        year += 2000 if year < 70 else 1900
    local = np.datetime64(f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:00:00", "ns")
    return local - BEIJING


def _placed(header: list[float], values: NDArray[np.float32], *, path: Path) -> tuple[tuple[float, ...], NDArray[Any]]:
    """Return rows, columns and the transform as numbers, and the values with the northernmost row first."""
    dx, dy, lon0, lon1, lat0, lat1 = header[6:12]
    n_y, n_x = values.shape
    fits = abs(lon0 + dx * (n_x - 1) - lon1) <= 0.5 * abs(dx) and abs(lat0 + dy * (n_y - 1) - lat1) <= 0.5 * abs(dy)
    if not (fits and dx > 0 and dy != 0):
        what = f"{path.name}: {n_y} x {n_x} nodes of {dy} x {dx} degrees do not span {lat0}..{lat1}, {lon0}..{lon1}"
        raise CorruptFileError(what, where=str(path), fix="mend the header's steps or bounds")
    if dy > 0:
        values, lat0, dy = values[::-1], lat1, -dy
    box = (float(n_y), float(n_x), dx, 0.0, lon0 - dx / 2, 0.0, dy, lat0 - dy / 2)
    return tuple(round(v, 9) for v in box), np.ascontiguousarray(values)
