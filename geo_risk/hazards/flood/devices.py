"""Drains and pumps: what each takes, which site it serves, and how much of it past depths say is left."""

from __future__ import annotations

from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.hazards.flood.params import SiteParams
from geo_risk.hazards.flood.pond import Pond, replay
from geo_risk.hazards.flood.sites import Town

Array = NDArray[np.float64]


def place_devices(
    drains: gpd.GeoDataFrame | None,
    pumps: gpd.GeoDataFrame | None,
    sites: gpd.GeoDataFrame,
    town: Town,
    params: SiteParams,
) -> tuple[pd.DataFrame, list[dict[str, str]]]:
    """Give every drain and pump the cell it takes water from, and its site.

    Parameters
    ----------
    drains, pumps : points with drain_id / pump_id, capacity_m3_s, and where known site_id.
    sites : as `sites.merge_ledger` returns them. town : ground. params : inlet_m, snap_m.

    Returns
    -------
    devices : device_id, kind {drain, pump}, site_id (missing where it serves none), capacity_m3_s, cell.
    quarantine : {"id", "reason"} of devices beyond the DEM, with no capacity >= 0, or above device_max_m3_s; and of
        those that name a site which is not there: they are run where they stand.
    """
    rows, quarantine = [], []
    reach = max(0, round(params.inlet_m / town.grid.resolution_m))
    n_y, n_x = town.grid.shape
    by_cell = {}
    for site in sites.itertuples():
        if site.label > 0:
            by_cell[int(site.label)] = site.site_id
    for kind, frame in (("drain", drains), ("pump", pumps)):
        for record in [] if frame is None else frame.to_dict("records"):
            name, point = str(record[f"{kind}_id"]), record["geometry"]
            capacity = float(pd.to_numeric(record["capacity_m3_s"], errors="coerce"))
            r, c, inside = (v.item() for v in town.grid.index(point.x, point.y))
            if not (capacity >= 0 and np.isfinite(capacity)):
                quarantine.append({"id": name, "reason": "has no capacity >= 0: it is run as if it took nothing",
                                   "reason_zh": "无有效排水能力：按不排水计算"})  # fmt: skip
                continue
            if capacity > params.device_max_m3_s:
                reason = f"has a capacity of {capacity:g} m3/s, above {params.device_max_m3_s:g} (litres per second?): "
                quarantine.append({"id": name, "reason": reason + "it is run as if it took nothing",
                                   "reason_zh": f"排水能力 {capacity:g} 立方米/秒超过 {params.device_max_m3_s:g}"
                                                "（是否为升/秒？）：按不排水计算"})  # fmt: skip
                continue
            if not inside or not np.isfinite(town.elevation[r, c]):
                quarantine.append({"id": name, "reason": "lies beyond the town's DEM",
                                   "reason_zh": "位于城区高程模型之外"})  # fmt: skip
                continue
            top, left = max(0, r - reach), max(0, c - reach)
            window = town.elevation[top : min(n_y, r + reach + 1), left : min(n_x, c + reach + 1)]
            j, i = divmod(int(np.nanargmin(window)), window.shape[1])
            cell = (top + j) * n_x + left + i
            given = record.get("site_id")
            known = not pd.isna(given) and str(given) in set(sites["site_id"])
            site_id = str(given) if known else by_cell.get(int(town.found.labels.ravel()[cell]))
            if not known and not pd.isna(given) and str(given).strip():
                other = str(given)[:20]
                quarantine.append({"id": name, "reason": f"names a site {other!r} that is not on the list: run where "
                                   "it stands", "reason_zh": f"所属点位“{other}”不在清单中：按其位置计算"})  # fmt: skip
            rows.append({"device_id": name, "kind": kind, "site_id": site_id, "capacity_m3_s": capacity, "cell": cell})
    return pd.DataFrame(rows, columns=["device_id", "kind", "site_id", "capacity_m3_s", "cell"]), quarantine


HEAVIEST_MM_H = 150.0
"""Rain that falls more heavily in an hour is a record: devices that take more than all of it are told of."""


def more_than_comes(sites: pd.DataFrame, devices: pd.DataFrame) -> list[str]:
    """Return the ids of hollows whose devices are said to take more than HEAVIEST_MM_H on all that drains there.

    Parameters
    ----------
    sites : site_id, label, catchment_m2. devices : as `place_devices` returns them.
    """
    capacity = devices.dropna(subset=["site_id"]).groupby("site_id")["capacity_m3_s"].sum()
    told = sites["site_id"].map(capacity).astype("float64").fillna(0.0)
    most = sites["catchment_m2"].astype("float64") * HEAVIEST_MM_H / 3.6e6
    return [str(i) for i in sites.loc[(sites["label"] > 0) & (told > most), "site_id"]]


