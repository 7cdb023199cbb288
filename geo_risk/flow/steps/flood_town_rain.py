"""The rain of the town's storm: its hours, what is missing of it, and what of it runs off."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from geo_risk.core.grid import Grid
    from geo_risk.hazards.flood.params import TownFlowParams
    from geo_risk.hazards.flood.runoff_params import RunoffParams
    from geo_risk.hazards.flood.town import Surface, Window
    from geo_risk.kernels.flow_input import RainFields


def town_runoff(
    rain: xr.DataArray, surface: Surface, grid: Grid, params: TownFlowParams, *, window_h: int, runoff: RunoffParams
) -> tuple[RainFields, Window, NDArray[np.float64]]:
    """Return the runoff [mm/h] of the wettest window, made by hour, the window, and the mean rain of each hour [mm]."""
    series, window = storm_hours(rain, grid, params, window_h=window_h)
    condition = storm_condition(series, window.start, rain, runoff)
    net = hours_runoff(rain, surface, grid, window, runoff=runoff, condition=condition)
    return net, window, series


def storm_hours(
    rain: xr.DataArray, grid: Grid, params: TownFlowParams, *, window_h: int
) -> tuple[NDArray[np.float64], Window]:
    """Return the mean rain of each hour over a grid [mm], and the window of the wettest hours."""
    import numpy as np

    from geo_risk.core.errors import OverlapError
    from geo_risk.core.grid import Grid
    from geo_risk.hazards.flood.town import storm_window
    from geo_risk.sources.rain_grid import onto_grid

    coarse = Grid.from_bounds(grid.bounds, crs=grid.crs, resolution_m=grid.resolution_m * max(grid.shape) / 4)
    means = [onto_grid(rain.isel(time=k, drop=True), coarse).to_numpy() for k in range(rain.sizes["time"])]
    series = np.array([float(np.nanmean(m)) if np.isfinite(m).any() else np.nan for m in means])
    if not np.isfinite(series).any():
        what = "the rain does not cover the town"
        raise OverlapError(what, where="inputs.rainfall", fix="give rain whose cells cover the town's DEM")
    return series, storm_window(series, window_h=window_h, dry_gap_h=params.dry_gap_h)


def lost_hours(series: NDArray[np.float64], window: Window) -> list[int]:
    """Return the hours without rain data that lie off the storm: a wetter one, or its beginning, may be among them.

    What lies before the first hour that is known is before the record: just its last hour counts, and that only where
    the storm goes back so far.
    """
    import numpy as np

    first = int(np.flatnonzero(np.isfinite(series))[0])
    since = max(first - 1, 0) if window.start <= first else first
    return [int(k) for k in np.flatnonzero(np.isnan(series)) if k >= since and not window.start <= k < window.stop]


def rain_missing(rain: xr.DataArray, grid: Grid, window: Window) -> tuple[NDArray[np.bool_], list[int]]:
    """Return where the rain of a storm lacks an hour, (y, x), and which hours those are; runs take it for none.

    The rain also lacks one where other hours, with a missing one among them, may have been wetter than the window;
    hours before the first or after the last that is known somewhere are no part of the record.
    """
    import numpy as np

    from geo_risk.hazards.rainfall.accumulation import may_be_wetter
    from geo_risk.sources.rain_grid import onto_grid

    out, hours = np.zeros(grid.shape, dtype=np.bool_), []
    known = np.flatnonzero(np.isfinite(rain.to_numpy()).any(axis=(1, 2)))
    since = min(int(known[0]), window.first) if known.size else 0
    values = rain.to_numpy()[since : max(int(known[-1]) + 1, window.stop) if known.size else None]
    length = window.stop - window.first
    doubt = np.zeros(values.shape[1:], dtype=np.bool_)
    for j in np.flatnonzero(np.isnan(values).any(axis=(0, 2))):  # row by row: the cube may be a province's
        doubt[j] = may_be_wetter(values[:, j], length, first=window.first - since)
    if doubt.any():
        share = rain.isel(time=0, drop=True).copy(data=doubt.astype(np.float64))
        out |= onto_grid(share, grid).to_numpy() > 0
        hours += (since + np.flatnonzero((np.isnan(values) & doubt).any(axis=(1, 2)))).tolist()
    for k in range(window.start, window.stop):
        lacks = np.isnan(onto_grid(rain.isel(time=k, drop=True), grid).to_numpy())
        if lacks.any():
            out |= lacks
            hours.append(k)
    return out, sorted(set(hours))


def hours_runoff(
    rain: xr.DataArray, surface: Surface, grid: Grid, window: Window, *, runoff: RunoffParams, condition: float
) -> RainFields:
    """Return the runoff of a window on a grid [mm/h], made by hour."""
    import numpy as np

    from geo_risk.hazards.flood.hourly_runoff import HourlyRunoff, SoakedRunoff
    from geo_risk.hazards.flood.losses import Soaking
    from geo_risk.sources.rain_grid import onto_grid

    def field(k: int) -> NDArray[np.float64]:
        hour = rain.isel(time=window.first + k, drop=True)
        return onto_grid(hour, grid).to_numpy().astype(np.float64)

    n_before, n_hours = window.first - window.start, window.stop - window.first
    if runoff.method == "green_ampt":
        return SoakedRunoff(field, n_before, n_hours, Soaking.of(surface.ground, condition, runoff))
    before = np.zeros(grid.shape)
    for k in range(-n_before, 0):
        before += np.nan_to_num(field(k))
    return HourlyRunoff(before, field, n_hours, lambda mm: surface.excess_mm(mm, runoff, condition=condition))


def storm_condition(series: NDArray[np.float64], start: int, rain: xr.DataArray, params: RunoffParams) -> float:
    """Return the antecedent condition of the town's ground: of the five days before the storm, as far as known."""
    import numpy as np

    from geo_risk.flow.steps.flood_ground import FIVE_DAYS_H
    from geo_risk.hazards.flood.losses import condition_of

    before = series[max(0, start - FIVE_DAYS_H) : start]
    month = int(str(rain["time"].to_numpy()[start])[5:7])
    is_growing = params.growing_months[0] <= month <= params.growing_months[1]
    known = np.isfinite(before).sum() / FIVE_DAYS_H
    return float(condition_of(np.nansum(before), known, growing=is_growing, params=params))
