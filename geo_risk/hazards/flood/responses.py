"""How each site answers to water: its depth in the run, and what other drains or less inflow would have made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.hazards.flood.devices import Finding, infer_defect, is_wet
from geo_risk.hazards.flood.params import SiteParams
from geo_risk.hazards.flood.pond import Pond, replay
from geo_risk.hazards.flood.sites import Town
from geo_risk.kernels.inertial import FloodRun, Record

Array = NDArray[np.float64]

CLEARED = 3.0
"""A drain is called the bottleneck when this many times its capacity would help more than water kept away."""


def site_depths(depth: NDArray[Any], cells: NDArray[np.int64]) -> Array:
    """Greatest depth of each site's cell and its eight neighbours [m]; NaN where the cell is -1 or all are missing.

    Parameters
    ----------
    depth : (y, x) [m]. cells : flat indices, -1 beyond the raster.
    """
    n_y, n_x = depth.shape
    padded = np.full((n_y + 2, n_x + 2), -np.inf)
    padded[1:-1, 1:-1] = np.where(np.isnan(depth), -np.inf, depth)
    out = np.full(cells.size, -np.inf)
    rows, columns = np.divmod(np.maximum(cells, 0), n_x)
    for j in range(3):
        for i in range(3):
            out = np.maximum(out, padded[rows + j, columns + i])
    return np.where((cells >= 0) & np.isfinite(out), out, np.nan)


def recorded_ponds(run: FloodRun, sites: pd.DataFrame, devices: pd.DataFrame, town: Town) -> dict[str, Pond]:
    """Return the pond of every site in a depression, by site_id, from a run that recorded `record_cells(...)`.

    Heights in it count from the site's gauge cell.

    Raises
    ------
    ValueError : the run has no record.
    """
    if run.record is None:
        msg = "the run recorded no cells"
        raise ValueError(msg)
    return ponds_of_record(run.record, sites, devices, town)


def ponds_of_record(record: Record, sites: pd.DataFrame, devices: pd.DataFrame, town: Town) -> dict[str, Pond]:
    """Return the ponds from the record of a run alone (see `recorded_ponds`)."""
    cells = record_cells(sites, devices, town)
    gauges = gauge_cells(sites, devices, town)
    position = {int(c): k for k, c in enumerate(cells)}
    flat, labels = town.elevation.ravel(), town.found.labels.ravel()
    order = np.argsort(labels, kind="stable")
    start = np.searchsorted(labels[order], np.arange(town.found.level.size + 2))
    out = {}
    for site_id, label, cell in zip(sites["site_id"].astype(str), sites["label"], gauges.tolist(), strict=True):
        if not label > 0:
            continue
        beds = np.sort(flat[order[start[label] : start[label + 1]]]) - flat[cell]
        mine = devices.loc[devices["site_id"] == site_id, "cell"].unique()
        drained = record.drained_m3[:, [position[int(c)] for c in mine]].sum(axis=1)
        out[site_id] = Pond(
            record.time_s, record.depth_m[:, position[cell]], drained, beds, town.grid.cell_area_m2,
            float(town.found.level[label - 1] - flat[cell]),
        )  # fmt: skip
    return out


def gauge_cells(sites: pd.DataFrame, devices: pd.DataFrame, town: Town) -> NDArray[np.int64]:
    """Flat index of the cell at which each site's water level is read; -1 beyond the raster.

    The lowest of the site's cell and its neighbours without a drain or pump in it: there the water is drawn down.
    """
    n_y, n_x = town.grid.shape
    height = town.elevation.copy()
    height.reshape(-1)[devices["cell"].to_numpy(np.int64)] = np.nan
    out = sites["cell"].to_numpy(np.int64).copy()
    for k, cell in enumerate(out):
        if cell < 0:
            continue
        j, i = divmod(int(cell), n_x)
        top, left = max(0, j - 1), max(0, i - 1)
        window = height[top : min(n_y, j + 2), left : min(n_x, i + 2)]
        if np.isfinite(window).any():
            a, b = divmod(int(np.nanargmin(window)), window.shape[1])
            out[k] = (top + a) * n_x + left + b
    return out


def record_cells(sites: pd.DataFrame, devices: pd.DataFrame, town: Town) -> NDArray[np.int64]:
    """Flat indices of the cells whose water must be followed: the sites' gauges and the devices."""
    cells = np.concatenate([gauge_cells(sites, devices, town), devices["cell"].to_numpy(np.int64)])
    return np.unique(cells[cells >= 0])


