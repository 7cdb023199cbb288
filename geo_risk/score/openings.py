"""Bridges and culverts that the run opened in the DEM against those that truly dam it."""

from __future__ import annotations

from geo_risk.score.figures import Figure, ratio
from geo_risk.score.outputs import RunOutput, Truth
from geo_risk.sources.layers import read_json


def score_openings(run: RunOutput, truth: Truth) -> dict[str, dict[str, Figure]]:
    """Return the share of false dams that were opened, and the share of opened ones that were false dams."""
    frame, path = run.frame("dem_openings"), truth.folder / "truth.json"
    known = read_json(path).get("dem", {}) if path.is_file() else {}
    if frame is None or "deck_ids" not in known:
        return {}
    dams = {*map(str, known["deck_ids"]), *map(str, known["culvert_ids"])}
    opened = set(frame.loc[frame["result"] == "carved", "opening_id"].astype(str))
    return {
        "dem_openings": {
            "opened": ratio(len(opened & dams), len(dams), "decks and sealed culverts of the DEM that were opened"),
            "precision": ratio(len(opened & dams), len(opened), "opened ones that the DEM truly dams"),
        }
    }
