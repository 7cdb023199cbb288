"""Threads that meet in compiled code: none goes ahead, and all go home when one cannot be started."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from numba import njit

from geo_risk.kernels import flow_run
from geo_risk.kernels.barrier import CLOSED, counter, wait
from geo_risk.kernels.inertial import simulate


@njit(nogil=True)
def march(arrived, places, me, n):
    """Go a hundred steps together; return how often another was not on the same step."""
    lost = 0
    for step in range(100):
        places[me * 8] = step
        wait(arrived, n)
        for other in range(n):
            lost += places[other * 8] != step
        wait(arrived, n)
    return lost


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_all_are_on_the_same_step_at_every_meeting(n: int) -> None:
    arrived, places, lost = counter(), np.zeros(8 * n, np.int64), [-1] * n

    def go(me: int) -> None:
        lost[me] = march(arrived, places, me, n)

    threads = [threading.Thread(target=go, args=(k,), daemon=True) for k in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert lost == [0] * n


def test_a_closed_meeting_holds_nobody() -> None:
    arrived = counter()
    arrived[0] = CLOSED
    wait(arrived, 7)
    wait(arrived, 7)


def test_threads_go_home_when_one_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    z, begun = np.random.default_rng(1).normal(size=(64, 30)), []
    simulate(z, 0.03, [50.0], rain_step_s=20, cell_m=5.0, n_threads=4)  # compiled before threads are watched

    class Scarce(threading.Thread):
        def start(self) -> None:
            if len(begun) == 2:
                msg = "can't start new thread"
                raise RuntimeError(msg)
            begun.append(self)
            super().start()

    monkeypatch.setattr(flow_run, "Thread", Scarce)
    with pytest.raises(RuntimeError, match="start new thread"):
        simulate(z, 0.03, [50.0], rain_step_s=20, cell_m=5.0, n_threads=4)
    for thread in begun:
        thread.join(20)
        assert not thread.is_alive()
