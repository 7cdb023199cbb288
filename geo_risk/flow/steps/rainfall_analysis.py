"""What rain means: its hours, return periods, storm formula, thresholds of past slides, drought and fire weather."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geo_risk.flow.steps.rainfall_climate import climate
from geo_risk.flow.steps.rainfall_hours import rain_hours
from geo_risk.flow.steps.rainfall_return import return_periods
from geo_risk.flow.steps.rainfall_signal import signals
from geo_risk.flow.steps.rainfall_storm import storm_formula
from geo_risk.flow.steps.rainfall_thresholds import thresholds

if TYPE_CHECKING:
    from geo_risk.flow.plan import Plan


def rain_analysis(plan: Plan) -> None:
    """Add the steps that tell how rare the rain is and what it did before; they follow those of `rainfall`."""
    rain_hours(plan)
    signals(plan)
    return_periods(plan)
    storm_formula(plan)
    thresholds(plan)
    climate(plan)
