"""The bulletin: moving areas as they are published, with lasting ids and what changed since the last one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geo_risk.flow.plan import Plan


def deformation_bulletin(plan: Plan) -> None:
    """Add the step that makes `active_deformation` of the areas as they were judged, or else as they were found."""
    judged = plan.frame("areas_judged")
    plan.add(
        "deformation.bulletin",
        write_bulletin,
        reads={"areas": judged if plan.has(judged) else plan.frame("areas_found")},
        writes={"active_deformation": plan.frame("active_deformation")},
    )


def write_bulletin(*, areas: Path, active_deformation: Path) -> None:
    """Write the moving areas of this bulletin."""
    from geo_risk.core.schemas import conform
    from geo_risk.publish.frames import write_frame
    from geo_risk.sources.layers import read_frame

    found = read_frame(areas).drop(columns="label", errors="ignore")
    write_frame(conform(found, "active_deformation"), active_deformation)
