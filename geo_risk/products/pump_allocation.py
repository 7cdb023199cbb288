"""Mobile pumps and crews to waterlogging sites: what goes where, so that the least weighted water is left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import lil_array

from geo_risk.core.errors import DataError
from geo_risk.core.schemas import conform
from geo_risk.products.waterlogging_params import WaterloggingParams
from geo_risk.products.wording import with_reasons

Array = NDArray[np.float64]

_ROUND = 9
"""Decimals to which capacities [m3/s] are told apart."""

_TRAVEL = 1e-6
"""Weighted metres of water that a minute of travel counts as: it only decides between plans that leave alike."""

# text: (English, Chinese)
_REASON = (
    "{n} x {each:.2f} m3/s of pumps from {depot}, {minutes:.0f} min {way}; with all that come here the water falls "
    "from {before:.2f} to {after:.2f} m, if they pump from the beginning of the rain.",
    "由 {depot} 调 {n} 台 {each:.2f} 立方米/秒水泵，{way} {minutes:.0f} 分钟；全部到位并自降雨开始抽排，"
    "积水由 {before:.2f} 米降至 {after:.2f} 米。",
)
_WAYS = {"road": ("by road", "沿道路"), "straight_line": ("in a straight line", "按直线距离")}


@dataclass(frozen=True)
class Depots:
    """Where mobile pumps stand; (d,) each.

    Attributes
    ----------
    ids : names. pump_m3_s : capacity of one pump. count : pumps. crews : crews, one for a pump.
    """

    ids: tuple[str, ...]
    pump_m3_s: Array
    count: NDArray[np.int64]
    crews: NDArray[np.int64]

    def __post_init__(self) -> None:
        good = (
            np.isfinite(self.pump_m3_s).all() and (self.pump_m3_s > 0).all()
            and (self.count >= 0).all() and (self.crews >= 0).all()
        )  # fmt: skip
        if not good:
            what = "depots of mobile pumps have a capacity that is no number above 0, or a count below 0"
            raise DataError(what, where="inputs.mobile_pumps", fix="give pump_m3_s > 0, count and crews >= 0")

    @property
    def most(self) -> NDArray[np.int64]:
        """Pumps that can leave each depot: no more than its crews."""
        return np.minimum(self.count, self.crews)


@dataclass(frozen=True)
class Travel:
    """Minutes from each depot to each site (d, s), inf where there is no way, and whether roads were used (d, s)."""

    minutes: Array
    by_road: NDArray[np.bool_]


def capacity_levels(depots: Depots, *, per_site: int) -> Array:
    """Return every capacity that at most `per_site` pumps can give together, rising from 0 [m3/s]."""
    each = sorted(set(depots.pump_m3_s[depots.most > 0].tolist()))
    sums = {0.0}
    for n in range(1, per_site + 1):
        sums |= {round(sum(chosen), _ROUND) for chosen in combinations_with_replacement(each, n)}
    return np.array(sorted(sums))


def allocate(
    sites: gpd.GeoDataFrame,
    depots: Depots,
    travel: Travel,
    depth_with: Callable[[str, Array], Array | None],
    params: WaterloggingParams,
    *,
    language: str = "en",
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Send mobile pumps where they take away the most water, by people.

    Minimises the sum over sites of log10(10 + people) times the depth above the first class, exactly (mixed-integer
    programme, HiGHS), over all ways to send at most pumps_per_site pumps of the depots to each site, each with a crew
    and no farther than travel_max_min. Plans that leave alike are told apart by the minutes of travel, then by order.

    Parameters
    ----------
    sites : the frame waterlogging. depots, travel : with columns of `travel` in the order of the sites.
    depth_with : depth of a site [m] with each added capacity of an array [m3/s]; None where nobody can say.
    params : depth_classes_m, pumps_per_site, travel_max_min, allocation_sites_max.

    Returns
    -------
    The frame `waterlogging_allocation`, by rank of the site, and facts: sites_wet, sites_helped, sites_unknown,
    pumps_sent, pumps_left, excess_before, excess_after (weighted metres), travel_by_road.

    Raises
    ------
    DataError : the programme has no solution (a bug: sending nothing is one).
    """
    levels = capacity_levels(depots, per_site=params.pumps_per_site)
    wet = sites[sites["depth_m"] >= params.depth_classes_m[0]].sort_values("rank", kind="stable")
    people = pd.to_numeric(wet["people"]).astype("float64")
    weight = np.log10(10 + people.fillna(people.median() if people.notna().any() else 0.0).to_numpy(np.float64))
    places: list[Any] = []
    depths: list[Array] = []
    weights: list[float] = []
    for k, site_id in enumerate(wet["site_id"].astype(str)):
        depth = depth_with(site_id, levels) if len(places) < params.allocation_sites_max else None
        if depth is not None:
            places.append(wet.index[k])
            depths.append(np.minimum.accumulate(depth))
            weights.append(weight[k])
    facts: dict[str, Any] = {"sites_wet": len(wet), "sites_unknown": int(sites["depth_m"].isna().sum()),
                             "sites_helped": 0, "pumps_sent": 0, "pumps_left": int(depots.most.sum()),
                             "excess_before": 0.0, "excess_after": 0.0}  # fmt: skip
    rows: list[dict[str, Any]] = []
    if places and depots.most.sum():
        positions = sites.index.get_indexer(pd.Index(places))
        minutes, by_road = travel.minutes[:, positions], travel.by_road[:, positions]
        depth = np.array(depths)
        excess = np.maximum(depth - params.depth_classes_m[0], 0.0) * np.array(weights)[:, None]
        sent, chosen = _solved(excess, levels, depots, minutes, params)
        facts["excess_before"] = round(float(excess[:, 0].sum()), 6)
        facts["excess_after"] = round(float(excess[np.arange(len(places)), chosen].sum()), 6)
        for j, i in enumerate(positions.tolist()):
            site = sites.iloc[i]
            for d in np.flatnonzero(sent[:, j]):
                rows.append({
                    "allocation_id": f"{site['site_id']}/{depots.ids[d]}", "site_id": str(site["site_id"]),
                    "site_rank": int(site["rank"]), "name": site["name"], "depot_id": depots.ids[d],
                    "n_pumps": int(sent[d, j]), "n_crews": int(sent[d, j]),
                    "pump_m3_s": float(depots.pump_m3_s[d] * sent[d, j]), "travel_min": float(minutes[d, j]),
                    "travel_by": "road" if by_road[d, j] else "straight_line",
                    "depth_before_m": float(depth[j, 0]), "depth_after_m": float(depth[j, chosen[j]]),
                })  # fmt: skip
        facts |= {"sites_helped": int((sent.sum(axis=0) > 0).sum()), "pumps_sent": int(sent.sum()),
                  "pumps_left": int(depots.most.sum() - sent.sum())}  # fmt: skip
    return _told(rows, language), facts


