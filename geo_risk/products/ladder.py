"""The ladder of warnings from issue to issue: up at once, down only with a margin or after several issues.

Unknown lowers nothing: the level of such an issue is unknown, and what was last known is kept in mind for the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_risk.core.levels import Level

CHANGES = ("first", "raised", "lowered", "cleared", "held", "unchanged", "now_unknown", "still_unknown")
"""raised: also from never known to a warning. held: the rain alone would give a lower level, but neither the margin nor
the number of issues is reached."""


@dataclass(frozen=True)
class Rung:
    """What an issue leaves behind of one place and stage.

    Attributes
    ----------
    level : that was issued, -1 unknown. known : the last level that was known, -1 where none ever was.
    below : issues in a row that judged it lower than `known`; an unknown one breaks the row.
    """

    level: int
    known: int
    below: int = 0

    def to_dict(self) -> dict[str, int]:
        """Return plain values."""
        return {"level": self.level, "known": self.known, "below": self.below}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Rung:
        """Return the rung that `to_dict` described.

        Raises
        ------
        ValueError, KeyError, TypeError : the values are no rung.
        """
        level, known, below = (values[k] for k in ("level", "known", "below"))
        for value, least, most in ((level, -1, 4), (known, -1, 4), (below, 0, 10**6)):
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
                what = f"{value!r} is no whole number from {least} to {most}"
                raise ValueError(what)
        if level not in (Level.UNKNOWN, known):
            what = f"level {level} beside {known} as the last known"
            raise ValueError(what)
        return cls(level, known, below)


@dataclass(frozen=True)
class Move:
    """One step on the ladder: the level to issue, what changed, and the rung it leaves."""

    level: int
    change: str
    rung: Rung


def move(
    before: Rung | None, judged: int, margin_mm: NDArray[np.float64], *, lower_margin_mm: float, lower_after: int
) -> Move:
    """Return the level to issue after what was issued before.

    Parameters
    ----------
    before : of the last earlier issue; None where there is none.
    judged : level -1..4 by rain alone. margin_mm : (4,) rain left before the levels 1-4, <= 0 where reached.
    lower_margin_mm : rain must be this far below the trigger of a level for it to be left at once.
    lower_after : issues in a row that judge lower before it is left without that margin.

    Returns
    -------
    Move : never below `judged`; unknown where `judged` is.
    """
    if judged == Level.UNKNOWN:
        known = -1 if before is None else before.known
        was_known = before is not None and before.level >= 0
        change = "now_unknown" if was_known else "first" if before is None else "still_unknown"
        return Move(-1, change, Rung(-1, known))
    if before is None or before.known < 0:
        is_news = before is not None and judged > 0  # unknown at every issue until now
        return Move(judged, "raised" if is_news else "first", Rung(judged, judged))
    if judged >= before.known:
        return Move(judged, "raised" if judged > before.known else "unchanged", Rung(judged, judged))
    below = before.below + 1
    near = [k for k in range(judged + 1, before.known + 1) if not margin_mm[k - 1] >= lower_margin_mm]
    level = judged if below >= lower_after else max(near, default=judged)
    if level == before.known:
        return Move(level, "held", Rung(level, level, below))
    return Move(level, "lowered" if level > 0 else "cleared", Rung(level, level))
