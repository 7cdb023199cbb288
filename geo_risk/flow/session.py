"""One pytask session over the steps of a plan: what runs, what is up to date, and why."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from geo_risk.core.errors import GeoRiskError
from geo_risk.flow.plan import Step
from geo_risk.flow.tasks import StepTask
from geo_risk.publish.atomic import disk_full, is_full, write_text

Outcome = Literal["running", "done", "up to date", "would run", "failed", "not reached"]
Around = Callable[[Step, Callable[[], None]], None]


@dataclass(frozen=True)
class TaskReport:
    """What became of one task: its outcome, seconds, and in a plan the reasons why it would run."""

    name: str
    outcome: Outcome
    seconds: float = 0.0
    reasons: tuple[str, ...] = ()


Observer = Callable[[TaskReport], None]


def run_session(
    steps: list[Step],
    *,
    state: Path,
    around: Around,
    observe: Observer | None = None,
    force: bool = False,
    explain: bool = False,
) -> list[TaskReport]:
    """Run the steps that are not up to date, or only say which and why.

    Parameters
    ----------
    steps : in order; a step comes after those whose products it reads.
    state : folder of pytask's lockfile and database.
    around : calls the step (retries, messages). observe : is told of each task when it is over.
    force : run all. explain : run nothing, give reasons.

    Raises
    ------
    GeoRiskError : what a step raised, DiskFullError where the state could not be written. Any other exception of a
        step is raised as it is: a bug.
    """
    tasks = [StepTask(step, i, state, around) for i, step in enumerate(steps)]
    if observe is not None:
        for task in tasks:
            task.attributes["observe"] = lambda t, r: observe(_report(t, r, explain=explain))
    try:
        log = _build(tasks, state, force=force, explain=explain)
    except OSError as error:
        if is_full(state):
            raise disk_full(state) from error
        raise
    reports = [_report(task, task.attributes.get("report"), explain=explain) for task in tasks]
    for task in tasks:
        _raise_failure(task)
    if any(r.outcome == "not reached" for r in reports):
        if is_full(state):
            raise disk_full(state)
        raise RuntimeError(log)
    return reports


def _build(tasks: list[StepTask], state: Path, *, force: bool, explain: bool) -> str:
    import pytask

    nowhere = state / "nothing"
    nowhere.mkdir(parents=True, exist_ok=True)
    config = state / "pytask.toml"
    if not config.exists():
        write_text(config, "[tool.pytask.ini_options]\n")
    with _quiet() as log:
        session = pytask.build(
            tasks=tasks, config=config, paths=nowhere, capture=pytask.CaptureMethod.NO, verbose=0, force=force,
            explain=explain, show_traceback=False, disable_warnings=True, stop_after_first_failure=True,
        )  # fmt: skip
    if not hasattr(session, "execution_reports"):
        return log.getvalue()
    for report in session.execution_reports:
        report.task.attributes.setdefault("report", report)
    return log.getvalue()


@contextmanager
def _quiet() -> Iterator[io.StringIO]:
    """Keep what pytask prints out of the terminal; standard output belongs to the command."""
    from pytask import console

    before, log = console.file, io.StringIO()
    console.file = log
    try:
        yield log
    finally:
        console.file = before


def _report(task: StepTask, report: Any, *, explain: bool) -> TaskReport:
    from pytask import TaskOutcome

    names: dict[Any, Outcome] = {
        TaskOutcome.SUCCESS: "done", TaskOutcome.SKIP_UNCHANGED: "up to date",
        TaskOutcome.WOULD_BE_EXECUTED: "would run", TaskOutcome.FAIL: "failed",
    }  # fmt: skip
    outcome: Outcome = "not reached" if report is None else names.get(report.outcome, "not reached")
    reasons = _reasons(task) if explain and outcome == "would run" else ()
    return TaskReport(task.name, outcome, round(task.seconds, 3), reasons)


def _raise_failure(task: StepTask) -> None:
    report = task.attributes.get("report")
    if report is None or not report.exc_info or report.outcome.name != "FAIL":
        return
    error = report.exc_info[1]
    if isinstance(error, GeoRiskError | KeyboardInterrupt):
        raise error
    if isinstance(error, OSError) and any(is_full(p.parent) for p in task.step.writes.values() if p.parent.exists()):
        raise disk_full(next(iter(task.step.writes.values()))) from error
    if isinstance(error, BaseException):
        error.add_note(f"in task {task.name}")
        raise error


def _reasons(task: StepTask) -> tuple[str, ...]:
    explanation = task.attributes.get("explanation")
    out: list[str] = []
    for change in explanation.reasons if explanation else ():
        if change.node_type == "source" and change.reason == "not_in_db":
            return ("it has not been run yet",)
        out.append(_sentence(task, change))
    return tuple(dict.fromkeys(out))


def _sentence(task: StepTask, change: Any) -> str:
    if change.reason == "cascade":
        return f"task {change.node_name} would run before it"
    if change.reason == "forced":
        return "it is forced"
    if change.node_type == "source":
        return "the code changed"
    if change.node_type == "product":
        what = "is missing" if change.reason == "missing" else "is not what the task wrote"
        return f"product {Path(change.node_name).name} {what}"
    name = change.node_name.partition("::")[2]
    if name:
        verb = "is new" if change.reason == "not_in_db" else "changed"
        return f"the set of inputs {verb}" if name == "given inputs" else f"parameter {name} {verb}"
    keys = [k for k, v in task.step.reads.items() if v is not None and change.node_name in _names(v, task.root)]
    shown = f"input {keys[0] if keys else Path(change.node_name).stem} ({Path(change.node_name).name})"
    return f"{shown} {'is missing' if change.reason == 'missing' else 'changed'}"


def _names(value: Path | list[Path], root: Path) -> list[str]:
    return [Path(os.path.relpath(p, root)).as_posix() for p in (value if isinstance(value, list) else [value])]
