"""Slides of the demo county: those of the storm and of past storms, and the inventory with its faults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo_risk.sample.calendar import PAST_STORM_STARTS
from geo_risk.sample.rain import RainTruth, effective_rain_mm
from geo_risk.sample.rain_files import past_effective_mm
from geo_risk.sample.runout import friction, hit_polygon, run_out, source_polygon
from geo_risk.sample.streams import count, stream
from geo_risk.sample.susceptibility import Susceptibility, rain_factor

if TYPE_CHECKING:
    from geo_risk.sample.ground import Ground

STORM_SLIDES = 110
INVENTORY = 300
MISSING, DOUBLED, MISPLACED = 0.20, 0.05, 0.05
DOUBLED_WITHIN_M, MISPLACED_WITHIN_M = 100.0, 500.0
YEARS = (2004, 2024)
KINDS = ("landslide", "rockfall", "debris_flow")

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Slides:
    """All slides, true and as recorded.

    Attributes
    ----------
    storm : slide_id, time, kind, x, y, volume_m3, mu, length_m, geometry (Polygon, the source).
    hit : slide_id, geometry (Polygon): where each storm slide passed, source included.
    events : true past events: event_id, date, kind, storm_id (or None), x, y.
    inventory : as recorded: event_id, date, kind, geometry (Point).
    past : recorded slides of the past storms: storm_id, date, geometry (Point).
    faults : of the inventory: event_id, true_event_id, fault (none, missing, duplicate, misplaced), moved_m.
    """

    storm: gpd.GeoDataFrame
    hit: gpd.GeoDataFrame
    events: pd.DataFrame
    inventory: gpd.GeoDataFrame
    past: gpd.GeoDataFrame
    faults: pd.DataFrame


def make_slides(ground: Ground, hidden: Susceptibility, rain: RainTruth) -> Slides:
    """Draw the slides of the storm, of past storms and of twenty years from susceptibility and true effective rain."""
    weight = np.exp(hidden.logit.astype(np.float64))
    series = _storm_factor(rain)
    scale = STORM_SLIDES * (ground.size / 500) ** 2 / float((weight * _on_grid(ground, rain, series[-1])).sum())
    rng = stream(ground.seed, "slides.storm")
    cells = _draw(scale * weight * _on_grid(ground, rain, series[-1]), rng)
    storm, hit = _storm_slides(ground, cells, rain, series, rng)
    events = _events(ground, hidden, rain, scale)
    inventory, faults = _recorded(events, hidden, ground)
    known = faults[faults["fault"] != "missing"]
    by_event = events.set_index("event_id").loc[known["true_event_id"], "storm_id"].to_numpy()
    storm_of = pd.Series(by_event, index=known["event_id"])
    past = inventory.assign(storm_id=inventory["event_id"].map(storm_of))
    past = past[past["storm_id"].notna()][["storm_id", "date", "geometry"]].reset_index(drop=True)
    return Slides(storm, hit, events, inventory, past, faults)


def _storm_factor(rain: RainTruth) -> Array:
    """Return the running maximum over the storm's hours of the rain factor (hour, y, x) on the observed rain grid."""
    observed, storm = rain.observed, rain.storm()
    first = int(np.searchsorted(observed.times, storm.times[0]))
    hours = range(first, first + len(storm.times))
    effective = [effective_rain_mm(observed, decay=rain.decay, end=h, hours_per_step=1) for h in hours]
    out: Array = np.maximum.accumulate(rain_factor(np.array(effective)), axis=0)
    return out


def _on_grid(ground: Ground, rain: RainTruth, values: Array) -> Array:
    coords = ground.grid.coords()
    y, x = np.meshgrid(coords["y"], coords["x"], indexing="ij")
    return rain.observed.at(values, x, y)


