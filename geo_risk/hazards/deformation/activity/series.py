"""One series for each body: the mean of its cells after correction, against stable ground around it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from dask import array as da
from numpy.typing import NDArray
from pyproj import CRS

from geo_risk.core.crs import crs_change
from geo_risk.core.errors import GridError
from geo_risk.core.grid import grid_of
from geo_risk.core.units import in_units
from geo_risk.hazards.deformation.activity.members import SECTORS, TILE, Members, members
from geo_risk.hazards.deformation.activity.series_params import SeriesParams
from geo_risk.hazards.deformation.areas.maps import layer_windows
from geo_risk.hazards.deformation.areas.quality import series_quality
from geo_risk.hazards.deformation.motion.correction import years
from geo_risk.hazards.deformation.motion.removal import Removal, corrected_series

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

_GROUP_CELLS = 400_000
_BAND_CELLS = 4_000_000
_SECTOR_CELLS = 3
_ROUNDS = 12
_END_DATES = 5
_END_CELLS = 3

_VARIABLES = {
    "displacement_mm": ("mm", "displacement of the body against stable ground, 0 at its first date"),
    "displacement_std_mm": ("mm", "standard error of the displacement, common noise included"),
    "n_pixels": ("1", "cells of the body that are known on this date"),
}


_MOST_MEMBERS = 200
_INDICES = {
    "lag_one": "median lag-1 autocorrelation of the members' series",
    "pairwise": "mean correlation of pairs of members",
}


@dataclass(frozen=True)
class _Series:
    displacement: F64
    std: F64
    count: NDArray[np.int64]
    n_reference: int
    lag_one: float = float("nan")
    pairwise: float = float("nan")


def label_series(
    dataset: xr.Dataset, labels: NDArray[np.integer], removal: Removal, params: SeriesParams | None = None
) -> xr.Dataset:
    """Return the mean series of every labelled body of a track.

    Parameters
    ----------
    dataset : as `sources.insar.open_insar` returns it, with `displacement` (time, y, x); lazy. Blocks are read once,
        and only those that hold a body or stable ground near one.
    labels : (y, x) on the track's own grid, 0 none, k > 0 body k (`labels_onto` brings a layer there).
    removal : what the velocity step took off (`removal_of(read_dataset(correction))`).
    params : of the series; None for the defaults.

    Returns
    -------
    Dataset (time, label), `label` rising: `displacement_mm` (LOS, positive toward the satellite, 0 at the first known
    date; NaN where no cell is known), `displacement_std_mm`, `n_pixels`; and (label,): `n_reference`, stable cells it
    is held against (0: none near, or none in the scene: the scene's reference alone), `lag_one` and `pairwise`
    (`series_quality`). A body without coherent cells is NaN throughout; the error is NaN where nothing tells it.
    The mean is that of cells known on most dates and at both ends, each a line against it where it has a gap: a cell
    that is lost part way, or a gap, does not bend the mean. A date on which half of them are lost is missing.

    Raises
    ------
    GridError : labels of another shape. DataError : no displacement, or the removal of another series.
    """
    params = params or SeriesParams()
    if labels.shape != (dataset.sizes["y"], dataset.sizes["x"]):
        what = f"labels of shape {labels.shape} for a track of {(dataset.sizes['y'], dataset.sizes['x'])}"
        raise GridError(what, where="labels", fix="bring them onto the track's own grid with labels_onto")
    series = corrected_series(dataset, removal)
    t = years(dataset["time"].to_numpy())
    coherence = layer_windows(in_units(dataset["coherence"], "1"), side=TILE) if "coherence" in dataset else None
    bodies = members(labels, coherence, cell_size_m(dataset), params)
    ground = _ground(removal, params, t)
    out: dict[int, _Series] = {}
    for group in _groups(bodies):
        wanted = np.unique(np.concatenate([i for b in group for i in (b.cells, b.around)]))
        values = _gathered(series, wanted)
        for body in group:
            inside = values[:, np.searchsorted(wanted, body.cells)]
            around = values[:, np.searchsorted(wanted, body.around)]
            out[body.label] = _body_series(inside, around, body.sector, ground=ground, params=params)
    return _as_dataset(dataset, out)


def labels_onto(labels: xr.DataArray, dataset: xr.Dataset) -> NDArray[np.int32]:
    """Return a label layer (on any grid) at the cell centres of a track's own grid, by nearest cell; 0 outside it.

    Parameters
    ----------
    labels : (y, x) layer with its grid; missing or below 1 is no body. May be lazy: it is read in windows.
    dataset : of `sources.insar.open_insar`, with attributes `crs` and `transform`.
    """
    grid = grid_of(labels)
    turn = crs_change(str(dataset.attrs["crs"]), str(grid.crs))
    across, down = dataset["x"].to_numpy(), dataset["y"].to_numpy()
    out = np.zeros((len(down), len(across)), dtype=np.int32)
    band = max(1, _BAND_CELLS // max(1, len(across)))
    for first in range(0, len(down), band):
        x, y = np.meshgrid(across, down[first : first + band])
        if turn is not None:
            x, y = turn.transform(x, y)
        # a hair off, so that centres on an edge between cells always fall to the same side
        rows, columns, inside = grid.index(np.asarray(x) - 1e-6, np.asarray(y) + 1e-6)
        if inside.any():
            out[first : first + band][inside] = _window_values(labels, rows[inside], columns[inside])
    return out


def _window_values(labels: xr.DataArray, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return labels at cells, 0 for none, of the smallest window that holds them all."""
    r0, c0 = int(rows.min()), int(columns.min())
    window = labels[r0 : int(rows.max()) + 1, c0 : int(columns.max()) + 1].to_numpy()
    values = window[rows - r0, columns - c0]
    return np.where(values >= 1, values, 0).astype(np.int32)


def cell_size_m(dataset: xr.Dataset) -> tuple[float, float]:
    """Return the height and width of a track's cells in metres; in degrees they are taken at the frame's middle."""
    a, _, _, _, e, f = (float(v) for v in dataset.attrs["transform"])
    if not CRS(str(dataset.attrs["crs"])).is_geographic:
        return abs(e), abs(a)
    middle = np.deg2rad(f + e * dataset.sizes["y"] / 2)
    return abs(e) * 110_574.0, abs(a) * 111_320.0 * float(np.cos(middle))


def _groups(bodies: list[Members]) -> Iterator[list[Members]]:
    """Part the bodies, from north to south, so that the cells of a group fit into memory."""
    group: list[Members] = []
    held = 0
    for body in sorted(bodies, key=lambda b: int(b.cells[0]) if len(b.cells) else 0):
        n = len(body.cells) + len(body.around)
        if group and held + n > _GROUP_CELLS:
            yield group
            group, held = [], 0
        group.append(body)
        held += n
    if group:
        yield group


def _gathered(series: xr.DataArray, wanted: NDArray[np.int64]) -> F32:
    """Return the series of the wanted cells (time, n), reading each row band that holds one once."""
    data: da.Array = series.data
    out = np.full((data.shape[0], len(wanted)), np.nan, dtype=np.float32)
    edges = np.concatenate([[0], np.cumsum(data.chunks[1])]) * data.shape[2]
    cuts = np.searchsorted(wanted, edges)
    for k in range(len(edges) - 1):
        some = wanted[cuts[k] : cuts[k + 1]]
        if not some.size:
            continue
        rows, columns = some // data.shape[2], some % data.shape[2]
        r0, c0 = int(rows.min()), int(columns.min())
        block = data[:, r0 : int(rows.max()) + 1, c0 : int(columns.max()) + 1].compute()
        out[:, cuts[k] : cuts[k + 1]] = block[:, rows - r0, columns - c0]
    return out


@dataclass(frozen=True)
class _Ground:
    """Time [yr], how fast stable ground moves, give or take [mm/yr], and the noise of a date over the scene [mm]."""

    t: F64
    centre: float
    limit: float
    sigma: F64


def _ground(removal: Removal, params: SeriesParams, t: F64) -> _Ground:
    c = removal.correction
    if c is None:
        return _Ground(t, 0.0, float("inf"), np.full(len(t), np.nan))
    if not c.stable_share > 0:  # all that is near may move as well: nothing is stable, and nothing tells the error
        return _Ground(t, 0.0, -1.0, np.full(len(t), np.nan))
    return _Ground(t, c.stable_velocity_mm_yr, params.stable_factor * c.stable_sigma_mm_yr, c.date_sigma_m * 1000)


def _body_series(
    inside: F32, around: F32, sector: NDArray[np.int64], *, ground: _Ground, params: SeriesParams
) -> _Series:
    cells = inside[:, _consistent(inside, params.minimum_known_share)].astype(np.float64)
    count = np.isfinite(cells).sum(axis=1)
    if not cells.size:
        nothing = np.full(len(ground.t), np.nan)
        return _Series(nothing, nothing, count, 0)
    common, rest = _mean_series(cells)
    degrees = np.maximum(1, np.isfinite(rest).sum() - len(common) - 2 * rest.shape[1])
    own = np.nansum(rest**2) / degrees / np.maximum(count, 1)
    reference, spread, n_reference = _reference(around, sector, ground=ground, params=params)
    displacement = common - reference
    known = np.isfinite(displacement)
    first = displacement[known.argmax()] if known.any() else np.nan
    # where no scatter is known nearby, the noise of the date over the scene bounds it
    std = np.sqrt(own + np.where(np.isfinite(spread), spread, ground.sigma) ** 2)
    members = cells[:, :: 1 + cells.shape[1] // _MOST_MEMBERS] - reference[:, None]
    quality = series_quality(members.astype(np.float32))
    return _Series(
        displacement - first, np.where(known, std, np.nan), count, n_reference, 1 - quality.temporal,
        1 - quality.spatial,
    )  # fmt: skip


def _consistent(values: F32, share: float) -> Bool:
    """Return which cells are known on most dates of the longest series, and at its ends where three cells are.

    A cell that is lost for good would bend the mean where it goes: its neighbours move at another rate.
    """
    known = np.isfinite(values)
    n = known.sum(axis=0)
    if not n.size or not n.max() > 0:
        return np.zeros(values.shape[1], dtype=bool)
    dates = np.flatnonzero(known[:, int(np.argmax(n))])
    most: Bool = known[dates].sum(axis=0) >= share * n.max()
    ends = np.minimum(known[dates[:_END_DATES]].sum(axis=0), known[dates[-_END_DATES:]].sum(axis=0))
    whole: Bool = most & (2 * ends > min(_END_DATES, len(dates)))
    return whole if whole.sum() >= _END_CELLS else most


def _mean_series(values: F64) -> tuple[F64, F64]:
    """Return the mean over cells of every date, and residuals (time, n); a gap is filled by the cell's own share.

    Each cell is a line against the mean of all, d_i = a_i + g_i m; its missing values are taken from that line and
    the mean is renewed until it stands. Dates on which fewer than half of the cells are known are missing.
    """
    known = np.isfinite(values)
    mean, _ = _two_way(values)
    dates = known.mean(axis=1) >= 0.5
    if not dates.any():
        return np.full(len(values), np.nan), np.full(values.shape, np.nan)
    y, use = np.where(known, values, 0.0)[dates], known[dates]
    m = mean[dates]
    fitted = y
    for _ in range(_ROUNDS):
        count = np.maximum(use.sum(axis=0), 1)
        centre_m, centre_y = (use * m[:, None]).sum(axis=0) / count, (use * y).sum(axis=0) / count
        off = (m[:, None] - centre_m) * use
        gain = (off * y).sum(axis=0) / np.maximum((off**2).sum(axis=0), 1e-9)
        fitted = centre_y + gain * (m[:, None] - centre_m)
        m = np.where(use, y, fitted).mean(axis=1)
    out = np.full(len(values), np.nan)
    rest = np.full(values.shape, np.nan)
    out[dates], rest[dates] = m, np.where(use, y - fitted, np.nan)
    return out, rest


def _two_way(values: F64) -> tuple[F64, F64]:
    """Fit values = common(t) + offset(cell) by least squares with gaps; return the common series and the residuals."""
    known = np.isfinite(values)
    y = np.where(known, values, 0.0)
    per_date, per_cell = np.maximum(known.sum(axis=1), 1), np.maximum(known.sum(axis=0), 1)
    offset = y.sum(axis=0) / per_cell
    common = np.zeros(len(y))
    for _ in range(_ROUNDS):
        common = (y - known * offset).sum(axis=1) / per_date
        offset = (y - known * common[:, None]).sum(axis=0) / per_cell
    rest = np.where(known, values - common[:, None] - offset, np.nan)
    return np.where(known.any(axis=1), common, np.nan), rest


def _reference(
    around: F32, sector: NDArray[np.int64], *, ground: _Ground, params: SeriesParams
) -> tuple[F64, F64, int]:
    """Return the common series of the nearest stable cells, the error that a place near them has on each date, and n.

    The error is the scatter of the means of eight sectors around the body, about a plane: places as near to one
    another as the body is to its reference.
    """
    n_t = len(ground.t)
    enough = np.isfinite(around).sum(axis=0) >= params.minimum_known_share * n_t
    still = np.abs(_slope(around, ground.t) - ground.centre) <= ground.limit
    stable = np.flatnonzero(enough & still)[: params.ring_pixels]
    if len(stable) < params.minimum_ring_pixels:
        return np.zeros(n_t), np.full(n_t, np.nan), 0
    common, rest = _two_way(around[:, stable].astype(np.float64))
    return np.where(np.isfinite(common), common, 0.0), _scatter(rest, sector[stable]), len(stable)


def _scatter(rest: F64, sector: NDArray[np.int64]) -> F64:
    """Return the standard deviation on each date of the sectors' means about a plane; NaN where it cannot be known.

    A plane across the ring cancels at its middle, where the body is. Fewer than five sectors make no plane: then they
    scatter about their mean; fewer than three say nothing.
    """
    known = np.isfinite(rest)
    member = sector[:, None] == np.arange(SECTORS)
    count = known.astype(np.float64) @ member
    total = np.where(known, rest, 0.0) @ member
    use = count >= _SECTOR_CELLS
    mean = np.divide(total, count, out=np.zeros_like(total), where=use)
    angle = (np.arange(SECTORS) + 0.5) * 2 * np.pi / SECTORS
    plane = np.stack([np.ones(SECTORS), np.cos(angle), np.sin(angle)], axis=1)
    out = np.full(len(rest), np.nan)
    for pattern in np.unique(use, axis=0):
        n = int(pattern.sum())
        if n < 3:
            continue
        columns = np.linalg.qr(plane[pattern] if n >= 5 else plane[pattern, :1])[0]
        dates = (use == pattern).all(axis=1)
        y = mean[np.ix_(dates, pattern)]
        off = y - (y @ columns) @ columns.T
        out[dates] = np.sqrt((off**2).sum(axis=1) / (n - columns.shape[1]))
    return out


def _slope(values: F32, t: F64) -> F64:
    """Return the least-squares slope of every column with its gaps."""
    known = np.isfinite(values)
    y = np.where(known, values, 0.0).astype(np.float64)
    n = np.maximum(known.sum(axis=0), 1)
    dt = (t[:, None] - (t[:, None] * known).sum(axis=0) / n) * known
    out: F64 = (dt * y).sum(axis=0) / np.maximum((dt * dt).sum(axis=0), 1e-12)
    return out


def _as_dataset(dataset: xr.Dataset, found: dict[int, _Series]) -> xr.Dataset:
    labels = sorted(found)
    n = dataset.sizes["time"]
    parts = {
        "displacement_mm": [found[k].displacement for k in labels],
        "displacement_std_mm": [found[k].std for k in labels],
        "n_pixels": [found[k].count for k in labels],
    }
    data = {
        name: (("time", "label"), np.array(rows, dtype=np.float64).reshape(-1, n).T, dict(zip(("units", "long_name"),
               _VARIABLES[name], strict=True)))
        for name, rows in parts.items()
    }  # fmt: skip
    out = xr.Dataset(data, coords={"time": dataset["time"].to_numpy(), "label": np.array(labels, dtype=np.int32)})
    out["n_pixels"] = out["n_pixels"].astype(np.int32)
    counts = np.array([found[k].n_reference for k in labels], dtype=np.int32)
    attrs = {"units": "1", "long_name": "stable cells the body is held against"}
    out["n_reference"] = (("label",), counts, attrs)
    for name, text in _INDICES.items():
        values = np.array([getattr(found[k], name) for k in labels], dtype=np.float64)
        out[name] = (("label",), values, {"units": "1", "long_name": text})
    return out.assign_attrs(track=str(dataset.attrs.get("track", "")), positive="toward the satellite")
