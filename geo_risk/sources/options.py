"""What a reader is told about a file beside its path."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from geo_risk.core.params import Params

Resampling = Literal["nearest", "bilinear", "cubic", "average"]


class ReadOptions(Params):
    """Facts about a file that the file itself does not state, as the configuration gives them."""

    units: str | None = Field(None, description="Unit of its values, where the file does not say it itself.")
    crs: str | None = Field(None, description="CRS as EPSG:nnnn, where the file does not say it itself.")
    nodata: float | None = Field(None, description="Value that means missing, beside the one the file declares.")
    layer: str | None = Field(None, description="Layer of a file with several (GeoPackage), or sheet of a workbook.")
    encoding: str | None = Field(None, description="Text encoding, such as gb18030, where it is not UTF-8.")
    resampling: Resampling | None = Field(
        None, description="How a raster is brought onto the run grid; the default depends on the quantity."
    )


class TrackOptions(Params):
    """Facts about the files of an InSAR track that they do not state themselves, as the configuration gives them."""

    units: str | None = Field(None, description="Unit of the values, where the file does not say it itself.")
    crs: str | None = Field(None, description="CRS as EPSG:nnnn, where the file does not say it itself.")
    positive: Literal["toward", "away"] | None = Field(
        None, description="Which LOS motion is positive in the file, where the product does not fix it."
    )
    registration: Literal["corner", "centre"] | None = Field(
        None,
        description="Whether the first coordinate in the file is the corner or the centre of the first cell, where the "
        "files leave it open.",
    )
    posting_m: float | None = Field(
        None, description="Cell size that the points of a point product are averaged over [m].", ge=5, le=5000
    )
    component: Literal["los", "vertical", "east"] | None = Field(
        None, description="What the motion in a point file is a component of, where its columns and name leave it open."
    )
    incidence_deg: float | None = Field(
        None, description="Incidence angle of points or a stack without look vectors [degree].", gt=10, lt=70
    )
    heading_deg: float | None = Field(
        None, description="Heading of the satellite, clockwise from north, right-looking [degree]; with incidence_deg.",
        ge=-360, le=360,
    )  # fmt: skip
    wavelength_m: float | None = Field(
        None, description="Wavelength of the radar [m], where the product does not state it.", gt=0.01, lt=1
    )
    gacos: Path | None = Field(
        None, description="Folder of GACOS delays (YYYYMMDD.ztd with .rsc, or YYYYMMDD.ztd.tif) to take off the series."
    )

    def said(self) -> dict[str, str | float]:
        """Return what the configuration does say of the files, by field; corrections and the sensor do not count."""
        kept = set(TrackOptions.model_fields) - {"gacos", "wavelength_m"}
        return {k: v for k, v in self.model_dump().items() if v is not None and k in kept}


class RainOptions(Params):
    """Facts about a rain series that its files do not state, or state wrongly, as the configuration gives them."""

    units: str | None = Field(
        None, description="Unit of the values, such as mm, m or mm/h; given here it holds against the file's own."
    )
    crs: str | None = Field(None, description="CRS as EPSG:nnnn, where the file does not say it itself.")
    nodata: float | None = Field(None, description="Value that means missing, beside the one the file declares.")
    encoding: str | None = Field(None, description="Text encoding, such as gb18030, where it is not UTF-8.")
    stamp: Literal["start", "end"] | None = Field(
        None, description="Whether a time is the start or the end of its interval; in a MICAPS file with a lead, "
        "`start` means that the lead is to be added to the time.",
    )  # fmt: skip
    time_zone: str | None = Field(
        None, description="Zone of the times, such as UTC, +08:00 or Asia/Shanghai, where the files name none."
    )
    kind: Literal["amount", "rate", "running"] | None = Field(
        None, description="What a value is: the amount of its interval, the mean rate over it, or the running total "
        "since the last reset (00 UTC in ERA5-Land, else the start of the forecast).",
    )  # fmt: skip
    interval_h: float | None = Field(
        None, description="Length of an interval, where one time alone leaves it open [h].", gt=0, le=744
    )

    def said(self) -> dict[str, str | float]:
        """Return what the configuration does say, by field."""
        return {k: v for k, v in self.model_dump().items() if v is not None}


class ReadLimits(Params):
    """Limits on what is read, checked from headers before anything is loaded."""

    max_pixels: int = Field(
        4_000_000_000, description="Pixels of one raster, bands counted; larger ones are refused.", gt=0
    )
    max_vertices: int = Field(50_000_000, description="Vertices of one vector file; larger ones are refused.", gt=0)
    max_bytes: int = Field(50_000_000_000, description="Uncompressed bytes of one raster.", gt=0)
    max_masked_share: float = Field(
        0.05, description="Share of impossible values (they are masked) above which an input is refused.", ge=0, le=1
    )
    min_valid_fraction: float = Field(
        0.05, description="Share of the run grid an input must cover, else what it makes is incomplete.", ge=0, le=1
    )


NO_OPTIONS = ReadOptions()
"""Nothing beside the path is known."""

NO_RAIN_OPTIONS = RainOptions()
"""Nothing beside the path of a rain series is known."""

NO_TRACK_OPTIONS = TrackOptions()
"""Nothing beside the paths of a track is known."""

LIMITS = ReadLimits()
"""The default limits."""
