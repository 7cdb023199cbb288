"""The frozen configuration of a run, read from strict YAML."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator

from geo_risk.core.errors import ConfigError
from geo_risk.core.params import Params
from geo_risk.flow.inputs import InputPath, Inputs, Source
from geo_risk.flow.strictyaml import Document, read_scalar, read_yaml
from geo_risk.hazards.debris_flow.params import DebrisFlowParams
from geo_risk.hazards.deformation.params import DeformationParams
from geo_risk.hazards.earthquake.params import EarthquakeParams
from geo_risk.hazards.flood.params import FloodParams
from geo_risk.hazards.landslide.params import LandslideParams
from geo_risk.hazards.rainfall.params import RainfallParams
from geo_risk.hazards.runout.params import RunoutParams
from geo_risk.hazards.stability.params import StabilityParams
from geo_risk.products.params import EvacuationParams, RiskParams
from geo_risk.products.register_params import RegisterParams
from geo_risk.products.relocation_params import RelocationParams
from geo_risk.products.siting_params import SitingParams
from geo_risk.products.warning_params import WarningParams
from geo_risk.products.waterlogging_params import WaterloggingParams
from geo_risk.sources.options import ReadLimits


class Area(Params):
    """The area of the run and its grid; what is left out comes from the first raster (the DEM where there is one)."""

    boundary: InputPath | None = Field(None, description="Polygons of the area; the grid covers them.")
    layer: str | None = Field(None, description="Layer of the boundary file, where it has several.")
    crs: str | None = Field(None, description="Metric CRS of the run, such as EPSG:4546.")
    resolution_m: float | None = Field(None, description="Cell size of the run [m].", gt=0, le=10_000)


class Basemap(Params):
    """A base map that the reader of the map may switch on; it needs the network, the map does not."""

    name: str = Field(description="Name in the layer list.", min_length=1)
    url: str = Field(description="Tile address with {z}, {x}, {y}.", pattern=r"^https?://")
    attribution: str = Field(description="Credit line.", min_length=1)
    max_zoom: int = Field(18, description="Deepest zoom of the tiles.", ge=1, le=24)


class MapSection(Params):
    """The interactive map."""

    basemaps: tuple[Basemap, ...] = Field((), description="Base maps to offer; none by default.")


class RegisterSection(RegisterParams):
    """The register of hazard points and risk zones."""

    url: str | None = Field(
        None, description="sqlite:///FILE.gpkg (relative to the configuration) or postgresql://USER@HOST/DATABASE, the "
        "password in PGPASSWORD; none: no register.",
    )  # fmt: skip

    @field_validator("url")
    @classmethod
    def _without_password(cls, value: str | None) -> str | None:
        """Refuse a password: a configuration is copied, mailed and put under version control."""
        if value is not None and "://" in value and ":" in value.partition("://")[2].rpartition("@")[0]:
            what = "it holds a password: leave it out here and set PGPASSWORD"
            raise ValueError(what)
        return value


class PublishSection(Params):
    """What is written beside the standard products."""


class StorageSection(ReadLimits):
    """Limits on what is read, checked from headers before anything is loaded."""


class ClusterSection(Params):
    """Where Dask works."""

    scheduler: str | None = Field(None, description="Address of a running scheduler, tcp://host:port.")
    workers: int | None = Field(None, description="Workers; default: the CPUs this process may use.", ge=1, le=4096)
    memory_limit: str | None = Field(None, description="Memory of a worker, such as 4GB; default: what may be used.")
    retries: int = Field(3, description="Times a task whose worker died is tried again.", ge=0, le=10)


class Config(Params):
    """A whole run. Unknown keys are errors; every section may be left out."""

    pipeline: str = Field(
        "dual_control", description="Name of a shipped pipeline, or of a .py file beside the configuration.",
        pattern=r"^[A-Za-z0-9_\-./]+$",
    )  # fmt: skip
    name: str = Field("run", description="Name of the run, printed on map and report.", min_length=1, max_length=120)
    language: Literal["zh", "en"] = Field("zh", description="Language of labels on map, lists and report.")
    area: Area = Field(default_factory=Area, description="Area, CRS and cell size.")
    inputs: Inputs = Field(default_factory=Inputs, description="Input files.")
    deformation: DeformationParams = Field(default_factory=DeformationParams, description="Deformation parameters.")
    rainfall: RainfallParams = Field(default_factory=RainfallParams, description="Rainfall parameters.")
    landslide: LandslideParams = Field(default_factory=LandslideParams, description="Landslide parameters.")
    stability: StabilityParams = Field(default_factory=StabilityParams, description="Slope stability parameters.")
    debris_flow: DebrisFlowParams = Field(default_factory=DebrisFlowParams, description="Debris-flow parameters.")
    earthquake: EarthquakeParams = Field(default_factory=EarthquakeParams, description="Earthquake parameters.")
    runout: RunoutParams = Field(default_factory=RunoutParams, description="Run-out parameters.")
    flood: FloodParams = Field(default_factory=FloodParams, description="Flood parameters.")
    risk: RiskParams = Field(default_factory=RiskParams, description="Hazard point and risk zone parameters.")
    evacuation: EvacuationParams = Field(default_factory=EvacuationParams, description="Evacuation parameters.")
    relocation: RelocationParams = Field(default_factory=RelocationParams, description="Relocation or treatment.")
    siting: SitingParams = Field(
        default_factory=SitingParams, description="Coverage by shelters and stocks, new sites."
    )
    warning: WarningParams = Field(default_factory=WarningParams, description="Warning parameters.")
    waterlogging: WaterloggingParams = Field(default_factory=WaterloggingParams, description="Waterlogging parameters.")
    register_: RegisterSection = Field(
        default_factory=RegisterSection, alias="register", description="Register of points and zones."
    )
    map: MapSection = Field(default_factory=MapSection, description="What the interactive map offers.")
    publish: PublishSection = Field(default_factory=PublishSection, description="Further products.")
    storage: StorageSection = Field(default_factory=StorageSection, description="Limits on what is read.")
    cluster: ClusterSection = Field(default_factory=ClusterSection, description="Dask.")
    output: InputPath = Field(description="Output folder, relative to the configuration file.")

    @field_validator("pipeline")
    @classmethod
    def _inside(cls, value: str) -> str:
        if value.startswith("/") or ".." in Path(value).parts:
            what = f"{value!r}: a shipped name or a file beside the configuration needed"
            raise ValueError(what)
        return value

    def source(self, name: str) -> Source | None:
        """Return the whole source (file, units, crs, ...) of an input such as "dem" or "rainfall.observed"."""
        value = self._input(name)
        return value if isinstance(value, Source) else None

    def input(self, name: str) -> Path | list[Path] | None:
        """Return the path of an input, a list where it takes several, None where it is not given.

        Raises
        ------
        KeyError : the contract has no such input.
        """
        value = self._input(name)
        if isinstance(value, Source):
            return value.file
        if name == "insar":
            return [p for t in self.inputs.insar for p in (*t.files, *(t.geometry or ()), t.coherence) if p] or None
        return [item.file for item in value] or None if isinstance(value, tuple) else None

    def _input(self, name: str) -> Any:
        value: Any = self.inputs
        for part in name.split("."):
            if not isinstance(value, Params) or part not in type(value).model_fields:
                raise KeyError(name)
            value = getattr(value, part)
        return value

    def files(self) -> dict[str, Path]:
        """Return every configured input file by its dotted key, in the order of the contract."""
        files = dict(_files(self.inputs, "inputs"))
        return files if self.area.boundary is None else {"area.boundary": self.area.boundary, **files}


def _files(value: Any, key: str) -> list[tuple[str, Path]]:
    if isinstance(value, Path):
        return [(key, value)]
    if isinstance(value, tuple):
        return [pair for i, item in enumerate(value) for pair in _files(item, f"{key}[{i}]")]
    if isinstance(value, Params):
        names = type(value).model_fields
        return [pair for n in names for pair in _files(getattr(value, n), key if n == "file" else f"{key}.{n}")]
    return []


def load_config(path: Path, *, overrides: Sequence[str] = ()) -> Config:
    """Return the configuration a YAML file holds.

    Parameters
    ----------
    path : the file. Relative paths in it start at its folder.
    overrides : "key.path=value" each, as the command line's --set gives them; list items by number.

    Raises
    ------
    ConfigError : the file cannot be read, is not strict YAML, or has a key or value that does not fit; the message
        lists every problem with its line and, for a misspelt key, the nearest valid name.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        what = f"the configuration cannot be read: {error}"
        raise ConfigError(what, where=str(path), fix="give the path of a UTF-8 YAML file") from error
    document = read_yaml(text, where=str(path))
    for override in overrides:
        _override(document.values, override)
    return build_config(document, path=path)


