"""The frame `exposure`: who and what is threatened in each zone and township, and how the sums add up.

Rows: `total` (all that was given) = `all_zones` (in any risk zone, each house once) + `outside_zones`; `all_zones` is
the sum of the townships and of what lies in none. Zones may overlap one another: their rows do not add up.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from geo_risk.core.grid import grid_of
from geo_risk.core.levels import Level
from geo_risk.core.schemas import conform
from geo_risk.exposure.params import STRUCTURES
from geo_risk.exposure.places import Places, divided, union_parts
from geo_risk.exposure.zonal import cell_coverage
from geo_risk.products.danger import zone_grades
from geo_risk.products.exposure_sums import ALL, Surveyed, house_columns, residents_by_day, whole_rows
from geo_risk.products.exposure_words import exposure_reasons
from geo_risk.products.multi_hazard import combined_levels, risks_by_hazard
from geo_risk.products.params import RiskParams
from geo_risk.products.townships import township_ids, township_names
from geo_risk.products.zone_exposure import Exposed, exposure_of_places, facility_sums, share_sums

NO_TOWNSHIP = "no_township"
"""Id of the row of threatened ground in no township."""


def exposure_table(exposed: Exposed, survey: Surveyed, params: RiskParams, *, language: str = "zh") -> pd.DataFrame:
    """Return the frame `exposure`, totals first, then townships, then the zones in their order.

    Parameters
    ----------
    exposed : who and what can be harmed. survey : where, and what else is known.
    params, language : rules, and "zh" or "en" for the reasons.

    Returns
    -------
    Conforms to the schema. A sum that holds an unknown is missing; beside people stand people_low and people_high.

    Raises
    ------
    CrsError, GridError : parts of it do not fit together.
    """
    zones = survey.zones
    union = union_parts(zones)
    every = Places(union, np.zeros(len(union), dtype=np.int64), 1)
    places, heads = every, [{"place_id": ALL, "place_kind": ALL}]
    if survey.townships is not None and len(survey.townships):
        inside, rest = divided(union, survey.townships)
        has_rest = bool(len(rest.parts))
        places = every.joined(inside, rest) if has_rest else every.joined(inside)
        names = zip(township_ids(survey.townships), township_names(survey.townships), strict=True)
        heads += [{"place_id": f"T-{i}", "place_kind": "township", "name": n} for i, n in names]
        heads += [{"place_id": NO_TOWNSHIP, "place_kind": "township"}] if has_rest else []
    n_other = places.n
    places = places.joined(Places.of(zones))
    heads += [{"place_id": z, "place_kind": "zone"} for z in zones["zone_id"].astype(str)]
    rows = pd.DataFrame(heads).join(_sums(places, exposed, survey, params))
    rows = rows.join(_hazards(places, zones, survey, params))
    own = np.arange(n_other, len(rows))
    rows.loc[own, "hazard_kind"] = zones["kind"].astype(str).to_numpy()
    rows.loc[own, "risk_level"] = zones["risk_level"].to_numpy(dtype=np.int8)
    whole = whole_rows(every, rows.iloc[0], exposed, survey, params.exposure)
    out = pd.concat([whole, rows.astype({"hazard_kind": object})], ignore_index=True)
    out["danger_grade"] = zone_grades(out, params).where(out["place_kind"] == "zone", "not_graded")
    for column, toward in (("people_low", np.floor), ("people_high", np.ceil)):
        out[column] = toward(out[column].astype("float64"))
    out["risk_level"] = out["risk_level"].fillna(Level.UNKNOWN).astype(np.int8)
    whole_numbers = {f"buildings_{s}": "Int64" for s in STRUCTURES}
    out = out.astype(whole_numbers)
    out["gaps"] = _gaps(out)
    out = exposure_reasons(out, params, language)
    out = out.assign(assets_known_cny=out["known_assets_cny"]).drop(columns=["known_assets_cny"])
    inner = ("known_facility_people", "known_buildings", "n_unknown_settlements")
    kept = [c for c in out.columns if c not in inner]
    made: pd.DataFrame = conform(out[kept], "exposure")
    return made


def _sums(places: Places, exposed: Exposed, survey: Surveyed, params: RiskParams) -> pd.DataFrame:
    """Return every sum of each place, by its position."""
    out = exposure_of_places(places, exposed)
    facilities = facility_sums(places, exposed.facilities, is_listed=exposed.is_listed)
    out["facility_names"] = facilities["facility_names"]
    houses = exposed.houses
    for column in ("vulnerable_people", "expected_people_yr", "expected_loss_cny_yr", "people_day",
                   *(f"buildings_{s}" for s in STRUCTURES)):  # fmt: skip
        out[column] = np.nan
    if houses is not None and len(houses):
        pairs = places.pairs(houses)
        out = out.assign(**house_columns(houses, pairs, places.n, survey.expected))
        at_home = residents_by_day(houses, params.exposure)
        if at_home is not None and exposed.facilities is not None and exposed.is_listed:
            out["people_day"] = np.round(share_sums(at_home, pairs, places.n) + facilities["day_people"].to_numpy())
    out["farmland_ha"] = np.nan if survey.farmland is None else farmland_ha(places, survey.farmland)
    return out


def farmland_ha(places: Places, farmland: xr.DataArray) -> NDArray[np.float64]:
    """Return the farmland of each place [ha] by coverage; NaN where the class of more than 1 % of it is unknown.

    Parameters
    ----------
    farmland : (y, x) 1 farmland, 0 other, NaN unknown; may be lazy.
    """
    grid = grid_of(farmland)
    coverage = cell_coverage(places.parts, grid)
    values = coverage.values(farmland.data).astype(np.float64)
    known = np.bincount(places.owner, weights=coverage.sums(np.isfinite(values)), minlength=places.n)
    whole = np.bincount(places.owner, weights=coverage.n_cells, minlength=places.n)
    cells = np.bincount(places.owner, weights=coverage.sums(np.nan_to_num(values)), minlength=places.n)
    return np.where(known >= 0.99 * whole, cells * grid.cell_area_m2 / 1e4, np.nan)


def _hazards(places: Places, zones: gpd.GeoDataFrame, survey: Surveyed, params: RiskParams) -> pd.DataFrame:
    """Return the risk of all hazards together in each place, and which are not known there."""
    risks, unknown = risks_by_hazard(places, zones, survey.levels, looked_at=survey.looked_at,
                                     min_known_share=params.min_known_share)  # fmt: skip
    found = combined_levels(risks, unknown)
    return pd.DataFrame({
        "risk_level": found["combined_level"].astype("float64"), "combined_risk_level": found["combined_level"],
        "known_risk_level": found["known_level"], "unknown_hazards": found["unknown_hazards"], "hazard_kind": None,
    })  # fmt: skip


def _gaps(rows: pd.DataFrame) -> list[str | None]:
    """Return what is not known of each row, as codes parted by commas."""
    strange = rows["buildings_unknown"].astype("float64")
    tests = {
        "people": rows["people"].isna(),
        "vulnerable": rows["vulnerable_people"].isna() & rows["people"].notna(),
        "day": rows["people_day"].isna(),
        "buildings": rows["buildings"].isna(),
        "structure": ~(strange == 0) & ((rows["buildings"] > 0) | rows["buildings"].isna()),
        "assets": rows["assets_cny"].isna(),
        "roads": rows["road_km"].isna(),
        "farmland": rows["farmland_ha"].isna(),
        "facilities": rows["facilities"].isna(),
        "facility_people": rows["facilities"].gt(0) & rows["facility_people"].isna(),
        "return_periods": rows["expected_people_yr"].isna(),
    }
    found = pd.DataFrame(tests)
    return [",".join(f"gap_{c}" for c in found.columns if row[c]) or None for row in found.to_dict("records")]
