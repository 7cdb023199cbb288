"""Discharges and stages that people give at river stations, and the reaches that they speak for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import grid_of
from geo_risk.hazards.flood.params import RiverParams
from geo_risk.hazards.flood.ratings import Ratings
from geo_risk.terrain.rows import values_at

F64 = NDArray[np.float64]

DISAGREES = 3.0
"""A station's stage and discharge disagree from this factor on: choice of geo_risk, above what a curve may be off."""


def snapped(x: F64, y: F64, upslope_area: xr.DataArray, *, stream_area_m2: float, snap_m: float) -> NDArray[np.int64]:
    """Flat index of the stream cell with the greatest upslope area within reach of each point, -1 where none is.

    Parameters
    ----------
    x, y : (n,) in the grid's CRS. upslope_area : (y, x) [m2], read about the points alone.
    stream_area_m2 : from which a cell is a stream. snap_m : how far it may lie.
    """
    grid = grid_of(upslope_area)
    reach = int(np.ceil(snap_m / grid.resolution_m))
    rows, columns, inside = grid.index(x, y)
    out = np.full(len(x), -1, np.int64)
    for k in np.flatnonzero(inside):
        r0, c0 = max(int(rows[k]) - reach, 0), max(int(columns[k]) - reach, 0)
        window = upslope_area.isel(y=slice(r0, int(rows[k]) + reach + 1), x=slice(c0, int(columns[k]) + reach + 1))
        area = np.array(window.to_numpy(), np.float64)
        away = np.hypot(window["x"].to_numpy()[None, :] - x[k], window["y"].to_numpy()[:, None] - y[k])
        area[~((away <= snap_m) & (area >= stream_area_m2))] = -1.0
        row, column = np.unravel_index(int(np.argmax(area)), area.shape)
        if area[row, column] > 0:
            out[k] = (r0 + row) * grid.shape[1] + c0 + column
    return out


def station_flow(
    made: Ratings, stations: pd.DataFrame, *, upslope_area: xr.DataArray, stream_area_m2: float, params: RiverParams
) -> tuple[F64, pd.DataFrame]:
    """Stage of each reach from what stations say.

    A station speaks for its reach, and for the reaches down the river and up its main stem whose upslope area is within
    a factor of `params.station_area_ratio_max` of its own, as far as the next station; there the discharge is
    proportional to the upslope area. Elsewhere the stage is unknown.

    Parameters
    ----------
    stations : x, y, discharge_m3_s, stage_m; where both are given, and where several stations lie on a reach, that
        counts by which the water stands higher.

    Returns
    -------
    (n,) stage [m] above the bed, NaN unknown; and for each station `result` ("used", "off_stream", "beyond_curve",
    "second": by another station of the same reach the water stands higher), `discharge_m3_s`, `stage_m`, `disagrees`
    (its discharge is more than DISAGREES times that of its stage, or less) and `n_reaches`. A reach of which a station
    says more than the curve knows is unknown, and no other station speaks for it.
    """
    reaches = made.reaches
    n = len(reaches.end)
    cells = snapped(stations["x"].to_numpy(np.float64), stations["y"].to_numpy(np.float64), upslope_area,
                    stream_area_m2=stream_area_m2, snap_m=params.station_snap_m)  # fmt: skip
    reach = np.where(cells >= 0, values_at(reaches.labels, cells), 0).astype(np.int64) - 1
    taken = _taken(made, stations, reach)
    main = _main_stem(reaches.below, reaches.area_m2)
    flows, counts = np.full(n, np.nan), np.zeros(len(taken), np.int64)
    held = np.zeros(n, dtype=np.bool_)
    used = [t for t in taken if t.result == "used"]
    held[[t.reach for t in taken if t.result in ("used", "beyond_curve")]] = True
    for k, own in enumerate(taken):
        if own.result != "used":
            continue
        spoken = _spoken(own.reach, reaches.below, main, reaches.area_m2, held, params)
        new = [r for r in spoken if np.isnan(flows[r])]
        flows[new] = own.discharge_m3_s * reaches.area_m2[new] / reaches.area_m2[own.reach]
        counts[k] = len(new) + 1
    stage = made.stage_m(flows)
    stage[[t.reach for t in used]] = [t.stage_m for t in used]
    table = pd.DataFrame(taken, columns=_Taken._fields, index=stations.index).assign(n_reaches=counts)
    return stage, table.drop(columns="reach")


class _Taken(NamedTuple):
    result: str
    discharge_m3_s: float
    stage_m: float
    disagrees: bool
    reach: int


def _taken(made: Ratings, stations: pd.DataFrame, reach: NDArray[np.int64]) -> list[_Taken]:
    """Return what each station says of its reach, with discharge and stage from one another by the rating curve."""
    flows, stages = (stations[name].to_numpy(np.float64) for name in ("discharge_m3_s", "stage_m"))
    told = [_Taken("off_stream", flow, stage, False, r) if r < 0 else _resolved(made, r, flow, stage)
            for r, flow, stage in zip(reach.tolist(), flows.tolist(), stages.tolist(), strict=True)]  # fmt: skip
    highest: dict[int, int] = {}
    for k, own in enumerate(told):
        if own.reach >= 0 and (own.reach not in highest or _height(own) > _height(told[highest[own.reach]])):
            highest[own.reach] = k
    return [own if own.reach < 0 or highest[own.reach] == k else own._replace(result="second")
            for k, own in enumerate(told)]  # fmt: skip


def _height(own: _Taken) -> float:
    return float("inf") if own.result == "beyond_curve" else own.stage_m


def _resolved(made: Ratings, reach: int, flow: float, stage: float) -> _Taken:
    """Return the higher of what a station's stage and its discharge say; beyond the curve if one of them is."""

    def on(value: float) -> F64:
        only = np.full(len(made.curve_m3_s), np.nan)
        only[reach] = value
        return only

    pairs = []
    if np.isfinite(stage):
        pairs.append((stage, float(made.discharge_m3_s(on(stage))[reach])))
    if np.isfinite(flow):
        pairs.append((float(made.stage_m(on(flow))[reach]), flow))
    if not np.isfinite(pairs).all():
        return _Taken("beyond_curve", flow, stage, False, reach)
    by_curve = pairs[0][1]
    disagrees = len(pairs) > 1 and not by_curve / DISAGREES <= flow <= by_curve * DISAGREES
    height, discharge = max(pairs)
    return _Taken("used", discharge, height, disagrees, reach)


def _main_stem(below: NDArray[np.int64], area_m2: F64) -> NDArray[np.int64]:
    """Return for each reach the one with the greatest upslope area that flows into it, -1 where none does."""
    main = np.full(len(below), -1, np.int64)
    for r in np.argsort(area_m2, kind="stable"):
        if below[r] > 0:
            main[below[r] - 1] = r
    return main


def _spoken(
    start: int, below: NDArray[np.int64], main: NDArray[np.int64], area_m2: F64, held: NDArray[np.bool_],
    params: RiverParams,
) -> list[int]:  # fmt: skip
    """Return the other reaches that the station of a reach speaks for."""
    out: list[int] = []
    for onward in (below - 1, main):
        r = int(onward[start])
        while r >= 0 and not held[r] and _near(float(area_m2[r] / area_m2[start]), params.station_area_ratio_max):
            out.append(r)
            r = int(onward[r])
    return out


def _near(ratio: float, most: float) -> bool:
    return 1 / most <= ratio <= most
