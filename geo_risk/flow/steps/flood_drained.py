"""Step that tells how much water storm drains take by the area they serve."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from geo_risk.flow.plan import Plan


def drained(plan: Plan) -> None:
    """Add the step that writes `town_drained`, the rate of area drains on the town's grid."""
    source = plan.source("drains")
    plan.add(
        "flood.drained", write_drained, reads={"built": plan.layer("town_built")},
        optional={"drains": plan.input("drains")},
        writes={"out": plan.layer("town_drained"), "facts": plan.facts("flood_drained")},
        options={} if source is None else {"drains": source.options.model_dump()},
        built_mm_h=plan.cfg.flood.town.built_drain_mm_h,
    )  # fmt: skip


def write_drained(
    *, built: Path, drains: Path | None, out: Path, facts: Path, options: dict[str, dict[str, Any]], built_mm_h: float
) -> None:
    """Write the rate of area drains [mm/h], and areas without one."""
    from geo_risk.core.grid import grid_of
    from geo_risk.flow.steps.flood_sites import AREAS, read_features
    from geo_risk.hazards.flood.drained_ground import doubtful_share, drained_rate, served_areas
    from geo_risk.products.wording import note
    from geo_risk.publish.frames import write_json
    from geo_risk.publish.raster import write_layer
    from geo_risk.sources.layers import open_layer

    ground = open_layer(built)
    grid = grid_of(ground)
    read = read_features(drains, "drains", grid, options=options, aside=[])  # rows set aside are told with the sites
    areas, aside = served_areas(read[read.geometry.geom_type.isin(AREAS)])
    rate = drained_rate(areas, ground.to_numpy() > 0, grid, built_mm_h=built_mm_h)
    write_layer(grid.layer(rate.astype("float32"), units="mm/h", long_name="water that area drains take",
                           name="town_drained"), out)  # fmt: skip
    share = doubtful_share(areas, grid)
    notes = [note(
        "warning",
        f"On {share:.1%} of the town areas of inputs.drains overlap and tell different capacities: the smallest "
        "counts, on the wet side.",
        f"城区 {share:.1%} 的面积上排水分区重叠且能力不一：按最小值计算（偏湿）。",
    )] if share > 0 else []  # fmt: skip
    counts = {"drained_areas": len(areas) - len(aside), "drained_mean_mm_h": round(float(rate.mean()), 3),
              "drained_areas_overlap_share": round(share, 4)}  # fmt: skip
    write_json({"notes": notes, "counts": counts, "quarantine": aside}, facts)
