"""How long before a slide, or before the height of its storm, rain that fell had brought a place to a warning level."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def lead_hours(
    effective_mm: NDArray[Any], trigger_mm: NDArray[Any], event_step: NDArray[Any], *, hours_per_step: float = 1.0
) -> NDArray[np.float64]:
    """Hours from the end of the step at which effective rain first reaches the trigger to the end of the event's step.

    Parameters
    ----------
    effective_mm : (time, place) effective rain [mm]; NaN where unknown reaches nothing.
    trigger_mm : (place,) [mm]. event_step : (place,) index of the step of the event; -1 where it is not known.

    Returns
    -------
    (place,) [h]; negative where the level was reached after the event only; NaN where it never was, or the trigger or
    the event's step is not known. A place at its level from the first step on counts from that step: a lower bound.
    """
    reached = np.asarray(effective_mm, dtype=np.float64) >= np.asarray(trigger_mm, dtype=np.float64)[None, :]
    first = np.argmax(reached, axis=0)
    step = np.asarray(event_step, dtype=np.float64)
    known = reached.any(axis=0) & (step >= 0)
    return np.where(known, (step - first) * hours_per_step, np.nan)
