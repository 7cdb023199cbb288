"""Rows of a run that are of one object by now, because their entries were merged: made one row, nobody lost.

A ledger file goes on listing what was merged. Its rows speak for the object that stays, never for the cancelled one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import pandas as pd

from geo_risk.core.sentence import Sentence
from geo_risk.products.danger import GRADES, danger_grades
from geo_risk.products.params import RiskParams
from geo_risk.products.register_merging import COUNTS, LOWER_BOUNDS, lower_bounds

_ACTS = ("accelerating", "step", "steady", "decelerating", "seasonal", "unknown", "stable")
"""From the gravest; unknown before stable."""


@dataclass(frozen=True)
class Joined:
    """Rows of a run after those of merged objects were made one.

    Attributes
    ----------
    found : the rows. also : id of the object in force by the number of each row that went into another.
    elsewhere : positions in `found` of rows that stand for an object at the place of one that was merged into it.
    whole : objects in force of which the run has rows of all that was merged into them, and their own, with levels.
    """

    found: gpd.GeoDataFrame
    also: dict[str, str]
    elsewhere: frozenset[int]
    whole: frozenset[str] = frozenset()


def join_merged(
    found: gpd.GeoDataFrame, *, numbers: Mapping[str, str], into: Mapping[str, str], how: Mapping[str, str | None],
    risk: RiskParams, parents: Mapping[str, str] | None = None,
) -> Joined:  # fmt: skip
    """Make one row of all rows of a run whose ledger numbers lead to one object.

    Parameters
    ----------
    found : point_id, source and the columns of `hazard_points`, those that there are.
    numbers : id of the register by ledger number, where it is another one.
    into : id of the object in force by that of each merged one. how : how its counts were joined, by its id.
    risk : bounds of the danger grades.
    parents : id that each merged one was merged into, by its id, where that was merged further; None: `into`.

    Returns
    -------
    Joined. Levels and activity of the gravest; counts summed where a person had said that they are different people,
    else the larger. A count that one of the objects lacks in this run is unknown: it replaces nothing.
    """
    ids = [numbers.get(str(i), str(i)) if s != "insar" else "" for i, s in
           zip(found["point_id"], found["source"], strict=True)]  # fmt: skip
    ends = [into.get(i, i) for i in ids]
    touched = {into[i] for i in ids if i in into}
    if not touched:
        return Joined(found, {}, frozenset())
    members: dict[str, set[str]] = {}
    for gone, stays in into.items():
        members.setdefault(stays, {stays}).add(gone)
    rows: dict[str, list[int]] = {}
    for k, end in enumerate(ends):
        if end in touched:
            rows.setdefault(end, []).append(k)
    plain = found.to_dict("records")
    also: dict[str, str] = {}
    dropped: set[int] = set()
    alone: set[int] = set()
    whole = frozenset(end for end, at in rows.items() if members[end] <= {ids[k] for k in at}
                      and not any(unknown_levels(plain[k]) for k in at))  # fmt: skip
    for end, at in rows.items():
        order = sorted(at, key=lambda k: (ids[k] != end, ids[k], k))
        first = order[0]
        seen = {ids[k]: plain[k] for k in order}
        plain[first] = _one_row(
            {**plain[first], "point_id": end}, seen, _tree(members[end], parents or into), how, risk
        )
        also |= {str(found["point_id"].iloc[k]): end for k in order}
        dropped |= set(order[1:])
        alone |= {first} if ids[first] != end else set()
    keep = [k for k in range(len(found)) if k not in dropped]
    out = gpd.GeoDataFrame([plain[k] for k in keep], geometry="geometry", crs=found.crs)
    out = out.astype({c: t for c, t in found.dtypes.items() if c in out and c != "geometry"})
    return Joined(out, also, frozenset(i for i, k in enumerate(keep) if k in alone), whole)


def _tree(members: set[str], parents: Mapping[str, str]) -> dict[str, list[str]]:
    """Return what was merged right into each of the members, by id."""
    return {m: sorted(i for i in members if parents.get(i) == m and i != m) for m in sorted(members)}


def _total(
    end: str, tree: Mapping[str, list[str]], how: Mapping[str, str | None], value: Callable[[str], Any]
) -> float | None:  # fmt: skip
    """Return a count of an object with all that was merged into it, each as was decided; None: one is not known."""
    own = value(end)
    parts = [(how.get(i), _total(i, tree, how, value)) for i in tree[end] if how.get(i) != "kept"]
    if own is None or pd.isna(own) or any(v is None for _, v in parts):
        return None
    apart = [v for k, v in parts if k == "sum" and v is not None]
    return float(sum(apart) + max([own, *(v for k, v in parts if k != "sum" and v is not None)]))


def _level(levels: list[int]) -> int:
    """Return the highest level; where one is unknown that is unknown, unless it is medium or more."""
    top = max(levels, default=-1)
    return top if top > 1 or min(levels, default=-1) >= 0 else -1


def _one_row(
    row: dict[str, Any], seen: Mapping[str, Mapping[str, Any]], tree: Mapping[str, list[str]],
    how: Mapping[str, str | None], risk: RiskParams,
) -> dict[str, Any]:  # fmt: skip
    members = set(tree)
    for name in (n for n in COUNTS["hazard_points"] if n in row):
        row[name] = _total(
            str(row["point_id"]),
            tree,
            how,
            lambda m, name=name: seen.get(m, {}).get(name),  # type: ignore[misc]
        )
    rows = list(seen.values())
    for name in (n for n in row if n.endswith("_level")):
        row[name] = _level([_known_level(r[name]) for r in rows])
    acts = [str(r["activity"]) for r in rows if r.get("activity") in _ACTS]
    if acts:
        row["activity"] = min(acts, key=_ACTS.index)
    if any(r.get("status") == "changed" for r in rows):
        row["status"] = "changed"
    if "danger_grade" in row:
        row["danger_grade"] = _grade(row, rows, risk)
    said = Sentence(f"With what was merged into it: {', '.join(sorted(members))}.",
                    f"含并入者：{'、'.join(sorted(members))}。")  # fmt: skip
    for name, text in (("reasons_en", str(said)), ("reasons_zh", said.zh)):
        if name in row and not pd.isna(row[name]):
            row[name] = f"{row[name]} {text}".strip()
    return row


def never_fewer(
    row: Mapping[str, Any], kept: Mapping[str, Any], *, layer: str = "hazard_points", apart: bool = False
) -> dict[str, Any]:
    """Return a row that says nothing of those merged into its object: fewer people than kept are no news of them.

    Counts below those of the object, and a milder grade, become unknown: they replace nothing. The field LOWER_BOUNDS
    says which counts stay, or become, lower bounds.

    Parameters
    ----------
    apart : a person had said that those merged into it are other people: more of its own are not all.
    """
    out = dict(row)
    bounds = set(lower_bounds(kept))
    for name in (n for n in COUNTS[layer] if n in out and not pd.isna(out[n])):
        if kept.get(name) is not None and not pd.isna(kept[name]) and out[name] < kept[name]:
            out[name] = None
        elif apart and (kept.get(name) is None or pd.isna(kept[name]) or out[name] > kept[name]):
            bounds.add(name)
    out[LOWER_BOUNDS] = ",".join(n for n in COUNTS[layer] if n in bounds) or None
    grades = [GRADES.index(g) if g in GRADES else -1 for g in (out.get("danger_grade"), kept.get("danger_grade"))]
    if grades[0] < grades[1]:
        out["danger_grade"] = None
    return out


def never_milder(row: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row that does not judge all that was merged into its object: what it has milder replaces nothing.

    A level below that of the object becomes unknown, and an activity below its own gives way to it, or to unknown
    where the row does not act.
    """
    out = dict(row)
    for name in (n for n in out if n.endswith("_level")):
        old, new = _known_level(kept.get(name)), _known_level(out[name])
        if new < old:
            out[name] = -1
    act, was = out.get("activity"), kept.get("activity")
    if was in _ACTS[:-2] and (act not in _ACTS or _ACTS.index(act) > _ACTS.index(was)):
        out["activity"] = was if act in _ACTS[:-2] else "unknown"
    return out


