"""Waterlogging of the demo town: sites with their true causes, drains and pumps, and the depths of three storms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from geo_risk.kernels.inertial import FloodRun, simulate
from geo_risk.sample.calendar import STORM_HOURS
from geo_risk.sample.floods import WETTEST_H, town_run, town_runoff
from geo_risk.sample.rain import HOURLY_SOURCES, RainTruth
from geo_risk.sample.sites import Sites, carve_sites, make_sites
from geo_risk.sample.streams import stream
from geo_risk.sample.town import STREET

if TYPE_CHECKING:
    from geo_risk.sample.ground import Ground

LEDGER, NEVER, UNLISTED = 25, 6, 8
"""Rows of the ledger; those of them that never flood; sites that flood but are not in the ledger."""
BLOCKED, DEAD_PUMPS = 3, 1
SILTED_TO = (0.20, 0.30)
"""Share of its capacity that a silted drain keeps (within the 20-40 % of the specification)."""
AMPLE = 1.5
"""Nominal capacity of a drain that would do, over the peak inflow."""
FLOODS_M, DRY_M, CLEARLY_M = 0.15, 0.05, 0.20
WANTED_M = 0.28
"""A place is made a site when a coarse run without drains puts at least this much water there."""
PEAK_MM_H = 37.0
STREET_DRAINS = 18
LARGE_M3_S = 0.1
PAST_HOURS = 3
_ATTEMPTS = 4
_COARSE = 2
QUOTA = {"underpass": 5, "road_dip": 11, "low_lying": 9, "underground_space": 6}

Array = NDArray[np.float64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Water:
    """The town's water.

    Attributes
    ----------
    sites : site_id, in_ledger, kind, road, street_class, x, y, row, column, sill_height_m, catchment_m2, cause,
        hidden_defect (none, drain_silted, pump_dead), people, depth_m (true, this storm), floods.
    drains : drain_id, site_id (or None), x, y, capacity_m3_s (nominal), true_m3_s, state; pumps are among them with
        pump_id instead of drain_id.
    past : storm_id, site_id, depth_m (reported, +-5 cm), true_depth_m.
    dem : (y, x) float32 [m], the true ground; given_dem : as the analyst has it.
    depth_m : (y, x) float32, deepest water of this storm.
    mass_error_m3, rain_m3 : balance of this storm's run.
    """

    sites: pd.DataFrame
    drains: pd.DataFrame
    past: pd.DataFrame
    dem: Floats
    given_dem: Floats
    depth_m: Floats
    mass_error_m3: float
    rain_m3: float


def make_water(ground: Ground, rain: RainTruth) -> Water:
    """Make the town's sites and drains and run this storm and two past ones over them."""
    first = make_sites(ground)
    first_depth = _coarse_depth(ground, first, rain)
    failed: set[int] = set()
    for attempt in range(_ATTEMPTS):
        rng = stream(ground.seed, f"water.drains.{attempt}")
        sites, dem = _chosen(ground, first, first_depth, failed, rng)
        sites = _with_inflow(ground, sites, dem, rain)
        drains = _drains(ground, sites, rng)
        sinks = _sinks(ground, drains)
        run = town_run(ground, dem, rain.storm(), sinks)
        at = [_at_site(run.max_depth_m, r, c) for r, c in zip(sites["row"], sites["column"], strict=True)]
        sites = sites.assign(depth_m=np.round(at, 3), floods=np.array(at) >= FLOODS_M)
        wrong = (sites["cause"] != "none") & (sites["depth_m"] < CLEARLY_M)
        wrong |= (sites["cause"] == "none") & (sites["depth_m"] > 2 * DRY_M)
        if not wrong.any():
            break
        failed |= set(sites.loc[wrong, "place"])
    past = _past(ground, dem, sinks, sites, rain, rng)
    return Water(
        sites=sites.drop(columns=["place", "inflow_m3_s"]),
        drains=drains,
        past=past,
        dem=dem,
        given_dem=_given(ground, dem),
        depth_m=run.max_depth_m.astype(np.float32),
        mass_error_m3=float(run.balance.error_m3),
        rain_m3=float(run.balance.rain_m3),
    )


