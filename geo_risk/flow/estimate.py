"""How much memory and time a run will take, from headers and from the last run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from geo_risk.core.errors import GeoRiskError
from geo_risk.flow.config import load_config
from geo_risk.flow.session import TaskReport
from geo_risk.sources.layers import read_json

BASE_MB = 450.0
"""Memory of the libraries and compiled kernels."""

CELL_BYTES = 900.0
"""Peak bytes for each cell of the run grid: hydrology holds the whole grid (45 B a cell) beside Dask's blocks."""

CELL_US = 120.0
"""Microseconds of two cores for each cell of the run grid, where no run was timed; a guess within a factor of three."""


@dataclass(frozen=True)
class Estimate:
    """Cells of the run grid, memory, and seconds of the tasks that would run; `timed` of them were timed before."""

    cells: int
    memory_mb: float
    seconds: float
    n_tasks: int
    timed: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for --json."""
        return asdict(self)

    def sentence(self) -> str:
        """Return the estimate in words."""
        if not self.n_tasks:
            return "Nothing to do."
        source = f"{self.timed} of them timed before" if self.timed else "from the size of the grid alone"
        return (
            f"About {self.memory_mb / 1000:.1f} GB of memory and {self.seconds:.0f} s for {self.n_tasks} tasks "
            f"({self.cells:,} cells; {source})."
        )


def estimate(config: Path, *, overrides: Sequence[str], tasks: Sequence[TaskReport]) -> Estimate:
    """Return what the tasks that would run will take.

    Parameters
    ----------
    config, overrides : of the run.
    tasks : of a plan.
    """
    cfg = load_config(config, overrides=overrides)
    due = [t.name for t in tasks if t.outcome == "would run"]
    try:
        known = read_json(cfg.output / ".work" / "timings.json")
    except (OSError, ValueError):
        known = {}
    cells = _cells(cfg)
    timed = [float(known[name]) for name in due if name in known]
    untimed = (len(due) - len(timed)) / max(len(tasks), 1)
    seconds = sum(timed) + untimed * cells * CELL_US * 1e-6
    return Estimate(cells, round(BASE_MB + cells * CELL_BYTES / 1e6, 1), round(seconds, 1), len(due), len(timed))


def _cells(cfg: Any) -> int:
    from geo_risk.core.grid import Grid
    from geo_risk.flow.plan import Plan
    from geo_risk.flow.steps.grid import grid, grid_of_step

    plan = Plan(cfg)
    grid(plan)
    step = next((s for s in plan.steps if s.name == "grid"), None)
    if step is None:
        return 0
    try:
        given: dict[str, Any] = {**step.reads, **step.params}
        made: Grid = grid_of_step(**given)
    except GeoRiskError:
        return 0
    return made.shape[0] * made.shape[1]
