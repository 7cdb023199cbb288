"""Interferometric pairs to a series: the network of their dates, and its least-squares inversion."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from geo_risk.core.errors import TimeError

BAND_BYTES = 32 * 2**20
"""Bytes of the rows of a block that are inverted at once, as float64."""


@dataclass(frozen=True)
class Network:
    """Pairs of dates (YYYYMMDD), the earlier first; each date is a node and each pair an edge."""

    pairs: tuple[tuple[str, str], ...]

    @cached_property
    def dates(self) -> tuple[str, ...]:
        """All dates, rising."""
        return tuple(sorted({d for pair in self.pairs for d in pair}))

    @cached_property
    def design(self) -> NDArray[np.float64]:
        """Matrix (pairs, dates): +1 at the later date, -1 at the earlier."""
        out = np.zeros((len(self.pairs), len(self.dates)))
        for i, (first, second) in enumerate(self.pairs):
            out[i, self.dates.index(second)], out[i, self.dates.index(first)] = 1.0, -1.0
        return out

    @property
    def is_chain(self) -> bool:
        """Whether each pair runs from one date to the next, once."""
        links = set(zip(self.dates[:-1], self.dates[1:], strict=True))
        return set(self.pairs) == links and len(self.pairs) == len(links)

    def tied(self, known: NDArray[np.bool_], start: int = 0) -> NDArray[np.bool_]:
        """Return which dates known pairs tie to a date, directly or over others; False all where it has no pair."""
        out = np.zeros(len(self.dates), dtype=bool)
        edges = np.abs(self.design[known]) > 0
        if not edges[:, start].any():
            return out
        out[start] = True
        while True:
            grown = out | (edges[(edges & out).any(axis=1)]).any(axis=0)
            if (grown == out).all():
                return out
            out = grown

    def check(self, *, where: str) -> None:
        """Raise TimeError where the pairs make no series.

        Raises
        ------
        TimeError : one pair only, a pair twice, a pair whose second date is not the later, or groups of dates that no
            pair ties together.
        """
        doubled = sorted({p for p in self.pairs if self.pairs.count(p) > 1})
        if doubled:
            what = f"{len(doubled)} pairs are there twice: {', '.join('_'.join(p) for p in doubled[:5])}"
            raise TimeError(what, where=where, fix="keep one product of each pair")
        turned = [p for p in self.pairs if not p[0] < p[1]]
        if turned:
            what = f"the first date of pair {'_'.join(turned[0])} is not the earlier one: the sign would be turned"
            raise TimeError(what, where=where, fix="give pairs whose reference is the earlier date")
        if len(self.pairs) < 2:
            what = f"one pair ({'_'.join(self.pairs[0])}): one difference of two dates has no velocity error"
            raise TimeError(what, where=where, fix="give more pairs of this track")
        pieces = self._pieces()
        if len(pieces) > 1:
            said = "; ".join(f"{p[0]} to {p[-1]} ({len(p)} dates)" for p in pieces[:5])
            what = f"the pairs fall into {len(pieces)} groups that no pair ties together: {said}"
            fix = f"add a pair across, such as {min(pieces[0][-1], pieces[1][0])}_{max(pieces[0][-1], pieces[1][0])}"
            raise TimeError(what, where=where, fix=fix)

    def _pieces(self) -> list[list[str]]:
        left, out = set(range(len(self.dates))), []
        everything = np.ones(len(self.pairs), dtype=bool)
        while left:
            tied = self.tied(everything, min(left))
            out.append([d for d, is_in in zip(self.dates, tied, strict=True) if is_in])
            left -= set(np.flatnonzero(tied).tolist())
        return out


def invert(network: Network, displacement: NDArray[Any]) -> NDArray[np.float32]:
    """Return the series that fits pairs best, by unweighted least squares, pixel by pixel.

    Parameters
    ----------
    displacement : (pairs, y, x), NaN where a pair is lost.

    Returns
    -------
    (dates, y, x) float32 in the unit given, 0 at the first date. A date that the known pairs of a pixel do not tie to
    the first one is NaN: nothing is put in for it. (The minimum-norm solution would invent a rate of zero there.)
    For a chain of pairs this is their running sum.
    """
    n_pairs, n_y, n_x = displacement.shape
    flat = np.asarray(displacement, dtype=np.float64).reshape(n_pairs, -1)
    known = np.isfinite(flat)
    out = np.full((len(network.dates), flat.shape[1]), np.nan, dtype=np.float32)
    patterns, which = np.unique(np.packbits(known, axis=0), axis=1, return_inverse=True)
    order = np.argsort(which.ravel(), kind="stable")
    edges = np.searchsorted(which.ravel()[order], np.arange(patterns.shape[1] + 1))
    for k in range(patterns.shape[1]):
        pixels = order[edges[k] : edges[k + 1]]
        used = known[:, pixels[0]]
        tied = network.tied(used)
        if not tied.any():
            continue
        rows = used & (network.design[:, tied] != 0).any(axis=1)
        columns = np.flatnonzero(tied)[1:]
        solution = np.linalg.pinv(network.design[np.ix_(rows, columns)]) @ flat[np.ix_(rows, pixels)]
        out[0, pixels] = 0.0
        out[np.ix_(columns, pixels)] = solution
    return out.reshape(len(network.dates), n_y, n_x)


def lazy_series(network: Network, displacement: da.Array) -> da.Array:
    """Return `invert` of (pairs, y, x) as a lazy array (dates, y, x)."""
    stacked = displacement.rechunk({0: -1})
    return da.map_blocks(
        lambda block: _invert_in_bands(network, block), stacked, chunks=((len(network.dates),), *stacked.chunks[1:]),
        dtype=np.float32, meta=np.empty((0, 0, 0), np.float32),
    )  # fmt: skip


def _invert_in_bands(network: Network, block: NDArray[Any]) -> NDArray[np.float32]:
    """Return `invert` of a block; its float64 copies are those of a few rows at a time, whatever the block."""
    n_pairs, n_y, n_x = block.shape
    out = np.empty((len(network.dates), n_y, n_x), dtype=np.float32)
    rows = max(1, BAND_BYTES // (8 * n_pairs * n_x))
    for r in range(0, n_y, rows):
        out[:, r : r + rows] = invert(network, block[:, r : r + rows])
    return out


def residual_rms(network: Network, displacement: NDArray[Any], series: NDArray[Any]) -> float:
    """Return the root mean square of what the series leaves of the pairs; NaN where nothing is known."""
    left = np.asarray(displacement) - np.einsum("pd,dyx->pyx", network.design, np.asarray(series, dtype=np.float64))
    finite = left[np.isfinite(left)]
    return float(np.sqrt((finite**2).mean())) if finite.size else float("nan")


def pair_offsets(sample: NDArray[Any]) -> tuple[NDArray[np.float64], int]:
    """Return each pair's median over the cells that all pairs have, and how many of these there are.

    Parameters
    ----------
    sample : (pairs, cells), NaN where lost.

    Returns
    -------
    (pairs,) zero where fewer than ten cells are common.
    """
    common = np.isfinite(sample).all(axis=0)
    n = int(common.sum())
    return (np.median(sample[:, common], axis=1) if n >= 10 else np.zeros(len(sample))), n


def describe(network: Network) -> str:
    """Return what the pairs make, in a few words."""
    n, dates = len(network.pairs), network.dates
    if network.is_chain:
        return f"series: {n} pairs in a chain, {dates[0]} to {dates[-1]}, summed"
    rank = int(np.linalg.matrix_rank(network.design))
    return f"series: least squares of a network of {n} pairs on {len(dates)} dates (rank {rank} of {len(dates) - 1})"
