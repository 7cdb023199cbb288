"""Renew what a new forecast changes in a finished run, and say what is left as it was."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from geo_risk.core.errors import ConfigError, DataError, TimeError
from geo_risk.flow.cluster import ClusterChoice, cluster
from geo_risk.flow.config import Config, load_config
from geo_risk.flow.finished import check_mark
from geo_risk.flow.identity import versions
from geo_risk.flow.inputs import Forecast
from geo_risk.flow.issues import recorded
from geo_risk.flow.lock import locked
from geo_risk.flow.manifest import input_rows, output_rows, parameters, products, read_manifest, warnings
from geo_risk.flow.pair import is_paired, run_steps
from geo_risk.flow.pipelines import build_plan
from geo_risk.flow.plan import Plan, Step
from geo_risk.flow.publication import publish, remove_leftovers
from geo_risk.flow.run import choice_of
from geo_risk.flow.session import Observer, TaskReport
from geo_risk.hazards.rainfall.params import is_whole_hour
from geo_risk.sources.issues import last_before, later_than, of_time
from geo_risk.sources.layers import read_json
from geo_risk.sources.rain_issue import stated_issue

START = "rainfall.stages"
"""The step from which everything that a warning changes follows."""

GAUGES = "rainfall.gauges"
"""The step that interpolates gauges, whose file has grown since the run."""

RAIN = "rainfall.cube"
"""The step from which the other products of rain follow: accumulations, flood, waterlogging."""


MESSAGE = "warnings/cap.xml"
"""The message in the output folder."""

_RAIN_INPUTS = ("inputs.rainfall.observed", "inputs.rainfall.forecast", "inputs.rainfall.gauges")


@dataclass(frozen=True)
class WarnReport:
    """What a warning renewed and what it left.

    Attributes
    ----------
    stages : hours, issued, until, and the forecast file (None: no forecast) of each.
    changes : rows of `warnings` by what changed, and how many are unknown.
    published : names that are new or changed. renewed : names of products that were made anew.
    kept_rain : products of rain that stay as the last run made them. kept_since : when that was.
    later : issues after this one, which was made again: no message was made of it.
    unused : forecasts that were given and that no stage stands on.
    """

    output: Path
    issued: str
    previous: str | None
    stages: tuple[dict[str, Any], ...]
    changes: dict[str, int]
    tasks: tuple[TaskReport, ...]
    renewed: tuple[str, ...]
    published: tuple[str, ...]
    kept_rain: tuple[str, ...]
    kept_since: str
    seconds: float
    leftovers: int = 0
    later: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for --json."""
        return {
            "output": str(self.output), "issued": self.issued, "previous_issue": self.previous,
            "stages": list(self.stages), "changes": self.changes,
            "tasks": [{"name": t.name, "outcome": t.outcome, "seconds": t.seconds} for t in self.tasks],
            "renewed": list(self.renewed), "published": list(self.published), "kept_rain": list(self.kept_rain),
            "kept_since": self.kept_since, "seconds": self.seconds, "later_issues": list(self.later),
            "unused_forecasts": list(self.unused),
        }  # fmt: skip


