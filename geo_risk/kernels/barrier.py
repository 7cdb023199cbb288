"""A meeting point of threads that run compiled loops without the interpreter's lock."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array
from numpy.typing import NDArray

CLOSED = 2**61
"""A counter set to this lets all go on at once, those who wait and those who come."""

_SPINS = 4000
"""Looks at the counter before the core is offered to others: some microseconds."""

_yield = types.ExternalFunction("SwitchToThread" if sys.platform == "win32" else "sched_yield", types.int32())


@intrinsic
def _fetch_add(typing_context: Any, array: Any, amount: Any) -> Any:  # noqa: ARG001
    """Add to the first element in one indivisible step; return what it was."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = make_array(signature.args[0])(context, builder, args[0]).data
        return builder.atomic_rmw("add", pointer, args[1], "seq_cst")

    return types.int64(array, types.int64), build


@intrinsic
def _load(typing_context: Any, array: Any) -> Any:  # noqa: ARG001
    """Read the first element so that all that others wrote before they changed it is seen too."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = make_array(signature.args[0])(context, builder, args[0]).data
        return builder.load_atomic(pointer, "acquire", 8)

    return types.int64(array), build


def counter() -> NDArray[np.int64]:
    """Return a new counter for `wait`."""
    return np.zeros(1, dtype=np.int64)


@njit(cache=True, nogil=True)
def wait(arrived: NDArray[np.int64], n_threads: int) -> None:
    """Return when `n_threads` threads have come here as often as the caller.

    Parameters
    ----------
    arrived : (1,) counter that the threads share, 0 before the first meeting; CLOSED ends all meetings.
    n_threads : threads that meet; each must come. With 1 nothing happens.
    """
    if n_threads == 1:
        return
    mine = _fetch_add(arrived, 1)
    if mine >= CLOSED:
        return
    goal = (mine // n_threads + 1) * n_threads
    spins = 0
    while _load(arrived) < goal:
        spins += 1
        if spins > _SPINS:
            _yield()
