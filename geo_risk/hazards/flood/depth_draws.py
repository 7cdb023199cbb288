"""Depths of sites that the errors of terrain, curve numbers and storm leave possible, by replay of their ponds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geo_risk.hazards.flood.params import SiteParams
from geo_risk.hazards.flood.pond import Pond, replay
from geo_risk.hazards.flood.responses import corrected

Array = NDArray[np.float64]


def depth_draws(responses: pd.DataFrame, ponds: dict[str, Pond], params: SiteParams) -> Array:
    """Draw depths of every site in the storm.

    In each draw the rain's error multiplies the inflow of all sites alike, that of curve numbers the inflow of each
    site by itself (both lognormal, `storm_error` and `runoff_error`), and that of the DEM moves each depth (normal,
    `model_error_m`; `report_error_m` where depths reported in past storms have moved the site already). Sites without
    a pond change as the normal depth of a wide flow does, inflow^0.6 (Manning).

    Parameters
    ----------
    responses : as `responses.responses` returns them. ponds : of the same run, by site_id.
    params : the errors, n_draws, seed.

    Returns
    -------
    (site, draw) [m], >= 0; NaN where the depth is unknown. A site's draws do not depend on which others there are.
    """
    storm = np.exp(params.storm_error * _rng("", params.seed).standard_normal(params.n_draws))
    rows = [_of_site(row, ponds.get(str(row["site_id"])), storm, params) for row in responses.to_dict("records")]
    return np.array(rows, dtype=np.float64).reshape(len(responses), params.n_draws)


def _of_site(row: Mapping[Any, Any], pond: Pond | None, storm: Array, params: SiteParams) -> Array:
    rng = _rng(str(row["site_id"]), params.seed)
    inflow = storm * np.exp(params.runoff_error * rng.standard_normal(params.n_draws))
    is_reported = abs(float(row["correction_m"])) > 0 or float(row["share"]) < 1
    error = (params.report_error_m if is_reported else params.model_error_m) * rng.standard_normal(params.n_draws)
    depth = float(row["depth_model_m"])
    if pond is None:
        made = depth * inflow**0.6
    else:
        real = float(row["capacity_m3_s"] * row["share"])
        made = np.maximum(depth + replay(pond, real, inflow_share=inflow) - float(replay(pond, real)), 0.0)
    return corrected(made, float(row["correction_m"]) + error)


def _rng(site_id: str, seed: int) -> np.random.Generator:
    """Return the generator of a site: its numbers stay the same whatever other sites there are."""
    key = int.from_bytes(hashlib.sha256(site_id.encode("utf-8")).digest()[:8], "big")
    return np.random.default_rng([seed, key])
