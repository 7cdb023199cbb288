"""Height, coherence and error of points, which beside good series are no reason to refuse: what is none is missing."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.sources.point_tables import numbers
from geo_risk.sources.possible_motion import HEIGHT_M

BESIDE = ("height", "coherence", "velocity_std")
"""Maps that a row can do without."""

_MARK = 999.0
_PERCENT = 100.0
F64 = NDArray[np.float64]


@dataclass
class MapsBeside:
    """Values of these maps, a batch at a time, and how many of them are none.

    Attributes
    ----------
    columns : by the name of the map. where : file, for messages. lost : values that are none, by the name of the map.
    is_percent : coherence is in percent; None until a batch has known values.
    """

    columns: dict[str, str]
    where: str
    lost: dict[str, int] = field(default_factory=dict)
    is_percent: bool | None = None

    def take(self, batch: pd.DataFrame, rows: NDArray[np.bool_]) -> dict[str, F64]:
        """Return the maps (n,) of a batch, of which `rows` are used; NaN where there is no number that can be.

        A height outside `HEIGHT_M`, a coherence outside 0 to 1 (or to 100 where it is in percent) and an error that is
        not between 0 and 999 are marks of missing.

        Raises
        ------
        DataError : a coherence of counts, such as bytes to 255.
        """
        out = {}
        for name, column in self.columns.items():
            values, text = numbers(batch, [column])
            given = values[:, 0]
            known = self._known(name, given)
            self.lost[name] = self.lost.get(name, 0) + int((rows & (text | np.isfinite(given) & np.isnan(known))).sum())
            out[name] = known
        return out

    @property
    def audit(self) -> list[str]:
        """What was found, in sentences."""
        out = [f"column {self.columns[n]}: {k} values are no {n.replace('_', ' ')}; they are missing"
               for n, k in self.lost.items() if k]  # fmt: skip
        if self.is_percent:
            out.append(f"column {self.columns['coherence']}: coherence in percent, divided by 100")
        return out

    def _known(self, name: str, given: F64) -> F64:
        with np.errstate(invalid="ignore"):
            if name == "height":
                good = (given >= HEIGHT_M[0]) & (given <= HEIGHT_M[1])
            elif name == "velocity_std":
                good = (given > 0) & (given < _MARK)
            else:
                return self._coherence(given)
        return np.where(good, given, np.nan)

    def _coherence(self, given: F64) -> F64:
        plausible = given[(given >= 0) & (given < _MARK)]
        if self.is_percent is None and plausible.size:
            if float(np.quantile(plausible, 0.95)) > _PERCENT:
                what = f"coherence in column {self.columns['coherence']} runs to {plausible.max():.4g}; 0-1 or percent "
                raise DataError(what + "needed", where=self.where, fix="scale it to 0-1, or leave the column out")
            self.is_percent = float(np.median(plausible)) > 1
        whole = _PERCENT if self.is_percent else 1.0
        return np.where((given >= 0) & (given <= whole), given / whole, np.nan)
