"""What steps of past storms are given: the files of their rain and slides, and what the configuration says of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geo_risk.core.grid import Grid
    from geo_risk.flow.plan import Plan, Reads
    from geo_risk.sources.rain_past import PastRain, PastStorms


def past_reads(plan: Plan) -> Reads:
    """Return the rain of past storms and their slides, by the keywords of the steps."""
    return {"rainfall_past_events": plan.input("rainfall.past_events"), "past_slides": plan.input("past_slides")}


def past_told(plan: Plan) -> list[PastRain]:
    """Return what the configuration says of the rain of each past storm."""
    from geo_risk.sources.rain_past import PastRain

    return [PastRain(id=e.storm_id, options=e.rain) for e in plan.cfg.inputs.rainfall.past_events]


def slide_options(plan: Plan) -> Any:
    """Return what the configuration says of the file of past slides, None where there is none."""
    source = plan.source("past_slides")
    return None if source is None else source.options


def open_storms(
    paths: list[Path], told: list[PastRain], target: Grid, *, limit_mm_h: float, max_bad_share: float
) -> PastStorms:
    """Open the rain of past storms over a grid, lazily."""
    from geo_risk.sources.rain_opened import Area
    from geo_risk.sources.rain_past import past_files, read_past_storms

    return read_past_storms(past_files(paths, told), area=Area(target.bounds, target.crs),
                            limit_mm_h=limit_mm_h, max_bad_share=max_bad_share)  # fmt: skip
