"""Score one run, or several pooled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from geo_risk.core.errors import ConfigError
from geo_risk.score.evacuation import score_evacuation
from geo_risk.score.figures import Figure, Score, pooled
from geo_risk.score.motion import score_mining, score_moving_areas
from geo_risk.score.openings import score_openings
from geo_risk.score.outputs import RunOutput, Truth
from geo_risk.score.points import score_hazard_points
from geo_risk.score.susceptibility import score_susceptibility
from geo_risk.score.warning import score_warning
from geo_risk.score.water import score_waterlogging

_SCORERS: dict[str, Callable[[RunOutput, Truth], dict[str, dict[str, Figure]]]] = {
    "moving_areas": score_moving_areas,
    "mining": score_mining,
    "hazard_points": score_hazard_points,
    "susceptibility": score_susceptibility,
    "warning": score_warning,
    "dem_openings": score_openings,
    "waterlogging": score_waterlogging,
    "evacuation": score_evacuation,
}


def pairs_of(folders: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Return OUT TRUTH OUT TRUTH ... as pairs.

    Raises
    ------
    ConfigError : an odd number of folders.
    """
    if not folders or len(folders) % 2:
        what = f"{len(folders)} folders given; a truth folder after each output folder needed"
        raise ConfigError(
            what, where="OUT TRUTH", fix="write for example: geo-risk score outputs/demo data/sample/truth"
        )
    return list(zip(folders[::2], folders[1::2], strict=True))


def score_run(output: Path, truth: Path) -> Score:
    """Return every figure that this run and this truth allow; parts without their layers are absent and named."""
    run, true = RunOutput(output), Truth(truth)
    parts: dict[str, dict[str, Figure]] = {}
    notes = []
    for name, scorer in _SCORERS.items():
        found = scorer(run, true)
        parts.update(found)
        if name not in found:
            notes.append(f"{name}: not scored, the run or the truth lacks it")
    return Score(parts, tuple(notes))


def score_runs(pairs: Sequence[tuple[Path, Path]]) -> Score:
    """Return the pooled score of runs with their truths."""
    return pooled([score_run(output, truth) for output, truth in pairs])
