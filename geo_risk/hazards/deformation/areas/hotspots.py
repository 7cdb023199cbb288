"""Hot and cold spots of a velocity map: the local statistic Gi* of Getis and Ord, and which cells survive a FDR."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from geo_risk.hazards.deformation.areas.noise import F32, F64, Bool


def gi_star(values: F32, radius_cells: float) -> F32:
    """Return Gi* of every known cell with all known cells of a disc around it, itself included.

    Parameters
    ----------
    values : (y, x); NaN is missing and takes no part.
    radius_cells : radius of the disc, cell centre to cell centre, at least 1.

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
    known = np.isfinite(values)
    n = int(known.sum())
    inside = values[known]
    mean = float(inside.mean(dtype=np.float64)) if n else np.nan
    spread = float(np.std(inside, dtype=np.float64)) if n else 0.0
    if n < 2 or not spread > 0:
        return np.full(values.shape, np.nan, dtype=np.float32)
    total = _disc_sum(np.where(known, values - np.float32(mean), np.float32(0)), radius_cells)
    weight = _disc_sum(known, radius_cells)
    scale = spread * np.sqrt(np.maximum(weight * (n - weight), 0) / (n - 1))
    out = np.full(values.shape, np.nan, dtype=np.float32)
    np.divide(total, scale, out=out, where=known & (scale > 0), casting="unsafe")
    return out


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
