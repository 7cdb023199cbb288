"""Depth of a site under any series of hourly rain, by adding up what blocks of an hour brought to its pond."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geo_risk.hazards.flood.depth_curve import DepthCurve
from geo_risk.hazards.flood.pond import Pond, replay, replay_depths

Array = NDArray[np.float64]

HOUR_S = 3600.0


def storm_start(rain_mm: ArrayLike, first: int, *, dry_gap_h: int, dry_mm_h: float = 0.2) -> tuple[int, bool]:
    """Find where the storm began that hour `first` belongs to, going back.

    Parameters
    ----------
    rain_mm : (t,) rain of each hour [mm]; NaN is unknown. first : index. dry_gap_h : dry hours that part two storms.

    Returns
    -------
    start, is_known : index of its first hour; False where an unknown hour ended the search.
    """
    rain = np.asarray(rain_mm, np.float64)
    start, dry = first, 0
    while start > 0 and dry < dry_gap_h:
        if np.isnan(rain[start - 1]):
            return start, False
        start -= 1
        dry = dry + 1 if rain[start] < dry_mm_h else 0
    return (start + dry if dry >= dry_gap_h else start), True


def hourly_depth(curve: DepthCurve, rain_mm: ArrayLike, *, first: int) -> float:
    """Greatest depth of a site from hour `first` on [m], not moved by past reports; NaN where an hour is unknown.

    The runoff of each hour is what the curve number gives for the storm so far. It comes to the pond in the shape that
    the runs of an hour's block show, once from the weaker and once from the stronger run beside its amount; the deeper
    answer counts. Water that a block's run did not see arrive is not there. A site without a pond has the depth of
    its wettest hour. More rain in an hour than the strongest block is taken as in proportion to it, without a pond to
    its power of 0.6 (Manning, wide flow).

    Parameters
    ----------
    curve : blocks of 60 minutes, recorded alike. rain_mm : (t,) hourly, from the start of the storm [mm], >= 0.
    first : index of the first hour that is asked for.
    """
    rain = np.asarray(rain_mm, np.float64)
    if np.isnan(rain).any() or np.isnan(curve.run_depths_m).any() or not rain.size or not curve.runs:
        return float("nan")
    amounts = curve.amounts_mm
    ponds = [run.ponds.get(curve.site_id) for run in curve.runs]
    if any(p is None for p in ponds):
        wettest = float(rain[first:].max(initial=0.0))
        depth = float(curve.depths(np.array([min(wettest, amounts[-1])]))[0])
        return float(depth * max(wettest / amounts[-1], 1.0) ** 0.6)  # Manning, wide flow
    known = [p for p in ponds if p is not None]
    volumes = np.array([float(curve.runoff_m3(a)) for a in amounts[1:]])
    net = np.diff(np.asarray(curve.runoff_m3(np.cumsum(rain))), prepend=0.0)
    upper = np.minimum(np.searchsorted(volumes, net, side="left"), len(known) - 1)
    return max(_replayed(curve, known, net / volumes[k], k, first) for k in (upper, np.maximum(upper - 1, 0)))


def _replayed(curve: DepthCurve, ponds: list[Pond], share: Array, chosen: NDArray[np.int64], first: int) -> float:
    """Greatest depth from an hour on, where each hour brings a share of the water of the run chosen for it."""
    shape = ponds[-1]
    per_hour = round(HOUR_S / shape.step_s[0])
    length = shape.time_s.size
    inflow = np.zeros((share.size - 1) * per_hour + length)
    for hour, (part, k) in enumerate(zip(share, chosen, strict=True)):
        if part > 0:
            inflow[hour * per_hour : hour * per_hour + length] += part * ponds[int(k)].inflow_m3
    steps = Pond(np.arange(1, inflow.size + 1) * shape.step_s[0], np.zeros(1), np.zeros(1), shape.bed_m,
                 shape.cell_m2, shape.spill_m)  # fmt: skip
    depth = replay_depths(steps, inflow[None], np.array([curve.capacity_m3_s]), rim_m=shape.rim_m)[0]
    last = share.size * per_hour  # what comes after the last hour is not asked for
    deepest = float(depth[first * per_hour : last].max(initial=0.0))
    if deepest <= 0:
        return 0.0
    top = int(np.argmax(share * np.array([p.inflow_m3.sum() for p in ponds])[chosen]))
    k = int(chosen[top])
    miss = curve.run_depths_m[k + 1] - float(replay(ponds[k], curve.capacity_m3_s))
    return max(deepest + float(miss), 0.0)
