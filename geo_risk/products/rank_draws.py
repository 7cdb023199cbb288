"""How firmly rows hold their ranks when the inputs of their scores are drawn anew, again and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import dask
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.products.criteria import order_of

Array = NDArray[np.float64]

FIRST = 10
"""Ranks whose share of draws is told (`first10_share`)."""

Scores = Callable[[np.random.Generator], Array]
"""Draws the inputs of all rows, in the order of their ids, with a generator; returns the scores of the rows."""


def drawn_ranks(ids: Sequence[str], scores: Scores, *, n_draws: int, seed: int, block: int = 50) -> NDArray[np.int32]:
    """Rank the rows by the scores of each draw.

    Parameters
    ----------
    ids : (n,) unique, in any order; ties are ranked by them.
    scores : makes the scores of one draw, for rows in the order of their ids as text.
    n_draws, seed : each draw has a generator of its own, from the seed and its number, so that results depend
        neither on `block` nor on the scheduler.
    block : draws computed together, in one Dask task on the active client.

    Returns
    -------
    (n, n_draws) int32, in the order of the ids as given; 4 bytes a row and draw is all that is held.
    """
    place = order_of(ids)
    starts = range(0, n_draws, block)
    tasks = [dask.delayed(_block)(scores, s, min(s + block, n_draws), seed, len(place)) for s in starts]
    made = dask.compute(*tasks)
    by_id = np.concatenate(made, axis=1) if made else np.empty((len(place), 0), dtype=np.int32)
    return np.asarray(by_id[place], dtype=np.int32)


def _block(scores: Scores, start: int, stop: int, seed: int, n: int) -> NDArray[np.int32]:
    out = np.empty((n, stop - start), dtype=np.int32)
    numbers = np.arange(1, n + 1, dtype=np.int32)
    for k in range(start, stop):
        score = scores(np.random.default_rng([seed, k]))
        out[np.argsort(-score, kind="stable"), k - start] = numbers  # rows are sorted by id: ties keep that order
    return out


def stability(ranks: NDArray[np.int32]) -> pd.DataFrame:
    """Return how firmly each row holds its rank.

    Parameters
    ----------
    ranks : (n, draw).

    Returns
    -------
    first10_share : share of draws in which the row is among the first ten. rank_median : half of the draws rank it so
    high or higher. rank_low, rank_high : the 5 % and 95 % quantile, whole ranks, the wider ones. n_draws. Without draws
    all but n_draws are missing.
    """
    n, m = ranks.shape
    out = pd.DataFrame({"first10_share": (ranks <= FIRST).mean(axis=1) if m else np.full(n, np.nan)})
    held = np.sort(ranks, axis=1)
    places = {"rank_median": (m - 1) // 2, "rank_low": int(np.floor(0.05 * (m - 1))),
              "rank_high": int(np.ceil(0.95 * (m - 1)))}  # fmt: skip
    for name, place in places.items():
        out[name] = pd.array(held[:, place] if m else [pd.NA] * n, dtype="Int64")
    out["n_draws"] = m
    return out