def capacities(sites: pd.DataFrame, devices: pd.DataFrame) -> pd.Series[float]:
    """Nominal capacity of all devices of each site [m3/s], 0 where there is none, by site_id."""
    sums = devices.dropna(subset=["site_id"]).groupby("site_id")["capacity_m3_s"].sum()
    return sums.reindex(sites["site_id"], fill_value=0.0).astype("float64")


def findings(
    sites: pd.DataFrame,
    devices: pd.DataFrame,
    town: Town,
    runs: Mapping[str, FloodRun],
    reports: pd.DataFrame,
    params: SiteParams,
) -> pd.DataFrame:
    """Explain the depths reported in past storms at every site that has reports (see `devices.infer_defect`).

    Parameters
    ----------
    runs : the run of each past storm at nominal capacities, by storm_id.
    reports : storm_id, site_id, depth_m [m] >= 0; storms without a run are passed over, and those whose depth at the
        site is missing.

    Returns
    -------
    site_id, share, correction_m, is_defect, cost_sound, cost_defect, n_reports, reported_max_m, modelled_max_m.
    """
    capacity = capacities(sites, devices)
    recorded = {storm: recorded_ponds(run, sites, devices, town) for storm, run in runs.items()}
    modelled = {s: pd.Series(site_depths(r.max_depth_m, sites["cell"].to_numpy(np.int64)), index=sites["site_id"])
                for s, r in runs.items()}  # fmt: skip
    rows = []
    for site_id, told in reports[reports["storm_id"].isin(list(runs))].groupby("site_id"):
        if site_id not in capacity.index:
            continue
        group = told[[bool(np.isfinite(modelled[s][site_id])) for s in told["storm_id"]]]
        if group.empty:
            continue
        depths = [float(modelled[s][site_id]) for s in group["storm_id"]]
        ponds = [recorded[s][str(site_id)] for s in group["storm_id"] if str(site_id) in recorded[s]]
        ponds = ponds if len(ponds) == len(group) else []
        found = infer_defect(ponds, depths, group["depth_m"].tolist(), float(capacity[site_id]), params)
        rows.append({"site_id": site_id, **found._asdict(), "n_reports": len(group),
                     "reported_max_m": float(group["depth_m"].max()), "modelled_max_m": max(depths)})  # fmt: skip
    columns = ["site_id", *Finding._fields, "n_reports", "reported_max_m", "modelled_max_m"]
    return pd.DataFrame(rows, columns=columns).replace([np.inf, -np.inf], np.nan)


def past_comparison(sites: pd.DataFrame, runs: Mapping[str, FloodRun], reports: pd.DataFrame) -> pd.DataFrame:
    """Set the depths reported in past storms beside those of their runs at nominal capacity, before learning from them.

    Parameters
    ----------
    runs : by storm_id. reports : storm_id, site_id, depth_m [m].

    Returns
    -------
    storm_id, site_id, reported_m, modelled_m [m]; the modelled depth is missing beyond the DEM, where the storm's rain
    is missing, and where the storm has no run: such a report tells nothing of the drains.
    """
    cells = sites["cell"].to_numpy(np.int64)
    modelled = {s: dict(zip(sites["site_id"].astype(str), site_depths(r.max_depth_m, cells), strict=True))
                for s, r in runs.items()}  # fmt: skip
    rows = [
        {"storm_id": str(r["storm_id"]), "site_id": str(r["site_id"]), "reported_m": float(r["depth_m"]),
         "modelled_m": float(modelled.get(r["storm_id"], {}).get(str(r["site_id"]), np.nan))}
        for r in reports.to_dict("records")
    ]  # fmt: skip
    columns = ["storm_id", "site_id", "reported_m", "modelled_m"]
    return pd.DataFrame(rows, columns=columns).sort_values(columns[:2], kind="stable").reset_index(drop=True)


