"""What a run published and what is true, as the scores read them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import xarray as xr
from numpy.typing import NDArray
from rasterio import features

from geo_risk.core.errors import DataError
from geo_risk.core.grid import Grid, grid_of
from geo_risk.sources.dataset import read_dataset
from geo_risk.sources.layers import open_layer, read_json


@dataclass(frozen=True)
class RunOutput:
    """The output folder of a run."""

    folder: Path

    def __post_init__(self) -> None:
        if not (self.folder / "manifest.json").is_file():
            what = f"{self.folder} holds no manifest: it is not the output of a finished run"
            raise DataError(what, where=str(self.folder), fix="give the `output` folder of a run that ended well")

    def layer(self, name: str) -> xr.DataArray | None:
        """Return a published raster, or None where the run made none."""
        path = self.folder / "layers" / f"{name}.tif"
        return open_layer(path) if path.is_file() else None

    def work_layer(self, name: str) -> xr.DataArray | None:
        """Return a raster of the work folder, or None where the run left none."""
        path = self._between(f"{name}.tif")
        return open_layer(path) if path.is_file() else None

    def work_dataset(self, name: str) -> xr.Dataset | None:
        """Return a dataset of the work folder, or None where the run left none."""
        path = self._between(f"{name}.nc")
        return read_dataset(path) if path.is_file() else None

    def manifest(self) -> dict[str, Any]:
        """Return the run's manifest."""
        found = read_json(self.folder / "manifest.json")
        return found if isinstance(found, dict) else {}

    def frame(self, name: str) -> Any:
        """Return a layer of geo_risk.gpkg (or of the work folder), or None where the run made none."""
        for path in (self.folder / "geo_risk.gpkg", self._between(f"{name}.gpkg")):
            if path.is_file() and name in {str(row[0]) for row in pyogrio.list_layers(path)}:
                return pyogrio.read_dataframe(path, layer=name)
        return None

    def facts(self, name: str) -> dict[str, Any]:
        """Return the facts a task wrote, empty where there are none."""
        path = self._between(f"{name}.json")
        found = read_json(path) if path.is_file() else {}
        return found if isinstance(found, dict) else {}

    def _between(self, name: str) -> Path:
        """Return a file of the work folder: of the warning where what is published is one's, else of the run."""
        warned = self.folder / ".work" / "warn" / "between" / name
        return warned if "warn" in self.manifest() and warned.is_file() else self.folder / ".work" / "between" / name


@dataclass(frozen=True)
class Truth:
    """A truth folder."""

    folder: Path

    def __post_init__(self) -> None:
        if not self.folder.is_dir():
            what = f"there is no truth folder {self.folder}"
            raise DataError(what, where=str(self.folder), fix="give the folder truth/ of the demo county")

    def frame(self, name: str) -> Any:
        """Return a vector layer, or None where the truth has none."""
        path = self.folder / f"{name}.gpkg"
        return pyogrio.read_dataframe(path) if path.is_file() else None

    def table(self, name: str) -> pd.DataFrame | None:
        """Return a CSV with ids as text, or None where the truth has none."""
        path = self.folder / f"{name}.csv"
        if not path.is_file():
            return None
        frame = pd.read_csv(path)
        ids = [c for c in frame.columns if c.endswith("_id") and frame[c].dtype != object]
        return frame.astype(dict.fromkeys(ids, "string"))

    def layer(self, name: str) -> xr.DataArray | None:
        """Return a raster, or None where the truth has none."""
        path = self.folder / f"{name}.tif"
        return open_layer(path) if path.is_file() else None

    @cached_property
    def rain_effective(self) -> xr.DataArray | None:
        """True effective rain of the storm (time, y, x) [mm] on its own grid, at every hour."""
        path = self.folder / "rain_effective.nc"
        if not path.is_file():
            return None
        with xr.open_dataset(path, engine="h5netcdf") as found:
            return found["rain_effective"].load()

    @cached_property
    def motion(self) -> xr.Dataset | None:
        """True motion on the InSAR grid: mover (0 still), seen_{track}."""
        path = self.folder / "motion.nc"
        if not path.is_file():
            return None
        with xr.open_dataset(path, engine="h5netcdf") as found:
            return found.load()


def grid_of_motion(motion: xr.Dataset) -> Grid:
    """Return the grid of the true motion."""
    mover = motion["mover"]
    return grid_of(
        mover.assign_coords(spatial_ref=motion["spatial_ref"]) if "spatial_ref" not in mover.coords else mover
    )


def burnt(frame: gpd.GeoDataFrame, grid: Grid) -> NDArray[np.int32]:
    """Return which polygon (1, 2, ... in order) holds each cell centre of a grid, 0 for none.

    A polygon too small to hold a centre takes the cells it touches; where two overlap the later one wins.
    """
    out = np.zeros(grid.shape, np.int32)
    shapes = frame.geometry.to_crs(grid.crs) if frame.crs is not None else frame.geometry
    for number, shape in enumerate(shapes, 1):
        if shape is None or shape.is_empty:
            continue
        for touched in (False, True):
            mask = features.geometry_mask(
                [shape], out_shape=grid.shape, transform=grid.transform, invert=True, all_touched=touched
            )
            if mask.any():
                out[mask] = number
                break
    return out
