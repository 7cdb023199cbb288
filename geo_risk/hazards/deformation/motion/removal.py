"""What the velocity step took off every date of a track, kept so that later steps see the same corrected series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from dask import array as da
from numpy.typing import NDArray

from geo_risk.core.errors import DataError
from geo_risk.core.units import in_units
from geo_risk.hazards.deformation.motion.correction import SceneCorrection, basis_fields
from geo_risk.hazards.deformation.motion.jumps import Jumps

_PER_DATE = ("weights", "date_sigma_m")
_SCALARS = ("stable_sigma_mm_yr", "stable_share", "height_mean_m", "height_scale_m", "correlated_share",
            "correlation_time_yr", "stable_velocity_mm_yr")  # fmt: skip


@dataclass(frozen=True)
class Removal:
    """The scene correction of a track and its patches of unwrapping errors; None where nothing was taken off."""

    correction: SceneCorrection | None = None
    jumps: Jumps | None = None


def removal_dataset(removal: Removal, times: NDArray[np.datetime64]) -> xr.Dataset:
    """Return a removal as plain arrays, to be written beside the maps it belongs to.

    Parameters
    ----------
    removal : of the track.
    times : (time,) dates of the series; none for a product that is a velocity.

    Returns
    -------
    Dataset: `weights` (time,) [1], `date_sigma_m` (time,) [m], `coefficients` (time, field) [m] with their names along
    `field`, `jumps` (time, block_row, block_column) int8 with the attribute `block` (cells), `jumps_last` (block_row,
    block_column) int16, and the scalars of SceneCorrection as attributes. What was not taken off is absent.
    """
    out = xr.Dataset(coords={"time": times.astype("datetime64[s]")})
    if removal.correction is not None:
        c = removal.correction
        if c.names:
            out["coefficients"] = (("time", "field"), c.coefficients, {"units": "m"})
            out = out.assign_coords(field=np.array(c.names, dtype="U8"))
        out["weights"] = ("time", c.weights, {"units": "1"})
        out["date_sigma_m"] = ("time", c.date_sigma_m, {"units": "m"})
        out.attrs |= {n: float(getattr(c, n)) for n in _SCALARS}
    if removal.jumps is not None:
        mask = removal.jumps.mask.astype(np.int8)
        out["jumps"] = (("time", "block_row", "block_column"), mask, {"units": "1", "block": removal.jumps.block})
        if removal.jumps.last is not None:
            out["jumps_last"] = (("block_row", "block_column"), removal.jumps.last, {"units": "1"})
    return out


def removal_of(dataset: xr.Dataset) -> Removal:
    """Return the removal that `removal_dataset` wrote down."""
    correction = jumps = None
    if "weights" in dataset:
        names: tuple[str, ...] = ()
        coefficients = np.zeros((dataset.sizes["time"], 0))
        if "coefficients" in dataset:
            names = tuple(str(n) for n in dataset["field"].to_numpy())
            coefficients = dataset["coefficients"].to_numpy().astype(np.float64)
        weights, sigma = (dataset[n].to_numpy().astype(np.float64) for n in _PER_DATE)
        scalars = [float(dataset.attrs[n]) for n in _SCALARS]
        correction = SceneCorrection(names, coefficients, weights, sigma, *scalars)
    if "jumps" in dataset:
        layer = dataset["jumps"]
        last = dataset["jumps_last"].to_numpy().astype(np.int16) if "jumps_last" in dataset else None
        jumps = Jumps(layer.to_numpy().astype(bool), int(layer.attrs["block"]), last)
    return Removal(correction, jumps)


def corrected_series(dataset: xr.Dataset, removal: Removal) -> xr.DataArray:
    """Return the displacement as the velocity step saw it: corrected, without unwrapping jumps, in millimetres.

    Parameters
    ----------
    dataset : `displacement` (time, y, x), any length unit; `height` (y, x) [m] where the correction has that field.
    removal : of this track.

    Returns
    -------
    (time, y, x) float32 [mm], lazy, in row bands with all dates; NaN where the series, the correction of that date
    or a field of it is missing, and in patches that were left out.

    Raises
    ------
    DataError : no displacement, or the removal is that of another series (its number of dates differs).
    """
    if "displacement" not in dataset:
        what = f"no `displacement` among {sorted(map(str, dataset.data_vars))}"
        raise DataError(what, where="displacement", fix="a product that is a velocity has no series")
    series = in_units(dataset["displacement"], "mm")
    n = dataset.sizes["time"]
    data = series.data if isinstance(series.data, da.Array) else da.from_array(series.data)
    data = data.rechunk({0: -1}).astype(np.float32)
    if removal.correction is not None:
        _check_dates(len(removal.correction.coefficients), n)
        for field, column in zip(
            basis_fields(dataset, removal.correction), removal.correction.coefficients.T, strict=True
        ):
            plane = field.data if isinstance(field.data, da.Array) else da.from_array(field.data)
            part = (column * 1000.0).astype(np.float32)
            data = data - part[:, None, None] * plane.rechunk(data.chunks[1:])[None]
    if removal.jumps is not None:
        _check_dates(len(removal.jumps.mask), n)
        data = da.map_blocks(_without_jumps, data, jumps=removal.jumps, dtype=np.float32, meta=data._meta)
    out = xr.DataArray(data, dims=("time", "y", "x"), coords=series.coords, name="displacement")
    return out.assign_attrs(units="mm", long_name="corrected displacement", positive="toward the satellite")


def _check_dates(have: int, n: int) -> None:
    if have != n:
        what = f"the correction has {have} dates, the series {n}"
        raise DataError(what, where="correction", fix="run the velocity step of this track again")


def _without_jumps(block: NDArray[np.float32], *, jumps: Jumps, block_info: Any = None) -> NDArray[np.float32]:
    if not block_info:
        return block
    _, rows, columns = block_info[0]["array-location"]
    out: NDArray[np.float32] = np.where(jumps.cells(rows, columns), np.float32(np.nan), block)
    return out
