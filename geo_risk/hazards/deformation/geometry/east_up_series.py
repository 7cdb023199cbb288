"""East and up displacement at common epochs, from series of tracks with dates of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.errors import DataError, GridError, TimeError
from geo_risk.core.units import in_units
from geo_risk.hazards.deformation.params import DecompositionParams
from geo_risk.kernels.decompose import decompose_east_up
from geo_risk.kernels.epochs import series_at_epochs

VARIABLES = {
    "displacement_east": ("mm", "displacement to the east, north taken as zero"),
    "displacement_up": ("mm", "displacement upward, north taken as zero"),
    "displacement_east_std": ("mm", "standard error of the displacement to the east"),
    "displacement_up_std": ("mm", "standard error of the displacement upward"),
    "displacement_east_up_covariance": ("mm2", "covariance of east and up displacement"),
}
"""Variables of the result with unit and long name."""

_BAND = 1024
"""Rows that are read at once."""

_DAY = np.timedelta64(1, "D")
_Times = NDArray[np.datetime64]


@dataclass(frozen=True)
class TrackSeries:
    """Series of one track: over cells (time, y, x) on the run grid, or over bodies (time, label).

    Attributes
    ----------
    name : of the track, for messages.
    displacement : (time, ...) any length unit, positive toward the satellite; NaN a gap.
    std : standard error of a single date, of the same unit kind; any of the dimensions of `displacement`.
    los_east, los_up : of the unit vector from ground to satellite [1], without time.
    """

    name: str
    displacement: xr.DataArray
    std: xr.DataArray
    los_east: xr.DataArray
    los_up: xr.DataArray


@dataclass(frozen=True)
class _Axis:
    """Dates of all tracks one after the other, where each track begins, and the epochs [days from the first epoch]."""

    first: NDArray[np.int64]
    days: NDArray[np.float64]
    epochs: NDArray[np.float64]
    maximum_gap_days: float


def _axis(times: Sequence[_Times], epochs: _Times, params: DecompositionParams) -> _Axis:
    first = np.array([0, *np.cumsum([len(t) for t in times])], dtype=np.int64)
    days = np.concatenate([(t - epochs[0]) / _DAY for t in times])
    return _Axis(first, days, (epochs - epochs[0]) / _DAY, params.maximum_gap_days)


def common_epochs(times: Sequence[_Times]) -> _Times:
    """Return the dates of the track that has the fewest of them in the time common to all tracks.

    There at least one track is observed, not interpolated; of equal tracks the first one gives the dates.

    Raises
    ------
    DataError : fewer than two tracks. TimeError : fewer than two dates of a track in the common time.
    """
    if len(times) < 2:
        what = f"{len(times)} track with a series; east and up need two looks"
        raise DataError(what, where="inputs.insar", fix="add a series of the other orbit direction")
    start, end = max(t.min() for t in times), min(t.max() for t in times)
    inside = [t[(t >= start) & (t <= end)] for t in times]
    fewest: _Times = min(inside, key=len)
    if len(fewest) < 2:
        spans = "; ".join(f"{str(t.min())[:10]} to {str(t.max())[:10]}" for t in times)
        what = f"the tracks share {len(fewest)} dates or fewer: {spans}"
        raise TimeError(what, where="inputs.insar", fix="give series that overlap, or set decomposition.series: false")
    return fewest


def east_up_series(
    tracks: Sequence[TrackSeries], params: DecompositionParams, *, epochs: _Times | None = None
) -> xr.Dataset:
    """Decompose the series of two or more tracks into east and up at common epochs.

    Parameters
    ----------
    tracks : series over the same cells or bodies; lazy stays lazy.
    params : smallest angle between two looks, widest gap that is bridged.
    epochs : rising dates; None for `common_epochs`.

    Returns
    -------
    Dataset of VARIABLES (time, ...) float32 [mm; covariance mm2]. Each track is joined by straight lines between its
    known dates; NaN outside the common time, in gaps wider than `maximum_gap_days`, and where fewer than two tracks
    of different look are known. Each cell is 0, with error 0, at the first epoch where most tracks are known; its
    errors are those of the difference to it, propagated from independent dates.

    Raises
    ------
    DataError : fewer than two tracks. TimeError : no common time, or epochs that do not rise.
    GridError : tracks over different cells. UnitError : no length unit.
    """
    given = [t.displacement["time"].to_numpy() for t in tracks]
    chosen = common_epochs(given) if epochs is None else epochs
    if not (len(chosen) > 0 and (np.diff(chosen) > np.timedelta64(0, "ns")).all()):
        what = f"{len(chosen)} epochs that do not all rise"
        raise TimeError(what, where="epochs", fix="give each date once, in order")
    arrays = [_arrays(t, tracks[0]) for t in tracks]
    like = arrays[0][0]
    chunks = like.chunks[1:]
    series, std = (da.concatenate([a[k] for a in arrays]).rechunk((-1, *chunks)) for k in (0, 1))
    east, up = (da.stack([a[k] for a in arrays]).rechunk((-1, *chunks)) for k in (2, 3))
    n = len(chosen)
    solved = da.map_blocks(
        _solve_block, series, std, east, up,
        axis=_axis(given, chosen, params), minimum_sine=float(np.sin(np.deg2rad(params.minimum_angle_deg))),
        dtype=np.float32, chunks=((5 * n,), *chunks), meta=np.empty((0, 0, 0), np.float32),
    )  # fmt: skip
    dims = tracks[0].displacement.dims
    shape = (n, *tracks[0].displacement.shape[1:])
    coords = {k: v for k, v in tracks[0].displacement.coords.items() if "time" not in v.dims} | {"time": chosen}
    out = xr.Dataset(coords=coords)
    for k, (name, (units, text)) in enumerate(VARIABLES.items()):
        out[name] = (dims, solved[k * n : (k + 1) * n].reshape(shape), {"units": units, "long_name": text})
    return out.assign_attrs(tracks=", ".join(t.name for t in tracks))


def body_track(name: str, series: xr.Dataset, labels: xr.DataArray, los: tuple[xr.DataArray, ...]) -> TrackSeries:
    """Return the series of bodies as `series.label_series` gives them, with the mean look over each body's cells.

    Parameters
    ----------
    name : of the track.
    series : `displacement_mm`, `displacement_std_mm` (time, label), coordinate `label`.
    labels : (y, x) whole numbers, the label of each cell; lazy or not, as `los`.
    los : east, north, up on the grid of the labels; east and up are used.

    Returns
    -------
    Series over bodies, for `east_up_series`; a body without a cell of known look has NaN there.
    """
    numbers = series["label"].to_numpy()
    looks = []
    for part in (los[0], los[2]):
        look = label_means(part.data, labels.data, numbers).astype(np.float32)
        looks.append(xr.DataArray(look, dims="label", coords={"label": numbers}, attrs={"units": "1"}))
    displacement, std = (series[n].transpose("time", "label") for n in ("displacement_mm", "displacement_std_mm"))
    return TrackSeries(name, displacement.assign_attrs(units="mm"), std.assign_attrs(units="mm"), looks[0], looks[1])


def label_means(
    values: NDArray[np.floating] | da.Array, labels: NDArray[np.integer] | da.Array, numbers: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Return the mean of the known values over the cells of each label (n,), NaN where none is known.

    Parameters
    ----------
    values, labels : of one shape, NaN is missing, labels are 0 or more; either may be lazy: they are read by bands of
        rows, one pass, however many labels there are.
    numbers : (n,) the labels asked for.
    """
    count: NDArray[np.int64] = np.zeros(int(numbers.max(initial=0)) + 1, dtype=np.int64)
    total = np.zeros(len(count))
    wanted = np.zeros(len(count) + 1, dtype=bool)
    wanted[numbers] = True
    for row in range(0, labels.shape[0], _BAND):
        of, some = (np.asarray(v[row : row + _BAND]) for v in (labels, values))
        # labels beyond those that are wanted share one number, which is not
        at = np.minimum(of, len(count)).astype(np.int64)
        inside = np.isfinite(some) & wanted[at]
        # one value after another, as if all were counted at once
        np.add.at(total, at[inside], some[inside].astype(np.float64))
        count += np.bincount(at[inside], minlength=len(count))
    n, sums = count[numbers], total[numbers]
    out: NDArray[np.float64] = np.divide(sums, n, out=np.full(len(numbers), np.nan), where=n > 0)
    return out


