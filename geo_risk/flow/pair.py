"""Steps in the order of what they read: those that publish in a second process beside the others, or all here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from geo_risk.flow.cluster import ClusterChoice
from geo_risk.flow.plan import Step
from geo_risk.flow.second import Second, do
from geo_risk.flow.session import Observer, TaskReport

ASIDE = ("publish.", "linear_risk", "landslide.warnings")
"""Steps whose names start so can be done in the second process: only pages and lists wait for them.

The levels of cells are such: places are judged by the rain itself, at the same time as the cells.
"""


def is_paired(choice: ClusterChoice) -> bool:
    """Return whether a second process pays: more than one processor, and no Dask workers that use them already."""
    from dask.system import CPU_COUNT

    return CPU_COUNT > 1 and not choice.is_distributed


def run_steps(steps: Sequence[Step], *, observe: Observer | None, retries: int, paired: bool) -> list[TaskReport]:
    """Do steps, each after those whose products it reads; return a report of each in the order given.

    Parameters
    ----------
    steps : in order; a step comes after those whose products it reads.
    observe : is told when a step starts and ends, one call at a time. retries : as in `cluster.retried`.
    paired : do those of `ASIDE` in a second process while others are at work. Their products are the same.

    Raises
    ------
    Whatever a step raised first; steps at work in the second process are broken off.
    """
    board = _Board(steps, observe)
    if not paired:
        board.work(partial(do, retries=retries), lambda _: True)
        return board.in_order(steps)
    with Second() as second:
        call = partial(second.do, retries=retries)
        aside = threading.Thread(target=_quietly, args=(board, call), daemon=True)
        aside.start()
        try:
            board.work(partial(do, retries=retries), lambda _: True)
        finally:
            second.end()
            aside.join()
    return board.in_order(steps)


def _quietly(board: _Board, call: Callable[[Step], None]) -> None:
    with suppress(BaseException):  # the board keeps it, and the first process raises it
        board.work(call, lambda step: step.name.startswith(ASIDE))


class _Board:
    """What is left to do, what is being made, and the first failure; shared by those who work."""

    def __init__(self, steps: Sequence[Step], observe: Observer | None) -> None:
        self._left = list(steps)
        self._unmade = {p for s in steps for p in s.writes.values()}
        self._reports: dict[str, TaskReport] = {}
        self._observe = observe
        self._failure: BaseException | None = None
        self._at_work = 0
        self._changed = threading.Condition()

    def work(self, call: Callable[[Step], None], fits: Callable[[Step], bool]) -> None:
        """Do steps that fit until none is left and none at work; raise the first failure of anyone."""
        while (step := self._take(fits)) is not None:
            began = time.perf_counter()
            try:
                call(step)
            except BaseException as error:
                self._fail(error)
                raise
            self._done(step, time.perf_counter() - began)

    def _take(self, fits: Callable[[Step], bool]) -> Step | None:
        with self._changed:
            while self._failure is None and (self._left or self._at_work):
                ready = [s for s in self._left if fits(s) and not self._unmade & set(_paths(s))]
                if ready:
                    step = min(ready, key=lambda s: s.name.startswith(ASIDE))  # first what the others cannot do
                    self._left.remove(step)
                    self._at_work += 1
                    self._tell(TaskReport(step.name, "running"))
                    return step
                self._changed.wait()
            if self._failure is not None:
                raise self._failure
            return None

    def _done(self, step: Step, seconds: float) -> None:
        with self._changed:
            self._unmade -= set(step.writes.values())
            self._at_work -= 1
            self._reports[step.name] = TaskReport(step.name, "done", round(seconds, 3))
            self._changed.notify_all()
            self._tell(self._reports[step.name])

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()

    def _tell(self, report: TaskReport) -> None:
        if self._observe is not None:
            self._observe(report)

    def in_order(self, steps: Sequence[Step]) -> list[TaskReport]:
        """Return the reports in the order of the steps."""
        return [self._reports[s.name] for s in steps]


def _paths(step: Step) -> list[Path]:
    return [p for v in step.reads.values() if v is not None for p in (v if isinstance(v, list) else [v])]