def warn(
    config: Path,
    *,
    forecasts: Sequence[str],
    issued: datetime,
    overrides: Sequence[str] = (),
    again: bool = False,
    choice: ClusterChoice | None = None,
    observe: Observer | None = None,
) -> WarnReport:
    """Make the warnings of an issue time from a new forecast and the static layers of a finished run.

    Parameters
    ----------
    config : the configuration of that run. overrides : "key.path=value" each.
    forecasts : "FILE" or "FILE@TIME" each; without a time the one the file states, else `issued`. Those of the
        configuration that were issued by then count too.
    issued : issue time of every stage, with its zone.
    again : make it though a later issue stands: the products are then those of an older time, the bulletin and the
        manifest say so, and the message stays that of the later issue.
    choice, observe : as in `flow.run.run`.

    Raises
    ------
    GeoRiskError : there is no finished run, the configuration or an input other than rain changed since, a forecast
        cannot be used, a later issue stands, or the state of the earlier issue cannot be read. What was published
        stands as it was.
    """
    began = time.perf_counter()
    given = load_config(config, overrides=overrides)
    cfg = with_forecasts(given, forecasts, issued)
    check_run(given)
    plan = build_plan(cfg, config=config)
    steps = redirected(plan, steps_anew(plan))
    check_static(steps, plan)
    with locked(plan.work):
        check_run(given)
        check_mark(plan.work, given, free=_RAIN_INPUTS)
        previous, later = last_before(cfg.output, issued), check_order(cfg.output, issued, again=again)
        steps = _after(steps, {"previous": previous, "replaced": of_time(cfg.output, issued) or None}, later)
        leftovers = remove_leftovers(cfg.output)
        shutil.rmtree(plan.work / "warn", ignore_errors=True)
        chosen = choice or choice_of(cfg)
        with cluster(chosen) as where:
            tasks = run_steps(steps, observe=observe, retries=cfg.cluster.retries, paired=is_paired(chosen))
            old = read_manifest(cfg.output) or {}
            published, renewed, kept = _publish(plan, steps, config, where, tasks, later)
    facts = {p.stem: read_json(p) for s in steps for p in s.writes.values() if p.suffix == ".json"}
    known = facts["rainfall_stages"]["stages"]
    stages = tuple(_stage(s, cfg) for s in known)
    counts = facts.get("warnings", {}).get("counts", {})
    return WarnReport(
        cfg.output, issued.astimezone(UTC).isoformat(), None if previous is None else previous.stem, stages,
        {k: v for k, v in counts.items() if k not in ("rows", "gaps")}, tuple(tasks), tuple(renewed), tuple(published),
        tuple(kept), static_since(old), round(time.perf_counter() - began, 3), leftovers,
        tuple(later), _unused(cfg, known, len(forecasts)),
    )  # fmt: skip


def check_order(output: Path, issued: datetime, *, again: bool) -> list[str]:
    """Return the issues after a time by name; there are none but where it is made again.

    Raises
    ------
    DataError : a later issue stands, and `again` is not said.
    """
    later = [p.stem for p in later_than(output, issued)]
    if later and not again:
        what = f"issue {later[-1]} is later than {issued.astimezone(UTC).isoformat()}: its warnings would be taken back"
        fix = "give a later --issued; to look at the older time all the same, add --again: no message is made of it"
        raise DataError(what, where=f"--issued, {output}", fix=fix)
    return later


def _after(steps: Sequence[Step], earlier: dict[str, Path | list[Path] | None], later: Sequence[str]) -> list[Step]:
    """Return the steps that read the states before, those that say so told of the later issues."""
    return [
        replace(s, reads={**s.reads, **{k: v for k, v in earlier.items() if k in s.reads}},
                params={**s.params, **({"later": list(later)} if "later" in s.params else {})})
        for s in steps
    ]  # fmt: skip


def with_forecasts(cfg: Config, given: Sequence[str], issued: datetime) -> Config:
    """Return the configuration with the forecasts of a warning: those given, and its own that were issued by then.

    Raises
    ------
    TimeError : a time has no zone or is no whole hour, or a forecast is issued after the warning. DataError : a file is
        not there. ConfigError : no forecast is given.
    """
    if issued.tzinfo is None:
        what = f"the issue time {issued.isoformat()} has no zone"
        raise TimeError(what, where="--issued", fix="write for example 2024-07-25T02:00:00Z or ...+08:00")
    if not is_whole_hour(issued):
        what = f"the issue time {issued.isoformat()} lies between two hours, for which no stage has any rain"
        raise TimeError(what, where="--issued", fix="give a whole hour: rain is told by hours")
    if not given:
        what = "no forecast is given"
        raise ConfigError(what, where="--forecast", fix="give --forecast FILE, or FILE@TIME with its own issue time")
    issued = issued.astimezone(UTC)  # one time, one state, whatever the zone it was written in
    new = [_forecast(text, issued, cfg.inputs.rainfall.forecast) for text in given]
    files = {f.file.resolve() for f in new}
    own = [f for f in cfg.inputs.rainfall.forecast if f.issued <= issued and f.file.resolve() not in files]
    rain = cfg.inputs.rainfall
    missing = [f.file for f in (*own, rain.observed, rain.gauges) if f is not None and not f.file.exists()]
    if missing:
        what = f"{', '.join(p.name for p in missing)} is not there"
        raise DataError(what, where=f"inputs.rainfall: {missing[0]}", fix="mend the path, or leave this input out")
    rain = rain.model_copy(update={"forecast": (*own, *new)})
    times = cfg.rainfall.model_copy(update={"issued": issued, "event_time": None})
    return cfg.model_copy(update={"inputs": cfg.inputs.model_copy(update={"rainfall": rain}), "rainfall": times})


