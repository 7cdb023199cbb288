"""The curve of a chosen course of motion, to be drawn beside its series."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geo_risk.hazards.deformation.activity.joint import Course, TrackFit, extension


def course_curve(fit: TrackFit, course: Course) -> NDArray[np.float64]:
    """Return what a course says of a track's displacement at its own dates (n,) [mm].

    Parameters
    ----------
    fit, course : of `joint.fit_course`. A course without a trend is drawn with the line and season of its least
        squares, whose slope did not pass the test.

    Returns
    -------
    The weighted least-squares fit of constant, season, trend and what the course adds to them.
    """
    y = fit.series.displacement_mm * fit.root
    added = sum(
        (c * (c @ fit.resid) for c in extension(fit, course.kind, course.break_yr)), np.zeros(len(y), dtype=np.float64)
    )
    out: NDArray[np.float64] = (y - fit.resid + added) / fit.root
    return out