def _at_site(depth: Array, row: int, column: int) -> float:
    return float(depth[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2].max())


def _chosen(
    ground: Ground, first: Sites, first_depth: list[float], failed: set[int], rng: np.random.Generator
) -> tuple[pd.DataFrame, Floats]:
    """Keep the places that a coarse run floods, as many as are wanted, and high places; carve only those.

    Places in `failed` (numbers in the first table) did not do in the fine run what they were meant to.
    """
    table = first.table.assign(first_depth_m=first_depth, place=np.arange(len(first.table)))
    table = table[~table["place"].isin(failed)]
    wet = table[(table["carved_m"] > 0) & (table["first_depth_m"] >= WANTED_M)]
    wet = wet[(wet["kind"] != "underground_space") | (wet["first_depth_m"] > wet["sill_height_m"] + 0.05)]
    parts = [wet[wet["kind"] == kind].sort_values("first_depth_m", ascending=False) for kind in QUOTA]
    picked = pd.concat([p.head(n) for p, n in zip(parts, QUOTA.values(), strict=True)])
    wanted = LEDGER - NEVER + UNLISTED
    rest = wet[~wet.index.isin(picked.index)].sort_values("first_depth_m", ascending=False)
    underpasses = picked[picked["kind"] == "underpass"]
    others = picked[picked["kind"] != "underpass"].sample(frac=1.0, random_state=int(rng.integers(2**31)))
    flooding = pd.concat([underpasses, others, rest]).head(wanted)
    high = table[table["carved_m"] <= 0].sort_values(["catchment_m2", "first_depth_m"], kind="stable").head(NEVER)
    both = pd.concat([flooding, high]).drop(columns=["first_depth_m"]).reset_index(drop=True)
    carved = carve_sites(ground, first.even, both)
    return _named(carved.table.assign(dry=(carved.table["carved_m"] <= 0).to_numpy()), rng), carved.dem


def _coarse_run(
    ground: Ground, dem: Floats, rain: RainTruth, sinks_m3_s: Array | None = None
) -> tuple[FloodRun, Array, float]:
    """Run this storm at twice the cell; return the run, its ground, and the peak hour's share of the runoff."""
    n = ground.town.grid.shape[0] // _COARSE
    coarse = dem.reshape(n, _COARSE, n, _COARSE).mean(axis=(1, 3)).astype(np.float64)
    cover = ground.town.cover[::_COARSE, ::_COARSE]
    net = town_runoff(ground, rain.storm(), WETTEST_H)
    run = simulate(coarse, 0.035, net[:, cover], rain_step_s=3600.0, cell_m=5.0 * _COARSE, sink_m3_s=sinks_m3_s,
                   advection=True)  # fmt: skip
    street = net[:, STREET]
    return run, coarse, float(street.max() / street.sum())


