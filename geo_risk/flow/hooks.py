"""A pytask plugin that runs the steps of a plan in the plan's order; it leaves other pytask sessions alone."""

from __future__ import annotations

from typing import Any

from pytask import hookimpl


@hookimpl(tryfirst=True)
def pytask_execute_build(session: Any) -> bool | None:
    """Run every step in the plan's order, telling the observer; give way where the tasks are not steps."""
    from geo_risk.flow.tasks import StepTask

    tasks = list(session.tasks)
    if not tasks or not all(isinstance(task, StepTask) for task in tasks):
        return None
    for task in sorted(tasks, key=lambda t: t.position):
        report = session.hook.pytask_execute_task_protocol(session=session, task=task)
        session.execution_reports.append(report)
        task.attributes["report"] = report
        observe = task.attributes.get("observe")
        if observe is not None:
            observe(task, report)
        if session.should_stop:
            break
    return True
