"""The evacuation list against the people truly hit, and its own sums."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyogrio

from geo_risk.score.figures import Figure, ratio, total
from geo_risk.score.outputs import RunOutput, Truth


def score_evacuation(run: RunOutput, truth: Truth) -> dict[str, dict[str, Figure]]:
    """Return the share of truly hit people who are listed, listed to hit, shelters over capacity, and the sums.

    Of a settlement that is listed for fewer people than are hit, those listed count. Of one that must leave and whose
    population the list does not know, all its people count as listed; one that is on the list because nothing is known
    of its ground counts for nobody.
    """
    listed, hit = run.frame("evacuation"), truth.table("settlements_hit")
    if listed is None or hit is None:
        return {}
    ids, in_truth = listed["settlement_id"].astype(str), hit.set_index(hit["settlement_id"].astype(str))
    people = listed.set_index(ids)["people"].astype(float)
    true = in_truth["hit_people"].fillna(0).astype(float)
    is_called = (listed["hazard_kinds"].astype(str) != "unknown").to_numpy()
    uncounted = people.isna().to_numpy() & is_called
    if "people" in in_truth:
        people[uncounted] = in_truth["people"].astype(float).reindex(people.index[uncounted]).to_numpy()
    whole, people = float(people[uncounted].sum()), people.fillna(0)
    reached = np.minimum(people.reindex(true.index).fillna(0), true).sum()
    part = {
        "listed_share_of_hit": ratio(reached, true.sum(), "people truly hit who are listed"),
        "listed_to_hit_ratio": ratio(people.sum(), true.sum(), "people listed for each one hit", ceiling=1.0),
        "people_of_unknown_number": total(whole, "people of settlements that must leave and whose number is not known; "
                                          "they count as listed"),
    }  # fmt: skip
    over = over_capacity(run.frame("evacuation_assignments"), truth.folder.parent / "shelters.gpkg")
    if over is not None:
        part["over_capacity"] = total(over, "shelters with more people than places", ceiling=0.0)
    for key, column in (("assigned", "assigned_people"), ("unassigned", "unassigned_people")):
        part[f"people_{key}"] = total(float(listed[column].fillna(0).sum()), f"people {key} to a shelter")
    part["people_total"] = total(float(listed["people"].fillna(0).sum()), "people listed with their number")
    unassignable = run.facts("evacuation").get("counts", {}).get("people_unassignable")
    if unassignable is not None:
        part["people_unassignable"] = total(float(unassignable), "people beyond what can be reached, by maximum flow")
    return {"evacuation": part}


def over_capacity(assignments: Any, shelters: Path) -> int | None:
    """Return how many shelters get more people than they hold, None where capacities are not known."""
    if assignments is None or not shelters.is_file():
        return None
    places = pyogrio.read_dataframe(shelters, columns=["shelter_id", "capacity"], read_geometry=False)
    capacity = places.set_index(places["shelter_id"].astype(str))["capacity"].fillna(0).astype(float)
    load = assignments.groupby(assignments["shelter_id"].astype(str))["people"].sum().astype(float)
    return int((load > capacity.reindex(load.index).fillna(0)).sum())
