"""Where Dask works: threads of this process by default, a local cluster or a running scheduler on request."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from geo_risk.core.errors import ClusterError, GeoRiskError

RETRIES = 3
"""Times a step is tried again after a worker died under it."""


@dataclass(frozen=True)
class ClusterChoice:
    """What the command line or the configuration asks for.

    `scheduler` is an address tcp://host:port; `workers` processes of a local cluster; `memory_limit` of one worker,
    such as "4GB"; `dashboard` asks for the Dask dashboard. With none of them Dask uses threads of this process.
    """

    scheduler: str | None = None
    workers: int | None = None
    memory_limit: str | None = None
    dashboard: bool = False
    retries: int = RETRIES

    @property
    def is_distributed(self) -> bool:
        """Return whether a Dask client is asked for."""
        return bool(self.address or self.workers or self.memory_limit or self.dashboard)

    @property
    def address(self) -> str | None:
        """The scheduler's address, from the choice or DASK_SCHEDULER_ADDRESS."""
        return self.scheduler or os.environ.get("DASK_SCHEDULER_ADDRESS") or None


@contextmanager
def cluster(choice: ClusterChoice) -> Iterator[str]:
    """Set Dask up for a run and give a sentence that says how.

    CPUs and memory are those this process may use (affinity and cgroup limits).

    Raises
    ------
    ClusterError : the scheduler does not answer, or the local cluster cannot start.
    """
    if not choice.is_distributed:
        with threads() as n:
            yield f"{n} threads of this process"
        return
    client = _client(choice)
    try:
        yield f"{len(client.scheduler_info()['workers'])} workers, dashboard {client.dashboard_link}"
    finally:
        client.close()
        if client.cluster is not None:
            client.cluster.close()


@contextmanager
def threads() -> Iterator[int]:
    """Let Dask work in threads of this process, one a CPU; give their number.

    Dask is given the function, not its name, and how chunks are to be joined: for a name, or left to choose, it first
    imports all of distributed, to see whether a client is at work.
    """
    import dask
    from dask.system import CPU_COUNT
    from dask.threaded import get

    with dask.config.set({"scheduler": get, "num_workers": CPU_COUNT, "array.rechunk.method": "tasks"}):
        yield int(CPU_COUNT)


def _client(choice: ClusterChoice) -> Any:
    from dask.system import CPU_COUNT
    from distributed import Client, LocalCluster

    try:
        if choice.address:
            return Client(choice.address, timeout="10s", set_as_default=True)
        workers = choice.workers or CPU_COUNT
        local = LocalCluster(
            n_workers=workers,
            threads_per_worker=max(1, CPU_COUNT // workers),
            memory_limit=choice.memory_limit or "auto",
            dashboard_address="127.0.0.1:0" if choice.dashboard else None,
        )
        return Client(local, set_as_default=True)
    except (OSError, TimeoutError, ValueError, RuntimeError) as error:
        what = f"the Dask scheduler {choice.address or 'of this machine'} cannot be used: {error}"
        raise ClusterError(
            what, where="cluster", fix="start it, mend the address, or run without --scheduler"
        ) from error


def retried(call: Callable[[], None], *, name: str, retries: int = RETRIES, pause_s: float = 0.2) -> int:
    """Call; call again where a worker died or was lost under it; return how often it was called again.

    Raises
    ------
    ClusterError : workers died in every one of the 1 + `retries` trials, or this process ran out of memory.
    """
    for trial in range(retries + 1):
        try:
            call()
        except GeoRiskError:
            raise
        except MemoryError as error:
            what = f"task {name} ran out of memory"
            fix = "use fewer --workers, a smaller area or a larger resolution_m"
            raise ClusterError(what, where=name, fix=fix) from error
        except Exception as error:
            if not _is_lost_worker(error):
                raise
            if trial == retries:
                what = f"the workers of task {name} died {trial + 1} times: {type(error).__name__}: {error}"
                fix = "give them more memory (--memory-limit, fewer --workers), or look into the workers' logs"
                raise ClusterError(what, where=name, fix=fix) from error
            time.sleep(pause_s)
        else:
            return trial
    return retries


def _is_lost_worker(error: BaseException) -> bool:
    """Return whether an error says that a worker or the connection to it was lost, not that the work is wrong."""
    if "distributed" not in sys.modules:
        return False
    from distributed import CancelledError
    from distributed.comm.core import CommClosedError
    from distributed.scheduler import KilledWorker

    return isinstance(error, KilledWorker | CommClosedError | CancelledError)