def build_config(document: Document, *, path: Path) -> Config:
    """Return the configuration of parsed values; `path` is the file they came from."""
    try:
        return Config.model_validate(document.values, context={"folder": path.resolve().parent})
    except ValidationError as error:
        items = sorted(error.errors(), key=lambda item: document.line(item["loc"]) or 0)
        problems = [_problem(item, document) for item in items]
        lines = [document.line(item["loc"]) for item in items]
        place = ", ".join(f"line {n}" for n in dict.fromkeys(n for n in lines if n))
        what = "; ".join(what for what, _ in problems)
        fix = " / ".join(dict.fromkeys(fix for _, fix in problems))
        raise ConfigError(what, where=f"{path}, {place}" if place else str(path), fix=fix) from error


def _override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        what = f"{override!r} is not key.path=value"
        raise ConfigError(what, where="--set", fix="write for example --set waterlogging.max_sites=50")
    value = read_scalar(text, where=f"--set {key}")
    here: Any = values
    for part, after in zip(parts, [*parts[1:], None], strict=True):
        index: Any = int(part) if isinstance(here, list) and part.isdigit() else part
        if isinstance(here, list) and not (isinstance(index, int) and index < len(here)):
            what = f"{key!r}: the list has {len(here)} items, no {part!r}"
            raise ConfigError(what, where="--set", fix="count list items from 0")
        if not isinstance(here, list | dict):
            what = f"{key!r}: {part!r} is below a plain value"
            raise ConfigError(what, where="--set", fix="check the key with `geo-risk schema`")
        if after is None:
            here[index] = value
        else:
            inner = here[index] if isinstance(here, list) else here.get(index)
            if inner is None:
                here[index] = inner = {}
            here = inner


