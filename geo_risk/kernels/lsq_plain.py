"""Plain least squares of many series with gaps: one pass over the dates, the normal equations of all pixels at once.

The sums of a tile of pixels stay in the processor's cache while all dates pass by, four dates a round; every inner loop
runs over neighbouring pixels and has no branch, so the compiler turns it into vector instructions. What depends on the
gaps alone (products of the columns) is not summed date by date: a pixel's gaps are kept as bits, and each byte of them
looks up the sum of its eight dates.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit
from numpy.typing import NDArray

from geo_risk.kernels.lsq_small import invert_spd

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

U32 = NDArray[np.uint32]

LINE = 1024
"""Pixels of a row whose sums are kept in cache while all dates pass by: a page of memory of each date at a time."""

TILE = 128
"""Pixels of a line that are handled together: their buffers fit the first-level cache."""

ROUND = 4
"""Dates added in one pass over the sums."""

WORD = 32
"""Dates whose gaps share one word of bits."""

_FAST = {"contract", "nsz"}


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _load(row: F32, y: F64, bits: U32, bit: int) -> None:
    """Take the values of a date, 0 where missing, and note the known ones; v - v is 0 for finite numbers only."""
    for c in range(row.size):
        v = row[c]
        known = v - v == np.float32(0.0)
        y[c] = np.float64(v) if known else 0.0
        bits[c] += np.uint32(bit) if known else np.uint32(0)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _take_off(y: F64, row: F32, field: F32, factor: float) -> None:
    for c in range(field.size):
        v = row[c]
        y[c] = y[c] - factor * np.float64(field[c]) if v - v == np.float32(0.0) else 0.0


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _add(total: F64, x: F64, factors: F64) -> None:
    x0, x1, x2, x3 = x[0], x[1], x[2], x[3]
    a0, a1, a2, a3 = factors[0], factors[1], factors[2], factors[3]
    for c in range(total.size):
        total[c] += a0 * x0[c] + a1 * x1[c] + a2 * x2[c] + a3 * x3[c]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_FAST)
def _add_squares(total: F64, x: F64, factors: F64) -> None:
    x0, x1, x2, x3 = x[0], x[1], x[2], x[3]
    a0, a1, a2, a3 = factors[0], factors[1], factors[2], factors[3]
    for c in range(total.size):
        total[c] += a0 * x0[c] * x0[c] + a1 * x1[c] * x1[c] + a2 * x2[c] * x2[c] + a3 * x3[c] * x3[c]


@njit(cache=True, nogil=True, error_model="numpy")
def _sum_up(
    values: F32, table: F64, correction: F64, basis: F32, r: int, c0: int, n: int, y: F64, bits: U32, sums: F64
) -> None:
    """Fill the sums of one line: columns by values and squares of values, and the bits of the known dates."""
    n_t = values.shape[0]
    p = table.shape[0] - 1
    sums[:, :n] = 0.0
    bits[:, :n] = np.uint32(0)
    for t in range(0, n_t, ROUND):
        for a in range(0, n, TILE):
            b = min(a + TILE, n)
            for k in range(ROUND):
                if t + k >= n_t:
                    y[k] = 0.0
                    continue
                row = values[t + k, r, c0 + a : c0 + b]
                _load(row, y[k], bits[(t + k) // WORD, a:b], 1 << ((t + k) % WORD))
                for m in range(correction.shape[1]):
                    _take_off(y[k], row, basis[m, r, c0 + a : c0 + b], correction[t + k, m])
            for k in range(p):
                _add(sums[k, a:b], y, table[k, t : t + ROUND])
            _add_squares(sums[p, a:b], y, table[p, t : t + ROUND])


@njit(cache=True, nogil=True, error_model="numpy")
def _products(bits: U32, c: int, lookup: F64, out: F64) -> None:
    """Sum up what the gaps of a pixel leave of the products of columns, and of the number of dates."""
    out[:] = 0.0
    for g in range(lookup.shape[0]):
        byte = (bits[g // 4, c] >> np.uint32(8 * (g % 4))) & np.uint32(255)
        row = lookup[g, byte]
        for k in range(out.size):
            out[k] += row[k]


@njit(cache=True, nogil=True, error_model="numpy")
def _products_of_line(bits: U32, c: int, lookup: F64, out: F64) -> None:
    """Do the same for the four sums of a straight line, kept in registers."""
    s, st, stt, n = 0.0, 0.0, 0.0, 0.0
    for g in range(lookup.shape[0]):
        byte = (bits[g // 4, c] >> np.uint32(8 * (g % 4))) & np.uint32(255)
        s += lookup[g, byte, 0]
        st += lookup[g, byte, 1]
        stt += lookup[g, byte, 2]
        n += lookup[g, byte, 3]
    out[0], out[1], out[2], out[3] = s, st, stt, n


@njit(cache=True, nogil=True)
def _lookup(rows: F64) -> F64:
    """Return (byte of dates, 256, k): the sum of each row over the dates whose bit is set."""
    n_k, n_t = rows.shape
    n_byte = (n_t + 7) // 8
    out = np.zeros((n_byte, 256, n_k))
    for g in range(n_byte):
        for byte in range(256):
            for b in range(8):
                if 8 * g + b < n_t and (byte >> b) & 1:
                    for k in range(n_k):
                        out[g, byte, k] += rows[k, 8 * g + b]
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _solve_line(g: F64, sums: F64, c: int, out: F64, err: F64) -> float:
    """Solve a straight line (constant, slope) in closed form; return its weighted residual variance, NaN if none."""
    s, st, stt, n = g[0], g[1], g[2], g[3]
    sy, sty, syy = sums[0, c], sums[1, c], sums[2, c]
    det = s * stt - st * st
    if not det > 1e-12 * s * stt:
        return np.nan
    out[0] = (stt * sy - st * sty) / det
    out[1] = (s * sty - st * sy) / det
    variance: float = max(0.0, syy - out[0] * sy - out[1] * sty) / (n - 2.0)
    err[0] = math.sqrt(variance * stt / det)
    err[1] = math.sqrt(variance * s / det)
    return variance


@njit(cache=True, nogil=True, error_model="numpy")
def _solve_any(g: F64, sums: F64, c: int, p: int, normal: F64, inverse: F64, out: F64, err: F64) -> float:
    n = g[p * (p + 1) // 2]
    k = 0
    for i in range(p):
        for j in range(i + 1):
            normal[i, j] = g[k]
            normal[j, i] = g[k]
            k += 1
    if not invert_spd(normal, inverse):
        return np.nan
    left = sums[p, c]
    for i in range(p):
        total = 0.0
        for j in range(p):
            total += inverse[i, j] * sums[j, c]
        out[i] = total
        left -= total * sums[i, c]
    variance: float = max(0.0, left) / (n - p)
    for i in range(p):
        err[i] = math.sqrt(variance * inverse[i, i])
    return variance


@njit(cache=True, nogil=True, error_model="numpy")
def _fit(
    values: F32, table: F64, lookup: F64, correction: F64, basis: F32, minimum: float, coefficients: F32, errors: F32,
    rms: F32, count: NDArray[np.int16], first: int, last: int,
) -> None:  # fmt: skip
    """Fit the rows from `first` up to, not with, `last`."""
    n_t, _, n_x = values.shape
    p = table.shape[0] - 1
    y, sums = np.zeros((ROUND, TILE)), np.zeros((p + 1, LINE))
    bits = np.zeros(((n_t + WORD - 1) // WORD, LINE), dtype=np.uint32)
    g = np.zeros(lookup.shape[2])
    normal, inverse, out, err = np.zeros((p, p)), np.zeros((p, p)), np.zeros(p), np.zeros(p)
    for r in range(first, last):
        for c0 in range(0, n_x, LINE):
            n = min(LINE, n_x - c0)
            _sum_up(values, table, correction, basis, r, c0, n, y, bits, sums)
            for c in range(n):
                if not math.isfinite(sums[p, c]):  # a field of the correction is missing here
                    continue
                if p == 2:
                    _products_of_line(bits, c, lookup, g)
                else:
                    _products(bits, c, lookup, g)
                dates = g[g.size - 1]
                count[r, c0 + c] = int(dates + 0.5)
                if dates < minimum:
                    continue
                if p == 2:
                    variance = _solve_line(g, sums, c, out, err)
                else:
                    variance = _solve_any(g, sums, c, p, normal, inverse, out, err)
                if not math.isfinite(variance):
                    continue
                rms[r, c0 + c] = math.sqrt(variance)
                for i in range(p):
                    coefficients[i, r, c0 + c] = out[i]
                    errors[i, r, c0 + c] = err[i]


def fit_plain(
    values: F32, design: F64, weights: F64, correction: F64, basis: F32, minimum_n: int, *, threads: int = 1
) -> tuple[F32, F32, F32, NDArray[np.int16]]:
    """Fit one linear model to every series of a block by weighted least squares, each series with its own gaps.

    Parameters
    ----------
    values : (time, y, x) float32, C-contiguous, in any unit; NaN or an infinity is a gap.
    design : (time, p), the columns of the model; the same for all series.
    weights : (time,) inverse variances with mean 1 of those above 0; 0 leaves the date out.
    correction : (time, q) coefficients of fields that are subtracted from each date before the fit; q may be 0.
    basis : (q, y, x) float32, what those coefficients multiply. A pixel where any of it is NaN is missing.
    minimum_n : fewest dates of a series.
    threads : that share the rows; the result is the same for any number.

    Returns
    -------
    coefficients (p, y, x), their standard errors for independent dates, SSE/(n-p) (G'WG)^-1, (p, y, x), standard
    deviation of a date of unit weight (y, x), and the number of dates used (y, x) int16. NaN where there are fewer
    than max(minimum_n, p + 1) dates or the design is singular. Sums are kept in float64, in one pass: the residual sum
    of squares is a difference, good to 1e-10 of the sum of squares of the values.

    Raises
    ------
    ValueError : shapes that do not fit together.
    """
    n_t, p = design.shape
    if values.shape[0] != n_t or weights.shape != (n_t,) or basis.shape[1:] != values.shape[1:]:
        what = f"values {values.shape}, design {design.shape}, weights {weights.shape}, basis {basis.shape} disagree"
        raise ValueError(what)
    used = (weights > 0) & np.isfinite(correction).all(axis=1)
    w = np.where(used, weights, 0.0)
    pairs = [w * design[:, i] * design[:, j] for i in range(p) for j in range(i + 1)]
    table = np.zeros((p + 1, n_t + ROUND))
    table[:, :n_t] = [*(w * design[:, i] for i in range(p)), w]
    coefficients = np.full((p, *values.shape[1:]), np.nan, dtype=np.float32)
    errors = coefficients.copy()
    rms = np.full(values.shape[1:], np.nan, dtype=np.float32)
    count = np.zeros(values.shape[1:], dtype=np.int16)
    lookup = _lookup(np.array([*pairs, used.astype(np.float64)]))
    known = np.nan_to_num(correction)
    least = float(max(minimum_n, p + 1))
    edges = np.linspace(0, values.shape[1], threads + 1).astype(int)

    def rows(k: int) -> None:
        part = (int(edges[k]), int(edges[k + 1]))
        _fit(values, table, lookup, known, basis, least, coefficients, errors, rms, count, *part)

    if threads == 1:
        rows(0)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(rows, range(threads)))
    return coefficients, errors, rms, count
