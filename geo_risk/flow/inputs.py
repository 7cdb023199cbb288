"""What a configuration may say about its input files."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema

from geo_risk.core.params import Params
from geo_risk.hazards.rainfall.storm import IntensityFormula
from geo_risk.sources.options import RainOptions, ReadOptions, TrackOptions

VARIABLE = "GEO_RISK_REAL"
"""The one environment variable that input paths may name, as `${GEO_RISK_REAL}`: the folder of real data."""

_RAIN = RainOptions.model_fields

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+://|/vsi|[A-Za-z0-9_]{2,}:", re.IGNORECASE)


def absolute_path(value: object, info: ValidationInfo) -> Path:
    """Return a configured path made absolute: relative ones stand beside the configuration file.

    Raises
    ------
    ValueError : a URL, a /vsi path, a subdataset string, another variable than `${GEO_RISK_REAL}`, or that one unset.
    """
    if not isinstance(value, str | Path) or not str(value).strip() or "\0" in str(value):
        what = f"a file path needed, got {value!r}"
        raise ValueError(what)
    text = str(value)
    if text.startswith("${" + VARIABLE + "}"):
        folder = os.environ.get(VARIABLE)
        if not folder:
            what = f"the environment variable {VARIABLE} is not set: export it with the folder of real data"
            raise ValueError(what)
        text = str(Path(folder).resolve()) + text.removeprefix("${" + VARIABLE + "}")
    if "$" in text:
        what = f"{text!r}: only ${{{VARIABLE}}} at the start of a path is replaced"
        raise ValueError(what)
    if _URL.match(text):
        what = f"{text!r} is a URL, a virtual path or a subdataset; a plain file path needed"
        raise ValueError(what)
    base = (info.context or {}).get("folder", Path.cwd())
    return Path(os.path.normpath(Path(base) / text))


InputPath = Annotated[Path, BeforeValidator(absolute_path)]


class Source(ReadOptions):
    """One input file. A bare path in the configuration is the same as `{file: path}`."""

    file: InputPath = Field(description="Path of the file, relative to the configuration file.")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return {"file": value} if isinstance(value, str | Path) else value

    @property
    def options(self) -> ReadOptions:
        """What the configuration says about the file, without its path."""
        return ReadOptions(**self.model_dump(include=set(ReadOptions.model_fields)))

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe the short form too."""
        return {"anyOf": [{"type": "string", "description": "path of the file"}, handler(core)]}


class RainSource(Source):
    """A rain series: a file, a folder of files of one product, or a Zarr store; see docs/rain-products.md."""

    stamp: Literal["start", "end"] | None = Field(None, description=_RAIN["stamp"].description)
    time_zone: str | None = Field(None, description=_RAIN["time_zone"].description)
    kind: Literal["amount", "rate", "running"] | None = Field(None, description=_RAIN["kind"].description)
    interval_h: float | None = Field(None, description=_RAIN["interval_h"].description, gt=0, le=744)

    @property
    def rain(self) -> RainOptions:
        """What the configuration says about the series, without its path."""
        return RainOptions(**self.model_dump(include=set(RainOptions.model_fields)))


class PastEvent(RainSource):
    """Rain of a past storm; its id links reported depths and slides to it."""

    storm_id: str | None = Field(
        None, description="Id used in past depths and past slides; default: the one in the file, else the file's stem."
    )

    @property
    def id(self) -> str:
        """The storm's id."""
        return self.storm_id or self.file.stem


class Forecast(RainOptions):
    """A rain forecast as issued at one time."""

    issued: AwareDatetime = Field(description="Issue time with its zone, such as 2024-07-20T00:00:00Z.")
    file: InputPath = Field(description="Hourly rain of any known product; see docs/rain-products.md.")

    @property
    def states_issue(self) -> bool:
        """Whether the issue time is known, not taken from the warning that uses the forecast."""
        return True

    @property
    def rain(self) -> RainOptions:
        """What the configuration says about the series, without its path and issue time."""
        return RainOptions(**self.model_dump(include=set(RainOptions.model_fields)))