def responses(
    sites: pd.DataFrame,
    devices: pd.DataFrame,
    town: Town,
    run: FloodRun,
    found: pd.DataFrame | None,
    *,
    peak_rain_mm_h: float,
    depth_bound_m: float,
    params: SiteParams,
) -> pd.DataFrame:
    """Describe what the storm did at every site, and what would have helped.

    Parameters
    ----------
    run : with the shares of `found`. found : as `findings` returns it, or None.
    peak_rain_mm_h : wettest hour of the storm. depth_bound_m : depth whose critical rain is asked for.

    Returns
    -------
    site_id, depth_m (corrected by the past reports; ponds without reports by `usual_correction`), depth_model_m,
    depth_bound {exact, rising (when the run ended), unknown}, duration_h, duration_bound {exact, at_least (so deep when
    the run ended), unknown}, volume_m3 (stored at the deepest), capacity_m3_s, share, correction_m, is_defect,
    depth_sound_m (all devices at nominal capacity), depth_cleared_m (CLEARED times the capacity), depth_local_m
    (without water from upstream), local_share, critical_rain_mm_h (rain of one hour that brings depth_bound_m, all
    rain scaled alike; missing where three times the rain does not). Where the depth is unknown all of it is missing.
    """
    cells = sites["cell"].to_numpy(np.int64)
    out = site_states(sites, devices, found)
    out.insert(1, "depth_model_m", site_depths(run.max_depth_m, cells))
    hours = run.duration_above_s.ravel()[np.maximum(cells, 0)] / 3600
    out.insert(2, "duration_h", np.where(cells >= 0, hours, np.nan))
    rising = still_rising(run, sites, devices, town)
    out["depth_bound"] = np.select([out["depth_model_m"].isna(), rising], ["unknown", "rising"], "exact").astype(object)
    out["duration_bound"] = _duration_bounds(run, cells, out["duration_h"].to_numpy(float), depth_bound_m)
    out["depth_m"] = corrected(out["depth_model_m"].to_numpy(float), out["correction_m"].to_numpy(float))
    reach = np.pi * params.local_m**2 / 2
    catchment = sites["catchment_m2"].to_numpy(float)
    out["local_share"] = np.where(catchment > 0, np.minimum(reach / np.maximum(catchment, 1.0), 1.0), 1.0)
    ponds = recorded_ponds(run, sites, devices, town)
    nothing = {"volume_m3": 0.0, "depth_sound_m": np.nan, "depth_cleared_m": np.nan, "depth_local_m": np.nan,
               "critical_rain_mm_h": np.nan}  # fmt: skip
    unknown = {**nothing, "volume_m3": np.nan}
    more = [
        unknown if np.isnan(depth)
        else _what_if(ponds[str(row.site_id)], row, depth_bound_m, peak_rain_mm_h) if row.site_id in ponds else nothing
        for row, depth in zip(out.itertuples(), out["depth_model_m"].to_numpy(float), strict=True)
    ]  # fmt: skip
    return pd.concat([out, pd.DataFrame(more, columns=list(nothing), index=out.index)], axis=1)


RISING_M, RISING_S = 0.01, 900.0
"""A pond that rose by more in so long before the run ended may have gone on rising."""


def still_rising(run: FloodRun, sites: pd.DataFrame, devices: pd.DataFrame, town: Town) -> NDArray[np.bool_]:
    """Return whether the water of each site in a depression was highest, and rising, when the run ended, (n,)."""
    out = np.zeros(len(sites), dtype=np.bool_)
    if run.record is None or not run.record.time_s.size:
        return out
    time, depth = run.record.time_s, run.record.depth_m
    before = max(int(np.searchsorted(time, time[-1] - RISING_S, side="right")) - 1, 0)
    position = {int(c): k for k, c in enumerate(record_cells(sites, devices, town))}
    for k, (label, cell) in enumerate(zip(sites["label"], gauge_cells(sites, devices, town).tolist(), strict=True)):
        if label > 0 and cell in position:
            level = depth[:, position[cell]]
            out[k] = level[-1] >= level.max() - 1e-3 and level[-1] - level[before] > RISING_M
    return out