def unknown_levels(row: Mapping[str, Any]) -> bool:
    """Return whether a row has a level that is not known."""
    return any(_known_level(v) < 0 for n, v in row.items() if n.endswith("_level"))


def _known_level(value: Any) -> int:
    """Return a level, -1 where it is missing or a text that is no number, as a ledger may have it."""
    number = pd.to_numeric(value, errors="coerce")
    return -1 if pd.isna(number) else int(number)


def join_levels(row: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a row with the highest of its levels and those of others; unknown where one is, unless it is medium."""
    out = dict(row)
    for name in (n for n in out if n.endswith("_level")):
        out[name] = _level([_known_level(r[name]) for r in (row, *others)])
    return out


def _grade(row: Mapping[str, Any], rows: list[Mapping[str, Any]], risk: RiskParams) -> str | None:
    """Return the gravest grade of the rows and of the joined counts; None where the people are not known."""
    people, assets = (float("nan") if row.get(n) is None or pd.isna(row[n]) else float(row[n])
                      for n in ("people", "assets_cny"))  # fmt: skip
    if people != people:  # noqa: PLR0124
        return None
    grades = [str(g) for g in (*(r.get("danger_grade") for r in rows), danger_grades([people], [assets], risk)[0])
              if g in GRADES]  # fmt: skip
    return max(grades, key=GRADES.index) if grades else None
