"""Find a pipeline by name, load it, and let it build the plan of a run."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from geo_risk.core.errors import ConfigError, GeoRiskError
from geo_risk.flow.config import Config
from geo_risk.flow.plan import Plan

_PACKAGE = Path(__file__).resolve().parents[1]


def shipped(kind: str) -> Path:
    """Return the folder of shipped pipelines, configs, notebooks or data: of the source tree, else of the wheel."""
    inside = _PACKAGE / "_shipped" / kind
    return inside if inside.is_dir() else _PACKAGE.parent / kind


def find_pipeline(name: str, *, config: Path) -> Path:
    """Return the file of a pipeline: NAME.py beside the configuration, else the shipped one.

    Raises
    ------
    ConfigError : neither is there; the nearest shipped name is suggested.
    """
    stem = name.removesuffix(".py")
    beside = config.resolve().parent / f"{stem}.py"
    if beside.is_file():
        return beside
    folder = shipped("pipelines")
    ours = folder / f"{stem}.py"
    if "/" not in stem and ours.is_file():
        return ours
    names = sorted(p.stem for p in folder.glob("*.py") if not p.stem.startswith("_"))
    near = difflib.get_close_matches(stem, names, n=1)
    fix = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(names)}, or put {stem}.py beside it"
    what = f"there is no pipeline {name!r}, shipped or beside the configuration"
    raise ConfigError(what, where=f"{config}, pipeline", fix=fix)


def build_plan(cfg: Config, *, config: Path) -> Plan:
    """Return the plan that the configured pipeline builds.

    Raises
    ------
    ConfigError : the pipeline cannot be loaded, has no `build(plan)`, or leaves nothing to do.
    """
    path = find_pipeline(cfg.pipeline, config=config)
    module = _load(path)
    plan = Plan(cfg)
    build = getattr(module, "build", None)
    if not callable(build):
        what = "the pipeline has no function build(plan)"
        raise ConfigError(what, where=str(path), fix="define `def build(plan: Plan) -> None:`")
    build(plan)
    _check(plan, path)
    return plan


def _load(path: Path) -> ModuleType:
    name = f"geo_risk_pipeline_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        what = "the pipeline cannot be loaded"
        raise ConfigError(what, where=str(path), fix="give a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except GeoRiskError:
        raise
    except Exception as error:
        line = getattr(error, "lineno", None)
        what = f"the pipeline cannot be loaded: {type(error).__name__}: {error}"
        raise ConfigError(what, where=f"{path}, line {line}" if line else str(path), fix="mend the file") from error
    return module


def _check(plan: Plan, path: Path) -> None:
    names = [step.name for step in plan.steps]
    doubled = sorted({n for n in names if names.count(n) > 1})
    if doubled:
        what = f"the pipeline adds steps twice: {', '.join(doubled)}"
        raise ConfigError(what, where=str(path), fix="give each step a name of its own")
    if not names:
        needs = sorted({need for o in plan.omissions for need in o.needs})
        what = f"nothing can be done: every step lacks an input ({', '.join(needs)})"
        raise ConfigError(what, where=f"{path.name}, inputs", fix="add at least a raster, such as inputs.dem")
