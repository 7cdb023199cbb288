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

from geo_risk.core.errors import DataError
from geo_risk.kernels.lsq_plain import fit_plain
from geo_risk.kernels.motion import motion_columns, years
from geo_risk.publish.velocity_file import velocity_file
from geo_risk.sources.series_file import SeriesFile, check_band, open_series_file, read_band

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Fit = tuple[F32, F32, F32, NDArray[np.int16]]

BLOCK_BYTES = 16 * 2**20
"""Bytes of one band; three are held at a time."""

_ODD_M, _ODD_SCATTER_M = 1.0, 0.09

_NOTHING = 1e-6
"""A motion and a scatter below this share of a pixel's value are rounding: the pixel has one value on every date."""

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
    units_checked : UNIT is right, however large or quiet the values are.
    """

    annual: bool = False
    acceleration: bool = False
    steps: tuple[np.datetime64, ...] = ()
    time_axis: str = "julian_year"
    minimum_dates: int = 3
    threads: int = 2
    units_checked: bool = False


def write_velocity_file(source: Path, out: Path, options: VelocityFileOptions) -> dict[str, object]:
    """Fit every pixel of a series by plain least squares with gaps, and write velocity and its standard error.

    Parameters
    ----------
    source : MintPy `timeseries.h5`, any unit of length; NaN is a gap.
    out : velocity file in MintPy's layout: `velocity`, `velocityStd` [m/year] (independent dates), `residualStd` [m],
        `numDate`; with extra terms `acceleration`, `accelerationStd` [m/year^2], `stepYYYYMMDD`, its `Std` [m]. A
        pixel that is 0, or any one value, on every date lies outside a mask and is missing.
    options : of the model.

    Returns
    -------
    Facts: shape, dates, share of pixels with a velocity, number of infinite values (missing). Memory is that of
    three bands, whatever the size of the file.

    Raises
    ------
    DataError and its kin, by `open_series_file`; DataError : an undeclared mark of missing, or no pixel with a
    velocity; DiskFullError.
    """
    series = open_series_file(source, units_checked=options.units_checked)
    t = years(series.times, axis=options.time_axis)
    steps = [float(years(np.asarray([s]), axis=options.time_axis, since=series.times[0])[0]) for s in options.steps]
    design = motion_columns(t, annual=options.annual, acceleration=options.acceleration, steps=steps)
    further = _further(options)
    maps = _MAPS | {n: u for name, _, u in further for n, u in ((name, u), (f"{name}Std", u))}
    attrs = {k: v for k, v in series.attrs.items() if k != "NO_DATA_VALUE"} | {
        "FILE_TYPE": "velocity", "UNIT": "m/year",
        "START_DATE": _day(series.times[0]), "END_DATE": _day(series.times[-1]),
    }  # fmt: skip
    known = infinite = 0
    with velocity_file(out, maps, series.shape[1:], attrs) as write:
        for row, (values, errors, rms, count), n_infinite in _fits(series, design, options):
            # one value on every date, such as MintPy's 0 outside its mask: a mark, and no ground that stands still
            nothing = _NOTHING * np.abs(values[0])
            empty = (rms <= nothing) & (np.abs(values[1:]) <= nothing).all(axis=0)
            for array in (values, errors, rms):
                array[..., empty] = np.nan
            made = {"velocity": values[1], "velocityStd": errors[1], "residualStd": rms, "numDate": count}
            for name, column, _ in further:
                made |= {name: values[column], f"{name}Std": errors[column]}
            write(row, made)
            known += int(np.isfinite(values[1]).sum())
            infinite += n_infinite
        if not known:
            what = f"no pixel has a velocity: none has values on {options.minimum_dates} dates that are not all 0"
            raise DataError(what, where=str(source), fix="give a series with coherent pixels, or more dates")
    pixels = series.shape[1] * series.shape[2]
    return {
        "dates": series.shape[0], "shape": list(series.shape[1:]), "known_share": known / pixels,
        "infinite_values": infinite, "out": str(out),
    }  # fmt: skip


def _further(options: VelocityFileOptions) -> list[tuple[str, int, str]]:
    """Return name, column and unit of the extra terms."""
    column = 4 if options.annual else 2
    out = [("acceleration", column, "m/year^2")] if options.acceleration else []
    first = column + len(out)
    return out + [(f"step{_day(s)}", first + k, "m") for k, s in enumerate(options.steps)]


def _fits(series: SeriesFile, design: F64, options: VelocityFileOptions) -> Iterator[tuple[int, Fit, int]]:
    """Yield the first row, the fit and the infinite values of each band; one is read while others are fitted."""
    n_t, _, n_x = series.shape
    bands = series.bands(BLOCK_BYTES)
    rows = max(b - a for a, b in bands)
    free = [np.empty((n_t, rows, n_x), dtype=np.float32) for _ in range(options.threads + 1)]
    weights, nothing = np.ones(n_t), np.zeros((n_t, 0))
    waiting: deque[tuple[int, F32, Future[tuple[Fit, int]]]] = deque()

    def fit(block: F32, rows: tuple[int, int]) -> tuple[Fit, int]:
        basis = np.zeros((0, *block.shape[1:]), dtype=np.float32)
        done = fit_plain(block, design, weights, nothing, basis, options.minimum_dates)
        if _is_odd(done):
            check_band(series, rows, block)
        has_gaps = int(done[3].sum(dtype=np.int64)) < block.size
        return done, int(np.isinf(block).sum()) if has_gaps else 0

    def first() -> tuple[int, Fit, int]:
        row, buffer, future = waiting.popleft()
        done, n_infinite = future.result()
        free.append(buffer)
        return row, done, n_infinite

    with ThreadPoolExecutor(options.threads) as pool, h5py.File(series.path, "r") as handle:
        for a, b in bands:
            if not free:
                yield first()
            buffer = free.pop()
            # a last, shorter band gets a contiguous view of its own
            block = buffer if b - a == rows else buffer.reshape(-1)[: n_t * (b - a) * n_x].reshape(n_t, b - a, n_x)
            read_band(series, handle, (a, b), block)
            waiting.append((a, buffer, pool.submit(fit, block, (a, b))))
        while waiting:
            yield first()


def _is_odd(fit: Fit) -> bool:
    """Return whether a fit is such as marks of missing make; then alone their search costs a pass over the band.

    A mark of -9999 mm on one of 10,000 dates leaves a scatter of 0.1 m, one on all dates a constant of 10 m.
    """
    coefficients, _, rms, _ = fit
    return bool((np.abs(coefficients) > _ODD_M).any() or (rms > _ODD_SCATTER_M).any() or np.isinf(rms).any())


def _day(time: np.datetime64) -> str:
    return str(time.astype("datetime64[D]")).replace("-", "")
