"""A killed Dask worker changes nothing; a block that kills every worker is a clear error (FAULTS 20)."""

import os
import signal

import dask.array as da
import numpy as np
import pytest

from geo_risk.core.errors import ClusterError
from geo_risk.flow.cluster import ClusterChoice, cluster, retried

pytestmark = [pytest.mark.faults, pytest.mark.slow]


def deadly(block, path=None, always=False):
    """Kill the worker that computes this block; without `always` only the first one."""
    first = always
    if not always:
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL))
            first = True
        except FileExistsError:
            pass
    if first:
        os.kill(os.getpid(), signal.SIGKILL)
    return block + 1


def test_a_killed_worker_changes_nothing(tmp_path):
    got = []

    def call():
        array = da.ones((40,), chunks=10).map_blocks(deadly, path=str(tmp_path / "once"), dtype=float, meta=np.empty(0))
        got.append(array.compute())

    with cluster(ClusterChoice(workers=2)):
        retried(call, name="x")
    assert (tmp_path / "once").exists()
    np.testing.assert_array_equal(got[-1], np.full(40, 2.0))


def test_a_block_that_kills_every_worker_is_named():
    def call():
        array = da.ones((10,), chunks=10).map_blocks(deadly, always=True, dtype=float, meta=np.empty(0))
        array.compute()

    with cluster(ClusterChoice(workers=1)), pytest.raises(ClusterError, match=r"workers of task x died"):
        retried(call, name="x", retries=0)
