"""Run a configuration from data to published products, or say what a run would do."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path

from geo_risk.core.errors import ConfigError, DataError, GeoRiskError, raise_all
from geo_risk.flow.cluster import ClusterChoice, cluster, retried
from geo_risk.flow.config import Config, load_config
from geo_risk.flow.finished import mark, unmark
from geo_risk.flow.identity import file_sha256, files_in
from geo_risk.flow.issues import recorded
from geo_risk.flow.lock import locked
from geo_risk.flow.manifest import build_manifest, is_current, products, read_manifest
from geo_risk.flow.pipelines import build_plan
from geo_risk.flow.plan import Omission, Plan, Step
from geo_risk.flow.publication import publish, remove_leftovers
from geo_risk.flow.session import Observer, TaskReport, run_session
from geo_risk.publish.frames import write_json
from geo_risk.sources.checksums import verify_file
from geo_risk.sources.layers import read_json


@dataclass(frozen=True)
class RunReport:
    """What a run did or would do.

    `published` are the names in the output folder that are new or changed; `is_complete` is False where only some
    tasks were asked for, and then nothing is published.
    """

    name: str
    output: Path
    tasks: tuple[TaskReport, ...]
    omissions: tuple[Omission, ...]
    seconds: float
    published: tuple[str, ...] = ()
    is_complete: bool = True
    cluster: str = ""
    leftovers: int = 0

    @property
    def ran(self) -> tuple[TaskReport, ...]:
        """Tasks that ran."""
        return tuple(t for t in self.tasks if t.outcome == "done")

    def to_dict(self) -> dict[str, object]:
        """Return plain values for --json."""
        return {
            "name": self.name,
            "output": str(self.output),
            "tasks": [
                {"name": t.name, "outcome": t.outcome, "seconds": t.seconds, "reasons": list(t.reasons)}
                for t in self.tasks
            ],
            "omitted": [{"step": o.step, "products": list(o.products), "needs": list(o.needs)} for o in self.omissions],
            "published": list(self.published),
            "is_complete": self.is_complete,
            "seconds": self.seconds,
            "cluster": self.cluster,
        }


def run(
    config: Path,
    *,
    overrides: Sequence[str] = (),
    names: Sequence[str] = (),
    force: bool = False,
    choice: ClusterChoice | None = None,
    observe: Observer | None = None,
) -> RunReport:
    """Run what is not up to date and publish it.

    Parameters
    ----------
    config : the YAML file. overrides : "key.path=value" each.
    names : tasks to run with all they need (names or patterns such as "deformation*"); empty for all.
    force : run even what is up to date.
    choice : where Dask works; None takes the configuration's.
    observe : is told of each task when it starts ("running") and when it is over.

    Raises
    ------
    GeoRiskError : of the configuration, the data, or the environment. Nothing published before is harmed.
    """
    began = time.perf_counter()
    cfg = load_config(config, overrides=overrides)
    check_inputs(cfg)
    plan = build_plan(cfg, config=config)
    steps = select(plan.steps, names)
    with locked(plan.work):
        leftovers = remove_leftovers(cfg.output)
        with cluster(choice or choice_of(cfg)) as where:
            tasks = _run_steps(steps, plan, force=force, observe=observe, retries=cfg.cluster.retries)
            done = tuple(tasks)
            published = () if names else _finish(plan, config, done, where)
            if not names:
                mark(plan.work, cfg)
    seconds = round(time.perf_counter() - began, 3)
    return RunReport(cfg.name, cfg.output, done, tuple(plan.omissions), seconds, published, is_complete=not names,
                     cluster=where, leftovers=leftovers)  # fmt: skip


def plan_run(
    config: Path, *, overrides: Sequence[str] = (), names: Sequence[str] = (), force: bool = False
) -> RunReport:
    """Return what a run would do and why; nothing runs, and nothing is written into a folder without a run."""
    began = time.perf_counter()
    cfg = load_config(config, overrides=overrides)
    check_inputs(cfg)
    plan = build_plan(cfg, config=config)
    steps = select(plan.steps, names)
    state = plan.work / "state"
    with tempfile.TemporaryDirectory() as nowhere:
        folder = state if state.is_dir() else Path(nowhere)
        tasks = run_session(steps, state=folder, around=lambda _step, call: call(), force=force, explain=True)
    seconds = round(time.perf_counter() - began, 3)
    return RunReport(cfg.name, cfg.output, tuple(tasks), tuple(plan.omissions), seconds, is_complete=not names)


def check_inputs(cfg: Config) -> None:
    """Make sure that every configured file is there and matches the checksum list beside it, if there is one.

    Raises
    ------
    DataError : naming every file that is missing or does not match.
    """
    problems: list[GeoRiskError] = []
    for key, path in cfg.files().items():
        if not path.exists():
            what = f"{path.name} is not there"
            problems.append(DataError(what, where=f"{key}: {path}", fix="mend the path, or leave this input out"))
            continue
        for inner in files_in(path):
            try:
                verify_file(inner, where=key, sha256=file_sha256)
            except DataError as error:
                problems.append(error)
    raise_all(problems)


def choice_of(cfg: Config) -> ClusterChoice:
    """Return where Dask works by the configuration."""
    c = cfg.cluster
    return ClusterChoice(c.scheduler, c.workers, c.memory_limit, retries=c.retries)


def select(steps: Sequence[Step], names: Sequence[str]) -> list[Step]:
    """Return the steps named, by name or pattern, with all they need, in order; all of them where none is named.

    Raises
    ------
    ConfigError : a name fits no step.
    """
    if not names:
        return list(steps)
    wanted: set[str] = set()
    for pattern in names:
        found = {
            s.name for s in steps if s.name == pattern or fnmatch(s.name, pattern) or s.name.split("[")[0] == pattern
        }
        if not found:
            what = f"no task is called {pattern!r}"
            raise ConfigError(what, where="TASK", fix=f"use one of: {', '.join(s.name for s in steps)}")
        wanted |= found
    needed: set[Path] = set()
    for step in reversed(steps):
        if step.name in wanted or needed & set(step.writes.values()):
            wanted.add(step.name)
            for value in step.reads.values():
                needed.update(value if isinstance(value, list) else [] if value is None else [value])
    return [s for s in steps if s.name in wanted]


def _run_steps(
    steps: list[Step], plan: Plan, *, force: bool, observe: Observer | None, retries: int
) -> list[TaskReport]:
    again: dict[str, int] = {}

    def around(step: Step, call: object) -> None:
        if observe is not None:
            observe(TaskReport(step.name, "running"))
        unmark(plan.work)
        again[step.name] = retried(call, name=step.name, retries=retries)  # type: ignore[arg-type]

    timings = plan.work / "timings.json"

    def tell(report: TaskReport) -> None:
        if report.outcome == "done":
            _remember(timings, report)
        if observe is not None:
            tries = again.get(report.name, 0)
            observe(replace(report, reasons=(f"tried again {tries} times",)) if tries else report)

    return run_session(steps, state=plan.work / "state", around=around, observe=tell, force=force)


def _remember(path: Path, report: TaskReport) -> None:
    write_json({**_seconds(path), report.name: report.seconds}, path)


def _seconds(path: Path) -> dict[str, float]:
    try:
        found = read_json(path)
    except (OSError, json.JSONDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _finish(plan: Plan, config: Path, tasks: tuple[TaskReport, ...], where: str) -> tuple[str, ...]:
    """Publish what the tasks made; nothing where the output folder already holds it."""
    manifest = read_manifest(plan.cfg.output)
    if not any(t.outcome == "done" for t in tasks) and is_current(manifest, plan):
        return ()
    names = {step.name for step in plan.steps}
    seconds = {k: v for k, v in _seconds(plan.work / "timings.json").items() if k in names}
    made = build_manifest(plan, config=config, seconds=seconds, cluster=where)
    files = products(plan.steps, plan.out)
    state = next((s.writes["state"] for s in plan.steps if "state" in s.writes), None)
    if state is not None:
        issue = recorded(plan.cfg.output, state, is_run=True)
        made, files = made | {"issues": issue.rows}, files | issue.files
    return tuple(publish(plan.cfg.output, files, made))
