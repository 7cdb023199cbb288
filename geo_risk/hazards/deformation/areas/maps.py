"""The maps of one track that moving areas are looked for on."""

from __future__ import annotations

from dataclasses import dataclass

from geo_risk.hazards.deformation.areas.noise import F32


@dataclass(frozen=True)
class TrackMaps:
    """Maps of one track on the detection grid, (y, x) float32, NaN missing.

    Attributes
    ----------
    name : of the track.
    velocity, velocity_std : [mm/yr], LOS, positive toward the satellite.
    annual : sine and cosine of the yearly term [mm], or None.
    residual_std : of the series [mm], or None.
    los : east, north, up of the unit vector ground to satellite.
    """

    name: str
    velocity: F32
    velocity_std: F32
    los: tuple[F32, F32, F32]
    annual: tuple[F32, F32] | None = None
    residual_std: F32 | None = None
