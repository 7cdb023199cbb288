"""Step of the figure of rain by hours: what was observed, what is forecast, and what is not known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geo_risk.flow.plan import Plan


def rain_hours(plan: Plan) -> None:
    """Add the step that draws the rain of each hour over the run's area, for the report."""
    plan.add(
        "rainfall.hours", write_hours,
        reads={"cube": plan.cube("rain_hourly"), "joined": plan.facts("rainfall"), "grid": plan.facts("grid")},
        writes={"facts": plan.facts("rainfall_hours")}, language=plan.cfg.language,
    )  # fmt: skip


def write_hours(*, cube: Path, joined: Path, grid: Path, facts: Path, language: str) -> None:
    """Write the figure, and the share of cells and hours of the area that are not known."""
    import numpy as np

    from geo_risk.publish.figures_rain import RainHours, hours_panel
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.i18n import label
    from geo_risk.sources.layers import read_grid, read_json
    from geo_risk.sources.rain import read_own
    from geo_risk.sources.rain_opened import Area
    from geo_risk.sources.rain_points import cells_touched

    rain, target, known = read_own(cube), read_grid(grid), read_json(joined)
    inside = cells_touched(rain, Area(target.bounds, target.crs))
    cells = rain.to_numpy().astype(np.float64)[:, inside]
    there = np.isfinite(cells)
    n = there.sum(axis=1)
    with_none = n == 0
    mean = np.where(with_none, np.nan, np.where(there, cells, 0).sum(axis=1) / np.maximum(n, 1))
    highest = np.where(with_none, np.nan, np.where(there, cells, -np.inf).max(axis=1, initial=-np.inf))
    until = np.datetime64(str(known["period"]["known"])[:19], "ns")
    hours = RainHours(rain["time"].to_numpy(), until, mean, highest, np.asarray(known["provenance"]))
    figure = {"svg": hours_panel(hours, language), **{f"caption_{k}": label("figure.hours", k) for k in ("zh", "en")}}
    counts = {"cells": int(inside.sum()), "hours": len(n), "unknown_hours": int(with_none.sum()),
              "unknown_values": int((~there).sum())}  # fmt: skip
    write_json({"notes": [], "counts": counts, "quarantine": [], "figures": [figure]}, facts)
