"""Step that says when the rain begins of which the flood may come."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geo_risk.flow.plan import Plan


def onset(plan: Plan) -> None:
    """Add the step that writes the facts `flood_onset`, where there is rain."""
    plan.add(
        "flood.onset", write_onset, reads={"cube": plan.cube("rain_hourly"), "joined": plan.facts("rainfall")},
        writes={"facts": plan.facts("flood_onset")},
    )  # fmt: skip


def write_onset(*, cube: Path, joined: Path, facts: Path) -> None:
    """Write the hour before which nothing can rise, and why that one."""
    import numpy as np

    from geo_risk.hazards.rainfall.onset import rain_onset
    from geo_risk.publish.frames import write_json
    from geo_risk.sources.layers import read_json
    from geo_risk.sources.rain import read_own

    series, period = read_own(cube), read_json(joined)["period"]
    found = rain_onset(series, first=max(0, series.sizes["time"] - int(period["hours"])))
    begins = series["time"].to_numpy()[found.step] - np.timedelta64(1, "h")  # stamps are the ends of hours
    method = {
        "name": "Time by which houses in the water's way must be empty",
        "citation": "GB/T 28592-2012, heavy rain",
        "validity": "the first wet hour before 25 mm fall in 24 h on any cell of rain: earlier than the water, however "
                    "steep the basin; rain beyond the map is not seen",
    }  # fmt: skip
    told = {"begins": f"{str(begins)[:19]}+00:00", "cause": found.cause}
    write_json({"notes": [], "counts": {}, "quarantine": [], "methods": [method], **told}, facts)
