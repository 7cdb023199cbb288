"""The maps of one track that moving areas are looked for on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from geo_risk.hazards.deformation.areas.tiles import F32, Box, TiledMap, Windows

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class TrackWindows:
    """Maps of one track on the detection grid, (y, x) float32, NaN missing, read by window.

    Attributes
    ----------
    name : of the track.
    velocity, velocity_std : [mm/yr], LOS, positive toward the satellite.
    los : east, north, up of the unit vector ground to satellite.
    annual : sine and cosine of the yearly term [mm], or None.
    sudden : other than 0 where the series leaves its course at an end of the record (`motion.sudden`), NaN unknown;
        None without a series.
    """

    name: str
    velocity: Windows
    velocity_std: Windows
    los: tuple[Windows, Windows, Windows]
    annual: tuple[Windows, Windows] | None = None
    sudden: Windows | None = None


@dataclass(frozen=True)
class TrackMaps(TrackWindows):
    """The same as arrays."""

    velocity: F32
    velocity_std: F32
    los: tuple[F32, F32, F32]
    annual: tuple[F32, F32] | None = None
    sudden: F32 | None = None


def layer_windows(layer: xr.DataArray, *, side: int) -> TiledMap:
    """Return a lazy layer (y, x) as a map that reads the tiles it is asked for, and keeps the last ones."""

    def read(box: Box) -> F32:
        return np.asarray(layer.data[box], dtype=np.float32)

    return TiledMap((layer.shape[0], layer.shape[1]), read, side=side)
