"""Closing the loop: found, assigned, inspected, measure, closed; each stage with its date due, each step an entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from typing import Any

from geo_risk.core.errors import ConfigError, DataError
from geo_risk.products.register_merging import MergeRules
from geo_risk.register.entry import Author, Change, State, Values
from geo_risk.register.fields import LAYERS
from geo_risk.register.following import follow
from geo_risk.register.merging import merge_changes
from geo_risk.register.proposals import withdraw_of_gone
from geo_risk.register.store import Register

CHINA = timezone(timedelta(hours=8))
"""Days are those of China."""

STEPS: Mapping[str, tuple[str | None, ...]] = {
    "find": (None, "closed"),
    "assign": (None, "found", "assigned", "inspected", "measure"),
    "inspect": ("assigned", "inspected"),
    "measure": ("inspected", "measure"),
    "close": ("inspected", "measure"),
}
"""From which stages a step may be taken; None: the object is not in the loop."""

_NEXT = {"find": "assign", "assign": "inspect", "inspect": "measure or close", "measure": "close"}


def today(register: Register) -> date:
    """Return the day in China by the register's clock."""
    return datetime.fromisoformat(register.now()).astimezone(CHINA).date()


def read_date(text: str, option: str) -> date:
    """Return the date of an ISO text.

    Raises
    ------
    ConfigError : it is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        what = f"{text!r} is no date"
        raise ConfigError(what, where=option, fix="write it as 2026-08-31") from error


def due_date(text: str | None, *, on: date, days: int) -> str:
    """Return a date due as ISO text: as given, else some days after a day.

    Raises
    ------
    ConfigError : not a date, or one before that day.
    """
    due = on + timedelta(days=days) if text is None else read_date(text, "--due")
    if due < on:
        what = f"{due} is before {on}"
        raise ConfigError(what, where="--due", fix="give a date to come")
    return due.isoformat()


def found(day: date, *, days: int) -> Values:
    """Return the values of the first stage: found on a day, to be assigned within some days."""
    due = due_date(None, on=day, days=days)
    cleared = dict.fromkeys(("loop_assignee", "loop_unit", "loop_assigned_on", "loop_inspected_on", "loop_finding",
                             "loop_measure", "loop_measure_on", "loop_closed_on", "loop_outcome"))  # fmt: skip
    return {**cleared, "loop_stage": "found", "loop_found_on": day.isoformat(), "loop_due": due}


def take_step(
    register: Register, ids: Sequence[str], step: str, values: Values, author: Author, *,
    versions: Mapping[str, int] | None = None,
) -> list[int]:  # fmt: skip
    """Take a step of the loop for objects, within a transaction: all of them or none.

    Parameters
    ----------
    values : of the step, without its stage. versions : the versions that the author saw, by id; others as they are.

    Raises
    ------
    DataError : an unknown or cancelled object, or one in a stage from which the step cannot be taken.
    ConflictError : an object has another version than was seen.
    """
    states = _there(register, ids)
    wrong = [s for s in states if s.values["loop_stage"] not in STEPS[step]]
    if wrong:
        said = "; ".join(f"{s.object_id} is {s.values['loop_stage'] or 'not in the loop'}" for s in wrong[:10])
        what = f"`{step}` cannot be taken: {said}"
        allowed = ", ".join(str(s or "not in the loop") for s in STEPS[step])
        raise DataError(what, where=register.database.label, fix=f"it follows: {allowed}")
    changes = [
        Change(s.layer, s.object_id, (versions or {}).get(s.object_id, s.version), step, _after(step, values, s))
        for s in states
    ]
    return register.apply(changes, author)


def _after(step: str, values: Values, state: State) -> Values:
    stage = state.values["loop_stage"]
    if step == "find":
        return {**values, "loop_stage": "found"}
    if step == "assign":
        kept = stage if stage in ("inspected", "measure") else "assigned"
        first = {} if stage else {"loop_found_on": values.get("loop_assigned_on")}
        return {**first, **values, "loop_stage": kept}
    if step == "close":
        settled = {"status": "existing"} if state.values["status"] in ("new", "changed") else {}
        return {**values, **settled, "loop_stage": "closed", "loop_due": None}
    return {**values, "loop_stage": "inspected" if step == "inspect" else "measure"}


def _there(register: Register, ids: Sequence[str]) -> list[State]:
    states = register.get(list(dict.fromkeys(ids)))
    bad = [i for i in ids if i not in states or not states[i].is_there or states[i].values["status"] == "cancelled"]
    if bad:
        what = f"not in the register, or cancelled: {', '.join(bad[:10])}"
        raise DataError(what, where=register.database.label, fix="see `geo-risk register list` for the ids")
    return [states[i] for i in dict.fromkeys(ids)]


def cancel(
    register: Register, ids: Sequence[str], author: Author, *, versions: Mapping[str, int] | None = None
) -> list[int]:
    """Cancel objects, within a transaction; their ids stay theirs.

    Raises
    ------
    DataError : an object is unknown or cancelled already.
    """
    changes = [Change(s.layer, s.object_id, (versions or {}).get(s.object_id, s.version), "cancel",
                      {"status": "cancelled"}) for s in _there(register, ids)]  # fmt: skip
    out = register.apply(changes, author)
    withdraw_of_gone(register, ids)
    return out


def merge(
    register: Register, ids: Sequence[str], into: str, author: Author, *, rules: MergeRules | None = None,
    versions: Mapping[str, int] | None = None,
) -> list[int]:  # fmt: skip
    """Cancel objects into another, which takes over whom they threaten, within a transaction; one change each.

    Parameters
    ----------
    rules : how people, households and assets that both know and that differ are joined.

    Raises
    ------
    DataError : an object is unknown or cancelled already, or is to go into itself or into one of another layer.
    ConflictError : counts differ and `rules` say nothing; or an object has another version than was seen.
    """
    out = []
    for state in _there(register, ids):
        seen = (versions or {}).get(state.object_id)
        changes = merge_changes(register, state, into, rules or MergeRules(), base_version=seen)
        number = register.count("change")[0]
        out.append(register.apply(changes, author, change_id=number)[0])
        follow(register, state.layer, {state.object_id: into}, author, change_id=number)
    withdraw_of_gone(register, ids)
    return out


def overdue(register: Register, *, on: date, within_days: int = 0) -> list[dict[str, Any]]:
    """Return what is in the loop and past its date due: the gravest first, unknown before low.

    Parameters
    ----------
    on : the day. within_days : also what becomes due within so many days.

    Returns
    -------
    rows : layer, object_id, name, kind, hazard_level, people, loop_stage, loop_due, days_overdue (None: it has no
        date, which counts as overdue), next_step, loop_unit, loop_assignee, counts_at_least.
    """
    limit = on + timedelta(days=within_days)
    out = []
    for layer in LAYERS:
        for state in register.states(layer):
            v = state.values
            if v["loop_stage"] in (None, "closed") or v["status"] == "cancelled":
                continue
            due = _date(v["loop_due"])
            if due is not None and not due < limit + timedelta(days=bool(within_days)):
                continue
            keys = ("name", "kind", "hazard_level", "people", "loop_stage", "loop_due", "loop_unit", "loop_assignee",
                    "counts_at_least")  # fmt: skip
            out.append({"layer": layer, "object_id": state.object_id, **{k: v[k] for k in keys},
                        "days_overdue": None if due is None else (on - due).days,
                        "next_step": _next(v["loop_stage"])})  # fmt: skip
    return sorted(out, key=lambda r: (-(1.5 if r["hazard_level"] < 0 else r["hazard_level"]),
                                      -(r["days_overdue"] if r["days_overdue"] is not None else 10**6),
                                      r["object_id"]))  # fmt: skip


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(str(text)[:10]) if text else None
    except ValueError:
        return None


def _next(stage: str) -> str:
    names = {"found": "find", "assigned": "assign", "inspected": "inspect", "measure": "measure"}
    return _NEXT[names[stage]]


def step_values(register: Register, step: str, values: Values, *, due: str | None, on: str | None, days: int) -> Values:
    """Return the values of a step with its day and the date due of the next one.

    Parameters
    ----------
    due, on : dates as ISO text; None: `days` after the day of the step, and today.

    Raises
    ------
    ConfigError : not a date, a day to come, or a due date before the day of the step.
    """
    now = today(register)
    day = now if on is None else read_date(on, "--on")
    if day > now:
        what = f"{day} is to come"
        raise ConfigError(what, where="--on", fix="give the day on which it was done")
    names = {"find": "loop_found_on", "assign": "loop_assigned_on", "inspect": "loop_inspected_on",
             "measure": "loop_measure_on", "close": "loop_closed_on"}  # fmt: skip
    out = {**values, names[step]: day.isoformat()}
    if step == "close":
        return out
    first = found(day, days=days) if step == "find" else {}
    return {**first, **out, "loop_due": due_date(due, on=day, days=days)}
