"""Pairs of a network that contradict the others: a turned sign, another unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo_risk.core.errors import AmbiguousError
from geo_risk.sources.pairs import Network

F64 = NDArray[np.float64]

FIX_PAIRS = "fetch the named pairs again as they were published, or leave them out"

_LEAST = 100
"""Differences between cells that all pairs must know, else nothing is said of them."""

_ALIKE = 0.8
"""A pair is compared in sign and size only where it follows what the others make of it this closely (|correlation|)."""

_SIZES = (0.2, 5.0)
_LEAST_FREE = 1e-6
_TIED = 0.9


@dataclass(frozen=True)
class OddPair:
    """A pair that is `slope` times what the others make of it; `others` would explain the contradiction as well."""

    pair: int
    slope: float
    correlation: float
    others: tuple[int, ...] = ()


def check_pairs(network: Network, sample: NDArray[np.floating], *, where: str) -> None:
    """Raise AmbiguousError where a pair has the other sign or another unit than the rest of its network.

    Parameters
    ----------
    network, sample : see `odd_pairs`.
    where : folder, for messages.
    """
    odd = odd_pairs(network, sample)
    if not odd:
        return
    first = odd[0]
    names = ["_".join(network.pairs[k]) for k in (first.pair, *first.others)]
    what = f"pair {names[0]} is {first.slope:.4g} times what the other pairs make of it (correlation "
    what += f"{first.correlation:.2f}): is {'its sign turned' if first.slope < 0 else 'it in another unit'}?"
    if first.others:
        what += f" Or is it {' or '.join(names[1:4])}, which close the same loop?"
    rest = ["_".join(network.pairs[o.pair]) for o in odd[1:]]
    if rest:
        what += f" The same is asked of {len(rest)} more: {', '.join(rest[:5])}"
    raise AmbiguousError(what, where=where, fix=FIX_PAIRS)


def odd_pairs(network: Network, sample: NDArray[np.floating]) -> list[OddPair]:
    """Return the pairs that are another multiple of what the rest of their network makes of them.

    Parameters
    ----------
    network : pairs and dates; of pairs that no loop closes nothing can be said.
    sample : (pairs, rows, columns) displacement of the same cells, any unit; NaN is missing.

    Notes
    -----
    Air and motion add up around a loop of pairs, so that a pair is what the others make of it but for noise. It is odd
    where it follows that closely (|correlation| of 0.8 or more) and yet with the other sign, or five times too large
    or too small: noise, lost coherence and single wrong fringes make a misfit, but no close likeness of another size.
    Compared are differences of cells an eighth of a row apart, without the largest tenth: an area that was unwrapped
    wrongly counts at its edges alone. The pairs of the largest misfit, up to a fifth of all, are compared with the
    network without any of them, so that one wrong pair does not spoil what is made of the next. All limits are
    geo_risk's choice.
    """
    values = np.asarray(sample, dtype=np.float64)
    lag = max(1, values.shape[2] // 8)
    apart = (values[:, :, lag:] - values[:, :, :-lag]).reshape(len(values), -1)
    apart = apart[:, np.isfinite(apart).all(axis=0)]
    if apart.shape[1] < _LEAST:
        return []
    design = network.design[:, 1:]
    free = np.eye(len(values)) - design @ np.linalg.pinv(design)
    left = free @ apart
    removed = _worst(free, left)
    taken = [k for k, _ in removed]
    out = []
    for k, tied in removed:
        found = [_compared(free, left, apart, [j if i == k else i for i in taken], j) for j in (k, *tied)]
        named = [o for o in found if o is not None]
        if named:
            out.append(OddPair(named[0].pair, named[0].slope, named[0].correlation, tuple(o.pair for o in named[1:])))
    return out


def _worst(free: F64, left: F64) -> list[tuple[int, tuple[int, ...]]]:
    """Return up to a fifth of the pairs, each the one that fits the rest worst, with those that fit it as badly.

    Parameters
    ----------
    free : (pairs, pairs) what takes observations to the residuals of their least squares. left : the residuals.
    """
    free, left = free.copy(), left.copy()
    out: list[tuple[int, tuple[int, ...]]] = []
    for _ in range(max(1, len(free) // 5)):
        own = np.diag(free).copy()
        is_free = own > _LEAST_FREE
        if not is_free.any():
            break
        misfit = np.where(is_free, np.median(left**2, axis=1) / np.where(is_free, own, 1), -1.0)
        k = int(np.argmax(misfit))
        tied = [int(j) for j in np.flatnonzero(misfit >= _TIED * misfit[k]) if j != k]
        out.append((k, tuple(tied)))
        # least squares without the pair: its row and column are swept out
        left -= np.outer(free[:, k] / own[k], left[k])
        free -= np.outer(free[:, k], free[k]) / own[k]
        free[k], free[:, k], left[k] = 0.0, 0.0, 0.0
    return out


def _compared(free: F64, left: F64, apart: F64, without: Sequence[int], k: int) -> OddPair | None:
    """Return a pair against what the network without some pairs (and itself) makes of it; None where it is right."""
    block = free[np.ix_(without, without)]
    if np.linalg.eigvalsh(block)[0] < _LEAST_FREE:
        return None
    own = apart[k]
    made = own - np.linalg.solve(block, left[without])[list(without).index(k)]
    is_plain = np.ones(len(own), dtype=bool)
    for values in (own, made):
        is_plain &= np.abs(values) <= np.quantile(np.abs(values), 0.9)
    own, made = own[is_plain], made[is_plain]
    power = float(made @ made)
    norm = float(np.sqrt(power * (own @ own)))
    if not norm > 0:
        return None
    slope, correlation = float(own @ made) / power, float(own @ made) / norm
    is_right = _SIZES[0] <= slope <= _SIZES[1]
    return None if is_right or abs(correlation) < _ALIKE else OddPair(k, slope, correlation)
