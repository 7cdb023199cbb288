"""A second process that does steps beside this one: errors come back, and it dies at once with the one it serves."""

from __future__ import annotations

import ctypes
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from types import TracebackType
from typing import IO, Any, Self

from geo_risk.core.errors import ClusterError, GeoRiskError
from geo_risk.flow.cluster import retried, threads
from geo_risk.flow.plan import Step

_WARM = ("geo_risk.hazards.landslide.triggers", "geo_risk.publish.raster", "geo_risk.flow.steps.publish",
         "geo_risk.publish.geopackage", "geo_risk.publish.lists", "geo_risk.products.linear", "geo_risk.publish.cards",
         "geo_risk.publish.bulletin_docx", "geo_risk.publish.report", "geo_risk.publish.map")  # fmt: skip
"""What the second process imports while nothing is asked of it, in the order in which it will be needed."""


def do(step: Step, *, retries: int) -> None:
    """Do one step in this process."""
    for path in step.writes.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    retried(partial(step.function, **step.reads, **step.writes, **step.params), name=step.name, retries=retries)


_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of prctl(2): the signal that this process gets when the one that started it dies."""


class Second:
    """The second process, as a context; leaving it ends the process, whatever that is doing.

    It is a fresh interpreter that listens on a pipe, not a fork: the libraries below hold locks and threads. When the
    pipe closes because this process was killed, it exits in the middle of its work, so that nothing of an old run
    comes under the hands of the next.
    """

    def __enter__(self) -> Self:
        path = os.pathsep.join(p for p in sys.path if p)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "geo_risk.flow.second"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):  # what was asked and never taken
                    pipe.close()

    def end(self) -> None:
        """End the process at once; who waits for a step in it gets ClusterError."""
        self._process.kill()
        self._process.wait()

    def do(self, step: Step, *, retries: int) -> None:
        """Do one step in the second process and wait for it.

        Raises
        ------
        ClusterError : the process died. Whatever the step raised there.
        """
        asked, answered = self._process.stdin, self._process.stdout
        if asked is None or answered is None:
            raise RuntimeError
        try:
            pickle.dump((step, retries), asked)
            asked.flush()
            error = pickle.load(answered)  # noqa: S301 - from the process started above
        except (EOFError, BrokenPipeError, pickle.UnpicklingError) as lost:
            what = f"the second process died in task {step.name}"
            fix = "free memory, or set cluster.workers to 1 so that all is done in one process"
            raise ClusterError(what, where=step.name, fix=fix) from lost
        if error is not None:
            raise error


def serve(
    asked: IO[bytes], answered: IO[bytes], *, leave: Callable[[int], Any] = os._exit, warm: Sequence[str] = ()
) -> None:
    """Do the steps that come through a pipe, one after another, and answer None or the error; `leave` at its end.

    While none waits, the modules of `warm` are imported, so that a step finds them there.
    """
    cold = deque(warm)
    steps: queue.SimpleQueue[tuple[Step, int] | None] = queue.SimpleQueue()

    def listen() -> None:
        try:
            while True:
                steps.put(pickle.load(asked))  # noqa: S301 - from the process that started this one
        except (EOFError, OSError):
            steps.put(None)
            leave(1)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        while cold and steps.empty():
            import_module(cold.popleft())
        given = steps.get()
        if given is None:
            return
        answered.write(_answer(*given))
        answered.flush()


def _answer(step: Step, retries: int) -> bytes:
    """Do a step and return None or its error, pickled; an error that cannot travel comes as a text."""
    try:
        do(step, retries=retries)
    except BaseException as error:
        if not isinstance(error, GeoRiskError):
            error.add_note(f"in task {step.name}, second process")
        try:
            pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
        except Exception:
            return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
        return pickle.dumps(error)
    return pickle.dumps(None)


def _main() -> None:
    if sys.platform == "linux":  # at once, also inside a library that does not let the listening thread run
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the business of the first process, which ends this one
    answered = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not stand among the answers
    with threads():
        serve(sys.stdin.buffer, answered, warm=_WARM)


if __name__ == "__main__":
    _main()
