"""What is taken off every date before the fit: reference, plane, and delay that follows height."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from geo_risk.core.errors import DataError, OverlapError
from geo_risk.hazards.deformation.motion.terms import motion_terms
from geo_risk.hazards.deformation.motion.time_noise import TimeNoise, date_spread, scene_time_noise
from geo_risk.hazards.deformation.params import VelocityParams
from geo_risk.kernels.motion import DAYS_PER_YEAR, years

__all__ = [
    "DAYS_PER_YEAR",
    "SceneCorrection",
    "basis_fields",
    "reference_cells",
    "scene_correction",
    "surface_names",
    "years",
]

F64 = NDArray[np.float64]

_SURFACES: dict[str, tuple[str, ...]] = {"ramp": ("x", "y"), "quadratic": ("x", "y", "xx", "xy", "yy")}
_ROUNDS = 3
_MOST_THIN_DATES = 0.5
_TUKEY = 4.685


@dataclass(frozen=True)
class SceneCorrection:
    """Coefficients of a field per date, and what was seen on the way.

    Attributes
    ----------
    names : of the basis fields, from "one", "x", "y", "xx", "xy", "yy", "height".
    coefficients : (time, q) in metres per unit of the basis.
    weights : (time,) inverse variance of each date, mean 1.
    date_sigma_m : (time,) robust standard deviation of each date after correction and trend.
    stable_sigma_mm_yr : robust standard deviation of the sampled velocities of stable ground, before filtering.
    stable_share : share of the sample that counts as stable; 0 where no stable part was found.
    height_mean_m, height_scale_m : of the basis field "height".
    correlated_share, correlation_time_yr : of the noise of stable pixels in time; 0 where dates are independent.
    stable_velocity_mm_yr : how fast stable ground moves against the reference: 0 but where that is the processor's own
        or an area's, which may itself move.
    heightless_share : share of the sampled cells with a series that have no height where the delay that follows height
        is taken off: their motion is unknown then.
    """

    names: tuple[str, ...]
    coefficients: F64
    weights: F64
    date_sigma_m: F64
    stable_sigma_mm_yr: float
    stable_share: float
    height_mean_m: float
    height_scale_m: float
    correlated_share: float = 0.0
    correlation_time_yr: float = 0.0
    stable_velocity_mm_yr: float = 0.0
    heightless_share: float = 0.0

    @property
    def lost(self) -> NDArray[np.bool_]:
        """Dates (time,) on which too few cells are known for the fields to be fitted: they are left out."""
        return np.asarray(np.isnan(self.coefficients).any(axis=1))

    @property
    def time_noise(self) -> TimeNoise:
        """The correlation of the noise in time."""
        return TimeNoise(self.correlated_share, self.correlation_time_yr)

    @property
    def spread(self) -> F64:
        """Standard deviation of each date (time,) times the square root of its weight, 1 in the mean square."""
        known = np.isfinite(self.date_sigma_m) & (self.weights > 0)
        if not known.any():
            return np.ones(len(self.weights))
        relative = np.where(known, np.nan_to_num(self.date_sigma_m) * np.sqrt(self.weights), 0.0)
        mean = np.sqrt((relative[known] ** 2).mean())
        return np.asarray(np.where(known, relative / mean, 1.0) if mean > 0 else np.ones(len(relative)))


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
    Tukey's bisquare, so that what moves in the sample has no say; a date with fewer than ten known cells for each field
    is lost, and where half of the dates would be (or under 50 cells can be used) nothing is corrected. Reads the sample
    only: every k-th row and column, whatever the chunks.
    """
    step = max(1, int(np.sqrt(dataset.sizes["y"] * dataset.sizes["x"] / params.sample_pixels)))
    series = dataset["displacement"][:, step // 2 :: step, step // 2 :: step]
    values = np.asarray(series.to_numpy(), dtype=np.float64).reshape(series.sizes["time"], -1)
    basis, names, mean, scale = _sample_basis(dataset, step, params)
    terms = motion_terms(dataset["time"].to_numpy(), params)
    t = terms.t
    known = np.isfinite(values).sum(axis=0) >= max(3, len(t) // 2)
    usable = known & np.isfinite(basis).all(axis=0)
    heightless = 1 - float(usable.sum()) / max(1, int(known.sum())) if known.any() else 0.0
    values, basis = values[:, usable], basis[:, usable]
    first = _trend(values, t)[1]
    raw_sigma = _mad(first) * 1000
    correlated = params.temporal_correlation == "scene"
    is_thin = values.shape[1] < 50 or np.mean(_too_few(values, len(basis))) > _MOST_THIN_DATES
    if is_thin or not raw_sigma <= maximum_sigma_mm_yr:
        noise = scene_time_noise(values, terms.columns, np.ones(len(t)), t) if correlated else TimeNoise()
        out = SceneCorrection(
            (), np.zeros((len(t), 0)), np.ones(len(t)), np.full(len(t), np.nan), raw_sigma, 0.0, 0.0, 1.0,
            noise.share, noise.time_yr,
        )  # fmt: skip
        return _at_area(dataset, params, out)
    coefficients, stable, residual = _rounds(values, basis, t)
    quiet = residual[:, stable]
    sigma_dates, sigma = _spread(quiet, t)
    rough = scene_time_noise(quiet, terms.columns, sigma_dates, t) if correlated else TimeNoise()
    sigma_dates = date_spread(sigma_dates, t, rough)
    keep = [i for i, n in enumerate(names) if n != "one" or params.reference != "as_given"]
    weights = _weights(sigma_dates) if params.date_weights else np.ones(len(t))
    noise = scene_time_noise(quiet, terms.columns, sigma_dates, t) if correlated else TimeNoise()
    out = SceneCorrection(
        tuple(names[i] for i in keep), coefficients[:, keep], weights, sigma_dates, sigma, float(stable.mean()), mean,
        scale, noise.share, noise.time_yr, _drift(coefficients[:, 0], t) if params.reference == "as_given" else 0.0,
        heightless,
    )  # fmt: skip
    return _at_area(dataset, params, out)


def reference_cells(dataset: xr.Dataset, params: VelocityParams) -> NDArray[np.bool_]:
    """Return the cells (y, x) of the reference area: those within `reference_radius_m` of `reference_lon_lat`.

    Raises
    ------
    OverlapError : the middle of the area lies outside the frame.
    """
    lon, lat = params.reference_lon_lat or (np.nan, np.nan)
    crs = CRS(str(dataset.attrs["crs"]))
    x, y = (float(v) for v in Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, lat))
    dx, dy = dataset["x"].to_numpy() - x, dataset["y"].to_numpy() - y
    half = [abs(float(np.diff(dataset[d].to_numpy()[:2])[0])) / 2 if dataset.sizes[d] > 1 else 0.0 for d in ("x", "y")]
    if not (np.abs(dx).min() <= half[0] * (1 + 1e-9) and np.abs(dy).min() <= half[1] * (1 + 1e-9)):
        what = f"the reference area at {lon}, {lat} (lon, lat) lies outside the track's frame"
        raise OverlapError(what, where="deformation.velocity.reference_lon_lat", fix="choose a place inside the frame")
    near = np.zeros((len(dy), len(dx)), dtype=bool)
    near[int(np.abs(dy).argmin()), int(np.abs(dx).argmin())] = True
    if crs.is_geographic:
        dx, dy = dx * 111_320.0 * np.cos(np.deg2rad(lat)), dy * 110_574.0
    out: NDArray[np.bool_] = near | (np.hypot(dx[None, :], dy[:, None]) <= params.reference_radius_m)
    return out


def _at_area(dataset: xr.Dataset, params: VelocityParams, correction: SceneCorrection) -> SceneCorrection:
    """Set the field "one" so that the mean of the reference area is 0 on every date, after all other fields.

    Only cells known on every date on which any is count: a cell that comes and goes would shift the mean. Dates on
    which none is known are lost.
    """
    if params.reference != "area":
        return correction
    cells = reference_cells(dataset, params)
    rows, columns = (slice(int(i.min()), int(i.max()) + 1) for i in np.nonzero(cells))
    inside = cells[rows, columns]
    window = dataset.isel(y=rows, x=columns)
    values = window["displacement"].to_numpy().astype(np.float64)[:, inside]
    for name, field, column in zip(
        correction.names, basis_fields(dataset, correction), correction.coefficients.T, strict=True
    ):
        if name != "one":
            values -= column[:, None] * field.isel(y=rows, x=columns).to_numpy().astype(np.float64)[inside]
    known = np.isfinite(values)
    whole = known[known.any(axis=1)].all(axis=0)
    if not whole.any():
        what = "no cell of the reference area is known on all dates"
        raise DataError(what, where="deformation.velocity.reference_lon_lat", fix="choose coherent ground, or widen it")
    mean = values[:, whole].mean(axis=1)
    others = [i for i, n in enumerate(correction.names) if n != "one"]
    names = ("one", *(correction.names[i] for i in others))
    stable = correction.coefficients[:, [n == "one" for n in correction.names]].sum(axis=1)
    t = motion_terms(dataset["time"].to_numpy(), params).t
    return replace(
        correction, names=names, coefficients=np.column_stack([mean, correction.coefficients[:, others]]),
        stable_velocity_mm_yr=_drift(stable - mean, t) if correction.stable_share > 0 else 0.0,
    )  # fmt: skip


def basis_fields(dataset: xr.Dataset, correction: SceneCorrection) -> list[xr.DataArray]:
    """Return the lazy (y, x) float32 fields that the coefficients multiply, in the order of `correction.names`."""
    like = dataset["displacement"].isel(time=0, drop=True)
    x = xr.DataArray(_unit(dataset.sizes["x"]), dims="x", coords={"x": like["x"]})
    y = xr.DataArray(_unit(dataset.sizes["y"]), dims="y", coords={"y": like["y"]})
    planes: dict[str, xr.DataArray | float] = {"one": 1.0, "x": x, "y": y, "xx": x * x, "xy": x * y, "yy": y * y}
    out = []
    for name in correction.names:
        if name == "height":
            field = (dataset["height"] - correction.height_mean_m) / correction.height_scale_m
        else:
            field = xr.zeros_like(like) + planes[name]
        out.append(field.astype(np.float32))
    return out


def surface_names(atmosphere: str) -> tuple[str, ...]:
    """Return the names of the surfaces that a choice of `atmosphere` takes off, beside "one" and "height"."""
    return _SURFACES.get(atmosphere.removesuffix("_height"), ())


def _unit(n: int) -> F64:
    out: F64 = (np.arange(n, dtype=np.float64) - (n - 1) / 2) / max(1.0, (n - 1) / 2)
    return out


def _sample_basis(dataset: xr.Dataset, step: int, params: VelocityParams) -> tuple[F64, list[str], float, float]:
    rows = _unit(dataset.sizes["y"])[step // 2 :: step]
    columns = _unit(dataset.sizes["x"])[step // 2 :: step]
    y, x = np.meshgrid(rows, columns, indexing="ij")
    fields, names = [np.ones(x.size)], ["one"]
    mean, scale = 0.0, 1.0
    planes = {"x": x, "y": y, "xx": x * x, "xy": x * y, "yy": y * y}
    for name in surface_names(params.atmosphere):
        fields.append(planes[name].ravel())
        names.append(name)
    if params.atmosphere.endswith("height") and "height" in dataset:
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


def _too_few(values: F64, n_fields: int) -> NDArray[np.bool_]:
    """Return the dates (time,) with fewer known cells than ten for each field that is fitted."""
    out: NDArray[np.bool_] = np.isfinite(values).sum(axis=1) < 10 * n_fields
    return out


def _bisquare(y: F64, basis: F64) -> F64:
    """Fit y = basis' c by Tukey's bisquare, started from the median; NaN are left out."""
    known = np.isfinite(y)
    if _too_few(y[None], len(basis))[0]:
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


def _drift(series: F64, t: F64) -> float:
    """Return the trend of one series in metres [mm/yr]; NaN are left out."""
    return float(_trend(series[:, None], t)[1][0]) * 1000


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