def east_up_of_bodies(
    series: Sequence[tuple[str, xr.Dataset, tuple[xr.DataArray, ...]]],
    labels: xr.DataArray,
    params: DecompositionParams,
) -> xr.Dataset:
    """Decompose the mean series of bodies (name, series, LOS of each track) into east and up (time, label).

    Only bodies that all tracks have a series of take part; see `body_track` and `east_up_series`.

    The first date of a body has the error 0 in `label_series`, as its own zero: there the smallest positive error of
    that body stands in, so that the date is not lost.
    """
    shared = [set(s["label"].to_numpy().tolist()) for _, s, _ in series]
    common = sorted(set.intersection(*shared)) if shared else []
    tracks = []
    for name, data, los in series:
        track = body_track(name, data.sel(label=common), labels, los)
        least = track.std.where(track.std > 0).min("time")
        tracks.append(replace(track, std=track.std.where(~(track.std == 0), least)))
    return east_up_series(tracks, params)


def _arrays(track: TrackSeries, model: TrackSeries) -> tuple[da.Array, ...]:
    """Return displacement, error (time, y, x) [mm] and the look east and up (y, x), lazy, in blocks with all dates."""
    series = in_units(track.displacement, "mm")
    space = series.dims[1:]
    alike = model.displacement.isel(time=0, drop=True)
    here = track.displacement.isel(time=0, drop=True)
    same = space == alike.dims and all(np.array_equal(here[d], alike[d]) for d in space if d in alike.coords)
    if series.dims[0] != "time" or not same or here.shape != alike.shape:
        what = f"track {track.name!r} has {dict(series.sizes)}, track {model.name!r} {dict(model.displacement.sizes)}"
        raise GridError(what, where=f"inputs.insar, {track.name}", fix="bring both onto the run grid first")
    std = in_units(track.std, "mm").broadcast_like(series).transpose(*series.dims)
    looks = [in_units(c, "1").transpose(*space) for c in (track.los_east, track.los_up)]
    lazy = [
        a.data if isinstance(a.data, da.Array) else da.from_array(np.asarray(a.data)) for a in (series, std, *looks)
    ]
    if len(space) == 1:
        lazy = [a[..., None, :] for a in lazy]
    return tuple(a.rechunk({0: -1}) if a.ndim == 3 else a for a in lazy)


def _solve_block(*arrays: NDArray[np.float32], axis: _Axis, minimum_sine: float) -> NDArray[np.float32]:
    """Return the planes of the result, one below the other, of series, errors, look east and look up."""
    series, std, east, up = (np.ascontiguousarray(a, dtype=np.float32) for a in arrays)
    known = np.isfinite(east) & np.isfinite(up)
    value, error, zero = series_at_epochs(series, std, known, axis.first, axis.days, axis.epochs, axis.maximum_gap_days)
    looks = [np.broadcast_to(c[:, None], value.shape) for c in (east, up)]
    out = np.stack(decompose_east_up(value, error, *looks, minimum_sine=minimum_sine))
    at_zero = np.arange(len(axis.epochs))[:, None, None] == zero
    out[2:] = np.where(at_zero, np.where(np.isnan(out[2:]), np.float32(np.nan), np.float32(0.0)), out[2:])
    flat: NDArray[np.float32] = out.reshape(-1, *out.shape[2:])
    return flat
