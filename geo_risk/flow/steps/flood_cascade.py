"""Step of the town's cascade: which hollow fills next, into which it spills, and where storage would help most."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geo_risk.flow.steps.flood_town_opened import opened_storm, storm_reads

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from geo_risk.flow.plan import Plan
    from geo_risk.hazards.flood.params import SiteParams, TownFlowParams
    from geo_risk.hazards.flood.runoff_params import RunoffParams
    from geo_risk.hazards.flood.sites import Town
    from geo_risk.hazards.flood.town import Surface
    from geo_risk.kernels.flow_input import RainFields

_STEPS = 12
"""Steps of an hour."""


def cascade(plan: Plan) -> None:
    """Add the step that writes pond_cascade."""
    params = plan.cfg.flood
    plan.add(
        "flood.cascade", write_cascade,
        reads=storm_reads(plan),
        optional={"findings": plan.frame("town_findings")},
        writes={"out": plan.frame("pond_cascade"), "facts": plan.facts("flood_cascade")},
        params=params.town, runoff=params.runoff, sites=params.sites, language=plan.cfg.language,
    )  # fmt: skip


def write_cascade(
    *,
    findings: Path | None,
    out: Path,
    facts: Path,
    params: TownFlowParams,
    runoff: RunoffParams,
    sites: SiteParams,
    language: str,
    **town: Path,
) -> None:
    """Write the hollows of the town in the order in which they spill."""
    from geo_risk.hazards.flood.cascade import storage_value, timed_cascade
    from geo_risk.products.pond_cascade import cascade_facts, pond_cascade
    from geo_risk.publish.frames import write_frame, write_json

    storm = opened_storm(town, findings, params=params, runoff=runoff, sites=sites)
    ground, places = storm.ground, storm.places
    inputs = _inputs(storm.runoff_mm_h, ground, storm.surface)
    capacity = ground.found.depth_sum * ground.grid.cell_area_m2
    given: dict[str, Any] = {"step_s": 3600.0 / _STEPS, "drain_m3_s": _drains(storm.devices, ground, storm.share)}
    run = timed_cascade(inputs, capacity, ground.found.below - 1, **given)
    worth = storage_value(inputs, capacity, ground.found.below - 1, watched=_watched(places, ground), **given)
    frame = _frame(ground, places).assign(
        volume_m3=capacity, catchment_m2=ground.found.catchment_cells * ground.grid.cell_area_m2,
        fill_share=(run.stored_max_m3 / capacity).clip(max=1.0), first_spill_h=run.first_spill_h,
        spilled_m3=run.spilled_m3, added_m3=worth.added_m3, saved_m3=worth.saved_m3,
    )  # fmt: skip
    # what is full is full whatever fell in the hours that are missing; what is not may be
    lacks = storm.missing()[0].ravel()[ground.found.bottom]
    frame["fill_share"] = frame["fill_share"].mask(lacks & frame["first_spill_h"].isna().to_numpy())
    made = pond_cascade(frame, language=language)
    write_frame(made, out)
    write_json(cascade_facts(made, lets_in=params.boundary == "county"), facts)


def _inputs(net: RainFields, ground: Town, surface: Surface) -> NDArray[np.float64]:
    """Water that comes down to each hollow in each step [m3], (t, n); area drains take theirs first."""
    import numpy as np

    n = ground.found.level.size
    catchment = ground.found.catchment.ravel()
    taken = 0.0 if surface.drained_mm_h is None else surface.drained_mm_h
    hours = []
    for k in range(len(net)):
        depth = np.nan_to_num(net.field(k), nan=0.0)
        water = np.maximum(depth - taken, 0.0).ravel() * ground.grid.cell_area_m2 / 1000
        hours.append(np.bincount(catchment, weights=water, minlength=n + 1)[1:])
    return np.repeat(np.array(hours).reshape(len(hours), n) / _STEPS, _STEPS, axis=0)


def _drains(devices: Any, ground: Town, share: Any) -> NDArray[np.float64]:
    """What drains and pumps take from each hollow [m3/s]."""
    import numpy as np

    from geo_risk.hazards.flood.devices import sink_grid

    sinks = sink_grid(devices, ground.grid.shape, share).ravel()
    n = ground.found.level.size
    return np.asarray(np.bincount(ground.found.labels.ravel(), weights=sinks, minlength=n + 1)[1:], dtype=np.float64)


def _watched(places: Any, ground: Town) -> NDArray[np.bool_]:
    """Whether a site lies in each hollow."""
    import numpy as np

    labels = places["label"].to_numpy(np.int64)
    return np.isin(np.arange(1, ground.found.level.size + 1), labels[labels > 0])


def _frame(ground: Town, places: Any) -> Any:
    """Return hollows as points at their lowest cells, with the sites in them and what they spill into."""
    import geopandas as gpd
    import numpy as np
    import pandas as pd

    rows, columns = np.divmod(ground.found.bottom, ground.grid.shape[1])
    coords = ground.grid.coords()
    ids = [f"PD-{r:04d}-{c:04d}" for r, c in zip(rows, columns, strict=True)]
    by_label = places[places["label"] > 0].groupby("label")
    site_ids = by_label["site_id"].agg(lambda v: ", ".join(sorted(map(str, v))))
    names = by_label["name"].agg(lambda v: ", ".join(sorted({str(t) for t in v.dropna()})))
    labels = pd.RangeIndex(1, len(ids) + 1)
    below = [ids[k - 1] if k > 0 else pd.NA for k in ground.found.below]
    named = names.reindex(labels)
    return gpd.GeoDataFrame(
        {"pond_id": ids, "site_ids": site_ids.reindex(labels).to_numpy(),
         "name": named.where(named != "").to_numpy(), "spills_into": below},
        geometry=gpd.points_from_xy(coords["x"][columns], coords["y"][rows]), crs=ground.grid.crs,
    )  # fmt: skip