def _problem(item: Mapping[str, Any], document: Document) -> tuple[str, str]:
    loc: tuple[int | str, ...] = item["loc"]
    key = ".".join(str(part) for part in loc) or "the file"
    line = document.line(loc)
    place = f"{key} (line {line})" if line else key
    if item["type"] == "extra_forbidden":
        names = _names_at(loc[:-1])
        near = difflib.get_close_matches(str(loc[-1]), names, n=1, cutoff=0.5)
        fix = f"did you mean {near[0]!r}?" if near else f"use one of: {', '.join(names)}" if names else "remove it"
        return f"unknown key {place}", fix
    if item["type"] == "missing":
        return f"{key} is missing", f"add `{loc[-1]}:`"
    got = item.get("input")
    is_plain = isinstance(got, str | int | float | bool | None) and "password" not in str(item["msg"])
    shown = f", got {got!r}" if is_plain else ""
    message = str(item["msg"]).removeprefix("Value error, ")
    return f"{place}: {message}{shown}", f"mend {key}; `geo-risk schema` lists every key with its meaning and bounds"


def _names_at(loc: Sequence[int | str]) -> list[str]:
    """Return the keys that are valid below a place of the configuration."""
    model: Any = Config
    for part in loc:
        fields = {f.alias or n: f for n, f in model.model_fields.items()} if _is_model(model) else {}
        model = fields[str(part)].annotation if str(part) in fields else model
        while not _is_model(model) and typing.get_args(model):
            inner = [a for a in typing.get_args(model) if a not in (types.NoneType, ...)]
            model = next((a for a in inner if _is_model(a) or typing.get_args(a)), inner[0])
    return [f.alias or n for n, f in model.model_fields.items()] if _is_model(model) else []


def _is_model(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Params)
