"""Step of the waterlogging list: it only ranks; the water itself was run by the flood steps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.flood_entrances import sill_check
from geo_risk.flow.steps.waterlogging_allocation import pump_allocation
from geo_risk.flow.steps.waterlogging_verification import site_verification

if TYPE_CHECKING:
    from geo_risk.flow.plan import Plan
    from geo_risk.products.waterlogging_params import WaterloggingParams

TOLD = ("town_rain", "town_stages", "town_answers", "town_sinking")
"""Tables by site that are told on the list where they are there."""


def waterlogging(plan: Plan) -> None:
    """Add the step that writes the frames waterlogging and ponding."""
    plan.add(
        "waterlogging", write_waterlogging,
        reads={
            "town_sites": plan.frame("town_sites"), "town_ponds": plan.frame("town_ponds"),
            "town_devices": plan.frame("town_devices"), "town_labels": plan.layer("town_labels"),
            "town_depth": plan.layer("town_depth"), "town_built": plan.layer("town_built"),
        },
        optional={**{n: plan.frame(n) for n in TOLD}, "town_draws": plan.cube("town_draws"),
                  "town_drained": plan.layer("town_drained"), "town_past": plan.frame("town_past"),
                  "storm": plan.facts("flood_town")},
        writes={"waterlogging": plan.frame("waterlogging"), "ponding": plan.frame("ponding"),
                "owners": plan.frame("waterlogging_owners"),
                "facts": plan.facts("waterlogging")},
        params=plan.cfg.waterlogging, local_m=plan.cfg.flood.sites.local_m, newest=_newest_day(plan),
        language=plan.cfg.language,
    )  # fmt: skip
    sill_check(plan)
    site_verification(plan)
    pump_allocation(plan)


def write_waterlogging(
    *,
    town_sites: Path,
    town_ponds: Path,
    town_devices: Path,
    town_labels: Path,
    town_depth: Path,
    town_built: Path,
    town_rain: Path | None,
    town_stages: Path | None,
    town_answers: Path | None,
    town_sinking: Path | None,
    town_draws: Path | None,
    town_drained: Path | None,
    town_past: Path | None,
    storm: Path | None,
    waterlogging: Path,
    ponding: Path,
    owners: Path,
    facts: Path,
    params: WaterloggingParams,
    local_m: float,
    newest: str | None,
    language: str,
) -> None:
    """Write the ranked list and the ponds."""
    from geo_risk.core.grid import grid_of
    from geo_risk.hazards.flood.sites import OWNER_COLUMNS
    from geo_risk.products import ponding as water
    from geo_risk.products.ownership import owner_counts, owner_gaps, ownership, read_date
    from geo_risk.products.waterlogging import Told, rank_sites
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.layers import open_layer, read_frame

    sites, depth = read_frame(town_sites), open_layer(town_depth)
    grid = grid_of(depth)
    share = water.surroundings_share(sites, open_layer(town_built).to_numpy(), grid, radius_m=local_m)
    known = {c for c in OWNER_COLUMNS if sites[c].notna().any()}
    day = read_date(params.owner_date or newest or _last_day(storm))
    sites["owner_gaps"] = owner_gaps(sites, known=known, on=day, params=params)
    sites["reports_unused"] = _unused_reports(town_past, sites)
    tables = [read_frame(p) for p in (town_rain, town_stages, town_answers, town_sinking) if p is not None]
    told = Told(share, tables, _draws(town_draws), grid.resolution_m, _drained(town_drained, sites))
    ranked = rank_sites(sites, read_frame(town_ponds), read_frame(town_devices), params=params,
                                local_m=local_m, told=told,
                        language=language)  # fmt: skip
    labels = sites.set_index("site_id")["label"]
    shapes = water.ponding(ranked, open_layer(town_labels).to_numpy(), labels, depth.to_numpy(), grid, params)
    write_frame(ranked, waterlogging)
    write_frame(shapes, ponding)
    write_frame(ownership(ranked, language=language), owners)
    told_of_owners = _owner_notes(ranked, known, day)
    found = _facts(ranked, len(sites))
    counts = found["counts"] | owner_counts(ranked["owner_gaps"])
    write_json(found | {"notes": [*found["notes"], *told_of_owners], "counts": counts}, facts)


def _drained(path: Path | None, sites: Any) -> Any:
    """Return what drains known by their area take at each site [mm/h]; None where there are none."""
    import numpy as np

    from geo_risk.sources.layers import open_layer

    if path is None:
        return None
    rate, cells = open_layer(path).to_numpy().ravel().astype(np.float64), sites["cell"].to_numpy(np.int64)
    return np.where(cells >= 0, rate[np.maximum(cells, 0)], 0.0)


def _unused_reports(path: Path | None, sites: Any) -> Any:
    """Return how many past reports of each site say nothing of its drains: the water of their storm is not known."""
    from geo_risk.sources.layers import read_frame

    if path is None:
        return 0
    past = read_frame(path)
    lost = past.loc[past["modelled_m"].isna(), "site_id"].astype(str).value_counts()
    return sites["site_id"].astype(str).map(lost).fillna(0).astype("int64")


def _newest_day(plan: Plan) -> str | None:
    """Return the day of the newest forecast in China; None where there is none."""
    from datetime import timedelta, timezone

    issued = [f.issued for f in plan.cfg.inputs.rainfall.forecast]
    return max(issued).astimezone(timezone(timedelta(hours=8))).date().isoformat() if issued else None


def _last_day(storm: Path | None) -> str | None:
    """Return the day in China on which the town's run of a storm ended; None without a storm."""
    from datetime import datetime, timedelta

    from geo_risk.sources.layers import read_json

    if storm is None:
        return None
    return (datetime.fromisoformat(read_json(storm)["period"]["end"]) + timedelta(hours=8)).date().isoformat()


