"""One series file to one velocity file, by bands of rows: reading goes on while the threads fit."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from geo_risk.kernels.lsq_plain import fit_plain
from geo_risk.kernels.motion import motion_columns, years
from geo_risk.publish.velocity_file import velocity_file
from geo_risk.sources.series_file import SeriesFile, open_series_file, read_band

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Fit = tuple[F32, F32, F32, NDArray[np.int16]]

BLOCK_BYTES = 16 * 2**20
"""Bytes of one band; three are held at a time."""

_MAPS = {"velocity": "m/year", "velocityStd": "m/year", "residualStd": "m", "numDate": "1"}


@dataclass(frozen=True)
class VelocityFileOptions:
    """The model of `geo-risk velocity`.

    Attributes
    ----------
    annual : sine and cosine of a year beside the trend.
    acceleration : a quadratic term.
    steps : dates of offsets.
    time_axis : see `kernels.motion.years`.
    minimum_dates : fewest dates of a pixel.
    threads : that fit at the same time.
    """

    annual: bool = False
    acceleration: bool = False
    steps: tuple[np.datetime64, ...] = ()
    time_axis: str = "julian_year"
    minimum_dates: int = 3
    threads: int = 2


def write_velocity_file(source: Path, out: Path, options: VelocityFileOptions) -> dict[str, object]:
    """Fit every pixel of a series by plain least squares with gaps, and write velocity and its standard error.

    Parameters
    ----------
    source : MintPy `timeseries.h5`, any unit of length; NaN is a gap.
    out : velocity file in MintPy's layout: `velocity`, `velocityStd` [m/year] (independent dates), `residualStd` [m],
        `numDate`; with extra terms `acceleration`, `accelerationStd` [m/year^2], `stepYYYYMMDD`, its `Std` [m]. A
        pixel that is 0 on every date lies outside MintPy's mask and is missing.
    options : of the model.

    Returns
    -------
    Facts: shape, dates, share of pixels with a velocity. Memory is that of three bands, whatever the size of the file.

    Raises
    ------
    DataError and its kin, by `open_series_file`; DiskFullError.
    """
    series = open_series_file(source)
    t = years(series.times, axis=options.time_axis)
    steps = [float(years(np.asarray([s]), axis=options.time_axis, since=series.times[0])[0]) for s in options.steps]
    design = motion_columns(t, annual=options.annual, acceleration=options.acceleration, steps=steps)
    further = _further(options)
    maps = _MAPS | {n: u for name, _, u in further for n, u in ((name, u), (f"{name}Std", u))}
    attrs = series.attrs | {
        "FILE_TYPE": "velocity", "UNIT": "m/year",
        "START_DATE": _day(series.times[0]), "END_DATE": _day(series.times[-1]),
    }  # fmt: skip
    known = 0
    with velocity_file(out, maps, series.shape[1:], attrs) as write:
        for row, (values, errors, rms, count) in _fits(series, design, options):
            # MintPy stores 0 on every date outside its mask: that is missing, and no ground that stands still
            empty = (rms == 0) & (values == 0).all(axis=0)
            for array in (values, errors, rms):
                array[..., empty] = np.nan
            made = {"velocity": values[1], "velocityStd": errors[1], "residualStd": rms, "numDate": count}
            for name, column, _ in further:
                made |= {name: values[column], f"{name}Std": errors[column]}
            write(row, made)
            known += int(np.isfinite(values[1]).sum())
    pixels = series.shape[1] * series.shape[2]
    return {"dates": series.shape[0], "shape": list(series.shape[1:]), "known_share": known / pixels, "out": str(out)}


def _further(options: VelocityFileOptions) -> list[tuple[str, int, str]]:
    """Return name, column and unit of the extra terms."""
    column = 4 if options.annual else 2
    out = [("acceleration", column, "m/year^2")] if options.acceleration else []
    first = column + len(out)
    return out + [(f"step{_day(s)}", first + k, "m") for k, s in enumerate(options.steps)]


def _fits(series: SeriesFile, design: F64, options: VelocityFileOptions) -> Iterator[tuple[int, Fit]]:
    """Yield the first row and the fit of each band in order; one band is read while others are fitted."""
    n_t, _, n_x = series.shape
    bands = series.bands(BLOCK_BYTES)
    rows = max(b - a for a, b in bands)
    free = [np.empty((n_t, rows, n_x), dtype=np.float32) for _ in range(options.threads + 1)]
    weights, nothing = np.ones(n_t), np.zeros((n_t, 0))
    waiting: deque[tuple[int, F32, Future[Fit]]] = deque()

    def fit(block: F32) -> Fit:
        basis = np.zeros((0, *block.shape[1:]), dtype=np.float32)
        return fit_plain(block, design, weights, nothing, basis, options.minimum_dates)

    def first() -> tuple[int, Fit]:
        row, buffer, future = waiting.popleft()
        done = future.result()
        free.append(buffer)
        return row, done

    with ThreadPoolExecutor(options.threads) as pool, h5py.File(series.path, "r") as handle:
        for a, b in bands:
            if not free:
                yield first()
            buffer = free.pop()
            # a last, shorter band gets a contiguous view of its own
            block = buffer if b - a == rows else buffer.reshape(-1)[: n_t * (b - a) * n_x].reshape(n_t, b - a, n_x)
            read_band(series, handle, (a, b), block)
            waiting.append((a, buffer, pool.submit(fit, block)))
        while waiting:
            yield first()


def _day(time: np.datetime64) -> str:
    return str(time.astype("datetime64[D]")).replace("-", "")
