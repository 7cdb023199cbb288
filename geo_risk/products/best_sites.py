"""The best few of many sites, exactly where it can be proved, and with the gap that is left where it cannot.

p-median (Hakimi 1964) and maximal covering (Church & ReVelle 1974) are one problem once the sites that stand already
are taken off: each site saves each place something, a place takes the largest saving of the open sites, and p sites
are opened so that the sum is largest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, hstack, vstack

from geo_risk.core.errors import DataError

Array = NDArray[np.float64]
Index = NDArray[np.int64]

_ROUNDS = 400
_SWAPS = 200
_COVER_SHARE = 6
"""How many times more pairs the smaller program of covering takes."""
_PROVED = 1e-9
"""Relative gap up to which a choice counts as proved to be the best: the rounding of the sums."""


@dataclass(frozen=True)
class Savings:
    """What each site saves each place; pairs that are not here save nothing.

    Attributes
    ----------
    place, site : positions, one entry a pair. saving : > 0.
    n_places, n_sites : how many there are.
    """

    place: Index
    site: Index
    saving: Array
    n_places: int
    n_sites: int


@dataclass(frozen=True)
class BestSites:
    """The sites to open.

    Attributes
    ----------
    sites : positions, increasing. saving : sum over the places. bound : no choice of as many sites saves more.
    gap : (bound - saving) / bound, 0 where the choice is proved to be the best.
    n_tried : sites left in the exact search, 0 where none was needed or it was too large.
    """

    sites: Index
    saving: float
    bound: float
    gap: float
    n_tried: int

    @property
    def is_proved(self) -> bool:
        """Whether no better choice exists."""
        return self.gap == 0


def best_sites(savings: Savings, p: int, *, exact_pairs: int = 60_000, time_limit_s: float = 30.0) -> BestSites:
    """Return the p sites of largest saving, or fewer where more save nothing.

    Greedy choice and swaps (Teitz & Bart 1968) give the choice, Lagrangian relaxation (Cornuejols, Fisher & Nemhauser
    1977) the bound; where they do not meet, sites that the bound rules out are dropped and HiGHS solves the rest, as
    far as there are at most `exact_pairs` pairs and within the time. A solver's word that it is done is never taken
    for a proof: the gap is always that of its bound.

    Parameters
    ----------
    savings : what sites save. p : sites to open, >= 0.
    exact_pairs, time_limit_s : how much is spent on the proof.

    Raises
    ------
    DataError : p is negative, a saving is not above 0 or not finite, or a position is out of range.
    """
    _check(savings, p)
    used = np.unique(savings.site)
    if p == 0 or not len(used):
        return BestSites(np.array([], dtype=np.int64), 0.0, 0.0, 0.0, 0)
    if p >= len(used):
        whole = _value(savings, used)
        return BestSites(used, whole, whole, 0.0, 0)
    sites = _swapped(savings, _greedy(savings, p))
    value = _value(savings, sites)
    bound, multipliers, found = _relaxed(savings, p, value)
    better = _swapped(savings, found)
    if _value(savings, better) > value * (1 + 1e-12):
        sites, value = better, _value(savings, better)
    n_tried = 0
    if _gap(value, bound) > 0:
        left = _not_ruled_out(savings, p, multipliers, value)
        keep = np.isin(savings.site, left)
        n_tried = len(left)
        if keep.sum() <= exact_pairs * (_COVER_SHARE if _is_covering(savings) else 1):
            sites, value, bound = _exact(savings, keep, p, best=(sites, value, bound), time_limit_s=time_limit_s)
        else:
            n_tried = 0
    gap = _gap(value, bound)
    return BestSites(np.sort(sites), value, value if gap == 0 else bound, gap, n_tried)


def _gap(value: float, bound: float) -> float:
    gap = (bound - value) / bound if bound > 0 else 0.0
    return 0.0 if gap <= _PROVED else gap


def _check(s: Savings, p: int) -> None:
    in_range = len(s.place) == len(s.site) == len(s.saving)
    if in_range and len(s.place):
        in_range = all(v.min() >= 0 and v.max() < n for v, n in ((s.place, s.n_places), (s.site, s.n_sites)))
    if not (p >= 0 and in_range and (s.saving > 0).all() and np.isfinite(s.saving).all()):
        what = f"{p} sites of {s.n_sites} for {s.n_places} places: positions out of range, or savings not above 0"
        raise DataError(
            what, where="siting", fix="leave pairs that save nothing out, and unknown people out of weights"
        )


def _is_covering(s: Savings) -> bool:
    """Return whether every site saves a place the same."""
    most, least = np.zeros(s.n_places), np.full(s.n_places, np.inf)
    np.maximum.at(most, s.place, s.saving)
    np.minimum.at(least, s.place, s.saving)
    return bool((most[s.place] == least[s.place]).all())


def _value(s: Savings, sites: Index) -> float:
    best = np.zeros(s.n_places)
    keep = np.isin(s.site, sites)
    np.maximum.at(best, s.place[keep], s.saving[keep])
    return float(best.sum())


def _greedy(s: Savings, p: int) -> Index:
    best, chosen = np.zeros(s.n_places), []
    for _ in range(p):
        gain = np.bincount(s.site, weights=np.maximum(s.saving - best[s.place], 0), minlength=s.n_sites)
        site = int(np.argmax(gain))
        if gain[site] <= 0:
            break
        chosen.append(site)
        mine = s.site == site
        np.maximum.at(best, s.place[mine], s.saving[mine])
    return np.array(chosen, dtype=np.int64)


def _swapped(s: Savings, sites: Index) -> Index:
    """Return the choice after every swap of one site for another that saves more, the best swap first."""
    chosen = np.sort(sites)
    for _ in range(_SWAPS):
        at = np.full(s.n_sites, -1, dtype=np.int64)
        at[chosen] = np.arange(len(chosen))
        best, second, taker = _two_best(s, at)
        pair_best, pair_second = best[s.place], second[s.place]
        gain = np.bincount(s.site, weights=np.maximum(s.saving - pair_best, 0), minlength=s.n_sites)
        loss = np.bincount(taker[taker >= 0], weights=(best - second)[taker >= 0], minlength=len(chosen))
        # where the place loses its best site, the new one may be next
        helps = (s.saving > pair_second) & (taker[s.place] >= 0)
        key = s.site[helps] * len(chosen) + taker[s.place[helps]]
        kept = np.minimum(s.saving[helps], pair_best[helps]) - pair_second[helps]
        back = np.bincount(key, weights=kept, minlength=s.n_sites * len(chosen)).reshape(s.n_sites, len(chosen))
        delta = gain[:, None] - loss[None, :] + back
        delta[chosen] = -np.inf
        enter, leave = np.unravel_index(int(np.argmax(delta)), delta.shape)
        if not delta[enter, leave] > 1e-9 * max(float(best.sum()), 1.0):
            break
        chosen = np.sort(np.append(np.delete(chosen, leave), enter))
    return chosen


def _two_best(s: Savings, at: Index) -> tuple[Array, Array, Index]:
    """Return the largest and second largest saving of the open sites at each place, and which gives the largest."""
    keep = at[s.site] >= 0
    place, saving, which = s.place[keep], s.saving[keep], at[s.site[keep]]
    order = np.lexsort([which, -saving, place])
    place, saving, which = place[order], saving[order], which[order]
    first = np.ones(len(place), dtype=bool)
    first[1:] = place[1:] != place[:-1]
    next_ = np.zeros(len(place), dtype=bool)
    next_[1:] = first[:-1] & ~first[1:]
    best, second, taker = np.zeros(s.n_places), np.zeros(s.n_places), np.full(s.n_places, -1, dtype=np.int64)
    best[place[first]], taker[place[first]] = saving[first], which[first]
    second[place[next_]] = saving[next_]
    return best, second, taker


def _relaxed(s: Savings, p: int, value: float) -> tuple[float, Array, Index]:
    """Return the least bound of the Lagrangian relaxation found by subgradients, its multipliers, and its sites.

    With a price v >= 0 for the saving of each place, at most sum v + the p largest of sum_i max(0, s_ij - v_i) can be
    saved, whatever v.
    """
    v = np.zeros(s.n_places)
    np.maximum.at(v, s.place, s.saving)
    v *= 0.5
    bound, best_v, best_open, scale, since = np.inf, v, np.array([], dtype=np.int64), 1.0, 0
    for _ in range(_ROUNDS):
        over = np.maximum(s.saving - v[s.place], 0)
        worth = np.bincount(s.site, weights=over, minlength=s.n_sites)
        opened = np.argsort(-worth, kind="stable")[:p]
        total = float(v.sum() + worth[opened].sum())
        if total < bound * (1 - 1e-9):
            bound, best_v, best_open, since = total, v, opened, 0
        else:
            since += 1
        if since >= 15:
            scale, since, v = scale / 2, 0, best_v
            continue
        if _gap(value, bound) == 0 or scale < 1e-4:
            break
        is_open = np.zeros(s.n_sites, dtype=bool)
        is_open[opened] = True
        slope = 1.0 - np.bincount(s.place, weights=is_open[s.site] & (over > 0), minlength=s.n_places)
        slope[(v <= 0) & (slope > 0)] = 0.0
        norm = float(slope @ slope)
        if norm == 0:
            break
        v = np.maximum(v - scale * (total - value) / norm * slope, 0.0)
    return bound, best_v, best_open


def _not_ruled_out(s: Savings, p: int, multipliers: Array, value: float) -> Index:
    """Return the sites that a choice better than `value` may hold: forced open, the bound must not fall below it."""
    over = np.maximum(s.saving - multipliers[s.place], 0)
    worth = np.bincount(s.site, weights=over, minlength=s.n_sites)
    ordered = np.sort(worth)[::-1]
    bound = float(multipliers.sum() + ordered[:p].sum())
    forced = np.where(worth >= ordered[p - 1], bound, bound - ordered[p - 1] + worth)
    return np.intersect1d(np.flatnonzero(forced >= value * (1 - 1e-9)), s.site)


def _exact(
    s: Savings,
    keep: NDArray[np.bool_],
    p: int,
    *,
    best: tuple[Index, float, float],
    time_limit_s: float,
) -> tuple[Index, float, float]:
    """Solve the rest by HiGHS and return sites, saving and bound, the better of before and after."""
    sites, site = np.unique(s.site[keep], return_inverse=True)
    _, place = np.unique(s.place[keep], return_inverse=True)
    rows, upper, price = _program(s.saving[keep], site, place, p)
    m = len(sites)
    is_whole = np.concatenate([np.zeros(len(price) - m), np.ones(m)])
    result = milp(
        price, constraints=LinearConstraint(rows, -np.inf, upper), integrality=is_whole, bounds=Bounds(0, 1),
        options={"time_limit": time_limit_s, "mip_rel_gap": 0.0},
    )  # fmt: skip
    chosen, value, bound = best
    if result.mip_dual_bound is not None and np.isfinite(result.mip_dual_bound):
        # the sites left out cannot be in a better choice, so the bound of the rest is a bound of the whole
        bound = min(bound, max(-float(result.mip_dual_bound), value))
    if result.x is not None:
        found = sites[result.x[-m:] > 0.5]
        if (new := _value(s, found)) > value:
            chosen, value = found, new
            bound = max(bound, value)
    return chosen, value, bound


def _program(saving: Array, site: Index, place: Index, p: int) -> tuple[csr_array, Array, Array]:
    """Return rows, their upper bounds and prices: variables are shares of savings, then one a site (open or not).

    A pair takes a share x <= y of its site, a place at most one share, at most p sites are open. Where every site
    saves a place the same (covering), a share a place that is at most the sum of its sites says the same with less.
    """
    n, m, k = int(place.max()) + 1, int(site.max()) + 1, len(site)
    part = Savings(place, site, saving, n, m)
    ones, few = np.ones(k), np.ones((1, m))
    if _is_covering(part):
        most = np.zeros(n)
        most[place] = saving
        share = csr_array((np.ones(n), (np.arange(n), np.arange(n))), shape=(n, n))
        covered = hstack([share, csr_array((-ones, (place, site)), shape=(n, m))])
        rows = vstack([covered, hstack([csr_array((1, n)), csr_array(few)])]).tocsr()
        return rows, np.append(np.zeros(n), p), np.concatenate([-most, np.zeros(m)])
    pair = np.arange(k)
    one_site = hstack([csr_array((ones, (place, pair)), shape=(n, k)), csr_array((n, m))])
    is_open = hstack([csr_array((ones, (pair, pair)), shape=(k, k)), csr_array((-ones, (pair, site)), shape=(k, m))])
    rows = vstack([one_site, is_open, hstack([csr_array((1, k)), csr_array(few)])]).tocsr()
    return rows, np.concatenate([np.ones(n), np.zeros(k), [p]]), np.concatenate([-saving, np.zeros(m)])