def _listed(value: object) -> object:
    return [value] if isinstance(value, str | Path) else value


_LAYERS = frozenset({"east", "up", "slope"})


class InsarTrack(TrackOptions):
    """One InSAR track: its displacement or velocity files, geometry and coherence."""

    track: str = Field(description="Short name, used in file names.", pattern=r"^[A-Za-z0-9\-]+$", max_length=20)
    files: Annotated[tuple[InputPath, ...], BeforeValidator(_listed)] = Field(
        description="A time series file, a velocity file, or dated GeoTIFFs (a folder of them will do).", min_length=1
    )
    geometry: Annotated[tuple[InputPath, ...] | None, BeforeValidator(_listed)] = Field(
        None, description="Look angles, or unit vectors towards the satellite; one file, several, or a folder."
    )
    coherence: InputPath | None = Field(None, description="Mean spatial or temporal coherence.")
    gacos: InputPath | None = Field(
        None, description="Folder of GACOS delays (YYYYMMDD.ztd with .rsc, or YYYYMMDD.ztd.tif) to take off the series."
    )

    @field_validator("track")
    @classmethod
    def _not_a_layer(cls, value: str) -> str:
        if value in _LAYERS:
            what = f"{value!r} is taken: velocity_{value} is the name of another layer"
            raise ValueError(what)
        return value

    @property
    def options(self) -> TrackOptions:
        """What the configuration says about the files, without their paths."""
        return TrackOptions(**self.model_dump(include=set(TrackOptions.model_fields)))

    @property
    def geometry_files(self) -> list[Path] | None:
        """The geometry as a list, None where there is none."""
        return None if self.geometry is None else list(self.geometry)


class StormFormula(Params):
    """A city's storm intensity q = 167 a (1 + c lg P) / (t + b)^n, in L/s/ha, with its document."""

    city: str = Field(description="City the formula was made for.", min_length=1)
    edition: str = Field(description="Edition or year of the formula.", min_length=1)
    document: str = Field(description="Document that publishes it.", min_length=1)
    a: float = Field(description="Coefficient A [mm/min].", gt=0)
    c: float = Field(description="Coefficient C of the return period [1].", ge=0)
    b: float = Field(description="Time constant b [min].", ge=0)
    n: float = Field(description="Exponent n [1].", gt=0)
    valid_minutes: tuple[float, float] = Field(description="Durations the formula holds for [min].")
    valid_years: tuple[float, float] = Field(description="Return periods the formula holds for [yr].")
    peak_ratio: float | None = Field(
        None,
        description="Where the peak of a Chicago storm lies, 0 to 1, by the document; needed for storms.",
        ge=0,
        le=1,
    )

    @property
    def formula(self) -> IntensityFormula:
        """The formula with its constants, validity and document.

        Raises
        ------
        DataError : the constants make no formula.
        """
        source = f"{self.city}, {self.edition}, {self.document}"
        constants = {k: getattr(self, k) for k in ("a", "c", "b", "n", "valid_minutes", "valid_years")}
        return IntensityFormula(source=source, **constants)


class AnnualMaximaSource(Source):
    """Annual maxima of rain over one duration: a table of gauges (CSV), or NetCDF with one field a year."""

    duration_h: Literal[1, 3, 6, 12, 24, 72] = Field(description="Duration that the maxima are of [h].")

    @property
    def rain(self) -> RainOptions:
        """What the configuration says about the values, without their path."""
        return RainOptions(units=self.units, crs=self.crs, encoding=self.encoding)


class RainfallInputs(Params):
    """Rain that was observed, forecast, and of past storms."""

    observed: RainSource | None = Field(None, description="Observed hourly rain of any known product.")
    forecast: tuple[Forecast, ...] = Field((), description="Forecasts with their issue times.")
    past_events: tuple[PastEvent, ...] = Field((), description="Rain of past storms, daily or hourly.")
    gauges: RainSource | None = Field(None, description="Rain at gauges, CSV; interpolated with its error.")
    annual_maxima: tuple[AnnualMaximaSource, ...] = Field(
        (), description="Annual maxima of rain by duration, at gauges or on a grid, for return periods."
    )
    climate: Source | None = Field(
        None, description="Daily series, NetCDF: pr, and for fire weather tas, hurs, sfcWind at local noon; many years."
    )
    idf: StormFormula | None = Field(None, description="The city's storm intensity formula.")


