"""Rain of a warning stage on its own coarse grid: hour by hour through the horizon, and what it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import dask
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.units import in_units
from geo_risk.hazards.rainfall.accumulation import whole_time
from geo_risk.hazards.rainfall.params import RainfallParams
from geo_risk.hazards.rainfall.stages import FORECAST, Stage, stitch, with_whole_steps
from geo_risk.kernels.effective_rain import stage_effective

PARTS = ("antecedent", "observed", "forecast")
"""What effective rain is made of: hours older than a day before the issue, the day before it, and forecast hours."""

_HOURLY = ("effective", "at_least")
_DAY = 24


def stage_fields(
    observed: xr.DataArray | None, forecast: xr.DataArray | None, stage: Stage, params: RainfallParams
) -> xr.Dataset | None:
    """Rain of a stage's horizon, as it was known when the stage was issued.

    Parameters
    ----------
    observed, forecast : (time, y, x) hourly [mm] on one native grid; the forecast is the one the stage names.
    stage, params : the horizon; K and days of the effective rain.

    Returns
    -------
    Dataset on the native grid, float32, computed: `rain` (y, x) the sum over the horizon [mm]; `effective` (hour, y, x)
    the highest effective antecedent rain up to each hour of it [mm]; `at_least` (hour, y, x) its lower bound, with 0 mm
    in unknown hours; `antecedent`, `observed`, `forecast` (y, x) what the effective rain at its peak hour is made of
    (they add up to the last `effective`). NaN where an hour they need is unknown (never in `at_least`). Forecast hours
    that stand in for missing observations count as forecast. None where the stage has no forecast.

    Raises
    ------
    GridError : observed and forecast rain lie on different grids.
    """
    return fields_of_stages(observed, [forecast], [stage], params)[0]


def fields_of_stages(
    observed: xr.DataArray | None,
    forecasts: Sequence[xr.DataArray | None],
    stages: Sequence[Stage],
    params: RainfallParams,
) -> list[xr.Dataset | None]:
    """Rain of several stages as `stage_fields` gives it, each with its forecast; what they share is read once."""
    planned = [_planned(observed, forecast, stage, params) for forecast, stage in zip(forecasts, stages, strict=True)]
    done = dask.compute(*([] if plan is None else plan.tasks for plan in planned))
    return [None if plan is None else plan.put_together(found) for plan, found in zip(planned, done, strict=True)]


@dataclass(frozen=True)
class _Plan:
    """The blocks of a stage's rain that are to be made, and where they lie."""

    cube: xr.DataArray
    hours: int
    places: list[tuple[slice, slice]]
    tasks: list[Any]

    def put_together(self, found: Sequence[dict[str, NDArray[np.float32]]]) -> xr.Dataset:
        n_y, n_x = self.cube.shape[1:]
        whole = {**{name: np.full((self.hours, n_y, n_x), np.nan, np.float32) for name in _HOURLY},
                 **{name: np.full((n_y, n_x), np.nan, np.float32) for name in ("rain", *PARTS)}}  # fmt: skip
        for (rows, columns), made in zip(self.places, found, strict=True):
            for name, values in made.items():
                whole[name][..., rows, columns] = values
        coords = {c: self.cube.coords[c] for c in ("y", "x", "spatial_ref") if c in self.cube.coords}
        dims = {name: ("hour", "y", "x") if name in _HOURLY else ("y", "x") for name in whole}
        arrays = {name: (dims[name], values, {"units": "mm"}) for name, values in whole.items()}
        return xr.Dataset(arrays, coords={**coords, "hour": np.arange(1, self.hours + 1)})


def _planned(
    observed: xr.DataArray | None, forecast: xr.DataArray | None, stage: Stage, params: RainfallParams
) -> _Plan | None:
    if stage.forecast is None or forecast is None:
        return None
    past = _DAY * params.antecedent_days
    start = stage.issued - timedelta(hours=past)
    ahead = with_whole_steps(forecast, stage.issued, stage.until)
    cube = stitch(observed, ahead, start=start, issued=stage.issued, until=stage.until)
    part = np.where(np.arange(cube.sizes["time"]) < past - _DAY, 0, 1)
    part = np.where(np.arange(len(part)) >= past, 2, np.where(cube["provenance"] == FORECAST, 2, part))
    data = whole_time(in_units(cube, "mm"))
    places = [(slice(int(r), int(r + h)), slice(int(c), int(c + w)))
              for r, h in _edges(data.chunks[1]) for c, w in _edges(data.chunks[2])]  # fmt: skip
    tasks = [dask.delayed(_block)(block, part, past, params.decay_per_day, params.antecedent_days)
             for block in data.to_delayed().ravel()]  # fmt: skip
    return _Plan(cube, stage.hours, places, tasks)


def _edges(sizes: tuple[int, ...]) -> list[tuple[int, int]]:
    return list(zip(np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes, strict=True))


def _block(
    rain: NDArray[Any], part: NDArray[np.int64], past: int, decay_per_day: float, days: int
) -> dict[str, NDArray[np.float32]]:
    n_t, n_y, n_x = rain.shape
    flat = np.asarray(rain, dtype=np.float64).reshape(n_t, -1)
    highest, least, parts = stage_effective(flat, part, first=past, decay_per_day=decay_per_day, days=days)
    out = {name: v.reshape(-1, n_y, n_x) for name, v in (("effective", highest), ("at_least", least))}
    out |= {"rain": flat[past:].sum(axis=0).reshape(n_y, n_x)}
    out |= {name: values.reshape(n_y, n_x) for name, values in zip(PARTS, parts, strict=True)}
    return {name: values.astype(np.float32) for name, values in out.items()}