def _owner_notes(ranked: Any, known: set[str], day: Any) -> list[dict[str, str]]:
    """Return what the report says of owners; no person is named."""
    from geo_risk.hazards.flood.sites import OWNER_COLUMNS
    from geo_risk.products.ownership import COMPLETE
    from geo_risk.products.wording import note

    zh = {"unit": "责任单位", "responsible": "责任人", "deputy": "备岗责任人", "valid_until": "责任期限"}
    lacking = [c for c in OWNER_COLUMNS if c not in known]
    notes = []
    if lacking:
        notes.append(note("warning", f"The ledger of waterlogging sites says nothing of: {', '.join(lacking)}.",
                          f"内涝点台账未填：{'、'.join(zh[c] for c in lacking)}。"))  # fmt: skip
    gaps = int((~ranked["owner_gaps"].isin(COMPLETE)).sum())
    if gaps:
        notes.append(note("warning", f"{gaps} of {len(ranked)} listed sites have no complete owner: see "
                          "waterlogging_owners.",
                          f"清单 {len(ranked)} 处点位中 {gaps} 处责任不全：见责任核查清单。"))  # fmt: skip
    if "valid_until" in known and day is None:
        notes.append(note("warning", "The expiry of responsibilities was not judged: give waterlogging.owner_date.",
                          "责任期限未核对：请给出 waterlogging.owner_date。"))  # fmt: skip
    return notes


def _draws(path: Path | None) -> Any:
    """Return the draws of depths, a row a site named by its id; None where there are none."""
    import pandas as pd
    import xarray as xr

    if path is None:
        return None
    with xr.open_dataset(path, engine="h5netcdf") as file:
        data = file.load()
    return pd.DataFrame(data["depth_m"].to_numpy(), index=data["site_id"].to_numpy().astype(str))


def _facts(ranked: Any, n_sites: int) -> dict[str, Any]:
    from geo_risk.products.wording import note

    deep = ranked[ranked["depth_class"] > 0]
    unknown = int((ranked["depth_class"] < 0).sum())
    notes = [note(
        "info",
        f"{len(deep)} of {len(ranked)} listed sites stand under water; {n_sites - len(ranked)} detected "
        "places stay below the first depth class and are not listed.",
        f"清单 {len(ranked)} 处点位中 {len(deep)} 处积水；"
        f"另有 {n_sites - len(ranked)} 处洼地未达到最低水深等级，未列入。",
    )]  # fmt: skip
    if unknown:
        notes.append(note("warning", f"The depth of {unknown} sites is unknown: it is not known that they stay dry.",
                          f"{unknown} 处点位水深未知：不等于无积水。"))  # fmt: skip
    counts = {"listed": len(ranked), "flooded": len(deep), "unknown": unknown,
              **{f"cause_{k}": int(v) for k, v in deep["cause"].value_counts().items()}}  # fmt: skip
    methods = [{
        "name": "Waterlogging list",
        "citation": "weights, classes and rules are parameters, printed with the list",
        "validity": "depth first, then people, traffic and duration; causes by counterfactual replay of each pond",
    }]  # fmt: skip
    return {"notes": notes, "counts": counts, "quarantine": [], "methods": methods}