def _duration_bounds(run: FloodRun, cells: NDArray[np.int64], hours: Array, bound_m: float) -> list[str]:
    """Say whether the water still stood deeper than the bound when the run ended."""
    last = run.depth_m.ravel()[np.maximum(cells, 0)]
    words = np.select([np.isnan(hours), (hours > 0) & (last >= bound_m)], ["unknown", "at_least"], "exact")
    return [str(w) for w in words]


def site_states(sites: pd.DataFrame, devices: pd.DataFrame, found: pd.DataFrame | None) -> pd.DataFrame:
    """Return site_id, capacity_m3_s, share, correction_m, is_defect: what is known of each site before a storm.

    Parameters
    ----------
    found : as `findings` returns it, or None. Ponds without reports are corrected by `usual_correction`.
    """
    out = pd.DataFrame(
        {"site_id": sites["site_id"].astype(str), "capacity_m3_s": capacities(sites, devices).to_numpy()}
    )
    known = None if found is None else found.set_index("site_id").reindex(out["site_id"])
    for name, default in (("share", 1.0), ("correction_m", 0.0), ("is_defect", False)):
        out[name] = default if known is None else known[name].astype(object).fillna(default).to_numpy()
    out["share"], out["correction_m"] = out["share"].astype(float), out["correction_m"].astype(float)
    out["is_defect"] = out["is_defect"].astype(bool)
    if known is not None:
        silent = known["share"].isna().to_numpy() & (sites["label"].to_numpy() > 0)
        out.loc[silent, "correction_m"] = usual_correction(known)
    return out


def corrected(depth_m: Array, correction_m: Array | float) -> Array:
    """Depths moved by what past reports say, never below 0 [m]; NaN stays (see `devices.is_wet`)."""
    return np.asarray(np.maximum(depth_m + correction_m * is_wet(depth_m), 0.0))


def usual_correction(found: pd.DataFrame, *, least: int = 5) -> float:
    """Median correction of sites that stood under water in past storms [m]: what smooth rims do to every pond.

    Zero where fewer than `least` such sites are known.
    """
    wet = found[(found["reported_max_m"] >= 0.15) & ~found["is_defect"].astype("boolean").fillna(True)]
    return float(wet["correction_m"].astype("float64").median()) if len(wet) >= least else 0.0


def _what_if(pond: Pond, row: Any, bound_m: float, peak_mm_h: float) -> dict[str, float]:
    real = row.capacity_m3_s * row.share
    base = float(replay(pond, real))

    def moved(capacity: float, inflow: float = 1.0) -> float:
        """Return the site's depth, moved by what the replay says the change makes."""
        return max(float(row.depth_m) + float(replay(pond, capacity, inflow_share=inflow)) - base, 0.0)

    beds = np.maximum(float(pond.depth_m.max(initial=0.0)) - pond.bed_m, 0.0)
    return {
        "volume_m3": float(beds.sum() * pond.cell_m2),
        "depth_sound_m": moved(row.capacity_m3_s),
        "depth_cleared_m": moved(max(row.capacity_m3_s * CLEARED, 0.01)),
        "depth_local_m": moved(real, float(row.local_share)),
        "critical_rain_mm_h": _critical(moved, real, bound_m) * peak_mm_h,
    }


def _critical(moved: Any, capacity: float, bound_m: float) -> float:
    """Share of the storm's water at which the depth reaches the bound, by bisection in (0, 3]; NaN where never."""
    low, high = 0.0, 3.0
    if not moved(capacity, high) >= bound_m:
        return float("nan")
    for _ in range(24):
        middle = (low + high) / 2
        low, high = (low, middle) if moved(capacity, middle) >= bound_m else (middle, high)
    return high
