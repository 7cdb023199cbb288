"""The dates of the demo county, all UTC."""

from __future__ import annotations

import numpy as np

OBSERVED_START = np.datetime64("2024-07-01T00", "h")
"""Start of the first hour of observed rain."""

OBSERVED_HOURS = 720
"""30 days of hourly rain."""

STORM_START = np.datetime64("2024-07-24T00", "h")
"""Start of the three-day storm."""

STORM_HOURS = 72

PAST_STORM_STARTS = tuple(
    np.datetime64(day, "h")
    for day in (
        "2013-07-08T00", "2016-07-18T00", "2017-07-26T00", "2018-07-10T00",
        "2019-08-03T00", "2021-07-10T00", "2021-10-03T00", "2022-08-09T00",
    )
)  # fmt: skip
"""Start of the three storm days of each past storm, S1 to S8."""

ANTECEDENT_DAYS = 12
"""Days of rain before the storm days in the daily files of past storms."""
