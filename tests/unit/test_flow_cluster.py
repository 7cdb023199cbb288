"""Where Dask works, and what happens when workers die (FAULTS 20)."""

import os
import subprocess
import sys

import dask
import dask.array as da
import dask.threaded
import pytest

from geo_risk.core.errors import ClusterError, DataError
from geo_risk.flow.cluster import ClusterChoice, cluster, retried


def test_threads_by_default_within_what_may_be_used():
    with cluster(ClusterChoice()) as where:
        assert dask.config.get("scheduler") is dask.threaded.get
        assert 1 <= dask.config.get("num_workers") <= os.cpu_count()
        assert "threads" in where
        assert float(da.ones(10, chunks=5).sum().compute()) == 10
    assert dask.config.get("scheduler", None) is None


@pytest.mark.slow
def test_threads_do_without_the_import_of_distributed():
    code = (
        "import sys; from geo_risk.flow.cluster import threads; import dask.array as da\n"
        "with threads(): assert float(da.ones(10, chunks=5).rechunk(2).sum().compute()) == 10\n"
        "sys.exit('distributed' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("choice", "is_distributed"),
    [
        (ClusterChoice(), False),
        (ClusterChoice(retries=1), False),
        (ClusterChoice(scheduler="tcp://h:1"), True),
        (ClusterChoice(workers=2), True),
        (ClusterChoice(memory_limit="1GB"), True),
        (ClusterChoice(dashboard=True), True),
    ],
)
def test_a_cluster_only_on_request(choice, is_distributed, monkeypatch):
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    assert choice.is_distributed is is_distributed


def test_the_environment_may_name_the_scheduler(monkeypatch):
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", "tcp://host:8786")
    assert ClusterChoice().address == "tcp://host:8786"
    assert ClusterChoice(scheduler="tcp://other:1").address == "tcp://other:1"


@pytest.mark.slow
def test_a_scheduler_that_is_not_there_is_an_environment_error():
    with (
        pytest.raises(ClusterError, match="cannot be used") as caught,
        cluster(ClusterChoice(scheduler="tcp://127.0.0.1:9")),
    ):
        pytest.fail("connected to nothing")
    assert caught.value.exit_code == 4


def lost(times, then=None):
    from distributed.comm.core import CommClosedError

    calls = []

    def call():
        calls.append(1)
        if len(calls) <= times:
            raise CommClosedError("worker gone")
        if then is not None:
            raise then

    return call, calls


@pytest.mark.parametrize("times", [0, 1, 3])
def test_a_lost_worker_is_tried_again(times):
    call, calls = lost(times)
    assert retried(call, name="x", retries=3, pause_s=0) == times
    assert len(calls) == times + 1


def test_after_three_more_trials_it_is_an_error():
    call, calls = lost(9)
    with pytest.raises(ClusterError, match="died 4 times"):
        retried(call, name="x", retries=3, pause_s=0)
    assert len(calls) == 4


@pytest.mark.parametrize("error", [DataError("a", where="b", fix="c"), ZeroDivisionError("x")])
def test_wrong_work_is_not_tried_again(error):
    call, calls = lost(0, then=error)
    with pytest.raises(type(error)):
        retried(call, name="x", pause_s=0)
    assert len(calls) == 1


def test_running_out_of_memory_says_so():
    call, _ = lost(0, then=MemoryError())
    with pytest.raises(ClusterError, match="ran out of memory"):
        retried(call, name="areas", pause_s=0)
