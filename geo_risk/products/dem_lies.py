"""The report of what in the DEM is not ground, as people read it: a list of places, and notes on the whole."""

from __future__ import annotations

from typing import Any

import pandas as pd

from geo_risk.products.wording import note, say
from geo_risk.terrain.dem_lies import COLUMNS, FEET, Lies
from geo_risk.terrain.params import DemLiesParams

ROWS_MAX = 500
"""Rows of each kind on the list, the largest first; the report counts all."""

LEVEL_SHARE_MAX = 0.4
"""Share of exactly equal neighbours above which a DEM that is not rounded was enlarged without interpolation."""

KINDS = ("void", "seam", "spike", "pit", "deep_hole", "building_pit", "sea_level")


def lies_rows(found: Lies, *, language: str = "zh") -> pd.DataFrame:
    """Return the rows of the list `dem_lies`: kind, place, size, and what it means and what was done."""
    table = found.table.assign(size=found.table["value_m"].abs().fillna(0) * 1e6 + found.table["n_cells"])
    rows = table.sort_values(["kind", "size", "y", "x"], ascending=[True, False, False, True], kind="stable")
    rows = rows.groupby("kind", sort=False).head(ROWS_MAX).reset_index(drop=True)[list(COLUMNS)]
    rows["reasons"] = [
        say(f"lie_{row['kind']}", language, cells=int(row["n_cells"]), value=row["value_m"], length=row["length_m"])
        for row in rows.to_dict("records")
    ]  # fmt: skip
    return rows.round({"x": 1, "y": 1, "length_m": 0, "value_m": 2})


def lies_facts(found: Lies, *, params: DemLiesParams) -> dict[str, Any]:
    """Return counts, notes and the method for the report."""
    sizes = found.table.groupby("kind")["n_cells"].agg(["size", "sum"])
    counts = {f"{kind}_places": int(sizes["size"].get(kind, 0)) for kind in KINDS}
    counts |= {"cells_missing": found.n_missing, "cells_below_sea": found.n_below_sea}
    notes = [_of_kind(kind, int(sizes["size"][kind]), int(sizes["sum"][kind]), found) for kind in KINDS
             if kind in sizes.index]  # fmt: skip
    notes += _of_whole(found, params)
    if not notes:
        notes = [note("info", "Nothing was found in the DEM that is not ground; bridges, culverts and buildings that "
                      "nobody gave stay unseen.",
                      "DEM 未见明显失真；未提供的桥梁、涵洞和房屋影响无法识别。")]  # fmt: skip
    method = {
        "name": "What the DEM does not show", "citation": "choice of geo_risk",
        "validity": "signs in the heights alone: a straight bank looks like a seam, a mine like a hole",
    }  # fmt: skip
    return {"notes": notes, "counts": counts, "quarantine": [], "methods": [method]}


def _of_kind(kind: str, n: int, cells: int, found: Lies) -> dict[str, str]:
    values = found.table.loc[found.table["kind"] == kind, "value_m"].abs()
    worst = float(values.max()) if values.notna().any() else 0.0
    return note("warning", *(say(f"lies_{kind}", language, n=n, cells=cells, worst=worst) for language in ("en", "zh")))


def _of_whole(found: Lies, params: DemLiesParams) -> list[dict[str, str]]:
    told: list[tuple[str, dict[str, Any]]] = []
    if found.n_below_sea:
        told.append(("lies_below_sea", {"n": found.n_below_sea, "low": found.lowest_m}))
    if found.rounded_m >= FEET:
        told.append(("lies_feet" if found.rounded_m == FEET else "lies_rounded", {"step": found.rounded_m}))
    elif found.level_share > LEVEL_SHARE_MAX:
        told.append(("lies_stepped", {"share": found.level_share}))
    if found.steep_share > params.steep_share_max:
        told.append(("lies_steep", {"share": found.steep_share, "slope": params.steep_deg}))
    if abs(found.town_ratio - FEET) < 0.02 * FEET or abs(found.town_ratio * FEET - 1) < 0.02:
        told.append(("lies_feet_town", {"ratio": found.town_ratio}))
    return [note("warning", say(key, "en", **values), say(key, "zh", **values)) for key, values in told]
