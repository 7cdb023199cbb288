"""Ways that water will close: until when they are open, and that people leave in time to be through."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from geo_risk.exposure.network import Route
from geo_risk.products.routing import Ways
from geo_risk.products.water_times import FloodTimes, clock
from geo_risk.products.wording import say


def closes_after(ways: Ways | None, route: Route | None) -> tuple[bool, float]:
    """Return whether a way runs through what water will close, and the hour when it first does, NaN if not known.

    Hours count from the beginning of the run that found the water.
    """
    if ways is None or route is None:
        return False, np.nan
    edges = np.array(route.edges, dtype=np.int64)
    edges = edges[ways.early[edges]]
    # NaN, a time that is not known, comes through
    return bool(len(edges)), float(ways.closing_h[edges].min()) if len(edges) else np.nan


def first_closing(ways: Ways | None, routes: Sequence[Route | None]) -> tuple[bool, float]:
    """Return whether any of several ways runs through what water will close, and the first hour; NaN if one is lost."""
    found = [closes_after(ways, route) for route in routes]
    hours = [h for is_early, h in found if is_early]
    return bool(hours), float(np.min(hours)) if hours else np.nan


def longest_min(ways: Ways | None, routes: Sequence[Route | None]) -> float:
    """Return the time [min] of the longest of the ways that water will close; NaN where none is.

    Who goes to several shelters is not on the main way alone.
    """
    found = [route.minutes for route in routes if route is not None and closes_after(ways, route)[0]]
    return float(np.max(found)) if found else np.nan


def through_by(after_h: float, times: FloodTimes) -> datetime | None:
    """Return when a way that closes must have been passed: before its water, else before the rain; None unknown."""
    if times.town is not None and np.isfinite(after_h):
        return times.town.begins + timedelta(hours=float(after_h))
    return times.rain_begins


def in_time(rows: pd.DataFrame, times: FloodTimes) -> list[str | None]:
    """Return `leave_before` of rows, early enough that whoever must pass water's way is through before it.

    Parameters
    ----------
    rows : leave_before, leave_early, closes_after_h, early_min (`longest_min`). times : what is known of when the flood
        comes.
    """
    out: list[str | None] = []
    for row in rows[["leave_before", "leave_early", "closes_after_h", "early_min"]].to_dict("records"):
        own = None if pd.isna(row["leave_before"]) else str(row["leave_before"])
        by = through_by(row["closes_after_h"], times) if row["leave_early"] == "yes" else None
        if by is not None and own is not None:
            by -= timedelta(minutes=0.0 if pd.isna(row["early_min"]) else float(row["early_min"]))
            own = min(own, by.replace(microsecond=0).isoformat())
        out.append(own)
    return out


def said_early(row: Any, times: FloodTimes, language: str, *, of: str = "") -> list[str]:
    """Return the sentence of a main way (`of` "") or of a second one ("backup_") that water will close."""
    if row[f"{of}leave_early"] != "yes":
        return []
    by = through_by(row[f"{of}closes_after_h"], times)
    is_told = times.town is not None and not pd.isna(row[f"{of}closes_after_h"])
    key = "leave_early" if by is None else "leave_early_by" if is_told else "leave_early_rain"
    return [say(f"{of}{key}", language, time=None if by is None else clock(by.isoformat()))]