def _coarse_depth(ground: Ground, sites: Sites, rain: RainTruth) -> list[float]:
    """Return the depth at each place in a run at twice the cell, without drains."""
    run, coarse, _ = _coarse_run(ground, sites.dem, rain)
    rows, columns = sites.table["row"].to_numpy(), sites.table["column"].to_numpy()
    water = run.max_depth_m[rows // _COARSE, columns // _COARSE]
    level = coarse[rows // _COARSE, columns // _COARSE] + water
    return [float(v) for v in np.where(water > 0.02, level - sites.dem[rows, columns], 0.0)]


def _with_inflow(ground: Ground, sites: pd.DataFrame, dem: Floats, rain: RainTruth) -> pd.DataFrame:
    """Add the peak inflow [m3/s] of the sites with a hidden defect: what they take in when their drains take all."""
    bad = np.flatnonzero(sites["hidden_defect"] != "none")
    rows, columns = sites["row"].to_numpy()[bad] // _COARSE, sites["column"].to_numpy()[bad] // _COARSE
    n = ground.town.grid.shape[0] // _COARSE
    sinks = np.zeros((n, n))
    for row, column in zip(rows, columns, strict=True):
        sinks[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2] = 5.0
    run, _, share = _coarse_run(ground, dem, rain, sinks)
    inflow = np.full(len(sites), np.nan)
    for k, row, column in zip(bad, rows, columns, strict=True):
        taken = run.drained_m3[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2].sum()
        inflow[k] = 1.25 * share * float(taken) / 3600.0
    return sites.assign(inflow_m3_s=inflow)


def _named(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Decide causes, hidden defects and who is in the ledger; give ids, names and people."""
    out = table.copy()
    n = len(out)
    dry = out["dry"].to_numpy()
    wet = [int(k) for k in np.flatnonzero(~dry)]
    cause = np.full(n, "", dtype=object)
    cause[dry] = "none"
    under = [k for k in wet if out["kind"].iloc[k] == "underpass"]
    dead = under[:DEAD_PUMPS] or wet[:1]
    cause[dead] = "pump_failed"
    free = [int(k) for k in rng.permutation([k for k in wet if k not in dead])]
    blocked = [k for k in free if out["catchment_m2"].iloc[k] < 1.5e5][:BLOCKED]
    cause[blocked] = "drain_blocked"
    free = [k for k in free if k not in blocked]
    by_area = sorted(free, key=lambda k: -float(out["catchment_m2"].iloc[k]))
    upstream = [k for k in by_area if out["catchment_m2"].iloc[k] > 1.2 * out["local_m2"].iloc[k]][: len(free) // 4]
    cause[upstream] = "inflow_from_upstream"
    left = [k for k in free if k not in upstream]
    cause[left[::2]] = "drain_undersized"
    cause[left[1::2]] = "sag_without_outlet"
    listed = np.ones(n, dtype=bool)
    listed[rng.permutation(free)[:UNLISTED]] = False
    order = np.concatenate([rng.permutation(np.flatnonzero(listed)), np.flatnonzero(~listed)])
    out = out.assign(cause=cause, in_ledger=listed).iloc[order].reset_index(drop=True)
    out["site_id"] = [f"WS{k:03d}" for k in range(1, n + 1)]
    defect = {"drain_blocked": "drain_silted", "pump_failed": "pump_dead"}
    out["hidden_defect"] = [defect.get(str(c), "none") for c in out["cause"]]
    out["people"] = (np.round(np.exp(rng.normal(5.3, 0.7, n)) / 10) * 10).astype(np.int64)
    return out.drop(columns=["x", "y", "dry"]).rename(columns={"site_x": "x", "site_y": "y"})


def _drains(ground: Ground, sites: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Give each site the drain its cause asks for; pumps to underpasses; gullies to streets elsewhere."""
    rows: list[dict[str, object]] = []
    for site in sites.to_dict("records"):
        whole = float(site["catchment_m2"]) * PEAK_MM_H / 3.6e6
        local = float(site["local_m2"]) * PEAK_MM_H / 3.6e6
        defect = float(site["inflow_m3_s"])
        nominal, true = _capacity(str(site["cause"]), whole if np.isnan(defect) else defect, local, rng)
        is_pump = site["kind"] == "underpass" and site["cause"] != "sag_without_outlet"
        if nominal > 0:
            state = "dead" if true == 0 else "silted" if true < nominal else "good"
            rows.append({"is_pump": is_pump, "site_id": site["site_id"], "row": site["row"], "column": site["column"],
                         "capacity_m3_s": round(nominal, 3), "true_m3_s": round(true, 4), "state": state})  # fmt: skip
    streets = np.argwhere(ground.town.cover == STREET)
    for row, column in streets[rng.choice(len(streets), STREET_DRAINS, replace=False)]:
        capacity = round(float(rng.uniform(0.01, 0.04)), 3)
        rows.append({"is_pump": False, "site_id": None, "row": row, "column": column, "capacity_m3_s": capacity,
                     "true_m3_s": capacity, "state": "good"})  # fmt: skip
    out = pd.DataFrame(rows)
    x, y = ground.town.grid.transform * (out["column"].to_numpy() + 0.5, out["row"].to_numpy() + 0.5)
    number = np.where(out["is_pump"], out["is_pump"].cumsum(), (~out["is_pump"]).cumsum())
    ids = [f"{'PU' if p else 'DR'}{k:03d}" for p, k in zip(out["is_pump"], number, strict=True)]
    return out.assign(outlet_id=ids, x=np.round(x, 1), y=np.round(y, 1))


def _capacity(cause: str, whole: float, local: float, rng: np.random.Generator) -> tuple[float, float]:
    """Return nominal and true capacity [m3/s] of a site whose peak inflow is `whole`, of which `local` falls near."""
    if cause == "drain_blocked":
        nominal = max(0.08, AMPLE * whole)
        return nominal, nominal * float(rng.uniform(*SILTED_TO))
    if cause == "pump_failed":
        return max(0.15, AMPLE * whole), 0.0
    if cause == "drain_undersized":
        nominal = max(0.01, float(rng.uniform(0.10, 0.25)) * local)
    elif cause == "inflow_from_upstream":
        nominal = max(0.05, float(rng.uniform(0.30, 0.40)) * local)
    elif cause == "none":
        nominal = max(0.05, 1.3 * whole)
    else:
        nominal = 0.0
    return nominal, nominal


def _sinks(ground: Ground, drains: pd.DataFrame) -> Array:
    return sinks_of(drains, "true_m3_s", ground.town.grid.shape)


def sinks_of(drains: pd.DataFrame, column: str, shape: tuple[int, int]) -> Array:
    """Return what drains and pumps take (y, x) [m3/s]; large ones have their inlets over 3 x 3 cells."""
    sinks = np.zeros(shape)
    for row, at, rate in zip(drains["row"], drains["column"], drains[column], strict=True):
        spread = rate >= LARGE_M3_S
        reach = 1 if spread else 0
        sinks[row - reach : row + reach + 1, at - reach : at + reach + 1] += rate / (9 if spread else 1)
    return sinks


def _past(
    ground: Ground, dem: Floats, sinks: Array, sites: pd.DataFrame, rain: RainTruth, rng: np.random.Generator
) -> pd.DataFrame:
    """Return the depths reported at the ledger's sites in two past storms, with the same defects as now."""
    listed = sites[sites["in_ledger"]]
    parts = []
    for number in HOURLY_SOURCES:
        storm = rain.past_hourly[number - 1].crop(0, hours=slice(-STORM_HOURS, None))
        run = town_run(ground, dem, storm, sinks, hours=PAST_HOURS)
        true = np.array([_at_site(run.max_depth_m, r, c) for r, c in zip(listed["row"], listed["column"], strict=True)])
        reported = np.where(true < 0.03, 0.0, np.maximum(true + rng.uniform(-0.05, 0.05, true.size), 0.0))
        parts.append(
            pd.DataFrame(
                {
                    "storm_id": f"S{number}",
                    "site_id": listed["site_id"].to_numpy(),
                    "depth_m": np.round(reported, 2),
                    "true_depth_m": np.round(true, 3),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _given(ground: Ground, dem: Floats) -> Floats:
    """Return the town's ground as a surveyed DEM has it: a little smooth, a little noisy, some pits of buildings."""
    rng = stream(ground.seed, "water.given_dem")
    smooth = ndimage.gaussian_filter(dem.astype(np.float64), 0.6)
    noise = ndimage.gaussian_filter(rng.standard_normal(dem.shape), 1.5)
    out = smooth + 0.03 * noise / noise.std() + 0.015 * rng.standard_normal(dem.shape)
    blocks = np.argwhere(ground.town.cover == 2)
    for row, column in blocks[rng.choice(len(blocks), 6, replace=False)]:
        out[row - 1 : row + 2, column - 1 : column + 2] -= rng.uniform(0.3, 0.7)
    given: Floats = (np.round(out * 128) / 128).astype(np.float32)
    return given