def _solved(
    excess: Array, levels: Array, depots: Depots, minutes: Array, params: WaterloggingParams
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pumps sent (d, s) and the level reached (s,) of the plan that leaves the least."""
    n_d, n_s = minutes.shape
    n_l = levels.size
    n_sent, n = n_d * n_s, n_d * n_s + n_s * n_l
    near = minutes <= params.travel_max_min
    upper = np.where(near, np.minimum(depots.most, params.pumps_per_site)[:, None], 0).astype(np.float64)
    order = np.arange(n_sent, dtype=np.float64) / max(n_sent, 1)
    cost = np.concatenate([_TRAVEL * (np.where(near, minutes, 0.0).ravel() + 1e-3 * (1 + order)), excess.ravel()])
    rules = lil_array((3 * n_s + n_d, n))
    low, high = np.full(3 * n_s + n_d, -np.inf), np.zeros(3 * n_s + n_d)
    for s in range(n_s):
        steps = slice(n_sent + s * n_l, n_sent + (s + 1) * n_l)
        rules[s, steps] = 1.0  # one level a site
        low[s] = high[s] = 1.0
        rules[n_s + s, steps] = levels  # no more than what is sent
        rules[[n_s + s], s:n_sent:n_s] = -depots.pump_m3_s[None]
        high[n_s + s] = 10.0**-_ROUND
        rules[[2 * n_s + s], s:n_sent:n_s] = 1.0
        high[2 * n_s + s] = params.pumps_per_site
    for d in range(n_d):
        rules[3 * n_s + d, d * n_s : (d + 1) * n_s] = 1.0
        high[3 * n_s + d] = depots.most[d]
    found = milp(
        cost, integrality=np.ones(n), bounds=Bounds(0, np.concatenate([upper.ravel(), np.ones(n_s * n_l)])),
        constraints=LinearConstraint(rules.tocsr(), low, high), options={"mip_rel_gap": 0.0},
    )  # fmt: skip
    if found.x is None:
        what = f"the allocation of pumps was not solved: {found.message}"
        raise DataError(what, where="waterlogging allocation", fix="lower waterlogging.allocation_sites_max")
    whole = np.round(found.x).astype(np.int64)
    return whole[:n_sent].reshape(n_d, n_s), whole[n_sent:].reshape(n_s, n_l).argmax(axis=1)


def _told(rows: list[dict[str, Any]], language: str) -> pd.DataFrame:
    columns = ["allocation_id", "site_id", "site_rank", "name", "depot_id", "n_pumps", "n_crews", "pump_m3_s",
               "travel_min", "travel_by", "depth_before_m", "depth_after_m"]  # fmt: skip
    frame: Any = pd.DataFrame(rows, columns=columns).sort_values(["site_rank", "depot_id"], kind="stable")
    frame = frame.reset_index(drop=True)
    said = [
        tuple(
            _REASON[k].format(n=r["n_pumps"], each=r["pump_m3_s"] / r["n_pumps"], depot=r["depot_id"],
                              minutes=r["travel_min"], way=_WAYS[r["travel_by"]][k], before=r["depth_before_m"],
                              after=r["depth_after_m"])
            for k in (0, 1)
        )
        for r in frame.to_dict("records")
    ]  # fmt: skip
    made: pd.DataFrame = conform(
        with_reasons(frame, lambda k: [pair[int(k == "zh")] for pair in said], language), "waterlogging_allocation"
    )
    return made