class UnstatedForecast(Forecast):
    """A forecast of which neither the command line nor its file states when it was issued: it counts as just issued."""

    @property
    def states_issue(self) -> bool:
        """Whether the issue time is known: it is not."""
        return False


def _forecast(text: str, issued: datetime, described: Sequence[Forecast]) -> Forecast:
    """Return a forecast of the command line, with what the configuration says about the series of that file."""
    name, at, stamp = text.rpartition("@")
    when: datetime | None = None
    if at and not Path(text).exists():
        try:
            when = datetime.fromisoformat(stamp)
        except ValueError as error:
            what = f"{stamp!r} is no ISO time"
            raise TimeError(what, where=f"--forecast {text}", fix="write FILE@2024-07-25T02:00:00Z") from error
        text = name
    path = Path(text)
    if not path.exists():
        what = f"{path.name} is not there"
        raise DataError(what, where=f"--forecast: {path}", fix="mend the path")
    known = when or stated_issue(path)
    when = known or issued
    if when.tzinfo is None or when > issued:
        what = f"{path.name} is issued at {when.isoformat()}, the warning at {issued.isoformat()}"
        fix = "give a later --issued, or the forecast that was known then; times need a zone"
        raise TimeError(what, where=f"--forecast {path.name}", fix=fix)
    kind = Forecast if known else UnstatedForecast
    options = next((f.rain.model_dump() for f in described if f.file.resolve() == path.resolve()), {})
    return kind.model_validate({**options, "issued": when, "file": path.resolve()})


def check_run(cfg: Config) -> None:
    """Make sure that the output folder holds a finished run of this configuration.

    Raises
    ------
    DataError : there is no finished run. ConfigError : its parameters are others.
    """
    manifest = read_manifest(cfg.output)
    if manifest is None or not isinstance(manifest.get("outputs"), list):
        what = f"{cfg.output} holds no finished run"
        raise DataError(what, where=str(cfg.output), fix="run `geo-risk run` with this configuration first")
    before, now = _static(manifest.get("parameters", {})), _static(parameters(cfg))
    if before != now:
        changed = sorted(k for k in {*before, *now} if before.get(k) != now.get(k))
        what = f"the configuration changed since the run in {cfg.output}: {', '.join(changed)}"
        raise ConfigError(what, where=", ".join(changed), fix="run `geo-risk run` first: static layers depend on it")