def _draw(expected: Array, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return (n, 2) rows and columns of cells that fail, each with probability 1 - exp(-expected)."""
    fails = rng.random(expected.shape) < -np.expm1(-expected)
    return np.argwhere(fails)


def _storm_slides(
    ground: Ground, cells: NDArray[np.int64], rain: RainTruth, series: Array, rng: np.random.Generator
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    times = rain.storm().times
    rows: list[dict[str, Any]] = []
    sources, hits = [], []
    for number, (row, column) in enumerate(cells, 1):
        x, y = _inside_cell(ground, row, column, rng)
        at = (np.array([x]), np.array([y]))
        course = np.array([rain.observed.at(hour, *at)[0] for hour in series])
        hour = int(np.searchsorted(course, rng.random() * course[-1]))
        volume = float(np.clip(np.exp(rng.normal(np.log(3500), 1.0)), 200, 2.0e5))
        area = (volume / 0.22) ** (1 / 1.3) * 1.6
        width = float(np.sqrt(area / rng.uniform(1.6, 3.0)))
        steepness = float(np.tan(np.radians(ground.slope_deg[row, column])))
        mu = min(friction(volume, rng), 0.9 * steepness)  # a slope that failed cannot resist by more
        way = run_out(ground, int(row), int(column), mu)
        aspect = float(np.nan_to_num(ground.aspect_deg[row, column]))
        source = source_polygon(x, y, azimuth_deg=aspect, length_m=area / width, width_m=width)
        sources.append(source)
        hits.append(hit_polygon(source, way, width))
        rows.append(
            {
                "slide_id": f"SL{number:05d}", "time": f"{times[min(hour, len(times) - 1)]}:00:00Z",
                "kind": _kind(ground, row, column, rng), "x": round(x, 1), "y": round(y, 1),
                "volume_m3": round(volume), "mu": round(mu, 4),
                "length_m": round(float(np.hypot(*np.diff(way, axis=0).T).sum())),
            }
        )  # fmt: skip
    columns = ["slide_id", "time", "kind", "x", "y", "volume_m3", "mu", "length_m"]
    storm = gpd.GeoDataFrame(pd.DataFrame(rows, columns=columns), geometry=sources, crs=ground.grid.crs)
    hit = gpd.GeoDataFrame(storm[["slide_id"]].copy(), geometry=hits, crs=ground.grid.crs)
    return storm, hit


def _inside_cell(ground: Ground, row: int, column: int, rng: np.random.Generator) -> tuple[float, float]:
    x, y = ground.grid.transform * (column + rng.uniform(0.1, 0.9), row + rng.uniform(0.1, 0.9))
    return float(x), float(y)


def _kind(ground: Ground, row: int, column: int, rng: np.random.Generator) -> str:
    steep = float(ground.slope_deg[row, column]) > 36
    wet = float(ground.upslope_m2[row, column]) > 2.0e4
    odds = np.array([1.0, 1.4 if steep else 0.15, 1.2 if wet else 0.1])
    return str(rng.choice(KINDS, p=odds / odds.sum()))


def _events(ground: Ground, hidden: Susceptibility, rain: RainTruth, scale: float) -> pd.DataFrame:
    """Return the true events of twenty years: those of the eight storms, and single ones up to the number wanted."""
    rng = stream(ground.seed, "slides.events")
    weight = np.exp(hidden.logit.astype(np.float64))
    wanted = count(INVENTORY, ground.size)
    rows: list[tuple[np.datetime64, str | None, int, int]] = []
    for number, daily in enumerate(rain.past):
        factor = _on_grid(ground, rain, rain_factor(past_effective_mm(daily, rain.decay)))
        cells = _draw(scale * weight * factor, rng)
        days = rng.choice([1, 2, 2], len(cells))
        start = PAST_STORM_STARTS[number].astype("datetime64[D]")
        rows += [(start + int(d), f"S{number + 1}", int(r), int(c)) for d, (r, c) in zip(days, cells, strict=True)]
    if len(rows) > 0.75 * wanted:
        rows = [rows[k] for k in np.sort(rng.choice(len(rows), int(0.75 * wanted), replace=False))]
    flat = np.cumsum(weight.ravel())
    picks = np.searchsorted(flat, rng.random(wanted - len(rows)) * flat[-1])
    for k in picks:
        year = int(rng.integers(*YEARS))
        day = int(rng.choice([rng.integers(60, 100), rng.integers(170, 270), rng.integers(170, 270)]))
        date = np.datetime64(f"{year}-01-01") + day
        rows.append((date, None, int(k // weight.shape[1]), int(k % weight.shape[1])))
    rows.sort(key=lambda r: (r[0], r[2], r[3]))
    places = [_inside_cell(ground, r, c, rng) for _, _, r, c in rows]
    return pd.DataFrame(
        {
            "event_id": [f"EV{k:05d}" for k in range(1, len(rows) + 1)],
            "date": [str(r[0]) for r in rows],
            "kind": [_kind(ground, r, c, rng) for _, _, r, c in rows],
            "storm_id": [r[1] for r in rows],
            "x": np.round([p[0] for p in places], 1),
            "y": np.round([p[1] for p in places], 1),
        }
    )


def _recorded(events: pd.DataFrame, hidden: Susceptibility, ground: Ground) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Return the inventory as kept: 20 % missing (far from roads more often), 5 % doubled, 5 % misplaced."""
    rng = stream(ground.seed, "slides.inventory")
    n = len(events)
    rows, columns, _ = ground.grid.index(events["x"], events["y"])
    far = 0.4 + np.minimum(hidden.road_distance_m[rows, columns], 1500.0) / 500.0
    missing = rng.choice(n, round(MISSING * n), replace=False, p=far / far.sum())
    kept = np.setdiff1d(np.arange(n), missing)
    moved = rng.choice(kept, round(MISPLACED * len(kept)), replace=False)
    doubled = np.sort(rng.choice(kept, round(DOUBLED * len(kept)), replace=False))
    shift = np.zeros(n)
    shift[moved] = rng.uniform(120, MISPLACED_WITHIN_M, len(moved))
    source = np.concatenate([kept, doubled])
    distance = np.concatenate([shift[kept], rng.uniform(5, DOUBLED_WITHIN_M, len(doubled))])
    bearing = rng.uniform(0, 2 * np.pi, len(source))
    x = events["x"].to_numpy()[source] + distance * np.sin(bearing)
    y = events["y"].to_numpy()[source] + distance * np.cos(bearing)
    left, bottom, right, top = ground.grid.bounds
    points = shapely.points(np.clip(x, left + 1, right - 1), np.clip(y, bottom + 1, top - 1))
    true_id = events["event_id"].to_numpy()
    order = np.argsort(events["date"].to_numpy()[source], kind="stable")
    ids = np.array([f"HS{k:05d}" for k in range(1, len(source) + 1)])
    inventory = gpd.GeoDataFrame(
        {
            "event_id": ids,
            "date": events["date"].to_numpy()[source][order],
            "kind": events["kind"].to_numpy()[source][order],
        },
        geometry=points[order],
        crs=ground.grid.crs,
    )
    fault = np.where(np.arange(len(source)) >= len(kept), "duplicate", np.where(distance > 0, "misplaced", "none"))
    faults = pd.DataFrame(
        {"event_id": ids, "true_event_id": true_id[source][order], "fault": fault[order],
         "moved_m": np.round(distance[order], 1)}
    )  # fmt: skip
    gone = pd.DataFrame(
        {"event_id": None, "true_event_id": true_id[np.sort(missing)], "fault": "missing", "moved_m": np.nan}
    )
    return inventory, pd.concat([faults, gone.astype(faults.dtypes.to_dict())], ignore_index=True)
