"""Open and read every input of a configuration, and collect all problems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geo_risk.core.errors import GeoRiskError
from geo_risk.flow.config import Config, load_config
from geo_risk.flow.identity import file_sha256, files_in
from geo_risk.flow.inputs import Source
from geo_risk.flow.pipelines import build_plan
from geo_risk.sources.checks import FileFacts, inspect_file, inspect_track
from geo_risk.sources.checksums import verify_file
from geo_risk.sources.former import former_options
from geo_risk.sources.rain_checks import inspect_gauges, inspect_rain


@dataclass(frozen=True)
class CheckReport:
    """What was found in every input, and problems that belong to no single one: (what, where, fix)."""

    inputs: tuple[FileFacts, ...]
    problems: tuple[tuple[str, str, str], ...]

    @property
    def is_good(self) -> bool:
        """Return whether a run may start."""
        return not self.problems and not any(f.problems for f in self.inputs)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for --json."""
        return {
            "good": self.is_good,
            "inputs": [f.to_dict() for f in self.inputs],
            "problems": [{"what": what, "where": where, "fix": fix} for what, where, fix in self.problems],
        }


def check(config: Path, *, overrides: Sequence[str] = ()) -> CheckReport:
    """Return what every input is and every problem found; nothing is written.

    Raises
    ------
    ConfigError : the configuration itself cannot be used.
    """
    cfg = load_config(config, overrides=overrides)
    problems: list[GeoRiskError] = []
    for key, path in cfg.files().items():
        for inner in files_in(path) if path.exists() else []:
            try:
                verify_file(inner, where=key, sha256=file_sha256)
            except GeoRiskError as error:
                problems.append(error)
    inputs = _inspect(cfg)
    try:
        plan = build_plan(cfg, config=config)
        _check_grid(plan, cfg, inputs)
    except GeoRiskError as error:
        problems.append(error)
    return CheckReport(tuple(inputs), tuple((p.what, p.where, p.fix) for p in problems))


def _inspect(cfg: Config) -> list[FileFacts]:
    inputs = cfg.inputs
    found: list[FileFacts] = []
    for name in type(inputs).model_fields:
        value = getattr(inputs, name)
        if isinstance(value, Source):
            former = name == "previous_bulletin"
            options = former_options(value.file, value.options) if former else value.options
            found.append(inspect_file(value.file, key=f"inputs.{name}", options=options, limits=cfg.storage))
    for i, track in enumerate(inputs.insar):
        key = f"inputs.insar[{i}] ({track.track})"
        found.append(
            inspect_track(
                track.files, key=key, geometry=track.geometry, coherence=track.coherence, options=track.options
            )
        )
    rain = inputs.rainfall
    for i, forecast in enumerate(rain.forecast):
        found.append(inspect_rain(forecast.file, key=f"inputs.rainfall.forecast[{i}]", options=forecast.rain))
    series = [("observed", rain.observed), *((f"past_events[{i}]", event) for i, event in enumerate(rain.past_events))]
    for name, source in series:
        if source is not None:
            found.append(inspect_rain(source.file, key=f"inputs.rainfall.{name}", options=source.rain))
    if rain.gauges is not None:
        found.append(inspect_gauges(rain.gauges.file, key="inputs.rainfall.gauges", options=rain.gauges.rain))
    return found


def _check_grid(plan: Any, cfg: Config, inputs: Sequence[FileFacts]) -> None:
    """Make the run grid as the run would, so that what is wrong with `area` is found; nothing is written."""
    from geo_risk.flow.steps.grid import grid_of_step

    step = next((s for s in plan.steps if s.name == "grid"), None)
    if step is None or any(f.problems for f in inputs) or (cfg.area.boundary and not cfg.area.boundary.exists()):
        return
    grid_of_step(**step.reads, **step.params)
