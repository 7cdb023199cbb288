"""Clusters of several maps as one body: what noise makes of it, and the false-discovery rate of a run's areas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from geo_risk.hazards.deformation.areas.detect import Channel, Cluster
from geo_risk.hazards.deformation.areas.noise import F64, Bool
from geo_risk.hazards.deformation.areas.patch import Patch, PatchIndex

_LARGER = 8
"""Clusters whose sizes differ by more than this are not the same body."""


@dataclass(frozen=True)
class Group:
    """One body: its cells, its clusters by map, its false-alarm probability p and false-discovery rate q."""

    cells: Patch
    clusters: tuple[Cluster, ...]
    p: float = float("nan")
    q: float = float("nan")

    @property
    def tracks(self) -> tuple[str, ...]:
        """Names of the tracks that show it."""
        return tuple(sorted({c.channel.split(":")[1] for c in self.clusters}))

    @property
    def is_confirmed(self) -> bool:
        """Whether two tracks show it in maps of one kind: a trend does not confirm a season."""
        trend, season = (
            {c.channel.split(":")[1] for c in self.clusters if c.channel.startswith("annual") == s} for s in (0, 1)
        )
        return len(trend) > 1 or len(season) > 1

    @property
    def seasonal(self) -> bool:
        """Whether only maps of the yearly term show it."""
        return all(c.channel.startswith("annual") for c in self.clusters)


def joined(clusters: Sequence[Cluster]) -> list[Group]:
    """Join clusters of different maps that are the same body: a third of the smaller is shared, sizes within 8."""
    parent = list(range(len(clusters)))

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    sizes = [c.cells.sum() for c in clusters]
    index = PatchIndex([c.cells for c in clusters])
    for i, a in enumerate(clusters):
        for j in (j for j in index.positions(a.cells) if j < i):
            b = clusters[j]
            small, large = sorted((sizes[i], sizes[j]))
            if a.channel != b.channel and large <= _LARGER * small and a.cells.overlap(b.cells) * 3 >= small:
                parent[root(i)] = root(j)
    groups: dict[int, list[Cluster]] = {}
    for i, c in enumerate(clusters):
        groups.setdefault(root(i), []).append(c)
    out = [Group(Patch.union(c.cells for c in g), tuple(g)) for g in groups.values()]
    return sorted(out, key=lambda g: (-g.cells.sum(), g.cells.first))


def false_alarm_p(group: Sequence[Cluster], channels: Sequence[Channel], known_cells: int) -> float:
    """Return the probability that noise alone makes a group anywhere in the run; NaN where that is not known.

    Parameters
    ----------
    group : clusters of one body, from one map or several.
    channels : all maps that were searched; a channel's track stands after the colon of its name.
    known_cells : cells with data.

    Returns
    -------
    1 - exp(-N). One track: N = the least expected number of its clusters times the searches (maps x scales) of the
    run. Two or more, whose noise is independent: product of each track's number (times its own searches), and for each
    but the first the chance that a cluster lies there, (sqrt a + sqrt b)^2 / known cells for areas of a and b cells.
    Trends only confirm trends, and seasons seasons: each is judged by itself, and the rarer counts, doubled where there
    are both. A yearly term that one track alone shows is that track's atmosphere: it counts as 1.
    """
    tracks = {c.name.split(":")[1] for c in channels}
    searches = dict.fromkeys(tracks, 0)
    for channel in channels:
        searches[channel.name.split(":")[1]] += len(channel.scales_m)
    expected = []
    for seasonal in (False, True):
        part = [c for c in group if c.channel.startswith("annual") == seasonal]
        if part:
            expected.append(_expected(part, searches, known_cells, alone_counts=not seasonal or len(tracks) == 1))
    if any(not np.isfinite(n) for n in expected if n != np.inf):
        return float("nan")
    return float(-np.expm1(-min(expected) * len(expected)))


def _expected(
    clusters: Sequence[Cluster], searches: Mapping[str, int], known_cells: int, *, alone_counts: bool
) -> float:
    """Return how many groups as strong noise makes in a run; infinite where one track alone shows what must be in two.

    NaN where the noise of a map is not known.
    """
    best: dict[str, Cluster] = {}
    for c in clusters:
        name = c.channel.split(":")[1]
        if name not in best or not c.expected >= best[name].expected:
            best[name] = c
    if any(not np.isfinite(c.expected) for c in best.values()):
        return float("nan")
    ranked = sorted(best.items(), key=lambda item: item[1].expected)
    first = ranked[0][1]
    if len(ranked) == 1:
        return first.expected * sum(searches.values()) if alone_counts else float("inf")
    joint = first.expected * searches[ranked[0][0]]
    for name, cluster in ranked[1:]:
        reach = (np.sqrt(first.cells.sum()) + np.sqrt(cluster.cells.sum())) ** 2 / max(known_cells, 1)
        joint *= cluster.expected * searches[name] * min(1.0, float(reach))
    return float(min(joint, first.expected * sum(searches.values()))) if alone_counts else float(joint)


def stated_p(p: float, n_simulations: float) -> float:
    """Return a false-alarm probability as it may be stated: not below 1 / (n + 1) of n simulated maps; NaN stays.

    Windows of a large map are worth their share of a map.

    The Gumbel tail ranks what lies beyond every simulated map, but so few maps do not prove how rare that is.
    """
    return float(np.maximum(p, 1 / (n_simulations + 1)))


def q_values(p: ArrayLike) -> F64:
    """Return the false-discovery rate at which each area would still be kept, from its false-alarm probability.

    Parameters
    ----------
    p : (n,) chance that noise makes such an area anywhere in the run; NaN takes no part and stays NaN.

    Returns
    -------
    (n,) With E = -ln(1 - p), the expected number of noise areas as strong: q of the i-th strongest is the least
    E_j / j over all j >= i, at most 1. That is the step-up rule of Benjamini and Hochberg 1995 with E / m as the
    p-value of each of m candidates.

    Raises
    ------
    ValueError : a p outside [0, 1].
    """
    values = np.asarray(p, dtype=np.float64)
    known = np.isfinite(values)
    if not ((values[known] >= 0) & (values[known] <= 1)).all():
        what = "probabilities must lie between 0 and 1"
        raise ValueError(what)
    out = np.full(values.shape, np.nan)
    if known.any():
        expected = -np.log1p(-np.minimum(values[known], 1 - 1e-12))
        order = np.argsort(expected, kind="stable")
        ratio = expected[order] / np.arange(1, len(order) + 1)
        least = np.minimum.accumulate(ratio[::-1])[::-1]
        adjusted = np.empty(len(order))
        adjusted[order] = np.minimum(least, 1.0)
        out[known] = adjusted
    return out


def mean_std(covariance: F64, cells: Bool) -> float:
    """Return the standard error [unit of the map] of the mean over cells whose noise has an isotropic covariance.

    Parameters
    ----------
    covariance : (lag,) at 0, 1, 2, ... cells; taken as 0 beyond.
    cells : (y, x) mask.

    Returns
    -------
    sqrt(sum over all pairs of C(distance)) / n; NaN without covariance or cells. Pairs are counted by the mask's
    autocorrelation, distances between whole lags interpolated.
    """
    rows, columns = np.nonzero(cells)
    if not len(covariance) or not rows.size:
        return float("nan")
    box = cells[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].astype(np.float64)
    size = (2 * box.shape[0], 2 * box.shape[1])
    pairs = np.fft.irfft2(np.abs(np.fft.rfft2(box, s=size)) ** 2, s=size)
    dy, dx = (np.minimum(np.arange(n), n - np.arange(n)) for n in size)
    c = np.interp(np.hypot(dy[:, None], dx[None, :]), np.arange(len(covariance)), covariance, right=0.0)
    return float(np.sqrt(max(np.sum(pairs * c), 0.0)) / rows.size)
