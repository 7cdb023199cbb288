"""InSAR products as their makers lay them out, written by hand: HDF-EOS5, LiCSBAS cum.h5, OPERA DISP-S1."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import rasterio
from affine import Affine

HEADING = {"asc": -13.0, "desc": -167.0}
INCIDENCE = 39.0
DEGREE = 0.001
WEST, NORTH = 111.0, 37.0
OPERA_CELL = 30.0
OPERA_LEFT, OPERA_TOP = 500_010.0, 4_100_010.0
BLOCK = 64


def days(n: int) -> list[str]:
    return [(dt.date(2022, 7, 3) + dt.timedelta(days=12 * k)).strftime("%Y%m%d") for k in range(n)]


def look(track: str = "asc") -> tuple[float, float, float]:
    """Ground to satellite, right-looking: the satellite stands 90 degrees left of its heading."""
    bearing = np.deg2rad(HEADING[track] - 90)
    inc = np.deg2rad(INCIDENCE)
    return float(np.sin(inc) * np.sin(bearing)), float(np.sin(inc) * np.cos(bearing)), float(np.cos(inc))


def write_hdfeos(
    path: Path,
    displacement_m: np.ndarray,
    *,
    track: str = "asc",
    chunks: Any = None,
    skip: Sequence[str] = (),
    **overrides: Any,
) -> Path:
    """Write a MintPy HDF-EOS5 series in degrees; `overrides` replace root attributes (None removes one)."""
    n_t, n_y, n_x = displacement_m.shape
    attrs: dict[str, Any] = {
        "FILE_TYPE": "HDFEOS", "X_FIRST": str(WEST), "Y_FIRST": str(NORTH), "X_STEP": str(DEGREE),
        "Y_STEP": str(-DEGREE), "X_UNIT": "degrees", "Y_UNIT": "degrees", "LENGTH": str(n_y), "WIDTH": str(n_x),
        "UNIT": "m", "HEADING": str(HEADING[track]), "ANTENNA_SIDE": "-1", "REF_DATE": days(n_t)[0], "REF_Y": "2",
        "ORBIT_DIRECTION": {"asc": "ASCENDING", "desc": "DESCENDING"}[track], "REF_X": "3", "EPSG": "4326",
        "flight_direction": track[0].upper(), "look_direction": "R", "wavelength": 0.0555, "relative_orbit": 84,
    } | overrides  # fmt: skip
    ones = np.ones((n_y, n_x), "f4")
    lat = NORTH - DEGREE * (np.arange(n_y) + 0.5)
    lon = WEST + DEGREE * (np.arange(n_x) + 0.5)
    mask = np.ones((n_y, n_x), bool)
    mask[-1] = False
    planes = {
        "quality/temporalCoherence": ones * 0.9, "quality/avgSpatialCoherence": ones * 0.5, "quality/mask": mask,
        "geometry/incidenceAngle": ones * INCIDENCE, "geometry/azimuthAngle": ones * (90 - HEADING[track]),
        "geometry/height": ones * 1000, "geometry/slantRangeDistance": ones * 8e5,
        "geometry/latitude": np.repeat(lat[:, None], n_x, 1), "geometry/longitude": np.repeat(lon[None], n_y, 0),
        "geometry/shadowMask": np.eye(n_y, n_x).astype(bool),
    }  # fmt: skip
    with h5py.File(path, "w") as file:
        file.attrs.update({k: v for k, v in attrs.items() if v is not None})
        group = file.create_group("HDFEOS/GRIDS/timeseries")
        series = group.create_dataset(
            "observation/displacement", data=displacement_m.astype("f4"), chunks=chunks or True, compression="lzf"
        )
        series.attrs.update({"Title": "displacement", "_FillValue": np.float32(0), "Units": "meters"})
        group["observation/date"] = np.array(days(n_t), dtype="S8")
        group["observation/bperp"] = np.zeros(n_t, "f4")
        for name, values in planes.items():
            if name not in skip:
                group.create_dataset(name, data=values, chunks=True, compression="lzf")
    return path


def write_cum(
    path: Path,
    displacement_mm: np.ndarray,
    *,
    track: str = "asc",
    chunks: Any = None,
    skip: Sequence[str] = (),
    **overrides: Any,
) -> Path:
    """Write a LiCSBAS cum.h5 whose first cell has its corner at WEST, NORTH; overrides replace datasets."""
    n_t, n_y, n_x = displacement_mm.shape
    ones = np.ones((n_y, n_x), "f4")
    e, n, u = look(track)
    mask = ones.copy()
    mask[-1] = 0
    data: dict[str, Any] = {
        "imdates": np.array([int(d) for d in days(n_t)], np.int32), "corner_lat": NORTH - DEGREE / 2,
        "corner_lon": WEST + DEGREE / 2, "post_lat": -DEGREE, "post_lon": DEGREE, "refarea": "3:4/2:3",
        "vel": ones, "vintercept": ones, "resid_rms": ones, "gap": np.zeros((n_t - 1, n_y, n_x), np.int8),
        "coh_avg": ones * 0.4, "hgt": ones * 900, "mask": mask, "E.geo": ones * e, "N.geo": ones * n, "U.geo": ones * u,
        "bperp": np.zeros(n_t),
    } | overrides  # fmt: skip
    with h5py.File(path, "w") as file:
        file.create_dataset("cum", data=displacement_mm.astype("f4"), chunks=chunks, compression=chunks and "gzip")
        for name, values in data.items():
            if name not in skip:
                file[name] = values
    return path


def write_granule(
    folder: Path,
    displacement_m: np.ndarray,
    pair: tuple[str, str],
    *,
    layers: Mapping[str, np.ndarray] | None = None,
    mask: np.ndarray | None = None,
    shift: float = 0.0,
    about: str = "Subtract from /displacement to apply.",
    **overrides: Any,
) -> Path:
    """Write one OPERA DISP-S1 product between two dates YYYYMMDD; `shift` moves it by cells, `overrides` replace."""
    n_y, n_x = displacement_m.shape
    left, top = OPERA_LEFT + shift * OPERA_CELL, OPERA_TOP
    name = f"OPERA_L3_DISP-S1_IW_F08882_VV_{pair[0]}T140755Z_{pair[1]}T140756Z_v1.0_20250101T000000Z.nc"
    path = folder / overrides.get("name", name)
    folder.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        grid = file.create_dataset("spatial_ref", data=0)
        grid.attrs["crs_wkt"] = rasterio.crs.CRS.from_epsg(32649).to_wkt()
        grid.attrs["GeoTransform"] = f"{left} {OPERA_CELL} 0.0 {top} 0.0 {-OPERA_CELL}"
        file["x"] = left + OPERA_CELL * (np.arange(n_x) + overrides.get("centre", 0.5))
        file["y"] = top - OPERA_CELL * (np.arange(n_y) + overrides.get("centre", 0.5))
        for key, day in zip(("reference_time", "time"), pair, strict=True):
            file[key] = np.zeros(1)
            file[key].attrs["units"] = f"seconds since {day[:4]}-{day[4:6]}-{day[6:]} 14:07:55.000000"
        chunks = (min(n_y, BLOCK), min(n_x, BLOCK))
        planes = {
            "displacement": displacement_m.astype("f4"),
            "recommended_mask": (np.ones((n_y, n_x)) if mask is None else mask).astype("u1"),
            "temporal_coherence": np.full((n_y, n_x), 0.8, "f4"),
        } | {f"corrections/{k}": v.astype("f4") for k, v in (layers or {}).items()}  # fmt: skip
        for key, values in planes.items():
            data = file.create_dataset(key, data=values, chunks=chunks, compression="gzip")
            data.attrs["units"] = "unitless" if key.startswith(("rec", "temp")) else overrides.get("units", "meters")
            if key.startswith("corrections"):
                data.attrs["description"] = about
        text = "Displacement along the radar line of sight. Positive values indicate motion towards the platform."
        file["displacement"].attrs["description"] = overrides.get("description", text)
        file["identification/frame_id"] = overrides.get("frame_id", 8882)
        file["identification/orbit_pass_direction"] = np.bytes_(overrides.get("orbit", "ascending"))
        file["metadata/product_pixel_coordinate_convention"] = np.bytes_("pixel center")
        point = file.require_group("corrections").create_dataset("reference_point", data=0)
        point.attrs["rows"], point.attrs["cols"] = [5], [6]
    return path


def write_look(
    folder: Path,
    shape: tuple[int, int],
    *,
    track: str = "asc",
    cell: tuple[float, float] = (OPERA_CELL, OPERA_CELL),
    corner: tuple[float, float] = (OPERA_LEFT, OPERA_TOP),
    crs: str = "EPSG:32649",
    length: float = 1.0,
) -> list[Path]:
    """Write los_east.tif and los_north.tif, 0 = nodata, with a plane in them and an empty first row."""
    folder.mkdir(parents=True, exist_ok=True)
    e, n, _ = look(track)
    out = []
    for name, value in (("los_east", e), ("los_north", n)):
        plane = value * length * (1 + 1e-5 * np.arange(shape[1])[None, :]) * np.ones(shape)
        plane[0] = 0
        profile = {"driver": "GTiff", "height": shape[0], "width": shape[1], "count": 1, "dtype": "float32",
                   "crs": crs, "transform": Affine(cell[0], 0, corner[0], 0, -cell[1], corner[1]),
                   "nodata": 0.0, "tiled": True, "blockxsize": 64, "blockysize": 64}  # fmt: skip
        with rasterio.open(folder / f"{name}.tif", "w", **profile) as target:
            target.write(plane.astype("f4"), 1)
        out.append(folder / f"{name}.tif")
    return out
