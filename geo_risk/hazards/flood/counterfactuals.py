"""What else would have happened at a site in the storm: volumes by cause, and what would keep it below a depth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.hazards.flood.params import SiteParams
from geo_risk.hazards.flood.pond import Pond, replay

MOST_M3_S = 20.0
"""Largest capacity that is looked for; a site that needs more needs another remedy."""

COLUMNS = (
    "ponded_m3", "drain_saves_m3", "drain_saves_share", "blockage_adds_m3", "blockage_adds_share", "upstream_adds_m3",
    "upstream_adds_share", "pump_would_save_m3", "pump_would_save_share", "drain_needed_m3_s", "pump_m3_s_needed",
    "hold_back_m3",
)  # fmt: skip


def counterfactuals(
    responses: pd.DataFrame, ponds: dict[str, Pond], *, bound_m: float, params: SiteParams
) -> pd.DataFrame:
    """Greatest volume of each site's pond in the storm, and what other drains, inflow or a pump change of it.

    All by replay of the pond (`pond.replay`), so the answers hold for one pond at a time; above the recorded level of
    its rim they are bounds.

    Parameters
    ----------
    responses : as `responses.responses` returns them. ponds : of the same run, by site_id.
    bound_m : first depth class. params : pump_added_m3_s.

    Returns
    -------
    site_id and, missing where the site has no pond, or its depth is unknown or `depth_bound` says at_least; of
    a pond that was rising when the run ended, or lacks water from outside, they are those of the water that was run:
    ponded_m3 : greatest volume with the devices as they are.
    drain_saves_m3, _share : what the devices keep away, and its share of the volume without any (no drain).
    blockage_adds_m3, _share : what comes of devices that give less than their capacity, of ponded_m3 (drain blocked).
    upstream_adds_m3, _share : what comes of water from upstream (upstream cut).
    pump_would_save_m3, _share : what a pump of pump_added_m3_s would keep away (pump added).
    drain_needed_m3_s : capacity in all that keeps the water below bound_m; 0 where it stays below without any.
    pump_m3_s_needed : of it, what a pump must give beside the devices as they are.
    hold_back_m3 : water to hold back upstream that does the same.
    """
    rows = []
    for row in responses.to_dict("records"):
        pond = ponds.get(str(row["site_id"]))
        # a pond under rain that is missing holds less than it may
        is_known = np.isfinite(row["depth_m"]) and row.get("depth_bound") != "at_least"
        values = _answers(pond, row, bound_m, params) if pond is not None and is_known else {}
        rows.append({"site_id": str(row["site_id"]), **values})
    return pd.DataFrame(rows, columns=["site_id", *COLUMNS]).astype(dict.fromkeys(COLUMNS, "float64"))


def _answers(pond: Pond, row: Mapping[Any, Any], bound_m: float, params: SiteParams) -> dict[str, float]:
    real = float(row["capacity_m3_s"] * row["share"])
    base = float(replay(pond, real))

    def volume(capacity: float, inflow: float = 1.0) -> float:
        return float(pond.volume(replay(pond, capacity, inflow_share=inflow)))

    def depth(capacity: float, inflow: float = 1.0) -> float:
        """Depth, in proportion to that of the list as the replay says; where that is dry, no proportion is known."""
        made, told = float(replay(pond, capacity, inflow_share=inflow)), float(row["depth_m"])
        return made * told / base if base >= DRY_M else max(made, told)

    now, without = volume(real), volume(0.0)
    # rounding may make a difference of equal volumes negative in the last digit
    saves = max(without - now, 0.0)
    adds = {
        "blockage_adds": max(now - volume(float(row["capacity_m3_s"])), 0.0),
        "upstream_adds": max(now - volume(real, float(row["local_share"])), 0.0),
        "pump_would_save": max(now - volume(real + params.pump_added_m3_s), 0.0),
    }
    needed = _least(lambda c: depth(c) < bound_m, MOST_M3_S)
    kept = _least(lambda cut: depth(real, 1.0 - cut) < bound_m, 1.0)
    come = float(np.maximum(pond.inflow_m3, 0.0).sum())
    return {
        "ponded_m3": now,
        "drain_saves_m3": saves,
        "drain_saves_share": saves / without if without > 0 else 0.0,
        **{f"{k}_m3": v for k, v in adds.items()},
        **{f"{k}_share": v / now if now > 0 else 0.0 for k, v in adds.items()},
        "drain_needed_m3_s": needed,
        "pump_m3_s_needed": max(needed - real, 0.0),
        "hold_back_m3": kept * come,
    }


DRY_M = 0.01
"""Ponds that the replay leaves shallower than this are dry."""


def depths_with_pumps(pond: Pond, row: Mapping[Any, Any], added_m3_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Depth of a site with pumps added to what its devices really take, (n,) [m].

    Parameters
    ----------
    pond : of the storm. row : of the site, as `responses.responses` returns it. added_m3_s : (n,) [m3/s], >= 0.
    """
    real = float(row["capacity_m3_s"] * row["share"])
    base, depth = float(replay(pond, real)), float(row["depth_m"])
    made = replay(pond, real + np.asarray(added_m3_s, np.float64))
    return np.asarray(made * depth / base if base >= DRY_M else np.maximum(made, depth))


def _least(is_enough: Any, most: float) -> float:
    """Least number in [0, most] that is enough, by bisection to a millionth of `most`; NaN where none is."""
    if is_enough(0.0):
        return 0.0
    if not is_enough(most):
        return float("nan")
    low, high = 0.0, most
    for _ in range(24):
        middle = (low + high) / 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