def _input(description: str) -> Any:
    return Field(None, description=description)


class Inputs(Params):
    """Every input may be left out; what depends on it is left out too, and the report says so by name."""

    dem: Source | None = _input("Terrain height [m], GeoTIFF.")
    dem_town: Source | None = _input("Terrain height of the town at 5 m or finer [m], GeoTIFF.")
    insar: tuple[InsarTrack, ...] = Field((), description="InSAR tracks.")
    ground_control: Source | None = _input("GNSS or levelling points, a table with velocity [mm/yr].")
    ground_series: Source | None = _input(
        "GNSS or levelling series: point_id, date, and height_m or displacements [mm]."
    )
    rainfall: RainfallInputs = Field(default_factory=RainfallInputs, description="Rainfall grids.")
    hazard_points: Source | None = _input("Ledger of hazard points, XLSX, CSV or GeoPackage.")
    landslide_inventory: Source | None = _input("Past landslides, points or polygons.")
    past_slides: Source | None = _input(
        "Slides of the past storms, points with storm_id, and time with its zone where it is known."
    )
    waterlogging_sites: Source | None = _input("Ledger of waterlogging sites.")
    past_depths: Source | None = _input("Depths reported at sites in past storms: storm_id, site_id, depth_m.")
    storm_reports: Source | None = _input(
        "Depths reported in the storm of the run: site_id or lon, lat; depth_m; perhaps time."
    )
    drains: Source | None = _input("Drain inlets with capacity [m3/s].")
    pumps: Source | None = _input("Pumps with capacity [m3/s].")
    mobile_pumps: Source | None = _input("Depots of mobile pumps: pump_m3_s of one, count, crews; points.")
    underground_spaces: Source | None = _input("Underground entrances with sill height [m].")
    bridges: Source | None = _input("Bridge decks, points or lines; road_id and clearance_m where known.")
    tunnels: Source | None = _input("Tunnels of roads and railways, lines.")
    culverts: Source | None = _input("Culverts, lines with diameter [m].")
    settlements: Source | None = _input("Settlements with people.")
    buildings: Source | None = _input("Building footprints.")
    population: Source | None = _input(
        "People per cell or people/km2, GeoTIFF (say which by `units`); or census points with census_id and people."
    )
    roads: Source | None = _input("Roads with class.")
    railways: Source | None = _input("Railways.")
    embankments: Source | None = _input("Dykes and embankments, lines along the crest.")
    rivers: Source | None = _input("River lines.")
    river_stations: Source | None = _input(
        "River stations with station_id and discharge_m3_s [m3/s] or stage_m [m above the bed]."
    )
    reservoirs: Source | None = _input(
        "Reservoirs and check dams; volume_m3 and dam_height_m say what a break would do."
    )
    shelters: Source | None = _input("Shelters with capacity [people].")
    facilities: Source | None = _input(
        "Schools, hospitals and other facilities: facility_id; name, kind, people, people_day where known."
    )
    stocks: Source | None = _input("Stocks of relief goods.")
    mines: Source | None = _input("Mining licences, polygons.")
    tailings_ponds: Source | None = _input("Tailings ponds.")
    planned_sites: Source | None = _input("Planned sites.")
    soils: Source | None = _input("Soils with hydrologic group A-D.")
    landcover: Source | None = _input("Land cover classes, GeoTIFF with a legend CSV beside it.")
    geology: Source | None = _input("Lithology, polygons.")
    faults: Source | None = _input("Fault lines.")
    shakemap: Source | None = _input("ShakeMap grid of an earthquake.")
    previous_bulletin: Source | None = _input(
        "Moving areas of the last bulletin: its geo_risk.gpkg, to compare with and keep their ids."
    )
    admin: Source | None = _input("County, township and village borders.")
