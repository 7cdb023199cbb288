"""Small synthetic tracks: a tilted scene with noise and a few movers, as datasets and as MintPy files."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import xarray as xr

LOS = {"asc": (-0.62, -0.11, 0.7769), "desc": (0.62, -0.11, 0.7769)}
CELL = 60.0
LEFT, TOP = 510_000.0, 4_065_000.0


def times(n: int = 60) -> np.ndarray:
    return np.datetime64("2022-07-03", "ns") + np.arange(n) * np.timedelta64(12, "D")


def dataset(displacement_m: np.ndarray, *, track: str = "asc", height: np.ndarray | None = None) -> xr.Dataset:
    """Wrap (time, y, x) metres as `open_insar` would."""
    n_t, n_y, n_x = displacement_m.shape
    coords = {
        "time": times(n_t),
        "y": TOP - CELL * (np.arange(n_y) + 0.5),
        "x": LEFT + CELL * (np.arange(n_x) + 0.5),
    }
    out = xr.Dataset(
        {"displacement": (("time", "y", "x"), displacement_m.astype("f4"), {"units": "m"})},
        coords=coords,
        attrs={"crs": "EPSG:4546", "transform": [CELL, 0, LEFT, 0, -CELL, TOP], "audit": [], "track": track},
    )
    unit = np.array(LOS[track]) / np.linalg.norm(LOS[track])
    for name, value in zip(("los_east", "los_north", "los_up"), unit, strict=True):
        out[name] = (("y", "x"), np.full((n_y, n_x), value, "f4"), {"units": "1"})
    if height is not None:
        out["height"] = (("y", "x"), height.astype("f4"), {"units": "m"})
    return out


def write_mintpy(folder: Path, displacement_m: np.ndarray, *, track: str = "asc", **overrides: str) -> dict[str, Path]:
    """Write timeseries.h5 and geometryGeo.h5; overrides replace attributes (an empty text removes one)."""
    n_t, n_y, n_x = displacement_m.shape
    heading = {"asc": -13.0, "desc": -167.0}[track]
    attrs = {
        "FILE_TYPE": "timeseries", "UNIT": "m", "X_FIRST": str(LEFT), "Y_FIRST": str(TOP), "X_STEP": str(CELL),
        "Y_STEP": str(-CELL), "X_UNIT": "meters", "EPSG": "4546", "LENGTH": str(n_y), "WIDTH": str(n_x),
        "ORBIT_DIRECTION": {"asc": "ASCENDING", "desc": "DESCENDING"}[track], "REF_Y": "0", "REF_X": "0",
    }  # fmt: skip
    attrs |= overrides
    folder.mkdir(parents=True, exist_ok=True)
    days = [str(t)[:10].replace("-", "").encode() for t in times(n_t)]
    with h5py.File(folder / "timeseries.h5", "w") as file:
        file["timeseries"] = displacement_m.astype("f4")
        file["date"] = np.array(days, dtype="S8")
        file.attrs.update({k: v for k, v in attrs.items() if v})
    with h5py.File(folder / "geometryGeo.h5", "w") as file:
        file["incidenceAngle"] = np.full((n_y, n_x), 39.0, "f4")
        file["azimuthAngle"] = np.full((n_y, n_x), 90.0 - heading, "f4")
        file.attrs.update({k: v for k, v in attrs.items() if v})
    return {"files": folder / "timeseries.h5", "geometry": folder / "geometryGeo.h5"}
