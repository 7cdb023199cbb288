"""What is taken off every date before the fit: reference, plane, and delay that follows height."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.hazards.deformation.params import VelocityParams

F64 = NDArray[np.float64]

DAYS_PER_YEAR = 365.25
_ROUNDS = 3
_TUKEY = 4.685


@dataclass(frozen=True)
class SceneCorrection:
    """Coefficients of a field per date, and what was seen on the way.

    Attributes
    ----------
    names : of the basis fields, from "one", "x", "y", "height".
    coefficients : (time, q) in metres per unit of the basis.
    weights : (time,) inverse variance of each date, mean 1.
    date_sigma_m : (time,) robust standard deviation of each date after correction and trend.
    stable_sigma_mm_yr : robust standard deviation of the sampled velocities of stable ground, before filtering.
    stable_share : share of the sample that counts as stable; 0 where no stable part was found.
    height_mean_m, height_scale_m : of the basis field "height".
    """

    names: tuple[str, ...]
    coefficients: F64
    weights: F64
    date_sigma_m: F64
    stable_sigma_mm_yr: float
    stable_share: float
    height_mean_m: float
    height_scale_m: float


def years(times: NDArray[np.datetime64]) -> F64:
    """Return times as years of 365.25 days since the first."""
    days = (times - times[0]) / np.timedelta64(1, "D")
    return np.asarray(days, dtype=np.float64) / DAYS_PER_YEAR


def scene_correction(dataset: xr.Dataset, params: VelocityParams, *, maximum_sigma_mm_yr: float) -> SceneCorrection:
    """Fit the fields that are common to the scene on every date, on a regular sample of its pixels.

    Parameters
    ----------
    dataset : `displacement` (time, y, x) [m], `height` (y, x) [m] where there is one; lazy.
    params : which fields, and how many pixels.
    maximum_sigma_mm_yr : a sample whose velocities scatter more than this has no stable part; nothing is corrected.

    Returns
    -------
    Correction. Moving pixels are told from stable ones by their residual velocity, in rounds; each date is fitted by
    Tukey's bisquare, so that what moves in the sample has no say. Reads the sample only: every k-th row and column,
    whatever the chunks.
    """
    step = max(1, int(np.sqrt(dataset.sizes["y"] * dataset.sizes["x"] / params.sample_pixels)))
    series = dataset["displacement"][:, step // 2 :: step, step // 2 :: step]
    values = np.asarray(series.to_numpy(), dtype=np.float64).reshape(series.sizes["time"], -1)
    basis, names, mean, scale = _sample_basis(dataset, step, params)
    t = years(dataset["time"].to_numpy())
    usable = (np.isfinite(values).sum(axis=0) >= max(3, len(t) // 2)) & np.isfinite(basis).all(axis=0)
    values, basis = values[:, usable], basis[:, usable]
    first = _trend(values, t)[1]
    raw_sigma = _mad(first) * 1000
    if values.shape[1] < 50 or not raw_sigma <= maximum_sigma_mm_yr:
        empty = np.zeros((len(t), 0))
        return SceneCorrection((), empty, np.ones(len(t)), np.full(len(t), np.nan), raw_sigma, 0.0, 0.0, 1.0)
    coefficients, stable, residual = _rounds(values, basis, t)
    sigma_dates, sigma = _spread(residual[:, stable], t)
    keep = [i for i, n in enumerate(names) if n != "one" or params.reference == "stable_median"]
    weights = _weights(sigma_dates) if params.date_weights else np.ones(len(t))
    chosen = tuple(names[i] for i in keep)
    return SceneCorrection(
        chosen, coefficients[:, keep], weights, sigma_dates, sigma, float(stable.mean()), mean, scale
    )


def basis_fields(dataset: xr.Dataset, correction: SceneCorrection) -> list[xr.DataArray]:
    """Return the lazy (y, x) float32 fields that the coefficients multiply, in the order of `correction.names`."""
    height, width = dataset.sizes["y"], dataset.sizes["x"]
    like = dataset["displacement"].isel(time=0, drop=True)
    out = []
    for name in correction.names:
        if name == "height":
            field = (dataset["height"] - correction.height_mean_m) / correction.height_scale_m
        elif name == "x":
            field = xr.zeros_like(like) + xr.DataArray(_unit(width), dims="x", coords={"x": like["x"]})
        elif name == "y":
            field = xr.zeros_like(like) + xr.DataArray(_unit(height), dims="y", coords={"y": like["y"]})
        else:
            field = xr.ones_like(like)
        out.append(field.astype(np.float32))
    return out


def _unit(n: int) -> F64:
    out: F64 = (np.arange(n, dtype=np.float64) - (n - 1) / 2) / max(1.0, (n - 1) / 2)
    return out


def _sample_basis(dataset: xr.Dataset, step: int, params: VelocityParams) -> tuple[F64, list[str], float, float]:
    rows = _unit(dataset.sizes["y"])[step // 2 :: step]
    columns = _unit(dataset.sizes["x"])[step // 2 :: step]
    y, x = np.meshgrid(rows, columns, indexing="ij")
    fields, names = [np.ones(x.size)], ["one"]
    mean, scale = 0.0, 1.0
    if params.atmosphere != "none":
        fields += [x.ravel(), y.ravel()]
        names += ["x", "y"]
    if params.atmosphere == "ramp_height" and "height" in dataset:
        height = np.asarray(
            dataset["height"][step // 2 :: step, step // 2 :: step].to_numpy(), dtype=np.float64
        ).ravel()
        if np.isfinite(height).any() and np.nanstd(height) > 1.0:
            mean, scale = float(np.nanmean(height)), float(np.nanstd(height))
            fields.append((height - mean) / scale)
            names.append("height")
    return np.asarray(np.stack(fields), dtype=np.float64), names, mean, scale


def _rounds(values: F64, basis: F64, t: F64) -> tuple[F64, NDArray[np.bool_], F64]:
    stable = np.ones(values.shape[1], dtype=bool)
    coefficients = np.zeros((len(t), len(basis)))
    residual = values
    for _ in range(_ROUNDS):
        for k in range(len(t)):
            coefficients[k] = _bisquare(values[k, stable], basis[:, stable])
        residual = values - coefficients @ basis
        velocity = _trend(residual, t)[1]
        centre = float(np.nanmedian(velocity[stable]))
        moving = ~(np.abs(velocity - centre) <= 2.5 * _mad(velocity[stable]))
        if moving.mean() < 0.7:
            stable = ~moving
    return coefficients, stable, residual


def _bisquare(y: F64, basis: F64) -> F64:
    """Fit y = basis' c by Tukey's bisquare, started from the median; NaN are left out."""
    known = np.isfinite(y)
    if known.sum() < 10 * len(basis):
        return np.full(len(basis), np.nan)
    y, g = y[known], basis[:, known]
    resid = y - np.median(y)
    out: F64 = np.zeros(len(g))
    for _ in range(8):
        scale = _mad(resid)
        if not scale > 0:
            scale = float(np.std(resid)) or 1.0
        u = np.clip(resid / (_TUKEY * scale), -1, 1)
        weighted = g * (1 - u * u) ** 2
        out = np.asarray(np.linalg.lstsq(weighted @ g.T, weighted @ y, rcond=None)[0], dtype=np.float64)
        resid = np.asarray(y - out @ g)
    return out


def _trend(values: F64, t: F64) -> tuple[F64, F64]:
    """Return intercept and slope of every column by least squares with gaps."""
    known = np.isfinite(values)
    y = np.where(known, values, 0.0)
    n = known.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        t_mean = (t[:, None] * known).sum(axis=0) / n
        y_mean = y.sum(axis=0) / n
        dt = (t[:, None] - t_mean) * known
        slope = (dt * y).sum(axis=0) / (dt * dt).sum(axis=0)
    return np.asarray(y_mean - slope * t_mean), np.asarray(slope)


def _spread(residual: F64, t: F64) -> tuple[F64, float]:
    intercept, slope = _trend(residual, t)
    rest = residual - intercept - slope * t[:, None]
    return np.array([_mad(r) for r in rest]), _mad(slope) * 1000


def _weights(sigma: F64) -> F64:
    """Return inverse variances with mean 1; dates without an estimate get none, very quiet ones are not overrated."""
    floor = 0.5 * float(np.nanmedian(sigma))
    if not floor > 0:
        return np.ones(len(sigma))
    w = np.where(np.isfinite(sigma), 1 / np.maximum(np.nan_to_num(sigma, nan=1.0), floor) ** 2, 0.0)
    return np.asarray(w / w[w > 0].mean(), dtype=np.float64)


def _mad(values: F64) -> float:
    finite = values[np.isfinite(values)]
    return float(1.4826 * np.median(np.abs(finite - np.median(finite)))) if finite.size else float("nan")
