"""Links that follow a merge at once: zones list the point that stays, points lie in the zone that stays.

Each is an entry `follow` of the change that merged; taking the merge back sets its links back too. Cancelled objects
keep what they had.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from geo_risk.register.entry import Author, Change, State
from geo_risk.register.store import Register

_FIELD = {"hazard_points": ("risk_zones", "point_ids"), "risk_zones": ("hazard_points", "zone_id")}
"""Layer and field that name objects of a layer."""


def follow(register: Register, layer: str, into: Mapping[str, str], author: Author, *, change_id: int) -> None:
    """Let links to objects that were just merged name those that stay, within the transaction.

    Parameters
    ----------
    layer : of the merged objects. into : id of the one that stays, by that of the one that went. change_id : of the
        change that merged them.
    """
    if not into:
        return
    other, field = _FIELD[layer]
    if field == "point_ids":
        rows = register.database.run("SELECT zone_id, point_ids FROM risk_zones WHERE point_ids IS NOT NULL")
        ids = [str(i) for i, text in rows if into.keys() & set(str(text).split(","))]
    else:
        sql = "SELECT point_id FROM hazard_points WHERE zone_id IN"
        ids = [str(r[0]) for r in register.database.among(sql, sorted(into))]
    states = register.get(sorted(ids))
    changes = [_change(s, field, _replaced(s.values[field], into)) for _, s in sorted(states.items())
               if s.values["status"] != "cancelled" and s.layer == other]  # fmt: skip
    register.apply(changes, author, change_id=change_id)


def set_back(
    register: Register, layer: str, into: Mapping[str, str], author: Author, *, changes: Collection[int], change_id: int
) -> None:
    """Let links name again the objects of merges that were just taken back, within the transaction.

    Parameters
    ----------
    into : id of the one that had stayed, by that of the one that is back. changes : those by which they were merged.
    """
    if not into:
        return
    field = _FIELD[layer][1]
    sql = "SELECT object_id, before FROM reg_history WHERE action = 'follow' AND change_id IN"
    before = {str(i): json.loads(text).get(field) for i, text in register.database.among(sql, sorted(changes))}
    states = register.get(sorted(before))
    made = []
    for object_id, state in sorted(states.items()):
        had = set(str(before[object_id] or "").split(","))
        value = state.values[field]
        for gone in sorted(into.keys() & had):
            names = [] if value is None else str(value).split(",")
            if into[gone] in names and gone not in names:
                both = [gone, into[gone]] if into[gone] in had else [gone]
                at = names.index(into[gone])
                value = ",".join([*names[:at], *both, *names[at + 1 :]])
        made.append(_change(state, field, value))
    register.apply(made, author, change_id=change_id)


def _change(state: State, field: str, value: Any) -> Change:
    return Change(state.layer, state.object_id, state.version, "follow", {field: value})


def _replaced(text: Any, into: Mapping[str, str]) -> str:
    return ",".join(dict.fromkeys(into.get(i, i) for i in str(text).split(",") if i))
