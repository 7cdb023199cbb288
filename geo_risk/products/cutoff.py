"""Which settlements lose every road to a shelter when exposed sections and bridges fail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.core.schemas import conform
from geo_risk.exposure.network import RoadNetwork, is_connected, single_failures
from geo_risk.products.wording import joined, say, with_reasons

_ORDER = {"high": 0, "medium": 1, "unknown": 2, "low": 3}
"""Of the list: an unknown one stands before low."""


def cut_off_risk(
    network: RoadNetwork,
    homes: NDArray[np.int64],
    goals: NDArray[np.int64],
    is_unknown: NDArray[np.bool_] | None = None,
) -> pd.DataFrame:
    """Return for each settlement whether it loses every road to every usable shelter, and by what.

    Parameters
    ----------
    network : with exposed shares and bridges. homes, goals : node of each settlement and shelter, -1 off the network.
    is_unknown : edges of which nobody knows whether water closes them; None: there are none.

    Returns
    -------
    DataFrame with `risk`: "high": when the exposed sections fail; "medium": when also some one bridge does (`bridges`
        names each of them, comma between; `bridge` the first); "low": when also all bridges do; "none": not even then;
        "unknown": off the network or without a way to begin with, or "low" or "none" but for edges that are unknown.
    """
    edges = network.edges
    safe = edges["exposed_share"].to_numpy(dtype=np.float64) <= 0
    has_bridge = (edges["bridge_id"].fillna("") != "").to_numpy(dtype=bool)
    begins = is_connected(network, np.ones(len(edges), dtype=bool), homes, goals)
    without_exposed = is_connected(network, safe, homes, goals)
    without_bridges = is_connected(network, safe & ~has_bridge, homes, goals)
    risk = np.select([~begins, ~without_exposed, ~without_bridges], ["unknown", "high", "low"], default="none").astype(
        object
    )
    names = np.full(len(risk), None, dtype=object)
    if (risk == "low").any():
        for i, bridges in single_failures(network, safe, homes, goals).bridges.items():
            if risk[i] == "low":
                risk[i], names[i] = "medium", bridges
    if is_unknown is not None and is_unknown.any():
        lasts = is_connected(network, safe & ~is_unknown, homes, goals)
        risk[np.isin(risk, ("low", "none")) & ~lasts] = "unknown"
    return pd.DataFrame(
        {"risk": risk, "bridge": [None if b is None else b[0] for b in names],
         "bridges": [None if b is None else ",".join(b) for b in names]}
    )  # fmt: skip


def cut_off_list(
    settlements: gpd.GeoDataFrame, found: pd.DataFrame, leaving: pd.Series[float], *, language: str
) -> gpd.GeoDataFrame:
    """Return the settlements that may be cut off: whom to give satellite phones and stocks.

    Parameters
    ----------
    settlements : all, with settlement_id, people, vulnerable_people and, where known, name, township, responsible.
    found : of `cut_off_risk`, row by row of them. leaving : people who must leave, by settlement_id; NaN unknown.

    Returns
    -------
    GeoDataFrame `cut_off`: those of any risk but none; the gravest first, then the most who stay, then by id.
    """
    rows = settlements.assign(cut_off_risk=found["risk"].to_numpy(), bridge_ids=found["bridges"].to_numpy(),
                              bridge=found["bridge"].to_numpy())  # fmt: skip
    out = rows[rows["cut_off_risk"] != "none"].copy()
    people = out["people"].astype("float64")
    goes = out["settlement_id"].map(leaving.to_dict()).astype("float64")
    listed = out["settlement_id"].isin(leaving.index)
    out["people_leaving"] = goes.where(listed, 0.0)
    stays = (people - out["people_leaving"]).clip(lower=0)
    out["people_staying"] = stays
    order = pd.DataFrame({"grave": out["cut_off_risk"].map(_ORDER), "many": -stays.fillna(np.inf),
                          "id": out["settlement_id"].astype(str)}).sort_values(["grave", "many", "id"])  # fmt: skip
    out = out.loc[order.index].reset_index(drop=True)
    out["rank"] = np.arange(1, len(out) + 1)

    def said(spoken: str) -> list[str]:
        return [_why(row, spoken) for row in out.to_dict("records")]

    return conform(with_reasons(out, said, language), "cut_off")


def _why(row: Mapping[str, Any], language: str) -> str:
    risk = str(row["cut_off_risk"])
    parts = [say(f"cut_{risk}", language, bridge=str(row["bridge_ids"] or "").replace(",", ", "))]
    if pd.isna(row["people"]):
        parts.append(say("cut_people_unknown", language))
    elif pd.isna(row["people_leaving"]):
        parts.append(say("cut_leaving_unknown", language, people=row["people"]))
    else:
        parts.append(say("cut_people", language, people=row["people"], stay=row["people_staying"],
                         leave=row["people_leaving"]))  # fmt: skip
    return joined(parts, language)
