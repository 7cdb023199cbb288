"""What the trend of the series of a table of points proves of their unit and sign."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.core.errors import AmbiguousError

if TYPE_CHECKING:
    from geo_risk.sources.points import Layout

_STILL_MM_YR = 0.5
_FASTEST_MM_YR = 1000.0
_SURE = 0.98
_UNITS = {10.0: "cm/yr", 1000.0: "m/yr"}
"""Units that a velocity beside displacements may have of its own, by their factor to mm/yr."""

_FEW = 10
"""Points below which a trend is no evidence."""

_FOLLOWS = 0.7
_NEAR = (0.5, 2.0)
_SHORT_YR = 0.5
"""Over less, noise alone or one earthquake makes rates of metres a year."""


def trend_evidence(series_m: NDArray[np.float64], velocity: NDArray[np.float64], layout: Layout, *, where: str) -> str:
    """Compare the trend of series with the velocity column of the same table, and return the sentence of evidence.

    Parameters
    ----------
    series_m : (points, dates) [m], as the layout reads them; points with gaps are passed over.
    velocity : (points,) as in the table; `layout.velocity_scale` makes it mm/yr.

    Raises
    ------
    AmbiguousError : they follow one another, but with another factor than 1: another unit, or the other sign. Or a
        twentieth of the points move by more than 1 m a year over half a year or more, and neither the column, as mm/yr,
        nor the configuration says that these are millimetres.
    """
    days = pd.to_datetime([d for _, d in layout.dates])
    t = (days - days[0]).to_numpy() / np.timedelta64(1, "D") / 365.25
    whole = np.isfinite(series_m).all(axis=1) & np.isfinite(velocity)
    own = velocity[whole][:20_000] * layout.velocity_scale
    slope = (series_m[whole][:20_000] @ (t - t.mean())) / ((t - t.mean()) ** 2).sum() * 1000
    quickest = max(float(np.sqrt((v**2).mean())) if v.size else 0.0 for v in (own, slope))
    factor, follows = _relation(slope, own)
    is_proven = own.size >= _FEW and follows > _FOLLOWS and _NEAR[0] < factor * abs(layout.velocity_scale) < _NEAR[1]
    if own.size and float(t[-1]) >= _SHORT_YR and not is_proven and not layout.is_said_mm:
        _check_speed(slope, layout, where=where)
    if own.size < _FEW:
        return (
            f"unit and sign: {own.size} of {len(velocity)} points have a value on every date and in column "
            f"{layout.velocity}: no evidence"
        )
    if not quickest > _STILL_MM_YR or not (own.any() and slope.any()):
        return f"unit and sign: {own.size} points move too little to check them against column {layout.velocity}"
    if not follows > _FOLLOWS:
        return (
            f"unit and sign: the series do not follow column {layout.velocity} (correlation {follows:.2f}): no evidence"
        )
    if not layout.fixes_unit and follows > _SURE and (unit := _velocity_unit(factor, layout)):
        return (
            f"unit and sign: the series rise by {factor:.4g} times column {layout.velocity}: that column is in {unit}"
        )
    if not (_NEAR[0] < factor < _NEAR[1] or is_proven):
        what = f"the series rise by {factor:.4g} times what column {layout.velocity} says: "
        what += "one of them has another sign" if factor < 0 else "one of them is in another unit than was said"
        said = "" if layout.fixes_unit else "`units` or `positive` of this track, or "
        raise AmbiguousError(what, where=where, fix=f"correct {said}the table")
    if not _NEAR[0] < factor < _NEAR[1]:
        factor *= abs(layout.velocity_scale)
    return f"unit and sign: the trend of the series is {factor:.2f} times column {layout.velocity}"


def _relation(slope: NDArray[np.float64], own: NDArray[np.float64]) -> tuple[float, float]:
    """Return the factor from `own` to `slope` by least squares, and how well they follow one another (0 to 1)."""
    product, squares = float((slope * own).sum()), (float((slope**2).sum()), float((own**2).sum()))
    if not min(squares) > 0:
        return float("nan"), 0.0
    return product / squares[1], abs(product) / float(np.sqrt(squares[0] * squares[1]))


def _check_speed(slope: NDArray[np.float64], layout: Layout, *, where: str) -> None:
    fast = float(np.quantile(np.abs(slope), 0.95))
    if not fast <= _FASTEST_MM_YR:
        what = f"a twentieth of the points move more than {fast / 1000:.3g} m a year"
        said = "mend the table" if layout.fixes_unit else "correct `units` of this track"
        fix = f"are these millimetres called metres? Then {said}"
        fix += "" if layout.fixes_unit else "; if the ground did move so, write the table in mm"
        raise AmbiguousError(what, where=where, fix=fix)


def _velocity_unit(factor: float, layout: Layout) -> str | None:
    """Return the unit of the velocity that explains a factor to within a tenth, where its name says none."""
    to_mm = factor * abs(layout.velocity_scale)
    if 0.5 < factor < 2.0 or "mm" in str(layout.velocity).lower():
        return None
    return next((unit for own, unit in _UNITS.items() if abs(to_mm / own - 1) <= 0.1), None)
