"""Step of what else would have happened at each site in the storm, and of the depths that errors leave possible."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.flood.params import SiteParams
    from geo_risk.kernels.inertial import Record


def site_answers(plan: Plan) -> None:
    """Add the step that writes town_answers and town_draws; it replays ponds and runs nothing."""
    plan.add(
        "flood.answers", write_answers,
        reads={"record": plan.cube("town_record"), "town_dem": plan.layer("town_dem"),
               **{n: plan.frame(n) for n in ("town_sites", "town_devices", "town_ponds")}},
        writes={"answers": plan.frame("town_answers"), "draws": plan.cube("town_draws"),
                "facts": plan.facts("flood_answers")},
        sites=plan.cfg.flood.sites, first_class_m=plan.cfg.waterlogging.depth_classes_m[0],
    )  # fmt: skip


def record_dataset(record: Record | None) -> xr.Dataset:
    """Return the record of a run as a dataset.

    Raises
    ------
    ValueError : the run recorded nothing.
    """
    import xarray as xr

    if record is None:
        msg = "the run recorded no cells"
        raise ValueError(msg)
    return xr.Dataset({"time_s": ("step", record.time_s), "depth_m": (("step", "followed"), record.depth_m),
                       "drained_m3": (("step", "followed"), record.drained_m3)})  # fmt: skip


def read_record(path: Path) -> Record:
    """Return a record that `record_dataset` kept."""
    import xarray as xr

    from geo_risk.kernels.inertial import Record

    with xr.open_dataset(path, engine="h5netcdf", decode_timedelta=False, decode_times=False) as file:
        data = file.load()
    return Record(*(data[n].to_numpy() for n in ("time_s", "depth_m", "drained_m3")))


def write_answers(
    *,
    record: Path,
    town_dem: Path,
    town_sites: Path,
    town_devices: Path,
    town_ponds: Path,
    answers: Path,
    draws: Path,
    facts: Path,
    sites: SiteParams,
    first_class_m: float,
) -> None:
    """Write the counterfactual volumes of every site, and the draws of its depth."""
    import xarray as xr

    from geo_risk.core.grid import grid_of
    from geo_risk.hazards.flood.counterfactuals import counterfactuals
    from geo_risk.hazards.flood.depth_draws import depth_draws
    from geo_risk.hazards.flood.responses import ponds_of_record
    from geo_risk.hazards.flood.sites import town_ground
    from geo_risk.publish.dataset import write_dataset
    from geo_risk.publish.frames import write_frame, write_json
    from geo_risk.sources.layers import open_layer, read_frame

    height = open_layer(town_dem)
    ground = town_ground(grid_of(height), height.to_numpy(), sites)
    places, devices, table = (read_frame(p) for p in (town_sites, town_devices, town_ponds))
    ponds = ponds_of_record(read_record(record), places, devices, ground)
    write_frame(counterfactuals(table, ponds, bound_m=first_class_m, params=sites), answers)
    drawn = depth_draws(table, ponds, sites)
    write_dataset(
        xr.Dataset(
            {"depth_m": (("site", "draw"), drawn), "site_id": ("site", table["site_id"].astype(str).to_numpy())}
        ),
        draws,
    )
    methods: list[dict[str, Any]] = [{
        "name": "Counterfactuals and stability of ranks",
        "citation": "replay of each pond with other drains, inflow or a pump; lognormal errors of rain and runoff, "
                    "normal errors of depth",
        "validity": "one pond at a time: what one keeps away from the next below is not counted",
    }]  # fmt: skip
    counts = {"draws": sites.n_draws, "ponds": len(ponds)}
    write_json({"notes": [], "counts": counts, "quarantine": [], "methods": methods}, facts)
