"""The InSAR stacks on disk: MintPy layout in HDF5, and a small part as GeoTIFFs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from geo_risk.core.grid import Grid
from geo_risk.publish.atomic import disk_full, staged
from geo_risk.publish.raster import write_layer
from geo_risk.sample.insar import Scene
from geo_risk.sample.look import WAVELENGTH_M

Floats = NDArray[np.float32]

_PACK: dict[str, Any] = {"compression": "gzip", "compression_opts": 7, "shuffle": True}
PART_CELLS = 32


def attributes(scene: Scene, reference: tuple[int, int], *, file_type: str, unit: str) -> dict[str, str]:
    """Return MintPy's attributes of a file; all are strings, X_FIRST and Y_FIRST the upper-left corner."""
    grid, t = scene.grid, scene.grid.transform
    heading = (scene.track.heading_deg + 180) % 360 - 180
    row, column = reference
    return {
        "FILE_TYPE": file_type, "UNIT": unit, "DATA_TYPE": "float32", "NO_DATA_VALUE": "nan",
        "LENGTH": str(grid.shape[0]), "WIDTH": str(grid.shape[1]),
        "X_FIRST": repr(t.c), "Y_FIRST": repr(t.f), "X_STEP": repr(t.a), "Y_STEP": repr(t.e),
        "X_UNIT": "meters", "Y_UNIT": "meters", "EPSG": grid.crs.removeprefix("EPSG:"),
        "START_DATE": f"{scene.dates[0]:%Y%m%d}", "END_DATE": f"{scene.dates[-1]:%Y%m%d}",
        "REF_DATE": f"{scene.dates[0]:%Y%m%d}", "REF_Y": str(row), "REF_X": str(column),
        "REF_LAT": repr(t.f + (row + 0.5) * t.e), "REF_LON": repr(t.c + (column + 0.5) * t.a),
        "HEADING": repr(heading), "ORBIT_DIRECTION": "ASCENDING" if scene.track.name == "asc" else "DESCENDING",
        "ANTENNA_SIDE": "-1", "PLATFORM": "Sen", "PROCESSOR": "isce", "WAVELENGTH": repr(WAVELENGTH_M),
        "CENTER_INCIDENCE_ANGLE": repr(float(np.round(scene.incidence_deg.mean(), 3))),
        "EARTH_RADIUS": "6371000", "HEIGHT": "693000", "STARTING_RANGE": "800000",
        "RANGE_PIXEL_SIZE": "2.33", "AZIMUTH_PIXEL_SIZE": "14.0",
        "CENTER_LINE_UTC": "37800" if scene.track.name == "asc" else "81000",
    }  # fmt: skip


def write_timeseries(path: Path, scene: Scene, reference: tuple[int, int], values: Iterable[Floats]) -> None:
    """Publish `timeseries` (date, y, x) float32 [m] with `date` and `bperp`, one date at a time, one date a chunk.

    Raises
    ------
    DiskFullError : the file did not read back as written.
    """
    shape = scene.grid.shape
    hashes: list[str] = []

    def verify(written: Path) -> None:
        with h5py.File(written, "r") as source:
            data = source["timeseries"]
            if [_digest(data[k]) for k in range(data.shape[0])] != hashes:
                raise disk_full(path)

    with staged(path, verify=verify) as temporary, h5py.File(temporary, "w") as target:
        data = target.create_dataset(
            "timeseries", shape=(len(scene.dates), *shape), dtype="f4", chunks=(1, *shape), fillvalue=np.nan, **_PACK
        )
        for k, value in enumerate(values):
            data[k] = value
            hashes.append(_digest(value))
        target["date"] = np.array([f"{day:%Y%m%d}" for day in scene.dates], dtype="S8")
        target["bperp"] = _baselines(scene)
        target.attrs.update(attributes(scene, reference, file_type="timeseries", unit="m"))


def _baselines(scene: Scene) -> Floats:
    """Perpendicular baselines [m]: within the orbital tube, 0 at the first date."""
    k = np.arange(len(scene.dates))
    out = 60 * np.sin(1.7 * k) + 25 * np.sin(0.31 * k + scene.seed)
    return np.asarray((out - out[0]).round(1), dtype=np.float32)


def write_geometry(path: Path, scene: Scene, reference: tuple[int, int]) -> None:
    """Publish incidenceAngle, azimuthAngle [degree], height [m] and shadowMask (1: layover or shadow)."""
    azimuth = np.full(scene.grid.shape, scene.track.azimuth_deg)
    layers = {
        "incidenceAngle": np.round(scene.incidence_deg * 1024) / 1024,
        "azimuthAngle": azimuth,
        "height": np.round(scene.height_m * 64) / 64,
    }
    arrays: dict[str, NDArray[Any]] = {name: value.astype(np.float32) for name, value in layers.items()}
    arrays["shadowMask"] = scene.hidden.astype(np.uint8)
    _write_arrays(path, arrays, attributes(scene, reference, file_type="geometry", unit="m"))


def write_coherence(path: Path, scene: Scene, reference: tuple[int, int]) -> None:
    """Publish the mean coherence over the dates as `coherence` (y, x) [1]."""
    value = (np.round(scene.coherence * 1024) / 1024).astype(np.float32)
    _write_arrays(path, {"coherence": value}, attributes(scene, reference, file_type="coherence", unit="1"))


def _write_arrays(path: Path, arrays: dict[str, NDArray[Any]], attrs: dict[str, str]) -> None:
    def verify(written: Path) -> None:
        with h5py.File(written, "r") as source:
            if any(_digest(source[name][()]) != _digest(value) for name, value in arrays.items()):
                raise disk_full(path)

    with staged(path, verify=verify) as temporary, h5py.File(temporary, "w") as target:
        for name, value in arrays.items():
            target.create_dataset(name, data=value, chunks=value.shape if value.size < 1 << 20 else True, **_PACK)
        target.attrs.update(attrs)


def _digest(values: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def write_part(folder: Path, scene: Scene, series: Path, middle: tuple[int, int]) -> None:
    """Publish a square part of a written stack as one GeoTIFF a date, named by its date.

    Parameters
    ----------
    folder : receives YYYYMMDD.tif.
    scene : the track.
    series : the HDF5 file to cut from.
    middle : row and column of the part's middle.
    """
    side = min(PART_CELLS, *scene.grid.shape)
    row, column = (int(np.clip(m - side // 2, 0, n - side)) for m, n in zip(middle, scene.grid.shape, strict=True))
    t = scene.grid.transform
    part = Grid(GeoBox((side, side), Affine(t.a, 0, t.c + column * t.a, 0, t.e, t.f + row * t.e), scene.grid.crs))
    with h5py.File(series, "r") as source:
        for k, day in enumerate(scene.dates):
            values = source["timeseries"][k, row : row + side, column : column + side]
            layer = part.layer(
                values, units="m", long_name="displacement toward the satellite", name="displacement",
                positive="toward the satellite", reference_date=f"{scene.dates[0]:%Y%m%d}",
            )  # fmt: skip
            write_layer(layer, folder / f"{day:%Y%m%d}.tif")