def _static(values: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of a run that a warning does not set itself."""
    free = {"issued", "event_time"}
    rain = {k: v for k, v in values.get("rainfall", {}).items() if k not in free}
    warning = {k: v for k, v in values.get("warning", {}).items() if k != "cap"}
    return {**{k: v for k, v in values.items() if k not in ("cluster", "language")}, "rainfall": rain,
            "warning": warning}  # fmt: skip


def steps_anew(plan: Plan) -> list[Step]:
    """Return the steps that a warning makes anew: what follows `START`, and gauges that stand for observed rain."""
    is_observed = plan.cfg.inputs.rainfall.observed is not None
    gauges = [] if is_observed else [s for s in plan.steps if s.name == GAUGES]
    return [*gauges, *following(plan.steps, START)]


def following(steps: Sequence[Step], name: str) -> list[Step]:
    """Return a step and all that read, at first hand or further, what it writes; empty where there is no such step."""
    out: list[Step] = []
    made: set[Path] = set()
    for step in steps:
        if step.name == name or made & set(_paths(step)):
            out.append(step)
            made |= set(step.writes.values())
    return out


def _paths(step: Step) -> list[Path]:
    return [p for v in step.reads.values() if v is not None for p in (v if isinstance(v, list) else [v])]


def redirected(plan: Plan, steps: Sequence[Step]) -> list[Step]:
    """Return the steps writing into a folder of the warning, and reading one another's products there."""
    made = {p: plan.work / "warn" / p.relative_to(plan.work) for s in steps for p in s.writes.values()}
    stale = {p for s in following(plan.steps, RAIN) for p in s.writes.values() if p.stem.startswith("rain_")}

    def moved(value: Path | list[Path] | None, *, keep: bool) -> Path | list[Path] | None:
        if isinstance(value, list):
            return [made.get(p, p) for p in value if keep or p not in stale]
        return None if value is None else made.get(value, value)

    return [
        Step(
            s.name, s.function, {k: moved(v, keep=s.name != "publish.map") for k, v in s.reads.items()},
            {k: made[p] for k, p in s.writes.items()}, s.params,
        )
        for s in steps
    ]  # fmt: skip


def check_static(steps: Sequence[Step], plan: Plan) -> None:
    """Make sure that everything the steps read, and do not make themselves, is there.

    Raises
    ------
    DataError : naming what is missing.
    """
    if not any(s.name == "landslide.warnings" for s in steps):
        needs = sorted({n for o in plan.omissions if o.step in (START, "landslide.warnings") for n in o.needs})
        what = f"this configuration makes no warnings: it lacks {', '.join(needs) or 'a pipeline that warns'}"
        raise ConfigError(what, where="inputs", fix="give a DEM, a landslide inventory and rain, and run it")
    made = {p for s in steps for p in s.writes.values()}
    missing = sorted({p for s in steps for p in _paths(s) if p not in made and not p.exists()})
    if missing:
        names = ", ".join(p.stem for p in missing[:8]) + (" ..." if len(missing) > 8 else "")
        what = f"static layers of the run are missing: {names}"
        raise DataError(what, where=str(missing[0].parent), fix="run `geo-risk run` with this configuration again")


def _publish(
    plan: Plan, steps: Sequence[Step], config: Path, where: str, tasks: Sequence[TaskReport], later: Sequence[str]
) -> tuple[list[str], list[str], list[str]]:
    """Publish what the steps made beside what stays; return the names changed, made anew, and kept though rainy."""
    cfg = plan.cfg
    old = read_manifest(cfg.output) or {}
    files = products(steps, plan.work / "warn" / plan.out.relative_to(plan.work))
    if later:  # what went out last is the message of the latest issue
        files.pop(MESSAGE, None)
    names = {s.name for s in steps}
    stays = [r for r in old["outputs"] if (r["task"] not in names or r["path"] == MESSAGE) and r["path"] not in files]
    state = next((s.writes["state"] for s in steps if "state" in s.writes), None)
    issue = None if state is None else recorded(cfg.output, state)
    rainy = {s.name for s in following(plan.steps, RAIN)} - names
    kept = sorted(r["path"] for r in stays if r["task"] in rainy)
    known = {r["sha256"]: r.get("content_sha256") for r in [*old["outputs"], *old.get("inputs", [])]}
    rows = [r for r in old.get("inputs", []) if not r["key"].startswith(_RAIN_INPUTS)]
    manifest = {
        **old,
        "inputs": rows + input_rows(cfg, config=config, known=known, only=_RAIN_INPUTS),
        "outputs": sorted([*stays, *output_rows(files, steps, known=known)], key=lambda r: str(r["path"])),
        "issues": old.get("issues", []) if issue is None else issue.rows,
        "parameters": parameters(cfg),
        "warnings": [w for w in old.get("warnings", []) if w["task"] not in names] + warnings(steps),
        "versions": versions(),
        "timings": {**old.get("timings", {}), "cluster": where,
                    "tasks_s": old.get("timings", {}).get("tasks_s", {}) | {t.name: t.seconds for t in tasks}},
        "warn": {"renewed": sorted(files), "kept_rain": kept, "kept_since": static_since(old),
                 "later_issues": list(later)},
        "static_written_at": static_since(old), "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    changed = publish(cfg.output, {**files, **({} if issue is None else issue.files)}, manifest)
    return changed, sorted(files), kept


def static_since(manifest: dict[str, Any]) -> str:
    """Return when the run behind a manifest was finished: warnings after it do not count."""
    return str(manifest.get("static_written_at") or manifest.get("written_at", ""))


def _unused(cfg: Config, stages: Sequence[dict[str, Any]], n_given: int) -> tuple[str, ...]:
    """Return the files of the last `n_given` forecasts, those of the command line, that no stage stands on."""
    all_, used = cfg.inputs.rainfall.forecast, {s["forecast"] for s in stages}
    return tuple(f.file.name for i, f in enumerate(all_) if i >= len(all_) - n_given and i not in used)


def _stage(stage: dict[str, Any], cfg: Config) -> dict[str, Any]:
    index = stage["forecast"]
    name = None if index is None else cfg.inputs.rainfall.forecast[index].file.name
    return {**stage, "forecast": name}