def sink_grid(devices: pd.DataFrame, shape: tuple[int, int], share: pd.Series[float] | None = None) -> Array:
    """Capacity of all devices by cell, (y, x) [m3/s].

    Parameters
    ----------
    devices : as `place_devices` returns them. shape : of the town's grid.
    share : of its capacity that each site's devices really give, by site_id; 1 where a site is not listed.
    """
    factor = np.ones(len(devices))
    if share is not None and len(devices):
        factor[:] = devices["site_id"].map(share).astype("float64").fillna(1.0).to_numpy()
    out = np.zeros(shape)
    np.add.at(out.reshape(-1), devices["cell"].to_numpy(np.int64), devices["capacity_m3_s"].to_numpy(float) * factor)
    return out


class Finding(NamedTuple):
    """What past depths say of a site: share of the capacity that its devices gave, depth correction, and evidence.

    `cost_sound` and `cost_defect` are minus twice the log posterior of the two explanations.
    """

    share: float
    correction_m: float
    is_defect: bool
    cost_sound: float
    cost_defect: float


def is_wet(depth_m: NDArray[np.float64]) -> Array:
    """How much of a depth correction counts: none where it is dry, all of it from 0.1 m of water on."""
    return np.clip(depth_m / 0.1, 0.0, 1.0)


_INFLOWS = np.exp(np.linspace(-1.2, 1.2, 25))
_CORRECTIONS = np.linspace(-0.5, 0.5, 101)


def infer_defect(
    ponds: list[Pond], modelled_m: list[float], reported_m: list[float], capacity_m3_s: float, params: SiteParams
) -> Finding:
    """Explain the depths reported in past storms: sound devices and errors of the model, or devices with a defect.

    Both explanations may correct the depths of the site by one constant (rims and bottoms of the DEM; standard
    deviation `model_error_m`; see `is_wet`) and the water of each storm by a factor (rain and curve numbers;
    `inflow_error` in its logarithm); reports have `report_error_m`. The explanation with the greater posterior
    probability at its best is taken; defects have the prior `defect_prior`. Depths at other capacities and inflows
    come from `replay`.

    Parameters
    ----------
    ponds : the site's pond in each past storm, run at nominal capacity; empty where the site lies in no depression.
    modelled_m, reported_m : greatest depths in the same order.
    capacity_m3_s : nominal; 0 leaves only the first explanation. params : errors, prior, and the largest share that
        still counts as a defect.

    Returns
    -------
    Finding : share 1 and no correction where nothing was reported.
    """
    if not reported_m:
        return Finding(1.0, 0.0, False, 0.0, np.inf)
    excess = np.asarray(reported_m, dtype=np.float64) - np.asarray(modelled_m, dtype=np.float64)
    can_fail = bool(ponds) and capacity_m3_s > 0
    shares = np.append(np.arange(0.0, params.defect_max_share + 1e-9, 0.025) if can_fail else [], 1.0)
    cost = np.broadcast_to((_CORRECTIONS / params.model_error_m) ** 2, (shares.size, _CORRECTIONS.size)).copy()
    prior = (np.log(_INFLOWS) / params.inflow_error) ** 2
    for k, (gap, modelled) in enumerate(zip(excess, modelled_m, strict=True)):
        if ponds:
            made = replay(ponds[k], capacity_m3_s * shares[:, None], inflow_share=_INFLOWS[None])
            # the replay of what was run should give the modelled depth: its own error is taken out
            moved = made - float(replay(ponds[k], capacity_m3_s))
            wet = is_wet(modelled + moved)[:, :, None]
            misfit = (gap - moved[:, :, None] - _CORRECTIONS * wet) / params.report_error_m
            cost += (misfit**2 + prior[:, None]).min(axis=1)
        else:
            cost += ((gap - _CORRECTIONS * is_wet(np.array(modelled))) / params.report_error_m) ** 2
    least = cost.min(axis=1)
    corrections = _CORRECTIONS[cost.argmin(axis=1)]
    sound = float(least[-1])
    if not can_fail:
        return Finding(1.0, float(corrections[-1]), False, sound, np.inf)
    defect = least[:-1] + 2 * np.log((1 - params.defect_prior) / params.defect_prior)
    best = int(defect.argmin())
    if not defect[best] < sound:
        return Finding(1.0, float(corrections[-1]), False, sound, float(defect[best]))
    like = defect <= defect[best] + 0.5
    return Finding(float(shares[:-1][like].mean()), float(corrections[best]), True, sound, float(defect[best]))
