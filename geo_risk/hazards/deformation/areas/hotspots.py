"""Hot and cold spots of a velocity map: the local statistic Gi* of Getis and Ord, and which cells survive a FDR."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from geo_risk.hazards.deformation.areas.noise import F32, F64, Bool
from geo_risk.hazards.deformation.areas.tiles import Box, TiledMap, Windows, grown, tiles


def gi_star(values: F32, radius_cells: float, *, moments: tuple[int, float, float] | None = None) -> F32:
    """Return Gi* of every known cell with all known cells of a disc around it, itself included.

    Parameters
    ----------
    values : (y, x); NaN is missing and takes no part.
    radius_cells : radius of the disc, cell centre to cell centre, at least 1.
    moments : of the whole map where this is but a window of it; None: of these values.

    Returns
    -------
    (y, x) float32, NaN where the cell is missing. Getis and Ord 1992 (Geogr. Anal. 24:189) and Ord and Getis 1995
    (27:286) with weights 1: Gi* = (sum x - xbar W) / (S sqrt((n W - W^2) / (n - 1))), W the number of known cells in
    the disc, xbar and S (divisor n) of all n known cells. All NaN where fewer than two cells are known or none differs.

    Raises
    ------
    ValueError : not two dimensions, or a radius below 1.
    """
    if values.ndim != 2 or not radius_cells >= 1:
        what = f"values of shape {values.shape} and a radius of {radius_cells} cells; (y, x) and at least 1 needed"
        raise ValueError(what)
    n, mean, spread = moments_of(values) if moments is None else moments
    known = np.isfinite(values)
    if n < 2 or not spread > 0:
        return np.full(values.shape, np.nan, dtype=np.float32)
    total = _disc_sum(np.where(known, values - np.float32(mean), np.float32(0)), radius_cells)
    weight = _disc_sum(known, radius_cells)
    scale = spread * np.sqrt(np.maximum(weight * (n - weight), 0) / (n - 1))
    out = np.full(values.shape, np.nan, dtype=np.float32)
    np.divide(total, scale, out=out, where=known & (scale > 0), casting="unsafe")
    return out


def moments_of(values: Windows, *, side: int = 1024) -> tuple[int, float, float]:
    """Return number, mean and standard deviation (divisor n) of the known cells of a map, read by tiles of a side."""
    shape = (values.shape[0], values.shape[1])
    n, total, square = 0, 0.0, 0.0
    for t in tiles(shape, side, 0):
        inside = np.asarray(values[t.core])
        inside = inside[np.isfinite(inside)]
        n, total = n + inside.size, total + float(inside.sum(dtype=np.float64))
    if not n:
        return 0, float("nan"), 0.0
    for t in tiles(shape, side, 0):
        rest = np.asarray(values[t.core], dtype=np.float64) - total / n
        square += float(np.nansum(rest**2))
    return n, total / n, float(np.sqrt(square / n))


def gi_star_windows(values: Windows, radius_cells: float, *, side: int) -> TiledMap:
    """Return Gi* of a map that is read by window, computed by tiles of a side when asked for."""
    moments, shape, reach = moments_of(values), (values.shape[0], values.shape[1]), int(radius_cells) + 1

    def compute(box: Box) -> F32:
        wide = grown(box, reach, shape)
        z = gi_star(np.asarray(values[wide], dtype=np.float32), radius_cells, moments=moments)
        y, x = (slice(b.start - w.start, b.stop - w.start) for b, w in zip(box, wide, strict=True))
        return z[y, x].copy()

    return TiledMap(shape, compute, side=side)


def _disc_sum(values: F32 | Bool, radius: float) -> F64:
    """Return the sum over a disc around each cell, by running sums along rows: one pass for each row of the disc."""
    reach = int(radius + 1e-9)
    height, width = values.shape
    running = np.zeros((height, width + 2 * reach + 1))
    np.cumsum(values, axis=1, dtype=np.float64, out=running[:, reach + 1 : reach + 1 + width])
    running[:, reach + 1 + width :] = running[:, [reach + width]]
    out = np.zeros((height, width))
    for dy in range(-min(reach, height - 1), min(reach, height - 1) + 1):
        half = int(np.sqrt(max(radius**2 - dy**2, 0.0)) + 1e-9)
        rows, onto = slice(max(0, dy), height + min(0, dy)), slice(max(0, -dy), height - max(0, dy))
        out[onto] += running[rows, reach + half + 1 : reach + half + 1 + width]
        out[onto] -= running[rows, reach - half : reach - half + width]
    return out


def two_sided_p(z: ArrayLike) -> F64:
    """Return the two-sided chance of a standard normal value as large; NaN stays."""
    return np.asarray(2 * ndtr(-np.abs(np.asarray(z, dtype=np.float64))))


def discoveries(p: ArrayLike, rate: float) -> Bool:
    """Return which hypotheses are rejected at a false-discovery rate (Benjamini and Hochberg 1995, J. R. Stat. Soc. B).

    Parameters
    ----------
    p : of any shape; NaN takes no part and is never rejected.
    rate : between 0 and 1.

    Returns
    -------
    True where p is at most the largest p_(i) with p_(i) <= i rate / m, for the m known values in order.

    Raises
    ------
    ValueError : a rate outside (0, 1).
    """
    if not 0 < rate < 1:
        what = f"a false-discovery rate of {rate}; between 0 and 1 needed"
        raise ValueError(what)
    values = np.asarray(p, dtype=np.float64)
    known = np.sort(values[np.isfinite(values)])
    passed = np.flatnonzero(known <= rate * np.arange(1, known.size + 1) / max(known.size, 1))
    limit = known[passed[-1]] if passed.size else -1.0
    return np.asarray(values <= limit)


def discovered_share(z: F32, rate: float) -> float:
    """Return the share of the known cells that `discoveries` of their two-sided p rejects; NaN where none is known.

    Parameters
    ----------
    z : (y, x) standard normal under the hypothesis; NaN takes no part.
    rate : between 0 and 1.

    Raises
    ------
    ValueError : a rate outside (0, 1).
    """
    if not 0 < rate < 1:
        what = f"a false-discovery rate of {rate}; between 0 and 1 needed"
        raise ValueError(what)
    size = np.abs(z[np.isfinite(z)])
    size.sort()
    n, step = size.size, 1 << 22
    # from the least p on in blocks, so that no array of p as large as the map is needed; the last that passes counts
    last = 0
    for start in range(0, n, step):
        rank = np.arange(start + 1, min(start + step, n) + 1)
        passed = np.flatnonzero(two_sided_p(size[n - rank]) <= rate * rank / n)
        last = int(rank[passed[-1]]) if passed.size else last
    return last / n if n else float("nan")
