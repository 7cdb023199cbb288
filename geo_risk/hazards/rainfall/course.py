"""The course of effective rain: hour by hour, as the analysis and the stages that count tell it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from geo_risk.core.errors import GridError
from geo_risk.hazards.rainfall.stages import naive


def same_cells(a: xr.DataArray, b: xr.DataArray | xr.Dataset) -> bool:
    """Return whether two fields of rain lie on the same cells of one CRS."""
    refs = [c.coords["spatial_ref"].attrs.get("crs_wkt") if "spatial_ref" in c.coords else None for c in (a, b)]
    return refs[0] == refs[1] and all(np.array_equal(a[d].to_numpy(), b[d].to_numpy()) for d in ("y", "x"))


def with_stages(
    analysed: xr.DataArray, fields: xr.Dataset, stages: Sequence[Mapping[str, Any]], *, after_h: float
) -> xr.DataArray:
    """Return the effective rain of every hour that the analysis or a stage tells: the higher of the two.

    Parameters
    ----------
    analysed : (time, y, x) [mm]. fields : `effective_{s}h` (hour, y, x) on the same cells, as `rainfall.stages` left
        them. stages : hours, issued, forecast (None: none) of each.
    after_h : a stage issued longer than this before the newest one, whose hours newer ones reach, counts only where
        all those lack rain.

    Returns
    -------
    (time, y, x) float32 [mm]: NaN where nothing tells the hour, and in all hours where a stage that counts lacks some.
    It begins with the analysis or the first stage that counts everywhere.

    Raises
    ------
    GridError : stages and analysis lie on different cells.
    """
    told = [(naive(datetime.fromisoformat(str(s["issued"]))), int(s["hours"])) for s in stages
            if s["forecast"] is not None]  # fmt: skip
    if told and not same_cells(analysed, fields):
        what = "the analysed rain and that of the stages are on different grids"
        raise GridError(what, where="rain_stages", fix="align the analysis in geo_risk.sources.rain_grid first")
    hour, wait = np.timedelta64(1, "h"), np.timedelta64(round(3600 * after_h), "s")
    newest = max((issued for issued, _ in told), default=None)
    ends = [i + h * hour for i, h in told if newest - i <= wait]
    counting = [newest - i <= wait or i + h * hour > max(ends) for i, h in told]
    of = {h: fields[f"effective_{h}h"].to_numpy() for _, h in told}
    nothing = np.full(analysed.shape[1:], np.nan, dtype=np.float32)
    parts = {time: [mm] for time, mm in zip(analysed["time"].to_numpy(), analysed.to_numpy(), strict=True)}
    lacks = np.zeros(nothing.shape, dtype=bool)
    silent = [np.isnan(of[h]).any(axis=0) for (_, h), c in zip(told, counting, strict=True) if c]
    first = min([*parts, *(i + hour for (i, _), c in zip(told, counting, strict=True) if c)])
    for (issued, h), counts in zip(told, counting, strict=True):
        where = np.full(nothing.shape, counts) | np.all(silent, axis=0)
        lacks |= where & np.isnan(of[h]).any(axis=0)
        for k, mm in enumerate(of[h], 1):
            parts.setdefault(issued + k * hour, []).append(np.where(where, mm, np.nan))
    times = sorted(t for t in parts if t >= first)
    every = pd.date_range(times[0], times[-1], freq="h").to_numpy()
    values = np.stack([np.fmax.reduce(parts.get(t, [nothing])) for t in every])
    out = analysed.isel(time=[0] * len(every)).drop_vars([c for c in analysed.coords if "time" in analysed[c].dims])
    return out.copy(data=np.where(lacks, np.nan, values).astype(np.float32)).assign_coords(time=every)
