"""Velocity, its standard error and the yearly term of every pixel, lazily."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import DataError, TimeError
from geo_risk.core.units import in_units
from geo_risk.hazards.deformation.correction import SceneCorrection, basis_fields, scene_correction, years
from geo_risk.hazards.deformation.jumps import Jumps, find_jumps
from geo_risk.hazards.deformation.params import VelocityParams
from geo_risk.hazards.deformation.removal import Removal
from geo_risk.kernels.lsq import fit_series

_ROUNDS = {"least_squares": 0, "huber": 4, "bisquare": -8}
SEASON_SPAN_YR = 1.5
"""Series shorter than this have no yearly term: it could not be told from a trend."""

_LAYERS = {
    "velocity": ("mm/yr", "line-of-sight velocity"),
    "velocity_std": ("mm/yr", "standard error of the line-of-sight velocity"),
    "residual_std": ("mm", "standard deviation of the residuals of a series"),
    "n_dates": ("1", "number of dates used"),
    "annual_sin": ("mm", "yearly term, sine from the first date"),
    "annual_cos": ("mm", "yearly term, cosine from the first date"),
}


def design_matrix(times: NDArray[np.datetime64], params: VelocityParams) -> NDArray[np.float64]:
    """Return the columns of the motion model: constant, trend [per year], and sine and cosine of a year.

    Raises
    ------
    TimeError : fewer dates than the model and `minimum_dates` need.
    """
    t = years(times)
    if len(t) < max(params.minimum_dates, 3):
        what = f"{len(t)} dates; at least {max(params.minimum_dates, 3)} needed for a velocity with an error"
        raise TimeError(what, where="displacement.time", fix="give a longer series, or lower velocity.minimum_dates")
    columns = [np.ones(len(t)), t - t.mean()]
    long_enough = t[-1] >= SEASON_SPAN_YR and len(t) >= 20
    if params.annual == "always" or (params.annual == "auto" and long_enough):
        columns += [np.sin(2 * np.pi * t), np.cos(2 * np.pi * t)]
    return np.stack(columns, axis=1)


def line_of_sight_velocity(
    dataset: xr.Dataset,
    params: VelocityParams,
    correction: SceneCorrection | None = None,
    jumps: Jumps | None = None,
) -> xr.Dataset:
    """Fit the motion model to every series of a track.

    Parameters
    ----------
    dataset : `displacement` (time, y, x), any length unit, NaN a gap; `coherence` (y, x) where there is one. Lazy.
    params : model and estimator.
    correction : what is taken off every date first; None for nothing.
    jumps : patches of dates that are left out; None for none.

    Returns
    -------
    Dataset (y, x) float32: velocity, velocity_std [mm/yr], residual_std [mm], n_dates [1], and annual_sin,
    annual_cos [mm] where they were fitted. NaN where a pixel has fewer than `minimum_dates` or a coherence below
    `minimum_coherence`. A series that was lost early (less than 1.5 years known) is fitted by a trend alone.
    Stays lazy; each pixel depends on its own series only, whatever the chunks. The standard error is that of
    independent dates (METHOD.md says what that leaves out).

    Raises
    ------
    UnitError : no length unit. TimeError : too few dates. DataError : no `displacement`.
    """
    if "displacement" not in dataset:
        what = f"no `displacement` among {sorted(map(str, dataset.data_vars))}"
        raise DataError(what, where="displacement", fix="give a series, or use the product's own velocity")
    series = in_units(dataset["displacement"], "mm")
    design = design_matrix(dataset["time"].to_numpy(), params)
    fields = basis_fields(dataset, correction) if correction else []
    coefficients = correction.coefficients * 1000 if correction else np.zeros((len(design), 0))
    weights = correction.weights if correction else np.ones(len(design))
    data = series.data if isinstance(series.data, da.Array) else da.from_array(series.data)
    data = data.rechunk({0: -1})
    basis = _stacked(fields, data)
    rounds = _ROUNDS[params.estimator]
    count = 4 if design.shape[1] == 2 else 6
    fitted = da.map_blocks(
        _fit_block, data, basis, design=design, weights=weights, coefficients=coefficients, rounds=rounds,
        huber_k=params.huber_k, minimum=params.minimum_dates, jumps=jumps, t=years(series["time"].to_numpy()),
        chunks=((count,), *data.chunks[1:]), dtype=np.float32, meta=np.empty((0, 0, 0), np.float32),
    )  # fmt: skip
    if "coherence" in dataset:
        keep = in_units(dataset["coherence"], "1").data >= params.minimum_coherence
        fitted = da.where(keep[None], fitted, np.float32(np.nan)).rechunk(fitted.chunks)
    names = list(_LAYERS)[:count]
    like = series.isel(time=0, drop=True)
    data_vars = {
        n: (("y", "x"), fitted[i], {"units": _LAYERS[n][0], "long_name": _LAYERS[n][1]}) for i, n in enumerate(names)
    }
    out = xr.Dataset(data_vars, coords=like.coords, attrs={k: dataset.attrs[k] for k in dataset.attrs if k != "audit"})
    out["velocity"].attrs["positive"] = "toward the satellite"
    return out


def track_velocity(
    source: xr.Dataset, params: VelocityParams, *, maximum_sigma_mm_yr: float
) -> tuple[xr.Dataset, list[tuple[str, str]], dict[str, float], Removal]:
    """Turn what a reader gives into the maps of a track: velocity, its error, the LOS unit vector and the rest.

    Parameters
    ----------
    source : as `sources.insar.open_insar` returns it, with a series or with a velocity.
    params : of the velocity.
    maximum_sigma_mm_yr : see `scene_correction`.

    Returns
    -------
    Dataset (y, x), lazy; notes (English, Chinese) for the report; counts; what was taken off every date.
    """
    notes: list[tuple[str, str]] = []
    counts: dict[str, float] = {}
    correction = jumps = None
    if "displacement" in source:
        if params.atmosphere != "none" or params.reference == "stable_median" or params.date_weights:
            correction = scene_correction(source, params, maximum_sigma_mm_yr=maximum_sigma_mm_yr)
            counts = {"stable_share": correction.stable_share, "stable_sigma_mm_yr": correction.stable_sigma_mm_yr}
            if correction.stable_share == 0:
                notes.append((
                    "no stable ground: reference, ramps and height delay are as the product gives them",
                    "无稳定区：参考点、轨道斜坡与高程相关延迟保持产品原样，未作改正",
                ))  # fmt: skip
        times = source["time"].to_numpy()
        if params.drop_jumps and correction is not None and correction.stable_share > 0:
            jumps = find_jumps(source, design_matrix(times, params), correction)
            counts["jump_share"] = jumps.share
        out = line_of_sight_velocity(source, params, correction, jumps)
        counts["dates"] = len(times)
        out.attrs["first_date"], out.attrs["last_date"] = (str(t)[:10] for t in (times[0], times[-1]))
    else:
        out = xr.Dataset({n: in_units(source[n], "mm/yr") for n in ("velocity", "velocity_std") if n in source})
        if "coherence" in source:
            out = out.where(in_units(source["coherence"], "1") >= params.minimum_coherence)
        if "velocity_std" not in out:
            sigma = _neighbour_sigma(out["velocity"])
            out["velocity_std"] = xr.full_like(out["velocity"], sigma).where(np.isfinite(out["velocity"]))
            out["velocity_std"].attrs.update(units="mm/yr", long_name="assumed standard error")
            notes.append((
                f"the product has no standard errors: {sigma:.2f} mm/yr is assumed, from the differences of neighbours",
                f"产品无标准误差：按相邻像元差异假定为 {sigma:.2f} mm/yr",
            ))  # fmt: skip
    for name in ("los_east", "los_north", "los_up", "coherence", "height", "shadow"):
        if name in source:
            out[name] = source[name].astype(np.float32)
    out.attrs |= {k: source.attrs[k] for k in ("crs", "transform", "product", "track") if k in source.attrs}
    return out, notes, counts, Removal(correction, jumps)


def _neighbour_sigma(velocity: xr.DataArray) -> float:
    step = max(1, velocity.sizes["y"] // 500)
    rows = np.asarray(velocity[::step].to_numpy(), dtype=np.float64)
    difference = np.diff(rows, axis=1)
    finite = difference[np.isfinite(difference)]
    if not finite.size:
        what = "the velocity map has no two known neighbours"
        raise DataError(what, where="velocity", fix="give a map with coherent pixels")
    return float(max(1.4826 * np.median(np.abs(finite)) / np.sqrt(2), 0.1))


def _stacked(fields: list[xr.DataArray], data: da.Array) -> da.Array:
    if not fields:
        return da.zeros((0, *data.shape[1:]), chunks=(0, *data.chunks[1:]), dtype=np.float32)
    arrays = [f.data if isinstance(f.data, da.Array) else da.from_array(f.data) for f in fields]
    return da.stack(arrays).rechunk((len(arrays), *data.chunks[1:]))


def _fit_block(
    block: NDArray[np.float32],
    basis: NDArray[np.float32],
    *,
    design: NDArray[np.float64],
    weights: NDArray[np.float64],
    coefficients: NDArray[np.float64],
    jumps: Jumps | None,
    t: NDArray[np.float64],
    block_info: Any = None,
    **options: Any,
) -> NDArray[np.float32]:
    if jumps is not None and block_info:
        _, rows, columns = block_info[0]["array-location"]
        block = np.where(jumps.cells(rows, columns), np.float32(np.nan), block)
    series = np.ascontiguousarray(block, dtype=np.float32)
    fields = np.ascontiguousarray(basis, dtype=np.float32)

    def fit(y: NDArray[np.float32], model: NDArray[np.float64]) -> tuple[NDArray[Any], ...]:
        out: tuple[NDArray[Any], ...] = fit_series(
            y, model, weights, coefficients, fields, options["huber_k"], options["rounds"], options["minimum"]
        )
        return out

    values, errors, rms, n = fit(series, design)
    layers = [values[1], errors[1], rms, np.where(np.isfinite(rms), n, np.nan).astype(np.float32)]
    if values.shape[0] > 2:
        layers += [values[2], values[3]]
        short = _span(series, t) < SEASON_SPAN_YR
        if short.any():
            trend = fit(np.where(short, series, np.float32(np.nan)), np.ascontiguousarray(design[:, :2]))
            trend = (trend[0][1], trend[1][1], trend[2], np.where(np.isfinite(trend[2]), trend[3], np.nan))
            layers[:4] = [np.where(short, a, b) for a, b in zip(trend, layers[:4], strict=True)]
            layers[4:] = [np.where(short, np.nan, a) for a in layers[4:]]
    out: NDArray[np.float32] = np.stack(layers).astype(np.float32)
    return out


def _span(series: NDArray[np.float32], t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the time from the first to the last known date of each series [yr]."""
    known = np.isfinite(series)
    first, last = known.argmax(axis=0), len(t) - 1 - known[::-1].argmax(axis=0)
    out: NDArray[np.float64] = np.where(known.any(axis=0), t[last] - t[first], 0.0)
    return out
