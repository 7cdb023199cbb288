"""Velocity, its standard error and the yearly term of every pixel, lazily."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.core.units import in_units
from geo_risk.hazards.deformation.motion.assumed_error import assumed_sigma
from geo_risk.hazards.deformation.motion.correction import SceneCorrection, basis_fields, scene_correction
from geo_risk.hazards.deformation.motion.jumps import Jumps, find_jumps
from geo_risk.hazards.deformation.motion.removal import Removal
from geo_risk.hazards.deformation.motion.sudden import LASTING_DATES, LEAST_MM, SIGMAS, since_map
from geo_risk.hazards.deformation.motion.terms import SEASON_SPAN_YR, MotionTerms, layer_text, motion_terms
from geo_risk.hazards.deformation.motion.time_noise import TimeNoise
from geo_risk.hazards.deformation.params import VelocityParams
from geo_risk.kernels.end_run import end_runs
from geo_risk.kernels.lsq import Estimator, Model, Noise, fit_series
from geo_risk.kernels.lsq_plain import fit_plain
from geo_risk.kernels.motion import known_span

_KEPT = ("crs", "transform", "product", "track")
_ROUNDS = {"least_squares": 0, "huber": 4, "bisquare": -8}
_TREND = {
    "velocity": ("mm/yr", "line-of-sight velocity"),
    "velocity_std": ("mm/yr", "standard error of the line-of-sight velocity"),
    "residual_std": ("mm", "standard deviation of the residuals of a series"),
    "n_dates": ("1", "number of dates used"),
    "velocity_dof": ("1", "degrees of freedom of the standard errors"),
    "sudden_since": ("1", "number of the date since which the series is off its course; negative until; 0 never"),
    "sudden_mm": ("mm", "mean distance of those dates from the course"),
}


@dataclass(frozen=True)
class _Fit:
    """What one block needs: model, weights, what is taken off, estimator and noise."""

    terms: MotionTerms
    weights: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    params: VelocityParams
    noise: TimeNoise
    spread: NDArray[np.float64]
    jumps: Jumps | None


def design_matrix(times: NDArray[np.datetime64], params: VelocityParams) -> NDArray[np.float64]:
    """Return the columns of the motion model: constant, trend [per year], then the terms of `motion_terms`.

    Raises
    ------
    TimeError : fewer dates than the model and `minimum_dates` need.
    """
    return motion_terms(times, params).columns


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
    Dataset (y, x) float32: velocity, velocity_std [mm/yr], residual_std [mm], n_dates [1], velocity_dof [1] (degrees of
    freedom of the errors), sudden_since [1] and sudden_mm [mm] (`motion.sudden`), and where they were fitted
    annual_sin, annual_cos [mm], acceleration [mm/yr2], step_YYYYMMDD [mm], each with its `_std`. NaN where a pixel has
    fewer than `minimum_dates` or a coherence below `minimum_coherence`. A series that was lost early is fitted by a
    trend alone: with none on one side of a step, or less than 1.5 years known beside a yearly term (unless `annual:
    always` asks for it). A series whose last or first two dates or more lie off the robust fit on one side is fitted by
    least squares of all its dates: what lasts is no outlier. Stays lazy; each pixel depends on its own series and on
    what the scene has in common, whatever the chunks. Standard errors allow for the
    correlation in time that `correction` found; without one they are those of independent dates.

    Raises
    ------
    UnitError : no length unit. TimeError : too few dates. DataError : no `displacement`.
    """
    if "displacement" not in dataset:
        what = f"no `displacement` among {sorted(map(str, dataset.data_vars))}"
        raise DataError(what, where="displacement", fix="give a series, or use the product's own velocity")
    series = in_units(dataset["displacement"], "mm")
    terms = motion_terms(dataset["time"].to_numpy(), params)
    n_t = len(terms.t)
    data = series.data if isinstance(series.data, da.Array) else da.from_array(series.data)
    data = data.rechunk({0: -1})
    fields = basis_fields(dataset, correction) if correction else []
    fit = _Fit(
        terms, correction.weights if correction else np.ones(n_t),
        correction.coefficients * 1000 if correction else np.zeros((n_t, 0)), params,
        correction.time_noise if correction else TimeNoise(), correction.spread if correction else np.ones(n_t), jumps,
    )  # fmt: skip
    texts = _TREND | {name: layer_text(name) for name, _, _ in terms.layers()}
    fitted = da.map_blocks(
        _fit_block, data, _stacked(fields, data), fit=fit, chunks=((len(texts),), *data.chunks[1:]), dtype=np.float32,
        meta=np.empty((0, 0, 0), np.float32),
    )  # fmt: skip
    if "coherence" in dataset:
        keep = in_units(dataset["coherence"], "1").data >= params.minimum_coherence
        fitted = da.where(keep[None], fitted, np.float32(np.nan)).rechunk(fitted.chunks)
    like = series.isel(time=0, drop=True)
    data_vars = {
        n: (("y", "x"), fitted[i], {"units": unit, "long_name": text})
        for i, (n, (unit, text)) in enumerate(texts.items())
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
        common = (params.atmosphere, params.reference, params.date_weights, params.temporal_correlation)
        if common != ("none", "as_given", False, "none"):
            correction = scene_correction(source, params, maximum_sigma_mm_yr=maximum_sigma_mm_yr)
            names = ("stable_share", "stable_sigma_mm_yr", "correlated_share", "correlation_time_yr")
            counts = {name: float(getattr(correction, name)) for name in names}
            notes.extend(_correction_notes(correction, params, source["time"].to_numpy()))
            counts["dates_lost"] = int(correction.lost.sum())
        times = source["time"].to_numpy()
        if params.drop_jumps and correction is not None and correction.stable_share > 0:
            jumps = find_jumps(source, design_matrix(times, params), correction)
            counts["jump_share"] = jumps.share
        out = line_of_sight_velocity(source, params, correction, jumps)
        counts["dates"] = len(times)
        out.attrs["first_date"], out.attrs["last_date"] = (str(t)[:10] for t in (times[0], times[-1]))
    else:
        out, notes = _own_velocity(source, params)
    for name in ("los_east", "los_north", "los_up", "coherence", "height", "shadow", "n_points"):
        if name in source:
            out[name] = source[name].astype(np.float32)
    out.attrs |= {k: source.attrs[k] for k in (*_KEPT, "wavelength_m") if k in source.attrs}
    return out, notes, counts, Removal(correction, jumps)


def _own_velocity(source: xr.Dataset, params: VelocityParams) -> tuple[xr.Dataset, list[tuple[str, str]]]:
    """Return the velocity of a product that has no series, with its error, and what is to be said of them."""
    notes: list[tuple[str, str]] = []
    out = xr.Dataset({n: in_units(source[n], "mm/yr") for n in ("velocity", "velocity_std") if n in source})
    if "coherence" in source:
        out = out.where(in_units(source["coherence"], "1") >= params.minimum_coherence)
    if "velocity_std" not in out:
        sigma, near = assumed_sigma(out["velocity"])
        out["velocity_std"] = xr.full_like(out["velocity"], sigma).where(np.isfinite(out["velocity"]))
        out["velocity_std"].attrs.update(units="mm/yr", long_name="assumed standard error")
        notes.append((
            f"the product has no standard errors: {sigma:.2f} mm/yr is assumed everywhere, the robust scatter of "
            f"places near and far (neighbours alone: {near:.2f}, but atmosphere is alike there); what is called seen "
            "rests on it",
            f"产品无标准误差：按远近像元差异的稳健离散统一假定为 {sigma:.2f} 毫米/年（仅按相邻像元为 {near:.2f}，"
            "但相邻处大气相近）；“可见”判定以此为据",
        ))  # fmt: skip
    else:  # a reference pixel has an error of nought, which is no error at all
        attrs = out["velocity_std"].attrs
        out["velocity_std"] = out["velocity_std"].where(out["velocity_std"] > 0).assign_attrs(attrs)
    if params.reference != "as_given" or params.atmosphere != "none":
        notes.append((
            "the product is a velocity: its reference, ramps and height delay are kept as they are",
            "产品为速率：参考点、轨道斜坡与高程相关延迟保持产品原样",
        ))  # fmt: skip
    return out, notes


def _correction_notes(
    correction: SceneCorrection, params: VelocityParams, times: NDArray[np.datetime64]
) -> list[tuple[str, str]]:
    out = []
    if correction.stable_share == 0:
        out.append((
            f"no stable ground, or too little known to find it: {_as_given(params)[0]} are as the product gives them",
            f"无稳定区，或有效像元过少无法判定：{_as_given(params)[1]}保持产品原样，未作改正",
        ))  # fmt: skip
    if correction.heightless_share > 0:
        out.append((
            f"{correction.heightless_share:.2%} of a sample of the cells with a series have no height: the delay that "
            "follows height cannot be taken off them, and their motion is unknown",
            f"抽样的有时序像元中 {correction.heightless_share:.2%} 缺高程：无法去除与高程相关的延迟，其运动为未知",
        ))  # fmt: skip
    if correction.lost.any():
        days = ", ".join(str(t)[:10] for t in times[correction.lost][:10])
        n, more = int(correction.lost.sum()), " ..." if correction.lost.sum() > 10 else ""
        out.append((
            f"{n} of {len(times)} dates have too few known cells to be corrected and are left out: {days}{more}",
            f"{len(times)} 期中有 {n} 期有效像元过少、无法改正，已剔除：{days}{more}",
        ))  # fmt: skip
    return out


def _as_given(params: VelocityParams) -> tuple[str, str]:
    if params.reference == "area":
        return "ramps and height delay", "轨道斜坡与高程相关延迟"
    return "reference, ramps and height delay", "参考点、轨道斜坡与高程相关延迟"


def _stacked(fields: list[xr.DataArray], data: da.Array) -> da.Array:
    if not fields:
        return da.zeros((0, *data.shape[1:]), chunks=(0, *data.chunks[1:]), dtype=np.float32)
    arrays = [f.data if isinstance(f.data, da.Array) else da.from_array(f.data) for f in fields]
    return da.stack(arrays).rechunk((len(arrays), *data.chunks[1:]))


def _fit_block(
    block: NDArray[np.float32], basis: NDArray[np.float32], *, fit: _Fit, block_info: Any = None
) -> NDArray[np.float32]:
    fields = np.ascontiguousarray(basis, dtype=np.float32)
    both, is_open = _without_jumps(block, fit, block_info)
    layers = _layers(both, is_open, fields, fit, fit.terms.columns)
    if len(fit.terms.names) > 2:
        alone = ~np.isfinite(layers[0])
        if fit.terms.has_season and fit.params.annual == "auto":
            alone |= known_span(both[0], fit.terms.t) < SEASON_SPAN_YR
        if alone.any():
            nothing = np.float32(np.nan)
            shorter = (np.where(alone, both[0], nothing), np.where(alone, both[1], nothing))
            plain = _layers(shorter, is_open, fields, fit, np.ascontiguousarray(fit.terms.columns[:, :2]))
            layers = [np.where(alone, plain[i] if i < len(plain) else nothing, a) for i, a in enumerate(layers)]
    out: NDArray[np.float32] = np.stack(layers).astype(np.float32)
    return out


def _without_jumps(
    block: NDArray[np.float32], fit: _Fit, block_info: Any
) -> tuple[tuple[NDArray[np.float32], NDArray[np.float32]], NDArray[np.bool_]]:
    """Return the series without jumps, the same with what was left out on the last date, and where that is so."""
    series = np.ascontiguousarray(block, dtype=np.float32)
    if fit.jumps is None or not block_info:
        return (series, series), np.zeros(block.shape[1:], dtype=bool)
    _, rows, columns = block_info[0]["array-location"]
    masks = fit.jumps.cells(rows, columns), fit.jumps.settled(rows, columns)
    first, second = (np.where(m, np.float32(np.nan), series) for m in masks)
    return (first, second), fit.jumps.ends_open(rows, columns)


def _layers(
    both: tuple[NDArray[np.float32], NDArray[np.float32]],
    is_open: NDArray[np.bool_],
    fields: NDArray[np.float32],
    fit: _Fit,
    design: NDArray[np.float64],
) -> list[NDArray[Any]]:
    """Return the maps of _TREND, then those of the terms that the design has beside a trend."""
    series, whole = both
    values, errors, *rest = _fitted(series, fields, fit, design)
    since, until, n_since, n_until, departure, outermost = end_runs(
        whole, fields, fit.coefficients, design, fit.weights, values, SIGMAS, LEAST_MM
    )  # fmt: skip
    lasts = (n_since >= LASTING_DATES) | (n_until >= LASTING_DATES)
    if lasts.any() and fit.params.estimator != "least_squares":
        again = _fitted(np.where(lasts, whole, np.float32(np.nan)), fields, fit, design, is_robust=False)
        values, errors, *rest = (np.where(lasts, b, a) for a, b in zip((values, errors, *rest), again, strict=True))
    off = since_map(since, np.where(n_until >= LASTING_DATES, until, -1), is_open, len(series) - 1)
    known = np.isfinite(values[1])
    departure = np.where(is_open & (since < 0) & (np.abs(outermost) >= LEAST_MM), outermost, departure)
    sudden = [np.where(known, off, np.nan), np.where(known & (off != 0), departure, np.nan)]
    layers = [values[1], errors[1], *rest, *sudden]
    columns = fit.terms.layers() if design.shape[1] == len(fit.terms.names) else []
    return layers + [errors[column] if is_error else values[column] for _, column, is_error in columns]


def _fitted(
    series: NDArray[np.float32],
    fields: NDArray[np.float32],
    fit: _Fit,
    design: NDArray[np.float64],
    *,
    is_robust: bool = True,
) -> list[NDArray[Any]]:
    """Return coefficients, errors, residual standard deviation, number of dates and degrees of freedom."""
    rounds = _ROUNDS[fit.params.estimator] if is_robust else 0
    minimum = fit.params.minimum_dates
    is_even = fit.noise.share == 0 and np.ptp(fit.spread) == 0
    if rounds == 0 and is_even and np.ptp(fit.weights[fit.weights > 0]) == 0:
        values, errors, rms, n = fit_plain(series, design, fit.weights, fit.coefficients, fields, minimum)
        freedom = (n - design.shape[1]).astype(np.float32)
    else:
        model = Model(design, fit.weights, fit.coefficients)
        noise = Noise(fit.terms.t, fit.spread, float(fit.noise.share), fit.noise.time_yr or 1.0)
        estimator = Estimator(fit.params.huber_k, rounds, minimum)
        values, errors, rms, n, freedom = fit_series(series, fields, model, estimator, noise)
    known = np.isfinite(rms)
    return [values, errors, rms, *(np.where(known, a, np.nan).astype(np.float32) for a in (n, freedom))]
