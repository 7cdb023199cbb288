"""Which moving bodies are on their way to failure: those that accelerate, and those with a failure window."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

WINDOW = ("failure_window_start", "failure_window_end")
"""Columns of the first and the last day of a failure window."""


def is_failing(bodies: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which bodies accelerate or have a failure window, whatever they are called.

    Parameters
    ----------
    bodies : with `activity`; the columns of WINDOW may be missing, and are missing or "" where there is no window.

    Returns
    -------
    (n,) bool; an unknown activity without a window is False: it is not known to accelerate.
    """
    accelerates = (bodies["activity"] == "accelerating").fillna(False).to_numpy(dtype=bool)
    return np.asarray(accelerates | np.array([bool(w) for w in failure_windows(bodies)], dtype=bool), dtype=bool)


def failure_windows(bodies: pd.DataFrame) -> list[str]:
    """Return the failure window of each body as "first day - last day", ISO 8601; "" where there is none.

    Parameters
    ----------
    bodies : as of `is_failing`; days are texts or timestamps. A window of which one end is missing shows it as "?".
    """
    days = [[_day(v) for v in bodies[name]] if name in bodies else [""] * len(bodies) for name in WINDOW]
    return [f"{a or '?'} - {b or '?'}" if a or b else "" for a, b in zip(*days, strict=True)]


def _day(value: object) -> str:
    if value is None or value is pd.NA or value != value:  # noqa: PLR0124  NaN and NaT differ from themselves
        return ""
    return str(value)[:10]
