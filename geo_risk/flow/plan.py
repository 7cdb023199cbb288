"""The plan of a run: ordered steps with the files they read and write, and what is left out because of what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.core.errors import ConfigError
from geo_risk.core.names import is_published_raster
from geo_risk.core.params import Params

if TYPE_CHECKING:
    from geo_risk.flow.config import Config
    from geo_risk.flow.inputs import Source

Reads = Mapping[str, "Path | list[Path] | None"]

_TRACKS = "insar"
"""The input behind an empty list of paths: the one list whose members are products of steps, one a track."""


@dataclass(frozen=True)
class Step:
    """One task: a function that is called with its reads, writes and parameters by keyword.

    Attributes
    ----------
    name : dotted, unique in a run, such as "deformation.velocity[asc]".
    function : module-level function; returns nothing and writes exactly `writes`.
    reads : path (or list of paths, or None for an optional one that is not there) by keyword.
    writes : path by keyword.
    params : parameter models or plain values by keyword; their values are part of the step's identity.
    """

    name: str
    function: Callable[..., None]
    reads: dict[str, Path | list[Path] | None]
    writes: dict[str, Path]
    params: dict[str, Any]


@dataclass(frozen=True)
class Omission:
    """A step that was left out, its products, and the inputs that it, or a step before it, would have needed."""

    step: str
    products: tuple[str, ...]
    needs: tuple[str, ...]


@dataclass
class Plan:
    """Collects steps in order; a step whose required reads cannot be had is left out by name.

    Parameters
    ----------
    cfg : the frozen configuration.

    Raises
    ------
    ConfigError : an input lies in the output folder, where files are replaced and a path means a product of the run.
    """

    cfg: Config
    steps: list[Step] = field(default_factory=list)
    omissions: list[Omission] = field(default_factory=list)
    _lost: dict[Path, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse inputs in the output folder."""
        inside = {key: path for key, path in self.cfg.files().items() if self._is_inside(path)}
        if inside:
            what = f"{', '.join(f'{k} ({p.name})' for k, p in inside.items())} in the output folder {self.cfg.output}"
            fix = "give another `output`, or copy the file out of it: a run replaces what is there"
            raise ConfigError(what, where=", ".join(inside), fix=fix)

    @property
    def work(self) -> Path:
        """The folder of the run's own state, inside the output folder."""
        return self.cfg.output / ".work"

    @property
    def out(self) -> Path:
        """Where tasks write the products of the contract; a run that ends well links them into the output folder."""
        return self.work / "stage"

    @property
    def between(self) -> Path:
        """Where tasks write what only later tasks read."""
        return self.work / "between"

    def input(self, name: str) -> Path | list[Path] | None:
        """Return the absolute path of a configured input such as "dem" or "rainfall.observed".

        A list where the input takes several files, None where it is not given.

        Raises
        ------
        KeyError : the contract has no such input.
        """
        return self.cfg.input(name)

    def source(self, name: str) -> Source | None:
        """Return an input with its file, units, crs, nodata, layer, encoding and resampling, to pass as a parameter."""
        return self.cfg.source(name)

    def layer(self, name: str) -> Path:
        """Return where a raster of this name lives: `layers/` for those of the contract, else the work folder."""
        folder = self.out / "layers" if is_published_raster(name) else self.between
        return folder / f"{name}.tif"

    def frame(self, name: str) -> Path:
        """Return where a table or vector layer of this name lives between tasks."""
        return self.between / f"{name}.gpkg"

    def facts(self, name: str) -> Path:
        """Return where plain facts (audits, counts, gaps, notes for the report) of this name live, as JSON."""
        return self.between / f"{name}.json"

    def cube(self, name: str) -> Path:
        """Return where a (time, y, x) dataset of this name lives between tasks, as NetCDF."""
        return self.between / f"{name}.nc"

    def has(self, path: Path | None) -> bool:
        """Return whether a path is an input that is there or a product of an earlier step."""
        return path is not None and (path in self._products() or not self._is_inside(path))

    def add(
        self,
        name: str,
        function: Callable[..., None],
        *,
        reads: Reads,
        writes: Mapping[str, Path],
        optional: Reads | None = None,
        kept: Reads | None = None,
        **params: Params | str | float | int | bool | list[Any] | tuple[Any, ...] | dict[str, Any] | None,
    ) -> bool:
        """Add a step; return False where a required read is missing, and remember why.

        Parameters
        ----------
        name : dotted name, a track or stage in brackets.
        function : module-level function, called with all reads, writes and params by keyword.
        reads : required paths; None means the config does not give this input (use the config key as keyword), an
            empty list that it gives no InSAR track whose products it could hold.
        writes : paths of the products.
        optional : paths that the function can do without; those not available are passed as None.
        kept : paths that earlier runs left in the output folder and no step of this one makes, or None.
        params : parameter models and plain values.
        """
        missing = tuple(key for key, value in reads.items() if not self._all_there(value))
        if missing:
            needs = tuple(dict.fromkeys(need for key in missing for need in self._needs_of(key, reads[key])))
            self._lost.update(dict.fromkeys(writes.values(), needs))
            self.omissions.append(Omission(name, tuple(p.stem for p in writes.values()), needs))
            return False
        chosen = {key: value if self._all_there(value) else None for key, value in (optional or {}).items()}
        self.steps.append(Step(name, function, {**dict(reads), **chosen, **(kept or {})}, dict(writes), dict(params)))
        return True

    def _needs_of(self, key: str, value: Path | list[Path] | None) -> tuple[str, ...]:
        """Return the inputs behind a missing read: those that kept its own step from being added, else its key."""
        if value == []:
            return (_TRACKS,)
        paths = value if isinstance(value, list) else [] if value is None else [value]
        behind = [need for path in paths if not self.has(path) for need in self._lost.get(path, ())]
        return tuple(dict.fromkeys(behind)) or (key,)

    def _all_there(self, value: Path | list[Path] | None) -> bool:
        if isinstance(value, list):
            return bool(value) and all(self.has(p) for p in value)
        return self.has(value)

    def _products(self) -> set[Path]:
        return {p for step in self.steps for p in step.writes.values()}

    def _is_inside(self, path: Path) -> bool:
        return path.is_relative_to(self.cfg.output)
